//! What a run leaves behind, for people and programs.
//!
//! ```text
//! <run dir>/
//!   summary.json                             the outcome as it is, for this tool
//!   certificate.json                         what was proven and what was not covered, for everybody
//!   differences/<table>/part-00000.parquet   the rows that differ, with the table's own types
//! ```
//!
//! - [`parquet`]: differences as `verify` finds them, into files and back.
//! - [`summary`], [`certificate`]: the two JSON files.
//! - [`terminal`]: a run, and a few differences, as text.
//! - [`dead_letters`]: changes that a stream could not make, in Parquet files.
//! - [`repair`]: the SQL that would make the target equal to the source.
//!
//! Invariants:
//! - A file has its name only when all of it is on the disk; what was there before
//!   is replaced in one step or not at all.
//! - Every format has a version, and a file of a later one is refused by name:
//!   half-understood, a report could say the opposite of what was found.
//! - What is read back is what was written, value by value: see [`parquet`] on
//!   the values that no column type holds.
//! - Nothing that a database holds reaches a terminal or a comment unescaped, and
//!   no error holds a value.
//!
//! This crate knows result types and no driver. What it does not do: compare,
//! connect, or run a script that it wrote.

pub mod certificate;
pub mod dead_letters;
pub mod error;
pub mod parquet;
pub mod repair;
pub mod summary;
pub mod terminal;

mod durable;
mod folder;

pub use error::{Error, Result};
pub use folder::folder_name;
pub use repair::{RepairSummary, repair_sql};
