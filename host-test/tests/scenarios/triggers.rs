use std::collections::BTreeSet;
use std::time::Duration;

use capsule_host::fake::{Clock, Fake, FakeOptions};
use capsule_host::runtime::triggers::{
    Delivery, DeliveryMode, Listener, Position, ReconcileRequest, Report,
};
use serde_json::{Value, json};

use crate::Scene;

const URL: &str = "https://hooks.example/h/Zm9yLXRoaXMtdGVzdA";

/// An account whose time stands still until it is moved.
fn account() -> Fake {
    Fake::new(FakeOptions {
        parties: 5,
        strict_auth: true,
        clock: Clock::manual_at(1_772_000_000),
        ..FakeOptions::default()
    })
}

fn scene() -> Scene {
    let fake = account();
    let token = fake.issue_token("rkaya", "read write").access;
    Scene::with(fake, &token)
}

fn on(triggers: &[&str]) -> Vec<Listener> {
    triggers
        .iter()
        .map(|trigger| Listener {
            id: format!("on {trigger}"),
            trigger: (*trigger).into(),
            options: "{}".into(),
            mode: DeliveryMode::Auto,
        })
        .collect()
}

impl Scene {
    fn later(&self, seconds: u64) {
        self.fake.clock().advance(Duration::from_secs(seconds));
    }

    /// Where a feed stands now.
    async fn now(&self, triggers: &[&str]) -> String {
        let polled = self.connector.call(&self.tenant);
        let batch = polled.poll(on(triggers), Position::Now, 100).await.unwrap();
        assert_eq!(batch.value.events, []);
        batch.value.next
    }

    /// Ids of what happened since, and where the feed stands then.
    async fn polled(&self, triggers: &[&str], cursor: String) -> (BTreeSet<String>, String) {
        let polled = self.connector.call(&self.tenant);
        let batch = polled
            .poll(on(triggers), Position::At(cursor), 100)
            .await
            .unwrap()
            .value;
        assert!(batch.complete && !batch.more, "{:?}", batch.notes);
        let ids = batch.events.into_iter().map(|event| event.id).collect();
        (ids, batch.next)
    }

    /// Ids of what the fake's due deliveries give, each answered as a listener would.
    async fn delivered(&self, triggers: &[&str]) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for due in self.fake.due_deliveries() {
            assert_eq!(due.target_url, URL);
            let delivery = Delivery {
                method: "POST".into(),
                query: String::new(),
                headers: Vec::new(),
                body: due.body.clone().into_bytes(),
            };
            let handled = self.connector.call(&self.tenant);
            let reply = handled
                .handle_delivery(delivery, on(triggers))
                .await
                .unwrap()
                .value;
            assert_eq!((reply.status, &reply.refused), (202, &None), "{}", due.body);
            self.fake.report_delivery(due.id, Some(reply.status));
            ids.extend(reply.events.into_iter().map(|event| event.id));
        }
        ids
    }

    async fn reconciled(&self, listeners: Vec<Listener>) -> Report {
        let request = ReconcileRequest {
            listeners,
            target_url: URL.into(),
            retired_urls: Vec::new(),
            owner: "this test".into(),
        };
        let call = self.connector.call(&self.tenant);
        call.reconcile(request).await.unwrap().value
    }

    async fn id(&self, operation: &str, input: Value) -> u64 {
        self.done(operation, input).await["id"].as_u64().unwrap()
    }
}

const PARTIES: &[&str] = &["person.created", "person.updated", "organisation.created"];
const TASKS: &[&str] = &["task.created", "task.completed"];
const GONE: &[&str] = &["party.deleted"];

