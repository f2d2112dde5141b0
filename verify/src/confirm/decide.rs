//! From readings to differences, without I/O.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use switchback_engines::{OwnedValue, Value, pack};

use super::fetch::{Fetched, Row};
use super::tolerate::{self, Tolerated};
use crate::compare::matching::{Candidate, Hashes};
use crate::difference::{Difference, Kind, Status};
use crate::plan::TablePlan;

/// A later reading of the target and, after it, of the source.
pub(crate) struct Readings {
    pub(crate) plan: Arc<TablePlan>,
    pub(crate) source: Fetched,
    pub(crate) target: Fetched,
    /// The first reading passed over rows that both sides have. None of them has
    /// the identity of a candidate, if unique keys are unique; as indexes break,
    /// no row is called in sync by that reading alone.
    pub(crate) first_in_part: bool,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) decided: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) differences: Vec<Difference>,
    pub(crate) in_sync: u64,
    pub(crate) tolerated: Tolerated,
    /// To be read again; their source is now what was read last.
    pub(crate) hot: Vec<Candidate>,
}

/// The three ways a candidate can go.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    InSync,
    Confirmed,
    Hot,
}

fn way(s1: Option<&Hashes>, s2: &Hashes, t: &Hashes) -> Way {
    if t == s2 || Some(t) == s1 {
        Way::InSync
    } else if s1 == Some(s2) {
        Way::Confirmed
    } else {
        Way::Hot
    }
}

impl Readings {
    pub(crate) fn decide(&self, candidates: Vec<Candidate>, is_last: bool) -> Decided {
        let mut decided = Decided::default();
        for mut candidate in candidates {
            let (source, target) = (self.source.of(&candidate.identity), self.target.of(&candidate.identity));
            let (s2, t) = (hashes(source), hashes(target));
            let way = match way(candidate.source.as_ref(), &s2, &t) {
                Way::InSync if t != s2 && self.first_in_part && !candidate.moved => Way::Hot,
                way => way,
            };
            if way == Way::InSync {
                decided.in_sync += 1;
                continue;
            }
            let (mut only_source, mut only_target) = (surplus(source, target), surplus(target, source));
            let mut tolerated = tolerate::let_through(&self.plan, &mut only_source, &mut only_target);
            tolerated.moved = candidate.moved || candidate.source.as_ref() != Some(&s2) || candidate.target != t;
            let all_tolerated = only_source.is_empty() && only_target.is_empty();
            let status = match way {
                // Also of a row that changes: as it is now, it is the same on both sides.
                _ if all_tolerated => Status::Confirmed,
                Way::InSync | Way::Confirmed => Status::Confirmed,
                Way::Hot if is_last => Status::Unresolved,
                Way::Hot => {
                    candidate.source = Some(s2);
                    candidate.moved = true;
                    decided.hot.push(candidate);
                    continue;
                }
            };
            if tolerated.rows > 0 {
                decided.tolerated.merge(&tolerated);
            }
            self.describe(candidate.range, status, only_source, only_target, &mut decided);
        }
        decided
    }

    /// The rows of one identity that do not cancel, as differences.
    fn describe(
        &self,
        range: u32,
        status: Status,
        only_source: Vec<Surplus>,
        only_target: Vec<Surplus>,
        decided: &mut Decided,
    ) {
        let (mut only_source, mut only_target) = (only_source.into_iter(), only_target.into_iter());
        loop {
            let (s, t) = if self.plan.key_len > 0 {
                (only_source.next(), only_target.next())
            } else {
                // Without a key no row is another version of another row.
                match only_source.next() {
                    Some(s) => (Some(s), None),
                    None => (None, only_target.next()),
                }
            };
            if s.is_none() && t.is_none() {
                return;
            }
            let (difference, within) = self.difference(range, status, s, t);
            decided.tolerated.used(&within, 1);
            decided.differences.push(difference);
        }
    }

