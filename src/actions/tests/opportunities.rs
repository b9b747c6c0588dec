use super::*;

const ALL: &str = "/api/v2/opportunities";
const ONE: &str = "/api/v2/opportunities/77";
const TO_COMPARE: &str =
    "/api/v2/opportunities/filters/results?embed=tags,fields&page=1&perPage=100";
const MILESTONES: &str = "/api/v2/milestones/all?page=1&perPage=100";
const PIPELINES: &str = "/api/v2/pipelines?includeDeleted=true&page=1&perPage=100";
const REASONS: &str = "/api/v2/lostreasons?page=1&perPage=100";
const FIELDS: &str = "/api/v2/opportunities/fields/definitions?page=1&perPage=100";

/// An opportunity as Capsule stores it.
pub(super) fn opportunity(changes: Value) -> Value {
    let base = json!({
        "id": 77, "name": "Yearly supply", "description": null, "party": {"id": 9002, "type": "organisation", "name": "Lagoa Foods"},
        "milestone": {"id": 1, "name": "Lead"}, "value": {"amount": 1200.0, "currency": "EUR"}, "durationBasis": "FIXED", "duration": null,
        "probability": 10, "expectedCloseOn": null, "closedOn": null, "lostReason": null, "lastOpenMilestone": null,
        "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}, "team": null,
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z", "ofTomorrow": {"x": 1},
    });
    over(base, changes)
}

fn told(changes: Value) -> Value {
    json!({"opportunity": opportunity(changes)})
}

/// Two pipelines with milestones of the same names.
fn milestones() -> Value {
    let row = |id, name, complete, probability, pipeline: (u64, &str)| json!({"id": id, "name": name, "complete": complete, "probability": probability, "pipeline": {"id": pipeline.0, "name": pipeline.1}});
    let (sales, partners) = ((3, "Sales"), (4, "Partners"));
    json!({"milestones": [
        row(1, "Lead", false, 10, sales), row(2, "Proposal", false, 50, sales), row(8, "Won", true, 100, sales), row(9, "Lost", true, 0, sales),
        row(11, "Lead", false, 5, partners), row(12, "Signed", false, 80, partners), row(18, "Won", true, 100, partners), row(19, "Lost", true, 0, partners),
    ]})
}

fn pipelines() -> Value {
    json!({"pipelines": [{"id": 3, "name": "Sales"}, {"id": 4, "name": "Partners"}]})
}

fn new(changes: Value) -> Value {
    over(
        json!({"party": 9002, "name": "Yearly supply", "milestone": 1}),
        changes,
    )
}

// ---- create ----

#[test]
fn all_that_is_given_is_sent_and_the_whole_record_comes_back() {
    let input = new(json!({
        "pipeline": "sales", "milestone": "proposal", "description": "x", "value": {"amount": 1200.5, "currency": "eur"},
        "durationBasis": "MONTH", "duration": 12, "probability": 40, "expectedCloseOn": "2026-06-30", "owner": 31, "team": 5,
        "tags": ["VIP", 12], "fields": {"46": "web"}, "tracks": ["Onboarding"], "additionalParties": [9001],
    }));
    let script = Script::new()
        .on("GET", PIPELINES, 200, pipelines())
        .on("GET", MILESTONES, 200, milestones())
        .on(
            "GET",
            "/api/v2/trackdefinitions?page=1&perPage=100",
            200,
            json!({"trackDefinitions": [{"id": 6, "description": "Onboarding"}]}),
        )
        .on("POST", ALL, 201, told(json!({})))
        .on(
            "POST",
            "/api/v2/opportunities/77/parties/9001",
            204,
            Value::Null,
        );
    let (output, log) = done(script, "opportunities.create", &input);
    assert_eq!(
        log.sent(3).json(),
        json!({"opportunity": {
            "party": {"id": 9002}, "name": "Yearly supply", "milestone": {"id": 2}, "description": "x",
            "value": {"amount": 1200.5, "currency": "EUR"}, "durationBasis": "MONTH", "duration": 12, "probability": 40,
            "expectedCloseOn": "2026-06-30", "owner": {"id": 31}, "team": {"id": 5}, "tags": [{"name": "VIP"}, {"id": 12}],
            "fields": [{"definition": {"id": 46}, "value": "web"}], "tracks": [{"definition": {"id": 6}}],
        }})
    );
    assert!(log.sent(4).body.is_empty());
    assert_eq!(
        output,
        json!({
            "id": 77, "name": "Yearly supply", "party": {"id": 9002, "type": "organisation", "name": "Lagoa Foods", "isRestricted": false},
            "milestone": {"id": 1, "name": "Lead"}, "value": {"amount": 1200, "currency": "EUR"}, "durationBasis": "FIXED",
            "probability": 10, "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"},
            "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z",
        })
    );
}

