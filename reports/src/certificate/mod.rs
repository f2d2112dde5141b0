//! `certificate.json`: what was proven, how, and what was not looked at.
//!
//! For auditors and programs, so it stands on its own: every policy comes with
//! its sentence, every zero is written out, and what was *not* covered is a list
//! and not the absence of something. It is made from the run's outcome alone and
//! adds no judgement of its own.
//!
//! The format is versioned by [`SCHEMA_VERSION`]. A reader of version 1 refuses
//! a later one; within a version nothing is renamed or taken away.

mod document;
mod gaps;

pub(crate) use document::totals;
pub use document::{
    Certificate, FILE_NAME, MethodName, PolicyMeaning, SCHEMA_VERSION, Server, TableCertificate, TableCoverage, Tool,
    Totals, certify, read, write,
};
pub use gaps::{Gap, NotCovered};
