//! What can go wrong with a task.

use std::path::PathBuf;

use switchback_engines::Error as EngineError;

use super::state::State;
use crate::accounts::AccountError;
use crate::check::{CheckError, Report};
use crate::structure::{StructureError, StructurePlan};
use crate::{load, structure};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `Display` never repeats its source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the {end} cannot be opened")]
    Connect {
        end: crate::check::End,
        #[source]
        source: EngineError,
    },

    #[error("reading the catalog of the {end} failed")]
    Catalog {
        end: crate::check::End,
        #[source]
        source: EngineError,
    },

    #[error(transparent)]
    Check(#[from] CheckError),

    /// Something has to be mended, or accepted, before anything is done.
    #[error("{} stand in the way of the move", obstacles(.0))]
    Obstacles(Box<Obstacles>),

    #[error("the account could not be dealt with")]
    Account(#[from] AccountError),

    #[error("the structure could not be moved")]
    Structure(#[from] StructureError),

    #[error("the load stopped")]
    Load(#[source] load::Error),

    #[error("the stream stopped")]
    Stream(#[from] switchback_replicate::Error),

    /// What was asked for does not fit the tables that are there.
    #[error("{what}")]
    Tables { what: String, hint: String },

    #[error("the task `{name}` was begun with another {what}")]
    Changed { name: String, what: String },

    /// A task of this name was begun elsewhere, or its folder is gone.
    #[error("the target has rows of another task `{name}`, which this one would take for its own")]
    Leftovers { name: String, remedy: String },

    #[error("{waiting} changes of the task `{name}` are put aside at the target, and nowhere else")]
    Letters { name: String, waiting: u64 },

    #[error("the task `{name}` is at work in another process{}", pid.map(|pid| format!(" ({pid})")).unwrap_or_default())]
    Busy { name: String, pid: Option<u32> },

    #[error("there is no task `{name}` in {}", folder.display())]
    Missing { name: String, folder: PathBuf },

    #[error("the task `{name}` is {state}")]
    State { name: String, state: State },

    /// Stopped in order; it goes on where it was.
    #[error("the task was told to stop")]
    Stopped,

    /// A file of the task's own folder.
    #[error("{what} failed")]
    File {
        what: String,
        #[source]
        source: std::io::Error,
    },

    /// The control database.
    #[error("the control database {} cannot be used", path.display())]
    Control {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },

    /// What we wrote ourselves can't be read.
    #[error("{what} in the control database {} cannot be read", path.display())]
    Unreadable { what: String, path: PathBuf },
}

/// What a check and a plan have found.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacles {
    pub report: Report,
    /// `None` where nothing is to be created.
    pub plan: Option<StructurePlan>,
    /// Of both, how many forbid the move, and how many have to be accepted.
    pub failures: usize,
    pub warnings: usize,
}

impl Obstacles {
    /// Whether the move can begin.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.failures == 0 && self.warnings == 0
    }
}

fn obstacles(of: &Obstacles) -> String {
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let failures = count(of.failures, "failure");
    let warnings = count(of.warnings, "warning").map(|text| format!("{text} nobody has accepted"));
    failures.into_iter().chain(warnings).collect::<Vec<_>>().join(" and ")
}

impl Error {
    /// What the operator can do, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Connect { source, .. } | Self::Catalog { source, .. } => source.hint()?,
            Self::Check(error) => error.source.hint()?,
            Self::Obstacles(of) if of.failures == 0 => {
                "read the warnings, then accept them by their names (`accept` in the config) or all of them \
                 (--accept-warnings)"
            }
            Self::Obstacles(_) => "mend what failed; each item says how",
            Self::Account(error) => error.hint()?,
            Self::Structure(error) => structure::StructureError::hint(error)?,
            Self::Load(error) => error.hint()?,
            Self::Stream(error) => error.hint()?,
            Self::Tables { hint, .. } => return Some(hint.clone()),
            Self::Leftovers { remedy, .. } => {
                return Some(format!(
                    "give this one another name; or, if nobody goes on with the other: empty its tables, and {remedy}"
                ));
            }
            Self::Changed { .. } => "ask for what it was begun with, delete the task, or give this one another name",
            Self::Letters { .. } => "look at the table of dead letters; --force deletes them",
            Self::Busy { .. } => "pause it first, or let it go on",
            Self::Missing { .. } => "`switchback task list` shows those that are there",
            Self::State { state: State::Completed, .. } => "delete it, or give the next move another name",
            Self::State { .. } | Self::Control { .. } | Self::Unreadable { .. } => return None,
            Self::Stopped => "run it again: it goes on where it was",
            Self::File { .. } => "make room on the disk, or mend the rights of the folder; nothing is lost",
        };
        Some(hint.to_owned())
    }
}

impl From<load::Error> for Error {
    fn from(error: load::Error) -> Self {
        match error {
            load::Error::Stopped => Self::Stopped,
            error => Self::Load(error),
        }
    }
}
