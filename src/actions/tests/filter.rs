use super::*;

/// The filter that goes out, after the definitions were read if there are any.
fn sent(known: &[Value], input: &Value) -> Value {
    let script = if known.is_empty() {
        Script::new()
    } else {
        Script::new().on("GET", DEFINITIONS, 200, definitions(known))
    };
    let script = script.on("POST", FILTER, 200, all(&[person(7, json!({}))]));
    let (output, log) = done(script, "parties.filter", input);
    assert_eq!(output["items"][0]["id"], 7);
    let body = log.sent(log.count() - 1).json();
    body["filter"].clone()
}

/// Conditions that are refused, by pointer and rule.
fn refused(known: &[Value], conditions: Value) -> Vec<(String, String)> {
    let script = if known.is_empty() {
        Script::new()
    } else {
        Script::new().on("GET", DEFINITIONS, 200, definitions(known))
    };
    pointers(
        script,
        "parties.filter",
        &json!({ "conditions": conditions }),
    )
}

#[test]
fn conditions_and_order_go_out_as_capsule_spells_them() {
    let input = json!({
        "conditions": [
            {"field": "tag", "operator": "is", "value": "Wholesale"},
            {"field": "owner", "operator": "is not", "value": 31},
            {"field": "addedOn", "operator": "is within last", "value": 14},
            {"field": "updatedOn", "operator": "is after", "value": "2026-02-03"},
            {"field": "name", "operator": "starts with", "value": "La"},
            {"field": "hasTags", "operator": "is", "value": true},
            {"field": "org.name", "operator": "contains", "value": "Foods"},
        ],
        "orderBy": [{"field": "addedOn", "direction": "descending"}, {"field": "name"}],
    });
    assert_eq!(
        sent(&[], &input),
        json!({
            "conditions": input["conditions"],
            "orderBy": [{"field": "addedOn", "direction": "descending"}, {"field": "name", "direction": "ascending"}],
        })
    );
}

#[test]
fn no_conditions_mean_every_party() {
    assert_eq!(sent(&[], &json!({})), json!({"conditions": []}));
}

#[test]
fn a_value_that_is_left_out_or_null_asks_for_emptiness() {
    let input = json!({"conditions": [{"field": "owner", "operator": "is", "value": null}, {"field": "lastContactedOn", "operator": "is not"}]});
    assert_eq!(
        sent(&[], &input)["conditions"],
        json!([{"field": "owner", "operator": "is", "value": null}, {"field": "lastContactedOn", "operator": "is not", "value": null}])
    );
}

#[test]
fn one_of_several_conditions_goes_out_as_a_group() {
    let group = json!([{"field": "city", "operator": "is", "value": "Porto"}, {"field": "custom:Rank", "operator": "is", "value": 1}]);
    let input =
        json!({"conditions": [group, {"field": "type", "operator": "is", "value": "person"}]});
    assert_eq!(
        sent(&[definition(47, "Rank", "number")], &input)["conditions"],
        json!([
            {"conditions": [{"field": "city", "operator": "is", "value": "Porto"}, {"field": "custom:47", "operator": "is", "value": 1}]},
            {"field": "type", "operator": "is", "value": "person"},
        ])
    );
}

