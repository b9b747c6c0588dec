//! The token and revocation endpoints: the one place where secrets travel in bodies, in both directions.

use std::collections::HashSet;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::target::Target;
use super::{CredentialKind, Rule, Secret};

/// The largest token request.
pub(crate) const REQUEST_BYTES: usize = 16 * 1024;
/// The largest token answer.
pub(crate) const ANSWER_BYTES: usize = 64 * 1024;
/// The longest token that is believed. Real ones have tens of characters.
const TOKEN_BYTES: usize = 8 * 1024;

/// Where on an origin credentials are swapped in. Pinned by the host, not asked for by the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Below this path the `Authorization` header is swapped. It ends with a slash.
    pub api: String,
    /// Here the form body is swapped and the answer is sealed.
    pub token: Vec<String>,
    /// Here the form body is swapped.
    pub revoke: Vec<String>,
}

impl Default for Placement {
    /// Capsule's (API reference 1.1 and 1.3; the two revocation paths come from two sources that disagree).
    fn default() -> Self {
        Self {
            api: "/api/v2/".into(),
            token: vec!["/oauth/token".into()],
            revoke: vec!["/oauth/token/revoke".into(), "/oauth/revoke".into()],
        }
    }
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Api,
    Token,
    Revoke,
    Other,
}

impl Placement {
    pub(crate) fn of(&self, target: &Target) -> Place {
        let path = target.path.path();
        if path.starts_with(&self.api) {
            Place::Api
        } else if self.token.iter().any(|token| token == path) {
            Place::Token
        } else if self.revoke.iter().any(|revoke| revoke == path) {
            Place::Revoke
        } else {
            Place::Other
        }
    }
}

/// A request body with the real values in it.
pub(crate) struct SwappedForm {
    pub(crate) body: String,
    pub(crate) grant_type: Option<String>,
}

/// Decodes the form, puts real values in place of whole placeholders where their kind belongs, and encodes it again.
/// `real` gives the value behind a placeholder that may be used here.
pub(crate) fn swap_form(
    target: &Target,
    headers: &http::HeaderMap,
    body: &[u8],
    mut real: impl FnMut(&str, &[CredentialKind]) -> Option<Secret>,
) -> Result<SwappedForm, Rule> {
    if target.method != Method::POST {
        return Err(Rule::TokenRequest("a POST"));
    }
    if target.path.query().is_some() {
        return Err(Rule::TokenRequest("without a query"));
    }
    if headers.contains_key(http::header::AUTHORIZATION) {
        return Err(Rule::TokenRequest(
            "without an Authorization header: the client's secret goes into the form",
        ));
    }
    let form = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !form {
        return Err(Rule::TokenRequest(
            "form-encoded (application/x-www-form-urlencoded)",
        ));
    }
    if body.len() > REQUEST_BYTES {
        return Err(Rule::TokenRequest("at most 16 KiB"));
    }
    let mut seen = HashSet::new();
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    let mut grant_type = None;
    for (key, value) in url::form_urlencoded::parse(body) {
        if !seen.insert(key.clone()) {
            return Err(Rule::TokenRequest("without a repeated key"));
        }
        let kinds: &[CredentialKind] = match key.as_ref() {
            "client_secret" => &[CredentialKind::ClientSecret],
            "refresh_token" => &[CredentialKind::RefreshToken],
            "code" => &[CredentialKind::Code],
            "code_verifier" => &[CredentialKind::CodeVerifier],
            "token" => &[CredentialKind::RefreshToken, CredentialKind::AccessToken],
            _ => &[],
        };
        if key == "grant_type" {
            grant_type = Some(value.clone().into_owned());
        }
        let real = if kinds.is_empty() {
            None
        } else {
            real(&value, kinds)
        };
        match real {
            Some(secret) => out.append_pair(&key, secret.expose()),
            None => out.append_pair(&key, &value),
        };
    }
    Ok(SwappedForm {
        body: out.finish(),
        grant_type,
    })
}

/// A token answer of the documented shape (API reference 1.3). An unknown key makes it another shape: it might be one
/// more secret, and an unknown secret can't be sealed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    token_type: Option<String>,
    scope: Option<String>,
    subdomain: Option<String>,
}

/// An error answer of the documented shape (RFC 6749 section 5.2), or Capsule's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenError {
    error: Option<String>,
    error_description: Option<String>,
    error_uri: Option<String>,
    message: Option<String>,
}

/// A token answer, taken apart.
pub(crate) struct Tokens {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) scopes: Vec<String>,
    expires_in_s: Option<u64>,
    token_type: Option<String>,
    scope: Option<String>,
    subdomain: Option<String>,
}

impl Tokens {
    /// Reads a successful answer. None: another shape, of which nothing may reach the guest.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        // serde_json refuses a repeated key of a struct by itself, which is what strict means here.
        let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
        let fits = |token: &String| {
            !token.is_empty() && token.len() <= TOKEN_BYTES && is_header_text(token)
        };
        if !fits(&answer.access_token) || !answer.refresh_token.as_ref().is_none_or(fits) {
            return None;
        }
        let scope = answer.scope.clone().unwrap_or_default();
        Some(Self {
            access_token: answer.access_token.into(),
            refresh_token: answer.refresh_token.map(Secret::from),
            expires_in: answer.expires_in.map(Duration::from_secs),
            scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
            expires_in_s: answer.expires_in,
            token_type: answer.token_type,
            scope: answer.scope,
            subdomain: answer.subdomain,
        })
    }

    /// The answer as the guest may see it.
    pub(crate) fn sealed(&self, access: &str, refresh: Option<&str>) -> String {
        let mut sealed = Map::new();
        sealed.insert("access_token".into(), access.into());
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                sealed.insert(key.into(), value);
            }
        };
        put("refresh_token", refresh.map(Value::from));
        put("expires_in", self.expires_in_s.map(Value::from));
        put("token_type", self.token_type.clone().map(Value::from));
        put("scope", self.scope.clone().map(Value::from));
        put("subdomain", self.subdomain.clone().map(Value::from));
        Value::Object(sealed).to_string()
    }
}

