//! `capsule-host vault`: care of the store that connections are kept in.
//!
//! `args.rs` says where the store is and with which key it opens, for every subcommand that uses kept connections; `rekey.rs` seals it with
//! another key.

mod args;
mod rekey;

use anyhow::Result;
use serde_json::json;

use super::exit::Exit;
use super::terminal::{is_read_by_a_person, print_json};

pub(crate) use args::VaultArgs;

const EXAMPLES: &str = "\
Examples:
  capsule-host vault adopt                              # after moving to a new machine, or after a restore
  capsule-host vault rekey --new-key-file ~/new-key     # a new key, made if the file is not there";

/// Options of `vault`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct VaultCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Let a copied or restored store renew tokens
    ///
    /// A store that was copied, or put back from a backup, renews no tokens: where two hosts renew the same ones, each renewal can end the
    /// other's. Say this when the store that it was made from is used no more. Tokens that were renewed since the backup may be lost: such a
    /// connection says so at its next refresh, and has to be connected again.
    Adopt {
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Seal every secret with another key
    ///
    /// Refreshes that run are waited for, and none begins meanwhile. If it is cut off, the store needs both keys: say the same again, and it
    /// goes on where it ended. After it the old key opens nothing; programs that have the store open are to be started again with the new one.
    Rekey(rekey::RekeyArgs),
}

/// Adopts or seals anew.
pub(crate) async fn run(args: &VaultCommand) -> Result<Exit> {
    match &args.what {
        What::Adopt { vault } => adopt(vault).await,
        What::Rekey(args) => rekey::run(args),
    }
}

async fn adopt(vault: &VaultArgs) -> Result<Exit> {
    let adopted = vault.open()?.adopt().await?;
    if !is_read_by_a_person() {
        print_json(&json!({ "adopted": adopted }))?;
    } else if adopted {
        println!(
            "This store renews its tokens from now on. The one that it was made from must not."
        );
    } else {
        println!("This store is no copy; it renews its tokens already.");
    }
    Ok(Exit::Done)
}
