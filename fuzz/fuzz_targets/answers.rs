//! Answers that are not what Capsule's should be.

#![no_main]

#[path = "../claims/mod.rs"]
mod claims;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claims::answer(input));
