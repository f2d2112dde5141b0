//! Cutting a table into ranges.
//!
//! Boundaries are keys that exist on one side. A boundary serves on both sides
//! only if both servers agree on where it lies among the others: servers order
//! text by different collations, and some order UUIDs by other bytes. So each
//! server is asked to rank the boundaries, and of those only a sequence that
//! strictly ascends on *both* is kept. Each side's ranges are then a partition of
//! that side: no row is read twice and none is left out. That a row may be in
//! another range on the other side is the reconcile pool's business.

use switchback_engines::{Database, Error, KeyRange, KeyValues, QueryFault};

use super::table::TablePlan;

/// Of a range of one side, by the catalog's estimate.
const RANGE_BYTES_TARGET: u64 = 32 << 20;

/// More boundaries than this cost more to plan than they gain.
const RANGES_MAX: u64 = 20_000;

/// The ranges of a table, in the source's order; at least one.
///
/// # Errors
/// When a server can't be asked; a boundary that it does not understand only
/// makes the ranges fewer.
pub(crate) async fn cut(
    plan: &TablePlan,
    source: &dyn Database,
    target: &dyn Database,
    range_rows: u64,
) -> Result<Vec<KeyRange>, Error> {
    let rows = plan.source.row_estimate.max(plan.target.row_estimate);
    let rows_per_range = rows_per_range(plan, rows, range_rows);
    if rows <= rows_per_range + rows_per_range / 2 {
        return Ok(vec![KeyRange::all()]);
    }
    let (source_key, target_key) =
        (key_columns(&plan.source_columns(), plan), key_columns(&plan.target_columns(), plan));
    let keys = if plan.source.row_estimate >= plan.target.row_estimate {
        source.split_keys(&plan.source, &source_key, rows_per_range).await?
    } else {
        target.split_keys(&plan.target, &target_key, rows_per_range).await?
    };
    if keys.is_empty() {
        return Ok(vec![KeyRange::all()]);
    }
    let (by_source, by_target) = tokio::try_join!(
        ranks(source, &plan.source, &source_key, &keys),
        ranks(target, &plan.target, &target_key, &keys)
    )?;
    let (Some(by_source), Some(by_target)) = (by_source, by_target) else {
        return Ok(vec![KeyRange::all()]);
    };
    let kept = ascending_on_both(&by_source, &by_target);
    Ok(between(kept.into_iter().filter_map(|i| keys.get(i).cloned()).collect()))
}

fn rows_per_range(plan: &TablePlan, rows: u64, range_rows: u64) -> u64 {
    let bytes = plan.source.bytes_estimate.max(plan.target.bytes_estimate);
    let row_bytes = bytes.checked_div(rows).unwrap_or(0).max(1);
    let by_bytes = (RANGE_BYTES_TARGET / row_bytes).max(1);
    by_bytes.min(range_rows.max(1)).max(rows / RANGES_MAX)
}

fn key_columns(columns: &[usize], plan: &TablePlan) -> Vec<usize> {
    columns.iter().take(plan.key_len).copied().collect()
}

/// `None` when the server doesn't understand a key of the other one, such as a
/// date that it can't hold: the table is then read in one range.
async fn ranks(
    database: &dyn Database,
    table: &switchback_engines::Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Option<Vec<u64>>, Error> {
    match database.rank_keys(table, key, keys).await {
        Ok(ranks) if ranks.len() == keys.len() => Ok(Some(ranks)),
        Ok(_) | Err(Error::Query { fault: QueryFault::Other | QueryFault::Syntax, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Positions of a longest choice of keys whose ranks strictly ascend on both
/// sides: sorted by one, the longest increasing subsequence by the other
/// (patience sorting, O(n log n)).
fn ascending_on_both(by_source: &[u64], by_target: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..by_source.len()).collect();
    // Among equal source ranks the target's order is turned round, so that no
    // increasing subsequence can take two of them.
    order.sort_by_key(|&i| (by_source.get(i).copied(), std::cmp::Reverse(by_target.get(i).copied())));
    let rank = |i: usize| by_target.get(i).copied().unwrap_or(0);
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; by_source.len()];
    for &i in &order {
        let pile = piles.partition_point(|&top| rank(top) < rank(i));
        if let Some(slot) = before.get_mut(i) {
            *slot = pile.checked_sub(1).and_then(|left| piles.get(left).copied());
        }
        match piles.get_mut(pile) {
            Some(top) => *top = i,
            None => piles.push(i),
        }
    }
    let mut kept = Vec::with_capacity(piles.len());
    let mut at = piles.last().copied();
    while let Some(i) = at {
        kept.push(i);
        at = before.get(i).copied().flatten();
    }
    kept.reverse();
    kept
}

/// Ranges between boundaries, open at both ends.
fn between(boundaries: Vec<KeyValues>) -> Vec<KeyRange> {
    let mut ranges = Vec::with_capacity(boundaries.len() + 1);
    let mut lower = None;
    for boundary in boundaries {
        ranges.push(KeyRange { lower: lower.take(), upper: Some(boundary.clone()) });
        lower = Some(boundary);
    }
    ranges.push(KeyRange { lower, upper: None });
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchback_engines::Value;

    use super::*;

    #[test]
    fn ranges_touch_and_are_open_at_both_ends() {
        let key = |n| vec![Value::Int(n)];
        let ranges = between(vec![key(1), key(5)]);
        assert_eq!(
            ranges,
            [
                KeyRange { lower: None, upper: Some(key(1)) },
                KeyRange { lower: Some(key(1)), upper: Some(key(5)) },
                KeyRange { lower: Some(key(5)), upper: None },
            ]
        );
        assert_eq!(between(Vec::new()), [KeyRange::all()]);
    }

    proptest! {
        #[test]
        fn kept_keys_ascend_on_both_sides(pairs in prop::collection::vec((0u64..20, 0u64..20), 0..30)) {
            let (a, b): (Vec<u64>, Vec<u64>) = pairs.iter().copied().unzip();
            let kept = ascending_on_both(&a, &b);
            for pair in kept.windows(2) {
                prop_assert!(a[pair[0]] < a[pair[1]] && b[pair[0]] < b[pair[1]]);
            }
            prop_assert_eq!(kept.is_empty(), pairs.is_empty());
            // The same order on both sides loses nothing but duplicates.
            let mut distinct = a.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(ascending_on_both(&a, &a).len(), distinct.len());
        }
    }
}
