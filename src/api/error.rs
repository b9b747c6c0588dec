//! Errors are for branching: whether to retry comes first. One place maps what Capsule answers, or that it does not, to the contract's
//! error.
//!
//! | what happened | read, or repeat-safe change | other change |
//! | --- | --- | --- |
//! | denied by the host | `forbidden` | `forbidden` |
//! | not sent | `unavailable` | `unavailable` |
//! | no answer | `unavailable` | `outcome-unknown` |
//! | no answer in time | `timed-out` | `outcome-unknown` |
//! | 2xx, body cut | `unavailable` | `outcome-unknown` |
//! | 2xx, body not JSON or of another shape | `malformed-response` | `outcome-unknown` |
//! | 2xx, body too large | `too-large` | `outcome-unknown` |
//! | 3xx, other 1xx | `malformed-response` | `malformed-response` |
//! | 400, 422 | `invalid-input` | `invalid-input` |
//! | 401 | `unauthenticated` | `unauthenticated` |
//! | 402 | `quota-exhausted` | `quota-exhausted` |
//! | 403 | `forbidden` | `forbidden` |
//! | 404, 410 | `not-found` | `not-found` |
//! | 405, 501 | `unsupported` | `unsupported` |
//! | 408 | `timed-out` | `timed-out` |
//! | 409 | `conflict` | `conflict` |
//! | 413 | `too-large` | `too-large` |
//! | 429 | `rate-limited` | `rate-limited` |
//! | other 4xx | `malformed-response` | `malformed-response` |
//! | other 5xx | `unavailable` | `outcome-unknown` |

use super::call::Call;
use super::headers::{self as names, number};
use super::transport::Lost;
use crate::bindings::integration::connector::types::{
    Ambiguity, Candidate, Error, Fault, PermanentError as P, RateLimit, TransientError as T,
    Violation,
};
use http::HeaderMap;
use serde_json::Value;

/// Characters of an answer that an error shows.
const SHOWN: usize = 200;
/// Bytes of an error body that `extra` carries.
const MOST_EXTRA: usize = 2048;

/// A fault with a message alone.
#[must_use]
pub fn fault(message: impl Into<String>) -> Fault {
    Fault {
        message: message.into(),
        status: None,
        request: None,
        extra: None,
    }
}

/// A violation.
#[must_use]
pub fn violation(pointer: impl Into<String>, rule: &str, message: impl Into<String>) -> Violation {
    Violation {
        pointer: pointer.into(),
        message: message.into(),
        rule: rule.to_owned(),
    }
}

/// `invalid-input` with one violation.
#[must_use]
pub fn invalid(pointer: impl Into<String>, rule: &str, message: impl Into<String>) -> Error {
    Error::Permanent(P::InvalidInput(vec![violation(pointer, rule, message)]))
}

/// `ambiguous` at one place, with at most 20 candidates (id and label).
#[must_use]
pub fn ambiguous(
    pointer: impl Into<String>,
    candidates: impl IntoIterator<Item = (impl ToString, String)>,
) -> Error {
    let candidates = candidates
        .into_iter()
        .take(20)
        .map(|(id, label)| Candidate {
            id: id.to_string(),
            label,
        })
        .collect();
    Error::Permanent(P::Ambiguous(vec![Ambiguity {
        pointer: pointer.into(),
        candidates,
    }]))
}

/// `unsupported`.
#[must_use]
pub fn unsupported(message: impl Into<String>) -> Error {
    Error::Permanent(P::Unsupported(fault(message)))
}

/// `forbidden`.
#[must_use]
pub fn forbidden(message: impl Into<String>) -> Error {
    Error::Permanent(P::Forbidden(fault(message)))
}

/// `not-found`.
#[must_use]
pub fn not_found(message: impl Into<String>) -> Error {
    Error::Permanent(P::NotFound(fault(message)))
}

/// `conflict`.
#[must_use]
pub fn conflict(message: impl Into<String>) -> Error {
    Error::Permanent(P::Conflict(fault(message)))
}

/// `too-large`.
#[must_use]
pub fn too_large(message: impl Into<String>) -> Error {
    Error::Permanent(P::TooLarge(fault(message)))
}

/// `stale-cursor`.
#[must_use]
pub fn stale_cursor(message: impl Into<String>) -> Error {
    Error::Permanent(P::StaleCursor(fault(message)))
}

/// `incomplete`: what was done before the call stopped, and why it stopped.
#[must_use]
pub fn incomplete(message: impl Into<String>, extra: &Value) -> Error {
    Error::Permanent(P::Incomplete(Fault {
        extra: Some(extra.to_string()),
        ..fault(message)
    }))
}