#[test]
fn ids_cost_no_look_up() {
    let script = Script::new().on("POST", ALL, 201, told(json!({})));
    let (_, log) = done(script, "opportunities.create", &new(json!({})));
    assert_eq!(
        log.sent(0).json()["opportunity"],
        json!({"party": {"id": 9002}, "name": "Yearly supply", "milestone": {"id": 1}})
    );
}

#[test]
fn a_milestone_of_another_pipeline_than_the_given_one_is_refused_before_anything_is_sent() {
    for milestone in [json!("Signed"), json!(12)] {
        let script = Script::new().on("GET", MILESTONES, 200, milestones());
        let input = new(json!({"pipeline": 3, "milestone": milestone}));
        let all = violations(script, "opportunities.create", &input);
        assert_eq!(
            (all[0].pointer.as_str(), all[0].rule.as_str()),
            ("/milestone", "choice")
        );
        assert!(
            all[0].message.contains("Signed (Partners)"),
            "{}",
            all[0].message
        );
    }
}

#[test]
fn a_milestone_that_several_pipelines_have_is_ambiguous_with_their_names() {
    let script = Script::new().on("GET", MILESTONES, 200, milestones());
    let (pointer, candidates) = ambiguity(
        script,
        "opportunities.create",
        &new(json!({"milestone": "won"})),
    );
    assert_eq!(pointer, "/milestone");
    assert_eq!(
        candidates,
        [
            ("8".to_owned(), "Won (Sales)".to_owned()),
            ("18".to_owned(), "Won (Partners)".to_owned())
        ]
    );
}

#[test]
fn milestones_are_read_of_all_pipelines_because_the_plain_list_has_one_pipeline() {
    let script = Script::new().on("GET", MILESTONES, 200, milestones()).on(
        "POST",
        ALL,
        201,
        told(json!({})),
    );
    let (_, log) = done(
        script,
        "opportunities.create",
        &new(json!({"milestone": "Signed"})),
    );
    assert_eq!(
        log.sent(1).json()["opportunity"]["milestone"],
        json!({"id": 12})
    );
}

#[test]
fn a_value_without_currency_is_refused_before_anything_is_sent() {
    let input = new(json!({"value": {"amount": 5}}));
    assert_eq!(
        pointers(Script::new(), "opportunities.create", &input),
        [("/value/currency".to_owned(), "required".to_owned())]
    );
}

#[test]
fn a_probability_beside_a_milestone_that_closes_is_refused_before_anything_is_sent() {
    let script = Script::new().on("GET", MILESTONES, 200, milestones());
    let input = new(json!({"milestone": 8, "probability": 50}));
    assert_eq!(
        pointers(script, "opportunities.create", &input),
        [("/probability".to_owned(), "range".to_owned())]
    );
}

#[test]
fn a_probability_of_a_closed_opportunity_is_refused_by_capsule_where_the_caller_can_see_it() {
    let refusal = json!({"message": "Validation Failed", "errors": [
        {"message": "probability can be updated only for open opportunity", "resource": "opportunity", "field": "probability"}]});
    let script = Script::new().on("PUT", ONE, 422, refusal);
    assert_eq!(
        pointers(
            script,
            "opportunities.update",
            &json!({"id": 77, "probability": 50})
        ),
        [("/probability".to_owned(), "vendor".to_owned())]
    );
}

