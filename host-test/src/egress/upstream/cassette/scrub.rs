//! Takes secrets out of what goes onto a cassette. The same is done to a request before it is looked for on one, so that
//! a sign-in replays with whatever code and verifier.

use http::HeaderMap;
use serde_json::Value;

use super::super::super::Secret;
use super::super::super::redact::Redactor;
use super::super::Outbound;
use super::tape::{Body, Headers, Request, Response, Status};

/// What stands where a secret was.
pub(super) const SCRUBBED: &str = "[scrubbed]";

/// Names of a form's or a query's parameters whose values are secret, and of JSON members at any depth.
const SECRET_NAMES: [&str; 8] = [
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "code_verifier",
    "code",
    "token",
    "password",
];
/// Of them, those that no record of Capsule's has as a key of its own.
const SECRET_KEYS: &[&str] = {
    let (keys, _) = SECRET_NAMES.split_at(5);
    keys
};

/// Headers that a replay needs or a reader wants. All others stay out: a new one that holds a secret does no harm then.
const REQUEST_HEADERS: [&str; 4] = [
    "accept",
    "content-type",
    "content-disposition",
    "x-attachment-filename",
];
const RESPONSE_HEADERS: [&str; 14] = [
    "allow",
    "content-disposition",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
    "x-pagination-has-more",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// A request as it stands on the cassette. What is secret in it is added to `secrets`.
pub(super) fn request(outbound: &Outbound, secrets: &mut Vec<Secret>) -> Request {
    let mut headers = kept(&outbound.headers, &REQUEST_HEADERS);
    if let Some(value) = outbound.headers.get(http::header::AUTHORIZATION) {
        if let Some(token) = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .map(|(_, token)| token)
        {
            secrets.push(Secret::from(token));
        }
        // That there was one tells a signed-in request from another.
        headers.insert("authorization".into(), vec![SCRUBBED.into()]);
    }
    let path = outbound.path.path();
    let query = outbound
        .path
        .query()
        .map(|query| format!("?{}", pairs(query, secrets)))
        .unwrap_or_default();
    let is_form = outbound
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let body = match std::str::from_utf8(&outbound.body) {
        Ok(form) if is_form => Body::Text(pairs(form, secrets)),
        _ => body(&outbound.body, secrets),
    };
    Request {
        method: outbound.method.as_str().to_ascii_lowercase(),
        uri: format!("{}{path}{query}", outbound.origin),
        headers,
        body,
    }
}

/// An answer as it stands on the cassette.
pub(super) fn response(
    status: http::StatusCode,
    headers: &HeaderMap,
    bytes: &[u8],
    secrets: &mut Vec<Secret>,
) -> Response {
    Response {
        status: Status {
            code: status.as_u16(),
            message: status.canonical_reason().unwrap_or_default().into(),
        },
        headers: kept(headers, &RESPONSE_HEADERS),
        body: body(bytes, secrets),
    }
}

fn kept(headers: &HeaderMap, names: &[&str]) -> Headers {
    names
        .iter()
        .filter_map(|name| {
            let values: Vec<String> = headers
                .get_all(*name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            (!values.is_empty()).then(|| ((*name).to_owned(), values))
        })
        .collect()
}

/// A form or query. It is only written anew if it holds something secret.
fn pairs(encoded: &str, secrets: &mut Vec<Secret>) -> String {
    let decoded: Vec<_> = url::form_urlencoded::parse(encoded.as_bytes()).collect();
    if !decoded
        .iter()
        .any(|(name, _)| SECRET_NAMES.contains(&name.as_ref()))
    {
        return encoded.to_owned();
    }
    let mut written = String::new();
    for (name, value) in &decoded {
        if !written.is_empty() {
            written.push('&');
        }
        written.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
        written.push('=');
        if SECRET_NAMES.contains(&name.as_ref()) {
            secrets.push(Secret::from(value.as_ref()));
            written.push_str(SCRUBBED);
        } else {
            written.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        }
    }
    written
}

fn body(bytes: &[u8], secrets: &mut Vec<Secret>) -> Body {
    let mut body = Body::of(bytes);
    if let Body::Json(value) = &mut body {
        members(value, secrets);
    }
    body
}

fn members(value: &mut Value, secrets: &mut Vec<Secret>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| members(item, secrets)),
        Value::Object(object) => {
            for (name, member) in object {
                match member {
                    Value::String(text) if SECRET_KEYS.contains(&name.as_str()) => {
                        secrets.push(Secret::from(std::mem::replace(text, SCRUBBED.into())));
                    }
                    other => members(other, secrets),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes secrets out wherever else they stand: a token that the other side tells back in a message, a code in a
/// redirect.
pub(super) struct Everywhere(Redactor);

impl Everywhere {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        Self(Redactor::new(
            secrets.iter().map(|secret| (secret, SCRUBBED)),
        ))
    }

    pub(super) fn request(&self, request: &mut Request) {
        self.text(&mut request.uri);
        self.headers(&mut request.headers);
        self.body(&mut request.body);
    }

    pub(super) fn response(&self, response: &mut Response) {
        self.headers(&mut response.headers);
        self.body(&mut response.body);
    }

    fn headers(&self, headers: &mut Headers) {
        headers
            .values_mut()
            .flatten()
            .for_each(|value| self.text(value));
    }

    fn body(&self, body: &mut Body) {
        match body {
            Body::Json(value) => self.json(value),
            Body::Text(text) => self.text(text),
            Body::Bytes(bytes) => *bytes = self.0.whole(bytes).to_vec(),
        }
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(object) => {
                *object = std::mem::take(object)
                    .into_iter()
                    .map(|(mut name, mut member)| {
                        self.text(&mut name);
                        self.json(&mut member);
                        (name, member)
                    })
                    .collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &mut String) {
        // Whole spellings are replaced by ASCII, so that what was UTF-8 stays it.
        *text = String::from_utf8_lossy(&self.0.whole(text.as_bytes())).into_owned();
    }
}
