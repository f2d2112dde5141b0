//! Tables, columns and keys, as SQLite describes them itself.
//!
//! The `CREATE TABLE` text is never parsed: it may have been put together by
//! `ALTER TABLE`, and SQLite's grammar forgives much. Everything comes from the
//! table-valued pragmas, and what they do not tell, the collation of a column,
//! is found out by comparing.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::estimate::estimate;
use super::read::qualified;
use super::{Sqlite, fault, pool, types};
use crate::engine::Engine;
use crate::error::Result;
use crate::own;
use crate::sql;
use crate::table::{Column, ForeignKey, Key, Table, TableRef};

/// The one schema we read; what else a connection may see is its own.
const SCHEMA: &str = "main";

/// The key of a table whose rows are numbered by that very column, which needs
/// no index and has no name.
const ROWID_KEY: &str = "PRIMARY KEY";

type Rows = Result<Vec<SqliteRow>, sqlx::Error>;

/// The base tables, without the tool's own. `sqlite_…` is reserved for SQLite's;
/// the kinds `view`, `virtual` and `shadow` are no base tables.
pub(super) async fn tables(db: &Sqlite) -> Result<Vec<TableRef>> {
    let failed = |e| fault::querying(&db.info.location, "listing the tables".to_owned(), e);
    let mut lease = db.pool.lease().await?;
    let query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                 AND lower(substr(name, 1, 7)) <> 'sqlite_' ORDER BY name";
    let rows = pool::prepared(query.to_owned()).fetch_all(lease.connection()).await.map_err(failed)?;
    let names = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    lease.release();
    let tables = names.into_iter().map(|name| TableRef { schema: None, name });
    Ok(tables.filter(|table| !own::is_own(Engine::Sqlite, table)).collect())
}

/// One table, in one read transaction. Its name is looked up as SQLite does,
/// without regard to case, and reported as it was declared.
pub(super) async fn describe(db: &Sqlite, table: &TableRef) -> Result<Option<Table>> {
    if table.schema.as_deref().is_some_and(|schema| !schema.eq_ignore_ascii_case(SCHEMA)) {
        return Ok(None);
    }
    let mut lease = db.pool.lease().await?;
    let described = described(lease.connection(), &table.name)
        .await
        .map_err(|e| fault::querying(&db.info.location, format!("describing `{table}`"), e))?;
    lease.release();
    Ok(described)
}

async fn described(connection: &mut SqliteConnection, name: &str) -> Result<Option<Table>, sqlx::Error> {
    ask(connection, "BEGIN", None).await?;
    // The first read is what begins the snapshot; the pragmas themselves go by
    // what the connection remembers of the schema.
    ask(connection, "SELECT count(*) FROM sqlite_schema", None).await?;
    let table = described_within(connection, name).await?;
    ask(connection, "COMMIT", None).await?;
    Ok(table)
}

