//! Sync: what changed and what is gone, kind by kind. All that a sync knows stands in its cursor.
//!
//! Capsule's lists know offsets alone (API reference 2.5), and a record that is deleted, or changed where the list is sorted by that, shifts
//! what follows it, so that the next page would skip. So each page begins some rows before the end of the one before, and is taken from behind
//! the last of those rows, its anchors. Records that stay as they are keep their order among each other; so whatever followed an anchor when it was
//! given still follows it, and nothing is skipped. If no anchor is on the page, the walk looks for them a little before, and then begins the
//! list anew: records are given twice rather than not at all. A record that changes meanwhile is the next sync's, which begins before this one.

use super::read::Speller;
use super::settings::{any_embeds, kind};
use crate::api::{Call, Client, Span, record, stale_cursor, unsupported};
use crate::bindings::capsule::crm::types::{
    AnyEmbed, ChangePage, Entity as EntityName, ListOfChanges, ListedChange,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, fingerprint};
use crate::model::time::{Seconds, written};
use serde_json::{Value, json};

/// How long before this sync the next one begins: Capsule's index may lag behind, and its servers' clocks differ.
const OVERLAP: Seconds = 300;
/// Most requests of one call; what they gave by then is a page.
const MOST_REQUESTS: u32 = 20;
/// Rows that a page has in common with the one before.
const ANCHORS: usize = 8;
/// Sizes of Capsule's pages: a page of a size that fits begins shortly before a place.
const SIZES: std::ops::RangeInclusive<u32> = 61..=100;
/// How far back each look for anchors goes: no more than any page reaches on.
const STRIDE: u32 = 40;
/// Most looks back before a list is begun anew.
const MOST_MISSES: u32 = 4;
/// Most times that a list is begun anew.
const MOST_RESTARTS: u32 = 8;

/// List what changed and what is gone.
///
/// # Errors
/// `stale-cursor`; `unsupported` where Capsule tells no time, or where a list changes too much to be read; and what sending gives.
pub async fn list_changes(client: &Client, input: ListOfChanges) -> Result<ChangePage, Error> {
    let print = print(&input);
    let kinds: Vec<EntityName> = [
        EntityName::Parties,
        EntityName::Opportunities,
        EntityName::Projects,
    ]
    .into_iter()
    .filter(|kind| input.kinds.is_empty() || input.kinds.contains(kind))
    .collect();
    // Deletions are told since a point in time alone (API reference 2.7).
    let feeds: &[bool] = if input.since.is_some() {
        &[false, true]
    } else {
        &[false]
    };
    let place = match &input.cursor {
        Some(text) => Place::read(text, print)?,
        None => Place::default(),
    };
    let mut sync = Sync {
        client,
        since: input.since.as_deref(),
        embed: input.embed.as_ref(),
        limit: input.limit_or_default().max(1) as usize,
        place,
        items: Vec::new(),
    };
    for _ in 0..MOST_REQUESTS {
        let step = sync.place.step as usize;
        let Some(kind) = kinds.get(step / feeds.len()) else {
            let since = written(Seconds::from(sync.place.began) - OVERLAP);
            return Ok(ChangePage {
                items: sync.items,
                next: None,
                since: Some(since),
            });
        };
        // A page that is nearly full goes as it is: one more request would be for few records.
        if sync.limit.saturating_sub(sync.items.len()) * 4 < sync.limit {
            break;
        }
        if feeds.get(step % feeds.len()) == Some(&true) {
            sync.gone(*kind).await?;
        } else {
            sync.changed(*kind).await?;
        }
    }
    Ok(ChangePage {
        next: Some(sync.place.write(print)),
        items: sync.items,
        since: None,
    })
}

struct Sync<'a> {
    client: &'a Client,
    since: Option<&'a str>,
    embed: Option<&'a AnyEmbed>,
    limit: usize,
    place: Place,
    items: Vec<ListedChange>,
}

