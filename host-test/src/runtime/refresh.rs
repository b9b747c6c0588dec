//! Getting a connection a newer token, once for all who want one.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::bindings::auth::Client;
use super::connector::Connector;
use super::error::{CallError, HostError};
use super::report::Report;
use super::sandbox;
use super::span;
use super::tenant::Tenant;
use crate::egress::{
    CredentialKind, Gate, Generation, LEASE, RefreshEnd, RefreshError, RefreshLease, RefreshTurn,
    Refresher, StoredCredentials,
};

/// What a refresh gave.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// When the access token expires; None: not known.
    pub expires_at: Option<SystemTime>,
    /// What the token may do; empty: not known.
    pub scopes: Vec<String>,
    /// Of the stored tokens.
    pub generation: Generation,
}

impl From<&StoredCredentials> for Refreshed {
    fn from(stored: &StoredCredentials) -> Self {
        Self {
            expires_at: stored.expires_at,
            scopes: stored.scopes.clone(),
            generation: stored.generation,
        }
    }
}

/// The runtime's side of [`Refresher`]: runs the guest's `auth.refresh` in a sandbox of its own.
pub(super) struct GuestRefresher {
    pub(super) connector: Connector,
    pub(super) tenant: Tenant,
}

#[async_trait]
impl Refresher for GuestRefresher {
    async fn newer_than(&self, seen: Generation) -> Result<Generation, RefreshError> {
        match newer_than(&self.connector, &self.tenant, seen).await {
            Ok((refreshed, _)) => Ok(refreshed.generation),
            Err(CallError::Host(HostError::Refresh(error))) => Err(error),
            Err(CallError::Host(HostError::Credentials(error))) => Err(error.into()),
            Err(error) => Err(RefreshError::Failed(error.to_string())),
        }
    }
}

/// Gives tokens newer than `seen`. It goes on when the caller goes away: a refresh that is cut off between the vendor's
/// answer and the store would lose a rotated refresh token.
pub(super) async fn newer_than(
    connector: &Connector,
    tenant: &Tenant,
    seen: Generation,
) -> Result<(Refreshed, Report), CallError> {
    let (connector, tenant) = (connector.clone(), tenant.clone());
    let turn = async move { take_turn(&connector, &tenant, seen).await };
    match tokio::spawn(turn.in_current_span()).await {
        Ok(result) => result,
        Err(error) => Err(HostError::Refresh(RefreshError::Failed(error.to_string())).into()),
    }
}

async fn take_turn(
    connector: &Connector,
    tenant: &Tenant,
    seen: Generation,
) -> Result<(Refreshed, Report), CallError> {
    let patience = Instant::now() + LEASE;
    loop {
        let turn = tenant
            .credentials()
            .begin_refresh(tenant.connection(), seen)
            .await
            .map_err(HostError::from)?;
        match turn {
            RefreshTurn::Newer(stored) => return Ok(((&stored).into(), Report::default())),
            RefreshTurn::Refused(refusal) => {
                return Err(HostError::from(RefreshError::from(refusal)).into());
            }
            RefreshTurn::Busy(wait) if Instant::now() + wait < patience => sleep(wait).await,
            RefreshTurn::Busy(_) => return Err(HostError::from(RefreshError::Busy).into()),
            RefreshTurn::Mine(lease) => return run(connector, tenant, lease).await,
        }
    }
}

async fn run(
    connector: &Connector,
    tenant: &Tenant,
    lease: RefreshLease,
) -> Result<(Refreshed, Report), CallError> {
    let before = lease.generation;
    let (result, invalid_grant, sent) = match run_guest(connector, tenant, before).await {
        Ok((gate, result)) => {
            let tallied = gate.tally().read();
            // A token request is a POST, and one that certainly did not go is not counted as a write.
            (result, tallied.invalid_grant, tallied.writes > 0)
        }
        Err(error) => (Err(error), false, false),
    };
    // The store decides, not the guest: what counts is whether newer tokens are safe.
    let stored = tenant.stored().await;
    let renewed = stored
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .filter(|stored| stored.generation > before);
    let end = match (renewed, &result) {
        (Some(_), _) => RefreshEnd::Renewed,
        (None, _) if invalid_grant => RefreshEnd::InvalidGrant,
        (None, result) => {
            let why = match result {
                Err(error) => error.to_string(),
                Ok(_) => "the connector reported success, but no tokens came".into(),
            };
            if sent {
                RefreshEnd::AnswerLost(why)
            } else {
                RefreshEnd::NotSent(why)
            }
        }
    };
    tenant
        .credentials()
        .end_refresh(lease, end.clone())
        .await
        .map_err(HostError::from)?;
    match (renewed, end, result) {
        (Some(stored), _, result) => {
            let report = result.ok().unwrap_or_default();
            Ok((stored.into(), report))
        }
        (None, RefreshEnd::InvalidGrant, Err(error @ CallError::Connector { .. })) => Err(error),
        (None, RefreshEnd::InvalidGrant, _) => Err(HostError::from(RefreshError::from(
            crate::egress::RefreshRefusal::NeedsReconnect,
        ))
        .into()),
        (None, _, Err(error)) => Err(error),
        (None, RefreshEnd::NotSent(why) | RefreshEnd::AnswerLost(why), Ok(_)) => {
            Err(HostError::from(RefreshError::Failed(why)).into())
        }
        (None, RefreshEnd::Renewed, Ok(_)) => Err(HostError::from(RefreshError::Busy).into()),
    }
}

type Ran = (Arc<Gate>, Result<Report, CallError>);

async fn run_guest(
    connector: &Connector,
    tenant: &Tenant,
    before: Generation,
) -> Result<Ran, CallError> {
    let stored = tenant.stored().await?.ok_or(HostError::Missing(
        "no credentials are stored for this connection",
    ))?;
    let client = stored
        .client
        .as_ref()
        .ok_or(HostError::Missing("this connection has no client"))?;
    let (bounds, egress) = tenant.inner.limits.bounds(None);
    let gate = Arc::new(Gate::open(
        tenant.inner.account.clone(),
        connector.digest(),
        egress,
        None,
        Some(before),
    ));
    let secret = match &client.secret {
        Some(_) => Some(
            gate.stand_in(CredentialKind::ClientSecret, stored.origin.clone())
                .map_err(HostError::from)?,
        ),
        None => None,
    };
    let client = Client {
        id: client.id.clone(),
        secret,
    };
    let token = gate
        .stand_in(CredentialKind::RefreshToken, stored.origin.clone())
        .map_err(HostError::from)?;
    let reserve = connector.host.shared.reserve.clone();
    let _slot = reserve
        .acquire_owned()
        .await
        .map_err(|_| HostError::Closed)?;
    let environment = tenant.environment(None);
    let span = span::of(tenant.name(), "auth.refresh");
    let result = sandbox::run(
        &connector.pre,
        gate.clone(),
        environment,
        &bounds,
        |mut exports| {
            Box::pin(async move {
                exports
                    .auth()?
                    .call_refresh(exports.store, &client, &token)
                    .await
            })
        },
    )
    .instrument(span.clone())
    .await;
    span::end(&span, &result);
    Ok((gate, result.map(|(_, report)| report)))
}
