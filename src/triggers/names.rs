//! Whether what a listener names is there. Afterwards names are compared alone: whoever is renamed later fits no more, and nothing is read for
//! that at each poll.

use super::listening::Listening;
use super::rule::Change;
use crate::api::{Client, Course, Roster, resolve};
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::{Json, fingerprint};
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
                for name in value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name)
                {
                    note(&mut unknown, field(client, listening, name, &at).await)?;
                }
                continue;
            }
            let found = one(client, listening, &option, value, &at).await;
            if option == "filter/tag" {
                let mut unused = Vec::new();
                note(&mut unused, found)?;
                notes.extend(unused.into_iter().map(|one| one.message));
            } else {
                note(&mut unknown, found)?;
            }
        }
    }
    if unknown.is_empty() {
        return Ok(notes);
    }
    Err(Error::Permanent(PermanentError::InvalidInput(unknown)))
}

fn note(unknown: &mut Vec<Violation>, found: Result<(), Error>) -> Result<(), Error> {
    match found {
        Err(Error::Permanent(PermanentError::InvalidInput(violations))) => {
            unknown.extend(violations);
            Ok(())
        }
        Err(Error::Permanent(PermanentError::Ambiguous(_))) => Ok(()),
        other => other,
    }
}

/// A custom field; a key of digits alone is an id.
async fn field(client: &Client, listening: &Listening, key: &str, at: &str) -> Result<(), Error> {
    let Some(kind) = listening.subject.kind() else {
        return Ok(());
    };
    if key.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(());
    }
    let pointer = key.replace('~', "~0").replace('/', "~1");
    let pointer = format!("{at}/filter/fields/{pointer}");
    let name = Ref::Name(key.to_owned());
    client.definition(kind.entity(), &name, &pointer).await?;
    Ok(())
}

async fn one(
    client: &Client,
    listening: &Listening,
    option: &str,
    value: &Value,
    at: &str,
) -> Result<(), Error> {
    let wanted = Ref::from_json(value.clone());
    let pointer = format!("{at}/{option}");
    match option {
        "filter/owner" | "creator" => client.user(&wanted, &pointer).await?,
        "filter/team" => client.team(&wanted, &pointer).await?,
        "filter/pipeline" => client.chosen(Roster::Pipelines, &wanted, &pointer).await?,
        "filter/board" => client.chosen(Roster::Boards, &wanted, &pointer).await?,
        "filter/category" => client.chosen(Roster::Categories, &wanted, &pointer).await?,
        "reason" => {
            client
                .chosen(Roster::LostReasons, &wanted, &pointer)
                .await?
        }
        "filter/milestone" => step(client, listening, Course::Milestones, &wanted, at).await?,
        "filter/stage" => step(client, listening, Course::Stages, &wanted, at).await?,
        "filter/tag" => {
            let Some(kind) = listening.subject.kind() else {
                return Ok(());
            };
            let tags = client.tags(kind.entity()).await?;
            let known = tags
                .iter()
                .map(|tag| (tag.id, tag.name.as_deref().unwrap_or_default()));
            resolve(&wanted, known, "tag", &pointer)?
        }
        _ => return Ok(()),
    };
    Ok(())
}

/// A milestone or a stage, within the pipeline or the board that the filter names.
async fn step(
    client: &Client,
    listening: &Listening,
    course: Course,
    wanted: &Ref,
    at: &str,
) -> Result<u64, Error> {
    let at = format!("{at}/filter");
    let within = match listening.condition(course.way()) {
        // One that is not there, or that several may be, is told by itself.
        Some(way) => client
            .way(course, &Ref::from_json(way.clone()), &at)
            .await
            .ok(),
        None => None,
    };
    let step = client.step(course, wanted, within, &at).await?;
    Ok(step.id)
}
