//! Deliveries.

use super::*;
use crate::bindings::integration::connector::types::{Error, PermanentError};
use proptest::prelude::*;

fn deliver(script: Script, body: &[u8], listeners: &[Listener]) -> Result<Reply, Error> {
    let (client, _) = script.client();
    let delivery = Delivery {
        method: "POST".into(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_vec(),
    };
    block_on(handle_delivery(&client, &delivery, listeners))
}

#[track_caller]
fn given(event: &str, items: Value, listeners: &[Listener]) -> Reply {
    let body = json!({"event": event, "payload": items}).to_string();
    deliver(Script::new(), body.as_bytes(), listeners).unwrap()
}

const T: &str = "2026-02-03T09:00:00Z";
const BEFORE: &str = "2026-02-01T09:00:00Z";

#[test]
fn a_delivery_with_three_records_gives_three_events() {
    let items = json!([person(1, T, T), person(2, T, T), person(3, T, T)]);
    let reply = given("party/created", items, &on(&["person.created"]));
    assert_eq!(
        ids(&reply.events),
        [
            "person.created:1:2026-02-03T09:00:00Z",
            "person.created:2:2026-02-03T09:00:00Z",
            "person.created:3:2026-02-03T09:00:00Z"
        ]
    );
    assert_eq!((reply.status, reply.refused), (202, None));
}

#[test]
fn each_listener_gets_its_own_event_and_organisations_are_no_people() {
    let reply = given(
        "party/created",
        json!([person(1, T, T)]),
        &on(&[
            "person.created",
            "party.created",
            "organisation.created",
            "person.updated",
            "task.created",
        ]),
    );
    let who: Vec<&str> = reply
        .events
        .iter()
        .map(|event| event.listener.as_str())
        .collect();
    assert_eq!(who, ["on person.created", "on party.created"]);
}

#[test]
fn the_data_is_the_record_as_operations_give_it() {
    let mut item = person(1, BEFORE, T);
    item["tags"] = json!([{"id": 1, "name": "VIP"}]);
    item["enrichment"] = json!(null);
    let reply = given("party/updated", json!([item]), &on(&["person.updated"]));
    let data: Value = serde_json::from_str(&reply.events[0].data).unwrap();
    assert_eq!(
        (&data["id"], &data["updatedAt"], &data["owner"]["username"]),
        (&json!(1), &json!(T), &json!("rkaya"))
    );
    // Another listener's hook asked for them; and what is unknown is left out.
    assert_eq!((data.get("tags"), data.get("enrichment")), (None, None));
    assert_eq!(reply.events[0].occurred_at.as_deref(), Some(T));
}

#[test]
fn creation_and_edit_in_one_second_are_one_creation() {
    assert!(
        given(
            "party/updated",
            json!([person(1, T, T)]),
            &on(&["party.updated"])
        )
        .events
        .is_empty()
    );
}

#[test]
fn an_opportunity_that_is_won_is_closed_and_not_lost() {
    let item = opportunity(7, T, T, 100, Some("2026-02-03"));
    let reply = given(
        "opportunity/closed",
        json!([item]),
        &on(&["opportunity.closed", "opportunity.won", "opportunity.lost"]),
    );
    assert_eq!(
        ids(&reply.events),
        [
            "opportunity.closed:7:2026-02-03T09:00:00Z",
            "opportunity.won:7:2026-02-03T09:00:00Z"
        ]
    );
}

#[test]
fn a_move_from_won_to_lost_is_seen_without_a_close() {
    let item = opportunity(7, T, T, 0, Some("2026-02-03"));
    for event in ["opportunity/moved", "opportunity/updated"] {
        assert_eq!(
            ids(&given(event, json!([item]), &on(&["opportunity.lost"])).events),
            ["opportunity.lost:7:2026-02-03T09:00:00Z"],
            "{event}"
        );
    }
}

#[test]
fn an_edit_long_after_a_close_is_no_close() {
    let item = opportunity(7, "2026-01-02T09:00:00Z", T, 100, Some("2026-01-02"));
    assert!(
        given(
            "opportunity/updated",
            json!([item]),
            &on(&["opportunity.closed"])
        )
        .events
        .is_empty()
    );
    // Capsule says that it is one: it is believed.
    assert_eq!(
        given(
            "opportunity/closed",
            json!([item]),
            &on(&["opportunity.closed"])
        )
        .events
        .len(),
        1
    );
}

#[test]
fn a_lost_reason_is_judged() {
    let item = opportunity(7, T, T, 0, Some("2026-02-03"));
    for (reason, count) in [
        (json!("price"), 1),
        (json!(2), 1),
        (json!("Time"), 0),
        (json!(3), 0),
    ] {
        let reply = given(
            "opportunity/closed",
            json!([item]),
            &[listener("opportunity.lost", json!({"reason": reason}))],
        );
        assert_eq!(reply.events.len(), count, "{reason}");
    }
}

#[test]
fn projects_move_by_hook_with_the_time_of_the_change_and_answer_to_case() {
    let item = json!({"id": 5, "name": "Roof", "status": "CLOSED", "closedOn": "2026-02-03", "createdAt": BEFORE, "updatedAt": T});
    assert_eq!(
        ids(&given("kase/moved", json!([item]), &on(&["case.moved"])).events),
        ["project.moved:5:2026-02-03T09:00:00Z"]
    );
    assert_eq!(
        ids(&given("kase/closed", json!([item]), &on(&["project.closed"])).events),
        ["project.closed:5:2026-02-03"]
    );
}

#[test]
fn a_completed_task_is_told_by_its_completion() {
    let item = json!({"id": 5, "status": "COMPLETED", "completedAt": BEFORE, "createdAt": BEFORE, "updatedAt": T});
    assert_eq!(
        ids(&given("task/completed", json!([item]), &on(&["task.completed"])).events),
        ["task.completed:5:2026-02-01T09:00:00Z"]
    );
}

#[test]
fn equal_users_are_one_event_and_others_are_not() {
    let of = |name: &str| {
        given(
            "user/updated",
            json!([{"id": 31, "name": name}]),
            &on(&["user.updated"]),
        )
        .events
        .remove(0)
        .id
    };
    assert_eq!(of("Rana"), of("Rana"));
    assert_ne!(of("Rana"), of("Rene"));
    assert_eq!(of("Rana").rsplit(':').next().unwrap().len(), 32);
}

#[test]
fn what_capsule_sends_can_be_had_untouched() {
    let all = [listener(
        "capsule.event",
        json!({"events": ["party/updated"]}),
    )];
    let reply = given("party/updated", json!([{"id": 3, "new": [1.5]}]), &all);
    let data: Value = serde_json::from_str(&reply.events[0].data).unwrap();
    assert_eq!(
        (&data["event"], &data["payload"]),
        (&json!("party/updated"), &json!(r#"{"id":3,"new":[1.5]}"#))
    );
    assert!(
        given("party/created", json!([{"id": 3}]), &all)
            .events
            .is_empty()
    );
}

#[test]
fn filters_are_judged_on_what_was_sent() {
    let mut item = person(1, T, T);
    item["tags"] = json!([{"id": 8, "name": "VIP"}]);
    item["fields"] = json!([{"id": 1, "definition": {"id": 46, "name": "Size"}, "value": "12"}]);
    for (filter, count) in [
        (json!({"owner": 31}), 1),
        (json!({"owner": "rkaya"}), 1),
        (json!({"owner": "rana kaya"}), 1),
        (json!({"owner": 32}), 0),
        (json!({"team": "Sales"}), 0),
        (json!({"tag": "vip"}), 1),
        (json!({"tag": 9}), 0),
        (json!({"fields": {"46": 12}}), 1),
        (json!({"fields": {"Size": "12"}}), 1),
        (json!({"fields": {"Size": 13}}), 0),
        (json!({"owner": 31, "tag": 9}), 0),
    ] {
        let reply = given(
            "party/created",
            json!([item]),
            &[listener("person.created", json!({"filter": filter}))],
        );
        assert_eq!(reply.events.len(), count, "{filter}");
    }
}

#[test]
fn a_filter_by_pipeline_reads_the_milestones_once() {
    let script = Script::new().on(
        "GET",
        "/api/v2/milestones/all?page=1&perPage=100",
        200,
        json!({"milestones": [{"id": 4, "name": "Won", "pipeline": {"id": 1, "name": "Sales"}}]}),
    );
    let body =
        json!({"event": "opportunity/updated", "payload": [opportunity(7, BEFORE, T, 50, None)]})
            .to_string();
    let all = [
        listener(
            "opportunity.updated",
            json!({"filter": {"pipeline": "sales"}}),
        ),
        listener("opportunity.updated", json!({"filter": {"pipeline": 2}})),
    ];
    assert_eq!(
        deliver(script, body.as_bytes(), &all).unwrap().events.len(),
        1
    );
}

#[test]
fn what_a_delivery_lacks_is_read_again_ten_at_a_time() {
    let items: Vec<Value> = (1..=11).map(|id| person(id, T, T)).collect();
    let with = |id: u64| {
        let mut one = person(id, T, T);
        one["tags"] = json!([{"id": 8, "name": "VIP"}]);
        one
    };
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/parties/1,2,3,4,5,6,7,8,9,10?embed=tags",
            200,
            json!({"parties": (1..=10).map(with).collect::<Vec<_>>()}),
        )
        .on(
            "GET",
            "/api/v2/parties/11?embed=tags",
            404,
            json!({"message": "party not found"}),
        );
    let body = json!({"event": "party/created", "payload": items}).to_string();
    let reply = deliver(
        script,
        body.as_bytes(),
        &[listener(
            "person.created",
            json!({"enrich": {"tags": true}}),
        )],
    )
    .unwrap();
    assert_eq!(reply.events.len(), 10);
    assert!(reply.events[0].data.contains("VIP"));
}

#[test]
fn a_verified_change_carries_the_record_as_it_is_now() {
    let script = Script::new().on(
        "GET",
        "/api/v2/parties/1",
        200,
        json!({"party": person(1, BEFORE, "2026-02-03T09:00:05Z")}),
    );
    let body = json!({"event": "party/updated", "payload": [person(1, BEFORE, T)]}).to_string();
    let reply = deliver(
        script,
        body.as_bytes(),
        &[listener("person.updated", json!({"verify": true}))],
    )
    .unwrap();
    assert_eq!(
        ids(&reply.events),
        ["person.updated:1:2026-02-03T09:00:05Z"]
    );
}

#[test]
fn a_deletion_is_verified_unless_the_listener_says_no() {
    let body = json!({"event": "party/deleted", "payload": [{"id": 1}, {"id": 2}]}).to_string();
    let script = Script::new()
        .on("GET", "/api/v2/parties/1,2", 404, Value::Null)
        .on("GET", "/api/v2/parties/1", 404, Value::Null)
        .on(
            "GET",
            "/api/v2/parties/2",
            200,
            json!({"party": person(2, T, T)}),
        );
    let reply = deliver(script, body.as_bytes(), &on(&["party.deleted"])).unwrap();
    assert_eq!(ids(&reply.events), ["party.deleted:1:"]);
    assert!(reply.refused.unwrap().contains("still there"));
    let plain = given(
        "party/deleted",
        json!([{"id": 1}]),
        &[listener("party.deleted", json!({"verify": false}))],
    );
    assert_eq!(plain.events[0].data, r#"{"id":1,"isRestricted":false}"#);
}

#[test]
fn more_than_thirty_records_to_read_again_are_left_to_a_poll() {
    let items: Vec<Value> = (1..=31).map(|id| json!({"id": id})).collect();
    let reply = given(
        "party/deleted",
        Value::Array(items),
        &on(&["party.deleted"]),
    );
    assert!(reply.events.is_empty() && reply.refused.unwrap().contains("Poll"));
}

#[test]
fn what_is_not_capsules_gives_no_event_says_why_and_is_answered_202() {
    let all = on(&["person.created"]);
    for (body, why) in [
        ("", "not JSON"),
        ("[]", "no event"),
        (r#"{"event":"party/exploded","payload":[]}"#, "no event"),
        (r#"{"event":"party/created"}"#, "payload"),
        (r#"{"event":"party/created","payload":{}}"#, "payload"),
        (r#"{"event":"party/created","payload":[]}"#, "empty"),
        (
            r#"{"event":"party/created","payload":[{"id":-1},{"id":"2"},7,null]}"#,
            "4 of the 4",
        ),
        (
            r#"{"event":"party/created","payload":[{"id":1,"type":"person","createdAt":"2026-02-03T09:00:00Z","addresses":7}]}"#,
            "another shape",
        ),
    ] {
        let reply = deliver(Script::new(), body.as_bytes(), &all).unwrap();
        assert!(reply.events.is_empty() && reply.status == 202, "{body}");
        assert!(
            reply.refused.as_deref().unwrap().contains(why),
            "{body}: {:?}",
            reply.refused
        );
    }
}

#[test]
fn a_body_of_many_values_is_refused_before_it_is_read() {
    let body = format!(
        r#"{{"event":"party/created","payload":[{}0]}}"#,
        "0,".repeat(600_000)
    );
    assert!(
        deliver(Script::new(), body.as_bytes(), &on(&["person.created"]))
            .unwrap()
            .refused
            .unwrap()
            .contains("500000")
    );
}

#[test]
fn a_good_record_beside_a_bad_one_is_given() {
    let reply = given(
        "party/created",
        json!([7, person(1, T, T)]),
        &on(&["person.created"]),
    );
    assert_eq!((reply.events.len(), reply.refused.is_some()), (1, true));
}

#[test]
fn a_trigger_that_does_not_exist_is_named_with_the_nearest() {
    let error = deliver(Script::new(), b"{}", &on(&["person.create"])).unwrap_err();
    assert!(
        matches!(error, Error::Permanent(PermanentError::Unsupported(fault)) if fault.message.contains("person.created"))
    );
}

#[test]
fn options_that_do_not_fit_are_pointed_at() {
    let error = deliver(
        Script::new(),
        b"{}",
        &[listener("person.created", json!({"filter": {"stage": 1}}))],
    )
    .unwrap_err();
    assert!(
        matches!(error, Error::Permanent(PermanentError::InvalidInput(faults)) if faults[0].pointer == "/listeners/0/options/filter/stage")
    );
}

#[test]
fn the_typed_face_gives_the_same() {
    let (client, _) = Script::new().client();
    let body = json!({"event": "party/created", "payload": [person(1, T, T)]}).to_string();
    let options = typed::PartyOptions {
        filter: None,
        enrich: None,
        verify: false,
    };
    let listeners = vec![typed::EventListener {
        id: "a".into(),
        trigger: typed::Trigger::PersonCreated(options),
        mode: None,
    }];
    let outcome = block_on(handle_typed(
        &client,
        typed::HookDelivery { body, listeners },
    ))
    .unwrap();
    assert_eq!(
        outcome.events[0].id,
        "person.created:1:2026-02-03T09:00:00Z"
    );
    assert!(matches!(&outcome.events[0].data, typed::EventData::Party(party) if party.id == 1));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!(T))
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map(
                prop_oneof![
                    "[a-z]{1,6}",
                    Just("id".to_owned()),
                    Just("createdAt".to_owned()),
                    Just("updatedAt".to_owned()),
                    Just("type".to_owned()),
                    Just("fields".to_owned()),
                    Just("tags".to_owned())
                ],
                inner,
                0..6
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Listeners of everything that reads nothing again.
fn everybody() -> Vec<Listener> {
    crate::contract::TRIGGERS
        .iter()
        .map(|trigger| {
            let options = match trigger.data {
                "deleted" => json!({"verify": false}),
                "raw" => json!({"events": trigger.hooks}),
                "matched" => json!({"entity": "parties", "filter": 5}),
                _ => json!({}),
            };
            listener(trigger.id, options)
        })
        .collect()
}

proptest! {
    #[test]
    fn any_bytes_are_answered_202_without_an_event(body: Vec<u8>) {
        let reply = deliver(Script::new(), &body, &everybody()).unwrap();
        prop_assert!(reply.status == 202 && reply.events.is_empty() && reply.refused.is_some());
    }

    #[test]
    fn any_items_give_events_of_records_with_an_id_alone(
        event in prop::sample::select(hook_events()),
        items in proptest::collection::vec(any_json(), 1..5),
    ) {
        let body = json!({"event": event, "payload": items}).to_string();
        let reply = deliver(Script::new(), body.as_bytes(), &everybody()).unwrap();
        for event in &reply.events {
            prop_assert!(items.iter().any(|item| item["id"].as_u64().is_some_and(|id| id > 0 && id.to_string() == event.record_id)));
        }
    }
}
