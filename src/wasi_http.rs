//! The transport and the executor of the component, on `wasi:http` and `wasi:io`.

use crate::api::{Lost, MOST_ANSWER_BYTES, Sending, Transport, headers};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// Bytes that are read at a time.
const CHUNK: u64 = 64 << 10;

thread_local! {
    /// What the futures wait for. Filled while they are polled, emptied when something is ready: then all of them look again.
    /// Weak: a future that goes on drops its pollable at once, because the host takes no stream back while one is there.
    static WAITING: RefCell<Vec<Weak<Pollable>>> = const { RefCell::new(Vec::new()) };
}

/// Runs a future to its end. Between two looks the component sleeps until one of the things that it waits for is ready.
/// Not generic, so that it is there once.
pub(crate) fn block_on(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if future.as_mut().poll(&mut context).is_ready() {
            return;
        }
        let waiting: Vec<_> = WAITING.take().iter().filter_map(Weak::upgrade).collect();
        let pollables: Vec<&Pollable> = waiting.iter().map(AsRef::as_ref).collect();
        // An empty list would trap; it can't be empty, since a future is pending on something or on another that is.
        if !pollables.is_empty() {
            poll(&pollables);
        }
    }
}

/// Waits until a pollable is ready.
async fn ready(pollable: Pollable) {
    let pollable = Rc::new(pollable);
    poll_fn(|_| {
        if pollable.ready() {
            Poll::Ready(())
        } else {
            WAITING.with_borrow_mut(|waiting| waiting.push(Rc::downgrade(&pollable)));
            Poll::Pending
        }
    })
    .await;
}

/// Sends through the host.
pub(crate) struct WasiHttp;

impl Transport for WasiHttp {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        self.send_within(request, MOST_ANSWER_BYTES)
    }

    fn send_within(&self, request: http::Request<Vec<u8>>, most: usize) -> Sending<'_> {
        Box::pin(send(request, most))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }
}

async fn send(
    request: http::Request<Vec<u8>>,
    most: usize,
) -> Result<http::Response<Vec<u8>>, Lost> {
    let (head, body) = request.into_parts();
    // 1. The head.
    let fields: Vec<(String, Vec<u8>)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let fields = Fields::from_list(&fields)
        .map_err(|_| Lost::NotSent("the host refused the headers".into()))?;
    let outgoing = OutgoingRequest::new(fields);
    let method = match head.method {
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::DELETE => Method::Delete,
        _ => Method::Get,
    };
    let scheme = if head.uri.scheme_str() == Some("http") {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let target = head
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str);
    let set = outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(authority))
        .and_then(|()| outgoing.set_path_with_query(target));
    set.map_err(|()| Lost::NotSent("the host refused the address".into()))?;
    // 2. Hand it over, then write the body: the host may read while we write.
    let sink = outgoing
        .body()
        .map_err(|()| Lost::NotSent("the host gave no body".into()))?;
    let answer =
        outgoing_handler::handle(outgoing, None::<RequestOptions>).map_err(|code| lost(&code))?;
    let written = match sink.write() {
        Ok(stream) => write(stream, &body).await,
        Err(()) => Err(()),
    };
    // A host that stops reading has its reason, which the answer tells.
    let _ = written.and_then(|()| OutgoingBody::finish(sink, None).map_err(|_| ()));
    // 3. Status and headers.
    ready(answer.subscribe()).await;
    let incoming = match answer.get() {
        Some(Ok(Ok(incoming))) => incoming,
        Some(Ok(Err(code))) => return Err(lost(&code)),
        Some(Err(())) | None => return Err(Lost::NoAnswer("the host gave no answer".into())),
    };
    let status = incoming.status();
    let mut response = http::Response::builder().status(status);
    let sent = incoming.headers();
    for name in headers::KEPT {
        for value in sent.get(name.as_str()) {
            response = response.header(&name, value);
        }
    }
    // 4. The body.
    let body = read(&incoming, status, most).await?;
    response
        .body(body)
        .map_err(|_| Lost::NoAnswer("the answer's head can't be read".into()))
}

