//! Events, by hook or by poll, with the same ids.
//!
//! `listening.rs` understands who waits, `names.rs` looks up what filters name, `rule.rs` says what a record tells of what happened to it,
//! `filter.rs` whether it is wanted, `event.rs` what an event carries. `delivery.rs` takes apart what Capsule sent, `poll.rs` reads feeds
//! from the position in `cursor.rs`, `standing.rs` those of what is the case at a time, `reconcile.rs` keeps the hooks, `sample.rs` gives
//! examples. Called by `component.rs` and, for the typed face, by `actions/events.rs`; calls `api/`, and `actions/read.rs` to spell records.

mod cursor;
mod delivery;
mod digest;
mod event;
mod filter;
mod listening;
mod names;
mod poll;
mod reconcile;
mod rule;
mod sample;
mod standing;
#[cfg(test)]
mod tests;

use crate::api::{Client, invalid};
use crate::bindings::capsule::crm::event_types as typed;
use crate::bindings::exports::integration::connector::triggers::{
    Batch, Delivery, DeliveryMode, Event, Listener, Position, ReconcileRequest, Reply, Report,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::json::case;
use crate::contract::{Json, TRIGGERS};
use event::Found;
use listening::Listening;

/// Events of one delivery for each listener that it concerns.
///
/// # Errors
/// `unsupported` and `invalid-input` for a listener; and what sending gives, where records are read again. A delivery that is not Capsule's
/// is no error.
pub async fn handle_delivery(
    client: &Client,
    delivery: &Delivery,
    listeners: &[Listener],
) -> Result<Reply, Error> {
    let listeners = Listening::all(listeners)?;
    let outcome = if delivery.method.eq_ignore_ascii_case("POST") {
        delivery::handle(client, &delivery.body, &listeners).await?
    } else {
        delivery::Outcome {
            events: Vec::new(),
            refused: Some("Capsule sends its deliveries by POST.".into()),
        }
    };
    Ok(Reply {
        // A refusal would make Capsule try again and then drop the hook (API reference 5.4).
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
        events: outcome.events.into_iter().map(Found::neutral).collect(),
        refused: outcome.refused,
    })
}

/// The same, typed.
///
/// # Errors
/// As [`handle_delivery`].
pub async fn handle_typed(
    client: &Client,
    input: typed::HookDelivery,
) -> Result<typed::HookOutcome, Error> {
    let listeners = untyped(input.listeners)?;
    let outcome =
        delivery::handle(client, input.body.as_bytes(), &Listening::all(&listeners)?).await?;
    Ok(typed::HookOutcome {
        events: outcome.events.into_iter().map(Found::typed).collect(),
        refused: outcome.refused,
    })
}

/// Up to `limit` events after a position, for all listeners of one feed.
///
/// # Errors
/// `unsupported`, `invalid-input`, `stale-cursor`, and what sending gives.
pub async fn poll(
    client: &Client,
    listeners: &[Listener],
    start: &Position,
    limit: u32,
) -> Result<Batch, Error> {
    let found = poll::poll(client, &Listening::all(listeners)?, start, limit).await?;
    Ok(Batch {
        events: found.events.into_iter().map(Found::neutral).collect(),
        next: found.next,
        more: found.more,
        poll_again_after_ms: found.poll_again_after_ms,
        now: found.now,
        requests: found.requests,
        complete: found.complete,
        notes: found.notes,
    })
}

/// The same, typed.
///
/// # Errors
/// As [`poll`].
pub async fn poll_typed(
    client: &Client,
    input: typed::PollRequest,
) -> Result<typed::PollOutcome, Error> {
    let limit = input.limit_or_default();
    let listeners = untyped(input.listeners)?;
    let start = match input.start {
        typed::PollStart::Now => Position::Now,
        typed::PollStart::Since(at) => Position::Since(at),
        typed::PollStart::At(cursor) => Position::At(cursor),
    };
    let found = poll::poll(client, &Listening::all(&listeners)?, &start, limit).await?;
    Ok(typed::PollOutcome {
        events: found.events.into_iter().map(Found::typed).collect(),
        next: found.next,
        more: found.more,
        poll_again_after_ms: found.poll_again_after_ms,
        now: found.now,
        requests: found.requests,
        complete: found.complete,
        notes: found.notes,
    })
}

/// Makes our hooks match the listeners; others' are left alone.
///
/// # Errors
/// `unsupported` and `invalid-input` for a listener or an address, and what sending gives.
pub async fn reconcile(client: &Client, request: &ReconcileRequest) -> Result<Report, Error> {
    reconcile::reconcile(client, request, &Listening::all(&request.listeners)?).await
}

/// Recent real events.
///
/// # Errors
/// `unsupported` and `invalid-input` for a listener, and what sending gives.
pub async fn sample(client: &Client, listener: &Listener, limit: u32) -> Result<Vec<Event>, Error> {
    let listening = Listening::new(listener, "/listener")?;
    let found = sample::sample(client, &listening, limit).await?;
    Ok(found.into_iter().map(Found::neutral).collect())
}

/// The same, typed.
///
/// # Errors
/// As [`sample`].
pub async fn sample_typed(
    client: &Client,
    input: typed::SampleRequest,
) -> Result<typed::SampleOutcome, Error> {
    let limit = input.limit_or_default();
    let listener = untyped_one(String::new(), input.trigger, DeliveryMode::Auto)?;
    let listening = Listening::new(&listener, "/trigger")?;
    let found = sample::sample(client, &listening, limit).await?;
    Ok(typed::SampleOutcome {
        events: found.into_iter().map(Found::typed).collect(),
    })
}

/// Listeners of the typed face as the neutral one has them: one body serves both.
fn untyped(listeners: Vec<typed::EventListener>) -> Result<Vec<Listener>, Error> {
    listeners
        .into_iter()
        .map(|listener| {
            let mode = match listener.mode_or_default() {
                typed::DeliveryMode::Auto => DeliveryMode::Auto,
                typed::DeliveryMode::Hook => DeliveryMode::Hook,
                typed::DeliveryMode::Poll => DeliveryMode::Poll,
            };
            untyped_one(listener.id, listener.trigger, mode)
        })
        .collect()
}

fn untyped_one(id: String, trigger: typed::Trigger, mode: DeliveryMode) -> Result<Listener, Error> {
    let (name, options) = case(trigger.to_json());
    let known = TRIGGERS
        .iter()
        .find(|known| known.case == name)
        .ok_or_else(|| invalid("/trigger", "choice", "there is no such trigger"))?;
    Ok(Listener {
        id,
        trigger: known.id.into(),
        options: capsule_json::text(&options),
        mode,
    })
}

/// Which of Capsule's events there are.
#[must_use]
pub fn hook_events() -> Vec<&'static str> {
    let mut events: Vec<&str> = TRIGGERS
        .iter()
        .flat_map(|trigger| trigger.hooks)
        .copied()
        .collect();
    crate::few::order_by_key(&mut events, |event| *event);
    events.dedup();
    events
}
