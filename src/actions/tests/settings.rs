use super::*;
use crate::api::Lost;

/// Plays one request of a list: the output.
#[track_caller]
fn list(id: &str, input: Value, target: &str, answer: Value) -> Value {
    done(Script::new().on("GET", target, 200, answer), id, &input).0
}

// ---- each list ----

#[test]
fn every_list_asks_for_its_path_and_reads_its_key() {
    for (id, target, key) in [
        ("settings.list-users", "/users?page=1", "users"),
        ("settings.list-teams", "/teams?page=1", "teams"),
        (
            "settings.list-pipelines",
            "/pipelines?embed=meta&page=1",
            "pipelines",
        ),
        (
            "settings.list-milestones",
            "/milestones/all?embed=meta&page=1",
            "milestones",
        ),
        (
            "settings.list-boards",
            "/boards?status=active&embed=meta&page=1",
            "boards",
        ),
        (
            "settings.list-stages",
            "/stages?status=active&embed=meta&page=1",
            "stages",
        ),
        (
            "settings.list-categories",
            "/categories?page=1",
            "categories",
        ),
        (
            "settings.list-activity-types",
            "/activitytypes?page=1",
            "activityTypes",
        ),
        (
            "settings.list-lost-reasons",
            "/lostreasons?embed=meta&page=1",
            "lostReasons",
        ),
        ("settings.list-titles", "/titles?page=1", "personTitles"),
        ("settings.list-countries", "/countries?page=1", "countries"),
        (
            "settings.list-currencies",
            "/currencies?page=1",
            "currencies",
        ),
        ("settings.list-goals", "/goals?page=1", "goals"),
    ] {
        let target = format!("/api/v2{target}&perPage=100");
        let output = list(
            id,
            json!({}),
            &target,
            json!({ key: [], "meta": {"totalCount": 0} }),
        );
        assert_eq!(output, json!({"items": [], "total": 0}), "{id}");
    }
}

#[test]
fn records_come_with_what_capsule_tells_of_them() {
    for (id, target, key, row, expected) in [
        (
            "settings.list-pipelines",
            "/pipelines?embed=meta&page=1",
            "pipelines",
            json!({"id": 3, "name": "Sales", "deleted": false, "openMilestoneCount": 4, "createdAt": "2026-01-05T08:00:00Z",
                   "updatedAt": "2026-01-05T08:00:00Z", "ofTomorrow": {"x": 1}}),
            json!({"id": 3, "name": "Sales", "deleted": false, "openMilestoneCount": 4, "createdAt": "2026-01-05T08:00:00Z",
                   "updatedAt": "2026-01-05T08:00:00Z"}),
        ),
        (
            "settings.list-milestones",
            "/milestones/all?embed=meta&page=1",
            "milestones",
            json!({"id": 9, "name": "Won", "description": null, "complete": true, "probability": 100, "daysUntilStale": null,
                   "pipeline": {"id": 3, "name": "Sales"}}),
            json!({"id": 9, "name": "Won", "complete": true, "probability": 100, "pipeline": {"id": 3, "name": "Sales"}}),
        ),
        (
            "settings.list-categories",
            "/categories?page=1",
            "categories",
            json!({"id": 5, "name": "Call", "colour": "#00aa00"}),
            json!({"id": 5, "name": "Call", "colour": "#00aa00"}),
        ),
        (
            "settings.list-activity-types",
            "/activitytypes?page=1",
            "activityTypes",
            json!({"id": -2, "name": "Meeting", "updateLastContacted": true,
                   "icon": {"id": "MEETING", "displayName": "Meeting", "iconName": "cup", "order": 2, "isSystem": true}}),
            json!({"id": -2, "name": "Meeting", "updateLastContacted": true,
                   "icon": {"id": "MEETING", "displayName": "Meeting", "iconName": "cup", "order": 2, "isSystem": true}}),
        ),
        (
            "settings.list-lost-reasons",
            "/lostreasons?embed=meta&page=1",
            "lostReasons",
            json!({"id": 6, "name": "Price too high", "includedForConversion": true}),
            json!({"id": 6, "name": "Price too high", "includedForConversion": true}),
        ),
        (
            "settings.list-titles",
            "/titles?page=1",
            "personTitles",
            json!({"id": 8, "title": "Dame"}),
            json!({"id": 8, "title": "Dame"}),
        ),
        (
            "settings.list-currencies",
            "/currencies?page=1",
            "currencies",
            json!({"code": "NOK", "symbol": "kr"}),
            json!({"code": "NOK", "symbol": "kr"}),
        ),
    ] {
        let target = format!("/api/v2{target}&perPage=100");
        let output = list(id, json!({}), &target, json!({ key: [row] }));
        assert_eq!(output["items"], json!([expected]), "{id}");
    }
}

