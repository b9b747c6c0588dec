//! A fake Capsule: the API of a made-up account, held in memory.
//!
//! It is an axum [`Router`] over one `State`. The host calls it in process (`tower::ServiceExt::oneshot`) or
//! serves it on loopback (`capsule-host fake`). It knows nothing of the host, the component or any real account, and nothing
//! outside this folder may know more of it than [`Fake`], [`FakeOptions`], [`Clock`] and the fault types.
//!
//! A resource is one file: its model, how a body changes it, how it looks, its routes. `front` is what happens around every
//! request; `call` and `reply` are what a resource reads and answers; `records`, `nested`, `fields`, `tags`, `filters`,
//! `paging` hold what resources share. A new resource adds its table to `state`, its routes to `resources` and, if it is a
//! main record, an implementation of `Record`.
//!
//! | API reference | implemented | left out or decided here |
//! |---|---|---|
//! | 1.2 tokens | OAuth and personal tokens, any alphabet | |
//! | 1.3 OAuth | authorise, exchange, refresh, both revocations, PKCE, Basic and form secrets, metadata | password grant, userinfo, id tokens; codes live 10 minutes |
//! | 1.4 refusals | 401 and 403 with `WWW-Authenticate` | the 401 body is `{"message"}` |
//! | 2.1, 2.2 envelopes, statuses | all, `embed=meta`, 202 with a job on request | jobs are done at once |
//! | 2.3 merge | nested collections, no-op, tags by name, field values, bare ids | names for references other than tags are refused |
//! | 2.5 paging | `Link`, `X-Pagination-Has-More`, 422 out of range, empty page past the end | |
//! | 2.6 embeds | all documented ones and the vendor's `tasks`, `meta` | live traces saw the linked records stay short |
//! | 2.7 sync | `since`, deleted feeds with restricted records | inclusive unless [`Behaviour`] says otherwise |
//! | 2.8, 2.9 multi-get, search | ten ids, 404 if one is missing; every word must be found | |
//! | 2.10 rate limit | an hour of the clock for each user | |
//! | 2.11 messages | in the words of the reference | where it has none, `X is required` and `X not found` |
//! | 2.12 permissions | administrators, records that nobody may see ([`Fake::restrict_party`]) | visibility per user |
//! | 3.1 parties | all | an employer by name is refused; address and website types are closed lists, the others free |
//! | 3.2 opportunities | all, with the state machine, totals, additional parties, tracks at creation | `closedOn` is not writable; reopening wakes waiting tasks |
//! | 3.3 projects | all, with the owner and team pair and the board's team | the default stage is the first of the oldest board |
//! | 3.4 tasks | all, with the vendor client's list parameters; `repeat` is kept untouched | a completed repeating task has no successor |
//! | 3.5, 3.6 entries, attachments | all; emails are seeded | a `creator` in a body is ignored |
//! | 3.7 tags, fields | all three entities | a value is taken whatever the field's `captureRule` |
//! | 3.8 tracks | all, in days, working days and weeks | a new track date leaves its tasks where they are |
//! | 3.9, 3.10 pipelines, boards | all; deleting archives | plan limits other than thirty pipelines |
//! | 3.11 to 3.13 | lost reasons, categories, activity types | the full list of icons |
//! | 3.14 to 3.16 | users, teams, titles, countries, currencies, site | the user's `role` |
//! | 3.17 goals | create, read, update, delete | progress and periods |
//! | 3.18 activities | | not part of the public contract |
//! | 3.19 jobs | yes | |
//! | 4 filters | all documented and vendor fields, OR groups, `orderBy`, saved filters ([`Fake::save_filter`]) | a saved filter shows its id and name alone |
//! | 5 REST hooks | subscriptions, all 19 events, batches, retries, dropping | a deleted record is `{"id"}`; users come and go by [`Fake::add_user`] and [`Fake::remove_user`] only; a cascade delivers opportunities and projects before their party |

mod activity_types;
mod additional_parties;
mod attachments;
mod boards;
mod call;
mod caller;
mod categories;
mod clock;
mod countries;
mod currencies;
mod entity;
mod entries;
mod faults;
mod fields;
mod filters;
mod front;
mod goals;
mod hooks;
mod input;
mod journal;
mod kases;
mod lost_reasons;
mod milestones;
mod nested;
mod oauth;
mod opportunities;
mod paging;
mod parent;
mod parties;
mod pipelines;
mod rate;
mod records;
mod reply;
mod saved_filters;
mod seed;
mod site;
mod stages;
mod state;
mod table;
mod tags;
mod tasks;
mod teams;
mod titles;
mod tracks;
mod users;

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod settings_tests;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::net::TcpListener;

pub use clock::Clock;
pub use faults::{DropWhen, Fault, FaultRule, Faults};
pub use hooks::Delivery;
pub use journal::JournalRow;
pub use oauth::IssuedTokens;
pub use state::{Behaviour, Change, ListOrder, RefreshRule, SinceRule};

/// Base of links and locations when nothing else is said.
const CAPSULE: &str = "https://api.capsulecrm.com";

