//! What has to be given and what may be given, from what the account went through. Written from the rules of docs/triggers.md and from
//! nothing else: it shares no code with the component.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
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

/// A record as it was from one time on: no more of it than the rules ask for, since a long run sees a million of them.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    /// In seconds since 1970.
    pub(crate) seen: i64,
    /// Of a party or an entry.
    pub(crate) sort: &'static str,
    pub(crate) status: &'static str,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) stage_changed_at: Option<Timestamp>,
    pub(crate) closed_on: Option<Date>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) due_on: Option<Date>,
    pub(crate) due_time: Option<Time>,
    pub(crate) expected_close_on: Option<Date>,
    pub(crate) probability: Option<u64>,
    /// What the last edit of its text left.
    pub(crate) text: Box<str>,
}

impl State {
    pub(crate) fn of(kind: Kind, record: &Value, seen: i64) -> Self {
        // Words that a rule knows.
        const WORDS: [&str; 7] = [
            "person",
            "organisation",
            "note",
            "email",
            "OPEN",
            "CLOSED",
            "COMPLETED",
        ];
        let text = |key: &str| record[key].as_str();
        let word = |key: &str| WORDS.into_iter().find(|word| text(key) == Some(word));
        let instant = |key: &str| text(key).map(|at| at.parse().unwrap());
        let day = |key: &str| text(key).map(|day| day.parse().unwrap());
        Self {
            kind,
            id: record["id"].as_u64().unwrap(),
            seen,
            sort: word("type").unwrap_or_default(),
            status: word("status").unwrap_or_default(),
            created_at: instant("createdAt").unwrap(),
            updated_at: instant("updatedAt"),
            stage_changed_at: instant("lastStageChangedAt"),
            closed_on: day("closedOn"),
            completed_at: instant("completedAt"),
            due_on: day("dueOn"),
            due_time: text("dueTime").map(|time| time.parse().unwrap()),
            expected_close_on: day("expectedCloseOn"),
            probability: record["probability"].as_u64(),
            text: text(kind.text_key()).unwrap_or_default().into(),
        }
    }

    /// If it was edited after it was created.
    fn edited_at(&self) -> Option<Timestamp> {
        self.updated_at.filter(|at| *at > self.created_at)
    }
}

impl Kind {
    /// The text that edits change. None of an entry.
    pub(crate) fn text_key(self) -> &'static str {
        match self {
            Self::Party => "about",
            Self::Opportunity | Self::Project => "description",
            Self::Task => "detail",
            Self::Entry => "",
        }
    }
}

/// A record that went, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deleted {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) at: i64,
}

/// What a delivery that was handed to the listener tells by itself.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    /// Each with its record and the time that orders it, if it has one.
    told: Vec<(EventId, u64, String)>,
    /// The listener said that it has it.
    pub(crate) acknowledged: bool,
    at: i64,
}

impl Handed {
    pub(crate) fn new(event: &str, body: &str, at: i64) -> Self {
        Self {
            told: by_hook_alone(event, body),
            acknowledged: false,
            at,
        }
    }
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
    pub(crate) begun: Timestamp,
    /// From when on nothing happened any more.
    pub(crate) quiet: i64,
    /// The second of two changes in one second is told. Otherwise it may be taken for the first.
    pub(crate) settles: bool,
}

fn midnight(day: Date) -> i64 {
    at(day, Time::midnight())
}

fn at(day: Date, time: Time) -> i64 {
    let at = day.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC);
    at.unwrap().timestamp().as_second()
}

/// From when on an event counts: Capsule tells of some only the day.
#[derive(Clone, Copy, Debug)]
enum Since {
    Instant(Timestamp),
    Day(Date),
}

impl Since {
    /// Whether it is after something. What happened on a day may have happened before an instant of it.
    fn is_after(self, begun: Timestamp) -> bool {
        match self {
            Self::Instant(at) => at > begun,
            Self::Day(day) => day > jiff::tz::TimeZone::UTC.to_datetime(begun).date(),
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(at) => at.fmt(formatter),
            Self::Day(day) => day.fmt(formatter),
        }
    }
}

/// The events that a state of a record tells of what happened to it, each with the time from which on it counts.
fn told(state: &State) -> Vec<(EventId, Since)> {
    let id = state.id;
    let mut told = Vec::new();
    let mut tell = |trigger: &str, version: Since| {
        told.push((format!("{trigger}:{id}:{version}"), version));
    };
    let created = Since::Instant(state.created_at);
    let names = match state.kind {
        Kind::Party => vec!["party", state.sort],
        Kind::Opportunity => vec!["opportunity"],
        Kind::Project => vec!["project"],
        Kind::Task => vec!["task"],
        Kind::Entry => {
            if ["note", "email"].contains(&state.sort) {
                tell("entry.created", created);
            }
            return told;
        }
    };
    for name in names {
        tell(&format!("{name}.created"), created);
        if let Some(updated) = state.edited_at() {
            tell(&format!("{name}.updated"), Since::Instant(updated));
        }
    }
    match state.kind {
        Kind::Opportunity => {
            // One that never moved is closed at no time.
            let Some(moved) = state.stage_changed_at else {
                return told;
            };
            if moved > state.created_at {
                tell("opportunity.moved", Since::Instant(moved));
            }
            if state.closed_on.is_some() {
                tell("opportunity.closed", Since::Instant(moved));
                match state.probability {
                    Some(100) => tell("opportunity.won", Since::Instant(moved)),
                    Some(0) => tell("opportunity.lost", Since::Instant(moved)),
                    _ => {}
                }
            }
        }
        Kind::Project if state.status == "CLOSED" => {
            tell("project.closed", Since::Day(state.closed_on.unwrap()));
        }
        Kind::Task if state.status == "COMPLETED" => {
            tell(
                "task.completed",
                Since::Instant(state.completed_at.unwrap()),
            );
        }
        _ => {}
    }
    told
}

