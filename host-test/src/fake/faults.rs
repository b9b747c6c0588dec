//! Faults on demand: what a network, a proxy or Capsule itself may do to a request.
//!
//! A test adds [`FaultRule`]s with [`Faults::add`], or sends the header `x-fake-fault` with one request. The header is JSON
//! (`{"status": 503, "delayMs": 20}`) or short (`status=503; delay=20`). A rule can be written too, as `capsule-host fake --fault` takes it:
//! which requests before it (`POST /api/v2/parties; skip=1; times=2; status=503`), see [`FaultRule`]. The words of the short form:
//!
//! | word | JSON | effect |
//! |---|---|---|
//! | `status=503` | `"status"` | answers this status instead of doing the work |
//! | `body=text` | `"body"` (text or any JSON) | body of that status |
//! | `after` | `"after": true` | does the work first and answers the status then |
//! | `delay=20` | `"delayMs"` | waits that many milliseconds before anything else |
//! | `cut` | `"cut": true` | the full `Content-Length`, half the body, then the connection breaks |
//! | `truncate` | `"truncate": true` | a well-formed answer whose body is half the JSON |
//! | `drop` | `"drop": "after"` | does the work, then breaks the connection without an answer |
//! | `drop=before` | `"drop": "before"` | breaks the connection before the work |
//! | `type=text/html` | `"contentType"` | another content type on an honest body |
//! | `rate-limit` | `"rateLimit": true` | 429 as if the hour's requests were used up |
//! | `deny` | `"deny": true` | the sign-in page refuses: `error=access_denied` |

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

/// What goes wrong. Several can go wrong with one request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// Answers this status.
    pub status: Option<u16>,
    /// Body of that status: JSON text is sent as such, anything else as JSON.
    pub body: Option<Value>,
    /// The work is done before the status is answered.
    pub after: bool,
    /// Milliseconds to wait before anything else.
    pub delay_ms: u64,
    /// Half the body, then a broken connection.
    pub cut: bool,
    /// Half the body, as if it were whole.
    pub truncate: bool,
    /// A broken connection instead of an answer.
    pub drop: Option<DropWhen>,
    /// Content type of the answer.
    pub content_type: Option<String>,
    /// 429.
    pub rate_limit: bool,
    /// The sign-in page refuses.
    pub deny: bool,
}

/// When a connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropWhen {
    /// Before the work: nothing has changed.
    Before,
    /// After the work: the change was made, but nobody hears of it.
    After,
}

impl Fault {
    /// Answers `status` instead of doing the work.
    #[must_use]
    pub fn status(status: u16) -> Fault {
        Fault {
            status: Some(status),
            ..Fault::default()
        }
    }

    /// Gives the status a body.
    #[must_use]
    pub fn with_body(self, body: impl Into<Value>) -> Fault {
        Fault {
            body: Some(body.into()),
            ..self
        }
    }

    /// Does the work before answering the status.
    #[must_use]
    pub fn after_the_work(self) -> Fault {
        Fault {
            after: true,
            ..self
        }
    }

    /// Waits before anything else, in whole milliseconds.
    #[must_use]
    pub fn delay(by: Duration) -> Fault {
        Fault {
            delay_ms: u64::try_from(by.as_millis()).unwrap_or(u64::MAX),
            ..Fault::default()
        }
    }

    /// Breaks the connection in the middle of the body.
    #[must_use]
    pub fn cut_body() -> Fault {
        Fault {
            cut: true,
            ..Fault::default()
        }
    }

    /// Sends half the JSON as if it were all.
    #[must_use]
    pub fn truncated_json() -> Fault {
        Fault {
            truncate: true,
            ..Fault::default()
        }
    }

    /// Breaks the connection before or after the work.
    #[must_use]
    pub fn dropped(when: DropWhen) -> Fault {
        Fault {
            drop: Some(when),
            ..Fault::default()
        }
    }

    /// Labels an honest body with another content type.
    #[must_use]
    pub fn content_type(media: &str) -> Fault {
        Fault {
            content_type: Some(media.to_owned()),
            ..Fault::default()
        }
    }

    /// Answers as if the hour's requests were used up.
    #[must_use]
    pub fn rate_limited() -> Fault {
        Fault {
            rate_limit: true,
            ..Fault::default()
        }
    }

    /// Lets the sign-in page refuse.
    #[must_use]
    pub fn denied() -> Fault {
        Fault {
            deny: true,
            ..Fault::default()
        }
    }

    /// Both faults at once; where both set the same thing, the later one wins.
    fn and(self, later: Fault) -> Fault {
        Fault {
            status: later.status.or(self.status),
            body: later.body.or(self.body),
            after: self.after || later.after,
            delay_ms: self.delay_ms.saturating_add(later.delay_ms),
            cut: self.cut || later.cut,
            truncate: self.truncate || later.truncate,
            drop: later.drop.or(self.drop),
            content_type: later.content_type.or(self.content_type),
            rate_limit: self.rate_limit || later.rate_limit,
            deny: self.deny || later.deny,
        }
    }

