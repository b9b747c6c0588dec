//! A listening process that is ended by `abort` at each named point, and started again: the file of events has each event once.
//!
//! The account is served on a socket by the test; the listener is this binary once more, with a clock that runs a minute in a second.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capsule_host::egress::{Live, Origin, Secret};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::listen::{Clock, FileOutlet, Ingress, ListenOptions, Plan};
use capsule_host::runtime::Tenant;
use capsule_host::runtime::triggers::{DeliveryMode, Listener};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Between two commits each.
const POINTS: &[&str] = &[
    "feeds have positions",
    "address stored",
    "hooks are made",
    "delivery stored",
    "delivery handled",
    "events of a delivery stored",
    "feed polled",
    "events of a poll stored",
    "events given",
];

/// By which the parent tells the child what to do.
const TOLD: &str = "CAPSULE_CRASH_TEST";

fn abort(point: &'static str) {
    let told: Value = serde_json::from_str(&std::env::var(TOLD).unwrap()).unwrap();
    if told["at"] == point {
        std::process::abort();
    }
}

fn listeners() -> Vec<Listener> {
    let on = |trigger: &str, mode| Listener {
        id: trigger.into(),
        trigger: trigger.into(),
        options: "{}".into(),
        mode,
    };
    vec![
        on("person.created", DeliveryMode::Auto),
        on("task.created", DeliveryMode::Poll),
        // Told by hook alone: no poll makes up for it.
        Listener {
            options: json!({"events": ["user/updated"]}).to_string(),
            ..on("capsule.event", DeliveryMode::Hook)
        },
    ]
}

/// The listening process; does nothing unless a parent says what.
#[tokio::test]
async fn child() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |key: &str| told[key].as_str().unwrap();
    let connector = super::support::connector();
    let tenant = Tenant::builder("crash")
        .access_token(Secret::from(text("token")))
        .grant(Origin::parse(text("url")).unwrap())
        .api_base(text("url"))
        .upstream(Arc::new(Live::new().unwrap()))
        .build()
        .unwrap();
    let triggers = connector.triggers().await.unwrap();
    let folder = Path::new(text("folder"));
    let options = ListenOptions {
        public_url: Some(text("public").into()),
        clock: Clock::of(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            i64::try_from(now.as_millis()).unwrap() * 60
        }),
        at: Some(abort),
        ..ListenOptions::new(folder.join("journal"), "crash")
    };
    let plan = Plan::new(&triggers, listeners(), true).unwrap();
    let ingress = Ingress::open(connector, tenant, plan, options)
        .await
        .unwrap();
    let door = TcpListener::bind(text("public").strip_prefix("http://").unwrap())
        .await
        .unwrap();
    ingress.settle().await.unwrap();
    std::fs::write(folder.join("settled"), "").unwrap();
    let outlet = FileOutlet::open(&folder.join("events.jsonl")).unwrap();
    let stop = async {
        while !folder.join("stop").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    ingress.run(Some(door), outlet, stop).await.unwrap();
}

struct Account {
    url: String,
    token: String,
    public: String,
    folder: tempfile::TempDir,
    client: client::Client,
    made: BTreeSet<String>,
}

/// As much of a client as is needed here.
mod client {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use capsule_host::fake::Fake;
    use serde_json::Value;
    use tower::ServiceExt as _;

    pub(super) struct Client(pub(super) Fake);

    /// Posts to a listener on this machine.
    pub(super) async fn deliver(address: &str, body: String) -> u16 {
        let uri: axum::http::Uri = address.parse().unwrap();
        let authority = uri.authority().unwrap().as_str().to_owned();
        let stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(uri.path())
            .header("host", authority)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        sender
            .send_request(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    impl Client {
        pub(super) async fn get(&self, path: &str, token: &str) -> Value {
            let request = Request::get(format!("https://api.capsulecrm.com/api/v2{path}"))
                .header("authorization", format!("Bearer {token}"))
                .body(Body::empty())
                .unwrap();
            let response = self.0.router().oneshot(request).await.unwrap();
            let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            serde_json::from_slice(&bytes).unwrap()
        }

        pub(super) async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
            let request = Request::post(format!("https://api.capsulecrm.com/api/v2{path}"))
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()))
                .unwrap();
            let response = self.0.router().oneshot(request).await.unwrap();
            assert!(response.status().is_success(), "{}", response.status());
            let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            serde_json::from_slice(&bytes).unwrap()
        }
    }
}

