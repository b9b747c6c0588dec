//! The soak: an account in which things happen at random, a listener that is killed and started again, deliveries that fail and come twice,
//! and an oracle that says what must have been given and what may have been. Time is the fake's alone; the same seed gives the same run.
//!
//! SOAK_EDITS and SOAK_SEEDS make it longer; `cargo xtask soak` sets them.

#![allow(missing_docs)]

mod crash;
mod oracle;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::Fake;
use capsule_host::listen::{Clock, FileOutlet, Ingress, ListenError, ListenOptions, Plan};
use capsule_host::runtime::triggers::{DeliveryMode, Listener};
use capsule_host::runtime::{Connector, Tenant};
use futures::FutureExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use world::World;

const PUBLIC: &str = "https://hooks.example";

/// The triggers that come by poll and by hook alike.
const TRIGGERS: &[&str] = &[
    "person.created",
    "person.updated",
    "organisation.created",
    "organisation.updated",
    "party.created",
    "party.updated",
    "party.deleted",
    "opportunity.created",
    "opportunity.updated",
    "opportunity.moved",
    "opportunity.closed",
    "opportunity.won",
    "opportunity.lost",
    "opportunity.deleted",
    "project.created",
    "project.updated",
    "project.closed",
    "project.deleted",
    "task.created",
    "task.updated",
    "task.completed",
];

/// A listener of every trigger, and a second one of one of them: neither may take the other's events.
pub(crate) fn listeners() -> Vec<Listener> {
    let listener = |id: &str, trigger: &str| Listener {
        id: id.into(),
        trigger: trigger.into(),
        options: "{}".into(),
        mode: DeliveryMode::Auto,
    };
    let mut all: Vec<_> = TRIGGERS.iter().map(|one| listener(one, one)).collect();
    all.push(listener("parties again", "party.updated"));
    all
}

thread_local! {
    /// How many named points are passed before the process dies.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    /// When every feed had its position: from then on nothing may be missed.
    static BEGUN: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The account's.
    static CLOCK: RefCell<Option<capsule_host::fake::Clock>> = const { RefCell::new(None) };
}

