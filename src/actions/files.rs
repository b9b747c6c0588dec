//! Files on notes and e-mails (API reference 3.6).

use super::read::single;
use crate::api::{Call, Client, for_header, headers, invalid, malformed, too_large};
use crate::bindings::capsule::crm::types::{
    DownloadedFile, Entry, FilesForEntry, NewFile, UploadedFile,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Checked;
use crate::model::linked;
use http::HeaderValue;
use serde_json::{Value, json};

/// Largest file (API reference 3.6). Of the JSON face, where a file is a third larger, the limits of inputs and results come first.
const MOST_BYTES: usize = 25_000_000;

/// Upload a file.
///
/// # Errors
/// `too-large` and `invalid-input` before anything is sent, `outcome-unknown`, and what sending gives.
pub async fn upload(client: &Client, input: NewFile) -> Result<UploadedFile, Error> {
    if input.content.len() > MOST_BYTES {
        return Err(too_large(
            "The file is larger than 25 MB. Nothing was sent.",
        ));
    }
    if input.filename.trim().is_empty() {
        return Err(invalid("/filename", "required", "a file needs a name"));
    }
    let content_type = input.content_type_or_default().to_owned();
    if !is_media_type(&content_type) {
        let message = "a MIME type is expected, such as `application/pdf`";
        return Err(invalid("/contentType", "format", message));
    }
    let size = input.content.len() as u64;
    let call = Call::post(&["attachments", "upload"]);
    let mut answer = client
        .upload(
            &call,
            &for_header(&input.filename),
            &content_type,
            input.content,
        )
        .await?;
    let upload = answer.take(&call, "upload")?;
    let token = upload.get("token").and_then(Value::as_str);
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(malformed(&call, answer.status, "The upload has no token."));
    };
    Ok(UploadedFile {
        token: token.to_owned(),
        filename: input.filename,
        content_type,
        size,
    })
}

/// Download a file.
///
/// # Errors
/// `not-found`, `too-large`, and what sending gives.
pub async fn download(client: &Client, id: u64) -> Result<DownloadedFile, Error> {
    let call = Call::get(&["attachments", &id.to_string()]);
    let (head, content) = client.download(&call, MOST_BYTES).await?.into_parts();
    let text = |value: Option<&HeaderValue>| {
        let value = value?.to_str().ok()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let disposition = text(head.headers.get(&headers::CONTENT_DISPOSITION));
    Ok(DownloadedFile {
        id,
        filename: disposition.as_deref().and_then(filename),
        content_type: text(head.headers.get(&headers::CONTENT_TYPE)),
        size: content.len() as u64,
        content,
    })
}

/// Attach files to a note or an e-mail.
///
/// # Errors
/// `not-found`, `invalid-input`, `outcome-unknown`, and what sending gives.
pub async fn attach_to_entry(
    client: &Client,
    input: FilesForEntry,
) -> Result<Checked<Entry>, Error> {
    if input.tokens.is_empty() {
        let message = "give at least one token of an upload";
        return Err(invalid("/tokens", "required", message));
    }
    for (index, token) in input.tokens.iter().enumerate() {
        let pointer = || format!("/tokens/{index}");
        if token.trim().is_empty() {
            return Err(invalid(pointer(), "required", "the token is empty"));
        }
        if input.tokens.iter().take(index).any(|one| one == token) {
            return Err(invalid(pointer(), "unique", "the token stands twice"));
        }
    }
    // Rows that are not mentioned stay (API reference 2.3).
    let rows: Vec<Value> = input
        .tokens
        .iter()
        .map(|token| json!({ "token": token }))
        .collect();
    let call = Call::change(
        &["entries", &input.id.to_string()],
        json!({"entry": {"attachments": rows}}),
    )
    .once()
    .embed(linked(input.embed.as_ref()));
    single(client, &call, "entry").await
}

/// `type/subtype`, and parameters that a header can carry.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The file name of a `Content-Disposition` (RFC 6266): the encoded one before the plain one.
fn filename(disposition: &str) -> Option<String> {
    let mut plain = None;
    for parameter in parameters(disposition) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("filename*") {
            let mut parts = value.splitn(3, '\'');
            let charset = parts.next().unwrap_or_default();
            let encoded = parts.nth(1).and_then(decoded);
            if charset.eq_ignore_ascii_case("utf-8")
                && let Some(name) = encoded.filter(|name| !name.is_empty())
            {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain = Some(unquoted(value)).filter(|name| !name.is_empty());
        }
    }
    plain
}

/// The parts between semicolons that stand outside of quotes.
fn parameters(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// A value without its quotes and its escapes.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// The text that percent-encoding stands for; none if it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_encoded_file_name_comes_before_the_plain_one() {
        for (text, expected) in [
            (
                "inline; filename*=UTF-8''pre%C3%A7os%3B%202026.pdf; filename=\"pre_os.pdf\"",
                Some("preços; 2026.pdf"),
            ),
            (
                "inline; filename=\"a;b \\\"c\\\".txt\"",
                Some("a;b \"c\".txt"),
            ),
            ("attachment; FileName=report.pdf", Some("report.pdf")),
            (
                "inline; filename*=UTF-8''%FF; filename=\"plain.txt\"",
                Some("plain.txt"),
            ),
            ("inline; filename*=UTF-8''%4", None),
            ("inline", None),
            ("inline; filename=\"\"", None),
        ] {
            assert_eq!(filename(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_mime_type_has_two_parts_and_fits_in_a_header() {
        for (text, fits) in [
            ("application/pdf", true),
            ("text/csv; charset=utf-8", true),
            ("image/svg+xml", true),
            ("pdf", false),
            ("/pdf", false),
            ("text/", false),
            ("text/plain\r\nX-Other: 1", false),
            ("text/plain; name=preço", false),
            ("", false),
        ] {
            assert_eq!(is_media_type(text), fits, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_disposition_is_read_without_panic(text: String) {
            let _ = filename(&text);
        }

        #[test]
        fn a_name_survives_the_header(name in "[^\u{0}]{1,40}") {
            let text = format!("inline; filename*=UTF-8''{}", for_header(&name));
            prop_assert_eq!(filename(&text), Some(name));
        }
    }
}
