//! Custom fields: their definitions, and their values on the way in and out (API reference 3.7).

use crate::bindings::capsule::crm::types::FieldValue;
use crate::bindings::integration::connector::types::Violation;
use crate::contract::json::{decimal, number};
use crate::contract::{brief, is_date, nearest};
use serde_json::{Map, Value, json};

/// What can have tags and custom fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// People and organisations.
    Parties,
    /// Opportunities.
    Opportunities,
    /// Projects, which are `kases` on the wire.
    Projects,
}

impl Entity {
    /// The path segment, which is the list's key too.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Parties => "parties",
            Self::Opportunities => "opportunities",
            Self::Projects => "kases",
        }
    }
}

/// The type of a custom field (API reference 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text, and every type that is not known here.
    Text,
    /// A link.
    Link,
    /// A date.
    Date,
    /// One of the options.
    List,
    /// Several of the options.
    MultiSelect,
    /// Yes or no.
    Boolean,
    /// A number.
    Number,
}

/// A custom field's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its id, unique among the fields of one entity.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Help that the account wrote.
    pub description: Option<String>,
    /// Its type.
    pub kind: FieldType,
    /// Options of a list.
    pub options: Vec<String>,
    /// The account wants it filled in.
    pub important: bool,
    /// Of parties: `person`, `organisation`, or none for both.
    pub capture_rule: Option<String>,
    /// The data tag that it belongs to.
    pub tag: Option<(u64, String)>,
}

impl Definition {
    /// Out of Capsule's JSON; none without id or name.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .map(ToOwned::to_owned)
        };
        Some(Self {
            id: value.get("id")?.as_u64()?,
            name: text("name")?,
            description: text("description").filter(|text| !text.is_empty()),
            kind: match value
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
            {
                "link" => FieldType::Link,
                "date" => FieldType::Date,
                "list" => FieldType::List,
                "boolean" => FieldType::Boolean,
                "number" => FieldType::Number,
                // The exact spelling of the multi-select type is not documented (API reference 6, point 16).
                other if other.to_ascii_lowercase().starts_with("multi") => FieldType::MultiSelect,
                _ => FieldType::Text,
            },
            options: value
                .get("options")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|option| option.as_str().map(ToOwned::to_owned))
                .collect(),
            important: value
                .get("important")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            capture_rule: text("captureRule"),
            tag: value.get("tag").and_then(|tag| {
                Some((
                    tag.get("id")?.as_u64()?,
                    tag.get("name")?.as_str()?.to_owned(),
                ))
            }),
        })
    }
}

