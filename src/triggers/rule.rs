//! What a record tells of what happened to it: the same whether it came by hook or by poll.

use crate::contract::Trigger;
use crate::model::Kind;
use crate::model::time::{Seconds, date, instant, time_of_day, written};
use serde_json::Value;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A party, of one type or of either.
    Party(Option<&'static str>),
    Opportunity,
    Project,
    Task,
    Entry,
    User,
    /// Whatever Capsule sends.
    Raw,
}

impl Subject {
    /// How records of this kind are spelled; none for those without custom fields.
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Party(_) => Some(Kind::Party),
            Self::Opportunity => Some(Kind::Opportunity),
            Self::Project => Some(Kind::Project),
            _ => None,
        }
    }

    /// The path segment, which is the list's key too, and the key of one (API reference 2.1).
    pub(super) fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Party(_) => ("parties", "party"),
            Self::Opportunity => ("opportunities", "opportunity"),
            Self::Project => ("kases", "kase"),
            Self::Task => ("tasks", "task"),
            Self::Entry => ("entries", "entry"),
            Self::User | Self::Raw => ("users", "user"),
        }
    }
}

/// Which change is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Created,
    Updated,
    Moved,
    Closed,
    Won,
    Lost,
    Completed,
    Deleted,
    Sent,
    /// A task's due time comes.
    Due,
    /// It passes.
    Overdue,
    /// An opportunity rests.
    Stale,
    /// Its expected close is near.
    Near,
    /// A saved filter finds it.
    Matched,
}

/// What a trigger waits for, by its id: a test holds that every trigger of the contract is understood.
pub(super) fn meaning(trigger: &Trigger) -> Option<(Subject, Change)> {
    let (subject, change) = trigger.id.split_once('.')?;
    let subject = match subject {
        "person" => Subject::Party(Some("person")),
        "organisation" => Subject::Party(Some("organisation")),
        "party" => Subject::Party(None),
        "opportunity" => Subject::Opportunity,
        "project" => Subject::Project,
        "task" => Subject::Task,
        "entry" => Subject::Entry,
        "user" => Subject::User,
        // A record of which kind is an option.
        "capsule" | "record" => Subject::Raw,
        _ => return None,
    };
    let change = match change {
        "created" => Change::Created,
        "updated" => Change::Updated,
        "moved" => Change::Moved,
        "closed" => Change::Closed,
        "won" => Change::Won,
        "lost" => Change::Lost,
        "completed" => Change::Completed,
        "deleted" => Change::Deleted,
        "event" => Change::Sent,
        "due" => Change::Due,
        "overdue" => Change::Overdue,
        "stale" => Change::Stale,
        "close-date-near" => Change::Near,
        "matches-saved-filter" => Change::Matched,
        _ => return None,
    };
    Some((subject, change))
}

/// Seven days: how far back-dated a completion may be, and how long after a close another change of the same opportunity still tells it.
pub(super) const WEEK: Seconds = 7 * 86_400;

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In a delivery. `named`: the delivery says the very change, so that it need not be looked for.
    Hook { named: bool },
    /// On a page: what was told before the low mark, less the overlap, was given already.
    Page { low: Seconds, since: Seconds },
}

/// One fact that a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// What both ways see of it.
    pub(super) version: String,
    /// When.
    pub(super) at: Option<String>,
}

impl Fact {
    pub(super) fn at(instant: Seconds) -> Self {
        let text = written(instant);
        Self {
            version: text.clone(),
            at: Some(text),
        }
    }
}

/// An instant of a record.
pub(super) fn time(record: &Value, key: &str) -> Option<Seconds> {
    instant(record.get(key)?.as_str()?)
}

fn text<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record.get(key)?.as_str()
}

/// Whether the record is of the subject's type.
pub(super) fn is_about(subject: Subject, record: &Value) -> bool {
    match subject {
        Subject::Party(Some(kind)) => text(record, "type") == Some(kind),
        _ => true,
    }
}

