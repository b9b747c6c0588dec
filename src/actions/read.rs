//! From Capsule's rows to records of the contract.

use crate::api::{Answer, Call, Client, Page, Span, record};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Json;
use crate::model::field::Definition;
use crate::model::{Embeds, Kind, spell};
use serde_json::Value;
use std::rc::Rc;

/// What is needed to spell records of one kind: read once for a page, and once in a sandbox.
pub(super) struct Speller {
    kind: Kind,
    definitions: Rc<Vec<Definition>>,
    web_url: Option<Rc<String>>,
}

impl Speller {
    /// Reads the definitions and the account's address, as far as they were asked for. An address that the environment names costs
    /// nothing and is always used.
    pub(super) async fn new(client: &Client, kind: Kind, embeds: &Embeds) -> Result<Self, Error> {
        let definitions = if embeds.fields { client.definitions(kind.entity()).await? } else { Rc::default() };
        let web_url = match client.known_web_url() {
            Some(url) => Some(Rc::new(url.to_owned())),
            None if embeds.web_url => Some(client.web_url().await?),
            None => None,
        };
        Ok(Self { kind, definitions, web_url })
    }

    /// One record.
    pub(super) fn read<T: Json>(&self, call: &Call, status: u16, mut value: Value) -> Result<T, Error> {
        spell(self.kind, &mut value, &self.definitions, self.web_url.as_ref().map(|url| url.as_str()));
        record(call, status, value)
    }

    /// All rows of a page.
    pub(super) fn rows<T: Json>(&self, call: &Call, rows: Vec<Value>) -> Result<Vec<T>, Error> {
        rows.into_iter().map(|row| self.read(call, 200, row)).collect()
    }
}

/// A page of records: the items, the next cursor, the total.
pub(super) async fn page_of<T: Json>(
    client: &Client,
    call: Call,
    kind: Kind,
    embeds: Embeds,
    span: Span<'_>,
) -> Result<(Vec<T>, Option<String>, Option<u64>), Error> {
    page_where(client, call, kind, embeds, span, |_| true).await
}

/// The same, keeping the rows that a check lets pass. The total is Capsule's, before the check.
pub(super) async fn page_where<T: Json>(
    client: &Client,
    call: Call,
    kind: Kind,
    embeds: Embeds,
    span: Span<'_>,
    keep: impl Fn(&Value) -> bool,
) -> Result<(Vec<T>, Option<String>, Option<u64>), Error> {
    let speller = Speller::new(client, kind, &embeds).await?;
    let call = call.embed(&embeds.counted().tokens);
    let Page { rows, next, total } = client.page_where(&call, kind.entity().path(), span, keep).await?;
    Ok((speller.rows(&call, rows)?, next, total))
}

/// The one record of an answer.
pub(super) async fn one<T: Json>(client: &Client, call: Call, key: &str, kind: Kind, embeds: &Embeds) -> Result<T, Error> {
    let call = call.embed(&embeds.tokens);
    // Definitions first: a change whose answer can't be read afterwards would be a change without a record.
    let speller = Speller::new(client, kind, embeds).await?;
    let mut answer: Answer = client.send(&call).await?;
    let value = answer.take(&call, key)?;
    speller.read(&call, answer.status, value)
}
