//! Repair scripts executed by SQLite: afterwards the target holds what the
//! source holds, value by value and in the same storage classes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::{AssertSqlSafe, Column as _, Connection, Executor, Row, SqliteConnection, TypeInfo, ValueRef};
use switchback_engines::{Column, Engine, Flavor, ForeignKey, Key, Logical, OwnedValue, Table, TableRef, Value, canon};
use switchback_reports::parquet::ParquetSink;
use switchback_reports::{RepairSummary, repair_sql, summary};
use switchback_verify::{Difference, TablePlan};

use crate::build::{INT, TEXT, changed, column, plan, required, run, server, source_only, table, target_only, write};

const SCHEMA: &str = "
    CREATE TABLE region (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE customer (
        id INTEGER PRIMARY KEY,
        region INTEGER REFERENCES region ON DELETE CASCADE,
        name TEXT COLLATE NOCASE,
        photo BLOB,
        score NUMERIC,
        height REAL,
        born DATE,
        shout TEXT GENERATED ALWAYS AS (CASE typeof(name) WHEN 'text' THEN upper(name) END) STORED,
        seen TEXT DEFAULT 'never'
    );
    CREATE TABLE item (
        customer INTEGER NOT NULL REFERENCES customer,
        code TEXT COLLATE NOCASE NOT NULL,
        note TEXT,
        PRIMARY KEY (customer, code)
    );
    CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree);
    CREATE TABLE log (line TEXT, n INTEGER, x);
";

fn references(mut table: Table, column: &str, parent: &str) -> Table {
    let parent = TableRef { schema: None, name: parent.to_owned() };
    table.foreign_keys.push(ForeignKey { columns: vec![column.to_owned()], parent });
    table
}

/// The tables of [`SCHEMA`] as a catalog describes them, without `seen`, which
/// is not compared.
fn tables() -> Vec<Table> {
    let nocase = |column: Column| Column { collation: Some("NOCASE".to_owned()), ..column };
    let customer = vec![
        column("id", "INTEGER", INT),
        column("region", "INTEGER", INT),
        nocase(column("name", "TEXT", TEXT)),
        column("photo", "BLOB", Logical::Bytes { bytes_max: None }),
        column("score", "NUMERIC", Logical::SqliteNumeric),
        column("height", "REAL", Logical::Float64),
        column("born", "DATE", Logical::Date),
        Column { generated: true, ..column("shout", "TEXT", TEXT) },
        column("seen", "TEXT", TEXT),
    ];
    let item = vec![
        required("customer", "INTEGER", INT),
        nocase(required("code", "TEXT", TEXT)),
        column("note", "TEXT", TEXT),
    ];
    let mut customer = references(table(None, "customer", customer, &[0]), "region", "region");
    customer.unique_keys = Vec::<Key>::new();
    let log = vec![
        column("line", "TEXT", TEXT),
        column("n", "INTEGER", INT),
        column("x", "", Logical::Bytes { bytes_max: None }),
    ];
    vec![
        references(table(None, "item", item, &[0, 1]), "customer", "customer"),
        customer,
        table(None, "region", vec![column("id", "INTEGER", INT), column("name", "TEXT", TEXT)], &[0]),
        references(
            table(None, "tree", vec![column("id", "INTEGER", INT), column("parent", "INTEGER", INT)], &[0]),
            "parent",
            "tree",
        ),
        table(None, "log", log, &[]),
    ]
}

fn plan_of(table: Table) -> TablePlan {
    let seen = table.column("seen").map(|(i, _)| i);
    let mut plan = plan(Engine::Sqlite, table.clone(), Engine::Sqlite, table);
    plan.columns.retain(|pair| Some(pair.source) != seen);
    plan
}

async fn open(rows: &str) -> SqliteConnection {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    execute(&mut db, &format!("PRAGMA foreign_keys = OFF; {SCHEMA} {rows}; PRAGMA foreign_keys = ON")).await;
    db
}

async fn execute(db: &mut SqliteConnection, script: &str) {
    if let Err(error) = db.execute(sqlx::raw_sql(AssertSqlSafe(script.to_owned()))).await {
        panic!("{error}\n{script}");
    }
}

/// All rows of the plan's columns, each with the class that SQLite stores.
async fn read(db: &mut SqliteConnection, plan: &TablePlan) -> Vec<Vec<OwnedValue>> {
    let names: Vec<String> =
        plan.columns.iter().map(|pair| format!("\"{}\"", plan.source_column(pair).unwrap().name)).collect();
    let query = format!("SELECT {} FROM \"{}\"", names.join(", "), plan.source.name.name);
    let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(db).await.unwrap();
    rows.iter().map(|row| row.columns().iter().map(|c| value(row, c.ordinal())).collect()).collect()
}

