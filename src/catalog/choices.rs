//! Finds the field that a form asks for, and gives a page of what it offers.
//!
//! A pointer goes through the shape of the input: names of fields, `-` or a number for a position in a list, the case of a variant; a
//! variant whose JSON is its payload alone takes no step. An object that is keyed by what is chosen offers its keys at its own pointer
//! (or at `-` below it): there the values are texts. Fields that depend on another one look for it in the input so far, beside
//! themselves; `-` stands for the last row that the input has.

use super::offers::{Ask, KINDS, Offer, Offered};
use super::{Described, known};
use crate::api::{Client, invalid, stale_cursor, unsupported, violation};
use crate::bindings::exports::integration::connector::catalog::{
    Choice, ChoicePage, ChoicesRequest,
};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::{Choices, Hints, Record, Shape, brief, fingerprint, nearest, way_out};
use crate::model::same;
use serde_json::Value;

/// Choices in a page, unless the request says otherwise.
const LIMIT: u32 = 50;
/// Most choices in a page, and most values whose labels are asked for at once.
const MOST: u32 = 100;

/// Options of a field.
///
/// # Errors
/// `unsupported` for an id that does not exist and for a field without choices, with the nearest that have some; `invalid-input` for a
/// request that does not fit or a field that must be chosen first; `stale-cursor`; and what sending gives.
pub async fn choices(client: &Client, request: ChoicesRequest) -> Result<ChoicePage, Error> {
    let operation = known(&request.id)?;
    let found = field(operation, &request.pointer)?;
    let (input, values) = parsed(&request)?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == found.choices.kind) else {
        // Every kind that the contract names has its row: a test holds it.
        return Err(unsupported(format!(
            "There are no choices of the kind `{}`.",
            found.choices.kind
        )));
    };
    let after = found.choices.after.map(|after| found.beside(after));
    let ask = Ask {
        operation,
        query: request
            .query
            .as_deref()
            .map(str::trim)
            .filter(|query| !query.is_empty()),
        after_value: after.as_deref().and_then(|steps| value_at(&input, steps)),
        after_pointer: after
            .as_deref()
            .map(|steps| format!("/input{}", joined(steps))),
        values: &values,
        keys: found.keys,
        limit: request.limit.unwrap_or(LIMIT),
        cursor: request.cursor.as_ref(),
    };
    match (kind.serve)(client, &ask).await? {
        Offer::Page(items, next) => Ok(ChoicePage {
            items: items.into_iter().map(choice).collect(),
            next,
        }),
        Offer::Whole(all) if !values.is_empty() => Ok(ChoicePage {
            items: labels(&all, &values, found.digits_are_id),
            next: None,
        }),
        Offer::Whole(all) => cut(all, &ask, &request.pointer),
    }
}

/// The parts of a request that are JSON, and the bounds of the others.
fn parsed(request: &ChoicesRequest) -> Result<(Value, Vec<Value>), Error> {
    let mut faults = Vec::new();
    let mut parse = |text: &str, pointer: String| {
        capsule_json::parse(text.as_bytes()).unwrap_or_else(|error| {
            faults.push(violation(
                pointer,
                "type",
                format!("this is not JSON: {error}"),
            ));
            Value::Null
        })
    };
    let input = if request.input.trim().is_empty() {
        Value::Null
    } else {
        parse(&request.input, "/input".into())
    };
    let asked = request.values.iter().take(MOST as usize).enumerate();
    let values: Vec<Value> = asked
        .map(|(index, text)| parse(text, format!("/values/{index}")))
        .collect();
    if request.values.len() > MOST as usize {
        faults.push(violation(
            "/values",
            "range",
            format!("at most {MOST} values at a time"),
        ));
    }
    if request
        .limit
        .is_some_and(|limit| !(1..=MOST).contains(&limit))
    {
        faults.push(violation(
            "/limit",
            "range",
            format!("1 to {MOST} are expected"),
        ));
    }
    if faults.is_empty() {
        Ok((input, values))
    } else {
        Err(Error::Permanent(PermanentError::InvalidInput(faults)))
    }
}

// ---- pages ----

fn choice(offered: Offered) -> Choice {
    Choice {
        value: capsule_json::text(&offered.value),
        label: offered.label,
        detail: offered.detail,
        group: offered.group,
        archived: offered.archived,
    }
}

/// The labels of stored values, as they were stored; what is not there any more is left out. A text that is a name is recognised by the
/// label.
fn labels(all: &[Offered], values: &[Value], digits_are_id: bool) -> Vec<Choice> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| capsule_json::text(value), ToOwned::to_owned)
    };
    let stored = |value: &Value| {
        let by_value = all
            .iter()
            .find(|one| one.value == *value || (digits_are_id && text(&one.value) == text(value)));
        let by_label = || {
            all.iter()
                .find(|one| value.as_str().is_some_and(|name| same(name, &one.label)))
        };
        Some(choice(Offered {
            value: value.clone(),
            ..by_value.or_else(by_label)?.clone()
        }))
    };
    values.iter().filter_map(stored).collect()
}

/// The part of a whole list that is asked for.
fn cut(all: Vec<Offered>, ask: &Ask<'_>, pointer: &str) -> Result<ChoicePage, Error> {
    let query = ask.query.map(str::to_lowercase);
    let mut items: Vec<Offered> = all
        .into_iter()
        .filter(|one| {
            query
                .as_ref()
                .is_none_or(|query| one.label.to_lowercase().contains(query.as_str()))
        })
        .collect();
    let after = ask.after_value.map(Value::to_string).unwrap_or_default();
    let print = fingerprint(
        format!(
            "{}\n{pointer}\n{after}\n{}",
            ask.operation.id,
            query.unwrap_or_default()
        )
        .as_bytes(),
    );
    let start = ask.cursor.map_or(Ok(0), |cursor| position(cursor, print))?;
    let rest = items.split_off(start.min(items.len()));
    let limit = ask.limit as usize;
    let next = (rest.len() > limit).then(|| format!("1.{print:016x}.{}", start + limit));
    Ok(ChoicePage {
        items: rest.into_iter().take(limit).map(choice).collect(),
        next,
    })
}

