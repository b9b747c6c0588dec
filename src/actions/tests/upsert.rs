use super::*;
use crate::api::Lost;

const CREATE: &str = "/api/v2/parties";
const PARTY: &str = "/api/v2/parties/7";

/// What is searched for, found and stored.
fn stored() -> Value {
    person(
        7,
        json!({
            "jobTitle": "Buyer",
            "organisation": {"id": 9002, "type": "organisation", "name": "Lagoa Foods"},
            "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"},
            "emailAddresses": [{"id": 2, "type": "Work", "address": "ines@lagoa.example"}],
            "phoneNumbers": [{"id": 1, "type": "Work", "number": "+351 1"}],
            "tags": [{"id": 12, "name": "VIP", "dataTag": false}],
            "fields": [{"id": 5, "definition": {"id": 46}, "value": "12.50"}],
        }),
    )
}

fn by_email(person: Value) -> Value {
    let base = json!({"lastName": "Duarte", "emailAddresses": [{"address": "Ines@lagoa.example"}]});
    json!({"matchBy": ["email"], "person": over(base, person)})
}

fn found(parties: &[Value]) -> Script {
    Script::new().on("POST", FILTER_TO_COMPARE, 200, all(parties))
}

#[test]
fn a_person_that_is_not_there_is_created() {
    let script = found(&[]).on("POST", CREATE, 201, one(&person(7, json!({}))));
    let (output, log) = done(script, "people.upsert", &by_email(json!({})));
    assert_eq!(
        log.sent(0).json(),
        looks_for("person", "email", "is", json!("Ines@lagoa.example"))
    );
    assert_eq!(log.sent(1).json()["party"]["lastName"], "Duarte");
    assert_eq!(
        (&output["action"], &output["party"]["id"]),
        (&json!("created"), &json!(7))
    );
}

#[test]
fn only_what_differs_is_sent() {
    let input = by_email(json!({
        "firstName": "Ines", "jobTitle": "Head buyer", "about": "Likes figs",
        "emailAddresses": [{"address": "ines@lagoa.example"}, {"type": "Home", "address": "ines@home.example"}],
        "phoneNumbers": [{"type": "Mobile", "number": "3511"}],
        "addresses": [{"city": "Porto"}],
        "tags": ["vip", "Supplier"],
        "fields": {"46": 12.5, "47": "EMEA"},
        "owner": 32, "team": 5,
        "organisation": 9003,
    }));
    let script = Script::new()
        .on("POST", FILTER_TO_COMPARE, 200, all(&[stored()]))
        .on("POST", FILTER_TO_COMPARE, 200, all(&[]))
        .on(
            "PUT",
            PARTY,
            200,
            one(&person(7, json!({"jobTitle": "Head buyer"}))),
        );
    let (output, log) = done(script, "people.upsert", &input);
    assert_eq!(
        log.sent(2).json(),
        json!({"party": {
            "jobTitle": "Head buyer", "about": "Likes figs",
            "emailAddresses": [{"type": "Home", "address": "ines@home.example"}],
            "phoneNumbers": [{"id": 1, "type": "Mobile", "number": "3511"}],
            "addresses": [{"city": "Porto"}],
            "tags": [{"name": "Supplier"}],
            "fields": [{"definition": {"id": 47}, "value": "EMEA"}],
            "owner": {"id": 32}, "team": {"id": 5},
            "organisation": {"id": 9003},
        }})
    );
    assert_eq!(
        (&output["action"], &output["party"]["jobTitle"]),
        (&json!("updated"), &json!("Head buyer"))
    );
}

#[test]
fn what_is_there_already_is_not_written() {
    let input = by_email(json!({
        "firstName": "Ines ", "jobTitle": "Buyer", "about": "",
        "emailAddresses": [{"type": "Work", "address": "ines@lagoa.example"}],
        "phoneNumbers": [{"number": "+351 1"}],
        "tags": ["VIP", 12],
        "fields": {"46": "12.50", "47": ""},
        "owner": 31,
        "organisation": "lagoa foods",
    }));
    let (output, _) = done(found(&[stored()]), "people.upsert", &input);
    assert_eq!(output["action"], "unchanged");
    assert_eq!(
        output["party"]["emailAddresses"][0]["address"],
        "ines@lagoa.example"
    );
    assert!(
        output["party"].get("tags").is_none() && output["party"].get("fields").is_none(),
        "they were not asked for"
    );
}

