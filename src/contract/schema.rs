//! Renders a shape as JSON Schema 2020-12.

use super::check::{Reading, required};
use super::shape::{Bounds, Field, Hints, Record, Shape};
use serde_json::{Map, Value, json};

/// The schema of a shape: for what a caller writes, or for what the component answers. Records, enums and variants stand under `$defs`.
///
/// A field with choices carries `x-choices` with `kind`, and `after`: the field beside it on which they depend.
#[must_use]
pub fn schema(shape: &Shape, reading: Reading) -> Value {
    let mut renderer = Renderer {
        reading,
        defs: Map::new(),
    };
    let mut root = match shape {
        Shape::Record(record) => renderer.record(record),
        other => renderer.shape(other, &Hints::NONE),
    };
    if let Value::Object(root) = &mut root {
        root.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
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
            Shape::Json => json!({}),
            Shape::Integer(bounds) => {
                let Bounds { least, most } = bounds.of(self.reading, hints);
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Shape::Number => json!({"type": "number"}),
            Shape::Text => {
                let mut text = json!({"type": "string"});
                if let Value::Object(text) = &mut text {
                    if let Some(format) = hints.format {
                        text.insert("format".into(), format.into());
                        // Most validators take a format for a remark.
                        if let (Reading::Input, Some(pattern)) = (self.reading, pattern(format)) {
                            text.insert("pattern".into(), pattern.into());
                        }
                    }
                    if !hints.values.is_empty() {
                        text.insert("examples".into(), hints.values.into());
                    }
                }
                text
            }
            Shape::Bytes => json!({"type": "string", "contentEncoding": "base64", "pattern": BASE64}),
            Shape::List(item) => json!({"type": "array", "items": self.shape(item, &Hints::NONE)}),
            Shape::Option(inner) | Shape::Change(inner) => nullable(self.shape(inner, hints)),
            Shape::Map(record) => self.map(record, hints),
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
                        Some(shape) if variant.bare => described(renderer.shape(shape, case.hints), case.doc),
                        Some(shape) => json!({
                            "type": "object",
                            "description": case.doc,
                            "properties": {case.json: with_choices(renderer.shape(shape, case.hints), case.hints)},
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

    /// The keys are chosen as the field says, or else as the key does.
    fn map(&mut self, record: &Record, hints: &Hints) -> Value {
        let (Some(key), Some(value)) = (record.fields.first(), record.fields.get(1)) else {
            return json!({});
        };
        let names = match key.shape {
            Shape::Integer(_) if self.reading == Reading::Input => json!({"pattern": ID}),
            Shape::Enum(all) => {
                json!({"enum": all.cases.iter().map(|(case, _)| *case).collect::<Vec<_>>()})
            }
            Shape::Text if key.hints.format.is_some() => self.shape(&key.shape, key.hints),
            _ => json!({"minLength": 1}),
        };
        let names = described(names, key.doc);
        let values = self.shape(&value.shape, value.hints);
        with_choices(
            json!({"type": "object", "propertyNames": names, "additionalProperties": values}),
            if hints.choices.is_some() {
                hints
            } else {
                key.hints
            },
        )
    }

    fn record(&mut self, record: &Record) -> Value {
        let mut properties = Map::new();
        for field in record.fields {
            properties.insert(field.json.to_owned(), self.field(field));
        }
        let must: Vec<_> = record
            .fields
            .iter()
            .filter(|field| self.must(field))
            .map(|field| field.json)
            .collect();
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), Value::Object(properties));
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
        let mut schema = match (self.reading, &field.shape) {
            // What is none is left out.
            (Reading::Answer, Shape::Option(inner)) => self.shape(inner, field.hints),
            (_, shape) => self.shape(shape, field.hints),
        };
        // Lists, maps and booleans may be null too, which stands for left out.
        if self.reading == Reading::Input
            && matches!(field.shape, Shape::List(_) | Shape::Map(_) | Shape::Boolean)
        {
            schema = nullable(schema);
        }
        let schema = described(schema, field.doc);
        // Of an object they say how its keys are chosen, and stand there.
        let mut schema = if matches!(without_option(&field.shape), Shape::Map(_)) {
            schema
        } else {
            with_choices(schema, field.hints)
        };
        if let Value::Object(object) = &mut schema {
            object.insert("title".into(), field.title().into());
            if let (Reading::Input, Some(default)) = (self.reading, field.hints.default) {
                object.insert("default".into(), default_of(&field.shape, default));
            }
        }
        schema
    }
}

fn without_option(shape: &Shape) -> &Shape {
    match shape {
        Shape::Option(inner) | Shape::Change(inner) => inner,
        other => other,
    }
}

/// Base64 with its padding or without.
const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$";

/// An id as a key. A pattern can't tell the largest exact number; no vendor has counted to 15 digits.
const ID: &str = "^[0-9]{1,15}$";

/// What a pattern can say of a format; the check holds the calendar too.
fn pattern(format: &str) -> Option<&'static str> {
    match format {
        "date" => Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        // No leap seconds.
        "date-time" => Some(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$",
        ),
        _ => None,
    }
}

/// The default as JSON: a text stays one, also where it looks like a number.
fn default_of(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Option(inner) => default_of(inner, text),
        Shape::Integer(_) => text.parse::<i64>().map_or(Value::Null, Value::from),
        Shape::Boolean => Value::Bool(text == "true"),
        _ => text.into(),
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
        let mut hint = Map::new();
        hint.insert("kind".into(), choices.kind.into());
        if let Some(after) = choices.after {
            hint.insert("after".into(), after.into());
        }
        object.insert("x-choices".into(), Value::Object(hint));
    }
    schema
}

/// The same, or null.
fn nullable(mut schema: Value) -> Value {
    // What holds of everything holds of null.
    if schema.as_object().is_some_and(Map::is_empty) {
        return schema;
    }
    if let Some(kind) = schema.get_mut("type")
        && kind.is_string()
    {
        let named = kind.take();
        *kind = json!([named, "null"]);
        return schema;
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}
