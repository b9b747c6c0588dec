//! Clients, codes and tokens: what OAuth 2 remembers (API reference 1.2, 1.3).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::super::caller::{Caller, Scopes};
use super::super::state::RefreshRule;

/// Lifetime of an access token, as the documentation shows it.
pub(in super::super) const ACCESS_SECONDS: i64 = 604_799;

/// Lifetime of a code. Capsule's is not known; RFC 6749 recommends ten minutes at most.
const CODE_SECONDS: i64 = 600;

/// An application. One without a secret is an *installed application*.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) secret: Option<String>,
    pub(super) redirect: String,
}

/// A code that waits for its exchange.
pub(super) struct Code {
    pub(super) client: String,
    pub(super) redirect: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) user: u64,
    pub(super) scopes: Scopes,
    expires_at: Timestamp,
    /// The grant that came of it: a second exchange revokes that (RFC 6749 section 4.1.2).
    used_for: Option<u64>,
}

/// A PKCE challenge (RFC 7636).
#[derive(Clone)]
pub(super) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    pub(super) fn read(challenge: &str, method: Option<&str>) -> Option<Challenge> {
        match method {
            None | Some("plain") => Some(Challenge::Plain(challenge.to_owned())),
            Some("S256") => Some(Challenge::S256(challenge.to_owned())),
            Some(_) => None,
        }
    }

    fn is_answered_by(&self, verifier: &str) -> bool {
        match self {
            Challenge::Plain(challenge) => challenge == verifier,
            Challenge::S256(challenge) => {
                *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
            }
        }
    }
}

struct Access {
    caller: Arc<Caller>,
    /// Personal tokens last until they are revoked.
    expires_at: Option<Timestamp>,
    grant: Option<u64>,
}

struct Refresh {
    client: String,
    user: u64,
    scopes: Scopes,
    grant: u64,
}

/// The tokens of an exchange or a refresh.
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) scopes: Scopes,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum BadToken {
    /// The fake never issued it, or it was revoked.
    Unknown,
    Expired,
}

/// Everything that was granted.
pub(in super::super) struct Grants {
    pub(super) clients: HashMap<String, Client>,
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    last_grant: u64,
    rng: fastrand::Rng,
}

