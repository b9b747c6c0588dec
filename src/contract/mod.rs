//! The contract as data: what `build.rs` makes of `wit/`, and the code that works on it.
//!
//! `shape.rs` holds the types of the generated tables, `json.rs` the trait between model and JSON, `check.rs` judges JSON by a shape,
//! `checked.rs` passes on what was judged, `pass.rs` does so with rows that need not become trees,
//! `abi.rs` brings the arguments of exports to JSON and JSON to their results, by the sizes that `layout.rs` computes,
//! `schema.rs` renders a shape as JSON Schema, `nearest.rs` finds what a misspelt name may have meant. Nothing here knows Capsule,
//! and nothing here sends anything.

pub mod abi;
mod check;
mod checked;
pub(crate) mod json;
mod layout;
mod nearest;
mod pass;
mod schema;
mod shape;

pub use check::{Reading, check, required};
pub(crate) use check::{brief, is_date};
pub use checked::{Checked, Listed, Output};
pub use json::Json;
pub use layout::{Layout, layout};
pub use nearest::{nearest, way_out};
pub use pass::{Passed, Spelling, Wanted, pass};
pub use schema::schema;
pub use shape::{
    Bounds, Case, Choices, Effect, Enum, Field, Function, Hints, Operation, Record, Running, Shape,
    Trigger, Variant,
};

#[allow(clippy::all, missing_docs)]
mod generated {
    // The generated text names these by their bare names.
    use serde_json::{Map, Value};
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

/// The functions of the neutral interfaces.
#[allow(clippy::all, missing_docs)]
mod neutral {
    use serde_json::{Map, Value};
    include!(concat!(env!("OUT_DIR"), "/neutral.rs"));
}

pub use generated::{EVENT_FUNCTIONS, MODELS, OPERATIONS, TRIGGERS};
pub use neutral::{FUNCTIONS, MODELS as NEUTRAL_MODELS};

/// The operation of that id, or of that other name.
#[must_use]
pub fn operation(id: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.id == id || operation.aliases.contains(&id))
}

/// The trigger of that id, or of that other name.
#[must_use]
pub fn trigger(id: &str) -> Option<&'static Trigger> {
    TRIGGERS
        .iter()
        .find(|trigger| trigger.id == id || trigger.aliases.contains(&id))
}

/// A short name for a text: equal for equal texts (FNV-1a, 64 bits). Not for secrets.
#[must_use]
pub fn fingerprint(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
