//! What the built components promise to every engine: what they import, what they export, what they say of themselves, and what they do
//! over `wasi:http` through the whole of the host.

#![allow(missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{CallError, Connector, Host, HostOptions, MemoryWatch, Tenant};
use serde_json::{Value, json};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

fn full() -> Vec<u8> {
    support::bytes()
}

fn slim() -> Vec<u8> {
    std::fs::read(support::slim()).unwrap()
}

/// Names of the interfaces that a component imports and exports, without versions of WASI.
fn face(bytes: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut config = Config::new();
    config.wasm_component_model(true);
    let engine = Engine::new(&config).unwrap();
    let kind = Component::new(&engine, bytes).unwrap().component_type();
    let name = |name: &str| match name.split_once('@') {
        Some((interface, _)) if interface.starts_with("wasi:") => interface.to_owned(),
        _ => name.to_owned(),
    };
    (
        kind.imports(&engine)
            .map(|(import, _)| name(import))
            .collect(),
        kind.exports(&engine)
            .map(|(export, _)| name(export))
            .collect(),
    )
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const IMPORTS: &[&str] = &[
    "capsule:crm/event-types@0.1.0",
    "capsule:crm/types@0.1.0",
    "integration:connector/types@0.1.0",
    "wasi:cli/environment",
    "wasi:clocks/monotonic-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

const NEUTRAL: &[&str] = &[
    "integration:connector/auth@0.1.0",
    "integration:connector/catalog@0.1.0",
    "integration:connector/operations@0.1.0",
    "integration:connector/triggers@0.1.0",
];

#[test]
fn the_full_component_imports_only_what_it_uses() {
    let (imports, exports) = face(&full());
    assert_eq!(imports, set(IMPORTS));
    let typed = [
        "capsule:crm/events@0.1.0",
        "capsule:crm/sync@0.1.0",
        "capsule:crm/api@0.1.0",
        "capsule:crm/hooks@0.1.0",
        "capsule:crm/leads@0.1.0",
        "capsule:crm/administration@0.1.0",
        "capsule:crm/organisations@0.1.0",
        "capsule:crm/tracks@0.1.0",
        "capsule:crm/files@0.1.0",
        "capsule:crm/custom-fields@0.1.0",
        "capsule:crm/projects@0.1.0",
        "capsule:crm/opportunities@0.1.0",
        "capsule:crm/parties@0.1.0",
        "capsule:crm/people@0.1.0",
        "capsule:crm/settings@0.1.0",
        "capsule:crm/tags@0.1.0",
        "capsule:crm/tasks@0.1.0",
        "capsule:crm/timeline@0.1.0",
    ];
    assert_eq!(exports, set(&[NEUTRAL, &typed].concat()));
}

#[test]
fn the_slim_component_exports_the_neutral_interfaces_alone() {
    let (imports, exports) = face(&slim());
    assert!(imports.is_subset(&set(IMPORTS)), "{imports:?}");
    assert_eq!(exports, set(NEUTRAL));
}

/// The component over a fake account, and the fake.
fn connected() -> (Host, Connector, Tenant, Fake) {
    let host = Host::new(HostOptions {
        slots: 8,
        ..HostOptions::default()
    })
    .unwrap();
    let connector = host.load(&full()).unwrap();
    let fake = Fake::new(FakeOptions {
        parties: 30,
        strict_auth: true,
        ..FakeOptions::default()
    });
    let tokens = fake.issue_token("rkaya", "read write");
    let origin = Origin::parse("https://api.capsulecrm.com").unwrap();
    let tenant = Tenant::builder("northwind")
        .access_token(Secret::from(tokens.access.as_str()))
        .grant(origin)
        .upstream(Arc::new(InProcess::new(fake.router())))
        .build()
        .unwrap();
    (host, connector, tenant, fake)
}

async fn call(
    connector: &Connector,
    tenant: &Tenant,
    id: &str,
    input: Value,
) -> Result<Value, CallError> {
    let outcome = connector.call(tenant).invoke(id, input.to_string()).await?;
    Ok(serde_json::from_str(&outcome.json).unwrap())
}

#[tokio::test]
async fn a_person_is_created_read_changed_found_listed_and_deleted() {
    let (_host, connector, tenant, _fake) = connected();
    let created = call(
        &connector,
        &tenant,
        "people.create",
        json!({
            "firstName": "Inês", "lastName": "Duarte", "organisation": "Lagoa Foods",
            "emailAddresses": [{"address": "ines@lagoa.example"}, {"address": "ines@casa.example", "type": "Home"}],
            "phoneNumbers": [{"number": "+351 912 345 678"}, {"number": "+351 22 000 000", "type": "Fax"}],
            "addresses": [{"city": "Porto", "country": "Portugal"}],
            "websites": [{"address": "https://lagoa.example"}, {"address": "lagoa", "service": "TWITTER"}],
            "tags": ["Wholesale", "Made for this test"], "fields": {"External ID": "A-77"},
            "embed": {"tags": true, "fields": true}
        }),
    )
    .await
    .unwrap();
    let id = created["id"].as_u64().unwrap();
    assert_eq!(created["emailAddresses"].as_array().unwrap().len(), 2);
    assert_eq!(created["phoneNumbers"].as_array().unwrap().len(), 2);
    assert_eq!(created["websites"].as_array().unwrap().len(), 2);
    assert_eq!(created["tags"].as_array().unwrap().len(), 2);
    assert!(
        created["fields"]
            .as_object()
            .unwrap()
            .values()
            .any(|value| value == "A-77"),
        "{created}"
    );
    assert_eq!(created["organisation"]["name"], "Lagoa Foods");

    let read = call(
        &connector,
        &tenant,
        "parties.get",
        json!({"id": id, "embed": {"tags": true, "fields": true}}),
    )
    .await
    .unwrap();
    assert_eq!(read, created);

    let changed = call(
        &connector,
        &tenant,
        "people.update",
        json!({
            "id": id, "firstName": "Inez", "jobTitle": "Buyer",
            "emailAddresses": {"merge": [{"address": "INES@lagoa.example", "type": "Work"}], "remove": ["ines@casa.example"]},
            "phoneNumbers": {"replace": [{"number": "+351912345678"}]},
            "tags": {"remove": ["Wholesale"], "add": ["VIP"]},
            "fields": {"External ID": null},
            "embed": {"tags": true, "fields": true}
        }),
    )
    .await
    .unwrap();
    assert_eq!(changed["firstName"], "Inez");
    assert_eq!(changed["lastName"], "Duarte");
    let addresses: Vec<_> = changed["emailAddresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["address"].as_str(), row["type"].as_str()))
        .collect();
    assert_eq!(addresses, [(Some("ines@lagoa.example"), Some("Work"))]);
    assert_eq!(changed["phoneNumbers"].as_array().unwrap().len(), 1);
    let tags: BTreeSet<_> = changed["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    assert_eq!(tags, BTreeSet::from(["Made for this test", "VIP"]));
    assert!(
        changed["fields"].as_object().unwrap().is_empty(),
        "{changed}"
    );

    for by in [
        json!({"email": "ines@LAGOA.example"}),
        json!({"phone": "351-912-345-678"}),
        json!({"name": "inez duarte"}),
    ] {
        let found = call(&connector, &tenant, "people.find", json!({ "by": by }))
            .await
            .unwrap();
        let ids: Vec<_> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|party| party["id"].as_u64())
            .collect();
        assert_eq!(ids, [Some(id)], "{by}");
    }

    let gone = call(&connector, &tenant, "parties.delete", json!({"id": id}))
        .await
        .unwrap();
    assert_eq!(gone, json!({"id": id, "state": "deleted"}));
    let again = call(&connector, &tenant, "parties.delete", json!({"id": id}))
        .await
        .unwrap();
    assert_eq!(again, json!({"id": id, "state": "alreadyGone"}));
    let deleted = call(
        &connector,
        &tenant,
        "parties.list-deleted",
        json!({"since": "2020-01-01T00:00:00Z"}),
    )
    .await
    .unwrap();
    assert!(
        deleted["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["id"] == id),
        "{deleted}"
    );
}

#[tokio::test]
async fn an_upsert_creates_then_changes_then_leaves_alone() {
    let (_host, connector, tenant, fake) = connected();
    let before = fake.party_count();
    let person = |job: &str| json!({"matchBy": ["email"], "person": {"lastName": "Kaya-Berg", "jobTitle": job, "emailAddresses": [{"address": "kb@berg.example"}], "tags": ["VIP"], "fields": {"External ID": "B-1"}}});
    for (job, action) in [
        ("Buyer", "created"),
        ("Buyer", "unchanged"),
        ("Head of buying", "updated"),
        ("Head of buying", "unchanged"),
    ] {
        let outcome = call(&connector, &tenant, "people.upsert", person(job))
            .await
            .unwrap();
        assert_eq!(
            (
                outcome["action"].as_str(),
                outcome["party"]["jobTitle"].as_str()
            ),
            (Some(action), Some(job))
        );
    }
    assert_eq!(fake.party_count(), before + 1);
}

#[tokio::test]
async fn calls_side_by_side_overlap_and_answer_by_key() {
    use capsule_host::runtime::operations::{Call, ManyOptions, OnFailure, OutcomeStatus};
    let (_host, connector, tenant, fake) = connected();
    let before = fake.party_count();
    let calls = (0..20)
        .map(|number| Call {
            key: format!("row-{number}"),
            id: "people.create".into(),
            input: if number == 7 {
                r#"{"lastNam":"x"}"#.into()
            } else {
                json!({"lastName": format!("Row {number}")}).to_string()
            },
        })
        .collect();
    let options = ManyOptions {
        concurrency: 4,
        on_failure: OnFailure::KeepGoing,
        start_within_ms: None,
    };
    let outcomes = connector
        .call(&tenant)
        .invoke_many(calls, options)
        .await
        .unwrap()
        .value;
    assert_eq!(
        outcomes
            .iter()
            .map(|outcome| outcome.key.clone())
            .collect::<Vec<_>>(),
        (0..20)
            .map(|number| format!("row-{number}"))
            .collect::<Vec<_>>()
    );
    let done = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.status, OutcomeStatus::Done(_)))
        .count();
    assert_eq!((done, fake.party_count() - before), (19, 19));
}

#[tokio::test]
async fn many_upserts_side_by_side_all_come_to_an_end() {
    use capsule_host::runtime::operations::{Call, ManyOptions, OnFailure, OutcomeStatus};
    let (_host, connector, tenant, fake) = connected();
    let before = fake.party_count();
    // Several requests a call, so that calls end at different times and others go on between.
    let calls = |job: &str| -> Vec<Call> {
        (0..60)
            .map(|number| Call {
                key: format!("row-{number}"),
                id: "people.upsert".into(),
                input: json!({"matchBy": ["email", "name"], "person": {
                    "lastName": format!("Row {number}"), "jobTitle": job, "emailAddresses": [{"address": format!("row{number}@side.example")}]
                }})
                .to_string(),
            })
            .collect()
    };
    let options = || ManyOptions {
        concurrency: 8,
        on_failure: OnFailure::KeepGoing,
        start_within_ms: None,
    };
    for job in ["Buyer", "Buyer", "Head of buying"] {
        let outcomes = connector
            .call(&tenant)
            .invoke_many(calls(job), options())
            .await
            .unwrap()
            .value;
        let failed: Vec<_> = outcomes
            .iter()
            .filter(|outcome| !matches!(outcome.status, OutcomeStatus::Done(_)))
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
    assert_eq!(fake.party_count() - before, 60);
}

#[tokio::test]
async fn a_form_gets_the_schemas_of_the_account_and_its_choices() {
    use capsule_host::runtime::catalog::{ChoicesRequest, SchemaScope};
    let (_host, connector, tenant, _fake) = connected();
    let pairs = connector
        .call(&tenant)
        .schemas(&["people.create".to_owned()], SchemaScope::Account)
        .await
        .unwrap()
        .value;
    let input: Value = serde_json::from_str(&pairs[0].input).unwrap();
    let titles: Vec<_> = input["properties"]["fields"]["properties"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|field| field["title"].as_str())
        .collect();
    assert!(titles.contains(&"External ID"), "{titles:?}");
    let request = ChoicesRequest {
        id: "people.create".into(),
        pointer: "/owner".into(),
        query: Some("kaya".into()),
        input: "{}".into(),
        values: Vec::new(),
        cursor: None,
        limit: None,
    };
    let page = connector
        .call(&tenant)
        .choices(request)
        .await
        .unwrap()
        .value;
    assert!(
        page.items
            .iter()
            .any(|choice| choice.label.contains("Rana Kaya")),
        "{:?}",
        page.items
    );
}

#[tokio::test]
async fn the_account_tells_who_is_connected() {
    let (_host, connector, tenant, _fake) = connected();
    let connection = connector.call(&tenant).check().await.unwrap().value;
    assert!(
        connection.label.contains("Rana Kaya"),
        "{}",
        connection.label
    );
    assert!(
        connection
            .web_url
            .is_some_and(|url| url.starts_with("https://"))
    );
    assert_eq!(connection.quota.map(|quota| quota.limit), Some(4000));
}

#[tokio::test]
async fn the_components_memory_never_holds_a_live_token() {
    let watch = MemoryWatch::new(64 << 20);
    let host = Host::new(HostOptions {
        slots: 2,
        watch: Some(watch.clone()),
        ..HostOptions::default()
    })
    .unwrap();
    let connector = host.load(&full()).unwrap();
    let fake = Fake::new(FakeOptions {
        parties: 5,
        strict_auth: true,
        ..FakeOptions::default()
    });
    let tokens = fake.issue_token("rkaya", "read write");
    let tenant = Tenant::builder("northwind")
        .access_token(Secret::from(tokens.access.as_str()))
        .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
        .upstream(Arc::new(InProcess::new(fake.router())))
        .build()
        .unwrap();
    call(
        &connector,
        &tenant,
        "people.create",
        json!({"lastName": "Marker-in-the-guest"}),
    )
    .await
    .unwrap();
    assert!(
        watch.contains(b"Marker-in-the-guest"),
        "the watch sees the guest's memory"
    );
    assert!(!watch.contains(tokens.access.as_bytes()));
    assert!(!watch.contains(tokens.refresh.as_bytes()));
}

#[tokio::test]
async fn metadata_needs_no_account() {
    let host = Host::new(HostOptions {
        slots: 2,
        ..HostOptions::default()
    })
    .unwrap();
    let connector = host.load(&slim()).unwrap();
    let descriptor = connector.describe().await.unwrap();
    assert_eq!(
        (descriptor.id.as_str(), descriptor.version.as_str()),
        ("capsule-crm", env!("CARGO_PKG_VERSION"))
    );
    let operations = connector.operations().await.unwrap();
    assert!(
        operations
            .iter()
            .any(|operation| operation.id == "people.upsert" && operation.typed.is_none())
    );
}