/// The process died at this point.
struct Killed(#[allow(dead_code, reason = "told by a debugger")] &'static str);

/// As a killed process: what was in memory is gone, what was on the disk stays.
fn die(point: &'static str) {
    if point == "feeds have positions" {
        BEGUN.with_borrow_mut(|begun| {
            let now = CLOCK.with_borrow(|clock| clock.as_ref().map(world::whole_second));
            *begun = begun.take().or(now);
        });
    }
    let dies = LEFT.with(|left| match left.get() {
        Some(0) => true,
        Some(n) => {
            left.set(Some(n - 1));
            false
        }
        None => false,
    });
    if dies {
        LEFT.with(|left| left.set(None));
        std::panic::panic_any(Killed(point));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Poll,
    Hooks,
}

/// One account and its listener.
struct Run {
    /// Shared with what stands before the account: things happen between the requests of a poll, too.
    world: Arc<Mutex<World>>,
    fake: Fake,
    mode: Mode,
    connector: Connector,
    tenant: Tenant,
    folder: tempfile::TempDir,
    ingress: Option<Ingress>,
    settle_at: i64,
    kills: u32,
    counted: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    requests: u64,
    repeated: u64,
    quarantined: u64,
}

impl Run {
    async fn new(connector: &Connector, seed: u64, mode: Mode) -> Self {
        let world = World::new(seed).await;
        let fake = world.fake.clone();
        CLOCK.set(Some(fake.clock().clone()));
        BEGUN.set(None);
        let token = fake.issue_token("", "read write").access;
        let world = Arc::new(Mutex::new(world));
        let restless = middleware::from_fn_with_state(world.clone(), meanwhile);
        let router = fake.router().layer(restless);
        let tenant = Tenant::builder("soak")
            .access_token(Secret::from(token.as_str()))
            .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
            .upstream(Arc::new(InProcess::new(router)))
            .build()
            .unwrap();
        Self {
            world,
            fake,
            mode,
            connector: connector.clone(),
            tenant,
            folder: tempfile::tempdir().unwrap(),
            ingress: None,
            settle_at: 0,
            kills: 0,
            counted: Counted::default(),
        }
    }

    fn now(&self) -> i64 {
        self.fake.clock().now().as_millisecond()
    }

    fn later(&self, seconds: u64) {
        self.fake.clock().advance(Duration::from_secs(seconds));
    }

    async fn ingress(&mut self) -> Ingress {
        if let Some(ingress) = &self.ingress {
            return ingress.clone();
        }
        let hooks = self.mode == Mode::Hooks;
        let triggers = self.connector.triggers().await.unwrap();
        let plan = Plan::new(&triggers, listeners(), hooks).unwrap();
        let clock = self.fake.clock().clone();
        let options = ListenOptions {
            public_url: hooks.then(|| PUBLIC.to_owned()),
            clock: Clock::of(move || clock.now().as_millisecond()),
            at: Some(die),
            ..ListenOptions::new(self.folder.path().join("journal"), "soak")
        };
        let (connector, tenant) = (self.connector.clone(), self.tenant.clone());
        let ingress = Ingress::open(connector, tenant, plan, options)
            .await
            .unwrap();
        self.ingress = Some(ingress.clone());
        self.settle_at = 0;
        ingress
    }

    /// Takes one turn; a process that dies in it is started again later.
    async fn turn(&mut self, dies: bool) {
        if dies {
            let after = self.world.lock().await.rng.u32(..12);
            LEFT.with(|left| left.set(Some(after)));
        }
        let done = AssertUnwindSafe(self.live()).catch_unwind().await;
        LEFT.with(|left| left.set(None));
        match done {
            Ok(done) => done.unwrap(),
            Err(point) if point.is::<Killed>() => {
                self.kills += 1;
                self.forget();
            }
            Err(other) => std::panic::resume_unwind(other),
        }
    }

    fn forget(&mut self) {
        if let Some(ingress) = self.ingress.take() {
            let figures = ingress.figures();
            self.counted.requests += figures.requests.load(Ordering::Relaxed);
            self.counted.repeated += figures.repeated.load(Ordering::Relaxed);
            self.counted.quarantined += figures.quarantined.load(Ordering::Relaxed);
        }
    }

    async fn live(&mut self) -> Result<(), ListenError> {
        let ingress = self.ingress().await;
        if self.now() >= self.settle_at {
            ingress.settle().await?;
            self.settle_at = self.now() + 15 * 60 * 1000;
        }
        if self.mode == Mode::Hooks {
            self.deliver(&ingress).await;
        }
        while ingress.work_once().await?.is_ok() {}
        ingress.poll_due().await?;
        let mut outlet = FileOutlet::open(&self.folder.path().join("events.jsonl"))?;
        ingress.catch_up(&mut outlet).await?;
        while ingress.give_once(&mut outlet).await? {}
        Ok(())
    }

    /// Capsule delivers: some get lost, some come twice, some answers get lost.
    async fn deliver(&mut self, ingress: &Ingress) {
        for due in self.fake.due_deliveries() {
            let luck = self.world.lock().await.rng.u8(..100);
            if luck < 5 {
                self.fake.report_delivery(due.id, None);
                continue;
            }
            // Whatever becomes of this process, Capsule hears no answer until there is one.
            let fake = self.fake.clone();
            let unanswered = scopeguard(move || fake.report_delivery(due.id, None));
            let secret = due
                .target_url
                .strip_prefix(&format!("{PUBLIC}/h/"))
                .unwrap();
            let uri: Uri = due.target_url.parse().unwrap();
            let mut status = 0;
            for _ in 0..if luck < 8 { 2 } else { 1 } {
                let body = Body::from(due.body.clone());
                let headers = HeaderMap::new();
                let answer = ingress.take_delivery(secret, &uri, &headers, body).await;
                status = answer.as_u16();
            }
            unanswered.disarm();
            self.fake
                .report_delivery(due.id, (luck < 98).then_some(status));
        }
    }

    /// All events that were given: listener, id, and what they carry.
    fn given(&self) -> Vec<(String, String, Value)> {
        let text = std::fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap();
        text.lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                (text("listener"), text("id"), line["data"].take())
            })
            .collect()
    }
}

