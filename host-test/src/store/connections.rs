//! Connections: who is connected, and the secrets with which the host speaks for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::seal::{Place, Sealer};
use super::writer::{Keys, Ledger, keys};
use super::{Store, StoreError, place};
use crate::egress::{
    ClientCredentials, ConnectionId, Credentials, CredentialsError, Generation, LEASE, NewTokens,
    Origin, REMEMBER_FAILURE, RefreshEnd, RefreshLease, RefreshRefusal, RefreshTurn, Secret,
    StoredCredentials,
};

const ACCESS: &str = "access token";
const REFRESH: &str = "refresh token";
const CLIENT: &str = "client secret";

/// Who is connected, as the component's `auth.check` told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The vendor's id of the account.
    pub account_id: String,
    /// Name of the account.
    pub account_name: String,
    /// The vendor's id of the user.
    pub user_id: String,
    /// Name of the user.
    pub user_name: String,
    /// Base of links for people.
    pub web_url: Option<String>,
}

/// A sign-in that is done.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The operator's name for it.
    pub name: String,
    /// Another API than the vendor's own.
    pub api_base: Option<String>,
    /// What the sign-in gave.
    pub credentials: StoredCredentials,
    /// Who signed in.
    pub profile: Profile,
}

/// A connection without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedConnection {
    /// The operator's name for it.
    pub name: String,
    /// Another API than the vendor's own.
    pub api_base: Option<String>,
    /// Where its tokens belong.
    pub origin: Origin,
    /// The registered application; empty: none.
    pub client_id: String,
    /// Who is connected.
    pub profile: Profile,
    /// Of its tokens.
    pub generation: Generation,
    /// When the access token expires; None: not known.
    pub expires_at: Option<SystemTime>,
    /// What the token may do; empty: not known.
    pub scopes: Vec<String>,
    /// When somebody signed in last.
    pub connected_at: SystemTime,
    /// The vendor refused the refresh token for good.
    pub needs_reconnect: bool,
    /// A refresh was cut off: its answer, and with it a rotated refresh token, may be lost. The next refresh tells.
    pub refresh_cut_off: bool,
}

impl Store {
    /// Keeps a sign-in. A connection of that name is replaced if the same user of the same account signed in again.
    pub async fn connect(&self, new: NewConnection) -> Result<Generation, StoreError> {
        self.writer.run(move |ledger| connect(ledger, &new)).await
    }

    /// One connection.
    pub async fn connection(&self, name: &str) -> Result<SavedConnection, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |ledger| {
                let sql = format!("{SAVED} WHERE name = ?1");
                let found = ledger
                    .database
                    .query_row(&sql, [&name], |row| Ok(saved(row)))
                    .optional()?;
                found.unwrap_or_else(|| Err(StoreError::Unknown(name)))
            })
            .await
    }

    /// All connections by name.
    pub async fn connections(&self) -> Result<Vec<SavedConnection>, StoreError> {
        self.writer
            .run(|ledger| {
                let sql = format!("{SAVED} ORDER BY name");
                let mut statement = ledger.database.prepare(&sql)?;
                let rows = statement.query_map([], |row| Ok(saved(row)))?;
                rows.map(|row| row?).collect()
            })
            .await
    }

    /// Forgets a connection and its secrets.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |ledger| {
                let gone = ledger
                    .database
                    .execute("DELETE FROM connection WHERE name = ?1", [&name])?;
                if gone == 0 {
                    return Err(StoreError::Unknown(name));
                }
                // What was deleted still stands in the log until it is taken over.
                ledger
                    .database
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                Ok(())
            })
            .await
    }
}

const SAVED: &str = "SELECT name, api_base, origin, client_id, profile, generation, expires_at, scopes, connected_at, \
     needs_reconnect, intent_run IS NOT NULL FROM connection";

fn saved(row: &Row<'_>) -> Result<SavedConnection, StoreError> {
    let name: String = row.get(0)?;
    let unusable = |what| StoreError::Row {
        connection: name.clone(),
        what,
    };
    let base: String = row.get(1)?;
    let profile: String = row.get(4)?;
    Ok(SavedConnection {
        api_base: (!base.is_empty()).then_some(base),
        origin: Origin::parse(&row.get::<_, String>(2)?).map_err(|_| unusable("origin"))?,
        client_id: row.get(3)?,
        profile: serde_json::from_str(&profile).map_err(|_| unusable("profile"))?,
        generation: generation(row.get(5)?).ok_or_else(|| unusable("generation"))?,
        expires_at: row.get::<_, Option<i64>>(6)?.map(time),
        scopes: words(&row.get::<_, String>(7)?),
        connected_at: time(row.get(8)?),
        needs_reconnect: row.get(9)?,
        refresh_cut_off: row.get(10)?,
        name,
    })
}

