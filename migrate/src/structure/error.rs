//! What can go wrong with a structure.

use switchback_engines::{Engine, Error as EngineError, TableRef};

use super::plan::Object;

pub type Result<T, E = StructureError> = std::result::Result<T, E>;

/// `Display` never repeats its source, and shows no SQL text: defaults, labels
/// and partition bounds in it are values.
#[derive(Debug, thiserror::Error)]
pub enum StructureError {
    #[error("reading the structure of the source failed")]
    Source(#[source] EngineError),

    #[error("looking at the target failed")]
    Target(#[source] EngineError),

    /// `verb` is the first words of the statement, such as `CREATE INDEX`.
    #[error("{object}: `{verb}` failed on the target")]
    Step {
        object: Object,
        verb: String,
        #[source]
        source: Box<EngineError>,
    },

    #[error("{count} names are in the way on the target, the first of them: {first}; nothing was created")]
    Conflicts { count: usize, first: String },

    #[error("the structure of {from} cannot be moved to {to}")]
    NoWay { from: Engine, to: Engine },

    #[error("the source has no column `{column}` in `{table}`, which is to be left out")]
    NoColumn { table: TableRef, column: String },

    #[error("`{table}` is moved whole, also its column `{column}`, which is to be left out")]
    Whole { table: TableRef, column: String },

    #[error("the structure of PostgreSQL {server} is read by `pg_dump` of that version or a later one, {found}")]
    NoDump { server: u32, found: String },

    #[error("`pg_dump` could not be run")]
    DumpStart(#[source] std::io::Error),

    /// What it said names objects, and no values.
    #[error("`pg_dump` failed: {said}")]
    Dump { said: String },

    #[error("the server described {what} in a way that is not understood")]
    Described { what: String },
}

impl StructureError {
    /// What the operator can do, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Source(error) | Self::Target(error) => error.hint(),
            Self::Step { .. } => Some("remove the cause on the target and run the same plan again: it goes on there"),
            Self::Conflicts { .. } => {
                Some("rename what is moved, drop what is in the way yourself, or say that it is to be kept")
            }
            Self::NoDump { .. } => {
                Some("install the client programs of the source's version (postgresql-client-NN), or name a pg_dump")
            }
            Self::Dump { .. } => Some("the account must be allowed to read every table that is to be moved"),
            Self::NoColumn { .. } => Some("check the spelling, and that the table is one of those that are moved"),
            Self::Whole { .. } => {
                Some("leave columns out between engines only, or drop the column on the target later")
            }
            Self::NoWay { .. } | Self::DumpStart(_) | Self::Described { .. } => None,
        }
    }
}
