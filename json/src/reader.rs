//! JSON read piece by piece, where no tree is wanted.

use hifijson::num::{Lex as _, LexWrite as _};
use hifijson::str::Lex as _;
use hifijson::token::Lex as _;
use hifijson::{Expect, Read as _, SliceLexer, Write as _};
use serde_json::Value;
use std::borrow::Cow;

/// Deepest nesting that is passed over or read as a tree. Trees may be 127 deep, but what is read here may stand deeper in what is written
/// of it, which has to be readable in turn.
const DEEPEST: usize = 100;

/// What begins a value, or is the whole of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Token<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number without fraction and exponent, and how it is written.
    Whole(i64, &'a [u8]),
    /// Any other number, as it is written.
    Number(&'a [u8]),
    /// What stands between the quotes: nothing in it is escaped. Whether it is UTF-8 is not known.
    Text(&'a [u8]),
    /// A text in which something is escaped, read.
    Escaped(String),
    /// `[`: while there is another [`item`](Reader::item), a value follows.
    List,
    /// `{`: while there is another [`key`](Reader::key), a value follows.
    Object,
}

/// Reads JSON from its beginning to its end. Each method gives none where the text is not what it reads; what comes after that means
/// nothing.
pub struct Reader<'a> {
    lexer: SliceLexer<'a>,
    /// Nothing was read of the innermost list or object.
    fresh: bool,
}

impl<'a> Reader<'a> {
    /// Of this text.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            lexer: SliceLexer::new(text),
            fresh: false,
        }
    }

    /// A value, or the beginning of one.
    pub fn value(&mut self) -> Option<Token<'a>> {
        Some(match self.lexer.ws_peek()? {
            b'"' => match self.text()? {
                Cow::Borrowed(text) => Token::Text(text),
                Cow::Owned(text) => Token::Escaped(String::from_utf8(text).ok()?),
            },
            b'[' => {
                self.begin();
                Token::List
            }
            b'{' => {
                self.begin();
                Token::Object
            }
            b'-' | b'0'..=b'9' => self.number()?,
            _ => match self.lexer.null_or_bool()? {
                None => Token::Null,
                Some(value) => Token::Boolean(value),
            },
        })
    }

    /// Whether there is another item of the list. If there is none, the list is read.
    pub fn item(&mut self) -> Option<bool> {
        self.more(b']')
    }

    /// The next key of the object. If there is none, the object is read.
    pub fn key(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        if !self.more(b'}')? {
            return Some(None);
        }
        let key = match self.lexer.ws_peek()? {
            b'"' => self.text()?,
            _ => return None,
        };
        self.lexer.expect(SliceLexer::ws_peek, b':')?;
        Some(Some(key))
    }

    /// Passes over a value.
    pub fn skip(&mut self) -> Option<()> {
        self.raw().map(drop)
    }

    /// A value, whatever it is.
    pub fn tree(&mut self) -> Option<Value> {
        super::parse(self.raw()?).ok()
    }

    /// Nothing but white space is left.
    pub fn ended(&mut self) -> bool {
        self.lexer.ws_peek().is_none()
    }

    fn begin(&mut self) {
        self.lexer.take_next();
        self.fresh = true;
    }

    /// Passes over the comma before what comes, or over the end.
    fn more(&mut self, end: u8) -> Option<bool> {
        let fresh = std::mem::take(&mut self.fresh);
        let next = self.lexer.ws_peek()?;
        if next == end {
            self.lexer.take_next();
            return Some(false);
        }
        if !fresh {
            self.lexer.expect(|_| Some(next), b',')?;
        }
        Some(true)
    }

    /// What stands between quotes, of which the first comes next.
    fn text(&mut self) -> Option<Cow<'a, [u8]>> {
        let before = self.lexer.as_slice();
        self.lexer.take_next();
        let mut text: &[u8] = &[];
        let special = |byte| matches!(byte, b'"' | b'\\' | 0..=0x1F);
        self.lexer.write_until(&mut text, special);
        match self.lexer.take_next()? {
            b'"' => Some(Cow::Borrowed(text)),
            b'\\' => {
                self.lexer = SliceLexer::new(before);
                match self.tree()? {
                    Value::String(text) => Some(Cow::Owned(text.into_bytes())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Token<'a>> {
        let (text, parts) = self.lexer.num_bytes().validated().ok()?;
        let whole = || std::str::from_utf8(text).ok()?.parse().ok();
        Some(match parts.is_int().then(whole).flatten() {
            Some(number) => Token::Whole(number, text),
            None => Token::Number(text),
        })
    }

    /// A value as it is written.
    fn raw(&mut self) -> Option<&'a [u8]> {
        self.lexer.eat_whitespace();
        let before = self.lexer.as_slice();
        skip(&mut self.lexer, DEEPEST)?;
        before.get(..before.len() - self.lexer.as_slice().len())
    }
}

/// Passes over a value that is nested no deeper than that.
fn skip(lexer: &mut SliceLexer<'_>, depth: usize) -> Option<()> {
    let next = lexer.ws_peek()?;
    // What is within a list or an object.
    let deeper = match next {
        b'[' | b'{' => depth.checked_sub(1)?,
        _ => 0,
    };
    let within = |lexer: &mut _| skip(lexer, deeper).ok_or(Expect::Value);
    match next {
        b'"' => lexer.discarded().str_ignore().ok(),
        b'[' => lexer
            .discarded()
            .seq(b']', SliceLexer::ws_peek, |_, lexer| within(lexer))
            .ok(),
        b'{' => lexer
            .discarded()
            .seq(b'}', SliceLexer::ws_peek, |next, lexer| {
                lexer.expect(|_| Some(next), b'"').ok_or(Expect::String)?;
                lexer.str_ignore().map_err(|_| Expect::String)?;
                lexer
                    .expect(SliceLexer::ws_peek, b':')
                    .ok_or(Expect::Colon)?;
                within(lexer)
            })
            .ok(),
        b'-' | b'0'..=b'9' => lexer.num_ignore().validate().ok().map(drop),
        _ => lexer.null_or_bool().map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;

    /// What the pieces make.
    fn whole(reader: &mut Reader<'_>, depth: usize) -> Option<Value> {
        if depth == 0 {
            return None;
        }
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(match reader.value()? {
            Token::Null => Value::Null,
            Token::Boolean(value) => value.into(),
            Token::Whole(number, text) => {
                assert_eq!(std::str::from_utf8(text).unwrap().parse(), Ok(number));
                // As a tree has it.
                if text == b"-0" {
                    (-0.0).into()
                } else {
                    number.into()
                }
            }
            Token::Number(text) => serde_json::from_slice(text).ok()?,
            Token::Text(text) => utf8(text)?.into(),
            Token::Escaped(text) => text.into(),
            Token::List => {
                let mut list = Vec::new();
                while reader.item()? {
                    list.push(whole(reader, depth - 1)?);
                }
                list.into()
            }
            Token::Object => {
                let mut object = Map::new();
                while let Some(key) = reader.key()? {
                    object.insert(utf8(&key)?, whole(reader, depth - 1)?);
                }
                object.into()
            }
        })
    }

    fn by_pieces(text: &[u8]) -> Option<Value> {
        let mut reader = Reader::new(text);
        let value = whole(&mut reader, 128)?;
        reader.ended().then_some(value)
    }

    fn as_a_tree(text: &[u8]) -> Option<Value> {
        let mut reader = Reader::new(text);
        let value = reader.tree()?;
        reader.ended().then_some(value)
    }

    fn passed_over(text: &[u8]) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().is_some() && reader.ended()
    }

    fn alike(text: &[u8]) {
        let known = crate::parse(text).ok();
        let told = String::from_utf8_lossy(text);
        assert_eq!(by_pieces(text), known, "{told}");
        assert_eq!(as_a_tree(text), known, "{told}");
        assert!(known.is_none() || passed_over(text), "{told}");
    }

    #[test]
    fn json_is_read_as_a_tree_has_it() {
        for text in [
            " {\"a\" : [ ] , \"b\\u0063\\\"\":{ \"c\":[1 ,-2, 0.50,1e3, null,true ,false]}}\n",
            "\"\\ud83e\\udd80 \\n\"",
            "[[],[[]],{},{\"a\":{}}]",
            "-0",
            "18446744073709551615",
            "9223372036854775807",
            "-9223372036854775808",
            "\"\"",
        ] {
            assert!(crate::parse(text.as_bytes()).is_ok(), "{text}");
            alike(text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in [
            "",
            " ",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            ".5",
            "nul",
            "True",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"\\ud800\"",
            "1 1",
            "]",
        ] {
            assert!(crate::parse(text.as_bytes()).is_err(), "{text}");
            alike(text.as_bytes());
        }
        assert_eq!(by_pieces(b"\"\xff\""), None);
    }

    #[test]
    fn what_is_nested_too_deeply_is_not_passed_over() {
        for (depth, fits) in [(100, true), (101, false), (1_000_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(passed_over(text.as_bytes()), fits, "{depth}");
            assert_eq!(as_a_tree(text.as_bytes()).is_some(), fits, "{depth}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_a_tree_has_them(bytes: Vec<u8>) {
            alike(&bytes);
        }

        #[test]
        fn what_is_nearly_json_is_read_as_a_tree_has_it(
            text in r#"[\[\]{},:"a0.e\\u \-]{0,12}|(\{"[ab]":|\[|"[a\\"u0]{0,6}"|[0-9.e\-]{1,4}|true|null|,| ){1,8}[\]}]{0,4}"#,
        ) {
            alike(text.as_bytes());
        }
    }
}
