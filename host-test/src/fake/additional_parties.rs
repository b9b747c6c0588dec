//! Additional contacts of opportunities and projects (API reference 3.2, 3.3).

use axum::Router;

use super::Fake;
use super::call::{Answer, Call, delete, get, post};
use super::parties::Party;
use super::records::{self, Record};
use super::reply::{Refusal, Reply};
use super::state::State;

/// A record with one main contact and any number of additional ones.
pub(super) trait HasParties: Record {
    fn party(&self) -> u64;
    fn parties(&self) -> &[u64];
    fn parties_mut(state: &mut State, id: u64) -> Option<&mut Vec<u64>>;
}

pub(super) fn routes<R: HasParties>() -> Router<Fake> {
    let path = R::ENTITY.plural();
    Router::new()
        .route(&format!("/{path}/{{id}}/parties"), get(show_all::<R>))
        .route(
            &format!("/{path}/{{id}}/parties/{{party}}"),
            post(add::<R>).merge(delete(remove::<R>)),
        )
}

fn show_all<R: HasParties>(state: &mut State, call: &Call) -> Answer {
    let record = records::find::<R>(state, call.id(0, R::ENTITY.singular())?)?;
    let parties = record
        .parties()
        .iter()
        .filter_map(|id| records::find::<Party>(state, *id).ok());
    records::page(state, call, parties)
}

fn add<R: HasParties>(state: &mut State, call: &Call) -> Answer {
    let entity = R::ENTITY.singular();
    let record = records::find::<R>(state, call.id(0, entity)?)?;
    let party = records::find::<Party>(state, call.id(1, "party")?)?.core.id;
    if record.party() == party {
        return Err(Refusal::invalid(
            entity,
            "party",
            format!("party is already related to this {entity}"),
        ));
    }
    if record.parties().contains(&party) {
        return Err(Refusal::invalid(
            entity,
            "party",
            format!("party is already a contact for this {entity}"),
        ));
    }
    let id = record.core().id;
    if let Some(parties) = R::parties_mut(state, id) {
        parties.push(party);
    }
    Ok(Reply::no_content())
}

fn remove<R: HasParties>(state: &mut State, call: &Call) -> Answer {
    let record = records::find::<R>(state, call.id(0, R::ENTITY.singular())?)?;
    let party = call.id(1, "party")?;
    if !record.parties().contains(&party) {
        return Err(Refusal::no_such("party"));
    }
    let id = record.core().id;
    if let Some(parties) = R::parties_mut(state, id) {
        parties.retain(|id| *id != party);
    }
    Ok(Reply::no_content())
}
