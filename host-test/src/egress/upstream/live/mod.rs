//! The real other side, over TCP and TLS.
//!
//! A name is resolved once, every address it has is checked, and the connection goes to a checked address with the name
//! as SNI: a name that changes its mind between check and connect gains nothing. Proxy variables are not read. A
//! connection (`connection.rs`) is kept for the tenant's next request to the same origin (`pool.rs`), if its last answer
//! was read to the end and nothing came after it: none is shared between tenants, and a late answer has nobody to confuse.

mod connection;
mod pool;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Full;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use self::connection::Connection;
use self::pool::Pool;
use super::{AnswerBody, EgressLimits, Outbound, Rule, Upstream, UpstreamError, is_global};
use crate::egress::Scheme;

/// How a name becomes addresses.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of the name.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0))
            .await?
            .map(|address| address.ip())
            .collect())
    }
}

/// Why the live upstream can't be built.
#[derive(Debug, thiserror::Error)]
#[error("TLS can't be set up: {0}")]
pub struct LiveError(#[from] rustls::Error);

/// Sends requests over the network. Clones share idle connections.
#[derive(Clone)]
pub struct Live {
    resolver: Arc<dyn Resolver>,
    tls: Arc<rustls::ClientConfig>,
    /// Which addresses https may lead to: `is_global`, except in this folder's own tests.
    is_allowed: fn(IpAddr) -> bool,
    pool: Pool,
}

impl Live {
    /// With the system's resolver and Mozilla's roots.
    pub fn new() -> Result<Self, LiveError> {
        Self::with_resolver(Arc::new(SystemResolver))
    }

    /// With another resolver.
    pub fn with_resolver(resolver: Arc<dyn Resolver>) -> Result<Self, LiveError> {
        let roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Ok(Self {
            resolver,
            tls: Arc::new(tls_config(roots)?),
            is_allowed: is_global,
            pool: Pool::default(),
        })
    }

    /// The addresses that may be connected to, or the rule that is broken by one of them.
    async fn addresses(&self, request: &Outbound) -> Result<Vec<SocketAddr>, UpstreamError> {
        let origin = &request.origin;
        let addresses = match origin.address() {
            Some(address) => vec![address],
            None => {
                let not_found = || UpstreamError::NameNotFound(origin.host().to_owned());
                let found = self
                    .resolver
                    .resolve(origin.host())
                    .await
                    .map_err(|_| not_found())?;
                if found.is_empty() {
                    return Err(not_found());
                }
                found
            }
        };
        let loopback = origin.scheme() == Scheme::Http;
        if loopback && !origin.is_loopback() {
            return Err(UpstreamError::Denied(Rule::PlainHttp));
        }
        for &address in &addresses {
            let host = origin.host().to_owned();
            if loopback && !address.is_loopback() {
                return Err(UpstreamError::Denied(Rule::NotLoopback { host, address }));
            }
            if !loopback && !(self.is_allowed)(address) {
                return Err(UpstreamError::Denied(Rule::Address { host, address }));
            }
        }
        Ok(addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, origin.port()))
            .collect())
    }

    /// Opens a connection. Everything that can be wrong with an address or a certificate is found here.
    async fn connect(
        &self,
        request: &Outbound,
        limits: &EgressLimits,
    ) -> Result<Connection, UpstreamError> {
        let mut failure = UpstreamError::Refused;
        let mut stream = None;
        let addresses = self.addresses(request).await?;
        // One address that swallows packets must not use up the time of the others.
        let each = limits.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(connected)) => {
                    stream = Some(connected);
                    break;
                }
                Ok(Err(error)) if error.kind() != io::ErrorKind::TimedOut => {
                    failure = UpstreamError::Refused;
                }
                Ok(Err(_)) | Err(_) => failure = UpstreamError::ConnectTimeout,
            }
        }
        let stream = stream.ok_or(failure)?;
        // A small request must not wait for the kernel to fill a packet. Without it, it is only slower.
        let _ = stream.set_nodelay(true);
        let (stream, socket) = twice(stream).map_err(|_| UpstreamError::Refused)?;
        if request.origin.scheme() == Scheme::Http {
            return Connection::new(request, stream, socket, limits).await;
        }
        let host = request.origin.host().trim_matches(['[', ']']).to_owned();
        let name =
            ServerName::try_from(host).map_err(|error| UpstreamError::Tls(error.to_string()))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        Connection::new(request, stream, socket, limits).await
    }
}

/// A stream, and a second handle of its socket.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let socket = stream.into_std()?;
    let second = socket.try_clone()?;
    Ok((TcpStream::from_std(socket)?, second))
}

fn tls_config(roots: rustls::RootCertStore) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Session tickets would tie one tenant's connections to another's.
    tls.resumption = rustls::client::Resumption::disabled();
    Ok(tls)
}

#[async_trait]
impl Upstream for Live {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        if let Some(kept) = self.pool.take(&request.tenant, &request.origin).await {
            match kept
                .exchange(on_the_wire(request.clone()), &self.pool)
                .await
            {
                Err(failure) if failure.may_be_repeated() => {}
                ended => return ended.map_err(|failure| failure.told(limits)),
            }
        }
        let connection = timeout(limits.connect, self.connect(&request, limits))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout)??;
        let ended = connection.exchange(on_the_wire(request), &self.pool).await;
        ended.map_err(|failure| failure.told(limits))
    }
}

fn on_the_wire(request: Outbound) -> http::Request<Full<Bytes>> {
    let mut outgoing = http::Request::new(Full::new(request.body));
    *outgoing.method_mut() = request.method;
    *outgoing.uri_mut() = request.path.into();
    *outgoing.headers_mut() = request.headers;
    if let Ok(host) = HeaderValue::from_str(&request.origin.authority()) {
        outgoing.headers_mut().insert(http::header::HOST, host);
    }
    outgoing
}

#[cfg(test)]
mod tests;
