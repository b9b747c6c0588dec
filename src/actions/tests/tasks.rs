use super::*;
use crate::api::Lost;

const TASKS: &str = "/api/v2/tasks";
const TASK: &str = "/api/v2/tasks/7001";
const CATEGORIES: &str = "/api/v2/categories?page=1&perPage=100";

/// A task as Capsule stores it, with what is different here.
fn task(id: u64, changes: Value) -> Value {
    let base = json!({
        "id": id, "description": "Send the offer", "detail": null, "category": null, "dueOn": "2026-03-02", "dueTime": null,
        "status": "OPEN", "party": null, "opportunity": null, "kase": null,
        "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya", "deleted": false, "pictureURL": null},
        "completedBy": null, "completedAt": null, "createdAt": "2026-02-01T08:00:00Z", "updatedAt": "2026-02-01T08:00:00Z",
        "hasTrack": false, "nextTask": null, "taskDelayRule": null, "daysAfter": null, "taskDayDelayRule": "TRACK_DAYS",
        "repeat": null, "active": true, "overrideToCurrentUser": null,
    });
    over(base, changes)
}

fn answer(changes: Value) -> Value {
    json!({ "task": task(7001, changes) })
}

/// The body of the one request that an operation sends.
#[track_caller]
fn body(method: &str, target: &str, id: &str, input: Value) -> Value {
    let status = if method == "POST" { 201 } else { 200 };
    let script = Script::new().on(method, target, status, answer(json!({})));
    let (_, log) = done(script, id, &input);
    log.sent(0).json()["task"].clone()
}

fn categories() -> Script {
    let rows = json!({"categories": [{"id": 5, "name": "Call", "colour": "#00aa00"}, {"id": 6, "name": "Email"}]});
    Script::new().on("GET", CATEGORIES, 200, rows)
}

#[track_caller]
fn page(target: &str, rows: &[Value], input: Value) -> Value {
    let rows = json!({"tasks": rows, "meta": {"totalCount": 77}});
    done(
        Script::new().on("GET", target, 200, rows),
        "tasks.list-all",
        &input,
    )
    .0
}

// ---- create ----

#[test]
fn a_task_goes_out_as_it_was_given() {
    let input = json!({
        "description": "Send the offer", "detail": "With the new prices", "category": 5, "dueOn": "2026-03-02", "dueTime": "09:30",
        "owner": 31, "relatedTo": {"party": 9001}, "repeat": {"frequency": "WEEKLY", "interval": 2, "repeatOn": "MON"},
    });
    assert_eq!(
        body("POST", TASKS, "tasks.create", input),
        json!({
            "description": "Send the offer", "detail": "With the new prices", "category": {"id": 5}, "dueOn": "2026-03-02",
            "dueTime": "09:30", "owner": {"id": 31}, "party": {"id": 9001},
            "repeat": {"frequency": "WEEKLY", "interval": 2, "repeatOn": "MON"},
        })
    );
}

#[test]
fn a_task_may_stand_for_itself() {
    let input = json!({"description": "Call", "dueOn": "2026-03-02"});
    assert_eq!(body("POST", TASKS, "tasks.create", input.clone()), input);
}

#[test]
fn a_task_is_for_one_record_at_most() {
    for (related, key, id) in [
        (json!({"party": 9001}), "party", 9001),
        (json!({"opportunity": 41}), "opportunity", 41),
        (json!({"kase": 51}), "kase", 51),
    ] {
        let input = json!({"description": "Call", "dueOn": "2026-03-02", "relatedTo": related});
        let sent = body("POST", TASKS, "tasks.create", input);
        let keys: Vec<_> = ["party", "opportunity", "kase"]
            .into_iter()
            .filter(|key| sent.get(key).is_some())
            .collect();
        assert_eq!((keys, &sent[key]["id"]), (vec![key], &json!(id)));
    }
    let input = json!({"description": "Call", "dueOn": "2026-03-02", "relatedTo": {"party": 9001, "kase": 51}});
    assert_eq!(
        pointers(Script::new(), "tasks.create", &input)[0].0,
        "/relatedTo"
    );
}

#[test]
fn a_due_time_needs_a_due_date() {
    let input = json!({"description": "Call", "dueTime": "09:30"});
    assert_eq!(
        pointers(Script::new(), "tasks.create", &input),
        [("/dueOn".to_owned(), "required".to_owned())]
    );
    // A task of a track has none before its turn: Capsule alone knows.
    let refusal = json!({"message": "Validation Failed", "errors": [
        {"message": "dueOn is required", "resource": "task", "field": "dueOn"},
    ]});
    let script = Script::new().on("PUT", TASK, 422, refusal);
    assert_eq!(
        pointers(
            script,
            "tasks.update",
            &json!({"id": 7001, "dueTime": "09:30"})
        ),
        [("/dueOn".to_owned(), "vendor".to_owned())]
    );
}

