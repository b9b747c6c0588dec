//! Nested collections: the rules by which an array in a body changes the stored rows (API reference 2.3).
//!
//! An item without id is added, an item with an id changes that row, an item with an id and `"_delete": true` removes it, rows
//! that aren't mentioned stay. `[]` does nothing, `_destroy` is an unknown key like any other.

use serde_json::{Map, Value};

use super::input::Input;
use super::reply::{Refusal, Violations};

/// A row that lives inside a record: an address, a phone number, a task definition.
pub(super) trait Row: Clone + PartialEq {
    /// Key of the array in the record.
    const KEY: &'static str;
    /// Name of the row in error bodies.
    const RESOURCE: &'static str;

    /// A row without attributes.
    fn blank(id: u64) -> Self;
    fn id(&self) -> u64;
    /// Sets what `input` has and notes what is wrong with the row that comes out.
    fn merge(&mut self, input: &mut Input<'_>);
    fn render(&self) -> Value;
}

/// One item of a nested array.
pub(super) enum Item<'a> {
    Add(&'a Map<String, Value>),
    Change(u64, &'a Map<String, Value>),
    Remove(u64),
}

/// Sorts the items of a nested array by what they ask for. A null array counts as an empty one.
pub(super) fn items<'a>(
    value: Option<&'a Value>,
    resource: &'static str,
    key: &'static str,
    violations: &mut Violations,
) -> Vec<Item<'a>> {
    let array = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(array)) => array,
        Some(_) => {
            violations.add(resource, key, "invalid type for field");
            return Vec::new();
        }
    };
    let mut items = Vec::with_capacity(array.len());
    for item in array {
        let Value::Object(map) = item else {
            violations.add(resource, key, "invalid type for field");
            continue;
        };
        match map.get("id") {
            None | Some(Value::Null) => items.push(Item::Add(map)),
            Some(id) => match id.as_u64() {
                Some(id) if map.get("_delete") == Some(&Value::Bool(true)) => {
                    items.push(Item::Remove(id))
                }
                Some(id) => items.push(Item::Change(id, map)),
                None => violations.add(resource, "id", "invalid type for field"),
            },
        }
    }
    items
}

/// Applies a nested array to `rows`. A row id that isn't there is a 404.
pub(super) fn merge_rows<R: Row>(
    rows: &mut Vec<R>,
    body: &Map<String, Value>,
    mut new_id: impl FnMut() -> u64,
    violations: &mut Violations,
) -> Result<(), Refusal> {
    for item in items(body.get(R::KEY), R::RESOURCE, R::KEY, violations) {
        match item {
            Item::Add(map) => {
                let mut row = R::blank(new_id());
                row.merge(&mut Input::new(map, R::RESOURCE, violations));
                rows.push(row);
            }
            Item::Change(id, map) => {
                let Some(row) = rows.iter_mut().find(|row| row.id() == id) else {
                    return Err(Refusal::no_such(R::RESOURCE));
                };
                row.merge(&mut Input::new(map, R::RESOURCE, violations));
            }
            Item::Remove(id) => {
                let Some(at) = rows.iter().position(|row| row.id() == id) else {
                    return Err(Refusal::no_such(R::RESOURCE));
                };
                rows.remove(at);
            }
        }
    }
    Ok(())
}

/// The rows as an array.
pub(super) fn render_rows<R: Row>(rows: &[R]) -> Value {
    Value::Array(rows.iter().map(Row::render).collect())
}
