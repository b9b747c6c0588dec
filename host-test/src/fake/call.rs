//! One API call as a resource function sees it, and the verbs that bind such functions to routes.
//!
//! The front has already collected the body and found the caller; here the path's ids, the query and the JSON root are read.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State as AxumState};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Fake;
use super::caller::{Caller, Scope};
pub(super) use super::reply::Answer;
use super::reply::Refusal;
use super::state::State;

/// Longest body that is read: an attachment may have 25 MB (API reference 3.6).
pub(super) const BODY_LIMIT: usize = 26 * 1024 * 1024;

/// What the front found out about a request before it was routed.
#[derive(Clone)]
pub(super) struct Context {
    /// Who asks. Absent outside `/api/v2`.
    pub(super) caller: Option<Arc<Caller>>,
    /// The instant of the request, in whole seconds.
    pub(super) now: Timestamp,
    /// Scheme and authority that `Link` and `Location` begin with.
    pub(super) base: Arc<str>,
    /// A fault asks the sign-in page to refuse.
    pub(super) deny: bool,
}

/// One authenticated API call.
pub(super) struct Call {
    pub(super) caller: Arc<Caller>,
    pub(super) now: Timestamp,
    base: Arc<str>,
    /// The path after `/api/v2`.
    path: String,
    params: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl FromRequest<Fake> for Call {
    type Rejection = Response;

    async fn from_request(mut request: Request, _: &Fake) -> Result<Call, Response> {
        let params: Vec<(String, String)> =
            match request.extract_parts::<Path<Vec<(String, String)>>>().await {
                Ok(Path(params)) => params,
                Err(_) => return Err(Refusal::no_such_path().into_response()),
            };
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| {
            Refusal::Malformed("The body could not be read".to_owned()).into_response()
        })?;
        let context = parts.extensions.get::<Context>();
        let Some((context, caller)) =
            context.and_then(|context| Some((context, context.caller.clone()?)))
        else {
            return Err(Refusal::no_such_path().into_response());
        };
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Call {
            caller,
            now: context.now,
            base: context.base.clone(),
            path: parts.uri.path().to_owned(),
            params: params.into_iter().map(|(_, value)| value).collect(),
            query: query.into_owned().collect(),
            headers: parts.headers,
            body,
        })
    }
}

impl Call {
    /// The `n`th parameter of the path, decoded.
    pub(super) fn param(&self, n: usize) -> &str {
        self.params.get(n).map_or("", String::as_str)
    }

    /// The `n`th parameter of the path as an id; anything else is no record (API reference 2.11).
    pub(super) fn id(&self, n: usize, resource: &str) -> Result<u64, Refusal> {
        self.param(n)
            .parse()
            .map_err(|_| Refusal::no_such(resource))
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A boolean query parameter; anything but `true` and `false` counts as absent.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.query(name)
            .and_then(|value| value.to_ascii_lowercase().parse().ok())
    }

    /// Whether a name fits the `q` of a settings list: part of it, in any case (API reference 2.9).
    pub(super) fn names(&self, name: &str) -> bool {
        self.query("q")
            .is_none_or(|q| name.to_lowercase().contains(&q.to_lowercase()))
    }

    /// The `since` of a list or a deleted feed.
    pub(super) fn since(&self, resource: &'static str) -> Result<Option<Timestamp>, Refusal> {
        match self.query("since") {
            None | Some("") => Ok(None),
            Some(text) => match super::clock::parse(text) {
                Some(at) => Ok(Some(at)),
                None => Err(Refusal::invalid(
                    resource,
                    "since",
                    "since must be an ISO 8601 date",
                )),
            },
        }
    }

    /// The tokens of the `embed` parameter. Unknown ones are harmless: nobody asks for them (API reference 2.6).
    pub(super) fn embeds(&self) -> Embeds {
        Embeds::parse(self.query("embed").unwrap_or_default())
    }

