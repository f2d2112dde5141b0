//! How the process ends: the part of the command line that scripts rely on.

use std::process::ExitCode;

use switchback_verify::outcome::Stop;
use switchback_verify::{RunOutcome, Verdict};

/// The exit codes. Their numbers are a promise: they are never given another
/// meaning, and a new outcome gets a new number.
///
/// Nothing that was skipped, cut short or left undecided ends with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was compared and is equal; or the command did what it was
    /// asked for.
    Done = 0,
    /// Everything was compared and there are differences.
    Different = 1,
    /// Nothing was compared, as what was asked for can't be done: a mistake on
    /// the command line or in the config, or a database that can't be opened.
    Usage = 2,
    /// Not everything was compared, or a result could not be written. There may
    /// be differences too.
    Unfinished = 3,
    /// A move can't begin: something has to be mended, or accepted, before. Nothing
    /// was done.
    Blocked = 4,
    /// Stopped by SIGINT or SIGTERM; what was compared by then is in the run's
    /// folder.
    Interrupted = 130,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What a finished comparison ends with.
    pub(crate) fn of(outcome: &RunOutcome) -> Self {
        match (outcome.stopped, outcome.verdict) {
            (Some(Stop::Interrupted), _) => Self::Interrupted,
            (_, Verdict::Equal | Verdict::NoDifferenceFound) => Self::Done,
            (_, Verdict::Different) => Self::Different,
            (_, Verdict::Incomplete) => Self::Unfinished,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
