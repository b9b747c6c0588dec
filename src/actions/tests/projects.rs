use super::*;

const ALL: &str = "/api/v2/kases";
const ONE: &str = "/api/v2/kases/77";
const STAGES: &str = "/api/v2/stages?page=1&perPage=100";

/// A project as Capsule stores it.
pub(super) fn project(changes: Value) -> Value {
    let base = json!({
        "id": 77, "name": "Onboarding", "description": null, "party": {"id": 9002, "type": "organisation", "name": "Lagoa Foods"},
        "opportunity": null, "stage": {"id": 1, "name": "Planning"}, "status": "OPEN", "startOn": null, "expectedCloseOn": null,
        "closedOn": null, "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}, "team": {"id": 5, "name": "North"},
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z",
    });
    over(base, changes)
}

fn told(changes: Value) -> Value {
    json!({"kase": project(changes)})
}

fn stages() -> Value {
    json!({"stages": [
        {"id": 1, "name": "Planning", "board": {"id": 3, "name": "Delivery"}}, {"id": 2, "name": "Review", "board": {"id": 3, "name": "Delivery"}},
        {"id": 11, "name": "Review", "board": {"id": 4, "name": "Support"}}, {"id": 12, "name": "Done", "board": {"id": 4, "name": "Support"}},
    ]})
}

fn new(changes: Value) -> Value {
    over(json!({"party": 9002, "name": "Onboarding"}), changes)
}

#[test]
fn all_that_is_given_is_sent_under_the_name_that_capsule_has_for_projects() {
    let input = new(
        json!({"stage": 1, "opportunity": 12, "startOn": "2026-02-01", "expectedCloseOn": "2026-03-01", "owner": 31, "team": 5}),
    );
    let script = Script::new().on("POST", ALL, 201, told(json!({})));
    let (output, log) = done(script, "projects.create", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"kase": {"party": {"id": 9002}, "name": "Onboarding", "stage": {"id": 1}, "opportunity": {"id": 12}, "startOn": "2026-02-01",
                        "expectedCloseOn": "2026-03-01", "owner": {"id": 31}, "team": {"id": 5}}})
    );
    assert_eq!(
        (&output["id"], &output["status"]),
        (&json!(77), &json!("OPEN"))
    );
}

#[test]
fn cases_are_another_name_of_projects() {
    let script = Script::new().on("GET", ONE, 200, told(json!({})));
    let (output, _) = done(script, "cases.get", &json!({"id": 77}));
    assert_eq!(output["id"], 77);
}

#[test]
fn an_owner_that_the_boards_team_displaced_is_set_afterwards_beside_it() {
    let script = Script::new()
        .on("POST", ALL, 201, told(json!({"owner": null})))
        .on("PUT", ONE, 200, told(json!({})));
    let (output, log) = done(
        script,
        "projects.create",
        &new(json!({"stage": 1, "owner": 31})),
    );
    assert_eq!(
        log.sent(1).json(),
        json!({"kase": {"owner": {"id": 31}, "team": {"id": 5}}})
    );
    assert_eq!(output["owner"]["id"], 31);
}

#[test]
fn changing_the_owner_keeps_the_team_and_the_other_way_round() {
    for (input, expected) in [
        (
            json!({"owner": 32}),
            json!({"owner": {"id": 32}, "team": {"id": 5}}),
        ),
        (
            json!({"team": 6}),
            json!({"team": {"id": 6}, "owner": {"id": 31}}),
        ),
        (
            json!({"owner": null}),
            json!({"owner": null, "team": {"id": 5}}),
        ),
    ] {
        let script =
            Script::new()
                .on("GET", ONE, 200, told(json!({})))
                .on("PUT", ONE, 200, told(json!({})));
        let (_, log) = done(script, "projects.update", &over(json!({"id": 77}), input));
        assert_eq!(log.sent(1).json()["kase"], expected);
    }
    let both = json!({"id": 77, "owner": 32, "team": null});
    let script = Script::new().on("PUT", ONE, 200, told(json!({})));
    let (_, log) = done(script, "projects.update", &both);
    assert_eq!(
        log.sent(0).json()["kase"],
        json!({"owner": {"id": 32}, "team": null})
    );
}

