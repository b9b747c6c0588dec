//! Opportunities (API reference 3.2). `opportunity` is the model, `filter` its filter-side names; here are its own routes.

mod filter;
mod opportunity;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Fake;
use super::additional_parties;
use super::call::{Answer, Call, delete, get, post, put, query};
use super::entity::Entity;
use super::filters::{Filter, Viewer};
use super::kases::Kase;
use super::parent::Parent;
use super::parties::Party;
use super::records::{self, Core, Record};
use super::reply::{Refusal, Reply};
use super::state::State;
use super::{entries, tasks, tracks};

pub(super) use opportunity::{Money, Opportunity};

const RESOURCE: &str = "opportunity";

pub(super) fn routes() -> Router<Fake> {
    records::routes::<Opportunity>()
        .merge(additional_parties::routes::<Opportunity>())
        .route("/opportunities", post(create))
        .route("/opportunities/value", query(show_value))
        .route("/opportunities/{id}", put(update).merge(delete(remove)))
        .route("/opportunities/{id}/kases", get(show_kases))
        .route("/parties/{id}/opportunities", get(show_of_party))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let core = Core::new(
        state.opportunities.reserve(),
        Some(call.caller.user),
        call.now,
    );
    let id = core.id;
    let mut opportunity = Opportunity::blank(core);
    let tracks = tracks::asked_for(&body, Entity::Opportunity, state)?;
    opportunity.merge(&body, state, call.now)?;
    state.opportunities.put(id, opportunity);
    state.note("opportunity/created", id, call.now);
    for definition in tracks {
        tracks::apply(state, definition, Parent::Opportunity(id), None, None, call);
    }
    let rendered = render(state, call, id)?;
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/opportunities/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, RESOURCE)?;
    let before = records::find::<Opportunity>(state, id)?.clone();
    let mut opportunity = before.clone();
    opportunity.merge(&call.root(RESOURCE)?, state, call.now)?;
    if opportunity != before {
        opportunity.core.updated_at = call.now;
        let (was_open, is_open) = (before.is_open(state), opportunity.is_open(state));
        let has_moved = opportunity.milestone != before.milestone;
        state.opportunities.put(id, opportunity);
        let mut events = vec!["opportunity/updated"];
        if has_moved {
            events.push("opportunity/moved");
        }
        if has_moved && !is_open {
            events.push("opportunity/closed");
        }
        state.note_all(&events, id, call.now);
        match (was_open, is_open) {
            (true, false) => tasks::suspend(state, Parent::Opportunity(id), call.now),
            (false, true) => tasks::resume(state, Parent::Opportunity(id), call.now),
            _ => {}
        }
    }
    Ok(Reply::ok(RESOURCE, render(state, call, id)?))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Opportunity>(state, call.id(0, RESOURCE)?)?
        .core
        .id;
    delete_opportunity(state, id, call.now);
    Ok(state.deleted(call, "Deleting Opportunity"))
}

/// Deletes an opportunity with its tasks and entries. Its tracks stay behind, reachable by id.
pub(super) fn delete_opportunity(state: &mut State, id: u64, now: Timestamp) {
    state.opportunities.remove(id);
    tasks::delete_of(state, Parent::Opportunity(id));
    entries::delete_of(state, Parent::Opportunity(id));
    for kase in state
        .kases
        .iter_mut()
        .filter(|kase| kase.opportunity == Some(id))
    {
        kase.opportunity = None;
    }
    state.note_deletion(Entity::Opportunity, id, now);
}

/// Totals of the matching opportunities. They are summed in the currency that most of them have, for the API knows no rates.
fn show_value(state: &mut State, call: &Call) -> Answer {
    let viewer = Viewer::new(call);
    let filter = Filter::read::<Opportunity>(&call.root("filter")?, state, &viewer)?;
    let mut sums: BTreeMap<&str, (usize, f64, f64)> = BTreeMap::new();
    for opportunity in state.opportunities.iter() {
        if opportunity.core.restricted_at.is_none()
            && filter.fits(opportunity, state, &viewer)
            && let Some(value) = &opportunity.value
        {
            let duration = opportunity
                .duration
                .filter(|_| opportunity.duration_basis != "FIXED")
                .unwrap_or(1);
            let total = value.amount * duration as f64;
            let sum = sums.entry(value.currency.as_str()).or_default();
            *sum = (
                sum.0 + 1,
                sum.1 + total,
                sum.2 + total * opportunity.probability as f64 / 100.0,
            );
        }
    }
    let (currency, (_, total, projected)) = sums
        .into_iter()
        .max_by_key(|(_, (count, ..))| *count)
        .unwrap_or(("GBP", (0, 0.0, 0.0)));
    let meta = json!({ "currency": currency });
    Ok(Reply::body(
        json!({ "totalValue": total, "projectedValue": projected, "meta": meta }),
    ))
}

fn show_kases(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Opportunity>(state, call.id(0, RESOURCE)?)?
        .core
        .id;
    let kases = Kase::table(state)
        .iter()
        .filter(|kase| kase.opportunity == Some(id));
    records::page(
        state,
        call,
        kases.filter(|kase| kase.core.restricted_at.is_none()),
    )
}

fn show_of_party(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Party>(state, call.id(0, "party")?)?.core.id;
    let rows = state
        .opportunities
        .iter()
        .filter(|row| row.party == id && row.core.restricted_at.is_none());
    records::page(state, call, rows)
}

fn render(state: &State, call: &Call, id: u64) -> Result<Value, Refusal> {
    Ok(records::find::<Opportunity>(state, id)?.render(state, &call.embeds()))
}

impl additional_parties::HasParties for Opportunity {
    fn party(&self) -> u64 {
        self.party
    }

    fn parties(&self) -> &[u64] {
        &self.parties
    }

    fn parties_mut(state: &mut State, id: u64) -> Option<&mut Vec<u64>> {
        state
            .opportunities
            .get_mut(id)
            .map(|opportunity| &mut opportunity.parties)
    }
}
