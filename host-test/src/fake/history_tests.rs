//! Tasks, entries and attachments through the router.

use axum::body::Body;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::Behaviour;
use super::tests::{Bench, ids};

async fn task(bench: &Bench, extra: Value) -> u64 {
    let mut task = json!({ "description": "Call", "dueOn": "2026-12-01" });
    for (key, value) in extra.as_object().unwrap() {
        task[key] = value.clone();
    }
    let got = bench.post("/tasks", json!({ "task": task })).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    got.body["task"]["id"].as_u64().unwrap()
}

async fn person(bench: &Bench) -> u64 {
    bench
        .party(json!({ "type": "person", "firstName": "Ines" }))
        .await
}

#[tokio::test]
async fn a_task_has_the_keys_of_live_answers() {
    let bench = Bench::new(0);
    let id = task(
        &bench,
        json!({ "category": { "name": "call" }, "dueTime": "09:30" }),
    )
    .await;
    let row = bench.get(&format!("/tasks/{id}")).await.body["task"].clone();
    assert_eq!(
        row["category"],
        json!({ "id": 1, "name": "Call", "colour": "#2b78b8" })
    );
    assert_eq!(
        (&row["owner"]["id"], &row["dueTime"], &row["status"]),
        (&json!(31), &json!("09:30"), &json!("OPEN"))
    );
    assert_eq!(
        (&row["taskDayDelayRule"], &row["hasTrack"], &row["active"]),
        (&json!("TRACK_DAYS"), &json!(false), &json!(true))
    );
    for key in [
        "party",
        "opportunity",
        "kase",
        "completedAt",
        "completedBy",
        "nextTask",
        "repeat",
        "overrideToCurrentUser",
    ] {
        assert_eq!(row.get(key), Some(&Value::Null), "{key}");
    }
}

#[tokio::test]
async fn faulty_tasks_are_refused_in_capsules_words() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let cases = [
        (json!({ "description": "A" }), "dueOn is required"),
        (json!({ "dueOn": "2026-12-01" }), "description is required"),
        (
            json!({ "description": "A", "dueOn": "2026-12-01", "status": "PENDING" }),
            "cannot set task status to PENDING",
        ),
        (
            json!({ "description": "A", "dueOn": "2026-12-01", "category": 99 }),
            "category not found",
        ),
        (
            json!({ "description": "A", "dueOn": "2026-12-01", "dueTime": "noon" }),
            "invalid type for field",
        ),
        (
            json!({ "description": "A", "dueOn": "2026-12-01", "party": 5 }),
            "party not found",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(
            bench
                .post("/tasks", json!({ "task": body }))
                .await
                .violation()
                .0,
            message
        );
    }
    let deal = json!({ "opportunity": { "party": party, "name": "Boxes", "milestone": 1 } });
    let deal = bench.post("/opportunities", deal).await.body["opportunity"]["id"].clone();
    let two = json!({ "task": { "description": "A", "dueOn": "2026-12-01", "party": party, "opportunity": deal } });
    assert_eq!(
        bench.post("/tasks", two).await.violation().0,
        "task can be linked to only one of party, opportunity or kase"
    );
}

