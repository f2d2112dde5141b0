//! One difference as one statement.

use switchback_engines::fit::{Unfit, fit};
use switchback_engines::sql::{self, literal, name};
use switchback_engines::{Column, Engine, Logical, OwnedValue};
use switchback_verify::{ColumnPair, Difference, TablePlan};

use super::dialect::Dialect;

/// Why a difference has no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoStatement {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("only columns differ that the target computes itself")]
    Generated,
    #[error("the difference lacks the values that a statement needs")]
    Incomplete,
}

/// Makes the statements of one table.
pub(super) struct Statements<'a> {
    dialect: Dialect,
    plan: &'a TablePlan,
    table: String,
    /// The table where rows are looked for: its own, without those of tables that
    /// inherit from it, as they were compared.
    own: String,
    /// MySQL columns that an `UPDATE` may set to the present time by itself.
    clocks: Vec<(usize, String)>,
    /// Whether the server itself keeps the key unique, NULLs aside. By a key that a
    /// person chose, or that the target has lost, it may find several rows where
    /// we mean one.
    is_unique: bool,
}

impl<'a> Statements<'a> {
    pub(super) fn new(dialect: Dialect, plan: &'a TablePlan) -> Self {
        let engine = dialect.engine;
        let clocks = plan.target.columns.iter().enumerate().filter(|(_, column)| {
            engine == Engine::MySql
                && !column.generated
                && matches!(column.logical, Some(Logical::Instant { .. } | Logical::Timestamp { .. }))
        });
        let table = sql::table(engine, &plan.target.name);
        Self {
            dialect,
            plan,
            own: if plan.target.children.is_empty() { table.clone() } else { format!("ONLY {table}") },
            table,
            clocks: clocks.map(|(i, column)| (i, name(engine, &column.name))).collect(),
            is_unique: is_unique(plan),
        }
    }

    /// Sets what differs, where the row still is as it was compared; and of how
    /// many rows.
    pub(super) fn update(&self, difference: &Difference) -> Result<(String, u64), NoStatement> {
        let (source, target) =
            difference.source.as_ref().zip(difference.target.as_ref()).ok_or(NoStatement::Incomplete)?;
        let mut set = Vec::new();
        let mut guards = Vec::new();
        let mut set_columns = Vec::new();
        for &i in &difference.changed {
            let (pair, column) = self.column(i)?;
            if column.generated {
                continue;
            }
            let new = self.fitted(pair, column, source.get(i).ok_or(NoStatement::Incomplete)?)?;
            let old = target.get(i).ok_or(NoStatement::Incomplete)?;
            set.push(format!("{} = {}", self.name(column), literal(self.dialect.engine, column, &new)));
            guards.push(self.is(column, old, false));
            set_columns.push(pair.target);
        }
        if set.is_empty() {
            return Err(if difference.changed.is_empty() { NoStatement::Incomplete } else { NoStatement::Generated });
        }
        for (_, clock) in self.clocks.iter().filter(|(i, _)| !set_columns.contains(i)) {
            set.push(format!("{clock} = {clock}"));
        }
        let begin = format!("UPDATE {} SET {}", self.own, set.join(", "));
        if self.finds_one(target) {
            let mut conditions = self.key(target)?;
            conditions.extend(guards);
            return Ok((format!("{begin} WHERE {};", conditions.join(" AND ")), 1));
        }
        let rows = difference.source_count.min(difference.target_count).max(1);
        Ok((format!("{begin} WHERE {};", self.some_of(target, rows)?), rows))
    }

    /// Deletes by the key, where that finds one row; otherwise exactly the surplus
    /// of equal rows. And how many rows that is.
    pub(super) fn delete(&self, difference: &Difference) -> Result<(String, u64), NoStatement> {
        let values = difference.target.as_ref().ok_or(NoStatement::Incomplete)?;
        let table = &self.own;
        if self.finds_one(values) {
            return Ok((format!("DELETE FROM {table} WHERE {};", self.key(values)?.join(" AND ")), 1));
        }
        let surplus = difference.target_count.saturating_sub(difference.source_count);
        if surplus == 0 {
            return Err(NoStatement::Incomplete);
        }
        Ok((format!("DELETE FROM {table} WHERE {};", self.some_of(values, surplus)?), surplus))
    }

