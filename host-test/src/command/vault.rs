//! Where connections are kept, and with which key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use capsule_host::store::{Store, VaultKey};

/// The environment variable that may hold the key, in base64.
const KEY_VARIABLE: &str = "CAPSULE_HOST_KEY";
/// The key's file in the store's folder, if no other is named.
const KEY_FILE: &str = "key";

/// Options of every subcommand that uses kept connections.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct VaultArgs {
    /// The folder that connections are kept in [default: capsule-host in your data folder, such as ~/.local/share]
    #[arg(long, env = "CAPSULE_HOST_STORE", value_name = "DIR")]
    store: Option<PathBuf>,
    /// The file with the key that seals them: 32 bytes in base64 [default: `key` in the store's folder]
    ///
    /// Whoever has both the store and the key has the tokens: where backups take the store's folder, keep the key elsewhere, or give it in
    /// the environment variable CAPSULE_HOST_KEY.
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
}

impl VaultArgs {
    /// The store that is there.
    pub(crate) fn open(&self) -> Result<Store> {
        let folder = self.folder()?;
        if !Store::is_in(&folder) {
            bail!(
                "there is no store in {}: `capsule-host connect` makes one, or name another with --store",
                folder.display()
            );
        }
        let key = self.key(&folder, false)?;
        Ok(Store::open(&folder, key)?)
    }

    /// The store, made with a new key if it is not there.
    pub(crate) fn open_or_make(&self) -> Result<Store> {
        let folder = self.folder()?;
        let make = !Store::is_in(&folder);
        let key = self.key(&folder, make)?;
        Ok(Store::open(&folder, key)?)
    }

    fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.store {
            return Ok(folder.clone());
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let data = set("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/share")));
        data.map(|data| data.join("capsule-host"))
            .context("there is no home folder: name the store's folder with --store")
    }

    fn key(&self, folder: &Path, make: bool) -> Result<VaultKey> {
        if self.key_file.is_none()
            && let Some(text) = std::env::var_os(KEY_VARIABLE)
        {
            let text = text
                .into_string()
                .ok()
                .with_context(|| format!("{KEY_VARIABLE} is no text"))?;
            return Ok(VaultKey::from_text(&text, KEY_VARIABLE)?);
        }
        let path = self
            .key_file
            .clone()
            .unwrap_or_else(|| folder.join(KEY_FILE));
        if make && !path.exists() {
            Store::make_folder(folder)?;
            let key = VaultKey::generate()?;
            key.write_new(&path)?;
            eprintln!(
                "A new key is in {}. Without it nothing in the store can be read.",
                path.display()
            );
            return Ok(key);
        }
        VaultKey::from_file(&path)
            .with_context(|| format!("the store in {} has no key", folder.display()))
    }
}
