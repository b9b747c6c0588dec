//! JSON made from shapes: what fits, and what hardly does. Knows the shapes alone, neither the check nor the schemas.

use crate::contract::{Bounds, Field, Hints, Reading, Record, Shape};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// Largest whole number that every JSON reader keeps exact.
const EXACT: i64 = (1 << 53) - 1;

/// A key that no shape has.
const OF_TOMORROW: &str = "ofTomorrow";

// ---- what fits ----

/// JSON that fits: with null, or left out, wherever that is allowed.
pub(crate) fn fitting(
    shape: &Shape,
    hints: &'static Hints,
    reading: Reading,
) -> BoxedStrategy<Value> {
    match *shape {
        Shape::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        Shape::Integer(bounds) => integer(bounds, hints, reading),
        Shape::Number => prop_oneof![
            any::<i32>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number))),
            (-1e12..1e12).prop_map(Value::from),
            proptest::num::f64::NORMAL.prop_map(Value::from),
        ]
        .boxed(),
        Shape::Text => text(hints, reading),
        Shape::Json => any_json().prop_map(without_fractions).boxed(),
        // As the model writes them: padding may be left out, and would come back.
        Shape::Bytes => proptest::collection::vec(any::<u8>(), 0..8)
            .prop_map(|bytes| Value::from(base64(&bytes, true)))
            .boxed(),
        Shape::List(item) => proptest::collection::vec(fitting(item, &Hints::NONE, reading), 0..3)
            .prop_map(Value::Array)
            .boxed(),
        Shape::Option(inner) | Shape::Change(inner) => {
            prop_oneof![1 => Just(Value::Null), 3 => fitting(inner, hints, reading)].boxed()
        }
        Shape::Map(entry) => map(entry, reading),
        Shape::Record(record) => object(record, reading),
        Shape::Enum(all) => {
            let cases: Vec<_> = all.cases.iter().map(|(case, _)| *case).collect();
            select(cases).prop_map(Value::from).boxed()
        }
        Shape::Variant(variant) => {
            let bare = variant.bare;
            Union::new(variant.cases.iter().map(move |case| {
                match &case.shape {
                    None => Just(Value::from(case.json)).boxed(),
                    Some(shape) if bare => fitting(shape, case.hints, reading),
                    Some(shape) => fitting(shape, case.hints, reading)
                        .prop_map(|payload| json!({case.json: payload}))
                        .boxed(),
                }
            }))
            .boxed()
        }
    }
}

/// Whole numbers, also written with a fraction of zero.
fn integer(bounds: &Bounds, hints: &'static Hints, reading: Reading) -> BoxedStrategy<Value> {
    let Bounds { least, most } = bounds.of(reading, hints);
    let near = least.max(-9)..=most.min(9).max(least.max(-9));
    let number = prop_oneof![3 => near, 2 => least..=most, 1 => Just(least), 1 => Just(most)];
    (number, any::<bool>())
        .prop_map(|(number, fraction)| {
            #[allow(clippy::cast_precision_loss)]
            if fraction {
                Value::from(number as f64)
            } else {
                Value::from(number)
            }
        })
        .boxed()
}

fn text(hints: &'static Hints, reading: Reading) -> BoxedStrategy<Value> {
    let any_text = || "(?s).{0,9}";
    match (reading, hints.format) {
        (Reading::Input, Some("date")) => date().prop_map(Value::from).boxed(),
        (Reading::Input, Some("date-time")) => date_time().prop_map(Value::from).boxed(),
        _ if !hints.values.is_empty() => {
            prop_oneof![select(hints.values).prop_map(str::to_owned), any_text()]
                .prop_map(Value::from)
                .boxed()
        }
        _ => any_text().prop_map(Value::from).boxed(),
    }
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..=9999, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}")),
        1 => select(&["2024-02-29", "2000-02-29", "2026-12-31", "2026-04-30", "0000-01-01"][..]).prop_map(str::to_owned),
    ]
}

fn date_time() -> impl Strategy<Value = String> {
    let offset = prop_oneof![
        Just("Z".to_owned()),
        Just("z".to_owned()),
        ("[+-]", 0..=23, 0..=59)
            .prop_map(|(sign, hours, minutes)| format!("{sign}{hours:02}:{minutes:02}")),
    ];
    (
        date(),
        "[Tt]",
        0..=23,
        0..=59,
        0..=59,
        "(\\.[0-9]{1,9})?",
        offset,
    )
        .prop_map(
            |(date, letter, hours, minutes, seconds, fraction, offset)| {
                format!("{date}{letter}{hours:02}:{minutes:02}:{seconds:02}{fraction}{offset}")
            },
        )
}

fn base64(bytes: &[u8], padded: bool) -> String {
    let letters: Vec<char> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/'])
        .collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| {
            bits << 8 | usize::from(chunk.get(index).copied().unwrap_or_default())
        });
        for position in 0..=chunk.len() {
            text.push(letters[bits >> (18 - 6 * position) & 63]);
        }
        if padded {
            text.push_str(&"=".repeat(3 - chunk.len()));
        }
    }
    text
}

