//! What the story claims and what is true of it.
//!
//! Every figure is read from the fake's own state and journal, or measured; none is the connector's word.

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Claims and figures, told as they come.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    figures: Map<String, Value>,
    wrong: Vec<String>,
    claims: usize,
    quiet: bool,
}

impl Ledger {
    /// `quiet`: the story is not told, only the figures at the end.
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&self, title: &str) {
        if !self.quiet {
            println!("\n{title}");
        }
    }

    /// A sentence of the story.
    pub(super) fn tell(&self, text: impl Display) {
        if !self.quiet {
            println!("    {text}");
        }
    }

    /// Something that must be so.
    pub(super) fn claim<T: PartialEq + Display>(&mut self, what: &str, expected: T, found: T) {
        self.claims += 1;
        if expected == found {
            self.tell(format_args!("✓ {what}: {found}"));
        } else {
            self.tell(format_args!("✗ {what}: {found}, and not {expected}"));
            self.wrong
                .push(format!("{what}: {found}, and not {expected}"));
        }
    }

    /// A figure for the end.
    pub(super) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// A time for the end, in milliseconds.
    pub(super) fn time(&mut self, name: &str, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.figure(name, f64::from(micros) / 1000.0);
    }

    /// The figures, and whether every claim holds.
    pub(super) fn finish(self) -> (Value, bool) {
        let holds = self.wrong.is_empty();
        if !self.quiet {
            println!("\nFigures");
            let width = self.figures.keys().map(String::len).max().unwrap_or(0);
            for (name, value) in &self.figures {
                println!("    {name:width$}  {value}");
            }
            if holds {
                println!("\nAll {} claims hold.", self.claims);
            } else {
                println!(
                    "\n{} of {} claims do not hold:",
                    self.wrong.len(),
                    self.claims
                );
                for wrong in &self.wrong {
                    println!("    {wrong}");
                }
            }
        }
        (
            json!({"claims": self.claims, "wrong": self.wrong, "figures": self.figures}),
            holds,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_figure_is_enough() {
        let mut ledger = Ledger::new(true);
        ledger.claim("people", 2, 2);
        ledger.claim("organisations", 1, 2);
        let (told, holds) = ledger.finish();
        assert!(!holds);
        assert_eq!(told["wrong"], json!(["organisations: 2, and not 1"]));
        assert_eq!(told["claims"], 2);
    }
}
