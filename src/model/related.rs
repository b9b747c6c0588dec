//! The one record that a task, an entry or a tag is about.

use super::field::Entity;
use crate::bindings::capsule::crm::types::{Entity as EntityName, LinkedEmbed, RecordRef};
use serde_json::{Map, Value, json};

impl RecordRef {
    /// Which kind of record.
    pub(crate) fn entity(&self) -> Entity {
        match self {
            Self::Party(_) => Entity::Parties,
            Self::Opportunity(_) => Entity::Opportunities,
            Self::Project(_) => Entity::Projects,
        }
    }

    /// The record's id.
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Party(id) | Self::Opportunity(id) | Self::Project(id) => *id,
        }
    }
}

impl Entity {
    /// The key of one record, in a body and in an answer.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Parties => "party",
            Self::Opportunities => "opportunity",
            Self::Projects => "kase",
        }
    }
}

impl From<EntityName> for Entity {
    fn from(name: EntityName) -> Self {
        match name {
            EntityName::Parties => Self::Parties,
            EntityName::Opportunities => Self::Opportunities,
            EntityName::Projects => Self::Projects,
        }
    }
}

impl From<Entity> for EntityName {
    fn from(entity: Entity) -> Self {
        match entity {
            Entity::Parties => Self::Parties,
            Entity::Opportunities => Self::Opportunities,
            Entity::Projects => Self::Projects,
        }
    }
}

/// The record that a body is about. In a change the two other keys are cleared: Capsule takes one record at most, and merges (API reference
/// 2.3, 3.4).
pub(crate) fn put_related(body: &mut Map<String, Value>, wanted: Option<&RecordRef>, clear: bool) {
    for entity in [Entity::Parties, Entity::Opportunities, Entity::Projects] {
        match wanted.filter(|wanted| wanted.entity() == entity) {
            Some(wanted) => drop(body.insert(entity.key().into(), json!({"id": wanted.id()}))),
            None if clear => drop(body.insert(entity.key().into(), Value::Null)),
            None => {}
        }
    }
}

/// What to read along, in Capsule's words.
pub(crate) fn linked(embed: Option<&LinkedEmbed>) -> &'static [&'static str] {
    if embed.is_some_and(|embed| embed.party) {
        &["party"]
    } else {
        &[]
    }
}
