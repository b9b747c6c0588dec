//! What holds whatever a stranger sends. The targets call it with what libFuzzer makes up, `tests/seeds.rs` with the files of `seeds/`.

// Each target calls one of them.
#![allow(dead_code, unreachable_pub)]

mod wire;

use capsule_crm::actions;
use capsule_crm::api::{Client, Settings};
use capsule_crm::bindings::exports::integration::connector::triggers::{
    Delivery, DeliveryMode, Listener, Position, Reply,
};
use capsule_crm::bindings::integration::connector::types::{Error, PermanentError};
use capsule_crm::contract::{
    OPERATIONS, Operation, Reading, TRIGGERS, Trigger, check, fingerprint,
};
use capsule_crm::triggers;
use serde_json::{Value, json};
use wire::{Answers, block_on};

/// Longest cursor.
const MOST_CURSOR: usize = 64 * 1024;
/// Twenty pages, and what closes three passes over them.
const MOST_REQUESTS: u32 = 80;

/// A body, as it comes. It is answered with 202 whatever it is, gives the same events again, and those of records of the body alone.
pub fn delivery(body: &[u8]) {
    let plain = everybody(&json!({}));
    // Nothing has to be read again: nothing is sent.
    let reply = deliver(body, &plain, Answers::none()).expect("listeners that fit");
    assert_eq!(reply.status, 202);
    let again = deliver(body, &plain, Answers::none()).expect("listeners that fit");
    assert_eq!(reply, again, "the same delivery gives the same");
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = sent.get("payload").and_then(Value::as_array);
    for event in &reply.events {
        let of_body = items.into_iter().flatten().any(|item| {
            let id = item.get("id").and_then(Value::as_u64);
            id.is_some_and(|id| id.to_string() == event.record_id)
        });
        assert!(of_body, "{} is of no record of the body", event.id);
        let start = format!("{}:{}:", event.trigger, event.record_id);
        assert!(event.id.starts_with(&start), "{}", event.id);
        fits(&event.trigger, &event.data);
    }
    // Records that are read again are those of the body, or what a stranger's body says they are.
    let rows = items.cloned().unwrap_or_default();
    let again = everybody(&json!({"verify": true}));
    for event in deliver(body, &again, Answers::of_rows(&rows))
        .into_iter()
        .flat_map(|reply| reply.events)
    {
        fits(&event.trigger, &event.data);
    }
}

/// The name of a feed, a line break, and what a cursor of that feed holds. It is refused, or polled from within the limits, and what comes
/// of it is a cursor.
pub fn cursor(input: &[u8]) {
    let (name, held) = wire::line(input);
    let feeds = feeds();
    let Some(feed) = chosen(&feeds, name, |feed| feed) else {
        return;
    };
    let listeners = of_feed(feed);
    // As a text it is none, whatever it is.
    if let Ok(text) = std::str::from_utf8(input) {
        let client = client(Answers::ordinary());
        let start = Position::At(text.to_owned());
        let _ = block_on(triggers::poll(&client, &listeners, &start, 10));
    }
    let mut start = Position::At(wire::cursor(print(feed), held));
    for round in 0..3 {
        let client = client(Answers::ordinary());
        match block_on(triggers::poll(&client, &listeners, &start, 10)) {
            Ok(batch) => {
                assert!(batch.events.len() <= 10 && batch.requests <= MOST_REQUESTS);
                assert!(batch.next.len() < MOST_CURSOR);
                start = Position::At(batch.next);
            }
            Err(Error::Permanent(PermanentError::StaleCursor(_))) => {
                assert_eq!(round, 0, "a cursor that a poll gave is none");
                return;
            }
            Err(_) => return,
        }
    }
}

/// A line that names an operation, `poll FEED` or `sample TRIGGER`, and what Capsule answers to its requests, over and over: status,
/// headers, an empty line and the body of each, with a line `---` between them. What comes of it fits the contract, or is an error.
pub fn answer(input: &[u8]) {
    let (name, answers) = wire::line(input);
    let text = std::str::from_utf8(name).unwrap_or_default();
    let answers = Answers::read(answers);
    if let Some(feed) = text.strip_prefix("poll ") {
        let feeds = feeds();
        if let Some(feed) = chosen(&feeds, feed.as_bytes(), |feed| feed) {
            poll(feed, answers);
        }
    } else if let Some(trigger) = text.strip_prefix("sample ") {
        if let Some(trigger) = chosen(TRIGGERS, trigger.as_bytes(), |trigger| trigger.id) {
            let listener = listener(trigger, &json!({}));
            let found = block_on(triggers::sample(&client(answers), &listener, 5));
            for event in found.into_iter().flatten() {
                fits(&event.trigger, &event.data);
            }
        }
    } else if let Some(operation) = chosen(OPERATIONS, name, |operation| operation.id) {
        invoke(operation, answers);
    }
}

