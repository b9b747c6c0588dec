//! From Capsule's rows to records of the contract.

use crate::api::{Answer, Call, Client, Page, Span, record};
use crate::bindings::capsule::crm::types::{DeletedPage, ListDeletedRecords};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Json, Listed, Spelling};
use crate::model::field::{Definition, Entity};
use crate::model::{Embeds, Kind, SPELT, spell};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// What is needed to spell records of one kind. Made before a change is sent: a change whose answer could not be read afterwards would be a
/// change without a record.
pub(crate) struct Speller {
    kind: Kind,
    definitions: Rc<Vec<Definition>>,
    web_url: Option<Rc<String>>,
}

impl Speller {
    /// Reads the definitions and the account's address, as far as they were asked for, once in a sandbox. An address that the environment
    /// names costs nothing and is always used.
    pub(crate) async fn new(client: &Client, kind: Kind, embeds: &Embeds) -> Result<Self, Error> {
        let definitions = if embeds.fields {
            client.definitions(kind.entity()).await?
        } else {
            Rc::default()
        };
        let web_url = match client.known_web_url() {
            Some(url) => Some(Rc::new(url.to_owned())),
            None if embeds.web_url => Some(client.web_url().await?),
            None => None,
        };
        Ok(Self {
            kind,
            definitions,
            web_url,
        })
    }

    /// Brings one record to the contract's spelling.
    pub(crate) fn spell(&self, value: &mut Value) {
        let web_url = self.web_url.as_ref().map(|url| url.as_str());
        spell(self.kind, value, &self.definitions, web_url);
    }

    /// A page of records under that key.
    pub(super) async fn listed<P: Json>(
        &self,
        client: &Client,
        call: &Call,
        key: &str,
        span: Span<'_>,
    ) -> Result<Listed<P>, Error> {
        let spelling = Spelling {
            keys: SPELT,
            spell: &|row| self.spell(row),
        };
        client.listed(call, key, span, spelling).await
    }

    /// Sends a call, and reads the one record of its answer.
    pub(super) async fn send<T: Json>(
        &self,
        client: &Client,
        call: &Call,
        key: &str,
    ) -> Result<T, Error> {
        let mut answer: Answer = client.send(call).await?;
        let mut value = answer.take(call, key)?;
        self.spell(&mut value);
        record(call, answer.status, value)
    }
}

/// The one record of an answer.
pub(super) async fn one<T: Json>(
    client: &Client,
    call: Call,
    key: &str,
    kind: Kind,
    embeds: &Embeds,
) -> Result<T, Error> {
    let speller = Speller::new(client, kind, embeds).await?;
    speller.send(client, &call.embed(&embeds.tokens), key).await
}

/// Most ids in one request (API reference 2.8).
const IDS_AT_ONCE: usize = 10;

/// Rows that were asked for by id.
pub(crate) struct ById {
    /// In the order of the ids, each once.
    pub(crate) rows: Vec<Value>,
    /// Ids that do not exist, or that the caller may not see.
    pub(crate) missing: Vec<u64>,
    /// One of the requests, for errors.
    pub(crate) call: Call,
}

/// Reads rows by id, any number of them. `path` is the list's key too, `key` that of one record.
pub(crate) async fn by_id(
    client: &Client,
    path: &str,
    key: &str,
    ids: &[u64],
    tokens: &[&str],
) -> Result<ById, Error> {
    // Each id once, in the order of the caller. Few enough to look through.
    let mut wanted: Vec<u64> = Vec::with_capacity(ids.len());
    for id in ids {
        if !wanted.contains(id) {
            wanted.push(*id);
        }
    }
    let mut found: Vec<(u64, Value)> = Vec::new();
    // Capsule answers 404 if one of the ids is unknown (API reference 2.8): halve until the unknown ones stand alone.
    let mut batches: Vec<&[u64]> = wanted.chunks(IDS_AT_ONCE).rev().collect();
    let mut call = Call::get(&[path]);
    while let Some(ids) = batches.pop() {
        let list: Vec<String> = ids.iter().map(u64::to_string).collect();
        call = Call::get(&[path, &list.join(",")]).embed(tokens);
        match client.send(&call).await {
            Ok(mut answer) => {
                // One id alone is answered as one record.
                let rows = if ids.len() == 1 {
                    vec![answer.take(&call, key)?]
                } else {
                    answer.rows(&call, path)?
                };
                for row in rows {
                    if let Some(id) = row.get("id").and_then(Value::as_u64) {
                        found.push((id, row));
                    }
                }
            }
            Err(error) if crate::api::is_not_found(&error) => {
                if ids.len() > 1 {
                    let (first, second) = ids.split_at(ids.len() / 2);
                    batches.extend([second, first]);
                }
            }
            Err(error) => return Err(error),
        }
    }
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for id in wanted {
        match found.iter().position(|(found, _)| *found == id) {
            Some(at) => rows.push(found.swap_remove(at).1),
            None => missing.push(id),
        }
    }
    Ok(ById {
        rows,
        missing,
        call,
    })
}