    /// The absolute address of something under `/api/v2`.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}/api/v2{path}", self.base)
    }

    /// This call's own address with another page, keeping every other parameter (API reference 2.5).
    pub(super) fn address_of_page(&self, page: u64, per_page: u64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in self
            .query
            .iter()
            .filter(|(key, _)| key != "page" && key != "perPage")
        {
            query.append_pair(key, value);
        }
        query.append_pair("page", &page.to_string());
        query.append_pair("perPage", &per_page.to_string());
        format!("{}?{}", self.address(&self.path), query.finish())
    }

    /// The object under the body's one root key.
    pub(super) fn root(&self, key: &str) -> Result<Map<String, Value>, Refusal> {
        if let Some(media) = self.headers.get(header::CONTENT_TYPE) {
            let media = media.to_str().unwrap_or_default().to_ascii_lowercase();
            let essence = media.split(';').next().unwrap_or_default().trim();
            if !(essence == "application/json" || essence.ends_with("+json")) {
                return Err(Refusal::UnsupportedMedia);
            }
        }
        let body: Value = serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::Malformed("The request body is not valid JSON".to_owned()))?;
        match body {
            Value::Object(mut body) => match body.remove(key) {
                Some(Value::Object(root)) => Ok(root),
                _ => Err(Refusal::Malformed(format!(
                    "The request body must have an object '{key}'"
                ))),
            },
            _ => Err(Refusal::Malformed(
                "The request body must be a JSON object".to_owned(),
            )),
        }
    }

    /// The ids of a multi-get, or `None` for a single id. Raw and encoded commas are alike, for the path is decoded.
    pub(super) fn many_ids(
        &self,
        n: usize,
        resource: &'static str,
    ) -> Option<Result<Vec<u64>, Refusal>> {
        let text = self.param(n);
        if !text.contains(',') {
            return None;
        }
        let ids: Result<Vec<u64>, Refusal> = text
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| id.parse().map_err(|_| Refusal::no_such(resource)))
            .collect();
        Some(ids.and_then(|ids| {
            if ids.len() > 10 {
                Err(Refusal::invalid(resource, "id", "too many ids"))
            } else {
                Ok(ids)
            }
        }))
    }

    /// Refuses everybody but administrators (API reference 2.12).
    pub(super) fn require_administrator(&self, state: &State) -> Result<(), Refusal> {
        match state.users.get(self.caller.user) {
            Some(user) if user.is_administrator() => Ok(()),
            _ => Err(Refusal::not_administrator()),
        }
    }
}

/// The embeds that a caller asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Embeds(Vec<String>);

impl Embeds {
    /// Reads a comma list; spaces around the tokens are ignored.
    pub(super) fn parse(text: &str) -> Embeds {
        Embeds(
            text.split(',')
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty())
                .collect(),
        )
    }

    /// Whether `token` was asked for.
    pub(super) fn has(&self, token: &str) -> bool {
        self.0.iter().any(|asked| asked == token)
    }
}

/// Binds a resource function to a verb. The token's scope is checked before the function sees the account.
fn bind<F>(filter: MethodFilter, scope: Scope, handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    axum::routing::on(
        filter,
        move |AxumState(fake): AxumState<Fake>, call: Call| async move {
            if !call.caller.may(scope) {
                return Refusal::Scope(scope.name()).into_response();
            }
            match fake.with_state(|state| handle(state, &call)) {
                Ok(reply) => reply.into_response(),
                Err(refusal) => refusal.into_response(),
            }
        },
    )
}

/// GET, with a token that may read.
pub(super) fn get<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::GET, Scope::Read, handle)
}

/// A POST that only reads: filter results.
pub(super) fn query<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::POST, Scope::Read, handle)
}

/// POST, with a token that may write.
pub(super) fn post<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::POST, Scope::Write, handle)
}

/// PUT, with a token that may write.
pub(super) fn put<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::PUT, Scope::Write, handle)
}

/// PUT, with a token that may change a user's preferences (API reference 3.14).
pub(super) fn put_preference<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::PUT, Scope::UserPreference, handle)
}

/// DELETE, with a token that may write.
pub(super) fn delete<F>(handle: F) -> MethodRouter<Fake>
where
    F: Fn(&mut State, &Call) -> Answer + Clone + Send + Sync + 'static,
{
    bind(MethodFilter::DELETE, Scope::Write, handle)
}
