//! What the triggers on a table have to know of it.

use sqlx::{Row as _, SqliteConnection};

use super::index_sql;
use crate::capture;
use crate::sqlite::catalog::{self, Index};
use crate::sqlite::{estimate, pool};
use crate::table::Table;

/// A table with all that tells its rows apart.
pub(super) struct Shape {
    pub(super) table: Table,
    /// [`capture::columns`].
    pub(super) columns: Vec<usize>,
    pub(super) identity: Identity,
    /// The column that is the row number.
    pub(super) numbered: Option<usize>,
    /// All that REPLACE looks at beside the row number.
    pub(super) uniques: Vec<Unique>,
}

/// By what SQLite itself knows a row.
pub(super) enum Identity {
    /// The name under which the row number can be had.
    Rowid(String),
    /// The primary key of a table WITHOUT ROWID.
    Key(Unique),
}

/// A unique index.
pub(super) struct Unique {
    pub(super) terms: Vec<Term>,
    /// The rows that it holds for, as it is written in the index.
    pub(super) condition: Option<String>,
}

pub(super) struct Term {
    pub(super) of: Of,
    /// Of the index, which may not be the column's.
    pub(super) collation: String,
}

/// What is indexed.
pub(super) enum Of {
    Column {
        /// Position in the table.
        column: usize,
        /// A literal that REPLACE puts in the place of NULL.
        default: Option<String>,
    },
    /// As it is written in the index.
    Expression(String),
}

/// Why a table can't be captured.
pub(super) enum Unfit {
    Sql(sqlx::Error),
    /// In words that go on after the name of the table.
    Why(String),
}

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// `None` when there is no such table. In the transaction of the caller.
pub(super) async fn shape(connection: &mut SqliteConnection, name: &str) -> Result<Option<Shape>, Unfit> {
    let Some(table) = catalog::described_within(connection, name).await? else { return Ok(None) };
    let defaults = defaults(connection, &table).await?;
    let mut uniques = Vec::new();
    let (mut key, mut numbered) = (None, table.primary_key.as_ref().and_then(|key| key.columns.first().copied()));
    for index in catalog::indexes(&mut *connection, &table.name.name).await? {
        let primary = index.origin == "pk";
        let unique = unique(connection, &index, &defaults).await?;
        if primary {
            numbered = None;
        }
        if primary && without_rowid(connection, &table).await? {
            key = Some(unique);
        } else {
            uniques.push(unique);
        }
    }
    let identity = match key {
        Some(key) => Identity::Key(key),
        None => match estimate::rowid_name(&table) {
            Some(name) => Identity::Rowid(name.to_owned()),
            None => {
                return Err(Unfit::Why(
                    "has columns of all the names under which SQLite gives the row number".to_owned(),
                ));
            }
        },
    };
    let columns = capture::columns(&table);
    Ok(Some(Shape { table, columns, identity, numbered, uniques }))
}

async fn unique(
    connection: &mut SqliteConnection,
    index: &Index,
    defaults: &[Option<String>],
) -> Result<Unique, Unfit> {
    let unfit = || {
        let why = "has the unique index `{}`, of which cannot be told which rows a REPLACE deletes because of it";
        Unfit::Why(why.replace("{}", &index.name))
    };
    // Of plain columns without a condition the pragma has told everything.
    let parts = if index.partial || index.columns.iter().any(|(position, _)| *position < 0) {
        let query = "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?1";
        let sql: Option<String> =
            pool::prepared(query.to_owned()).bind(index.name.clone()).fetch_one(connection).await?.try_get(0)?;
        Some(sql.as_deref().and_then(index_sql::parts).filter(|parts| parts.terms.len() == index.columns.len()))
    } else {
        None
    };
    let parts = parts.map(|parts| parts.ok_or_else(unfit)).transpose()?;
    let mut terms = Vec::with_capacity(index.columns.len());
    for (i, (position, collation)) in index.columns.iter().enumerate() {
        let of = match usize::try_from(*position) {
            Ok(column) => Of::Column { column, default: defaults.get(column).cloned().flatten() },
            Err(_) => {
                let text = parts.as_ref().and_then(|parts| parts.terms.get(i)).ok_or_else(unfit)?;
                Of::Expression(text.clone())
            }
        };
        terms.push(Term { of, collation: collation.clone() });
    }
    let condition = parts.and_then(|parts| parts.condition);
    if index.partial && condition.is_none() {
        return Err(unfit());
    }
    Ok(Unique { terms, condition })
}

async fn without_rowid(connection: &mut SqliteConnection, table: &Table) -> Result<bool, sqlx::Error> {
    let query = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name = ?1";
    pool::prepared(query.to_owned()).bind(table.name.name.clone()).fetch_one(connection).await?.try_get(0)
}

/// For each column the literal that an INSERT OR REPLACE or UPDATE OR REPLACE
/// stores where NULL is given for it: a NOT NULL column's default. Defaults that
/// are computed are left out; see the limits in [`super`].
async fn defaults(connection: &mut SqliteConnection, table: &Table) -> Result<Vec<Option<String>>, sqlx::Error> {
    let query = "SELECT \"notnull\", dflt_value FROM pragma_table_xinfo(?1, 'main') ORDER BY cid";
    let rows = pool::prepared(query.to_owned()).bind(table.name.name.clone()).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let (not_null, default): (bool, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            Ok(default.filter(|text| not_null && is_literal(text)))
        })
        .collect()
}

/// A string or a number. Not a name, which SQLite takes for a string in a
/// default and for a column elsewhere.
fn is_literal(text: &str) -> bool {
    let number = text.trim_start_matches(['+', '-']);
    let string = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match string {
        Some(inside) => !inside.replace("''", "").contains('\''),
        None => number.starts_with(|c: char| c.is_ascii_digit()) && number.parse::<f64>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_told_from_other_defaults() {
        for literal in ["0", "-1.5", "+3", "1e3", "''", "'it''s'"] {
            assert!(is_literal(literal), "{literal}");
        }
        for other in ["name", "CURRENT_TIMESTAMP", "NULL", "'a' || 'b'", "\"x\"", "inf", "-", "", "random()", "x'00'"] {
            assert!(!is_literal(other), "{other}");
        }
    }
}