/// What is the case of a state from a time on, as long as it lasts.
fn standing(state: &State) -> Vec<(EventId, i64)> {
    const DAY: i64 = 86_400;
    let cases = match state.kind {
        Kind::Task if state.status == "OPEN" => {
            let Some(day) = state.due_on else {
                return Vec::new();
            };
            let time = state.due_time.map(|time| at(day, time));
            [
                ("task.due", Some(time.unwrap_or(midnight(day)))),
                ("task.overdue", Some(time.unwrap_or(midnight(day) + DAY))),
            ]
        }
        Kind::Opportunity if state.closed_on.is_none() => {
            let moved = state.stage_changed_at.unwrap_or(state.created_at);
            let close = state.expected_close_on.map(midnight);
            [
                (
                    "opportunity.stale",
                    Some(moved.as_second() + STALE_DAYS * DAY),
                ),
                (
                    "opportunity.close-date-near",
                    close.map(|at| at - NEAR_DAYS * DAY),
                ),
            ]
        }
        _ => return Vec::new(),
    };
    let cases = cases.into_iter();
    cases
        .filter_map(|(trigger, at)| {
            let at = at?;
            let version = Timestamp::from_second(at).ok()?;
            Some((format!("{trigger}:{}:{version}", state.id), at))
        })
        .collect()
}

/// What deliveries alone tell: moves of projects, and changes of users. Each with its record and the time that orders it, if it has one.
fn by_hook_alone(event: &str, body: &str) -> Vec<(EventId, u64, String)> {
    let trigger = match event {
        "kase/moved" => "project.moved",
        "user/created" => "user.created",
        "user/updated" => "user.updated",
        "user/deleted" => "user.deleted",
        _ => return Vec::new(),
    };
    let body: Value = serde_json::from_str(body).unwrap();
    let items = body["payload"].as_array().into_iter().flatten();
    items
        .filter_map(|item| {
            let id = item["id"].as_u64()?;
            if trigger == "project.moved" {
                let at = item["updatedAt"].as_str()?.to_owned();
                return Some((format!("{trigger}:{id}:{at}"), id, at));
            }
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
    let mut records: BTreeMap<(Kind, u64), Vec<&State>> = BTreeMap::new();
    if !past.settles {
        for state in past.history {
            records
                .entry((state.kind, state.id))
                .or_default()
                .push(state);
        }
    }
    let states = past.last.iter().flat_map(|state| {
        let mut told = told(state);
        if let Some(states) = records.get(&(state.kind, state.id)) {
            let hidden = told_late(states, state);
            told.retain(|(id, _)| !hidden.contains(id));
        }
        told
    });
    let after = states.filter(|(_, since)| since.is_after(past.begun));
    let mut must: BTreeSet<EventId> = after.map(|(id, _)| id).collect();
    let begun = past.begun.as_second();
    let gone = past.deleted.iter().filter(|one| one.at > begun);
    must.extend(gone.filter_map(deletion));
    must.extend(standing_now(past));
    let mut latest: BTreeMap<u64, &str> = BTreeMap::new();
    for handed in past.handed.iter().filter(|one| one.acknowledged) {
        for (id, record, at) in &handed.told {
            let known = latest.entry(*record).or_default();
            if at.as_str() >= *known {
                *known = at;
                must.insert(id.clone());
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
    let earlier = states
        .iter()
        .filter(|one| one.updated_at == last.updated_at);
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
        let which = (state.kind, state.id);
        let before = lasting.remove(&which).unwrap_or_default();
        let now = standing(state).into_iter().map(|(id, at)| {
            let since = before.get(&id).copied().unwrap_or(at.max(state.seen));
            (id, since)
        });
        lasting.insert(which, now.collect());
    }
    let begun = past.begun.as_second() + AHEAD;
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
        let which = (state.kind, state.id);
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
        for (id, ..) in &handed.told {
            let_in(id.clone(), handed.at);
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

/// What the last change of each record left as its text, by the event that tells of it. Two changes of one second are one version, and the
/// last of them counts.
pub(crate) fn last_texts(last: &[State]) -> BTreeMap<EventId, (Kind, &str)> {
    let changes = last.iter().filter_map(|state| {
        let subject = match state.kind {
            Kind::Party => "party",
            Kind::Opportunity => "opportunity",
            Kind::Project => "project",
            Kind::Task => "task",
            Kind::Entry => return None,
        };
        // Creation and edit in one second are one creation.
        let (change, at) = match state.edited_at() {
            Some(at) => ("updated", at),
            None => ("created", state.created_at),
        };
        let id = format!("{subject}.{change}:{}:{at}", state.id);
        Some((id, (state.kind, &*state.text)))
    });
    changes.collect()
}
