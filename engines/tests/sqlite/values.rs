//! Values: each storage class in each declared type, and the odd ones.

use proptest::prelude::*;
use sqlx::AssertSqlSafe;
use switchback_engines::canon::{Rule, encode};
use switchback_engines::{Column, Engine, Error, Logical, OwnedValue, ReadRequest, Scope, sql};

use super::{File, bytes, chain, describe, int, read_all, text, try_read};

const DECLARED: [&str; 16] = [
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
    "TIME",
    "VARBINARY(4)",
    "INT",
];

/// What SQLite's affinity makes of the values that the test stores: the rules
/// of sqlite.org/datatype3.html, spelled out once more and independently.
fn stored(declared: &str, value: &OwnedValue) -> OwnedValue {
    match (declared, value) {
        ("TEXT" | "VARCHAR(3)", OwnedValue::Int(v)) => text(&v.to_string()),
        ("TEXT" | "VARCHAR(3)", OwnedValue::F64(_)) => text("1.5"),
        ("REAL", OwnedValue::Int(v)) => OwnedValue::F64(*v as f64),
        _ => value.clone(),
    }
}

#[tokio::test]
async fn every_storage_class_survives_in_every_declared_type() {
    let mut file = File::with("").await;
    let values =
        [OwnedValue::Null, int(7), OwnedValue::F64(1.5), text("abc"), bytes(b"\x00\xFF"), text(""), bytes(b"")];
    for (i, declared) in DECLARED.iter().enumerate() {
        file.run(&format!("CREATE TABLE t{i}(v {declared})")).await;
        for value in &values {
            let insert = sqlx::query(AssertSqlSafe(format!("INSERT INTO t{i} VALUES (?1)")));
            let insert = match value {
                OwnedValue::Null => insert.bind(None::<i64>),
                OwnedValue::Int(v) => insert.bind(*v),
                OwnedValue::F64(v) => insert.bind(*v),
                OwnedValue::Text(v) => insert.bind(v.to_string()),
                OwnedValue::Bytes(v) => insert.bind(v.to_vec()),
                other => panic!("no storage class: {other:?}"),
            };
            insert.execute(&mut file.writer).await.unwrap();
        }
    }
    let db = file.open().await;
    for (i, declared) in DECLARED.iter().enumerate() {
        let expected: Vec<_> = values.iter().map(|value| vec![stored(declared, value)]).collect();
        assert_eq!(read_all(&db, &format!("t{i}")).await, expected, "{declared:?}");
    }
}

#[tokio::test]
async fn text_in_a_column_of_numbers_equals_no_number() {
    let file =
        File::with("CREATE TABLE t(v INTEGER); INSERT INTO t VALUES ('abc'), (''), ('0x0'), (0), ('12'), (12)").await;
    let rows = read_all(&file.open().await, "t").await;
    assert_eq!(rows, [[text("abc")], [text("")], [text("0x0")], [int(0)], [int(12)], [int(12)]]);
    let cell = |value: &OwnedValue| {
        let mut out = Vec::new();
        encode(&Rule::Number, value, &mut out);
        out
    };
    for text in &rows[..3] {
        assert_ne!(cell(&text[0]), cell(&rows[3][0]));
    }
    assert_eq!(cell(&rows[4][0]), cell(&rows[5][0]));
}

#[tokio::test]
async fn the_ends_of_the_numbers() {
    let mut file = File::with("CREATE TABLE t(i INTEGER, r REAL, n)").await;
    file.run(
        "INSERT INTO t VALUES (9223372036854775807, 1e999, 9007199254740993), \
         (-9223372036854775808, -1e999, 5e-324), (NULL, 9223372036854775807, 1e400)",
    )
    .await;
    for v in [f64::NAN, -0.0] {
        sqlx::query("INSERT INTO t VALUES (?1, ?1, ?1)").bind(v).execute(&mut file.writer).await.unwrap();
    }
    let rows = read_all(&file.open().await, "t").await;
    let real = OwnedValue::F64;
    assert_eq!(rows[0], [int(i64::MAX), real(f64::INFINITY), int(9_007_199_254_740_993)]);
    assert_eq!(rows[1], [int(i64::MIN), real(f64::NEG_INFINITY), real(5e-324)]);
    assert_eq!(rows[2], [OwnedValue::Null, real(9.223_372_036_854_776e18), real(f64::INFINITY)]);
    // SQLite has no NaN; minus zero is an integer to it wherever it may be one.
    assert_eq!(rows[3], [OwnedValue::Null, OwnedValue::Null, OwnedValue::Null]);
    assert_eq!(rows[4][0], int(0));
    let OwnedValue::F64(minus_zero) = rows[4][2] else { panic!("{:?}", rows[4][2]) };
    assert_eq!(minus_zero.to_bits(), (-0.0f64).to_bits());
}

#[tokio::test]
async fn text_with_nul_survives_whole() {
    let mut file = File::with("CREATE TABLE t(v TEXT, j JSON)").await;
    let odd = ["\0", "a\0b", "\0\0", "ends\0", "e\u{301}", "😀", "line\r\n\tend "];
    for v in odd {
        sqlx::query("INSERT INTO t VALUES (?1, ?1)").bind(v).execute(&mut file.writer).await.unwrap();
    }
    let rows = read_all(&file.open().await, "t").await;
    for (row, v) in rows.iter().zip(odd) {
        assert_eq!(row, &[text(v), OwnedValue::Json(v.to_owned().into())]);
    }
}

