//! What `wasmtime` makes of the contract in `wit/deps/integration-connector`.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the documentation stands in the WIT"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/deps/integration-connector",
        world: "integration:connector/connector",
        exports: { default: async },
        additional_derives: [PartialEq, serde::Serialize],
    });
}

/// `integration:connector/types`: errors.
pub use generated::integration::connector::types;

/// `integration:connector/auth`: sign-in.
pub use generated::exports::integration::connector::auth;
/// `integration:connector/catalog`: what the connector can do.
pub use generated::exports::integration::connector::catalog;
/// `integration:connector/operations`: calls by id.
pub use generated::exports::integration::connector::operations;
/// `integration:connector/triggers`: events.
pub use generated::exports::integration::connector::triggers;