fn poll(feed: &str, answers: Answers) {
    let listeners = of_feed(feed);
    let mut start = Position::Since("2026-02-03T09:10:00Z".to_owned());
    let client = client(answers);
    for _ in 0..3 {
        let Ok(batch) = block_on(triggers::poll(&client, &listeners, &start, 7)) else {
            return;
        };
        assert!(batch.events.len() <= 7 && batch.requests <= MOST_REQUESTS);
        assert!(batch.next.len() < MOST_CURSOR);
        for event in &batch.events {
            fits(&event.trigger, &event.data);
        }
        start = Position::At(batch.next);
    }
}

fn invoke(operation: &Operation, answers: Answers) {
    let client = client(answers);
    let Ok(output) = block_on(actions::invoke(&client, operation.id, operation.example)) else {
        return;
    };
    let mut output: Value = serde_json::from_str(&output).expect("an output is JSON");
    match &operation.output {
        Some(shape) => {
            let faults = check(shape, &mut output, Reading::Answer);
            assert!(faults.is_empty(), "{}: {faults:?}", operation.id);
        }
        None => assert_eq!(output, Value::Null),
    }
}

/// What an event carries is what its trigger says.
fn fits(trigger: &str, data: &str) {
    let trigger = capsule_crm::contract::trigger(trigger).expect("a trigger of the contract");
    let mut data: Value = serde_json::from_str(data).expect("data is JSON");
    let faults = check(&trigger.output, &mut data, Reading::Answer);
    assert!(faults.is_empty(), "{}: {faults:?}", trigger.id);
}

fn deliver(body: &[u8], listeners: &[Listener], answers: Answers) -> Result<Reply, Error> {
    let delivery = Delivery {
        method: "POST".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_vec(),
    };
    block_on(triggers::handle_delivery(
        &client(answers),
        &delivery,
        listeners,
    ))
}

fn client(answers: Answers) -> Client {
    let settings = Settings {
        access_token: Some("made-up".to_owned()),
        ..Settings::default()
    };
    Client::new(answers, settings)
}

/// One for each trigger that can come by hook.
fn everybody(options: &Value) -> Vec<Listener> {
    let hooked = TRIGGERS.iter().filter(|trigger| !trigger.hooks.is_empty());
    hooked.map(|trigger| listener(trigger, options)).collect()
}

fn of_feed(feed: &str) -> Vec<Listener> {
    let polled = TRIGGERS.iter().filter(|trigger| trigger.feed == Some(feed));
    polled
        .map(|trigger| listener(trigger, &json!({})))
        .collect()
}

fn listener(trigger: &Trigger, options: &Value) -> Listener {
    let options = match trigger.data {
        "raw" => json!({"events": trigger.hooks}),
        "matched" => json!({"entity": "parties", "filter": 5}),
        "deleted" if options == &json!({}) => json!({"verify": false}),
        _ => options.clone(),
    };
    Listener {
        id: format!("on {}", trigger.id),
        trigger: trigger.id.to_owned(),
        options: options.to_string(),
        mode: DeliveryMode::Auto,
    }
}

fn feeds() -> Vec<&'static str> {
    let mut feeds: Vec<&str> = TRIGGERS.iter().filter_map(|trigger| trigger.feed).collect();
    feeds.sort_unstable();
    feeds.dedup();
    feeds
}

/// The one of that name; of no name, one that the name leads to, so that no input is lost.
fn chosen<'a, T>(all: &'a [T], name: &[u8], named: impl Fn(&T) -> &str) -> Option<&'a T> {
    let known = all.iter().find(|one| named(one).as_bytes() == name);
    known.or_else(|| all.get(fingerprint(name) as usize % all.len().max(1)))
}

#[allow(clippy::cast_possible_truncation)]
fn print(feed: &str) -> u32 {
    fingerprint(feed.as_bytes()) as u32
}
