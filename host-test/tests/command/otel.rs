//! What an OpenTelemetry collector gets: spans of calls with what they used, requests below them, and no secret.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use capsule_host::egress::{ConnectionId, Credentials as _};
use capsule_host::store::{Store, VaultKey};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use super::store::{CALL, Kept};
use super::*;

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Collector {
    async fn new() -> (Self, String) {
        let collector = Self::default();
        let take = |State(kept): State<Self>, headers: HeaderMap, body: Bytes| async move {
            kept.0.lock().unwrap().push((headers, body));
        };
        let app = Router::new()
            .route("/v1/traces", post(take))
            .with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (collector, url)
    }

    fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        let kept = self.0.lock().unwrap();
        kept.iter()
            .map(|(_, body)| ExportTraceServiceRequest::decode(body.clone()).unwrap())
            .collect()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self
            .exports()
            .into_iter()
            .flat_map(|one| one.resource_spans);
        let scopes = resources.flat_map(|one| one.scope_spans);
        scopes.flat_map(|one| one.spans).collect()
    }

    /// The only span of an operation.
    fn call(&self, operation: &str) -> Span {
        let mut calls = self.spans();
        calls.retain(|span| attribute(&span.attributes, "operation") == operation);
        assert_eq!(calls.len(), 1, "{operation}: {calls:?}");
        calls.remove(0)
    }

    /// The only request of a call.
    fn request_of(&self, call: &Span) -> Span {
        let mut spans = self.spans();
        spans.retain(|span| span.name == "request" && span.parent_span_id == call.span_id);
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }
}

/// An attribute as text; empty: it is not there.
fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()?.value) {
        None => String::new(),
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{key}: {other:?}"),
    }
}

fn assert_has(span: &Span, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found = attribute(&span.attributes, key);
        assert_eq!(found, *value, "{key} of {span:?}");
    }
}

fn has_failed(span: &Span) -> bool {
    let status = span.status.as_ref();
    status.is_some_and(|status| status.code() == StatusCode::Error)
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
}

async fn secrets(kept: &Kept) -> Vec<String> {
    let folder = kept.folder.path().join("store");
    let key = VaultKey::from_file(&folder.join("key")).unwrap();
    let store = Store::open(&folder, key).unwrap();
    let stored = store.load(&ConnectionId::new("trial")).await;
    let stored = stored.unwrap().unwrap();
    let tokens = [stored.access_token, stored.refresh_token];
    let tokens = tokens.into_iter().map(Option::unwrap);
    tokens.map(|token| token.expose().to_owned()).collect()
}

#[tokio::test]
async fn a_collector_gets_each_call_with_its_requests_below_it_and_no_secret() {
    let now = i64::try_from(since_1970().as_secs()).unwrap();
    let served = Served::new(FakeOptions {
        strict_auth: true,
        clock: Clock::manual_at(now),
        ..FakeOptions::default()
    });
    let kept = Kept::of(served.await).await;
    let (collector, url) = Collector::new().await;
    let mut before = secrets(&kept).await;
    // The token is refused, and renewed in the middle of the call.
    kept.served
        .fake
        .clock()
        .advance(Duration::from_secs(30 * 24 * 3600));
    let store = kept.path("store");
    let called = command(&[&CALL[..], &["--store", &store]].concat())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-scope-orgid=lagoa,authorization=Bearer%20collect-71c0",
        )
        .output()
        .await;
    let called = Ended::new(called.unwrap());
    assert_eq!((called.code, called.err.as_str()), (0, ""));

    let call = collector.call("parties.list-all");
    assert_eq!(call.name, "call");
    assert!(call.parent_span_id.is_empty() && !has_failed(&call));
    assert_has(
        &call,
        &[
            ("tenant", "trial"),
            // One that was refused, and its repetition.
            ("requests", "2"),
            ("bytes_out", "0"),
            ("outcome", "done"),
        ],
    );
    assert!(!attribute(&call.attributes, "cpu_ticks").is_empty());
    let request = collector.request_of(&call);
    assert_has(
        &request,
        &[
            ("http.request.method", "GET"),
            ("server.address", "127.0.0.1"),
            ("url.path", "/api/v2/parties"),
            ("http.response.status_code", "200"),
        ],
    );
    // Renewing is a call of its own, on behalf of the request.
    let renewed = collector.call("auth.refresh");
    assert_eq!(renewed.parent_span_id, request.span_id);
    let asked = collector.request_of(&renewed);
    assert_has(&asked, &[("url.path", "/oauth/token")]);
    for span in [&request, &renewed, &asked] {
        assert_eq!(span.trace_id, call.trace_id);
    }

    let (headers, _) = collector.0.lock().unwrap()[0].clone();
    assert_eq!(headers["x-scope-orgid"], "lagoa");
    let resource = collector.exports()[0].resource_spans[0].resource.clone();
    let resource = resource.unwrap().attributes;
    assert_eq!(attribute(&resource, "service.name"), "capsule-host");

    let after = secrets(&kept).await;
    assert!(!after.contains(&before[0]), "the token was renewed");
    before.extend(after);
    before.extend(["cph_", "collect-71c0"].map(str::to_owned));
    for (_, body) in &*collector.0.lock().unwrap() {
        for secret in &before {
            assert!(memchr::memmem::find(body, secret.as_bytes()).is_none());
        }
    }
}

