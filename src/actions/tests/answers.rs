//! What Capsule answers, as it is and as it may become.

use super::*;
use crate::api::Lost;

const PARTY: &str = "/api/v2/parties/7";

fn read(party: &Value) -> Value {
    done(
        Script::new().on("GET", PARTY, 200, one(party)),
        "parties.get",
        &json!({"id": 7}),
    )
    .0
}

#[test]
fn the_sample_of_the_reference_is_read_whole() {
    let sample = json!({"id":9001,"owner":{"id":31,"deleted":false,"username":"rkaya","pictureURL":"https://img.example/31","name":"Rana Kaya"},
        "team":null,"type":"person","about":null,"firstName":"Ines","lastName":"Duarte","jobTitle":"Buyer",
        "createdAt":"2026-01-05T08:00:00Z","updatedAt":"2026-01-05T08:00:00Z","organisation":{"id":9002,"type":"organisation","name":"Lagoa Foods","pictureURL":"https://img.example/9002"},
        "lastContactedAt":null,"pictureURL":"https://img.example/9001","title":null,"enrichment":null,
        "phoneNumbers":[{"id":1,"type":"Work","number":"+351 000 000"}],"addresses":[],"emailAddresses":[{"id":2,"type":"Work","address":"ines@lagoa.example"}],
        "websites":[{"id":3,"type":null,"address":"lagoa","service":"TWITTER","url":"https://twitter.com/lagoa"}]});
    assert_eq!(
        read(&sample),
        json!({
            "id": 9001, "type": "person", "firstName": "Ines", "lastName": "Duarte", "jobTitle": "Buyer",
            "organisation": {"id": 9002, "type": "organisation", "name": "Lagoa Foods", "pictureURL": "https://img.example/9002", "isRestricted": false},
            "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z", "pictureURL": "https://img.example/9001",
            "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"},
            "addresses": [], "emailAddresses": [{"id": 2, "type": "Work", "address": "ines@lagoa.example"}],
            "phoneNumbers": [{"id": 1, "type": "Work", "number": "+351 000 000"}],
            "websites": [{"id": 3, "service": "TWITTER", "address": "lagoa", "url": "https://twitter.com/lagoa"}],
        })
    );
}

#[test]
fn missing_and_null_lists_are_empty() {
    for party in [
        json!({"id": 7, "type": "person"}),
        json!({"id": 7, "type": "person", "emailAddresses": null, "websites": null}),
    ] {
        let output = read(&party);
        assert_eq!(
            (&output["emailAddresses"], &output["websites"]),
            (&json!([]), &json!([]))
        );
    }
}

#[test]
fn a_restricted_employer_is_private() {
    let restricted =
        json!({"id": 9, "type": "organisation", "name": "Private", "isRestricted": true});
    assert_eq!(
        read(&person(7, json!({"organisation": restricted})))["organisation"],
        restricted
    );
}

#[test]
fn a_nested_record_may_come_short_or_full() {
    let full = over(organisation(9, "Lagoa Foods"), json!({"about": "Figs"}));
    assert_eq!(
        read(&person(7, json!({"organisation": full})))["organisation"],
        json!({"id": 9, "type": "organisation", "name": "Lagoa Foods", "about": "Figs", "isRestricted": false})
    );
    assert_eq!(
        read(&person(7, json!({"organisation": {"id": 9}})))["organisation"],
        json!({"id": 9, "isRestricted": false})
    );
}

#[test]
fn values_that_are_new_to_the_connector_are_kept() {
    let rows = json!({"websites": [{"id": 1, "service": "NEXTBIGTHING", "address": "x"}], "phoneNumbers": [{"id": 2, "type": "Pager", "number": "1"}]});
    let output = read(&person(7, rows));
    assert_eq!(
        (
            &output["websites"][0]["service"],
            &output["phoneNumbers"][0]["type"]
        ),
        (&json!("NEXTBIGTHING"), &json!("Pager"))
    );
}

#[test]
fn numbers_in_texts_become_numbers_where_the_field_is_one() {
    let fields = json!([
        {"id": 1, "definition": {"id": 46}, "value": "12.50"},
        {"id": 2, "definition": {"id": 47}, "value": "007"},
        {"id": 3, "definition": {"id": 48}, "value": 5},
        {"id": 4, "definition": {"id": 49}, "value": "a;b"},
        {"id": 5, "definition": {"id": 50}, "value": ["a", "b"]},
        {"id": 6, "definition": {"id": 51}, "value": true},
        {"id": 7, "definition": {"id": 52}, "value": {"new": "form"}},
    ]);
    let known = [
        definition(46, "a", "number"),
        definition(47, "b", "number"),
        definition(48, "c", "number"),
        definition(49, "d", "multiselectlist"),
        definition(50, "e", "multiselectlist"),
        definition(51, "f", "boolean"),
    ];
    let script = Script::new()
        .on("GET", DEFINITIONS, 200, definitions(&known))
        .on(
            "GET",
            "/api/v2/parties/7?embed=fields",
            200,
            one(&person(7, json!({"fields": fields}))),
        );
    let (output, _) = done(
        script,
        "parties.get",
        &json!({"id": 7, "embed": {"fields": true}}),
    );
    assert_eq!(
        output["fields"],
        json!({"46": 12.5, "47": "007", "48": 5, "49": ["a", "b"], "50": ["a", "b"], "51": true, "52": "{\"new\":\"form\"}"})
    );
}

