//! Ranges and keys, as SQLite compares.

use switchback_engines::{Database, KeyRange, KeyValues, OwnedValue, ReadRequest, Scope, Table};

use super::{File, bytes, describe, int, read_scope, text, texts, try_read};
use switchback_engines::sqlite::Sqlite;

fn range(lower: Option<KeyValues>, upper: Option<KeyValues>) -> KeyRange {
    KeyRange { lower, upper }
}

/// The first column of what the scope finds, sorted by its text.
async fn found(db: &Sqlite, table: &Table, scope: Scope<'_>) -> Vec<String> {
    let mut found: Vec<String> = read_scope(db, table, &[0], scope)
        .await
        .into_iter()
        .map(|row| switchback_engines::display::text(&row[0]).unwrap_or_else(|| "NULL".to_owned()))
        .collect();
    found.sort();
    found
}

async fn in_range(
    db: &Sqlite,
    table: &Table,
    key: &[usize],
    lower: Option<KeyValues>,
    upper: Option<KeyValues>,
) -> Vec<String> {
    found(db, table, Scope::Range { key, range: &range(lower, upper) }).await
}

async fn of_keys(db: &Sqlite, table: &Table, key: &[usize], values: &[KeyValues]) -> Vec<String> {
    found(db, table, Scope::Keys { key, values }).await
}

#[tokio::test]
async fn integers() {
    let file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (-5), (0), (7), (9223372036854775807), (-9223372036854775808)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    assert_eq!(in_range(&db, &table, &[0], Some(vec![int(0)]), Some(vec![int(7)])).await, ["0"]);
    assert_eq!(in_range(&db, &table, &[0], Some(vec![int(i64::MAX)]), None).await, ["9223372036854775807"]);
    assert_eq!(in_range(&db, &table, &[0], None, Some(vec![int(-5)])).await, ["-9223372036854775808"]);
    assert_eq!(in_range(&db, &table, &[0], None, None).await.len(), 5);
    let keys = [vec![int(i64::MIN)], vec![int(7)], vec![int(8)]];
    assert_eq!(of_keys(&db, &table, &[0], &keys).await, ["-9223372036854775808", "7"]);
    assert!(of_keys(&db, &table, &[0], &[]).await.is_empty());
}

#[tokio::test]
async fn text_by_its_collation() {
    let file = File::with(
        "CREATE TABLE bin(a TEXT PRIMARY KEY); INSERT INTO bin VALUES ('a'), ('B'), ('c'), ('a '); \
         CREATE TABLE nocase(a TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO nocase VALUES ('a'), ('B'), ('c'), ('a '); \
         CREATE TABLE rtrim(a TEXT COLLATE RTRIM PRIMARY KEY); INSERT INTO rtrim VALUES ('a'), ('B'), ('c  ')",
    )
    .await;
    let db = file.open().await;
    let (bin, nocase, rtrim) =
        (describe(&db, "bin").await, describe(&db, "nocase").await, describe(&db, "rtrim").await);
    let b = || Some(vec![text("b")]);
    assert_eq!(in_range(&db, &bin, &[0], None, b()).await, ["B", "a", "a "]);
    assert_eq!(in_range(&db, &bin, &[0], b(), None).await, ["c"]);
    assert_eq!(in_range(&db, &nocase, &[0], None, b()).await, ["a", "a "]);
    assert_eq!(in_range(&db, &nocase, &[0], b(), None).await, ["B", "c"]);
    let keys = texts(&["A", "b", "c"]);
    assert_eq!(of_keys(&db, &bin, &[0], &keys).await, ["c"]);
    assert_eq!(of_keys(&db, &nocase, &[0], &keys).await, ["B", "a", "c"]);
    assert_eq!(of_keys(&db, &rtrim, &[0], &texts(&["a   ", "b", "c"])).await, ["a", "c  "]);
}

