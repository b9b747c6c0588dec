//! Subscriptions to Capsule's events (API reference 5).

use super::deletion::gone;
use super::read::{listed, single};
use crate::api::{Call, Client, Span, violation};
use crate::bindings::capsule::crm::types::{
    Deletion, ListOfSettings, NewHook, RestHook, RestHookPage,
};
use crate::bindings::integration::connector::types::{Error, Fault, PermanentError};
use crate::contract::{Checked, Json, Shape, brief, nearest};
use serde_json::{Map, json};

/// Longest address that is taken.
const LONGEST: usize = 2_000;

/// List the hooks.
///
/// # Errors
/// `forbidden` with what hooks need, `stale-cursor`, and what sending gives.
pub async fn list_all(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<RestHookPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let call = Call::get(&["resthooks"]);
    listed(client, &call, "restHooks", span, &|_| ())
        .await
        .map_err(allowed)
}

/// Subscribe to an event.
///
/// # Errors
/// `invalid-input`, `quota-exhausted` where the account holds all the hooks that it may, `forbidden` with what hooks need,
/// `outcome-unknown`, and what sending gives.
pub async fn subscribe(client: &Client, input: NewHook) -> Result<Checked<RestHook>, Error> {
    check(&input)?;
    let mut hook = Map::new();
    hook.insert("event".into(), input.event.as_str().into());
    hook.insert("targetUrl".into(), input.target_url.as_str().into());
    if let Some(description) = input.description {
        hook.insert("description".into(), description.into());
    }
    if !input.embed.is_empty() {
        hook.insert("embed".into(), input.embed.join(",").into());
    }
    let call = Call::create(&["resthooks"], json!({ "restHook": hook }));
    single(client, &call, "restHook")
        .await
        .map_err(|error| explained(&call, &input.event, allowed(error)))
}

/// Cancel a subscription.
///
/// # Errors
/// `forbidden` with what hooks need, and what sending gives. One that is gone already is a success.
pub async fn unsubscribe(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &["resthooks"], id).await.map_err(allowed)
}

/// What is wrong before anything is sent.
fn check(input: &NewHook) -> Result<(), Error> {
    let mut found = Vec::new();
    // Capsule adds events: what is spelt like one is Capsule's to judge.
    let spelt = |event: &str| {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        event
            .split_once('/')
            .is_some_and(|(record, change)| word(record) && word(change))
    };
    if !spelt(&input.event) {
        let message = format!(
            "`{}` is no event; {}",
            brief(&input.event),
            known(&input.event)
        );
        found.push(violation("/event", "choice", message));
    }
    if let Some(why) = unfit(&input.target_url) {
        found.push(violation("/targetUrl", "format", why));
    }
    for (index, token) in input.embed.iter().enumerate() {
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = "a word such as `tags` is expected, one for each item";
            found.push(violation(format!("/embed/{index}"), "format", message));
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Error::Permanent(PermanentError::InvalidInput(found)))
    }
}

/// Why deliveries should not, or could not, go to an address.
fn unfit(url: &str) -> Option<&'static str> {
    if url.len() > LONGEST {
        return Some("the address is longer than 2000 bytes");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['\\', '#']) {
        return Some("an address of printable ASCII is expected, without a fragment");
    }
    let Ok(uri) = url.parse::<http::Uri>() else {
        return Some("an address like `https://hooks.example/h/3f9c2a7e` is expected");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Some("a whole address like `https://hooks.example/h/3f9c2a7e` is expected");
    };
    let here = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    if authority.as_str().contains('@') {
        Some(
            "the address holds a user name: Capsule would show it; make the path unguessable instead",
        )
    } else if authority.host().is_empty() {
        Some("the address has no host")
    } else if scheme == "https" || (scheme == "http" && here) {
        None
    } else {
        Some("deliveries hold the account's data: an `https` address is expected")
    }
}

/// The events nearest to one, or all of them. They stand in the contract alone.
fn known(event: &str) -> String {
    let Shape::Record(input) = NewHook::SHAPE else {
        return String::new();
    };
    let all = input
        .fields
        .iter()
        .find(|field| field.json == "event")
        .map_or(&[][..], |field| field.hints.values);
    // What the wire calls `kase` is called a project, or a case, by people (API reference 5.2).
    let event = event
        .strip_prefix("project/")
        .or_else(|| event.strip_prefix("case/"))
        .map_or_else(|| event.to_owned(), |change| format!("kase/{change}"));
    let near = nearest(&event, all.iter().copied(), 3);
    if near.is_empty() {
        format!("there are {}", all.join(", "))
    } else {
        format!("did you mean `{}`?", near.join("`, `"))
    }
}

/// Says what hooks need, where that is what is missing.
fn allowed(error: Error) -> Error {
    match error {
        Error::Permanent(PermanentError::Forbidden(fault)) => {
            let message = format!(
                "{} Hooks need an administrator, and a token that a registered application got through OAuth: a personal access token can't \
                 manage them.",
                fault.message
            );
            Error::Permanent(PermanentError::Forbidden(Fault { message, ..fault }))
        }
        other => other,
    }
}

/// Tells a limit that is reached from a fault of the input. What Capsule answers to the 21st hook is not documented (API reference 5.1).
fn explained(call: &Call, event: &str, error: Error) -> Error {
    let Error::Permanent(PermanentError::InvalidInput(mut violations)) = error else {
        return error;
    };
    let of_limit = |message: &str| {
        let message = message.to_lowercase();
        ["maximum", "limit", "too many"]
            .iter()
            .any(|word| message.contains(word))
            // The number itself, and not a part of another one.
            || message
                .split(|letter: char| !letter.is_ascii_alphanumeric())
                .any(|word| word == "20")
    };
    if let Some(full) = violations.iter().find(|one| of_limit(&one.message)) {
        return Error::Permanent(PermanentError::QuotaExhausted(Fault {
            message: format!(
                "Capsule refused the hook: {}. An account holds at most 20, those of other applications among them: cancel one, or poll.",
                full.message
            ),
            status: Some(422),
            request: Some(call.label()),
            extra: None,
        }));
    }
    for one in &mut violations {
        if one.pointer == "/event" {
            one.message = format!("{}; {}", one.message, known(event));
        }
    }
    Error::Permanent(PermanentError::InvalidInput(violations))
}
