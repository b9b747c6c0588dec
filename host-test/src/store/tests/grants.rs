//! What components may reach.

use super::*;
use crate::egress::ComponentDigest;

fn component(name: &str) -> ComponentDigest {
    ComponentDigest::of(name.as_bytes())
}

fn capsule() -> Vec<Origin> {
    vec![origin()]
}

fn more() -> Vec<Origin> {
    let files = Origin::parse("https://files.example").unwrap();
    vec![origin(), files]
}

async fn asks(store: &Store, name: &str, asked: Vec<Origin>) -> Result<Vec<Origin>, StoreError> {
    store.granted(component(name), asked, capsule()).await
}

fn missing(granted: Result<Vec<Origin>, StoreError>) -> Vec<Origin> {
    match granted {
        Err(StoreError::NotGranted { missing, .. }) => missing,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_component_has_what_the_caller_names_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(
        missing(asks(&store, "greedy", more()).await),
        more()[1..].to_vec()
    );
    assert_eq!(asks(&store, "first", capsule()).await.unwrap(), capsule());
}

#[tokio::test]
async fn an_update_that_asks_for_the_same_or_less_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.grant(component("one"), more()).await.unwrap();
    assert_eq!(asks(&store, "one", capsule()).await.unwrap(), more());
    assert_eq!(asks(&store, "two", more()).await.unwrap(), more());
    assert_eq!(asks(&store, "three", capsule()).await.unwrap(), capsule());
    // What the third gave up the fourth does not have.
    missing(asks(&store, "four", more()).await);
    assert_eq!(asks(&store, "one", more()).await.unwrap(), more());
}

#[tokio::test]
async fn an_update_that_asks_for_more_waits_for_the_operator_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    asks(&store, "old", capsule()).await.unwrap();
    for _ in 0..2 {
        // A refusal is not what makes it known.
        let error = asks(&store, "new", more()).await.unwrap_err().to_string();
        let way = format!(
            "capsule-host grants add --to {} https://api.capsulecrm.com https://files.example",
            component("new")
        );
        assert!(error.contains(&way), "{error}");
    }
    drop(store);
    let store = open(folder.path());
    missing(asks(&store, "new", more()).await);
    store.grant(component("new"), more()).await.unwrap();
    assert_eq!(asks(&store, "new", more()).await.unwrap(), more());
    assert_eq!(asks(&store, "old", capsule()).await.unwrap(), capsule());
}

#[tokio::test]
async fn what_is_taken_back_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.grant(component("one"), more()).await.unwrap();
    let files = more()[1..].to_vec();
    store
        .withdraw(component("one"), files.clone())
        .await
        .unwrap();
    assert_eq!(missing(asks(&store, "one", more()).await), files);
    let grants = store.grants().await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(
        (grants[0].component, &grants[0].origins),
        (component("one"), &capsule())
    );
}
