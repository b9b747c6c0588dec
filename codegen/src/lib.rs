//! From WIT to JSON: reads a world whose exported interfaces are operations, and writes the Rust text that gives them a JSON face.
//!
//! What is written, for the types that `wit-bindgen` generates from the same text:
//!
//! - `impl Json` for every type that an operation takes or gives;
//! - static shapes, which render JSON Schemas and check inputs;
//! - the table of operations with their help, effect and the function that runs them;
//! - a default for every field tagged `@default`;
//! - the table of triggers, out of the cases of a variant tagged `@triggers`;
//! - the typed exports: one line for each function, and the section that makes a component of them;
//! - the same of the interfaces of other packages, whose functions are no operations.
//!
//! Nothing here knows the vendor. `wit.rs` reads, `docs.rs` takes doc comments apart, `fit.rs` says what fits where, `refusal.rs` why a
//! world is refused, `verbs.rs` what a verb does. `triggers.rs` reads triggers out of the types, `neutral.rs` reads interfaces of other
//! packages. `emit.rs` writes, `emit_triggers.rs` the triggers, `emit_neutral.rs` the interfaces of other packages.

mod docs;
mod emit;
mod emit_neutral;
mod emit_triggers;
mod fit;
mod names;
mod neutral;
mod refusal;
mod triggers;
mod verbs;
mod wit;

use std::path::Path;

pub use neutral::Neutral;
pub use refusal::Refusal;
pub use verbs::Effect;
pub use wit::Contract;

/// Where the generated text finds what it calls: Rust paths in the crate that includes it.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Module of `wit-bindgen`'s output.
    pub bindings: String,
    /// Module with the runtime: `Json`, `Shape`, `Operation` and their company.
    pub contract: String,
    /// Module with one module an interface, in which the bodies stand.
    pub actions: String,
    /// Type of the first argument of a body, taken by reference.
    pub client: String,
}

/// What a build script calls: from `wit/` into `OUT_DIR`, for a crate with the modules `bindings`, `contract`, `actions` and `api`. One world
/// has the operations, another exports interfaces of other packages. What is wrong fails the build.
pub fn build(world: &str, neutral: &str) {
    println!("cargo::rerun-if-changed=wit");
    let paths = Paths {
        bindings: "crate::bindings".into(),
        contract: "crate::contract".into(),
        actions: "crate::actions".into(),
        client: "crate::api::Client".into(),
    };
    let written = || -> anyhow::Result<()> {
        let out = std::env::var("OUT_DIR")?;
        let wit = "wit".as_ref();
        generate(wit, world, &paths)?.write(out.as_ref())?;
        generate_neutral(wit, neutral, &paths)?.write(out.as_ref())?;
        Ok(())
    };
    if let Err(error) = written() {
        println!("cargo::error={error:#}");
    }
}

/// What was generated.
#[derive(Clone, Debug)]
pub struct Generated {
    /// Model code, shapes, defaults and the table of operations.
    pub contract: String,
    /// The typed exports.
    pub exports: String,
    /// What a linker needs to make a component of them: to be written beside the exports, as `component-type`.
    pub component_type: Vec<u8>,
}

impl Generated {
    /// Writes `contract.rs`, `exports.rs` and `component-type` into a folder.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::write(folder.join("contract.rs"), &self.contract)?;
        std::fs::write(folder.join("exports.rs"), &self.exports)?;
        std::fs::write(folder.join("component-type"), &self.component_type)
    }
}

/// What was generated of interfaces of other packages.
#[derive(Clone, Debug)]
pub struct GeneratedNeutral {
    /// Model code, shapes and the table of functions.
    pub tables: String,
    /// The exports.
    pub exports: String,
    /// What a linker needs to make a component of them: to be written beside the exports, as `neutral-component-type`.
    pub component_type: Vec<u8>,
}

impl GeneratedNeutral {
    /// Writes `neutral.rs`, `neutral-exports.rs` and `neutral-component-type` into a folder.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::write(folder.join("neutral.rs"), &self.tables)?;
        std::fs::write(folder.join("neutral-exports.rs"), &self.exports)?;
        std::fs::write(folder.join("neutral-component-type"), &self.component_type)
    }
}

/// Reads the WIT package in a folder and generates what exports those interfaces of other packages that the world of that name exports.
///
/// # Errors
/// As [`Neutral::read`].
pub fn generate_neutral(
    folder: &Path,
    world: &str,
    paths: &Paths,
) -> anyhow::Result<GeneratedNeutral> {
    let neutral = Neutral::read(folder, world)?;
    Ok(GeneratedNeutral {
        tables: emit_neutral::tables(&neutral, paths),
        exports: emit_neutral::exports(&neutral, paths),
        component_type: neutral.component_type,
    })
}

/// Reads the WIT package in a folder and generates the JSON face of the world of that name.
///
/// # Errors
/// WIT that does not parse, and every [`Refusal`].
pub fn generate(folder: &Path, world: &str, paths: &Paths) -> anyhow::Result<Generated> {
    Ok(Contract::read(folder, world)?.generate(paths))
}

impl Contract {
    /// Writes the JSON face.
    #[must_use]
    pub fn generate(&self, paths: &Paths) -> Generated {
        Generated {
            contract: emit::contract(self, paths),
            exports: emit::exports(self, paths),
            component_type: self.component_type.clone(),
        }
    }
}
