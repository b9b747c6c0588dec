//! Keeps a vendor user's calls within the vendor's rate limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::turns::{Ticket, Turns};

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

/// One user's rate limit. Capsule counts per user of the account, over all tokens of that user (API reference 2.10), so
/// connections of one user may share a governor. Where little is left, their tenants come in turn.
#[derive(Debug, Default)]
pub struct Governor {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Window>,
    waiting: Turns<oneshot::Sender<Result<(), Quota>>>,
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
        let window = self.lock().window.filter(|window| now < window.ends);
        window.map(|window| window.quota(now))
    }

    /// Waits until a request may go, and takes one off what is left. `longest` is how long the caller is willing to wait
    /// in place. The error: not in this window.
    pub(crate) async fn turn(&self, tenant: &Arc<str>, longest: Duration) -> Result<(), Quota> {
        let patience = Instant::now() + longest;
        match self.paced(tenant, longest).await {
            Err(quota) if Instant::now() + quota.resets_in <= patience => {
                sleep(quota.resets_in).await;
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn paced(&self, tenant: &Arc<str>, longest: Duration) -> Result<(), Quota> {
        let (pace, mut waiting) = {
            let mut state = self.lock();
            let Some(pace) = state.pace() else {
                return state.take();
            };
            let (give, given) = oneshot::channel();
            let ticket = state.waiting.push(tenant, give);
            let waiting = Waiting {
                governor: self,
                ticket,
                given,
            };
            (pace.min(longest), waiting)
        };
        tokio::select! {
            biased;
            Ok(outcome) = &mut waiting.given => return outcome,
            () = sleep(pace) => {}
        }
        let mut state = self.lock();
        // Outcomes are given under the lock, so this one is still to come, or is there.
        if let Ok(outcome) = waiting.given.try_recv() {
            return outcome;
        }
        // Whoever has the turn before this request goes with it, or else would come too late for what is left.
        while let Some((ticket, give)) = state.waiting.pop() {
            let outcome = state.take();
            if ticket == waiting.ticket {
                return outcome;
            }
            if let Err(Ok(())) = give.send(outcome) {
                state.give_back();
            }
        }
        state.take()
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
        let mut state = self.lock();
        match state.window.as_mut() {
            Some(window) if window.resets_at == resets_at => {
                window.limit = limit;
                window.remaining = window.remaining.min(remaining);
            }
            Some(window) if window.resets_at > resets_at => {}
            _ => state.window = Some(seen),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long a request is to wait so that what is left is spread over the window. None: enough is left, or nothing.
    fn pace(&self) -> Option<Duration> {
        let window = self.window?;
        let left = window.ends.saturating_duration_since(Instant::now());
        let scarce = f64::from(window.remaining) < f64::from(window.limit) * PACE_BELOW;
        (scarce && window.remaining > 0 && !left.is_zero()).then(|| left / window.remaining)
    }

    /// Takes one off what is left.
    fn take(&mut self) -> Result<(), Quota> {
        let now = Instant::now();
        self.window = self.window.filter(|window| now < window.ends);
        match &mut self.window {
            None => Ok(()),
            Some(window) if window.remaining == 0 => Err(window.quota(now)),
            Some(window) => {
                window.remaining -= 1;
                Ok(())
            }
        }
    }

    /// The request that was taken off does not go.
    fn give_back(&mut self) {
        if let Some(window) = &mut self.window {
            window.remaining = window.limit.min(window.remaining + 1);
        }
    }
}

/// A request that waits for its turn, until it has it or is given up.
struct Waiting<'a> {
    governor: &'a Governor,
    ticket: Ticket,
    given: oneshot::Receiver<Result<(), Quota>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.governor.lock();
        if state.waiting.remove(&self.ticket).is_none() && self.given.try_recv() == Ok(Ok(())) {
            state.give_back();
        }
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

    fn tenant(name: &str) -> Arc<str> {
        name.into()
    }

    /// What a request of a tenant gets, and how long it waits.
    async fn turn(governor: &Governor, name: &str) -> (Result<(), Quota>, Duration) {
        let began = Instant::now();
        let outcome = governor.turn(&tenant(name), TWO).await;
        (outcome, began.elapsed())
    }

    const AT_ONCE: (Result<(), Quota>, Duration) = (Ok(()), Duration::ZERO);

    #[tokio::test(start_paused = true)]
    async fn nothing_is_slowed_while_nothing_is_known_or_enough_is_left() {
        let governor = Governor::new();
        assert_eq!(turn(&governor, "a").await, AT_ONCE);
        governor.observe(&headers(4000, 3000, 3600));
        assert_eq!(turn(&governor, "a").await, AT_ONCE);
        assert_eq!(governor.quota().unwrap().remaining, 2999);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_is_waited_and_a_long_one_is_refused() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 0, 2));
        assert_eq!(turn(&governor, "a").await, (Ok(()), TWO));
        governor.observe(&headers(4000, 0, 600));
        let (refused, waited) = turn(&governor, "a").await;
        assert_eq!(refused.unwrap_err().resets_at, NOW + 600);
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_count() {
        let governor = Governor::new();
        governor.observe(&headers(10, 2, 600));
        assert_eq!(turn(&governor, "a").await, AT_ONCE);
        assert_eq!(turn(&governor, "a").await, AT_ONCE);
        assert!(turn(&governor, "a").await.0.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_requests_of_a_window_are_spread() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 100, 100));
        let second = Duration::from_secs(1);
        assert_eq!(turn(&governor, "a").await, (Ok(()), second));
        assert_eq!(governor.quota().unwrap().remaining, 99);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_goes_to_the_tenants_in_turn() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 4, 600));
        let late = async {
            sleep(Duration::from_secs(1)).await;
            turn(&governor, "b").await
        };
        let many = futures::future::join_all((0..64).map(|_| turn(&governor, "a")));
        let ((other, waited), many) = tokio::join!(late, many);
        assert_eq!(other, Ok(()), "the last to come, and the second to go");
        assert_eq!(waited, Duration::from_secs(1));
        let went: Vec<usize> = (0..64).filter(|at| many[*at].0.is_ok()).collect();
        assert_eq!(went, [0, 1, 2]);
        assert!(many.iter().all(|(_, waited)| *waited == TWO));
        assert_eq!(governor.quota().unwrap().remaining, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_takes_nothing() {
        let governor = Governor::new();
        governor.observe(&headers(4000, 1, 600));
        let second = Duration::from_secs(1);
        let given_up = tokio::time::timeout(second, turn(&governor, "a")).await;
        assert!(given_up.is_err());
        assert_eq!(governor.quota().unwrap().remaining, 1);

        // Given its turn by another, and given up before it has seen it.
        let mut unseen = Box::pin(turn(&governor, "a"));
        assert!(futures::poll!(unseen.as_mut()).is_pending());
        let (another, _) = turn(&governor, "b").await;
        assert!(another.is_err(), "what was left is promised to the first");
        assert_eq!(governor.quota().unwrap().remaining, 0);
        drop(unseen);
        assert_eq!(governor.quota().unwrap().remaining, 1);
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
        assert_eq!(turn(&governor, "a").await, AT_ONCE);
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
