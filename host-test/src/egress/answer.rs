//! An answer's body on its way in: counted, timed, searched for secrets.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, timeout_at};

use super::EgressLimits;
use super::redact::Redactor;
use super::upstream::{AnswerBody, UpstreamError};

/// What a body may be.
#[derive(Clone, Copy)]
pub(crate) struct BodyRules {
    bytes: usize,
    gap: Duration,
    deadline: Instant,
    slow_after: Duration,
    slowest: u64,
}

impl BodyRules {
    pub(crate) fn new(limits: &EgressLimits, gap: Duration, deadline: Instant) -> Self {
        Self {
            bytes: limits.answer_bytes,
            gap,
            deadline,
            slow_after: limits.slow_after,
            slowest: limits.slowest_bytes_per_second,
        }
    }

    /// The same for a smaller body.
    pub(crate) fn at_most(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
}

/// Reads a body by the rules. Time in which the guest does not read does not count as the other side's slowness.
pub(crate) struct Reader {
    body: AnswerBody,
    rules: BodyRules,
    received: usize,
    waited: Duration,
}

impl Reader {
    pub(crate) fn new(body: AnswerBody, rules: BodyRules) -> Self {
        Self {
            body,
            rules,
            received: 0,
            waited: Duration::ZERO,
        }
    }

    /// The next piece; None at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        loop {
            let asked = Instant::now();
            let until = (asked + self.rules.gap).min(self.rules.deadline);
            let frame = timeout_at(until, self.body.frame())
                .await
                .map_err(|_| UpstreamError::TooSlow)?;
            self.waited += asked.elapsed();
            let Some(frame) = frame else {
                return Ok(None);
            };
            // Trailers say nothing that the guest needs.
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            self.received += data.len();
            if self.received > self.rules.bytes {
                return Err(UpstreamError::AnswerTooLarge(self.rules.bytes));
            }
            if self.waited > self.rules.slow_after
                && (self.received as f64) < self.waited.as_secs_f64() * self.rules.slowest as f64
            {
                return Err(UpstreamError::TooSlow);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// All of it.
    pub(crate) async fn all(mut self) -> Result<Bytes, UpstreamError> {
        let mut whole = bytes::BytesMut::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

/// The body as the guest reads it. `count` is told the bytes that came, before replacement.
pub(crate) fn guarded(
    reader: Reader,
    redactor: Redactor,
    count: impl Fn(usize) + Send + 'static,
) -> AnswerBody {
    struct State<F> {
        reader: Reader,
        redactor: Redactor,
        count: F,
        ended: bool,
    }
    let state = State {
        reader,
        redactor,
        count,
        ended: false,
    };
    let pieces = stream::unfold(state, |mut state| async move {
        while !state.ended {
            match state.reader.next().await {
                Ok(Some(piece)) => {
                    (state.count)(piece.len());
                    let piece = state.redactor.push(piece);
                    if !piece.is_empty() {
                        return Some((Ok(Frame::data(piece)), state));
                    }
                }
                Ok(None) => {
                    state.ended = true;
                    let rest = state.redactor.finish();
                    if !rest.is_empty() {
                        return Some((Ok(Frame::data(rest)), state));
                    }
                }
                Err(error) => {
                    state.ended = true;
                    return Some((Err(error), state));
                }
            }
        }
        None
    });
    StreamBody::new(pieces).boxed_unsync()
}