/// What a refresh has to know besides the credentials.
struct Standing {
    stored: StoredCredentials,
    needs_reconnect: bool,
    failed: Option<(SystemTime, String)>,
    lease_until: i64,
}

/// Whether a refresh is still somebody's, in seconds since 1970. A lease that is longer than any was given before the clock was set back.
pub(super) fn lease_left(until: i64, now: SystemTime) -> bool {
    let longest = seconds(now.checked_add(LEASE).unwrap_or(now));
    seconds(now) < until && until <= longest
}

fn standing(
    database: &rusqlite::Connection,
    sealer: &Sealer,
    name: &str,
) -> Result<Option<Standing>, StoreError> {
    let sql = "SELECT origin, client_id, generation, obtained_at, expires_at, scopes, needs_reconnect, failed_at, \
               failed_why, lease_until FROM connection WHERE name = ?1";
    let mut statement = database.prepare(sql)?;
    let mut rows = statement.query([name])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let unusable = |what| StoreError::Row {
        connection: name.to_owned(),
        what,
    };
    let origin = Origin::parse(&row.get::<_, String>(0)?).map_err(|_| unusable("origin"))?;
    let generation = generation(row.get(2)?).ok_or_else(|| unusable("generation"))?;
    let secret = |kind| {
        let place = Place {
            connection: name,
            origin: &origin,
            kind,
            generation: generation.0,
        };
        sealed_in(database, sealer, &place)
    };
    let client_id: String = row.get(1)?;
    let client_secret = secret(CLIENT)?;
    let failed_at: Option<i64> = row.get(7)?;
    let failed_why: Option<String> = row.get(8)?;
    Ok(Some(Standing {
        needs_reconnect: row.get(6)?,
        failed: failed_at.map(|at| (time(at), failed_why.unwrap_or_default())),
        lease_until: row.get(9)?,
        stored: StoredCredentials {
            generation,
            access_token: secret(ACCESS)?,
            refresh_token: secret(REFRESH)?,
            client: (!client_id.is_empty()).then_some(ClientCredentials {
                id: client_id,
                secret: client_secret,
            }),
            obtained_at: time(row.get(3)?),
            expires_at: row.get::<_, Option<i64>>(4)?.map(time),
            scopes: words(&row.get::<_, String>(5)?),
            origin: origin.clone(),
        },
    }))
}

/// The secret of a place, if there is one.
pub(super) fn sealed_in(
    database: &rusqlite::Connection,
    sealer: &Sealer,
    place: &Place<'_>,
) -> Result<Option<Secret>, StoreError> {
    let sql = "SELECT sealed, key_id FROM secret WHERE connection = ?1 AND kind = ?2";
    let sealed: Option<(Vec<u8>, Vec<u8>)> = database
        .prepare(sql)?
        .query_row([place.connection, place.kind], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match sealed {
        None => Ok(None),
        Some((sealed, key)) if key == sealer.key_id() => sealer.open(place, &sealed).map(Some),
        // Sealed with another one since the store was opened.
        Some(_) => Err(StoreError::OtherKey),
    }
}

/// As a row names it.
pub(super) fn kind_named(name: &str) -> Option<&'static str> {
    [ACCESS, REFRESH, CLIENT]
        .into_iter()
        .find(|kind| *kind == name)
}

/// Refuses to write with a key that is not the store's any more: nothing would open it.
fn check_key(transaction: &Transaction<'_>, sealer: &Sealer) -> Result<Keys, StoreError> {
    match keys(transaction)? {
        Some(keys) if keys.own == sealer.key_id() => Ok(keys),
        _ => Err(StoreError::OtherKey),
    }
}

/// Writes the secrets anew: all of them, because each is sealed for the generation that it stands in.
fn put_secrets(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    name: &str,
    stored: &StoredCredentials,
) -> Result<(), StoreError> {
    check_key(transaction, sealer)?;
    transaction.execute("DELETE FROM secret WHERE connection = ?1", [name])?;
    let client = stored.client.as_ref();
    let secrets = [
        (ACCESS, stored.access_token.as_ref()),
        (REFRESH, stored.refresh_token.as_ref()),
        (CLIENT, client.and_then(|client| client.secret.as_ref())),
    ];
    for (kind, secret) in secrets {
        let Some(secret) = secret else { continue };
        let place = Place {
            connection: name,
            origin: &stored.origin,
            kind,
            generation: stored.generation.0,
        };
        let sealed = sealer.seal(&place, secret)?;
        transaction.execute(
            "INSERT INTO secret (connection, kind, key_id, sealed) VALUES (?1, ?2, ?3, ?4)",
            params![name, kind, sealer.key_id(), sealed],
        )?;
    }
    Ok(())
}