fn object(record: &'static Record, reading: Reading) -> BoxedStrategy<Value> {
    let fields: Vec<_> = record
        .fields
        .iter()
        .map(|field| field_of(field, reading))
        .collect();
    let more = if reading == Reading::Answer {
        prop_oneof![3 => Just(false), 1 => Just(true)].boxed()
    } else {
        Just(false).boxed()
    };
    (fields, more)
        .prop_map(move |(values, more)| {
            let mut object = Map::new();
            for (field, value) in record.fields.iter().zip(values) {
                if let Some(value) = value {
                    object.insert(field.json.to_owned(), value);
                }
            }
            if more {
                object.insert(OF_TOMORROW.to_owned(), json!([{"more": 1}]));
            }
            Value::Object(object)
        })
        .boxed()
}

/// A field that is there, null, or left out.
fn field_of(field: &'static Field, reading: Reading) -> BoxedStrategy<Option<Value>> {
    let mut value = fitting(&field.shape, field.hints, reading);
    if field.hints.digits_are_id {
        value = prop_oneof![3 => value, 1 => "[0-9]{1,18}".prop_map(Value::from)].boxed();
    }
    let free = match field.shape {
        Shape::Option(_) | Shape::Change(_) | Shape::List(_) | Shape::Map(_) | Shape::Boolean => {
            true
        }
        Shape::Text => reading == Reading::Answer,
        _ => false,
    };
    if free {
        prop_oneof![2 => Just(None), 1 => Just(Some(Value::Null)), 3 => value.prop_map(Some)]
            .boxed()
    } else {
        value.prop_map(Some).boxed()
    }
}

fn map(entry: &'static Record, reading: Reading) -> BoxedStrategy<Value> {
    let [key, value] = entry.fields else {
        panic!("{}: a map has two fields", entry.name)
    };
    // A key is written back as it stands here: an id has no leading zeros.
    let id = "0|[1-9][0-9]{0,14}";
    let key = match key.shape {
        Shape::Integer(_) => id.boxed(),
        Shape::Text if key.hints.format.is_some() => text(key.hints, reading)
            .prop_map(|key| key.as_str().unwrap_or_default().to_owned())
            .boxed(),
        Shape::Text => prop_oneof!["(?s).{1,9}", "0?[0-9]{1,4}"].boxed(),
        Shape::Enum(all) => select(all.cases)
            .prop_map(|(case, _)| case.to_owned())
            .boxed(),
        _ => prop_oneof![id, "[A-Za-z][^0-9]{0,8}", "99999999999999999999"].boxed(),
    };
    proptest::collection::vec((key, fitting(&value.shape, value.hints, reading)), 0..3)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
        .boxed()
}

// ---- what hardly fits ----

/// JSON that fits an input, with one thing changed. Mostly it is wrong then.
pub(crate) fn nearly_fitting(shape: &Shape) -> BoxedStrategy<Value> {
    let mut words = Vec::new();
    words_of(shape, &mut words);
    words.sort_unstable();
    words.dedup();
    (
        fitting(shape, &Hints::NONE, Reading::Input),
        any::<Index>(),
        change(words),
    )
        .prop_map(|(mut value, place, change)| {
            let mut places = Vec::new();
            places_of(&value, &mut String::new(), &mut places);
            let place = place.get(&places);
            if let Some(value) = value.pointer_mut(place) {
                change.apply(value);
            }
            value
        })
        .boxed()
}

#[derive(Clone, Debug)]
enum Change {
    Put(Value),
    AddKey(String, Value),
    TakeKey(Index),
    Repeat,
}

impl Change {
    fn apply(self, value: &mut Value) {
        match (self, value) {
            (Self::AddKey(key, more), Value::Object(object)) => {
                object.insert(key, more);
            }
            (Self::TakeKey(index), Value::Object(object)) if !object.is_empty() => {
                let keys: Vec<_> = object.keys().cloned().collect();
                object.remove(index.get(&keys));
            }
            (Self::Put(other), value) => *value = other,
            // What is no object is put into a list.
            (Self::AddKey(..) | Self::TakeKey(_) | Self::Repeat, value) => {
                *value = json!([value.clone(), value.take()])
            }
        }
    }
}

fn change(words: Vec<&'static str>) -> impl Strategy<Value = Change> {
    let word = select(words).prop_map(str::to_owned);
    let key = prop_oneof![word.clone(), "[a-z]{0,4}"];
    let near = (word.clone(), edge()).prop_map(|(word, value)| json!({word: value}));
    let any_value = || prop_oneof![4 => edge(), 1 => any_json()];
    prop_oneof![
        4 => edge().prop_map(Change::Put),
        1 => any_json().prop_map(Change::Put),
        1 => word.prop_map(|word| Change::Put(Value::from(word))),
        2 => near.prop_map(Change::Put),
        2 => (key, any_value()).prop_map(|(key, value)| Change::AddKey(key, value)),
        1 => any::<Index>().prop_map(Change::TakeKey),
        1 => Just(Change::Repeat),
    ]
}