// ---- users, teams, the account ----

/// A user as Capsule sends one.
fn user(party: Value) -> Value {
    json!({"id": 31, "username": "rkaya", "name": "Rana Kaya", "status": "ACTIVE", "party": party, "locale": "en_GB", "currency": "GBP",
           "timezone": "Europe/London", "taskReminder": true, "clickToCallPreference": "TEL", "emailPreference": null,
           "preferredEmailFromAddress": null, "lastLoginAt": "2026-01-05T08:00:00Z"})
}

#[test]
fn the_party_of_a_user_may_come_short_or_full() {
    let short = json!({"id": 7, "type": "person", "firstName": "Rana", "lastName": "Kaya", "isRestricted": false});
    let script = Script::new().on(
        "GET",
        "/api/v2/users/current",
        200,
        json!({"user": user(short.clone())}),
    );
    let (output, _) = done(script, "settings.get-current-user", &json!({}));
    assert_eq!(output["party"], short);
    assert_eq!(
        (&output["name"], &output["taskReminder"]),
        (&json!("Rana Kaya"), &json!(true))
    );
    let full = person(
        7,
        json!({"firstName": "Rana", "lastName": "Kaya", "jobTitle": "Owner"}),
    );
    let script = Script::new().on(
        "GET",
        "/api/v2/users/current?embed=party",
        200,
        json!({"user": user(full)}),
    );
    let (output, _) = done(
        script,
        "settings.get-current-user",
        &json!({"embed": {"party": true}}),
    );
    assert_eq!(output["party"], over(short, json!({"jobTitle": "Owner"})));
}

#[test]
fn members_of_a_team_come_when_asked_for() {
    let stored = json!({"id": 11, "name": "Sales", "memberships": [{"user": {"id": 31, "username": "rkaya", "name": "Rana Kaya", "deleted": false}}]});
    let output = list(
        "settings.list-teams",
        json!({"members": true}),
        "/api/v2/teams?embed=memberships&page=1&perPage=100",
        json!({"teams": [stored]}),
    );
    assert_eq!(
        output["items"][0]["memberships"],
        json!([{"user": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}}])
    );
    let output = list(
        "settings.list-teams",
        json!({}),
        "/api/v2/teams?page=1&perPage=100",
        json!({"teams": [{"id": 11, "name": "Sales"}]}),
    );
    assert_eq!(output["items"][0], json!({"id": 11, "name": "Sales"}));
}

#[test]
fn the_account_is_named() {
    let site = json!({"url": "https://northwind.capsulecrm.com", "subdomain": "northwind", "name": "Northwind Ltd"});
    let script = Script::new().on("GET", "/api/v2/site", 200, json!({ "site": site }));
    let (output, _) = done(script, "settings.get-site", &json!({}));
    assert_eq!(output, site);
}

#[test]
fn a_country_code_is_a_number_however_capsule_writes_it() {
    let output = list(
        "settings.list-countries",
        json!({}),
        "/api/v2/countries?page=1&perPage=100",
        json!({"countries": [
            {"alpha2Code": "PT", "alpha3Code": "PRT", "numericCode": 620, "name": "Portugal"},
            {"alpha2Code": "AF", "alpha3Code": "AFG", "numericCode": "004", "name": "Afghanistan"},
            {"name": "Nowhere", "numericCode": "x"},
        ]}),
    );
    assert_eq!(
        output["items"],
        json!([
            {"alpha2Code": "PT", "alpha3Code": "PRT", "numericCode": 620, "name": "Portugal"},
            {"alpha2Code": "AF", "alpha3Code": "AFG", "numericCode": 4, "name": "Afghanistan"},
            {"name": "Nowhere"},
        ])
    );
}

// ---- pipelines and boards ----

#[test]
fn archived_pipelines_are_asked_for_and_marked() {
    let output = list(
        "settings.list-pipelines",
        json!({"includeArchived": true, "q": "sal"}),
        "/api/v2/pipelines?q=sal&includeDeleted=true&embed=meta&page=1&perPage=100",
        json!({"pipelines": [{"id": 3, "name": "Sales"}, {"id": 4, "name": "Sales 2019", "deleted": true}], "meta": {"totalCount": 2}}),
    );
    assert_eq!(
        output,
        json!({"items": [{"id": 3, "name": "Sales", "deleted": false}, {"id": 4, "name": "Sales 2019", "deleted": true}], "total": 2})
    );
}

