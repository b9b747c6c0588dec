//! Finding a party, and then changing or creating it.

use super::create;
use super::employer::employer;
use super::find::{Wanted, as_asked, candidates, dialled, filled, several};
use super::write::Write;
use crate::actions::body::{put_id, put_list};
use crate::actions::names::{Names, field_pointer};
use crate::actions::read::Speller;
use crate::actions::tagging;
use crate::api::{Call, Client, invalid};
use crate::bindings::capsule::crm::types::{
    MatchKey, Party, Ref, Several, UpsertAction, UpsertedParty,
};
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::Json;
use crate::model::field::Entity;
use crate::model::{Draft, Embeds, Gone, Kind, Row, changed_rows, rows, same, same_number};
use serde_json::{Map, Value, json};

/// How a caller wants a party to be recognised, and brought about.
pub(crate) struct Upsert<'a> {
    pub(crate) match_by: &'a [MatchKey],
    pub(crate) several: Several,
    pub(crate) draft: Draft,
    /// Where the caller's input holds the draft.
    pub(crate) at: &'static str,
    /// One that is there is changed; otherwise it is left as it is.
    pub(crate) change: bool,
}

/// Finds a party, and then changes or creates it.
pub(crate) async fn upsert(client: &Client, input: &Upsert<'_>) -> Result<UpsertedParty, Error> {
    let Upsert { draft, at, .. } = input;
    if input.match_by.is_empty() {
        let message =
            "say what to recognise the record by: `email`, `phone`, `name` or `{\"field\": ...}`";
        return Err(invalid("/matchBy", "required", message));
    }
    create::check(draft, at)?;
    let party = found(client, input).await?;
    // One that is left as it is needs no names.
    if let (Some(party), false) = (&party, input.change) {
        return Ok(unchanged(party.clone(), draft));
    }
    let names = Names::new(
        client,
        Entity::Parties,
        draft.owner.as_ref(),
        draft.team.as_ref(),
        &draft.fields,
        at,
    )
    .await?;
    if let Some(party) = party {
        return bring_about(client, party, draft, names, at).await;
    }
    let party = create::carry_out(client, draft, names, at, true).await?;
    Ok(UpsertedParty {
        action: UpsertAction::Created,
        party,
    })
}

/// The party that is meant, if there is one.
async fn found(client: &Client, input: &Upsert<'_>) -> Result<Option<Party>, Error> {
    // Tags and fields are compared, whether the caller asked for them or not.
    let embeds = Embeds::from(&input.draft.embed);
    let embeds = if input.change {
        embeds.with("tags").with("fields")
    } else {
        embeds
    };
    let mut looked = false;
    for (index, key) in input.match_by.iter().enumerate() {
        let mut found: Vec<Party> = Vec::new();
        for wanted in wanted_by(client, key, &input.draft, index, input.at).await? {
            looked = true;
            for party in candidates(
                client,
                input.draft.kind,
                &wanted,
                &embeds,
                &format!("/matchBy/{index}"),
            )
            .await?
            {
                // By id, which is by age (API reference 8).
                let place = found.partition_point(|one| one.id < party.id);
                if found.get(place).is_none_or(|one| one.id != party.id) {
                    found.insert(place, party);
                }
            }
        }
        match (found.len(), input.several) {
            (0, _) => {}
            (1, _) | (_, Several::Oldest) => return Ok(found.into_iter().next()),
            (_, Several::Newest) => return Ok(found.pop()),
            (_, Several::Fail) => return Err(several(format!("/matchBy/{index}"), &found)),
        }
    }
    if looked {
        Ok(None)
    } else {
        let message =
            "the record has no value for any of these keys, so nothing can be recognised by them";
        Err(invalid("/matchBy", "required", message))
    }
}

/// What a key means for a draft: nothing where the draft has no value for it.
async fn wanted_by(
    client: &Client,
    key: &MatchKey,
    draft: &Draft,
    index: usize,
    at: &str,
) -> Result<Vec<Wanted>, Error> {
    let mut all = Vec::new();
    match key {
        MatchKey::Email => {
            let rows = &draft.email_addresses;
            for (index, row) in rows.iter().enumerate() {
                let twice = rows
                    .iter()
                    .take(index)
                    .any(|earlier| same(&earlier.address, &row.address));
                all.extend(filled(&row.address).filter(|_| !twice).map(Wanted::Email));
            }
        }
        MatchKey::Phone => {
            let rows = &draft.phone_numbers;
            for (index, row) in rows.iter().enumerate() {
                let twice = rows
                    .iter()
                    .take(index)
                    .any(|earlier| same_number(&earlier.number, &row.number));
                all.extend(dialled(&row.number).filter(|_| !twice).map(Wanted::Phone));
            }
        }
        MatchKey::Name => all.extend(draft.name().map(Wanted::Name)),
        MatchKey::Field(wanted) => {
            let pointer = format!("/matchBy/{index}/field");
            // A draft without fields has no value for any of them.
            if draft.fields.is_empty() {
                return Ok(all);
            }
            let definition = client.definition(Entity::Parties, wanted, &pointer).await?;
            for change in &draft.fields {
                let meant = match &change.definition {
                    Ref::Id(id) => *id == definition.id,
                    Ref::Name(name) => same(name, &definition.name),
                };
                if let (Some(value), true) = (&change.value, meant) {
                    let value_at = field_pointer(at, &change.definition);
                    all.extend(
                        Wanted::field(client, &Ref::Id(definition.id), value, &pointer, &value_at)
                            .await?,
                    );
                }
            }
        }
    }
    Ok(all)
}

