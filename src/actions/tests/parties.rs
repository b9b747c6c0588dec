use super::*;

// ---- get ----

#[test]
fn a_party_is_read_with_what_was_asked_for() {
    let stored = person(
        7,
        json!({"tags": [], "fields": [{"id": 1, "definition": {"id": 47}, "value": "12"}], "missingImportantFields": false}),
    );
    let script = Script::new()
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(47, "Rank", "number")]),
        )
        .on(
            "GET",
            "/api/v2/site",
            200,
            json!({"site": {"url": "https://lagoa.capsulecrm.com"}}),
        )
        .on(
            "GET",
            "/api/v2/parties/7?embed=tags,fields,organisation,missingImportantFields",
            200,
            one(&stored),
        );
    let embed = json!({"tags": true, "fields": true, "organisation": true, "missingImportantFields": true, "webUrl": true});
    let (output, _) = done(script, "parties.get", &json!({"id": 7, "embed": embed}));
    assert_eq!(output["fields"], json!({"47": 12}));
    assert_eq!(
        (&output["tags"], &output["missingImportantFields"]),
        (&json!([]), &json!(false))
    );
    assert_eq!(output["webUrl"], "https://lagoa.capsulecrm.com/party/7");
}

#[test]
fn a_party_that_does_not_exist_is_not_found() {
    let script = Script::new().on(
        "GET",
        "/api/v2/parties/7",
        404,
        json!({"message": "party not found"}),
    );
    let (case, fault) = fault(failed(script, "parties.get", &json!({"id": 7})));
    assert_eq!(
        (case, fault.status, fault.request.as_deref()),
        ("not-found", Some(404), Some("GET /api/v2/parties/7"))
    );
}

// ---- get-many ----

fn people(ids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    ids.into_iter().map(|id| person(id, json!({}))).collect()
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect()
}

#[test]
fn ten_ids_go_into_one_request() {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/parties/1,2,3,4,5,6,7,8,9,10",
            200,
            all(&people(1..=10)),
        )
        .on(
            "GET",
            "/api/v2/parties/11,12,13,14,15,16,17,18,19,20",
            200,
            all(&people((11..=20).rev())),
        )
        .on(
            "GET",
            "/api/v2/parties/21,22,23,24,25",
            200,
            all(&people(21..=25)),
        );
    let (output, _) = done(
        script,
        "parties.get-many",
        &json!({"ids": (1..=25).collect::<Vec<u64>>()}),
    );
    assert_eq!(ids(&output["items"]), (1..=25).collect::<Vec<_>>());
    assert_eq!(output["missing"], json!([]));
}

#[test]
fn an_unknown_id_is_missing_and_the_others_are_found_by_halves() {
    let gone = || json!({"message": "party not found"});
    let script = Script::new()
        .on("GET", "/api/v2/parties/1,2,3,4,5,6", 404, gone())
        .on("GET", "/api/v2/parties/1,2,3", 200, all(&people(1..=3)))
        .on("GET", "/api/v2/parties/4,5,6", 404, gone())
        .on("GET", "/api/v2/parties/4", 200, one(&person(4, json!({}))))
        .on("GET", "/api/v2/parties/5,6", 404, gone())
        .on("GET", "/api/v2/parties/5", 404, gone())
        .on("GET", "/api/v2/parties/6", 200, one(&person(6, json!({}))));
    let (output, _) = done(
        script,
        "parties.get-many",
        &json!({"ids": [1, 2, 3, 4, 5, 6]}),
    );
    assert_eq!(ids(&output["items"]), [1, 2, 3, 4, 6]);
    assert_eq!(output["missing"], json!([5]));
}

#[test]
fn ids_come_once_in_the_order_of_the_caller() {
    let script = Script::new().on("GET", "/api/v2/parties/9,3,5", 200, all(&people([3, 5, 9])));
    let (output, _) = done(script, "parties.get-many", &json!({"ids": [9, 3, 9, 5, 3]}));
    assert_eq!(ids(&output["items"]), [9, 3, 5]);
}

#[test]
fn a_record_that_capsule_leaves_out_is_missing() {
    let script = Script::new().on("GET", "/api/v2/parties/1,2", 200, all(&people([2])));
    let (output, _) = done(script, "parties.get-many", &json!({"ids": [1, 2]}));
    assert_eq!(
        (ids(&output["items"]), &output["missing"]),
        (vec![2], &json!([1]))
    );
}

#[test]
fn no_ids_cost_no_request() {
    let (output, _) = done(
        Script::new(),
        "parties.get-many",
        &json!({"ids": [], "embed": {"fields": true, "webUrl": true}}),
    );
    assert_eq!(output, json!({"items": [], "missing": []}));
}

#[test]
fn another_error_than_not_found_ends_the_reading() {
    let script = Script::new().on("GET", "/api/v2/parties/1,2", 403, json!({"message": "no"}));
    assert_eq!(
        fault(failed(script, "parties.get-many", &json!({"ids": [1, 2]}))).0,
        "forbidden"
    );
}

