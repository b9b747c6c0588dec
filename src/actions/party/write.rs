//! Sending a change of a party, and telling what came of it.

use super::employer::Employer;
use crate::actions::faults::reason;
use crate::actions::read::Speller;
use crate::api::{Call, Client, incomplete, violation};
use crate::bindings::capsule::crm::types::{Address, Party};
use crate::bindings::integration::connector::types::{Error, Fault, PermanentError, Violation};
use crate::contract::{brief, nearest};
use crate::model::same;
use serde_json::{Value, json};

/// A change that is ready to be sent.
pub(super) struct Write<'a> {
    pub(super) call: Call,
    pub(super) speller: &'a Speller,
    pub(super) employer: Option<&'a Employer>,
    /// Where the caller's input holds the party.
    pub(super) at: &'a str,
    /// Addresses that are sent, and where the caller's input holds them.
    pub(super) addresses: (&'a [Address], &'a str),
}

impl Write<'_> {
    /// Sends it.
    pub(super) async fn send(&self, client: &Client) -> Result<Party, Error> {
        match self.speller.send(client, &self.call, "party").await {
            Ok(party) => Ok(party),
            Err(error) => {
                let error = self.explain(client, error).await;
                Err(match self.employer {
                    Some(employer) if employer.created => stopped(error, employer.id),
                    _ => error,
                })
            }
        }
    }

    /// Makes Capsule's refusal point into the caller's input, and names the nearest country where that is what is wrong.
    async fn explain(&self, client: &Client, error: Error) -> Error {
        let Error::Permanent(PermanentError::InvalidInput(mut violations)) = error else {
            return error;
        };
        for one in &mut violations {
            one.pointer.insert_str(0, self.at);
        }
        let of_country = |one: &Violation| one.message.contains("country");
        if violations.iter().any(of_country)
            && let Ok(countries) = client.countries().await
        {
            let unknown = self.unknown_countries(&countries);
            if !unknown.is_empty() {
                violations.retain(|one| !of_country(one));
                violations.extend(unknown);
            }
        }
        Error::Permanent(PermanentError::InvalidInput(violations))
    }

    fn unknown_countries(&self, countries: &[String]) -> Vec<Violation> {
        let (addresses, at) = self.addresses;
        let mut unknown = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let country = address.country.as_deref().unwrap_or_default();
            // API reference 3.1: Capsule takes this name too.
            if country.is_empty()
                || same(country, "USA")
                || countries.iter().any(|known| known == country)
            {
                continue;
            }
            let near = nearest(country, countries.iter().map(String::as_str), 3);
            let hint = if near.is_empty() {
                "Capsule wants the country's English name".into()
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            let message = format!("`{}` is no country of Capsule's; {hint}", brief(country));
            unknown.push(violation(
                format!("{}{at}/{index}/country", self.at),
                "vendor",
                message,
            ));
        }
        unknown
    }
}

/// The error of a call that had already created an organisation. What can be repeated stays as it is, because the organisation is found
/// again; the rest says what was done.
fn stopped(error: Error, organisation: u64) -> Error {
    let extra = |cause: &str| {
        json!({
            "done": [{"operation": "organisations.create", "id": organisation}],
            "continue": "mend the input and repeat the call: the organisation is found by its name",
            "error": cause,
        })
    };
    match error {
        Error::Transient(_) | Error::ExecutionFailed => error,
        Error::Permanent(PermanentError::OutcomeUnknown(fault)) => {
            Error::Permanent(PermanentError::OutcomeUnknown(Fault {
                message: format!(
                    "{} The organisation {organisation} was created before.",
                    fault.message
                ),
                extra: Some(extra(&fault.message).to_string()),
                ..fault
            }))
        }
        Error::Permanent(cause) => {
            let reason = reason(Error::Permanent(cause));
            incomplete(
                format!(
                    "The organisation {organisation} was created, the rest was not done: {reason}"
                ),
                &extra(&reason),
            )
        }
    }
}

/// Of a party that is of the other kind than the operation is for.
pub(super) fn other_kind(party: &Party) -> String {
    let operations = if party.type_ == "person" {
        "people"
    } else {
        "organisations"
    };
    format!(
        "the party {} is of the type {}; use {operations}.update",
        party.id,
        brief(&party.type_)
    )
}

/// What a change says that was done to a party of the other kind.
pub(super) fn half_done(party: &Party, operation: &str) -> Error {
    let message = other_kind(party);
    let extra: Value = json!({
        "done": [{"operation": operation, "id": party.id}],
        "continue": "nothing: what both kinds of party have was changed, the rest was ignored by Capsule",
        "error": message,
    });
    incomplete(
        format!("What both kinds of party have was changed, the rest was not: {message}"),
        &extra,
    )
}
