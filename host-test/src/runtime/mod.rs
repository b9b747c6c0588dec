//! Loads components and runs calls, each in a sandbox of its own.
//!
//! `host.rs` sets up the engine and loads; `connector.rs` is a loaded component; `tenant.rs` says for whom a call runs;
//! `call.rs` has every function of the contract; `slots.rs` gives each tenant its turn; `sandbox.rs` makes the store, limits it, and reads its end; `span.rs` tells tracing of it. `refresh.rs`
//! gets newer tokens when the egress asks. The command, tests and benches call this folder; it calls the egress, and
//! the egress calls back only through the `Refresher` trait.

mod artifact;
mod bindings;
mod call;
mod connector;
mod error;
mod host;
mod json;
mod limits;
mod memory_watch;
mod meter;
mod refresh;
mod report;
mod sandbox;
mod slots;
mod span;
mod tenant;

pub use artifact::ArtifactKey;
pub use bindings::{auth, catalog, operations, triggers, types};
pub use call::{
    ACCESS_TOKEN_VARIABLE, API_BASE_VARIABLE, Answer, Call, Connected, Outcome, Revoke,
    WEB_URL_VARIABLE,
};
pub use connector::Connector;
pub use error::{CallError, HostError, Stop, describe};
#[doc(hidden)]
pub use host::Without;
pub use host::{Host, HostOptions, LoadError, SetupError};
pub use json::to_json;
pub use limits::{Limits, TICK};
#[doc(hidden)]
pub use memory_watch::MemoryWatch;
pub use refresh::Refreshed;
pub use report::Report;
pub use tenant::{DEFAULT_API_BASE, Tenant, TenantBuilder, TenantError};

/// The largest linear memory that any call can have; the pool's slots are made for it.
pub const LARGEST_MEMORY: usize = 256 * 1024 * 1024;
