//! One hook for each event of Capsule that anybody waits for, shared by all listeners; what is not ours is never touched.
//!
//! *Ours* is what has the target address or a retired one, byte for byte. The description is for people and decides nothing.

use super::listening::Listening;
use super::rule::Change;
use crate::api::{Call, Client, invalid, is_not_found};
use crate::bindings::exports::integration::connector::triggers::{
    DeliveryMode, Hook, ReconcileRequest, Report, Unserved,
};
use crate::bindings::integration::connector::types::{Error, PermanentError as P};
use crate::few::order_by_key;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Hooks of an account, over all applications (API reference 5.1).
const SLOTS: u32 = 20;

/// A hook of ours at Capsule.
#[derive(Clone, Debug, PartialEq)]
struct Ours {
    id: u64,
    event: String,
    url: String,
    embed: BTreeSet<String>,
}

/// A hook that should be there.
struct Wanted {
    event: String,
    embed: BTreeSet<String>,
    /// Scarce slots go to the smallest first.
    rank: u8,
}

/// Why no hook can be made.
#[derive(Clone, Copy, PartialEq)]
enum Obstacle {
    Full,
    Forbidden,
    Impossible,
}

impl Obstacle {
    fn reason(self) -> &'static str {
        match self {
            Self::Full => "slots-used",
            Self::Forbidden => "administrator",
            Self::Impossible => "token-kind",
        }
    }
}

/// Makes our hooks match the listeners.
///
/// # Errors
/// `invalid-input` for addresses that do not fit; and what sending gives.
pub(super) async fn reconcile(
    client: &Client,
    request: &ReconcileRequest,
    listeners: &[Listening],
) -> Result<Report, Error> {
    addresses(request)?;
    let wanted = wanted(listeners);
    let mut work = Work {
        client,
        request,
        report: Report {
            kept: Vec::new(),
            created: Vec::new(),
            removed: Vec::new(),
            missed: Vec::new(),
            unserved: Vec::new(),
            slots: SLOTS,
        },
    };
    let mut obstacle = match work.list().await {
        Ok(there) => work.bring_about(&wanted, there).await?,
        Err(error) => match obstacle(&error) {
            Some(obstacle) => Some((obstacle, BTreeSet::new())),
            None => return Err(error),
        },
    };
    if let Some((obstacle @ Obstacle::Forbidden, _)) = &mut obstacle
        && is_administrator(client).await?
    {
        *obstacle = Obstacle::Impossible;
    }
    for listening in listeners
        .iter()
        .filter(|one| one.mode != DeliveryMode::Poll)
    {
        let hooks = listening.hooks();
        let reason = match &obstacle {
            _ if hooks.is_empty() => "poll-only",
            Some((obstacle, served)) if !hooks.iter().all(|event| served.contains(*event)) => {
                obstacle.reason()
            }
            _ => continue,
        };
        work.report.unserved.push(Unserved {
            listener: listening.id.clone(),
            reason: reason.into(),
            pollable: listening.trigger.feed.is_some(),
        });
    }
    Ok(work.report)
}

fn addresses(request: &ReconcileRequest) -> Result<(), Error> {
    let fits = |url: &str| {
        let uri: Result<http::Uri, _> = url.parse();
        uri.is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some()
        })
    };
    if !fits(&request.target_url) {
        return Err(invalid(
            "/targetUrl",
            "format",
            "an address like https://hooks.example/h/... is expected",
        ));
    }
    if request.retired_urls.contains(&request.target_url) {
        return Err(invalid(
            "/retiredUrls",
            "choice",
            "the target address is among the retired ones",
        ));
    }
    Ok(())
}

/// One hook for each event, with all that its listeners need.
fn wanted(listeners: &[Listening]) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for listening in listeners
        .iter()
        .filter(|one| one.mode != DeliveryMode::Poll)
    {
        let rank = match listening.change {
            _ if listening.trigger.feed.is_none() => 0,
            Change::Deleted => 1,
            Change::Created => 2,
            Change::Updated => 4,
            _ => 3,
        };
        for event in listening.hooks() {
            let mut embed = BTreeSet::new();
            if !event.ends_with("/deleted") {
                for token in &listening.tokens().tokens {
                    embed.insert((*token).to_owned());
                }
            }
            match all.iter_mut().find(|one| one.event == event) {
                Some(one) => {
                    one.embed.extend(embed);
                    one.rank = one.rank.min(rank);
                }
                None => all.push(Wanted {
                    event: event.to_owned(),
                    embed,
                    rank,
                }),
            }
        }
    }
    order_by_key(&mut all, |one| (one.rank, one.event.clone()));
    all
}

