//! The party model (API reference 3.1): what it holds, how a body changes it, how it looks.

use serde_json::{Map, Value, json};

use super::super::call::Embeds;
use super::super::entity::Entity;
use super::super::input::Input;
use super::super::nested::{merge_rows, render_rows};
use super::super::records::{Core, Record, nested};
use super::super::reply::{Refusal, Violations};
use super::super::state::State;
use super::super::table::Table;
use super::contact::{Address, EmailAddress, PhoneNumber, Website};

const RESOURCE: &str = "party";

/// A person or an organisation.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Party {
    pub(in super::super) core: Core,
    pub(in super::super) who: Who,
    pub(in super::super) about: Option<String>,
    pub(in super::super) addresses: Vec<Address>,
    pub(in super::super) phones: Vec<PhoneNumber>,
    pub(in super::super) emails: Vec<EmailAddress>,
    pub(in super::super) websites: Vec<Website>,
}

/// What the two kinds of party do not share.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Who {
    Person(Person),
    Organisation { name: String },
}

/// The attributes of a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Person {
    pub(in super::super) first_name: Option<String>,
    pub(in super::super) last_name: Option<String>,
    pub(in super::super) title: Option<String>,
    pub(in super::super) job_title: Option<String>,
    /// The employer.
    pub(in super::super) organisation: Option<u64>,
}

impl Person {
    /// First and last name in one.
    pub(in super::super) fn full_name(&self) -> String {
        let names = [self.first_name.as_deref(), self.last_name.as_deref()];
        names.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Party {
    /// A party without attributes.
    pub(in super::super) fn blank(core: Core, who: Who) -> Party {
        Party {
            core,
            who,
            about: None,
            addresses: Vec::new(),
            phones: Vec::new(),
            emails: Vec::new(),
            websites: Vec::new(),
        }
    }

    /// Gives spare memory back.
    pub(in super::super) fn shrink(&mut self) {
        self.addresses.shrink_to_fit();
        self.phones.shrink_to_fit();
        self.emails.shrink_to_fit();
        self.websites.shrink_to_fit();
        self.core.tags.shrink_to_fit();
        self.core.fields.shrink_to_fit();
    }

    /// `person` or `organisation`.
    pub(in super::super) fn kind(&self) -> &'static str {
        match self.who {
            Who::Person(_) => "person",
            Who::Organisation { .. } => "organisation",
        }
    }

    /// The name as people say it.
    pub(in super::super) fn name(&self) -> String {
        match &self.who {
            Who::Person(person) => person.full_name(),
            Who::Organisation { name } => name.clone(),
        }
    }

    /// The employer of a person.
    pub(in super::super) fn employer(&self) -> Option<u64> {
        match &self.who {
            Who::Person(person) => person.organisation,
            Who::Organisation { .. } => None,
        }
    }

    fn picture(&self) -> &'static str {
        match self.who {
            Who::Person(_) => "https://cdn.capsulecrm.com/images/person-avatar-70.png",
            Who::Organisation { .. } => {
                "https://cdn.capsulecrm.com/images/organisation-avatar-70.png"
            }
        }
    }

