//! `capsule-host listen`: events of an account as lines, by hook or by poll, each once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use capsule_host::listen::{
    Command, FileOutlet, Ingress, LineOutlet, ListenError, ListenOptions, Plan,
};
use capsule_host::runtime::Limits;
use capsule_host::runtime::triggers::{DeliveryMode, Listener, Position};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;

use super::account::AccountArgs;
use super::component::ComponentArgs;
use super::exit::{Exit, of_input};
use super::failure::Failure;
use super::terminal::{brief, is_read_by_a_person, plain};

const EXAMPLES: &str = "\
Examples:
  capsule-host listen --connection northwind --on person.created --on opportunity.won
  capsule-host listen --connection northwind --on 'opportunity.moved={\"filter\":{\"pipeline\":\"Sales\"}}' --out events.jsonl
  capsule-host listen --connection northwind --listeners listeners.json --public-url https://hooks.example --bind 127.0.0.1:8787
  capsule-host listen --token-env TOKEN --on task.completed -- ./on-task.sh --quiet     # event on its standard input

Try it against a fake account, with hooks:
  capsule-host fake --port 8080 &
  TOKEN=any capsule-host listen --token-env TOKEN --base-url http://127.0.0.1:8080 \\
      --public-url http://127.0.0.1:8787 --on party.created

