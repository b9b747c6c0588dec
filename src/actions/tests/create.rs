use super::*;
use crate::api::{Lost, Settings};
use std::time::Duration;

const CREATE: &str = "/api/v2/parties";

fn created(party: &Value) -> Script {
    Script::new().on("POST", CREATE, 201, one(party))
}

/// The body that a create sends which needs nothing else.
fn sent(id: &str, input: &Value) -> Value {
    let (_, log) = done(created(&person(7, json!({}))), id, input);
    log.sent(0).json()
}

#[test]
fn a_person_with_every_collection_goes_out_as_it_was_given() {
    let input = json!({
        "firstName": "Ines", "lastName": "Duarte", "title": "Dr", "jobTitle": "Buyer", "about": "Likes figs",
        "organisation": 9002,
        "emailAddresses": [{"type": "Work", "address": "ines@lagoa.example"}, {"address": "ines@home.example"}],
        "phoneNumbers": [{"number": "+351 1"}, {"type": "Mobile", "number": "+351 2"}],
        "websites": [{"address": "https://lagoa.example"}, {"service": "LINKED_IN", "address": "https://linkedin.example/ines"}],
        "addresses": [{"type": "Home", "street": "Rua A\n1", "city": "Porto", "zip": "4000", "country": "Portugal"}, {"city": "Lisboa"}],
        "tags": ["VIP", 12],
        "fields": {"46": "EMEA", "47": 12.5, "48": true, "49": ["a", "b"]},
        "owner": 31, "team": 5,
    });
    let stored = person(
        9001,
        json!({"jobTitle": "Buyer", "organisation": {"id": 9002, "type": "organisation", "name": "Lagoa Foods"}}),
    );
    let (output, log) = done(created(&stored), "people.create", &input);
    assert_eq!(
        log.sent(0).line,
        "POST https://api.capsulecrm.com/api/v2/parties"
    );
    assert_eq!(
        log.sent(0).json(),
        json!({"party": {
            "type": "person",
            "firstName": "Ines", "lastName": "Duarte", "title": "Dr", "jobTitle": "Buyer", "about": "Likes figs",
            "organisation": {"id": 9002},
            "emailAddresses": [{"type": "Work", "address": "ines@lagoa.example"}, {"address": "ines@home.example"}],
            "phoneNumbers": [{"number": "+351 1"}, {"type": "Mobile", "number": "+351 2"}],
            "websites": [
                {"service": "URL", "address": "https://lagoa.example"},
                {"service": "LINKED_IN", "address": "https://linkedin.example/ines"},
            ],
            "addresses": [
                {"type": "Home", "street": "Rua A\n1", "city": "Porto", "zip": "4000", "country": "Portugal"},
                {"city": "Lisboa"},
            ],
            "tags": [{"name": "VIP"}, {"id": 12}],
            "fields": [
                {"definition": {"id": 46}, "value": "EMEA"},
                {"definition": {"id": 47}, "value": 12.5},
                {"definition": {"id": 48}, "value": true},
                {"definition": {"id": 49}, "value": "a;b"},
            ],
            "owner": {"id": 31}, "team": {"id": 5},
        }})
    );
    assert_eq!(output["id"], 9001);
    assert_eq!(
        output["organisation"],
        json!({"id": 9002, "type": "organisation", "name": "Lagoa Foods", "isRestricted": false})
    );
}

#[test]
fn an_organisation_goes_out_with_its_name() {
    let script = created(&organisation(9002, "Lagoa Foods"));
    let (output, log) = done(
        script,
        "organisations.create",
        &json!({"name": "Lagoa Foods", "phoneNumbers": [{"number": "1"}]}),
    );
    assert_eq!(
        log.sent(0).json(),
        json!({"party": {"type": "organisation", "name": "Lagoa Foods", "phoneNumbers": [{"number": "1"}]}})
    );
    assert_eq!(
        (&output["type"], &output["name"]),
        (&json!("organisation"), &json!("Lagoa Foods"))
    );
}

