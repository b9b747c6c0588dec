//! The titles that people may have (API reference 3.16).

use axum::Router;
use serde_json::{Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post};
use super::input::Input;
use super::paging::whole_list;
use super::parties::{Party, Who};
use super::records::Record;
use super::reply::{Refusal, Reply, Violations};
use super::state::State;

const RESOURCE: &str = "personTitle";

/// Most titles that an account may hold.
const LIMIT: usize = 50;

/// A title.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Title {
    pub(super) id: u64,
    pub(super) title: String,
}

impl Title {
    fn render(&self) -> Value {
        json!({ "id": self.id, "title": self.title })
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/titles", get(show_all).merge(post(create)))
        .route("/titles/{id}", delete(remove))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    Ok(whole_list(
        call,
        "personTitles",
        state.titles.iter().map(Title::render),
    ))
}

/// The documented sample has no `Location`.
fn create(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    let mut title = String::new();
    input.required_text("title", &mut title);
    if state.titles.iter().any(|known| known.title == title) {
        input.fault("title", "title is already in use");
    }
    if state.titles.len() >= LIMIT {
        input.fault("title", "maximum number of titles reached");
    }
    violations.check()?;
    let title = Title {
        id: state.titles.reserve(),
        title,
    };
    let rendered = title.render();
    state.titles.put(title.id, title);
    Ok(Reply::created(RESOURCE, rendered, None))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let id = call.id(0, RESOURCE)?;
    let title = state
        .titles
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))?;
    let is_used = Party::table(state)
        .iter()
        .any(|party| matches!(&party.who, Who::Person(person) if person.title.as_ref() == Some(&title.title)));
    if is_used {
        return Err(Refusal::invalid(RESOURCE, "title", "title is in use"));
    }
    state.titles.remove(id);
    Ok(Reply::no_content())
}
