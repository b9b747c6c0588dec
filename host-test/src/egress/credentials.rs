//! Where tokens and secrets live, and the rules by which they change.
//!
//! [`Credentials`] is the vault's face. [`MemoryCredentials`] is the first form; one that encrypts and survives a
//! restart implements the same trait. The egress calls it; a sandbox never does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use super::{Origin, Secret};

/// Which connection: one user of one account, signed in once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(Arc<str>);

impl ConnectionId {
    /// The operator's own name for it.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Counts the token sets of a connection. A larger one is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// The registered application.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// Public: it stands in the authorize URL.
    pub id: String,
    /// None for installed applications.
    pub secret: Option<Secret>,
}

/// What is stored for one connection, as of one generation.
#[derive(Clone, Debug)]
pub struct StoredCredentials {
    /// Of these tokens.
    pub generation: Generation,
    /// Where they were obtained, and the only place where they are swapped in.
    pub origin: Origin,
    /// The bearer token.
    pub access_token: Option<Secret>,
    /// Pays for the next access token. None for pasted tokens.
    pub refresh_token: Option<Secret>,
    /// None for pasted tokens.
    pub client: Option<ClientCredentials>,
    /// When these tokens came.
    pub obtained_at: SystemTime,
    /// None: no expiry is known.
    pub expires_at: Option<SystemTime>,
    /// As the vendor granted them; empty: not known.
    pub scopes: Vec<String>,
}

impl StoredCredentials {
    /// Whether this connection can get itself a new access token.
    pub fn can_refresh(&self) -> bool {
        self.refresh_token.is_some() && self.client.is_some()
    }

    /// Whether 80 % of the lifetime have passed. Never for tokens without an expiry or without a refresh token; at once for those that came
    /// later than now: the clock was set back since, and their expiry is that of another time.
    pub fn refresh_is_due(&self, now: SystemTime) -> bool {
        let Some(expires_at) = self.expires_at.filter(|_| self.can_refresh()) else {
            return false;
        };
        let lifetime = expires_at
            .duration_since(self.obtained_at)
            .unwrap_or_default();
        let early = self.obtained_at.duration_since(now).unwrap_or_default();
        early > CLOCK_SLACK || now >= self.obtained_at + lifetime.mul_f64(0.8)
    }
}

/// A token answer's secrets, on their way into the store.
#[derive(Clone, Debug)]
pub struct NewTokens {
    /// Where the answer came from.
    pub origin: Origin,
    /// The new bearer token.
    pub access_token: Secret,
    /// None keeps the old one (API reference 1.3).
    pub refresh_token: Option<Secret>,
    /// None: no expiry is known.
    pub expires_in: Option<Duration>,
    /// Empty: not said, the old ones stay.
    pub scopes: Vec<String>,
}

/// Permission to refresh one connection once. Whoever holds it must end it with [`Credentials::end_refresh`]; a lease
/// that is not ended (the process died) runs out by itself after [`LEASE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshLease {
    /// Whose tokens.
    pub connection: ConnectionId,
    /// The generation that is to be replaced.
    pub generation: Generation,
    /// Tells this lease from an older one of the same generation.
    pub ticket: u64,
}

/// How long a refresh may take at most: longer than the request limit.
pub const LEASE: Duration = Duration::from_secs(90);

/// How long a failed refresh is remembered, so that a burst of calls does not become a burst of refreshes.
pub const REMEMBER_FAILURE: Duration = Duration::from_secs(60);

/// A clock that is set back by less is being adjusted, and nothing of what it said is doubted.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What a caller that wants a newer token gets.
#[derive(Clone, Debug)]
pub enum RefreshTurn {
    /// Go on: nobody else refreshes this connection.
    Mine(RefreshLease),
    /// Somebody was faster: these are newer.
    Newer(StoredCredentials),
    /// Somebody is at it. Ask again after this long.
    Busy(Duration),
    /// It can't be done now, or not at all.
    Refused(RefreshRefusal),
}

