//! Between the model and JSON. Not generic over the JSON library: one `Value` in the middle costs fewer bytes than serde's derives.

use super::checked::Output;
use super::shape::{Bounds, Shape};
use capsule_json::base64;
use serde_json::{Map, Number, Value};

/// A type of the model with its JSON form.
///
/// `from_json` is called on a value that [`check`](super::check) has let pass, which makes it total; on any other value it gives
/// empty texts and zeros where it finds nothing that fits, and never panics.
pub trait Json: Sized {
    /// Its shape.
    const SHAPE: Shape;
    /// From checked JSON.
    fn from_json(value: Value) -> Self;
    /// To JSON; null for what is left out.
    fn to_json(self) -> Value;
    /// As an operation gives it.
    fn output(self) -> Output {
        Output::Tree(self.to_json())
    }
}

impl Json for bool {
    const SHAPE: Shape = Shape::Boolean;
    fn from_json(value: Value) -> Self {
        value.as_bool().unwrap_or_default()
    }
    fn to_json(self) -> Value {
        Value::Bool(self)
    }
}

impl Json for String {
    const SHAPE: Shape = Shape::Text;
    fn from_json(value: Value) -> Self {
        match value {
            Value::String(text) => text,
            _ => Self::new(),
        }
    }
    fn to_json(self) -> Value {
        Value::String(self)
    }
}

impl Json for f64 {
    const SHAPE: Shape = Shape::Number;
    fn from_json(value: Value) -> Self {
        value.as_f64().unwrap_or_default()
    }
    /// Whole numbers are written without a fraction. What is not a number has no JSON and becomes null: callers refuse it before.
    fn to_json(self) -> Value {
        number(self).map_or(Value::Null, Value::Number)
    }
}

/// The JSON number, whole where it can be.
pub(crate) fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation)]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// The number that a text spells as people do: `1200`, `+3`, `-.5`, `1e3`. Read by the JSON library, which is there anyway; the standard
/// library's reader of floats would cost 16 KB.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(['e', 'E']).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at(end);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !mantissa.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || mantissa == "."
    {
        return None;
    }
    // JSON has no zeros in front, and digits on both sides of a point.
    let [whole, fraction] = [whole.trim_start_matches('0'), fraction]
        .map(|digits| if digits.is_empty() { "0" } else { digits });
    let number: Value =
        capsule_json::parse(format!("{sign}{whole}.{fraction}{exponent}").as_bytes()).ok()?;
    number.as_f64()
}

/// Largest whole number that every JSON reader keeps exact.
const EXACT: i64 = (1 << 53) - 1;

macro_rules! whole {
    ($($type:ty: $least:expr, $most:expr;)*) => {$(
        impl Json for $type {
            #[allow(clippy::cast_lossless)]
            const SHAPE: Shape = Shape::Integer(&Bounds { least: $least as i64, most: $most as i64 });
            fn from_json(value: Value) -> Self {
                value.as_i64().and_then(|number| Self::try_from(number).ok()).unwrap_or_default()
            }
            fn to_json(self) -> Value {
                Value::from(self)
            }
        }
    )*};
}
whole! {
    u8: u8::MIN, u8::MAX;
    u16: u16::MIN, u16::MAX;
    u32: u32::MIN, u32::MAX;
    u64: 0, EXACT;
    i8: i8::MIN, i8::MAX;
    i16: i16::MIN, i16::MAX;
    i32: i32::MIN, i32::MAX;
    i64: -EXACT, EXACT;
}

impl<T: Json> Json for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    fn from_json(value: Value) -> Self {
        match value {
            Value::Array(items) => {
                // A plain loop: the adapters' special cases cost bytes for every type.
                let mut list = Self::with_capacity(items.len());
                for item in items {
                    list.push(T::from_json(item));
                }
                list
            }
            _ => Self::new(),
        }
    }
    fn to_json(self) -> Value {
        let mut list = Vec::with_capacity(self.len());
        for item in self {
            list.push(item.to_json());
        }
        Value::Array(list)
    }
}

impl<T: Json> Json for Option<T> {
    const SHAPE: Shape = Shape::Option(&T::SHAPE);
    fn from_json(value: Value) -> Self {
        if value.is_null() {
            None
        } else {
            Some(T::from_json(value))
        }
    }
    fn to_json(self) -> Value {
        self.map_or(Value::Null, T::to_json)
    }
}

// ---- what the generated code calls ----

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// What stands under a key. It is left there as null, which costs less than taking it out: each key is asked for once.
pub(crate) fn take(object: &mut Map<String, Value>, key: &str) -> Value {
    object.get_mut(key).map(Value::take).unwrap_or_default()
}

/// Absent is none, null is the change that clears.
pub(crate) fn change<T: Json>(object: &mut Map<String, Value>, key: &str) -> Option<T> {
    object.remove(key).map(T::from_json)
}

pub(crate) fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    if !value.is_null() {
        object.insert(key.to_owned(), value);
    }
}

pub(crate) fn put_change<T: Json>(object: &mut Map<String, Value>, key: &str, change: Option<T>) {
    if let Some(change) = change {
        object.insert(key.to_owned(), change.to_json());
    }
}

/// The case's name and its payload.
pub(crate) fn case(value: Value) -> (String, Value) {
    match value {
        Value::String(case) => (case, Value::Null),
        Value::Object(object) => object.into_iter().next().unwrap_or_default(),
        _ => Default::default(),
    }
}

