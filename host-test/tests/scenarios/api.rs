use capsule_host::runtime::CallError;
use serde_json::{Value, json};

use crate::Scene;

/// What stands in the body of an answer.
async fn sent(scene: &Scene, method: &str, path: &str, body: Value) -> Value {
    scene
        .done(
            "api.call",
            json!({"method": method, "path": path, "body": body}),
        )
        .await
}

#[tokio::test]
async fn a_goal_is_created_read_changed_listed_and_deleted() {
    let scene = Scene::new();
    let user = scene.done("settings.get-current-user", json!({})).await["id"].clone();
    let goal = json!({"name": "Calls", "frequency": "MONTHLY", "startOn": "2026-01-01", "endOn": "2026-12-31",
                      "type": "264be3b0-490b-3d73-ae0d-d02b488ba1eb", "value": 12, "user": user});
    let created = sent(&scene, "POST", "goals", json!({"goal": goal})).await;
    assert_eq!(created["status"], 201);
    let path = created["location"].as_str().unwrap().to_owned();
    let id = created["body"]["goal"]["id"].clone();
    assert_eq!(path, format!("goals/{id}"));
    let renamed = json!({"goal": {"name": "More calls"}});
    assert_eq!(sent(&scene, "PUT", &path, renamed).await["status"], 200);
    let read = sent(&scene, "GET", &path, Value::Null).await;
    assert_eq!(read["body"]["goal"]["name"], "More calls");
    let listed = scene.items("settings.list-goals", json!({})).await;
    assert_eq!((&listed[0]["id"], &listed[0]["user"]["id"]), (&id, &user));
    assert_eq!(
        sent(&scene, "DELETE", &path, Value::Null).await,
        json!({"status": 204})
    );
    let gone = scene
        .call("api.call", json!({"method": "GET", "path": path}))
        .await;
    assert!(matches!(gone, Err(CallError::Connector { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_list_is_walked_by_its_next_page() {
    let scene = Scene::new();
    let mut page = json!(1);
    let mut seen = 0;
    while !page.is_null() {
        let input =
            json!({"method": "GET", "path": "parties", "query": {"page": page, "perPage": 7}});
        let answer = scene.done("api.call", input).await;
        seen += answer["body"]["parties"].as_array().unwrap().len();
        page = answer["nextPage"].clone();
    }
    assert_eq!(seen, scene.fake.party_count());
}

#[tokio::test]
async fn a_path_that_leaves_the_api_never_reaches_the_account() {
    let scene = Scene::new();
    scene.fake.clear_journal();
    for path in [
        "../../oauth/token",
        "//evil.example/",
        "https://evil.example/",
        "%2e%2e/x",
    ] {
        let input = json!({"method": "GET", "path": path});
        assert!(scene.call("api.call", input).await.is_err(), "{path}");
    }
    assert!(scene.fake.journal().is_empty());
}
