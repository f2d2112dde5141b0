//! Keys that cut a table into ranges of about the same size.
//!
//! Between the lowest and the highest key lie points that are easily computed
//! ([`super::probe`]); the index says in no time which key comes next after
//! each, and about how many rows lie between two of them. Ranges that came out
//! too large are probed again. What doesn't yield to that, because the key says
//! nothing of distances or its first column repeats, is walked over row by row
//! in the index, which costs the server about half of what reading it would.
//!
//! Balance is all that depends on any of this. That the keys exist, ascend and
//! differ is the server's own word.

use super::pool::{Lease, Pool};
use super::wire::connection::Grid;
use super::{probe, rank, read};
use crate::engine::{Engine, ServerInfo};
use crate::error::Result;
use crate::range::{KeyRange, KeyValues};
use crate::sql;
use crate::table::{Logical, Table};
use crate::value::OwnedValue;

/// More ranges than this are of no use to anybody: they become larger instead.
const RANGES_MAX: u64 = 10_000;
/// How often what is still too large is probed again.
const ROUNDS_MAX: usize = 6;
/// So many probes go in one statement: a round trip costs more than each.
const PROBES_AT_ONCE: usize = 64;

pub(super) async fn split_keys(
    pool: &Pool,
    server: &ServerInfo,
    table: &Table,
    key: &[usize],
    rows_per_range: u64,
) -> Result<Vec<KeyValues>> {
    // The index of an ENUM or SET is in the order of definition, but to be
    // compared with a label they are text: ranges would overlap.
    let by_number = |&i: &usize| {
        table.columns.get(i).is_none_or(|c| matches!(c.logical, None | Some(Logical::Enum | Logical::Set)))
    };
    if key.is_empty() || key.iter().any(by_number) {
        return Ok(Vec::new());
    }
    let step = rows_per_range.max(1).max(table.row_estimate / RANGES_MAX);
    let what = format!("finding ranges in `{}`", table.name);
    let mut splitter = Splitter { lease: pool.lease().await?, server, table, key, step, what };
    if !splitter.has_index().await? {
        return Ok(Vec::new());
    }
    // One look at the index instead of a statistic: a small table stays whole,
    // and a large one is not taken for a small one.
    if splitter.nth(&KeyRange::all(), step).await?.is_none() {
        return Ok(Vec::new());
    }
    let keys = splitter.probe().await?;
    splitter.even_out(keys).await
}

struct Splitter<'a> {
    lease: Lease<'a>,
    server: &'a ServerInfo,
    table: &'a Table,
    key: &'a [usize],
    /// Rows that a range shall have.
    step: u64,
    what: String,
}

