//! Reading and counting rows.
//!
//! Rows come in the order that is cheapest for the server: sorting them by key
//! costs up to three times as much where the key is random.

use tokio::sync::mpsc;

use super::pool::Pool;
use super::scalar::scalar;
use super::{copy, decode, types};
use crate::batch::RawBatch;
use crate::database::{ReadRequest, Scope};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::snapshot::Form;
use crate::sql;
use crate::table::{Column, Table};

pub(super) async fn read(
    pool: &Pool,
    from: &str,
    request: ReadRequest<'_>,
    out: mpsc::Sender<RawBatch>,
) -> Result<u64> {
    let what = format!("reading `{}`", request.table.name);
    copy::stream(pool, &what, &select(from, &request, Form::Decoded)?, &out).await
}

pub(super) async fn count(pool: &Pool, from: &str, table: &Table, filter: Option<&str>) -> Result<u64> {
    let statement = format!("SELECT count(*) FROM {from}{}", sql::where_clause(&[filter]));
    let what = format!("counting the rows of `{}`", table.name);
    let count: Option<i64> = scalar(pool, &what, statement, &[]).await?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// `FROM` what: without `ONLY` a partitioned table has its rows, and with it a
/// table that others inherit from has only its own.
pub(super) fn from(table: &Table, partitioned: bool) -> String {
    let name = sql::table(Engine::Postgres, &table.name);
    if partitioned { name } else { format!("ONLY {name}") }
}

pub(super) fn select(from: &str, request: &ReadRequest<'_>, form: Form) -> Result<String> {
    let columns = decode::columns(request.table, request.columns)?;
    if form == Form::Decoded {
        for column in &columns {
            readable(request.table, column)?;
        }
    }
    let scope = match &request.scope {
        Scope::All => None,
        Scope::Range { key, range } => {
            decode::columns(request.table, key)?;
            sql::in_range(Engine::Postgres, request.table, key, range)
        }
        // No value, no row; `IN ()` is not SQL.
        Scope::Keys { values: [], .. } => Some("false".to_owned()),
        Scope::Keys { key, values } => {
            decode::columns(request.table, key)?;
            Some(sql::in_keys(Engine::Postgres, request.table, key, values))
        }
    };
    let expression = |column: &Column| {
        let name = sql::name(Engine::Postgres, &column.name);
        match form {
            Form::Decoded => types::expression(column, &name),
            Form::AsStored => name,
        }
    };
    let columns: Vec<String> = columns.into_iter().map(expression).collect();
    let condition = sql::where_clause(&[scope.as_deref(), request.filter]);
    Ok(format!("SELECT {} FROM {from}{condition}", columns.join(", ")))
}

/// A type without a decoder is refused here already: its rows would be sent for
/// nothing.
fn readable(table: &Table, column: &Column) -> Result<()> {
    match types::decoder(column) {
        Some(_) => Ok(()),
        None => Err(Error::UnknownType {
            table: table.name.to_string(),
            column: column.name.clone(),
            native: column.native.clone(),
        }),
    }
}
