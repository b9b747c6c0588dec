//! Reads the attributes of a request body with the rules of a merge: what is present is set, `null` clears, what is absent
//! stays, unknown keys are ignored (API reference 2.3). Every fault is noted and reported in one 422.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::reply::Violations;

/// The message for a value of the wrong JSON type (API reference 2.11).
const WRONG_TYPE: &str = "invalid type for field";

/// The attributes of one object in a body.
pub(super) struct Input<'a> {
    map: &'a Map<String, Value>,
    resource: &'static str,
    violations: &'a mut Violations,
}

/// A nested reference: a bare id, `{"id": n}`, or a name where the resource allows one (API reference 2.3).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reference {
    Id(u64),
    Name(String),
}

impl Reference {
    /// Reads a reference from JSON; an id wins over a name.
    pub(super) fn read(value: &Value) -> Option<Reference> {
        match value {
            Value::Number(id) => id.as_u64().map(Reference::Id),
            Value::Object(map) => match (map.get("id"), map.get("name")) {
                (Some(id), _) if !id.is_null() => id.as_u64().map(Reference::Id),
                (_, Some(Value::String(name))) => Some(Reference::Name(name.clone())),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'a> Input<'a> {
    pub(super) fn new(
        map: &'a Map<String, Value>,
        resource: &'static str,
        violations: &'a mut Violations,
    ) -> Input<'a> {
        Input {
            map,
            resource,
            violations,
        }
    }

    /// The raw value of a key that is present.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    /// Notes a fault of one attribute.
    pub(super) fn fault(&mut self, field: &'static str, message: impl Into<String>) {
        self.violations.add(self.resource, field, message);
    }

    fn wrong_type(&mut self, field: &'static str) {
        self.fault(field, WRONG_TYPE);
    }

    /// Text that may be null.
    pub(super) fn text(&mut self, key: &'static str, slot: &mut Option<String>) {
        match self.map.get(key) {
            None => {}
            Some(Value::Null) => *slot = None,
            Some(Value::String(text)) => *slot = Some(text.clone()),
            Some(_) => self.wrong_type(key),
        }
    }

    /// Text that must stand there in the end: `null`, blank, and absence at creation are faults.
    pub(super) fn required_text(&mut self, key: &'static str, slot: &mut String) {
        match self.map.get(key) {
            None => {}
            Some(Value::String(text)) => *slot = text.clone(),
            Some(Value::Null) => slot.clear(),
            Some(_) => return self.wrong_type(key),
        }
        if slot.trim().is_empty() {
            self.fault(key, format!("{key} is required"));
        }
    }

    /// A calendar date that may be null.
    pub(super) fn date(&mut self, key: &'static str, slot: &mut Option<Date>) {
        match self.map.get(key) {
            None => {}
            Some(Value::Null) => *slot = None,
            Some(Value::String(text)) => match text.parse() {
                Ok(date) => *slot = Some(date),
                Err(_) => self.wrong_type(key),
            },
            Some(_) => self.wrong_type(key),
        }
    }

    /// An instant that may be null, kept in whole seconds.
    pub(super) fn instant(&mut self, key: &'static str, slot: &mut Option<Timestamp>) {
        match self.map.get(key) {
            None => {}
            Some(Value::Null) => *slot = None,
            Some(Value::String(text)) => match super::clock::parse(text) {
                Some(at) => *slot = Some(super::clock::whole_second(at)),
                None => self.wrong_type(key),
            },
            Some(_) => self.wrong_type(key),
        }
    }

    /// A boolean; `null` is a fault.
    pub(super) fn boolean(&mut self, key: &'static str, slot: &mut bool) {
        match self.map.get(key) {
            None => {}
            Some(Value::Bool(value)) => *slot = *value,
            Some(_) => self.wrong_type(key),
        }
    }

    /// A whole number that may be null.
    pub(super) fn integer(&mut self, key: &'static str, slot: &mut Option<i64>) {
        match self.map.get(key) {
            None => {}
            Some(Value::Null) => *slot = None,
            Some(value) => match value.as_i64() {
                Some(number) => *slot = Some(number),
                None => self.wrong_type(key),
            },
        }
    }

    /// One of `allowed`, or null. A case other than the listed one is refused.
    pub(super) fn choice(
        &mut self,
        key: &'static str,
        allowed: &[&str],
        slot: &mut Option<String>,
    ) {
        let mut chosen = slot.clone();
        self.text(key, &mut chosen);
        match chosen {
            Some(text) if self.map.contains_key(key) && !allowed.contains(&text.as_str()) => {
                self.fault(key, format!("{key} must be one of {}", allowed.join(", ")));
            }
            chosen => *slot = chosen,
        }
    }

    /// One of `allowed`, which must stand there in the end.
    pub(super) fn required_choice(
        &mut self,
        key: &'static str,
        allowed: &[&str],
        slot: &mut String,
    ) {
        match self.map.get(key) {
            Some(Value::String(text)) if allowed.contains(&text.as_str()) => *slot = text.clone(),
            Some(Value::String(_)) => {
                self.fault(key, format!("{key} must be one of {}", allowed.join(", ")))
            }
            Some(Value::Null) => self.fault(key, format!("{key} is required")),
            Some(_) => self.wrong_type(key),
            None if slot.is_empty() => self.fault(key, format!("{key} is required")),
            None => {}
        }
    }

    /// A reference that may be null: `None` when absent or faulty, `Some(None)` for null.
    pub(super) fn reference(&mut self, key: &'static str) -> Option<Option<Reference>> {
        match self.map.get(key)? {
            Value::Null => Some(None),
            value => match Reference::read(value) {
                Some(reference) => Some(Some(reference)),
                None => {
                    self.wrong_type(key);
                    None
                }
            },
        }
    }

    /// A reference by id that may be null. `exists` says whether the record is there; a name is never one.
    pub(super) fn reference_by_id(
        &mut self,
        key: &'static str,
        what: &'static str,
        slot: &mut Option<u64>,
        exists: impl FnOnce(u64) -> bool,
    ) {
        match self.reference(key) {
            None => {}
            Some(None) => *slot = None,
            Some(Some(Reference::Id(id))) if exists(id) => *slot = Some(id),
            Some(Some(_)) => self.fault(key, format!("{what} not found")),
        }
    }

    /// A reference by id that must stand there in the end. Ids are positive: 0 in the slot means that there is none yet.
    pub(super) fn required_reference(
        &mut self,
        key: &'static str,
        what: &'static str,
        slot: &mut u64,
        exists: impl FnOnce(u64) -> bool,
    ) {
        match self.reference(key) {
            Some(Some(Reference::Id(id))) if exists(id) => *slot = id,
            Some(Some(_)) => self.fault(key, format!("{what} not found")),
            Some(None) => self.fault(key, format!("{key} is required")),
            None if *slot == 0 && !self.map.contains_key(key) => {
                self.fault(key, format!("{key} is required"))
            }
            None => {}
        }
    }
}
