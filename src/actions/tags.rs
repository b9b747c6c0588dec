//! Tags: those that there are, and those on a record.

use super::body::put;
use super::deletion::gone;
use super::faults::Faults;
use super::read::{counted, listed, single};
use super::tagging;
use crate::api::{Call, Client, Span, invalid, malformed, record};
use crate::bindings::capsule::crm::types::{
    Deletion, ListTags, NewTag, RecordRef, Tag, TagChanges, TagDefinition, TagPage, TagUpdate,
    Tagged, TagsOnRecord, WhichTag,
};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::Checked;
use crate::model::Embeds;
use crate::model::field::Entity;
use serde_json::{Map, Value, json};

/// List the tags that there are.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListTags) -> Result<Checked<TagPage>, Error> {
    let call = counted(
        Call::get(&[Entity::from(input.entity).path(), "tags"]),
        &Embeds::default(),
    );
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    listed(client, &call, "tags", span, &|_| ()).await
}

/// Put tags on a record. Capsule takes one that is there already, and makes a name that is missing (API reference 2.3).
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn add(client: &Client, input: TagsOnRecord) -> Result<Tagged, Error> {
    check(&input)?;
    let body = tagging::added(&input.tags, &[]);
    if body.is_empty() {
        return current(client, &input.on).await;
    }
    send(client, &input.on, body).await
}

/// Take tags off a record. Capsule refuses to take off one that is not there (API reference 2.3), so the record is read before.
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn remove(client: &Client, input: TagsOnRecord) -> Result<Tagged, Error> {
    check(&input)?;
    let change = TagChanges {
        add: Vec::new(),
        remove: input.tags,
        replace: None,
    };
    let tagged = current(client, &input.on).await?;
    let body = tagging::changed(&change, &[], &tagged.tags);
    if body.is_empty() {
        return Ok(tagged);
    }
    match send(client, &input.on, body).await {
        // Somebody else may have taken it off between the two requests.
        Err(Error::Permanent(PermanentError::InvalidInput(refused))) => {
            let tagged = current(client, &input.on).await?;
            let body = tagging::changed(&change, &[], &tagged.tags);
            if body.is_empty() {
                Ok(tagged)
            } else {
                Err(Error::Permanent(PermanentError::InvalidInput(refused)))
            }
        }
        outcome => outcome,
    }
}

/// Create a tag.
///
/// # Errors
/// `invalid-input`, `outcome-unknown`, and what sending gives.
pub async fn create(client: &Client, input: NewTag) -> Result<Checked<TagDefinition>, Error> {
    named(Some(&input.name))?;
    let mut body = Map::new();
    body.insert("name".into(), input.name.into());
    put(&mut body, "description", input.description);
    body.insert("dataTag".into(), input.data_tag.into());
    let path = Entity::from(input.entity).path();
    let call = Call::create(&[path, "tags"], json!({ "tag": body }));
    single(client, &call, "tag").await
}

/// Change a tag.
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn update(client: &Client, input: TagUpdate) -> Result<Checked<TagDefinition>, Error> {
    named(input.name.as_deref())?;
    let mut body = Map::new();
    put(&mut body, "name", input.name);
    put(&mut body, "description", input.description);
    put(&mut body, "dataTag", input.data_tag);
    let id = input.id.to_string();
    let segments = [Entity::from(input.entity).path(), "tags", id.as_str()];
    let call = if body.is_empty() {
        Call::get(&segments)
    } else {
        Call::change(&segments, json!({ "tag": body }))
    };
    single(client, &call, "tag").await
}

/// Delete a tag.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, input: WhichTag) -> Result<Deletion, Error> {
    let path = Entity::from(input.entity).path();
    gone(client, &[path, "tags"], input.id).await
}

/// What is wrong in tags by themselves.
fn check(input: &TagsOnRecord) -> Result<(), Error> {
    let mut faults = Faults::default();
    tagging::check(&input.tags, "/tags", &mut faults);
    faults.settle()
}

/// A tag has a name.
fn named(name: Option<&str>) -> Result<(), Error> {
    if name.is_some_and(|name| name.trim().is_empty()) {
        Err(invalid("/name", "required", "the tag's name is empty"))
    } else {
        Ok(())
    }
}

/// The tags that a record has.
async fn current(client: &Client, on: &RecordRef) -> Result<Tagged, Error> {
    let id = on.id().to_string();
    answered(client, on, Call::get(&[on.entity().path(), &id])).await
}

/// Changes the tags of a record.
async fn send(client: &Client, on: &RecordRef, tags: Vec<Value>) -> Result<Tagged, Error> {
    let (entity, id) = (on.entity(), on.id().to_string());
    let body = json!({ entity.key(): { "tags": tags } });
    answered(client, on, Call::change(&[entity.path(), &id], body)).await
}

/// The tags of the record that a call is answered with.
async fn answered(client: &Client, on: &RecordRef, call: Call) -> Result<Tagged, Error> {
    let call = call.embed(&["tags"]);
    let mut answer = client.send(&call).await?;
    let mut row = answer.take(&call, on.entity().key())?;
    // They were asked for: an answer without them says nothing of what the record has.
    let Some(Value::Array(rows)) = row.get_mut("tags").map(Value::take) else {
        return Err(malformed(
            &call,
            answer.status,
            "The record comes without its tags.",
        ));
    };
    let tags: Vec<Tag> = rows
        .into_iter()
        .map(|row| record(&call, answer.status, row))
        .collect::<Result<_, _>>()?;
    Ok(Tagged {
        entity: on.entity().into(),
        id: on.id(),
        tags,
    })
}
