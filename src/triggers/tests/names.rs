//! Names in filters: looked up once, compared afterwards.

use super::*;
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};

const USERS: &str = "/api/v2/users?page=1&perPage=100";
const TAGS: &str = "/api/v2/parties/tags?page=1&perPage=100";
const MILESTONES: &str = "/api/v2/milestones/all?page=1&perPage=100";
const START: &str = "2026-02-03T09:00:00Z";
const PARTIES: &str = "/api/v2/parties?since=2026-02-03T08%3A55%3A00Z&page=1&perPage=100";

fn users(script: Script) -> Script {
    let rana = json!({"id": 31, "username": "rkaya", "name": "Rana Kaya"});
    script.on("GET", USERS, 200, json!({"users": [rana]}))
}

fn violations(error: Error) -> Vec<Violation> {
    match error {
        Error::Permanent(PermanentError::InvalidInput(violations)) => violations,
        other => panic!("{other:?}"),
    }
}

fn since() -> Position {
    Position::Since(START.into())
}

#[test]
fn a_misspelt_name_is_told_with_the_nearest_before_anything_is_polled() {
    let (client, log) = users(Script::new()).client();
    let all = [
        listener("person.created", json!({"filter": {"owner": "rkaya"}})),
        listener("person.updated", json!({"filter": {"owner": "Rana Kaja"}})),
    ];
    let told = violations(block_on(poll(&client, &all, &since(), 100)).unwrap_err());
    let pointers: Vec<&str> = told.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/listeners/1/options/filter/owner"]);
    assert!(
        told[0].message.contains("`Rana Kaya`"),
        "{}",
        told[0].message
    );
    assert_eq!(log.count(), 1);
}

#[test]
fn a_tag_that_nobody_has_yet_is_noted_once() {
    let tagged = "/api/v2/parties?since=2026-02-03T08%3A55%3A00Z&embed=tags&page=1&perPage=100";
    let script = Script::new()
        .on(
            "GET",
            TAGS,
            200,
            json!({"tags": [{"id": 7, "name": "VIP"}]}),
        )
        .on("GET", tagged, 200, json!({"parties": []}))
        .with("date", NOW);
    let (client, _) = script.client();
    let all = [listener(
        "person.created",
        json!({"filter": {"tag": "VIPS"}}),
    )];
    let first = block_on(poll(&client, &all, &since(), 100)).unwrap();
    assert_eq!(first.notes.len(), 1);
    assert!(first.notes[0].contains("`VIP`"), "{}", first.notes[0]);

    let later = "/api/v2/parties?since=2026-02-03T09%3A09%3A58Z&embed=tags&page=1&perPage=100";
    let script = Script::new()
        .on("GET", later, 200, json!({"parties": []}))
        .with("date", NOW);
    let (client, _) = script.client();
    let second = block_on(poll(&client, &all, &Position::At(first.next), 100)).unwrap();
    assert_eq!(second.notes, [""; 0]);
}

#[test]
fn names_are_looked_up_once_and_again_for_others() {
    let page = |script: Script| {
        script
            .on("GET", PARTIES, 200, json!({"parties": []}))
            .with("date", NOW)
    };
    let by = |owner: &str| {
        [listener(
            "person.created",
            json!({"filter": {"owner": owner}}),
        )]
    };
    let (client, log) = page(users(Script::new())).client();
    let first = block_on(poll(&client, &by("rkaya"), &since(), 100)).unwrap();
    assert_eq!(log.count(), 2);

    let later = "/api/v2/parties?since=2026-02-03T09%3A09%3A58Z&page=1&perPage=100";
    let script = Script::new()
        .on("GET", later, 200, json!({"parties": []}))
        .with("date", NOW);
    let (client, log) = script.client();
    let at = Position::At(first.next);
    block_on(poll(&client, &by("rkaya"), &at, 100)).unwrap();
    assert_eq!(log.count(), 1);

    let (client, _) = users(Script::new()).client();
    let told = violations(block_on(poll(&client, &by("rkaja"), &at, 100)).unwrap_err());
    assert_eq!(told[0].pointer, "/listeners/0/options/filter/owner");
}

#[test]
fn ids_are_taken_at_their_word() {
    let script = Script::new()
        .on("GET", PARTIES, 200, json!({"parties": []}))
        .with("date", NOW);
    let (client, log) = script.client();
    let all = [listener("person.created", json!({"filter": {"owner": 32}}))];
    block_on(poll(&client, &all, &since(), 100)).unwrap();
    assert_eq!(log.count(), 1);
}

#[test]
fn a_name_that_two_have_fits_both() {
    let milestones = json!({"milestones": [
        {"id": 1, "name": "Lead", "pipeline": {"id": 1, "name": "Sales"}},
        {"id": 2, "name": "Lead", "pipeline": {"id": 2, "name": "Renewals"}}]});
    let feed = "/api/v2/opportunities?since=2026-02-03T08%3A55%3A00Z&page=1&perPage=100";
    let lead = opportunity(5, "2026-02-03T09:10:00Z", "2026-02-03T09:10:00Z", 20, None);
    let lead = lead.as_object().cloned().map(|mut lead| {
        lead.insert("milestone".into(), json!({"id": 2, "name": "Lead"}));
        lead
    });
    let script = Script::new()
        .on("GET", MILESTONES, 200, milestones)
        .on("GET", feed, 200, json!({"opportunities": [lead]}))
        .with("date", NOW);
    let (client, _) = script.client();
    let all = [listener(
        "opportunity.moved",
        json!({"filter": {"milestone": "lead"}}),
    )];
    let batch = block_on(poll(&client, &all, &since(), 100)).unwrap();
    assert_eq!(
        ids(&batch.events),
        ["opportunity.moved:5:2026-02-03T09:10:00Z"]
    );
}

#[test]
fn an_example_looks_names_up_too() {
    let (client, _) = users(Script::new()).client();
    let misspelt = listener("project.moved", json!({"filter": {"owner": "Rena"}}));
    let told = violations(block_on(sample(&client, &misspelt, 3)).unwrap_err());
    assert_eq!(told[0].pointer, "/listener/options/filter/owner");
}