async fn write(stream: OutputStream, mut rest: &[u8]) -> Result<(), ()> {
    while !rest.is_empty() {
        let room = stream.check_write().map_err(|_| ())?;
        if room == 0 {
            ready(stream.subscribe()).await;
            continue;
        }
        let (now, later) =
            rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        stream.write(now).map_err(|_| ())?;
        rest = later;
    }
    stream.flush().map_err(|_| ())
}

async fn read(incoming: &IncomingResponse, status: u16, most: usize) -> Result<Vec<u8>, Lost> {
    let cut = |why: &str| Lost::Cut {
        status,
        why: why.to_owned(),
    };
    let body = incoming
        .consume()
        .map_err(|()| cut("the host gave no body"))?;
    let stream: InputStream = body.stream().map_err(|()| cut("the host gave no stream"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(CHUNK) {
            Ok(chunk) if chunk.is_empty() => ready(stream.subscribe()).await,
            Ok(chunk) => {
                if bytes.len() + chunk.len() > most {
                    return Err(Lost::TooLarge { status });
                }
                if bytes.is_empty() {
                    bytes = chunk;
                } else {
                    bytes.extend_from_slice(&chunk);
                }
            }
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return match wasip2::http::types::http_error_code(&error) {
                    Some(ErrorCode::HttpResponseBodySize(_)) => Err(Lost::TooLarge { status }),
                    Some(code) => Err(cut(&name(&code))),
                    None => Err(cut("the connection broke")),
                };
            }
        }
    }
}

/// What the host says of a request that got no answer.
fn lost(code: &ErrorCode) -> Lost {
    use ErrorCode as E;
    let why = name(code);
    match code {
        E::HttpRequestDenied | E::DestinationIpProhibited => Lost::Denied(why),
        E::InternalError(Some(reason)) if reason.starts_with("denied: ") => {
            Lost::Denied(reason.trim_start_matches("denied: ").to_owned())
        }
        E::DnsTimeout
        | E::DnsError(_)
        | E::DestinationNotFound
        | E::DestinationUnavailable
        | E::DestinationIpUnroutable
        | E::ConnectionRefused
        | E::ConnectionLimitReached
        | E::ConnectionTimeout
        | E::TlsProtocolError
        | E::TlsCertificateError
        | E::TlsAlertReceived(_)
        | E::HttpRequestLengthRequired
        | E::HttpRequestMethodInvalid
        | E::HttpRequestUriInvalid
        | E::HttpRequestUriTooLong
        | E::ConfigurationError => Lost::NotSent(why),
        E::ConnectionReadTimeout | E::ConnectionWriteTimeout | E::HttpResponseTimeout => {
            Lost::TimedOut(why)
        }
        _ => Lost::NoAnswer(why),
    }
}

/// The code's name in words: WIT's, without payloads that would bring formatting code for every one.
fn name(code: &ErrorCode) -> String {
    use ErrorCode as E;
    match code {
        E::InternalError(Some(reason)) => return reason.clone(),
        E::HttpRequestDenied => "the request is not allowed",
        E::DestinationIpProhibited => "the address is not allowed",
        E::DnsTimeout | E::DnsError(_) | E::DestinationNotFound => {
            "the host name can't be resolved"
        }
        E::DestinationUnavailable | E::DestinationIpUnroutable => "the host is not reachable",
        E::ConnectionRefused => "the connection was refused",
        E::ConnectionLimitReached => "too many connections",
        E::ConnectionTimeout => "connecting took too long",
        E::TlsProtocolError | E::TlsCertificateError | E::TlsAlertReceived(_) => "TLS failed",
        E::ConnectionReadTimeout => "reading took too long",
        E::ConnectionWriteTimeout => "writing took too long",
        E::HttpResponseTimeout => "the answer took too long",
        E::HttpResponseIncomplete => "the answer is incomplete",
        E::ConnectionTerminated => "the connection was closed",
        E::HttpProtocolError => "the answer is not HTTP",
        E::ConfigurationError => "the host is not set up for requests",
        _ => "the request failed",
    }
    .to_owned()
}
