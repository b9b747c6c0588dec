use serde_json::{Value, json};

use crate::{Scene, tags_of};

/// The value of a key in each row of a list.
fn each<'a>(rows: &'a Value, key: &str) -> Vec<&'a str> {
    let rows = rows.as_array().unwrap();
    rows.iter().filter_map(|row| row[key].as_str()).collect()
}

fn quaresma() -> Value {
    json!({
        "firstName": "Inês", "lastName": "Quaresma", "title": "Ms", "jobTitle": "Buyer", "about": "Likes figs", "owner": "jnovak", "team": "delivery",
        "emailAddresses": [{"address": "ines@lagoa.example", "type": "Work"}, {"address": "ines@casa.example", "type": "Home"}],
        "phoneNumbers": [{"number": "+351 22 000 0017", "type": "Direct"}], "websites": [{"address": "ines.quaresma", "service": "LINKED_IN"}],
        "addresses": [{"street": "Rua das Flores 1", "city": "Olhão", "country": "Portugal", "type": "Office"}],
        "tags": ["vip", "Harvest"],
        "fields": {"external id": "X-17", "Level": "Gold", "Newsletter consent": true, "Interests": ["Sailing", "Cheese"], "Contract number": "C-9", "Birthday": "1990-02-03"},
    })
}

#[tokio::test]
async fn a_person_is_read_back_as_it_was_created() {
    let scene = Scene::new();
    let made = scene.done("people.create", quaresma()).await;
    let embed = json!({"tags": true, "fields": true, "organisation": true, "missingImportantFields": true, "webUrl": true});
    let read = scene
        .done("parties.get", json!({"id": made["id"], "embed": embed}))
        .await;
    for key in ["firstName", "lastName", "jobTitle", "about"] {
        assert_eq!(read[key], quaresma()[key], "{key}");
    }
    assert_eq!(
        (
            &read["type"],
            &read["title"],
            &read["owner"]["username"],
            &read["team"]["name"]
        ),
        (
            &json!("person"),
            &json!("Ms"),
            &json!("jnovak"),
            &json!("Delivery")
        )
    );
    assert_eq!(
        each(&read["emailAddresses"], "address"),
        ["ines@lagoa.example", "ines@casa.example"]
    );
    assert_eq!(each(&read["emailAddresses"], "type"), ["Work", "Home"]);
    assert_eq!(each(&read["phoneNumbers"], "number"), ["+351 22 000 0017"]);
    assert_eq!(each(&read["websites"], "service"), ["LINKED_IN"]);
    assert_eq!(each(&read["addresses"], "city"), ["Olhão"]);
    assert_eq!(
        tags_of(&read),
        ["Customer", "Harvest", "VIP"],
        "with the tag of the contract number"
    );
    let mut fields = json!({});
    for (name, value) in quaresma()["fields"].as_object().unwrap() {
        fields[scene.field("parties", name).await] = value.clone();
    }
    assert_eq!(read["fields"], fields);
    assert_eq!(read["missingImportantFields"], false);
    assert_eq!(
        read["webUrl"],
        format!("https://northwind.capsulecrm.com/party/{}", made["id"])
    );
}

