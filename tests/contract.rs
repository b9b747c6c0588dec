//! The contract as callers meet it: schema and check judge alike, nothing is lost between JSON and the model, nothing hostile panics,
//! and the texts are fit to be read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
#[allow(dead_code)] // The fixture's tests use the rest.
mod memory;

use capsule_crm::contract;
use contract::abi::{Arguments, lift};
use contract::{
    EVENT_FUNCTIONS, FUNCTIONS, Hints, Json, MODELS, NEUTRAL_MODELS, OPERATIONS, Operation, Passed,
    Reading, Record, Shape, Spelling, Wanted, check, pass, schema,
};
use corpus::{any_json, faults, fitting, lean, nearly_fitting, run, validator};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::Cell;

// ---- the model ----

type RoundTrip = fn(Value) -> Value;

fn record(shape: &Shape) -> &'static Record {
    match shape {
        Shape::Record(record) => record,
        other => panic!("no record: {other:?}"),
    }
}

/// Scalars have no record in the model: the dispatch hands them on one by one.
fn takes_scalars(operation: &Operation) -> bool {
    let name: String = operation
        .id
        .split(['.', '-'])
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect();
    record(&operation.input).name == name + "Input"
}

fn model(shape: &Shape) -> RoundTrip {
    let name = match shape {
        Shape::Variant(variant) => variant.name,
        other => record(other).name,
    };
    MODELS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no model of {name}"))
        .1
}

fn input(operation: &Operation) -> BoxedStrategy<Value> {
    fitting(&operation.input, &Hints::NONE, Reading::Input)
}

/// The schema and the check say the same. True: the value is accepted.
fn agree(operation: &Operation, validator: &jsonschema::Validator, value: &Value) -> bool {
    corpus::agree(&operation.input, validator, value)
}

// ---- schemas ----

#[test]
fn schemas_are_of_the_draft_that_they_name() {
    for operation in OPERATIONS {
        for (shape, reading) in [
            (Some(&operation.input), Reading::Input),
            (operation.output.as_ref(), Reading::Answer),
        ] {
            let Some(shape) = shape else { continue };
            let schema = schema(shape, reading);
            assert_eq!(
                schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
                "{}",
                operation.id
            );
            jsonschema::draft202012::meta::validate(&schema)
                .unwrap_or_else(|error| panic!("{}: {error}", operation.id));
            // References are followed, patterns are compiled.
            jsonschema::draft202012::new(&schema)
                .unwrap_or_else(|error| panic!("{}: {error}", operation.id));
        }
    }
}

#[test]
fn what_fits_is_accepted_by_schema_and_check() {
    for operation in OPERATIONS {
        let validator = validator(&operation.input, Reading::Input);
        run(192, &input(operation), |value| {
            assert!(
                agree(operation, &validator, &value),
                "{}: {value} is refused",
                operation.id
            )
        });
    }
}

#[test]
fn what_hardly_fits_is_judged_alike_by_schema_and_check() {
    for operation in OPERATIONS {
        let validator = validator(&operation.input, Reading::Input);
        let (accepted, refused) = (Cell::new(0), Cell::new(0));
        run(1024, &nearly_fitting(&operation.input), |value| {
            let count = if agree(operation, &validator, &value) {
                &accepted
            } else {
                &refused
            };
            count.set(count.get() + 1);
        });
        // One that takes nothing accepts the empty object alone.
        let least = if record(&operation.input).fields.is_empty() {
            0
        } else {
            20
        };
        assert!(
            accepted.get() > least && refused.get() > 200,
            "{}: {accepted:?} accepted, {refused:?} refused",
            operation.id
        );
    }
}

#[test]
fn any_json_is_judged_alike_by_schema_and_check() {
    for operation in OPERATIONS {
        let validator = validator(&operation.input, Reading::Input);
        run(128, &any_json().boxed(), |value| {
            agree(operation, &validator, &value);
        });
    }
}