#[test]
fn milestones_without_a_pipeline_are_those_of_all_and_not_of_the_oldest() {
    list(
        "settings.list-milestones",
        json!({"pipeline": null}),
        "/api/v2/milestones/all?embed=meta&page=1&perPage=100",
        json!({"milestones": []}),
    );
}

#[test]
fn a_pipeline_by_name_is_looked_up_and_by_id_is_not() {
    let none = json!({"milestones": []});
    let pipelines =
        json!({"pipelines": [{"id": 3, "name": "Sales"}, {"id": 5, "name": "Renewals"}]});
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/pipelines?includeDeleted=true&page=1&perPage=100",
            200,
            pipelines,
        )
        .on(
            "GET",
            "/api/v2/pipelines/5/milestones?embed=meta&page=1&perPage=100",
            200,
            none.clone(),
        );
    done(
        script,
        "settings.list-milestones",
        &json!({"pipeline": " renewals"}),
    );
    list(
        "settings.list-milestones",
        json!({"pipeline": 9}),
        "/api/v2/pipelines/9/milestones?embed=meta&page=1&perPage=100",
        none,
    );
}

#[test]
fn an_unknown_pipeline_names_the_nearest_and_a_double_one_its_candidates() {
    let pipelines = |rows: Value| {
        Script::new().on(
            "GET",
            "/api/v2/pipelines?includeDeleted=true&page=1&perPage=100",
            200,
            json!({ "pipelines": rows }),
        )
    };
    let found = violations(
        pipelines(json!([{"id": 3, "name": "Sales"}, {"id": 5, "name": "Renewals"}])),
        "settings.list-milestones",
        &json!({"pipeline": "Sale"}),
    );
    assert_eq!(
        (found[0].pointer.as_str(), found[0].rule.as_str()),
        ("/pipeline", "not-found")
    );
    assert!(found[0].message.contains("`Sales`"), "{}", found[0].message);
    let (pointer, candidates) = ambiguity(
        pipelines(json!([{"id": 3, "name": "Sales"}, {"id": 5, "name": "SALES"}])),
        "settings.list-milestones",
        &json!({"pipeline": "sales"}),
    );
    assert_eq!(pointer, "/pipeline");
    assert_eq!(candidates.len(), 2);
}

#[test]
fn boards_of_a_status_are_asked_for() {
    let output = list(
        "settings.list-boards",
        json!({"status": "nonempty", "q": " "}),
        "/api/v2/boards?status=nonempty&embed=meta&page=1&perPage=100",
        json!({"boards": [{"id": 2, "name": "Delivery", "deleted": true}]}),
    );
    assert_eq!(
        output["items"],
        json!([{"id": 2, "name": "Delivery", "deleted": true}])
    );
}

#[test]
fn a_stage_is_marked_by_the_status_that_was_asked_for() {
    let stage = json!({"id": 4, "name": "Planning", "board": {"id": 2, "name": "Delivery"}, "displayOrder": 1});
    for (status, archived) in [
        ("active", json!(false)),
        ("archived", json!(true)),
        ("all", json!(null)),
    ] {
        let output = list(
            "settings.list-stages",
            json!({"status": status, "includeArchivedBoards": true}),
            &format!(
                "/api/v2/stages?status={status}&includeOnDeletedBoard=true&embed=meta&page=1&perPage=100"
            ),
            json!({"stages": [stage]}),
        );
        assert_eq!(output["items"][0]["deleted"], archived, "{status}");
    }
    let told = over(stage, json!({"deleted": true}));
    let output = list(
        "settings.list-stages",
        json!({"status": "all"}),
        "/api/v2/stages?status=all&embed=meta&page=1&perPage=100",
        json!({"stages": [told]}),
    );
    assert_eq!(output["items"][0]["deleted"], true);
}

#[test]
fn stages_of_a_board_are_asked_for_there() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/boards?status=all&page=1&perPage=100",
            200,
            json!({"boards": [{"id": 2, "name": "Delivery"}]}),
        )
        .on(
            "GET",
            "/api/v2/boards/2/stages?status=active&embed=meta&page=1&perPage=100",
            200,
            json!({"stages": []}),
        );
    done(
        script,
        "settings.list-stages",
        &json!({"board": "delivery", "includeArchivedBoards": true}),
    );
}