impl Splitter<'_> {
    /// Whether the rows come in the order of the key without being sorted.
    async fn has_index(&mut self) -> Result<bool> {
        let plan = self.explain(&[self.select(&KeyRange::all(), None, "", "LIMIT 1")]).await?;
        let extra = plan.columns.iter().position(|name| name == "Extra");
        let sorts = |row: &Vec<Option<String>>| {
            let text = extra.and_then(|i| row.get(i)).and_then(|cell| cell.as_deref());
            text.is_some_and(|text| text.contains("filesort"))
        };
        Ok(!plan.rows.iter().any(sorts))
    }

    /// Keys found near evenly spread points, again and again where there are
    /// too many rows between two of them; ascending.
    async fn probe(&mut self) -> Result<Vec<KeyValues>> {
        let (Some(lowest), Some(highest)) = (self.end("").await?, self.end("DESC").await?) else {
            return Ok(Vec::new());
        };
        let mut keys: Vec<KeyValues> = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let counts = self.estimate(&keys).await?;
            let mut looks = Vec::new();
            for (range, rows) in ranges(&keys).into_iter().zip(&counts) {
                if *rows <= self.step + self.step / 2 {
                    continue;
                }
                let low = range.lower.as_ref().unwrap_or(&lowest).first();
                let high = range.upper.as_ref().unwrap_or(&highest).first();
                if let (Some(low), Some(high)) = (low, high) {
                    let pieces = rows.div_ceil(self.step).min(RANGES_MAX);
                    looks.extend(probe::between(low, high, pieces).into_iter().map(|point| (range.clone(), point)));
                }
            }
            let before = keys.len();
            for some in looks.chunks(PROBES_AT_ONCE) {
                let found: Vec<String> = some
                    .iter()
                    .map(|(range, point)| format!("({})", self.select(range, Some(point), "", "LIMIT 1")))
                    .collect();
                keys.extend(self.few(&found.join(" UNION ALL ")).await?);
            }
            keys = self.sorted(keys).await?;
            if keys.len() == before {
                break;
            }
        }
        Ok(keys)
    }

    /// Walks over ranges that are too large still, and joins those that are too
    /// small.
    async fn even_out(&mut self, keys: Vec<KeyValues>) -> Result<Vec<KeyValues>> {
        let counts = self.estimate(&keys).await?;
        let mut even = Vec::new();
        let mut rows = 0;
        for (range, count) in ranges(&keys).into_iter().zip(counts) {
            if count > 3 * self.step || keys.is_empty() {
                even.extend(self.walk(&range).await?);
                rows = self.step;
            } else {
                rows += count;
            }
            // Where the next range begins, unless this one goes on.
            if let Some(upper) = range.upper.filter(|_| rows >= self.step - self.step / 4) {
                even.push(upper);
                rows = 0;
            }
        }
        Ok(even)
    }

    /// Each key that is `step` rows after the one before.
    async fn walk(&mut self, range: &KeyRange) -> Result<Vec<KeyValues>> {
        let mut keys: Vec<KeyValues> = Vec::new();
        let mut rest = range.clone();
        while let Some(next) = self.nth(&rest, self.step).await? {
            if keys.last() == Some(&next) || keys.len() as u64 >= RANGES_MAX {
                break;
            }
            rest.lower = Some(next.clone());
            keys.push(next);
        }
        Ok(keys)
    }

    /// The lowest key of all, or the highest with `DESC`.
    async fn end(&mut self, direction: &str) -> Result<Option<KeyValues>> {
        let statement = self.select(&KeyRange::all(), None, direction, "LIMIT 1");
        Ok(self.few(&statement).await?.pop())
    }

    /// The key with `n` rows of `range` before it.
    async fn nth(&mut self, range: &KeyRange, n: u64) -> Result<Option<KeyValues>> {
        let statement = self.select(range, None, "", &format!("LIMIT 1 OFFSET {n}"));
        Ok(self.few(&statement).await?.pop())
    }

    async fn few(&mut self, statement: &str) -> Result<Vec<KeyValues>> {
        read::few(&mut self.lease, &self.what, self.table, self.key, statement).await
    }

    /// Ascending and without repetition, as the server sees it.
    async fn sorted(&mut self, keys: Vec<KeyValues>) -> Result<Vec<KeyValues>> {
        let ranks = rank::rank(&mut self.lease, self.server, self.table, self.key, &keys).await?;
        let mut ranked: Vec<(u64, KeyValues)> = ranks.into_iter().zip(keys).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.dedup_by_key(|(rank, _)| *rank);
        Ok(ranked.into_iter().map(|(_, key)| key).collect())
    }

    /// About how many rows lie in each of the ranges that `keys` cut, as the
    /// server's optimiser sees it: two looks at the index for each.
    async fn estimate(&mut self, keys: &[KeyValues]) -> Result<Vec<u64>> {
        let all = ranges(keys);
        let mut counts = Vec::with_capacity(all.len());
        for some in all.chunks(PROBES_AT_ONCE) {
            let selects: Vec<String> = some.iter().map(|range| self.from(range, None, "1")).collect();
            let plan = self.explain(&selects).await?;
            let rows = plan.columns.iter().position(|name| name == "rows");
            let number = |row: Vec<Option<String>>| row.into_iter().nth(rows?)??.parse::<u64>().ok();
            let mut estimates: Vec<u64> = plan.rows.into_iter().map(|row| number(row).unwrap_or(0)).collect();
            // A plan with other steps than one for each range says nothing.
            if estimates.len() != some.len() {
                estimates = vec![self.step; some.len()];
            }
            counts.extend(estimates);
        }
        Ok(calibrated(counts, self.table.row_estimate))
    }

    async fn explain(&mut self, selects: &[String]) -> Result<Grid> {
        let statement = format!("EXPLAIN FORMAT=TRADITIONAL {}", selects.join(" UNION ALL "));
        self.lease.query(&self.what, &statement).await
    }

    /// The keys of `range` in their order, from `point` on.
    fn select(&self, range: &KeyRange, point: Option<&OwnedValue>, direction: &str, limit: &str) -> String {
        let order: Vec<String> = self
            .key
            .iter()
            .filter_map(|&i| self.table.columns.get(i))
            .map(|c| format!("{} {direction}", sql::name(Engine::MySql, &c.name)))
            .collect();
        let list = read::select_list(self.table, self.key);
        format!("{} ORDER BY {} {limit}", self.from(range, point, &list), order.join(", "))
    }

    /// `list` of the rows in `range` whose first column is `point` or beyond.
    /// Rows without a whole key have no place in the order.
    fn from(&self, range: &KeyRange, point: Option<&OwnedValue>, list: &str) -> String {
        let in_range = sql::in_range(Engine::MySql, self.table, self.key, range);
        let beyond = point.and_then(|point| {
            let from = KeyRange { lower: Some(vec![point.clone()]), upper: None };
            sql::in_range(Engine::MySql, self.table, self.key.get(..1)?, &from)
        });
        let nullable = self.key.iter().filter_map(|&i| self.table.columns.get(i)).filter(|c| c.nullable);
        let whole: Vec<String> =
            nullable.map(|c| format!("{} IS NOT NULL", sql::name(Engine::MySql, &c.name))).collect();
        let whole = (!whole.is_empty()).then(|| whole.join(" AND "));
        format!(
            "SELECT {list} FROM {}{}",
            sql::table(Engine::MySql, &self.table.name),
            sql::where_clause(&[in_range.as_deref(), beyond.as_deref(), whole.as_deref()])
        )
    }
}

