//! An error of the contract as the command tells it: JSON for programs, a sentence for people, an exit code for scripts.

use std::fmt::Write as _;
use std::time::Duration;

use capsule_host::runtime::types::{Error, PermanentError as P, RateLimit, TransientError as T};
use capsule_host::runtime::{CallError, describe, to_json};
use serde_json::Value;

use super::exit::Exit;
use super::terminal::{escape_json, plain};

/// An error that a call ended with.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// In the contract's JSON: `{"permanent": {"invalidInput": [...]}}`.
    pub(crate) json: Value,
    /// Its case: `invalid-input`.
    pub(crate) case: &'static str,
    pub(crate) exit: Exit,
    /// One sentence.
    pub(crate) message: String,
    /// What is wrong, place by place.
    pub(crate) places: Vec<Place>,
    /// Only of `rate-limited`: wait this long; zero: not known.
    pub(crate) retry_after: Option<Duration>,
}

/// A place in the input that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// JSON Pointer.
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let place = |pointer: &str, message: String| Place {
            pointer: pointer.to_owned(),
            message,
        };
        let mut places = Vec::new();
        let mut message = describe(error);
        let mut retry_after = None;
        let (case, exit) = match error {
            Error::Permanent(P::InvalidInput(violations)) => {
                message = "the input does not fit".to_owned();
                places.extend(
                    violations
                        .iter()
                        .map(|violation| place(&violation.pointer, violation.message.clone())),
                );
                ("invalid-input", Exit::Input)
            }
            Error::Permanent(P::Ambiguous(ambiguities)) => {
                message = "several records match where one is meant".to_owned();
                places.extend(ambiguities.iter().map(|ambiguity| {
                    let candidates: Vec<_> = ambiguity
                        .candidates
                        .iter()
                        .map(|one| format!("{} ({})", one.label, one.id))
                        .collect();
                    place(
                        &ambiguity.pointer,
                        format!("matches {}", candidates.join(", ")),
                    )
                }));
                ("ambiguous", Exit::Input)
            }
            Error::Permanent(P::TooLarge(_)) => ("too-large", Exit::Input),
            Error::Permanent(P::Unsupported(_)) => ("unsupported", Exit::Input),
            Error::Permanent(P::StaleCursor(_)) => ("stale-cursor", Exit::Input),
            Error::Permanent(P::Unauthenticated(_)) => ("unauthenticated", Exit::Permanent),
            Error::Permanent(P::Forbidden(_)) => ("forbidden", Exit::Permanent),
            Error::Permanent(P::QuotaExhausted(_)) => ("quota-exhausted", Exit::Permanent),
            Error::Permanent(P::NotFound(_)) => ("not-found", Exit::Permanent),
            Error::Permanent(P::Conflict(_)) => ("conflict", Exit::Permanent),
            Error::Permanent(P::OutcomeUnknown(_)) => ("outcome-unknown", Exit::Permanent),
            Error::Permanent(P::Incomplete(_)) => ("incomplete", Exit::Permanent),
            Error::Permanent(P::MalformedResponse(_)) => ("malformed-response", Exit::Permanent),
            Error::Transient(T::RateLimited(RateLimit { retry_after_ms, .. })) => {
                retry_after = Some(Duration::from_millis(*retry_after_ms));
                ("rate-limited", Exit::Transient)
            }
            Error::Transient(T::Unavailable(_)) => ("unavailable", Exit::Transient),
            Error::Transient(T::TimedOut(_)) => ("timed-out", Exit::Transient),
            Error::ExecutionFailed => ("execution-failed", Exit::Host),
        };
        Self {
            json: to_json(error),
            case,
            exit,
            message,
            places,
            retry_after,
        }
    }
}

impl From<&CallError> for Failure {
    fn from(error: &CallError) -> Self {
        let told = Self::from(&error.to_wit());
        match error {
            CallError::Connector { .. } => told,
            // The contract's error does not say what stopped the sandbox; the host does.
            CallError::Stopped { .. } | CallError::Host(_) => Self {
                message: error.to_string(),
                ..told
            },
        }
    }
}

impl Failure {
    /// The same, with everything that it names, for a person.
    pub(crate) fn told(&self) -> String {
        let mut text = format!("{}: {}", self.case, plain(&self.message));
        for place in &self.places {
            let at = if place.pointer.is_empty() {
                "(the whole input)"
            } else {
                &place.pointer
            };
            let _ = write!(text, "\n  {}: {}", plain(at), plain(&place.message));
        }
        text
    }

    /// Writes it to standard error: for a program one line of JSON and nothing else, for a person the sentence first.
    pub(crate) fn print(&self) {
        use std::io::IsTerminal as _;
        if std::io::stderr().is_terminal() {
            eprintln!("{}", self.told());
        }
        eprintln!("{}", escape_json(&self.json.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capsule_host::runtime::types::{Ambiguity, Candidate, Fault, Violation};

    fn fault() -> Fault {
        Fault {
            message: "why".into(),
            status: Some(500),
            request: None,
            extra: None,
        }
    }

    #[test]
    fn the_exit_code_says_who_has_to_act() {
        let table = [
            (Error::Permanent(P::InvalidInput(Vec::new())), 2),
            (Error::Permanent(P::Ambiguous(Vec::new())), 2),
            (Error::Permanent(P::Unsupported(fault())), 2),
            (Error::Permanent(P::TooLarge(fault())), 2),
            (Error::Permanent(P::StaleCursor(fault())), 2),
            (Error::Permanent(P::Unauthenticated(fault())), 3),
            (Error::Permanent(P::NotFound(fault())), 3),
            (Error::Permanent(P::OutcomeUnknown(fault())), 3),
            (Error::Transient(T::Unavailable(fault())), 4),
            (
                Error::Transient(T::RateLimited(RateLimit {
                    retry_after_ms: 5,
                    limit: None,
                    remaining: None,
                })),
                4,
            ),
            (Error::ExecutionFailed, 1),
        ];
        for (error, code) in table {
            assert_eq!(Failure::from(&error).exit.code(), code, "{error:?}");
        }
    }

    #[test]
    fn every_place_of_the_input_is_told() {
        let violation = Violation {
            pointer: "/name\u{1b}".into(),
            message: "`name` is required".into(),
            rule: "required".into(),
        };
        let told = Failure::from(&Error::Permanent(P::InvalidInput(vec![violation]))).told();
        assert_eq!(
            told,
            "invalid-input: the input does not fit\n  /name\\u{1b}: `name` is required"
        );
        let ambiguity = Ambiguity {
            pointer: "/owner".into(),
            candidates: vec![Candidate {
                id: "7".into(),
                label: "Ann".into(),
            }],
        };
        let told = Failure::from(&Error::Permanent(P::Ambiguous(vec![ambiguity]))).told();
        assert!(told.contains("/owner: matches Ann (7)"), "{told}");
    }

    #[test]
    fn the_json_is_the_contracts() {
        let violation = Violation {
            pointer: "/name".into(),
            message: "no".into(),
            rule: "required".into(),
        };
        assert_eq!(
            Failure::from(&Error::Permanent(P::InvalidInput(vec![violation]))).json,
            serde_json::json!({"permanent": {"invalidInput": [{"pointer": "/name", "message": "no", "rule": "required"}]}})
        );
    }
}