#[test]
fn a_fixed_sum_has_no_duration() {
    for input in [
        json!({"duration": 3}),
        json!({"duration": 3, "durationBasis": "FIXED"}),
    ] {
        assert_eq!(
            pointers(Script::new(), "opportunities.create", &new(input)),
            [("/duration".to_owned(), "range".to_owned())]
        );
    }
    let script = Script::new().on("PUT", ONE, 200, told(json!({})));
    let (_, log) = done(
        script,
        "opportunities.update",
        &json!({"id": 77, "durationBasis": "FIXED"}),
    );
    assert_eq!(
        log.sent(0).json()["opportunity"],
        json!({"durationBasis": "FIXED", "duration": null})
    );
}

#[test]
fn a_field_of_a_data_tag_attaches_its_tag() {
    let field = over(
        definition(46, "Source", "text"),
        json!({"tag": {"id": 12, "name": "Lead data"}}),
    );
    let script = Script::new()
        .on("GET", FIELDS, 200, definitions(&[field]))
        .on("POST", ALL, 201, told(json!({})));
    let (_, log) = done(
        script,
        "opportunities.create",
        &new(json!({"fields": {"source": "web"}})),
    );
    assert_eq!(
        log.sent(1).json()["opportunity"]["tags"],
        json!([{"id": 12}])
    );
}

#[test]
fn what_fails_after_the_creation_is_told_as_incomplete() {
    let script = Script::new().on("POST", ALL, 201, told(json!({}))).on(
        "POST",
        "/api/v2/opportunities/77/parties/5",
        404,
        json!({"message": "party not found"}),
    );
    let error = failed(
        script,
        "opportunities.create",
        &new(json!({"additionalParties": [5]})),
    );
    let (case, fault) = fault(error);
    assert_eq!(case, "incomplete");
    let extra: Value = serde_json::from_str(&fault.extra.unwrap()).unwrap();
    assert_eq!(
        extra["done"],
        json!([{"operation": "opportunities.create", "id": 77}])
    );
}

// ---- update ----

#[test]
fn what_is_left_out_stays_and_null_clears() {
    let script = Script::new()
        .on(
            "GET",
            REASONS,
            200,
            json!({"lostReasons": [{"id": 6, "name": "Price too high"}]}),
        )
        .on("PUT", ONE, 200, told(json!({})));
    let input = json!({"id": 77, "description": null, "value": null, "expectedCloseOn": "2026-06-30", "lostReason": "price too high",
                       "team": null, "fields": {"46": null}});
    let (_, log) = done(script, "opportunities.update", &input);
    assert_eq!(
        log.sent(1).json()["opportunity"],
        json!({"description": null, "value": null, "expectedCloseOn": "2026-06-30", "lostReason": {"id": 6}, "team": null,
               "fields": [{"definition": {"id": 46}, "value": null}]})
    );
}

#[test]
fn a_boolean_field_cannot_be_cleared() {
    let fields = definitions(&[definition(46, "Signed", "boolean")]);
    let script = Script::new().on("GET", FIELDS, 200, fields);
    assert_eq!(
        pointers(
            script,
            "opportunities.update",
            &json!({"id": 77, "fields": {"signed": null}})
        ),
        [("/fields/signed".to_owned(), "type".to_owned())]
    );
}

#[test]
fn tags_that_are_taken_away_are_deleted_by_their_row_and_those_that_are_not_there_are_left_out() {
    let stored = json!({"tags": [{"id": 12, "name": "VIP", "dataTag": false}, {"id": 13, "name": "Old", "dataTag": false}]});
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/opportunities/77?embed=tags",
            200,
            told(stored),
        )
        .on("PUT", ONE, 200, told(json!({})));
    let input = json!({"id": 77, "tags": {"add": ["vip", "New"], "remove": ["old", "Nobody"]}});
    let (_, log) = done(script, "opportunities.update", &input);
    assert_eq!(
        log.sent(1).json()["opportunity"]["tags"],
        json!([{"name": "New"}, {"id": 13, "_delete": true}])
    );
}

