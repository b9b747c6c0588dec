//! Calls for a tenant. Each runs in a sandbox of its own.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tracing::Instrument as _;

use super::bindings::auth::{AuthorizeRequest, Client, CodeGrant, Connection};
use super::bindings::catalog::{ChoicePage, ChoicesRequest, SchemaPair, SchemaScope};
use super::bindings::operations;
use super::bindings::triggers::{
    self, Batch, Delivery, Event, Listener, Position, ReconcileRequest, Reply,
};
use super::bindings::types::Error;
use super::connector::Connector;
use super::error::{CallError, HostError};
use super::host::Without;
use super::limits::Bounds;
use super::refresh::{self, GuestRefresher, Refreshed};
use super::report::Report;
use super::sandbox::{self, Exports};
use super::span;
use super::tenant::Tenant;
use crate::egress::{
    CredentialKind, EgressLimits, Gate, Generation, Origin, Refresher, Secret, StoredCredentials,
};

/// The environment variable from which the component reads its bearer token: a placeholder, new for each call.
pub const ACCESS_TOKEN_VARIABLE: &str = "CAPSULE_ACCESS_TOKEN";
/// The environment variable from which the component reads another API than Capsule's own.
pub const API_BASE_VARIABLE: &str = "CAPSULE_API_BASE";
/// The environment variable from which the component reads the account's address for people. With it, links to records cost no request.
pub const WEB_URL_VARIABLE: &str = "CAPSULE_WEB_URL";

/// The result of an operation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The operation's output as JSON text.
    pub json: String,
    /// What the call used and did.
    pub report: Report,
}

/// The result of any other function.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// What the function gave.
    pub value: T,
    /// What the call used and did.
    pub report: Report,
}

/// What a connection was made of. The tokens themselves went into the store.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The account, as the vendor names it.
    pub account: Option<String>,
    /// What was stored.
    pub tokens: Refreshed,
}

/// Which token to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// The access token.
    AccessToken,
    /// The refresh token, and with it what it could still get.
    RefreshToken,
}

/// A call that waits to be told what to call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    connector: &'a Connector,
    tenant: &'a Tenant,
}

type Run<'a, T> = BoxFuture<'a, wasmtime::Result<Result<T, Error>>>;

impl Tenant {
    /// The whole environment of a sandbox.
    pub(super) fn environment(&self, token: Option<String>) -> Vec<(String, String)> {
        let token = token.map(|token| (ACCESS_TOKEN_VARIABLE.to_owned(), token));
        let base = self
            .inner
            .api_base
            .clone()
            .map(|base| (API_BASE_VARIABLE.to_owned(), base));
        let web = self
            .inner
            .web_url
            .clone()
            .map(|web| (WEB_URL_VARIABLE.to_owned(), web));
        token.into_iter().chain(base).chain(web).collect()
    }

