use super::*;
use crate::api::Lost;

/// What Capsule answers to a change, with what it always has.
fn stored(changes: &Value) -> Value {
    over(
        json!({"id": 9, "name": "Stored", "description": "Stored", "title": "Stored"}),
        changes.clone(),
    )
}

/// Sends one change: what it gave, and its body.
#[track_caller]
fn change(id: &str, input: Value, method: &str, target: &str, key: &str) -> (Value, Value) {
    let status = if method == "POST" { 201 } else { 200 };
    let answer = json!({ key: stored(&json!({})) });
    let script = Script::new().on(method, &format!("/api/v2{target}"), status, answer);
    let (output, log) = done(script, id, &input);
    assert_eq!(log.count(), 1, "{id}");
    let body = log.sent(0).json();
    (output, body)
}

const PIPELINES: &str = "/api/v2/pipelines?includeDeleted=true&page=1&perPage=100";
const CATEGORIES: &str = "/api/v2/categories?page=1&perPage=100";
const DEFINITION: &str = "/api/v2/trackdefinitions/9";

// ---- creating ----

#[test]
fn every_create_sends_its_input_in_its_envelope() {
    for (id, input, target, key, body) in [
        (
            "pipeline",
            json!({"name": "Wholesale", "description": "Shops"}),
            "/pipelines",
            "pipeline",
            json!({"name": "Wholesale", "description": "Shops"}),
        ),
        (
            "milestone",
            json!({"pipeline": 3, "name": "Samples", "probability": 40, "daysUntilStale": 14}),
            "/milestones",
            "milestone",
            json!({"pipeline": {"id": 3}, "name": "Samples", "probability": 40, "daysUntilStale": 14}),
        ),
        (
            "board",
            json!({"name": "Fit-outs"}),
            "/boards",
            "board",
            json!({"name": "Fit-outs"}),
        ),
        (
            "stage",
            json!({"board": 4, "name": "Planning", "displayOrder": 1}),
            "/stages",
            "stage",
            json!({"board": {"id": 4}, "name": "Planning", "displayOrder": 1}),
        ),
        (
            "category",
            json!({"name": "Visit", "colour": "#2a9D8f"}),
            "/categories",
            "category",
            json!({"name": "Visit", "colour": "#2a9D8f"}),
        ),
        (
            "activity-type",
            json!({"name": "Tasting", "icon": "MEETING", "updateLastContacted": false}),
            "/activitytypes",
            "activityType",
            json!({"name": "Tasting", "icon": {"id": "MEETING"}, "updateLastContacted": false}),
        ),
        (
            "lost-reason",
            json!({"name": "No stand", "includedForConversion": true}),
            "/lostreasons",
            "lostReason",
            json!({"name": "No stand", "includedForConversion": true}),
        ),
        (
            "title",
            json!({"title": "Professor"}),
            "/titles",
            "personTitle",
            json!({"title": "Professor"}),
        ),
        (
            "track-definition",
            json!({"description": "Onboarding", "captureRule": "CASEFILE", "direction": "START_DATE", "tag": "New"}),
            "/trackdefinitions",
            "trackDefinition",
            json!({"description": "Onboarding", "captureRule": "CASEFILE", "direction": "START_DATE", "tag": "New"}),
        ),
    ] {
        let (output, sent) = change(
            &format!("administration.create-{id}"),
            input,
            "POST",
            target,
            key,
        );
        assert_eq!(sent, json!({ key: body }), "{id}");
        assert_eq!(output["id"], 9, "{id}");
    }
}

#[test]
fn what_is_left_out_of_a_create_is_capsules_to_choose() {
    let (_, sent) = change(
        "administration.create-activity-type",
        json!({"name": "Tasting"}),
        "POST",
        "/activitytypes",
        "activityType",
    );
    assert_eq!(sent, json!({"activityType": {"name": "Tasting"}}));
}

