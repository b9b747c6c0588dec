//! Finding people and organisations by what they have.

use crate::actions::read::{Speller, counted, of_page};
use crate::api::{Call, Client, Page, Span, ambiguous, invalid, record, too_large};
use crate::bindings::capsule::crm::types::{
    FieldValue, FindParties, Party, PartyEmbed, PartyMatch, PartyPage, Ref,
};
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::Checked;
use crate::model::field::{Entity, FieldWrite};
use crate::model::{Embeds, Kind, digits, full_name, joined, same, same_number};
use serde_json::{Value, json};

/// What to find parties by, with its value.
pub(super) enum Wanted {
    Email(String),
    Phone(String),
    Name(String),
    Field(FieldWrite),
}

impl Wanted {
    /// What a field and its value mean; none if the value is blank, which Capsule may take for every record without one.
    pub(super) async fn field(
        client: &Client,
        definition: &Ref,
        value: &FieldValue,
        at: &str,
        value_at: &str,
    ) -> Result<Option<Self>, Error> {
        let definition = client.definition(Entity::Parties, definition, at).await?;
        let write =
            FieldWrite::new(definition.id, Some(&definition), Some(value)).map_err(|fault| {
                Error::Permanent(PermanentError::InvalidInput(vec![Violation {
                    pointer: value_at.to_owned(),
                    ..fault
                }]))
            })?;
        Ok((!write.is_blank()).then_some(Self::Field(write)))
    }

    /// A filter that Capsule can judge; it may find more than is meant.
    fn filter(&self, kind: &str) -> Call {
        let (field, operator, value) = match self {
            Self::Email(address) => ("email".to_owned(), "is", address.trim().into()),
            // However a number is written, its last two digits stand together.
            Self::Phone(number) => {
                let digits = digits(number);
                let tail = digits
                    .get(digits.len().saturating_sub(2)..)
                    .unwrap_or_default();
                ("phone".to_owned(), "ends with", tail.into())
            }
            Self::Name(name) => ("name".to_owned(), "is", name.trim().into()),
            Self::Field(write) => (format!("custom:{}", write.id), "is", write.value.clone()),
        };
        let conditions = json!([
            {"field": "type", "operator": "is", "value": kind},
            {"field": field, "operator": operator, "value": value},
        ]);
        Call::ask(
            &["parties", "filters", "results"],
            json!({"filter": {"conditions": conditions}}),
        )
    }

    /// What has to be read along so that [`fits`](Self::fits) can judge.
    fn embeds(&self, embeds: &Embeds) -> Embeds {
        match self {
            Self::Field(_) => embeds.clone().with("fields"),
            _ => embeds.clone(),
        }
    }

    /// Whether a row as Capsule gives it is meant. Looked at here too, because a record that is taken for another one is changed.
    fn fits(&self, kind: &str, row: &Value) -> bool {
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let any = |list: &str, key: &str, fits: &dyn Fn(&str) -> bool| {
            let rows = row
                .get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            rows.filter_map(|one| one.get(key)?.as_str()).any(fits)
        };
        text("type").is_none_or(|given| given == kind)
            && match self {
                Self::Email(address) => {
                    any("emailAddresses", "address", &|given| same(given, address))
                }
                Self::Phone(number) => any("phoneNumbers", "number", &|given| {
                    same_number(given, number)
                }),
                Self::Name(name) => joined(text("name"), text("firstName"), text("lastName"))
                    .is_some_and(|whole| same(&whole, name)),
                Self::Field(write) => write.is_of(row),
            }
    }
}