impl Account {
    async fn new() -> Self {
        let fake = Fake::new(FakeOptions {
            parties: 5,
            rate_limit: 1_000_000,
            ..FakeOptions::default()
        });
        let served = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", served.local_addr().unwrap());
        tokio::spawn(fake.clone().serve(served));
        tokio::spawn(fake.clone().deliver_hooks());
        // A port that is free now: the listener has to have the same one when it is started again.
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        Self {
            url,
            token: fake.issue_token("", "read write").access,
            public,
            folder: tempfile::tempdir().unwrap(),
            client: client::Client(fake),
            made: BTreeSet::new(),
        }
    }

    /// Starts the listening process.
    fn listen(&self, at: Option<&str>) -> tokio::process::Child {
        let told = json!({
            "url": self.url, "token": self.token, "public": self.public, "at": at,
            "folder": self.folder.path().to_str().unwrap(),
        });
        for name in ["settled", "stop"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(TOLD, told.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// A person and a task come into being.
    async fn edit(&mut self) {
        let (client, token) = (&self.client, self.token.as_str());
        let person = json!({"party": {"type": "person", "firstName": "Inês"}});
        let person = client.post("/parties", token, &person).await;
        let task = json!({"task": {"description": "Call", "dueOn": "2027-01-01"}});
        let task = client.post("/tasks", token, &task).await;
        for (trigger, made) in [("person", &person["party"]), ("task", &task["task"])] {
            let at = made["createdAt"].as_str().unwrap();
            self.made
                .insert(format!("{trigger}.created:{}:{at}", made["id"]));
        }
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..4_500 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: not within 90 s; given {:?}", self.given());
    }

    fn is_settled(&self) -> bool {
        self.folder.path().join("settled").exists()
    }

    fn given(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("events.jsonl"));
        let text = text.unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["id"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    fn stop(&self) {
        std::fs::write(self.folder.path().join("stop"), "").unwrap();
    }
}

async fn crash(point: &'static str) {
    let mut account = Account::new().await;
    let before_hooks = ["feeds have positions", "address stored", "hooks are made"];
    if !before_hooks.contains(&point) {
        let mut first = account.listen(None);
        account.until(point, Account::is_settled).await;
        account.stop();
        assert!(first.wait().await.unwrap().success(), "{point}");
    }
    let mut dying = account.listen(Some(point));
    if !before_hooks.contains(&point) {
        account.until(point, Account::is_settled).await;
        account.edit().await;
    }
    let died = tokio::time::timeout(Duration::from_secs(90), dying.wait()).await;
    let died = died
        .unwrap_or_else(|_| panic!("{point} was not reached"))
        .unwrap();
    assert!(!died.success(), "{point}");
    if point != "feeds have positions" {
        // Every feed has its position: from here on nothing may be missed, though nobody listens.
        account.edit().await;
    }
    let mut again = account.listen(None);
    account.until(point, Account::is_settled).await;
    account.edit().await;
    let all = |account: &Account| {
        let given: BTreeSet<String> = account.given().into_iter().collect();
        account.made.is_subset(&given)
    };
    account.until(point, all).await;
    account.stop();
    assert!(again.wait().await.unwrap().success(), "{point}");
    let given = account.given();
    let once: BTreeSet<String> = given.iter().cloned().collect();
    assert_eq!((&once, given.len()), (&account.made, once.len()), "{point}");
}

#[tokio::test]
async fn a_listener_that_is_aborted_at_any_point_gives_every_event_once() {
    use futures::StreamExt as _;
    futures::stream::iter(POINTS)
        .map(|point| crash(point))
        .buffer_unordered(3)
        .collect::<Vec<_>>()
        .await;
}

/// Capsule sends a delivery once it was acknowledged never again: it has to be on the disk by then.
#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let account = Account::new().await;
    let mut listening = account.listen(None);
    account.until("settled", Account::is_settled).await;
    let hooks = account.client.get("/resthooks", &account.token).await;
    let hooks = hooks["restHooks"].as_array().unwrap();
    let hook = hooks
        .iter()
        .find(|hook| hook["event"] == "user/updated")
        .unwrap();
    let address = hook["targetUrl"].as_str().unwrap();
    for n in 0..20_u64 {
        let body = json!({"event": "user/updated", "payload": [{"id": n + 1}]}).to_string();
        let status = client::deliver(address, body).await;
        assert_eq!(status, 202);
    }
    listening.kill().await.unwrap();
    let mut again = account.listen(None);
    account
        .until("all of them", |account| account.given().len() >= 20)
        .await;
    account.stop();
    assert!(again.wait().await.unwrap().success());
    assert_eq!(account.given().len(), 20);
}
