//! Custom fields: their definitions, and their values on the way in and out (API reference 3.7).

use crate::bindings::capsule::crm::types::FieldValue;
use crate::bindings::integration::connector::types::Violation;
use crate::contract::json::number;
use crate::contract::{brief, is_date, nearest};
use serde_json::{Map, Value};

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
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self {
            id: value.get("id")?.as_u64()?,
            name: text("name")?,
            description: text("description").filter(|text| !text.is_empty()),
            kind: match value.get("type").and_then(Value::as_str).unwrap_or_default() {
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
            important: value.get("important").and_then(Value::as_bool).unwrap_or_default(),
            capture_rule: text("captureRule"),
            tag: value.get("tag").and_then(|tag| Some((tag.get("id")?.as_u64()?, tag.get("name")?.as_str()?.to_owned()))),
        })
    }
}

/// A value as Capsule wants it written, judged by the definition where it is known.
///
/// # Errors
/// A violation with an empty pointer.
pub(crate) fn written(definition: Option<&Definition>, value: &FieldValue) -> Result<Value, Violation> {
    let fault = |rule: &str, message: String| Violation { pointer: String::new(), message, rule: rule.to_owned() };
    let Some(definition) = definition else {
        return match value {
            FieldValue::Text(text) => Ok(Value::from(text.as_str())),
            FieldValue::Boolean(given) => Ok(Value::from(*given)),
            FieldValue::Number(given) => {
                number(*given).map(Value::Number).ok_or_else(|| fault("type", "this is not a number".into()))
            }
            FieldValue::Options(options) => Ok(Value::from(options.join(";"))),
        };
    };
    let name = &definition.name;
    let wrong = |expected: &str| Err(fault("type", format!("`{name}` is a field for {expected}")));
    let option = |given: &str| match definition.options.iter().find(|option| super::same(option, given)) {
        Some(option) => Ok(option.clone()),
        None => {
            let near = nearest(given, definition.options.iter().map(String::as_str), 3);
            let known = if near.is_empty() { definition.options.iter().take(20).map(String::as_str).collect() } else { near };
            Err(fault("choice", format!("`{}` is no option of `{name}`; there are: {}", brief(given), known.join(", "))))
        }
    };
    match (definition.kind, value) {
        (FieldType::Text | FieldType::Link, FieldValue::Text(text)) => Ok(Value::from(text.as_str())),
        // A foreign id that is a number in the caller's world is a text here.
        (FieldType::Text | FieldType::Link, FieldValue::Number(given)) => match number(*given) {
            Some(number) => Ok(Value::from(number.to_string())),
            None => wrong("a text"),
        },
        (FieldType::Text | FieldType::Link, _) => wrong("a text"),
        (FieldType::Date, FieldValue::Text(text)) if is_date(text) => Ok(Value::from(text.as_str())),
        (FieldType::Date, _) => wrong("a date `YYYY-MM-DD`"),
        (FieldType::Boolean, FieldValue::Boolean(given)) => Ok(Value::from(*given)),
        (FieldType::Boolean, _) => wrong("true or false"),
        (FieldType::Number, FieldValue::Number(given)) => number(*given).map(Value::Number).map_or_else(|| wrong("a number"), Ok),
        (FieldType::Number, FieldValue::Text(text)) => match text.trim().parse::<f64>() {
            Ok(given) if given.is_finite() => Ok(Value::from(text.trim())),
            _ => wrong("a number"),
        },
        (FieldType::Number, _) => wrong("a number"),
        (FieldType::List, FieldValue::Text(text)) => option(text).map(Value::from),
        (FieldType::List, _) => wrong("one of its options"),
        (FieldType::MultiSelect, FieldValue::Options(given)) => {
            given.iter().map(|given| option(given)).collect::<Result<Vec<_>, _>>().map(|given| Value::from(given.join(";")))
        }
        (FieldType::MultiSelect, FieldValue::Text(text)) => {
            let given: Result<Vec<_>, _> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(option).collect();
            given.map(|given| Value::from(given.join(";")))
        }
        (FieldType::MultiSelect, _) => wrong("several of its options"),
    }
}

/// A value as the contract gives it. Capsule spells numbers as texts; a number that would lose digits stays a text. A multi-select value
/// may be one text with semicolons or an array (API reference 6, points 16 and 17).
fn read(definition: Option<&Definition>, value: Value) -> Value {
    match (definition.map(|definition| definition.kind), value) {
        (Some(FieldType::Number), Value::String(text)) => exact(&text).map_or(Value::String(text), Value::Number),
        (Some(FieldType::MultiSelect), Value::String(text)) => text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect(),
        (_, value) => value,
    }
}

