//! What tables there are, and what they are made of.

use super::fault::{NO_CATALOG, query_error, server_code};
use super::pool::{Lease, Pool};
use super::types::Native;
use crate::display::hex;
use crate::engine::{Engine, Flavor};
use crate::error::Result;
use crate::own;
use crate::sql;
use crate::table::{Column, ForeignKey, Key, Table, TableRef};

/// MariaDB lists tables that keep their history under a type of their own; what
/// is read of them is their present.
const BASE_TABLE: &str = "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
const NO_SUCH_TABLE: u16 = 1146;

/// The base tables of `database`, without the tool's own.
pub(super) async fn tables(pool: &Pool, database: &str) -> Result<Vec<TableRef>> {
    let statement = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE {} AND {BASE_TABLE}",
        is("TABLE_SCHEMA", database)
    );
    let rows = pool.lease().await?.rows("listing the tables", &statement).await?;
    let mut tables: Vec<TableRef> = rows
        .into_iter()
        .filter_map(|mut row| row.text())
        .map(|name| TableRef { schema: Some(database.to_owned()), name })
        .filter(|table| !own::is_own(Engine::MySql, table))
        .collect();
    tables.sort_unstable();
    Ok(tables)
}

/// Describes one table.
///
/// The transaction has looked into the table first, and holds its definition
/// until it ends, so that all that is read of the catalog is of one moment.
/// Looking needs the right to read every column that is visible, and the rest of
/// the description a right to the whole table: with less, the catalog would hide
/// columns, and the comparison leave them out without a word.
pub(super) async fn describe(pool: &Pool, flavor: Flavor, database: &str, name: &TableRef) -> Result<Option<Table>> {
    let what = format!("describing `{name}`");
    let schema = name.schema.as_deref().unwrap_or(database);
    let name = TableRef { schema: Some(schema.to_owned()), name: name.name.clone() };
    let mut lease = pool.lease().await?;
    lease.begin(&what).await?;
    let look = format!("SELECT * FROM {} WHERE FALSE", sql::table(Engine::MySql, &name));
    match lease.query(&what, &look).await {
        Err(error) if server_code(&error) == Some(NO_SUCH_TABLE) => {
            lease.end(&what).await?;
            return Ok(None);
        }
        looked => looked?,
    };
    let mut catalog = Catalog { lease, what: &what, name, flavor };
    let table = catalog.table().await?;
    catalog.lease.end(&what).await?;
    Ok(table)
}

/// The parts of a description.
struct Catalog<'a> {
    lease: Lease<'a>,
    what: &'a str,
    name: TableRef,
    flavor: Flavor,
}

impl Catalog<'_> {
    async fn table(&mut self) -> Result<Option<Table>> {
        let statement = self.of("TABLE_ROWS, DATA_LENGTH", "TABLES", BASE_TABLE);
        let Some(mut sizes) = self.rows(&statement).await?.into_iter().next() else {
            return Ok(None);
        };
        let columns = self.columns().await?;
        let (primary, unique): (Vec<Key>, Vec<Key>) =
            self.keys(&columns).await?.into_iter().partition(|key| key.name == "PRIMARY");
        Ok(Some(Table {
            name: self.name.clone(),
            columns,
            primary_key: primary.into_iter().next(),
            unique_keys: unique,
            foreign_keys: self.foreign_keys().await?,
            row_estimate: sizes.number().unwrap_or(0),
            bytes_estimate: sizes.number().unwrap_or(0),
            children: Vec::new(),
        }))
    }

    async fn columns(&mut self) -> Result<Vec<Column>> {
        let checked = self.checked_as_json().await?;
        let statement = self.of(
            "COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, COLLATION_NAME, GENERATION_EXPRESSION, \
             CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION",
            "COLUMNS",
            "TRUE ORDER BY ORDINAL_POSITION",
        );
        let mut columns = Vec::new();
        for mut row in self.rows(&statement).await? {
            let (Some(name), Some(native), Some(type_name)) = (row.text(), row.text(), row.text()) else {
                return Err(query_error(self.lease.location(), self.what, NO_CATALOG));
            };
            let nullable = row.text().as_deref() == Some("YES");
            let collation = row.text();
            let generated = row.text().is_some_and(|expression| !expression.is_empty());
            let described = Native {
                name: type_name,
                whole: native.clone(),
                chars_max: row.number(),
                precision: row.number(),
                scale: row.number(),
                digits: row.number(),
                checked_as_json: checked.contains(&name),
            };
            let logical = described.logical(self.flavor);
            columns.push(Column { name, native, logical, nullable, generated, collation });
        }
        Ok(columns)
    }

    /// The columns whose constraint says that they hold JSON: that is all that
    /// MariaDB's type JSON is. From the table's own statement, since the catalog
    /// shows constraints only to accounts that may do more than read.
    ///
    /// Every server is asked for that statement: it is shown only to an account
    /// with a right to the whole table. To one with rights to some columns the
    /// catalog shows those alone, and `SELECT *` asks for no column that is INVISIBLE.
    async fn checked_as_json(&mut self) -> Result<Vec<String>> {
        let statement = format!("SHOW CREATE TABLE {}", sql::table(Engine::MySql, &self.name));
        let shown = self.rows(&statement).await?.into_iter().next();
        match self.flavor {
            Flavor::Original => return Ok(Vec::new()),
            Flavor::MariaDb => {}
        }
        let Some(mut row) = shown else {
            return Ok(Vec::new());
        };
        // Its name comes first.
        row.text();
        Ok(row.text().map(|text| json_columns(&text)).unwrap_or_default())
    }

    /// Unique keys over whole plain columns, the primary key among them.
    async fn keys(&mut self, columns: &[Column]) -> Result<Vec<Key>> {
        let statement = self.of(
            "INDEX_NAME, COLUMN_NAME, SUB_PART",
            "STATISTICS",
            "NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        );
        let mut keys: Vec<Option<Key>> = Vec::new();
        let mut last = None;
        for mut row in self.rows(&statement).await? {
            let index = row.text();
            if index != last {
                keys.push(Some(Key { name: index.clone().unwrap_or_default(), columns: Vec::new() }));
                last = index;
            }
            // No column: an expression. A part of one: two values may share it.
            let column = row.text().and_then(|name| columns.iter().position(|c| c.name == name));
            let whole = row.text().is_none();
            if let Some(slot) = keys.last_mut() {
                match (column, slot.as_mut()) {
                    (Some(column), Some(key)) if whole => key.columns.push(column),
                    _ => *slot = None,
                }
            }
        }
        Ok(keys.into_iter().flatten().collect())
    }

    async fn foreign_keys(&mut self) -> Result<Vec<ForeignKey>> {
        let statement = self.of(
            "CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME",
            "KEY_COLUMN_USAGE",
            "REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION",
        );
        let mut keys: Vec<ForeignKey> = Vec::new();
        let mut last = None;
        for mut row in self.rows(&statement).await? {
            let constraint = row.text();
            let (Some(column), schema, Some(name)) = (row.text(), row.text(), row.text()) else {
                return Err(query_error(self.lease.location(), self.what, NO_CATALOG));
            };
            match keys.last_mut() {
                Some(key) if constraint == last => key.columns.push(column),
                _ => keys.push(ForeignKey { columns: vec![column], parent: TableRef { schema, name } }),
            }
            last = constraint;
        }
        Ok(keys)
    }

    /// What `information_schema.view` says of the table.
    fn of(&self, columns: &str, view: &str, condition: &str) -> String {
        format!(
            "SELECT {columns} FROM information_schema.{view} WHERE {} AND {} AND {condition}",
            is("TABLE_SCHEMA", self.schema()),
            is("TABLE_NAME", &self.name.name)
        )
    }

    fn schema(&self) -> &str {
        self.name.schema.as_deref().unwrap_or_default()
    }

    async fn rows(&mut self, statement: &str) -> Result<Vec<CatalogRow>> {
        self.lease.rows(self.what, statement).await
    }
}

