//! What other writers and failing servers do in mid-run.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use switchback_engines::Database;
use switchback_verify::options::Confirm;
use switchback_verify::{Difference, Kind, Options, Progress, RunOutcome, Status, Verdict, run};
use tokio_util::sync::CancellationToken;

use crate::collect::Collected;
use crate::modes::{Files, numbers, only};
use crate::restless::{Hook, Restless};

const TABLE: &str = "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL)";

async fn compare(source: Arc<dyn Database>, target: Arc<dyn Database>) -> (RunOutcome, Vec<Difference>) {
    let sink = Collected::default();
    let confirm = Confirm { attempts_max: 3, backoff: Duration::from_millis(1) };
    let options = Options { confirm, ..Options::default() };
    let (sink_too, progress) = (Arc::new(sink.clone()), Progress::new());
    let outcome = run(source, target, options, sink_too, progress, CancellationToken::new()).await.unwrap();
    (outcome, sink.take().into_iter().map(|(_, d)| d).collect())
}

/// Runs `sql` on `file` after each reading that `when` picks.
fn after_reading(files: &Arc<Files>, file: &'static str, sql: &'static str, when: fn(u32) -> bool) -> Hook {
    let files = Arc::clone(files);
    Box::new(move |reading| {
        let files = Arc::clone(&files);
        async move {
            if when(reading.number) {
                files.execute(file, sql).await;
            }
            Ok(())
        }
        .boxed()
    })
}

async fn one_row_each(source: i64, target: i64) -> Arc<Files> {
    let row = |v: i64| format!("{TABLE}; INSERT INTO t VALUES (1, {v})");
    Arc::new(Files::new(&row(source), &row(target)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_keeps_changing_is_unresolved() {
    let files = one_row_each(0, -1).await;
    let hook = after_reading(&files, "source.db", "UPDATE t SET v = v + 1", |_| true);
    let source = Restless::over(files.open("source.db").await, hook);
    let (outcome, found) = compare(source, files.open("target.db").await).await;
    assert_eq!((outcome.verdict, only(&outcome).unresolved), (Verdict::Incomplete, 1));
    assert_eq!((found.len(), found[0].status), (1, Status::Unresolved));
    assert_eq!(only(&outcome).difference_count(), 0, "unresolved is not confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_settles_is_decided() {
    let files = one_row_each(0, -1).await;
    let hook = after_reading(&files, "source.db", "UPDATE t SET v = v + 1", |n| n == 1);
    let source = Restless::over(files.open("source.db").await, hook);
    let (outcome, found) = compare(source, files.open("target.db").await).await;
    assert_eq!((outcome.verdict, found.len()), (Verdict::Different, 1));
    assert_eq!((found[0].kind, found[0].status), (Kind::Changed, Status::Confirmed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_catches_up_is_in_sync() {
    let files = one_row_each(7, 6).await;
    let hook = after_reading(&files, "target.db", "UPDATE t SET v = 7", |n| n == 1);
    let target = Restless::over(files.open("target.db").await, hook);
    let (outcome, found) = compare(files.open("source.db").await, target).await;
    assert_eq!((outcome.verdict, found.len(), only(&outcome).in_sync), (Verdict::Equal, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_changes_in_mid_run_is_no_result() {
    let files = one_row_each(7, 7).await;
    let hook = after_reading(&files, "target.db", "ALTER TABLE t ADD COLUMN w INTEGER", |n| n == 1);
    let target = Restless::over(files.open("target.db").await, hook);
    let (outcome, _) = compare(files.open("source.db").await, target).await;
    assert_eq!(outcome.verdict, Verdict::Incomplete);
    assert!(only(&outcome).problems[0].message.contains("definition changed"), "{:?}", only(&outcome).problems);
}

/// The rows of the range have been hashed by then; a verdict must not stand on
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_fails_at_its_end_is_no_result() {
    let files = Arc::new(Files::new(&numbers("t", 1000), &numbers("t", 1000)).await);
    for fails_at in 1..8 {
        let hook: Hook = Box::new(move |reading| {
            async move { if reading.number >= fails_at { Err("the server went away".into()) } else { Ok(()) } }.boxed()
        });
        let source = Restless::over(files.open("source.db").await, hook);
        let sink = Collected::default();
        let options = Options { range_rows: 100, ..Options::default() };
        let (sink_too, target) = (Arc::new(sink.clone()), files.open("target.db").await);
        let outcome = run(source, target, options, sink_too, Progress::new(), CancellationToken::new()).await.unwrap();
        assert_eq!(outcome.verdict, Verdict::Incomplete, "reading {fails_at}");
        assert!(only(&outcome).problems[0].message.contains("went away"), "{:?}", only(&outcome).problems);
        assert!(sink.take().is_empty(), "half a range is no difference");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_once_costs_a_second_reading_and_no_row() {
    let drift = format!("{} UPDATE t SET v = 0 WHERE id = 77;", numbers("t", 1000));
    let files = Arc::new(Files::new(&numbers("t", 1000), &drift).await);
    for breaks_at in 1..=3 {
        let hook: Hook = Box::new(move |reading| {
            async move { if reading.number == breaks_at { Err("broken pipe".into()) } else { Ok(()) } }.boxed()
        });
        let source = Restless::over(files.open("source.db").await, hook);
        let (outcome, found) = compare(source, files.open("target.db").await).await;
        if breaks_at == 1 {
            let counts = (only(&outcome).source_rows, only(&outcome).target_rows);
            assert_eq!((outcome.verdict, found.len(), counts), (Verdict::Different, 1, (1000, 1000)));
        }
    }
}
