//! One difference, and where differences go.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use switchback_engines::OwnedValue;

use crate::plan::TablePlan;

/// In which way a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The source has the row and the target does not.
    SourceOnly,
    /// The target has the row and the source does not.
    TargetOnly,
    /// Both have a row of this key, with other values.
    Changed,
    /// The key is no key of the other side's row, yet that server takes the two
    /// for equal: `Ä` and `a` under a collation that ignores case and accents.
    /// The missing row can't be inserted there.
    KeyCollision,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceOnly => "source_only",
            Self::TargetOnly => "target_only",
            Self::Changed => "changed",
            Self::KeyCollision => "key_collision",
        }
    }
}

/// Whether the difference still held when the row was read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The source's row stayed the same around a later read of the target,
    /// which still differed.
    Confirmed,
    /// The row kept changing, or could not be read again: it may or may not
    /// differ. Never counted as equal.
    Unresolved,
}

impl Status {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unresolved => "unresolved",
        }
    }
}

/// One row that differs, with native values as each server holds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub kind: Kind,
    pub status: Status,
    /// Of the plan's ranges, the one in which the difference was found.
    pub range: u32,
    /// Positions in [`TablePlan::columns`] of the cells that differ; of all
    /// columns that both sides have where the kind isn't `Changed`: none.
    pub changed: Vec<usize>,
    /// One value for each of [`TablePlan::columns`], in that order. The key's
    /// columns come first. `None` where that side has no such row.
    pub source: Option<Vec<OwnedValue>>,
    pub target: Option<Vec<OwnedValue>>,
    /// How often each side has this row: 0 or 1 with a key, any number without.
    pub source_count: u64,
    pub target_count: u64,
    /// When the difference was first seen, and when it was decided.
    pub first_seen: DateTime<Utc>,
    pub decided: DateTime<Utc>,
}

/// Where the two servers' logs stood before the first statement that concerned a
/// table; `None` where there is no log, or no right to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Began {
    pub source_position: Option<String>,
    pub target_position: Option<String>,
}

/// Where a run's differences go as they are found. Calls may block on a disk.
pub trait DifferenceSink: Send + Sync {
    /// Called once for each table that is compared row by row, also when it
    /// turns out to be equal.
    ///
    /// # Errors
    /// When the place can't be written.
    fn open(&self, plan: &TablePlan, began: &Began) -> Result<Box<dyn TableSink>, SinkError>;
}

/// The differences of one table.
pub trait TableSink: Send {
    /// # Errors
    /// When it can't be written; the table is then incomplete, and nothing that
    /// was written for it may be taken for whole.
    fn write(&mut self, differences: &[Difference]) -> Result<(), SinkError>;

    /// Makes durable what was written, and only then gives it its final name.
    /// Without this call nothing of the table appears under that name.
    ///
    /// # Errors
    /// As for `write`.
    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, SinkError>;
}

/// The differences could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the differences to {path}")]
pub struct SinkError {
    pub path: PathBuf,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
