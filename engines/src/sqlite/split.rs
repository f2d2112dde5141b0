//! Range boundaries, and the order of keys from elsewhere.
//!
//! Both ask SQLite and compute nothing: boundaries are keys that are there, and
//! ranks are what its own comparison says, with the affinity and the collation
//! of the columns.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Sqlite as Driver, TypeInfo as _, ValueRef as _};

use super::pool::{self, Lease, Query};
use super::read::{columns_of, qualified};
use super::types::{Affinity, affinity};
use super::{Sqlite, fault};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::range::KeyValues;
use crate::sql;
use crate::table::{Column, Table};
use crate::value::{OwnedValue, Value};

pub(super) async fn split_keys(
    db: &Sqlite,
    table: &Table,
    key: &[usize],
    rows_per_range: u64,
) -> Result<Vec<KeyValues>> {
    let columns = columns_of(table, key)?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let cut = Cut { db, table, columns, rows_per_range: i64::try_from(rows_per_range.max(1)).unwrap_or(i64::MAX) };
    let mut lease = db.pool.lease().await?;
    let keys = if is_key(table, key) { cut.walk(&mut lease).await } else { cut.number(&mut lease).await }?;
    lease.release();
    Ok(keys)
}

/// Whether the table itself keeps an index in the order of `key`.
fn is_key(table: &Table, key: &[usize]) -> bool {
    table.primary_key.iter().chain(&table.unique_keys).any(|k| k.columns == key)
}

struct Cut<'a> {
    db: &'a Sqlite,
    table: &'a Table,
    columns: Vec<&'a Column>,
    rows_per_range: i64,
}

impl Cut<'_> {
    /// From boundary to boundary along the index: each step skips its rows
    /// within the index and reads one key. Several times faster than numbering
    /// the rows, but each step would sort the table if there were no index.
    async fn walk(&self, lease: &mut Lease<'_>) -> Result<Vec<KeyValues>> {
        let names = self.names();
        let places: Vec<String> = (1..=names.len()).map(|i| format!("?{i}")).collect();
        let beyond = match (names.as_slice(), places.as_slice()) {
            ([name], [place]) => format!("{name} > {place}"),
            _ => format!("({}) > ({})", names.join(", "), places.join(", ")),
        };
        let mut keys: Vec<KeyValues> = Vec::new();
        loop {
            let last = keys.last();
            // The boundary itself is the first row of its range.
            let skipped = if last.is_none() { self.rows_per_range } else { self.rows_per_range - 1 };
            let query = format!(
                "SELECT {list} FROM {table}{filter} ORDER BY {list} LIMIT 1 OFFSET {skipped}",
                list = names.join(", "),
                table = sql::table(Engine::Sqlite, &self.table.name),
                filter = sql::where_clause(&[last.map(|_| beyond.as_str()), self.not_null().as_deref()]),
            );
            let query = last.into_iter().flatten().fold(pool::prepared(query), bind);
            let row = query.fetch_optional(lease.connection()).await.map_err(|e| self.failed(e))?;
            let Some(key) = row.map(|row| self.key(&row)).transpose()? else { break };
            // Text that is not valid in its encoding may change on its way out
            // and in; what does not lead on must not be walked for ever.
            if last == Some(&key) {
                break;
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// In one pass, for columns that no key of the table covers.
    async fn number(&self, lease: &mut Lease<'_>) -> Result<Vec<KeyValues>> {
        let names = self.names();
        let named: Vec<String> = names.iter().enumerate().map(|(i, name)| format!("{name} AS c{i}")).collect();
        // Rows that share a key are in one range, however many they are.
        let order: Vec<String> =
            self.columns.iter().enumerate().map(|(i, column)| collated(&format!("c{i}"), column)).collect();
        let list: Vec<String> = (0..names.len()).map(|i| format!("c{i}")).collect();
        let query = format!(
            "SELECT {list} FROM (SELECT {named}, row_number() OVER (ORDER BY {names}) - 1 AS n FROM {table}{filter}) \
             WHERE n > 0 AND n % {rows} = 0 GROUP BY {order} ORDER BY {order}",
            list = list.join(", "),
            named = named.join(", "),
            names = names.join(", "),
            table = sql::table(Engine::Sqlite, &self.table.name),
            filter = sql::where_clause(&[self.not_null().as_deref()]),
            rows = self.rows_per_range,
            order = order.join(", "),
        );
        let rows = pool::once(query).fetch_all(lease.connection()).await.map_err(|e| self.failed(e))?;
        rows.iter().map(|row| self.key(row)).collect()
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| qualified(self.table, column)).collect()
    }

    /// A row with NULL in its key is in the first range and bounds none.
    fn not_null(&self) -> Option<String> {
        let conditions: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.nullable)
            .map(|column| format!("{} IS NOT NULL", qualified(self.table, column)))
            .collect();
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }

    fn key(&self, row: &SqliteRow) -> Result<KeyValues> {
        self.columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                row.try_get_raw(i).and_then(value).map_err(|error| match error {
                    sqlx::Error::Decode(_) => Error::Decode {
                        table: self.table.name.to_string(),
                        column: column.name.clone(),
                        why: "a text is not valid in its encoding".to_owned(),
                    },
                    other => self.failed(other),
                })
            })
            .collect()
    }

    fn failed(&self, error: sqlx::Error) -> Error {
        fault::querying(&self.db.info.location, format!("cutting `{}` into ranges", self.table.name), error)
    }
}

