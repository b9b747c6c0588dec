//! Answers from a cassette.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::super::{AnswerBody, EgressLimits, Outbound, Upstream, UpstreamError, whole};
use super::scrub;
use super::tape::{Body, Cassette, Interaction, Request, Response};

/// Interactions that an error lists.
const SHOWN: usize = 5;

/// Answers each recorded request once, and nothing else. Requests may come in another order than they were recorded in,
/// because a connector sends several at once; of equal ones the first recorded is answered first.
pub struct Replay {
    state: Mutex<State>,
}

struct State {
    unused: Vec<Interaction>,
    unmatched: Vec<String>,
}

/// What did not go by the cassette.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call did not go by the cassette:\n{0}")]
pub struct ReplayError(String);

impl Replay {
    /// Answers from this cassette.
    pub fn new(cassette: Cassette) -> Self {
        Self {
            state: Mutex::new(State {
                unused: cassette.http_interactions,
                unmatched: Vec::new(),
            }),
        }
    }

    /// Fails if a request came that is not recorded, or one that is recorded did not come.
    pub fn finish(&self) -> Result<(), ReplayError> {
        let state = self.lock();
        let mut report = String::new();
        for text in &state.unmatched {
            let _ = writeln!(report, "{text}");
        }
        for interaction in &state.unused {
            let _ = writeln!(report, "never came: {}", line(&interaction.request));
        }
        if report.is_empty() {
            Ok(())
        } else {
            Err(ReplayError(report.trim_end().to_owned()))
        }
    }

    fn answer(&self, outbound: &Outbound) -> Result<Response, UpstreamError> {
        // What is secret in it is of no use here.
        let request = scrub::request(outbound, &mut Vec::new());
        let mut state = self.lock();
        let found = state
            .unused
            .iter()
            .position(|interaction| difference(&interaction.request, &request).is_none());
        if let Some(index) = found {
            return Ok(state.unused.remove(index).response);
        }
        let mut text = format!("not on the cassette: {}", line(&request));
        if state.unused.is_empty() {
            text.push_str("; every recorded request was used already");
        }
        // Those that have most in common come first.
        let mut others: Vec<(u8, String)> = state
            .unused
            .iter()
            .filter_map(|interaction| {
                let (rank, why) = difference(&interaction.request, &request)?;
                Some((rank, format!("{} ({why})", line(&interaction.request))))
            })
            .collect();
        others.sort_by_key(|(rank, _)| *rank);
        for (_, other) in others.iter().take(SHOWN) {
            let _ = write!(text, "; recorded: {other}");
        }
        if others.len() > SHOWN {
            let _ = write!(text, "; and {} more", others.len() - SHOWN);
        }
        state.unmatched.push(text.clone());
        Err(UpstreamError::Unscripted(text))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Upstream for Replay {
    async fn send(
        &self,
        request: Outbound,
        _limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let recorded = self.answer(&request)?;
        let mut response = http::Response::new(whole(recorded.body.to_bytes()));
        *response.status_mut() =
            StatusCode::from_u16(recorded.status.code).map_err(|_| UpstreamError::Malformed)?;
        let headers: Option<HeaderMap> = recorded
            .headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        *response.headers_mut() = headers.ok_or(UpstreamError::Malformed)?;
        Ok(response)
    }
}

fn line(request: &Request) -> String {
    format!("{} {}", request.method.to_ascii_uppercase(), request.uri)
}

/// What tells two requests apart, and how little they have in common. Headers are not compared: what a request means
/// stands in the rest.
fn difference(recorded: &Request, came: &Request) -> Option<(u8, String)> {
    let (recorded_path, recorded_query) = split(&recorded.uri);
    let (path, query) = split(&came.uri);
    if recorded_path != path {
        return Some((3, "another address".into()));
    }
    if recorded.method != came.method {
        return Some((2, "another method".into()));
    }
    if recorded_query != query {
        return Some((1, "another query".into()));
    }
    match (&recorded.body, &came.body) {
        (recorded, came) if recorded == came => None,
        (Body::Json(recorded), Body::Json(came)) => {
            let mut pointer = String::new();
            place(recorded, came, &mut pointer);
            Some((0, format!("its body differs at `{pointer}`")))
        }
        _ => Some((0, "another body".into())),
    }
}

fn split(uri: &str) -> (&str, &str) {
    uri.split_once('?').unwrap_or((uri, ""))
}

/// The JSON pointer of the first place where two values differ.
fn place(one: &Value, other: &Value, pointer: &mut String) {
    let mut descend = |step: String, one: Option<&Value>, other: Option<&Value>| {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        if let (Some(one), Some(other)) = (one, other) {
            place(one, other, pointer);
        }
    };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let differs = one
                .keys()
                .chain(other.keys())
                .find(|key| one.get(*key) != other.get(*key));
            if let Some(key) = differs {
                descend(key.clone(), one.get(key), other.get(key));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            let differs =
                (0..one.len().max(other.len())).find(|index| one.get(*index) != other.get(*index));
            if let Some(index) = differs {
                descend(index.to_string(), one.get(index), other.get(index));
            }
        }
        _ => {}
    }
}