// ---- goals and plans ----

#[test]
fn the_user_of_a_goal_may_be_a_bare_id() {
    let goal = |user: Value| {
        json!({"id": 1, "name": "Q1", "frequency": "FIXED", "startOn": "2026-01-01", "endOn": "2026-03-31",
               "type": "bbc7a4b4-78eb-3bbd-85bb-9f20ec2e3f5d", "value": 1200.5, "currency": "GBP", "user": user, "status": "ACTIVE",
               "pipeline": null, "milestone": {"id": 9, "name": "Won"}})
    };
    let output = list(
        "settings.list-goals",
        json!({}),
        "/api/v2/goals?page=1&perPage=100",
        json!({"goals": [goal(json!(31)), goal(json!({"id": 31, "name": "Rana Kaya"}))]}),
    );
    assert_eq!(
        (&output["items"][0]["user"], &output["items"][1]["user"]),
        (&json!({"id": 31}), &json!({"id": 31, "name": "Rana Kaya"}))
    );
    assert_eq!(output["items"][0]["value"], 1200.5);
}

#[test]
fn what_the_plan_does_not_have_is_told_apart_from_a_fault() {
    for (status, expected) in [(402, "quota-exhausted"), (403, "forbidden")] {
        let script = Script::new().on(
            "GET",
            "/api/v2/goals?page=1&perPage=100",
            status,
            json!({"message": "Not in your plan"}),
        );
        let case = match failed(script, "settings.list-goals", &json!({})) {
            Error::Permanent(PermanentError::QuotaExhausted(fault)) => ("quota-exhausted", fault),
            other => fault(other),
        };
        assert_eq!(case.0, expected);
        assert!(
            case.1.message.contains("Not in your plan"),
            "{}",
            case.1.message
        );
    }
}

// ---- saved filters ----

#[test]
fn saved_filters_are_of_one_entity() {
    for (entity, path) in [
        ("parties", "parties"),
        ("opportunities", "opportunities"),
        ("projects", "kases"),
    ] {
        let output = list(
            "settings.list-saved-filters",
            json!({"entity": entity}),
            &format!("/api/v2/{path}/filters?page=1&perPage=100"),
            json!({"filters": [{"id": 12, "name": "Hot", "conditions": []}]}),
        );
        assert_eq!(output["items"], json!([{"id": 12, "name": "Hot"}]));
    }
}

#[test]
fn the_records_of_a_saved_filter_are_of_its_kind() {
    let opportunity = json!({"id": 70, "name": "Roof", "milestone": {"id": 9, "name": "Won"}, "party": {"id": 7, "type": "person", "lastName": "D"}});
    let project = json!({"id": 80, "name": "Roof", "status": "OPEN"});
    for (entity, path, embed, row, case) in [
        (
            "parties",
            "parties",
            "tags,organisation",
            person(7, json!({"tags": []})),
            "party",
        ),
        (
            "opportunities",
            "opportunities",
            "tags,party",
            opportunity,
            "opportunity",
        ),
        ("projects", "kases", "tags,party", project, "project"),
    ] {
        let output = list(
            "settings.run-saved-filter",
            json!({"entity": entity, "filter": 12, "embed": {"tags": true, "linked": true}}),
            &format!("/api/v2/{path}/filters/12/results?embed={embed},meta&page=1&perPage=100"),
            json!({ path: [row], "meta": {"totalCount": 1} }),
        );
        assert_eq!(output["total"], 1);
        assert_eq!(output["items"][0][case]["id"], row["id"], "{output}");
    }
}

#[test]
fn the_custom_fields_of_found_records_are_spelt_by_their_definitions() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/opportunities/fields/definitions?page=1&perPage=100",
            200,
            definitions(&[definition(47, "Rank", "number")]),
        )
        .on(
            "GET",
            "/api/v2/opportunities/filters/12/results?embed=fields,meta&page=1&perPage=100",
            200,
            json!({"opportunities": [{"id": 70, "name": "Roof", "fields": [{"id": 1, "definition": {"id": 47}, "value": "12"}]}]}),
        );
    let (output, _) = done(
        script,
        "settings.run-saved-filter",
        &json!({"entity": "opportunities", "filter": 12, "embed": {"fields": true}}),
    );
    assert_eq!(
        output["items"][0]["opportunity"]["fields"],
        json!({"47": 12})
    );
}

