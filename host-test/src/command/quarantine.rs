//! `capsule-host quarantine`: what `listen` has put aside.

use anyhow::{Result, bail};
use capsule_host::listen::{Ingress, Quarantined, QuarantinedKind};
use serde_json::{Value, json};

use super::exit::Exit;
use super::listen::JournalArgs;
use super::terminal::{is_read_by_a_person, plain, print_json};

const EXAMPLES: &str = "\
Examples:
  capsule-host quarantine list
  capsule-host quarantine replay d12          # tried again by the next `capsule-host listen`

A delivery is put aside when it is not Capsule's, too large, or breaks the component down twice; an event, when the command refused it five
times. What a delivery should have told is found by poll meanwhile. After 30 days it is forgotten. End `listen` first: it has the journal.";

/// Options of `quarantine`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tell what was put aside, and why
    List {
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Have something tried again
    Replay {
        /// As `list` tells it, such as d12
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        journal: JournalArgs,
    },
}

/// Lists or replays.
pub(crate) async fn run(args: &QuarantineArgs) -> Result<Exit> {
    match &args.what {
        What::List { journal } => {
            let aside = Ingress::quarantine_of(&journal.journal)?.list().await?;
            if !is_read_by_a_person() {
                print_json(&aside.iter().map(line).collect::<Vec<_>>())?;
                return Ok(Exit::Done);
            }
            if aside.is_empty() {
                println!("Nothing was put aside.");
            }
            for one in &aside {
                println!(
                    "{}  {}  {} bytes  {}",
                    one.id,
                    instant(one).unwrap_or_default(),
                    one.bytes,
                    plain(&one.why)
                );
            }
            Ok(Exit::Done)
        }
        What::Replay { ids, journal } => {
            let quarantine = Ingress::quarantine_of(&journal.journal)?;
            for id in ids {
                if !quarantine.replay(id).await? {
                    bail!(
                        "nothing named {} was put aside; `capsule-host quarantine list` tells what was",
                        plain(id)
                    );
                }
            }
            Ok(Exit::Done)
        }
    }
}

fn line(one: &Quarantined) -> Value {
    json!({
        "id": one.id,
        "kind": match one.kind {
            QuarantinedKind::Delivery => "delivery",
            QuarantinedKind::Event => "event",
        },
        "at": instant(one),
        "why": one.why,
        "bytes": one.bytes,
    })
}

fn instant(one: &Quarantined) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(one.at).ok()?;
    Some(time.to_string())
}
