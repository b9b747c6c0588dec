//! Custom field definitions of the three entities and the values on their records (API reference 3.7, 2.3).

use axum::Router;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, delete, get, post, put};
use super::entity::Entity;
use super::input::{Input, Reference};
use super::nested::{Item, items};
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::State;
use super::table::Table;
use super::tags::{self, TagDefinition};
use super::{Fake, records};

const RESOURCE: &str = "definition";

/// The type of a custom field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Text,
    Date,
    List,
    Boolean,
    Number,
    Link,
    MultiSelect,
}

impl FieldType {
    pub(super) const ALL: [FieldType; 7] = [
        FieldType::Text,
        FieldType::Date,
        FieldType::List,
        FieldType::Boolean,
        FieldType::Number,
        FieldType::Link,
        FieldType::MultiSelect,
    ];

    /// The wire name. `multiselectlist` is the spelling of the vendor's own client.
    pub(super) fn name(self) -> &'static str {
        match self {
            FieldType::Text => "text",
            FieldType::Date => "date",
            FieldType::List => "list",
            FieldType::Boolean => "boolean",
            FieldType::Number => "number",
            FieldType::Link => "link",
            FieldType::MultiSelect => "multiselectlist",
        }
    }

    fn parse(name: &str) -> Option<FieldType> {
        FieldType::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn has_options(self) -> bool {
        matches!(self, FieldType::List | FieldType::MultiSelect)
    }
}

/// A custom field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldDefinition {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: FieldType,
    /// The data tag that owns it.
    pub(super) tag: Option<u64>,
    /// `person`, `organisation` or both.
    pub(super) capture_rule: Option<String>,
    pub(super) options: Vec<String>,
    pub(super) important: bool,
    pub(super) display_order: i64,
}

impl FieldDefinition {
    pub(super) fn render(&self, tags: &Table<TagDefinition>) -> Value {
        let tag = self.tag.and_then(|id| tags.get(id));
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "type": self.kind.name(),
            "tag": tag.map(|tag| json!({ "id": tag.id, "name": tag.name, "dataTag": tag.data_tag })),
            "captureRule": self.capture_rule,
            "important": self.important,
            "displayOrder": self.display_order,
        });
        if self.kind.has_options() {
            body["options"] = json!(self.options);
        }
        body
    }
}

/// The value of a custom field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldValue {
    /// Text, links, list options and joined multi-select options.
    Text(String),
    /// A number in the spelling it was written with; Capsule returns numbers as text.
    Number(String),
    Boolean(bool),
    Date(Date),
}

impl FieldValue {
    fn render(&self) -> Value {
        match self {
            FieldValue::Text(text) | FieldValue::Number(text) => Value::String(text.clone()),
            FieldValue::Boolean(value) => Value::Bool(*value),
            FieldValue::Date(date) => Value::String(date.to_string()),
        }
    }
}

/// One row of a record's `fields`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldRow {
    pub(super) id: u64,
    pub(super) definition: u64,
    pub(super) value: FieldValue,
}

pub(super) fn routes() -> Router<Fake> {
    let mut router = Router::new();
    for entity in Entity::ALL {
        let path = entity.plural();
        router = router
            .route(
                &format!("/{path}/fields/definitions"),
                get(move |state, call| show_all(state, call, entity))
                    .merge(post(move |state, call| create(state, call, entity))),
            )
            .route(
                &format!("/{path}/fields/definitions/{{definition}}"),
                get(move |state, call| show(state, call, entity))
                    .merge(put(move |state, call| update(state, call, entity)))
                    .merge(delete(move |state, call| remove(state, call, entity))),
            );
    }
    router
}

fn show_all(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let with_data_tags = call.flag("includeDataTagFields").unwrap_or(true);
    let rows = state.definitions[entity]
        .iter()
        .filter(|row| with_data_tags || row.tag.is_none());
    list(call, "definitions", RESOURCE, rows, |row| {
        row.render(&state.tags[entity])
    })
}

fn find<'a>(state: &'a State, call: &Call, entity: Entity) -> Result<&'a FieldDefinition, Refusal> {
    let id = call.id(0, RESOURCE)?;
    state.definitions[entity]
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show(state: &mut State, call: &Call, entity: Entity) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        find(state, call, entity)?.render(&state.tags[entity]),
    ))
}

