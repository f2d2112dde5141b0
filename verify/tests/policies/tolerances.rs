//! Rows within tolerance, keys that settings merge, and settings that are refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_fixtures as fixtures;
use switchback_verify::options::TableSettings;
use switchback_verify::{Kind, Options, Progress, Verdict, run};
use tokio_util::sync::CancellationToken;

use super::{selection, settings};
use crate::collect::Collected;
use crate::home::{Home, compare, home, sqlite_pair};

async fn sqlite(script: &str) -> Home {
    home(Dialect::Sqlite, Side::Source, script).await
}

/// A table of numbers from 1, whose `v` is this expression of `i`.
fn numbers(rows: u32, v: &str) -> String {
    format!(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, v REAL, n INTEGER);
         WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {rows})
         INSERT INTO t SELECT i, {v}, i FROM c; ANALYZE;"
    )
}

fn of_column(column: &str, json: &str) -> TableSettings {
    TableSettings {
        source: "t".to_owned(),
        columns: [(column.to_owned(), settings(json))].into(),
        ..TableSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_within_tolerance_are_counted_and_the_numbers_still_add_up() {
    // Of 5000 rows every tenth is off by a little, and every thousandth by more.
    let off = "i + CASE WHEN i % 1000 = 0 THEN 0.5 WHEN i % 10 = 0 THEN 0.001 ELSE 0 END";
    let (source, target) = sqlite_pair(&numbers(5000, "i"), &numbers(5000, off)).await;
    for range_rows in [50, 100_000] {
        for pool_bytes in [16 << 20, 64] {
            let memory = switchback_verify::options::Memory { pool_bytes, range_bytes: pool_bytes };
            let options = Options {
                selection: selection(of_column("v", r#"{"absolute":"0.01"}"#)),
                range_rows,
                memory,
                ..Options::default()
            };
            let (outcome, found) = compare(&source, &target, options).await;
            let table = &outcome.tables[0];
            assert_eq!(table.verdict, Verdict::Different, "{:?}", table.problems);
            assert_eq!((found.len(), table.difference_count(), table.within_tolerance), (5, 5, 495));
            assert_eq!((table.columns[1].changed, table.columns[1].within_tolerance), (5, 495));
            assert_eq!(table.in_sync, 0);
        }
    }
    let options = Options { selection: selection(of_column("v", r#"{"absolute":1}"#)), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await;
    let table = &outcome.tables[0];
    assert_eq!((table.verdict, found.len(), table.within_tolerance), (Verdict::Equal, 0, 500), "{:?}", table.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_differs_elsewhere_names_only_what_is_beyond_tolerance() {
    let target = format!("{} UPDATE t SET v = v + 0.001, n = 0 WHERE k = 7;", numbers(20, "i"));
    let (source, target) = sqlite_pair(&numbers(20, "i"), &target).await;
    let options = Options { selection: selection(of_column("v", r#"{"absolute":0.01}"#)), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await;
    let table = &outcome.tables[0];
    assert_eq!(found.iter().map(|(_, d)| d.changed.as_slice()).collect::<Vec<_>>(), [[2]]);
    assert_eq!((table.within_tolerance, table.columns[1].changed, table.columns[1].within_tolerance), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_key_find_each_other_within_tolerance() {
    // The operator's key is none: each value has two rows, and one a third.
    let table = |rows: &str| format!("CREATE TABLE t (g TEXT NOT NULL, v REAL); INSERT INTO t VALUES {rows};");
    let source = sqlite(&table("('a', 1), ('a', 2), ('b', 1), ('b', 1), ('c', 5), ('d', 1), ('d', 1)")).await;
    let target =
        sqlite(&table("('a', 2.01), ('a', 1.01), ('b', 1.01), ('b', 1.01), ('c', 5.01), ('c', 5), ('d', 1.01)")).await;
    let settings = TableSettings { key: Some(vec!["g".to_owned()]), ..of_column("v", r#"{"absolute":"0.02"}"#) };
    let options = Options { selection: selection(settings), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await;
    let table = &outcome.tables[0];
    assert_eq!((table.within_tolerance, table.difference_count()), (5, 2), "{:?} {found:?}", table.problems);
    let expected = BTreeMap::from([(Kind::SourceOnly, 1), (Kind::TargetOnly, 1)]);
    assert_eq!(table.differences, expected, "{found:?}");
    assert!(!table.problems.iter().any(|p| p.message.contains("add up")), "{:?}", table.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_setting_merges_are_compared_as_one() {
    let table = |rows: &str| format!("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES {rows};");
    let source = sqlite(&table("('Anna', 1), ('Bob', 2), ('eve', 3), ('EVE', 4)")).await;
    let target = sqlite(&table("('ANNA', 1), ('bob', 9), ('eve', 3)")).await;
    let run = |json| Options { equality: settings(json), ..Options::default() };
    let (outcome, _) = compare(&source, &target, run("{}")).await;
    assert_eq!(outcome.tables[0].differences, BTreeMap::from([(Kind::SourceOnly, 3), (Kind::TargetOnly, 2)]));
    for range_rows in [1, 1000] {
        let options = Options { range_rows, ..run(r#"{"ignore_case":true}"#) };
        let (outcome, found) = compare(&source, &target, options).await;
        let table = &outcome.tables[0];
        let expected = BTreeMap::from([(Kind::SourceOnly, 1), (Kind::Changed, 1)]);
        assert_eq!(table.differences, expected, "{:?} {found:?}", table.problems);
        assert!(table.problems.is_empty(), "{:?}", table.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_shortened_times_is_compared_as_one() {
    let table =
        |k: &str| format!("CREATE TABLE t (k timestamp(6) PRIMARY KEY, v int); INSERT INTO t VALUES ('{k}', 1)");
    let source = home(Dialect::Postgres, Side::Source, &table("2024-05-01 10:00:00.123456")).await;
    let target = home(Dialect::Postgres, Side::Target, &table("2024-05-01 10:00:00.123")).await;
    for (json, verdict) in [("{}", Verdict::Different), (r#"{"time_digits":3}"#, Verdict::Equal)] {
        let options = Options { equality: settings(json), ..Options::default() };
        let (outcome, _) = compare(&source, &target, options).await;
        assert_eq!(outcome.verdict, verdict, "{json}: {:?}", outcome.tables[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_can_do_nothing_is_refused_before_anything_is_read() {
    let both = "CREATE TABLE t (k INTEGER PRIMARY KEY, price REAL, note TEXT, made DATETIME);
                CREATE TABLE bare (price REAL); CREATE TABLE texts (k INTEGER PRIMARY KEY, note TEXT);
                INSERT INTO bare VALUES (1);";
    let (source, target) = sqlite_pair(both, both).await;
    let of_table = |name: &str, json: &str| TableSettings {
        source: name.to_owned(),
        equality: settings(json),
        ..TableSettings::default()
    };
    let with_column =
        |name: &str, column: &str, json: &str| TableSettings { source: name.to_owned(), ..of_column(column, json) };
    for (table, expected) in [
        (of_column("note", r#"{"absolute":1}"#), "`absolute` cannot apply to column `note` of `t`"),
        (of_column("k", r#"{"relative":0.1}"#), "rows are matched by this column"),
        (of_column("k", r#"{"ulps":1}"#), "`ulps` cannot apply to column `k` of `t`, which compares"),
        (of_column("price", r#"{"ignore_case":true}"#), "`ignore_case` cannot apply to column `price`"),
        (of_column("price", r#"{"time_digits":3}"#), "`time_digits` cannot apply to column `price`"),
        (of_column("note", r#"{"zero_date_is_null":true}"#), "`zero_date_is_null` cannot apply to column `note`"),
        (of_column("price", r#"{"compare_as":"float32"}"#), "`compare_as` cannot apply to column `price`"),
        (of_column("price", r#"{"strict":["json_meaning"]}"#), "`strict = [\"json_meaning\"]` cannot apply"),
        (of_column("made", r#"{"naive_zone":"+01:00"}"#), "`naive_zone` cannot apply to column `made`"),
        (of_column("note", r#"{"bool_words":{"true":["Y"]}}"#), "`bool_words` cannot apply to column `note`"),
        (of_column("note", r#"{"uuid_layout":"plain"}"#), "`uuid_layout` cannot apply to column `note`"),
        (of_column("nosuch", r#"{"absolute":1}"#), "no column `nosuch`"),
        (of_table("texts", r#"{"relative":0.1}"#), "`relative` in the settings of `texts` applies to none"),
        (of_table("texts", r#"{"lenient":["decimal_scale"]}"#), "applies to none of its columns"),
        (of_table("bare", r#"{"absolute":1}"#), "has no key"),
        (with_column("bare", "price", r#"{"absolute":1}"#), "the table has no key"),
        (
            TableSettings { ignore_columns: vec!["note".to_owned()], ..of_column("note", r#"{"trim_spaces":true}"#) },
            "has settings and is ignored",
        ),
    ] {
        let options = Options { selection: selection(table.clone()), ..Options::default() };
        let (s, t) = (Arc::clone(&source.connected), Arc::clone(&target.connected));
        let sink = Arc::new(Collected::default());
        let refused = run(s, t, options, sink, Progress::new(), CancellationToken::new()).await;
        let error = refused.map(|outcome| outcome.verdict).unwrap_err().to_string();
        assert!(error.contains(expected), "{table:?}: {error}");
    }
    // To take back what can't be is no mistake, and to declare for all what some can't have neither.
    for table in [of_column("k", r#"{"absolute":0}"#), of_table("t", r#"{"absolute":1}"#)] {
        let options = Options { selection: selection(table), ..Options::default() };
        assert_eq!(compare(&source, &target, options).await.0.verdict, Verdict::Equal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_key_is_compared_exactly_and_says_so() {
    let table = |v: &str| format!("CREATE TABLE t (v REAL); INSERT INTO t VALUES (1), ({v});");
    let source = sqlite(&table("2")).await;
    let options = || Options { equality: settings(r#"{"absolute":1}"#), ..Options::default() };
    let (outcome, _) = compare(&source, &sqlite(&table("2")).await, options()).await;
    assert_eq!(outcome.verdict, Verdict::Equal, "{:?}", outcome.tables[0].problems);
    let (outcome, found) = compare(&source, &sqlite(&table("2.5")).await, options()).await;
    assert_eq!((outcome.verdict, found.len()), (Verdict::Incomplete, 2));
    let problems = &outcome.tables[0].problems;
    assert!(problems[0].message.contains("has no key"), "{problems:?}");
    assert_eq!(outcome.tables[0].within_tolerance, 0);
}