/// A value as Capsule wants it written, judged by the definition where it is known.
///
/// # Errors
/// A violation with an empty pointer.
fn written(definition: Option<&Definition>, value: &FieldValue) -> Result<Value, Violation> {
    let fault = |rule: &str, message: String| Violation {
        pointer: String::new(),
        message,
        rule: rule.to_owned(),
    };
    let Some(definition) = definition else {
        return match value {
            FieldValue::Text(text) => Ok(Value::from(text.as_str())),
            FieldValue::Boolean(given) => Ok(Value::from(*given)),
            FieldValue::Number(given) => number(*given)
                .map(Value::Number)
                .ok_or_else(|| fault("type", "this is not a number".into())),
            FieldValue::Options(options) => Ok(Value::from(options.join(";"))),
        };
    };
    let name = &definition.name;
    let wrong = |expected: &str| Err(fault("type", format!("`{name}` is a field for {expected}")));
    let option = |given: &str| match definition
        .options
        .iter()
        .find(|option| super::same(option, given))
    {
        Some(option) => Ok(option.clone()),
        None => {
            let near = nearest(given, definition.options.iter().map(String::as_str), 3);
            let known = if near.is_empty() {
                definition
                    .options
                    .iter()
                    .take(20)
                    .map(String::as_str)
                    .collect()
            } else {
                near
            };
            Err(fault(
                "choice",
                format!(
                    "`{}` is no option of `{name}`; there are: {}",
                    brief(given),
                    known.join(", ")
                ),
            ))
        }
    };
    match (definition.kind, value) {
        (FieldType::Text | FieldType::Link, FieldValue::Text(text)) => {
            Ok(Value::from(text.as_str()))
        }
        // A foreign id that is a number in the caller's world is a text here.
        (FieldType::Text | FieldType::Link, FieldValue::Number(given)) => match number(*given) {
            Some(number) => Ok(Value::from(number.to_string())),
            None => wrong("a text"),
        },
        (FieldType::Text | FieldType::Link, _) => wrong("a text"),
        (FieldType::Date, FieldValue::Text(text)) if is_date(text) => {
            Ok(Value::from(text.as_str()))
        }
        (FieldType::Date, _) => wrong("a date `YYYY-MM-DD`"),
        (FieldType::Boolean, FieldValue::Boolean(given)) => Ok(Value::from(*given)),
        (FieldType::Boolean, _) => wrong("true or false"),
        (FieldType::Number, FieldValue::Number(given)) => number(*given)
            .map(Value::Number)
            .map_or_else(|| wrong("a number"), Ok),
        (FieldType::Number, FieldValue::Text(text)) => match decimal(text) {
            Some(_) => Ok(Value::from(text.trim())),
            None => wrong("a number"),
        },
        (FieldType::Number, _) => wrong("a number"),
        (FieldType::List, FieldValue::Text(text)) => option(text).map(Value::from),
        (FieldType::List, _) => wrong("one of its options"),
        (FieldType::MultiSelect, FieldValue::Options(given)) => given
            .iter()
            .map(|given| option(given))
            .collect::<Result<Vec<_>, _>>()
            .map(|given| Value::from(given.join(";"))),
        (FieldType::MultiSelect, FieldValue::Text(text)) => options(text)
            .map(option)
            .collect::<Result<Vec<_>, _>>()
            .map(|given| Value::from(given.join(";"))),
        (FieldType::MultiSelect, _) => wrong("several of its options"),
    }
}

/// A value as the contract gives it. Capsule spells numbers as texts; a number that would lose digits stays a text. A multi-select value
/// may be one text with semicolons or an array (API reference 6, points 16 and 17).
fn read(definition: Option<&Definition>, value: Value) -> Value {
    match (definition.map(|definition| definition.kind), value) {
        (Some(FieldType::Number), Value::String(text)) => {
            exact(&text).map_or(Value::String(text), Value::Number)
        }
        (Some(FieldType::MultiSelect), Value::String(text)) => {
            options(&text).map(Value::from).collect()
        }
        // What is not known yet is kept as a text: a new kind of field is no reason to lose a page.
        (_, Value::Array(items)) => items
            .iter()
            .map(|item| Value::from(text_of(item)))
            .collect(),
        (_, value @ Value::Object(_)) => Value::String(capsule_json::text(&value)),
        (_, value) => value,
    }
}

/// The options that a text with semicolons names.
fn options(text: &str) -> impl Iterator<Item = &str> {
    text.split(';')
        .map(str::trim)
        .filter(|option| !option.is_empty())
}

/// A value as a text, options with semicolons.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(";"),
        other => capsule_json::text(other),
    }
}

/// The number that a text spells, if writing it again gives the same digits.
fn exact(text: &str) -> Option<serde_json::Number> {
    let number = number(decimal(text)?)?;
    let digits = |text: &str| {
        let text = text.trim_start_matches('+');
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    (digits(text) == digits(&number.to_string())).then_some(number)
}

/// The definition and the value of a field as Capsule gives it.
fn row(row: &mut Value) -> Option<(u64, Value)> {
    let definition = row.get("definition")?;
    let id = definition.get("id").unwrap_or(definition).as_u64()?;
    let value = row.get_mut("value")?.take();
    (!value.is_null()).then_some((id, value))
}

/// Turns Capsule's array of field rows into the contract's object keyed by definition. Rows that are not understood are left out.
pub(crate) fn spell(record: &mut Map<String, Value>, definitions: &[Definition]) {
    let Some(Value::Array(rows)) = record.remove("fields") else {
        return;
    };
    let mut fields = Map::new();
    for (id, value) in rows.into_iter().filter_map(|mut one| row(&mut one)) {
        let definition = definitions.iter().find(|definition| definition.id == id);
        fields.insert(id.to_string(), read(definition, value));
    }
    record.insert("fields".into(), Value::Object(fields));
}

/// How values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// By their text.
    Text,
    /// By what they count.
    Number,
    /// Without regard to their order.
    Options,
}