#[test]
fn an_update_of_nothing_reads_the_record() {
    let script = Script::new().on("GET", ONE, 200, told(json!({})));
    let (output, _) = done(script, "opportunities.update", &json!({"id": 77}));
    assert_eq!(output["id"], 77);
}

// ---- reading ----

#[test]
fn nested_records_may_come_short_full_or_restricted() {
    let stored = json!({
        "party": {"id": 9002, "name": "Private", "isRestricted": true},
        "milestone": {"id": 1, "name": "Lead", "complete": false, "probability": 10, "pipeline": {"id": 3, "name": "Sales"}},
    });
    let script = Script::new().on("GET", ONE, 200, told(stored));
    let (output, _) = done(script, "opportunities.get", &json!({"id": 77}));
    assert_eq!(
        (&output["party"], &output["milestone"]),
        (
            &json!({"id": 9002, "name": "Private", "isRestricted": true}),
            &json!({"id": 1, "name": "Lead"})
        )
    );
}

#[test]
fn several_are_read_with_those_that_are_missing() {
    let script = Script::new()
        .on("GET", "/api/v2/opportunities/77,5", 404, Value::Null)
        .on("GET", ONE, 200, told(json!({})))
        .on("GET", "/api/v2/opportunities/5", 404, Value::Null);
    let (output, _) = done(
        script,
        "opportunities.get-many",
        &json!({"ids": [77, 5, 77]}),
    );
    assert_eq!(
        (&output["items"][0]["id"], &output["missing"]),
        (&json!(77), &json!([5]))
    );
}

#[test]
fn lists_ask_for_their_paths() {
    let rows = json!({"opportunities": [opportunity(json!({}))], "meta": {"totalCount": 1}});
    let tail = "embed=meta&page=1&perPage=100";
    for (id, input, target) in [
        (
            "list-all",
            json!({"since": "2026-02-01T00:00:00Z"}),
            format!("?since=2026-02-01T00%3A00%3A00Z&{tail}"),
        ),
        (
            "search",
            json!({"q": "lagoa"}),
            format!("/search?q=lagoa&{tail}"),
        ),
    ] {
        let script = Script::new().on("GET", &format!("{ALL}{target}"), 200, rows.clone());
        let (output, _) = done(script, &format!("opportunities.{id}"), &input);
        assert_eq!(
            (&output["items"][0]["id"], &output["total"]),
            (&json!(77), &json!(1)),
            "{id}"
        );
    }
    for (id, path, key) in [
        ("list-parties", "parties", "parties"),
        ("list-projects", "kases", "kases"),
    ] {
        let script = Script::new().on(
            "GET",
            &format!("{ONE}/{path}?{tail}"),
            200,
            json!({ key: [] }),
        );
        let (output, _) = done(script, &format!("opportunities.{id}"), &json!({"id": 77}));
        assert_eq!(output, json!({"items": []}), "{id}");
    }
    let script = Script::new().on(
        "GET",
        &format!("{ONE}/entries?page=1&perPage=50"),
        200,
        json!({"entries": [{"id": 4, "type": "note"}]}),
    );
    let (output, _) = done(script, "opportunities.list-entries", &json!({"id": 77}));
    assert_eq!(output["items"][0]["id"], 4);
}

#[test]
fn deleted_feeds_need_since_and_hold_restricted_records() {
    assert_eq!(
        pointers(Script::new(), "opportunities.list-deleted", &json!({})),
        [("/since".to_owned(), "required".to_owned())]
    );
    let script = Script::new().on(
        "GET",
        "/api/v2/opportunities/deleted?since=2026-02-01T00%3A00%3A00Z&page=1&perPage=100",
        200,
        json!({"opportunities": [{"id": 7, "deletedAt": "2026-02-02T00:00:00Z"}],
               "restrictedOpportunities": [{"id": 8, "name": "Private", "isRestricted": true}]}),
    );
    let (output, _) = done(
        script,
        "opportunities.list-deleted",
        &json!({"since": "2026-02-01T00:00:00Z"}),
    );
    assert_eq!(
        output["items"],
        json!([{"id": 7, "deletedAt": "2026-02-02T00:00:00Z", "isRestricted": false}, {"id": 8, "isRestricted": true}])
    );
}

