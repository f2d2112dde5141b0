//! What a run is asked for, on SQLite files: selection, mapping, modes and
//! stops do not depend on the engine.

use std::path::PathBuf;
use std::sync::Arc;

use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_verify::options::{IgnoredColumn, StopConditions, TableSettings};
use switchback_verify::outcome::{Method, Side, Stop, StructureDifference};
use switchback_verify::{
    Difference, Kind, Mode, Options, Progress, RunOutcome, Selection, Status, TableOutcome, Verdict, run,
};
use tokio_util::sync::CancellationToken;

use crate::collect::Collected;

/// Two files, each made by a script.
pub(crate) struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    pub(crate) async fn new(source: &str, target: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.execute("source.db", source).await;
        files.execute("target.db", target).await;
        files
    }

    pub(crate) async fn execute(&self, file: &str, script: &str) {
        use sqlx::ConnectOptions as _;
        let path = self.path(file);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    }

    async fn try_compare(&self, options: Options) -> Result<(RunOutcome, Vec<Difference>), String> {
        self.compare_until(options, CancellationToken::new()).await
    }

    pub(crate) async fn open(&self, file: &str) -> Arc<dyn Database> {
        let url = DatabaseUrl::parse(&format!("sqlite:{}", self.path(file).display())).unwrap();
        connect(&url, &ConnectOptions::default()).await.unwrap()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    async fn compare_until(
        &self,
        options: Options,
        cancel: CancellationToken,
    ) -> Result<(RunOutcome, Vec<Difference>), String> {
        let (source, target) = (self.open("source.db").await, self.open("target.db").await);
        let sink = Collected::default();
        let outcome = run(source, target, options, Arc::new(sink.clone()), Progress::new(), cancel).await;
        let found = sink.take().into_iter().map(|(_, d)| d).collect();
        outcome.map(|o| (o, found)).map_err(|e| e.to_string())
    }

    async fn compare(&self, options: Options) -> (RunOutcome, Vec<Difference>) {
        self.try_compare(options).await.unwrap()
    }
}

pub(crate) fn only(outcome: &RunOutcome) -> &TableOutcome {
    assert_eq!(outcome.tables.len(), 1);
    &outcome.tables[0]
}

