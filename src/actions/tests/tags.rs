use super::*;

const READ: &str = "/api/v2/parties/9001?embed=tags";

/// A person with these tags.
fn tagged(tags: Value) -> Value {
    one(&person(9001, json!({ "tags": tags })))
}

fn vip() -> Value {
    json!({"id": 12, "name": "VIP", "dataTag": false})
}

fn on(tags: Value) -> Value {
    json!({"on": {"party": 9001}, "tags": tags})
}

// ---- on a record ----

#[test]
fn tags_by_name_and_id_go_out_once_each() {
    let script = Script::new().on("PUT", READ, 200, tagged(json!([vip()])));
    let (output, log) = done(script, "tags.add", &on(json!(["VIP", 13, "vip ", 13])));
    assert_eq!(
        log.sent(0).json(),
        json!({"party": {"tags": [{"name": "VIP"}, {"id": 13}]}})
    );
    assert_eq!(output["party"]["lastName"], "Duarte");
    assert_eq!(output["party"]["tags"], json!([vip()]));
}

#[test]
fn every_kind_of_record_has_tags_and_is_given_whole() {
    let records = [
        (
            json!({"party": 5}),
            "parties",
            "party",
            person(5, json!({})),
        ),
        (
            json!({"opportunity": 5}),
            "opportunities",
            "opportunity",
            opportunities::opportunity(json!({"id": 5})),
        ),
        (
            json!({"kase": 5}),
            "kases",
            "kase",
            projects::project(json!({"id": 5})),
        ),
    ];
    for (on, path, key, plain) in records {
        let target = format!("/api/v2/{path}/5?embed=tags");
        let with = |tags: Value| json!({ key: over(plain.clone(), json!({ "tags": tags })) });
        let script = Script::new().on("PUT", &target, 200, with(json!([vip()])));
        let (output, log) = done(script, "tags.add", &json!({"on": on, "tags": ["VIP"]}));
        assert_eq!(
            log.sent(0).json(),
            json!({ key: {"tags": [{"name": "VIP"}]} })
        );
        let case = if key == "kase" { "project" } else { key };
        assert_eq!(output[case]["id"], 5);
        assert_eq!(output[case]["createdAt"], plain["createdAt"]);
        assert_eq!(output[case]["tags"], json!([vip()]));
        let script = Script::new()
            .on("GET", &target, 200, with(json!([vip()])))
            .on("PUT", &target, 200, with(json!([])));
        let (output, _) = done(script, "tags.remove", &json!({"on": on, "tags": [12]}));
        assert_eq!(output[case]["tags"], json!([]));
    }
}

#[test]
fn more_than_the_tags_is_read_along_when_asked() {
    let script = Script::new().on(
        "PUT",
        "/api/v2/parties/9001?embed=organisation,tags",
        200,
        tagged(json!([vip()])),
    );
    let mut input = on(json!(["VIP"]));
    input["embed"] = json!({"linked": true});
    done(script, "tags.add", &input);
}

#[test]
fn a_tag_by_name_is_made_if_it_is_missing() {
    // No look-up: Capsule makes it (API reference 2.3).
    let made = json!([{"id": 99, "name": "Brand new", "dataTag": false}]);
    let script = Script::new().on("PUT", READ, 200, tagged(made.clone()));
    let (output, log) = done(script, "tags.add", &on(json!(["Brand new"])));
    assert_eq!((&output["party"]["tags"], log.count()), (&made, 1));
}

#[test]
fn a_tag_that_is_there_already_is_added_with_success() {
    let add = || {
        let script = Script::new().on("PUT", READ, 200, tagged(json!([vip()])));
        done(script, "tags.add", &on(json!(["VIP"]))).0
    };
    assert_eq!(add(), add());
}

#[test]
fn a_data_tag_is_put_on_like_any_other() {
    let data = json!([{"id": 3, "name": "Supplier", "dataTag": true}]);
    let script = Script::new().on("PUT", READ, 200, tagged(data.clone()));
    assert_eq!(
        done(script, "tags.add", &on(json!([3]))).0["party"]["tags"],
        data
    );
}

#[test]
fn no_tags_at_all_leave_the_record_as_it_is() {
    for id in ["tags.add", "tags.remove"] {
        let script = Script::new().on("GET", READ, 200, tagged(json!([vip()])));
        assert_eq!(
            done(script, id, &on(json!([]))).0["party"]["tags"],
            json!([vip()])
        );
    }
}

#[test]
fn an_empty_name_is_told_before_any_request() {
    for id in ["tags.add", "tags.remove"] {
        assert_eq!(
            pointers(Script::new(), id, &on(json!(["VIP", " "]))),
            [("/tags/1".to_owned(), "required".to_owned())]
        );
    }
}

#[test]
fn tags_are_taken_off_by_name_and_id() {
    let script = Script::new()
        .on(
            "GET",
            READ,
            200,
            tagged(json!([vip(), {"id": 13, "name": "Lead"}, {"id": 14, "name": "Old"}])),
        )
        .on("PUT", READ, 200, tagged(json!([vip()])));
    let (output, log) = done(script, "tags.remove", &on(json!(["LEAD", 14, "Unknown"])));
    assert_eq!(
        log.sent(1).json(),
        json!({"party": {"tags": [{"id": 13, "_delete": true}, {"id": 14, "_delete": true}]}})
    );
    assert_eq!(output["party"]["tags"], json!([vip()]));
}

