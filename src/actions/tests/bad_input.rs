//! What does not fit is refused before any request.

use super::*;
use crate::api::Settings;

#[test]
fn every_fault_of_an_input_is_told_with_its_pointer() {
    let input = json!({
        "lastName": 5, "lastNam": "D", "tags": "VIP", "emailAddresses": [{"type": "Work"}, {"address": "a@b.example", "kind": "x"}],
        "owner": true, "fields": {"": "x", "46": {}}, "embed": {"tag": true},
    });
    let mut found: Vec<_> = pointers(Script::new(), "people.create", &input);
    found.sort();
    assert_eq!(
        found,
        [
            ("/emailAddresses/0/address".into(), "required".into()),
            ("/emailAddresses/1/kind".into(), "unknown-field".into()),
            ("/embed/tag".into(), "unknown-field".into()),
            ("/fields/".into(), "required".into()),
            ("/fields/46".into(), "type".into()),
            ("/lastNam".into(), "unknown-field".into()),
            ("/lastName".into(), "type".into()),
            ("/owner".into(), "type".into()),
            ("/tags".into(), "type".into()),
        ] as [(String, String); 9]
    );
}

#[test]
fn what_is_not_an_object_of_json_is_refused() {
    for input in ["{", "[]", "7", "null", "\"x\"", "{\"id\":7}{", "\u{feff}{}"] {
        let (client, _) = Script::new().client();
        match block_on(invoke(&client, "parties.get", input)) {
            Err(Error::Permanent(PermanentError::InvalidInput(found))) => {
                assert_eq!(found[0].rule, "type", "{input}")
            }
            other => panic!("{input}: {other:?}"),
        }
    }
}

#[test]
fn an_input_that_is_nested_without_end_is_refused() {
    for open in ["[", "{\"id\":"] {
        let (client, _) = Script::new().client();
        let result = block_on(invoke(&client, "parties.get", &open.repeat(100_000)));
        assert!(matches!(
            result,
            Err(Error::Permanent(PermanentError::InvalidInput(_)))
        ));
    }
}

#[test]
fn an_empty_input_stands_for_an_empty_object() {
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties?embed=meta&page=1&perPage=100",
            200,
            all(&[]),
        )
        .client();
    assert_eq!(
        block_on(invoke(&client, "parties.list-all", "  ")).unwrap(),
        r#"{"items":[]}"#
    );
}

#[test]
fn limits_are_held() {
    for (limit, rule) in [
        (json!(0), "range"),
        (json!(501), "range"),
        (json!(-1), "range"),
        (json!("10"), "type"),
        (json!(1.5), "type"),
    ] {
        assert_eq!(
            pointers(
                Script::new(),
                "parties.list-all",
                &json!({ "limit": limit })
            ),
            [("/limit".into(), rule.into())],
            "{limit}"
        );
    }
}

#[test]
fn an_unknown_operation_names_the_nearest_ones() {
    for (id, near) in [
        ("people.crate", "`people.create`"),
        ("person.create", "`people.create`"),
        ("parties.list", "`parties.list-all`"),
        ("", "catalog.operations"),
        ("zzzzzzzzzzzzzzzzzzzzzzzzzzzz", "catalog.operations"),
    ] {
        let (case, fault) = fault(failed(Script::new(), id, &json!({})));
        assert_eq!(case, "unsupported");
        assert!(fault.message.contains(near), "{}", fault.message);
    }
    assert!(
        fault(failed(Script::new(), &"x".repeat(100_000), &json!({})))
            .1
            .message
            .len()
            < 300
    );
}

#[test]
fn without_a_token_nothing_is_sent() {
    for token in [None, Some(String::new())] {
        let (client, _) = Script::new().client_with(Settings {
            access_token: token,
            ..Settings::default()
        });
        let error = block_on(invoke(&client, "parties.get", r#"{"id":7}"#)).unwrap_err();
        assert_eq!(fault(error).0, "unauthenticated");
    }
}

#[test]
fn a_token_that_no_header_carries_is_not_shown() {
    let (client, _) = Script::new().client_with(Settings {
        access_token: Some("secret\nx".into()),
        ..Settings::default()
    });
    let (case, fault) = fault(block_on(invoke(&client, "parties.get", r#"{"id":7}"#)).unwrap_err());
    assert_eq!(case, "unauthenticated");
    assert!(!format!("{fault:?}").contains("secret"));
}

#[test]
fn an_input_that_is_too_large_is_not_sent() {
    let error = failed(
        Script::new(),
        "people.create",
        &json!({"lastName": "D", "about": "x".repeat(2 << 20)}),
    );
    assert_eq!(fault(error).0, "too-large");
}
