//! REST hooks (API reference 5). `delivery` is the queue with its retries, `send` the transport of the served fake; here are
//! the subscriptions.

mod delivery;
mod send;
#[cfg(test)]
mod tests;

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post};
use super::input::Input;
use super::paging::whole_list;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

pub use delivery::Delivery;
pub(super) use delivery::{Outbox, enqueue};

const RESOURCE: &str = "restHook";

/// Most hooks of an account, over all applications.
const LIMIT: usize = 20;

/// The events that can be subscribed.
const EVENTS: [&str; 19] = [
    "party/created",
    "party/updated",
    "party/deleted",
    "kase/created",
    "kase/updated",
    "kase/deleted",
    "kase/closed",
    "kase/moved",
    "opportunity/created",
    "opportunity/updated",
    "opportunity/deleted",
    "opportunity/closed",
    "opportunity/moved",
    "task/created",
    "task/updated",
    "task/completed",
    "user/created",
    "user/updated",
    "user/deleted",
];

/// A subscription: one event, one URL.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hook {
    id: u64,
    event: String,
    target_url: String,
    description: Option<String>,
    embed: Option<String>,
    user: u64,
    /// The application; only its tokens see the hook.
    client: String,
    created_at: Timestamp,
}

impl Hook {
    fn render(&self, state: &State) -> Value {
        json!({
            "id": self.id,
            "event": self.event,
            "targetUrl": self.target_url,
            "description": self.description,
            "embed": self.embed,
            "batched": true,
            "user": state.user_reference(Some(self.user)),
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.created_at)),
        })
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/resthooks", get(show_all).merge(post(create)))
        .route("/resthooks/{id}", get(show).merge(delete(remove)))
}

/// The application of the token. Personal tokens and members may not touch hooks.
fn client<'a>(state: &State, call: &'a Call) -> Result<&'a str, Refusal> {
    call.require_administrator(state)?;
    call.caller.client.as_deref().ok_or(Refusal::Forbidden(
        "REST hooks need a token of a registered application",
    ))
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a Hook, Refusal> {
    let client = client(state, call)?;
    let hook = state
        .hooks
        .get(call.id(0, RESOURCE)?)
        .filter(|hook| hook.client == client);
    hook.ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let client = client(state, call)?;
    let rows = state.hooks.iter().filter(|hook| hook.client == client);
    Ok(whole_list(
        call,
        "restHooks",
        rows.map(|hook| hook.render(state)),
    ))
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one(state, call)?.render(state)))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let client = client(state, call)?.to_owned();
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    let (mut event, mut target_url) = (String::new(), String::new());
    input.required_choice("event", &EVENTS, &mut event);
    input.required_text("targetUrl", &mut target_url);
    let is_web =
        url::Url::parse(&target_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web && !target_url.is_empty() {
        input.fault("targetUrl", "targetUrl must be a URL");
    }
    let (mut description, mut embed) = (None, None);
    input.text("description", &mut description);
    input.text("embed", &mut embed);
    if state.hooks.len() >= LIMIT {
        input.fault("event", "maximum number of REST hooks reached");
    }
    violations.check()?;
    let user = call.caller.user;
    let id = state.hooks.add(|id| Hook {
        id,
        event,
        target_url,
        description,
        embed,
        user,
        client,
        created_at: call.now,
    });
    let rendered = state
        .hooks
        .get(id)
        .map(|hook| hook.render(state))
        .unwrap_or_default();
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/resthooks/{id}"))),
    ))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call)?.id;
    drop_hook(state, id);
    Ok(Reply::no_content())
}

/// Removes a hook and what waits for it.
fn drop_hook(state: &mut State, id: u64) {
    state.hooks.remove(id);
    state.outbox.forget(id);
}
