//! What the benches share: one component, one tenant, one upstream that answers at once, and the same core run natively.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use capsule_crm::api::{Client, Lost, Sending, Settings, Transport};
use capsule_host::egress::{
    AnswerBody, EgressLimits, Live, Origin, Outbound, Secret, Upstream, UpstreamError,
};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{Connector, Host, HostOptions, Limits, Tenant, Without, triggers};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

/// Where the tenant's requests go. Nobody is asked: the upstream answers itself.
pub(crate) const BASE: &str = "https://api.capsulecrm.com";

/// The input of `people.create`.
pub(crate) fn person() -> String {
    json!({
        "firstName": "Inês",
        "lastName": "Duarte",
        "jobTitle": "Buyer",
        "emailAddresses": [{"type": "Work", "address": "ines@lagoa.example"}, {"type": "Home", "address": "ines@casa.example"}],
        "phoneNumbers": [{"type": "Mobile", "number": "+351 912 345 678"}],
        "addresses": [{"type": "Office", "street": "Rua do Lago 7", "city": "Porto", "country": "Portugal"}],
        "tags": ["Wholesale", "VIP"],
        "fields": {"46": "EMEA"},
    })
    .to_string()
}

/// A party as Capsule gives it.
pub(crate) fn party(id: u64) -> Value {
    json!({
        "id": id, "type": "person", "title": null, "firstName": "Inês", "lastName": format!("Duarte {id}"), "jobTitle": "Buyer", "about": null,
        "organisation": {"id": 9002, "type": "organisation", "name": "Lagoa Foods", "pictureURL": "https://img.example/9002"},
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z", "lastContactedAt": null,
        "pictureURL": "https://img.example/9001", "enrichment": null, "team": null,
        "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya", "deleted": false, "pictureURL": "https://img.example/31"},
        "emailAddresses": [{"id": 2, "type": "Work", "address": "ines@lagoa.example"}],
        "phoneNumbers": [{"id": 1, "type": "Work", "number": "+351 000 000"}],
        "websites": [{"id": 3, "type": null, "address": "lagoa", "service": "TWITTER", "url": "https://twitter.com/lagoa"}],
        "addresses": [{"id": 4, "type": "Office", "street": "Rua do Lago 7", "city": "Porto", "state": null, "zip": null, "country": "Portugal"}],
    })
}

/// What Capsule posts to a hook when a person is created.
pub(crate) fn hook_body() -> Vec<u8> {
    json!({"event": "party/created", "payload": [party(9001)]})
        .to_string()
        .into_bytes()
}

/// A delivery with that body, and the one listener that it is for.
pub(crate) fn delivery(body: &[u8]) -> (triggers::Delivery, Vec<triggers::Listener>) {
    let delivery = triggers::Delivery {
        method: "POST".into(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_vec(),
    };
    let listener = triggers::Listener {
        id: "1".into(),
        trigger: "person.created".into(),
        options: "{}".into(),
        mode: triggers::DeliveryMode::Auto,
    };
    (delivery, vec![listener])
}

/// Capsule as far as the benches ask: a create, and a list of 10,000 parties in pages of 100. Each body is made once.
#[derive(Clone)]
pub(crate) struct Canned {
    created: Bytes,
    page: Bytes,
}

/// Parties in the list.
pub(crate) const LISTED: u32 = 10_000;

impl Canned {
    pub(crate) fn new() -> Self {
        let rows: Vec<Value> = (1..=100).map(party).collect();
        Self {
            created: json!({"party": party(9001)}).to_string().into(),
            page: json!({"parties": rows, "meta": {"totalCount": LISTED}})
                .to_string()
                .into(),
        }
    }

    /// Status, body, and the `Link` of the next page.
    fn answer(&self, method: &http::Method, target: &str) -> (u16, Bytes, Option<String>) {
        if method == http::Method::POST {
            return (201, self.created.clone(), None);
        }
        let page: u32 = target
            .split(['?', '&'])
            .find_map(|pair| pair.strip_prefix("page="))
            .and_then(|page| page.parse().ok())
            .unwrap_or(1);
        let link = (page * 100 < LISTED).then(|| {
            format!(
                "<{BASE}/api/v2/parties?page={}&perPage=100>; rel=\"next\"",
                page + 1
            )
        });
        (200, self.page.clone(), link)
    }

    fn response<B>(
        &self,
        method: &http::Method,
        target: &str,
        body: impl FnOnce(Bytes) -> B,
    ) -> http::Response<B> {
        let (status, bytes, link) = self.answer(method, target);
        let mut response = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        if let Some(link) = link {
            response = response.header("link", link);
        }
        response.body(body(bytes)).unwrap()
    }
}

#[async_trait]
impl Upstream for Canned {
    async fn send(
        &self,
        request: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        Ok(
            self.response(&request.method, request.path.as_str(), |bytes| {
                Full::new(bytes)
                    .map_err(|never| match never {})
                    .boxed_unsync()
            }),
        )
    }
}

impl Transport for Canned {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let response = self.response(request.method(), target, |bytes| bytes.to_vec());
        Box::pin(std::future::ready(Ok::<_, Lost>(response)))
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// The same from a vendor that tells of its limit, as Capsule does.
#[derive(Clone)]
pub(crate) struct Limited(pub(crate) Canned);

#[async_trait]
impl Upstream for Limited {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let mut answer = Upstream::send(&self.0, request, limits).await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let resets_at = now.unwrap_or_default().as_secs() + 3_000;
        let headers = answer.headers_mut();
        // More than a bench uses up.
        headers.insert("x-ratelimit-limit", u32::MAX.into());
        headers.insert("x-ratelimit-remaining", u32::MAX.into());
        headers.insert("x-ratelimit-reset", resets_at.into());
        Ok(answer)
    }
}

/// The same after a while.
#[derive(Clone)]
pub(crate) struct Slow(pub(crate) Canned, pub(crate) Duration);

#[async_trait]
impl Upstream for Slow {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        tokio::time::sleep(self.1).await;
        Upstream::send(&self.0, request, limits).await
    }
}