/// Runs something when it goes out of scope, unless disarmed.
struct Guard<F: FnOnce()>(Option<F>);

fn scopeguard<F: FnOnce()>(then: F) -> Guard<F> {
    Guard(Some(then))
}

impl<F: FnOnce()> Guard<F> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Guard<F> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

/// Before some requests something happens; between the pages of a list, mostly that a record goes.
async fn meanwhile(
    State(world): State<Arc<Mutex<World>>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    {
        let mut world = world.lock().await;
        let amid = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("page=") && !query.contains("page=1&"));
        let one_in = if amid { 2 } else { world.restless };
        if !world.quiet && world.rng.u8(..one_in) == 0 {
            world.later(1);
            if amid {
                world.remove().await;
            } else {
                world.edit().await;
            }
        }
    }
    next.run(request).await
}

/// What a run came to.
#[derive(Debug)]
struct Verdict {
    /// Two changes of one second can be told apart: by poll, where Capsule's clock is not ahead of its stamps.
    settles: bool,
    missed: BTreeSet<(String, String)>,
    doubled: BTreeSet<(String, String)>,
    beyond: BTreeSet<(String, String)>,
    /// Last changes that were given in a state that was not the last.
    stale: BTreeSet<String>,
    events: usize,
    hash: String,
}

impl Verdict {
    fn is_good(&self) -> bool {
        self.missed.is_empty()
            && self.doubled.is_empty()
            && self.beyond.is_empty()
            && (!self.settles || self.stale.is_empty())
    }
}

