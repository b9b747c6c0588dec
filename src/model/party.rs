//! Parties to create and to change: what people and organisations have in common.

use crate::bindings::capsule::crm::types::{
    Address, AddressChanges, EmailAddress, EmailChanges, FieldChange, FieldEntry, NewOrganisation,
    NewPerson, OrganisationUpdate, Party, PartyEmbed, PersonUpdate, PhoneChanges, PhoneNumber, Ref,
    RefChange, TagChanges, TextChange, Website, WebsiteChanges,
};

/// A party to create, or to bring about.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// `person` or `organisation`.
    pub(crate) kind: &'static str,
    /// Texts by Capsule's name.
    pub(crate) texts: Vec<(&'static str, Option<String>)>,
    pub(crate) organisation: Option<Ref>,
    pub(crate) email_addresses: Vec<EmailAddress>,
    pub(crate) phone_numbers: Vec<PhoneNumber>,
    pub(crate) websites: Vec<Website>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) tags: Vec<Ref>,
    pub(crate) fields: Vec<FieldChange>,
    pub(crate) owner: Option<Ref>,
    pub(crate) team: Option<Ref>,
    pub(crate) embed: Option<PartyEmbed>,
}

impl Draft {
    /// The whole name, if there is one.
    pub(crate) fn name(&self) -> Option<String> {
        let text = |wanted: &str| {
            self.texts
                .iter()
                .find(|(key, _)| *key == wanted)
                .and_then(|(_, text)| text.as_deref())
        };
        joined(text("name"), text("firstName"), text("lastName"))
    }
}

impl From<NewPerson> for Draft {
    fn from(person: NewPerson) -> Self {
        Self {
            kind: "person",
            texts: vec![
                ("firstName", person.first_name),
                ("lastName", person.last_name),
                ("title", person.title),
                ("jobTitle", person.job_title),
                ("about", person.about),
            ],
            organisation: person.organisation,
            email_addresses: person.email_addresses,
            phone_numbers: person.phone_numbers,
            websites: person.websites,
            addresses: person.addresses,
            tags: person.tags,
            fields: set(person.fields),
            owner: person.owner,
            team: person.team,
            embed: person.embed,
        }
    }
}

impl From<NewOrganisation> for Draft {
    fn from(organisation: NewOrganisation) -> Self {
        Self {
            kind: "organisation",
            texts: vec![
                ("name", Some(organisation.name)),
                ("about", organisation.about),
            ],
            organisation: None,
            email_addresses: organisation.email_addresses,
            phone_numbers: organisation.phone_numbers,
            websites: organisation.websites,
            addresses: organisation.addresses,
            tags: organisation.tags,
            fields: set(organisation.fields),
            owner: organisation.owner,
            team: organisation.team,
            embed: organisation.embed,
        }
    }
}

/// Fields to write are changes of which none clears.
pub(super) fn set(fields: Vec<FieldEntry>) -> Vec<FieldChange> {
    fields
        .into_iter()
        .map(|entry| FieldChange {
            definition: entry.definition,
            value: Some(entry.value),
        })
        .collect()
}

/// A change of a party.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    pub(crate) id: u64,
    /// `person` or `organisation`.
    pub(crate) kind: &'static str,
    /// Texts by Capsule's name.
    pub(crate) texts: Vec<(&'static str, Option<TextChange>)>,
    pub(crate) organisation: Option<RefChange>,
    pub(crate) email_addresses: Option<EmailChanges>,
    pub(crate) phone_numbers: Option<PhoneChanges>,
    pub(crate) websites: Option<WebsiteChanges>,
    pub(crate) addresses: Option<AddressChanges>,
    pub(crate) tags: Option<TagChanges>,
    pub(crate) fields: Vec<FieldChange>,
    pub(crate) owner: Option<RefChange>,
    pub(crate) team: Option<RefChange>,
    pub(crate) embed: Option<PartyEmbed>,
}

impl From<PersonUpdate> for Patch {
    fn from(update: PersonUpdate) -> Self {
        Self {
            id: update.id,
            kind: "person",
            texts: vec![
                ("firstName", update.first_name),
                ("lastName", update.last_name),
                ("title", update.title),
                ("jobTitle", update.job_title),
                ("about", update.about),
            ],
            organisation: update.organisation,
            email_addresses: update.email_addresses,
            phone_numbers: update.phone_numbers,
            websites: update.websites,
            addresses: update.addresses,
            tags: update.tags,
            fields: update.fields,
            owner: update.owner,
            team: update.team,
            embed: update.embed,
        }
    }
}

impl From<OrganisationUpdate> for Patch {
    fn from(update: OrganisationUpdate) -> Self {
        Self {
            id: update.id,
            kind: "organisation",
            texts: vec![
                ("name", update.name.map(TextChange::Set)),
                ("about", update.about),
            ],
            organisation: None,
            email_addresses: update.email_addresses,
            phone_numbers: update.phone_numbers,
            websites: update.websites,
            addresses: update.addresses,
            tags: update.tags,
            fields: update.fields,
            owner: update.owner,
            team: update.team,
            embed: update.embed,
        }
    }
}

/// The whole name of a party.
pub(crate) fn full_name(party: &Party) -> Option<String> {
    joined(
        party.name.as_deref(),
        party.first_name.as_deref(),
        party.last_name.as_deref(),
    )
}

/// The whole name out of its parts, if there is one.
pub(crate) fn joined(
    name: Option<&str>,
    first: Option<&str>,
    last: Option<&str>,
) -> Option<String> {
    let parts: Vec<&str> = [name, first, last]
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