/// What the record tells of a change; nothing if it did not happen, or not in the window of the page.
pub(super) fn fact(subject: Subject, change: Change, record: &Value, way: Way) -> Option<Fact> {
    let fresh = |at: &Seconds| match way {
        Way::Hook { .. } => true,
        Way::Page { since, .. } => *at >= since,
    };
    match (subject, change) {
        (_, Change::Created) => time(record, "createdAt").filter(fresh).map(Fact::at),
        (_, Change::Updated) => {
            let updated = time(record, "updatedAt").filter(fresh)?;
            // Creation and edit in one second are one creation.
            (Some(updated) > time(record, "createdAt")).then(|| Fact::at(updated))
        }
        (Subject::Opportunity, Change::Moved) => {
            let moved = time(record, "lastStageChangedAt").filter(fresh)?;
            (Some(moved) > time(record, "createdAt")).then(|| Fact::at(moved))
        }
        // A project carries no time of its move.
        (Subject::Project, Change::Moved) => match way {
            Way::Hook { named: true } => time(record, "updatedAt").map(Fact::at),
            _ => None,
        },
        (Subject::Opportunity, Change::Closed | Change::Won | Change::Lost) => {
            closed_opportunity(change, record, way, fresh)
        }
        (Subject::Project, Change::Closed) => closed_project(record, way),
        (Subject::Task, Change::Completed) => {
            let completed = time(record, "completedAt")?;
            let told = text(record, "status")
                .is_some_and(|status| status.eq_ignore_ascii_case("completed"));
            let near = match way {
                Way::Hook { .. } => true,
                Way::Page { low, .. } => completed >= low - WEEK,
            };
            (told && near).then(|| Fact::at(completed))
        }
        _ => None,
    }
}

/// Any record of the opportunity tells it, so that one that goes from won to lost without a close is seen. `probability` tells won from
/// lost (API reference 3.2).
fn closed_opportunity(
    change: Change,
    record: &Value,
    way: Way,
    fresh: impl Fn(&Seconds) -> bool,
) -> Option<Fact> {
    text(record, "closedOn")?;
    let probability = record.get("probability").and_then(Value::as_f64);
    let meant = match change {
        Change::Won => probability == Some(100.0),
        Change::Lost => probability == Some(0.0),
        _ => true,
    };
    // One that was created closed never changed its stage.
    let closed = time(record, "lastStageChangedAt").or_else(|| time(record, "createdAt"))?;
    let near = match way {
        Way::Hook { named: false } => {
            time(record, "updatedAt").is_none_or(|updated| updated - closed <= WEEK)
        }
        _ => fresh(&closed),
    };
    (meant && near).then(|| Fact::at(closed))
}

/// A day is all that a project tells of its close.
fn closed_project(record: &Value, way: Way) -> Option<Fact> {
    let closed_on = text(record, "closedOn")?;
    let day = date(closed_on)?;
    let told = text(record, "status").is_some_and(|status| status.eq_ignore_ascii_case("closed"));
    let near = match way {
        Way::Hook { .. } => true,
        Way::Page { low, .. } => day >= low.div_euclid(86_400) * 86_400 - 86_400,
    };
    (told && near).then(|| Fact {
        version: closed_on.to_owned(),
        at: None,
    })
}

/// Since when, or from when on, something is the case; nothing if it never will be as the record stands. `days` and the minutes that local
/// time is ahead are the listener's: Capsule tells the name of an owner's time zone, and no offset (API reference 2.4, 3.14).
pub(super) fn case(change: Change, record: &Value, days: i64, ahead: i64) -> Option<Seconds> {
    const DAY: Seconds = 86_400;
    let local = |key: &str| Some(date(text(record, key)?)? - ahead * 60);
    let at = match change {
        Change::Due | Change::Overdue => {
            let open =
                text(record, "status").is_none_or(|status| status.eq_ignore_ascii_case("open"));
            let day = local("dueOn").filter(|_| open)?;
            // Without a time of its own it is due all day long.
            let whole_day = if change == Change::Due { 0 } else { DAY };
            day + text(record, "dueTime")
                .and_then(time_of_day)
                .unwrap_or(whole_day)
        }
        // One that is closed rests for good.
        _ if text(record, "closedOn").is_some() => return None,
        Change::Stale => {
            time(record, "lastStageChangedAt").or_else(|| time(record, "createdAt"))? + days * DAY
        }
        Change::Near => local("expectedCloseOn")? - days * DAY,
        _ => return None,
    };
    // Of the first and the last days of all there is nothing to write.
    (instant(&written(at)) == Some(at)).then_some(at)
}

/// A deletion, or that the connected user may no longer see the record. Neither way tells a version that the other sees.
pub(super) fn deletion(record: &Value, from_feed: bool) -> Fact {
    let at = text(record, "deletedAt").map(ToOwned::to_owned);
    let restricted = from_feed && at.is_none();
    Fact {
        version: if restricted {
            "restricted".into()
        } else {
            String::new()
        },
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::TRIGGERS;

    #[test]
    fn every_trigger_of_the_contract_is_understood() {
        for trigger in TRIGGERS {
            assert!(meaning(trigger).is_some(), "{}", trigger.id);
        }
    }
}
