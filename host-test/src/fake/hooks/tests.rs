//! Subscriptions through the router, deliveries by the clock and over a socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::Behaviour;
use super::super::tests::Bench;

async fn subscribe(bench: &Bench, event: &str, extra: Value) -> u64 {
    let mut hook = json!({ "event": event, "targetUrl": "https://listener.example/h/1" });
    for (key, value) in extra.as_object().unwrap() {
        hook[key] = value.clone();
    }
    let got = bench.post("/resthooks", json!({ "restHook": hook })).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    got.body["restHook"]["id"].as_u64().unwrap()
}

async fn person(bench: &Bench, name: &str) -> u64 {
    bench
        .party(json!({ "type": "person", "firstName": name }))
        .await
}

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_hook_belongs_to_an_administrator_and_an_application() {
    let bench = Bench::new(0);
    let hook = json!({ "restHook": { "event": "party/created", "targetUrl": "https://listener.example/" } });
    let personal = bench.with_token(&bench.fake.issue_personal_token("rkaya", "read write"));
    let member = bench.with_token(&bench.fake.issue_token("jnovak", "read write").access);
    for refused in [personal, member] {
        assert_eq!(
            refused.post("/resthooks", hook.clone()).await.status,
            StatusCode::FORBIDDEN
        );
    }
    let id = subscribe(&bench, "party/created", json!({ "description": "mine" })).await;
    let shown = bench.get(&format!("/resthooks/{id}")).await.body["restHook"].clone();
    assert_eq!(
        (
            &shown["description"],
            &shown["batched"],
            &shown["user"]["id"]
        ),
        (&json!("mine"), &json!(true), &json!(31))
    );
    assert_eq!(
        bench.put(&format!("/resthooks/{id}"), hook).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        bench.delete(&format!("/resthooks/{id}")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        bench.get("/resthooks").await.body,
        json!({ "restHooks": [] })
    );
}

#[tokio::test]
async fn faulty_hooks_and_the_twenty_first_are_refused() {
    let bench = Bench::new(0);
    let cases = [
        (
            json!({ "targetUrl": "https://listener.example/" }),
            ("event is required", "restHook", "event"),
        ),
        (
            json!({ "event": "party/created" }),
            ("targetUrl is required", "restHook", "targetUrl"),
        ),
        (
            json!({ "event": "party/created", "targetUrl": "mailto:x" }),
            ("targetUrl must be a URL", "restHook", "targetUrl"),
        ),
    ];
    for (hook, expected) in cases {
        assert_eq!(
            bench
                .post("/resthooks", json!({ "restHook": hook }))
                .await
                .violation(),
            expected
        );
    }
    let unknown = json!({ "restHook": { "event": "task/deleted", "targetUrl": "https://listener.example/" } });
    assert_eq!(
        bench.post("/resthooks", unknown).await.violation().2,
        "event"
    );
    for _ in 0..20 {
        subscribe(&bench, "party/created", json!({})).await;
    }
    let more = json!({ "restHook": { "event": "party/created", "targetUrl": "https://listener.example/" } });
    assert_eq!(
        bench.post("/resthooks", more).await.violation().0,
        "maximum number of REST hooks reached"
    );
}

#[tokio::test]
async fn a_delivery_shows_the_record_with_the_hooks_embeds() {
    let bench = Bench::new(0);
    let hook = subscribe(&bench, "party/created", json!({ "embed": "fields,tags" })).await;
    let id = person(&bench, "Ines").await;
    let due = bench.fake.due_deliveries();
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].hook, due[0].attempt, due[0].target_url.as_str()),
        (hook, 1, "https://listener.example/h/1")
    );
    let stored = bench
        .get(&format!("/parties/{id}?embed=tags,fields"))
        .await
        .body["party"]
        .clone();
    assert_eq!(
        body(&due[0].body),
        json!({ "event": "party/created", "payload": [stored] })
    );
    assert!(bench.fake.due_deliveries().is_empty());
}

#[tokio::test]
async fn a_deletion_delivers_the_id_alone() {
    let bench = Bench::new(0);
    let id = person(&bench, "Ines").await;
    subscribe(&bench, "party/deleted", json!({})).await;
    bench.delete(&format!("/parties/{id}")).await;
    let due = bench.fake.due_deliveries();
    assert_eq!(
        body(&due[0].body),
        json!({ "event": "party/deleted", "payload": [{ "id": id }] })
    );
}