#[tokio::test]
async fn a_completed_task_is_signed_and_leaves_an_entry() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let id = task(&bench, json!({ "party": party })).await;
    bench.advance(60);
    let done = bench
        .put(
            &format!("/tasks/{id}"),
            json!({ "task": { "status": "COMPLETED" } }),
        )
        .await
        .body["task"]
        .clone();
    assert_eq!(
        (&done["completedBy"], &done["completedAt"]),
        (&json!("rkaya"), &json!("2026-11-24T12:01:00Z"))
    );
    let entry = bench.get(&format!("/parties/{party}/entries")).await.body["entries"][0].clone();
    assert_eq!(
        (&entry["type"], &entry["activityType"]),
        (
            &json!("task"),
            &json!({ "id": -4, "name": "Task completed" })
        )
    );
    let events: Vec<&str> = bench
        .fake
        .changes()
        .iter()
        .map(|change| change.event)
        .collect();
    assert!(
        events.ends_with(&["task/updated", "task/completed"]),
        "{events:?}"
    );
    let open = bench
        .put(
            &format!("/tasks/{id}"),
            json!({ "task": { "status": "OPEN" } }),
        )
        .await
        .body["task"]
        .clone();
    assert_eq!(
        (&open["completedBy"], &open["completedAt"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_completion_may_be_back_dated_and_an_open_task_told_to_open_stays_as_it_is() {
    let bench = Bench::new(0);
    let id = task(&bench, json!({})).await;
    bench.advance(60);
    let same = bench
        .put(
            &format!("/tasks/{id}"),
            json!({ "task": { "status": "OPEN" } }),
        )
        .await;
    assert_eq!(same.body["task"]["updatedAt"], "2026-11-24T12:00:00Z");
    let body = json!({ "task": { "status": "COMPLETED", "completedAt": "2026-11-20T08:00:00Z" } });
    assert_eq!(
        bench.put(&format!("/tasks/{id}"), body).await.body["task"]["completedAt"],
        "2026-11-20T08:00:00Z"
    );
}

#[tokio::test]
async fn the_task_list_shows_open_ones_and_what_it_is_asked_for() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let open = task(&bench, json!({ "party": party, "category": 2 })).await;
    let done = task(
        &bench,
        json!({ "status": "COMPLETED", "owner": 32, "dueOn": "2027-01-01" }),
    )
    .await;
    let repeating = task(
        &bench,
        json!({ "repeat": { "frequency": "WEEKLY", "interval": 1 } }),
    )
    .await;
    let cases = [
        ("", vec![open, repeating]),
        ("?status=COMPLETED", vec![done]),
        (
            "?status=open,completed,pending",
            vec![open, done, repeating],
        ),
        ("?owner=32&status=completed", vec![done]),
        ("?category=2,3", vec![open]),
        ("?relatedTo=party,kase", vec![open]),
        ("?repeating=true", vec![repeating]),
        ("?status=open,completed&dueFrom=2026-12-02", vec![done]),
        ("?dueTo=2026-11-30", vec![]),
        ("?since=2026-11-24T12:00:01Z", vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(
            ids(&bench.get(&format!("/tasks{query}")).await.body["tasks"]),
            expected,
            "{query}"
        );
    }
    let many = bench.get(&format!("/tasks/{open},{done}")).await.body["tasks"].clone();
    assert_eq!(ids(&many), [open, done]);
}

#[tokio::test]
async fn an_account_may_ignore_since_on_tasks() {
    let bench = Bench::behaving(
        0,
        Behaviour {
            since_ignored_on_tasks: true,
            ..Behaviour::default()
        },
    );
    let id = task(&bench, json!({})).await;
    assert_eq!(
        ids(&bench.get("/tasks?since=2030-01-01T00:00:00Z").await.body["tasks"]),
        [id]
    );
}

#[tokio::test]
async fn a_note_is_filed_on_one_record_and_touches_its_last_contact() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let body = json!({ "entry": {
        "type": "note", "content": "Met", "party": party, "activityType": -2, "subject": "ignored",
        "entryAt": "2026-11-20T08:00:00Z"
    } });
    let got = bench.post("/entries", body).await;
    assert_eq!(got.status, StatusCode::CREATED);
    let entry = &got.body["entry"];
    assert_eq!(
        (&entry["subject"], &entry["creator"]["id"]),
        (&Value::Null, &json!(31))
    );
    assert_eq!(
        (entry["party"]["id"].as_u64(), entry.get("kase")),
        (Some(party), None)
    );
    let contact =
        bench.get(&format!("/parties/{party}")).await.body["party"]["lastContactedAt"].clone();
    assert_eq!(contact, "2026-11-20T08:00:00Z");
}

#[tokio::test]
async fn faulty_entries_are_refused() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let linked = "entry must be linked to either a party, opportunity or kase";
    let cases = [
        (json!({ "type": "note", "content": "x" }), linked),
        (
            json!({ "type": "email", "content": "x", "party": party }),
            "type must be note",
        ),
        (
            json!({ "type": "note", "party": party }),
            "content is required",
        ),
        (
            json!({ "type": "note", "content": "x", "party": party, "activityType": 99 }),
            "activityType not found",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(
            bench
                .post("/entries", json!({ "entry": body }))
                .await
                .violation()
                .0,
            message
        );
    }
    let deal = json!({ "opportunity": { "party": party, "name": "Boxes", "milestone": 1 } });
    let deal = bench.post("/opportunities", deal).await.body["opportunity"]["id"].clone();
    let two =
        json!({ "entry": { "type": "note", "content": "x", "party": party, "opportunity": deal } });
    assert_eq!(bench.post("/entries", two).await.violation().0, linked);
}

#[tokio::test]
async fn entries_come_newest_first_fifty_a_page_on_a_record() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let mut made = Vec::new();
    for day in [20, 22, 21] {
        let body = json!({ "entry": { "type": "note", "content": "x", "party": party, "entryAt": format!("2026-11-{day}T08:00:00Z") } });
        made.push(
            bench.post("/entries", body).await.body["entry"]["id"]
                .as_u64()
                .unwrap(),
        );
    }
    let path = format!("/parties/{party}/entries");
    assert_eq!(
        ids(&bench.get(&path).await.body["entries"]),
        [made[1], made[2], made[0]]
    );
    assert_eq!(
        ids(&bench.get("/entries?perPage=100").await.body["entries"]),
        [made[1], made[2], made[0]]
    );
    assert_eq!(
        bench.get(&format!("{path}?perPage=51")).await.violation().2,
        "perPage"
    );
    assert_eq!(
        bench
            .get(&format!("/entries/{},{}", made[0], made[1]))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_file_is_uploaded_attached_read_and_taken_off() {
    let bench = Bench::new(0);
    let party = person(&bench).await;
    let mut request = bench.request(Method::POST, "/attachments/upload", None);
    *request.body_mut() = Body::from("hello");
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    request.headers_mut().insert(
        "x-attachment-filename",
        "r%C3%A9sum%C3%A9%20%221%22.txt".parse().unwrap(),
    );
    let token = bench.send(request).await.body["upload"]["token"].clone();
    let body =
        json!({ "entry": { "type": "note", "party": party, "attachments": [{ "token": token }] } });
    let entry = bench.post("/entries", body).await.body["entry"].clone();
    let row = &entry["attachments"][0];
    assert_eq!(
        (&row["filename"], &row["contentType"], &row["size"]),
        (&json!("résumé \"1\".txt"), &json!("text/plain"), &json!(5))
    );
    let response = bench
        .raw(bench.request(Method::GET, &format!("/attachments/{}", row["id"]), None))
        .await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    let disposition = response.headers()[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert_eq!(
        disposition,
        "inline; filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22%2Etxt; filename=\"r_sum___1_.txt\""
    );
    assert_eq!(
        axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap(),
        "hello"
    );
    let path = format!("/entries/{}", entry["id"]);
    let off = json!([{ "id": row["id"], "_delete": true }]);
    let empty = bench
        .put(&path, json!({ "entry": { "attachments": off } }))
        .await;
    assert_eq!(empty.violation().0, "content is required");
    let kept = bench
        .put(
            &path,
            json!({ "entry": { "attachments": off, "content": "Gone" } }),
        )
        .await;
    assert_eq!(kept.body["entry"]["attachments"], json!([]));
}

#[tokio::test]
async fn an_upload_needs_its_headers() {
    let bench = Bench::new(0);
    let mut request = bench.request(Method::POST, "/attachments/upload", None);
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(bench.send(request).await.status, StatusCode::BAD_REQUEST);
}
