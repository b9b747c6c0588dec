//! Calls side by side in one sandbox.

use super::{judged, known, parsed, text};
use crate::api::{Client, violation};
use crate::bindings::exports::integration::connector::operations::{
    Call, ManyOptions, OnFailure, Outcome, OutcomeStatus,
};
use crate::bindings::integration::connector::types::{Error, PermanentError, TransientError};
use crate::contract::{Operation, Output, Running};
use serde_json::Value;
use std::task::Poll;
use std::time::Duration;

/// Most calls at once.
const MOST_CALLS: usize = 1_000;
/// Calls in flight where the engine leaves the choice.
const CONCURRENCY: u8 = 8;
/// Most calls in flight.
const MOST_CONCURRENCY: u8 = 32;

/// A call that was judged and can start.
type Ready = Result<(&'static Operation, Value), Error>;

/// Judges the batch as a whole: before anything is sent, and without a credential.
///
/// # Errors
/// `invalid-input` for too many calls or a key that stands twice.
pub fn plan(calls: &[Call], options: &ManyOptions) -> Result<(), Error> {
    let mut faults = Vec::new();
    if calls.len() > MOST_CALLS {
        faults.push(violation(
            "/calls",
            "range",
            format!("{} calls are more than {MOST_CALLS}", calls.len()),
        ));
    }
    if options.concurrency > MOST_CONCURRENCY {
        faults.push(violation(
            "/options/concurrency",
            "range",
            format!("{} is more than {MOST_CONCURRENCY}", options.concurrency),
        ));
    }
    // Only as many as are allowed, so that looking through them stays cheap.
    for (index, call) in calls.iter().take(MOST_CALLS).enumerate() {
        if calls
            .iter()
            .take(index)
            .any(|earlier| earlier.key == call.key)
        {
            let message = format!(
                "the key `{}` stands twice",
                crate::contract::brief(&call.key)
            );
            faults.push(violation(format!("/calls/{index}/key"), "unique", message));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::Permanent(PermanentError::InvalidInput(faults)))
    }
}

/// Runs the calls. A call whose input does not fit fails by itself; after a rate limit no further call starts.
///
/// # Errors
/// As [`plan`].
pub async fn invoke_many(
    client: &Client,
    calls: Vec<Call>,
    options: &ManyOptions,
) -> Result<Vec<Outcome>, Error> {
    plan(&calls, options)?;
    let concurrency = usize::from(if options.concurrency == 0 {
        CONCURRENCY
    } else {
        options.concurrency
    });
    let deadline = options
        .start_within_ms
        .map(|limit| client.elapsed() + Duration::from_millis(u64::from(limit)));
    let mut keys = Vec::with_capacity(calls.len());
    let mut ready: Vec<Ready> = Vec::with_capacity(calls.len());
    for call in calls {
        ready.push(
            known(&call.id)
                .and_then(|operation| Ok((operation, judged(operation, parsed(&call.input)?)?))),
        );
        keys.push(call.key);
    }
    let mut outcomes = Outcomes {
        all: Vec::with_capacity(keys.len()),
        settled: 0,
    };
    for key in keys {
        outcomes.all.push(Outcome {
            key,
            status: OutcomeStatus::NotStarted,
        });
    }
    let mut waiting = ready.into_iter().enumerate();
    let mut flying: Vec<(usize, Running<'_>)> = Vec::new();
    let mut open = true;
    std::future::poll_fn(|context| {
        loop {
            let before = outcomes.settled;
            // Drive what is under way.
            let mut at = 0;
            while let Some((index, running)) = flying.get_mut(at) {
                match running.as_mut().poll(context) {
                    Poll::Pending => at += 1,
                    Poll::Ready(result) => {
                        open &= outcomes.settle(*index, result, options.on_failure);
                        drop(flying.swap_remove(at));
                    }
                }
            }
            // Start what may start. A call starts when it is polled, so that none does after a rate limit was seen.
            while open && flying.len() < concurrency {
                if deadline.is_some_and(|deadline| client.elapsed() >= deadline) {
                    open = false;
                    break;
                }
                match waiting.next() {
                    None => open = false,
                    Some((index, Err(error))) => {
                        open &= outcomes.settle(index, Err(error), options.on_failure)
                    }
                    Some((index, Ok((operation, input)))) => {
                        let mut running = (operation.run)(client, input);
                        match running.as_mut().poll(context) {
                            Poll::Pending => flying.push((index, running)),
                            Poll::Ready(result) => {
                                open &= outcomes.settle(index, result, options.on_failure)
                            }
                        }
                    }
                }
            }
            if flying.is_empty() {
                return Poll::Ready(());
            }
            // What ended may have read what another one waits for.
            if outcomes.settled == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    Ok(outcomes.all)
}

/// What became of the calls, in their order.
struct Outcomes {
    all: Vec<Outcome>,
    settled: usize,
}

impl Outcomes {
    /// Notes what a call gave, and tells whether further calls may start.
    fn settle(
        &mut self,
        index: usize,
        result: Result<Output, Error>,
        on_failure: OnFailure,
    ) -> bool {
        self.settled += 1;
        let (status, goes_on) = match result.and_then(text) {
            Ok(output) => (OutcomeStatus::Done(output), true),
            Err(error) => {
                let limited = matches!(error, Error::Transient(TransientError::RateLimited(_)));
                (
                    OutcomeStatus::Failed(error),
                    !limited && on_failure == OnFailure::KeepGoing,
                )
            }
        };
        if let Some(outcome) = self.all.get_mut(index) {
            outcome.status = status;
        }
        goes_on
    }
}
