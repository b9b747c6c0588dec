//! Sends deliveries to listeners on this machine. A fake account has no business elsewhere, so only `http` to a loopback
//! address is served; anything else counts as no answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::super::Fake;
use super::Delivery;

/// How long a listener may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(50);

impl Fake {
    /// Delivers hooks over loopback sockets for as long as the task lives. Deliveries to different hooks don't wait for
    /// each other.
    pub async fn deliver_hooks(self) {
        loop {
            for delivery in self.due_deliveries() {
                let fake = self.clone();
                tokio::spawn(async move {
                    let status = tokio::time::timeout(PATIENCE, send(&delivery))
                        .await
                        .ok()
                        .flatten();
                    tracing::debug!(hook = delivery.hook, event = %delivery.event, ?status, "delivered");
                    fake.report_delivery(delivery.id, status);
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The status of the listener's answer.
async fn send(delivery: &Delivery) -> Option<u16> {
    let uri: Uri = delivery.target_url.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let authority = uri.authority()?;
    let port = authority.port_u16().unwrap_or(80);
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let address: SocketAddr = tokio::net::lookup_host((host, port))
        .await
        .ok()?
        .find(|address| address.ip().is_loopback())?;
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let driver = tokio::spawn(connection);
    let request = Request::post(uri.path_and_query()?.as_str())
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(delivery.body.clone())))
        .ok()?;
    let status = sender
        .send_request(request)
        .await
        .ok()
        .map(|response| response.status().as_u16());
    driver.abort();
    status
}
