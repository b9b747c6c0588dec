//! The reference ingress, step by step: what it answers at its door, what it keeps, and how it gives events out.

#![allow(missing_docs)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::listen::{
    Clock, Command, FileOutlet, Ingress, LineOutlet, ListenError, ListenOptions, Outlet as _,
    OutletError, Plan, PlanError, QuarantinedKind,
};
use capsule_host::runtime::triggers::{DeliveryMode, Listener};
use capsule_host::runtime::{Connector, Tenant};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PUBLIC: &str = "https://hooks.example";

/// An account, and an engine's machine beside it.
struct Scene {
    fake: Fake,
    connector: Connector,
    tenant: Tenant,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let fake = Fake::new(FakeOptions {
            parties: 5,
            clock: capsule_host::fake::Clock::manual_at(1_772_000_000),
            ..FakeOptions::default()
        });
        // What the account begins with is no news.
        fake.clock().advance(Duration::from_secs(86_400));
        let token = fake.issue_token("", "read write").access;
        let tenant = Tenant::builder("northwind")
            .access_token(Secret::from(token.as_str()))
            .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
            .upstream(Arc::new(InProcess::new(fake.router())))
            .build()
            .unwrap();
        Self {
            fake,
            connector: support::connector(),
            tenant,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn later(&self, seconds: u64) {
        self.fake.clock().advance(Duration::from_secs(seconds));
    }

    fn options(&self) -> ListenOptions {
        let clock = self.fake.clock().clone();
        ListenOptions {
            public_url: Some(PUBLIC.into()),
            clock: Clock::of(move || clock.now().as_millisecond()),
            ..ListenOptions::new(self.path("journal"), "northwind")
        }
    }

    async fn open(
        &self,
        triggers: &[&str],
        options: ListenOptions,
    ) -> Result<Ingress, ListenError> {
        let listeners = triggers.iter().map(|one| on(one)).collect();
        self.open_for(listeners, options).await
    }

    async fn open_for(
        &self,
        listeners: Vec<Listener>,
        options: ListenOptions,
    ) -> Result<Ingress, ListenError> {
        let known = self.connector.triggers().await.unwrap();
        let plan = Plan::new(&known, listeners, options.public_url.is_some()).unwrap();
        Ingress::open(self.connector.clone(), self.tenant.clone(), plan, options).await
    }

    async fn listening(&self, triggers: &[&str]) -> Ingress {
        let ingress = self.open(triggers, self.options()).await.unwrap();
        ingress.settle().await.unwrap();
        // What came between the feeds' positions and the hooks.
        ingress.poll_due().await.unwrap();
        ingress
    }

    async fn done(&self, id: &str, input: Value) -> Value {
        let call = self.connector.call(&self.tenant);
        let outcome = call.invoke(id, input.to_string()).await.unwrap();
        serde_json::from_str(&outcome.json).unwrap()
    }

    async fn person(&self, name: &str) -> u64 {
        let made = self.done("people.create", json!({"firstName": name})).await;
        made["id"].as_u64().unwrap()
    }

    /// How many requests the account saw of one record or of several by id.
    fn looks(&self) -> usize {
        let by_id = |path: &str| {
            let id = path.strip_prefix("/api/v2/parties/").unwrap_or_default();
            id.starts_with(|letter: char| letter.is_ascii_digit())
        };
        let journal = self.fake.journal();
        let looks = journal
            .iter()
            .filter(|row| row.method == "GET" && by_id(&row.path));
        looks.count()
    }

    /// The address that Capsule has, of its only hook or of the first.
    async fn address(&self) -> String {
        let hooks = self.done("hooks.list-all", json!({})).await;
        hooks["items"][0]["targetUrl"].as_str().unwrap().to_owned()
    }

    /// Capsule delivers what is due; the answers.
    async fn deliver(&self, ingress: &Ingress) -> Vec<StatusCode> {
        let mut answers = Vec::new();
        for due in self.fake.due_deliveries() {
            let answer = post(ingress, &due.target_url, due.body).await;
            self.fake.report_delivery(due.id, Some(answer.as_u16()));
            answers.push(answer);
        }
        answers
    }
}

fn on(trigger: &str) -> Listener {
    Listener {
        id: trigger.into(),
        trigger: trigger.into(),
        options: "{}".into(),
        mode: DeliveryMode::Auto,
    }
}

async fn ask(ingress: &Ingress, request: Request<Body>) -> (StatusCode, Bytes) {
    let response = ingress.router().oneshot(request).await.unwrap();
    let status = response.status();
    (
        status,
        to_bytes(response.into_body(), usize::MAX).await.unwrap(),
    )
}

async fn post(ingress: &Ingress, url: &str, body: impl Into<Body>) -> StatusCode {
    let request = Request::post(url)
        .header("host", "hooks.example")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    ask(ingress, request).await.0
}

/// Works off all that is there.
async fn work(ingress: &Ingress) {
    while ingress.work_once().await.unwrap().is_ok() {}
}

async fn lines(ingress: &Ingress) -> Vec<Value> {
    let waiting = ingress.waiting(1_000).await.unwrap();
    let lines = waiting.iter();
    lines
        .map(|(_, line)| serde_json::from_str(line).unwrap())
        .collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_change_that_comes_by_hook_and_by_poll_is_one_event() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let person = scene.person("Inês").await;
    assert_eq!(scene.deliver(&ingress).await, [StatusCode::ACCEPTED]);
    work(&ingress).await;
    scene.later(3_600);
    ingress.poll_due().await.unwrap();
    let given = lines(&ingress).await;
    assert_eq!(given.len(), 1, "{given:?}");
    let event = &given[0];
    assert_eq!(
        (
            &event["listener"],
            &event["recordId"],
            &event["by"],
            &event["data"]["firstName"]
        ),
        (
            &json!("person.created"),
            &json!(person.to_string()),
            &json!("hook"),
            &json!("Inês")
        )
    );
    let repeated = ingress
        .figures()
        .repeated
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(repeated, 1);
}

#[tokio::test]
async fn what_a_dropped_hook_did_not_tell_is_filled_in() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let lost = scene.person("Inês").await;
    // Capsule takes the hook away.
    let due = scene.fake.due_deliveries();
    scene.fake.report_delivery(due[0].id, Some(410));
    scene.later(60);
    ingress.poll_due().await.unwrap();
    assert_eq!(
        lines(&ingress).await.len(),
        0,
        "a feed with hooks is polled seldom"
    );
    ingress.settle().await.unwrap();
    ingress.poll_due().await.unwrap();
    let given = lines(&ingress).await;
    assert_eq!(given[0]["recordId"], lost.to_string());
    // And the hook is there again.
    scene.person("Rui").await;
    assert_eq!(scene.deliver(&ingress).await, [StatusCode::ACCEPTED]);
}

