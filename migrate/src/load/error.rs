//! What can go wrong while tables are loaded.

use switchback_engines::fit::Unfit;
use switchback_engines::{Class, StatementFailed, StreamName};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `Display` never repeats its source. No variant holds a value, except for a
/// row's key, which says which row it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(switchback_engines::Error),

    #[error(transparent)]
    Stream(switchback_replicate::Error),

    /// Another process has taken the load over.
    #[error("the load of `{stream}` was taken over by another process")]
    Fenced { stream: StreamName },

    /// The ledger or a range is locked: by a process that was stopped in the middle of
    /// a transaction, or by a server that still commits one.
    #[error("another session keeps the load of `{stream}` locked")]
    Busy {
        stream: StreamName,
        #[source]
        source: switchback_engines::Error,
    },

    /// A value that the sink's column can't hold.
    #[error("`{table}`: a value of the row {key} does not fit")]
    Unfit {
        table: String,
        key: String,
        #[source]
        source: Unfit,
    },

    /// The sink refused a row.
    #[error("`{table}`: the row {key} was refused")]
    Refused {
        table: String,
        key: String,
        #[source]
        source: Box<switchback_engines::Error>,
    },

    /// Rows that were not put there by this load.
    #[error("`{table}` is not empty, and nothing was loaded into it yet")]
    NotEmpty { table: String },

    /// The load was begun with other tables.
    #[error("the load of `{stream}` was begun with the table `{table}`, which is not among its tables now")]
    OtherTables { stream: StreamName, table: String },

    /// As many rows came as were read, or the load is wrong.
    #[error("`{table}`: {read} rows were read, and the sink counted {written}")]
    Count { table: String, read: u64, written: u64 },

    /// Neither end has moved a byte for too long.
    #[error("nothing moved for {seconds} s")]
    Stalled { seconds: u64 },

    #[error("the load was told to stop")]
    Stopped,

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

impl From<switchback_engines::Error> for Error {
    fn from(error: switchback_engines::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<switchback_replicate::Error> for Error {
    fn from(error: switchback_replicate::Error) -> Self {
        Self::Stream(error)
    }
}

impl From<StatementFailed> for Error {
    fn from(failed: StatementFailed) -> Self {
        Self::Engine(failed.error)
    }
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Engine(error) => error.class(),
            Self::Stream(error) => error.class(),
            Self::Busy { .. } | Self::Stalled { .. } => Class::Transient,
            Self::Fenced { .. }
            | Self::Unfit { .. }
            | Self::Refused { .. }
            | Self::NotEmpty { .. }
            | Self::OtherTables { .. }
            | Self::Stopped
            | Self::File { .. } => Class::Operator,
            Self::Count { .. } | Self::State { .. } => Class::Permanent,
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Stream(error) => error.hint(),
            Self::Fenced { .. } => Some("only one process may run a load; end the one that is not wanted"),
            Self::Busy { .. } => Some("end the process that has it, or let its transaction end"),
            Self::Unfit { .. } | Self::Refused { .. } => {
                Some("change the row at the source, or the column of the target; then start again")
            }
            Self::NotEmpty { .. } => Some("empty the table, or leave it out"),
            Self::OtherTables { .. } => Some("name the same tables again, or give the move another name"),
            Self::File { .. } => Some("make room on the disk, then start again: nothing is lost"),
            Self::Stalled { .. } => Some("check that both servers answer"),
            Self::Stopped => Some("start it again: it goes on where it was"),
            Self::Count { .. } | Self::State { .. } => None,
        }
    }
}
