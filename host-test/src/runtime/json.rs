//! The contract's records as JSON, by the convention of the dynamic face: camelCase names, `{"case": payload}` for
//! variants, `"case"` for cases without one, options left out when they are none, JSON texts in place.

use serde::ser::{self, Serialize};
use serde_json::{Map, Value};

/// A record of the contract as JSON.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Value {
    // The contract's types hold nothing that JSON can't: no map with other keys than text, no NaN.
    value
        .serialize(ToValue { json_text: false })
        .unwrap_or(Value::Null)
}

/// The fields (Rust names) whose WIT type is `json`: their text is JSON and stands in place, not as a string.
const JSON_TEXTS: [(&str, &str); 11] = [
    ("Fault", "extra"),
    ("Descriptor", "extra"),
    ("Operation", "extra"),
    ("Trigger", "extra"),
    ("SchemaPair", "input"),
    ("SchemaPair", "output"),
    ("Choice", "value"),
    ("Call", "input"),
    ("Listener", "options"),
    ("Event", "data"),
    ("Connection", "extra"),
];

/// The cases whose payload's WIT type is `json`.
const JSON_CASES: [(&str, &str); 1] = [("OutcomeStatus", "Done")];

fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for (index, character) in name.chars().enumerate() {
        match character {
            '_' => upper = true,
            _ if index == 0 => out.push(character.to_ascii_lowercase()),
            _ if upper => {
                out.push(character.to_ascii_uppercase());
                upper = false;
            }
            _ => out.push(character),
        }
    }
    out
}

#[derive(Clone, Copy)]
struct ToValue {
    json_text: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unserializable(String);

impl ser::Error for Unserializable {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Result<T = Value> = std::result::Result<T, Unserializable>;

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = Unserializable;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = ser::Impossible<Value, Unserializable>;
    type SerializeMap = ser::Impossible<Value, Unserializable>;
    type SerializeStruct = Fields;
    type SerializeStructVariant = ser::Impossible<Value, Unserializable>;

    fn serialize_bool(self, value: bool) -> Result {
        Ok(value.into())
    }
    fn serialize_i8(self, value: i8) -> Result {
        Ok(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result {
        Ok(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result {
        Ok(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result {
        Ok(value.into())
    }
    fn serialize_u8(self, value: u8) -> Result {
        Ok(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result {
        Ok(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result {
        Ok(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result {
        Ok(value.into())
    }
    fn serialize_f32(self, value: f32) -> Result {
        Ok(value.into())
    }
    fn serialize_f64(self, value: f64) -> Result {
        Ok(value.into())
    }
    fn serialize_char(self, value: char) -> Result {
        Ok(value.to_string().into())
    }
    fn serialize_str(self, value: &str) -> Result {
        if self.json_text {
            // What the component calls JSON and is not stays visible as text.
            return Ok(serde_json::from_str(value).unwrap_or_else(|_| value.into()));
        }
        Ok(value.into())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result {
        Ok(value.into())
    }
    fn serialize_none(self) -> Result {
        Ok(Value::Null)
    }
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result {
        Ok(camel(variant).into())
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let json_text = JSON_CASES.contains(&(name, variant));
        let mut case = Map::new();
        case.insert(camel(variant), value.serialize(Self { json_text })?);
        Ok(case.into())
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<Items> {
        Ok(Items {
            items: Vec::with_capacity(length.unwrap_or(0)),
            each: self,
        })
    }
    fn serialize_tuple(self, length: usize) -> Result<Items> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Items> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Err(Unserializable(format!(
            "{name} has a case of several payloads, which WIT has not"
        )))
    }
    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap> {
        Err(Unserializable("WIT has no maps".into()))
    }
    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Fields> {
        Ok(Fields {
            name,
            fields: Map::new(),
        })
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Err(Unserializable(format!(
            "{name} has a case with fields, which WIT has not"
        )))
    }
}

struct Items {
    items: Vec<Value>,
    each: ToValue,
}

impl Items {
    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.items.push(value.serialize(self.each)?);
        Ok(())
    }
}

impl ser::SerializeSeq for Items {
    type Ok = Value;
    type Error = Unserializable;
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }
    fn end(self) -> Result {
        Ok(self.items.into())
    }
}

impl ser::SerializeTuple for Items {
    type Ok = Value;
    type Error = Unserializable;
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }
    fn end(self) -> Result {
        Ok(self.items.into())
    }
}

impl ser::SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = Unserializable;
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }
    fn end(self) -> Result {
        Ok(self.items.into())
    }
}

struct Fields {
    name: &'static str,
    fields: Map<String, Value>,
}

impl ser::SerializeStruct for Fields {
    type Ok = Value;
    type Error = Unserializable;
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<()> {
        let json_text = JSON_TEXTS.contains(&(self.name, key));
        let value = value.serialize(ToValue { json_text })?;
        if !value.is_null() {
            // A Rust keyword as field name is a raw identifier, which serde writes without `r#`; bindgen may put an
            // underscore behind it.
            self.fields.insert(camel(key.trim_end_matches('_')), value);
        }
        Ok(())
    }
    fn end(self) -> Result {
        Ok(self.fields.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bindings::{operations, types};
    use super::to_json;

    #[test]
    fn an_error_is_written_as_the_dynamic_face_writes_variants() {
        let fault = types::Fault {
            message: "no such party".into(),
            status: Some(404),
            request: None,
            extra: Some(r#"{"message":"party not found"}"#.into()),
        };
        let error = types::Error::Permanent(types::PermanentError::NotFound(fault));
        assert_eq!(
            to_json(&error),
            json!({"permanent": {"notFound": {
                "message": "no such party", "status": 404, "extra": {"message": "party not found"},
            }}})
        );
        assert_eq!(
            to_json(&types::Error::ExecutionFailed),
            json!("executionFailed")
        );
    }

    #[test]
    fn json_texts_stand_in_place_and_other_texts_do_not() {
        let done = operations::Outcome {
            key: "1".into(),
            status: operations::OutcomeStatus::Done(r#"{"id":1}"#.into()),
        };
        assert_eq!(
            to_json(&done),
            json!({"key": "1", "status": {"done": {"id": 1}}})
        );
    }
}