#[test]
fn a_milestone_and_a_stage_are_made_in_what_is_named() {
    for (id, key, path, holder, listed, archived) in [
        (
            "milestone",
            "milestone",
            "milestones",
            "pipeline",
            "pipelines",
            "includeDeleted=true",
        ),
        ("stage", "stage", "stages", "board", "boards", "status=all"),
    ] {
        let list = json!({ listed: [{"id": 3, "name": "Sales"}, {"id": 5, "name": "Wholesale"}] });
        let script = Script::new()
            .on(
                "GET",
                &format!("/api/v2/{listed}?{archived}&page=1&perPage=100"),
                200,
                list,
            )
            .on(
                "POST",
                &format!("/api/v2/{path}"),
                201,
                json!({ key: stored(&json!({})) }),
            );
        let (_, log) = done(
            script,
            &format!("administration.create-{id}"),
            &json!({ holder: "wholeSALE", "name": "First" }),
        );
        assert_eq!(
            log.sent(1).json(),
            json!({ key: {"name": "First", holder: {"id": 5}} })
        );
    }
}

#[test]
fn a_milestone_without_a_pipeline_is_refused_because_capsule_would_take_the_oldest_one() {
    let found = pointers(
        Script::new(),
        "administration.create-milestone",
        &json!({"name": "Samples"}),
    );
    assert_eq!(found, [("/pipeline".into(), "required".into())]);
}

#[test]
fn an_unknown_pipeline_is_answered_with_the_nearest_names_and_nothing_is_made() {
    let script = Script::new().on(
        "GET",
        PIPELINES,
        200,
        json!({"pipelines": [{"id": 3, "name": "Sales"}]}),
    );
    let found = violations(
        script,
        "administration.create-milestone",
        &json!({"pipeline": "Sale", "name": "Samples"}),
    );
    assert_eq!(found[0].pointer, "/pipeline");
    assert!(found[0].message.contains("`Sales`"), "{}", found[0].message);
}

#[test]
fn a_probability_is_a_percentage() {
    let found = pointers(
        Script::new(),
        "administration.create-milestone",
        &json!({"pipeline": 3, "name": "Samples", "probability": 101}),
    );
    assert_eq!(found, [("/probability".into(), "range".into())]);
}

#[test]
fn a_colour_that_is_none_is_refused_before_anything_is_sent() {
    for colour in [
        "",
        "red",
        "2a9d8f",
        "#2a9d8",
        "#2a9d8f0",
        "#2a9d8g",
        "#éééé",
    ] {
        for (id, rest) in [
            ("administration.create-category", json!({"name": "Visit"})),
            ("administration.update-category", json!({"id": 9})),
        ] {
            let input = over(rest, json!({ "colour": colour }));
            assert_eq!(
                pointers(Script::new(), id, &input),
                [("/colour".into(), "format".into())],
                "{colour}"
            );
        }
    }
}

// ---- changing ----

#[test]
fn every_update_sends_what_is_given_and_null_to_clear() {
    for (id, input, target, key, body) in [
        (
            "pipeline",
            json!({"id": 9, "name": "Wholesale", "description": null}),
            "/pipelines/9",
            "pipeline",
            json!({"name": "Wholesale", "description": null}),
        ),
        (
            "milestone",
            json!({"id": 9, "probability": 0, "daysUntilStale": null}),
            "/milestones/9",
            "milestone",
            json!({"probability": 0, "daysUntilStale": null}),
        ),
        (
            "milestone",
            json!({"id": 9, "daysUntilStale": 7}),
            "/milestones/9",
            "milestone",
            json!({"daysUntilStale": 7}),
        ),
        (
            "board",
            json!({"id": 9, "description": "Shops"}),
            "/boards/9",
            "board",
            json!({"description": "Shops"}),
        ),
        (
            "stage",
            json!({"id": 9, "displayOrder": -2}),
            "/stages/9",
            "stage",
            json!({"displayOrder": -2}),
        ),
        (
            "category",
            json!({"id": 9, "colour": null}),
            "/categories/9",
            "category",
            json!({"colour": null}),
        ),
        (
            "activity-type",
            json!({"id": -2, "icon": "PHONE"}),
            "/activitytypes/-2",
            "activityType",
            json!({"icon": {"id": "PHONE"}}),
        ),
        (
            "lost-reason",
            json!({"id": 9, "includedForConversion": false}),
            "/lostreasons/9",
            "lostReason",
            json!({"includedForConversion": false}),
        ),
        (
            "track-definition",
            json!({"id": 9, "tag": null, "captureRule": "OPPORTUNITY", "direction": "END_DATE"}),
            "/trackdefinitions/9",
            "trackDefinition",
            json!({"tag": null, "captureRule": "OPPORTUNITY", "direction": "END_DATE"}),
        ),
        (
            "user",
            json!({"id": 9, "timezone": "Europe/Lisbon", "taskReminder": false, "emailPreference": null}),
            "/users/9",
            "user",
            json!({"timezone": "Europe/Lisbon", "taskReminder": false, "emailPreference": null}),
        ),
    ] {
        let (output, sent) = change(
            &format!("administration.update-{id}"),
            input,
            "PUT",
            target,
            key,
        );
        assert_eq!(sent, json!({ key: body }), "{id}");
        assert_eq!(output["id"], 9, "{id}");
    }
}

