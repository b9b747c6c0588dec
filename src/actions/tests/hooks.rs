use super::*;
use crate::api::Lost;

const HOOKS: &str = "/api/v2/resthooks";

fn stored() -> Value {
    json!({"id": 12, "event": "party/created", "targetUrl": "https://hooks.example/h/3f9c", "description": null, "embed": "tags,fields",
           "batched": true, "user": {"id": 31, "name": "Rana Kaya"}, "clientId": 4, "createdAt": "2026-01-05T08:00:00Z",
           "updatedAt": "2026-01-05T08:00:00Z", "ofTomorrow": 1})
}

fn wanted() -> Value {
    json!({"event": "party/created", "targetUrl": "https://hooks.example/h/3f9c"})
}

/// Capsule refuses a hook.
fn refusing(status: u16, body: Value) -> Script {
    Script::new().on("POST", HOOKS, status, body)
}

fn validation(field: &str, message: &str) -> Value {
    json!({"message": "Validation Failed", "errors": [{"message": message, "resource": "restHook", "field": field}]})
}

#[test]
fn the_hooks_of_the_application_are_listed() {
    let script = Script::new().on(
        "GET",
        "/api/v2/resthooks?page=1&perPage=100",
        200,
        json!({"restHooks": [stored()]}),
    );
    let (output, _) = done(script, "hooks.list-all", &json!({}));
    assert_eq!(
        output["items"],
        json!([{"id": 12, "event": "party/created", "targetUrl": "https://hooks.example/h/3f9c", "embed": "tags,fields", "batched": true,
                "user": {"id": 31, "name": "Rana Kaya"}, "clientId": 4, "createdAt": "2026-01-05T08:00:00Z",
                "updatedAt": "2026-01-05T08:00:00Z"}])
    );
}

#[test]
fn a_subscription_is_one_event_at_one_address() {
    let script = Script::new().on("POST", HOOKS, 201, json!({"restHook": stored()}));
    let more = json!({"description": "Ours", "embed": ["tags", "fields"]});
    let (output, log) = done(script, "hooks.subscribe", &over(wanted(), more));
    assert_eq!(output["id"], 12);
    assert_eq!(
        log.sent(0).json(),
        json!({"restHook": {"event": "party/created", "targetUrl": "https://hooks.example/h/3f9c", "description": "Ours", "embed": "tags,fields"}})
    );
}

#[test]
fn an_event_of_tomorrow_is_capsules_to_judge() {
    let script = Script::new().on("POST", HOOKS, 201, json!({"restHook": stored()}));
    let input = over(wanted(), json!({"event": "entry/created"}));
    assert!(play(script, "hooks.subscribe", &input).0.is_ok());
    let script = refusing(422, validation("event", "invalid event"));
    let input = over(wanted(), json!({"event": "project/moved"}));
    let found = violations(script, "hooks.subscribe", &input);
    assert_eq!(found[0].pointer, "/event");
    assert!(
        found[0].message.contains("`kase/moved`"),
        "{}",
        found[0].message
    );
}

#[test]
fn what_is_no_event_no_address_or_no_word_is_refused_before_it_is_sent() {
    for event in [
        "",
        "party",
        "party/",
        "Party/created",
        "party/created/x",
        "*",
        "party created",
    ] {
        let input = over(wanted(), json!({"event": event}));
        assert_eq!(
            pointers(Script::new(), "hooks.subscribe", &input),
            [("/event".to_owned(), "choice".to_owned())],
            "{event}"
        );
    }
    for url in [
        "",
        "hooks.example/h",
        "/h/1",
        "http://hooks.example/h",
        "ftp://hooks.example/h",
        "https://",
        "https:///h",
        "https://user:pass@hooks.example/h",
        "https://hooks.example/h#x",
        "https://hooks.example/h\r\nX: y",
        "https://hooks.example/ h",
        "https://hooks.example\\@evil.example/",
        "https://hööks.example/h",
        "http://127.0.0.1.evil.example/h",
        "javascript:alert(1)",
    ] {
        let input = over(wanted(), json!({"targetUrl": url}));
        assert_eq!(
            pointers(Script::new(), "hooks.subscribe", &input),
            [("/targetUrl".to_owned(), "format".to_owned())],
            "{url}"
        );
    }
    let long = format!("https://hooks.example/{}", "h".repeat(2_000));
    let input = json!({"event": "x", "targetUrl": long, "embed": ["tags", "a,b", ""]});
    let places: Vec<_> = pointers(Script::new(), "hooks.subscribe", &input)
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect();
    assert_eq!(places, ["/event", "/targetUrl", "/embed/1", "/embed/2"]);
}