#[tokio::test]
async fn an_update_leaves_what_it_does_not_name_and_changes_rows_by_what_they_say() {
    let scene = Scene::new();
    let id = scene.done("people.create", quaresma()).await["id"].clone();
    let change = json!({
        "id": id, "jobTitle": "Head buyer", "about": null, "owner": null, "team": "Sales",
        "emailAddresses": {"merge": [{"address": "INES@lagoa.example", "type": "Home"}, {"address": "new@lagoa.example"}], "remove": ["ines@casa.example"]},
        "phoneNumbers": {"replace": []}, "tags": {"add": ["Wholesale"], "remove": ["HARVEST", "Nobody"]},
        "fields": {"Level": null, "Interests": ["Railways"]}, "embed": {"tags": true, "fields": true},
    });
    for _ in 0..2 {
        let changed = scene.done("people.update", change.clone()).await;
        assert_eq!(
            (
                &changed["jobTitle"],
                changed.get("about"),
                changed.get("owner")
            ),
            (&json!("Head buyer"), None, None)
        );
        assert_eq!(changed["team"]["name"], "Sales");
        let mut addresses = each(&changed["emailAddresses"], "address");
        addresses.sort_unstable();
        assert_eq!(addresses.len(), 2, "twice is once");
        assert!(
            addresses[0].eq_ignore_ascii_case("ines@lagoa.example")
                && addresses[1] == "new@lagoa.example",
            "{addresses:?}"
        );
        assert_eq!(changed["phoneNumbers"], json!([]));
        assert_eq!(tags_of(&changed), ["Customer", "VIP", "Wholesale"]);
        let fields = &changed["fields"];
        assert_eq!(
            (
                fields.get(scene.field("parties", "Level").await),
                &fields[scene.field("parties", "Interests").await],
                &fields[scene.field("parties", "External ID").await]
            ),
            (None, &json!(["Railways"]), &json!("X-17"))
        );
        for key in ["firstName", "lastName", "title"] {
            assert!(!changed[key].is_null(), "{key} stays");
        }
        assert_eq!(each(&changed["addresses"], "city"), ["Olhão"]);
    }
}

#[tokio::test]
async fn people_work_for_an_organisation_and_stay_when_it_goes() {
    let scene = Scene::new();
    let lagoa = scene
        .done(
            "organisations.create",
            json!({"name": "Lagoa Foods", "websites": [{"address": "https://lagoa.example"}], "fields": {"Employees": 12}}),
        )
        .await;
    let mut new = quaresma();
    new["organisation"] = json!("lagoa foods");
    let ines = scene.done("people.create", new).await;
    assert_eq!(ines["organisation"]["id"], lagoa["id"]);
    let of = json!({"id": lagoa["id"]});
    assert_eq!(
        scene.ids("parties.list-people", of.clone()).await,
        [ines["id"].clone()]
    );

    let renamed = scene
        .done(
            "organisations.update",
            json!({"id": lagoa["id"], "name": "Lagoa Foods SA", "fields": {"Employees": 13}, "embed": {"fields": true}}),
        )
        .await;
    let employees = scene.field("parties", "Employees").await;
    assert_eq!(
        (&renamed["name"], &renamed["fields"][&employees]),
        (&json!("Lagoa Foods SA"), &json!(13))
    );

    for state in ["deleted", "alreadyGone"] {
        assert_eq!(
            scene.done("parties.delete", of.clone()).await,
            json!({"id": lagoa["id"], "state": state})
        );
    }
    assert_eq!(
        scene.refused("parties.get", of.clone()).await.0,
        "permanent.notFound"
    );
    let left = scene.done("parties.get", json!({"id": ines["id"]})).await;
    assert_eq!(
        (&left["lastName"], left.get("organisation")),
        (&json!("Quaresma"), None)
    );
    let deleted = scene
        .ids(
            "parties.list-deleted",
            json!({"since": "2020-01-01T00:00:00Z"}),
        )
        .await;
    assert_eq!(deleted, [lagoa["id"].clone()]);
}

#[tokio::test]
async fn people_and_organisations_are_found_by_each_of_their_marks() {
    let scene = Scene::new();
    let lagoa = json!({"name": "Lagoa Foods", "emailAddresses": [{"address": "shop@lagoa.example"}], "phoneNumbers": [{"number": "22 333 44 55"}],
                       "fields": {"External ID": "X-18"}});
    let lagoa = scene.done("organisations.create", lagoa).await["id"].clone();
    let ines = scene.done("people.create", quaresma()).await["id"].clone();
    for (kind, other, id, marks) in [
        (
            "people",
            "organisations",
            &ines,
            [
                json!({"email": "INES@casa.example"}),
                json!({"phone": "+351-22-000 (0017)"}),
                json!({"name": "inês quaresma"}),
                json!({"field": {"definition": "External ID", "value": "X-17"}}),
            ],
        ),
        (
            "organisations",
            "people",
            &lagoa,
            [
                json!({"email": "shop@LAGOA.example"}),
                json!({"phone": "(22) 333-4455"}),
                json!({"name": "LAGOA foods"}),
                json!({"field": {"definition": "External ID", "value": "X-18"}}),
            ],
        ),
    ] {
        for by in marks {
            let input = json!({ "by": by });
            assert_eq!(
                scene.ids(&format!("{kind}.find"), input.clone()).await,
                std::slice::from_ref(id),
                "{kind} by {by}"
            );
            assert!(
                scene.ids(&format!("{other}.find"), input).await.is_empty(),
                "{other} by {by}"
            );
        }
    }
}