#[tokio::test]
async fn events_are_batched_as_the_account_says() {
    for (hook_batch, sizes) in [(0, vec![1, 1, 1]), (2, vec![2, 1]), (500, vec![3])] {
        let bench = Bench::behaving(
            0,
            Behaviour {
                hook_batch,
                ..Behaviour::default()
            },
        );
        subscribe(&bench, "party/created", json!({})).await;
        for name in ["A", "B", "C"] {
            person(&bench, name).await;
        }
        let due = bench.fake.due_deliveries();
        let got: Vec<usize> = due
            .iter()
            .map(|row| body(&row.body)["payload"].as_array().unwrap().len())
            .collect();
        assert_eq!(got, sizes);
    }
}

#[tokio::test]
async fn failures_are_retried_five_times_and_then_the_hook_is_gone() {
    let bench = Bench::new(0);
    subscribe(&bench, "party/created", json!({})).await;
    person(&bench, "Ines").await;
    for (attempt, wait) in (1..).zip([5, 60, 300, 900, 900]) {
        let due = bench.fake.due_deliveries();
        assert_eq!((due.len(), due[0].attempt), (1, attempt));
        bench
            .fake
            .report_delivery(due[0].id, if attempt % 2 == 0 { None } else { Some(500) });
        bench.advance(wait - 1);
        assert!(bench.fake.due_deliveries().is_empty(), "attempt {attempt}");
        bench.advance(1);
    }
    let last = bench.fake.due_deliveries();
    assert_eq!(last[0].attempt, 6);
    bench.fake.report_delivery(last[0].id, Some(503));
    assert_eq!(
        bench.get("/resthooks").await.body,
        json!({ "restHooks": [] })
    );
    assert_eq!(bench.fake.next_delivery_at(), None);
}

#[tokio::test]
async fn a_2xx_ends_a_delivery_and_410_ends_the_hook() {
    let bench = Bench::new(0);
    subscribe(&bench, "party/created", json!({})).await;
    person(&bench, "A").await;
    assert_eq!(
        bench.fake.next_delivery_at().map(|at| at.as_second()),
        Some(super::super::tests::NOON)
    );
    let due = bench.fake.due_deliveries();
    bench.fake.report_delivery(due[0].id, Some(202));
    assert_eq!(bench.fake.next_delivery_at(), None);
    person(&bench, "B").await;
    let due = bench.fake.due_deliveries();
    bench.fake.report_delivery(due[0].id, Some(410));
    assert_eq!(
        bench.get("/resthooks").await.body,
        json!({ "restHooks": [] })
    );
}

#[tokio::test]
async fn a_retry_shows_the_old_state_or_the_new_one() {
    for (hook_retry_renders, expected) in [(false, "Old"), (true, "New")] {
        let bench = Bench::behaving(
            0,
            Behaviour {
                hook_retry_renders,
                ..Behaviour::default()
            },
        );
        subscribe(&bench, "party/created", json!({})).await;
        let id = person(&bench, "Old").await;
        let due = bench.fake.due_deliveries();
        bench.fake.report_delivery(due[0].id, None);
        bench
            .put(
                &format!("/parties/{id}"),
                json!({ "party": { "firstName": "New" } }),
            )
            .await;
        bench.advance(5);
        let again = bench.fake.due_deliveries();
        assert_eq!(body(&again[0].body)["payload"][0]["firstName"], expected);
    }
}

#[tokio::test]
async fn a_served_fake_delivers_to_a_listener_on_this_machine() {
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    let inbox = received.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move |body: String| {
        inbox.lock().unwrap().push(body);
        async { StatusCode::ACCEPTED }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let bench = Bench::new(0);
    subscribe(
        &bench,
        "party/created",
        json!({ "targetUrl": format!("http://{address}/h/2") }),
    )
    .await;
    person(&bench, "Ines").await;
    tokio::spawn(bench.fake.clone().deliver_hooks());
    for _ in 0..200 {
        if !received.lock().unwrap().is_empty() && bench.fake.next_delivery_at().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(body(&received[0])["payload"][0]["firstName"], "Ines");
}
