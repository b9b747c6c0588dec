use super::*;

const PARTY: &str = "/api/v2/parties/7";

/// The body that an update sends without reading first.
fn sent(input: &Value) -> Value {
    let script = Script::new().on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.update",
        &over(json!({"id": 7}), input.clone()),
    );
    let body = log.sent(0).json();
    body["party"].clone()
}

/// The body that an update sends after it has read a person like this one.
fn sent_after(current: Value, input: &Value) -> Value {
    let embed = if input.get("tags").is_some() {
        "?embed=tags"
    } else {
        ""
    };
    let script = Script::new()
        .on(
            "GET",
            &format!("{PARTY}{embed}"),
            200,
            one(&person(7, current)),
        )
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.update",
        &over(json!({"id": 7}), input.clone()),
    );
    let body = log.sent(1).json();
    body["party"].clone()
}

#[test]
fn what_is_left_out_stays_null_clears_and_a_value_sets() {
    let input = json!({"firstName": "Inês", "jobTitle": null, "about": null, "organisation": null, "owner": null, "team": 5});
    assert_eq!(
        sent(&input),
        json!({"firstName": "Inês", "jobTitle": null, "about": null, "organisation": null, "owner": null, "team": {"id": 5}})
    );
}

#[test]
fn an_organisation_is_renamed() {
    let script = Script::new().on(
        "PUT",
        "/api/v2/parties/9?embed=tags",
        200,
        one(&over(organisation(9, "Lagoa"), json!({"tags": []}))),
    );
    let (output, log) = done(
        script,
        "organisations.update",
        &json!({"id": 9, "name": "Lagoa", "about": null, "embed": {"tags": true}}),
    );
    assert_eq!(
        log.sent(0).json(),
        json!({"party": {"name": "Lagoa", "about": null}})
    );
    assert_eq!(output["tags"], json!([]));
}

#[test]
fn an_organisation_can_not_lose_its_name() {
    assert_eq!(
        pointers(
            Script::new(),
            "organisations.update",
            &json!({"id": 9, "name": " "})
        ),
        [("/name".into(), "required".into())]
    );
}

#[test]
fn an_update_without_changes_reads_the_record() {
    let script = Script::new().on("GET", PARTY, 200, one(&person(7, json!({}))));
    assert_eq!(done(script, "people.update", &json!({"id": 7})).0["id"], 7);
    let stored = json!({"emailAddresses": [{"id": 1, "type": null, "address": "a@b.example"}]});
    let script = Script::new()
        .on("GET", PARTY, 200, one(&person(7, stored.clone())))
        .on("GET", PARTY, 200, one(&person(7, stored)));
    let input = json!({"id": 7, "emailAddresses": {"merge": [{"address": "A@b.example"}], "remove": ["c@d.example"]}});
    let (_, log) = done(
        script,
        "people.update",
        &over(
            input,
            json!({"emailAddresses": {"merge": [{"address": "a@b.example"}]}}),
        ),
    );
    assert_eq!(log.count(), 2);
}

#[test]
fn a_lost_update_can_be_repeated() {
    use crate::api::Lost;
    for (lost, expected) in [
        (Lost::NoAnswer("reset".into()), "unavailable"),
        (Lost::TimedOut("30 s".into()), "timed-out"),
    ] {
        let script = Script::new().lost("PUT", PARTY, lost);
        assert_eq!(
            fault(failed(
                script,
                "people.update",
                &json!({"id": 7, "about": "x"})
            ))
            .0,
            expected
        );
    }
}

#[test]
fn a_party_that_does_not_exist_is_not_found() {
    let script = Script::new().on("PUT", PARTY, 404, json!({"message": "party not found"}));
    assert_eq!(
        fault(failed(
            script,
            "people.update",
            &json!({"id": 7, "about": "x"})
        ))
        .0,
        "not-found"
    );
}

// ---- the kind of party ----

#[test]
fn a_party_of_the_other_kind_is_refused_where_it_is_read() {
    let script = Script::new().on("GET", PARTY, 200, one(&organisation(7, "Lagoa")));
    let found = violations(
        script,
        "people.update",
        &json!({"id": 7, "phoneNumbers": {"replace": []}}),
    );
    assert_eq!(
        (found[0].pointer.as_str(), found[0].rule.as_str()),
        ("/id", "choice")
    );
    assert!(
        found[0].message.contains("organisations.update"),
        "{}",
        found[0].message
    );
    let script = Script::new().on("GET", PARTY, 200, one(&person(7, json!({}))));
    assert!(
        violations(script, "organisations.update", &json!({"id": 7}))[0]
            .message
            .contains("people.update")
    );
}

