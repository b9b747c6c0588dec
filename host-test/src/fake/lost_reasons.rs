//! Why opportunities are lost (API reference 3.11).

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "lostReason";

/// A reason.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LostReason {
    pub(super) id: u64,
    pub(super) name: String,
    /// Counts in the conversion rate.
    pub(super) included_for_conversion: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl LostReason {
    fn render(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "includedForConversion": self.included_for_conversion,
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
        })
    }

    fn merge(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.boolean("includedForConversion", &mut self.included_for_conversion);
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/lostreasons", get(show_all).merge(post(create)))
        .route(
            "/lostreasons/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a LostReason, Refusal> {
    state
        .lost_reasons
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let rows = state
        .lost_reasons
        .iter()
        .filter(|row| call.names(&row.name));
    list(call, "lostReasons", RESOURCE, rows, LostReason::render)
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one(state, call)?.render()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let mut reason = LostReason {
        id: state.lost_reasons.reserve(),
        name: String::new(),
        included_for_conversion: true,
        created_at: call.now,
        updated_at: call.now,
    };
    reason.merge(&call.root(RESOURCE)?)?;
    let (id, rendered) = (reason.id, reason.render());
    state.lost_reasons.put(id, reason);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/lostreasons/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let before = one(state, call)?.clone();
    let mut reason = before.clone();
    reason.merge(&call.root(RESOURCE)?)?;
    if reason != before {
        reason.updated_at = call.now;
    }
    let rendered = reason.render();
    state.lost_reasons.put(reason.id, reason);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    call.require_administrator(state)?;
    let id = one(state, call)?.id;
    for opportunity in state
        .opportunities
        .iter_mut()
        .filter(|row| row.lost_reason == Some(id))
    {
        opportunity.lost_reason = None;
    }
    state.lost_reasons.remove(id);
    Ok(Reply::no_content())
}
