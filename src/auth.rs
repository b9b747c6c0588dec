//! OAuth 2: where to send the browser, tokens for a code, new tokens, giving them back; and who is connected (API reference 1.2 to 1.4).
//!
//! Called by `component.rs`; calls `api/`. Tokens, codes and secrets go into form bodies and into results, nowhere else: what an OAuth
//! endpoint answers is never shown as it came, because it may hold or repeat them.

use crate::api::headers::{self as names, number};
use crate::api::{Call, Client, Method, date_time, fault, form, from_status, violation};
use crate::bindings::exports::integration::connector::auth::{
    AuthorizeRequest, Client as OauthClient, CodeGrant, Connection, HookCapacity, Quota, TokenSet,
};
use crate::bindings::integration::connector::types::{
    Error, Fault, PermanentError as P, Violation,
};
use http::{HeaderMap, Response};
use serde_json::{Value, json};

/// Asked for when the engine names no scope.
pub(crate) const DEFAULT_SCOPES: &[&str] = &["read", "write"];
/// Under the API's base; British spelling (API reference 1.3).
pub(crate) const AUTHORIZE_PATH: &str = "/oauth/authorise";
/// Under the API's base.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
/// Under the API's base, as the documentation has it, and as the server's metadata has it (API reference 6, point 1).
pub(crate) const REVOKE_PATHS: [&str; 2] = ["/oauth/token/revoke", "/oauth/revoke"];

/// Hooks per account, over all applications (API reference 5.1).
const HOOK_SLOTS: u32 = 20;

// ---- the authorisation page ----

/// Where to send the browser. Sends nothing.
///
/// # Errors
/// `invalid-input` with every fault. Scopes that are not known here pass as long as they are spelt as scopes: Capsule adds some.
pub fn authorize_url(client: &Client, request: &AuthorizeRequest) -> Result<String, Error> {
    let faults = request_faults(request);
    if !faults.is_empty() {
        return Err(Error::Permanent(P::InvalidInput(faults)));
    }
    let scopes = if request.scopes.is_empty() {
        DEFAULT_SCOPES.join(" ")
    } else {
        request.scopes.join(" ")
    };
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", request.client_id.as_str()),
        ("redirect_uri", request.redirect_uri.as_str()),
        ("scope", scopes.as_str()),
        ("state", request.state.as_str()),
    ];
    if let Some(challenge) = &request.code_challenge {
        query.extend([
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
    }
    Ok(format!(
        "{}{AUTHORIZE_PATH}?{}",
        client.base()?,
        form(&query)
    ))
}

/// 128 bits take 22 letters of base64url. A state is bounded above so that the address stays one that browsers take.
const STATE_LENGTH: std::ops::RangeInclusive<usize> = 22..=512;
/// SHA-256 in base64url without padding.
const CHALLENGE_LENGTH: usize = 43;

fn request_faults(request: &AuthorizeRequest) -> Vec<Violation> {
    let mut faults = Vec::new();
    if request.client_id.trim().is_empty() {
        faults.push(violation(
            "/client-id",
            "required",
            "the client id of the registered application is missing",
        ));
    }
    if let Some(why) = redirect_fault(&request.redirect_uri) {
        faults.push(violation("/redirect-uri", "format", why));
    }
    for (index, scope) in request.scopes.iter().enumerate() {
        // RFC 6749 3.3.
        let spelt = !scope.is_empty()
            && scope
                .bytes()
                .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !spelt {
            let message = "a scope is one word, such as `read`, `write` or `user_preference`; several are several items";
            faults.push(violation(format!("/scopes/{index}"), "format", message));
        }
    }
    if !STATE_LENGTH.contains(&request.state.len()) {
        let message = format!(
            "{} to {} characters are expected: at least 128 random bits",
            STATE_LENGTH.start(),
            STATE_LENGTH.end()
        );
        faults.push(violation("/state", "range", message));
    } else if !request.state.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.push(violation(
            "/state",
            "format",
            "visible ASCII characters are expected, such as base64url",
        ));
    }
    let is_challenge = |text: &str| {
        text.len() == CHALLENGE_LENGTH
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if request
        .code_challenge
        .as_deref()
        .is_some_and(|challenge| !is_challenge(challenge))
    {
        let message = "base64url(SHA-256(verifier)) without padding is expected: 43 characters of `A-Z a-z 0-9 - _`";
        faults.push(violation("/code-challenge", "format", message));
    }
    faults
}

/// Why a text is no redirect address: an absolute URI without a fragment (RFC 6749 3.1.2), of the web or of a scheme of the application's
/// own (RFC 8252 7.1).
fn redirect_fault(text: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Some(
            "an absolute address is expected, such as https://engine.example/callback or com.example.engine:/callback",
        );
    };
    let scheme = scheme.to_ascii_lowercase();
    let lettered = scheme.starts_with(|letter: char| letter.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !lettered || rest.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("this is not an address");
    }
    if text.contains('#') {
        return Some("a redirect address has no fragment");
    }
    match scheme.as_str() {
        "http" | "https" => {
            let hosted = rest.starts_with("//")
                && text
                    .parse::<http::Uri>()
                    .is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
            (!hosted).then_some("this address has no host")
        }
        "javascript" | "data" | "file" | "blob" | "about" | "vbscript" => {
            Some("a browser must not be sent to an address of this scheme")
        }
        _ => None,
    }
}

