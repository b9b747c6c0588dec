//! One connection, and one request at a time over it.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::{AnswerBody, Outbound, UpstreamError};
use super::pool::Pool;
use crate::egress::{EgressLimits, Origin};

/// How long a connection may take to finish the exchange whose answer was just read. It is done at once, except where
/// the other side answered before it had taken the whole request.
const SETTLE: Duration = Duration::from_millis(100);

/// A connection to one origin for one tenant. Dropping it closes it.
pub(super) struct Connection {
    tenant: Arc<str>,
    origin: Origin,
    sender: SendRequest<Full<Bytes>>,
    /// The same socket once more, to look at what has come in before the driver has.
    socket: std::net::TcpStream,
    _driver: AbortOnDrop,
}

impl Connection {
    /// Begins to speak HTTP on a connected stream. `socket` is what lies under it.
    pub(super) async fn new<S>(
        request: &Outbound,
        stream: S,
        socket: std::net::TcpStream,
        limits: &EgressLimits,
    ) -> Result<Self, UpstreamError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            // hyper's smallest buffer is 8 KiB.
            .max_buf_size(limits.header_bytes.max(8 * 1024))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| UpstreamError::Refused)?;
        let driver = tokio::spawn(async move {
            // What goes wrong here is seen by whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(Self {
            tenant: request.tenant.clone(),
            origin: request.origin.clone(),
            sender,
            socket,
            _driver: AbortOnDrop(driver),
        })
    }

    /// Whether a request of this tenant to this origin may go over it.
    pub(super) fn is_for(&self, tenant: &str, origin: &Origin) -> bool {
        *self.tenant == *tenant && self.origin == *origin
    }

    /// Whether both are connections of the same tenant to the same origin.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.is_for(&other.tenant, &other.origin)
    }

    /// Whether the other side has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether one more request may go over it: the last exchange is over, and nothing has come in since. Whatever
    /// comes now was sent before the next request was, so it can't be its answer. hyper looks too, but only at what the
    /// reactor has told it of; the socket knows first.
    pub(super) async fn is_usable(&mut self) -> bool {
        let settled = timeout(SETTLE, self.sender.ready()).await;
        let nothing_came = || match self.socket.peek(&mut [0]) {
            Ok(_) => false,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        matches!(settled, Ok(Ok(()))) && nothing_came()
    }

    /// Sends a request. The body of the answer gives the connection to the pool when it has been read to its end; on
    /// every other way it is closed.
    pub(super) async fn exchange(
        mut self,
        request: http::Request<Full<Bytes>>,
        pool: &Pool,
    ) -> Result<http::Response<AnswerBody>, Failure> {
        let method = request.method().clone();
        let response = self
            .sender
            .try_send_request(request)
            .await
            .map_err(|mut error| Failure {
                method,
                unsent: error.take_message().is_some(),
                error: error.into_error(),
            })?;
        Ok(response.map(|body| {
            let mut lent = Lent {
                body,
                on_loan: Some((self, pool.clone())),
            };
            // Nobody needs to ask an empty body for its end.
            if lent.body.is_end_stream() {
                lent.give_back();
            }
            lent.boxed_unsync()
        }))
    }
}

/// Why there is no answer.
pub(super) struct Failure {
    method: Method,
    /// hyper gave the request back: not a byte of it was written.
    unsent: bool,
    error: hyper::Error,
}

impl Failure {
    /// Whether the request may go over another connection after this one, which had served others, failed it. What may
    /// have been done already is not done again, unless it is a GET.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.unsent || (self.method == Method::GET && !self.error.is_parse())
    }

    pub(super) fn told(&self, limits: &EgressLimits) -> UpstreamError {
        if self.unsent {
            UpstreamError::Refused
        } else if self.error.is_parse_too_large() {
            UpstreamError::HeadersTooLarge(limits.header_bytes)
        } else if self.error.is_parse() {
            UpstreamError::Malformed
        } else {
            UpstreamError::Broken
        }
    }
}

/// An answer's body, and the connection that it comes from.
struct Lent {
    body: Incoming,
    on_loan: Option<(Connection, Pool)>,
}

impl Lent {
    fn give_back(&mut self) {
        if let Some((connection, pool)) = self.on_loan.take() {
            pool.put(connection);
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) if !self.body.is_end_stream() => {}
            Some(Ok(_)) | None => self.give_back(),
            Some(Err(_)) => self.on_loan = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| UpstreamError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
