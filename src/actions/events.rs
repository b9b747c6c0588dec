//! Events, typed: what `triggers/` does, for engines that speak types.

use crate::api::Client;
use crate::bindings::capsule::crm::event_types::{
    HookDelivery, HookOutcome, PollOutcome, PollRequest, SampleOutcome, SampleRequest,
};
use crate::bindings::integration::connector::types::Error;

/// Events of one delivery.
///
/// # Errors
/// `unsupported`, `invalid-input`, and what sending gives where records are read again.
pub async fn handle_delivery(client: &Client, input: HookDelivery) -> Result<HookOutcome, Error> {
    crate::triggers::handle_typed(client, input).await
}

/// Events since the last poll.
///
/// # Errors
/// `unsupported`, `invalid-input`, `stale-cursor`, and what sending gives.
pub async fn poll(client: &Client, input: PollRequest) -> Result<PollOutcome, Error> {
    crate::triggers::poll_typed(client, input).await
}

/// Examples of events.
///
/// # Errors
/// `unsupported`, `invalid-input`, and what sending gives.
pub async fn sample(client: &Client, input: SampleRequest) -> Result<SampleOutcome, Error> {
    crate::triggers::sample_typed(client, input).await
}
