//! What the host keeps between runs: connections and their secrets, encrypted, in one SQLite file.
//!
//! `key.rs` is the key, `seal.rs` encrypts with it, `schema.rs` makes the tables and brings old ones up to date,
//! `file.rs` is what every database of the host has in common, `writer.rs` owns the database in a thread of its own, `connections.rs` has what is asked of it. The command opens a
//! store and hands it to tenants as their `Credentials`; the store calls nothing of the runtime. `place.rs` tells a store
//! from copies of it, `rekey.rs` seals it with another key, `grants.rs` keeps what each component may reach.
//!
//! Processes share a store: SQLite orders what they write, and a lease in the connection's row gives a refresh to one of them. Only opening
//! takes turns, by a lock on a file beside the database, because it may make or change the tables.

mod connections;
pub(crate) mod file;
mod grants;
mod key;
mod place;
mod rekey;
mod schema;
mod seal;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use connections::{NewConnection, Profile, SavedConnection};
pub use grants::ComponentGrants;
pub use key::{KeyError, VaultKey};
pub use rekey::Rekey;

use crate::egress::{ComponentDigest, Origin};
use writer::Writer;

/// The database's file in the store's folder.
const DATABASE: &str = "store.sqlite";
/// The file whose lock says that the store is being opened.
const LOCK: &str = "store.lock";

/// How long opening waits for another process that opens it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The store of one host. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder.
    #[error("the store's {path} can't be used: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another process is opening it, and does not come to an end.
    #[error("the store {0} is being opened by another process; try again, or use another --store")]
    InUse(PathBuf),
    /// The database.
    #[error("the store's database failed: {0}")]
    Database(#[source] rusqlite::Error),
    /// There is no room to write.
    #[error(
        "the disk of the store is full, and nothing was changed in it; make room and try again"
    )]
    Full,
    /// Made by a later version.
    #[error(
        "the store is of version {found}, and this program knows versions up to {known}; use the newer program"
    )]
    Newer {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It is sealed with another key.
    #[error(
        "the store is sealed with another key; give that one with --key-file, or in CAPSULE_HOST_KEY"
    )]
    OtherKey,
    /// It is on its way from one key to another.
    #[error(
        "the store is half-way from one key to another and needs both: `capsule-host vault rekey` with the keys that it was begun with goes on"
    )]
    RekeyUnfinished,
    /// There is nothing to do.
    #[error("the new key is the one that the store has; give another file with --new-key-file")]
    SameKey,
    /// What the old key had sealed still stands in the log.
    #[error(
        "every secret is sealed with the new key, but another process reads the store's log, where the old ones still stand; end it, and say          `capsule-host vault rekey` again"
    )]
    LogInUse,
    /// A secret can't be opened: changed, or put where it does not belong.
    #[error(
        "the {kind} of the connection `{connection}` was changed in the store and is not used; connect it again"
    )]
    Tampered {
        /// Which connection.
        connection: String,
        /// Which secret.
        kind: &'static str,
    },
    /// What stands in a row can't be.
    #[error("the connection `{connection}` has an unusable {what} in the store; connect it again")]
    Row {
        /// Which connection.
        connection: String,
        /// Which column.
        what: &'static str,
    },
    /// No such connection.
    #[error("there is no connection `{0}`; `capsule-host connections list` shows which there are")]
    Unknown(String),
    /// A reconnect by somebody else.
    #[error(
        "the connection `{connection}` belongs to {stored}, and this sign-in is by {came}; sign in as the same user, or use another name"
    )]
    OtherAccount {
        /// Which connection.
        connection: String,
        /// As stored.
        stored: String,
        /// As signed in.
        came: String,
    },
    /// What stands in the table of grants can't be.
    #[error(
        "the store has an unusable grant, {0:?}; take it out of the tables `component` and `granted`"
    )]
    Grant(String),
    /// A component that asks for more than the operator has granted.
    #[error(
        "the component {component} asks for {}, which is not granted to it; look at it with `capsule-host describe`, and if that is meant, say\n  \
         capsule-host grants add --to {component} {}",
        listed(.missing, ", "),
        listed(.asked, " ")
    )]
    NotGranted {
        /// Which component.
        component: ComponentDigest,
        /// All that it asks for.
        asked: Vec<Origin>,
        /// What of it is not granted.
        missing: Vec<Origin>,
    },
    /// No random bytes.
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
    /// The thread is gone.
    #[error("the store is closed")]
    Closed,
}

fn listed(origins: &[Origin], between: &str) -> String {
    let each: Vec<_> = origins.iter().map(ToString::to_string).collect();
    each.join(between)
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there.
    pub fn open(folder: &Path, key: VaultKey) -> Result<Self, StoreError> {
        Self::open_within(folder, key, PATIENCE)
    }

    /// The same with another patience.
    pub fn open_within(
        folder: &Path,
        key: VaultKey,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        Self::make_folder(folder)?;
        let _turn = Self::turn(folder, patience)?;
        let writer = Writer::start(folder, key)?;
        Ok(Self { writer })
    }

    /// Waits until nobody else opens the store, and keeps others from it.
    fn turn(folder: &Path, patience: Duration) -> Result<std::fs::File, StoreError> {
        let path = folder.join(LOCK);
        file::lock(&path, patience)
            .map_err(|error| StoreError::File { path, error })?
            .ok_or_else(|| StoreError::InUse(folder.to_owned()))
    }

    /// Whether a folder has a store.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATABASE).is_file()
    }

    /// Makes a folder that only its owner may look into; one that is there stays as it is.
    pub fn make_folder(folder: &Path) -> Result<(), StoreError> {
        file::private_folder(folder).map_err(|error| StoreError::File {
            path: folder.to_owned(),
            error,
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error),
        }
    }
}

impl From<file::Unmigrated> for StoreError {
    fn from(error: file::Unmigrated) -> Self {
        match error {
            file::Unmigrated::Newer { found, known } => Self::Newer { found, known },
            file::Unmigrated::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
