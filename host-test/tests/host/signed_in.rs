//! The real component signs in at the fake account, and stays signed in.

use std::sync::Arc;
use std::time::Duration;

use crate::support::connector;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::{Clock, DropWhen, Fake, FakeOptions, Fault, FaultRule};
use capsule_host::runtime::{CallError, Connector, Revoke, Tenant, TenantBuilder, auth, types};
use http::Method;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

const REDIRECT: &str = "http://127.0.0.1:8917/callback";

pub(super) fn fake() -> Fake {
    let fake = Fake::new(FakeOptions {
        parties: 3,
        strict_auth: true,
        clock: Clock::manual_at(1_772_000_000),
        ..FakeOptions::default()
    });
    fake.register_client("app", Some("the client's secret"), REDIRECT);
    fake
}

pub(super) fn tenant(fake: &Fake) -> TenantBuilder {
    Tenant::builder("northwind")
        .client("app", Some(Secret::from("the client's secret")))
        .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
        .upstream(Arc::new(InProcess::new(fake.router())))
}

/// What the browser does: opens the page, approves, and brings the code back.
async fn approve(fake: &Fake, url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let request = http::Request::get(path)
        .header("host", "api.capsulecrm.com")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = fake.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 302);
    let back = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    back.query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned()
}

pub(super) async fn sign_in(connector: &Connector, tenant: &Tenant, fake: &Fake) {
    let verifier = "v".repeat(43);
    let request = auth::AuthorizeRequest {
        client_id: "app".into(),
        redirect_uri: REDIRECT.into(),
        scopes: Vec::new(),
        state: "s".repeat(32),
        code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier))),
    };
    let url = connector.call(tenant).authorize_url(request).await.unwrap();
    assert_eq!(url.report.requests, 0);
    let code = approve(fake, &url.value).await;
    let call = connector.call(tenant);
    let connected = call
        .exchange_code(Secret::from(code), REDIRECT, Some(Secret::from(verifier)))
        .await
        .unwrap();
    assert!(connected.value.account.is_some());
}

pub(super) fn is_unauthenticated(error: &CallError) -> bool {
    matches!(
        error.to_wit(),
        types::Error::Permanent(types::PermanentError::Unauthenticated(_))
    )
}

#[tokio::test]
async fn a_person_signs_in_is_renewed_and_signs_out() {
    let (connector, fake) = (connector(), fake());
    let tenant = tenant(&fake).build().unwrap();
    let not_yet = connector.call(&tenant).check().await.unwrap_err();
    assert!(is_unauthenticated(&not_yet), "{not_yet}");

    sign_in(&connector, &tenant, &fake).await;
    let first = connector.call(&tenant).check().await.unwrap().value;
    connector.call(&tenant).refresh().await.unwrap();
    let second = connector.call(&tenant).check().await.unwrap().value;
    assert_eq!(first.user_id, second.user_id);

    connector
        .call(&tenant)
        .revoke(Revoke::RefreshToken)
        .await
        .unwrap();
    connector
        .call(&tenant)
        .revoke(Revoke::AccessToken)
        .await
        .unwrap();
    let gone = connector.call(&tenant).check().await.unwrap_err();
    assert!(is_unauthenticated(&gone), "{gone}");
}

#[tokio::test]
async fn a_token_that_expires_is_renewed_under_a_call_that_does_not_notice() {
    let (connector, fake) = (connector(), fake());
    let tenant = tenant(&fake).build().unwrap();
    sign_in(&connector, &tenant, &fake).await;
    fake.clock().advance(Duration::from_secs(8 * 24 * 3600));
    let answer = connector.call(&tenant).check().await.unwrap();
    assert!(answer.report.refreshed);
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_is_told_as_such_and_the_old_token_goes_on() {
    let (connector, fake) = (connector(), fake());
    let tenant = tenant(&fake).build().unwrap();
    sign_in(&connector, &tenant, &fake).await;
    fake.faults().add(
        FaultRule::new(Fault::dropped(DropWhen::After))
            .on(Method::POST, "/oauth/token")
            .times(1),
    );
    let error = connector.call(&tenant).refresh().await.unwrap_err();
    assert!(
        matches!(
            error.to_wit(),
            types::Error::Permanent(types::PermanentError::OutcomeUnknown(_))
        ),
        "{error}"
    );
    connector.call(&tenant).check().await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_was_revoked_needs_a_person_and_says_so_at_once_the_next_time() {
    let (connector, fake) = (connector(), fake());
    let tenant = tenant(&fake).build().unwrap();
    sign_in(&connector, &tenant, &fake).await;
    fake.revoke_tokens_of("rkaya");
    for _ in 0..2 {
        fake.clear_journal();
        let error = connector.call(&tenant).refresh().await.unwrap_err();
        assert!(is_unauthenticated(&error), "{error}");
    }
    assert!(fake.journal().is_empty(), "the second time nobody is asked");
}

#[tokio::test]
async fn a_client_with_a_wrong_secret_is_refused() {
    let (connector, fake) = (connector(), fake());
    let tokens = fake.issue_token("rkaya", "read write");
    let tenant = Tenant::builder("northwind")
        .client("app", Some(Secret::from("a wrong secret")))
        .access_token(Secret::from(tokens.access))
        .refresh_token(Secret::from(tokens.refresh))
        .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
        .upstream(Arc::new(InProcess::new(fake.router())))
        .build()
        .unwrap();
    let error = connector.call(&tenant).refresh().await.unwrap_err();
    assert!(matches!(error, CallError::Connector { .. }), "{error}");
    assert!(!error.to_string().contains("wrong secret"), "{error}");
}