#[tokio::test]
async fn without_an_address_everything_is_polled_and_what_cannot_be_is_refused() {
    let scene = Scene::new();
    let options = || ListenOptions {
        public_url: None,
        ..scene.options()
    };
    let ingress = scene.open(&["person.created"], options()).await.unwrap();
    ingress.settle().await.unwrap();
    scene.person("Inês").await;
    scene.later(61);
    ingress.poll_due().await.unwrap();
    assert_eq!(lines(&ingress).await[0]["by"], "poll");

    let known = scene.connector.triggers().await.unwrap();
    let refused = |listeners| Plan::new(&known, listeners, false).unwrap_err();
    assert!(matches!(
        refused(vec![on("user.created")]),
        PlanError::Impossible { .. }
    ));
    assert!(matches!(
        refused(vec![on("person.creatd")]),
        PlanError::Unknown { .. }
    ));
    assert!(matches!(refused(vec![]), PlanError::Nobody));
    let twice = vec![on("person.created"), on("person.created")];
    assert!(matches!(refused(twice), PlanError::Twice(_)));
}

#[tokio::test]
async fn whatever_comes_to_the_address_is_acknowledged_and_gives_no_event_that_is_none() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let address = scene.address().await;
    let deep = "[".repeat(100_000);
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        deep.into_bytes(),
        br#"{"event":"party/created","payload":[{"id":"x"},{"id":1e400},7]}"#.to_vec(),
        br#"{"event":"kase/moved","payload":[{"id":1}]}"#.to_vec(),
        br#"{"event":"party/created","event":"party/updated","payload":{}}"#.to_vec(),
        vec![b' '; 8 * 1024 * 1024 + 1],
    ];
    for body in &bodies {
        assert_eq!(
            post(&ingress, &address, body.clone()).await,
            StatusCode::ACCEPTED
        );
    }
    work(&ingress).await;
    assert_eq!(lines(&ingress).await, Vec::<Value>::new());
    let aside = ingress.quarantined().await.unwrap();
    assert!(
        aside
            .iter()
            .all(|one| one.kind == QuarantinedKind::Delivery)
    );
    assert!(
        aside
            .iter()
            .any(|one| one.why.contains("8 MiB") && one.bytes == 0)
    );
    assert!(aside.len() >= 5, "{aside:?}");
    // The next one is unharmed, and what the others may have said is polled for at once.
    scene.person("Inês").await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    assert_eq!(lines(&ingress).await.len(), 1);
    scene.later(61);
    let polls = || {
        ingress
            .figures()
            .polls
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    let before = polls();
    ingress.poll_due().await.unwrap();
    assert!(polls() > before);
}

