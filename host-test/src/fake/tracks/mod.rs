//! Tracks: lists of tasks that follow from a definition (API reference 3.8).

mod definitions;
#[cfg(test)]
mod tests;

use axum::Router;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, Embeds, delete, get, post, put};
use super::clock::date_of;
use super::entity::Entity;
use super::entries::parent_of;
use super::input::{Input, Reference};
use super::paging::list;
use super::parent::{Parent, merge_parents};
use super::reply::{Refusal, Reply, Violations};
use super::state::State;
use super::tags;
use super::tasks::{self, Status, Task, TrackPlace, shifted};

pub(super) use definitions::{TaskDefinition, TrackDefinition};

const RESOURCE: &str = "track";

/// A track on a record. It outlives the record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    id: u64,
    description: String,
    track_date_on: Date,
    direction: String,
    parent: Parent,
}

impl Track {
    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        // The docs embed `task`, the vendor's client `tasks`.
        let whole = embeds.has("task") || embeds.has("tasks");
        let tasks = state.tasks.iter().filter(|task| {
            task.track
                .as_ref()
                .is_some_and(|place| place.track == self.id)
        });
        json!({
            "id": self.id,
            "description": self.description,
            "trackDateOn": self.track_date_on.to_string(),
            "direction": self.direction,
            "tasks": tasks.map(|task| {
                if whole { task.render(state, &Embeds::default()) } else { task.reference() }
            }).collect::<Value>(),
        })
    }
}

pub(super) fn routes() -> Router<Fake> {
    let mut router = Router::new()
        .merge(definitions::routes())
        .route("/tracks", post(create))
        .route(
            "/tracks/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        );
    for entity in Entity::ALL {
        let path = format!("/{}/{{id}}/tracks", entity.plural());
        router = router.route(&path, get(move |state, call| show_of(state, call, entity)));
    }
    router
}

fn find<'a>(state: &'a State, call: &Call) -> Result<&'a Track, Refusal> {
    state
        .tracks
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_of(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let parent = parent_of(state, call, entity)?;
    let embeds = call.embeds();
    let rows = state.tracks.iter().filter(|track| track.parent == parent);
    list(call, "tracks", RESOURCE, rows, |track| {
        track.render(state, &embeds)
    })
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        find(state, call)?.render(state, &call.embeds()),
    ))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    let definition = match input.reference("definition") {
        Some(Some(Reference::Id(id))) if state.track_definitions.has(id) => Some(id),
        Some(Some(_)) => {
            input.fault("definition", "track definition not found");
            None
        }
        _ => {
            input.fault("definition", "track definition is required");
            None
        }
    };
    let mut description = None;
    input.text("description", &mut description);
    let mut date = None;
    input.date("trackDateOn", &mut date);
    let parents = merge_parents(&mut input, None, state);
    if parents.len() != 1 {
        input.fault(
            "party",
            "track must be linked to either a party, opportunity or kase",
        );
    }
    violations.check()?;
    let (Some(definition), Some(parent)) = (definition, parents.first().copied()) else {
        return Err(Refusal::invalid(
            RESOURCE,
            "definition",
            "track definition is required",
        ));
    };
    let Some(id) = apply(state, definition, parent, description, date, call) else {
        return Err(Refusal::no_such(RESOURCE));
    };
    let rendered = state
        .tracks
        .get(id)
        .map(|track| track.render(state, &call.embeds()))
        .unwrap_or_default();
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/tracks/{id}"))),
    ))
}

/// Only description and date change; the tasks stay where they are.
fn update(state: &mut State, call: &Call) -> Answer {
    let mut track = find(state, call)?.clone();
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    input.required_text("description", &mut track.description);
    let mut date = Some(track.track_date_on);
    input.date("trackDateOn", &mut date);
    track.track_date_on = date.unwrap_or(track.track_date_on);
    violations.check()?;
    let rendered = track.render(state, &call.embeds());
    state.tracks.put(track.id, track);
    Ok(Reply::ok(RESOURCE, rendered))
}

/// Takes the track and its tasks off the record.
fn remove(state: &mut State, call: &Call) -> Answer {
    let id = find(state, call)?.id;
    tasks::delete_of_track(state, id);
    state.tracks.remove(id);
    Ok(Reply::no_content())
}

