//! One tracing span for each call: for whom, what, what it cost, how it ended. It holds no input, no output and no secret.

use tracing::Span;
use tracing::field::Empty;

use super::bindings::types::Error;
use super::error::CallError;
use super::report::Report;

/// The longest operation id that is shown: a caller can hand in any text.
const SHOWN: usize = 80;

/// Begins the span of a call.
pub(super) fn of(tenant: &str, operation: &str) -> Span {
    let cut = operation.char_indices().nth(SHOWN);
    let operation = cut.map_or(operation, |(at, _)| &operation[..at]);
    tracing::info_span!(
        "call",
        tenant,
        operation,
        requests = Empty,
        bytes_out = Empty,
        bytes_in = Empty,
        cpu_ticks = Empty,
        outcome = Empty,
        // What OpenTelemetry calls a span that failed.
        otel.status_code = Empty,
    )
}

/// Writes into it what the call used, and how it ended.
pub(super) fn end<T>(span: &Span, result: &Result<(T, Report), CallError>) {
    if span.is_disabled() {
        return;
    }
    let (report, outcome) = match result {
        Ok((_, report)) => (Some(report), "done"),
        Err(error) => (error.report(), outcome(error)),
    };
    if let Some(report) = report {
        span.record("requests", report.requests);
        span.record("bytes_out", report.bytes_out);
        span.record("bytes_in", report.bytes_in);
        span.record("cpu_ticks", report.cpu_ticks);
    }
    span.record("outcome", outcome);
    if result.is_err() {
        span.record("otel.status_code", "ERROR");
    }
}

fn outcome(error: &CallError) -> &'static str {
    match error {
        CallError::Connector { error, .. } => match **error {
            Error::Permanent(_) => "permanent",
            Error::Transient(_) => "transient",
            Error::ExecutionFailed => "execution-failed",
        },
        CallError::Stopped { .. } => "stopped",
        CallError::Host(_) => "not-run",
    }
}
