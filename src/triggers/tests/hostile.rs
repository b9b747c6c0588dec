//! Feeds that answer anything: a poll gives a batch or an error, and keeps its promises.

use super::*;
use crate::api::{Sending, Settings, Transport};
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// One answer: status, body, whether there is a next page, and the clock.
type Answered = (u16, Value, bool, Option<&'static str>);

/// Answers in turn, over and over.
struct Any {
    answers: Vec<Answered>,
    sent: Rc<Cell<usize>>,
}

impl Transport for Any {
    fn send(&self, _: http::Request<Vec<u8>>) -> Sending<'_> {
        let turn = self.sent.replace(self.sent.get() + 1);
        let (status, body, more, date) = &self.answers[turn % self.answers.len()];
        let mut reply = http::Response::builder().status(*status);
        if *more {
            reply = reply.header("x-pagination-has-more", "true");
        }
        if let Some(date) = date {
            reply = reply.header("date", *date);
        }
        let reply = reply.body(body.to_string().into_bytes()).unwrap();
        Box::pin(async move { Ok(reply) })
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn a_time() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0u32..120).prop_map(|second| json!(format!(
            "2026-02-03T09:{:02}:{:02}Z",
            second / 60 + 10,
            second % 60
        ))),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("9999-12-31T23:59:59Z")),
        Just(json!("2026-02-30T09:00:00Z")),
        Just(json!("now")),
        Just(json!(-1)),
        Just(Value::Null),
    ]
}

fn a_row() -> impl Strategy<Value = Value> {
    let id = prop_oneof![
        (0u64..20).prop_map(|id| json!(id)),
        Just(json!(u64::MAX)),
        Just(json!(1u64 << 53)),
        Just(json!("7")),
        Just(json!(1.5)),
    ];
    let kind = prop_oneof![Just("person"), Just("organisation"), Just("note"), Just("")];
    let number = prop_oneof![Just(json!(0)), Just(json!(100)), Just(json!("100"))];
    let times = proptest::collection::vec(a_time(), 6);
    let day = prop_oneof![
        Just(json!("2026-02-03")),
        Just(json!("0001-01-01")),
        Just(json!("9999-12-31")),
        Just(json!(7))
    ];
    let time = prop_oneof![
        Just(json!("09:12")),
        Just(json!("24:00")),
        Just(Value::Null)
    ];
    (id, kind, number, times, day, time).prop_map(|(id, kind, probability, times, due, time)| {
        let [created, updated, moved, closed, completed, deleted] = times.try_into().unwrap();
        let status = if probability == 0 { "OPEN" } else { "COMPLETED" };
        json!({"id": id, "type": kind, "firstName": "Inês", "name": "Roof", "probability": probability, "createdAt": created,
            "updatedAt": updated, "lastStageChangedAt": moved, "closedOn": closed, "completedAt": completed, "deletedAt": deleted,
            "entryAt": created, "dueOn": due, "dueTime": time, "expectedCloseOn": due, "status": status, "milestone": null, "stage": 7, "tags": {}, "owner": []})
    })
}

fn an_answer(key: &'static str) -> impl Strategy<Value = Answered> {
    let rows = proptest::collection::vec(prop_oneof![9 => a_row(), 1 => Just(json!([]))], 0..12);
    let total = prop_oneof![Just(json!(3)), Just(json!(-1)), Just(Value::Null)];
    let body = (rows, total).prop_map(move |(rows, total)| {
        let mut body = json!({"user": {"id": 31}, "meta": {"totalCount": total}});
        body[key] = Value::Array(rows);
        body
    });
    let body = prop_oneof![9 => body, 1 => Just(json!([])), 1 => Just(json!({}))];
    let status = prop_oneof![12 => Just(200), 1 => Just(404), 1 => Just(500), 1 => Just(429)];
    let date = prop_oneof![
        Just(Some(NOW)),
        Just(Some("Tue, 03 Feb 2026 09:11:00 GMT")),
        Just(Some("Mon, 01 Jan 0001 00:00:00 GMT")),
        Just(Some("soon")),
        Just(None),
    ];
    (status, body, any::<bool>(), date)
}

const FEEDS: &[(&str, &[&str])] = &[
    ("parties", &["person.created", "party.updated"]),
    ("opportunities", &["opportunity.moved", "opportunity.won"]),
    ("kases", &["project.closed", "project.updated"]),
    ("tasks", &["task.completed", "task.created"]),
    ("parties", &["party.deleted"]),
    ("entries", &["entry.created"]),
    ("tasks", &["task.due", "task.overdue"]),
    (
        "opportunities",
        &["opportunity.stale", "opportunity.close-date-near"],
    ),
    ("parties", &["record.matches-saved-filter"]),
];

fn a_feed() -> impl Strategy<Value = (&'static [&'static str], Vec<Answered>)> {
    (0..FEEDS.len()).prop_flat_map(|index| {
        let (key, triggers) = FEEDS[index];
        (
            Just(triggers),
            proptest::collection::vec(an_answer(key), 1..6),
        )
    })
}

proptest! {
    #[test]
    fn whatever_a_feed_answers_a_poll_ends_within_its_limits((triggers, answers) in a_feed(), limit in 1u32..20) {
        let sent = Rc::new(Cell::new(0));
        let client = Client::new(
            Any { answers, sent: Rc::clone(&sent) },
            Settings { access_token: Some("t".into()), ..Settings::default() },
        );
        let options = |id: &str| match id {
            "record.matches-saved-filter" => json!({"entity": "parties", "filter": 5}),
            _ => json!({}),
        };
        let listeners: Vec<Listener> = triggers.iter().map(|id| listener(id, options(id))).collect();
        let mut start = Position::Since("2026-02-03T09:10:00Z".into());
        for _ in 0..4 {
            let before = sent.get();
            let Ok(batch) = block_on(poll(&client, &listeners, &start, limit)) else { break };
            prop_assert!(batch.events.len() <= limit as usize);
            // Twenty pages at most, and what closes three passes over them.
            prop_assert!(sent.get() - before <= 80, "{} requests", sent.get() - before);
            prop_assert!(batch.next.len() < 64 * 1024);
            for event in &batch.events {
                prop_assert!(serde_json::from_str::<Value>(&event.data).is_ok());
            }
            start = Position::At(batch.next);
        }
    }
}
