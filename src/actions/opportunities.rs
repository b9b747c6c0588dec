//! Opportunities.

use super::deal::{self, Move, Upsert};
use super::deletion::gone;
use super::filter::{filter as judged, filtered};
use super::read::{self, deleted, page_of};
use crate::api::{Call, Client, Span, record};
use crate::bindings::capsule::crm::types::{
    ContactOutcome, DeletedPage, Deletion, EntryPage, FilterOpportunities, GetOpportunities,
    GetOpportunity, ListDeletedRecords, ListOfEntries, ListOfParties, ListOfProjects,
    ListOpportunities, LoseOpportunity, MoveOpportunity, NewOpportunity, OpportunitiesById,
    Opportunity, OpportunityContact, OpportunityPage, OpportunityUpdate, OpportunityUpsert,
    PartyPage, ProjectPage, ReopenOpportunity, SearchOpportunities, TotalValue,
    UpsertedOpportunity, ValueOpportunities,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Listed};
use crate::model::{Embeds, Kind};
use serde_json::{Value, json};

/// Create an opportunity.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, `incomplete` after it was created, and what sending gives.
pub async fn create(client: &Client, input: NewOpportunity) -> Result<Checked<Opportunity>, Error> {
    deal::create(client, &input.into(), "").await
}

/// Change an opportunity.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, and what sending gives.
pub async fn update(
    client: &Client,
    input: OpportunityUpdate,
) -> Result<Checked<Opportunity>, Error> {
    deal::update(client, &input.into()).await
}

/// Read an opportunity.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetOpportunity) -> Result<Checked<Opportunity>, Error> {
    deal::get(
        client,
        Kind::Opportunity,
        input.id,
        &Embeds::from(&input.embed),
    )
    .await
}

/// Read several opportunities.
///
/// # Errors
/// What sending gives. An id that does not exist is no error.
pub async fn get_many(
    client: &Client,
    input: GetOpportunities,
) -> Result<Checked<OpportunitiesById>, Error> {
    read::get_many(
        client,
        Kind::Opportunity,
        &input.ids,
        &Embeds::from(&input.embed),
    )
    .await
}

/// List opportunities.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_all(
    client: &Client,
    input: ListOpportunities,
) -> Result<Listed<OpportunityPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let since = input.since.as_deref();
    deal::list_all(
        client,
        Kind::Opportunity,
        since,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// Search opportunities.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn search(
    client: &Client,
    input: SearchOpportunities,
) -> Result<Listed<OpportunityPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    deal::search(
        client,
        Kind::Opportunity,
        &input.q,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// Filter opportunities.
///
/// # Errors
/// `invalid-input` for a field that is not known or an operator that does not fit it, before anything is sent; for a name that nothing
/// has; `stale-cursor`; and what sending gives.
pub async fn filter(
    client: &Client,
    input: FilterOpportunities,
) -> Result<Listed<OpportunityPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let embeds = Embeds::from(&input.embed);
    let wanted = (&*input.conditions, &*input.order_by);
    filtered(client, Kind::Opportunity, wanted, &embeds, span).await
}

/// Delete an opportunity.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &[Kind::Opportunity.entity().path()], id).await
}

/// List deleted opportunities.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_deleted(
    client: &Client,
    input: ListDeletedRecords,
) -> Result<Checked<DeletedPage>, Error> {
    deleted(client, Kind::Opportunity.entity(), &input).await
}

/// Change an opportunity, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after it was created, and what sending
/// gives.
pub async fn upsert(
    client: &Client,
    input: OpportunityUpsert,
) -> Result<Checked<UpsertedOpportunity>, Error> {
    recognise(client, input, true).await
}

/// Find an opportunity, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after it was created, and what sending
/// gives.
pub async fn find_or_create(
    client: &Client,
    input: OpportunityUpsert,
) -> Result<Checked<UpsertedOpportunity>, Error> {
    recognise(client, input, false).await
}

/// Finds one, and creates it if there is none; one that is there is changed or left as it is.
async fn recognise(
    client: &Client,
    input: OpportunityUpsert,
    change: bool,
) -> Result<Checked<UpsertedOpportunity>, Error> {
    let several = input.several_or_default();
    let wanted = Upsert {
        match_by: input.match_by,
        several,
        draft: input.opportunity.into(),
        at: "/opportunity",
        change,
    };
    deal::upsert(client, &wanted).await
}