/// What a cursor holds: `1.FINGERPRINT.POSITION`.
fn position(cursor: &str, print: u64) -> Result<usize, Error> {
    let bad =
        || stale_cursor("The cursor is damaged, or of another version. Start again without it.");
    let parts: Vec<&str> = cursor.split('.').take(4).collect();
    let ["1", given, position] = parts.as_slice() else {
        return Err(bad());
    };
    let position: u32 = position.parse().map_err(|_| bad())?;
    if u64::from_str_radix(given, 16) != Ok(print) {
        return Err(stale_cursor(
            "The cursor is of another field or of another query. Start again without it.",
        ));
    }
    Ok(position as usize)
}

// ---- pointers ----

/// A field with choices.
struct Found {
    choices: Choices,
    /// The choices are keys of the object at the pointer.
    keys: bool,
    /// A text of digits is an id there.
    digits_are_id: bool,
    steps: Vec<String>,
    /// How many steps lead to the record that has the field.
    record: usize,
}

impl Found {
    /// The steps to a field of the same record.
    fn beside(&self, field: &str) -> Vec<String> {
        self.steps
            .iter()
            .take(self.record)
            .cloned()
            .chain([field.to_owned()])
            .collect()
    }
}

/// The field of a pointer.
fn field(operation: Described, pointer: &str) -> Result<Found, Error> {
    let steps = steps(pointer).ok_or_else(|| {
        let message = "a JSON Pointer is expected, such as `/owner` or `/addresses/-/country`";
        invalid("/pointer", "format", message)
    })?;
    find(operation.input, &Hints::NONE, &steps, 0, 0)
        .map(|found| Found {
            steps: steps.clone(),
            ..found
        })
        .ok_or_else(|| {
            let mut known = Vec::new();
            every(
                operation.input,
                &Hints::NONE,
                &mut String::new(),
                &mut known,
            );
            let near = nearest(pointer, known.iter().map(String::as_str), 3);
            let some: Vec<_> = known
                .iter()
                .take(10)
                .map(|pointer| format!("`{pointer}`"))
                .collect();
            let otherwise = if some.is_empty() {
                "No field of it has.".to_owned()
            } else {
                format!("These have: {}.", some.join(", "))
            };
            unsupported(format!(
                "`{}` of {} has no choices. {}",
                brief(pointer),
                operation.id,
                way_out(&near, &otherwise)
            ))
        })
}

/// The steps of a JSON Pointer (RFC 6901); none if it is not one.
fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .map(unescaped)
        .collect()
}

fn unescaped(step: &str) -> Option<String> {
    let escapes = step.matches('~').count();
    let right = step.matches("~0").count() + step.matches("~1").count();
    (escapes == right).then(|| step.replace("~1", "/").replace("~0", "~"))
}

fn joined(steps: &[String]) -> String {
    steps
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect()
}

