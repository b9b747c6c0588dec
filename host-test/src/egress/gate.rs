//! The way of one request: admit, swap, wait, send, repeat once, seal. It knows HTTP and policy, not WASI.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::answer::{BodyRules, Reader, guarded};
use super::governor::too_many_requests;
use super::headers;
use super::origin::Scheme;
use super::placeholder::{Held, HeldValue, Placeholders};
use super::redact::Redactor;
use super::target::Target;
use super::token_endpoint::{self, Place, Tokens, sealed_error, swap_form};
use super::upstream::{AnswerBody, whole};
use super::{
    ComponentDigest, ConnectionId, CredentialKind, Credentials, CredentialsError, Denial,
    EgressLimits, Generation, Governor, Grants, NewTokens, Origin, Outbound, Placement, Refresher,
    Rule, Secret, StoredCredentials, Upstream, UpstreamError,
};

/// What stands where a secret was that has no placeholder in this call.
const REDACTED: &str = "[secret]";
/// Denials and notes kept of one call; the rest is only counted by the guest's failures.
const KEPT: usize = 32;

/// Large request bodies that one call may have in the host's memory at once.
const LARGE_BODIES: usize = 4;

/// What the egress knows of a tenant. All calls of the tenant share it.
pub struct Account {
    /// The tenant's name.
    pub tenant: Arc<str>,
    /// Whose credentials.
    pub connection: ConnectionId,
    /// Where they are.
    pub credentials: Arc<dyn Credentials>,
    /// Where requests may go.
    pub grants: Grants,
    /// Where requests end.
    pub upstream: Arc<dyn Upstream>,
    /// The vendor user's rate limit.
    pub governor: Arc<Governor>,
    /// Where credentials are swapped in.
    pub placement: Placement,
}

/// What one call did at the egress.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU32,
    writes: AtomicU32,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    refreshed: AtomicBool,
    invalid_grant: AtomicBool,
    denials: Mutex<Vec<Denial>>,
    notes: Mutex<BTreeSet<String>>,
}

/// A copy of a tally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tallied {
    pub(crate) requests: u32,
    pub(crate) writes: u32,
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) refreshed: bool,
    pub(crate) invalid_grant: bool,
    pub(crate) denials: Vec<Denial>,
    pub(crate) notes: Vec<String>,
}

impl Tally {
    fn deny(&self, denial: Denial) {
        let mut denials = lock(&self.denials);
        // A guest that is denied ten thousand times must not fill the log either.
        if denials.len() < KEPT {
            tracing::warn!(denial = %denial, "egress denied");
            denials.push(denial);
        }
    }

    fn note(&self, note: String) {
        let mut notes = lock(&self.notes);
        if notes.len() < KEPT && !notes.contains(&note) {
            tracing::warn!(note, "egress");
            notes.insert(note);
        }
    }

