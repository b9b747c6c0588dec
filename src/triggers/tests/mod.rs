//! Triggers as an engine uses them: deliveries, feeds and hooks in, events and requests out.

mod alike;
mod deliveries;
mod feeds;
mod hooks;
mod hostile;
mod names;
mod samples;
mod standing;

use super::*;
use crate::api::script::{Script, block_on};
use serde_json::{Value, json};

/// Capsule's clock in these tests.
const NOW: &str = "Tue, 03 Feb 2026 09:15:00 GMT";

fn listener(trigger: &str, options: Value) -> Listener {
    Listener {
        id: format!("on {trigger}"),
        trigger: trigger.into(),
        options: options.to_string(),
        mode: DeliveryMode::Auto,
    }
}

fn on(triggers: &[&str]) -> Vec<Listener> {
    triggers
        .iter()
        .map(|trigger| listener(trigger, json!({})))
        .collect()
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

/// A person who was created and changed.
fn person(id: u64, created: &str, updated: &str) -> Value {
    json!({"id": id, "type": "person", "firstName": "Ines", "lastName": "Duarte", "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"},
        "team": null, "createdAt": created, "updatedAt": updated})
}

/// An opportunity that was closed with a probability, or is open.
fn opportunity(
    id: u64,
    moved: &str,
    updated: &str,
    probability: u32,
    closed: Option<&str>,
) -> Value {
    json!({"id": id, "name": "Roof", "createdAt": "2026-01-01T08:00:00Z", "updatedAt": updated, "lastStageChangedAt": moved,
        "probability": probability, "closedOn": closed, "milestone": {"id": 4, "name": "Won"}, "lostReason": {"id": 2, "name": "Price"}})
}
