use serde_json::{Value, json};

use crate::{Scene, tags_of};

/// A new project of a party, with what is different here.
fn new(party: &Value, changes: Value) -> Value {
    let mut input = json!({"party": party, "name": "Fit-out", "stage": "Planning"});
    input
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    input
}

async fn create(scene: &Scene, changes: Value) -> Value {
    let party = scene.some("parties").await;
    scene.done("projects.create", new(&party, changes)).await
}

#[tokio::test]
async fn a_project_is_read_back_as_it_was_created() {
    let scene = Scene::new();
    let parties = scene.ids("parties.list-all", json!({"limit": 2})).await;
    let sale = scene
        .done(
            "opportunities.create",
            json!({"party": parties[0], "name": "Figs", "milestone": "Bid"}),
        )
        .await;
    let input = new(
        &parties[0],
        json!({
            "opportunity": sale["id"], "description": "Two shops", "board": "support", "stage": "waiting", "startOn": "2031-02-01",
            "expectedCloseOn": "2031-03-01", "owner": "jnovak", "tags": ["billable", "Winter"],
            "fields": {"External ID": "P-1", "Billable hours": 7.5}, "tracks": ["onboarding"], "additionalParties": [parties[1]],
        }),
    );
    let made = scene.done("projects.create", input.clone()).await;
    let embed = json!({"tags": true, "fields": true, "webUrl": true});
    let read = scene
        .done("projects.get", json!({"id": made["id"], "embed": embed}))
        .await;
    for key in ["name", "description", "startOn", "expectedCloseOn"] {
        assert_eq!(read[key], input[key], "{key}");
    }
    assert_eq!(
        (&read["party"]["id"], &read["opportunity"]["id"]),
        (&parties[0], &sale["id"])
    );
    assert_eq!(
        (
            &read["stage"]["name"],
            &read["status"],
            &read["owner"]["username"],
            &read["team"]["name"]
        ),
        (
            &json!("Waiting"),
            &json!("OPEN"),
            &json!("jnovak"),
            &json!("Delivery")
        ),
        "the team is that of the board"
    );
    assert_eq!(
        tags_of(&read),
        ["Billable", "Onboarding", "Winter"],
        "with the tags of the track"
    );
    for name in ["External ID", "Billable hours"] {
        let field = scene.field("projects", name).await;
        assert_eq!(read["fields"][field], input["fields"][name], "{name}");
    }
    assert_eq!(
        read["webUrl"],
        format!("https://northwind.capsulecrm.com/kase/{}", made["id"])
    );
    assert_eq!(
        scene
            .ids("projects.list-parties", json!({"id": made["id"]}))
            .await,
        [parties[1].clone()]
    );
}

#[tokio::test]
async fn a_change_of_the_owner_keeps_the_team_and_the_other_way_round() {
    let scene = Scene::new();
    let id = create(&scene, json!({"owner": "rkaya", "team": "Sales"})).await["id"].clone();
    let change = |changes: Value| {
        let mut input = json!({ "id": id });
        input
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        scene.done("projects.update", input)
    };
    let owned = change(json!({"owner": "jnovak"})).await;
    assert_eq!(
        (&owned["owner"]["username"], &owned["team"]["name"]),
        (&json!("jnovak"), &json!("Sales"))
    );
    let teamed = change(json!({"team": "Delivery"})).await;
    assert_eq!(
        (&teamed["owner"]["username"], &teamed["team"]["name"]),
        (&json!("jnovak"), &json!("Delivery"))
    );
    let nobody = change(json!({"owner": null})).await;
    assert_eq!(
        (nobody.get("owner"), &nobody["team"]["name"]),
        (None, &json!("Delivery"))
    );
}

#[tokio::test]
async fn an_update_leaves_what_it_does_not_name() {
    let scene = Scene::new();
    let made = create(
        &scene,
        json!({"description": "Two shops", "startOn": "2031-02-01", "tags": ["Billable"], "fields": {"Billable hours": 7.5}}),
    )
    .await;
    let change = json!({"id": made["id"], "description": null, "expectedCloseOn": "2031-06-30", "tags": {"replace": ["Winter"]},
                        "fields": {"Billable hours": 8}, "embed": {"tags": true, "fields": true}});
    let hours = scene.field("projects", "Billable hours").await;
    for _ in 0..2 {
        let changed = scene.done("projects.update", change.clone()).await;
        assert_eq!(
            (
                changed.get("description"),
                &changed["startOn"],
                &changed["expectedCloseOn"]
            ),
            (None, &json!("2031-02-01"), &json!("2031-06-30"))
        );
        assert_eq!(
            (&changed["stage"], &changed["name"]),
            (&made["stage"], &made["name"])
        );
        assert_eq!(tags_of(&changed), ["Winter"]);
        assert_eq!(changed["fields"][&hours], 8);
    }
}

