//! Putting together what is sent.

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
