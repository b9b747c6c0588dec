//! People.

use super::party::{self, Upsert};
use crate::api::{Client, invalid};
use crate::bindings::capsule::crm::types::{
    FindParties, NewPerson, Party, PartyPage, PersonUpdate, PersonUpsert, UpsertedParty,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Checked;

/// Create a person.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, `incomplete` after an employer was created, and what sending gives.
pub async fn create(client: &Client, input: NewPerson) -> Result<Party, Error> {
    named(&input, "")?;
    party::create(client, &input.into(), "").await
}

/// Change a person.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, `incomplete` after an employer was created or for an organisation, and what sending gives.
pub async fn update(client: &Client, input: PersonUpdate) -> Result<Party, Error> {
    party::update(client, &input.into()).await
}

/// Find people.
///
/// # Errors
/// `invalid-input`, `stale-cursor`, and what sending gives.
pub async fn find(client: &Client, input: FindParties) -> Result<Checked<PartyPage>, Error> {
    party::find(client, "person", &input).await
}

/// Change a person, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after an employer was created, and
/// what sending gives.
pub async fn upsert(client: &Client, input: PersonUpsert) -> Result<UpsertedParty, Error> {
    recognise(client, input, true).await
}

/// Find a person, or create one.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `too-large` for more matches than can be looked at, `incomplete` after an employer was created, and
/// what sending gives.
pub async fn find_or_create(client: &Client, input: PersonUpsert) -> Result<UpsertedParty, Error> {
    recognise(client, input, false).await
}

/// Finds one, and creates it if there is none; one that is there is changed or left as it is.
async fn recognise(
    client: &Client,
    input: PersonUpsert,
    change: bool,
) -> Result<UpsertedParty, Error> {
    named(&input.person, "/person")?;
    let several = input.several_or_default();
    let draft = input.person.into();
    party::upsert(
        client,
        &Upsert {
            match_by: &input.match_by,
            several,
            draft,
            at: "/person",
            change,
        },
    )
    .await
}

/// One of the names is enough, and one must be there (API reference 3.1).
fn named(person: &NewPerson, at: &str) -> Result<(), Error> {
    let given = |name: &Option<String>| name.as_deref().is_some_and(|name| !name.trim().is_empty());
    if given(&person.first_name) || given(&person.last_name) {
        Ok(())
    } else {
        Err(invalid(
            format!("{at}/lastName"),
            "required",
            "a person needs `firstName` or `lastName`",
        ))
    }
}
