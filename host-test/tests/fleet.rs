//! A fleet of tenants, each with its own connection, some of whose requests go wrong: every call ends in a result or a typed error, no create
//! that was acknowledged is missing, none is made twice, and the host's memory does not grow.
//!
//! Short among the tests. At length, some minutes:
//!
//! ```text
//! FLEET_TENANTS=10000 cargo test --workspace --test fleet -- --nocapture
//! ```
//!
//! FLEET_SEED gives another run.

#![allow(missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use capsule_host::egress::{
    AnswerBody, EgressLimits, InProcess, Origin, Outbound, Secret, Upstream, UpstreamError,
};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{CallError, Connector, Tenant};
use futures::StreamExt as _;
use futures::future::join_all;
use http::{HeaderValue, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Tenants of one account, which call at the same time.
const TENANTS_OF_AN_ACCOUNT: usize = 50;
/// Accounts that are at work at the same time.
const ACCOUNTS_AT_ONCE: usize = 2;
/// Calls of each tenant, one after the other.
const CALLS: usize = 10;
/// One request in so many goes wrong.
const FAULTY: u64 = 100;
/// No call takes longer, whatever goes wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// What two accounts keep while they are at work, and the allocator's own.
const MOST_GROWTH: u64 = 16 << 20;

/// What may go wrong at the account, in the words of the fake.
const AT_THE_ACCOUNT: [&str; 10] = [
    "status=500; after",
    "status=502; after",
    "status=503",
    "status=401",
    "drop=before",
    "drop",
    "cut",
    "truncate",
    "type=text/html",
    "rate-limit",
];

/// What may go wrong on the way.
const ON_THE_WAY: [fn() -> UpstreamError; 5] = [
    || UpstreamError::Refused,
    || UpstreamError::ConnectTimeout,
    || UpstreamError::Broken,
    || UpstreamError::NoAnswer,
    || UpstreamError::TooSlow,
];

/// An account while its tenants are at work. Before and after there is none, so that what it keeps is not taken for the host's.
type Account = Arc<Mutex<Option<InProcess>>>;

/// Lets one request in a hundred go wrong.
struct Faulty {
    account: Account,
    dice: Arc<Dice>,
}

struct Dice {
    rng: Mutex<fastrand::Rng>,
    requests: AtomicU64,
    faults: AtomicU64,
}

impl Dice {
    fn roll(&self) -> Option<usize> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut rng = self.rng.lock().unwrap();
        let hit = rng.u64(..FAULTY) == 0;
        hit.then(|| {
            self.faults.fetch_add(1, Ordering::Relaxed);
            rng.usize(..AT_THE_ACCOUNT.len() + ON_THE_WAY.len())
        })
    }
}

#[async_trait]
impl Upstream for Faulty {
    async fn send(
        &self,
        mut request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let inner = self.account.lock().unwrap().clone().unwrap();
        let Some(fault) = self.dice.roll() else {
            return inner.send(request, limits).await;
        };
        if let Some(word) = AT_THE_ACCOUNT.get(fault) {
            let word = HeaderValue::from_static(word);
            request.headers.insert("x-fake-fault", word);
            return inner.send(request, limits).await;
        }
        let error = ON_THE_WAY[fault - AT_THE_ACCOUNT.len()]();
        if !error.sent_nothing() {
            // The account did it; the answer is what got lost.
            inner.send(request, limits).await?;
        }
        Err(error)
    }
}

/// How the creation of a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Acknowledged,
    /// It may be there.
    Unknown,
    /// It is said not to be there.
    Not,
}

/// The tenants of an account.
struct Crew {
    account: Account,
    tenants: Vec<Tenant>,
}

/// What is told of all calls.
struct Logbook {
    all: usize,
    dice: Arc<Dice>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    errors: BTreeMap<String, usize>,
    done: usize,
    /// Resident memory before the first call and at each quarter.
    marks: Vec<Option<u64>>,
}

impl Logbook {
    fn new(all: usize, dice: &Arc<Dice>) -> Arc<Self> {
        let log = Log {
            marks: vec![resident()],
            ..Log::default()
        };
        Arc::new(Self {
            all,
            dice: dice.clone(),
            log: Mutex::new(log),
        })
    }