/// Whether Capsule does not have the record, or does not show it.
#[must_use]
pub fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Permanent(P::NotFound(_)))
}

/// An answer that is not Capsule's protocol. For a change that is not repeat-safe and was answered with success it is
/// `outcome-unknown`: something was changed, and nothing tells what.
#[must_use]
pub fn malformed(call: &Call, status: u16, message: impl Into<String>) -> Error {
    let fault = Fault {
        message: message.into(),
        status: Some(status),
        request: Some(call.label()),
        extra: None,
    };
    if (200..300).contains(&status) && !call.repeat_safe {
        Error::Permanent(P::OutcomeUnknown(fault))
    } else {
        Error::Permanent(P::MalformedResponse(fault))
    }
}

/// No whole answer came.
pub(crate) fn from_lost(call: &Call, lost: Lost) -> Error {
    let told = |message: String, status: Option<u16>| Fault {
        message,
        status,
        request: Some(call.label()),
        extra: None,
    };
    let unknown = |fault: Fault| {
        let message = format!(
            "{} It may have been carried out: look before you repeat it.",
            fault.message
        );
        Error::Permanent(P::OutcomeUnknown(Fault { message, ..fault }))
    };
    match lost {
        Lost::Denied(why) => Error::Permanent(P::Forbidden(told(
            format!("The host did not let the request out: {why}"),
            None,
        ))),
        Lost::NotSent(why) => Error::Transient(T::Unavailable(told(
            format!("Capsule can't be reached: {why}."),
            None,
        ))),
        Lost::NoAnswer(why) => {
            let fault = told(format!("No answer came: {why}."), None);
            if call.repeat_safe {
                Error::Transient(T::Unavailable(fault))
            } else {
                unknown(fault)
            }
        }
        Lost::TimedOut(why) => {
            let fault = told(format!("No answer came in time: {why}."), None);
            if call.repeat_safe {
                Error::Transient(T::TimedOut(fault))
            } else {
                unknown(fault)
            }
        }
        Lost::Cut { status, why } => {
            let fault = told(format!("The answer was cut off: {why}."), Some(status));
            if call.repeat_safe {
                Error::Transient(T::Unavailable(fault))
            } else {
                unknown(fault)
            }
        }
        Lost::TooLarge { status } => {
            let fault = told(
                "The answer is larger than 8 MiB. Ask for less at a time.".into(),
                Some(status),
            );
            if call.repeat_safe {
                Error::Permanent(P::TooLarge(fault))
            } else {
                unknown(fault)
            }
        }
    }
}

/// A status that is not a success.
pub(crate) fn from_status(call: &Call, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let parsed: Option<Value> = capsule_json::parse(body).ok();
    let message = parsed
        .as_ref()
        .and_then(vendor_message)
        .unwrap_or_else(|| shown(body));
    let extra = parsed
        .as_ref()
        .map(Value::to_string)
        .filter(|text| text.len() <= MOST_EXTRA);
    let fault = |hint: &str| Fault {
        message: match (message.is_empty(), hint.is_empty()) {
            (true, true) => format!("Capsule answered {status}."),
            (true, false) => format!("Capsule answered {status}. {hint}"),
            (false, true) => format!("Capsule answered {status}: {message}"),
            (false, false) => format!("Capsule answered {status}: {message}. {hint}"),
        },
        status: Some(status),
        request: Some(call.label()),
        extra: extra.clone(),
    };
    match status {
        400 | 422 => Error::Permanent(P::InvalidInput(violations(
            parsed.as_ref(),
            &message,
            status,
        ))),
        401 => Error::Permanent(P::Unauthenticated(fault(
            "Refresh the token once and call again, or connect anew.",
        ))),
        402 => Error::Permanent(P::QuotaExhausted(fault(
            "The account's plan does not include this.",
        ))),
        403 => Error::Permanent(P::Forbidden(fault(
            "The token's scope or the user's role does not allow this.",
        ))),
        404 | 410 => Error::Permanent(P::NotFound(fault(""))),
        405 | 501 => Error::Permanent(P::Unsupported(fault("Capsule does not offer this."))),
        408 => Error::Transient(T::TimedOut(fault(""))),
        409 => Error::Permanent(P::Conflict(fault(""))),
        413 => Error::Permanent(P::TooLarge(fault(""))),
        429 => Error::Transient(T::RateLimited(rate_limit(headers))),
        500.. if call.repeat_safe => Error::Transient(T::Unavailable(fault("Try again later."))),
        500.. => Error::Permanent(P::OutcomeUnknown(fault(
            "It may have been carried out: look before you repeat it.",
        ))),
        _ => Error::Permanent(P::MalformedResponse(fault(
            "This is not an answer of the API.",
        ))),
    }
}