#[test]
fn a_deletion_may_be_done_scheduled_or_done_before() {
    for (status, state) in [(204, "deleted"), (202, "scheduled"), (404, "already-gone")] {
        let script = Script::new().on("DELETE", ONE, status, Value::Null);
        let (output, _) = done(script, "opportunities.delete", &json!({"id": 77}));
        assert_eq!(output["id"], 77);
        assert_eq!(
            output["state"]
                .as_str()
                .unwrap()
                .to_lowercase()
                .replace("already_gone", "already-gone")
                .replace("alreadygone", "already-gone"),
            state
        );
    }
}

// ---- filter ----

#[test]
fn filters_take_the_names_of_filters_and_point_from_those_of_records() {
    let condition = |field: &str, value: Value| json!({"conditions": [{"field": field, "operator": "is", "value": value}]});
    for (field, near) in [("createdAt", "addedOn"), ("value", "expectedValue")] {
        let all = violations(
            Script::new(),
            "opportunities.filter",
            &condition(field, json!("x")),
        );
        assert_eq!(all[0].pointer, "/conditions/0/field");
        assert!(all[0].message.contains(near), "{}", all[0].message);
    }
}

#[test]
fn a_sum_is_compared_with_its_currency_and_custom_fields_by_their_id() {
    let input = json!({"conditions": [
        {"field": "expectedValue", "operator": "is greater than", "value": {"amount": 1000, "currency": "EUR"}},
        {"field": "custom:source", "operator": "contains", "value": "web"},
        {"field": "milestone", "operator": "is", "value": "Proposal"},
    ], "orderBy": [{"field": "addedOn", "direction": "descending"}]});
    let fields = definitions(&[definition(46, "Source", "text")]);
    let script = Script::new().on("GET", FIELDS, 200, fields).on(
        "POST",
        "/api/v2/opportunities/filters/results?embed=meta&page=1&perPage=100",
        200,
        json!({"opportunities": [opportunity(json!({}))]}),
    );
    let (_, log) = done(script, "opportunities.filter", &input);
    assert_eq!(
        log.sent(1).json(),
        json!({"filter": {"conditions": [
            {"field": "expectedValue", "operator": "is greater than", "value": {"amount": 1000, "currency": "EUR"}},
            {"field": "custom:46", "operator": "contains", "value": "web"},
            {"field": "milestone", "operator": "is", "value": "Proposal"},
        ], "orderBy": [{"field": "addedOn", "direction": "descending"}]}})
    );
}

#[test]
fn what_does_not_fit_a_field_is_told_before_anything_is_sent() {
    let input = json!({"conditions": [
        {"field": "isOpen", "operator": "contains", "value": "x"},
        {"field": "expectedValue", "operator": "is", "value": 5},
        {"field": "org.name", "operator": "is", "value": "x"},
        {"field": "probability", "operator": "is", "value": "x"},
    ]});
    let expected = [
        "/conditions/0/operator",
        "/conditions/1/value",
        "/conditions/2/field",
        "/conditions/3/value",
    ];
    let all = pointers(Script::new(), "opportunities.filter", &input);
    assert_eq!(
        all.iter().map(|(pointer, _)| pointer).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn opportunities_are_summed_up_with_their_currency() {
    let script = Script::new().on(
        "POST",
        "/api/v2/opportunities/value",
        200,
        json!({"totalValue": 1200.0, "projectedValue": 600.5, "meta": {"currency": "GBP"}}),
    );
    let input = json!({"conditions": [{"field": "isOpen", "operator": "is", "value": true}]});
    let (output, log) = done(script, "opportunities.get-total-value", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"filter": {"conditions": [{"field": "isOpen", "operator": "is", "value": true}]}})
    );
    assert_eq!(
        output,
        json!({"total": 1200, "projected": 600.5, "currency": "GBP"})
    );
}

// ---- upsert ----

fn by_name(changes: Value) -> Value {
    json!({"matchBy": ["name"], "opportunity": new(changes)})
}

