use serde_json::{Value, json};

use crate::{Scene, tags_of};

/// A new opportunity of a party, with what is different here.
fn new(party: &Value, changes: Value) -> Value {
    let mut input = json!({"party": party, "name": "Yearly supply", "milestone": "Bid"});
    input
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    input
}

async fn create(scene: &Scene, changes: Value) -> Value {
    let party = scene.some("parties").await;
    scene
        .done("opportunities.create", new(&party, changes))
        .await
}

#[tokio::test]
async fn an_opportunity_is_read_back_as_it_was_created() {
    let scene = Scene::new();
    let parties = scene.ids("parties.list-all", json!({"limit": 2})).await;
    let input = new(
        &parties[0],
        json!({
            "pipeline": "renewals", "milestone": "offered", "description": "Figs", "value": {"amount": 1200.5, "currency": "EUR"},
            "durationBasis": "MONTH", "duration": 12, "probability": 65, "expectedCloseOn": "2031-06-30", "owner": "jnovak", "team": "Delivery",
            "tags": ["urgent"], "fields": {"External ID": "O-1", "Tender closes": "2031-01-31"}, "tracks": ["proposal"],
            "additionalParties": [parties[1]],
        }),
    );
    let made = scene.done("opportunities.create", input.clone()).await;
    let embed = json!({"tags": true, "fields": true, "webUrl": true});
    let read = scene
        .done(
            "opportunities.get",
            json!({"id": made["id"], "embed": embed}),
        )
        .await;
    for key in [
        "name",
        "description",
        "value",
        "durationBasis",
        "duration",
        "probability",
        "expectedCloseOn",
    ] {
        assert_eq!(read[key], input[key], "{key}");
    }
    assert_eq!(
        (
            &read["party"]["id"],
            &read["milestone"]["name"],
            &read["owner"]["username"],
            &read["team"]["name"]
        ),
        (
            &parties[0],
            &json!("Offered"),
            &json!("jnovak"),
            &json!("Delivery")
        )
    );
    assert_eq!(
        tags_of(&read),
        ["Tender", "Urgent"],
        "with the tag of the tender's date"
    );
    for name in ["External ID", "Tender closes"] {
        let field = scene.field("opportunities", name).await;
        assert_eq!(read["fields"][field], input["fields"][name], "{name}");
    }
    assert_eq!(
        read["webUrl"],
        format!(
            "https://northwind.capsulecrm.com/opportunity/{}",
            made["id"]
        )
    );
    let of = json!({"id": made["id"]});
    assert_eq!(
        scene.ids("opportunities.list-parties", of).await,
        [parties[1].clone()]
    );
    let tracks = scene
        .items(
            "tracks.list-all",
            json!({"on": {"opportunity": made["id"]}}),
        )
        .await;
    assert_eq!(
        (tracks.len(), &tracks[0]["description"]),
        (1, &json!("Proposal"))
    );
}

#[tokio::test]
async fn an_update_leaves_what_it_does_not_name() {
    let scene = Scene::new();
    let made = create(
        &scene,
        json!({"description": "Figs", "value": {"amount": 5, "currency": "GBP"}, "tags": ["Urgent"], "fields": {"External ID": "O-1"}}),
    )
    .await;
    let change = json!({"id": made["id"], "description": null, "expectedCloseOn": "2031-06-30", "milestone": "Negotiation",
                        "tags": {"add": ["Key account"], "remove": ["urgent"]}, "fields": {"External ID": null}, "embed": {"tags": true, "fields": true}});
    for _ in 0..2 {
        let changed = scene.done("opportunities.update", change.clone()).await;
        assert_eq!(
            (changed.get("description"), &changed["expectedCloseOn"]),
            (None, &json!("2031-06-30"))
        );
        assert_eq!(
            (&changed["milestone"]["name"], &changed["value"]["amount"]),
            (&json!("Negotiation"), &json!(5))
        );
        assert_eq!(
            (&changed["name"], &changed["owner"]),
            (&made["name"], &made["owner"])
        );
        assert_eq!(tags_of(&changed), ["Key account"]);
        assert_eq!(changed["fields"], json!({}));
    }
}