/// How a fake begins.
#[derive(Clone, Debug)]
pub struct FakeOptions {
    /// The account follows from it: the same seed and size give the same records, tokens and ids.
    pub seed: u64,
    /// Number of parties.
    pub parties: usize,
    /// Refuse tokens and clients that the fake does not know. Otherwise any bearer token is the administrator's; a token of
    /// the fake's own making is always treated as itself, with its expiry.
    pub strict_auth: bool,
    /// Requests an hour for each user.
    pub rate_limit: u32,
    /// The time that the account lives in.
    pub clock: Clock,
    /// Base of `Link` and `Location`. `None`: in process `https://api.capsulecrm.com`, on a socket the origin under which
    /// the client reached it.
    pub base_url: Option<String>,
    /// The points on which Capsule's behaviour is not known.
    pub behaviour: Behaviour,
}

impl Default for FakeOptions {
    /// A hundred parties, seed 1, lenient, Capsule's rate limit, the machine's clock.
    fn default() -> FakeOptions {
        FakeOptions {
            seed: 1,
            parties: 100,
            strict_auth: false,
            rate_limit: 4_000,
            clock: Clock::system(),
            base_url: None,
            behaviour: Behaviour::default(),
        }
    }
}

/// A handle on one fake account. Clones are the same account.
#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    options: FakeOptions,
    faults: Faults,
    state: Mutex<state::State>,
    grants: Mutex<oauth::Grants>,
    rate: Mutex<rate::RateLimit>,
    journal: Mutex<journal::Journal>,
    /// The user who is signed in at the web UI, `None` for the administrator.
    signed_in: Mutex<Option<u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    /// Makes an account and fills it.
    #[must_use]
    pub fn new(options: FakeOptions) -> Fake {
        let state = seed::account(&options);
        let mut grants = oauth::Grants::new(options.seed);
        grants.register(oauth::DIRECT_CLIENT, None, "http://127.0.0.1/");
        Fake(Arc::new(Inner {
            options,
            faults: Faults::default(),
            state: Mutex::new(state),
            grants: Mutex::new(grants),
            rate: Mutex::default(),
            journal: Mutex::default(),
            signed_in: Mutex::default(),
        }))
    }

    /// The account as a service to call in process. Any Host header will do.
    pub fn router(&self) -> Router {
        let base = self
            .options()
            .base_url
            .as_deref()
            .unwrap_or(CAPSULE)
            .trim_end_matches('/');
        front::router(self.clone(), front::Origin::InProcess(base.into()))
    }

    /// Serves the account on a socket until the task is dropped. Requests whose Host header is neither the socket's address
    /// (or a loopback name of it) nor the base URL's are refused with 421, so that no web page reaches it by rebinding.
    ///
    /// # Errors
    ///
    /// When the socket has no address or accepting fails for good.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let address = listener.local_addr()?;
        let base = self
            .options()
            .base_url
            .as_deref()
            .map(|base| base.trim_end_matches('/').into());
        axum::serve(
            listener,
            front::router(self, front::Origin::Served { address, base }),
        )
        .await
    }

    /// The options that the account was made with.
    #[must_use]
    pub fn options(&self) -> &FakeOptions {
        &self.0.options
    }

    /// The account's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    /// Faults on demand.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Issues a personal access token of a user. An unknown user name means the administrator, an unknown scope all
    /// three documented ones.
    pub fn issue_personal_token(&self, username: &str, scope: &str) -> String {
        let user = self.user_id(username);
        let scopes = caller::Scopes::parse(scope).unwrap_or_else(caller::Scopes::all);
        self.with_grants(|grants| grants.issue_personal(user, scopes))
    }

    /// Registers an application. One without a secret is an *installed application*.
    pub fn register_client(&self, id: &str, secret: Option<&str>, redirect: &str) {
        self.with_grants(|grants| grants.register(id, secret, redirect));
    }

    /// Revokes all tokens of a user, as the user can in the web UI.
    pub fn revoke_tokens_of(&self, username: &str) {
        let user = self.user_id(username);
        self.with_grants(|grants| grants.revoke_user(user));
    }

    /// Chooses the user who approves on the sign-in page from now on. An unknown user name means the administrator.
    pub fn sign_in_as(&self, username: &str) {
        *lock(&self.0.signed_in) = Some(self.user_id(username));
    }

    /// Takes or gives a user the administrator role. `false` if there is no such user.
    pub fn set_administrator(&self, username: &str, administrator: bool) -> bool {
        let role = if administrator {
            users::Role::Administrator
        } else {
            users::Role::Member
        };
        self.with_state(|state| {
            match state
                .users
                .iter_mut()
                .find(|user| user.username == username)
            {
                Some(user) => {
                    user.role = role;
                    true
                }
                None => false,
            }
        })
    }

    /// Adds a member, as an administrator does in the web UI. Its id, or `None` if the user name is taken.
    pub fn add_user(&self, username: &str, name: &str) -> Option<u64> {
        let now = clock::whole_second(self.clock().now());
        self.with_state(|state| {
            if state.users.iter().any(|user| user.username == username) {
                return None;
            }
            let id = state
                .users
                .add(|id| users::User::member(id, username, name));
            state.note("user/created", id, now);
            Some(id)
        })
    }

    /// Removes a user, as an administrator does in the web UI: the tokens die, the records lose their owner. `false` if
    /// there is no such user.
    pub fn remove_user(&self, username: &str) -> bool {
        let now = clock::whole_second(self.clock().now());
        let removed = self.with_state(|state| {
            let id = state
                .users
                .iter()
                .find(|user| user.username == username)?
                .id;
            users::remove(state, id);
            state.note("user/deleted", id, now);
            Some(id)
        });
        if let Some(id) = removed {
            self.with_grants(|grants| grants.revoke_user(id));
        }
        removed.is_some()
    }

    /// User names of the account; the first is the administrator's.
    #[must_use]
    pub fn usernames(&self) -> Vec<String> {
        self.with_state(|state| {
            state
                .users
                .iter()
                .map(|user| user.username.clone())
                .collect()
        })
    }

    /// Saves a filter, as a user does in the web UI: `entity` is a path segment (`parties`, `opportunities`, `kases`), `filter` what an ad
    /// hoc filter has under its root. Its id, or `None` if the entity is none of them or the filter no object.
    pub fn save_filter(&self, entity: &str, name: &str, filter: &serde_json::Value) -> Option<u64> {
        let entity = entity::Entity::ALL
            .into_iter()
            .find(|known| known.plural() == entity)?;
        let filter = filter.as_object()?.clone();
        Some(self.with_state(|state| saved_filters::save(state, entity, name, filter)))
    }

    /// Makes a party invisible to every caller, as when its owner restricts it. `false` if there is no such party.
    pub fn restrict_party(&self, id: u64) -> bool {
        let now = clock::whole_second(self.clock().now());
        self.with_state(|state| match state.parties.core_mut(id) {
            Some(core) => {
                core.restricted_at = Some(now);
                true
            }
            None => false,
        })
    }

    /// The requests so far, oldest first; the newest hundred thousand are kept. No token is ever in it.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalRow> {
        lock(&self.0.journal).rows()
    }

    /// Forgets the requests so far.
    pub fn clear_journal(&self) {
        lock(&self.0.journal).clear();
    }

    /// Every change of the account since it was made, oldest first. Seeding is not a change.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.changes_since(0)
    }

    /// The same without the first so many, for those who look again and again.
    #[must_use]
    pub fn changes_since(&self, known: usize) -> Vec<Change> {
        self.with_state(|state| state.changes.get(known..).unwrap_or_default().to_vec())
    }

    /// Number of parties.
    #[must_use]
    pub fn party_count(&self) -> usize {
        self.with_state(|state| state.parties.table().len())
    }

    fn with_state<T>(&self, touch: impl FnOnce(&mut state::State) -> T) -> T {
        touch(&mut lock(&self.0.state))
    }

    fn with_grants<T>(&self, touch: impl FnOnce(&mut oauth::Grants) -> T) -> T {
        touch(&mut lock(&self.0.grants))
    }

    fn count_request(&self, user: u64, now: jiff::Timestamp) -> rate::Standing {
        lock(&self.0.rate).count(user, self.options().rate_limit, now)
    }

    fn write_journal(&self, row: JournalRow) {
        lock(&self.0.journal).write(row);
    }

    /// The id of the first administrator.
    fn administrator(&self) -> u64 {
        self.with_state(|state| {
            state
                .users
                .iter()
                .find(|user| user.is_administrator())
                .map_or(0, |user| user.id)
        })
    }

    fn user_id(&self, username: &str) -> u64 {
        let known = |state: &mut state::State| {
            state
                .users
                .iter()
                .find(|user| user.username == username)
                .map(|u| u.id)
        };
        self.with_state(known)
            .unwrap_or_else(|| self.administrator())
    }

    fn signed_in(&self) -> u64 {
        let chosen = *lock(&self.0.signed_in);
        chosen.unwrap_or_else(|| self.administrator())
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fake")
            .field("options", self.options())
            .finish_non_exhaustive()
    }
}

/// All routes, without what the front does around them.
fn resources(fake: Fake) -> Router {
    let api = Router::new()
        .merge(parties::routes())
        .merge(opportunities::routes())
        .merge(kases::routes())
        .merge(tasks::routes())
        .merge(entries::routes())
        .merge(attachments::routes())
        .merge(tracks::routes())
        .merge(pipelines::routes())
        .merge(milestones::routes())
        .merge(lost_reasons::routes())
        .merge(boards::routes())
        .merge(stages::routes())
        .merge(categories::routes())
        .merge(activity_types::routes())
        .merge(goals::routes())
        .merge(hooks::routes())
        .merge(tags::routes())
        .merge(fields::routes())
        .merge(users::routes())
        .merge(teams::routes())
        .merge(titles::routes())
        .merge(countries::routes())
        .merge(currencies::routes())
        .merge(site::routes());
    Router::new()
        .nest("/api/v2", api)
        .merge(oauth::routes())
        .fallback(front::no_such_path)
        .method_not_allowed_fallback(front::no_such_method)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(fake)
}
