//! Names, certificates, and what goes over the wire under TLS.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::*;

pub(super) const NAME: &str = "api.example";

struct ToLoopback;

#[async_trait]
impl Resolver for ToLoopback {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// A client that trusts `roots` and may reach this machine by https.
pub(super) fn client(roots: rustls::RootCertStore) -> Live {
    Live {
        resolver: Arc::new(ToLoopback),
        tls: Arc::new(tls_config(roots).unwrap()),
        is_allowed: |_| true,
        pool: Pool::default(),
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

pub(super) fn certificate(name: &str) -> (rustls::RootCertStore, Arc<rustls::ServerConfig>) {
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
