//! Capsule CRM behind a WIT contract: the guest.
//!
//! A call comes in through `exports.rs`, as JSON from there on, and goes to [`actions`], which speaks to Capsule through [`api`], whose
//! requests leave through a [`api::Transport`]; in the component that is `wasi_http.rs`. Its answer comes back the same way. What is no
//! call of an operation passes `component.rs`. Everything but those three files, which are wasm alone, compiles and is tested natively.
//!
//! - [`bindings`]: what `wit-bindgen` makes of `wit/`: the types of the contract are the model.
//! - [`contract`]: what `build.rs` makes of `wit/`: JSON, shapes, the table of operations.
//! - [`model`]: what the types can do: requests out of inputs, records out of answers. Calls nothing.
//! - [`api`]: how to speak to Capsule: requests, envelopes, paging, errors. Knows no operation.
//! - [`actions`]: what the operations do. Knows no HTTP.
//! - [`auth`]: OAuth 2.
//! - [`catalog`]: what the connector says of itself: operations, schemas, choices.
//! - `few`: order among a few things.
//! - [`triggers`]: events, by hook and by poll.

pub mod actions;
#[cfg(any(target_arch = "wasm32", test))]
mod allocator;
pub mod api;
pub mod auth;
pub mod catalog;
#[cfg(target_arch = "wasm32")]
mod component;
pub mod contract;
#[cfg(target_arch = "wasm32")]
mod exports;
mod few;
pub mod model;
pub mod triggers;
#[cfg(target_arch = "wasm32")]
mod wasi_http;

/// The types of the contract, as `wit-bindgen` makes them. Its `export!` is not used: it writes what lays out an error anew for each
/// function, four kilobytes each. Everything is exported by table ([`contract::abi`]).
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "capsule:crm/slim",
        additional_derives: [PartialEq],
        generate_all,
        default_bindings_module: "crate::bindings",
    });
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator::new();
