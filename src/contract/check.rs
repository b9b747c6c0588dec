//! Judges JSON by a shape. Only what passes is turned into the model, which then can't fail.

use super::json::{self, Json as _};
use super::nearest::nearest;
use super::shape::{Bounds, Field, Hints, Record, Shape, Variant};
use crate::bindings::integration::connector::types::Violation;
use serde_json::{Map, Value};

/// Who wrote the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A caller: unknown keys are faults, ranges and formats are held.
    Input,
    /// The vendor: lists and booleans may be missing, ranges and formats are its own affair. The value becomes what the model would make of
    /// it: unknown keys are taken out, what is missing is filled in.
    Answer,
}

/// Every fault of the value, each with its pointer; none means that it fits. Whole numbers that are written with a fraction of zero
/// become integers, and texts of digits become ids where the field says so. See [`Reading::Answer`] for what else changes.
///
/// At most 100 faults are told. A key of more than 200 bytes is not repeated: the fault then points at what holds it.
#[must_use]
pub fn check(shape: &Shape, value: &mut Value, reading: Reading) -> Vec<Violation> {
    let mut judge = Judge {
        reading,
        found: Vec::new(),
    };
    judge.shape(At::Root, shape, &Hints::NONE, value);
    judge.found
}

/// The same for the value of one field that an answer has; whether it fits.
pub(super) fn answered(field: &Field, value: &mut Value) -> bool {
    let mut judge = Judge {
        reading: Reading::Answer,
        found: Vec::new(),
    };
    judge.field(At::Root, field, value);
    judge.found.is_empty()
}

/// More than anybody mends at once.
const MOST_FAULTS: usize = 100;

/// No name of the contract is longer, and hardly one of a custom field. A hostile key would come back once for each fault below it.
const LONGEST_STEP: usize = 200;

struct Judge {
    reading: Reading,
    found: Vec<Violation>,
}

/// Where a value stands. It becomes a pointer only where a fault is told.
#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Key(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
}

impl At<'_> {
    fn pointer(&self) -> String {
        match self {
            At::Root => String::new(),
            At::Key(before, key) => {
                let mut pointer = before.pointer();
                step(&mut pointer, key);
                pointer
            }
            At::Index(before, index) => format!("{}/{index}", before.pointer()),
        }
    }
}

impl Judge {
    /// No more faults are told, so that none need to be looked for.
    fn full(&self) -> bool {
        self.found.len() >= MOST_FAULTS
    }

    fn fault(&mut self, at: At<'_>, rule: &str, message: String) {
        if !self.full() {
            self.found.push(Violation {
                pointer: at.pointer(),
                message,
                rule: rule.to_owned(),
            });
        }
    }

    fn wrong_type(&mut self, at: At<'_>, expected: &str, value: &Value) {
        self.fault(
            at,
            "type",
            format!("{expected} is expected, {} was given", describe(value)),
        );
    }

    fn shape(&mut self, at: At<'_>, shape: &Shape, hints: &Hints, value: &mut Value) {
        if self.full() {
            return;
        }
        match shape {
            Shape::Boolean => {
                if !value.is_boolean() {
                    self.wrong_type(at, "true or false", value);
                }
            }
            Shape::Integer(bounds) => self.integer(at, bounds, hints, value),
            Shape::Number => match value.as_f64() {
                // However the vendor writes it.
                Some(number) if self.reading == Reading::Answer => *value = number.to_json(),
                Some(_) => {}
                None => self.wrong_type(at, "a number", value),
            },
            Shape::Text => self.text(at, hints, value),
            Shape::Json => {}
            Shape::Bytes => match value.as_str() {
                Some(text) if capsule_json::base64::decode(text).is_some() => {}
                Some(_) => self.fault(at, "type", "base64 is expected".into()),
                None => self.wrong_type(at, "base64 text", value),
            },
            Shape::List(item) => match value {
                Value::Array(items) => {
                    for (index, value) in items.iter_mut().enumerate() {
                        if self.full() {
                            return;
                        }
                        self.shape(At::Index(&at, index), item, &Hints::NONE, value);
                    }
                }
                _ => self.wrong_type(at, "an array", value),
            },
            Shape::Option(inner) | Shape::Change(inner) => {
                if !value.is_null() {
                    self.shape(at, inner, hints, value);
                }
            }
            Shape::Map(record) => self.map(at, record, value),
            Shape::Record(record) => self.record(at, record, value),
            Shape::Enum(all) => match value.as_str() {
                Some(text) if all.cases.iter().any(|(case, _)| *case == text) => {}
                Some(text) => {
                    let message = one_of(text, all.cases.iter().map(|(case, _)| *case));
                    self.fault(at, "choice", message);
                }
                None => self.wrong_type(at, "a text", value),
            },
            Shape::Variant(variant) if variant.bare => self.bare(at, variant, value),
            Shape::Variant(variant) => self.tagged(at, variant, value),
        }
    }

