//! Who waits for what: listeners, judged and understood.

use super::rule::{Change, Subject, case, meaning};
use crate::actions::settings::any_embeds;
use crate::api::{invalid, unsupported, violation};
use crate::bindings::capsule::crm::types::{
    AnyEmbed, Entity as EntityName, OpportunityEmbed, PartyEmbed, ProjectEmbed,
};
use crate::bindings::exports::integration::connector::triggers::{DeliveryMode, Listener};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::{Json, Reading, TRIGGERS, Trigger, brief, check, nearest, trigger, way_out};
use crate::model::Embeds;
use crate::model::time::Seconds;
use serde_json::{Map, Value};

/// Most listeners of one call: each event is rendered for each of them.
const MOST_LISTENERS: usize = 1000;

/// A listener, understood.
pub(super) struct Listening {
    pub(super) id: String,
    pub(super) trigger: &'static Trigger,
    pub(super) subject: Subject,
    pub(super) change: Change,
    /// Checked.
    pub(super) options: Value,
    /// What its events carry beyond the record.
    pub(super) embeds: Embeds,
    pub(super) mode: DeliveryMode,
}

impl Listening {
    /// Judges one listener.
    ///
    /// # Errors
    /// `unsupported` for a trigger that does not exist; `invalid-input` for options that do not fit, with pointers from `at`.
    pub(super) fn new(listener: &Listener, at: &str) -> Result<Self, Error> {
        let trigger = known(&listener.trigger)?;
        let (subject, change) = meaning(trigger).ok_or_else(|| unknown(trigger.id))?;
        let mut options = if listener.options.trim().is_empty() {
            Value::Object(Map::new())
        } else {
            capsule_json::parse(listener.options.as_bytes()).map_err(|error| {
                invalid(
                    format!("{at}/options"),
                    "type",
                    format!("The options are not JSON: {error}."),
                )
            })?
        };
        let mut faults = check(&trigger.input, &mut options, Reading::Input);
        for fault in &mut faults {
            fault.pointer.insert_str(0, &format!("{at}/options"));
        }
        if !faults.is_empty() {
            return Err(Error::Permanent(PermanentError::InvalidInput(faults)));
        }
        let subject = if change == Change::Matched {
            found_by(&options)
        } else {
            subject
        };
        let enrich = options.get("enrich").cloned().unwrap_or_default();
        let embeds = match subject {
            _ if change == Change::Matched => subject.kind().map_or_else(Embeds::default, |kind| {
                any_embeds(
                    kind.entity(),
                    Option::<AnyEmbed>::from_json(enrich).as_ref(),
                )
            }),
            Subject::Party(_) => Embeds::from(&Option::<PartyEmbed>::from_json(enrich)),
            Subject::Opportunity => Embeds::from(&Option::<OpportunityEmbed>::from_json(enrich)),
            Subject::Project => Embeds::from(&Option::<ProjectEmbed>::from_json(enrich)),
            _ => Embeds::default(),
        };
        Ok(Self {
            id: listener.id.clone(),
            trigger,
            subject,
            change,
            options,
            embeds,
            mode: listener.mode,
        })
    }

    /// Judges all of them.
    ///
    /// # Errors
    /// As [`new`](Self::new), and `invalid-input` for too many.
    pub(super) fn all(listeners: &[Listener]) -> Result<Vec<Self>, Error> {
        if listeners.len() > MOST_LISTENERS {
            return Err(Error::Permanent(PermanentError::InvalidInput(vec![
                violation(
                    "/listeners",
                    "range",
                    format!("at most {MOST_LISTENERS} listeners at a time"),
                ),
            ])));
        }
        listeners
            .iter()
            .enumerate()
            .map(|(index, listener)| Self::new(listener, &format!("/listeners/{index}")))
            .collect()
    }

    /// An option.
    pub(super) fn option(&self, key: &str) -> Option<&Value> {
        self.options.get(key).filter(|value| !value.is_null())
    }

    /// A condition of its filter. A saved filter is no such.
    pub(super) fn condition(&self, key: &str) -> Option<&Value> {
        self.option("filter")?
            .get(key)
            .filter(|value| !value.is_null())
    }

    /// A whole number among its options.
    pub(super) fn whole(&self, key: &str, default: i64) -> i64 {
        self.option(key).and_then(Value::as_i64).unwrap_or(default)
    }

    /// How many days before or after.
    pub(super) fn days(&self) -> i64 {
        let default = if self.change == Change::Stale { 30 } else { 7 };
        self.whole("days", default)
    }

    /// From when on something is the case, by the listener's own measure.
    pub(super) fn case(&self, record: &Value) -> Option<Seconds> {
        case(
            self.change,
            record,
            self.days(),
            self.whole("utcOffsetMinutes", 0),
        )
    }

    /// Whether a delivery is looked at again before an event is given. Deletions are, unless the listener says no.
    pub(super) fn verify(&self) -> bool {
        self.option("verify")
            .and_then(Value::as_bool)
            .unwrap_or(self.change == Change::Deleted && self.subject != Subject::User)
    }

    /// What a record must be read with: what its events carry, and what its filter judges by.
    pub(super) fn tokens(&self) -> Embeds {
        let mut embeds = self.embeds.clone();
        if self.condition("tag").is_some() {
            embeds = embeds.with("tags");
        }
        if self
            .condition("fields")
            .and_then(Value::as_object)
            .is_some_and(|fields| !fields.is_empty())
        {
            embeds = embeds.with("fields");
        }
        embeds
    }

    /// Capsule's events that it needs a hook for.
    pub(super) fn hooks(&self) -> Vec<&str> {
        match self.change {
            Change::Sent => {
                let events = self.option("events").and_then(Value::as_array);
                let asked = events.into_iter().flatten().filter_map(Value::as_str);
                let known = asked.filter(|event| self.trigger.hooks.contains(event));
                known.collect()
            }
            _ => self.trigger.hooks.to_vec(),
        }
    }

    /// Whether an event of Capsule concerns it, and whether that names the very change.
    pub(super) fn concerned_by(&self, event: &str) -> Option<bool> {
        if self.hooks().contains(&event) {
            let derived = matches!(self.change, Change::Closed | Change::Won | Change::Lost)
                && !event.ends_with("/closed");
            return Some(!derived);
        }
        // Any record of an opportunity tells whether it is closed.
        let derived = self.subject == Subject::Opportunity
            && matches!(self.change, Change::Closed | Change::Won | Change::Lost)
            && event.starts_with("opportunity/")
            && !event.ends_with("/deleted");
        derived.then_some(false)
    }
}

/// What a saved filter finds.
fn found_by(options: &Value) -> Subject {
    let entity = options.get("entity").cloned().unwrap_or_default();
    match EntityName::from_json(entity) {
        EntityName::Parties => Subject::Party(None),
        EntityName::Opportunities => Subject::Opportunity,
        EntityName::Projects => Subject::Project,
    }
}

/// The trigger of an id.
///
/// # Errors
/// `unsupported` that names the nearest.
pub(super) fn known(id: &str) -> Result<&'static Trigger, Error> {
    trigger(id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    let ids = TRIGGERS
        .iter()
        .flat_map(|trigger| trigger.aliases.iter().copied().chain([trigger.id]));
    let near = nearest(id, ids, 3);
    let way_out = way_out(&near, "catalog.triggers lists what there is.");
    unsupported(format!("There is no trigger `{}`. {way_out}", brief(id)))
}
