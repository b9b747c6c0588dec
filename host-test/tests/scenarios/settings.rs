use serde_json::{Value, json};

use crate::Scene;

#[tokio::test]
async fn every_list_of_settings_is_read() {
    let scene = Scene::new();
    for (id, least) in [
        ("settings.list-users", 4),
        ("settings.list-teams", 2),
        ("settings.list-pipelines", 1),
        ("settings.list-milestones", 3),
        ("settings.list-boards", 1),
        ("settings.list-stages", 2),
        ("settings.list-categories", 1),
        ("settings.list-activity-types", 6),
        ("settings.list-lost-reasons", 7),
        ("settings.list-titles", 9),
        ("settings.list-countries", 200),
        ("settings.list-currencies", 20),
        ("settings.list-goals", 0),
    ] {
        let items = scene.items(id, json!({})).await;
        assert!(items.len() >= least, "{id}: {}", items.len());
    }
    assert_eq!(
        scene.done("settings.get-site", json!({})).await["subdomain"],
        "northwind"
    );
    let user = scene.done("settings.get-current-user", json!({})).await;
    assert_eq!(user["username"], "rkaya");
    let members = scene
        .items("settings.list-teams", json!({"members": true}))
        .await;
    assert_eq!(members[0]["memberships"][0]["user"]["username"], "rkaya");
}

#[tokio::test]
async fn milestones_and_stages_are_those_of_what_is_named() {
    let scene = Scene::new();
    let pipelines = scene.items("settings.list-pipelines", json!({})).await;
    let all = scene.items("settings.list-milestones", json!({})).await;
    let mut counted = 0;
    for pipeline in &pipelines {
        let own = scene
            .items(
                "settings.list-milestones",
                json!({"pipeline": pipeline["name"]}),
            )
            .await;
        assert!(
            own.iter()
                .all(|one| one["pipeline"]["id"] == pipeline["id"])
        );
        counted += own.len();
    }
    assert_eq!(counted, all.len());
    let boards = scene.items("settings.list-boards", json!({})).await;
    let stages = scene
        .items("settings.list-stages", json!({"board": boards[0]["name"]}))
        .await;
    assert!(!stages.is_empty());
    assert!(
        stages
            .iter()
            .all(|stage| stage["board"]["id"] == boards[0]["id"] && stage["deleted"] == false)
    );
}

#[tokio::test]
async fn a_saved_filter_finds_the_same_by_id_by_name_and_in_pages() {
    let scene = Scene::new();
    for (entity, path, case) in [
        ("parties", "parties", "party"),
        ("opportunities", "opportunities", "opportunity"),
        ("projects", "kases", "project"),
    ] {
        let filter =
            json!({"conditions": [], "orderBy": [{"field": "name", "direction": "descending"}]});
        let id = scene.fake.save_filter(path, "By name", &filter).unwrap();
        let listed = scene
            .items("settings.list-saved-filters", json!({"entity": entity}))
            .await;
        assert!(listed.contains(&json!({"id": id, "name": "By name"})));
        let run = |more: Value| {
            let mut input = json!({"entity": entity, "filter": id});
            input
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            scene.done("settings.run-saved-filter", input)
        };
        let whole = run(json!({"limit": 500, "embed": {"tags": true}})).await;
        let items = whole["items"].as_array().unwrap();
        assert_eq!(whole["total"], items.len());
        assert!(items.iter().all(|item| item[case]["tags"].is_array()));
        let named = run(json!({"filter": "by NAME", "limit": 500, "embed": {"tags": true}})).await;
        assert_eq!(named["items"], whole["items"]);
        let mut walked = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let page = run(json!({"limit": 7, "cursor": cursor, "embed": {"tags": true}})).await;
            walked.extend(page["items"].as_array().unwrap().clone());
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(Value::from(walked), whole["items"]);
    }
}