    fn integer(&mut self, at: At<'_>, bounds: &Bounds, hints: &Hints, value: &mut Value) {
        let Bounds { least, most } = bounds.of(self.reading, hints);
        match whole(value) {
            Whole::Exact(number) if (least..=most).contains(&number) => {
                *value = Value::from(number)
            }
            Whole::Exact(_) | Whole::Beyond => self.fault(
                at,
                "range",
                format!("{value} is outside of {least} to {most}"),
            ),
            Whole::No => self.wrong_type(at, "a whole number", value),
        }
    }

    fn text(&mut self, at: At<'_>, hints: &Hints, value: &Value) {
        let Some(text) = value.as_str() else {
            return self.wrong_type(at, "a text", value);
        };
        if self.reading == Reading::Input {
            match hints.format {
                Some("date") if !is_date(text) => {
                    self.fault(at, "format", "a date `YYYY-MM-DD` is expected".into());
                }
                Some("date-time") if !is_date_time(text) => {
                    self.fault(
                        at,
                        "format",
                        "a time like `2026-02-03T09:15:00Z` is expected".into(),
                    );
                }
                _ => {}
            }
        }
    }

    fn map(&mut self, at: At<'_>, record: &Record, value: &mut Value) {
        let (Some(key), Some(item)) = (record.fields.first(), record.fields.get(1)) else {
            return;
        };
        let Value::Object(object) = value else {
            return self.wrong_type(at, "an object", value);
        };
        for (name, value) in object.iter_mut() {
            if self.full() {
                return;
            }
            let at = At::Key(&at, name);
            self.key(at, key, name);
            self.shape(at, &item.shape, item.hints, value);
        }
    }

    /// A key is a text; where the type has numbers, digits are an id.
    fn key(&mut self, at: At<'_>, field: &Field, name: &str) {
        match field.shape {
            // A pattern can hold 15 digits, but not the largest exact number. The vendor's own keys are not held to it.
            Shape::Integer(_)
                if json::id(name).is_none()
                    || (name.len() > 15 && self.reading == Reading::Input) =>
            {
                self.fault(
                    at,
                    "type",
                    format!(
                        "an id of at most 15 digits is expected, `{}` was given",
                        brief(name)
                    ),
                );
            }
            _ if name.is_empty() => self.fault(
                at,
                "required",
                format!(
                    "the key is empty; it is the {}",
                    field.title().to_lowercase()
                ),
            ),
            Shape::Text | Shape::Enum(_) => {
                self.shape(at, &field.shape, field.hints, &mut Value::from(name))
            }
            // An id or a name: any text is one of them.
            _ => {}
        }
    }

    fn record(&mut self, at: At<'_>, record: &Record, value: &mut Value) {
        let Value::Object(object) = value else {
            return self.wrong_type(at, "an object", value);
        };
        match self.reading {
            Reading::Input => self.given(at, record, object),
            Reading::Answer => self.answered(at, record, object),
        }
    }

    /// What a caller wrote: every key has to be known.
    fn given(&mut self, at: At<'_>, record: &Record, object: &mut Map<String, Value>) {
        let names = || record.fields.iter().map(|field| field.json);
        for key in object
            .keys()
            .filter(|key| !names().any(|name| name == *key))
        {
            if self.full() {
                return;
            }
            let near = nearest(key, names(), 3);
            let message = match near.as_slice() {
                [] => {
                    let all: Vec<_> = names().collect();
                    format!(
                        "there is no field `{}` here; there are: {}",
                        brief(key),
                        all.join(", ")
                    )
                }
                near => format!(
                    "there is no field `{}` here; did you mean {}?",
                    brief(key),
                    quoted(near)
                ),
            };
            self.fault(At::Key(&at, key), "unknown-field", message);
        }
        for field in record.fields {
            match object.get_mut(field.json) {
                // Null stands for left out, except where a change is meant.
                Some(value) if !value.is_null() || matches!(field.shape, Shape::Change(_)) => {
                    self.field(at, field, value);
                }
                found => {
                    let null = found.is_some();
                    self.missing(at, field, null);
                }
            }
        }
    }