// ---- tokens ----

/// What a token is asked for with.
struct Grant<'a> {
    form: Vec<(&'static str, &'a str)>,
    /// What to do when nobody knows whether the grant was used up.
    way_out: &'static str,
    /// What to do when the grant was refused.
    refused: &'static str,
}

/// Trades the code for tokens.
///
/// # Errors
/// `unauthenticated` for a refused code, `forbidden` for a refused client, `outcome-unknown` where the code may be used up.
pub async fn exchange_code(
    client: &Client,
    application: &OauthClient,
    grant: &CodeGrant,
) -> Result<TokenSet, Error> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", grant.code.as_str()),
        ("redirect_uri", grant.redirect_uri.as_str()),
    ];
    form.extend(
        grant
            .code_verifier
            .as_deref()
            .map(|verifier| ("code_verifier", verifier)),
    );
    let grant = Grant {
        form,
        way_out: "The code may be used up: begin the sign-in anew.",
        refused: "The code was refused: it works once, for a short time, and with the redirect address and the verifier it was made for. Begin the sign-in anew.",
    };
    tokens(client, application, grant).await
}

/// New tokens. Capsule may change the refresh token each time (API reference 1.3): keep the newest.
///
/// # Errors
/// `unauthenticated` for a refused refresh token, `forbidden` for a refused client, `outcome-unknown` where the token may be used up.
pub async fn refresh(
    client: &Client,
    application: &OauthClient,
    refresh_token: &str,
) -> Result<TokenSet, Error> {
    let grant = Grant {
        form: vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ],
        way_out: "The refresh token may be used up: try it once more, and connect anew if it is refused.",
        refused: "The refresh token was refused: connect anew.",
    };
    tokens(client, application, grant).await
}

async fn tokens(
    client: &Client,
    application: &OauthClient,
    grant: Grant<'_>,
) -> Result<TokenSet, Error> {
    let mut form = grant.form;
    form.extend(credentials(application));
    filled(&form)?;
    let call = oauth(TOKEN_PATH, false);
    let unknown = |error: Error| match error {
        Error::Permanent(P::OutcomeUnknown(fault)) => Error::Permanent(P::OutcomeUnknown(Fault {
            message: format!("{} {}", fault.message, grant.way_out),
            ..fault
        })),
        other => other,
    };
    let response = client
        .send_form(&call, self::form(&form))
        .await
        .map_err(unknown)?;
    if response.status().is_success() {
        return token_set(response.body()).map_err(|why| {
            unknown(Error::Permanent(P::OutcomeUnknown(told(
                &call,
                &response,
                format!("Capsule answered without usable tokens: {why}."),
            ))))
        });
    }
    Err(unknown(refusal(&call, &response, &form, grant.refused)))
}

/// The registered application, in the body: a host that puts the real secret in place looks for it there.
fn credentials(application: &OauthClient) -> impl Iterator<Item = (&'static str, &str)> {
    [("client_id", application.id.as_str())].into_iter().chain(
        application
            .secret
            .as_deref()
            .map(|secret| ("client_secret", secret)),
    )
}

/// Nothing of a form may be empty: Capsule would not say which it misses.
fn filled(form: &[(&str, &str)]) -> Result<(), Error> {
    let faults: Vec<_> = form
        .iter()
        .filter(|(_, value)| value.trim().is_empty())
        .map(|(name, _)| {
            violation(
                format!("/{}", name.replace('_', "-")),
                "required",
                format!("the {} is empty", name.replace('_', " ")),
            )
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::Permanent(P::InvalidInput(faults)))
    }
}

fn oauth(path: &str, repeat_safe: bool) -> Call {
    Call {
        method: Method::Post,
        path: path.to_owned(),
        query: Vec::new(),
        body: None,
        repeat_safe,
    }
}

