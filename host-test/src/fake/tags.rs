//! Tag definitions of the three entities and the tags on their records (API reference 3.7, 2.3).

use axum::Router;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, delete, get, post, put};
use super::entity::Entity;
use super::input::{Input, Reference};
use super::nested::{Item, items};
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::State;
use super::table::Table;
use super::{Fake, fields, records};

const RESOURCE: &str = "tag";

/// A tag of one entity. A data tag owns custom fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TagDefinition {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) data_tag: bool,
}

impl TagDefinition {
    pub(super) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "dataTag": self.data_tag,
        })
    }

    /// The short form on a record.
    fn reference(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "dataTag": self.data_tag })
    }
}

pub(super) fn routes() -> Router<Fake> {
    let mut router = Router::new();
    for entity in Entity::ALL {
        let path = entity.plural();
        router = router
            .route(
                &format!("/{path}/tags"),
                get(move |state, call| show_all(state, call, entity))
                    .merge(post(move |state, call| create(state, call, entity))),
            )
            .route(
                &format!("/{path}/tags/{{tag}}"),
                get(move |state, call| show(state, call, entity))
                    .merge(put(move |state, call| update(state, call, entity)))
                    .merge(delete(move |state, call| remove(state, call, entity))),
            )
            .route(
                &format!("/{path}/tags/{{tag}}/definitions"),
                get(move |state, call| show_fields(state, call, entity)),
            );
    }
    router
}

fn show_all(state: &mut State, call: &Call, entity: Entity) -> Answer {
    list(
        call,
        "tags",
        RESOURCE,
        state.tags[entity].iter(),
        TagDefinition::render,
    )
}

fn find<'a>(state: &'a State, call: &Call, entity: Entity) -> Result<&'a TagDefinition, Refusal> {
    let id = call.id(0, RESOURCE)?;
    state.tags[entity]
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show(state: &mut State, call: &Call, entity: Entity) -> Answer {
    Ok(Reply::ok(RESOURCE, find(state, call, entity)?.render()))
}

fn show_fields(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let tag = find(state, call, entity)?.id;
    let rows = state.definitions[entity]
        .iter()
        .filter(|definition| definition.tag == Some(tag));
    list(call, "definitions", "definition", rows, |definition| {
        definition.render(&state.tags[entity])
    })
}

fn create(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let body = call.root(RESOURCE)?;
    let table = &mut state.tags[entity];
    let mut tag = TagDefinition {
        id: table.reserve(),
        name: String::new(),
        description: None,
        data_tag: false,
    };
    merge(&mut tag, &body, table)?;
    let rendered = tag.render();
    let location = call.address(&format!("/{}/tags/{}", entity.plural(), tag.id));
    table.put(tag.id, tag);
    Ok(Reply::created(RESOURCE, rendered, Some(location)))
}

fn update(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let mut tag = find(state, call, entity)?.clone();
    merge(&mut tag, &call.root(RESOURCE)?, &state.tags[entity])?;
    let rendered = tag.render();
    state.tags[entity].put(tag.id, tag);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn merge(
    tag: &mut TagDefinition,
    body: &Map<String, Value>,
    table: &Table<TagDefinition>,
) -> Result<(), Refusal> {
    let mut violations = Violations::default();
    let mut input = Input::new(body, RESOURCE, &mut violations);
    input.required_text("name", &mut tag.name);
    input.text("description", &mut tag.description);
    input.boolean("dataTag", &mut tag.data_tag);
    if by_name(table, &tag.name).is_some_and(|other| other.id != tag.id) {
        input.fault("name", "name is already in use");
    }
    violations.check()
}

/// Takes the tag off every record; a data tag takes its fields along.
fn remove(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let id = find(state, call, entity)?.id;
    let owned: Vec<u64> = state.definitions[entity]
        .iter()
        .filter(|row| row.tag == Some(id))
        .map(|row| row.id)
        .collect();
    for definition in owned {
        fields::drop_definition(state, entity, definition);
    }
    records::for_each_core(state, entity, |core| core.tags.retain(|tag| *tag != id));
    state.tags[entity].remove(id);
    Ok(state.deleted(call, "Deleting Tag"))
}

/// The tag of that name, whatever its case (API reference 2.3).
pub(super) fn by_name<'a>(
    table: &'a Table<TagDefinition>,
    name: &str,
) -> Option<&'a TagDefinition> {
    let wanted = name.trim().to_lowercase();
    table.iter().find(|tag| tag.name.to_lowercase() == wanted)
}

/// The tag of that name, made if it is missing.
pub(super) fn find_or_create(table: &mut Table<TagDefinition>, name: &str, data_tag: bool) -> u64 {
    if let Some(tag) = by_name(table, name) {
        return tag.id;
    }
    table.add(|id| TagDefinition {
        id,
        name: name.trim().to_owned(),
        description: None,
        data_tag,
    })
}

/// Applies a record's `tags` array. Nothing is changed when any item is faulty.
pub(super) fn merge_tags(
    attached: &mut Vec<u64>,
    value: Option<&Value>,
    table: &mut Table<TagDefinition>,
) -> Result<(), Refusal> {
    enum Step {
        Attach(u64),
        AttachByName(String),
        Detach(u64),
    }
    let mut violations = Violations::default();
    let mut steps = Vec::new();
    for item in items(value, RESOURCE, "tags", &mut violations) {
        match item {
            Item::Add(map) => match Reference::read(&Value::Object(map.clone())) {
                Some(Reference::Name(name)) if !name.trim().is_empty() => {
                    steps.push(Step::AttachByName(name))
                }
                _ => violations.add(RESOURCE, "name", "name is required"),
            },
            Item::Change(id, _) if table.has(id) => steps.push(Step::Attach(id)),
            Item::Change(..) => violations.add(RESOURCE, "id", "tag not found"),
            Item::Remove(id) if attached.contains(&id) => steps.push(Step::Detach(id)),
            Item::Remove(_) => violations.add(RESOURCE, "id", "tag not found to delete"),
        }
    }
    violations.check()?;
    for step in steps {
        let id = match step {
            Step::Detach(id) => {
                attached.retain(|tag| *tag != id);
                continue;
            }
            Step::Attach(id) => id,
            Step::AttachByName(name) => find_or_create(table, &name, false),
        };
        if !attached.contains(&id) {
            attached.push(id);
        }
    }
    Ok(())
}

/// A record's tags in short form.
pub(super) fn render_tags(attached: &[u64], table: &Table<TagDefinition>) -> Value {
    attached
        .iter()
        .filter_map(|id| table.get(*id))
        .map(TagDefinition::reference)
        .collect()
}