#[test]
fn a_tag_that_is_not_there_is_removed_with_success() {
    let script = Script::new().on("GET", READ, 200, tagged(json!([vip()])));
    let (output, log) = done(script, "tags.remove", &on(json!(["Lead", 99])));
    assert_eq!(
        (&output["party"]["tags"], log.count()),
        (&json!([vip()]), 1)
    );
}

fn refusal() -> Value {
    json!({"message": "Validation Failed", "errors": [
        {"message": "tag not found to delete", "resource": "tag", "field": "id"},
    ]})
}

#[test]
fn a_tag_that_somebody_else_takes_off_meanwhile_is_removed_with_success() {
    let script = Script::new()
        .on("GET", READ, 200, tagged(json!([vip()])))
        .on("PUT", READ, 422, refusal())
        .on("GET", READ, 200, tagged(json!([])));
    let (output, _) = done(script, "tags.remove", &on(json!(["VIP"])));
    assert_eq!(output["party"]["tags"], json!([]));
}

#[test]
fn a_refusal_of_what_is_there_stays_one() {
    let script = Script::new()
        .on("GET", READ, 200, tagged(json!([vip()])))
        .on("PUT", READ, 422, refusal())
        .on("GET", READ, 200, tagged(json!([vip()])));
    assert_eq!(
        pointers(script, "tags.remove", &on(json!(["VIP"]))),
        [("/tags".to_owned(), "vendor".to_owned())]
    );
}

#[test]
fn a_record_without_its_tags_is_no_record_without_tags() {
    let script = Script::new().on("GET", READ, 200, one(&person(9001, json!({}))));
    let error = failed(script, "tags.remove", &on(json!(["VIP"])));
    assert_eq!(fault(error).0, "malformed-response");
}

#[test]
fn a_record_that_does_not_exist_is_not_found() {
    for (method, id) in [("PUT", "tags.add"), ("GET", "tags.remove")] {
        let script = Script::new().on(method, READ, 404, json!({"message": "party not found"}));
        assert_eq!(
            fault(failed(script, id, &on(json!(["VIP"])))).0,
            "not-found"
        );
    }
}

// ---- tags themselves ----

#[test]
fn tags_of_each_entity_are_listed() {
    for (entity, path) in [
        ("parties", "parties"),
        ("opportunities", "opportunities"),
        ("projects", "kases"),
    ] {
        let target = format!("/api/v2/{path}/tags?embed=meta&page=1&perPage=100");
        let rows = json!({"tags": [{"id": 12, "name": "VIP", "description": null, "dataTag": true}], "meta": {"totalCount": 1}});
        let script = Script::new().on("GET", &target, 200, rows);
        assert_eq!(
            done(script, "tags.list-all", &json!({"entity": entity})).0,
            json!({"items": [{"id": 12, "name": "VIP", "dataTag": true}], "total": 1})
        );
    }
}

#[test]
fn a_tag_is_created() {
    let answer =
        json!({"tag": {"id": 12, "name": "VIP", "description": "Buys a lot", "dataTag": false}});
    let script = Script::new().on("POST", "/api/v2/kases/tags", 201, answer.clone());
    let input = json!({"entity": "projects", "name": "VIP", "description": "Buys a lot"});
    let (output, log) = done(script, "tags.create", &input);
    assert_eq!(output, answer["tag"]);
    assert_eq!(
        log.sent(0).json(),
        json!({"tag": {"name": "VIP", "description": "Buys a lot", "dataTag": false}})
    );
}

#[test]
fn a_tag_is_changed_and_a_change_of_nothing_reads_it() {
    let target = "/api/v2/parties/tags/12";
    let answer = json!({"tag": vip()});
    let script = Script::new().on("PUT", target, 200, answer.clone());
    let input = json!({"entity": "parties", "id": 12, "name": "Star", "description": null, "dataTag": true});
    let (_, log) = done(script, "tags.update", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"tag": {"name": "Star", "description": null, "dataTag": true}})
    );
    let script = Script::new().on("GET", target, 200, answer);
    let (output, _) = done(
        script,
        "tags.update",
        &json!({"entity": "parties", "id": 12}),
    );
    assert_eq!(output, vip());
}

#[test]
fn a_tag_has_a_name() {
    for (id, input) in [
        ("tags.create", json!({"entity": "parties", "name": " "})),
        (
            "tags.update",
            json!({"entity": "parties", "id": 12, "name": ""}),
        ),
    ] {
        assert_eq!(
            pointers(Script::new(), id, &input),
            [("/name".to_owned(), "required".to_owned())]
        );
    }
}

#[test]
fn a_tag_is_deleted_at_once_later_or_was_gone() {
    for (status, state) in [(204, "deleted"), (202, "scheduled"), (404, "alreadyGone")] {
        let script = Script::new().on(
            "DELETE",
            "/api/v2/opportunities/tags/12",
            status,
            Value::Null,
        );
        assert_eq!(
            done(
                script,
                "tags.delete",
                &json!({"entity": "opportunities", "id": 12})
            )
            .0,
            json!({"id": 12, "state": state})
        );
    }
}
