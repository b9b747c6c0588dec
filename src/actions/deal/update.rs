//! Changing an opportunity or a project.

use super::create::{Places, check_duration};
use super::{change, course, current, id_of, told};
use crate::actions::body::{put_id, put_list};
use crate::actions::faults::Faults;
use crate::actions::names::Names;
use crate::actions::read::Speller;
use crate::actions::tagging;
use crate::api::{Call, Client, Roster, record, violation};
use crate::bindings::capsule::crm::types::{Ref, RefChange, Tag};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Json;
use crate::model::field::FieldWrite;
use crate::model::{DealPatch, Embeds, Kind};
use serde_json::{Map, Value};

/// Changes a record. Reads it first only where the change depends on what is there.
pub(in crate::actions) async fn update<T: Json>(
    client: &Client,
    patch: &DealPatch,
) -> Result<T, Error> {
    check(patch)?;
    let kind = patch.kind;
    let mut faults = Faults::default();
    let (owner, team) = (set(patch.owner.as_ref()), set(patch.team.as_ref()));
    let names =
        faults.note(Names::new(client, kind.entity(), owner, team, &patch.fields, "").await)?;
    let places = Places {
        kind,
        way: patch.way.as_ref(),
        step: patch.step.as_ref(),
        probability: patch.attributes.contains_key("probability"),
    };
    let step = faults.note(places.find(client, "").await)?;
    let reason = match set(patch.lost_reason.as_ref()) {
        Some(reason) => {
            let id = client.chosen(Roster::LostReasons, reason, "/lostReason");
            faults.note(id.await)?
        }
        None => None,
    };
    faults.settle()?;
    let names = names.unwrap_or_default();
    let speller = Speller::new(client, kind, &patch.embeds).await?;
    let mut body = patch.attributes.clone();
    put_id(&mut body, course(kind).step(), step.flatten());
    for (key, change, id) in [
        ("lostReason", &patch.lost_reason, reason),
        ("owner", &patch.owner, names.owner),
        ("team", &patch.team, names.team),
    ] {
        match change {
            Some(RefChange::Clear) => drop(body.insert(key.into(), Value::Null)),
            _ => put_id(&mut body, key, id),
        }
    }
    let fields = names.fields.iter().map(FieldWrite::body).collect();
    put_list(&mut body, "fields", fields);
    let row = match needs_current(patch) {
        Some(embeds) => Some(current(client, kind, patch.id, &embeds).await?),
        None => None,
    };
    if let Some(row) = &row {
        keep_pair(kind, &mut body, row);
    }
    let known = row
        .as_ref()
        .map_or_else(|| Ok(Vec::new()), |row| tags_of(kind, row))?;
    let of_tags = match &patch.tags {
        Some(change) => tagging::changed(change, &names.data_tags, &known),
        None => tagging::added(&names.data_tags, &known),
    };
    put_list(&mut body, "tags", of_tags);
    let row = if body.is_empty() {
        current(client, kind, patch.id, &patch.embeds).await?
    } else {
        change(client, kind, patch.id, &patch.embeds, body).await?
    };
    told(&speller, kind, &patch.embeds, row)
}

fn set(change: Option<&RefChange>) -> Option<&Ref> {
    match change {
        Some(RefChange::Set(wanted)) => Some(wanted),
        Some(RefChange::Clear) | None => None,
    }
}

/// What is wrong in a patch by itself.
fn check(patch: &DealPatch) -> Result<(), Error> {
    let mut faults = Faults::default();
    let name = patch.attributes.get("name").and_then(Value::as_str);
    if name.is_some_and(|name| name.trim().is_empty()) {
        faults.add(violation("/name", "required", "the name is empty"));
    }
    check_duration(&patch.attributes, false, "", &mut faults);
    if let Some(change) = &patch.tags {
        tagging::check_change(change, &mut faults);
    }
    faults.settle()
}

/// What to read of the record before it is changed, if anything: its tags, or the other half of owner and team.
fn needs_current(patch: &DealPatch) -> Option<Embeds> {
    let of_tags = patch
        .tags
        .as_ref()
        .is_some_and(|tags| !tags.remove.is_empty() || tags.replace.is_some());
    if of_tags {
        return Some(Embeds::default().with("tags"));
    }
    let half = patch.owner.is_some() != patch.team.is_some();
    (patch.kind == Kind::Project && half).then(Embeds::default)
}

/// Owner and team of a project are a pair: Capsule clears the half that a change leaves out (API reference 2.3). It is sent along.
pub(super) fn keep_pair(kind: Kind, body: &mut Map<String, Value>, row: &Value) {
    if kind != Kind::Project {
        return;
    }
    for (given, other) in [("owner", "team"), ("team", "owner")] {
        if body.contains_key(given) && !body.contains_key(other) {
            put_id(body, other, id_of(row, other));
        }
    }
}

/// The tags of a row that was read with them.
pub(super) fn tags_of(kind: Kind, row: &Value) -> Result<Vec<Tag>, Error> {
    let rows = row.get("tags").and_then(Value::as_array);
    let call = Call::get(&[kind.entity().path()]);
    rows.into_iter()
        .flatten()
        .map(|tag| record(&call, 200, tag.clone()))
        .collect()
}
