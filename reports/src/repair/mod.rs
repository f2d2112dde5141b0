//! The SQL that would make the target equal to the source.
//!
//! A script for a person to read before it runs, in the target's own dialect and
//! in one transaction. It is made from a run's folder alone, in bounded memory.
//!
//! Invariants:
//! - Only confirmed differences become statements. Key collisions, unresolved
//!   rows and values that the target's type can't hold become comments that say
//!   so; the returned [`RepairSummary`] counts them.
//! - A value is written only if it equals the source's under the very rule by
//!   which the columns were compared (`switchback_engines::fit`).
//! - An `UPDATE` sets the columns that differ and applies only while the row
//!   still has the target's old values in them; a `DELETE` is by the whole key.
//! - Parents before children for what is added, children before parents for what
//!   goes (`order`).
//!
//! What it does not do: run anything, move sequences, create tables or columns.

mod dialect;
mod order;
mod script;
mod statement;

pub use script::{RepairSummary, repair_sql};