impl Sync<'_> {
    /// Reads a page of changed records.
    async fn changed(&mut self, name: EntityName) -> Result<(), Error> {
        let (kind, case) = kind(name);
        let entity = kind.entity();
        let embeds = any_embeds(entity, self.embed);
        let speller = Speller::new(self.client, kind, &embeds).await?;
        let (page, per_page) = window(self.place.offset);
        let mut call = Call::get(&[entity.path()]);
        if let Some(since) = self.since {
            call = call.with("since", since);
        }
        let call = call
            .embed(&embeds.tokens)
            .with("page", page.to_string())
            .with("perPage", per_page.to_string());
        let mut answer = self.client.send(&call).await?;
        if self.place.began == 0 {
            let clock = answer.clock().and_then(|clock| u32::try_from(clock).ok());
            self.place.began = clock.filter(|clock| *clock > 0).ok_or_else(|| {
                unsupported(
                    "Capsule's answer tells no time (no Date header), so that no later sync could begin after this one. List the records instead.",
                )
            })?;
        }
        let rows = answer.rows(&call, entity.path())?;
        let more = self.client.following(&call, &answer, page)?.is_some();
        let first = if self.place.offset == 0 {
            Some(0)
        } else {
            let known = |row: &Value| self.place.anchors.contains(&anchor(row));
            rows.iter().rposition(known).map(|index| index + 1)
        };
        let first = match first {
            Some(first) if first < rows.len() || !more => first,
            _ => return self.place.miss(),
        };
        self.place.misses = 0;
        self.place.offset = (page - 1).saturating_mul(per_page);
        let mut end = first;
        for mut row in rows.into_iter().skip(first) {
            if self.items.len() >= self.limit {
                self.place.offset = self.place.offset.saturating_add(number(end));
                return Ok(());
            }
            end += 1;
            self.place.anchors.push(anchor(&row));
            speller.spell(&mut row);
            let item = json!({
                "kind": name.to_json(), "id": row.get("id"), "change": "changed", "at": row.get("updatedAt"), "record": { case: row },
            });
            self.items.push(record(&call, answer.status, item)?);
            if self.place.anchors.len() > ANCHORS {
                self.place.anchors.remove(0);
            }
        }
        self.place.offset = self.place.offset.saturating_add(number(end));
        if !more {
            self.place.step();
        }
        Ok(())
    }

    /// Reads records that are gone. The feed only grows: nothing shifts that was not given yet.
    async fn gone(&mut self, name: EntityName) -> Result<(), Error> {
        let path = kind(name).0.entity().path();
        let since = self.since.unwrap_or_default();
        let call = Call::get(&[path, "deleted"]).with("since", since);
        let limit = self.limit.saturating_sub(self.items.len());
        let span = Span::new(number(limit), self.place.feed.as_ref());
        let page = self.client.feed(&call, path, span).await?;
        for row in page.rows {
            let restricted = row.get("isRestricted") == Some(&Value::Bool(true));
            let change = if restricted { "restricted" } else { "deleted" };
            let item = json!({
                "kind": name.to_json(), "id": row.get("id"), "change": change, "at": row.get("deletedAt"),
            });
            self.items.push(record(&call, 200, item)?);
        }
        match page.next {
            Some(next) => self.place.feed = Some(next),
            None => self.place.step(),
        }
        Ok(())
    }
}

/// Number and size of the page that reaches furthest beyond a place, of those that hold the anchors before it.
fn window(offset: u32) -> (u32, u32) {
    let from = offset.saturating_sub(number(ANCHORS));
    let size = SIZES
        .max_by_key(|size| size - from % size)
        .unwrap_or(*SIZES.end());
    (from / size + 1, size)
}

/// Tells a row as it is now from others, and from itself after a change, which may have moved it.
fn anchor(row: &Value) -> u64 {
    let text = |key| row.get(key).map_or_else(String::new, Value::to_string);
    fingerprint(format!("{} {}", text("id"), text("updatedAt")).as_bytes())
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Tells syncs apart by all that must stay the same from page to page.
fn print(input: &ListOfChanges) -> u64 {
    let kinds = |kind| input.kinds.is_empty() || input.kinds.contains(&kind);
    let embed = input.embed.map(Json::to_json);
    let text = json!([
        "sync",
        kinds(EntityName::Parties),
        kinds(EntityName::Opportunities),
        kinds(EntityName::Projects),
        input.since,
        embed,
    ]);
    fingerprint(text.to_string().as_bytes())
}

/// How far a sync is: `1.FINGERPRINT.BEGAN.STEP.OFFSET.MISSES.RESTARTS.` and the anchors, or where the feed of deletions is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Place {
    /// Capsule's clock at the first answer; 0 before it.
    began: u32,
    /// Which list of which kind.
    step: u32,
    /// Rows of Capsule's list before this place.
    offset: u32,
    /// Pages in a row without an anchor.
    misses: u32,
    /// How often the list was begun anew.
    restarts: u32,
    /// The last rows that were given.
    anchors: Vec<u64>,
    /// The cursor of the feed of deletions.
    feed: Option<String>,
}

