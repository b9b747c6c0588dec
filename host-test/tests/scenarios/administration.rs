use serde_json::{Value, json};

use crate::Scene;

/// Creates, changes, lists and deletes one. What a list shows afterwards.
async fn walk(scene: &Scene, thing: &str, list: &str, new: Value, change: Value) {
    let made = scene
        .done(&format!("administration.create-{thing}"), new)
        .await;
    let id = made["id"].clone();
    let mut update = change.clone();
    update["id"] = id.clone();
    let changed = scene
        .done(&format!("administration.update-{thing}"), update)
        .await;
    for (key, value) in change.as_object().unwrap() {
        assert_eq!(&changed[key], value, "{thing}.{key}");
    }
    let listed = scene.items(list, json!({})).await;
    assert!(listed.iter().any(|one| one["id"] == id), "{thing}");
    for again in [false, true] {
        // What is archived stays where it is, and so does a stage in the fake.
        let state = match (thing, again) {
            ("pipeline" | "board", _) => "archived",
            ("stage", _) | (_, false) => "deleted",
            (_, true) => "alreadyGone",
        };
        let gone = scene
            .done(&format!("administration.delete-{thing}"), json!({"id": id}))
            .await;
        assert_eq!(gone, json!({"id": id, "state": state}), "{thing}");
    }
    let left = scene.items(list, json!({})).await;
    assert!(!left.iter().any(|one| one["id"] == id), "{thing}");
}

#[tokio::test]
async fn each_setting_is_created_changed_listed_and_deleted() {
    let scene = Scene::new();
    let pipeline = scene.items("settings.list-pipelines", json!({})).await[0]["name"].clone();
    let board = scene.items("settings.list-boards", json!({})).await[0]["name"].clone();
    for (thing, list, new, change) in [
        (
            "pipeline",
            "settings.list-pipelines",
            json!({"name": "A"}),
            json!({"name": "B", "description": "C"}),
        ),
        (
            "milestone",
            "settings.list-milestones",
            json!({"pipeline": pipeline, "name": "A", "probability": 10}),
            json!({"probability": 20, "daysUntilStale": 3}),
        ),
        (
            "board",
            "settings.list-boards",
            json!({"name": "A"}),
            json!({"name": "B"}),
        ),
        (
            "stage",
            "settings.list-stages",
            json!({"board": board, "name": "A"}),
            json!({"displayOrder": 9}),
        ),
        (
            "category",
            "settings.list-categories",
            json!({"name": "A", "colour": "#00ff00"}),
            json!({"colour": "#0000ff"}),
        ),
        (
            "activity-type",
            "settings.list-activity-types",
            json!({"name": "A", "icon": "MEETING"}),
            json!({"name": "B", "updateLastContacted": true}),
        ),
        (
            "lost-reason",
            "settings.list-lost-reasons",
            json!({"name": "A"}),
            json!({"includedForConversion": true}),
        ),
    ] {
        walk(&scene, thing, list, new, change).await;
    }
}

#[tokio::test]
async fn a_pipeline_is_archived_restored_and_duplicated() {
    let scene = Scene::new();
    let made = scene
        .done(
            "administration.create-pipeline",
            json!({"name": "Renewals"}),
        )
        .await;
    let id = json!({"id": made["id"]});
    scene
        .done("administration.delete-pipeline", id.clone())
        .await;
    let all = scene
        .items("settings.list-pipelines", json!({"includeArchived": true}))
        .await;
    assert!(
        all.iter()
            .any(|one| one["id"] == made["id"] && one["deleted"] == true)
    );
    let restored = scene
        .done("administration.restore-pipeline", id.clone())
        .await;
    assert_eq!(restored["deleted"], false);
    let copy = scene.done("administration.duplicate-pipeline", id).await;
    assert_ne!(copy["id"], made["id"]);
    let milestones = scene
        .items("settings.list-milestones", json!({"pipeline": copy["id"]}))
        .await;
    assert_eq!(milestones.len(), 2, "won and lost");
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let scene = Scene::new();
    let title = scene
        .done("administration.create-title", json!({"title": "Baroness"}))
        .await;
    scene
        .done(
            "people.create",
            json!({"lastName": "Ada", "title": "Baroness"}),
        )
        .await;
    let refused = scene
        .call("administration.delete-title", json!({"id": title["id"]}))
        .await;
    assert!(format!("{refused:?}").contains("Conflict"), "{refused:?}");
}

#[tokio::test]
async fn the_tasks_of_a_track_definition_are_merged_removed_and_replaced() {
    let scene = Scene::new();
    let task = |description: &str, days: u64| json!({"description": description, "daysAfterRule": "TRACK_START", "daysAfter": days, "dayDelayRule": "TRACK_DAYS"});
    let new = json!({"description": "Onboarding", "captureRule": "CASEFILE", "direction": "START_DATE",
                     "taskDefinitions": [task("Call", 1), task("Write", 2)]});
    let made = scene
        .done("administration.create-track-definition", new)
        .await;
    let told = |definition: &Value| -> Vec<(Value, Value)> {
        definition["taskDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (task["description"].clone(), task["daysAfter"].clone()))
            .collect()
    };
    let change = |changes: Value| {
        scene.done(
            "administration.update-track-definition",
            json!({"id": made["id"], "taskDefinitions": changes}),
        )
    };
    let merge = json!({"merge": [task("Call", 5), task("Visit", 3)], "remove": ["Write"]});
    for _ in 0..2 {
        let merged = change(merge.clone()).await;
        assert_eq!(
            told(&merged),
            [(json!("Call"), json!(5)), (json!("Visit"), json!(3))],
            "twice is once"
        );
    }
    let replaced = change(json!({"replace": [task("Visit", 4)]})).await;
    assert_eq!(told(&replaced), [(json!("Visit"), json!(4))]);
    let gone = scene
        .done(
            "administration.delete-track-definition",
            json!({"id": made["id"]}),
        )
        .await;
    assert_eq!(gone["state"], "deleted");
}

#[tokio::test]
async fn preferences_are_changed_with_their_scope_and_settings_by_administrators() {
    let scene = Scene::new();
    let user = scene.done("settings.get-current-user", json!({})).await;
    let input = json!({"id": user["id"], "timezone": "Europe/Lisbon", "taskReminder": false});
    let changed = scene
        .done("administration.update-user", input.clone())
        .await;
    assert_eq!(
        (&changed["timezone"], &changed["taskReminder"]),
        (&json!("Europe/Lisbon"), &json!(false))
    );
    let member = scene.fake.issue_token("jnovak", "read write").access;
    let member = Scene::with(scene.fake.clone(), &member);
    for (id, input) in [
        ("administration.update-user", input),
        ("administration.create-board", json!({"name": "A"})),
    ] {
        let refused = member.call(id, input).await;
        assert!(
            format!("{refused:?}").contains("Forbidden"),
            "{id}: {refused:?}"
        );
    }
}
