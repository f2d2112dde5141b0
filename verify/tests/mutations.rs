//! A hundred thousand mutations between every two engines.
//!
//! One comparison of the two tables judges them all: what it finds is held
//! against the list that the generator wrote. Two copies of the unmutated table
//! are compared as well, in which nothing may be found.

use std::path::PathBuf;
use std::sync::Arc;

use fixtures::dataset::{Dialect, ExpectedKind};
use fixtures::mutations::{Found, Judge, Loaded, Mutants, Mutation, NUMBER, Truth, Version, load};
use fixtures::{Side, mutations};
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, Value, connect};
use switchback_fixtures as fixtures;
use switchback_verify::options::Memory;
use switchback_verify::{
    Difference, DifferenceSink, Kind, Options, Progress, SinkError, Status, TablePlan, TableSink, Verdict, run,
};
use tokio_util::sync::CancellationToken;

const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];
/// How many for each pair of engines; another number can be asked for.
const COUNT: usize = 100_000;
const COUNT_VARIABLE: &str = "SWITCHBACK_MUTATIONS";
const SEED: u64 = 20_261_121;

/// One test for all sixteen pairs, so that each table is loaded once.
#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_is_found_between_all_engines_and_nothing_else() {
    let mutants = Mutants::new(SEED, count());
    let (truth, twins) = (Arc::new(Truth::of(&mutants)), Arc::new(Truth::of_twins(&mutants)));
    let least = count() as u64 / 100;
    for kind in Mutation::ALL {
        let made = truth.made().get(&kind).copied().unwrap_or(0);
        assert!(made >= least, "only {made} of {}", kind.name());
    }
    // At once: most of it is waiting for one server or another.
    let engines = futures_util::future::join_all(ALL.map(|dialect| Engine::fill(&mutants, dialect))).await;
    for (i, source) in engines.iter().enumerate() {
        for (j, target) in engines.iter().enumerate() {
            let name = format!("{:?} → {:?}", source.dialect, target.dialect);
            // Many small ranges or few, and for some pairs next to no memory.
            let range_rows = [2_000, 20_000, 65_536, 7_001][(i + j) % 4];
            let memory = match (i + 2 * j) % 4 {
                3 => Memory { range_bytes: 20_000, pool_bytes: 100_000 },
                _ => Memory::default(),
            };
            let options = || Options { range_rows, memory, ..Options::default() };
            compare(&name, &source.unchanged, &target.twin, &twins, Verdict::Equal, options()).await;
            compare(&name, &source.unchanged, &target.mutated, &truth, Verdict::Different, options()).await;
        }
    }
}

fn count() -> usize {
    match std::env::var(COUNT_VARIABLE) {
        Ok(count) => count.parse().unwrap_or_else(|_| panic!("{COUNT_VARIABLE} is no number: {count}")),
        Err(_) => COUNT,
    }
}

/// The databases of one engine.
struct Engine {
    dialect: Dialect,
    unchanged: Loaded,
    twin: Loaded,
    mutated: Loaded,
}

impl Engine {
    async fn fill(mutants: &Mutants, dialect: Dialect) -> Self {
        let (base, mutated) = tokio::join!(
            load(mutants, Version::Source, dialect, &[Side::Source, Side::Target]),
            load(mutants, Version::Target, dialect, &[Side::Target]),
        );
        let filled = |loaded: Result<Vec<Loaded>, mutations::LoadError>| {
            loaded.unwrap_or_else(|error| panic!("{dialect:?}: {error:?}"))
        };
        let (mut base, mut mutated) = (filled(base), filled(mutated));
        let mut next = || base.pop().unwrap();
        let (twin, unchanged) = (next(), next());
        Self { dialect, unchanged, twin, mutated: mutated.pop().unwrap() }
    }
}

async fn open(loaded: &Loaded) -> Arc<dyn Database> {
    connect(&DatabaseUrl::parse(loaded.url()).unwrap(), &ConnectOptions::default()).await.unwrap()
}

async fn compare(name: &str, source: &Loaded, target: &Loaded, truth: &Arc<Truth>, verdict: Verdict, options: Options) {
    let judge = Arc::new(Judge::new(Arc::clone(truth)));
    let sink = Arc::new(JudgeSink(Arc::clone(&judge)));
    let options = Options { run_id: "mutations".to_owned(), ..options };
    let (source, target) = (open(source).await, open(target).await);
    let outcome = run(source, target, options, sink, Progress::new(), CancellationToken::new()).await.unwrap();
    for table in &outcome.tables {
        assert!(table.problems.is_empty(), "{name}: {} {:?}", table.name(), table.problems);
        assert!(table.structure.is_empty(), "{name}: {} {:?}", table.name(), table.structure);
        assert!(table.excluded.is_empty(), "{name}: {} {:?}", table.name(), table.excluded);
        assert_eq!((table.unresolved, table.in_sync), (0, 0), "{name}: {}", table.name());
    }
    let rows = |of: fn(&switchback_verify::TableOutcome) -> u64| outcome.tables.iter().map(of).sum::<u64>();
    assert_eq!(rows(|t| t.source_rows), truth.source_rows, "{name}: rows of the source");
    assert_eq!(rows(|t| t.target_rows), truth.target_rows, "{name}: rows of the target");
    let judgement = judge.judgement();
    assert!(judgement.missed == 0 && judgement.extra == 0, "{name}, {verdict:?}: {judgement:#?}");
    assert_eq!(judgement.found, truth.differences() as u64, "{name}");
    assert_eq!(outcome.verdict, verdict, "{name}");
}

struct JudgeSink(Arc<Judge>);

impl DifferenceSink for JudgeSink {
    fn open(&self, plan: &TablePlan) -> Result<Box<dyn TableSink>, SinkError> {
        let names = plan.columns.iter().map(|pair| plan.source_column(pair).unwrap().name.clone()).collect();
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
        let number = self.names.iter().position(|name| name == NUMBER).unwrap();
        for difference in differences {
            assert_eq!(difference.status, Status::Confirmed);
            let row = difference.source.as_ref().or(difference.target.as_ref()).unwrap();
            let Value::Int(number) = row[number] else { panic!("{:?} is no number", row[number]) };
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