    fn ended(&self, error: Option<String>) {
        let mut log = self.log.lock().unwrap();
        log.done += 1;
        if let Some(kind) = error {
            *log.errors.entry(kind).or_default() += 1;
        }
        if log.done.is_multiple_of(self.all / 4) {
            let resident = resident();
            log.marks.push(resident);
            let taken =
                resident.map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
            println!(
                "{} of {} calls, {} requests, {} faults, resident memory {taken}",
                log.done,
                self.all,
                self.dice.requests.load(Ordering::Relaxed),
                self.dice.faults.load(Ordering::Relaxed),
            );
        }
    }
}

/// What one call does; the number is its place in the ten of a tenant.
fn errand(name: &str, step: usize, person: Option<u64>) -> (&'static str, Value, Option<String>) {
    let new = |nth: &str| format!("{name}-{nth}");
    match step {
        0 | 5 => {
            let last = new(if step == 0 { "first" } else { "second" });
            let input = json!({"firstName": "Fleet", "lastName": last});
            ("people.create", input, Some(last))
        }
        1 | 6 => ("parties.get", json!({"id": person.unwrap_or(1)}), None),
        2 => {
            let input = json!({"id": person.unwrap_or(1), "jobTitle": "Captain"});
            ("people.update", input, None)
        }
        3 => ("parties.list-all", json!({"limit": 10}), None),
        4 => ("parties.search", json!({"q": name, "limit": 5}), None),
        7 => ("settings.get-current-user", json!({}), None),
        8 => {
            let last = new("third");
            let mail = json!([{"address": format!("{last}@fleet.example")}]);
            let person = json!({"firstName": "Fleet", "lastName": last, "emailAddresses": mail});
            let input = json!({"matchBy": ["email"], "person": person});
            ("people.upsert", input, Some(last))
        }
        _ => (
            "tags.add",
            json!({"on": {"party": person.unwrap_or(1)}, "tags": ["Fleet"]}),
            None,
        ),
    }
}

/// `permanent.notFound` and the like.
fn kind(error: &CallError) -> String {
    let json = error.to_json();
    let first = |value: &Value| {
        let object = value.as_object();
        object.and_then(|object| {
            object
                .iter()
                .next()
                .map(|(key, value)| (key.clone(), value.clone()))
        })
    };
    match first(&json) {
        Some((level, inner)) => match first(&inner) {
            Some((case, _)) => format!("{level}.{case}"),
            None => level,
        },
        None => json.to_string(),
    }
}

/// What a failed creation says of the record.
fn said(id: &str, kind: &str) -> Made {
    // An upsert may be repeated: a lost answer says no more than that.
    let vague = id == "people.upsert" && kind.starts_with("transient.");
    match kind {
        "permanent.outcomeUnknown" | "permanent.malformedResponse" | "permanent.incomplete" => {
            Made::Unknown
        }
        _ if vague => Made::Unknown,
        _ => Made::Not,
    }
}

/// The ten calls of a tenant. Gives what became of what it made.
async fn voyage(connector: &Connector, tenant: &Tenant, logbook: &Logbook) -> Vec<(String, Made)> {
    let (mut person, mut all_made) = (None, Vec::new());
    for step in 0..CALLS {
        let (id, input, new) = errand(tenant.name(), step, person);
        let called = connector.call(tenant).invoke(id, input.to_string());
        let called = tokio::time::timeout(PATIENCE, called)
            .await
            .unwrap_or_else(|_| panic!("{id} of {} does not end", tenant.name()));
        let made = match called {
            Ok(outcome) => {
                let record: Value = serde_json::from_str(&outcome.json).unwrap();
                if step == 0 {
                    person = record["id"].as_u64();
                }
                logbook.ended(None);
                Made::Acknowledged
            }
            Err(error) => {
                let kind = kind(&error);
                let made = said(id, &kind);
                logbook.ended(Some(kind));
                made
            }
        };
        all_made.extend(new.map(|new| (new, made)));
    }
    all_made
}

