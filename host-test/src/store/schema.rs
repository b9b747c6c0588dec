//! The tables, and how those of an older version become today's.

use rusqlite::Connection;

use super::{StoreError, file};

/// One step for each version. A step that was released is never changed; what is new is one more step.
const STEPS: [&str; 5] = [
    "
CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    key_id BLOB NOT NULL
) STRICT;
CREATE TABLE connection (
    name TEXT PRIMARY KEY NOT NULL,
    -- Base of the API; empty: Capsule's own.
    api_base TEXT NOT NULL,
    -- Where the tokens were obtained and belong.
    origin TEXT NOT NULL,
    client_id TEXT NOT NULL,
    -- JSON: who is connected, as auth.check told.
    profile TEXT NOT NULL,
    generation INTEGER NOT NULL,
    -- Times are seconds since 1970.
    obtained_at INTEGER NOT NULL,
    expires_at INTEGER,
    scopes TEXT NOT NULL,
    connected_at INTEGER NOT NULL,
    -- A refresh that was begun and has not ended: the process that began it, and the ticket it got.
    intent_run INTEGER,
    intent_ticket INTEGER NOT NULL DEFAULT 0,
    -- The vendor refused the refresh token for good.
    needs_reconnect INTEGER NOT NULL DEFAULT 0,
    failed_at INTEGER,
    failed_why TEXT
) STRICT;
CREATE TABLE secret (
    connection TEXT NOT NULL REFERENCES connection (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    key_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (connection, kind)
) STRICT;
",
    "
-- Until when the process that began a refresh has it to itself.
ALTER TABLE connection ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
",
    "
-- Where the store is at home, and how many refreshes were begun in it: `place.rs`.
ALTER TABLE store ADD COLUMN place TEXT;
ALTER TABLE store ADD COLUMN turns INTEGER NOT NULL DEFAULT 0;
",
    "
-- The key on the way to which it is: `rekey.rs`.
ALTER TABLE store ADD COLUMN next_key_id BLOB;
",
    "
-- Components in the order in which they came, and what the operator lets each reach: `grants.rs`.
CREATE TABLE component (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT UNIQUE NOT NULL
) STRICT;
CREATE TABLE granted (
    component INTEGER NOT NULL REFERENCES component (seq) ON DELETE CASCADE,
    origin TEXT NOT NULL,
    PRIMARY KEY (component, origin)
) STRICT, WITHOUT ROWID;
",
];

/// Sets the connection up and brings the tables to today's version, all or nothing.
pub(super) fn prepare(database: &mut Connection) -> Result<(), StoreError> {
    // secure_delete: a token that was replaced leaves nothing in free pages.
    database.execute_batch("PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;")?;
    file::prepare(database, &STEPS).map_err(StoreError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preparing_twice_changes_nothing() {
        let mut database = Connection::open_in_memory().unwrap();
        prepare(&mut database).unwrap();
        prepare(&mut database).unwrap();
        let version: u32 = database
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version as usize, STEPS.len());
    }

    #[test]
    fn a_store_of_a_later_version_is_left_alone() {
        let mut database = Connection::open_in_memory().unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            prepare(&mut database),
            Err(StoreError::Newer { found: 99, .. })
        ));
    }
}
