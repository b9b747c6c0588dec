//! Events: their ids, and what they carry, spelled as operations spell it.

use super::listening::Listening;
use super::rule::{Change, Fact, Subject};
use crate::actions::read::Speller;
use crate::api::Client;
use crate::bindings::capsule::crm::event_types::Happening;
use crate::bindings::capsule::crm::types::DeletedRecord;
use crate::bindings::exports::integration::connector::triggers::Event;
use crate::bindings::integration::connector::types::Error;
use crate::contract::json::tagged;
use crate::contract::{Json, Reading, Trigger, check};
use crate::model::spell_task;
use serde_json::Value;

/// One thing that happened, for one listener.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) listener: String,
    pub(super) trigger: &'static Trigger,
    pub(super) record: u64,
    pub(super) fact: Fact,
    pub(super) data: Value,
}

impl PartialEq for Trigger {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Found {
    /// `{trigger}:{record-id}:{version}`. A listener that used another name of the trigger gets the same id.
    fn id(&self) -> String {
        format!("{}:{}:{}", self.trigger.id, self.record, self.fact.version)
    }

    /// For engines that speak JSON.
    pub(super) fn neutral(self) -> Event {
        Event {
            id: self.id(),
            listener: self.listener,
            trigger: self.trigger.id.into(),
            record_id: self.record.to_string(),
            occurred_at: self.fact.at,
            data: capsule_json::text(&self.data),
        }
    }

    /// For engines that speak types.
    pub(super) fn typed(self) -> Happening {
        Happening {
            id: self.id(),
            listener: self.listener,
            trigger: self.trigger.id.into(),
            record_id: self.record,
            occurred_at: self.fact.at,
            data: Json::from_json(tagged(self.trigger.data, self.data)),
        }
    }
}

/// Spells what the events of one listener carry.
pub(super) struct Carrier(Option<Speller>);

impl Carrier {
    /// Reads what is needed: nothing, unless the listener asks for custom fields or for the link.
    ///
    /// # Errors
    /// What sending gives.
    pub(super) async fn new(client: &Client, listening: &Listening) -> Result<Self, Error> {
        Ok(Self(match listening.subject.kind() {
            Some(kind) => Some(Speller::new(client, kind, &listening.embeds).await?),
            None => None,
        }))
    }

    /// One for each listener.
    ///
    /// # Errors
    /// What sending gives.
    pub(super) async fn all(client: &Client, listeners: &[Listening]) -> Result<Vec<Self>, Error> {
        let mut carriers = Vec::with_capacity(listeners.len());
        for listening in listeners {
            carriers.push(Self::new(client, listening).await?);
        }
        Ok(carriers)
    }

    /// What the listener's event carries of a record; none if the record is not what it should be. What others asked for is left out, so
    /// that a hook or a page that is shared gives each the same as one of its own.
    pub(super) fn data(&self, listening: &Listening, mut record: Value) -> Option<Value> {
        if let (Some(speller), Value::Object(object)) = (&self.0, &mut record) {
            for (key, token) in [
                ("tags", "tags"),
                ("fields", "fields"),
                ("missingImportantFields", "missingImportantFields"),
            ] {
                if !listening.embeds.tokens.contains(&token) {
                    object.remove(key);
                }
            }
            speller.spell(&mut record);
        }
        if listening.subject == Subject::Task {
            spell_task(&mut record);
        }
        if listening.change == Change::Matched {
            let case = match listening.subject {
                Subject::Opportunity => "opportunity",
                Subject::Project => "project",
                _ => "party",
            };
            record = tagged(case, record);
        }
        shaped(listening, record)
    }
}

/// Brings a record to the shape of the trigger's data.
pub(super) fn shaped(listening: &Listening, mut record: Value) -> Option<Value> {
    let trigger = listening.trigger;
    if !check(&trigger.output, &mut record, Reading::Answer).is_empty() {
        return None;
    }
    Some(record)
}

/// What the event of a deletion carries.
pub(super) fn gone(id: u64, fact: &Fact, is_restricted: bool) -> Value {
    let deleted_at = fact.at.clone();
    DeletedRecord {
        id,
        deleted_at,
        is_restricted,
    }
    .to_json()
}

/// The id of a record; none for what is no record of Capsule's.
pub(super) fn id_of(record: &Value) -> Option<u64> {
    const EXACT: u64 = (1 << 53) - 1;
    record
        .get("id")?
        .as_u64()
        .filter(|id| (1..=EXACT).contains(id))
}
