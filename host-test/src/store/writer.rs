//! The thread that owns the database. SQLite has one writer at a time, and a commit waits for the disk: neither may hold
//! up the threads that run calls.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use super::file::private_file;
use super::seal::Sealer;
use super::{DATABASE, StoreError, VaultKey, place, schema};

type Job = Box<dyn FnOnce(&mut Ledger) + Send>;

/// What the thread has.
pub(super) struct Ledger {
    pub(super) database: Connection,
    /// The store's.
    pub(super) folder: PathBuf,
    pub(super) sealer: Sealer,
    /// Tells this process's refreshes from those that another left open. Not a process id: those come again.
    pub(super) run: i64,
}

#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// To be called while nobody else opens the store.
    pub(super) fn start(folder: &Path, key: VaultKey) -> Result<Self, StoreError> {
        let path = &folder.join(DATABASE);
        // SQLite makes its files with the usual mode; the database's own is given to -wal and -shm.
        let file = |error| StoreError::File {
            path: path.clone(),
            error,
        };
        private_file(path).map_err(file)?;
        let mut database = Connection::open(path)?;
        schema::prepare(&mut database)?;
        let sealer = Sealer::new(&key);
        check_key(&database, &sealer)?;
        place::settle(&database, folder)?;
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(StoreError::Randomness)?;
        let mut ledger = Ledger {
            database,
            folder: folder.to_owned(),
            sealer,
            run: i64::from_be_bytes(run),
        };
        let (jobs, waiting) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                for job in waiting {
                    job(&mut ledger);
                }
            })
            .map_err(file)?;
        Ok(Self { jobs })
    }

    /// Runs a job on the thread. It runs to its end even if nobody waits for it any more.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |ledger| {
            let _ = answer.send(job(ledger));
        });
        self.jobs.send(job).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Which keys a store knows, by their ids.
pub(super) struct Keys {
    pub(super) own: [u8; 8],
    /// The one on the way to which it is.
    pub(super) next: Option<[u8; 8]>,
}

/// None: nobody has opened it yet.
pub(super) fn keys(database: &Connection) -> Result<Option<Keys>, StoreError> {
    let keys = |row: &rusqlite::Row<'_>| {
        Ok(Keys {
            own: row.get(0)?,
            next: row.get(1)?,
        })
    };
    let sql = "SELECT key_id, next_key_id FROM store";
    Ok(database.query_row(sql, [], keys).optional()?)
}

/// The first key that a store is opened with is its key.
fn check_key(database: &Connection, sealer: &Sealer) -> Result<(), StoreError> {
    let key = sealer.key_id();
    match keys(database)? {
        Some(Keys { own, next: None }) if own == key => Ok(()),
        Some(Keys {
            own,
            next: Some(next),
        }) if own == key || next == key => Err(StoreError::RekeyUnfinished),
        Some(_) => Err(StoreError::OtherKey),
        None => {
            database.execute(
                "INSERT INTO store (only, key_id) VALUES (1, ?1)",
                [&key[..]],
            )?;
            Ok(())
        }
    }
}
