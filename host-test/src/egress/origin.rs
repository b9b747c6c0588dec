//! Scheme, host and port: what is granted, and what a credential is bound to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `http` or `https`; nothing else leaves the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain text, to this machine only.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a request goes: scheme, host in lower case, port. Two origins are the same only if all three are.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: Scheme,
    /// Lower case; an IPv6 address stands in brackets.
    host: String,
    port: u16,
}

/// Why a text is not an origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not an origin: {reason}; write it like https://api.capsulecrm.com or http://127.0.0.1:8080"
)]
pub struct OriginError {
    text: String,
    reason: &'static str,
}

impl Origin {
    /// Reads `scheme://host[:port]`. A path other than `/`, a query, a user or an unusual host is an error.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let fail = |reason| OriginError {
            text: text.chars().take(200).collect(),
            reason,
        };
        let uri: http::Uri = text.parse().map_err(|_| fail("it is not a URL"))?;
        if text.contains('#') {
            return Err(fail("it has a fragment"));
        }
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(fail("it has a path or a query"));
        }
        Self::of_uri(&uri).map_err(fail)
    }

    /// The origin of a URL that may have a path.
    pub fn of_url(text: &str) -> Result<Self, OriginError> {
        let fail = |reason| OriginError {
            text: text.chars().take(200).collect(),
            reason,
        };
        let uri: http::Uri = text.parse().map_err(|_| fail("it is not a URL"))?;
        Self::of_uri(&uri).map_err(fail)
    }

    /// The origin of a parsed URI. The error says what is wrong with its authority.
    pub fn of_uri(uri: &http::Uri) -> Result<Self, &'static str> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err("its scheme is neither http nor https"),
            None => return Err("it has no scheme"),
        };
        let authority = uri.authority().ok_or("it has no host")?.as_str();
        if authority.contains('@') {
            return Err("it names a user");
        }
        let (host, port) = split_port(authority)?;
        check_host(host)?;
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or_else(|| scheme.default_port()),
        })
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also when it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as an address, if it is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&self.host).parse().ok()
    }

    /// Whether the host says that it is this machine: `localhost`, `127.0.0.0/8`, `[::1]`. A name that only resolves to
    /// it does not count.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// What stands in the `Host` header: the port only if it is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_host = match authority.strip_prefix('[') {
        Some(rest) => rest
            .find(']')
            .map(|end| end + 2)
            .ok_or("its IPv6 address has no end")?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(after_host);
    match rest.strip_prefix(':') {
        // `u16::from_str` takes a leading plus, a port does not.
        Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => port
            .parse()
            .map(|port| (host, Some(port)))
            .map_err(|_| "its port is over 65535"),
        None if rest.is_empty() => Ok((host, None)),
        _ => Err("its port is not a number"),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("it has no host");
    }
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("its IPv6 address is not one"),
        };
    }
    if host.ends_with('.') {
        return Err("its host ends with a dot");
    }
    if host.len() > 253 {
        return Err("its host is over 253 characters");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !host.bytes().all(plain) || host.split('.').any(str::is_empty) {
        return Err("its host is not a plain ASCII name or address");
    }
    Ok(())
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_default_port_and_capitals_make_no_difference() {
        let written = Origin::parse("https://API.capsulecrm.com:443/").unwrap();
        assert_eq!(
            written,
            Origin::parse("https://api.capsulecrm.com").unwrap()
        );
        assert_eq!(written.to_string(), "https://api.capsulecrm.com");
    }

    #[test]
    fn scheme_host_and_port_all_count() {
        let origin = Origin::parse("https://a.example").unwrap();
        for other in [
            "http://a.example",
            "https://b.example",
            "https://a.example:8443",
        ] {
            assert_ne!(origin, Origin::parse(other).unwrap(), "{other}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "api.capsulecrm.com",
            "ftp://a.example",
            "https://user@a.example",
            "https://user:word@a.example",
            "https://a.example/path",
            "https://a.example?query",
            "https://a.example#fragment",
            "https://a.example.",
            "https://a..example",
            "https://a.example:",
            "https://a.example:+443",
            "https://a.example:65536",
            "https://[::1",
            "https://[::1]x",
            "https://exa%6dple.com",
            "https://ex\u{e4}mple.com",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_written_loopback_is_loopback() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
            ("http://[::ffff:127.0.0.1]", false),
        ] {
            assert_eq!(
                Origin::parse(text).unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_origin_that_is_read_is_written_so_that_it_is_read_again(text in "(https?://)?[a-z0-9:@/.\\[\\]%#?_-]{0,30}") {
            if let Ok(origin) = Origin::parse(&text) {
                prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
            }
        }

        #[test]
        fn no_text_makes_reading_an_origin_panic(text in "\\PC{0,60}") {
            let _ = Origin::parse(&text);
        }
    }
}
