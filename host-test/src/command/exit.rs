//! What the command's exit code says: first of all, whether trying again helps.

use std::process::ExitCode;

/// The exit codes, the same for every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, for every row.
    Done,
    /// The command itself could not work: no component, no token, a file that can't be read, a sandbox that was stopped.
    Host,
    /// The input has to be mended: arguments, JSON, rows. Nothing was changed by what was refused.
    Input,
    /// The same will fail again until somebody changes something that is not the input: a token, a scope, a quota.
    Permanent,
    /// The same may succeed later, and repeating it doubles nothing.
    Transient,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Host => 1,
            // clap's own code for arguments that it refuses.
            Self::Input => 2,
            Self::Permanent => 3,
            Self::Transient => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that the input is the cause of.
#[derive(Debug)]
pub(crate) struct InputError(anyhow::Error);

impl std::fmt::Display for InputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

// It tells its causes itself.
impl std::error::Error for InputError {}

/// Says that the input is the cause of this error.
pub(crate) fn of_input(error: anyhow::Error) -> anyhow::Error {
    InputError(error).into()
}

/// The code that an error of the command ends with.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<InputError>().is_some() {
        Exit::Input
    } else {
        Exit::Host
    }
}

/// The table for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  the command could not work: no component, no token, a file that can't be read
  2  the input must be mended: arguments, JSON, rows
  3  it will fail again until something else changes: token, scope, quota, a record that is not there
  4  try again later: rate limit, outage, no answer in time";
