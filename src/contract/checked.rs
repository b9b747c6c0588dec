//! What is checked and passed on.

use super::json::{self, Json};
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

/// What an operation gives.
#[derive(Debug)]
pub enum Output {
    /// As a tree.
    Tree(Value),
    /// As the text of it, where nothing had to become a tree.
    Text(String),
}

impl Output {
    /// The text of it.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Tree(tree) => capsule_json::text(&tree),
            Self::Text(text) => text,
        }
    }

    /// The tree of it.
    #[must_use]
    pub fn into_tree(self) -> Value {
        match self {
            Self::Tree(tree) => tree,
            Self::Text(text) => json::value_of(&text),
        }
    }
}

/// A page of the contract, which has passed a check on its way, as a tree or as text.
#[derive(Debug)]
pub struct Listed<T> {
    output: Output,
    empty: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: Json> Listed<T> {
    /// A page of so many rows, whose text this is.
    pub(crate) fn new(text: String, rows: usize) -> Self {
        Self {
            output: Output::Text(text),
            empty: rows == 0,
            of: PhantomData,
        }
    }

    /// It has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// As the model has it.
    #[must_use]
    pub fn into_model(self) -> T {
        T::from_json(self.output.into_tree())
    }
}

impl<T: Json> From<Checked<T>> for Listed<T> {
    fn from(page: Checked<T>) -> Self {
        let items = page.get("items").and_then(Value::as_array);
        Self {
            empty: items.is_none_or(Vec::is_empty),
            output: Output::Tree(page.json),
            of: PhantomData,
        }
    }
}

impl<T: Json> Json for Listed<T> {
    const SHAPE: Shape = T::SHAPE;
    fn from_json(json: Value) -> Self {
        Checked::from_json(json).into()
    }
    fn to_json(self) -> Value {
        self.output.into_tree()
    }
    fn output(self) -> Output {
        self.output
    }
}
