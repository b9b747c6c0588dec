//! Changing a party.

use super::employer::{self, employer};
use super::write::{Write, half_done, other_kind};
use crate::actions::body::{put, put_id, put_list};
use crate::actions::faults::Faults;
use crate::actions::names::Names;
use crate::actions::read::{Speller, one};
use crate::actions::tagging;
use crate::api::{Call, Client, invalid, violation};
use crate::bindings::capsule::crm::types::{Party, Ref, RefChange};
use crate::bindings::integration::connector::types::{Error, Violation};
use crate::model::field::{Entity, FieldWrite};
use crate::model::{Embeds, Gone, Kind, Patch, Row, changed_rows, rows};
use serde_json::{Map, Value, json};

/// Changes a party. Reads it first only where the change depends on what is there.
pub(crate) async fn update(client: &Client, patch: &Patch) -> Result<Party, Error> {
    check(patch)?;
    let embeds = Embeds::from(&patch.embed);
    let id = patch.id.to_string();
    let names = Names::new(
        client,
        Entity::Parties,
        set(patch.owner.as_ref()),
        set(patch.team.as_ref()),
        &patch.fields,
        "",
    )
    .await?;
    let speller = Speller::new(client, Kind::Party, &embeds).await?;
    let mut body = Map::new();
    for (key, change) in &patch.texts {
        put(&mut body, key, change.clone());
    }
    for (key, change, id) in [
        ("owner", &patch.owner, names.owner),
        ("team", &patch.team, names.team),
    ] {
        match change {
            Some(RefChange::Clear) => drop(body.insert(key.into(), Value::Null)),
            _ => put_id(&mut body, key, id),
        }
    }
    put_list(
        &mut body,
        "fields",
        names.fields.iter().map(FieldWrite::body).collect(),
    );
    let current = current(client, patch, &id).await?;
    if let Some(current) = &current {
        put_changed_rows(&mut body, patch, current)?;
    }
    let known = current
        .as_ref()
        .and_then(|current| current.tags.as_deref())
        .unwrap_or_default();
    let of_tags = match &patch.tags {
        Some(change) => tagging::changed(change, &names.data_tags, known),
        None => tagging::added(&names.data_tags, known),
    };
    put_list(&mut body, "tags", of_tags);
    let employer = employer(client, set(patch.organisation.as_ref()), "").await?;
    match &patch.organisation {
        Some(RefChange::Clear) => drop(body.insert("organisation".into(), Value::Null)),
        _ => put_id(
            &mut body,
            "organisation",
            employer.as_ref().map(|employer| employer.id),
        ),
    }
    if body.is_empty() {
        let party: Party = speller
            .send(
                client,
                &Call::get(&["parties", &id]).embed(&embeds.tokens),
                "party",
            )
            .await?;
        return of_kind(party, patch.kind);
    }
    let addresses = match &patch.addresses {
        None => (&[][..], ""),
        Some(change) => match &change.replace {
            Some(all) => (all.as_slice(), "/addresses/replace"),
            None => (change.merge.as_slice(), "/addresses/merge"),
        },
    };
    let call = Call::change(&["parties", &id], json!({ "party": body })).embed(&embeds.tokens);
    let write = Write {
        call,
        speller: &speller,
        employer: employer.as_ref(),
        at: "",
        addresses,
    };
    let party = write.send(client).await?;
    if is_of(&party, patch.kind) {
        return Ok(party);
    }
    // It was not read before, and Capsule ignores what the other kind does not have.
    Err(half_done(
        &party,
        if patch.kind == "person" {
            "people.update"
        } else {
            "organisations.update"
        },
    ))
}

fn set(change: Option<&RefChange>) -> Option<&Ref> {
    match change {
        Some(RefChange::Set(wanted)) => Some(wanted),
        Some(RefChange::Clear) | None => None,
    }
}

