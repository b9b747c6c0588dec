//! What has to be given and what may be given, from what the account went through. Written from the rules of docs/triggers.md and from
//! nothing else: it shares no code with the component.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// How long an opportunity rests until it is stale, by the soak's listener.
pub(crate) const STALE_DAYS: i64 = 3;
/// How long before its expected close an opportunity is to be looked after, by the trigger's own default.
const NEAR_DAYS: i64 = 7;
/// How far Capsule's clock may be ahead of what it stamps records with, and a little more.
const AHEAD: i64 = 130;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Party,
    Opportunity,
    Project,
    Task,
    Entry,
}

/// A record as it was from one time on.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) record: Value,
    /// In seconds since 1970.
    pub(crate) seen: i64,
}

impl State {
    fn text(&self, key: &str) -> String {
        self.record[key].as_str().unwrap_or_default().to_owned()
    }
}

/// A record that went, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deleted {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) at: i64,
}

/// A delivery that was handed to the listener.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    pub(crate) event: String,
    pub(crate) items: Vec<Value>,
    /// The listener said that it has it.
    pub(crate) acknowledged: bool,
    pub(crate) at: i64,
}

/// An event without its listener: `trigger:record:version`.
pub(crate) type EventId = String;

/// All that happened to an account.
pub(crate) struct Past<'a> {
    /// Every state of every record, in the order of time.
    pub(crate) history: &'a [State],
    pub(crate) deleted: &'a [Deleted],
    pub(crate) handed: &'a [Handed],
    /// The records in the end.
    pub(crate) last: &'a [State],
    /// From when on nothing may be missed.
    pub(crate) begun: &'a str,
    /// From when on nothing happened any more.
    pub(crate) quiet: i64,
    /// The second of two changes in one second is told. Otherwise it may be taken for the first.
    pub(crate) settles: bool,
}

fn seconds(text: &str) -> Option<i64> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(at.as_second())
}

fn midnight(day: &str) -> Option<i64> {
    seconds(&format!("{day}T00:00:00Z"))
}