#[test]
fn what_is_read_along_is_asked_of_the_create() {
    let stored = person(
        7,
        json!({"tags": [{"id": 12, "name": "VIP", "dataTag": false}], "missingImportantFields": true}),
    );
    let script = Script::new().on(
        "POST",
        "/api/v2/parties?embed=tags,organisation,missingImportantFields",
        201,
        one(&stored),
    );
    let input = json!({"lastName": "Duarte", "embed": {"tags": true, "organisation": true, "missingImportantFields": true}});
    let (output, _) = done(script, "people.create", &input);
    assert_eq!(
        output["tags"],
        json!([{"id": 12, "name": "VIP", "dataTag": false}])
    );
    assert_eq!(output["missingImportantFields"], true);
}

#[test]
fn what_is_needed_to_read_the_answer_is_read_before_anything_is_created() {
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
            json!({"site": {"url": "https://lagoa.capsulecrm.com/"}}),
        )
        .on("POST", FILTER, 200, all(&[]))
        .on("POST", CREATE, 201, one(&organisation(9, "Lagoa Foods")))
        .on(
            "POST",
            "/api/v2/parties?embed=fields",
            201,
            one(&person(
                7,
                json!({"fields": [{"id": 1, "definition": {"id": 47}, "value": "12"}]}),
            )),
        );
    let input = json!({"lastName": "Duarte", "organisation": "Lagoa Foods", "embed": {"fields": true, "webUrl": true}});
    let (output, _) = done(script, "people.create", &input);
    assert_eq!(output["fields"], json!({"47": 12}));
    assert_eq!(output["webUrl"], "https://lagoa.capsulecrm.com/party/7");
}

