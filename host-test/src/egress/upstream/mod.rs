//! What stands behind the egress: the real Capsule, the fake, a script, or a recording.
//!
//! An upstream gets a request that policy has admitted and that carries real credentials. It decides nothing but how to
//! reach the other side. Only the egress calls it. A new ending is one more file here.

mod address;
mod cassette;
mod in_process;
mod live;
mod mock;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use super::{EgressLimits, Origin, Rule};

pub use address::is_global;
pub use cassette::{Cassette, CassetteError, Recorder, Replay, ReplayError};
pub use in_process::InProcess;
pub use live::{Live, LiveError, Resolver, SystemResolver};
pub use mock::{Canned, Expectation, Mock, MockError};

/// An answer's body, as it comes.
pub type AnswerBody = UnsyncBoxBody<Bytes, UpstreamError>;

/// An admitted request. It holds real credentials: it has no `Debug`, and it must not be logged.
#[derive(Clone)]
pub struct Outbound {
    /// For whom: the tenant's name. Connections are never shared between tenants.
    pub tenant: Arc<str>,
    /// Where to.
    pub origin: Origin,
    /// GET, POST, PUT or DELETE.
    pub method: Method,
    /// Begins with a slash.
    pub path: PathAndQuery,
    /// Without `host`; `content-length` is set.
    pub headers: HeaderMap,
    /// Whole.
    pub body: Bytes,
}

impl Outbound {
    /// `METHOD origin/path`, without the query: what may stand in a message.
    pub fn name(&self) -> String {
        format!("{} {}{}", self.method, self.origin, self.path.path())
    }
}

/// Why there is no answer, or no whole one. Texts hold no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// A rule that can only be decided when the address is known. Nothing was sent.
    #[error("{0}")]
    Denied(Rule),
    /// The name does not exist, or the name server does not answer. Nothing was sent.
    #[error("the name {0} can't be resolved")]
    NameNotFound(String),
    /// Nobody listens there, or the connection was closed before the request went. Nothing was sent.
    #[error("the connection was refused")]
    Refused,
    /// No connection in time. Nothing was sent.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The certificate or the handshake is wrong. Nothing was sent.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The connection broke after the request was sent.
    #[error("the connection broke before the answer was complete")]
    Broken,
    /// The request was sent and no answer began in time.
    #[error("no answer in time")]
    NoAnswer,
    /// The answer stopped or came too slowly.
    #[error("the answer came too slowly")]
    TooSlow,
    /// The answer's headers are larger than the limit.
    #[error("the answer's headers are over {0} bytes")]
    HeadersTooLarge(usize),
    /// The answer's body is larger than the limit.
    #[error("the answer's body is over {0} bytes")]
    AnswerTooLarge(usize),
    /// The answer is compressed although identity was asked for.
    #[error("the answer is encoded as {0:?} although it was asked for plain")]
    Encoded(String),
    /// What came is not HTTP.
    #[error("the answer is not HTTP")]
    Malformed,
    /// A token answer of an unknown shape: nothing of it may reach the guest.
    #[error(
        "the token endpoint gave an answer of an unknown shape, and nothing of it was handed on"
    )]
    Unsealable,
    /// The new tokens could not be stored, and are lost with this call.
    #[error("the new tokens could not be stored: {0}")]
    NotStored(String),
    /// The credential store can't be read. Nothing was sent.
    #[error("the credentials can't be read: {0}")]
    NoCredentials(String),
    /// A script or a cassette has no such request.
    #[error("{0}")]
    Unscripted(String),
}

impl UpstreamError {
    /// Whether it is certain that the other side saw nothing of the request.
    pub fn sent_nothing(&self) -> bool {
        match self {
            Self::Denied(_)
            | Self::NameNotFound(_)
            | Self::Refused
            | Self::ConnectTimeout
            | Self::Tls(_)
            | Self::NoCredentials(_)
            | Self::Unscripted(_) => true,
            Self::Broken
            | Self::NoAnswer
            | Self::TooSlow
            | Self::HeadersTooLarge(_)
            | Self::AnswerTooLarge(_)
            | Self::Encoded(_)
            | Self::Malformed
            | Self::Unsealable
            | Self::NotStored(_) => false,
        }
    }
}

/// The other side.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Sends the request and gives the answer as soon as its head is there. Dropping the future or the body gives the
    /// request up. Size and time of the answer are watched by the egress; an upstream that opens connections keeps to
    /// `limits.connect` and `limits.header_bytes` itself.
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError>;
}

/// A body that is there already.
pub(crate) fn whole(body: impl Into<Bytes>) -> AnswerBody {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}