/// The sentence in an error body: `message`, on 429 `error`, and in OAuth's form `error_description` beside `error` (API reference 1.4,
/// 2.10, 2.11).
pub(crate) fn vendor_message(body: &Value) -> Option<String> {
    ["message", "error_description", "error"]
        .iter()
        .find_map(|key| body.get(key)?.as_str())
        .map(ToOwned::to_owned)
}

/// Every error of a validation body, with its resource and its field.
fn violations(body: Option<&Value>, message: &str, status: u16) -> Vec<Violation> {
    let mut found: Vec<Violation> = Vec::new();
    for error in body
        .and_then(|body| body.get("errors"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(100)
    {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let (resource, field) = (text("resource"), text("field"));
        let place = match (resource.is_empty(), field.is_empty()) {
            (false, false) => format!("{resource}.{field}: "),
            (true, false) => format!("{field}: "),
            (false, true) => format!("{resource}: "),
            (true, true) => String::new(),
        };
        let (pointer, message) = (vendor_pointer(resource, field), text("message"));
        let message = format!("{place}{message}{}", where_listed(&pointer, message));
        found.push(violation(pointer, "vendor", message));
    }
    if found.is_empty() {
        let told = if message.is_empty() {
            format!("Capsule answered {status} without a reason")
        } else {
            message.to_owned()
        };
        found.push(violation("", "vendor", told));
    }
    found
}

/// Which operation tells what there is, by where the input names it.
pub(crate) const LISTS: [(&str, &str); 11] = [
    ("/tags", "tags.list-all"),
    ("/owner", "settings.list-users"),
    ("/team", "settings.list-teams"),
    ("/pipeline", "settings.list-pipelines"),
    ("/milestone", "settings.list-milestones"),
    ("/lostReason", "settings.list-lost-reasons"),
    ("/board", "settings.list-boards"),
    ("/stage", "settings.list-stages"),
    ("/category", "settings.list-categories"),
    ("/activityType", "settings.list-activity-types"),
    ("/definition", "tracks.list-definitions"),
];

/// Where to look if Capsule does not know a record by its id.
fn where_listed(pointer: &str, message: &str) -> String {
    let list = LISTS.iter().find(|(place, _)| *place == pointer);
    match list {
        Some((_, operation)) if message.ends_with("not found") => {
            format!("; `{operation}` tells what there is, and a name does as well as an id")
        }
        _ => String::new(),
    }
}

/// Where the caller's input holds what Capsule complains about: rows of a record are named by their resource, the record's own fields by
/// themselves. Which row it was Capsule does not tell.
fn vendor_pointer(resource: &str, field: &str) -> String {
    match (resource, field) {
        ("phoneNumber", _) => "/phoneNumbers".into(),
        ("emailAddress", _) => "/emailAddresses".into(),
        ("website", _) => "/websites".into(),
        ("address", _) => "/addresses".into(),
        ("field", _) => "/fields".into(),
        ("tag", _) => "/tags".into(),
        (_, "") => String::new(),
        (_, field) => format!("/{field}"),
    }
}

/// How long to wait: until the reset by Capsule's own clock, or what `Retry-After` says. Capsule sends no `Retry-After` (API reference
/// 2.10); a gateway before it may.
fn rate_limit(headers: &HeaderMap) -> RateLimit {
    let retry_after =
        number(headers, &names::RETRY_AFTER).map(|seconds| seconds.saturating_mul(1000));
    let until_reset = number(headers, &names::RATE_LIMIT_RESET)
        .zip(date(headers))
        .map(|(reset, now)| {
            // The window may end within the second that `Date` names: never say zero, which means unknown.
            reset.saturating_sub(now).saturating_mul(1000).max(1000)
        });
    RateLimit {
        retry_after_ms: retry_after.or(until_reset).unwrap_or(0),
        limit: number(headers, &names::RATE_LIMIT).and_then(|number| u32::try_from(number).ok()),
        remaining: number(headers, &names::RATE_LIMIT_REMAINING)
            .and_then(|number| u32::try_from(number).ok()),
    }
}

/// Capsule's clock: seconds since 1970 of the `Date` header (RFC 9110, the fixed form).
pub(crate) fn date(headers: &HeaderMap) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = headers.get(&names::DATE)?.to_str().ok()?;
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, clock, "GMT"] = parts.as_slice() else {
        return None;
    };
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = MONTHS.iter().position(|name| name == month)? as u64 + 1;
    let year: u64 = year
        .parse()
        .ok()
        .filter(|year| (1970..=9999).contains(year))?;
    let clock: Vec<u64> = clock
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [hours, minutes, seconds] = clock.as_slice() else {
        return None;
    };
    if *hours > 23 || *minutes > 59 || *seconds > 60 {
        return None;
    }
    // Days since 1970 of the civil calendar, counted from March so that the leap day comes last.
    let (shifted_year, shifted_month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1;
    Some((days - 719_468) * 86_400 + hours * 3_600 + minutes * 60 + seconds)
}

/// RFC 3339 in UTC of seconds since 1970; none beyond the year 9999.
pub(crate) fn date_time(seconds: u64) -> Option<String> {
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    // The way back from `date`: years of 365.2425 days that begin in March, in eras of 400.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, turn) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + turn;
    (year <= 9999).then(|| {
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            clock / 3_600,
            clock / 60 % 60,
            clock % 60
        )
    })
}

