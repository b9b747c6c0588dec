//! Builds the components.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    metadata::Package,
    step::{self, say},
    toolchain::{TARGET, Toolchain},
};

/// What a component starts with: magic, version 13, layer 1. A core module has version 1, layer 0.
const COMPONENT_HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Where the built components lie.
#[derive(Debug)]
pub(crate) struct Components {
    pub(crate) full: PathBuf,
    pub(crate) slim: PathBuf,
}

impl Components {
    /// Tells a program that is about to run where they lie.
    pub(crate) fn name_in(&self, command: &mut Command) {
        command
            .env("CAPSULE_COMPONENT", &self.full)
            .env("CAPSULE_COMPONENT_SLIM", &self.slim);
    }
}

/// Builds the full and the slim component into `target/`.
pub(crate) fn build(root: &Path) -> Result<Components> {
    let begun = Instant::now();
    let workshop = Workshop::open(root)?;
    let package = Package::from_manifest(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    let components = Components {
        full: root.join("target/capsule_crm.wasm"),
        slim: root.join("target/capsule_crm_slim.wasm"),
    };
    for (file, features) in [
        (&components.full, &[][..]),
        (&components.slim, &["--no-default-features"][..]),
    ] {
        let name = shown(root, file);
        let linked = workshop.compile(&name, features, &[])?;
        let component = package.stamp(&linked, workshop.toolchain.version())?;
        write_if_changed(file, &component)?;
        say(format_args!("{name}: {} bytes", grouped(component.len())));
    }
    say(format_args!(
        "components ready after {}",
        step::elapsed(begun)
    ));
    Ok(components)
}

/// The full component with the names of its functions, for measuring. Nothing is written but cargo's own files.
pub(crate) fn build_with_names(root: &Path) -> Result<Vec<u8>> {
    Workshop::open(root)?.compile("the full component with names", &[], &["-C", "strip=none"])
}

/// A file's path as one would type it in the workspace's root.
pub(crate) fn shown(root: &Path, file: &Path) -> String {
    file.strip_prefix(root)
        .unwrap_or(file)
        .display()
        .to_string()
}

/// `target/guest`, for one run of xtask at a time.
#[derive(Debug)]
struct Workshop<'a> {
    root: &'a Path,
    folder: PathBuf,
    toolchain: Toolchain,
    /// Every variant leaves cargo under one name: without the lock, two runs at a time would take each other's.
    _lock: File,
}

impl<'a> Workshop<'a> {
    fn open(root: &'a Path) -> Result<Self> {
        let folder = root.join("target/guest");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("xtask.lock"))?;
        if lock.try_lock().is_err() {
            say("waiting for another run in target/guest ...");
            lock.lock().context("cannot lock target/guest")?;
        }
        let toolchain = Toolchain::find(&folder)?;
        Ok(Self {
            root,
            folder,
            toolchain,
            _lock: lock,
        })
    }

    /// What the linker makes of the guest. `flags` are for the compiler.
    fn compile(&self, what: &str, features: &[&str], flags: &[&str]) -> Result<Vec<u8>> {
        let mut cargo = self.toolchain.cargo_rustc()?;
        cargo
            .current_dir(self.root)
            // The lock file is kept by the cargo that runs xtask, not by an older one.
            .args([
                "--locked",
                "--package",
                "capsule-crm",
                "--lib",
                "--crate-type",
                "cdylib",
                "--profile",
                "guest",
            ])
            .arg("--target-dir")
            .arg(&self.folder)
            .args(features)
            // Cargo gives a cdylib no hash in its file name, so the variants would overwrite and rebuild each other every
            // time. This variable, which Rust's own build uses, brings the hash back. Without it all would only be slower.
            .env("__CARGO_DEFAULT_LIB_METADATA", "capsule-crm")
            .arg("--")
            .args(flags);
        step::run(&format!("compiling {what}"), &mut cargo)?;
        let file = self.folder.join(TARGET).join("guest/capsule_crm.wasm");
        let linked =
            fs::read(&file).with_context(|| format!("cargo left no {}", file.display()))?;
        if !linked.starts_with(&COMPONENT_HEADER) {
            bail!(
                "{} is a core module, no component: the linker in use is not wasm-component-ld",
                file.display()
            );
        }
        Ok(linked)
    }
}

/// Leaves the file's date alone when nothing changed, so that nobody compiles it again for nothing.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
