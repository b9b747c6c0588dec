//! Operations as an engine calls them: JSON in, the requests that go out, JSON or an error back.

mod administration;
mod answers;
mod api;
mod bad_input;
mod create;
mod custom_fields;
mod files;
mod filter;
mod find;
mod hooks;
mod leads;
mod many;
mod opportunities;
mod paging;
mod parties;
mod projects;
mod settings;
mod sync;
mod tags;
mod tasks;
mod timeline;
mod tracks;
mod typed;
mod update;
mod upsert;

use super::invoke;
use crate::api::script::{Log, Script, block_on};
use crate::bindings::integration::connector::types::{
    Ambiguity, Error, Fault, PermanentError, TransientError, Violation,
};
use serde_json::{Value, json};

/// Where filters go, with the first page that is asked for.
const FILTER: &str = "/api/v2/parties/filters/results?embed=meta&page=1&perPage=100";
/// The same, with tags and fields to compare.
const FILTER_TO_COMPARE: &str =
    "/api/v2/parties/filters/results?embed=tags,fields,meta&page=1&perPage=100";
/// Where the definitions of custom fields are.
const DEFINITIONS: &str = "/api/v2/parties/fields/definitions?page=1&perPage=100";
/// Where the users are.
const USERS: &str = "/api/v2/users?page=1&perPage=100";
/// Where the teams are.
const TEAMS: &str = "/api/v2/teams?page=1&perPage=100";

/// Plays a script: what the operation gave, and what was sent.
fn play(script: Script, id: &str, input: &Value) -> (Result<Value, Error>, Log) {
    let (client, log) = script.client();
    let result = block_on(invoke(&client, id, &input.to_string()));
    (
        result.map(|output| serde_json::from_str(&output).unwrap()),
        log,
    )
}

/// What an operation gave that has to succeed.
#[track_caller]
fn done(script: Script, id: &str, input: &Value) -> (Value, Log) {
    let (result, log) = play(script, id, input);
    (result.unwrap(), log)
}

/// The error of an operation that has to fail.
#[track_caller]
fn failed(script: Script, id: &str, input: &Value) -> Error {
    play(script, id, input).0.unwrap_err()
}

/// The violations of an operation that has to fail by its input.
#[track_caller]
fn violations(script: Script, id: &str, input: &Value) -> Vec<Violation> {
    match failed(script, id, input) {
        Error::Permanent(PermanentError::InvalidInput(violations)) => violations,
        other => panic!("{other:?}"),
    }
}

/// Pointer and rule of the violations.
#[track_caller]
fn pointers(script: Script, id: &str, input: &Value) -> Vec<(String, String)> {
    violations(script, id, input)
        .into_iter()
        .map(|one| (one.pointer, one.rule))
        .collect()
}

/// The one place where a name is ambiguous, with the candidates' ids and labels.
#[track_caller]
fn ambiguity(script: Script, id: &str, input: &Value) -> (String, Vec<(String, String)>) {
    match failed(script, id, input) {
        Error::Permanent(PermanentError::Ambiguous(mut all)) => {
            let Ambiguity {
                pointer,
                candidates,
            } = all.pop().unwrap();
            assert!(all.is_empty());
            (
                pointer,
                candidates
                    .into_iter()
                    .map(|one| (one.id, one.label))
                    .collect(),
            )
        }
        other => panic!("{other:?}"),
    }
}

/// The name of an error's case, and its fault.
#[track_caller]
fn fault(error: Error) -> (&'static str, Fault) {
    match error {
        Error::Permanent(PermanentError::Unauthenticated(fault)) => ("unauthenticated", fault),
        Error::Permanent(PermanentError::Forbidden(fault)) => ("forbidden", fault),
        Error::Permanent(PermanentError::NotFound(fault)) => ("not-found", fault),
        Error::Permanent(PermanentError::TooLarge(fault)) => ("too-large", fault),
        Error::Permanent(PermanentError::Unsupported(fault)) => ("unsupported", fault),
        Error::Permanent(PermanentError::StaleCursor(fault)) => ("stale-cursor", fault),
        Error::Permanent(PermanentError::OutcomeUnknown(fault)) => ("outcome-unknown", fault),
        Error::Permanent(PermanentError::Incomplete(fault)) => ("incomplete", fault),
        Error::Permanent(PermanentError::MalformedResponse(fault)) => ("malformed-response", fault),
        Error::Transient(TransientError::Unavailable(fault)) => ("unavailable", fault),
        Error::Transient(TransientError::TimedOut(fault)) => ("timed-out", fault),
        other => panic!("{other:?}"),
    }
}

/// One object over another: its keys win.
fn over(mut base: Value, changes: Value) -> Value {
    if let (Value::Object(base), Value::Object(changes)) = (&mut base, changes) {
        base.extend(changes);
    }
    base
}

/// A person as Capsule stores it, with what is different here.
fn person(id: u64, changes: Value) -> Value {
    let base = json!({
        "id": id, "type": "person", "firstName": "Ines", "lastName": "Duarte", "title": null, "jobTitle": null, "about": null,
        "organisation": null, "owner": null, "team": null, "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z",
        "lastContactedAt": null, "pictureURL": null, "enrichment": null,
        "phoneNumbers": [], "addresses": [], "emailAddresses": [], "websites": [],
    });
    over(base, changes)
}

/// An organisation as Capsule stores it.
fn organisation(id: u64, name: &str) -> Value {
    json!({
        "id": id, "type": "organisation", "name": name, "about": null, "owner": null, "team": null,
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z", "lastContactedAt": null, "pictureURL": null,
        "phoneNumbers": [], "addresses": [], "emailAddresses": [], "websites": [],
    })
}

/// The answer with one party.
fn one(party: &Value) -> Value {
    json!({ "party": party })
}

/// The answer with several parties.
fn all(parties: &[Value]) -> Value {
    json!({ "parties": parties })
}

/// A definition of a custom field.
fn definition(id: u64, name: &str, kind: &str) -> Value {
    json!({"id": id, "name": name, "type": kind, "description": null, "tag": null, "captureRule": null, "important": false})
}

/// The answer with definitions.
fn definitions(all: &[Value]) -> Value {
    json!({ "definitions": all })
}

/// The filter that looks for parties of a kind by one condition.
fn looks_for(kind: &str, field: &str, operator: &str, value: Value) -> Value {
    json!({"filter": {"conditions": [
        {"field": "type", "operator": "is", "value": kind},
        {"field": field, "operator": operator, "value": value},
    ]}})
}