/// Serves a fake of so many parties on loopback, without a rate limit, and tells its origin.
pub(crate) async fn serve_fake(parties: usize) -> String {
    let fake = Fake::new(FakeOptions {
        parties,
        rate_limit: u32::MAX,
        ..FakeOptions::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(fake.serve(listener));
    base
}

/// A tenant whose Capsule is there, reached over real sockets.
pub(crate) fn tenant_at(base: &str, name: &str) -> Tenant {
    Tenant::builder(name)
        .api_base(base)
        .access_token(Secret::from("a token"))
        .grant(Origin::parse(base).unwrap())
        .upstream(Arc::new(Live::new().unwrap()))
        .build()
        .unwrap()
}

/// Reads all parties, five of Capsule's pages a call. The largest guest memory of the calls.
pub(crate) async fn list_all(connector: &Connector, tenant: &Tenant) -> usize {
    let (mut cursor, mut peak) = (None, 0);
    loop {
        let input = json!({"limit": 500, "cursor": cursor}).to_string();
        let call = connector.call(tenant);
        let outcome = call.invoke("parties.list-all", input).await.unwrap();
        peak = peak.max(outcome.report.peak_memory);
        cursor = next(&outcome.json);
        if cursor.is_none() {
            return peak;
        }
    }
}

/// Where a page goes on. Its items are passed over: what a caller makes of them is no part of the figures.
pub(crate) fn next(page: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Page {
        next: Option<String>,
    }
    serde_json::from_str::<Page>(page).unwrap().next
}

/// An upstream that keeps every request waiting, and counts them.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) waiting: Arc<std::sync::atomic::AtomicUsize>,
}

#[async_trait]
impl Upstream for Held {
    async fn send(
        &self,
        _: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        self.waiting
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::future::pending().await
    }
}

#[path = "../../tests/support/mod.rs"]
mod component;

pub(crate) use component::bytes as component;

/// A runtime with so many threads; 0: the bench's own thread alone.
pub(crate) fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().unwrap()
}

pub(crate) fn host(slots: usize) -> Host {
    Host::new(HostOptions {
        slots,
        ..HostOptions::default()
    })
    .unwrap()
}

/// What a host can be without, to tell what it costs: the bench's name, the row of the table, the host. The first has everything.
pub(crate) fn limits() -> Vec<(&'static str, &'static str, HostOptions)> {
    let options = || HostOptions {
        slots: 16,
        ..HostOptions::default()
    };
    let without = |limit| HostOptions {
        without: Some(limit),
        ..options()
    };
    let mapped = HostOptions {
        pool: false,
        ..options()
    };
    vec![
        ("all", "", options()),
        (
            "no_epochs",
            "epochs: checks in the code, clock, callback",
            without(Without::Epochs),
        ),
        ("no_meter", "CPU meter", without(Without::CpuMeter)),
        (
            "no_memory_limiter",
            "memory limiter",
            without(Without::MemoryLimiter),
        ),
        ("no_wall_clock", "wall clock", without(Without::WallClock)),
        ("no_places", "places and turns", without(Without::Places)),
        (
            "no_pool",
            "reserved address space (what it saves is below 0)",
            mapped,
        ),
    ]
}

/// The same, of what is no option of a host: the vendor tells of no limit, so that the governor has nothing to look after.
pub(crate) const UNGOVERNED: (&str, &str) = ("no_governor", "governor of the vendor's limit");

pub(crate) fn connector(host: &Host) -> Connector {
    host.load(&component()).unwrap()
}

pub(crate) fn tenant(name: &str, upstream: impl Upstream, concurrency: usize) -> Tenant {
    Tenant::builder(name)
        .access_token(Secret::from("a token"))
        .grant(Origin::parse(BASE).unwrap())
        .upstream(Arc::new(upstream))
        .limits(Limits {
            concurrency,
            queue: concurrency,
            ..Limits::default()
        })
        .build()
        .unwrap()
}

/// The core, run natively over the same answers, in a client of its own as in a sandbox.
pub(crate) fn native(canned: &Canned) -> Client {
    Client::new(
        canned.clone(),
        Settings {
            access_token: Some("a token".into()),
            ..Settings::default()
        },
    )
}

/// Drives a future whose transport answers at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the transport answers at once"),
    }
}
