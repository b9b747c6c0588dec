//! Cursors that a stranger makes up.

#![no_main]

#[path = "../claims/mod.rs"]
mod claims;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claims::cursor(input));