impl Lease<'_> {
    async fn rows(&mut self, what: &str, statement: &str) -> Result<Vec<CatalogRow>> {
        let grid = self.query(what, statement).await?;
        Ok(grid.rows.into_iter().map(|row| CatalogRow { cells: row.into_iter() }).collect())
    }
}

/// The cells of a row, taken in the order they were asked for.
struct CatalogRow {
    cells: std::vec::IntoIter<Option<String>>,
}

impl CatalogRow {
    fn text(&mut self) -> Option<String> {
        self.cells.next().flatten()
    }

    fn number(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }
}

/// A condition for a name, by all its bytes: MariaDB's catalog ignores case,
/// where two tables may differ in nothing else. The first half is what finds it.
pub(super) fn is(column: &str, name: &str) -> String {
    let digits = hex(name.as_bytes());
    format!("{column} = _utf8mb4 x'{digits}' AND CAST({column} AS BINARY) = x'{digits}'")
}

/// The columns that a ``CHECK (json_valid(`column`))`` of a CREATE TABLE speaks
/// of. What stands in quotes, such as a comment, is passed over.
fn json_columns(create: &str) -> Vec<String> {
    let mut columns = Vec::new();
    let mut rest = create;
    while let Some(at) = rest.find(['\'', '`']) {
        let (before, quoted) = rest.split_at(at);
        let Some((name, after)) = unquoted(quoted) else { break };
        if quoted.starts_with('`') && before.ends_with("CHECK (json_valid(") && after.starts_with("))") {
            columns.push(name);
        }
        rest = after;
    }
    columns
}

/// The text in the quotes that `text` begins with, and what comes after them.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices().peekable();
    let (_, quote) = chars.next()?;
    let mut inside = String::new();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '\'' {
            inside.extend(chars.next().map(|(_, c)| c));
        } else if c != quote {
            inside.push(c);
        } else if chars.next_if(|&(_, next)| next == quote).is_some() {
            inside.push(quote);
        } else {
            return Some((inside, text.get(at + quote.len_utf8()..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_check_makes_a_column_json() {
        let create = "CREATE TABLE `CHECK (json_valid(` (\n  \
            `a``b` longtext CHARACTER SET utf8mb4 DEFAULT NULL COMMENT 'it''s \\' CHECK (json_valid(`x`))' \
            CHECK (json_valid(`a``b`)),\n  \
            `c` longtext DEFAULT NULL CHECK (json_valid(`c`) or `c` is null),\n  \
            `d` text DEFAULT 'CHECK (json_valid(`d`))',\n  \
            CONSTRAINT `e` CHECK (json_valid(`é`))\n) ENGINE=InnoDB";
        assert_eq!(json_columns(create), ["a`b", "é"]);
        for create in ["", "`", "'", "CHECK (json_valid(`a", "CHECK (json_valid(`a`)", "'\\"] {
            assert_eq!(json_columns(create), [""; 0], "{create}");
        }
    }
}
