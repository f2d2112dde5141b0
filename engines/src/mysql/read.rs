//! Reading rows over the binary protocol.
//!
//! The task on the socket only finds where rows end; batches are the server's
//! packets as they came, and [`super::decode`] makes values of them elsewhere.

use tokio::sync::mpsc;

use super::decode::RowDecoder;
use super::fault::{NO_CATALOG, query_error};
use super::pool::{Lease, Pool};
use super::types;
use crate::batch::{DecodeRows, RawBatch};
use crate::database::{ReadRequest, Scope};
use crate::engine::Engine;
use crate::error::Result;
use crate::range::KeyValues;
use crate::sql;
use crate::table::Table;
use crate::value::Value;

/// Reads the rows of `request` into `out`; how many were sent.
pub(super) async fn read(pool: &Pool, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
    let Some(statement) = select(&request) else { return Ok(0) };
    let decoder = RowDecoder::new(request.table, request.columns)?;
    let what = format!("reading `{}`", request.table.name);
    let mut lease = pool.lease().await?;
    decoder.expect(&lease.start(&what, &statement).await?)?;
    let mut row_count = 0;
    loop {
        let (batch, last) = lease.next_rows(&what).await?;
        let rows = batch.row_count as u64;
        if rows > 0 {
            // Nobody listens any more: the lease closes the connection, which
            // is what stops the server.
            if out.send(batch).await.is_err() {
                return Ok(row_count);
            }
            row_count += rows;
        }
        if last {
            return Ok(row_count);
        }
    }
}

/// The statement for `request`; `None` where no row is asked for.
pub(super) fn select(request: &ReadRequest<'_>) -> Option<String> {
    let ReadRequest { table, columns, scope, filter } = request;
    let condition = match scope {
        Scope::All => None,
        Scope::Range { key, range } => sql::in_range(Engine::MySql, table, key, range),
        Scope::Keys { values: [], .. } => return None,
        Scope::Keys { key, values } => Some(sql::in_keys(Engine::MySql, table, key, values)),
    };
    Some(format!(
        "SELECT {} FROM {}{}",
        select_list(table, columns),
        sql::table(Engine::MySql, &table.name),
        sql::where_clause(&[condition.as_deref(), *filter]),
    ))
}

/// The number of rows that meet `filter`.
pub(super) async fn count(pool: &Pool, table: &Table, filter: Option<&str>) -> Result<u64> {
    let what = format!("counting `{}`", table.name);
    let statement =
        format!("SELECT COUNT(*) FROM {}{}", sql::table(Engine::MySql, &table.name), sql::where_clause(&[filter]));
    let grid = pool.lease().await?.query(&what, &statement).await?;
    let cell = grid.rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    cell.and_then(|text| text.parse().ok()).ok_or_else(|| query_error(pool.location(), what, NO_CATALOG))
}

/// The rows of a statement of our own over `columns`: few, and wanted as values.
pub(super) async fn few(
    lease: &mut Lease<'_>,
    what: &str,
    table: &Table,
    columns: &[usize],
    statement: &str,
) -> Result<Vec<KeyValues>> {
    let decoder = RowDecoder::new(table, columns)?;
    decoder.expect(&lease.start(what, statement).await?)?;
    let mut rows = Vec::new();
    loop {
        let (batch, last) = lease.next_rows(what).await?;
        decoder.decode(&batch, &mut |values| rows.push(values.iter().cloned().map(Value::into_owned).collect()))?;
        if last {
            return Ok(rows);
        }
    }
}

/// What to select for `columns`; a constant where none are wanted, since a row
/// of nothing cannot be asked for.
pub(super) fn select_list(table: &Table, columns: &[usize]) -> String {
    let list: Vec<String> = columns.iter().filter_map(|&i| table.columns.get(i)).map(types::selected).collect();
    if list.is_empty() { "1".to_owned() } else { list.join(", ") }
}