#[test]
fn each_kind_of_fault_is_found_by_both() {
    let faulty = [
        ("people.create", json!({"firstName": 5})),
        ("people.create", json!({"firstname": "Ada"})),
        ("people.create", json!([])),
        (
            "people.create",
            json!({"emailAddresses": [{"type": "Home"}]}),
        ),
        (
            "people.create",
            json!({"emailAddresses": {"address": "a@b.example"}}),
        ),
        ("people.create", json!({"tags": [{"id": 5}]})),
        ("people.create", json!({"tags": [1.5]})),
        ("people.create", json!({"tags": [-1]})),
        (
            "people.create",
            json!({"tags": [9_007_199_254_740_992_u64]}),
        ),
        ("people.create", json!({"fields": {"": "x"}})),
        ("people.create", json!({"fields": {"Region": null}})),
        (
            "people.create",
            json!({"fields": {"Region": {"text": "x"}}}),
        ),
        (
            "people.create",
            json!({"fields": [{"definition": 1, "value": "x"}]}),
        ),
        ("people.create", json!({"embed": {"tags": "yes"}})),
        ("people.update", json!({})),
        ("people.update", json!({"id": null})),
        ("people.update", json!({"id": "5"})),
        ("people.update", json!({"id": 5, "emailAddresses": []})),
        ("people.upsert", json!({"matchBy": ["email"]})),
        ("people.upsert", json!({"matchBy": ["mail"], "person": {}})),
        ("people.upsert", json!({"matchBy": ["field"], "person": {}})),
        (
            "people.upsert",
            json!({"matchBy": [{"email": null}], "person": {}}),
        ),
        (
            "people.upsert",
            json!({"matchBy": [{"field": 5, "email": null}], "person": {}}),
        ),
        (
            "people.upsert",
            json!({"matchBy": [], "several": "Newest", "person": {}}),
        ),
        (
            "people.find",
            json!({"by": {"email": "a@b.example"}, "limit": 0}),
        ),
        (
            "people.find",
            json!({"by": {"email": "a@b.example"}, "limit": 501}),
        ),
        ("people.find", json!({"by": {"mail": "a@b.example"}})),
        ("people.find", json!({"by": {}})),
        (
            "people.find",
            json!({"by": {"email": "a@b.example", "phone": "1"}}),
        ),
        ("people.find", json!({"by": "email"})),
        ("people.find", json!({"by": {"field": {"definition": 7}}})),
        ("parties.list-all", json!({"since": "2026-02-30T00:00:00Z"})),
        ("parties.list-all", json!({"since": "yesterday"})),
        ("parties.list-deleted", json!({"since": null})),
        (
            "parties.filter",
            json!({"conditions": [{"field": "name", "operator": "is", "value": null, "more": 1}]}),
        ),
        (
            "parties.filter",
            json!({"conditions": [{"field": "name", "operator": "equals"}]}),
        ),
        (
            "parties.filter",
            json!({"conditions": [[{"field": "name", "operator": "is", "value": ["x"]}]]}),
        ),
        ("parties.filter", json!({"conditions": ["name"]})),
        ("parties.delete", json!({"id": -1})),
        ("parties.delete", json!({"id": 5, "force": true})),
    ];
    for (id, value) in faulty {
        let operation = contract::operation(id).unwrap();
        assert!(
            !agree(
                operation,
                &validator(&operation.input, Reading::Input),
                &value
            ),
            "{id} accepts {value}"
        );
    }
}

