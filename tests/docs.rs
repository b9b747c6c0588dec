//! `docs/operations.md` is what the contract says. `cargo xtask docs` writes it anew.

#![allow(clippy::unwrap_used, clippy::panic)]

mod reference;

use capsule_crm::contract::{OPERATIONS, Reading, check};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_reference_of_operations_is_what_the_contract_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = reference::page();
    if std::env::var_os("CAPSULE_WRITE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = stored
        .lines()
        .zip(page.lines())
        .position(|(stored, page)| stored != page)
        .unwrap_or_else(|| stored.lines().count().min(page.lines().count()));
    assert!(
        stored == page,
        "docs/operations.md is not what the contract says from line {} on: run `cargo xtask docs`",
        differs + 1
    );
}

#[test]
fn every_operation_has_an_example_that_fits() {
    let mut unfit = Vec::new();
    for operation in OPERATIONS {
        let mut input: Value = serde_json::from_str(operation.example)
            .unwrap_or_else(|error| panic!("{}: {error}", operation.id));
        for fault in check(&operation.input, &mut input, Reading::Input) {
            unfit.push(format!(
                "{}{}: {}",
                operation.id, fault.pointer, fault.message
            ));
        }
    }
    assert!(
        unfit.is_empty(),
        "write an `@example` that fits on these functions: {unfit:#?}"
    );
}