#[tokio::test]
async fn a_call_that_fails_is_a_span_that_failed() {
    let served = Served::small().await;
    let (collector, url) = Collector::new().await;
    let call = ["call", "parties.get", "--input", r#"{"id": 1}"#];
    let account = ["--token-env", "TOKEN", "--base-url", served.url.as_str()];
    let failed = command(&[&call[..], &account].concat())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .env("OTEL_SERVICE_NAME", "crm-sync")
        .output()
        .await;
    assert_eq!(Ended::new(failed.unwrap()).code, 3);
    let call = collector.call("parties.get");
    assert!(has_failed(&call));
    assert_has(&call, &[("outcome", "permanent")]);
    let request = collector.request_of(&call);
    assert!(has_failed(&request));
    assert_has(&request, &[("http.response.status_code", "404")]);
    let resource = collector.exports()[0].resource_spans[0].resource.clone();
    let resource = resource.unwrap().attributes;
    assert_eq!(attribute(&resource, "service.name"), "crm-sync");
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_listener_has_not_sent_yet_it_sends_when_it_is_told_to_end() {
    let served = Served::small().await;
    let (collector, url) = Collector::new().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal").display().to_string();
    let mut listen = vec!["listen", "--on", "party.created", "--journal", &journal];
    listen.extend(["--bind", "127.0.0.1:0", "--token-env", "TOKEN"]);
    listen.extend(["--base-url", &served.url]);
    let mut child = command(&listen)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        // Longer than this test takes.
        .env("OTEL_BSP_SCHEDULE_DELAY", "600000")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.starts_with("listening on"), "{line}");
    assert!(collector.spans().is_empty());
    let pid = child.id().unwrap().to_string();
    let told = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(told.unwrap().success());
    assert!(child.wait().await.unwrap().success());
    let polled = |span: &Span| {
        attribute(&span.attributes, "operation") == "triggers.poll" && !has_failed(span)
    };
    assert!(collector.spans().iter().any(polled));
}

#[tokio::test]
async fn a_collector_that_is_not_there_or_can_not_be_spoken_to_costs_no_call_and_is_told() {
    let served = Served::small().await;
    let call = ["call", "parties.list-all"];
    let account = ["--token-env", "TOKEN", "--base-url", served.url.as_str()];
    let call = [&call[..], &account].concat();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let called = command(&call)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)
        .output()
        .await;
    let called = Ended::new(called.unwrap());
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(called.err.contains("refused"), "{}", called.err);

    let called = command(&call)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .await;
    let called = Ended::new(called.unwrap());
    assert_eq!((called.code, called.out.as_str()), (1, ""));
    let way = "unset OTEL_EXPORTER_OTLP_PROTOCOL";
    assert!(called.err.contains(way), "{}", called.err);

    // Named empty it is not named.
    let called = command(&call)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        .output()
        .await;
    let called = Ended::new(called.unwrap());
    assert_eq!((called.code, called.err.as_str()), (0, ""));
}
