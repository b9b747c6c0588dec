//! Reading opportunities and projects: one, several, lists, searches and filters.

use crate::actions::read::{one, page_of};
use crate::actions::timeline::entries;
use crate::api::{Call, Client, Span};
use crate::bindings::capsule::crm::types::{EntryPage, ListOfEntries};
use crate::bindings::integration::connector::types::{Cursor, Error};
use crate::contract::{Json, Listed};
use crate::model::{Embeds, Kind};

/// One record.
pub(in crate::actions) async fn get<T: Json>(
    client: &Client,
    kind: Kind,
    id: u64,
    embeds: &Embeds,
) -> Result<T, Error> {
    let entity = kind.entity();
    let call = Call::get(&[entity.path(), &id.to_string()]);
    one(client, call, entity.key(), kind, embeds).await
}

/// A page of all of them, or of those changed since.
pub(in crate::actions) async fn list_all<P: Json>(
    client: &Client,
    kind: Kind,
    since: Option<&str>,
    embeds: &Embeds,
    span: Span<'_>,
) -> Result<Listed<P>, Error> {
    let call = Call::get(&[kind.entity().path()]);
    let call = match since {
        Some(since) => call.with("since", since),
        None => call,
    };
    page_of(client, call, kind, embeds, span).await
}

/// A page of what a search finds.
pub(in crate::actions) async fn search<P: Json>(
    client: &Client,
    kind: Kind,
    q: &str,
    embeds: &Embeds,
    span: Span<'_>,
) -> Result<Listed<P>, Error> {
    let call = Call::get(&[kind.entity().path(), "search"]).with("q", q);
    page_of(client, call, kind, embeds, span).await
}

/// A page of the timeline.
pub(in crate::actions) async fn list_entries(
    client: &Client,
    kind: Kind,
    input: &ListOfEntries,
) -> Result<Listed<EntryPage>, Error> {
    let call = Call::get(&[kind.entity().path(), &input.id.to_string(), "entries"]);
    let cursor: Option<&Cursor> = input.cursor.as_ref();
    entries(client, call, input.limit_or_default(), cursor).await
}
