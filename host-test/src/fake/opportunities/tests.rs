//! Opportunities through the router.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::Behaviour;
use super::super::tests::{Bench, ids};

/// Milestones of the first seeded pipeline.
const NEW: u64 = 1;
const BID: u64 = 2;
const WON: u64 = 4;
const LOST: u64 = 5;
/// The first milestone of the second pipeline.
const DUE: u64 = 6;

struct Deal {
    bench: Bench,
    party: u64,
    path: String,
    id: u64,
}

async fn deal() -> Deal {
    deal_behaving(Behaviour::default()).await
}

async fn deal_behaving(behaviour: Behaviour) -> Deal {
    let bench = Bench::behaving(0, behaviour);
    let party = bench
        .party(json!({ "type": "organisation", "name": "Acme" }))
        .await;
    let body =
        json!({ "opportunity": { "party": party, "name": "Boxes", "milestone": { "id": NEW } } });
    let got = bench.post("/opportunities", body).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    let id = got.body["opportunity"]["id"].as_u64().unwrap();
    bench.advance(86_400);
    Deal {
        bench,
        party,
        path: format!("/opportunities/{id}"),
        id,
    }
}

impl Deal {
    async fn put(&self, body: Value) -> Value {
        let got = self
            .bench
            .put(&self.path, json!({ "opportunity": body }))
            .await;
        assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
        got.body["opportunity"].clone()
    }
}

#[tokio::test]
async fn a_created_opportunity_has_every_key_and_the_defaults() {
    let deal = deal().await;
    let row = deal.bench.get(&deal.path).await.body["opportunity"].clone();
    let mut keys: Vec<&str> = row
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let expected = [
        "closedOn",
        "createdAt",
        "description",
        "duration",
        "durationBasis",
        "expectedCloseOn",
        "id",
        "lastContactedAt",
        "lastOpenMilestone",
        "lastStageChangedAt",
        "lostReason",
        "milestone",
        "name",
        "owner",
        "party",
        "probability",
        "team",
        "updatedAt",
        "value",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&row["probability"], &row["durationBasis"]),
        (&json!(10), &json!("FIXED"))
    );
    assert_eq!(row["lastStageChangedAt"], row["createdAt"]);
    assert_eq!(row["owner"]["username"], "rkaya");
    assert_eq!(row["party"]["name"], "Acme");
    assert_eq!(row["milestone"], json!({ "id": NEW, "name": "New" }));
}

#[tokio::test]
async fn embeds_show_party_and_milestone_whole() {
    let deal = deal().await;
    let row = deal
        .bench
        .get(&format!("{}?embed=party,milestone,tags", deal.path))
        .await
        .body["opportunity"]
        .clone();
    assert!(row["party"]["createdAt"].is_string());
    assert_eq!(row["milestone"]["pipeline"]["name"], "Sales");
    assert_eq!(row["tags"], json!([]));
}

#[tokio::test]
async fn winning_closes_and_reopening_undoes_it() {
    let deal = deal().await;
    deal.put(json!({ "milestone": BID, "probability": 55 }))
        .await;
    let won = deal.put(json!({ "milestone": WON })).await;
    assert_eq!(
        (&won["closedOn"], &won["probability"]),
        (&json!("2026-11-25"), &json!(100))
    );
    assert_eq!(won["lastOpenMilestone"]["id"], BID);
    assert_eq!(won["lastStageChangedAt"], "2026-11-25T12:00:00Z");
    let open = deal.put(json!({ "milestone": BID })).await;
    assert_eq!(
        (&open["closedOn"], &open["probability"]),
        (&Value::Null, &json!(40))
    );
}

#[tokio::test]
async fn a_close_makes_open_tasks_wait_and_a_reopening_wakes_them() {
    let deal = deal().await;
    let task =
        json!({ "task": { "description": "Call", "dueOn": "2026-12-01", "opportunity": deal.id } });
    let task = deal.bench.post("/tasks", task).await.body["task"]["id"]
        .as_u64()
        .unwrap();
    let status =
        async || deal.bench.get(&format!("/tasks/{task}")).await.body["task"]["status"].clone();
    deal.put(json!({ "milestone": LOST })).await;
    assert_eq!(status().await, "PENDING");
    deal.put(json!({ "milestone": NEW })).await;
    assert_eq!(status().await, "OPEN");
}

