//! What has to be given and what may be given, from what the account went through. Written from the rules of docs/triggers.md and from
//! nothing else: it shares no code with the component.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Party,
    Opportunity,
    Project,
    Task,
}

/// A record as it was at one time.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) record: Value,
}

/// An event without its listener: `trigger:record:version`.
pub(crate) type EventId = String;

/// The events that one state tells, each with the time from which on it counts.
fn told(state: &State) -> Vec<(EventId, String)> {
    let record = &state.record;
    let id = &record["id"];
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let (created, updated) = (text("createdAt"), text("updatedAt"));
    let mut told = Vec::new();
    let mut tell = |trigger: &str, version: &str| {
        told.push((format!("{trigger}:{id}:{version}"), version.to_owned()));
    };
    let names: Vec<String> = match state.kind {
        Kind::Party => vec!["party".into(), text("type")],
        Kind::Opportunity => vec!["opportunity".into()],
        Kind::Project => vec!["project".into()],
        Kind::Task => vec!["task".into()],
    };
    for name in names {
        tell(&format!("{name}.created"), &created);
        if updated > created {
            tell(&format!("{name}.updated"), &updated);
        }
    }
    match state.kind {
        Kind::Opportunity => {
            let moved = text("lastStageChangedAt");
            if moved > created {
                tell("opportunity.moved", &moved);
            }
            if !record["closedOn"].is_null() {
                tell("opportunity.closed", &moved);
                let probability = record["probability"].as_u64();
                if probability == Some(100) {
                    tell("opportunity.won", &moved);
                } else if probability == Some(0) {
                    tell("opportunity.lost", &moved);
                }
            }
        }
        Kind::Project if record["status"] == "CLOSED" => {
            tell("project.closed", &text("closedOn"));
        }
        Kind::Task if record["status"] == "COMPLETED" => {
            tell("task.completed", &text("completedAt"));
        }
        _ => {}
    }
    told
}

/// What must be given: of records that exist in the end, what their last state tells and what happened after the listening began; and every
/// deletion since.
pub(crate) fn must(last: &[State], deleted: &[(Kind, u64)], begun: &str) -> BTreeSet<EventId> {
    let day = begun.get(..10).unwrap_or_default();
    let states = last.iter().flat_map(told);
    let after = states.filter(|(_, at)| {
        // A day alone: what was closed on the first day may have been closed before.
        if at.len() == 10 {
            at.as_str() > day
        } else {
            at.as_str() > begun
        }
    });
    after
        .map(|(id, _)| id)
        .chain(deleted.iter().filter_map(deletion))
        .collect()
}

/// What may be given: what any state told that the account was in.
pub(crate) fn may(history: &[State], deleted: &[(Kind, u64)]) -> BTreeSet<EventId> {
    let states = history.iter().flat_map(told).map(|(id, _)| id);
    states.chain(deleted.iter().filter_map(deletion)).collect()
}

fn deletion((kind, id): &(Kind, u64)) -> Option<EventId> {
    let name = match kind {
        Kind::Party => "party",
        Kind::Opportunity => "opportunity",
        Kind::Project => "project",
        Kind::Task => return None,
    };
    Some(format!("{name}.deleted:{id}:"))
}

/// Last changes that were given, but not as the record is: two changes of one second are one version, and the last of them counts.
pub(crate) fn stale(last: &[State], given: &[(String, EventId, Value)]) -> BTreeSet<EventId> {
    let mut stale = BTreeSet::new();
    for state in last {
        let record = &state.record;
        let (trigger, key) = match state.kind {
            Kind::Party => ("party", "about"),
            Kind::Opportunity => ("opportunity", "description"),
            Kind::Project => ("project", "description"),
            Kind::Task => ("task", "detail"),
        };
        let updated = record["updatedAt"].as_str().unwrap_or_default();
        let id = format!("{trigger}.updated:{}:{updated}", record["id"]);
        let carried = given.iter().filter(|(_, one, _)| *one == id);
        let text = |value: &Value| value[key].as_str().unwrap_or_default().to_owned();
        if carried
            .into_iter()
            .any(|(_, _, data)| text(data) != text(record))
        {
            stale.insert(id);
        }
    }
    stale
}