#[test]
fn an_update_that_changes_nothing_reads() {
    for (id, path, key) in [
        ("pipeline", "pipelines", "pipeline"),
        ("milestone", "milestones", "milestone"),
        ("track-definition", "trackdefinitions", "trackDefinition"),
        ("user", "users", "user"),
    ] {
        let target = format!("/api/v2/{path}/9");
        let script = Script::new().on("GET", &target, 200, json!({ key: stored(&json!({})) }));
        let id = format!("administration.update-{id}");
        assert_eq!(done(script, &id, &json!({"id": 9})).0["id"], 9, "{id}");
    }
}

#[test]
fn the_party_of_a_user_is_read_along() {
    let script = Script::new().on(
        "PUT",
        "/api/v2/users/9?embed=party",
        200,
        json!({"user": stored(&json!({"party": {"id": 7, "type": "person", "jobTitle": "Buyer"}}))}),
    );
    let (output, log) = done(
        script,
        "administration.update-user",
        &json!({"id": 9, "locale": "en_GB", "embed": {"party": true}}),
    );
    assert_eq!(log.sent(0).json(), json!({"user": {"locale": "en_GB"}}));
    assert_eq!(output["party"]["jobTitle"], "Buyer");
}

#[test]
fn the_party_of_a_user_and_the_name_cannot_be_changed() {
    let found = pointers(
        Script::new(),
        "administration.update-user",
        &json!({"id": 9, "party": 7, "name": "Rana"}),
    );
    assert!(found.iter().all(|(_, rule)| rule == "unknown-field") && found.len() == 2);
}

// ---- deleting, restoring, duplicating ----

#[test]
fn every_delete_says_what_became_of_it() {
    for (id, path, state) in [
        ("pipeline", "pipelines", "archived"),
        ("milestone", "milestones", "deleted"),
        ("board", "boards", "archived"),
        ("stage", "stages", "deleted"),
        ("category", "categories", "deleted"),
        ("activity-type", "activitytypes", "deleted"),
        ("lost-reason", "lostreasons", "deleted"),
        ("title", "titles", "deleted"),
        ("track-definition", "trackdefinitions", "deleted"),
    ] {
        for (status, state) in [(204, state), (404, "alreadyGone"), (202, "scheduled")] {
            let target = format!("/api/v2/{path}/9");
            let script = Script::new().on("DELETE", &target, status, Value::Null);
            let (output, _) = done(
                script,
                &format!("administration.delete-{id}"),
                &json!({"id": 9}),
            );
            assert_eq!(output["id"], 9, "{id}");
            assert_eq!(output["state"], state, "{id} {status}");
        }
    }
}