// ---- lists ----

#[test]
fn every_list_asks_at_its_own_place() {
    let page = "page=1&perPage=100";
    for (id, input, target, key) in [
        (
            "parties.list-all",
            json!({}),
            format!("/api/v2/parties?embed=meta&{page}"),
            "parties",
        ),
        (
            "parties.list-all",
            json!({"since": "2026-02-03T09:15:00Z", "limit": 30}),
            "/api/v2/parties?since=2026-02-03T09%3A15%3A00Z&embed=meta&page=1&perPage=30".into(),
            "parties",
        ),
        (
            "parties.search",
            json!({"q": "a&b=c"}),
            format!("/api/v2/parties/search?q=a%26b%3Dc&embed=meta&{page}"),
            "parties",
        ),
        (
            "parties.list-people",
            json!({"id": 9}),
            format!("/api/v2/parties/9/people?embed=meta&{page}"),
            "parties",
        ),
        (
            "parties.list-opportunities",
            json!({"id": 9}),
            format!("/api/v2/parties/9/opportunities?embed=meta&{page}"),
            "opportunities",
        ),
        (
            "parties.list-projects",
            json!({"id": 9}),
            format!("/api/v2/parties/9/kases?embed=meta&{page}"),
            "kases",
        ),
        (
            "parties.list-entries",
            json!({"id": 9}),
            "/api/v2/parties/9/entries?page=1&perPage=50".into(),
            "entries",
        ),
        (
            "parties.list-entries",
            json!({"id": 9, "limit": 500}),
            "/api/v2/parties/9/entries?page=1&perPage=50".into(),
            "entries",
        ),
    ] {
        let script = Script::new().on(
            "GET",
            &target,
            200,
            json!({key: [], "meta": {"totalCount": 0}}),
        );
        let (output, _) = done(script, id, &input);
        assert_eq!(output, json!({"items": [], "total": 0}), "{id}");
    }
}

#[test]
fn opportunities_are_read_with_their_fields_and_link() {
    let row = json!({
        "id": 5, "name": "Figs", "description": null, "party": {"id": 7, "type": "person", "firstName": "Ines", "lastName": "Duarte", "pictureURL": "x"},
        "milestone": {"id": 3, "name": "Bid"}, "lastOpenMilestone": null, "lostReason": null, "value": {"amount": 1200.0, "currency": "EUR"},
        "durationBasis": "MONTH", "duration": 12, "probability": 50, "expectedCloseOn": "2026-03-01", "closedOn": null,
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z", "lastContactedAt": null, "lastStageChangedAt": null,
        "owner": {"id": 31, "deleted": false, "username": "rkaya", "name": "Rana Kaya", "pictureURL": "x"}, "team": null,
        "fields": [{"id": 1, "definition": {"id": 60, "name": "Rank"}, "value": "3"}], "tags": [], "new": {"vendor": "key"},
    });
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/opportunities/fields/definitions?page=1&perPage=100",
            200,
            definitions(&[definition(60, "Rank", "number")]),
        )
        .on(
            "GET",
            "/api/v2/site",
            200,
            json!({"site": {"url": "https://lagoa.capsulecrm.com"}}),
        )
        .on(
            "GET",
            "/api/v2/parties/7/opportunities?embed=tags,fields,party,meta&page=1&perPage=100",
            200,
            json!({"opportunities": [row]}),
        );
    let (output, _) = done(
        script,
        "parties.list-opportunities",
        &json!({"id": 7, "embed": {"tags": true, "fields": true, "party": true, "webUrl": true}}),
    );
    let row = &output["items"][0];
    assert_eq!(
        (&row["value"], &row["fields"]),
        (
            &json!({"amount": 1200, "currency": "EUR"}),
            &json!({"60": 3})
        )
    );
    assert_eq!(row["webUrl"], "https://lagoa.capsulecrm.com/opportunity/5");
}

