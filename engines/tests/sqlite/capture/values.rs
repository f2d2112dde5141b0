//! What a log holds is what a read gives.

use sqlx::AssertSqlSafe;
use switchback_engines::{Change, Error, OwnedValue};

use super::super::{bytes, chain, int, read_all, text};
use super::{File, arm, changes, same, whole};

const DECLARED: [&str; 18] = [
    "INTEGER",
    "TEXT",
    "BLOB",
    "REAL",
    "NUMERIC",
    "",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "TIMESTAMPTZ",
    "UUID",
    "VARCHAR(3)",
    "DECIMAL(10,2)",
    "JSON",
    "JSONB",
    "DOUBLE",
    "INT",
    "TEXT COLLATE NOCASE",
];

fn values() -> Vec<OwnedValue> {
    let mut values =
        vec![OwnedValue::Null, text(""), text("abc"), text("a\0b\0"), text("é😀"), text("12"), text("1e3")];
    values.extend([text("{\"a\": 1}"), text(" 5 "), bytes(b""), bytes(b"12"), bytes(b"\x00\xFF")]);
    values.extend([i64::MIN, -1, 0, 1, 1 << 53, (1 << 53) + 1, i64::MAX].map(int));
    values.extend(
        [0.0, -0.0, 1.0, 1.5, 0.1, 5e-324, -1e300, f64::INFINITY, f64::NEG_INFINITY, 9.007_199_254_740_993e15, 1e15]
            .map(OwnedValue::F64),
    );
    values
}

async fn store(file: &mut File, sql: &str, value: &OwnedValue) {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    let query = match value {
        OwnedValue::Null => query.bind(None::<i64>),
        OwnedValue::Int(v) => query.bind(*v),
        OwnedValue::F64(v) => query.bind(*v),
        OwnedValue::Text(v) => query.bind(v.to_string()),
        OwnedValue::Bytes(v) => query.bind(v.to_vec()),
        other => panic!("no storage class: {other:?}"),
    };
    query.execute(&mut file.writer).await.unwrap();
}

/// Each value through each declared type: inserted, put in place of the next
/// one, replaced, and deleted. Every image is compared with a read of the table.
#[tokio::test]
async fn every_storage_class_in_every_declared_type_arrives_as_it_is_read() {
    let columns: Vec<String> = DECLARED.iter().enumerate().map(|(i, declared)| format!("c{i} {declared}")).collect();
    let names: Vec<String> = (0..DECLARED.len()).map(|i| format!("c{i}")).collect();
    let set: Vec<String> = names.iter().map(|name| format!("{name} = ?1")).collect();
    let places = vec!["?1"; DECLARED.len()].join(", ");
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        let mut file = File::with(&format!(
            "PRAGMA encoding = '{encoding}'; CREATE TABLE t(id INTEGER PRIMARY KEY, {})",
            columns.join(", ")
        ))
        .await;
        let stream = arm(&file, &["t"]).await;
        let values = values();
        for value in &values {
            store(&mut file, &format!("INSERT INTO t({}) VALUES ({places})", names.join(", ")), value).await;
        }
        let inserted = read_all(&file.open().await, "t").await;
        for (i, value) in values.iter().rev().enumerate() {
            store(&mut file, &format!("UPDATE t SET {} WHERE id = {}", set.join(", "), i + 1), value).await;
        }
        let updated = read_all(&file.open().await, "t").await;
        file.run("REPLACE INTO t(id) SELECT id FROM t").await;
        let groups = stream.all(&mut file).await;
        let mut events = changes(&groups).into_iter();
        let at = |row: &[OwnedValue], image: &switchback_engines::Image| {
            assert!(same(row, &whole(image)), "{encoding}\n read: {row:?}\n  log: {:?}", whole(image));
        };
        for row in &inserted {
            let Some(Change::Insert { new, .. }) = events.next() else { panic!() };
            at(row, &new);
        }
        for (was, is) in inserted.iter().zip(&updated) {
            let Some(Change::Update { old: Some(old), new, .. }) = events.next() else { panic!() };
            at(was, &old);
            at(is, &new);
        }
        for row in &updated {
            let Some(Change::Delete { old, .. }) = events.next() else { panic!() };
            at(row, &old);
            assert!(matches!(events.next(), Some(Change::Insert { .. })));
        }
        assert_eq!(events.next(), None);
    }
}

#[tokio::test]
async fn strict_tables_and_large_values() {
    let mut file = File::with(
        "CREATE TABLE t(i INT, r REAL, x TEXT, b BLOB, a ANY) STRICT; CREATE TABLE big(id INTEGER PRIMARY KEY, b)",
    )
    .await;
    let stream = arm(&file, &["t", "big"]).await;
    file.run("INSERT INTO t VALUES (1, 2, 'x', x'00', '007'), (NULL, -0.0, NULL, NULL, -0.0)").await;
    file.run("INSERT INTO big VALUES (1, randomblob(9000000)), (2, randomblob(9000000)), (3, zeroblob(3))").await;
    let db = file.open().await;
    let rows: Vec<_> = read_all(&db, "t").await.into_iter().chain(read_all(&db, "big").await).collect();
    let events = changes(&stream.all(&mut file).await);
    assert_eq!(events.len(), rows.len());
    for (event, row) in events.iter().zip(&rows) {
        let Change::Insert { new, .. } = event else { panic!() };
        assert!(same(&whole(new), row));
    }
}

#[tokio::test]
async fn text_that_is_none_is_an_error_and_stays_one() {
    for (encoding, broken) in [("UTF-8", "61FF62"), ("UTF-16le", "00D86100")] {
        let mut file = File::with(&format!(
            "PRAGMA encoding = '{encoding}'; CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)"
        ))
        .await;
        let stream = arm(&file, &["notes"]).await;
        file.run(&format!("INSERT INTO notes VALUES (1, 'fine'), (2, CAST(x'{broken}' AS TEXT)), (3, 'fine')")).await;
        let mut capture = stream.start().await;
        for _ in 0..2 {
            let error = capture.next().await.unwrap_err();
            assert!(matches!(error, Error::Decode { .. }), "{}", chain(&error));
            assert!(error.to_string().starts_with("`notes`.`body`: a text is not valid UTF-"), "{error}");
        }
    }
}
