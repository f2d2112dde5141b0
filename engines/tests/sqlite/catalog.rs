//! What the catalog says of tables.

use switchback_engines::{Column, Database, ForeignKey, Key, Logical, Table, TableRef};

use super::{File, describe, named, read_all};

const INT: Logical = Logical::Int { bits: 64, unsigned: false };
const TEXT: Logical = Logical::Text { chars_max: None };

fn column(name: &str, native: &str, logical: Logical, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        native: native.to_owned(),
        logical: Some(logical),
        nullable,
        generated: false,
        collation: Some("BINARY".to_owned()),
    }
}

fn key(name: &str, columns: &[usize]) -> Key {
    Key { name: name.to_owned(), columns: columns.to_vec() }
}

async fn described(sql: &str) -> Table {
    describe(&File::with(sql).await.open().await, "t").await
}

fn nullable(table: &Table) -> Vec<bool> {
    table.columns.iter().map(|c| c.nullable).collect()
}

fn collations(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c| c.collation.as_deref().unwrap()).collect()
}

#[tokio::test]
async fn lists_base_tables_only() {
    let file = File::with(
        "CREATE TABLE b(a INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE a(a); CREATE TABLE \"Odd name\"(a); \
         CREATE TABLE sqlitelike(a); CREATE VIEW v AS SELECT * FROM a; CREATE VIRTUAL TABLE f USING fts5(x); \
         CREATE VIRTUAL TABLE r USING rtree(id, x1, x2); INSERT INTO b VALUES (1); ANALYZE",
    )
    .await;
    let db = file.open().await;
    let names: Vec<String> = db.tables().await.unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["Odd name", "a", "b", "sqlitelike"]);
    for other in ["v", "f", "r", "r_node", "missing", ""] {
        assert_eq!(db.describe(&named(other)).await.unwrap(), None, "{other}");
    }
    let elsewhere = TableRef { schema: Some("temp".to_owned()), name: "a".to_owned() };
    assert_eq!(db.describe(&elsewhere).await.unwrap(), None);
}

#[tokio::test]
async fn describes_a_table() {
    let file = File::with(
        "CREATE TABLE parent(x INT, y INT, PRIMARY KEY (x, y)); \
         CREATE TABLE Orders(id INTEGER PRIMARY KEY, code VARCHAR(16) NOT NULL UNIQUE, amount NUMERIC(12,2), \
           x INT, y INT, twice AS (amount * 2), stored INT AS (id + 1) STORED, up INT REFERENCES Orders(id), \
           FOREIGN KEY (y, x) REFERENCES parent(y, x)); \
         INSERT INTO Orders(code) VALUES ('a'), ('b')",
    )
    .await;
    let db = file.open().await;
    let table = describe(&db, "orders").await;
    assert_eq!(table.name, named("Orders"));
    let generated = |c: Column| Column { generated: true, ..c };
    assert_eq!(
        table.columns,
        [
            column("id", "INTEGER", INT, false),
            column("code", "VARCHAR(16)", Logical::Text { chars_max: Some(16) }, false),
            column("amount", "NUMERIC(12,2)", Logical::SqliteNumeric, true),
            column("x", "INT", INT, true),
            column("y", "INT", INT, true),
            generated(column("twice", "", TEXT, true)),
            generated(column("stored", "INT", INT, true)),
            column("up", "INT", INT, true),
        ]
    );
    assert_eq!(table.primary_key, Some(key("PRIMARY KEY", &[0])));
    assert_eq!(table.unique_keys, [key("sqlite_autoindex_Orders_1", &[1])]);
    let mut foreign = table.foreign_keys.clone();
    foreign.sort_by(|a, b| a.columns.cmp(&b.columns));
    let foreign_key = |columns: &[&str], parent| ForeignKey {
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        parent: named(parent),
    };
    assert_eq!(foreign, [foreign_key(&["up"], "Orders"), foreign_key(&["y", "x"], "parent")]);
    assert_eq!(table.row_estimate, 2);
    assert!(table.bytes_estimate > 0);
}

