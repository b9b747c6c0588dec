//! JSON pointers (RFC 6901) that make what they point to.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Map, Value};

/// Deeper than any input goes.
const MOST_TOKENS: usize = 16;

/// A place in an input that may not be there yet. Places are ordered so that a list's items come one after another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Key(String),
    Index(usize),
    /// `-`: the end of a list.
    End,
}

/// Why a text is no pointer, or why it leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPointer(&'static str);

impl fmt::Display for NoPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Pointer {
    /// Reads a pointer. It points to a part of something, never to the whole.
    pub(crate) fn parse(text: &str) -> Result<Self, NoPointer> {
        let text = text
            .strip_prefix('/')
            .ok_or(NoPointer("it must begin with a slash"))?;
        let mut tokens = Vec::new();
        for token in text.split('/') {
            if tokens.len() == MOST_TOKENS {
                return Err(NoPointer("it is too deep"));
            }
            let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
            tokens.push(match (token, token.parse()) {
                ("", _) => return Err(NoPointer("a part of it is empty")),
                ("-", _) => Token::End,
                (_, Ok(index)) if is_number => Token::Index(index),
                _ => Token::Key(unescape(token)?),
            });
        }
        Ok(Self(tokens))
    }

    /// The pointer without its first token, if that is this key.
    pub(crate) fn within(self, key: &str) -> Self {
        match self.0.as_slice() {
            [Token::Key(first), _, ..] if first == key => {
                Self(self.0.into_iter().skip(1).collect())
            }
            _ => self,
        }
    }
}

/// A value that grows by pointers. Set them in their order: an index that is not there yet is the next item, so that a list has no gaps
/// where a row's cells are empty.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    root: Value,
    /// Where the items stand, by the pointer that was asked for.
    items: HashMap<String, usize>,
}

impl Growing {
    /// Begins with what is there.
    pub(crate) fn new(root: Value) -> Self {
        Self {
            root,
            items: HashMap::new(),
        }
    }

    /// What it has become.
    pub(crate) fn finish(self) -> Value {
        self.root
    }

    /// Puts a value there, making the objects and lists on the way. Gives the pointer at which it stands.
    pub(crate) fn set(&mut self, pointer: &Pointer, value: Value) -> Result<String, NoPointer> {
        let mut place = &mut self.root;
        // Where it stands, and where it was asked for.
        let (mut at, mut asked) = (String::new(), String::new());
        for token in &pointer.0 {
            if place.is_null() {
                *place = match token {
                    // Custom fields stand in an object that is keyed by id or name.
                    Token::Index(_) if at == "/fields" => Value::Object(Map::new()),
                    Token::Index(_) | Token::End => Value::Array(Vec::new()),
                    Token::Key(_) => Value::Object(Map::new()),
                };
            }
            at.push('/');
            asked.push('/');
            place = match (place, token) {
                (Value::Object(object), Token::Key(key)) => {
                    at.push_str(&escape(key));
                    asked.push_str(&escape(key));
                    object.entry(key.clone()).or_insert(Value::Null)
                }
                (Value::Object(object), Token::Index(index)) => {
                    at.push_str(&index.to_string());
                    asked.push_str(&index.to_string());
                    object.entry(index.to_string()).or_insert(Value::Null)
                }
                (Value::Array(items), Token::Index(_) | Token::End) => {
                    let end = items.len();
                    let index = match token {
                        Token::Index(index) => {
                            asked.push_str(&index.to_string());
                            *self.items.entry(asked.clone()).or_insert(end.min(*index))
                        }
                        _ => end,
                    };
                    if index == end {
                        items.push(Value::Null);
                    }
                    at.push_str(&index.to_string());
                    items
                        .get_mut(index)
                        .ok_or(NoPointer("it is past the end of a list"))?
                }
                (Value::Array(_), Token::Key(_)) => {
                    return Err(NoPointer("it names a field where a list stands"));
                }
                (Value::Object(_), Token::End) => {
                    return Err(NoPointer("it counts where an object stands"));
                }
                _ => return Err(NoPointer("it leads into a value that has no parts")),
            };
        }
        if !place.is_null() {
            return Err(NoPointer("something stands there already"));
        }
        *place = value;
        Ok(at)
    }
}

