//! The `capsule-host` command.
fn main() {}
