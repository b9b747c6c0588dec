//! The same change by hook and by poll is one event.

use super::*;
use crate::contract::TRIGGERS;
use proptest::prelude::*;

/// A record of a kind, as Capsule would have it after some changes: created, changed, moved, closed.
fn record(
    kind: &str,
    created: u32,
    changed: u32,
    moved: u32,
    probability: u32,
    closed: bool,
) -> Value {
    // Times after the start of the poll and long enough before its clock.
    let at = |minute: u32| format!("2026-02-03T09:{minute:02}:00Z");
    let (moved, changed) = (created + moved, created + moved + changed);
    let mut record =
        json!({"id": 9, "name": "Roof", "createdAt": at(created), "updatedAt": at(changed)});
    match kind {
        "person" | "organisation" => record["type"] = kind.into(),
        "opportunity" => {
            record["lastStageChangedAt"] = at(moved).into();
            record["probability"] = probability.into();
            record["closedOn"] = if closed {
                json!("2026-02-03")
            } else {
                Value::Null
            };
        }
        "project" => {
            record["status"] = if closed {
                "CLOSED".into()
            } else {
                "OPEN".into()
            };
            record["closedOn"] = if closed {
                json!("2026-02-03")
            } else {
                Value::Null
            };
        }
        _ => {
            record["status"] = if closed {
                "COMPLETED".into()
            } else {
                "OPEN".into()
            };
            record["completedAt"] = if closed {
                at(moved).into()
            } else {
                Value::Null
            };
        }
    }
    record
}

proptest! {
    #[test]
    fn the_same_change_by_hook_and_by_poll_has_the_same_id(
        kind in prop::sample::select(vec!["person", "organisation", "opportunity", "project", "task"]),
        created in 1u32..4, changed in 0u32..4, moved in 0u32..4,
        probability in prop::sample::select(vec![0u32, 50, 100]), closed: bool,
    ) {
        let record = record(kind, created, changed, moved, probability, closed);
        let key = match kind { "opportunity" => "opportunities", "project" => "kases", "task" => "tasks", _ => "parties" };
        let both = TRIGGERS.iter().filter(|one| one.feed == Some(key) && !one.hooks.is_empty());
        for trigger in both {
            let listeners = on(&[trigger.id]);
            let status = if key == "tasks" { "status=open,completed,pending&" } else { "" };
            let target = format!("/api/v2/{key}?since=2026-02-03T08%3A55%3A00Z&{status}page=1&perPage=100");
            let (client, _) = Script::new().on("GET", &target, 200, json!({key: [record.clone()]})).with("date", NOW).client();
            let polled = block_on(poll(&client, &listeners, &Position::Since("2026-02-03T09:00:00Z".into()), 10)).unwrap();
            for event in trigger.hooks {
                let (client, _) = Script::new().client();
                let body = json!({"event": event, "payload": [record.clone()]}).to_string().into_bytes();
                let delivery = Delivery { method: "POST".into(), query: String::new(), headers: Vec::new(), body };
                let hooked = block_on(handle_delivery(&client, &delivery, &listeners)).unwrap();
                prop_assert_eq!(ids(&hooked.events), ids(&polled.events), "{} by {}", trigger.id, event);
                prop_assert_eq!(hooked.events.first().map(|one| &one.data), polled.events.first().map(|one| &one.data));
            }
        }
    }

    #[test]
    fn a_deletion_by_hook_and_by_feed_has_the_same_id(id in 1u64..1 << 50, kind in prop::sample::select(vec![("party", "parties", "party"), ("opportunity", "opportunities", "opportunity"), ("project", "kases", "kase")])) {
        let (trigger, key, event) = kind;
        let listeners = [listener(&format!("{trigger}.deleted"), json!({"verify": false}))];
        let target = format!("/api/v2/{key}/deleted?since=2026-02-03T08%3A55%3A00Z");
        let (client, _) = Script::new().on("GET", &target, 200, json!({key: [{"id": id, "deletedAt": "2026-02-03T09:05:00Z"}]})).with("date", NOW).client();
        let polled = block_on(poll(&client, &listeners, &Position::Since("2026-02-03T09:00:00Z".into()), 10)).unwrap();
        let (client, _) = Script::new().client();
        let body = json!({"event": format!("{event}/deleted"), "payload": [{"id": id}]}).to_string().into_bytes();
        let delivery = Delivery { method: "POST".into(), query: String::new(), headers: Vec::new(), body };
        let hooked = block_on(handle_delivery(&client, &delivery, &listeners)).unwrap();
        prop_assert_eq!(ids(&hooked.events), ids(&polled.events));
    }
}
