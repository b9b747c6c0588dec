//! What Capsule answered with success.

use super::call::Call;
use super::error::{malformed, shown};
use super::headers;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, Reading, Shape, check};
use crate::model::time::{Seconds, http_date};
use http::HeaderMap;
use serde_json::Value;

/// An answer with a 2xx status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is empty.
    pub body: Value,
}

impl Answer {
    /// Reads the body.
    pub(crate) fn new(call: &Call, response: http::Response<Vec<u8>>) -> Result<Self, Error> {
        let (head, body) = response.into_parts();
        Self::read(call, head.status.as_u16(), head.headers, &body)
    }

    /// The same of its parts.
    pub(super) fn read(
        call: &Call,
        status: u16,
        headers: HeaderMap,
        body: &[u8],
    ) -> Result<Self, Error> {
        let body = if body.is_empty() {
            Value::Null
        } else {
            capsule_json::parse(body).map_err(|error| {
                malformed(
                    call,
                    status,
                    format!("The answer is not JSON ({error}): {}", shown(body)),
                )
            })?
        };
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// What stands under the one key of the envelope.
    ///
    /// # Errors
    /// `malformed-response` if it is not there.
    pub fn take(&mut self, call: &Call, key: &str) -> Result<Value, Error> {
        match self.body.get_mut(key) {
            Some(value) if !value.is_null() => Ok(value.take()),
            _ => Err(malformed(
                call,
                self.status,
                format!(
                    "The answer has no `{key}`: {}",
                    shown(capsule_json::text(&self.body).as_bytes())
                ),
            )),
        }
    }

    /// The rows under the key of a list.
    ///
    /// # Errors
    /// `malformed-response` if it is not an array.
    pub fn rows(&mut self, call: &Call, key: &str) -> Result<Vec<Value>, Error> {
        match self.take(call, key)? {
            Value::Array(rows) => Ok(rows),
            other => Err(malformed(
                call,
                self.status,
                format!(
                    "`{key}` is not an array: {}",
                    shown(other.to_string().as_bytes())
                ),
            )),
        }
    }

    /// Capsule's clock.
    #[must_use]
    pub(crate) fn clock(&self) -> Option<Seconds> {
        http_date(self.headers.get(&headers::DATE)?.to_str().ok()?)
    }

    /// How many there are in all pages, where Capsule counts (API reference 2.1).
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.body.get("meta")?.get("totalCount")?.as_u64()
    }
}

/// A record of the model out of Capsule's JSON, which was brought to the model's spelling before.
///
/// # Errors
/// `malformed-response` that names what is missing or of another type.
pub(crate) fn record<T: Json>(call: &Call, status: u16, value: Value) -> Result<T, Error> {
    shaped(&T::SHAPE, call, status, value).map(T::from_json)
}

/// The same before it has a type: one body for all of them.
fn shaped(shape: &Shape, call: &Call, status: u16, mut value: Value) -> Result<Value, Error> {
    let faults = check(shape, &mut value, Reading::Answer);
    if faults.is_empty() {
        return Ok(value);
    }
    let told: Vec<_> = faults
        .iter()
        .take(3)
        .map(|fault| format!("{}: {}", fault.pointer, fault.message))
        .collect();
    Err(malformed(
        call,
        status,
        format!("The answer is of another shape: {}", told.join("; ")),
    ))
}
