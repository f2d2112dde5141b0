//! What the operator asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use switchback_engines::TableRef;

/// How a structure is to be moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StructureOptions {
    /// The tables to move; all where it is empty. What hangs on a table goes with
    /// it, and what needs a table that is not chosen stays behind with a warning.
    pub tables: Vec<TableRef>,
    /// Tables to leave out.
    pub exclude: Vec<TableRef>,
    /// Between engines: columns to leave out, such as those of a type that the target
    /// has no counterpart of. Within an engine tables are moved whole.
    pub columns_left_out: Vec<ColumnRef>,
    pub rename: Rename,
    pub existing: Existing,
    pub definer: Definer,
    /// PostgreSQL to PostgreSQL: also roles (without passwords), owners and rights.
    pub roles: bool,
    /// The `pg_dump` to use, where it is not to be looked for.
    pub pg_dump: Option<PathBuf>,
}

/// A column of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRef {
    /// Without a schema: the table in any.
    pub table: TableRef,
    pub column: String,
}

/// Other names on the target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rename {
    /// From the source's name to the target's. Between PostgreSQL and another
    /// engine this is also how a schema is chosen.
    pub schemas: BTreeMap<String, String>,
    /// Pairs of the source's table and the target's; they win over `schemas`.
    pub tables: Vec<(TableRef, TableRef)>,
}

/// What to do about an object whose name the target has already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Report it and create nothing.
    #[default]
    Refuse,
    /// Leave it as it is and go on, with a warning for each.
    Keep,
}

/// With whose rights MySQL's views and routines run on the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definer {
    /// The account that creates them.
    #[default]
    Connecting,
    /// Whoever uses them, where that can be said: of views and routines, not of
    /// triggers and events.
    Invoker,
    /// The source's, which the account must be allowed to name.
    Keep,
}

impl StructureOptions {
    pub(super) fn is_chosen(&self, table: &TableRef) -> bool {
        (self.tables.is_empty() || self.tables.iter().any(|t| same(t, table)))
            && !self.exclude.iter().any(|t| same(t, table))
    }
}

impl Rename {
    /// The table's name on a target that has schemas like the source's.
    #[must_use]
    pub fn table(&self, table: &TableRef) -> TableRef {
        if let Some((_, to)) = self.tables.iter().find(|(from, _)| same(from, table)) {
            return TableRef { schema: to.schema.clone().or_else(|| table.schema.clone()), name: to.name.clone() };
        }
        TableRef { schema: table.schema.as_deref().map(|s| self.schema(s).to_owned()), name: table.name.clone() }
    }

    #[must_use]
    pub fn schema<'a>(&'a self, schema: &'a str) -> &'a str {
        self.schemas.get(schema).map_or(schema, String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.schemas.is_empty() && self.tables.is_empty()
    }
}

/// A name without a schema means the table in any.
pub(super) fn same(asked: &TableRef, table: &TableRef) -> bool {
    asked.name == table.name && (asked.schema.is_none() || asked.schema == table.schema)
}
