//! What opportunities and projects have in common, one file for each thing that is done to them. Called by `opportunities.rs` and
//! `projects.rs` beside this folder.
//!
//! Records stay rows as Capsule gives them until the end: what both have is compared and changed by name, and `told` makes the record of the
//! contract out of the last answer. A change goes the same way as that of a party: what is wrong in the input itself is told before any
//! request, names are looked up, what is needed to read the answer is read, then the change is sent.

mod contacts;
mod create;
mod lists;
mod moves;
mod update;
mod upsert;

pub(super) use contacts::{add_party, list_parties, remove_party};
pub(super) use create::create;
pub(super) use lists::{get, list_all, list_entries, search};
pub(super) use moves::{Move, lose, reopen, set_status, shift, win};
pub(super) use update::update;
pub(super) use upsert::{Upsert, upsert};

use super::read::Speller;
use crate::api::{Call, Client, Course, record};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::Json;
use crate::model::{Embeds, Kind};
use serde_json::{Map, Value, json};

/// What records of a kind pass through.
fn course(kind: Kind) -> Course {
    match kind {
        Kind::Project => Course::Stages,
        Kind::Party | Kind::Opportunity => Course::Milestones,
    }
}

/// The path of one record.
fn path(kind: Kind, id: u64) -> [String; 2] {
    [kind.entity().path().to_owned(), id.to_string()]
}

/// A record as it is.
async fn current(client: &Client, kind: Kind, id: u64, embeds: &Embeds) -> Result<Value, Error> {
    let [path, id] = path(kind, id);
    let call = Call::get(&[&path, &id]).embed(&embeds.tokens);
    row(client, &call, kind).await
}

/// Sends a call, and gives the row of its answer.
async fn row(client: &Client, call: &Call, kind: Kind) -> Result<Value, Error> {
    client.send(call).await?.take(call, kind.entity().key())
}

/// Changes a record, and gives it as it is then.
async fn change(
    client: &Client,
    kind: Kind,
    id: u64,
    embeds: &Embeds,
    body: Map<String, Value>,
) -> Result<Value, Error> {
    let [path, id] = path(kind, id);
    let call = Call::change(&[&path, &id], json!({ (kind.entity().key()): body }));
    let call = call.embed(&embeds.tokens);
    row(client, &call, kind).await
}

/// The record of the contract.
fn told<T: Json>(speller: &Speller, kind: Kind, embeds: &Embeds, row: Value) -> Result<T, Error> {
    let call = Call::get(&[kind.entity().path()]);
    record(&call, 200, asked(speller, embeds, row))
}

/// A row in the contract's spelling, with what was asked for and nothing that was read along to compare.
fn asked(speller: &Speller, embeds: &Embeds, mut row: Value) -> Value {
    if let Value::Object(row) = &mut row {
        for token in ["tags", "fields"] {
            if !embeds.tokens.contains(&token) {
                row.remove(token);
            }
        }
    }
    speller.spell(&mut row);
    row
}

/// The id of a reference, which may come as an object or bare (API reference 2.3).
fn id_of(row: &Value, key: &str) -> Option<u64> {
    let reference = row.get(key)?;
    reference.get("id").unwrap_or(reference).as_u64()
}

/// Makes Capsule's refusal point into the caller's input.
fn placed(error: Error, at: &str) -> Error {
    match error {
        Error::Permanent(PermanentError::InvalidInput(mut violations)) => {
            for one in &mut violations {
                one.pointer.insert_str(0, at);
            }
            Error::Permanent(PermanentError::InvalidInput(violations))
        }
        other => other,
    }
}
