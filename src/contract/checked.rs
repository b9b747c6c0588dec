//! What is checked and passed on.

use super::json::Json;
use super::shape::Shape;
use serde_json::Value;
use std::marker::PhantomData;

/// The JSON of a `T`, which a check has let pass. A record on its way from the vendor to the caller stays JSON: turning it into the model
/// and back would change nothing, and cost time for each record and code for each type.
#[derive(Debug)]
pub struct Checked<T> {
    json: Value,
    of: PhantomData<fn() -> T>,
}

impl<T: Json> Checked<T> {
    /// What stands under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.json.get(key)
    }

    /// As the model has it.
    #[must_use]
    pub fn into_model(self) -> T {
        T::from_json(self.json)
    }
}

impl<T: Json> Json for Checked<T> {
    const SHAPE: Shape = T::SHAPE;
    fn from_json(json: Value) -> Self {
        Self {
            json,
            of: PhantomData,
        }
    }
    fn to_json(self) -> Value {
        self.json
    }
}
