//! Strangers' bytes as the component meets them: answers out of a text, cursors under a right sum.

use capsule_crm::api::{Sending, Transport};
use capsule_crm::contract::fingerprint;
use serde_json::{Value, json};
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// More than any call may send.
const MOST_SENT: usize = 4000;

/// Answers in turn, over and over.
pub(super) struct Answers {
    all: Vec<http::Response<Vec<u8>>>,
    sent: Cell<usize>,
}

impl Answers {
    fn new(all: Vec<http::Response<Vec<u8>>>) -> Self {
        Self {
            all,
            sent: Cell::new(0),
        }
    }

    /// For what must send nothing.
    pub(super) fn none() -> Self {
        Self::new(Vec::new())
    }

    /// To whatever is asked for.
    pub(super) fn of_rows(rows: &[Value]) -> Self {
        let mut body = json!({"user": {"id": 31, "username": "rkaya"}, "meta": {"totalCount": rows.len()}, "filters": [{"id": 5, "name": "VIPs"}]});
        for (key, one) in [
            ("parties", "party"),
            ("opportunities", "opportunity"),
            ("kases", "kase"),
            ("tasks", "task"),
            ("entries", "entry"),
            ("users", "user"),
        ] {
            body[key] = Value::Array(rows.to_vec());
            if let Some(row) = rows.first() {
                body[one] = row.clone();
            }
        }
        Self::new(vec![reply(200, &[("date", NOW)], body.to_string().into())])
    }

    /// Two records, on pages of one at first.
    pub(super) fn ordinary() -> Self {
        let row = |id: u64, at: &str| {
            json!({"id": id, "type": "person", "firstName": "Inês", "name": "Lagoa Foods", "description": "Call", "status": "OPEN",
                "dueOn": "2026-02-03", "expectedCloseOn": "2026-02-05", "createdAt": at, "updatedAt": at, "entryAt": at,
                "lastStageChangedAt": "2026-01-01T08:00:00Z", "deletedAt": at})
        };
        let rows = [
            row(7, "2026-02-03T09:11:00Z"),
            row(9, "2026-02-03T09:12:00Z"),
        ];
        let mut all = Self::of_rows(&rows);
        let mut first = Self::of_rows(&rows[..1]);
        for mut reply in first.all.drain(..) {
            let more = http::HeaderValue::from_static("true");
            reply.headers_mut().insert("x-pagination-has-more", more);
            all.all.insert(0, reply);
        }
        all
    }

    /// Status, headers, an empty line and a body each, with `---` between them.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut all = Vec::new();
        let mut rest = Some(bytes);
        while let Some(bytes) = rest {
            let end = find(bytes, b"\n---\n");
            let (one, after) = match end {
                Some(at) => (&bytes[..at], Some(&bytes[at + 5..])),
                None => (bytes, None),
            };
            all.push(one_of(one));
            rest = after.filter(|_| all.len() < 16);
        }
        Self::new(all)
    }
}

const NOW: &str = "Tue, 03 Feb 2026 09:15:00 GMT";

fn one_of(bytes: &[u8]) -> http::Response<Vec<u8>> {
    let (status, mut rest) = line(bytes);
    let status = std::str::from_utf8(status)
        .ok()
        .and_then(|status| status.trim().parse().ok());
    let mut headers = Vec::new();
    loop {
        let (header, after) = line(rest);
        rest = after;
        let Some((name, value)) = std::str::from_utf8(header)
            .ok()
            .and_then(|header| header.split_once(": "))
        else {
            break;
        };
        headers.push((name, value));
    }
    reply(status.unwrap_or(200), &headers, rest.to_vec())
}

/// With the headers that are such.
fn reply(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> http::Response<Vec<u8>> {
    let mut reply = http::Response::new(body);
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::try_from(*name),
            http::HeaderValue::try_from(*value),
        ) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

impl Transport for Answers {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        let turn = self.sent.replace(self.sent.get() + 1);
        assert!(
            !self.all.is_empty(),
            "{} {} was sent",
            request.method(),
            request.uri()
        );
        assert!(turn < MOST_SENT, "requests without end");
        let address = request.uri();
        assert_eq!(address.host(), Some("api.capsulecrm.com"), "{address}");
        let reply = self.all[turn % self.all.len()].clone();
        Box::pin(async move { Ok(reply) })
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.sent.get() as u64)
    }
}

/// Up to the first line break, and what follows it.
pub(super) fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A cursor that holds these bytes, under a right sum: fuzzing would not find one.
pub(super) fn cursor(feed: u32, held: &[u8]) -> String {
    let mut all = Vec::new();
    let mut number = feed;
    while number >= 0x80 {
        all.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    all.push(number as u8);
    all.extend(held);
    #[allow(clippy::cast_possible_truncation)]
    let sum = (fingerprint(&all) as u32).to_be_bytes();
    format!("p1.{}", base64(&[&sum, &all[..]].concat()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(
                LETTERS[(bits >> (18 - 6 * place)) as usize & 63],
            ));
        }
    }
    text
}

/// Nothing waits here: what is not ready at once never is.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future waits for something that never comes");
}
