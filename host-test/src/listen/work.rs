//! Makes events of deliveries. What goes wrong with one holds up no other.

use std::time::Duration;

use super::clock::ms;
use super::journal::{Ended, Waiting};
use super::{Figures, Ingress, ListenError};
use crate::runtime::triggers::{Delivery, Header};
use crate::runtime::types::Error;
use crate::runtime::{CallError, HostError};

/// A sandbox that breaks down over a delivery gets it once more.
const MOST_BREAKDOWNS: u32 = 2;
/// What may pass by itself is tried this often, in about three hours; then the polls have to do.
const MOST_TRIES: u32 = 12;

impl Ingress {
    /// Works on deliveries until the journal is lost.
    pub(super) async fn work_on(&self) -> Result<(), ListenError> {
        loop {
            if let Err(next) = self.work_once().await? {
                tokio::select! {
                    () = self.rest(next) => {}
                    () = self.inner.stirred.notified() => {}
                }
            }
        }
    }

    /// Works on the next delivery. An error of the inner result says that none is due, and when the next one will be.
    pub async fn work_once(&self) -> Result<Result<(), Option<i64>>, ListenError> {
        let waiting = match self.inner.journal.next_delivery(self.now()).await? {
            Ok(waiting) => waiting,
            Err(next) => return Ok(Err(next)),
        };
        let (id, tries) = (waiting.id, waiting.tries);
        let ended = self
            .handle(waiting)
            .await
            .unwrap_or_else(|error| self.put_off(tries, &error));
        if let Ended::Aside(why) | Ended::Events(_, Some(why)) = &ended {
            Figures::add(&self.inner.figures.quarantined, 1);
            tracing::warn!(delivery = id, why, "a delivery is put aside");
        }
        self.at("delivery handled");
        let taken = self
            .inner
            .journal
            .end_delivery(id, ended, self.now())
            .await?;
        self.at("events of a delivery stored");
        Figures::add(&self.inner.figures.by_hook, taken.new);
        Figures::add(&self.inner.figures.repeated, taken.repeated);
        self.inner.given.notify_one();
        Ok(Ok(()))
    }

    async fn handle(&self, waiting: Waiting) -> Result<Ended, CallError> {
        let content_type = waiting.content_type.map(|value| Header {
            name: "content-type".into(),
            value,
        });
        let delivery = Delivery {
            method: "POST".into(),
            query: waiting.query,
            headers: content_type.into_iter().collect(),
            body: waiting.body,
        };
        let call = self.inner.connector.call(&self.inner.tenant);
        let reply = call
            .handle_delivery(delivery, self.inner.plan.hooked())
            .await?
            .value;
        Ok(Ended::Events(reply.events, reply.refused))
    }

    /// What becomes of a delivery that could not be handled.
    fn put_off(&self, tries: u32, error: &CallError) -> Ended {
        let most = match error {
            CallError::Stopped { .. } => MOST_BREAKDOWNS,
            _ if may_pass(error) => MOST_TRIES,
            _ => 0,
        };
        if tries.saturating_add(1) >= most {
            return Ended::Aside(error.to_string());
        }
        tracing::info!(%error, "a delivery is tried again later");
        Ended::Later(
            self.now()
                .saturating_add(ms(pause(tries, retry_after(error)))),
        )
    }
}

/// Whether the same may succeed later.
pub(super) fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Connector { error, .. } => matches!(**error, Error::Transient(_)),
        CallError::Stopped { .. } => true,
        CallError::Host(error) => !matches!(
            error,
            HostError::InputTooLarge { .. } | HostError::Missing(_)
        ),
    }
}

/// What the vendor said of when to come again.
pub(super) fn retry_after(error: &CallError) -> Option<Duration> {
    use crate::runtime::types::TransientError as T;
    let CallError::Connector { error, .. } = error else {
        return None;
    };
    match &**error {
        Error::Transient(T::RateLimited(limit)) if limit.retry_after_ms > 0 => {
            Some(Duration::from_millis(limit.retry_after_ms))
        }
        _ => None,
    }
}

/// Twice as long each time, from a second to a quarter of an hour.
pub(super) fn pause(tries: u32, told: Option<Duration>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(15 * 60);
    let seconds = 1_u64 << tries.min(10);
    let pause = Duration::from_secs(seconds).min(LONGEST);
    told.map_or(pause, |told| told.max(pause).min(LONGEST * 4))
}
