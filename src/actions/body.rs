//! Putting together what is sent.

use crate::contract::Json;
use serde_json::{Map, Value, json};

/// Puts a list into a body, unless it is empty.
pub(super) fn put_list(body: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        body.insert(key.to_owned(), Value::Array(list));
    }
}

/// Puts a reference into a body, if there is one.
pub(super) fn put_id(body: &mut Map<String, Value>, key: &str, id: Option<u64>) {
    if let Some(id) = id {
        body.insert(key.to_owned(), json!({"id": id}));
    }
}

/// Puts a value into a body, if there is one; of a change what is set, or null for what is cleared.
pub(super) fn put<T: Json>(body: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        body.insert(key.to_owned(), value.to_json());
    }
}
