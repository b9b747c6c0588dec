//! What a store promises, without a sandbox.

mod disk;
mod grants;
mod place;
mod rekey;

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::egress::{
    ClientCredentials, ConnectionId, Credentials as _, CredentialsError, Generation, NewTokens,
    Origin, RefreshEnd, RefreshLease, RefreshRefusal, RefreshTurn, Secret, StoredCredentials,
};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const SECRETS: [&str; 4] = ["access-1", "refresh-1", "client-1", "access-2"];

fn key() -> VaultKey {
    VaultKey::from_text(KEY, "the test").unwrap()
}

fn open(folder: &Path) -> Store {
    Store::open(folder, key()).unwrap()
}

fn id(name: &str) -> ConnectionId {
    ConnectionId::new(name)
}

fn origin() -> Origin {
    Origin::parse("https://api.capsulecrm.com").unwrap()
}

fn sign_in(name: &str, user: &str) -> NewConnection {
    let now = SystemTime::now();
    NewConnection {
        name: name.into(),
        api_base: None,
        credentials: StoredCredentials {
            generation: Generation(1),
            origin: origin(),
            access_token: Some("access-1".into()),
            refresh_token: Some("refresh-1".into()),
            client: Some(ClientCredentials {
                id: "app".into(),
                secret: Some("client-1".into()),
            }),
            obtained_at: now,
            expires_at: Some(now + Duration::from_secs(1000)),
            scopes: vec!["read".into(), "write".into()],
        },
        profile: Profile {
            account_id: "lagoa".into(),
            account_name: "Lagoa Foods".into(),
            user_id: user.into(),
            user_name: "Inês Duarte".into(),
            web_url: Some("https://lagoa.capsulecrm.com".into()),
        },
    }
}

fn tokens(refresh: Option<&str>) -> NewTokens {
    NewTokens {
        origin: origin(),
        access_token: "access-2".into(),
        refresh_token: refresh.map(Secret::from),
        expires_in: Some(Duration::from_secs(60)),
        scopes: Vec::new(),
    }
}

async fn turn(store: &Store) -> RefreshTurn {
    store.begin_refresh(&id("a"), Generation(1)).await.unwrap()
}

async fn lease(store: &Store) -> RefreshLease {
    match turn(store).await {
        RefreshTurn::Mine(lease) => lease,
        other => panic!("{other:?}"),
    }
}

async fn access(store: &Store, name: &str) -> Result<String, CredentialsError> {
    let stored = store.load(&id(name)).await?.unwrap();
    Ok(stored.access_token.unwrap().expose().to_owned())
}

/// Changes the database behind the store's back.
fn meddle(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(folder.join(DATABASE)).unwrap();
    database.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_connection_is_there_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let before = store.connections().await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.connections().await.unwrap(), before);
    let stored = store.load(&id("a")).await.unwrap().unwrap();
    assert_eq!(stored.access_token.unwrap().expose(), "access-1");
    assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-1");
    let client = stored.client.unwrap();
    assert_eq!(
        (client.id.as_str(), client.secret.unwrap().expose()),
        ("app", "client-1")
    );
    assert_eq!(stored.scopes, ["read", "write"]);
    assert!(store.load(&id("b")).await.unwrap().is_none());
}

#[tokio::test]
async fn no_secret_stands_in_a_file_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    store
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    // While it is open there is a log beside the database.
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        files += 1;
        for secret in SECRETS {
            let found = memchr::memmem::find(&bytes, secret.as_bytes());
            assert!(found.is_none(), "{secret}");
        }
    }
    assert!(files >= 3, "{files}");
    store.remove("a").await.unwrap();
    assert!(matches!(
        store.remove("a").await,
        Err(StoreError::Unknown(_))
    ));
    assert!(store.load(&id("a")).await.unwrap().is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("store");
    let store = open(&inner);
    store.connect(sign_in("a", "1")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in std::fs::read_dir(&inner).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn two_processes_share_a_store_and_one_of_them_refreshes() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    first.connect(sign_in("a", "1")).await.unwrap();
    let lease = lease(&first).await;
    assert!(matches!(turn(&second).await, RefreshTurn::Busy(_)));
    first
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    first.end_refresh(lease, RefreshEnd::Renewed).await.unwrap();
    assert!(matches!(turn(&second).await, RefreshTurn::Newer(_)));
    assert_eq!(access(&second, "a").await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_process_that_was_overtaken_ends_nothing_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (slow, quick) = (open(folder.path()), open(folder.path()));
    slow.connect(sign_in("a", "1")).await.unwrap();
    let late = lease(&slow).await;
    meddle(folder.path(), "UPDATE connection SET lease_until = 1");
    let taken = lease(&quick).await;
    slow.end_refresh(late, RefreshEnd::InvalidGrant)
        .await
        .unwrap();
    assert!(!quick.connection("a").await.unwrap().needs_reconnect);
    quick
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    quick.end_refresh(taken, RefreshEnd::Renewed).await.unwrap();
    let conflict = slow.commit(&id("a"), Generation(1), tokens(None)).await;
    assert!(matches!(conflict, Err(CredentialsError::Conflict { .. })));
}

#[tokio::test]
async fn a_lease_of_the_future_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    lease(&store).await;
    // As after the clock was set back.
    meddle(
        folder.path(),
        "UPDATE connection SET lease_until = lease_until + 3600",
    );
    lease(&store).await;
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path())
        .connect(sign_in("a", "1"))
        .await
        .unwrap();
    let other = Store::open(folder.path(), VaultKey::generate().unwrap());
    assert!(matches!(other, Err(StoreError::OtherKey)));
}

