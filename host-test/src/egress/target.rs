//! A request's address, parsed once. Every decision is made on this form, and this form is what is sent.

use http::uri::PathAndQuery;
use http::{Method, Uri};

use super::{Origin, Rule};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) origin: Origin,
    pub(crate) path: PathAndQuery,
}

impl Target {
    pub(crate) fn parse(method: &Method, uri: &Uri) -> Result<Self, Rule> {
        if ![Method::GET, Method::POST, Method::PUT, Method::DELETE].contains(method) {
            return Err(Rule::Method);
        }
        let origin = Origin::of_uri(uri).map_err(Rule::Url)?;
        let path = match uri.path_and_query() {
            Some(path) if path.as_str().starts_with('/') => path.clone(),
            Some(path) if path.as_str().is_empty() => PathAndQuery::from_static("/"),
            // `?a=b` is a path and query of its own for the http crate, `*` too.
            Some(_) => return Err(Rule::Url("its path does not begin with a slash")),
            None => PathAndQuery::from_static("/"),
        };
        check_path(path.path())?;
        Ok(Self {
            method: method.clone(),
            origin,
            path,
        })
    }

    /// `METHOD origin/path`, without the query.
    pub(crate) fn name(&self) -> String {
        format!("{} {}{}", self.method, self.origin, self.path.path())
    }
}

/// Paths that a proxy or a server may read in another way than we do are refused, not repaired.
fn check_path(path: &str) -> Result<(), Rule> {
    if path.contains('\\') {
        return Err(Rule::Url("it has a backslash"));
    }
    let lower = path.to_ascii_lowercase();
    if ["%2f", "%5c", "%2e"]
        .iter()
        .any(|encoded| lower.contains(encoded))
    {
        return Err(Rule::Url(
            "it has an encoded slash, backslash or dot in its path",
        ));
    }
    if lower.contains("%00") {
        return Err(Rule::Url("it has an encoded NUL in its path"));
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Rule::Url("it has a dot segment in its path"));
    }
    if !path.is_ascii() {
        return Err(Rule::Url("its path is not ASCII"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, uri: &str) -> Result<Target, Rule> {
        Target::parse(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn an_ordinary_request_keeps_its_path_and_query() {
        let target = parse(
            "GET",
            "https://api.capsulecrm.com/api/v2/parties?embed=tags%2Ffields&q=a..b",
        )
        .unwrap();
        assert_eq!(
            target.path.as_str(),
            "/api/v2/parties?embed=tags%2Ffields&q=a..b"
        );
        assert_eq!(
            target.name(),
            "GET https://api.capsulecrm.com/api/v2/parties"
        );
    }

    #[test]
    fn urls_that_can_be_read_in_two_ways_are_refused() {
        for uri in [
            "https://user@api.capsulecrm.com/",
            "https://api.capsulecrm.com./api/v2/x",
            "https://api.capsulecrm.com/api/v2/..%2foauth",
            "https://api.capsulecrm.com/api/v2/%2e%2e/oauth",
            "https://api.capsulecrm.com/api/v2/%2E./oauth",
            "https://api.capsulecrm.com/api/v2/../oauth/token",
            "https://api.capsulecrm.com/api/v2/a%5cb",
            "https://api.capsulecrm.com/api/v2/./x",
            "https://api.capsulecrm.com/a%00b",
        ] {
            assert!(matches!(parse("GET", uri), Err(Rule::Url(_))), "{uri}");
        }
    }

    #[test]
    fn other_methods_are_refused() {
        for method in ["HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE", "get", "FOO"] {
            assert_eq!(
                parse(method, "https://a.example/").unwrap_err(),
                Rule::Method,
                "{method}"
            );
        }
    }
}
