//! Opportunities and projects to create and to change: what they have in common. Attributes that need no look-up stand under Capsule's name,
//! as they are sent.

use super::party::set;
use super::record::{Embeds, Kind};
use crate::bindings::capsule::crm::types::{
    DurationBasis, FieldChange, IdChange, NewOpportunity, NewProject, NumberChange,
    OpportunityUpdate, ProjectUpdate, Ref, RefChange, Sum, SumChange, TagChanges,
};
use crate::contract::Json;
use serde_json::{Map, Value, json};

/// An opportunity or a project to create, or to bring about.
#[derive(Clone, Debug)]
pub(crate) struct DealDraft {
    pub(crate) kind: Kind,
    pub(crate) party: u64,
    pub(crate) name: String,
    /// The pipeline or the board.
    pub(crate) way: Option<Ref>,
    /// The milestone or the stage.
    pub(crate) step: Option<Ref>,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) tags: Vec<Ref>,
    pub(crate) fields: Vec<FieldChange>,
    pub(crate) owner: Option<Ref>,
    pub(crate) team: Option<Ref>,
    pub(crate) tracks: Vec<Ref>,
    pub(crate) parties: Vec<u64>,
    pub(crate) embeds: Embeds,
}

/// A change of an opportunity or a project.
#[derive(Clone, Debug)]
pub(crate) struct DealPatch {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    /// The pipeline or the board.
    pub(crate) way: Option<Ref>,
    /// The milestone or the stage.
    pub(crate) step: Option<Ref>,
    /// Null clears.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) lost_reason: Option<RefChange>,
    pub(crate) tags: Option<TagChanges>,
    pub(crate) fields: Vec<FieldChange>,
    pub(crate) owner: Option<RefChange>,
    pub(crate) team: Option<RefChange>,
    pub(crate) embeds: Embeds,
}

/// Those that are given.
fn given<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    all.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

/// What is set, or null for what is cleared.
fn changed<T: Json>(change: Option<T>) -> Option<Value> {
    change.map(Json::to_json)
}

fn reference(id: u64) -> Value {
    json!({ "id": id })
}

/// Currencies are written with capitals.
fn money(sum: Sum) -> Value {
    Sum {
        currency: sum.currency.trim().to_ascii_uppercase(),
        ..sum
    }
    .to_json()
}

/// Capsule wants no duration beside `FIXED` (API reference 3.2): it goes when that comes.
fn duration(change: Option<NumberChange>, basis: Option<DurationBasis>) -> Option<Value> {
    match (change, basis) {
        (Some(NumberChange::Set(units)), _) => Some(units.into()),
        (Some(NumberChange::Clear), _) | (None, Some(DurationBasis::Fixed)) => Some(Value::Null),
        (None, _) => None,
    }
}

impl From<NewOpportunity> for DealDraft {
    fn from(new: NewOpportunity) -> Self {
        Self {
            kind: Kind::Opportunity,
            party: new.party,
            name: new.name,
            way: new.pipeline,
            step: Some(new.milestone),
            attributes: given([
                ("description", new.description.map(Value::from)),
                ("value", new.value.map(money)),
                ("durationBasis", new.duration_basis.map(Json::to_json)),
                ("duration", new.duration.map(Value::from)),
                ("probability", new.probability.map(Value::from)),
                ("expectedCloseOn", new.expected_close_on.map(Value::from)),
            ]),
            tags: new.tags,
            fields: set(new.fields),
            owner: new.owner,
            team: new.team,
            tracks: new.tracks,
            parties: new.additional_parties,
            embeds: Embeds::from(&new.embed),
        }
    }
}

impl From<NewProject> for DealDraft {
    fn from(new: NewProject) -> Self {
        Self {
            kind: Kind::Project,
            party: new.party,
            name: new.name,
            way: new.board,
            step: new.stage,
            attributes: given([
                ("description", new.description.map(Value::from)),
                ("opportunity", new.opportunity.map(reference)),
                ("startOn", new.start_on.map(Value::from)),
                ("expectedCloseOn", new.expected_close_on.map(Value::from)),
            ]),
            tags: new.tags,
            fields: set(new.fields),
            owner: new.owner,
            team: new.team,
            tracks: new.tracks,
            parties: new.additional_parties,
            embeds: Embeds::from(&new.embed),
        }
    }
}

impl From<OpportunityUpdate> for DealPatch {
    fn from(update: OpportunityUpdate) -> Self {
        let value = update.value.map(|change| match change {
            SumChange::Set(sum) => money(sum),
            SumChange::Clear => Value::Null,
        });
        Self {
            kind: Kind::Opportunity,
            id: update.id,
            way: update.pipeline,
            step: update.milestone,
            attributes: given([
                ("party", update.party.map(reference)),
                ("name", update.name.map(Value::from)),
                ("description", changed(update.description)),
                ("value", value),
                ("duration", duration(update.duration, update.duration_basis)),
                ("durationBasis", update.duration_basis.map(Json::to_json)),
                ("probability", update.probability.map(Value::from)),
                ("expectedCloseOn", changed(update.expected_close_on)),
            ]),
            lost_reason: update.lost_reason,
            tags: update.tags,
            fields: update.fields,
            owner: update.owner,
            team: update.team,
            embeds: Embeds::from(&update.embed),
        }
    }
}

impl From<ProjectUpdate> for DealPatch {
    fn from(update: ProjectUpdate) -> Self {
        let opportunity = update.opportunity.map(|change| match change {
            IdChange::Set(id) => reference(id),
            IdChange::Clear => Value::Null,
        });
        Self {
            kind: Kind::Project,
            id: update.id,
            way: update.board,
            step: update.stage,
            attributes: given([
                ("party", update.party.map(reference)),
                ("name", update.name.map(Value::from)),
                ("description", changed(update.description)),
                ("opportunity", opportunity),
                ("startOn", changed(update.start_on)),
                ("expectedCloseOn", changed(update.expected_close_on)),
            ]),
            lost_reason: None,
            tags: update.tags,
            fields: update.fields,
            owner: update.owner,
            team: update.team,
            embeds: Embeds::from(&update.embed),
        }
    }
}
