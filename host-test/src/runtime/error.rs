//! What went wrong with a call.
//!
//! Three kinds, because three different people act on them: the connector's own error (the workflow's author), a
//! stopped sandbox (the connector's author), and the host's own trouble (the operator). [`CallError::to_wit`] brings
//! all of them into the contract's error, for engines that know only that.

use std::time::Duration;

use serde_json::Value;

use super::bindings::types::{Error, Fault, PermanentError, RateLimit, TransientError};
use super::json::to_json;
use super::report::Report;
use crate::egress::{CredentialsError, RefreshError, RefreshRefusal};

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The connector says so, in the contract's own terms.
    #[error("{}", describe(.error))]
    Connector {
        /// What it says.
        error: Box<Error>,
        /// What it did before.
        report: Box<Report>,
    },
    /// The sandbox was stopped or broke; its result is lost.
    #[error("{stop}{}", lost(.report))]
    Stopped {
        /// By what.
        stop: Stop,
        /// What it did before. With `writes` above 0, something may have been changed.
        report: Box<Report>,
    },
    /// The call did not start, or the host could not finish it.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// What stopped a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// It computed too long.
    #[error("the connector used more than {ticks} ticks (10 ms each) of CPU time and was stopped")]
    Cpu {
        /// The limit.
        ticks: u64,
    },
    /// It took too long, waiting included.
    #[error("the connector did not end within {} s and was stopped", .0.as_secs_f32())]
    WallClock(Duration),
    /// It asked for more memory.
    #[error("the connector asked for more than {limit} bytes of memory and was stopped")]
    Memory {
        /// The limit.
        limit: usize,
    },
    /// It asked for a larger table.
    #[error("the connector asked for a table of more than {limit} elements and was stopped")]
    Table {
        /// The limit.
        limit: usize,
    },
    /// Its calls are nested too deep.
    #[error("the connector's calls are nested too deep")]
    Stack,
    /// Anything else: a panic, an invalid call to the host, a limit of the component model.
    #[error("the connector broke down: {0}")]
    Trap(String),
}

/// The host's own trouble.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Too many calls of this tenant wait already. Nothing was started.
    #[error(
        "{waiting} calls of the tenant `{tenant}` wait already; try again later, or raise Limits::queue"
    )]
    QueueFull {
        /// Which tenant.
        tenant: String,
        /// How many.
        waiting: usize,
    },
    /// The caller handed in too much. Nothing was started.
    #[error(
        "the input has {bytes} bytes, and at most {limit} are taken; hand in less, or raise Limits::input_bytes"
    )]
    InputTooLarge {
        /// How much.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No sandbox is free, not even for a refresh. Nothing was started.
    #[error("no sandbox is free: {0}; try again later, or raise HostOptions::slots")]
    NoSandbox(String),
    /// The credential store.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// There is no newer token.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The credentials are a copy: the host that they were made from may keep the same hooks, and each would undo what the other does.
    #[error(
        "this store is a copy or was put back from a backup, and another host may keep the same hooks; if none does, say `capsule-host vault adopt`"
    )]
    NotAdopted,
    /// The call needs something that the tenant has not.
    #[error("{0}")]
    Missing(&'static str),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(String),
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Closed,
}

impl From<getrandom::Error> for HostError {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error.to_string())
    }
}

impl CallError {
    /// What the call used and did. None if it was not started.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Connector { report, .. } | Self::Stopped { report, .. } => Some(report),
            Self::Host(_) => None,
        }
    }

    /// The error in the contract's terms:
    ///
    /// - the connector's own error stays as it is;
    /// - a stopped call that had sent a write is `permanent(outcome-unknown)`: what the call would have told is lost,
    ///   and repeating it could double the change. A POST that only reads (a filter) counts as a write here;
    /// - a stopped call that had sent none is `transient(timed-out)` if its time was over, else `execution-failed`;
    /// - no free place is `transient(unavailable)`, before anything was started;
    /// - an input over the limit is `permanent(too-large)`, before anything was started;
    /// - missing or refused credentials are `permanent(unauthenticated)`;
    /// - hooks that a copied store may not touch are `permanent(forbidden)`.
    pub fn to_wit(&self) -> Error {
        let fault = |message: String| Fault {
            message,
            status: None,
            request: None,
            extra: None,
        };
        match self {
            Self::Connector { error, .. } => (**error).clone(),
            Self::Stopped { report, .. } if report.writes > 0 => {
                Error::Permanent(PermanentError::OutcomeUnknown(fault(self.to_string())))
            }
            Self::Stopped {
                stop: Stop::WallClock(_),
                ..
            } => Error::Transient(TransientError::TimedOut(fault(self.to_string()))),
            Self::Stopped { .. } => Error::ExecutionFailed,
            Self::Host(host) => match host {
                HostError::InputTooLarge { .. } => {
                    Error::Permanent(PermanentError::TooLarge(fault(self.to_string())))
                }
                HostError::Credentials(CredentialsError::Unknown(_))
                | HostError::Missing(_)
                | HostError::Refresh(RefreshError::Refused(
                    RefreshRefusal::NotPossible
                    | RefreshRefusal::NeedsReconnect
                    | RefreshRefusal::NotAdopted,
                )) => Error::Permanent(PermanentError::Unauthenticated(fault(self.to_string()))),
                HostError::NotAdopted => {
                    Error::Permanent(PermanentError::Forbidden(fault(self.to_string())))
                }
                _ => Error::Transient(TransientError::Unavailable(fault(self.to_string()))),
            },
        }
    }

    /// Whether the same call may succeed later without doubling anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self.to_wit(), Error::Transient(_))
    }

    /// The error in the contract's terms as JSON: `{"permanent": {"notFound": {"message": ...}}}`.
    pub fn to_json(&self) -> Value {
        to_json(&self.to_wit())
    }
}

