//! Rows from the vendor's text to the caller's in one go, without a tree between. It does what reading, [`check`](super::check) as an answer
//! and writing do one after the other; what it can't do that way it leaves to them, and says nothing of its own.

use super::check::{self, empty, required};
use super::json;
use super::shape::{Bounds, Field, Hints, Record, Shape};
use capsule_json::{Reader, Token};
use serde_json::{Map, Value};

/// How a row is brought to the contract's spelling before it is checked.
#[derive(Clone, Copy)]
pub struct Spelling<'a> {
    /// What is read or changed: the rest of a row need not be looked at for it.
    pub keys: &'a [&'static str],
    /// Does it, on an object with no more than those keys.
    pub spell: &'a dyn Fn(&mut Value),
}

impl Spelling<'_> {
    /// The contract's spelling is the vendor's.
    pub const NONE: Spelling<'static> = Spelling {
        keys: &[],
        spell: &|_| (),
    };
}

/// What there was in an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Rows in it.
    pub rows: usize,
    /// Rows that were written.
    pub written: usize,
    /// Of all pages, where the vendor counts.
    pub total: Option<u64>,
}

/// Which rows of an envelope are wanted.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Under which key they stand.
    pub key: &'a str,
    /// How many are passed over.
    pub skip: usize,
    /// How many are written at most.
    pub most: usize,
    /// What a row is.
    pub row: &'static Record,
    /// What has to be done to it.
    pub spelling: Spelling<'a>,
}

/// Appends the JSON of the rows to `out`, with a comma before each but the first there. None, and nothing appended, where the text is not
/// as expected in any way: reading it as a tree tells what is wrong, if anything is. What is passed over has to end, and no more.
pub fn pass(text: &[u8], wanted: &Wanted<'_>, out: &mut String) -> Option<Passed> {
    let mut passing = Passing {
        reader: Reader::new(text),
        out: Vec::with_capacity(text.len()),
    };
    let passed = passing.envelope(wanted)?;
    let rows = std::str::from_utf8(&passing.out).ok()?;
    if !rows.is_empty() {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(rows);
    }
    Some(passed)
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Null,
    Something,
}

/// From one text to the other. Each method gives none where it is better left to the tree.
struct Passing<'a> {
    reader: Reader<'a>,
    out: Vec<u8>,
}

impl Passing<'_> {
    fn envelope(&mut self, wanted: &Wanted<'_>) -> Option<Passed> {
        let mut found = None;
        let mut total = None;
        let Token::Object = self.reader.value()? else {
            return None;
        };
        while let Some(key) = self.reader.key()? {
            if *key == *wanted.key.as_bytes() {
                if found.is_some() {
                    return None;
                }
                found = Some(self.rows(wanted)?);
            } else if *key == *b"meta" {
                let meta = self.reader.tree()?;
                total = meta.get("totalCount").and_then(Value::as_u64);
            } else {
                self.reader.skip()?;
            }
        }
        let found = found?;
        self.reader.ended().then_some(Passed { total, ..found })
    }

    fn rows(&mut self, wanted: &Wanted<'_>) -> Option<Passed> {
        let Token::List = self.reader.value()? else {
            return None;
        };
        let mut passed = Passed::default();
        while self.reader.item()? {
            if passed.rows >= wanted.skip && passed.written < wanted.most {
                if passed.written > 0 {
                    self.out.push(b',');
                }
                let Token::Object = self.reader.value()? else {
                    return None;
                };
                self.record(wanted.row, wanted.spelling)?;
                passed.written += 1;
            } else {
                self.reader.skip()?;
            }
            passed.rows += 1;
        }
        Some(passed)
    }

    fn value(&mut self, shape: &Shape) -> Option<Is> {
        let mut shape = shape;
        while let Shape::Option(inner) | Shape::Change(inner) = shape {
            shape = inner;
        }
        match (self.reader.value()?, shape) {
            (Token::Null, _) => {
                self.out.extend_from_slice(b"null");
                return Some(Is::Null);
            }
            (Token::Boolean(value), Shape::Boolean) => {
                let text = if value { "true" } else { "false" };
                self.out.extend_from_slice(text.as_bytes());
            }
            (Token::Whole(number, text), Shape::Integer(Bounds { least, most }))
                if (*least..=*most).contains(&number) && *text != *b"-0" =>
            {
                self.out.extend_from_slice(text);
            }
            (Token::Whole(_, text) | Token::Number(text), Shape::Number) => {
                let number = capsule_json::parse(text).ok()?.as_f64()?;
                self.tree(&Value::Number(json::number(number)?));
            }
            (Token::Text(text), Shape::Text) => self.text(text),
            (Token::Escaped(text), Shape::Text) => self.tree(&Value::String(text)),
            (Token::Text(text), Shape::Enum(all))
                if all.cases.iter().any(|(case, _)| case.as_bytes() == text) =>
            {
                self.text(text);
            }
            (Token::List, Shape::List(item)) => {
                self.out.push(b'[');
                let first = self.out.len();
                while self.reader.item()? {
                    if self.out.len() > first {
                        self.out.push(b',');
                    }
                    if self.value(item)? == Is::Null {
                        return None;
                    }
                }
                self.out.push(b']');
            }
            (Token::Object, Shape::Record(record)) => self.record(record, Spelling::NONE)?,
            _ => return None,
        }
        Some(Is::Something)
    }

    /// Nothing in it is escaped, nor needs to be.
    fn text(&mut self, text: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    fn tree(&mut self, value: &Value) {
        self.out
            .extend_from_slice(capsule_json::text(value).as_bytes());
    }

    /// A record of which the beginning was read.
    fn record(&mut self, record: &Record, spelling: Spelling<'_>) -> Option<()> {
        let mut fields = Fields::new(record, &mut self.out)?;
        let mut given = 0;
        // What the spelling wants to see.
        let mut seen = Map::new();
        while let Some(key) = self.reader.key()? {
            if let Some(key) = spelling.keys.iter().find(|one| one.as_bytes() == &*key) {
                // The last of several counts, as in a tree.
                seen.insert((*key).to_owned(), self.reader.tree()?);
                continue;
            }
            let Some((bit, field)) = fields.field(&key) else {
                self.reader.skip()?;
                continue;
            };
            if given & bit != 0 {
                return None;
            }
            given |= bit;
            let before = fields.begin(field, &mut self.out);
            let is = if plain(&field.shape, field.hints) {
                self.value(&field.shape)?
            } else {
                let value = self.reader.tree()?;
                fields.tree(field, value, &mut self.out)?
            };
            fields.end(before, bit, is, &mut self.out);
        }
        if !spelling.keys.is_empty() {
            let mut row = Value::Object(seen);
            (spelling.spell)(&mut row);
            for (key, value) in json::object(row) {
                if let Some((bit, field)) = fields.field(key.as_bytes()) {
                    let before = fields.begin(field, &mut self.out);
                    let is = fields.tree(field, value, &mut self.out)?;
                    fields.end(before, bit, is, &mut self.out);
                }
            }
        }
        fields.close(&mut self.out)
    }
}

