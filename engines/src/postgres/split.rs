//! Cutting a table into ranges.
//!
//! Every comparison is left to the server: keys come out of an `ORDER BY` of the
//! key's own columns, so of their own operator class and collation, which is
//! also what a range's conditions use.

use super::decode::{self, CopyDecoder};
use super::pool::Pool;
use super::scalar::scalar;
use super::{copy, types};
use crate::engine::Engine;
use crate::error::Result;
use crate::range::KeyValues;
use crate::sql;
use crate::table::{Column, Table};

/// Up to here all keys are read, in one pass over the index where there is one:
/// the cuts are then exact, and no sample has to be judged.
const EXACT_ROWS_MAX: u64 = 250_000;

/// Pages to sample for each range. Rows of a page tend to have neighbouring
/// keys, so it is pages that make a sample even and not rows.
const PAGES_PER_RANGE: u64 = 30;
const PAGES_MIN: u64 = 300;
const PAGES_MAX: u64 = 100_000;

/// Keys to sort for each range, thinned out of the sampled pages.
const KEYS_PER_RANGE: u64 = 60;
const KEYS_MAX: u64 = 2_000_000;

/// A sample with fewer keys for each range is dropped for an exact pass.
const KEYS_PER_RANGE_MIN: u64 = 8;

/// What to cut, and how finely.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    pub(super) from: &'a str,
    pub(super) table: &'a Table,
    pub(super) key: &'a [usize],
    pub(super) rows_per_range: u64,
}

pub(super) async fn split_keys(pool: &Pool, cut: Cut<'_>) -> Result<Vec<KeyValues>> {
    let rows_per_range = cut.rows_per_range.max(1);
    let ranges = cut.table.row_estimate.div_ceil(rows_per_range);
    if ranges < 2 || cut.key.is_empty() {
        return Ok(Vec::new());
    }
    let decoder = CopyDecoder::new(cut.table, cut.key)?;
    if cut.table.row_estimate > EXACT_ROWS_MAX {
        let keys = keys(pool, &cut, &decoder, &sample(&cut, page_count(pool, &cut).await?)?).await?;
        if !keys.is_empty() {
            return Ok(keys);
        }
    }
    keys(pool, &cut, &decoder, &exact(&cut)?).await
}

async fn keys(pool: &Pool, cut: &Cut<'_>, decoder: &CopyDecoder, query: &str) -> Result<Vec<KeyValues>> {
    let what = format!("cutting `{}` into ranges", cut.table.name);
    let mut keys = Vec::new();
    for batch in copy::collect(pool, &what, query).await? {
        keys.extend(decoder.decode_owned(&batch)?);
    }
    Ok(keys)
}

/// Pages that hold the rows now, partitions included.
async fn page_count(pool: &Pool, cut: &Cut<'_>) -> Result<u64> {
    const PAGES: &str = "SELECT int8(coalesce(sum(pg_relation_size(r.oid)), 0) \
        / current_setting('block_size')::int8) \
        FROM (SELECT t.oid FROM (SELECT $1::text::regclass::oid) t (oid) \
        UNION SELECT p.relid FROM pg_partition_tree($1::text::regclass) p) r";
    let what = format!("sizing `{}`", cut.table.name);
    let name = sql::table(Engine::Postgres, &cut.table.name);
    let pages: Option<i64> = scalar(pool, &what, PAGES.to_owned(), &[&name]).await?;
    Ok(pages.and_then(|pages| u64::try_from(pages).ok()).unwrap_or(0))
}

/// Every `rows_per_range`-th key. Unlike a walk with `OFFSET`, which reads as
/// many keys, this is one statement on one snapshot.
fn exact(cut: &Cut<'_>) -> Result<String> {
    let columns = KeyColumns::of(cut)?;
    let numbered = format!(
        "SELECT {}, row_number() OVER (ORDER BY {}) AS place FROM {}{}",
        columns.aliased, columns.names, cut.from, columns.not_null
    );
    Ok(columns.distinct(&numbered, &format!("(place - 1) % {} = 0 AND place > 1", cut.rows_per_range.max(1))))
}

