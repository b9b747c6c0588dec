//! Tokens that expire, are refused, are renewed, and are never seen by a guest.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use capsule_host::egress::{
    AnswerBody, EgressLimits, Generation, NewTokens, Origin, Outbound, Secret, StoredCredentials,
    Upstream, UpstreamError,
};
use capsule_host::runtime::{
    CallError, Connector, Host, HostOptions, MemoryWatch, Revoke, Tenant, TenantBuilder, types,
};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;

use super::guests::{Courier, Errand};

const API: &str = "https://api.capsulecrm.com";
const FORM: &str = "application/x-www-form-urlencoded";

/// A vendor whose API takes one token, and whose token endpoint gives the next one.
#[derive(Default)]
struct Vendor {
    state: Mutex<State>,
    /// How long the token endpoint takes.
    slow: Duration,
}

#[derive(Default)]
struct State {
    /// The number in `access-N` and `refresh-N` that are good.
    good: usize,
    refuses_refresh: bool,
    token_requests: Vec<String>,
    api_requests: Vec<(String, String)>,
}

impl Vendor {
    fn with_good(good: usize) -> Self {
        Self {
            state: Mutex::new(State {
                good,
                ..State::default()
            }),
            slow: Duration::ZERO,
        }
    }

    fn token_requests(&self) -> Vec<String> {
        self.state.lock().unwrap().token_requests.clone()
    }

    fn api_requests(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().api_requests.clone()
    }
}

#[async_trait]
impl Upstream for Vendor {
    async fn send(
        &self,
        request: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let (status, answer) = if request.path.path() == "/oauth/token" {
            self.state.lock().unwrap().token_requests.push(body);
            tokio::time::sleep(self.slow).await;
            let mut state = self.state.lock().unwrap();
            if state.refuses_refresh {
                (400, json!({"error": "invalid_grant"}))
            } else {
                state.good += 1;
                let answer = json!({
                    "access_token": format!("access-{}", state.good),
                    "refresh_token": format!("refresh-{}", state.good),
                    "expires_in": 604_799, "token_type": "bearer", "scope": "read write",
                });
                (200, answer)
            }
        } else {
            let authorization = request
                .headers
                .get("authorization")
                .map_or(String::new(), |value| value.to_str().unwrap().to_owned());
            let mut state = self.state.lock().unwrap();
            let good = authorization == format!("Bearer access-{}", state.good);
            state.api_requests.push((authorization.clone(), body));
            (if good { 200 } else { 401 }, json!({"seen": authorization}))
        };
        let body = Full::new(Bytes::from(answer.to_string()))
            .map_err(|never| match never {})
            .boxed_unsync();
        Ok(http::Response::builder().status(status).body(body).unwrap())
    }
}

fn tenant(vendor: Arc<Vendor>) -> TenantBuilder {
    Tenant::builder("a")
        .access_token(Secret::from("access-1"))
        .refresh_token(Secret::from("refresh-1"))
        .client("app", Some(Secret::from("client-secret")))
        .grant(Origin::parse(API).unwrap())
        .upstream(vendor)
}

fn guest(errands: &[Errand]) -> Vec<u8> {
    let token =
        |form: &str| Errand::post(&format!("{API}/oauth/token"), form).header("content-type", FORM);
    Courier::new(errands)
        .refresh(&token(
            "grant_type=refresh_token&client_id=app&refresh_token={token}",
        ))
        .exchange_code(&token(
            "grant_type=authorization_code&client_id=app&code={token}",
        ))
        .build()
}

fn connector(errands: &[Errand]) -> Connector {
    Host::new(HostOptions {
        slots: 8,
        ..HostOptions::default()
    })
    .unwrap()
    .load(&guest(errands))
    .unwrap()
}

fn ask() -> Errand {
    Errand::post(&format!("{API}/api/v2/x"), "the body").bearer()
}