#[test]
fn an_address_of_this_machine_may_be_plain() {
    for url in [
        "http://127.0.0.1:8080/h",
        "http://localhost/h",
        "http://[::1]:9/h",
        "HTTPS://hooks.example",
    ] {
        let script = Script::new().on("POST", HOOKS, 201, json!({"restHook": stored()}));
        let input = over(wanted(), json!({"targetUrl": url}));
        assert!(play(script, "hooks.subscribe", &input).0.is_ok(), "{url}");
    }
}

#[test]
fn the_hook_beyond_the_limit_is_a_quota() {
    let script = refusing(
        422,
        validation("event", "maximum number of REST hooks reached"),
    );
    match failed(script, "hooks.subscribe", &wanted()) {
        Error::Permanent(PermanentError::QuotaExhausted(fault)) => {
            assert_eq!(
                (fault.status, fault.request.as_deref()),
                (Some(422), Some("POST /api/v2/resthooks"))
            );
            assert!(fault.message.contains("at most 20"), "{}", fault.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_that_holds_the_limit_is_no_word_of_the_limit() {
    let script = refusing(
        422,
        validation("targetUrl", "targetUrl is longer than 2048"),
    );
    let found = violations(script, "hooks.subscribe", &wanted());
    assert_eq!(found[0].pointer, "/targetUrl");
}

#[test]
fn an_address_that_capsule_refuses_is_the_callers() {
    let script = refusing(422, validation("targetUrl", "targetUrl must be a URL"));
    let found = violations(script, "hooks.subscribe", &wanted());
    assert_eq!(
        (found[0].pointer.as_str(), found[0].message.as_str()),
        ("/targetUrl", "restHook.targetUrl: targetUrl must be a URL")
    );
}

#[test]
fn who_may_not_is_told_what_hooks_need() {
    let no = || json!({"message": "Forbidden"});
    for (id, method, target, input) in [
        (
            "hooks.list-all",
            "GET",
            "/api/v2/resthooks?page=1&perPage=100",
            json!({}),
        ),
        ("hooks.subscribe", "POST", HOOKS, wanted()),
        (
            "hooks.unsubscribe",
            "DELETE",
            "/api/v2/resthooks/12",
            json!({"id": 12}),
        ),
    ] {
        let (case, fault) = fault(failed(
            Script::new().on(method, target, 403, no()),
            id,
            &input,
        ));
        assert_eq!(case, "forbidden");
        for word in ["Forbidden", "administrator", "personal access token"] {
            assert!(fault.message.contains(word), "{id}: {}", fault.message);
        }
    }
}

#[test]
fn a_subscription_whose_answer_is_lost_is_not_made_again() {
    let script = Script::new().lost("POST", HOOKS, Lost::TimedOut("30 s".into()));
    assert_eq!(
        fault(failed(script, "hooks.subscribe", &wanted())).0,
        "outcome-unknown"
    );
}

#[test]
fn a_hook_is_cancelled_and_one_that_is_gone_is_too() {
    for (status, state) in [(204, "deleted"), (404, "alreadyGone")] {
        let script = Script::new().on("DELETE", "/api/v2/resthooks/12", status, Value::Null);
        let (output, _) = done(script, "hooks.unsubscribe", &json!({"id": 12}));
        assert_eq!(output, json!({"id": 12, "state": state}));
    }
}
