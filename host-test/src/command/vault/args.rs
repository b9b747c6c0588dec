//! Where connections are kept, and with which key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use capsule_host::store::{Store, VaultKey};

use crate::command::folder::of_user;

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
        let (folder, key) = self.folder_and_key()?;
        Ok(Store::open(&folder, key)?)
    }

    /// Where the store is that is there, and its key.
    pub(crate) fn folder_and_key(&self) -> Result<(PathBuf, VaultKey)> {
        let folder = self.folder()?;
        if !Store::is_in(&folder) {
            bail!(
                "there is no store in {}: `capsule-host connect` makes one, or name another with --store",
                folder.display()
            );
        }
        let key = self.key(&folder, false)?;
        Ok((folder, key))
    }

    /// The store, made with a new key if it is not there.
    pub(crate) fn open_or_make(&self) -> Result<Store> {
        let folder = self.folder()?;
        let make = !Store::is_in(&folder);
        let key = self.key(&folder, make)?;
        Ok(Store::open(&folder, key)?)
    }

    /// These options as they would be given to another subcommand, each with a space before it.
    pub(crate) fn options(&self) -> String {
        let option = |name: &str, path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| format!(" {name} {}", quoted(&path.display().to_string())))
                .unwrap_or_default()
        };
        option("--store", &self.store) + &option("--key-file", &self.key_file)
    }

    fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.store {
            return Ok(folder.clone());
        }
        of_user("XDG_DATA_HOME", ".local/share")
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

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_as_a_shell_takes_them() {
        let args = VaultArgs {
            store: Some("/srv/it's here".into()),
            key_file: Some("/srv/key".into()),
        };
        let told = args.options();
        assert_eq!(told, r" --store '/srv/it'\''s here' --key-file /srv/key");
        assert_eq!(VaultArgs::default().options(), "");
    }
}