    /// Reads a fault as it is written.
    pub(super) fn parse(text: &str) -> Result<Fault, String> {
        let fault = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| format!("it is not a fault: {error}"))?
        } else {
            Self::parse_short(text)?
        };
        match fault.status {
            Some(status) if !(200..600).contains(&status) => Err(format!(
                "there is no status {status}; 200 to 599 can be answered"
            )),
            _ => Ok(fault),
        }
    }

    fn parse_short(text: &str) -> Result<Fault, String> {
        let mut fault = Fault::default();
        for word in text
            .split(';')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match (name, value) {
                ("status", _) => fault.status = Some(number(name, value)?),
                ("body", text) => fault.body = Some(Value::String(text.to_owned())),
                ("after", "") => fault.after = true,
                ("delay", _) => fault.delay_ms = number(name, value)?,
                ("cut", "") => fault.cut = true,
                ("truncate", "") => fault.truncate = true,
                ("drop", "" | "after") => fault.drop = Some(DropWhen::After),
                ("drop", "before") => fault.drop = Some(DropWhen::Before),
                ("type", media) => fault.content_type = Some(media.to_owned()),
                ("rate-limit", "") => fault.rate_limit = true,
                ("deny", "") => fault.deny = true,
                _ => {
                    return Err(format!(
                        "unknown word '{word}'; known are status=N, body=TEXT, after, delay=MS, cut, \
                         truncate, drop, drop=before, type=MEDIA, rate-limit, deny"
                    ));
                }
            }
        }
        Ok(fault)
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    let example = format!("{name} needs a number, as in {name}=1");
    value.parse().map_err(|_| example)
}

/// When a fault happens.
///
/// Written, it is parts between semicolons: first a method, the beginning of a path, or both; then `skip=N`, `times=N` and the words of the
/// fault, or the fault as JSON at the end. All parts but the fault can be left out.
///
/// ```
/// use capsule_host::fake::{DropWhen, Fault, FaultRule};
/// use http::Method;
///
/// let written: FaultRule = "POST /api/v2/parties; skip=1; times=2; status=503; after".parse().unwrap();
/// let made = FaultRule::new(Fault::status(503).after_the_work()).on(Method::POST, "/api/v2/parties").after(1).times(2);
/// assert_eq!(written, made);
///
/// let written: FaultRule = r#"/oauth/token; {"drop": "before"}"#.parse().unwrap();
/// assert_eq!(written, FaultRule::new(Fault::dropped(DropWhen::Before)).on_path("/oauth/token"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Only requests with this method; `None` means all.
    pub method: Option<Method>,
    /// Only requests whose path begins so, for example `/api/v2/parties`.
    pub path_prefix: String,
    /// Matching requests that pass unharmed first.
    pub skip: u32,
    /// Matching requests that are harmed then; `None` means all from there on.
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultRule {
    /// Harms every request.
    #[must_use]
    pub fn new(fault: Fault) -> FaultRule {
        FaultRule {
            method: None,
            path_prefix: String::new(),
            skip: 0,
            times: None,
            fault,
        }
    }

    /// Only requests with this method and a path that begins so.
    #[must_use]
    pub fn on(self, method: Method, path_prefix: &str) -> FaultRule {
        FaultRule {
            method: Some(method),
            path_prefix: path_prefix.to_owned(),
            ..self
        }
    }

    /// Only requests whose path begins so.
    #[must_use]
    pub fn on_path(self, path_prefix: &str) -> FaultRule {
        FaultRule {
            path_prefix: path_prefix.to_owned(),
            ..self
        }
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub fn after(self, count: u32) -> FaultRule {
        FaultRule {
            skip: count,
            ..self
        }
    }

    /// Harms `count` requests and no more.
    #[must_use]
    pub fn times(self, count: u32) -> FaultRule {
        FaultRule {
            times: Some(count),
            ..self
        }
    }
}

impl FromStr for FaultRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self::new(Fault::default());
        let mut words = Vec::new();
        let mut rest = text.trim();
        let mut is_first = true;
        while !rest.is_empty() {
            if rest.starts_with('{') {
                rule.fault = Fault::parse(rest)?;
                break;
            }
            let (part, after) = rest.split_once(';').unwrap_or((rest, ""));
            let part = part.trim();
            match part.split_once('=') {
                Some(("skip", count)) => rule.skip = number("skip", count)?,
                Some(("times", count)) => rule.times = Some(number("times", count)?),
                _ if is_first && rule.takes_requests(part)? => {}
                _ => words.push(part),
            }
            rest = after.trim_start();
            is_first = false;
        }
        rule.fault = Fault::parse(&words.join(";"))?.and(rule.fault);
        if rule.fault == Fault::default() {
            return Err(
                "it says of no fault; add one, as in `GET /api/v2/parties; status=503`".into(),
            );
        }
        if rule.times == Some(0) {
            return Err("times=0 harms nothing; leave it out to harm all from there on".into());
        }
        Ok(rule)
    }
}

