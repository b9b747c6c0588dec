//! A kept connection, through the real component against the fake account.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use capsule_host::egress::{
    AnswerBody, ConnectionId, Credentials as _, EgressLimits, InProcess, Origin, Outbound,
    Upstream, UpstreamError,
};
use capsule_host::fake::Fake;
use capsule_host::runtime::{Connector, Tenant};
use capsule_host::store::{NewConnection, Profile, Store, VaultKey};
use futures::future::join_all;

use super::signed_in::{fake, sign_in, tenant};
use super::support::connector;

const NAME: &str = "northwind";

/// Sends on, and counts bearer tokens that are not those that the store has at that moment.
struct Watched {
    inner: InProcess,
    store: Store,
    strange: Arc<AtomicUsize>,
}

#[async_trait]
impl Upstream for Watched {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        if let Some(sent) = request.headers.get("authorization") {
            let stored = self.store.load(&ConnectionId::new(NAME)).await.unwrap();
            let token = stored.unwrap().access_token.unwrap();
            if sent.to_str().unwrap() != format!("Bearer {}", token.expose()) {
                self.strange.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.inner.send(request, limits).await
    }
}

/// Signs in, and keeps the connection with this much of its token's life over.
async fn keep(store: &Store, connector: &Connector, fake: &Fake, passed: Duration) {
    let in_memory = tenant(fake).build().unwrap();
    sign_in(connector, &in_memory, fake).await;
    let stored = in_memory.credentials().load(in_memory.connection()).await;
    let mut credentials = stored.unwrap().unwrap();
    let now = SystemTime::now();
    credentials.obtained_at = now - passed;
    credentials.expires_at = Some(now - passed + Duration::from_secs(10_000));
    let who = connector.call(&in_memory).check().await.unwrap().value;
    let profile = Profile {
        account_id: who.account_id,
        account_name: who.account_name,
        user_id: who.user_id,
        user_name: who.user_name,
        web_url: who.web_url,
    };
    let new = NewConnection {
        name: NAME.into(),
        api_base: None,
        credentials,
        profile,
    };
    store.connect(new).await.unwrap();
}

fn kept(store: &Store, upstream: Arc<dyn Upstream>) -> Tenant {
    Tenant::builder(NAME)
        .credentials(Arc::new(store.clone()), ConnectionId::new(NAME))
        .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
        .upstream(upstream)
        .build()
        .unwrap()
}

#[tokio::test]
async fn calls_at_once_renew_a_kept_connection_once_and_use_only_what_is_stored() {
    let (connector, fake) = (connector(), fake());
    let folder = tempfile::tempdir().unwrap();
    let key =
        || VaultKey::from_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "key").unwrap();
    let store = Store::open(folder.path(), key()).unwrap();
    keep(&store, &connector, &fake, Duration::from_secs(9_000)).await;
    let before = store.connection(NAME).await.unwrap().generation;
    let strange = Arc::new(AtomicUsize::new(0));
    let tenant = kept(
        &store,
        Arc::new(Watched {
            inner: InProcess::new(fake.router()),
            store: store.clone(),
            strange: strange.clone(),
        }),
    );

    fake.clear_journal();
    let calls = (0..12).map(|_| connector.call(&tenant).check());
    for called in join_all(calls).await {
        called.unwrap();
    }
    let journal = fake.journal();
    let refreshes = journal
        .iter()
        .filter(|row| row.path == "/oauth/token")
        .count();
    assert_eq!(refreshes, 1);
    assert_eq!(strange.load(Ordering::Relaxed), 0);
    let after = store.connection(NAME).await.unwrap().generation;
    assert_eq!(after.0, before.0 + 1);

    // The rotated tokens are good after a restart.
    drop((tenant, store));
    let store = Store::open(folder.path(), key()).unwrap();
    let tenant = kept(&store, Arc::new(InProcess::new(fake.router())));
    connector.call(&tenant).refresh().await.unwrap();
    connector.call(&tenant).check().await.unwrap();
}

#[tokio::test]
async fn a_kept_token_that_is_young_is_used_as_it_is() {
    let (connector, fake) = (connector(), fake());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), VaultKey::generate().unwrap()).unwrap();
    keep(&store, &connector, &fake, Duration::from_secs(7_000)).await;
    let tenant = kept(&store, Arc::new(InProcess::new(fake.router())));
    fake.clear_journal();
    connector.call(&tenant).check().await.unwrap();
    assert!(fake.journal().iter().all(|row| row.path != "/oauth/token"));
}

#[tokio::test]
async fn a_clock_that_was_set_back_an_hour_costs_one_refresh_and_nothing_else() {
    let (connector, fake) = (connector(), fake());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), VaultKey::generate().unwrap()).unwrap();
    keep(&store, &connector, &fake, Duration::ZERO).await;
    // What was written before: the tokens, a failure, and the lease of a process that is gone.
    let database = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
    let sql = "UPDATE connection SET obtained_at = obtained_at + 3600, expires_at = expires_at + 3600, \
               failed_at = unixepoch() + 3600, failed_why = 'why', lease_until = unixepoch() + 3690, intent_run = 1";
    database.execute_batch(sql).unwrap();
    let tenant = kept(&store, Arc::new(InProcess::new(fake.router())));
    for refreshes in [1, 0] {
        fake.clear_journal();
        connector.call(&tenant).check().await.unwrap();
        let journal = fake.journal();
        let tokens = journal.iter().filter(|row| row.path == "/oauth/token");
        assert_eq!(tokens.count(), refreshes);
    }
}

#[tokio::test]
async fn a_copied_store_says_how_it_may_renew_and_its_token_goes_on() {
    let (connector, fake) = (connector(), fake());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), VaultKey::generate().unwrap()).unwrap();
    keep(&store, &connector, &fake, Duration::from_secs(9_000)).await;
    // As `cp` does it: the marker is another file.
    let marker = folder.path().join("store.place");
    let text = std::fs::read(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    std::fs::write(&marker, text).unwrap();
    let tenant = kept(&store, Arc::new(InProcess::new(fake.router())));
    fake.clear_journal();
    let error = connector.call(&tenant).refresh().await.unwrap_err();
    assert!(super::signed_in::is_unauthenticated(&error), "{error}");
    assert!(
        error.to_string().contains("capsule-host vault adopt"),
        "{error}"
    );
    connector.call(&tenant).check().await.unwrap();
    assert!(fake.journal().iter().all(|row| row.path != "/oauth/token"));

    assert!(store.adopt().await.unwrap());
    connector.call(&tenant).refresh().await.unwrap();
    connector.call(&tenant).check().await.unwrap();
}

#[tokio::test]
async fn a_removed_connection_is_not_signed_in() {
    let (connector, fake) = (connector(), fake());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), VaultKey::generate().unwrap()).unwrap();
    keep(&store, &connector, &fake, Duration::ZERO).await;
    let tenant = kept(&store, Arc::new(InProcess::new(fake.router())));
    store.remove(NAME).await.unwrap();
    fake.clear_journal();
    let error = connector.call(&tenant).check().await.unwrap_err();
    assert!(super::signed_in::is_unauthenticated(&error), "{error}");
}
