//! Where a poll ended. What comes in is hostile: it is judged whole, and its size is bounded before anything is kept of it.
//!
//! Text: `p1.` and base64 of a checksum (4 bytes) and of whole numbers as varints, so that 8,192 rows stay under 64 KiB.

use crate::api::stale_cursor;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{fingerprint, json};
use crate::model::time::Seconds;
use serde_json::Value;

/// Most rows that are remembered.
pub(super) const MOST_ROWS: usize = 8192;
/// Largest cursor.
pub(super) const MOST_BYTES: usize = 64 << 10;
const PREFIX: &str = "p1.";

/// A position in a feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    /// Tells feeds apart.
    pub(super) feed: u32,
    /// What was stamped before it, less the overlap, was given.
    pub(super) low: Seconds,
    /// Of entries: when the last deep pass began.
    pub(super) deep: Seconds,
    /// What was stamped before it is not wanted.
    pub(super) floor: Seconds,
    /// The feed was seen to ascend by `updatedAt`.
    pub(super) ascends: bool,
    pub(super) scan: Option<Scan>,
    /// The first `count` events of this version of a record were given.
    pub(super) part: Option<Part>,
    /// Sorted by id, each id once.
    pub(super) rows: Vec<Row>,
}

/// A scan that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scan {
    /// From where the page now is counted: moves on where the feed ascends.
    pub(super) since: Seconds,
    /// Capsule's clock when it began.
    pub(super) t0: Seconds,
    pub(super) page: u32,
    pub(super) pass: u32,
    /// Rows were counted over several pages.
    pub(super) several: bool,
    /// This pass read a record that the passes before had not.
    pub(super) news: bool,
    /// Of tasks: Capsule does not heed `since`.
    pub(super) unheeded: bool,
    /// Records of this scan did not fit into the cursor, so that counting them says nothing.
    pub(super) overflowed: bool,
}

/// Where the limit stopped within a record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) id: u64,
    pub(super) at: Seconds,
    pub(super) count: u32,
    /// Of the listeners.
    pub(super) print: u32,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) id: u64,
    /// Its version.
    pub(super) at: Seconds,
    /// Its events were given.
    pub(super) given: bool,
    /// Read in the scan that goes on.
    pub(super) read: bool,
}