fn lost(report: &Report) -> &'static str {
    if report.writes > 0 {
        "; it had sent a change before, so look before you repeat it"
    } else {
        ""
    }
}

/// A sentence for a person.
pub fn describe(error: &Error) -> String {
    let faulty = |what: &str, fault: &Fault| match (&fault.request, fault.status) {
        (Some(request), Some(status)) => {
            format!("{what}: {} ({request} gave {status})", fault.message)
        }
        (Some(request), None) => format!("{what}: {} ({request})", fault.message),
        _ => format!("{what}: {}", fault.message),
    };
    match error {
        Error::Permanent(permanent) => match permanent {
            PermanentError::Unauthenticated(fault) => faulty("not signed in", fault),
            PermanentError::Forbidden(fault) => faulty("not allowed", fault),
            PermanentError::QuotaExhausted(fault) => {
                faulty("the account's quota is used up", fault)
            }
            PermanentError::NotFound(fault) => faulty("not found", fault),
            PermanentError::InvalidInput(violations) => {
                let each = violations.iter().map(|violation| {
                    let place = if violation.pointer.is_empty() {
                        "the input"
                    } else {
                        &violation.pointer
                    };
                    format!("{place}: {}", violation.message)
                });
                format!(
                    "the input does not fit: {}",
                    each.collect::<Vec<_>>().join("; ")
                )
            }
            PermanentError::Ambiguous(ambiguities) => {
                let each = ambiguities.iter().map(|ambiguity| {
                    let candidates = ambiguity
                        .candidates
                        .iter()
                        .map(|one| format!("{} ({})", one.label, one.id));
                    format!(
                        "{} matches {}",
                        ambiguity.pointer,
                        candidates.collect::<Vec<_>>().join(", ")
                    )
                });
                format!(
                    "several records match: {}",
                    each.collect::<Vec<_>>().join("; ")
                )
            }
            PermanentError::Conflict(fault) => faulty("conflict", fault),
            PermanentError::TooLarge(fault) => faulty("too large", fault),
            PermanentError::Unsupported(fault) => faulty("not supported", fault),
            PermanentError::StaleCursor(fault) => {
                faulty("the cursor can't be used any more", fault)
            }
            PermanentError::OutcomeUnknown(fault) => {
                faulty("it is not known whether the change was made", fault)
            }
            PermanentError::Incomplete(fault) => faulty("stopped half-way", fault),
            PermanentError::MalformedResponse(fault) => {
                faulty("the vendor's answer can't be read", fault)
            }
        },
        Error::Transient(transient) => match transient {
            TransientError::RateLimited(RateLimit {
                retry_after_ms: 0, ..
            }) => "the rate limit is reached; try again later".into(),
            TransientError::RateLimited(RateLimit { retry_after_ms, .. }) => {
                format!(
                    "the rate limit is reached; try again in {} s",
                    retry_after_ms.div_ceil(1000)
                )
            }
            TransientError::Unavailable(fault) => faulty("not available", fault),
            TransientError::TimedOut(fault) => faulty("no answer in time", fault),
        },
        Error::ExecutionFailed => "the execution failed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(stop: Stop, writes: u32) -> CallError {
        CallError::Stopped {
            stop,
            report: Box::new(Report {
                writes,
                ..Report::default()
            }),
        }
    }

    #[test]
    fn a_call_that_is_stopped_after_a_write_has_an_unknown_outcome() {
        let error = stopped(Stop::Cpu { ticks: 100 }, 1);
        assert!(matches!(
            error.to_wit(),
            Error::Permanent(PermanentError::OutcomeUnknown(_))
        ));
        assert!(!error.is_retryable());
    }

    #[test]
    fn a_call_that_is_stopped_before_any_write_may_be_repeated_if_only_its_time_was_over() {
        assert!(stopped(Stop::WallClock(Duration::from_secs(60)), 0).is_retryable());
        assert_eq!(stopped(Stop::Stack, 0).to_wit(), Error::ExecutionFailed);
    }

    #[test]
    fn an_input_over_the_limit_is_too_large_and_not_tried_again() {
        let error = CallError::from(HostError::InputTooLarge { bytes: 9, limit: 8 });
        assert!(matches!(
            error.to_wit(),
            Error::Permanent(PermanentError::TooLarge(_))
        ));
        assert!(!error.is_retryable());
    }

    #[test]
    fn a_full_queue_may_be_tried_again() {
        let error = CallError::from(HostError::QueueFull {
            tenant: "a".into(),
            waiting: 64,
        });
        assert!(error.is_retryable());
        assert!(
            error.to_json()["transient"]["unavailable"]["message"]
                .as_str()
                .unwrap()
                .contains("Limits::queue")
        );
    }
}
