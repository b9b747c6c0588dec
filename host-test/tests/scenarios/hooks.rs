use serde_json::{Value, json};

use crate::Scene;

fn hook(number: usize) -> Value {
    json!({"event": "party/created", "targetUrl": format!("https://hooks.example/h/{number}"), "embed": ["tags"]})
}

/// The error of a call that has to fail, as text.
async fn refused(scene: &Scene, id: &str, input: Value) -> String {
    format!("{:?}", scene.call(id, input).await.unwrap_err())
}

#[tokio::test]
async fn a_hook_is_subscribed_listed_and_cancelled() {
    let scene = Scene::new();
    let made = scene.done("hooks.subscribe", hook(0)).await;
    assert_eq!(
        (&made["event"], &made["embed"]),
        (&json!("party/created"), &json!("tags"))
    );
    assert_eq!(
        scene.items("hooks.list-all", json!({})).await,
        std::slice::from_ref(&made)
    );
    for state in ["deleted", "alreadyGone"] {
        let gone = scene
            .done("hooks.unsubscribe", json!({"id": made["id"]}))
            .await;
        assert_eq!(gone, json!({"id": made["id"], "state": state}));
    }
    assert!(scene.items("hooks.list-all", json!({})).await.is_empty());
}

#[tokio::test]
async fn the_twenty_first_hook_is_a_quota() {
    let scene = Scene::new();
    for number in 0..20 {
        scene.done("hooks.subscribe", hook(number)).await;
    }
    let told = refused(&scene, "hooks.subscribe", hook(20)).await;
    assert!(
        told.contains("QuotaExhausted") && told.contains("at most 20"),
        "{told}"
    );
}

#[tokio::test]
async fn a_personal_token_and_a_member_are_told_what_hooks_need() {
    let scene = Scene::new();
    let personal = scene.fake.issue_personal_token("rkaya", "read write");
    let member = scene.fake.issue_token("jnovak", "read write").access;
    for token in [personal, member] {
        let other = Scene::with(scene.fake.clone(), &token);
        let told = refused(&other, "hooks.subscribe", hook(0)).await;
        assert!(
            told.contains("Forbidden") && told.contains("administrator"),
            "{told}"
        );
    }
}
