//! Reading both sides of a range once and saying which rows do not match.
//!
//! - [`hash`]: raw rows to row hashes, on the CPU pool.
//! - [`rows`]: the rows of one side of a range, as keys and hashes.
//! - [`read`]: one side of a range from connection to [`rows::RangeRows`].
//! - [`lockstep`]: both sides at once, where equal rows are equal bytes.
//! - [`matching`]: two sides of a range to candidates and leftovers.
//!
//! A row's hash is 128 bits of BLAKE3, keyed with a random key of the run, over
//! its canonical cells. A range's digest is the number of rows and the sum of
//! their hashes modulo 2^128: additive, so that duplicates count and the order
//! does not; keyed, so that no data can be made to collide; not linear in the
//! data, as XOR of CRC32 is, which a flag flipped in every row gets past.

pub(crate) mod hash;
pub(crate) mod lockstep;
pub(crate) mod matching;
#[cfg(test)]
mod pinned;
pub(crate) mod read;
pub(crate) mod rows;
