//! One side of one table, with all that reading it takes.

use std::sync::Arc;

use switchback_engines::canon::Rule;
use switchback_engines::{Database, Error, ReadRequest, Scope, Table};

use crate::compare::hash::{HashKey, RowHasher};
use crate::outcome::Side;
use crate::plan::TablePlan;

pub(crate) struct SideAccess {
    pub(crate) side: Side,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) plan: Arc<TablePlan>,
    /// Positions in the table, in the order of the plan's columns.
    columns: Vec<usize>,
    pub(crate) hasher: RowHasher,
}

impl SideAccess {
    pub(crate) fn new(
        side: Side,
        database: Arc<dyn Database>,
        plan: Arc<TablePlan>,
        key: HashKey,
    ) -> Result<Self, Error> {
        let (table, columns) = match side {
            Side::Source => (&plan.source, plan.source_columns()),
            Side::Target => (&plan.target, plan.target_columns()),
        };
        let decoder = database.decoder(table, &columns)?;
        let rules: Arc<[Rule]> = plan.columns.iter().map(|c| c.rule.clone()).collect();
        let hasher = RowHasher { decoder, rules, key_len: plan.key_len, key };
        Ok(Self { side, database, plan, columns, hasher })
    }

    pub(crate) fn table(&self) -> &Table {
        match self.side {
            Side::Source => &self.plan.source,
            Side::Target => &self.plan.target,
        }
    }

    fn filter(&self) -> Option<&str> {
        match self.side {
            Side::Source => self.plan.source_filter.as_deref(),
            Side::Target => self.plan.target_filter.as_deref(),
        }
    }

    /// The key's columns, as positions in this side's table.
    pub(crate) fn key(&self) -> &[usize] {
        self.columns.get(..self.plan.key_len).unwrap_or_default()
    }

    pub(crate) fn request<'a>(&'a self, scope: Scope<'a>) -> ReadRequest<'a> {
        ReadRequest { table: self.table(), columns: &self.columns, scope, filter: self.filter() }
    }

    pub(crate) async fn count(&self) -> Result<u64, Error> {
        self.database.count(self.table(), self.filter()).await
    }
}
