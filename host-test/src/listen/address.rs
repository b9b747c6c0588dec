//! The address of hooks: everybody who knows it can forge deliveries, so it is known only to the vendor and to memory.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::ListenError;
use crate::egress::{Origin, Scheme};

/// Before the secret part.
pub(super) const PREFIX: &str = "/h/";

/// What is stored of an address.
pub(super) type Hash = [u8; 32];

/// A whole address. Not `Debug`: it is a secret.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) hash: Hash,
}

impl Address {
    /// A new one below a public address.
    pub(super) fn new(public: &str) -> Result<Self, ListenError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(ListenError::Randomness)?;
        Ok(Self::of(public, &URL_SAFE_NO_PAD.encode(secret)))
    }

    fn of(public: &str, secret: &str) -> Self {
        Self {
            url: format!("{}{PREFIX}{secret}", public.trim_end_matches('/')),
            hash: hash(secret),
        }
    }

    /// The address that a hook at the vendor has, if it is one of ours by its looks: whether we know its secret the journal tells.
    pub(super) fn of_hook(public: &str, url: &str) -> Option<Self> {
        let rest = url.strip_prefix(public.trim_end_matches('/'))?;
        let secret = rest.strip_prefix(PREFIX)?;
        (!secret.is_empty() && !secret.contains('/')).then(|| Self::of(public, secret))
    }
}

/// Of the secret part.
pub(super) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether hooks can have their address below this one.
pub(super) fn check(public: &str) -> Result<(), ListenError> {
    let refuse = |why: &str| ListenError::PublicUrl(public.to_owned(), why.to_owned());
    let url = url::Url::parse(public).map_err(|error| refuse(&error.to_string()))?;
    let origin = Origin::of_url(public).map_err(|error| refuse(&error.to_string()))?;
    if origin.scheme() == Scheme::Http && !origin.is_loopback() {
        return Err(refuse(
            "deliveries would come in the clear; an https address is expected",
        ));
    }
    if url.path() != "/" {
        return Err(refuse("it has a path; give the part before it alone"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it has a query or a fragment"));
    }
    Ok(())
}
