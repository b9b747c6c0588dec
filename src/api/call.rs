//! One request to the API, before it is sent.

use serde_json::Value;
use std::borrow::Cow;

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Create, or ask with a body.
    Post,
    /// Change.
    Put,
    /// Delete.
    Delete,
}

impl Method {
    pub(crate) fn http(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
            Self::Delete => http::Method::DELETE,
        }
    }
}

/// A request under `/api/v2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub(crate) method: Method,
    /// Encoded, from the root: `/api/v2/parties/5`.
    pub(crate) path: String,
    /// Not encoded.
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Option<Value>,
    /// Sending it again leaves the same state, or the operation looks before it does.
    pub(crate) repeat_safe: bool,
}

impl Call {
    /// A read. Each segment is encoded; empty ones can't be.
    #[must_use]
    pub fn get(segments: &[&str]) -> Self {
        Self::new(Method::Get, segments, true)
    }

    /// A request that creates: not repeat-safe.
    #[must_use]
    pub fn create(segments: &[&str], body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::new(Method::Post, segments, false)
        }
    }

    /// A request that does something and has no JSON to send: not repeat-safe.
    #[must_use]
    pub fn post(segments: &[&str]) -> Self {
        Self::new(Method::Post, segments, false)
    }

    /// A read that asks with a body.
    #[must_use]
    pub fn ask(segments: &[&str], body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::new(Method::Post, segments, true)
        }
    }

    /// A change of what is there.
    #[must_use]
    pub fn change(segments: &[&str], body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::new(Method::Put, segments, true)
        }
    }

    /// A deletion.
    #[must_use]
    pub fn delete(segments: &[&str]) -> Self {
        Self::new(Method::Delete, segments, true)
    }

    pub(super) fn new(method: Method, segments: &[&str], repeat_safe: bool) -> Self {
        let mut path = String::from("/api/v2");
        for segment in segments {
            path.push('/');
            encode(&mut path, segment);
        }
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            repeat_safe,
        }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// With `embed`, if there is anything to read along.
    #[must_use]
    pub fn embed(self, tokens: &[&str]) -> Self {
        if tokens.is_empty() {
            self
        } else {
            self.with("embed", tokens.join(","))
        }
    }

    /// Repeating the operation is safe, because it looks before it does.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeat_safe = true;
        self
    }

    /// Repeating it would double something, though it changes what is there.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat_safe = false;
        self
    }

    /// Path and query, encoded.
    #[must_use]
    pub fn target(&self) -> String {
        let mut target = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            encode(&mut target, name);
            target.push('=');
            encode(&mut target, value);
        }
        target
    }

    /// `METHOD /path`, for errors: without the query, which may hold names of people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.method.http(), self.path)
    }
}

/// Percent-encodes a path segment or a value of a query. Only unreserved characters (RFC 3986) and the comma stay, which Capsule
/// uses between ids and between tokens. A segment of dots alone is encoded, so that it can't climb.
fn encode(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    let dots = !text.is_empty() && text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~' | b',')
            || (byte == b'.' && !dots)
        {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}

/// A text for a header: percent-encoded, without the comma, which parts the values of a header.
#[must_use]
pub(crate) fn for_header(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(&mut encoded, text);
    encoded.replace(',', "%2C")
}

/// `application/x-www-form-urlencoded` of pairs, each value encoded.
#[must_use]
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The other way round, as a server does it.
    fn decode(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn any_text_survives_as_a_segment_and_as_a_value(text: String) {
            let call = Call::get(&["parties", &text]).with("q", text.clone());
            let target = call.target();
            let uri: http::Uri = target.parse().unwrap();
            let segment = uri.path().rsplit('/').next().unwrap();
            prop_assert_eq!(decode(segment), text.as_bytes());
            prop_assert_eq!(decode(uri.query().unwrap().strip_prefix("q=").unwrap()), text.as_bytes());
            prop_assert_eq!(uri.path().matches('/').count(), 4);
        }

        #[test]
        fn any_pairs_survive_in_a_form(pairs in proptest::collection::vec(("[a-z_]{1,8}", any::<String>()), 0..5)) {
            let borrowed: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let text = form(&borrowed);
            let back: Vec<_> = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name.to_owned(), String::from_utf8(decode(value)).unwrap())
            }).collect();
            prop_assert_eq!(back, pairs);
        }
    }

    #[test]
    fn dots_do_not_climb_and_commas_stay() {
        assert_eq!(
            Call::get(&["parties", ".."]).target(),
            "/api/v2/parties/%2E%2E"
        );
        assert_eq!(
            Call::get(&["parties", "1,2"])
                .embed(&["tags", "fields"])
                .target(),
            "/api/v2/parties/1,2?embed=tags,fields"
        );
        assert_eq!(
            Call::get(&["parties"]).embed(&[]).target(),
            "/api/v2/parties"
        );
    }
}
