//! A cassette: real requests and answers on file, recorded once and replayed strictly.
//!
//! `tape.rs` is the file's form (VCR's, as JSON), `scrub.rs` takes out what is secret, `record.rs` stands before another
//! upstream and writes down what passes, `replay.rs` answers from the file and sends nothing. A cassette holds no token
//! and no cookie, but it holds the records that were read: who records a real account looks through it before it is
//! committed.

mod record;
mod replay;
mod scrub;
mod tape;

pub use record::Recorder;
pub use replay::{Replay, ReplayError};
pub use tape::{Cassette, CassetteError};

#[cfg(test)]
mod tests;
