//! What a database's log tells: the model that every capture produces and every
//! sink understands.
//!
//! Values are native, as [`crate::value`] has them and as reading the table
//! would give them: whoever captures decodes to exactly what a read of the same
//! row returns. That is what lets a stream be verified.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::OwnedValue;

/// A place in an origin's log, between two transactions, in that engine's own
/// notation: a PostgreSQL LSN, a MySQL GTID set, MariaDB's domain positions, a
/// number of SQLite's change table.
///
/// It is text because it is kept in the sink, printed, and typed by operators.
/// Only the engine it comes from can compare two of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A row as a log has it: one cell for each column of the captured table that
/// is not generated, in the table's order (see [`crate::capture::columns`]).
///
/// `None` where the log does not hold the value: a TOAST value that the update
/// left alone, or a column that is no part of the identity in an image of what
/// was before. `None` is not NULL, which is a [`crate::Value::Null`].
pub type Image = Vec<Option<OwnedValue>>;

/// One change of one row, or of whole tables. `table` counts in
/// [`crate::capture::CaptureRequest::tables`].
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Insert {
        table: usize,
        new: Image,
    },
    Update {
        table: usize,
        /// As much as the log has of the row before; `None` when it has nothing,
        /// which means that the identity has not changed.
        old: Option<Image>,
        new: Image,
    },
    Delete {
        table: usize,
        old: Image,
    },
    /// All rows at once. Several tables where one statement named several.
    Truncate {
        tables: Vec<usize>,
    },
}

/// What a capture hands on, in the order of the log. Transactions come one
/// after the other, never interleaved, each whole and only after it committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Begin,
    Change(Change),
    Commit {
        /// Resuming here repeats nothing of this transaction and misses nothing
        /// behind it.
        position: Position,
        /// By the origin's clock, microseconds since 1970-01-01 UTC.
        committed_at: i64,
    },
    /// Nothing that was asked for happened up to here: a stream may resume from
    /// here, and let go of the log before.
    Idle {
        position: Position,
    },
}
