//! What every database of the host has in common: files for their owner alone, turns between processes, tables that grow with the program.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

/// Makes a folder that only its owner may look into; one that is there stays as it is.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// A file that only its owner may read and write; made if it is not there.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Takes a lock, which the system lets go when the process ends, however it ends. None: another one has it, and the patience is at its end.
pub(crate) fn lock(path: &Path, patience: Duration) -> std::io::Result<Option<File>> {
    let file = private_file(path)?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Why tables can't be brought up to date.
#[derive(Debug)]
pub(crate) enum Unmigrated {
    /// Made by a later version of the program.
    Newer {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The database.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Unmigrated {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Sets a connection up and brings the tables to today's version, all or nothing. One step for each version: a step that was released is
/// never changed.
pub(crate) fn prepare(database: &mut Connection, steps: &[&str]) -> Result<(), Unmigrated> {
    // FULL: what was acknowledged survives a power cut.
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;",
    )?;
    // What is read in a transaction is still so when it writes: no other process comes in between.
    database.set_transaction_behavior(TransactionBehavior::Immediate);
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let transaction = database.transaction()?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(Unmigrated::Newer { found, known });
    }
    if found == known {
        // Nothing is written: what is up to date opens on a full disk, too.
        return Ok(());
    }
    for step in steps.iter().skip(found as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
