//! Two databases that differ in known ways, to see the tool at work on.
//!
//! - [`rows`], `source.sql`: a shop, the same on every machine.
//! - [`drift`], `target.sql`: a copy of it and what went wrong with the copy.
//! - [`truth`]: whether a comparison found exactly that.
//! - [`database`], [`folder`]: where both are kept.
//!
//! The comparison itself is no part of this: it is what `verify` does.

pub(crate) mod database;
pub(crate) mod drift;
pub(crate) mod folder;
mod random;
mod rows;
pub(crate) mod truth;
mod words;