#[tokio::test]
async fn an_upsert_creates_then_changes_nothing_then_changes() {
    let scene = Scene::new();
    for (kind, case, new, change) in [
        (
            "people",
            "person",
            quaresma(),
            json!({"jobTitle": "Owner", "tags": ["Reseller"]}),
        ),
        (
            "organisations",
            "organisation",
            json!({"name": "Lagoa Foods", "about": "Figs", "tags": ["Wholesale"], "fields": {"Employees": 12}}),
            json!({"about": "Figs and dates", "tags": ["Reseller"]}),
        ),
    ] {
        let upsert = |operation: &str, record: &Value| {
            let input = json!({"matchBy": ["email", "name"], case: record});
            scene.done(&format!("{kind}.{operation}"), input)
        };
        let before = scene.fake.party_count();
        let created = upsert("upsert", &new).await;
        assert_eq!(created["action"], "created", "{kind}");
        let id = &created["party"]["id"];
        let unchanged = upsert("upsert", &new).await;
        assert_eq!(
            (&unchanged["action"], &unchanged["party"]["id"]),
            (&json!("unchanged"), id),
            "{kind}"
        );
        let mut other = new.clone();
        other
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let found = upsert("find-or-create", &other).await;
        assert_eq!(
            (&found["action"], &found["party"]["id"]),
            (&json!("unchanged"), id),
            "{kind}"
        );
        let updated = upsert("upsert", &other).await;
        assert_eq!(
            (&updated["action"], &updated["party"]["id"]),
            (&json!("updated"), id),
            "{kind}"
        );
        assert_eq!(scene.fake.party_count(), before + 1, "{kind}");
        let read = scene
            .done("parties.get", json!({"id": id, "embed": {"tags": true}}))
            .await;
        assert!(tags_of(&read).contains(&"Reseller"), "{kind}: {read}");
    }
}

#[tokio::test]
async fn an_upsert_that_matches_two_says_which_unless_it_may_choose() {
    let scene = Scene::new();
    let mut ids = Vec::new();
    for last in ["Quaresma", "Costa"] {
        let new =
            json!({"lastName": last, "emailAddresses": [{"address": "shared@lagoa.example"}]});
        ids.push(scene.done("people.create", new).await["id"].clone());
    }
    let upsert = |several: Value| {
        json!({"matchBy": ["email"], "several": several,
               "person": {"lastName": "Reis", "emailAddresses": [{"address": "shared@lagoa.example"}]}})
    };
    let (case, told) = scene.refused("people.upsert", upsert(Value::Null)).await;
    assert_eq!(case, "permanent.ambiguous");
    let mut candidates: Vec<_> = told[0]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    candidates.sort();
    assert_eq!(candidates, [ids[0].to_string(), ids[1].to_string()]);
    for (several, id) in [("oldest", &ids[0]), ("newest", &ids[1])] {
        let done = scene.done("people.upsert", upsert(json!(several))).await;
        assert_eq!(
            (&done["party"]["id"], &done["action"]),
            (id, &json!("updated"))
        );
    }
}

