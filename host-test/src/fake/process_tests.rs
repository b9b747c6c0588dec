//! Pipelines, milestones, boards, stages, and the small settings beside them, through the router.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::tests::{Bench, Got, ids};

async fn post(bench: &Bench, path: &str) -> Got {
    bench.send(bench.request(Method::POST, path, None)).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_pipeline_is_archived_restored_and_duplicated() {
    let bench = Bench::new(0);
    assert_eq!(
        bench.delete("/pipelines/2").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        names(&bench.get("/pipelines").await.body["pipelines"]),
        ["Sales"]
    );
    let all = bench
        .get("/pipelines?includeDeleted=true&q=renew")
        .await
        .body["pipelines"]
        .clone();
    assert_eq!(
        (names(&all), &all[0]["deleted"]),
        (vec!["Renewals"], &json!(true))
    );
    let restored = post(&bench, "/pipelines/2/restore").await;
    assert_eq!(
        (restored.status, &restored.body["pipeline"]["deleted"]),
        (StatusCode::OK, &json!(false))
    );
    let copy = post(&bench, "/pipelines/1/duplicate").await;
    assert_eq!(copy.status, StatusCode::CREATED);
    let id = copy.body["pipeline"]["id"].as_u64().unwrap();
    let milestones =
        bench.get(&format!("/pipelines/{id}/milestones")).await.body["milestones"].clone();
    assert_eq!(
        names(&milestones),
        ["New", "Bid", "Negotiation", "Won", "Lost"]
    );
    assert!(ids(&milestones)[0] > 9);
}

#[tokio::test]
async fn pipelines_end_at_thirty_and_belong_to_administrators() {
    let bench = Bench::new(0);
    let body = json!({ "pipeline": { "name": "Another" } });
    let member = bench.with_token(&bench.fake.issue_personal_token("jnovak", "read write"));
    assert_eq!(
        member.post("/pipelines", body.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    while bench.post("/pipelines", body.clone()).await.status == StatusCode::CREATED {}
    let count = bench.get("/pipelines?embed=meta").await.body["meta"]["totalCount"].clone();
    assert_eq!(count, 30);
}

#[tokio::test]
async fn milestones_of_the_oldest_pipeline_stand_for_all() {
    let bench = Bench::new(0);
    assert_eq!(
        bench.get("/milestones").await.body["milestones"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        bench.get("/milestones/all").await.body["milestones"]
            .as_array()
            .unwrap()
            .len(),
        9
    );
    bench.delete("/pipelines/1").await;
    assert_eq!(
        bench.get("/milestones").await.body["milestones"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn a_milestone_in_use_stays() {
    let bench = Bench::new(0);
    let made = bench
        .post(
            "/milestones",
            json!({ "milestone": { "name": "Demo", "probability": 20, "pipeline": 2 } }),
        )
        .await;
    assert_eq!(
        made.body["milestone"]["pipeline"],
        json!({ "id": 2, "name": "Renewals" })
    );
    let id = made.body["milestone"]["id"].clone();
    let party = bench
        .party(json!({ "type": "person", "firstName": "A" }))
        .await;
    let deal = json!({ "opportunity": { "party": party, "name": "Boxes", "milestone": id } });
    let deal = bench.post("/opportunities", deal).await.body["opportunity"]["id"].clone();
    assert_eq!(
        bench
            .delete(&format!("/milestones/{id}"))
            .await
            .violation()
            .0,
        "milestone is in use"
    );
    bench.delete(&format!("/opportunities/{deal}")).await;
    assert_eq!(
        bench.delete(&format!("/milestones/{id}")).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn boards_are_listed_by_status() {
    let bench = Bench::new(0);
    let made = bench
        .post("/boards", json!({ "board": { "name": "Empty" } }))
        .await
        .body["board"]["id"]
        .clone();
    bench.delete(&format!("/boards/{made}")).await;
    let party = bench
        .party(json!({ "type": "person", "firstName": "A" }))
        .await;
    bench
        .post(
            "/kases",
            json!({ "kase": { "party": party, "name": "X", "stage": 6 } }),
        )
        .await;
    let cases = [
        ("", vec!["Projects", "Support"]),
        ("?status=archived", vec!["Empty"]),
        ("?status=all", vec!["Projects", "Support", "Empty"]),
        ("?status=nonempty", vec!["Support"]),
        ("?q=PRO", vec!["Projects"]),
    ];
    for (query, expected) in cases {
        assert_eq!(
            names(&bench.get(&format!("/boards{query}")).await.body["boards"]),
            expected,
            "{query}"
        );
    }
    assert_eq!(
        post(&bench, &format!("/boards/{made}/restore")).await.body["board"]["deleted"],
        false
    );
}

#[tokio::test]
async fn stages_follow_their_board() {
    let bench = Bench::new(0);
    let made = bench
        .post(
            "/stages",
            json!({ "stage": { "name": "Refused", "board": 2 } }),
        )
        .await
        .body["stage"]
        .clone();
    assert_eq!(
        (&made["board"]["name"], &made["displayOrder"]),
        (&json!("Support"), &json!(3))
    );
    bench
        .put(
            &format!("/stages/{}", made["id"]),
            json!({ "stage": { "displayOrder": -1 } }),
        )
        .await;
    let stages = bench.get("/boards/2/stages").await.body["stages"].clone();
    assert_eq!(names(&stages), ["Refused", "Reported", "Waiting", "Solved"]);
    bench.delete(&format!("/stages/{}", made["id"])).await;
    assert_eq!(
        names(&bench.get("/boards/2/stages?status=archived").await.body["stages"]),
        ["Refused"]
    );
    bench.delete("/boards/2").await;
    assert_eq!(
        bench.get("/stages").await.body["stages"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        bench.get("/stages?includeOnDeletedBoard=true").await.body["stages"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
}

#[tokio::test]
async fn small_settings_live_their_lives() {
    let bench = Bench::new(0);
    let cases = [
        (
            "/lostreasons",
            "lostReason",
            json!({ "name": "Moved away" }),
        ),
        (
            "/categories",
            "category",
            json!({ "name": "Visit", "colour": "#00ff00" }),
        ),
        (
            "/activitytypes",
            "activityType",
            json!({ "name": "Visit", "icon": { "id": "MEETING" } }),
        ),
    ];
    for (path, key, body) in cases {
        let made = bench.post(path, json!({ key: body })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{path}");
        let one = format!("{path}/{}", made.body[key]["id"]);
        let changed = bench.put(&one, json!({ key: { "name": "Changed" } })).await;
        assert_eq!(changed.body[key]["name"], "Changed");
        assert_eq!(bench.get(&one).await.body, changed.body);
        assert_eq!(bench.delete(&one).await.status, StatusCode::NO_CONTENT);
        assert_eq!(bench.get(&one).await.status, StatusCode::NOT_FOUND);
        let nameless = bench.post(path, json!({ key: {} })).await;
        assert_eq!(nameless.violation(), ("name is required", key, "name"));
    }
}

#[tokio::test]
async fn built_in_activity_types_have_negative_ids_and_stay() {
    let bench = Bench::new(0);
    assert_eq!(
        bench.get("/activitytypes/-3").await.body["activityType"]["name"],
        "Call"
    );
    assert_eq!(
        bench.delete("/activitytypes/-3").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_goal_keeps_the_rules_of_its_type() {
    let bench = Bench::new(0);
    let sum = "7b05186c-c342-343f-8236-121dfbb2ae45";
    let count = "18305eb9-2c50-35ba-88e5-876be543e055";
    let goal = |kind: &str, value: Value, currency: Value| {
        json!({ "goal": {
            "name": "G", "frequency": "MONTHLY", "startOn": "2026-11-01", "endOn": "2026-11-30", "type": kind,
            "value": value, "currency": currency, "user": 31
        } })
    };
    let made = bench
        .post("/goals", goal(sum, json!(1000.5), json!("GBP")))
        .await;
    assert_eq!(
        (made.status, &made.body["goal"]["status"]),
        (StatusCode::CREATED, &json!("ACTIVE"))
    );
    assert_eq!(
        bench
            .post("/goals", goal(sum, json!(1), Value::Null))
            .await
            .violation()
            .0,
        "currency is required"
    );
    assert_eq!(
        bench
            .post("/goals", goal(count, json!(1.5), Value::Null))
            .await
            .violation()
            .2,
        "value"
    );
    let counted = bench
        .post("/goals", goal(count, json!(3), json!("GBP")))
        .await;
    assert_eq!(counted.body["goal"]["currency"], Value::Null);
}
