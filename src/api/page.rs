//! Walking a list: Capsule's pages in, one page of the contract out.

use super::answer::{Answer, record};
use super::call::Call;
use super::client::{API_BASE, Client};
use super::error::{malformed, stale_cursor};
use super::headers;
use super::rows::{Rows, Texts, Trees};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Json, Listed, Output, Shape, Spelling};
use http::HeaderMap;
use serde_json::{Map, Value};

/// Most rows that Capsule gives at a time (API reference 2.5).
pub(crate) const PER_PAGE: u32 = 100;
/// The same for entries of a record.
pub(crate) const ENTRIES_PER_PAGE: u32 = 50;

/// Fewest rows that are asked for at a time. A walk keeps the size of Capsule's pages that it began with, since a place in a list is told by
/// the number of a page: one that begins with a limit of 1 may go on with 500.
const LEAST: u32 = 25;
/// Most requests for one page of the contract: what an engine may have to wait for, and the end of a list that never ends.
const MOST_PAGES: u32 = 100;

/// Which part of a list a caller wants.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// Most items.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<&'a str>,
    /// Most rows that Capsule gives at a time here.
    pub per_page: u32,
}

impl<'a> Span<'a> {
    /// Of a list that gives 100 rows at a time.
    #[must_use]
    pub fn new(limit: u32, cursor: Option<&'a String>) -> Self {
        Self {
            limit,
            cursor: cursor.map(String::as_str),
            per_page: PER_PAGE,
        }
    }

    /// Of the entries of a record.
    #[must_use]
    pub fn of_entries(limit: u32, cursor: Option<&'a String>) -> Self {
        Self {
            per_page: ENTRIES_PER_PAGE,
            ..Self::new(limit, cursor)
        }
    }
}

/// Rows as Capsule gave them.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Value>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
    /// Of all pages, where Capsule counts.
    pub total: Option<u64>,
}

/// Where a walk ended.
#[derive(Clone, Debug, Default)]
struct Walked {
    next: Option<String>,
    total: Option<u64>,
}

impl Client {
    /// Reads rows of a list until the limit is reached or the list ends, with at most 100 requests. `key` is the list's key in the
    /// envelope.
    ///
    /// # Errors
    /// `stale-cursor` for a cursor of another list, of other parameters or of another version; and what sending gives.
    pub async fn page(&self, call: &Call, key: &str, span: Span<'_>) -> Result<Page, Error> {
        self.trees(call, key, span, None, None).await
    }

    /// The same, keeping the rows that a check lets pass: for what Capsule can only find roughly. It reads whole pages, whatever the limit,
    /// because most rows may not pass.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn page_where(
        &self,
        call: &Call,
        key: &str,
        span: Span<'_>,
        keep: &dyn Fn(&Value) -> bool,
    ) -> Result<Page, Error> {
        self.trees(call, key, span, Some(keep), None).await
    }

    /// The rows of a deleted feed. Records that the caller may no longer see stand under a key of their own, `restrictedParties` and the
    /// like (API reference 3.1); they come last on their page, marked `isRestricted`.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn feed(&self, call: &Call, key: &str, span: Span<'_>) -> Result<Page, Error> {
        let (head, tail) = key.split_at(1);
        let restricted = format!("restricted{}{tail}", head.to_ascii_uppercase());
        self.trees(call, key, span, None, Some(&restricted)).await
    }

    /// A page of the contract, of records as they come but for their spelling.
    ///
    /// # Errors
    /// As [`page`](Self::page), and `malformed-response` for a row that is not as it should be.
    pub async fn listed<P: Json>(
        &self,
        call: &Call,
        key: &str,
        span: Span<'_>,
        spelling: Spelling<'_>,
    ) -> Result<Listed<P>, Error> {
        let (items, count) = self.items(&P::SHAPE, call, key, span, spelling).await?;
        match items {
            Output::Text(text) => Ok(Listed::new(text, count)),
            Output::Tree(tree) => record::<Checked<P>>(call, 200, tree).map(Listed::from),
        }
    }

    /// The same before it has a type: one body for all of them.
    async fn items(
        &self,
        page: &Shape,
        call: &Call,
        key: &str,
        span: Span<'_>,
        spelling: Spelling<'_>,
    ) -> Result<(Output, usize), Error> {
        let mut texts = Texts::new(page, key, spelling);
        let walked = self.walk(call, key, span, false, &mut texts).await?;
        let mut rest = Map::new();
        rest.insert("next".into(), walked.next.into());
        rest.insert("total".into(), walked.total.into());
        let count = texts.count();
        Ok((texts.into_page(page, rest), count))
    }

    async fn trees(
        &self,
        call: &Call,
        key: &str,
        span: Span<'_>,
        keep: Option<&dyn Fn(&Value) -> bool>,
        restricted: Option<&str>,
    ) -> Result<Page, Error> {
        let mut trees = Trees {
            key,
            keep,
            restricted,
            rows: Vec::new(),
        };
        let Walked { next, total } = self
            .walk(call, key, span, keep.is_some(), &mut trees)
            .await?;
        Ok(Page {
            rows: trees.rows,
            next,
            total,
        })
    }

    /// Page after page. `whole` pages are read where most rows may not pass.
    async fn walk(
        &self,
        call: &Call,
        key: &str,
        span: Span<'_>,
        whole: bool,
        rows: &mut dyn Rows,
    ) -> Result<Walked, Error> {
        let print = fingerprint(call, key);
        let limit = span.limit.max(1);
        let mut position = match span.cursor {
            Some(text) => Position::read(text, print)?,
            None => Position {
                page: 1,
                per_page: if whole {
                    span.per_page
                } else {
                    limit.max(LEAST).min(span.per_page)
                },
                skip: 0,
            },
        };
        let mut walked = Walked::default();
        for _ in 0..MOST_PAGES {
            let call = call
                .clone()
                .with("page", position.page.to_string())
                .with("perPage", position.per_page.to_string());
            let response = self.fetch(&call).await?;
            let taken = rows.take(&call, &response, position.skip as usize, limit as usize)?;
            walked.total = walked.total.or(taken.total);
            let following = self.next_page(
                &call,
                response.status().as_u16(),
                response.headers(),
                position.page,
            )?;
            if let Some(index) = taken.stopped {
                // The limit ends within Capsule's page.
                let skip = u32::try_from(index).unwrap_or(u32::MAX);
                walked.next = Some(Position { skip, ..position }.write(print));
                return Ok(walked);
            }
            let Some(next) = following else {
                return Ok(walked);
            };
            position = Position {
                page: next,
                skip: 0,
                ..position
            };
            if rows.count() >= limit as usize {
                break;
            }
        }
        walked.next = Some(position.write(print));
        Ok(walked)
    }

    /// The number of the page after this one, for a walk of the caller's own.
    ///
    /// # Errors
    /// `malformed-response` for a link that leads elsewhere or does not go on.
    pub fn following(&self, call: &Call, answer: &Answer, page: u32) -> Result<Option<u32>, Error> {
        self.next_page(call, answer.status, &answer.headers, page)
    }

    /// The number of the next page by the `Link` header, or by `X-Pagination-Has-More` where there is no `Link`. Only the number is taken
    /// out of a link, never its address, and only out of a link to the same origin and path.
    fn next_page(
        &self,
        call: &Call,
        status: u16,
        head: &HeaderMap,
        page: u32,
    ) -> Result<Option<u32>, Error> {
        let links = head.get_all(&headers::LINK);
        let strange =
            |why: &str| malformed(call, status, format!("The link to the next page {why}."));
        for link in links
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(", <"))
        {
            let Some((target, params)) = link.trim_start_matches('<').split_once('>') else {
                continue;
            };
            if !params
                .split(';')
                .any(|param| matches!(param.trim(), "rel=\"next\"" | "rel=next"))
            {
                continue;
            }
            let base = self.base()?;
            let rest = target
                .strip_prefix(base)
                .or_else(|| target.strip_prefix(API_BASE))
                .unwrap_or(target);
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            if path != call.path {
                return Err(strange("leads elsewhere"));
            }
            let number = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("page="))
                .and_then(|number| number.parse().ok());
            return match number {
                Some(number) if number > page => Ok(Some(number)),
                _ => Err(strange("does not go on")),
            };
        }
        let has_more = head
            .get(&headers::HAS_MORE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        Ok((has_more && links.iter().next().is_none()).then(|| page.saturating_add(1)))
    }
}

