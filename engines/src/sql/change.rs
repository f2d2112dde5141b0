//! Statements that change rows, for an applier.
//!
//! Each says what it must find: a statement that affects another number of rows
//! than it was made for is a conflict, and its transaction must not commit. So
//! there is neither `REPLACE` nor an upsert here: both would hide one, and
//! `REPLACE` deletes whatever row is in its way (gh-ost #1636).
//!
//! A row is found by its identity, a key that the server keeps unique. A table
//! that has none is changed one row at a time, by all that the row holds.

use std::fmt::Write as _;

use super::condition::operator;
use super::exact::{is, row_id};
use super::literal::literal;
use super::name::{name, table};
use super::postgres::postgres_cast;
use super::unnest::unnest;
use crate::engine::{Engine, Flavor};
use crate::table::{Column, Table};
use crate::value::{OwnedValue, Value};

/// A table to write to.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub engine: Engine,
    pub flavor: Flavor,
    pub table: &'a Table,
    /// The columns whose values an insert gives, by positions in
    /// [`Table::columns`]; below, a column is a place in this list.
    pub columns: &'a [usize],
    /// The columns that a row is found by, by places in `columns`; empty for a
    /// table without a key, whose rows are found by all of them.
    pub identity: &'a [usize],
}

/// A value for a column, by its place in [`Rows::columns`].
pub type Cell<'a> = (usize, &'a OwnedValue);

/// One row to update.
#[derive(Debug, Clone, Default)]
pub struct Update<'a> {
    /// What it is found by: a value for each column of the identity, or for all
    /// columns where there is none.
    pub key: Vec<Cell<'a>>,
    pub set: Vec<Cell<'a>>,
    /// What else the row must hold before.
    pub before: Vec<Cell<'a>>,
}

static NULL: OwnedValue = Value::Null;

/// A cell of a row to insert.
fn cell<'v>(row: &[Option<&'v OwnedValue>], place: usize) -> &'v OwnedValue {
    row.get(place).copied().flatten().unwrap_or(&NULL)
}

