//! Boundaries and ranks.

use proptest::prelude::*;
use switchback_engines::sqlite::Sqlite;
use switchback_engines::{Database, KeyRange, KeyValues, OwnedValue, Scope, Table};

use super::{File, Rows, bytes, chain, describe, int, read_all, read_scope, text, texts};

/// The ranges between the boundaries, the open ends included.
fn ranges(keys: &[KeyValues]) -> Vec<KeyRange> {
    let lowers = std::iter::once(None).chain(keys.iter().cloned().map(Some));
    let uppers = keys.iter().cloned().map(Some).chain(std::iter::once(None));
    lowers.zip(uppers).map(|(lower, upper)| KeyRange { lower, upper }).collect()
}

/// Reads each range and returns its number of rows, having checked that all of
/// them together are the table, each row once.
async fn covered(db: &Sqlite, table: &Table, key: &[usize], rows_per_range: u64) -> Vec<usize> {
    let keys = db.split_keys(table, key, rows_per_range).await.unwrap();
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let mut all = Rows::new();
    let mut sizes = Vec::new();
    for range in ranges(&keys) {
        let rows = read_scope(db, table, &columns, Scope::Range { key, range: &range }).await;
        sizes.push(rows.len());
        all.extend(rows);
    }
    let sorted = |mut rows: Rows| {
        rows.sort_by_key(|row| format!("{row:?}"));
        rows
    };
    assert_eq!(sorted(all), sorted(read_all(db, &table.name.name).await), "{keys:?}");
    let ranks = db.rank_keys(table, key, &keys).await.unwrap();
    assert!(ranks.is_sorted_by(|a, b| a < b), "ascending and distinct to the server: {keys:?}");
    sizes
}

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";

#[tokio::test]
async fn ranges_are_even_and_complete() {
    let tables = [
        ("rowid", "a INTEGER PRIMARY KEY", "i * 1000", ""),
        ("texts", "a TEXT PRIMARY KEY", "'k' || i", ""),
        ("nocase", "a TEXT COLLATE NOCASE PRIMARY KEY", "iif(i % 2, 'K', 'k') || i", ""),
        ("reals", "a REAL PRIMARY KEY", "i / 7.0", ""),
        ("blobs", "a BLOB PRIMARY KEY", "randomblob(16)", ""),
        ("descending", "a INTEGER PRIMARY KEY DESC", "i", ""),
        ("no_rowid", "a TEXT PRIMARY KEY", "'k' || i", "WITHOUT ROWID"),
        ("dates", "a DATE PRIMARY KEY", "date('2024-01-01', '+' || i || ' days')", ""),
    ];
    let mut file = File::with("").await;
    for (name, column, value, suffix) in tables {
        file.run(&format!(
            "CREATE TABLE {name}({column}, b TEXT) {suffix}; {NUMBERS} INSERT INTO {name} SELECT {value}, 'x' FROM n"
        ))
        .await;
    }
    let db = file.open().await;
    for (name, ..) in tables {
        let table = describe(&db, name).await;
        assert_eq!(covered(&db, &table, &[0], 300).await, [300, 300, 300, 100], "{name}");
        assert_eq!(covered(&db, &table, &[0], 999).await, [999, 1], "{name}");
        assert_eq!(covered(&db, &table, &[0], 1000).await, [1000], "{name}");
        assert_eq!(covered(&db, &table, &[0], u64::MAX).await, [1000], "{name}");
        assert_eq!(covered(&db, &table, &[0], 1).await.len(), 1000, "{name}");
    }
}

#[tokio::test]
async fn composite_keys_are_cut_within_their_first_column() {
    let file = File::with(&format!(
        "CREATE TABLE t(b INT, a TEXT COLLATE NOCASE, c BLOB, PRIMARY KEY (a, b)); \
         {NUMBERS} INSERT INTO t SELECT i, iif(i % 3, 'x', 'Y'), randomblob(3) FROM n; \
         INSERT INTO t VALUES (NULL, 'x', NULL), (1, NULL, NULL), (NULL, NULL, NULL)"
    ))
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    // The three rows without a whole key are in the first range, uncounted.
    assert_eq!(covered(&db, &table, &[1, 0], 400).await, [403, 400, 200]);
}

