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
    full: PathBuf,
    slim: PathBuf,
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
    let target = root.join("target");
    let guest_target = target.join("guest");
    fs::create_dir_all(&guest_target)
        .with_context(|| format!("cannot make {}", guest_target.display()))?;
    // Both variants leave cargo under one name: without the lock, two runs at a time would take each other's.
    let lock = File::create(guest_target.join("xtask.lock"))?;
    lock.lock().context("cannot lock target/guest")?;

    let toolchain = Toolchain::find(&guest_target)?;
    let package = Package::from_manifest(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    let components = Components {
        full: target.join("capsule_crm.wasm"),
        slim: target.join("capsule_crm_slim.wasm"),
    };
    for (file, features) in [
        (&components.full, &[][..]),
        (&components.slim, &["--no-default-features"][..]),
    ] {
        let name = file.strip_prefix(root).unwrap_or(file).display();
        let linked = compile(root, &toolchain, &guest_target, &name.to_string(), features)?;
        let component = package.stamp(&linked, toolchain.version())?;
        write_if_changed(file, &component)?;
        say(format_args!("{name}: {} bytes", grouped(component.len())));
    }
    say(format_args!(
        "components ready after {}",
        step::elapsed(begun)
    ));
    Ok(components)
}

/// What the linker made of the guest.
fn compile(
    root: &Path,
    toolchain: &Toolchain,
    guest_target: &Path,
    name: &str,
    features: &[&str],
) -> Result<Vec<u8>> {
    let mut cargo = toolchain.cargo_build()?;
    cargo
        .current_dir(root)
        // The lock file is kept by the cargo that runs xtask, not by an older one.
        .args([
            "--locked",
            "--package",
            "capsule-crm",
            "--lib",
            "--profile",
            "guest",
            "--target-dir",
        ])
        .arg(guest_target)
        .args(features)
        // Cargo gives a cdylib no hash in its file name, so the two variants would overwrite and rebuild each other every
        // time. This variable, which Rust's own build uses, brings the hash back. A cargo without it would only be slower.
        .env("__CARGO_DEFAULT_LIB_METADATA", "capsule-crm");
    step::run(&format!("compiling {name}"), &mut cargo)?;
    let file = guest_target.join(TARGET).join("guest/capsule_crm.wasm");
    let linked = fs::read(&file).with_context(|| format!("cargo left no {}", file.display()))?;
    if !linked.starts_with(&COMPONENT_HEADER) {
        bail!(
            "{} is a core module, no component: the linker in use is not wasm-component-ld",
            file.display()
        );
    }
    Ok(linked)
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