/// Finds people or organisations.
pub(crate) async fn find(
    client: &Client,
    kind: &str,
    input: &FindParties,
) -> Result<Checked<PartyPage>, Error> {
    let (wanted, pointer) = match &input.by {
        PartyMatch::Email(address) => (filled(address).map(Wanted::Email), "/by/email"),
        PartyMatch::Phone(number) => (dialled(number).map(Wanted::Phone), "/by/phone"),
        PartyMatch::Name(name) => (filled(name).map(Wanted::Name), "/by/name"),
        PartyMatch::Field(entry) => {
            let wanted = Wanted::field(
                client,
                &entry.definition,
                &entry.value,
                "/by/field/definition",
                "/by/field/value",
            )
            .await?;
            (wanted, "/by/field/value")
        }
    };
    let Some(wanted) = wanted else {
        let message = if matches!(input.by, PartyMatch::Phone(_)) {
            "a phone number has digits"
        } else {
            "there is nothing to look for"
        };
        return Err(invalid(pointer, "required", message));
    };
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let embeds = wanted.embeds(&Embeds::from(&input.embed));
    let (call, mut page) = rows(client, kind, &wanted, &embeds, span).await?;
    if !input.embed.is_some_and(|embed| embed.fields) {
        for row in page.rows.iter_mut().filter_map(Value::as_object_mut) {
            // Read along to compare.
            row.remove("fields");
        }
    }
    // Capsule counts what it found, which may be more than what is meant.
    if !matches!(wanted, Wanted::Email(_) | Wanted::Name(_)) {
        page.total = None;
    }
    record(&call, 200, of_page(page))
}

/// A page of the rows that are meant, in the contract's spelling, and the request for them.
async fn rows(
    client: &Client,
    kind: &str,
    wanted: &Wanted,
    embeds: &Embeds,
    span: Span<'_>,
) -> Result<(Call, Page), Error> {
    let speller = Speller::new(client, Kind::Party, embeds).await?;
    let call = counted(wanted.filter(kind), embeds);
    let fits = |row: &Value| wanted.fits(kind, row);
    let mut page = client.page_where(&call, "parties", span, &fits).await?;
    page.rows.iter_mut().for_each(|row| speller.spell(row));
    Ok((call, page))
}

/// A text that is not blank.
pub(super) fn filled(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// A phone number with digits.
pub(super) fn dialled(number: &str) -> Option<String> {
    number
        .contains(|letter: char| letter.is_ascii_digit())
        .then(|| number.to_owned())
}

/// Every party that is meant. `pointer` is what the caller named it by.
///
/// # Errors
/// `too-large` if there are more than can be looked at: the caller may not be told that a few of them are all.
pub(super) async fn candidates(
    client: &Client,
    kind: &str,
    wanted: &Wanted,
    embeds: &Embeds,
    pointer: &str,
) -> Result<Vec<Party>, Error> {
    let span = Span::new(500, None);
    let (call, page) = rows(client, kind, wanted, &wanted.embeds(embeds), span).await?;
    match page.next {
        None => page
            .rows
            .into_iter()
            .map(|row| record(&call, 200, row))
            .collect(),
        Some(_) => Err(too_large(format!(
            "Too many records may be meant by `{pointer}` to look at all of them. Use another key, or an id."
        ))),
    }
}

/// The parties as candidates of an ambiguity.
pub(super) fn several(pointer: String, parties: &[Party]) -> Error {
    ambiguous(pointer, parties.iter().map(label))
}

/// How a person knows a party.
fn label(party: &Party) -> (u64, String) {
    let name = full_name(party).unwrap_or_else(|| "(no name)".into());
    let email = party
        .email_addresses
        .first()
        .map(|email| email.address.as_str());
    let employer = party
        .organisation
        .as_ref()
        .and_then(|one| one.name.as_deref());
    let label = match email.or(employer) {
        Some(detail) => format!("{name} ({detail})"),
        None => name,
    };
    (party.id, label)
}

/// Without what was read along only to compare.
pub(super) fn as_asked(mut party: Party, embed: Option<&PartyEmbed>) -> Party {
    if !embed.is_some_and(|embed| embed.tags) {
        party.tags = None;
    }
    if !embed.is_some_and(|embed| embed.fields) {
        party.fields = None;
    }
    party
}