fn connect(ledger: &mut Ledger, new: &NewConnection) -> Result<Generation, StoreError> {
    let transaction = ledger.database.transaction()?;
    let sql = format!("{SAVED} WHERE name = ?1");
    let before = transaction
        .query_row(&sql, [&new.name], |row| Ok(saved(row)))
        .optional()?
        .transpose()?;
    let mut stored = new.credentials.clone();
    if let Some(before) = before {
        let (was, is) = (&before.profile, &new.profile);
        if (&was.account_id, &was.user_id, &before.origin)
            != (&is.account_id, &is.user_id, &stored.origin)
        {
            let told = |profile: &Profile, origin: &Origin| {
                format!(
                    "{} of {} at {origin}",
                    profile.user_name, profile.account_name
                )
            };
            return Err(StoreError::OtherAccount {
                connection: new.name.clone(),
                stored: told(was, &before.origin),
                came: told(is, &stored.origin),
            });
        }
        stored.generation = stored
            .generation
            .max(Generation(before.generation.0.saturating_add(1)));
    }
    let client = stored.client.as_ref().map(|client| client.id.as_str());
    let profile = serde_json::to_string(&new.profile).map_err(|_| StoreError::Row {
        connection: new.name.clone(),
        what: "profile",
    })?;
    transaction.execute(
        "INSERT INTO connection (name, api_base, origin, client_id, profile, generation, obtained_at, expires_at, scopes, \
             connected_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (name) DO UPDATE SET api_base = ?2, origin = ?3, client_id = ?4, profile = ?5, generation = ?6, \
             obtained_at = ?7, expires_at = ?8, scopes = ?9, connected_at = ?10, intent_run = NULL, lease_until = 0, needs_reconnect = 0, \
             failed_at = NULL, failed_why = NULL",
        params![
            new.name,
            new.api_base.as_deref().unwrap_or_default(),
            stored.origin.to_string(),
            client.unwrap_or_default(),
            profile,
            number(stored.generation),
            seconds(stored.obtained_at),
            stored.expires_at.map(seconds),
            stored.scopes.join(" "),
            seconds(SystemTime::now()),
        ],
    )?;
    put_secrets(&transaction, &ledger.sealer, &new.name, &stored)?;
    transaction.commit()?;
    Ok(stored.generation)
}

fn begin(
    ledger: &mut Ledger,
    connection: &ConnectionId,
    seen: Generation,
) -> Result<RefreshTurn, CredentialsError> {
    let name = connection.as_str();
    let transaction = ledger.database.transaction().map_err(StoreError::from)?;
    if check_key(&transaction, &ledger.sealer)?.next.is_some() {
        return Err(StoreError::RekeyUnfinished.into());
    }
    let standing = standing(&transaction, &ledger.sealer, name)?
        .ok_or_else(|| CredentialsError::Unknown(name.to_owned()))?;
    if standing.stored.generation > seen {
        return Ok(RefreshTurn::Newer(standing.stored));
    }
    if !standing.stored.can_refresh() {
        return Ok(RefreshTurn::Refused(RefreshRefusal::NotPossible));
    }
    if standing.needs_reconnect {
        return Ok(RefreshTurn::Refused(RefreshRefusal::NeedsReconnect));
    }
    if place::is_copy(&transaction, &ledger.folder)? {
        return Ok(RefreshTurn::Refused(RefreshRefusal::NotAdopted));
    }
    let now = SystemTime::now();
    if let Some((at, why)) = standing.failed
        // A clock that was set back says nothing.
        && now
            .duration_since(at)
            .is_ok_and(|passed| passed < REMEMBER_FAILURE)
    {
        return Ok(RefreshTurn::Refused(RefreshRefusal::FailedRecently(why)));
    }
    if lease_left(standing.lease_until, now) {
        return Ok(RefreshTurn::Busy(Duration::from_millis(20)));
    }
    // A lease that ran out was of a process that is gone: its answer may be lost, and the old refresh token is tried once to find out.
    let until = seconds(now.checked_add(LEASE).unwrap_or(now));
    let ticket: i64 = transaction
        .query_row(
            "UPDATE connection SET intent_run = ?2, intent_ticket = intent_ticket + 1, lease_until = ?3 WHERE name = ?1 \
             RETURNING intent_ticket",
            params![name, ledger.run, until],
            |row| row.get(0),
        )
        .map_err(StoreError::from)?;
    let turns = place::count_turn(&transaction)?;
    transaction.commit().map_err(StoreError::from)?;
    place::note_turns(&ledger.folder, turns);
    Ok(RefreshTurn::Mine(RefreshLease {
        connection: connection.clone(),
        generation: standing.stored.generation,
        ticket: ticket.unsigned_abs(),
    }))
}

