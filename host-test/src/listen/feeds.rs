//! Polls the feeds, and calls for the hooks to be looked after: everything that the time brings.

use std::time::Duration;

use serde_json::Value;

use super::clock::ms;
use super::journal::{Feed, Moved, Print, digest};
use super::plan::Planned;
use super::work::{may_pass, pause, retry_after};
use super::{Figures, Ingress, ListenError};
use crate::runtime::CallError;
use crate::runtime::triggers::{Batch, Listener, Position};
use crate::runtime::types::{Error, PermanentError};

/// Between two polls of a feed whose listeners all have hooks, and between two looks at the hooks: the vendor drops them silently.
pub(super) const SAFETY: Duration = Duration::from_secs(15 * 60);
/// Events of one poll.
const LIMIT: u32 = 500;
/// Between two looks for what is too old.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

/// When what is done besides the polls.
struct Due {
    hooks_at: i64,
    /// How often in a row the hooks could not be looked after.
    unsettled: u32,
    prune_at: i64,
}

impl Ingress {
    /// Polls and keeps hooks until the journal is lost.
    pub(super) async fn keep_up(&self) -> Result<(), ListenError> {
        // Who settled before has found what is wrong from the start.
        let settled_at = *self.inner.settled_at.lock().await;
        let mut due = Due {
            hooks_at: settled_at.map_or(self.now(), |at| at.saturating_add(ms(SAFETY))),
            unsettled: 0,
            prune_at: self.now(),
        };
        let mut failures = 0;
        loop {
            match self.keep_up_once(&mut due).await {
                Ok(next) => {
                    failures = 0;
                    self.rest(Some(next)).await;
                }
                Err(error) => self.wait_for_room(error, &mut failures).await?,
            }
        }
    }

    /// Does what is due. When the next is.
    async fn keep_up_once(&self, due: &mut Due) -> Result<i64, ListenError> {
        let now = self.now();
        if now >= due.prune_at {
            self.inner.journal.prune(now).await?;
            due.prune_at = now.saturating_add(ms(HOUSEKEEPING));
        }
        if now >= due.hooks_at {
            let next = match self.settle().await {
                Ok(()) => {
                    due.unsettled = 0;
                    SAFETY
                }
                Err(ListenError::Call(error)) => {
                    Figures::add(&self.inner.figures.failures, 1);
                    tracing::warn!(%error, "the hooks could not be looked after; they are tried again, and everything is polled meanwhile");
                    due.unsettled += 1;
                    pause(due.unsettled, retry_after(&error))
                }
                Err(error) => return Err(error),
            };
            due.hooks_at = self.now().saturating_add(ms(next));
        }
        let polled = self.poll_due().await?;
        Ok(polled.map_or(due.hooks_at, |at| at.min(due.hooks_at)))
    }

    /// Makes the hooks what they should be, in the order that loses nothing: a position for each feed, then the hooks, then a poll of what
    /// came in between.
    pub async fn settle(&self) -> Result<(), ListenError> {
        self.begin_feeds().await?;
        if self.inner.options.public_url.is_some() {
            self.at("feeds have positions");
            let missed = self.keep_hooks().await?;
            self.at("hooks are made");
            if missed {
                self.inner.journal.poll_feeds_at(self.now()).await?;
            }
        }
        *self.inner.settled_at.lock().await = Some(self.now());
        Ok(())
    }

