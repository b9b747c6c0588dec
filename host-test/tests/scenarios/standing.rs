//! What is the case at a time: tasks that are due, opportunities that rest or should close, records that a saved filter finds. Each poll runs in
//! a sandbox of its own, so that the cursor is all that lasts from one to the next.

use std::time::Duration;

use capsule_host::fake::{Clock, Fake, FakeOptions};
use capsule_host::runtime::triggers::{DeliveryMode, Event, Listener, Position};
use serde_json::{Value, json};

use crate::Scene;

/// 2026-02-25T06:13:20Z.
const BEGIN: i64 = 1_772_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Listeners of one feed, and how far they have come.
struct Waiting {
    scene: Scene,
    listeners: Vec<Listener>,
    cursor: String,
}

impl Waiting {
    /// From now on.
    async fn for_all(scene: Scene, triggers: &[(&str, Value)]) -> Self {
        let listeners: Vec<Listener> = triggers
            .iter()
            .map(|(trigger, options)| Listener {
                id: (*trigger).into(),
                trigger: (*trigger).into(),
                options: options.to_string(),
                mode: DeliveryMode::Auto,
            })
            .collect();
        let call = scene.connector.call(&scene.tenant);
        let batch = call.poll(listeners.clone(), Position::Now, 100).await;
        let batch = batch.unwrap().value;
        assert_eq!(batch.events, []);
        Self {
            scene,
            listeners,
            cursor: batch.next,
        }
    }

    fn later(&self, seconds: u64) {
        self.scene
            .fake
            .clock()
            .advance(Duration::from_secs(seconds));
    }

    async fn events(&mut self) -> Vec<Event> {
        let call = self.scene.connector.call(&self.scene.tenant);
        let start = Position::At(std::mem::take(&mut self.cursor));
        let batch = call.poll(self.listeners.clone(), start, 100).await;
        let batch = batch.unwrap().value;
        assert!(batch.complete && !batch.more, "{:?}", batch.notes);
        self.cursor = batch.next;
        batch.events
    }

    /// Ids of what became the case since the last time.
    async fn ids(&mut self) -> Vec<String> {
        let events = self.events().await;
        events.into_iter().map(|event| event.id).collect()
    }

    async fn done(&self, operation: &str, input: Value) -> Value {
        self.scene.done(operation, input).await
    }

    async fn id(&self, operation: &str, input: Value) -> u64 {
        self.done(operation, input).await["id"].as_u64().unwrap()
    }
}

/// An account whose time stands still until it is moved. What it was made with is a month old.
fn scene() -> Scene {
    let fake = Fake::new(FakeOptions {
        parties: 5,
        strict_auth: true,
        clock: Clock::manual_at(BEGIN - 30 * 86_400),
        ..FakeOptions::default()
    });
    fake.clock().advance(Duration::from_secs(30 * DAY));
    // Some wait for longer than a token of an application is good for.
    let token = fake.issue_personal_token("rkaya", "read write");
    Scene::with(fake, &token)
}

fn none() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn a_task_becomes_due_once_and_again_when_it_is_put_off() {
    let both = [("task.due", json!({})), ("task.overdue", json!({}))];
    let mut waiting = Waiting::for_all(scene(), &both).await;
    let task = json!({"description": "Call", "dueOn": "2026-02-25", "dueTime": "07:00"});
    let task = waiting.id("tasks.create", task).await;
    assert_eq!(waiting.ids().await, none());
    // It is seven.
    waiting.later(HOUR);
    let at_seven = [
        format!("task.due:{task}:2026-02-25T07:00:00Z"),
        format!("task.overdue:{task}:2026-02-25T07:00:00Z"),
    ];
    assert_eq!(waiting.ids().await, at_seven);
    waiting.later(HOUR);
    assert_eq!(waiting.ids().await, none());

    let later = json!({"id": task, "dueOn": "2026-02-25", "dueTime": "10:00"});
    waiting.done("tasks.update", later).await;
    assert_eq!(waiting.ids().await, none());
    waiting.later(2 * HOUR);
    let at_ten = [
        format!("task.due:{task}:2026-02-25T10:00:00Z"),
        format!("task.overdue:{task}:2026-02-25T10:00:00Z"),
    ];
    assert_eq!(waiting.ids().await, at_ten);

    // Who completes it and opens it again is told the same once more: the id is known.
    waiting.done("tasks.complete", json!({"id": task})).await;
    assert_eq!(waiting.ids().await, none());
    waiting.done("tasks.reopen", json!({"id": task})).await;
    assert_eq!(waiting.ids().await, at_ten);
}

#[tokio::test]
async fn a_task_of_a_day_is_due_when_it_begins_and_overdue_when_it_has_ended() {
    let both = [("task.due", json!({})), ("task.overdue", json!({}))];
    let mut waiting = Waiting::for_all(scene(), &both).await;
    let task = json!({"description": "Call", "dueOn": "2026-02-26"});
    let task = waiting.id("tasks.create", task).await;
    waiting.later(18 * HOUR);
    let due = format!("task.due:{task}:2026-02-26T00:00:00Z");
    assert_eq!(waiting.ids().await, [due]);
    waiting.later(DAY);
    let overdue = format!("task.overdue:{task}:2026-02-27T00:00:00Z");
    assert_eq!(waiting.ids().await, [overdue]);
}

