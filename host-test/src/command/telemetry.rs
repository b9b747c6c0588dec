//! Spans for an OpenTelemetry collector, as OTLP over HTTP.
//!
//! Where they go the standard variables say: OTEL_EXPORTER_OTLP_ENDPOINT or the one for traces, and their _HEADERS; OTEL_SERVICE_NAME,
//! OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER are read too. Without an endpoint nothing is started. A collector that does not answer
//! costs spans and a line on standard error; calls go on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry::Key;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// Both name a collector; the first one wins.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// How the exporter speaks, if anything else was asked for.
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const PROTOCOL: &str = "http/protobuf";
/// The service, where no variable names it.
const SERVICE: &str = "capsule-host";
/// For one export, connecting included.
const PATIENCE: Duration = Duration::from_secs(10);
/// A collector's answer is a few bytes.
const ANSWER: usize = 64 * 1024;

/// Collects spans and sends them now and then.
pub(super) struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// None: no collector is named.
    pub(super) fn start(runtime: &Handle) -> Result<Option<Self>> {
        let named = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let Some(endpoint) = ENDPOINTS.iter().find(|name| named(name)) else {
            return Ok(None);
        };
        if let Some(variable) = PROTOCOLS.iter().find(|name| named(name))
            && std::env::var(variable).is_ok_and(|value| value != PROTOCOL)
        {
            bail!(
                "spans are sent as {PROTOCOL} only; unset {variable}, and name the collector's port for it in {endpoint}"
            );
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Http::new(runtime.clone())?)
            .build()
            .with_context(|| format!("{endpoint} names no collector that can be used; an address such as http://127.0.0.1:4318 is expected"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Some(Self { provider }))
    }

    /// What makes spans of this program OpenTelemetry's. A denial or a warning is an event of the span in which it happens.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours = |metadata: &Metadata<'_>| {
            metadata.target().starts_with("capsule_host")
                && (metadata.is_span() || *metadata.level() <= LevelFilter::WARN)
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE))
            // Where in the sources, and on which thread, tells nothing about a call.
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left. Waits a few seconds at most.
    pub(super) fn end(self) {
        // What can't be sent the exporter has told.
        let _ = self.provider.shutdown();
    }
}

fn resource() -> Resource {
    let found = Resource::builder().build();
    let unnamed = found
        .get(&Key::from_static_str("service.name"))
        .is_none_or(|name| name.as_str().starts_with("unknown_service"));
    if unnamed {
        return Resource::builder().with_service_name(SERVICE).build();
    }
    found
}

/// The exporter's way out: one connection for each export.
#[derive(Debug)]
struct Http {
    /// The exporter has a thread of its own, and the sockets are the runtime's.
    runtime: Handle,
    tls: Arc<rustls::ClientConfig>,
}

impl Http {
    fn new(runtime: Handle) -> Result<Self> {
        let roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            runtime,
            tls: Arc::new(tls),
        })
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let tls = self.tls.clone().into();
        let within = async { tokio::time::timeout(PATIENCE, exchange(tls, request)).await };
        let answer = self.runtime.spawn(within).await?.map_err(HttpError::from);
        // The exporter says only that something was wrong with the network.
        answer
            .flatten()
            .inspect_err(|error| tracing::error!(error, "the collector can't be reached"))
    }
}

async fn exchange(
    tls: TlsConnector,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    let is_secure = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or("it names no host")?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    if is_secure {
        let stream = tls.connect(ServerName::try_from(host)?, stream).await?;
        return over(stream, request).await;
    }
    over(stream, request).await
}

async fn over<S>(stream: S, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender. What goes wrong in it is seen by whoever waits for the answer.
    tokio::spawn(connection);
    let authority = request.uri().authority().ok_or("it names no host")?;
    let host = authority.as_str().parse()?;
    request.headers_mut().insert(http::header::HOST, host);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(http::Uri::default, Into::into);
    let (head, body) = sender
        .send_request(request.map(Full::new))
        .await?
        .into_parts();
    let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}
