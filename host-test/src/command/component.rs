//! Finds the component and loads it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use capsule_host::runtime::{Connector, Host, HostOptions};

use super::cache;

/// Where `cargo xtask build` puts it, from the workspace's root.
const BUILT: &str = "target/capsule_crm.wasm";

/// Which component.
#[derive(Debug, clap::Args)]
pub(crate) struct ComponentArgs {
    /// The component to run [default: target/capsule_crm.wasm of the workspace]
    #[arg(long, env = "CAPSULE_COMPONENT", value_name = "PATH", global = true)]
    component: Option<PathBuf>,
}

/// A component's file.
#[derive(Debug)]
pub(crate) struct ComponentFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl ComponentArgs {
    /// Reads the file that was named, or the one that the workspace has built.
    pub(crate) fn read(&self) -> Result<ComponentFile> {
        let path = match &self.component {
            Some(path) => path.clone(),
            None => match built() {
                Some(path) => path,
                None => bail!(
                    "there is no {BUILT} here or above: build it with `cargo xtask build`, or name it with --component PATH"
                ),
            },
        };
        let bytes = std::fs::read(&path).with_context(|| {
            format!("the component {} can't be read: build it with `cargo xtask build`, or name it with --component PATH", path.display())
        })?;
        Ok(ComponentFile { path, bytes })
    }

    /// Loads it into a host of its own, compiled before if it can be.
    pub(crate) fn load(&self) -> Result<Connector> {
        self.read()?.load_cached()
    }
}

impl ComponentFile {
    /// Compiles it.
    pub(crate) fn load(&self, options: HostOptions) -> Result<Connector> {
        let host = Host::new(options)?;
        host.load(&self.bytes)
            .with_context(|| format!("{} can't be loaded", self.path.display()))
    }

    /// Loads it as it was compiled at an earlier start, or compiles it.
    pub(crate) fn load_cached(&self) -> Result<Connector> {
        let host = Host::new(HostOptions {
            slots: 8,
            ..HostOptions::default()
        })?;
        cache::load(&host, &self.bytes)
            .with_context(|| format!("{} can't be loaded", self.path.display()))
    }

    /// The names of what it imports.
    pub(crate) fn imports(&self) -> Result<Vec<String>> {
        use wasmparser::{Parser, Payload};
        let mut names = Vec::new();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(&self.bytes) {
            match payload.context("the component can't be parsed")? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        names.push(
                            import
                                .context("the component can't be parsed")?
                                .name
                                .name
                                .to_owned(),
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }
}

/// The component of the workspace that we stand in, or that the command was built in.
fn built() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let command = std::env::current_exe().ok();
    let above = |start: &Path| {
        start
            .ancestors()
            .map(|folder| folder.join(BUILT))
            .find(|path| path.is_file())
    };
    here.as_deref()
        .and_then(above)
        .or_else(|| command.as_deref().and_then(above))
}
