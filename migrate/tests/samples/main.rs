//! The sample database, moved from engine to engine while it is written to.
//!
//! The ends are those of the streams' own tests.

#![expect(clippy::print_stderr, reason = "tests say how far they are")]

mod afterwards;
mod application;
#[path = "../../../replicate/tests/harness/mod.rs"]
#[allow(dead_code, clippy::print_stdout, reason = "the harness is for the streams' tests, which use all of it")]
mod harness;
mod moving;
mod pairs;
mod refusals;
