//! The soak: an account in which things happen at random, a listener that is killed and started again, deliveries that fail and come twice,
//! and an oracle that says what must have been given and what may have been. Time is the fake's alone; the same seed gives the same run.
//!
//! SOAK_EDITS and SOAK_SEEDS make it longer; `cargo xtask soak` sets them.

#![allow(missing_docs)]

mod crash;
mod oracle;
mod report;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::Fake;
use capsule_host::listen::{
    Clock, FileOutlet, Ingress, ListenError, ListenOptions, Outlet, OutletError, Plan, Reached,
};
use capsule_host::runtime::triggers::{DeliveryMode, Listener};
use capsule_host::runtime::{Connector, Tenant};
use futures::FutureExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use oracle::{EventId, Handed, Past, STALE_DAYS};
use report::{Delays, Faults, Row};
use world::World;

const PUBLIC: &str = "https://hooks.example";
/// How long a token is used, in milliseconds: less than the week that it is good for.
const TOKEN_LIVES: i64 = 5 * 86_400_000;

/// The triggers that come by poll.
const POLLED: &[&str] = &[
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
    "opportunity.stale",
    "opportunity.close-date-near",
    "project.created",
    "project.updated",
    "project.closed",
    "project.deleted",
    "task.created",
    "task.updated",
    "task.completed",
    "task.due",
    "task.overdue",
    "entry.created",
];

/// The triggers that come by hook alone. With the hooks of the others there are nineteen: an account has twenty.
const HOOKED: &[&str] = &[
    "project.moved",
    "user.created",
    "user.updated",
    "user.deleted",
];

/// A listener of every trigger but two, and a second one of one of them: neither may take the other's events. The two: `capsule.event` gives
/// what the others give once more, and the version of `record.matches-saved-filter` is the time of a poll, which no oracle knows.
fn listeners(mode: Mode) -> Vec<Listener> {
    let listener = |id: &str, trigger: &str| Listener {
        id: id.into(),
        trigger: trigger.into(),
        options: match trigger {
            "opportunity.stale" => json!({ "days": STALE_DAYS }).to_string(),
            _ => "{}".into(),
        },
        mode: DeliveryMode::Auto,
    };
    let hooked = if mode == Mode::Hooks { HOOKED } else { &[] };
    let all = POLLED.iter().chain(hooked);
    let mut all: Vec<_> = all.map(|one| listener(one, one)).collect();
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

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Hooks => "hooks",
        }
    }
}

/// When each event was given, by listener and id: in milliseconds of the account's clock.
type Times = Arc<StdMutex<BTreeMap<(String, EventId), i64>>>;

/// The file of events, and a note of when each came into it.
struct Timed {
    file: FileOutlet,
    clock: capsule_host::fake::Clock,
    times: Times,
}

#[async_trait::async_trait]
impl Outlet for Timed {
    async fn reached(&mut self) -> Result<Option<Reached>, OutletError> {
        self.file.reached().await
    }

    async fn take(&mut self, events: &[(String, String)]) -> Result<(), OutletError> {
        self.file.take(events).await?;
        let now = self.clock.now().as_millisecond();
        let mut times = self.times.lock().unwrap();
        for (id, line) in events {
            let line: Value = serde_json::from_str(line).unwrap();
            let listener = line["listener"].as_str().unwrap().to_owned();
            times.entry((listener, id.clone())).or_insert(now);
        }
        Ok(())
    }
}

/// One account and its listener.
struct Run {
    /// Shared with what stands before the account: things happen between the requests of a poll, too.
    world: Arc<Mutex<World>>,
    fake: Fake,
    mode: Mode,
    connector: Connector,
    router: Router,
    /// When the listener's token was issued.
    token_at: i64,
    folder: tempfile::TempDir,
    ingress: Option<Ingress>,
    settle_at: i64,
    kills: u32,
    counted: Counted,
    /// What was handed to the listener.
    handed: Vec<Handed>,
    times: Times,
}

#[derive(Debug, Default)]
struct Counted {
    repeated: u64,
    quarantined: u64,
    /// Largest cursor in bytes.
    cursor: u64,
}

