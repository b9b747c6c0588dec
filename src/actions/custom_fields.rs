//! Custom fields: what is set up of them, and their values on records (API reference 3.7).

use super::body::put;
use super::deletion::gone;
use super::faults::Faults;
use super::read::{Speller, counted, listed};
use super::settings::{any_embeds, kind};
use crate::api::{Call, Client, Span, invalid, record, violation};
use crate::bindings::capsule::crm::types::{
    AnyRecord, Deletion, FieldAudienceChange, FieldDefinition, FieldDefinitionPage,
    FieldDefinitionUpdate, FieldType, FieldsOnRecord, GetFieldDefinition, ListOfFieldDefinitions,
    NewFieldDefinition, Ref, RefChange, WhichFieldDefinition,
};
use crate::bindings::integration::connector::types::{Error, Violation};
use crate::contract::{Checked, Json};
use crate::model::Embeds;
use crate::model::field::{Entity, FieldWrite};
use serde_json::{Map, Value, json};

/// The key of one definition.
const KEY: &str = "definition";

/// List the custom fields that there are.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_definitions(
    client: &Client,
    input: ListOfFieldDefinitions,
) -> Result<Checked<FieldDefinitionPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let call = Call::get(&[Entity::from(input.entity).path(), "fields", "definitions"]);
    let call = counted(call, &Embeds::default());
    listed(client, &call, "definitions", span, &spell).await
}

/// Read how a custom field is set up.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, and what sending gives.
pub async fn get_definition(
    client: &Client,
    input: GetFieldDefinition,
) -> Result<Checked<FieldDefinition>, Error> {
    let entity = Entity::from(input.entity);
    let id = match &input.definition {
        Ref::Id(id) => *id,
        name @ Ref::Name(_) => client.definition(entity, name, "/definition").await?.id,
    };
    let id = id.to_string();
    definition(
        client,
        Call::get(&[entity.path(), "fields", "definitions", &id]),
    )
    .await
}

/// Set custom fields of a record.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for a field, before anything is changed, and what sending gives.
pub async fn set(client: &Client, input: FieldsOnRecord) -> Result<AnyRecord, Error> {
    let entity = input.on.entity();
    if input.fields.is_empty() {
        return Err(invalid("/fields", "required", "name at least one field"));
    }
    let mut faults = Faults::default();
    let mut fields: Vec<FieldWrite> = Vec::with_capacity(input.fields.len());
    let mut tags: Vec<u64> = Vec::new();
    for change in &input.fields {
        let pointer = super::names::field_pointer("", &change.definition);
        // Also of a field by id: its data tag is wanted.
        let found = client
            .definition(entity, &change.definition, &pointer)
            .await;
        let Some(definition) = faults.note(found)? else {
            continue;
        };
        if fields.iter().any(|one| one.id == definition.id) {
            let message = format!("the field {} stands twice", definition.id);
            faults.add(violation(pointer, "unique", message));
            continue;
        }
        match FieldWrite::new(definition.id, Some(&definition), change.value.as_ref()) {
            Ok(write) => fields.push(write),
            Err(fault) => faults.add(Violation { pointer, ..fault }),
        }
        // Setting a field does not attach its tag (API reference 3.7); attaching one that is there does no harm (2.3).
        if let (Some(_), Some((tag, _))) = (&change.value, &definition.tag)
            && !tags.contains(tag)
        {
            tags.push(*tag);
        }
    }
    faults.settle()?;
    let (kind, case) = kind(entity.into());
    let embeds = any_embeds(entity, input.embed.as_ref())
        .with("tags")
        .with("fields");
    let embeds = Embeds {
        fields: true,
        ..embeds
    };
    let speller = Speller::new(client, kind, &embeds).await?;
    let mut body = Map::new();
    let rows: Vec<Value> = fields.iter().map(FieldWrite::body).collect();
    body.insert("fields".into(), rows.into());
    if !tags.is_empty() {
        let rows: Vec<Value> = tags.iter().map(|id| json!({ "id": id })).collect();
        body.insert("tags".into(), rows.into());
    }
    let call = Call::change(
        &[entity.path(), &input.on.id().to_string()],
        json!({ entity.key(): body }),
    )
    .embed(&embeds.tokens);
    let mut answer = client.send(&call).await?;
    let mut row = answer.take(&call, entity.key())?;
    speller.spell(&mut row);
    record(&call, answer.status, json!({ case: row }))
}

