//! A server in this very process: the fake, without sockets.

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::HeaderValue;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::{AnswerBody, EgressLimits, Outbound, Upstream, UpstreamError};

/// Hands each request to an axum router.
#[derive(Clone)]
pub struct InProcess {
    router: Router,
}

impl InProcess {
    /// In front of this router.
    pub fn new(router: Router) -> Self {
        Self { router }
    }
}

#[async_trait]
impl Upstream for InProcess {
    async fn send(
        &self,
        request: Outbound,
        _limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let mut inner = http::Request::new(Body::from(request.body));
        *inner.method_mut() = request.method;
        // A server sees a path, not a whole URL.
        *inner.uri_mut() = request.path.into();
        *inner.headers_mut() = request.headers;
        if let Ok(host) = HeaderValue::from_str(&request.origin.authority()) {
            inner.headers_mut().insert(http::header::HOST, host);
        }
        let response = match self.router.clone().oneshot(inner).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        // A body that fails half-way is a connection that breaks.
        Ok(response.map(|body| body.map_err(|_| UpstreamError::Broken).boxed_unsync()))
    }
}
