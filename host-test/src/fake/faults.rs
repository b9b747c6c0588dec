//! Faults on demand: what a network, a proxy or Capsule itself may do to a request.
//!
//! A test adds [`FaultRule`]s with [`Faults::add`], or sends the header `x-fake-fault` with one request. The header is JSON
//! (`{"status": 503, "delayMs": 20}`) or short (`status=503; delay=20`). The words of the short form:
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

    /// Reads the `x-fake-fault` header.
    pub(super) fn parse(text: &str) -> Result<Fault, String> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text)
                .map_err(|error| format!("x-fake-fault is not a fault: {error}"));
        }
        let mut fault = Fault::default();
        for word in text
            .split(';')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("x-fake-fault: {name} needs a number"))
            };
            match (name, value) {
                ("status", _) => fault.status = Some(u16::try_from(number()?).unwrap_or(0)),
                ("body", text) => fault.body = Some(Value::String(text.to_owned())),
                ("after", "") => fault.after = true,
                ("delay", _) => fault.delay_ms = number()?,
                ("cut", "") => fault.cut = true,
                ("truncate", "") => fault.truncate = true,
                ("drop", "" | "after") => fault.drop = Some(DropWhen::After),
                ("drop", "before") => fault.drop = Some(DropWhen::Before),
                ("type", media) => fault.content_type = Some(media.to_owned()),
                ("rate-limit", "") => fault.rate_limit = true,
                ("deny", "") => fault.deny = true,
                _ => {
                    return Err(format!(
                        "x-fake-fault: unknown word '{word}'; known are status=N, body=TEXT, after, delay=MS, cut, \
                         truncate, drop, drop=before, type=MEDIA, rate-limit, deny"
                    ));
                }
            }
        }
        Ok(fault)
    }
}

/// When a fault happens.
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
            Some(text) => Ok(fault.and(Fault::parse(text)?)),
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
