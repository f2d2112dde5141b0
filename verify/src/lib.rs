//! Proves that two databases hold the same data.
//!
//! plan → compare → reconcile → confirm → verdict; see `docs/ARCHITECTURE.md`.
//! Without the feature `run` this crate is its result types, which `reports`
//! builds on.

#[cfg(feature = "run")]
pub(crate) mod compare;
#[cfg(feature = "run")]
pub(crate) mod confirm;
pub mod difference;
#[cfg(feature = "run")]
mod ledger;
#[cfg(feature = "run")]
pub mod options;
pub mod outcome;
pub mod plan;
#[cfg(feature = "run")]
pub mod progress;
#[cfg(feature = "run")]
pub(crate) mod reconcile;
#[cfg(feature = "run")]
mod run;
#[cfg(feature = "run")]
mod shared;
#[cfg(feature = "run")]
mod side;
#[cfg(feature = "run")]
mod table_outcome;
#[cfg(feature = "run")]
mod table_run;
#[cfg(feature = "run")]
mod verdict;

pub use difference::{Began, Difference, DifferenceSink, Kind, SinkError, Status, TableSink};
#[cfg(feature = "run")]
pub use options::{Mode, Options, Selection};
pub use outcome::{RunOutcome, TableOutcome, Verdict};
pub use plan::{ColumnPair, TablePlan};
#[cfg(feature = "run")]
pub use progress::Progress;
#[cfg(feature = "run")]
pub use run::{RunError, run};
