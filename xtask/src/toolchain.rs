//! Finds a compiler for the guest, and fetches one where none is there.
//!
//! What is installed comes before what has to be fetched, so that a build without network is quiet, and so that nothing is
//! installed on a machine that can build already. The order stands in `cargo xtask help`.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::step::{self, say};

/// The guest's target. `wasm32-wasip2` would drag imports in that the component does not need.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The variable that forces one way.
const FORCE: &str = "CAPSULE_GUEST_TOOLCHAIN";

/// A linker that ends with a component instead of a core module. rustup's toolchains bring it, and lld beside it.
const LINKER: &str = "wasm-component-ld";

/// What Debian's compiler for the web browsers' builds consists of. Newer than Debian's `rustc`.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_RUSTDOC: &str = "/usr/bin/rustdoc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Long enough for 20 MB on a slow line. Without network rustup gives up at once, behind a wall that swallows packets
/// after half a minute.
const FETCH_LIMIT: Duration = Duration::from_secs(240);

/// A compiler that can build the guest, and the linker for it.
#[derive(Debug)]
pub(crate) struct Toolchain {
    compiler: Compiler,
    version: String,
    linker: PathBuf,
    /// Where the linker finds lld.
    linker_folder: PathBuf,
}

/// Whose standard library it is.
#[derive(Debug)]
enum Compiler {
    /// The toolchain in use has it ready.
    InUse,
    /// Debian's compiler builds it from source.
    Debian,
}

/// Which ways are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Any,
    Rustup,
    Debian,
}

impl Allowed {
    fn from_environment() -> Result<Self> {
        match env::var(FORCE).as_deref() {
            Err(env::VarError::NotPresent) | Ok("") => Ok(Self::Any),
            Ok("rustup") => Ok(Self::Rustup),
            Ok("debian") => Ok(Self::Debian),
            _ => bail!("{FORCE} is `rustup`, `debian` or not set"),
        }
    }
}

impl Toolchain {
    /// Finds one, or fetches one. `scratch` is a folder for logs.
    pub(crate) fn find(scratch: &Path) -> Result<Self> {
        let allowed = Allowed::from_environment()?;
        let in_use = InUse::ask()?;
        let (linker, linker_folder) = in_use.linker()?;
        let with = |compiler, version: &str| {
            say(match compiler {
                Compiler::InUse => {
                    format!("the guest's compiler: rustc {version}, which has {TARGET}")
                }
                Compiler::Debian => format!(
                    "the guest's compiler: {DEBIAN_RUSTC} {version}, with std built from source"
                ),
            });
            Self {
                compiler,
                version: version.to_owned(),
                linker,
                linker_folder,
            }
        };

        if allowed != Allowed::Debian && in_use.has_target()? {
            return Ok(with(Compiler::InUse, &in_use.version));
        }
        if allowed != Allowed::Rustup {
            match debian_version() {
                Ok(Some(version)) => return Ok(with(Compiler::Debian, &version)),
                Ok(None) => {}
                Err(unfit) => say(format_args!("Debian's compiler is not used: {unfit:#}")),
            }
        }
        if allowed != Allowed::Debian {
            match in_use.add_target(scratch) {
                Ok(()) => return Ok(with(Compiler::InUse, &in_use.version)),
                Err(refused) if allowed == Allowed::Rustup => {
                    return Err(
                        refused.context(format!("{FORCE}=rustup, and rustup can't bring {TARGET}"))
                    );
                }
                Err(refused) => say(format_args!("rustup can't bring {TARGET}: {refused:#}")),
            }
        }
        install_debian_packages()?;
        let version =
            debian_version()?.context("apt-get succeeded, but the compiler is not in /usr/bin")?;
        Ok(with(Compiler::Debian, &version))
    }

    /// The compiler's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// `cargo rustc` for the guest's target; the caller adds what to build.
    pub(crate) fn cargo_rustc(&self) -> Result<Command> {
        let mut cargo = match self.compiler {
            Compiler::InUse => {
                let mut cargo =
                    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                cargo.arg("rustc");
                cargo
            }
            Compiler::Debian => {
                let mut cargo = Command::new(DEBIAN_CARGO);
                cargo
                    .args(["rustc", "-Z", "build-std=std,panic_abort"])
                    // -Z on a stable compiler, for the standard library alone: the guest uses no unstable feature.
                    .env("RUSTC_BOOTSTRAP", "1")
                    // Without these cargo takes the first rustc of PATH, whose version does not match the sources.
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTDOC", DEBIAN_RUSTDOC)
                    // `cargo run` points it to the libraries of another compiler.
                    .env_remove("LD_LIBRARY_PATH");
                cargo
            }
        };
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.linker_folder.clone()).chain(env::split_paths(&path));
        cargo
            .args(["--target", TARGET])
            .env(
                "PATH",
                env::join_paths(folders).context("a folder in PATH has a colon in its name")?,
            )
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            // Flags meant for this machine's processor and linker do not fit.
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths()?);
        Ok(cargo)
    }
}

