//! Pairs that look equal to a comparison that is not careful, and what else a
//! hostile reader of the code came up with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fixtures::Side;
use fixtures::dataset::Dialect;
use futures_util::FutureExt as _;
use switchback_engines::Database;
use switchback_engines::canon::Settings;
use switchback_fixtures as fixtures;
use switchback_verify::{Difference, Mode, Options, Progress, RunOutcome, Selection, TablePlan, Verdict, run};
use tokio_util::sync::CancellationToken;

use crate::home::{Home, compare, compare_with, home, show, sqlite_pair};
use crate::restless::{Hook, Restless};

// ---- a row is looked up by its canonical key, not found on either side, and
//         "absent on both" is taken for in sync.

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_row_whose_literal_finds_nothing_is_a_difference() {
    let table = "CREATE TABLE t (k BLOB PRIMARY KEY, v TEXT);";
    // TEXT in a BLOB column: encoded as bytes, looked up as x'616263', which SQLite takes for another value.
    let (source, target) = sqlite_pair(&format!("{table} INSERT INTO t VALUES ('abc', 'only here');"), table).await;
    let (outcome, found) = compare(&source, &target, Options::default()).await;
    assert_eq!(outcome.verdict, Verdict::Different, "{}", show(&outcome));
    assert_eq!(found.len(), 1);
}

// ---- rows of one side that merge into one identity and lie in several ranges.

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_merge_into_one_identity_across_ranges_are_counted() {
    let table = "CREATE TABLE t (k TIMESTAMP PRIMARY KEY, v INT);";
    let filler: String = (1..=12).map(|d| format!("INSERT INTO t VALUES ('2024-01-{d:02} 00:00:00', 1);")).collect();
    let twin = "INSERT INTO t VALUES ('2024-01-06T00:00:00', 1);";
    let (source, target) = sqlite_pair(&format!("{table}{filler}{twin}"), &format!("{table}{filler}")).await;
    for range_rows in [1, 2, 3, 1_000_000] {
        let (outcome, _) = compare(&source, &target, Options { range_rows, ..Options::default() }).await;
        assert_eq!(outcome.verdict, Verdict::Different, "{range_rows} rows a range: {}", show(&outcome));
    }
}

// ---- cancelled while leftovers are being confirmed.

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_leftovers_were_not_decided_is_not_equal() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY, v INT);";
    let (source, target) = sqlite_pair(&format!("{table} INSERT INTO t VALUES (1, 1), (2, 2);"), table).await;
    let cancel = CancellationToken::new();
    let cancels = cancel.clone();
    let hook: Hook = Box::new(move |reading| {
        let cancels = cancels.clone();
        async move {
            if reading.is_look_up {
                cancels.cancel();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    });
    let cancelling = Restless::over(Arc::clone(&target.connected), hook);
    let (outcome, _) = compare_with(Arc::clone(&source.connected), cancelling, Options::default(), cancel).await;
    assert_eq!(outcome.verdict, Verdict::Incomplete);
    assert_eq!(outcome.tables[0].verdict, Verdict::Incomplete, "{}", show(&outcome));
}

// ---- verdicts of partial comparisons.

#[tokio::test(flavor = "multi_thread")]
async fn counting_rows_does_not_prove_them_equal() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY, v INT);";
    let (source, target) =
        sqlite_pair(&format!("{table} INSERT INTO t VALUES (1, 1);"), &format!("{table} INSERT INTO t VALUES (7, 9);"))
            .await;
    let (outcome, _) = compare(&source, &target, Options { mode: Mode::CountOnly, ..Options::default() }).await;
    assert_ne!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_does_not_prove_a_table_equal() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY, v INT);";
    let rows = "INSERT INTO t SELECT value, 1 FROM generate_series(1, 1000);";
    let rows = rows.replace(
        "SELECT value, 1 FROM generate_series(1, 1000)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, 1 FROM n",
    );
    let (source, target) = sqlite_pair(&format!("{table}{rows}"), &format!("{table}{rows}")).await;
    let options = Options { mode: Mode::Sample { share: 0.1 }, range_rows: 10, ..Options::default() };
    let (outcome, _) = compare(&source, &target, options).await;
    assert_ne!(outcome.verdict, Verdict::Equal, "coverage {:?}", outcome.tables[0].coverage);
}

// ---- hangs and panics.

#[tokio::test(flavor = "multi_thread")]
async fn no_jobs_is_refused_and_no_reason_to_wait_for_ever() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY);";
    let (source, target) = sqlite_pair(table, table).await;
    let (source, target) = (Arc::clone(&source.connected), Arc::clone(&target.connected));
    let options = Options { jobs: 0, ..Options::default() };
    let running = run(source, target, options, Arc::new(Discards), Progress::new(), CancellationToken::new());
    assert!(tokio::time::timeout(Duration::from_secs(30), running).await.expect("it hangs").is_err());
}

