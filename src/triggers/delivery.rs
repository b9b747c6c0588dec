//! Events out of what Capsule sent to a hook (API reference 5.3). Pure, unless a listener asks to read records again.

use super::digest::short;
use super::event::{Carrier, Found, gone, id_of, shaped};
use super::filter::{Places, Verdict, judge};
use super::listening::Listening;
use super::rule::{Change, Fact, Subject, Way, deletion, fact, is_about};
use crate::actions::by_id;
use crate::api::Client;
use crate::bindings::integration::connector::types::Error;
use crate::contract::TRIGGERS;
use crate::model::Embeds;
use serde_json::{Value, json};

/// Largest body that is read.
const MOST_BYTES: usize = 8 << 20;
/// Most values of a body: a body of commas would need thirty times its bytes. Capsule's own have one in twenty bytes.
const MOST_VALUES: usize = 500_000;
/// Most records of a delivery. Capsule has been seen to send some hundred.
const MOST_ITEMS: usize = 10_000;
/// Most bytes of data that one delivery gives: what an engine has room for.
const MOST_DATA: usize = 8 << 20;
/// Most records that are read again for one delivery; more are read by one poll.
const MOST_READ: usize = 30;

/// What a delivery gave.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Found>,
    pub(super) refused: Option<String>,
}

/// A delivery that is Capsule's.
struct Sent {
    event: &'static str,
    items: Vec<(u64, Value)>,
    /// Items that are no records.
    strange: usize,
}

/// Events of one delivery.
///
/// # Errors
/// What sending gives, where records are read again.
pub(super) async fn handle(
    client: &Client,
    body: &[u8],
    listeners: &[Listening],
) -> Result<Outcome, Error> {
    let sent = match read(body) {
        Ok(sent) => sent,
        Err(why) => {
            return Ok(Outcome {
                events: Vec::new(),
                refused: Some(why),
            });
        }
    };
    let mut outcome = Outcome::default();
    if sent.strange > 0 {
        outcome.refused = Some(format!(
            "{} of the {} items are no records with an id.",
            sent.strange,
            sent.items.len() + sent.strange
        ));
    }
    let concerned: Vec<(&Listening, bool)> = listeners
        .iter()
        .filter_map(|one| Some((one, one.concerned_by(sent.event)?)))
        .collect();
    if concerned.is_empty() {
        return Ok(outcome);
    }
    let places = Places::read(client, listeners).await?;
    let again = reread(client, &sent, &concerned, &places).await?;
    let mut room = MOST_DATA;
    for (listening, named) in concerned {
        let carrier = Carrier::new(client, listening).await?;
        for (id, item) in &sent.items {
            match one(
                listening, named, &sent, *id, item, &again, &places, &carrier,
            ) {
                Given::Event(found) => {
                    let size = capsule_json::text(&found.data).len();
                    if size > room {
                        outcome.refused = Some("The delivery gives more than 8 MiB of events: the rest was left out. Poll.".into());
                        return Ok(outcome);
                    }
                    room -= size;
                    outcome.events.push(*found);
                }
                Given::Nothing => {}
                Given::Refused(why) => outcome.refused = Some(why.into()),
            }
        }
    }
    Ok(outcome)
}

/// Takes a body apart, or says why it is not Capsule's.
fn read(body: &[u8]) -> Result<Sent, String> {
    if body.len() > MOST_BYTES {
        return Err("The body is larger than 8 MiB.".into());
    }
    let values = body
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
        .count();
    if values > MOST_VALUES {
        return Err(format!("The body holds more than {MOST_VALUES} values."));
    }
    let mut value: Value =
        capsule_json::parse(body).map_err(|error| format!("The body is not JSON: {error}."))?;
    let event = value
        .get("event")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(event) = event_name(event) else {
        return Err(format!(
            "The body names no event of Capsule: `{}`.",
            crate::contract::brief(event)
        ));
    };
    let Some(Value::Array(payload)) = value.get_mut("payload").map(Value::take) else {
        return Err("The body has no array `payload`.".into());
    };
    if payload.len() > MOST_ITEMS {
        return Err(format!("The delivery holds more than {MOST_ITEMS} items."));
    }
    let mut sent = Sent {
        event,
        items: Vec::with_capacity(payload.len()),
        strange: 0,
    };
    for item in payload {
        match id_of(&item) {
            Some(id) => sent.items.push((id, item)),
            None => sent.strange += 1,
        }
    }
    if sent.items.is_empty() && sent.strange == 0 {
        return Err("The delivery is empty.".into());
    }
    Ok(sent)
}

/// Capsule's own name of an event, as the contract has it.
fn event_name(name: &str) -> Option<&'static str> {
    TRIGGERS
        .iter()
        .flat_map(|trigger| trigger.hooks)
        .copied()
        .find(|known| *known == name)
}

