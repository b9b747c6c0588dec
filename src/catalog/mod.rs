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
use crate::contract::{OPERATIONS, Shape, TRIGGERS, brief, nearest, operation, trigger, way_out};

/// What has schemas and choices: an operation, or a trigger with its options and the data of its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    pub(crate) id: &'static str,
    pub(crate) input: &'static Shape,
    pub(crate) output: Option<&'static Shape>,
}

/// The operation or the trigger of an id, or an error that names the nearest ones.
fn known(id: &str) -> Result<Described, Error> {
    if let Some(operation) = operation(id) {
        return Ok(Described {
            id: operation.id,
            input: &operation.input,
            output: operation.output.as_ref(),
        });
    }
    if let Some(trigger) = trigger(id) {
        return Ok(Described {
            id: trigger.id,
            input: &trigger.input,
            output: Some(&trigger.output),
        });
    }
    let ids = OPERATIONS.iter().map(|operation| operation.id);
    let near = nearest(id, ids.chain(TRIGGERS.iter().map(|trigger| trigger.id)), 3);
    Err(unsupported(format!(
        "There is no operation or trigger `{}`. {}",
        brief(id),
        way_out(
            &near,
            "catalog.operations and catalog.triggers list what there is."
        )
    )))
}
