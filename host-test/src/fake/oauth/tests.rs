//! The OAuth flow through the router.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded::Serializer;

use super::super::tests::{Bench, Got, options};
use super::super::{Behaviour, FakeOptions, Fault, FaultRule, RefreshRule};

const REDIRECT: &str = "http://127.0.0.1:9999/callback";

/// A strict account with a web application and an installed one.
fn strict() -> Bench {
    with(Behaviour::default())
}

fn with(behaviour: Behaviour) -> Bench {
    let bench = Bench::with(FakeOptions {
        strict_auth: true,
        behaviour,
        ..options(1)
    });
    bench
        .fake
        .register_client("web", Some("s3cret+/"), REDIRECT);
    bench.fake.register_client("app", None, REDIRECT);
    bench
}

fn encode(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn authorise(bench: &Bench, fields: &[(&str, &str)]) -> http::Response<Body> {
    let uri = format!("/oauth/authorise?{}", encode(fields));
    bench
        .raw(Request::get(uri).body(Body::empty()).unwrap())
        .await
}

/// The value of one parameter of the redirect.
fn redirected(response: &http::Response<Body>, name: &str) -> Option<String> {
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    let location = url::Url::parse(location).unwrap();
    assert!(location.as_str().starts_with(REDIRECT), "{location}");
    location
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn code(bench: &Bench, client: &str, extra: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
    ];
    fields.extend_from_slice(extra);
    redirected(&authorise(bench, &fields).await, "code").unwrap()
}

async fn form(bench: &Bench, path: &str, fields: &[(&str, &str)]) -> Got {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(encode(fields)))
        .unwrap();
    bench.send(request).await
}

async fn token(bench: &Bench, fields: &[(&str, &str)]) -> Got {
    form(bench, "/oauth/token", fields).await
}

async fn exchange(bench: &Bench, code: &str) -> Got {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", "web"),
        ("client_secret", "s3cret+/"),
    ];
    token(bench, &fields).await
}

async fn refresh(bench: &Bench, token_value: &str) -> Got {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token_value),
        ("client_id", "web"),
        ("client_secret", "s3cret+/"),
    ];
    token(bench, &fields).await
}

fn text<'a>(got: &'a Got, key: &str) -> &'a str {
    got.body[key].as_str().unwrap()
}

#[tokio::test]
async fn a_code_becomes_tokens_that_work() {
    let bench = strict();
    let response = authorise(
        &bench,
        &[
            ("response_type", "code"),
            ("client_id", "web"),
            ("redirect_uri", REDIRECT),
            ("scope", "read"),
            ("state", "a b&c"),
        ],
    )
    .await;
    assert_eq!(redirected(&response, "state").as_deref(), Some("a b&c"));
    let got = exchange(&bench, &redirected(&response, "code").unwrap()).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.header("cache-control"), Some("no-store"));
    let rest = (
        &got.body["expires_in"],
        &got.body["token_type"],
        &got.body["scope"],
        &got.body["subdomain"],
    );
    assert_eq!(
        rest,
        (
            &json!(604_799),
            &json!("bearer"),
            &json!("read"),
            &json!("northwind")
        )
    );
    assert_ne!(text(&got, "access_token"), text(&got, "refresh_token"));
    let user = bench
        .with_token(text(&got, "access_token"))
        .get("/users/current")
        .await;
    assert_eq!(user.body["user"]["username"], "rkaya");
}