/// The value of a cell, by its storage class.
fn value(cell: SqliteValueRef<'_>) -> Result<OwnedValue, sqlx::Error> {
    fn decoded<'r, T: Decode<'r, Driver>>(cell: SqliteValueRef<'r>) -> Result<T, sqlx::Error> {
        T::decode(cell).map_err(sqlx::Error::Decode)
    }
    if cell.is_null() {
        return Ok(Value::Null);
    }
    let class = cell.type_info();
    Ok(match class.name() {
        "INTEGER" => Value::Int(decoded(cell)?),
        "REAL" => Value::F64(decoded(cell)?),
        "TEXT" => Value::Text(decoded::<String>(cell)?.into()),
        _ => Value::Bytes(decoded::<Vec<u8>>(cell)?.into()),
    })
}

/// Bound, not written out: a key goes back in exactly as it came.
fn bind(query: Query, value: &OwnedValue) -> Query {
    match value {
        Value::Int(v) => query.bind(*v),
        Value::F64(v) => query.bind(*v),
        Value::Text(v) => query.bind(v.as_ref().to_owned()),
        Value::Bytes(v) => query.bind(v.as_ref().to_vec()),
        // `value` above makes no others.
        _ => query.bind(None::<i64>),
    }
}

pub(super) async fn rank_keys(db: &Sqlite, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>> {
    let columns = columns_of(table, key)?;
    if keys.is_empty() || columns.is_empty() {
        return Ok(vec![1; keys.len()]);
    }
    let failed = |e| fault::querying(&db.info.location, format!("ranking keys of `{}`", table.name), e);
    let mut lease = db.pool.lease().await?;
    let rows = pool::once(rank(&columns, keys)).fetch_all(lease.connection()).await.map_err(failed)?;
    let ranks = rows.iter().map(|row| row.try_get::<i64, _>(0).map(i64::unsigned_abs)).collect::<Result<_, _>>();
    let ranks = ranks.map_err(failed)?;
    lease.release();
    Ok(ranks)
}

/// The keys as a table of literals, numbered, because a sort must not change
/// the order of the answer. A VALUES clause may have any number of rows, where
/// a chain of SELECTs ends at 500. What it yields has neither affinity nor
/// collation, so both are spelled out.
fn rank(columns: &[&Column], keys: &[KeyValues]) -> String {
    let names: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let order: Vec<String> =
        names.iter().zip(columns).map(|(name, column)| collated(&converted(name, affinity(column)), column)).collect();
    let rows: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, key)| {
            let values = columns.iter().zip(key).map(|(column, value)| sql::literal(Engine::Sqlite, column, value));
            format!("({i}, {})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!(
        "WITH k(i, {names}) AS (VALUES {rows}) SELECT dense_rank() OVER (ORDER BY {order}) FROM k ORDER BY i",
        names = names.join(", "),
        rows = rows.join(", "),
        order = order.join(", "),
    )
}

fn collated(expression: &str, column: &Column) -> String {
    let collation = column.collation.as_deref().unwrap_or("BINARY");
    format!("{expression} COLLATE {}", sql::name(Engine::Sqlite, collation))
}

/// What a comparison with a column of this affinity makes of `name` before it
/// compares: in an `INTEGER` column the text `'5'` is the number 5.
fn converted(name: &str, affinity: Affinity) -> String {
    match affinity {
        // A text that is a number equals what CAST makes of it, as the CAST has
        // an affinity of its own; any other text equals no number.
        Affinity::Integer | Affinity::Real | Affinity::Numeric => {
            format!("CASE WHEN {name} = CAST({name} AS NUMERIC) THEN CAST({name} AS NUMERIC) ELSE {name} END")
        }
        Affinity::Text => {
            format!("CASE WHEN typeof({name}) IN ('integer', 'real') THEN CAST({name} AS TEXT) ELSE {name} END")
        }
        Affinity::Blob => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Logical;

    #[test]
    fn ranks_carry_affinity_and_collation() {
        let column = |native: &str, logical, collation: &str| Column {
            name: "a".to_owned(),
            native: native.to_owned(),
            logical: Some(logical),
            nullable: false,
            generated: false,
            collation: Some(collation.to_owned()),
        };
        let text = column("TEXT", Logical::Text { chars_max: None }, "NOCASE");
        let keys = [vec![Value::Text("b".into())], vec![Value::Text("A".into())]];
        assert_eq!(
            rank(&[&text], &keys),
            "WITH k(i, c0) AS (VALUES (0, 'b'), (1, 'A')) SELECT dense_rank() OVER (ORDER BY CASE WHEN typeof(c0) IN \
             ('integer', 'real') THEN CAST(c0 AS TEXT) ELSE c0 END COLLATE \"NOCASE\") FROM k ORDER BY i"
        );
    }
}
