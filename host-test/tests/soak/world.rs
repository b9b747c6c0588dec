//! The account and what happens in it: edits as people make them, at random but the same for the same seed.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use capsule_host::fake::{Behaviour, Clock, Fake, FakeOptions, ListOrder, SinceRule};
use fastrand::Rng;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::oracle::{Deleted, Kind, STALE_DAYS, State};

const BEGIN: i64 = 1_772_000_000;
/// Opportunities that become stale while the soak runs, one after the other.
const RESTING: u32 = 12;
/// Seconds between two of them.
const APART: u64 = 20 * 60;
/// Most tasks of an account that does not heed `since` for them: above 2,000 polls refuse them.
const MOST_TASKS: usize = 1_900;

pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) rng: Rng,
    /// Before one of so many requests something happens.
    pub(crate) restless: u8,
    /// Nothing happens by itself any more.
    pub(crate) quiet: bool,
    /// Every state that any record was seen in.
    pub(crate) history: Vec<State>,
    pub(crate) deleted: Vec<Deleted>,
    /// Requests of the component.
    pub(crate) requests: u64,
    /// The account as its users reach it: nothing happens by itself there.
    router: Router,
    alive: Alive,
    milestones: Vec<u64>,
    /// A milestone at which an opportunity is open.
    open: u64,
    stages: Vec<u64>,
    /// Names of users that came and may go.
    guests: Vec<String>,
    changes_read: usize,
}

/// Ids of the records that exist, oldest first, and of those among them that are open.
#[derive(Default)]
struct Alive {
    all: BTreeMap<Kind, Vec<u64>>,
    open: BTreeMap<Kind, Vec<u64>>,
}

impl Alive {
    fn put(&mut self, state: &State) {
        place(&mut self.all, state, true);
        place(&mut self.open, state, state.status == "OPEN");
    }

    fn remove(&mut self, kind: Kind, id: u64) {
        for ids in [self.all.get_mut(&kind), self.open.get_mut(&kind)] {
            if let Some(ids) = ids
                && let Ok(at) = ids.binary_search(&id)
            {
                ids.remove(at);
            }
        }
    }
}

fn place(ids: &mut BTreeMap<Kind, Vec<u64>>, state: &State, is_there: bool) {
    let ids = ids.entry(state.kind).or_default();
    match (ids.binary_search(&state.id), is_there) {
        (Err(at), true) => ids.insert(at, state.id),
        (Ok(at), false) => {
            ids.remove(at);
        }
        _ => {}
    }
}

