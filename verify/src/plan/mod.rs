//! What is going to be compared, decided before the first row is read.
//!
//! - [`selection`]: which tables, under which names.
//! - [`table`]: one pair of tables: columns, key, rules, structure differences.

#[cfg(feature = "run")]
pub(crate) mod build;
#[cfg(feature = "run")]
pub(crate) mod fitting;
#[cfg(feature = "run")]
pub(crate) mod ranges;
#[cfg(feature = "run")]
pub mod selection;
#[cfg(feature = "run")]
mod structure;
pub mod table;

pub use table::{ColumnPair, TablePlan};