#[test]
fn a_change_of_the_other_kind_is_told_as_half_done() {
    let script = Script::new().on("PUT", PARTY, 200, one(&organisation(7, "Lagoa")));
    let (case, fault) = fault(failed(
        script,
        "people.update",
        &json!({"id": 7, "firstName": "Ines", "about": "x"}),
    ));
    assert_eq!(case, "incomplete");
    let extra: Value = serde_json::from_str(&fault.extra.unwrap()).unwrap();
    assert_eq!(
        extra["done"],
        json!([{"operation": "people.update", "id": 7}])
    );
}

#[test]
fn an_answer_without_a_type_is_of_the_kind_that_was_meant() {
    let script = Script::new().on("PUT", PARTY, 200, one(&json!({"id": 7, "about": "x"})));
    let (output, _) = done(script, "people.update", &json!({"id": 7, "about": "x"}));
    assert_eq!(output["about"], "x");
}

#[test]
fn no_employer_is_created_for_an_organisation() {
    let script = Script::new().on("GET", PARTY, 200, one(&organisation(7, "Lagoa")));
    assert_eq!(
        pointers(
            script,
            "people.update",
            &json!({"id": 7, "organisation": "Lagoa Foods"})
        ),
        [("/id".into(), "choice".into())]
    );
}

// ---- rows ----

fn stored_rows() -> Value {
    json!({
        "emailAddresses": [{"id": 1, "type": "Work", "address": "ines@lagoa.example"}, {"id": 2, "type": null, "address": "old@lagoa.example"}],
        "phoneNumbers": [{"id": 3, "type": "Work", "number": "+351 912-345"}, {"id": 4, "type": "Fax", "number": "ext"}],
        "websites": [{"id": 5, "service": "URL", "type": null, "address": "lagoa.example", "url": "http://lagoa.example"}, {"id": 6, "service": "TWITTER", "type": null, "address": "lagoa", "url": "x"}],
        "addresses": [{"id": 8, "type": "Home", "street": "Rua A", "city": "Porto", "state": null, "zip": "4000", "country": "Portugal"}],
    })
}

#[test]
fn rows_are_merged_by_value_or_by_id() {
    let input = json!({
        "emailAddresses": {"merge": [{"type": "Home", "address": "ines@lagoa.example"}, {"address": "new@lagoa.example"}]},
        "phoneNumbers": {"merge": [{"number": "351912345"}, {"id": 4, "number": "+351 5"}]},
        "websites": {"merge": [{"address": "LAGOA.example", "type": "Work"}, {"service": "GITHUB", "address": "lagoa"}]},
        "addresses": {"merge": [{"street": "rua a", "city": "Porto", "zip": "4000", "country": "Portugal"}, {"id": 8, "zip": "4001"}]},
    });
    let body = sent_after(stored_rows(), &input);
    assert_eq!(
        body["emailAddresses"],
        json!([{"id": 1, "type": "Home"}, {"address": "new@lagoa.example"}])
    );
    assert_eq!(
        body["phoneNumbers"],
        json!([{"id": 4, "number": "+351 5"}, {"id": 3, "number": "351912345"}])
    );
    assert_eq!(
        body["websites"],
        json!([{"id": 5, "type": "Work", "address": "LAGOA.example"}, {"service": "GITHUB", "address": "lagoa"}])
    );
    assert_eq!(
        body["addresses"],
        json!([{"id": 8, "zip": "4001"}, {"street": "rua a", "city": "Porto", "zip": "4000", "country": "Portugal"}])
    );
}

#[test]
fn rows_are_removed_by_what_they_are_known_by() {
    let input = json!({
        "emailAddresses": {"remove": ["OLD@lagoa.example", "nobody@lagoa.example"]},
        "phoneNumbers": {"remove": ["(351) 912345", "EXT"]},
        "websites": {"remove": ["lagoa"]},
        "addresses": {"remove": [{"city": "porto"}]},
    });
    assert_eq!(
        sent_after(stored_rows(), &input),
        json!({
            "emailAddresses": [{"id": 2, "_delete": true}],
            "phoneNumbers": [{"id": 3, "_delete": true}, {"id": 4, "_delete": true}],
            "websites": [{"id": 6, "_delete": true}],
            "addresses": [{"id": 8, "_delete": true}],
        })
    );
    assert_eq!(
        sent_after(
            stored_rows(),
            &json!({"addresses": {"remove": [{"id": 8}]}})
        ),
        json!({"addresses": [{"id": 8, "_delete": true}]})
    );
}

