//! Deliveries that wait, and what was put aside.
//!
//! Whoever knows an address can send to it without end, and everything is acknowledged: for each address the journal keeps so much and no
//! more. What it lets go is the oldest, and the feeds are polled for it.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Journal, Taken, put_events};
use crate::listen::address::Hash;
use crate::listen::{ListenError, clock};
use crate::runtime::triggers::Event;

use std::time::Duration;

/// What was put aside has the feeds polled, but not more often than this.
const EARLY: Duration = Duration::from_secs(60);
/// Most deliveries of an address that wait. A listener that works has next to none.
const MOST_WAITING: Bound = Bound {
    rows: 5_000,
    bytes: 256 << 20,
};
/// Most deliveries of an address that are put aside.
const MOST_ASIDE: Bound = Bound {
    rows: 1_000,
    bytes: 64 << 20,
};
/// What waits is counted at every so manieth delivery.
const COUNTED: i64 = 64;
/// Most bytes of deliveries that are worked on together.
const MOST_TOGETHER: usize = 1 << 20;

/// How much is kept.
#[derive(Clone, Copy)]
struct Bound {
    rows: i64,
    bytes: i64,
}

/// A delivery as it arrived.
#[derive(Clone, Debug)]
pub(in crate::listen) struct Arrival {
    /// Where it came to.
    pub(in crate::listen) address: Hash,
    pub(in crate::listen) query: String,
    pub(in crate::listen) content_type: Option<String>,
    pub(in crate::listen) body: Vec<u8>,
    /// The event that it says it is.
    pub(in crate::listen) event: Option<String>,
    /// From when on it is worked on.
    pub(in crate::listen) due_at: i64,
    /// Why it is put aside at once.
    pub(in crate::listen) aside: Option<&'static str>,
}

/// A delivery that is to be worked on.
#[derive(Clone, Debug)]
pub(in crate::listen) struct Waiting {
    pub(in crate::listen) id: i64,
    /// None: it came before this was noted.
    pub(in crate::listen) address: Option<Hash>,
    pub(in crate::listen) query: String,
    pub(in crate::listen) content_type: Option<String>,
    pub(in crate::listen) body: Vec<u8>,
    pub(in crate::listen) event: Option<String>,
    pub(in crate::listen) tries: u32,
}

/// How working on a delivery ended.
#[derive(Clone, Debug)]
pub(in crate::listen) enum Ended {
    /// It was worked on, and perhaps something is missing: why.
    Done(Option<String>),
    /// Try again then.
    Later(i64),
    /// It can't be worked on.
    Aside(String),
}

/// What the journal holds of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::listen) struct Held {
    pub(in crate::listen) waiting: u64,
    pub(in crate::listen) aside: u64,
    pub(in crate::listen) aside_bytes: u64,
}

/// What kind of thing was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantinedKind {
    /// A delivery that gave no events although it should have.
    Delivery,
    /// An event that the outlet refused.
    Event,
}

/// Something that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// By which it is replayed: `d7` for deliveries, `e7` for events.
    pub id: String,
    /// What it is.
    pub kind: QuarantinedKind,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Why it was put aside.
    pub why: String,
    /// Its size.
    pub bytes: u64,
}

const COLUMNS: &str = "id, address, query, content_type, body, event, tries";

fn waiting(row: &rusqlite::Row<'_>) -> Result<Waiting, rusqlite::Error> {
    Ok(Waiting {
        id: row.get(0)?,
        address: row.get(1)?,
        query: row.get(2)?,
        content_type: row.get(3)?,
        body: row.get(4)?,
        event: row.get(5)?,
        tries: row.get(6)?,
    })
}

