//! People and organisations alike.

use super::deletion::gone;
use super::filter::filtered;
use super::read::{self, deleted, one, page_of};
use super::timeline::entries;
use crate::api::{Call, Client, Span};
use crate::bindings::capsule::crm::types::{
    DeletedPage, Deletion, EntryPage, FilterParties, GetParties, GetParty, ListDeletedRecords,
    ListOfEntries, ListOfOpportunities, ListOfPeople, ListOfProjects, ListParties, OpportunityPage,
    PartiesById, Party, PartyPage, ProjectPage, SearchParties,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Listed};
use crate::model::field::Entity;
use crate::model::{Embeds, Kind};

/// Read a party.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetParty) -> Result<Checked<Party>, Error> {
    let call = Call::get(&["parties", &input.id.to_string()]);
    one(
        client,
        call,
        "party",
        Kind::Party,
        &Embeds::from(&input.embed),
    )
    .await
}

/// Read several parties.
///
/// # Errors
/// What sending gives. An id that does not exist is no error.
pub async fn get_many(client: &Client, input: GetParties) -> Result<Checked<PartiesById>, Error> {
    let embeds = Embeds::from(&input.embed);
    read::get_many(client, Kind::Party, &input.ids, &embeds).await
}

/// List parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListParties) -> Result<Listed<PartyPage>, Error> {
    let mut call = Call::get(&["parties"]);
    if let Some(since) = &input.since {
        call = call.with("since", since.as_str());
    }
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await
}

/// Search parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn search(client: &Client, input: SearchParties) -> Result<Listed<PartyPage>, Error> {
    let call = Call::get(&["parties", "search"]).with("q", input.q.as_str());
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await
}

/// Filter parties.
///
/// # Errors
/// `invalid-input` for a field that is not known or an operator that does not fit it, before anything is sent; for a name that nothing
/// has; `stale-cursor`; and what sending gives.
pub async fn filter(client: &Client, input: FilterParties) -> Result<Listed<PartyPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let wanted = (&*input.conditions, &*input.order_by);
    filtered(
        client,
        Kind::Party,
        wanted,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// Delete a party.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &["parties"], id).await
}

/// List deleted parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_deleted(
    client: &Client,
    input: ListDeletedRecords,
) -> Result<Checked<DeletedPage>, Error> {
    deleted(client, Entity::Parties, &input).await
}

/// List the people of an organisation.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_people(client: &Client, input: ListOfPeople) -> Result<Listed<PartyPage>, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "people"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await
}

/// List the opportunities of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_opportunities(
    client: &Client,
    input: ListOfOpportunities,
) -> Result<Listed<OpportunityPage>, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "opportunities"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    page_of(
        client,
        call,
        Kind::Opportunity,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// List the projects of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_projects(
    client: &Client,
    input: ListOfProjects,
) -> Result<Listed<ProjectPage>, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "kases"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    page_of(
        client,
        call,
        Kind::Project,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// List the timeline of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_entries(
    client: &Client,
    input: ListOfEntries,
) -> Result<Listed<EntryPage>, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "entries"]);
    entries(
        client,
        call,
        input.limit_or_default(),
        input.cursor.as_ref(),
    )
    .await
}