#[test]
fn each_spelling_of_an_input_is_accepted_by_both() {
    let right = [
        ("people.create", json!({})),
        (
            "people.create",
            json!({"firstName": null, "tags": null, "fields": null, "embed": {"tags": null}}),
        ),
        (
            "people.create",
            json!({"tags": [5, 5.0, "5", "VIP"], "organisation": "Acme", "owner": 7}),
        ),
        (
            "people.create",
            json!({"fields": {"46": "EMEA", "Region": 5, "Newsletter": true, "Interests": ["Tea"]}}),
        ),
        (
            "people.update",
            json!({"id": 5.0, "firstName": null, "lastName": "Lovelace", "organisation": null}),
        ),
        (
            "people.update",
            json!({"id": 5, "fields": {"46": null}, "tags": {"replace": []}}),
        ),
        (
            "people.upsert",
            json!({"matchBy": ["email", {"field": 5}, {"field": "Code"}], "several": "newest", "person": {"lastName": "X"}}),
        ),
        (
            "people.find",
            json!({"by": {"field": {"definition": "46", "value": "x"}}}),
        ),
        (
            "people.find",
            json!({"by": {"field": {"definition": "99999999999999999999", "value": "x"}}, "limit": 500}),
        ),
        (
            "parties.list-all",
            json!({"since": "2026-02-03T09:15:00.250+01:00", "limit": null}),
        ),
        (
            "parties.filter",
            json!({"conditions": [{"field": "name", "operator": "is not"}, [{"field": "custom:5", "operator": "is", "value": 5}]],
                   "orderBy": [{"field": "name", "direction": "descending"}]}),
        ),
        ("parties.delete", json!({"id": 9_007_199_254_740_991_u64})),
    ];
    for (id, value) in right {
        let operation = contract::operation(id).unwrap();
        assert!(
            agree(
                operation,
                &validator(&operation.input, Reading::Input),
                &value
            ),
            "{id} refuses {value}"
        );
    }
}

#[test]
fn a_schema_without_asserted_formats_still_refuses_what_is_no_date() {
    let operation = contract::operation("parties.list-all").unwrap();
    let validator =
        jsonschema::draft202012::new(&schema(&operation.input, Reading::Input)).unwrap();
    for since in [
        "yesterday",
        "2026-02-03",
        "2026-02-03T09:15:00",
        "1770110100",
    ] {
        assert!(!validator.is_valid(&json!({"since": since})), "{since}");
    }
    assert!(validator.is_valid(&json!({"since": "2026-02-03T09:15:00Z"})));
}

// ---- from JSON to the model and back ----

#[test]
fn an_input_comes_back_from_the_model_as_it_was() {
    for operation in OPERATIONS
        .iter()
        .filter(|operation| !takes_scalars(operation))
    {
        let validator = validator(&operation.input, Reading::Input);
        let model = model(&operation.input);
        run(192, &input(operation), |mut value| {
            assert_eq!(
                faults(&operation.input, &mut value, Reading::Input),
                [""; 0],
                "{}",
                operation.id
            );
            let back = model(value.clone());
            assert!(
                validator.is_valid(&back),
                "{}: {value} came back as {back}",
                operation.id
            );
            assert_eq!(
                lean(value, Reading::Input),
                lean(back.clone(), Reading::Input),
                "{}",
                operation.id
            );
            assert_eq!(model(back.clone()), back, "{}", operation.id);
        });
    }
}

#[test]
fn an_output_fits_its_schema_and_holds_what_the_vendor_sent() {
    for operation in OPERATIONS {
        let Some(output) = &operation.output else {
            continue;
        };
        let validator = validator(output, Reading::Answer);
        let model = model(output);
        run(
            128,
            &fitting(output, &Hints::NONE, Reading::Answer),
            |mut value| {
                let sent = value.clone();
                assert_eq!(
                    faults(output, &mut value, Reading::Answer),
                    [""; 0],
                    "{}: {sent}",
                    operation.id
                );
                let passed = value.clone();
                assert_eq!(
                    lean(sent, Reading::Answer),
                    lean(passed, Reading::Answer),
                    "{}",
                    operation.id
                );
                if let Err(error) = validator.validate(&value) {
                    panic!("{}: {error}\n{value}", operation.id);
                }
                // What is passed on as it was checked is what the model would have made of it.
                assert_eq!(model(value.clone()), value, "{}", operation.id);
            },
        );
    }
}

