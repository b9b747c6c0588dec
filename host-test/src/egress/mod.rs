//! Everything between a sandbox and the network.
//!
//! A request comes from `wasi.rs` (the glue to `wasi:http`) to `gate.rs`, which tells its way in order: admit it by
//! policy (`target.rs`, `headers.rs`, `grants.rs`), put real credentials in place of placeholders (`placeholder.rs`,
//! `token_endpoint.rs`), wait for quota (`governor.rs`), send it to an ending (`upstream/`), repeat it once after a
//! refused token (`refresher.rs`), and guard the answer (`answer.rs`, `redact.rs`). What was refused says why and what
//! would allow it (`denial.rs`).
//!
//! Only the runtime calls this folder, through one gate per call. It calls nothing of the runtime: a refresh is asked
//! for through a trait. Real credentials exist here, in the store behind [`Credentials`], and on the wire, nowhere else.

mod answer;
mod credentials;
mod denial;
mod gate;
mod governor;
mod grants;
mod headers;
mod limits;
mod origin;
mod placeholder;
mod redact;
mod refresher;
mod secret;
mod target;
mod token_endpoint;
mod upstream;
mod wasi;

pub use credentials::{
    ClientCredentials, ConnectionId, Credentials, CredentialsError, Generation, LEASE,
    MemoryCredentials, NewTokens, REMEMBER_FAILURE, RefreshEnd, RefreshLease, RefreshRefusal,
    RefreshTurn, StoredCredentials,
};
pub use denial::{Denial, Rule};
pub use gate::Account;
pub use governor::{Governor, Quota};
pub use grants::{ComponentDigest, DigestError, Grants};
pub use limits::EgressLimits;
pub use origin::{Origin, OriginError, Scheme};
pub use placeholder::{CredentialKind, PREFIX as PLACEHOLDER_PREFIX};
pub use refresher::{RefreshError, Refresher};
pub use secret::Secret;
pub use token_endpoint::Placement;
pub use upstream::{
    AnswerBody, Canned, Cassette, CassetteError, Expectation, InProcess, Live, LiveError, Mock,
    MockError, Outbound, Recorder, Replay, ReplayError, Resolver, SystemResolver, Upstream,
    UpstreamError, is_global,
};

pub(crate) use gate::{Gate, Tallied};
pub(crate) use wasi::Hooks;
