//! Users of the account (API reference 3.14).

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Fake;
use super::call::{Answer, Call, Embeds, get, put_preference};
use super::entity::Entity;
use super::input::Input;
use super::paging::whole_list;
use super::parties::Party;
use super::records::{self, nested};
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "user";

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Administrator,
    Member,
}

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) role: Role,
    /// The user's own contact record.
    pub(super) party: Option<u64>,
    pub(super) locale: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) task_reminder: bool,
    pub(super) click_to_call: Option<String>,
    pub(super) email_preference: Option<String>,
    pub(super) preferred_from: Option<String>,
    pub(super) last_login_at: Option<Timestamp>,
}

impl User {
    /// A user with the preferences that a new one has.
    pub(super) fn member(id: u64, username: &str, name: &str) -> User {
        User {
            id,
            username: username.to_owned(),
            name: name.to_owned(),
            role: Role::Member,
            party: None,
            locale: Some("en_GB".to_owned()),
            currency: Some("GBP".to_owned()),
            timezone: Some("Europe/London".to_owned()),
            task_reminder: true,
            click_to_call: Some("TEL".to_owned()),
            email_preference: None,
            preferred_from: None,
            last_login_at: None,
        }
    }

    pub(super) fn is_administrator(&self) -> bool {
        self.role == Role::Administrator
    }

    fn picture(&self) -> String {
        format!(
            "https://cdn.capsulecrm.com/images/user-avatar-{}.png",
            self.id % 10
        )
    }

    /// The short form, with the keys that live answers have (API reference 3.0).
    pub(super) fn reference(&self) -> Value {
        json!({
            "id": self.id,
            "username": self.username,
            "name": self.name,
            "deleted": false,
            "pictureURL": self.picture(),
        })
    }

    pub(super) fn render(&self, state: &State, embeds: &Embeds) -> Value {
        json!({
            "id": self.id,
            "username": self.username,
            "name": self.name,
            "status": "ACTIVE",
            "pictureURL": self.picture(),
            "party": nested::<Party>(state, self.party, embeds.has("party")),
            "locale": self.locale,
            "currency": self.currency,
            "timezone": self.timezone,
            "taskReminder": self.task_reminder,
            "clickToCallPreference": self.click_to_call,
            "emailPreference": self.email_preference,
            "preferredEmailFromAddress": self.preferred_from,
            "lastLoginAt": instant(self.last_login_at),
        })
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/users", get(show_all))
        .route("/users/current", get(show_current))
        .route("/users/{id}", get(show).merge(put_preference(update)))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let embeds = call.embeds();
    Ok(whole_list(
        call,
        "users",
        state.users.iter().map(|user| user.render(state, &embeds)),
    ))
}

fn show_current(state: &mut State, call: &Call) -> Answer {
    reply(state, call, call.caller.user)
}

fn show(state: &mut State, call: &Call) -> Answer {
    reply(state, call, call.id(0, RESOURCE)?)
}

fn reply(state: &State, call: &Call, id: u64) -> Answer {
    let user = state
        .users
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))?;
    Ok(Reply::ok(RESOURCE, user.render(state, &call.embeds())))
}

/// Preferences only. Users change their own, administrators everybody's.
fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, RESOURCE)?;
    let mut user = state
        .users
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))?
        .clone();
    if id != call.caller.user {
        call.require_administrator(state)?;
    }
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    input.choice(
        "locale",
        &["en_US", "en_GB", "es_ES", "fr_FR", "pt_BR"],
        &mut user.locale,
    );
    input.text("currency", &mut user.currency);
    if user
        .currency
        .as_deref()
        .is_some_and(|code| !super::currencies::is_known(code))
    {
        input.fault("currency", "unknown currency");
    }
    input.text("timezone", &mut user.timezone);
    input.boolean("taskReminder", &mut user.task_reminder);
    input.choice(
        "clickToCallPreference",
        &["SIP", "TEL", "CALLTO", "CIRCLELOOP"],
        &mut user.click_to_call,
    );
    input.choice("emailPreference", &["GMAIL"], &mut user.email_preference);
    input.text("preferredEmailFromAddress", &mut user.preferred_from);
    violations.check()?;
    if state.users.get(id) != Some(&user) {
        state.users.put(id, user);
        state.note("user/updated", id, call.now);
    }
    reply(state, call, id)
}

/// Removes a user from the account; what the user owned belongs to nobody.
pub(super) fn remove(state: &mut State, id: u64) {
    for entity in Entity::ALL {
        records::for_each_core(state, entity, |core| {
            core.owner = core.owner.filter(|owner| *owner != id)
        });
    }
    for task in state.tasks.iter_mut() {
        task.owner = task.owner.filter(|owner| *owner != id);
    }
    for team in state.teams.iter_mut() {
        team.members.retain(|member| *member != id);
    }
    state.users.remove(id);
}
