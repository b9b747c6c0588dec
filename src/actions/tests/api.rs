use super::*;
use crate::api::Lost;

fn get(path: &str) -> Value {
    json!({"method": "GET", "path": path})
}

#[test]
fn any_resource_is_read_by_its_path() {
    let script = Script::new().on(
        "GET",
        "/api/v2/parties/7/tracks?archived=true&embed=task%26x,tags&perPage=100&share=0.5",
        200,
        json!({"tracks": [{"id": 1}]}),
    );
    let (output, log) = done(
        script,
        "api.call",
        &json!({"method": "GET", "path": "/parties/7/tracks",
                "query": {"embed": "task&x,tags", "perPage": 100, "archived": true, "share": 0.5}}),
    );
    assert_eq!(
        output,
        json!({"status": 200, "body": {"tracks": [{"id": 1}]}})
    );
    let sent = log.sent(0);
    assert_eq!(sent.headers["authorization"], "Bearer test-token");
    assert_eq!(sent.headers["accept"], "application/json");
    assert!(sent.body.is_empty());
}

#[test]
fn what_is_created_comes_with_its_path() {
    let body = json!({"goal": {"name": "Q1", "user": 31}});
    let script = Script::new()
        .on("POST", "/api/v2/goals", 201, json!({"goal": {"id": 4}}))
        .with("location", "https://api.capsulecrm.com/api/v2/goals/4");
    let (output, log) = done(
        script,
        "api.call",
        &json!({"method": "POST", "path": "goals", "body": body}),
    );
    assert_eq!(
        output,
        json!({"status": 201, "body": {"goal": {"id": 4}}, "location": "goals/4"})
    );
    assert_eq!(log.sent(0).json(), body);
    assert_eq!(log.sent(0).headers["content-type"], "application/json");
}

#[test]
fn a_job_is_told_by_its_path_and_an_empty_answer_has_no_body() {
    let job = "jobs/7f0c1b52-0000-4000-8000-0123456789ab";
    let script = Script::new()
        .on("DELETE", "/api/v2/parties/tags/5", 202, Value::Null)
        .with(
            "location",
            &format!("https://api.capsulecrm.com/api/v2/{job}"),
        );
    let input = json!({"method": "DELETE", "path": "parties/tags/5"});
    assert_eq!(
        done(script, "api.call", &input).0,
        json!({"status": 202, "location": job})
    );
    let script = Script::new().on("DELETE", "/api/v2/parties/tags/5", 204, Value::Null);
    assert_eq!(done(script, "api.call", &input).0, json!({"status": 204}));
}

#[test]
fn a_location_outside_of_the_api_is_not_told() {
    for location in [
        "https://evil.example/api/v2/goals/4",
        "https://api.capsulecrm.com/oauth/token",
        "https://api.capsulecrm.com/api/v2/../oauth",
        "https://api.capsulecrm.com.evil.example/api/v2/goals/4",
        "",
    ] {
        let script = Script::new()
            .on("POST", "/api/v2/goals", 201, json!({}))
            .with("location", location);
        let input = json!({"method": "POST", "path": "goals", "body": {}});
        assert_eq!(
            done(script, "api.call", &input).0.get("location"),
            None,
            "{location}"
        );
    }
}

#[test]
fn the_next_page_of_a_list_is_told() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/activities?page=2",
            200,
            json!({"activities": []}),
        )
        .with(
            "link",
            "<https://api.capsulecrm.com/api/v2/activities?page=3>; rel=\"next\"",
        );
    let (output, _) = done(
        script,
        "api.call",
        &over(get("activities"), json!({"query": {"page": 2}})),
    );
    assert_eq!(output["nextPage"], 3);
    let script = Script::new()
        .on(
            "POST",
            "/api/v2/kases/filters/results",
            200,
            json!({"kases": []}),
        )
        .with("x-pagination-has-more", "true");
    let (output, _) = done(
        script,
        "api.call",
        &json!({"method": "POST", "path": "kases/filters/results", "body": {"filter": {}}}),
    );
    assert_eq!(output["nextPage"], 2);
}