#[test]
fn a_saved_filter_may_be_named() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/kases/filters?page=1&perPage=100",
            200,
            json!({"filters": [{"id": 12, "name": "Late"}]}),
        )
        .on(
            "GET",
            "/api/v2/kases/filters/12/results?embed=meta&page=1&perPage=100",
            200,
            json!({"kases": []}),
        );
    done(
        script,
        "settings.run-saved-filter",
        &json!({"entity": "projects", "filter": "late"}),
    );
    let script = Script::new().on(
        "GET",
        "/api/v2/kases/filters?page=1&perPage=100",
        200,
        json!({"filters": []}),
    );
    let found = violations(
        script,
        "settings.run-saved-filter",
        &json!({"entity": "projects", "filter": "late"}),
    );
    assert_eq!(found[0].pointer, "/filter");
    assert!(
        found[0].message.contains("none at all"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_saved_filter_that_is_gone_is_not_found() {
    let script = Script::new().on(
        "GET",
        "/api/v2/parties/filters/12/results?embed=meta&page=1&perPage=100",
        404,
        json!({"message": "filter not found"}),
    );
    let error = failed(
        script,
        "settings.run-saved-filter",
        &json!({"entity": "parties", "filter": 12}),
    );
    assert_eq!(fault(error).0, "not-found");
}

// ---- paging and what can go wrong ----

#[test]
fn a_list_goes_on_where_its_page_ended() {
    let rows = |ids: std::ops::Range<u64>| -> Value {
        ids.map(|id| json!({"id": id, "name": format!("C{id}")}))
            .collect()
    };
    let first = Script::new()
        .on(
            "GET",
            "/api/v2/categories?page=1&perPage=25",
            200,
            json!({"categories": rows(1..26)}),
        )
        .with("x-pagination-has-more", "true");
    let (output, _) = done(first, "settings.list-categories", &json!({"limit": 20}));
    assert_eq!(output["items"].as_array().unwrap().len(), 20);
    let second = Script::new()
        .on(
            "GET",
            "/api/v2/categories?page=1&perPage=25",
            200,
            json!({"categories": rows(1..26)}),
        )
        .with("x-pagination-has-more", "true")
        .on(
            "GET",
            "/api/v2/categories?page=2&perPage=25",
            200,
            json!({"categories": rows(26..28)}),
        );
    let (output, _) = done(
        second,
        "settings.list-categories",
        &json!({"limit": 20, "cursor": output["next"]}),
    );
    let ids: Vec<_> = output["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    assert_eq!(ids, [21, 22, 23, 24, 25, 26, 27]);
    assert_eq!(output.get("next"), None);
}

#[test]
fn a_list_that_capsule_does_not_page_ends_with_its_one_answer() {
    let countries: Value = (0..249)
        .map(|n| json!({"name": format!("Land {n}")}))
        .collect();
    let output = list(
        "settings.list-countries",
        json!({}),
        "/api/v2/countries?page=1&perPage=100",
        json!({ "countries": countries }),
    );
    assert_eq!(output["items"].as_array().unwrap().len(), 249);
    assert_eq!(output.get("next"), None);
}

#[test]
fn a_cursor_of_another_list_is_stale() {
    let script = || {
        Script::new().on(
            "GET",
            "/api/v2/categories?page=1&perPage=25",
            200,
            json!({"categories": [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]}),
        )
    };
    let (output, _) = done(script(), "settings.list-categories", &json!({"limit": 1}));
    let error = failed(
        Script::new(),
        "settings.list-titles",
        &json!({"limit": 1, "cursor": output["next"]}),
    );
    assert_eq!(fault(error).0, "stale-cursor");
}

#[test]
fn a_row_of_another_shape_is_told_with_its_place() {
    let script = Script::new().on(
        "GET",
        "/api/v2/titles?page=1&perPage=100",
        200,
        json!({"personTitles": [{"id": 8, "title": "Dame"}, {"id": "x", "title": "Sir"}]}),
    );
    let (case, fault) = fault(failed(script, "settings.list-titles", &json!({})));
    assert_eq!(case, "malformed-response");
    assert!(fault.message.contains("/items/1/id"), "{}", fault.message);
}

#[test]
fn a_list_that_gets_no_answer_can_be_tried_again() {
    let script = Script::new().lost(
        "GET",
        "/api/v2/titles?page=1&perPage=100",
        Lost::TimedOut("30 s".into()),
    );
    assert_eq!(
        fault(failed(script, "settings.list-titles", &json!({}))).0,
        "timed-out"
    );
}
