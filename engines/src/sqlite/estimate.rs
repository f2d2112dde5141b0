//! How large a table is, without reading it.
//!
//! Exact for small files, where counting costs some milliseconds. Otherwise
//! from `ANALYZE`, where somebody ran it; otherwise from the first and the last
//! row number, which is exact for a table that only grew and too much for one
//! with gaps. All of it is capped by what the file could hold if its rows were
//! half as wide as they seem.
//!
//! The bytes are rows times the width of a few rows from both ends. The exact
//! number is in `dbstat`, but that reads every page of the table.

use sqlx::{Row as _, SqliteConnection};

use super::pool;
use super::read::qualified;
use crate::engine::Engine;
use crate::sql;
use crate::table::Table;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// Up to this size a file's tables are counted.
const SMALL_FILE_BYTES: u64 = 64 << 20;

/// From either end of the table.
const SAMPLE_ROWS: u32 = 200;

/// A sum of more terms would go beyond the depth of an expression.
const SAMPLE_COLUMNS: usize = 200;

/// Of a row beside its columns: its number, its length and its place on the page.
const ROW_OVERHEAD_BYTES: u64 = 8;

/// Of a column beside its value: the kind and length of it.
const COLUMN_OVERHEAD_BYTES: u32 = 1;

/// The most that a number takes, whatever its text does.
const NUMBER_BYTES: u32 = 8;

/// `stored` tells of each column whether the file holds it.
pub(super) async fn estimate(
    connection: &mut SqliteConnection,
    table: &Table,
    stored: &[bool],
    without_rowid: bool,
) -> Result<Estimate, sqlx::Error> {
    let file = number(connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").await?;
    let file = file.unwrap_or(0);
    let rowid = if without_rowid { None } else { rowid_name(table) };
    let width = ROW_OVERHEAD_BYTES + width(connection, table, stored, rowid).await?;
    let rows = if file <= SMALL_FILE_BYTES {
        let from = sql::table(Engine::Sqlite, &table.name);
        number(connection, &format!("SELECT count(*) FROM {from}")).await?.unwrap_or(0)
    } else {
        let known = match analyzed(connection, &table.name.name).await? {
            Some(rows) => Some(rows),
            None => numbered(connection, table, rowid).await?,
        };
        known.unwrap_or(u64::MAX).min(file / (width / 2).max(1))
    };
    Ok(Estimate { rows, bytes: rows.saturating_mul(width).min(file) })
}

/// By which name the row number can be had: a column may have taken one.
pub(super) fn rowid_name(table: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
}

/// The bytes of an average row, from both ends of the table.
pub(super) async fn width(
    connection: &mut SqliteConnection,
    table: &Table,
    stored: &[bool],
    rowid: Option<&str>,
) -> Result<u64, sqlx::Error> {
    let columns: Vec<_> = table.columns.iter().zip(stored).filter(|(_, stored)| **stored).map(|(c, _)| c).collect();
    let terms: Vec<String> = columns
        .iter()
        .take(SAMPLE_COLUMNS)
        .map(|column| {
            let name = qualified(table, column);
            let bytes = format!("coalesce(octet_length({name}), 0)");
            format!(
                "{COLUMN_OVERHEAD_BYTES} + iif(typeof({name}) IN ('integer', 'real'), min({bytes}, {NUMBER_BYTES}), {bytes})"
            )
        })
        .collect();
    let (Some(share), true) = (columns.len().checked_div(terms.len()), !terms.is_empty()) else {
        return Ok(0);
    };
    let some = format!("SELECT {} AS w FROM {}", terms.join(" + "), sql::table(Engine::Sqlite, &table.name));
    let both_ends = match rowid {
        Some(rowid) => format!(
            "SELECT w FROM ({some} ORDER BY {rowid} LIMIT {SAMPLE_ROWS}) UNION ALL \
             SELECT w FROM ({some} ORDER BY {rowid} DESC LIMIT {SAMPLE_ROWS})"
        ),
        None => format!("{some} LIMIT {SAMPLE_ROWS}"),
    };
    let average = number(connection, &format!("SELECT CAST(avg(w) AS INTEGER) FROM ({both_ends})")).await?;
    Ok(average.unwrap_or(0).saturating_mul(share as u64))
}

/// The rows that `ANALYZE` counted: the first word of its statistics. An index
/// with a condition counts fewer, so the largest number is the table's.
async fn analyzed(connection: &mut SqliteConnection, table: &str) -> Result<Option<u64>, sqlx::Error> {
    let there = number(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'").await?;
    if there != Some(1) {
        return Ok(None);
    }
    let query = "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE";
    let row = pool::prepared(query.to_owned()).bind(table.to_owned()).fetch_one(connection).await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.map(i64::unsigned_abs))
}

/// The span of the row numbers, each end found by one dive into the tree.
async fn numbered(
    connection: &mut SqliteConnection,
    table: &Table,
    rowid: Option<&str>,
) -> Result<Option<u64>, sqlx::Error> {
    let Some(rowid) = rowid else { return Ok(None) };
    let from = sql::table(Engine::Sqlite, &table.name);
    let query = format!("SELECT (SELECT max({rowid}) FROM {from}), (SELECT min({rowid}) FROM {from})");
    let row = pool::once(query).fetch_one(connection).await?;
    let (last, first): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Some(last.zip(first).map_or(0, |(last, first)| last.abs_diff(first).saturating_add(1))))
}

async fn number(connection: &mut SqliteConnection, query: &str) -> Result<Option<u64>, sqlx::Error> {
    let row = pool::once(query.to_owned()).fetch_one(connection).await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.map(i64::unsigned_abs))
}