/// List the additional parties of an opportunity.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_parties(
    client: &Client,
    input: ListOfParties,
) -> Result<Listed<PartyPage>, Error> {
    deal::list_parties(client, Kind::Opportunity, &input).await
}

/// Add a party to an opportunity.
///
/// # Errors
/// `not-found`, and what sending gives. One that is there already is a success.
pub async fn add_party(
    client: &Client,
    input: OpportunityContact,
) -> Result<ContactOutcome, Error> {
    deal::add_party(client, Kind::Opportunity, input.id, input.party).await
}

/// Take a party away from an opportunity.
///
/// # Errors
/// `not-found` for the opportunity, and what sending gives. A party that is not there is a success.
pub async fn remove_party(
    client: &Client,
    input: OpportunityContact,
) -> Result<ContactOutcome, Error> {
    deal::remove_party(client, Kind::Opportunity, input.id, input.party).await
}

/// List the timeline of an opportunity.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_entries(
    client: &Client,
    input: ListOfEntries,
) -> Result<Listed<EntryPage>, Error> {
    deal::list_entries(client, Kind::Opportunity, &input).await
}

/// Move an opportunity to a milestone.
///
/// # Errors
/// `not-found`, `invalid-input` for a milestone of another pipeline unless told to, `ambiguous`, and what sending gives.
pub async fn move_(client: &Client, input: MoveOpportunity) -> Result<Checked<Opportunity>, Error> {
    let wanted = Move {
        kind: Kind::Opportunity,
        id: input.id,
        way: input.pipeline.as_ref(),
        step: &input.milestone,
        across: input.across_pipelines,
        embeds: Embeds::from(&input.embed),
    };
    deal::shift(client, &wanted).await
}

/// Win an opportunity.
///
/// # Errors
/// `not-found`, `invalid-input` where its pipeline has no such milestone, and what sending gives. One that is won already is a success.
pub async fn win(client: &Client, input: GetOpportunity) -> Result<Checked<Opportunity>, Error> {
    deal::win(client, input.id, Embeds::from(&input.embed)).await
}

/// Lose an opportunity.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for the reason, `invalid-input` where its pipeline has no such milestone, and what sending
/// gives. One that is lost already is a success.
pub async fn lose(client: &Client, input: LoseOpportunity) -> Result<Checked<Opportunity>, Error> {
    let embeds = Embeds::from(&input.embed);
    deal::lose(client, input.id, input.reason.as_ref(), embeds).await
}

/// Open an opportunity again.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for the milestone, and what sending gives. One that is open already is a success.
pub async fn reopen(
    client: &Client,
    input: ReopenOpportunity,
) -> Result<Checked<Opportunity>, Error> {
    let embeds = Embeds::from(&input.embed);
    deal::reopen(client, input.id, input.milestone.as_ref(), embeds).await
}

/// List the projects of an opportunity.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_projects(
    client: &Client,
    input: ListOfProjects,
) -> Result<Listed<ProjectPage>, Error> {
    let call = Call::get(&["opportunities", &input.id.to_string(), "kases"]);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let embeds = Embeds::from(&input.embed);
    page_of(client, call, Kind::Project, &embeds, span).await
}

/// Sum up opportunities.
///
/// # Errors
/// `invalid-input` for a field that is not known or an operator that does not fit it, before anything is sent; for a name that nothing
/// has; and what sending gives.
pub async fn get_total_value(
    client: &Client,
    input: ValueOpportunities,
) -> Result<Checked<TotalValue>, Error> {
    let entity = Kind::Opportunity.entity();
    let filter = judged(client, entity, &input.conditions, &[]).await?;
    // Not documented, used by the vendor's own client (API reference 3.2).
    let call = Call::ask(
        &["opportunities", "value"],
        json!({ "filter": filter.body }),
    );
    let answer = client.send(&call).await?;
    let body = answer.body;
    let total = body.get("totalValue").and_then(Value::as_f64);
    if total.unwrap_or_default() == 0.0 {
        filter.explain(client, entity).await?;
    }
    let part = |key: &str| body.get(key).cloned().unwrap_or_default();
    let total = json!({
        "total": part("totalValue"),
        "projected": part("projectedValue"),
        "currency": body.get("meta").and_then(|meta| meta.get("currency")),
    });
    record(&call, answer.status, total)
}