fn told(call: &Call, response: &Response<Vec<u8>>, message: String) -> Fault {
    Fault {
        status: Some(response.status().as_u16()),
        request: Some(call.label()),
        ..fault(message)
    }
}

/// The tokens of an answer (API reference 1.3). What is wrong with it is said without showing any of it.
fn token_set(body: &[u8]) -> Result<TokenSet, &'static str> {
    let body: Value = capsule_json::parse(body).map_err(|_| "the body is not JSON")?;
    let text = |key: &str| {
        body.get(key)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
            .filter(|text| !text.is_empty())
    };
    let access_token = text("access_token").ok_or("there is no `access_token`")?;
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the `token_type` is not `bearer`");
    }
    Ok(TokenSet {
        access_token,
        refresh_token: text("refresh_token"),
        expires_in_s: body.get("expires_in").and_then(Value::as_u64),
        scopes: text("scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect(),
        account: text("subdomain"),
    })
}

/// What an OAuth endpoint refused. The body's form is RFC 6749 5.2, as far as is known (API reference 1.3).
fn refusal(
    call: &Call,
    response: &Response<Vec<u8>>,
    form: &[(&str, &str)],
    refused: &str,
) -> Error {
    let (code, reason) = oauth_error(response.body(), form);
    let tell = |advice: &str| {
        let named = code
            .as_deref()
            .map_or_else(String::new, |code| format!(" ({code})"));
        let reason = reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(" It says: {reason}"));
        told(call, response, format!("{advice}{named}{reason}"))
    };
    match (response.status().as_u16(), code.as_deref()) {
        // Load and trouble are told by the status, whatever the body says.
        (408 | 429 | 500.., _) => without_body(call, response),
        (_, Some("invalid_grant" | "invalid_token")) => {
            Error::Permanent(P::Unauthenticated(tell(refused)))
        }
        (_, Some("invalid_client" | "unauthorized_client")) => Error::Permanent(P::Forbidden(
            tell("Capsule does not accept the application: check its client id and secret."),
        )),
        (_, Some("access_denied")) => {
            Error::Permanent(P::Forbidden(tell("Capsule does not allow this.")))
        }
        (400 | 422, code) => {
            let pointer = match code {
                Some("invalid_scope") => "/scopes",
                _ => "",
            };
            Error::Permanent(P::InvalidInput(vec![violation(
                pointer,
                "vendor",
                tell("Capsule does not understand the request.").message,
            )]))
        }
        (401, _) => Error::Permanent(P::Unauthenticated(tell(refused))),
        (403, _) => Error::Permanent(P::Forbidden(tell("Capsule does not allow this."))),
        (404 | 405 | 410, _) => Error::Permanent(P::Unsupported(tell(
            "Capsule has no such endpoint: check CAPSULE_API_BASE.",
        ))),
        _ => without_body(call, response),
    }
}

/// What the status and the headers say.
fn without_body(call: &Call, response: &Response<Vec<u8>>) -> Error {
    from_status(call, response.status().as_u16(), response.headers(), b"")
}

