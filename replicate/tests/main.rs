//! Streams between real databases.
//!
//! One binary: the servers of a process are shared by what it runs.

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "tests say how far they are")]

mod conflicts;
mod endings;
mod faults;
mod flows;
mod harness;
mod kills;
mod letters;
mod limits;
mod loops;
mod sessions;
mod structure;