#[test]
fn rows_that_pass_as_text_are_those_that_pass_as_trees() {
    let mut shapes = 0;
    for operation in OPERATIONS.iter().filter(|operation| operation.paged) {
        let items = record(operation.output.as_ref().unwrap()).fields;
        let items = items.iter().find(|field| field.json == "items").unwrap();
        let Shape::List(Shape::Record(row)) = items.shape else {
            continue;
        };
        shapes += 1;
        let shape = Shape::Record(row);
        let one = prop_oneof![
            9 => fitting(&shape, &Hints::NONE, Reading::Answer),
            1 => nearly_fitting(&shape),
        ];
        let page = (prop::collection::vec(one, 0..4), 0..3usize, 0..4usize).boxed();
        let (as_text, as_trees) = (Cell::new(0), Cell::new(0));
        run(128, &page, |(rows, skip, most)| {
            let text = json!({"meta": {"totalCount": 7}, "of": rows, "ofTomorrow": [{}]});
            let wanted = Wanted {
                key: "of",
                skip,
                most,
                row,
                spelling: Spelling::NONE,
            };
            let mut out = String::new();
            let passed = pass(text.to_string().as_bytes(), &wanted, &mut out);
            let mut trees: Vec<_> = rows.iter().skip(skip).take(most).cloned().collect();
            let judged = trees
                .iter_mut()
                .flat_map(|row| faults(&shape, row, Reading::Answer));
            let found: Vec<_> = judged.collect();
            let Some(passed) = passed else {
                assert_eq!(out, "", "{}", operation.id);
                as_trees.set(as_trees.get() + 1);
                return;
            };
            assert_eq!(found, [""; 0], "{}: {text}", operation.id);
            let told: Value = serde_json::from_str(&format!("[{out}]")).unwrap();
            assert_eq!(told, Value::from(trees), "{}: {text}", operation.id);
            let expected = Passed {
                rows: rows.len(),
                written: rows.len().saturating_sub(skip).min(most),
                total: Some(7),
            };
            assert_eq!(passed, expected, "{}: {text}", operation.id);
            as_text.set(as_text.get() + 1);
        });
        assert!(
            as_text > as_trees,
            "{}: {as_text:?} passed, {as_trees:?} did not",
            operation.id
        );
    }
    assert!(shapes > 20, "{shapes}");
}

#[test]
fn null_and_absence_are_two_changes() {
    let model = model(&contract::operation("people.update").unwrap().input);
    let sent = json!({"id": 5, "firstName": null, "lastName": "Lovelace", "organisation": null, "owner": 7, "fields": {"46": null}});
    let back = model(sent.clone());
    for key in [
        "id",
        "firstName",
        "lastName",
        "organisation",
        "owner",
        "fields",
    ] {
        assert_eq!(back.get(key), sent.get(key), "{key}");
    }
    for key in ["title", "about", "team", "tags", "emailAddresses"] {
        assert_eq!(back.get(key), None, "{key}");
    }
}

// ---- hostile input ----

#[test]
fn any_json_is_read_without_a_panic() {
    for operation in OPERATIONS {
        run(128, &any_json().boxed(), |value| {
            let _ = check(&operation.input, &mut value.clone(), Reading::Input);
            if let Some(output) = &operation.output {
                let _ = check(output, &mut value.clone(), Reading::Answer);
                // Even what the check would have refused.
                model(output)(value.clone());
            }
            if !takes_scalars(operation) {
                model(&operation.input)(value);
            }
        });
    }
}

/// Faults are for a person to read, however long what was sent.
fn assert_short(faults: &[capsule_crm::bindings::integration::connector::types::Violation]) {
    assert!(!faults.is_empty());
    assert!(faults.len() <= 100, "{} faults", faults.len());
    for fault in faults {
        assert!(
            fault.message.chars().count() < 1_000,
            "{} characters",
            fault.message.chars().count()
        );
        assert!(
            fault.pointer.len() < 1_000,
            "a pointer of {} bytes",
            fault.pointer.len()
        );
    }
}

