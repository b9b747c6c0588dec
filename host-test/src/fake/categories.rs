//! Task categories (API reference 3.12).

use axum::Router;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::{Input, Reference};
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::State;

const RESOURCE: &str = "category";

/// A category.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Category {
    pub(super) id: u64,
    pub(super) name: String,
    /// `#` and six hexadecimal digits.
    pub(super) colour: Option<String>,
}

impl Category {
    pub(super) fn render(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "colour": self.colour })
    }

    fn merge(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.text("colour", &mut self.colour);
        let is_colour = |text: &str| {
            text.strip_prefix('#').is_some_and(|digits| {
                digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit())
            })
        };
        if self
            .colour
            .as_deref()
            .is_some_and(|colour| !is_colour(colour))
        {
            input.fault("colour", "colour must be # and six hexadecimal digits");
        }
        violations.check()
    }
}

/// The id of the category that a body names.
pub(super) fn find(state: &State, reference: &Reference) -> Option<u64> {
    match reference {
        Reference::Id(id) => state.categories.has(*id).then_some(*id),
        Reference::Name(name) => {
            let wanted = name.to_lowercase();
            state
                .categories
                .iter()
                .find(|row| row.name.to_lowercase() == wanted)
                .map(|row| row.id)
        }
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/categories", get(show_all).merge(post(create)))
        .route(
            "/categories/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a Category, Refusal> {
    state
        .categories
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    list(
        call,
        "categories",
        RESOURCE,
        state.categories.iter(),
        Category::render,
    )
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one(state, call)?.render()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let mut category = Category {
        id: state.categories.reserve(),
        name: String::new(),
        colour: None,
    };
    category.merge(&call.root(RESOURCE)?)?;
    let (id, rendered) = (category.id, category.render());
    state.categories.put(id, category);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/categories/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let mut category = one(state, call)?.clone();
    category.merge(&call.root(RESOURCE)?)?;
    let rendered = category.render();
    state.categories.put(category.id, category);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call)?.id;
    for task in state
        .tasks
        .iter_mut()
        .filter(|task| task.category == Some(id))
    {
        task.category = None;
    }
    state.categories.remove(id);
    Ok(Reply::no_content())
}
