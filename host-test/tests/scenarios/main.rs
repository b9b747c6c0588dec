//! What the operations do, seen from outside: the built component in its host, before a fake account. One file for each interface.

#![allow(missing_docs)]

mod administration;
mod api;
mod hooks;
mod settings;
mod triggers;

use std::path::PathBuf;
use std::sync::Arc;

use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{CallError, Connector, Host, HostOptions, Tenant};
use serde_json::Value;

/// A component that is connected to an account.
struct Scene {
    /// The account.
    fake: Fake,
    connector: Connector,
    tenant: Tenant,
    _host: Host,
}

impl Scene {
    /// An account of 30 parties, and its administrator's token of the fake's own application.
    fn new() -> Self {
        let fake = Fake::new(FakeOptions {
            parties: 30,
            strict_auth: true,
            ..FakeOptions::default()
        });
        let scope = "read write user_preference";
        let token = fake.issue_token("rkaya", scope).access;
        Self::with(fake, token.as_str())
    }

    /// The same account, seen through another token.
    fn with(fake: Fake, token: &str) -> Self {
        let path = std::env::var_os("CAPSULE_COMPONENT").map_or_else(
            || {
                PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                    .join("../target")
                    .join("capsule_crm.wasm")
            },
            PathBuf::from,
        );
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build`", path.display()));
        let host = Host::new(HostOptions {
            slots: 4,
            ..HostOptions::default()
        })
        .unwrap();
        let connector = host.load(&bytes).unwrap();
        let tenant = Tenant::builder("northwind")
            .access_token(Secret::from(token))
            .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
            .upstream(Arc::new(InProcess::new(fake.router())))
            .build()
            .unwrap();
        Self {
            fake,
            connector,
            tenant,
            _host: host,
        }
    }

    /// Runs an operation in a fresh sandbox.
    async fn call(&self, id: &str, input: Value) -> Result<Value, CallError> {
        let outcome = self
            .connector
            .call(&self.tenant)
            .invoke(id, input.to_string())
            .await?;
        Ok(serde_json::from_str(&outcome.json).unwrap())
    }

    /// Runs one that has to succeed.
    #[track_caller]
    fn done(&self, id: &str, input: Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        let id = id.to_owned();
        async move {
            self.call(&id, input)
                .await
                .unwrap_or_else(|error| panic!("{place}: {id}: {error:?}"))
        }
    }

    /// The items of a page.
    async fn items(&self, id: &str, input: Value) -> Vec<Value> {
        match self.done(id, input).await["items"].take() {
            Value::Array(items) => items,
            other => panic!("{id}: {other}"),
        }
    }
}
