//! Examples of events.

use super::*;
use crate::bindings::integration::connector::types::Error;

fn run(script: Script, listener: &Listener, limit: u32) -> Result<Vec<Event>, Error> {
    let (client, _) = script.client();
    block_on(sample(&client, listener, limit))
}

const FILTERED: &str = "/api/v2/parties/filters/results?page=1&perPage=100";
const EARLY: &str = "2026-02-01T09:00:00Z";
const LATE: &str = "2026-02-03T09:00:00Z";

#[test]
fn the_newest_come_first_and_no_more_than_asked_for() {
    let rows = json!({"parties": [person(1, EARLY, LATE), person(2, LATE, LATE), person(3, EARLY, EARLY)]});
    let (client, log) = Script::new().on("POST", FILTERED, 200, rows).client();
    let events = block_on(sample(&client, &listener("person.created", json!({})), 2)).unwrap();
    assert_eq!(
        ids(&events),
        [
            format!("person.created:2:{LATE}"),
            format!("person.created:1:{EARLY}")
        ]
    );
    assert_eq!(
        log.sent(0).json(),
        json!({"filter": {"conditions": [{"field": "type", "operator": "is", "value": "person"}],
            "orderBy": [{"field": "addedOn", "direction": "descending"}]}})
    );
}

#[test]
fn examples_are_those_that_the_listener_would_get() {
    let rows = json!({"parties": [person(1, EARLY, LATE), person(2, LATE, LATE)]});
    let script = Script::new().on("POST", FILTERED, 200, rows);
    // The second was never changed.
    let events = run(script, &listener("party.updated", json!({})), 5).unwrap();
    assert_eq!(ids(&events), [format!("party.updated:1:{LATE}")]);
    let rows = json!({"parties": [person(1, EARLY, LATE)]});
    let script = Script::new().on("POST", FILTERED, 200, rows);
    let filter = json!({"filter": {"owner": 32}});
    assert!(
        run(script, &listener("party.created", filter), 5)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_example_of_a_deletion_is_one_of_the_last_ninety_days() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/users/current",
            200,
            json!({"user": {"id": 31}}),
        )
        .with("date", NOW)
        .on(
            "GET",
            "/api/v2/parties/deleted?since=2025-11-05T09%3A15%3A00Z",
            200,
            json!({"parties": [{"id": 7, "deletedAt": EARLY}, {"id": 8, "deletedAt": LATE}]}),
        );
    let events = run(script, &listener("party.deleted", json!({})), 1).unwrap();
    assert_eq!(ids(&events), ["party.deleted:8:"]);
    assert_eq!(events[0].occurred_at.as_deref(), Some(LATE));
}

#[test]
fn an_example_of_a_due_task_is_due_by_capsules_clock() {
    let task = |id: u64, day: &str| json!({"id": id, "description": "Call", "dueOn": day, "status": "OPEN", "updatedAt": EARLY});
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/tasks?status=open&page=1&perPage=100",
            200,
            json!({"tasks": [task(1, "2026-02-02"), task(2, "2026-02-04")]}),
        )
        .with("date", NOW);
    let events = run(script, &listener("task.due", json!({})), 5).unwrap();
    assert_eq!(ids(&events), ["task.due:1:2026-02-02T00:00:00Z"]);
}

#[test]
fn an_example_of_a_resting_opportunity_is_an_open_one() {
    let rows = json!({"opportunities": [opportunity(1, "2026-01-01T08:00:00Z", LATE, 20, None), opportunity(2, LATE, LATE, 20, None)]});
    let script = Script::new()
        .on(
            "POST",
            "/api/v2/opportunities/filters/results?page=1&perPage=100",
            200,
            rows,
        )
        .with("date", NOW);
    let events = run(script, &listener("opportunity.stale", json!({})), 5).unwrap();
    assert_eq!(ids(&events), ["opportunity.stale:1:2026-01-31T08:00:00Z"]);
}

#[test]
fn an_example_of_a_match_is_what_the_saved_filter_finds() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/parties/filters/5/results?page=1&perPage=100",
            200,
            json!({"parties": [person(7, EARLY, LATE)]}),
        )
        .with("date", NOW);
    let matches = listener(
        "record.matches-saved-filter",
        json!({"entity": "parties", "filter": 5}),
    );
    let events = run(script, &matches, 5).unwrap();
    assert_eq!(
        ids(&events),
        ["record.matches-saved-filter:7:2026-02-03T09:15:00Z"]
    );
    let data: Value = serde_json::from_str(&events[0].data).unwrap();
    assert_eq!(data["party"]["firstName"], "Ines");
}

#[test]
fn of_what_capsule_sends_alone_there_are_no_examples() {
    let raw = listener("capsule.event", json!({"events": ["party/created"]}));
    assert!(run(Script::new(), &raw, 3).unwrap().is_empty());
}

#[test]
fn a_number_of_examples_out_of_range_is_refused_before_anything_is_sent() {
    for limit in [0, 101] {
        assert!(run(Script::new(), &listener("person.created", json!({})), limit).is_err());
    }
}