/// A field that is to be written, or that records are looked for by.
#[derive(Clone, Debug)]
pub(crate) struct FieldWrite {
    /// Its definition.
    pub(crate) id: u64,
    /// As Capsule wants it written; null clears.
    pub(crate) value: Value,
    comparison: Comparison,
}

impl FieldWrite {
    /// A value, judged by the definition where it is known. None clears.
    ///
    /// # Errors
    /// A violation with an empty pointer.
    pub(crate) fn new(
        id: u64,
        definition: Option<&Definition>,
        value: Option<&FieldValue>,
    ) -> Result<Self, Violation> {
        let comparison = match (definition.map(|definition| definition.kind), value) {
            (Some(FieldType::Number), _) | (None, Some(FieldValue::Number(_))) => {
                Comparison::Number
            }
            (Some(FieldType::MultiSelect), _) | (None, Some(FieldValue::Options(_))) => {
                Comparison::Options
            }
            _ => Comparison::Text,
        };
        let value = match value {
            Some(value) => written(definition, value)?,
            // API reference 2.3: null is refused for a boolean.
            None if definition.is_some_and(|definition| definition.kind == FieldType::Boolean) => {
                return Err(Violation {
                    pointer: String::new(),
                    message: "a boolean field can't be cleared in Capsule; set it to true or false"
                        .into(),
                    rule: "type".into(),
                });
            }
            None => Value::Null,
        };
        Ok(Self {
            id,
            value,
            comparison,
        })
    }

    /// As a row of a record to send.
    pub(crate) fn body(&self) -> Value {
        json!({"definition": {"id": self.id}, "value": self.value})
    }

    /// It has no value: there is nothing to look for.
    pub(crate) fn is_blank(&self) -> bool {
        text_of(&self.value).trim().is_empty()
    }

    /// A record whose field has that value, or null, needs no change.
    pub(crate) fn equals(&self, current: &Value) -> bool {
        let (current, wanted) = (text_of(current), text_of(&self.value));
        let among = |some: &str, all: &str| {
            options(some).all(|option| options(all).any(|other| other == option))
        };
        match self.comparison {
            Comparison::Text => current.trim() == wanted.trim(),
            Comparison::Number => {
                current.trim() == wanted.trim()
                    || exact(&current).is_some_and(|current| exact(&wanted) == Some(current))
            }
            Comparison::Options => among(&wanted, &current) && among(&current, &wanted),
        }
    }

    /// A record as Capsule gives it, with its fields, needs no change to have this value.
    pub(crate) fn stands_in(&self, record: &Value) -> bool {
        let rows = record.get("fields").and_then(Value::as_array);
        let current = rows
            .into_iter()
            .flatten()
            .filter_map(|one| row(&mut one.clone()))
            .find(|(id, _)| *id == self.id);
        self.equals(&current.map_or(Value::Null, |(_, value)| value))
    }

