//! Row hashes and digests, as they have been since their format's version.
//!
//! `engines` pins the bytes of each cell; this pins what is made of them. A
//! change of any line is a change of the format.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use switchback_engines::canon::cell::FORMAT_VERSION;
use switchback_engines::canon::{Rounding, Rule};
use switchback_engines::display::hex;
use switchback_engines::{Decimal, DecodeRows, Moment, RawBatch, Result, Value};

use super::hash::{HashKey, RowHasher};
use super::rows::RangeRows;

#[test]
fn digests_are_what_they_were() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/compare/digests-{FORMAT_VERSION}.txt"));
    let now = all();
    let Ok(pinned) = std::fs::read_to_string(&path) else {
        std::fs::write(&path, &now).unwrap();
        panic!("version {FORMAT_VERSION} had no file: it was written, look at it and commit it");
    };
    assert!(
        pinned == now,
        "digests have changed: raise FORMAT_VERSION in canon/cell.rs, or undo it. Then:\n{pinned}\nNow:\n{now}"
    );
}

/// The rows below, whatever the bytes of a batch are.
struct Rows;

impl DecodeRows for Rows {
    fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<()> {
        rows().into_iter().take(batch.row_count).for_each(|values| row(&values));
        Ok(())
    }

    fn layout(&self) -> Option<String> {
        None
    }

    fn row_ends(&self, _: &RawBatch) -> Option<Vec<usize>> {
        None
    }
}

fn rows() -> Vec<Vec<Value<'static>>> {
    let decimal = |text: &'static str| Value::Decimal(Decimal::parse(text).unwrap());
    vec![
        vec![
            Value::Int(1),
            Value::Text("ada".into()),
            decimal("1.10"),
            Value::Timestamp(Moment::Micros(0)),
            Value::Null,
        ],
        vec![
            Value::Int(2),
            Value::Text("".into()),
            decimal("-0.00"),
            Value::Timestamp(Moment::Micros(1_500)),
            Value::Bool(true),
        ],
        vec![Value::Int(-3), Value::Null, Value::Null, Value::Null, Value::Null],
        vec![
            Value::Int(i64::MAX),
            Value::Text("x".repeat(300).into()),
            decimal("NaN"),
            Value::Null,
            Value::Bool(false),
        ],
        // The second row once more: it counts twice.
        vec![
            Value::Int(2),
            Value::Text("".into()),
            decimal("0"),
            Value::Timestamp(Moment::Micros(2_000)),
            Value::Int(1),
        ],
    ]
}

fn hasher(key_len: usize) -> RowHasher {
    let rules = [
        Rule::Number,
        Rule::Text { trim_spaces: false },
        Rule::Number,
        Rule::Timestamp { digits: 3, rounding: Rounding::HalfUp },
        Rule::Number,
    ];
    RowHasher { decoder: Arc::new(Rows), rules: rules.into(), key_len, key: HashKey::fixed() }
}

fn all() -> String {
    let mut out = format!("# Digests of format {FORMAT_VERSION}, under a key of 32 bytes 07\n");
    for key_len in [0, 1, 2, 5] {
        let hasher = hasher(key_len);
        let batch = RawBatch { bytes: Vec::new(), row_count: rows().len() };
        let hashed = hasher.hash_batch(&batch).unwrap();
        let _ = writeln!(out, "# {key_len} columns in the key: identity | hash");
        for (identity, hash) in hashed.iter() {
            let _ = writeln!(out, "{} | {hash:032x}", hex(identity));
        }
        let mut twice = RangeRows::default();
        twice.append(&hashed);
        twice.append(&hashed);
        for (name, digest) in [("range", hashed.digest), ("twice", twice.digest)] {
            let _ = writeln!(out, "{name}: {} rows | {:032x}", digest.count, digest.sum);
        }
    }
    out
}

#[test]
fn a_row_is_hashed_whole_and_filed_under_its_key() {
    let mut cells = Vec::new();
    for (key_len, expected) in [(1, 2), (2, 7), (5, 14)] {
        let hasher = hasher(key_len);
        let (identity_len, hash) = hasher.row(&rows()[0], &mut cells);
        // 1; then a text of 3 bytes; then 1.1, a timestamp and NULL.
        assert_eq!(identity_len, expected, "{}", hex(&cells));
        assert_eq!(hash, hasher.key.hash(&cells));
        assert_eq!(&*hasher.identity(&cells, identity_len, hash), &cells[..expected]);
    }
    let keyless = hasher(0);
    let (_, hash) = keyless.row(&rows()[0], &mut cells);
    assert_eq!(&*keyless.identity(&cells, 0, hash), &hash.to_be_bytes());
}

#[test]
fn another_key_gives_other_hashes() {
    let (a, b) = (HashKey::random(), HashKey::random());
    assert_ne!(a.hash(b"row"), b.hash(b"row"));
    assert_ne!(a.id(), b.id());
    assert_eq!(a.id(), a.clone().id());
    assert_eq!(HashKey::fixed().id(), "ebaf85b465a09de2");
}
