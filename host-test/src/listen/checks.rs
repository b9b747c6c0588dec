//! How much the vendor is asked because of what came to our door.
//!
//! Deliveries are not signed, so a listener may want records read again before it is told. Whoever knows the address could then spend the
//! connection's requests by forging. Therefore deliveries of an event for which something was read again before are gathered for two
//! seconds and worked on together, each address has so many requests a minute, and all of them together a quarter of what the vendor
//! leaves. What is beyond that is late, and not lost: nothing of it is refused at the door, and what was put aside has the feeds polled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Hash;
use super::clock::ms;
use super::journal::Waiting;
use crate::egress::Quota;

/// How long deliveries are held to be worked on together.
pub(super) const GATHER: Duration = Duration::from_secs(2);
/// Most records of deliveries that are worked on together: what the component reads again at a time.
const MOST_TOGETHER: usize = 30;
/// Requests that deliveries to one address may cost in a minute.
const PER_MINUTE: u64 = 30;
/// The part of what the vendor leaves that deliveries may cost.
const SHARE: u64 = 4;
/// Longest name of an event that is noted.
const LONGEST: usize = 64;
const MINUTE: i64 = 60_000;

/// What deliveries cost so far.
#[derive(Default)]
pub(super) struct Checks(Mutex<State>);

#[derive(Default)]
struct State {
    /// Events of which something was read again.
    asking: BTreeSet<String>,
    spent: BTreeMap<Option<Hash>, Spent>,
    /// The vendor's window, and what was spent in it.
    window: (u64, u64),
}

/// What an address has spent lately.
#[derive(Clone, Copy, Default)]
struct Spent {
    /// Which minute.
    minute: i64,
    requests: u64,
}

impl Spent {
    /// As of a minute: each minute before it has paid for its share.
    fn at(self, minute: i64) -> Self {
        let passed = minute.saturating_sub(self.minute).max(0).unsigned_abs();
        Self {
            minute,
            requests: self
                .requests
                .saturating_sub(passed.saturating_mul(PER_MINUTE)),
        }
    }
}

impl Checks {
    /// Whether something is read again for deliveries of an event, as far as is known.
    pub(super) fn ask(&self, event: Option<&str>) -> bool {
        self.lock().asking.contains(event.unwrap_or_default())
    }

    /// Whether a delivery to an address may be worked on. Otherwise when it may.
    pub(super) fn turn(
        &self,
        address: Option<Hash>,
        quota: Option<Quota>,
        now: i64,
    ) -> Result<(), i64> {
        let mut state = self.lock();
        let minute = now.div_euclid(MINUTE);
        state.spent.retain(|_, spent| spent.at(minute).requests > 0);
        let spent = state.spent.get(&address).copied().unwrap_or_default();
        let spent = spent.at(minute).requests;
        if spent >= PER_MINUTE {
            let minutes = i64::try_from(spent / PER_MINUTE).unwrap_or(i64::MAX);
            return Err(minute.saturating_add(minutes).saturating_mul(MINUTE));
        }
        if let Some(quota) = quota {
            let (window, spent) = state.window;
            let spent = if window == quota.resets_at { spent } else { 0 };
            if spent * SHARE > u64::from(quota.remaining) {
                let wait = quota.resets_in.max(Duration::from_secs(1));
                return Err(now.saturating_add(ms(wait)));
            }
        }
        Ok(())
    }

    /// Notes what a delivery cost.
    pub(super) fn spend(
        &self,
        address: Option<Hash>,
        event: Option<&str>,
        requests: u32,
        quota: Option<Quota>,
        now: i64,
    ) {
        if requests == 0 {
            return;
        }
        let mut state = self.lock();
        state.asking.insert(event.unwrap_or_default().to_owned());
        let spent = state.spent.entry(address).or_default();
        *spent = spent.at(now.div_euclid(MINUTE));
        spent.requests += u64::from(requests);
        if let Some(quota) = quota {
            let (window, spent) = state.window;
            let before = if window == quota.resets_at { spent } else { 0 };
            state.window = (quota.resets_at, before + u64::from(requests));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event that a body says it is. Nothing is built of the rest.
pub(super) fn event_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        event: String,
    }
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    Some(envelope.event).filter(|event| event.len() <= LONGEST)
}

/// Deliveries that are worked on as one.
pub(super) struct Together {
    pub(super) all: Vec<Waiting>,
    pub(super) body: Vec<u8>,
    /// The records of each.
    records: Vec<BTreeSet<String>>,
}

impl Together {
    /// One alone, as it came.
    pub(super) fn alone(waiting: Waiting) -> Self {
        let body = waiting.body.clone();
        Self {
            all: vec![waiting],
            body,
            records: Vec::new(),
        }
    }

    /// A delivery and as many of those like it as fit.
    pub(super) fn of(first: Waiting, others: Vec<Waiting>) -> Self {
        let Some(mut items) = items(&first) else {
            return Self::alone(first);
        };
        let event = first.event.clone();
        let mut together = Self {
            records: vec![records(&items)],
            all: vec![first],
            body: Vec::new(),
        };
        for other in others {
            let Some(more) = self::items(&other) else {
                continue;
            };
            if items.len() + more.len() > MOST_TOGETHER {
                break;
            }
            together.records.push(records(&more));
            together.all.push(other);
            items.extend(more);
        }
        if let [first] = together.all.as_slice() {
            together.body.clone_from(&first.body);
        } else {
            let body = json!({ "event": event, "payload": items });
            together.body = body.to_string().into_bytes();
        }
        together
    }

