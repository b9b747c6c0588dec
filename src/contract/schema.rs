//! Renders a shape as JSON Schema 2020-12.

use super::check::{Reading, required};
use super::shape::{Field, Hints, Record, Shape};
use serde_json::{Map, Value, json};

/// The schema of a shape: for what a caller writes, or for what the component answers. Records, enums and variants stand under `$defs`.
///
/// A field with choices carries `x-choices` with `kind`, and `after`: the field beside it on which they depend.
#[must_use]
pub fn schema(shape: &Shape, reading: Reading) -> Value {
    let mut renderer = Renderer { reading, defs: Map::new() };
    let mut root = match shape {
        Shape::Record(record) => renderer.record(record),
        other => renderer.shape(other, &Hints::NONE),
    };
    if let Value::Object(root) = &mut root {
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        if !renderer.defs.is_empty() {
            root.insert("$defs".into(), Value::Object(renderer.defs));
        }
    }
    root
}

struct Renderer {
    reading: Reading,
    defs: Map<String, Value>,
}

impl Renderer {
    fn shape(&mut self, shape: &Shape, hints: &Hints) -> Value {
        match shape {
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Integer { least, most } => {
                let (least, most) = match (self.reading, hints.range) {
                    (Reading::Input, Some((low, high))) => (low, high),
                    _ => (*least, *most),
                };
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Shape::Number => json!({"type": "number"}),
            Shape::Text => {
                let mut text = json!({"type": "string"});
                if let Value::Object(text) = &mut text {
                    if let Some(format) = hints.format {
                        text.insert("format".into(), format.into());
                    }
                    if !hints.values.is_empty() {
                        text.insert("examples".into(), hints.values.into());
                    }
                }
                text
            }
            Shape::Bytes => json!({"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}),
            Shape::List(item) => json!({"type": "array", "items": self.shape(item, &Hints::NONE)}),
            Shape::Option(inner) => match self.reading {
                Reading::Input => nullable(self.shape(inner, hints)),
                Reading::Answer => self.shape(inner, hints),
            },
            Shape::Change(inner) => nullable(self.shape(inner, hints)),
            Shape::Map(record) => self.map(record),
            Shape::Record(record) => {
                self.define(record.name, |renderer| renderer.record(record))
            }
            Shape::Enum(all) => self.define(all.name, |_| {
                let lines: Vec<_> = all.cases.iter().map(|(case, doc)| format!("`{case}`: {doc}")).collect();
                let names: Vec<_> = all.cases.iter().map(|(case, _)| *case).collect();
                json!({"description": format!("{}\n\n{}", all.doc, lines.join("\n")), "type": "string", "enum": names})
            }),
            Shape::Variant(variant) => self.define(variant.name, |renderer| {
                let cases: Vec<_> = variant
                    .cases
                    .iter()
                    .map(|case| match &case.shape {
                        None => json!({"const": case.json, "description": case.doc}),
                        Some(shape) if variant.bare => described(renderer.shape(shape, &case.hints), case.doc),
                        Some(shape) => json!({
                            "type": "object",
                            "description": case.doc,
                            "properties": {case.json: with_choices(renderer.shape(shape, &case.hints), &case.hints)},
                            "required": [case.json],
                            "additionalProperties": false,
                        }),
                    })
                    .collect();
                json!({"description": variant.doc, "anyOf": cases})
            }),
        }
    }

    /// A reference to a definition, made at its first use.
    fn define(&mut self, name: &str, render: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.defs.contains_key(name) {
            // WIT types can't contain themselves, so the definition is never asked for while it is made.
            let schema = render(self);
            self.defs.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn map(&mut self, record: &Record) -> Value {
        let (Some(key), Some(value)) = (record.fields.first(), record.fields.get(1)) else { return json!({}) };
        let names = described(json!({"minLength": 1}), key.doc);
        let values = self.shape(&value.shape, &value.hints);
        with_choices(json!({"type": "object", "propertyNames": names, "additionalProperties": values}), &key.hints)
    }

    fn record(&mut self, record: &Record) -> Value {
        let mut properties = Map::new();
        for field in record.fields {
            properties.insert(field.json.to_owned(), self.field(field));
        }
        let must: Vec<_> = record.fields.iter().filter(|field| self.must(field)).map(|field| field.json).collect();
        let mut schema = Map::from_iter([
            ("type".to_owned(), Value::from("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if !record.doc.is_empty() {
            schema.insert("description".into(), record.doc.into());
        }
        if !must.is_empty() {
            schema.insert("required".into(), must.into());
        }
        if self.reading == Reading::Input {
            schema.insert("additionalProperties".into(), false.into());
        }
        Value::Object(schema)
    }

    /// Callers may leave lists and booleans out; the component always writes them.
    fn must(&self, field: &Field) -> bool {
        match self.reading {
            Reading::Input => required(&field.shape),
            Reading::Answer => !matches!(field.shape, Shape::Option(_) | Shape::Change(_)),
        }
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.shape(&field.shape, &field.hints);
        if field.hints.digits_are_id && self.reading == Reading::Input {
            schema = json!({"anyOf": [schema, {"type": "string", "pattern": "^[0-9]+$"}]});
        }
        // Lists, maps and booleans may be null too, which stands for left out.
        if self.reading == Reading::Input && matches!(field.shape, Shape::List(_) | Shape::Map(_) | Shape::Boolean) {
            schema = nullable(schema);
        }
        let mut schema = with_choices(described(schema, field.doc), &field.hints);
        if let Value::Object(object) = &mut schema {
            object.insert("title".into(), field.title.into());
            if let (Reading::Input, Some(default)) = (self.reading, field.hints.default) {
                object.insert("default".into(), serde_json::from_str(default).unwrap_or_else(|_| default.into()));
            }
        }
        schema
    }
}

fn described(mut schema: Value, doc: &str) -> Value {
    if let (Value::Object(object), false) = (&mut schema, doc.is_empty()) {
        object.insert("description".into(), doc.into());
    }
    schema
}

fn with_choices(mut schema: Value, hints: &Hints) -> Value {
    if let (Value::Object(object), Some(choices)) = (&mut schema, &hints.choices) {
        let mut hint = Map::from_iter([("kind".to_owned(), Value::from(choices.kind))]);
        if let Some(after) = choices.after {
            hint.insert("after".into(), after.into());
        }
        object.insert("x-choices".into(), Value::Object(hint));
    }
    schema
}

/// The same, or null.
fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type")
        && kind.is_string()
    {
        let named = kind.take();
        *kind = json!([named, "null"]);
        return schema;
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}