#[test]
fn projects_are_read_with_their_stage_and_opportunity() {
    let row = json!({
        "id": 6, "name": "Deliver figs", "party": {"id": 7, "type": "person", "isRestricted": true, "firstName": null, "lastName": "Private"},
        "opportunity": {"id": 5, "name": "Private", "isRestricted": true}, "stage": {"id": 2, "name": "Plan"}, "status": "OPEN",
    });
    let settings = crate::api::Settings {
        access_token: Some("t".into()),
        web_url: Some("https://lagoa.capsulecrm.com".into()),
        ..Default::default()
    };
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties/7/kases?embed=meta&page=1&perPage=100",
            200,
            json!({"kases": [row]}),
        )
        .client_with(settings);
    let output: Value = serde_json::from_str(
        &block_on(invoke(&client, "parties.list-projects", r#"{"id":7}"#)).unwrap(),
    )
    .unwrap();
    assert_eq!(
        output["items"][0],
        json!({
            "id": 6, "name": "Deliver figs", "party": {"id": 7, "type": "person", "lastName": "Private", "isRestricted": true},
            "opportunity": {"id": 5, "name": "Private", "isRestricted": true}, "stage": {"id": 2, "name": "Plan"}, "status": "OPEN",
            "webUrl": "https://lagoa.capsulecrm.com/kase/6",
        })
    );
}

#[test]
fn entries_are_read_with_built_in_types_and_what_they_are_filed_on() {
    let row = json!({
        "id": 4, "type": "email", "subject": "Figs", "content": "Hello", "entryAt": "2026-01-05T08:00:00Z",
        "creator": {"id": 31, "name": "Rana Kaya"}, "activityType": {"id": -2, "name": "Email"}, "kase": {"id": 6, "name": "Deliver figs"},
        "party": null, "parties": [{"id": 7, "type": "person", "lastName": "Duarte"}], "participants": [{"address": "a@b.example", "role": "FROM"}],
        "attachments": [{"id": 1, "filename": "a.pdf", "contentType": "application/pdf", "size": 12}],
    });
    let script = Script::new().on(
        "GET",
        "/api/v2/parties/7/entries?page=1&perPage=50",
        200,
        json!({"entries": [row]}),
    );
    let (output, _) = done(script, "parties.list-entries", &json!({"id": 7}));
    let entry = &output["items"][0];
    assert_eq!(
        (&entry["activityType"]["id"], &entry["kase"]["id"]),
        (&json!(-2), &json!(6))
    );
    assert_eq!(entry["attachments"][0]["size"], 12);
}

// ---- delete ----

#[test]
fn a_deletion_says_what_became_of_it() {
    for (status, body, state) in [
        (204, Value::Null, "deleted"),
        (200, json!({}), "deleted"),
        (202, Value::Null, "scheduled"),
        (404, json!({"message": "party not found"}), "alreadyGone"),
        (410, Value::Null, "alreadyGone"),
    ] {
        let script = Script::new().on("DELETE", "/api/v2/parties/7", status, body);
        assert_eq!(
            done(script, "parties.delete", &json!({"id": 7})).0,
            json!({"id": 7, "state": state}),
            "{status}"
        );
    }
}

#[test]
fn a_lost_deletion_can_be_repeated() {
    let script = Script::new().lost(
        "DELETE",
        "/api/v2/parties/7",
        crate::api::Lost::NoAnswer("reset".into()),
    );
    assert_eq!(
        fault(failed(script, "parties.delete", &json!({"id": 7}))).0,
        "unavailable"
    );
}

// ---- the deleted feed ----

const DELETED: &str = "/api/v2/parties/deleted?since=2026-01-01T00%3A00%3A00Z";

fn deleted(input: Value) -> Value {
    over(json!({"since": "2026-01-01T00:00:00Z"}), input)
}

#[test]
fn deleted_and_restricted_records_come_in_one_list() {
    let body = json!({
        "parties": [{"id": 7, "deletedAt": "2026-01-02T03:04:05Z"}],
        "restrictedParties": [{"id": 8, "type": "person", "lastName": "Private", "isRestricted": true}, {"name": "without an id"}],
    });
    let script = Script::new().on("GET", &format!("{DELETED}&page=1&perPage=100"), 200, body);
    let (output, _) = done(script, "parties.list-deleted", &deleted(json!({})));
    assert_eq!(
        output,
        json!({"items": [{"id": 7, "deletedAt": "2026-01-02T03:04:05Z", "isRestricted": false}, {"id": 8, "isRestricted": true}]})
    );
}

#[test]
fn a_feed_without_pages_is_walked_without_doubling() {
    let rows: Vec<_> = (1..=5)
        .map(|id| json!({"id": id, "deletedAt": "2026-01-02T03:04:05Z"}))
        .collect();
    let body = json!({"parties": rows, "restrictedParties": [{"id": 6}]});
    let mut input = deleted(json!({"limit": 2}));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let script = Script::new().on(
            "GET",
            &format!("{DELETED}&page=1&perPage=25"),
            200,
            body.clone(),
        );
        let (output, _) = done(script, "parties.list-deleted", &input);
        seen.extend(ids(&output["items"]));
        input = over(input, json!({"cursor": output.get("next")}));
    }
    assert_eq!(
        (seen, &input["cursor"]),
        (vec![1, 2, 3, 4, 5, 6], &Value::Null)
    );
}

#[test]
fn a_feed_needs_a_point_in_time() {
    assert_eq!(
        pointers(Script::new(), "parties.list-deleted", &json!({})),
        [("/since".into(), "required".into())]
    );
    assert_eq!(
        pointers(
            Script::new(),
            "parties.list-deleted",
            &json!({"since": "yesterday"})
        ),
        [("/since".into(), "format".into())]
    );
}