impl<'a> Rows<'a> {
    fn column(&self, place: usize) -> Option<&'a Column> {
        self.columns.get(place).and_then(|&i| self.table.columns.get(i))
    }

    fn name(&self) -> String {
        table(self.engine, &self.table.name)
    }

    fn literal(&self, (place, value): Cell<'_>) -> String {
        self.column(place).map_or_else(String::new, |column| literal(self.engine, column, value))
    }

    fn column_name(&self, place: usize) -> String {
        self.column(place).map_or_else(String::new, |column| name(self.engine, &column.name))
    }

    fn is(&self, (place, value): Cell<'_>) -> String {
        let column = self.column(place);
        column.map_or_else(String::new, |c| is(self.engine, self.flavor, c, value, self.identity.is_empty()))
    }

    /// Inserts rows, each with a value for every one of [`Rows::columns`].
    /// Affects as many rows.
    #[must_use]
    pub fn insert(&self, rows: &[&[Option<&OwnedValue>]]) -> String {
        let places = 0..self.columns.len();
        let names: Vec<String> = places.clone().map(|place| self.column_name(place)).collect();
        // For identity columns that are GENERATED ALWAYS; without one it means nothing.
        let overriding = if self.engine == Engine::Postgres { " OVERRIDING SYSTEM VALUE" } else { "" };
        let mut sql = format!("INSERT INTO {} ({}){overriding} ", self.name(), names.join(", "));
        let values = rows.iter().map(|row| places.clone().map(|place| cell(row, place)).collect());
        if let Some(arrays) = self.arrays(places.clone(), rows.len(), values) {
            let _ = write!(sql, "SELECT * FROM {arrays}");
            return sql;
        }
        sql.push_str("VALUES ");
        for (i, row) in rows.iter().enumerate() {
            sql.push_str(if i == 0 { "(" } else { ", (" });
            for place in places.clone() {
                if place > 0 {
                    sql.push_str(", ");
                }
                sql.push_str(&self.literal((place, cell(row, place))));
            }
            sql.push(')');
        }
        sql
    }

    /// Rows as arrays, for the engine that gains by it, and where there are enough
    /// of them to gain.
    fn arrays<'v>(
        &self,
        places: impl Iterator<Item = usize>,
        count: usize,
        rows: impl Iterator<Item = Vec<&'v OwnedValue>>,
    ) -> Option<String> {
        if self.engine != Engine::Postgres || count < 2 {
            return None;
        }
        let columns: Option<Vec<&Column>> = places.map(|place| self.column(place)).collect();
        unnest(&columns?, rows)
    }

    /// Updates one row. Affects one.
    #[must_use]
    pub fn update(&self, update: &Update<'_>) -> String {
        let set: Vec<String> =
            update.set.iter().map(|&cell| format!("{} = {}", self.column_name(cell.0), self.literal(cell))).collect();
        format!("UPDATE {} SET {} WHERE {}", self.name(), set.join(", "), self.one_row(&update.key, &update.before))
    }

    /// Whether [`Rows::update_many`] is worth its while: where the server plans
    /// one join instead of a thousand statements.
    #[must_use]
    pub fn joins_updates(&self) -> bool {
        self.engine == Engine::Postgres && !self.identity.is_empty()
    }

    /// Updates rows of different keys which all set the same columns and demand
    /// nothing of the row before. Affects as many rows.
    #[must_use]
    pub fn update_many<'c>(&self, updates: &[Update<'c>]) -> String {
        let Some(first) = updates.first() else { return String::new() };
        let cells = |update: &Update<'c>| update.key.iter().chain(&update.set).copied().collect::<Vec<_>>();
        let set = first.set.iter().enumerate();
        let set: Vec<String> =
            set.map(|(i, cell)| format!("{} = v.c{}", self.column_name(cell.0), first.key.len() + i)).collect();
        let names: Vec<String> = (0..first.key.len() + first.set.len()).map(|i| format!("c{i}")).collect();
        let rows: Vec<Vec<Cell<'_>>> = updates.iter().map(cells).collect();
        format!(
            "UPDATE {} AS t SET {} FROM {} AS v ({}) WHERE {}",
            self.name(),
            set.join(", "),
            self.rows_of(&rows),
            names.join(", "),
            self.joined(&first.key)
        )
    }

    /// That a row `t` of the table has the key which `v` gives as `c0`, `c1`, ….
    fn joined(&self, key: &[Cell<'_>]) -> String {
        let equal = |(i, cell): (usize, &Cell<'_>)| {
            let symbol = self.column(cell.0).map_or_else(String::new, |c| operator(self.engine, c, "="));
            format!("t.{} {symbol} v.c{i}", self.column_name(cell.0))
        };
        key.iter().enumerate().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// Deletes one row. Affects one.
    #[must_use]
    pub fn delete(&self, key: &[Cell<'_>], before: &[Cell<'_>]) -> String {
        format!("DELETE FROM {} WHERE {}", self.name(), self.one_row(key, before))
    }

    /// Deletes rows by their identities. Affects as many rows.
    #[must_use]
    pub fn delete_many(&self, keys: &[Vec<Cell<'_>>]) -> String {
        let Some(first) = keys.first() else { return String::new() };
        match (self.engine, first.as_slice()) {
            (Engine::Postgres, _) => {
                let names: Vec<String> = (0..first.len()).map(|i| format!("c{i}")).collect();
                format!(
                    "DELETE FROM {} AS t USING {} AS v ({}) WHERE {}",
                    self.name(),
                    self.rows_of(keys),
                    names.join(", "),
                    self.joined(first)
                )
            }
            (_, [(place, _)]) => {
                let values: Vec<String> = keys.iter().flatten().map(|&cell| self.literal(cell)).collect();
                format!("DELETE FROM {} WHERE {} IN ({})", self.name(), self.column_name(*place), values.join(", "))
            }
            _ => {
                let rows: Vec<String> = keys.iter().map(|key| format!("({})", self.all(key))).collect();
                format!("DELETE FROM {} WHERE {}", self.name(), rows.join(" OR "))
            }
        }
    }

    /// Locks and counts the rows of one identity: 0 or 1.
    #[must_use]
    pub fn look(&self, key: &[Cell<'_>]) -> String {
        let lock = match self.engine {
            Engine::Postgres | Engine::MySql => " FOR UPDATE",
            // The transaction is the only writer there is.
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
        };
        format!("SELECT 1 FROM {} WHERE {}{lock}", self.name(), self.all(key))
    }

    /// The row of one identity, all its columns.
    #[must_use]
    pub fn select(&self, key: &[Cell<'_>]) -> String {
        let names: Vec<String> = (0..self.columns.len()).map(|place| self.column_name(place)).collect();
        format!("SELECT {} FROM {} WHERE {}", names.join(", "), self.name(), self.one_row(key, &[]))
    }

    /// Rows to join with, all of the same columns. Of `VALUES` PostgreSQL takes the
    /// types from the first row, where each literal says its own.
    fn rows_of(&self, rows: &[Vec<Cell<'_>>]) -> String {
        let places = rows.first().into_iter().flatten().map(|(place, _)| *place);
        let values = rows.iter().map(|row| row.iter().map(|(_, value)| *value).collect());
        if let Some(arrays) = self.arrays(places, rows.len(), values) {
            return arrays;
        }
        let mut sql = String::from("(VALUES ");
        for (i, row) in rows.iter().enumerate() {
            sql.push_str(if i == 0 { "(" } else { ", (" });
            for (j, &cell) in row.iter().enumerate() {
                if j > 0 {
                    sql.push_str(", ");
                }
                sql.push_str(&self.literal(cell));
                if i == 0
                    && let Some(column) = self.column(cell.0)
                {
                    let _ = write!(sql, "::{}", postgres_cast(column));
                }
            }
            sql.push(')');
        }
        sql.push(')');
        sql
    }

    fn all(&self, cells: &[Cell<'_>]) -> String {
        cells.iter().map(|&cell| self.is(cell)).collect::<Vec<_>>().join(" AND ")
    }

    /// A condition that finds one row at most.
    fn one_row(&self, key: &[Cell<'_>], before: &[Cell<'_>]) -> String {
        let found = self.all(&[key, before].concat());
        if !self.identity.is_empty() {
            return found;
        }
        match row_id(self.engine, self.table) {
            "" => format!("{found} LIMIT 1"),
            id => format!("({id}) IN (SELECT {id} FROM {} WHERE {found} LIMIT 1)", self.name()),
        }
    }
}

/// Deletes all rows of one table, where [`truncate`] is refused because a table
/// that stays refers to it.
#[must_use]
pub fn empty(engine: Engine, of: &Table) -> String {
    format!("DELETE FROM {}", table(engine, &of.name))
}

/// Empties tables. How many rows that affects is not known.
///
/// MySQL's `TRUNCATE` would commit what the transaction has done by then, and
/// SQLite has none.
#[must_use]
pub fn truncate(engine: Engine, tables: &[&Table]) -> Vec<String> {
    match engine {
        // At once, as each may be referred to by another of them.
        Engine::Postgres => {
            let names: Vec<String> = tables.iter().map(|t| table(engine, &t.name)).collect();
            vec![format!("TRUNCATE {}", names.join(", "))]
        }
        Engine::MySql | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => {
            tables.iter().map(|of| empty(engine, of)).collect()
        }
    }
}