#[tokio::test]
async fn nothing_asked_means_read_and_write() {
    let bench = strict();
    let got = exchange(&bench, &code(&bench, "web", &[]).await).await;
    assert_eq!(got.body["scope"], "read write");
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_use_revokes_its_tokens() {
    let bench = strict();
    let code = code(&bench, "web", &[]).await;
    let first = exchange(&bench, &code).await;
    let second = exchange(&bench, &code).await;
    assert_eq!(
        (second.status, text(&second, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    let got = bench
        .with_token(text(&first, "access_token"))
        .get("/site")
        .await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_expires() {
    let bench = strict();
    let code = code(&bench, "web", &[]).await;
    bench.advance(601);
    assert_eq!(
        text(&exchange(&bench, &code).await, "error"),
        "invalid_grant"
    );
}

#[tokio::test]
async fn a_challenge_wants_its_verifier() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    for (method, challenge) in [("plain", verifier), ("S256", hashed.as_str())] {
        let bench = strict();
        for (sent, expected) in [(None, 400), (Some("wrong"), 400), (Some(verifier), 200)] {
            let extra = [
                ("code_challenge", challenge),
                ("code_challenge_method", method),
            ];
            let code = code(&bench, "app", &extra).await;
            let mut fields = vec![
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("client_id", "app"),
            ];
            fields.extend(sent.map(|verifier| ("code_verifier", verifier)));
            assert_eq!(
                token(&bench, &fields).await.status,
                expected,
                "{method} {sent:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_redirect_of_the_exchange_must_be_the_one_of_the_page_if_sent() {
    let bench = strict();
    for (redirect, expected) in [(REDIRECT, 200), ("http://127.0.0.1:1/", 400)] {
        let code = code(&bench, "app", &[]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "app"),
            ("redirect_uri", redirect),
        ];
        assert_eq!(token(&bench, &fields).await.status, expected);
    }
}

#[tokio::test]
async fn a_secret_may_come_as_basic_or_in_json() {
    let bench = strict();
    let basic_code = code(&bench, "web", &[]).await;
    let request = Request::post("/oauth/token")
        .header(
            header::AUTHORIZATION,
            format!("Basic {}", STANDARD.encode("web:s3cret%2B%2F")),
        )
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(encode(&[
            ("grant_type", "authorization_code"),
            ("code", &basic_code),
        ])))
        .unwrap();
    assert_eq!(bench.send(request).await.status, StatusCode::OK);
    let code = code(&bench, "web", &[]).await;
    let fields = json!({ "grant_type": "authorization_code", "code": code, "client_id": "web", "client_secret": "s3cret+/" });
    let request = Request::post("/oauth/token")
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Body::from(fields.to_string()))
        .unwrap();
    assert_eq!(bench.send(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn token_requests_are_refused_as_the_rfc_says() {
    let bench = strict();
    let right = ("client_secret", "s3cret+/");
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Fields<'_>, u16, &str); 7] = [
        (
            &[
                ("client_id", "web"),
                ("client_secret", "no"),
                ("grant_type", "refresh_token"),
            ],
            401,
            "invalid_client",
        ),
        (
            &[("client_id", "web"), ("grant_type", "refresh_token")],
            401,
            "invalid_client",
        ),
        (
            &[("client_id", "who"), ("grant_type", "refresh_token")],
            401,
            "invalid_client",
        ),
        (&[("client_id", "web"), right], 400, "invalid_request"),
        (
            &[("client_id", "web"), right, ("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
        (
            &[
                ("client_id", "web"),
                right,
                ("grant_type", "authorization_code"),
                ("code", "x"),
            ],
            400,
            "invalid_grant",
        ),
        (
            &[("client_id", "web"), ("client_id", "web"), right],
            400,
            "invalid_request",
        ),
    ];
    for (fields, status, error) in cases {
        let got = token(&bench, fields).await;
        assert_eq!((got.status.as_u16(), text(&got, "error")), (status, error));
        assert!(!text(&got, "error_description").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_refresh_rotates_and_kills_the_old_refresh_token_only() {
    let bench = strict();
    let first = exchange(&bench, &code(&bench, "web", &[]).await).await;
    let second = refresh(&bench, text(&first, "refresh_token")).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_ne!(
        text(&first, "refresh_token"),
        text(&second, "refresh_token")
    );
    assert_eq!(
        text(
            &refresh(&bench, text(&first, "refresh_token")).await,
            "error"
        ),
        "invalid_grant"
    );
    for got in [&first, &second] {
        assert_eq!(
            bench
                .with_token(text(got, "access_token"))
                .get("/site")
                .await
                .status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn an_account_may_keep_or_leave_out_the_refresh_token() {
    for rule in [RefreshRule::Same, RefreshRule::Omitted] {
        let bench = with(Behaviour {
            refresh: rule,
            ..Behaviour::default()
        });
        let first = exchange(&bench, &code(&bench, "web", &[]).await).await;
        let old = text(&first, "refresh_token");
        let second = refresh(&bench, old).await;
        let expected = if rule == RefreshRule::Same {
            json!(old)
        } else {
            Value::Null
        };
        assert_eq!(
            second
                .body
                .get("refresh_token")
                .cloned()
                .unwrap_or_default(),
            expected
        );
        assert_eq!(refresh(&bench, old).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_but_not_widen_it() {
    let bench = strict();
    let issued = bench.fake.issue_token("jnovak", "read write");
    let ask = async |scope: &str, refresh: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("client_id", "fake-client"),
            ("scope", scope),
        ];
        token(&bench, &fields).await
    };
    assert_eq!(
        text(&ask("read user_preference", &issued.refresh).await, "error"),
        "invalid_grant"
    );
    assert_eq!(text(&ask("read", &issued.refresh).await, "scope"), "read");
}

#[tokio::test]
async fn an_access_token_expires_by_the_clock() {
    let bench = strict();
    let issued = bench.fake.issue_token("rkaya", "read");
    bench.advance(604_798);
    let bench = bench.with_token(&issued.access);
    assert_eq!(bench.get("/site").await.status, StatusCode::OK);
    bench.advance(1);
    let got = bench.get("/site").await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    assert!(
        got.header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

#[tokio::test]
async fn a_strict_account_refuses_strange_tokens_and_a_lenient_one_takes_them() {
    assert_eq!(strict().get("/site").await.status, StatusCode::UNAUTHORIZED);
    let user = Bench::new(0).get("/users/current").await;
    assert_eq!(user.body["user"]["username"], "rkaya");
}

#[tokio::test]
async fn both_addresses_revoke_and_a_refresh_token_takes_its_access_tokens_along() {
    for path in ["/oauth/token/revoke", "/oauth/revoke"] {
        let bench = strict();
        let issued = bench.fake.issue_token("rkaya", "read");
        assert_eq!(
            form(&bench, path, &[("token", "unknown")]).await.status,
            StatusCode::OK
        );
        assert_eq!(
            bench.with_token(&issued.access).get("/site").await.status,
            StatusCode::OK
        );
        assert_eq!(
            form(&bench, path, &[("token", &issued.refresh)])
                .await
                .status,
            StatusCode::OK
        );
        assert_eq!(
            bench.with_token(&issued.access).get("/site").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_refresh_token() {
    let bench = strict();
    let first = exchange(&bench, &code(&bench, "web", &[]).await).await;
    form(
        &bench,
        "/oauth/revoke",
        &[("token", text(&first, "access_token"))],
    )
    .await;
    let dead = bench.with_token(text(&first, "access_token"));
    assert_eq!(dead.get("/site").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&bench, text(&first, "refresh_token")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_chosen_user_signs_in() {
    let bench = strict();
    bench.fake.sign_in_as("osullivan");
    let got = exchange(&bench, &code(&bench, "web", &[]).await).await;
    let user = bench
        .with_token(text(&got, "access_token"))
        .get("/users/current")
        .await;
    assert_eq!(user.body["user"]["username"], "osullivan");
}

#[tokio::test]
async fn a_user_who_refuses_sends_access_denied() {
    let bench = strict();
    bench
        .fake
        .faults()
        .add(FaultRule::new(Fault::denied()).on_path("/oauth/authorise"));
    let fields = [
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", REDIRECT),
        ("state", "s"),
    ];
    let response = authorise(&bench, &fields).await;
    assert_eq!(
        redirected(&response, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(redirected(&response, "state").as_deref(), Some("s"));
    assert_eq!(redirected(&response, "code"), None);
}

#[tokio::test]
async fn a_strange_client_or_redirect_is_never_redirected_to() {
    let bench = strict();
    for (client, redirect) in [("who", REDIRECT), ("web", "http://127.0.0.1:1/")] {
        let fields = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
        ];
        assert_eq!(
            authorise(&bench, &fields).await.status(),
            StatusCode::BAD_REQUEST
        );
    }
}

#[tokio::test]
async fn the_consent_page_offers_both_and_escapes_what_it_is_given() {
    let bench = Bench::new(0);
    let client = "<script>alert(1)</script>";
    let fields = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("prompt", "consent"),
    ];
    let response = authorise(&bench, &fields).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(!page.contains("<script>"), "{page}");
    let deny = page
        .split("href=\"")
        .nth(2)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let uri = format!("/oauth/authorise{deny}");
    let response = bench
        .raw(Request::get(uri).body(Body::empty()).unwrap())
        .await;
    assert_eq!(
        redirected(&response, "error").as_deref(),
        Some("access_denied")
    );
}

#[tokio::test]
async fn the_metadata_names_the_endpoints() {
    let bench = Bench::new(0);
    let got = bench
        .send(
            Request::get("/.well-known/oauth-authorization-server")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(
        got.body["authorization_endpoint"],
        "https://api.capsulecrm.com/oauth/authorise"
    );
    assert_eq!(
        got.body["revocation_endpoint"],
        "https://api.capsulecrm.com/oauth/revoke"
    );
    assert_eq!(
        got.body["code_challenge_methods_supported"],
        json!(["plain", "S256"])
    );
}

#[test]
fn tokens_are_not_in_the_debug_text() {
    let issued = Bench::new(0).fake.issue_token("rkaya", "read");
    assert!(!format!("{issued:?}").contains(&issued.access));
}
