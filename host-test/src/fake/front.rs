//! The front door: what happens to every request before and after its resource answers.
//!
//! In this order: the Host check of a served fake, path clean-up, faults, the bearer token (401), the rate limit (429), the
//! resource (403 for scope, 404, 405, the answer), the headers that every answer has, faults of the answer, the journal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Fake;
use super::call::{BODY_LIMIT, Context};
use super::caller::{Caller, Scopes};
use super::clock::{http_date, whole_second};
use super::faults::{DropWhen, Fault};
use super::journal::{JournalRow, redact};
use super::oauth::{BadToken, DIRECT_CLIENT};
use super::rate::Standing;
use super::reply::{Refusal, json_response};

/// Where clients reach the fake.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// In process: any Host is fine, links begin with this base.
    InProcess(Arc<str>),
    /// On a socket: the Host must be this address, or the base if there is one.
    Served {
        address: SocketAddr,
        base: Option<Arc<str>>,
    },
}

impl Origin {
    /// The base of this request's links, `None` if its Host is somebody else's (a rebound DNS name).
    ///
    /// The Host is believed only when it names the socket that listens, by loopback name or number: then links carry the
    /// origin that the client used, so that it may follow them.
    fn base(&self, headers: &HeaderMap) -> Option<Arc<str>> {
        let (address, base) = match self {
            Origin::InProcess(base) => return Some(base.clone()),
            Origin::Served { address, base } => (address, base),
        };
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let port = address.port();
        let is_listener = host == address.to_string()
            || address.ip().is_loopback()
                && [
                    format!("127.0.0.1:{port}"),
                    format!("localhost:{port}"),
                    format!("[::1]:{port}"),
                ]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(host));
        match base {
            Some(base)
                if is_listener
                    || base
                        .split_once("://")
                        .is_some_and(|(_, authority)| authority == host) =>
            {
                Some(base.clone())
            }
            None if is_listener => Some(format!("http://{host}").into()),
            _ => None,
        }
    }
}

/// The fake's router as the world sees it.
pub(super) fn router(fake: Fake, origin: Origin) -> Router {
    let inner = super::resources(fake.clone());
    Router::new().fallback(move |request: Request| {
        let (fake, origin, inner) = (fake.clone(), origin.clone(), inner.clone());
        async move { answer(fake, origin, inner, request).await }
    })
}

async fn answer(fake: Fake, origin: Origin, inner: Router, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let now = fake.clock().now();
    parts.uri = clean(&parts.uri);
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let query = redact(parts.uri.query().unwrap_or_default());
    let write_down = |status: Option<StatusCode>, user: Option<u64>| {
        let row = JournalRow {
            at: now,
            method: method.clone(),
            path: path.clone(),
            query: query.clone(),
            status,
            user,
        };
        fake.write_journal(row);
    };

    let Some(base) = origin.base(&parts.headers) else {
        write_down(Some(StatusCode::MISDIRECTED_REQUEST), None);
        let text = "The Host header names another server; use the address that the fake printed";
        return json_response(StatusCode::MISDIRECTED_REQUEST, &json!({ "message": text }));
    };
    let header = parts
        .headers
        .get("x-fake-fault")
        .map(|value| value.to_str().unwrap_or("?"));
    let fault = match fake.faults().take(&parts.method, parts.uri.path(), header) {
        Ok(fault) => fault,
        Err(text) => {
            write_down(Some(StatusCode::BAD_REQUEST), None);
            return json_response(StatusCode::BAD_REQUEST, &json!({ "message": text }));
        }
    };
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    // Read whatever comes of it: a client that is still sending must not see a reset.
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        write_down(Some(StatusCode::BAD_REQUEST), None);
        return Refusal::Malformed("The body could not be read".to_owned()).into_response();
    };
    if fault.drop == Some(DropWhen::Before) {
        write_down(None, None);
        return broken(Response::default(), Bytes::new());
    }

    let is_api = parts.uri.path().starts_with("/api/v2/");
    let context = Context {
        caller: None,
        now: whole_second(now),
        base,
        deny: fault.deny,
    };
    let (mut response, user) = if let (Some(status), false) = (fault.status, fault.after) {
        (status_response(status, fault.body.as_ref()), None)
    } else if is_api {
        api(
            &fake,
            inner,
            Request::from_parts(parts, Body::from(body)),
            context,
            fault.rate_limit,
        )
        .await
    } else if fault.rate_limit {
        (
            Standing::exhausted(fake.options().rate_limit, now).refuse(),
            None,
        )
    } else {
        parts.extensions.insert(context);
        (
            call(inner, Request::from_parts(parts, Body::from(body))).await,
            None,
        )
    };
    if let (Some(status), true) = (fault.status, fault.after) {
        response = status_response(status, fault.body.as_ref());
    }
    let skew = fake.with_state(|state| state.behaviour.date_skew);
    let date = http_date(now.saturating_add(skew).unwrap_or(now));
    if let Ok(date) = HeaderValue::try_from(date) {
        response.headers_mut().insert(header::DATE, date);
    }
    write_down(
        if fault.drop.is_some() {
            None
        } else {
            Some(response.status())
        },
        user,
    );
    spoil(response, &fault).await
}

