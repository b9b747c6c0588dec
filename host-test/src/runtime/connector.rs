//! A loaded component, and what it says of itself.

use std::sync::Arc;

use super::bindings::ExportsPre;
use super::bindings::catalog::{Descriptor, Operation, SchemaPair, SchemaScope, Trigger};
use super::call::Call;
use super::error::{CallError, HostError};
use super::host::Host;
use super::limits::Limits;
use super::sandbox::{self, Sandbox};
use super::tenant::Tenant;
use crate::egress::{ComponentDigest, Gate, Origin};

/// A loaded component. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    pub(super) host: Host,
    pub(super) pre: Arc<ExportsPre<Sandbox>>,
    digest: ComponentDigest,
}

/// Runs a metadata function: no environment, no way out, nobody's credentials.
macro_rules! describe {
    ($connector:expr, |$exports:ident, $store:ident| $call:expr) => {{
        let connector = $connector;
        let gate = Arc::new(Gate::closed(connector.digest));
        let (bounds, _) = Limits::default().bounds(None);
        let slots = connector.host.shared.slots.clone();
        let _slot = slots.acquire_owned().await.map_err(|_| HostError::Closed)?;
        sandbox::run(
            &connector.pre,
            gate,
            Vec::new(),
            &bounds,
            |$exports, $store| Box::pin($call),
        )
        .await
        .map(|(value, _)| value)
    }};
}

impl Connector {
    pub(super) fn new(host: Host, pre: ExportsPre<Sandbox>, digest: ComponentDigest) -> Self {
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
        describe!(self, |exports, store| exports
            .integration_connector_catalog()
            .call_describe(store))
    }

    /// All operations.
    pub async fn operations(&self) -> Result<Vec<Operation>, CallError> {
        describe!(self, |exports, store| exports
            .integration_connector_catalog()
            .call_operations(store))
    }

    /// All triggers.
    pub async fn triggers(&self) -> Result<Vec<Trigger>, CallError> {
        describe!(self, |exports, store| exports
            .integration_connector_catalog()
            .call_triggers(store))
    }

    /// Schemas that are the same for every account.
    pub async fn schemas(&self, ids: &[String]) -> Result<Vec<SchemaPair>, CallError> {
        let ids = ids.to_vec();
        describe!(self, |exports, store| async move {
            exports
                .integration_connector_catalog()
                .call_schemas(store, &ids, SchemaScope::General)
                .await
        })
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