#[test]
fn what_is_wrong_in_a_task_is_told_at_once_and_before_any_request() {
    let input = json!({
        "description": " ", "dueOn": "2026-03-02", "dueTime": "9.30", "category": "Call", "repeat": {"interval": 2},
    });
    let expected = [
        ("/description", "required"),
        ("/dueTime", "format"),
        ("/repeat/frequency", "required"),
    ]
    .map(|(pointer, rule)| (pointer.to_owned(), rule.to_owned()));
    assert_eq!(pointers(Script::new(), "tasks.create", &input), expected);
    let input = over(input, json!({"id": 7001}));
    assert_eq!(pointers(Script::new(), "tasks.update", &input), expected);
}

#[test]
fn category_and_owner_are_known_by_name() {
    let script = categories()
        .on(
            "GET",
            USERS,
            200,
            json!({"users": [{"id": 31, "username": "rkaya", "name": "Rana Kaya"}]}),
        )
        .on("POST", TASKS, 201, answer(json!({})));
    let input = json!({"description": "Call", "dueOn": "2026-03-02", "category": "call", "owner": "Rana Kaya"});
    let (_, log) = done(script, "tasks.create", &input);
    assert_eq!(
        log.sent(2).json()["task"],
        json!({"description": "Call", "dueOn": "2026-03-02", "category": {"id": 5}, "owner": {"id": 31}})
    );
}

#[test]
fn an_unknown_category_names_the_nearest_and_creates_nothing() {
    let input = json!({"description": "Call", "dueOn": "2026-03-02", "category": "Emial"});
    let fault = violations(categories(), "tasks.create", &input).remove(0);
    assert_eq!(fault.pointer, "/category");
    assert!(fault.message.contains("`Email`"), "{}", fault.message);
}

#[test]
fn a_create_whose_answer_is_lost_has_an_unknown_outcome_and_a_change_has_not() {
    let lost = || Lost::NoAnswer("reset".into());
    let input = json!({"description": "Call", "dueOn": "2026-03-02"});
    let error = failed(
        Script::new().lost("POST", TASKS, lost()),
        "tasks.create",
        &input,
    );
    assert_eq!(fault(error).0, "outcome-unknown");
    let error = failed(
        Script::new().lost("PUT", TASK, lost()),
        "tasks.complete",
        &json!({"id": 7001}),
    );
    assert_eq!(fault(error).0, "unavailable");
}

// ---- what comes back ----

#[test]
fn a_task_comes_with_all_that_capsule_tells_of_it() {
    let stored = json!({
        "detail": "By phone", "category": {"id": 5, "name": "Call", "colour": "#00aa00"}, "dueTime": "09:30", "status": "COMPLETED",
        "completedBy": "rkaya", "completedAt": "2026-03-02T10:15:00Z", "hasTrack": true,
        "nextTask": {"id": 7002, "description": "Ask again"}, "taskDelayRule": "LAST_TASK", "daysAfter": 3,
        "repeat": {"frequency": "WEEKLY", "interval": 1, "repeatOn": null, "ofTomorrow": true},
    });
    let script = Script::new().on("GET", TASK, 200, answer(stored));
    let (output, _) = done(script, "tasks.get", &json!({"id": 7001}));
    assert_eq!(
        output,
        json!({
            "id": 7001, "description": "Send the offer", "detail": "By phone", "category": {"id": 5, "name": "Call"},
            "dueOn": "2026-03-02", "dueTime": "09:30", "status": "COMPLETED",
            "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}, "completedBy": "rkaya",
            "completedAt": "2026-03-02T10:15:00Z", "createdAt": "2026-02-01T08:00:00Z", "updatedAt": "2026-02-01T08:00:00Z",
            "hasTrack": true, "nextTask": {"id": 7002, "description": "Ask again"}, "taskDelayRule": "LAST_TASK", "daysAfter": 3,
            "taskDayDelayRule": "TRACK_DAYS", "repeat": {"frequency": "WEEKLY", "interval": 1},
        })
    );
}

