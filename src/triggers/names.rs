//! Whether what a listener names is there. Afterwards names are compared alone: whoever is renamed later fits no more, and nothing is read for
//! that at each poll.

use super::listening::Listening;
use super::rule::Change;
use crate::actions::names::field_pointer;
use crate::api::Client;
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::{Json, fingerprint};
use crate::model::Kind;
use crate::model::field::Entity;
use serde_json::Value;

/// What can be named beside the filter.
const BESIDE: [&str; 2] = ["reason", "creator"];

/// What a listener names: an option, and its value. Ids are taken at their word.
fn named(listening: &Listening) -> impl Iterator<Item = (String, &Value)> {
    let filter = listening
        .option("filter")
        // A saved filter is looked up by each poll that runs it.
        .filter(|_| listening.change != Change::Matched)
        .and_then(Value::as_object);
    let inside = filter.into_iter().flatten();
    let inside = inside.filter(|(key, value)| value.is_string() || *key == "fields");
    let inside = inside.map(|(key, value)| (format!("filter/{key}"), value));
    let beside = BESIDE
        .iter()
        .filter_map(|key| Some((*key, listening.option(key)?)));
    let beside = beside.filter(|(_, value)| value.is_string());
    inside.chain(beside.map(|(key, value)| (key.to_owned(), value)))
}

/// Tells what listeners name from what others do. None: they name nothing.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn print(listeners: &[Listening]) -> Option<u32> {
    let mut text = String::new();
    for listening in listeners {
        for (option, value) in named(listening) {
            text.push_str(&format!("{} {option} {value}\n", listening.trigger.id));
        }
    }
    (!text.is_empty()).then(|| fingerprint(text.as_bytes()) as u32)
}

/// Looks up what listeners name. `at` is where the options of each stand. Tells what should be noted: a tag comes to be when it is first put
/// on a record, so one that is not there yet is no fault.
///
/// # Errors
/// `invalid-input` with the nearest names for what is not there, and what sending gives. A name that several have fits each of them.
pub(super) async fn look_up(
    client: &Client,
    listeners: &[Listening],
    at: impl Fn(usize) -> String,
) -> Result<Vec<String>, Error> {
    let mut unknown: Vec<Violation> = Vec::new();
    let mut notes = Vec::new();
    for (place, listening) in listeners.iter().enumerate() {
        let at = at(place);
        for (option, value) in named(listening) {
            if option == "filter/fields" {
                for (name, _) in value.as_object().into_iter().flatten() {
                    unknown.extend(field(client, listening, name, &at).await?);
                }
                continue;
            }
            let fault = name(client, listening, &option, value, &at).await?;
            if option == "filter/tag" {
                notes.extend(fault.map(|fault| fault.message));
            } else {
                unknown.extend(fault);
            }
        }
    }
    if unknown.is_empty() {
        return Ok(notes);
    }
    Err(Error::Permanent(PermanentError::InvalidInput(unknown)))
}

/// What is wrong with a custom field. A key of digits alone is an id.
async fn field(
    client: &Client,
    listening: &Listening,
    key: &str,
    at: &str,
) -> Result<Vec<Violation>, Error> {
    let Some(kind) = listening.subject.kind() else {
        return Ok(Vec::new());
    };
    if key.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    let name = Ref::Name(key.to_owned());
    let pointer = field_pointer(&format!("{at}/filter"), &name);
    match client.definition(kind.entity(), &name, &pointer).await {
        Ok(_) | Err(Error::Permanent(PermanentError::Ambiguous(_))) => Ok(Vec::new()),
        Err(Error::Permanent(PermanentError::InvalidInput(faults))) => Ok(faults),
        Err(error) => Err(error),
    }
}

/// Why a name means nothing.
async fn name(
    client: &Client,
    listening: &Listening,
    option: &str,
    value: &Value,
    at: &str,
) -> Result<Option<Violation>, Error> {
    let field = match option {
        "creator" => "owner",
        "reason" => "lostReason",
        _ => option.trim_start_matches("filter/"),
    };
    let within = match field {
        "milestone" => listening.condition("pipeline"),
        "stage" => listening.condition("board"),
        _ => None,
    };
    let within = within.map(|way| Ref::from_json(way.clone()));
    // Who listens to anything else can't name tags.
    let entity = listening
        .subject
        .kind()
        .map_or(Entity::Parties, Kind::entity);
    let wanted = Ref::from_json(value.clone());
    let pointer = format!("{at}/{option}");
    client
        .unknown(entity, field, &wanted, within.as_ref(), &pointer)
        .await
}