/// A call under `/api/v2`: bearer token, rate limit, resource.
async fn api(
    fake: &Fake,
    inner: Router,
    mut request: Request,
    mut context: Context,
    rate_limited: bool,
) -> (Response, Option<u64>) {
    let caller = match authenticate(fake, request.headers(), context.now) {
        Ok(caller) => caller,
        Err(refusal) => return (*refusal, None),
    };
    let user = caller.user;
    let standing = if rate_limited {
        Standing::exhausted(fake.options().rate_limit, context.now)
    } else {
        fake.count_request(user, context.now)
    };
    if standing.is_refused() {
        return (standing.refuse(), Some(user));
    }
    context.caller = Some(caller);
    request.extensions_mut().insert(context);
    let mut response = call(inner, request).await;
    standing.stamp(response.headers_mut());
    (response, Some(user))
}

/// A router can't fail; what it says is the answer.
async fn call(inner: Router, request: Request) -> Response {
    match inner.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The caller of a bearer token, or the 401 (API reference 1.4).
fn authenticate(
    fake: &Fake,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Arc<Caller>, Box<Response>> {
    let refuse = |challenge: &'static str, text: &str| {
        let mut response = json_response(StatusCode::UNAUTHORIZED, &json!({ "message": text }));
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
        Box::new(response)
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values
        .next()
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or_default();
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || values.next().is_some() {
        return Err(refuse(
            "Bearer realm=\"Capsule\"",
            "A bearer token is required",
        ));
    }
    match fake.with_grants(|grants| grants.caller(token, now)) {
        Ok(caller) => Ok(caller),
        Err(BadToken::Unknown) if !fake.options().strict_auth => {
            let user = fake.administrator();
            Ok(Arc::new(Caller {
                user,
                scopes: Scopes::all(),
                client: Some(DIRECT_CLIENT.to_owned()),
            }))
        }
        Err(BadToken::Unknown) => {
            let challenge = "Bearer realm=\"Capsule\", error=\"invalid_token\", error_description=\"Invalid token\"";
            Err(refuse(
                challenge,
                "The access token is invalid or was revoked",
            ))
        }
        Err(BadToken::Expired) => {
            let challenge = "Bearer realm=\"Capsule\", error=\"invalid_token\", error_description=\"Expired token\"";
            Err(refuse(challenge, "The access token has expired"))
        }
    }
}

/// The URI with runs of slashes in its path made one: real servers shrug at them.
fn clean(uri: &Uri) -> Uri {
    if !uri.path().contains("//") {
        return uri.clone();
    }
    let mut path = String::with_capacity(uri.path().len());
    for character in uri.path().chars() {
        if character != '/' || !path.ends_with('/') {
            path.push(character);
        }
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// The answer of a `status` fault. A number that is no status becomes a 500.
fn status_response(status: u16, body: Option<&Value>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match body {
        None => status.into_response(),
        Some(Value::String(text)) => {
            let media = if text.trim_start().starts_with(['{', '[']) {
                "application/json"
            } else {
                "text/html"
            };
            (status, [(header::CONTENT_TYPE, media)], text.clone()).into_response()
        }
        Some(body) => json_response(status, body),
    }
}

/// Does to an answer what the fault says.
async fn spoil(mut response: Response, fault: &Fault) -> Response {
    if let Some(value) = fault
        .content_type
        .as_deref()
        .and_then(|media| HeaderValue::try_from(media).ok())
    {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if fault.drop.is_some() {
        return broken(Response::default(), Bytes::new());
    }
    if !fault.cut && !fault.truncate {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Bodies of the fake stand in memory: reading one can't fail.
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    if !fault.cut {
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(whole.len().max(1)),
    );
    broken(Response::from_parts(parts, Body::empty()), half)
}

/// An answer whose body breaks off after `sent`. On a socket the connection is closed there; with nothing sent, not even the
/// head goes out.
fn broken(response: Response, sent: Bytes) -> Response {
    let (parts, _) = response.into_parts();
    let is_silent = sent.is_empty();
    let first = stream::iter((!is_silent).then_some(Ok(sent)));
    let last = stream::once(async move {
        if !is_silent {
            // Gives the server a turn to send what it has: an error takes unsent bytes with it.
            tokio::task::yield_now().await;
        }
        Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "the fake dropped the connection",
        ))
    });
    Response::from_parts(parts, Body::from_stream(first.chain(last)))
}

/// Answers for paths that nobody has, and for verbs that a path has not (API reference 2.11).
pub(super) async fn no_such_path() -> Response {
    Refusal::no_such_path().into_response()
}

pub(super) async fn no_such_method() -> Response {
    json_response(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({ "message": "Method not allowed" }),
    )
}
