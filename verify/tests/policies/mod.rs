//! Every policy and tolerance on real servers: what it makes equal when it is
//! on, what it still tells apart, and that it holds where it was declared and
//! nowhere else.
//!
//! A case is a table of two columns, `v` and `w`, that hold the same. Settings
//! that are declared for `v` must leave `w` as it is without them; declared for
//! the table or the run they hold for both, and `w` can take them back.

mod cases;
mod tolerances;

use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_engines::Value;
use switchback_engines::canon::{Policy, Settings};
use switchback_fixtures as fixtures;
use switchback_verify::options::TableSettings;
use switchback_verify::{Difference, Kind, Options, Selection, TableOutcome};

use crate::home::{Home, compare, home, sqlite_pair};
use cases::{Case, FROM_MYSQL, FROM_SQLITE, SQLITE_ONLY, Seen, TO_MARIADB, ZEROS, ZONES};

use Seen::{Apart, Equal, Refused};

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn selection(table: TableSettings) -> Selection {
    Selection { include: vec![table.source.parse().unwrap()], tables: vec![table], ..Selection::default() }
}

/// For each row what was seen of `v` and of `w`.
type Answer = Vec<(Seen, Seen)>;

async fn ask(source: &Home, target: &Home, case: &Case, run: Settings, table: TableSettings) -> (Answer, TableOutcome) {
    let options = Options { equality: run, selection: selection(table), ..Options::default() };
    let (outcome, found) = compare(source, target, options).await;
    let table = outcome.tables[0].clone();
    let compared = |column: &str| table.columns.iter().any(|c| c.source == column);
    let seen = |row: usize, column: &str| {
        if !compared(column) {
            assert!(!table.problems.is_empty(), "{}: `{column}` is left out without a word", case.name);
            return Refused;
        }
        let of_row = found.iter().map(|(_, d)| d).find(|d| {
            assert_eq!(d.kind, Kind::Changed, "{}", case.name);
            d.source.as_ref().unwrap()[0] == Value::Int(row.try_into().unwrap())
        });
        let is_changed = |d: &Difference| d.changed.iter().any(|&i| table.columns[i].source == column);
        if of_row.is_some_and(is_changed) { Apart } else { Equal }
    };
    let answer = (0..case.rows.len()).map(|row| (seen(row, "v"), seen(row, "w"))).collect();
    // Nothing but a declared tolerance may leave the sums of the two sides apart.
    let unaccounted = table.problems.iter().any(|p| p.message.contains("add up"));
    assert!(!unaccounted, "{}: {:?}", case.name, table.problems);
    (answer, table)
}

/// Asks for a case without its setting, and with it at each level.
async fn check(source: &Home, target: &Home, case: &Case) {
    let off: Answer = case.rows.iter().map(|r| (r.2, r.2)).collect();
    let on: Answer = case.rows.iter().map(|r| (r.3, r.3)).collect();
    let only_v: Answer = case.rows.iter().map(|r| (r.3, r.2)).collect();
    let plain = || TableSettings { source: case.name.to_owned(), ..TableSettings::default() };
    let with_table = |json| TableSettings { equality: settings(json), ..plain() };
    let with_column = |mut table: TableSettings, column: &str, json: &str| {
        table.columns.insert(column.to_owned(), settings(json));
        table
    };
    let none = Settings::default;
    for (label, run, table, expected) in [
        ("off", none(), plain(), &off),
        ("run", settings(case.settings), plain(), &on),
        ("table", none(), with_table(case.settings), &on),
        ("column", none(), with_column(plain(), "v", case.settings), &only_v),
        ("taken back by the table", settings(case.settings), with_table(case.back), &off),
        ("taken back by a column", settings(case.settings), with_column(plain(), "w", case.back), &only_v),
        ("declared again", settings(case.back), with_column(with_table(case.back), "v", case.settings), &only_v),
    ] {
        let (answer, table) = ask(source, target, case, run, table).await;
        assert_eq!(&answer, expected, "{} ({label}): {:?}", case.name, table.columns);
        check_certificate(case, label, &table);
    }
}

