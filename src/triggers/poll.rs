//! Events out of a feed: one cursor and one reading for all of its listeners. The algorithm, its reasons and its limits stand in
//! `docs/triggers.md`.

use super::cursor::{Cursor, MOST_ROWS, Part, Row, Scan};
use super::event::{Carrier, Found, gone, id_of};
use super::filter::{Places, Verdict, judge};
use super::listening::Listening;
use super::names;
use super::rule::{Change, Fact, Subject, Way, deletion, fact, is_about, time};
use super::standing::Standing;
use crate::api::{Answer, Call, Client, invalid, unsupported};
use crate::bindings::exports::integration::connector::triggers::Position;
use crate::bindings::integration::connector::types::Error;
use crate::contract::fingerprint;
use crate::model::Embeds;
use crate::model::time::{Seconds, instant, written};
use serde_json::{Value, json};

/// How far each scan reads back: visibility lag, equal seconds, skew.
pub(super) const OVERLAP: Seconds = 300;
/// Records younger than this wait: another change of the same second may follow.
pub(super) const SETTLE: Seconds = 2;
/// Most passes over offset pages before a scan is given up and begun anew.
const MOST_PASSES: u32 = 3;
/// Most pages of one call.
pub(super) const MOST_PAGES: u32 = 20;
/// Most pages of tasks where `since` is not heeded.
const MOST_TASK_PAGES: u32 = 20;
/// How often the entries are read down to the look-back.
const DEEP: Seconds = 3600;
pub(super) const PER_PAGE: &str = "100";
/// When to poll again, at the earliest.
const PAUSE_MS: u64 = 60_000;
/// The same while records wait.
const SHORT_PAUSE_MS: u64 = 3_000;

/// What a poll found.
pub(super) struct Outcome {
    pub(super) events: Vec<Found>,
    pub(super) next: String,
    pub(super) more: bool,
    pub(super) poll_again_after_ms: u64,
    pub(super) now: String,
    pub(super) requests: u32,
    pub(super) complete: bool,
    pub(super) notes: Vec<String>,
}

/// What kind of list a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    Changes(Subject),
    Deleted(Subject),
    Entries,
    Standing(Standing),
}

fn feed_of(name: &str) -> Option<Feed> {
    Some(match name {
        "parties" => Feed::Changes(Subject::Party(None)),
        "opportunities" => Feed::Changes(Subject::Opportunity),
        "kases" => Feed::Changes(Subject::Project),
        "tasks" => Feed::Changes(Subject::Task),
        "deleted-parties" => Feed::Deleted(Subject::Party(None)),
        "deleted-opportunities" => Feed::Deleted(Subject::Opportunity),
        "deleted-kases" => Feed::Deleted(Subject::Project),
        "entries" => Feed::Entries,
        "due-tasks" => Feed::Standing(Standing::OpenTasks),
        "open-opportunities" => Feed::Standing(Standing::OpenOpportunities),
        "saved-filters" => Feed::Standing(Standing::SavedFilters),
        _ => return None,
    })
}

/// The one feed of all listeners.
fn one_feed(listeners: &[Listening]) -> Result<(&'static str, Feed), Error> {
    let mut feeds: Vec<&'static str> = Vec::new();
    for listening in listeners {
        let Some(feed) = listening.trigger.feed else {
            return Err(unsupported(format!(
                "`{}` can't be polled: Capsule tells nothing of it but by hook. Use hooks.",
                listening.trigger.id
            )));
        };
        if !feeds.contains(&feed) {
            feeds.push(feed);
        }
    }
    match feeds.as_slice() {
        [] => Err(invalid(
            "/listeners",
            "required",
            "at least one listener is expected",
        )),
        [feed] => feed_of(feed)
            .map(|kind| (*feed, kind))
            .ok_or_else(|| unsupported(format!("There is no feed `{feed}`."))),
        several => Err(invalid(
            "/listeners",
            "choice",
            format!(
                "the listeners are of several feeds: {}; poll each on its own",
                several.join(", ")
            ),
        )),
    }
}

