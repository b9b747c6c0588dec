//! Where a poll ended. What comes in is hostile: it is judged whole, and its size is bounded before anything is kept of it.
//!
//! Text: `p1.` and base64 of a checksum (4 bytes) and of whole numbers as varints, so that 8,192 rows stay under 64 KiB.

use crate::api::stale_cursor;
use crate::bindings::integration::connector::types::Error;
use crate::contract::fingerprint;
use crate::model::time::Seconds;
use capsule_json::base64;

/// Most rows that are remembered.
pub(super) const MOST_ROWS: usize = 8192;
/// Largest cursor.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// Most questions: there are not more listeners.
const MOST_GROUPS: u64 = 1000;
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
    /// Where the low mark stood at the last two scans that were at least the overlap apart, the older one first.
    pub(super) marks: [Seconds; 2],
    /// What was stamped before it is not wanted.
    pub(super) floor: Seconds,
    /// The feed was seen to ascend by `updatedAt`.
    pub(super) ascends: bool,
    /// Tells for which names in filters it was looked up whether they are there.
    pub(super) names: Option<u32>,
    pub(super) scan: Option<Scan>,
    /// The first `count` events of this version of a record were given.
    pub(super) part: Option<Part>,
    /// Sorted by id, each id once.
    pub(super) rows: Vec<Row>,
    /// Of feeds of what is the case: what was found for each question.
    pub(super) groups: Vec<Group>,
}

/// The records for which something is the case, such as being overdue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// Of the question.
    pub(super) print: u32,
    /// The question is new: what was the case before the low mark is remembered, and not given.
    pub(super) fresh: bool,
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
    /// Of feeds of what is the case: the list that is being read.
    pub(super) list: u32,
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

/// The row of a record.
pub(super) fn row_of(rows: &[Row], id: u64) -> Option<Row> {
    let at = rows.binary_search_by_key(&id, |row| row.id).ok()?;
    rows.get(at).copied()
}

/// Remembers a record. Gives whether it was not there.
pub(super) fn remember(rows: &mut Vec<Row>, row: Row) -> bool {
    match rows.binary_search_by_key(&row.id, |row| row.id) {
        Ok(at) => {
            let known = rows.get_mut(at);
            let fresh = known.as_ref().is_some_and(|known| !known.read && row.read);
            if let Some(known) = known {
                *known = row;
            }
            fresh
        }
        Err(at) => {
            rows.insert(at, row);
            true
        }
    }
}

impl Cursor {
    /// Begins at a point in time.
    pub(super) fn begin(&mut self, at: Seconds) {
        self.low = at;
        self.deep = at;
        self.marks = [at, at];
    }

    /// What happened before it was given when it was read. Not the low mark: a record that changes again before an index that lags shows it is
    /// hidden from the next scans too, and is seen only when it comes to rest.
    pub(super) fn horizon(&self) -> Seconds {
        self.marks[0] - super::poll::OVERLAP
    }

    pub(super) fn row(&self, id: u64) -> Option<Row> {
        row_of(&self.rows, id)
    }

    /// Remembers a record. Gives whether it was not there.
    pub(super) fn put(&mut self, row: Row) -> bool {
        remember(&mut self.rows, row)
    }