/// The error code of an answer and its sentence. The sentence is left out if it repeats anything of the request that is secret.
fn oauth_error(body: &[u8], form: &[(&str, &str)]) -> (Option<String>, Option<String>) {
    let body: Value = capsule_json::parse(body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    // Neither as it is nor as it stands in a form.
    let public = |name: &str| matches!(name, "grant_type" | "client_id" | "redirect_uri");
    let repeats = |sentence: &str| {
        form.iter().any(|(name, value)| {
            !public(name) && (sentence.contains(value) || sentence.contains(&encoded(value)))
        })
    };
    // Anything else than a word of the protocol may be anything.
    let code = text("error").filter(|code| {
        code.len() <= 40
            && !repeats(code)
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    let sentence = text("error_description")
        .or_else(|| text("message"))
        .filter(|sentence| !sentence.is_empty() && !repeats(sentence));
    (
        code.map(ToOwned::to_owned),
        sentence.map(|sentence| crate::api::shown(sentence.as_bytes())),
    )
}

/// A value as it stands in a form.
fn encoded(value: &str) -> String {
    form(&[("", value)]).split_off(1)
}

/// Gives the token back, access or refresh. One that is unknown is a success.
///
/// # Errors
/// `forbidden` for a refused client, `unsupported` if neither of the addresses is there, and what sending gives.
pub async fn revoke(client: &Client, application: &OauthClient, token: &str) -> Result<(), Error> {
    let form: Vec<_> = [("token", token)]
        .into_iter()
        .chain(credentials(application))
        .collect();
    filled(&form)?;
    let mut last = None;
    for path in REVOKE_PATHS {
        let call = oauth(path, true);
        let response = client.send_form(&call, self::form(&form)).await?;
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        let unknown = matches!(
            oauth_error(response.body(), &form).0.as_deref(),
            Some("invalid_token" | "invalid_grant")
        );
        if unknown && matches!(status, 400..=499) && status != 429 {
            return Ok(());
        }
        let error = refusal(&call, &response, &form, "Capsule did not accept the token.");
        // The documentation and the server's metadata name different addresses (API reference 6, point 1).
        if !matches!(status, 404 | 405) {
            return Err(error);
        }
        last = Some(error);
    }
    Err(last.unwrap_or_else(|| crate::api::unsupported("Capsule takes no token back.")))
}

// ---- who is connected ----

/// Who is connected and what is possible: the account, the user, and the hooks that can be seen. Three reads.
///
/// # Errors
/// What sending gives; `malformed-response` for an account or a user without a name or an id.
pub async fn check(client: &Client) -> Result<Connection, Error> {
    let call = Call::get(&["site"]);
    let mut answer = client.send(&call).await?;
    let site = answer.take(&call, "site")?;
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
            .filter(|text| !text.is_empty())
    };
    let Some(account_id) = text(&site, "subdomain") else {
        return Err(crate::api::malformed(
            &call,
            answer.status,
            "The site has no subdomain.",
        ));
    };
    let account_name = text(&site, "name").unwrap_or_else(|| account_id.clone());

    let call = Call::get(&["users", "current"]);
    let mut answer = client.send(&call).await?;
    let user = answer.take(&call, "user")?;
    let Some(user_id) = user.get("id").and_then(Value::as_u64) else {
        return Err(crate::api::malformed(
            &call,
            answer.status,
            "The current user has no id.",
        ));
    };
    let user_name = text(&user, "name")
        .or_else(|| text(&user, "username"))
        .unwrap_or_else(|| user_id.to_string());
    let quota = quota(&answer.headers);

    let (administrator, hooks, after) = hooks(client, text(&user, "role").as_deref()).await?;
    let web_url = client.known_web_url().map(ToOwned::to_owned).or_else(|| {
        let url = text(&site, "url")?;
        (url.starts_with("https://") || url.starts_with("http://"))
            .then(|| url.trim_end_matches('/').to_owned())
    });
    let extra: serde_json::Map<String, Value> = ["username", "timezone", "locale", "currency"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), Value::String(text(&user, key)?))))
        .collect();
    Ok(Connection {
        label: format!("{user_name} – {account_name}"),
        account_id,
        account_name,
        user_id: user_id.to_string(),
        user_name,
        administrator,
        hooks,
        // The newest figures.
        quota: after.or(quota),
        web_url,
        extra: (!extra.is_empty()).then(|| json!(extra).to_string()),
    })
}

/// Whether the user is an administrator, whether hooks are possible, and what is left of the limit. Reading hooks needs what making them
/// needs: an administrator, and a token of a registered application (API reference 5.1). The user's role is not documented; where Capsule
/// tells it, it decides who is an administrator.
async fn hooks(
    client: &Client,
    role: Option<&str>,
) -> Result<(bool, HookCapacity, Option<Quota>), Error> {
    let by_role = role.map(|role| role.to_ascii_lowercase().starts_with("admin"));
    let no = |reason: String| HookCapacity {
        possible: false,
        reason: Some(reason),
        slots: HOOK_SLOTS,
        slots_used: None,
    };
    let call = Call::get(&["resthooks"]);
    match client.send(&call).await {
        Ok(mut answer) => {
            let used = u32::try_from(answer.rows(&call, "restHooks")?.len()).ok();
            let administrator = by_role.unwrap_or(true);
            let hooks = if administrator {
                HookCapacity {
                    possible: true,
                    reason: None,
                    slots: HOOK_SLOTS,
                    slots_used: used,
                }
            } else {
                HookCapacity {
                    slots_used: used,
                    ..no(
                        "Only an administrator can make hooks. Poll, or connect an administrator."
                            .into(),
                    )
                }
            };
            Ok((administrator, hooks, quota(&answer.headers)))
        }
        // A plan without hooks may be refused in any of these ways (API reference 6, point 29).
        Err(Error::Permanent(
            P::Forbidden(_)
            | P::QuotaExhausted(_)
            | P::NotFound(_)
            | P::Unsupported(_)
            | P::InvalidInput(_),
        )) => {
            let reason = match by_role {
                Some(true) => {
                    "Capsule refuses hooks to this token: they need a token that a registered application got by OAuth, not a pasted one. Poll, or connect by OAuth."
                }
                Some(false) => {
                    "Only an administrator can make hooks. Poll, or connect an administrator."
                }
                None => {
                    "Capsule refuses hooks to this token: they need an administrator, and a token that a registered application got by OAuth, not a pasted one. Poll, or connect an administrator by OAuth."
                }
            };
            Ok((by_role.unwrap_or(false), no(reason.into()), None))
        }
        Err(error) => Err(error),
    }
}