#[test]
fn custom_fields_are_named_by_id_or_by_name() {
    let known = [
        definition(46, "Region", "list"),
        definition(47, "Rank", "number"),
        definition(48, "Since", "date"),
    ];
    let input = json!({
        "conditions": [
            {"field": "custom:region", "operator": "contains", "value": "EM"},
            {"field": "custom:47", "operator": "is greater than", "value": 3},
            {"field": "org.custom:Since", "operator": "is older than", "value": 30},
            {"field": "org.custom:46", "operator": "is", "value": null},
        ],
        "orderBy": [{"field": "custom:Rank"}],
    });
    let filter = sent(&known, &input);
    let fields: Vec<_> = filter["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["field"].clone())
        .collect();
    assert_eq!(
        fields,
        ["custom:46", "custom:47", "org.custom:48", "org.custom:46"]
    );
    assert_eq!(filter["orderBy"][0]["field"], "custom:47");
}

#[test]
fn operators_that_do_not_fit_are_refused_before_the_filter_is_sent() {
    for (field, operator) in [
        ("name", "is after"),
        ("country", "contains"),
        ("id", "is greater than"),
        ("tag", "starts with"),
        ("hasTags", "contains"),
        ("addedOn", "contains"),
        ("addedOn", "is greater than"),
    ] {
        let found = refused(
            &[],
            json!([{"field": field, "operator": operator, "value": "x"}]),
        );
        assert_eq!(
            found,
            [("/conditions/0/operator".into(), "choice".into())],
            "{field} {operator}"
        );
    }
    for (kind, operator) in [
        ("text", "is greater than"),
        ("number", "contains"),
        ("date", "starts with"),
        ("boolean", "contains"),
    ] {
        let found = refused(
            &[definition(46, "Field", kind)],
            json!([{"field": "custom:46", "operator": operator, "value": "x"}]),
        );
        assert_eq!(
            found,
            [("/conditions/0/operator".into(), "choice".into())],
            "{kind} {operator}"
        );
    }
}

#[test]
fn values_that_do_not_fit_are_refused_before_the_filter_is_sent() {
    for (field, operator, value) in [
        ("name", "is", json!(5)),
        ("name", "contains", Value::Null),
        ("id", "is", json!("7")),
        ("hasTags", "is", json!("yes")),
        ("owner", "is", json!(true)),
        ("owner", "is", json!(1.5)),
        ("tag", "is", json!(-1)),
        ("addedOn", "is", json!("yesterday")),
        ("addedOn", "is after", json!(5)),
        ("addedOn", "is within next", json!("2026-02-03")),
        ("addedOn", "is older than", json!(-1)),
        ("addedOn", "is within last", json!(1.5)),
    ] {
        let found = refused(
            &[],
            json!([{"field": field, "operator": operator, "value": value}]),
        );
        assert_eq!(
            found,
            [("/conditions/0/value".into(), "type".into())],
            "{field} {operator} {value}"
        );
    }
}

#[test]
fn a_misspelt_field_is_refused_with_the_nearest_ones() {
    for (field, near) in [
        ("createdAt", "addedOn"),
        ("updatedAt", "updatedOn"),
        ("lastContactedAt", "lastContactedOn"),
        ("emailAddresses", "email"),
        ("phoneNumbers", "phone"),
        ("tags", "tag"),
        ("jobTitel", "jobTitle"),
        ("qqqqqqqqqqqqqqqq", "hasPhoneNumber"),
    ] {
        let found = violations(
            Script::new(),
            "parties.filter",
            &json!({"conditions": [{"field": field, "operator": "is", "value": "x"}]}),
        );
        assert_eq!(
            (found[0].pointer.as_str(), found[0].rule.as_str()),
            ("/conditions/0/field", "choice")
        );
        assert!(
            found[0].message.contains(&format!("`{near}`"))
                || found[0].message.contains(&format!(" {near},")),
            "{}",
            found[0].message
        );
    }
}

#[test]
fn every_fault_is_told_with_its_pointer() {
    let script = Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[definition(46, "Region", "text")]),
    );
    let input = json!({
        "conditions": [
            {"field": "nam", "operator": "is", "value": "x"},
            [{"field": "city", "operator": "is", "value": 5}, {"field": "custom:Regio", "operator": "is", "value": "x"}],
            [],
            {"field": "custom:99", "operator": "is", "value": "x"},
        ],
        "orderBy": [{"field": "name"}, {"field": "createdAt"}],
    });
    assert_eq!(
        pointers(script, "parties.filter", &input),
        [
            ("/conditions/0/field".into(), "choice".into()),
            ("/conditions/1/0/value".into(), "type".into()),
            ("/conditions/1/1/field".into(), "not-found".into()),
            ("/conditions/2".into(), "required".into()),
            ("/conditions/3/field".into(), "not-found".into()),
            ("/orderBy/1/field".into(), "choice".into()),
        ]
    );
}

#[test]
fn a_custom_field_that_two_are_named_by_is_ambiguous() {
    let known = definitions(&[
        definition(46, "Region", "text"),
        definition(47, "Region", "text"),
    ]);
    let script = Script::new().on("GET", DEFINITIONS, 200, known);
    let (pointer, candidates) = ambiguity(
        script,
        "parties.filter",
        &json!({"conditions": [{"field": "custom:Region", "operator": "is"}]}),
    );
    assert_eq!(
        (pointer.as_str(), candidates.len()),
        ("/conditions/0/field", 2)
    );
}

#[test]
fn an_empty_custom_name_is_refused() {
    let found = refused(
        &[definition(46, "Region", "text")],
        json!([{"field": "custom:", "operator": "is", "value": "x"}]),
    );
    assert_eq!(found, [("/conditions/0/field".into(), "required".into())]);
}

#[test]
fn a_group_that_capsule_refuses_is_invalid_input() {
    let script = Script::new().on(
        "POST",
        FILTER,
        422,
        json!({"message": "Validation Failed", "errors": [{"message": "invalid field name"}]}),
    );
    let found = pointers(
        script,
        "parties.filter",
        &json!({"conditions": [[{"field": "city", "operator": "is", "value": "Porto"}]]}),
    );
    assert_eq!(found, [(String::new(), "vendor".into())]);
}