/// Lets the tenants of an account work, and looks what is there in the end.
async fn work(connector: Connector, crew: Arc<Crew>, logbook: Arc<Logbook>) {
    let fake = Fake::new(FakeOptions {
        parties: 1,
        rate_limit: 1_000_000,
        ..FakeOptions::default()
    });
    *crew.account.lock().unwrap() = Some(InProcess::new(fake.router()));
    let voyages = crew.tenants.iter();
    let voyages = voyages.map(|tenant| voyage(&connector, tenant, &logbook));
    let made = join_all(voyages).await;
    *crew.account.lock().unwrap() = None;
    let there = names(&fake).await;
    for (name, made) in made.into_iter().flatten() {
        let count = there.get(&name).copied().unwrap_or_default();
        let right = match made {
            Made::Acknowledged => count == 1,
            Made::Unknown => count <= 1,
            Made::Not => count == 0,
        };
        assert!(right, "{name}: {made:?}, and it is there {count} times");
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// Resident memory of this process in bytes, where the system tells it.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// How often each last name is there.
async fn names(account: &Fake) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    let token = account.issue_token("", "read write").access;
    for page in 1.. {
        let request = Request::get(format!("/api/v2/parties?perPage=100&page={page}"))
            .header("host", "api.capsulecrm.com")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let answer = account.router().oneshot(request).await.unwrap();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let list: Value = serde_json::from_slice(&bytes).unwrap();
        let parties = list["parties"].as_array().unwrap();
        if parties.is_empty() {
            break;
        }
        for party in parties {
            if let Some(name) = party["lastName"].as_str() {
                *names.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_a_faulty_fleet_ends_and_no_create_is_lost_or_doubled() {
    let tenants = number("FLEET_TENANTS", 300).next_multiple_of(TENANTS_OF_AN_ACCOUNT);
    let connector = support::connector();
    let dice = Arc::new(Dice {
        rng: Mutex::new(fastrand::Rng::with_seed(number("FLEET_SEED", 1) as u64)),
        requests: AtomicU64::new(0),
        faults: AtomicU64::new(0),
    });
    let crew = |nth: usize| {
        let account = Account::default();
        let tenants = (0..TENANTS_OF_AN_ACCOUNT).map(|member| {
            Tenant::builder(&format!("tenant-{nth}-{member}"))
                .access_token(Secret::from("any"))
                .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
                .upstream(Arc::new(Faulty {
                    account: account.clone(),
                    dice: dice.clone(),
                }))
                .build()
                .unwrap()
        });
        let tenants = tenants.collect();
        Crew { account, tenants }
    };
    let fleet = |accounts: std::ops::Range<usize>| -> Vec<_> {
        accounts.map(|nth| Arc::new(crew(nth))).collect()
    };
    let at_work = async |crews: &[Arc<Crew>], logbook: &Arc<Logbook>| {
        let crews = futures::stream::iter(crews);
        let work = |crew: &Arc<Crew>| {
            let working = work(connector.clone(), crew.clone(), logbook.clone());
            async { tokio::spawn(working).await.unwrap() }
        };
        crews.for_each_concurrent(ACCOUNTS_AT_ONCE, work).await;
    };
    // All of them are there from the first call to the last.
    let accounts = tenants / TENANTS_OF_AN_ACCOUNT;
    let crews = fleet(0..accounts);
    // After some calls the sandboxes' places have what they keep.
    let warm = fleet(accounts..accounts + 2 * ACCOUNTS_AT_ONCE);
    at_work(&warm, &Logbook::new(usize::MAX, &dice)).await;

    let logbook = Logbook::new(tenants * CALLS, &dice);
    at_work(&crews, &logbook).await;
    let log = logbook.log.lock().unwrap();
    println!("errors: {:#?}", log.errors);

    assert_eq!(log.done, logbook.all);
    assert!(dice.faults.load(Ordering::Relaxed) > 0 && !log.errors.is_empty());
    assert!(!log.errors.contains_key("executionFailed"));
    let resident: Vec<u64> = log.marks.iter().copied().flatten().collect();
    if let (Some(before), Some(most)) = (resident.first(), resident.iter().max()) {
        let grown = most - before;
        assert!(grown <= MOST_GROWTH, "{grown} bytes more than before");
    }
}
