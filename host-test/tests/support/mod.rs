//! The built components, for tests and benches: where they are, and one that is loaded once for all tests of a process.

#![allow(dead_code)] // No test needs all of it.

use std::path::PathBuf;
use std::sync::OnceLock;

use capsule_host::runtime::{Connector, Host, HostOptions};

/// Where the full component is: as `cargo xtask` says, else where it puts it.
pub(crate) fn full() -> PathBuf {
    place_of("CAPSULE_COMPONENT", "capsule_crm.wasm")
}

/// Where the slim component is.
pub(crate) fn slim() -> PathBuf {
    place_of("CAPSULE_COMPONENT_SLIM", "capsule_crm_slim.wasm")
}

fn place_of(variable: &str, name: &str) -> PathBuf {
    let built = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")).join(name);
    let path = std::env::var_os(variable).map_or_else(built, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing; run `cargo xtask build`",
        path.display()
    );
    path
}

/// The full component.
pub(crate) fn bytes() -> Vec<u8> {
    std::fs::read(full()).unwrap()
}

/// The full component, compiled once in a process.
pub(crate) fn connector() -> Connector {
    static LOADED: OnceLock<Connector> = OnceLock::new();
    let load = || {
        let host = Host::new(HostOptions {
            slots: 64,
            ..HostOptions::default()
        });
        host.unwrap().load(&bytes()).unwrap()
    };
    LOADED.get_or_init(load).clone()
}
