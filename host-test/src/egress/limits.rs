//! How long and how large a request may be.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Limits on one request and its answer. A guest that asks for shorter times gets them; longer ones are cut to these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressLimits {
    /// Until a connection stands, name lookup and TLS included.
    pub connect: Duration,
    /// From the sent request to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body.
    pub gap: Duration,
    /// The whole request, waiting for quota and repetition included.
    pub request: Duration,
    /// An answer that is slower than `slowest_bytes_per_second` after this long is cut off.
    pub slow_after: Duration,
    /// See `slow_after`.
    pub slowest_bytes_per_second: u64,
    /// Names and values of a request's or an answer's headers together.
    pub header_bytes: usize,
    /// Body of an answer.
    pub answer_bytes: usize,
    /// Body of a request.
    pub request_bytes: usize,
    /// A larger request body is not sent again after a refused token.
    pub repeat_bytes: usize,
    /// The longest wait for quota inside a call; a longer one is answered with 429.
    pub wait_in_place: Duration,
    /// Requests of one call.
    pub requests: u32,
    /// Requests of one call at the same time.
    pub requests_at_once: usize,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            gap: Duration::from_secs(15),
            request: Duration::from_secs(60),
            slow_after: Duration::from_secs(10),
            slowest_bytes_per_second: 1024,
            header_bytes: 64 * 1024,
            answer_bytes: 8 * MIB,
            request_bytes: MIB,
            repeat_bytes: MIB,
            wait_in_place: Duration::from_secs(2),
            requests: 100,
            requests_at_once: 16,
        }
    }
}

impl EgressLimits {
    /// The limits of an operation that moves files: larger bodies, and the time that they take.
    pub fn for_files(&self) -> Self {
        Self {
            request: self.request.max(Duration::from_secs(300)),
            answer_bytes: self.answer_bytes.max(30 * MIB),
            request_bytes: self.request_bytes.max(30 * MIB),
            ..self.clone()
        }
    }
}
