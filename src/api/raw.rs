//! Requests that a caller wrote: judged before anything is sent, so that none leaves the API, and none is repeated that would double
//! something.

use super::answer::Answer;
use super::call::{Call, Method};
use super::client::{API_BASE, Client};
use super::error::violation;
use super::headers;
use crate::bindings::integration::connector::types::Violation;
use serde_json::Value;

/// Longest path. Ten ids, which is what Capsule takes at a time, are shorter.
const LONGEST: usize = 500;

/// Where the API lies under its origin.
const ROOT: &str = "api/v2/";

impl Call {
    /// A request by a path under the API.
    ///
    /// # Errors
    /// A path that may lead elsewhere.
    pub(crate) fn raw(method: Method, path: &str, body: Option<Value>) -> Result<Self, Violation> {
        let segments = segments(path).map_err(|why| violation("/path", "format", why))?;
        let repeat_safe = match method {
            Method::Get | Method::Delete => true,
            Method::Post => asks(&segments),
            Method::Put => !body.as_ref().is_some_and(appends),
        };
        Ok(Self {
            body,
            ..Self::new(method, &segments, repeat_safe)
        })
    }

    /// Of such a request: it changes nothing.
    pub(crate) fn reads(&self) -> bool {
        self.method == Method::Get || (self.method == Method::Post && self.repeat_safe)
    }
}

/// The segments of a path. Capsule's own are words, ids and lists of ids: what has any other character is none of them, so there is
/// nothing to decode and nothing to normalise.
fn segments(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.len() > LONGEST {
        return Err("the path is longer than 500 bytes");
    }
    if path.contains("://") || path.starts_with("//") {
        return Err(
            "an address is not taken: write the path under `/api/v2` alone, such as `parties/9001`",
        );
    }
    if path.contains(['?', '#']) {
        return Err("parameters go into `query`, and the path has none");
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_prefix(ROOT).unwrap_or(path);
    let fits = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b','))
    };
    let segments: Vec<&str> = path.split('/').collect();
    if segments.iter().all(|segment| fits(segment)) {
        Ok(segments)
    } else {
        Err(
            "a path is words and ids of letters, digits, `-`, `_` and `,` between single slashes, such as `parties/9001`",
        )
    }
}

/// A `POST` that reads: results of a filter, and the value of opportunities (API reference 3.2, 4).
fn asks(segments: &[&str]) -> bool {
    matches!(
        segments,
        [.., "filters", "results"] | ["opportunities", "value"]
    )
}

/// A `PUT` that adds a row whenever it comes: one without `id` is appended (API reference 2.3). Tags and custom fields are known by
/// what they are, and attaching them again is harmless.
fn appends(body: &Value) -> bool {
    let Value::Object(envelope) = body else {
        return false;
    };
    let collections = envelope
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "tags" | "fields"));
    collections
        .filter_map(|(_, rows)| rows.as_array())
        .flatten()
        .any(|row| row.is_object() && row.get("id").is_none_or(Value::is_null))
}

