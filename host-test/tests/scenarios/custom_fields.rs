use serde_json::{Value, json};

use crate::{Scene, tags_of};

/// A value of each type, and what is read back of it.
fn of_each_type() -> [(&'static str, Value, Value); 7] {
    let same = |kind, value: Value| (kind, value.clone(), value);
    [
        same("text", json!("Porto 7")),
        same("date", json!("2031-02-28")),
        same("list", json!("APAC")),
        same("multiselectlist", json!(["EMEA", "APAC"])),
        same("boolean", json!(false)),
        ("number", json!("12.50"), json!(12.5)),
        same("link", json!("https://lagoa.example/{id}")),
    ]
}

#[tokio::test]
async fn a_field_of_each_type_is_created_set_and_read_back_on_every_kind_of_record() {
    let scene = Scene::new();
    for (case, entity, output) in [
        ("party", "parties", "party"),
        ("opportunity", "opportunities", "opportunity"),
        ("kase", "projects", "project"),
    ] {
        let record = scene.some(entity).await;
        let (mut set, mut read) = (json!({}), json!({}));
        for (kind, value, back) in of_each_type() {
            let options = if kind.contains("list") {
                json!(["EMEA", "APAC"])
            } else {
                json!([])
            };
            let name = format!("New {kind}");
            let input = json!({"entity": entity, "name": name, "type": kind, "options": options, "description": "For the test"});
            let made = scene.done("custom-fields.create-definition", input).await;
            assert_eq!(
                (&made["name"], &made["type"], &made["options"]),
                (&json!(name), &json!(kind), &options)
            );
            set[name] = value;
            read[made["id"].to_string()] = back;
        }
        let input = json!({"on": {case: record}, "fields": set});
        let whole = scene.done("custom-fields.set", input).await;
        let whole = &whole[output];
        for (field, value) in read.as_object().unwrap() {
            assert_eq!(&whole["fields"][field], value, "{entity}");
        }
        let embed = json!({"fields": true, "tags": true});
        let mut again = scene
            .done(
                &format!("{entity}.get"),
                json!({"id": record, "embed": embed}),
            )
            .await;
        again
            .as_object_mut()
            .unwrap()
            .retain(|key, _| key == "fields");
        assert_eq!(again["fields"], whole["fields"], "{entity}");
    }
}

#[tokio::test]
async fn what_is_not_named_stays_and_null_clears() {
    let scene = Scene::new();
    let on = json!({"party": scene.some("parties").await});
    let set = |fields: Value| scene.done("custom-fields.set", json!({"on": on, "fields": fields}));
    set(json!({"Level": "silver", "External ID": "X-1", "Interests": ["cheese"]})).await;
    let left = set(json!({"Level": null})).await;
    let fields = &left["party"]["fields"];
    let (level, id, interests) = (
        scene.field("parties", "Level").await,
        scene.field("parties", "External ID").await,
        scene.field("parties", "Interests").await,
    );
    assert_eq!(
        (fields.get(level), &fields[id], &fields[interests]),
        (None, &json!("X-1"), &json!(["Cheese"])),
        "options as the account spells them"
    );
}

#[tokio::test]
async fn a_field_of_a_data_tag_puts_its_tag_on_the_record() {
    let scene = Scene::new();
    let party = scene
        .done("people.create", json!({"lastName": "Duarte"}))
        .await;
    let input = json!({"on": {"party": party["id"]}, "fields": {"Contract number": "C-1"}});
    for _ in 0..2 {
        let set = scene.done("custom-fields.set", input.clone()).await;
        assert_eq!(tags_of(&set["party"]), ["Customer"]);
    }
}

#[tokio::test]
async fn what_does_not_fit_a_field_is_told_before_anything_is_changed() {
    let scene = Scene::new();
    let on = json!({"party": scene.some("parties").await});
    let changes = scene.fake.changes().len();
    let fields = json!({"Level": "Platinum", "Birthday": "yesterday", "Newsletter consent": null, "Nope": 1, "External ID": "X-1"});
    let mut told = scene
        .pointers("custom-fields.set", json!({"on": on, "fields": fields}))
        .await;
    told.sort();
    assert_eq!(
        told,
        [
            "/fields/Birthday",
            "/fields/Level",
            "/fields/Newsletter consent",
            "/fields/Nope"
        ]
    );
    assert_eq!(scene.fake.changes().len(), changes);
}

#[tokio::test]
async fn a_definition_is_found_by_name_changed_listed_and_gone() {
    let scene = Scene::new();
    let new = json!({"entity": "parties", "name": "Region", "type": "list", "options": ["EMEA"], "captureRule": "organisation", "tag": "Customer", "important": true});
    let made = scene.done("custom-fields.create-definition", new).await;
    assert_eq!(
        (
            &made["captureRule"],
            &made["tag"]["name"],
            &made["important"]
        ),
        (&json!("organisation"), &json!("Customer"), &json!(true))
    );
    let asked = json!({"entity": "parties", "definition": "REGION"});
    assert_eq!(
        scene
            .done("custom-fields.get-definition", asked.clone())
            .await,
        made
    );
    let change = json!({"entity": "parties", "id": made["id"], "name": "Sales region", "options": ["EMEA", "APAC"], "captureRule": null, "tag": null, "important": false});
    let changed = scene.done("custom-fields.update-definition", change).await;
    assert_eq!(
        (&changed["name"], &changed["options"], &changed["important"]),
        (
            &json!("Sales region"),
            &json!(["EMEA", "APAC"]),
            &json!(false)
        )
    );
    assert_eq!(
        (changed.get("captureRule"), changed.get("tag")),
        (None, None)
    );
    let list = json!({"entity": "parties", "limit": 500});
    let listed = scene
        .items("custom-fields.list-definitions", list.clone())
        .await;
    assert!(listed.contains(&changed));

    let party = scene.some("parties").await;
    let set = json!({"on": {"party": party}, "fields": {"Sales region": "APAC"}});
    let set = scene.done("custom-fields.set", set).await;
    let key = made["id"].to_string();
    assert_eq!(set["party"]["fields"][&key], "APAC");
    let which = json!({"entity": "parties", "id": made["id"]});
    for state in ["deleted", "alreadyGone"] {
        let gone = scene
            .done("custom-fields.delete-definition", which.clone())
            .await;
        assert_eq!(gone["state"], state);
    }
    let left = scene.ids("custom-fields.list-definitions", list).await;
    assert!(!left.contains(&made["id"]));
    let read = json!({"id": party, "embed": {"fields": true}});
    let read = scene.done("parties.get", read).await;
    assert_eq!(read["fields"].get(&key), None, "its values go with it");
}
