//! The schemas of inputs and outputs, alike for every account or with the account's custom fields.

use super::Described;
use crate::api::Client;
use crate::bindings::exports::integration::connector::catalog::SchemaPair;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Reading, Record, Shape, fingerprint, schema};
use crate::model::field::{Definition, Entity, FieldType};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// Where custom fields stand.
struct Home {
    entity: Entity,
    /// The kind of choices of a key that is one of them.
    kind: &'static str,
    /// The record that carries them under `fields` when it is read.
    record: &'static str,
}

/// One line for each entity that has custom fields.
const HOMES: [Home; 3] = [
    Home {
        entity: Entity::Parties,
        kind: "party-field",
        record: "Party",
    },
    Home {
        entity: Entity::Opportunities,
        kind: "opportunity-field",
        record: "Opportunity",
    },
    Home {
        entity: Entity::Projects,
        kind: "project-field",
        record: "Project",
    },
];

/// Schemas of the ids, in their order. Reads no environment and sends nothing.
///
/// # Errors
/// `unsupported` for an id that does not exist.
pub fn general_schemas(ids: &[String]) -> Result<Vec<SchemaPair>, Error> {
    ids.iter()
        .map(|id| Ok(pair(id, &rendered(super::known(id)?))))
        .collect()
}

/// The same with the account's custom fields, where an input or an output has some. One list of definitions is read for each kind of
/// record, for any number of ids.
///
/// # Errors
/// `unsupported` for an id that does not exist, before anything is sent; and what sending gives.
pub async fn account_schemas(client: &Client, ids: &[String]) -> Result<Vec<SchemaPair>, Error> {
    let operations: Vec<_> = ids
        .iter()
        .map(|id| super::known(id))
        .collect::<Result<_, _>>()?;
    let mut pairs: Vec<_> = operations
        .iter()
        .map(|operation| rendered(*operation))
        .collect();
    for home in &HOMES {
        let mut wanted = false;
        for (operation, pair) in operations.iter().zip(&mut pairs) {
            pair.each_fields(*operation, home, &mut |_, _| wanted = true);
        }
        if !wanted {
            continue;
        }
        let definitions: Rc<Vec<Definition>> = client.definitions(home.entity).await?;
        for (operation, pair) in operations.iter().zip(&mut pairs) {
            let audience = Audience::of(*operation);
            pair.each_fields(*operation, home, &mut |fields, reading| {
                merge(fields, &definitions, audience, reading)
            });
        }
    }
    Ok(ids
        .iter()
        .zip(&pairs)
        .map(|(id, rendered)| pair(id, rendered))
        .collect())
}

/// The schemas of an operation.
struct Rendered {
    input: Value,
    output: Value,
}

fn rendered(operation: Described) -> Rendered {
    let output = match operation.output {
        Some(output) => schema(output, Reading::Answer),
        None => json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "null"}),
    };
    Rendered {
        input: schema(operation.input, Reading::Input),
        output,
    }
}

fn pair(id: &str, rendered: &Rendered) -> SchemaPair {
    let (input, output) = (
        capsule_json::text(&rendered.input),
        capsule_json::text(&rendered.output),
    );
    // A line break stands in no JSON that is written on one line: the pair can't be cut in another place.
    let fingerprint = format!(
        "{:016x}",
        fingerprint(format!("{input}\n{output}").as_bytes())
    );
    SchemaPair {
        id: id.to_owned(),
        input,
        output,
        fingerprint,
    }
}

impl Rendered {
    /// Calls back with every object schema whose keys are custom fields of an entity.
    fn each_fields(
        &mut self,
        operation: Described,
        home: &Home,
        found: &mut impl FnMut(&mut Map<String, Value>, Reading),
    ) {
        each_map(&mut self.input, home.kind, &mut |fields| {
            found(fields, Reading::Input)
        });
        let is_root = matches!(operation.output, Some(Shape::Record(Record { name, .. })) if *name == home.record);
        let place = if is_root {
            "/properties/fields".to_owned()
        } else {
            format!("/$defs/{}/properties/fields", home.record)
        };
        if let Some(Value::Object(fields)) = self.output.pointer_mut(&place) {
            found(fields, Reading::Answer);
        }
    }
}

/// Every object schema whose keys are chosen by a kind of choices.
fn each_map(schema: &mut Value, kind: &str, found: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            let chosen = object
                .get("x-choices")
                .and_then(|choices| choices.get("kind"))
                .and_then(Value::as_str)
                == Some(kind);
            if chosen && object.contains_key("propertyNames") {
                found(object);
            } else {
                object
                    .values_mut()
                    .for_each(|value| each_map(value, kind, found));
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| each_map(value, kind, found)),
        _ => {}
    }
}

