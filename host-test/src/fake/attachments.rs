//! Files: uploaded first, then named by token in an entry (API reference 3.6).

use axum::Router;
use axum::body::Bytes;
use http::header;
use serde_json::{Value, json};

use super::Fake;
use super::call::{Answer, Call, get, post};
use super::reply::{Refusal, Reply};
use super::state::State;

/// Largest file.
const LIMIT: usize = 25 * 1024 * 1024;

/// A file that was uploaded and may be attached.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upload {
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// A file on an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attachment {
    pub(super) id: u64,
    pub(super) file: Upload,
}

impl Attachment {
    pub(super) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "filename": self.file.filename,
            "contentType": self.file.content_type,
            "size": self.file.bytes.len(),
        })
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/attachments/upload", post(upload))
        .route("/attachments/{id}", get(download))
}

/// The body is the file; type and name stand in headers, and both must be there.
fn upload(state: &mut State, call: &Call) -> Answer {
    let text = |name: &str| {
        call.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.is_empty())
    };
    let Some(content_type) = text(header::CONTENT_TYPE.as_str()) else {
        return Err(Refusal::Malformed("Content-Type is required".to_owned()));
    };
    let Some(filename) = text("x-attachment-filename") else {
        return Err(Refusal::Malformed(
            "X-Attachment-Filename is required".to_owned(),
        ));
    };
    if call.body.len() > LIMIT {
        return Err(Refusal::invalid(
            "attachment",
            "size",
            "attachment is larger than 25 MB",
        ));
    }
    let Ok(filename) = percent_encoding::percent_decode_str(filename).decode_utf8() else {
        return Err(Refusal::Malformed(
            "X-Attachment-Filename must be URL-encoded UTF-8".to_owned(),
        ));
    };
    let token = format!("u1/aa/{:08}", state.new_row_id());
    let file = Upload {
        filename: filename.into_owned(),
        content_type: content_type.to_owned(),
        bytes: call.body.clone(),
    };
    state.uploads.insert(token.clone(), file);
    Ok(Reply::created("upload", json!({ "token": token }), None))
}

fn download(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, "attachment")?;
    let attachment = state
        .entries
        .iter()
        .flat_map(|entry| &entry.attachments)
        .find(|row| row.id == id);
    let file = &attachment
        .ok_or_else(|| Refusal::no_such("attachment"))?
        .file;
    let encoded =
        percent_encoding::utf8_percent_encode(&file.filename, percent_encoding::NON_ALPHANUMERIC);
    let plain: String = file
        .filename
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '"' && c != '\\' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let disposition = format!("inline; filename*=UTF-8''{encoded}; filename=\"{plain}\"");
    Ok(Reply::file(
        file.bytes.clone(),
        &file.content_type,
        &disposition,
    ))
}
