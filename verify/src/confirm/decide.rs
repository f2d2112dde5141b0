//! From readings to differences, without I/O.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use switchback_engines::{OwnedValue, Value, canon, pack};

use super::fetch::{Fetched, Row};
use crate::compare::matching::{Candidate, Hashes};
use crate::difference::{Difference, Kind, Status};
use crate::plan::TablePlan;

/// A later reading of the target and, after it, of the source.
pub(crate) struct Readings {
    pub(crate) plan: Arc<TablePlan>,
    pub(crate) source: Fetched,
    pub(crate) target: Fetched,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) decided: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) differences: Vec<Difference>,
    pub(crate) in_sync: u64,
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
            let status = match way(candidate.source.as_ref(), &s2, &t) {
                Way::InSync => {
                    decided.in_sync += 1;
                    continue;
                }
                Way::Confirmed => Status::Confirmed,
                Way::Hot if is_last => Status::Unresolved,
                Way::Hot => {
                    candidate.source = Some(s2);
                    decided.hot.push(candidate);
                    continue;
                }
            };
            self.describe(candidate.range, status, source, target, &mut decided.differences);
        }
        decided
    }

    /// The rows of one identity that do not cancel, as differences.
    fn describe(&self, range: u32, status: Status, source: &[Row], target: &[Row], out: &mut Vec<Difference>) {
        let mut only_source = surplus(source, target).into_iter();
        let mut only_target = surplus(target, source).into_iter();
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
            out.push(self.difference(range, status, s, t));
        }
    }

    fn difference(&self, range: u32, status: Status, s: Option<Surplus>, t: Option<Surplus>) -> Difference {
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
        let (source, target) = (s.map(|s| unpack(&s.values)), t.map(|t| unpack(&t.values)));
        let changed = match (&source, &target) {
            (Some(source), Some(target)) => changed_columns(&self.plan, source, target),
            _ => Vec::new(),
        };
        Difference {
            kind,
            status,
            range,
            changed,
            source,
            target,
            source_count: counts.0,
            target_count: counts.1,
            first_seen: self.first_seen,
            decided: self.decided,
        }
    }
}

/// Positions of the pairs of columns whose values are not equal under their
/// rule.
pub(super) fn changed_columns(plan: &TablePlan, source: &[OwnedValue], target: &[OwnedValue]) -> Vec<usize> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut differs = |rule, s: &Value<'_>, t: &Value<'_>| {
        a.clear();
        b.clear();
        canon::encode(rule, s, &mut a);
        canon::encode(rule, t, &mut b);
        a != b
    };
    plan.columns
        .iter()
        .zip(source.iter().zip(target))
        .enumerate()
        .filter_map(|(at, (pair, (s, t)))| differs(&pair.rule, s, t).then_some(at))
        .collect()
}

/// Rows are by hash already.
fn hashes(rows: &[Row]) -> Hashes {
    rows.iter().map(|r| (r.hash, r.count)).collect()
}

/// A row that one side has more often than the other.
struct Surplus {
    values: Box<[u8]>,
    /// On its own side, and on the other.
    count: u64,
    on_other_side: u64,
}

fn surplus(rows: &[Row], others: &[Row]) -> Vec<Surplus> {
    let on_other_side =
        |hash| others.binary_search_by_key(&hash, |r| r.hash).ok().and_then(|at| others.get(at)).map_or(0, |r| r.count);
    rows.iter()
        .filter(|row| row.count > on_other_side(row.hash))
        .map(|row| Surplus { values: row.values.clone(), count: row.count, on_other_side: on_other_side(row.hash) })
        .collect()
}

pub(super) fn unpack(values: &[u8]) -> Vec<OwnedValue> {
    // Packed by this process a moment ago, so it can't fail.
    pack::unpack_all(values).unwrap_or_default().into_iter().map(Value::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_three_readings() {
        let h = |v| vec![(v, 1u64)];
        let none: Hashes = Vec::new();
        assert_eq!(way(Some(&h(1)), &h(1), &h(2)), Way::Confirmed);
        assert_eq!(way(Some(&h(1)), &h(1), &none), Way::Confirmed);
        assert_eq!(way(Some(&none), &none, &h(2)), Way::Confirmed);
        assert_eq!(way(Some(&h(1)), &h(2), &h(1)), Way::InSync, "the target is a step behind");
        assert_eq!(way(Some(&h(1)), &h(2), &h(2)), Way::InSync, "the target has caught up");
        assert_eq!(way(Some(&h(1)), &none, &none), Way::InSync, "deleted on both sides");
        assert_eq!(way(Some(&h(1)), &h(2), &h(3)), Way::Hot);
        assert_eq!(way(Some(&h(1)), &h(2), &none), Way::Hot);
        assert_eq!(way(Some(&vec![(1, 2)]), &vec![(1, 2)], &h(1)), Way::Confirmed, "a duplicate is missing");
        assert_eq!(way(None, &h(1), &h(2)), Way::Hot, "what was not seen in full can't have stood still");
    }
}