/// The outcome for a party that was found and left as it is.
fn unchanged(party: Party, draft: &Draft) -> UpsertedParty {
    UpsertedParty {
        action: UpsertAction::Unchanged,
        party: as_asked(party, draft.embed.as_ref()),
    }
}

/// Changes a party as far as it differs from the draft.
async fn bring_about(
    client: &Client,
    party: Party,
    draft: &Draft,
    names: Names,
    at: &str,
) -> Result<UpsertedParty, Error> {
    let embeds = Embeds::from(&draft.embed);
    let mut body = Map::new();
    for (key, text) in &draft.texts {
        let current = match *key {
            "firstName" => &party.first_name,
            "lastName" => &party.last_name,
            "title" => &party.title,
            "jobTitle" => &party.job_title,
            "about" => &party.about,
            _ => &party.name,
        };
        if let Some(text) = text
            && current.as_deref().unwrap_or_default().trim() != text.trim()
        {
            body.insert((*key).to_owned(), text.as_str().into());
        }
    }
    let owner = party.owner.as_ref().map(|owner| owner.id);
    let team = party.team.as_ref().map(|team| team.id);
    put_id(
        &mut body,
        "owner",
        names.owner.filter(|id| owner != Some(*id)),
    );
    put_id(&mut body, "team", names.team.filter(|id| team != Some(*id)));
    let mut put = |key: &str, current: &[Row<'_>], wanted: &[Row<'_>]| match changed_rows(
        current,
        wanted,
        Gone::Known(&[]),
    ) {
        Ok(list) => {
            put_list(&mut body, key, list);
            Ok(())
        }
        Err(fault) => {
            let pointer = format!("{at}/{key}{}", fault.pointer);
            Err(Error::Permanent(PermanentError::InvalidInput(vec![
                Violation { pointer, ..fault },
            ])))
        }
    };
    put(
        "emailAddresses",
        &rows(&party.email_addresses),
        &rows(&draft.email_addresses),
    )?;
    put(
        "phoneNumbers",
        &rows(&party.phone_numbers),
        &rows(&draft.phone_numbers),
    )?;
    put("websites", &rows(&party.websites), &rows(&draft.websites))?;
    put(
        "addresses",
        &rows(&party.addresses),
        &rows(&draft.addresses),
    )?;
    let wanted = [draft.tags.as_slice(), &names.data_tags].concat();
    put_list(
        &mut body,
        "tags",
        tagging::added(&wanted, party.tags.as_deref().unwrap_or_default()),
    );
    let mut fields = Vec::new();
    for field in &names.fields {
        let current = party
            .fields
            .iter()
            .flatten()
            .find(|one| one.definition == field.id);
        if !field.equals(&current.map_or(Value::Null, |one| one.value.clone().to_json())) {
            fields.push(field.body());
        }
    }
    put_list(&mut body, "fields", fields);
    // One that works there already need not be looked for.
    let stays = match (&draft.organisation, &party.organisation) {
        (Some(Ref::Name(name)), Some(current)) => current
            .name
            .as_deref()
            .is_some_and(|current| same(current, name)),
        (Some(Ref::Id(id)), Some(current)) => current.id == *id,
        _ => false,
    };
    let moves = draft.organisation.as_ref().filter(|_| !stays);
    if body.is_empty() && moves.is_none() {
        return Ok(unchanged(party, draft));
    }
    let speller = Speller::new(client, Kind::Party, &embeds).await?;
    let employer = employer(client, moves, at).await?;
    put_id(
        &mut body,
        "organisation",
        employer.as_ref().map(|employer| employer.id),
    );
    let call = Call::change(
        &["parties", &party.id.to_string()],
        json!({ "party": body }),
    )
    .embed(&embeds.tokens);
    let write = Write {
        call,
        speller: &speller,
        employer: employer.as_ref(),
        at,
        addresses: (&draft.addresses, "/addresses"),
    };
    Ok(UpsertedParty {
        action: UpsertAction::Updated,
        party: write.send(client).await?,
    })
}