/// Polls.
///
/// # Errors
/// `invalid-input` for listeners of several feeds, a limit out of range, a start that is no time, or a name that nothing has; `unsupported` for a trigger that can't be
/// polled and for too many records; `stale-cursor`; and what sending gives.
pub(super) async fn poll(
    client: &Client,
    listeners: &[Listening],
    start: &Position,
    limit: u32,
) -> Result<Outcome, Error> {
    let (name, feed) = one_feed(listeners)?;
    if !(1..=1000).contains(&limit) {
        return Err(invalid("/limit", "range", "1 to 1000 are expected"));
    }
    #[allow(clippy::cast_possible_truncation)]
    let print = fingerprint(name.as_bytes()) as u32;
    let mut reading = Reading {
        client,
        listeners,
        feed,
        embeds: listeners
            .iter()
            .fold(Embeds::default(), |all, one| all.and(&one.tokens())),
        places: Places::default(),
        carriers: Vec::new(),
        limit: limit as usize,
        print: listeners_print(listeners),
        cursor: Cursor {
            feed: print,
            ..Cursor::default()
        },
        silent: false,
        clock: None,
        waits: false,
        newest: None,
        out: Outcome {
            events: Vec::new(),
            next: String::new(),
            more: false,
            poll_again_after_ms: PAUSE_MS,
            now: String::new(),
            requests: 0,
            complete: true,
            notes: Vec::new(),
        },
    };
    match start {
        Position::At(text) => reading.cursor = Cursor::read(text, print)?,
        Position::Since(text) => {
            let since = instant(text).ok_or_else(|| {
                invalid(
                    "/start",
                    "format",
                    "a time like `2026-02-03T09:15:00Z` is expected",
                )
            })?;
            reading.cursor.begin(since);
            if !matches!(feed, Feed::Standing(_)) {
                reading.cursor.floor = since;
            }
        }
        Position::Now => {
            // What is there already is remembered, so that only what comes later is given.
            let call = Call::get(&["users", "current"]);
            reading.send(&call).await?;
            let now = reading.clock.ok_or_else(|| {
                unsupported(
                    "Capsule's answer tells no time (no Date header): poll since a point in time.",
                )
            })?;
            reading.cursor.begin(now);
            reading.silent = true;
        }
    }
    let named = names::print(listeners);
    if named.is_some() && reading.cursor.names != named {
        let at = |place| format!("/listeners/{place}/options");
        reading
            .out
            .notes
            .extend(names::look_up(client, listeners, at).await?);
    }
    reading.cursor.names = named;
    reading.places = Places::read(client, listeners).await?;
    reading.carriers = Carrier::all(client, listeners).await?;
    match feed {
        Feed::Changes(subject) => reading.changes(subject).await?,
        Feed::Deleted(subject) => reading.deleted(subject).await?,
        Feed::Entries => reading.entries().await?,
        Feed::Standing(standing) => reading.standing(standing).await?,
    }
    Ok(reading.finish())
}

/// Tells sets of listeners apart.
#[allow(clippy::cast_possible_truncation)]
fn listeners_print(listeners: &[Listening]) -> u32 {
    let text: String = listeners
        .iter()
        .map(|one| format!("{}\n{}\n{}\n", one.id, one.trigger.id, one.options))
        .collect();
    fingerprint(text.as_bytes()) as u32
}

pub(super) struct Reading<'a> {
    pub(super) client: &'a Client,
    pub(super) listeners: &'a [Listening],
    feed: Feed,
    embeds: Embeds,
    places: Places,
    carriers: Vec<Carrier>,
    limit: usize,
    pub(super) print: u32,
    pub(super) cursor: Cursor,
    /// Nothing is given: what is read is remembered alone.
    silent: bool,
    /// Capsule's clock at the last answer.
    clock: Option<Seconds>,
    /// A record was too young.
    waits: bool,
    newest: Option<Seconds>,
    pub(super) out: Outcome,
}

