//! Every decoder of bytes that somebody else wrote, as a function of bytes.
//!
//! The property tests beside this file and the targets in `fuzz/` run the same
//! harnesses. Each takes whatever it is given; what it promises is not to panic,
//! not to go on for ever, and not to set aside memory for what was only
//! announced. What a decoder accepts goes on through all that is done to values,
//! packing and encoding, which must take anything that a decoder gives out.
//!
//! Not part of the interface: behind the feature `fuzzing`, for tests alone.

mod model;
#[cfg(test)]
mod tests;

#[cfg(feature = "driver")]
use crate::batch::{DecodeRows, RawBatch};
use crate::canon::{self, Rounding, Rule, cell};
#[cfg(feature = "driver")]
use crate::error::Result;
use crate::pack;
use crate::value::Value;

/// One way from bytes into the tool.
#[derive(Debug, Clone, Copy)]
pub struct Harness {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Bytes that are valid, to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
#[must_use]
pub fn harnesses() -> Vec<Harness> {
    let mut all = model::HARNESSES.to_vec();
    #[cfg(feature = "postgres")]
    all.extend_from_slice(crate::postgres::fuzzing::HARNESSES);
    #[cfg(feature = "mysql")]
    all.extend_from_slice(crate::mysql::fuzzing::HARNESSES);
    #[cfg(feature = "sqlite")]
    all.extend_from_slice(crate::sqlite::fuzzing::HARNESSES);
    all
}

/// Runs the harness of this name.
///
/// # Panics
/// When there is none, and when it has found something.
pub fn run(name: &str, bytes: &[u8]) {
    let harnesses = harnesses();
    let harness =
        harnesses.iter().find(|harness| harness.name == name).unwrap_or_else(|| panic!("no harness `{name}`"));
    (harness.run)(bytes);
}

/// What a decoder gave out of `input_bytes`, taken further.
pub(crate) fn take_on(values: &[Value<'_>], input_bytes: usize) {
    let held: usize = values.iter().map(Value::size_bytes).sum();
    assert!(held <= HELD_MAX + input_bytes * HELD_PER_BYTE, "{held} bytes of memory for {input_bytes} bytes");
    let mut packed = Vec::new();
    values.iter().for_each(|value| pack::pack(value, &mut packed));
    let unpacked = pack::unpack_all(&packed).expect("what was packed can be unpacked");
    let mut again = Vec::new();
    unpacked.iter().for_each(|value| pack::pack(value, &mut again));
    assert!(packed == again && unpacked.len() == values.len(), "packing has changed a value");
    for rule in rules() {
        let mut cells = Vec::new();
        values.iter().for_each(|value| canon::encode(&rule, value, &mut cells));
        let read = cell::decode_all(&cells).expect("canonical cells can be read");
        assert_eq!(read.len(), values.len(), "cells have run into each other");
    }
}

/// Decodes what may be a batch, and holds the decoder's two walks over it
/// against each other: rows may be taken for equal by their bytes alone, so the
/// places where they end must be those of the rows that are decoded.
#[cfg(feature = "driver")]
pub(crate) fn decode(decoder: &dyn DecodeRows, batch: &RawBatch) -> Result<()> {
    let mut count = 0;
    let decoded = decoder.decode(batch, &mut |values| {
        take_on(values, batch.bytes.len());
        count += 1;
    });
    let ends = decoder.row_ends(batch);
    if let Some(ends) = &ends {
        assert!(ends.is_sorted_by(|a, b| a < b), "a row has no bytes");
        assert!(ends.last().is_none_or(|end| *end <= batch.bytes.len()), "a row ends behind the batch");
    }
    if decoded.is_ok() && count > 0 {
        let ends = ends.expect("a batch that can be decoded has whole rows");
        assert_eq!(ends.len(), count, "the two walks see other rows");
        assert_eq!(ends.last(), Some(&batch.bytes.len()));
    }
    decoded
}

/// A number of the most digits that PostgreSQL has.
const HELD_MAX: usize = 1 << 20;
/// Of a value in memory for a byte that says NULL.
const HELD_PER_BYTE: usize = 256;

fn rules() -> Vec<Rule> {
    let rounding = Rounding::HalfUp;
    vec![
        Rule::Number,
        Rule::Double,
        Rule::Text { trim_spaces: true },
        Rule::Bytes { trim_zeros: true },
        Rule::Uuid,
        Rule::Date,
        Rule::Time { digits: 0, rounding },
        Rule::TimeTz,
        Rule::Timestamp { digits: 3, rounding: Rounding::HalfFrom2000 },
        Rule::Instant { digits: 0, rounding: Rounding::Down, naive_zone_minutes: -90 },
        Rule::Json,
        Rule::Set,
    ]
}
