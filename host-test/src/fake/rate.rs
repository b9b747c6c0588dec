//! The rate limit: so many requests an hour for each Capsule user, over all of that user's tokens (API reference 2.10).

use std::collections::HashMap;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::reply::json_response;

const WINDOW_SECONDS: i64 = 3_600;

/// Requests by user in the present hour. Windows are the hours of the clock.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    window: i64,
    used: HashMap<u64, u32>,
}

/// Where a user stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    limit: u32,
    /// Requests of this hour, this one included.
    used: u32,
    /// When the next hour begins, in seconds of the Unix epoch.
    reset: i64,
}

impl RateLimit {
    /// Counts one request.
    pub(super) fn count(&mut self, user: u64, limit: u32, now: Timestamp) -> Standing {
        let window = now.as_second().div_euclid(WINDOW_SECONDS);
        if window != self.window {
            self.window = window;
            self.used.clear();
        }
        let used = self.used.entry(user).or_default();
        *used = used.saturating_add(1);
        Standing {
            limit,
            used: *used,
            reset: (window + 1) * WINDOW_SECONDS,
        }
    }
}

impl Standing {
    /// A standing beyond the limit.
    pub(super) fn exhausted(limit: u32, now: Timestamp) -> Standing {
        let window = now.as_second().div_euclid(WINDOW_SECONDS);
        Standing {
            limit,
            used: limit.saturating_add(1),
            reset: (window + 1) * WINDOW_SECONDS,
        }
    }

    pub(super) fn is_refused(self) -> bool {
        self.used > self.limit
    }

    /// Writes the three headers.
    pub(super) fn stamp(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert(
            "x-ratelimit-remaining",
            HeaderValue::from(self.limit.saturating_sub(self.used)),
        );
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
    }

    /// The 429. Its key is `error`, and there is no `Retry-After`.
    pub(super) fn refuse(self) -> Response {
        let mut response = json_response(
            StatusCode::TOO_MANY_REQUESTS,
            &json!({ "error": "rate limit reached" }),
        );
        self.stamp(response.headers_mut());
        response
    }
}
