//! How to speak to Capsule: requests, envelopes, paging, errors, and what an account defines. Knows HTTP, knows no operation.
//!
//! Called by `actions/`, `auth.rs` and `catalog/`; calls `contract/` and `model/`, and sends through [`Transport`].

mod answer;
mod call;
mod client;
mod directory;
mod error;
pub(crate) mod headers;
mod mention;
mod once;
mod page;
mod raw;
mod roster;
mod rows;
#[cfg(test)]
pub(crate) mod script;
mod steps;
mod transport;

pub use answer::Answer;
pub(crate) use answer::record;
pub use call::{Call, Method};
pub(crate) use call::{for_header, form};
pub use client::{API_BASE, Client, Settings};
#[cfg(test)]
pub(crate) use error::LISTS;
pub use error::{
    ambiguous, conflict, fault, forbidden, incomplete, invalid, is_not_found, malformed, not_found,
    stale_cursor, too_large, unsupported, violation,
};
pub(crate) use error::{date_time, from_status, shown};
pub use once::Once;
pub use page::{Page, Span};
pub(crate) use roster::is_track_for;
pub use roster::{Named, Roster};
pub use steps::{Course, Step};
pub use transport::{Lost, MOST_ANSWER_BYTES, Sending, Transport};
