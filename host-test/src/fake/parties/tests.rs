//! Parties through the router.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::tests::{Bench, ids};
use super::super::{Behaviour, ListOrder, SinceRule};

fn person(first: &str) -> Value {
    json!({ "type": "person", "firstName": first })
}

fn organisation(name: &str) -> Value {
    json!({ "type": "organisation", "name": name })
}

#[tokio::test]
async fn a_created_person_comes_back_whole_with_its_address() {
    let bench = Bench::new(0);
    let employer = bench.party(organisation("Lagoa Foods")).await;
    let body = json!({ "party": {
        "type": "person", "firstName": "Ines", "lastName": "Duarte", "jobTitle": "Buyer", "organisation": employer,
        "phoneNumbers": [{ "type": "Work", "number": "+351 000 000" }],
        "emailAddresses": [{ "type": "Work", "address": "ines@lagoa.example" }, { "address": "ines@home.example" }],
        "websites": [{ "service": "TWITTER", "address": "lagoa" }, { "address": "lagoa.example" }],
        "addresses": [{ "type": "Office", "city": "Lisboa", "country": "USA" }, { "country": "" }],
        "unknown": 1
    } });
    let got = bench.post("/parties", body).await;
    assert_eq!(got.status, StatusCode::CREATED);
    let party = &got.body["party"];
    let id = party["id"].as_u64().unwrap();
    assert_eq!(
        got.header("location"),
        Some(format!("https://api.capsulecrm.com/api/v2/parties/{id}").as_str())
    );
    let keys: Vec<&str> = party
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut live = [
        "id",
        "owner",
        "team",
        "type",
        "about",
        "firstName",
        "lastName",
        "jobTitle",
        "createdAt",
        "updatedAt",
        "organisation",
        "lastContactedAt",
        "pictureURL",
        "title",
        "enrichment",
        "phoneNumbers",
        "addresses",
        "emailAddresses",
        "websites",
    ];
    live.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, live);
    assert_eq!(party["owner"]["username"], "rkaya");
    assert_eq!(party["owner"]["deleted"], false);
    assert_eq!(party["team"], Value::Null);
    assert_eq!(party["organisation"]["name"], "Lagoa Foods");
    assert_eq!(party["organisation"].get("createdAt"), None);
    assert_eq!(party["emailAddresses"][1]["type"], Value::Null);
    assert_eq!(party["websites"][0]["url"], "https://twitter.com/lagoa");
    assert_eq!(party["websites"][1]["service"], "URL");
    assert_eq!(party["addresses"][0]["country"], "United States");
    assert_eq!(party["addresses"][1]["country"], Value::Null);
    assert_eq!(bench.get(&format!("/parties/{id}")).await.body, got.body);
}

#[tokio::test]
async fn an_organisation_has_none_of_the_keys_of_a_person() {
    let bench = Bench::new(0);
    let id = bench.party(organisation("Lagoa Foods")).await;
    let party = bench.get(&format!("/parties/{id}")).await.body["party"].clone();
    for key in ["firstName", "lastName", "title", "jobTitle", "organisation"] {
        assert_eq!(party.get(key), None, "{key}");
    }
}

#[tokio::test]
async fn embeds_add_their_keys_and_unknown_ones_none() {
    let bench = Bench::new(0);
    let employer = bench.party(organisation("Lagoa Foods")).await;
    let id = bench
        .party(json!({ "type": "person", "firstName": "A", "organisation": { "id": employer } }))
        .await;
    let plain = bench
        .get(&format!("/parties/{id}?embed=nonsense"))
        .await
        .body["party"]
        .clone();
    assert_eq!(
        (
            plain.get("tags"),
            plain.get("fields"),
            plain.get("missingImportantFields")
        ),
        (None, None, None)
    );
    let path = format!("/parties/{id}?embed=tags,fields%2CmissingImportantFields,organisation");
    let full = bench.get(&path).await.body["party"].clone();
    assert_eq!((&full["tags"], &full["fields"]), (&json!([]), &json!([])));
    assert_eq!(full["missingImportantFields"], true);
    assert_eq!(full["organisation"]["createdAt"], "2026-11-24T12:00:00Z");
}

