//! Holds what was given against what had to be and what might be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use capsule_host::fake::Behaviour;
use sha2::{Digest as _, Sha256};

use crate::listeners::AGAIN;
use crate::oracle::{self, EventId, Past, State};
use crate::report::{Delays, Faults};
use crate::run::Given;

/// Faults that are told in words.
const TOLD: usize = 20;

/// What a run came to, and what is wrong with it: each fault in words.
pub(crate) struct Judgement {
    /// Events that had to be given.
    pub(crate) must: usize,
    pub(crate) by_hook: Delays,
    pub(crate) by_poll: Delays,
    missed: Vec<String>,
    doubled: Vec<String>,
    beyond: Vec<String>,
    stale: Vec<String>,
}

impl Judgement {
    pub(crate) fn new(past: &Past<'_>, given: &[Given]) -> Self {
        let (must, may) = (oracle::must(past), oracle::may(past));
        let texts = oracle::last_texts(past.last);
        let mut times: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let (mut beyond, mut stale) = (Vec::new(), Vec::new());
        for one in given {
            *times.entry((&one.listener, &one.id)).or_default() += 1;
            if !may.contains_key(&one.id) {
                beyond.push(format!("never happened: {}", one.id));
            }
            if let Some((kind, text)) = texts.get(&one.id)
                && one.text(*kind) != *text
            {
                stale.push(format!("not in its last state: {}", one.id));
            }
        }
        // Two listeners hear of it.
        stale.sort();
        stale.dedup();
        let wanted = must.iter().flat_map(|id| {
            let trigger = id.split(':').next().unwrap_or_default();
            let again = (trigger == AGAIN.1).then_some((AGAIN.0, id.as_str()));
            std::iter::once((trigger, id.as_str())).chain(again)
        });
        let missed = wanted
            .filter(|event| !times.contains_key(event))
            .map(|(listener, id)| format!("missed by {listener}: {id}"));
        let doubled = times.iter().filter(|(_, times)| **times > 1);
        let doubled = doubled
            .map(|((listener, id), times)| format!("given {times} times to {listener}: {id}"));
        Self {
            must: must.len(),
            by_hook: delays(past, given, &may, true),
            by_poll: delays(past, given, &may, false),
            missed: missed.collect(),
            doubled: doubled.collect(),
            beyond,
            stale,
        }
    }

    pub(crate) fn faults(&self) -> Faults {
        Faults {
            missed: self.missed.len(),
            doubled: self.doubled.len(),
            beyond: self.beyond.len(),
            stale: self.stale.len(),
        }
    }

    /// The first faults, with what their records went through.
    pub(crate) fn told(&self, behaviour: &Behaviour, history: &[State]) -> String {
        let mut told = format!("{behaviour:?}\n");
        let all = [&self.missed, &self.doubled, &self.beyond, &self.stale];
        for fault in all.into_iter().flatten().take(TOLD) {
            let _ = writeln!(told, "{fault}");
            let id = fault.rsplit_once(": ").map_or("", |(_, id)| id);
            let record: Option<u64> = id.split(':').nth(1).and_then(|id| id.parse().ok());
            for state in history.iter().filter(|state| Some(state.id) == record) {
                let _ = writeln!(told, "    {state:?}");
            }
        }
        told
    }
}

/// How long events took that came by hook, or by poll.
fn delays(past: &Past<'_>, given: &[Given], may: &BTreeMap<EventId, i64>, by_hook: bool) -> Delays {
    let begun = past.begun.as_second();
    let given = given.iter().filter(|one| one.by_hook == by_hook);
    let seconds = given.filter_map(|one| {
        // What was so before, and is so again, began nobody knows when.
        let since = may.get(&one.id).filter(|since| **since > begun)?;
        Some((one.at / 1_000 - since).max(0))
    });
    Delays::new(seconds.collect())
}

/// Equal for equal runs.
pub(crate) fn trace(given: &[Given]) -> String {
    let mut all = Sha256::new();
    for one in given {
        all.update(format!("{} {}\n", one.listener, one.id));
    }
    let digest = all.finalize();
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
