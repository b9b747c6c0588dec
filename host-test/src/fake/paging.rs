//! Lists: one page of records with `Link`, `X-Pagination-Has-More` and `embed=meta` (API reference 2.5).

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::{Refusal, Reply};

/// Rows of a page when the caller names no number.
const DEFAULT_PER_PAGE: u64 = 50;

/// Which rows of a list a call asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Page {
    page: u64,
    per_page: u64,
}

impl Page {
    /// Reads `page` and `perPage`, at most `limit` rows.
    pub(super) fn of(call: &Call, resource: &'static str, limit: u64) -> Result<Page, Refusal> {
        let number = |name: &'static str, default: u64, limit: u64| match call.query(name) {
            None | Some("") => Ok(default),
            Some(text) => match text.parse::<u64>() {
                Ok(value) if (1..=limit).contains(&value) => Ok(value),
                _ if limit == u64::MAX => Err(Refusal::invalid(
                    resource,
                    name,
                    format!("{name} must be at least 1"),
                )),
                _ => Err(Refusal::invalid(
                    resource,
                    name,
                    format!("{name} must be between 1 and {limit}"),
                )),
            },
        };
        Ok(Page {
            page: number("page", 1, u64::MAX)?,
            per_page: number("perPage", DEFAULT_PER_PAGE, limit)?,
        })
    }

    fn first_row(self) -> usize {
        usize::try_from((self.page - 1).saturating_mul(self.per_page)).unwrap_or(usize::MAX)
    }
}

/// One page out of all `rows`, as a reply with root `key`. A page past the end is an empty list.
pub(super) fn list<T>(
    call: &Call,
    key: &'static str,
    resource: &'static str,
    rows: impl IntoIterator<Item = T>,
    render: impl FnMut(T) -> Value,
) -> Result<Reply, Refusal> {
    Ok(list_page(
        call,
        key,
        Page::of(call, resource, 100)?,
        rows,
        render,
    ))
}

/// Like [`list`], with a page that the caller has read already.
pub(super) fn list_page<T>(
    call: &Call,
    key: &'static str,
    page: Page,
    rows: impl IntoIterator<Item = T>,
    render: impl FnMut(T) -> Value,
) -> Reply {
    let per_page = usize::try_from(page.per_page).unwrap_or(usize::MAX);
    let mut rows = rows.into_iter();
    let mut total = 0usize;
    let skipped = rows.by_ref().take(page.first_row()).count();
    total += skipped;
    let shown: Vec<Value> = rows.by_ref().take(per_page).map(render).collect();
    total += shown.len();
    let wants_total = call.embeds().has("meta");
    let rest = if wants_total {
        rows.count()
    } else {
        usize::from(rows.next().is_some())
    };
    total += rest;
    let has_more = rest > 0;

    let mut body = Map::from_iter([(key.to_owned(), Value::Array(shown))]);
    if wants_total {
        body.insert("meta".to_owned(), json!({ "totalCount": total }));
    }
    let mut links = Vec::new();
    if has_more {
        links.push(format!(
            "<{}>; rel=\"next\"",
            call.address_of_page(page.page + 1, page.per_page)
        ));
    }
    if page.page > 1 {
        links.push(format!(
            "<{}>; rel=\"prev\"",
            call.address_of_page(page.page - 1, page.per_page)
        ));
    }
    let link = if links.is_empty() {
        None
    } else {
        Some(links.join(", "))
    };
    Reply::body(Value::Object(body)).paged(has_more, link)
}

/// A list that Capsule does not page: users, teams, countries, currencies, titles (API reference 2.5).
pub(super) fn whole_list(
    call: &Call,
    key: &'static str,
    rows: impl IntoIterator<Item = Value>,
) -> Reply {
    let rows: Vec<Value> = rows.into_iter().collect();
    let total = rows.len();
    let mut body = Map::from_iter([(key.to_owned(), Value::Array(rows))]);
    if call.embeds().has("meta") {
        body.insert("meta".to_owned(), json!({ "totalCount": total }));
    }
    Reply::body(Value::Object(body)).paged(false, None)
}
