//! The reference ingress: takes deliveries, polls, and gives each event once, whatever happens to the process in between.
//!
//! `journal.rs` keeps everything that must outlive the process in one SQLite file, `plan.rs` sorts the listeners by feed, `address.rs` is
//! the secret part of the hook address, `door.rs` answers the vendor, `work.rs` makes events of what came in, `checks.rs` bounds what that
//! costs at the vendor, `feeds.rs` polls, `hooks.rs` keeps the hooks, `own.rs` knows what we wrote ourselves, `outlet.rs` gives the events out, `clock.rs` is the time. The command `capsule-host listen` puts them
//! together; each step can also be taken alone, by a test or by an engine that has its own loop. Calls `runtime`, and nothing of the fake.
//!
//! The order of things is the guarantee: a delivery is answered only when its bytes are on the disk; events and the cursor or the delivery
//! that they come from are committed together; an event is struck off only when the outlet has it; the cursor of a feed is stored before
//! its first hook is made.

mod address;
mod checks;
mod clock;
mod door;
mod feeds;
mod hooks;
mod journal;
mod outlet;
mod own;
mod plan;
mod work;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::runtime::triggers::Position;
use crate::runtime::{CallError, Connector, Tenant};

pub use clock::Clock;
pub use journal::{Quarantined, QuarantinedKind};
pub use outlet::{Command, FileOutlet, LineOutlet, Outlet, OutletError, Reached};
pub use plan::{Plan, PlanError};

use address::Address;
use checks::Checks;
use journal::{Held, Journal};

/// How an ingress works.
#[derive(Clone)]
pub struct ListenOptions {
    /// The folder of the journal.
    pub folder: PathBuf,
    /// Whose events: a journal belongs to one connection and takes no other.
    pub connection: String,
    /// The outside address of the door, such as `https://hooks.example`. None: no hooks, everything is polled.
    pub public_url: Option<String>,
    /// Between two polls of a feed for which no hook stands. The component may ask for more.
    pub poll_every: Duration,
    /// Where a feed begins that was never polled: [`Position::Now`] or [`Position::Since`].
    pub start: Position,
    /// Hooks get a new address; the former one is good for a day.
    pub new_address: bool,
    /// Listeners, by id, that are not told of what this connection wrote itself: see [`Ingress::wrote`].
    pub skip_own: BTreeSet<String>,
    /// The time.
    pub clock: Clock,
    /// Called at named points between two commits, for tests that end the process there.
    pub at: Option<fn(&'static str)>,
}

impl ListenOptions {
    /// Polls every minute, from now on.
    pub fn new(folder: impl Into<PathBuf>, connection: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            connection: connection.into(),
            public_url: None,
            poll_every: Duration::from_secs(60),
            start: Position::Now,
            new_address: false,
            skip_own: BTreeSet::new(),
            clock: Clock::system(),
            at: None,
        }
    }
}

/// Why listening can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// A file or a folder.
    #[error("{path} can't be used: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another process has the journal.
    #[error("another process listens with the journal in {0}; end it, or name another folder")]
    InUse(PathBuf),
    /// The journal is somebody else's.
    #[error(
        "the journal in {folder} belongs to `{theirs}`, and this is `{ours}`; name another folder"
    )]
    OtherConnection {
        /// Where.
        folder: PathBuf,
        /// Whose it is.
        theirs: String,
        /// Who came.
        ours: String,
    },
    /// Made by a later version.
    #[error("the journal is of version {found}, and this program knows versions up to {known}")]
    Newer {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The database.
    #[error("the journal failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The journal's thread is gone.
    #[error("the journal is closed")]
    Closed,
    /// No random bytes.
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
    /// The public address.
    #[error("{0} can't be the address of hooks: {1}")]
    PublicUrl(String, String),
    /// What the component or the vendor says.
    #[error(transparent)]
    Call(#[from] Box<CallError>),
    /// Where events go.
    #[error(transparent)]
    Outlet(#[from] OutletError),
}

impl ListenError {
    /// Whether it may go on later by itself: the disk is full, or did not do what it was told. What was asked was undone as a whole.
    fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{
            DatabaseBusy, DiskFull, OperationAborted, OutOfMemory, SystemIoFailure,
        };
        match self {
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(DiskFull | SystemIoFailure | OperationAborted | OutOfMemory | DatabaseBusy)
            ),
            Self::Outlet(error) => matches!(error, OutletError::Full(_)),
            _ => false,
        }
    }
}

