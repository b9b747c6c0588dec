//! What tracing is told of a call.

use std::io::Write;
use std::sync::{Arc, Mutex};

use capsule_host::egress::{Canned, Expectation, Mock, Origin};
use capsule_host::runtime::{Host, HostOptions, Tenant};
use tracing_subscriber::fmt::format::FmtSpan;

use super::guests::{Errand, courier};

/// No other test's.
const TENANT: &str = "watched";

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_leaves_one_span_with_what_it_used_and_nothing_of_what_it_said() {
    let written = Written::default();
    let sink = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(move || sink.clone())
        .finish();
    // For the whole process: one for this thread alone would lose a span whose place in the code another test meets first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let api = "https://api.capsulecrm.com";
    let answer = Canned::text(200, "text/plain", "five!");
    let mock = Mock::in_order().expect(Expectation::post("/a").answer(answer));
    let tenant = Tenant::builder(TENANT)
        .grant(Origin::parse(api).unwrap())
        .upstream(Arc::new(mock))
        .build()
        .unwrap();
    let host = Host::new(HostOptions {
        slots: 2,
        ..HostOptions::default()
    })
    .unwrap();
    let guest = courier(&[Errand::post(&format!("{api}/a"), "abc")]);
    let connector = host.load(&guest).unwrap();
    connector
        .call(&tenant)
        .invoke("people.read", "the input")
        .await
        .unwrap();

    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(TENANT)).collect();
    assert_eq!(lines.len(), 1, "{text}");
    for part in [
        "tenant=\"watched\"",
        "operation=\"people.read\"",
        "requests=1",
        "bytes_out=3",
        "bytes_in=5",
        "cpu_ticks=",
        "outcome=\"done\"",
    ] {
        assert!(lines[0].contains(part), "{part}: {text}");
    }
    assert!(!text.contains("the input") && !text.contains("five!"));
}
