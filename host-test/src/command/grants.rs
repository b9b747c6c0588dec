//! `capsule-host grants`: what each component may reach with the connections of a store.

use anyhow::Result;
use capsule_host::egress::{ComponentDigest, Origin};
use serde_json::json;

use super::component::ComponentArgs;
use super::exit::Exit;
use super::terminal::{is_read_by_a_person, print_json};
use super::vault::VaultArgs;

const EXAMPLES: &str = "\
Examples:
  capsule-host grants list
  capsule-host grants add https://files.example --component new.wasm
  capsule-host grants remove https://files.example --to sha256:9f86d081...

A component is known by the SHA-256 of its bytes. The first one of a store may reach Capsule. An update that asks for no more than the
component before it goes on with what it asks for; one that asks for more is not run with --connection until that is granted here. Calls with
a token of their own (--token-env, --token-file) are not concerned: there --base-url and --allow-origin say what is meant.";

/// Options of `grants`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tell what is granted, the latest component last
    List {
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Let a component reach origins
    Add(Change),
    /// Take origins back from a component
    Remove(Change),
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Origins, such as https://files.example
    #[arg(value_name = "ORIGIN", required = true)]
    origins: Vec<Origin>,
    /// The component's digest, as `capsule-host describe` tells it [default: that of --component]
    #[arg(long, value_name = "DIGEST")]
    to: Option<ComponentDigest>,
    #[command(flatten)]
    vault: VaultArgs,
}

impl Change {
    fn component(&self, component: &ComponentArgs) -> Result<ComponentDigest> {
        match self.to {
            Some(digest) => Ok(digest),
            None => Ok(ComponentDigest::of(&component.read()?.bytes)),
        }
    }
}

/// Lists or changes.
pub(crate) async fn run(args: &GrantsArgs, component: &ComponentArgs) -> Result<Exit> {
    match &args.what {
        What::List { vault } => list(vault).await?,
        What::Add(change) => {
            let digest = change.component(component)?;
            let store = change.vault.open()?;
            store.grant(digest, change.origins.clone()).await?;
            told("may reach", "granted", digest, &change.origins)?;
        }
        What::Remove(change) => {
            let digest = change.component(component)?;
            let store = change.vault.open()?;
            store.withdraw(digest, change.origins.clone()).await?;
            told("may not reach", "withdrawn", digest, &change.origins)?;
        }
    }
    Ok(Exit::Done)
}

async fn list(vault: &VaultArgs) -> Result<()> {
    let grants = vault.open()?.grants().await?;
    if !is_read_by_a_person() {
        let each = grants.iter().map(
            |one| json!({"component": one.component.to_string(), "origins": texts(&one.origins)}),
        );
        return Ok(print_json(&each.collect::<Vec<_>>())?);
    }
    for one in &grants {
        println!("{}  {}", one.component, texts(&one.origins).join(" "));
    }
    Ok(())
}

fn told(what: &str, key: &str, component: ComponentDigest, origins: &[Origin]) -> Result<()> {
    let origins = texts(origins);
    if is_read_by_a_person() {
        println!("{component} {what} {}.", origins.join(" "));
        return Ok(());
    }
    Ok(print_json(
        &json!({"component": component.to_string(), key: origins}),
    )?)
}

fn texts(origins: &[Origin]) -> Vec<String> {
    origins.iter().map(ToString::to_string).collect()
}
