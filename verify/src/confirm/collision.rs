//! Keys that the target takes for equal and we do not.
//!
//! The source has the rows `Ä` and `a`; the target's collation ignores case and
//! accents and has room for one of them. Reporting the other as merely missing
//! would be true and useless: it can't be inserted. So when the target answers
//! the look-up of a missing key with a row of another key, it is asked how it
//! ranks the two, and a pair of equal rank is reported as a collision.

use std::collections::HashMap;

use switchback_engines::canon::cell;
use switchback_engines::{KeyValues, OwnedValue};

use super::decide;
use super::fetch::Row;
use crate::compare::read::ReadError;
use crate::difference::{Difference, Kind};
use crate::side::SideAccess;

/// Turns rows that are in the source only into collisions where a row of
/// `odd_targets` is in their way; the identities of those target rows.
pub(super) async fn mark(
    target: &SideAccess,
    mut differences: Vec<Difference>,
    odd_targets: Vec<Row>,
) -> Result<(Vec<Difference>, Vec<Box<[u8]>>), ReadError> {
    let missing: Vec<usize> =
        differences.iter().enumerate().filter(|(_, d)| d.kind == Kind::SourceOnly).map(|(at, _)| at).collect();
    if missing.is_empty() {
        return Ok((differences, Vec::new()));
    }
    let key_len = target.plan.key_len;
    let source_keys =
        missing.iter().filter_map(|&at| differences.get(at)).map(|d| key_of(d.source.as_deref(), key_len));
    let odd_keys = odd_targets.iter().map(|row| cell::decode_all(row.identity()).unwrap_or_default());
    let keys: Vec<KeyValues> = odd_keys.chain(source_keys).collect();
    let ranks = target.database.rank_keys(target.table(), target.key(), &keys).await?;
    let (odd_ranks, missing_ranks) = ranks.split_at_checked(odd_targets.len()).unwrap_or((&[], &[]));
    let by_rank: HashMap<u64, &Row> = odd_ranks.iter().copied().zip(&odd_targets).collect();
    let mut collided = Vec::new();
    for (&at, rank) in missing.iter().zip(missing_ranks) {
        if let (Some(row), Some(difference)) = (by_rank.get(rank), differences.get_mut(at)) {
            let values = decide::unpack(row.values());
            difference.kind = Kind::KeyCollision;
            difference.target_count = row.count;
            if let Some(source) = &difference.source {
                difference.changed = decide::changed_columns(&target.plan, source, &values);
            }
            difference.target = Some(values);
            collided.push(row.identity().into());
        }
    }
    Ok((differences, collided))
}

fn key_of(row: Option<&[OwnedValue]>, key_len: usize) -> KeyValues {
    row.and_then(|values| values.get(..key_len)).unwrap_or_default().to_vec()
}