#[test]
fn long_texts_give_short_faults() {
    let long = "ü".repeat(100_000);
    for (id, mut value) in [
        ("people.create", json!({long.as_str(): 1})),
        ("people.create", json!({"fields": {long.as_str(): {}}})),
        (
            "people.create",
            json!({"fields": {long.as_str(): [1, 2, 3]}}),
        ),
        (
            "people.upsert",
            json!({"matchBy": [long.as_str()], "several": long.as_str(), "person": {}}),
        ),
        ("people.find", json!({"by": {long.as_str(): 1}})),
        ("parties.list-all", json!({"since": long.as_str()})),
        (
            "parties.filter",
            json!({"conditions": [{"field": "name", "operator": long.as_str()}]}),
        ),
    ] {
        assert_short(&check(
            &contract::operation(id).unwrap().input,
            &mut value,
            Reading::Input,
        ));
    }
}

#[test]
fn no_more_than_a_hundred_faults_are_told() {
    let many = |value: Value| Value::from(vec![value; 20_000]);
    let keys: serde_json::Map<_, _> = (0..20_000)
        .map(|index| (format!("key{index}"), Value::Null))
        .collect();
    for (id, mut value) in [
        ("people.create", json!({"tags": many(json!(1.5))})),
        (
            "people.create",
            json!({"tags": many(json!([])), "websites": many(json!({"adress": 1}))}),
        ),
        ("people.create", json!({"fields": keys})),
        ("people.create", Value::Object(keys.clone())),
        (
            "people.upsert",
            json!({"matchBy": many(json!("e-mail")), "person": {}}),
        ),
    ] {
        let faults = check(
            &contract::operation(id).unwrap().input,
            &mut value,
            Reading::Input,
        );
        assert_short(&faults);
        assert_eq!(faults.len(), 100, "{id}");
    }
}

#[test]
fn a_pointer_finds_what_it_points_at() {
    let mut value = json!({"fields": {"a/b~c": {"text": 1}}, "emailAddresses": [{"address": "a@b.example"}, {"address": 5}], "tags": [1.5]});
    let before = value.clone();
    let faults = check(
        &contract::operation("people.create").unwrap().input,
        &mut value,
        Reading::Input,
    );
    let found: Vec<_> = faults
        .iter()
        .map(|fault| (fault.pointer.as_str(), before.pointer(&fault.pointer)))
        .collect();
    assert_eq!(
        found,
        [
            ("/emailAddresses/1/address", Some(&json!(5))),
            ("/tags/0", Some(&json!(1.5))),
            ("/fields/a~1b~0c", Some(&json!({"text": 1}))),
        ]
    );
}

/// What a hostile caller may write instead of JSON.
#[test]
fn any_text_gives_an_answer() {
    let hostile = [
        "[".repeat(200_000),
        "{\"a\":".repeat(200_000),
        format!("{}1{}", "[".repeat(100), "]".repeat(100)),
        "{\"firstName\":\"\\ud800\"}".into(),
        "{\"id\":1e400}".into(),
        "{\"id\":-}".into(),
        format!("{{\"id\":{}}}", "9".repeat(10_000)),
        "\u{feff}{}".into(),
        "{\"id\":1,\"id\":\"two\"}".into(),
        "nul".into(),
        "\u{0}".into(),
    ];
    for operation in OPERATIONS {
        for text in &hostile {
            let error = invoke(operation.id, text).unwrap_err();
            assert!(
                error.contains("InvalidInput"),
                "{}: {error:.200}",
                operation.id
            );
        }
        run(24, &any::<String>().boxed(), |text| {
            // A text may be an input by chance: an empty one stands for an empty object.
            let _ = invoke(operation.id, &text);
        });
    }
}

/// Runs an operation where nothing can be sent.
fn invoke(id: &str, input: &str) -> Result<String, String> {
    use capsule_crm::api::{Client, Lost, Sending, Settings, Transport};
    struct Nowhere;
    impl Transport for Nowhere {
        fn send(&self, _: http::Request<Vec<u8>>) -> Sending<'_> {
            Box::pin(std::future::ready(Err(Lost::Denied(
                "a test sends nothing".into(),
            ))))
        }
        fn elapsed(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
    }
    let client = Client::new(
        Nowhere,
        Settings {
            access_token: Some("token".into()),
            ..Settings::default()
        },
    );
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(capsule_crm::actions::invoke(&client, id, input)).poll(&mut context) {
        std::task::Poll::Ready(outcome) => outcome.map_err(|error| format!("{error:?}")),
        std::task::Poll::Pending => panic!("{id} waits, though nothing was sent"),
    }
}