/// Panic messages name source files. Without the folders in front, the component is the same whoever builds it, and tells
/// nothing of the machine.
fn remapped_paths() -> Result<OsString> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir()
            .context("there is no home folder; set CARGO_HOME")?
            .join(".cargo"),
    };
    let mut registries: Vec<PathBuf> = fs::read_dir(home.join("registry/src"))
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    registries.sort();
    let mut flags = OsString::new();
    for registry in registries {
        if !flags.is_empty() {
            // The separator of CARGO_ENCODED_RUSTFLAGS.
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(registry);
        flags.push("=crates");
    }
    Ok(flags)
}

/// The Rust toolchain that runs xtask.
#[derive(Debug)]
struct InUse {
    sysroot: PathBuf,
    host: String,
    version: String,
}

impl InUse {
    fn ask() -> Result<Self> {
        let described = step::output(rustc().arg("-vV"))?;
        let field = |name: &str| {
            let value = described
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value
                .map(str::to_owned)
                .with_context(|| format!("`rustc -vV` names no {name}"))
        };
        Ok(Self {
            sysroot: PathBuf::from(step::output(rustc().args(["--print", "sysroot"]))?),
            host: field("host")?,
            version: field("release")?,
        })
    }

    /// Whether the target's standard library lies there.
    fn has_target(&self) -> Result<bool> {
        let folder = step::output(rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(false);
        };
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .any(|name| name.starts_with("libstd-")))
    }

    /// The linker and its folder: the toolchain's own, else one on PATH.
    fn linker(&self) -> Result<(PathBuf, PathBuf)> {
        let own = self
            .sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin");
        let file = format!("{LINKER}{}", env::consts::EXE_SUFFIX);
        let path = env::var_os("PATH").unwrap_or_default();
        for folder in [own].into_iter().chain(env::split_paths(&path)) {
            let linker = folder.join(&file);
            if linker.is_file() {
                return Ok((linker, folder));
            }
        }
        bail!(
            "there is no {LINKER}. rustup's toolchains bring it; beside another toolchain run \
             `cargo install --locked {LINKER}` and install lld"
        )
    }

    /// Fetches the target's standard library of the installed version. rustup reads the manifest of what is installed for
    /// that, so the toolchain stays as old as it is.
    fn add_target(&self, scratch: &Path) -> Result<()> {
        // Named, because rustup would otherwise read rust-toolchain.toml and may install what that asks for.
        let name = match env::var_os("RUSTUP_TOOLCHAIN") {
            Some(name) => name,
            None => self
                .sysroot
                .file_name()
                .context("the toolchain has no name")?
                .to_owned(),
        };
        let log = scratch.join("rustup-target-add.log");
        say(format_args!("rustup target add {TARGET} (20 MB) ..."));
        let mut rustup = Command::new("rustup");
        rustup
            .args(["target", "add", "--toolchain"])
            .arg(name)
            .arg(TARGET)
            .env("RUSTUP_MAX_RETRIES", "0")
            .env("RUST_BACKTRACE", "0");
        step::run_quietly(&mut rustup, &log, FETCH_LIMIT)?;
        if self.has_target()? {
            return Ok(());
        }
        bail!("it succeeded, but the toolchain in use still has no {TARGET}")
    }
}

fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// The version of Debian's compiler, if all its parts are there. An error says why it is there and unfit.
fn debian_version() -> Result<Option<String>> {
    if ![DEBIAN_RUSTC, DEBIAN_RUSTDOC, DEBIAN_CARGO]
        .iter()
        .all(|file| Path::new(file).is_file())
    {
        return Ok(None);
    }
    let sysroot = step::output(
        Command::new(DEBIAN_RUSTC)
            .args(["--print", "sysroot"])
            .env_remove("LD_LIBRARY_PATH"),
    )?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust");
    if !sources.join("library/std/Cargo.toml").is_file() {
        return Ok(None);
    }
    let sources = match fs::read_to_string(sources.join("src/version")) {
        Ok(version) => version.trim().to_owned(),
        Err(_) => bail!("{} does not tell its version", sources.display()),
    };
    let rustc = release(&step::output(
        Command::new(DEBIAN_RUSTC)
            .arg("--version")
            .env_remove("LD_LIBRARY_PATH"),
    )?)?;
    let cargo = release(&step::output(
        Command::new(DEBIAN_CARGO)
            .arg("--version")
            .env_remove("LD_LIBRARY_PATH"),
    )?)?;
    same_and_new_enough(&rustc, &cargo, &sources, env!("CARGO_PKG_RUST_VERSION"))?;
    Ok(Some(rustc))
}

