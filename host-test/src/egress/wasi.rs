//! The glue between `wasi:http` and the gate: bodies in and out, errors translated. It decides nothing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderName;
use http_body_util::BodyExt as _;
use tokio::sync::SemaphorePermit;
use tracing::Instrument as _;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::gate::{Gate, Wanted};
use super::{Rule, UpstreamError};

/// A guest that writes a refused body on and on is not listened to for ever.
const DRAINED: usize = 64 * 1024 * 1024;

/// Larger bodies are collected a few at a time, so that one call can't hold a hundred of them in the host's memory.
const SMALL: usize = 64 * 1024;

/// The hooks of one call's store.
pub(crate) struct Hooks {
    gate: Arc<Gate>,
}

impl Hooks {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // The gate takes out what may not leave, and counts what is there twice: it must see all of them.
        Arc::new(|_: &HeaderName| false)
    }

    fn set_host_header(&mut self) -> bool {
        // The upstream writes it, from the origin that was checked.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        fut: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        drop(fut);
        let gate = self.gate.clone();
        let sent = async move {
            let response = send(&gate, request, options).await.map_err(to_wasi)?;
            let response = response.map(|body| body.map_err(to_wasi).boxed_unsync());
            let io: Io = Box::new(async { Ok(()) });
            Ok((response, io))
        };
        // It goes on as a task of its own, and still belongs to the call.
        Box::new(sent.in_current_span())
    }
}

async fn send(
    gate: &Arc<Gate>,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<http::Response<super::AnswerBody>, UpstreamError> {
    let (parts, mut body) = request.into_parts();
    let admitted = match gate.admit(parts) {
        Ok(admitted) => admitted,
        Err(rule) => {
            drain(&mut body, DRAINED).await;
            return Err(UpstreamError::Denied(rule));
        }
    };
    // Held until the answer's head is there.
    let mut place = None;
    let body = match collect(&mut body, gate, &mut place).await {
        Collected::All(body) => body,
        Collected::TooLarge => {
            drain(&mut body, DRAINED).await;
            return Err(gate.refuse_body(&admitted));
        }
        // The guest gave it up, or wrote less than it announced: nothing is sent.
        Collected::Broken => {
            return Err(UpstreamError::Denied(Rule::Headers(
                "its body is not complete",
            )));
        }
    };
    let options = options.unwrap_or_default();
    let wanted = Wanted {
        connect: options.connect_timeout,
        first_byte: options.first_byte_timeout,
        gap: options.between_bytes_timeout,
    };
    gate.send(admitted, body, wanted).await
}

enum Collected {
    All(Bytes),
    TooLarge,
    Broken,
}

async fn collect<'a>(
    body: &mut WasiBody,
    gate: &'a Gate,
    place: &mut Option<SemaphorePermit<'a>>,
) -> Collected {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Collected::Broken;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > gate.request_bytes() {
            return Collected::TooLarge;
        }
        if place.is_none() && whole.len() + data.len() > SMALL {
            // Never closed, so it is always given.
            *place = gate.large_bodies().acquire().await.ok();
        }
        whole.extend_from_slice(&data);
    }
    Collected::All(whole.freeze())
}

/// Reads a refused body to its end. Without this the guest's write fails with "connection reset", and the reason for
/// the refusal is lost.
async fn drain(body: &mut WasiBody, limit: usize) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > limit {
            return;
        }
    }
}

fn to_wasi(error: UpstreamError) -> Error {
    match error {
        UpstreamError::Denied(Rule::Address { .. } | Rule::NotLoopback { .. }) => {
            Error::DestinationIpProhibited
        }
        UpstreamError::Denied(Rule::BodyTooLarge(limit)) => {
            Error::HttpRequestBodySize(Some(limit as u64))
        }
        UpstreamError::Denied(_) => Error::HttpRequestDenied,
        UpstreamError::NameNotFound(_) => Error::DnsError {
            rcode: Some("address not available".into()),
            info_code: None,
        },
        UpstreamError::Refused => Error::ConnectionRefused,
        UpstreamError::ConnectTimeout => Error::ConnectionTimeout,
        UpstreamError::Tls(_) => Error::TlsProtocolError,
        UpstreamError::Broken => Error::ConnectionTerminated,
        UpstreamError::NoAnswer => Error::HttpResponseTimeout,
        UpstreamError::TooSlow => Error::ConnectionReadTimeout,
        UpstreamError::HeadersTooLarge(limit) => {
            Error::HttpResponseHeaderSectionSize(Some(u32::try_from(limit).unwrap_or(u32::MAX)))
        }
        UpstreamError::AnswerTooLarge(limit) => Error::HttpResponseBodySize(Some(limit as u64)),
        UpstreamError::Encoded(coding) => Error::HttpResponseContentCoding(Some(coding)),
        UpstreamError::Malformed | UpstreamError::Unsealable => Error::HttpProtocolError,
        UpstreamError::NotStored(_)
        | UpstreamError::NoCredentials(_)
        | UpstreamError::Unscripted(_) => Error::InternalError(Some(error.to_string())),
    }
}
