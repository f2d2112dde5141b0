//! Rows into batches.
//!
//! The connection's own thread steps through the result; the task here packs
//! each row into the current batch (see `wire`). Cells go by their storage class:
//! the class is asked of each value and then exactly the function for that class
//! is called, so SQLite never converts one.
//!
//! Columns are selected by their qualified names. An unqualified name in double
//! quotes that is no column is, to SQLite, a string: were a column dropped
//! between the description and the read, it would return its own name for every
//! row. For the same reason the columns of the key are always selected as well:
//! [`sql::in_range`] names them without the table.

use std::ops::Range;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row as _, Sqlite as Driver, SqliteConnection, TypeInfo as _, ValueRef as _};
use tokio::sync::mpsc;

use super::connect::Encoding;
use super::{Sqlite, fault, pool, wire};
use crate::batch::{BATCH_BYTES, RawBatch};
use crate::database::{ReadRequest, Scope};
use crate::engine::Engine;
use crate::error::{Error, QueryFault, Result};
use crate::sql;
use crate::table::{Column, Table};

/// Room for the row that crosses the line.
const BATCH_CAPACITY: usize = BATCH_BYTES + BATCH_BYTES / 16;

pub(super) async fn count(db: &Sqlite, table: &Table, filter: Option<&str>) -> Result<u64> {
    let query =
        format!("SELECT count(*) FROM {}{}", sql::table(Engine::Sqlite, &table.name), sql::where_clause(&[filter]));
    let mut lease = db.pool.lease().await?;
    let count: i64 = pool::once(query)
        .fetch_one(lease.connection())
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|e| fault::querying(&db.info.location, format!("counting `{}`", table.name), e))?;
    lease.release();
    Ok(count.unsigned_abs())
}

pub(super) async fn read(db: &Sqlite, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
    let mut lease = db.pool.lease().await?;
    let sent = pump(&db.info.location, db.encoding, lease.connection(), &request, &out).await?;
    if sent.whole {
        lease.release();
    }
    Ok(sent.row_count)
}

/// What became of a read.
pub(super) struct Sent {
    pub(super) row_count: u64,
    /// Whether the result was read to its end; if not, the statement still runs.
    pub(super) whole: bool,
}

/// Sends the rows of `request`, until there are no more or nobody wants them.
pub(super) async fn pump(
    location: &str,
    encoding: Encoding,
    connection: &mut SqliteConnection,
    request: &ReadRequest<'_>,
    out: &mpsc::Sender<RawBatch>,
) -> Result<Sent> {
    let columns = columns_of(request.table, request.columns)?;
    let query = select(encoding, request, &columns)?;
    let failed = |e| fault::querying(location, format!("reading `{}`", request.table.name), e);

    let mut rows = pool::once(query).fetch(connection);
    let mut gone = pin!(out.closed());
    let mut row_count = 0;
    let mut batch = RawBatch::default();
    loop {
        // A filter may find nothing for hours; the receiver's end must be
        // noticed all the same. Rows first: they are what there is to do.
        let row = tokio::select! {
            biased;
            row = rows.try_next() => row.map_err(failed)?,
            () = &mut gone => return Ok(Sent { row_count, whole: false }),
        };
        if let Some(row) = &row {
            if batch.bytes.capacity() == 0 {
                batch.bytes.reserve(BATCH_CAPACITY);
            }
            put_row(row, 0..columns.len(), encoding, &mut batch.bytes).map_err(failed)?;
            batch.row_count += 1;
        }
        if batch.bytes.len() >= BATCH_BYTES || (row.is_none() && batch.row_count > 0) {
            let count = batch.row_count as u64;
            if out.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(Sent { row_count, whole: false });
            }
            row_count += count;
        }
        if row.is_none() {
            return Ok(Sent { row_count, whole: true });
        }
    }
}