#[tokio::test]
async fn rows_with_null_keys_are_read_once() {
    let file = File::with(&format!(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b INT); {NUMBERS} INSERT INTO t SELECT iif(i % 2, NULL, 'k' || i), i FROM n"
    ))
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    assert_eq!(covered(&db, &table, &[0], 100).await, [600, 100, 100, 100, 100]);
}

#[tokio::test]
async fn columns_without_a_key_are_cut_too() {
    let file = File::with(&format!(
        "CREATE TABLE t(a TEXT COLLATE NOCASE, b INT); {NUMBERS} INSERT INTO t SELECT iif(i % 2, 'k', 'K') || (i % 5), i FROM n; \
         INSERT INTO t VALUES (NULL, 0); CREATE TABLE same(a INT); {NUMBERS} INSERT INTO same SELECT 7 FROM n"
    ))
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    // Five keys of 200 rows each: the boundary lies where the key changes.
    assert_eq!(covered(&db, &table, &[0], 300).await, [201, 400, 200, 200]);
    assert_eq!(covered(&db, &table, &[1, 0], 300).await, [301, 300, 300, 100]);
    assert_eq!(covered(&db, &describe(&db, "same").await, &[0], 10).await, [0, 1000]);
}

#[tokio::test]
async fn a_small_or_empty_table_has_no_boundaries() {
    let file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY); CREATE TABLE u(a INT)").await;
    let db = file.open().await;
    for name in ["t", "u"] {
        let table = describe(&db, name).await;
        assert!(db.split_keys(&table, &[0], 0).await.unwrap().is_empty());
        assert!(db.split_keys(&table, &[], 10).await.unwrap().is_empty());
        assert!(db.split_keys(&table, &[5], 10).await.is_err());
    }
}

#[tokio::test]
async fn a_key_that_is_no_valid_text_is_named() {
    let file =
        File::with("CREATE TABLE t(a TEXT PRIMARY KEY); INSERT INTO t VALUES ('a'), (CAST(x'FF' AS TEXT))").await;
    let db = file.open().await;
    let error = db.split_keys(&describe(&db, "t").await, &[0], 1).await.unwrap_err();
    assert!(chain(&error).starts_with("`t`.`a`: "), "{}", chain(&error));
}

#[tokio::test]
async fn a_file_in_utf16_is_cut_by_its_own_order() {
    let file = File::with(&format!(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a TEXT PRIMARY KEY); {NUMBERS} INSERT INTO t SELECT char(i * 60) FROM n WHERE i * 60 NOT BETWEEN 0xD800 AND 0xDFFF; \
         INSERT INTO t VALUES (char(0x1F600)), (char(0xFFFD)), ('a' || char(0))"
    ))
    .await;
    let db = file.open().await;
    let sizes = covered(&db, &describe(&db, "t").await, &[0], 10).await;
    assert!(sizes.iter().all(|&n| n <= 10), "{sizes:?}");
}

