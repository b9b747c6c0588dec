//! The soak: an account in which things happen at random, a listener that is killed and started again, deliveries that fail and come twice,
//! and an oracle that says what must have been given and what may have been. Time is the fake's alone; the same seed gives the same run.
//!
//! SOAK_EDITS and SOAK_SEEDS make it longer; `cargo xtask soak` sets them. Runs are independent, and there are as many at once as cores.
//! Each writes a file and a database to the folder for temporary files, and waits for that disk often.
//!
//! `course.rs` is one run, `world.rs` the account and its edits, `run.rs` its listener, `oracle.rs` what has to be given, `judge.rs`
//! compares, `report.rs` tells, `at_once.rs` has several go at once. `crash.rs` is by itself: real processes, really killed.

#![allow(missing_docs)]

mod at_once;
mod course;
mod crash;
mod judge;
mod listeners;
mod oracle;
mod report;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU64;

use course::{Course, Outcome};
use listeners::Mode;
use report::{Progress, Row};

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Every seed in both modes, up to the first fault.
fn soak(seeds: RangeInclusive<u64>, edits: u32, threads: usize) -> (Vec<Outcome>, Option<Outcome>) {
    run::hush();
    let connector = support::connector();
    let courses =
        seeds.flat_map(|seed| [Mode::Poll, Mode::Hooks].map(|mode| Course { seed, mode, edits }));
    let courses: Vec<Course> = courses.collect();
    let edits_done = AtomicU64::new(0);
    at_once::in_order(
        &courses,
        threads,
        |course, turn| course.run(&connector, turn, &edits_done),
        &mut Progress::new(courses.len(), edits, &edits_done),
    )
}

#[test]
fn nothing_is_missed_doubled_or_made_up_by_hook_and_by_poll() {
    let seeds = u64::from(number("SOAK_FROM", 1))..=u64::from(number("SOAK_SEEDS", 3));
    let (good, fault) = soak(seeds, number("SOAK_EDITS", 330), cores());
    let rows: Vec<&Row> = good.iter().chain(&fault).map(|one| &one.row).collect();
    report::tell(&rows);
    if let Some(Outcome { row, .. }) = &fault {
        panic!("seed {} by {}: {}", row.seed, row.mode.name(), row.words());
    }
    assert!(rows.iter().all(|row| row.must > 0 && row.given >= row.must));
}

#[test]
fn the_same_seed_gives_the_same_run_however_many_go_at_once() {
    let rows = |threads| {
        let (good, _) = soak(7..=8, 60, threads);
        let rows: Vec<_> = good.iter().map(|one| one.row.json()).collect();
        rows
    };
    let one_by_one = rows(1);
    assert_eq!(one_by_one, rows(4));
    assert!(one_by_one.len() == 4 && one_by_one.iter().all(|row| row["given"] != 0));
}