/// The beginning of a body, for people.
pub(crate) fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(SHOWN)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn case(error: &Error) -> &'static str {
        match error {
            Error::Permanent(P::Unauthenticated(_)) => "unauthenticated",
            Error::Permanent(P::Forbidden(_)) => "forbidden",
            Error::Permanent(P::QuotaExhausted(_)) => "quota-exhausted",
            Error::Permanent(P::NotFound(_)) => "not-found",
            Error::Permanent(P::InvalidInput(_)) => "invalid-input",
            Error::Permanent(P::Ambiguous(_)) => "ambiguous",
            Error::Permanent(P::Conflict(_)) => "conflict",
            Error::Permanent(P::TooLarge(_)) => "too-large",
            Error::Permanent(P::Unsupported(_)) => "unsupported",
            Error::Permanent(P::StaleCursor(_)) => "stale-cursor",
            Error::Permanent(P::OutcomeUnknown(_)) => "outcome-unknown",
            Error::Permanent(P::Incomplete(_)) => "incomplete",
            Error::Permanent(P::MalformedResponse(_)) => "malformed-response",
            Error::Transient(T::RateLimited(_)) => "rate-limited",
            Error::Transient(T::Unavailable(_)) => "unavailable",
            Error::Transient(T::TimedOut(_)) => "timed-out",
            Error::ExecutionFailed => "execution-failed",
        }
    }

    #[test]
    fn every_status_has_its_case() {
        let read = Call::get(&["parties"]);
        let create = Call::create(&["parties"], json!({}));
        for (status, of_read, of_create) in [
            (301, "malformed-response", "malformed-response"),
            (400, "invalid-input", "invalid-input"),
            (401, "unauthenticated", "unauthenticated"),
            (402, "quota-exhausted", "quota-exhausted"),
            (403, "forbidden", "forbidden"),
            (404, "not-found", "not-found"),
            (405, "unsupported", "unsupported"),
            (408, "timed-out", "timed-out"),
            (409, "conflict", "conflict"),
            (410, "not-found", "not-found"),
            (413, "too-large", "too-large"),
            (415, "malformed-response", "malformed-response"),
            (422, "invalid-input", "invalid-input"),
            (429, "rate-limited", "rate-limited"),
            (500, "unavailable", "outcome-unknown"),
            (501, "unsupported", "unsupported"),
            (503, "unavailable", "outcome-unknown"),
        ] {
            assert_eq!(
                case(&from_status(&read, status, &HeaderMap::new(), b"")),
                of_read,
                "{status} of a read"
            );
            assert_eq!(
                case(&from_status(&create, status, &HeaderMap::new(), b"")),
                of_create,
                "{status} of a create"
            );
        }
    }

    #[test]
    fn every_lost_answer_has_its_case() {
        let read = Call::get(&["parties"]);
        let create = Call::create(&["parties"], json!({}));
        for (lost, of_read, of_create) in [
            (Lost::Denied("no grant".into()), "forbidden", "forbidden"),
            (
                Lost::NotSent("refused".into()),
                "unavailable",
                "unavailable",
            ),
            (
                Lost::NoAnswer("reset".into()),
                "unavailable",
                "outcome-unknown",
            ),
            (
                Lost::TimedOut("30 s".into()),
                "timed-out",
                "outcome-unknown",
            ),
            (
                Lost::Cut {
                    status: 201,
                    why: "reset".into(),
                },
                "unavailable",
                "outcome-unknown",
            ),
            (
                Lost::TooLarge { status: 200 },
                "too-large",
                "outcome-unknown",
            ),
        ] {
            assert_eq!(
                case(&from_lost(&read, lost.clone())),
                of_read,
                "{lost:?} of a read"
            );
            assert_eq!(
                case(&from_lost(&create, lost.clone())),
                of_create,
                "{lost:?} of a create"
            );
        }
    }

    #[test]
    fn a_401_is_understood_in_either_body_form() {
        let call = Call::get(&["site"]);
        for body in [
            json!({"message": "token expired"}),
            json!({"error": "invalid_token", "error_description": "token expired"}),
        ] {
            match from_status(&call, 401, &HeaderMap::new(), body.to_string().as_bytes()) {
                Error::Permanent(P::Unauthenticated(fault)) => {
                    assert!(fault.message.contains("token expired"), "{}", fault.message);
                    assert_eq!(fault.request.as_deref(), Some("GET /api/v2/site"));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_422_keeps_resource_and_field_of_every_error() {
        let body = json!({"message": "Validation Failed", "errors": [
            {"message": "number is required", "resource": "phoneNumber", "field": "number"},
            {"message": "name is required", "resource": "party", "field": "name"},
            {"message": "since is required"},
        ]});
        match from_status(
            &Call::create(&["parties"], json!({})),
            422,
            &HeaderMap::new(),
            body.to_string().as_bytes(),
        ) {
            Error::Permanent(P::InvalidInput(violations)) => {
                let told: Vec<_> = violations
                    .iter()
                    .map(|v| (v.pointer.as_str(), v.message.as_str()))
                    .collect();
                assert_eq!(
                    told,
                    [
                        ("/phoneNumbers", "phoneNumber.number: number is required"),
                        ("/name", "party.name: name is required"),
                        ("", "since is required")
                    ]
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_429_keeps_the_reset_by_capsules_clock() {
        let headers = headers(&[
            ("x-ratelimit-limit", "4000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1772000000"),
            ("date", "Wed, 25 Feb 2026 06:12:50 GMT"),
        ]);
        match from_status(
            &Call::get(&["site"]),
            429,
            &headers,
            br#"{"error":"rate limit reached"}"#,
        ) {
            Error::Transient(T::RateLimited(limit)) => {
                assert_eq!(
                    (limit.retry_after_ms, limit.limit, limit.remaining),
                    (30_000, Some(4000), Some(0))
                );
            }
            other => panic!("{other:?}"),
        }
        match from_status(&Call::get(&["site"]), 429, &HeaderMap::new(), b"") {
            Error::Transient(T::RateLimited(limit)) => assert_eq!(limit.retry_after_ms, 0),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dates_are_counted_from_1970() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 25 Feb 2026 06:13:20 GMT", Some(1_772_000_000)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Thu, 01 Jan 1970 00:00:00 +0100", None),
            ("yesterday", None),
            ("Thu, 99 Jan 1970 00:00:00 GMT", None),
        ] {
            assert_eq!(date(&headers(&[("date", text)])), seconds, "{text}");
        }
    }

    #[test]
    fn seconds_are_told_as_a_time_of_the_calendar() {
        for (seconds, text) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (1_772_000_000, Some("2026-02-25T06:13:20Z")),
            (1_709_208_000, Some("2024-02-29T12:00:00Z")),
            (951_868_799, Some("2000-02-29T23:59:59Z")),
            (951_868_800, Some("2000-03-01T00:00:00Z")),
            (4_107_542_400, Some("2100-03-01T00:00:00Z")),
            (253_402_300_799, Some("9999-12-31T23:59:59Z")),
            (253_402_300_800, None),
            (u64::MAX, None),
        ] {
            assert_eq!(date_time(seconds).as_deref(), text, "{seconds}");
        }
    }

    #[test]
    fn an_error_shows_the_beginning_of_what_came() {
        let page = "<html>".to_owned() + &"x".repeat(1000);
        match from_status(
            &Call::get(&["site"]),
            502,
            &HeaderMap::new(),
            page.as_bytes(),
        ) {
            Error::Transient(T::Unavailable(fault)) => {
                assert_eq!(fault.status, Some(502));
                assert!(
                    fault.message.contains("<html>xx") && fault.message.len() < 300,
                    "{}",
                    fault.message
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
