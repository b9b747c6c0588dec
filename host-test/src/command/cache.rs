//! Compiled components, kept for the next start: compiling takes most of a second, loading what is compiled a few milliseconds.

use std::path::PathBuf;

use capsule_host::runtime::{ArtifactKey, Connector, Host, LoadError};

use super::folder::of_user;

/// Where they are kept, if not in the user's cache folder. Empty: nowhere.
const VARIABLE: &str = "CAPSULE_HOST_CACHE";

/// Loads a component from the cache, or compiles it and keeps it. A cache that can't be used costs time, not the call.
pub(crate) fn load(host: &Host, component: &[u8]) -> Result<Connector, LoadError> {
    let Some(folder) = folder() else {
        return host.load(component);
    };
    match ArtifactKey::of_folder(&folder) {
        Ok(key) => host.load_cached(component, &folder, &key),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "compiled components can't be kept");
            host.load(component)
        }
    }
}

fn folder() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(folder) if folder.is_empty() => None,
        Some(folder) => Some(folder.into()),
        None => of_user("XDG_CACHE_HOME", ".cache"),
    }
}