impl Run {
    async fn new(connector: &Connector, seed: u64, mode: Mode) -> Self {
        let world = World::new(seed).await;
        let fake = world.fake.clone();
        CLOCK.set(Some(fake.clock().clone()));
        BEGUN.set(None);
        let world = Arc::new(Mutex::new(world));
        let restless = middleware::from_fn_with_state(world.clone(), meanwhile);
        let router = fake.router().layer(restless);
        Self {
            world,
            fake,
            mode,
            connector: connector.clone(),
            router,
            token_at: 0,
            folder: tempfile::tempdir().unwrap(),
            ingress: None,
            settle_at: 0,
            kills: 0,
            counted: Counted::default(),
            handed: Vec::new(),
            times: Times::default(),
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
        let plan = Plan::new(&triggers, listeners(self.mode), hooks).unwrap();
        let clock = self.fake.clock().clone();
        let options = ListenOptions {
            public_url: hooks.then(|| PUBLIC.to_owned()),
            clock: Clock::of(move || clock.now().as_millisecond()),
            at: Some(die),
            ..ListenOptions::new(self.folder.path().join("journal"), "soak")
        };
        // An application's token: a personal one has no hooks.
        let token = self.fake.issue_token("", "read write").access;
        self.token_at = self.now();
        let tenant = Tenant::builder("soak")
            .access_token(Secret::from(token.as_str()))
            .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
            .upstream(Arc::new(InProcess::new(self.router.clone())))
            .build()
            .unwrap();
        let ingress = Ingress::open(self.connector.clone(), tenant, plan, options)
            .await
            .unwrap();
        self.ingress = Some(ingress.clone());
        self.settle_at = 0;
        ingress
    }

    /// Takes one turn; a process that dies in it is started again later.
    async fn turn(&mut self, dies: bool) {
        if self.now() - self.token_at > TOKEN_LIVES {
            // Started again with another one.
            self.forget();
        }
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
            let cursor = figures.largest_cursor.load(Ordering::Relaxed);
            self.counted.cursor = self.counted.cursor.max(cursor);
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
        let mut outlet = Timed {
            file: FileOutlet::open(&self.folder.path().join("events.jsonl"))?,
            clock: self.fake.clock().clone(),
            times: self.times.clone(),
        };
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
            let mut body: Value = serde_json::from_str(&due.body).unwrap();
            let items = serde_json::from_value(body["payload"].take()).unwrap();
            let at = self.now() / 1_000;
            self.handed.push(Handed {
                event: due.event.clone(),
                items,
                acknowledged: false,
                at,
            });
            let mut status = 0;
            for _ in 0..if luck < 8 { 2 } else { 1 } {
                let body = Body::from(due.body.clone());
                let headers = HeaderMap::new();
                let answer = ingress.take_delivery(secret, &uri, &headers, body).await;
                status = answer.as_u16();
            }
            unanswered.disarm();
            if let Some(handed) = self.handed.last_mut() {
                handed.acknowledged = status == 202;
            }
            self.fake
                .report_delivery(due.id, (luck < 98).then_some(status));
        }
    }

    /// All events that were given.
    fn given(&self) -> Vec<Given> {
        let text = std::fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap();
        text.lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                Given {
                    listener: text("listener"),
                    id: text("id"),
                    by_hook: line["by"] == "hook",
                    data: line["data"].take(),
                }
            })
            .collect()
    }

    /// How long events took that came by hook, or by poll.
    fn delays(
        &self,
        given: &[Given],
        may: &BTreeMap<EventId, i64>,
        begun: i64,
        by_hook: bool,
    ) -> Delays {
        let times = self.times.lock().unwrap();
        let given = given.iter().filter(|one| one.by_hook == by_hook);
        let seconds = given.filter_map(|one| {
            let at = times.get(&(one.listener.clone(), one.id.clone()))?;
            // What was so before, and is so again, began nobody knows when.
            let since = may.get(&one.id).filter(|since| **since > begun)?;
            Some((at / 1_000 - since).max(0))
        });
        Delays::new(seconds.collect())
    }
}