impl From<crate::store::file::Unmigrated> for ListenError {
    fn from(error: crate::store::file::Unmigrated) -> Self {
        use crate::store::file::Unmigrated;
        match error {
            Unmigrated::Newer { found, known } => Self::Newer { found, known },
            Unmigrated::Database(error) => error.into(),
        }
    }
}

impl From<CallError> for ListenError {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

/// What was done since the start. For the log and for metrics.
#[derive(Debug, Default)]
pub struct Figures {
    /// Deliveries that were stored and acknowledged.
    pub deliveries: AtomicU64,
    /// Events that came by hook.
    pub by_hook: AtomicU64,
    /// Events that came by poll.
    pub by_poll: AtomicU64,
    /// Events that were seen before.
    pub repeated: AtomicU64,
    /// Events that were handed to the outlet.
    pub given: AtomicU64,
    /// Polls that ended.
    pub polls: AtomicU64,
    /// Requests that polls took.
    pub requests: AtomicU64,
    /// Deliveries and events that were put aside.
    pub quarantined: AtomicU64,
    /// Deliveries that were let go because an address had more than its share of the journal.
    pub dropped: AtomicU64,
    /// Requests by which records of deliveries were read again.
    pub read_again: AtomicU64,
    /// Polls and reconciliations that failed and are tried again.
    pub failures: AtomicU64,
    /// Bytes of the largest cursor of a feed.
    pub largest_cursor: AtomicU64,
}

impl Figures {
    fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }

    fn most(largest: &AtomicU64, n: usize) {
        largest.fetch_max(n as u64, Ordering::Relaxed);
    }

    /// In the text format of Prometheus.
    fn exposition(&self, held: Held) -> String {
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rows = [
            (
                "deliveries_total",
                "Deliveries stored and acknowledged.",
                counted(&self.deliveries),
            ),
            (
                "deliveries_waiting",
                "Deliveries that wait to be worked on.",
                held.waiting,
            ),
            (
                "deliveries_dropped_total",
                "Deliveries let go because an address had more than its share of the journal.",
                counted(&self.dropped),
            ),
            (
                "read_again_requests_total",
                "Requests by which records of deliveries were read again.",
                counted(&self.read_again),
            ),
            (
                "events_by_hook_total",
                "Events that came by hook.",
                counted(&self.by_hook),
            ),
            (
                "events_by_poll_total",
                "Events that came by poll.",
                counted(&self.by_poll),
            ),
            (
                "events_repeated_total",
                "Events that had been seen before.",
                counted(&self.repeated),
            ),
            (
                "events_given_total",
                "Events handed out.",
                counted(&self.given),
            ),
            ("polls_total", "Polls that ended.", counted(&self.polls)),
            (
                "poll_requests_total",
                "Requests that polls took.",
                counted(&self.requests),
            ),
            (
                "cursor_bytes_most",
                "Bytes of the largest cursor of a feed.",
                counted(&self.largest_cursor),
            ),
            (
                "quarantined_total",
                "Deliveries and events put aside.",
                counted(&self.quarantined),
            ),
            (
                "quarantine_deliveries",
                "Deliveries that are put aside.",
                held.aside,
            ),
            (
                "quarantine_bytes",
                "Bytes of deliveries that are put aside.",
                held.aside_bytes,
            ),
            (
                "failures_total",
                "Polls and reconciliations that failed.",
                counted(&self.failures),
            ),
        ];
        rows.iter()
            .map(|(name, help, value)| {
                let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
                format!(
                    "# HELP capsule_listen_{name} {help}\n# TYPE capsule_listen_{name} {kind}\ncapsule_listen_{name} {value}\n"
                )
            })
            .collect()
    }
}

/// An ingress for one connection. Cheap to clone.
#[derive(Clone)]
pub struct Ingress {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    tenant: Tenant,
    plan: Plan,
    options: ListenOptions,
    journal: Journal,
    figures: Figures,
    checks: Checks,
    /// When the hooks were looked after.
    settled_at: Mutex<Option<i64>>,
    /// The address that hooks of this run have, once it is known.
    address: Mutex<Option<Address>>,
    /// Ids of the listeners for whom hooks stand.
    hooked: Mutex<BTreeSet<String>>,
    /// Deliveries were stored.
    stirred: Notify,
    /// Events were stored.
    given: Notify,
}

