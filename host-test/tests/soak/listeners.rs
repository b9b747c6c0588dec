//! Who listens: a listener of nearly every trigger, by poll alone or by hook too.

use capsule_host::runtime::triggers::{DeliveryMode, Listener};
use serde_json::json;

use crate::oracle::STALE_DAYS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Poll,
    Hooks,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Hooks => "hooks",
        }
    }
}

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

/// The listener that hears the same as another one, and whom it hears it with.
pub(crate) const AGAIN: (&str, &str) = ("parties again", "party.updated");

/// A listener of every trigger but two, and a second one of one of them: neither may take the other's events. The two: `capsule.event` gives
/// what the others give once more, and the version of `record.matches-saved-filter` is the time of a poll, which no oracle knows.
pub(crate) fn listeners(mode: Mode) -> Vec<Listener> {
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
    all.push(listener(AGAIN.0, AGAIN.1));
    all
}
