//! `capsule-host describe`: what a component is, what it asks for, what it can do. Nothing is sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use capsule_host::runtime::catalog::{Descriptor, Effect, Operation, Placement, SignIn, Trigger};
use capsule_host::runtime::{CallError, to_json};
use serde_json::json;

use super::component::{ComponentArgs, ComponentFile};
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::{is_read_by_a_person, plain, print_json};

const EXAMPLES: &str = "\
Examples:
  capsule-host describe
  capsule-host describe --json | jq -r '.operations[].id'
  capsule-host describe people.upsert          # help and schemas of one operation
  capsule-host describe --component other.wasm

The component runs with an empty environment and without any way out.";

/// Options of `describe`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DescribeArgs {
    /// Operations or triggers to describe with their schemas; none: everything in short
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// JSON also on a terminal
    #[arg(long)]
    json: bool,
}

/// Prints what the component says of itself.
pub(crate) async fn run(args: &DescribeArgs, component: &ComponentArgs) -> Result<Exit> {
    let file = component.read()?;
    let connector = file.load_cached()?;
    let told = |error: CallError| {
        anyhow!(
            "the component can't describe itself: {}",
            Failure::from(&error).told()
        )
    };
    let as_json = args.json || !is_read_by_a_person();
    let operations = connector.operations().await.map_err(told)?;
    let triggers = connector.triggers().await.map_err(told)?;
    if args.ids.is_empty() {
        let descriptor = connector.describe().await.map_err(told)?;
        if as_json {
            print_json(&json!({
                "component": {
                    "path": file.path.display().to_string(),
                    "digest": connector.digest().to_string(),
                    "bytes": file.bytes.len(),
                    "imports": file.imports()?,
                },
                "descriptor": to_json(&descriptor),
                "operations": to_json(&operations),
                "triggers": to_json(&triggers),
            }))?;
        } else {
            print!(
                "{}",
                whole(
                    &file,
                    &connector.digest().to_string(),
                    &descriptor,
                    &operations,
                    &triggers
                )?
            );
        }
        return Ok(Exit::Done);
    }
    let schemas = match connector.schemas(&args.ids).await {
        Ok(schemas) => schemas,
        Err(error) => {
            let failure = Failure::from(&error);
            failure.print();
            return Ok(failure.exit);
        }
    };
    let mut all = Vec::new();
    for pair in &schemas {
        let mut one = to_json(pair);
        if let Some(operation) = operations.iter().find(|operation| operation.id == pair.id) {
            one["operation"] = to_json(operation);
        }
        if let Some(trigger) = triggers.iter().find(|trigger| trigger.id == pair.id) {
            one["trigger"] = to_json(trigger);
        }
        all.push(one);
    }
    print_json(&all)?;
    Ok(Exit::Done)
}

fn whole(
    file: &ComponentFile,
    digest: &str,
    descriptor: &Descriptor,
    operations: &[Operation],
    triggers: &[Trigger],
) -> Result<String> {
    let mut out = String::new();
    writeln!(
        out,
        "{} {}  {}",
        plain(&descriptor.id),
        plain(&descriptor.version),
        plain(&descriptor.title)
    )?;
    writeln!(
        out,
        "  {}  {} bytes  {digest}",
        file.path.display(),
        file.bytes.len()
    )?;
    paragraph(&mut out, &descriptor.help)?;

    writeln!(out, "\nImports")?;
    for import in file.imports()? {
        writeln!(out, "  {}", plain(&import))?;
    }

    writeln!(out, "\nAsks for")?;
    for destination in &descriptor.destinations {
        let credentials: Vec<&str> = destination
            .credentials
            .iter()
            .map(|placement| match placement {
                Placement::AuthorizationHeader => "the Authorization header",
                Placement::TokenEndpointBody => "the token endpoint's body",
            })
            .collect();
        writeln!(
            out,
            "  {}://{}:{}  {}  credentials in {}",
            plain(&destination.scheme),
            plain(&destination.host),
            destination.port,
            plain(&destination.methods.join(" ")),
            credentials.join(" and ")
        )?;
    }
    writeln!(
        out,
        "  input up to {} bytes, output up to {} bytes",
        descriptor.max_input_bytes, descriptor.max_output_bytes
    )?;
    if let Some(requests) = descriptor.requests_per_hour {
        writeln!(
            out,
            "  {requests} requests an hour for each user of the account"
        )?;
    }

    writeln!(out, "\nSettings")?;
    let width = descriptor
        .settings
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    for setting in &descriptor.settings {
        let kind = match (setting.required, setting.secret) {
            (true, true) => "required, secret",
            (true, false) => "required",
            (false, true) => "secret",
            (false, false) => "optional",
        };
        writeln!(
            out,
            "  {:width$}  {kind}: {}",
            plain(&setting.name),
            first_line(&setting.help)
        )?;
    }

    writeln!(out, "\nSign-in")?;
    for way in &descriptor.sign_in {
        match way {
            SignIn::Oauth2(oauth) => {
                let scopes: Vec<&str> = oauth
                    .scopes
                    .iter()
                    .map(|scope| scope.name.as_str())
                    .collect();
                writeln!(
                    out,
                    "  OAuth 2{}: {}",
                    if oauth.pkce { " with PKCE" } else { "" },
                    plain(&oauth.authorize_url)
                )?;
                writeln!(
                    out,
                    "    scopes {} (default {})",
                    plain(&scopes.join(", ")),
                    plain(&oauth.default_scopes.join(" "))
                )?;
            }
            SignIn::PastedToken(token) => writeln!(
                out,
                "  {}: {}",
                plain(&token.label),
                first_line(&token.help)
            )?,
        }
    }

    writeln!(out, "\nOperations ({})", operations.len())?;
    let mut groups: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        groups.entry(&operation.group).or_default().push(operation);
    }
    let width = operations
        .iter()
        .map(|operation| operation.id.len())
        .max()
        .unwrap_or(0);
    for (group, operations) in groups {
        writeln!(out, "  {}", plain(group))?;
        for operation in operations {
            let effect = match operation.effect {
                Effect::Read => "reads",
                Effect::Write => "writes",
                Effect::Destructive => "deletes",
            };
            let mut notes = operation.scopes.join(" ");
            if operation.administrator {
                notes.push_str(", administrator");
            }
            if operation.repeat_safe && operation.effect != Effect::Read {
                notes.push_str(", repeat-safe");
            }
            if let Some(why) = &operation.deprecated {
                let _ = write!(notes, ", deprecated: {why}");
            }
            writeln!(
                out,
                "    {:width$}  {effect:7}  {}  [{}]",
                plain(&operation.id),
                plain(&operation.title),
                plain(&notes)
            )?;
        }
    }

    writeln!(out, "\nTriggers ({})", triggers.len())?;
    let width = triggers
        .iter()
        .map(|trigger| trigger.id.len())
        .max()
        .unwrap_or(0);
    for trigger in triggers {
        let ways = match (trigger.hook_events.is_empty(), trigger.pollable) {
            (false, true) => "hook or poll",
            (false, false) => "hook",
            (true, _) => "poll",
        };
        writeln!(
            out,
            "    {:width$}  {ways:12}  {}",
            plain(&trigger.id),
            plain(&trigger.title)
        )?;
    }
    Ok(out)
}

fn paragraph(out: &mut String, text: &str) -> std::fmt::Result {
    for line in text.lines() {
        writeln!(out, "  {}", plain(line))?;
    }
    Ok(())
}

fn first_line(text: &str) -> String {
    plain(text.lines().next().unwrap_or_default()).into_owned()
}
