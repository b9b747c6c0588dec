//! One account, its listener, and all that is done to them: turns that end in the middle, deliveries that get lost or come twice, things that
//! happen between the requests of a poll. Kill points are of the thread: a run has one for itself.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
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
use capsule_host::runtime::{Connector, Tenant};
use futures::FutureExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::listeners::{Mode, listeners};
use crate::oracle::{EventId, Handed, Kind};
use crate::world::World;

const PUBLIC: &str = "https://hooks.example";
/// How long a token is used, in milliseconds: less than the week that it is good for.
const TOKEN_LIVES: i64 = 5 * 86_400_000;

thread_local! {
    /// How many named points are passed before the process dies.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    /// When every feed had its position: from then on nothing may be missed.
    static BEGUN: Cell<Option<Timestamp>> = const { Cell::new(None) };
    /// The account's.
    static CLOCK: RefCell<Option<capsule_host::fake::Clock>> = const { RefCell::new(None) };
}

/// The process died at this point.
struct Killed(#[allow(dead_code, reason = "told by a debugger")] &'static str);

/// As a killed process: what was in memory is gone, what was on the disk stays.
fn die(point: &'static str) {
    if point == "feeds have positions" {
        let now = CLOCK.with_borrow(|clock| clock.as_ref().map(capsule_host::fake::Clock::now));
        BEGUN.set(BEGUN.get().or(now));
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

/// When every feed of this thread's run had its position, if hooks are made after it.
pub(crate) fn begun() -> Option<Timestamp> {
    BEGUN.get()
}

/// Without the messages of processes that die on purpose.
pub(crate) fn hush() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload().is::<Killed>() {
                told(panic);
            }
        }));
    });
}

/// When each line of the file of events was written: in milliseconds of the account's clock.
type Times = Arc<StdMutex<Vec<i64>>>;

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
        times.extend(events.iter().map(|_| now));
        Ok(())
    }
}

/// One account and its listener.
pub(crate) struct Run {
    /// Shared with what stands before the account: things happen between the requests of a poll, too.
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) fake: Fake,
    pub(crate) mode: Mode,
    connector: Connector,
    router: Router,
    /// When the listener's token was issued.
    token_at: i64,
    folder: tempfile::TempDir,
    ingress: Option<Ingress>,
    settle_at: i64,
    pub(crate) kills: u32,
    pub(crate) counted: Counted,
    /// What was handed to the listener.
    pub(crate) handed: Vec<Handed>,
    times: Times,
}

#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) repeated: u64,
    pub(crate) quarantined: u64,
    /// Largest cursor in bytes.
    pub(crate) cursor: u64,
}

impl Run {
    pub(crate) async fn new(connector: &Connector, seed: u64, mode: Mode) -> Self {
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

    pub(crate) fn now(&self) -> i64 {
        self.fake.clock().now().as_millisecond()
    }

    pub(crate) fn later(&self, seconds: u64) {
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
    pub(crate) async fn turn(&mut self, dies: bool) {
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

    pub(crate) fn forget(&mut self) {
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
            let at = self.now() / 1_000;
            self.handed.push(Handed::new(&due.event, &due.body, at));
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

    /// Size of the journal.
    pub(crate) fn journal_bytes(&self) -> u64 {
        let journal = std::fs::metadata(self.folder.path().join("journal/journal.sqlite"));
        journal.map_or(0, |file| file.len())
    }

    /// All events that were given, in their order.
    pub(crate) fn given(&self) -> Vec<Given> {
        #[derive(Deserialize)]
        struct Line {
            id: EventId,
            listener: Box<str>,
            by: Box<str>,
            data: Texts,
        }
        let times = self.times.lock().unwrap();
        let file = File::open(self.folder.path().join("events.jsonl")).unwrap();
        let given: Vec<_> = BufReader::new(file)
            .lines()
            .zip(&*times)
            .map(|(line, at)| {
                let line: Line = serde_json::from_str(&line.unwrap()).unwrap();
                Given {
                    listener: line.listener,
                    id: line.id,
                    by_hook: &*line.by == "hook",
                    at: *at,
                    texts: line.data,
                }
            })
            .collect();
        assert_eq!(given.len(), times.len(), "lines of the file of events");
        given
    }
}

/// An event that was given.
pub(crate) struct Given {
    pub(crate) listener: Box<str>,
    pub(crate) id: EventId,
    pub(crate) by_hook: bool,
    /// In milliseconds of the account's clock.
    pub(crate) at: i64,
    texts: Texts,
}

impl Given {
    /// The text that edits change, as the event carries it.
    pub(crate) fn text(&self, kind: Kind) -> &str {
        let text = match kind {
            Kind::Party => &self.texts.about,
            Kind::Opportunity | Kind::Project => &self.texts.description,
            Kind::Task => &self.texts.detail,
            Kind::Entry => &None,
        };
        text.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Texts {
    about: Option<Box<str>>,
    description: Option<Box<str>>,
    detail: Option<Box<str>>,
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
