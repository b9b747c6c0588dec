//! A script: the requests that must come, and what each is answered.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::Value;

use super::{AnswerBody, EgressLimits, Outbound, Upstream, UpstreamError, whole};

/// A scripted upstream. It is strict: a request that the script does not have gets an error that lists what was
/// expected, and [`Mock::finish`] fails if something was expected and never came.
pub struct Mock {
    in_order: bool,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    waiting: VecDeque<Step>,
    unexpected: Vec<String>,
    seen: Vec<String>,
}

struct Step {
    expectation: Expectation,
    left: usize,
}

/// What did not go by the script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MockError(String);

impl Mock {
    /// The requests must come in the order of the expectations.
    pub fn in_order() -> Self {
        Self {
            in_order: true,
            script: Mutex::default(),
        }
    }

    /// The requests may come in any order.
    pub fn any_order() -> Self {
        Self {
            in_order: false,
            script: Mutex::default(),
        }
    }

    /// Adds one expectation.
    #[must_use]
    pub fn expect(self, expectation: Expectation) -> Self {
        let left = expectation.times;
        self.lock().waiting.push_back(Step { expectation, left });
        self
    }

    /// Fails if a request came that was not expected, or one that was expected did not come.
    pub fn finish(&self) -> Result<(), MockError> {
        let script = self.lock();
        let mut report = String::new();
        for request in &script.unexpected {
            let _ = writeln!(report, "unexpected: {request}");
        }
        for step in &script.waiting {
            let _ = writeln!(
                report,
                "never came ({} times): {}",
                step.left,
                step.expectation.describe()
            );
        }
        if report.is_empty() {
            Ok(())
        } else {
            Err(MockError(report.trim_end().to_owned()))
        }
    }

    /// The requests so far, as `METHOD /path?query`.
    pub fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer for a request, or the error that says what was expected instead.
    fn answer(&self, request: &Outbound) -> Result<Canned, UpstreamError> {
        let mut script = self.lock();
        let name = format!("{} {}", request.method, request.path);
        script.seen.push(name.clone());
        let candidates = if self.in_order {
            script.waiting.len().min(1)
        } else {
            script.waiting.len()
        };
        let mut mismatches = Vec::new();
        let mut hit = None;
        for (index, step) in script.waiting.iter().take(candidates).enumerate() {
            match step.expectation.mismatch(request) {
                None => {
                    hit = Some(index);
                    break;
                }
                Some(why) => mismatches.push(format!("{} ({why})", step.expectation.describe())),
            }
        }
        if let Some(index) = hit
            && let Some(step) = script.waiting.get_mut(index)
        {
            step.left -= 1;
            let canned = step.expectation.answer.clone();
            if step.left == 0 {
                script.waiting.remove(index);
            }
            return Ok(canned);
        }
        let expected = if mismatches.is_empty() {
            "no further request".to_owned()
        } else {
            mismatches.join("; ")
        };
        let body = shown_body(request);
        let text = format!("unexpected request {name}{body}; expected: {expected}");
        script.unexpected.push(text.clone());
        Err(UpstreamError::Unscripted(text))
    }
}

/// JSON bodies only: a form may hold credentials, and this text reaches the guest.
fn shown_body(request: &Outbound) -> String {
    if serde_json::from_slice::<serde::de::IgnoredAny>(&request.body).is_ok() {
        let start: String = String::from_utf8_lossy(&request.body)
            .chars()
            .take(200)
            .collect();
        return format!(" with body {start}");
    }
    match request.body.len() {
        0 => String::new(),
        length => format!(" with a body of {length} bytes"),
    }
}

#[async_trait]
impl Upstream for Mock {
    async fn send(
        &self,
        request: Outbound,
        _limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let canned = self.answer(&request)?;
        if let Some(wait) = canned.wait {
            tokio::time::sleep(wait).await;
        }
        if let Some(failure) = canned.failure {
            return Err(failure);
        }
        let mut response = http::Response::new(canned.body.open());
        *response.status_mut() = canned.status;
        *response.headers_mut() = canned.headers;
        Ok(response)
    }
}

/// One expected request, and its answer. Everything that is named must be so; the rest may be anything.
#[derive(Clone, Debug)]
pub struct Expectation {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    exact_query: bool,
    headers: Vec<(String, String)>,
    absent_headers: Vec<String>,
    body: Option<ExpectedBody>,
    times: usize,
    answer: Canned,
}

#[derive(Clone, Debug)]
enum ExpectedBody {
    Json(Value),
    Text(String),
    Form(Vec<(String, String)>),
}

