//! What a caller can mend.

use crate::bindings::integration::connector::types::{
    Ambiguity, Error, PermanentError, TransientError, Violation,
};

/// Faults of an input, gathered so that the caller hears of all of them at once.
#[derive(Default)]
pub(super) struct Faults {
    violations: Vec<Violation>,
    ambiguities: Vec<Ambiguity>,
}

impl Faults {
    /// One fault more.
    pub(super) fn add(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Takes note of what the caller can mend, and gives none then. What he can't mend ends the call.
    pub(super) fn note<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Permanent(PermanentError::InvalidInput(violations))) => {
                self.violations.extend(violations);
                Ok(None)
            }
            Err(Error::Permanent(PermanentError::Ambiguous(ambiguities))) => {
                self.ambiguities.extend(ambiguities);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on if there were none. What does not fit comes before what is ambiguous.
    pub(super) fn settle(self) -> Result<(), Error> {
        if !self.violations.is_empty() {
            Err(Error::Permanent(PermanentError::InvalidInput(
                self.violations,
            )))
        } else if !self.ambiguities.is_empty() {
            Err(Error::Permanent(PermanentError::Ambiguous(
                self.ambiguities,
            )))
        } else {
            Ok(())
        }
    }
}

/// An error in one sentence, to be told beside what was done.
pub(super) fn reason(error: Error) -> String {
    use PermanentError as P;
    let cause = match error {
        Error::Permanent(cause) => cause,
        Error::Transient(TransientError::Unavailable(fault) | TransientError::TimedOut(fault)) => {
            return fault.message;
        }
        Error::Transient(TransientError::RateLimited(_)) => return "too many requests".into(),
        Error::ExecutionFailed => return "the execution failed".into(),
    };
    match cause {
        P::InvalidInput(violations) => {
            let told: Vec<String> = violations
                .iter()
                .map(|one| format!("{}: {}", one.pointer, one.message))
                .collect();
            told.join("; ")
        }
        P::Ambiguous(_) => "a name matches several records".into(),
        P::Unauthenticated(fault)
        | P::Forbidden(fault)
        | P::QuotaExhausted(fault)
        | P::NotFound(fault)
        | P::Conflict(fault)
        | P::TooLarge(fault)
        | P::Unsupported(fault)
        | P::StaleCursor(fault)
        | P::OutcomeUnknown(fault)
        | P::Incomplete(fault)
        | P::MalformedResponse(fault) => fault.message,
    }
}
