//! The host's promises, each against a guest that tries to break it.

mod egress;
mod guests;
mod isolation;
mod mock;
mod signed_in;
mod spans;
mod tokens;
mod typed;
mod vault;
