//! What the runs came to, as one table for people or as JSON for programs.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::at_once::Watch;
use crate::course::Outcome;
use crate::listeners::Mode;

/// What was looked for and should not be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Events that had to be given and were not.
    pub(crate) missed: usize,
    /// Events that were given more than once.
    pub(crate) doubled: usize,
    /// Events of what never happened.
    pub(crate) beyond: usize,
    /// Last changes that were given in a state that was not the last. Counts where two changes of one second can be told apart.
    pub(crate) stale: usize,
}

/// Seconds of the account's clock from what happened to its event, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays(Vec<i64>);

impl Delays {
    pub(crate) fn new(mut seconds: Vec<i64>) -> Self {
        seconds.sort_unstable();
        Self(seconds)
    }

    /// Up to which so many of a hundred take.
    pub(crate) fn percentile(&self, part: usize) -> Option<i64> {
        let at = (self.0.len() * part).div_ceil(100).checked_sub(1)?;
        self.0.get(at).copied()
    }

    fn cell(&self) -> String {
        match (self.percentile(50), self.percentile(99)) {
            (Some(half), Some(most)) => format!("{half}/{most}"),
            _ => "-".into(),
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) edits: u32,
    pub(crate) hours: f64,
    pub(crate) must: usize,
    pub(crate) given: usize,
    pub(crate) faults: Faults,
    /// Two changes of one second can be told apart: by poll, where Capsule's clock is not ahead of its stamps.
    pub(crate) settles: bool,
    pub(crate) by_hook: Delays,
    pub(crate) by_poll: Delays,
    pub(crate) requests: u64,
    /// Largest cursor of a feed, in bytes.
    pub(crate) cursor: u64,
    /// Size of the journal in bytes.
    pub(crate) journal: u64,
    pub(crate) kills: u32,
    pub(crate) repeated: u64,
    pub(crate) aside: u64,
    /// Equal for equal runs.
    pub(crate) trace: String,
}

impl Row {
    /// Its faults in words; empty if there are none.
    pub(crate) fn words(&self) -> String {
        let stale = if self.settles { self.faults.stale } else { 0 };
        let counts = [
            (self.faults.missed, "missed"),
            (self.faults.doubled, "doubled"),
            (self.faults.beyond, "beyond"),
            (stale, "stale"),
        ];
        let there = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = there
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        words.join(", ")
    }

    fn requests_an_hour(&self) -> f64 {
        self.requests as f64 / self.hours.max(f64::EPSILON)
    }

    fn bytes_an_event(&self) -> u64 {
        self.journal / (self.given.max(1) as u64)
    }

    fn cells(&self) -> [String; 18] {
        let stale = if self.settles {
            self.faults.stale.to_string()
        } else {
            // Told, and no fault.
            format!("({})", self.faults.stale)
        };
        [
            self.seed.to_string(),
            self.mode.name().into(),
            self.edits.to_string(),
            format!("{:.1}", self.hours),
            self.must.to_string(),
            self.given.to_string(),
            self.faults.missed.to_string(),
            self.faults.doubled.to_string(),
            self.faults.beyond.to_string(),
            stale,
            self.by_hook.cell(),
            self.by_poll.cell(),
            format!("{:.0}", self.requests_an_hour()),
            self.cursor.to_string(),
            self.bytes_an_event().to_string(),
            self.kills.to_string(),
            self.aside.to_string(),
            self.trace.clone(),
        ]
    }

    pub(crate) fn json(&self) -> Value {
        let delay =
            |delays: &Delays| json!({"p50": delays.percentile(50), "p99": delays.percentile(99)});
        json!({
            "seed": self.seed,
            "mode": self.mode.name(),
            "edits": self.edits,
            "hours": self.hours,
            "must": self.must,
            "given": self.given,
            "missed": self.faults.missed,
            "doubled": self.faults.doubled,
            "beyond": self.faults.beyond,
            "stale": self.faults.stale,
            "staleCounts": self.settles,
            "delaySecondsByHook": delay(&self.by_hook),
            "delaySecondsByPoll": delay(&self.by_poll),
            "requestsPerHour": self.requests_an_hour(),
            "cursorBytesMost": self.cursor,
            "journalBytesPerEvent": self.bytes_an_event(),
            "kills": self.kills,
            "repeated": self.repeated,
            "putAside": self.aside,
            "trace": self.trace,
        })
    }
}

const HEADS: [&str; 18] = [
    "seed",
    "way",
    "edits",
    "hours",
    "must",
    "given",
    "missed",
    "doubled",
    "beyond",
    "stale",
    "hook p50/99",
    "poll p50/99",
    "req/h",
    "cursor",
    "B/event",
    "kills",
    "aside",
    "trace",
];

const LEGEND: &str = "\
hours: of the account's clock. hook, poll: seconds of that clock from what happened to its event, the time in which nobody listened among them.
stale: in brackets where two changes of one second can't be told apart. cursor: most bytes of a feed's. B/event: bytes of the journal.";

/// Tells all runs: a table where a person reads, else JSON, or what SOAK_JSON says.
pub(crate) fn tell(rows: &[&Row]) {
    let asked = std::env::var("SOAK_JSON").ok();
    let as_json = asked.map_or(!std::io::stdout().is_terminal(), |asked| asked != "0");
    if as_json {
        println!("{}", Value::from_iter(rows.iter().map(|row| row.json())));
        return;
    }
    let mut table = vec![HEADS.map(ToOwned::to_owned)];
    table.extend(rows.iter().map(|row| row.cells()));
    let mut widths = [0; 18];
    for cells in &table {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    for cells in &table {
        let cells = cells.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        println!("{}", line.join("  "));
    }
    println!("{LEGEND}");
}

/// Tells how far a soak is, to whoever waits for it: on standard error, so that what is reported stays the same for the same runs.
pub(crate) struct Progress<'a> {
    runs: usize,
    edits: u64,
    edits_done: &'a AtomicU64,
    begun: Instant,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(runs: usize, edits_each: u32, edits_done: &'a AtomicU64) -> Self {
        Self {
            runs,
            edits: runs as u64 * u64::from(edits_each),
            edits_done,
            begun: Instant::now(),
        }
    }
}

impl Watch<Outcome> for Progress<'_> {
    fn ended(&mut self, outcome: &Outcome) {
        let row = &outcome.row;
        let words = Some(row.words()).filter(|words| !words.is_empty());
        eprintln!(
            "seed {} by {}: {} events, {}",
            row.seed,
            row.mode.name(),
            row.given,
            words.as_deref().unwrap_or("good")
        );
        eprint!("{}", outcome.told);
    }

    fn meanwhile(&mut self, ended: usize) {
        let done = self.edits_done.load(Ordering::Relaxed);
        let left = self.begun.elapsed().as_secs_f64() / done.max(1) as f64
            * self.edits.saturating_sub(done) as f64;
        let left = Duration::from_secs_f64(left).as_secs().div_ceil(60);
        eprintln!(
            "{done} of {} edits done, {ended} of {} runs; about {} h {} min left",
            self.edits,
            self.runs,
            left / 60,
            left % 60
        );
    }
}