/// What an error says of hooks as such; none if it says nothing of them. A plan without hooks may be refused in any of these ways (API
/// reference 6, point 29).
fn obstacle(error: &Error) -> Option<Obstacle> {
    match error {
        Error::Permanent(P::Forbidden(fault)) => {
            // Capsule names the scope where that is too small (API reference 1.4).
            let of_scope = fault
                .extra
                .as_deref()
                .is_some_and(|body| body.to_ascii_lowercase().contains("scope"));
            Some(if of_scope {
                Obstacle::Impossible
            } else {
                Obstacle::Forbidden
            })
        }
        Error::Permanent(P::QuotaExhausted(_) | P::NotFound(_) | P::Unsupported(_)) => {
            Some(Obstacle::Impossible)
        }
        _ => None,
    }
}

/// Whether Capsule tells that the user is an administrator: then it is the token that it refuses. The role is not documented; where it is
/// not told, a refusal is taken for a lack of it.
async fn is_administrator(client: &Client) -> Result<bool, Error> {
    let call = Call::get(&["users", "current"]);
    let user = client.send(&call).await?.take(&call, "user")?;
    let role = user.get("role").and_then(Value::as_str);
    Ok(role.is_some_and(|role| role.to_ascii_lowercase().starts_with("admin")))
}

struct Work<'a> {
    client: &'a Client,
    request: &'a ReconcileRequest,
    report: Report,
}

