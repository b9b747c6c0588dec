//! Boards of projects (API reference 3.10). Deleting one archives it.

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::stages;
use super::state::{State, instant};

const RESOURCE: &str = "board";

/// A board.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Board {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) is_archived: bool,
    /// The team that new projects on it get; set in the web UI, not in the API's model (API reference 3.3, `team`).
    pub(super) default_team: Option<u64>,
}

impl Board {
    fn render(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
            "deleted": self.is_archived,
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
        .route("/boards", get(show_all).merge(post(create)))
        .route(
            "/boards/{id}",
            get(show).merge(put(update)).merge(delete(archive)),
        )
        .route("/boards/{id}/restore", post(restore))
        .route("/boards/{id}/stages", get(show_stages))
}

fn one(state: &State, id: u64) -> Result<&Board, Refusal> {
    state
        .boards
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

/// `nonempty` means boards with projects, archived or not.
fn show_all(state: &mut State, call: &Call) -> Answer {
    let status = call.query("status").unwrap_or("active");
    let has_projects = |board: u64| {
        state.kases.iter().any(|kase| {
            kase.stage
                .and_then(|id| state.stages.get(id))
                .is_some_and(|stage| stage.board == board)
        })
    };
    let fits = |board: &&Board| match status {
        "archived" => board.is_archived,
        "all" => true,
        "nonempty" => has_projects(board.id),
        _ => !board.is_archived,
    };
    let rows = state
        .boards
        .iter()
        .filter(fits)
        .filter(|board| call.names(&board.name));
    list(call, "boards", RESOURCE, rows, Board::render)
}

fn show(state: &mut State, call: &Call) -> Answer {
    if let Some(ids) = call.many_ids(0, RESOURCE) {
        let rows: Result<Vec<Value>, Refusal> = ids?
            .into_iter()
            .map(|id| Ok(one(state, id)?.render()))
            .collect();
        return Ok(Reply::ok("boards", Value::Array(rows?)).paged(false, None));
    }
    Ok(Reply::ok(
        RESOURCE,
        one(state, call.id(0, RESOURCE)?)?.render(),
    ))
}

fn show_stages(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call.id(0, RESOURCE)?)?.id;
    stages::show(state, call, Some(id))
}

fn create(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let mut row = Board {
        id: state.boards.reserve(),
        name: String::new(),
        description: None,
        created_at: call.now,
        updated_at: call.now,
        is_archived: false,
        default_team: None,
    };
    row.merge(&call.root(RESOURCE)?)?;
    let (id, rendered) = (row.id, row.render());
    state.boards.put(id, row);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/boards/{id}"))),
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
    let rendered = row.render();
    state.boards.put(row.id, row);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn archive(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    set_archived(state, call, true)?;
    Ok(Reply::no_content())
}

fn restore(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let rendered = set_archived(state, call, false)?;
    Ok(Reply::ok(RESOURCE, rendered))
}

fn set_archived(state: &mut State, call: &Call, archived: bool) -> Result<Value, Refusal> {
    let mut row = one(state, call.id(0, RESOURCE)?)?.clone();
    if row.is_archived != archived {
        row.is_archived = archived;
        row.updated_at = call.now;
    }
    let rendered = row.render();
    state.boards.put(row.id, row);
    Ok(rendered)
}
