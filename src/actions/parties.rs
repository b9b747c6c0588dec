//! People and organisations alike.

use super::deletion::gone;
use super::filter::filter as judged;
use super::read::{Speller, by_id, deleted, one, page_of};
use super::timeline::entries;
use crate::api::{Call, Client, Span};
use crate::bindings::capsule::crm::types::{
    DeletedPage, Deletion, EntryPage, FilterParties, GetParties, GetParty, ListDeletedRecords,
    ListOfEntries, ListOfOpportunities, ListOfPeople, ListOfProjects, ListParties, OpportunityPage,
    PartiesById, Party, PartyPage, ProjectPage, SearchParties,
};
use crate::bindings::integration::connector::types::Error;
use crate::model::field::Entity;
use crate::model::{Embeds, Kind};
use serde_json::json;

/// Read a party.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetParty) -> Result<Party, Error> {
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
pub async fn get_many(client: &Client, input: GetParties) -> Result<PartiesById, Error> {
    if input.ids.is_empty() {
        return Ok(PartiesById {
            items: Vec::new(),
            missing: Vec::new(),
        });
    }
    let embeds = Embeds::from(&input.embed);
    let speller = Speller::new(client, Kind::Party, &embeds).await?;
    let found = by_id(client, "parties", "party", &input.ids, &embeds.tokens).await?;
    let items = found
        .rows
        .into_iter()
        .map(|row| speller.read(&found.call, 200, row))
        .collect::<Result<_, _>>()?;
    Ok(PartiesById {
        items,
        missing: found.missing,
    })
}

/// List parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListParties) -> Result<PartyPage, Error> {
    let mut call = Call::get(&["parties"]);
    if let Some(since) = &input.since {
        call = call.with("since", since.as_str());
    }
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await?;
    Ok(PartyPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
}

/// Search parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn search(client: &Client, input: SearchParties) -> Result<PartyPage, Error> {
    let call = Call::get(&["parties", "search"]).with("q", input.q.as_str());
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await?;
    Ok(PartyPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
}

/// Filter parties.
///
/// # Errors
/// `invalid-input` for a field that is not known or an operator that does not fit it, before anything is sent; `stale-cursor`; and what
/// sending gives.
pub async fn filter(client: &Client, input: FilterParties) -> Result<PartyPage, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let filter = judged(client, Entity::Parties, &input.conditions, &input.order_by).await?;
    let call = Call::ask(
        &["parties", "filters", "results"],
        json!({ "filter": filter }),
    );
    let page = page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await?;
    Ok(PartyPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
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
) -> Result<DeletedPage, Error> {
    deleted(client, Entity::Parties, &input).await
}

/// List the people of an organisation.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_people(client: &Client, input: ListOfPeople) -> Result<PartyPage, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "people"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = page_of(client, call, Kind::Party, &Embeds::from(&input.embed), span).await?;
    Ok(PartyPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
}

/// List the opportunities of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_opportunities(
    client: &Client,
    input: ListOfOpportunities,
) -> Result<OpportunityPage, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "opportunities"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = page_of(
        client,
        call,
        Kind::Opportunity,
        &Embeds::from(&input.embed),
        span,
    )
    .await?;
    Ok(OpportunityPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
}

/// List the projects of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_projects(client: &Client, input: ListOfProjects) -> Result<ProjectPage, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "kases"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = page_of(
        client,
        call,
        Kind::Project,
        &Embeds::from(&input.embed),
        span,
    )
    .await?;
    Ok(ProjectPage {
        items: page.items,
        next: page.next,
        total: page.total,
    })
}

/// List the timeline of a party.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_entries(client: &Client, input: ListOfEntries) -> Result<EntryPage, Error> {
    let call = Call::get(&["parties", &input.id.to_string(), "entries"]);
    entries(
        client,
        call,
        input.limit_or_default(),
        input.cursor.as_ref(),
    )
    .await
}
