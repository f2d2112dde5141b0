//! A pair of tables to its outcome, whatever happens on the way.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Instant;

use switchback_engines::canon::Policy;
use switchback_engines::{Database, Error, Table, TableRef};

use crate::compare::read::ReadError;
use crate::difference::{Began, Kind};
use crate::options::Mode;
use crate::outcome::{
    ColumnOutcome, Coverage, Method, Positions, Problem, Side, StructureDifference, TableOutcome, Verdict,
};
use crate::plan::TablePlan;
use crate::plan::build::{Built, Described, build};
use crate::plan::selection::Pairing;
use crate::progress::TableProgress;
use crate::shared::Shared;
use crate::side::SideAccess;
use crate::table_run::{Compared, TableError, TableRun};
use crate::verdict;

/// Compares one pair of tables. Never fails: what goes wrong is in the outcome.
pub(crate) async fn compare(shared: Arc<Shared>, pairing: Pairing) -> TableOutcome {
    let started = Instant::now();
    let mut outcome = empty(&pairing);
    let progress = shared.progress.begin(outcome.name());
    match (&pairing.source, &pairing.target) {
        (Some(source), Some(target)) => {
            // Before the first statement, so that a position speaks of all.
            outcome.source_positions.start = position(&*shared.source).await;
            outcome.target_positions.start = position(&*shared.target).await;
            if let Err(problem) = compare_both(&shared, &pairing, (source, target), &progress, &mut outcome).await {
                outcome.problems.push(problem);
            }
            outcome.source_positions.end = position(&*shared.source).await;
            outcome.target_positions.end = position(&*shared.target).await;
        }
        (Some(_), None) => outcome.structure.push(StructureDifference::MissingTable { on: Side::Target }),
        (None, _) => outcome.structure.push(StructureDifference::MissingTable { on: Side::Source }),
    }
    progress.finish();
    outcome.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    outcome.verdict = verdict::of_table(&outcome);
    outcome
}

/// What is known of a table before anything is compared.
pub(crate) fn empty(pairing: &Pairing) -> TableOutcome {
    TableOutcome {
        source: pairing.source.clone(),
        target: pairing.target.clone(),
        verdict: Verdict::Incomplete,
        method: Method::NotCompared,
        problems: Vec::new(),
        structure: Vec::new(),
        columns: Vec::new(),
        excluded: Vec::new(),
        policies: Vec::new(),
        source_filter: pairing.settings.source_filter.clone(),
        target_filter: pairing.settings.target_filter.clone(),
        coverage: Coverage::default(),
        source_rows: 0,
        target_rows: 0,
        source_bytes: 0,
        target_bytes: 0,
        differences: BTreeMap::new(),
        unresolved: 0,
        in_sync: 0,
        within_tolerance: 0,
        source_positions: Positions::default(),
        target_positions: Positions::default(),
        elapsed_ms: 0,
        files: Vec::new(),
        plan: None,
    }
}

/// A position is for people; that it can't be had does not weaken a verdict,
/// and a server that is gone shows when its rows are read.
async fn position(database: &dyn Database) -> Option<String> {
    database.position().await.ok().flatten()
}

