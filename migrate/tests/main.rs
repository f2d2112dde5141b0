//! The forward move on real servers.
//!
//! - [`check`]: what is in the way of a move.
//! - [`structure`]: structures, created and read again.

mod check;
mod structure;