#[test]
fn rows_are_replaced_by_the_fewest_changes() {
    let input = json!({
        "emailAddresses": {"replace": [{"address": "ines@lagoa.example"}]},
        "phoneNumbers": {"replace": []},
        "websites": {"replace": [{"id": 6, "address": "lagoafoods"}]},
        "addresses": {"replace": [{"city": "Lisboa"}]},
    });
    assert_eq!(
        sent_after(stored_rows(), &input),
        json!({
            "emailAddresses": [{"id": 2, "_delete": true}],
            "phoneNumbers": [{"id": 3, "_delete": true}, {"id": 4, "_delete": true}],
            "websites": [{"id": 6, "address": "lagoafoods"}, {"id": 5, "_delete": true}],
            "addresses": [{"city": "Lisboa"}, {"id": 8, "_delete": true}],
        })
    );
}

#[test]
fn replace_beside_anything_else_is_refused_before_any_request() {
    let input = json!({
        "id": 7,
        "emailAddresses": {"replace": [], "merge": [{"address": "a@b.example"}]},
        "phoneNumbers": {"replace": [], "remove": ["1"]},
        "websites": {"replace": [], "remove": ["x"]},
        "addresses": {"replace": [], "merge": [{"city": "Porto"}]},
        "tags": {"replace": [], "add": ["VIP"]},
    });
    let found: Vec<_> = pointers(Script::new(), "people.update", &input)
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect();
    assert_eq!(
        found,
        [
            "/emailAddresses/replace",
            "/phoneNumbers/replace",
            "/websites/replace",
            "/addresses/replace",
            "/tags/replace"
        ]
    );
}

#[test]
fn a_row_id_that_the_record_does_not_have_is_refused_with_its_pointer() {
    let script = Script::new().on("GET", PARTY, 200, one(&person(7, stored_rows())));
    let input = json!({"id": 7, "emailAddresses": {"merge": [{"address": "a@b.example"}, {"id": 99, "address": "c@d.example"}]}, "phoneNumbers": {"replace": [{"id": 98, "number": "1"}]}});
    assert_eq!(
        pointers(script, "people.update", &input),
        [
            ("/emailAddresses/merge/1/id".into(), "not-found".into()),
            ("/phoneNumbers/replace/0/id".into(), "not-found".into())
        ]
    );
}

#[test]
fn an_unknown_country_is_pointed_at_where_the_caller_gave_it() {
    for (name, input) in [
        ("merge", json!({"merge": [{"country": "Portugl"}]})),
        ("replace", json!({"replace": [{"country": "Portugl"}]})),
    ] {
        let refusal = json!({"message": "Validation Failed", "errors": [{"message": "unknown country", "resource": "address", "field": "country"}]});
        let script = Script::new()
            .on("GET", PARTY, 200, one(&person(7, json!({}))))
            .on("PUT", PARTY, 422, refusal)
            .on(
                "GET",
                "/api/v2/countries?page=1&perPage=100",
                200,
                json!({"countries": [{"name": "Portugal"}]}),
            );
        let found = pointers(
            script,
            "people.update",
            &json!({"id": 7, "addresses": input}),
        );
        assert_eq!(
            found,
            [(format!("/addresses/{name}/0/country"), "vendor".into())]
        );
    }
}

// ---- tags ----

#[test]
fn tags_that_are_only_added_are_not_read_first() {
    assert_eq!(
        sent(&json!({"tags": {"add": ["VIP", 12]}})),
        json!({"tags": [{"name": "VIP"}, {"id": 12}]})
    );
}

fn stored_tags() -> Value {
    json!({"tags": [{"id": 12, "name": "VIP", "dataTag": false}, {"id": 13, "name": "Lead", "dataTag": false}, {"id": 14, "name": "Old"}]})
}

#[test]
fn tags_are_removed_only_where_they_are() {
    let body = sent_after(
        stored_tags(),
        &json!({"tags": {"add": ["vip", "New"], "remove": ["LEAD", 14, "Nobody", 99]}}),
    );
    assert_eq!(
        body,
        json!({"tags": [{"name": "New"}, {"id": 13, "_delete": true}, {"id": 14, "_delete": true}]})
    );
}

#[test]
fn a_tag_that_is_added_and_removed_stays() {
    let body = sent_after(
        stored_tags(),
        &json!({"tags": {"add": ["vip"], "remove": [12, 13]}}),
    );
    assert_eq!(body, json!({"tags": [{"id": 13, "_delete": true}]}));
}

#[test]
fn tags_are_replaced() {
    let body = sent_after(stored_tags(), &json!({"tags": {"replace": [12, "New"]}}));
    assert_eq!(
        body,
        json!({"tags": [{"name": "New"}, {"id": 13, "_delete": true}, {"id": 14, "_delete": true}]})
    );
    let body = sent_after(stored_tags(), &json!({"tags": {"replace": []}}));
    assert_eq!(body["tags"].as_array().unwrap().len(), 3);
}

