//! Every type that an engine can store: each value equals itself on another
//! server of that engine, and differs from its neighbour.
//!
//! One table a type, one row a value. The twin holds the same; in the other
//! target each row holds the next value of the list, so that all rows differ.

use std::sync::Arc;

use fixtures::{Family, Side, TestDatabase};
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_fixtures as fixtures;
use switchback_verify::{Kind, Options, Progress, RunOutcome, Verdict, run};
use tokio_util::sync::CancellationToken;

use crate::collect::{Collected, Found};

mod lists;

/// A type as it is declared, and literals of values that are no two the same.
struct Type {
    native: &'static str,
    literals: Vec<String>,
}

fn of(native: &'static str, literals: &[&str]) -> Type {
    Type { native, literals: literals.iter().map(|l| (*l).to_owned()).collect() }
}

/// What runs before the tables are made.
struct Engine {
    prelude: &'static str,
    types: Vec<Type>,
}

/// A database that is filled, and gone when dropped.
struct Filled {
    database: Arc<dyn Database>,
    _home: Option<TestDatabase>,
}

async fn filled(family: Family, side: Side, engine: &Engine, shift: usize) -> Filled {
    let home = fixtures::database(family, side, "types").await;
    home.execute(engine.prelude).await.unwrap_or_else(|e| panic!("{e:?}"));
    for (i, of) in engine.types.iter().enumerate() {
        let sql = format!("{}{}", session(family), script(i, of, shift));
        home.execute(&sql).await.unwrap_or_else(|e| panic!("{}: {e:?}", of.native));
    }
    let url = DatabaseUrl::parse(home.url()).unwrap();
    Filled { database: connect(&url, &ConnectOptions::default()).await.unwrap(), _home: Some(home) }
}

fn session(family: Family) -> &'static str {
    match family {
        Family::Postgres => "SET TimeZone = 'UTC';",
        Family::MySql | Family::MariaDb => {
            "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00';"
        }
    }
}

/// Row `i` holds literal `i + shift`, and one more row NULL or, shifted, not.
fn script(table: usize, of: &Type, shift: usize) -> String {
    let count = of.literals.len();
    let rows = (0..count).map(|i| format!("({i}, {})", of.literals[(i + shift) % count]));
    let null = if shift == 0 { "NULL" } else { of.literals[0].as_str() };
    let rows: Vec<String> = rows.chain([format!("({count}, {null})")]).collect();
    format!(
        "CREATE TABLE t{table} (id INT PRIMARY KEY, v {}); INSERT INTO t{table} VALUES {};",
        of.native,
        rows.join(", ")
    )
}

async fn compare(source: &Filled, target: &Filled) -> (RunOutcome, Found) {
    let sink = Collected::default();
    let options = Options { run_id: "types".to_owned(), ..Options::default() };
    let outcome = run(
        Arc::clone(&source.database),
        Arc::clone(&target.database),
        options,
        Arc::new(sink.clone()),
        Progress::new(),
        CancellationToken::new(),
    )
    .await
    .unwrap();
    (outcome, sink.take())
}

async fn each_value_equals_itself_alone(family: Family, engine: Engine) {
    let source = filled(family, Side::Source, &engine, 0).await;
    let twin = filled(family, Side::Target, &engine, 0).await;
    let shifted = filled(family, Side::Target, &engine, 1).await;
    judge_twin(&engine, &compare(&source, &twin).await);
    judge_shifted(&engine, &compare(&source, &shifted).await);
}

fn judge_twin(engine: &Engine, (outcome, found): &(RunOutcome, Found)) {
    for (i, of) in engine.types.iter().enumerate() {
        let table = table_of(outcome, i);
        assert!(table.problems.is_empty(), "{}: {:?}", of.native, table.problems);
        let first = found.iter().find(|(plan, _)| plan.source.name.name == format!("t{i}"));
        assert_eq!(table.verdict, Verdict::Equal, "{}: {first:?} {:?}", of.native, table.structure);
    }
}

fn judge_shifted(engine: &Engine, (outcome, found): &(RunOutcome, Found)) {
    for (i, of) in engine.types.iter().enumerate() {
        let table = table_of(outcome, i);
        assert!(table.problems.is_empty(), "{}: {:?}", of.native, table.problems);
        let name = format!("t{i}");
        let mut rows: Vec<String> = found
            .iter()
            .filter(|(plan, _)| plan.source.name.name == name)
            .map(|(_, d)| {
                assert_eq!((d.kind, d.changed.as_slice()), (Kind::Changed, &[1][..]), "{}", of.native);
                format!("{:?}", d.source.as_ref().map(|row| row[0].clone()))
            })
            .collect();
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), of.literals.len() + 1, "{}: of its rows only {rows:?} differ", of.native);
    }
}

fn table_of(outcome: &RunOutcome, i: usize) -> &switchback_verify::TableOutcome {
    let name = format!("t{i}");
    let table = outcome.tables.iter().find(|t| t.source.as_ref().is_some_and(|s| s.name == name));
    table.unwrap_or_else(|| panic!("{name} was not compared"))
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    each_value_equals_itself_alone(Family::Postgres, lists::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    each_value_equals_itself_alone(Family::MySql, lists::mysql()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    each_value_equals_itself_alone(Family::MariaDb, lists::mariadb()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let engine = lists::sqlite();
    let folder = tempfile::tempdir().unwrap();
    let mut opened = Vec::new();
    for (name, shift) in [("source", 0), ("twin", 0), ("shifted", 1)] {
        use sqlx::ConnectOptions as _;
        let path = folder.path().join(name);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        for (i, of) in engine.types.iter().enumerate() {
            let sql = script(i, of, shift);
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        sqlx::Connection::close(connection).await.unwrap();
        let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
        opened.push(Filled { database: connect(&url, &ConnectOptions::default()).await.unwrap(), _home: None });
    }
    judge_twin(&engine, &compare(&opened[0], &opened[1]).await);
    judge_shifted(&engine, &compare(&opened[0], &opened[2]).await);
}
