//! Where the vendor knocks.
//!
//! Whatever comes to a live address is acknowledged once its bytes are on the disk, and judged afterwards: a vendor whose deliveries are
//! refused drops the hook. 410 drops it at once and is answered for a former address alone, never for one that was never ours.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::address::{self, PREFIX};
use super::checks;
use super::clock::ms;
use super::journal::{Arrival, Standing};
use super::{Figures, Ingress, ListenError};

/// The largest delivery that is kept.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// How long a delivery may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a commit may take before the vendor is told to come again.
const COMMIT: Duration = Duration::from_secs(2);

impl Ingress {
    /// What answers at the door.
    pub fn router(&self) -> Router {
        Router::new()
            .route(&format!("{PREFIX}{{secret}}"), post(delivery))
            .route("/healthz", get(|| async { "listening\n" }))
            .route("/metrics", get(metrics))
            .layer(middleware::from_fn_with_state(self.clone(), only_ours))
            .with_state(self.clone())
    }

    /// Answers at the door for as long as the listener is there.
    pub(super) async fn serve(&self, listener: tokio::net::TcpListener) -> Result<(), ListenError> {
        axum::serve(listener, self.router())
            .await
            .map_err(|error| ListenError::File {
                path: "the door".into(),
                error,
            })
    }

    /// Takes a delivery in: the status that the vendor is answered with.
    pub async fn take_delivery(
        &self,
        secret: &str,
        uri: &Uri,
        headers: &HeaderMap,
        body: Body,
    ) -> StatusCode {
        let journal = &self.inner.journal;
        let address = address::hash(secret);
        match journal.standing(address, self.now()).await {
            Ok(Standing::Live) => {}
            Ok(Standing::Gone) => return StatusCode::GONE,
            Ok(Standing::Unknown) => return StatusCode::NOT_FOUND,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        }
        let (body, aside) = read(body).await;
        let event = checks::event_of(&body);
        let gathered = self.inner.checks.ask(event.as_deref());
        let hold = if gathered { ms(checks::GATHER) } else { 0 };
        let arrival = Arrival {
            address,
            query: uri.query().unwrap_or_default().to_owned(),
            content_type: headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .map(ToOwned::to_owned),
            body,
            event,
            due_at: self.now().saturating_add(hold),
            aside,
        };
        let stored = tokio::time::timeout(COMMIT, journal.take_in(arrival, self.now())).await;
        let Ok(Ok(gone)) = stored else {
            tracing::error!("a delivery could not be stored; the vendor is told to come again");
            return StatusCode::SERVICE_UNAVAILABLE;
        };
        if gone > 0 {
            tracing::warn!(
                gone,
                "more deliveries than are kept: the oldest of their address went"
            );
            Figures::add(&self.inner.figures.dropped, gone);
        }
        self.at("delivery stored");
        Figures::add(&self.inner.figures.deliveries, 1);
        if aside.is_some() {
            Figures::add(&self.inner.figures.quarantined, 1);
        }
        self.inner.stirred.notify_one();
        StatusCode::ACCEPTED
    }
}

/// The bytes, or why they are not kept.
async fn read(body: Body) -> (Vec<u8>, Option<&'static str>) {
    match tokio::time::timeout(PATIENCE, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(whole)) => (whole.to_bytes().into(), None),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            (Vec::new(), Some("it has more than 8 MiB and was not kept"))
        }
        Ok(Err(_)) => (Vec::new(), Some("it was cut off on its way")),
        Err(_) => (Vec::new(), Some("it took more than 10 s to arrive")),
    }
}

async fn delivery(
    State(ingress): State<Ingress>,
    Path(secret): Path<String>,
    request: Request<Body>,
) -> StatusCode {
    let (parts, body) = request.into_parts();
    ingress
        .take_delivery(&secret, &parts.uri, &parts.headers, body)
        .await
}

/// Figures are for this machine alone.
async fn metrics(State(ingress): State<Ingress>, headers: HeaderMap) -> Response {
    if !host(&headers).is_some_and(is_this_machine) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(held) = ingress.inner.journal.held().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, ingress.figures().exposition(held)).into_response()
}

/// A page in somebody's browser can send requests to this machine under a name of its own (DNS rebinding): only the names that the door is
/// known by are answered.
async fn only_ours(State(ingress): State<Ingress>, request: Request<Body>, next: Next) -> Response {
    let public = ingress.inner.options.public_url.as_deref();
    let public = public.and_then(|url| url.parse::<Uri>().ok());
    let public = public.as_ref().and_then(Uri::authority);
    let known = host(request.headers()).is_some_and(|host| {
        is_this_machine(host)
            || public.is_some_and(|public| public.as_str().eq_ignore_ascii_case(host))
    });
    if known {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_this_machine(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}
