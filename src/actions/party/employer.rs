//! The organisation that a person works for.

use super::find::{Wanted, candidates, several};
use crate::actions::read::one;
use crate::api::{Call, Client, invalid};
use crate::bindings::capsule::crm::types::{Party, Ref};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::model::{Embeds, Kind};
use serde_json::json;

/// A person's employer.
pub(super) struct Employer {
    pub(super) id: u64,
    /// It was created by this call.
    pub(super) created: bool,
}

/// Takes note of a name that is empty: before anything is sent.
pub(super) fn check(wanted: Option<&Ref>, at: &str) -> Result<(), Error> {
    match wanted {
        Some(Ref::Name(name)) if name.trim().is_empty() => Err(invalid(
            format!("{at}/organisation"),
            "required",
            "the organisation's name is empty",
        )),
        _ => Ok(()),
    }
}

/// The employer by id or by name; a name that is unknown is created. Repeating that is safe, because it is looked for first.
pub(super) async fn employer(
    client: &Client,
    wanted: Option<&Ref>,
    at: &str,
) -> Result<Option<Employer>, Error> {
    let name = match wanted {
        None => return Ok(None),
        Some(Ref::Id(id)) => {
            return Ok(Some(Employer {
                id: *id,
                created: false,
            }));
        }
        Some(Ref::Name(name)) => name.trim(),
    };
    let pointer = format!("{at}/organisation");
    let found = candidates(
        client,
        "organisation",
        &Wanted::Name(name.to_owned()),
        &Embeds::default(),
        &pointer,
    )
    .await?;
    match found.as_slice() {
        [only] => Ok(Some(Employer {
            id: only.id,
            created: false,
        })),
        [] => {
            let call = Call::create(
                &["parties"],
                json!({"party": {"type": "organisation", "name": name}}),
            )
            .repeatable();
            match one::<Party>(client, call, "party", Kind::Party, &Embeds::default()).await {
                Ok(made) => Ok(Some(Employer {
                    id: made.id,
                    created: true,
                })),
                // What Capsule says of the organisation is about this one field of the caller's.
                Err(Error::Permanent(PermanentError::InvalidInput(mut violations))) => {
                    for violation in &mut violations {
                        violation.pointer.clone_from(&pointer);
                    }
                    Err(Error::Permanent(PermanentError::InvalidInput(violations)))
                }
                Err(error) => Err(error),
            }
        }
        all => Err(several(pointer, all)),
    }
}
