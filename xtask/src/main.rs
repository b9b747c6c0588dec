//! `cargo xtask`: builds the component and runs the demo, the tests and the benches.
//!
//! - `toolchain` finds a compiler for `wasm32-unknown-unknown`, and fetches one where none is there;
//! - `guest` builds both components with it;
//! - `size` measures them;
//! - `metadata` writes name, version, licence and so on into a component;
//! - `soak` runs the soak of the listener at length, and its mutants;
//! - `step` runs other programs and says what runs and how long it took.
//!
//! Nothing here depends on the guest or the host: xtask has to compile before anything else does.

mod guest;
mod metadata;
mod size;
mod soak;
mod step;
mod toolchain;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask COMMAND [ARGUMENTS]

  build   Builds both components:
            target/capsule_crm.wasm        typed interfaces and the neutral ones
            target/capsule_crm_slim.wasm   the neutral interfaces alone (--no-default-features)
  demo    Builds, then runs the bundled host against its fake Capsule.
          Arguments go to `capsule-host demo`.
  test    Builds, then runs every test of the workspace, then the examples in the docs, all with the host's feature `otel`.
          Arguments go to cargo-nextest, or to `cargo test` where cargo-nextest is not installed:
          `cargo xtask test -p host-test` runs one crate's tests.
  size    Builds, then prints the size of both components and what each interface costs.
  bench   The same, then the benches of the host. Arguments go to `cargo bench -p host-test`:
          `cargo xtask bench -- action` runs those whose name has `action` in it.
  soak    Builds, then runs the soak of the listener at full length: hours. --edits N and --seeds N make it shorter,
          --from SEED goes on where one was stopped: each seed is a run by itself.
          Prints a table at its end, or JSON: with --json, and where its output goes to a program.
  mutants Changes the sources in a copy, one fault at a time, and fails if the soak does not notice,
          or notices something else: about 20 minutes.
          Arguments choose among them by name: `cargo xtask mutants overlap`.
  docs    Writes docs/operations.md from the WIT. The tests hold it to what the WIT says.
  help    Prints this.

All set-up is part of the commands: rustup's stable toolchain and a C linker (gcc or clang) are enough to begin.

How the component is compiled
  The target is wasm32-unknown-unknown. Its standard library is looked for where it costs nothing first:
    1. in the Rust toolchain in use (`rustup target add wasm32-unknown-unknown` puts it there);
    2. in Debian's rustc-web, cargo-web and rust-web-src, whose compiler builds it from source.
  If neither is there, it is fetched:
    3. `rustup target add wasm32-unknown-unknown` for the installed version; the toolchain is not updated;
    4. `apt-get install` of the three packages, as root. Otherwise the command to run is printed.
  Everything of it lies in target/guest. A second run compiles only what changed.

Environment
  CAPSULE_GUEST_TOOLCHAIN   rustup: only 1 and 3. debian: only 2 and 4.

The tests, the demo and the benches find the components through CAPSULE_COMPONENT and CAPSULE_COMPONENT_SLIM, which
xtask sets.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    if rest.first().is_some_and(|argument| argument == "--help") && command == "build" {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    match command.as_str() {
        "build" => {
            if let Some(argument) = rest.first() {
                bail!(
                    "`cargo xtask build` takes no arguments, got `{argument}`. `cargo xtask help` explains it"
                );
            }
            guest::build(&root()?)?;
            Ok(ExitCode::SUCCESS)
        }
        "demo" => demo(&root()?, rest),
        "test" => test(&root()?, rest),
        "size" => {
            if let Some(argument) = rest.first() {
                bail!(
                    "`cargo xtask size` takes no arguments, got `{argument}`. `cargo xtask help` explains it"
                );
            }
            let root = root()?;
            let components = guest::build(&root)?;
            println!("{}", size::report(&root, &components)?);
            Ok(ExitCode::SUCCESS)
        }
        "bench" => bench(&root()?, rest),
        "soak" => soak::run(&root()?, rest).map(|()| ExitCode::SUCCESS),
        "mutants" => soak::mutants(&root()?, rest).map(|()| ExitCode::SUCCESS),
        "docs" => docs(&root()?),
        "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => {
            bail!(
                "there is no `{other}`: the commands are build, demo, test, size, bench, soak, mutants, docs, help"
            )
        }
    }
}

/// Builds the component and the host, then lets the host show itself.
fn demo(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let components = guest::build(root)?;
    let mut host = cargo(root);
    // The whole workspace, so that the features of shared dependencies are those of the tests: with others, wasmtime would be
    // compiled anew for them.
    host.args(["build", "--workspace", "--bins", "--lib"]);
    step::run(
        "building the host (the first time it compiles wasmtime: minutes)",
        &mut host,
    )?;
    let mut demo = Command::new(root.join("target/debug/capsule-host"));
    demo.current_dir(root).arg("demo").args(arguments);
    components.name_in(&mut demo);
    step::run_for_exit_code("the demo", &mut demo)
}

/// Builds the component, then runs unit, integration and documentation tests.
fn test(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let components = guest::build(root)?;
    let selects = |argument: &String| {
        ["-p", "--package", "--workspace"]
            .iter()
            .any(|flag| argument.starts_with(flag))
    };
    // The feature is for the whole run: a run of its own would compile for it again what both need.
    let all: &[&str] = if arguments.iter().any(selects) {
        &[]
    } else {
        &["--workspace", "--features", "host-test/otel"]
    };
    let mut tests = cargo(root);
    components.name_in(&mut tests);
    if step::output(cargo(root).args(["nextest", "--version"])).is_err() {
        tests.arg("test").args(all).args(arguments);
        step::run(
            "tests, with cargo test: cargo-nextest is not installed",
            &mut tests,
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    tests.args(["nextest", "run"]).args(all).args(arguments);
    step::run("tests, with cargo-nextest", &mut tests)?;
    // The arguments are nextest's own: a part of the tests was asked for.
    if arguments.is_empty() {
        // nextest leaves them out.
        let mut examples = cargo(root);
        examples.args(["test", "--doc"]).args(all);
        components.name_in(&mut examples);
        step::run("examples in the docs", &mut examples)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the component, prints its size, then runs the benches.
fn bench(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let components = guest::build(root)?;
    println!("{}", size::report(root, &components)?);
    let mut benches = cargo(root);
    benches
        .args(["bench", "--package", "host-test"])
        .args(arguments);
    components.name_in(&mut benches);
    step::run(
        "benches (the first time they compile wasmtime: minutes)",
        &mut benches,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the reference of operations. The test that holds it writes it, too: there is one way of making it.
fn docs(root: &Path) -> Result<ExitCode> {
    let mut writer = cargo(root);
    writer
        .args([
            "test",
            "--quiet",
            "--package",
            "capsule-crm",
            "--test",
            "docs",
        ])
        .arg("the_reference_of_operations_is_what_the_contract_says")
        .env("CAPSULE_WRITE_DOCS", "1");
    step::run("writing docs/operations.md", &mut writer)?;
    Ok(ExitCode::SUCCESS)
}

/// The cargo that runs xtask, in the workspace's root.
fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// The workspace's root, wherever in it the command was given.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here
        .parent()
        .context("xtask lies in the workspace")?
        .to_path_buf())
}