#[tokio::test]
async fn an_address_that_was_never_ours_is_not_found_and_a_former_one_is_gone_after_a_day() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let former = scene.address().await;
    for unknown in ["/h/", "/h/AAAA", "/", "/h/AAAA/BBBB"] {
        let answer = post(&ingress, &format!("{PUBLIC}{unknown}"), "{}").await;
        assert_eq!(answer, StatusCode::NOT_FOUND, "{unknown}");
    }
    drop(ingress);
    let options = ListenOptions {
        new_address: true,
        ..scene.options()
    };
    let ingress = scene.open(&["person.created"], options).await.unwrap();
    ingress.settle().await.unwrap();
    assert_ne!(scene.address().await, former);
    let hooks = scene.done("hooks.list-all", json!({})).await;
    assert_eq!(hooks["items"].as_array().unwrap().len(), 1);
    // Deliveries that are under way still count.
    assert_eq!(post(&ingress, &former, "{}").await, StatusCode::ACCEPTED);
    scene.later(86_401);
    assert_eq!(post(&ingress, &former, "{}").await, StatusCode::GONE);
    assert_eq!(
        post(&ingress, &scene.address().await, "{}").await,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn the_address_is_found_again_after_a_restart_and_stands_nowhere_on_the_disk() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let address = scene.address().await;
    drop(ingress);
    let ingress = scene.listening(&["person.created"]).await;
    assert_eq!(scene.address().await, address);
    let hooks = scene.done("hooks.list-all", json!({})).await;
    assert_eq!(hooks["items"].as_array().unwrap().len(), 1);
    post(
        &ingress,
        &address,
        r#"{"event":"party/created","payload":[]}"#,
    )
    .await;
    drop(ingress);
    let secret = address.rsplit_once('/').unwrap().1.as_bytes();
    for file in std::fs::read_dir(scene.path("journal")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert_eq!(memchr::memmem::find(&bytes, secret), None);
    }
}