    /// What the vendor wrote: what is not known, and what is null, goes; what it left out is filled in.
    fn answered(&mut self, at: At<'_>, record: &Record, object: &mut Map<String, Value>) {
        object.retain(|key, value| {
            let mut fields = record.fields.iter();
            match fields.find(|field| field.json == key.as_str()) {
                Some(field) if !value.is_null() => {
                    self.field(at, field, value);
                    true
                }
                _ => false,
            }
        });
        for field in record.fields {
            // An option is most often nothing: that is known without looking for it.
            if matches!(field.shape, Shape::Option(_) | Shape::Change(_))
                || object.contains_key(field.json)
            {
                continue;
            }
            match empty(field) {
                Some(empty) => {
                    object.insert(field.json.to_owned(), empty);
                }
                None => self.missing(at, field, false),
            }
        }
    }

    /// A value that is there.
    fn field(&mut self, at: At<'_>, field: &Field, value: &mut Value) {
        if field.hints.digits_are_id
            && let Some(id) = value.as_str().and_then(json::id)
        {
            *value = Value::from(id);
        }
        self.shape(At::Key(&at, field.json), &field.shape, field.hints, value);
    }

    /// A field that is left out, or null.
    fn missing(&mut self, at: At<'_>, field: &Field, null: bool) {
        if required(&field.shape) {
            let null = if null { " and can't be null" } else { "" };
            let message = format!("`{}` is required{null}", field.json);
            self.fault(At::Key(&at, field.json), "required", message);
        }
    }

    fn bare(&mut self, at: At<'_>, variant: &Variant, value: &mut Value) {
        for case in variant.cases {
            if let Some(shape) = &case.shape
                && accepts(shape, value)
            {
                return self.shape(at, shape, case.hints, value);
            }
        }
        let kinds: Vec<_> = variant
            .cases
            .iter()
            .filter_map(|case| case.shape.as_ref())
            .map(kind)
            .collect();
        self.wrong_type(at, &kinds.join(" or "), value);
    }

    fn tagged(&mut self, at: At<'_>, variant: &Variant, value: &mut Value) {
        let unknown = |name: &str| one_of(name, variant.cases.iter().map(|case| case.json));
        match value {
            Value::String(name) => match variant.cases.iter().find(|case| case.json == name) {
                Some(case) if case.shape.is_none() => {}
                Some(_) => {
                    let message = format!("`{name}` needs a value: {{\"{name}\": ...}}");
                    self.fault(at, "type", message);
                }
                None => {
                    let message = unknown(name);
                    self.fault(at, "choice", message);
                }
            },
            Value::Object(object) if object.len() == 1 => {
                for (name, payload) in object.iter_mut() {
                    match variant.cases.iter().find(|case| case.json == name) {
                        Some(case) => match &case.shape {
                            Some(shape) => {
                                self.shape(At::Key(&at, name), shape, case.hints, payload)
                            }
                            None => self.fault(
                                at,
                                "type",
                                format!("`{name}` takes no value: write \"{name}\""),
                            ),
                        },
                        None => self.fault(at, "choice", unknown(name)),
                    }
                }
            }
            Value::Object(_) => self.fault(
                at,
                "type",
                "an object with exactly one key is expected".into(),
            ),
            _ => self.wrong_type(at, "an object with one key, or a text", value),
        }
    }
}

/// What stands for a field that the vendor left out; none where nothing does. A text is read as an empty one: a row without it is no reason
/// to lose a page.
pub(super) fn empty(field: &Field) -> Option<Value> {
    match field.shape {
        Shape::Boolean => Some(false.into()),
        Shape::Text => Some("".into()),
        Shape::List(_) => Some(Vec::<Value>::new().into()),
        Shape::Map(_) => Some(Map::new().into()),
        _ => None,
    }
}

/// Goes a step further. Tells how long the pointer was, so that it can be cut back.
pub(super) fn step(pointer: &mut String, step: &str) -> usize {
    let before = pointer.len();
    if step.len() <= LONGEST_STEP {
        pointer.push('/');
        if step.contains(['~', '/']) {
            pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        } else {
            pointer.push_str(step);
        }
    }
    before
}