// ---- the typed face ----

#[test]
fn typed_arguments_and_results_lie_as_the_canonical_abi_has_them() {
    let all: Vec<_> = OPERATIONS
        .iter()
        .chain(EVENT_FUNCTIONS)
        .map(|operation| (operation.id, &operation.input, operation.output.as_ref()))
        .collect();
    let error = &<capsule_crm::bindings::integration::connector::types::Error as Json>::SHAPE;
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");
    memory::held_against_wit_parser(wit.as_ref(), "typed", &all, error);
}

#[test]
fn neutral_arguments_and_results_lie_as_the_canonical_abi_has_them() {
    let all: Vec<_> = FUNCTIONS
        .iter()
        .map(|function| (function.name, &function.input, function.output.as_ref()))
        .collect();
    assert_eq!(all.len(), 16, "{all:?}");
    let error = &<capsule_crm::bindings::integration::connector::types::Error as Json>::SHAPE;
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");
    memory::held_against_wit_parser(wit.as_ref(), "slim", &all, error);
}

#[test]
fn a_number_beyond_json_is_given_as_it_is() {
    let poll = FUNCTIONS.iter().find(|row| row.name == "triggers.poll");
    let batch = poll.unwrap().output.as_ref().unwrap();
    let mut memory = memory::Ledger::default();
    let at = memory::laid_out(&mut memory, batch, json!({"pollAgainAfterMs": u64::MAX}));
    let lifted = lift(&mut memory, batch, Arguments::Memory(at)).unwrap();
    assert_eq!(lifted["pollAgainAfterMs"], u64::MAX);
}

/// What a function takes and gives, of the types that have a model.
fn neutral_models() -> Vec<(&'static Shape, RoundTrip)> {
    let fields = FUNCTIONS.iter().flat_map(|function| {
        let params = record(&function.input).fields.iter();
        params
            .map(|field| &field.shape)
            .chain(function.output.as_ref())
    });
    let all: Vec<_> = fields
        .filter_map(|shape| {
            let named = match shape {
                Shape::List(item) => item,
                other => other,
            };
            let name = match named {
                Shape::Record(record) => record.name,
                Shape::Variant(variant) => variant.name,
                Shape::Enum(all) => all.name,
                _ => return None,
            };
            let model = NEUTRAL_MODELS.iter().find(|(known, _)| *known == name);
            Some((
                named,
                model.unwrap_or_else(|| panic!("no model of {name}")).1,
            ))
        })
        .collect();
    assert!(all.len() >= 20, "{}", all.len());
    all
}

#[test]
fn what_neutral_functions_take_and_give_comes_back_from_model_and_memory() {
    for (shape, model) in neutral_models() {
        run(
            60,
            &fitting(shape, &Hints::NONE, Reading::Input),
            |mut value| {
                assert!(check(shape, &mut value, Reading::Input).is_empty());
                let value = model(value);
                let mut memory = memory::Ledger::default();
                let at = memory::laid_out(&mut memory, shape, value.clone());
                let lifted = lift(&mut memory, shape, Arguments::Memory(at)).unwrap();
                assert_eq!(memory.taken(), 0, "memory is kept");
                assert_eq!(
                    lean(model(lifted), Reading::Input),
                    lean(value, Reading::Input)
                );
            },
        );
    }
}

