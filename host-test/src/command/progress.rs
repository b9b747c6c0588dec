//! How far it is: a bar for a person, a line every few seconds for a log. Always on standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines in a log.
const EVERY: Duration = Duration::from_secs(5);

/// Shows how far it is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// A bar that moves.
    Bar(ProgressBar),
    /// Lines.
    Lines {
        /// When the last was written.
        last: Instant,
        /// Rows that are done.
        done: u64,
        /// Rows in all.
        all: u64,
        /// What they are: `rows`.
        what: &'static str,
    },
}

impl Progress {
    /// For so many rows, or whatever they are.
    pub(crate) fn new(all: u64, what: &'static str) -> Self {
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(all);
            if let Ok(style) = ProgressStyle::with_template(&format!(
                "{{bar:30}} {{pos}}/{{len}} {what}  {{per_sec}}  {{eta}} left  {{msg}}",
            )) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            Self::Bar(bar)
        } else {
            Self::Lines {
                last: Instant::now(),
                done: 0,
                all,
                what,
            }
        }
    }

    /// One more row is done. `failed`: how many have failed so far.
    pub(crate) fn step(&mut self, failed: u64) {
        match self {
            Self::Bar(bar) => {
                bar.inc(1);
                bar.set_message(if failed == 0 {
                    String::new()
                } else {
                    format!("{failed} failed")
                });
            }
            Self::Lines {
                last,
                done,
                all,
                what,
            } => {
                *done += 1;
                if last.elapsed() >= EVERY {
                    *last = Instant::now();
                    eprintln!("{done}/{all} {what}, {failed} failed");
                }
            }
        }
    }

    /// A sentence beside it.
    pub(crate) fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Self::Lines { .. } => eprintln!("{text}"),
        }
    }

    /// The end.
    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
