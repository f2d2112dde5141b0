//! The forward move on real servers.
//!
//! - [`structure`]: structures, created and read again.

mod structure;
