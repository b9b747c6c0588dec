//! What the types of the contract can do: requests out of inputs, records out of Capsule's JSON. Calls nothing that sends; called by
//! `api/`, `actions/` and `catalog/`.

mod deal;
pub mod field;
pub mod filter;
mod party;
mod record;
mod related;
mod rows;
mod task;
pub(crate) mod time;

pub(crate) use deal::{DealDraft, DealPatch};
pub(crate) use party::{Draft, Patch, full_name, joined};
pub(crate) use record::{Embeds, Kind, SPELT, spell};
pub(crate) use related::{linked, put_related};
pub(crate) use rows::{Gone, Row, changed_rows, digits, rows, same_number};
pub(crate) use task::{SPELT_TASK, is_time, spell_task};

/// Names are compared without regard to case.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.trim()
        .chars()
        .flat_map(char::to_lowercase)
        .eq(other.trim().chars().flat_map(char::to_lowercase))
}
