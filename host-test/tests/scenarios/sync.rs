use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capsule_host::fake::{Clock, Fake, FakeOptions, Fault, FaultRule};
use serde_json::{Value, json};

use crate::{Scene, case_of};

/// An account of some hundred parties, whose time stands still until it is moved.
fn scene() -> Scene {
    let fake = Fake::new(FakeOptions {
        parties: 350,
        strict_auth: true,
        clock: Clock::manual_at(1_772_000_000),
        ..FakeOptions::default()
    });
    let token = fake.issue_token("rkaya", "read write").access;
    Scene::with(fake, &token)
}

impl Scene {
    /// Syncs to the end, each page in a sandbox of its own. The changes, and where the next sync begins.
    async fn synced(&self, mut input: Value) -> (Vec<Value>, Value) {
        let mut changes = Vec::new();
        loop {
            let mut page = self.done("sync.list-changes", input.clone()).await;
            changes.extend(page["items"].as_array().unwrap().iter().cloned());
            match page.get("next") {
                Some(next) => {
                    assert_eq!(page.get("since"), None);
                    input["cursor"] = next.clone();
                }
                None => return (changes, page["since"].take()),
            }
        }
    }
}

/// Ids of changes of a kind that became this.
fn ids(changes: &[Value], kind: &str, change: &str) -> BTreeSet<u64> {
    changes
        .iter()
        .filter(|one| one["kind"] == kind && one["change"] == change)
        .map(|one| one["id"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_first_sync_gives_every_record_of_the_account() {
    let scene = scene();
    for limit in [37, 100, 500] {
        let (changes, since) = scene.synced(json!({ "limit": limit })).await;
        for kind in ["parties", "opportunities", "projects"] {
            let listed = scene
                .walked(&format!("{kind}.list-all"), json!({}), 500)
                .await;
            let listed: BTreeSet<_> = listed.iter().filter_map(Value::as_u64).collect();
            assert!(!listed.is_empty(), "{kind}");
            assert_eq!(ids(&changes, kind, "changed"), listed, "{kind}");
        }
        assert!(changes.iter().all(|one| one["change"] == "changed"));
        // Five minutes before the clock of the account.
        assert_eq!(since, "2026-02-25T06:08:20Z");
    }
}

#[tokio::test]
async fn a_later_sync_gives_what_changed_and_what_is_gone_since() {
    let scene = scene();
    let (changes, since) = scene.synced(json!({})).await;
    let all: Vec<u64> = ids(&changes, "parties", "changed").into_iter().collect();
    scene.fake.clock().advance(Duration::from_secs(3600));
    let made = scene
        .done(
            "people.create",
            json!({"firstName": "Inês", "lastName": "Duarte"}),
        )
        .await["id"]
        .as_u64()
        .unwrap();
    let gone = all[7];
    let hidden = all[8];
    scene.done("parties.delete", json!({ "id": gone })).await;
    assert!(scene.fake.restrict_party(hidden));
    let (changes, _) = scene
        .synced(json!({"kinds": ["parties"], "since": since, "embed": {"tags": true}}))
        .await;
    assert!(ids(&changes, "parties", "changed").contains(&made));
    assert!(ids(&changes, "parties", "deleted").contains(&gone));
    assert!(ids(&changes, "parties", "restricted").contains(&hidden));
    let record = changes.iter().find(|one| one["id"] == made).unwrap();
    assert_eq!(record["record"]["party"]["lastName"], "Duarte");
    assert!(changes.len() < 100, "{} changes", changes.len());
}

#[tokio::test]
async fn a_record_deleted_between_pages_makes_no_other_be_skipped() {
    let scene = scene();
    let mut input = json!({"kinds": ["parties"], "limit": 50});
    let before = scene.walked("parties.list-all", json!({}), 500).await;
    let mut seen: BTreeMap<u64, Value> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    loop {
        let page = scene.done("sync.list-changes", input.clone()).await;
        for item in page["items"].as_array().unwrap() {
            seen.insert(item["id"].as_u64().unwrap(), item.clone());
        }
        let Some(next) = page.get("next") else { break };
        input["cursor"] = next.clone();
        // The first one of the list, so that all others shift.
        let first = scene.some("parties").await;
        scene.done("parties.delete", json!({ "id": first })).await;
        gone.insert(first.as_u64().unwrap());
    }
    assert!(gone.len() >= 5, "{gone:?}");
    for id in before.iter().filter_map(Value::as_u64) {
        assert!(seen.contains_key(&id) || gone.contains(&id), "{id}");
    }
}

/// However long the account, the last calls take no more memory than the first ones; and a call that is cut anywhere is made again with the cursor
/// that it had.
#[tokio::test]
async fn a_sync_of_100_000_records_is_flat_in_memory_and_goes_on_after_cuts() {
    let fake = Fake::new(FakeOptions {
        parties: 100_000,
        clock: Clock::manual_at(1_772_000_000),
        rate_limit: u32::MAX,
        ..FakeOptions::default()
    });
    let token = fake.issue_token("rkaya", "read write").access;
    let scene = Scene::with(fake, &token);
    let mut input = json!({"kinds": ["parties"], "limit": 500});
    let (mut seen, mut doubled, mut cut) = (BTreeSet::new(), 0, 0);
    let mut peaks = Vec::new();
    loop {
        if peaks.len() % 8 == 7 {
            // One of the requests of the next call: the first, a later one, or none if it makes fewer.
            scene
                .fake
                .faults()
                .add(FaultRule::new(a_cut()).after(cut % 6).times(1));
        }
        let call = scene.connector.call(&scene.tenant);
        let outcome = match call.invoke("sync.list-changes", input.to_string()).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let (case, told) = case_of(error.to_json());
                assert!(case.starts_with("transient."), "{case}: {told}");
                cut += 1;
                continue;
            }
        };
        peaks.push(outcome.report.peak_memory);
        let page: Value = serde_json::from_str(&outcome.json).unwrap();
        for item in page["items"].as_array().unwrap() {
            doubled += usize::from(!seen.insert(item["id"].as_u64().unwrap()));
        }
        match page.get("next") {
            Some(next) => input["cursor"] = next.clone(),
            None => break,
        }
    }
    assert_eq!((seen.len(), doubled), (100_000, 0));
    assert!(cut >= 20, "{cut} cuts");
    // Records are of different lengths, so pages are, too: a twentieth is let pass.
    let tenth = peaks.len() / 10;
    let (first, last) = (&peaks[..tenth], &peaks[peaks.len() - tenth..]);
    let (first, last) = (first.iter().max().unwrap(), last.iter().max().unwrap());
    assert!(
        *last <= first + first / 20,
        "{first}, then {last} bytes at most"
    );
}

/// Half of an answer, then a broken connection.
fn a_cut() -> Fault {
    Fault {
        cut: true,
        ..Fault::default()
    }
}