/// Why there is no new token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshRefusal {
    /// No refresh token or no client is stored.
    #[error("this connection has no refresh token; connect it again")]
    NotPossible,
    /// The vendor said `invalid_grant`: a person must connect again.
    #[error("the refresh token was refused; connect this connection again")]
    NeedsReconnect,
    /// The store is a copy: the one that it was made from may renew the same tokens, and each renewal can end the other's.
    #[error(
        "this store is a copy or was put back from a backup, and another host may renew the same tokens; if none does, say `capsule-host vault adopt`"
    )]
    NotAdopted,
    /// The last attempt failed a moment ago.
    #[error("the last refresh failed less than a minute ago ({0}); try again later")]
    FailedRecently(String),
}

/// How a refresh ended that stored no tokens, or that it stored some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshEnd {
    /// [`Credentials::commit`] has stored newer tokens.
    Renewed,
    /// The vendor refused the refresh token for good.
    InvalidGrant,
    /// Nothing reached the vendor: the refresh token is as good as before. The sentence must not hold a secret.
    NotSent(String),
    /// The vendor may have rotated the refresh token in an answer that did not come or could not be used. The old one is
    /// tried again; only the vendor can say whether it still counts. The sentence must not hold a secret.
    AnswerLost(String),
}

/// What can go wrong in the store itself.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Nothing is stored under this name.
    #[error("no credentials are stored for the connection `{0}`; connect it first")]
    Unknown(String),
    /// Another process stored newer tokens in the meantime: nothing was overwritten.
    #[error(
        "the tokens of the connection `{connection}` changed meanwhile (expected generation {expected}, found {found})"
    )]
    Conflict {
        /// Which connection.
        connection: String,
        /// What the writer had read.
        expected: u64,
        /// What is stored.
        found: u64,
    },
    /// Disk, database, key.
    #[error("the credential store failed: {0}")]
    Store(String),
}

/// Where tokens and secrets live. Every method may be called from several tasks at once.
///
/// A connection is known before it has tokens: whoever begins a sign-in stores its client and origin with generation 0,
/// and the code's exchange commits over that.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// What is stored now; None if the connection is unknown.
    async fn load(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<StoredCredentials>, CredentialsError>;

    /// Whether these are a copy of what another host has, and nobody has said yet that it is out of use: a copy must not change what the
    /// account has once for all hosts, such as its hooks. False by default, for what can't be copied behind the host's back.
    async fn is_copy(&self) -> Result<bool, CredentialsError> {
        Ok(false)
    }

    /// Asks for the right to replace the tokens of generation `seen`. The intent must be stored before it is granted.
    async fn begin_refresh(
        &self,
        connection: &ConnectionId,
        seen: Generation,
    ) -> Result<RefreshTurn, CredentialsError>;

    /// Stores a token answer if the stored generation still is `expected`, and gives the new generation. Called before
    /// the guest sees a byte of the answer; when it returns, the tokens must be safe.
    async fn commit(
        &self,
        connection: &ConnectionId,
        expected: Generation,
        tokens: NewTokens,
    ) -> Result<Generation, CredentialsError>;

    /// Gives the lease back. An unknown lease is ignored: it ran out.
    async fn end_refresh(
        &self,
        lease: RefreshLease,
        end: RefreshEnd,
    ) -> Result<(), CredentialsError>;
}

/// Credentials in this process's memory.
#[derive(Default)]
pub struct MemoryCredentials {
    connections: Mutex<HashMap<ConnectionId, Row>>,
}

struct Row {
    stored: StoredCredentials,
    lease: Option<(u64, Instant)>,
    tickets: u64,
    refusal: Option<(RefreshRefusal, Option<Instant>)>,
}

