//! Organisations.

use super::party::{self, Upsert};
use crate::api::{Client, invalid};
use crate::bindings::capsule::crm::types::{
    FindParties, NewOrganisation, OrganisationUpdate, OrganisationUpsert, Party, PartyPage,
    UpsertedParty,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Checked;

/// Create an organisation.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, and what sending gives.
pub async fn create(client: &Client, input: NewOrganisation) -> Result<Party, Error> {
    named(&input.name, "/name")?;
    party::create(client, &input.into(), "").await
}

/// Change an organisation.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, `incomplete` for a person, and what sending gives.
pub async fn update(client: &Client, input: OrganisationUpdate) -> Result<Party, Error> {
    if let Some(name) = &input.name {
        named(name, "/name")?;
    }
    party::update(client, &input.into()).await
}

/// Find organisations.
///
/// # Errors
/// `invalid-input`, `stale-cursor`, and what sending gives.
pub async fn find(client: &Client, input: FindParties) -> Result<Checked<PartyPage>, Error> {
    party::find(client, "organisation", &input).await
}

/// Change an organisation, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, and what sending gives.
pub async fn upsert(client: &Client, input: OrganisationUpsert) -> Result<UpsertedParty, Error> {
    recognise(client, input, true).await
}

/// Find an organisation, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, and what sending gives.
pub async fn find_or_create(
    client: &Client,
    input: OrganisationUpsert,
) -> Result<UpsertedParty, Error> {
    recognise(client, input, false).await
}

/// Finds one, and creates it if there is none; one that is there is changed or left as it is.
async fn recognise(
    client: &Client,
    input: OrganisationUpsert,
    change: bool,
) -> Result<UpsertedParty, Error> {
    named(&input.organisation.name, "/organisation/name")?;
    let several = input.several_or_default();
    let draft = input.organisation.into();
    party::upsert(
        client,
        &Upsert {
            match_by: &input.match_by,
            several,
            draft,
            at: "/organisation",
            change,
        },
    )
    .await
}

fn named(name: &str, pointer: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        Err(invalid(pointer, "required", "an organisation needs a name"))
    } else {
        Ok(())
    }
}