#[test]
fn an_answer_of_another_form_is_malformed_and_shown() {
    for (body, shown) in [
        ("", "`party`"),
        ("<html>Bad gateway</html>", "<html>"),
        ("{\"party\":", "{\"party\":"),
        ("{\"parties\":[]}", "`party`"),
        ("[]", "`party`"),
        ("{\"party\":7}", "object"),
        ("{\"party\":{\"type\":\"person\"}}", "/id"),
        ("{\"party\":{\"id\":\"7\",\"type\":\"person\"}}", "/id"),
        (
            "{\"party\":{\"id\":7,\"type\":\"person\",\"emailAddresses\":{}}}",
            "/emailAddresses",
        ),
        (
            "{\"party\":{\"id\":7,\"type\":\"person\",\"owner\":{\"name\":\"x\"}}}",
            "/owner/id",
        ),
    ] {
        let (case, fault) = fault(failed(
            Script::new().raw("GET", PARTY, 200, body),
            "parties.get",
            &json!({"id": 7}),
        ));
        assert_eq!(
            (case, fault.status),
            ("malformed-response", Some(200)),
            "{body}"
        );
        assert!(fault.message.contains(shown), "{body}: {}", fault.message);
    }
}

#[test]
fn a_list_of_another_form_is_malformed() {
    for body in [
        "{\"parties\":{}}",
        "{\"parties\":null}",
        "{}",
        "{\"parties\":[7]}",
        "{\"parties\":[{\"id\":-1,\"type\":\"person\"}]}",
    ] {
        let script = Script::new().raw(
            "GET",
            "/api/v2/parties?embed=meta&page=1&perPage=100",
            200,
            body,
        );
        assert_eq!(
            fault(failed(script, "parties.list-all", &json!({}))).0,
            "malformed-response",
            "{body}"
        );
    }
}

#[test]
fn deep_and_long_answers_are_malformed_and_shown_in_short() {
    for body in [
        "[".repeat(100_000),
        format!("{{\"party\":\"{}\"}}", "x".repeat(100_000)),
    ] {
        let (case, fault) = fault(failed(
            Script::new().raw("GET", PARTY, 200, body),
            "parties.get",
            &json!({"id": 7}),
        ));
        assert_eq!(case, "malformed-response");
        assert!(
            fault.message.chars().count() < 400,
            "{}",
            fault.message.len()
        );
    }
}

#[test]
fn what_gets_no_whole_answer_says_whether_to_repeat() {
    for (lost, expected) in [
        (Lost::Denied("no grant".into()), "forbidden"),
        (Lost::NotSent("refused".into()), "unavailable"),
        (Lost::NoAnswer("reset".into()), "unavailable"),
        (Lost::TimedOut("30 s".into()), "timed-out"),
        (
            Lost::Cut {
                status: 200,
                why: "reset".into(),
            },
            "unavailable",
        ),
        (Lost::TooLarge { status: 200 }, "too-large"),
    ] {
        let script = Script::new().lost("GET", PARTY, lost.clone());
        assert_eq!(
            fault(failed(script, "parties.get", &json!({"id": 7}))).0,
            expected,
            "{lost:?}"
        );
    }
}

#[test]
fn every_status_has_its_case() {
    for (status, expected) in [
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "not-found"),
        (405, "unsupported"),
        (413, "too-large"),
        (302, "malformed-response"),
        (500, "unavailable"),
        (503, "unavailable"),
    ] {
        let script = Script::new().on("GET", PARTY, status, json!({"message": "because"}));
        let (case, fault) = fault(failed(script, "parties.get", &json!({"id": 7})));
        assert_eq!((case, fault.status), (expected, Some(status)), "{status}");
        assert!(fault.message.contains("because"), "{}", fault.message);
    }
}

#[test]
fn a_refused_token_is_told_in_either_form_and_never_shown() {
    for body in [
        json!({"message": "token expired"}),
        json!({"error": "invalid_token", "error_description": "token expired"}),
    ] {
        let script = Script::new().on("GET", PARTY, 401, body);
        let (case, fault) = fault(failed(script, "parties.get", &json!({"id": 7})));
        assert_eq!(case, "unauthenticated");
        assert!(
            fault.message.contains("token expired")
                && !format!("{fault:?}").contains(crate::api::script::TOKEN)
        );
    }
}