    pub(crate) fn read(&self) -> Tallied {
        Tallied {
            requests: self.requests.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            refreshed: self.refreshed.load(Ordering::Relaxed),
            invalid_grant: self.invalid_grant.load(Ordering::Relaxed),
            denials: lock(&self.denials).clone(),
            notes: lock(&self.notes).iter().cloned().collect(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The egress of one call.
pub(crate) struct Gate {
    /// None: nothing may be sent.
    account: Option<Arc<Account>>,
    component: ComponentDigest,
    limits: EgressLimits,
    placeholders: Mutex<Placeholders>,
    refresher: Option<Arc<dyn Refresher>>,
    /// A token answer of this call is stored if the store still is at this generation. None: it is sealed and not
    /// stored, because this call was not asked to get tokens.
    stores_over: Option<Generation>,
    begun: AtomicU32,
    at_once: Semaphore,
    large_bodies: Semaphore,
    tally: Arc<Tally>,
}

/// A request that policy lets go. Its body is still to come.
pub(crate) struct Admitted {
    target: Target,
    headers: HeaderMap,
    place: Place,
}

/// The times that a guest asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) gap: Option<Duration>,
}

struct Prepared {
    outbound: Outbound,
    /// Whose access token is in it.
    access: Option<Generation>,
    grant_type: Option<String>,
}

impl Gate {
    /// The egress of a call that may send nothing.
    pub(crate) fn closed(component: ComponentDigest) -> Self {
        Self::new(None, component, EgressLimits::default(), None, None)
    }

    /// The egress of a tenant's call.
    pub(crate) fn open(
        account: Arc<Account>,
        component: ComponentDigest,
        limits: EgressLimits,
        refresher: Option<Arc<dyn Refresher>>,
        stores_over: Option<Generation>,
    ) -> Self {
        Self::new(Some(account), component, limits, refresher, stores_over)
    }

    fn new(
        account: Option<Arc<Account>>,
        component: ComponentDigest,
        limits: EgressLimits,
        refresher: Option<Arc<dyn Refresher>>,
        stores_over: Option<Generation>,
    ) -> Self {
        Self {
            account,
            component,
            placeholders: Mutex::default(),
            refresher,
            stores_over,
            begun: AtomicU32::new(0),
            at_once: Semaphore::new(limits.requests_at_once.max(1)),
            large_bodies: Semaphore::new(LARGE_BODIES),
            limits,
            tally: Arc::default(),
        }
    }

    /// A placeholder for what the store holds.
    pub(crate) fn stand_in(
        &self,
        kind: CredentialKind,
        origin: Origin,
    ) -> Result<String, getrandom::Error> {
        lock(&self.placeholders).issue(Held {
            kind,
            value: HeldValue::Stored,
            origin,
        })
    }

    /// A placeholder for a secret that was given to this call.
    pub(crate) fn stand_in_for(
        &self,
        kind: CredentialKind,
        origin: Origin,
        secret: Secret,
    ) -> Result<String, getrandom::Error> {
        lock(&self.placeholders).issue(Held {
            kind,
            value: HeldValue::Given(secret),
            origin,
        })
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The largest request body; the glue reads no more.
    pub(crate) fn request_bytes(&self) -> usize {
        self.limits.request_bytes
    }

    /// Places for request bodies that are not small.
    pub(crate) fn large_bodies(&self) -> &Semaphore {
        &self.large_bodies
    }

    /// Decides on everything that is known before the body. A refusal is noted; the caller drains the body.
    pub(crate) fn admit(&self, parts: http::request::Parts) -> Result<Admitted, Rule> {
        let request = format!("{} {}", parts.method, shown(&parts.uri));
        self.try_admit(parts).inspect_err(|rule| {
            self.tally.deny(Denial {
                request,
                rule: rule.clone(),
            })
        })
    }

    fn try_admit(&self, parts: http::request::Parts) -> Result<Admitted, Rule> {
        let Some(account) = &self.account else {
            return Err(Rule::EgressClosed);
        };
        if self.begun.fetch_add(1, Ordering::Relaxed) >= self.limits.requests {
            return Err(Rule::TooManyRequests(self.limits.requests));
        }
        let target = Target::parse(&parts.method, &parts.uri)?;
        if target.origin.scheme() == Scheme::Http && !target.origin.is_loopback() {
            return Err(Rule::PlainHttp);
        }
        if !account.grants.allow(&self.component, &target.origin) {
            return Err(Rule::OriginNotGranted(target.origin));
        }
        let headers = headers::outgoing(parts.headers, self.limits.header_bytes)?;
        let place = account.placement.of(&target);
        Ok(Admitted {
            target,
            headers,
            place,
        })
    }

    /// Notes that the body was too large. The caller has drained it.
    pub(crate) fn refuse_body(&self, admitted: &Admitted) -> UpstreamError {
        let rule = Rule::BodyTooLarge(self.limits.request_bytes);
        self.tally.deny(Denial {
            request: admitted.target.name(),
            rule: rule.clone(),
        });
        UpstreamError::Denied(rule)
    }

    /// Sends an admitted request. Its span ends with the head of the answer, and has neither query nor bodies.
    pub(crate) async fn send(
        &self,
        admitted: Admitted,
        body: Bytes,
        wanted: Wanted,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let target = &admitted.target;
        let span = tracing::debug_span!(
            "request",
            otel.kind = "client",
            http.request.method = %target.method,
            server.address = target.origin.host(),
            server.port = target.origin.port(),
            url.path = target.path.path(),
            http.response.status_code = Empty,
            otel.status_code = Empty,
        );
        let answer = self.exchange(admitted, body, wanted);
        let answer = answer.instrument(span.clone()).await;
        let status = answer.as_ref().ok().map(http::Response::status);
        if let Some(status) = status {
            span.record("http.response.status_code", status.as_u16());
        }
        if status.is_none_or(|status| status.is_client_error() || status.is_server_error()) {
            span.record("otel.status_code", "ERROR");
        }
        answer
    }

    async fn exchange(
        &self,
        admitted: Admitted,
        body: Bytes,
        wanted: Wanted,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let Some(account) = &self.account else {
            return Err(UpstreamError::Denied(Rule::EgressClosed));
        };
        let deadline = Instant::now() + self.limits.request;
        let limits = self.clamped(wanted);
        // Never closed, so it can't fail.
        let _place = self.at_once.acquire().await;

        let load = || async {
            let stored = account.credentials.load(&account.connection).await;
            stored.map_err(|error| UpstreamError::NoCredentials(error.to_string()))
        };
        let mut stored = load().await?;
        let mut secrets = Secrets::default();
        secrets.add(stored.as_ref());

        let prepared = self.prepare(account, &admitted, &body, stored.as_ref())?;
        let seen = prepared.access;
        let grant_type = prepared.grant_type.clone();
        if let Some(refusal) = self
            .wait_for_quota(account, &admitted, seen.is_some(), deadline)
            .await
        {
            return Ok(refusal);
        }
        let mut response = self.attempt(account, prepared, &limits, deadline).await?;
        self.observe(account, &admitted, stored.as_ref(), response.headers());

        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(seen) = seen
            && body.len() <= self.limits.repeat_bytes
            && let Some(newer) = self.newer_token(account, seen, deadline, &load).await
        {
            stored = Some(newer);
            secrets.add(stored.as_ref());
            let again = self.prepare(account, &admitted, &body, stored.as_ref())?;
            response = self.attempt(account, again, &limits, deadline).await?;
            self.observe(account, &admitted, stored.as_ref(), response.headers());
        }

        let rules = BodyRules::new(&limits, limits.gap, deadline);
        if admitted.place == Place::Token || admitted.place == Place::Revoke {
            return self
                .seal(account, &admitted, response, rules, grant_type, secrets)
                .await;
        }
        let redactor = secrets.redactor(&lock(&self.placeholders));
        let (mut parts, body) = response.into_parts();
        headers::incoming(
            &mut parts.headers,
            &redactor,
            limits.header_bytes,
            limits.answer_bytes,
        )?;
        let tally = self.tally.clone();
        let count = move |bytes: usize| {
            tally.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        };
        Ok(http::Response::from_parts(
            parts,
            guarded(Reader::new(body, rules), redactor, count),
        ))
    }

    fn clamped(&self, wanted: Wanted) -> EgressLimits {
        let clamp = |ours: Duration, theirs: Option<Duration>| {
            theirs.map_or(ours, |theirs| theirs.min(ours))
        };
        EgressLimits {
            connect: clamp(self.limits.connect, wanted.connect),
            first_byte: clamp(self.limits.first_byte, wanted.first_byte),
            gap: clamp(self.limits.gap, wanted.gap),
            ..self.limits.clone()
        }
    }

    /// Puts real credentials in, as of `stored`.
    fn prepare(
        &self,
        account: &Account,
        admitted: &Admitted,
        body: &Bytes,
        stored: Option<&StoredCredentials>,
    ) -> Result<Prepared, UpstreamError> {
        let target = &admitted.target;
        let mut headers = admitted.headers.clone();
        let mut body = body.clone();
        let mut access = None;
        let mut grant_type = None;
        match admitted.place {
            Place::Api => {
                if let Some((value, generation)) = self.bearer(&headers, target, stored) {
                    headers.insert(header::AUTHORIZATION, value);
                    access = generation;
                }
            }
            Place::Token | Place::Revoke => {
                let swapped = swap_form(target, &headers, &body, |placeholder, kinds| {
                    self.real(placeholder, kinds, &target.origin, stored)
                })
                .map_err(|rule| {
                    self.tally.deny(Denial {
                        request: target.name(),
                        rule: rule.clone(),
                    });
                    UpstreamError::Denied(rule)
                })?;
                body = swapped.body.into();
                grant_type = swapped.grant_type;
            }
            Place::Other => {}
        }
        headers::set_length(&mut headers, &target.method, body.len());
        Ok(Prepared {
            outbound: Outbound {
                tenant: account.tenant.clone(),
                origin: target.origin.clone(),
                method: target.method.clone(),
                path: target.path.clone(),
                headers,
                body,
            },
            access,
            grant_type,
        })
    }

    /// The real `Authorization`, if the guest's is exactly `Bearer <access placeholder>` and this is the token's origin.
    /// The generation is None for a token that was given to this call alone.
    fn bearer(
        &self,
        headers: &HeaderMap,
        target: &Target,
        stored: Option<&StoredCredentials>,
    ) -> Option<(HeaderValue, Option<Generation>)> {
        let placeholder = headers
            .get(header::AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        let from_store = matches!(
            lock(&self.placeholders).get(placeholder)?,
            Held {
                kind: CredentialKind::AccessToken,
                value: HeldValue::Stored,
                ..
            }
        );
        let Some(secret) = self.real(
            placeholder,
            &[CredentialKind::AccessToken],
            &target.origin,
            stored,
        ) else {
            if let Some(stored) = stored.filter(|_| from_store) {
                self.tally.note(format!(
                    "the access token belongs to {} and was not put into a request to {}; connect at {} to get one for it",
                    stored.origin, target.origin, target.origin
                ));
            }
            return None;
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        value.set_sensitive(true);
        Some((
            value,
            stored
                .filter(|_| from_store)
                .map(|stored| stored.generation),
        ))
    }

    fn real(
        &self,
        placeholder: &str,
        kinds: &[CredentialKind],
        origin: &Origin,
        stored: Option<&StoredCredentials>,
    ) -> Option<Secret> {
        let held = lock(&self.placeholders).get(placeholder)?.clone();
        if !kinds.contains(&held.kind) {
            return None;
        }
        match held.value {
            HeldValue::Given(secret) => (held.origin == *origin).then_some(secret),
            HeldValue::Stored => {
                let stored = stored.filter(|stored| stored.origin == *origin)?;
                match held.kind {
                    CredentialKind::AccessToken => stored.access_token.clone(),
                    CredentialKind::RefreshToken => stored.refresh_token.clone(),
                    CredentialKind::ClientSecret => stored.client.as_ref()?.secret.clone(),
                    CredentialKind::Code | CredentialKind::CodeVerifier => None,
                }
            }
        }
    }

    /// Waits in place if it is short, or gives the answer that the vendor would give.
    async fn wait_for_quota(
        &self,
        account: &Account,
        admitted: &Admitted,
        with_token: bool,
        deadline: Instant,
    ) -> Option<http::Response<AnswerBody>> {
        if admitted.place != Place::Api || !with_token {
            return None;
        }
        let turn = account
            .governor
            .turn(&account.tenant, self.limits.wait_in_place);
        let Ok(Err(quota)) = timeout_at(deadline, turn).await else {
            return None;
        };
        self.tally.note(format!(
            "the rate limit of {} requests is used up; it ends in {} s",
            quota.limit,
            quota.resets_in.as_secs()
        ));
        Some(too_many_requests(&quota).map(whole))
    }

    async fn attempt(
        &self,
        account: &Account,
        prepared: Prepared,
        limits: &EgressLimits,
        deadline: Instant,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let outbound = prepared.outbound;
        let name = outbound.name();
        let is_write = outbound.method != Method::GET;
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        // Counted before it goes: a call that is stopped meanwhile must not look as if it had changed nothing.
        self.tally
            .writes
            .fetch_add(u32::from(is_write), Ordering::Relaxed);
        self.tally
            .bytes_out
            .fetch_add(outbound.body.len() as u64, Ordering::Relaxed);
        let sent = timeout(
            limits.connect + limits.first_byte,
            account.upstream.send(outbound, limits),
        );
        let result = match timeout_at(deadline, sent).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(UpstreamError::NoAnswer),
        };
        if let Err(error) = &result {
            if error.sent_nothing() {
                self.tally
                    .writes
                    .fetch_sub(u32::from(is_write), Ordering::Relaxed);
            }
            match error {
                UpstreamError::Denied(rule) => self.tally.deny(Denial {
                    request: name,
                    rule: rule.clone(),
                }),
                other => self.tally.note(format!("{name}: {other}")),
            }
        }
        result
    }

    fn observe(
        &self,
        account: &Account,
        admitted: &Admitted,
        stored: Option<&StoredCredentials>,
        headers: &HeaderMap,
    ) {
        if admitted.place == Place::Api
            && stored.is_some_and(|stored| stored.origin == admitted.target.origin)
        {
            account.governor.observe(headers);
        }
    }

    /// Credentials that are newer than the refused ones, if there are any or can be had.
    async fn newer_token<F, L>(
        &self,
        account: &Account,
        seen: Generation,
        deadline: Instant,
        load: &L,
    ) -> Option<StoredCredentials>
    where
        L: Fn() -> F,
        F: Future<Output = Result<Option<StoredCredentials>, UpstreamError>>,
    {
        let newer =
            |stored: Option<StoredCredentials>| stored.filter(|stored| stored.generation > seen);
        if let Some(stored) = newer(load().await.ok()?) {
            return Some(stored);
        }
        let refresher = self.refresher.as_ref()?;
        // The refresh goes on by itself if this call can't wait for it.
        match timeout_at(deadline, refresher.newer_than(seen)).await {
            Ok(Ok(_)) => {
                self.tally.refreshed.store(true, Ordering::Relaxed);
                newer(load().await.ok()?)
            }
            Ok(Err(error)) => {
                self.tally.note(format!(
                    "the token of {} was refused, and: {error}",
                    account.connection.as_str()
                ));
                None
            }
            Err(_) => None,
        }
    }

    /// Takes the secrets out of a token answer, stores them, and only then lets the guest see the rest.
    async fn seal(
        &self,
        account: &Account,
        admitted: &Admitted,
        response: http::Response<AnswerBody>,
        rules: BodyRules,
        grant_type: Option<String>,
        secrets: Secrets,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let (mut parts, body) = response.into_parts();
        let redactor = secrets.redactor(&lock(&self.placeholders));
        headers::incoming(
            &mut parts.headers,
            &redactor,
            self.limits.header_bytes,
            token_endpoint::ANSWER_BYTES,
        )?;
        let rules = rules.at_most(token_endpoint::ANSWER_BYTES);
        let body = Reader::new(body, rules).all().await?;
        self.tally
            .bytes_in
            .fetch_add(body.len() as u64, Ordering::Relaxed);

        if !parts.status.is_success() {
            let sealed = sealed_error(&body);
            if let Some(sealed) = &sealed
                && admitted.place == Place::Token
                && grant_type.as_deref() == Some("refresh_token")
                && (400..=401).contains(&parts.status.as_u16())
                && serde_json::from_str::<serde_json::Value>(sealed)
                    .is_ok_and(|error| error["error"] == "invalid_grant")
            {
                self.tally.invalid_grant.store(true, Ordering::Relaxed);
            }
            if sealed.is_none() && !body.is_empty() {
                self.tally.note(format!(
                    "{}: the error answer ({}) has an unknown shape, and its body was not handed on",
                    admitted.target.name(),
                    parts.status.as_u16()
                ));
            }
            let body = redactor.whole(sealed.unwrap_or_default().as_bytes());
            return Ok(http::Response::from_parts(parts, whole(body)));
        }
        if admitted.place == Place::Revoke {
            // A success says nothing that the guest needs.
            return Ok(http::Response::from_parts(parts, whole(Bytes::new())));
        }

        let Some(tokens) = Tokens::read(&body) else {
            self.tally.note(format!(
                "{}: {}",
                admitted.target.name(),
                UpstreamError::Unsealable
            ));
            return Err(UpstreamError::Unsealable);
        };
        let origin = admitted.target.origin.clone();
        let stored = match self.stores_over {
            Some(expected) => {
                let new = NewTokens {
                    origin: origin.clone(),
                    access_token: tokens.access_token.clone(),
                    refresh_token: tokens.refresh_token.clone(),
                    expires_in: tokens.expires_in,
                    scopes: tokens.scopes.clone(),
                };
                self.store(account, expected, new).await?;
                true
            }
            None => false,
        };
        let hold = |kind, secret: &Secret| {
            let value = if stored {
                HeldValue::Stored
            } else {
                HeldValue::Given(secret.clone())
            };
            lock(&self.placeholders)
                .issue(Held {
                    kind,
                    value,
                    origin: origin.clone(),
                })
                .map_err(|error| UpstreamError::NotStored(format!("no randomness: {error}")))
        };
        let access = hold(CredentialKind::AccessToken, &tokens.access_token)?;
        let refresh = match &tokens.refresh_token {
            Some(token) => Some(hold(CredentialKind::RefreshToken, token)?),
            None => None,
        };
        let sealed = tokens.sealed(&access, refresh.as_deref());
        // `subdomain` or `scope` might repeat an old secret; the new placeholders are none.
        Ok(http::Response::from_parts(
            parts,
            whole(redactor.whole(sealed.as_bytes())),
        ))
    }

    async fn store(
        &self,
        account: &Account,
        expected: Generation,
        new: NewTokens,
    ) -> Result<(), UpstreamError> {
        match account
            .credentials
            .commit(&account.connection, expected, new)
            .await
        {
            Ok(_) => Ok(()),
            Err(
                error @ (CredentialsError::Conflict { .. }
                | CredentialsError::Unknown(_)
                | CredentialsError::Store(_)),
            ) => {
                self.tally.note(error.to_string());
                Err(UpstreamError::NotStored(error.to_string()))
            }
        }
    }
}

/// Everything that must not come in, collected on the way.
#[derive(Default)]
struct Secrets {
    found: Vec<(CredentialKind, Secret)>,
}

impl Secrets {
    fn add(&mut self, stored: Option<&StoredCredentials>) {
        let Some(stored) = stored else { return };
        let client = stored
            .client
            .as_ref()
            .and_then(|client| client.secret.clone());
        let all = [
            (CredentialKind::AccessToken, stored.access_token.clone()),
            (CredentialKind::RefreshToken, stored.refresh_token.clone()),
            (CredentialKind::ClientSecret, client),
        ];
        self.found.extend(
            all.into_iter()
                .filter_map(|(kind, secret)| Some((kind, secret?))),
        );
    }

    fn redactor(&self, placeholders: &Placeholders) -> Redactor {
        let given = placeholders
            .iter()
            .filter_map(|(placeholder, held)| match &held.value {
                HeldValue::Given(secret) => Some((secret, placeholder)),
                HeldValue::Stored => None,
            });
        let stand_in = |kind| {
            let found = placeholders
                .iter()
                .find(|(_, held)| held.kind == kind && matches!(held.value, HeldValue::Stored));
            found.map_or(REDACTED, |(placeholder, _)| placeholder)
        };
        let stored = self
            .found
            .iter()
            .map(|(kind, secret)| (secret, stand_in(*kind)));
        Redactor::new(stored.chain(given))
    }
}

/// A URL as it may stand in a message: without user and query.
fn shown(uri: &http::Uri) -> String {
    let host = uri.authority().map(|authority| authority.as_str());
    let host = host
        .map(|host| host.rsplit('@').next().unwrap_or(host))
        .unwrap_or_default();
    let text = format!(
        "{}://{host}{}",
        uri.scheme_str().unwrap_or_default(),
        uri.path()
    );
    text.chars().take(500).collect()
}
