//! What a caller can mend.

use crate::bindings::integration::connector::types::{Ambiguity, Error, PermanentError, Violation};

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
