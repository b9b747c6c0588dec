//! Inputs made of schemas alone, and the places in them where ids stand.

use serde_json::{Map, Value, json};

/// A place in an input that wants what the account has.
pub(super) struct Place {
    /// JSON Pointer of the value.
    pub(super) pointer: String,
    /// The schema says that there are choices; otherwise it is named like an id.
    pub(super) offered: bool,
    /// The choices depend on another field.
    pub(super) depends: bool,
    /// The choices are the keys of this object.
    pub(super) keys: bool,
}

/// An input with every optional property and one item in each list. Of several ways or words it takes the `turn`th, and begins again
/// where there are fewer. Where the account's own records are wanted it holds what only fits.
pub(super) fn whole(schema: &Value, turn: usize) -> Value {
    Maker { root: schema, turn }.made(schema, "value")
}

struct Maker<'s> {
    root: &'s Value,
    turn: usize,
}

impl Maker<'_> {
    fn made(&self, schema: &Value, name: &str) -> Value {
        if let Some(target) = referred(schema, self.root) {
            return self.made(target, name);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(words) = schema["enum"].as_array() {
            return words[self.turn % words.len()].clone();
        }
        if let Some(ways) = schema["anyOf"].as_array() {
            let null = |way: &Value| way["type"] == "null";
            let ways: Vec<_> = ways.iter().filter(|way| !null(way)).collect();
            return self.made(ways[self.turn % ways.len()], name);
        }
        let kind = schema["type"]
            .as_str()
            .or(schema.pointer("/type/0").and_then(Value::as_str));
        match kind {
            Some("object") => self.object(schema),
            Some("array") => json!([self.made(&schema["items"], name)]),
            Some("boolean") => json!(true),
            Some("number") => json!(10.5),
            Some("integer") => {
                let bound = |key: &str, otherwise| schema[key].as_i64().unwrap_or(otherwise);
                json!(10.clamp(bound("minimum", i64::MIN), bound("maximum", i64::MAX)))
            }
            Some("string") => text(schema, name),
            // Any JSON.
            _ => json!({"some": name}),
        }
    }

    fn object(&self, schema: &Value) -> Value {
        let mut object = Map::new();
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (name, property) in properties {
            // The id of a row that is to be added: there is none yet.
            if name == "id" && !is_required(schema, name) && property.get("x-choices").is_none() {
                continue;
            }
            object.insert(name.clone(), self.made(property, name));
        }
        let values = &schema["additionalProperties"];
        if values.is_object() && object.is_empty() {
            object.insert("some name".to_owned(), self.made(values, "value"));
        }
        Value::Object(object)
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == name))
}

/// Texts of a form that schemas tell in words alone, by the name of their field.
const SPELLED: [(&str, &str); 6] = [
    ("colour", "#2a9d8f"),
    ("contentType", "text/plain"),
    ("dueTime", "09:30"),
    ("number", "+351 22 000 017"),
    ("path", "parties"),
    ("phone", "+351 22 000 017"),
];

fn text(schema: &Value, name: &str) -> Value {
    if let Some((_, spelled)) = SPELLED.iter().find(|(known, _)| *known == name) {
        return json!(spelled);
    }
    if let Some(example) = schema.pointer("/examples/0") {
        return example.clone();
    }
    match schema["format"].as_str() {
        Some("date") => json!("2026-02-03"),
        Some("date-time") => json!("2026-02-03T09:15:00Z"),
        Some("email") => json!("some@lagoa.example"),
        Some("uri") => json!("https://lagoa.example/some"),
        _ if schema["contentEncoding"] == "base64" => json!("c29tZQ=="),
        _ => json!(format!("some {name}")),
    }
}

fn referred<'s>(schema: &Value, root: &'s Value) -> Option<&'s Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// Where an input names what the account has.
pub(super) fn places(schema: &Value, input: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    look(schema, schema, input, "", &mut found);
    found
}

fn look(schema: &Value, root: &Value, value: &Value, pointer: &str, found: &mut Vec<Place>) {
    if let Some(choices) = schema.get("x-choices") {
        let place = |pointer: String, keys: bool| Place {
            pointer,
            offered: true,
            depends: choices.get("after").is_some(),
            keys,
        };
        match value {
            Value::Array(items) => found
                .extend((0..items.len()).map(|index| place(format!("{pointer}/{index}"), false))),
            Value::Object(_) => found.push(place(pointer.to_owned(), true)),
            _ => found.push(place(pointer.to_owned(), false)),
        }
        return;
    }
    if let Some(target) = referred(schema, root) {
        return look(target, root, value, pointer, found);
    }
    for way in schema["anyOf"].as_array().into_iter().flatten() {
        let target = referred(way, root).unwrap_or(way);
        let fits = match value {
            _ if target.get("anyOf").is_some() => true,
            Value::Object(object) => object
                .keys()
                .all(|key| target["properties"].get(key).is_some()),
            Value::Array(_) => target.get("items").is_some(),
            _ => target.get("properties").is_none() && target.get("items").is_none(),
        };
        if fits {
            look(target, root, value, pointer, found);
        }
    }
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let property = schema["properties"]
                    .get(key)
                    .unwrap_or(&schema["additionalProperties"]);
                look(property, root, inner, &below(pointer, key), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                look(
                    &schema["items"],
                    root,
                    item,
                    &format!("{pointer}/{index}"),
                    found,
                );
            }
        }
        Value::Number(_) | Value::String(_) if schema.get("anyOf").is_none() => {
            found.push(Place {
                pointer: pointer.to_owned(),
                offered: false,
                depends: false,
                keys: false,
            });
        }
        _ => {}
    }
}

fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Takes a value out of an input. False if it is not there.
pub(super) fn leave_out(input: &mut Value, pointer: &str) -> bool {
    let Some((parent, step)) = pointer.rsplit_once('/') else {
        return false;
    };
    let key = step.replace("~1", "/").replace("~0", "~");
    match input.pointer_mut(parent) {
        Some(Value::Object(object)) => object.remove(&key).is_some(),
        Some(Value::Array(items)) => match key.parse() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Inputs that differ from one that fits in one thing that is wrong.
pub(super) fn mutants(schema: &Value, example: &Value) -> Vec<Value> {
    let mut all = vec![json!([]), json!(null), json!("some")];
    let with = |key: &str, value: Value| {
        let mut other = example.clone();
        other[key] = value;
        other
    };
    all.push(with("ofTomorrow", json!(1)));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // Any JSON fits where nothing is said.
        if property.get("type").is_none()
            && property.get("anyOf").is_none()
            && property.get("$ref").is_none()
        {
            continue;
        }
        all.push(with(name, json!({"ofTomorrow": [[[1]]]})));
        if is_required(schema, name) {
            let mut other = example.clone();
            other.as_object_mut().unwrap().remove(name);
            all.push(other);
            all.push(with(name, Value::Null));
        }
    }
    all
}
