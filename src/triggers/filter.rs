//! Whether a record is one that a listener wants, judged on the state that the event carries.

use super::listening::Listening;
use super::rule::Change;
use crate::api::{Call, Client, Span};
use crate::bindings::integration::connector::types::Error;
use crate::contract::json::decimal;
use crate::model::same;
use serde_json::Value;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    Unwanted,
    /// The record was sent without what is judged by.
    Lacking,
}

/// Where milestones and stages stand: pipeline or board of each, as far as a filter asks.
#[derive(Default)]
pub(super) struct Places {
    milestones: Vec<Value>,
    stages: Vec<Value>,
}

/// More milestones and stages than any account has.
const MOST_PLACES: u32 = 10_000;

impl Places {
    /// Reads what the filters need, and nothing if they need nothing.
    ///
    /// # Errors
    /// What sending gives.
    pub(super) async fn read(client: &Client, listeners: &[Listening]) -> Result<Self, Error> {
        let asked = |key: &str| listeners.iter().any(|one| one.condition(key).is_some());
        let mut places = Self::default();
        if asked("pipeline") {
            // Of every pipeline, which `/milestones` alone does not give (API reference 3.9).
            let call = Call::get(&["milestones", "all"]);
            let span = Span::new(MOST_PLACES, None);
            places.milestones = client.page(&call, "milestones", span).await?.rows;
        }
        if asked("board") {
            let call = Call::get(&["stages"])
                .with("status", "all")
                .with("includeOnDeletedBoard", "true");
            let span = Span::new(MOST_PLACES, None);
            places.stages = client.page(&call, "stages", span).await?.rows;
        }
        Ok(places)
    }

    /// What holds the place at which a record stands.
    fn around<'a>(&'a self, record: &'a Value, place: &str, holder: &str) -> Option<&'a Value> {
        let nested = record.get(place)?;
        nested.get(holder).or_else(|| {
            let id = nested.get("id")?;
            let all = if place == "stage" {
                &self.stages
            } else {
                &self.milestones
            };
            let known = all.iter().find(|one| one.get("id") == Some(id))?;
            known.get(holder)
        })
    }
}

/// Judges a record as Capsule gave it, before it is spelled.
pub(super) fn judge(listening: &Listening, record: &Value, places: &Places) -> Verdict {
    if listening.change == Change::Created
        && listening.trigger.case == "entryCreated"
        && !entry_is_wanted(listening, record)
    {
        return Verdict::Unwanted;
    }
    if let Some(reason) = listening.option("reason")
        && !is(reason, record.get("lostReason"))
    {
        return Verdict::Unwanted;
    }
    let Some(Value::Object(filter)) = listening.option("filter") else {
        return Verdict::Wanted;
    };
    let mut verdict = Verdict::Wanted;
    for (key, wanted) in filter.iter().filter(|(_, wanted)| !wanted.is_null()) {
        let holds = match key.as_str() {
            "pipeline" => is(wanted, places.around(record, "milestone", "pipeline")),
            "board" => is(wanted, places.around(record, "stage", "board")),
            "tag" => match record.get("tags").and_then(Value::as_array) {
                Some(tags) => tags.iter().any(|tag| is(wanted, Some(tag))),
                None => {
                    verdict = Verdict::Lacking;
                    continue;
                }
            },
            "fields" => match (
                wanted.as_object(),
                record.get("fields").and_then(Value::as_array),
            ) {
                (Some(wanted), _) if wanted.is_empty() => true,
                (Some(wanted), Some(rows)) => wanted.iter().all(|(definition, value)| {
                    rows.iter().any(|row| holds(definition, value, row))
                }),
                _ => {
                    verdict = Verdict::Lacking;
                    continue;
                }
            },
            // Owner, team, milestone, stage, category: nested in the record itself.
            other => is(wanted, record.get(other)),
        };
        if !holds {
            return Verdict::Unwanted;
        }
    }
    verdict
}

/// Whether a nested record is the one that an id or a name means.
pub(crate) fn is(wanted: &Value, nested: Option<&Value>) -> bool {
    let Some(nested) = nested.filter(|nested| !nested.is_null()) else {
        return false;
    };
    match wanted {
        Value::String(name) => ["name", "username"].iter().any(|key| {
            nested
                .get(key)
                .and_then(Value::as_str)
                .is_some_and(|known| same(known, name))
        }),
        id => nested.get("id") == Some(id),
    }
}

/// Whether a row of custom fields is of a definition, and holds a value.
fn holds(definition: &str, value: &Value, row: &Value) -> bool {
    let nested = row.get("definition").unwrap_or(&Value::Null);
    let id = nested.get("id").unwrap_or(nested);
    let of_it = definition
        .parse::<u64>()
        .is_ok_and(|wanted| id.as_u64() == Some(wanted))
        || nested
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| same(name, definition));
    of_it && row.get("value").is_some_and(|stored| equal(value, stored))
}

/// Numbers come as texts, and several options joined by semicolons (API reference 3.7).
fn equal(wanted: &Value, stored: &Value) -> bool {
    let number = |value: &Value| value.as_f64().or_else(|| decimal(value.as_str()?));
    match (wanted, stored) {
        (Value::String(one), Value::String(other)) => same(one, other),
        (Value::Number(_), _) => number(wanted) == number(stored),
        (Value::Array(options), _) => {
            let held: Vec<&str> = match stored {
                Value::Array(held) => held.iter().filter_map(Value::as_str).collect(),
                other => other.as_str().unwrap_or_default().split(';').collect(),
            };
            let has = |option: &Value| {
                let option = option.as_str().unwrap_or_default();
                held.iter().any(|one| same(one, option))
            };
            options.len() == held.len() && options.iter().all(has)
        }
        _ => wanted == stored,
    }
}

fn entry_is_wanted(listening: &Listening, record: &Value) -> bool {
    let kind = record
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let kinds = listening.option("kinds").and_then(Value::as_array);
    let of_kind = match kinds {
        Some(kinds) if !kinds.is_empty() => kinds.iter().any(|one| one == kind),
        _ => kind == "note" || kind == "email",
    };
    let on = |option: &str, key: &str| {
        listening
            .option(option)
            .is_none_or(|id| is(id, record.get(key)))
    };
    of_kind
        && on("party", "party")
        && on("opportunity", "opportunity")
        && on("project", "kase")
        && on("creator", "creator")
}
