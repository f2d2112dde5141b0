//! The forward move: precheck → structure → load → follow.
//!
//! [`structure`] is built; no command of the tool leads here yet.

pub mod structure;
