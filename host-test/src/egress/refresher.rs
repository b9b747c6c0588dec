//! How the egress asks for a newer token.

use async_trait::async_trait;

use super::{CredentialsError, Generation, RefreshRefusal};

/// Gets a connection a newer token. The runtime sets it: it runs the guest's `auth.refresh` in a sandbox of its own.
#[async_trait]
pub trait Refresher: Send + Sync + 'static {
    /// Returns when tokens newer than `seen` are stored. Several callers at once cause one refresh.
    async fn newer_than(&self, seen: Generation) -> Result<Generation, RefreshError>;
}

/// Why there is no newer token.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It can't be had.
    #[error(transparent)]
    Refused(#[from] RefreshRefusal),
    /// Somebody else's refresh did not end in time.
    #[error("another refresh of this connection did not end in time; try again")]
    Busy,
    /// The refresh ran and gave nothing. The sentence holds no secret.
    #[error("the refresh failed: {0}")]
    Failed(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] CredentialsError),
}
