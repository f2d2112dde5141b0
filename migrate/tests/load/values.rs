//! Values of every type arrive as what the comparison calls the same, or stop the
//! load by name.

use std::error::Error as _;

use switchback_engines::StreamName;
use switchback_fixtures::Side;
use switchback_fixtures::dataset::Dialect;
use switchback_fixtures::vectors::{Expected, PerEngine, Suite, VectorTable, Vocabulary};
use switchback_migrate::load::{Error, Load, Progress, Settings};
use switchback_replicate::{Spec, Stream};
use switchback_verify::TableOutcome;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{End, On, ask};
use crate::harness::judge::{compared, tables};
use crate::harness::stage::all_pairs;
use crate::stock;

fn on(dialect: Dialect) -> On {
    match dialect {
        Dialect::Postgres => On::Postgres,
        Dialect::MySql => On::MySql,
        Dialect::MariaDb => On::MariaDb,
        Dialect::Sqlite => On::Sqlite,
    }
}

/// The session in UTC, with literals as in standard SQL, and then as the case wants
/// it.
fn prepare(dialect: Dialect, case: &PerEngine<String>) -> String {
    let default = match dialect {
        Dialect::Postgres => "SET TIME ZONE 'UTC'",
        Dialect::MySql | Dialect::MariaDb => {
            "SET time_zone = '+00:00', sql_mode = CONCAT(@@global.sql_mode, ',NO_BACKSLASH_ESCAPES'), NAMES utf8mb4"
        }
        Dialect::Sqlite => "SELECT 1",
    };
    case.get(&dialect).map_or_else(|| default.to_owned(), |own| format!("{default};\n{own}"))
}

/// Cases of values that some sink refuses by name, where the comparison could take
/// them for equal: the year zero, labels that no enum has, JSON that PostgreSQL has
/// no `jsonb` for.
const REFUSED: [&str; 4] = ["d6_year_zero", "s10_invalid_enum", "s1_binary_json", "s3_bare"];

/// A table for each case that both sides have a column for, with the values at the
/// source that have an equal in the target's column.
fn scripts(suite: &Suite, from: Dialect, to: Dialect) -> (String, String, u64) {
    let (mut source, mut target, mut rows) = (String::new(), String::new(), 0);
    let cases = suite.corners().flat_map(|corner| corner.values.iter().flat_map(|case| case.tables(corner)));
    let cases = cases.filter(|table| table.case.settings.is_empty() && table.case.refusals.is_empty());
    for table in cases.filter(|table| !REFUSED.iter().any(|prefix| table.name.starts_with(prefix))) {
        let VectorTable { name, case, .. } = &table;
        let (Some(there), Some(here)) = (table.source_types().get(&from), table.target_types().get(&to)) else {
            continue;
        };
        for (dialect, native, script) in [(from, there, &mut source), (to, here, &mut target)] {
            if let Some(types) = case.types.get(&dialect).filter(|_| !table.is_mirrored) {
                script.push_str(&format!("{types};\n"));
            }
            let prepare = prepare(dialect, &case.prepare);
            script.push_str(&format!("{prepare};\nCREATE TABLE {name} (id integer PRIMARY KEY, v {native});\n"));
        }
        let equal = table.comparisons.iter().filter(|row| matches!(row.expected(from, to), Expected::Equal { .. }));
        for row in equal {
            if let Some(sql) = row.source.sql.get(&from) {
                rows += 1;
                source.push_str(&format!("INSERT INTO {name} VALUES ({}, {sql});\n", row.id));
            }
        }
    }
    (source, target, rows)
}

/// A load of all tables, without a stream.
async fn load(origin: &End, sink: &End) -> Load {
    let tables = all_pairs(&origin.endpoint, &sink.endpoint).await;
    let spec = Spec {
        name: StreamName::new("values").unwrap(),
        opposite: None,
        tables,
        settings: switchback_replicate::Settings::default(),
    };
    let stream = Stream::new(origin.endpoint.clone(), sink.endpoint.clone(), spec).unwrap();
    Load::new(stream.into(), Settings { follow: false, ..stock::settings() })
}

/// The verdict is another thing: it also says that the columns are of other types.
async fn same_rows(origin: &End, sink: &End) -> usize {
    let (outcome, found) = compared(origin, sink).await;
    let whole = |t: &TableOutcome| t.source_rows == t.target_rows && t.problems.is_empty();
    assert!(found.is_empty() && outcome.tables.iter().all(whole), "{}\n{}", tables(&outcome), found.join("\n"));
    outcome.tables.len()
}

async fn arrive(suite: &Suite, from: Dialect, to: Dialect) {
    let (source, target, rows) = scripts(suite, from, to);
    let (origin, sink) =
        (End::new(on(from), Side::Source, &source).await, End::new(on(to), Side::Target, &target).await);
    let (progress, seen) = watch::channel(Progress::default());
    let loaded = load(&origin, &sink).await.run(&CancellationToken::new(), &progress).await;
    loaded.unwrap_or_else(|e| panic!("{from:?} to {to:?}: {e:?}"));
    assert_eq!(seen.borrow().rows, rows);
    let tables = same_rows(&origin, &sink).await;
    assert!(rows > 500 && tables > 100, "{from:?} to {to:?}: {rows} values in {tables} tables");
    eprintln!("{from:?} to {to:?}: {rows} values in {tables} tables");
}