/// Values on the edge of some rule.
fn edge() -> impl Strategy<Value = Value> {
    let mut all = vec![
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!([null]),
        json!([[]]),
        json!(["a", 1]),
        json!({}),
        json!({"": 1}),
        json!({"a": 1, "b": 2}),
        json!({"7": "x", "007": null}),
    ];
    all.extend(
        [
            0,
            -1,
            1,
            5,
            127,
            128,
            255,
            256,
            500,
            501,
            65_536,
            4_294_967_296,
            EXACT,
            EXACT + 1,
            -EXACT,
            -EXACT - 1,
            i64::MIN,
        ]
        .map(Value::from),
    );
    all.extend([u64::MAX, (1 << 63) + 1].map(Value::from));
    all.extend(
        [
            -0.0,
            1.0,
            1.5,
            2.0,
            256.0,
            1e15,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
            1e20,
            -1e300,
            5e-324,
        ]
        .map(Value::from),
    );
    all.extend(
        [
            "",
            " ",
            "5",
            "007",
            "+5",
            "٣",
            "9007199254740991",
            "9007199254740992",
            "99999999999999999999",
            "true",
            "null",
            "2026-02-28",
            "2026-02-29",
            "2026-2-28",
            "2026-13-01",
            "2026-02-28 ",
            "2026-02-28\n",
            "2026-02-28T09:15:00Z",
            "2026-02-28T09:15:00",
            "2026-02-28 09:15:00Z",
            "2026-02-28t09:15:00.5z",
            "2026-02-28T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-02-28T09:15:00+24:00",
            "2026-02-28T09:15:00+0100",
            "2026-02-28T09:15:00.Z",
            "2026-02-28T09:15Z",
            "٢026-02-28",
            "A",
            "AA",
            "AAA",
            "AAAA",
            "AAAAA",
            "AA=",
            "AA==",
            "AAA=",
            "AAAA=",
            "AA==AA==",
            "AA-_",
            "AA==\n",
            "a/b~c",
            "\u{0}",
        ]
        .map(Value::from),
    );
    select(all)
}

/// JSON of any kind.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Without fractions, whose last digit may be another one after they were written and read again.
fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            Value::from(number.as_f64().unwrap_or_default() as i32)
        }
        Value::Array(items) => items.into_iter().map(without_fractions).collect(),
        Value::Object(object) => object
            .into_iter()
            .map(|(key, value)| (key, without_fractions(value)))
            .collect(),
        other => other,
    }
}

/// Every word that a shape knows.
fn words_of(shape: &Shape, words: &mut Vec<&'static str>) {
    match *shape {
        Shape::Boolean
        | Shape::Integer(_)
        | Shape::Number
        | Shape::Text
        | Shape::Json
        | Shape::Bytes => {}
        Shape::List(inner) | Shape::Option(inner) | Shape::Change(inner) => words_of(inner, words),
        Shape::Map(record) | Shape::Record(record) => {
            for field in record.fields {
                words.push(field.json);
                words_of(&field.shape, words);
            }
        }
        Shape::Enum(all) => words.extend(all.cases.iter().map(|(case, _)| *case)),
        Shape::Variant(variant) => {
            for case in variant.cases {
                words.push(case.json);
                if let Some(shape) = &case.shape {
                    words_of(shape, words);
                }
            }
        }
    }
    // An operation may take nothing.
    if words.is_empty() {
        words.push(OF_TOMORROW);
    }
}

/// JSON Pointers of a value and of all that it holds.
fn places_of(value: &Value, pointer: &mut String, places: &mut Vec<String>) {
    places.push(pointer.clone());
    let mut below = |step: &str, value: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        places_of(value, pointer, places);
        pointer.truncate(length);
    };
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| below(&index.to_string(), value)),
        Value::Object(object) => object.iter().for_each(|(key, value)| below(key, value)),
        _ => {}
    }
}

// ---- what is the same ----

/// A value without what stands for nothing: null, empty lists and objects, `false`; in answers empty texts and keys that are unknown.
/// Numbers are compared by their size.
pub(crate) fn lean(value: Value, reading: Reading) -> Value {
    match value {
        Value::Object(object) => {
            let nothing = |value: &Value| match value {
                Value::Null | Value::Bool(false) => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(object) => object.is_empty(),
                Value::String(text) => text.is_empty() && reading == Reading::Answer,
                _ => false,
            };
            let entries = object
                .into_iter()
                .filter(|(key, _)| key != OF_TOMORROW)
                .map(|(key, value)| (key, lean(value, reading)));
            Value::Object(entries.filter(|(_, value)| !nothing(value)).collect())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| lean(item, reading)).collect())
        }
        Value::Number(number) => number
            .as_f64()
            .map_or(Value::Null, |number| Value::from(number + 0.0)),
        other => other,
    }
}