#[tokio::test]
async fn json_text_is_json_and_jsonb_stays_bytes() {
    let file =
        File::with("CREATE TABLE t(j JSON); INSERT INTO t VALUES ('{\"a\": 1}'), (jsonb('{\"a\": 1}')), (1)").await;
    let rows = read_all(&file.open().await, "t").await;
    assert_eq!(rows[0], [OwnedValue::Json("{\"a\": 1}".into())]);
    assert!(matches!(rows[1][0], OwnedValue::Bytes(_)));
    assert_eq!(rows[2], [int(1)]);
}

#[tokio::test]
async fn invalid_text_is_an_error_that_names_table_and_column() {
    let file = File::with("CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes VALUES (1, 'fine'), (2, CAST(x'61FF62' AS TEXT))").await;
    let db = file.open().await;
    let table = describe(&db, "notes").await;
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
    let error = try_read(&db, request.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{}", chain(&error));
    assert_eq!(error.to_string(), "`notes`.`body`: a text is not valid UTF-8");
    // The bad row alone is to blame.
    let (_, rows) = try_read(&db, ReadRequest { filter: Some("id = 1"), ..request }).await.unwrap();
    assert_eq!(rows, [[int(1), text("fine")]]);
}

#[tokio::test]
async fn a_file_in_utf16_is_read_exactly() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let mut file = File::with(&format!("PRAGMA encoding = '{encoding}'; CREATE TABLE t(v)")).await;
        let values = [text("a\0é😀"), text(""), bytes(b"a"), int(1), OwnedValue::Null, OwnedValue::F64(0.5)];
        sqlx::query("INSERT INTO t VALUES (?1), (''), (x'61'), (1), (NULL), (0.5)")
            .bind("a\0é😀")
            .execute(&mut file.writer)
            .await
            .unwrap();
        let db = file.open().await;
        assert_eq!(read_all(&db, "t").await, values.map(|v| [v]), "{encoding}");

        // SQLite itself would make U+10061 of both a lone surrogate before `a`
        // and of the pair that means it.
        let lone = if encoding == "UTF-16le" { "00D86100" } else { "D8000061" };
        file.run(&format!("DELETE FROM t; INSERT INTO t VALUES (CAST(x'{lone}' AS TEXT))")).await;
        let table = describe(&db, "t").await;
        let request = ReadRequest { table: &table, columns: &[0], scope: Scope::All, filter: None };
        let error = try_read(&db, request).await.unwrap_err();
        assert_eq!(error.to_string(), "`t`.`v`: a text is not valid UTF-16", "{encoding}");
    }
}

#[tokio::test]
async fn large_values_and_no_columns() {
    let file = File::with("CREATE TABLE t(a BLOB, b TEXT); INSERT INTO t VALUES (randomblob(5000000), hex(randomblob(1500000))), (x'', '')").await;
    let db = file.open().await;
    let rows = read_all(&db, "t").await;
    assert!(matches!(&rows[0][0], OwnedValue::Bytes(v) if v.len() == 5_000_000));
    assert!(matches!(&rows[0][1], OwnedValue::Text(v) if v.len() == 3_000_000));
    let table = describe(&db, "t").await;
    let request = ReadRequest { table: &table, columns: &[], scope: Scope::All, filter: None };
    let (sent, rows) = try_read(&db, request).await.unwrap();
    assert_eq!((sent, rows.len()), (2, 2));
}

#[tokio::test]
async fn columns_come_in_the_order_asked_for() {
    let file = File::with(
        "CREATE TABLE \"odd \"\"name\"(a, \"b \"\"b\", c AS (a + 1)); INSERT INTO \"odd \"\"name\" VALUES (1, 2)",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "odd \"name").await;
    let request = ReadRequest { table: &table, columns: &[2, 0, 1, 0], scope: Scope::All, filter: None };
    let (_, rows) = try_read(&db, request).await.unwrap();
    assert_eq!(rows, [[int(2), int(1), int(2), int(1)]]);
    let beyond = ReadRequest { table: &table, columns: &[3], scope: Scope::All, filter: None };
    assert!(try_read(&db, beyond).await.is_err());
}

fn any_value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        any::<i64>().prop_map(OwnedValue::Int),
        any::<u64>()
            .prop_map(|bits| OwnedValue::F64(f64::from_bits(bits)))
            .prop_filter("SQLite has no NaN", |v| { !matches!(v, OwnedValue::F64(v) if v.is_nan()) }),
        "[a-z'\\\\\u{0}\u{1}é😀\"]{0,9}".prop_map(|v| text(&v)),
        any::<Vec<u8>>().prop_map(|v| bytes(&v)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Ranges and lookups are asked for with literals: each must mean exactly
    /// its value, in either encoding of a file.
    #[test]
    fn literals_mean_their_values(values in proptest::collection::vec(any_value(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async {
            let column = Column {
                name: "v".to_owned(),
                native: String::new(),
                logical: Some(Logical::Text { chars_max: None }),
                nullable: true,
                generated: false,
                collation: None,
            };
            let literals: Vec<String> =
                values.iter().map(|v| format!("({})", sql::literal(Engine::Sqlite, &column, v))).collect();
            let create = format!("CREATE TABLE t(v); INSERT INTO t VALUES {}", literals.join(", "));
            let mut read = Vec::new();
            for encoding in ["UTF-8", "UTF-16le"] {
                let file = File::with(&format!("PRAGMA encoding = '{encoding}'; {create}")).await;
                read.push(read_all(&file.open().await, "t").await);
            }
            read
        });
        for read in read {
            prop_assert_eq!(read.into_iter().flatten().collect::<Vec<_>>(), values.clone());
        }
    }
}