fn is_position(step: &str) -> bool {
    step == "-" || (!step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Goes on from a shape at a step. `record` is how many steps led to the innermost record.
fn find(shape: &Shape, hints: &Hints, steps: &[String], at: usize, record: usize) -> Option<Found> {
    let found = |hints: &Hints, keys: bool| {
        let choices = *hints.choices?;
        Some(Found {
            choices,
            keys,
            digits_are_id: keys || hints.digits_are_id,
            steps: Vec::new(),
            record,
        })
    };
    let step = steps.get(at);
    match (shape, step) {
        (Shape::Option(inner) | Shape::Change(inner), _) => find(inner, hints, steps, at, record),
        (Shape::Map(map), None) => found(keys_of(map, hints)?, true),
        (Shape::Map(map), Some(step)) => {
            if step == "-" && steps.len() == at + 1 {
                return found(keys_of(map, hints)?, true);
            }
            let value = map.fields.get(1)?;
            find(&value.shape, value.hints, steps, at + 1, record)
        }
        (_, None) => found(hints, false),
        (Shape::List(item), Some(step)) if is_position(step) => {
            find(item, hints, steps, at + 1, record)
        }
        (Shape::Record(fields), Some(step)) => {
            let field = fields.fields.iter().find(|field| field.json == step)?;
            find(&field.shape, field.hints, steps, at + 1, at)
        }
        (Shape::Variant(variant), Some(_)) if variant.bare => variant
            .cases
            .iter()
            .filter_map(|case| case.shape.as_ref())
            .find_map(|shape| find(shape, hints, steps, at, record)),
        (Shape::Variant(variant), Some(step)) => {
            let case = variant.cases.iter().find(|case| case.json == step)?;
            find(case.shape.as_ref()?, case.hints, steps, at + 1, record)
        }
        _ => None,
    }
}

/// What says how the keys of an object are chosen: its field, or else the key.
fn keys_of<'h>(map: &'h Record, hints: &'h Hints) -> Option<&'h Hints> {
    if hints.choices.is_some() {
        Some(hints)
    } else {
        map.fields.first().map(|key| key.hints)
    }
}

/// Every pointer that has choices, list positions as `-`.
fn every(shape: &Shape, hints: &Hints, pointer: &mut String, known: &mut Vec<String>) {
    fn below(step: &str, pointer: &mut String, visit: impl FnOnce(&mut String)) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        visit(pointer);
        pointer.truncate(length);
    }
    match shape {
        Shape::Option(inner) | Shape::Change(inner) => every(inner, hints, pointer, known),
        Shape::Map(map) if keys_of(map, hints).is_some_and(|hints| hints.choices.is_some()) => {
            known.push(pointer.clone());
        }
        // The choices of a list are those of its items.
        Shape::List(item) => below("-", pointer, |pointer| every(item, hints, pointer, known)),
        Shape::Record(record) => {
            for field in record.fields {
                below(field.json, pointer, |pointer| {
                    every(&field.shape, field.hints, pointer, known)
                });
            }
        }
        Shape::Variant(variant) if variant.bare && hints.choices.is_none() => {
            variant
                .cases
                .iter()
                .filter_map(|case| case.shape.as_ref())
                .for_each(|shape| every(shape, hints, pointer, known));
        }
        Shape::Variant(variant) if !variant.bare => {
            for case in variant.cases {
                if let Some(shape) = &case.shape {
                    below(case.json, pointer, |pointer| {
                        every(shape, case.hints, pointer, known)
                    });
                }
            }
        }
        _ if hints.choices.is_some() => known.push(pointer.clone()),
        _ => {}
    }
}

/// What the input has at a place; nothing for null.
fn value_at<'a>(input: &'a Value, steps: &[String]) -> Option<&'a Value> {
    let value = steps.iter().try_fold(input, |value, step| match value {
        Value::Array(items) if step == "-" => items.last(),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Object(object) => object.get(step),
        _ => None,
    })?;
    (!value.is_null()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::script::{Log, Script, block_on};
    use crate::contract::{OPERATIONS, TRIGGERS};
    use proptest::prelude::*;
    use serde_json::json;

    fn request(id: &str, pointer: &str) -> ChoicesRequest {
        ChoicesRequest {
            id: id.into(),
            pointer: pointer.into(),
            query: None,
            input: String::new(),
            values: Vec::new(),
            cursor: None,
            limit: None,
        }
    }

    fn ask(script: Script, request: ChoicesRequest) -> (Result<ChoicePage, Error>, Log) {
        let (client, log) = script.client();
        let page = block_on(choices(&client, request));
        (page, log)
    }

    /// Value and label of what is offered.
    fn offered(script: Script, request: ChoicesRequest) -> Vec<(Value, String)> {
        let page = ask(script, request).0.unwrap();
        page.items
            .into_iter()
            .map(|one| (serde_json::from_str(&one.value).unwrap(), one.label))
            .collect()
    }

    fn pairs(all: &[(Value, &str)]) -> Vec<(Value, String)> {
        all.iter()
            .map(|(value, label)| (value.clone(), (*label).to_owned()))
            .collect()
    }

    fn list(path: &str, key: &str, rows: Value) -> Script {
        Script::new().on(
            "GET",
            &format!("/api/v2/{path}?page=1&perPage=100"),
            200,
            json!({ key: rows }),
        )
    }

    fn titles() -> Script {
        list(
            "titles",
            "personTitles",
            json!([{"id": 1, "title": "Dame"}, {"id": 2, "title": "Dr"}, {"id": 3, "title": "Drs"}]),
        )
    }

    fn users() -> Script {
        list(
            "users",
            "users",
            json!([{"id": 7, "username": "ines", "name": "Ines Lagoa"}, {"id": 8, "username": "bo"}]),
        )
    }

    fn tags() -> Script {
        list(
            "parties/tags",
            "tags",
            json!([{"id": 3, "name": "VIP"}, {"id": 4, "name": "Lead", "dataTag": true}]),
        )
    }

    fn definitions() -> Script {
        let rows = json!([
            {"id": 46, "name": "Region", "type": "list", "options": ["EMEA", "APAC"]},
            {"id": 47, "name": "VAT number", "type": "text", "captureRule": "organisation", "tag": {"id": 4, "name": "Lead"}},
            {"id": 48, "name": "Birthday", "type": "date", "captureRule": "person"},
            {"id": 49, "name": "Newsletter", "type": "boolean"},
        ]);
        list("parties/fields/definitions", "definitions", rows)
    }

    fn unsupported_message(error: Error) -> String {
        match error {
            Error::Permanent(PermanentError::Unsupported(fault)) => fault.message,
            other => panic!("{other:?}"),
        }
    }

    fn faults(error: Error) -> Vec<(String, String)> {
        match error {
            Error::Permanent(PermanentError::InvalidInput(faults)) => faults
                .into_iter()
                .map(|fault| (fault.pointer, fault.rule))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    fn is_stale<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
        matches!(
            result,
            Err(Error::Permanent(PermanentError::StaleCursor(_)))
        )
    }

    /// Every operation and every trigger.
    fn described() -> impl Iterator<Item = Described> {
        let ids = OPERATIONS.iter().map(|one| one.id);
        ids.chain(TRIGGERS.iter().map(|one| one.id))
            .map(|id| known(id).unwrap())
    }

    #[test]
    fn every_kind_that_the_contract_names_is_served() {
        let mut asked = std::collections::BTreeSet::new();
        for operation in described() {
            let mut pointers = Vec::new();
            every(
                operation.input,
                &Hints::NONE,
                &mut String::new(),
                &mut pointers,
            );
            for pointer in pointers {
                let found = field(operation, &pointer)
                    .unwrap_or_else(|error| panic!("{} {pointer}: {error:?}", operation.id));
                assert!(
                    KINDS.iter().any(|kind| kind.name == found.choices.kind),
                    "{} {pointer}: {}",
                    operation.id,
                    found.choices.kind
                );
                asked.insert(found.choices.kind);
            }
        }
        assert_eq!(
            asked,
            KINDS.iter().map(|kind| kind.name).collect(),
            "a kind is served that nobody asks for"
        );
    }

    #[test]
    fn pointers_go_through_lists_maps_and_variants() {
        for (id, pointer, kind, keys) in [
            ("people.create", "/owner", "user", false),
            ("people.create", "/tags", "party-tag", false),
            ("people.create", "/tags/-", "party-tag", false),
            ("people.create", "/tags/12", "party-tag", false),
            ("people.create", "/addresses/-/country", "country", false),
            ("people.create", "/fields", "party-field", true),
            ("people.create", "/fields/-", "party-field", true),
            ("people.update", "/owner", "user", false),
            ("people.update", "/tags/replace/-", "record-tag", false),
            (
                "people.upsert",
                "/person/organisation",
                "organisation",
                false,
            ),
            ("people.upsert", "/matchBy/-/field", "party-field", false),
            ("people.find", "/by/field/definition", "party-field", false),
            (
                "parties.filter",
                "/conditions/-/field",
                "filter-field",
                false,
            ),
            (
                "parties.filter",
                "/conditions/0/1/operator",
                "filter-operator",
                false,
            ),
            ("parties.list-people", "/id", "organisation", false),
            // The field says how the keys of its object are chosen, where it says so.
            ("opportunities.create", "/fields", "opportunity-field", true),
            ("projects.update", "/fields/-", "project-field", true),
        ] {
            let found = field(known(id).unwrap(), pointer)
                .unwrap_or_else(|error| panic!("{id} {pointer}: {error:?}"));
            assert_eq!(
                (found.choices.kind, found.keys),
                (kind, keys),
                "{id} {pointer}"
            );
        }
    }

    #[test]
    fn a_field_without_choices_names_those_that_have_some() {
        for (pointer, told) in [
            ("/owners", "Did you mean `/owner`"),
            ("/addresses/country", "`/addresses/-/country`"),
            ("", "These have: "),
            ("/firstName", "choices"),
            ("/owner/id", "`/owner`"),
            ("/tags/first", "`/tags/-`"),
            ("/fields/46", "`/fields`"),
        ] {
            let message = unsupported_message(
                ask(Script::new(), request("people.create", pointer))
                    .0
                    .unwrap_err(),
            );
            assert!(message.contains(told), "{pointer}: {message}");
        }
        let message = unsupported_message(
            ask(Script::new(), request("tasks.get", "/id"))
                .0
                .unwrap_err(),
        );
        assert!(message.ends_with("No field of it has."), "{message}");
        let message = unsupported_message(
            ask(Script::new(), request("people.crate", "/owner"))
                .0
                .unwrap_err(),
        );
        assert!(message.contains("`people.create`"), "{message}");
    }

    #[test]
    fn what_is_no_json_no_pointer_or_out_of_bounds_is_told_before_anything_is_sent() {
        for pointer in ["owner", "/a~2b", "/~"] {
            assert_eq!(
                faults(
                    ask(Script::new(), request("people.create", pointer))
                        .0
                        .unwrap_err()
                ),
                [("/pointer".into(), "format".into())]
            );
        }
        let bad = ChoicesRequest {
            input: "{".into(),
            values: vec!["1".into(), "x".into()],
            limit: Some(0),
            ..request("people.create", "/owner")
        };
        let told = faults(ask(Script::new(), bad).0.unwrap_err());
        assert_eq!(
            told,
            [
                ("/input".into(), "type".into()),
                ("/values/1".into(), "type".into()),
                ("/limit".into(), "range".into())
            ]
        );
        let many = ChoicesRequest {
            values: vec!["1".into(); 101],
            limit: Some(101),
            ..request("people.create", "/owner")
        };
        let told = faults(ask(Script::new(), many).0.unwrap_err());
        assert_eq!(
            told,
            [
                ("/values".into(), "range".into()),
                ("/limit".into(), "range".into())
            ]
        );
    }

    #[test]
    fn records_are_offered_by_id_and_texts_as_texts() {
        assert_eq!(
            offered(users(), request("people.create", "/owner")),
            pairs(&[(json!(7), "Ines Lagoa"), (json!(8), "bo")])
        );
        assert_eq!(
            offered(tags(), request("people.create", "/tags/-")),
            pairs(&[(json!(3), "VIP"), (json!(4), "Lead")])
        );
        let teams = list("teams", "teams", json!([{"id": 5, "name": "North"}]));
        assert_eq!(
            offered(teams, request("people.create", "/team")),
            pairs(&[(json!(5), "North")])
        );
        let titled = pairs(&[
            (json!("Dame"), "Dame"),
            (json!("Dr"), "Dr"),
            (json!("Drs"), "Drs"),
        ]);
        assert_eq!(
            offered(titles(), request("people.update", "/title")),
            titled
        );
        let countries = list(
            "countries",
            "countries",
            json!([{"alpha2Code": "PT", "name": "Portugal"}]),
        );
        assert_eq!(
            offered(countries, request("people.create", "/addresses/-/country")),
            pairs(&[(json!("Portugal"), "Portugal")])
        );
    }

    #[test]
    fn pipelines_and_boards_are_offered_by_id() {
        for (id, pointer, key, target) in [
            (
                "settings.list-milestones",
                "/pipeline",
                "pipelines",
                "pipelines?includeDeleted=true&",
            ),
            (
                "settings.list-stages",
                "/board",
                "boards",
                "boards?status=all&",
            ),
        ] {
            let rows = json!([{"id": 3, "name": "Sales"}, {"id": 4, "name": null}, {"id": 5, "name": "Old", "deleted": true}]);
            let target = format!("/api/v2/{target}page=1&perPage=100");
            let script = Script::new().on("GET", &target, 200, json!({ key: rows }));
            let page = ask(script, request(id, pointer)).0.unwrap();
            let told: Vec<_> = page
                .items
                .iter()
                .map(|one| (one.value.as_str(), one.label.as_str(), one.archived))
                .collect();
            assert_eq!(told, [("3", "Sales", false), ("5", "Old", true)]);
        }
    }

    #[test]
    fn milestones_and_stages_are_those_of_what_is_chosen_beside() {
        let milestones = json!([
            {"id": 1, "name": "Lead", "probability": 10, "complete": false, "pipeline": {"id": 3, "name": "Sales"}},
            {"id": 2, "name": "Lead", "probability": 20, "complete": false, "pipeline": {"id": 4, "name": "Partners"}},
        ]);
        for (input, expected) in [
            (
                json!({}),
                vec![("1", "Sales, 10 %"), ("2", "Partners, 20 %")],
            ),
            (json!({"pipeline": 4}), vec![("2", "Partners, 20 %")]),
        ] {
            let script = list("milestones/all", "milestones", milestones.clone());
            let request = ChoicesRequest {
                input: input.to_string(),
                ..request("opportunities.create", "/milestone")
            };
            let page = ask(script, request).0.unwrap();
            let told: Vec<_> = page
                .items
                .iter()
                .map(|one| (one.value.as_str(), one.detail.as_deref().unwrap()))
                .collect();
            assert_eq!(told, expected);
        }
        let stages = json!([{"id": 1, "name": "Plan", "board": {"id": 3, "name": "Delivery"}}, {"id": 2, "name": "Plan", "board": 4}]);
        let request = ChoicesRequest {
            input: json!({"board": 4}).to_string(),
            ..request("projects.create", "/stage")
        };
        assert_eq!(
            offered(list("stages", "stages", stages), request),
            pairs(&[(json!(2), "Plan")])
        );
    }

    #[test]
    fn a_filter_over_opportunities_offers_their_own_fields_and_values() {
        let definitions = json!([{"id": 46, "name": "Source", "type": "text"}]);
        let script = list(
            "opportunities/fields/definitions",
            "definitions",
            definitions,
        );
        let fields = offered(
            script,
            ChoicesRequest {
                limit: Some(100),
                ..request("opportunities.filter", "/conditions/-/field")
            },
        );
        for (value, there) in [
            ("milestone", true),
            ("custom:46", true),
            ("org.name", false),
        ] {
            assert_eq!(fields.iter().any(|(one, _)| one == value), there, "{value}");
        }
        let request = ChoicesRequest {
            input: json!({"conditions": [{"field": "status"}]}).to_string(),
            ..request("projects.filter", "/conditions/0/value")
        };
        assert_eq!(
            offered(Script::new(), request),
            pairs(&[(json!("open"), "Open"), (json!("closed"), "Closed")])
        );
    }

    #[test]
    fn saved_filters_are_those_of_the_entity_beside() {
        let asked = |input: &Value| ChoicesRequest {
            input: input.to_string(),
            ..request("settings.run-saved-filter", "/filter")
        };
        for (entity, path) in [
            ("parties", "parties/filters"),
            ("opportunities", "opportunities/filters"),
            ("projects", "kases/filters"),
        ] {
            let script = list(path, "filters", json!([{"id": 12, "name": "Late"}]));
            assert_eq!(
                offered(script, asked(&json!({"entity": entity}))),
                pairs(&[(json!(12), "Late")])
            );
        }
        for input in [json!({}), json!({"entity": "tasks"})] {
            let error = ask(Script::new(), asked(&input)).0.unwrap_err();
            assert_eq!(
                faults(error),
                [("/input/entity".to_owned(), "required".to_owned())]
            );
        }
    }

    #[test]
    fn details_and_groups_tell_options_apart() {
        let page = ask(tags(), request("people.create", "/tags/-")).0.unwrap();
        let details: Vec<_> = page.items.iter().map(|one| one.detail.as_deref()).collect();
        assert_eq!(details, [None, Some("Data tag")]);
        let page = ask(definitions(), request("organisations.create", "/fields"))
            .0
            .unwrap();
        let told: Vec<_> = page
            .items
            .iter()
            .map(|one| {
                (
                    one.label.as_str(),
                    one.detail.as_deref(),
                    one.group.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("Region", Some("List"), None),
                ("VAT number", Some("Text"), Some("Lead")),
                ("Newsletter", Some("Yes or no"), None)
            ],
            "a field of people alone is not offered for an organisation"
        );
    }

    #[test]
    fn a_query_is_found_within_labels_without_regard_to_case() {
        let asked = ChoicesRequest {
            query: Some(" DR ".into()),
            ..request("people.create", "/title")
        };
        assert_eq!(
            offered(titles(), asked),
            pairs(&[(json!("Dr"), "Dr"), (json!("Drs"), "Drs")])
        );
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let first = ChoicesRequest {
            limit: Some(2),
            ..request("people.create", "/title")
        };
        let page = ask(titles(), first.clone()).0.unwrap();
        assert_eq!(page.items.len(), 2);
        let second = ChoicesRequest {
            cursor: page.next.clone(),
            ..first.clone()
        };
        let page = ask(titles(), second.clone()).0.unwrap();
        assert_eq!(
            (page.items.len(), page.items[0].label.as_str(), &page.next),
            (1, "Drs", &None)
        );
        let of_another_query = ChoicesRequest {
            query: Some("d".into()),
            ..second.clone()
        };
        assert!(is_stale(ask(titles(), of_another_query).0));
        let of_another_field = ChoicesRequest {
            pointer: "/owner".into(),
            ..second.clone()
        };
        assert!(is_stale(ask(users(), of_another_field).0));
        for damaged in [
            "",
            "1",
            "2.0000000000000000.2",
            "1.x.2",
            "1.0.-1",
            "1.0.2.3",
        ] {
            let damaged = ChoicesRequest {
                cursor: Some(damaged.into()),
                ..second.clone()
            };
            assert!(is_stale(ask(titles(), damaged).0));
        }
    }

    #[test]
    fn labels_of_stored_values_come_as_they_were_stored() {
        let stored = |values: &[&str], pointer: &str| ChoicesRequest {
            values: values.iter().map(|&value| value.into()).collect(),
            limit: Some(1),
            ..request("people.create", pointer)
        };
        let owners = stored(&["8", "\"ines lagoa\"", "99", "\"8\"", "null"], "/owner");
        assert_eq!(
            offered(users(), owners),
            pairs(&[(json!(8), "bo"), (json!("ines lagoa"), "Ines Lagoa")]),
            "a text of digits is a name"
        );
        let keys = stored(&["\"46\"", "46", "\"region\"", "\"51\""], "/fields");
        assert_eq!(
            offered(definitions(), keys),
            pairs(&[
                (json!("46"), "Region"),
                (json!(46), "Region"),
                (json!("region"), "Region")
            ])
        );
    }

    #[test]
    fn custom_fields_are_keys_of_digits_or_numbers_by_where_they_stand() {
        let as_keys = offered(definitions(), request("people.create", "/fields"));
        assert_eq!(as_keys[0], (json!("46"), "Region".into()));
        let as_reference = offered(
            definitions(),
            request("people.find", "/by/field/definition"),
        );
        assert_eq!(as_reference[0], (json!(46), "Region".into()));
    }

    #[test]
    fn organisations_are_filtered_by_capsule() {
        let rows = json!([
            {"id": 11, "type": "organisation", "name": "Lagoa Ltd", "addresses": [{"city": "Porto"}]},
            {"id": 12, "type": "organisation", "name": "Lagoa Ltd", "addresses": []},
        ]);
        let script = |page: u32| {
            let target = format!("/api/v2/parties/filters/results?page={page}&perPage=25");
            Script::new()
                .on("POST", &target, 200, json!({ "parties": rows }))
                .with("x-pagination-has-more", "true")
        };
        let asked = ChoicesRequest {
            query: Some("lagoa".into()),
            limit: Some(2),
            ..request("people.create", "/organisation")
        };
        let (page, log) = ask(script(1), asked.clone());
        let page = page.unwrap();
        let told: Vec<_> = page
            .items
            .iter()
            .map(|one| {
                (
                    one.value.as_str(),
                    one.label.as_str(),
                    one.detail.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("11", "Lagoa Ltd", Some("Porto")),
                ("12", "Lagoa Ltd", None)
            ]
        );
        let conditions = json!([
            {"field": "type", "operator": "is", "value": "organisation"},
            {"field": "name", "operator": "contains", "value": "lagoa"},
        ]);
        assert_eq!(log.sent(0).json()["filter"]["conditions"], conditions);
        let next = ChoicesRequest {
            cursor: page.next,
            ..asked
        };
        assert_eq!(offered(script(2), next.clone()).len(), 2);
        assert!(is_stale(
            ask(
                Script::new(),
                ChoicesRequest {
                    query: None,
                    ..next
                }
            )
            .0
        ));
    }

    #[test]
    fn records_of_every_kind_are_filtered_by_name_and_read_by_id() {
        for (case, path, row, told) in [
            (
                "party",
                "parties",
                json!({"id": 11, "type": "person", "firstName": "Ines", "lastName": "Duarte", "organisation": {"id": 9, "name": "Lagoa"}}),
                ("Ines Duarte", Some("Lagoa")),
            ),
            (
                "opportunity",
                "opportunities",
                json!({"id": 11, "name": "Figs", "party": {"id": 9, "firstName": "Ines"}}),
                ("Figs", Some("Ines")),
            ),
            (
                "kase",
                "kases",
                json!({"id": 11, "name": "Delivery", "party": null}),
                ("Delivery", None),
            ),
        ] {
            let pointer = format!("/relatedTo/{case}");
            let target = format!("/api/v2/{path}/filters/results?page=1&perPage=50");
            let script = Script::new().on("POST", &target, 200, json!({ path: [row] }));
            let asked = ChoicesRequest {
                query: Some("i".into()),
                ..request("tasks.create", &pointer)
            };
            let (page, log) = ask(script, asked);
            let item = page.unwrap().items.remove(0);
            assert_eq!((item.label.as_str(), item.detail.as_deref()), told);
            assert_eq!(
                log.sent(0).json()["filter"]["conditions"],
                json!([{"field": "name", "operator": "contains", "value": "i"}])
            );
            let target = format!("/api/v2/{path}/11");
            let script = Script::new().on("GET", &target, 200, json!({ case: row }));
            let stored = ChoicesRequest {
                values: vec!["11".into()],
                ..request("tasks.create", &pointer)
            };
            assert_eq!(offered(script, stored), pairs(&[(json!(11), told.0)]));
        }
    }

    #[test]
    fn the_record_that_an_operation_is_about_is_chosen_among_its_own_kind() {
        for (id, pointer, path) in [
            ("parties.get", "/id", "parties"),
            ("parties.get-many", "/ids/-", "parties"),
            ("people.update", "/id", "parties"),
            ("organisations.update", "/id", "parties"),
            ("opportunities.get-many", "/ids/-", "opportunities"),
            ("projects.get-many", "/ids/-", "kases"),
            ("parties.list-opportunities", "/id", "parties"),
            ("parties.list-projects", "/id", "parties"),
            ("opportunities.list-projects", "/id", "opportunities"),
            ("parties.list-entries", "/id", "parties"),
            ("opportunities.list-entries", "/id", "opportunities"),
            ("projects.list-entries", "/id", "kases"),
            ("opportunities.list-parties", "/id", "opportunities"),
            ("projects.list-parties", "/id", "kases"),
        ] {
            let target = format!("/api/v2/{path}/filters/results?page=1&perPage=50");
            let rows = json!([{"id": 11, "name": "Lagoa"}]);
            let script = Script::new().on("POST", &target, 200, json!({ path: rows }));
            assert_eq!(
                offered(script, request(id, pointer)),
                pairs(&[(json!(11), "Lagoa")]),
                "{id}"
            );
        }
    }

    #[test]
    fn categories_and_activity_types_are_chosen_by_id() {
        let script = list(
            "categories",
            "categories",
            json!([{"id": 5, "name": "Call"}]),
        );
        assert_eq!(
            offered(script, request("tasks.list-all", "/category")),
            pairs(&[(json!(5), "Call")])
        );
        let rows = json!([{"id": -3, "name": "Call"}, {"id": 40, "name": null}]);
        let script = list("activitytypes", "activityTypes", rows);
        assert_eq!(
            offered(script, request("timeline.add-note", "/activityType")),
            pairs(&[(json!(-3), "Call"), (json!(40), "40")])
        );
    }

    #[test]
    fn a_type_that_operations_share_offers_what_the_operation_is_about() {
        for (id, path) in [
            ("people.update", "parties/tags"),
            ("opportunities.update", "opportunities/tags"),
            ("projects.update", "kases/tags"),
        ] {
            let script = list(path, "tags", json!([{"id": 12, "name": "VIP"}]));
            assert_eq!(
                offered(script, request(id, "/tags/add/-")),
                pairs(&[(json!(12), "VIP")]),
                "{id}"
            );
        }
        for (id, pointer, path) in [
            ("opportunities.upsert", "/matchBy/-/field", "opportunities"),
            ("projects.upsert", "/matchBy/-/field", "kases"),
        ] {
            let script = list(
                &format!("{path}/fields/definitions"),
                "definitions",
                json!([{"id": 46, "name": "Region", "type": "text"}]),
            );
            assert_eq!(
                offered(script, request(id, pointer)),
                pairs(&[(json!(46), "Region")]),
                "{id}"
            );
        }
    }

    #[test]
    fn tags_are_those_of_the_entity_or_of_the_record_beside() {
        for (id, pointer, input, path) in [
            (
                "tags.add",
                "/tags/-",
                json!({"on": {"party": 5}}),
                "parties/tags",
            ),
            (
                "tags.remove",
                "/tags",
                json!({"on": {"opportunity": 5}}),
                "opportunities/tags",
            ),
            (
                "tags.add",
                "/tags/0",
                json!({"on": {"kase": 5}}),
                "kases/tags",
            ),
            (
                "tags.update",
                "/id",
                json!({"entity": "parties"}),
                "parties/tags",
            ),
            (
                "tags.delete",
                "/id",
                json!({"entity": "projects"}),
                "kases/tags",
            ),
        ] {
            let asked = ChoicesRequest {
                input: input.to_string(),
                ..request(id, pointer)
            };
            let script = list(path, "tags", json!([{"id": 12, "name": "VIP"}]));
            assert_eq!(
                offered(script, asked),
                pairs(&[(json!(12), "VIP")]),
                "{input}"
            );
        }
        for (id, pointer, beside) in [
            ("tags.add", "/tags", "/input/on"),
            ("tags.update", "/id", "/input/entity"),
        ] {
            let error = ask(Script::new(), request(id, pointer)).0.unwrap_err();
            assert_eq!(faults(error), [(beside.to_owned(), "required".to_owned())]);
        }
    }

    #[test]
    fn stored_organisations_are_read_by_id_and_a_name_is_its_own_label() {
        let rows = json!([{"id": 11, "type": "organisation", "name": "Lagoa"}, {"id": 12, "type": "organisation", "name": "Norte"}]);
        let script = Script::new().on(
            "GET",
            "/api/v2/parties/12,11",
            200,
            json!({ "parties": rows }),
        );
        let stored = ChoicesRequest {
            values: ["12", "\"Sul\"", "11"].map(Into::into).into(),
            ..request("people.create", "/organisation")
        };
        assert_eq!(
            offered(script, stored),
            pairs(&[
                (json!(12), "Norte"),
                (json!("Sul"), "Sul"),
                (json!(11), "Lagoa")
            ])
        );
        let names = ChoicesRequest {
            values: vec!["\"Sul\"".into()],
            ..request("people.create", "/organisation")
        };
        assert_eq!(
            offered(Script::new(), names),
            pairs(&[(json!("Sul"), "Sul")])
        );
    }

    fn filter(pointer: &str, input: &Value) -> ChoicesRequest {
        ChoicesRequest {
            input: input.to_string(),
            ..request("parties.filter", pointer)
        }
    }

    #[test]
    fn filter_fields_are_capsules_and_the_accounts() {
        let all = offered(
            definitions(),
            ChoicesRequest {
                limit: Some(100),
                ..request("parties.filter", "/orderBy/-/field")
            },
        );
        for expected in [
            (json!("addedOn"), "Created on"),
            (json!("org.name"), "Name of the employer"),
            (json!("custom:46"), "Region"),
            (json!("org.custom:47"), "VAT number of the employer"),
        ] {
            assert!(
                all.contains(&(expected.0.clone(), expected.1.into())),
                "{expected:?}"
            );
        }
        assert!(
            !all.iter().any(|(value, _)| value == "org.custom:48"),
            "an organisation has no fields of people"
        );
    }

    #[test]
    fn milestones_of_every_pipeline_are_offered_in_its_group() {
        let script = Script::new().on(
            "GET",
            "/api/v2/milestones/all?page=1&perPage=100",
            200,
            json!({"milestones": [
                {"id": 11, "name": "New", "pipeline": {"id": 3, "name": "Sales"}},
                {"id": 12, "name": "New", "pipeline": {"id": 4, "name": "Wholesale"}},
                {"name": "Nothing to choose"},
            ]}),
        );
        let (client, _) = script.client();
        let request = request("administration.update-milestone", "/id");
        let page = block_on(choices(&client, request)).unwrap();
        let groups: Vec<_> = page
            .items
            .iter()
            .map(|one| (one.value.as_str(), one.group.as_deref()))
            .collect();
        assert_eq!(groups, [("11", Some("Sales")), ("12", Some("Wholesale"))]);
    }

    #[test]
    fn an_activity_type_is_offered_by_its_id_and_a_track_definition_by_its_description() {
        let types = Script::new().on(
            "GET",
            "/api/v2/activitytypes?page=1&perPage=100",
            200,
            json!({"activityTypes": [{"id": -2, "name": "Meeting"}]}),
        );
        let asked = request("administration.update-activity-type", "/id");
        assert_eq!(offered(types, asked), [(json!(-2), "Meeting".into())]);
        let tracks = Script::new().on(
            "GET",
            "/api/v2/trackdefinitions?page=1&perPage=100",
            200,
            json!({"trackDefinitions": [{"id": 9, "description": "Onboarding"}]}),
        );
        let asked = request("administration.update-track-definition", "/id");
        assert_eq!(offered(tracks, asked), [(json!(9), "Onboarding".into())]);
    }

    #[test]
    fn operators_fit_the_field_that_is_chosen_beside() {
        let labels = |script: Script, input: Value| -> Vec<String> {
            offered(script, filter("/conditions/-/operator", &input))
                .into_iter()
                .map(|(_, label)| label)
                .collect()
        };
        let chosen = |field: &str| json!({"conditions": [{"field": "name"}, {"field": field}]});
        assert_eq!(labels(Script::new(), chosen("hasTags")), ["is", "is not"]);
        assert_eq!(
            labels(Script::new(), chosen("name")),
            ["is", "is not", "starts with", "ends with", "contains"]
        );
        assert_eq!(labels(definitions(), chosen("custom:birthday")).len(), 7);
        assert_eq!(
            labels(Script::new(), json!({})).len(),
            12,
            "while no field is chosen all are offered"
        );
    }

    #[test]
    fn a_position_picks_the_row_and_a_dash_the_last_one() {
        let input =
            json!({"conditions": [{"field": "hasTags"}, [{"field": "type"}, {"field": "name"}]]});
        let values = |pointer: &str| {
            offered(Script::new(), filter(pointer, &input))
                .into_iter()
                .map(|(value, _)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(values("/conditions/0/value"), [json!(true), json!(false)]);
        assert_eq!(
            values("/conditions/1/0/value"),
            [json!("person"), json!("organisation")]
        );
        assert_eq!(
            values("/conditions/-/-/value"),
            Vec::<Value>::new(),
            "a name is typed in"
        );
    }

    #[test]
    fn values_of_a_filter_are_those_of_its_field() {
        let values = |script: Script, field: &str| {
            let input = json!({"conditions": [{"field": field}]});
            offered(script, filter("/conditions/0/value", &input))
                .into_iter()
                .map(|(value, _)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(values(tags(), "tag"), [json!(3), json!(4)]);
        assert_eq!(values(tags(), "org.tag"), [json!(3), json!(4)]);
        assert_eq!(values(users(), "owner"), [json!(7), json!(8)]);
        assert_eq!(
            values(titles(), "title"),
            [json!("Dame"), json!("Dr"), json!("Drs")]
        );
        assert_eq!(
            values(definitions(), "custom:46"),
            [json!("EMEA"), json!("APAC")]
        );
        assert_eq!(
            values(definitions(), "org.custom:Newsletter"),
            [json!(true), json!(false)]
        );
        assert_eq!(values(Script::new(), "addedOn"), Vec::<Value>::new());
    }

    #[test]
    fn values_need_a_field_that_there_is() {
        let told = |script: Script, input: Value| {
            faults(
                ask(script, filter("/conditions/0/value", &input))
                    .0
                    .unwrap_err(),
            )
        };
        let at = |rule: &str| vec![("/input/conditions/0/field".to_owned(), rule.to_owned())];
        assert_eq!(
            told(Script::new(), json!({"conditions": [{}]})),
            at("required")
        );
        assert_eq!(
            told(Script::new(), json!({"conditions": [{"field": "nam"}]})),
            at("choice")
        );
        assert_eq!(
            told(Script::new(), json!({"conditions": [{"field": 5}]})),
            at("type")
        );
        assert_eq!(
            told(
                definitions(),
                json!({"conditions": [{"field": "custom:Nobody"}]})
            ),
            at("not-found")
        );
    }

    proptest! {
        #[test]
        fn any_pointer_is_a_field_or_an_error(text in "(/[-a-zA-Z0-9~]{0,9}){0,5}|.{0,20}") {
            for operation in described() {
                let _ = field(operation, &text);
            }
        }

        #[test]
        fn any_cursor_is_a_position_or_stale(text in "1\\.[0-9a-f]{16}\\.[0-9]{1,12}|.*", print: u64) {
            let _ = position(&text, print);
        }
    }
}