/// Whether a field of that shape must be there. Options, lists and booleans may be left out.
#[must_use]
pub fn required(shape: &Shape) -> bool {
    !matches!(
        shape,
        Shape::Option(_) | Shape::Change(_) | Shape::List(_) | Shape::Map(_) | Shape::Boolean
    )
}

enum Whole {
    /// Whole, and what every JSON reader keeps exact, or near it.
    Exact(i64),
    /// Whole, and larger.
    Beyond,
    No,
}

/// The integer that a JSON number is, however it is written.
fn whole(value: &Value) -> Whole {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    if let Some(number) = value.as_i64() {
        return Whole::Exact(number);
    }
    match value.as_f64() {
        Some(number) if number.fract() != 0.0 => Whole::No,
        #[allow(clippy::cast_possible_truncation)]
        Some(number) if number.abs() <= EXACT => Whole::Exact(number as i64),
        Some(_) => Whole::Beyond,
        None => Whole::No,
    }
}

pub(super) fn accepts(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Json => true,
        Shape::Boolean => value.is_boolean(),
        Shape::Integer(_) | Shape::Number => value.is_number(),
        Shape::Text | Shape::Bytes | Shape::Enum(_) => value.is_string(),
        Shape::List(_) => value.is_array(),
        Shape::Map(_) | Shape::Record(_) => value.is_object(),
        Shape::Option(inner) | Shape::Change(inner) => value.is_null() || accepts(inner, value),
        Shape::Variant(variant) if variant.bare => variant
            .cases
            .iter()
            .filter_map(|case| case.shape.as_ref())
            .any(|shape| accepts(shape, value)),
        Shape::Variant(_) => value.is_object() || value.is_string(),
    }
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Json => "any JSON",
        Shape::Boolean => "true or false",
        Shape::Integer(_) => "a whole number",
        Shape::Number => "a number",
        Shape::Text | Shape::Bytes | Shape::Enum(_) => "a text",
        Shape::List(_) => "an array",
        Shape::Map(_) | Shape::Record(_) | Shape::Variant(_) => "an object",
        Shape::Option(inner) | Shape::Change(inner) => kind(inner),
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn one_of<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = nearest(given, known.clone(), 1);
    let all: Vec<_> = known.collect();
    match near.first() {
        Some(name) => format!(
            "`{}` is not one of {}; did you mean `{name}`?",
            brief(given),
            quoted(&all)
        ),
        None => format!("`{}` is not one of {}", brief(given), quoted(&all)),
    }
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a person needs to see of a text that may be long.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST).chain(['…']).collect()
    }
}

/// `YYYY-MM-DD` of the calendar.
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let part = |from: usize, length: usize| -> Option<u32> {
        let digits = bytes.get(from..from + length)?;
        digits.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(5, 2), part(8, 2)) else {
        return false;
    };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    bytes.len() == 10
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && (1..=days).contains(&day)
}

/// RFC 3339.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    if !is_date(date) {
        return false;
    }
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(index) => time.split_at(index),
        None => return false,
    };
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let pair = |text: &str, limit: u32| {
        text.len() == 2
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse().is_ok_and(|n: u32| n < limit)
    };
    let parts: Vec<_> = clock.split(':').collect();
    let clock = matches!(parts.as_slice(), [hours, minutes, seconds] if pair(hours, 24) && pair(minutes, 60) && pair(seconds, 60));
    let fraction = fraction.is_none_or(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let offset = offset.eq_ignore_ascii_case("z")
        || offset
            .get(1..)
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(hours, minutes)| pair(hours, 24) && pair(minutes, 60));
    clock && fraction && offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_of_the_calendar() {
        for (text, right) in [
            ("2026-02-28", true),
            ("2024-02-29", true),
            ("2026-02-29", false),
            ("2026-13-01", false),
            ("2026-2-1", false),
            ("2026-02-28T", false),
            ("20260228xx", false),
            ("", false),
        ] {
            assert_eq!(is_date(text), right, "{text}");
        }
    }

    #[test]
    fn times_have_an_offset() {
        for (text, right) in [
            ("2026-02-03T09:15:00Z", true),
            ("2026-02-03T09:15:00.250Z", true),
            ("2026-02-03T09:15:00+01:00", true),
            ("2026-02-03T09:15:00", false),
            ("2026-02-03T25:15:00Z", false),
            ("2026-02-03 09:15:00Z", false),
            ("2026-02-03T09:15:00.Z", false),
            ("2026-02-03T09:15:00+1:00", false),
        ] {
            assert_eq!(is_date_time(text), right, "{text}");
        }
    }
}
