//! What a list's answers become: trees, or text where no tree is wanted.

use super::answer::Answer;
use super::call::Call;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Output, Reading, Record, Shape, Spelling, Wanted, check, pass};
use http::HeaderMap;
use serde_json::{Map, Value};

/// What becomes of the rows of an answer.
pub(super) trait Rows {
    /// Takes the rows from `skip` on, until there are `limit` of all pages.
    fn take(
        &mut self,
        call: &Call,
        response: &http::Response<Vec<u8>>,
        skip: usize,
        limit: usize,
    ) -> Result<Taken, Error>;

    /// How many there are.
    fn count(&self) -> usize;
}

/// What an answer gave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// Of all pages, where Capsule counts.
    pub(super) total: Option<u64>,
    /// The row at which the limit was reached, if it was within this answer.
    pub(super) stopped: Option<usize>,
}

/// Rows as trees.
pub(super) struct Trees<'a> {
    pub(super) key: &'a str,
    /// Which are wanted; all of them without it.
    pub(super) keep: Option<&'a dyn Fn(&Value) -> bool>,
    /// Under which key those of a deleted feed stand that the caller may no longer see.
    pub(super) restricted: Option<&'a str>,
    pub(super) rows: Vec<Value>,
}

impl Rows for Trees<'_> {
    fn take(
        &mut self,
        call: &Call,
        response: &http::Response<Vec<u8>>,
        skip: usize,
        limit: usize,
    ) -> Result<Taken, Error> {
        let headers = HeaderMap::new();
        let mut answer = Answer::read(call, response.status().as_u16(), headers, response.body())?;
        let mut taken = Taken {
            total: answer.total(),
            stopped: None,
        };
        let mut rows = answer.rows(call, self.key)?;
        if let Some(key) = self.restricted {
            rows.extend(restricted_rows(&mut answer, key));
        }
        for (index, row) in rows.into_iter().enumerate().skip(skip) {
            if self.rows.len() >= limit {
                taken.stopped = Some(index);
                break;
            }
            if self.keep.is_none_or(|keep| keep(&row)) {
                self.rows.push(row);
            }
        }
        Ok(taken)
    }

    fn count(&self) -> usize {
        self.rows.len()
    }
}

/// Rows as the text of what the contract makes of them. From the first answer that can't be read so, they are trees.
pub(super) struct Texts<'a> {
    /// What a row is; none from when on they are trees.
    row: Option<&'static Record>,
    spelling: Spelling<'a>,
    text: String,
    count: usize,
    trees: Trees<'a>,
}

impl<'a> Texts<'a> {
    /// None yet. Rows of a page that are no records are trees from the beginning.
    pub(super) fn new(page: &Shape, key: &'a str, spelling: Spelling<'a>) -> Self {
        Self {
            row: row_of(page),
            spelling,
            text: String::new(),
            count: 0,
            trees: Trees {
                key,
                keep: None,
                restricted: None,
                rows: Vec::new(),
            },
        }
    }

    /// The page of them, with what else it has. Text is checked, a tree is not.
    pub(super) fn into_page(mut self, page: &Shape, mut rest: Map<String, Value>) -> Output {
        if self.row.is_some() {
            if let Some(behind) = behind(page, &rest) {
                self.text.insert_str(0, "{\"items\":[");
                self.text.push_str(&behind);
                return Output::Text(self.text);
            }
            self.grow();
        }
        rest.insert("items".into(), self.trees.rows.into());
        Output::Tree(rest.into())
    }

    /// Goes on with trees.
    fn grow(&mut self) {
        self.row = None;
        let text = format!("[{}]", std::mem::take(&mut self.text));
        if let Ok(Value::Array(rows)) = capsule_json::parse(text.as_bytes()) {
            self.trees.rows = rows;
        }
    }
}

impl Rows for Texts<'_> {
    fn take(
        &mut self,
        call: &Call,
        response: &http::Response<Vec<u8>>,
        skip: usize,
        limit: usize,
    ) -> Result<Taken, Error> {
        if let Some(row) = self.row {
            let wanted = Wanted {
                key: self.trees.key,
                skip,
                most: limit.saturating_sub(self.count),
                row,
                spelling: self.spelling,
            };
            if let Some(passed) = pass(response.body(), &wanted, &mut self.text) {
                self.count += passed.written;
                let end = skip + passed.written;
                return Ok(Taken {
                    total: passed.total,
                    stopped: (end < passed.rows).then_some(end),
                });
            }
            self.grow();
        }
        let before = self.trees.rows.len();
        let taken = self.trees.take(call, response, skip, limit)?;
        let new = self.trees.rows.iter_mut().skip(before);
        new.for_each(self.spelling.spell);
        Ok(taken)
    }

    fn count(&self) -> usize {
        match self.row {
            Some(_) => self.count,
            None => self.trees.count(),
        }
    }
}

/// What the items of a page are, where they are records.
fn row_of(page: &Shape) -> Option<&'static Record> {
    let Shape::Record(page) = page else {
        return None;
    };
    let items = page.fields.iter().find(|field| field.json == "items")?;
    match items.shape {
        Shape::List(Shape::Record(row)) => Some(row),
        _ => None,
    }
}

/// What stands behind the items of a page, from their bracket on. None where it does not fit.
fn behind(page: &Shape, rest: &Map<String, Value>) -> Option<String> {
    let mut tree = Value::from(rest.clone());
    if !check(page, &mut tree, Reading::Answer).is_empty() {
        return None;
    }
    // A list that is left out is filled in.
    tree.as_object_mut()?.remove("items");
    let text = capsule_json::text(&tree);
    let comma = if text == "{}" { "" } else { "," };
    Some(format!("]{comma}{}", text.trim_start_matches('{')))
}

/// Records of a feed that the caller may no longer see.
fn restricted_rows(answer: &mut Answer, key: &str) -> Vec<Value> {
    let mut marked = Vec::new();
    if let Some(Value::Array(rows)) = answer.body.get(key) {
        marked.extend(rows.iter().filter_map(|row| {
            Some(serde_json::json!({"id": row.get("id")?, "isRestricted": true}))
        }));
    }
    marked
}
