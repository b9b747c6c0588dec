//! Projects through the router.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::tests::{Bench, ids};

/// The first stage of the board without a team, and of the one with the team 12.
const BRIEF: u64 = 1;
const REPORTED: u64 = 6;

async fn project(bench: &Bench, extra: Value) -> Value {
    let party = bench
        .party(json!({ "type": "organisation", "name": "Acme" }))
        .await;
    let mut kase = json!({ "party": { "id": party }, "name": "Roll-out" });
    for (key, value) in extra.as_object().unwrap() {
        kase[key] = value.clone();
    }
    let got = bench.post("/kases", json!({ "kase": kase })).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    got.body["kase"].clone()
}

async fn put(bench: &Bench, kase: &Value, body: Value) -> Value {
    let got = bench
        .put(&format!("/kases/{}", kase["id"]), json!({ "kase": body }))
        .await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    got.body["kase"].clone()
}

#[tokio::test]
async fn a_project_has_no_default_owner_and_the_first_stage() {
    let bench = Bench::new(0);
    let kase = project(&bench, json!({})).await;
    assert_eq!(
        (&kase["owner"], &kase["team"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        kase["stage"],
        json!({ "id": BRIEF, "name": "Project Brief" })
    );
    assert_eq!(kase["status"], "OPEN");
    for key in [
        "opportunity",
        "expectedCloseOn",
        "startOn",
        "closedOn",
        "lastContactedAt",
        "description",
    ] {
        assert_eq!(kase[key], Value::Null, "{key}");
        assert!(kase.get(key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn a_stage_brings_its_boards_team_and_drops_a_lone_owner() {
    let bench = Bench::new(0);
    let alone = project(&bench, json!({ "stage": REPORTED, "owner": 31 })).await;
    assert_eq!(
        (&alone["owner"], &alone["team"]["id"]),
        (&Value::Null, &json!(12))
    );
    let both = project(
        &bench,
        json!({ "stage": REPORTED, "owner": 31, "team": 11 }),
    )
    .await;
    assert_eq!(
        (&both["owner"]["id"], &both["team"]["id"]),
        (&json!(31), &json!(11))
    );
}

#[tokio::test]
async fn owner_and_team_are_a_pair_in_a_put() {
    let bench = Bench::new(0);
    let kase = project(&bench, json!({ "owner": 31, "team": 11 })).await;
    let untouched = put(&bench, &kase, json!({ "description": "x" })).await;
    assert_eq!(
        (&untouched["owner"]["id"], &untouched["team"]["id"]),
        (&json!(31), &json!(11))
    );
    let owned = put(&bench, &kase, json!({ "owner": 32 })).await;
    assert_eq!(
        (&owned["owner"]["id"], &owned["team"]),
        (&json!(32), &Value::Null)
    );
    let teamed = put(&bench, &kase, json!({ "team": 11 })).await;
    assert_eq!(
        (&teamed["owner"], &teamed["team"]["id"]),
        (&Value::Null, &json!(11))
    );
}

#[tokio::test]
async fn closing_dates_the_project_and_makes_its_tasks_wait() {
    let bench = Bench::new(0);
    let kase = project(&bench, json!({})).await;
    let task = json!({ "task": { "description": "Call", "dueOn": "2026-12-01", "kase": { "id": kase["id"] } } });
    let task = bench.post("/tasks", task).await.body["task"]["id"].clone();
    let closed = put(&bench, &kase, json!({ "status": "CLOSED" })).await;
    assert_eq!(closed["closedOn"], "2026-11-24");
    assert_eq!(
        bench.get(&format!("/tasks/{task}")).await.body["task"]["status"],
        "PENDING"
    );
    let events: Vec<&str> = bench
        .fake
        .changes()
        .iter()
        .map(|change| change.event)
        .collect();
    assert!(
        events.ends_with(&["kase/updated", "kase/closed", "task/updated"]),
        "{events:?}"
    );
    let open = put(&bench, &kase, json!({ "status": "OPEN" })).await;
    assert_eq!(open["closedOn"], Value::Null);
    assert_eq!(
        bench.get(&format!("/tasks/{task}")).await.body["task"]["status"],
        "OPEN"
    );
}

#[tokio::test]
async fn another_stage_is_a_move() {
    let bench = Bench::new(0);
    let kase = project(&bench, json!({})).await;
    put(&bench, &kase, json!({ "stage": REPORTED })).await;
    assert_eq!(bench.fake.changes().last().unwrap().event, "kase/moved");
}

#[tokio::test]
async fn a_deleted_project_is_in_its_feed() {
    let bench = Bench::new(0);
    let kase = project(&bench, json!({})).await;
    assert_eq!(
        bench.delete(&format!("/kases/{}", kase["id"])).await.status,
        StatusCode::NO_CONTENT
    );
    let feed = bench
        .get("/kases/deleted?since=2026-11-24T00:00:00Z")
        .await
        .body;
    assert_eq!(
        feed,
        json!({ "kases": [{ "id": kase["id"], "deletedAt": "2026-11-24T12:00:00Z" }] })
    );
}

#[tokio::test]
async fn projects_of_parties_and_opportunities_are_listed() {
    let bench = Bench::new(0);
    let party = bench
        .party(json!({ "type": "person", "firstName": "A" }))
        .await;
    let deal = json!({ "opportunity": { "party": party, "name": "Boxes", "milestone": 1 } });
    let deal = bench.post("/opportunities", deal).await.body["opportunity"]["id"].clone();
    let kase = project(&bench, json!({ "opportunity": deal })).await;
    let id = kase["id"].as_u64().unwrap();
    assert_eq!(kase["opportunity"], json!({ "id": deal, "name": "Boxes" }));
    let of_party = bench
        .get(&format!("/parties/{}/kases", kase["party"]["id"]))
        .await
        .body["kases"]
        .clone();
    let of_deal = bench
        .get(&format!("/opportunities/{deal}/kases"))
        .await
        .body["kases"]
        .clone();
    assert_eq!((ids(&of_party), ids(&of_deal)), (vec![id], vec![id]));
    bench.delete(&format!("/opportunities/{deal}")).await;
    assert_eq!(
        bench.get(&format!("/kases/{id}")).await.body["kase"]["opportunity"],
        Value::Null
    );
}

#[tokio::test]
async fn filters_know_the_fields_of_projects() {
    let bench = Bench::new(0);
    let first = project(
        &bench,
        json!({ "stage": REPORTED, "startOn": "2026-11-01" }),
    )
    .await["id"]
        .as_u64()
        .unwrap();
    let second = project(
        &bench,
        json!({ "status": "CLOSED", "owner": 31, "name": "Other" }),
    )
    .await["id"]
        .as_u64()
        .unwrap();
    let cases = [
        ("status", json!("open"), first),
        ("isOpen", json!(false), second),
        ("board", json!("support"), first),
        ("stage", json!(REPORTED), first),
        ("isOwnedByMe", json!(true), second),
        ("startOn", json!("2026-11-01"), first),
        ("closedOn", json!("2026-11-24"), second),
        ("name", json!("other"), second),
    ];
    for (field, value, expected) in cases {
        let condition = json!({ "field": field, "operator": "is", "value": value });
        assert_eq!(
            bench
                .filtered("/kases", json!({ "conditions": [condition] }))
                .await,
            [expected],
            "{condition}"
        );
    }
    let unknown = json!({ "filter": { "conditions": [{ "field": "lastContactedOn", "operator": "is", "value": null }] } });
    assert_eq!(
        bench
            .post("/kases/filters/results", unknown)
            .await
            .violation()
            .0,
        "invalid field name"
    );
}
