//! For whom a call runs: credentials, grants, an upstream, limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::HostError;
use super::limits::Limits;
use crate::egress::{
    Account, AnswerBody, ClientCredentials, ComponentDigest, ConnectionId, Credentials,
    EgressLimits, Generation, Governor, Grants, MemoryCredentials, Origin, OriginError, Outbound,
    Placement, Secret, StoredCredentials, Upstream, UpstreamError,
};

/// Where Capsule is, if no other base is given (API reference 1.1).
pub const DEFAULT_API_BASE: &str = "https://api.capsulecrm.com";

/// One tenant: one connection to one account. Cheap to clone; clones share limits, quota and credentials.
#[derive(Clone)]
pub struct Tenant {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) account: Arc<Account>,
    /// Set as `CAPSULE_API_BASE`, if it is not the default.
    pub(super) api_base: Option<String>,
    /// Set as `CAPSULE_WEB_URL`.
    pub(super) web_url: Option<String>,
    pub(super) limits: Limits,
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Why a tenant can't be built.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The API base is no URL.
    #[error("the API base is not usable: {0}")]
    ApiBase(#[from] OriginError),
    /// Both a store and single credentials were given.
    #[error("give either a credential store or tokens, not both")]
    TwoSources,
    /// A refresh token needs the client it belongs to.
    #[error(
        "a refresh token is of no use without the client that it belongs to; add .client(id, secret)"
    )]
    RefreshWithoutClient,
}

impl Tenant {
    /// Begins a tenant. Without anything else it has no credentials, no grants and no way out.
    pub fn builder(name: &str) -> TenantBuilder {
        TenantBuilder {
            name: name.to_owned(),
            api_base: None,
            web_url: None,
            bound_to: None,
            access_token: None,
            refresh_token: None,
            client: None,
            expires_in: None,
            stored: None,
            grants: Grants::none(),
            upstream: None,
            governor: None,
            placement: Placement::default(),
            limits: Limits::default(),
        }
    }

    /// The tenant's name.
    pub fn name(&self) -> &str {
        &self.inner.account.tenant
    }

    /// Its connection.
    pub fn connection(&self) -> &ConnectionId {
        &self.inner.account.connection
    }

    /// Where its credentials are.
    pub fn credentials(&self) -> &Arc<dyn Credentials> {
        &self.inner.account.credentials
    }

    /// The rate limit of its user.
    pub fn governor(&self) -> &Governor {
        &self.inner.account.governor
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(super) async fn stored(&self) -> Result<Option<StoredCredentials>, HostError> {
        Ok(self.credentials().load(self.connection()).await?)
    }

    /// Waits for one of the tenant's places. Only a call that has one waits for the host's slots, where tenants come in
    /// turn: one tenant can't crowd out the others.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, HostError> {
        let running = self.inner.running.clone();
        if let Ok(place) = running.clone().try_acquire_owned() {
            return Ok(place);
        }
        let waiting = self.inner.waiting.fetch_add(1, Ordering::Relaxed);
        let _leave = Leave(&self.inner.waiting);
        if waiting >= self.inner.limits.queue {
            return Err(HostError::QueueFull {
                tenant: self.name().to_owned(),
                waiting,
            });
        }
        running.acquire_owned().await.map_err(|_| HostError::Closed)
    }
}

struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Puts a tenant together.
#[must_use]
pub struct TenantBuilder {
    name: String,
    api_base: Option<String>,
    web_url: Option<String>,
    bound_to: Option<Origin>,
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    client: Option<ClientCredentials>,
    expires_in: Option<Duration>,
    stored: Option<(Arc<dyn Credentials>, ConnectionId)>,
    grants: Grants,
    upstream: Option<Arc<dyn Upstream>>,
    governor: Option<Arc<Governor>>,
    placement: Placement,
    limits: Limits,
}

impl TenantBuilder {
    /// Another API than Capsule's own: a fake, a test. It grants nothing by itself.
    pub fn api_base(mut self, base: impl Into<String>) -> Self {
        self.api_base = Some(base.into());
        self
    }

    /// The account's address for people, such as `https://northwind.capsulecrm.com`: the base of links to records. The
    /// component puts it into links and sends nothing there; without it, it asks the account once a call.
    pub fn web_url(mut self, url: impl Into<String>) -> Self {
        self.web_url = Some(url.into());
        self
    }

