//! Stages of boards (API reference 3.10). Deleting one archives it; projects that stand in it stay there.

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "stage";

/// A stage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) id: u64,
    pub(super) board: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) display_order: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) is_archived: bool,
}

impl Stage {
    fn render(&self, state: &State) -> Value {
        let board = state.boards.get(self.board);
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "board": board.map(|board| json!({ "id": board.id, "name": board.name })),
            "displayOrder": self.display_order,
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
        let mut display_order = Some(self.display_order);
        input.integer("displayOrder", &mut display_order);
        self.display_order = display_order.unwrap_or(self.display_order);
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route(
            "/stages",
            get(|state, call| show(state, call, None)).merge(post(create)),
        )
        .route(
            "/stages/{id}",
            get(show_one).merge(put(update)).merge(delete(archive)),
        )
}

/// The stage that a project gets when none is named: the first one of the oldest active board, as a live sample shows.
pub(super) fn first(state: &State) -> Option<u64> {
    let board = state.boards.iter().find(|board| !board.is_archived)?.id;
    let stages = state
        .stages
        .iter()
        .filter(|stage| stage.board == board && !stage.is_archived);
    stages
        .min_by_key(|stage| stage.display_order)
        .map(|stage| stage.id)
}

/// A list of stages, of one board or of all.
pub(super) fn show(state: &mut State, call: &Call, board: Option<u64>) -> Answer {
    let status = call.query("status").unwrap_or("active");
    let on_archived = board.is_some() || call.flag("includeOnDeletedBoard").unwrap_or(false);
    let mut rows: Vec<&Stage> = state
        .stages
        .iter()
        .filter(|stage| board.is_none_or(|board| stage.board == board))
        .filter(|stage| {
            on_archived
                || state
                    .boards
                    .get(stage.board)
                    .is_some_and(|board| !board.is_archived)
        })
        .filter(|stage| match status {
            "archived" => stage.is_archived,
            "all" => true,
            _ => !stage.is_archived,
        })
        .collect();
    rows.sort_by_key(|stage| (stage.board, stage.display_order, stage.id));
    list(call, "stages", RESOURCE, rows, |stage| stage.render(state))
}

fn one(state: &State, id: u64) -> Result<&Stage, Refusal> {
    state
        .stages
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_one(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        one(state, call.id(0, RESOURCE)?)?.render(state),
    ))
}

fn create(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut board = 0;
    Input::new(&body, RESOURCE, &mut violations).required_reference(
        "board",
        "board",
        &mut board,
        |id| state.boards.has(id),
    );
    violations.check()?;
    let last = state
        .stages
        .iter()
        .filter(|stage| stage.board == board)
        .map(|stage| stage.display_order)
        .max();
    let mut row = Stage {
        id: state.stages.reserve(),
        board,
        name: String::new(),
        description: None,
        display_order: last.map_or(0, |last| last.saturating_add(1)),
        created_at: call.now,
        updated_at: call.now,
        is_archived: false,
    };
    row.merge(&body)?;
    let (id, rendered) = (row.id, row.render(state));
    state.stages.put(id, row);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/stages/{id}"))),
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
    let rendered = row.render(state);
    state.stages.put(row.id, row);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn archive(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let id = one(state, call.id(0, RESOURCE)?)?.id;
    if let Some(stage) = state.stages.get_mut(id) {
        stage.is_archived = true;
        stage.updated_at = call.now;
    }
    Ok(Reply::no_content())
}