#[tokio::test]
async fn only_the_names_that_the_door_is_known_by_are_answered() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    for (host, path, expected) in [
        ("hooks.example", "/healthz", 200),
        ("127.0.0.1:8787", "/metrics", 200),
        ("localhost", "/metrics", 200),
        // From outside figures are nobody's business.
        ("hooks.example", "/metrics", 404),
        ("rebound.example", "/healthz", 421),
        ("rebound.example:8787", "/metrics", 421),
        ("127.0.0.1.rebound.example", "/metrics", 421),
    ] {
        let request = Request::get(path)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        let (status, body) = ask(&ingress, request).await;
        assert_eq!(status.as_u16(), expected, "{host} {path}");
        if path == "/metrics" && status == 200 {
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains("capsule_listen_polls_total 2\n"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_journal_has_one_process_and_one_connection() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let second = scene.open(&["person.created"], scene.options()).await;
    assert!(matches!(second, Err(ListenError::InUse(_))));
    drop(ingress);
    let options = ListenOptions::new(scene.path("journal"), "southwind");
    let other = scene.open(&["person.created"], options).await;
    assert!(matches!(other, Err(ListenError::OtherConnection { .. })));
}

#[tokio::test]
async fn a_file_has_each_event_once_though_its_end_was_cut_off() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    for name in ["Ada", "Bea", "Cem"] {
        scene.person(name).await;
        scene.deliver(&ingress).await;
    }
    work(&ingress).await;
    let waiting = ingress.waiting(10).await.unwrap();
    // The process died after two lines and a half, before the journal knew of any.
    let path = scene.path("events.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    write!(
        file,
        "{}\n{}\n{}",
        waiting[0].1,
        waiting[1].1,
        &waiting[2].1[..9]
    )
    .unwrap();
    drop(file);
    let mut outlet = FileOutlet::open(&path).unwrap();
    ingress.catch_up(&mut outlet).await.unwrap();
    while ingress.give_once(&mut outlet).await.unwrap() {}
    let text = std::fs::read_to_string(&path).unwrap();
    let expected: Vec<&str> = waiting.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert!(ingress.waiting(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for (content, foreign) in [
        ("Dear diary\nhalf a line", true),
        ("{\"seq\":\"7\"}\n", true),
        ("{\"seq\":7}\n", true),
        ("", false),
        ("cut off before its first end of line", false),
    ] {
        std::fs::write(&path, content).unwrap();
        let opened = FileOutlet::open(&path);
        assert_eq!(
            matches!(opened, Err(OutletError::Foreign(_))),
            foreign,
            "{content}"
        );
        if foreign {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
    // A line longer than what is read at once.
    let line =
        |seq: i64, data: &str| format!("{}\n", json!({"journal": "a1", "seq": seq, "data": data}));
    let long = line(41, &"x".repeat(300_000));
    std::fs::write(&path, line(40, "") + &long).unwrap();
    let mut outlet = FileOutlet::open(&path).unwrap();
    let reached = outlet.reached().await.unwrap().unwrap();
    assert_eq!((reached.journal.as_str(), reached.seq), ("a1", 41));
}

#[tokio::test]
async fn a_command_gets_the_event_and_its_id_and_what_it_refuses_is_put_aside() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    scene.person("Inês; rm -rf $HOME").await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    let got = scene.path("got");
    let run = |script: String| Command::new("sh", ["-c".into(), script.into()]);
    let mut failing = run("exit 3".into());
    for _ in 0..5 {
        assert!(ingress.give_once(&mut failing).await.unwrap());
        scene.later(3_600);
    }
    assert!(!ingress.give_once(&mut failing).await.unwrap());
    let aside = ingress.quarantined().await.unwrap();
    assert_eq!((aside.len(), aside[0].kind), (1, QuarantinedKind::Event));
    let id = aside[0].id.clone();
    drop(ingress);

    let quarantine = Ingress::quarantine_of(&scene.path("journal")).unwrap();
    assert!(!quarantine.replay("e999").await.unwrap());
    assert!(!quarantine.replay("nonsense").await.unwrap());
    assert!(quarantine.replay(&id).await.unwrap());
    drop(quarantine);

    let ingress = scene.listening(&["person.created"]).await;
    let mut taking = run(format!(
        "echo \"$CAPSULE_EVENT_ID\" > {0}; cat >> {0}",
        shell(&got)
    ));
    assert!(ingress.give_once(&mut taking).await.unwrap());
    let text = std::fs::read_to_string(&got).unwrap();
    let (id, line) = text.split_once('\n').unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (line["id"].as_str(), &line["data"]["firstName"]),
        (Some(id), &json!("Inês; rm -rf $HOME"))
    );
    assert!(ingress.waiting(10).await.unwrap().is_empty());
}

fn shell(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[tokio::test]
async fn an_older_state_of_a_record_does_not_follow_a_newer_one() {
    let scene = Scene::new();
    let person = scene.person("Inês").await;
    scene.later(3_600);
    let ingress = scene.listening(&["person.updated"]).await;
    let mut held = Vec::new();
    for title in ["Buyer", "Owner"] {
        scene
            .done("people.update", json!({"id": person, "jobTitle": title}))
            .await;
        held.extend(scene.fake.due_deliveries());
        scene.later(10);
    }
    // The second one arrives first.
    for due in held.into_iter().rev() {
        post(&ingress, &due.target_url, due.body).await;
        work(&ingress).await;
    }
    let given = lines(&ingress).await;
    assert_eq!(given.len(), 1, "{:?}", ids(&given));
    assert_eq!(given[0]["data"]["jobTitle"], "Owner");
}

#[tokio::test]
async fn a_stream_gets_a_line_for_each_event() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    scene.person("Inês").await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    let mut outlet = LineOutlet(Vec::new());
    assert!(ingress.give_once(&mut outlet).await.unwrap());
    let text = String::from_utf8(outlet.0).unwrap();
    assert_eq!(text.lines().count(), 1);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["seq"], 1);
}

#[tokio::test]
async fn a_file_of_another_journal_takes_no_events_for_given() {
    let scene = Scene::new();
    let path = scene.path("events.jsonl");
    let ingress = scene.listening(&["person.created"]).await;
    scene.person("Inês").await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    let mut outlet = FileOutlet::open(&path).unwrap();
    assert!(ingress.give_once(&mut outlet).await.unwrap());
    drop(ingress);
    // The journal is lost, the file is not: numbers begin again.
    std::fs::remove_dir_all(scene.path("journal")).unwrap();
    let ingress = scene.listening(&["person.created"]).await;
    scene.person("Rui").await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    let mut outlet = FileOutlet::open(&path).unwrap();
    let refused = ingress.catch_up(&mut outlet).await;
    assert!(
        matches!(
            refused,
            Err(ListenError::Outlet(OutletError::OtherJournal(_)))
        ),
        "{refused:?}"
    );
    assert_eq!(ingress.waiting(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_flood_of_forged_deliveries_is_polled_for_once_a_minute() {
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let address = scene.address().await;
    let polls = || {
        ingress
            .figures()
            .polls
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    let before = polls();
    for minute in 1..=3 {
        for _ in 0..100 {
            assert_eq!(
                post(&ingress, &address, "forged").await,
                StatusCode::ACCEPTED
            );
            work(&ingress).await;
            ingress.poll_due().await.unwrap();
        }
        assert!(
            polls() <= before + minute,
            "{} polls in minute {minute}",
            polls() - before
        );
        scene.later(60);
    }
    assert!(polls() > before);
    assert_eq!(ingress.quarantined().await.unwrap().len(), 300);
}

#[tokio::test]
async fn hooks_come_over_tls_or_from_this_machine() {
    let scene = Scene::new();
    for (address, fits) in [
        ("https://hooks.example", true),
        ("http://127.0.0.1:8787", true),
        ("http://hooks.example", false),
        ("https://hooks.example/behind/a/proxy", false),
        ("https://hooks.example?x=1", false),
        ("hooks.example", false),
    ] {
        let options = ListenOptions {
            public_url: Some(address.into()),
            ..ListenOptions::new(scene.path("journal"), "northwind")
        };
        let opened = scene.open(&["person.created"], options).await;
        assert_eq!(opened.is_ok(), fits, "{address}");
    }
}

fn count(counter: &std::sync::atomic::AtomicU64) -> u64 {
    counter.load(std::sync::atomic::Ordering::Relaxed)
}

fn deletion(id: u64) -> String {
    json!({"event": "party/deleted", "payload": [{"id": id}]}).to_string()
}

/// A minute of a listener that works: a look each second.
async fn minute(scene: &Scene, ingress: &Ingress) {
    for _ in 0..60 {
        work(ingress).await;
        ingress.poll_due().await.unwrap();
        scene.later(1);
    }
}

#[tokio::test]
async fn ten_thousand_forged_deletions_give_no_event_and_hold_up_no_true_one() {
    use futures::StreamExt as _;
    const FORGED: usize = 10_000;
    let scene = Scene::new();
    let people = futures::stream::iter(0..100)
        .then(|n| scene.person(["Ada", "Bea", "Cem"][n % 3]))
        .collect::<Vec<_>>()
        .await;
    let gone = scene.person("Inês").await;
    scene.later(3_600);
    let ingress = scene.listening(&["party.deleted", "person.created"]).await;
    let hooks = scene.done("hooks.list-all", json!({})).await;
    let address = hooks["items"][0]["targetUrl"].as_str().unwrap().to_owned();
    let forge = async |from: usize, to: usize| {
        let statuses = futures::stream::iter(from..to)
            .map(|n| post(&ingress, &address, deletion(people[n % people.len()])))
            .buffer_unordered(200)
            .collect::<Vec<_>>()
            .await;
        assert!(
            statuses
                .iter()
                .all(|status| *status == StatusCode::ACCEPTED)
        );
    };
    // The first ones are worked on before it is known what they cost.
    forge(0, 10).await;
    work(&ingress).await;
    let looks = scene.looks();
    forge(10, FORGED / 2).await;
    scene.done("parties.delete", json!({"id": gone})).await;
    let made = scene.person("Rui").await;
    assert_eq!(scene.deliver(&ingress).await, [StatusCode::ACCEPTED; 2]);
    forge(FORGED / 2, FORGED).await;

    // What is read again for nobody is not held up at all.
    work(&ingress).await;
    assert_eq!(ids(&lines(&ingress).await).len(), 1);
    for minutes in 1..=5 {
        minute(&scene, &ingress).await;
        assert!(
            scene.looks() - looks <= 30 * (minutes + 1) + 10,
            "{} in minute {minutes}",
            scene.looks() - looks
        );
        let given = lines(&ingress).await;
        let given = ids(&given);
        assert!(
            given[0].starts_with(&format!("person.created:{made}:")),
            "{given:?}"
        );
        if minutes >= 2 {
            assert_eq!(given[1..], [format!("party.deleted:{gone}:")], "{given:?}");
        }
    }
    let figures = ingress.figures();
    assert!(
        count(&figures.dropped) > 4_000,
        "{}",
        count(&figures.dropped)
    );
    assert_eq!(
        count(&figures.read_again),
        scene.looks() as u64,
        "all that was asked is told"
    );
    let request = Request::get("/metrics").header("host", "localhost");
    let (_, told) = ask(&ingress, request.body(Body::empty()).unwrap()).await;
    let told = String::from_utf8(told.to_vec()).unwrap();
    let figure = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    assert!(figure("capsule_listen_quarantine_deliveries ") <= 1_000);
    assert!(figure("capsule_listen_quarantine_bytes ") <= 64 << 20);
    assert!(figure("capsule_listen_deliveries_waiting ") <= 5_100);
    assert!(figure("capsule_listen_deliveries_dropped_total ") > 4_000);
    let size = |name: &str| {
        std::fs::metadata(scene.path("journal").join(name)).map_or(0, |file| file.len())
    };
    assert!(size("journal.sqlite") + size("journal.sqlite-wal") < 32 << 20);
}

#[tokio::test]
async fn deliveries_that_have_records_read_again_are_gathered() {
    let scene = Scene::new();
    let mut people = Vec::new();
    for name in ["Ada", "Bea", "Cem", "Dan"] {
        people.push(scene.person(name).await);
    }
    scene.later(3_600);
    let ingress = scene.listening(&["party.deleted"]).await;
    let address = scene.address().await;
    // From this one it is known that deletions cost something.
    scene.done("parties.delete", json!({"id": people[0]})).await;
    scene.deliver(&ingress).await;
    work(&ingress).await;
    assert_eq!(ids(&lines(&ingress).await).len(), 1);
    let looks = scene.looks();
    scene.done("parties.delete", json!({"id": people[1]})).await;
    scene.deliver(&ingress).await;
    for still_there in &people[2..] {
        post(&ingress, &address, deletion(*still_there)).await;
    }
    assert!(
        ingress.work_once().await.unwrap().is_err(),
        "they are held for two seconds"
    );
    scene.later(2);
    work(&ingress).await;
    let given = lines(&ingress).await;
    let expected = [0, 1].map(|one| format!("party.deleted:{}:", people[one]));
    assert_eq!(ids(&given), expected);
    // Three ids of which one is gone: halved until it stands alone.
    assert!(scene.looks() - looks <= 5, "{}", scene.looks() - looks);
    // Each is judged by its own records: what was told is done, what was not is put aside.
    let aside = ingress.quarantined().await.unwrap();
    assert_eq!(aside.len(), 2, "{aside:?}");
    assert!(aside.iter().all(|one| one.why.contains("still there")));
}

#[tokio::test]
async fn what_is_put_aside_of_one_address_is_bounded_and_the_oldest_goes() {
    use futures::StreamExt as _;
    let scene = Scene::new();
    let ingress = scene.listening(&["person.created"]).await;
    let address = scene.address().await;
    futures::stream::iter(0..1_100)
        .map(|n| post(&ingress, &address, format!("forged {n}")))
        .buffer_unordered(100)
        .for_each(|status| async move { assert_eq!(status, StatusCode::ACCEPTED) })
        .await;
    work(&ingress).await;
    let aside = ingress.quarantined().await.unwrap();
    assert_eq!(aside.len(), 1_000);
    assert_eq!(aside[0].id, "d101");
    assert_eq!(count(&ingress.figures().dropped), 100);
}

#[tokio::test]
async fn a_start_looks_at_the_hooks_once() {
    let scene = Scene::new();
    let ingress = scene
        .open(&["person.created"], scene.options())
        .await
        .unwrap();
    ingress.settle().await.unwrap();
    let lists = || {
        let journal = scene.fake.journal();
        journal
            .iter()
            .filter(|row| row.path.ends_with("/resthooks") && row.method == "GET")
            .count()
    };
    let before = lists();
    let stop = tokio::time::sleep(Duration::from_millis(300));
    let outlet = LineOutlet(std::io::sink());
    ingress.run(None, outlet, stop).await.unwrap();
    assert_eq!(lists(), before);
}

#[tokio::test]
async fn a_filter_that_names_nobody_is_told_at_the_start_however_its_events_come() {
    let scene = Scene::new();
    let named = |trigger: &str, owner: &str| Listener {
        options: json!({"filter": {"owner": owner}}).to_string(),
        ..on(trigger)
    };
    let refused = async |listeners: Vec<Listener>| {
        let ingress = scene.open_for(listeners, scene.options()).await.unwrap();
        match ingress.settle().await {
            Err(ListenError::Call(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    // At the first poll of a feed.
    let told = refused(vec![named("person.created", "rkaja")]).await;
    assert!(told.contains("Rana Kaya"), "{told}");
    // It is known what the feed told: another listener comes.
    let ingress = scene
        .open(&["person.created"], scene.options())
        .await
        .unwrap();
    ingress.settle().await.unwrap();
    drop(ingress);
    let told = refused(vec![on("person.created"), named("person.updated", "rkaja")]).await;
    assert!(told.contains("Rana Kaya"), "{told}");
    // It comes by hook alone.
    let told = refused(vec![named("project.moved", "rkaja")]).await;
    assert!(told.contains("Rana Kaya"), "{told}");
    let right = vec![
        named("person.created", "rkaya"),
        named("project.moved", "rkaya"),
    ];
    let ingress = scene.open_for(right, scene.options()).await.unwrap();
    ingress.settle().await.unwrap();
}

#[tokio::test]
async fn what_the_connection_wrote_itself_is_marked_for_ten_minutes_and_skipped_where_asked() {
    let scene = Scene::new();
    let person = scene.person("Inês").await;
    scene.later(3_600);
    let quiet = Listener {
        id: "without our own".into(),
        ..on("person.updated")
    };
    let options = ListenOptions {
        skip_own: [quiet.id.clone()].into(),
        ..scene.options()
    };
    let listeners = vec![on("person.updated"), quiet];
    let ingress = scene.open_for(listeners, options).await.unwrap();
    ingress.settle().await.unwrap();
    ingress.poll_due().await.unwrap();
    let update = async |title: &str, ours: bool, pause: u64| {
        let change = json!({"id": person, "jobTitle": title});
        let answer = scene.done("people.update", change).await;
        if ours {
            let noted = ingress.wrote("people.update", &answer.to_string()).await;
            assert!(noted.unwrap());
        }
        scene.later(pause);
        scene.deliver(&ingress).await;
        work(&ingress).await;
        scene.later(10);
    };
    update("Buyer", true, 0).await;
    update("Owner", false, 0).await;
    update("Board", true, 601).await;
    let given = lines(&ingress).await;
    let told: Vec<_> = given
        .iter()
        .map(|line| {
            let title = line["data"]["jobTitle"].as_str().unwrap();
            (
                line["listener"].as_str().unwrap(),
                title,
                line["own"] == true,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("person.updated", "Buyer", true),
            ("person.updated", "Owner", false),
            ("without our own", "Owner", false),
            ("person.updated", "Board", false),
            ("without our own", "Board", false),
        ]
    );
    // Neither an answer that is no record nor an operation of which nothing is told.
    assert!(!ingress.wrote("people.delete", "null").await.unwrap());
    let tag = r#"{"id": 7, "updatedAt": "2026-02-25T06:13:20Z"}"#;
    assert!(!ingress.wrote("tags.update", tag).await.unwrap());
}

/// The engine's machine is up for a while: polls, and gives out what it has, unless it goes down before it does.
async fn up(scene: &Scene, listeners: &[Listener], minutes: u64, gives: bool) {
    let options = ListenOptions {
        public_url: None,
        ..scene.options()
    };
    let ingress = scene.open_for(listeners.to_vec(), options).await.unwrap();
    let mut outlet = FileOutlet::open(&scene.path("events.jsonl")).unwrap();
    ingress.catch_up(&mut outlet).await.unwrap();
    ingress.settle().await.unwrap();
    for _ in 0..minutes {
        ingress.poll_due().await.unwrap();
        while gives && ingress.give_once(&mut outlet).await.unwrap() {}
        scene.later(60);
    }
}

#[tokio::test]
async fn what_becomes_the_case_is_given_once_however_often_the_listener_stops_and_starts() {
    const HOUR: i64 = 3_600;
    let scene = Scene::new();
    let with = |trigger: &str, options: Value| Listener {
        options: options.to_string(),
        ..on(trigger)
    };
    let listeners = [
        on("task.due"),
        on("task.overdue"),
        with("opportunity.stale", json!({"days": 1})),
        with("opportunity.close-date-near", json!({"days": 2})),
    ];
    let milestones = scene.done("settings.list-milestones", json!({})).await;
    let milestones = milestones["items"].as_array().unwrap();
    let open = milestones.iter().find(|one| one["complete"] == false);
    let open = open.unwrap()["id"].clone();
    let party = scene.person("Inês").await;
    let text = |at: i64| jiff::Timestamp::from_second(at).unwrap().to_string();
    let now = || scene.fake.clock().now().as_second();
    let task = async |due: i64| {
        let due = text(due);
        let task = json!({"description": "Call", "dueOn": due[..10], "dueTime": due[11..19]});
        scene.done("tasks.create", task).await["id"].clone()
    };
    let deal = async |close: Option<&str>| {
        let deal =
            json!({"name": "Roof", "party": party, "milestone": open, "expectedCloseOn": close});
        scene.done("opportunities.create", deal).await["id"].clone()
    };
    // The case already when the listener begins, and no news.
    let old = task(now() - HOUR).await;
    up(&scene, &listeners, 1, true).await;

    let mut ours = vec![old];
    let mut expected = Vec::new();
    let begun = now();
    // While it listens, while it does not, and whenever it starts.
    for n in 0..40 {
        let due = begun + n * 71 * 60;
        let task = task(due).await;
        expected.push(format!("task.due:{task}:{}", text(due)));
        expected.push(format!("task.overdue:{task}:{}", text(due)));
        ours.push(task);
    }
    for (close, near) in [("2026-03-01", "2026-02-27"), ("2026-03-02", "2026-02-28")] {
        let deal = deal(Some(close)).await;
        let stale = text(now() + 24 * HOUR);
        expected.push(format!(
            "opportunity.close-date-near:{deal}:{near}T00:00:00Z"
        ));
        expected.push(format!("opportunity.stale:{deal}:{stale}"));
        ours.push(deal);
    }
    // Never the case: completed before it was due.
    let early = task(begun + 20 * HOUR).await;
    scene.done("tasks.complete", json!({"id": early})).await;
    ours.push(early);

    for n in 0.. {
        if now() > begun + 48 * HOUR {
            break;
        }
        // A new opportunity rests from now on.
        if n % 8 == 0 && now() < begun + 20 * HOUR {
            let deal = deal(None).await;
            let stale = text(now() + 24 * HOUR);
            expected.push(format!("opportunity.stale:{deal}:{stale}"));
            ours.push(deal);
        }
        up(&scene, &listeners, 1 + n * 7 % 23, n % 3 != 0).await;
        scene.later(n * 13 % 150 * 60);
    }
    up(&scene, &listeners, 30, true).await;

    let given = std::fs::read_to_string(scene.path("events.jsonl")).unwrap();
    let given = given.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    });
    // The account has others, of its own.
    let ours: Vec<String> = ours.iter().map(|id| format!(":{id}:")).collect();
    let mut given: Vec<String> = given
        .filter(|id| ours.iter().any(|ours| id.contains(ours)))
        .collect();
    given.sort();
    expected.sort();
    assert_eq!(given, expected);
}