impl Expectation {
    /// A request with this method and exactly this path (without query). The default answer is `200 {}`.
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            exact_query: false,
            headers: Vec::new(),
            absent_headers: Vec::new(),
            body: None,
            times: 1,
            answer: Canned::json(
                StatusCode::OK.as_u16(),
                &Value::Object(serde_json::Map::new()),
            ),
        }
    }

    /// A GET of this path.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST to this path.
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// A PUT to this path.
    pub fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A DELETE of this path.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// The query has this pair (decoded), among others.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The query has no pairs but those that are named.
    #[must_use]
    pub fn only_query(mut self) -> Self {
        self.exact_query = true;
        self
    }

    /// The header has this value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// There is no such header.
    #[must_use]
    pub fn no_header(mut self, name: &str) -> Self {
        self.absent_headers.push(name.to_owned());
        self
    }

    /// The body is this JSON value, however it is written.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(ExpectedBody::Json(body));
        self
    }

    /// The body is exactly this text; the empty text: no body.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.body = Some(ExpectedBody::Text(body.to_owned()));
        self
    }

    /// The body is a form with exactly these pairs, in any order.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        pairs.sort();
        self.body = Some(ExpectedBody::Form(pairs));
        self
    }

    /// It comes this many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        assert!(times > 0, "an expectation that never comes is none");
        self.times = times;
        self
    }

    /// What it is answered.
    #[must_use]
    pub fn answer(mut self, answer: Canned) -> Self {
        self.answer = answer;
        self
    }

    fn describe(&self) -> String {
        let mut text = format!("{} {}", self.method, self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            let _ = write!(text, "{}{name}={value}", if index == 0 { '?' } else { '&' });
        }
        text
    }

    fn mismatch(&self, request: &Outbound) -> Option<String> {
        if request.method != self.method {
            return Some("another method".into());
        }
        if request.path.path() != self.path {
            return Some("another path".into());
        }
        let query = request.path.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        for wanted in &self.query {
            if !pairs.contains(wanted) {
                return Some(format!("no {}={} in its query", wanted.0, wanted.1));
            }
        }
        if self.exact_query
            && let Some(extra) = pairs.iter().find(|pair| !self.query.contains(pair))
        {
            return Some(format!("{}={} in its query is too much", extra.0, extra.1));
        }
        for (name, value) in &self.headers {
            if request
                .headers
                .get(name)
                .is_none_or(|found| found.as_bytes() != value.as_bytes())
            {
                // The value may be a credential: it is not told.
                return Some(format!("the header {name} is missing or another"));
            }
        }
        if let Some(name) = self
            .absent_headers
            .iter()
            .find(|name| request.headers.contains_key(name.as_str()))
        {
            return Some(format!("the header {name} is there"));
        }
        match &self.body {
            None => None,
            Some(ExpectedBody::Json(wanted)) => {
                match serde_json::from_slice::<Value>(&request.body) {
                    Ok(found) if found == *wanted => None,
                    _ => Some(format!("a body other than {wanted}")),
                }
            }
            Some(ExpectedBody::Text(wanted)) if request.body == *wanted => None,
            Some(ExpectedBody::Text(_)) => Some("another body".into()),
            Some(ExpectedBody::Form(wanted)) => {
                let mut found: Vec<(String, String)> = url::form_urlencoded::parse(&request.body)
                    .into_owned()
                    .collect();
                found.sort();
                // Values may be credentials: they are not told.
                (found != *wanted).then(|| "another form".into())
            }
        }
    }
}

/// A scripted answer.
#[derive(Clone, Debug)]
pub struct Canned {
    status: StatusCode,
    headers: HeaderMap,
    body: CannedBody,
    wait: Option<Duration>,
    failure: Option<UpstreamError>,
}

#[derive(Clone, Debug)]
enum CannedBody {
    Whole(Bytes),
    Chunks { chunks: Vec<Bytes>, gap: Duration },
    Endless { chunk: Bytes, gap: Duration },
    Broken(Bytes),
}

impl Canned {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: HeaderMap::new(),
            body: CannedBody::Whole(Bytes::new()),
            wait: None,
            failure: None,
        }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// A body of some type.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        let mut canned = Self::status(status).header("content-type", content_type);
        canned.body = CannedBody::Whole(Bytes::copy_from_slice(body.as_bytes()));
        canned
    }

    /// No answer but this failure.
    pub fn failure(failure: UpstreamError) -> Self {
        Self {
            failure: Some(failure),
            ..Self::status(200)
        }
    }

    /// A header more. Names and values that HTTP does not allow are left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// Waits before it answers.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// The body comes in these pieces, with a pause before each.
    #[must_use]
    pub fn chunks(mut self, chunks: &[&str], gap: Duration) -> Self {
        let chunks = chunks
            .iter()
            .map(|chunk| Bytes::copy_from_slice(chunk.as_bytes()))
            .collect();
        self.body = CannedBody::Chunks { chunks, gap };
        self
    }

    /// The body never ends: this piece again and again, with a pause before each.
    #[must_use]
    pub fn endless(mut self, chunk: &str, gap: Duration) -> Self {
        self.body = CannedBody::Endless {
            chunk: Bytes::copy_from_slice(chunk.as_bytes()),
            gap,
        };
        self
    }

    /// The connection breaks after this much of the body.
    #[must_use]
    pub fn broken_after(mut self, body: &str) -> Self {
        self.body = CannedBody::Broken(Bytes::copy_from_slice(body.as_bytes()));
        self
    }
}

impl CannedBody {
    fn open(self) -> AnswerBody {
        let paced = |gap: Duration| {
            move |chunk: Bytes| async move {
                if !gap.is_zero() {
                    tokio::time::sleep(gap).await;
                }
                Ok::<_, UpstreamError>(Frame::data(chunk))
            }
        };
        match self {
            Self::Whole(body) => whole(body),
            Self::Chunks { chunks, gap } => {
                StreamBody::new(futures::stream::iter(chunks).then(paced(gap))).boxed_unsync()
            }
            Self::Endless { chunk, gap } => {
                StreamBody::new(futures::stream::repeat(chunk).then(paced(gap))).boxed_unsync()
            }
            Self::Broken(body) => StreamBody::new(futures::stream::iter([
                Ok(Frame::data(body)),
                Err(UpstreamError::Broken),
            ]))
            .boxed_unsync(),
        }
    }
}
