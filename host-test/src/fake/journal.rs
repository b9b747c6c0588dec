//! What was asked of the fake, for tests and for people who look on. Secrets are never written down.

use std::collections::VecDeque;

use http::{Method, StatusCode};
use jiff::Timestamp;

/// Rows that are kept; the oldest go first.
const LIMIT: usize = 100_000;

/// Query parameters that carry secrets or one-time values. A client that puts a token into a URL is a fault that a test may
/// look for: the name stays, the value goes.
const SECRET: [&str; 9] = [
    "access_token",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "password",
    "refresh_token",
    "state",
    "token",
];

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// When it was answered.
    pub at: Timestamp,
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// Its query with secret values replaced by `[redacted]`; empty when there was none.
    pub query: String,
    /// The status that was answered; `None` where a fault dropped the connection.
    pub status: Option<StatusCode>,
    /// The Capsule user's id, where the request had one.
    pub user: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<JournalRow>);

impl Journal {
    pub(super) fn write(&mut self, row: JournalRow) {
        if self.0.len() >= LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(row);
    }

    pub(super) fn rows(&self) -> Vec<JournalRow> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A query without its secrets.
pub(super) fn redact(query: &str) -> String {
    let is_secret = |pair: &str| {
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(key, _)| SECRET.contains(&key.as_ref()))
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if is_secret(pair) => format!("{key}=[redacted]"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_query_is_not_written_down() {
        assert_eq!(
            redact("page=1&%61ccess_token=abc&q=x"),
            "page=1&%61ccess_token=[redacted]&q=x"
        );
    }
}
