//! What people and organisations have in common, one file for each thing that is done to them. Called by `people.rs`, `organisations.rs`
//! and `parties.rs` beside this folder.
//!
//! A change goes the same way everywhere: what is wrong in the input itself is told before any request; names are looked up; what is
//! needed to read the answer is read (`../read.rs`); the employer is found or created (`employer.rs`), last of all because that is a
//! change already; then the change is sent (`write.rs`).

mod create;
mod employer;
mod filter;
mod find;
mod names;
mod update;
mod upsert;
mod write;

pub(super) use create::create;
pub(super) use filter::filter;
pub(super) use find::find;
pub(super) use update::update;
pub(super) use upsert::{Upsert, upsert};

use serde_json::{Map, Value, json};

/// Puts a list into a body, unless it is empty.
fn put_list(body: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        body.insert(key.to_owned(), Value::Array(list));
    }
}

/// Puts a reference into a body, if there is one.
fn put_id(body: &mut Map<String, Value>, key: &str, id: Option<u64>) {
    if let Some(id) = id {
        body.insert(key.to_owned(), json!({"id": id}));
    }
}