fn value(row: &sqlx::sqlite::SqliteRow, i: usize) -> OwnedValue {
    let raw = row.try_get_raw(i).unwrap();
    if raw.is_null() {
        return Value::Null;
    }
    match raw.type_info().name() {
        "TEXT" => Value::Text(row.get_unchecked::<String, _>(i).into()),
        "BLOB" => Value::Bytes(row.get_unchecked::<Vec<u8>, _>(i).into()),
        "REAL" => Value::F64(row.get_unchecked(i)),
        _ => Value::Int(row.get_unchecked(i)),
    }
}

/// Rows by their canonical bytes, which are equal where the values are.
fn cells(plan: &TablePlan, row: &[OwnedValue], columns: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in columns {
        canon::encode(&plan.columns[i].rule, &row[i], &mut bytes);
    }
    bytes
}

fn by_key(plan: &TablePlan, rows: Vec<Vec<OwnedValue>>) -> BTreeMap<Vec<u8>, (u64, Vec<OwnedValue>)> {
    let width = if plan.key_len == 0 { plan.columns.len() } else { plan.key_len };
    let mut all = BTreeMap::new();
    for row in rows {
        all.entry(cells(plan, &row, 0..width)).or_insert((0, row)).0 += 1;
    }
    all
}

/// What a comparison finds, without one of its optimisations.
fn compare(plan: &TablePlan, source: Vec<Vec<OwnedValue>>, target: Vec<Vec<OwnedValue>>) -> Vec<Difference> {
    let (source, mut target) = (by_key(plan, source), by_key(plan, target));
    let mut found = Vec::new();
    for (key, (count, row)) in source {
        match target.remove(&key) {
            None => found.push(Difference { source_count: count, ..source_only(row) }),
            Some((other, _)) if count > other => {
                found.push(Difference { source_count: count, target_count: other, ..source_only(row) });
            }
            Some((other, row)) if count < other => {
                found.push(Difference { source_count: count, target_count: other, ..target_only(row) });
            }
            Some((_, other)) => {
                let differ = |i: &usize| cells(plan, &row, *i..*i + 1) != cells(plan, &other, *i..*i + 1);
                let columns: Vec<usize> = (0..row.len()).filter(differ).collect();
                if !columns.is_empty() {
                    found.push(changed(&columns, row, other));
                }
            }
        }
    }
    found.extend(target.into_values().map(|(count, row)| Difference { target_count: count, ..target_only(row) }));
    found
}

/// Compares, repairs and compares again; returns the script.
async fn repair(source: &mut SqliteConnection, target: &mut SqliteConnection) -> (String, RepairSummary) {
    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    let plans: Vec<TablePlan> = tables().into_iter().map(plan_of).collect();
    let mut outcomes = Vec::new();
    for plan in &plans {
        let differences = compare(plan, read(source, plan).await, read(target, plan).await);
        outcomes.push(write(&sink, plan, &differences));
    }
    let server = server(Engine::Sqlite, Flavor::Original, "3", "shop.db");
    summary::write(folder.path(), &run(server.clone(), server, outcomes)).unwrap();
    let mut script = Vec::new();
    let summary = repair_sql(folder.path(), &mut script).unwrap();
    let script = String::from_utf8(script).unwrap();
    execute(target, &script).await;
    for plan in &plans {
        let left = compare(plan, read(source, plan).await, read(target, plan).await);
        assert!(left.is_empty(), "{}: {left:?}\n{script}", plan.source.name);
    }
    (script, summary)
}