impl Work<'_> {
    /// Our hooks, lowest id first.
    async fn list(&self) -> Result<Vec<Ours>, Error> {
        let call = Call::get(&["resthooks"]);
        let mut answer = self.client.send(&call).await?;
        let mut all: Vec<Ours> = answer
            .rows(&call, "restHooks")?
            .iter()
            .filter_map(|row| {
                let text = |key: &str| row.get(key).and_then(Value::as_str);
                let mut embed = BTreeSet::new();
                for token in text("embed").unwrap_or_default().split(',').map(str::trim) {
                    if !token.is_empty() {
                        embed.insert(token.to_owned());
                    }
                }
                Some(Ours {
                    id: row.get("id")?.as_u64()?,
                    event: text("event")?.to_owned(),
                    url: text("targetUrl")?.to_owned(),
                    embed,
                })
            })
            .filter(|hook| {
                hook.url == self.request.target_url || self.request.retired_urls.contains(&hook.url)
            })
            .collect();
        order_by_key(&mut all, |hook| hook.id);
        Ok(all)
    }

    /// Creates before it removes, so that nothing is missed between; the other way round only where Capsule has no room. Gives why not all is
    /// there, with the events that are.
    async fn bring_about(
        &mut self,
        wanted: &[Wanted],
        there: Vec<Ours>,
    ) -> Result<Option<(Obstacle, BTreeSet<String>)>, Error> {
        let mut surplus = there;
        let mut served = BTreeSet::new();
        let mut kept = Vec::new();
        // Of several alike the lowest id stays: two that reconcile at once come to the same.
        for one in wanted {
            let fits = |hook: &Ours| {
                hook.url == self.request.target_url
                    && hook.event == one.event
                    && hook.embed == one.embed
            };
            if let Some(at) = surplus.iter().position(fits) {
                let hook = surplus.remove(at);
                served.insert(one.event.clone());
                kept.push(hook);
            }
        }
        let mut made = false;
        let mut hindered = None;
        for one in wanted {
            if served.contains(&one.event) {
                continue;
            }
            if hindered.is_some() {
                // A hook with less than is wanted is better than none: what it lacks is read again.
                self.keep_old(one, &mut surplus, &mut served, &mut kept);
                continue;
            }
            let mut result = self.create(one).await?;
            if result == Err(Obstacle::Full) && !surplus.is_empty() {
                for hook in std::mem::take(&mut surplus) {
                    self.remove(hook).await?;
                }
                result = self.create(one).await?;
            }
            match result {
                Ok(hook) => {
                    made = true;
                    served.insert(one.event.clone());
                    self.report.missed.push(one.event.clone());
                    self.report.created.push(hook);
                }
                Err(obstacle) => {
                    hindered = Some(obstacle);
                    self.keep_old(one, &mut surplus, &mut served, &mut kept);
                }
            }
        }
        for hook in surplus {
            self.remove(hook).await?;
        }
        if made {
            self.keep_lowest(&mut kept).await?;
        }
        self.report.kept = kept.into_iter().map(told).collect();
        Ok(hindered.map(|obstacle| (obstacle, served)))
    }

    fn keep_old(
        &self,
        one: &Wanted,
        surplus: &mut Vec<Ours>,
        served: &mut BTreeSet<String>,
        kept: &mut Vec<Ours>,
    ) {
        let of_it = |hook: &Ours| hook.url == self.request.target_url && hook.event == one.event;
        if let Some(at) = surplus.iter().position(of_it) {
            kept.push(surplus.remove(at));
            served.insert(one.event.clone());
        }
    }

    /// Creates a hook; after a lost answer it looks before it repeats.
    async fn create(&self, wanted: &Wanted) -> Result<Result<Hook, Obstacle>, Error> {
        let mut body = json!({
            "event": wanted.event,
            "targetUrl": self.request.target_url,
            "description": format!("capsule-wasm:{}", self.request.owner),
        });
        if let (Value::Object(body), false) = (&mut body, wanted.embed.is_empty()) {
            let tokens: Vec<&str> = wanted.embed.iter().map(String::as_str).collect();
            body.insert("embed".into(), tokens.join(",").into());
        }
        let call = Call::create(&["resthooks"], json!({ "restHook": body }));
        let mut looked = false;
        loop {
            let error = match self.client.send(&call).await {
                Ok(mut answer) => {
                    let hook = answer.take(&call, "restHook")?;
                    let id = hook.get("id").and_then(Value::as_u64).unwrap_or_default();
                    return Ok(Ok(self.hook(id, &wanted.event)));
                }
                Err(error) => error,
            };
            match &error {
                Error::Permanent(P::InvalidInput(faults)) => {
                    // Capsule's word on the address is the caller's to mend; anything else is the limit of 20.
                    let of_address = faults.iter().any(|fault| fault.pointer == "/targetUrl");
                    return if of_address {
                        Err(error)
                    } else {
                        Ok(Err(Obstacle::Full))
                    };
                }
                Error::Permanent(P::OutcomeUnknown(_)) if !looked => {
                    looked = true;
                    let there = self.list().await?;
                    let made = there.iter().find(|hook| {
                        hook.url == self.request.target_url
                            && hook.event == wanted.event
                            && hook.embed == wanted.embed
                    });
                    if let Some(hook) = made {
                        return Ok(Ok(self.hook(hook.id, &wanted.event)));
                    }
                }
                _ => {
                    return match obstacle(&error) {
                        Some(obstacle) => Ok(Err(obstacle)),
                        None => Err(error),
                    };
                }
            }
        }
    }

    fn hook(&self, id: u64, event: &str) -> Hook {
        Hook {
            id: id.to_string(),
            event: event.to_owned(),
            target_url: self.request.target_url.clone(),
        }
    }

    async fn remove(&mut self, hook: Ours) -> Result<(), Error> {
        let call = Call::delete(&["resthooks", &hook.id.to_string()]);
        match self.client.send(&call).await {
            Ok(_) => self.report.removed.push(told(hook)),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Another reconcile may have made the same at the same time.
    async fn keep_lowest(&mut self, kept: &mut [Ours]) -> Result<(), Error> {
        let mut seen: Vec<Ours> = Vec::new();
        for hook in self.list().await? {
            let known = |one: &Ours| one.event == hook.event && one.url == hook.url;
            match seen.iter().find(|one| known(one)).cloned() {
                None => seen.push(hook),
                Some(lowest) => {
                    let id = hook.id.to_string();
                    self.remove(hook).await?;
                    if let Some(ours) = self.report.created.iter_mut().find(|one| one.id == id) {
                        ours.id = lowest.id.to_string();
                    }
                    if let Some(ours) = kept.iter_mut().find(|one| one.id.to_string() == id) {
                        *ours = lowest;
                    }
                }
            }
        }
        Ok(())
    }
}

fn told(hook: Ours) -> Hook {
    Hook {
        id: hook.id.to_string(),
        event: hook.event,
        target_url: hook.url,
    }
}