fn found(rows: &[Value]) -> Script {
    Script::new().on("POST", TO_COMPARE, 200, json!({ "opportunities": rows }))
}

#[test]
fn an_opportunity_is_recognised_by_its_name_within_its_party() {
    let stranger = opportunity(json!({"id": 5, "party": {"id": 4}}));
    let script = found(&[stranger]).on("POST", ALL, 201, told(json!({})));
    let (output, log) = done(script, "opportunities.upsert", &by_name(json!({})));
    assert_eq!(
        log.sent(0).json(),
        json!({"filter": {"conditions": [{"field": "name", "operator": "is", "value": "Yearly supply"}]}})
    );
    assert_eq!(output["action"], "created");
}

#[test]
fn only_what_differs_is_sent() {
    let stored = opportunity(
        json!({"tags": [{"id": 12, "name": "VIP", "dataTag": false}],
                                    "fields": [{"id": 5, "definition": {"id": 46}, "value": "web"}]}),
    );
    let input = by_name(
        json!({"value": {"amount": 1200, "currency": "eur"}, "description": "", "owner": 31, "tags": ["vip", "New"],
                               "fields": {"46": "web", "47": "x"}, "expectedCloseOn": "2026-06-30"}),
    );
    let script = found(&[stored]).on("PUT", ONE, 200, told(json!({})));
    let (output, log) = done(script, "opportunities.upsert", &input);
    assert_eq!(
        log.sent(1).json()["opportunity"],
        json!({"expectedCloseOn": "2026-06-30", "tags": [{"name": "New"}], "fields": [{"definition": {"id": 47}, "value": "x"}]})
    );
    assert_eq!(output["action"], "updated");
}

#[test]
fn what_is_there_already_is_not_written() {
    let (output, _) = done(
        found(&[opportunity(json!({"tags": [], "fields": []}))]),
        "opportunities.upsert",
        &by_name(json!({"value": {"amount": 1200, "currency": "EUR"}})),
    );
    assert_eq!(output["action"], "unchanged");
    assert!(output["opportunity"].get("tags").is_none());
}

#[test]
fn an_additional_party_that_was_missing_is_an_update() {
    for (status, body, action) in [
        (204, Value::Null, "updated"),
        (
            422,
            json!({"message": "Validation Failed", "errors": [{"message": "party is already a contact for this opportunity"}]}),
            "unchanged",
        ),
    ] {
        let script = found(&[opportunity(json!({}))]).on(
            "POST",
            "/api/v2/opportunities/77/parties/9001",
            status,
            body,
        );
        let input = by_name(json!({"additionalParties": [9001]}));
        let (output, _) = done(script, "opportunities.upsert", &input);
        assert_eq!(output["action"], action);
    }
}

#[test]
fn several_that_match_are_told_apart_or_chosen_by_age() {
    let rows = [opportunity(json!({"id": 78})), opportunity(json!({}))];
    let input = by_name(json!({}));
    let (pointer, candidates) = ambiguity(found(&rows), "opportunities.upsert", &input);
    assert_eq!(pointer, "/matchBy/0");
    assert_eq!(
        candidates,
        [
            ("77".to_owned(), "Yearly supply (Lagoa Foods)".to_owned()),
            ("78".to_owned(), "Yearly supply (Lagoa Foods)".to_owned())
        ]
    );
    for (several, id) in [("newest", 78), ("oldest", 77)] {
        let input = over(input.clone(), json!({"several": several}));
        let (output, _) = done(found(&rows), "opportunities.upsert", &input);
        assert_eq!(output["opportunity"]["id"], id);
    }
}