Each event is a line of JSON: journal, seq, id, listener, trigger, recordId, occurredAt, by (hook or poll), data. A file (--out) gets each event exactly
once; standard output and a command get it at least once, so skip an id that was seen. What can't be handled is put aside: `capsule-host
quarantine list`. Ctrl-C ends it at any time; the next start goes on where it ended, in the same --journal.";

/// Options of `listen`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct ListenArgs {
    /// A trigger to listen to, with its options as JSON if it has some; can be given several times
    #[arg(long, value_name = "TRIGGER[=OPTIONS]")]
    on: Vec<String>,
    /// A file of listeners: a JSON array of {"id", "trigger", "options", "mode"}; mode is auto, hook or poll
    #[arg(long, value_name = "PATH")]
    listeners: Option<PathBuf>,
    /// The address at which Capsule reaches --bind, such as that of a reverse proxy with TLS. Without it everything is polled
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where deliveries are taken, and /metrics and /healthz are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    bind: SocketAddr,
    /// Give the hooks a new secret address; the former one is good for a day
    #[arg(long, requires = "public_url")]
    new_address: bool,
    /// Seconds between two polls of what comes without hooks
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    poll_every: u64,
    /// Begin with what happened after this time, such as 2026-11-24T00:00:00Z, where nothing was read before [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    /// Append events to a file, each exactly once
    #[arg(long, value_name = "PATH", conflicts_with = "run")]
    out: Option<PathBuf>,
    /// A command to run for each event, with the event on its standard input and its id in CAPSULE_EVENT_ID
    #[arg(last = true, value_name = "COMMAND")]
    run: Vec<std::ffi::OsString>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Where is kept what came and what was given.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct JournalArgs {
    /// The folder of the journal: what came in, how far the feeds were read, what was given. One for each connection
    #[arg(
        long,
        value_name = "DIR",
        env = "CAPSULE_HOST_JOURNAL",
        default_value = "capsule-journal"
    )]
    pub(crate) journal: PathBuf,
}

/// One of a file of listeners.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    id: Option<String>,
    trigger: String,
    #[serde(default)]
    options: serde_json::Map<String, Value>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum Mode {
    #[default]
    Auto,
    Hook,
    Poll,
}

/// Listens until somebody stops it.
pub(crate) async fn run(args: &ListenArgs, component: &ComponentArgs) -> Result<Exit> {
    let listeners = args.all_listeners().map_err(of_input)?;
    let start = args.start().map_err(of_input)?;
    let connector = component.load()?;
    let tenant = args.account.tenant(&connector, Limits::default()).await?;
    let triggers = connector.triggers().await?;
    let plan = Plan::new(&triggers, listeners.clone(), args.public_url.is_some())
        .map_err(|error| of_input(error.into()))?;
    let whose = args.account.name();
    let options = ListenOptions {
        public_url: args.public_url.clone(),
        new_address: args.new_address,
        poll_every: Duration::from_secs(args.poll_every),
        start,
        ..ListenOptions::new(&args.journal.journal, whose)
    };
    let ingress = Ingress::open(connector.clone(), tenant.clone(), plan, options).await?;
    let door = TcpListener::bind(args.bind).await.with_context(|| {
        format!(
            "{} can't be used: name another address with --bind",
            args.bind
        )
    })?;
    // The first look is taken here, so that a wrong option ends the command instead of being tried again for ever.
    if let Err(error) = ingress.settle().await {
        return told(error);
    }
    greet(args, door.local_addr()?, &listeners);
    let stop = async {
        let _ = super::stop::asked().await;
    };
    let ended = match (&args.out, args.run.split_first()) {
        (Some(path), _) => ingress.run(Some(door), FileOutlet::open(path)?, stop).await,
        (None, Some((program, rest))) => {
            let command = Command::new(program.clone(), rest.iter().cloned());
            ingress.run(Some(door), command, stop).await
        }
        (None, None) => {
            ingress
                .run(Some(door), LineOutlet(std::io::stdout()), stop)
                .await
        }
    };
    ended?;
    Ok(Exit::Done)
}

fn greet(args: &ListenArgs, door: SocketAddr, listeners: &[Listener]) {
    // Events go to standard output; everything else does not.
    if !is_read_by_a_person() {
        eprintln!("listening on {door}");
        return;
    }
    let names: Vec<_> = listeners.iter().map(|one| plain(&one.id)).collect();
    let way = if args.public_url.is_some() {
        format!("by hook (deliveries are taken on {door}), polled every quarter of an hour besides")
    } else {
        format!(
            "polled every {} s; --public-url would bring hooks",
            args.poll_every
        )
    };
    eprintln!("Listening to {}: {way}. Ctrl-C ends it.", names.join(", "));
}

fn told(error: ListenError) -> Result<Exit> {
    match error {
        ListenError::Call(error) => {
            let failure = Failure::from(&*error);
            failure.print();
            Ok(failure.exit)
        }
        other => Err(other.into()),
    }
}

impl ListenArgs {
    fn start(&self) -> Result<Position> {
        let Some(since) = &self.since else {
            return Ok(Position::Now);
        };
        let time: jiff::Timestamp = since.parse().map_err(|error| {
            anyhow!(
                "--since {}: {error}; a time such as 2026-11-24T00:00:00Z is expected",
                brief(since)
            )
        })?;
        let whole = jiff::Timestamp::from_second(time.as_second())?;
        Ok(Position::Since(whole.to_string()))
    }

    fn all_listeners(&self) -> Result<Vec<Listener>> {
        let mut listeners = Vec::new();
        for text in &self.on {
            let (trigger, options) = text.split_once('=').unwrap_or((text, "{}"));
            let options: serde_json::Map<String, Value> = serde_json::from_str(options)
                .with_context(|| {
                    format!("--on {}: what follows the = is no JSON object", brief(text))
                })?;
            listeners.push(Entry {
                id: None,
                trigger: trigger.to_owned(),
                options,
                mode: Mode::Auto,
            });
        }
        if let Some(path) = &self.listeners {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("--listeners {}", path.display()))?;
            let entries: Vec<Entry> = serde_json::from_str(&text).with_context(|| {
                format!(
                    "--listeners {}: an array such as [{{\"id\": \"big deals\", \"trigger\": \"opportunity.won\", \"options\": {{}}}}] is expected",
                    path.display()
                )
            })?;
            listeners.extend(entries);
        }
        if listeners.is_empty() {
            bail!(
                "nothing to listen to: name a trigger with --on, such as --on person.created; `capsule-host describe` lists them"
            );
        }
        Ok(named(listeners))
    }
}

/// Listeners with ids: a trigger alone is its own, a second one gets a number.
fn named(entries: Vec<Entry>) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for entry in entries {
        let id = entry.id.unwrap_or_else(|| {
            let same = |id: &String| listeners.iter().any(|one| one.id == *id);
            let numbered = (2..).map(|number| format!("{} {number}", entry.trigger));
            std::iter::once(entry.trigger.clone())
                .chain(numbered)
                .find(|id| !same(id))
                .unwrap_or_default()
        });
        listeners.push(Listener {
            id,
            trigger: entry.trigger,
            options: Value::Object(entry.options).to_string(),
            mode: match entry.mode {
                Mode::Auto => DeliveryMode::Auto,
                Mode::Hook => DeliveryMode::Hook,
                Mode::Poll => DeliveryMode::Poll,
            },
        });
    }
    listeners
}
