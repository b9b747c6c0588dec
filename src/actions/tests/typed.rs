//! The bodies called from Rust, without the check that JSON and typed calls go through: nothing may panic, or mean what it does not say.

use super::*;
use crate::actions::{organisations, parties, people};
use crate::bindings::capsule::crm::types::{
    FieldEntry, FieldValue, FilterClause, FilterCondition, FilterOperator, FilterParties,
    FilterValue, FindParties, GetParties, ListOfEntries, ListParties, MatchKey, NewPerson,
    OrganisationUpdate, PartyMatch, PersonUpsert, Ref, SearchParties,
};

fn nobody() -> NewPerson {
    NewPerson {
        first_name: None,
        last_name: Some("D".into()),
        title: None,
        job_title: None,
        organisation: None,
        about: None,
        email_addresses: Vec::new(),
        phone_numbers: Vec::new(),
        websites: Vec::new(),
        addresses: Vec::new(),
        tags: Vec::new(),
        fields: Vec::new(),
        owner: None,
        team: None,
        embed: None,
    }
}

#[track_caller]
fn faults<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<(String, String)> {
    match result {
        Err(Error::Permanent(PermanentError::InvalidInput(found))) => found
            .into_iter()
            .map(|one| (one.pointer, one.rule))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_beyond_the_bounds_are_brought_within_them() {
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties?embed=meta&page=1&perPage=25",
            200,
            all(&[person(7, json!({})), person(8, json!({}))]),
        )
        .client();
    let page = block_on(parties::list_all(
        &client,
        ListParties {
            since: None,
            limit: Some(0),
            cursor: None,
            embed: None,
        },
    ))
    .unwrap()
    .into_model();
    assert_eq!((page.items.len(), page.next.is_some()), (1, true));
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties/search?q=&embed=meta&page=1&perPage=100",
            200,
            all(&[]),
        )
        .client();
    let page = block_on(parties::search(
        &client,
        SearchParties {
            q: String::new(),
            limit: Some(u32::MAX),
            cursor: None,
            embed: None,
        },
    ))
    .unwrap()
    .into_model();
    assert!(page.items.is_empty());
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties/18446744073709551615/entries?page=1&perPage=25",
            200,
            json!({"entries": []}),
        )
        .client();
    assert!(
        block_on(parties::list_entries(
            &client,
            ListOfEntries {
                id: u64::MAX,
                limit: Some(0),
                cursor: None
            }
        ))
        .unwrap()
        .into_model()
        .items
        .is_empty()
    );
}

#[test]
fn a_point_in_time_that_is_none_is_capsules_to_refuse() {
    let refusal =
        json!({"message": "Validation Failed", "errors": [{"message": "since is invalid"}]});
    let (client, _) = Script::new()
        .on(
            "GET",
            "/api/v2/parties?since=%26page%3D2&embed=meta&page=1&perPage=100",
            422,
            refusal,
        )
        .client();
    let input = ListParties {
        since: Some("&page=2".into()),
        limit: None,
        cursor: None,
        embed: None,
    };
    assert_eq!(
        faults(block_on(parties::list_all(&client, input))),
        [(String::new(), "vendor".into())]
    );
}

#[test]
fn no_ids_cost_no_request() {
    let (client, _) = Script::new().client();
    let output = block_on(parties::get_many(
        &client,
        GetParties {
            ids: Vec::new(),
            embed: None,
        },
    ))
    .unwrap()
    .into_model();
    assert!(output.items.is_empty() && output.missing.is_empty());
}

#[test]
fn empty_names_mean_nobody() {
    let (client, _) = Script::new()
        .on(
            "GET",
            USERS,
            200,
            json!({"users": [{"id": 1, "username": null, "name": null}]}),
        )
        .on(
            "GET",
            TEAMS,
            200,
            json!({"teams": [{"id": 2, "name": null}]}),
        )
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(46, "", "text")]),
        )
        .client();
    let empty = || Some(Ref::Name(String::new()));
    let field = FieldEntry {
        definition: Ref::Name(String::new()),
        value: FieldValue::Text("x".into()),
    };
    let input = NewPerson {
        owner: empty(),
        team: empty(),
        fields: vec![field],
        ..nobody()
    };
    let required = |pointer: &str| (pointer.to_owned(), "required".to_owned());
    assert_eq!(
        faults(block_on(people::create(&client, input))),
        [required("/owner"), required("/team"), required("/fields/")]
    );
    let (client, _) = Script::new().client();
    let input = NewPerson {
        organisation: empty(),
        tags: vec![Ref::Name(String::new())],
        ..nobody()
    };
    assert_eq!(
        faults(block_on(people::create(&client, input))),
        [required("/tags/0"), required("/organisation")]
    );
}

#[test]
fn what_is_not_a_number_is_refused() {
    let (client, _) = Script::new().client();
    let field = |value| FieldEntry {
        definition: Ref::Id(46),
        value: FieldValue::Number(value),
    };
    for value in [f64::NAN, f64::INFINITY] {
        let input = NewPerson {
            fields: vec![field(value)],
            ..nobody()
        };
        assert_eq!(
            faults(block_on(people::create(&client, input))),
            [("/fields/46".into(), "type".into())]
        );
    }
    for (name, value) in [
        ("owner", f64::NAN),
        ("id", f64::NAN),
        ("id", f64::INFINITY),
        ("tag", f64::NEG_INFINITY),
        ("addedOn", f64::NAN),
    ] {
        let operator = if name == "addedOn" {
            FilterOperator::IsWithinLast
        } else {
            FilterOperator::Is
        };
        let condition = FilterCondition {
            field: name.into(),
            operator,
            value: Some(FilterValue::Number(value)),
        };
        let input = FilterParties {
            conditions: vec![FilterClause::Condition(condition)],
            order_by: Vec::new(),
            limit: None,
            cursor: None,
            embed: None,
        };
        assert_eq!(
            faults(block_on(parties::filter(&client, input))),
            [("/conditions/0/value".into(), "type".into())],
            "{name} {value}"
        );
    }
}

#[test]
fn nothing_to_match_or_to_find_is_refused() {
    let (client, _) = Script::new().client();
    for match_by in [
        Vec::new(),
        vec![
            MatchKey::Email,
            MatchKey::Phone,
            MatchKey::Field(Ref::Name(String::new())),
        ],
    ] {
        let input = PersonUpsert {
            match_by,
            several: None,
            person: nobody(),
        };
        assert_eq!(
            faults(block_on(people::upsert(&client, input))),
            [("/matchBy".into(), "required".into())]
        );
    }
    let input = FindParties {
        by: PartyMatch::Name("\u{a0}".into()),
        limit: None,
        cursor: None,
        embed: None,
    };
    assert_eq!(
        faults(block_on(organisations::find(&client, input))),
        [("/by/name".into(), "required".into())]
    );
}

#[test]
fn an_organisation_can_not_lose_its_name() {
    let (client, _) = Script::new().client();
    let input = OrganisationUpdate {
        id: 9,
        name: Some(String::new()),
        about: None,
        email_addresses: None,
        phone_numbers: None,
        websites: None,
        addresses: None,
        tags: None,
        fields: Vec::new(),
        owner: None,
        team: None,
        embed: None,
    };
    assert_eq!(
        faults(block_on(organisations::update(&client, input))),
        [("/name".into(), "required".into())]
    );
}
