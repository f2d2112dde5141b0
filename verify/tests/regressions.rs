//! Wrong verdicts that were found once, on real files and servers: each test
//! states what is to come out. What a rule or a pairing decides is pinned beside
//! its code; here it has to hold for a whole run.

use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_engines::canon::Settings;
use switchback_fixtures as fixtures;
use switchback_verify::options::TableSettings;
use switchback_verify::{Options, Selection, Verdict};

use crate::home::{compare, home, show, sqlite_pair};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_named_in_the_targets_spelling_is_compared() {
    let (source, target) = sqlite_pair(
        "CREATE TABLE \"Orders\" (k INTEGER PRIMARY KEY); INSERT INTO \"Orders\" VALUES (1), (2);
         CREATE TABLE customers (k INTEGER PRIMARY KEY);",
        "CREATE TABLE orders (k INTEGER PRIMARY KEY);
         CREATE TABLE customers (k INTEGER PRIMARY KEY);",
    )
    .await;
    let include = vec!["customers".parse().unwrap(), "orders".parse().unwrap()];
    let options = Options { selection: Selection { include, ..Selection::default() }, ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await;
    assert_eq!(outcome.verdict, Verdict::Different, "{}", show(&outcome));
    assert_eq!((outcome.tables.len(), found.len()), (2, 2), "{}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_keeps_in_other_spellings_is_equal_by_a_named_policy() {
    let table = |name: &str, native: &str| format!("CREATE TABLE {name} (k INTEGER PRIMARY KEY, v {native});");
    let both = format!("{}{}", table("b", "BLOB"), table("u", "UUID"));
    let (source, target) = sqlite_pair(
        &format!(
            "{both} INSERT INTO b VALUES (1, x'61'); INSERT INTO u VALUES (1, 'AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA');"
        ),
        &format!(
            "{both} INSERT INTO b VALUES (1, 'a'); INSERT INTO u VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');"
        ),
    )
    .await;
    let (outcome, _) = compare(&source, &target, Options::default()).await;
    assert_eq!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
    assert!(outcome.tables.iter().all(|t| !t.policies.is_empty()), "{}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn times_with_zones_in_sqlite_text_equal_those_of_postgres() {
    let source = home(
        Dialect::Sqlite,
        Side::Source,
        "CREATE TABLE t (k INTEGER PRIMARY KEY, zoned TIMETZ, at TEXT, local TEXT);
         INSERT INTO t VALUES (1, '10:00:00+02:00', '2024-05-01T10:00:00+02:00', '2024-05-01 09:00:00');",
    )
    .await;
    let target = home(
        Dialect::Postgres,
        Side::Target,
        "CREATE TABLE t (k bigint PRIMARY KEY, zoned timetz, at timestamptz, local timestamptz); \
         INSERT INTO t VALUES (1, '10:00:00+02', '2024-05-01 08:00:00+00', '2024-05-01 08:00:00+00')",
    )
    .await;
    let equality = Settings { naive_zone_minutes: Some(60), ..Settings::default() };
    let (outcome, found) = compare(&source, &target, Options { equality, ..Options::default() }).await;
    assert!(outcome.tables[0].problems.is_empty() && found.is_empty(), "{} {found:?}", show(&outcome));
    let (outcome, _) = compare(&source, &target, Options::default()).await;
    assert_eq!(outcome.tables[0].problems.len(), 2, "the zone is never guessed: {}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_source_columns_are_never_matched_with_one_target_column() {
    let source = home(
        Dialect::Postgres,
        Side::Source,
        "CREATE TABLE t (k int PRIMARY KEY, a int, \"A\" int); INSERT INTO t VALUES (1, 5, 5)",
    )
    .await;
    let script = "CREATE TABLE t (k int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 5)";
    let target = home(Dialect::MySql, Side::Target, script).await;
    let (outcome, _) = compare(&source, &target, Options::default()).await;
    assert_ne!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
    assert_eq!(outcome.tables[0].difference_count(), 0, "{}", show(&outcome));
}

const HALVES: [&str; 4] =
    ["1960-06-01 00:00:00.5", "1999-06-01 00:00:00.5", "2001-06-01 00:00:00.5", "2001-06-01 00:00:01.9"];

fn halves(native: &str) -> String {
    let rows: Vec<String> = HALVES.iter().zip(1..).map(|(v, k)| format!("({k}, TIMESTAMP '{v}')")).collect();
    format!("CREATE TABLE t (k int PRIMARY KEY, v {native}); INSERT INTO t VALUES {}", rows.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_made_of_more_digits_than_it_keeps_is_equal() {
    let source = home(Dialect::Postgres, Side::Source, &halves("timestamp(6)")).await;
    for (dialect, native) in
        [(Dialect::Postgres, "timestamp(0)"), (Dialect::MySql, "datetime(0)"), (Dialect::MariaDb, "datetime(0)")]
    {
        let target = home(dialect, Side::Target, &halves(native)).await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 0, "{dialect:?}: {}", show(&outcome));
        let other = "UPDATE t SET v = TIMESTAMP '2001-06-01 00:00:05' WHERE k = 4";
        target.place.execute(other).await;
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 1, "{dialect:?}: {}", show(&outcome));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn negative_times_are_shortened_as_by_their_server() {
    let script = |digits| {
        format!(
            "CREATE TABLE t (k int PRIMARY KEY, v time({digits})); \
             INSERT INTO t VALUES (1, '-10:00:00.5'), (2, '-10:00:00.4'), (3, '10:00:00.5'), (4, '-00:00:00.9')"
        )
    };
    for dialect in [Dialect::MySql, Dialect::MariaDb] {
        let (source, target) =
            (home(dialect, Side::Source, &script(6)).await, home(dialect, Side::Target, &script(0)).await);
        let (outcome, _) = compare(&source, &target, Options::default()).await;
        assert_eq!(outcome.tables[0].difference_count(), 0, "{dialect:?}: {}", show(&outcome));
    }
}

/// Boundaries that the target's calendar can't hold lose no row of it.
async fn beyond_the_calendar(dialect: Dialect) {
    let source = home(
        Dialect::Postgres,
        Side::Source,
        "CREATE TABLE t (k timestamp(0) PRIMARY KEY, v int); \
         INSERT INTO t SELECT timestamp '12024-01-01' + n * interval '1 hour', n FROM generate_series(1, 50) n; \
         ANALYZE t",
    )
    .await;
    let target = home(
        dialect,
        Side::Target,
        "CREATE TABLE t (k datetime PRIMARY KEY, v int); INSERT INTO t VALUES ('2024-01-01 00:00:00', 1)",
    )
    .await;
    let (outcome, _) = compare(&source, &target, Options { range_rows: 5, ..Options::default() }).await;
    assert_eq!(outcome.tables[0].target_rows, 1, "a row is in no range: {}", show(&outcome));
    assert_eq!(outcome.tables[0].difference_count(), 51, "{}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn boundaries_beyond_the_calendar_of_mysql_lose_no_row() {
    beyond_the_calendar(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boundaries_beyond_the_calendar_of_mariadb_lose_no_row() {
    beyond_the_calendar(Dialect::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_only_postgres_has_are_differences() {
    let script = "CREATE TABLE t (k numeric PRIMARY KEY, v int); INSERT INTO t VALUES ('NaN', 1)";
    let source = home(Dialect::Postgres, Side::Source, script).await;
    // As text, `NaN` would find the row of 0.
    let script = "CREATE TABLE t (k decimal(20,4) PRIMARY KEY, v int); INSERT INTO t VALUES (0, 1)";
    for dialect in [Dialect::MySql, Dialect::MariaDb] {
        let target = home(dialect, Side::Target, script).await;
        let (outcome, found) = compare(&source, &target, Options::default()).await;
        let mut kinds: Vec<_> = found.iter().map(|(_, d)| d.kind.name()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["source_only", "target_only"], "{}", show(&outcome));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_target_table_is_nobodys_counterpart() {
    let script = "CREATE TABLE users (k int PRIMARY KEY); INSERT INTO users VALUES (1)";
    let source = home(Dialect::MySql, Side::Source, script).await;
    let target = home(
        Dialect::Postgres,
        Side::Target,
        "CREATE SCHEMA audit; CREATE TABLE audit.users (k int PRIMARY KEY); \
         CREATE TABLE public.users (k int PRIMARY KEY); INSERT INTO public.users VALUES (1)",
    )
    .await;
    let exclude = vec!["audit.*".parse().unwrap()];
    let options = Options { selection: Selection { exclude, ..Selection::default() }, ..Options::default() };
    let (outcome, _) = compare(&source, &target, options).await;
    assert_eq!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
}

/// Rows that both sides send as the same bytes are passed over. What is left of
/// a row that one side has more often must not look like all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_there_twice_is_not_one_that_is_there_once() {
    let tables = "CREATE TABLE keyless (v text); CREATE TABLE loose (k integer, v text);
                  CREATE TABLE nulls (k text PRIMARY KEY, v text);";
    let once = "INSERT INTO keyless VALUES ('a'), ('b'); INSERT INTO loose VALUES (1, 'a'), (2, 'b');
                INSERT INTO nulls VALUES (NULL, 'a'), ('k', 'b');";
    let again = "INSERT INTO keyless VALUES ('a'); INSERT INTO loose VALUES (1, 'a');
                 INSERT INTO nulls VALUES (NULL, 'a');";
    let (source, target) = sqlite_pair(&format!("{tables}{once}{again}"), &format!("{tables}{once}")).await;
    let key = TableSettings { source: "loose".to_owned(), key: Some(vec!["k".to_owned()]), ..TableSettings::default() };
    let selection = Selection { tables: vec![key], ..Selection::default() };
    let (outcome, found) = compare(&source, &target, Options { selection, ..Options::default() }).await;
    assert_eq!(outcome.verdict, Verdict::Different, "{}", show(&outcome));
    assert_eq!(found.len(), 3, "{} {found:?}", show(&outcome));
    let (outcome, found) = compare(&target, &source, Options::default()).await;
    assert_eq!(found.len(), 3, "{} {found:?}", show(&outcome));
}

/// As in a database that was partitioned before PostgreSQL 10: the parent is
/// empty, and a query of it shows a million rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_rows_are_in_its_children_is_not_compared_without_them() {
    let script = |value: &str| {
        format!(
            "CREATE TABLE metrics (k int PRIMARY KEY, v text); CREATE SCHEMA chunks; \
             CREATE TABLE chunks.m1 () INHERITS (metrics); CREATE TABLE chunks.m2 () INHERITS (metrics); \
             INSERT INTO chunks.m1 VALUES (1, '{value}')"
        )
    };
    let source = home(Dialect::Postgres, Side::Source, &script("a")).await;
    let target = home(Dialect::Postgres, Side::Target, &script("b")).await;
    let select = |include: &[&str], exclude: &[&str]| {
        let patterns = |all: &[&str]| all.iter().map(|p| p.parse().unwrap()).collect();
        let selection = Selection { include: patterns(include), exclude: patterns(exclude), ..Selection::default() };
        Options { selection, ..Options::default() }
    };
    let (outcome, _) = compare(&source, &target, select(&["metrics"], &[])).await;
    assert_eq!(outcome.verdict, Verdict::Incomplete, "{}", show(&outcome));
    let problems = &outcome.tables[0].problems;
    assert!(problems.len() == 2 && problems[0].message.ends_with("`chunks.m1`, `chunks.m2`"), "{problems:?}");
    let (outcome, found) = compare(&source, &target, select(&[], &[])).await;
    // One on either side, as the child has no key of its own.
    assert_eq!((outcome.verdict, found.len()), (Verdict::Different, 2), "{}", show(&outcome));
    // What somebody left out by name is left out.
    let (outcome, _) = compare(&source, &target, select(&[], &["chunks.*"])).await;
    assert_eq!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_compared_with_itself() {
    let (source, _) =
        sqlite_pair("CREATE TABLE a (k INTEGER PRIMARY KEY); CREATE TABLE b (k INTEGER PRIMARY KEY);", "").await;
    let try_compare = |options: Options| {
        let database = std::sync::Arc::clone(&source.connected);
        let sink = std::sync::Arc::new(crate::collect::Collected::default());
        let cancel = tokio_util::sync::CancellationToken::new();
        switchback_verify::run(
            std::sync::Arc::clone(&database),
            database,
            options,
            sink,
            switchback_verify::Progress::new(),
            cancel,
        )
    };
    let error = try_compare(Options::default()).await.unwrap_err().to_string();
    assert!(error.contains("the same database"), "{error}");
    // Two tables of one database are two tables.
    let tables =
        vec![TableSettings { source: "a".to_owned(), target: Some("b".to_owned()), ..TableSettings::default() }];
    let include = vec!["a".parse().unwrap()];
    let options = Options { selection: Selection { tables, include, ..Selection::default() }, ..Options::default() };
    let outcome = try_compare(options).await.unwrap();
    assert!(outcome.tables.iter().any(|table| table.verdict == Verdict::Equal), "{}", show(&outcome));
}

/// SQLite's own functions read no time of day beyond 24:00.
#[tokio::test(flavor = "multi_thread")]
async fn half_past_midnight_has_one_name() {
    let table = "CREATE TABLE t (k INTEGER PRIMARY KEY, at DATETIME);";
    let (source, target) = sqlite_pair(
        &format!("{table} INSERT INTO t VALUES (1, '2024-01-01 24:30:00');"),
        &format!("{table} INSERT INTO t VALUES (1, '2024-01-02 00:30:00');"),
    )
    .await;
    let (outcome, found) = compare(&source, &target, Options::default()).await;
    assert_eq!((outcome.verdict, found.len()), (Verdict::Different, 1), "{}", show(&outcome));
}

/// MariaDB stores any bytes in a column of ASCII, and means nothing by those
/// beyond 127. That they would be text elsewhere makes them no text there.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_ascii_equal_no_text() {
    let script = |charset: &str| {
        format!(
            "SET sql_mode = ''; CREATE TABLE t (k int PRIMARY KEY, v varchar(9) CHARACTER SET {charset}); \
             CREATE TABLE raw (k int PRIMARY KEY, v varbinary(9)); INSERT INTO raw VALUES (1, x'C3A9'); \
             INSERT INTO t SELECT * FROM raw"
        )
    };
    let source = home(Dialect::MariaDb, Side::Source, &script("ascii")).await;
    let target = home(Dialect::MariaDb, Side::Target, &script("utf8mb4")).await;
    let (outcome, _) = compare(&source, &target, Options::default()).await;
    let table = outcome.tables.iter().find(|t| t.name().ends_with(".t")).unwrap();
    assert_eq!(table.verdict, Verdict::Incomplete, "{}", show(&outcome));
}