#[test]
fn typed_arguments_come_to_the_json_that_they_are() {
    for operation in OPERATIONS.iter().chain(EVENT_FUNCTIONS) {
        run(30, &input(operation), |mut value| {
            assert!(check(&operation.input, &mut value, Reading::Input).is_empty());
            for flat in [false, true] {
                let mut memory = memory::Ledger::default();
                let at = memory::laid_out(&mut memory, &operation.input, value.clone());
                let lifted = if flat {
                    let mut bits = Vec::new();
                    memory::flatten(&operation.input, &memory, at, &mut bits);
                    memory.forget(at);
                    lift(&mut memory, &operation.input, Arguments::Flat(&bits))
                } else {
                    lift(&mut memory, &operation.input, Arguments::Memory(at))
                };
                assert_eq!(memory.taken(), 0, "{}: memory is kept", operation.id);
                let lifted = lifted.unwrap_or_else(|faults| panic!("{value}: {faults:?}"));
                assert_eq!(
                    lean(lifted, Reading::Input),
                    lean(value.clone(), Reading::Input),
                    "{}",
                    operation.id
                );
            }
        });
    }
}

// ---- texts ----

#[test]
fn every_item_of_both_packages_is_documented() {
    let mut resolve = wit_parser::Resolve::default();
    resolve
        .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit"))
        .unwrap();
    let mut bare = Vec::new();
    let mut item = |name: String, docs: &wit_parser::Docs| {
        if docs
            .contents
            .as_deref()
            .is_none_or(|docs| docs.trim().is_empty())
        {
            bare.push(name);
        }
    };
    for (_, world) in &resolve.worlds {
        item(world.name.clone(), &world.docs);
    }
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.clone().unwrap_or_default();
        item(name.clone(), &interface.docs);
        for function in interface.functions.values() {
            item(format!("{name}.{}", function.name), &function.docs);
        }
        for (type_name, id) in &interface.types {
            let def = &resolve.types[*id];
            let name = format!("{name}.{type_name}");
            match &def.kind {
                // Taken over from another interface, where it is documented.
                wit_parser::TypeDefKind::Type(wit_parser::Type::Id(_)) => continue,
                wit_parser::TypeDefKind::Record(record) => record
                    .fields
                    .iter()
                    .for_each(|field| item(format!("{name}.{}", field.name), &field.docs)),
                wit_parser::TypeDefKind::Variant(variant) => variant
                    .cases
                    .iter()
                    .for_each(|case| item(format!("{name}.{}", case.name), &case.docs)),
                wit_parser::TypeDefKind::Enum(all) => all
                    .cases
                    .iter()
                    .for_each(|case| item(format!("{name}.{}", case.name), &case.docs)),
                _ => {}
            }
            item(name, &def.docs);
        }
    }
    assert!(bare.is_empty(), "without a doc comment: {bare:#?}");
}

/// Calls back with the name and the text of everything that a shape says to people.
fn texts(shape: &Shape, seen: &mut Vec<&'static str>, found: &mut impl FnMut(&str, &str)) {
    let mut new = |name: &'static str| {
        let new = !seen.contains(&name);
        seen.push(name);
        new
    };
    match *shape {
        Shape::Boolean
        | Shape::Integer(_)
        | Shape::Number
        | Shape::Text
        | Shape::Json
        | Shape::Bytes => {}
        Shape::List(inner) | Shape::Option(inner) | Shape::Change(inner) => {
            texts(inner, seen, found)
        }
        Shape::Map(record) | Shape::Record(record) => {
            if new(record.name) {
                // Scalars carry no docs.
                if !record.name.ends_with("Input") {
                    found(record.name, record.doc);
                    record.fields.iter().for_each(|field| {
                        found(&format!("{}.{}", record.name, field.json), field.doc)
                    });
                }
                record
                    .fields
                    .iter()
                    .for_each(|field| texts(&field.shape, seen, found));
            }
        }
        Shape::Enum(all) => {
            if new(all.name) {
                found(all.name, all.doc);
                all.cases
                    .iter()
                    .for_each(|(case, doc)| found(&format!("{}.{case}", all.name), doc));
            }
        }
        Shape::Variant(variant) => {
            if new(variant.name) {
                found(variant.name, variant.doc);
                for case in variant.cases {
                    found(&format!("{}.{}", variant.name, case.json), case.doc);
                    if let Some(shape) = &case.shape {
                        texts(shape, seen, found);
                    }
                }
            }
        }
    }
}

/// A tag that is not taken out would be read by people. An `@` inside of a text is none.
fn has_tag(text: &str) -> bool {
    text.split(char::is_whitespace)
        .any(|word| word.starts_with('@'))
}

