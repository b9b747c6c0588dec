//! A loaded component, and what it says of itself.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::bindings::catalog::{Descriptor, Operation, SchemaPair, SchemaScope, Trigger};
use super::bindings::types::Error;
use super::call::Call;
use super::error::CallError;
use super::host::Host;
use super::limits::Limits;
use super::sandbox::{self, Exports, Prepared};
use super::tenant::Tenant;
use crate::egress::{ComponentDigest, Gate, Origin};

/// A loaded component. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    pub(super) host: Host,
    pub(super) pre: Arc<Prepared>,
    digest: ComponentDigest,
}

impl Connector {
    pub(super) fn new(host: Host, pre: Prepared, digest: ComponentDigest) -> Self {
        Self {
            host,
            pre: Arc::new(pre),
            digest,
        }
    }

    /// The SHA-256 of the component's bytes: grants are stored by it.
    pub fn digest(&self) -> ComponentDigest {
        self.digest
    }

    /// A call for a tenant.
    pub fn call<'a>(&'a self, tenant: &'a Tenant) -> Call<'a> {
        Call::new(self, tenant)
    }

    /// Who this is.
    pub async fn describe(&self) -> Result<Descriptor, CallError> {
        self.metadata(|mut exports| {
            Box::pin(async move { exports.catalog()?.call_describe(exports.store).await })
        })
        .await
    }

    /// All operations.
    pub async fn operations(&self) -> Result<Vec<Operation>, CallError> {
        self.metadata(|mut exports| {
            Box::pin(async move { exports.catalog()?.call_operations(exports.store).await })
        })
        .await
    }

    /// All triggers.
    pub async fn triggers(&self) -> Result<Vec<Trigger>, CallError> {
        self.metadata(|mut exports| {
            Box::pin(async move { exports.catalog()?.call_triggers(exports.store).await })
        })
        .await
    }

    /// Schemas that are the same for every account.
    pub async fn schemas(&self, ids: &[String]) -> Result<Vec<SchemaPair>, CallError> {
        let ids = ids.to_vec();
        self.metadata(|mut exports| {
            Box::pin(async move {
                exports
                    .catalog()?
                    .call_schemas(exports.store, &ids, SchemaScope::General)
                    .await
            })
        })
        .await
    }

    /// Runs a function that is the same for everybody: no environment, no way out, nobody's credentials.
    async fn metadata<T, F>(&self, function: F) -> Result<T, CallError>
    where
        F: for<'a> FnOnce(Exports<'a>) -> BoxFuture<'a, wasmtime::Result<Result<T, Error>>>,
    {
        let gate = Arc::new(Gate::closed(self.digest));
        let (bounds, _) = Limits::default().bounds(None);
        // Nobody's calls take turns with the tenants' as one more tenant's.
        let _slot = self.host.shared.slots.acquire(&Arc::from("")).await?;
        let (value, _) = sandbox::run(&self.pre, gate, Vec::new(), &bounds, function).await?;
        Ok(value)
    }

    /// The origins that the component asks for, as it describes itself. Show them to the operator; what is not granted
    /// is not reached. One that is no origin is left out: it can't be granted.
    pub async fn asks_for(&self) -> Result<Vec<Origin>, CallError> {
        let destinations = self.describe().await?.destinations;
        let origins = destinations.iter().filter_map(|destination| {
            Origin::parse(&format!(
                "{}://{}:{}",
                destination.scheme, destination.host, destination.port
            ))
            .ok()
        });
        Ok(origins.collect())
    }
}