/// What is wrong in a patch by itself.
fn check(patch: &Patch) -> Result<(), Error> {
    let mut faults = Faults::default();
    let mut alone = |name: &str, replace: bool, others: bool, beside: &str| {
        if replace && others {
            let message = format!("`replace` says all there is: it can't stand beside {beside}");
            faults.add(violation(format!("/{name}/replace"), "range", message));
        }
    };
    macro_rules! rows_alone {
        ($name:literal, $change:expr) => {
            if let Some(change) = $change {
                alone(
                    $name,
                    change.replace.is_some(),
                    !(change.merge.is_empty() && change.remove.is_empty()),
                    "`merge` or `remove`",
                );
            }
        };
    }
    rows_alone!("emailAddresses", &patch.email_addresses);
    rows_alone!("phoneNumbers", &patch.phone_numbers);
    rows_alone!("websites", &patch.websites);
    rows_alone!("addresses", &patch.addresses);
    if let Some(change) = &patch.tags {
        tagging::check_change(change, &mut faults);
    }
    faults.note(employer::check(set(patch.organisation.as_ref()), ""))?;
    faults.settle()
}

/// The party as it is, where the change depends on it: on its rows, on its tags, or, before an organisation may be created, on its kind.
async fn current(client: &Client, patch: &Patch, id: &str) -> Result<Option<Party>, Error> {
    let of_tags = patch
        .tags
        .as_ref()
        .is_some_and(|tags| !tags.remove.is_empty() || tags.replace.is_some());
    let of_rows = patch.email_addresses.is_some()
        || patch.phone_numbers.is_some()
        || patch.websites.is_some()
        || patch.addresses.is_some();
    let of_kind_alone = matches!(set(patch.organisation.as_ref()), Some(Ref::Name(_)));
    if !(of_tags || of_rows || of_kind_alone) {
        return Ok(None);
    }
    let embeds = if of_tags {
        Embeds::default().with("tags")
    } else {
        Embeds::default()
    };
    let party: Party = one(
        client,
        Call::get(&["parties", id]),
        "party",
        Kind::Party,
        &embeds,
    )
    .await?;
    of_kind(party, patch.kind).map(Some)
}

fn of_kind(party: Party, kind: &str) -> Result<Party, Error> {
    if is_of(&party, kind) {
        Ok(party)
    } else {
        Err(invalid("/id", "choice", other_kind(&party)))
    }
}

/// An answer that leaves the type out says nothing against it.
fn is_of(party: &Party, kind: &str) -> bool {
    party.type_.is_empty() || party.type_ == kind
}

/// Puts the rows that a patch changes.
fn put_changed_rows(
    body: &mut Map<String, Value>,
    patch: &Patch,
    current: &Party,
) -> Result<(), Error> {
    let mut faults = Faults::default();
    let mut put = |key: &str,
                   current: &[Row<'_>],
                   merge: &[Row<'_>],
                   remove: &[Row<'_>],
                   replace: Option<&[Row<'_>]>| {
        let (name, wanted, gone) = match replace {
            Some(all) => ("replace", all, Gone::Rest),
            None => ("merge", merge, Gone::Known(remove)),
        };
        match changed_rows(current, wanted, gone) {
            Ok(list) => put_list(body, key, list),
            Err(fault) => faults.add(Violation {
                pointer: format!("/{key}/{name}{}", fault.pointer),
                ..fault
            }),
        }
    };
    if let Some(change) = &patch.email_addresses {
        let remove: Vec<_> = change
            .remove
            .iter()
            .map(|address| Row::known_by("address", address))
            .collect();
        let replace = change.replace.as_deref().map(rows);
        put(
            "emailAddresses",
            &rows(&current.email_addresses),
            &rows(&change.merge),
            &remove,
            replace.as_deref(),
        );
    }
    if let Some(change) = &patch.phone_numbers {
        let remove: Vec<_> = change
            .remove
            .iter()
            .map(|number| Row::known_by("number", number))
            .collect();
        let replace = change.replace.as_deref().map(rows);
        put(
            "phoneNumbers",
            &rows(&current.phone_numbers),
            &rows(&change.merge),
            &remove,
            replace.as_deref(),
        );
    }
    if let Some(change) = &patch.websites {
        let remove: Vec<_> = change
            .remove
            .iter()
            .map(|address| Row::known_by("address", address))
            .collect();
        let replace = change.replace.as_deref().map(rows);
        put(
            "websites",
            &rows(&current.websites),
            &rows(&change.merge),
            &remove,
            replace.as_deref(),
        );
    }
    if let Some(change) = &patch.addresses {
        let replace = change.replace.as_deref().map(rows);
        put(
            "addresses",
            &rows(&current.addresses),
            &rows(&change.merge),
            &rows(&change.remove),
            replace.as_deref(),
        );
    }
    faults.settle()
}