#[tokio::test]
async fn primary_keys_of_every_kind() {
    // The order of the key is not that of the table.
    let table = described("CREATE TABLE t(a TEXT, b INT NOT NULL, c INT, PRIMARY KEY (c, a))").await;
    assert_eq!(table.primary_key, Some(key("sqlite_autoindex_t_1", &[2, 0])));
    assert_eq!(nullable(&table), [true, false, true], "a primary key alone does not keep NULL out");

    let table = described("CREATE TABLE t(a TEXT, b, PRIMARY KEY (b, a)) WITHOUT ROWID").await;
    assert_eq!(table.primary_key.as_ref().unwrap().columns, [1, 0]);
    assert_eq!(nullable(&table), [false, false]);

    let table = described("CREATE TABLE t(a TEXT PRIMARY KEY, b ANY) STRICT").await;
    assert_eq!(table.primary_key.as_ref().unwrap().columns, [0]);
    assert_eq!(nullable(&table), [false, true]);
    assert_eq!(table.columns[1].logical, Some(TEXT));

    // These are no aliases of the row number, and may hold NULL.
    for declared in ["INT PRIMARY KEY", "INTEGER PRIMARY KEY DESC", "BIGINT PRIMARY KEY"] {
        let table = described(&format!("CREATE TABLE t(a {declared})")).await;
        assert_eq!(table.primary_key, Some(key("sqlite_autoindex_t_1", &[0])), "{declared}");
        assert_eq!(nullable(&table), [true], "{declared}");
    }
    for sql in ["a integer, PRIMARY KEY (a ASC)", "a \"INTEGER\" PRIMARY KEY AUTOINCREMENT"] {
        let table = described(&format!("CREATE TABLE t({sql})")).await;
        assert_eq!(table.primary_key, Some(key("PRIMARY KEY", &[0])), "{sql}");
        assert_eq!(nullable(&table), [false], "{sql}");
    }
    let table = described("CREATE TABLE t(a, b)").await;
    assert_eq!((table.primary_key, table.unique_keys.len()), (None, 0));
}

#[tokio::test]
async fn only_what_holds_for_every_row_is_a_unique_key() {
    let table = described(
        "CREATE TABLE t(a TEXT, b TEXT COLLATE NOCASE, c INT, d TEXT UNIQUE); \
         CREATE INDEX plain ON t(a); \
         CREATE UNIQUE INDEX partial ON t(a) WHERE c > 0; \
         CREATE UNIQUE INDEX expression ON t(lower(a)); \
         CREATE UNIQUE INDEX half_expression ON t(a, c + 1); \
         CREATE UNIQUE INDEX other_order ON t(a COLLATE NOCASE); \
         CREATE UNIQUE INDEX finer_order ON t(b COLLATE BINARY); \
         CREATE UNIQUE INDEX good ON t(c, b); \
         CREATE UNIQUE INDEX descending ON t(a DESC)",
    )
    .await;
    assert_eq!(table.unique_keys, [key("sqlite_autoindex_t_1", &[3]), key("good", &[2, 1]), key("descending", &[0])]);
}