#[tokio::test]
async fn a_project_is_moved_closed_and_opened_again() {
    let scene = Scene::new();
    let id = create(&scene, json!({})).await["id"].clone();
    let moved = scene
        .done("projects.move", json!({"id": id, "stage": "review"}))
        .await;
    assert_eq!(moved["stage"]["name"], "Review");
    let elsewhere = json!({"id": id, "stage": "Solved"});
    assert_eq!(
        scene.pointers("projects.move", elsewhere.clone()).await,
        ["/stage"],
        "of another board"
    );
    let mut across = elsewhere;
    across["acrossBoards"] = json!(true);
    let moved = scene.done("projects.move", across).await;
    assert_eq!(moved["stage"]["name"], "Solved");
    for (operation, status) in [
        ("close", "CLOSED"),
        ("close", "CLOSED"),
        ("reopen", "OPEN"),
        ("reopen", "OPEN"),
    ] {
        let done = scene
            .done(&format!("projects.{operation}"), json!({"id": id}))
            .await;
        assert_eq!(
            (&done["status"], done.get("closedOn").is_some()),
            (&json!(status), status == "CLOSED")
        );
    }
    let changes = scene.fake.changes();
    let closed = changes
        .iter()
        .filter(|change| change.event == "kase/closed" && json!(change.id) == id);
    assert_eq!(closed.count(), 1, "closing twice is closing once");
}

#[tokio::test]
async fn parties_come_beside_the_main_contact_and_go() {
    let scene = Scene::new();
    let parties = scene.ids("parties.list-all", json!({"limit": 2})).await;
    let made = scene
        .done("projects.create", new(&parties[0], json!({})))
        .await;
    let of = json!({"id": made["id"]});
    for (operation, state, listed) in [
        ("add-party", "added", 1),
        ("add-party", "alreadyThere", 1),
        ("remove-party", "removed", 0),
        ("remove-party", "alreadyGone", 0),
    ] {
        let input = json!({"id": made["id"], "party": parties[1]});
        let outcome = scene.done(&format!("projects.{operation}"), input).await;
        assert_eq!(outcome["state"], state, "{operation}");
        let there = scene.ids("projects.list-parties", of.clone()).await;
        assert_eq!(there.len(), listed, "{operation}");
    }
}

#[tokio::test]
async fn projects_are_listed_searched_filtered_and_read_together() {
    let scene = Scene::new();
    let mut made = Vec::new();
    for (name, stage) in [
        ("Northern shop", "Planning"),
        ("Southern shop", "Monitor"),
        ("Western shop", "Monitor"),
    ] {
        let one = create(&scene, json!({"name": name, "stage": stage})).await;
        made.push(one["id"].clone());
    }
    let all = scene.ids("projects.list-all", json!({"limit": 500})).await;
    assert!(made.iter().all(|id| all.contains(id)));
    assert_eq!(scene.walked("projects.list-all", json!({}), 2).await, all);
    assert_eq!(
        scene.ids("projects.search", json!({"q": "shop"})).await,
        made
    );
    let filter = json!({
        "conditions": [{"field": "stage", "operator": "is", "value": "monitor"}, {"field": "name", "operator": "ends with", "value": "shop"}],
        "orderBy": [{"field": "name", "direction": "descending"}],
    });
    assert_eq!(
        scene.ids("projects.filter", filter).await,
        [made[2].clone(), made[1].clone()]
    );
    let many = scene
        .done(
            "projects.get-many",
            json!({"ids": [made[2], 999_999, made[0]]}),
        )
        .await;
    let read: Vec<_> = many["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(
        (read, &many["missing"]),
        (vec![&made[2], &made[0]], &json!([999_999]))
    );
}

#[tokio::test]
async fn an_upsert_creates_then_changes_nothing_then_changes() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let upsert = |operation: &str, changes: Value| {
        let input = json!({"matchBy": ["name"], "project": new(&party, changes)});
        scene.done(&format!("projects.{operation}"), input)
    };
    let created = upsert("upsert", json!({"owner": "rkaya", "team": "Sales"})).await;
    assert_eq!(created["action"], "created");
    let id = &created["project"]["id"];
    for (operation, changes, action, owner) in [
        ("upsert", json!({"owner": "rkaya"}), "unchanged", "rkaya"),
        (
            "find-or-create",
            json!({"owner": "osullivan"}),
            "unchanged",
            "rkaya",
        ),
        (
            "upsert",
            json!({"owner": "osullivan"}),
            "updated",
            "osullivan",
        ),
    ] {
        let done = upsert(operation, changes).await;
        assert_eq!(
            (&done["action"], &done["project"]["id"]),
            (&json!(action), id),
            "{operation}"
        );
        let read = scene.done("projects.get", json!({"id": id})).await;
        assert_eq!(
            (&read["owner"]["username"], &read["team"]["name"]),
            (&json!(owner), &json!("Sales")),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_deleted_project_is_gone_with_its_timeline() {
    let scene = Scene::new();
    let id = create(&scene, json!({})).await["id"].clone();
    let note = scene
        .done(
            "timeline.add-note",
            json!({"on": {"kase": id}, "content": "Begun"}),
        )
        .await;
    assert_eq!(
        scene.ids("projects.list-entries", json!({"id": id})).await,
        [note["id"].clone()]
    );
    for state in ["deleted", "alreadyGone"] {
        let gone = scene.done("projects.delete", json!({"id": id})).await;
        assert_eq!(gone, json!({"id": id, "state": state}));
    }
    for (operation, id) in [("projects.get", &id), ("timeline.get", &note["id"])] {
        let (case, _) = scene.refused(operation, json!({"id": id})).await;
        assert_eq!(case, "permanent.notFound", "{operation}");
    }
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    assert_eq!(scene.ids("projects.list-deleted", since).await, [id]);
}
