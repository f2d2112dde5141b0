//! A run from beginning to end.

use std::sync::Arc;

use chrono::Utc;
use switchback_engines::canon::cell::FORMAT_VERSION;
use switchback_engines::{Database, Table, TableRef};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::difference::DifferenceSink;
use crate::options::{IgnoredColumn, Options, Selection};
use crate::outcome::{HashInfo, RunOutcome, SCHEMA_VERSION, Stop, TableOutcome};
use crate::plan::build::{Described, build, missing_column};
use crate::plan::fitting;
use crate::plan::selection::{self, Known, Listed, Mismatch, Pairing};
use crate::progress::Progress;
use crate::shared::Shared;
use crate::{table_outcome, verdict};

/// Why nothing could be compared. What goes wrong with one table is in that
/// table's outcome instead.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was asked for does not fit what is there.
    #[error("{message}")]
    Config { message: String, hint: String },

    /// A database could not be asked which tables it has.
    #[error("cannot list the tables of the {side}")]
    Catalog {
        side: &'static str,
        #[source]
        source: switchback_engines::Error,
    },

    #[error("cannot start the threads that hash rows")]
    Threads {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Compares `source` and `target`.
///
/// Differences go to `sink` as they are confirmed. When `cancel` fires, reading
/// stops at once; what was compared by then is in the outcome, whose verdict is
/// incomplete, and in finished files of the sink. Must be called on tokio's
/// multi-thread runtime, as a sink may block.
///
/// # Errors
/// [`RunError`] when not even the list of tables could be made.
pub async fn run(
    source: Arc<dyn Database>,
    target: Arc<dyn Database>,
    options: Options,
    sink: Arc<dyn DifferenceSink>,
    progress: Arc<Progress>,
    cancel: CancellationToken,
) -> Result<RunOutcome, RunError> {
    let started = Utc::now();
    if options.jobs == 0 {
        return Err(RunError::Config {
            message: "no range may be read at once".to_owned(),
            hint: "set the number of jobs to 1 or more".to_owned(),
        });
    }
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Err(RunError::Config {
            message: "a comparison needs a runtime of several threads".to_owned(),
            hint: "call it on tokio's multi-thread runtime".to_owned(),
        });
    }
    let pairings = pair(&*source, &*target, &options.selection).await?;
    progress.set_tables_total(pairings.len());
    let cpu = rayon::ThreadPoolBuilder::new()
        .thread_name(|n| format!("hash-{n}"))
        .build()
        .map_err(|e| RunError::Threads { source: Box::new(e) })?;
    let known = Known::new(&pairings, &options.selection);
    let shared = Arc::new(Shared::new(source, target, options, known, sink, progress, Arc::new(cpu), cancel));
    check_columns(&shared, &pairings).await?;
    let clock = shared.options.stop.time_max.map(|limit| {
        let shared = Arc::clone(&shared);
        AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            shared.stop(Stop::MaxTime);
        }))
    });
    let tables = compare_all(&shared, pairings).await;
    drop(clock);
    let stopped = shared.stopped();
    Ok(RunOutcome {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: shared.options.run_id.clone(),
        started,
        finished: Utc::now(),
        source: shared.source.info().clone(),
        target: shared.target.info().clone(),
        verdict: verdict::of_run(&tables, stopped.is_some()),
        stopped,
        hash: HashInfo {
            algorithm: "BLAKE3, keyed, 128 bits a row; count and sum modulo 2^128 a range".to_owned(),
            key_id: shared.hash_key.id(),
            cell_format: FORMAT_VERSION,
        },
        tables,
    })
}

async fn pair(source: &dyn Database, target: &dyn Database, selection: &Selection) -> Result<Vec<Pairing>, RunError> {
    let (source_tables, target_tables) = tokio::try_join!(list("source", source), list("target", target))?;
    let config = |m: Mismatch| RunError::Config { message: m.message, hint: m.hint };
    let pairings = selection::pair_tables(
        Listed { engine: source.info().engine, tables: &source_tables },
        Listed { engine: target.info().engine, tables: &target_tables },
        selection,
    )
    .map_err(config)?;
    selection::refuse_itself(source.info(), target.info(), &pairings).map_err(config)?;
    Ok(pairings)
}

async fn list(side: &'static str, database: &dyn Database) -> Result<Vec<TableRef>, RunError> {
    database.tables().await.map_err(|source| RunError::Catalog { side, source })
}

/// Columns that the settings name must be there: a typing error in a column
/// to ignore would otherwise show as a difference, and one in a key as a slow
/// comparison by another key. Only tables that settings name are looked at.
async fn check_columns(shared: &Shared, pairings: &[Pairing]) -> Result<(), RunError> {
    let mut unseen: Vec<&IgnoredColumn> = shared.options.selection.ignore_columns.iter().collect();
    for pairing in pairings {
        let has_settings = !pairing.settings.source.is_empty() || !pairing.ignored.is_empty();
        let (Some(source), Some(target), true) = (&pairing.source, &pairing.target, has_settings) else { continue };
        let described = tokio::try_join!(shared.source.describe(source), shared.target.describe(target));
        // What can't be described is that table's own problem, later.
        let Ok((Some(s), Some(t))) = described else { continue };
        if let Some(missing) = missing_column(&s, &t, &pairing.settings) {
            return Err(no_such_column(&missing, &source.to_string()));
        }
        check_equality(shared, (&s, &t), pairing)?;
        let has = |column: &str| s.column(column).is_some() || t.column(column).is_some();
        let applies = |i: &IgnoredColumn| i.table.as_ref().is_none_or(|p| p.matches(source) || p.matches(target));
        unseen.retain(|i| !(applies(i) && has(&i.column)));
    }
    match unseen.first() {
        Some(ignored) => Err(no_such_column(&ignored.column, "the compared tables")),
        None => Ok(()),
    }
}

/// What the settings say of equality must be able to do something.
fn check_equality(shared: &Shared, (source, target): (&Table, &Table), pairing: &Pairing) -> Result<(), RunError> {
    let (source, target) = (
        Described { server: shared.source.info(), table: source },
        Described { server: shared.target.info(), table: target },
    );
    let run = &shared.options.equality;
    let built = build(source, target, &pairing.settings, &pairing.ignored, run);
    fitting::check(source, target, &pairing.settings, &pairing.ignored, run, built.plan.as_ref())
        .map_err(|m| RunError::Config { message: m.message, hint: m.hint })
}

fn no_such_column(column: &str, place: &str) -> RunError {
    RunError::Config {
        message: format!("there is no column `{column}` in {place}, but the settings name it"),
        hint: "check the spelling; names are exact in case".to_owned(),
    }
}

/// Several tables at once, each a task of its own, so that many small ones wait
/// neither for each other nor for a large one; how much is read at once is
/// bounded over all of them. In the order of the pairings.
async fn compare_all(shared: &Arc<Shared>, pairings: Vec<Pairing>) -> Vec<TableOutcome> {
    let mut running = JoinSet::new();
    let mut rest = pairings.into_iter().enumerate();
    let mut outcomes = Vec::new();
    loop {
        while running.len() < shared.options.jobs
            && let Some((number, pairing)) = rest.next()
        {
            let shared = Arc::clone(shared);
            running.spawn(async move { (number, table_outcome::compare(shared, pairing).await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok(outcome)) => outcomes.push(outcome),
            // A panic is a broken invariant: nothing can be said of the run.
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
