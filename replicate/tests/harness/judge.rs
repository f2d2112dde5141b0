//! Whether two ends hold the same, by the comparison that the tool is for.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use switchback_engines::{Database, Engine};
use switchback_verify::{
    Began, Difference, DifferenceSink, Options, Progress, RunOutcome, Selection, SinkError, TableOutcome, TablePlan,
    TableSink, Verdict, run,
};
use tokio_util::sync::CancellationToken;

use super::end::{End, ask, open};
use super::shop;

/// # Panics
/// With the first differences, when there are any.
pub(crate) async fn assert_same(origin: &End, sink: &End) {
    assert_eq!(same_tables(origin, sink).await, shop::TABLES.len());
}

/// As [`assert_same`], for any application. Returns how many tables there are.
pub(crate) async fn same_tables(origin: &End, sink: &End) -> usize {
    let (outcome, found) = compared(origin, sink).await;
    assert_eq!(outcome.verdict, Verdict::Equal, "{}\n{}", tables(&outcome), found.join("\n"));
    outcome.tables.len()
}

/// What was found of each table, for people.
pub(crate) fn tables(outcome: &RunOutcome) -> String {
    let line = |t: &TableOutcome| {
        format!("{} {:?} rows {}/{} {:?}", t.name(), t.verdict, t.source_rows, t.target_rows, t.problems)
    };
    outcome.tables.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the comparison came to, and the first differences of each table.
pub(crate) async fn compared(origin: &End, sink: &End) -> (RunOutcome, Vec<String>) {
    compared_with(origin, sink, Selection::default()).await
}

/// The same of chosen tables and columns.
pub(crate) async fn compared_with(origin: &End, sink: &End, selection: Selection) -> (RunOutcome, Vec<String>) {
    let found = Arc::new(Found::default());
    // Of their own: sessions that were left idle may be of a server that is gone.
    let (source, target): (Arc<dyn Database>, Arc<dyn Database>) = (open(&origin.url).await, open(&sink.url).await);
    let options = Options { run_id: "judge".to_owned(), selection, ..Options::default() };
    let outcome = run(source, target, options, found.clone(), Progress::new(), CancellationToken::new()).await;
    let outcome = outcome.unwrap_or_else(|e| panic!("{e:?}"));
    let found = found.0.lock().unwrap().clone();
    (outcome, found)
}

/// Waits until the sink has what the origin has of a query, both read over
/// and over.
pub(crate) async fn wait_for_same(origin: &End, sink: &End, query: &str, patience: Duration) {
    let mut there = origin.writer().await;
    let mut here = sink.writer().await;
    let deadline = Instant::now() + patience;
    loop {
        let wanted = ask(there.as_mut(), query).await.unwrap_or_else(|e| panic!("{e:?}"));
        let found = ask(here.as_mut(), query).await.unwrap_or_else(|e| panic!("{e:?}"));
        if wanted == found {
            return;
        }
        assert!(Instant::now() < deadline, "after {patience:?} the sink has {found:?} of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads the sink until told to stop, whatever becomes of its server meanwhile,
/// and finds a part of a transaction if there is ever one to be seen. Returns how
/// often it looked.
pub(crate) async fn watch(sink: &End, stop: CancellationToken) -> u64 {
    let mut looks = 0;
    while !stop.is_cancelled() {
        let mut writer = sink.writer().await;
        while !stop.is_cancelled() {
            let Ok(balance) = ask(writer.as_mut(), shop::BALANCED).await else { break };
            let balance = balance.as_deref().map(|b| b.trim_end_matches(".0"));
            assert_eq!(balance, Some("0"), "a part of a transaction is to be seen");
            looks += 1;
            let pause = if sink.engine() == Engine::Sqlite { 5 } else { 1 };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
    looks
}

/// The differences that were found, as text.
#[derive(Default)]
struct Found(Arc<Mutex<Vec<String>>>);

impl DifferenceSink for Found {
    fn open(&self, plan: &TablePlan, _: &Began) -> Result<Box<dyn TableSink>, SinkError> {
        Ok(Box::new(FoundInTable { table: plan.target.name.to_string(), all: Arc::clone(&self.0) }))
    }
}

struct FoundInTable {
    table: String,
    all: Arc<Mutex<Vec<String>>>,
}

impl TableSink for FoundInTable {
    fn write(&mut self, differences: &[Difference]) -> Result<(), SinkError> {
        let text = |d: &Difference| format!("{}: {:?} {:?} {:?}", self.table, d.kind, d.source, d.target);
        self.all.lock().unwrap().extend(differences.iter().take(5).map(text));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, SinkError> {
        Ok(Vec::new())
    }
}