pub(crate) fn tagged(case: &str, payload: Value) -> Value {
    let mut object = Map::new();
    object.insert(case.to_owned(), payload);
    Value::Object(object)
}

/// The id that a text is, if it is digits alone and not beyond any id.
pub(crate) fn id(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().filter(|id| *id <= EXACT)
    } else {
        None
    }
}

/// A key of digits is an id.
pub(crate) fn key(text: String) -> Value {
    match id(&text) {
        Some(id) => Value::from(id),
        None => Value::String(text),
    }
}

pub(crate) fn entries<T>(value: Value, row: impl Fn(String, Value) -> T) -> Vec<T> {
    let mut rows = Vec::new();
    for (name, value) in object(value) {
        rows.push(row(name, value));
    }
    rows
}

pub(crate) fn optional_entries<T>(
    value: Value,
    row: impl Fn(String, Value) -> T,
) -> Option<Vec<T>> {
    if value.is_null() {
        None
    } else {
        Some(entries(value, row))
    }
}

pub(crate) fn from_entries<T>(rows: Vec<T>, pair: impl Fn(T) -> (Value, Value)) -> Value {
    let mut object = Map::new();
    for row in rows {
        let (key, value) = pair(row);
        let name = match key {
            Value::String(text) => text,
            other => capsule_json::text(&other),
        };
        object.insert(name, value);
    }
    Value::Object(object)
}

/// Bytes, in base64.
#[allow(dead_code)] // For fields tagged `@json base64`.
pub(crate) fn base64(bytes: &[u8]) -> Value {
    Value::String(capsule_json::base64::encode(bytes))
}

/// The text of any JSON; none for null.
pub(crate) fn optional_text_of(value: Value) -> Option<String> {
    if value.is_null() {
        None
    } else {
        Some(capsule_json::text(&value))
    }
}

/// The JSON that a text holds; a text that holds none is a text.
pub(crate) fn value_of(text: &str) -> Value {
    capsule_json::parse(text.as_bytes()).unwrap_or_else(|_| text.into())
}

#[allow(dead_code)] // For fields tagged `@json base64`.
pub(crate) fn bytes(value: Value) -> Vec<u8> {
    value.as_str().and_then(base64::decode).unwrap_or_default()
}

#[allow(dead_code)] // For fields tagged `@json base64`.
pub(crate) fn optional_bytes(value: Value) -> Option<Vec<u8>> {
    value.as_str().and_then(base64::decode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        assert_eq!(1200.0.to_json().to_string(), "1200");
        assert_eq!(0.5.to_json().to_string(), "0.5");
        assert_eq!((-3.0).to_json().to_string(), "-3");
        assert_eq!(f64::NAN.to_json(), Value::Null);
    }

    #[test]
    fn a_number_is_read_as_people_write_it() {
        for (text, number) in [
            ("1200", 1200.0),
            (" +3 ", 3.0),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("007.10", 7.1),
            ("1e3", 1000.0),
            ("-2.5E-1", -0.25),
            ("0", 0.0),
        ] {
            assert_eq!(decimal(text), Some(number), "{text:?}");
        }
        for text in [
            "", ".", "-", "+-5", "--5", "1 2", "- 5", "1.2.3", "1e", "e3", "inf", "NaN", "1e999",
            "0x10", "1,5", "1_000", "½",
        ] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_of_digits_is_an_id() {
        assert_eq!(key("46".into()), Value::from(46));
        assert_eq!(key("+46".into()), Value::from("+46"));
        assert_eq!(key("Region".into()), Value::from("Region"));
        assert_eq!(
            key("99999999999999999999999".into()),
            Value::from("99999999999999999999999")
        );
        assert_eq!(
            key("9007199254740991".into()),
            Value::from(9_007_199_254_740_991_u64)
        );
        assert_eq!(
            key("9007199254740992".into()),
            Value::from("9007199254740992")
        );
        assert_eq!(key(String::new()), Value::from(""));
    }

    #[test]
    fn a_value_that_was_not_checked_gives_empty_values() {
        for value in [
            Value::Null,
            Value::from("x"),
            Value::from(1),
            Value::from(true),
            Value::from(vec![1]),
            Value::Object(Map::new()),
        ] {
            let _ = (
                bool::from_json(value.clone()),
                f64::from_json(value.clone()),
                u8::from_json(value.clone()),
                i64::from_json(value.clone()),
            );
            let _ = (
                String::from_json(value.clone()),
                Vec::<String>::from_json(value.clone()),
                Option::<bool>::from_json(value.clone()),
            );
            let _ = (
                object(value.clone()),
                case(value.clone()),
                bytes(value.clone()),
                entries(value, |key, _| key),
            );
        }
        assert_eq!(u8::from_json(Value::from(300)), 0);
        assert_eq!(u64::from_json(Value::from(-1)), 0);
    }

    proptest! {
        #[test]
        fn bytes_come_back_from_base64(data: Vec<u8>) {
            let coded = base64(&data);
            prop_assert_eq!(bytes(coded.clone()), data.clone());
            prop_assert_eq!(optional_bytes(coded), Some(data));
        }

        #[test]
        fn any_text_is_a_number_where_the_standard_library_reads_a_finite_one(
            text in "[-+]?[0-9]{0,5}[.]?[0-9]{0,5}([eE][-+]?[0-9]{1,2})?|[-+.0-9eE x]{0,8}",
        ) {
            let known = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            prop_assert_eq!(decimal(&text), known);
        }
    }
}
