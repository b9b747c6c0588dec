use super::*;
use crate::api::Lost;

const ALL: &str = "/api/v2/trackdefinitions?page=1&perPage=100";

fn track_definition(id: u64, name: &str, rule: &str) -> Value {
    json!({"id": id, "description": name, "tag": "VIP,Hot", "captureRule": rule, "direction": "START_DATE", "taskDefinitions": [
        {"id": 1, "description": "Call", "daysAfterRule": "TRACK_START", "daysAfter": 2, "dayDelayRule": "TRACK_WORKDAYS",
         "displayOrder": 0, "category": 5, "trackTaskAssignee": {"assigneeType": "ENTITY_OWNER", "owner": null}},
    ]})
}

fn all_definitions() -> Value {
    json!({"trackDefinitions": [
        track_definition(1, "Onboarding", "CASEFILE"),
        track_definition(2, "Onboarding", "OPPORTUNITY"),
        track_definition(3, "Welcome", "PARTY"),
    ]})
}

fn track(tasks: Value) -> Value {
    json!({"track": {"id": 31, "description": "Onboarding", "trackDateOn": "2026-02-02", "direction": "START_DATE", "tasks": tasks}})
}

#[test]
fn definitions_are_asked_for_by_kind_of_record() {
    for (input, target, count) in [
        (json!({}), ALL, 3),
        (
            json!({"entity": "projects"}),
            "/api/v2/trackdefinitions?type=kases&page=1&perPage=100",
            3,
        ),
        (
            json!({"entity": "opportunities"}),
            "/api/v2/trackdefinitions?type=opportunities&page=1&perPage=100",
            3,
        ),
        (json!({"entity": "parties"}), ALL, 1),
    ] {
        let script = Script::new().on("GET", target, 200, all_definitions());
        let (output, _) = done(script, "tracks.list-definitions", &input);
        assert_eq!(output["items"].as_array().unwrap().len(), count, "{input}");
        assert_eq!(
            output["items"][0]["taskDefinitions"][0]["category"]["id"],
            5
        );
    }
}

#[test]
fn a_track_is_applied_by_the_name_of_a_definition_of_the_records_kind() {
    let script = Script::new().on("GET", ALL, 200, all_definitions()).on(
        "POST",
        "/api/v2/tracks",
        201,
        track(json!([{"id": 77, "description": "Call"}])),
    );
    let input = json!({"definition": "onboarding", "on": {"kase": 4}, "trackDateOn": "2026-02-02"});
    let (output, log) = done(script, "tracks.apply", &input);
    assert_eq!(
        log.sent(1).json(),
        json!({"track": {"definition": {"id": 1}, "kase": {"id": 4}, "trackDateOn": "2026-02-02"}})
    );
    assert_eq!(output["id"], 31);
    assert_eq!(output["tasks"], json!([{"id": 77, "description": "Call"}]));
}

#[test]
fn a_definition_of_another_kind_of_record_is_not_found_by_name() {
    let script = Script::new().on("GET", ALL, 200, all_definitions());
    let input = json!({"definition": "Welcome", "on": {"opportunity": 4}});
    assert_eq!(
        pointers(script, "tracks.apply", &input),
        [("/definition".into(), "not-found".into())]
    );
}

#[test]
fn applying_by_id_looks_nothing_up_and_a_lost_answer_is_unknown() {
    let script = Script::new().lost("POST", "/api/v2/tracks", Lost::NoAnswer("reset".into()));
    let input = json!({"definition": 3, "on": {"party": 7}, "description": "Welcome Lagoa"});
    let (result, log) = play(script, "tracks.apply", &input);
    assert_eq!(fault(result.unwrap_err()).0, "outcome-unknown");
    assert_eq!(
        log.sent(0).json(),
        json!({"track": {"definition": {"id": 3}, "party": {"id": 7}, "description": "Welcome Lagoa"}})
    );
}

#[test]
fn the_tasks_of_a_track_are_short_full_or_bare_ids() {
    for (tasks, expected) in [
        (json!([77]), json!([{"id": 77}])),
        (
            json!([{"id": 77, "description": "Call"}]),
            json!([{"id": 77, "description": "Call"}]),
        ),
        (
            json!([{"id": 77, "description": "Call", "status": "OPEN", "dueOn": "2026-02-04", "category": {"id": 5, "name": "Call"},
                    "owner": {"id": 1, "username": "rkaya", "name": "R Kaya"}, "completedAt": null, "unknown": 1}]),
            json!([{"id": 77, "description": "Call", "status": "OPEN", "dueOn": "2026-02-04", "category": {"id": 5, "name": "Call"},
                    "owner": {"id": 1, "username": "rkaya", "name": "R Kaya"}}]),
        ),
    ] {
        let script = Script::new().on(
            "GET",
            "/api/v2/tracks/31?embed=task,tasks",
            200,
            track(tasks),
        );
        let (output, _) = done(
            script,
            "tracks.get",
            &json!({"id": 31, "embed": {"tasks": true}}),
        );
        assert_eq!(output["tasks"], expected);
    }
}

#[test]
fn the_tracks_of_each_kind_of_record_are_listed() {
    for (key, path) in [
        ("party", "parties"),
        ("opportunity", "opportunities"),
        ("kase", "kases"),
    ] {
        let target = format!("/api/v2/{path}/4/tracks?page=1&perPage=100");
        let row = track(json!([]))["track"].take();
        let script = Script::new().on("GET", &target, 200, json!({"tracks": [row]}));
        let (output, _) = done(script, "tracks.list-all", &json!({"on": {key: 4}}));
        assert_eq!(output["items"][0]["trackDateOn"], "2026-02-02");
    }
}

#[test]
fn a_change_sends_what_can_change_and_a_change_of_nothing_reads() {
    let script = Script::new().on("PUT", "/api/v2/tracks/31", 200, track(json!([])));
    let input =
        json!({"id": 31, "description": "Onboarding of Lagoa", "trackDateOn": "2026-03-02"});
    let (_, log) = done(script, "tracks.update", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"track": {"description": "Onboarding of Lagoa", "trackDateOn": "2026-03-02"}})
    );
    let script = Script::new().on("GET", "/api/v2/tracks/31", 200, track(json!([])));
    assert_eq!(
        done(script, "tracks.update", &json!({"id": 31})).0["id"],
        31
    );
    assert_eq!(
        pointers(
            Script::new(),
            "tracks.update",
            &json!({"id": 31, "description": ""})
        ),
        [("/description".into(), "required".into())]
    );
}

#[test]
fn a_removal_that_finds_nothing_is_a_success() {
    for (status, body, state) in [
        (204, Value::Null, "deleted"),
        (404, json!({"message": "track not found"}), "alreadyGone"),
    ] {
        let script = Script::new().on("DELETE", "/api/v2/tracks/31", status, body);
        let (output, _) = done(script, "tracks.remove", &json!({"id": 31}));
        assert_eq!(output, json!({"id": 31, "state": state}));
    }
}