/// The ranges between `keys`, open at both ends.
fn ranges(keys: &[KeyValues]) -> Vec<KeyRange> {
    let lowers = std::iter::once(None).chain(keys.iter().cloned().map(Some));
    let uppers = keys.iter().cloned().map(Some).chain(std::iter::once(None));
    lowers.zip(uppers).map(|(lower, upper)| KeyRange { lower, upper }).collect()
}

/// InnoDB takes long ranges for up to twice as long as they are, so that all
/// of them together have more rows than the table.
fn calibrated(counts: Vec<u64>, total: u64) -> Vec<u64> {
    let sum: u64 = counts.iter().sum();
    if total == 0 || sum <= total {
        return counts;
    }
    // No further down than that: it may be the total that is wrong.
    let total = total.max(sum / 3);
    let scale = |count: u64| u64::try_from(u128::from(count) * u128::from(total) / u128::from(sum)).unwrap_or(count);
    counts.into_iter().map(scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn ranges_leave_nothing_out() {
        let key = |n| vec![Value::Int(n)];
        assert_eq!(ranges(&[]), [KeyRange::all()]);
        assert_eq!(
            ranges(&[key(1), key(5)]),
            [
                KeyRange { lower: None, upper: Some(key(1)) },
                KeyRange { lower: Some(key(1)), upper: Some(key(5)) },
                KeyRange { lower: Some(key(5)), upper: None },
            ]
        );
    }

    #[test]
    fn counts_are_scaled_down_only() {
        assert_eq!(calibrated(vec![100, 100], 100), [50, 50]);
        assert_eq!(calibrated(vec![100, 100], 400), [100, 100]);
        assert_eq!(calibrated(vec![100, 100], 0), [100, 100]);
        assert_eq!(calibrated(vec![300, 300], 1), [100, 100]);
    }
}