/// An event that was given.
struct Given {
    listener: String,
    id: EventId,
    by_hook: bool,
    data: Value,
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
        world.requests += 1;
        let mut parameters = request.uri().query().unwrap_or_default().split('&');
        let page = parameters.find_map(|one| one.strip_prefix("page="));
        let amid = page.is_some_and(|page| page != "1");
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

async fn soak(connector: &Connector, seed: u64, mode: Mode, edits: u32) -> Row {
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
                // Between two edits of one second there is a look.
                closed == 0 && (stands || world.rng.u8(..3) > 0),
                world.rng.u8(..100) < 12,
            )
        };
        if turns {
            run.turn(dies).await;
        }
    }
    let hours = (run.now() - hour) as f64 / 3_600_000.0;
    // What is to be told is told within an hour of quiet, and the timeline is read to its depth once more.
    let (requests, quiet) = {
        let mut world = world.lock().await;
        world.quiet = true;
        (world.requests, run.now() / 1_000)
    };
    for _ in 0..14 {
        run.later(300);
        run.turn(false).await;
    }
    run.forget();
    let mut world = world.lock().await;
    let last = world.everything().await;
    world.history.extend(last.iter().cloned());
    // By poll, where Capsule's clock is not ahead of its stamps.
    let settles = mode == Mode::Poll && run.fake.options().behaviour.date_skew.is_zero();
    let past = Past {
        history: &world.history,
        deleted: &world.deleted,
        handed: &run.handed,
        last: &last,
        begun: &begun,
        quiet,
        settles,
    };
    let (must, may) = (oracle::must(&past), oracle::may(&past));
    let given = run.given();

    let mut times: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut carried: BTreeMap<EventId, Vec<Value>> = BTreeMap::new();
    for one in &given {
        *times.entry((&one.listener, &one.id)).or_default() += 1;
        let all = carried.entry(one.id.clone()).or_default();
        all.push(one.data.clone());
    }
    let wanted = must.iter().flat_map(|id| {
        let trigger = id.split(':').next().unwrap();
        let again = (trigger == "party.updated").then_some(("parties again", id.as_str()));
        std::iter::once((trigger, id.as_str())).chain(again)
    });
    let missed: Vec<_> = wanted
        .filter(|event| !times.contains_key(event))
        .map(|(listener, id)| format!("missed by {listener}: {id}"))
        .collect();
    let doubled = times.iter().filter(|(_, times)| **times > 1);
    let doubled: Vec<_> = doubled
        .map(|((listener, id), times)| format!("given {times} times to {listener}: {id}"))
        .collect();
    let beyond = given.iter().filter(|one| !may.contains_key(&one.id));
    let beyond: Vec<_> = beyond
        .map(|one| format!("never happened: {}", one.id))
        .collect();
    let stale = oracle::stale(&last, &carried);
    let journal = std::fs::metadata(run.folder.path().join("journal/journal.sqlite"));
    let trace = given
        .iter()
        .map(|one| format!("{} {}\n", one.listener, one.id));
    let trace = Sha256::digest(trace.collect::<String>().as_bytes());
    let row = Row {
        seed,
        mode,
        edits,
        hours,
        must: must.len(),
        given: given.len(),
        faults: Faults {
            missed: missed.len(),
            doubled: doubled.len(),
            beyond: beyond.len(),
            stale: stale.len(),
        },
        settles,
        by_hook: run.delays(&given, &may, hour / 1_000, true),
        by_poll: run.delays(&given, &may, hour / 1_000, false),
        requests,
        cursor: run.counted.cursor,
        journal: journal.map_or(0, |file| file.len()),
        kills: run.kills,
        repeated: run.counted.repeated,
        aside: run.counted.quarantined,
        trace: trace
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    let told = row.faults.told(row.settles);
    eprintln!(
        "seed {seed} by {}: {} events, {}",
        mode.name(),
        row.given,
        if told.is_empty() { "good" } else { &told }
    );
    if !told.is_empty() {
        eprintln!("{:?}", run.fake.options().behaviour);
        let stale = stale
            .iter()
            .map(|id| format!("not in its last state: {id}"));
        for fault in missed
            .into_iter()
            .chain(doubled)
            .chain(beyond)
            .chain(stale)
            .take(20)
        {
            eprintln!("{fault}");
            // What the record went through.
            let record = fault
                .rsplit_once(": ")
                .and_then(|(_, id)| id.split(':').nth(1));
            let record = record.and_then(|id| id.parse::<u64>().ok());
            let states = past.history.iter();
            for state in states.filter(|state| state.record["id"].as_u64() == record) {
                let at = |key: &str| state.record[key].as_str().unwrap_or("-").to_owned();
                eprintln!(
                    "    {:?} at {}: created {} updated {} moved {} due {} {} closes {}",
                    state.kind,
                    state.seen,
                    at("createdAt"),
                    at("updatedAt"),
                    at("lastStageChangedAt"),
                    at("dueOn"),
                    at("dueTime"),
                    at("expectedCloseOn"),
                );
            }
        }
    }
    row
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
    let seeds = u64::from(number("SOAK_FROM", 1))..=u64::from(number("SOAK_SEEDS", 3));
    let runs = seeds.flat_map(|seed| [(seed, Mode::Poll), (seed, Mode::Hooks)]);
    let mut rows = Vec::new();
    for (seed, mode) in runs {
        let row = soak(&connector, seed, mode, edits).await;
        let faults = row.faults.told(row.settles);
        rows.push(row);
        if !faults.is_empty() {
            report::tell(&rows);
            panic!("seed {seed} by {}: {faults}", mode.name());
        }
    }
    report::tell(&rows);
    assert!(rows.iter().all(|row| row.must > 0 && row.given >= row.must));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run() {
    hush();
    let connector = support::connector();
    let first = soak(&connector, 7, Mode::Hooks, 60).await;
    let second = soak(&connector, 7, Mode::Hooks, 60).await;
    assert_eq!(first.trace, second.trace);
    assert!(first.given > 0);
}