#[test]
fn a_cursor_of_another_filter_is_stale() {
    let script = Script::new()
        .on(
            "POST",
            "/api/v2/parties/filters/results?embed=meta&page=1&perPage=25",
            200,
            all(&[person(7, json!({}))]),
        )
        .with("x-pagination-has-more", "true");
    let (output, _) = done(
        script,
        "parties.filter",
        &json!({"limit": 1, "conditions": [{"field": "city", "operator": "is", "value": "Porto"}]}),
    );
    let other = json!({"limit": 1, "cursor": output["next"], "conditions": [{"field": "city", "operator": "is", "value": "Lisboa"}]});
    assert_eq!(
        fault(failed(Script::new(), "parties.filter", &other)).0,
        "stale-cursor"
    );
}

// ---- names ----

/// Where the tags of parties are.
const TAGS: &str = "/api/v2/parties/tags?page=1&perPage=100";

/// A filter that finds nothing, in an account with tags.
fn nothing_found(tags: &[(u64, &str)]) -> Script {
    let tags: Vec<_> = tags
        .iter()
        .map(|(id, name)| json!({"id": id, "name": name, "dataTag": false}))
        .collect();
    Script::new()
        .on("POST", FILTER, 200, all(&[]))
        .on("GET", TAGS, 200, json!({ "tags": tags }))
}

#[test]
fn a_tag_that_nothing_has_is_told_instead_of_an_empty_page() {
    let input = json!({"conditions": [
        {"field": "name", "operator": "contains", "value": "Foods"},
        [{"field": "tag", "operator": "is", "value": "Wholesael"}, {"field": "tag", "operator": "is", "value": "VIP"}],
        {"field": "org.tag", "operator": "is", "value": "Hotel"},
    ]});
    let script = nothing_found(&[(4, "Wholesale"), (5, "vip")]);
    let found = violations(script, "parties.filter", &input);
    let places: Vec<_> = found
        .iter()
        .map(|one| (one.pointer.as_str(), one.rule.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("/conditions/1/0/value", "not-found"),
            ("/conditions/2/value", "not-found")
        ]
    );
    assert_eq!(
        found[0].message,
        "There is no tag `Wholesael`. Did you mean `Wholesale`?"
    );
    assert_eq!(
        found[1].message,
        "There is no tag `Hotel`. There are: `Wholesale`, `vip`."
    );
}

#[test]
fn of_many_names_ten_are_told_each_once() {
    let by = json!({"conditions": [{"field": "tag", "operator": "is", "value": "Hotel"}]});
    let message = |names: &[&str]| {
        let tags: Vec<(u64, &str)> = (1..).zip(names.iter().copied()).collect();
        let mut found = violations(nothing_found(&tags), "parties.filter", &by);
        found.pop().unwrap().message
    };
    assert_eq!(
        message(&["Wx", "Wx", "Vip"]),
        "There is no tag `Hotel`. There are: `Wx`, `Vip`."
    );
    let many = [
        "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11",
    ];
    assert_eq!(
        message(&many),
        "There is no tag `Hotel`. There are `q1`, `q2`, `q3`, `q4`, `q5`, `q6`, `q7`, `q8`, `q9`, `q10` and others."
    );
    assert_eq!(
        message(&[]),
        "There is no tag `Hotel`. There is none at all."
    );
}

#[test]
fn a_filter_that_finds_nothing_by_what_is_there_is_an_empty_page() {
    let by =
        |value: Value| json!({"conditions": [{"field": "tag", "operator": "is", "value": value}]});
    // By name: looked up, however it is written.
    let script = nothing_found(&[(4, "Wholesale")]);
    let (output, log) = done(script, "parties.filter", &by(json!("wholesale")));
    assert_eq!((&output["items"], log.count()), (&json!([]), 2));
    // By id: taken at its word.
    let script = Script::new().on("POST", FILTER, 200, all(&[]));
    let (output, log) = done(script, "parties.filter", &by(json!(99)));
    assert_eq!((&output["items"], log.count()), (&json!([]), 1));
}

#[test]
fn a_filter_that_finds_something_looks_no_tag_up() {
    let input = json!({"conditions": [{"field": "tag", "operator": "is not", "value": "Hotel"}]});
    let script = Script::new().on("POST", FILTER, 200, all(&[person(7, json!({}))]));
    assert_eq!(done(script, "parties.filter", &input).1.count(), 1);
}