#[tokio::test]
async fn an_opportunity_is_stale_once_for_each_milestone_that_it_rests_at() {
    let stale = [("opportunity.stale", json!({"days": 3}))];
    let mut waiting = Waiting::for_all(scene(), &stale).await;
    let party = waiting.scene.some("parties").await;
    let milestones = waiting
        .scene
        .items("settings.list-milestones", json!({}))
        .await;
    let mut open = milestones.iter().filter(|one| one["complete"] == false);
    let (first, second) = (open.next().unwrap(), open.next().unwrap());
    let deal = json!({"name": "Roof", "party": party, "milestone": first["id"]});
    let deal = waiting.id("opportunities.create", deal).await;
    waiting.later(3 * DAY - 60);
    assert_eq!(waiting.ids().await, none());
    waiting.later(120);
    let rested = format!("opportunity.stale:{deal}:2026-02-28T06:13:20Z");
    assert_eq!(waiting.ids().await, [rested]);
    // Whatever else is changed, it still rests.
    let change = json!({"id": deal, "description": "Slates"});
    waiting.done("opportunities.update", change).await;
    waiting.later(DAY);
    assert_eq!(waiting.ids().await, none());

    let moves = json!({"id": deal, "milestone": second["id"]});
    waiting.done("opportunities.update", moves).await;
    assert_eq!(waiting.ids().await, none());
    waiting.later(3 * DAY + 60);
    let again = format!("opportunity.stale:{deal}:2026-03-04T06:14:20Z");
    assert_eq!(waiting.ids().await, [again]);
}

#[tokio::test]
async fn the_close_of_an_opportunity_comes_near_once_for_each_day_that_it_is_expected() {
    let near = [("opportunity.close-date-near", json!({"days": 2}))];
    let mut waiting = Waiting::for_all(scene(), &near).await;
    let party = waiting.scene.some("parties").await;
    let milestones = waiting
        .scene
        .items("settings.list-milestones", json!({}))
        .await;
    let open = milestones
        .iter()
        .find(|one| one["complete"] == false)
        .unwrap();
    let deal = json!({"name": "Roof", "party": party, "milestone": open["id"], "expectedCloseOn": "2026-02-28"});
    let deal = waiting.id("opportunities.create", deal).await;
    assert_eq!(waiting.ids().await, none());
    waiting.later(18 * HOUR);
    let events = waiting.events().await;
    let id = format!("opportunity.close-date-near:{deal}:2026-02-26T00:00:00Z");
    assert_eq!(events.iter().map(|one| &one.id).collect::<Vec<_>>(), [&id]);
    let data: Value = serde_json::from_str(&events[0].data).unwrap();
    assert_eq!(data["expectedCloseOn"], "2026-02-28");
    waiting.later(HOUR);
    assert_eq!(waiting.ids().await, none());

    let put_off = json!({"id": deal, "expectedCloseOn": "2026-03-05"});
    waiting.done("opportunities.update", put_off).await;
    assert_eq!(waiting.ids().await, none());
    waiting.later(5 * DAY);
    let again = format!("opportunity.close-date-near:{deal}:2026-03-03T00:00:00Z");
    assert_eq!(waiting.ids().await, [again]);
}

#[tokio::test]
async fn a_record_matches_a_saved_filter_each_time_that_it_enters() {
    let scene = scene();
    let conditions =
        json!({"conditions": [{"field": "jobTitle", "operator": "is", "value": "Buyer"}]});
    scene
        .fake
        .save_filter("parties", "Buyers", &conditions)
        .unwrap();
    let options = json!({"entity": "parties", "filter": "Buyers"});
    let matches = [("record.matches-saved-filter", options)];
    let mut waiting = Waiting::for_all(scene, &matches).await;
    let person = json!({"firstName": "Inês", "jobTitle": "Owner"});
    let person = waiting.id("people.create", person).await;
    let of_person = |ids: &[String]| {
        let start = format!("record.matches-saved-filter:{person}:");
        assert!(ids.iter().all(|id| id.starts_with(&start)), "{ids:?}");
        ids.len()
    };
    let title = |title: &str| json!({"id": person, "jobTitle": title});
    assert_eq!(waiting.ids().await, none());

    waiting.later(60);
    waiting.done("people.update", title("Buyer")).await;
    let first = waiting.ids().await;
    assert_eq!(of_person(&first), 1);
    waiting.later(60);
    assert_eq!(waiting.ids().await, none());

    waiting.done("people.update", title("Owner")).await;
    assert_eq!(waiting.ids().await, none());
    waiting.later(60);
    waiting.done("people.update", title("Buyer")).await;
    let again = waiting.ids().await;
    assert_eq!(of_person(&again), 1);
    assert_ne!(again, first);
}

#[tokio::test]
async fn what_is_the_case_from_the_start_and_what_a_misspelt_filter_means_is_not_told() {
    let scene = scene();
    let task = json!({"description": "Call", "dueOn": "2026-02-24"});
    scene.done("tasks.create", task).await;
    let mut waiting = Waiting::for_all(scene, &[("task.overdue", json!({}))]).await;
    waiting.later(60);
    assert_eq!(waiting.ids().await, none());

    let misspelt = Listener {
        id: "misspelt".into(),
        trigger: "task.due".into(),
        options: json!({"filter": {"owner": "rkaja"}}).to_string(),
        mode: DeliveryMode::Auto,
    };
    let call = waiting.scene.connector.call(&waiting.scene.tenant);
    let refused = call.poll(vec![misspelt], Position::Now, 100).await;
    let (case, told) = crate::case_of(refused.unwrap_err().to_json());
    assert_eq!(case, "permanent.invalidInput");
    assert_eq!(told[0]["pointer"], "/listeners/0/options/filter/owner");
}