/// It can be written as it comes. Others are few: what is one of several forms, what has keys of the account, what is any JSON.
fn plain(shape: &Shape, hints: &Hints) -> bool {
    match shape {
        Shape::Option(inner) | Shape::Change(inner) => plain(inner, hints),
        Shape::List(item) => plain(item, &Hints::NONE),
        Shape::Json | Shape::Bytes | Shape::Map(_) | Shape::Variant(_) => false,
        _ => !hints.digits_are_id,
    }
}

/// The fields of a record that is being written.
struct Fields<'a> {
    record: &'a Record,
    /// Where the first one begins.
    first: usize,
    /// A bit for each that was written.
    written: u64,
}

impl<'a> Fields<'a> {
    fn new(record: &'a Record, out: &mut Vec<u8>) -> Option<Self> {
        if record.fields.len() > 64 {
            return None;
        }
        out.push(b'{');
        Some(Self {
            record,
            first: out.len(),
            written: 0,
        })
    }

    fn field(&self, key: &[u8]) -> Option<(u64, &'a Field)> {
        let mut fields = self.record.fields.iter().enumerate();
        let (index, field) = fields.find(|(_, field)| field.json.as_bytes() == key)?;
        Some((1 << index, field))
    }

    /// Writes the key, and tells where to go back to.
    fn begin(&self, field: &Field, out: &mut Vec<u8>) -> usize {
        let before = out.len();
        if before > self.first {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(field.json.as_bytes());
        out.extend_from_slice(b"\":");
        before
    }

    /// Writes a value that is there as a tree. None if it is not what it should be.
    fn tree(&self, field: &Field, mut value: Value, out: &mut Vec<u8>) -> Option<Is> {
        if value.is_null() {
            return Some(Is::Null);
        }
        if !check::answered(field, &mut value) {
            return None;
        }
        out.extend_from_slice(capsule_json::text(&value).as_bytes());
        Some(Is::Something)
    }

    /// Keeps what was written since, or takes it back.
    fn end(&mut self, before: usize, bit: u64, is: Is, out: &mut Vec<u8>) {
        match is {
            Is::Something => self.written |= bit,
            Is::Null => out.truncate(before),
        }
    }

    /// Fills in what is left out. None if that can't be.
    fn close(self, out: &mut Vec<u8>) -> Option<()> {
        for (index, field) in self.record.fields.iter().enumerate() {
            if self.written & (1 << index) != 0
                || matches!(field.shape, Shape::Option(_) | Shape::Change(_))
            {
                continue;
            }
            match empty(field) {
                Some(value) => {
                    self.begin(field, out);
                    out.extend_from_slice(capsule_json::text(&value).as_bytes());
                }
                None if required(&field.shape) => return None,
                None => {}
            }
        }
        out.push(b'}');
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn field(json: &'static str, shape: Shape) -> Field {
        Field {
            json,
            doc: "",
            shape,
            hints: &Hints::NONE,
        }
    }

    static FIELDS: [Field; 5] = [
        field("id", Shape::Integer(&Bounds { least: 0, most: 99 })),
        field("name", Shape::Text),
        field("description", Shape::Option(&Shape::Text)),
        field("share", Shape::Option(&Shape::Number)),
        field("more", Shape::Option(&Shape::Json)),
    ];
    static TEAM: Record = Record::new("Team", "", &FIELDS);

    fn passed(text: &[u8], spelling: Spelling<'_>) -> Option<String> {
        let wanted = Wanted {
            key: "teams",
            skip: 0,
            most: 9,
            row: &TEAM,
            spelling,
        };
        let mut out = String::new();
        pass(text, &wanted, &mut out).map(|_| out)
    }

    fn plain(text: &str) -> Option<String> {
        passed(text.as_bytes(), Spelling::NONE)
    }

    #[test]
    fn rows_keep_their_order_and_lose_what_is_not_known() {
        let told = plain(
            r#"{"teams": [{"name": "a\"\u00fc", "id": 2, "x": [{"y": 1}], "description": null}, {"id": 3.0e0, "name": ""}]}"#,
        );
        assert_eq!(told, None, "a whole number with a fraction is for the tree");
        let told = plain(
            r#"{"teams": [{"name": "a\"\u00fc", "id": 2, "x": [{"y": 1}], "description": null}, {"id": 3, "share": 0.50, "name": "ü"}, {"id": 4, "share": 2.0}]}"#,
        );
        let expected = r#"{"name":"a\"ü","id":2},{"id":3,"share":0.5,"name":"ü"},{"id":4,"share":2,"name":""}"#;
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_not_as_expected_is_left_to_the_tree() {
        for text in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"teams": null}"#,
            r#"{"teams": {}}"#,
            r#"{"teams": [null]}"#,
            r#"{"teams": [[]]}"#,
            r#"{"teams": [{"name": "no id"}]}"#,
            r#"{"teams": [{"id": 100, "name": ""}]}"#,
            r#"{"teams": [{"id": 1, "share": "1"}]}"#,
            r#"{"teams": [{"id": "1", "name": ""}]}"#,
            r#"{"teams": [{"id": -1, "name": ""}]}"#,
            r#"{"teams": [{"id": 18446744073709551615, "name": ""}]}"#,
            r#"{"teams": [{"id": 1, "name": {}}]}"#,
            r#"{"teams": [{"id": 1, "name": true}]}"#,
            r#"{"teams": [{"id": 1, "name": "a", "name": "b"}]}"#,
            r#"{"teams": [{"id": 1, "name": "\ud800"}]}"#,
            r#"{"teams": [], "teams": []}"#,
            r#"{"teams": []} {}"#,
            r#"{"teams": [{"id": 1, "name": "a"}"#,
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
        assert_eq!(
            passed(
                b"{\"teams\": [{\"id\": 1, \"name\": \"\xff\"}]}",
                Spelling::NONE
            ),
            None
        );
        assert_eq!(plain(r#"{"teams": []}"#).as_deref(), Some(""));
    }

    #[test]
    fn what_passed_can_be_read_as_a_tree_however_deep_it_is() {
        let mut passed = 0;
        for depth in 1..140 {
            let deep = "[".repeat(depth) + &"]".repeat(depth);
            let rows = plain(&format!(r#"{{"teams": [{{"id": 1, "more": {deep}}}]}}"#));
            if let Some(rows) = rows {
                let page = format!(r#"{{"items":[{{"team":{rows}}}]}}"#);
                assert!(capsule_json::parse(page.as_bytes()).is_ok(), "{depth}");
                passed += 1;
            }
        }
        assert_eq!(passed, 100);
    }

    #[test]
    fn a_spelling_sees_its_keys_alone() {
        let spelling = Spelling {
            keys: &["id", "title"],
            spell: &|row| {
                assert_eq!(*row, serde_json::json!({"id": 5, "title": "x"}));
                *row = serde_json::json!({"id": 5, "name": "x5", "title": "x"});
            },
        };
        let told = passed(br#"{"teams": [{"z": 1, "title": "x", "id": 5}]}"#, spelling);
        assert_eq!(told.as_deref(), Some(r#"{"id":5,"name":"x5"}"#));
    }

    proptest! {
        #[test]
        fn any_bytes_pass_or_do_not(bytes: Vec<u8>, at in 0usize..60, with: u8) {
            let _ = passed(&bytes, Spelling::NONE);
            let mut text = br#"{"teams": [{"id": 5, "name": "a"}], "meta": {"totalCount": 1}}"#.to_vec();
            if let Some(byte) = text.get_mut(at) {
                *byte = with;
            }
            let _ = passed(&text, Spelling::NONE);
        }
    }
}
