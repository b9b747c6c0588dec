//! The seeds of the fuzz targets, and what fuzzing once found: what is claimed holds for each. `docs/fuzzing.md` says how to fuzz.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../fuzz/claims/mod.rs"]
mod claims;

use std::path::Path;

/// Runs a claim on every seed of a target.
fn hold(target: &str, claim: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    for seed in seeds {
        // Tells which one, if it fails.
        println!("{}", seed.display());
        claim(&std::fs::read(&seed).unwrap());
    }
}

#[test]
fn what_is_claimed_of_deliveries_holds_for_every_seed() {
    hold("deliveries", claims::delivery);
}

#[test]
fn what_is_claimed_of_cursors_holds_for_every_seed() {
    hold("cursors", claims::cursor);
}

#[test]
fn what_is_claimed_of_answers_holds_for_every_seed() {
    hold("answers", claims::answer);
}
