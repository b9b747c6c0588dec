//! What schema and check say of a value.

use crate::contract::{Reading, Shape, check, schema};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// Tries a claim on many values.
pub(crate) fn run<T: std::fmt::Debug>(cases: u32, strategy: &BoxedStrategy<T>, claim: impl Fn(T)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(strategy, |value| {
            claim(value);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The judge that a schema makes. Formats of inputs are held as the check holds them; `email` and `uri` are hints for forms, because vendors take
/// any text.
pub(crate) fn validator(shape: &Shape, reading: Reading) -> jsonschema::Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(reading == Reading::Input)
        .with_format("email", |_: &str| true)
        .with_format("uri", |_: &str| true)
        .build(&schema(shape, reading))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What the check finds, each on a line.
pub(crate) fn faults(shape: &Shape, value: &mut Value, reading: Reading) -> Vec<String> {
    check(shape, value, reading)
        .into_iter()
        .map(|fault| format!("{}: {} ({})", fault.pointer, fault.message, fault.rule))
        .collect()
}

/// The schema and the check say the same of an input. True: it is accepted.
pub(crate) fn agree(shape: &Shape, validator: &jsonschema::Validator, value: &Value) -> bool {
    let faults = faults(shape, &mut value.clone(), Reading::Input);
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(
        faults.is_empty(),
        errors.is_empty(),
        "{value}\nthe check: {faults:#?}\nthe schema: {errors:#?}"
    );
    faults.is_empty()
}
