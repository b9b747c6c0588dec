//! What may be printed. Texts come from Capsule's records and from files, and a terminal obeys some of the characters in them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

/// A text that a terminal shows and does not obey: control characters, and those that turn the direction of writing, are escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_obeyed(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// The beginning of a text, for a message.
pub(crate) fn brief(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut letters = text.chars();
    let head: String = letters.by_ref().take(SHOWN).collect();
    let head = plain(&head).into_owned();
    if letters.next().is_some() {
        format!("{head}…")
    } else {
        head
    }
}

/// Control characters of ASCII and of Latin-1 (some terminals take U+009B for ESC `[`), and the characters that override the
/// direction of writing, by which one text can be made to look like another.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON on standard output: indented for a person, one line for a program.
pub(crate) fn print_json(value: &impl Serialize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let text = if out.is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    writeln!(out, "{}", escape_json(&text))?;
    out.flush()
}

/// JSON that a terminal does not obey. serde_json escapes what is below U+0020; the rest can stand only inside of strings, where an
/// escape means the same.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    let unsafe_here = |letter: char| letter != '\n' && is_obeyed(letter);
    if !json.chars().any(unsafe_here) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        if unsafe_here(letter) {
            // All of them are in the basic plane: one unit is enough.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a person reads standard output.
pub(crate) fn is_read_by_a_person() -> bool {
    std::io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_in_a_name_is_shown_and_not_obeyed() {
        assert_eq!(plain("Zoë \u{1b}[2J"), "Zoë \\u{1b}[2J");
        assert_eq!(plain("a\u{9b}31m"), "a\\u{9b}31m");
        assert_eq!(plain("evil\u{202e}txt.exe"), "evil\\u{202e}txt.exe");
    }

    #[test]
    fn json_keeps_its_meaning_when_it_is_made_safe() {
        let value = serde_json::json!({"name": "a\u{9b}b\u{7f}\u{202e}c", "about": "two\nlines"});
        let json = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape_json(&json);
        assert!(
            !escaped
                .chars()
                .any(|letter| letter != '\n' && is_obeyed(letter)),
            "{escaped}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            value
        );
    }

    #[test]
    fn a_long_text_is_cut_where_a_letter_ends() {
        let text = "é".repeat(200);
        assert_eq!(brief(&text).chars().count(), 81);
    }
}