#[tokio::test]
async fn a_runtime_with_one_thread_is_refused() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY);";
    let (source, target) = sqlite_pair(table, table).await;
    let (source, target) = (Arc::clone(&source.connected), Arc::clone(&target.connected));
    let running =
        run(source, target, Options::default(), Arc::new(Discards), Progress::new(), CancellationToken::new());
    assert!(running.await.is_err());
}

/// A database, and how many rows have been read of it.
fn counting(database: &Arc<dyn Database>) -> (Arc<dyn Database>, Arc<AtomicU64>) {
    let rows = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&rows);
    let hook: Hook = Box::new(move |reading| {
        counted.fetch_add(reading.rows, Ordering::SeqCst);
        std::future::ready(Ok(())).boxed()
    });
    (Restless::over(Arc::clone(database), hook), rows)
}

/// The operator's key has one value, so all rows are one candidate, which is
/// decided in one piece. What is read is counted; the time it takes says as much
/// about the machine. Comparing every row with every other would show all the
/// same: ten thousand million times, this test would not come to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_repeats_is_slow_but_not_quadratic() {
    let script = |n: u64, extra: &str| {
        format!(
            "CREATE TABLE t (status TEXT NOT NULL, v INT);
             INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
             SELECT 'open', i FROM n; {extra}"
        )
    };
    for n in [1_000, 10_000, 100_000] {
        let (source, target) = sqlite_pair(&script(n, "INSERT INTO t VALUES ('open', -1);"), &script(n, "")).await;
        let settings = switchback_verify::options::TableSettings {
            source: "t".to_owned(),
            key: Some(vec!["status".to_owned()]),
            ..Default::default()
        };
        let options =
            Options { selection: Selection { tables: vec![settings], ..Selection::default() }, ..Options::default() };
        let ((source, source_rows), (target, target_rows)) = (counting(&source.connected), counting(&target.connected));
        let (outcome, _) = compare_with(source, target, options, CancellationToken::new()).await;
        assert_eq!(outcome.verdict, Verdict::Different, "{}", show(&outcome));
        let read = (source_rows.load(Ordering::SeqCst), target_rows.load(Ordering::SeqCst));
        assert_eq!(read, (2 * (n + 1), 2 * n), "each row is read once, and again to be confirmed");
    }
}

// ---- on real servers.

