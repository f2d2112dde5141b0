//! Two sides of a range to what does not match.

use smallvec::SmallVec;

use super::rows::RangeRows;
use crate::outcome::Side;

/// The hashes of the rows of one identity on one side, each with the number
/// of rows that have it; ascending. A key has one row, if it is one.
pub(crate) type Hashes = SmallVec<[(u128, u64); 1]>;

/// An identity whose rows differ between the sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) identity: Box<[u8]>,
    /// What the source was last seen to hold: all rows of this identity, or
    /// `None` where only some of them were seen.
    pub(crate) source: Option<Hashes>,
    pub(crate) target: Hashes,
    pub(crate) range: u32,
    /// Its rows may lie in several ranges, so that only the whole table holds
    /// all of them for sure.
    pub(crate) pooled: bool,
    /// The source was seen to change since its range was read.
    pub(crate) moved: bool,
}

/// A row whose identity is on one side of its range only. It may still have
/// its match in another range, where the other server sorts it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leftover {
    pub(crate) identity: Box<[u8]>,
    pub(crate) hash: u128,
    pub(crate) side: Side,
    pub(crate) range: u32,
}

/// What a range's rows came to.
#[derive(Debug, Default)]
pub(crate) struct Unmatched {
    pub(crate) changed: Vec<Candidate>,
    pub(crate) leftovers: Vec<Leftover>,
}

/// Matches rows by identity. Nothing is kept of rows that are on both sides
/// with the same hash, as often on one as on the other.
pub(crate) fn match_rows(source: &RangeRows, target: &RangeRows, range: u32) -> Unmatched {
    let (source, target) = (source.sorted(), target.sorted());
    let (mut source, mut target) = (source.as_slice(), target.as_slice());
    let mut found = Unmatched::default();
    while let Some(identity) = smaller(source.first().map(|r| r.0), target.first().map(|r| r.0)) {
        let s = take_group(&mut source, identity);
        let t = take_group(&mut target, identity);
        match (s.is_empty(), t.is_empty()) {
            (false, false) => {
                if s != t {
                    found.changed.push(Candidate {
                        identity: identity.into(),
                        source: Some(tally(s.iter().map(|r| r.1))),
                        target: tally(t.iter().map(|r| r.1)),
                        range,
                        pooled: false,
                        moved: false,
                    });
                }
            }
            (_, true) => found.leftovers.extend(s.iter().map(|r| leftover(r, Side::Source, range))),
            (true, false) => found.leftovers.extend(t.iter().map(|r| leftover(r, Side::Target, range))),
        }
    }
    found
}

fn leftover(row: &(&[u8], u128), side: Side, range: u32) -> Leftover {
    Leftover { identity: row.0.into(), hash: row.1, side, range }
}

fn smaller<'a>(a: Option<&'a [u8]>, b: Option<&'a [u8]>) -> Option<&'a [u8]> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// Splits the rows of `identity` off the front of sorted rows.
fn take_group<'r, 'a>(rows: &mut &'r [(&'a [u8], u128)], identity: &[u8]) -> &'r [(&'a [u8], u128)] {
    let len = rows.iter().take_while(|r| r.0 == identity).count();
    let (group, rest) = rows.split_at_checked(len).unwrap_or((rows, &[]));
    *rows = rest;
    group
}