/// The number that a text spells, if writing it again gives the same digits.
fn exact(text: &str) -> Option<serde_json::Number> {
    let value: f64 = text.parse().ok()?;
    let number = number(value)?;
    let digits = |text: &str| {
        let text = text.trim_start_matches('+');
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    (digits(text) == digits(&number.to_string())).then_some(number)
}

/// Turns Capsule's array of field rows into the contract's object keyed by definition. Rows that are not understood are left out.
pub(crate) fn spell(record: &mut Map<String, Value>, definitions: &[Definition]) {
    let Some(Value::Array(rows)) = record.remove("fields") else { return };
    let mut fields = Map::new();
    for mut row in rows {
        let id = row.get("definition").and_then(|definition| definition.get("id").unwrap_or(definition).as_u64());
        let value = row.get_mut("value").map(Value::take).unwrap_or_default();
        if let (Some(id), false) = (id, value.is_null()) {
            let definition = definitions.iter().find(|definition| definition.id == id);
            fields.insert(id.to_string(), read(definition, value));
        }
    }
    record.insert("fields".into(), Value::Object(fields));
}

/// Whether a value as read equals one to be written: numbers by value, options without regard to their order.
pub(crate) fn equal(current: &FieldValue, wanted: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wanted_text = text(wanted);
    match current {
        FieldValue::Boolean(current) => wanted.as_bool() == Some(*current),
        FieldValue::Number(current) => wanted_text.parse::<f64>().is_ok_and(|wanted| wanted == *current),
        FieldValue::Text(current) => *current == wanted_text || exact(current).zip(exact(&wanted_text)).is_some_and(|(one, other)| one == other),
        FieldValue::Options(current) => {
            let wanted: Vec<_> = wanted_text.split(';').collect();
            current.len() == wanted.len() && wanted.iter().all(|option| current.iter().any(|one| one == option))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(kind: FieldType, options: &[&str]) -> Definition {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Definition { id: 46, name: "Region".into(), description: None, kind, options, important: false, capture_rule: None, tag: None }
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
            Definition { id: 47, ..definition(FieldType::Number, &[]) },
            Definition { id: 48, ..definition(FieldType::MultiSelect, &["a", "b"]) },
        ];
        spell(record.as_object_mut().unwrap(), &definitions);
        assert_eq!(record, json!({"fields": {"46": "EMEA", "47": 7, "48": ["a", "b"]}}));
    }

    #[test]
    fn a_value_is_judged_by_its_definition() {
        let text = |text: &str| FieldValue::Text(text.into());
        for (kind, value, expected) in [
            (FieldType::Text, text("x"), Ok(json!("x"))),
            (FieldType::Text, FieldValue::Number(4711.0), Ok(json!("4711"))),
            (FieldType::Text, FieldValue::Boolean(true), Err("type")),
            (FieldType::Date, text("2026-02-03"), Ok(json!("2026-02-03"))),
            (FieldType::Date, text("3 Feb"), Err("type")),
            (FieldType::Boolean, FieldValue::Boolean(false), Ok(json!(false))),
            (FieldType::Boolean, text("yes"), Err("type")),
            (FieldType::Number, FieldValue::Number(1.5), Ok(json!(1.5))),
            (FieldType::Number, FieldValue::Number(f64::NAN), Err("type")),
            (FieldType::Number, text("12.50"), Ok(json!("12.50"))),
            (FieldType::Number, text("many"), Err("type")),
            (FieldType::List, text("emea"), Ok(json!("EMEA"))),
            (FieldType::List, text("EMEAA"), Err("choice")),
            (FieldType::MultiSelect, FieldValue::Options(vec!["EMEA".into(), "apac".into()]), Ok(json!("EMEA;APAC"))),
            (FieldType::MultiSelect, FieldValue::Number(1.0), Err("type")),
        ] {
            let given = written(Some(&definition(kind, &["EMEA", "APAC"])), &value).map_err(|violation| violation.rule);
            assert_eq!(given, expected.map_err(ToOwned::to_owned), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn equal_values_are_recognised_however_they_are_spelt() {
        assert!(equal(&FieldValue::Number(12.5), &json!("12.50")));
        assert!(equal(&FieldValue::Text("12.50".into()), &json!(12.5)));
        assert!(equal(&FieldValue::Options(vec!["a".into(), "b".into()]), &json!("b;a")));
        assert!(!equal(&FieldValue::Text("a".into()), &json!("b")));
        assert!(equal(&FieldValue::Boolean(true), &json!(true)));
    }
}