#[test]
fn deleting_what_is_in_use_is_a_conflict_that_names_the_way_out() {
    for (id, path, message, way_out) in [
        (
            "milestone",
            "milestones",
            "milestone is in use",
            "Move its opportunities",
        ),
        ("title", "titles", "title is in use", "another title"),
        ("stage", "stages", "stage is in use", "Move its projects"),
        ("category", "categories", "no", "in use"),
    ] {
        let refusal = json!({"message": "Validation Failed", "errors": [{"message": message, "resource": "x", "field": "id"}]});
        let script = Script::new().on("DELETE", &format!("/api/v2/{path}/9"), 422, refusal);
        match failed(
            script,
            &format!("administration.delete-{id}"),
            &json!({"id": 9}),
        ) {
            Error::Permanent(PermanentError::Conflict(fault)) => assert!(
                fault.message.contains(message) && fault.message.contains(way_out),
                "{}",
                fault.message
            ),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_archived_one_comes_back_and_a_copy_is_another_one() {
    for (id, target, status, key) in [
        ("restore-pipeline", "/pipelines/9/restore", 200, "pipeline"),
        ("restore-board", "/boards/9/restore", 200, "board"),
        (
            "duplicate-pipeline",
            "/pipelines/9/duplicate",
            201,
            "pipeline",
        ),
    ] {
        let answer = json!({ key: stored(&json!({"id": 10, "deleted": false})) });
        let script = Script::new().on("POST", &format!("/api/v2{target}"), status, answer);
        let (output, log) = done(script, &format!("administration.{id}"), &json!({"id": 9}));
        assert_eq!(
            (&output["id"], &output["deleted"]),
            (&json!(10), &json!(false))
        );
        let sent = log.sent(0);
        assert!(
            sent.body.is_empty() && !sent.headers.contains_key("content-type"),
            "{id}"
        );
    }
}

#[test]
fn what_makes_something_new_is_not_repeated_blindly() {
    for (id, input, target, case) in [
        (
            "create-board",
            json!({"name": "Fit-outs"}),
            "/boards",
            "outcome-unknown",
        ),
        (
            "duplicate-pipeline",
            json!({"id": 9}),
            "/pipelines/9/duplicate",
            "outcome-unknown",
        ),
        (
            "restore-pipeline",
            json!({"id": 9}),
            "/pipelines/9/restore",
            "unavailable",
        ),
        (
            "restore-board",
            json!({"id": 9}),
            "/boards/9/restore",
            "unavailable",
        ),
    ] {
        let script = Script::new().lost(
            "POST",
            &format!("/api/v2{target}"),
            Lost::NoAnswer("reset".into()),
        );
        let error = failed(script, &format!("administration.{id}"), &input);
        assert_eq!(fault(error).0, case, "{id}");
    }
}

// ---- who may ----

#[test]
fn a_403_says_who_may_and_what_depends_on_the_plan() {
    let refusal = json!({"message": "Forbidden"});
    for (id, input, method, target, hints) in [
        (
            "create-stage",
            json!({"board": 4, "name": "X"}),
            "POST",
            "/stages",
            &["administrator", "`write`"][..],
        ),
        (
            "delete-lost-reason",
            json!({"id": 9}),
            "DELETE",
            "/lostreasons/9",
            &["administrator"],
        ),
        (
            "restore-board",
            json!({"id": 9}),
            "POST",
            "/boards/9/restore",
            &["administrator"],
        ),
        (
            "create-pipeline",
            json!({"name": "X"}),
            "POST",
            "/pipelines",
            &["administrator", "Growth"],
        ),
        (
            "create-activity-type",
            json!({"name": "X"}),
            "POST",
            "/activitytypes",
            &["administrator", "higher plan"],
        ),
        (
            "update-user",
            json!({"id": 9, "locale": "en_GB"}),
            "PUT",
            "/users/9",
            &["administrator", "`user_preference`"],
        ),
    ] {
        let script = Script::new().on(method, &format!("/api/v2{target}"), 403, refusal.clone());
        let (case, fault) = fault(failed(script, &format!("administration.{id}"), &input));
        assert_eq!((case, fault.status), ("forbidden", Some(403)), "{id}");
        for hint in hints {
            assert!(fault.message.contains(hint), "{id}: {}", fault.message);
        }
    }
}

#[test]
fn a_402_names_what_the_plan_lacks() {
    let script = Script::new().on(
        "POST",
        "/api/v2/pipelines",
        402,
        json!({"message": "Upgrade"}),
    );
    match failed(
        script,
        "administration.create-pipeline",
        &json!({"name": "X"}),
    ) {
        Error::Permanent(PermanentError::QuotaExhausted(fault)) => {
            assert!(fault.message.contains("Growth"), "{}", fault.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_that_the_host_did_not_let_out_is_no_matter_of_roles() {
    let script = Script::new().lost("POST", "/api/v2/boards", Lost::Denied("no grant".into()));
    let (case, fault) = fault(failed(
        script,
        "administration.create-board",
        &json!({"name": "X"}),
    ));
    assert_eq!(case, "forbidden");
    assert!(
        !fault.message.contains("administrator"),
        "{}",
        fault.message
    );
}

#[test]
fn a_limit_of_the_account_is_told_in_capsules_words() {
    let refusal = json!({"message": "Validation Failed", "errors": [
        {"message": "maximum number of pipelines reached", "resource": "pipeline", "field": "name"},
    ]});
    for (id, input, target) in [
        ("create-pipeline", json!({"name": "X"}), "/pipelines"),
        ("restore-pipeline", json!({"id": 9}), "/pipelines/9/restore"),
    ] {
        let script = Script::new().on("POST", &format!("/api/v2{target}"), 422, refusal.clone());
        let found = violations(script, &format!("administration.{id}"), &input);
        assert_eq!(
            found[0].message,
            "pipeline.name: maximum number of pipelines reached"
        );
    }
}

// ---- track definitions ----

/// A task of a track definition as it is given.
fn step(description: &str, more: Value) -> Value {
    let base = json!({"description": description, "daysAfterRule": "LAST_TASK", "daysAfter": 2, "dayDelayRule": "TRACK_WORKDAYS"});
    over(base, more)
}

/// A track definition with two tasks.
fn track_definition() -> Value {
    json!({"trackDefinition": {
        "id": 9, "description": "Onboarding", "tag": null, "captureRule": "PARTY", "direction": "START_DATE",
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z",
        "taskDefinitions": [
            over(step("Welcome pack", json!({"category": {"id": 5, "name": "Post", "colour": null}})), json!({"id": 21, "displayOrder": 0,
                 "trackTaskAssignee": {"assigneeType": "ENTITY_OWNER", "owner": null}})),
            over(step("Call", json!({"category": null})), json!({"id": 22, "displayOrder": 4,
                 "trackTaskAssignee": {"assigneeType": "USER", "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}}})),
        ],
    }})
}

/// Changes the tasks of that track definition: the rows that are sent.
#[track_caller]
fn rows_of(changes: Value) -> Value {
    let script = Script::new()
        .on("GET", DEFINITION, 200, track_definition())
        .on("PUT", DEFINITION, 200, track_definition());
    let (output, log) = done(
        script,
        "administration.update-track-definition",
        &json!({"id": 9, "taskDefinitions": changes}),
    );
    assert_eq!(
        output["taskDefinitions"][1]["trackTaskAssignee"]["owner"]["id"],
        31
    );
    let body = log.sent(1).json();
    let body = body["trackDefinition"].as_object().unwrap();
    assert_eq!(body.len(), 1);
    body["taskDefinitions"].clone()
}

const OWNER: &str = "ENTITY_OWNER";

#[test]
fn the_tasks_of_a_new_track_definition_stand_in_the_order_given_and_are_the_owners() {
    let script = Script::new()
        .on(
            "GET",
            CATEGORIES,
            200,
            json!({"categories": [{"id": 5, "name": "Post"}]}),
        )
        .on(
            "GET",
            USERS,
            200,
            json!({"users": [{"id": 31, "username": "rkaya", "name": "Rana Kaya"}]}),
        )
        .on("POST", "/api/v2/trackdefinitions", 201, track_definition());
    let tasks = json!([
        step("Welcome pack", json!({"id": 77, "category": "post"})),
        step(
            "Call",
            json!({"trackTaskAssignee": {"assigneeType": "USER", "owner": "Rana Kaya"}, "displayOrder": 7})
        ),
    ]);
    let input = json!({"description": "Onboarding", "captureRule": "PARTY", "direction": "START_DATE", "taskDefinitions": tasks});
    let (output, log) = done(script, "administration.create-track-definition", &input);
    assert_eq!(
        log.sent(2).json()["trackDefinition"]["taskDefinitions"],
        json!([
            step(
                "Welcome pack",
                json!({"category": {"id": 5}, "displayOrder": 0, "trackTaskAssignee": {"assigneeType": OWNER}})
            ),
            step(
                "Call",
                json!({"displayOrder": 7, "trackTaskAssignee": {"assigneeType": "USER", "owner": {"id": 31}}})
            ),
        ])
    );
    assert_eq!(
        output["taskDefinitions"][0]["category"],
        json!({"id": 5, "name": "Post"})
    );
}

#[test]
fn names_in_tasks_that_mean_nothing_are_told_all_at_once() {
    let script = Script::new()
        .on("GET", CATEGORIES, 200, json!({"categories": []}))
        .on("GET", USERS, 200, json!({"users": []}));
    let tasks = json!([
        step("A", json!({"category": "Post"})),
        step(
            "B",
            json!({"trackTaskAssignee": {"assigneeType": "USER", "owner": "Rana"}})
        ),
    ]);
    let input = json!({"description": "X", "captureRule": "PARTY", "direction": "START_DATE", "taskDefinitions": tasks});
    let found = pointers(script, "administration.create-track-definition", &input);
    assert_eq!(
        found,
        [
            ("/taskDefinitions/0/category".into(), "not-found".into()),
            (
                "/taskDefinitions/1/trackTaskAssignee/owner".into(),
                "not-found".into()
            ),
        ]
    );
}

#[test]
fn an_equal_task_is_updated_and_keeps_what_is_left_out_and_a_new_one_comes_last() {
    let rows = rows_of(
        json!({"merge": [step("CALL", json!({})), step("Visit", json!({})), step("Tea", json!({}))]}),
    );
    assert_eq!(
        rows,
        json!([
            step("CALL", json!({"id": 22})),
            step(
                "Visit",
                json!({"displayOrder": 5, "trackTaskAssignee": {"assigneeType": OWNER}})
            ),
            step(
                "Tea",
                json!({"displayOrder": 6, "trackTaskAssignee": {"assigneeType": OWNER}})
            ),
        ])
    );
}

#[test]
fn a_task_is_renamed_by_its_id() {
    let rows = rows_of(json!({"merge": [step("Ring", json!({"id": 22}))]}));
    assert_eq!(rows, json!([step("Ring", json!({"id": 22}))]));
}

#[test]
fn tasks_are_taken_away_by_id_or_description_and_one_that_is_not_there_is_a_success() {
    let rows = rows_of(json!({"remove": [22, "welcome pack", "Visit", 99]}));
    let gone: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(gone, [21, 22]);
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| row["_delete"] == true)
    );
}

#[test]
fn taking_away_what_is_not_there_sends_no_change() {
    let script = Script::new()
        .on("GET", DEFINITION, 200, track_definition())
        .on("GET", DEFINITION, 200, track_definition());
    let input = json!({"id": 9, "taskDefinitions": {"remove": ["Visit"]}});
    done(script, "administration.update-track-definition", &input);
}

#[test]
fn a_replacement_leaves_no_other_task_and_orders_what_it_names() {
    let rows =
        rows_of(json!({"replace": [step("Visit", json!({})), step("Welcome pack", json!({}))]}));
    assert_eq!(
        rows,
        json!([
            step("Visit", json!({"displayOrder": 0, "trackTaskAssignee": {"assigneeType": OWNER}})),
            step("Welcome pack", json!({"id": 21, "displayOrder": 1})),
            {"id": 22, "_delete": true},
        ])
    );
    let rows = rows_of(json!({"replace": []}));
    assert_eq!(
        rows,
        json!([{"id": 21, "_delete": true}, {"id": 22, "_delete": true}])
    );
}

#[test]
fn a_task_that_is_not_of_the_definition_is_refused_before_the_change() {
    let script = Script::new().on("GET", DEFINITION, 200, track_definition());
    let input = json!({"id": 9, "taskDefinitions": {"merge": [step("X", json!({"id": 99}))]}});
    let found = pointers(script, "administration.update-track-definition", &input);
    assert_eq!(
        found,
        [("/taskDefinitions/merge/0/id".into(), "not-found".into())]
    );
}

#[test]
fn a_replacement_stands_alone() {
    let input = json!({"id": 9, "taskDefinitions": {"replace": [], "remove": [21]}});
    let found = pointers(
        Script::new(),
        "administration.update-track-definition",
        &input,
    );
    assert_eq!(found, [("/taskDefinitions/replace".into(), "range".into())]);
}
