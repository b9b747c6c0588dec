//! Which headers pass, in both directions.

use http::header::{
    ACCEPT_ENCODING, ALT_SVC, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Rule;
use super::redact::Redactor;
use super::upstream::UpstreamError;

/// Hop-by-hop (RFC 9110 section 7.6.1) and what belongs to the connection or to a browser.
static NEVER: [HeaderName; 15] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
    HOST,
    COOKIE,
    SET_COOKIE,
    EXPECT,
    ALT_SVC,
];

/// Names and values together, as they stand on the wire.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in NEVER.iter().chain(&named) {
        headers.remove(name);
    }
}

/// The guest's headers as they may leave. The length is set when the body is known.
pub(crate) fn outgoing(mut headers: HeaderMap, limit: usize) -> Result<HeaderMap, Rule> {
    if size(&headers) > limit {
        return Err(Rule::HeadersTooLarge(limit));
    }
    let authorizations = headers.get_all(http::header::AUTHORIZATION).iter().count();
    if authorizations > 1 {
        return Err(Rule::SecondAuthorization(authorizations));
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(Rule::Headers("more than one Content-Length"));
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err(Rule::Headers("Transfer-Encoding beside Content-Length"));
    }
    strip(&mut headers);
    headers.remove(CONTENT_LENGTH);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// Frames the body: requests have their whole body by now.
pub(crate) fn set_length(headers: &mut HeaderMap, method: &Method, length: usize) {
    if length > 0 || *method == Method::POST || *method == Method::PUT {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// An answer's headers as the guest may see them. `Content-Length` goes: replacing a secret changes the length, and a
/// cut-off body is reported by the transport.
pub(crate) fn incoming(
    headers: &mut HeaderMap,
    redactor: &Redactor,
    header_limit: usize,
    answer_limit: usize,
) -> Result<(), UpstreamError> {
    if size(headers) > header_limit {
        return Err(UpstreamError::HeadersTooLarge(header_limit));
    }
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    for coding in codings {
        if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
            let coding = String::from_utf8_lossy(coding.as_bytes())
                .chars()
                .take(40)
                .collect();
            return Err(UpstreamError::Encoded(coding));
        }
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > answer_limit as u64) {
        return Err(UpstreamError::AnswerTooLarge(answer_limit));
    }
    strip(headers);
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    for value in headers.values_mut() {
        let clean = redactor.whole(value.as_bytes());
        if clean != value.as_bytes() {
            // A placeholder is a legal value, so this can't fail.
            *value = HeaderValue::from_maybe_shared(clean).unwrap_or(HeaderValue::from_static(""));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .fold(
                HeaderMap::new(),
                |mut map, (name, value): (HeaderName, HeaderValue)| {
                    map.append(name, value);
                    map
                },
            )
    }

    #[test]
    fn headers_of_the_connection_and_of_browsers_do_not_leave() {
        let out = outgoing(
            headers(&[
                ("host", "evil.example"),
                ("cookie", "a=b"),
                ("connection", "keep-alive, X-Hop"),
                ("x-hop", "1"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("expect", "100-continue"),
                ("upgrade", "websocket"),
                ("proxy-authorization", "Basic x"),
                ("accept-encoding", "gzip"),
                ("content-length", "3"),
                ("x-kept", "1"),
            ]),
            1000,
        )
        .unwrap();
        assert_eq!(
            out,
            headers(&[("accept-encoding", "identity"), ("x-kept", "1")])
        );
    }

    #[test]
    fn headers_that_two_readers_understand_differently_are_refused() {
        let two = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert_eq!(outgoing(two, 1000), Err(Rule::SecondAuthorization(2)));
        let lengths = headers(&[("content-length", "1"), ("content-length", "2")]);
        assert!(matches!(outgoing(lengths, 1000), Err(Rule::Headers(_))));
        let both = headers(&[("content-length", "1"), ("transfer-encoding", "chunked")]);
        assert!(matches!(outgoing(both, 1000), Err(Rule::Headers(_))));
        assert_eq!(
            outgoing(headers(&[("x", &"y".repeat(100))]), 100),
            Err(Rule::HeadersTooLarge(100))
        );
    }

    #[test]
    fn an_answer_loses_cookies_and_secrets() {
        let secret = crate::egress::Secret::from("real-token");
        let redactor = Redactor::new([(&secret, "cph_x")]);
        let mut answer = headers(&[
            ("set-cookie", "a=b"),
            ("content-length", "3"),
            ("x-echo", "Bearer real-token"),
            ("link", "<https://a.example>; rel=\"next\""),
        ]);
        incoming(&mut answer, &redactor, 1000, 10).unwrap();
        assert_eq!(
            answer,
            headers(&[
                ("x-echo", "Bearer cph_x"),
                ("link", "<https://a.example>; rel=\"next\"")
            ])
        );
    }

    #[test]
    fn an_encoded_or_too_large_answer_is_refused_by_its_headers() {
        let redactor = Redactor::new([]);
        let encoded = incoming(
            &mut headers(&[("content-encoding", "gzip")]),
            &redactor,
            1000,
            10,
        );
        assert_eq!(encoded, Err(UpstreamError::Encoded("gzip".into())));
        let large = incoming(
            &mut headers(&[("content-length", "11")]),
            &redactor,
            1000,
            10,
        );
        assert_eq!(large, Err(UpstreamError::AnswerTooLarge(10)));
    }
}
