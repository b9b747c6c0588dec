//! Build, demo, test, bench.
fn main() {}
