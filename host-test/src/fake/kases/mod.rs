//! Projects, `kase` on the wire (API reference 3.3). `kase` is the model, `filter` its filter-side names; here are its own
//! routes.

mod filter;
mod kase;
#[cfg(test)]
mod tests;

use axum::Router;
use jiff::Timestamp;
use serde_json::Value;

use super::Fake;
use super::additional_parties;
use super::call::{Answer, Call, delete, get, post, put};
use super::entity::Entity;
use super::parent::Parent;
use super::parties::Party;
use super::records::{self, Core, Record};
use super::reply::{Refusal, Reply};
use super::state::State;
use super::{entries, tasks, tracks};

pub(super) use kase::Kase;

const RESOURCE: &str = "kase";

pub(super) fn routes() -> Router<Fake> {
    records::routes::<Kase>()
        .merge(additional_parties::routes::<Kase>())
        .route("/kases", post(create))
        .route("/kases/{id}", put(update).merge(delete(remove)))
        .route("/parties/{id}/kases", get(show_of_party))
}

/// A project has no default owner (API reference 3.3).
fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let core = Core::new(state.kases.reserve(), None, call.now);
    let id = core.id;
    let mut kase = Kase::blank(core);
    let tracks = tracks::asked_for(&body, Entity::Kase, state)?;
    kase.merge(&body, state, call.now, true)?;
    state.kases.put(id, kase);
    state.note("kase/created", id, call.now);
    for definition in tracks {
        tracks::apply(state, definition, Parent::Kase(id), None, None, call);
    }
    let rendered = render(state, call, id)?;
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/kases/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, RESOURCE)?;
    let before = records::find::<Kase>(state, id)?.clone();
    let mut kase = before.clone();
    kase.merge(&call.root(RESOURCE)?, state, call.now, false)?;
    if kase != before {
        kase.core.updated_at = call.now;
        let mut events = vec!["kase/updated"];
        if kase.stage != before.stage {
            events.push("kase/moved");
        }
        let is_closed = kase.is_closed;
        state.kases.put(id, kase);
        if is_closed && !before.is_closed {
            events.push("kase/closed");
        }
        state.note_all(&events, id, call.now);
        match (before.is_closed, is_closed) {
            (false, true) => tasks::suspend(state, Parent::Kase(id), call.now),
            (true, false) => tasks::resume(state, Parent::Kase(id), call.now),
            _ => {}
        }
    }
    Ok(Reply::ok(RESOURCE, render(state, call, id)?))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Kase>(state, call.id(0, RESOURCE)?)?.core.id;
    delete_kase(state, id, call.now);
    Ok(state.deleted(call, "Deleting Project"))
}

/// Deletes a project with its tasks and entries. Its tracks stay behind, reachable by id.
pub(super) fn delete_kase(state: &mut State, id: u64, now: Timestamp) {
    state.kases.remove(id);
    tasks::delete_of(state, Parent::Kase(id));
    entries::delete_of(state, Parent::Kase(id));
    state.note_deletion(Entity::Kase, id, now);
}

fn show_of_party(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Party>(state, call.id(0, "party")?)?.core.id;
    let rows = state
        .kases
        .iter()
        .filter(|row| row.party == id && row.core.restricted_at.is_none());
    records::page(state, call, rows)
}

fn render(state: &State, call: &Call, id: u64) -> Result<Value, Refusal> {
    Ok(records::find::<Kase>(state, id)?.render(state, &call.embeds()))
}

impl additional_parties::HasParties for Kase {
    fn party(&self) -> u64 {
        self.party
    }

    fn parties(&self) -> &[u64] {
        &self.parties
    }

    fn parties_mut(state: &mut State, id: u64) -> Option<&mut Vec<u64>> {
        state.kases.get_mut(id).map(|kase| &mut kase.parties)
    }
}