    /// Applies a body. On an error the party is half changed and must be thrown away.
    pub(super) fn merge(
        &mut self,
        body: &Map<String, Value>,
        state: &mut State,
    ) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        match input.value("type") {
            Some(Value::String(kind)) if kind == self.kind() => {}
            Some(Value::String(_)) => input.fault("type", "type cannot be changed"),
            Some(_) => input.fault("type", "type is required"),
            None => {}
        }
        match &mut self.who {
            Who::Organisation { name } => input.required_text("name", name),
            Who::Person(person) => {
                input.text("firstName", &mut person.first_name);
                input.text("lastName", &mut person.last_name);
                if person.full_name().trim().is_empty() {
                    input.fault("lastName", "firstName or lastName is required");
                }
                input.text("title", &mut person.title);
                let title = person.title.as_deref();
                if title
                    .is_some_and(|wanted| !state.titles.iter().any(|title| title.title == wanted))
                {
                    input.fault("title", "unknown title");
                }
                input.text("jobTitle", &mut person.job_title);
                let is_organisation = |id| {
                    state
                        .parties
                        .get(id)
                        .is_some_and(|party| party.kind() == "organisation")
                };
                input.reference_by_id(
                    "organisation",
                    "organisation",
                    &mut person.organisation,
                    is_organisation,
                );
            }
        }
        input.text("about", &mut self.about);
        self.core.merge_assignment(&mut input, state);
        merge_rows(
            &mut self.addresses,
            body,
            || state.new_row_id(),
            &mut violations,
        )?;
        merge_rows(
            &mut self.phones,
            body,
            || state.new_row_id(),
            &mut violations,
        )?;
        merge_rows(
            &mut self.emails,
            body,
            || state.new_row_id(),
            &mut violations,
        )?;
        merge_rows(
            &mut self.websites,
            body,
            || state.new_row_id(),
            &mut violations,
        )?;
        self.core
            .merge_fields(Entity::Party, body, state, &mut violations)?;
        violations.check()?;
        self.core.merge_tags(Entity::Party, body, state)
    }
}

impl Record for Party {
    const ENTITY: Entity = Entity::Party;

    fn table(state: &State) -> &Table<Party> {
        state.parties.table()
    }

    fn core(&self) -> &Core {
        &self.core
    }

    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let mut body = json!({
            "type": self.kind(),
            "about": self.about,
            "pictureURL": self.picture(),
            "enrichment": null,
            "phoneNumbers": render_rows(&self.phones),
            "addresses": render_rows(&self.addresses),
            "emailAddresses": render_rows(&self.emails),
            "websites": render_rows(&self.websites),
        });
        self.core
            .render_into(&mut body, Entity::Party, state, embeds);
        match &self.who {
            Who::Organisation { name } => body["name"] = json!(name),
            Who::Person(person) => {
                body["firstName"] = json!(person.first_name);
                body["lastName"] = json!(person.last_name);
                body["title"] = json!(person.title);
                body["jobTitle"] = json!(person.job_title);
                let whole = embeds.has("organisation");
                body["organisation"] = nested::<Party>(state, person.organisation, whole);
            }
        }
        body
    }

    fn mentions(&self, wanted: &str, state: &State) -> bool {
        let contains = |text: &str| text.to_lowercase().contains(wanted);
        let digits: String = wanted.chars().filter(char::is_ascii_digit).collect();
        let is_phone = digits.len() > 2
            && wanted
                .chars()
                .all(|c| c.is_ascii_digit() || "+-()./".contains(c));
        contains(&self.name())
            || self.emails.iter().any(|row| contains(&row.address))
            || self.phones.iter().any(|row| {
                contains(&row.number)
                    || is_phone
                        && row
                            .number
                            .chars()
                            .filter(char::is_ascii_digit)
                            .collect::<String>()
                            .contains(&digits)
            })
            || self
                .employer()
                .and_then(|id| state.parties.get(id))
                .is_some_and(|employer| contains(&employer.name()))
            || self.core.mentions(wanted)
    }

    fn reference(&self) -> Value {
        let mut body =
            json!({ "id": self.core.id, "type": self.kind(), "pictureURL": self.picture() });
        match &self.who {
            Who::Person(person) => {
                body["firstName"] = json!(person.first_name);
                body["lastName"] = json!(person.last_name);
            }
            Who::Organisation { name } => body["name"] = json!(name),
        }
        body
    }

    fn restricted(&self) -> Value {
        let mut body = json!({ "id": self.core.id, "type": self.kind(), "isRestricted": true });
        match self.who {
            Who::Person(_) => {
                body["firstName"] = Value::Null;
                body["lastName"] = json!("Private");
            }
            Who::Organisation { .. } => body["name"] = json!("Private"),
        }
        body
    }
}
