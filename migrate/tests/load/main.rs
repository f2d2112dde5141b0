//! Loads between real databases, and the streams that follow.
//!
//! One binary: the servers of a process are shared by what it runs. The ends, the
//! application and the judge are those of the stream's own tests.

#![expect(clippy::print_stderr, reason = "tests say how far they are")]

mod child;
mod corners;
mod faults;
mod flows;
#[path = "../../../replicate/tests/harness/mod.rs"]
#[allow(dead_code, clippy::print_stdout, reason = "the harness is for the streams' tests, which use all of it")]
mod harness;
mod kills;
mod snapshots;
mod stock;
mod values;
