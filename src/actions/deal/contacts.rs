//! Parties beside the main contact. Capsule refuses one that is there and one that is not (API reference 2.11): both are what was wanted.

use super::current;
use crate::actions::read::{Speller, counted};
use crate::api::{Call, Client, Span, is_not_found};
use crate::bindings::capsule::crm::types::{
    ContactOutcome, ContactState, ListOfParties, PartyPage,
};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::Listed;
use crate::model::{Embeds, Kind};

/// A page of them.
pub(in crate::actions) async fn list_parties(
    client: &Client,
    kind: Kind,
    input: &ListOfParties,
) -> Result<Listed<PartyPage>, Error> {
    let embeds = Embeds::from(&input.embed);
    let speller = Speller::new(client, Kind::Party, &embeds).await?;
    let call = Call::get(&[kind.entity().path(), &input.id.to_string(), "parties"]);
    let call = counted(call, &embeds);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    speller.listed(client, &call, "parties", span).await
}

/// Adds one. It is there afterwards, so repeating is safe.
pub(in crate::actions) async fn add_party(
    client: &Client,
    kind: Kind,
    id: u64,
    party: u64,
) -> Result<ContactOutcome, Error> {
    let (record, other) = (id.to_string(), party.to_string());
    // No body is wanted (API reference 3.2).
    let call = Call::post(&[kind.entity().path(), &record, "parties", &other]).repeatable();
    let state = match client.send(&call).await {
        Ok(_) => ContactState::Added,
        Err(error) if says(&error, " already ") => ContactState::AlreadyThere,
        Err(error) => return Err(error),
    };
    Ok(ContactOutcome { id, party, state })
}

/// Takes one away.
pub(in crate::actions) async fn remove_party(
    client: &Client,
    kind: Kind,
    id: u64,
    party: u64,
) -> Result<ContactOutcome, Error> {
    let (record, other) = (id.to_string(), party.to_string());
    let call = Call::delete(&[kind.entity().path(), &record, "parties", &other]);
    let state = match client.send(&call).await {
        Ok(_) => ContactState::Removed,
        Err(error) if is_not_found(&error) || says(&error, "not found") => {
            // It may be the record itself that is not there.
            current(client, kind, id, &Embeds::default()).await?;
            ContactState::AlreadyGone
        }
        Err(error) => return Err(error),
    };
    Ok(ContactOutcome { id, party, state })
}

/// Capsule refused the input with such words.
fn says(error: &Error, words: &str) -> bool {
    let Error::Permanent(PermanentError::InvalidInput(violations)) = error else {
        return false;
    };
    violations.iter().any(|one| one.message.contains(words))
}