#[tokio::test]
async fn collations_are_found_whatever_the_declaration_looks_like() {
    let mut file = File::with(
        "CREATE TABLE t(a TEXT COLLATE NOCASE, \"b COLLATE NOCASE\" TEXT, c INT COLLATE rtrim NOT NULL, \
         d TEXT DEFAULT ('x' COLLATE NOCASE) CHECK (d COLLATE NOCASE <> 'y'), e COLLATE \"NoCase\", f AS (a))",
    )
    .await;
    file.run("ALTER TABLE t ADD COLUMN g TEXT COLLATE RTRIM; INSERT INTO t(a, c) VALUES ('q', 1)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    assert_eq!(collations(&table), ["NOCASE", "BINARY", "RTRIM", "BINARY", "NOCASE", "BINARY", "RTRIM"]);
    assert_eq!(collations(&described("CREATE TABLE t(a)").await), ["BINARY"], "of an empty table too");
}

#[tokio::test]
async fn a_key_by_an_unknown_collation_is_no_key_but_the_rows_are_read() {
    let file = {
        let folder = tempfile::tempdir().unwrap();
        use sqlx::ConnectOptions as _;
        let writer = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(folder.path().join("test.db"))
            .create_if_missing(true)
            .collation("BACKWARDS", |a, b| b.cmp(a))
            .connect()
            .await
            .unwrap();
        let mut file = File { folder, writer };
        file.run(
            "CREATE TABLE t(a TEXT COLLATE BACKWARDS PRIMARY KEY, b INT UNIQUE, c TEXT); \
             INSERT INTO t VALUES ('x', 1, 'y'), ('z', 2, 'y')",
        )
        .await;
        file
    };
    let db = file.open().await;
    let table = describe(&db, "t").await;
    assert_eq!(collations(&table), ["BACKWARDS", "BINARY", "BINARY"]);
    assert_eq!(table.primary_key, None);
    assert_eq!(table.unique_keys, [key("sqlite_autoindex_t_2", &[1])]);
    assert_eq!(read_all(&db, "t").await.len(), 2);
    assert_eq!(db.count(&table, None).await.unwrap(), 2);
}

#[tokio::test]
async fn names_need_no_luck() {
    let file = File::with("CREATE TABLE \"select\"(\"group\" INTEGER PRIMARY KEY, rowid TEXT, _rowid_, oid, \"it's\" TEXT); INSERT INTO \"select\" VALUES (1, 'a', 2, 3, 4)").await;
    let db = file.open().await;
    let table = describe(&db, "select").await;
    assert_eq!(table.columns.len(), 5);
    assert_eq!(table.row_estimate, 1);
    assert_eq!(read_all(&db, "select").await[0].len(), 5);
}

#[tokio::test]
async fn large_files_are_estimated_without_counting() {
    // A blob of zeros beyond 64 MiB makes the file large; the tables beside it
    // are what is estimated.
    let mut file = File::with(
        "CREATE TABLE ballast(b BLOB); INSERT INTO ballast VALUES (zeroblob(70000000)); \
         CREATE TABLE dense(a INTEGER PRIMARY KEY, b TEXT); CREATE TABLE sparse(a INTEGER PRIMARY KEY, b TEXT); \
         CREATE TABLE no_rowid(a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID; CREATE TABLE none(a); \
         CREATE TABLE shadowed(rowid TEXT, b); INSERT INTO shadowed VALUES ('x', 1), ('y', 2)",
    )
    .await;
    file.run(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO dense SELECT i, printf('%.92c', 'x') FROM n; \
         INSERT INTO no_rowid SELECT * FROM dense; \
         INSERT INTO sparse VALUES (1, printf('%.99c', 'x')), (9223372036854775807, printf('%.81c', 'x'))",
    )
    .await;
    let db = file.open().await;
    let of = async |name| {
        let table = describe(&db, name).await;
        (table.row_estimate, table.bytes_estimate)
    };
    let (rows, bytes) = of("dense").await;
    assert_eq!(rows, 1000);
    assert!((90_000..120_000).contains(&bytes), "{bytes}");
    // As many rows as the file could hold, and not 2^63.
    for name in ["sparse", "no_rowid"] {
        let (rows, bytes) = of(name).await;
        assert!((1_000_000..1_500_000).contains(&rows), "{name}: {rows}");
        assert!(bytes <= 75_000_000, "{name}: {bytes}");
    }
    assert_eq!(of("none").await, (0, 0));
    assert_eq!(of("shadowed").await.0, 2, "a column called `rowid` is not the row number");

    file.run("ANALYZE").await;
    let db = file.open().await;
    for (name, expected) in [("dense", 1000), ("sparse", 2), ("no_rowid", 1000)] {
        assert_eq!(describe(&db, name).await.row_estimate, expected, "{name}");
    }
}

#[tokio::test]
async fn the_widest_tables_are_described_and_read() {
    let columns: Vec<String> = (0..2000).map(|i| format!("c{i} INT")).collect();
    let file = File::with(&format!("CREATE TABLE t({}); INSERT INTO t(c1999) VALUES (7)", columns.join(", "))).await;
    let db = file.open().await;
    assert_eq!(describe(&db, "t").await.columns.len(), 2000);
    assert_eq!(read_all(&db, "t").await[0].iter().filter(|v| !v.is_null()).count(), 1);
}
