//! The script as a whole.

use std::cmp::Ordering;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use switchback_engines::{Column, Engine};
use switchback_verify::outcome::{Method, RunOutcome, StructureDifference};
use switchback_verify::{Difference, Kind, Status, TableOutcome, TablePlan, Verdict};

use super::dialect::Dialect;
use super::order::{Order, order};
use super::statement::{NoStatement, Statements, is_unique};
use crate::error::{Error, Result};
use crate::parquet::read::differences_where;
use crate::summary;
use crate::terminal::{clean, key};

/// What a repair script holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepairSummary {
    pub deletes: u64,
    pub updates: u64,
    pub inserts: u64,
    /// Differences that the script only names, with the reason.
    pub not_repaired: u64,
    /// Tables of which it can't speak, or not wholly: one that is missing, or was
    /// not compared, or has another structure.
    pub not_covered: u64,
}

/// Writes the script that makes the target of the run in `run_dir` equal to its
/// source.
///
/// Reads the differences three times and holds a batch of them at once.
///
/// # Errors
/// When the run's files can't be read, the target's engine has no scripts, or
/// `out` can't be written. What was written by then is no whole script: it lacks
/// its last statement, the `COMMIT`.
pub fn repair_sql(run_dir: &Path, out: impl Write) -> Result<RepairSummary> {
    let outcome = summary::read(run_dir)?;
    let engine = outcome.target.engine;
    match engine {
        Engine::Postgres | Engine::MySql | Engine::Sqlite => {}
        Engine::SqlServer | Engine::MongoDb => return Err(Error::NoRepair { engine }),
    }
    let tables: Vec<(&TableOutcome, &TablePlan)> = outcome
        .tables
        .iter()
        .filter(|table| !table.files.is_empty())
        .map(|table| match &table.plan {
            Some(plan) => Ok((table, plan)),
            None => Err(Error::malformed(&run_dir.join(summary::FILE_NAME), "a table has differences and no plan")),
        })
        .collect::<Result<_>>()?;
    let order = order(&tables);
    let mut script = Script {
        out: BufWriter::new(out),
        run_dir,
        outcome: &outcome,
        dialect: Dialect { engine, flavor: outcome.target.flavor },
        summary: RepairSummary::default(),
    };
    script.write(&tables, &order)?;
    script.out.flush().map_err(|source| Error::Script { source })?;
    Ok(script.summary)
}

struct Script<'a, W: Write> {
    out: BufWriter<W>,
    run_dir: &'a Path,
    outcome: &'a RunOutcome,
    dialect: Dialect,
    summary: RepairSummary,
}

/// What a reading of a table's differences writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Delete,
    Update,
    Insert,
    /// What has no statement.
    Name,
}

impl Pass {
    fn takes(self, kind: Kind, status: Status) -> bool {
        match (status, kind) {
            (Status::Unresolved, _) | (Status::Confirmed, Kind::KeyCollision) => self == Self::Name,
            (Status::Confirmed, Kind::TargetOnly) => self == Self::Delete,
            (Status::Confirmed, Kind::Changed) => self == Self::Update,
            (Status::Confirmed, Kind::SourceOnly) => self == Self::Insert,
        }
    }
}

