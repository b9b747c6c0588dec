//! Activity types (API reference 3.13). The built-in ones have negative ids and cannot be changed here.

use axum::Router;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::State;

const RESOURCE: &str = "activityType";

/// The type of notes without one.
pub(super) const NOTE: i64 = -1;
/// The type of the entry that a completed task leaves.
pub(super) const TASK_COMPLETED: i64 = -4;
/// The type of an email that was received.
pub(super) const EMAIL_RECEIVED: i64 = -6;

/// An activity type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ActivityType {
    pub(super) id: i64,
    pub(super) name: String,
    /// Key of the icon.
    pub(super) icon: String,
    /// An entry of this type is a contact with the record's party.
    pub(super) update_last_contacted: bool,
}

/// The types that every account has.
pub(super) fn built_in() -> Vec<ActivityType> {
    let row = |id, name: &str, icon: &str, update_last_contacted| ActivityType {
        id,
        name: name.to_owned(),
        icon: icon.to_owned(),
        update_last_contacted,
    };
    vec![
        row(NOTE, "Note", "NOTE", false),
        row(-2, "Meeting", "MEETING", true),
        row(-3, "Call", "PHONE", true),
        row(TASK_COMPLETED, "Task completed", "TASK", false),
        row(-5, "Email sent", "EMAIL", true),
        row(EMAIL_RECEIVED, "Email received", "EMAIL", true),
    ]
}

impl ActivityType {
    fn render(&self) -> Value {
        let display_name = self
            .icon
            .chars()
            .take(1)
            .chain(self.icon.to_lowercase().chars().skip(1))
            .collect::<String>();
        json!({
            "id": self.id,
            "name": self.name,
            "icon": {
                "id": self.icon,
                "displayName": display_name,
                "iconName": self.icon.to_lowercase(),
                "order": 1,
                "isSystem": self.id < 0,
            },
            "updateLastContacted": self.update_last_contacted,
        })
    }

    /// The short form.
    pub(super) fn reference(&self) -> Value {
        json!({ "id": self.id, "name": self.name })
    }

    fn merge(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.boolean("updateLastContacted", &mut self.update_last_contacted);
        match input.value("icon") {
            None | Some(Value::Null) => {}
            Some(Value::String(id)) => self.icon = id.clone(),
            Some(icon) => match icon.get("id").and_then(Value::as_str) {
                Some(id) => self.icon = id.to_owned(),
                None => input.fault("icon", "invalid type for field"),
            },
        }
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/activitytypes", get(show_all).merge(post(create)))
        .route(
            "/activitytypes/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

/// The type with that id.
pub(super) fn find(state: &State, id: i64) -> Option<&ActivityType> {
    state.activity_types.iter().find(|row| row.id == id)
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a ActivityType, Refusal> {
    let id = call.param(0).parse().ok();
    id.and_then(|id| find(state, id))
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

/// One that the account made itself.
fn own<'a>(state: &'a State, call: &Call) -> Result<&'a ActivityType, Refusal> {
    let row = one(state, call)?;
    if row.id < 0 {
        return Err(Refusal::invalid(
            RESOURCE,
            "id",
            "built-in activity types cannot be changed",
        ));
    }
    Ok(row)
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    list(
        call,
        "activityTypes",
        RESOURCE,
        state.activity_types.iter(),
        ActivityType::render,
    )
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one(state, call)?.render()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let newest = state
        .activity_types
        .iter()
        .map(|row| row.id)
        .max()
        .unwrap_or(0);
    let mut row = ActivityType {
        id: newest.max(0) + 1,
        name: String::new(),
        icon: "NOTE".to_owned(),
        update_last_contacted: true,
    };
    row.merge(&call.root(RESOURCE)?)?;
    let (id, rendered) = (row.id, row.render());
    state.activity_types.push(row);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/activitytypes/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let mut row = own(state, call)?.clone();
    row.merge(&call.root(RESOURCE)?)?;
    let rendered = row.render();
    if let Some(stored) = state
        .activity_types
        .iter_mut()
        .find(|stored| stored.id == row.id)
    {
        *stored = row;
    }
    Ok(Reply::ok(RESOURCE, rendered))
}

/// Entries of the type become plain notes.
fn remove(state: &mut State, call: &Call) -> Answer {
    let id = own(state, call)?.id;
    for entry in state
        .entries
        .iter_mut()
        .filter(|entry| entry.activity_type == id)
    {
        entry.activity_type = NOTE;
    }
    state.activity_types.retain(|row| row.id != id);
    Ok(Reply::no_content())
}
