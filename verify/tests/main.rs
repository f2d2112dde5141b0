//! Comparing real databases.
//!
//! - [`pairings`]: the same drift on every pairing of engines, held against the
//!   generator's own list.
//! - [`mutations`]: a hundred thousand changes, each as small as can be.
//! - [`vectors`]: what is equal and what is not, value by value.
//! - [`types`]: every type of every engine.
//! - [`policies`]: what settings make equal and different.
//! - [`field`]: what other tools' schemes called equal.
//! - [`modes`]: what a run can be asked for.
//! - [`races`]: other writers and failing servers.
//! - [`regressions`]: wrong verdicts that were found once.

mod collect;
mod field;
mod home;
mod load;
mod lookalikes;
mod modes;
mod mutations;
mod pairings;
mod policies;
mod races;
mod regressions;
mod restless;
mod types;
mod vectors;
