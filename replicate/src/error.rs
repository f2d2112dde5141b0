//! What can stop a stream.

use switchback_engines::{Class, StreamName};

use crate::conflict::Conflict;
use crate::letter::ArchiveError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `Display` never repeats its source: whoever prints walks the chain. No variant
/// prints a cell's value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] switchback_engines::Error),

    /// The progress row is not as this process left it: another one has claimed
    /// the stream since. Nothing of the transaction that found out was kept.
    #[error("the stream `{stream}` was taken over by another process (epoch {ours}, now {theirs})")]
    Fenced { stream: StreamName, ours: i64, theirs: i64 },

    /// The progress row stayed locked: by a process that was stopped in the middle
    /// of a transaction, or by a server that still commits one.
    #[error("another session keeps the progress of the stream `{stream}` locked")]
    Busy {
        stream: StreamName,
        #[source]
        source: switchback_engines::Error,
    },

    #[error("the stream `{stream}` is closed")]
    Closed { stream: StreamName },

    #[error("the stream `{stream}` has no progress in {sink}")]
    NotArmed { stream: StreamName, sink: String },

    /// The origin kept more of its log than it was to, and was disarmed.
    #[error(
        "the origin kept {retained} bytes of its log for the stream `{stream}`, more than {budget}, and was disarmed"
    )]
    LetGo { stream: StreamName, retained: u64, budget: u64 },

    /// A group was left half applied by several sessions, and would be divided
    /// otherwise now.
    #[error(
        "some shares of a group of the stream `{stream}` are in the sink, and the group would be divided otherwise now"
    )]
    Divided { stream: StreamName },

    /// The tables do not go together.
    #[error("`{table}` cannot be streamed: {why}")]
    Plan { table: String, why: String, hint: &'static str },

    #[error("a change does not fit the sink: {0}")]
    Conflict(Box<Conflict>),

    /// Exported letters could not be kept; they are where they were.
    #[error("the archive of dead letters failed")]
    Archive(#[source] ArchiveError),

    /// A file on our own disk.
    #[error("{what} failed")]
    File {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },

    /// What we wrote ourselves can't be read.
    #[error("{what} cannot be read")]
    State { what: String },
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Engine(error) => error.class(),
            Self::Busy { .. } => Class::Transient,
            Self::Fenced { .. } | Self::Closed { .. } | Self::NotArmed { .. } => Class::Operator,
            Self::LetGo { .. } | Self::Divided { .. } | Self::Plan { .. } => Class::Operator,
            Self::Conflict(_) | Self::File { .. } | Self::Archive(_) => Class::Operator,
            Self::State { .. } => Class::Permanent,
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Busy { .. } => Some("end the process that has it, or let its transaction end"),
            Self::Fenced { .. } => Some("only one process may run a stream; end the one that is not wanted"),
            Self::Closed { .. } => Some("it was closed by a cutover; open it again from there"),
            Self::NotArmed { .. } => Some("arm the stream first"),
            Self::LetGo { .. } => Some("arm the stream again, which means to load the data again"),
            Self::Divided { .. } => {
                Some("give the sink's tables the unique and foreign keys back that they had, and start again")
            }
            Self::Plan { hint, .. } => Some(hint),
            Self::Conflict(_) => Some("see who else writes to the sink; or choose a policy for this class of conflict"),
            Self::File { .. } => Some("make room on the disk, then start again: nothing is lost"),
            Self::Archive(_) | Self::State { .. } => None,
        }
    }
}