    /// Inserts the row, and how often.
    pub(super) fn insert(&self, difference: &Difference) -> Result<(String, u64), NoStatement> {
        let values = difference.source.as_ref().ok_or(NoStatement::Incomplete)?;
        let mut columns = Vec::new();
        let mut literals = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let (pair, column) = self.column(i)?;
            if column.generated {
                continue;
            }
            columns.push(self.name(column));
            literals.push(literal(self.dialect.engine, column, &self.fitted(pair, column, value)?));
        }
        let times =
            if self.finds_one(values) { 1 } else { difference.source_count.saturating_sub(difference.target_count) };
        if columns.is_empty() || times == 0 {
            return Err(NoStatement::Incomplete);
        }
        // For identity columns that are GENERATED ALWAYS; without one it means nothing.
        let overriding = if self.dialect.engine == Engine::Postgres { " OVERRIDING SYSTEM VALUE" } else { "" };
        let (columns, literals) = (columns.join(", "), literals.join(", "));
        Ok((format!("INSERT INTO {} ({columns}){overriding} VALUES ({literals});", self.table), times))
    }

    /// Whether the target has one row of this key at most. A unique key that allows
    /// NULL keeps rows with NULL apart no more than no key does.
    pub(super) fn finds_one(&self, values: &[OwnedValue]) -> bool {
        let key = values.get(..self.plan.key_len).unwrap_or_default();
        self.is_unique && !key.is_empty() && !key.iter().any(OwnedValue::is_null)
    }

    /// A condition for so many of the rows that are `values` in all compared
    /// columns, whichever those are: equal rows can't be told apart.
    fn some_of(&self, values: &[OwnedValue], rows: u64) -> Result<String, NoStatement> {
        let conditions = values.iter().enumerate().map(|(i, value)| {
            let (_, column) = self.column(i)?;
            Ok(self.is(column, value, true))
        });
        let conditions = conditions.collect::<Result<Vec<_>, NoStatement>>()?.join(" AND ");
        let (table, id) = (&self.own, sql::row_id(self.dialect.engine, &self.plan.target));
        Ok(match self.dialect.engine {
            Engine::Postgres | Engine::Sqlite => {
                format!("({id}) IN (SELECT {id} FROM {table} WHERE {conditions} LIMIT {rows})")
            }
            Engine::MySql | Engine::SqlServer | Engine::MongoDb => format!("{conditions} LIMIT {rows}"),
        })
    }

    fn column(&self, i: usize) -> Result<(&ColumnPair, &Column), NoStatement> {
        let pair = self.plan.columns.get(i).ok_or(NoStatement::Incomplete)?;
        Ok((pair, self.plan.target_column(pair).ok_or(NoStatement::Incomplete)?))
    }

    fn is(&self, column: &Column, value: &OwnedValue, duplicates: bool) -> String {
        sql::is(self.dialect.engine, self.dialect.flavor, column, value, duplicates)
    }

    fn name(&self, column: &Column) -> String {
        name(self.dialect.engine, &column.name)
    }

    fn fitted(&self, pair: &ColumnPair, column: &Column, value: &OwnedValue) -> Result<OwnedValue, Unfit> {
        let source = self.plan.source_column(pair);
        let same = self.plan.source_engine == self.dialect.engine
            && column.logical.is_some()
            && source.is_some_and(|source| source.logical == column.logical);
        fit(self.dialect.engine, &pair.rule, column, value, same)
    }

    fn key(&self, target: &[OwnedValue]) -> Result<Vec<String>, NoStatement> {
        let key = target.get(..self.plan.key_len).filter(|key| !key.is_empty()).ok_or(NoStatement::Incomplete)?;
        let conditions = key.iter().enumerate().map(|(i, value)| {
            let (_, column) = self.column(i)?;
            Ok(self.is(column, value, false))
        });
        conditions.collect()
    }
}

pub(super) fn is_unique(plan: &TablePlan) -> bool {
    let key: Vec<usize> = plan.columns.iter().take(plan.key_len).map(|pair| pair.target).collect();
    let mut keys = plan.target.unique_keys.iter().chain(&plan.target.primary_key);
    keys.any(|unique| unique.columns.iter().all(|column| key.contains(column)))
}