#[test]
fn titles_are_for_menus() {
    for Operation { id, title, .. } in OPERATIONS {
        assert!(title.starts_with(char::is_uppercase), "{id}: {title}");
        assert!(title.contains(' '), "{id}: `{title}` has no object");
        assert!(!title.ends_with(['.', '!', '?', ':', ' ']), "{id}: {title}");
        assert!(
            !title.contains(". ") && !title.contains(['`', '\n']),
            "{id}: `{title}` is more than a title"
        );
        assert!(title.chars().count() <= 60, "{id}: {title}");
        assert!(!has_tag(title), "{id}: {title}");
    }
}

#[test]
fn help_is_whole_sentences_without_tags() {
    for Operation { id, help, .. } in OPERATIONS {
        assert!(help.is_empty() || help.ends_with('.'), "{id}: {help}");
        assert!(!has_tag(help), "{id}: {help}");
    }
    let mut seen = Vec::new();
    let mut count = 0;
    for operation in OPERATIONS {
        for shape in [Some(&operation.input), operation.output.as_ref()]
            .into_iter()
            .flatten()
        {
            texts(shape, &mut seen, &mut |name, text| {
                count += 1;
                assert!(text.ends_with('.'), "{name}: {text}");
                assert!(
                    text.starts_with(|first: char| first.is_uppercase() || first == '`'),
                    "{name}: {text}"
                );
                assert!(!has_tag(text), "{name}: {text}");
            });
        }
    }
    assert!(count > 300, "{count} texts are too few to be all");
}

#[test]
fn every_field_has_a_title() {
    fn walk(shape: &Shape) {
        match *shape {
            Shape::List(inner) | Shape::Option(inner) | Shape::Change(inner) => walk(inner),
            Shape::Map(record) | Shape::Record(record) => {
                for field in record.fields {
                    assert!(
                        field.title().starts_with(char::is_uppercase),
                        "{}.{}: {}",
                        record.name,
                        field.json,
                        field.title()
                    );
                    assert!(
                        !field.title().contains(['-', '_', '.']),
                        "{}.{}: {}",
                        record.name,
                        field.json,
                        field.title()
                    );
                    walk(&field.shape);
                }
            }
            Shape::Variant(variant) => variant
                .cases
                .iter()
                .filter_map(|case| case.shape.as_ref())
                .for_each(walk),
            _ => {}
        }
    }
    for operation in OPERATIONS {
        walk(&operation.input);
        operation.output.iter().for_each(walk);
    }
}

// ---- snapshots: what a change of the contract changes ----

#[test]
fn operations_and_their_effects() {
    let lines: Vec<_> = OPERATIONS
        .iter()
        .map(|operation| {
            let Operation {
                id,
                title,
                effect,
                repeat_safe,
                paged,
                scopes,
                ..
            } = operation;
            let effect = format!("{effect:?}").to_lowercase();
            let repeat = if *repeat_safe { "repeat-safe" } else { "once" };
            let paged = if *paged { "paged" } else { "" };
            format!(
                "{id:32} {effect:12} {repeat:12} {paged:6} {:6} {title}",
                scopes.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn schema_of_people_create() {
    insta::assert_json_snapshot!(schema(
        &contract::operation("people.create").unwrap().input,
        Reading::Input
    ));
}

/// The WIT of a package, as the component carries it.
fn wit(package: &str) -> String {
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_dir("wit").unwrap();
    let (id, _) = resolve
        .packages
        .iter()
        .find(|(_, known)| known.name.to_string() == package)
        .unwrap();
    let mut printer = wit_component::WitPrinter::default();
    printer.print(&resolve, id, &[]).unwrap();
    printer.output.to_string()
}

#[test]
fn wit_of_capsule_crm() {
    insta::assert_snapshot!(wit("capsule:crm@0.1.0"));
}

#[test]
fn wit_of_integration_connector() {
    insta::assert_snapshot!(wit("integration:connector@0.1.0"));
}