#[test]
fn empty_tag_names_are_refused_before_any_request() {
    let found = pointers(
        Script::new(),
        "people.update",
        &json!({"id": 7, "tags": {"add": [""], "remove": [" "]}}),
    );
    assert_eq!(
        found,
        [
            ("/tags/add/0".into(), "required".into()),
            ("/tags/remove/0".into(), "required".into())
        ]
    );
}

// ---- custom fields ----

#[test]
fn fields_by_id_are_set_and_cleared_without_a_look_up() {
    assert_eq!(
        sent(&json!({"fields": {"46": "EMEA", "47": null}})),
        json!({"fields": [{"definition": {"id": 46}, "value": "EMEA"}, {"definition": {"id": 47}, "value": null}]})
    );
}

fn tagged(kind: &str) -> Script {
    let region = over(
        definition(46, "Region", kind),
        json!({"tag": {"id": 3, "name": "Supplier"}}),
    );
    Script::new().on("GET", DEFINITIONS, 200, definitions(&[region]))
}

#[test]
fn a_field_that_is_set_brings_its_data_tag_and_one_that_is_cleared_does_not() {
    for (value, tags) in [
        (json!("EMEA"), json!([{"id": 3}])),
        (json!(null), Value::Null),
    ] {
        let script = tagged("text").on("PUT", PARTY, 200, one(&person(7, json!({}))));
        let (_, log) = done(
            script,
            "people.update",
            &json!({"id": 7, "fields": {"Region": value}}),
        );
        assert_eq!(log.sent(1).json()["party"]["tags"], tags);
    }
}

#[test]
fn the_data_tag_of_a_field_that_is_set_is_not_taken_away() {
    let supplier = json!({"tags": [{"id": 3, "name": "Supplier", "dataTag": true}, {"id": 12, "name": "VIP"}]});
    let script = tagged("text")
        .on(
            "GET",
            "/api/v2/parties/7?embed=tags",
            200,
            one(&person(7, supplier)),
        )
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.update",
        &json!({"id": 7, "fields": {"Region": "EMEA"}, "tags": {"replace": []}}),
    );
    assert_eq!(
        log.sent(2).json()["party"]["tags"],
        json!([{"id": 12, "_delete": true}])
    );
}

#[test]
fn a_boolean_field_can_not_be_cleared() {
    assert_eq!(
        pointers(
            tagged("boolean"),
            "people.update",
            &json!({"id": 7, "fields": {"Region": null}})
        ),
        [("/fields/Region".into(), "type".into())]
    );
}

// ---- the employer ----

#[test]
fn an_employer_by_name_is_found_or_created() {
    let script = Script::new()
        .on("GET", PARTY, 200, one(&person(7, json!({}))))
        .on("POST", FILTER, 200, all(&[]))
        .on(
            "POST",
            "/api/v2/parties",
            201,
            one(&organisation(9, "Lagoa Foods")),
        )
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.update",
        &json!({"id": 7, "organisation": "Lagoa Foods"}),
    );
    assert_eq!(
        log.sent(3).json(),
        json!({"party": {"organisation": {"id": 9}}})
    );
}

#[test]
fn a_refusal_after_the_employer_was_created_says_what_was_done() {
    let script = Script::new()
        .on("GET", PARTY, 200, one(&person(7, json!({}))))
        .on("POST", FILTER, 200, all(&[]))
        .on(
            "POST",
            "/api/v2/parties",
            201,
            one(&organisation(9, "Lagoa Foods")),
        )
        .on(
            "PUT",
            PARTY,
            403,
            json!({"message": "Requires additional scope"}),
        );
    let (case, fault) = fault(failed(
        script,
        "people.update",
        &json!({"id": 7, "organisation": "Lagoa Foods"}),
    ));
    assert_eq!(case, "incomplete");
    assert!(fault.extra.unwrap().contains("\"id\":9"));
}

#[test]
fn owner_and_team_by_name_are_looked_up() {
    let script = Script::new()
        .on(
            "GET",
            USERS,
            200,
            json!({"users": [{"id": 31, "username": "rkaya", "name": "Rana Kaya"}]}),
        )
        .on(
            "GET",
            TEAMS,
            200,
            json!({"teams": [{"id": 5, "name": "Sales"}]}),
        )
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.update",
        &json!({"id": 7, "owner": "Rana Kaya", "team": "Sales"}),
    );
    assert_eq!(
        log.sent(2).json(),
        json!({"party": {"owner": {"id": 31}, "team": {"id": 5}}})
    );
}
