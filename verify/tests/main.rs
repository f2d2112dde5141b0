//! Comparing real databases.
//!
//! - [`pairings`]: the same drift on every pairing of engines, held against the
//!   generator's own list.
//! - [`mutations`]: a hundred thousand changes, each as small as can be.
//! - [`vectors`]: what is equal and what is not, value by value.
//! - [`types`]: every type of every engine.
//! - [`charsets`]: text in every character set of every server.
//! - [`columns`]: columns that are computed, and such as no statement shows.
//! - [`policies`]: what settings make equal and different.
//! - [`field`]: what other tools' schemes called equal.
//! - [`modes`]: what a run can be asked for.
//! - [`races`]: other writers and failing servers.
//! - [`regressions`]: wrong verdicts that were found once.

mod charsets;
mod collect;
mod columns;
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