/// Create a custom field.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, and what sending gives.
pub async fn create_definition(
    client: &Client,
    input: NewFieldDefinition,
) -> Result<Checked<FieldDefinition>, Error> {
    let entity = Entity::from(input.entity);
    let mut faults = Faults::default();
    check_name(Some(&input.name), &mut faults);
    check_audience(entity, input.capture_rule.is_some(), &mut faults);
    check_tag(input.tag.as_ref(), &mut faults);
    let is_list = matches!(input.type_, FieldType::List | FieldType::MultiSelectList);
    if is_list == input.options.is_empty() {
        let (rule, message) = if is_list {
            ("required", "a list needs at least one option")
        } else {
            ("range", "only a list has options")
        };
        faults.add(violation("/options", rule, message));
    }
    check_options(&input.options, &mut faults);
    faults.settle()?;
    let mut body = Map::new();
    body.insert("name".into(), input.name.into());
    body.insert("type".into(), input.type_.to_json());
    body.insert("important".into(), input.important.into());
    put(&mut body, "description", input.description);
    if let Some(tag) = &input.tag {
        body.insert("tag".into(), reference(tag));
    }
    put(&mut body, "captureRule", input.capture_rule);
    if is_list {
        body.insert("options".into(), input.options.into());
    }
    let path = [entity.path(), "fields", "definitions"];
    definition(client, Call::create(&path, json!({ KEY: body }))).await
}

/// Change how a custom field is set up.
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn update_definition(
    client: &Client,
    input: FieldDefinitionUpdate,
) -> Result<Checked<FieldDefinition>, Error> {
    let entity = Entity::from(input.entity);
    let mut faults = Faults::default();
    check_name(input.name.as_deref(), &mut faults);
    let sets_audience = matches!(input.capture_rule, Some(FieldAudienceChange::Set(_)));
    check_audience(entity, sets_audience, &mut faults);
    if let Some(RefChange::Set(tag)) = &input.tag {
        check_tag(Some(tag), &mut faults);
    }
    if let Some(options) = &input.options {
        if options.is_empty() {
            let message = "a list needs at least one option";
            faults.add(violation("/options", "required", message));
        }
        check_options(options, &mut faults);
    }
    faults.settle()?;
    let mut body = Map::new();
    put(&mut body, "name", input.name);
    put(&mut body, "description", input.description);
    match &input.tag {
        None => {}
        Some(RefChange::Set(tag)) => drop(body.insert("tag".into(), reference(tag))),
        Some(RefChange::Clear) => drop(body.insert("tag".into(), Value::Null)),
    }
    put(&mut body, "captureRule", input.capture_rule);
    put(&mut body, "options", input.options);
    put(&mut body, "important", input.important);
    let id = input.id.to_string();
    let path = [entity.path(), "fields", "definitions", &id];
    let call = if body.is_empty() {
        Call::get(&path)
    } else {
        Call::change(&path, json!({ KEY: body }))
    };
    definition(client, call).await
}

/// Delete a custom field.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete_definition(
    client: &Client,
    input: WhichFieldDefinition,
) -> Result<Deletion, Error> {
    let path = [Entity::from(input.entity).path(), "fields", "definitions"];
    gone(client, &path, input.id).await
}

/// The one definition of an answer.
async fn definition(client: &Client, call: Call) -> Result<Checked<FieldDefinition>, Error> {
    let mut answer = client.send(&call).await?;
    let mut row = answer.take(&call, KEY)?;
    spell(&mut row);
    record(&call, answer.status, row)
}

/// A reference may be a bare id anywhere (API reference 2.3).
fn spell(row: &mut Value) {
    if let Some(tag) = row.get_mut("tag")
        && tag.is_number()
    {
        *tag = json!({ "id": tag.take() });
    }
}

/// A tag as Capsule takes it here: by id or by name, without a look-up.
fn reference(tag: &Ref) -> Value {
    match tag {
        Ref::Id(id) => json!({ "id": id }),
        Ref::Name(name) => json!({ "name": name }),
    }
}

fn check_name(name: Option<&str>, faults: &mut Faults) {
    if name.is_some_and(|name| name.trim().is_empty()) {
        faults.add(violation("/name", "required", "a field needs a name"));
    }
}

fn check_tag(tag: Option<&Ref>, faults: &mut Faults) {
    if matches!(tag, Some(Ref::Name(name)) if name.trim().is_empty()) {
        faults.add(violation("/tag", "required", "the tag's name is empty"));
    }
}

fn check_audience(entity: Entity, given: bool, faults: &mut Faults) {
    if given && entity != Entity::Parties {
        let message = "only fields of parties are for people or organisations alone";
        faults.add(violation("/captureRule", "choice", message));
    }
}

/// Several options are written as one text with semicolons (API reference 3.7).
fn check_options(options: &[String], faults: &mut Faults) {
    for (index, option) in options.iter().enumerate() {
        let fault = if option.trim().is_empty() {
            Some(("required", "the option is empty"))
        } else if option.contains(';') {
            Some(("format", "an option can't hold a semicolon"))
        } else if options.iter().take(index).any(|one| one == option) {
            Some(("unique", "the option stands twice"))
        } else {
            None
        };
        if let Some((rule, message)) = fault {
            faults.add(violation(format!("/options/{index}"), rule, message));
        }
    }
}