async fn compare_both(
    shared: &Arc<Shared>,
    pairing: &Pairing,
    names: (&TableRef, &TableRef),
    progress: &Arc<TableProgress>,
    outcome: &mut TableOutcome,
) -> Result<(), Problem> {
    let (source, target) = describe(shared, names).await?;
    progress.rows_estimate.store(source.row_estimate + target.row_estimate, std::sync::atomic::Ordering::Relaxed);
    outcome.problems.extend(forgotten_children(shared, Side::Source, &source));
    outcome.problems.extend(forgotten_children(shared, Side::Target, &target));
    let built = build(
        Described { server: shared.source.info(), table: &source },
        Described { server: shared.target.info(), table: &target },
        &pairing.settings,
        &pairing.ignored,
        &shared.options.equality,
    );
    let indexed = built.indexed;
    let untolerated = !built.untolerated.is_empty();
    let Some(plan) = take_built(built, outcome) else { return Ok(()) };
    let plan = Arc::new(plan);
    match shared.options.mode {
        Mode::CountOnly => count(shared, &plan, progress, outcome).await?,
        Mode::Rows | Mode::Sample { .. } => rows(shared, &plan, indexed, progress, outcome).await?,
    }
    if outcome.method == Method::Multiset && untolerated && outcome.difference_count() > 0 {
        outcome.problems.push(Problem {
            message: "the run's tolerance can't be applied, as the table has no key and its rows are matched by \
                      all that they hold; they were compared exactly"
                .to_owned(),
            hint: Some(
                "name a key (--key TABLE=COLUMN), or take the tolerance back in the table's settings (0)".to_owned(),
            ),
        });
    }
    outcome.plan = Some(TablePlan::clone(&plan));
    if shared.cancel.is_cancelled() {
        return Ok(());
    }
    // A column that came or went while its rows were read is in nobody's digest.
    let (source_now, target_now) = describe(shared, names).await?;
    if source_now.columns != source.columns || target_now.columns != target.columns {
        return Err(Problem {
            message: "the table's definition changed while it was compared".to_owned(),
            hint: Some("compare it again".to_owned()),
        });
    }
    Ok(())
}

/// A table without the rows that its server shows as its own is not the table
/// that was asked for.
fn forgotten_children(shared: &Shared, side: Side, table: &Table) -> Option<Problem> {
    const NAMED_MAX: usize = 3;
    let forgotten = shared.known.forgotten_children(side, table);
    if forgotten.is_empty() {
        return None;
    }
    let names: Vec<String> = forgotten.iter().take(NAMED_MAX).map(|child| format!("`{child}`")).collect();
    let more = match forgotten.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Problem {
        message: format!(
            "in the {} a query of the table shows the rows of tables that inherit from it, and those are not compared: {}{more}",
            side.name(),
            names.join(", ")
        ),
        hint: Some("select them too (--table), or say that they are to be left out (--exclude)".to_owned()),
    })
}

async fn describe(shared: &Shared, (source, target): (&TableRef, &TableRef)) -> Result<(Table, Table), Problem> {
    let described = tokio::try_join!(shared.source.describe(source), shared.target.describe(target));
    let gone = |side: Side, table: &TableRef| Problem {
        message: format!("the table `{table}` is no longer in the {}", side.name()),
        hint: None,
    };
    match described.map_err(|e| problem(&e))? {
        (Some(s), Some(t)) => Ok((s, t)),
        (None, _) => Err(gone(Side::Source, source)),
        (_, None) => Err(gone(Side::Target, target)),
    }
}

fn take_built(built: Built, outcome: &mut TableOutcome) -> Option<TablePlan> {
    outcome.structure = built.structure;
    outcome.excluded = built.excluded;
    outcome.problems.extend(built.problems);
    let plan = built.plan?;
    outcome.columns = plan
        .columns
        .iter()
        .filter_map(|pair| {
            let (s, t) = (plan.source_column(pair)?, plan.target_column(pair)?);
            Some(ColumnOutcome {
                source: s.name.clone(),
                target: t.name.clone(),
                source_type: s.native.clone(),
                target_type: t.native.clone(),
                rule: pair.rule.words(),
                policies: pair.policies.clone(),
                strict: pair.strict.clone(),
                tolerance: pair.tolerance.clone(),
                changed: 0,
                within_tolerance: 0,
            })
        })
        .collect();
    let mut policies: Vec<Policy> = plan.columns.iter().flat_map(|c| c.policies.iter().copied()).collect();
    policies.sort_unstable();
    policies.dedup();
    outcome.policies = policies;
    Some(plan)
}

