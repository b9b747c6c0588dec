//! OAuth 2: the sign-in page, the token endpoint, both revocation endpoints and the metadata documents (API reference 1.3).
//!
//! The sign-in page approves at once, as a user would who is signed in and has agreed before. `prompt=consent` shows a small
//! page with two links instead; a fault (`deny`) lets the user refuse. The user who signs in is the administrator unless
//! [`Fake::sign_in_as`] says otherwise. Not built: the password grant for users of version 1 and `/oauth/userinfo`.

mod grants;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::Fake;
use super::call::Context;
use super::caller::Scopes;
use super::reply::json_response;

pub(super) use grants::{BadToken, Grants};
use grants::{Challenge, Issued};

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/oauth/authorise", get(authorise))
        .route("/oauth/token", post(token))
        .route("/oauth/token/revoke", post(revoke))
        .route("/oauth/revoke", post(revoke))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/.well-known/openid-configuration", get(openid_metadata))
        .route(
            "/.well-known/jwks.json",
            get(async || json_response(StatusCode::OK, &json!({ "keys": [] }))),
        )
}

fn metadata_document(base: &str) -> Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorise"),
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "scopes_supported": ["read", "write", "user_preference", "openid", "profile", "email", "tenant"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "ui_locales_supported": ["fr-FR", "en-US", "en-GB", "pt-BR", "es-ES"],
    })
}

async fn metadata(Extension(context): Extension<Context>) -> Response {
    json_response(StatusCode::OK, &metadata_document(&context.base))
}

async fn openid_metadata(Extension(context): Extension<Context>) -> Response {
    let mut document = metadata_document(&context.base);
    document["userinfo_endpoint"] = json!(format!("{}/oauth/userinfo", context.base));
    document["subject_types_supported"] = json!(["public"]);
    document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    json_response(StatusCode::OK, &document)
}

/// Fields of a query or form; a name that comes twice is a fault (RFC 6749 section 3.1).
fn fields(encoded: &[u8]) -> Result<HashMap<String, String>, &'static str> {
    let mut fields = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        if fields
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err("A parameter is given twice");
        }
    }
    Ok(fields)
}

fn error(status: StatusCode, code: &str, description: &str) -> Response {
    let mut response = json_response(
        status,
        &json!({ "error": code, "error_description": description }),
    );
    no_store(&mut response);
    response
}

fn no_store(response: &mut Response) {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// The sign-in page. A faulty client or redirect is told to the user, never redirected (RFC 6749 section 4.1.2.1).
async fn authorise(
    State(fake): State<Fake>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let invalid = |text| error(StatusCode::BAD_REQUEST, "invalid_request", text);
    let asked = match fields(query.as_bytes()) {
        Ok(asked) => asked,
        Err(text) => return invalid(text),
    };
    let get = |name: &str| {
        asked
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let Some(client_id) = get("client_id") else {
        return invalid("client_id is required");
    };
    let registered = fake.with_grants(|grants| {
        grants
            .clients
            .get(client_id)
            .map(|client| client.redirect.clone())
    });
    let redirect = match (registered, get("redirect_uri")) {
        (Some(registered), None) => registered,
        (Some(registered), Some(redirect)) if registered == redirect => registered,
        (Some(_), Some(_)) => return invalid("redirect_uri is not registered"),
        (None, _) if fake.options().strict_auth => return invalid("client_id is not registered"),
        (None, None) => return invalid("redirect_uri is required"),
        (None, Some(redirect)) => redirect.to_owned(),
    };
    let Ok(mut target) = url::Url::parse(&redirect) else {
        return invalid("redirect_uri is not a URL");
    };
    let state = get("state");
    let mut send = |answer: &[(&str, &str)]| {
        target
            .query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(state.map(|state| ("state", state)));
        let location = HeaderValue::try_from(target.as_str());
        match location {
            Ok(location) => {
                let mut response =
                    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
                no_store(&mut response);
                response
            }
            Err(_) => invalid("redirect_uri is not a URL"),
        }
    };
    if get("response_type") != Some("code") {
        return send(&[("error", "unsupported_response_type")]);
    }
    let Some(scopes) = Scopes::parse(get("scope").unwrap_or_default()) else {
        return send(&[("error", "invalid_scope")]);
    };
    let challenge = match get("code_challenge")
        .map(|text| Challenge::read(text, get("code_challenge_method")))
    {
        None => None,
        Some(Some(challenge)) => Some(challenge),
        Some(None) => return send(&[("error", "invalid_request")]),
    };
    match get("decision") {
        _ if context.deny => return send(&[("error", "access_denied")]),
        Some("deny") => return send(&[("error", "access_denied")]),
        None if get("prompt") == Some("consent") => {
            return consent_page(client_id, &scopes, &query);
        }
        _ => {}
    }
    let user = fake.signed_in();
    let code = fake.with_grants(|grants| {
        grants.issue_code(
            client_id,
            Some(&redirect),
            challenge,
            user,
            scopes,
            context.now,
        )
    });
    send(&[("code", &code)])
}

/// A page with two links that lead back here.
fn consent_page(client: &str, scopes: &Scopes, query: &str) -> Response {
    let link = |decision: &str| escape(&format!("?{query}&decision={decision}")).into_owned();
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Fake Capsule</title><h1>Fake Capsule</h1>\
         <p>The application <b>{}</b> asks for <b>{}</b>.</p>\
         <p><a href=\"{}\">Approve</a> <a href=\"{}\">Deny</a></p>",
        escape(client),
        escape(&scopes.spell()),
        link("approve"),
        link("deny"),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page).into_response()
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The fields of a token request: a form or a JSON object of texts.
fn token_fields(
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<HashMap<String, String>, &'static str> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if media
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("application/json")
    {
        return serde_json::from_slice(body).map_err(|_| "The body must be a JSON object of texts");
    }
    fields(body)
}

/// Id and secret of HTTP Basic, which are form-encoded first (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8()
            .map(Cow::into_owned)
            .ok()
    };
    Some((decode(id)?, decode(secret)?))
}