/// The events that a state of a record tells of what happened to it, each with the time from which on it counts.
fn told(state: &State) -> Vec<(EventId, String)> {
    let record = &state.record;
    let id = &record["id"];
    let text = |key: &str| state.text(key);
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
        Kind::Entry => {
            if ["note", "email"].contains(&text("type").as_str()) {
                tell("entry.created", &created);
            }
            return told;
        }
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

/// What is the case of a state from a time on, as long as it lasts.
fn standing(state: &State) -> Vec<(EventId, i64)> {
    const DAY: i64 = 86_400;
    let cases = match state.kind {
        Kind::Task if state.record["status"] == "OPEN" => {
            let day = midnight(&state.text("dueOn"));
            let time = format!("{}T{}Z", state.text("dueOn"), state.text("dueTime"));
            let time = seconds(&time);
            vec![
                ("task.due", time.or(day)),
                ("task.overdue", time.or(day.map(|day| day + DAY))),
            ]
        }
        Kind::Opportunity if state.record["closedOn"].is_null() => {
            let moved = seconds(&state.text("lastStageChangedAt"));
            let moved = moved.or_else(|| seconds(&state.text("createdAt")));
            let close = midnight(&state.text("expectedCloseOn"));
            vec![
                ("opportunity.stale", moved.map(|at| at + STALE_DAYS * DAY)),
                (
                    "opportunity.close-date-near",
                    close.map(|at| at - NEAR_DAYS * DAY),
                ),
            ]
        }
        _ => return Vec::new(),
    };
    let id = &state.record["id"];
    let cases = cases.into_iter();
    cases
        .filter_map(|(trigger, at)| {
            let at = at?;
            let version = jiff::Timestamp::from_second(at).ok()?;
            Some((format!("{trigger}:{id}:{version}"), at))
        })
        .collect()
}

/// What deliveries alone tell: moves of projects, and changes of users. Each with its record and the time that orders it, if it has one.
fn by_hook_alone(handed: &Handed) -> Vec<(EventId, u64, String)> {
    let items = handed.items.iter();
    items
        .filter_map(|item| {
            let id = item["id"].as_u64()?;
            let trigger = match handed.event.as_str() {
                "kase/moved" => {
                    let at = item["updatedAt"].as_str()?.to_owned();
                    return Some((format!("project.moved:{id}:{at}"), id, at));
                }
                "user/created" => "user.created",
                "user/updated" => "user.updated",
                "user/deleted" => "user.deleted",
                _ => return None,
            };
            let digest: String = Sha256::digest(canonical(item).as_bytes())
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Some((format!("{trigger}:{id}:{digest}"), id, String::new()))
        })
        .collect()
}

/// JSON with its keys sorted.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            let members: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(array) => {
            let items: Vec<String> = array.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// What must be given: of records that exist in the end, what their last state tells and what happened after the listening began; every
/// deletion since; and what was acknowledged, unless a later move of the same project came before it.
pub(crate) fn must(past: &Past<'_>) -> BTreeSet<EventId> {
    let day = past.begun.get(..10).unwrap_or_default();
    let mut records: BTreeMap<(Kind, Option<u64>), Vec<&State>> = BTreeMap::new();
    for state in past.history {
        let record = (state.kind, state.record["id"].as_u64());
        records.entry(record).or_default().push(state);
    }
    let states = past.last.iter().flat_map(|state| {
        let mut told = told(state);
        if !past.settles {
            let record = (state.kind, state.record["id"].as_u64());
            let hidden = told_late(&records[&record], state);
            told.retain(|(id, _)| !hidden.contains(id));
        }
        told
    });
    let after = states.filter(|(_, at)| {
        // A day alone: what was closed on the first day may have been closed before.
        if at.len() == 10 {
            at.as_str() > day
        } else {
            at.as_str() > past.begun
        }
    });
    let mut must: BTreeSet<EventId> = after.map(|(id, _)| id).collect();
    let begun = seconds(past.begun).unwrap_or_default();
    let gone = past.deleted.iter().filter(|one| one.at > begun);
    must.extend(gone.filter_map(deletion));
    must.extend(standing_now(past));
    let mut latest: BTreeMap<u64, String> = BTreeMap::new();
    for handed in past.handed.iter().filter(|one| one.acknowledged) {
        for (id, record, at) in by_hook_alone(handed) {
            let known = latest.entry(record).or_default();
            if at >= *known {
                *known = at;
                must.insert(id);
            }
        }
    }
    must
}

/// What a state tells that an earlier one of the same second, among the record's states, did not.
fn told_late(states: &[&State], last: &State) -> BTreeSet<EventId> {
    let ids = |state: &State| -> BTreeSet<EventId> {
        told(state).into_iter().map(|(id, _)| id).collect()
    };
    let now = ids(last);
    let stamp = &last.record["updatedAt"];
    let earlier = states
        .iter()
        .filter(|one| one.record["updatedAt"] == *stamp);
    earlier.flat_map(|one| &now - &ids(one)).collect()
}

/// What is the case in the end, and was not when the listening began.
fn standing_now(past: &Past<'_>) -> BTreeSet<EventId> {
    let mut first: BTreeMap<EventId, i64> = BTreeMap::new();
    for state in past.history {
        for (id, at) in standing(state) {
            let since = at.max(state.seen);
            let known = first.entry(id).or_insert(since);
            *known = since.min(*known);
        }
    }
    // From when on each record has told what it tells now.
    let mut lasting: BTreeMap<(Kind, u64), BTreeMap<EventId, i64>> = BTreeMap::new();
    for state in past.history {
        let Some(id) = state.record["id"].as_u64() else {
            continue;
        };
        let before = lasting.remove(&(state.kind, id)).unwrap_or_default();
        let now = standing(state).into_iter().map(|(id, at)| {
            let since = before.get(&id).copied().unwrap_or(at.max(state.seen));
            (id, since)
        });
        lasting.insert((state.kind, id), now.collect());
    }
    let begun = seconds(past.begun).unwrap_or_default() + AHEAD;
    let exist = past.last.iter().flat_map(standing).map(|(id, _)| id);
    let exist: BTreeSet<EventId> = exist.collect();
    let lasting = lasting.into_values().flatten();
    lasting
        .filter(|(id, since)| {
            exist.contains(id)
                && *since <= past.quiet
                && first.get(id).is_some_and(|first| *first > begun)
        })
        .map(|(id, _)| id)
        .collect()
}

/// What may be given, and from when on: what any state told that the account was in.
pub(crate) fn may(past: &Past<'_>) -> BTreeMap<EventId, i64> {
    let mut may: BTreeMap<EventId, i64> = BTreeMap::new();
    let mut let_in = |id: EventId, at: i64| {
        let known = may.entry(id).or_insert(at);
        *known = at.min(*known);
    };
    let mut ends: BTreeMap<(Kind, u64), i64> = BTreeMap::new();
    for state in past.history.iter().rev() {
        for (id, _) in told(state) {
            let_in(id, state.seen);
        }
        let which = (state.kind, state.record["id"].as_u64().unwrap_or_default());
        // What was the case only after the record had changed was never the case.
        let end = ends.insert(which, state.seen);
        for (id, at) in standing(state) {
            if end.is_none_or(|end| at <= end + AHEAD) {
                let_in(id, at.max(state.seen));
            }
        }
    }
    for one in past.deleted {
        if let Some(id) = deletion(one) {
            let_in(id, one.at);
        }
    }
    for handed in past.handed {
        for (id, ..) in by_hook_alone(handed) {
            let_in(id, handed.at);
        }
    }
    may
}

fn deletion(deleted: &Deleted) -> Option<EventId> {
    let name = match deleted.kind {
        Kind::Party => "party",
        Kind::Opportunity => "opportunity",
        Kind::Project => "project",
        Kind::Task | Kind::Entry => return None,
    };
    Some(format!("{name}.deleted:{}:", deleted.id))
}

/// Last changes that were given, but not as the record is: two changes of one second are one version, and the last of them counts.
pub(crate) fn stale(last: &[State], given: &BTreeMap<EventId, Vec<Value>>) -> BTreeSet<EventId> {
    let mut stale = BTreeSet::new();
    for state in last {
        let record = &state.record;
        let (subject, key) = match state.kind {
            Kind::Party => ("party", "about"),
            Kind::Opportunity => ("opportunity", "description"),
            Kind::Project => ("project", "description"),
            Kind::Task => ("task", "detail"),
            Kind::Entry => continue,
        };
        let (created, updated) = (state.text("createdAt"), state.text("updatedAt"));
        // Creation and edit in one second are one creation.
        let change = if updated > created {
            "updated"
        } else {
            "created"
        };
        let id = format!("{subject}.{change}:{}:{updated}", record["id"]);
        let text = |value: &Value| value[key].as_str().unwrap_or_default().to_owned();
        let carried = given.get(&id).into_iter().flatten();
        if carried.into_iter().any(|data| text(data) != text(record)) {
            stale.insert(id);
        }
    }
    stale
}