/// The definitions in the `tracks` of a body that creates a record. They may be bare ids or objects.
pub(super) fn asked_for(
    body: &Map<String, Value>,
    entity: Entity,
    state: &State,
) -> Result<Vec<u64>, Refusal> {
    let rows = match body.get("tracks") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(rows)) => rows,
        Some(_) => {
            return Err(Refusal::invalid(
                RESOURCE,
                "tracks",
                "invalid type for field",
            ));
        }
    };
    rows.iter()
        .map(
            |row| match row.get("definition").and_then(Reference::read) {
                None => Err(Refusal::invalid(
                    RESOURCE,
                    "definition",
                    "track definition is required",
                )),
                Some(Reference::Id(id))
                    if state
                        .track_definitions
                        .get(id)
                        .is_some_and(|definition| definition.entity() == entity) =>
                {
                    Ok(id)
                }
                Some(_) => Err(Refusal::invalid(
                    RESOURCE,
                    "definition",
                    "track definition not found",
                )),
            },
        )
        .collect()
}

/// Puts a track on a record: its tasks and its tags. `None` if the definition is gone.
pub(super) fn apply(
    state: &mut State,
    definition: u64,
    parent: Parent,
    description: Option<String>,
    date: Option<Date>,
    call: &Call,
) -> Option<u64> {
    let definition = state.track_definitions.get(definition)?.clone();
    let date = date.unwrap_or_else(|| date_of(call.now));
    let track = state.tracks.add(|id| Track {
        id,
        description: description.unwrap_or_else(|| definition.description.clone()),
        track_date_on: date,
        direction: definition.direction.clone(),
        parent,
    });
    let from_end = definition.direction == "END_DATE";
    let owner = owner_of(state, parent);
    let ids: Vec<u64> = definition
        .tasks
        .iter()
        .map(|_| state.tasks.reserve())
        .collect();
    for (position, (step, id)) in definition.tasks.iter().zip(&ids).enumerate() {
        let waits = step.rule == "LAST_TASK" && position > 0;
        let days = if from_end {
            -step.days_after
        } else {
            step.days_after
        };
        let task = Task {
            description: step.description.clone(),
            category: match step.category {
                Some(Reference::Id(id)) => Some(id),
                _ => None,
            },
            due_on: (!waits).then(|| shifted(date, days, &step.unit)),
            status: if waits { Status::Pending } else { Status::Open },
            parent: Some(parent),
            owner: step.assignee.or(owner).or(Some(call.caller.user)),
            track: Some(TrackPlace {
                track,
                next: ids.get(position + 1).copied(),
                rule: match (waits, from_end) {
                    (true, _) => "LAST_TASK",
                    (false, true) => "END_DATE",
                    (false, false) => "TRACK_START",
                },
                days_after: step.days_after,
                unit: step.unit.clone(),
            }),
            ..Task::blank(*id, call.now)
        };
        state.tasks.put(*id, task);
        state.note("task/created", *id, call.now);
    }
    attach_tags(state, parent, definition.tag.as_deref().unwrap_or_default());
    Some(track)
}

fn owner_of(state: &State, parent: Parent) -> Option<u64> {
    match parent {
        Parent::Party(id) => state.parties.get(id).and_then(|record| record.core.owner),
        Parent::Opportunity(id) => state
            .opportunities
            .get(id)
            .and_then(|record| record.core.owner),
        Parent::Kase(id) => state.kases.get(id).and_then(|record| record.core.owner),
    }
}

fn attach_tags(state: &mut State, parent: Parent, names: &str) {
    let entity = match parent {
        Parent::Party(_) => Entity::Party,
        Parent::Opportunity(_) => Entity::Opportunity,
        Parent::Kase(_) => Entity::Kase,
    };
    for name in names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let tag = tags::find_or_create(&mut state.tags[entity], name, false);
        let core = match parent {
            Parent::Party(id) => state.parties.core_mut(id),
            Parent::Opportunity(id) => state
                .opportunities
                .get_mut(id)
                .map(|record| &mut record.core),
            Parent::Kase(id) => state.kases.get_mut(id).map(|record| &mut record.core),
        };
        if let Some(core) = core
            && !core.tags.contains(&tag)
        {
            core.tags.push(tag);
        }
    }
}