#[tokio::test]
async fn ranks_follow_the_collation() {
    let file = File::with(
        "CREATE TABLE t(bin TEXT, nocase TEXT COLLATE NOCASE, rtrim TEXT COLLATE RTRIM, i INTEGER, r REAL, d DATE, x)",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let rank = async |column: usize, keys: &[KeyValues]| db.rank_keys(&table, &[column], keys).await.unwrap();
    let keys = texts(&["b", "A", "B", "a", "a "]);
    assert_eq!(rank(0, &keys).await, [5, 1, 2, 3, 4]);
    assert_eq!(rank(1, &keys).await, [3, 1, 3, 1, 2]);
    assert_eq!(rank(2, &keys).await, [4, 1, 2, 3, 3]);
    // As a comparison with the column would: text that is a number is one.
    let mixed = [vec![text("10")], vec![int(9)], vec![text("ten")], vec![OwnedValue::F64(10.0)], vec![bytes(b"1")]];
    for numeric in [3, 4, 5] {
        assert_eq!(rank(numeric, &mixed).await, [2, 1, 3, 2, 4], "{numeric}");
    }
    assert_eq!(rank(0, &mixed[..3]).await, [1, 2, 3], "as text, 10 is before 9");
    assert_eq!(rank(6, &mixed).await, [3, 1, 4, 2, 5]);
    assert!(rank(0, &[]).await.is_empty());
}

#[tokio::test]
async fn composite_ranks() {
    let file = File::with("CREATE TABLE t(a TEXT COLLATE NOCASE, b INT, PRIMARY KEY (a, b))").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let keys: Vec<KeyValues> =
        [("b", 1), ("A", 2), ("B", 1), ("a", 10), ("a", 2)].map(|(a, b)| vec![text(a), int(b)]).to_vec();
    assert_eq!(db.rank_keys(&table, &[0, 1], &keys).await.unwrap(), [3, 1, 3, 2, 1]);
}

#[tokio::test]
async fn ten_thousand_keys_are_ranked() {
    let file = File::with("CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let keys: Vec<KeyValues> =
        (0..20_000).rev().map(|i| vec![text(&format!("{}{:05}", if i % 2 == 0 { 'k' } else { 'K' }, i / 2))]).collect();
    let ranks = db.rank_keys(&table, &[0], &keys).await.unwrap();
    assert!(ranks.iter().rev().enumerate().all(|(i, &rank)| rank == i as u64 / 2 + 1));
}

fn any_key() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        (-3i64..30).prop_map(OwnedValue::Int),
        any::<i64>().prop_map(OwnedValue::Int),
        any::<f64>().prop_map(|v| if v.is_nan() { int(0) } else { OwnedValue::F64(v) }),
        "[a-cA-C1-3 .e\u{0}é]{0,4}".prop_map(|v| text(&v)),
        proptest::collection::vec(any::<u8>(), 0..3).prop_map(|v| bytes(&v)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is in a key: boundaries taken from the table, and boundaries from
    /// elsewhere once they are ranked, cut it into ranges that hold each row once.
    #[test]
    fn any_keys_are_covered(
        values in proptest::collection::vec(any_key(), 0..60),
        foreign in proptest::collection::vec(any_key(), 0..8),
        declared in proptest::sample::select(vec!["", "TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "INT", "REAL", "NUMERIC", "BLOB COLLATE NOCASE"]),
        rows_per_range in 1u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut file = File::with(&format!("CREATE TABLE t(a {declared} UNIQUE)")).await;
            for value in values {
                let insert = sqlx::query("INSERT OR IGNORE INTO t VALUES (?1)");
                let insert = match value {
                    OwnedValue::Int(v) => insert.bind(v),
                    OwnedValue::F64(v) => insert.bind(v),
                    OwnedValue::Text(v) => insert.bind(v.into_owned()),
                    OwnedValue::Bytes(v) => insert.bind(v.into_owned()),
                    _ => insert.bind(None::<i64>),
                };
                insert.execute(&mut file.writer).await.unwrap();
            }
            let db = file.open().await;
            let table = describe(&db, "t").await;
            assert_eq!(table.unique_keys.len(), 1);
            let sizes = covered(&db, &table, &[0], rows_per_range).await;
            assert!(sizes.iter().all(|&n| n as u64 <= rows_per_range), "{sizes:?}");

            let foreign: Vec<KeyValues> = foreign.into_iter().map(|v| vec![v]).collect();
            let ranks = db.rank_keys(&table, &[0], &foreign).await.unwrap();
            let mut ranked: Vec<_> = ranks.into_iter().zip(foreign).collect();
            ranked.sort_by_key(|(rank, _)| *rank);
            ranked.dedup_by_key(|(rank, _)| *rank);
            let boundaries: Vec<KeyValues> = ranked.into_iter().map(|(_, key)| key).collect();
            let mut rows = 0;
            for range in ranges(&boundaries) {
                rows += read_scope(&db, &table, &[0], Scope::Range { key: &[0], range: &range }).await.len() as u64;
            }
            assert_eq!(rows, db.count(&table, None).await.unwrap(), "{declared}: {boundaries:?}");
        });
    }
}
