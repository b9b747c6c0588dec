use super::*;

/// A definition that belongs to a data tag.
fn tagged(id: u64, name: &str, kind: &str, tag: u64) -> Value {
    over(
        definition(id, name, kind),
        json!({"tag": {"id": tag, "name": "Contract", "dataTag": true}}),
    )
}

fn account() -> Script {
    Script::new().on(
        "GET",
        DEFINITIONS,
        200,
        definitions(&[
            over(
                definition(46, "Region", "list"),
                json!({"options": ["EMEA", "APAC"]}),
            ),
            definition(47, "Discount", "number"),
            definition(48, "Newsletter", "boolean"),
            tagged(49, "Renewal", "date", 5),
            tagged(50, "Term", "text", 5),
        ]),
    )
}

/// Sets fields of the party 7; what was sent and what came.
#[track_caller]
fn set(fields: Value, stored: Value) -> (Value, Value) {
    let party = person(7, json!({"tags": [], "fields": stored}));
    let script = account().on(
        "PUT",
        "/api/v2/parties/7?embed=tags,fields",
        200,
        one(&party),
    );
    let input = json!({"on": {"party": 7}, "fields": fields});
    let (output, log) = done(script, "custom-fields.set", &input);
    let sent = log.sent(1).json()["party"].take();
    (sent, output)
}

#[test]
fn a_number_that_comes_back_as_text_is_a_number() {
    let stored =
        json!([{"id": 91, "definition": {"id": 47, "name": "Discount"}, "value": "12.50"}]);
    let (sent, output) = set(json!({"Discount": 12.5}), stored);
    assert_eq!(
        sent,
        json!({"fields": [{"definition": {"id": 47}, "value": 12.5}]})
    );
    assert_eq!(output["party"]["fields"], json!({"47": 12.5}));
}

#[test]
fn null_for_a_boolean_field_is_refused_before_anything_is_sent() {
    let input = json!({"on": {"party": 7}, "fields": {"48": null}});
    assert_eq!(
        pointers(account(), "custom-fields.set", &input),
        [("/fields/48".into(), "type".into())]
    );
}

#[test]
fn null_clears_a_field_and_attaches_no_tag() {
    let (sent, _) = set(json!({"Renewal": null}), json!([]));
    assert_eq!(
        sent,
        json!({"fields": [{"definition": {"id": 49}, "value": null}]})
    );
}

#[test]
fn a_data_tag_field_attaches_its_tag_once_by_id_and_by_name() {
    let (sent, _) = set(json!({"49": "2026-05-01", "term": "Two years"}), json!([]));
    assert_eq!(sent["tags"], json!([{"id": 5}]));
    assert_eq!(sent["fields"].as_array().unwrap().len(), 2);
}

#[test]
fn every_field_that_does_not_fit_is_told() {
    let input =
        json!({"on": {"party": 7}, "fields": {"Region": "Mars", "Discount": true, "Nope": 1}});
    let told = pointers(account(), "custom-fields.set", &input);
    assert_eq!(
        told,
        [
            ("/fields/Discount".into(), "type".into()),
            ("/fields/Nope".into(), "not-found".into()),
            ("/fields/Region".into(), "choice".into()),
        ]
    );
}

#[test]
fn a_field_that_stands_twice_is_told() {
    let input = json!({"on": {"party": 7}, "fields": {"46": "EMEA", "Region": "EMEA"}});
    assert_eq!(
        pointers(account(), "custom-fields.set", &input),
        [("/fields/Region".into(), "unique".into())]
    );
}

#[test]
fn no_field_at_all_is_told_without_a_request() {
    let input = json!({"on": {"party": 7}, "fields": {}});
    assert_eq!(
        pointers(Script::new(), "custom-fields.set", &input),
        [("/fields".into(), "required".into())]
    );
}

#[test]
fn fields_of_opportunities_and_projects_go_to_their_own_paths() {
    for (key, path, case) in [
        ("opportunity", "opportunities", "opportunity"),
        ("kase", "kases", "project"),
    ] {
        let script = Script::new()
            .on(
                "GET",
                &format!("/api/v2/{path}/fields/definitions?page=1&perPage=100"),
                200,
                definitions(&[definition(46, "Region", "text")]),
            )
            .on(
                "PUT",
                &format!("/api/v2/{path}/4?embed=party,tags,fields"),
                200,
                json!({key: {"id": 4, "name": "Rollout", "tags": [], "fields": [{"id": 1, "definition": 46, "value": "EMEA"}]}}),
            );
        let input =
            json!({"on": {key: 4}, "fields": {"Region": "EMEA"}, "embed": {"linked": true}});
        let (output, log) = done(script, "custom-fields.set", &input);
        assert_eq!(output[case]["fields"], json!({"46": "EMEA"}));
        assert_eq!(
            log.sent(1).json(),
            json!({key: {"fields": [{"definition": {"id": 46}, "value": "EMEA"}]}})
        );
    }
}

