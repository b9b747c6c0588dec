//! Tags: those that there are, and those on a record.

use super::body::put;
use super::deletion::gone;
use super::faults::Faults;
use super::read::{Speller, counted, listed, single};
use super::settings::{any_embeds, kind};
use super::tagging;
use crate::api::{Call, Client, Span, invalid, malformed, record};
use crate::bindings::capsule::crm::types::{
    AnyRecord, Deletion, ListTags, NewTag, Tag, TagChanges, TagDefinition, TagPage, TagUpdate,
    TagsOnRecord, WhichTag,
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
pub async fn add(client: &Client, input: TagsOnRecord) -> Result<Checked<AnyRecord>, Error> {
    check(&input)?;
    let record = Tagged::new(client, &input).await?;
    let body = tagging::added(&input.tags, &[]);
    record.changed(body).await
}

/// Take tags off a record. Capsule refuses to take off one that is not there (API reference 2.3), so the record is read before.
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn remove(client: &Client, input: TagsOnRecord) -> Result<Checked<AnyRecord>, Error> {
    check(&input)?;
    let record = Tagged::new(client, &input).await?;
    let change = TagChanges {
        add: Vec::new(),
        remove: input.tags,
        replace: None,
    };
    let (found, tags) = record.read().await?;
    let body = tagging::changed(&change, &[], &tags);
    if body.is_empty() {
        return Ok(found);
    }
    match record.changed(body).await {
        // Somebody else may have taken it off between the two requests.
        Err(Error::Permanent(PermanentError::InvalidInput(refused))) => {
            let (found, tags) = record.read().await?;
            if tagging::changed(&change, &[], &tags).is_empty() {
                Ok(found)
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

/// A record whose tags are read or changed.
struct Tagged<'a> {
    client: &'a Client,
    entity: Entity,
    /// The case of the contract that the record stands in.
    case: &'static str,
    id: String,
    embeds: Embeds,
    speller: Speller,
}

impl<'a> Tagged<'a> {
    async fn new(client: &'a Client, input: &TagsOnRecord) -> Result<Self, Error> {
        let entity = input.on.entity();
        let (kind, case) = kind(entity.into());
        let embeds = any_embeds(entity, input.embed.as_ref()).with("tags");
        Ok(Self {
            client,
            entity,
            case,
            id: input.on.id().to_string(),
            speller: Speller::new(client, kind, &embeds).await?,
            embeds,
        })
    }

    /// The record as it is, and its tags.
    async fn read(&self) -> Result<(Checked<AnyRecord>, Vec<Tag>), Error> {
        self.answered(Call::get(&[self.entity.path(), &self.id]))
            .await
    }

    /// The record after a change of its tags; without a change, as it is.
    async fn changed(&self, tags: Vec<Value>) -> Result<Checked<AnyRecord>, Error> {
        let segments = [self.entity.path(), &self.id];
        let call = if tags.is_empty() {
            Call::get(&segments)
        } else {
            Call::change(&segments, json!({ self.entity.key(): { "tags": tags } }))
        };
        self.answered(call).await.map(|(record, _)| record)
    }

    async fn answered(&self, call: Call) -> Result<(Checked<AnyRecord>, Vec<Tag>), Error> {
        let call = call.embed(&self.embeds.tokens);
        let mut answer = self.client.send(&call).await?;
        let mut row = answer.take(&call, self.entity.key())?;
        // They were asked for: an answer without them says nothing of what the record has.
        let Some(Value::Array(rows)) = row.get("tags") else {
            return Err(malformed(
                &call,
                answer.status,
                "The record comes without its tags.",
            ));
        };
        let tags = rows
            .iter()
            .map(|row| record(&call, answer.status, row.clone()))
            .collect::<Result<_, _>>()?;
        self.speller.spell(&mut row);
        Ok((
            record(&call, answer.status, json!({ self.case: row }))?,
            tags,
        ))
    }
}
