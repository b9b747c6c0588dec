//! The scripted upstream is strict.

use std::sync::Arc;

use capsule_host::egress::{Canned, Expectation, Mock, Origin};
use capsule_host::runtime::{Host, HostOptions, Outcome, Tenant};
use serde_json::json;

use super::guests::{Errand, courier};

const API: &str = "https://api.capsulecrm.com";

async fn run(mock: &Arc<Mock>, errands: &[Errand]) -> Outcome {
    let host = Host::new(HostOptions {
        slots: 2,
        ..HostOptions::default()
    })
    .unwrap();
    let tenant = Tenant::builder("a")
        .grant(Origin::parse(API).unwrap())
        .upstream(mock.clone())
        .build()
        .unwrap();
    host.load(&courier(errands))
        .unwrap()
        .call(&tenant)
        .invoke("x", "")
        .await
        .unwrap()
}

fn get(path: &str) -> Errand {
    Errand::get(&format!("{API}{path}"))
}

#[tokio::test]
async fn expected_requests_get_their_answers_in_order() {
    let mock = Arc::new(
        Mock::in_order()
            .expect(
                Expectation::get("/a")
                    .query("page", "1")
                    .answer(Canned::json(200, &json!([1]))),
            )
            .expect(
                Expectation::post("/b")
                    .json(json!({"x": 1, "y": 2}))
                    .answer(Canned::status(204)),
            ),
    );
    let outcome = run(
        &mock,
        &[
            get("/a?page=1&perPage=100"),
            Errand::post(&format!("{API}/b"), r#"{ "y": 2, "x": 1 }"#),
        ],
    )
    .await;
    assert_eq!(outcome.json, "200 [1]\n204 \n");
    mock.finish().unwrap();
    assert_eq!(mock.seen(), ["GET /a?page=1&perPage=100", "POST /b"]);
}

#[tokio::test]
async fn a_request_out_of_order_is_an_error_that_says_what_was_expected() {
    let mock = Arc::new(
        Mock::in_order()
            .expect(Expectation::get("/a"))
            .expect(Expectation::get("/b")),
    );
    let outcome = run(&mock, &[get("/b")]).await;
    assert_eq!(outcome.json, "E38\n", "internal-error");
    let error = mock.finish().unwrap_err().to_string();
    assert_eq!(
        error,
        "unexpected: unexpected request GET /b; expected: GET /a (another path)\n\
         never came (1 times): GET /a\n\
         never came (1 times): GET /b"
    );
}

#[tokio::test]
async fn in_any_order_each_request_finds_its_own() {
    let mock = Arc::new(
        Mock::any_order()
            .expect(Expectation::get("/a"))
            .expect(Expectation::get("/b").times(2)),
    );
    run(&mock, &[get("/b"), get("/a"), get("/b")]).await;
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_request_too_many_is_an_error() {
    let mock = Arc::new(Mock::any_order().expect(Expectation::get("/a")));
    let outcome = run(&mock, &[get("/a"), get("/a")]).await;
    assert_eq!(outcome.json, "200 {}\nE38\n");
    let error = mock.finish().unwrap_err().to_string();
    assert_eq!(
        error,
        "unexpected: unexpected request GET /a; expected: no further request"
    );
}

#[tokio::test]
async fn what_differs_is_named() {
    for (expectation, errand, difference) in [
        (Expectation::post("/a"), get("/a"), "another method"),
        (
            Expectation::get("/a").query("q", "x y"),
            get("/a?q=x"),
            "no q=x y in its query",
        ),
        (
            Expectation::get("/a").query("q", "x").only_query(),
            get("/a?q=x&r=1"),
            "r=1 in its query is too much",
        ),
        (
            Expectation::get("/a").header("x-a", "1"),
            get("/a").header("x-a", "2"),
            "the header x-a is missing or another",
        ),
        (
            Expectation::get("/a").no_header("x-a"),
            get("/a").header("x-a", "2"),
            "the header x-a is there",
        ),
        (
            Expectation::get("/a").json(json!({"a": 1})),
            get("/a"),
            "a body other than {\"a\":1}",
        ),
        (Expectation::get("/a").text("x"), get("/a"), "another body"),
        (
            Expectation::get("/a").form(&[("a", "b")]),
            get("/a"),
            "another form",
        ),
    ] {
        let mock = Arc::new(Mock::in_order().expect(expectation));
        run(&mock, &[errand]).await;
        let error = mock.finish().unwrap_err().to_string();
        assert!(error.contains(&format!("({difference})")), "{error}");
    }
}

#[tokio::test]
async fn an_unexpected_form_is_told_by_its_length_because_it_may_hold_secrets() {
    let mock = Arc::new(Mock::any_order());
    let form = Errand::post(&format!("{API}/oauth/token"), "client_secret=secret")
        .header("content-type", "application/x-www-form-urlencoded");
    run(
        &mock,
        &[form, Errand::post(&format!("{API}/b"), "{\"name\":1}")],
    )
    .await;
    let error = mock.finish().unwrap_err().to_string();
    assert!(
        error.contains("POST /oauth/token with a body of 20 bytes"),
        "{error}"
    );
    assert!(error.contains("POST /b with body {\"name\":1}"), "{error}");
}
