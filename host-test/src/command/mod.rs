//! The command `capsule-host`: one file for each subcommand.
//!
//! A subcommand reads its options, calls the library, and prints. `component.rs` finds the component, `cache.rs` keeps it compiled, `account.rs` says for whom a call
//! runs, `reach.rs` what it may reach, `vault/` where connections are kept, `folder.rs` where the user keeps things,
//! `failure.rs` is an error of the contract as the command tells it, `exit.rs` are the exit codes, `progress.rs` tells how far it is,
//! `terminal.rs` is what may be printed, `log.rs` what is told of the work itself, `stop.rs` when to end. Only `main.rs` calls this folder; nothing here is policy: what may be sent and who may see a token the library decides.

mod account;
mod batch;
mod cache;
mod call;
mod component;
mod connect;
mod connections;
mod demo;
mod describe;
mod exit;
mod failure;
mod fake;
mod folder;
mod grants;
mod listen;
mod log;
mod progress;
mod quarantine;
mod reach;
mod stop;
#[cfg(feature = "otel")]
mod telemetry;
mod terminal;
mod vault;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use component::ComponentArgs;
use exit::Exit;

/// Runs the Capsule CRM component: against the real Capsule, or against a fake one on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "capsule-host",
    version,
    after_help = format!(
        "A first look, without any account:\n  capsule-host demo\n  capsule-host fake --port 8080\n\n\
         RUST_LOG=capsule_host=info tells on standard error what each call used; =debug, what the egress does besides.\n\n{}",
        exit::HELP
    )
)]
struct Arguments {
    #[command(flatten)]
    component: ComponentArgs,
    #[command(subcommand)]
    subcommand: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Tell what the component is, what it asks for and what it can do
    Describe(describe::DescribeArgs),
    /// Run one operation
    Call(call::CallArgs),
    /// Run an operation for each row of a CSV file
    Batch(batch::BatchArgs),
    /// Sign in at Capsule in the browser, and keep the connection
    Connect(connect::ConnectArgs),
    /// List the connections that are kept, or remove one
    Connections(connections::ConnectionsArgs),
    /// Tell or change what each component may reach with kept connections
    Grants(grants::GrantsArgs),
    /// Let a copied or restored store renew tokens, or seal it with another key
    Vault(vault::VaultCommand),
    /// Give the events of an account as lines: by hook or by poll, each once
    Listen(listen::ListenArgs),
    /// Tell what `listen` has put aside, or have it tried again
    Quarantine(quarantine::QuarantineArgs),
    /// Serve a fake Capsule on this machine
    Fake(fake::FakeArgs),
    /// Tell a short story: sign-in, import, changes, expiry, rate limit - all against the fake
    Demo(demo::DemoArgs),
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads can be started: {error}");
            return Exit::Host.into();
        }
    };
    let log = match log::Log::begin(runtime.handle()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("error: {}", shown(&error));
            return exit::of_error(&error).into();
        }
    };
    let component = &arguments.component;
    let done = runtime.block_on(async {
        match &arguments.subcommand {
            Sub::Describe(args) => describe::run(args, component).await,
            Sub::Call(args) => call::run(args, component).await,
            Sub::Batch(args) => batch::run(args, component).await,
            Sub::Connect(args) => connect::run(args, component).await,
            Sub::Connections(args) => connections::run(args, component).await,
            Sub::Grants(args) => grants::run(args, component).await,
            Sub::Vault(args) => vault::run(args).await,
            Sub::Listen(args) => listen::run(args, component).await,
            Sub::Quarantine(args) => quarantine::run(args).await,
            Sub::Fake(args) => fake::run(args).await,
            Sub::Demo(args) => demo::run(args, component).await,
        }
    });
    log.end();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {}", shown(&error));
            exit::of_error(&error).into()
        }
    }
}

/// An error and its causes. Lines stay lines; what a terminal would obey is escaped.
fn shown(error: &anyhow::Error) -> String {
    format!("{error:#}")
        .lines()
        .map(terminal::plain)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_secret() {
        for subcommand in super::Arguments::command().get_subcommands() {
            for argument in subcommand.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(
                    !["token", "secret", "password", "access_token"].contains(&name),
                    "{name} of {}",
                    subcommand.get_name()
                );
            }
        }
    }

    #[test]
    fn every_subcommand_teaches_by_example() {
        for subcommand in super::Arguments::command().get_subcommands() {
            let help = subcommand.clone().render_long_help().to_string();
            assert!(
                help.contains("capsule-host"),
                "{} has no example",
                subcommand.get_name()
            );
        }
    }
}
