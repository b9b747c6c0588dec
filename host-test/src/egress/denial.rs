//! What was not sent, by which rule, and what would allow it.

use std::fmt;
use std::net::IpAddr;

use super::Origin;

/// The rule that kept a request in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// `catalog.describe` and its siblings run with the door shut.
    #[error("this call may not send anything")]
    EgressClosed,
    /// The operator has not granted the origin.
    #[error("the origin {0} is not granted to this component")]
    OriginNotGranted(Origin),
    /// The URL is not one that means the same to everybody who reads it.
    #[error("its URL is refused: {0}")]
    Url(&'static str),
    /// Only GET, POST, PUT and DELETE leave the host.
    #[error("the method is not GET, POST, PUT or DELETE")]
    Method,
    /// Plain text to another machine.
    #[error("http is for this machine only (127.0.0.1, [::1], localhost)")]
    PlainHttp,
    /// The name leads to a private, reserved or translated address.
    #[error("{host} leads to {address}, which is not a public address")]
    Address {
        /// The name that was looked up.
        host: String,
        /// The first address that is not allowed.
        address: IpAddr,
    },
    /// A loopback origin whose name leads elsewhere.
    #[error("{host} leads to {address}, which is not this machine")]
    NotLoopback {
        /// The name that was looked up.
        host: String,
        /// The first address that is not allowed.
        address: IpAddr,
    },
    /// More than one `Authorization`.
    #[error("it has {0} Authorization headers")]
    SecondAuthorization(usize),
    /// Headers that frame the message differently for different readers.
    #[error("its headers are refused: {0}")]
    Headers(&'static str),
    /// The token and revocation endpoints take one form of body only.
    #[error("a request to the token endpoint must be {0}")]
    TokenRequest(&'static str),
    /// The call's own number of requests is used up.
    #[error("the call has sent its {0} requests")]
    TooManyRequests(u32),
    /// The request's body is larger than the limit.
    #[error("its body is over {0} bytes")]
    BodyTooLarge(usize),
    /// The request's headers are larger than the limit.
    #[error("its headers are over {0} bytes")]
    HeadersTooLarge(usize),
}

impl Rule {
    /// The exact setting that would allow it, or why there is none.
    fn way_out(&self) -> String {
        match self {
            Self::EgressClosed => {
                "No setting opens it: descriptions are the same for everybody.".into()
            }
            Self::OriginNotGranted(origin) => format!("To allow it: --grant {origin}"),
            Self::PlainHttp => "Use https.".into(),
            Self::Address { .. } => {
                "No setting allows it; grant an http origin on 127.0.0.1 to reach this machine."
                    .into()
            }
            Self::NotLoopback { .. } => {
                "Write the address instead of the name: --grant http://127.0.0.1:PORT".into()
            }
            Self::TooManyRequests(_) => "To allow more: Limits::egress.requests".into(),
            Self::BodyTooLarge(_) => "To allow more: Limits::egress.request_bytes".into(),
            Self::HeadersTooLarge(_) => "To allow more: Limits::egress.header_bytes".into(),
            Self::Url(_)
            | Self::Method
            | Self::SecondAuthorization(_)
            | Self::Headers(_)
            | Self::TokenRequest(_) => "No setting allows it.".into(),
        }
    }
}

/// One request that was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// `METHOD origin/path`, without the query.
    pub request: String,
    /// Why.
    pub rule: Rule,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} was not sent: {}. {}",
            self.request,
            self.rule,
            self.rule.way_out()
        )
    }
}

impl std::error::Error for Denial {}