impl Journal {
    /// Stores a delivery. Gives how many older ones of its address had to go.
    pub(in crate::listen) async fn take_in(
        &self,
        arrival: Arrival,
        now: i64,
    ) -> Result<usize, ListenError> {
        self.run(move |t| {
            let id: i64 = t
                .prepare(
                    "INSERT INTO delivery (at, query, content_type, body, due_at, aside, address, event, bytes) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, length(?4)) RETURNING id",
                )?
                .query_row(
                    params![
                        now,
                        arrival.query,
                        arrival.content_type,
                        arrival.body,
                        arrival.due_at,
                        arrival.aside,
                        arrival.address,
                        arrival.event
                    ],
                    |row| row.get(0),
                )?;
            if arrival.aside.is_some() {
                hurry(t, now)?;
                return let_go(t, Some(arrival.address), true, MOST_ASIDE);
            }
            if id % COUNTED != 0 {
                return Ok(0);
            }
            let gone = let_go(t, Some(arrival.address), false, MOST_WAITING)?;
            if gone > 0 {
                hurry(t, now)?;
            }
            Ok(gone)
        })
        .await
    }

    /// The next delivery that is due, or when the next one will be.
    pub(in crate::listen) async fn next_delivery(
        &self,
        now: i64,
    ) -> Result<Result<Waiting, Option<i64>>, ListenError> {
        self.run(move |t| {
            let found = t
                .prepare(&format!(
                    "SELECT {COLUMNS} FROM delivery WHERE aside IS NULL AND due_at <= ?1 ORDER BY id LIMIT 1"
                ))?
                .query_row([now], waiting)
                .optional()?;
            match found {
                Some(waiting) => Ok(Ok(waiting)),
                None => Ok(Err(t.query_row(
                    "SELECT min(due_at) FROM delivery WHERE aside IS NULL",
                    [],
                    |row| row.get(0),
                )?)),
            }
        })
        .await
    }

    /// Those after a delivery that are due, were not tried yet, and say that they are the same event of the same address: at most so many.
    pub(in crate::listen) async fn like(
        &self,
        first: &Waiting,
        now: i64,
        most: usize,
    ) -> Result<Vec<Waiting>, ListenError> {
        let (address, event, id) = (first.address, first.event.clone(), first.id);
        self.run(move |t| {
            let mut statement = t.prepare(&format!(
                "SELECT {COLUMNS} FROM delivery INDEXED BY delivery_waiting WHERE aside IS NULL AND address = ?1 AND id > ?3 \
                 AND event = ?2 AND tries = 0 AND due_at <= ?4 ORDER BY id"
            ))?;
            let mut rows = statement.query(params![address, event, id, now])?;
            let mut like: Vec<Waiting> = Vec::new();
            let mut bytes = 0;
            while like.len() < most
                && let Some(row) = rows.next()?
            {
                let one = waiting(row)?;
                bytes += one.body.len();
                if bytes > MOST_TOGETHER {
                    break;
                }
                like.push(one);
            }
            Ok(like)
        })
        .await
    }

    /// Puts off all that wait at an address and say that they are an event. What they tell late is polled for.
    pub(in crate::listen) async fn hold_back(
        &self,
        like: &Waiting,
        until: i64,
        now: i64,
    ) -> Result<(), ListenError> {
        let (address, event) = (like.address, like.event.clone());
        self.run(move |t| {
            t.execute(
                "UPDATE delivery SET due_at = max(due_at, ?3) WHERE aside IS NULL AND address IS ?1 AND event IS ?2",
                params![address, event, until],
            )?;
            hurry(t, now)
        })
        .await
    }

    /// Ends deliveries: with their events they are gone, in one commit. Gives what became of the events, and how many older ones that were
    /// put aside had to go.
    pub(in crate::listen) async fn end_deliveries(
        &self,
        ended: Vec<(Waiting, Ended)>,
        events: Vec<Event>,
        now: i64,
    ) -> Result<(Taken, usize), ListenError> {
        let skip_own = self.skip_own.clone();
        self.run(move |t| {
            let taken = put_events(t, &events, "hook", &skip_own, now)?;
            let mut gone = 0;
            for (waiting, ended) in ended {
                let id = waiting.id;
                match ended {
                    Ended::Done(None) => {
                        t.prepare("DELETE FROM delivery WHERE id = ?1")?
                            .execute([id])?;
                    }
                    Ended::Later(due_at) => {
                        t.execute(
                            "UPDATE delivery SET tries = tries + 1, due_at = ?2 WHERE id = ?1",
                            [id, due_at],
                        )?;
                    }
                    Ended::Aside(why) | Ended::Done(Some(why)) => {
                        t.execute(
                            "UPDATE delivery SET aside = ?2, tries = tries + 1 WHERE id = ?1",
                            params![id, why],
                        )?;
                        hurry(t, now)?;
                        gone += let_go(t, waiting.address, true, MOST_ASIDE)?;
                    }
                }
            }
            Ok((taken, gone))
        })
        .await
    }