// ---- definitions ----

const PATH: &str = "/api/v2/parties/fields/definitions";

#[test]
fn definitions_come_with_a_short_or_a_full_tag() {
    let rows = json!([
        tagged(49, "Renewal", "date", 5),
        over(definition(50, "Term", "text"), json!({"tag": 5})),
        over(
            definition(46, "Region", "list"),
            json!({"options": ["EMEA"], "captureRule": "person", "displayOrder": 2})
        ),
    ]);
    let script = Script::new().on(
        "GET",
        &format!("{PATH}?embed=meta&page=1&perPage=100"),
        200,
        json!({"definitions": rows, "meta": {"totalCount": 3}}),
    );
    let (output, _) = done(
        script,
        "custom-fields.list-definitions",
        &json!({"entity": "parties"}),
    );
    assert_eq!(output["total"], 3);
    assert_eq!(
        output["items"][0]["tag"],
        json!({"id": 5, "name": "Contract", "dataTag": true})
    );
    assert_eq!(output["items"][1]["tag"]["id"], 5);
    assert_eq!(output["items"][2]["captureRule"], "person");
    assert_eq!(output["items"][2]["displayOrder"], 2);
}

#[test]
fn a_definition_is_read_by_id_without_a_look_up_and_by_name_with_one() {
    let read = |script: Script, wanted: Value| {
        let script = script.on(
            "GET",
            &format!("{PATH}/46"),
            200,
            json!({"definition": definition(46, "Region", "list")}),
        );
        let input = json!({"entity": "parties", "definition": wanted});
        done(script, "custom-fields.get-definition", &input).0
    };
    assert_eq!(read(Script::new(), json!(46))["name"], "Region");
    assert_eq!(read(account(), json!("region"))["id"], 46);
}

#[test]
fn a_definition_is_created_with_its_tag_by_name() {
    let script = Script::new().on(
        "POST",
        PATH,
        201,
        json!({"definition": tagged(51, "Seats", "number", 5)}),
    );
    let input = json!({"entity": "parties", "name": "Seats", "type": "number", "tag": "Contract", "captureRule": "organisation"});
    let (output, log) = done(script, "custom-fields.create-definition", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"definition": {"name": "Seats", "type": "number", "important": false, "tag": {"name": "Contract"}, "captureRule": "organisation"}})
    );
    assert_eq!(output["id"], 51);
}

#[test]
fn a_definition_that_can_not_be_is_told_before_anything_is_sent() {
    for (changes, at, rule) in [
        (json!({"name": " "}), "/name", "required"),
        (json!({"options": []}), "/options", "required"),
        (json!({"type": "text"}), "/options", "range"),
        (json!({"options": ["a", "a"]}), "/options/1", "unique"),
        (
            json!({"type": "multiselectlist", "options": ["a;b"]}),
            "/options/0",
            "format",
        ),
        (
            json!({"captureRule": "person", "entity": "projects"}),
            "/captureRule",
            "choice",
        ),
        (json!({"tag": ""}), "/tag", "required"),
    ] {
        let input = over(
            json!({"entity": "parties", "name": "Region", "type": "list", "options": ["EMEA"]}),
            changes,
        );
        assert_eq!(
            pointers(Script::new(), "custom-fields.create-definition", &input),
            [(at.into(), rule.into())],
            "{input}"
        );
    }
}

#[test]
fn a_change_of_a_definition_leaves_sets_and_clears() {
    let script = Script::new().on(
        "PUT",
        &format!("{PATH}/46"),
        200,
        json!({"definition": definition(46, "Area", "list")}),
    );
    let input = json!({"entity": "parties", "id": 46, "name": "Area", "description": null, "tag": null, "captureRule": null, "options": ["EMEA"], "important": true});
    let (_, log) = done(script, "custom-fields.update-definition", &input);
    assert_eq!(
        log.sent(0).json(),
        json!({"definition": {"name": "Area", "description": null, "tag": null, "captureRule": null, "options": ["EMEA"], "important": true}})
    );
}

#[test]
fn a_change_of_nothing_only_reads() {
    let script = Script::new().on(
        "GET",
        &format!("{PATH}/46"),
        200,
        json!({"definition": definition(46, "Region", "list")}),
    );
    let input = json!({"entity": "parties", "id": 46});
    assert_eq!(
        done(script, "custom-fields.update-definition", &input).0["id"],
        46
    );
}

#[test]
fn a_deletion_that_finds_nothing_is_a_success() {
    for (status, body, state) in [
        (204, Value::Null, "deleted"),
        (202, Value::Null, "scheduled"),
        (
            404,
            json!({"message": "definition not found"}),
            "alreadyGone",
        ),
    ] {
        let script = Script::new().on("DELETE", &format!("{PATH}/46"), status, body);
        let input = json!({"entity": "parties", "id": 46});
        assert_eq!(
            done(script, "custom-fields.delete-definition", &input).0,
            json!({"id": 46, "state": state})
        );
    }
}
