//! Streams between real databases.
//!
//! One binary: the servers of a process are shared by what it runs.

mod faults;
mod flows;
mod harness;
mod kills;
mod loops;
