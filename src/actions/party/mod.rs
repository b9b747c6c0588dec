//! What people and organisations have in common, one file for each thing that is done to them. Called by `people.rs`, `organisations.rs`
//! and `parties.rs` beside this folder.
//!
//! A change goes the same way everywhere: what is wrong in the input itself is told before any request; names are looked up; what is
//! needed to read the answer is read (`../read.rs`); the employer is found or created (`employer.rs`), last of all because that is a
//! change already; then the change is sent (`write.rs`).

mod create;
mod employer;
mod find;
mod update;
mod upsert;
mod write;

pub(super) use create::create;
pub(super) use find::find;
pub(super) use update::update;
pub(super) use upsert::{Upsert, upsert};