impl Cursor {
    pub(super) fn row(&self, id: u64) -> Option<Row> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows.get(at).copied()
    }

    /// Remembers a record. Gives whether it was not there.
    pub(super) fn put(&mut self, row: Row) -> bool {
        match self.rows.binary_search_by_key(&row.id, |row| row.id) {
            Ok(at) => {
                let known = self.rows.get_mut(at);
                let fresh = known.as_ref().is_some_and(|known| !known.read && row.read);
                if let Some(known) = known {
                    *known = row;
                }
                fresh
            }
            Err(at) => {
                self.rows.insert(at, row);
                true
            }
        }
    }

    /// The text. When it is full its oldest rows go: the store knows what was given.
    pub(super) fn write(&mut self) -> String {
        loop {
            if self.rows.len() <= MOST_ROWS {
                let text = self.text();
                if text.len() < MOST_BYTES {
                    return text;
                }
            }
            let surplus = (self.rows.len().saturating_sub(MOST_ROWS))
                .max(self.rows.len() / 8)
                .max(1);
            let mut ages: Vec<Seconds> = self.rows.iter().map(|row| row.at).collect();
            ages.sort_unstable();
            let bound = ages.get(surplus - 1).copied().unwrap_or_default();
            if let Some(scan) = &mut self.scan {
                scan.overflowed = true;
            }
            let mut left = surplus;
            self.rows.retain(|row| {
                let goes = row.at <= bound && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        put(&mut out, u64::from(self.feed));
        for at in [self.low, self.deep, self.floor] {
            signed(&mut out, at);
        }
        let flags = u64::from(self.ascends)
            | u64::from(self.scan.is_some()) << 1
            | u64::from(self.part.is_some()) << 2;
        put(&mut out, flags);
        if let Some(scan) = self.scan {
            signed(&mut out, scan.since);
            signed(&mut out, scan.t0);
            put(&mut out, u64::from(scan.page));
            put(&mut out, u64::from(scan.pass));
            put(
                &mut out,
                u64::from(scan.several)
                    | u64::from(scan.news) << 1
                    | u64::from(scan.unheeded) << 2
                    | u64::from(scan.overflowed) << 3,
            );
        }
        if let Some(part) = self.part {
            put(&mut out, part.id);
            signed(&mut out, part.at);
            put(&mut out, u64::from(part.count));
            put(&mut out, u64::from(part.print));
        }
        let mut last = 0;
        for row in &self.rows {
            put(&mut out, row.id - last);
            last = row.id;
            // Two flags below the time: most rows are of the last minutes.
            let time = zigzag(row.at.saturating_sub(self.low));
            put(
                &mut out,
                time << 2 | u64::from(row.read) << 1 | u64::from(row.given),
            );
        }
        let mut bytes = sum(&out).to_vec();
        bytes.extend(out);
        match json::base64(&bytes) {
            Value::String(text) => format!("{PREFIX}{text}"),
            _ => String::new(),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// `stale-cursor` for one that is damaged, too long, of another version or of another feed.
    pub(super) fn read(text: &str, feed: u32) -> Result<Self, Error> {
        let cursor = (text.len() < MOST_BYTES)
            .then(|| Self::parse(text))
            .flatten()
            .ok_or_else(|| {
                stale_cursor("The cursor is damaged, or of another version. Start again from a point in time.")
            })?;
        if cursor.feed == feed {
            Ok(cursor)
        } else {
            Err(stale_cursor(
                "The cursor is of another feed. Start again from a point in time.",
            ))
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = json::decode(text.strip_prefix(PREFIX)?)?;
        let (given, rest) = bytes.split_at_checked(4)?;
        if given != sum(rest) {
            return None;
        }
        let mut rest = rest;
        let rest = &mut rest;
        let mut cursor = Self {
            feed: small(rest)?,
            low: time(rest)?,
            deep: time(rest)?,
            floor: time(rest)?,
            ..Self::default()
        };
        let flags = take(rest).filter(|flags| *flags < 8)?;
        cursor.ascends = flags & 1 != 0;
        if flags & 2 != 0 {
            let mut scan = Scan {
                since: time(rest)?,
                t0: time(rest)?,
                page: small(rest).filter(|page| *page > 0)?,
                pass: small(rest).filter(|pass| (1..=3).contains(pass))?,
                ..Scan::default()
            };
            let flags = take(rest).filter(|flags| *flags < 16)?;
            scan.several = flags & 1 != 0;
            scan.news = flags & 2 != 0;
            scan.unheeded = flags & 4 != 0;
            scan.overflowed = flags & 8 != 0;
            cursor.scan = Some(scan);
        }
        if flags & 4 != 0 {
            cursor.part = Some(Part {
                id: take(rest)?,
                at: time(rest)?,
                count: small(rest)?,
                print: small(rest)?,
            });
        }
        let mut last = 0u64;
        while !rest.is_empty() {
            let step = take(rest).filter(|step| *step > 0)?;
            last = last.checked_add(step).filter(|id| *id < 1 << 53)?;
            let packed = take(rest)?;
            if cursor.rows.len() == MOST_ROWS {
                return None;
            }
            cursor.rows.push(Row {
                id: last,
                at: cursor.low.checked_add(unzigzag(packed >> 2)).filter(sane)?,
                given: packed & 1 != 0,
                read: packed & 2 != 0,
            });
        }
        Some(cursor)
    }
}

/// What arithmetic with any period of this file can't overflow.
fn sane(at: &Seconds) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(at)
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    #[allow(clippy::cast_possible_truncation)]
    (fingerprint(bytes) as u32).to_be_bytes()
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for place in 0..9 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn small(rest: &mut &[u8]) -> Option<u32> {
    take(rest)?.try_into().ok()
}

#[allow(clippy::cast_sign_loss)]
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn signed(out: &mut Vec<u8>, at: Seconds) {
    put(out, zigzag(at));
}

fn time(rest: &mut &[u8]) -> Option<Seconds> {
    take(rest).map(unzigzag).filter(sane)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn a_cursor() -> impl Strategy<Value = Cursor> {
        let rows = proptest::collection::btree_map(
            1u64..1 << 40,
            (0i64..4_000_000_000, any::<bool>(), any::<bool>()),
            0..300,
        );
        let scan = proptest::option::of((0i64..4_000_000_000, 1u32..99, 1u32..4, any::<bool>()));
        (any::<u32>(), 0i64..4_000_000_000, rows, scan, any::<bool>()).prop_map(
            |(feed, low, rows, scan, ascends)| Cursor {
                feed,
                low,
                deep: low,
                floor: 0,
                ascends,
                scan: scan.map(|(since, page, pass, several)| Scan {
                    since,
                    t0: low,
                    page,
                    pass,
                    several,
                    ..Scan::default()
                }),
                part: ascends.then_some(Part {
                    id: 7,
                    at: low,
                    count: 2,
                    print: feed,
                }),
                rows: rows
                    .into_iter()
                    .map(|(id, (at, given, read))| Row {
                        id,
                        at,
                        given,
                        read,
                    })
                    .collect(),
            },
        )
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back(mut cursor in a_cursor()) {
            let text = cursor.write();
            prop_assert_eq!(Cursor::read(&text, cursor.feed).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_a_cursor_or_stale(text: String) {
            let _ = Cursor::read(&text, 0);
        }

        #[test]
        fn any_bytes_under_a_right_sum_are_a_cursor_or_stale(bytes: Vec<u8>) {
            let mut all = sum(&bytes).to_vec();
            all.extend(bytes);
            if let Some(mut cursor) = Cursor::parse(&format!("{PREFIX}{}", json::base64(&all).as_str().unwrap())) {
                prop_assert!(cursor.write().len() < MOST_BYTES);
            }
        }

        #[test]
        fn a_changed_letter_is_stale(mut cursor in a_cursor(), at: prop::sample::Index, letter in "[A-Za-z0-9]") {
            let text = cursor.write();
            let mut changed: Vec<char> = text.chars().collect();
            let at = at.index(changed.len());
            changed[at] = letter.chars().next().unwrap();
            let changed: String = changed.into_iter().collect();
            if let (true, Ok(read)) = (changed != text, Cursor::read(&changed, cursor.feed)) {
                // The last letter holds bits that mean nothing.
                prop_assert_eq!(read, cursor);
            }
        }
    }

    #[test]
    fn a_full_cursor_drops_its_oldest_rows_and_stays_under_64_kib() {
        let rows = (0..10_000u64).map(|n| Row {
            id: (n + 1) * 900_001,
            at: 1_770_000_000 + n.cast_signed() * 700,
            given: true,
            read: true,
        });
        let mut cursor = Cursor {
            low: 1_770_000_000,
            rows: rows.collect(),
            ..Cursor::default()
        };
        assert!(cursor.write().len() < MOST_BYTES);
        assert!(cursor.rows.len() <= MOST_ROWS && cursor.rows.len() > 6000);
        assert_eq!(cursor.rows.last().unwrap().id, 10_000 * 900_001);
        assert!(cursor.row(900_001).is_none());
    }

    #[test]
    fn a_cursor_of_another_feed_is_stale() {
        let text = Cursor {
            feed: 1,
            ..Cursor::default()
        }
        .write();
        assert!(Cursor::read(&text, 2).is_err());
    }
}
