//! The types of the generated tables. One table both renders the schemas and checks inputs.

use super::check::Reading;
use super::checked::Output;
use super::layout::{self, Layout};
use crate::api::Client;
use crate::bindings::integration::connector::types::Error;
use serde_json::Value;
use std::pin::Pin;

/// A type as JSON sees it.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer(&'static Bounds),
    /// Any number.
    Number,
    /// A text.
    Text,
    /// Any JSON, which the model holds as its text.
    Json,
    /// Bytes, in base64.
    Bytes,
    /// An array.
    List(&'static Shape),
    /// May be left out or null.
    Option(&'static Shape),
    /// May be left out (stays as it is) or null (is cleared).
    Change(&'static Shape),
    /// An object whose keys are the first of two fields, and whose values the second.
    Map(&'static Record),
    /// An object.
    Record(&'static Record),
    /// One text of several.
    Enum(&'static Enum),
    /// One of several forms.
    Variant(&'static Variant),
}

/// The bounds of a whole number. Behind a reference, so that a shape is two words: there are a thousand of them.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Smallest.
    pub least: i64,
    /// Largest.
    pub most: i64,
}

impl Bounds {
    /// Those that hold of a field: a caller is held to its range too.
    #[must_use]
    pub fn of(&self, reading: Reading, hints: &Hints) -> Self {
        match (reading, hints.range) {
            (Reading::Input, Some(range)) => Self {
                least: self.least.max(range.least),
                most: self.most.min(range.most),
            },
            _ => *self,
        }
    }
}

/// A record.
#[derive(Debug)]
pub struct Record {
    /// Its name in PascalCase.
    pub name: &'static str,
    /// Help.
    pub doc: &'static str,
    /// Its fields, in the order of the WIT.
    pub fields: &'static [Field],
    /// How it lies in memory.
    pub layout: Layout,
}

impl Record {
    /// A record of these fields.
    #[must_use]
    pub const fn new(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Self {
        Self {
            name,
            doc,
            fields,
            layout: layout::of_fields(fields),
        }
    }
}

/// A field of a record.
#[derive(Debug)]
pub struct Field {
    /// Its name in JSON.
    pub json: &'static str,
    /// Help.
    pub doc: &'static str,
    /// Its type.
    pub shape: Shape,
    /// What the tags say.
    pub hints: &'static Hints,
}

impl Field {
    /// Its name for people: `First name` for `firstName`.
    #[must_use]
    pub fn title(&self) -> String {
        if let Some(title) = self.hints.title {
            return title.to_owned();
        }
        let mut title = String::new();
        for letter in self.json.chars() {
            if title.is_empty() {
                title.push(letter.to_ascii_uppercase());
            } else {
                if letter.is_ascii_uppercase() {
                    title.push(' ');
                }
                title.push(letter.to_ascii_lowercase());
            }
        }
        title
    }
}

/// An enum.
#[derive(Debug)]
pub struct Enum {
    /// Its name in PascalCase.
    pub name: &'static str,
    /// Help.
    pub doc: &'static str,
    /// JSON name and help of each case.
    pub cases: &'static [(&'static str, &'static str)],
}

/// A variant.
#[derive(Debug)]
pub struct Variant {
    /// Its name in PascalCase.
    pub name: &'static str,
    /// Help.
    pub doc: &'static str,
    /// Its JSON is the payload alone; otherwise `{"case": payload}` or `"case"`.
    pub bare: bool,
    /// Its cases, in the order of the WIT.
    pub cases: &'static [Case],
    /// How it lies in memory.
    pub layout: Layout,
}

impl Variant {
    /// A variant of these cases.
    #[must_use]
    pub const fn new(
        name: &'static str,
        doc: &'static str,
        bare: bool,
        cases: &'static [Case],
    ) -> Self {
        Self {
            name,
            doc,
            bare,
            cases,
            layout: layout::of_cases(cases),
        }
    }
}

/// A case of a variant.
#[derive(Debug)]
pub struct Case {
    /// Its name in JSON.
    pub json: &'static str,
    /// Help.
    pub doc: &'static str,
    /// The payload's type.
    pub shape: Option<Shape>,
    /// What the tags say.
    pub hints: &'static Hints,
}

/// What the tags of a doc comment say.
#[derive(Debug)]
pub struct Hints {
    /// JSON Schema format.
    pub format: Option<&'static str>,
    /// Known values of an open text.
    pub values: &'static [&'static str],
    /// Used where the field is left out.
    pub default: Option<&'static str>,
    /// Bounds of a whole number.
    pub range: Option<&'static Bounds>,
    /// The field has choices.
    pub choices: Option<&'static Choices>,
    /// The name for people, where it does not follow from the name in JSON.
    pub title: Option<&'static str>,
    /// A text of digits is an id.
    pub digits_are_id: bool,
}

impl Hints {
    /// No tags.
    pub const NONE: Self = Self {
        format: None,
        values: &[],
        default: None,
        range: None,
        choices: None,
        title: None,
        digits_are_id: false,
    };
}

/// Where a form finds the options of a field.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// What is chosen.
    pub kind: &'static str,
    /// JSON name of the field beside it on which the choices depend.
    pub after: Option<&'static str>,
}

/// What a call does to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Deletes.
    Destructive,
}

/// A call under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + 'a>>;

/// An operation: what stands in the WIT, and the function that runs it.
#[derive(Debug)]
pub struct Operation {
    /// `interface.function`.
    pub id: &'static str,
    /// For menus.
    pub title: &'static str,
    /// Help beyond the title.
    pub help: &'static str,
    /// For menus.
    pub group: &'static str,
    /// Other ids.
    pub aliases: &'static [&'static str],
    /// What it does to the account.
    pub effect: Effect,
    /// Repeating it leaves the same state.
    pub repeat_safe: bool,
    /// What the token must allow.
    pub scopes: &'static [&'static str],
    /// Needs an administrator.
    pub administrator: bool,
    /// Takes `cursor`, gives `items` and `next`.
    pub paged: bool,
    /// The typed function.
    pub typed: &'static str,
    /// An input, as JSON: one that fits.
    pub example: &'static str,
    /// What it takes.
    pub input: Shape,
    /// What it gives; none is null.
    pub output: Option<Shape>,
    /// Runs it on a checked input.
    pub run: for<'a> fn(&'a Client, Value) -> Running<'a>,
}

/// A function of a neutral interface, which is exported and no operation.
#[derive(Debug)]
pub struct Function {
    /// `interface.function`.
    pub name: &'static str,
    /// Its parameters, as one record.
    pub input: Shape,
    /// What it gives, if it gives something.
    pub output: Option<Shape>,
}

/// A trigger: what stands in the WIT.
#[derive(Debug)]
pub struct Trigger {
    /// Such as `person.created`.
    pub id: &'static str,
    /// For menus.
    pub title: &'static str,
    /// Help beyond the title.
    pub help: &'static str,
    /// For menus.
    pub group: &'static str,
    /// Other ids.
    pub aliases: &'static [&'static str],
    /// The vendor's events behind it.
    pub hooks: &'static [&'static str],
    /// Where it is polled; none if it can't be.
    pub feed: Option<&'static str>,
    /// What the token must allow.
    pub scopes: &'static [&'static str],
    /// Its hooks need an administrator.
    pub administrator: bool,
    /// JSON name of its case in the variant of triggers.
    pub case: &'static str,
    /// Its options.
    pub input: Shape,
    /// JSON name of its case in the variant of what events carry.
    pub data: &'static str,
    /// What its events carry.
    pub output: Shape,
}