/// The standard library compiles only with the compiler that it was written for, and cargo's `-Z build-std` is of that
/// version too.
fn same_and_new_enough(rustc: &str, cargo: &str, sources: &str, least: &str) -> Result<()> {
    if rustc != cargo || rustc != sources {
        bail!(
            "rustc is {rustc}, cargo is {cargo}, the library's sources are {sources}: install the same version of all three"
        );
    }
    if numbers(rustc)? < numbers(least)? {
        bail!("it is {rustc}, and {least} is needed");
    }
    Ok(())
}

/// `1.96.0` out of `rustc 1.96.0 (hash date)`.
fn release(version: &str) -> Result<String> {
    version
        .split(' ')
        .nth(1)
        .map(str::to_owned)
        .with_context(|| format!("no version in `{version}`"))
}

fn numbers(version: &str) -> Result<Vec<u32>> {
    let parts = version.split('-').next().unwrap_or_default().split('.');
    parts
        .map(|part| {
            part.parse()
                .with_context(|| format!("`{version}` is no version"))
        })
        .collect()
}

/// Installs Debian's packages as root, otherwise says how.
fn install_debian_packages() -> Result<()> {
    let packages = DEBIAN_PACKAGES.join(" ");
    let command = format!("apt-get install --no-install-recommends {packages}");
    if step::output(Command::new("apt-get").arg("--version")).is_err() {
        bail!(
            "no compiler for {TARGET}. With network: `rustup target add {TARGET}`. Without: on Debian or Ubuntu the \
             packages {packages} are enough"
        );
    }
    if step::output(Command::new("id").arg("-u"))? != "0" {
        bail!("no compiler for {TARGET}. Run this and try again:\n\n    sudo {command}\n");
    }
    let apt_get = |arguments: &[&str]| {
        let mut apt_get = Command::new("apt-get");
        apt_get
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        apt_get
    };
    let mut install = apt_get(&["install", "--yes", "--no-install-recommends"]);
    install.args(DEBIAN_PACKAGES);
    if step::run(&command, &mut install).is_err() {
        // The lists of packages are missing or too old.
        step::run("apt-get update", &mut apt_get(&["update"]))?;
        step::run(&command, &mut install)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_the_one_that_the_toolchain_file_names() {
        let file = include_str!("../../rust-toolchain.toml");
        assert!(
            file.contains(&format!("\n[guest]\ntargets = [\"{TARGET}\"]\n")),
            "{file}"
        );
    }

    #[test]
    fn three_equal_new_versions_fit() {
        same_and_new_enough("1.96.0", "1.96.0", "1.96.0", "1.95").unwrap();
    }

    #[test]
    fn a_compiler_of_another_version_than_the_sources_is_refused_with_both_versions() {
        let refusal = same_and_new_enough("1.96.0", "1.96.0", "1.85.0", "1.95")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("1.96.0") && refusal.contains("1.85.0"),
            "{refusal}"
        );
    }

    #[test]
    fn a_cargo_of_another_version_than_the_compiler_is_refused() {
        same_and_new_enough("1.96.0", "1.99.1", "1.96.0", "1.95").unwrap_err();
    }

    #[test]
    fn an_old_compiler_is_refused_with_the_least_version() {
        let refusal = same_and_new_enough("1.85.0", "1.85.0", "1.85.0", "1.95")
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("1.95"), "{refusal}");
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.100.0").unwrap() > numbers("1.95").unwrap());
        assert!(numbers("1.95.0").unwrap() >= numbers("1.95").unwrap());
        assert_eq!(numbers("1.97.0-beta.2").unwrap(), [1, 97, 0]);
    }

    #[test]
    fn the_release_is_the_second_word() {
        assert_eq!(
            release("cargo 1.96.0 (30a34c682 2026-05-25)").unwrap(),
            "1.96.0"
        );
    }
}
