//! One change stream with exactly-once effect, in either direction.
//!
//! This crate will take whole transactions from an origin (`capture`), drop
//! those that carry our own mark (`filter`) and apply the rest to a sink
//! (`apply`). It knows no direction: the forward and the reverse stream are two
//! values of one type.
//!
//! Nothing of it is built yet; no command of the tool leads here.