async fn stored(tenant: &Tenant) -> StoredCredentials {
    tenant
        .credentials()
        .load(tenant.connection())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_request_repeated_with_its_body() {
    let vendor = Arc::new(Vendor::with_good(2));
    let tenant = tenant(vendor.clone()).build().unwrap();
    let outcome = connector(&[ask(), ask()])
        .call(&tenant)
        .invoke("x", "")
        .await
        .unwrap();
    assert_eq!(outcome.json.matches("200 ").count(), 2, "{}", outcome.json);
    assert!(outcome.report.refreshed);
    assert_eq!(outcome.report.requests, 3, "the refresh is another call's");
    assert_eq!(
        vendor.token_requests(),
        ["grant_type=refresh_token&client_id=app&refresh_token=refresh-1"]
    );
    let sent = vendor.api_requests();
    let body = || "the body".to_owned();
    assert_eq!(
        sent,
        [
            ("Bearer access-1".to_owned(), body()),
            ("Bearer access-3".to_owned(), body()),
            ("Bearer access-3".to_owned(), body()),
        ]
    );
    let stored = stored(&tenant).await;
    assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-3");
    assert_eq!(stored.scopes, ["read", "write"]);
}

#[tokio::test]
async fn the_answer_to_a_repeated_request_holds_neither_token() {
    let vendor = Arc::new(Vendor::with_good(2));
    let tenant = tenant(vendor).build().unwrap();
    let outcome = connector(&[ask()])
        .call(&tenant)
        .invoke("x", "")
        .await
        .unwrap();
    assert!(outcome.json.contains("Bearer cph_"), "{}", outcome.json);
}

#[tokio::test]
async fn many_calls_with_a_refused_token_cause_one_refresh() {
    let vendor = Arc::new(Vendor {
        slow: Duration::from_millis(100),
        ..Vendor::with_good(2)
    });
    let tenant = tenant(vendor.clone()).build().unwrap();
    let connector = connector(&[ask()]);
    let calls = (0..12).map(|_| connector.call(&tenant).invoke("x", ""));
    for outcome in futures::future::join_all(calls).await {
        assert!(outcome.unwrap().json.starts_with("200 "));
    }
    assert_eq!(vendor.token_requests().len(), 1);
}

#[tokio::test]
async fn a_failed_refresh_is_not_tried_again_at_once() {
    let vendor = Arc::new(Vendor::with_good(2));
    vendor.state.lock().unwrap().refuses_refresh = true;
    let tenant = tenant(vendor.clone()).build().unwrap();
    let connector = connector(&[ask()]);
    for _ in 0..3 {
        let outcome = connector.call(&tenant).invoke("x", "").await.unwrap();
        assert!(outcome.json.starts_with("401 "), "{}", outcome.json);
        assert!(
            outcome.report.notes[0].contains("was refused"),
            "{:?}",
            outcome.report.notes
        );
    }
    assert_eq!(vendor.token_requests().len(), 1);
}

#[tokio::test]
async fn a_refused_refresh_token_needs_a_person() {
    let vendor = Arc::new(Vendor::with_good(2));
    vendor.state.lock().unwrap().refuses_refresh = true;
    let tenant = tenant(vendor).build().unwrap();
    let connector = connector(&[]);
    for _ in 0..2 {
        let error = connector.call(&tenant).refresh().await.unwrap_err();
        assert!(
            error.to_string().contains("connect this connection again"),
            "{error}"
        );
        assert!(matches!(
            error.to_wit(),
            types::Error::Permanent(types::PermanentError::Unauthenticated(_))
        ));
    }
}

#[tokio::test]
async fn a_large_body_is_not_sent_twice() {
    let vendor = Arc::new(Vendor::with_good(2));
    let mut limits = capsule_host::runtime::Limits::default();
    limits.egress.repeat_bytes = 4;
    let tenant = tenant(vendor.clone()).limits(limits).build().unwrap();
    let outcome = connector(&[ask()])
        .call(&tenant)
        .invoke("x", "")
        .await
        .unwrap();
    assert!(outcome.json.starts_with("401 "));
    assert_eq!(vendor.api_requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_another_call_has_renewed_is_used_without_another_refresh() {
    let vendor = Arc::new(Vendor {
        slow: Duration::ZERO,
        ..Vendor::with_good(7)
    });
    let first = tenant(vendor.clone()).build().unwrap();
    // The call begins with generation 0; while its request is under way, generation 1 is stored.
    struct Meanwhile(Arc<Vendor>, Tenant);
    #[async_trait]
    impl Upstream for Meanwhile {
        async fn send(
            &self,
            request: Outbound,
            l: &EgressLimits,
        ) -> Result<http::Response<AnswerBody>, UpstreamError> {
            let tokens = NewTokens {
                origin: Origin::parse(API).unwrap(),
                access_token: Secret::from("access-7"),
                refresh_token: None,
                expires_in: None,
                scopes: Vec::new(),
            };
            let _ = self
                .1
                .credentials()
                .commit(self.1.connection(), Generation(0), tokens)
                .await;
            self.0.send(request, l).await
        }
    }
    let second = Tenant::builder("b")
        .credentials(first.credentials().clone(), first.connection().clone())
        .grant(Origin::parse(API).unwrap())
        .upstream(Arc::new(Meanwhile(vendor.clone(), first.clone())))
        .build()
        .unwrap();
    let outcome = connector(&[ask()])
        .call(&second)
        .invoke("x", "")
        .await
        .unwrap();
    assert!(outcome.json.starts_with("200 "), "{}", outcome.json);
    assert!(vendor.token_requests().is_empty());
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_the_call() {
    let vendor = Arc::new(Vendor::with_good(1));
    let tenant = tenant(vendor.clone())
        .expires_in(Duration::ZERO)
        .build()
        .unwrap();
    let outcome = connector(&[ask()])
        .call(&tenant)
        .invoke("x", "")
        .await
        .unwrap();
    assert!(outcome.json.starts_with("200 "), "{}", outcome.json);
    assert_eq!(vendor.api_requests()[0].0, "Bearer access-2");
    assert!(!stored(&tenant).await.refresh_is_due(SystemTime::now()));
}

#[tokio::test]
async fn a_refresh_stores_the_new_tokens_and_gives_only_their_expiry() {
    let vendor = Arc::new(Vendor::with_good(1));
    let tenant = tenant(vendor.clone()).build().unwrap();
    let answer = connector(&[]).call(&tenant).refresh().await.unwrap();
    assert_eq!(answer.value.generation, Generation(1));
    let left = answer
        .value
        .expires_at
        .unwrap()
        .duration_since(SystemTime::now())
        .unwrap();
    assert!(left > Duration::from_secs(604_000), "{left:?}");
    let stored = stored(&tenant).await;
    assert_eq!(stored.access_token.unwrap().expose(), "access-2");
    assert_eq!(stored.refresh_token.unwrap().expose(), "refresh-2");
}

#[tokio::test]
async fn a_guest_that_claims_success_without_tokens_is_not_believed() {
    let vendor = Arc::new(Vendor::with_good(1));
    vendor.state.lock().unwrap().refuses_refresh = true;
    let tenant = tenant(vendor).build().unwrap();
    let connector = connector(&[]);
    assert!(connector.call(&tenant).refresh().await.is_err());
    let error = connector
        .call(&tenant)
        .exchange_code(Secret::from("code-1"), "http://127.0.0.1/", None)
        .await;
    assert!(matches!(error, Err(CallError::Host(_))), "{error:?}");
    assert_eq!(stored(&tenant).await.generation, Generation(0));
}

#[tokio::test]
async fn a_code_is_traded_for_tokens_that_are_stored() {
    let vendor = Arc::new(Vendor::with_good(4));
    let tenant = Tenant::builder("new")
        .client("app", None)
        .grant(Origin::parse(API).unwrap())
        .upstream(vendor.clone())
        .build()
        .unwrap();
    let connector = connector(&[ask()]);
    let verifier = Some(Secret::from("verifier-1"));
    let answer = connector
        .call(&tenant)
        .exchange_code(Secret::from("code-1"), "http://127.0.0.1/", verifier)
        .await;
    assert_eq!(answer.unwrap().value.tokens.scopes, ["read", "write"]);
    assert_eq!(
        vendor.token_requests(),
        ["grant_type=authorization_code&client_id=app&code=code-1"]
    );
    assert!(
        connector
            .call(&tenant)
            .invoke("x", "")
            .await
            .unwrap()
            .json
            .starts_with("200 ")
    );
    assert_eq!(vendor.api_requests()[0].0, "Bearer access-5");
}

#[tokio::test]
async fn no_sandbox_ever_holds_a_real_token() {
    let watch = MemoryWatch::new(4 * 1024 * 1024);
    let host = Host::new(HostOptions {
        watch: Some(watch.clone()),
        ..HostOptions::default()
    })
    .unwrap();
    let connector = host.load(&guest(&[ask()])).unwrap();
    let vendor = Arc::new(Vendor::with_good(2));
    let tenant = tenant(vendor).build().unwrap();
    connector
        .call(&tenant)
        .exchange_code(Secret::from("code-1"), "http://127.0.0.1/", None)
        .await
        .unwrap();
    connector.call(&tenant).refresh().await.unwrap();
    connector.call(&tenant).invoke("x", "").await.unwrap();
    assert_eq!(watch.count(), 3);
    assert!(
        watch.contains(b"grant_type=refresh_token"),
        "the watch sees the guest's memory"
    );
    assert!(watch.contains(b"604799"), "the watch sees the token answer");
    for secret in [
        "access-1",
        "access-3",
        "access-4",
        "refresh-1",
        "refresh-3",
        "refresh-4",
        "client-secret",
        "code-1",
    ] {
        assert!(!watch.contains(secret.as_bytes()), "{secret}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_started() {
    let tenant = Tenant::builder("a")
        .access_token(Secret::from("pasted"))
        .build()
        .unwrap();
    let connector = connector(&[]);
    let error = connector
        .call(&tenant)
        .revoke(Revoke::RefreshToken)
        .await
        .unwrap_err();
    assert!(
        error.report().is_none() && error.to_string().contains("no such token"),
        "{error}"
    );
    let error = connector.call(&tenant).refresh().await.unwrap_err();
    assert!(error.to_string().contains("no refresh token"), "{error}");
}
