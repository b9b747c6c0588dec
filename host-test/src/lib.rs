//! The bundled host of integration components: the reference for engine authors, and the project's own test bench.
//!
//! [`runtime`] loads a component and runs each call in a sandbox of its own; [`egress`] is everything between a sandbox
//! and the network; [`store`] keeps connections between runs; [`listen`] takes deliveries, polls, and gives each event once.
//!
//! ```no_run
//! use std::sync::Arc;
//! use capsule_host::egress::{Live, Origin, Secret};
//! use capsule_host::runtime::{Host, HostOptions, Tenant};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::new(HostOptions::default())?;
//! let connector = host.load(&std::fs::read("capsule_crm.wasm")?)?;
//! let tenant = Tenant::builder("northwind")
//!     .access_token(Secret::from("the real token"))
//!     .grant(Origin::parse("https://api.capsulecrm.com")?)
//!     .upstream(Arc::new(Live::new()?))
//!     .build()?;
//! let outcome = connector.call(&tenant).invoke("people.read", r#"{"id": 11587}"#).await?;
//! println!("{}", outcome.json);
//! # Ok(())
//! # }
//! ```

pub mod egress;
pub mod fake;
pub mod listen;
pub mod runtime;
pub mod store;
