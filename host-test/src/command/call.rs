//! `capsule-host call`: one operation.

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use capsule_host::runtime::Limits;
use serde_json::Value;

use super::account::AccountArgs;
use super::component::ComponentArgs;
use super::exit::{Exit, of_input};
use super::failure::Failure;
use super::terminal::{brief, print_json};

/// A file of 25 MB in base64 and what is around it.
const MOST_BYTES: u64 = 40 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  capsule-host call people.create --token-env CAPSULE_TOKEN --input '{\"firstName\": \"Ines\", \"lastName\": \"Duarte\"}'
  capsule-host call parties.list-all --token-file ~/.capsule-token --input '{\"limit\": 500}' | jq .next
  capsule-host call parties.filter --token-env CAPSULE_TOKEN --input @filter.json

  capsule-host fake --port 8080 &
  TOKEN=any capsule-host call people.find --token-env TOKEN --base-url http://127.0.0.1:8080 --input '{\"by\": {\"name\": \"Ines Duarte\"}}'

The record is printed as JSON: indented on a terminal, on one line otherwise. An error is printed as JSON to standard error:
  {\"permanent\": {\"invalidInput\": [{\"pointer\": \"/lastName\", \"message\": \"...\", \"rule\": \"required\"}]}}";

/// Options of `call`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct CallArgs {
    /// The operation, such as people.create; `capsule-host describe` lists them
    id: String,
    /// Its input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}")]
    input: String,
    #[command(flatten)]
    account: AccountArgs,
}

/// Runs one operation and prints what it gives.
pub(crate) async fn run(args: &CallArgs, component: &ComponentArgs) -> Result<Exit> {
    let input = read(&args.input).map_err(of_input)?;
    let connector = component.load()?;
    let tenant = args.account.tenant(&connector, Limits::default()).await?;
    match connector.call(&tenant).invoke(&args.id, input).await {
        Ok(outcome) => {
            let value: Value = serde_json::from_str(&outcome.json)
                .context("the component gave something that is not JSON")?;
            print_json(&value)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let failure = Failure::from(&error);
            failure.print();
            for denial in error
                .report()
                .map(|report| &report.denials[..])
                .unwrap_or_default()
            {
                tracing::debug!(%denial, "egress");
            }
            Ok(failure.exit)
        }
    }
}

/// The input's text. Whether it fits the component judges, which tells every fault with its place.
fn read(input: &str) -> Result<String> {
    let mut text = String::new();
    if input == "-" {
        std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .context("the input on standard input can't be read as text")?;
    } else if let Some(path) = input.strip_prefix('@') {
        let file = std::fs::File::open(path)
            .with_context(|| format!("the input {} can't be read", brief(path)))?;
        file.take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("the input {} can't be read as text", brief(path)))?;
    } else {
        return Ok(input.to_owned());
    }
    if text.len() as u64 > MOST_BYTES {
        bail!("the input has more than {MOST_BYTES} bytes");
    }
    Ok(text)
}
