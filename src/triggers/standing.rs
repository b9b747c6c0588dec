//! Feeds of what is the case: tasks that are due, opportunities that rest, records that a saved filter finds. Nothing changes when it
//! becomes the case, so that each poll reads all that may be concerned, and the cursor keeps for which of them it is.
//!
//! A *question* is what several listeners may ask alike: which trigger, of how many days, of which filter. An event is given when a record
//! enters the answer. A record has left it when two passes over its pages do not find it, because offset pages shift while they are read.

use super::cursor::{Group, MOST_ROWS, Row, Scan, remember, row_of};
use super::event::id_of;
use super::listening::Listening;
use super::poll::{MOST_PAGES, PER_PAGE, Reading, SETTLE};
use super::rule::{Change, Fact};
use crate::api::{Call, Client, Roster, is_not_found, unsupported};
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, fingerprint};
use crate::model::Embeds;
use crate::model::time::{Seconds, written};
use serde_json::{Value, json};

/// Most pages of a list: 8,192 rows.
const MOST_LIST_PAGES: u32 = 82;
/// Each page of a list puts off the next poll, so that no list takes more than a part of the requests of an hour.
const PAUSE_MS_PER_PAGE: u64 = 15_000;

/// Which records are looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    OpenTasks,
    OpenOpportunities,
    SavedFilters,
}

/// What listeners ask alike.
struct Question {
    print: u32,
    /// Their places.
    listeners: Vec<usize>,
}

/// A list, and what is asked of its records.
struct List {
    print: u32,
    call: Call,
    key: &'static str,
    questions: Vec<Question>,
}

/// All open opportunities, the oldest first: what is added while they are read comes last.
pub(super) fn open_opportunities() -> Call {
    let filter = json!({
        "conditions": [{"field": "isOpen", "operator": "is", "value": true}],
        "orderBy": [{"field": "addedOn", "direction": "ascending"}],
    });
    Call::ask(
        &["opportunities", "filters", "results"],
        json!({ "filter": filter }),
    )
}

/// What a saved filter finds, by the listener's choice; with the filter's id.
///
/// # Errors
/// `invalid-input` or `ambiguous` for its name, and what sending gives.
pub(super) async fn found_by(
    client: &Client,
    listening: &Listening,
    pointer: &str,
) -> Result<(u64, Call), Error> {
    let wanted = Ref::from_json(listening.option("filter").cloned().unwrap_or_default());
    let (path, _) = listening.subject.keys();
    let id = match (listening.subject.kind(), wanted) {
        (_, Ref::Id(id)) => id,
        (Some(kind), wanted) => {
            let roster = Roster::SavedFilters(kind.entity());
            client.chosen(roster, &wanted, pointer).await?
        }
        (None, Ref::Name(_)) => 0,
    };
    Ok((
        id,
        Call::get(&[path, "filters", &id.to_string(), "results"]),
    ))
}

#[allow(clippy::cast_possible_truncation)]
fn print(text: &str) -> u32 {
    fingerprint(text.as_bytes()) as u32
}