#[test]
fn linked_records_come_short_or_full() {
    let short = json!({"id": 9001, "type": "person", "firstName": "Ines", "lastName": "Duarte", "pictureURL": null});
    let full = person(9001, json!({"jobTitle": "Buyer", "about": "Likes figs"}));
    for (target, embed, given, job) in [
        (TASK.to_owned(), false, short.clone(), Value::Null),
        (format!("{TASK}?embed=party"), true, full, json!("Buyer")),
        // Capsule may ignore what it was asked for (API reference 6, row 10).
        (format!("{TASK}?embed=party"), true, short, Value::Null),
    ] {
        let script = Script::new().on("GET", &target, 200, answer(json!({ "party": given })));
        let (output, _) = done(
            script,
            "tasks.get",
            &json!({"id": 7001, "embed": {"party": embed}}),
        );
        assert_eq!(output["party"]["lastName"], "Duarte");
        assert_eq!(output["party"]["jobTitle"], job);
    }
    let full = json!({"id": 41, "name": "Figs", "milestone": {"id": 1, "name": "New"}, "value": {"amount": 5, "currency": "EUR"}});
    let script = Script::new().on("GET", TASK, 200, answer(json!({ "opportunity": full })));
    assert_eq!(
        done(script, "tasks.get", &json!({"id": 7001})).0["opportunity"],
        json!({"id": 41, "name": "Figs", "isRestricted": false})
    );
    let hidden = json!({"id": 51, "name": "Private", "isRestricted": true});
    let script = Script::new().on("GET", TASK, 200, answer(json!({ "kase": hidden })));
    assert_eq!(
        done(script, "tasks.get", &json!({"id": 7001})).0["kase"],
        hidden
    );
}

#[test]
fn a_repeat_is_read_under_the_key_of_either_source() {
    let script = Script::new().on(
        "GET",
        TASK,
        200,
        answer(json!({"repeatDetails": {"frequency": "MONTHLY", "interval": 1, "repeatOn": "2"}})),
    );
    assert_eq!(
        done(script, "tasks.get", &json!({"id": 7001})).0["repeat"],
        json!({"frequency": "MONTHLY", "interval": 1, "repeatOn": "2"})
    );
}

#[test]
fn unknown_ids_of_many_are_missing() {
    let rows = json!({"tasks": [task(7002, json!({})), task(7001, json!({}))]});
    let script = Script::new().on("GET", "/api/v2/tasks/7001,7002,7003", 200, rows);
    let (output, _) = done(
        script,
        "tasks.get-many",
        &json!({"ids": [7001, 7002, 7003]}),
    );
    assert_eq!(
        (&output["items"][0]["id"], &output["missing"]),
        (&json!(7001), &json!([7003]))
    );
}

// ---- update ----

#[test]
fn a_change_leaves_sets_and_clears() {
    let input = json!({
        "id": 7001, "description": "Send both offers", "detail": null, "category": null, "dueOn": "2026-03-09", "dueTime": null,
        "owner": 32, "repeat": null,
    });
    assert_eq!(
        body("PUT", TASK, "tasks.update", input),
        json!({
            "description": "Send both offers", "detail": null, "category": null, "dueOn": "2026-03-09", "dueTime": null,
            "owner": {"id": 32}, "repeat": null,
        })
    );
}

#[test]
fn another_record_takes_the_place_of_the_one_before() {
    let input = json!({"id": 7001, "relatedTo": {"opportunity": 41}});
    assert_eq!(
        body("PUT", TASK, "tasks.update", input),
        json!({"party": null, "opportunity": {"id": 41}, "kase": null})
    );
    let input = json!({"id": 7001, "relatedTo": null});
    assert_eq!(
        body("PUT", TASK, "tasks.update", input),
        json!({"party": null, "opportunity": null, "kase": null})
    );
}

#[test]
fn a_change_of_nothing_reads_the_task() {
    let script = Script::new().on("GET", TASK, 200, answer(json!({})));
    assert_eq!(
        done(script, "tasks.update", &json!({"id": 7001})).0["id"],
        7001
    );
}

#[test]
fn what_a_task_needs_cannot_be_cleared() {
    for key in ["description", "dueOn"] {
        // Null in an input is as good as left out, so nothing is to be changed.
        let script = Script::new().on("GET", TASK, 200, answer(json!({})));
        done(script, "tasks.update", &json!({"id": 7001, key: null}));
    }
}

// ---- complete, reopen, delete ----

#[test]
fn a_task_is_completed_and_opened_again() {
    assert_eq!(
        body("PUT", TASK, "tasks.complete", json!({"id": 7001})),
        json!({"status": "COMPLETED"})
    );
    let input = json!({"id": 7001, "completedAt": "2026-03-01T10:00:00Z"});
    assert_eq!(
        body("PUT", TASK, "tasks.complete", input),
        json!({"status": "COMPLETED", "completedAt": "2026-03-01T10:00:00Z"})
    );
    assert_eq!(
        body("PUT", TASK, "tasks.reopen", json!({"id": 7001})),
        json!({"status": "OPEN"})
    );
}

#[test]
fn completing_a_task_twice_is_a_success() {
    let completed = || {
        answer(
            json!({"status": "COMPLETED", "completedBy": "rkaya", "completedAt": "2026-03-01T10:00:00Z"}),
        )
    };
    let once = |script: Script| done(script, "tasks.complete", &json!({"id": 7001})).0;
    let first = once(Script::new().on("PUT", TASK, 200, completed()));
    let second = once(Script::new().on("PUT", TASK, 200, completed()));
    assert_eq!((&first, &first["status"]), (&second, &json!("COMPLETED")));
}