/// What the headers of an answer say of the rate limit (API reference 2.10).
fn quota(headers: &HeaderMap) -> Option<Quota> {
    Some(Quota {
        limit: u32::try_from(number(headers, &names::RATE_LIMIT)?).ok()?,
        remaining: u32::try_from(number(headers, &names::RATE_LIMIT_REMAINING)?).ok()?,
        resets_at: date_time(number(headers, &names::RATE_LIMIT_RESET)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Lost;
    use crate::api::script::{Log, Script, TOKEN, block_on};
    use crate::bindings::integration::connector::types::TransientError as T;

    const SECRET: &str = "cph_secret/+=";
    const REFRESH: &str = "cph_refresh+1";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn request() -> AuthorizeRequest {
        AuthorizeRequest {
            client_id: "app 1".into(),
            redirect_uri: "https://engine.example/back?tenant=7".into(),
            scopes: Vec::new(),
            state: "0123456789abcdefghijkl".into(),
            code_challenge: Some(CHALLENGE.into()),
        }
    }

    fn address(request: &AuthorizeRequest) -> Result<String, Vec<(String, String)>> {
        let (client, log) = Script::new().client();
        let result = authorize_url(&client, request);
        assert_eq!(log.count(), 0);
        result.map_err(|error| match error {
            Error::Permanent(P::InvalidInput(faults)) => faults
                .into_iter()
                .map(|fault| (fault.pointer, fault.rule))
                .collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_browser_is_sent_to_the_authorisation_page() {
        assert_eq!(
            address(&request()).unwrap(),
            format!(
                "https://api.capsulecrm.com/oauth/authorise?response_type=code&client_id=app%201&redirect_uri=https%3A%2F%2Fengine.example%2F\
                 back%3Ftenant%3D7&scope=read%20write&state=0123456789abcdefghijkl&code_challenge={CHALLENGE}&code_challenge_method=S256"
            )
        );
        let plain = AuthorizeRequest {
            scopes: vec!["read".into(), "tenant".into()],
            code_challenge: None,
            ..request()
        };
        let plain = address(&plain).unwrap();
        assert!(
            plain.contains("&scope=read%20tenant&") && !plain.contains("code_challenge"),
            "{plain}"
        );
    }

    #[test]
    fn every_fault_of_an_authorisation_request_is_told() {
        let bad = AuthorizeRequest {
            client_id: " ".into(),
            redirect_uri: "/back".into(),
            scopes: vec!["read write".into()],
            state: "short".into(),
            code_challenge: Some(format!("{CHALLENGE}=")),
        };
        let told = address(&bad).unwrap_err();
        let told: Vec<_> = told
            .iter()
            .map(|(pointer, rule)| (pointer.as_str(), rule.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("/client-id", "required"),
                ("/redirect-uri", "format"),
                ("/scopes/0", "format"),
                ("/state", "range"),
                ("/code-challenge", "format")
            ]
        );
    }

    #[test]
    fn redirects_go_to_the_web_or_to_an_application() {
        for (uri, right) in [
            ("https://engine.example/back", true),
            ("http://127.0.0.1:7070/back", true),
            ("com.example.engine:/back", true),
            ("HTTPS://engine.example/back", true),
            ("https:///back", false),
            ("https:back", false),
            ("https://engine.example/back#top", false),
            ("https://engine.example/b ack", false),
            ("https://engine.example/\nback", false),
            ("javascript:alert(1)", false),
            ("://x", false),
            ("engine.example", false),
            ("1a:/x", false),
            ("", false),
        ] {
            assert_eq!(redirect_fault(uri).is_none(), right, "{uri:?}");
        }
    }

    fn application() -> OauthClient {
        OauthClient {
            id: "app".into(),
            secret: Some(SECRET.into()),
        }
    }

    fn run<T>(
        script: Script,
        call: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> (Result<T, Error>, Log) {
        let (client, log) = script.client();
        let result = block_on(call(&client));
        (result, log)
    }

    fn refreshed(script: Script) -> Result<TokenSet, Error> {
        run(script, async |client| {
            refresh(client, &application(), REFRESH).await
        })
        .0
    }

    fn answer() -> Value {
        json!({
            "access_token": "cph_access", "refresh_token": "cph_refresh", "expires_in": 604_799,
            "token_type": "Bearer", "scope": "read write", "subdomain": "northwind", "new": true,
        })
    }

    #[test]
    fn a_code_becomes_tokens() {
        let grant = CodeGrant {
            code: "c/1".into(),
            redirect_uri: "app:/back".into(),
            code_verifier: Some("v~1".into()),
        };
        let script = Script::new().on("POST", "/oauth/token", 200, answer());
        let (tokens, log) = run(script, async |client| {
            exchange_code(client, &application(), &grant).await
        });
        let expected = TokenSet {
            access_token: "cph_access".into(),
            refresh_token: Some("cph_refresh".into()),
            expires_in_s: Some(604_799),
            scopes: vec!["read".into(), "write".into()],
            account: Some("northwind".into()),
        };
        assert_eq!(tokens.unwrap(), expected);
        let sent = log.sent(0);
        assert_eq!(
            sent.text(),
            "grant_type=authorization_code&code=c%2F1&redirect_uri=app%3A%2Fback&code_verifier=v~1&client_id=app&client_secret=cph_secret%2F%2B%3D"
        );
        assert_eq!(
            sent.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert!(
            !sent.headers.contains_key("authorization"),
            "the token endpoint gets no access token"
        );
    }

    #[test]
    fn an_installed_application_has_no_secret_and_a_refresh_may_keep_its_token() {
        let script = Script::new().on("POST", "/oauth/token", 200, json!({"access_token": "a"}));
        let installed = OauthClient {
            id: "app".into(),
            secret: None,
        };
        let (tokens, log) = run(script, async |client| {
            refresh(client, &installed, REFRESH).await
        });
        let tokens = tokens.unwrap();
        assert_eq!(
            (
                tokens.refresh_token,
                tokens.expires_in_s,
                tokens.scopes.len(),
                tokens.account
            ),
            (None, None, 0, None)
        );
        assert_eq!(
            log.sent(0).text(),
            "grant_type=refresh_token&refresh_token=cph_refresh%2B1&client_id=app"
        );
    }

    #[test]
    fn nothing_is_sent_for_an_empty_token_or_application() {
        let empty = OauthClient {
            id: String::new(),
            secret: Some(String::new()),
        };
        let (result, log) = run(Script::new(), async |client| {
            refresh(client, &empty, "").await
        });
        match result.unwrap_err() {
            Error::Permanent(P::InvalidInput(faults)) => {
                let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
                assert_eq!(pointers, ["/refresh-token", "/client-id", "/client-secret"]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(log.count(), 0);
    }

    fn case(error: &Error) -> &'static str {
        match error {
            Error::Permanent(P::Unauthenticated(_)) => "unauthenticated",
            Error::Permanent(P::Forbidden(_)) => "forbidden",
            Error::Permanent(P::InvalidInput(_)) => "invalid-input",
            Error::Permanent(P::Unsupported(_)) => "unsupported",
            Error::Permanent(P::OutcomeUnknown(_)) => "outcome-unknown",
            Error::Permanent(P::MalformedResponse(_)) => "malformed-response",
            Error::Transient(T::RateLimited(_)) => "rate-limited",
            Error::Transient(T::Unavailable(_)) => "unavailable",
            Error::Transient(T::TimedOut(_)) => "timed-out",
            _ => "other",
        }
    }

    #[test]
    fn a_refusal_says_who_was_refused() {
        for (status, body, of_refresh, of_revoke) in [
            (
                400,
                json!({"error": "invalid_grant"}),
                "unauthenticated",
                "success",
            ),
            (
                401,
                json!({"error": "invalid_grant"}),
                "unauthenticated",
                "success",
            ),
            (
                400,
                json!({"error": "invalid_token"}),
                "unauthenticated",
                "success",
            ),
            (
                401,
                json!({"error": "invalid_client"}),
                "forbidden",
                "forbidden",
            ),
            (
                400,
                json!({"error": "unauthorized_client"}),
                "forbidden",
                "forbidden",
            ),
            (
                400,
                json!({"error": "invalid_request"}),
                "invalid-input",
                "invalid-input",
            ),
            (400, Value::Null, "invalid-input", "invalid-input"),
            (
                401,
                json!({"message": "no"}),
                "unauthenticated",
                "unauthenticated",
            ),
            (403, Value::Null, "forbidden", "forbidden"),
            (302, Value::Null, "malformed-response", "malformed-response"),
            (
                429,
                json!({"error": "rate limit reached"}),
                "rate-limited",
                "rate-limited",
            ),
            (
                429,
                json!({"error": "invalid_grant"}),
                "rate-limited",
                "rate-limited",
            ),
            (
                503,
                json!({"error": "invalid_grant"}),
                "outcome-unknown",
                "unavailable",
            ),
        ] {
            let told = format!("{status} {body}");
            let error = refreshed(Script::new().on("POST", "/oauth/token", status, body.clone()))
                .unwrap_err();
            assert_eq!(case(&error), of_refresh, "refresh: {told}");
            let script = Script::new().on("POST", "/oauth/token/revoke", status, body);
            let result = run(script, async |client| {
                revoke(client, &application(), REFRESH).await
            })
            .0;
            assert_eq!(
                result.as_ref().map_or_else(case, |()| "success"),
                of_revoke,
                "revoke: {told}"
            );
        }
    }

    #[test]
    fn a_lost_answer_may_have_used_the_token_up() {
        for (lost, of_refresh, of_revoke) in [
            (
                Lost::NotSent("refused".into()),
                "unavailable",
                "unavailable",
            ),
            (
                Lost::NoAnswer("reset".into()),
                "outcome-unknown",
                "unavailable",
            ),
            (
                Lost::TimedOut("30 s".into()),
                "outcome-unknown",
                "timed-out",
            ),
            (
                Lost::Cut {
                    status: 200,
                    why: "reset".into(),
                },
                "outcome-unknown",
                "unavailable",
            ),
            (Lost::Denied("no grant".into()), "forbidden", "forbidden"),
        ] {
            let error =
                refreshed(Script::new().lost("POST", "/oauth/token", lost.clone())).unwrap_err();
            assert_eq!(case(&error), of_refresh, "{lost:?}");
            if let Error::Permanent(P::OutcomeUnknown(fault)) = &error {
                assert!(
                    fault.message.ends_with("connect anew if it is refused."),
                    "{}",
                    fault.message
                );
            }
            let script = Script::new().lost("POST", "/oauth/token/revoke", lost.clone());
            let result = run(script, async |client| {
                revoke(client, &application(), REFRESH).await
            })
            .0;
            assert_eq!(case(&result.unwrap_err()), of_revoke, "{lost:?}");
        }
    }

    #[test]
    fn an_answer_without_usable_tokens_may_have_used_the_token_up_and_is_not_shown() {
        for body in [
            "<html>cph_access</html>".to_owned(),
            json!({"access_token": 7, "refresh_token": "cph_access"}).to_string(),
            json!({"access_token": "cph_access", "token_type": "mac"}).to_string(),
            json!({"access_token": ""}).to_string(),
            json!(["cph_access"]).to_string(),
            String::new(),
        ] {
            let error = refreshed(Script::new().raw("POST", "/oauth/token", 200, body.clone()))
                .unwrap_err();
            assert_eq!(case(&error), "outcome-unknown", "{body}");
            assert!(!format!("{error:?}").contains("cph_access"), "{error:?}");
        }
    }

    #[test]
    fn an_error_never_holds_what_was_sent() {
        let echoes = [
            json!({"error": "invalid_grant", "error_description": format!("no token {REFRESH}")}),
            json!({"error": "invalid_grant", "error_description": "refresh_token=cph_refresh%2B1"}),
            json!({"error": REFRESH, "message": format!("secret {SECRET}")}),
            json!({"error": "invalid_client", "extra": SECRET}),
        ];
        for (status, body) in [400, 401, 403, 404, 500]
            .into_iter()
            .flat_map(|status| echoes.iter().map(move |body| (status, body)))
        {
            let error = refreshed(Script::new().on("POST", "/oauth/token", status, body.clone()))
                .unwrap_err();
            let told = format!("{error:?}");
            assert!(!told.contains("cph_"), "{status} {body}: {told}");
        }
        let harmless = json!({"error": "invalid_grant", "error_description": "expired yesterday"});
        let error = refreshed(Script::new().on("POST", "/oauth/token", 400, harmless)).unwrap_err();
        assert!(
            format!("{error:?}").contains("(invalid_grant) It says: expired yesterday"),
            "{error:?}"
        );
    }

    #[test]
    fn a_token_is_given_back_at_the_documented_address_or_at_the_other_one() {
        for missing in [404, 405] {
            let script = Script::new()
                .on("POST", "/oauth/token/revoke", missing, Value::Null)
                .on("POST", "/oauth/revoke", 200, Value::Null);
            let (result, log) = run(script, async |client| {
                revoke(client, &application(), REFRESH).await
            });
            result.unwrap();
            assert_eq!(
                log.sent(0).text(),
                "token=cph_refresh%2B1&client_id=app&client_secret=cph_secret%2F%2B%3D"
            );
            assert_eq!(log.sent(1).text(), log.sent(0).text());
        }
        let script = Script::new()
            .on("POST", "/oauth/token/revoke", 404, Value::Null)
            .on("POST", "/oauth/revoke", 404, Value::Null);
        let result = run(script, async |client| {
            revoke(client, &application(), REFRESH).await
        })
        .0;
        assert_eq!(case(&result.unwrap_err()), "unsupported");
    }

    fn site() -> Value {
        json!({"site": {"url": "https://northwind.capsulecrm.com/", "subdomain": "northwind", "name": "Northwind Ltd"}})
    }

    fn me(role: Option<&str>) -> Value {
        let mut user = json!({"id": 7, "username": "ines", "name": "Ines Lagoa", "timezone": "Europe/Lisbon", "locale": null});
        if let Some(role) = role {
            user["role"] = role.into();
        }
        json!({ "user": user })
    }

    fn checked(role: Option<&str>, status: u16, hooks: Value) -> Result<Connection, Error> {
        let script = Script::new()
            .on("GET", "/api/v2/site", 200, site())
            .on("GET", "/api/v2/users/current", 200, me(role))
            .with("x-ratelimit-limit", "4000")
            .with("x-ratelimit-remaining", "3999")
            .with("x-ratelimit-reset", "1772000000")
            .on("GET", "/api/v2/resthooks", status, hooks);
        let (result, log) = run(script, async |client| check(client).await);
        assert_eq!(
            log.sent(0).headers["authorization"],
            format!("Bearer {TOKEN}").as_str()
        );
        result
    }

    #[test]
    fn a_connection_says_who_is_connected() {
        let connection = checked(None, 200, json!({"restHooks": [{"id": 1}, {"id": 2}]})).unwrap();
        let expected = Connection {
            account_id: "northwind".into(),
            account_name: "Northwind Ltd".into(),
            user_id: "7".into(),
            user_name: "Ines Lagoa".into(),
            label: "Ines Lagoa – Northwind Ltd".into(),
            administrator: true,
            hooks: HookCapacity {
                possible: true,
                reason: None,
                slots: 20,
                slots_used: Some(2),
            },
            quota: Some(Quota {
                limit: 4000,
                remaining: 3999,
                resets_at: "2026-02-25T06:13:20Z".into(),
            }),
            web_url: Some("https://northwind.capsulecrm.com".into()),
            extra: Some(r#"{"timezone":"Europe/Lisbon","username":"ines"}"#.into()),
        };
        assert_eq!(connection, expected);
    }

    #[test]
    fn hooks_need_an_administrator_and_a_token_of_an_application() {
        let none = || json!({"restHooks": []});
        for (role, status, body, administrator, possible, reason) in [
            (
                None,
                403,
                json!({"message": "no"}),
                false,
                false,
                Some("an administrator, and a token"),
            ),
            (
                Some("ADMIN"),
                403,
                Value::Null,
                true,
                false,
                Some("not a pasted one"),
            ),
            (Some("Administrator"), 200, none(), true, true, None),
            (
                Some("USER"),
                403,
                Value::Null,
                false,
                false,
                Some("Only an administrator"),
            ),
            (
                Some("USER"),
                200,
                none(),
                false,
                false,
                Some("Only an administrator"),
            ),
            (None, 402, Value::Null, false, false, Some("refuses hooks")),
        ] {
            let connection = checked(role, status, body).unwrap();
            let told = format!("{role:?} {status}");
            assert_eq!(
                (connection.administrator, connection.hooks.possible),
                (administrator, possible),
                "{told}"
            );
            match reason {
                Some(reason) => assert!(
                    connection.hooks.reason.as_ref().unwrap().contains(reason),
                    "{told}: {:?}",
                    connection.hooks.reason
                ),
                None => assert_eq!(connection.hooks.reason, None, "{told}"),
            }
        }
    }

    #[test]
    fn trouble_while_hooks_are_read_is_no_answer_about_hooks() {
        assert_eq!(
            case(&checked(None, 503, Value::Null).unwrap_err()),
            "unavailable"
        );
        assert_eq!(
            case(&checked(None, 401, Value::Null).unwrap_err()),
            "unauthenticated"
        );
        assert_eq!(
            case(&checked(None, 200, json!({"hooks": []})).unwrap_err()),
            "malformed-response"
        );
    }

    #[test]
    fn an_account_without_a_name_is_malformed() {
        let script = Script::new().on(
            "GET",
            "/api/v2/site",
            200,
            json!({"site": {"url": "https://northwind.capsulecrm.com"}}),
        );
        assert_eq!(
            case(
                &run(script, async |client| check(client).await)
                    .0
                    .unwrap_err()
            ),
            "malformed-response"
        );
    }
}