#[test]
fn an_address_for_people_that_the_environment_names_costs_no_request() {
    let settings = Settings {
        access_token: Some("t".into()),
        web_url: Some("https://lagoa.capsulecrm.com/".into()),
        ..Settings::default()
    };
    let (client, _) = created(&person(7, json!({}))).client_with(settings);
    let output: Value = serde_json::from_str(
        &block_on(invoke(&client, "people.create", r#"{"lastName":"D"}"#)).unwrap(),
    )
    .unwrap();
    assert_eq!(output["webUrl"], "https://lagoa.capsulecrm.com/party/7");
}

#[test]
fn definitions_that_can_not_be_read_stop_the_create() {
    let script = Script::new().on("GET", DEFINITIONS, 503, Value::Null);
    let error = failed(
        script,
        "people.create",
        &json!({"lastName": "Duarte", "embed": {"fields": true}}),
    );
    assert_eq!(fault(error).0, "unavailable");
}

#[test]
fn blank_parts_of_rows_are_left_out_but_what_is_required_is_sent() {
    let input = json!({
        "lastName": "D",
        "emailAddresses": [{"type": "", "address": "a@b.example"}],
        "phoneNumbers": [{"type": " ", "number": ""}],
        "addresses": [{"street": "", "city": "Porto", "country": ""}],
    });
    assert_eq!(
        sent("people.create", &input)["party"],
        json!({
            "type": "person", "lastName": "D",
            "emailAddresses": [{"address": "a@b.example"}],
            "phoneNumbers": [{"number": ""}],
            "addresses": [{"city": "Porto"}],
        })
    );
}

#[test]
fn a_tag_that_stands_twice_is_sent_once() {
    let input = json!({"lastName": "D", "tags": ["VIP", "vip ", 12, 12]});
    assert_eq!(
        sent("people.create", &input)["party"]["tags"],
        json!([{"name": "VIP"}, {"id": 12}])
    );
}

#[test]
fn a_person_without_a_name_is_refused_before_any_request() {
    for input in [
        json!({}),
        json!({"firstName": " ", "lastName": ""}),
        json!({"jobTitle": "Buyer"}),
    ] {
        assert_eq!(
            pointers(Script::new(), "people.create", &input),
            [("/lastName".into(), "required".into())],
            "{input}"
        );
    }
}

#[test]
fn an_organisation_without_a_name_is_refused_before_any_request() {
    for input in [json!({}), json!({"name": "  "})] {
        assert_eq!(
            pointers(Script::new(), "organisations.create", &input),
            [("/name".into(), "required".into())],
            "{input}"
        );
    }
}

#[test]
fn empty_names_are_refused_before_any_request() {
    let input = json!({"lastName": "D", "tags": ["VIP", " "], "organisation": " "});
    let expected = [
        ("/tags/1".into(), "required".into()),
        ("/organisation".into(), "required".into()),
    ];
    assert_eq!(pointers(Script::new(), "people.create", &input), expected);
}

// ---- custom fields ----

#[test]
fn fields_by_name_cost_one_request_and_are_typed() {
    let known = [
        definition(46, "Region", "list"),
        definition(47, "Rank", "number"),
        definition(48, "Since", "date"),
    ];
    let known = definitions(&[
        over(known[0].clone(), json!({"options": ["EMEA", "APAC"]})),
        known[1].clone(),
        known[2].clone(),
    ]);
    let script = Script::new().on("GET", DEFINITIONS, 200, known).on(
        "POST",
        CREATE,
        201,
        one(&person(7, json!({}))),
    );
    let (_, log) = done(
        script,
        "people.create",
        &json!({"lastName": "D", "fields": {"region": "emea", "Rank": "12.50", "Since": "2026-02-03"}}),
    );
    let fields = log.sent(1).json()["party"]["fields"].clone();
    let mut fields = fields.as_array().unwrap().clone();
    fields.sort_by_key(|field| field["definition"]["id"].as_u64());
    assert_eq!(
        fields,
        [
            json!({"definition": {"id": 46}, "value": "EMEA"}),
            json!({"definition": {"id": 47}, "value": "12.50"}),
            json!({"definition": {"id": 48}, "value": "2026-02-03"}),
        ]
    );
}

#[test]
fn a_field_by_name_brings_its_data_tag_unless_it_is_there() {
    let tagged = over(
        definition(46, "Region", "text"),
        json!({"tag": {"id": 3, "name": "Supplier"}}),
    );
    for (tags, expected) in [
        (json!([]), json!([{"id": 3}])),
        (json!([3, "VIP"]), json!([{"id": 3}, {"name": "VIP"}])),
    ] {
        let script = Script::new()
            .on(
                "GET",
                DEFINITIONS,
                200,
                definitions(std::slice::from_ref(&tagged)),
            )
            .on("POST", CREATE, 201, one(&person(7, json!({}))));
        let (_, log) = done(
            script,
            "people.create",
            &json!({"lastName": "D", "tags": tags, "fields": {"Region": "EMEA"}}),
        );
        assert_eq!(log.sent(1).json()["party"]["tags"], expected);
    }
}

#[test]
fn all_that_does_not_fit_is_told_at_once() {
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
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[
                definition(47, "Rank", "number"),
                definition(48, "a/b~c", "boolean"),
            ]),
        );
    let input = json!({"lastName": "D", "owner": "Rana Kay", "team": "Sale", "fields": {"Rank": "many", "Rang": "1", "a/b~c": "yes"}});
    let found = violations(script, "people.create", &input);
    let mut told: Vec<_> = found
        .iter()
        .map(|one| (one.pointer.as_str(), one.rule.as_str()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("/fields/Rang", "not-found"),
            ("/fields/Rank", "type"),
            ("/fields/a~1b~0c", "type"),
            ("/owner", "not-found"),
            ("/team", "not-found"),
        ]
    );
    for (pointer, near) in [
        ("/owner", "Rana Kaya"),
        ("/team", "Sales"),
        ("/fields/Rang", "Rank"),
    ] {
        let message = &found
            .iter()
            .find(|one| one.pointer == pointer)
            .unwrap()
            .message;
        assert!(message.contains(near), "{message}");
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Region", "text")]),
    );
    let found = pointers(
        script,
        "people.create",
        &json!({"lastName": "D", "fields": {"46": "a", "Region": "b"}}),
    );
    assert_eq!(found, [("/fields/Region".into(), "unique".into())]);
}

#[test]
fn a_field_name_that_two_fields_have_is_ambiguous_and_told_apart() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[
            over(
                definition(46, "Region", "text"),
                json!({"tag": {"id": 3, "name": "Supplier"}}),
            ),
            over(
                definition(47, "Region", "text"),
                json!({"captureRule": "organisation"}),
            ),
            definition(48, "Rank", "number"),
        ]),
    );
    let (pointer, candidates) = ambiguity(
        script,
        "people.create",
        &json!({"lastName": "D", "fields": {"region": "EMEA"}}),
    );
    assert_eq!(pointer, "/fields/region");
    assert_eq!(
        candidates,
        [
            ("46".into(), "Region (Supplier)".into()),
            ("47".into(), "Region (organisation)".into())
        ]
    );
}