/// Cuts at the quantiles of a sample. How many follows from the sample, not
/// from the statistics, which may be old.
fn sample(cut: &Cut<'_>, pages: u64) -> Result<String> {
    let columns = KeyColumns::of(cut)?;
    let ranges = cut.table.row_estimate.div_ceil(cut.rows_per_range.max(1));
    let pages_wanted = ranges.saturating_mul(PAGES_PER_RANGE).clamp(PAGES_MIN, PAGES_MAX);
    let page_share = share(pages_wanted, pages);
    let keys_there = cut.table.row_estimate as f64 * page_share;
    let keys_wanted = ranges.saturating_mul(KEYS_PER_RANGE).min(KEYS_MAX);
    let key_share = (keys_wanted as f64 / keys_there.max(1.0)).min(1.0);
    // `{}` of a double is plain digits, never an exponent.
    let numbered = format!(
        "SELECT {}, row_number() OVER (ORDER BY {}) AS place, count(*) OVER () AS sampled \
         FROM {} TABLESAMPLE SYSTEM ({}){} {} random() < {key_share}",
        columns.aliased,
        columns.names,
        cut.from,
        page_share * 100.0,
        columns.not_null,
        if columns.not_null.is_empty() { "WHERE" } else { "AND" },
    );
    let rows_per_key = 1.0 / (page_share * key_share);
    let counted = format!(
        "SELECT *, greatest(1, round(sampled * {rows_per_key} / {})::int8) AS ranges FROM ({numbered}) n",
        cut.rows_per_range.max(1)
    );
    let condition = format!(
        "sampled >= ranges * {KEYS_PER_RANGE_MIN} AND place > 1 \
         AND place * ranges / sampled <> (place - 1) * ranges / sampled AND place < sampled"
    );
    Ok(columns.distinct(&counted, &condition))
}

/// The part of `whole` that is `part`, and never nothing.
fn share(part: u64, whole: u64) -> f64 {
    if part >= whole { 1.0 } else { part as f64 / whole as f64 }
}

/// A key's columns, spelled for the places where they are needed.
struct KeyColumns {
    /// `"id", "amount"`.
    names: String,
    /// `"id" AS c0, "amount" AS c1`.
    aliased: String,
    /// `c0, c1`.
    aliases: String,
    /// `c0, c1::numeric`.
    values: String,
    /// A `WHERE` for keys with NULL, which are in the first range by rule.
    not_null: String,
}

impl KeyColumns {
    fn of(cut: &Cut<'_>) -> Result<Self> {
        let columns = decode::columns(cut.table, cut.key)?;
        let name = |column: &Column| sql::name(Engine::Postgres, &column.name);
        let alias = |i: usize| format!("c{i}");
        let list = |spell: &dyn Fn(usize, &Column) -> String| {
            columns.iter().enumerate().map(|(i, c)| spell(i, c)).collect::<Vec<_>>().join(", ")
        };
        let not_null: Vec<String> =
            columns.iter().filter(|c| c.nullable).map(|c| sql::is_not_null(Engine::Postgres, c)).collect();
        let not_null: Vec<Option<&str>> = not_null.iter().map(|c| Some(c.as_str())).collect();
        Ok(Self {
            names: list(&|_, c| name(c)),
            aliased: list(&|i, c| format!("{} AS {}", name(c), alias(i))),
            aliases: list(&|i, _| alias(i)),
            values: list(&|i, c| types::expression(c, &alias(i))),
            not_null: sql::where_clause(&not_null),
        })
    }

    /// The keys of `numbered` that meet `condition`, sorted, those that the
    /// server takes for equal once.
    fn distinct(&self, numbered: &str, condition: &str) -> String {
        let Self { values, aliases, .. } = self;
        format!(
            "SELECT {values} FROM (SELECT DISTINCT {aliases} FROM ({numbered}) s WHERE {condition}) d \
             ORDER BY {aliases}"
        )
    }
}
