//! The bundled host of integration components: the reference for engine authors, and the project's own test bench.
//!
//! [`runtime`] loads a component and runs each call in a sandbox of its own; [`egress`] is everything between a sandbox
//! and the network; [`store`] keeps connections between runs; [`listen`] takes deliveries, polls, and gives each event once;
//! [`fake`] is a made-up Capsule account to try it all against.
//!
//! # Embedding it
//!
//! A component is loaded once, a tenant is made for each connection, and each call runs in a fresh sandbox. Here the account is the fake,
//! in this very process.
//!
//! ```
//! use std::sync::Arc;
//!
//! use capsule_host::egress::{InProcess, Origin, Secret};
//! use capsule_host::fake::{Fake, FakeOptions};
//! use capsule_host::runtime::{Host, HostOptions, Tenant};
//! use serde_json::{Value, json};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let component = std::env::var("CAPSULE_COMPONENT").unwrap_or("../target/capsule_crm.wasm".into());
//!     let host = Host::new(HostOptions { slots: 16, ..HostOptions::default() })?;
//!     let connector = host.load_file(component)?;
//!
//!     let account = Fake::new(FakeOptions::default());
//!     let token = account.issue_token("", "read write").access;
//!     let tenant = Tenant::builder("northwind")
//!         .access_token(Secret::from(token))
//!         .grant(Origin::parse("https://api.capsulecrm.com")?)
//!         .upstream(Arc::new(InProcess::new(account.router())))
//!         .build()?;
//!
//!     let person = json!({"firstName": "Ines", "lastName": "Duarte"}).to_string();
//!     match connector.call(&tenant).invoke("people.create", person).await {
//!         Ok(outcome) => {
//!             let made: Value = serde_json::from_str(&outcome.json)?;
//!             println!("{} took {} requests", made["id"], outcome.report.requests);
//! #           assert_eq!(made["lastName"], "Duarte");
//!         }
//!         Err(error) if error.is_retryable() => println!("later: {error}"),
//!         Err(error) => println!("never so: {}", error.to_json()),
//!     }
//! #   assert_eq!(account.party_count(), 101);
//!     Ok(())
//! }
//! ```
//!
//! For the real Capsule the upstream is [`egress::Live`]. A connection that renews itself is kept in a [`store::Store`], which a tenant takes
//! as its [`credentials`](runtime::TenantBuilder::credentials). An engine with a vault of its own implements [`egress::Credentials`].
//! [`runtime::Limits`] are a tenant's, [`runtime::HostOptions`] the process's. [`runtime::Host::load_cached`] keeps the compiled code for the
//! next start. What a component asks for, [`runtime::Connector::asks_for`] tells; what it may reach is the engine's word.
//!
//! # Another way out
//!
//! Where requests end is one trait, [`egress::Upstream`]. What comes to it is admitted by policy and carries the real credentials; what it
//! answers is guarded on the way back. This one counts what passes and lets nothing be deleted.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use async_trait::async_trait;
//! use capsule_host::egress::{
//!     AnswerBody, EgressLimits, InProcess, Origin, Outbound, Secret, Upstream, UpstreamError,
//! };
//! use capsule_host::fake::{Fake, FakeOptions};
//! # use capsule_host::runtime::{Host, HostOptions, Tenant};
//!
//! struct Careful<U> {
//!     inner: U,
//!     passed: AtomicU32,
//! }
//!
//! #[async_trait]
//! impl<U: Upstream> Upstream for Careful<U> {
//!     async fn send(
//!         &self,
//!         request: Outbound,
//!         limits: &EgressLimits,
//!     ) -> Result<http::Response<AnswerBody>, UpstreamError> {
//!         if request.method == http::Method::DELETE {
//!             // The name of a request is without its query; its headers hold the token and are not to be told.
//!             let why = format!("{}: nothing is deleted here", request.name());
//!             return Err(UpstreamError::Unscripted(why));
//!         }
//!         self.passed.fetch_add(1, Ordering::Relaxed);
//!         self.inner.send(request, limits).await
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let component = std::env::var("CAPSULE_COMPONENT").unwrap_or("../target/capsule_crm.wasm".into());
//! # let connector = Host::new(HostOptions { slots: 16, ..HostOptions::default() })?.load_file(component)?;
//! # let account = Fake::new(FakeOptions::default());
//! # let token = account.issue_token("", "read write").access;
//! let inner = InProcess::new(account.router());
//! let careful = Arc::new(Careful { inner, passed: AtomicU32::new(0) });
//! let tenant = Tenant::builder("northwind")
//!     .access_token(Secret::from(token))
//!     .grant(Origin::parse("https://api.capsulecrm.com")?)
//!     .upstream(careful.clone())
//!     .build()?;
//! let listed = connector.call(&tenant).invoke("parties.list-all", r#"{"limit": 1}"#).await?;
//! # let listed: serde_json::Value = serde_json::from_str(&listed.json)?;
//! # let id = listed["items"][0]["id"].as_u64().ok_or("no id")?;
//! let deleted = connector.call(&tenant).invoke("parties.delete", format!(r#"{{"id": {id}}}"#)).await;
//! assert!(deleted.is_err());
//! assert_eq!(careful.passed.load(Ordering::Relaxed), 1);
//! # assert_eq!(account.party_count(), 100);
//! # Ok(())
//! # }
//! ```
//!
//! The implementation needs the crate `async-trait`, as the trait is made with it.

pub mod egress;
pub mod fake;
pub mod listen;
pub mod runtime;
pub mod store;