#[test]
fn an_e_mail_address_that_differs_in_case_alone_is_unchanged() {
    let script = found(&[stored()]);
    let (output, _) = done(script, "people.upsert", &by_email(json!({})));
    assert_eq!(
        (
            &output["action"],
            &output["party"]["emailAddresses"][0]["address"]
        ),
        (&json!("unchanged"), &json!("ines@lagoa.example"))
    );
}

#[test]
fn an_unchanged_record_keeps_what_was_asked_for() {
    let script = Script::new()
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(46, "Rank", "number")]),
        )
        .on("POST", FILTER_TO_COMPARE, 200, all(&[stored()]));
    let (output, _) = done(
        script,
        "people.upsert",
        &by_email(
            json!({"emailAddresses": [{"address": "ines@lagoa.example"}], "embed": {"tags": true, "fields": true}}),
        ),
    );
    assert_eq!(
        output["party"]["tags"],
        json!([{"id": 12, "name": "VIP", "dataTag": false}])
    );
    assert_eq!(output["party"]["fields"], json!({"46": 12.5}));
}

#[test]
fn an_employer_that_changes_is_looked_for_and_one_that_stays_is_not() {
    let same = by_email(
        json!({"emailAddresses": [{"address": "ines@lagoa.example"}], "organisation": "LAGOA FOODS"}),
    );
    assert_eq!(
        done(found(&[stored()]), "people.upsert", &same).0["action"],
        "unchanged"
    );
    let other = by_email(
        json!({"emailAddresses": [{"address": "ines@lagoa.example"}], "organisation": "Other"}),
    );
    let script = found(&[stored()])
        .on("POST", FILTER, 200, all(&[]))
        .on("POST", CREATE, 201, one(&organisation(9, "Other")))
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (_, log) = done(script, "people.upsert", &other);
    assert_eq!(
        log.sent(3).json(),
        json!({"party": {"organisation": {"id": 9}}})
    );
}

#[test]
fn an_organisation_is_upserted_by_name() {
    let script = found(&[organisation(9, "Lagoa Foods")]).on(
        "PUT",
        "/api/v2/parties/9",
        200,
        one(&organisation(9, "Lagoa Foods")),
    );
    let input =
        json!({"matchBy": ["name"], "organisation": {"name": "lagoa foods", "about": "Figs"}});
    let (output, log) = done(script, "organisations.upsert", &input);
    assert_eq!(
        log.sent(0).json(),
        looks_for("organisation", "name", "is", json!("lagoa foods"))
    );
    assert_eq!(
        log.sent(1).json(),
        json!({"party": {"name": "lagoa foods", "about": "Figs"}})
    );
    assert_eq!(output["action"], "updated");
}

#[test]
fn an_organisation_without_a_name_is_refused_before_any_request() {
    for id in ["organisations.upsert", "organisations.find-or-create"] {
        let found = pointers(
            Script::new(),
            id,
            &json!({"matchBy": ["name"], "organisation": {"name": " "}}),
        );
        assert_eq!(found, [("/organisation/name".into(), "required".into())]);
    }
}

// ---- matching ----

#[test]
fn several_matches_are_settled_by_the_policy() {
    let with = |id: u64| {
        person(
            id,
            json!({"lastName": "Duarte", "emailAddresses": [{"id": id, "address": "ines@lagoa.example"}]}),
        )
    };
    let input = over(
        by_email(json!({"emailAddresses": [{"address": "ines@lagoa.example"}]})),
        json!({}),
    );
    for (policy, id) in [("newest", 30), ("oldest", 10)] {
        let script = found(&[with(20), with(10), with(30)]);
        let (output, _) = done(
            script,
            "people.upsert",
            &over(input.clone(), json!({"several": policy})),
        );
        assert_eq!(
            (&output["action"], &output["party"]["id"]),
            (&json!("unchanged"), &json!(id))
        );
    }
    for several in [json!("fail"), Value::Null] {
        let (pointer, candidates) = ambiguity(
            found(&[with(20), with(10)]),
            "people.upsert",
            &over(input.clone(), json!({"several": several})),
        );
        assert_eq!(pointer, "/matchBy/0");
        let label = "Ines Duarte (ines@lagoa.example)";
        assert_eq!(
            candidates,
            [("10".into(), label.into()), ("20".into(), label.into())]
        );
    }
}