// ---- owner and team ----

#[test]
fn owner_and_team_by_name_are_looked_up() {
    let users = json!({"users": [{"id": 31, "username": "rkaya", "name": "Rana Kaya"}, {"id": 32, "username": "x", "name": "rkaya"}]});
    for name in ["rana kaya", "RKAYA"] {
        let script = Script::new()
            .on("GET", USERS, 200, users.clone())
            .on(
                "GET",
                TEAMS,
                200,
                json!({"teams": [{"id": 5, "name": "Sales"}]}),
            )
            .on("POST", CREATE, 201, one(&person(7, json!({}))));
        let (_, log) = done(
            script,
            "people.create",
            &json!({"lastName": "D", "owner": name, "team": "sales"}),
        );
        let body = log.sent(2).json();
        assert_eq!(
            (&body["party"]["owner"], &body["party"]["team"]),
            (&json!({"id": 31}), &json!({"id": 5}))
        );
    }
}

#[test]
fn an_owner_that_two_users_are_named_by_is_ambiguous() {
    let users = json!({"users": [{"id": 31, "username": "a", "name": "Rana Kaya"}, {"id": 32, "username": "b", "name": "Rana Kaya"}]});
    let script = Script::new().on("GET", USERS, 200, users);
    let (pointer, candidates) = ambiguity(
        script,
        "people.create",
        &json!({"lastName": "D", "owner": "Rana Kaya"}),
    );
    assert_eq!(pointer, "/owner");
    assert_eq!(
        candidates,
        [
            ("31".into(), "Rana Kaya".into()),
            ("32".into(), "Rana Kaya".into())
        ]
    );
}

#[test]
fn an_empty_name_does_not_mean_a_user_without_one() {
    let users = json!({"users": [{"id": 31, "username": "", "name": null}]});
    let script = Script::new().on("GET", USERS, 200, users);
    assert_eq!(
        pointers(
            script,
            "people.create",
            &json!({"lastName": "D", "owner": " "})
        ),
        [("/owner".into(), "required".into())]
    );
}

// ---- the employer ----

#[test]
fn an_employer_by_name_that_is_there_is_used() {
    // Capsule may find more than the name that is meant.
    let found = all(&[
        organisation(8, "Lagoa Foods Lda"),
        organisation(9, "Lagoa Foods"),
    ]);
    let script = Script::new().on("POST", FILTER, 200, found).on(
        "POST",
        CREATE,
        201,
        one(&person(7, json!({}))),
    );
    let (_, log) = done(
        script,
        "people.create",
        &json!({"lastName": "D", "organisation": " lagoa foods "}),
    );
    assert_eq!(
        log.sent(0).json(),
        looks_for("organisation", "name", "is", json!("lagoa foods"))
    );
    assert_eq!(
        log.sent(1).json()["party"]["organisation"],
        json!({"id": 9})
    );
}

#[test]
fn an_employer_by_name_that_is_unknown_is_created() {
    let script = Script::new()
        .on("POST", FILTER, 200, all(&[]))
        .on("POST", CREATE, 201, one(&organisation(9, "Lagoa Foods")))
        .on("POST", CREATE, 201, one(&person(7, json!({}))));
    let (_, log) = done(
        script,
        "people.create",
        &json!({"lastName": "D", "organisation": "Lagoa Foods"}),
    );
    assert_eq!(
        log.sent(1).json(),
        json!({"party": {"type": "organisation", "name": "Lagoa Foods"}})
    );
    assert_eq!(
        log.sent(2).json()["party"]["organisation"],
        json!({"id": 9})
    );
}

#[test]
fn an_employer_name_that_several_have_is_ambiguous_and_nothing_is_created() {
    let with_email = over(
        organisation(9, "Lagoa Foods"),
        json!({"emailAddresses": [{"id": 1, "address": "hi@lagoa.example"}]}),
    );
    let script = Script::new().on(
        "POST",
        FILTER,
        200,
        all(&[organisation(8, "Lagoa Foods"), with_email]),
    );
    let (pointer, candidates) = ambiguity(
        script,
        "people.create",
        &json!({"lastName": "D", "organisation": "Lagoa Foods"}),
    );
    assert_eq!(pointer, "/organisation");
    assert_eq!(
        candidates,
        [
            ("8".into(), "Lagoa Foods".into()),
            ("9".into(), "Lagoa Foods (hi@lagoa.example)".into())
        ]
    );
}

