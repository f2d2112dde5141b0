//! The differences of a run as a Parquet dataset.
//!
//! `differences/<table>/part-00000.parquet` and so on: one folder a table, with
//! columns of that table's own types, so that a question like "which customers
//! changed their country since May" is one query in any reader of Parquet.
//!
//! | column | |
//! |---|---|
//! | `run_id`, `kind`, `status` | see [`switchback_verify::Difference`] |
//! | `key` | a field for each key column, named and typed as the source's; absent for a table without key |
//! | `changed_columns` | the source's names of the columns that differ |
//! | `source`, `target` | the row on either side, named and typed as there; NULL where there is none |
//! | `source_count`, `target_count` | how often the row is there |
//! | `range`, `first_seen`, `decided` | where and when it was found |
//! | `source_position`, `target_position` | where the servers' logs stood before the table was read; NULL where there is none |
//! | `untyped` | the values that no typed field holds: side, column, kind and exact text |
//!
//! Invariants:
//! - Types follow from the tables' definitions alone (`shape`), never from the
//!   values: all parts, and all runs, have one schema.
//! - A value is in its typed field or, when that can't hold it exactly (NaN in a
//!   decimal, `infinity`, `0000-00-00`, text in an integer column of SQLite), in
//!   `untyped` while the field is NULL. Nothing is rounded, clipped or dropped.
//! - A value that is made of others (an array, a range, a composite …) or has
//!   coordinates is shown as text in its field and is exact in `untyped`.
//! - A file has its name only when it is whole and on the disk.
//! - A table without differences has no file.
//! - Memory is bounded whatever the number of differences: see [`Limits`].

mod coerce;
mod column;
mod exact;
mod layout;
pub(crate) mod read;
mod rows;
mod shape;
mod sink;
pub(crate) mod spelling;
mod tree;

pub use read::{Differences, SCHEMA_VERSION, differences};
pub use sink::{Limits, ParquetSink};

/// The folder of all tables' differences, in a run's folder.
pub const FOLDER: &str = "differences";
