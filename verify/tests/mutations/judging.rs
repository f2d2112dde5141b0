//! One comparison, held against the generator's list.
//!
//! The bench of a million mutations includes this file: the fixtures must not
//! know what is tested with them, and a crate for it would be more than it is.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use switchback_engines::{ConnectOptions, Database, DatabaseUrl, Value, connect};
use switchback_fixtures::Side;
use switchback_fixtures::dataset::{Dialect, ExpectedKind};
use switchback_fixtures::mutations::{
    Found, Judge, Judgement, LoadError, Loaded, Mutants, NUMBER, Truth, Version, load,
};
use switchback_verify::{
    Began, Difference, DifferenceSink, Kind, Options, Progress, RunOutcome, SinkError, Status, TablePlan, TableSink,
    run,
};
use tokio_util::sync::CancellationToken;

pub(crate) const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

/// The databases of one engine.
pub(crate) struct Filled {
    pub(crate) dialect: Dialect,
    pub(crate) unchanged: Loaded,
    pub(crate) twin: Loaded,
    pub(crate) mutated: Loaded,
}

impl Filled {
    pub(crate) async fn load(mutants: &Mutants, dialect: Dialect) -> Result<Self, LoadError> {
        let both = load(mutants, Version::Source, dialect, &[Side::Source, Side::Target]);
        let mutated = load(mutants, Version::Target, dialect, &[Side::Target]);
        let (both, mutated) = tokio::try_join!(both, mutated)?;
        match (<[Loaded; 2]>::try_from(both), <[Loaded; 1]>::try_from(mutated)) {
            (Ok([unchanged, twin]), Ok([mutated])) => Ok(Self { dialect, unchanged, twin, mutated }),
            _ => unreachable!("a database is loaded for each side"),
        }
    }
}

/// What a comparison came to, and what the generator says to it.
pub(crate) struct Judged {
    pub(crate) outcome: RunOutcome,
    pub(crate) judgement: Judgement,
}

pub(crate) async fn compare(
    source: &Loaded,
    target: &Loaded,
    truth: &Arc<Truth>,
    options: Options,
) -> Result<Judged, Box<dyn Error + Send + Sync>> {
    let judge = Arc::new(Judge::new(Arc::clone(truth)));
    let sink = Arc::new(JudgeSink(Arc::clone(&judge)));
    let options = Options { run_id: "mutations".to_owned(), ..options };
    let (source, target) = (open(source).await?, open(target).await?);
    let outcome = run(source, target, options, sink, Progress::new(), CancellationToken::new()).await?;
    Ok(Judged { outcome, judgement: judge.judgement() })
}

impl Judged {
    /// Everything that is wrong with it, in words; nothing when all is well.
    pub(crate) fn faults(&self, truth: &Truth) -> Vec<String> {
        let mut faults = Vec::new();
        for table in &self.outcome.tables {
            let named = (table.problems.as_slice(), table.structure.as_slice(), table.excluded.as_slice());
            if !matches!(named, ([], [], [])) || (table.unresolved, table.in_sync) != (0, 0) {
                let restless = (table.unresolved, table.in_sync);
                faults.push(format!("{}: {named:?}, {restless:?} unresolved and in sync", table.name()));
            }
        }
        let rows = |of: fn(&switchback_verify::TableOutcome) -> u64| self.outcome.tables.iter().map(of).sum::<u64>();
        let counted = (rows(|t| t.source_rows), rows(|t| t.target_rows));
        if counted != (truth.source_rows, truth.target_rows) {
            faults.push(format!("rows: {counted:?} and not {:?}", (truth.source_rows, truth.target_rows)));
        }
        let Judgement { found, missed, extra, examples } = &self.judgement;
        if (*found, *missed, *extra) != (truth.differences() as u64, 0, 0) {
            faults.push(format!("{found} found, {missed} missed, {extra} that are none:\n{examples}"));
        }
        let verdict = match truth.differences() {
            0 => switchback_verify::Verdict::Equal,
            _ => switchback_verify::Verdict::Different,
        };
        if self.outcome.verdict != verdict {
            faults.push(format!("the verdict is {:?}", self.outcome.verdict));
        }
        faults
    }
}

async fn open(loaded: &Loaded) -> Result<Arc<dyn Database>, switchback_engines::Error> {
    connect(&DatabaseUrl::parse(loaded.url())?, &ConnectOptions::default()).await
}

struct JudgeSink(Arc<Judge>);

impl DifferenceSink for JudgeSink {
    fn open(&self, plan: &TablePlan, _: &Began) -> Result<Box<dyn TableSink>, SinkError> {
        let name = |pair| plan.source_column(pair).map(|column| column.name.clone()).unwrap_or_default();
        let names = plan.columns.iter().map(name).collect();
        Ok(Box::new(JudgeTable { table: plan.source.name.name.clone(), names, judge: Arc::clone(&self.0) }))
    }
}

struct JudgeTable {
    table: String,
    names: Vec<String>,
    judge: Arc<Judge>,
}

impl TableSink for JudgeTable {
    fn write(&mut self, differences: &[Difference]) -> Result<(), SinkError> {
        let at = self.names.iter().position(|name| name == NUMBER);
        for difference in differences {
            let row = difference.source.as_ref().or(difference.target.as_ref());
            // What has no number is nowhere on the list, and so a fault.
            let number = match at.and_then(|at| row?.get(at)) {
                Some(Value::Int(number)) if difference.status == Status::Confirmed => *number,
                _ => i64::MIN,
            };
            let changed: Vec<&str> = difference.changed.iter().map(|&column| self.names[column].as_str()).collect();
            self.judge.found(&Found {
                table: &self.table,
                number,
                kind: kind(difference.kind),
                changed: &changed,
                source_count: difference.source_count,
                target_count: difference.target_count,
            });
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, SinkError> {
        Ok(Vec::new())
    }
}

fn kind(kind: Kind) -> ExpectedKind {
    match kind {
        Kind::SourceOnly => ExpectedKind::SourceOnly,
        Kind::TargetOnly => ExpectedKind::TargetOnly,
        Kind::Changed => ExpectedKind::Changed,
        Kind::KeyCollision => ExpectedKind::KeyCollision,
    }
}
