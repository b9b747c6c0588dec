//! Deliveries: what waits to be sent, when, and what comes of it (API reference 5.3, 5.4).
//!
//! The queue is pulled: whoever drives the fake takes the deliveries that are due by the clock, sends them in its own way and
//! reports the status. `send` does it over loopback sockets for the served fake.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::call::Embeds;
use super::super::kases::Kase;
use super::super::opportunities::Opportunity;
use super::super::parties::Party;
use super::super::records::Record;
use super::super::state::State;
use super::super::{Fake, clock};

/// Seconds to wait before each of the five retries.
const WAITS: [i64; 5] = [5, 60, 300, 900, 900];

/// One POST that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To report its outcome with.
    pub id: u64,
    /// The hook it belongs to.
    pub hook: u64,
    /// `party/created` and the like.
    pub event: String,
    /// Where it goes.
    pub target_url: String,
    /// The JSON body.
    pub body: String,
    /// 1 for the first attempt, up to 6.
    pub attempt: u32,
}

/// An event that no delivery carries yet.
#[derive(Debug)]
struct Queued {
    hook: u64,
    record: u64,
    item: Value,
}

#[derive(Debug)]
struct Pending {
    hook: u64,
    items: Vec<(u64, Value)>,
    /// Attempts made.
    attempts: u32,
    due: Timestamp,
    is_out: bool,
}

/// All that waits for hooks.
#[derive(Debug, Default)]
pub(in super::super) struct Outbox {
    queue: VecDeque<Queued>,
    pending: BTreeMap<u64, Pending>,
    last: u64,
}

impl Outbox {
    /// Forgets what waits for a hook that is gone.
    pub(super) fn forget(&mut self, hook: u64) {
        self.queue.retain(|row| row.hook != hook);
        self.pending.retain(|_, row| row.hook != hook);
    }
}

/// Queues an event for every hook that wants it. The record is rendered as it is now.
pub(in super::super) fn enqueue(state: &mut State, event: &str, record: u64) {
    let hooks: Vec<(u64, Embeds)> = state
        .hooks
        .iter()
        .filter(|hook| hook.event == event)
        .map(|hook| {
            (
                hook.id,
                Embeds::parse(hook.embed.as_deref().unwrap_or_default()),
            )
        })
        .collect();
    for (hook, embeds) in hooks {
        if let Some(item) = item(state, event, record, &embeds) {
            state.outbox.queue.push_back(Queued { hook, record, item });
        }
    }
}

/// A record as a payload shows it: whole and without root key. Of a deleted one only the id is left.
fn item(state: &State, event: &str, id: u64, embeds: &Embeds) -> Option<Value> {
    let (kind, what) = event.split_once('/')?;
    if what == "deleted" {
        return Some(json!({ "id": id }));
    }
    match kind {
        "party" => Party::table(state)
            .get(id)
            .map(|record| record.render(state, embeds)),
        "opportunity" => Opportunity::table(state)
            .get(id)
            .map(|record| record.render(state, embeds)),
        "kase" => Kase::table(state)
            .get(id)
            .map(|record| record.render(state, embeds)),
        "task" => state.tasks.get(id).map(|task| task.render(state, embeds)),
        "user" => state.users.get(id).map(|user| user.render(state, embeds)),
        _ => None,
    }
}

/// Takes what is due: new events in batches, and retries whose time has come.
fn take(state: &mut State, now: Timestamp) -> Vec<Delivery> {
    let batch = state.behaviour.hook_batch.max(1);
    let outbox = &mut state.outbox;
    let mut open: BTreeMap<u64, u64> = BTreeMap::new();
    while let Some(Queued { hook, record, item }) = outbox.queue.pop_front() {
        let full = |id: &u64| {
            outbox
                .pending
                .get(id)
                .is_none_or(|pending| pending.items.len() >= batch)
        };
        let id = match open.get(&hook).copied().filter(|id| !full(id)) {
            Some(id) => id,
            None => {
                outbox.last += 1;
                open.insert(hook, outbox.last);
                outbox.last
            }
        };
        let pending = outbox.pending.entry(id).or_insert(Pending {
            hook,
            items: Vec::new(),
            attempts: 0,
            due: now,
            is_out: false,
        });
        pending.items.push((record, item));
    }
    let due: Vec<u64> = state
        .outbox
        .pending
        .iter()
        .filter(|(_, row)| !row.is_out && row.due <= now)
        .map(|(id, _)| *id)
        .collect();
    due.into_iter()
        .filter_map(|id| send_out(state, id))
        .collect()
}

fn send_out(state: &mut State, id: u64) -> Option<Delivery> {
    let pending = state.outbox.pending.get(&id)?;
    let hook = state.hooks.get(pending.hook)?.clone();
    let is_retry = pending.attempts > 0;
    let payload: Vec<Value> = if is_retry && state.behaviour.hook_retry_renders {
        let embeds = Embeds::parse(hook.embed.as_deref().unwrap_or_default());
        let rows = pending.items.iter();
        rows.map(|(record, old)| {
            item(state, &hook.event, *record, &embeds).unwrap_or_else(|| old.clone())
        })
        .collect()
    } else {
        pending.items.iter().map(|(_, item)| item.clone()).collect()
    };
    let pending = state.outbox.pending.get_mut(&id)?;
    pending.attempts += 1;
    pending.is_out = true;
    Some(Delivery {
        id,
        hook: hook.id,
        body: json!({ "event": hook.event, "payload": payload }).to_string(),
        event: hook.event,
        target_url: hook.target_url,
        attempt: pending.attempts,
    })
}

/// Notes the outcome of a delivery: done, retried later, or the end of the hook.
fn report(state: &mut State, id: u64, status: Option<u16>, now: Timestamp) {
    let Some(pending) = state.outbox.pending.get_mut(&id) else {
        return;
    };
    let hook = pending.hook;
    let retries_made = usize::try_from(pending.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    match (status, WAITS.get(retries_made)) {
        (Some(200..=299), _) => {
            state.outbox.pending.remove(&id);
        }
        (Some(410), _) | (_, None) => super::drop_hook(state, hook),
        (_, Some(wait)) => {
            pending.due = now
                .saturating_add(SignedDuration::from_secs(*wait))
                .unwrap_or(Timestamp::MAX);
            pending.is_out = false;
        }
    }
}

impl Fake {
    /// Takes the hook deliveries that are due by the clock. Each must be reported with [`Fake::report_delivery`]; until
    /// then it is not given again.
    #[must_use]
    pub fn due_deliveries(&self) -> Vec<Delivery> {
        let now = self.clock().now();
        self.with_state(|state| take(state, now))
    }

    /// Says how a delivery went: the status of the answer, `None` for no answer. Any 2xx ends it, 410 ends the hook, all
    /// else is retried after 5 s, 1 min, 5 min, 15 min, 15 min; after the fifth retry the hook is dropped without notice.
    pub fn report_delivery(&self, id: u64, status: Option<u16>) {
        let now = self.clock().now();
        self.with_state(|state| report(state, id, status, now));
    }

    /// When the next delivery is due, `None` if nothing waits.
    #[must_use]
    pub fn next_delivery_at(&self) -> Option<Timestamp> {
        let now = clock::whole_second(self.clock().now());
        self.with_state(|state| {
            let retry = state
                .outbox
                .pending
                .values()
                .filter(|row| !row.is_out)
                .map(|row| row.due)
                .min();
            if state.outbox.queue.is_empty() {
                retry
            } else {
                Some(retry.map_or(now, |due| due.min(now)))
            }
        })
    }
}
