//! What the connector says of itself: who it is, what it can do, what goes in and out, and what a form offers.
//!
//! `descriptor.rs` and `operations.rs` come out of constants and of the generated table, `schemas.rs` renders that table and merges the
//! account's custom fields into it, `choices.rs` finds the field that a form asks for, and `offers.rs` knows what each kind of field
//! offers. Called by `component.rs`; calls `contract/`, `model/` and `api/`, and `actions/` to read records by id. Everything but
//! [`account_schemas`] and [`choices`] reads no environment and sends nothing.

mod choices;
mod descriptor;
mod offers;
mod operations;
mod schemas;

pub use choices::choices;
pub use descriptor::describe;
pub use operations::{operations, triggers};
pub use schemas::{account_schemas, general_schemas};

use crate::api::unsupported;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{OPERATIONS, Operation, brief, nearest, operation};

/// The operation of an id, or an error that names the nearest ones.
fn known(id: &str) -> Result<&'static Operation, Error> {
    operation(id).ok_or_else(|| {
        let near = nearest(id, OPERATIONS.iter().map(|operation| operation.id), 3);
        unsupported(format!(
            "There is no operation or trigger `{}`. {}",
            brief(id),
            way_out(&near, "catalog.operations lists what there is.")
        ))
    })
}

/// `Did you mean ...?`, or something else to do.
fn way_out(near: &[&str], otherwise: &str) -> String {
    if near.is_empty() {
        return otherwise.to_owned();
    }
    format!(
        "Did you mean {}?",
        near.iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}