impl Grants {
    pub(in super::super) fn new(seed: u64) -> Grants {
        Grants {
            clients: HashMap::new(),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            last_grant: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// An opaque token. Its alphabet has `+` and `/`: tokens of Capsule may have them, and a client that puts one into a form
    /// without encoding it must fail here (API reference 1.2). It follows from the seed: it guards invented data only.
    fn new_token(&mut self) -> String {
        let bytes: [u8; 33] = std::array::from_fn(|_| self.rng.u8(..));
        STANDARD_NO_PAD.encode(bytes)
    }

    pub(in super::super) fn register(&mut self, id: &str, secret: Option<&str>, redirect: &str) {
        let client = Client {
            secret: secret.map(str::to_owned),
            redirect: redirect.to_owned(),
        };
        self.clients.insert(id.to_owned(), client);
    }

    pub(super) fn issue_code(
        &mut self,
        client: &str,
        redirect: Option<&str>,
        challenge: Option<Challenge>,
        user: u64,
        scopes: Scopes,
        now: Timestamp,
    ) -> String {
        let token = self.new_token();
        let code = Code {
            client: client.to_owned(),
            redirect: redirect.map(str::to_owned),
            challenge,
            user,
            scopes,
            expires_at: later(now, CODE_SECONDS),
            used_for: None,
        };
        self.codes.insert(token.clone(), code);
        token
    }

    /// Exchanges a code. A code is good once; using it again revokes what it gave.
    pub(super) fn exchange(
        &mut self,
        code: &str,
        client: &str,
        redirect: Option<&str>,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Issued, &'static str> {
        let Some(stored) = self.codes.get(code) else {
            return Err("The code is unknown or expired");
        };
        if stored.client != client {
            return Err("The code was issued to another client");
        }
        if let Some(grant) = stored.used_for {
            self.revoke_grant(grant);
            return Err("The code has been used already");
        }
        if stored.expires_at <= now {
            return Err("The code is unknown or expired");
        }
        // Clients in the wild send it and leave it out (API reference section 6, row 3).
        if redirect.is_some() && redirect != stored.redirect.as_deref() {
            return Err("The redirect_uri differs from the one of the authorisation");
        }
        match (&stored.challenge, verifier) {
            (Some(_), None) => return Err("The code_verifier is missing"),
            (Some(challenge), Some(verifier)) if !challenge.is_answered_by(verifier) => {
                return Err("The code_verifier does not fit the code_challenge");
            }
            _ => {}
        }
        let (user, scopes) = (stored.user, stored.scopes.clone());
        let (grant, issued) = self.issue(client, user, scopes, now);
        if let Some(stored) = self.codes.get_mut(code) {
            stored.used_for = Some(grant);
        }
        Ok(issued)
    }

    /// Issues the first tokens of a new grant.
    pub(super) fn issue(
        &mut self,
        client: &str,
        user: u64,
        scopes: Scopes,
        now: Timestamp,
    ) -> (u64, Issued) {
        self.last_grant += 1;
        let grant = self.last_grant;
        let refresh = self.new_token();
        let row = Refresh {
            client: client.to_owned(),
            user,
            scopes: scopes.clone(),
            grant,
        };
        self.refresh.insert(refresh.clone(), row);
        let access = self.issue_access(client, user, scopes.clone(), grant, now);
        (
            grant,
            Issued {
                access,
                refresh: Some(refresh),
                scopes,
            },
        )
    }

    fn issue_access(
        &mut self,
        client: &str,
        user: u64,
        scopes: Scopes,
        grant: u64,
        now: Timestamp,
    ) -> String {
        let token = self.new_token();
        let caller = Arc::new(Caller {
            user,
            scopes,
            client: Some(client.to_owned()),
        });
        let row = Access {
            caller,
            expires_at: Some(later(now, ACCESS_SECONDS)),
            grant: Some(grant),
        };
        self.access.insert(token.clone(), row);
        token
    }

    /// Exchanges a refresh token. The access tokens that it gave before stay good until they expire.
    pub(super) fn refresh(
        &mut self,
        token: &str,
        client: &str,
        scopes: Option<Scopes>,
        rule: RefreshRule,
        now: Timestamp,
    ) -> Result<Issued, &'static str> {
        let Some(stored) = self.refresh.get(token) else {
            return Err("The refresh token is unknown or revoked");
        };
        if stored.client != client {
            return Err("The refresh token was issued to another client");
        }
        let (user, granted, grant) = (stored.user, stored.scopes.clone(), stored.grant);
        let scopes = match scopes {
            None => granted.clone(),
            Some(asked) if asked.within(&granted) => asked,
            Some(_) => return Err("The scope is wider than the one that was granted"),
        };
        let access = self.issue_access(client, user, scopes.clone(), grant, now);
        let refresh = match rule {
            RefreshRule::Same => Some(token.to_owned()),
            RefreshRule::Omitted => None,
            RefreshRule::Rotated => {
                self.refresh.remove(token);
                let next = self.new_token();
                let row = Refresh {
                    client: client.to_owned(),
                    user,
                    scopes: granted,
                    grant,
                };
                self.refresh.insert(next.clone(), row);
                Some(next)
            }
        };
        Ok(Issued {
            access,
            refresh,
            scopes,
        })
    }

    pub(in super::super) fn issue_personal(&mut self, user: u64, scopes: Scopes) -> String {
        let token = self.new_token();
        let caller = Arc::new(Caller {
            user,
            scopes,
            client: None,
        });
        self.access.insert(
            token.clone(),
            Access {
                caller,
                expires_at: None,
                grant: None,
            },
        );
        token
    }

    /// Revokes a token. A refresh token takes its whole grant along; an unknown one is no fault (RFC 7009).
    pub(super) fn revoke(&mut self, token: &str) {
        if let Some(row) = self.refresh.get(token) {
            self.revoke_grant(row.grant);
        }
        self.access.remove(token);
    }

    fn revoke_grant(&mut self, grant: u64) {
        self.refresh.retain(|_, row| row.grant != grant);
        self.access.retain(|_, row| row.grant != Some(grant));
    }

    /// Removes everything that a user granted, as the user does in the web UI.
    pub(in super::super) fn revoke_user(&mut self, user: u64) {
        self.refresh.retain(|_, row| row.user != user);
        self.access.retain(|_, row| row.caller.user != user);
    }

    /// Who a bearer token stands for.
    pub(in super::super) fn caller(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Caller>, BadToken> {
        match self.access.get(token) {
            None => Err(BadToken::Unknown),
            Some(row) if row.expires_at.is_some_and(|at| at <= now) => Err(BadToken::Expired),
            Some(row) => Ok(row.caller.clone()),
        }
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