pub(crate) fn numbers(table: &str, count: u32) -> String {
    format!(
        "CREATE TABLE {table} (id INTEGER PRIMARY KEY, v INTEGER NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO {table} SELECT i, i * 7 FROM n; ANALYZE;"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_empty_tables_are_equal() {
    let files = Files::new("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    let (outcome, found) = files.compare(Options::default()).await;
    assert_eq!((outcome.verdict, found.len()), (Verdict::Equal, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_target_lacks_every_row() {
    let files = Files::new(&numbers("t", 5000), "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL)").await;
    let (outcome, found) = files.compare(Options { range_rows: 100, ..Options::default() }).await;
    assert_eq!(outcome.verdict, Verdict::Different);
    assert_eq!(found.len(), 5000);
    assert!(found.iter().all(|d| d.kind == Kind::SourceOnly && d.status == Status::Confirmed));
    assert_eq!(only(&outcome).differences[&Kind::SourceOnly], 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_different_is_found_in_dense_ranges() {
    let drift = format!("{} UPDATE t SET v = v + 1;", numbers("t", 5000));
    let files = Files::new(&numbers("t", 5000), &drift).await;
    for range_rows in [100, 100_000] {
        let (outcome, found) = files.compare(Options { range_rows, ..Options::default() }).await;
        assert_eq!(only(&outcome).differences[&Kind::Changed], 5000);
        assert_eq!(found.len(), 5000);
        assert_eq!(only(&outcome).columns[1].changed, 5000);
        assert_eq!(only(&outcome).columns[0].changed, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_on_one_side_only_is_a_difference() {
    let files = Files::new(&(numbers("t", 3) + &numbers("gone", 3)), &(numbers("t", 3) + &numbers("new", 3))).await;
    let (outcome, _) = files.compare(Options::default()).await;
    assert_eq!(outcome.verdict, Verdict::Different);
    let missing: Vec<_> = outcome.tables.iter().map(|t| (t.name(), t.structure.clone(), t.verdict)).collect();
    let on = |on| vec![StructureDifference::MissingTable { on }];
    assert_eq!(
        missing,
        [
            ("new".to_owned(), on(Side::Source), Verdict::Different),
            ("gone".to_owned(), on(Side::Target), Verdict::Different),
            ("t".to_owned(), Vec::new(), Verdict::Equal),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_match_nothing_are_refused() {
    let files = Files::new(&numbers("t", 3), &numbers("t", 3)).await;
    let ignore = |table: Option<&str>, column: &str| Selection {
        ignore_columns: vec![IgnoredColumn { table: table.map(|t| t.parse().unwrap()), column: column.to_owned() }],
        ..Selection::default()
    };
    let settings = |settings: TableSettings| Selection { tables: vec![settings], ..Selection::default() };
    let t = || TableSettings { source: "t".to_owned(), ..TableSettings::default() };
    for selection in [
        Selection { include: vec!["nosuch".parse().unwrap()], ..Selection::default() },
        ignore(None, "nosuch"),
        ignore(Some("t"), "nosuch"),
        ignore(Some("nosuch"), "v"),
        settings(TableSettings { key: Some(vec!["nosuch".to_owned()]), ..t() }),
        settings(TableSettings { target: Some("nosuch".to_owned()), ..t() }),
        settings(TableSettings { rename_columns: [("v".to_owned(), "nosuch".to_owned())].into(), ..t() }),
        settings(TableSettings { source: "nosuch".to_owned(), ..t() }),
    ] {
        let error =
            files.try_compare(Options { selection: selection.clone(), ..Options::default() }).await.unwrap_err();
        assert!(error.contains("nosuch"), "{selection:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renamed_tables_and_columns_are_matched() {
    let target =
        "CREATE TABLE t2 (id INTEGER PRIMARY KEY, value INTEGER NOT NULL); INSERT INTO t2 VALUES (1, 7), (2, 0)";
    let files = Files::new(&numbers("t", 2), target).await;
    let settings = TableSettings {
        source: "t".to_owned(),
        target: Some("t2".to_owned()),
        rename_columns: [("v".to_owned(), "value".to_owned())].into(),
        ..TableSettings::default()
    };
    let selection = Selection { tables: vec![settings], ..Selection::default() };
    let (outcome, found) = files.compare(Options { selection, ..Options::default() }).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].changed.as_slice()), (Kind::Changed, [1].as_slice()));
    assert!(only(&outcome).structure.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_column_is_listed_and_not_compared() {
    let drift = format!("{} UPDATE t SET v = 0;", numbers("t", 10));
    let files = Files::new(&numbers("t", 10), &drift).await;
    let ignore_columns = vec![IgnoredColumn { table: None, column: "v".to_owned() }];
    let selection = Selection { ignore_columns, ..Selection::default() };
    let (outcome, _) = files.compare(Options { selection, ..Options::default() }).await;
    assert_eq!(outcome.verdict, Verdict::Equal);
    assert_eq!(only(&outcome).excluded.iter().map(|e| e.column.as_str()).collect::<Vec<_>>(), ["v"]);
    assert_eq!(only(&outcome).columns.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_a_difference_and_the_others_are_compared() {
    let target = "CREATE TABLE t (id INTEGER PRIMARY KEY, extra TEXT); INSERT INTO t (id) VALUES (1), (3)";
    let files = Files::new(&numbers("t", 2), target).await;
    let (outcome, found) = files.compare(Options::default()).await;
    assert_eq!(outcome.verdict, Verdict::Different);
    assert_eq!(
        only(&outcome).structure,
        [
            StructureDifference::MissingColumn { on: Side::Target, column: "v".to_owned() },
            StructureDifference::MissingColumn { on: Side::Source, column: "extra".to_owned() },
        ]
    );
    let mut kinds: Vec<_> = found.iter().map(|d| d.kind).collect();
    kinds.sort();
    assert_eq!(kinds, [Kind::SourceOnly, Kind::TargetOnly]);
}

#[tokio::test(flavor = "multi_thread")]
async fn structure_alone_never_passes() {
    let files = Files::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v BIGINT)",
    )
    .await;
    let (outcome, found) = files.compare(Options::default()).await;
    assert_eq!((outcome.verdict, found.len(), only(&outcome).structure.len()), (Verdict::Different, 0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_for_every_reading() {
    let files =
        Files::new(&numbers("t", 1000), &format!("{} UPDATE t SET v = -1 WHERE id > 900;", numbers("t", 1000))).await;
    let filtered = |condition: &str| {
        let settings = TableSettings {
            source: "t".to_owned(),
            source_filter: Some(condition.to_owned()),
            target_filter: Some(condition.to_owned()),
            ..TableSettings::default()
        };
        let selection = Selection { tables: vec![settings], ..Selection::default() };
        Options { selection, range_rows: 50, ..Options::default() }
    };
    let (outcome, _) = files.compare(filtered("id <= 900 OR id = 0")).await;
    assert_eq!((outcome.verdict, only(&outcome).source_rows), (Verdict::Equal, 900));
    let (outcome, found) = files.compare(filtered("id <= 910")).await;
    assert_eq!((outcome.verdict, found.len(), only(&outcome).target_rows), (Verdict::Different, 10, 910));
    let (outcome, _) = files.compare(filtered("nosuch = 1")).await;
    assert_eq!(outcome.verdict, Verdict::Incomplete);
    assert!(only(&outcome).problems[0].message.contains("nosuch"), "{:?}", only(&outcome).problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn count_only_sees_numbers_and_nothing_else() {
    let files = Files::new(&numbers("t", 10), &format!("{} UPDATE t SET v = 0;", numbers("t", 10))).await;
    let (outcome, _) = files.compare(Options { mode: Mode::CountOnly, ..Options::default() }).await;
    assert_eq!((outcome.verdict, &only(&outcome).method), (Verdict::NoDifferenceFound, &Method::CountOnly));
    files.execute("target.db", "DELETE FROM t WHERE id < 4").await;
    let (outcome, _) = files.compare(Options { mode: Mode::CountOnly, ..Options::default() }).await;
    assert_eq!((outcome.verdict, only(&outcome).differences[&Kind::SourceOnly]), (Verdict::Different, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_reads_some_ranges_and_says_so() {
    let drift = format!(
        "{} UPDATE t SET v = -1; DELETE FROM t WHERE id % 10 = 0; INSERT INTO t SELECT id + 100000, 1 FROM t;",
        numbers("t", 10_000)
    );
    let files = Files::new(&numbers("t", 10_000), &drift).await;
    let options = Options { mode: Mode::Sample { share: 0.1 }, range_rows: 100, ..Options::default() };
    let (outcome, found) = files.compare(options).await;
    let table = only(&outcome);
    assert_eq!(outcome.verdict, Verdict::Different);
    let share = table.coverage.sampled.unwrap();
    assert!((0.05..0.2).contains(&share), "{share}");
    assert!(table.source_rows > 500 && table.source_rows < 2_500, "{}", table.source_rows);
    assert!(found.iter().all(|d| d.status == Status::Confirmed));
    // Rows of a range that was not chosen are nobody's difference.
    assert_eq!(found.len() as u64, table.difference_count());
    assert!(table.difference_count() < 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn enough_differences_end_the_run_incomplete() {
    let drift = format!("{} UPDATE t SET v = -1;", numbers("t", 10_000));
    let files = Files::new(&numbers("t", 10_000), &drift).await;
    let stop = StopConditions { differences_max: Some(50), time_max: None };
    let (outcome, found) = files.compare(Options { stop, range_rows: 100, jobs: 1, ..Options::default() }).await;
    assert_eq!((outcome.verdict, outcome.stopped), (Verdict::Incomplete, Some(Stop::MaxDifferences)));
    assert!((50..2_000).contains(&found.len()), "{}", found.len());
    assert_eq!(found.len() as u64, only(&outcome).difference_count(), "what is counted is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_runs_out_ends_the_run_incomplete() {
    let files = Files::new(&numbers("t", 200_000), &numbers("t", 200_000)).await;
    let stop = StopConditions { differences_max: None, time_max: Some(std::time::Duration::ZERO) };
    let (outcome, _) = files.compare(Options { stop, range_rows: 10, ..Options::default() }).await;
    assert_eq!((outcome.verdict, outcome.stopped), (Verdict::Incomplete, Some(Stop::MaxTime)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_incomplete_even_when_nothing_differs() {
    let files = Files::new(&numbers("t", 10), &numbers("t", 10)).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let (outcome, _) = files.compare_until(Options::default(), cancel).await.unwrap();
    assert_eq!((outcome.verdict, outcome.stopped), (Verdict::Incomplete, Some(Stop::Interrupted)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_null_key_are_compared_once() {
    let table = |values: &str| {
        format!("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES {values}; ANALYZE")
    };
    let rows: Vec<String> = (0..500).map(|n| format!("('k{n:04}', {n})")).collect();
    let source = table(&format!("{}, (NULL, 1), (NULL, 1), (NULL, 2)", rows.join(",")));
    let target = table(&format!("{}, (NULL, 1), (NULL, 3)", rows.join(",")));
    let files = Files::new(&source, &target).await;
    for range_rows in [20, 10_000] {
        let (outcome, mut found) = files.compare(Options { range_rows, ..Options::default() }).await;
        assert!(only(&outcome).problems.is_empty(), "{:?}", only(&outcome).problems);
        found.sort_by_key(|d| d.kind);
        let kinds: Vec<_> = found.iter().map(|d| d.kind).collect();
        // Two NULL keys are no one key; what does not cancel is paired.
        assert_eq!(kinds, [Kind::SourceOnly, Kind::Changed], "{found:?}");
        assert_eq!(only(&outcome).source_rows, 503);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_only_one_side_enforces_still_finds_duplicates() {
    let source = numbers("t", 300);
    let target = "CREATE TABLE t (id INTEGER NOT NULL, v INTEGER NOT NULL);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t SELECT i, i * 7 FROM n;
        INSERT INTO t VALUES (5, 35), (6, 0); ANALYZE;";
    let files = Files::new(&source, target).await;
    let (outcome, found) = files.compare(Options::default()).await;
    assert_eq!(only(&outcome).method, Method::Keyed { key: vec!["id".to_owned()] });
    let kinds: Vec<_> = found.iter().map(|d| d.kind).collect();
    assert_eq!(kinds, [Kind::TargetOnly, Kind::TargetOnly], "{found:?}");
}
