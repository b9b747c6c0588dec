//! `capsule-host call`: one operation.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use capsule_host::egress::{Cassette, CassetteError, Live, Recorder, Replay};
use capsule_host::runtime::{Connector, Limits, Tenant};
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

  capsule-host call people.read --token-env CAPSULE_TOKEN --input '{\"id\": 11587}' --record read.json
  capsule-host call people.read --input '{\"id\": 11587}' --replay read.json

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
    /// Write the requests and their answers into a new file, without tokens and cookies
    ///
    /// The records that were read stand in it. Look through it before you give it to anybody.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer from such a file, and send nothing; no token is needed
    ///
    /// A request that is not in the file fails, and so does one in the file that does not come (exit code 1).
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Where the call's requests end.
enum Ending<'a> {
    Live,
    Recorded(Arc<Recorder>, &'a Path),
    Replayed(Arc<Replay>),
}

impl CallArgs {
    async fn tenant(&self, connector: &Connector) -> Result<(Tenant, Ending<'_>)> {
        let limits = Limits::default();
        if let Some(path) = &self.replay {
            let cassette = Cassette::read(path).map_err(|error| of_input(error.into()))?;
            let origin = cassette.origin();
            let replay = Arc::new(Replay::new(cassette));
            let tenant = self
                .account
                .tenant_replayed(limits, origin, replay.clone())?;
            return Ok((tenant, Ending::Replayed(replay)));
        }
        let Some(path) = &self.record else {
            return Ok((self.account.tenant(connector, limits).await?, Ending::Live));
        };
        // Known before anything is sent.
        if path.exists() {
            let error = CassetteError::Exists(path.display().to_string());
            return Err(of_input(error.into()));
        }
        let recorder = Arc::new(Recorder::new(Arc::new(Live::new()?)));
        let tenant = self
            .account
            .tenant_before(connector, limits, recorder.clone())
            .await?;
        Ok((tenant, Ending::Recorded(recorder, path)))
    }
}

impl Ending<'_> {
    /// Writes the recording, or says what did not go by it. Also after a call that failed: errors are worth recording.
    fn finish(&self) -> Result<()> {
        match self {
            Self::Live => Ok(()),
            Self::Recorded(recorder, path) => Ok(recorder.cassette()?.write(path)?),
            Self::Replayed(replay) => Ok(replay.finish()?),
        }
    }
}

/// Runs one operation and prints what it gives.
pub(crate) async fn run(args: &CallArgs, component: &ComponentArgs) -> Result<Exit> {
    let input = read(&args.input).map_err(of_input)?;
    let connector = component.load()?;
    let (tenant, ending) = args.tenant(&connector).await?;
    let done = match connector.call(&tenant).invoke(&args.id, input).await {
        Ok(outcome) => {
            print(&outcome.json)?;
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
    };
    ending.finish()?;
    done
}

fn print(json: &str) -> Result<()> {
    let value: Value =
        serde_json::from_str(json).context("the component gave something that is not JSON")?;
    Ok(print_json(&value)?)
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