mod servers {
    use super::*;
    #[tokio::test(flavor = "multi_thread")]
    async fn a_row_only_in_bytea_whose_key_ends_in_zero_is_a_difference() {
        let source = home(Dialect::MySql, Side::Source, "CREATE TABLE t (k binary(16) PRIMARY KEY, v int)").await;
        let target = home(
            Dialect::Postgres,
            Side::Target,
            "CREATE TABLE t (k bytea PRIMARY KEY, v int); \
             INSERT INTO t VALUES ('\\x0102030405060708090a0b0c0d0e0f00', 1)",
        )
        .await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 1, "{}", show(&outcome));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_changed_row_whose_key_ends_in_zero_is_changed_and_not_missing() {
        let source = home(
            Dialect::MySql,
            Side::Source,
            "CREATE TABLE t (k binary(16) PRIMARY KEY, v int, w int); \
             INSERT INTO t SELECT unhex(concat('0102030405060708090a0b0c0d0e', lpad(hex(n), 4, '0'))), 1, 1 FROM \
             (WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 300) SELECT n FROM n) x",
        )
        .await;
        let target = home(
            Dialect::Postgres,
            Side::Target,
            "CREATE TABLE t (k bytea PRIMARY KEY, v int, w int); \
             INSERT INTO t SELECT decode('0102030405060708090a0b0c0d0e' || lpad(to_hex(n), 4, '0'), 'hex'), \
             CASE n WHEN 256 THEN 2 ELSE 1 END, 1 FROM generate_series(0, 300) n",
        )
        .await;
        let (outcome, found) = compare(&source, &target, Options::default()).await;
        let kinds: Vec<_> = found.iter().map(|(_, d)| d.kind).collect();
        assert_eq!(kinds, [switchback_verify::Kind::Changed], "{}", show(&outcome));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_text_key_with_a_space_behind_it_that_a_char_lacks_is_a_difference() {
        let source = home(
            Dialect::Postgres,
            Side::Source,
            "CREATE TABLE t (k varchar(8) PRIMARY KEY, v int); INSERT INTO t VALUES ('a ', 1)",
        )
        .await;
        let target = home(Dialect::MySql, Side::Target, "CREATE TABLE t (k char(8) PRIMARY KEY, v int)").await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 1, "{}", show(&outcome));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_missing_row_keyed_by_a_naive_time_is_a_difference() {
        let source = home(
            Dialect::Postgres,
            Side::Source,
            "CREATE TABLE t (k timestamp PRIMARY KEY, v int); INSERT INTO t VALUES ('2024-05-01 10:00:00', 1)",
        )
        .await;
        let target = home(Dialect::Postgres, Side::Target, "CREATE TABLE t (k timestamptz PRIMARY KEY, v int)").await;
        let equality = Settings { naive_zone_minutes: Some(60), ..Settings::default() };
        let (outcome, _) = compare(&source, &target, Options { equality, ..Options::default() }).await;
        assert_eq!(outcome.tables[0].difference_count(), 1, "{}", show(&outcome));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_missing_row_keyed_by_bytea_against_uuid_is_a_difference() {
        let source = home(
            Dialect::Postgres,
            Side::Source,
            "CREATE TABLE t (k bytea PRIMARY KEY, v int); \
             INSERT INTO t VALUES ('\\x0102030405060708090a0b0c0d0e0f10', 1)",
        )
        .await;
        let target = home(Dialect::MariaDb, Side::Target, "CREATE TABLE t (k uuid PRIMARY KEY, v int)").await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 1, "{}", show(&outcome));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_the_other_server_cannot_spell_is_a_missing_row() {
        let target = home(
            Dialect::Postgres,
            Side::Target,
            "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE e (k mood PRIMARY KEY); \
             CREATE TABLE n (k text PRIMARY KEY); CREATE TABLE d (k date PRIMARY KEY)",
        )
        .await;
        let source = home(
            Dialect::MySql,
            Side::Source,
            "CREATE TABLE e (k enum('ok','sad') NOT NULL PRIMARY KEY); INSERT INTO e VALUES ('sad'); \
             CREATE TABLE n (k varchar(9) PRIMARY KEY); INSERT INTO n VALUES (concat('a', char(0), 'b')); \
             SET sql_mode = ''; CREATE TABLE d (k date PRIMARY KEY); INSERT INTO d VALUES ('0000-00-00')",
        )
        .await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        for table in &outcome.tables {
            assert_eq!(table.difference_count(), 1, "{}", show(&outcome));
        }
    }
}

// ---- memory.

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Many narrow rows are equal, a few hundred wide ones differ: how many are
/// confirmed at once goes by the average width.
#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_width_of_the_rows_that_differ() {
    let script = |byte: &str| {
        format!(
            "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB);
             INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
             SELECT i, x'00' FROM n;
             UPDATE t SET v = cast(replace(hex(zeroblob(1000000)), '00', '{byte}') AS BLOB) WHERE k BETWEEN 1000 AND 1299;"
        )
    };
    let (source, target) = sqlite_pair(&script("a"), &script("b")).await;
    let before = peak_kib();
    let options = Options { range_rows: 1_000_000, ..Options::default() };
    let (outcome, _) = compare_counting(&source, &target, options).await;
    let grown = peak_kib() - before;
    assert_eq!(outcome.tables[0].difference_count(), 300, "{}", show(&outcome));
    assert!(grown < 300 << 10, "{} MiB more for 300 rows of 1 MB on each side", grown >> 10);
}

struct Discards;
struct DiscardsTable;
impl switchback_verify::DifferenceSink for Discards {
    fn open(
        &self,
        _: &TablePlan,
        _: &switchback_verify::Began,
    ) -> std::result::Result<Box<dyn switchback_verify::TableSink>, switchback_verify::SinkError> {
        Ok(Box::new(DiscardsTable))
    }
}
impl switchback_verify::TableSink for DiscardsTable {
    fn write(&mut self, _: &[Difference]) -> std::result::Result<(), switchback_verify::SinkError> {
        Ok(())
    }
    fn finish(self: Box<Self>) -> std::result::Result<Vec<std::path::PathBuf>, switchback_verify::SinkError> {
        Ok(Vec::new())
    }
}

async fn compare_counting(source: &Home, target: &Home, options: Options) -> (RunOutcome, ()) {
    let options = Options { run_id: "review".to_owned(), ..options };
    let (s, t) = (Arc::clone(&source.connected), Arc::clone(&target.connected));
    let run = run(s, t, options, Arc::new(Discards), Progress::new(), CancellationToken::new());
    (run.await.expect("the run starts"), ())
}