#[tokio::test]
async fn every_fault_of_a_body_is_reported_at_once() {
    let body =
        json!({ "party": { "type": "person", "owner": 5, "phoneNumbers": [{ "number": "" }] } });
    let got = Bench::new(0).post("/parties", body).await;
    let errors = got.body["errors"].as_array().unwrap();
    let rows: Vec<(&str, &str)> = errors
        .iter()
        .map(|row| {
            (
                row["field"].as_str().unwrap(),
                row["message"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("lastName", "firstName or lastName is required"),
            ("owner", "user not found"),
            ("number", "number is required")
        ]
    );
}

#[tokio::test]
async fn faulty_rows_are_refused_in_capsules_words() {
    let services = "service must be one of URL, SKYPE, TWITTER, LINKED_IN, FACEBOOK, XING, FEED, GOOGLE_PLUS, FLICKR, \
                    GITHUB, YOUTUBE, INSTAGRAM, PINTEREST, TIKTOK, THREADS, BLUESKY, SNAPCHAT";
    let cases = [
        (
            "phoneNumbers",
            json!({ "number": "" }),
            ("number is required", "phoneNumber", "number"),
        ),
        (
            "websites",
            json!({ "url": "x.example" }),
            ("address is required", "website", "address"),
        ),
        (
            "websites",
            json!({ "address": "x", "service": "MYSPACE" }),
            (services, "website", "service"),
        ),
        (
            "addresses",
            json!({ "country": "UK" }),
            ("unknown country", "address", "country"),
        ),
        (
            "emailAddresses",
            json!({ "type": "Home" }),
            ("address is required", "emailAddress", "address"),
        ),
        (
            "fields",
            json!({ "definition": 4, "value": null }),
            ("invalid type for field", "field", "value"),
        ),
        (
            "tags",
            json!({ "id": 1, "_delete": true }),
            ("tag not found to delete", "tag", "id"),
        ),
    ];
    let bench = Bench::new(0);
    for (key, row, expected) in cases {
        let body = json!({ "party": { "type": "person", "firstName": "A", key: [row] } });
        assert_eq!(bench.post("/parties", body).await.violation(), expected);
    }
    assert_eq!(bench.fake.party_count(), 0);
}

#[tokio::test]
async fn a_put_merges_and_null_clears() {
    let bench = Bench::new(0);
    let id = bench
        .party(json!({ "type": "person", "firstName": "A", "lastName": "B", "about": "x" }))
        .await;
    bench.advance(60);
    let got = bench
        .put(
            &format!("/parties/{id}"),
            json!({ "party": { "firstName": null, "owner": null } }),
        )
        .await;
    let party = &got.body["party"];
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        (&party["firstName"], &party["owner"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&party["lastName"], &party["about"]),
        (&json!("B"), &json!("x"))
    );
    assert_eq!(party["updatedAt"], "2026-11-24T12:01:00Z");
}

#[tokio::test]
async fn a_put_that_changes_nothing_keeps_the_stamp() {
    let bench = Bench::new(0);
    let id = bench.party(person("A")).await;
    bench.advance(60);
    let body = json!({ "party": { "firstName": "A", "phoneNumbers": [], "_destroy": true } });
    let got = bench.put(&format!("/parties/{id}"), body).await;
    assert_eq!(got.body["party"]["updatedAt"], "2026-11-24T12:00:00Z");
    assert_eq!(bench.fake.changes().len(), 1);
}

#[tokio::test]
async fn a_nested_array_adds_changes_and_removes_rows() {
    let bench = Bench::new(0);
    let phones = json!([{ "type": "Work", "number": "1" }, { "number": "2" }, { "number": "3" }]);
    let id = bench
        .party(json!({ "type": "person", "firstName": "A", "phoneNumbers": phones }))
        .await;
    let path = format!("/parties/{id}");
    let row = ids(&bench.get(&path).await.body["party"]["phoneNumbers"]);
    let change = json!([{ "id": row[0], "number": "9" }, { "id": row[1], "_delete": true }, { "number": "4" }]);
    let got = bench
        .put(&path, json!({ "party": { "phoneNumbers": change } }))
        .await;
    let phones = got.body["party"]["phoneNumbers"].as_array().unwrap();
    let numbers: Vec<&str> = phones
        .iter()
        .map(|row| row["number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, ["9", "3", "4"]);
    assert_eq!(phones[0]["type"], "Work");
}

#[tokio::test]
async fn removing_a_row_that_is_not_there_is_not_found() {
    let bench = Bench::new(0);
    let id = bench.party(person("A")).await;
    for key in ["phoneNumbers", "emailAddresses", "websites", "addresses"] {
        let body = json!({ "party": { "firstName": "B", key: [{ "id": 999, "_delete": true }] } });
        assert_eq!(
            bench.put(&format!("/parties/{id}"), body).await.status,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(
        bench.get(&format!("/parties/{id}")).await.body["party"]["firstName"],
        "A"
    );
}

#[tokio::test]
async fn the_type_of_a_party_cannot_change() {
    let bench = Bench::new(0);
    let id = bench.party(person("A")).await;
    let got = bench
        .put(
            &format!("/parties/{id}"),
            json!({ "party": { "type": "organisation" } }),
        )
        .await;
    assert_eq!(got.violation(), ("type cannot be changed", "party", "type"));
}

#[tokio::test]
async fn deleting_an_organisation_keeps_its_people() {
    let bench = Bench::new(0);
    let employer = bench.party(organisation("Lagoa")).await;
    let employee = bench
        .party(json!({ "type": "person", "firstName": "A", "organisation": { "id": employer } }))
        .await;
    assert_eq!(
        ids(&bench.get(&format!("/parties/{employer}/people")).await.body["parties"]),
        [employee]
    );
    assert_eq!(
        ids(&bench.get(&format!("/parties/{employee}/people")).await.body["parties"]),
        [0u64; 0]
    );
    assert_eq!(
        bench.delete(&format!("/parties/{employer}")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        bench.get(&format!("/parties/{employee}")).await.body["party"]["organisation"],
        Value::Null
    );
    let gone = bench.get(&format!("/parties/{employer}")).await;
    assert_eq!(
        (gone.status, gone.body),
        (
            StatusCode::NOT_FOUND,
            json!({ "message": "party not found" })
        )
    );
}

#[tokio::test]
async fn a_delete_may_be_a_job() {
    let bench = Bench::behaving(
        1,
        Behaviour {
            delete_by_job: true,
            ..Behaviour::default()
        },
    );
    let got = bench.delete("/parties/9001").await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    let job = got
        .header("location")
        .unwrap()
        .strip_prefix("https://api.capsulecrm.com/api/v2")
        .unwrap()
        .to_owned();
    let job = bench.get(&job).await.body["job"].clone();
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("completed"), &json!(100))
    );
}

#[tokio::test]
async fn the_deleted_feed_needs_since_and_names_the_gone_and_the_hidden() {
    let bench = Bench::new(3);
    let missing = bench.get("/parties/deleted").await;
    assert_eq!(missing.violation().0, "since is required");
    bench.delete("/parties/9001").await;
    bench.advance(10);
    bench.delete("/parties/9002").await;
    let since = bench
        .get("/parties/deleted?since=2026-11-24T12:00:05Z")
        .await
        .body;
    assert_eq!(
        since,
        json!({ "parties": [{ "id": 9002, "deletedAt": "2026-11-24T12:00:10Z" }] })
    );
    bench.fake.restrict_party(9003);
    let hidden = bench
        .get("/parties/deleted?since=2026-11-24T12:00:05Z")
        .await
        .body;
    assert_eq!(hidden["restrictedParties"][0]["isRestricted"], true);
    assert_eq!(hidden["restrictedParties"][0]["lastName"], "Private");
    assert_eq!(
        bench.get("/parties/9003").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_list_has_pages_links_and_a_total() {
    let bench = Bench::new(5);
    let got = bench
        .get("/parties?embed=tags,meta&perPage=2&page=2&q=ignored")
        .await;
    assert_eq!(ids(&got.body["parties"]), [9003, 9004]);
    assert_eq!(got.body["meta"]["totalCount"], 5);
    assert_eq!(got.header("x-pagination-has-more"), Some("true"));
    let base = "https://api.capsulecrm.com/api/v2/parties?embed=tags%2Cmeta&q=ignored";
    let link =
        format!("<{base}&page=3&perPage=2>; rel=\"next\", <{base}&page=1&perPage=2>; rel=\"prev\"");
    assert_eq!(got.header("link"), Some(link.as_str()));
}

#[tokio::test]
async fn the_last_page_has_no_next_and_the_one_after_is_empty() {
    let bench = Bench::new(4);
    let last = bench.get("/parties?perPage=2&page=2").await;
    assert_eq!(last.header("x-pagination-has-more"), Some("false"));
    assert!(!last.header("link").unwrap().contains("next"));
    let beyond = bench.get("/parties?perPage=2&page=9").await;
    assert_eq!(
        (beyond.status, &beyond.body),
        (StatusCode::OK, &json!({ "parties": [] }))
    );
}

#[tokio::test]
async fn a_page_out_of_range_is_refused() {
    let bench = Bench::new(0);
    let got = bench.get("/parties?perPage=101").await;
    assert_eq!(
        got.violation(),
        ("perPage must be between 1 and 100", "party", "perPage")
    );
    assert_eq!(
        bench.get("/parties?page=0").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_multi_get_takes_ten_ids_in_any_spelling() {
    let bench = Bench::new(12);
    assert_eq!(
        ids(&bench.get("/parties/9003,9001").await.body["parties"]),
        [9003, 9001]
    );
    assert_eq!(
        ids(&bench.get("/parties/9001%2C9002").await.body["parties"]),
        [9001, 9002]
    );
    let many = |count: u64| {
        (9001..9001 + count)
            .map(|id| id.to_string())
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(
        bench.get(&format!("/parties/{}", many(10))).await.status,
        StatusCode::OK
    );
    assert_eq!(
        bench
            .get(&format!("/parties/{}", many(11)))
            .await
            .violation()
            .0,
        "too many ids"
    );
    assert_eq!(
        bench.get("/parties/9001,7").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn since_follows_the_accounts_rule() {
    for (rule, expected) in [(SinceRule::Inclusive, 1), (SinceRule::Exclusive, 0)] {
        let bench = Bench::behaving(
            0,
            Behaviour {
                since: rule,
                ..Behaviour::default()
            },
        );
        bench.party(person("A")).await;
        let got = bench.get("/parties?since=2026-11-24T12:00:00Z").await;
        assert_eq!(
            got.body["parties"].as_array().unwrap().len(),
            expected,
            "{rule:?}"
        );
        assert_eq!(
            bench.get("/parties?since=yesterday").await.violation().2,
            "since"
        );
    }
}

#[tokio::test]
async fn a_lagging_account_shows_a_change_late() {
    let behaviour = Behaviour {
        visibility_lag: SignedDuration::from_secs(30),
        ..Behaviour::default()
    };
    let bench = Bench::behaving(0, behaviour);
    let id = bench.party(person("A")).await;
    assert_eq!(
        ids(&bench.get("/parties?since=2026-11-24T12:00:00Z").await.body["parties"]),
        [0u64; 0]
    );
    bench.advance(30);
    assert_eq!(
        ids(&bench.get("/parties?since=2026-11-24T12:00:00Z").await.body["parties"]),
        [id]
    );
}

#[tokio::test]
async fn a_record_that_changes_again_stays_in_a_lagging_list_by_its_former_stamp() {
    let behaviour = Behaviour {
        visibility_lag: SignedDuration::from_secs(30),
        ..Behaviour::default()
    };
    let bench = Bench::behaving(0, behaviour);
    let id = bench.party(person("A")).await;
    bench.advance(40);
    let change = json!({"party": {"about": "changed"}});
    bench.put(&format!("/parties/{id}"), change).await;
    let listed = async |since: &str| {
        let answer = bench
            .get(&format!("/parties?since=2026-11-24T{since}Z"))
            .await;
        ids(&answer.body["parties"])
    };
    assert_eq!(listed("12:00:00").await, [id]);
    assert_eq!(listed("12:00:10").await, [0u64; 0]);
    bench.advance(30);
    assert_eq!(listed("12:00:10").await, [id]);
}

#[tokio::test]
async fn lists_come_in_the_accounts_order() {
    let orders = [
        (ListOrder::IdUp, [0, 1, 2]),
        (ListOrder::IdDown, [2, 1, 0]),
        (ListOrder::UpdatedUp, [1, 2, 0]),
        (ListOrder::UpdatedDown, [0, 2, 1]),
    ];
    for (order, expected) in orders {
        let bench = Bench::behaving(
            0,
            Behaviour {
                order,
                ..Behaviour::default()
            },
        );
        let mut made = Vec::new();
        for name in ["A", "B", "C"] {
            made.push(bench.party(person(name)).await);
            bench.advance(1);
        }
        bench
            .put(
                &format!("/parties/{}", made[0]),
                json!({ "party": { "about": "later" } }),
            )
            .await;
        assert_eq!(
            ids(&bench.get("/parties").await.body["parties"]),
            expected.map(|at| made[at]),
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn a_search_finds_names_emails_phones_and_fields() {
    let bench = Bench::new(0);
    let id = bench
        .party(json!({
            "type": "person", "firstName": "Łucja", "lastName": "Zając",
            "emailAddresses": [{ "address": "lucja@zajac.example" }],
            "phoneNumbers": [{ "number": "+48 600-700 800" }],
            "fields": [{ "definition": { "id": 1 }, "value": "EXT-77" }]
        }))
        .await;
    bench.party(person("Other")).await;
    for q in [
        "%C5%82ucja",
        "zaj%C4%85c+%C5%82uc",
        "ZAJAC.example",
        "600700800",
        "ext-77",
    ] {
        assert_eq!(
            ids(&bench.get(&format!("/parties/search?q={q}")).await.body["parties"]),
            [id],
            "{q}"
        );
    }
    assert_eq!(
        ids(&bench.get("/parties/search?q=zzz").await.body["parties"]),
        [0u64; 0]
    );
}

#[tokio::test]
async fn tags_are_found_by_name_in_any_case_or_made() {
    let bench = Bench::new(0);
    let before = bench.get("/parties/tags?embed=meta").await.body["meta"]["totalCount"]
        .as_u64()
        .unwrap();
    let tags = json!([{ "name": "vip" }, { "name": "Brand new" }, { "id": 1 }]);
    let id = bench
        .party(json!({ "type": "person", "firstName": "A", "tags": tags }))
        .await;
    let tags = bench.get(&format!("/parties/{id}?embed=tags")).await.body["party"]["tags"].clone();
    assert_eq!(tags[0], json!({ "id": 1, "name": "VIP", "dataTag": false }));
    assert_eq!(tags.as_array().unwrap().len(), 2);
    let after = bench.get("/parties/tags?embed=meta").await.body["meta"]["totalCount"]
        .as_u64()
        .unwrap();
    assert_eq!(after, before + 1);
    let detach = json!({ "party": { "tags": [{ "id": 1, "_delete": true }] } });
    let got = bench
        .put(&format!("/parties/{id}?embed=tags"), detach.clone())
        .await;
    assert_eq!(got.body["party"]["tags"].as_array().unwrap().len(), 1);
    let again = bench.put(&format!("/parties/{id}"), detach).await;
    assert_eq!(again.violation().0, "tag not found to delete");
}

#[tokio::test]
async fn a_refused_body_makes_no_tag() {
    let bench = Bench::new(0);
    let tags = json!([{ "name": "Brand new" }, { "id": 999, "_delete": true }]);
    let body = json!({ "party": { "type": "person", "firstName": "A", "tags": tags } });
    assert_eq!(
        bench.post("/parties", body).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let names = bench.get("/parties/tags").await.body["tags"].to_string();
    assert!(!names.contains("Brand new"));
}

/// Id of a seeded party field.
async fn field(bench: &Bench, name: &str) -> u64 {
    let list = bench.get("/parties/fields/definitions").await.body["definitions"].clone();
    let found = list
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == name)
        .unwrap();
    found["id"].as_u64().unwrap()
}

#[tokio::test]
async fn field_values_are_read_as_capsule_reads_them() {
    let bench = Bench::new(0);
    let cases = [
        ("External ID", json!("A-1"), json!("A-1")),
        ("Birthday", json!("1990-02-03"), json!("1990-02-03")),
        ("Level", json!("Gold"), json!("Gold")),
        ("Newsletter consent", json!(false), json!(false)),
        ("Employees", json!(12), json!("12")),
        ("Employees", json!("12.50"), json!("12.50")),
        (
            "Interests",
            json!("Cheese;Sailing"),
            json!("Cheese;Sailing"),
        ),
    ];
    for (name, written, read) in cases {
        let definition = field(&bench, name).await;
        let fields = json!([{ "definition": definition, "value": written }]);
        let id = bench
            .party(json!({ "type": "person", "firstName": "A", "fields": fields }))
            .await;
        let value = bench.get(&format!("/parties/{id}?embed=fields")).await.body["party"]["fields"]
            [0]
        .clone();
        assert_eq!(value["value"], read);
        assert_eq!(
            value["definition"],
            json!({ "id": definition, "name": name })
        );
        assert_eq!(value.get("tagId"), None);
    }
}

#[tokio::test]
async fn a_field_of_a_data_tag_says_so_and_attaches_nothing() {
    let bench = Bench::new(0);
    let definition = field(&bench, "Contract number").await;
    let fields = json!([{ "definition": { "id": definition }, "value": "C-1" }]);
    let id = bench
        .party(json!({ "type": "person", "firstName": "A", "fields": fields }))
        .await;
    let party = bench
        .get(&format!("/parties/{id}?embed=fields,tags"))
        .await
        .body["party"]
        .clone();
    assert!(party["fields"][0]["tagId"].is_u64());
    assert_eq!(party["tags"], json!([]));
}

#[tokio::test]
async fn a_field_value_is_replaced_by_definition_and_removed_by_row() {
    let bench = Bench::new(0);
    let definition = field(&bench, "External ID").await;
    let write = |value: Value| json!({ "party": { "fields": [{ "definition": definition, "value": value }] } });
    let id = bench.party(person("A")).await;
    let path = format!("/parties/{id}?embed=fields");
    let first = bench.put(&path, write(json!("1"))).await.body["party"]["fields"].clone();
    let second = bench.put(&path, write(json!("2"))).await.body["party"]["fields"].clone();
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(second[0]["value"], "2");
    let row = json!({ "party": { "fields": [{ "id": ids(&first)[0], "_delete": true }] } });
    assert_eq!(
        bench.put(&path, row).await.body["party"]["fields"],
        json!([])
    );
    bench.put(&path, write(json!("3"))).await;
    assert_eq!(
        bench.put(&path, write(Value::Null)).await.body["party"]["fields"],
        json!([])
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_its_field_is_refused() {
    let bench = Bench::new(0);
    let cases = [
        ("Birthday", json!("03/02/1990")),
        ("Level", json!("Platinum")),
        ("Newsletter consent", Value::Null),
        ("Newsletter consent", json!("true")),
        ("Employees", json!("many")),
        ("External ID", json!(5)),
        ("Interests", json!("Cheese;Golf")),
    ];
    for (name, value) in cases {
        let fields = json!([{ "definition": field(&bench, name).await, "value": value }]);
        let body = json!({ "party": { "type": "person", "firstName": "A", "fields": fields } });
        let got = bench.post("/parties", body).await;
        assert_eq!(
            (got.violation().1, got.violation().2),
            ("field", "value"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn deleting_a_tag_or_a_field_takes_it_off_every_record() {
    let bench = Bench::new(0);
    let definition = field(&bench, "External ID").await;
    let id = bench
        .party(json!({
            "type": "person", "firstName": "A", "tags": [{ "id": 1 }],
            "fields": [{ "definition": definition, "value": "x" }]
        }))
        .await;
    assert_eq!(
        bench.delete("/parties/tags/1").await.status,
        StatusCode::NO_CONTENT
    );
    let path = format!("/parties/fields/definitions/{definition}");
    assert_eq!(bench.delete(&path).await.status, StatusCode::NO_CONTENT);
    let party = bench
        .get(&format!("/parties/{id}?embed=fields,tags"))
        .await
        .body["party"]
        .clone();
    assert_eq!((&party["tags"], &party["fields"]), (&json!([]), &json!([])));
    assert_eq!(
        bench.get("/parties/tags/1").await.body,
        json!({ "message": "tag not found" })
    );
}

mod filters {
    use super::*;

    async fn account() -> (Bench, [u64; 3]) {
        let bench = Bench::new(0);
        let level = field(&bench, "Level").await;
        let employees = field(&bench, "Employees").await;
        let acme = bench
            .party(json!({
                "type": "organisation", "name": "Acme", "tags": [{ "name": "Wholesale" }], "owner": 32,
                "addresses": [{ "city": "Porto", "country": "Portugal", "zip": "4000" }],
                "fields": [{ "definition": employees, "value": 250 }]
            }))
            .await;
        bench.advance(86_400 * 10);
        let ines = bench
            .party(json!({
                "type": "person", "firstName": "Ines", "lastName": "Duarte", "title": "Dr", "jobTitle": "Buyer",
                "organisation": { "id": acme }, "team": { "id": 11 },
                "emailAddresses": [{ "address": "ines@work.example" }, { "address": "ines@home.example" }],
                "phoneNumbers": [{ "number": "+351 1" }],
                "websites": [{ "address": "ines.example" }],
                "fields": [{ "definition": level, "value": "Gold" }]
            }))
            .await;
        let zoe = bench
            .party(json!({ "type": "person", "firstName": "zoe", "owner": null }))
            .await;
        (bench, [acme, ines, zoe])
    }

    #[tokio::test]
    async fn every_field_finds_its_records() {
        let (bench, [acme, ines, zoe]) = account().await;
        let level = format!("custom:{}", field(&bench, "Level").await);
        let employees = format!("custom:{}", field(&bench, "Employees").await);
        let org_employees = format!("org.{employees}");
        let all = vec![acme, ines, zoe];
        let cases: Vec<(&str, &str, Value, Vec<u64>)> = vec![
            ("id", "is", json!(ines), vec![ines]),
            ("name", "is", json!("ACME"), vec![acme]),
            ("name", "is not", json!("acme"), vec![ines, zoe]),
            ("name", "starts with", json!("ines"), vec![ines]),
            ("name", "ends with", json!("duarte"), vec![ines]),
            ("name", "contains", json!("e"), all.clone()),
            ("jobTitle", "is", json!("buyer"), vec![ines]),
            ("jobTitle", "is", Value::Null, vec![acme, zoe]),
            ("title", "is", json!("Dr"), vec![ines]),
            ("email", "is", json!("ines@home.example"), vec![ines]),
            (
                "email",
                "is not",
                json!("ines@home.example"),
                vec![acme, zoe],
            ),
            ("phone", "contains", json!("351"), vec![ines]),
            ("website", "is not", Value::Null, vec![ines]),
            ("city", "is", json!("porto"), vec![acme]),
            ("zip", "starts with", json!("40"), vec![acme]),
            ("state", "is", Value::Null, all.clone()),
            ("country", "is", json!("Portugal"), vec![acme]),
            ("country", "is", json!("PT"), vec![acme]),
            ("type", "is", json!("person"), vec![ines, zoe]),
            ("tag", "is", json!("wholesale"), vec![acme]),
            ("tag", "is", json!(2), vec![acme]),
            ("tag", "is not", json!(2), vec![ines, zoe]),
            ("owner", "is", json!(32), vec![acme]),
            ("owner", "is", json!("Rana Kaya"), vec![ines]),
            ("owner", "is", Value::Null, vec![zoe]),
            ("team", "is", json!(11), vec![ines]),
            ("hasEmailAddress", "is", json!(true), vec![ines]),
            ("hasPhoneNumber", "is", json!(false), vec![acme, zoe]),
            ("hasAddress", "is", json!(true), vec![acme]),
            ("hasPeople", "is", json!(true), vec![acme]),
            ("hasTags", "is", json!(true), vec![acme]),
            ("hasOpportunities", "is", json!(true), vec![]),
            ("addedOn", "is", json!("2026-12-04"), vec![ines, zoe]),
            ("addedOn", "is after", json!("2026-11-24"), vec![ines, zoe]),
            ("addedOn", "is before", json!("2026-12-04"), vec![acme]),
            ("addedOn", "is within last", json!(9), vec![ines, zoe]),
            ("addedOn", "is within last", json!(10), all.clone()),
            ("addedOn", "is older than", json!(9), vec![acme]),
            ("addedOn", "is within next", json!(0), vec![ines, zoe]),
            ("updatedOn", "is not", json!("2026-12-04"), vec![acme]),
            ("lastContactedOn", "is", Value::Null, all),
            (&level, "is", json!("gold"), vec![ines]),
            (&level, "is not", Value::Null, vec![ines]),
            (&employees, "is greater than", json!(249), vec![acme]),
            (&employees, "is less than", json!("249"), vec![]),
            ("org.name", "is", json!("acme"), vec![ines]),
            ("org.tag", "is", json!("Wholesale"), vec![ines]),
            (&org_employees, "is", json!(250), vec![ines]),
        ];
        for (field, operator, value, expected) in cases {
            let condition = json!({ "field": field, "operator": operator, "value": value });
            let found = bench
                .filtered("/parties", json!({ "conditions": [condition] }))
                .await;
            assert_eq!(found, expected, "{condition}");
        }
    }

    #[tokio::test]
    async fn conditions_are_anded_and_a_group_is_ored() {
        let (bench, [acme, ines, _]) = account().await;
        let is =
            |field: &str, value: Value| json!({ "field": field, "operator": "is", "value": value });
        let group = json!({ "conditions": [is("name", json!("acme")), is("title", json!("Dr"))] });
        let both = json!({ "conditions": [group] });
        assert_eq!(bench.filtered("/parties", both).await, [acme, ines]);
        let narrowed = json!({ "conditions": [group, is("type", json!("person"))] });
        assert_eq!(bench.filtered("/parties", narrowed).await, [ines]);
    }

    #[tokio::test]
    async fn order_by_sorts_without_case_and_puts_null_last() {
        let (bench, [acme, ines, zoe]) = account().await;
        let by = |field: &str, direction: &str| json!({ "orderBy": [{ "field": field, "direction": direction }] });
        assert_eq!(
            bench.filtered("/parties", by("name", "descending")).await,
            [zoe, ines, acme]
        );
        assert_eq!(
            bench.filtered("/parties", by("owner", "ascending")).await,
            [ines, acme, zoe]
        );
    }

    #[tokio::test]
    async fn wrong_names_operators_and_values_are_refused() {
        let bench = Bench::new(0);
        let cases = [
            (
                json!({ "field": "createdAt", "operator": "is", "value": null }),
                "invalid field name",
            ),
            (
                json!({ "field": "custom:999", "operator": "is", "value": null }),
                "invalid field name",
            ),
            (
                json!({ "field": "org.city", "operator": "is", "value": null }),
                "invalid field name",
            ),
            (
                json!({ "field": "tag", "operator": "contains", "value": "x" }),
                "invalid operator",
            ),
            (
                json!({ "field": "name", "operator": "does not contain", "value": "x" }),
                "invalid operator",
            ),
            (
                json!({ "field": "addedOn", "operator": "is after", "value": "soon" }),
                "invalid type for field",
            ),
            (
                json!({ "field": "hasTags", "operator": "is", "value": "true" }),
                "invalid type for field",
            ),
        ];
        for (condition, message) in cases {
            let body = json!({ "filter": { "conditions": [condition] } });
            assert_eq!(
                bench
                    .post("/parties/filters/results", body)
                    .await
                    .violation()
                    .0,
                message
            );
        }
    }

    #[tokio::test]
    async fn results_have_pages_and_embeds() {
        let bench = Bench::new(5);
        let got = bench
            .post(
                "/parties/filters/results?perPage=2&embed=tags,meta",
                json!({ "filter": {} }),
            )
            .await;
        assert_eq!(got.body["meta"]["totalCount"], 5);
        assert!(got.body["parties"][0]["tags"].is_array());
        assert!(
            got.header("link")
                .unwrap()
                .contains("filters/results?embed=tags%2Cmeta&page=2")
        );
    }
}
