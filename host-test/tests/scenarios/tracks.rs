use serde_json::{Value, json};

use crate::{Scene, tags_of};

/// Applies the track of seeded projects to one. The project and the track.
async fn onboarding(scene: &Scene) -> (Value, Value) {
    let party = scene.some("parties").await;
    let project = scene
        .done(
            "projects.create",
            json!({"party": party, "name": "Fit-out", "owner": "jnovak"}),
        )
        .await["id"]
        .clone();
    let input = json!({"definition": "onboarding", "on": {"kase": project}, "trackDateOn": "2031-02-03", "embed": {"tasks": true}});
    let track = scene.done("tracks.apply", input).await;
    (project, track)
}

#[tokio::test]
async fn a_track_puts_its_tasks_and_tags_on_the_record() {
    let scene = Scene::new();
    let (project, track) = onboarding(&scene).await;
    assert_eq!(
        (&track["description"], &track["trackDateOn"]),
        (&json!("Onboarding"), &json!("2031-02-03"))
    );
    let tasks = track["tasks"].as_array().unwrap();
    assert_eq!(
        (tasks.len(), &tasks[0]["dueOn"], &tasks[1]["dueOn"]),
        (3, &json!("2031-02-03"), &json!("2031-02-06"))
    );
    let listed = scene
        .ids(
            "tasks.list-all",
            json!({"relatedTo": {"kase": project}, "status": "all"}),
        )
        .await;
    assert!(tasks.iter().all(|task| listed.contains(&task["id"])));
    let read = json!({"id": project, "embed": {"tags": true}});
    let read = scene.done("projects.get", read).await;
    assert_eq!(tags_of(&read), ["Billable", "Onboarding"]);
}

#[tokio::test]
async fn a_track_is_listed_read_changed_and_removed_with_its_tasks() {
    let scene = Scene::new();
    let (project, track) = onboarding(&scene).await;
    let id = &track["id"];
    let whole = json!({"id": id, "embed": {"tasks": true}});
    assert_eq!(scene.done("tracks.get", whole).await, track);
    let on = json!({"on": {"kase": project}});
    assert_eq!(
        scene.ids("tracks.list-all", on.clone()).await,
        std::slice::from_ref(id)
    );
    let change =
        json!({"id": id, "description": "Onboarding of Lagoa Foods", "trackDateOn": "2031-03-03"});
    scene.done("tracks.update", change).await;
    let read = scene.done("tracks.get", json!({"id": id})).await;
    assert_eq!(
        (&read["description"], &read["trackDateOn"]),
        (&json!("Onboarding of Lagoa Foods"), &json!("2031-03-03"))
    );
    for state in ["deleted", "alreadyGone"] {
        let gone = scene.done("tracks.remove", json!({"id": id})).await;
        assert_eq!(gone, json!({"id": id, "state": state}));
    }
    assert!(scene.items("tracks.list-all", on).await.is_empty());
    let ids: Vec<_> = track["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["id"].clone())
        .collect();
    let tasks = scene.done("tasks.get-many", json!({"ids": ids})).await;
    assert_eq!(tasks, json!({"items": [], "missing": ids}));
}

#[tokio::test]
async fn tracks_are_offered_by_kind_of_record_and_refused_on_others() {
    let scene = Scene::new();
    for (entity, expected) in [
        (Value::Null, vec!["Proposal", "Onboarding"]),
        (json!("opportunities"), vec!["Proposal"]),
        (json!("projects"), vec!["Onboarding"]),
        (json!("parties"), vec![]),
    ] {
        let listed = scene
            .items("tracks.list-definitions", json!({"entity": entity}))
            .await;
        let names: Vec<_> = listed
            .iter()
            .filter_map(|one| one["description"].as_str())
            .collect();
        assert_eq!(names, expected, "{entity}");
    }
    let sale = scene.some("opportunities").await;
    let input = json!({"definition": "Onboarding", "on": {"opportunity": sale}});
    assert_eq!(scene.pointers("tracks.apply", input).await, ["/definition"]);
}
