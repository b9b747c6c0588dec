//! Events. This version declares no trigger (`catalog.triggers` is empty), so every listener names one that does not exist.

use crate::api::unsupported;
use crate::bindings::exports::integration::connector::triggers::{
    Batch, Event, Listener, ReconcileRequest, Reply, Report,
};
use crate::bindings::integration::connector::types::Error;

/// A delivery for no listener concerns nobody; one for a listener names a trigger that does not exist.
///
/// # Errors
/// `unsupported`.
pub fn handle_delivery(listeners: &[Listener]) -> Result<Reply, Error> {
    none(listeners)?;
    Ok(Reply {
        // A refusal would make Capsule try again and then drop the hook (API reference 5.4).
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
        events: Vec::new(),
        refused: Some("no listener was given".into()),
    })
}

/// # Errors
/// `unsupported`.
pub fn poll(listeners: &[Listener]) -> Result<Batch, Error> {
    none(listeners)?;
    Err(unsupported(
        "There is nothing to poll: no listener was given, and this version has no triggers.",
    ))
}

/// # Errors
/// `unsupported`.
pub fn reconcile(request: &ReconcileRequest) -> Result<Report, Error> {
    none(&request.listeners)?;
    Err(unsupported(
        "This version makes no hooks, so there are none of ours to remove.",
    ))
}

/// # Errors
/// `unsupported`.
pub fn sample(listener: &Listener) -> Result<Vec<Event>, Error> {
    none(std::slice::from_ref(listener))?;
    Ok(Vec::new())
}

fn none(listeners: &[Listener]) -> Result<(), Error> {
    match listeners.first() {
        None => Ok(()),
        Some(listener) => Err(unsupported(format!(
            "There is no trigger `{}`: this version has none. Poll with parties.list-all and `since`.",
            crate::contract::brief(&listener.trigger)
        ))),
    }
}