#[test]
fn the_end_of_what_was_found_looks_no_tag_up() {
    let mut input =
        json!({"limit": 1, "conditions": [{"field": "tag", "operator": "is", "value": "Hotel"}]});
    let path = FILTER.replace("perPage=100", "perPage=25");
    let found = all(&[person(7, json!({})), person(8, json!({}))]);
    let script = Script::new().on("POST", &path, 200, found);
    let (first, _) = done(script, "parties.filter", &input);
    input["cursor"] = first["next"].clone();
    assert!(input["cursor"].is_string(), "{first}");
    // They are gone in the meantime.
    let script = Script::new().on("POST", &path, 200, all(&[]));
    let (second, log) = done(script, "parties.filter", &input);
    assert_eq!((&second["items"], log.count()), (&json!([]), 1));
}

#[test]
fn owners_and_teams_go_out_by_id() {
    let users = json!({"users": [{"id": 31, "username": "ines", "name": "Ines Duarte"}]});
    let teams = json!({"teams": [{"id": 8, "name": "Sales"}]});
    let known = || {
        Script::new()
            .on("GET", USERS, 200, users.clone())
            .on("GET", TEAMS, 200, teams.clone())
    };
    let by = |owner: &str, team: &str| {
        json!({"conditions": [
            {"field": "owner", "operator": "is", "value": owner},
            {"field": "team", "operator": "is not", "value": team},
        ]})
    };
    let script = known().on("POST", FILTER, 200, all(&[person(7, json!({}))]));
    let (_, log) = done(script, "parties.filter", &by("ines duarte", "Sales"));
    assert_eq!(
        log.sent(2).json()["filter"]["conditions"],
        json!([{"field": "owner", "operator": "is", "value": 31}, {"field": "team", "operator": "is not", "value": 8}])
    );
    // Nothing is filtered by half of what was meant.
    let found = violations(known(), "parties.filter", &by("Inez Duarte", "Sails"));
    assert_eq!(
        found
            .iter()
            .map(|one| one.pointer.as_str())
            .collect::<Vec<_>>(),
        ["/conditions/0/value", "/conditions/1/value"]
    );
    assert!(
        found[0].message.contains("`Ines Duarte`"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_milestone_that_nothing_has_is_told_and_one_of_several_pipelines_is_not() {
    let milestones = json!({"milestones": [
        {"id": 1, "name": "Proposal", "complete": false, "pipeline": {"id": 1, "name": "Sales"}},
        {"id": 2, "name": "Proposal", "complete": false, "pipeline": {"id": 2, "name": "Partners"}},
    ]});
    let script = |path: &str, found: Value| {
        Script::new().on("POST", path, 200, found).on(
            "GET",
            "/api/v2/milestones/all?page=1&perPage=100",
            200,
            milestones.clone(),
        )
    };
    let by = |name: &str| json!({"conditions": [{"field": "milestone", "operator": "is", "value": name}]});
    let page = "/api/v2/opportunities/filters/results?embed=meta&page=1&perPage=100";
    let total = "/api/v2/opportunities/value";
    for (operation, path, found) in [
        ("opportunities.filter", page, json!({"opportunities": []})),
        (
            "opportunities.get-total-value",
            total,
            json!({"totalValue": 0.0, "projectedValue": 0.0, "meta": {"currency": "GBP"}}),
        ),
    ] {
        done(script(path, found.clone()), operation, &by("proposal"));
        let told = violations(script(path, found), operation, &by("Propsal"));
        assert_eq!(told[0].pointer, "/conditions/0/value", "{operation}");
        assert!(
            told[0].message.contains("`Proposal`"),
            "{}",
            told[0].message
        );
    }
}

#[test]
fn a_look_up_that_fails_is_told_as_any_other_and_two_of_a_name_are_ambiguous() {
    let by = |field: &str| json!({"conditions": [{"field": field, "operator": "is", "value": "Ines Duarte"}]});
    let script = Script::new().on("POST", FILTER, 200, all(&[])).on(
        "GET",
        TAGS,
        500,
        json!({"message": "oops"}),
    );
    assert_eq!(
        fault(failed(script, "parties.filter", &by("tag"))).0,
        "unavailable"
    );
    let users = json!({"users": [{"id": 31, "username": "a", "name": "Ines Duarte"}, {"id": 32, "username": "b", "name": "Ines Duarte"}]});
    let script = Script::new().on("GET", USERS, 200, users);
    let (pointer, candidates) = ambiguity(script, "parties.filter", &by("owner"));
    assert_eq!(
        (pointer.as_str(), candidates.len()),
        ("/conditions/0/value", 2)
    );
}
