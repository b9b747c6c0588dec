//! Keeps a vendor user's calls within the vendor's rate limit.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

/// From this part of the limit on, requests are spread over the rest of the window instead of hitting its end at once.
const PACE_BELOW: f64 = 0.05;

/// What the vendor said about the limit, brought forward to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests per window.
    pub limit: u32,
    /// Requests left, those under way already taken off.
    pub remaining: u32,
    /// Until the window ends.
    pub resets_in: Duration,
    /// The end of the window as the vendor wrote it: seconds since 1970.
    pub resets_at: u64,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Go,
    /// After this long, without asking again: the place is taken.
    GoAfter(Duration),
    /// Not in this window.
    NotNow(Quota),
}

/// One user's rate limit. Capsule counts per user of the account, over all tokens of that user (API reference 2.10), so
/// connections of one user may share a governor.
#[derive(Debug, Default)]
pub struct Governor {
    window: Mutex<Option<Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u32,
    remaining: u32,
    resets_at: u64,
    ends: Instant,
}

impl Governor {
    /// Knows nothing yet: everything may go.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is left, if an answer of the current window has told it.
    pub fn quota(&self) -> Option<Quota> {
        let now = Instant::now();
        self.lock()
            .filter(|window| now < window.ends)
            .map(|window| window.quota(now))
    }

    /// Takes a place. `longest` is how long the caller is willing to wait in place.
    pub(crate) fn turn(&self, longest: Duration) -> Turn {
        let now = Instant::now();
        let mut guard = self.lock();
        let Some(window) = guard.as_mut() else {
            return Turn::Go;
        };
        let left = window.ends.saturating_duration_since(now);
        if left.is_zero() {
            *guard = None;
            return Turn::Go;
        }
        if window.remaining == 0 {
            return if left <= longest {
                Turn::GoAfter(left)
            } else {
                Turn::NotNow(window.quota(now))
            };
        }
        let scarce = f64::from(window.remaining) < f64::from(window.limit) * PACE_BELOW;
        let pace = left / window.remaining;
        window.remaining -= 1;
        if scarce {
            Turn::GoAfter(pace.min(longest))
        } else {
            Turn::Go
        }
    }

    /// Reads the headers of an answer. Answers may come out of order: within a window the lower number counts.
    pub(crate) fn observe(&self, headers: &HeaderMap) {
        let number =
            |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        let small = |name: &str| number(name).map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        let (Some(limit), Some(remaining), Some(resets_at)) = (
            small("x-ratelimit-limit"),
            small("x-ratelimit-remaining"),
            number("x-ratelimit-reset"),
        ) else {
            return;
        };
        // The vendor's clock tells how long the window lasts; ours may be wrong.
        let vendor_now = headers
            .get(http::header::DATE)
            .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
            .unwrap_or_else(SystemTime::now);
        let vendor_now = vendor_now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        // A window of more than a day is not believed: a wrong header must not block a user for ever.
        let left = Duration::from_secs(resets_at.saturating_sub(vendor_now).min(24 * 3600));
        let seen = Window {
            limit,
            remaining,
            resets_at,
            ends: Instant::now() + left,
        };
        let mut guard = self.lock();
        match guard.as_mut() {
            Some(window) if window.resets_at == resets_at => {
                window.limit = limit;
                window.remaining = window.remaining.min(remaining);
            }
            Some(window) if window.resets_at > resets_at => {}
            _ => *guard = Some(seen),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Window>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn quota(&self, now: Instant) -> Quota {
        Quota {
            limit: self.limit,
            remaining: self.remaining,
            resets_in: self.ends.saturating_duration_since(now),
            resets_at: self.resets_at,
        }
    }
}

/// The answer that the vendor would give, given in its place: the guest reads the same headers.
pub(crate) fn too_many_requests(quota: &Quota) -> http::Response<&'static str> {
    let mut response = http::Response::new(r#"{"error":"rate limit reached"}"#);
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert("x-ratelimit-limit", quota.limit.into());
    headers.insert("x-ratelimit-remaining", quota.remaining.into());
    headers.insert("x-ratelimit-reset", quota.resets_at.into());
    // The guest has no clock of its own: it counts from the vendor's.
    let vendor_now =
        UNIX_EPOCH + Duration::from_secs(quota.resets_at).saturating_sub(quota.resets_in);
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(vendor_now)) {
        headers.insert(http::header::DATE, date);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_772_000_000;

    fn headers(limit: u32, remaining: u32, resets_in: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", limit.into());
        headers.insert("x-ratelimit-remaining", remaining.into());
        headers.insert("x-ratelimit-reset", (NOW + resets_in).into());
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(NOW));
        headers.insert("date", date.parse().unwrap());
        headers
    }

    const TWO: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn nothing_is_slowed_while_nothing_is_known_or_enough_is_left() {
        let governor = Governor::new();
        assert_eq!(governor.turn(TWO), Turn::Go);
        governor.observe(&headers(4000, 3000, 3600));
        assert_eq!(governor.turn(TWO), Turn::Go);
        assert_eq!(governor.quota().unwrap().remaining, 2999);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_is_waited_and_a_long_one_is_refused() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 0, 2));
        assert_eq!(governor.turn(TWO), Turn::GoAfter(TWO));
        governor.observe(&headers(4000, 0, 600));
        assert!(matches!(governor.turn(TWO), Turn::NotNow(quota) if quota.resets_at == NOW + 600));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_count() {
        let governor = Governor::new();
        governor.observe(&headers(10, 2, 600));
        assert_eq!(governor.turn(TWO), Turn::Go);
        assert_eq!(governor.turn(TWO), Turn::Go);
        assert!(matches!(governor.turn(TWO), Turn::NotNow(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_requests_of_a_window_are_spread() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 100, 100));
        assert_eq!(governor.turn(TWO), Turn::GoAfter(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_does_not_raise_what_is_left() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 100, 600));
        governor.observe(&headers(4000, 101, 600));
        assert_eq!(governor.quota().unwrap().remaining, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_window_frees_the_way() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 0, 600));
        tokio::time::advance(Duration::from_secs(601)).await;
        assert_eq!(governor.turn(TWO), Turn::Go);
    }

    #[test]
    fn the_refusal_reads_like_the_vendors_own() {
        let quota = Quota {
            limit: 4000,
            remaining: 0,
            resets_in: Duration::from_secs(60),
            resets_at: NOW + 60,
        };
        let response = too_many_requests(&quota);
        assert_eq!(response.status(), 429);
        assert_eq!(
            response.headers()["x-ratelimit-reset"],
            (NOW + 60).to_string().as_str()
        );
        let date = httpdate::parse_http_date(response.headers()["date"].to_str().unwrap()).unwrap();
        assert_eq!(date, UNIX_EPOCH + Duration::from_secs(NOW));
    }
}
