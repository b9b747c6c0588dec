//! Parties: people and organisations (API reference 3.1).
//!
//! `party` is the model, `contact` its rows, `filter` its filter-side names; here are the table and the routes that only
//! parties have. The reading routes come from `records`.

mod contact;
mod filter;
mod party;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use jiff::Timestamp;
use serde_json::Value;

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::entity::Entity;
use super::parent::Parent;
use super::records::{self, Core, Record};
use super::reply::{Refusal, Reply};
use super::state::State;
use super::table::Table;
use super::{entries, kases, opportunities, tasks};

pub(super) use contact::{Address, EmailAddress, PhoneNumber, Website};
pub(super) use party::{Party, Person, Who};

const RESOURCE: &str = "party";

/// All parties, and who works where.
#[derive(Debug)]
pub(super) struct Parties {
    rows: Table<Party>,
    /// People by employer, so that `hasPeople` and the list of people need no scan.
    people: BTreeMap<u64, BTreeSet<u64>>,
}

impl Default for Parties {
    fn default() -> Parties {
        Parties {
            rows: Table::starting_at(9001),
            people: BTreeMap::new(),
        }
    }
}

impl Parties {
    pub(super) fn table(&self) -> &Table<Party> {
        &self.rows
    }

    pub(super) fn get(&self, id: u64) -> Option<&Party> {
        self.rows.get(id)
    }

    pub(super) fn reserve(&mut self) -> u64 {
        self.rows.reserve()
    }

    /// The cores of all parties, for changes that touch neither employer nor kind.
    pub(super) fn cores_mut(&mut self) -> impl Iterator<Item = &mut Core> {
        self.rows.iter_mut().map(|party| &mut party.core)
    }

    /// The core of one party.
    pub(super) fn core_mut(&mut self, id: u64) -> Option<&mut Core> {
        self.rows.get_mut(id).map(|party| &mut party.core)
    }

    /// Stores a party under its id.
    pub(super) fn put(&mut self, party: Party) {
        let id = party.core.id;
        let employer = party.employer();
        let before = self.rows.put(id, party);
        self.move_person(id, before.as_ref().and_then(Party::employer), employer);
    }

    fn move_person(&mut self, id: u64, from: Option<u64>, to: Option<u64>) {
        if from == to {
            return;
        }
        if let Some(from) = from
            && let Some(people) = self.people.get_mut(&from)
        {
            people.remove(&id);
            if people.is_empty() {
                self.people.remove(&from);
            }
        }
        if let Some(to) = to {
            self.people.entry(to).or_default().insert(id);
        }
    }

    /// Whether anybody works for this organisation.
    pub(super) fn has_people(&self, organisation: u64) -> bool {
        self.people.contains_key(&organisation)
    }

    /// The people of an organisation in the order of their ids.
    fn people_of(&self, organisation: u64) -> impl Iterator<Item = &Party> {
        self.people
            .get(&organisation)
            .into_iter()
            .flatten()
            .filter_map(|id| self.rows.get(*id))
    }

    /// Removes a party. The people of an organisation stay and lose their employer.
    fn remove(&mut self, id: u64) -> Option<Party> {
        let gone = self.rows.remove(id)?;
        self.move_person(id, gone.employer(), None);
        for person in self.people.remove(&id).into_iter().flatten() {
            if let Some(Party {
                who: Who::Person(person),
                ..
            }) = self.rows.get_mut(person)
            {
                person.organisation = None;
            }
        }
        Some(gone)
    }
}

pub(super) fn routes() -> Router<Fake> {
    records::routes::<Party>()
        .route("/parties", post(create))
        .route("/parties/{id}", put(update).merge(delete(remove)))
        .route("/parties/{id}/people", get(show_people))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let who = match body.get("type").and_then(Value::as_str) {
        Some("person") => Who::Person(Person::default()),
        Some("organisation") => Who::Organisation {
            name: String::new(),
        },
        Some(_) => {
            return Err(Refusal::invalid(
                RESOURCE,
                "type",
                "type must be person or organisation",
            ));
        }
        None => return Err(Refusal::invalid(RESOURCE, "type", "type is required")),
    };
    let core = Core::new(state.parties.reserve(), Some(call.caller.user), call.now);
    let mut party = Party::blank(core, who);
    party.merge(&body, state)?;
    let id = party.core.id;
    state.parties.put(party);
    state.note("party/created", id, call.now);
    let rendered = render(state, call, id)?;
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/parties/{id}"))),
    ))
}

/// A change that changes nothing leaves `updatedAt` alone (API reference 2.3).
fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, RESOURCE)?;
    let before = records::find::<Party>(state, id)?.clone();
    let mut party = before.clone();
    party.merge(&call.root(RESOURCE)?, state)?;
    if party != before {
        party.core.updated_at = call.now;
        state.parties.put(party);
        state.note("party/updated", id, call.now);
    }
    Ok(Reply::ok(RESOURCE, render(state, call, id)?))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Party>(state, call.id(0, RESOURCE)?)?
        .core
        .id;
    delete_party(state, id, call.now);
    Ok(state.deleted(call, "Deleting Party"))
}

/// Deletes a party with all that hangs on it: opportunities, projects, tasks, entries, and its links as an additional contact
/// (API reference 3.1).
pub(super) fn delete_party(state: &mut State, id: u64, now: Timestamp) {
    let opportunities: Vec<u64> = state
        .opportunities
        .iter()
        .filter(|row| row.party == id)
        .map(|row| row.core.id)
        .collect();
    for opportunity in opportunities {
        opportunities::delete_opportunity(state, opportunity, now);
    }
    let kases: Vec<u64> = state
        .kases
        .iter()
        .filter(|row| row.party == id)
        .map(|row| row.core.id)
        .collect();
    for kase in kases {
        kases::delete_kase(state, kase, now);
    }
    for opportunity in state.opportunities.iter_mut() {
        opportunity.parties.retain(|party| *party != id);
    }
    for kase in state.kases.iter_mut() {
        kase.parties.retain(|party| *party != id);
    }
    tasks::delete_of(state, Parent::Party(id));
    entries::delete_of(state, Parent::Party(id));
    state.parties.remove(id);
    for user in state.users.iter_mut().filter(|user| user.party == Some(id)) {
        user.party = None;
    }
    state.note_deletion(Entity::Party, id, now);
}

fn show_people(state: &mut State, call: &Call) -> Answer {
    let id = records::find::<Party>(state, call.id(0, RESOURCE)?)?
        .core
        .id;
    let people = state
        .parties
        .people_of(id)
        .filter(|person| person.core.restricted_at.is_none());
    records::page(state, call, people)
}

fn render(state: &State, call: &Call, id: u64) -> Result<Value, Refusal> {
    Ok(records::find::<Party>(state, id)?.render(state, &call.embeds()))
}
