//! The real other side, over TCP and TLS.
//!
//! A name is resolved once, every address it has is checked, and the connection goes to a checked address with the name
//! as SNI: a name that changes its mind between check and connect gains nothing. Proxy variables are not read. A
//! connection serves one request, so that none is shared between tenants and a late answer has nobody to confuse.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::origin::Scheme;
use super::{AnswerBody, EgressLimits, Outbound, Rule, Upstream, UpstreamError, is_global};

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

/// Sends requests over the network.
#[derive(Clone)]
pub struct Live {
    resolver: Arc<dyn Resolver>,
    tls: Arc<rustls::ClientConfig>,
    /// Which addresses https may lead to: `is_global`, except in this file's own tests.
    is_allowed: fn(IpAddr) -> bool,
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

    async fn connect(
        &self,
        request: &Outbound,
        limit: Duration,
    ) -> Result<Connection, UpstreamError> {
        let mut failure = UpstreamError::Refused;
        let mut stream = None;
        let addresses = self.addresses(request).await?;
        // One address that swallows packets must not use up the time of the others.
        let each = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
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
        if request.origin.scheme() == Scheme::Http {
            return Ok(Box::new(stream));
        }
        let host = request.origin.host().trim_matches(['[', ']']).to_owned();
        let name =
            ServerName::try_from(host).map_err(|error| UpstreamError::Tls(error.to_string()))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        Ok(Box::new(stream))
    }
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

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
type Connection = Box<dyn Stream>;

#[async_trait]
impl Upstream for Live {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let stream = timeout(limits.connect, self.connect(&request, limits.connect))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout)??;
        let (mut sender, connection) = http1::Builder::new()
            // hyper's smallest buffer is 8 KiB.
            .max_buf_size(limits.header_bytes.max(8 * 1024))
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|_| UpstreamError::Refused)?;
        // Dropping the answer's body (or this future) drops the sender, and the connection ends with it.
        let driver = AbortOnDrop(tokio::spawn(async move {
            // What goes wrong here is seen by whoever waits for the answer.
            let _ = connection.await;
        }));

        let mut outgoing = http::Request::new(Full::new(request.body));
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = request.path.into();
        *outgoing.headers_mut() = request.headers;
        if let Ok(host) = HeaderValue::from_str(&request.origin.authority()) {
            outgoing.headers_mut().insert(http::header::HOST, host);
        }
        outgoing
            .headers_mut()
            .insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        let response = sender.send_request(outgoing).await.map_err(|error| {
            if error.is_parse_too_large() {
                UpstreamError::HeadersTooLarge(limits.header_bytes)
            } else if error.is_parse() {
                UpstreamError::Malformed
            } else {
                UpstreamError::Broken
            }
        })?;
        Ok(response.map(|body| {
            body.map_err(move |_| {
                // The driver lives as long as the body that it feeds.
                let _ = &driver;
                UpstreamError::Broken
            })
            .boxed_unsync()
        }))
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const NAME: &str = "api.example";

    struct ToLoopback;

    #[async_trait]
    impl Resolver for ToLoopback {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        }
    }

    /// A client that trusts `roots` and may reach this machine by https.
    fn client(roots: rustls::RootCertStore) -> Live {
        Live {
            resolver: Arc::new(ToLoopback),
            tls: Arc::new(tls_config(roots).unwrap()),
            is_allowed: |_| true,
        }
    }

    fn request(port: u16) -> Outbound {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", "Bearer real-token".parse().unwrap());
        Outbound {
            tenant: "a".into(),
            origin: format!("https://{NAME}:{port}").parse().unwrap(),
            method: http::Method::GET,
            path: "/x".parse().unwrap(),
            headers,
            body: Bytes::new(),
        }
    }

    fn certificate(name: &str) -> (rustls::RootCertStore, Arc<rustls::ServerConfig>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let server = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
        (roots, Arc::new(server))
    }

    /// Serves one connection, and gives the SNI name and the request's head if the handshake came through.
    async fn serve(
        config: Arc<rustls::ServerConfig>,
    ) -> (u16, tokio::task::JoinHandle<Option<(String, String)>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio_rustls::TlsAcceptor::from(config)
                .accept(stream)
                .await
                .ok()?;
            let name = stream
                .get_ref()
                .1
                .server_name()
                .unwrap_or_default()
                .to_owned();
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.ok()?;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .ok()?;
            stream.shutdown().await.ok()?;
            Some((name, String::from_utf8_lossy(&buffer[..read]).into_owned()))
        });
        (port, served)
    }

    #[tokio::test]
    async fn a_request_goes_over_tls_with_the_name_as_sni_and_host() {
        let (roots, server) = certificate(NAME);
        let (port, served) = serve(server).await;
        let response = client(roots)
            .send(request(port), &EgressLimits::default())
            .await
            .unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "ok");
        let (name, head) = served.await.unwrap().unwrap();
        assert_eq!(name, NAME);
        assert!(head.contains(&format!("host: {NAME}:{port}\r\n")), "{head}");
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_or_of_unknown_issue_gets_no_request() {
        let (roots, other_name) = certificate("other.example");
        let (_, unknown) = certificate(NAME);
        for server in [other_name, unknown] {
            let (port, served) = serve(server).await;
            let refused = client(roots.clone())
                .send(request(port), &EgressLimits::default())
                .await;
            assert!(
                matches!(refused, Err(UpstreamError::Tls(_))),
                "the handshake must fail"
            );
            assert_eq!(served.await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_sees_nothing_of_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            buffer.truncate(read);
            buffer
        });
        let live = Live {
            is_allowed: |_| true,
            ..Live::with_resolver(Arc::new(ToLoopback)).unwrap()
        };
        let refused = live.send(request(port), &EgressLimits::default()).await;
        assert!(matches!(refused, Err(UpstreamError::Tls(_))));
        let seen = served.await.unwrap();
        assert!(!seen.windows(4).any(|window| window == b"real"));
    }
}
