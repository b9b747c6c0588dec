//! Seals every secret with another key.
//!
//! The store says first that it is on its way to the new key: from then on no refresh begins, and it does not open. Refreshes that run are
//! waited for, because their tokens have to be stored with the old key. Then each secret is sealed anew in a commit of its own, which its
//! row's key id tells; when none is left, the new key becomes the store's. A process that dies in between leaves a store that needs both keys,
//! and the same call goes on where it ended.
//!
//! A process that has the store open meanwhile reads what the old key still seals. After the end it is told that its key is another one.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::connections::{kind_named, lease_left, sealed_in};
use super::seal::{Place, Sealer};
use super::writer::{Keys, keys};
use super::{DATABASE, Store, StoreError, VaultKey, schema};

/// Between two looks at the refreshes that run.
const LOOK: Duration = Duration::from_millis(50);

/// A store on its way from one key to another. Dropped before its end, it is gone on with by another one of the same keys.
pub struct Rekey {
    database: Connection,
    old: Sealer,
    new: Sealer,
    /// Nobody opens the store meanwhile.
    _turn: File,
}

impl Rekey {
    /// Begins, or goes on with what was begun. Waits up to [`LEASE`](crate::egress::LEASE) for refreshes that run; on a server, call it from a
    /// blocking task.
    pub fn begin(folder: &Path, old: &VaultKey, new: &VaultKey) -> Result<Self, StoreError> {
        if old.id() == new.id() {
            return Err(StoreError::SameKey);
        }
        let turn = Store::turn(folder, super::PATIENCE)?;
        // One that is not there is not made.
        let mut database = Connection::open_with_flags(
            folder.join(DATABASE),
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        schema::prepare(&mut database)?;
        let mut rekey = Self {
            database,
            old: Sealer::new(old),
            new: Sealer::new(new),
            _turn: turn,
        };
        if rekey.announce()? {
            rekey.wait_for_refreshes()?;
        }
        Ok(rekey)
    }

    /// How many secrets the old key still seals.
    pub fn left(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM secret WHERE key_id != ?1";
        let left: i64 = self
            .database
            .query_row(sql, [self.new.key_id()], |row| row.get(0))?;
        Ok(left.unsigned_abs())
    }

    /// Seals one more secret with the new key. False: none is left.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let transaction = self.database.transaction()?;
        let sql = "SELECT connection, kind FROM secret WHERE key_id != ?1 LIMIT 1";
        let next: Option<(String, String)> = transaction
            .query_row(sql, [self.new.key_id()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((connection, kind)) = next else {
            return Ok(false);
        };
        reseal(&transaction, &self.old, Some(&self.new), &connection, &kind)?;
        transaction.commit()?;
        Ok(true)
    }

    /// Makes the new key the store's, and wipes what the old one had sealed. To be called when [`Rekey::step`] says that none is left.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let transaction = self.database.transaction()?;
        // What came in between is sealed with the old key.
        let done = transaction.execute(
            "UPDATE store SET key_id = ?1, next_key_id = NULL \
             WHERE NOT EXISTS (SELECT 1 FROM secret WHERE key_id != ?1)",
            [self.new.key_id()],
        )?;
        transaction.commit()?;
        if done == 0 {
            return Err(StoreError::RekeyUnfinished);
        }
        // The pages of the database were wiped as they were written anew (secure_delete). Their former state stands in the log.
        let busy: bool = self
            .database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(StoreError::LogInUse);
        }
        Ok(())
    }

    /// Says in the store what is under way. False: it has the new key already.
    fn announce(&mut self) -> Result<bool, StoreError> {
        let (old, new) = (self.old.key_id(), self.new.key_id());
        let transaction = self.database.transaction()?;
        match keys(&transaction)? {
            Some(Keys { own, next: None }) if own == new => return Ok(false),
            Some(Keys {
                own,
                next: Some(next),
            }) if own == old && next == new => return Ok(true),
            Some(Keys { own, next: None }) if own == old => {}
            Some(Keys { own, next: Some(_) }) if own == old => {
                return Err(StoreError::RekeyUnfinished);
            }
            _ => return Err(StoreError::OtherKey),
        }
        // One that does not open would stop the way in its middle, where nobody can connect it again.
        let secrets: Vec<(String, String)> = transaction
            .prepare("SELECT connection, kind FROM secret")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (connection, kind) in &secrets {
            reseal(&transaction, &self.old, None, connection, kind)?;
        }
        transaction.execute("UPDATE store SET next_key_id = ?1", [new])?;
        transaction.commit()?;
        Ok(true)
    }

    /// Until every refresh that had begun has stored its tokens, or is gone.
    fn wait_for_refreshes(&self) -> Result<(), StoreError> {
        let sql = "SELECT lease_until FROM connection WHERE intent_run IS NOT NULL";
        loop {
            let now = SystemTime::now();
            let leases: Vec<i64> = self
                .database
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if leases.into_iter().all(|until| !lease_left(until, now)) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Opens a secret, and writes it as the new key seals it.
fn reseal(
    database: &Connection,
    old: &Sealer,
    new: Option<&Sealer>,
    connection: &str,
    kind: &str,
) -> Result<(), StoreError> {
    let unusable = |what| StoreError::Row {
        connection: connection.to_owned(),
        what,
    };
    let kind = kind_named(kind).ok_or_else(|| unusable("kind of secret"))?;
    let (origin, generation) = database.query_row(
        "SELECT origin, generation FROM connection WHERE name = ?1",
        [connection],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let origin = crate::egress::Origin::parse(&origin).map_err(|_| unusable("origin"))?;
    let place = Place {
        connection,
        origin: &origin,
        kind,
        generation: u64::try_from(generation).map_err(|_| unusable("generation"))?,
    };
    let Some(secret) = sealed_in(database, old, &place)? else {
        return Ok(());
    };
    if let Some(new) = new {
        database.execute(
            "UPDATE secret SET key_id = ?3, sealed = ?4 WHERE connection = ?1 AND kind = ?2",
            params![connection, kind, new.key_id(), new.seal(&place, &secret)?],
        )?;
    }
    Ok(())
}