#[test]
fn a_task_that_does_not_exist_is_not_found() {
    for (method, id) in [
        ("GET", "tasks.get"),
        ("PUT", "tasks.complete"),
        ("PUT", "tasks.reopen"),
    ] {
        let script = Script::new().on(method, TASK, 404, json!({"message": "task not found"}));
        let error = failed(script, id, &json!({"id": 7001}));
        assert_eq!(fault(error).0, "not-found", "{id}");
    }
}

#[test]
fn a_delete_that_finds_nothing_is_a_success() {
    for (status, state) in [
        (204, "deleted"),
        (202, "scheduled"),
        (404, "alreadyGone"),
        (410, "alreadyGone"),
    ] {
        let script = Script::new().on("DELETE", TASK, status, Value::Null);
        assert_eq!(
            done(script, "tasks.delete", &json!({"id": 7001})).0,
            json!({"id": 7001, "state": state})
        );
    }
}

// ---- lists ----

#[test]
fn only_open_tasks_are_listed_unless_all_are_asked_for() {
    for (input, status) in [
        (json!({}), "open"),
        (json!({"status": "open"}), "open"),
        (json!({"status": "completed"}), "completed"),
        (json!({"status": "pending"}), "pending"),
        (json!({"status": "all"}), "open,completed,pending"),
    ] {
        let target = format!("{TASKS}?status={status}&embed=meta&page=1&perPage=100");
        let output = page(&target, &[task(7001, json!({}))], input);
        assert_eq!(
            (&output["items"][0]["id"], &output["total"]),
            (&json!(7001), &json!(77))
        );
    }
}

#[test]
fn conditions_are_sent_and_held_where_capsule_ignores_them() {
    let target = format!(
        "{TASKS}?status=open&owner=31&category=5&dueFrom=2026-03-01&dueTo=2026-03-31&embed=meta&page=1&perPage=100"
    );
    let call = json!({"id": 5, "name": "Call"});
    let rows = [
        task(1, json!({"category": call, "dueOn": "2026-03-01"})),
        task(2, json!({"category": call, "dueOn": "2026-03-31"})),
        task(3, json!({"category": call, "dueOn": "2026-02-28"})),
        task(4, json!({"category": call, "dueOn": "2026-04-01"})),
        task(5, json!({"category": call, "dueOn": null})),
        task(6, json!({"category": {"id": 6, "name": "Email"}})),
        task(7, json!({"category": call, "owner": {"id": 32}})),
        task(8, json!({"category": call, "owner": null})),
        task(9, json!({})),
    ];
    let input = json!({"owner": 31, "category": 5, "dueFrom": "2026-03-01", "dueTo": "2026-03-31"});
    let output = page(&target, &rows, input);
    let ids: Vec<_> = output["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(output.get("total"), None, "Capsule counts otherwise");
}

#[test]
fn tasks_of_one_record_are_looked_for_among_those_of_its_kind() {
    for (key, other) in [
        ("party", "kase"),
        ("opportunity", "party"),
        ("kase", "opportunity"),
    ] {
        let nested = |key: &str, id: u64| json!({key: {"id": id, "type": "person", "name": "x"}});
        let rows = [
            task(1, nested(key, 12)),
            task(2, nested(key, 13)),
            task(3, nested(other, 12)),
            task(4, json!({})),
        ];
        let target = format!("{TASKS}?status=open&relatedTo={key}&embed=meta&page=1&perPage=100");
        let output = page(&target, &rows, json!({"relatedTo": {key: 12}}));
        assert_eq!(output["items"].as_array().unwrap().len(), 1, "{key}");
        assert_eq!(output["items"][0]["id"], 1);
    }
}

#[test]
fn a_list_goes_on_where_it_ended() {
    let target = |page: u32| format!("{TASKS}?status=open&embed=party,meta&page={page}&perPage=25");
    let rows = |from: u64| {
        let rows: Vec<Value> = (from..from + 25).map(|id| task(id, json!({}))).collect();
        json!({ "tasks": rows })
    };
    let input = json!({"limit": 25, "embed": {"party": true}});
    let script = Script::new()
        .on("GET", &target(1), 200, rows(1))
        .with("x-pagination-has-more", "true");
    let (first, _) = done(script, "tasks.list-all", &input);
    let input = over(input, json!({"cursor": first["next"]}));
    let script = Script::new().on("GET", &target(2), 200, rows(26));
    let (second, _) = done(script, "tasks.list-all", &input);
    assert_eq!(second["items"][0]["id"], 26);
    assert_eq!(second.get("next"), None);
}