    // ---- quarantine ----

    /// How much is kept.
    pub(in crate::listen) async fn held(&self) -> Result<Held, ListenError> {
        self.run(|t| {
            t.query_row(
                "SELECT count(*) FILTER (WHERE aside IS NULL), count(*) FILTER (WHERE aside IS NOT NULL), \
                 coalesce(sum(bytes) FILTER (WHERE aside IS NOT NULL), 0) FROM delivery",
                [],
                |row| {
                    let figure = |at| Ok::<_, rusqlite::Error>(row.get::<_, i64>(at)?.unsigned_abs());
                    Ok(Held {
                        waiting: figure(0)?,
                        aside: figure(1)?,
                        aside_bytes: figure(2)?,
                    })
                },
            )
        })
        .await
    }

    pub(in crate::listen) async fn quarantined(&self) -> Result<Vec<Quarantined>, ListenError> {
        self.run(|t| {
            let mut statement = t.prepare(
                "SELECT 'd', id, at, aside, length(body) FROM delivery WHERE aside IS NOT NULL UNION ALL \
                 SELECT 'e', seq, at, aside, length(line) FROM event WHERE aside IS NOT NULL ORDER BY 3",
            )?;
            let rows = statement.query_map([], |row| {
                let kind: String = row.get(0)?;
                Ok(Quarantined {
                    id: format!("{kind}{}", row.get::<_, i64>(1)?),
                    kind: if kind == "d" {
                        QuarantinedKind::Delivery
                    } else {
                        QuarantinedKind::Event
                    },
                    at: row.get(2)?,
                    why: row.get(3)?,
                    bytes: row.get::<_, i64>(4)?.unsigned_abs(),
                })
            })?;
            rows.collect()
        })
        .await
    }

    pub(in crate::listen) async fn replay(&self, id: &str) -> Result<bool, ListenError> {
        let (table, key) = match id.split_at_checked(1) {
            Some(("d", number)) => (
                "UPDATE delivery SET aside = NULL, tries = 0, due_at = 0 WHERE id = ?1 AND aside IS NOT NULL",
                number,
            ),
            Some(("e", number)) => (
                "UPDATE event SET aside = NULL, tries = 0, due_at = 0 WHERE seq = ?1 AND aside IS NOT NULL",
                number,
            ),
            _ => return Ok(false),
        };
        let Ok(key) = key.parse::<i64>() else {
            return Ok(false);
        };
        self.run(move |t| Ok(t.execute(table, [key])? > 0)).await
    }
}

/// What a delivery should have told is found by poll: soon, but whoever knows the address must not make us poll without end.
fn hurry(t: &Transaction<'_>, now: i64) -> Result<(), rusqlite::Error> {
    t.execute(
        "UPDATE feed SET due_at = min(due_at, max(?1, coalesce(read_at, 0) + ?2)) WHERE failures = 0",
        [now, clock::ms(EARLY)],
    )?;
    Ok(())
}

/// Lets go of the oldest deliveries of an address that are more than its share. Gives how many.
fn let_go(
    t: &Transaction<'_>,
    address: Option<Hash>,
    aside: bool,
    most: Bound,
) -> Result<usize, rusqlite::Error> {
    let those = if aside {
        "FROM delivery WHERE address IS ?1 AND aside IS NOT NULL"
    } else {
        "FROM delivery WHERE address IS ?1 AND aside IS NULL"
    };
    let (rows, bytes): (i64, i64) = t
        .prepare(&format!("SELECT count(*), coalesce(sum(bytes), 0) {those}"))?
        .query_row([address], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if rows <= most.rows && bytes <= most.bytes {
        return Ok(0);
    }
    t.prepare(&format!(
        "DELETE FROM delivery WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER newer AS place, sum(bytes) OVER newer AS size \
         {those} WINDOW newer AS (ORDER BY id DESC)) WHERE place > ?2 OR size > ?3)"
    ))?
    .execute(params![address, most.rows, most.bytes])
}