/// What is in force for a column is in its line.
fn check_certificate(case: &Case, label: &str, table: &TableOutcome) {
    for column in table.columns.iter().filter(|c| c.source != "k") {
        assert!(column.rule.starts_with("as "), "{}: {:?}", case.name, column.rule);
        let is_tolerance = |p: &&Policy| p.name().ends_with("_tolerance");
        assert_eq!(column.tolerance.is_some(), column.policies.iter().any(|p| is_tolerance(&p)), "{}", case.name);
        if column.within_tolerance > 0 {
            assert!(column.tolerance.is_some(), "{} ({label})", case.name);
        }
        for policy in &column.policies {
            assert!(table.policies.contains(policy), "{}", case.name);
            assert!(!column.strict.contains(policy), "{}", case.name);
        }
    }
}

fn script(cases: &[Case], is_source: bool) -> String {
    let mut script = String::new();
    for case in cases {
        let native = if is_source { case.source } else { case.target };
        script.push_str(&format!("CREATE TABLE {} (k int PRIMARY KEY, v {native}, w {native});\n", case.name));
        for (k, row) in case.rows.iter().enumerate() {
            let value = if is_source { row.0 } else { row.1 };
            script.push_str(&format!("INSERT INTO {} VALUES ({k}, {value}, {value});\n", case.name));
        }
    }
    script
}

async fn check_all(source: &Home, target: &Home, cases: &[Case]) {
    for case in cases {
        check(source, target, case).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_postgres_to_mariadb() {
    let source = home(Dialect::Postgres, Side::Source, &script(TO_MARIADB, true)).await;
    let target =
        home(Dialect::MariaDb, Side::Target, &format!("SET NAMES utf8mb4;{}", script(TO_MARIADB, false))).await;
    check_all(&source, &target, TO_MARIADB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_mysql_to_postgres() {
    let zero_dates = "SET sql_mode = 'ALLOW_INVALID_DATES';";
    let source = home(Dialect::MySql, Side::Source, &format!("{zero_dates}{}", script(FROM_MYSQL, true))).await;
    let target = home(Dialect::Postgres, Side::Target, &script(FROM_MYSQL, false)).await;
    check_all(&source, &target, FROM_MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_versions_of_postgres() {
    let source = home(Dialect::Postgres, Side::Source, &(script(ZEROS, true) + &script(ZONES, true))).await;
    let target = home(Dialect::Postgres, Side::Target, &(script(ZEROS, false) + &script(ZONES, false))).await;
    check_all(&source, &target, ZEROS).await;
    // A zone can be changed by an inner level and not be taken away.
    let zone = &ZONES[0];
    let column = TableSettings {
        source: zone.name.to_owned(),
        columns: [("v".to_owned(), settings(zone.settings))].into(),
        ..TableSettings::default()
    };
    let (answer, _) = ask(&source, &target, zone, settings(zone.back), column.clone()).await;
    assert_eq!(answer, [(Equal, Apart), (Apart, Equal)]);
    let (answer, _) = ask(&source, &target, zone, Settings::default(), column).await;
    assert_eq!(answer, [(Equal, Refused), (Apart, Refused)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite_to_postgres() {
    let source = home(Dialect::Sqlite, Side::Source, &script(FROM_SQLITE, true)).await;
    let target = home(Dialect::Postgres, Side::Target, &script(FROM_SQLITE, false)).await;
    // What makes a pair comparable at all has no setting that takes it back.
    let (spelled, others) = FROM_SQLITE.split_last().unwrap();
    check_all(&source, &target, others).await;
    let column = TableSettings {
        source: spelled.name.to_owned(),
        columns: [("v".to_owned(), settings(spelled.settings))].into(),
        ..TableSettings::default()
    };
    let (answer, _) = ask(&source, &target, spelled, Settings::default(), column).await;
    assert_eq!(answer, [(Equal, Apart), (Apart, Apart)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_files_of_sqlite() {
    let (source, target) = sqlite_pair(&script(SQLITE_ONLY, true), &script(SQLITE_ONLY, false)).await;
    check_all(&source, &target, SQLITE_ONLY).await;
}