#[test]
fn every_address_is_looked_for_once_and_a_party_that_several_find_is_one() {
    let stored = person(
        7,
        json!({"emailAddresses": [{"id": 1, "address": "a@b.example"}, {"id": 2, "address": "c@d.example"}], "tags": [], "fields": []}),
    );
    let rows = all(&[stored]);
    let script = Script::new()
        .on("POST", FILTER_TO_COMPARE, 200, rows.clone())
        .on("POST", FILTER_TO_COMPARE, 200, rows);
    let input = json!({"matchBy": ["email"], "person": {"lastName": "Duarte", "emailAddresses": [{"address": "a@b.example"}, {"address": "A@b.example"}, {"address": "c@d.example"}]}});
    let (output, log) = done(script, "people.upsert", &input);
    assert_eq!(log.count(), 2);
    assert_eq!(output["action"], "unchanged");
}

#[test]
fn the_first_key_that_finds_somebody_decides() {
    let script = found(&[]).on("POST", FILTER_TO_COMPARE, 200, all(&[person(7, json!({}))]));
    let input = json!({"matchBy": ["phone", "email", "name"], "person": {"firstName": "Ines", "lastName": "Duarte", "emailAddresses": [{"address": "x@y.example"}]}});
    let script = script.on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let (output, log) = done(script, "people.upsert", &input);
    assert_eq!(
        log.sent(0).json(),
        looks_for("person", "email", "is", json!("x@y.example")),
        "a key without a value is passed over"
    );
    assert_eq!(
        log.sent(1).json(),
        looks_for("person", "name", "is", json!("Ines Duarte"))
    );
    assert_eq!(output["action"], "updated");
}

#[test]
fn keys_without_any_value_are_refused_before_any_request() {
    for keys in [
        json!([]),
        json!(["email", "phone"]),
        json!(["email", {"field": "Foreign id"}]),
    ] {
        let input = json!({"matchBy": keys, "person": {"lastName": "Duarte", "emailAddresses": [{"address": " "}], "phoneNumbers": [{"number": "x"}]}});
        assert_eq!(
            pointers(Script::new(), "people.upsert", &input),
            [("/matchBy".into(), "required".into())],
            "{keys}"
        );
    }
}

#[test]
fn a_foreign_id_in_a_custom_field_recognises_a_person() {
    let row = |id: u64, value: &str| {
        person(
            id,
            json!({"tags": [], "fields": [{"id": 1, "definition": {"id": 46}, "value": value}]}),
        )
    };
    let script = Script::new()
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(46, "Foreign id", "text")]),
        )
        .on(
            "POST",
            FILTER_TO_COMPARE,
            200,
            all(&[row(7, "ab"), row(8, "AB")]),
        );
    let input = json!({"matchBy": [{"field": "Foreign id"}], "person": {"lastName": "Duarte", "fields": {"Foreign id": "ab"}}});
    let (output, log) = done(script, "people.upsert", &input);
    assert_eq!(
        log.sent(1).json(),
        looks_for("person", "custom:46", "is", json!("ab"))
    );
    assert_eq!(
        (&output["action"], &output["party"]["id"]),
        (&json!("unchanged"), &json!(7))
    );
}

#[test]
fn a_blank_foreign_id_recognises_nobody() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Foreign id", "text")]),
    );
    let input =
        json!({"matchBy": [{"field": 46}], "person": {"lastName": "Duarte", "fields": {"46": ""}}});
    assert_eq!(
        pointers(script, "people.upsert", &input),
        [("/matchBy".into(), "required".into())]
    );
}

#[test]
fn a_key_field_that_is_unknown_is_refused() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Foreign id", "text")]),
    );
    let input = json!({"matchBy": [{"field": "Foreign key"}], "person": {"lastName": "Duarte", "fields": {"46": "ab"}}});
    assert_eq!(
        pointers(script, "people.upsert", &input),
        [("/matchBy/0/field".into(), "not-found".into())]
    );
}

#[test]
fn more_matches_than_can_be_looked_at_are_refused() {
    let row = |id: u64| {
        person(
            id,
            json!({"emailAddresses": [{"id": id, "address": "ines@lagoa.example"}]}),
        )
    };
    let mut script = Script::new();
    for page in 0..5_u64 {
        let rows: Vec<_> = (0..100).map(|index| row(page * 100 + index + 1)).collect();
        let target = format!(
            "/api/v2/parties/filters/results?embed=tags,fields,meta&page={}&perPage=100",
            page + 1
        );
        script = script
            .on("POST", &target, 200, all(&rows))
            .with("x-pagination-has-more", "true");
    }
    let error = failed(
        script,
        "people.upsert",
        &over(by_email(json!({})), json!({"several": "newest"})),
    );
    assert_eq!(fault(error).0, "too-large");
}