/// Whose fields an operation sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    People,
    Organisations,
    All,
}

impl Audience {
    pub(super) fn of(operation: Described) -> Self {
        match operation.id.split_once('.') {
            Some(("people" | "person", _)) => Self::People,
            Some(("organisations" | "organisation", _)) => Self::Organisations,
            _ => Self::All,
        }
    }

    /// Whether records of this audience can have the field (`captureRule`, API reference 3.7).
    pub(super) fn sees(self, definition: &Definition) -> bool {
        match (self, definition.capture_rule.as_deref()) {
            (Self::People, Some(rule)) => rule != "organisation",
            (Self::Organisations, Some(rule)) => rule != "person",
            (Self::All, _) | (_, None) => true,
        }
    }
}

/// Names the account's fields, keyed by the id of their definition. Other keys stay allowed: in inputs a field may be named too.
fn merge(
    fields: &mut Map<String, Value>,
    definitions: &[Definition],
    audience: Audience,
    reading: Reading,
) {
    let clears = fields.get("additionalProperties").is_some_and(takes_null);
    let properties: Map<String, Value> = definitions
        .iter()
        .filter(|definition| audience.sees(definition))
        .map(|definition| {
            // A boolean field can't be cleared (API reference 2.3).
            let clears = clears && definition.kind != FieldType::Boolean;
            (
                definition.id.to_string(),
                Value::Object(property(definition, clears, reading)),
            )
        })
        .collect();
    fields.insert("properties".into(), Value::Object(properties));
}

fn takes_null(schema: &Value) -> bool {
    let null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    schema
        .get("anyOf")
        .and_then(Value::as_array)
        .is_some_and(|cases| cases.iter().any(null))
}

