//! Differences between two tables' definitions.
//!
//! Within one engine the definitions must be the same. Across engines they
//! can't be, so what counts there is whether the target can hold all that the
//! source can: a narrower type is reported, a wider one is not.

use switchback_engines::{Column, Engine, Key, Logical, Table};

use super::build::Described;
use crate::outcome::StructureDifference;

pub(super) fn compare(
    source: Described<'_>,
    target: Described<'_>,
    matched: &[(usize, usize)],
) -> Vec<StructureDifference> {
    let mut found = Vec::new();
    for &(s, t) in matched {
        let (Some(a), Some(b)) = (source.table.columns.get(s), target.table.columns.get(t)) else { continue };
        let differs = if source.server.engine == target.server.engine && source.server.flavor == target.server.flavor {
            is_other_type(source.server.engine, a, b)
        } else {
            match (&a.logical, &b.logical) {
                // A type is no bound in SQLite: its columns hold anything.
                _ if [source.server.engine, target.server.engine].contains(&Engine::Sqlite) => false,
                (Some(a), Some(b)) => is_narrower(a, b),
                // Reported as a problem already.
                (None, _) | (_, None) => false,
            }
        };
        if differs {
            found.push(StructureDifference::Type {
                column: a.name.clone(),
                source: a.native.clone(),
                target: b.native.clone(),
            });
        }
        // SQLite calls the columns of a primary key nullable although the
        // application never stores NULL there.
        let in_keys = in_primary_key(source.table, s) && in_primary_key(target.table, t);
        if a.nullable != b.nullable && !in_keys {
            found.push(StructureDifference::Nullability {
                column: a.name.clone(),
                source_nullable: a.nullable,
                target_nullable: b.nullable,
            });
        }
    }
    let (key, other) = (names(source.table), names(target.table));
    let renamed: Vec<String> = key.iter().map(|name| renamed(source.table, target.table, matched, name)).collect();
    if !same_names(&renamed, &other) {
        found.push(StructureDifference::Key { source: key, target: other });
    }
    found
}

/// Whether two columns of one product are of different types. MySQL 8.0.17
/// stopped printing display widths, so there `int(11)` and `int` are the same;
/// the labels of an enum or a set are part of its type.
fn is_other_type(engine: Engine, a: &Column, b: &Column) -> bool {
    let other_text = !a.native.eq_ignore_ascii_case(&b.native);
    match engine {
        Engine::MySql => match a.logical {
            None | Some(Logical::Enum | Logical::Set | Logical::Geometry { .. }) => other_text,
            Some(_) => a.logical != b.logical,
        },
        Engine::Postgres | Engine::SqlServer | Engine::MongoDb | Engine::Sqlite => other_text,
    }
}

fn in_primary_key(table: &Table, column: usize) -> bool {
    table.primary_key.as_ref().is_some_and(|k| k.columns.contains(&column))
}

fn names(table: &Table) -> Vec<String> {
    let columns =
        |key: &Key| key.columns.iter().filter_map(|&c| table.columns.get(c)).map(|c| c.name.clone()).collect();
    table.primary_key.as_ref().map(columns).unwrap_or_default()
}

/// The target's name of a source column.
fn renamed(source: &Table, target: &Table, matched: &[(usize, usize)], name: &str) -> String {
    source
        .column(name)
        .and_then(|(at, _)| matched.iter().find(|&&(s, _)| s == at))
        .and_then(|&(_, t)| target.columns.get(t))
        .map_or_else(|| name.to_owned(), |c| c.name.clone())
}

/// In any order: the order of a key's columns changes no row.
fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

/// Whether a column of type `target` may not hold all values of type `source`.
/// Only for pairs that have a rule.
fn is_narrower(source: &Logical, target: &Logical) -> bool {
    use Logical as L;
    let digits = |l: &Logical| match *l {
        L::Time { digits } | L::TimeTz { digits } | L::Timestamp { digits } | L::Instant { digits } => Some(digits),
        _ => None,
    };
    if let (Some(a), Some(b)) = (digits(source), digits(target)) {
        return b < a;
    }
    match (source, target) {
        (L::Int { .. }, L::Int { .. }) => int_range(source) != int_range(target) && !covers(target, source),
        (L::Int { bits, .. }, L::Decimal { precision: Some(p), scale }) => p.saturating_sub(*scale) < int_digits(*bits),
        (L::Decimal { precision, scale }, L::Decimal { precision: other, scale: other_scale }) => {
            match (precision, other) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(p), Some(q)) => other_scale < scale || q.saturating_sub(*other_scale) < p.saturating_sub(*scale),
            }
        }
        (L::Decimal { .. }, L::Float32 | L::Float64) | (L::Float64, L::Float32) => true,
        (L::Decimal { scale, .. }, L::Int { .. }) => *scale > 0,
        _ => match (chars(source), chars(target)) {
            (_, None) => false,
            (None, Some(_)) => matches!(source, L::Text { .. } | L::Char { .. }),
            (Some(a), Some(b)) => b < a,
        },
    }
}

fn chars(l: &Logical) -> Option<u32> {
    match *l {
        Logical::Char { chars_max } => Some(chars_max),
        // 16 MiB and more is as good as without limit.
        Logical::Text { chars_max } => chars_max.filter(|&n| n < (1 << 24) - 1),
        _ => None,
    }
}

/// Bits of magnitude below and above zero.
fn int_range(l: &Logical) -> (u8, u8) {
    match *l {
        Logical::Int { bits, unsigned: true } => (0, bits),
        Logical::Int { bits, unsigned: false } => (bits.saturating_sub(1), bits.saturating_sub(1)),
        _ => (0, 0),
    }
}

fn covers(wide: &Logical, narrow: &Logical) -> bool {
    let ((a, b), (c, d)) = (int_range(wide), int_range(narrow));
    a >= c && b >= d
}

fn int_digits(bits: u8) -> u32 {
    match bits {
        0..=8 => 3,
        9..=16 => 5,
        17..=24 => 7,
        25..=32 => 10,
        _ => 19,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrower_means_that_a_value_may_not_fit() {
        use Logical as L;
        let int = |bits, unsigned| L::Int { bits, unsigned };
        let dec = |p, s| L::Decimal { precision: Some(p), scale: s };
        assert!(!is_narrower(&int(32, false), &int(64, false)));
        assert!(is_narrower(&int(64, false), &int(32, false)));
        assert!(is_narrower(&int(32, false), &int(32, true)));
        assert!(!is_narrower(&int(32, true), &int(64, false)));
        assert!(is_narrower(&dec(12, 2), &dec(12, 1)));
        assert!(is_narrower(&dec(12, 2), &dec(12, 4)));
        assert!(!is_narrower(&dec(12, 2), &dec(14, 4)));
        assert!(is_narrower(&L::Text { chars_max: None }, &L::Text { chars_max: Some(10) }));
        assert!(is_narrower(&L::Timestamp { digits: 6 }, &L::Timestamp { digits: 0 }));
        assert!(is_narrower(&int(64, true), &dec(18, 0)));
    }
}