impl<W: Write> Script<'_, W> {
    fn write(&mut self, tables: &[(&TableOutcome, &TablePlan)], order: &Order) -> Result<()> {
        self.header()?;
        self.not_covered()?;
        for line in self.dialect.prologue(!order.cyclic.is_empty()) {
            self.line(line)?;
        }
        let all = |positions: &[usize]| -> Vec<(usize, &TableOutcome, &TablePlan)> {
            positions.iter().filter_map(|&i| tables.get(i).map(|&(outcome, plan)| (i, outcome, plan))).collect()
        };
        let children_first: Vec<usize> = order.parents_first.iter().rev().copied().collect();
        let (last, first): (Vec<usize>, Vec<usize>) =
            children_first.into_iter().partition(|i| order.delete_last.contains(i));
        for (i, outcome, plan) in all(&first) {
            let warnings = table_warnings(plan, order.cyclic.contains(&i));
            self.table(outcome, plan, "rows to delete", &warnings, &[Pass::Delete])?;
        }
        for (i, outcome, plan) in all(&order.parents_first) {
            let mut warnings = table_warnings(plan, order.cyclic.contains(&i));
            warnings.extend(write_warnings(outcome, plan));
            let passes = [Pass::Update, Pass::Insert, Pass::Name];
            self.table(outcome, plan, "rows to change and to insert", &warnings, &passes)?;
        }
        for (i, outcome, plan) in all(&last) {
            let warnings = table_warnings(plan, order.cyclic.contains(&i));
            let title = "rows to delete, now that no other row refers to them";
            self.table(outcome, plan, title, &warnings, &[Pass::Delete])?;
        }
        self.line("")?;
        let RepairSummary { deletes, updates, inserts, not_repaired, not_covered: _ } = self.summary;
        self.comment(&format!("{deletes} rows to delete, {updates} to change, {inserts} to insert."))?;
        if not_repaired > 0 {
            let are = if not_repaired == 1 { "difference is" } else { "differences are" };
            self.comment(&format!("{not_repaired} {are} not repaired: see the comments above."))?;
        }
        for line in self.dialect.epilogue() {
            self.line(line)?;
        }
        Ok(())
    }

    fn header(&mut self) -> Result<()> {
        let outcome = self.outcome;
        let moment = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        self.comment(&format!("Repair script, made by switchback {} of run {}", outcome.tool_version, outcome.run_id))?;
        self.comment("")?;
        self.comment(&format!("It gives the target the rows that the source had from {}", moment(outcome.started)))?;
        self.comment(&format!("to {}.", moment(outcome.finished)))?;
        self.comment(&format!("  source: {}", outcome.source))?;
        self.comment(&format!("  target: {}", outcome.target))?;
        self.comment("")?;
        self.comment(&format!("Run it on the target: {}", self.dialect.how_to_run()))?;
        self.comment(
            "All of it is one transaction. A row that was changed since is left as it is by UPDATE; DELETE goes",
        )?;
        self.comment(
            "by the key alone, if it is unique; an INSERT of a row that came since fails. Compare again afterwards.",
        )?;
        for note in self.dialect.notes() {
            self.comment(note)?;
        }
        self.line("")
    }

    /// What the script can't speak of, as it was not compared.
    fn not_covered(&mut self) -> Result<()> {
        let left_out: Vec<(&TableOutcome, &str)> =
            self.outcome.tables.iter().filter_map(|table| Some((table, why_left_out(table)?))).collect();
        // Rows that are unresolved are named one by one.
        let is_more = |(_, why): &&(&TableOutcome, &str)| *why != UNRESOLVED;
        self.summary.not_covered = left_out.iter().filter(is_more).count() as u64;
        if self.outcome.verdict == Verdict::Incomplete {
            self.comment("WARNING: the run is incomplete, and the script covers only what was compared.")?;
        }
        if !left_out.is_empty() {
            self.comment("Not covered, or not wholly:")?;
        }
        for (table, why) in &left_out {
            self.comment(&format!("  {}: {why}", table.name()))?;
        }
        self.line("")
    }

    /// Writes what the passes find; nothing, not even the title, where that is
    /// nothing.
    fn table(
        &mut self,
        outcome: &TableOutcome,
        plan: &TablePlan,
        title: &str,
        warnings: &[String],
        passes: &[Pass],
    ) -> Result<()> {
        let statements = Statements::new(self.dialect, plan);
        let mut titled = false;
        for &pass in passes {
            let found = differences_where(self.run_dir, outcome, move |kind, status| pass.takes(kind, status))?;
            for difference in found {
                if !titled {
                    self.line("")?;
                    self.comment(&format!("{} (from {}): {title}", plan.target.name, plan.source.name))?;
                    for warning in warnings {
                        self.comment(warning)?;
                    }
                    titled = true;
                }
                self.difference(&statements, plan, pass, &difference?)?;
            }
        }
        Ok(())
    }

    fn difference(
        &mut self,
        statements: &Statements<'_>,
        plan: &TablePlan,
        pass: Pass,
        difference: &Difference,
    ) -> Result<()> {
        let written = match pass {
            Pass::Delete => self.delete(statements, difference)?,
            Pass::Update => self.update(statements, difference)?,
            Pass::Insert => self.insert(statements, difference)?,
            Pass::Name => return self.name(plan, difference),
        };
        match written {
            Ok(()) => Ok(()),
            Err(why) => self.not_repaired(plan, difference, &why),
        }
    }

    fn delete(&mut self, statements: &Statements<'_>, difference: &Difference) -> Result<Result<(), NoStatement>> {
        Ok(match statements.delete(difference) {
            Ok((statement, rows)) => {
                self.line(&statement)?;
                self.summary.deletes += rows;
                Ok(())
            }
            Err(why) => Err(why),
        })
    }

    fn insert(&mut self, statements: &Statements<'_>, difference: &Difference) -> Result<Result<(), NoStatement>> {
        Ok(match statements.insert(difference) {
            Ok((statement, times)) => {
                for _ in 0..times {
                    self.line(&statement)?;
                }
                self.summary.inserts += times;
                Ok(())
            }
            Err(why) => Err(why),
        })
    }

    /// A key that is not unique may have so many equal rows on one side and so
    /// many on the other: as many as both have are changed, the rest comes or goes.
    fn update(&mut self, statements: &Statements<'_>, difference: &Difference) -> Result<Result<(), NoStatement>> {
        match statements.update(difference) {
            Ok((statement, rows)) => {
                self.line(&statement)?;
                self.summary.updates += rows;
            }
            Err(why) => return Ok(Err(why)),
        }
        if difference.target.as_ref().is_some_and(|values| statements.finds_one(values)) {
            return Ok(Ok(()));
        }
        match difference.source_count.cmp(&difference.target_count) {
            Ordering::Equal => Ok(Ok(())),
            Ordering::Less => self.delete(statements, difference),
            Ordering::Greater => self.insert(statements, difference),
        }
    }

    fn not_repaired(&mut self, plan: &TablePlan, difference: &Difference, why: &NoStatement) -> Result<()> {
        self.summary.not_repaired += 1;
        let kind = difference.kind.name().replace('_', " ");
        self.comment(&format!("NOT REPAIRED, {kind}: {}: {why}", row(plan, difference)))
    }

    fn name(&mut self, plan: &TablePlan, difference: &Difference) -> Result<()> {
        self.summary.not_repaired += 1;
        let row = row(plan, difference);
        match difference.status {
            Status::Unresolved => {
                let kind = difference.kind.name().replace('_', " ");
                self.comment(&format!(
                    "NOT REPAIRED, unresolved ({kind}): {row}: the row kept changing while it was compared"
                ))
            }
            Status::Confirmed => self.comment(&format!(
                "NOT REPAIRED, key collision: {row}: the other server takes the key for another row's"
            )),
        }
    }

    /// A comment of one line, whatever the names and values in it hold.
    fn comment(&mut self, text: &str) -> Result<()> {
        let text = clean(text);
        self.line(format!("-- {text}").trim_end())
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let mut write = || -> io::Result<()> {
            self.out.write_all(text.as_bytes())?;
            self.out.write_all(b"\n")
        };
        write().map_err(|source| Error::Script { source })
    }
}