/// Sorted hashes to hashes with counts.
pub(crate) fn tally(sorted: impl Iterator<Item = u128>) -> Hashes {
    let mut hashes = Hashes::new();
    for hash in sorted {
        match hashes.last_mut() {
            Some((last, count)) if *last == hash => *count += 1,
            _ => hashes.push((hash, 1)),
        }
    }
    hashes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;

    fn rows(rows: &[(&str, u128)]) -> RangeRows {
        let mut range = RangeRows::default();
        rows.iter().for_each(|(identity, hash)| range.push(identity.as_bytes(), *hash));
        range
    }

    #[test]
    fn finds_changed_missing_and_extra_rows_in_any_order() {
        let source = rows(&[("d", 4), ("a", 1), ("b", 2)]);
        let target = rows(&[("b", 9), ("c", 3), ("a", 1)]);
        let found = match_rows(&source, &target, 7);
        assert_eq!(
            found.changed,
            [Candidate {
                identity: (*b"b").into(),
                source: Some(smallvec![(2, 1)]),
                target: smallvec![(9, 1)],
                range: 7,
                pooled: false,
                moved: false
            }]
        );
        let leftovers: Vec<_> = found.leftovers.iter().map(|l| (&*l.identity, l.side)).collect();
        assert_eq!(leftovers, [(b"c".as_slice(), Side::Target), (b"d".as_slice(), Side::Source)]);
    }

    #[test]
    fn duplicates_count() {
        let found = match_rows(&rows(&[("a", 1), ("a", 1), ("a", 1)]), &rows(&[("a", 1)]), 0);
        assert_eq!(found.changed[0].source, Some(smallvec![(1, 3)]));
        assert_eq!(found.changed[0].target[..], [(1, 1)]);
        assert!(match_rows(&rows(&[("a", 1), ("a", 2)]), &rows(&[("a", 2), ("a", 1)]), 0).changed.is_empty());
    }

    #[test]
    fn values_moved_between_rows_change_the_digest_of_neither_row_silently() {
        // The sum is over hashes of whole rows, so two rows that swap their
        // values change it unless their hashes stay the same.
        let key = crate::compare::hash::HashKey::fixed();
        let digest = |a: &[u8], b: &[u8]| {
            let mut rows = RangeRows::default();
            rows.push(b"1", key.hash(a));
            rows.push(b"2", key.hash(b));
            rows.digest
        };
        assert_ne!(digest(b"1x", b"2y"), digest(b"1y", b"2x"));
    }

    /// Two rows of an identity each, and what the sides have of it.
    type Sides<'a> = BTreeMap<&'a [u8], [BTreeMap<u128, u64>; 2]>;

    fn by_identity<'a>(source: &'a [(Vec<u8>, u128)], target: &'a [(Vec<u8>, u128)]) -> Sides<'a> {
        let mut sides = Sides::new();
        for (side, rows) in [source, target].into_iter().enumerate() {
            for (identity, hash) in rows {
                *sides.entry(identity).or_default()[side].entry(*hash).or_default() += 1;
            }
        }
        sides
    }

    fn some_rows() -> impl Strategy<Value = Vec<(Vec<u8>, u128)>> {
        prop::collection::vec((prop::collection::vec(0u8..3, 0..3), 0u128..3), 0..30)
    }

    proptest! {
        #[test]
        fn matches_as_counting_does(source in some_rows(), target in some_rows()) {
            let pack = |rows: &[(Vec<u8>, u128)]| {
                let mut range = RangeRows::default();
                rows.iter().for_each(|(identity, hash)| range.push(identity, *hash));
                range
            };
            let found = match_rows(&pack(&source), &pack(&target), 3);
            let (mut changed, mut leftovers) = (Vec::new(), Vec::new());
            for (identity, [s, t]) in by_identity(&source, &target) {
                let list = |rows: &BTreeMap<u128, u64>| rows.iter().map(|(h, n)| (*h, *n)).collect::<Vec<_>>();
                if s.is_empty() || t.is_empty() {
                    for (side, rows) in [(Side::Source, &s), (Side::Target, &t)] {
                        let each = rows.iter().flat_map(|(h, n)| std::iter::repeat_n(*h, usize::try_from(*n).unwrap()));
                        leftovers.extend(each.map(|hash| Leftover { identity: identity.into(), hash, side, range: 3 }));
                    }
                } else if s != t {
                    changed.push((identity.to_vec(), list(&s), list(&t)));
                }
            }
            let got: Vec<_> = found
                .changed
                .iter()
                .map(|c| (c.identity.to_vec(), c.source.as_ref().unwrap().to_vec(), c.target.to_vec()))
                .collect();
            prop_assert_eq!(got, changed);
            prop_assert_eq!(found.leftovers, leftovers);
            prop_assert!(found.changed.iter().all(|c| c.range == 3 && !c.pooled));
        }
    }
}