/// A key as a part of a pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(token: &str) -> Result<String, NoPointer> {
    let mut key = String::with_capacity(token.len());
    let mut letters = token.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '~' => match letters.next() {
                Some('0') => key.push('~'),
                Some('1') => key.push('/'),
                _ => return Err(NoPointer("`~` must be followed by 0 or 1")),
            },
            other => key.push(other),
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn grow(root: Value, pointers: &[(&str, Value)]) -> Result<(Value, Vec<String>), NoPointer> {
        let mut growing = Growing::new(root);
        let mut places = Vec::new();
        for (pointer, value) in pointers {
            places.push(growing.set(&Pointer::parse(pointer)?, value.clone())?);
        }
        Ok((growing.finish(), places))
    }

    #[test]
    fn what_is_on_the_way_is_made() {
        let pointers = [
            ("/emailAddresses/0/address", json!("a@x.example")),
            ("/emailAddresses/1/address", json!("b@x.example")),
            ("/emailAddresses/1/type", json!("Work")),
            ("/tags/-", json!("VIP")),
            ("/fields/46", json!("x")),
            ("/fields/a~1b", json!("y")),
        ];
        let (value, places) = grow(Value::Null, &pointers).unwrap();
        assert_eq!(
            value,
            json!({
                "emailAddresses": [{"address": "a@x.example"}, {"address": "b@x.example", "type": "Work"}],
                "tags": ["VIP"],
                "fields": {"46": "x", "a/b": "y"},
            })
        );
        assert_eq!(places.get(3).unwrap(), "/tags/0");
    }

    #[test]
    fn a_list_has_no_gaps_and_the_pointer_that_is_given_back_is_the_true_one() {
        let (value, places) = grow(
            Value::Null,
            &[
                ("/a/3/b", json!(1)),
                ("/a/3/c", json!(2)),
                ("/a/99999999/b", json!(3)),
            ],
        )
        .unwrap();
        assert_eq!(value, json!({"a": [{"b": 1, "c": 2}, {"b": 3}]}));
        assert_eq!(places, ["/a/0/b", "/a/0/c", "/a/1/b"]);
    }

    #[test]
    fn an_item_that_is_there_is_added_to() {
        let root = json!({"emailAddresses": [{"address": "a@x.example"}]});
        let (value, _) = grow(root, &[("/emailAddresses/0/type", json!("Home"))]).unwrap();
        assert_eq!(
            value,
            json!({"emailAddresses": [{"address": "a@x.example", "type": "Home"}]})
        );
    }

    #[test]
    fn nothing_is_written_over() {
        let root = json!({"about": "x", "tags": []});
        for pointer in ["/about", "/about/z", "/tags/name", "/-"] {
            assert!(
                grow(root.clone(), &[(pointer, json!("y"))]).is_err(),
                "{pointer}"
            );
        }
    }

    #[test]
    fn a_pointer_that_is_too_deep_or_empty_is_refused() {
        assert!(Pointer::parse(&"/a".repeat(17)).is_err());
        for text in ["", "/", "a", "/a//b", "/~", "/~2"] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_records_own_place_may_be_written_or_left_away() {
        let person = |text: &str| Pointer::parse(text).unwrap().within("person");
        assert_eq!(person("/person/about"), person("/about"));
        assert_eq!(person("/person"), Pointer::parse("/person").unwrap());
    }

    proptest::proptest! {
        #[test]
        fn any_pointers_grow_a_value_or_are_refused(pointers in proptest::collection::vec("(/[a-c0-9~/-]{0,4}){0,4}", 0..6)) {
            let mut pointers: Vec<Pointer> = pointers.iter().filter_map(|text| Pointer::parse(text).ok()).collect();
            pointers.sort();
            let mut growing = Growing::default();
            let mut places = Vec::new();
            for pointer in &pointers {
                if let Ok(at) = growing.set(pointer, json!(1)) {
                    places.push(at);
                }
            }
            let value = growing.finish();
            for at in places {
                proptest::prop_assert_eq!(value.pointer(&at), Some(&json!(1)), "{}", at);
            }
        }
    }
}