async fn arrive_from(sources: &[Dialect], to: Dialect) {
    let suite = Suite::read(&Suite::folder(), &Vocabulary { is_policy: &|_| true }).unwrap_or_else(|e| panic!("{e}"));
    for from in sources {
        arrive(&suite, *from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrive_in_postgres_as_they_are() {
    arrive_from(&[Dialect::Postgres, Dialect::MySql, Dialect::Sqlite], Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arrive_in_mysql_as_they_are() {
    arrive_from(&[Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite], Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arrive_in_mariadb_as_they_are() {
    arrive_from(&[Dialect::Postgres, Dialect::MariaDb, Dialect::Sqlite], Dialect::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arrive_in_sqlite_as_they_are() {
    arrive_from(&[Dialect::Postgres, Dialect::MySql], Dialect::Sqlite).await;
}

/// What the load of one table stops with, and all that it says.
async fn stops(from: On, source: &str, to: On, target: &str) -> (Error, String) {
    let (origin, sink) = (End::new(from, Side::Source, source).await, End::new(to, Side::Target, target).await);
    let (progress, _seen) = watch::channel(Progress::default());
    let error = load(&origin, &sink).await.run(&CancellationToken::new(), &progress).await.expect_err("it fits");
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let mut writer = sink.writer().await;
    let left = ask(writer.as_mut(), "SELECT COUNT(*) FROM t").await.unwrap();
    assert_eq!(left.as_deref(), Some("0"), "a part of a range is there");
    (error, said)
}

/// What a column of one engine has and one of another can't hold: each beside a NULL,
/// and in words that the error must not repeat.
const MISFITS: [(On, &str, &str, On, &str); 16] = [
    (On::Sqlite, "TEXT", "'4711' || char(0)", On::Postgres, "VARCHAR(80)"),
    (On::MySql, "TEXT", "CONCAT('4711', CHAR(0))", On::Postgres, "TEXT"),
    (On::MySql, "DATE", "'0000-00-00'", On::Postgres, "DATE"),
    (On::MariaDb, "DATETIME(6)", "'2026-02-00 04:07:11'", On::Postgres, "TIMESTAMP(6)"),
    (On::Postgres, "BIGINT", "1234567894711", On::MariaDb, "INT"),
    (On::Postgres, "NUMERIC", "123456789012345678901234567890123456789012345.4711", On::MySql, "DECIMAL(65,30)"),
    (On::Postgres, "DOUBLE PRECISION", "'NaN'", On::MySql, "DOUBLE"),
    (On::Postgres, "TIMESTAMP", "'infinity'", On::MySql, "DATETIME(6)"),
    (On::Postgres, "TIMESTAMPTZ", "'2047-11-01 00:00+00'", On::MySql, "TIMESTAMP(6) NULL"),
    (On::Postgres, "TEXT", "'ä4711'", On::MySql, "VARCHAR(4)"),
    (On::MySql, "TIME", "'47:11:00'", On::Postgres, "TIME"),
    (On::MySql, "BIGINT UNSIGNED", "18446744073709544711", On::Postgres, "BIGINT"),
    (On::Sqlite, "INTEGER", "'x4711'", On::MySql, "BIGINT"),
    (On::Sqlite, "DATE", "'4711-02-30'", On::MariaDb, "DATE"),
    (On::Sqlite, "UUID", "'4711'", On::Postgres, "UUID"),
    (On::MySql, "BIGINT UNSIGNED", "18446744073709544711", On::Sqlite, "INTEGER"),
];

#[tokio::test(flavor = "multi_thread")]
async fn that_do_not_fit_are_named_and_not_told() {
    let table = |native: &str| format!("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v {native});\n");
    let text = table("VARCHAR(80)");
    for (from, there, value, to, here) in MISFITS {
        // As a server is set that has such dates.
        let lax = if matches!(from, On::MySql | On::MariaDb) { "SET sql_mode = '';" } else { "" };
        let source = format!("{}{lax} INSERT INTO t VALUES (1, NULL), (7, {value});", table(there));
        let (error, said) = stops(from, &source, to, &table(here)).await;
        assert!(matches!(&error, Error::Unfit { key, .. } if key == "id=7"), "{from:?} to {to:?}: {error:?}");
        assert!(said.contains("t`") && said.contains("`v`"), "{said}");
        assert!(!said.contains("4711"), "{said}");
    }
    // What only the server knows is found by trying the rows one by one.
    let checked = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(80) CHECK (LENGTH(v) < 6));";
    for on in [On::Postgres, On::MySql, On::Sqlite] {
        let source = format!("{text}INSERT INTO t VALUES (1, 'a'), (7, 's3cret'), (9, 'b');");
        let (error, said) = stops(on, &source, on, checked).await;
        assert!(matches!(&error, Error::Refused { key, .. } if key == "id=7"), "{on:?}: {error:?}");
        assert!(said.contains("t`") && !said.contains("s3cret"), "{said}");
    }
}