/// What a cursor holds: `1.FINGERPRINT.PAGE.PERPAGE.SKIP`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Position {
    page: u32,
    per_page: u32,
    /// Rows of the page that were given already.
    skip: u32,
}

impl Position {
    fn write(self, print: u64) -> String {
        format!(
            "1.{print:016x}.{}.{}.{}",
            self.page, self.per_page, self.skip
        )
    }

    fn read(text: &str, print: u64) -> Result<Self, Error> {
        let bad = || {
            stale_cursor("The cursor is damaged, or of another version. Start again without it.")
        };
        let parts: Vec<&str> = text.split('.').take(6).collect();
        let ["1", given, page, per_page, skip] = parts.as_slice() else {
            return Err(bad());
        };
        let number = |text: &str, most: u32| {
            text.parse::<u32>()
                .ok()
                .filter(|number| *number <= most)
                .ok_or_else(bad)
        };
        let position = Self {
            page: number(page, u32::MAX)?,
            per_page: number(per_page, PER_PAGE)?,
            skip: number(skip, u32::MAX)?,
        };
        if position.page == 0 || position.per_page == 0 {
            return Err(bad());
        }
        if u64::from_str_radix(given, 16) != Ok(print) {
            return Err(stale_cursor(
                "The cursor is of another operation or of other parameters. Start again without it.",
            ));
        }
        Ok(position)
    }
}

/// Tells lists apart: FNV-1a of what is asked, without the page.
fn fingerprint(call: &Call, key: &str) -> u64 {
    let body = call
        .body
        .as_ref()
        .map_or_else(String::new, Value::to_string);
    let text = format!("{key}\n{}\n{body}", call.target());
    crate::contract::fingerprint(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back(page in 1u32.., per_page in 1u32..=100, skip: u32, print: u64) {
            let position = Position { page, per_page, skip };
            prop_assert_eq!(Position::read(&position.write(print), print).unwrap(), position);
        }

        #[test]
        fn any_text_is_a_cursor_or_stale(text: String, print: u64) {
            let _ = Position::read(&text, print);
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_stale() {
        let one = fingerprint(
            &Call::get(&["parties"]).with("since", "2026-01-01T00:00:00Z"),
            "parties",
        );
        let two = fingerprint(
            &Call::get(&["parties"]).with("since", "2026-01-02T00:00:00Z"),
            "parties",
        );
        let text = Position {
            page: 2,
            per_page: 50,
            skip: 0,
        }
        .write(one);
        assert!(Position::read(&text, one).is_ok());
        assert!(Position::read(&text, two).is_err());
    }
}