/// Records by id: `items` and `missing`.
pub(super) async fn get_many<T: Json>(
    client: &Client,
    kind: Kind,
    ids: &[u64],
    embeds: &Embeds,
) -> Result<T, Error> {
    let entity = kind.entity();
    if ids.is_empty() {
        let call = Call::get(&[entity.path()]);
        return record(&call, 200, json!({"items": [], "missing": []}));
    }
    let speller = Speller::new(client, kind, embeds).await?;
    let mut found = by_id(client, entity.path(), entity.key(), ids, &embeds.tokens).await?;
    found.rows.iter_mut().for_each(|row| speller.spell(row));
    record(&found.call, 200, of_ids(found.rows, found.missing))
}

/// A page of records of one kind, of whichever type of the contract.
pub(super) async fn page_of<P: Json>(
    client: &Client,
    call: Call,
    kind: Kind,
    embeds: &Embeds,
    span: Span<'_>,
) -> Result<Listed<P>, Error> {
    let speller = Speller::new(client, kind, embeds).await?;
    let call = counted(call, embeds);
    speller
        .listed(client, &call, kind.entity().path(), span)
        .await
}

/// One record that needs no spelling of its own.
pub(super) async fn single<T: Json>(client: &Client, call: &Call, key: &str) -> Result<T, Error> {
    let mut answer = client.send(call).await?;
    let value = answer.take(call, key)?;
    record(call, answer.status, value)
}

/// A page of the contract, of whichever type: `items`, `next` and `total`. The rows are brought to the contract's spelling one by one.
pub(super) async fn listed<P: Json>(
    client: &Client,
    call: &Call,
    key: &str,
    span: Span<'_>,
    spell: &dyn Fn(&mut Value),
) -> Result<P, Error> {
    record(call, 200, page(client, call, key, span, spell).await?)
}

/// The same before it has a type: one body for all of them.
async fn page(
    client: &Client,
    call: &Call,
    key: &str,
    span: Span<'_>,
    spell: &dyn Fn(&mut Value),
) -> Result<Value, Error> {
    let mut page = client.page(call, key, span).await?;
    page.rows.iter_mut().for_each(spell);
    Ok(of_page(page))
}

/// What was asked for by id: `items` and `missing`.
pub(super) fn of_ids(rows: Vec<Value>, missing: Vec<u64>) -> Value {
    let mut told = Map::new();
    told.insert("items".into(), rows.into());
    told.insert("missing".into(), missing.into());
    told.into()
}

/// A page of the contract: `items`, `next` and `total`. Put together by hand, because `json!` would copy every row.
pub(super) fn of_page(page: Page) -> Value {
    let mut told = Map::new();
    told.insert("items".into(), page.rows.into());
    told.insert("next".into(), page.next.into());
    told.insert("total".into(), page.total.into());
    told.into()
}

/// With the count of all pages, which Capsule gives as a token too (API reference 2.1).
pub(super) fn counted(call: Call, embeds: &Embeds) -> Call {
    let mut tokens = embeds.tokens.clone();
    tokens.push("meta");
    call.embed(&tokens)
}

/// A page of a deleted feed, which needs a point in time (API reference 2.7).
pub(super) async fn deleted(
    client: &Client,
    entity: Entity,
    input: &ListDeletedRecords,
) -> Result<Checked<DeletedPage>, Error> {
    let path = entity.path();
    let call = Call::get(&[path, "deleted"]).with("since", input.since.as_str());
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let page = client.feed(&call, path, span).await?;
    record(&call, 200, of_page(page))
}
