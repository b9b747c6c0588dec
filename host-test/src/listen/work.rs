//! Makes events of deliveries. What goes wrong with one holds up no other.

use std::collections::BTreeSet;
use std::time::Duration;

use super::checks::Together;
use super::clock::ms;
use super::journal::{Ended, Waiting};
use super::{Figures, Ingress, ListenError};
use crate::egress::Quota;
use crate::runtime::triggers::{Delivery, Event, Header};
use crate::runtime::types::Error;
use crate::runtime::{CallError, HostError};

/// Most deliveries that are worked on together.
const MOST_GATHERED: usize = 30;
/// A sandbox that breaks down over a delivery gets it once more.
const MOST_BREAKDOWNS: u32 = 2;
/// What may pass by itself is tried this often, in about three hours; then the polls have to do.
const MOST_TRIES: u32 = 12;

impl Ingress {
    /// Works on deliveries until the journal is lost.
    pub(super) async fn work_on(&self) -> Result<(), ListenError> {
        let mut failures = 0;
        loop {
            match self.work_once().await {
                Ok(Ok(())) => failures = 0,
                Ok(Err(next)) => {
                    failures = 0;
                    tokio::select! {
                        () = self.rest(next) => {}
                        () = self.inner.stirred.notified() => {}
                    }
                }
                Err(error) => self.wait_for_room(error, &mut failures).await?,
            }
        }
    }

    /// Works on the next delivery, or on several that are worked on together. An error of the inner result says that none is due, and when
    /// the next one will be.
    pub async fn work_once(&self) -> Result<Result<(), Option<i64>>, ListenError> {
        let journal = &self.inner.journal;
        let first = match journal.next_delivery(self.now()).await? {
            Ok(waiting) => waiting,
            Err(next) => return Ok(Err(next)),
        };
        let checks = &self.inner.checks;
        let together = if checks.ask(first.event.as_deref()) {
            if let Err(until) = checks.turn(first.address, self.quota(), self.now()) {
                tracing::info!("deliveries would cost too many requests now: they wait");
                journal.hold_back(&first, until, self.now()).await?;
                return Ok(Ok(()));
            }
            let others = if first.tries == 0 && first.event.is_some() {
                journal.like(&first, self.now(), MOST_GATHERED).await?
            } else {
                Vec::new()
            };
            Together::of(first, others)
        } else {
            Together::alone(first)
        };
        let (ended, events) = self.handle(together).await;
        for (waiting, ended) in &ended {
            if let Ended::Aside(why) | Ended::Done(Some(why)) = ended {
                Figures::add(&self.inner.figures.quarantined, 1);
                tracing::warn!(delivery = waiting.id, why, "a delivery is put aside");
            }
        }
        self.at("delivery handled");
        let (taken, gone) = journal.end_deliveries(ended, events, self.now()).await?;
        self.at("events of a delivery stored");
        Figures::add(&self.inner.figures.by_hook, taken.new);
        Figures::add(&self.inner.figures.repeated, taken.repeated);
        Figures::add(&self.inner.figures.dropped, gone);
        self.inner.given.notify_one();
        Ok(Ok(()))
    }

    fn quota(&self) -> Option<Quota> {
        self.inner.tenant.governor().quota()
    }

    /// What becomes of deliveries, and the events of all of them.
    async fn handle(&self, together: Together) -> (Vec<(Waiting, Ended)>, Vec<Event>) {
        let Some(first) = together.all.first() else {
            return (Vec::new(), Vec::new());
        };
        let (address, event) = (first.address, first.event.clone());
        let content_type = first.content_type.clone().map(|value| Header {
            name: "content-type".into(),
            value,
        });
        let delivery = Delivery {
            method: "POST".into(),
            query: first.query.clone(),
            headers: content_type.into_iter().collect(),
            body: together.body.clone(),
        };
        let call = self.inner.connector.call(&self.inner.tenant);
        let answer = call
            .handle_delivery(delivery, self.inner.plan.hooked())
            .await;
        let report = match &answer {
            Ok(answer) => Some(&answer.report),
            Err(CallError::Connector { report, .. } | CallError::Stopped { report, .. }) => {
                Some(&**report)
            }
            Err(_) => None,
        };
        let requests = report.map_or(0, |report| report.requests);
        Figures::add(&self.inner.figures.read_again, requests as usize);
        let checks = &self.inner.checks;
        checks.spend(
            address,
            event.as_deref(),
            requests,
            self.quota(),
            self.now(),
        );
        match answer {
            Ok(answer) => {
                let reply = answer.value;
                let told: BTreeSet<String> = reply
                    .events
                    .iter()
                    .map(|event| event.record_id.clone())
                    .collect();
                let ended = together.split(&told).into_iter().map(|(one, is_told)| {
                    let why = reply.refused.clone().filter(|_| !is_told);
                    (one, Ended::Done(why))
                });
                (ended.collect(), reply.events)
            }
            Err(error) => {
                // One of several may be at fault: each is tried alone.
                let several = together.all.len() > 1 && !is_transient(&error);
                let ended = together.all.into_iter().map(|one| {
                    let ended = if several {
                        Ended::Later(self.now().saturating_add(ms(pause(0, None))))
                    } else {
                        self.put_off(one.tries, &error)
                    };
                    (one, ended)
                });
                (ended.collect(), Vec::new())
            }
        }
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

fn is_transient(error: &CallError) -> bool {
    matches!(error, CallError::Connector { error, .. } if matches!(**error, Error::Transient(_)))
}

/// Whether the same may succeed later.
pub(super) fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Connector { .. } => is_transient(error),
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
