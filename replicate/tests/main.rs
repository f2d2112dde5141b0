//! Streams between real databases.
//!
//! One binary: the servers of a process are shared by what it runs.

mod child;
mod conflicts;
mod end;
mod flows;
mod judge;
mod letters;
mod kills;
mod shop;
mod structure;
