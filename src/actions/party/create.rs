//! Creating a party.

use super::employer::{self, employer};
use super::write::Write;
use crate::actions::body::{put_id, put_list};
use crate::actions::faults::Faults;
use crate::actions::names::Names;
use crate::actions::read::Speller;
use crate::actions::tagging;
use crate::api::{Call, Client};
use crate::bindings::capsule::crm::types::Party;
use crate::bindings::integration::connector::types::Error;
use crate::model::field::{Entity, FieldWrite};
use crate::model::{Draft, Embeds, Kind, Row, rows};
use serde_json::{Map, Value, json};

/// Creates a party. `at` is the pointer of the draft in the caller's input.
pub(crate) async fn create(client: &Client, draft: &Draft, at: &str) -> Result<Party, Error> {
    check(draft, at)?;
    let names = Names::new(
        client,
        Entity::Parties,
        draft.owner.as_ref(),
        draft.team.as_ref(),
        &draft.fields,
        at,
    )
    .await?;
    carry_out(client, draft, names, at, false).await
}

/// What is wrong in a draft by itself.
pub(super) fn check(draft: &Draft, at: &str) -> Result<(), Error> {
    let mut faults = Faults::default();
    tagging::check(&draft.tags, &format!("{at}/tags"), &mut faults);
    faults.note(employer::check(draft.organisation.as_ref(), at))?;
    faults.settle()
}

/// Creates it, with names that were looked up. `looked` says that the caller looked for the party before, so that repeating is safe.
pub(super) async fn carry_out(
    client: &Client,
    draft: &Draft,
    names: Names,
    at: &str,
    looked: bool,
) -> Result<Party, Error> {
    let embeds = Embeds::from(&draft.embed);
    let speller = Speller::new(client, Kind::Party, &embeds).await?;
    let employer = employer(client, draft.organisation.as_ref(), at).await?;
    let mut body = Map::new();
    body.insert("type".into(), draft.kind.into());
    for (key, text) in &draft.texts {
        if let Some(text) = text {
            body.insert((*key).to_owned(), text.as_str().into());
        }
    }
    put_id(
        &mut body,
        "organisation",
        employer.as_ref().map(|employer| employer.id),
    );
    put_rows(&mut body, "emailAddresses", &rows(&draft.email_addresses));
    put_rows(&mut body, "phoneNumbers", &rows(&draft.phone_numbers));
    put_rows(&mut body, "websites", &rows(&draft.websites));
    put_rows(&mut body, "addresses", &rows(&draft.addresses));
    let wanted = [draft.tags.as_slice(), &names.data_tags].concat();
    put_list(&mut body, "tags", tagging::added(&wanted, &[]));
    put_list(
        &mut body,
        "fields",
        names.fields.iter().map(FieldWrite::body).collect(),
    );
    put_id(&mut body, "owner", names.owner);
    put_id(&mut body, "team", names.team);
    let call = Call::create(&["parties"], json!({ "party": body })).embed(&embeds.tokens);
    let call = if looked { call.repeatable() } else { call };
    let write = Write {
        call,
        speller: &speller,
        employer: employer.as_ref(),
        at,
        addresses: (&draft.addresses, "/addresses"),
    };
    write.send(client).await
}

/// Puts rows into a body. Their ids are of another record, if they have any.
fn put_rows(body: &mut Map<String, Value>, key: &str, rows: &[Row<'_>]) {
    put_list(
        body,
        key,
        rows.iter().map(|row| Value::Object(row.body())).collect(),
    );
}