    /// Each of them, and whether all of its records are among those that were told of.
    pub(super) fn split(self, told: &BTreeSet<String>) -> Vec<(Waiting, bool)> {
        let mut records = self.records.into_iter();
        let all = self.all.into_iter();
        all.map(|one| {
            let is_told = records.next().is_some_and(|its| its.is_subset(told));
            (one, is_told)
        })
        .collect()
    }
}

fn items(waiting: &Waiting) -> Option<Vec<Value>> {
    #[derive(Deserialize)]
    struct Items {
        payload: Vec<Value>,
    }
    let items: Items = serde_json::from_slice(&waiting.body).ok()?;
    Some(items.payload)
}

fn records(items: &[Value]) -> BTreeSet<String> {
    let ids = items.iter().map(|item| item["id"].to_string());
    ids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<Hash> = Some([1; 32]);
    const THERE: Option<Hash> = Some([2; 32]);

    fn quota(remaining: u32, resets_at: u64) -> Option<Quota> {
        Some(Quota {
            limit: 4_000,
            remaining,
            resets_in: Duration::from_secs(90),
            resets_at,
        })
    }

    #[test]
    fn an_address_has_thirty_requests_a_minute_and_takes_none_of_anothers() {
        let checks = Checks::default();
        checks.spend(HERE, Some("party/deleted"), 29, None, 5_000);
        assert_eq!(checks.turn(HERE, None, 6_000), Ok(()));
        // More than was left: the minutes after pay for it.
        checks.spend(HERE, Some("party/deleted"), 40, None, 6_000);
        assert_eq!(checks.turn(HERE, None, 7_000), Err(2 * MINUTE));
        assert_eq!(checks.turn(HERE, None, MINUTE), Err(2 * MINUTE));
        assert_eq!(checks.turn(HERE, None, 2 * MINUTE), Ok(()));
        assert_eq!(checks.turn(THERE, None, 7_000), Ok(()));
    }

    #[test]
    fn all_of_them_have_a_quarter_of_what_is_left() {
        let checks = Checks::default();
        assert_eq!(checks.turn(HERE, quota(100, 7), 0), Ok(()));
        checks.spend(HERE, Some("party/deleted"), 20, quota(80, 7), 0);
        assert_eq!(checks.turn(THERE, quota(80, 7), 0), Ok(()));
        checks.spend(THERE, Some("party/deleted"), 1, quota(79, 7), 0);
        assert_eq!(checks.turn(THERE, quota(79, 7), 0), Err(90_000));
        // The next window.
        assert_eq!(checks.turn(THERE, quota(4_000, 8), 0), Ok(()));
    }

    #[test]
    fn an_event_asks_once_something_was_read_for_it() {
        let checks = Checks::default();
        checks.spend(HERE, Some("party/created"), 0, None, 0);
        checks.spend(HERE, Some("party/deleted"), 1, None, 0);
        assert!(!checks.ask(Some("party/created")));
        assert!(checks.ask(Some("party/deleted")));
        // Whose name can't be read is one of its own.
        assert!(!checks.ask(None));
        checks.spend(HERE, None, 1, None, 0);
        assert!(checks.ask(None));
    }

    fn waiting(id: i64, body: &str) -> Waiting {
        Waiting {
            id,
            address: HERE,
            query: String::new(),
            content_type: None,
            body: body.as_bytes().to_vec(),
            event: event_of(body.as_bytes()),
            tries: 0,
        }
    }

    #[test]
    fn deliveries_are_joined_up_to_thirty_records_and_taken_apart_again() {
        let one = |id: u64| format!(r#"{{"event":"party/deleted","payload":[{{"id":{id}}}]}}"#);
        let others = (2..40).map(|id| waiting(id, &one(id.unsigned_abs())));
        let together = Together::of(waiting(1, &one(1)), others.collect());
        assert_eq!(together.all.len(), 30);
        let body: Value = serde_json::from_slice(&together.body).unwrap();
        assert_eq!(body["event"], "party/deleted");
        assert_eq!(body["payload"][29]["id"], 30);
        let told = BTreeSet::from(["1".to_owned(), "30".to_owned()]);
        let split = together.split(&told);
        let ids = split
            .iter()
            .filter(|(_, told)| *told)
            .map(|(one, _)| one.id);
        assert_eq!(ids.collect::<Vec<_>>(), [1, 30]);
    }

    #[test]
    fn what_has_no_items_stays_alone_as_it_came() {
        for body in [r#"{"event":"party/deleted","payload":7}"#, "null", ""] {
            let together = Together::of(waiting(1, body), Vec::new());
            assert_eq!(
                (together.all.len(), together.body.as_slice()),
                (1, body.as_bytes())
            );
        }
    }

    #[test]
    fn the_name_of_an_event_is_read_where_it_is_one() {
        for (body, event) in [
            (
                r#"{"payload":[[1]],"event":"party/deleted"}"#,
                Some("party/deleted"),
            ),
            (r#"{"event":"a","event":"b"}"#, None),
            (r#"{"event":7}"#, None),
            ("[", None),
        ] {
            assert_eq!(event_of(body.as_bytes()).as_deref(), event, "{body}");
        }
        assert_eq!(
            event_of(json!({"event": "x".repeat(65)}).to_string().as_bytes()),
            None
        );
    }
}
