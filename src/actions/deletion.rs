//! Deleting, whatever it is.

use crate::api::{Call, Client, is_not_found};
use crate::bindings::capsule::crm::types::{Deletion, DeletionState};
use crate::bindings::integration::connector::types::Error;

/// Deletes the record of an id under a path. One that is gone already is a success.
pub(super) async fn gone(client: &Client, path: &[&str], id: u64) -> Result<Deletion, Error> {
    let text = id.to_string();
    let segments = [path, &[text.as_str()]].concat();
    let state = match client.send(&Call::delete(&segments)).await {
        // 202: Capsule deletes in a job (API reference 2.2).
        Ok(answer) if answer.status == 202 => DeletionState::Scheduled,
        Ok(_) => DeletionState::Deleted,
        Err(error) if is_not_found(&error) => DeletionState::AlreadyGone,
        Err(error) => return Err(error),
    };
    Ok(Deletion { id, state })
}
