//! What is captured is what a read gives, for every type.

use switchback_engines::value::OwnedValue;
use switchback_engines::{CaptureFault, Change, Endpoint as _, Scope, Table, Value, display};
use switchback_fixtures::Side;

use super::super::{nested, types};
use super::{Fixture, Stream, chain, fault, on_both_versions, request, rows, transactions, whole};

on_both_versions!(
    every_type_is_captured_as_it_is_read,
    the_names_of_objects_are_refused,
    values_stored_apart_and_left_alone_are_absent,
    only_the_identity_is_known_of_a_row_before,
    generated_columns_are_left_out,
);

/// In the order of their first column.
async fn sorted(stream: &Stream, table: &Table) -> Vec<Vec<OwnedValue>> {
    let mut rows = rows(&stream.fixture.postgres, table, Scope::All).await.expect("rows");
    rows.sort_by_key(|row| display::text(&row[0]).and_then(|id| id.parse::<i64>().ok()));
    rows
}

/// NaN is not equal to itself, and -0.0 is equal to 0.0.
fn same<T: std::fmt::Debug>(what: &str, a: &T, b: &T) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"), "{what}");
}

async fn every_type_is_captured_as_it_is_read(side: Side) {
    let mut cases = types::literals();
    cases.extend(nested::literals());
    cases.push(("real", vec!["NaN", "-0"]));
    cases.push(("double precision", vec!["NaN", "-0"]));
    cases.push(("money", vec!["12.50", "-92233720368547758.08", "92233720368547758.07"]));
    cases.push(("numeric", vec!["1e131071", "-1e-16383", "NaN", "-Infinity", "0.000"]));
    let mut schema = nested::TYPES.to_owned();
    let mut insert = String::new();
    let mut tables = Vec::new();
    let mut made = std::collections::HashSet::new();
    for (i, (native, literals)) in cases.iter().enumerate() {
        made.insert(*native);
        schema.push_str(&format!("CREATE DOMAIN d{i} AS {native};"));
        schema.push_str(&format!("CREATE TABLE t{i} (id int, v {native}, d d{i}, CONSTRAINT t{i}_k UNIQUE (id));"));
        let rows: Vec<String> = literals
            .iter()
            .enumerate()
            .map(|(id, literal)| format!("({id}, '{0}', '{0}')", literal.replace('\'', "''")))
            .chain([format!("({}, NULL, NULL)", literals.len())])
            .collect();
        insert.push_str(&format!("INSERT INTO t{i} VALUES {};\n", rows.join(", ")));
        tables.push(format!("t{i}"));
    }
    assert!(made.len() > 70, "only {} types", made.len());
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let stream = Stream::new(side, "every", &schema, &names).await;

    stream.execute(&insert).await;
    let mut before = Vec::new();
    for table in &stream.request.tables {
        before.push(sorted(&stream, table).await);
    }
    for table in &tables {
        stream.execute(&format!("UPDATE {table} SET id = id + 1000")).await;
    }
    let mut after = Vec::new();
    for table in &stream.request.tables {
        after.push(sorted(&stream, table).await);
    }
    for table in &tables {
        stream.execute(&format!("DELETE FROM {table}")).await;
    }

    let transactions = transactions(&stream.all().await);
    assert_eq!(transactions.len(), 1 + 2 * tables.len());
    let mut inserted = transactions[0].iter();
    for (i, (table, (native, _))) in stream.request.tables.iter().zip(&cases).enumerate() {
        let name = format!("{} {native}", table.name);
        for row in &before[i] {
            let expected = Change::Insert { table: i, new: whole(row.clone()) };
            same(&name, inserted.next().expect("an insert"), &expected);
        }
        let of = |rows: &[Vec<OwnedValue>]| rows.iter().cloned().map(whole).collect::<Vec<_>>();
        let updates: Vec<Change> = of(&before[i])
            .into_iter()
            .zip(of(&after[i]))
            .map(|(old, new)| Change::Update { table: i, old: Some(old), new })
            .collect();
        same(&name, &transactions[1 + i], &updates);
        let deletes: Vec<Change> = of(&after[i]).into_iter().map(|old| Change::Delete { table: i, old }).collect();
        same(&name, &transactions[1 + tables.len() + i], &deletes);
    }
    assert!(inserted.next().is_none());
    stream.done().await;
}