/// As [`describe`], in the transaction that the caller has begun.
pub(super) async fn described_within(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<Table>, sqlx::Error> {
    let found = ask(
        connection,
        "SELECT name, wr, strict FROM pragma_table_list \
         WHERE schema = 'main' AND type = 'table' AND name = ?1 COLLATE NOCASE",
        Some(name),
    )
    .await?;
    match found.first() {
        None => Ok(None),
        Some(row) => Ok(Some(table_of(connection, row).await?)),
    }
}

async fn table_of(connection: &mut SqliteConnection, row: &SqliteRow) -> Result<Table, sqlx::Error> {
    let name: String = row.try_get(0)?;
    let without_rowid: bool = row.try_get(1)?;
    let strict: bool = row.try_get(2)?;
    let mut table = Table {
        name: TableRef { schema: None, name: name.clone() },
        columns: Vec::new(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    };
    // `hidden` is 2 for a computed column, 3 for one that is also stored.
    let columns = ask(
        connection,
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
        Some(&name),
    )
    .await?;
    let mut primary: Vec<(i64, usize)> = Vec::new();
    let mut stored = Vec::new();
    for (i, row) in columns.iter().enumerate() {
        let native: String = row.try_get(1)?;
        let hidden: i64 = row.try_get(4)?;
        let place: i64 = row.try_get(3)?;
        if place > 0 {
            primary.push((place, i));
        }
        stored.push(hidden != 2);
        table.columns.push(Column {
            name: row.try_get(0)?,
            logical: Some(types::logical(&native, strict)),
            native,
            nullable: !row.try_get::<bool, _>(2)?,
            generated: hidden >= 2,
            collation: None,
        });
    }
    primary.sort_unstable();
    let primary: Vec<usize> = primary.into_iter().map(|(_, i)| i).collect();
    let collations = collations(connection, &table).await?;
    for (column, collation) in table.columns.iter_mut().zip(&collations) {
        column.collation = Some(collation.name.clone());
    }
    let indexes = indexes(connection, &name).await?;
    let rowid_key = !without_rowid && !primary.is_empty() && !indexes.iter().any(|index| index.origin == "pk");
    keys(&mut table, &collations, &indexes, &primary, rowid_key);
    if without_rowid || rowid_key {
        // Elsewhere a primary key does not keep NULL out, for the sake of files
        // from before 2005.
        primary.iter().filter_map(|&i| table.columns.get_mut(i).map(|c| c.nullable = false)).for_each(drop);
    }
    table.foreign_keys = foreign_keys(connection, &name).await?;
    let estimate = estimate(connection, &table, &stored, without_rowid).await?;
    table.row_estimate = estimate.rows;
    table.bytes_estimate = estimate.bytes;
    Ok(table)
}

struct Collation {
    name: String,
    /// Whether this build can compare by it.
    known: bool,
}

/// The collation by which SQLite compares each column with a literal.
///
/// No pragma tells it, so a column's collation is lent to two literals: the
/// first SELECT of a compound gives its columns their properties, though it
/// yields no row. An application's own collation makes the statement fail, and
/// the message names it.
async fn collations(connection: &mut SqliteConnection, table: &Table) -> Result<Vec<Collation>, sqlx::Error> {
    let from = sql::table(Engine::Sqlite, &table.name);
    let mut collations = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let query = format!(
            "SELECT (x = 'A') + 2 * (x = 'a ') FROM (SELECT {} AS x FROM {from} WHERE FALSE UNION ALL SELECT 'a')",
            qualified(table, column)
        );
        let probed = pool::once(query).fetch_one(&mut *connection).await.and_then(|row| row.try_get::<i64, _>(0));
        let (name, known) = match probed {
            Ok(1) => ("NOCASE".to_owned(), true),
            Ok(2) => ("RTRIM".to_owned(), true),
            Ok(_) => ("BINARY".to_owned(), true),
            Err(error) => match fault::missing_collation(&error) {
                Some(name) => (name, false),
                None => return Err(error),
            },
        };
        collations.push(Collation { name, known });
    }
    Ok(collations)
}

pub(super) struct Index {
    pub(super) name: String,
    /// `c` for CREATE INDEX, `u` for a UNIQUE constraint, `pk`.
    pub(super) origin: String,
    pub(super) partial: bool,
    /// Position in the table, negative for the row number and for expressions;
    /// and the collation.
    pub(super) columns: Vec<(i64, String)>,
}

/// The unique indexes, in the order of their creation.
pub(super) async fn indexes(connection: &mut SqliteConnection, table: &str) -> Result<Vec<Index>, sqlx::Error> {
    let rows = ask(
        connection,
        "SELECT name, origin, partial FROM pragma_index_list(?1, 'main') WHERE \"unique\" ORDER BY seq DESC",
        Some(table),
    )
    .await?;
    let mut indexes = Vec::with_capacity(rows.len());
    for row in rows {
        let name: String = row.try_get(0)?;
        let columns = ask(
            connection,
            "SELECT cid, coll FROM pragma_index_xinfo(?1, 'main') WHERE \"key\" ORDER BY seqno",
            Some(&name),
        )
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, sqlx::Error>>()?;
        indexes.push(Index { name, origin: row.try_get(1)?, partial: row.try_get(2)?, columns });
    }
    Ok(indexes)
}

/// Fills in the keys.
///
/// An index makes a key only if it compares as its columns do: a range is
/// asked for by comparing the columns, so an index under another collation could
/// neither find it nor vouch that its rows are distinct.
fn keys(table: &mut Table, collations: &[Collation], indexes: &[Index], primary: &[usize], rowid_key: bool) {
    if rowid_key {
        table.primary_key = Some(Key { name: ROWID_KEY.to_owned(), columns: primary.to_vec() });
    }
    for index in indexes.iter().filter(|index| !index.partial) {
        let columns: Option<Vec<usize>> = index
            .columns
            .iter()
            .map(|(position, name)| {
                let position = usize::try_from(*position).ok()?;
                let own = collations.get(position)?;
                (own.known && own.name.eq_ignore_ascii_case(name)).then_some(position)
            })
            .collect();
        let Some(columns) = columns else { continue };
        let key = Key { name: index.name.clone(), columns };
        if index.origin == "pk" {
            table.primary_key = Some(key);
        } else {
            table.unique_keys.push(key);
        }
    }
}

async fn foreign_keys(connection: &mut SqliteConnection, table: &str) -> Result<Vec<ForeignKey>, sqlx::Error> {
    let rows = ask(
        connection,
        "SELECT id, \"table\", \"from\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq",
        Some(table),
    )
    .await?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for row in rows {
        let (id, column): (i64, String) = (row.try_get(0)?, row.try_get(2)?);
        match keys.last_mut() {
            Some((last, key)) if *last == id => key.columns.push(column),
            _ => {
                let parent = TableRef { schema: None, name: row.try_get(1)? };
                keys.push((id, ForeignKey { columns: vec![column], parent }));
            }
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

async fn ask(connection: &mut SqliteConnection, query: &str, name: Option<&str>) -> Rows {
    let query = pool::prepared(query.to_owned());
    match name {
        Some(name) => query.bind(name.to_owned()).fetch_all(connection).await,
        None => query.fetch_all(connection).await,
    }
}
