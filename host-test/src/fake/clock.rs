//! The fake's only source of time: token expiry, rate windows, stamps and the `Date` header all read it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

/// A clock that tests can hold still and move. Clones share one time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `start` until somebody advances it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// A clock that stands at a second of the Unix epoch until somebody advances it. Seconds beyond the year 9999
    /// stop there.
    #[must_use]
    pub fn manual_at(epoch_second: i64) -> Clock {
        Clock::manual(Timestamp::from_second(epoch_second).unwrap_or(Timestamp::MAX))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock forward; the machine's clock can't be moved, so there it does nothing.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }
}

/// An instant as the fake stores it: Capsule's `...At` fields have second precision (API reference 2.4).
pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// An instant as Capsule spells it: `2026-02-03T09:15:00Z`.
pub(super) fn spell(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// The value of a `Date` header.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads an instant of a query or a body. A bare date is taken as its first second in UTC.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    date.to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|at| at.timestamp())
}

/// The calendar date of an instant in UTC.
pub(super) fn date_of(at: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}

/// `date` moved by whole days; dates beyond the calendar stop at its ends.
pub(super) fn days_from(date: jiff::civil::Date, days: i64) -> jiff::civil::Date {
    let limited = days.clamp(-7_000_000, 7_000_000);
    date.saturating_add(limited.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_share_its_time() {
        let clock = Clock::manual_at(1_000);
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_second(), 1_005);
    }

    #[test]
    fn instants_are_spelt_with_second_precision_and_z() {
        let at: Timestamp = "2026-02-03T09:15:00.987Z".parse().unwrap();
        assert_eq!(spell(whole_second(at)), "2026-02-03T09:15:00Z");
    }

    #[test]
    fn the_date_header_has_the_form_of_http() {
        let at: Timestamp = "2026-02-03T09:05:00Z".parse().unwrap();
        assert_eq!(http_date(at), "Tue, 03 Feb 2026 09:05:00 GMT");
    }

    #[test]
    fn absurd_day_counts_do_not_leave_the_calendar() {
        let date = jiff::civil::date(2026, 1, 1);
        assert_eq!(days_from(date, i64::MAX), jiff::civil::Date::MAX);
        assert_eq!(days_from(date, i64::MIN), jiff::civil::Date::MIN);
    }
}
