//! Requests that a caller wrote himself.

use crate::api::{Call, Client, Method, violation};
use crate::bindings::capsule::crm::types::{ApiAnswer, ApiCall, HttpMethod};
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::Json;
use serde_json::Value;

/// Send a request to Capsule.
///
/// # Errors
/// `invalid-input` for a path that leaves the API, before anything is sent; `outcome-unknown` where repeating may double something; and
/// what sending gives.
pub async fn call(client: &Client, input: ApiCall) -> Result<ApiAnswer, Error> {
    let call = judged(input)?;
    let answer = client
        .send(&call)
        .await
        .map_err(|error| pointed(&call, error))?;
    // A list is what was asked for, not what was changed.
    let next_page = if call.reads() {
        client.following(&call, &answer, page(&call))?
    } else {
        None
    };
    let location = client.location(&answer);
    Ok(ApiAnswer {
        status: answer.status,
        body: (!answer.body.is_null()).then(|| capsule_json::text(&answer.body)),
        location,
        next_page,
    })
}

/// The request, if all of it fits.
fn judged(input: ApiCall) -> Result<Call, Error> {
    let method = match input.method {
        HttpMethod::Get => Method::Get,
        HttpMethod::Post => Method::Post,
        HttpMethod::Put => Method::Put,
        HttpMethod::Delete => Method::Delete,
    };
    let mut found = Vec::new();
    let body: Option<Value> = input.body.as_deref().and_then(|text| {
        let parsed = capsule_json::parse(text.as_bytes());
        parsed
            .map_err(|error| {
                let message = format!("this is not JSON: {error}");
                found.push(violation("/body", "type", message));
            })
            .ok()
    });
    if body.is_some() && matches!(method, Method::Get | Method::Delete) {
        let message = "a GET or a DELETE has no body: parameters go into `query`";
        found.push(violation("/body", "unknown-field", message));
    }
    let mut call = match Call::raw(method, &input.path, body) {
        Ok(call) if found.is_empty() => call,
        Ok(_) => return Err(Error::Permanent(PermanentError::InvalidInput(found))),
        Err(fault) => {
            found.push(fault);
            return Err(Error::Permanent(PermanentError::InvalidInput(found)));
        }
    };
    for parameter in input.query {
        let value = match parameter.value.to_json() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        call = call.with(parameter.name, value);
    }
    Ok(call)
}

/// The page that was asked for.
fn page(call: &Call) -> u32 {
    call.query
        .iter()
        .find(|(name, _)| name == "page")
        .and_then(|(_, page)| page.parse().ok())
        .unwrap_or(1)
}

/// Makes Capsule's refusal point into the body that was sent, or at the parameter.
fn pointed(call: &Call, error: Error) -> Error {
    let Error::Permanent(PermanentError::InvalidInput(violations)) = error else {
        return error;
    };
    let root = call.body.as_ref().and_then(Value::as_object);
    let root = root.and_then(|body| body.keys().next()).map(String::as_str);
    let pointed = violations.into_iter().map(|one| {
        let name = one.pointer.strip_prefix('/').unwrap_or_default();
        let pointer = if call.query.iter().any(|(known, _)| known == name) {
            format!("/query{}", one.pointer)
        } else {
            match root {
                Some(root) => format!(
                    "/body/{}{}",
                    root.replace('~', "~0").replace('/', "~1"),
                    one.pointer
                ),
                None => String::new(),
            }
        };
        Violation { pointer, ..one }
    });
    Error::Permanent(PermanentError::InvalidInput(pointed.collect()))
}