async fn count(
    shared: &Arc<Shared>,
    plan: &Arc<TablePlan>,
    progress: &TableProgress,
    outcome: &mut TableOutcome,
) -> Result<(), Problem> {
    let side = |side, database: &Arc<dyn Database>| {
        SideAccess::new(side, Arc::clone(database), Arc::clone(plan), shared.hash_key.clone())
    };
    let source = side(Side::Source, &shared.source).map_err(|e| problem(&e))?;
    let target = side(Side::Target, &shared.target).map_err(|e| problem(&e))?;
    let _permit = shared.permit().await;
    let counting = async { tokio::try_join!(source.count(), target.count()) };
    let Some(counts) = shared.cancel.run_until_cancelled(counting).await else { return Ok(()) };
    let (source, target) = counts.map_err(|e| problem(&e))?;
    outcome.method = Method::CountOnly;
    outcome.coverage = Coverage { ranges_total: 1, ranges_done: 1, sampled: None };
    (outcome.source_rows, outcome.target_rows) = (source, target);
    let more = |kind, a: u64, b: u64| (a > b).then(|| (kind, a - b));
    outcome.differences.extend(more(Kind::SourceOnly, source, target));
    outcome.differences.extend(more(Kind::TargetOnly, target, source));
    progress.source_rows.store(source, std::sync::atomic::Ordering::Relaxed);
    progress.target_rows.store(target, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}

async fn rows(
    shared: &Arc<Shared>,
    plan: &Arc<TablePlan>,
    indexed: bool,
    progress: &Arc<TableProgress>,
    outcome: &mut TableOutcome,
) -> Result<(), Problem> {
    outcome.method = match plan.key_len {
        0 => Method::Multiset,
        _ => Method::Keyed { key: outcome.columns.iter().take(plan.key_len).map(|c| c.source.clone()).collect() },
    };
    let began = Began {
        source_position: outcome.source_positions.start.clone(),
        target_position: outcome.target_positions.start.clone(),
    };
    let run = TableRun::new(Arc::clone(shared), Arc::clone(plan), indexed, Arc::clone(progress), &began)
        .map_err(|e| table_problem(&e))?;
    take_compared(run.run().await, outcome);
    Ok(())
}

fn take_compared(compared: Compared, outcome: &mut TableOutcome) {
    outcome.coverage = compared.coverage;
    (outcome.source_bytes, outcome.target_bytes) = compared.bytes;
    let totals = compared.totals;
    (outcome.source_rows, outcome.target_rows) = (totals.source.count, totals.target.count);
    outcome.differences = totals.differences;
    outcome.unresolved = totals.unresolved;
    outcome.in_sync = totals.in_sync;
    outcome.within_tolerance = totals.tolerated.rows;
    outcome.files = compared.files.iter().map(|f| f.display().to_string()).collect();
    for (column, changed) in outcome.columns.iter_mut().zip(totals.changed) {
        column.changed = changed;
    }
    for (column, within) in outcome.columns.iter_mut().zip(totals.tolerated.columns) {
        column.within_tolerance = within;
    }
    outcome.problems.extend(compared.errors.iter().map(table_problem));
    if compared.cut_short {
        outcome.problems.push(Problem {
            message: "the run ended before all of the table was read and decided".to_owned(),
            hint: Some("run the comparison again".to_owned()),
        });
    }
}

fn table_problem(error: &TableError) -> Problem {
    let hint = match error {
        TableError::Read(ReadError::Engine(error)) => error.hint(),
        TableError::Read(ReadError::Spill(_)) | TableError::Spill(_) => {
            Some("make room in the temporary folder, or name another one with TMPDIR")
        }
        TableError::Sink(_) => Some("make room for the run's folder, or name another one with --run-dir"),
        TableError::Unaccounted => {
            Some("compare the table again while nobody writes to it; if it happens again, please report it")
        }
        TableError::Read(ReadError::RowsLost { .. } | ReadError::WorkerGone) | TableError::WorkerGone => {
            Some("this is a defect of the tool: please report it")
        }
    };
    Problem { message: chain(error), hint: hint.map(str::to_owned) }
}

fn problem(error: &Error) -> Problem {
    Problem { message: chain(error), hint: error.hint().map(str::to_owned) }
}

/// The error and all its causes, outermost first.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // A transparent wrapper says what its cause says.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