#[test]
fn a_path_that_leaves_the_api_is_refused_before_anything_is_sent() {
    for path in [
        "../oauth/token",
        "%2e%2e/oauth/token",
        "https://evil.example/",
        "//evil.example",
        "parties\\..\\..",
        "site?x=1",
        "",
    ] {
        assert_eq!(
            pointers(Script::new(), "api.call", &get(path)),
            [("/path".to_owned(), "format".to_owned())],
            "{path}"
        );
    }
}

#[test]
fn every_fault_of_a_call_is_told_at_once() {
    let input = json!({"method": "DELETE", "path": "..", "body": {"party": {}}});
    assert_eq!(
        pointers(Script::new(), "api.call", &input),
        [
            ("/body".to_owned(), "unknown-field".to_owned()),
            ("/path".to_owned(), "format".to_owned())
        ]
    );
    assert_eq!(
        pointers(
            Script::new(),
            "api.call",
            &json!({"method": "PATCH", "path": "site"})
        ),
        [("/method".to_owned(), "choice".to_owned())]
    );
}

#[test]
fn a_refusal_points_into_what_was_sent() {
    let body = json!({"party": {"type": "person", "phoneNumbers": [{}]}});
    let script = Script::new().on(
        "POST",
        "/api/v2/parties",
        422,
        json!({"message": "Validation Failed", "errors": [
            {"message": "number is required", "resource": "phoneNumber", "field": "number"},
            {"message": "name is required", "resource": "party", "field": "lastName"},
        ]}),
    );
    let found = violations(
        script,
        "api.call",
        &json!({"method": "POST", "path": "parties", "body": body}),
    );
    let told: Vec<_> = found.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(told, ["/body/party/phoneNumbers", "/body/party/lastName"]);
    let refused = json!({"message": "Validation Failed", "errors": [{"message": "since is bad", "field": "since"}]});
    let script = Script::new().on("GET", "/api/v2/parties?since=x", 422, refused);
    let found = violations(
        script,
        "api.call",
        &over(get("parties"), json!({"query": {"since": "x"}})),
    );
    assert_eq!(found[0].pointer, "/query/since");
}

#[test]
fn a_lost_answer_is_transient_only_where_repeating_is_safe() {
    let lost = || Lost::NoAnswer("reset".into());
    for (method, path, body, expected) in [
        ("GET", "site", Value::Null, "unavailable"),
        ("DELETE", "goals/4", Value::Null, "unavailable"),
        ("POST", "goals", json!({"goal": {}}), "outcome-unknown"),
        (
            "POST",
            "parties/filters/results",
            json!({"filter": {}}),
            "unavailable",
        ),
        (
            "PUT",
            "goals/4",
            json!({"goal": {"name": "Q1"}}),
            "unavailable",
        ),
        (
            "PUT",
            "parties/7",
            json!({"party": {"emailAddresses": [{"address": "a@b.example"}]}}),
            "outcome-unknown",
        ),
    ] {
        let script = Script::new().lost(method, &format!("/api/v2/{path}"), lost());
        let input = json!({"method": method, "path": path, "body": body});
        assert_eq!(
            fault(failed(script, "api.call", &input)).0,
            expected,
            "{method} {path}"
        );
    }
}

#[test]
fn errors_are_those_of_every_operation() {
    for (status, expected) in [
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "not-found"),
        (405, "unsupported"),
        (503, "unavailable"),
    ] {
        let script = Script::new().on("GET", "/api/v2/tracks", status, json!({"message": "no"}));
        let (case, fault) = fault(failed(script, "api.call", &get("tracks")));
        assert_eq!(case, expected);
        assert_eq!(fault.request.as_deref(), Some("GET /api/v2/tracks"));
    }
}

#[test]
fn a_body_over_the_limit_is_too_large() {
    let body = json!({"entry": {"content": "x".repeat(1 << 20)}});
    let input = json!({"method": "POST", "path": "entries", "body": body});
    assert_eq!(
        fault(failed(Script::new(), "api.call", &input)).0,
        "too-large"
    );
}

#[test]
fn an_answer_that_is_no_json_is_told() {
    let script = Script::new().raw("GET", "/api/v2/attachments/4", 200, "%PDF-1.7");
    let (case, fault) = fault(failed(script, "api.call", &get("attachments/4")));
    assert_eq!(case, "malformed-response");
    assert!(fault.message.contains("not JSON"), "{}", fault.message);
}
