use serde_json::{Value, json};

use crate::Scene;

/// The names of the tags of the record that an answer gives.
fn names(answer: &Value) -> Vec<&str> {
    let record = answer.as_object().and_then(|cases| cases.values().next());
    record.unwrap()["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect()
}

#[tokio::test]
async fn tags_go_on_and_off_records_of_every_kind() {
    let scene = Scene::new();
    for (case, entity) in [
        ("party", "parties"),
        ("opportunity", "opportunities"),
        ("kase", "projects"),
    ] {
        let id = scene.some(entity).await;
        let on = json!({ case: id });
        let add = json!({"on": on, "tags": ["Brand new", "brand NEW"]});
        let first = scene.done("tags.add", add.clone()).await;
        assert!(names(&first).contains(&"Brand new"), "{first}");
        let again = scene.done("tags.add", add).await;
        assert_eq!(names(&again), names(&first), "once more is no change");
        let known = scene
            .items("tags.list-all", json!({"entity": entity, "limit": 500}))
            .await;
        let tag = known
            .iter()
            .find(|tag| tag["name"] == "Brand new")
            .unwrap_or_else(|| panic!("it was made of {entity}"));
        for by in [json!("BRAND NEW"), tag["id"].clone(), json!("Never seen")] {
            let left = scene
                .done("tags.remove", json!({"on": on, "tags": [by]}))
                .await;
            assert!(!names(&left).contains(&"Brand new"), "{left}");
        }
    }
}

#[tokio::test]
async fn a_tag_is_created_renamed_and_gone() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let tag = scene
        .done(
            "tags.create",
            json!({"entity": "parties", "name": "Harvest", "description": "Buys in autumn"}),
        )
        .await;
    assert_eq!(tag["dataTag"], false);
    scene
        .done(
            "tags.add",
            json!({"on": {"party": party}, "tags": [tag["id"]]}),
        )
        .await;
    let renamed = scene
        .done(
            "tags.update",
            json!({"entity": "parties", "id": tag["id"], "name": "Vintage", "description": null}),
        )
        .await;
    assert_eq!(
        (&renamed["name"], renamed.get("description")),
        (&json!("Vintage"), None)
    );
    let on = scene
        .done("tags.add", json!({"on": {"party": party}, "tags": []}))
        .await;
    assert!(names(&on).contains(&"Vintage"), "{on}");
    let which = json!({"entity": "parties", "id": tag["id"]});
    let gone = scene.done("tags.delete", which.clone()).await;
    assert!(
        gone["state"] == "deleted" || gone["state"] == "scheduled",
        "{gone}"
    );
    assert_eq!(
        scene.done("tags.delete", which).await["state"],
        "alreadyGone"
    );
    let on = scene
        .done("tags.add", json!({"on": {"party": party}, "tags": []}))
        .await;
    assert!(!names(&on).contains(&"Vintage"), "{on}");
}

#[tokio::test]
async fn each_kind_of_record_has_tags_of_its_own() {
    let scene = Scene::new();
    let list = |entity: &str| scene.items("tags.list-all", json!({"entity": entity, "limit": 500}));
    let made = scene
        .done(
            "tags.create",
            json!({"entity": "projects", "name": "Harvest", "dataTag": true}),
        )
        .await;
    assert_eq!(made["dataTag"], true);
    assert!(list("projects").await.contains(&made));
    for entity in ["parties", "opportunities"] {
        let others = list(entity).await;
        assert!(
            !others.iter().any(|tag| tag["name"] == "Harvest"),
            "{entity}"
        );
    }
}
