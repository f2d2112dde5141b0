//! Measurements that back every speed claim.
//!
//! - `cargo bench -p switchback-benches`: the kernels, each on its own.
//! - `cargo run --release -p switchback-benches --bin side-by-side`: whole
//!   comparisons on real servers, beside reladiff and beside a bare read.
//!
//! What a claim rests on is in `runs/<date>-<machine>/`, with the commit, the
//! command and the versions.

pub mod orders;
pub mod sample;
