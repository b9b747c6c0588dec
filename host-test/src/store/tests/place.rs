//! A store and its copies.

use std::process::Command;

use super::*;

/// What `cp` does.
fn copy(options: &str, from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args([options])
        .arg(from)
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}

fn refused(turn: &RefreshTurn) -> bool {
    matches!(turn, RefreshTurn::Refused(RefreshRefusal::NotAdopted))
}

/// A store with one connection in a folder of that name.
async fn store(folder: &Path, name: &str) -> Store {
    let store = open(&folder.join(name));
    store.connect(sign_in("a", "1")).await.unwrap();
    store
}

/// Closes it: files are to be copied, and the thread that owns them ends by itself.
async fn close(store: Store, folder: &Path) {
    drop(store);
    let log = folder.join(format!("{DATABASE}-wal"));
    while log.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_copied_store_renews_nothing_until_it_is_adopted_and_the_original_goes_on() {
    for options in ["-r", "-a"] {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        let original = store(folder.path(), "here").await;
        copy(options, &here, &there);

        let clone = open(&there);
        assert!(clone.is_copy().await.unwrap());
        let turn = turn(&clone).await;
        assert!(refused(&turn), "{turn:?}");
        // What is in it is good as long as it lasts.
        assert_eq!(access(&clone, "a").await.unwrap(), "access-1");

        assert!(!original.is_copy().await.unwrap());
        lease(&original).await;

        assert!(clone.adopt().await.unwrap());
        assert!(!clone.adopt().await.unwrap(), "it is at home now");
        lease(&clone).await;
        drop(clone);
        assert!(!open(&there).is_copy().await.unwrap());
    }
}

#[tokio::test]
async fn a_store_that_was_put_back_from_a_backup_renews_nothing_until_it_is_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let (here, backup) = (folder.path().join("here"), folder.path().join("backup"));
    close(store(folder.path(), "here").await, &here).await;
    copy("-a", &here, &backup);
    std::fs::remove_dir_all(&here).unwrap();
    copy("-a", &backup, &here);

    let restored = open(&here);
    assert!(refused(&turn(&restored).await));
    restored.adopt().await.unwrap();
    lease(&restored).await;
}

#[tokio::test]
async fn a_backup_that_is_written_over_the_files_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, backup) = (folder.path().join("here"), folder.path().join("backup"));
    close(store(folder.path(), "here").await, &here).await;
    copy("-r", &here, &backup);
    copy("-r", &backup.join("."), &here);
    assert!(refused(&turn(&open(&here)).await));
}

#[tokio::test]
async fn a_database_from_before_the_last_refresh_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, backup) = (folder.path().join("here"), folder.path().join("backup"));
    close(store(folder.path(), "here").await, &here).await;
    copy("-r", &here, &backup);
    let original = open(&here);
    let first = lease(&original).await;
    original
        .end_refresh(first, RefreshEnd::NotSent("why".into()))
        .await
        .unwrap();
    close(original, &here).await;
    copy("-r", &backup.join(DATABASE), &here.join(DATABASE));

    let restored = open(&here);
    assert!(refused(&turn(&restored).await));
    restored.adopt().await.unwrap();
    lease(&restored).await;
}

#[tokio::test]
async fn a_store_that_was_moved_is_at_home() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    close(store(folder.path(), "here").await, &here).await;
    std::fs::rename(&here, &there).unwrap();
    let moved = open(&there);
    assert!(!moved.is_copy().await.unwrap());
    lease(&moved).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_change_of_mode_makes_no_copy() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), "here").await;
    for file in std::fs::read_dir(folder.path().join("here")).unwrap() {
        let mode = std::fs::Permissions::from_mode(0o660);
        std::fs::set_permissions(file.unwrap().path(), mode).unwrap();
    }
    lease(&store).await;
}

#[tokio::test]
async fn a_store_of_an_older_version_is_at_home_where_it_is_opened_first() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    close(store(folder.path(), "here").await, &here).await;
    meddle(&here, "UPDATE store SET place = NULL");
    std::fs::remove_file(here.join("store.place")).unwrap();
    lease(&open(&here)).await;
}
