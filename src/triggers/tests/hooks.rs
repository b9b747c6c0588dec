//! Hooks.

use super::*;
use crate::api::Lost;
use crate::bindings::integration::connector::types::Error;

const URL: &str = "https://hooks.example/h/abc";

fn hook(id: u64, event: &str, url: &str, embed: Option<&str>) -> Value {
    json!({"id": id, "event": event, "targetUrl": url, "embed": embed, "description": "x"})
}

fn listed(hooks: &[Value]) -> Value {
    json!({ "restHooks": hooks })
}

fn run(
    script: Script,
    listeners: Vec<Listener>,
) -> (Result<Report, Error>, crate::api::script::Log) {
    let (client, log) = script.client();
    let request = ReconcileRequest {
        listeners,
        target_url: URL.into(),
        retired_urls: vec!["https://hooks.example/h/old".into()],
        owner: "me".into(),
    };
    (block_on(reconcile(&client, &request)), log)
}

fn list(script: Script, hooks: &[Value]) -> Script {
    script.on("GET", "/api/v2/resthooks", 200, listed(hooks))
}

fn created(script: Script, id: u64, event: &str) -> Script {
    script.on(
        "POST",
        "/api/v2/resthooks",
        201,
        json!({"restHook": hook(id, event, URL, None)}),
    )
}

#[test]
fn one_hook_serves_all_listeners_with_the_union_of_what_they_read() {
    let script = created(list(Script::new(), &[]), 1, "party/created");
    let script = list(
        script,
        &[hook(1, "party/created", URL, Some("fields,tags"))],
    );
    let (report, log) = run(
        script,
        vec![
            listener("person.created", json!({"enrich": {"tags": true}})),
            listener("party.created", json!({"filter": {"fields": {"1": "x"}}})),
        ],
    );
    assert_eq!(
        log.sent(1).json(),
        json!({"restHook": {"event": "party/created", "targetUrl": URL, "description": "capsule-wasm:me", "embed": "fields,tags"}})
    );
    let report = report.unwrap();
    assert_eq!(
        (
            report.created.len(),
            report.missed,
            report.unserved.len(),
            report.slots
        ),
        (1, vec!["party/created".to_owned()], 0, 20)
    );
}

#[test]
fn what_is_there_is_kept_and_nothing_is_sent() {
    let (report, log) = run(
        list(Script::new(), &[hook(3, "party/created", URL, None)]),
        on(&["person.created"]),
    );
    assert_eq!((report.unwrap().kept[0].id.as_str(), log.count()), ("3", 1));
}

#[test]
fn nothing_is_touched_that_is_not_ours() {
    let others = [
        hook(1, "party/created", "https://hooks.example/h/abcd", None),
        hook(2, "party/created", "https://HOOKS.example/h/abc", None),
        hook(3, "party/updated", "https://hooks.example/h/abc/", None),
    ];
    let (report, log) = run(list(Script::new(), &others), Vec::new());
    let report = report.unwrap();
    assert_eq!(
        (report.removed.len(), report.kept.len(), log.count()),
        (0, 0, 1)
    );
}

#[test]
fn no_listeners_and_retired_addresses_remove_ours() {
    let script = list(
        Script::new(),
        &[
            hook(1, "party/created", URL, None),
            hook(2, "party/created", "https://hooks.example/h/old", None),
        ],
    )
    .on("DELETE", "/api/v2/resthooks/1", 204, Value::Null)
    .on("DELETE", "/api/v2/resthooks/2", 404, Value::Null);
    assert_eq!(run(script, Vec::new()).0.unwrap().removed.len(), 1);
}

#[test]
fn another_embed_creates_the_new_hook_before_the_old_one_goes() {
    let script = created(
        list(Script::new(), &[hook(1, "party/created", URL, None)]),
        2,
        "party/created",
    )
    .on("DELETE", "/api/v2/resthooks/1", 204, Value::Null);
    let script = list(script, &[hook(2, "party/created", URL, Some("tags"))]);
    let report = run(
        script,
        vec![listener(
            "person.created",
            json!({"enrich": {"tags": true}}),
        )],
    )
    .0
    .unwrap();
    assert_eq!(
        (report.created[0].id.as_str(), report.removed[0].id.as_str()),
        ("2", "1")
    );
}

#[test]
fn where_capsule_has_no_room_the_old_hook_goes_first() {
    let script = list(Script::new(), &[hook(1, "party/created", URL, None)])
        .on(
            "POST",
            "/api/v2/resthooks",
            422,
            json!({"message": "Validation Failed"}),
        )
        .on("DELETE", "/api/v2/resthooks/1", 204, Value::Null);
    let script = list(
        created(script, 2, "party/created"),
        &[hook(2, "party/created", URL, Some("tags"))],
    );
    let report = run(
        script,
        vec![listener(
            "person.created",
            json!({"enrich": {"tags": true}}),
        )],
    )
    .0
    .unwrap();
    assert_eq!(
        (
            report.created.len(),
            report.removed.len(),
            report.unserved.len()
        ),
        (1, 1, 0)
    );
}