impl Reading<'_> {
    pub(super) async fn send(&mut self, call: &Call) -> Result<Answer, Error> {
        self.out.requests += 1;
        let answer = self.client.send(call).await?;
        self.clock = answer.clock().or(self.clock);
        Ok(answer)
    }

    /// When the scan began: Capsule's clock, or where it tells none the newest change that was seen.
    pub(super) fn began(&mut self, rows: &[Value]) -> Seconds {
        let newest = rows.iter().filter_map(|row| time(row, "updatedAt")).max();
        match (self.clock, newest) {
            (Some(clock), _) => clock,
            (None, newest) => {
                self.out.notes.push("Capsule's answers tell no time (no Date header): the newest change that was seen stands for it.".into());
                // The newest one itself must not wait for ever.
                newest
                    .map_or(self.cursor.low, |newest| newest + SETTLE)
                    .max(self.cursor.low)
            }
        }
    }

    fn finish(mut self) -> Outcome {
        let now = self.clock.or(self.newest).unwrap_or(self.cursor.low);
        self.out.now = written(now);
        if self.waits {
            self.out.poll_again_after_ms = SHORT_PAUSE_MS;
        }
        if self.out.more {
            self.out.poll_again_after_ms = 0;
        }
        self.out.next = self.cursor.write();
        self.out
    }

    // ---- records ----

    /// Gives what a record tells. False: the limit is reached, and the record is not done.
    fn give(&mut self, record: &Value, at: Seconds, way: Way) -> bool {
        let Some(id) = id_of(record) else { return true };
        let known = self.cursor.row(id);
        if known.is_some_and(|row| row.given && row.at == at) {
            self.cursor.put(Row {
                id,
                at,
                given: true,
                read: true,
            });
            return true;
        }
        if !self.silent {
            let told = self.listeners.iter().enumerate();
            let told =
                told.filter_map(|(place, one)| Some((place, self.told(one, record, known, way)?)));
            let told: Vec<(usize, Fact)> = told.collect();
            if !self.offer(record, (id, at), self.print, told) {
                return false;
            }
        }
        self.cursor.put(Row {
            id,
            at,
            given: true,
            read: true,
        });
        true
    }

    /// Gives what a version of a record tells the listeners that want it; `print` is theirs. False: the limit is reached before the last.
    pub(super) fn offer(
        &mut self,
        record: &Value,
        (id, at): (u64, Seconds),
        print: u32,
        told: Vec<(usize, Fact)>,
    ) -> bool {
        let skip = match self.cursor.part {
            Some(part) if (part.id, part.at, part.print) == (id, at, print) => part.count,
            _ => 0,
        };
        let mut count = 0;
        for (place, fact) in told {
            let (Some(listening), Some(carrier)) =
                (self.listeners.get(place), self.carriers.get(place))
            else {
                continue;
            };
            if judge(listening, record, &self.places) != Verdict::Wanted {
                continue;
            }
            let data = if listening.change == Change::Deleted {
                Some(gone(id, &fact, fact.at.is_none()))
            } else {
                carrier.data(listening, record.clone())
            };
            let Some(data) = data else {
                self.out.notes.push(format!(
                    "{} {id} is of another shape and was left out.",
                    listening.trigger.data
                ));
                continue;
            };
            count += 1;
            if count <= skip {
                continue;
            }
            if self.out.events.len() == self.limit {
                self.cursor.part = Some(Part {
                    id,
                    at,
                    count: count - 1,
                    print,
                });
                return false;
            }
            self.out.events.push(Found {
                listener: listening.id.clone(),
                trigger: listening.trigger,
                record: id,
                fact,
                data,
            });
        }
        if self.cursor.part.is_some_and(|part| part.id == id) {
            self.cursor.part = None;
        }
        true
    }

    fn told(
        &self,
        listening: &Listening,
        record: &Value,
        known: Option<Row>,
        way: Way,
    ) -> Option<Fact> {
        if let Feed::Deleted(_) = self.feed {
            return Some(deletion(record, true));
        }
        if !is_about(listening.subject, record) {
            return None;
        }
        let fact = fact(listening.subject, listening.change, record, way)?;
        // Its creation stood in the version that was given before.
        if listening.change == Change::Created && known.is_some_and(|row| row.given) {
            return None;
        }
        let stamp = fact.at.as_deref().and_then(instant);
        let back_dated = listening.change == Change::Completed;
        if stamp.is_some_and(|stamp| stamp < self.cursor.floor) && !back_dated {
            return None;
        }
        Some(fact)
    }

    // ---- changes ----

    fn ask(&self, subject: Subject, since: Seconds, page: u32) -> Call {
        let call = Call::get(&[subject.keys().0]).with("since", written(since));
        let call = if subject == Subject::Task {
            call.with("status", "open,completed,pending")
        } else {
            call
        };
        call.embed(&self.embeds.tokens)
            .with("page", page.to_string())
            .with("perPage", PER_PAGE)
    }

    async fn changes(&mut self, subject: Subject) -> Result<(), Error> {
        let first = self.cursor.low - OVERLAP;
        let mut scan = self.cursor.scan.unwrap_or(Scan {
            since: first,
            t0: Seconds::MIN,
            page: 1,
            pass: 1,
            ..Scan::default()
        });
        let fresh = self.cursor.scan.is_none();
        let mut began = !fresh;
        for _ in 0..MOST_PAGES {
            let call = self.ask(subject, scan.since, scan.page);
            let mut answer = self.send(&call).await?;
            let rows = answer.rows(&call, subject.keys().0)?;
            let next = self.client.following(&call, &answer, scan.page)?;
            if !began {
                scan.t0 = self.began(&rows);
                began = true;
            }
            scan.unheeded |= subject == Subject::Task
                && rows
                    .iter()
                    .filter_map(|row| time(row, "updatedAt"))
                    .any(|at| at < scan.since - 1);
            if scan.unheeded
                && (scan.page > MOST_TASK_PAGES || (scan.page == MOST_TASK_PAGES && next.is_some()))
            {
                return Err(unsupported(
                    "Capsule does not heed `since` for tasks here, and there are more than 2,000: use hooks.",
                ));
            }
            if !self.page_of_changes(&rows, &mut scan, first) {
                self.cursor.scan = Some(scan);
                self.out.more = true;
                return Ok(());
            }
            let Some(next) = next else {
                if !scan.several && scan.page > 1 && scan.pass == 1 {
                    // A second that fills pages is read twice, the last one too.
                    scan.page = 1;
                    scan.pass = 2;
                    continue;
                }
                if !scan.several || self.closes(subject, &mut scan, first).await? {
                    self.close(scan.t0);
                    return Ok(());
                }
                if scan.pass > MOST_PASSES {
                    self.give_up();
                    return Ok(());
                }
                continue;
            };
            self.onward(&rows, &mut scan, next);
        }
        self.cursor.scan = Some(scan);
        self.out.more = true;
        Ok(())
    }

    /// Goes through a page. False: the limit is reached.
    fn page_of_changes(&mut self, rows: &[Value], scan: &mut Scan, first: Seconds) -> bool {
        for row in rows {
            let (Some(id), Some(at)) = (id_of(row), time(row, "updatedAt")) else {
                continue;
            };
            self.newest = self.newest.max(Some(at));
            let known = self.cursor.row(id);
            scan.news |= known.is_none_or(|known| !known.read);
            let young = at > scan.t0 - SETTLE;
            if (young && !self.silent) || at < first - 1 {
                self.waits |= young;
                self.cursor.put(Row {
                    id,
                    at: known.map_or(at, |known| known.at),
                    given: known.is_some_and(|known| known.given),
                    read: true,
                });
                continue;
            }
            let way = Way::Page {
                low: self.cursor.low,
                since: self.cursor.horizon(),
            };
            if !self.give(row, at, way) {
                return false;
            }
        }
        true
    }

    /// Where to read on. Where the feed ascends by `updatedAt` there is no offset, so that nothing is skipped; otherwise by page.
    fn onward(&mut self, rows: &[Value], scan: &mut Scan, next: u32) {
        let times: Vec<Seconds> = rows
            .iter()
            .filter_map(|row| time(row, "updatedAt"))
            .collect();
        let ascending = times.is_sorted();
        if !ascending && self.cursor.ascends {
            // It was another order that looked like this one: begin anew by pages.
            self.cursor.ascends = false;
            *scan = Scan {
                since: self.cursor.low - OVERLAP,
                page: 1,
                pass: 1,
                several: true,
                ..*scan
            };
            return;
        }
        if ascending && !self.cursor.ascends && !scan.unheeded && proves_order(rows, &times) {
            self.cursor.ascends = true;
            if scan.page > 1 {
                // What lies before was read by offset: again without.
                *scan = Scan {
                    since: self.cursor.low - OVERLAP,
                    page: 1,
                    pass: 1,
                    several: false,
                    ..*scan
                };
                return;
            }
        }
        if self.cursor.ascends && !scan.several {
            let since = times.last().map_or(scan.since, |last| last - 1);
            if since > scan.since {
                if scan.page > 1 && scan.pass == 1 {
                    // A second that fills pages is read twice.
                    scan.page = 1;
                    scan.pass = 2;
                } else {
                    scan.since = since;
                    scan.page = 1;
                    scan.pass = 1;
                }
            } else {
                scan.page = next;
            }
            return;
        }
        scan.several = true;
        scan.page = next;
    }

    /// Whether a scan over offset pages has read all: a second pass found nothing new, and as many records were read as Capsule counts, without
    /// those deleted meanwhile. Otherwise the next pass begins.
    async fn closes(
        &mut self,
        subject: Subject,
        scan: &mut Scan,
        first: Seconds,
    ) -> Result<bool, Error> {
        let again = |scan: &mut Scan| {
            scan.page = 1;
            scan.pass += 1;
            scan.news = false;
            scan.since = first;
        };
        // A deletion shifts what follows it by one, and the feed of deletions may show it later than the list does: the count alone can come
        // right by a record that went and one that was skipped. A pass that finds nothing new tells them apart.
        if scan.pass < 2 || (scan.news && scan.pass < MOST_PASSES) {
            again(scan);
            return Ok(false);
        }
        let read = self.cursor.rows.iter().filter(|row| row.read).count();
        let path = subject.keys().0;
        let mut count = Call::get(&[path]).with("since", written(first));
        if subject == Subject::Task {
            count = count.with("status", "open,completed,pending");
        }
        let count = count
            .embed(&["meta"])
            .with("page", "1")
            .with("perPage", "1");
        let total = self.send(&count).await?.total();
        let Some(total) = total.filter(|_| read < MOST_ROWS && !scan.overflowed) else {
            self.out.complete = false;
            self.out.notes.push("Too many records changed at once to tell whether all were read: they were read twice.".into());
            return Ok(true);
        };
        let closed = if scan.news {
            false
        } else if subject == Subject::Task {
            // There is no feed of deleted tasks.
            read as u64 >= total
        } else {
            let call = Call::get(&[path, "deleted"]).with("since", written(scan.t0 - OVERLAP));
            let mut answer = self.send(&call).await?;
            let gone = answer.rows(&call, path)?;
            let gone = gone
                .iter()
                .filter_map(id_of)
                .filter(|id| self.cursor.row(*id).is_some_and(|row| row.read))
                .count();
            (read - gone.min(read)) as u64 >= total
        };
        if !closed {
            again(scan);
        }
        Ok(closed)
    }

    fn give_up(&mut self) {
        self.out.complete = false;
        self.out.more = true;
        self.out
            .notes
            .push("Capsule changed while it was read: the next poll reads again.".into());
        self.cursor.scan = None;
        for row in &mut self.cursor.rows {
            row.read = false;
        }
    }

    fn close(&mut self, t0: Seconds) {
        self.cursor.low = self.cursor.low.max(t0 - SETTLE);
        self.cursor.scan = None;
        self.cursor.part = None;
        if self.cursor.low - self.cursor.marks[1] >= OVERLAP {
            self.cursor.marks = [self.cursor.marks[1], self.cursor.low];
        }
        self.forget(self.cursor.horizon() - 1);
    }

    fn forget(&mut self, before: Seconds) {
        self.cursor.rows.retain(|row| row.at >= before && row.given);
        for row in &mut self.cursor.rows {
            row.read = false;
        }
        if self.cursor.floor < before {
            self.cursor.floor = 0;
        }
    }

    // ---- deletions ----

    async fn deleted(&mut self, subject: Subject) -> Result<(), Error> {
        let path = subject.keys().0;
        let (head, tail) = path.split_at(1);
        let restricted = format!("restricted{}{tail}", head.to_ascii_uppercase());
        let since = self.cursor.low - OVERLAP;
        let mut scan = self.cursor.scan.unwrap_or(Scan {
            since,
            page: 1,
            pass: 1,
            ..Scan::default()
        });
        let mut began = self.cursor.scan.is_some();
        for _ in 0..MOST_PAGES {
            let mut call = Call::get(&[path, "deleted"]).with("since", written(scan.since));
            if scan.page > 1 {
                call = call.with("page", scan.page.to_string());
            }
            let mut answer = self.send(&call).await?;
            let mut rows = answer.rows(&call, path)?;
            let next = self.client.following(&call, &answer, scan.page)?;
            if let Some(Value::Array(hidden)) = answer.body.get(restricted.as_str()) {
                rows.extend(
                    hidden
                        .iter()
                        .filter_map(|row| Some(json!({"id": row.get("id")?}))),
                );
            }
            if !began {
                scan.t0 = self.clock.unwrap_or_else(|| {
                    let newest = rows.iter().filter_map(|row| time(row, "deletedAt")).max();
                    newest.map_or(self.cursor.low, |newest| newest + SETTLE)
                });
                began = true;
            }
            for row in &rows {
                // A record that can't be seen any more tells no time: it counts as of the first sight.
                let known = id_of(row).and_then(|id| self.cursor.row(id));
                let at = match (time(row, "deletedAt"), known) {
                    (Some(at), _) => at,
                    (None, Some(known)) => known.at,
                    (None, None) => scan.t0 - SETTLE,
                };
                if at > scan.t0 - SETTLE && !self.silent {
                    self.waits = true;
                    continue;
                }
                if at < self.cursor.floor && row.get("deletedAt").is_some() {
                    continue;
                }
                let way = Way::Page {
                    low: self.cursor.low,
                    since,
                };
                if !self.give(row, at, way) {
                    self.cursor.scan = Some(scan);
                    self.out.more = true;
                    return Ok(());
                }
            }
            match next {
                Some(next) => scan.page = next,
                None => {
                    self.close(scan.t0);
                    return Ok(());
                }
            }
        }
        self.cursor.scan = Some(scan);
        self.out.more = true;
        Ok(())
    }

    // ---- entries ----

    /// Entries come by `entryAt`, which may be back-dated, and there is no `since` (API reference 3.5): the first page at each poll, and once
    /// an hour down to the look-back. What is known of the last two hours stays in mind, so that one that a deletion hides from a deep pass
    /// is found by the next.
    async fn entries(&mut self) -> Result<(), Error> {
        let hours = self
            .listeners
            .iter()
            .map(|one| one.whole("lookBackHours", 48))
            .max();
        let back = hours.unwrap_or(48) * 3600;
        let since = self.cursor.low - OVERLAP;
        let mut scan = self.cursor.scan.unwrap_or(Scan {
            since,
            page: 1,
            pass: 1,
            ..Scan::default()
        });
        let mut began = self.cursor.scan.is_some();
        for _ in 0..MOST_PAGES {
            let call = Call::get(&["entries"])
                .with("page", scan.page.to_string())
                .with("perPage", PER_PAGE);
            let mut answer = self.send(&call).await?;
            let rows = answer.rows(&call, "entries")?;
            let next = self.client.following(&call, &answer, scan.page)?;
            if !began {
                scan.t0 = self.began(&rows);
                scan.several = scan.t0 - self.cursor.deep >= DEEP || self.silent;
                began = true;
            }
            let mut all_new = !rows.is_empty();
            let mut deep_enough = false;
            for row in &rows {
                deep_enough |= time(row, "entryAt").is_some_and(|at| at < since - back);
                let Some(at) = time(row, "createdAt") else {
                    continue;
                };
                let known = id_of(row).is_none_or(|id| self.cursor.row(id).is_some());
                all_new &= at >= since && !known;
                if at < since {
                    continue;
                }
                if at > scan.t0 - SETTLE && !self.silent {
                    self.waits = true;
                    continue;
                }
                let way = Way::Page {
                    low: self.cursor.low,
                    since,
                };
                if !self.give(row, at, way) {
                    self.cursor.scan = Some(scan);
                    self.out.more = true;
                    return Ok(());
                }
            }
            match next {
                Some(next) if (scan.several && !deep_enough) || all_new => scan.page = next,
                _ => {
                    if scan.several || next.is_none() {
                        self.cursor.low = self.cursor.low.max(self.cursor.deep - SETTLE);
                        self.cursor.deep = scan.t0;
                        self.forget(self.cursor.low - OVERLAP - 1);
                    }
                    self.cursor.scan = None;
                    self.cursor.part = None;
                    return Ok(());
                }
            }
        }
        self.cursor.scan = Some(scan);
        self.out.more = true;
        Ok(())
    }
}

/// Whether a page that ascends by `updatedAt` shows that it is sorted by it. Records that were never changed ascend by id and by time alike:
/// taking that for the order of the feed would skip an older change of a younger record.
fn proves_order(rows: &[Value], times: &[Seconds]) -> bool {
    const SECONDS: usize = 8;
    let ids: Vec<u64> = rows.iter().filter_map(id_of).collect();
    let by_id = ids.is_sorted() || ids.iter().rev().is_sorted();
    let mut seconds = times.to_vec();
    seconds.dedup();
    !by_id && seconds.len() >= SECONDS
}