fn create(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let body = call.root(RESOURCE)?;
    let display_order = i64::try_from(state.definitions[entity].len()).unwrap_or(i64::MAX);
    let mut definition = FieldDefinition {
        id: state.definitions[entity].reserve(),
        name: String::new(),
        description: None,
        kind: FieldType::Text,
        tag: None,
        capture_rule: None,
        options: Vec::new(),
        important: false,
        display_order,
    };
    merge(
        &mut definition,
        &body,
        &mut state.tags[entity],
        entity,
        true,
    )?;
    let location = call.address(&format!(
        "/{}/fields/definitions/{}",
        entity.plural(),
        definition.id
    ));
    let rendered = definition.render(&state.tags[entity]);
    state.definitions[entity].put(definition.id, definition);
    Ok(Reply::created(RESOURCE, rendered, Some(location)))
}

fn update(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let mut definition = find(state, call, entity)?.clone();
    merge(
        &mut definition,
        &call.root(RESOURCE)?,
        &mut state.tags[entity],
        entity,
        false,
    )?;
    let rendered = definition.render(&state.tags[entity]);
    state.definitions[entity].put(definition.id, definition);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn merge(
    definition: &mut FieldDefinition,
    body: &Map<String, Value>,
    tags: &mut Table<TagDefinition>,
    entity: Entity,
    creating: bool,
) -> Result<(), Refusal> {
    let mut violations = Violations::default();
    let mut input = Input::new(body, RESOURCE, &mut violations);
    input.required_text("name", &mut definition.name);
    input.text("description", &mut definition.description);
    input.boolean("important", &mut definition.important);
    let mut display_order = Some(definition.display_order);
    input.integer("displayOrder", &mut display_order);
    definition.display_order = display_order.unwrap_or(definition.display_order);
    if entity == Entity::Party {
        input.choice(
            "captureRule",
            &["person", "organisation"],
            &mut definition.capture_rule,
        );
    }
    match (input.value("type"), creating) {
        (None, true) | (Some(Value::Null), _) => input.fault("type", "type is required"),
        (None, false) => {}
        (Some(value), _) => match value.as_str().and_then(FieldType::parse) {
            None => input.fault("type", "invalid type"),
            Some(kind) if !creating && kind != definition.kind => {
                input.fault("type", "type cannot be changed")
            }
            Some(kind) => definition.kind = kind,
        },
    }
    match input.value("options") {
        None | Some(Value::Null) => {}
        Some(Value::Array(options)) => {
            definition.options = options
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            if definition.options.len() != options.len() {
                input.fault("options", "invalid type for field");
            }
        }
        Some(_) => input.fault("options", "invalid type for field"),
    }
    if definition.kind.has_options() && definition.options.is_empty() {
        input.fault("options", "options is required");
    }
    let tag = input.reference("tag");
    if let Some(Some(Reference::Id(id))) = tag
        && !tags.has(id)
    {
        input.fault("tag", "tag not found");
    }
    violations.check()?;
    if let Some(tag) = tag {
        definition.tag = tag.map(|tag| match tag {
            Reference::Id(id) => id,
            Reference::Name(name) => tags::find_or_create(tags, &name, true),
        });
    }
    if let Some(tag) = definition.tag.and_then(|id| tags.get_mut(id)) {
        tag.data_tag = true;
    }
    Ok(())
}

fn remove(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let id = find(state, call, entity)?.id;
    drop_definition(state, entity, id);
    Ok(state.deleted(call, "Deleting Custom Field"))
}

/// Removes a definition and every value of it.
pub(super) fn drop_definition(state: &mut State, entity: Entity, id: u64) {
    records::for_each_core(state, entity, |core| {
        core.fields.retain(|row| row.definition != id)
    });
    state.definitions[entity].remove(id);
}

/// Applies a record's `fields` array. A value of `null` clears the field; a boolean can't be cleared so.
pub(super) fn merge_values(
    rows: &mut Vec<FieldRow>,
    value: Option<&Value>,
    definitions: &Table<FieldDefinition>,
    mut new_id: impl FnMut() -> u64,
    violations: &mut Violations,
) -> Result<(), Refusal> {
    for item in items(value, "field", "fields", violations) {
        let (definition, map) = match item {
            Item::Remove(id) => {
                let Some(at) = rows.iter().position(|row| row.id == id) else {
                    return Err(Refusal::no_such("field"));
                };
                rows.remove(at);
                continue;
            }
            Item::Change(id, map) => match rows.iter().find(|row| row.id == id) {
                Some(row) => (Some(row.definition), map),
                None => return Err(Refusal::no_such("field")),
            },
            Item::Add(map) => match map.get("definition").and_then(Reference::read) {
                Some(Reference::Id(id)) => (Some(id), map),
                _ => (None, map),
            },
        };
        let Some(definition) = definition else {
            violations.add("field", "definition", "definition is required");
            continue;
        };
        let Some(definition) = definitions.get(definition) else {
            violations.add("field", "definition", "definition not found");
            continue;
        };
        let Some(value) = map.get("value") else {
            violations.add("field", "value", "value is required");
            continue;
        };
        let stored = rows.iter().position(|row| row.definition == definition.id);
        match (read_value(definition, value), stored) {
            (Err(message), _) => violations.add("field", "value", message),
            (Ok(None), Some(at)) => drop(rows.remove(at)),
            (Ok(None), None) => {}
            (Ok(Some(value)), Some(at)) => {
                if let Some(row) = rows.get_mut(at) {
                    row.value = value;
                }
            }
            (Ok(Some(value)), None) => rows.push(FieldRow {
                id: new_id(),
                definition: definition.id,
                value,
            }),
        }
    }
    Ok(())
}

/// The stored form of a written value; `None` clears.
fn read_value(definition: &FieldDefinition, value: &Value) -> Result<Option<FieldValue>, String> {
    let wrong = || "invalid type for field".to_owned();
    match (definition.kind, value) {
        (FieldType::Boolean, Value::Bool(value)) => Ok(Some(FieldValue::Boolean(*value))),
        (FieldType::Boolean, _) => Err(wrong()),
        (_, Value::Null) => Ok(None),
        (_, Value::String(text)) if text.trim().is_empty() => Ok(None),
        (FieldType::Text | FieldType::Link, Value::String(text)) => {
            Ok(Some(FieldValue::Text(text.clone())))
        }
        (FieldType::Date, Value::String(text)) => text
            .parse()
            .map(|date| Some(FieldValue::Date(date)))
            .map_err(|_| wrong()),
        (FieldType::Number, Value::Number(number)) => {
            Ok(Some(FieldValue::Number(number.to_string())))
        }
        (FieldType::Number, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => {
                Ok(Some(FieldValue::Number(text.trim().to_owned())))
            }
            _ => Err(wrong()),
        },
        (FieldType::List, Value::String(text)) => {
            known_option(definition, text).map(|option| Some(FieldValue::Text(option.to_owned())))
        }
        (FieldType::MultiSelect, Value::String(text)) => {
            let chosen: Result<Vec<&str>, String> = text
                .split(';')
                .map(str::trim)
                .map(|option| known_option(definition, option))
                .collect();
            Ok(Some(FieldValue::Text(chosen?.join(";"))))
        }
        _ => Err(wrong()),
    }
}

fn known_option<'a>(definition: &'a FieldDefinition, text: &str) -> Result<&'a str, String> {
    let option = definition.options.iter().find(|option| *option == text);
    option
        .map(String::as_str)
        .ok_or_else(|| format!("value must be one of {}", definition.options.join(", ")))
}

/// A record's values. `tagId` is there only when the field belongs to a data tag.
pub(super) fn render_values(rows: &[FieldRow], definitions: &Table<FieldDefinition>) -> Value {
    rows.iter()
        .filter_map(|row| Some((row, definitions.get(row.definition)?)))
        .map(|(row, definition)| {
            let mut body = json!({
                "id": row.id,
                "definition": { "id": definition.id, "name": definition.name },
                "value": row.value.render(),
            });
            if let Some(tag) = definition.tag {
                body["tagId"] = json!(tag);
            }
            body
        })
        .collect()
}
