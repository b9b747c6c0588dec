//! What outlives the process: deliveries that wait, positions of feeds, ids that were given, events that wait for the outlet.
//!
//! One thread owns the database. It gathers what is asked within a few milliseconds into one commit, because a commit waits for the disk and
//! a hundred deliveries that arrive together need only one; who asked is answered when the commit is done. `deliveries.rs` has what came in
//! and what was put aside.

mod deliveries;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::address::Hash;
use super::outlet::Reached;
use super::plan::Plan;
use super::{ListenError, clock, own};
use crate::runtime::triggers::Event;
use crate::store::file;

pub(super) use deliveries::{Arrival, Ended, Held, Waiting};
pub use deliveries::{Quarantined, QuarantinedKind};

const DATABASE: &str = "journal.sqlite";
const LOCK: &str = "journal.lock";

/// How long is gathered for one commit.
const GATHER: Duration = Duration::from_millis(5);
/// How many of one commit.
const MOST_GATHERED: usize = 256;

/// How long opening waits for a process that is just ending.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ids of given events are kept this long at least.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// And until every feed was read to its end this much later.
const BEHIND: Duration = Duration::from_secs(48 * 3600);
/// A former address is good this long.
const RETIRED: Duration = Duration::from_secs(24 * 3600);
/// How long it is known what this connection wrote itself.
const OWN: Duration = Duration::from_secs(600);
/// What was put aside is kept this long.
const ASIDE: Duration = Duration::from_secs(30 * 24 * 3600);

/// One step for each version. A step that was released is never changed; what is new is one more step. Times are milliseconds since 1970.
const STEPS: [&str; 2] = [
    "
CREATE TABLE owner (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    connection TEXT NOT NULL,
    -- Tells lines of this journal from those of another.
    journal TEXT NOT NULL
) STRICT;
CREATE TABLE address (
    -- SHA-256 of the secret part.
    hash BLOB PRIMARY KEY NOT NULL,
    made_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    query TEXT NOT NULL,
    content_type TEXT,
    body BLOB NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    -- Why it was put aside.
    aside TEXT
) STRICT;
CREATE INDEX delivery_due ON delivery (due_at, id) WHERE aside IS NULL;
CREATE TABLE feed (
    name TEXT PRIMARY KEY NOT NULL,
    cursor TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    -- The vendor's time at the last poll that read to the end, and ours.
    read_to TEXT,
    read_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE given (
    -- The first 128 bits of SHA-256 of listener and event id.
    hash BLOB PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX given_at ON given (at);
CREATE TABLE latest (
    -- Of listener, trigger and record.
    hash BLOB PRIMARY KEY NOT NULL,
    occurred_at TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    line TEXT NOT NULL,
    at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    aside TEXT
) STRICT;
",
    "
-- SHA-256 of the secret part of the address that it came to.
ALTER TABLE delivery ADD COLUMN address BLOB;
-- The event that it says it is.
ALTER TABLE delivery ADD COLUMN event TEXT;
ALTER TABLE delivery ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX delivery_waiting ON delivery (address, id, bytes) WHERE aside IS NULL;
CREATE INDEX delivery_aside ON delivery (address, id, bytes) WHERE aside IS NOT NULL;
-- Of the listeners that it was read for.
ALTER TABLE feed ADD COLUMN listeners BLOB;
CREATE TABLE own (
    -- Of what was written, its record, and the time that the vendor stamped it with.
    hash BLOB PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
];

/// Gets the transaction, or why there is none.
type Job = Box<dyn FnOnce(Result<&Transaction<'_>, &rusqlite::Error>) -> Answer + Send>;
/// Says how the job ended, once its commit is done or has failed.
type Answer = Box<dyn FnOnce(Result<(), rusqlite::Error>) + Send>;

#[derive(Clone)]
pub(super) struct Journal {
    jobs: mpsc::Sender<Job>,
    /// Listeners that don't want changes of this connection's own.
    skip_own: Arc<BTreeSet<String>>,
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) new: usize,
    pub(super) repeated: usize,
    /// Changes of our own that their listener does not want.
    pub(super) own: usize,
}

/// A feed's position.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) name: String,
    pub(super) cursor: String,
    pub(super) due_at: i64,
    pub(super) read_to: Option<String>,
    pub(super) failures: u32,
    /// Tells the listeners that it was read for from others.
    pub(super) listeners: Option<Print>,
}

/// Tells sets of listeners apart.
pub(super) type Print = [u8; 16];

/// Where a feed stands after a poll.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) cursor: String,
    pub(super) due_at: i64,
    /// The vendor's time, if the poll read to the end.
    pub(super) read_to: Option<String>,
    /// Of the listeners that it was read for.
    pub(super) listeners: Print,
}

/// An event that waits for the outlet.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) text: String,
    pub(super) tries: u32,
}

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ours.
    Live,
    /// Ours once: the vendor may drop its hook.
    Gone,
    /// Never ours.
    Unknown,
}

