//! A store that gets another key.

use super::*;

fn new_key() -> VaultKey {
    VaultKey::from_text("YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=", "the test").unwrap()
}

/// A store of two connections, which is closed again.
async fn made(folder: &Path) {
    let store = open(folder);
    store.connect(sign_in("a", "1")).await.unwrap();
    store.connect(sign_in("b", "1")).await.unwrap();
}

fn rekey(folder: &Path) -> Rekey {
    Rekey::begin(folder, &key(), &new_key()).unwrap()
}

fn finished(mut rekey: Rekey) -> Result<(), StoreError> {
    while rekey.step().unwrap() {}
    rekey.finish()
}

fn sealed(folder: &Path) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(folder.join(DATABASE)).unwrap();
    let mut statement = database.prepare("SELECT sealed FROM secret").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn the_new_key_opens_everything_and_the_old_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    finished(rekey(folder.path())).unwrap();
    let old = Store::open(folder.path(), key());
    assert!(matches!(old, Err(StoreError::OtherKey)));
    let store = Store::open(folder.path(), new_key()).unwrap();
    for name in ["a", "b"] {
        let stored = store.load(&id(name)).await.unwrap().unwrap();
        assert_eq!(stored.access_token.unwrap().expose(), "access-1");
        assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-1");
        let secret = stored.client.unwrap().secret.unwrap();
        assert_eq!(secret.expose(), "client-1");
    }
    lease(&store).await;
}

#[tokio::test]
async fn nothing_that_the_old_key_had_sealed_stands_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    // Another process keeps the log from going away with the last one that closes it.
    let other = open(folder.path());
    let before = sealed(folder.path());
    assert_eq!(before.len(), 6);
    finished(rekey(folder.path())).unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        files += 1;
        for sealed in &before {
            // The random part that each begins with, too.
            for part in [&sealed[..24], &sealed[24..]] {
                assert!(memchr::memmem::find(&bytes, part).is_none());
            }
        }
    }
    assert!(files >= 4, "{files}");
    drop(other);
}

#[tokio::test]
async fn it_can_be_cut_off_between_any_two_secrets_and_goes_on() {
    for steps in 0..=6 {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path()).await;
        let mut cut_off = rekey(folder.path());
        for _ in 0..steps {
            assert!(cut_off.step().unwrap());
        }
        drop(cut_off);
        // Either key alone is not enough.
        for alone in [key(), new_key()] {
            let half = Store::open(folder.path(), alone);
            assert!(matches!(half, Err(StoreError::RekeyUnfinished)));
        }
        let again = rekey(folder.path());
        assert_eq!(again.left().unwrap(), 6 - steps);
        finished(again).unwrap();
        let store = Store::open(folder.path(), new_key()).unwrap();
        for name in ["a", "b"] {
            assert_eq!(access(&store, name).await.unwrap(), "access-1");
        }
    }
}

#[tokio::test]
async fn what_is_finished_may_be_said_again() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    finished(rekey(folder.path())).unwrap();
    finished(rekey(folder.path())).unwrap();
    let store = Store::open(folder.path(), new_key()).unwrap();
    assert_eq!(access(&store, "a").await.unwrap(), "access-1");
}

#[tokio::test]
async fn other_keys_than_the_ones_that_it_was_begun_with_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    let begin = |old: &VaultKey, new: &VaultKey| Rekey::begin(folder.path(), old, new).map(|_| ());
    let third = VaultKey::generate().unwrap();
    assert!(matches!(
        begin(&third, &new_key()),
        Err(StoreError::OtherKey)
    ));
    assert!(matches!(begin(&key(), &key()), Err(StoreError::SameKey)));
    // Nothing has begun.
    drop(open(folder.path()));
    begin(&key(), &new_key()).unwrap();
    assert!(matches!(
        begin(&key(), &third),
        Err(StoreError::RekeyUnfinished)
    ));
    assert!(matches!(
        begin(&third, &new_key()),
        Err(StoreError::OtherKey)
    ));
}

#[tokio::test]
async fn a_secret_that_was_changed_stops_it_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    meddle(
        folder.path(),
        "UPDATE connection SET generation = generation + 1 WHERE name = 'b'",
    );
    let stopped = Rekey::begin(folder.path(), &key(), &new_key()).map(|_| ());
    assert!(
        matches!(&stopped, Err(StoreError::Tampered { connection, .. }) if connection == "b"),
        "{stopped:?}"
    );
    assert_eq!(access(&open(folder.path()), "a").await.unwrap(), "access-1");
}

#[tokio::test]
async fn a_process_that_has_the_store_open_neither_refreshes_nor_stores_with_the_old_key() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    let open = open(folder.path());
    let half = rekey(folder.path());
    let begun = open.begin_refresh(&id("a"), Generation(1)).await;
    let error = begun.unwrap_err().to_string();
    assert!(error.contains("vault rekey"), "{error}");
    // What is not sealed anew is read as before.
    assert_eq!(access(&open, "a").await.unwrap(), "access-1");
    finished(half).unwrap();
    let error = access(&open, "a").await.unwrap_err().to_string();
    assert!(error.contains("another key"), "{error}");
    let signed_in = open.connect(sign_in("c", "1")).await;
    assert!(matches!(signed_in, Err(StoreError::OtherKey)));
    let committed = open.commit(&id("a"), Generation(1), tokens(None)).await;
    assert!(committed.is_err());
}

#[tokio::test]
async fn the_tokens_of_a_refresh_that_runs_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    let open = open(folder.path());
    let lease = lease(&open).await;
    let path = folder.path().to_owned();
    let rekeyed = tokio::task::spawn_blocking(move || finished(rekey(&path)));
    // It has begun and waits.
    let under_way = async || {
        let other = open.begin_refresh(&id("b"), Generation(1)).await;
        let lease = match other {
            Err(_) => return true,
            Ok(RefreshTurn::Mine(lease)) => lease,
            Ok(other) => panic!("{other:?}"),
        };
        open.end_refresh(lease, RefreshEnd::Renewed).await.unwrap();
        false
    };
    while !under_way().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    open.commit(&id("a"), Generation(1), tokens(None))
        .await
        .unwrap();
    assert!(!rekeyed.is_finished());
    open.end_refresh(lease, RefreshEnd::Renewed).await.unwrap();
    rekeyed.await.unwrap().unwrap();
    let store = Store::open(folder.path(), new_key()).unwrap();
    assert_eq!(access(&store, "a").await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_reader_that_holds_the_log_is_told_and_it_is_emptied_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path()).await;
    let reader = rusqlite::Connection::open(folder.path().join(DATABASE)).unwrap();
    let read = "BEGIN; SELECT count(*) FROM secret;";
    reader.execute_batch(read).unwrap();
    let held = finished(rekey(folder.path()));
    assert!(matches!(held, Err(StoreError::LogInUse)), "{held:?}");
    reader.execute_batch("COMMIT").unwrap();
    finished(rekey(folder.path())).unwrap();
    let log = folder.path().join(format!("{DATABASE}-wal"));
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Rekey::begin(folder.path(), &key(), &new_key()).is_err());
    assert!(!Store::is_in(folder.path()));
}
