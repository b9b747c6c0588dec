//! A store on a full disk.

use super::*;

/// As on a full disk: the database may not grow.
async fn fill(store: &Store) {
    allow(store, |pages| pages).await;
}

async fn make_room(store: &Store) {
    allow(store, |pages| pages + 10_000).await;
}

async fn allow(store: &Store, most: fn(i64) -> i64) {
    let allow = move |ledger: &mut super::super::writer::Ledger| {
        let database = &ledger.database;
        let pages = database.pragma_query_value(None, "page_count", |row| row.get(0))?;
        database.pragma_update(None, "max_page_count", most(pages))?;
        Ok(())
    };
    store.writer.run(allow).await.unwrap();
}

/// Tokens that take pages of their own.
fn large() -> NewTokens {
    NewTokens {
        access_token: "a".repeat(100_000).as_str().into(),
        ..tokens(Some("refresh-2"))
    }
}

#[tokio::test]
async fn tokens_that_a_full_disk_does_not_take_change_nothing_and_the_next_ones_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    let first = lease(&store).await;
    fill(&store).await;
    let error = store.commit(&id("a"), Generation(1), large()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("make room"), "{error}");
    let stored = store.load(&id("a")).await.unwrap().unwrap();
    assert_eq!(stored.generation, Generation(1));
    assert_eq!(stored.access_token.unwrap().expose(), "access-1");
    assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-1");
    store
        .end_refresh(first, RefreshEnd::AnswerLost("why".into()))
        .await
        .unwrap();
    assert!(store.connection("a").await.unwrap().refresh_cut_off);

    make_room(&store).await;
    meddle(folder.path(), "UPDATE connection SET failed_at = 1");
    let again = lease(&store).await;
    store
        .commit(&id("a"), Generation(1), large())
        .await
        .unwrap();
    store.end_refresh(again, RefreshEnd::Renewed).await.unwrap();
    assert_eq!(access(&store, "a").await.unwrap().len(), 100_000);
    assert!(!store.connection("a").await.unwrap().refresh_cut_off);
}

#[tokio::test]
async fn a_sign_in_that_a_full_disk_does_not_take_leaves_the_others_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.connect(sign_in("a", "1")).await.unwrap();
    fill(&store).await;
    let mut signed_in = sign_in("b", "1");
    signed_in.credentials.access_token = Some(large().access_token);
    let refused = store.connect(signed_in.clone()).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    assert!(matches!(
        store.connection("b").await,
        Err(StoreError::Unknown(_))
    ));
    assert_eq!(access(&store, "a").await.unwrap(), "access-1");
    make_room(&store).await;
    store.connect(signed_in).await.unwrap();
    lease(&store).await;
}