#[tokio::test]
async fn a_secret_that_was_moved_put_back_or_sent_elsewhere_is_not_used() {
    for sql in [
        // Another connection's.
        "UPDATE secret SET sealed = (SELECT sealed FROM secret o WHERE o.connection = 'b' AND o.kind = secret.kind) \
         WHERE connection = 'a'",
        // Of another kind.
        "UPDATE secret SET sealed = (SELECT sealed FROM secret o WHERE o.connection = 'a' AND o.kind = 'refresh token') \
         WHERE connection = 'a' AND kind = 'access token'",
        // For another place.
        "UPDATE connection SET origin = 'https://evil.example' WHERE name = 'a'",
        // Of another generation.
        "UPDATE connection SET generation = generation + 1 WHERE name = 'a'",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.connect(sign_in("a", "1")).await.unwrap();
        store.connect(sign_in("b", "1")).await.unwrap();
        drop(store);
        meddle(folder.path(), sql);
        let store = open(folder.path());
        let error = access(&store, "a").await.unwrap_err().to_string();
        assert!(error.contains("was changed in the store"), "{sql}: {error}");
        assert_eq!(access(&store, "b").await.unwrap(), "access-1");
    }
}

#[tokio::test]
async fn a_token_answer_is_stored_once_and_keeps_what_it_does_not_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let generation = store
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    assert_eq!(generation, Generation(2));
    let stored = store.load(&id("a")).await.unwrap().unwrap();
    assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-1");
    assert_eq!(stored.scopes, ["read", "write"]);
    let late = store
        .commit(&id("a"), Generation(1), tokens(Some("stale")))
        .await;
    assert!(
        matches!(late, Err(CredentialsError::Conflict { found: 2, .. })),
        "{late:?}"
    );
}

#[tokio::test]
async fn tokens_of_another_origin_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let elsewhere = NewTokens {
        origin: Origin::parse("https://evil.example").unwrap(),
        ..tokens(None)
    };
    assert!(
        store
            .commit(&id("a"), Generation(1), elsewhere)
            .await
            .is_err()
    );
    assert_eq!(access(&store, "a").await.unwrap(), "access-1");
}

#[tokio::test]
async fn the_same_user_may_sign_in_again_and_another_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let lease = lease(&store).await;
    store
        .end_refresh(lease, RefreshEnd::InvalidGrant)
        .await
        .unwrap();
    assert!(store.connection("a").await.unwrap().needs_reconnect);
    let other = store.connect(sign_in("a", "2")).await;
    assert!(matches!(other, Err(StoreError::OtherAccount { .. })));
    assert_eq!(
        store.connect(sign_in("a", "1")).await.unwrap(),
        Generation(2)
    );
    assert!(!store.connection("a").await.unwrap().needs_reconnect);
}

#[tokio::test]
async fn only_one_refreshes_and_the_others_get_its_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let lease = lease(&store).await;
    assert!(matches!(turn(&store).await, RefreshTurn::Busy(_)));
    store
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    store.end_refresh(lease, RefreshEnd::Renewed).await.unwrap();
    match turn(&store).await {
        RefreshTurn::Newer(stored) => assert_eq!(stored.access_token.unwrap().expose(), "access-2"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_ended_a_refresh_is_remembered_by_the_next_process() {
    let refused = |end| async move {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.connect(sign_in("a", "1")).await.unwrap();
        let lease = lease(&store).await;
        store.end_refresh(lease, end).await.unwrap();
        drop(store);
        let store = open(folder.path());
        let cut_off = store.connection("a").await.unwrap().refresh_cut_off;
        match turn(&store).await {
            RefreshTurn::Refused(refusal) => (refusal, cut_off),
            other => panic!("{other:?}"),
        }
    };
    let recently = || RefreshRefusal::FailedRecently("why".into());
    assert_eq!(
        refused(RefreshEnd::NotSent("why".into())).await,
        (recently(), false)
    );
    assert_eq!(
        refused(RefreshEnd::AnswerLost("why".into())).await,
        (recently(), true)
    );
    let (refusal, _) = refused(RefreshEnd::InvalidGrant).await;
    assert_eq!(refusal, RefreshRefusal::NeedsReconnect);
}

#[tokio::test]
async fn a_refresh_that_a_crash_cut_off_is_tried_again_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    lease(&store).await;
    drop(store);
    let store = open(folder.path());
    assert!(store.connection("a").await.unwrap().refresh_cut_off);
    // The other process may be at it still, as long as its lease lasts.
    assert!(matches!(turn(&store).await, RefreshTurn::Busy(_)));
    meddle(folder.path(), "UPDATE connection SET lease_until = 1");
    let again = lease(&store).await;
    store
        .commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    store.end_refresh(again, RefreshEnd::Renewed).await.unwrap();
    assert!(!store.connection("a").await.unwrap().refresh_cut_off);
}

#[tokio::test]
async fn a_failure_of_the_future_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let first = lease(&store).await;
    store
        .end_refresh(first, RefreshEnd::NotSent("why".into()))
        .await
        .unwrap();
    drop(store);
    // As after the clock was set back.
    meddle(
        folder.path(),
        "UPDATE connection SET failed_at = failed_at + 3600",
    );
    lease(&open(folder.path())).await;
}
