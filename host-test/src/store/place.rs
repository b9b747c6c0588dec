//! Tells a store from a copy of it.
//!
//! Two hosts that renew the same tokens end each other's: the vendor takes a rotated refresh token for stolen. So a store renews only where it
//! is at home, and a copy only after somebody said that nothing else does (`adopt`). Access tokens are read and used everywhere.
//!
//! Home is the marker file beside the database, and what a copy can't take along: its inode, the time of its birth where the filesystem tells
//! one, and the time of its last change, which is that of its making. `cp -r`, `tar`, `rsync` and a restored backup make another file. Moving
//! the folder does not, nor does a change of owner or mode, and processes that share the store see the same file. The device's number is left
//! out: it changes when a machine starts again.
//!
//! The database alone can be put back, too. Each refresh is counted in it and in a file beside it: a database that knows of fewer than the
//! file is an older one.
//!
//! Not told apart: a copy of the whole disk, and a backup that is written over every file in place with its times (`cp -a`).

use std::fs::Metadata;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction};

use super::file::private_file;
use super::{Store, StoreError};

const MARKER: &str = "store.place";
const TURNS: &str = "store.turns";

const TEXT: &[u8] = b"Tells this store from copies of it: leave it alone. A copy is told so with `capsule-host vault adopt`.\n";

impl Store {
    /// Whether it is a copy that nobody has adopted: it renews no tokens, and hooks are left alone.
    pub async fn is_copy(&self) -> Result<bool, StoreError> {
        self.writer
            .run(|ledger| is_copy(&ledger.database, &ledger.folder))
            .await
    }

    /// Makes the folder where it is now its home. False: it was already.
    ///
    /// Say it only when no other host renews the tokens that are in it.
    pub async fn adopt(&self) -> Result<bool, StoreError> {
        self.writer
            .run(|ledger| {
                let transaction = ledger.database.transaction()?;
                if !is_copy(&transaction, &ledger.folder)? {
                    return Ok(false);
                }
                let counted = counted(&ledger.folder).unwrap_or_default();
                transaction.execute(
                    "UPDATE store SET place = ?1, turns = max(turns, ?2)",
                    (marker(&ledger.folder)?.to_string(), counted),
                )?;
                transaction.commit()?;
                Ok(true)
            })
            .await
    }
}

/// Makes the folder the home of a store that has none yet.
pub(super) fn settle(database: &Connection, folder: &Path) -> Result<(), StoreError> {
    let here = marker(folder)?;
    if home(database)?.is_none() {
        database.execute("UPDATE store SET place = ?1", [here.to_string()])?;
    }
    Ok(())
}

/// Whether the store is somewhere else than at home.
pub(super) fn is_copy(database: &Connection, folder: &Path) -> Result<bool, StoreError> {
    let here = marker(folder)?;
    if !home(database)?.is_some_and(|home| here.is(&home)) {
        return Ok(true);
    }
    let turns: i64 = database.query_row("SELECT turns FROM store", [], |row| row.get(0))?;
    Ok(counted(folder).is_some_and(|counted| counted > turns))
}

/// Counts a refresh that is about to begin.
pub(super) fn count_turn(transaction: &Transaction<'_>) -> Result<i64, StoreError> {
    let sql = "UPDATE store SET turns = turns + 1 RETURNING turns";
    Ok(transaction.query_row(sql, [], |row| row.get(0))?)
}

/// Writes down how many were begun. Only after the commit: the file must never be ahead of a database that was not put back. A number that is
/// missing or too small makes a copy pass that it should tell, and is no reason to hold up a refresh.
pub(super) fn note_turns(folder: &Path, turns: i64) {
    let written = private_file(&folder.join(TURNS)).and_then(|mut file| {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{turns:019}\n").as_bytes())
    });
    if let Err(error) = written {
        tracing::warn!(%error, "the store's {TURNS} can't be written");
    }
}

/// How many refreshes the file knows of.
fn counted(folder: &Path) -> Option<i64> {
    let text = std::fs::read_to_string(folder.join(TURNS)).ok()?;
    text.trim().parse().ok()
}

fn home(database: &Connection) -> Result<Option<String>, StoreError> {
    Ok(database.query_row("SELECT place FROM store", [], |row| row.get(0))?)
}

/// The marker, which is made if it is not there.
fn marker(folder: &Path) -> Result<Place, StoreError> {
    let path = folder.join(MARKER);
    let read = || {
        let mut file = private_file(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        if text.is_empty() {
            file.write_all(TEXT)?;
            file.sync_all()?;
        }
        file.metadata()
    };
    let about = read().map_err(|error| StoreError::File {
        path: path.clone(),
        error,
    })?;
    Ok(Place::of(&about))
}

/// What a copy of a file does not share with it.
#[derive(Debug)]
struct Place {
    inode: String,
    born: String,
    changed: String,
}

/// Not told by this system.
const UNKNOWN: &str = "-";

impl Place {
    fn of(file: &Metadata) -> Self {
        let nanoseconds = |time: std::io::Result<SystemTime>| {
            let since = time.ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(since.as_nanos().to_string())
        };
        let told = |fact: Option<String>| fact.unwrap_or_else(|| UNKNOWN.to_owned());
        Self {
            inode: told(inode(file)),
            born: told(nanoseconds(file.created())),
            changed: told(nanoseconds(file.modified())),
        }
    }

    /// Whether this is the place that was written down. What one of them does not tell is no difference.
    fn is(&self, written: &str) -> bool {
        let mut parts = written.split(' ');
        let facts = [&self.inode, &self.born, &self.changed];
        facts.into_iter().all(|fact| {
            parts
                .next()
                .is_some_and(|part| part == fact || part == UNKNOWN || fact == UNKNOWN)
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.inode, self.born, self.changed)
    }
}

#[cfg(unix)]
fn inode(file: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    Some(file.ino().to_string())
}

#[cfg(not(unix))]
fn inode(_file: &Metadata) -> Option<String> {
    None
}