#[test]
fn an_upsert_that_changes_the_owner_keeps_the_team() {
    let script = Script::new()
        .on(
            "POST",
            "/api/v2/kases/filters/results?embed=tags,fields&page=1&perPage=100",
            200,
            json!({"kases": [project(json!({"tags": [], "fields": []}))]}),
        )
        .on("PUT", ONE, 200, told(json!({})));
    let input = json!({"matchBy": ["name"], "project": new(json!({"owner": 32}))});
    let (output, log) = done(script, "projects.upsert", &input);
    assert_eq!(
        log.sent(1).json()["kase"],
        json!({"owner": {"id": 32}, "team": {"id": 5}})
    );
    assert_eq!(output["action"], "updated");
}

#[test]
fn closing_and_opening_again_set_the_status() {
    for (operation, status) in [("close", "CLOSED"), ("reopen", "OPEN")] {
        let script = Script::new().on("PUT", ONE, 200, told(json!({"status": status})));
        let (output, log) = done(script, &format!("projects.{operation}"), &json!({"id": 77}));
        assert_eq!(log.sent(0).json(), json!({"kase": {"status": status}}));
        assert_eq!(output["status"], status);
    }
}

#[test]
fn a_move_refuses_a_stage_of_another_board_unless_told_to() {
    let standing = || {
        Script::new()
            .on("GET", ONE, 200, told(json!({})))
            .on("GET", STAGES, 200, stages())
    };
    let input = json!({"id": 77, "stage": "Done"});
    assert_eq!(
        pointers(standing(), "projects.move", &input),
        [("/stage".to_owned(), "choice".to_owned())]
    );
    for (input, stage) in [
        (over(input, json!({"acrossBoards": true})), 12),
        (json!({"id": 77, "stage": "review"}), 2),
    ] {
        let script = standing().on("PUT", ONE, 200, told(json!({})));
        let (_, log) = done(script, "projects.move", &input);
        assert_eq!(
            log.sent(2).json(),
            json!({"kase": {"stage": {"id": stage}}})
        );
    }
}

#[test]
fn a_project_without_a_stage_may_go_anywhere() {
    let script = Script::new()
        .on("GET", ONE, 200, told(json!({"stage": null})))
        .on("GET", STAGES, 200, stages())
        .on("PUT", ONE, 200, told(json!({})));
    done(script, "projects.move", &json!({"id": 77, "stage": "Done"}));
}

#[test]
fn a_board_without_a_stage_is_asked_to_name_one() {
    assert_eq!(
        pointers(Script::new(), "projects.create", &new(json!({"board": 3}))),
        [("/stage".to_owned(), "required".to_owned())]
    );
}

#[test]
fn a_field_of_projects_alone_can_be_filtered_by() {
    for (field, there) in [("startOn", true), ("lastContactedOn", false)] {
        let input = json!({"conditions": [{"field": field, "operator": "is after", "value": "2026-01-01"}]});
        let script = if there {
            Script::new().on(
                "POST",
                "/api/v2/kases/filters/results?embed=meta&page=1&perPage=100",
                200,
                json!({"kases": []}),
            )
        } else {
            Script::new()
        };
        assert_eq!(
            play(script, "projects.filter", &input).0.is_ok(),
            there,
            "{field}"
        );
    }
}

#[test]
fn an_originating_opportunity_may_be_restricted() {
    let hidden = json!({"opportunity": {"id": 12, "name": "Private", "isRestricted": true}});
    let script = Script::new().on("GET", ONE, 200, told(hidden));
    let (output, _) = done(script, "projects.get", &json!({"id": 77}));
    assert_eq!(
        output["opportunity"],
        json!({"id": 12, "name": "Private", "isRestricted": true})
    );
}

#[test]
fn deleted_projects_come_with_those_that_became_restricted() {
    let script = Script::new().on(
        "GET",
        "/api/v2/kases/deleted?since=2026-02-01T00%3A00%3A00Z&page=1&perPage=100",
        200,
        json!({"kases": [], "restrictedKases": [{"id": 8, "name": "Private", "isRestricted": true}]}),
    );
    let (output, _) = done(
        script,
        "projects.list-deleted",
        &json!({"since": "2026-02-01T00:00:00Z"}),
    );
    assert_eq!(output["items"], json!([{"id": 8, "isRestricted": true}]));
}