    fn takes(&self, bytes: usize) -> Result<(), HostError> {
        let limit = self.inner.limits.input_bytes;
        if bytes > limit {
            return Err(HostError::InputTooLarge { bytes, limit });
        }
        Ok(())
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(connector: &'a Connector, tenant: &'a Tenant) -> Self {
        Self { connector, tenant }
    }

    /// Runs one operation.
    pub async fn invoke(self, id: &str, input: impl Into<String>) -> Result<Outcome, CallError> {
        let (bounds, egress) = self.tenant.limits().bounds(Some(id));
        let (id, input) = (id.to_owned(), input.into());
        let operation = id.clone();
        self.tenant.takes(input.len())?;
        let answer = self
            .with_token(&operation, bounds, egress, |mut exports| {
                Box::pin(async move {
                    exports
                        .operations()?
                        .call_invoke(exports.store, &id, &input)
                        .await
                })
            })
            .await?;
        Ok(Outcome {
            json: answer.value,
            report: answer.report,
        })
    }

    /// Runs up to 1,000 operations in one sandbox. Without a deadline of its own the run starts no call in the last
    /// quarter of the sandbox's time, because a sandbox that is stopped loses every outcome. The number of requests is
    /// raised to four for each call.
    pub async fn invoke_many(
        self,
        calls: Vec<operations::Call>,
        mut options: operations::ManyOptions,
    ) -> Result<Answer<Vec<operations::Outcome>>, CallError> {
        for call in &calls {
            self.tenant.takes(call.input.len())?;
        }
        let files = calls
            .iter()
            .find(|call| call.id.starts_with("files."))
            .map(|call| call.id.as_str());
        let (bounds, mut egress) = self.tenant.limits().bounds(files);
        let requests = u32::try_from(calls.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(4);
        egress.requests = egress.requests.max(requests);
        let latest = u32::try_from((bounds.wall_clock / 4 * 3).as_millis()).unwrap_or(u32::MAX);
        options.start_within_ms = Some(
            options
                .start_within_ms
                .map_or(latest, |within| within.min(latest)),
        );
        self.with_token("operations.invoke-many", bounds, egress, |mut exports| {
            Box::pin(async move {
                exports
                    .operations()?
                    .call_invoke_many(exports.store, &calls, options)
                    .await
            })
        })
        .await
    }

    /// Schemas, with the account's own fields if asked.
    pub async fn schemas(
        self,
        ids: &[String],
        scope: SchemaScope,
    ) -> Result<Answer<Vec<SchemaPair>>, CallError> {
        let ids = ids.to_vec();
        self.plain("catalog.schemas", |mut exports| {
            Box::pin(async move {
                exports
                    .catalog()?
                    .call_schemas(exports.store, &ids, scope)
                    .await
            })
        })
        .await
    }

    /// Options of a field.
    pub async fn choices(self, request: ChoicesRequest) -> Result<Answer<ChoicePage>, CallError> {
        self.plain("catalog.choices", |mut exports| {
            Box::pin(async move {
                exports
                    .catalog()?
                    .call_choices(exports.store, &request)
                    .await
            })
        })
        .await
    }

    /// Events of a hook delivery.
    pub async fn handle_delivery(
        self,
        delivery: Delivery,
        listeners: Vec<Listener>,
    ) -> Result<Answer<Reply>, CallError> {
        self.tenant.takes(delivery.body.len())?;
        self.plain("triggers.handle-delivery", |mut exports| {
            Box::pin(async move {
                exports
                    .triggers()?
                    .call_handle_delivery(exports.store, &delivery, &listeners)
                    .await
            })
        })
        .await
    }

    /// Events since a position.
    pub async fn poll(
        self,
        listeners: Vec<Listener>,
        start: Position,
        limit: u32,
    ) -> Result<Answer<Batch>, CallError> {
        self.plain("triggers.poll", |mut exports| {
            Box::pin(async move {
                exports
                    .triggers()?
                    .call_poll(exports.store, &listeners, &start, limit)
                    .await
            })
        })
        .await
    }

    /// Makes the vendor's hooks what they should be. Refused with [`HostError::NotAdopted`] where the credentials are a copy.
    pub async fn reconcile(
        self,
        request: ReconcileRequest,
    ) -> Result<Answer<triggers::Report>, CallError> {
        let is_copy = self.tenant.credentials().is_copy().await;
        if is_copy.map_err(HostError::from)? {
            return Err(HostError::NotAdopted.into());
        }
        self.plain("triggers.reconcile", |mut exports| {
            Box::pin(async move {
                exports
                    .triggers()?
                    .call_reconcile(exports.store, &request)
                    .await
            })
        })
        .await
    }

    /// Recent events, for building a mapping.
    pub async fn sample(
        self,
        listener: Listener,
        limit: u32,
    ) -> Result<Answer<Vec<Event>>, CallError> {
        self.plain("triggers.sample", |mut exports| {
            Box::pin(async move {
                exports
                    .triggers()?
                    .call_sample(exports.store, &listener, limit)
                    .await
            })
        })
        .await
    }

    /// Who is connected.
    pub async fn check(self) -> Result<Answer<Connection>, CallError> {
        self.plain("auth.check", |mut exports| {
            Box::pin(async move { exports.auth()?.call_check(exports.store).await })
        })
        .await
    }

    /// Where to send the browser. Sends nothing.
    pub async fn authorize_url(
        self,
        request: AuthorizeRequest,
    ) -> Result<Answer<String>, CallError> {
        let (bounds, _) = self.tenant.limits().bounds(None);
        let gate = Arc::new(Gate::closed(self.connector.digest()));
        self.run(
            "auth.authorize-url",
            gate,
            self.tenant.environment(None),
            &bounds,
            |mut exports| {
                Box::pin(async move {
                    exports
                        .auth()?
                        .call_authorize_url(exports.store, &request)
                        .await
                })
            },
        )
        .await
    }

    /// Trades the code that the browser brought back for tokens, and stores them. The sandbox sees neither the code nor
    /// the verifier nor the tokens.
    pub async fn exchange_code(
        self,
        code: Secret,
        redirect_uri: &str,
        code_verifier: Option<Secret>,
    ) -> Result<Answer<Connected>, CallError> {
        let stored = self.stored().await?;
        let (gate, client) = self.sign_in_gate(&stored, Some(stored.generation))?;
        let stand_in = |kind, secret| {
            gate.stand_in_for(kind, stored.origin.clone(), secret)
                .map_err(|error| CallError::from(HostError::from(error)))
        };
        let grant = CodeGrant {
            code: stand_in(CredentialKind::Code, code)?,
            redirect_uri: redirect_uri.to_owned(),
            code_verifier: match code_verifier {
                Some(verifier) => Some(stand_in(CredentialKind::CodeVerifier, verifier)?),
                None => None,
            },
        };
        let (bounds, _) = self.tenant.limits().bounds(None);
        let answer = self
            .run(
                "auth.exchange-code",
                gate,
                self.tenant.environment(None),
                &bounds,
                |mut exports| {
                    Box::pin(async move {
                        exports
                            .auth()?
                            .call_exchange_code(exports.store, &client, &grant)
                            .await
                    })
                },
            )
            .await?;
        let now = self.stored().await?;
        if now.generation <= stored.generation {
            return Err(HostError::Missing(
                "the connector reported success, but no tokens came; connect again",
            )
            .into());
        }
        Ok(Answer {
            value: Connected {
                account: answer.value.account,
                tokens: (&now).into(),
            },
            report: answer.report,
        })
    }

    /// Gets a newer token, even if the present one would still do, and stores it.
    pub async fn refresh(self) -> Result<Answer<Refreshed>, CallError> {
        let seen = self.stored().await?.generation;
        let (value, report) = refresh::newer_than(self.connector, self.tenant, seen).await?;
        Ok(Answer { value, report })
    }

    /// Gives a token back to the vendor. What is stored stays, for the caller to delete.
    pub async fn revoke(self, which: Revoke) -> Result<Answer<()>, CallError> {
        let stored = self.stored().await?;
        let (kind, there) = match which {
            Revoke::AccessToken => (CredentialKind::AccessToken, stored.access_token.is_some()),
            Revoke::RefreshToken => (CredentialKind::RefreshToken, stored.refresh_token.is_some()),
        };
        if !there {
            return Err(
                HostError::Missing("this connection has no such token to give back").into(),
            );
        }
        let (gate, client) = self.sign_in_gate(&stored, None)?;
        let token = gate
            .stand_in(kind, stored.origin.clone())
            .map_err(HostError::from)?;
        let (bounds, _) = self.tenant.limits().bounds(None);
        self.run(
            "auth.revoke",
            gate,
            self.tenant.environment(None),
            &bounds,
            |mut exports| {
                Box::pin(async move {
                    exports
                        .auth()?
                        .call_revoke(exports.store, &client, &token)
                        .await
                })
            },
        )
        .await
    }

    async fn stored(self) -> Result<StoredCredentials, CallError> {
        let stored = self.tenant.stored().await?;
        stored.ok_or_else(|| {
            HostError::Missing("no credentials are stored for this connection; connect it first")
                .into()
        })
    }

    fn sign_in_gate(
        self,
        stored: &StoredCredentials,
        stores_over: Option<Generation>,
    ) -> Result<(Arc<Gate>, Client), CallError> {
        let client = stored.client.as_ref().ok_or(HostError::Missing(
            "this connection has no client; add its id",
        ))?;
        let (_, egress) = self.tenant.limits().bounds(None);
        let account = self.tenant.inner.account.clone();
        let gate = Arc::new(Gate::open(
            account,
            self.connector.digest(),
            egress,
            None,
            stores_over,
        ));
        let secret = match &client.secret {
            Some(_) => Some(
                gate.stand_in(CredentialKind::ClientSecret, stored.origin.clone())
                    .map_err(HostError::from)?,
            ),
            None => None,
        };
        Ok((
            gate,
            Client {
                id: client.id.clone(),
                secret,
            },
        ))
    }

    /// An ordinary call with ordinary limits.
    async fn plain<T, F>(self, operation: &str, function: F) -> Result<Answer<T>, CallError>
    where
        F: for<'b> FnOnce(Exports<'b>) -> Run<'b, T>,
    {
        let (bounds, egress) = self.tenant.limits().bounds(None);
        self.with_token(operation, bounds, egress, function).await
    }

    /// A call that may use the access token.
    async fn with_token<T, F>(
        self,
        operation: &str,
        bounds: Bounds,
        egress: EgressLimits,
        function: F,
    ) -> Result<Answer<T>, CallError>
    where
        F: for<'b> FnOnce(Exports<'b>) -> Run<'b, T>,
    {
        let stored = self.fresh().await?;
        let refresher = stored
            .as_ref()
            .filter(|stored| stored.can_refresh())
            .map(|_| {
                let (connector, tenant) = (self.connector.clone(), self.tenant.clone());
                Arc::new(GuestRefresher { connector, tenant }) as Arc<dyn Refresher>
            });
        let account = self.tenant.inner.account.clone();
        let gate = Arc::new(Gate::open(
            account,
            self.connector.digest(),
            egress,
            refresher,
            None,
        ));
        let origin: Option<Origin> = stored
            .filter(|stored| stored.access_token.is_some())
            .map(|stored| stored.origin);
        let token = match origin {
            Some(origin) => Some(
                gate.stand_in(CredentialKind::AccessToken, origin)
                    .map_err(HostError::from)?,
            ),
            None => None,
        };
        self.run(
            operation,
            gate,
            self.tenant.environment(token),
            &bounds,
            function,
        )
        .await
    }