async fn the_names_of_objects_are_refused(side: Side) {
    let fixture = Fixture::new(
        side,
        "objects",
        "CREATE TABLE a (id int PRIMARY KEY, v regclass); CREATE TABLE b (id int PRIMARY KEY, v regtype[])",
    )
    .await;
    for table in ["a", "b"] {
        let error = fixture.postgres.arm(&request(&fixture, &[table]).await).await.expect_err("a refusal");
        assert_eq!(fault(&error), CaptureFault::Unfaithful);
        assert!(chain(&error).contains("`v` is of the type reg"), "{}", chain(&error));
    }
}

async fn values_stored_apart_and_left_alone_are_absent(side: Side) {
    let sql = "CREATE TABLE t (id int PRIMARY KEY, v text, n int);
        ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
        INSERT INTO t VALUES (1, repeat('x', 100000), 1)";
    let stream = Stream::new(side, "toast", sql, &["t"]).await;
    stream.execute("UPDATE t SET n = 2").await;
    stream.execute("UPDATE t SET v = v || 'y', n = 3").await;
    stream.execute("UPDATE t SET v = NULL").await;
    let all: Vec<Change> = transactions(&stream.all().await).into_iter().flatten().collect();
    let update = |v: Option<OwnedValue>, n| Change::Update {
        table: 0,
        old: None,
        new: vec![Some(Value::Int(1)), v, Some(Value::Int(n))],
    };
    let long = Value::Text(format!("{}y", "x".repeat(100_000)).into());
    assert_eq!(all, [update(None, 2), update(Some(long), 3), update(Some(Value::Null), 3)]);
    stream.done().await;
}

async fn only_the_identity_is_known_of_a_row_before(side: Side) {
    let sql = "CREATE TABLE t (v text, b int, a int, PRIMARY KEY (a, b));
        CREATE TABLE f (v text, id int PRIMARY KEY); ALTER TABLE f REPLICA IDENTITY FULL;
        CREATE TABLE i (v text, id int NOT NULL, k int PRIMARY KEY); CREATE UNIQUE INDEX i_id ON i (id);
        ALTER TABLE i REPLICA IDENTITY USING INDEX i_id;
        INSERT INTO t VALUES ('x', 1, 2); INSERT INTO f VALUES ('x', 1); INSERT INTO i VALUES ('x', 1, 2)";
    let stream = Stream::new(side, "identity", sql, &["t", "f", "i"]).await;
    assert!(!stream.armed.done.iter().any(|done| done.contains("IDENTITY")), "{:?}", stream.armed.done);
    for statement in ["UPDATE t SET v = 'y'", "UPDATE t SET a = 3", "DELETE FROM t"] {
        stream.execute(statement).await;
    }
    for statement in ["UPDATE f SET v = 'y'", "DELETE FROM f", "UPDATE i SET id = 5", "DELETE FROM i"] {
        stream.execute(statement).await;
    }
    let all: Vec<Change> = transactions(&stream.all().await).into_iter().flatten().collect();
    let (int, text) = (|v| Some(Value::Int(v)), |v: &'static str| Some(Value::Text(v.into())));
    let expected = [
        Change::Update { table: 0, old: None, new: vec![text("y"), int(1), int(2)] },
        Change::Update { table: 0, old: Some(vec![None, int(1), int(2)]), new: vec![text("y"), int(1), int(3)] },
        Change::Delete { table: 0, old: vec![None, int(1), int(3)] },
        Change::Update { table: 1, old: Some(vec![text("x"), int(1)]), new: vec![text("y"), int(1)] },
        Change::Delete { table: 1, old: vec![text("y"), int(1)] },
        Change::Update { table: 2, old: Some(vec![None, int(1), None]), new: vec![text("x"), int(5), int(2)] },
        Change::Delete { table: 2, old: vec![None, int(5), None] },
    ];
    assert_eq!(all, expected);
    stream.done().await;
}

async fn generated_columns_are_left_out(side: Side) {
    let sql = "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a + 1) STORED, gone int, b int PRIMARY KEY,
        i int GENERATED ALWAYS AS IDENTITY); ALTER TABLE t DROP gone";
    let stream = Stream::new(side, "generated", sql, &["t"]).await;
    stream.execute("INSERT INTO t VALUES (1, DEFAULT, 2)").await;
    let all: Vec<Change> = transactions(&stream.all().await).into_iter().flatten().collect();
    let new = whole(vec![Value::Int(1), Value::Int(2), Value::Int(1)]);
    assert_eq!(all, [Change::Insert { table: 0, new }]);
    stream.done().await;
}
