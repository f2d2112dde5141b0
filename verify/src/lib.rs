//! Proves that two databases hold the same data.
//!
//! plan → compare → reconcile → confirm → verdict; see `docs/ARCHITECTURE.md`.
//! Without the feature `run` this crate is its result types, which `reports`
//! builds on.

pub mod difference;
pub mod outcome;
pub mod plan;

pub use difference::{Difference, DifferenceSink, Kind, SinkError, Status, TableSink};
pub use outcome::{RunOutcome, TableOutcome, Verdict};
pub use plan::{ColumnPair, TablePlan};