    /// A record as Capsule gives it, with its fields, has this value; of several options, all that are looked for.
    pub(crate) fn is_of(&self, record: &Value) -> bool {
        let rows = record
            .get("fields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let mut values = rows
            .filter_map(|one| row(&mut one.clone()))
            .filter(|(id, _)| *id == self.id)
            .map(|(_, value)| value);
        values.any(|value| match self.comparison {
            Comparison::Options => {
                let current = text_of(&value);
                options(&text_of(&self.value))
                    .all(|option| options(&current).any(|other| other == option))
            }
            _ => self.equals(&value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: FieldType, options: &[&str]) -> Definition {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Definition {
            id: 46,
            name: "Region".into(),
            description: None,
            kind,
            options,
            important: false,
            capture_rule: None,
            tag: None,
        }
    }

    #[test]
    fn a_number_that_would_lose_digits_stays_a_text() {
        let number = definition(FieldType::Number, &[]);
        for (text, expected) in [
            ("12", json!(12)),
            ("12.50", json!(12.5)),
            ("-3", json!(-3)),
            ("123456789012345678901", json!("123456789012345678901")),
            ("0.1234567890123456789", json!("0.1234567890123456789")),
            ("1e3", json!("1e3")),
            ("twelve", json!("twelve")),
            ("NaN", json!("NaN")),
        ] {
            assert_eq!(read(Some(&number), json!(text)), expected, "{text}");
        }
    }

    #[test]
    fn rows_become_an_object_keyed_by_definition() {
        let mut record = json!({"fields": [
            {"id": 1, "definition": {"id": 46, "name": "Region"}, "value": "EMEA", "tagId": 3},
            {"id": 2, "definition": 47, "value": "7"},
            {"id": 3, "definition": {"id": 48}, "value": "a;b"},
            {"id": 4, "value": "nobody's"},
            {"id": 5, "definition": {"id": 49}, "value": null},
        ]});
        let definitions = [
            Definition {
                id: 47,
                ..definition(FieldType::Number, &[])
            },
            Definition {
                id: 48,
                ..definition(FieldType::MultiSelect, &["a", "b"])
            },
        ];
        spell(record.as_object_mut().unwrap(), &definitions);
        assert_eq!(
            record,
            json!({"fields": {"46": "EMEA", "47": 7, "48": ["a", "b"]}})
        );
    }

    #[test]
    fn a_value_is_judged_by_its_definition() {
        let text = |text: &str| FieldValue::Text(text.into());
        for (kind, value, expected) in [
            (FieldType::Text, text("x"), Ok(json!("x"))),
            (
                FieldType::Text,
                FieldValue::Number(4711.0),
                Ok(json!("4711")),
            ),
            (FieldType::Text, FieldValue::Boolean(true), Err("type")),
            (FieldType::Date, text("2026-02-03"), Ok(json!("2026-02-03"))),
            (FieldType::Date, text("3 Feb"), Err("type")),
            (
                FieldType::Boolean,
                FieldValue::Boolean(false),
                Ok(json!(false)),
            ),
            (FieldType::Boolean, text("yes"), Err("type")),
            (FieldType::Number, FieldValue::Number(1.5), Ok(json!(1.5))),
            (FieldType::Number, FieldValue::Number(f64::NAN), Err("type")),
            (FieldType::Number, text("12.50"), Ok(json!("12.50"))),
            (FieldType::Number, text("many"), Err("type")),
            (FieldType::List, text("emea"), Ok(json!("EMEA"))),
            (FieldType::List, text("EMEAA"), Err("choice")),
            (
                FieldType::MultiSelect,
                FieldValue::Options(vec!["EMEA".into(), "apac".into()]),
                Ok(json!("EMEA;APAC")),
            ),
            (FieldType::MultiSelect, FieldValue::Number(1.0), Err("type")),
        ] {
            let given = written(Some(&definition(kind, &["EMEA", "APAC"])), &value)
                .map_err(|violation| violation.rule);
            assert_eq!(
                given,
                expected.map_err(ToOwned::to_owned),
                "{kind:?} {value:?}"
            );
        }
    }

    #[test]
    fn a_value_of_an_unknown_form_becomes_a_text() {
        assert_eq!(read(None, json!({"amount": 5})), json!(r#"{"amount":5}"#));
        assert_eq!(read(None, json!(["a", 5])), json!(["a", "5"]));
    }

    #[test]
    fn a_definition_without_id_or_name_is_left_out() {
        assert_eq!(Definition::read(&json!({"id": 46})), None);
        assert_eq!(Definition::read(&json!({"name": "Region"})), None);
        let read = Definition::read(
            &json!({"id": 46, "name": "Region", "type": "multiselectlist", "options": ["a", 1], "tag": {"id": 3, "name": "VIP"}}),
        );
        let expected = Definition {
            tag: Some((3, "VIP".into())),
            ..definition(FieldType::MultiSelect, &["a"])
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn without_a_definition_a_value_is_written_as_it_is() {
        for (value, expected) in [
            (FieldValue::Text("x".into()), Ok(json!("x"))),
            (FieldValue::Number(12.0), Ok(json!(12))),
            (FieldValue::Boolean(true), Ok(json!(true))),
            (
                FieldValue::Options(vec!["a".into(), "b".into()]),
                Ok(json!("a;b")),
            ),
            (FieldValue::Number(f64::INFINITY), Err("type".to_owned())),
        ] {
            assert_eq!(
                written(None, &value).map_err(|violation| violation.rule),
                expected,
                "{value:?}"
            );
        }
    }

    #[test]
    fn equal_values_are_recognised_however_they_are_spelt() {
        let text = |text: &str| FieldValue::Text(text.into());
        let options =
            |all: &[&str]| FieldValue::Options(all.iter().map(|one| (*one).to_owned()).collect());
        for (kind, wanted, current, equal) in [
            (Some(FieldType::Number), text("12.50"), json!(12.5), true),
            (
                Some(FieldType::Number),
                FieldValue::Number(12.5),
                json!("12.50"),
                true,
            ),
            (
                Some(FieldType::Number),
                FieldValue::Number(12.0),
                json!("13"),
                false,
            ),
            (Some(FieldType::Text), text("1.10"), json!("1.1"), false),
            (
                Some(FieldType::Text),
                FieldValue::Number(4711.0),
                json!("4711"),
                true,
            ),
            (
                Some(FieldType::Boolean),
                FieldValue::Boolean(true),
                json!(true),
                true,
            ),
            (
                Some(FieldType::Boolean),
                FieldValue::Boolean(false),
                Value::Null,
                false,
            ),
            (
                Some(FieldType::MultiSelect),
                text("EMEA;APAC"),
                json!(["APAC", "EMEA"]),
                true,
            ),
            (
                Some(FieldType::MultiSelect),
                options(&["EMEA"]),
                json!("EMEA;APAC"),
                false,
            ),
            (None, FieldValue::Number(12.0), json!("12.00"), true),
            (None, options(&["b", "a"]), json!("a;b"), true),
            (None, text("a;b"), json!("b;a"), false),
            (None, text(""), Value::Null, true),
            (None, text("x"), Value::Null, false),
        ] {
            let definition = kind.map(|kind| definition(kind, &["EMEA", "APAC"]));
            let write = FieldWrite::new(46, definition.as_ref(), Some(&wanted)).unwrap();
            assert_eq!(
                write.equals(&current),
                equal,
                "{kind:?} {wanted:?} {current}"
            );
        }
    }

    #[test]
    fn a_record_is_looked_for_by_the_whole_value_or_by_some_options() {
        let record = json!({"fields": [{"definition": {"id": 46}, "value": "EMEA;APAC"}, {"definition": 47, "value": "12"}]});
        let multi = definition(FieldType::MultiSelect, &["EMEA", "APAC", "AMER"]);
        for (definition, id, value, found) in [
            (Some(&multi), 46, FieldValue::Text("apac".into()), true),
            (Some(&multi), 46, FieldValue::Text("AMER".into()), false),
            (None, 46, FieldValue::Text("EMEA".into()), false),
            (None, 47, FieldValue::Number(12.0), true),
            (None, 48, FieldValue::Number(12.0), false),
        ] {
            assert_eq!(
                FieldWrite::new(id, definition, Some(&value))
                    .unwrap()
                    .is_of(&record),
                found,
                "{id} {value:?}"
            );
        }
    }

    #[test]
    fn a_boolean_can_not_be_cleared() {
        let cleared =
            |kind| FieldWrite::new(46, Some(&definition(kind, &[])), None).map(|write| write.value);
        assert_eq!(cleared(FieldType::Text), Ok(Value::Null));
        assert_eq!(cleared(FieldType::Boolean).unwrap_err().rule, "type");
    }
}
