//! Calls side by side in one sandbox.

use super::{checked, known};
use crate::api::{Client, violation};
use crate::bindings::exports::integration::connector::operations::{Call, ManyOptions, OnFailure, Outcome, OutcomeStatus};
use crate::bindings::integration::connector::types::{Error, PermanentError, TransientError};
use crate::contract::{Operation, Running};
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
        faults.push(violation("/calls", "range", format!("{} calls are more than {MOST_CALLS}", calls.len())));
    }
    if options.concurrency > MOST_CONCURRENCY {
        faults.push(violation("/options/concurrency", "range", format!("{} is more than {MOST_CONCURRENCY}", options.concurrency)));
    }
    // Only as many as are allowed, so that looking through them stays cheap.
    for (index, call) in calls.iter().take(MOST_CALLS).enumerate() {
        if calls.iter().take(index).any(|earlier| earlier.key == call.key) {
            let message = format!("the key `{}` stands twice", crate::contract::brief(&call.key));
            faults.push(violation(format!("/calls/{index}/key"), "unique", message));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Permanent(PermanentError::InvalidInput(faults))) }
}

/// Runs the calls. A call whose input does not fit fails by itself; after a rate limit no further call starts.
///
/// # Errors
/// As [`plan`].
pub async fn invoke_many(client: &Client, calls: Vec<Call>, options: &ManyOptions) -> Result<Vec<Outcome>, Error> {
    plan(&calls, options)?;
    let concurrency = usize::from(if options.concurrency == 0 { CONCURRENCY } else { options.concurrency });
    let deadline = options.start_within_ms.map(|limit| client.elapsed() + Duration::from_millis(u64::from(limit)));
    let mut keys = Vec::with_capacity(calls.len());
    let mut ready: Vec<Ready> = Vec::with_capacity(calls.len());
    for call in calls {
        ready.push(known(&call.id).and_then(|operation| Ok((operation, checked(operation, &call.input)?))));
        keys.push(call.key);
    }
    let mut statuses: Vec<OutcomeStatus> = keys.iter().map(|_| OutcomeStatus::NotStarted).collect();
    let mut waiting = ready.into_iter().enumerate();
    let mut flying: Vec<(usize, Running<'_>)> = Vec::new();
    let mut open = true;
    std::future::poll_fn(|context| {
        loop {
            // Start what may start.
            while open && flying.len() < concurrency {
                if deadline.is_some_and(|deadline| client.elapsed() >= deadline) {
                    open = false;
                    break;
                }
                match waiting.next() {
                    None => open = false,
                    Some((index, Ok((operation, input)))) => flying.push((index, (operation.run)(client, input))),
                    Some((index, Err(error))) => {
                        open &= goes_on(&error, options.on_failure);
                        settle(&mut statuses, index, Err(error));
                    }
                }
            }
            // Drive what is under way.
            let before = flying.len();
            let mut at = 0;
            while let Some((index, running)) = flying.get_mut(at) {
                match running.as_mut().poll(context) {
                    Poll::Pending => at += 1,
                    Poll::Ready(result) => {
                        if let Err(error) = &result {
                            open &= goes_on(error, options.on_failure);
                        }
                        settle(&mut statuses, *index, result);
                        drop(flying.swap_remove(at));
                    }
                }
            }
            if flying.is_empty() && !open {
                return Poll::Ready(());
            }
            if flying.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    Ok(keys.into_iter().zip(statuses).map(|(key, status)| Outcome { key, status }).collect())
}

fn goes_on(error: &Error, on_failure: OnFailure) -> bool {
    let limited = matches!(error, Error::Transient(TransientError::RateLimited(_)));
    !limited && on_failure == OnFailure::KeepGoing
}

fn settle(statuses: &mut [OutcomeStatus], index: usize, result: Result<Value, Error>) {
    if let Some(status) = statuses.get_mut(index) {
        *status = match result {
            Ok(output) => OutcomeStatus::Done(output.to_string()),
            Err(error) => OutcomeStatus::Failed(error),
        };
    }
}