/// What holds for all statements of a table.
fn table_warnings(plan: &TablePlan, cyclic: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if plan.key_len == 0 {
        warnings.push("There is no key: rows are found by all of their compared columns.".to_owned());
    } else if !is_unique(plan) {
        warnings.push(
            "The target does not keep the key unique: rows are found by all of their compared columns.".to_owned(),
        );
    }
    if cyclic {
        warnings
            .push("WARNING: foreign keys form a circle, so no order of the statements suits all of them.".to_owned());
    }
    warnings
}

/// What may keep rows of a table from being changed or inserted.
fn write_warnings(outcome: &TableOutcome, plan: &TablePlan) -> Vec<String> {
    let filters = [&plan.source_filter, &plan.target_filter].into_iter().flatten();
    let mut warnings: Vec<String> = filters
        .map(|filter| format!("Only rows were compared that meet: {filter}. Others may be in the way of an INSERT."))
        .collect();
    if outcome.differences.get(&Kind::SourceOnly).is_some_and(|&n| n > 0) {
        warnings.extend(columns_left_out(plan));
    }
    warnings.extend(unique_keys(outcome, plan));
    warnings
}

fn columns_left_out(plan: &TablePlan) -> Vec<String> {
    let compared = plan.target_columns();
    let left = plan.target.columns.iter().enumerate().filter(|(i, c)| !c.generated && !compared.contains(i));
    let (optional, needed): (Vec<&Column>, Vec<&Column>) = left.map(|(_, c)| c).partition(|c| c.nullable);
    let names = |columns: &[&Column]| columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut warnings = Vec::new();
    if !optional.is_empty() {
        warnings.push(format!("Not compared, so an INSERT leaves them to their defaults: {}", names(&optional)));
    }
    if !needed.is_empty() {
        let needed = names(&needed);
        warnings
            .push(format!("WARNING: not compared and NOT NULL: {needed}. An INSERT fails unless they have defaults."));
    }
    warnings
}

