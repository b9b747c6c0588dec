//! People and organisations alike.

use super::party;
use super::read::{Speller, one, page_of};
use crate::api::{Call, Client, Span, record};
use crate::bindings::capsule::crm::types::{
    DeletedPage, DeletedRecord, Deletion, DeletionState, EntryPage, FilterParties, GetParties,
    GetParty, ListDeletedRecords, ListOfEntries, ListOfOpportunities, ListOfPeople, ListOfProjects,
    ListParties, OpportunityPage, PartiesById, Party, PartyPage, ProjectPage, SearchParties,
};
use crate::bindings::integration::connector::types::Error;
use crate::model::{Embeds, Kind};
use serde_json::{Value, json};

/// Most ids in one request (API reference 2.8).
const IDS_AT_ONCE: usize = 10;

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
    // Each id once, in the order of the caller. Few enough to look through.
    let mut wanted: Vec<u64> = Vec::with_capacity(input.ids.len());
    for id in input.ids {
        if !wanted.contains(&id) {
            wanted.push(id);
        }
    }
    let mut found: Vec<(u64, Value)> = Vec::new();
    // Capsule answers 404 if one of the ids is unknown (API reference 2.8): halve until the unknown ones stand alone.
    let mut batches: Vec<&[u64]> = wanted.chunks(IDS_AT_ONCE).rev().collect();
    let mut call = Call::get(&["parties"]);
    while let Some(ids) = batches.pop() {
        let list: Vec<String> = ids.iter().map(u64::to_string).collect();
        call = Call::get(&["parties", &list.join(",")]).embed(&embeds.tokens);
        match client.send(&call).await {
            Ok(mut answer) => {
                // One id alone is answered as one record.
                let rows = if ids.len() == 1 {
                    vec![answer.take(&call, "party")?]
                } else {
                    answer.rows(&call, "parties")?
                };
                for row in rows {
                    if let Some(id) = row.get("id").and_then(Value::as_u64) {
                        found.push((id, row));
                    }
                }
            }
            Err(error) if crate::api::is_not_found(&error) => {
                if ids.len() > 1 {
                    let (first, second) = ids.split_at(ids.len() / 2);
                    batches.extend([second, first]);
                }
            }
            Err(error) => return Err(error),
        }
    }
    let mut items = Vec::new();
    let mut missing = Vec::new();
    for id in wanted {
        match found.iter().position(|(found, _)| *found == id) {
            Some(at) => items.push(speller.read(&call, 200, found.swap_remove(at).1)?),
            None => missing.push(id),
        }
    }
    Ok(PartiesById { items, missing })
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
    let filter = party::filter(client, &input.conditions, &input.order_by).await?;
    let call = Call::ask(
        &["parties", "filters", "results"],
        json!({ "filter": filter }),
    );
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
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
    let state = match client
        .send(&Call::delete(&["parties", &id.to_string()]))
        .await
    {
        // 202: Capsule deletes in a job (API reference 2.2).
        Ok(answer) if answer.status == 202 => DeletionState::Scheduled,
        Ok(_) => DeletionState::Deleted,
        Err(error) if crate::api::is_not_found(&error) => DeletionState::AlreadyGone,
        Err(error) => return Err(error),
    };
    Ok(Deletion { id, state })
}

/// List deleted parties.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_deleted(
    client: &Client,
    input: ListDeletedRecords,
) -> Result<DeletedPage, Error> {
    let call = Call::get(&["parties", "deleted"]).with("since", input.since.as_str());
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = client.feed(&call, "parties", span).await?;
    let items = page
        .rows
        .into_iter()
        .map(|row| record::<DeletedRecord>(&call, 200, row))
        .collect::<Result<_, _>>()?;
    Ok(DeletedPage {
        items,
        next: page.next,
    })
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
    let span = Span::of_entries(input.limit_or_default(), input.cursor.as_ref());
    let page = client.page(&call, "entries", span).await?;
    let items = page
        .rows
        .into_iter()
        .map(|row| record(&call, 200, row))
        .collect::<Result<_, _>>()?;
    Ok(EntryPage {
        items,
        next: page.next,
        total: page.total,
    })
}