async fn soak(connector: &Connector, seed: u64, mode: Mode, edits: u32) -> Verdict {
    let mut run = Run::new(connector, seed, mode).await;
    run.turn(false).await;
    let world = run.world.clone();
    // Without hooks nothing comes after the positions.
    let begun = BEGUN.take();
    let begun = match begun {
        Some(begun) => begun,
        None => world.lock().await.now(),
    };
    world.lock().await.restless = 20;
    let hour = run.now();
    run.later(1);
    let mut closed = 0_u32;
    let mut stands = false;
    for edit in 1..=edits {
        let (turns, dies) = {
            let mut world = world.lock().await;
            if edit % 250 == 0 {
                world.import().await;
            } else if stands {
                // Twice in one second, perhaps with a look in between.
                world.edit_again().await;
            } else {
                world.edit().await;
            }
            // One in ten has the next edit in the same second.
            stands = world.rng.u8(..10) == 0;
            if !stands {
                let pause = world.rng.u64(1..30);
                world.later(pause);
            }
            if world.rng.u8(..100) < 2 {
                // Nobody listens for a while: less than Capsule keeps a hook.
                let pause = world.rng.u64(60..1_200);
                world.later(pause);
            }
            if edit % 300 == 200 {
                // Nobody listens for long, but much happens: for a poll to catch up with in many pages.
                closed = 70;
            }
            closed = closed.saturating_sub(1);
            (
                closed == 0 && world.rng.u8(..3) > 0,
                world.rng.u8(..100) < 12,
            )
        };
        if turns {
            run.turn(dies).await;
        }
    }
    let hours = (run.now() - hour) as f64 / 3_600_000.0;
    // What is to be told is told within an hour of quiet.
    world.lock().await.quiet = true;
    for _ in 0..12 {
        run.later(300);
        run.turn(false).await;
    }
    let mut world = world.lock().await;
    let last = world.everything().await;
    world.history.extend(last.iter().cloned());
    let must = oracle::must(&last, &world.deleted, &begun);
    let may = oracle::may(&world.history, &world.deleted);
    drop(world);
    let carried = run.given();
    run.forget();
    let stale = oracle::stale(&last, &carried);
    let given: Vec<(String, String)> = carried
        .into_iter()
        .map(|(listener, id, _)| (listener, id))
        .collect();

    let mut times: BTreeMap<&(String, String), u32> = BTreeMap::new();
    for event in &given {
        *times.entry(event).or_default() += 1;
    }
    let wanted = must.iter().flat_map(|id| {
        let trigger = id.split(':').next().unwrap().to_owned();
        let again = (trigger == "party.updated").then(|| ("parties again".to_owned(), id.clone()));
        std::iter::once((trigger, id.clone())).chain(again)
    });
    let verdict = Verdict {
        settles: mode == Mode::Poll && run.fake.options().behaviour.date_skew.is_zero(),
        stale,
        missed: wanted.filter(|event| !times.contains_key(event)).collect(),
        doubled: times
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(event, _)| (*event).clone())
            .collect(),
        beyond: given
            .iter()
            .filter(|(_, id)| !may.contains(id))
            .cloned()
            .collect(),
        events: given.len(),
        hash: Sha256::digest(format!("{given:?}").as_bytes())
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    if !verdict.is_good() {
        println!("{:?}", run.fake.options().behaviour);
        let world = run.world.lock().await;
        for (_, id) in &verdict.missed {
            let record = id.split(':').nth(1).and_then(|id| id.parse::<u64>().ok());
            let states = world
                .history
                .iter()
                .filter(|state| state.record["id"].as_u64() == record);
            for state in states {
                let at = |key: &str| state.record[key].as_str().unwrap_or_default().to_owned();
                println!(
                    "{id}: created {} updated {}",
                    at("createdAt"),
                    at("updatedAt")
                );
            }
        }
    }
    let store = std::fs::metadata(run.folder.path().join("journal/journal.sqlite"))
        .map_or(0, |file| file.len());
    println!(
        "seed {seed} {mode:?}: {edits} edits in {hours:.1} h, {} must, {} may, {} given, {} missed, {} doubled, {} beyond, {} stale, {} kills, \
         {} requests ({:.0} an hour), {} repeated, {} put aside, {} bytes of journal for each event, trace {}",
        must.len(),
        may.len(),
        verdict.events,
        verdict.missed.len(),
        verdict.doubled.len(),
        verdict.beyond.len(),
        verdict.stale.len(),
        run.kills,
        run.counted.requests,
        run.counted.requests as f64 / hours,
        run.counted.repeated,
        run.counted.quarantined,
        store / (verdict.events.max(1) as u64),
        verdict.hash,
    );
    verdict
}

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// Without the messages of processes that die on purpose.
fn hush() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Killed>() {
            told(panic);
        }
    }));
}

#[tokio::test]
async fn nothing_is_missed_doubled_or_made_up_by_hook_and_by_poll() {
    hush();
    let connector = support::connector();
    let edits = number("SOAK_EDITS", 330);
    for seed in u64::from(number("SOAK_FROM", 1))..=u64::from(number("SOAK_SEEDS", 3)) {
        let polled = soak(&connector, seed, Mode::Poll, edits).await;
        let hooked = soak(&connector, seed, Mode::Hooks, edits).await;
        for verdict in [&polled, &hooked] {
            assert!(verdict.is_good(), "seed {seed}: {verdict:?}");
        }
        assert!(polled.events > 0 && hooked.events > 0);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run() {
    hush();
    let connector = support::connector();
    let first = soak(&connector, 7, Mode::Hooks, 60).await;
    let second = soak(&connector, 7, Mode::Hooks, 60).await;
    assert_eq!(first.hash, second.hash);
    assert!(first.events > 0);
}
