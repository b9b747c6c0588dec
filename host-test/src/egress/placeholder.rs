//! The stand-ins that a sandbox gets instead of credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Origin, Secret};

/// Every placeholder begins with this, so that a person who finds one in a log knows what it is.
pub const PREFIX: &str = "cph_";

/// What a placeholder stands for. Each is swapped only where its kind belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// Bearer token.
    AccessToken,
    /// Refresh token.
    RefreshToken,
    /// The registered application's secret.
    ClientSecret,
    /// Authorization code.
    Code,
    /// PKCE verifier.
    CodeVerifier,
}

/// What one call's placeholder stands for.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) kind: CredentialKind,
    pub(crate) value: HeldValue,
    /// The only place where it is swapped.
    pub(crate) origin: Origin,
}

#[derive(Clone, Debug)]
pub(crate) enum HeldValue {
    /// Whatever the store holds at the moment of the swap: a token that was refreshed during the call is used at once.
    Stored,
    /// Given to this call alone.
    Given(Secret),
}

/// The placeholders of one call. Another call's mean nothing here.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    held: HashMap<String, Held>,
}

impl Placeholders {
    /// A new random placeholder (192 bits).
    pub(crate) fn issue(&mut self, held: Held) -> Result<String, getrandom::Error> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes)?;
        let placeholder = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        self.held.insert(placeholder.clone(), held);
        Ok(placeholder)
    }

    pub(crate) fn get(&self, placeholder: &str) -> Option<&Held> {
        self.held.get(placeholder)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.held
            .iter()
            .map(|(placeholder, held)| (placeholder.as_str(), held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_the_prefix_and_32_url_safe_characters_and_new_each_time() {
        let held = Held {
            kind: CredentialKind::AccessToken,
            value: HeldValue::Stored,
            origin: Origin::parse("https://a.example").unwrap(),
        };
        let mut placeholders = Placeholders::default();
        let first = placeholders.issue(held.clone()).unwrap();
        let second = placeholders.issue(held).unwrap();
        assert_ne!(first, second);
        let random = first.strip_prefix("cph_").unwrap();
        assert_eq!(random.len(), 32);
        assert!(
            random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        );
    }
}
