//! Comparing real databases.
//!
//! [`pairings`]: the same drift on every pairing of engines, held against the
//! generator's own list.

mod collect;
mod load;
mod pairings;