impl Client {
    /// What `Location` names, as a path under the API; none if it is not there, or not in the API.
    pub(crate) fn location(&self, answer: &Answer) -> Option<String> {
        let location = answer.headers.get(&headers::LOCATION)?.to_str().ok()?;
        let path = [self.base().ok()?, API_BASE]
            .iter()
            .find_map(|base| location.strip_prefix(base))
            .unwrap_or(location);
        let segments = segments(path.strip_prefix('/')?.strip_prefix(ROOT)?).ok()?;
        Some(segments.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_path_goes_under_the_api_however_it_begins() {
        for path in [
            "parties/9001",
            "/parties/9001",
            "/api/v2/parties/9001",
            "api/v2/parties/9001",
        ] {
            let call = Call::raw(Method::Get, path, None).unwrap();
            assert_eq!(call.target(), "/api/v2/parties/9001", "{path}");
        }
        for path in ["parties/1,2,3", "jobs/7f0c1b52-0000-4000-8000-0123456789ab"] {
            let call = Call::raw(Method::Get, path, None).unwrap();
            assert_eq!(call.target(), format!("/api/v2/{path}"));
        }
    }

    #[test]
    fn what_leads_out_of_the_api_is_refused() {
        for path in [
            "",
            "/",
            "..",
            "../oauth/token",
            "parties/../../../oauth/token",
            "parties/..",
            "parties/./1",
            "parties/%2e%2e/site",
            "parties/%2E%2E%2f%2e%2e",
            "parties/..;/site",
            "parties/%252e%252e/site",
            "..\\oauth",
            "parties\\..\\..",
            "//evil.example/api/v2/site",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/api/v2/site",
            "HTTPS://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "@evil.example/site",
            "user:pass@evil.example",
            ":8443/site",
            ".evil.example/site",
            "/api/v2/",
            "/api/v2//site",
            "/api/v2/../v1/site",
            "/api/v1/../../oauth",
            "parties//1",
            "parties/",
            "site?x=1",
            "site#x",
            "site ",
            " site",
            "site\r\nHost: evil.example",
            "site\u{0}",
            "site\t",
            "site\u{7f}",
            "p\u{430}rties",
            "parties/１",
            "parties\u{2215}1",
            "parties/\u{ff0e}\u{ff0e}",
        ] {
            let refused = Call::raw(Method::Get, path, None);
            assert!(
                refused.is_err(),
                "{path:?} goes to {:?}",
                refused.unwrap().target()
            );
        }
    }

    proptest! {
        /// Whatever is let through is, for a server that decodes and normalises, a path straight under the API.
        #[test]
        fn a_hostile_path_stays_in_the_api_or_is_refused(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[a-z]{1,8}", "[0-9,]{1,4}",
                    proptest::sample::select(vec![
                        "/", "//", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "\\", "https://", "http:", "evil.example", "@", "user:pass@", ":80",
                        "?", "#", ";", "\r\n", "\u{0}", "\u{7f}", " ", "/api/v2/", "api/v1", "oauth/token", "\u{ff0e}", "\u{2024}", "é",
                    ]).prop_map(str::to_owned),
                    any::<String>(),
                ],
                0..8,
            )
        ) {
            let path = parts.concat();
            if let Ok(call) = Call::raw(Method::Get, &path, None) {
                let target = call.target();
                let uri: http::Uri = format!("{API_BASE}{target}").parse().unwrap();
                prop_assert_eq!(uri.host(), Some("api.capsulecrm.com"));
                prop_assert_eq!(uri.path(), &target);
                prop_assert!(uri.query().is_none());
                let rest = target.strip_prefix("/api/v2/").unwrap();
                for segment in rest.split('/') {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..", "{}", target);
                    prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_,".contains(&byte)), "{}", target);
                }
            }
        }

        #[test]
        fn any_query_stays_behind_its_question_mark(name: String, value: String) {
            let call = Call::raw(Method::Get, "site", None).unwrap().with(name, value);
            let uri: http::Uri = format!("{API_BASE}{}", call.target()).parse().unwrap();
            prop_assert_eq!(uri.path(), "/api/v2/site");
            prop_assert_eq!(uri.query().unwrap().matches(['=', '&', '?', '#']).count(), 1);
        }
    }

    #[test]
    fn what_may_be_repeated_follows_from_what_it_does() {
        let row = |row: Value| Some(json!({"party": {"emailAddresses": [row]}}));
        for (method, path, body, safe) in [
            (Method::Get, "parties", None, true),
            (Method::Delete, "parties/7", None, true),
            (Method::Post, "parties", Some(json!({"party": {}})), false),
            (
                Method::Post,
                "parties/filters/results",
                Some(json!({})),
                true,
            ),
            (Method::Post, "opportunities/value", Some(json!({})), true),
            (Method::Post, "parties/filters", Some(json!({})), false),
            (Method::Post, "pipelines/3/duplicate", None, false),
            (Method::Put, "parties/7", None, true),
            (
                Method::Put,
                "parties/7",
                Some(json!({"party": {"about": "x"}})),
                true,
            ),
            (
                Method::Put,
                "parties/7",
                row(json!({"address": "a@b.example"})),
                false,
            ),
            (
                Method::Put,
                "parties/7",
                row(json!({"id": null, "address": "a@b.example"})),
                false,
            ),
            (
                Method::Put,
                "parties/7",
                row(json!({"id": 5, "_delete": true})),
                true,
            ),
            (
                Method::Put,
                "parties/7",
                Some(
                    json!({"party": {"tags": [{"name": "VIP"}], "fields": [{"definition": 46, "value": "x"}]}}),
                ),
                true,
            ),
            (
                Method::Put,
                "parties/fields/definitions/46",
                Some(json!({"definition": {"options": ["A", "B"]}})),
                true,
            ),
            (
                Method::Put,
                "entries/9",
                Some(json!({"entry": {"attachments": [{"token": "u1/aa"}]}})),
                false,
            ),
        ] {
            let call = Call::raw(method, path, body.clone()).unwrap();
            assert_eq!(call.repeat_safe, safe, "{} {body:?}", call.label());
        }
    }
}
