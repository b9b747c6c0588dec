//! JSON in and out of the connector.
//!
//! A crate of its own for the compiler's sake: `serde_json` is generic, so its code is compiled with the flags of the crate that uses it.
//! What is here is half of what a call costs, and is compiled for speed; the rest of the guest is compiled for size.

pub mod base64;
mod reader;

pub use reader::{Reader, Token};

use serde_json::{Error, Value};

/// Reads one JSON value, and nothing but white space around it.
///
/// # Errors
/// What is wrong and where: line and column, each from 1. Values nested deeper than 128 are refused.
#[inline(never)]
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text)
}

/// Writes a value in its shortest form.
#[inline(never)]
#[must_use]
pub fn text(value: &Value) -> String {
    // Its keys are texts and its numbers finite: there is nothing that could not be written.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let text = r#"{"a":[1,-2,0.5,18446744073709551615,null,true],"b\"\n":{"ü":"\u0007 🦀"}}"#;
        assert_eq!(super::text(&parse(text.as_bytes()).unwrap()), text);
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place() {
        for (text, place) in [
            ("", "line 1 column 0"),
            ("{} {}", "line 1 column 4"),
            ("[1,\n2", "line 2 column 1"),
        ] {
            let told = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(told.ends_with(place), "{told}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse("[".repeat(129).as_bytes()).is_err());
    }
}