impl Journal {
    /// Opens the journal of a connection, which is made if it is not there.
    pub(super) fn open(
        folder: &Path,
        connection: &str,
        skip_own: &BTreeSet<String>,
    ) -> Result<Self, ListenError> {
        let failed = |error| ListenError::File {
            path: folder.to_owned(),
            error,
        };
        file::private_folder(folder).map_err(failed)?;
        let journal = Self::start(folder, Some(connection))?;
        Ok(Self {
            skip_own: Arc::new(skip_own.clone()),
            ..journal
        })
    }

    /// Opens a journal that is there, whosever it is.
    pub(super) fn open_any(folder: &Path) -> Result<Self, ListenError> {
        if !folder.join(DATABASE).is_file() {
            return Err(ListenError::File {
                path: folder.join(DATABASE),
                error: std::io::ErrorKind::NotFound.into(),
            });
        }
        Self::start(folder, None)
    }

    fn start(folder: &Path, connection: Option<&str>) -> Result<Self, ListenError> {
        let path = folder.join(LOCK);
        let lock = file::lock(&path, PATIENCE)
            .map_err(|error| ListenError::File { path, error })?
            .ok_or_else(|| ListenError::InUse(folder.to_owned()))?;
        let path = folder.join(DATABASE);
        file::private_file(&path).map_err(|error| ListenError::File {
            path: path.clone(),
            error,
        })?;
        let mut database = Connection::open(&path)?;
        file::prepare(&mut database, &STEPS)?;
        if let Some(connection) = connection {
            own(&database, folder, connection)?;
        }
        let (jobs, waiting) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                let _lock = lock;
                work(&mut database, &waiting);
            })
            .map_err(|error| ListenError::File { path, error })?;
        Ok(Self {
            jobs,
            skip_own: Arc::default(),
        })
    }

    /// Runs a job, and answers when it is on the disk. A job that fails takes nothing else of its commit with it.
    async fn run<T, F>(&self, job: F) -> Result<T, ListenError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let done = match transaction {
                Ok(transaction) => savepoint(transaction, job),
                Err(error) => Err(again(error)),
            };
            Box::new(move |committed| {
                let _ = answer.send(done.and_then(|value| committed.map(|()| value)));
            })
        });
        self.jobs.send(job).map_err(|_| ListenError::Closed)?;
        Ok(answered.await.map_err(|_| ListenError::Closed)??)
    }

    // ---- feeds ----

    /// Forgets the positions of feeds that nobody listens to any more: who comes back later begins anew.
    pub(super) async fn keep_feeds(&self, plan: &Plan) -> Result<(), ListenError> {
        let kept: Vec<String> = plan.feeds().into_keys().map(ToOwned::to_owned).collect();
        let kept = serde_json::Value::from(kept).to_string();
        self.run(move |t| {
            t.execute(
                "DELETE FROM feed WHERE name NOT IN (SELECT value FROM json_each(?1))",
                [kept],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn feeds(&self) -> Result<Vec<Feed>, ListenError> {
        self.run(|t| {
            let mut statement = t.prepare(
                "SELECT name, cursor, due_at, read_to, failures, listeners FROM feed ORDER BY due_at, name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(Feed {
                    name: row.get(0)?,
                    cursor: row.get(1)?,
                    due_at: row.get(2)?,
                    read_to: row.get(3)?,
                    failures: row.get(4)?,
                    listeners: row.get(5)?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    /// Events of a poll and the position after them, in one commit.
    pub(super) async fn move_feed(
        &self,
        name: &str,
        moved: Moved,
        events: Vec<Event>,
        now: i64,
    ) -> Result<Taken, ListenError> {
        let (name, skip_own) = (name.to_owned(), self.skip_own.clone());
        self.run(move |t| {
            let taken = put_events(t, &events, "poll", &skip_own, now)?;
            t.prepare(
                "INSERT INTO feed (name, cursor, due_at, read_to, read_at, listeners) \
                 VALUES (?1, ?2, ?3, ?4, iif(?4 IS NULL, NULL, ?5), ?6) \
                 ON CONFLICT (name) DO UPDATE SET cursor = ?2, due_at = ?3, failures = 0, listeners = ?6, \
                     read_to = coalesce(?4, read_to), read_at = iif(?4 IS NULL, read_at, ?5)",
            )?
            .execute(params![
                name,
                moved.cursor,
                moved.due_at,
                moved.read_to,
                now,
                moved.listeners
            ])?;
            Ok(taken)
        })
        .await
    }

    /// A poll failed: try again then.
    pub(super) async fn delay_feed(&self, name: &str, due_at: i64) -> Result<(), ListenError> {
        let name = name.to_owned();
        self.run(move |t| {
            t.execute(
                "UPDATE feed SET due_at = ?2, failures = failures + 1 WHERE name = ?1",
                params![name, due_at],
            )?;
            Ok(())
        })
        .await
    }

    /// Has all feeds polled at once.
    pub(super) async fn poll_feeds_at(&self, now: i64) -> Result<(), ListenError> {
        self.run(move |t| {
            t.execute("UPDATE feed SET due_at = min(due_at, ?1)", [now])?;
            Ok(())
        })
        .await
    }

    // ---- addresses ----

    pub(super) async fn add_address(&self, hash: Hash, now: i64) -> Result<(), ListenError> {
        self.run(move |t| {
            t.execute(
                "INSERT OR IGNORE INTO address (hash, made_at) VALUES (?1, ?2)",
                params![hash, now],
            )?;
            Ok(())
        })
        .await
    }

    /// Every other address is a former one from now on.
    pub(super) async fn retire_all_but(&self, hash: Hash, now: i64) -> Result<(), ListenError> {
        self.run(move |t| {
            t.execute(
                "UPDATE address SET retired_at = ?2 WHERE hash <> ?1 AND retired_at IS NULL",
                params![hash, now],
            )?;
            Ok(())
        })
        .await
    }

    /// What an address is, by the journal.
    pub(super) async fn standing(&self, hash: Hash, now: i64) -> Result<Standing, ListenError> {
        self.run(move |t| {
            let found: Option<Option<i64>> = t
                .prepare("SELECT retired_at FROM address WHERE hash = ?1")?
                .query_row([hash], |row| row.get(0))
                .optional()?;
            Ok(match found {
                None => Standing::Unknown,
                Some(Some(retired)) if now.saturating_sub(retired) > clock::ms(RETIRED) => {
                    Standing::Gone
                }
                Some(_) => Standing::Live,
            })
        })
        .await
    }

    // ---- events ----

    /// A record was written by this connection: what it is of, and its stamp.
    pub(super) async fn wrote(&self, hash: Print, now: i64) -> Result<(), ListenError> {
        self.run(move |t| {
            let old = now.saturating_sub(clock::ms(OWN));
            t.execute("DELETE FROM own WHERE at < ?1", [old])?;
            t.execute(
                "INSERT OR REPLACE INTO own (hash, at) VALUES (?1, ?2)",
                params![hash, now],
            )?;
            Ok(())
        })
        .await
    }

    /// The next events that are due, oldest first.
    pub(super) async fn lines(&self, now: i64, limit: u32) -> Result<Vec<Line>, ListenError> {
        self.run(move |t| {
            let mut statement = t.prepare(
                "SELECT seq, id, line, tries, journal FROM event, owner WHERE aside IS NULL AND due_at <= ?1 \
                 ORDER BY seq LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now, limit], |row| {
                let seq: i64 = row.get(0)?;
                let line: String = row.get(2)?;
                let journal: String = row.get(4)?;
                Ok(Line {
                    seq,
                    id: row.get(1)?,
                    // They stand in the line so that a file tells how far it came.
                    text: format!("{{\"journal\":\"{journal}\",\"seq\":{seq},{line}"),
                    tries: row.get(3)?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    /// The outlet has these.
    pub(super) async fn given(&self, seqs: Vec<i64>) -> Result<(), ListenError> {
        self.run(move |t| {
            let mut statement = t.prepare("DELETE FROM event WHERE seq = ?1")?;
            for seq in seqs {
                statement.execute([seq])?;
            }
            Ok(())
        })
        .await
    }

    /// The outlet has everything up to a line. False: the line is of another journal.
    pub(super) async fn given_up_to(&self, reached: Reached) -> Result<bool, ListenError> {
        self.run(move |t| {
            let ours: String = t.query_row("SELECT journal FROM owner", [], |row| row.get(0))?;
            if ours != reached.journal {
                return Ok(false);
            }
            t.execute(
                "DELETE FROM event WHERE seq <= ?1 AND aside IS NULL",
                [reached.seq],
            )?;
            Ok(true)
        })
        .await
    }

    /// The outlet did not take it: try again then, or put it aside.
    pub(super) async fn not_given(
        &self,
        seq: i64,
        due_at: i64,
        aside: Option<String>,
    ) -> Result<(), ListenError> {
        self.run(move |t| {
            t.execute(
                "UPDATE event SET tries = tries + 1, due_at = ?2, aside = ?3 WHERE seq = ?1",
                params![seq, due_at, aside],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets what is too old to matter.
    pub(super) async fn prune(&self, now: i64) -> Result<(), ListenError> {
        self.run(move |t| {
            let behind: Option<i64> =
                t.query_row("SELECT min(coalesce(read_at, 0)) FROM feed", [], |row| {
                    row.get(0)
                })?;
            let behind = behind.map_or(now, |read_at| read_at.saturating_sub(clock::ms(BEHIND)));
            let old = now.saturating_sub(clock::ms(KEPT)).min(behind);
            t.execute("DELETE FROM given WHERE at < ?1", [old])?;
            t.execute("DELETE FROM latest WHERE at < ?1", [old])?;
            let aside = now.saturating_sub(clock::ms(ASIDE));
            t.execute(
                "DELETE FROM delivery WHERE aside IS NOT NULL AND at < ?1",
                [aside],
            )?;
            t.execute(
                "DELETE FROM event WHERE aside IS NOT NULL AND at < ?1",
                [aside],
            )?;
            Ok(())
        })
        .await
    }
}

/// Stores the events that were not given before.
fn put_events(
    t: &Transaction<'_>,
    events: &[Event],
    by: &str,
    skip_own: &BTreeSet<String>,
    now: i64,
) -> Result<Taken, rusqlite::Error> {
    let mut taken = Taken::default();
    for event in events {
        let new = t
            .prepare("INSERT OR IGNORE INTO given (hash, at) VALUES (?1, ?2)")?
            .execute(params![digest(&[&event.listener, &event.id]), now])?;
        if new == 0 || !is_news(t, event, now)? {
            taken.repeated += 1;
            continue;
        }
        // Written anew: whatever a component gives, an event is one line of JSON.
        let data: Value =
            serde_json::from_str(&event.data).unwrap_or_else(|_| event.data.as_str().into());
        let own = is_own(t, event, &data, now)?;
        if own && skip_own.contains(&event.listener) {
            taken.own += 1;
            continue;
        }
        taken.new += 1;
        t.prepare("INSERT INTO event (id, line, at, due_at) VALUES (?1, ?2, ?3, ?3)")?
            .execute(params![event.id, line(event, &data, by, own), now])?;
    }
    Ok(taken)
}

/// Whether the state that an event carries is one that this connection wrote lately.
fn is_own(
    t: &Transaction<'_>,
    event: &Event,
    data: &Value,
    now: i64,
) -> Result<bool, rusqlite::Error> {
    let subject = event.trigger.split('.').next().and_then(own::subject);
    let stamp = data.get("updatedAt").and_then(Value::as_str);
    let (Some(subject), Some(stamp)) = (subject, stamp) else {
        return Ok(false);
    };
    t.prepare("SELECT 1 FROM own WHERE hash = ?1 AND at >= ?2")?
        .exists(params![
            own::print(subject, &event.record_id, stamp),
            now.saturating_sub(clock::ms(OWN))
        ])
}

/// Whether no later state of the record was given already: who is told of an older one afterwards would go back to it.
fn is_news(t: &Transaction<'_>, event: &Event, now: i64) -> Result<bool, rusqlite::Error> {
    let Some(occurred_at) = &event.occurred_at else {
        return Ok(true);
    };
    if !(event.trigger.ends_with(".updated") || event.trigger.ends_with(".moved")) {
        return Ok(true);
    }
    let changed = t
        .prepare(
            "INSERT INTO latest (hash, occurred_at, at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (hash) DO UPDATE SET occurred_at = ?2, at = ?3 WHERE occurred_at <= ?2",
        )?
        .execute(params![
            digest(&[&event.listener, &event.trigger, &event.record_id]),
            occurred_at,
            now
        ])?;
    Ok(changed > 0)
}

/// All of a line but its beginning with the number, which is not known yet.
fn line(event: &Event, data: &Value, by: &str, own: bool) -> String {
    let mut head = serde_json::json!({
        "id": event.id,
        "listener": event.listener,
        "trigger": event.trigger,
        "recordId": event.record_id,
        "occurredAt": event.occurred_at,
        "by": by,
    });
    if own {
        head["own"] = true.into();
    }
    let head = head.to_string();
    let head = head.strip_prefix('{').unwrap_or_default();
    let head = head.strip_suffix('}').unwrap_or_default();
    format!("{head},\"data\":{data}}}")
}

/// The first 128 bits of SHA-256. Each part is told with its length, so that no two lists of parts are one text.
pub(super) fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let whole: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(whole.get(..16).unwrap_or(&[0; 16]));
    half
}

fn work(database: &mut Connection, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let begun = Instant::now();
        let transaction = match database.transaction() {
            Ok(transaction) => transaction,
            Err(error) => {
                first(Err(&error))(Ok(()));
                continue;
            }
        };
        let mut answers = vec![first(Ok(&transaction))];
        while answers.len() < MOST_GATHERED && !is_undone(&transaction) {
            // Who waits alone does not wait: only what is there already is gathered, and what comes while it is worked on.
            match waiting.try_recv() {
                Ok(job) => answers.push(job(Ok(&transaction))),
                Err(_) => break,
            }
            if begun.elapsed() > GATHER {
                break;
            }
        }
        let committed = if is_undone(&transaction) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
            Err(rusqlite::Error::SqliteFailure(code, None))
        } else {
            transaction.commit()
        };
        for answer in answers {
            answer(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(again(error)),
            });
        }
    }
}

/// The same error once more: rusqlite's can't be cloned.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => {
            rusqlite::Error::SqliteFailure(*code, text.clone())
        }
        other => rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
            Some(other.to_string()),
        ),
    }
}

/// Whether SQLite has undone all of a transaction, as it may on a full disk.
fn is_undone(transaction: &Transaction<'_>) -> bool {
    transaction.is_autocommit()
}

/// Runs a job so that its failure undoes it alone.
fn savepoint<T>(
    transaction: &Transaction<'_>,
    job: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    transaction.execute_batch("SAVEPOINT job")?;
    match job(transaction) {
        Ok(value) => {
            transaction.execute_batch("RELEASE job")?;
            Ok(value)
        }
        Err(error) => {
            if !is_undone(transaction) {
                transaction.execute_batch("ROLLBACK TO job; RELEASE job")?;
            }
            Err(error)
        }
    }
}

fn own(database: &Connection, folder: &Path, connection: &str) -> Result<(), ListenError> {
    database.execute(
        "INSERT OR IGNORE INTO owner (only, connection, journal) VALUES (1, ?1, lower(hex(randomblob(8))))",
        [connection],
    )?;
    let theirs: String =
        database.query_row("SELECT connection FROM owner", [], |row| row.get(0))?;
    if theirs != connection {
        return Err(ListenError::OtherConnection {
            folder: folder.to_owned(),
            theirs,
            ours: connection.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