    /// Gives each feed that was never polled a position. One that was polled for other listeners is polled once: what is wrong with the new
    /// ones is told here.
    async fn begin_feeds(&self) -> Result<(), ListenError> {
        let known = self.inner.journal.feeds().await?;
        for (name, planned) in self.inner.plan.feeds() {
            let listeners = planned.iter().map(|one| one.listener.clone()).collect();
            let feed = known.iter().find(|feed| feed.name == name);
            let start = match feed {
                None => self.inner.options.start.clone(),
                Some(feed) if feed.listeners != Some(print(&planned)) => {
                    Position::At(feed.cursor.clone())
                }
                Some(_) => continue,
            };
            match self.poll(listeners, start).await {
                Ok(batch) => self.store(name, batch).await?,
                // Its position stands: it is polled when it is due.
                Err(error) if feed.is_some() && !is_misfit(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.inner.settled_at.lock().await.is_none() {
            self.look_at_the_unpolled().await?;
        }
        Ok(())
    }

    /// A listener that is never polled tells what is wrong with its filter by an example.
    async fn look_at_the_unpolled(&self) -> Result<(), ListenError> {
        for planned in &self.inner.plan.listeners {
            let options: Value =
                serde_json::from_str(&planned.listener.options).unwrap_or_default();
            if planned.feed.is_some() || options.get("filter").is_none_or(Value::is_null) {
                continue;
            }
            let call = self.inner.connector.call(&self.inner.tenant);
            match call.sample(planned.listener.clone(), 1).await {
                Err(error) if is_misfit(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Polls every feed that is due, each to its end. When the next one is due.
    pub async fn poll_due(&self) -> Result<Option<i64>, ListenError> {
        loop {
            let now = self.now();
            let feeds = self.inner.journal.feeds().await?;
            let Some(feed) = feeds.iter().find(|feed| feed.due_at <= now) else {
                return Ok(feeds.iter().map(|feed| feed.due_at).min());
            };
            self.poll_feed(feed).await?;
        }
    }

    async fn poll_feed(&self, feed: &Feed) -> Result<(), ListenError> {
        let plan = self.inner.plan.feeds();
        let planned = plan.get(feed.name.as_str()).map_or(&[][..], Vec::as_slice);
        let listeners: Vec<Listener> = planned.iter().map(|one| one.listener.clone()).collect();
        let from = Position::At(feed.cursor.clone());
        let polled = match self.poll(listeners.clone(), from).await {
            // A cursor of another version of the component: the time of the last poll that read to the end stands in for it, and what
            // comes twice is known by its id.
            Err(CallError::Connector { error, .. }) if is_stale(&error) => {
                tracing::warn!(
                    feed = feed.name,
                    "the position can't be used any more; reading again from its time"
                );
                let since = feed.read_to.clone().map_or(Position::Now, Position::Since);
                self.poll(listeners, since).await
            }
            other => other,
        };
        match polled {
            Ok(batch) => self.store(&feed.name, batch).await,
            Err(error) => {
                Figures::add(&self.inner.figures.failures, 1);
                let pause = if may_pass(&error) {
                    pause(feed.failures, retry_after(&error))
                } else {
                    SAFETY
                };
                tracing::warn!(feed = feed.name, %error, again_in_s = pause.as_secs(), "a poll failed");
                let due_at = self.now().saturating_add(ms(pause));
                self.inner.journal.delay_feed(&feed.name, due_at).await
            }
        }
    }

    async fn poll(&self, listeners: Vec<Listener>, from: Position) -> Result<Batch, CallError> {
        let call = self.inner.connector.call(&self.inner.tenant);
        let batch = call.poll(listeners, from, LIMIT).await?.value;
        let figures = &self.inner.figures;
        Figures::add(&figures.polls, 1);
        Figures::add(&figures.requests, batch.requests as usize);
        for note in &batch.notes {
            tracing::warn!(note, "a poll");
        }
        Ok(batch)
    }

    async fn store(&self, feed: &str, batch: Batch) -> Result<(), ListenError> {
        let now = self.now();
        let wait = if batch.more {
            0
        } else {
            let ours = ms(self.rhythm(feed).await);
            ours.max(i64::try_from(batch.poll_again_after_ms).unwrap_or(i64::MAX))
        };
        Figures::most(&self.inner.figures.largest_cursor, batch.next.len());
        let plan = self.inner.plan.feeds();
        let moved = Moved {
            listeners: print(plan.get(feed).map_or(&[], Vec::as_slice)),
            cursor: batch.next,
            due_at: now.saturating_add(wait),
            read_to: (batch.complete && !batch.more).then_some(batch.now),
        };
        self.at("feed polled");
        let taken = self
            .inner
            .journal
            .move_feed(feed, moved, batch.events, now)
            .await?;
        self.at("events of a poll stored");
        Figures::add(&self.inner.figures.by_poll, taken.new);
        Figures::add(&self.inner.figures.repeated, taken.repeated);
        self.inner.given.notify_one();
        Ok(())
    }

    /// How often a feed is polled: seldom if hooks stand for all its listeners.
    async fn rhythm(&self, feed: &str) -> Duration {
        let every = self.inner.options.poll_every;
        let hooked = self.hooked().await;
        let feeds = self.inner.plan.feeds();
        let mut listeners = feeds.get(feed).into_iter().flatten();
        if listeners.all(|one| hooked.contains(&one.listener.id)) {
            every.max(SAFETY)
        } else {
            every
        }
    }
}

/// Tells the listeners of a feed from others.
fn print(planned: &[&Planned]) -> Print {
    let parts: Vec<&str> = planned
        .iter()
        .flat_map(|one| {
            [
                &one.listener.id,
                &one.listener.trigger,
                &one.listener.options,
            ]
        })
        .map(String::as_str)
        .collect();
    digest(&parts)
}

/// Whether a listener is at fault.
fn is_misfit(error: &CallError) -> bool {
    use PermanentError::{Ambiguous, InvalidInput};
    matches!(error, CallError::Connector { error, .. }
        if matches!(**error, Error::Permanent(InvalidInput(_) | Ambiguous(_))))
}

fn is_stale(error: &Error) -> bool {
    matches!(error, Error::Permanent(PermanentError::StaleCursor(_)))
}
