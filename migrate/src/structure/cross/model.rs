//! A table, whatever the engine.

use switchback_engines::{Column, Engine, Table, TableRef};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) tables: Vec<TableModel>,
}

#[derive(Debug)]
pub(super) struct TableModel {
    /// At the source.
    pub(super) name: TableRef,
    /// The same for people: MySQL has only one schema to speak of.
    pub(super) shown: String,
    pub(super) columns: Vec<ColumnModel>,
    /// Names of columns; empty where there is no key.
    pub(super) primary: Vec<String>,
    pub(super) indexes: Vec<IndexModel>,
    pub(super) foreign_keys: Vec<ForeignKeyModel>,
    pub(super) comment: Option<String>,
}

#[derive(Debug)]
pub(super) struct ColumnModel {
    pub(super) column: Column,
    pub(super) default: Default,
    /// Numbers itself: serial, identity, AUTO_INCREMENT, a row's number.
    pub(super) is_auto: bool,
    /// Of an enum or a set.
    pub(super) labels: Vec<String>,
    pub(super) comment: Option<String>,
}

/// What a column holds when nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Default {
    Absent,
    /// The text of a value, without quotes.
    Value(String),
    Now,
    NewUuid,
    /// What only the source's server understands.
    Expression,
}

#[derive(Debug, Clone)]
pub(super) struct IndexModel {
    pub(super) name: String,
    pub(super) is_unique: bool,
    pub(super) parts: Vec<IndexPart>,
}

#[derive(Debug, Clone)]
pub(super) struct IndexPart {
    pub(super) column: String,
    pub(super) descending: bool,
}

#[derive(Debug, Clone)]
pub(super) struct ForeignKeyModel {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) parent: TableRef,
    pub(super) parent_columns: Vec<String>,
    /// `NO ACTION`, `CASCADE`, …
    pub(super) on_update: String,
    pub(super) on_delete: String,
}

impl TableModel {
    pub(super) fn of(engine: Engine, table: Table) -> Self {
        let name = |i: &usize| table.columns.get(*i).map(|c| c.name.clone());
        let primary =
            table.primary_key.as_ref().map(|key| key.columns.iter().filter_map(name).collect()).unwrap_or_default();
        let column = |column: Column| ColumnModel {
            column,
            default: Default::Absent,
            is_auto: false,
            labels: Vec::new(),
            comment: None,
        };
        let shown = if engine == Engine::MySql { table.name.name.clone() } else { table.name.to_string() };
        Self {
            name: table.name,
            shown,
            columns: table.columns.into_iter().map(column).collect(),
            primary,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            comment: None,
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&ColumnModel> {
        self.columns.iter().find(|c| c.column.name == name)
    }

    pub(super) fn column_mut(&mut self, name: &str) -> Option<&mut ColumnModel> {
        self.columns.iter_mut().find(|c| c.column.name == name)
    }

    /// Adds a part to the index that is read at the moment.
    pub(super) fn add_part(&mut self, name: &str, is_unique: bool, part: IndexPart) {
        match self.indexes.last_mut() {
            Some(index) if index.name == name => index.parts.push(part),
            _ => self.indexes.push(IndexModel { name: name.to_owned(), is_unique, parts: vec![part] }),
        }
    }
}

impl Model {
    pub(super) fn table_mut(&mut self, schema: Option<&str>, name: &str) -> Option<&mut TableModel> {
        self.tables.iter_mut().find(|t| t.name.name == name && (schema.is_none() || t.name.schema.as_deref() == schema))
    }

    pub(super) fn table(&self, name: &TableRef) -> Option<&TableModel> {
        self.tables.iter().find(|t| t.name == *name)
    }
}