#[tokio::test]
async fn a_lost_reason_stays_only_on_a_lost_opportunity() {
    let deal = deal().await;
    assert_eq!(
        deal.put(json!({ "lostReason": 2 })).await["lostReason"],
        Value::Null
    );
    let lost = deal
        .put(json!({ "lostReason": 2, "milestone": LOST }))
        .await;
    assert_eq!(
        lost["lostReason"],
        json!({ "id": 2, "name": "Poor Qualification" })
    );
    assert_eq!(lost["probability"], 0);
    assert_eq!(
        deal.put(json!({ "milestone": WON })).await["lostReason"],
        Value::Null
    );
}

#[tokio::test]
async fn a_milestone_of_another_pipeline_is_taken() {
    let deal = deal().await;
    assert_eq!(
        deal.put(json!({ "milestone": DUE })).await["milestone"]["name"],
        "Due"
    );
}

#[tokio::test]
async fn faulty_bodies_are_refused() {
    let deal = deal().await;
    deal.put(json!({ "milestone": WON })).await;
    let closed = (
        "probability can be updated only for open opportunity",
        "opportunity",
        "probability",
    );
    let fixed = "duration must be null when durationBasis is FIXED";
    let cases = [
        (json!({ "probability": 50 }), closed),
        (
            json!({ "name": null }),
            ("name is required", "opportunity", "name"),
        ),
        (
            json!({ "party": null }),
            ("party is required", "opportunity", "party"),
        ),
        (
            json!({ "party": 1 }),
            ("party not found", "opportunity", "party"),
        ),
        (
            json!({ "milestone": 99 }),
            ("milestone not found", "opportunity", "milestone"),
        ),
        (
            json!({ "value": { "amount": 5 } }),
            ("currency is required", "opportunity", "value"),
        ),
        (
            json!({ "value": { "currency": "GBP" } }),
            ("amount is required", "opportunity", "value"),
        ),
        (json!({ "duration": 3 }), (fixed, "opportunity", "duration")),
        (
            json!({ "owner": null }),
            ("owner or team is required", "opportunity", "owner"),
        ),
        (
            json!({ "expectedCloseOn": "soon" }),
            ("invalid type for field", "opportunity", "expectedCloseOn"),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(
            deal.bench
                .put(&deal.path, json!({ "opportunity": body }))
                .await
                .violation(),
            expected
        );
    }
    let moving = json!({ "opportunity": { "milestone": LOST, "probability": 5 } });
    assert_eq!(deal.bench.put(&deal.path, moving).await.violation(), closed);
}

#[tokio::test]
async fn additional_parties_come_and_go() {
    let deal = deal().await;
    let other = deal
        .bench
        .party(json!({ "type": "person", "firstName": "Ines" }))
        .await;
    let path = format!("{}/parties/{other}", deal.path);
    let post = async |path: &str| {
        deal.bench
            .send(deal.bench.request(http::Method::POST, path, None))
            .await
    };
    assert_eq!(post(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        post(&path).await.violation().0,
        "party is already a contact for this opportunity"
    );
    let main = format!("{}/parties/{}", deal.path, deal.party);
    assert_eq!(
        post(&main).await.violation().0,
        "party is already related to this opportunity"
    );
    let listed = deal.bench.get(&format!("{}/parties", deal.path)).await.body["parties"].clone();
    assert_eq!(ids(&listed), [other]);
    assert_eq!(
        deal.bench.delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(deal.bench.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_deleted_party_takes_its_opportunities_tasks_and_entries_along() {
    let deal = deal().await;
    let task =
        json!({ "task": { "description": "Call", "dueOn": "2026-12-01", "party": deal.party } });
    let task = deal.bench.post("/tasks", task).await.body["task"]["id"].clone();
    let note = json!({ "entry": { "type": "note", "content": "x", "opportunity": deal.id } });
    let note = deal.bench.post("/entries", note).await.body["entry"]["id"].clone();
    deal.bench.delete(&format!("/parties/{}", deal.party)).await;
    for path in [
        deal.path.clone(),
        format!("/tasks/{task}"),
        format!("/entries/{note}"),
    ] {
        assert_eq!(
            deal.bench.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let feed = deal
        .bench
        .get("/opportunities/deleted?since=2026-01-01T00:00:00Z")
        .await
        .body;
    assert_eq!(
        feed,
        json!({ "opportunities": [{ "id": deal.id, "deletedAt": "2026-11-25T12:00:00Z" }] })
    );
}

#[tokio::test]
async fn tracks_are_applied_at_creation() {
    let deal = deal().await;
    let body = json!({ "opportunity": {
        "party": deal.party, "name": "More boxes", "milestone": NEW, "tracks": [{ "definition": 1 }]
    } });
    let id = deal.bench.post("/opportunities", body).await.body["opportunity"]["id"]
        .as_u64()
        .unwrap();
    let tracks = deal
        .bench
        .get(&format!("/opportunities/{id}/tracks"))
        .await
        .body["tracks"]
        .clone();
    assert_eq!(tracks[0]["tasks"].as_array().unwrap().len(), 3);
    let wrong = json!({ "opportunity": { "party": deal.party, "name": "X", "milestone": NEW, "tracks": [{ "definition": { "id": 2 } }] } });
    assert_eq!(
        deal.bench.post("/opportunities", wrong).await.violation().0,
        "track definition not found"
    );
}

#[tokio::test]
async fn a_change_is_all_its_events_or_the_most_telling_one() {
    let all: &[&str] = &[
        "opportunity/updated",
        "opportunity/moved",
        "opportunity/closed",
    ];
    for (one_event_a_change, expected) in [(false, all), (true, &all[2..])] {
        let deal = deal_behaving(Behaviour {
            one_event_a_change,
            ..Behaviour::default()
        })
        .await;
        let before = deal.bench.fake.changes().len();
        deal.put(json!({ "milestone": WON })).await;
        let events: Vec<&str> = deal.bench.fake.changes()[before..]
            .iter()
            .map(|change| change.event)
            .collect();
        assert_eq!(events, expected);
    }
}

#[tokio::test]
async fn filters_know_the_fields_of_opportunities() {
    let deal = deal().await;
    deal.put(json!({ "value": { "amount": 1000, "currency": "GBP" }, "milestone": BID, "expectedCloseOn": "2026-12-24" })).await;
    let other = json!({ "opportunity": { "party": deal.party, "name": "Lost", "milestone": LOST, "lostReason": 1 } });
    let other = deal.bench.post("/opportunities", other).await.body["opportunity"]["id"]
        .as_u64()
        .unwrap();
    deal.bench.advance(86_400 * 31);
    let (first, second) = (vec![deal.id], vec![other]);
    let cases = [
        ("status", "is", json!("open"), &first),
        ("status", "is", json!("lost"), &second),
        ("pipeline", "is", json!("sales"), &vec![deal.id, other]),
        ("milestone", "is", json!(BID), &first),
        ("milestone", "is", json!("lost"), &second),
        ("probability", "is greater than", json!(39), &first),
        ("lostReason", "is", json!("Abandoned"), &second),
        ("includedForConversion", "is", json!(false), &second),
        ("currency", "is", json!("GBP"), &first),
        (
            "expectedValue",
            "is greater than",
            json!({ "currency": "GBP", "amount": 999 }),
            &first,
        ),
        (
            "expectedValue",
            "is greater than",
            json!({ "currency": "EUR", "amount": 999 }),
            &vec![],
        ),
        ("expectedValue", "is", json!("1000"), &first),
        ("party", "is", json!(deal.party), &vec![deal.id, other]),
        (
            "primaryContactName",
            "is",
            json!("acme"),
            &vec![deal.id, other],
        ),
        ("isOpen", "is", json!(true), &first),
        ("isStale", "is", json!(true), &first),
        ("isOwnedByMe", "is", json!(true), &vec![deal.id, other]),
        ("closedOn", "is not", Value::Null, &second),
        ("expectedCloseOn", "is before", json!("2027-01-01"), &first),
    ];
    for (field, operator, value, expected) in cases {
        let condition = json!({ "field": field, "operator": operator, "value": value });
        let found = deal
            .bench
            .filtered("/opportunities", json!({ "conditions": [condition] }))
            .await;
        assert_eq!(found, *expected, "{condition}");
    }
}

#[tokio::test]
async fn the_value_of_a_filter_is_summed() {
    let deal = deal().await;
    deal.put(json!({ "value": { "amount": 100.5, "currency": "GBP" }, "durationBasis": "MONTH", "duration": 2, "probability": 50 })).await;
    let got = deal
        .bench
        .post("/opportunities/value", json!({ "filter": {} }))
        .await;
    let expected =
        json!({ "totalValue": 201.0, "projectedValue": 100.5, "meta": { "currency": "GBP" } });
    assert_eq!((got.status, got.body), (StatusCode::OK, expected));
}

#[tokio::test]
async fn the_opportunities_of_a_party_are_listed() {
    let deal = deal().await;
    let listed = deal
        .bench
        .get(&format!("/parties/{}/opportunities", deal.party))
        .await
        .body["opportunities"]
        .clone();
    assert_eq!(ids(&listed), [deal.id]);
    let has =
        json!({ "conditions": [{ "field": "hasOpportunities", "operator": "is", "value": true }] });
    assert_eq!(deal.bench.filtered("/parties", has).await, [deal.party]);
}
