//! Saved filters (API reference 4.3): made in the web UI, listed and run through the API. Their model is not documented; here a filter is
//! its id and its name.

use axum::Router;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, get};
use super::entity::Entity;
use super::filters::{Filter, Viewer};
use super::paging::list;
use super::records::{Record, in_order, page};
use super::reply::{Refusal, Reply};
use super::state::State;

const RESOURCE: &str = "filter";

/// A saved filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SavedFilter {
    id: u64,
    name: String,
    /// What stands under `filter` in an ad hoc one.
    filter: Map<String, Value>,
}

impl SavedFilter {
    fn render(&self) -> Value {
        json!({ "id": self.id, "name": self.name })
    }
}

pub(super) fn routes<R: Record>() -> Router<Fake> {
    let path = R::ENTITY.plural();
    Router::new()
        .route(&format!("/{path}/filters"), get(show_all::<R>))
        .route(&format!("/{path}/filters/{{id}}"), get(show::<R>))
        .route(&format!("/{path}/filters/{{id}}/results"), get(run::<R>))
}

/// Saves a filter of an entity. Its id.
pub(super) fn save(
    state: &mut State,
    entity: Entity,
    name: &str,
    filter: Map<String, Value>,
) -> u64 {
    state.saved_filters[entity].add(|id| SavedFilter {
        id,
        name: name.to_owned(),
        filter,
    })
}

/// The filters that a new account has.
pub(super) fn seed(state: &mut State) {
    let newest_first = json!([{ "field": "addedOn", "direction": "descending" }]);
    let open = json!([{ "field": "isOpen", "operator": "is", "value": true }]);
    for (entity, name, conditions) in [
        (
            Entity::Party,
            "People with an e-mail address",
            json!([
                { "field": "type", "operator": "is", "value": "person" },
                { "field": "hasEmailAddress", "operator": "is", "value": true },
            ]),
        ),
        (Entity::Opportunity, "Open opportunities", open.clone()),
        (Entity::Kase, "Open projects", open),
    ] {
        let filter = Map::from_iter([
            ("conditions".to_owned(), conditions),
            ("orderBy".to_owned(), newest_first.clone()),
        ]);
        save(state, entity, name, filter);
    }
}

fn one<'a, R: Record>(state: &'a State, call: &Call) -> Result<&'a SavedFilter, Refusal> {
    state.saved_filters[R::ENTITY]
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all<R: Record>(state: &mut State, call: &Call) -> Answer {
    let rows = state.saved_filters[R::ENTITY].iter();
    list(call, "filters", RESOURCE, rows, SavedFilter::render)
}

fn show<R: Record>(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one::<R>(state, call)?.render()))
}

fn run<R: Record>(state: &mut State, call: &Call) -> Answer {
    let viewer = &Viewer::new(call);
    let filter = Filter::read::<R>(&one::<R>(state, call)?.filter, state, viewer)?;
    let mut records = in_order(state, |record: &R| filter.fits(record, state, viewer));
    filter.sort(&mut records, state, viewer);
    page(state, call, records)
}
