//! The headers of an answer that mean something here. A transport need keep no others: names that are constants cost no parser.

use http::HeaderMap;
use http::header::HeaderName;

pub(crate) const DATE: HeaderName = http::header::DATE;
pub(crate) const CONTENT_TYPE: HeaderName = http::header::CONTENT_TYPE;
pub(crate) const CONTENT_DISPOSITION: HeaderName = http::header::CONTENT_DISPOSITION;
pub(crate) const LINK: HeaderName = http::header::LINK;
pub(crate) const LOCATION: HeaderName = http::header::LOCATION;
pub(crate) const RETRY_AFTER: HeaderName = http::header::RETRY_AFTER;
/// The name of a file that is sent (API reference 3.6).
pub(crate) const FILENAME: HeaderName = HeaderName::from_static("x-attachment-filename");
pub(crate) const HAS_MORE: HeaderName = HeaderName::from_static("x-pagination-has-more");
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(crate) const RATE_LIMIT_REMAINING: HeaderName =
    HeaderName::from_static("x-ratelimit-remaining");
pub(crate) const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// All that answers have.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
pub(crate) const KEPT: [HeaderName; 10] = [
    DATE,
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    LINK,
    LOCATION,
    RETRY_AFTER,
    HAS_MORE,
    RATE_LIMIT,
    RATE_LIMIT_REMAINING,
    RATE_LIMIT_RESET,
];

/// The whole number that a header holds.
pub(crate) fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
