//! Rows that differ by no more than they may.
//!
//! A tolerance can't be part of a row's hash, so it is asked here, of rows that
//! were read again: two rows of one key whose differing cells are all within
//! their columns' tolerances are let through, and counted. What may be within a
//! tolerance of what is decided by [`switchback_engines::canon::Tolerance`].
//!
//! Where several rows share a key, each finds the first that is within its
//! tolerances. That can miss a pairing that would let more of them through; the
//! rest is then reported, never the other way round.

use switchback_engines::{OwnedValue, canon};

use super::decide::{Surplus, unpack};
use crate::plan::TablePlan;

/// Pairs of rows tried for one key. Only a key that is none has so many.
const PAIRS_MAX: u32 = 1 << 16;

/// Rows that were let through, and what follows for the sums over a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tolerated {
    pub(crate) rows: u64,
    /// For each of the plan's columns the rows in which its values differed and
    /// were within the tolerance, also rows that differ elsewhere.
    pub(crate) columns: Vec<u64>,
    /// By how much the hashes of the source's rows exceed the target's.
    pub(crate) gap: u128,
    /// Some were no longer those whose hashes were summed up.
    pub(crate) moved: bool,
}

impl Tolerated {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.gap = self.gap.wrapping_add(other.gap);
        self.moved |= other.moved;
        self.columns.resize(self.columns.len().max(other.columns.len()), 0);
        self.columns.iter_mut().zip(&other.columns).for_each(|(count, more)| *count += more);
    }

    pub(super) fn used(&mut self, columns: &[usize], rows: u64) {
        for &column in columns {
            if column >= self.columns.len() {
                self.columns.resize(column + 1, 0);
            }
            if let Some(count) = self.columns.get_mut(column) {
                *count += rows;
            }
        }
    }
}

/// The plan's columns in which two rows are not the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unlike {
    /// By more than the column allows.
    pub(super) changed: Vec<usize>,
    pub(super) within: Vec<usize>,
}

pub(super) fn compare(plan: &TablePlan, source: &[OwnedValue], target: &[OwnedValue]) -> Unlike {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut unlike = Unlike::default();
    for (at, (pair, (s, t))) in plan.columns.iter().zip(source.iter().zip(target)).enumerate() {
        a.clear();
        b.clear();
        canon::encode(&pair.rule, s, &mut a);
        canon::encode(&pair.rule, t, &mut b);
        if a == b {
            continue;
        }
        let is_within = pair.tolerance.as_ref().is_some_and(|tolerance| tolerance.allows(s, t));
        if is_within { unlike.within.push(at) } else { unlike.changed.push(at) }
    }
    unlike
}

/// Takes the rows that are within tolerance of each other out of both sides.
pub(super) fn let_through(plan: &TablePlan, source: &mut Vec<Surplus<'_>>, target: &mut Vec<Surplus<'_>>) -> Tolerated {
    let mut tolerated = Tolerated::default();
    if !plan.has_tolerance() || source.is_empty() || target.is_empty() {
        return tolerated;
    }
    let targets: Vec<Vec<OwnedValue>> = target.iter().map(|row| unpack(row.values)).collect();
    let mut tries = 0;
    for row in source.iter_mut() {
        let values = unpack(row.values);
        for (other, other_values) in target.iter_mut().zip(&targets) {
            let rows = row.left().min(other.left());
            if rows == 0 || tries == PAIRS_MAX {
                continue;
            }
            tries += 1;
            let unlike = compare(plan, &values, other_values);
            if unlike.changed.is_empty() {
                row.on_other_side += rows;
                other.on_other_side += rows;
                tolerated.rows += rows;
                tolerated.used(&unlike.within, rows);
                let gap = row.hash.wrapping_sub(other.hash).wrapping_mul(u128::from(rows));
                tolerated.gap = tolerated.gap.wrapping_add(gap);
            }
        }
    }
    source.retain(|row| row.left() > 0);
    target.retain(|row| row.left() > 0);
    tolerated
}