#[tokio::test]
async fn a_repaired_target_equals_its_source() {
    let source = "
        INSERT INTO region VALUES (1, 'north'), (2, 'south');
        INSERT INTO customer (id, region, name, photo, score, height, born) VALUES
            (1, 2, 'Änne', x'00ff', 5, 1.75, '2000-02-29'),
            (2, 1, 'bob', 'text in a blob', 9007199254740993, 9e999, 'unknown'),
            (3, 2, CAST(x'610062' AS TEXT), NULL, 0.1, -0.0, NULL),
            (4, 1, 'it''s ;-- \"x\"' || char(10), x'', 'no number', 1e-300, 20000101);
        INSERT INTO item VALUES (1, 'Key', 'a'), (1, 'other', NULL), (3, 'new', '');
        INSERT INTO tree VALUES (1, 3), (2, 1), (3, 2), (4, 4);
        INSERT INTO log VALUES ('x', 1, 2), ('x', 1, 2), ('X', 1, 2), (NULL, NULL, NULL), ('x ', 1, '2')";
    let target = "
        INSERT INTO region VALUES (1, 'north'), (9, 'gone');
        INSERT INTO customer (id, region, name, photo, score, height, born, seen) VALUES
            (1, 9, 'änne', x'00fe', '5.5', 1.5, '2000-02-28', 'kept'),
            (2, 1, 'BOB', x'01', 9007199254740992, 1, 'never', 'kept'),
            (7, 9, 'nobody', NULL, NULL, NULL, NULL, 'goes');
        INSERT INTO item VALUES (1, 'Key', 'A'), (7, 'x', 'y');
        INSERT INTO tree VALUES (1, 1), (2, 5), (5, 2);
        INSERT INTO log VALUES ('x', 1, 2), ('x', 1, 2), ('x', 1, 2), ('x ', 1, 2), (NULL, NULL, NULL), (NULL, NULL, NULL)";
    let (mut source, mut target) = (open(source).await, open(target).await);
    let (script, summary) = repair(&mut source, &mut target).await;
    assert_eq!(summary.not_repaired, 0, "{script}");
    // What was not compared is as it was, and only there.
    let kept = sqlx::query("SELECT id FROM customer WHERE seen = 'kept' ORDER BY id").fetch_all(&mut target).await;
    assert_eq!(kept.unwrap().iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [1, 2]);
}

#[tokio::test]
async fn a_row_that_changed_since_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = open("INSERT INTO region VALUES (1, 'a'), (2, 'b')").await;
    let plan = plan_of(tables().remove(2));
    let row = |id, name: &str| vec![Value::Int(id), crate::build::text(name)];
    let rows = [changed(&[1], row(1, "new"), row(1, "a")), changed(&[1], row(2, "new"), row(2, "b"))];
    let outcome = write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
    let server = server(Engine::Sqlite, Flavor::Original, "3", "shop.db");
    summary::write(folder.path(), &run(server.clone(), server, vec![outcome])).unwrap();
    let mut script = Vec::new();
    repair_sql(folder.path(), &mut script).unwrap();
    execute(&mut target, "UPDATE region SET name = 'A' WHERE id = 1").await;
    execute(&mut target, &String::from_utf8(script).unwrap()).await;
    assert_eq!(read(&mut target, &plan).await, [row(1, "A"), row(2, "new")]);
}

/// A literal for any value that SQLite can hold.
fn any_literal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NULL".to_owned()),
        any::<i64>().prop_map(|v| if v == i64::MIN { "0".to_owned() } else { v.to_string() }),
        (-3i64..4).prop_map(|v| v.to_string()),
        any::<f64>().prop_filter("NaN is NULL", |v| v.is_finite()).prop_map(|v| format!("{v:e}")),
        prop_oneof!["[aA 'é;\"\\\\\n-]{0,6}", "[0-9.e]{1,5}", ".{0,8}"].prop_map(|v: String| {
            let hex: String = v.bytes().map(|b| format!("{b:02x}")).collect();
            format!("CAST(x'{hex}' AS TEXT)")
        }),
        proptest::collection::vec(any::<u8>(), 0..5)
            .prop_map(|v| format!("x'{}'", v.iter().map(|b| format!("{b:02x}")).collect::<String>())),
    ]
}

fn any_rows() -> impl Strategy<Value = String> {
    let customers = proptest::collection::btree_map(1i64..9, proptest::collection::vec(any_literal(), 5), 0..8);
    let log = proptest::collection::vec(proptest::collection::vec(any_literal(), 3), 0..6);
    (customers, log).prop_map(|(customers, log)| {
        let customers = customers.into_iter().map(|(id, values)| {
            format!("INSERT INTO customer (id, name, photo, score, height, born) VALUES ({id}, {});", values.join(", "))
        });
        // Often twice, so that duplicates are common.
        let log = log.into_iter().map(|values| {
            let values = values.join(", ");
            format!("INSERT INTO log VALUES ({values}), ({values});")
        });
        customers.chain(log).collect()
    })
}

#[test]
fn any_two_databases_can_be_made_equal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&(any_rows(), any_rows()), |(source, target)| {
        runtime.block_on(async {
            let (mut source, mut target) = (open(&source).await, open(&target).await);
            repair(&mut source, &mut target).await;
        });
        Ok(())
    });
    tested.unwrap();
}