#[test]
fn scarce_slots_go_to_what_cannot_poll_then_to_deletions_creations_closes_and_changes() {
    let mut script = list(Script::new(), &[]);
    for (id, event) in [
        "kase/moved",
        "party/deleted",
        "party/created",
        "task/completed",
    ]
    .iter()
    .enumerate()
    {
        script = created(script, id as u64 + 1, event);
    }
    let script = script.on(
        "POST",
        "/api/v2/resthooks",
        422,
        json!({"message": "Validation Failed"}),
    );
    let there: Vec<Value> = [
        "kase/moved",
        "party/deleted",
        "party/created",
        "task/completed",
    ]
    .iter()
    .enumerate()
    .map(|(id, event)| hook(id as u64 + 1, event, URL, None))
    .collect();
    let (report, log) = run(
        list(script, &there),
        on(&[
            "person.updated",
            "task.completed",
            "person.created",
            "party.deleted",
            "project.moved",
        ]),
    );
    let asked: Vec<String> = (1..=5)
        .map(|at| {
            log.sent(at).json()["restHook"]["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        asked,
        [
            "kase/moved",
            "party/deleted",
            "party/created",
            "task/completed",
            "party/updated"
        ]
    );
    let report = report.unwrap();
    assert_eq!(
        (
            report.unserved[0].listener.as_str(),
            report.unserved[0].reason.as_str(),
            report.unserved[0].pollable
        ),
        ("on person.updated", "slots-used", true)
    );
    assert_eq!(report.unserved.len(), 1);
}

#[test]
fn after_a_lost_answer_it_looks_before_it_creates_again() {
    let script =
        list(Script::new(), &[]).lost("POST", "/api/v2/resthooks", Lost::NoAnswer("reset".into()));
    let there = [hook(9, "party/created", URL, None)];
    let (report, log) = run(list(list(script, &there), &there), on(&["person.created"]));
    assert_eq!(
        (report.unwrap().created[0].id.as_str(), log.count()),
        ("9", 4)
    );
    let script =
        list(Script::new(), &[]).lost("POST", "/api/v2/resthooks", Lost::NoAnswer("reset".into()));
    let script = list(created(list(script, &[]), 9, "party/created"), &there);
    assert_eq!(
        run(script, on(&["person.created"]))
            .0
            .unwrap()
            .created
            .len(),
        1
    );
}

#[test]
fn of_two_alike_the_lowest_id_is_kept() {
    let script = created(list(Script::new(), &[]), 8, "party/created");
    let script = list(
        script,
        &[
            hook(8, "party/created", URL, None),
            hook(5, "party/created", URL, None),
        ],
    )
    .on("DELETE", "/api/v2/resthooks/8", 204, Value::Null);
    let report = run(script, on(&["person.created"])).0.unwrap();
    assert_eq!(
        (report.created[0].id.as_str(), report.removed[0].id.as_str()),
        ("5", "8")
    );
}

/// Why each of two listeners got no hook.
fn unserved(script: Script) -> Vec<(String, bool)> {
    let report = run(script, on(&["person.created", "user.created"]))
        .0
        .unwrap();
    let told = report.unserved.into_iter();
    told.map(|one| (one.reason, one.pollable)).collect()
}

fn both(reason: &str) -> Vec<(String, bool)> {
    vec![(reason.into(), true), (reason.into(), false)]
}

#[test]
fn a_creator_who_is_no_administrator_any_more_is_reported_and_the_listeners_poll() {
    let refused = list(Script::new(), &[]).on("POST", "/api/v2/resthooks", 403, Value::Null);
    for script in [
        Script::new().on("GET", "/api/v2/resthooks", 403, Value::Null),
        refused,
    ] {
        let user = json!({"user": {"id": 31, "username": "rkaya"}});
        let script = script.on("GET", "/api/v2/users/current", 200, user);
        assert_eq!(unserved(script), both("administrator"));
    }
}

#[test]
fn an_administrator_whose_token_was_pasted_is_told_from_one_who_lost_the_role() {
    for (role, reason) in [("ADMINISTRATOR", "token-kind"), ("User", "administrator")] {
        let script = Script::new()
            .on("GET", "/api/v2/resthooks", 403, Value::Null)
            .on(
                "GET",
                "/api/v2/users/current",
                200,
                json!({"user": {"id": 31, "role": role}}),
            );
        assert_eq!(unserved(script), both(reason));
    }
}

#[test]
fn a_scope_that_is_too_small_is_the_tokens_and_nothing_more_is_asked() {
    let refused = json!({"message": "Requires additional scope"});
    let script = list(Script::new(), &[]).on("POST", "/api/v2/resthooks", 403, refused);
    assert_eq!(unserved(script), both("token-kind"));
}

#[test]
fn listeners_that_poll_want_no_hook() {
    let mut polls = listener("person.created", json!({}));
    polls.mode = DeliveryMode::Poll;
    let report = run(
        list(Script::new(), &[]),
        vec![polls, listener("entry.created", json!({}))],
    )
    .0
    .unwrap();
    assert_eq!(
        (
            report.created.len(),
            report.unserved.len(),
            report.unserved[0].reason.as_str()
        ),
        (0, 1, "poll-only")
    );
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_sent() {
    let (client, _) = Script::new().client();
    for (target, retired) in [
        ("ftp://x/", vec![]),
        ("", vec![]),
        (URL, vec![URL.to_owned()]),
    ] {
        let request = ReconcileRequest {
            listeners: Vec::new(),
            target_url: target.into(),
            retired_urls: retired,
            owner: String::new(),
        };
        assert!(block_on(reconcile(&client, &request)).is_err(), "{target}");
    }
}