async fn token(
    State(fake): State<Fake>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |code, text| error(StatusCode::BAD_REQUEST, code, text);
    let asked = match token_fields(&headers, &body) {
        Ok(asked) => asked,
        Err(text) => return refuse("invalid_request", text),
    };
    let get = |name: &str| {
        asked
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let basic = basic(&headers);
    if basic.is_some() && get("client_secret").is_some() {
        return refuse("invalid_request", "The client authenticates in two ways");
    }
    let (client, secret) = match &basic {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (get("client_id"), get("client_secret")),
    };
    let Some(client) = client else {
        return refuse("invalid_request", "client_id is required");
    };
    let is_client = fake.with_grants(|grants| match grants.clients.get(client) {
        // An installed application has no secret; one that is sent anyway is ignored.
        Some(registered) => registered.secret.is_none() || registered.secret.as_deref() == secret,
        None => !fake.options().strict_auth,
    });
    if !is_client {
        let mut response = error(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed",
        );
        if basic.is_some() {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        return response;
    }
    let rule = fake.with_state(|state| state.behaviour.refresh);
    let issued = match get("grant_type") {
        None => return refuse("invalid_request", "grant_type is required"),
        Some("authorization_code") => {
            let Some(code) = get("code") else {
                return refuse("invalid_request", "code is required");
            };
            let (redirect, verifier) = (get("redirect_uri"), get("code_verifier"));
            fake.with_grants(|grants| {
                grants.exchange(code, client, redirect, verifier, context.now)
            })
        }
        Some("refresh_token") => {
            let Some(refresh) = get("refresh_token") else {
                return refuse("invalid_request", "refresh_token is required");
            };
            let scopes = match get("scope").map(Scopes::parse) {
                None => None,
                Some(Some(scopes)) => Some(scopes),
                Some(None) => return refuse("invalid_scope", "The scope is unknown"),
            };
            fake.with_grants(|grants| grants.refresh(refresh, client, scopes, rule, context.now))
        }
        Some(_) => {
            return refuse(
                "unsupported_grant_type",
                "Use authorization_code or refresh_token",
            );
        }
    };
    let Issued {
        access,
        refresh,
        scopes,
    } = match issued {
        Ok(issued) => issued,
        Err(text) => return refuse("invalid_grant", text),
    };
    let mut answer = json!({
        "access_token": access,
        "expires_in": grants::ACCESS_SECONDS,
        "token_type": "bearer",
        "scope": scopes.spell(),
        "subdomain": fake.with_state(|state| state.subdomain),
    });
    if let Some(refresh) = refresh {
        answer["refresh_token"] = json!(refresh);
    }
    let mut response = json_response(StatusCode::OK, &answer);
    no_store(&mut response);
    response
}

/// Both addresses take a form with `token`; whoever holds the token may revoke it.
async fn revoke(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let token = token_fields(&headers, &body)
        .ok()
        .and_then(|mut fields| fields.remove("token"));
    let Some(token) = token else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "token is required",
        );
    };
    fake.with_grants(|grants| grants.revoke(&token));
    StatusCode::OK.into_response()
}

impl Fake {
    /// Issues tokens to an application for `username`, without the detour over the sign-in page. An unknown user name
    /// means the administrator, an unknown scope all three documented ones.
    pub fn issue_token(&self, username: &str, scope: &str) -> IssuedTokens {
        let user = self.user_id(username);
        let scopes = Scopes::parse(scope).unwrap_or_else(Scopes::all);
        let now = self.clock().now();
        let (_, issued) = self.with_grants(|grants| grants.issue(DIRECT_CLIENT, user, scopes, now));
        IssuedTokens {
            access: issued.access,
            refresh: issued.refresh.unwrap_or_default(),
        }
    }
}

/// The application that tokens of [`Fake::issue_token`] belong to.
pub(super) const DIRECT_CLIENT: &str = "fake-client";

/// An access token and its refresh token. They belong to the client `fake-client`, which needs no registration.
#[derive(Clone)]
pub struct IssuedTokens {
    /// The bearer token.
    pub access: String,
    /// Good at the token endpoint.
    pub refresh: String,
}

impl std::fmt::Debug for IssuedTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IssuedTokens([redacted])")
    }
}
