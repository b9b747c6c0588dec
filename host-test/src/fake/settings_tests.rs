//! Users, teams, titles, site, countries, currencies, tag and field definitions through the router.

use http::StatusCode;
use serde_json::{Value, json};

use super::tests::{Bench, ids};

#[tokio::test]
async fn the_site_names_the_account() {
    let site = Bench::new(0).get("/site").await.body;
    let expected = json!({ "url": "https://northwind.capsulecrm.com", "subdomain": "northwind", "name": "Northwind Ltd" });
    assert_eq!(site, json!({ "site": expected }));
}

#[tokio::test]
async fn users_me_is_not_found() {
    let got = Bench::new(0).get("/users/me").await;
    assert_eq!(
        (got.status, got.body),
        (
            StatusCode::NOT_FOUND,
            json!({ "message": "user not found" })
        )
    );
}

#[tokio::test]
async fn a_users_party_is_short_unless_embedded() {
    let bench = Bench::new(1);
    let short = bench.get("/users/31").await.body["user"]["party"].clone();
    assert_eq!(
        (&short["lastName"], short.get("createdAt")),
        (&json!("Kaya"), None)
    );
    assert!(
        bench.get("/users/31?embed=party").await.body["user"]["party"]["createdAt"].is_string()
    );
}

#[tokio::test]
async fn preferences_need_their_scope() {
    let bench = Bench::new(0);
    let writer = bench.with_token(&bench.fake.issue_personal_token("rkaya", "read write"));
    let body = json!({ "user": { "timezone": "Europe/Lisbon", "party": 5 } });
    assert_eq!(
        writer.put("/users/31", body.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    let own = bench.with_token(
        &bench
            .fake
            .issue_personal_token("osullivan", "user_preference read"),
    );
    assert_eq!(
        own.put("/users/32", body.clone()).await.body["user"]["timezone"],
        "Europe/Lisbon"
    );
    assert_eq!(
        own.put("/users/31", body).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn teams_show_their_members_when_asked() {
    let bench = Bench::new(0);
    assert_eq!(
        bench.get("/teams/11").await.body["team"].get("memberships"),
        None
    );
    let team = bench.get("/teams?embed=memberships").await.body["teams"][0].clone();
    assert_eq!(team["memberships"][0]["user"]["username"], "rkaya");
}

#[tokio::test]
async fn a_title_in_use_stays() {
    let bench = Bench::new(0);
    let made = bench
        .post("/titles", json!({ "personTitle": { "title": "Baroness" } }))
        .await;
    assert_eq!(
        (made.status, made.header("location")),
        (StatusCode::CREATED, None)
    );
    let id = made.body["personTitle"]["id"].as_u64().unwrap();
    let party = bench
        .party(json!({ "type": "person", "firstName": "A", "title": "Baroness" }))
        .await;
    let path = format!("/titles/{id}");
    assert_eq!(
        bench.delete(&path).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    bench.delete(&format!("/parties/{party}")).await;
    assert_eq!(bench.delete(&path).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn titles_belong_to_administrators_and_end_at_fifty() {
    let bench = Bench::new(0);
    let member = bench.with_token(&bench.fake.issue_personal_token("jnovak", "read write"));
    let body = |number: usize| json!({ "personTitle": { "title": format!("Title {number}") } });
    assert_eq!(
        member.post("/titles", body(0)).await.status,
        StatusCode::FORBIDDEN
    );
    let mut made = 0;
    while bench.post("/titles", body(made)).await.status == StatusCode::CREATED {
        made += 1;
    }
    assert_eq!(
        bench.get("/titles").await.body["personTitles"]
            .as_array()
            .unwrap()
            .len(),
        50
    );
}

#[tokio::test]
async fn countries_and_currencies_have_their_codes() {
    let bench = Bench::new(0);
    let countries = bench.get("/countries").await.body["countries"].clone();
    let portugal =
        json!({ "alpha2Code": "PT", "alpha3Code": "PRT", "numericCode": 620, "name": "Portugal" });
    assert!(countries.as_array().unwrap().contains(&portugal));
    let currencies = bench.get("/currencies").await.body["currencies"].clone();
    let krone = currencies
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["code"] == "NOK")
        .unwrap();
    assert_eq!(krone["symbol"], "kr");
}

#[test]
fn a_country_is_known_by_capsules_name_only() {
    for name in [
        "United States",
        "USA",
        "United Kingdom",
        "Czechia",
        "Germany",
    ] {
        assert!(super::countries::by_name(name).is_some(), "{name}");
    }
    for name in [
        "UK",
        "Czech Republic",
        "Deutschland",
        "United States of America",
    ] {
        assert!(super::countries::by_name(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn tag_definitions_of_the_entities_are_apart() {
    let bench = Bench::new(0);
    for entity in ["parties", "opportunities", "kases"] {
        let made = bench
            .post(
                &format!("/{entity}/tags"),
                json!({ "tag": { "name": "Shared name" } }),
            )
            .await;
        assert_eq!(made.status, StatusCode::CREATED);
        let id = made.body["tag"]["id"].as_u64().unwrap();
        let path = format!("/{entity}/tags/{id}");
        assert_eq!(
            made.header("location"),
            Some(format!("https://api.capsulecrm.com/api/v2{path}").as_str())
        );
        let changed = bench
            .put(&path, json!({ "tag": { "description": "x" } }))
            .await
            .body["tag"]
            .clone();
        assert_eq!(
            changed,
            json!({ "id": id, "name": "Shared name", "description": "x", "dataTag": false })
        );
        let twice = bench
            .post(
                &format!("/{entity}/tags"),
                json!({ "tag": { "name": "SHARED NAME" } }),
            )
            .await;
        assert_eq!(twice.violation().2, "name");
        assert_eq!(bench.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(bench.get(&path).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_field_definition_lives_its_life() {
    let bench = Bench::new(0);
    let path = "/opportunities/fields/definitions";
    let body = json!({ "definition": { "name": "Size", "type": "list", "options": ["S", "L"], "tag": { "name": "Fit" } } });
    let made = bench.post(path, body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let definition = &made.body["definition"];
    let tag = definition["tag"]["id"].as_u64().unwrap();
    assert_eq!(
        (&definition["options"], &definition["tag"]["dataTag"]),
        (&json!(["S", "L"]), &json!(true))
    );
    let id = definition["id"].as_u64().unwrap();
    let of_tag = bench
        .get(&format!("/opportunities/tags/{tag}/definitions"))
        .await
        .body["definitions"]
        .clone();
    assert_eq!(ids(&of_tag), [id]);
    let without = bench
        .get(&format!("{path}?includeDataTagFields=false"))
        .await
        .body["definitions"]
        .clone();
    assert!(!ids(&without).contains(&id));
    let changed = bench
        .put(
            &format!("{path}/{id}"),
            json!({ "definition": { "important": true, "tag": null } }),
        )
        .await;
    assert_eq!(changed.body["definition"]["important"], true);
    assert_eq!(changed.body["definition"]["tag"], Value::Null);
    bench.delete(&format!("{path}/{id}")).await;
    assert_eq!(
        bench.get(&format!("{path}/{id}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_faulty_field_definition_is_refused() {
    let bench = Bench::new(0);
    let cases = [
        (
            json!({ "type": "text" }),
            ("name is required", "definition", "name"),
        ),
        (
            json!({ "name": "A" }),
            ("type is required", "definition", "type"),
        ),
        (
            json!({ "name": "A", "type": "blob" }),
            ("invalid type", "definition", "type"),
        ),
        (
            json!({ "name": "A", "type": "list" }),
            ("options is required", "definition", "options"),
        ),
        (
            json!({ "name": "A", "type": "text", "tag": 999 }),
            ("tag not found", "definition", "tag"),
        ),
    ];
    for (definition, expected) in cases {
        let got = bench
            .post(
                "/parties/fields/definitions",
                json!({ "definition": definition }),
            )
            .await;
        assert_eq!(got.violation(), expected);
    }
    let got = bench
        .put(
            "/parties/fields/definitions/1",
            json!({ "definition": { "type": "date" } }),
        )
        .await;
    assert_eq!(got.violation().0, "type cannot be changed");
}

#[tokio::test]
async fn fields_of_every_type_are_seeded_with_one_in_a_data_tag() {
    let definitions =
        Bench::new(0).get("/parties/fields/definitions").await.body["definitions"].clone();
    let rows = definitions.as_array().unwrap();
    for kind in [
        "text",
        "date",
        "list",
        "boolean",
        "number",
        "link",
        "multiselectlist",
    ] {
        assert!(rows.iter().any(|row| row["type"] == kind), "{kind}");
    }
    assert!(rows.iter().any(|row| row["tag"]["dataTag"] == true));
    assert!(
        rows.iter()
            .any(|row| row["name"] == "External ID" && row["type"] == "text")
    );
}

#[tokio::test]
async fn users_come_and_go_with_their_tokens_and_records() {
    let bench = Bench::new(0);
    let id = bench.fake.add_user("newcomer", "New Comer").unwrap();
    assert_eq!(bench.fake.add_user("newcomer", "Again"), None);
    let token = bench.fake.issue_personal_token("newcomer", "read write");
    let own = bench
        .with_token(&token)
        .party(json!({ "type": "person", "firstName": "A" }))
        .await;
    let path = format!("/parties/{own}");
    assert_eq!(bench.get(&path).await.body["party"]["owner"]["id"], id);
    assert!(bench.fake.remove_user("newcomer"));
    assert_eq!(bench.get(&path).await.body["party"]["owner"], Value::Null);
    let events: Vec<&str> = bench
        .fake
        .changes()
        .iter()
        .map(|change| change.event)
        .collect();
    assert_eq!(events, ["user/created", "party/created", "user/deleted"]);
}

#[tokio::test]
async fn a_saved_filter_is_listed_and_run_in_the_order_that_was_saved_with_it() {
    let bench = Bench::new(0);
    for name in ["Beta", "Alpha", "Gamma"] {
        bench
            .party(json!({ "type": "organisation", "name": name }))
            .await;
    }
    bench
        .party(json!({ "type": "person", "firstName": "Ada" }))
        .await;
    let filter = json!({
        "conditions": [{ "field": "type", "operator": "is", "value": "organisation" }],
        "orderBy": [{ "field": "name", "direction": "ascending" }],
    });
    let id = bench.fake.save_filter("parties", "Firms", &filter).unwrap();
    let listed = bench.get("/parties/filters").await.body["filters"].clone();
    assert!(
        listed
            .as_array()
            .unwrap()
            .contains(&json!({ "id": id, "name": "Firms" })),
        "{listed}"
    );
    assert_eq!(
        bench.get(&format!("/parties/filters/{id}")).await.body["filter"]["name"],
        "Firms"
    );
    let found = bench
        .get(&format!(
            "/parties/filters/{id}/results?embed=tags,meta&perPage=2"
        ))
        .await;
    let names: Vec<_> = found.body["parties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|party| (party["name"].as_str().unwrap(), party["tags"].is_array()))
        .collect();
    assert_eq!(names, [("Alpha", true), ("Beta", true)]);
    assert_eq!(found.body["meta"]["totalCount"], 3);
    assert!(found.header("link").unwrap().contains("page=2"));
}

#[tokio::test]
async fn saved_filters_are_of_one_entity_and_only_users_make_them() {
    let bench = Bench::new(0);
    let filter = json!({ "conditions": [{ "field": "isOpen", "operator": "is", "value": true }] });
    let id = bench.fake.save_filter("kases", "Open", &filter).unwrap();
    assert_eq!(bench.fake.save_filter("tasks", "Open", &filter), None);
    assert_eq!(bench.fake.save_filter("kases", "Open", &json!([])), None);
    let path = |entity: &str| format!("/{entity}/filters/{id}/results");
    assert_eq!(bench.get(&path("kases")).await.status, StatusCode::OK);
    assert_eq!(
        bench.get(&path("opportunities")).await.body,
        json!({ "message": "filter not found" })
    );
    assert_eq!(
        bench
            .post("/kases/filters", json!({ "filter": {} }))
            .await
            .status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}