    /// What is remembered of a question.
    pub(super) fn group(&mut self, print: u32) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.print == print)
    }

    fn lists(&mut self) -> impl Iterator<Item = &mut Vec<Row>> {
        let groups = self.groups.iter_mut().map(|group| &mut group.rows);
        std::iter::once(&mut self.rows).chain(groups)
    }

    /// How many rows are remembered.
    fn count(&self) -> usize {
        let grouped: usize = self.groups.iter().map(|group| group.rows.len()).sum();
        self.rows.len() + grouped
    }

    /// Whether all of it can be written.
    pub(super) fn fits(&self) -> bool {
        self.count() <= MOST_ROWS && self.text().len() < MOST_BYTES
    }

    /// The text. When it is full its oldest rows go: the store knows what was given. What is the case would be given again and again, so that
    /// the floor rises over what went.
    pub(super) fn write(&mut self) -> String {
        loop {
            self.bound();
            let text = self.text();
            if text.len() < MOST_BYTES {
                return text;
            }
            self.drop_oldest();
        }
    }

    /// Drops what is more than is ever written.
    pub(super) fn bound(&mut self) {
        while self.count() > MOST_ROWS {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let count = self.count();
        let surplus = (count.saturating_sub(MOST_ROWS)).max(count / 8).max(1);
        let mut ages: Vec<Seconds> = self.lists().flatten().map(|row| row.at).collect();
        ages.sort_unstable();
        let bound = ages.get(surplus - 1).copied().unwrap_or_default();
        if let Some(scan) = &mut self.scan {
            scan.overflowed = true;
        }
        if !self.groups.is_empty() {
            self.floor = self.floor.max(bound);
        }
        let mut left = surplus;
        for rows in self.lists() {
            rows.retain(|row| {
                let goes = row.at <= bound && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        put(&mut out, u64::from(self.feed));
        for at in [
            self.low,
            self.deep,
            self.marks[0],
            self.marks[1],
            self.floor,
        ] {
            signed(&mut out, at);
        }
        let flags = u64::from(self.ascends)
            | u64::from(self.scan.is_some()) << 1
            | u64::from(self.part.is_some()) << 2
            | u64::from(!self.groups.is_empty()) << 3
            | u64::from(self.names.is_some()) << 4;
        put(&mut out, flags);
        if let Some(names) = self.names {
            put(&mut out, u64::from(names));
        }
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
            put(&mut out, u64::from(scan.list));
        }
        if let Some(part) = self.part {
            put(&mut out, part.id);
            signed(&mut out, part.at);
            put(&mut out, u64::from(part.count));
            put(&mut out, u64::from(part.print));
        }
        if !self.groups.is_empty() {
            put(&mut out, self.groups.len() as u64);
        }
        for group in &self.groups {
            put(
                &mut out,
                u64::from(group.print) << 1 | u64::from(group.fresh),
            );
            put(&mut out, group.rows.len() as u64);
            write_rows(&mut out, &group.rows, self.low);
        }
        write_rows(&mut out, &self.rows, self.low);
        let mut bytes = sum(&out).to_vec();
        bytes.extend(out);
        format!("{PREFIX}{}", base64::encode(&bytes))
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
        let bytes = base64::decode(text.strip_prefix(PREFIX)?)?;
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
            marks: [time(rest)?, time(rest)?],
            floor: time(rest)?,
            ..Self::default()
        };
        let flags = take(rest).filter(|flags| *flags < 32)?;
        cursor.ascends = flags & 1 != 0;
        if flags & 16 != 0 {
            cursor.names = Some(small(rest)?);
        }
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
            scan.list = small(rest)?;
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
        if flags & 8 != 0 {
            let groups = take(rest).filter(|groups| (1..=MOST_GROUPS).contains(groups))?;
            for _ in 0..groups {
                let packed = take(rest)?;
                let print = u32::try_from(packed >> 1).ok()?;
                let wanted = usize::try_from(take(rest)?).ok()?;
                if wanted > MOST_ROWS - cursor.count() || cursor.group(print).is_some() {
                    return None;
                }
                let rows = read_rows(rest, cursor.low, wanted)?;
                cursor.groups.push(Group {
                    print,
                    fresh: packed & 1 != 0,
                    rows,
                });
            }
        }
        let room = MOST_ROWS - cursor.count();
        cursor.rows = read_rows(rest, cursor.low, room)?;
        rest.is_empty().then_some(cursor)
    }
}

/// Rows as steps from id to id, and of time from the low mark: most rows are of the last minutes.
fn write_rows(out: &mut Vec<u8>, rows: &[Row], low: Seconds) {
    let mut last = 0;
    for row in rows {
        put(out, row.id - last);
        last = row.id;
        // Two flags below the time.
        let time = zigzag(row.at.saturating_sub(low));
        put(
            out,
            time << 2 | u64::from(row.read) << 1 | u64::from(row.given),
        );
    }
}

/// So many rows, or fewer where the text ends.
fn read_rows(rest: &mut &[u8], low: Seconds, most: usize) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut last = 0u64;
    while rows.len() < most && !rest.is_empty() {
        let step = take(rest).filter(|step| *step > 0)?;
        last = last.checked_add(step).filter(|id| *id < 1 << 53)?;
        let packed = take(rest)?;
        rows.push(Row {
            id: last,
            at: low.checked_add(unzigzag(packed >> 2)).filter(sane)?,
            given: packed & 1 != 0,
            read: packed & 2 != 0,
        });
    }
    Some(rows)
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
        let group = (
            any::<bool>(),
            proptest::collection::btree_map(1u64..1 << 40, 0i64..4_000_000_000, 0..50),
        );
        let groups = proptest::collection::btree_map(any::<u32>(), group, 0..4);
        (
            any::<u32>(),
            0i64..4_000_000_000,
            rows,
            scan,
            any::<bool>(),
            any::<Option<u32>>(),
            groups,
        )
            .prop_map(|(feed, low, rows, scan, ascends, names, groups)| Cursor {
                feed,
                low,
                deep: low,
                marks: [low, low],
                floor: 0,
                ascends,
                names,
                scan: scan.map(|(since, page, pass, several)| Scan {
                    since,
                    t0: low,
                    page,
                    pass,
                    several,
                    list: feed,
                    ..Scan::default()
                }),
                groups: groups
                    .into_iter()
                    .map(|(print, (fresh, rows))| Group {
                        print,
                        fresh,
                        rows: rows
                            .into_iter()
                            .map(|(id, at)| Row {
                                id,
                                at,
                                given: true,
                                read: fresh,
                            })
                            .collect(),
                    })
                    .collect(),
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
            })
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
            if let Some(mut cursor) = Cursor::parse(&format!("{PREFIX}{}", base64::encode(&all))) {
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
    fn a_full_cursor_of_what_is_the_case_raises_its_floor_over_what_it_drops() {
        let rows = (0..9_000u64).map(|n| Row {
            id: (n + 1) * 900_001,
            at: 1_770_000_000 + n.cast_signed() * 700,
            given: true,
            read: false,
        });
        let mut cursor = Cursor {
            low: 1_770_000_000,
            groups: vec![Group {
                rows: rows.collect(),
                ..Group::default()
            }],
            ..Cursor::default()
        };
        let text = cursor.write();
        assert!(text.len() < MOST_BYTES);
        assert_eq!(Cursor::read(&text, 0).unwrap(), cursor);
        let oldest = cursor.groups[0]
            .rows
            .iter()
            .map(|row| row.at)
            .min()
            .unwrap();
        assert!(cursor.floor >= 1_770_000_000 && cursor.floor < oldest);
    }

    #[test]
    fn a_question_that_stands_twice_in_a_cursor_is_stale() {
        let group = Group {
            print: 7,
            ..Group::default()
        };
        let mut cursor = Cursor {
            groups: vec![group.clone(), group],
            ..Cursor::default()
        };
        assert!(Cursor::read(&cursor.write(), 0).is_err());
    }

    #[test]
    fn the_seeds_of_fuzzing_are_cursors_of_this_version() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/cursors");
        for seed in std::fs::read_dir(folder).unwrap() {
            let path = seed.unwrap().path();
            // One is none, on purpose.
            if path.ends_with("text") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let mut held = Vec::new();
            #[allow(clippy::cast_possible_truncation)]
            put(&mut held, u64::from(fingerprint(&bytes[..end]) as u32));
            held.extend(&bytes[end + 1..]);
            let mut all = sum(&held).to_vec();
            all.extend(held);
            let text = format!("{PREFIX}{}", base64::encode(&all));
            let cursor = Cursor::parse(&text);
            assert!(cursor.is_some(), "{}", path.display());
        }
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