#[test]
fn a_refused_employer_points_to_the_callers_field() {
    let refusal = json!({"message": "Validation Failed", "errors": [{"message": "name is too long", "resource": "party", "field": "name"}]});
    let script = Script::new()
        .on("POST", FILTER, 200, all(&[]))
        .on("POST", CREATE, 422, refusal);
    let found = pointers(
        script,
        "people.create",
        &json!({"lastName": "D", "organisation": "Lagoa"}),
    );
    assert_eq!(found, [("/organisation".into(), "vendor".into())]);
}

/// A create that made an organisation, and whose own request then gets this.
fn after_the_employer(script: impl FnOnce(Script) -> Script) -> Error {
    let begun = Script::new().on("POST", FILTER, 200, all(&[])).on(
        "POST",
        CREATE,
        201,
        one(&organisation(9, "Lagoa Foods")),
    );
    failed(
        script(begun),
        "people.create",
        &json!({"lastName": "D", "title": "Prof", "organisation": "Lagoa Foods"}),
    )
}

#[test]
fn a_refusal_after_the_employer_was_created_says_what_was_done() {
    let refusal = json!({"message": "Validation Failed", "errors": [{"message": "unknown title", "resource": "party", "field": "title"}]});
    let (case, fault) = fault(after_the_employer(|begun| {
        begun.on("POST", CREATE, 422, refusal)
    }));
    assert_eq!(case, "incomplete");
    assert!(
        fault.message.contains("organisation 9 was created")
            && fault.message.contains("unknown title"),
        "{}",
        fault.message
    );
    let extra: Value = serde_json::from_str(&fault.extra.unwrap()).unwrap();
    assert_eq!(
        extra["done"],
        json!([{"operation": "organisations.create", "id": 9}])
    );
}

#[test]
fn what_can_be_repeated_after_the_employer_was_created_stays_transient() {
    let limited = after_the_employer(|begun| {
        begun.on("POST", CREATE, 429, json!({"error": "rate limit reached"}))
    });
    assert!(
        matches!(limited, Error::Transient(TransientError::RateLimited(_))),
        "{limited:?}"
    );
    let unsent =
        after_the_employer(|begun| begun.lost("POST", CREATE, Lost::NotSent("refused".into())));
    assert_eq!(fault(unsent).0, "unavailable");
}

#[test]
fn a_lost_answer_after_the_employer_was_created_says_that_too() {
    let (case, fault) = fault(after_the_employer(|begun| {
        begun.lost("POST", CREATE, Lost::NoAnswer("reset".into()))
    }));
    assert_eq!(case, "outcome-unknown");
    assert!(
        fault
            .message
            .contains("The organisation 9 was created before."),
        "{}",
        fault.message
    );
    assert!(fault.extra.unwrap().contains("organisations.create"));
}

#[test]
fn a_lost_answer_of_the_employer_itself_is_transient() {
    let script = Script::new().on("POST", FILTER, 200, all(&[])).lost(
        "POST",
        CREATE,
        Lost::TimedOut("30 s".into()),
    );
    assert_eq!(
        fault(failed(
            script,
            "people.create",
            &json!({"lastName": "D", "organisation": "Lagoa"})
        ))
        .0,
        "timed-out"
    );
}

// ---- what Capsule answers ----

#[test]
fn a_lost_create_is_not_repeatable() {
    for (lost, expected) in [
        (Lost::NoAnswer("reset".into()), "outcome-unknown"),
        (Lost::TimedOut("30 s".into()), "outcome-unknown"),
        (
            Lost::Cut {
                status: 201,
                why: "reset".into(),
            },
            "outcome-unknown",
        ),
        (Lost::TooLarge { status: 201 }, "outcome-unknown"),
        (Lost::NotSent("refused".into()), "unavailable"),
        (Lost::Denied("no grant".into()), "forbidden"),
    ] {
        let script = Script::new().lost("POST", CREATE, lost.clone());
        assert_eq!(
            fault(failed(script, "people.create", &json!({"lastName": "D"}))).0,
            expected,
            "{lost:?}"
        );
    }
}

