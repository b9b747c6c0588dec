//! What the operations do: one file for each interface of the WIT, a function for each of its functions. Knows operations, not HTTP.
//!
//! Called by the generated dispatch and by the typed exports; calls `api/` and `model/`. `many.rs` runs calls side by side, `read.rs`
//! turns rows into records, `faults.rs` gathers what a caller can mend, `names.rs` looks names up, `filter.rs` judges filters, `deletion.rs`
//! deletes, `tagging.rs` says what to send so that a record has its tags, `body.rs` puts together what is sent. `party/` holds what people and
//! organisations have in common, `deal/` what opportunities and projects have,
//! `setting.rs` what settings have.

pub mod administration;
pub mod api;
mod body;
pub mod custom_fields;
mod deal;
mod deletion;
pub mod events;
mod faults;
pub mod files;
mod filter;
pub mod hooks;
pub mod leads;
mod many;
pub(crate) mod names;
pub mod opportunities;
pub mod organisations;
pub mod parties;
mod party;
pub mod people;
pub mod projects;
pub(crate) mod read;
mod setting;
pub mod settings;
pub mod sync;
mod tagging;
pub mod tags;
mod task_definitions;
pub mod tasks;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod tracks;

pub use many::{invoke_many, plan};
pub(crate) use read::by_id;

use crate::api::{Client, MOST_ANSWER_BYTES, too_large, unsupported};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::{OPERATIONS, Operation, Output, Reading, check, nearest, operation, way_out};
use serde_json::Value;

/// Runs one operation: JSON in, JSON out.
///
/// # Errors
/// `unsupported` with the nearest ids, `invalid-input` with every fault before anything is sent, and what the operation gives.
pub async fn invoke(client: &Client, id: &str, input: &str) -> Result<String, Error> {
    let operation = known(id)?;
    let input = parsed(input)?;
    text(perform(client, operation, input).await?)
}

/// Judges an input, and runs the operation on it.
///
/// # Errors
/// `invalid-input` with every fault before anything is sent, and what the operation gives.
pub async fn perform(
    client: &Client,
    operation: &'static Operation,
    input: Value,
) -> Result<Output, Error> {
    let input = judged(operation, input)?;
    (operation.run)(client, input).await
}

/// The operation of an id.
fn known(id: &str) -> Result<&'static Operation, Error> {
    operation(id).ok_or_else(|| {
        let ids = OPERATIONS
            .iter()
            .flat_map(|operation| operation.aliases.iter().copied().chain([operation.id]));
        let near = nearest(id, ids, 3);
        let way_out = way_out(&near, "catalog.operations lists what there is.");
        unsupported(format!(
            "There is no operation `{}`. {way_out}",
            crate::contract::brief(id)
        ))
    })
}

/// Largest JSON of one input, and of all inputs of `invoke-many` together.
pub const MOST_INPUT_BYTES: usize = 8 << 20;

/// The JSON of an output.
fn text(output: Output) -> Result<String, Error> {
    let text = output.into_text();
    // Only a file can be as large: what Capsule answers as JSON is read up to the same limit.
    if text.len() > MOST_ANSWER_BYTES {
        return Err(too_large(
            "The result is larger than 8 MiB of JSON. The typed face gives files of up to 25 MB.",
        ));
    }
    Ok(text)
}

/// The JSON of an input. An empty text stands for an empty object.
fn parsed(input: &str) -> Result<Value, Error> {
    if input.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if input.len() > MOST_INPUT_BYTES {
        return Err(too_large("The input is larger than 8 MiB of JSON."));
    }
    capsule_json::parse(input.as_bytes()).map_err(|error| {
        crate::api::invalid("", "type", format!("The input is not JSON: {error}."))
    })
}

fn judged(operation: &Operation, mut input: Value) -> Result<Value, Error> {
    let faults = check(&operation.input, &mut input, Reading::Input);
    if faults.is_empty() {
        Ok(input)
    } else {
        Err(Error::Permanent(PermanentError::InvalidInput(faults)))
    }
}