fn commit(
    ledger: &mut Ledger,
    name: &str,
    expected: Generation,
    tokens: NewTokens,
) -> Result<Generation, CredentialsError> {
    let sealer = &ledger.sealer;
    let transaction = ledger.database.transaction().map_err(StoreError::from)?;
    let mut stored = standing(&transaction, sealer, name)?
        .ok_or_else(|| CredentialsError::Unknown(name.to_owned()))?
        .stored;
    if stored.generation != expected {
        return Err(CredentialsError::Conflict {
            connection: name.to_owned(),
            expected: expected.0,
            found: stored.generation.0,
        });
    }
    if stored.origin != tokens.origin {
        // The secrets that stay would move there with it.
        return Err(CredentialsError::Store(format!(
            "the tokens of `{name}` belong to {}, and {} gave these",
            stored.origin, tokens.origin
        )));
    }
    let now = SystemTime::now();
    stored.generation = Generation(expected.0.saturating_add(1));
    stored.access_token = Some(tokens.access_token);
    stored.refresh_token = tokens.refresh_token.or(stored.refresh_token);
    stored.obtained_at = now;
    stored.expires_at = tokens
        .expires_in
        .and_then(|lifetime| now.checked_add(lifetime));
    if !tokens.scopes.is_empty() {
        stored.scopes = tokens.scopes;
    }
    transaction
        .execute(
            "UPDATE connection SET generation = ?2, obtained_at = ?3, expires_at = ?4, scopes = ?5, intent_run = NULL, lease_until = 0, \
                 needs_reconnect = 0, failed_at = NULL, failed_why = NULL WHERE name = ?1",
            params![
                name,
                number(stored.generation),
                seconds(stored.obtained_at),
                stored.expires_at.map(seconds),
                stored.scopes.join(" "),
            ],
        )
        .map_err(StoreError::from)?;
    put_secrets(&transaction, sealer, name, &stored)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(stored.generation)
}

fn end(ledger: &mut Ledger, lease: &RefreshLease, end: &RefreshEnd) -> Result<(), StoreError> {
    let name = lease.connection.as_str();
    let ticket = i64::try_from(lease.ticket).unwrap_or(i64::MAX);
    // An answer that may be lost leaves the intent open.
    let (open, needs_reconnect, why) = match end {
        RefreshEnd::Renewed => (false, false, None),
        RefreshEnd::InvalidGrant => (false, true, None),
        RefreshEnd::NotSent(why) => (false, false, Some(why)),
        RefreshEnd::AnswerLost(why) => (true, false, Some(why)),
    };
    ledger.database.execute(
        "UPDATE connection SET intent_run = iif(?3, intent_run, NULL), lease_until = 0, needs_reconnect = ?4, \
             failed_at = ?5, failed_why = ?6 WHERE name = ?1 AND intent_ticket = ?2",
        params![
            name,
            ticket,
            open,
            needs_reconnect,
            why.map(|_| seconds(SystemTime::now())),
            why,
        ],
    )?;
    Ok(())
}

impl From<StoreError> for CredentialsError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl Store {
    /// A job whose errors are those of the trait.
    async fn ask<T, F>(&self, job: F) -> Result<T, CredentialsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger) -> Result<T, CredentialsError> + Send + 'static,
    {
        self.writer.run(move |ledger| Ok(job(ledger))).await?
    }
}

#[async_trait]
impl Credentials for Store {
    async fn load(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<StoredCredentials>, CredentialsError> {
        let connection = connection.clone();
        self.ask(move |ledger| {
            let found = standing(&ledger.database, &ledger.sealer, connection.as_str())?;
            Ok(found.map(|standing| standing.stored))
        })
        .await
    }

    async fn is_copy(&self) -> Result<bool, CredentialsError> {
        Ok(Self::is_copy(self).await?)
    }

    async fn begin_refresh(
        &self,
        connection: &ConnectionId,
        seen: Generation,
    ) -> Result<RefreshTurn, CredentialsError> {
        let connection = connection.clone();
        self.ask(move |ledger| begin(ledger, &connection, seen))
            .await
    }

    async fn commit(
        &self,
        connection: &ConnectionId,
        expected: Generation,
        tokens: NewTokens,
    ) -> Result<Generation, CredentialsError> {
        let connection = connection.clone();
        self.ask(move |ledger| commit(ledger, connection.as_str(), expected, tokens))
            .await
    }

    async fn end_refresh(
        &self,
        lease: RefreshLease,
        how: RefreshEnd,
    ) -> Result<(), CredentialsError> {
        self.ask(move |ledger| Ok(end(ledger, &lease, &how)?)).await
    }
}

fn generation(number: i64) -> Option<Generation> {
    u64::try_from(number).ok().map(Generation)
}

/// They are counted up one by one from 0 and never come near the end.
fn number(generation: Generation) -> i64 {
    i64::try_from(generation.0).unwrap_or(i64::MAX)
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