    /// Also the columns that differ and don't count.
    fn difference(
        &self,
        range: u32,
        status: Status,
        s: Option<Surplus<'_>>,
        t: Option<Surplus<'_>>,
    ) -> (Difference, Vec<usize>) {
        let kind = match (&s, &t) {
            (Some(_), Some(_)) => Kind::Changed,
            (Some(_), None) => Kind::SourceOnly,
            (None, _) => Kind::TargetOnly,
        };
        let counts = match (&s, &t) {
            // What is left of each after equal rows have cancelled.
            (Some(s), Some(t)) => (s.count - s.on_other_side, t.count - t.on_other_side),
            (Some(s), None) => (s.count, s.on_other_side),
            (None, Some(t)) => (t.on_other_side, t.count),
            (None, None) => (0, 0),
        };
        let (source, target) = (s.map(|s| unpack(s.values)), t.map(|t| unpack(t.values)));
        let unlike = match (&source, &target) {
            (Some(source), Some(target)) => tolerate::compare(&self.plan, source, target),
            _ => tolerate::Unlike::default(),
        };
        let difference = Difference {
            kind,
            status,
            range,
            changed: unlike.changed,
            source,
            target,
            source_count: counts.0,
            target_count: counts.1,
            first_seen: self.first_seen,
            decided: self.decided,
        };
        (difference, unlike.within)
    }
}

/// Positions of the pairs of columns whose values are not equal under their
/// rule, nor within their tolerance.
pub(super) fn changed_columns(plan: &TablePlan, source: &[OwnedValue], target: &[OwnedValue]) -> Vec<usize> {
    tolerate::compare(plan, source, target).changed
}

/// Rows are by hash already.
fn hashes(rows: &[Row]) -> Hashes {
    rows.iter().map(|r| (r.hash, r.count)).collect()
}

/// A row that one side has more often than the other.
pub(super) struct Surplus<'a> {
    pub(super) hash: u128,
    pub(super) values: &'a [u8],
    /// On its own side, and on the other.
    count: u64,
    pub(super) on_other_side: u64,
}

impl Surplus<'_> {
    pub(super) fn left(&self) -> u64 {
        self.count - self.on_other_side
    }
}

fn surplus<'a>(rows: &'a [Row], others: &[Row]) -> Vec<Surplus<'a>> {
    let on_other_side =
        |hash| others.binary_search_by_key(&hash, |r| r.hash).ok().and_then(|at| others.get(at)).map_or(0, |r| r.count);
    rows.iter()
        .filter(|row| row.count > on_other_side(row.hash))
        .map(|row| Surplus {
            hash: row.hash,
            values: row.values(),
            count: row.count,
            on_other_side: on_other_side(row.hash),
        })
        .collect()
}

pub(super) fn unpack(values: &[u8]) -> Vec<OwnedValue> {
    // Packed by this process a moment ago, so it can't fail.
    pack::unpack_all(values).unwrap_or_default().into_iter().map(Value::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn the_rule_of_three_readings() {
        let h = |v| smallvec![(v, 1u64)];
        let none = Hashes::new();
        assert_eq!(way(Some(&h(1)), &h(1), &h(2)), Way::Confirmed);
        assert_eq!(way(Some(&h(1)), &h(1), &none), Way::Confirmed);
        assert_eq!(way(Some(&none), &none, &h(2)), Way::Confirmed);
        assert_eq!(way(Some(&h(1)), &h(2), &h(1)), Way::InSync, "the target is a step behind");
        assert_eq!(way(Some(&h(1)), &h(2), &h(2)), Way::InSync, "the target has caught up");
        assert_eq!(way(Some(&h(1)), &none, &none), Way::InSync, "deleted on both sides");
        assert_eq!(way(Some(&h(1)), &h(2), &h(3)), Way::Hot);
        assert_eq!(way(Some(&h(1)), &h(2), &none), Way::Hot);
        assert_eq!(way(Some(&smallvec![(1, 2)]), &smallvec![(1, 2)], &h(1)), Way::Confirmed, "a duplicate is missing");
        assert_eq!(way(None, &h(1), &h(2)), Way::Hot, "what was not seen in full can't have stood still");
    }
}
