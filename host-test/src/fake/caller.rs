//! Who a bearer token stands for (API reference 1.2, 1.3).

/// A scope of API reference 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Read,
    Write,
    UserPreference,
}

impl Scope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::UserPreference => "user_preference",
        }
    }
}

/// Scopes that the metadata document advertises beside the documented three.
const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "tenant"];

/// The scopes of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scopes(Vec<String>);

impl Scopes {
    /// Reads a space separated list; nothing asked means `read write` (API reference 1.3). `None`: an unknown scope.
    pub(super) fn parse(text: &str) -> Option<Scopes> {
        let mut scopes: Vec<String> = Vec::new();
        for scope in text.split_whitespace() {
            if !matches!(scope, "read" | "write" | "user_preference")
                && !IDENTITY_SCOPES.contains(&scope)
            {
                return None;
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        if scopes.is_empty() {
            scopes = vec!["read".to_owned(), "write".to_owned()];
        }
        Some(Scopes(scopes))
    }

    /// The documented three.
    pub(super) fn all() -> Scopes {
        Scopes(
            ["read", "write", "user_preference"]
                .map(str::to_owned)
                .to_vec(),
        )
    }

    pub(super) fn has(&self, scope: Scope) -> bool {
        self.0.iter().any(|known| known == scope.name())
    }

    /// Whether every scope of `self` is in `other`: a refresh may narrow a grant, never widen it (RFC 6749 section 6).
    pub(super) fn within(&self, other: &Scopes) -> bool {
        self.0.iter().all(|scope| other.0.contains(scope))
    }

    pub(super) fn spell(&self) -> String {
        self.0.join(" ")
    }
}

/// The user and application behind one call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Caller {
    /// Id of the Capsule user.
    pub(super) user: u64,
    pub(super) scopes: Scopes,
    /// The OAuth application; `None` for a personal access token, which can't manage REST hooks (API reference 1.2).
    pub(super) client: Option<String>,
}

impl Caller {
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }
}
