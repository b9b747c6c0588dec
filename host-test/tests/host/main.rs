//! The host's promises, each against a guest that tries to break it. `docs/security.md` names the test of each attack.

mod attacks;
mod egress;
mod guests;
mod isolation;
mod mock;
mod signed_in;
mod spans;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod turns;
mod typed;
mod vault;
