//! Pipelines (API reference 3.9). Deleting one archives it.

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::milestones::{self, Milestone};
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "pipeline";

/// Most pipelines that are not archived.
const LIMIT: usize = 30;

/// A pipeline.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) is_archived: bool,
}

impl Pipeline {
    fn render(&self, state: &State) -> Value {
        let open = state
            .milestones
            .iter()
            .filter(|row| row.pipeline == self.id && !row.complete)
            .count();
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
            "deleted": self.is_archived,
            "openMilestoneCount": open,
        })
    }

    fn merge(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.text("description", &mut self.description);
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/pipelines", get(show_all).merge(post(create)))
        .route(
            "/pipelines/{id}",
            get(show).merge(put(update)).merge(delete(archive)),
        )
        .route("/pipelines/{id}/restore", post(restore))
        .route("/pipelines/{id}/duplicate", post(duplicate))
        .route("/pipelines/{id}/milestones", get(show_milestones))
}

/// The oldest pipeline that is not archived.
pub(super) fn oldest_active(state: &State) -> Option<u64> {
    state
        .pipelines
        .iter()
        .find(|row| !row.is_archived)
        .map(|row| row.id)
}

fn one(state: &State, id: u64) -> Result<&Pipeline, Refusal> {
    state
        .pipelines
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let with_archived = call.flag("includeDeleted").unwrap_or(false);
    let rows = state
        .pipelines
        .iter()
        .filter(|row| (with_archived || !row.is_archived) && call.names(&row.name));
    list(call, "pipelines", RESOURCE, rows, |row| row.render(state))
}

fn show(state: &mut State, call: &Call) -> Answer {
    if let Some(ids) = call.many_ids(0, RESOURCE) {
        let rows: Result<Vec<Value>, Refusal> = ids?
            .into_iter()
            .map(|id| Ok(one(state, id)?.render(state)))
            .collect();
        return Ok(Reply::ok("pipelines", Value::Array(rows?)).paged(false, None));
    }
    Ok(Reply::ok(
        RESOURCE,
        one(state, call.id(0, RESOURCE)?)?.render(state),
    ))
}

fn show_milestones(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call.id(0, RESOURCE)?)?.id;
    let rows = state.milestones.iter().filter(|row| row.pipeline == id);
    list(call, "milestones", "milestone", rows, |row| {
        row.render(state)
    })
}

fn check_limit(state: &State) -> Result<(), Refusal> {
    if state
        .pipelines
        .iter()
        .filter(|row| !row.is_archived)
        .count()
        < LIMIT
    {
        return Ok(());
    }
    Err(Refusal::invalid(
        RESOURCE,
        "name",
        "maximum number of pipelines reached",
    ))
}

/// A new pipeline has the two milestones that end every one: Won and Lost.
fn create(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    check_limit(state)?;
    let mut row = blank(state.pipelines.reserve(), call.now);
    row.merge(&call.root(RESOURCE)?)?;
    let id = row.id;
    state.pipelines.put(id, row);
    for (name, probability) in [("Won", 100), ("Lost", 0)] {
        state
            .milestones
            .add(|milestone| Milestone::closing(milestone, id, name, probability, call.now));
    }
    created(state, call, id)
}

fn blank(id: u64, now: Timestamp) -> Pipeline {
    Pipeline {
        id,
        name: String::new(),
        description: None,
        created_at: now,
        updated_at: now,
        is_archived: false,
    }
}

fn created(state: &State, call: &Call, id: u64) -> Answer {
    let rendered = one(state, id)?.render(state);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/pipelines/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let before = one(state, call.id(0, RESOURCE)?)?.clone();
    let mut row = before.clone();
    row.merge(&call.root(RESOURCE)?)?;
    if row != before {
        row.updated_at = call.now;
    }
    let id = row.id;
    state.pipelines.put(id, row);
    Ok(Reply::ok(RESOURCE, one(state, id)?.render(state)))
}

fn archive(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    set_archived(state, call, true)?;
    Ok(Reply::no_content())
}

fn restore(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    if one(state, call.id(0, RESOURCE)?)?.is_archived {
        check_limit(state)?;
    }
    let id = set_archived(state, call, false)?;
    Ok(Reply::ok(RESOURCE, one(state, id)?.render(state)))
}

fn set_archived(state: &mut State, call: &Call, archived: bool) -> Result<u64, Refusal> {
    let id = one(state, call.id(0, RESOURCE)?)?.id;
    if let Some(row) = state.pipelines.get_mut(id)
        && row.is_archived != archived
    {
        row.is_archived = archived;
        row.updated_at = call.now;
    }
    Ok(id)
}

fn duplicate(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    check_limit(state)?;
    let original = one(state, call.id(0, RESOURCE)?)?.clone();
    let copy = state.pipelines.add(|id| Pipeline {
        name: format!("{} (copy)", original.name),
        description: original.description.clone(),
        ..blank(id, call.now)
    });
    milestones::copy(state, original.id, copy, call.now);
    created(state, call, copy)
}
