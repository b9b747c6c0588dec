use serde_json::json;

use crate::Scene;

#[tokio::test]
async fn a_note_is_added_changed_and_gone() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let note = scene
        .done(
            "timeline.add-note",
            json!({
                "on": {"party": party}, "content": "Likes figs", "activityType": "Call", "entryAt": "2031-02-01T08:00:00Z",
                "embed": {"party": true},
            }),
        )
        .await;
    let id = note["id"].clone();
    assert_eq!(
        (
            &note["type"],
            &note["activityType"]["id"],
            &note["party"]["id"]
        ),
        (&json!("note"), &json!(-3), &party)
    );
    let changed = scene
        .done(
            "timeline.update",
            json!({"id": id, "content": "Likes dates", "activityType": -2}),
        )
        .await;
    assert_eq!(
        (&changed["content"], &changed["activityType"]["name"]),
        (&json!("Likes dates"), &json!("Meeting"))
    );
    assert_eq!(scene.done("timeline.get", json!({"id": id})).await, changed);
    for input in [
        json!({"on": {"party": party}, "limit": 1}),
        json!({"limit": 1}),
    ] {
        let newest = scene.items("timeline.list-all", input).await;
        assert_eq!((newest.len(), &newest[0]["id"]), (1, &id));
    }
    assert!(
        scene
            .call("timeline.update", json!({"id": id, "subject": "Figs"}))
            .await
            .is_err(),
        "a note has no subject"
    );
    for state in ["deleted", "alreadyGone"] {
        assert_eq!(
            scene.done("timeline.delete", json!({"id": id})).await["state"],
            state
        );
    }
    assert!(scene.call("timeline.get", json!({"id": id})).await.is_err());
}

#[tokio::test]
async fn a_long_timeline_is_read_to_its_end() {
    let scene = Scene::new();
    let kase = scene.some("projects").await;
    for number in 0..60 {
        let content = format!("Note {number}");
        scene
            .done(
                "timeline.add-note",
                json!({"on": {"kase": kase}, "content": content}),
            )
            .await;
    }
    let all = scene
        .items(
            "timeline.list-all",
            json!({"on": {"kase": kase}, "limit": 500}),
        )
        .await;
    let notes = all.iter().filter(|entry| {
        entry["content"]
            .as_str()
            .is_some_and(|text| text.starts_with("Note "))
    });
    assert_eq!(notes.count(), 60);
}
