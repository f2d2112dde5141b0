//! The forward move: precheck → structure → load → follow.
//!
//! - [`accounts`]: accounts that may do what a move needs, and nothing else.
//! - [`check`]: what has to be so before.
//! - [`structure`]: the tables and all that belongs to them.
//! - [`load`]: all rows, from a state of the source at a place in its log, and the
//!   hand-over to the stream that follows.
//! - [`task`]: all of it, from one run of the tool to the next.

pub mod accounts;
pub mod check;
pub mod load;
pub mod structure;
pub mod task;