impl Place {
    /// The next list.
    fn step(&mut self) {
        *self = Self {
            began: self.began,
            step: self.step.saturating_add(1),
            ..Self::default()
        };
    }

    /// No anchor was found: look before, and in the end begin the list anew.
    fn miss(&mut self) -> Result<(), Error> {
        self.misses += 1;
        self.offset = self.offset.saturating_sub(STRIDE);
        if self.misses <= MOST_MISSES && self.offset > 0 {
            return Ok(());
        }
        if self.restarts >= MOST_RESTARTS {
            return Err(unsupported(
                "Capsule's list changes too much to be read page by page. Sync when there are fewer changes, or since a later time.",
            ));
        }
        *self = Self {
            began: self.began,
            step: self.step,
            restarts: self.restarts + 1,
            ..Self::default()
        };
        Ok(())
    }

    fn write(&self, print: u64) -> String {
        let rest = self.feed.clone().unwrap_or_else(|| {
            let anchors = self.anchors.iter().map(|one| format!("{one:016x}"));
            anchors.collect::<Vec<_>>().join("-")
        });
        format!(
            "1.{print:016x}.{}.{}.{}.{}.{}.{rest}",
            self.began, self.step, self.offset, self.misses, self.restarts
        )
    }

    fn read(text: &str, print: u64) -> Result<Self, Error> {
        let bad = || {
            stale_cursor("The cursor is damaged, or of another version. Start again without it.")
        };
        let parts: Vec<&str> = text.splitn(8, '.').collect();
        let ["1", given, began, step, offset, misses, restarts, rest] = parts.as_slice() else {
            return Err(bad());
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| bad());
        let mut place = Self {
            began: number(began)?,
            step: number(step)?,
            offset: number(offset)?,
            misses: number(misses)?,
            restarts: number(restarts)?,
            ..Self::default()
        };
        if rest.contains('.') {
            place.feed = Some((*rest).to_owned());
        } else if !rest.is_empty() {
            let anchors = rest.split('-').take(ANCHORS + 1);
            let anchors = anchors.map(|one| u64::from_str_radix(one, 16).map_err(|_| bad()));
            place.anchors = anchors.collect::<Result<_, _>>()?;
        }
        let whole = place.began > 0
            && place.misses <= MOST_MISSES
            && place.restarts <= MOST_RESTARTS
            && place.anchors.len() <= ANCHORS
            && (place.offset == 0) == place.anchors.is_empty();
        if !whole {
            return Err(bad());
        }
        if u64::from_str_radix(given, 16) != Ok(print) {
            return Err(stale_cursor(
                "The cursor is of another operation or of other parameters. Start again without it.",
            ));
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_comes_back(
            began in 1_u32.., step in 0_u32..6, offset in 1_u32.., misses in 0..=MOST_MISSES, restarts in 0..=MOST_RESTARTS, print: u64,
            anchors in proptest::collection::vec(any::<u64>(), 1..=ANCHORS),
        ) {
            let place = Place { began, step, offset, misses, restarts, anchors, feed: None };
            prop_assert_eq!(Place::read(&place.write(print), print).unwrap(), place);
        }

        #[test]
        fn a_place_in_the_feed_comes_back(began in 1_u32.., step in 0_u32..6, print: u64) {
            let feed = Some("1.00000000000000ff.2.100.7".to_owned());
            let place = Place { began, step, feed, ..Place::default() };
            prop_assert_eq!(Place::read(&place.write(print), print).unwrap(), place);
        }

        #[test]
        fn any_text_is_a_place_or_stale(text: String, print: u64) {
            let _ = Place::read(&text, print);
        }

        #[test]
        fn any_text_like_a_place_is_one_or_stale(rest in "(\\.[0-9a-f-]{0,11}){0,8}", print: u64) {
            if let Ok(place) = Place::read(&format!("1.{print:016x}{rest}"), print) {
                prop_assert!(place.began > 0 && place.anchors.len() <= ANCHORS);
            }
        }
    }

    #[test]
    fn a_page_holds_the_anchors_and_goes_on_by_a_stride() {
        for offset in 0..200_000 {
            let (page, size) = window(offset);
            let from = (page - 1) * size;
            assert!(from <= offset.saturating_sub(8), "{offset}");
            assert!(from + size >= offset + STRIDE - 8, "{offset}");
        }
    }
}