#[tokio::test]
async fn an_opportunity_is_moved_won_reopened_and_lost() {
    let scene = Scene::new();
    let id = create(&scene, json!({})).await["id"].clone();
    let here = json!({ "id": id });
    let moved = scene
        .done(
            "opportunities.move",
            json!({"id": id, "milestone": "Negotiation"}),
        )
        .await;
    assert_eq!(
        (&moved["milestone"]["name"], &moved["probability"]),
        (&json!("Negotiation"), &json!(75))
    );
    for _ in 0..2 {
        let won = scene.done("opportunities.win", here.clone()).await;
        assert_eq!(
            (&won["milestone"]["name"], &won["probability"]),
            (&json!("Won"), &json!(100))
        );
        assert!(won["closedOn"].is_string());
    }
    for _ in 0..2 {
        let open = scene.done("opportunities.reopen", here.clone()).await;
        assert_eq!(
            (&open["milestone"]["name"], open.get("closedOn")),
            (&json!("Negotiation"), None),
            "where it stood before"
        );
    }
    for reason in ["No authority", "price too high"] {
        let lost = scene
            .done("opportunities.lose", json!({"id": id, "reason": reason}))
            .await;
        assert_eq!(lost["milestone"]["name"], "Lost");
        assert!(
            lost["lostReason"]["name"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case(reason)
        );
    }
    let told = scene.fake.changes();
    let told: Vec<_> = told
        .iter()
        .filter(|change| json!(change.id) == id && change.event == "opportunity/closed")
        .collect();
    assert_eq!(told.len(), 2, "won once and lost once");
}

#[tokio::test]
async fn another_pipeline_is_entered_only_when_that_is_meant() {
    let scene = Scene::new();
    let id = create(&scene, json!({})).await["id"].clone();
    let input = json!({"id": id, "milestone": "Offered"});
    assert_eq!(
        scene.pointers("opportunities.move", input.clone()).await,
        ["/milestone"]
    );
    let stays = scene.done("opportunities.get", json!({"id": id})).await;
    assert_eq!(stays["milestone"]["name"], "Bid");
    let mut across = input;
    across["acrossPipelines"] = json!(true);
    let moved = scene.done("opportunities.move", across).await;
    assert_eq!(moved["milestone"]["name"], "Offered");
}

#[tokio::test]
async fn parties_come_beside_the_main_contact_and_go() {
    let scene = Scene::new();
    let parties = scene.ids("parties.list-all", json!({"limit": 2})).await;
    let made = scene
        .done("opportunities.create", new(&parties[0], json!({})))
        .await;
    let contact = |operation: &str, party: &Value, state: &str| {
        let id = made["id"].clone();
        let outcome = json!({"id": id, "party": party, "state": state});
        let done = scene.done(
            &format!("opportunities.{operation}"),
            json!({"id": id, "party": party}),
        );
        async move { assert_eq!(done.await, outcome) }
    };
    contact("add-party", &parties[0], "alreadyThere").await;
    contact("add-party", &parties[1], "added").await;
    contact("add-party", &parties[1], "alreadyThere").await;
    let of = json!({"id": made["id"]});
    assert_eq!(
        scene.ids("opportunities.list-parties", of.clone()).await,
        [parties[1].clone()]
    );
    contact("remove-party", &parties[1], "removed").await;
    contact("remove-party", &parties[1], "alreadyGone").await;
    assert!(scene.ids("opportunities.list-parties", of).await.is_empty());
}

#[tokio::test]
async fn opportunities_are_listed_searched_filtered_and_read_together() {
    let scene = Scene::new();
    let figs = create(
        &scene,
        json!({"name": "Harvest of figs", "fields": {"External ID": "O-1"}}),
    )
    .await["id"]
        .clone();
    let all = scene
        .ids("opportunities.list-all", json!({"limit": 500}))
        .await;
    assert!(all.contains(&figs) && all.len() > 2);
    assert_eq!(
        scene.walked("opportunities.list-all", json!({}), 2).await,
        all
    );
    assert_eq!(
        scene
            .ids("opportunities.search", json!({"q": "harvest figs"}))
            .await,
        std::slice::from_ref(&figs)
    );
    for condition in [
        json!({"field": "custom:external id", "operator": "is", "value": "O-1"}),
        json!({"field": "name", "operator": "ends with", "value": "OF FIGS"}),
    ] {
        let open = json!({"field": "isOpen", "operator": "is", "value": true});
        assert_eq!(
            scene
                .ids(
                    "opportunities.filter",
                    json!({"conditions": [condition, open]})
                )
                .await,
            std::slice::from_ref(&figs),
            "{condition}"
        );
    }
    let many = scene
        .done(
            "opportunities.get-many",
            json!({"ids": [999_999, figs, all[0]]}),
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
        (vec![&figs, &all[0]], &json!([999_999]))
    );
}

#[tokio::test]
async fn opportunities_are_worth_what_they_are_worth_together() {
    let scene = Scene::new();
    for (amount, milestone) in [(1000, "Bid"), (200, "Negotiation")] {
        let sum = json!({"amount": amount, "currency": "GBP"});
        create(
            &scene,
            json!({"name": "Sum", "value": sum, "milestone": milestone}),
        )
        .await;
    }
    let by_name = json!({"conditions": [{"field": "name", "operator": "is", "value": "Sum"}]});
    let total = scene.done("opportunities.get-total-value", by_name).await;
    assert_eq!(
        (&total["total"], &total["projected"], &total["currency"]),
        (&json!(1200), &json!(550), &json!("GBP"))
    );
}

#[tokio::test]
async fn an_upsert_creates_then_changes_nothing_then_changes() {
    let scene = Scene::new();
    let party = scene.some("parties").await;
    let upsert = |operation: &str, changes: Value| {
        let input = json!({"matchBy": [{"field": "External ID"}, "name"], "opportunity": new(&party, changes)});
        scene.done(&format!("opportunities.{operation}"), input)
    };
    let first = json!({"fields": {"External ID": "O-1"}, "tags": ["Urgent"]});
    let created = upsert("upsert", first.clone()).await;
    assert_eq!(created["action"], "created");
    let renamed =
        json!({"fields": {"External ID": "O-1"}, "tags": ["Urgent"], "name": "Other supply"});
    for (operation, input, action, name) in [
        ("upsert", first.clone(), "unchanged", "Yearly supply"),
        (
            "find-or-create",
            renamed.clone(),
            "unchanged",
            "Yearly supply",
        ),
        ("upsert", renamed, "updated", "Other supply"),
    ] {
        let done = upsert(operation, input).await;
        assert_eq!(done["action"], action, "{operation}");
        let id = &created["opportunity"]["id"];
        assert_eq!(&done["opportunity"]["id"], id, "{operation}");
        let read = scene.done("opportunities.get", json!({"id": id})).await;
        assert_eq!(read["name"], name, "{operation}");
    }
}

#[tokio::test]
async fn what_an_opportunity_has_is_listed_and_a_deleted_one_is_gone() {
    let scene = Scene::new();
    let made = create(&scene, json!({})).await;
    let id = &made["id"];
    let note = scene
        .done(
            "timeline.add-note",
            json!({"on": {"opportunity": id}, "content": "Likes figs"}),
        )
        .await;
    let project = scene
        .done(
            "projects.create",
            json!({"party": made["party"]["id"], "name": "Delivery", "opportunity": id}),
        )
        .await;
    for (list, expected) in [
        ("list-entries", &note["id"]),
        ("list-projects", &project["id"]),
    ] {
        assert_eq!(
            scene
                .ids(&format!("opportunities.{list}"), json!({"id": id}))
                .await,
            std::slice::from_ref(expected),
            "{list}"
        );
    }
    for state in ["deleted", "alreadyGone"] {
        let gone = scene.done("opportunities.delete", json!({"id": id})).await;
        assert_eq!(gone["state"], state);
    }
    assert_eq!(
        scene
            .refused("opportunities.get", json!({"id": id}))
            .await
            .0,
        "permanent.notFound"
    );
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    assert_eq!(
        scene.ids("opportunities.list-deleted", since).await,
        std::slice::from_ref(id)
    );
}