    /// The bearer token.
    pub fn access_token(mut self, token: Secret) -> Self {
        self.access_token = Some(token);
        self
    }

    /// The refresh token. Needs a client.
    pub fn refresh_token(mut self, token: Secret) -> Self {
        self.refresh_token = Some(token);
        self
    }

    /// How long the access token still lives. Without it, it is renewed only when it is refused.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    /// The registered application. No secret for installed applications.
    pub fn client(mut self, id: impl Into<String>, secret: Option<Secret>) -> Self {
        self.client = Some(ClientCredentials {
            id: id.into(),
            secret,
        });
        self
    }

    /// The origin that the given tokens belong to: by default that of the API base. Stored credentials know their own.
    pub fn bound_to(mut self, origin: Origin) -> Self {
        self.bound_to = Some(origin);
        self
    }

    /// Credentials out of a store, instead of given ones.
    pub fn credentials(mut self, store: Arc<dyn Credentials>, connection: ConnectionId) -> Self {
        self.stored = Some((store, connection));
        self
    }

    /// Lets whatever component is called for this tenant reach an origin.
    pub fn grant(mut self, origin: Origin) -> Self {
        self.grants.grant(origin);
        self
    }

    /// Lets one component reach an origin.
    pub fn grant_to(mut self, component: ComponentDigest, origin: Origin) -> Self {
        self.grants.grant_to(component, origin);
        self
    }

    /// All grants at once; earlier ones are forgotten.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Where requests end. Without one, none leaves the host.
    pub fn upstream(mut self, upstream: Arc<dyn Upstream>) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// A rate limit that is shared with other connections of the same user.
    pub fn governor(mut self, governor: Arc<Governor>) -> Self {
        self.governor = Some(governor);
        self
    }

    /// Where credentials are swapped in, for another vendor than Capsule.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The tenant.
    pub fn build(self) -> Result<Tenant, TenantError> {
        let base = Origin::of_url(self.api_base.as_deref().unwrap_or(DEFAULT_API_BASE))?;
        let given =
            self.access_token.is_some() || self.refresh_token.is_some() || self.client.is_some();
        let (credentials, connection) = match self.stored {
            Some(_) if given => return Err(TenantError::TwoSources),
            Some(stored) => stored,
            None => {
                if self.refresh_token.is_some() && self.client.is_none() {
                    return Err(TenantError::RefreshWithoutClient);
                }
                let connection = ConnectionId::new(&self.name);
                let now = SystemTime::now();
                let memory = MemoryCredentials::new();
                memory.insert(
                    connection.clone(),
                    StoredCredentials {
                        generation: Generation(0),
                        origin: self.bound_to.unwrap_or(base),
                        access_token: self.access_token.filter(|token| !token.is_empty()),
                        refresh_token: self.refresh_token.filter(|token| !token.is_empty()),
                        client: self.client,
                        obtained_at: now,
                        expires_at: self
                            .expires_in
                            .and_then(|lifetime| now.checked_add(lifetime)),
                        scopes: Vec::new(),
                    },
                );
                (Arc::new(memory) as Arc<dyn Credentials>, connection)
            }
        };
        let account = Account {
            tenant: self.name.as_str().into(),
            connection,
            credentials,
            grants: self.grants,
            upstream: self.upstream.unwrap_or_else(|| Arc::new(Nowhere)),
            governor: self.governor.unwrap_or_default(),
            placement: self.placement,
        };
        Ok(Tenant {
            inner: Arc::new(Inner {
                account: Arc::new(account),
                api_base: self.api_base,
                web_url: self.web_url,
                running: Arc::new(Semaphore::new(self.limits.concurrency.max(1))),
                waiting: AtomicUsize::new(0),
                limits: self.limits,
            }),
        })
    }
}

/// The upstream of a tenant that was given none.
struct Nowhere;

#[async_trait]
impl Upstream for Nowhere {
    async fn send(
        &self,
        request: Outbound,
        _limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let text = format!(
            "{}: this tenant has no upstream; give it one with .upstream(...)",
            request.name()
        );
        Err(UpstreamError::Unscripted(text))
    }
}