enum Given {
    Event(Box<Found>),
    Nothing,
    Refused(&'static str),
}

/// What one listener gets of one item.
#[allow(clippy::too_many_arguments)] // All of it is one delivery.
fn one(
    listening: &Listening,
    named: bool,
    sent: &Sent,
    id: u64,
    item: &Value,
    again: &Again,
    places: &Places,
    carrier: &Carrier,
) -> Given {
    let found = |fact: Fact, data: Value| {
        Given::Event(Box::new(Found {
            listener: listening.id.clone(),
            trigger: listening.trigger,
            record: id,
            fact,
            data,
        }))
    };
    let lacks = lacks(listening, sent.event, item, places);
    let seen_again = again.ids.contains(&id) && (listening.verify() || lacks);
    let now = again.found.iter().find(|(found, _)| *found == id);
    if (listening.verify() || lacks) && !seen_again {
        return Given::Refused(
            "The delivery holds more than 30 records that would have to be read again. Poll instead.",
        );
    }
    match (listening.change, seen_again, now) {
        (Change::Deleted, true, Some(_)) => {
            return Given::Refused("A record that should be deleted is still there.");
        }
        (Change::Deleted, ..) => {
            let fact = deletion(item, false);
            let data = gone(id, &fact, false);
            return match listening.subject {
                Subject::User => shaped_or_refused(listening, item.clone(), hashed(item), found),
                _ => found(fact, data),
            };
        }
        // It was deleted since: its deletion is another event.
        (_, true, None) => return Given::Nothing,
        _ => {}
    }
    let record = match now {
        Some((_, record)) if seen_again => record,
        _ => item,
    };
    if listening.change == Change::Sent {
        let fact = Fact {
            version: format!("{}-{}", sent.event, hashed(item).version),
            at: None,
        };
        return found(
            fact,
            json!({"event": sent.event, "payload": capsule_json::text(item)}),
        );
    }
    if listening.subject == Subject::User {
        return shaped_or_refused(listening, record.clone(), hashed(record), found);
    }
    if !is_about(listening.subject, record) {
        return Given::Nothing;
    }
    let Some(fact) = fact(
        listening.subject,
        listening.change,
        record,
        Way::Hook { named },
    ) else {
        return Given::Nothing;
    };
    match judge(listening, record, places) {
        Verdict::Wanted => match carrier.data(listening, record.clone()) {
            Some(data) => found(fact, data),
            None => Given::Refused("A record of the delivery is of another shape."),
        },
        _ => Given::Nothing,
    }
}

fn shaped_or_refused(
    listening: &Listening,
    record: Value,
    fact: Fact,
    found: impl Fn(Fact, Value) -> Given,
) -> Given {
    match shaped(listening, record) {
        Some(data) => found(fact, data),
        None => Given::Refused("A record of the delivery is of another shape."),
    }
}

/// The version of what has no time: the first 128 bits of its canonical JSON. Keys are sorted, since `Value` keeps them so.
fn hashed(item: &Value) -> Fact {
    Fact {
        version: short(capsule_json::text(item).as_bytes()),
        at: None,
    }
}

/// Whether the item came without what the listener asked for.
fn lacks(listening: &Listening, event: &str, item: &Value, places: &Places) -> bool {
    if matches!(listening.change, Change::Deleted | Change::Sent) || event.ends_with("/deleted") {
        return false;
    }
    if !is_about(listening.subject, item) {
        return false;
    }
    let asked = listening.embeds.tokens.iter().any(|token| match *token {
        // A nested record comes short or whole (API reference 2.6): a party has addresses then.
        "organisation" | "party" => {
            item.get(token)
                .and_then(Value::as_object)
                .is_some_and(|nested| {
                    !nested.contains_key("createdAt")
                        && nested.get("isRestricted") != Some(&Value::Bool(true))
                })
        }
        token => item.get(token).is_none(),
    });
    asked || judge(listening, item, places) == Verdict::Lacking
}

/// Records that were read again.
#[derive(Default)]
struct Again {
    /// Those that were asked for.
    ids: Vec<u64>,
    /// Those that are there.
    found: Vec<(u64, Value)>,
}

/// Reads again what the listeners ask for, at most 30 records.
async fn reread(
    client: &Client,
    sent: &Sent,
    concerned: &[(&Listening, bool)],
    places: &Places,
) -> Result<Again, Error> {
    let mut again = Again::default();
    let mut embeds = Embeds::default();
    let mut keys = None;
    for (id, item) in &sent.items {
        for (listening, _) in concerned {
            if (listening.verify() || lacks(listening, sent.event, item, places))
                && listening.change != Change::Sent
            {
                embeds = embeds.and(&listening.tokens());
                keys = Some(listening.subject.keys());
                if !again.ids.contains(id) && again.ids.len() <= MOST_READ {
                    again.ids.push(*id);
                }
            }
        }
    }
    let Some((path, key)) = keys else {
        return Ok(again);
    };
    if again.ids.len() > MOST_READ {
        again.ids.clear();
        return Ok(again);
    }
    // Users are not read several at a time (API reference 3.14).
    let at_once = if path == "users" { 1 } else { MOST_READ };
    for ids in again.ids.chunks(at_once) {
        let read = by_id(client, path, key, ids, &embeds.tokens).await?;
        let rows = read.rows.into_iter();
        again
            .found
            .extend(rows.filter_map(|row| Some((id_of(&row)?, row))));
    }
    Ok(again)
}