impl FaultRule {
    /// Reads which requests are meant. False: that is not what the part says.
    fn takes_requests(&mut self, part: &str) -> Result<bool, String> {
        let (first, second) = part.split_once(' ').unwrap_or((part, ""));
        let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
        let method = methods
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(first));
        let path = if method.is_some() {
            second.trim()
        } else {
            part
        };
        if method.is_none() && !path.starts_with('/') {
            return Ok(false);
        }
        if !path.is_empty()
            && !["/api/v2/", "/oauth/"]
                .iter()
                .any(|root| path.starts_with(root))
        {
            return Err(format!(
                "no request has the path {path}; paths begin with /api/v2/ or /oauth/, as /api/v2/parties does"
            ));
        }
        self.method = method;
        self.path_prefix = path.to_owned();
        Ok(true)
    }
}

/// The rules of one fake. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<FaultRule>>>);

impl Faults {
    /// Adds a rule. Rules are looked at in the order in which they were added; every one that matches takes part.
    pub fn add(&self, rule: FaultRule) {
        self.rules(|rules| rules.push(rule));
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.rules(Vec::clear);
    }

    /// What goes wrong with this request; counts it in every rule that matches.
    pub(super) fn take(
        &self,
        method: &Method,
        path: &str,
        header: Option<&str>,
    ) -> Result<Fault, String> {
        let mut fault = Fault::default();
        self.rules(|rules| {
            for rule in rules.iter_mut() {
                let matches = rule.method.as_ref().is_none_or(|wanted| wanted == method)
                    && path.starts_with(rule.path_prefix.as_str());
                if !matches {
                    continue;
                }
                if rule.skip > 0 {
                    rule.skip -= 1;
                    continue;
                }
                match &mut rule.times {
                    Some(0) => continue,
                    Some(times) => *times -= 1,
                    None => {}
                }
                fault = std::mem::take(&mut fault).and(rule.fault.clone());
            }
            rules.retain(|rule| rule.times != Some(0));
        });
        match header {
            None => Ok(fault),
            Some(text) => {
                let asked = Fault::parse(text).map_err(|error| format!("x-fake-fault: {error}"))?;
                Ok(fault.and(asked))
            }
        }
    }

    fn rules<T>(&self, touch: impl FnOnce(&mut Vec<FaultRule>) -> T) -> T {
        touch(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_and_the_json_form_say_the_same() {
        let short = Fault::parse("status=503; delay=20; drop=before; type=text/html").unwrap();
        let json = Fault::parse(
            r#"{"status":503,"delayMs":20,"drop":"before","contentType":"text/html"}"#,
        )
        .unwrap();
        assert_eq!(short, json);
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let error = Fault::parse("explode").unwrap_err();
        assert!(error.contains("rate-limit"), "{error}");
    }

    #[test]
    fn a_written_rule_says_which_requests_and_what() {
        let written = |text: &str| text.parse::<FaultRule>().unwrap();
        assert_eq!(
            written("post /api/v2/parties ;times=2; skip=1 ; status=503"),
            FaultRule::new(Fault::status(503))
                .on(Method::POST, "/api/v2/parties")
                .after(1)
                .times(2)
        );
        assert_eq!(written("cut"), FaultRule::new(Fault::cut_body()));
        let body = Fault::status(500).with_body(serde_json::json!({"a": "b;c"}));
        assert_eq!(
            written(r#"GET; times=1; {"status": 500, "body": {"a": "b;c"}}"#),
            FaultRule {
                method: Some(Method::GET),
                ..FaultRule::new(body).times(1)
            }
        );
    }

    #[test]
    fn a_rule_that_can_not_be_meant_is_refused_with_the_way_out() {
        for (text, way) in [
            ("", "add one"),
            ("GET /api/v2/parties; times=2", "add one"),
            ("GET /parties; status=503", "/api/v2/"),
            ("PATCH /api/v2/parties; status=503", "known are status=N"),
            ("status=503; GET /api/v2/parties", "known are status=N"),
            ("times=often; cut", "times=1"),
            ("times=0; cut", "leave it out"),
            ("status=5033", "200 to 599"),
            (r#"{"state": 503}"#, "unknown field"),
        ] {
            let error = text.parse::<FaultRule>().unwrap_err();
            assert!(error.contains(way), "{text}: {error}");
        }
    }

    #[test]
    fn a_rule_harms_only_the_counted_requests() {
        let faults = Faults::default();
        faults.add(
            FaultRule::new(Fault::status(500))
                .on(Method::GET, "/api/v2/parties")
                .after(1)
                .times(1),
        );
        let take = |method: &Method, path: &str| faults.take(method, path, None).unwrap().status;
        assert_eq!(take(&Method::POST, "/api/v2/parties"), None);
        assert_eq!(take(&Method::GET, "/api/v2/users"), None);
        assert_eq!(take(&Method::GET, "/api/v2/parties/1"), None);
        assert_eq!(take(&Method::GET, "/api/v2/parties/1"), Some(500));
        assert_eq!(take(&Method::GET, "/api/v2/parties/1"), None);
    }
}
