//! Tracks and their definitions through the router.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::tests::Bench;

async fn project(bench: &Bench) -> u64 {
    let party = bench
        .party(json!({ "type": "person", "firstName": "A" }))
        .await;
    let body = json!({ "kase": { "party": party, "name": "Roll-out", "owner": 32 } });
    bench.post("/kases", body).await.body["kase"]["id"]
        .as_u64()
        .unwrap()
}

async fn applied(bench: &Bench, kase: u64) -> Value {
    let body = json!({ "track": { "kase": kase, "definition": 2, "trackDateOn": "2026-11-26", "startDate": "x" } });
    let got = bench.post("/tracks?embed=tasks", body).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    got.body["track"].clone()
}

#[tokio::test]
async fn a_track_makes_its_tasks_in_working_days_and_adds_its_tags() {
    let bench = Bench::new(0);
    let kase = project(&bench).await;
    let track = applied(&bench, kase).await;
    let tasks = track["tasks"].as_array().unwrap();
    let due: Vec<&Value> = tasks.iter().map(|task| &task["dueOn"]).collect();
    assert_eq!(
        due,
        [&json!("2026-11-26"), &json!("2026-12-01"), &Value::Null]
    );
    assert_eq!(
        (&tasks[2]["status"], &tasks[2]["active"]),
        (&json!("PENDING"), &json!(false))
    );
    assert_eq!(tasks[0]["nextTask"]["id"], tasks[1]["id"]);
    assert_eq!(
        (&tasks[0]["owner"]["id"], &tasks[0]["hasTrack"]),
        (&json!(32), &json!(true))
    );
    let tags = bench.get(&format!("/kases/{kase}?embed=tags")).await.body["kase"]["tags"].clone();
    assert_eq!(
        (&tags[0]["name"], &tags[1]["name"]),
        (&json!("Billable"), &json!("Onboarding"))
    );
}

#[tokio::test]
async fn the_next_task_gets_its_turn_when_the_one_before_is_done() {
    let bench = Bench::new(0);
    let track = applied(&bench, project(&bench).await).await;
    let task = |at: usize| format!("/tasks/{}", track["tasks"][at]["id"]);
    bench
        .put(&task(1), json!({ "task": { "status": "COMPLETED" } }))
        .await;
    let next = bench.get(&task(2)).await.body["task"].clone();
    assert_eq!(
        (&next["status"], &next["dueOn"]),
        (&json!("OPEN"), &json!("2026-12-01"))
    );
}

#[tokio::test]
async fn a_track_is_deleted_with_its_tasks_and_outlives_its_record() {
    let bench = Bench::new(0);
    let kase = project(&bench).await;
    let track = applied(&bench, kase).await;
    let path = format!("/tracks/{}", track["id"]);
    bench.delete(&format!("/kases/{kase}")).await;
    assert_eq!(bench.get(&path).await.status, StatusCode::OK);
    let other = applied(&bench, project(&bench).await).await;
    assert_eq!(
        bench
            .delete(&format!("/tracks/{}", other["id"]))
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let task = format!("/tasks/{}", other["tasks"][0]["id"]);
    assert_eq!(bench.get(&task).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn there_is_no_list_of_all_tracks() {
    let bench = Bench::new(0);
    let got = bench
        .send(bench.request(Method::GET, "/tracks", None))
        .await;
    assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_track_needs_its_definition() {
    let bench = Bench::new(0);
    let kase = project(&bench).await;
    let got = bench
        .post(
            "/tracks",
            json!({ "track": { "kase": kase, "trackDefinition": 2 } }),
        )
        .await;
    assert_eq!(
        got.violation(),
        ("track definition is required", "track", "definition")
    );
}

#[tokio::test]
async fn a_definition_lives_its_life() {
    let bench = Bench::new(0);
    let step = json!({
        "description": "Call", "daysAfterRule": "TRACK_START", "daysAfter": 2, "dayDelayRule": "TRACK_DAYS",
        "category": { "name": "Call" }, "trackTaskAssignee": { "assigneeType": "ENTITY_OWNER" }
    });
    let body = json!({ "trackDefinition": {
        "description": "Visit", "captureRule": "PARTY", "direction": "END_DATE", "taskDefinitions": [step]
    } });
    let made = bench.post("/trackdefinitions", body).await.body["trackDefinition"].clone();
    assert_eq!(made["taskDefinitions"][0]["category"]["name"], "Call");
    let path = format!("/trackdefinitions/{}", made["id"]);
    let gone = json!([{ "id": made["taskDefinitions"][0]["id"], "_delete": true }]);
    let changed = bench
        .put(
            &path,
            json!({ "trackDefinition": { "taskDefinitions": gone } }),
        )
        .await;
    assert_eq!(
        changed.body["trackDefinition"]["taskDefinitions"],
        json!([])
    );
    let kases = bench.get("/trackdefinitions?type=kases").await.body["trackDefinitions"].clone();
    assert_eq!(kases.as_array().unwrap().len(), 1);
    assert_eq!(bench.delete(&path).await.status, StatusCode::NO_CONTENT);
    let faulty = json!({ "trackDefinition": { "description": "X", "captureRule": "PARTY" } });
    assert_eq!(
        bench.post("/trackdefinitions", faulty).await.violation().0,
        "direction is required"
    );
}