#[test]
fn a_created_answer_that_can_not_be_read_is_not_repeatable() {
    for body in [
        "",
        "<html>",
        "{\"party\":null}",
        "{\"party\":{\"type\":\"person\"}}",
        "{\"party\":{\"id\":\"x\"}}",
    ] {
        let script = Script::new().raw("POST", CREATE, 201, body);
        let (case, fault) = fault(failed(script, "people.create", &json!({"lastName": "D"})));
        assert_eq!(
            (case, fault.status),
            ("outcome-unknown", Some(201)),
            "{body}"
        );
    }
}

#[test]
fn a_refusal_names_every_field_by_the_callers_pointer() {
    let refusal = json!({"message": "Validation Failed", "errors": [
        {"message": "number is required", "resource": "phoneNumber", "field": "number"},
        {"message": "unknown title", "resource": "party", "field": "title"},
    ]});
    let script = Script::new().on("POST", CREATE, 422, refusal);
    let found = pointers(
        script,
        "people.create",
        &json!({"lastName": "D", "title": "Prof", "phoneNumbers": [{"number": ""}]}),
    );
    assert_eq!(
        found,
        [
            ("/phoneNumbers".into(), "vendor".into()),
            ("/title".into(), "vendor".into())
        ]
    );
}

fn unknown_country() -> Value {
    json!({"message": "Validation Failed", "errors": [{"message": "unknown country", "resource": "address", "field": "country"}]})
}

const COUNTRIES: &str = "/api/v2/countries?page=1&perPage=100";

#[test]
fn an_unknown_country_is_pointed_at_with_the_nearest_one() {
    let script = Script::new().on("POST", CREATE, 422, unknown_country()).on(
        "GET",
        COUNTRIES,
        200,
        json!({"countries": [{"name": "Portugal"}, {"name": "United States"}]}),
    );
    let input = json!({"lastName": "D", "addresses": [{"country": "USA"}, {"country": "Portugal"}, {"city": "Porto"}, {"country": "Portugl"}]});
    let found = violations(script, "people.create", &input);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pointer, "/addresses/3/country");
    assert!(
        found[0].message.contains("did you mean Portugal?"),
        "{}",
        found[0].message
    );
}

#[test]
fn an_unknown_country_is_told_even_if_the_countries_can_not_be_read() {
    let script = Script::new().on("POST", CREATE, 422, unknown_country()).on(
        "GET",
        COUNTRIES,
        500,
        Value::Null,
    );
    let found = pointers(
        script,
        "people.create",
        &json!({"lastName": "D", "addresses": [{"country": "Portugl"}]}),
    );
    assert_eq!(found, [("/addresses".into(), "vendor".into())]);
}

#[test]
fn a_rate_limit_keeps_the_reset() {
    let script = Script::new()
        .on("POST", CREATE, 429, json!({"error": "rate limit reached"}))
        .with("x-ratelimit-reset", "1772000000")
        .with("date", "Wed, 25 Feb 2026 06:12:50 GMT")
        .takes(Duration::from_secs(1));
    match failed(script, "people.create", &json!({"lastName": "D"})) {
        Error::Transient(TransientError::RateLimited(limit)) => {
            assert_eq!(limit.retry_after_ms, 30_000)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tag_that_is_not_there_is_told_with_the_way_out() {
    let refusal = json!({
        "message": "Validation Failed",
        "errors": [{"message": "tag not found", "resource": "tag", "field": "id"}, {"message": "user not found", "resource": "party", "field": "owner"}],
    });
    let script = Script::new().on("POST", "/api/v2/parties", 422, refusal);
    let input = json!({"firstName": "Ines", "tags": [99], "owner": 98});
    let found = violations(script, "people.create", &input);
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.pointer.as_str(), one.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "/tags",
                "tag.id: tag not found; `tags.list-all` tells what there is, and a name does as well as an id"
            ),
            (
                "/owner",
                "party.owner: user not found; `settings.list-users` tells what there is, and a name does as well as an id"
            ),
        ]
    );
}

#[test]
fn the_ways_out_are_operations() {
    for (_, id) in crate::api::LISTS {
        assert!(crate::actions::known(id).is_ok(), "{id}");
    }
}