#[tokio::test]
async fn composite_keys_with_collations() {
    let file = File::with(
        "CREATE TABLE t(id INT, a TEXT COLLATE NOCASE, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID; \
         INSERT INTO t VALUES (1, 'x', 1), (2, 'X', 2), (3, 'y', 1), (4, 'Y', 9), (5, 'z', 0)",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let key = [1, 2];
    let at = |a: &str, b| Some(vec![text(a), int(b)]);
    assert_eq!(in_range(&db, &table, &key, None, at("X", 2)).await, ["1"]);
    assert_eq!(in_range(&db, &table, &key, at("x", 2), at("y", 9)).await, ["2", "3"]);
    assert_eq!(in_range(&db, &table, &key, at("Y", 9), None).await, ["4", "5"]);
    let keys = [vec![text("X"), int(1)], vec![text("y"), int(9)], vec![text("z"), int(1)]];
    assert_eq!(of_keys(&db, &table, &key, &keys).await, ["1", "4"]);
}

#[tokio::test]
async fn blobs_and_mixed_classes() {
    let file = File::with(
        "CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID; \
         INSERT INTO t VALUES (1), (1.5), ('1'), ('a'), ('a' || char(0) || 'b'), (x''), (x'00'), (x'61'), (x'FF')",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let at = |v: OwnedValue| Some(vec![v]);
    assert_eq!(in_range(&db, &table, &[0], None, at(text(""))).await, ["1", "1.5"]);
    assert_eq!(in_range(&db, &table, &[0], at(text("a\0")), at(bytes(b"\0"))).await, ["\\x", "a\0b"]);
    assert_eq!(in_range(&db, &table, &[0], at(bytes(b"a")), None).await, ["\\x61", "\\xff"]);
    let keys = [vec![int(1)], vec![text("a\0b")], vec![bytes(b"a")], vec![bytes(b"")]];
    assert_eq!(of_keys(&db, &table, &[0], &keys).await, ["1", "\\x", "\\x61", "a\0b"]);
}

#[tokio::test]
async fn a_row_with_null_in_its_key_is_in_one_range() {
    let file = File::with(
        "CREATE TABLE t(id INT, a TEXT, b INT, PRIMARY KEY (a, b)); \
         INSERT INTO t VALUES (1, NULL, 1), (2, NULL, 1), (3, 'm', NULL), (4, 'a', 1), (5, 'm', 1), (6, 'z', NULL), (7, 'z', 1)",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let key = [1, 2];
    let (middle, last) = (vec![text("m"), int(1)], vec![text("z"), int(1)]);
    assert_eq!(in_range(&db, &table, &key, None, Some(middle.clone())).await, ["1", "2", "3", "4", "6"]);
    assert_eq!(in_range(&db, &table, &key, Some(middle), Some(last.clone())).await, ["5"]);
    assert_eq!(in_range(&db, &table, &key, Some(last), None).await, ["7"]);
}

#[tokio::test]
async fn a_filter_with_an_or_stays_one_condition() {
    let file = File::with(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'x'), (4, NULL)",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let filter = Some("b = 'x' OR b IS NULL");
    let range = range(Some(vec![int(2)]), None);
    let scope = Scope::Range { key: &[0], range: &range };
    let request = ReadRequest { table: &table, columns: &[0], scope, filter };
    let (_, rows) = try_read(&db, request).await.unwrap();
    assert_eq!(rows, [[int(3)], [int(4)]]);
    assert_eq!(db.count(&table, filter).await.unwrap(), 3);
    assert_eq!(db.count(&table, None).await.unwrap(), 4);
    // A filter may name the table.
    assert_eq!(db.count(&table, Some("t.a > 1")).await.unwrap(), 3);
}

#[tokio::test]
async fn many_keys_at_once() {
    let file = File::with(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b INT, UNIQUE (b, a)); \
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, -i FROM n",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let ones: Vec<KeyValues> = (0..10_000).map(|i| vec![int(i * 2)]).collect();
    assert_eq!(of_keys(&db, &table, &[0], &ones).await.len(), 9_999);
    let pairs: Vec<KeyValues> = (0..10_000).map(|i| vec![int(-i * 2), int(i * 2)]).collect();
    assert_eq!(of_keys(&db, &table, &[1, 0], &pairs).await.len(), 9_999);
}
