//! Projects, formerly called cases.

use super::deal::{self, Move, Upsert};
use super::deletion::gone;
use super::filter::filtered;
use super::read::{self, deleted};
use crate::api::{Client, Span};
use crate::bindings::capsule::crm::types::{
    ContactOutcome, DeletedPage, Deletion, EntryPage, FilterProjects, GetProject, GetProjects,
    ListDeletedRecords, ListOfEntries, ListOfParties, ListProjects, MoveProject, NewProject,
    PartyPage, Project, ProjectContact, ProjectPage, ProjectUpdate, ProjectUpsert, ProjectsById,
    SearchProjects, UpsertedProject,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Listed};
use crate::model::{Embeds, Kind};

/// Create a project.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, `incomplete` after it was created, and what sending gives.
pub async fn create(client: &Client, input: NewProject) -> Result<Checked<Project>, Error> {
    deal::create(client, &input.into(), "").await
}

/// Change a project.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, and what sending gives.
pub async fn update(client: &Client, input: ProjectUpdate) -> Result<Checked<Project>, Error> {
    deal::update(client, &input.into()).await
}

/// Read a project.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetProject) -> Result<Checked<Project>, Error> {
    deal::get(client, Kind::Project, input.id, &Embeds::from(&input.embed)).await
}

/// Read several projects.
///
/// # Errors
/// What sending gives. An id that does not exist is no error.
pub async fn get_many(client: &Client, input: GetProjects) -> Result<Checked<ProjectsById>, Error> {
    read::get_many(
        client,
        Kind::Project,
        &input.ids,
        &Embeds::from(&input.embed),
    )
    .await
}

/// List projects.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListProjects) -> Result<Listed<ProjectPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let since = input.since.as_deref();
    deal::list_all(
        client,
        Kind::Project,
        since,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// Search projects.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn search(client: &Client, input: SearchProjects) -> Result<Listed<ProjectPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    deal::search(
        client,
        Kind::Project,
        &input.q,
        &Embeds::from(&input.embed),
        span,
    )
    .await
}

/// Filter projects.
///
/// # Errors
/// `invalid-input` for a field that is not known or an operator that does not fit it, before anything is sent; for a name that nothing
/// has; `stale-cursor`; and what sending gives.
pub async fn filter(client: &Client, input: FilterProjects) -> Result<Listed<ProjectPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let embeds = Embeds::from(&input.embed);
    let wanted = (&*input.conditions, &*input.order_by);
    filtered(client, Kind::Project, wanted, &embeds, span).await
}

/// Delete a project.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &[Kind::Project.entity().path()], id).await
}

/// List deleted projects.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_deleted(
    client: &Client,
    input: ListDeletedRecords,
) -> Result<Checked<DeletedPage>, Error> {
    deleted(client, Kind::Project.entity(), &input).await
}

/// Change a project, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after it was created, and what sending
/// gives.
pub async fn upsert(
    client: &Client,
    input: ProjectUpsert,
) -> Result<Checked<UpsertedProject>, Error> {
    recognise(client, input, true).await
}

/// Find a project, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after it was created, and what sending
/// gives.
pub async fn find_or_create(
    client: &Client,
    input: ProjectUpsert,
) -> Result<Checked<UpsertedProject>, Error> {
    recognise(client, input, false).await
}

/// Finds one, and creates it if there is none; one that is there is changed or left as it is.
async fn recognise(
    client: &Client,
    input: ProjectUpsert,
    change: bool,
) -> Result<Checked<UpsertedProject>, Error> {
    let several = input.several_or_default();
    let wanted = Upsert {
        match_by: input.match_by,
        several,
        draft: input.project.into(),
        at: "/project",
        change,
    };
    deal::upsert(client, &wanted).await
}

/// List the additional parties of a project.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_parties(
    client: &Client,
    input: ListOfParties,
) -> Result<Listed<PartyPage>, Error> {
    deal::list_parties(client, Kind::Project, &input).await
}

/// Add a party to a project.
///
/// # Errors
/// `not-found`, and what sending gives. One that is there already is a success.
pub async fn add_party(client: &Client, input: ProjectContact) -> Result<ContactOutcome, Error> {
    deal::add_party(client, Kind::Project, input.id, input.party).await
}

/// Take a party away from a project.
///
/// # Errors
/// `not-found` for the project, and what sending gives. A party that is not there is a success.
pub async fn remove_party(client: &Client, input: ProjectContact) -> Result<ContactOutcome, Error> {
    deal::remove_party(client, Kind::Project, input.id, input.party).await
}

/// List the timeline of a project.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_entries(
    client: &Client,
    input: ListOfEntries,
) -> Result<Listed<EntryPage>, Error> {
    deal::list_entries(client, Kind::Project, &input).await
}

/// Move a project to a stage.
///
/// # Errors
/// `not-found`, `invalid-input` for a stage of another board unless told to, `ambiguous`, and what sending gives.
pub async fn move_(client: &Client, input: MoveProject) -> Result<Checked<Project>, Error> {
    let wanted = Move {
        kind: Kind::Project,
        id: input.id,
        way: input.board.as_ref(),
        step: &input.stage,
        across: input.across_boards,
        embeds: Embeds::from(&input.embed),
    };
    deal::shift(client, &wanted).await
}

/// Close a project.
///
/// # Errors
/// `not-found`, and what sending gives. One that is closed already is a success.
pub async fn close(client: &Client, input: GetProject) -> Result<Checked<Project>, Error> {
    deal::set_status(client, input.id, "CLOSED", Embeds::from(&input.embed)).await
}

/// Open a project again.
///
/// # Errors
/// `not-found`, and what sending gives. One that is open already is a success.
pub async fn reopen(client: &Client, input: GetProject) -> Result<Checked<Project>, Error> {
    deal::set_status(client, input.id, "OPEN", Embeds::from(&input.embed)).await
}