/// Unique keys, other than the one by which rows were matched, of which values
/// change.
fn unique_keys(outcome: &TableOutcome, plan: &TablePlan) -> Vec<String> {
    let matched: Vec<usize> = plan.columns.iter().take(plan.key_len).map(|pair| pair.target).collect();
    let keys = plan.target.unique_keys.iter().chain(&plan.target.primary_key);
    keys.filter_map(|key| {
        let columns: Vec<&str> =
            key.columns.iter().filter_map(|&i| plan.target.columns.get(i)).map(|c| c.name.as_str()).collect();
        let is_matched = key.columns.len() == matched.len() && key.columns.iter().all(|c| matched.contains(c));
        let changes = outcome.columns.iter().any(|c| c.changed > 0 && columns.contains(&c.target.as_str()));
        (changes && !is_matched).then(|| {
            format!(
                "WARNING: values of the unique key {} ({}) change. Rows that swap values, or take over those of a row \
                 that is deleted later, can be in each other's way.",
                key.name,
                columns.join(", ")
            )
        })
    })
    .collect()
}

fn why_left_out(table: &TableOutcome) -> Option<&'static str> {
    let missing = table.structure.iter().any(|d| matches!(d, StructureDifference::MissingTable { .. }));
    match (&table.method, table.coverage.sampled) {
        (Method::NotCompared, _) if missing => Some("one side has no such table"),
        (Method::NotCompared, _) => Some("not compared"),
        (Method::CountOnly, _) => Some("only counted"),
        (_, Some(_)) => Some("compared in a sample only"),
        (_, None) if table.coverage.ranges_done < table.coverage.ranges_total => Some("compared in part"),
        (_, None) if !table.problems.is_empty() => Some("compared with problems: see the certificate"),
        (_, None) if !table.structure.is_empty() => Some("its structure differs, which no row mends"),
        (_, None) if table.unresolved > 0 => Some(UNRESOLVED),
        (_, None) => None,
    }
}

const UNRESOLVED: &str = "has unresolved rows";

/// Which row it is, for a comment.
fn row(plan: &TablePlan, difference: &Difference) -> String {
    if plan.key_len == 0 { "a row of a table without key".to_owned() } else { key(plan, difference) }
}