impl Reading<'_> {
    /// Polls such a feed.
    ///
    /// # Errors
    /// `unsupported` for too many records, `invalid-input` or `ambiguous` for a filter, and what sending gives.
    pub(super) async fn standing(&mut self, standing: Standing) -> Result<(), Error> {
        let lists = self.lists(standing).await?;
        self.read_lists(standing, &lists).await?;
        self.bound(standing)
    }

    /// What does not fit into the cursor: the oldest may go where they have a time. Without, a record that went would enter again.
    fn bound(&mut self, standing: Standing) -> Result<(), Error> {
        if standing != Standing::SavedFilters {
            self.cursor.bound();
        } else if !self.cursor.fits() {
            return Err(unsupported(format!(
                "The saved filters of this poll find more than a cursor holds, {MOST_ROWS} records at most. Narrow the filters."
            )));
        }
        Ok(())
    }

    /// What is to be read, by what the listeners ask.
    async fn lists(&self, standing: Standing) -> Result<Vec<List>, Error> {
        let mut lists: Vec<List> = Vec::new();
        for (place, listening) in self.listeners.iter().enumerate() {
            let (list, question, call) = match standing {
                Standing::OpenTasks => (
                    0,
                    String::new(),
                    Call::get(&["tasks"]).with("status", "open"),
                ),
                Standing::OpenOpportunities => (0, String::new(), open_opportunities()),
                Standing::SavedFilters => {
                    let pointer = format!("/listeners/{place}/options/filter");
                    let (id, call) = found_by(self.client, listening, &pointer).await?;
                    let name = format!("{} {id}", listening.subject.keys().0);
                    (print(&name), name, call)
                }
            };
            let ahead = listening.whole("utcOffsetMinutes", 0);
            let question = print(&format!(
                "{} {} {ahead} {question}",
                listening.trigger.id,
                listening.days()
            ));
            let at = match lists.iter().position(|known| known.print == list) {
                Some(at) => at,
                None => {
                    lists.push(List {
                        print: list,
                        call,
                        key: listening.subject.keys().0,
                        questions: Vec::new(),
                    });
                    lists.len() - 1
                }
            };
            let Some(list) = lists.get_mut(at) else {
                continue;
            };
            match list.questions.iter_mut().find(|one| one.print == question) {
                Some(known) => known.listeners.push(place),
                None => list.questions.push(Question {
                    print: question,
                    listeners: vec![place],
                }),
            }
        }
        for list in &mut lists {
            let asked = list.questions.iter().flat_map(|one| &one.listeners);
            let asked = asked.filter_map(|place| self.listeners.get(*place));
            let embeds = asked.fold(Embeds::default(), |all, one| all.and(&one.tokens()));
            list.call = list
                .call
                .clone()
                .embed(&embeds.tokens)
                .with("perPage", PER_PAGE);
        }
        // A scan that goes on finds its place, in whichever order the listeners come.
        crate::few::order_by_key(&mut lists, |list| list.print);
        Ok(lists)
    }

    /// A new question begins a scan anew, since what it asks of the pages before is not known.
    fn scan(&mut self, lists: &[List]) -> (Scan, usize, bool) {
        let mut anew = false;
        for question in lists.iter().flat_map(|list| &list.questions) {
            if self.cursor.group(question.print).is_none() {
                anew = true;
                self.cursor.groups.push(Group {
                    print: question.print,
                    fresh: true,
                    rows: Vec::new(),
                });
            }
        }
        let under_way = self.cursor.scan.filter(|_| !anew).and_then(|scan| {
            let at = lists.iter().position(|list| list.print == scan.list)?;
            Some((scan, at, true))
        });
        under_way.unwrap_or((
            Scan {
                page: 1,
                pass: 1,
                ..Scan::default()
            },
            0,
            false,
        ))
    }

    async fn read_lists(&mut self, standing: Standing, lists: &[List]) -> Result<(), Error> {
        let (mut scan, first, mut began) = self.scan(lists);
        let mut pages: u64 = 0;
        let mut left = MOST_PAGES;
        for list in lists.iter().skip(first) {
            scan.list = list.print;
            loop {
                if left == 0 {
                    return self.go_on(scan);
                }
                left -= 1;
                let call = list.call.clone().with("page", scan.page.to_string());
                let mut answer = match self.send(&call).await {
                    Err(error) if standing == Standing::SavedFilters && is_not_found(&error) => {
                        self.note_missing(list);
                        break;
                    }
                    answer => answer?,
                };
                let rows = answer.rows(&call, list.key)?;
                let next = self.client.following(&call, &answer, scan.page)?;
                if !began {
                    scan.t0 = self.began(&rows);
                    began = true;
                }
                for row in &rows {
                    for question in &list.questions {
                        if !self.put_question(question, row, scan.t0) {
                            return self.go_on(scan);
                        }
                    }
                }
                self.bound(standing)?;
                match next {
                    Some(next) if next <= MOST_LIST_PAGES => scan.page = next,
                    Some(_) => {
                        return Err(unsupported(format!(
                            "More than {MOST_ROWS} {} would have to be read at each poll. {}",
                            list.key,
                            if standing == Standing::SavedFilters {
                                "Narrow the saved filter."
                            } else {
                                "Save a filter in Capsule and wait for `record.matches-saved-filter`."
                            }
                        )));
                    }
                    None if scan.page > 1 && scan.pass == 1 && self.misses(list) => {
                        scan.page = 1;
                        scan.pass = 2;
                    }
                    None => {
                        pages += u64::from(scan.page);
                        self.settle(list);
                        break;
                    }
                }
            }
            scan.page = 1;
            scan.pass = 1;
        }
        let pause = &mut self.out.poll_again_after_ms;
        *pause = (*pause).max(pages * PAUSE_MS_PER_PAGE);
        self.end(standing, lists, scan.t0, began);
        Ok(())
    }

    /// The next poll goes on where this one ended.
    fn go_on(&mut self, scan: Scan) -> Result<(), Error> {
        self.cursor.scan = Some(scan);
        self.out.more = true;
        Ok(())
    }

    /// Whether it is the case of a record, and who is told. False: the limit is reached, and the record is not done.
    fn put_question(&mut self, question: &Question, record: &Value, t0: Seconds) -> bool {
        let asking = question.listeners.first();
        let (Some(id), Some(asking)) = (
            id_of(record),
            asking.and_then(|place| self.listeners.get(*place)),
        ) else {
            return true;
        };
        let low = self.cursor.low;
        let matched = asking.change == Change::Matched;
        let (at, fact) = if matched {
            // It tells no time: the poll before is what a repeated poll knows too.
            let version = written(low);
            (low, Fact { version, at: None })
        } else {
            match asking.case(record).filter(|at| *at <= t0 - SETTLE) {
                Some(at) => (at, Fact::at(at)),
                None => return true,
            }
        };
        let floor = self.cursor.floor;
        let Some(group) = self.cursor.group(question.print) else {
            return true;
        };
        let known = row_of(&group.rows, id).is_some_and(|row| matched || row.at == at);
        let is_old = group.fresh && (matched || at < low);
        if !known && !matched && at <= floor {
            return true;
        }
        if !known && !is_old {
            let told = question
                .listeners
                .iter()
                .map(|place| (*place, fact.clone()));
            let print = self.print ^ question.print;
            if !self.offer(record, (id, at), print, told.collect()) {
                return false;
            }
        }
        if let Some(group) = self.cursor.group(question.print) {
            remember(
                &mut group.rows,
                Row {
                    id,
                    at,
                    given: true,
                    read: true,
                },
            );
        }
        true
    }

    /// Whether records that were there before were not found.
    fn misses(&mut self, list: &List) -> bool {
        list.questions.iter().any(|question| {
            let group = self.cursor.group(question.print);
            group.is_some_and(|group| group.rows.iter().any(|row| !row.read))
        })
    }

    /// A list was read to its end: what was not found has left.
    fn settle(&mut self, list: &List) {
        for question in &list.questions {
            if let Some(group) = self.cursor.group(question.print) {
                group.fresh = false;
                group.rows.retain(|row| row.read);
                for row in &mut group.rows {
                    row.read = false;
                }
            }
        }
    }

    fn note_missing(&mut self, list: &List) {
        let asking = list.questions.iter().flat_map(|one| &one.listeners);
        let ids: Vec<String> = asking
            .filter_map(|place| Some(format!("`{}`", self.listeners.get(*place)?.id)))
            .collect();
        self.out.notes.push(format!(
            "The saved filter of {} is not there, or the connected user may not see it.",
            ids.join(", ")
        ));
    }

    /// All lists were read. What nobody asks any more is forgotten.
    fn end(&mut self, standing: Standing, lists: &[List], t0: Seconds, began: bool) {
        let cursor = &mut self.cursor;
        if began {
            cursor.low = cursor.low.max(t0 - SETTLE);
        }
        cursor.scan = None;
        cursor.part = None;
        cursor.rows.clear();
        cursor.groups.retain(|group| {
            let mut asked = lists.iter().flat_map(|list| &list.questions);
            asked.any(|question| question.print == group.print)
        });
        if standing == Standing::SavedFilters {
            // They tell no time: rows at the low mark cost the fewest bytes.
            let rows = cursor.groups.iter_mut().flat_map(|group| &mut group.rows);
            rows.for_each(|row| row.at = cursor.low);
        }
    }
}
