use super::*;

#[test]
fn a_person_is_found_by_email_without_regard_to_case() {
    let with = |id: u64, address: &str| {
        person(
            id,
            json!({"emailAddresses": [{"id": 1, "type": null, "address": address}]}),
        )
    };
    let rows = all(&[
        with(7, "Ines@Lagoa.example"),
        with(8, "other@lagoa.example"),
    ]);
    let script = Script::new().on(
        "POST",
        FILTER,
        200,
        over(rows, json!({"meta": {"totalCount": 1}})),
    );
    let (output, log) = done(
        script,
        "people.find",
        &json!({"by": {"email": " ines@lagoa.example "}}),
    );
    assert_eq!(
        log.sent(0).json(),
        looks_for("person", "email", "is", json!("ines@lagoa.example"))
    );
    assert_eq!(output["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&output["items"][0]["id"], &output["total"]),
        (&json!(7), &json!(1))
    );
}

#[test]
fn a_phone_number_is_found_however_it_is_written() {
    let with = |id: u64, number: &str| {
        person(
            id,
            json!({"phoneNumbers": [{"id": 1, "type": null, "number": number}]}),
        )
    };
    let rows = all(&[
        with(7, "+351 91-23 45"),
        with(8, "351 0045"),
        with(9, "351912345"),
    ]);
    let script = Script::new().on(
        "POST",
        FILTER,
        200,
        over(rows, json!({"meta": {"totalCount": 3}})),
    );
    let (output, log) = done(
        script,
        "people.find",
        &json!({"by": {"phone": "(351) 912345"}}),
    );
    assert_eq!(
        log.sent(0).json(),
        looks_for("person", "phone", "ends with", json!("45"))
    );
    let ids: Vec<_> = output["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [json!(7), json!(9)]);
    assert!(
        output.get("total").is_none(),
        "Capsule's count is of more than was meant"
    );
}

#[test]
fn a_name_is_found_as_a_whole() {
    let rows = all(&[
        person(7, json!({})),
        person(8, json!({"firstName": null, "lastName": "Ines Duarte"})),
        person(9, json!({"lastName": "Duarte Silva"})),
        organisation(10, "Ines Duarte"),
    ]);
    let script = Script::new().on("POST", FILTER, 200, rows);
    let (output, log) = done(
        script,
        "people.find",
        &json!({"by": {"name": "ines duarte"}}),
    );
    assert_eq!(
        log.sent(0).json(),
        looks_for("person", "name", "is", json!("ines duarte"))
    );
    let ids: Vec<_> = output["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [json!(7), json!(8)]);
}

#[test]
fn an_organisation_is_found_by_name() {
    let script = Script::new().on("POST", FILTER, 200, all(&[organisation(9, "Lagoa Foods")]));
    let (output, log) = done(
        script,
        "organisations.find",
        &json!({"by": {"name": "Lagoa Foods"}}),
    );
    assert_eq!(
        log.sent(0).json(),
        looks_for("organisation", "name", "is", json!("Lagoa Foods"))
    );
    assert_eq!(output["items"][0]["name"], "Lagoa Foods");
}

const FILTER_WITH_FIELDS: &str =
    "/api/v2/parties/filters/results?embed=fields,meta&page=1&perPage=100";

fn by_field(definition: Value, value: Value) -> Result<(Value, Log), Error> {
    let with = |id: u64, value: Value| {
        person(
            id,
            json!({"fields": [{"id": 1, "definition": {"id": 46}, "value": value}]}),
        )
    };
    let rows = all(&[
        with(7, json!("4711")),
        with(8, json!("0815")),
        person(9, json!({"fields": []})),
        person(10, json!({})),
    ]);
    let script = Script::new()
        .on("GET", DEFINITIONS, 200, definitions(&[definition]))
        .on("POST", FILTER_WITH_FIELDS, 200, rows);
    let (result, log) = play(
        script,
        "people.find",
        &json!({"by": {"field": {"definition": "Foreign id", "value": value}}}),
    );
    result.map(|output| (output, log))
}

#[test]
fn a_custom_field_is_found_by_the_value_that_it_holds() {
    for (kind, value, sent) in [
        ("text", json!(4711), json!("4711")),
        ("text", json!("4711"), json!("4711")),
        ("number", json!(4711), json!(4711)),
    ] {
        let (output, log) = by_field(definition(46, "Foreign id", kind), value).unwrap();
        assert_eq!(
            log.sent(1).json(),
            looks_for("person", "custom:46", "is", sent)
        );
        let items = output["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "what Capsule gives beyond it is not taken");
        assert_eq!(items[0]["id"], 7);
        assert!(items[0].get("fields").is_none(), "they were not asked for");
    }
}

#[test]
fn fields_that_were_asked_for_are_given() {
    let row = person(
        7,
        json!({"fields": [{"id": 1, "definition": {"id": 46}, "value": "4711"}]}),
    );
    let script = Script::new()
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(46, "Foreign id", "number")]),
        )
        .on("POST", FILTER_WITH_FIELDS, 200, all(&[row]));
    let input =
        json!({"by": {"field": {"definition": 46, "value": 4711}}, "embed": {"fields": true}});
    let (output, _) = done(script, "people.find", &input);
    assert_eq!(output["items"][0]["fields"], json!({"46": 4711}));
}

#[test]
fn a_value_that_does_not_fit_the_field_is_refused_before_the_search() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Rank", "number")]),
    );
    let found = pointers(
        script,
        "people.find",
        &json!({"by": {"field": {"definition": "Rank", "value": "many"}}}),
    );
    assert_eq!(found, [("/by/field/value".into(), "type".into())]);
}

#[test]
fn a_field_that_is_unknown_is_refused_with_the_nearest_one() {
    for wanted in [json!("Rang"), json!(99)] {
        let script = Script::new().on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(46, "Rank", "number")]),
        );
        let found = pointers(
            script,
            "people.find",
            &json!({"by": {"field": {"definition": wanted, "value": "1"}}}),
        );
        assert_eq!(found, [("/by/field/definition".into(), "not-found".into())]);
    }
}

#[test]
fn nothing_to_look_for_is_refused() {
    for (by, pointer) in [
        (json!({"email": " "}), "/by/email"),
        (json!({"phone": "none"}), "/by/phone"),
        (json!({"name": ""}), "/by/name"),
    ] {
        assert_eq!(
            pointers(Script::new(), "people.find", &json!({ "by": by })),
            [(pointer.into(), "required".into())]
        );
    }
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Foreign id", "text")]),
    );
    let blank = json!({"by": {"field": {"definition": "Foreign id", "value": " "}}});
    assert_eq!(
        pointers(script, "people.find", &blank),
        [("/by/field/value".into(), "required".into())]
    );
}

#[test]
fn a_small_limit_still_reads_whole_pages_and_goes_on_where_it_ended() {
    let with =
        |id: u64, number: &str| person(id, json!({"phoneNumbers": [{"id": 1, "number": number}]}));
    let rows = all(&[
        with(1, "99 45"),
        with(2, "12 45"),
        with(3, "88 45"),
        with(4, "1 2 4 5"),
    ]);
    let input = json!({"by": {"phone": "1245"}, "limit": 1});
    let (first, _) = done(
        Script::new().on("POST", FILTER, 200, rows.clone()),
        "people.find",
        &input,
    );
    assert_eq!(first["items"][0]["id"], 2);
    let (second, _) = done(
        Script::new().on("POST", FILTER, 200, rows),
        "people.find",
        &over(input, json!({"cursor": first["next"]})),
    );
    assert_eq!(
        (&second["items"][0]["id"], second.get("next")),
        (&json!(4), None)
    );
}
