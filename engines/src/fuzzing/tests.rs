//! Every harness on arbitrary bytes and on valid ones that were tampered with.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Harness, harnesses};

/// One thing that is done to bytes.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
    /// A length that speaks of more than there is, in either byte order.
    Length(Index, u32, bool),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: &Index, len: usize| at.index(len + 1);
        let len = bytes.len();
        match self {
            Self::Set(at, byte) => bytes.iter_mut().skip(place(at, len)).take(1).for_each(|b| *b = *byte),
            Self::Flip(at, bit) => bytes.iter_mut().skip(place(at, len)).take(1).for_each(|b| *b ^= 1 << (bit % 8)),
            Self::Cut(at) => bytes.truncate(place(at, len)),
            Self::Remove(at, count) => {
                let start = place(at, len);
                bytes.drain(start..(start + count).min(len));
            }
            Self::Insert(at, more) => {
                let start = place(at, len);
                bytes.splice(start..start, more.iter().copied());
            }
            Self::Repeat(at, count) => {
                let start = place(at, len);
                let copy = bytes[start..(start + count).min(len)].to_vec();
                bytes.splice(start..start, copy);
            }
            Self::Length(at, length, big) => {
                let word = if *big { length.to_be_bytes() } else { length.to_le_bytes() };
                let start = place(at, len);
                bytes.iter_mut().skip(start).zip(word).for_each(|(b, w)| *b = w);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte =
        || prop_oneof![prop::sample::select(vec![0u8, 1, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]), any::<u8>()];
    let length = prop::sample::select(vec![u32::MAX, i32::MAX as u32, 1 << 31, 0x00FF_FFFF, 1 << 24, 0xFFFF, 0]);
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        any::<Index>().prop_map(Edit::Cut),
        (any::<Index>(), 1usize..9).prop_map(|(at, count)| Edit::Remove(at, count)),
        (any::<Index>(), prop::collection::vec(byte(), 1..9)).prop_map(|(at, more)| Edit::Insert(at, more)),
        (any::<Index>(), 1usize..33).prop_map(|(at, count)| Edit::Repeat(at, count)),
        (any::<Index>(), length, any::<bool>()).prop_map(|(at, length, big)| Edit::Length(at, length, big)),
    ]
}

fn harness() -> impl Strategy<Value = Harness> {
    prop::sample::select(harnesses())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_bring_no_decoder_down(
        harness in harness(),
        bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xFF), any::<u8>()], 0..200),
    ) {
        (harness.run)(&bytes);
    }

    #[test]
    fn tampered_bytes_bring_no_decoder_down(harness in harness(), seed: Index, edits in prop::collection::vec(edit(), 1..6)) {
        let seeds = (harness.seeds)();
        let mut bytes = seeds[seed.index(seeds.len())].clone();
        edits.iter().for_each(|edit| edit.apply(&mut bytes));
        (harness.run)(&bytes);
    }
}

#[test]
fn every_harness_takes_its_own_seeds() {
    for harness in harnesses() {
        let seeds = (harness.seeds)();
        assert!(!seeds.is_empty(), "{}", harness.name);
        for seed in seeds {
            (harness.run)(&seed);
            for cut in 0..seed.len().min(2_000) {
                (harness.run)(&seed[..cut]);
            }
        }
    }
}

/// Each level of a tower of values costs a few bytes; the stack must not pay.
#[test]
fn towers_are_refused() {
    let composite = crate::value::Value::Composite(vec![crate::value::Value::Null]);
    let (mut cell, mut packed) = (Vec::new(), Vec::new());
    crate::canon::encode(&crate::canon::Rule::Bits, &composite, &mut cell);
    crate::pack::pack(&composite, &mut packed);
    for (bytes, name) in [(cell, "cells"), (packed, "pack")] {
        let tower = bytes[..bytes.len() - 1].repeat(200_000);
        super::run(name, &tower);
    }
}

#[test]
fn every_harness_has_its_fuzz_target() {
    let targets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
    for harness in harnesses() {
        let target = targets.join(format!("{}.rs", harness.name));
        let text = std::fs::read_to_string(&target).unwrap_or_else(|_| panic!("{} is missing", target.display()));
        assert!(text.contains(&format!("\"{}\"", harness.name)), "{}", target.display());
    }
}
