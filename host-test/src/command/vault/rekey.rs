//! `capsule-host vault rekey`: another key for the store.

use std::path::{Path, PathBuf};

use anyhow::Result;
use capsule_host::store::{Rekey, VaultKey};
use serde_json::json;

use super::VaultArgs;
use crate::command::exit::Exit;
use crate::command::progress::Progress;
use crate::command::terminal::{is_read_by_a_person, print_json};

/// Options of `vault rekey`.
#[derive(Debug, clap::Args)]
pub(crate) struct RekeyArgs {
    /// The file with the new key; made with a new one if it is not there
    #[arg(long, value_name = "PATH")]
    new_key_file: PathBuf,
    #[command(flatten)]
    vault: VaultArgs,
}

/// Seals anew what the old key still seals.
pub(super) fn run(args: &RekeyArgs) -> Result<Exit> {
    let (folder, old) = args.vault.folder_and_key()?;
    let new = new_key(&args.new_key_file)?;
    let mut rekey = Rekey::begin(&folder, &old, &new)?;
    let left = rekey.left()?;
    let mut progress = Progress::new(left, "secrets");
    let mut sealed = 0_u64;
    while rekey.step()? {
        sealed += 1;
        progress.step(0);
    }
    progress.finish();
    rekey.finish()?;
    let path = args.new_key_file.display();
    if is_read_by_a_person() {
        println!(
            "The store is sealed with the key in {path}. Give it with --key-file from now on, or put it where the old one was."
        );
    } else {
        print_json(&json!({"sealed": sealed, "keyFile": path.to_string()}))?;
    }
    Ok(Exit::Done)
}

fn new_key(path: &Path) -> Result<VaultKey> {
    if path.exists() {
        return Ok(VaultKey::from_file(path)?);
    }
    let key = VaultKey::generate()?;
    key.write_new(path)?;
    Ok(key)
}