#[test]
fn an_opportunity_is_recognised_by_a_field_with_a_foreign_id_and_left_as_it_is_by_find_or_create() {
    let stored = opportunity(
        json!({"name": "Other", "fields": [{"id": 5, "definition": {"id": 46}, "value": "A-7"}]}),
    );
    let script = Script::new()
        .on(
            "GET",
            FIELDS,
            200,
            definitions(&[definition(46, "Key", "text")]),
        )
        .on(
            "POST",
            "/api/v2/opportunities/filters/results?embed=fields&page=1&perPage=100",
            200,
            json!({"opportunities": [stored]}),
        );
    let input = json!({"matchBy": [{"field": "key"}], "opportunity": new(json!({"fields": {"Key": "A-7"}}))});
    let (output, log) = done(script, "opportunities.find-or-create", &input);
    assert_eq!(
        log.sent(1).json()["filter"]["conditions"][0],
        json!({"field": "custom:46", "operator": "is", "value": "A-7"})
    );
    assert_eq!(
        (&output["action"], &output["opportunity"]["name"]),
        (&json!("unchanged"), &json!("Other"))
    );
    assert!(output["opportunity"].get("fields").is_none());
}

#[test]
fn a_key_without_a_value_recognises_nothing() {
    for (keys, pointer) in [
        (json!([]), "/matchBy"),
        (json!([{"field": 46}]), "/matchBy"),
    ] {
        let input = json!({"matchBy": keys, "opportunity": new(json!({}))});
        assert_eq!(
            pointers(Script::new(), "opportunities.upsert", &input),
            [(pointer.to_owned(), "required".to_owned())]
        );
    }
}

// ---- moves ----

/// The record is read, then the milestones.
fn standing(changes: Value) -> Script {
    Script::new()
        .on("GET", ONE, 200, told(changes))
        .on("GET", MILESTONES, 200, milestones())
}

#[test]
fn a_move_takes_the_milestone_of_the_own_pipeline_where_others_have_its_name() {
    let at_proposal = json!({"milestone": {"id": 2, "name": "Proposal"}});
    let script = standing(at_proposal).on("PUT", ONE, 200, told(json!({})));
    let (_, log) = done(
        script,
        "opportunities.move",
        &json!({"id": 77, "milestone": "lead"}),
    );
    assert_eq!(
        log.sent(2).json(),
        json!({"opportunity": {"milestone": {"id": 1}}})
    );
}

#[test]
fn a_move_refuses_a_milestone_of_another_pipeline_unless_told_to() {
    for milestone in [json!("Signed"), json!(12)] {
        let input = json!({"id": 77, "milestone": milestone});
        let all = violations(standing(json!({})), "opportunities.move", &input);
        assert_eq!(
            (all[0].pointer.as_str(), all[0].rule.as_str()),
            ("/milestone", "choice")
        );
        assert!(all[0].message.contains("acrossPipelines"));
        let script = standing(json!({})).on("PUT", ONE, 200, told(json!({})));
        let (_, log) = done(
            script,
            "opportunities.move",
            &over(input, json!({"acrossPipelines": true})),
        );
        assert_eq!(
            log.sent(2).json()["opportunity"],
            json!({"milestone": {"id": 12}})
        );
    }
}

#[test]
fn a_move_to_where_it_stands_sends_nothing() {
    let (output, _) = done(
        standing(json!({})),
        "opportunities.move",
        &json!({"id": 77, "milestone": 1}),
    );
    assert_eq!(output["milestone"]["id"], 1);
}

#[test]
fn winning_goes_to_the_milestone_of_its_pipeline_that_closes_as_won() {
    for (here, won) in [(1, 8), (11, 18), (9, 8)] {
        let script =
            standing(json!({"milestone": {"id": here}})).on("PUT", ONE, 200, told(json!({})));
        let (_, log) = done(script, "opportunities.win", &json!({"id": 77}));
        assert_eq!(
            log.sent(2).json(),
            json!({"opportunity": {"milestone": {"id": won}}})
        );
    }
    let (output, _) = done(
        standing(json!({"milestone": {"id": 8}})),
        "opportunities.win",
        &json!({"id": 77}),
    );
    assert_eq!(output["milestone"]["id"], 8);
}

