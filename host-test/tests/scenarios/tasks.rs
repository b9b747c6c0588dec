use serde_json::json;

use crate::Scene;

#[tokio::test]
async fn a_task_is_made_changed_done_opened_and_gone() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let categories = scene.items("settings.list-categories", json!({})).await;
    let category = &categories[0]["name"];
    let task = scene
        .done(
            "tasks.create",
            json!({
                "description": "Send the offer", "dueOn": "2031-03-02", "dueTime": "09:30", "category": category, "owner": "rkaya",
                "relatedTo": {"party": party}, "repeat": {"frequency": "WEEKLY", "interval": 2},
            }),
        )
        .await;
    let id = task["id"].clone();
    assert_eq!(
        (
            &task["status"],
            &task["party"]["id"],
            &task["category"]["name"]
        ),
        (&json!("OPEN"), &party, category)
    );
    assert_eq!(
        task["repeat"],
        json!({"frequency": "WEEKLY", "interval": 2})
    );
    assert_eq!(scene.done("tasks.get", json!({"id": id})).await, task);

    let changed = scene
        .done(
            "tasks.update",
            json!({"id": id, "dueOn": "2031-03-09", "dueTime": null, "repeat": null, "detail": "By phone"}),
        )
        .await;
    assert_eq!(
        (
            &changed["dueOn"],
            &changed["detail"],
            &changed["party"]["id"]
        ),
        (&json!("2031-03-09"), &json!("By phone"), &party)
    );
    assert_eq!(
        (changed.get("dueTime"), changed.get("repeat")),
        (None, None)
    );

    let listed = json!({"dueFrom": "2031-03-09", "dueTo": "2031-03-09", "owner": "rkaya", "relatedTo": {"party": party}});
    let found = scene.items("tasks.list-all", listed.clone()).await;
    assert_eq!(
        (found.len(), &found[0]["id"]),
        (1, &id),
        "one task is due on that day"
    );

    let done = scene.done("tasks.complete", json!({"id": id})).await;
    assert_eq!(
        (&done["status"], &done["completedBy"]),
        (&json!("COMPLETED"), &json!("rkaya"))
    );
    assert_eq!(
        scene.done("tasks.complete", json!({"id": id})).await,
        done,
        "once more is no change"
    );
    let timeline = scene
        .items("timeline.list-all", json!({"on": {"party": party}}))
        .await;
    let told = timeline
        .iter()
        .filter(|entry| entry["type"] == "task" && entry["content"] == "Send the offer");
    assert_eq!(told.count(), 1, "it stands on the timeline once");
    assert!(
        scene
            .items("tasks.list-all", listed.clone())
            .await
            .is_empty()
    );
    let mut all = listed;
    all["status"] = json!("all");
    assert_eq!(scene.items("tasks.list-all", all).await[0]["id"], id);

    let open = scene.done("tasks.reopen", json!({"id": id})).await;
    assert_eq!(
        (&open["status"], open.get("completedAt")),
        (&json!("OPEN"), None)
    );
    for state in ["deleted", "alreadyGone"] {
        assert_eq!(
            scene.done("tasks.delete", json!({"id": id})).await["state"],
            state
        );
    }
    let many = scene.done("tasks.get-many", json!({"ids": [id]})).await;
    assert_eq!(many, json!({"items": [], "missing": [id]}));
}

#[tokio::test]
async fn a_task_goes_over_to_another_record() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let sale = &scene.some("opportunities").await;
    let task = scene
        .done(
            "tasks.create",
            json!({"description": "Call", "dueOn": "2031-03-02", "relatedTo": {"party": party}}),
        )
        .await;
    let moved = scene
        .done(
            "tasks.update",
            json!({"id": task["id"], "relatedTo": {"opportunity": sale}}),
        )
        .await;
    assert_eq!(
        (&moved["opportunity"]["id"], moved.get("party")),
        (sale, None)
    );
    let alone = scene
        .done("tasks.update", json!({"id": task["id"], "relatedTo": null}))
        .await;
    assert_eq!((alone.get("opportunity"), alone.get("party")), (None, None));
}