/// The schema of one custom field. Inputs are held to one spelling of a value, although the check lets others pass (a number as text, an
/// option in another case). Outputs may hold what was stored before the definition changed.
fn property(definition: &Definition, clears: bool, reading: Reading) -> Map<String, Value> {
    let mut options: Vec<Value> = Vec::new();
    for option in &definition.options {
        if !options.iter().any(|known| known == option) {
            options.push(option.as_str().into());
        }
    }
    let kind = |name: &str| {
        if clears {
            json!([name, "null"])
        } else {
            json!(name)
        }
    };
    let option = match (reading, options.is_empty()) {
        (_, true) => json!({"type": "string"}),
        (Reading::Input, false) => json!({"type": "string", "enum": options}),
        (Reading::Answer, false) => json!({"type": "string", "examples": options}),
    };
    let typed = match (definition.kind, reading) {
        (FieldType::Text | FieldType::Link, _) => json!({"type": kind("string")}),
        // Most validators take a format for a remark.
        (FieldType::Date, Reading::Input) => {
            json!({"type": kind("string"), "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
        }
        (FieldType::Date, Reading::Answer) => json!({"type": "string", "format": "date"}),
        (FieldType::Boolean, _) => json!({"type": kind("boolean")}),
        (FieldType::Number, Reading::Input) => json!({"type": kind("number")}),
        // A number that would lose digits stays a text.
        (FieldType::Number, Reading::Answer) => json!({"type": ["number", "string"]}),
        (FieldType::MultiSelect, Reading::Input) => {
            json!({"type": kind("array"), "items": option, "uniqueItems": true})
        }
        (FieldType::MultiSelect, Reading::Answer) => json!({"type": "array", "items": option}),
        (FieldType::List, _) => match option {
            Value::Object(mut option) if clears => {
                option.insert("type".into(), kind("string"));
                if let Some(Value::Array(values)) = option.get_mut("enum") {
                    values.push(Value::Null);
                }
                Value::Object(option)
            }
            option => option,
        },
    };
    let mut property = match typed {
        Value::Object(property) => property,
        _ => Map::new(),
    };
    property.insert("title".into(), definition.name.as_str().into());
    if let Some(description) = &definition.description {
        property.insert("description".into(), description.as_str().into());
    }
    if definition.important {
        property.insert("x-important".into(), true.into());
    }
    if let Some((_, tag)) = &definition.tag {
        property.insert("x-group".into(), tag.as_str().into());
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::script::{Script, block_on};
    use crate::bindings::integration::connector::types::PermanentError;
    use crate::contract::{OPERATIONS, TRIGGERS, check, operation};

    fn ids(all: &[&str]) -> Vec<String> {
        all.iter().map(|&id| id.to_owned()).collect()
    }

    fn every_id() -> Vec<String> {
        let ids = OPERATIONS.iter().map(|operation| operation.id);
        ids.chain(TRIGGERS.iter().map(|trigger| trigger.id))
            .map(ToOwned::to_owned)
            .collect()
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn assert_valid(pairs: &[SchemaPair]) {
        for pair in pairs {
            for text in [&pair.input, &pair.output] {
                let schema = parsed(text);
                assert_eq!(
                    schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
                    "{}",
                    pair.id
                );
                jsonschema::draft202012::meta::validate(&schema)
                    .unwrap_or_else(|error| panic!("{}: {error}", pair.id));
                // References are followed too.
                jsonschema::draft202012::new(&schema)
                    .unwrap_or_else(|error| panic!("{}: {error}", pair.id));
            }
        }
    }

    fn definitions(script: Script, entity: &str, rows: Value) -> Script {
        script.on(
            "GET",
            &format!("/api/v2/{entity}/fields/definitions?page=1&perPage=100"),
            200,
            json!({ "definitions": rows }),
        )
    }

    fn of_parties() -> Value {
        json!([
            {"id": 46, "name": "Region", "type": "list", "options": ["EMEA", "APAC", "EMEA"], "important": true, "description": "Where they buy"},
            {"id": 47, "name": "Interests", "type": "multiselectlist", "options": ["Tea", "Rum"]},
            {"id": 48, "name": "Birthday", "type": "date", "captureRule": "person"},
            {"id": 49, "name": "Newsletter", "type": "boolean", "tag": {"id": 3, "name": "Marketing"}},
            {"id": 50, "name": "Seats", "type": "number"},
            {"id": 51, "name": "VAT number", "type": "text", "captureRule": "organisation"},
            {"id": 52, "name": "Wiki", "type": "link"},
            {"id": 53, "name": "Empty list", "type": "list", "options": []},
            {"id": 54, "name": "Of tomorrow", "type": "hologram"},
        ])
    }

    fn account(id: &str) -> (Value, Value) {
        let (client, _) = definitions(Script::new(), "parties", of_parties()).client();
        let pair = block_on(account_schemas(&client, &ids(&[id])))
            .unwrap()
            .remove(0);
        assert_valid(std::slice::from_ref(&pair));
        (parsed(&pair.input), parsed(&pair.output))
    }

    fn fits(schema: &Value, instance: &Value) -> bool {
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(schema)
            .unwrap()
            .is_valid(instance)
    }

    #[test]
    fn every_general_schema_is_valid() {
        let pairs = general_schemas(&every_id()).unwrap();
        assert_eq!(pairs.len(), OPERATIONS.len() + TRIGGERS.len());
        assert_valid(&pairs);
    }

    #[test]
    fn a_schema_renders_what_the_contract_says() {
        let pair = general_schemas(&ids(&["organisations.create"]))
            .unwrap()
            .remove(0);
        insta::assert_json_snapshot!(parsed(&pair.input));
    }

    #[test]
    fn every_account_schema_is_valid_and_a_few_requests_do_for_all() {
        let script = definitions(Script::new(), "parties", of_parties());
        let script = definitions(
            script,
            "opportunities",
            json!([{"id": 46, "name": "Source", "type": "list", "options": ["Web"]}]),
        );
        let script = definitions(script, "kases", json!([]));
        let (client, log) = script.client();
        let twice: Vec<String> = every_id().into_iter().chain(every_id()).collect();
        let pairs = block_on(account_schemas(&client, &twice)).unwrap();
        assert_eq!(
            (pairs.len(), log.count()),
            (2 * (OPERATIONS.len() + TRIGGERS.len()), 3)
        );
        assert_valid(&pairs);
        let deals = pairs
            .iter()
            .find(|pair| pair.id == "parties.list-opportunities")
            .unwrap();
        let source = parsed(&deals.output)
            .pointer("/$defs/Opportunity/properties/fields/properties/46/title")
            .cloned();
        assert_eq!(source, Some(json!("Source")));
    }

    #[test]
    fn the_fields_of_an_account_are_named_typed_and_marked() {
        let (input, output) = account("organisations.create");
        insta::assert_json_snapshot!("account_input_fields", input["properties"]["fields"]);
        insta::assert_json_snapshot!("account_output_fields", output["properties"]["fields"]);
    }

    #[test]
    fn people_have_no_fields_of_organisations_and_the_other_way_round() {
        let has = |schema: &Value, pointer: &str, id: &str| {
            schema
                .pointer(&format!("{pointer}/fields/properties/{id}"))
                .is_some()
        };
        for (operation, input_at, output_at, person, organisation) in [
            ("people.create", "/properties", "/properties", true, false),
            (
                "people.upsert",
                "/$defs/NewPerson/properties",
                "/$defs/Party/properties",
                true,
                false,
            ),
            (
                "organisations.update",
                "/properties",
                "/properties",
                false,
                true,
            ),
        ] {
            let (input, output) = account(operation);
            for (schema, at) in [(&input, input_at), (&output, output_at)] {
                assert_eq!(
                    (has(schema, at, "48"), has(schema, at, "51")),
                    (person, organisation),
                    "{operation} {at}"
                );
                assert!(has(schema, at, "46"), "{operation} {at}");
            }
        }
        let (_, either) = account("parties.get");
        assert!(has(&either, "/properties", "48") && has(&either, "/properties", "51"));
    }

    #[test]
    fn values_are_held_to_the_type_of_their_definition() {
        let (schema, _) = account("people.create");
        for (key, value, right) in [
            ("46", json!("EMEA"), true),
            ("46", json!("Mars"), false),
            ("46", json!(null), false),
            ("47", json!(["Tea", "Rum"]), true),
            ("47", json!(["Gin"]), false),
            ("47", json!("Tea;Rum"), false),
            ("48", json!("2026-02-03"), true),
            ("48", json!("3 Feb"), false),
            ("49", json!(true), true),
            ("49", json!("yes"), false),
            ("50", json!(12.5), true),
            ("50", json!("12"), false),
            ("52", json!("https://wiki.example/{id}"), true),
            ("53", json!("anything"), true),
            ("54", json!("anything"), true),
            ("Region", json!("emea"), true),
            ("9999", json!(1), true),
        ] {
            let mut input = json!({"firstName": "Ines", "fields": {key: value}});
            assert_eq!(fits(&schema, &input), right, "{input}");
            if right {
                let faults = check(
                    &operation("people.create").unwrap().input,
                    &mut input,
                    Reading::Input,
                );
                assert!(
                    faults.is_empty(),
                    "the schema takes what the check refuses: {input} {faults:?}"
                );
            }
        }
    }

    #[test]
    fn a_change_clears_every_field_but_a_boolean() {
        let (schema, _) = account("people.update");
        for (key, clears) in [
            ("46", true),
            ("47", true),
            ("48", true),
            ("49", false),
            ("50", true),
            ("52", true),
            ("53", true),
            ("Region", true),
        ] {
            assert_eq!(
                fits(&schema, &json!({"id": 1, "fields": {key: null}})),
                clears,
                "{key}"
            );
        }
        assert!(
            fits(&schema, &json!({"id": 1, "fields": {"46": "APAC"}}))
                && !fits(&schema, &json!({"id": 1, "fields": {"46": "Mars"}}))
        );
    }

    #[test]
    fn an_output_may_hold_what_was_stored_before_the_definition_changed() {
        let (_, schema) = account("people.create");
        let rows = ["addresses", "emailAddresses", "phoneNumbers", "websites"]
            .map(|key| (key.to_owned(), json!([])));
        let fields = |fields: Value| {
            let mut party = Map::from_iter(rows.clone());
            party.extend([
                ("id".to_owned(), json!(1)),
                ("type".to_owned(), json!("person")),
                ("fields".to_owned(), fields),
            ]);
            fits(&schema, &Value::Object(party))
        };
        assert!(
            fields(json!({"46": "Atlantis"}))
                && fields(json!({"47": ["Gin"]}))
                && fields(json!({"50": "123456789012345678901"}))
        );
        assert!(!fields(json!({"50": true})) && !fields(json!({"46": 7})));
    }

    #[test]
    fn a_fingerprint_changes_with_the_schemas_alone() {
        let of = |rows: Value| {
            let (client, _) = definitions(Script::new(), "parties", rows).client();
            block_on(account_schemas(&client, &ids(&["people.create"])))
                .unwrap()
                .remove(0)
                .fingerprint
        };
        assert_eq!(of(of_parties()), of(of_parties()));
        assert_ne!(of(of_parties()), of(json!([])));
        let general =
            general_schemas(&ids(&["people.create", "people.create", "people.update"])).unwrap();
        assert_eq!(general[0].fingerprint, general[1].fingerprint);
        assert_ne!(general[0].fingerprint, general[2].fingerprint);
    }

    #[test]
    fn an_unknown_id_names_the_nearest_and_sends_nothing() {
        let asked = ids(&["people.create", "people.updat"]);
        let (client, log) = Script::new().client();
        let errors = [
            general_schemas(&asked).unwrap_err(),
            block_on(account_schemas(&client, &asked)).unwrap_err(),
        ];
        for error in errors {
            match error {
                Error::Permanent(PermanentError::Unsupported(fault)) => assert!(
                    fault.message.contains("`people.update`"),
                    "{}",
                    fault.message
                ),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(log.count(), 0);
    }
}