#[tokio::test]
async fn every_party_is_listed_once_whatever_the_size_of_a_page() {
    let scene = Scene::new();
    let all = scene.ids("parties.list-all", json!({"limit": 500})).await;
    assert_eq!(all.len(), scene.fake.party_count());
    assert_eq!(scene.walked("parties.list-all", json!({}), 7).await, all);
    let people = scene
        .walked(
            "parties.filter",
            json!({"conditions": [{"field": "type", "operator": "is", "value": "person"}]}),
            4,
        )
        .await;
    let organisations = scene
        .walked(
            "parties.filter",
            json!({"conditions": [{"field": "type", "operator": "is", "value": "organisation"}]}),
            4,
        )
        .await;
    assert!(!people.is_empty() && !organisations.is_empty());
    let mut both: Vec<_> = [people, organisations].concat();
    both.sort_by_key(Value::as_u64);
    assert_eq!(both, all);
}

#[tokio::test]
async fn a_party_is_filtered_by_name_of_field_tag_and_employer_and_searched() {
    let scene = Scene::new();
    let lagoa = scene
        .done("organisations.create", json!({"name": "Lagoa Foods"}))
        .await;
    let mut new = quaresma();
    new["organisation"] = lagoa["id"].clone();
    let ines = scene.done("people.create", new).await["id"].clone();
    let is = |field: &str, value: Value| json!({"field": field, "operator": "is", "value": value});
    for condition in [
        is("custom:External ID", json!("X-17")),
        is("tag", json!("harvest")),
        is("org.name", json!("Lagoa Foods")),
        is("email", json!("ines@lagoa.example")),
        json!([
            is("custom:External ID", json!("nobody's")),
            is("city", json!("Olhão"))
        ]),
    ] {
        let both = json!({"conditions": [is("jobTitle", json!("Buyer")), condition]});
        assert_eq!(
            scene.ids("parties.filter", both).await,
            std::slice::from_ref(&ines),
            "{condition}"
        );
    }
    assert_eq!(
        scene
            .ids("parties.search", json!({"q": "inês quaresma"}))
            .await,
        [ines]
    );
}

#[tokio::test]
async fn several_parties_come_in_the_order_of_their_ids_and_the_missing_are_told() {
    let scene = Scene::new();
    let mut ids = scene.ids("parties.list-all", json!({"limit": 12})).await;
    ids.reverse();
    let mut asked = ids.clone();
    asked.insert(5, json!(999_999));
    let many = scene.done("parties.get-many", json!({"ids": asked})).await;
    let read = many["items"].as_array().unwrap().iter();
    assert_eq!(read.map(|one| one["id"].clone()).collect::<Vec<_>>(), ids);
    assert_eq!(many["missing"], json!([999_999]));
}

#[tokio::test]
async fn what_a_party_has_is_listed_and_goes_with_it() {
    let scene = Scene::new();
    let party = scene.done("people.create", quaresma()).await["id"].clone();
    let sale = scene
        .done(
            "opportunities.create",
            json!({"party": party, "name": "Figs", "milestone": "Bid"}),
        )
        .await["id"]
        .clone();
    let project = scene
        .done(
            "projects.create",
            json!({"party": party, "name": "Fit-out"}),
        )
        .await["id"]
        .clone();
    let note = scene
        .done(
            "timeline.add-note",
            json!({"on": {"party": party}, "content": "Likes figs"}),
        )
        .await["id"]
        .clone();
    for (list, get, id) in [
        ("list-opportunities", "opportunities.get", sale),
        ("list-projects", "projects.get", project),
        ("list-entries", "timeline.get", note),
    ] {
        assert_eq!(
            scene
                .ids(&format!("parties.{list}"), json!({"id": party}))
                .await,
            std::slice::from_ref(&id),
            "{list}"
        );
        scene.done(get, json!({"id": id})).await;
    }
    scene.done("parties.delete", json!({"id": party})).await;
    for entity in ["opportunities", "projects"] {
        let gone = scene
            .items(
                &format!("{entity}.list-deleted"),
                json!({"since": "2020-01-01T00:00:00Z"}),
            )
            .await;
        assert_eq!(gone.len(), 1, "{entity}");
    }
    let (case, _) = scene
        .refused("parties.list-entries", json!({"id": party}))
        .await;
    assert_eq!(case, "permanent.notFound");
}