    /// The stored credentials, renewed first if four fifths of their life are over. A renewal that fails is no reason
    /// to fail the call: the old token may still do, and if not, the vendor says so.
    async fn fresh(self) -> Result<Option<StoredCredentials>, CallError> {
        let stored = self.tenant.stored().await?;
        let Some(old) = stored
            .as_ref()
            .filter(|stored| stored.refresh_is_due(SystemTime::now()))
        else {
            return Ok(stored);
        };
        let patience = if old
            .expires_at
            .is_some_and(|expiry| expiry <= SystemTime::now())
        {
            Duration::from_secs(60)
        } else {
            Duration::from_secs(5)
        };
        let renewal = refresh::newer_than(self.connector, self.tenant, old.generation);
        // Without patience the renewal goes on by itself.
        if let Ok(Err(error)) = tokio::time::timeout(patience, renewal).await {
            tracing::warn!(tenant = self.tenant.name(), %error, "the token could not be renewed ahead");
        }
        Ok(self.tenant.stored().await?)
    }

    async fn run<T, F>(
        self,
        operation: &str,
        gate: Arc<Gate>,
        environment: Vec<(String, String)>,
        bounds: &Bounds,
        function: F,
    ) -> Result<Answer<T>, CallError>
    where
        F: for<'b> FnOnce(Exports<'b>) -> Run<'b, T>,
    {
        let shared = &self.connector.host.shared;
        let _taken = if shared.without == Some(Without::Places) {
            None
        } else {
            let place = self.tenant.place().await?;
            let whose = &self.tenant.inner.account.tenant;
            // The slot goes first: who gets the place wants one.
            Some((shared.slots.acquire(whose).await?, place))
        };
        let quota = || self.tenant.governor().quota();
        let span = span::of(self.tenant.name(), operation);
        let result = sandbox::run(&self.connector.pre, gate, environment, bounds, function)
            .instrument(span.clone())
            .await;
        span::end(&span, &result);
        match result {
            Ok((value, mut report)) => {
                report.quota = quota();
                Ok(Answer { value, report })
            }
            Err(CallError::Connector { error, mut report }) => {
                report.quota = quota();
                Err(CallError::Connector { error, report })
            }
            Err(other) => Err(other),
        }
    }
}