/// The columns at `positions`, which come from a caller that may hold another
/// table's description.
pub(super) fn columns_of<'a>(table: &'a Table, positions: &[usize]) -> Result<Vec<&'a Column>> {
    positions
        .iter()
        .map(|&i| {
            table.columns.get(i).ok_or_else(|| Error::Query {
                location: table.name.to_string(),
                what: "finding a column by its position".to_owned(),
                fault: QueryFault::Missing,
                source: format!("position {i} of {} columns", table.columns.len()).into(),
            })
        })
        .collect()
}

/// `"table"."column"`.
pub(super) fn qualified(table: &Table, column: &Column) -> String {
    format!("{}.{}", sql::table(Engine::Sqlite, &table.name), sql::name(Engine::Sqlite, &column.name))
}

fn select(encoding: Encoding, request: &ReadRequest<'_>, columns: &[&Column]) -> Result<String> {
    let table = request.table;
    let (key, condition): (&[usize], _) = match &request.scope {
        Scope::All => (&[], None),
        Scope::Range { key, range } => (key, sql::in_range(Engine::Sqlite, table, key, range)),
        Scope::Keys { values: [], .. } => (&[], Some("FALSE".to_owned())),
        Scope::Keys { key, values } => (key, Some(sql::in_keys(Engine::Sqlite, table, key, values))),
    };
    let mut list: Vec<String> = columns.iter().map(|column| project(encoding, &qualified(table, column))).collect();
    for column in columns_of(table, key)? {
        if !columns.iter().any(|c| c.name == column.name) {
            list.push(qualified(table, column));
        }
    }
    if list.is_empty() {
        list.push("NULL".to_owned());
    }
    Ok(format!(
        "SELECT {} FROM {}{}",
        list.join(", "),
        sql::table(Engine::Sqlite, &table.name),
        sql::where_clause(&[condition.as_deref(), request.filter])
    ))
}

/// What is selected for a column.
///
/// From a file in UTF-16 text is read as the bytes it is, with a mark beside
/// it: SQLite's own way to UTF-8 makes the same characters of a lone surrogate
/// and of a pair, so different texts would be read as equal.
pub(super) fn project(encoding: Encoding, column: &str) -> String {
    match encoding {
        Encoding::Utf8 => column.to_owned(),
        Encoding::Utf16Le | Encoding::Utf16Be => format!(
            "CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END, typeof({column}) = 'text'"
        ),
    }
}

/// Copies the columns at `columns` of a row that was selected with [`project`]
/// from its first column on.
pub(super) fn put_row(
    row: &SqliteRow,
    columns: Range<usize>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> Result<(), sqlx::Error> {
    let text = match encoding {
        Encoding::Utf8 => {
            for i in columns {
                put_cell(row.try_get_raw(i)?, wire::tag::BLOB, out)?;
            }
            return Ok(());
        }
        Encoding::Utf16Le => wire::tag::TEXT_UTF16LE,
        Encoding::Utf16Be => wire::tag::TEXT_UTF16BE,
    };
    for i in columns {
        let is_text: bool = row.try_get(2 * i + 1)?;
        put_cell(row.try_get_raw(2 * i)?, if is_text { text } else { wire::tag::BLOB }, out)?;
    }
    Ok(())
}

/// Copies one value, by its storage class. `blob` is the tag for bytes.
fn put_cell(cell: SqliteValueRef<'_>, blob: u8, out: &mut Vec<u8>) -> Result<(), sqlx::Error> {
    // The driver gives NULL the declared type, so it must be asked for first;
    // of all other values it gives the storage class.
    if cell.is_null() {
        out.push(wire::tag::NULL);
        return Ok(());
    }
    let class = cell.type_info();
    match class.name() {
        "INTEGER" => wire::put_integer(out, decoded(cell)?),
        "REAL" => wire::put_real(out, decoded(cell)?),
        // As bytes: whether they are valid text is for the decoder to say.
        "TEXT" => wire::put_block(out, wire::tag::TEXT, decoded(cell)?),
        "BLOB" => wire::put_block(out, blob, decoded(cell)?),
        _ => return Err(sqlx::Error::Protocol("a value of no known storage class".to_owned())),
    }
    Ok(())
}

fn decoded<'r, T: Decode<'r, Driver>>(cell: SqliteValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(cell).map_err(sqlx::Error::Decode)
}
