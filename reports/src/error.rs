//! What can go wrong when a report is written or read back.

use std::io;
use std::path::{Path, PathBuf};

use switchback_engines::Engine;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `Display` never repeats its source; whoever prints walks the chain. No
/// variant holds a cell's value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    /// The file is there and is not what this tool writes, or was damaged.
    #[error("{path} is not a file of a run, or is damaged")]
    Malformed {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A later version of this tool wrote it. Reading it as the known format
    /// could turn a difference into its opposite, so it is not tried.
    #[error("{path} is in format {found}; this version knows up to {known}")]
    Newer { path: PathBuf, found: u32, known: u32 },

    /// The script itself could not be written where the caller wants it.
    #[error("cannot write the repair script")]
    Script {
        #[source]
        source: io::Error,
    },

    #[error("repair scripts for {engine} are not supported")]
    NoRepair { engine: Engine },
}

impl Error {
    /// What the operator can do, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Write { source, .. } | Self::Script { source } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("free space, or choose another folder")
                }
                io::ErrorKind::PermissionDenied => Some("choose a folder that this user may write to"),
                _ => None,
            },
            Self::Read { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some("give the folder of a finished run: the one with `summary.json` in it"),
                _ => None,
            },
            Self::Newer { .. } => Some("use the version of switchback that made the run, or a later one"),
            Self::NoRepair { .. } => Some("PostgreSQL, MySQL, MariaDB and SQLite have repair scripts"),
            Self::Malformed { .. } => None,
        }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Malformed { path: path.to_owned(), source: source.into() }
    }
}
