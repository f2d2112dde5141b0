//! Measurements that back every claim.
//!
//! - `cargo bench -p switchback-benches`: the kernels, each on its own.
//! - `cargo run --release -p switchback-benches --bin side-by-side`: whole
//!   comparisons on real servers, beside reladiff and beside a bare read.
//! - `cargo run --release -p switchback-benches --bin mutations`: how many of a
//!   million mutations a comparison misses, and what it finds besides.
//!
//! - `cargo run --release -p switchback-benches --features soak --bin soak`: streams
//!   that are killed a thousand times each.
//!
//! What a claim rests on is in `runs/<date>-<machine>/`, with the commit, the
//! command and the versions.

pub mod machine;
pub mod orders;
pub mod record;
pub mod sample;