/// Whether the text may stand in an `Authorization` header.
fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An error answer as the guest may see it, before live secrets are searched for. None: another shape.
pub(crate) fn sealed_error(body: &[u8]) -> Option<String> {
    let error: TokenError = serde_json::from_slice(body).ok()?;
    let fields = [
        ("error", error.error),
        ("error_description", error.error_description),
        ("error_uri", error.error_uri),
        ("message", error.message),
    ];
    let object: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))))
        .collect();
    Some(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target(method: &str, uri: &str) -> Target {
        Target::parse(&method.parse().unwrap(), &uri.parse().unwrap()).unwrap()
    }

    fn form_headers() -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8"
                .parse()
                .unwrap(),
        );
        headers
    }

    const TOKEN: &str = "https://api.capsulecrm.com/oauth/token";

    fn swap(headers: &http::HeaderMap, body: &str) -> Result<String, Rule> {
        swap_form(
            &target("POST", TOKEN),
            headers,
            body.as_bytes(),
            |value, kinds| match (value, kinds) {
                ("cph_r", [CredentialKind::RefreshToken, ..]) => Some("real&r".into()),
                ("cph_s", [CredentialKind::ClientSecret]) => Some("real s".into()),
                _ => None,
            },
        )
        .map(|swapped| swapped.body)
    }

    #[test]
    fn whole_values_are_swapped_where_their_kind_belongs_and_encoded_again() {
        assert_eq!(
            swap(
                &form_headers(),
                "grant_type=refresh_token&refresh_token=cph_r&client_secret=cph_s"
            )
            .unwrap(),
            "grant_type=refresh_token&refresh_token=real%26r&client_secret=real+s"
        );
    }

    #[test]
    fn a_placeholder_in_another_key_or_in_part_of_a_value_stays() {
        assert_eq!(
            swap(&form_headers(), "state=cph_r&refresh_token=xcph_r").unwrap(),
            "state=cph_r&refresh_token=xcph_r"
        );
        assert_eq!(
            swap(&form_headers(), "client_secret=cph_r").unwrap(),
            "client_secret=cph_r"
        );
    }

    #[test]
    fn other_forms_of_token_request_are_refused() {
        assert!(
            swap(&form_headers(), "refresh_token=a&refresh%5Ftoken=b").is_err(),
            "repeated key"
        );
        assert!(
            swap(&http::HeaderMap::new(), "a=b").is_err(),
            "no content type"
        );
        let mut json = http::HeaderMap::new();
        json.insert("content-type", "application/json".parse().unwrap());
        assert!(swap(&json, "{}").is_err(), "JSON");
        let mut basic = form_headers();
        basic.insert("authorization", "Basic eDp5".parse().unwrap());
        assert!(swap(&basic, "a=b").is_err(), "basic authentication");
        assert!(
            swap(&form_headers(), &format!("a={}", "b".repeat(REQUEST_BYTES))).is_err(),
            "too large"
        );
        let none = |_: &str, _: &[CredentialKind]| None;
        assert!(
            swap_form(&target("PUT", TOKEN), &form_headers(), b"a=b", none).is_err(),
            "PUT"
        );
        assert!(
            swap_form(
                &target("POST", &format!("{TOKEN}?a")),
                &form_headers(),
                b"a=b",
                none
            )
            .is_err(),
            "query"
        );
    }

    #[test]
    fn a_token_answer_is_sealed() {
        let tokens = Tokens::read(
            br#"{"access_token":"real-a","refresh_token":"real-r","expires_in":604799,"token_type":"bearer","scope":"read write","subdomain":"northwind"}"#,
        )
        .unwrap();
        let sealed: Value = serde_json::from_str(&tokens.sealed("A", Some("R"))).unwrap();
        assert_eq!(
            sealed,
            serde_json::json!({
                "access_token": "A", "refresh_token": "R", "expires_in": 604_799, "token_type": "bearer",
                "scope": "read write", "subdomain": "northwind",
            })
        );
    }

    #[test]
    fn an_unknown_shape_is_no_token_answer() {
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\nb"}"#,
            r#"{"access_token":"a","id_token":"secret"}"#,
            r#"{"access_token":"a","access_token":"b"}"#,
            r#"{"refresh_token":"a"}"#,
        ] {
            assert!(Tokens::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn an_error_of_the_documented_shape_passes_and_another_does_not() {
        assert_eq!(
            sealed_error(br#"{"error":"invalid_grant"}"#).unwrap(),
            r#"{"error":"invalid_grant"}"#
        );
        assert!(sealed_error(br#"{"error":"x","access_token":"y"}"#).is_none());
        assert!(sealed_error(b"<html>").is_none());
    }

    proptest! {
        #[test]
        fn no_body_makes_the_swap_panic_and_what_is_not_swapped_keeps_its_meaning(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let none = |_: &str, _: &[CredentialKind]| None;
            if let Ok(swapped) = swap_form(&target("POST", TOKEN), &form_headers(), &body, none) {
                let before: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
                let after: Vec<_> = url::form_urlencoded::parse(swapped.body.as_bytes()).into_owned().collect();
                prop_assert_eq!(before, after);
            }
        }

        #[test]
        fn no_answer_makes_sealing_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Tokens::read(&body);
            let _ = sealed_error(&body);
        }
    }
}