impl Ingress {
    /// Opens the journal, which is made if it is not there.
    pub async fn open(
        connector: Connector,
        tenant: Tenant,
        plan: Plan,
        options: ListenOptions,
    ) -> Result<Self, ListenError> {
        if let Some(url) = &options.public_url {
            address::check(url)?;
        }
        let journal = Journal::open(&options.folder, &options.connection, &options.skip_own)?;
        let ingress = Self {
            inner: Arc::new(Inner {
                connector,
                tenant,
                plan,
                options,
                journal,
                figures: Figures::default(),
                checks: Checks::default(),
                settled_at: Mutex::new(None),
                address: Mutex::new(None),
                hooked: Mutex::new(BTreeSet::new()),
                stirred: Notify::new(),
                given: Notify::new(),
            }),
        };
        ingress
            .inner
            .journal
            .keep_feeds(&ingress.inner.plan)
            .await?;
        Ok(ingress)
    }

    /// What was done since the start.
    pub fn figures(&self) -> &Figures {
        &self.inner.figures
    }

    /// What was put aside.
    pub async fn quarantined(&self) -> Result<Vec<Quarantined>, ListenError> {
        self.inner.journal.quarantined().await
    }

    /// Opens a journal only to look at what was put aside, or to have it tried again.
    pub fn quarantine_of(folder: &Path) -> Result<Quarantine, ListenError> {
        Ok(Quarantine {
            journal: Journal::open_any(folder)?,
        })
    }

    /// The events that wait for an outlet, oldest first: sequence number and line.
    pub async fn waiting(&self, limit: u32) -> Result<Vec<(i64, String)>, ListenError> {
        let lines = self.inner.journal.lines(self.now(), limit).await?;
        Ok(lines
            .into_iter()
            .map(|line| (line.seq, line.text))
            .collect())
    }

    /// Works until told to stop: answers at the door, makes events, polls, keeps the hooks, gives out. What it can't do now it tries again
    /// later, a full disk included; it ends with an error only if the journal or the outlet is lost.
    pub async fn run(
        &self,
        door: Option<tokio::net::TcpListener>,
        outlet: impl Outlet,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ListenError> {
        let served = async {
            match door {
                Some(listener) => self.serve(listener).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = served => ended,
            ended = self.work_on() => ended,
            ended = self.keep_up() => ended,
            ended = self.give_out(outlet) => ended,
            () = stop => Ok(()),
        }
    }

    /// After something that the journal or the outlet did not take: waits before the next attempt, longer each time. An error that won't pass
    /// is given back.
    async fn wait_for_room(
        &self,
        error: ListenError,
        failures: &mut u32,
    ) -> Result<(), ListenError> {
        const LONGEST: Duration = Duration::from_secs(60);
        if !error.may_pass() {
            return Err(error);
        }
        Figures::add(&self.inner.figures.failures, 1);
        let wait = work::pause(*failures, None).min(LONGEST);
        tracing::error!(%error, again_in_s = wait.as_secs(), "nothing is lost, but listening does not go on");
        *failures = failures.saturating_add(1);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn now(&self) -> i64 {
        self.inner.options.clock.now()
    }

    fn at(&self, point: &'static str) {
        if let Some(at) = self.inner.options.at {
            at(point);
        }
    }

    /// Waits until the time is come, at most a second by the wall: a clock that is set is seen soon.
    async fn rest(&self, until: Option<i64>) {
        let most = Duration::from_secs(1);
        let wait = until.map_or(most, |until| {
            Duration::from_millis(
                until
                    .saturating_sub(self.now())
                    .clamp(0, 1_000)
                    .unsigned_abs(),
            )
        });
        tokio::time::sleep(wait).await;
    }
}

/// What was put aside, without an ingress that works.
pub struct Quarantine {
    journal: Journal,
}

impl Quarantine {
    /// What was put aside.
    pub async fn list(&self) -> Result<Vec<Quarantined>, ListenError> {
        self.journal.quarantined().await
    }

    /// Has one tried again by the next `listen`. False: there is no such one.
    pub async fn replay(&self, id: &str) -> Result<bool, ListenError> {
        self.journal.replay(id).await
    }
}
