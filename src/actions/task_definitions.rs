//! The tasks of a track definition, as Capsule's nested collection takes them: what has no id is added, what has one is updated, and
//! `_delete` takes one away (API reference 2.3). Merge, remove and replace are made of that.

use super::faults::Faults;
use super::setting::put_reference;
use crate::api::{Client, Roster, violation};
use crate::bindings::capsule::crm::types::{NewTaskDefinition, Ref, TaskDefinitionChanges};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Json;
use crate::model::same;
use serde_json::{Map, Value, json};

/// Where an input holds them.
const AT: &str = "/taskDefinitions";

/// The rows of a definition to create. Ids are of another definition, if there are any.
pub(super) async fn created(
    client: &Client,
    wanted: Vec<NewTaskDefinition>,
) -> Result<Vec<Value>, Error> {
    let mut rows = resolved(client, wanted, AT).await?;
    for (place, row) in (0_i64..).zip(&mut rows) {
        row.remove("id");
        complete(row, place);
    }
    Ok(rows.into_iter().map(Value::Object).collect())
}

/// What is wrong in a change by itself.
pub(super) fn check(changes: &TaskDefinitionChanges) -> Result<(), Error> {
    let mut faults = Faults::default();
    if changes.replace.is_some() && !(changes.merge.is_empty() && changes.remove.is_empty()) {
        faults.add(violation(
            format!("{AT}/replace"),
            "range",
            "`replace` says all there is: it can't stand beside `merge` or `remove`",
        ));
    }
    faults.settle()
}

/// The rows of a change, over those that are there.
pub(super) async fn changed(
    client: &Client,
    changes: TaskDefinitionChanges,
    current: &[Value],
) -> Result<Vec<Value>, Error> {
    let replaces = changes.replace.is_some();
    let (wanted, at) = match changes.replace {
        Some(all) => (all, format!("{AT}/replace")),
        None => (changes.merge, format!("{AT}/merge")),
    };
    let mut rows = resolved(client, wanted, &at).await?;
    let mut faults = Faults::default();
    // Each row that is there stands for one of the wanted at most: so a repeated change meets what it has made before.
    let mut left: Vec<&Value> = current.iter().collect();
    // What is added without a place comes after what is there.
    let last = current
        .iter()
        .filter_map(|row| row.get("displayOrder")?.as_i64())
        .max();
    let mut next = last.map_or(0, |last| last.saturating_add(1));
    for (index, row) in rows.iter_mut().enumerate() {
        let place = if replaces {
            i64::try_from(index).unwrap_or(i64::MAX)
        } else {
            next
        };
        match left.iter().position(|known| equal(known, row)) {
            Some(found) => {
                let known = left.swap_remove(found);
                row.insert("id".into(), known.get("id").cloned().unwrap_or_default());
                if replaces {
                    row.entry("displayOrder").or_insert_with(|| place.into());
                }
            }
            None if row.contains_key("id") => faults.add(violation(
                format!("{at}/{index}/id"),
                "not-found",
                "the track definition has no such task, or it stands twice",
            )),
            None => {
                complete(row, place);
                next = next.saturating_add(1);
            }
        }
    }
    faults.settle()?;
    let mut rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
    for known in left {
        // Taking away one that is not there would be refused.
        if replaces || changes.remove.iter().any(|gone| is(known, gone)) {
            rows.push(json!({"id": known.get("id"), "_delete": true}));
        }
    }
    Ok(rows)
}

/// Whether a row that is there is meant by a wanted one.
fn equal(known: &Value, wanted: &Map<String, Value>) -> bool {
    match wanted.get("id") {
        Some(id) => known.get("id") == Some(id),
        None => {
            let wanted = wanted.get("description").and_then(Value::as_str);
            wanted.is_some_and(|wanted| is(known, &Ref::Name(wanted.to_owned())))
        }
    }
}

fn is(known: &Value, wanted: &Ref) -> bool {
    match wanted {
        Ref::Id(id) => known.get("id").and_then(Value::as_u64) == Some(*id),
        Ref::Name(name) => known
            .get("description")
            .and_then(Value::as_str)
            .is_some_and(|known| same(known, name)),
    }
}

/// What a new row must have.
fn complete(row: &mut Map<String, Value>, place: i64) {
    row.entry("displayOrder").or_insert_with(|| place.into());
    row.entry("trackTaskAssignee")
        .or_insert_with(|| json!({"assigneeType": "ENTITY_OWNER"}));
}

/// The rows in Capsule's words, names looked up. All that don't mean anything are told at once.
async fn resolved(
    client: &Client,
    wanted: Vec<NewTaskDefinition>,
    at: &str,
) -> Result<Vec<Map<String, Value>>, Error> {
    let mut faults = Faults::default();
    let mut rows = Vec::with_capacity(wanted.len());
    for (index, task) in wanted.into_iter().enumerate() {
        let category = match &task.category {
            None => None,
            Some(category) => {
                let pointer = format!("{at}/{index}/category");
                let found = client.chosen(Roster::Categories, category, &pointer).await;
                faults.note(found)?
            }
        };
        let owner = match task
            .track_task_assignee
            .as_ref()
            .and_then(|assignee| assignee.owner.as_ref())
        {
            None => None,
            Some(owner) => {
                let pointer = format!("{at}/{index}/trackTaskAssignee/owner");
                faults.note(client.user(owner, &pointer).await)?
            }
        };
        let mut row = task.to_json();
        if let Some(id) = category {
            put_reference(&mut row, "category", id);
        }
        if let (Some(id), Some(assignee)) = (owner, row.get_mut("trackTaskAssignee")) {
            put_reference(assignee, "owner", id);
        }
        if let Value::Object(row) = row {
            rows.push(row);
        }
    }
    faults.settle()?;
    Ok(rows)
}
