//! Timelines: notes, e-mails and completed tasks.

use super::body::put;
use super::deletion::gone;
use super::read::single;
use crate::api::{Call, Client, Span, invalid};
use crate::bindings::capsule::crm::types::{
    Deletion, Entry, EntryPage, EntryUpdate, GetEntry, ListTimeline, NewNote,
};
use crate::bindings::integration::connector::types::{Cursor, Error};
use crate::contract::{Checked, Listed, Spelling};
use crate::model::{linked, put_related};
use serde_json::{Map, Value, json};

/// Add a note.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, and what sending gives.
pub async fn add_note(client: &Client, input: NewNote) -> Result<Checked<Entry>, Error> {
    if input.content.trim().is_empty() {
        return Err(invalid("/content", "required", "a note needs a text"));
    }
    let mut body = Map::new();
    body.insert("type".into(), "note".into());
    body.insert("content".into(), input.content.into());
    put_related(&mut body, Some(&input.on), false);
    if let Some(wanted) = &input.activity_type {
        let id = client.activity_type(wanted, "/activityType").await?;
        body.insert("activityType".into(), json!({ "id": id }));
    }
    put(&mut body, "entryAt", input.entry_at);
    let call = Call::create(&["entries"], json!({ "entry": body }));
    single(client, &call.embed(linked(input.embed.as_ref())), "entry").await
}

/// Change a note or an e-mail. Reads it first only where the change depends on what is there.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, and what sending gives.
pub async fn update(client: &Client, input: EntryUpdate) -> Result<Checked<Entry>, Error> {
    let id = input.id.to_string();
    let read = Call::get(&["entries", &id]);
    let tokens = linked(input.embed.as_ref());
    let mut body = Map::new();
    if let Some(wanted) = &input.activity_type {
        let id = client.activity_type(wanted, "/activityType").await?;
        body.insert("activityType".into(), json!({ "id": id }));
    }
    if input.subject.is_some() || !input.remove_attachments.is_empty() {
        let current: Entry = single(client, &read, "entry").await?;
        // Capsule ignores it without a word (API reference 2.3).
        if input.subject.is_some() && current.type_.as_deref() == Some("note") {
            let message = "a note has no subject; say it in its `content`";
            return Err(invalid("/subject", "choice", message));
        }
        // Only those that are there: Capsule refuses to take away another one (API reference 2.3).
        let gone: Vec<Value> = current
            .attachments
            .iter()
            .filter(|one| input.remove_attachments.contains(&one.id))
            .map(|one| json!({"id": one.id, "_delete": true}))
            .collect();
        if !gone.is_empty() {
            body.insert("attachments".into(), gone.into());
        }
    }
    for (key, change) in [("content", input.content), ("subject", input.subject)] {
        put(&mut body, key, change);
    }
    let call = if body.is_empty() {
        read
    } else {
        Call::change(&["entries", &id], json!({ "entry": body }))
    };
    single(client, &call.embed(tokens), "entry").await
}

/// Read an entry of a timeline.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetEntry) -> Result<Checked<Entry>, Error> {
    let call = Call::get(&["entries", &input.id.to_string()]);
    single(client, &call.embed(linked(input.embed.as_ref())), "entry").await
}

/// List a timeline.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListTimeline) -> Result<Listed<EntryPage>, Error> {
    let call = match &input.on {
        Some(on) => Call::get(&[on.entity().path(), &on.id().to_string(), "entries"]),
        None => Call::get(&["entries"]),
    };
    let call = call.embed(linked(input.embed.as_ref()));
    entries(
        client,
        call,
        input.limit_or_default(),
        input.cursor.as_ref(),
    )
    .await
}

/// Delete an entry of a timeline.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &["entries"], id).await
}

/// A page of entries. Fifty at a time: the most that is sure to be taken (API reference 6, row 7).
pub(super) async fn entries(
    client: &Client,
    call: Call,
    limit: u32,
    cursor: Option<&Cursor>,
) -> Result<Listed<EntryPage>, Error> {
    let span = Span::of_entries(limit, cursor);
    client.listed(&call, "entries", span, Spelling::NONE).await
}
