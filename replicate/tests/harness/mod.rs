//! What the tests of streams and the long run of `benches` have in common: two
//! ends, an application that writes, a stream in this process or in one of its
//! own, and a judge.

pub(crate) mod child;
pub(crate) mod end;
pub(crate) mod judge;
pub(crate) mod killing;
pub(crate) mod shop;
pub(crate) mod stage;