#[tokio::test]
async fn a_poll_and_a_delivery_give_the_same_events() {
    let scene = scene();
    let all = [PARTIES, TASKS, GONE].concat();
    let report = scene.reconciled(on(&all)).await;
    assert_eq!(
        (report.created.len(), report.unserved.len()),
        (5, 0),
        "{report:?}"
    );
    // What the account began with is older than the overlap of a feed.
    scene.later(3600);
    let parties = scene.now(PARTIES).await;
    let tasks = scene.now(TASKS).await;
    let gone = scene.now(GONE).await;

    scene.later(60);
    let ines = scene
        .id(
            "people.create",
            json!({"firstName": "Inês", "lastName": "Duarte"}),
        )
        .await;
    scene
        .id("organisations.create", json!({"name": "Lagoa Foods"}))
        .await;
    let call = scene
        .id(
            "tasks.create",
            json!({"description": "Call", "dueOn": "2026-03-01"}),
        )
        .await;
    scene.later(60);
    let by_hook = scene.delivered(&all).await;
    scene
        .done("people.update", json!({"id": ines, "jobTitle": "Buyer"}))
        .await;
    scene.done("tasks.complete", json!({"id": call})).await;
    scene.later(60);
    let by_hook: BTreeSet<String> = &by_hook | &scene.delivered(&all).await;

    let (from_parties, parties) = scene.polled(PARTIES, parties).await;
    let (from_tasks, tasks) = scene.polled(TASKS, tasks).await;
    assert_eq!(by_hook, &from_parties | &from_tasks);
    assert_eq!(
        (from_parties.len(), from_tasks.len()),
        (3, 2),
        "{by_hook:?}"
    );

    scene.done("parties.delete", json!({"id": ines})).await;
    scene.later(60);
    let by_hook = scene.delivered(&all).await;
    let (from_gone, gone) = scene.polled(GONE, gone).await;
    assert_eq!(by_hook, from_gone);
    assert_eq!(
        from_gone,
        BTreeSet::from([format!("party.deleted:{ines}:")])
    );

    // Nothing is given twice.
    scene.later(60);
    for (feed, cursor) in [(PARTIES, parties), (TASKS, tasks), (GONE, gone)] {
        assert_eq!(scene.polled(feed, cursor).await.0, BTreeSet::new());
    }
}

#[tokio::test]
async fn reconciling_twice_is_as_reconciling_once() {
    let scene = scene();
    let listeners = || on(&["person.created", "party.created", "opportunity.won"]);
    let first = scene.reconciled(listeners()).await;
    let events: BTreeSet<&str> = first
        .created
        .iter()
        .map(|hook| hook.event.as_str())
        .collect();
    assert_eq!(
        events,
        BTreeSet::from(["opportunity/closed", "opportunity/moved", "party/created"])
    );
    let second = scene.reconciled(listeners()).await;
    assert_eq!(
        (second.created, second.missed, second.removed),
        (vec![], vec![], vec![])
    );
    let ids = |hooks: Vec<capsule_host::runtime::triggers::Hook>| {
        hooks
            .into_iter()
            .map(|hook| hook.id)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(second.kept), ids(first.created));
    let last = scene.reconciled(Vec::new()).await;
    assert_eq!((last.removed.len(), last.kept.len()), (3, 0));
}

#[tokio::test]
async fn a_hook_that_capsule_dropped_is_made_again_and_told_as_missed() {
    let scene = scene();
    scene.reconciled(on(&["person.created"])).await;
    scene
        .id("people.create", json!({"firstName": "Inês"}))
        .await;
    let due = scene.fake.due_deliveries();
    scene.fake.report_delivery(due[0].id, Some(410));
    let report = scene.reconciled(on(&["person.created"])).await;
    assert_eq!(report.missed, ["party/created"]);
}

#[tokio::test]
async fn samples_are_real_records_of_the_account() {
    let scene = scene();
    let mut listeners = on(&["party.created"]);
    let call = scene.connector.call(&scene.tenant);
    let events = call.sample(listeners.remove(0), 3).await.unwrap().value;
    assert_eq!(events.len(), 3);
    for event in events {
        let record: u64 = event.record_id.parse().unwrap();
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(data, scene.done("parties.get", json!({"id": record})).await);
    }
}
