//! The one way out.

use std::pin::Pin;
use std::time::Duration;

/// Largest answer that is read as JSON, and largest JSON that an operation gives.
pub const MOST_ANSWER_BYTES: usize = 8 << 20;

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Vec<u8>>, Lost>> + 'a>>;

/// Sends requests. In the component over `wasi:http`, in tests whatever a test wants.
pub trait Transport {
    /// Sends a request and reads the whole answer, whatever its status. Redirects are answers.
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_>;

    /// The same for an answer that is not JSON, of which this many bytes are read. A transport without limits needs nothing of its own.
    fn send_within(&self, request: http::Request<Vec<u8>>, _most: usize) -> Sending<'_> {
        self.send(request)
    }

    /// Time since some fixed point, for deadlines. Not a clock for dates.
    fn elapsed(&self) -> Duration;
}

/// Why no whole answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The host does not let the request out. Its reason.
    Denied(String),
    /// The request did not reach Capsule: no address, refused, no TLS.
    NotSent(String),
    /// The request may have reached Capsule; the connection broke before a status came.
    NoAnswer(String),
    /// The request may have reached Capsule; no status came in time.
    TimedOut(String),
    /// The status came, the body did not come whole.
    Cut {
        /// What Capsule answered.
        status: u16,
        /// What happened to the body.
        why: String,
    },
    /// The body is larger than this component reads.
    TooLarge {
        /// What Capsule answered.
        status: u16,
    },
}
