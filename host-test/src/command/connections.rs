//! `capsule-host connections`: which connections are kept, and how one is given up.

use anyhow::{Context as _, Result};
use capsule_host::runtime::{CallError, Connector, Limits, Revoke};
use capsule_host::store::SavedConnection;
use serde_json::{Value, json};

use super::account::AccountArgs;
use super::component::ComponentArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::reach::ReachArgs;
use super::terminal::{is_read_by_a_person, plain, print_json};
use super::vault::VaultArgs;

const EXAMPLES: &str = "\
Examples:
  capsule-host connections list
  capsule-host connections list | jq -r '.[].name'
  capsule-host connections remove northwind";

/// Options of `connections`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct ConnectionsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tell which connections are kept; no secret is shown
    List {
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Give the tokens of a connection back to Capsule, and forget it
    Remove {
        /// Its name
        name: String,
        /// Only forget it: the tokens stay good at Capsule until they expire
        #[arg(long)]
        without_revoking: bool,
        #[command(flatten)]
        reach: ReachArgs,
        #[command(flatten)]
        vault: VaultArgs,
    },
}

/// Lists or removes.
pub(crate) async fn run(args: &ConnectionsArgs, component: &ComponentArgs) -> Result<Exit> {
    match &args.what {
        What::List { vault } => list(vault).await,
        What::Remove {
            name,
            without_revoking,
            reach,
            vault,
        } => {
            if !without_revoking
                && let Some(exit) = revoke(name, reach, vault, &component.load()?).await?
            {
                return Ok(exit);
            }
            vault.open()?.remove(name).await?;
            if is_read_by_a_person() {
                println!("{} is forgotten.", plain(name));
            } else {
                print_json(&json!({"removed": name, "revoked": !without_revoking}))?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Gives both tokens back. The exit code if that failed: the connection then stays, for its tokens are still good.
async fn revoke(
    name: &str,
    reach: &ReachArgs,
    vault: &VaultArgs,
    connector: &Connector,
) -> Result<Option<Exit>> {
    let account = AccountArgs::of_connection(name, reach, vault);
    let tenant = account.tenant(connector, Limits::default()).await?;
    let stored = tenant.credentials().load(tenant.connection()).await?;
    let stored = stored.context("the connection was removed meanwhile")?;
    // The refresh token first: what is left then can't be renewed.
    let tokens = [
        (Revoke::RefreshToken, stored.refresh_token.is_some()),
        (Revoke::AccessToken, stored.access_token.is_some()),
    ];
    for (which, _) in tokens.into_iter().filter(|(_, there)| *there) {
        if let Err(error) = connector.call(&tenant).revoke(which).await {
            return told(&error).map(Some);
        }
    }
    Ok(None)
}

fn told(error: &CallError) -> Result<Exit> {
    let failure = Failure::from(error);
    failure.print();
    eprintln!(
        "The connection is kept: its tokens may still be good. --without-revoking only forgets it."
    );
    Ok(failure.exit)
}

async fn list(vault: &VaultArgs) -> Result<Exit> {
    let connections = vault.open()?.connections().await?;
    if !is_read_by_a_person() {
        print_json(&connections.iter().map(line).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    for connection in &connections {
        let state = if connection.needs_reconnect {
            "  (connect it again)"
        } else {
            ""
        };
        println!(
            "{}  {} of {}  {}{state}",
            plain(&connection.name),
            plain(&connection.profile.user_name),
            plain(&connection.profile.account_name),
            connection.origin
        );
    }
    Ok(Exit::Done)
}

fn line(connection: &SavedConnection) -> Value {
    json!({
        "name": connection.name,
        "origin": connection.origin.to_string(),
        "apiBase": connection.api_base,
        "clientId": connection.client_id,
        "account": connection.profile.account_name,
        "user": connection.profile.user_name,
        "webUrl": connection.profile.web_url,
        "scopes": connection.scopes,
        "connectedAt": instant(connection.connected_at),
        "expiresAt": connection.expires_at.map(instant),
        "needsReconnect": connection.needs_reconnect,
        "refreshCutOff": connection.refresh_cut_off,
    })
}

fn instant(time: std::time::SystemTime) -> Option<String> {
    jiff::Timestamp::try_from(time)
        .ok()
        .map(|time| time.to_string())
}