impl MemoryCredentials {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores or replaces a connection. A replaced one gets a generation above the old one.
    pub fn insert(&self, connection: ConnectionId, mut stored: StoredCredentials) {
        let mut rows = self.rows();
        if let Some(old) = rows.get(&connection) {
            stored.generation = stored
                .generation
                .max(Generation(old.stored.generation.0 + 1));
        }
        rows.insert(
            connection,
            Row {
                stored,
                lease: None,
                tickets: 0,
                refusal: None,
            },
        );
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<ConnectionId, Row>> {
        // No code that can panic runs under the lock.
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Credentials for MemoryCredentials {
    async fn load(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<StoredCredentials>, CredentialsError> {
        Ok(self.rows().get(connection).map(|row| row.stored.clone()))
    }

    async fn begin_refresh(
        &self,
        connection: &ConnectionId,
        seen: Generation,
    ) -> Result<RefreshTurn, CredentialsError> {
        let now = Instant::now();
        let mut rows = self.rows();
        let row = rows
            .get_mut(connection)
            .ok_or_else(|| CredentialsError::Unknown(connection.as_str().into()))?;
        if row.stored.generation > seen {
            return Ok(RefreshTurn::Newer(row.stored.clone()));
        }
        if !row.stored.can_refresh() {
            return Ok(RefreshTurn::Refused(RefreshRefusal::NotPossible));
        }
        match &row.refusal {
            Some((refusal, None)) => return Ok(RefreshTurn::Refused(refusal.clone())),
            Some((refusal, Some(until))) if now < *until => {
                return Ok(RefreshTurn::Refused(refusal.clone()));
            }
            _ => {}
        }
        if row.lease.is_some_and(|(_, until)| now < until) {
            return Ok(RefreshTurn::Busy(Duration::from_millis(20)));
        }
        row.tickets += 1;
        row.lease = Some((row.tickets, now + LEASE));
        Ok(RefreshTurn::Mine(RefreshLease {
            connection: connection.clone(),
            generation: row.stored.generation,
            ticket: row.tickets,
        }))
    }

    async fn commit(
        &self,
        connection: &ConnectionId,
        expected: Generation,
        tokens: NewTokens,
    ) -> Result<Generation, CredentialsError> {
        let mut rows = self.rows();
        let row = rows
            .get_mut(connection)
            .ok_or_else(|| CredentialsError::Unknown(connection.as_str().into()))?;
        let found = row.stored.generation;
        if found != expected {
            return Err(CredentialsError::Conflict {
                connection: connection.as_str().into(),
                expected: expected.0,
                found: found.0,
            });
        }
        let now = SystemTime::now();
        let stored = &mut row.stored;
        stored.generation = Generation(found.0 + 1);
        stored.origin = tokens.origin;
        stored.access_token = Some(tokens.access_token);
        stored.refresh_token = tokens.refresh_token.or_else(|| stored.refresh_token.take());
        stored.obtained_at = now;
        stored.expires_at = tokens
            .expires_in
            .and_then(|lifetime| now.checked_add(lifetime));
        if !tokens.scopes.is_empty() {
            stored.scopes = tokens.scopes;
        }
        row.refusal = None;
        Ok(stored.generation)
    }

    async fn end_refresh(
        &self,
        lease: RefreshLease,
        end: RefreshEnd,
    ) -> Result<(), CredentialsError> {
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(&lease.connection) else {
            return Ok(());
        };
        if row.lease.is_none_or(|(ticket, _)| ticket != lease.ticket) {
            return Ok(());
        }
        row.lease = None;
        row.refusal = match end {
            RefreshEnd::Renewed => None,
            RefreshEnd::InvalidGrant => Some((RefreshRefusal::NeedsReconnect, None)),
            RefreshEnd::NotSent(why) | RefreshEnd::AnswerLost(why) => Some((
                RefreshRefusal::FailedRecently(why),
                Some(Instant::now() + REMEMBER_FAILURE),
            )),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> ConnectionId {
        ConnectionId::new("c")
    }

    fn store() -> MemoryCredentials {
        let store = MemoryCredentials::new();
        let now = SystemTime::now();
        store.insert(
            connection(),
            StoredCredentials {
                generation: Generation(1),
                origin: Origin::parse("https://api.capsulecrm.com").unwrap(),
                access_token: Some("access-1".into()),
                refresh_token: Some("refresh-1".into()),
                client: Some(ClientCredentials {
                    id: "app".into(),
                    secret: None,
                }),
                obtained_at: now,
                expires_at: Some(now + Duration::from_secs(1000)),
                scopes: vec!["read".into()],
            },
        );
        store
    }

    fn tokens(refresh: Option<&str>) -> NewTokens {
        NewTokens {
            origin: Origin::parse("https://api.capsulecrm.com").unwrap(),
            access_token: "access-2".into(),
            refresh_token: refresh.map(Secret::from),
            expires_in: None,
            scopes: vec![],
        }
    }

    async fn lease(store: &MemoryCredentials) -> RefreshLease {
        match store
            .begin_refresh(&connection(), Generation(1))
            .await
            .unwrap()
        {
            RefreshTurn::Mine(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_one_refreshes_at_a_time() {
        let store = store();
        let _lease = lease(&store).await;
        let second = store
            .begin_refresh(&connection(), Generation(1))
            .await
            .unwrap();
        assert!(matches!(second, RefreshTurn::Busy(_)), "{second:?}");
    }

    #[tokio::test]
    async fn whoever_comes_late_gets_the_newer_tokens() {
        let store = store();
        let lease = lease(&store).await;
        store
            .commit(&connection(), Generation(1), tokens(Some("refresh-2")))
            .await
            .unwrap();
        store.end_refresh(lease, RefreshEnd::Renewed).await.unwrap();
        match store
            .begin_refresh(&connection(), Generation(1))
            .await
            .unwrap()
        {
            RefreshTurn::Newer(stored) => {
                assert_eq!(stored.access_token.unwrap().expose(), "access-2")
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
        let store = store();
        store
            .commit(&connection(), Generation(1), tokens(None))
            .await
            .unwrap();
        let stored = store.load(&connection()).await.unwrap().unwrap();
        assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-1");
        assert_eq!(stored.scopes, ["read"]);
    }

    #[tokio::test]
    async fn a_commit_on_an_old_generation_overwrites_nothing() {
        let store = store();
        store
            .commit(&connection(), Generation(1), tokens(None))
            .await
            .unwrap();
        let late = store
            .commit(&connection(), Generation(1), tokens(Some("stale")))
            .await;
        assert!(
            matches!(late, Err(CredentialsError::Conflict { found: 2, .. })),
            "{late:?}"
        );
    }

    #[tokio::test]
    async fn a_failed_refresh_is_remembered() {
        let store = store();
        let first = lease(&store).await;
        store
            .end_refresh(first, RefreshEnd::AnswerLost("no answer".into()))
            .await
            .unwrap();
        let turn = store
            .begin_refresh(&connection(), Generation(1))
            .await
            .unwrap();
        assert!(
            matches!(
                turn,
                RefreshTurn::Refused(RefreshRefusal::FailedRecently(_))
            ),
            "{turn:?}"
        );
    }

    #[tokio::test]
    async fn a_refused_refresh_token_is_remembered_until_somebody_connects_again() {
        let store = store();
        let first = lease(&store).await;
        store
            .end_refresh(first, RefreshEnd::InvalidGrant)
            .await
            .unwrap();
        let turn = store
            .begin_refresh(&connection(), Generation(1))
            .await
            .unwrap();
        assert!(
            matches!(turn, RefreshTurn::Refused(RefreshRefusal::NeedsReconnect)),
            "{turn:?}"
        );
        store.insert(
            connection(),
            store.load(&connection()).await.unwrap().unwrap(),
        );
        let turn = store
            .begin_refresh(&connection(), Generation(2))
            .await
            .unwrap();
        assert!(matches!(turn, RefreshTurn::Mine(_)), "{turn:?}");
    }

    #[tokio::test]
    async fn a_refresh_is_due_at_four_fifths_of_the_lifetime() {
        let stored = store().load(&connection()).await.unwrap().unwrap();
        assert!(!stored.refresh_is_due(stored.obtained_at + Duration::from_secs(799)));
        assert!(stored.refresh_is_due(stored.obtained_at + Duration::from_secs(800)));
    }

    #[tokio::test]
    async fn a_refresh_is_due_when_the_clock_was_set_back_and_not_when_it_was_adjusted() {
        let stored = store().load(&connection()).await.unwrap().unwrap();
        assert!(stored.refresh_is_due(stored.obtained_at - Duration::from_secs(3600)));
        assert!(!stored.refresh_is_due(stored.obtained_at - Duration::from_secs(30)));
    }
}