// ---- repeating ----

#[test]
fn a_lost_create_can_be_repeated_because_it_is_looked_for() {
    for (lost, expected) in [
        (Lost::TimedOut("30 s".into()), "timed-out"),
        (Lost::NoAnswer("reset".into()), "unavailable"),
        (
            Lost::Cut {
                status: 201,
                why: "reset".into(),
            },
            "unavailable",
        ),
    ] {
        for id in ["people.upsert", "people.find-or-create"] {
            let search = if id == "people.upsert" {
                FILTER_TO_COMPARE
            } else {
                FILTER
            };
            let script =
                Script::new()
                    .on("POST", search, 200, all(&[]))
                    .lost("POST", CREATE, lost.clone());
            assert_eq!(
                fault(failed(script, id, &by_email(json!({})))).0,
                expected,
                "{id} {lost:?}"
            );
        }
    }
}

#[test]
fn names_are_looked_up_before_anything_is_written() {
    for parties in [vec![], vec![stored()]] {
        let script = found(&parties).on("GET", USERS, 200, json!({"users": []}));
        assert_eq!(
            pointers(script, "people.upsert", &by_email(json!({"owner": "Rana"}))),
            [("/person/owner".into(), "not-found".into())]
        );
    }
}

#[test]
fn a_refusal_points_into_the_person() {
    let refusal = json!({"message": "Validation Failed", "errors": [{"message": "unknown title", "resource": "party", "field": "title"}]});
    for parties in [vec![], vec![stored()]] {
        let (method, target) = if parties.is_empty() {
            ("POST", CREATE)
        } else {
            ("PUT", PARTY)
        };
        let script = found(&parties).on(method, target, 422, refusal.clone());
        assert_eq!(
            pointers(script, "people.upsert", &by_email(json!({"title": "Prof"}))),
            [("/person/title".into(), "vendor".into())]
        );
    }
}

#[test]
fn a_row_id_of_another_record_is_refused() {
    let input = by_email(
        json!({"emailAddresses": [{"address": "ines@lagoa.example"}, {"id": 99, "address": "x@y.example"}]}),
    );
    let script = Script::new()
        .on("POST", FILTER_TO_COMPARE, 200, all(&[stored()]))
        .on("POST", FILTER_TO_COMPARE, 200, all(&[]));
    assert_eq!(
        pointers(script, "people.upsert", &input),
        [("/person/emailAddresses/1/id".into(), "not-found".into())]
    );
}

#[test]
fn the_definitions_are_read_before_the_change() {
    let script = Script::new()
        .on("POST", FILTER_TO_COMPARE, 200, all(&[stored()]))
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[over(
                definition(47, "Region", "text"),
                json!({"tag": {"id": 3, "name": "Supplier"}}),
            )]),
        )
        .on("PUT", PARTY, 200, one(&person(7, json!({}))));
    let input = by_email(
        json!({"emailAddresses": [{"address": "ines@lagoa.example"}], "fields": {"Region": "EMEA"}}),
    );
    let (_, log) = done(script, "people.upsert", &input);
    let body = log.sent(2).json();
    assert_eq!(
        body["party"]["tags"],
        json!([{"id": 3}]),
        "the field's data tag comes with it"
    );
}

// ---- find or create ----

#[test]
fn one_that_is_found_is_left_as_it_is() {
    let script = Script::new().on("POST", FILTER, 200, all(&[stored()]));
    let input = by_email(json!({"jobTitle": "Other", "owner": "Somebody"}));
    let (output, _) = done(script, "people.find-or-create", &input);
    assert_eq!(
        (&output["action"], &output["party"]["jobTitle"]),
        (&json!("unchanged"), &json!("Buyer"))
    );
}

#[test]
fn one_that_is_not_found_is_created() {
    let script = Script::new().on("POST", FILTER, 200, all(&[])).on(
        "POST",
        CREATE,
        201,
        one(&organisation(9, "Lagoa Foods")),
    );
    let (output, _) = done(
        script,
        "organisations.find-or-create",
        &json!({"matchBy": ["name"], "organisation": {"name": "Lagoa Foods"}}),
    );
    assert_eq!(output["action"], "created");
}