#[test]
fn losing_takes_a_reason_by_id_or_name() {
    let reasons = json!({"lostReasons": [{"id": 6, "name": "Price too high"}]});
    let script = Script::new()
        .on("GET", REASONS, 200, reasons)
        .on("GET", ONE, 200, told(json!({})))
        .on("GET", MILESTONES, 200, milestones())
        .on("PUT", ONE, 200, told(json!({})));
    let (_, log) = done(
        script,
        "opportunities.lose",
        &json!({"id": 77, "reason": "price too high"}),
    );
    assert_eq!(
        log.sent(3).json()["opportunity"],
        json!({"milestone": {"id": 9}, "lostReason": {"id": 6}})
    );
    let lost = json!({"milestone": {"id": 9}, "lostReason": {"id": 6, "name": "Price too high"}});
    done(
        standing(lost.clone()),
        "opportunities.lose",
        &json!({"id": 77, "reason": 6}),
    );
    let script = standing(lost).on("PUT", ONE, 200, told(json!({})));
    let (_, log) = done(
        script,
        "opportunities.lose",
        &json!({"id": 77, "reason": 5}),
    );
    assert_eq!(
        log.sent(2).json()["opportunity"],
        json!({"lostReason": {"id": 5}})
    );
}

#[test]
fn reopening_goes_back_to_the_milestone_before_or_to_the_first_open_one() {
    for (changes, input, expected) in [
        (json!({"lastOpenMilestone": {"id": 2}}), json!({}), 2),
        (json!({"lastOpenMilestone": {"id": 12}}), json!({}), 1),
        (json!({}), json!({}), 1),
        (json!({}), json!({"milestone": "Proposal"}), 2),
    ] {
        let lost = over(json!({"milestone": {"id": 9}}), changes);
        let script = standing(lost).on("PUT", ONE, 200, told(json!({})));
        let input = over(json!({"id": 77}), input);
        let (_, log) = done(script, "opportunities.reopen", &input);
        assert_eq!(
            log.sent(2).json(),
            json!({"opportunity": {"milestone": {"id": expected}}})
        );
    }
    done(
        standing(json!({})),
        "opportunities.reopen",
        &json!({"id": 77}),
    );
    assert_eq!(
        pointers(
            standing(json!({"milestone": {"id": 9}})),
            "opportunities.reopen",
            &json!({"id": 77, "milestone": "Won"})
        ),
        [("/milestone".to_owned(), "choice".to_owned())]
    );
}

// ---- parties ----

#[test]
fn a_party_that_is_there_already_or_is_the_main_contact_is_a_success() {
    let refusal = |message: &str| json!({"message": "Validation Failed", "errors": [{"message": message, "resource": "opportunity", "field": "party"}]});
    for (status, body, state) in [
        (204, Value::Null, "added"),
        (
            422,
            refusal("party is already a contact for this opportunity"),
            "alreadyThere",
        ),
        (
            422,
            refusal("party is already related to this opportunity"),
            "alreadyThere",
        ),
    ] {
        let script = Script::new().on(
            "POST",
            "/api/v2/opportunities/77/parties/9001",
            status,
            body,
        );
        let (output, log) = done(
            script,
            "opportunities.add-party",
            &json!({"id": 77, "party": 9001}),
        );
        assert!(log.sent(0).body.is_empty());
        assert_eq!(output, json!({"id": 77, "party": 9001, "state": state}));
    }
}

#[test]
fn a_party_that_is_not_there_is_taken_away_with_success_and_a_record_that_is_not_there_is_not() {
    let gone = json!({"message": "party not found"});
    let target = "/api/v2/opportunities/77/parties/9001";
    let input = json!({"id": 77, "party": 9001});
    let script =
        Script::new()
            .on("DELETE", target, 404, gone.clone())
            .on("GET", ONE, 200, told(json!({})));
    let (output, _) = done(script, "opportunities.remove-party", &input);
    assert_eq!(output["state"], "alreadyGone");
    let script = Script::new().on("DELETE", target, 204, Value::Null);
    let (output, _) = done(script, "opportunities.remove-party", &input);
    assert_eq!(output["state"], "removed");
    let script = Script::new()
        .on("DELETE", target, 404, gone.clone())
        .on("GET", ONE, 404, gone);
    let error = failed(script, "opportunities.remove-party", &input);
    assert_eq!(fault(error).0, "not-found");
}