/// The unknowns of Capsule, chosen by the seed. Lag and skew together decide what a poll can see in time: they go through all their pairs in
/// nine seeds, beginning with neither.
fn behaviour(seed: u64, rng: &mut Rng) -> Behaviour {
    let in_turn = |divisor: u64| usize::try_from(seed.saturating_sub(1) / divisor % 3).unwrap_or(0);
    Behaviour {
        since: *pick(rng, &[SinceRule::Inclusive, SinceRule::Exclusive]),
        order: *pick(
            rng,
            &[
                ListOrder::IdUp,
                ListOrder::IdDown,
                ListOrder::UpdatedUp,
                ListOrder::UpdatedDown,
            ],
        ),
        visibility_lag: SignedDuration::from_secs([0, 5, 90][in_turn(1)]),
        date_skew: SignedDuration::from_secs([0, 4, 120][in_turn(3)]),
        since_ignored_on_tasks: rng.u8(..4) == 0,
        one_event_a_change: rng.bool(),
        hook_batch: *pick(rng, &[1, 7, 500]),
        hook_retry_renders: rng.bool(),
        delete_by_job: rng.bool(),
        ..Behaviour::default()
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

const KINDS: [Kind; 5] = [
    Kind::Party,
    Kind::Opportunity,
    Kind::Project,
    Kind::Task,
    Kind::Entry,
];

/// The path of a kind's list, and the key of one.
fn path(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Party => ("parties", "party"),
        Kind::Opportunity => ("opportunities", "opportunity"),
        Kind::Project => ("kases", "kase"),
        Kind::Task => ("tasks", "task"),
        Kind::Entry => ("entries", "entry"),
    }
}

/// The record that a path ends with.
fn named(path: &str) -> Option<(Kind, u64)> {
    let (list, id) = path.strip_prefix('/')?.split_once('/')?;
    let kind = KINDS.into_iter().find(|kind| self::path(*kind).0 == list)?;
    Some((kind, id.parse().ok()?))
}

fn some(rng: &mut Rng, ids: Option<&Vec<u64>>) -> Option<u64> {
    let ids = ids.filter(|ids| !ids.is_empty())?;
    Some(*pick(rng, ids))
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let fake = Fake::new(FakeOptions {
            seed,
            parties: 20,
            rate_limit: 100_000_000,
            clock: Clock::manual_at(BEGIN),
            behaviour: behaviour(seed, &mut rng),
            ..FakeOptions::default()
        });
        let mut world = Self {
            router: fake.router(),
            fake,
            rng,
            restless: 2,
            quiet: false,
            history: Vec::new(),
            deleted: Vec::new(),
            requests: 0,
            alive: Alive::default(),
            milestones: Vec::new(),
            open: 0,
            stages: Vec::new(),
            guests: Vec::new(),
            changes_read: 0,
        };
        let milestones = world.list("/milestones/all", "milestones").await;
        let open = milestones.iter().find(|row| row["complete"] == false);
        world.open = open.and_then(|row| row["id"].as_u64()).unwrap();
        world.milestones = milestones
            .iter()
            .filter_map(|row| row["id"].as_u64())
            .collect();
        world.stages = world.ids("/stages", "stages").await;
        for state in world.everything().await {
            world.see(state);
        }
        world.changes_read = world.fake.changes_since(0).len();
        for _ in 0..RESTING {
            world.later(APART);
            world.open_opportunity().await;
        }
        // What was there is older than anything that a listener looks back to, and the first to be stale will be so in a minute.
        let passed = u64::from(RESTING - 1) * APART;
        world.later(STALE_DAYS.unsigned_abs() * 86_400 - passed - 60);
        world
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.fake.clock().advance(Duration::from_secs(seconds));
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://api.capsulecrm.com/api/v2{path}"))
            // Whichever it is, it is the administrator's, and never expires.
            .header("authorization", "Bearer people")
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    async fn ids(&self, path: &str, key: &str) -> Vec<u64> {
        let rows = self.list(path, key).await;
        rows.iter().filter_map(|row| row["id"].as_u64()).collect()
    }

    async fn list(&self, path: &str, key: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        for page in 1.. {
            let join = if path.contains('?') { '&' } else { '?' };
            let (_, body) = self
                .send("GET", &format!("{path}{join}page={page}&perPage=100"), None)
                .await;
            let found = body[key].as_array().cloned().unwrap_or_default();
            let is_last = found.len() < 100;
            rows.extend(found);
            if is_last {
                break;
            }
        }
        rows
    }

    /// Every record that exists.
    pub(crate) async fn everything(&self) -> Vec<State> {
        let mut all = Vec::new();
        let seen = self.now_in_seconds();
        for kind in KINDS {
            let key = path(kind).0;
            let list = match kind {
                Kind::Task => "/tasks?status=open,completed,pending".to_owned(),
                _ => format!("/{key}"),
            };
            for record in self.list(&list, key).await {
                all.push(State::of(kind, &record, seen));
            }
        }
        all
    }

    fn now_in_seconds(&self) -> i64 {
        self.fake.clock().now().as_second()
    }

    fn see(&mut self, state: State) {
        self.alive.put(&state);
        self.history.push(state);
    }

    /// Reads again what changed since the last time.
    async fn look(&mut self) {
        let changes = self.fake.changes_since(self.changes_read);
        self.changes_read += changes.len();
        let mut last: BTreeMap<(Kind, u64), usize> = BTreeMap::new();
        let mut changed = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let Some((kind, what)) = change.event.split_once('/') else {
                continue;
            };
            let kind = match kind {
                "party" => Kind::Party,
                "opportunity" => Kind::Opportunity,
                "kase" => Kind::Project,
                "task" => Kind::Task,
                _ => continue,
            };
            if what == "deleted" {
                self.alive.remove(kind, change.id);
                self.deleted.push(Deleted {
                    kind,
                    id: change.id,
                    at: change.at.as_second(),
                });
            } else {
                last.insert((kind, change.id), at);
                changed.push((at, kind, change.id));
            }
        }
        for (at, kind, id) in changed {
            if last.get(&(kind, id)) != Some(&at) {
                // It is read for its last change.
                continue;
            }
            let (list, key) = path(kind);
            let (status, body) = self.send("GET", &format!("/{list}/{id}"), None).await;
            if status == 200 {
                self.see(State::of(kind, &body[key], self.now_in_seconds()));
            } else {
                self.alive.remove(kind, id);
            }
        }
    }

    fn any(&mut self, kind: Kind) -> Option<u64> {
        some(&mut self.rng, self.alive.all.get(&kind))
    }

    /// The oldest task, where they are so many that one has to go.
    fn too_old_a_task(&self) -> Option<u64> {
        let tasks = self.alive.all.get(&Kind::Task)?;
        let bounded = self.fake.options().behaviour.since_ignored_on_tasks;
        tasks
            .first()
            .copied()
            .filter(|_| bounded && tasks.len() >= MOST_TASKS)
    }

    fn open(&mut self, kind: Kind) -> Option<u64> {
        some(&mut self.rng, self.alive.open.get(&kind))
    }

    /// The record that was touched last is changed once more.
    pub(crate) async fn edit_again(&mut self) {
        let Some(last) = self.history.last() else {
            return;
        };
        let id = last.id;
        let (list, key) = path(last.kind);
        let field = match last.kind {
            Kind::Party => "about",
            Kind::Opportunity | Kind::Project => "description",
            Kind::Task => "detail",
            // Another text of a note is no event.
            Kind::Entry => return,
        };
        let text = format!("again {}", self.rng.u32(..1_000_000));
        let body = json!({key: {field: text}});
        let (status, answer) = self.send("PUT", &format!("/{list}/{id}"), Some(body)).await;
        assert!(
            status < 300 || status == 404,
            "{list} {id}: {status} {answer}"
        );
        self.look().await;
    }

    async fn open_opportunity(&mut self) {
        let Some(party) = self.any(Kind::Party) else {
            return;
        };
        let body = json!({"opportunity": {"name": "Rests", "party": {"id": party}, "milestone": {"id": self.open}}});
        let (status, answer) = self.send("POST", "/opportunities", Some(body)).await;
        assert!(status < 300, "{answer}");
        self.look().await;
    }

    /// A day and perhaps a time of it, within some hours of now: before it or after it.
    fn soon(&mut self) -> (String, Option<String>) {
        let at = self.now_in_seconds() + self.rng.i64(-1_800..4 * 3_600);
        let text = jiff::Timestamp::from_second(at).unwrap().to_string();
        let day = text[..10].to_owned();
        let time = text[11..19].to_owned();
        (day, (self.rng.u8(..5) > 0).then_some(time))
    }

    /// A day at most so many days from now.
    fn day(&mut self, most: i64) -> String {
        let at = self.now_in_seconds() + self.rng.i64(-86_400..most * 86_400);
        jiff::Timestamp::from_second(at).unwrap().to_string()[..10].to_owned()
    }

    /// Users come, go, and change what they prefer.
    async fn edit_users(&mut self) {
        let n = self.rng.u32(..1_000_000);
        match self.rng.u8(..4) {
            0 => {
                let username = format!("guest{n}");
                if self
                    .fake
                    .add_user(&username, &format!("Guest {n}"))
                    .is_some()
                {
                    self.guests.push(username);
                }
            }
            1 if !self.guests.is_empty() => {
                let guest = self.rng.usize(..self.guests.len());
                let guest = self.guests.swap_remove(guest);
                self.fake.remove_user(&guest);
            }
            _ => {
                let users = self.ids("/users", "users").await;
                let id = *pick(&mut self.rng, &users);
                let from = format!("no{n}@northwind.example");
                let body = json!({"user": {"preferredEmailFromAddress": from}});
                let (status, answer) = self.send("PUT", &format!("/users/{id}"), Some(body)).await;
                assert!(status < 300, "{answer}");
            }
        }
        self.look().await;
    }

    /// A note is filed, mostly of now, sometimes of yesterday.
    async fn note(&mut self) {
        let Some(party) = self.any(Kind::Party) else {
            return;
        };
        let n = self.rng.u32(..1_000_000);
        let mut body = json!({"entry": {"type": "note", "party": {"id": party}, "content": format!("No {n}")}});
        if self.rng.u8(..4) == 0 {
            let at = self.now_in_seconds() - self.rng.i64(0..40 * 3_600);
            let at = jiff::Timestamp::from_second(at).unwrap();
            body["entry"]["entryAt"] = at.to_string().into();
        }
        let (status, answer) = self.send("POST", "/entries", Some(body)).await;
        assert!(status < 300, "{answer}");
        // No change is told of it: its answer is all that is seen.
        let seen = self.now_in_seconds();
        self.see(State::of(Kind::Entry, &answer["entry"], seen));
    }

    /// Something happens in the account.
    pub(crate) async fn edit(&mut self) {
        let n = self.rng.u32(..1_000_000);
        let name = format!("No {n}");
        let (method, path, body) = match self.rng.u8(..122) {
            0..12 => (
                "POST",
                "/parties".to_owned(),
                Some(if self.rng.bool() {
                    json!({"party": {"type": "person", "firstName": name}})
                } else {
                    json!({"party": {"type": "organisation", "name": name}})
                }),
            ),
            12..32 => {
                let Some(id) = self.any(Kind::Party) else {
                    return;
                };
                let body = json!({"party": {"about": name}});
                ("PUT", format!("/parties/{id}"), Some(body))
            }
            32..42 => {
                let Some(party) = self.any(Kind::Party) else {
                    return;
                };
                let milestone = *pick(&mut self.rng, &self.milestones);
                let body = json!({"opportunity": {"name": name, "party": {"id": party}, "milestone": {"id": milestone}}});
                ("POST", "/opportunities".to_owned(), Some(body))
            }
            42..50 => {
                let Some(id) = self.any(Kind::Opportunity) else {
                    return;
                };
                let body = json!({"opportunity": {"description": name}});
                ("PUT", format!("/opportunities/{id}"), Some(body))
            }
            50..64 => {
                // Into any milestone: won, lost, open again.
                let Some(id) = self.any(Kind::Opportunity) else {
                    return;
                };
                let milestone = *pick(&mut self.rng, &self.milestones);
                let body = json!({"opportunity": {"milestone": {"id": milestone}}});
                ("PUT", format!("/opportunities/{id}"), Some(body))
            }
            64..70 => {
                let Some(party) = self.any(Kind::Party) else {
                    return;
                };
                let body = json!({"kase": {"name": name, "party": {"id": party}}});
                ("POST", "/kases".to_owned(), Some(body))
            }
            70..75 => {
                let Some(id) = self.open(Kind::Project) else {
                    return;
                };
                let body = json!({"kase": {"status": "CLOSED"}});
                ("PUT", format!("/kases/{id}"), Some(body))
            }
            75..78 => {
                let Some(id) = self.any(Kind::Project) else {
                    return;
                };
                let body = json!({"kase": {"description": name}});
                ("PUT", format!("/kases/{id}"), Some(body))
            }
            78..85 if let Some(id) = self.too_old_a_task() => {
                // No change is told of it.
                self.alive.remove(Kind::Task, id);
                ("DELETE", format!("/tasks/{id}"), None)
            }
            78..85 => {
                let (day, time) = self.soon();
                let body = json!({"task": {"description": name, "dueOn": day, "dueTime": time}});
                ("POST", "/tasks".to_owned(), Some(body))
            }
            98..104 => {
                let Some(id) = self.open(Kind::Project) else {
                    return;
                };
                let stage = *pick(&mut self.rng, &self.stages);
                let body = json!({"kase": {"stage": {"id": stage}}});
                ("PUT", format!("/kases/{id}"), Some(body))
            }
            104..108 => {
                let Some(id) = self.open(Kind::Task) else {
                    return;
                };
                let (day, time) = self.soon();
                let body = json!({"task": {"dueOn": day, "dueTime": time}});
                ("PUT", format!("/tasks/{id}"), Some(body))
            }
            108..113 => {
                let Some(id) = self.any(Kind::Opportunity) else {
                    return;
                };
                let body = json!({"opportunity": {"expectedCloseOn": self.day(20)}});
                ("PUT", format!("/opportunities/{id}"), Some(body))
            }
            113..119 => return self.note().await,
            119..122 => return self.edit_users().await,
            85..92 => {
                let Some(id) = self.open(Kind::Task) else {
                    return;
                };
                let body = json!({"task": {"status": "COMPLETED"}});
                ("PUT", format!("/tasks/{id}"), Some(body))
            }
            92..94 => {
                let Some(id) = self.open(Kind::Task) else {
                    return;
                };
                let body = json!({"task": {"detail": name}});
                ("PUT", format!("/tasks/{id}"), Some(body))
            }
            94..96 => {
                let Some(id) = self.any(Kind::Party) else {
                    return;
                };
                ("DELETE", format!("/parties/{id}"), None)
            }
            96..98 => {
                let Some(id) = self.any(Kind::Opportunity) else {
                    return;
                };
                ("DELETE", format!("/opportunities/{id}"), None)
            }
            _ => {
                let Some(id) = self.any(Kind::Project) else {
                    return;
                };
                ("DELETE", format!("/kases/{id}"), None)
            }
        };
        let (status, answer) = self.send(method, &path, body).await;
        if status == 404 {
            // It went with the record that it belonged to: tasks go without a word.
            if let Some((kind, id)) = named(&path) {
                self.alive.remove(kind, id);
            }
            return;
        }
        assert!(status < 300, "{method} {path}: {status} {answer}");
        self.look().await;
    }

    /// A person or an organisation goes, with all that is theirs.
    pub(crate) async fn remove(&mut self) {
        if let Some(id) = self.any(Kind::Party) {
            self.send("DELETE", &format!("/parties/{id}"), None).await;
            self.look().await;
        }
    }

    /// Somebody imports a list: more events than one poll gives, within a few seconds.
    pub(crate) async fn import(&mut self) {
        for n in 0..self.rng.u32(240..320) {
            let body = json!({"party": {"type": "person", "firstName": format!("Row {n}")}});
            let (status, answer) = self.send("POST", "/parties", Some(body)).await;
            assert!(status < 300, "{answer}");
            if self.rng.u8(..40) == 0 {
                self.later(1);
            }
        }
        self.look().await;
    }
}
