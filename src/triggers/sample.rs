//! Examples: real records of the account as events, newest first, for building a mapping.

use super::digest::short;
use super::event::{Carrier, Found, gone, id_of, shaped};
use super::filter::{Places, Verdict, judge};
use super::listening::Listening;
use super::names;
use super::rule::{Change, Fact, Subject, Way, deletion, fact, is_about, time};
use super::standing::{found_by, open_opportunities};
use crate::api::{Call, Client, invalid};
use crate::bindings::integration::connector::types::Error;
use crate::model::time::{Seconds, written};
use serde_json::{Value, json};

/// How far back deletions are looked for.
const NINETY_DAYS: i64 = 90 * 86_400;

/// Up to `limit` events.
///
/// # Errors
/// `invalid-input` for a limit out of range or a name that nothing has, and what sending gives.
pub(super) async fn sample(
    client: &Client,
    listening: &Listening,
    limit: u32,
) -> Result<Vec<Found>, Error> {
    if !(1..=100).contains(&limit) {
        return Err(invalid("/limit", "range", "1 to 100 are expected"));
    }
    let listeners = std::slice::from_ref(listening);
    names::look_up(client, listeners, |_| "/listener/options".into()).await?;
    let places = Places::read(client, listeners).await?;
    let carrier = Carrier::new(client, listening).await?;
    let mut found = Vec::new();
    let (rows, now) = rows(client, listening).await?;
    for row in rows {
        if found.len() == limit as usize {
            break;
        }
        let Some(record) = id_of(&row) else { continue };
        let told = match (listening.change, listening.subject) {
            (_, Subject::User) => Some((
                Fact {
                    version: short(capsule_json::text(&row).as_bytes()),
                    at: None,
                },
                shaped(listening, row),
            )),
            (Change::Deleted, _) => {
                let fact = deletion(&row, true);
                let data = gone(record, &fact, fact.at.is_none());
                Some((fact, Some(data)))
            }
            _ if !is_about(listening.subject, &row)
                || judge(listening, &row, &places) != Verdict::Wanted =>
            {
                None
            }
            _ => match listening.change {
                Change::Due | Change::Overdue | Change::Stale | Change::Near => listening
                    .case(&row)
                    .filter(|at| now.is_none_or(|now| *at <= now))
                    .map(Fact::at),
                // A poll's version is the time of the poll before.
                Change::Matched => Some(Fact {
                    version: now.map(written).unwrap_or_default(),
                    at: None,
                }),
                change => fact(listening.subject, change, &row, Way::Hook { named: true }),
            }
            .map(|fact| (fact, carrier.data(listening, row))),
        };
        if let Some((fact, Some(data))) = told {
            found.push(Found {
                listener: listening.id.clone(),
                trigger: listening.trigger,
                record,
                fact,
                data,
            });
        }
    }
    Ok(found)
}

/// The newest records that may be examples, in one request or two, and Capsule's clock.
async fn rows(
    client: &Client,
    listening: &Listening,
) -> Result<(Vec<Value>, Option<Seconds>), Error> {
    let (path, _) = listening.subject.keys();
    let page = |call: Call| call.with("page", "1").with("perPage", "100");
    let embeds = listening.tokens();
    let mut newest = "updatedAt";
    let call = match (listening.subject, listening.change) {
        // What Capsule sends can't be asked for.
        (Subject::Raw, _) => return Ok((Vec::new(), None)),
        (_, Change::Matched) => {
            let pointer = "/listener/options/filter";
            let (_, call) = found_by(client, listening, pointer).await?;
            page(call.embed(&embeds.tokens))
        }
        (_, Change::Due | Change::Overdue) => page(Call::get(&["tasks"]).with("status", "open")),
        (_, Change::Stale | Change::Near) => page(open_opportunities().embed(&embeds.tokens)),
        (Subject::User, _) => Call::get(&["users"]),
        (Subject::Entry, _) => {
            newest = "createdAt";
            page(Call::get(&["entries"]))
        }
        (Subject::Task, _) => page(Call::get(&["tasks"]).with("status", "open,completed,pending")),
        (_, Change::Deleted) => {
            newest = "deletedAt";
            let answer = client.send(&Call::get(&["users", "current"])).await?;
            let now = answer.clock();
            Call::get(&[path, "deleted"])
                .with("since", written(now.unwrap_or_default() - NINETY_DAYS))
        }
        (subject, change) => {
            let mut conditions = Vec::new();
            let mut is = |field: &str, value: &str| {
                conditions.push(json!({"field": field, "operator": "is", "value": value}));
            };
            match (subject, change) {
                (Subject::Party(Some(kind)), _) => is("type", kind),
                (Subject::Opportunity, Change::Won) => is("status", "won"),
                (Subject::Opportunity, Change::Lost) => is("status", "lost"),
                (Subject::Project, Change::Closed) => is("status", "closed"),
                _ => {}
            }
            let order = if change == Change::Created {
                newest = "createdAt";
                "addedOn"
            } else {
                "updatedOn"
            };
            let filter = json!({"conditions": conditions, "orderBy": [{"field": order, "direction": "descending"}]});
            let call = Call::ask(&[path, "filters", "results"], json!({ "filter": filter }));
            page(call.embed(&embeds.tokens))
        }
    };
    let mut answer = client.send(&call).await?;
    let mut rows = answer.rows(&call, path)?;
    crate::few::order_by_key(&mut rows, |row| std::cmp::Reverse(time(row, newest)));
    Ok((rows, answer.clock()))
}
