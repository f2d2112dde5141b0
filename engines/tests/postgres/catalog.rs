//! What the catalogs say.

use switchback_engines::{Database as _, ForeignKey, Key, Scope, TableRef};
use switchback_fixtures::Side;

use super::{Fixture, on_both_versions, rows, table_ref};

on_both_versions!(
    base_tables_are_listed_and_nothing_else,
    keys_that_hold_for_every_row_are_reported,
    columns_are_described,
    a_partitioned_table_is_one_table,
    an_inheritance_parent_has_its_own_rows_only,
    sizes_are_estimated_without_statistics,
    names_that_need_quotes_are_read,
    what_is_no_table_is_not_described,
    a_description_can_be_stored,
);

fn key(name: &str, columns: &[usize]) -> Key {
    Key { name: name.to_owned(), columns: columns.to_vec() }
}

async fn base_tables_are_listed_and_nothing_else(side: Side) {
    let fixture = Fixture::new(
        side,
        "tables",
        "CREATE SCHEMA b; CREATE TABLE b.z (id int); CREATE TABLE a (id int); CREATE UNLOGGED TABLE b.a (id int);
         CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW mv AS SELECT 1; CREATE SEQUENCE s;
         CREATE TABLE p (id int) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id);
         CREATE TABLE p11 PARTITION OF p1 FOR VALUES FROM (0) TO (5);
         CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);
         CREATE SCHEMA switchback; CREATE TABLE switchback.progress (id int);
         CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    .await;
    let tables: Vec<String> =
        fixture.postgres.tables().await.expect("tables").iter().map(TableRef::to_string).collect();
    assert_eq!(tables, ["b.a", "b.z", "public.a", "public.child", "public.p", "public.parent"]);
}

async fn keys_that_hold_for_every_row_are_reported(side: Side) {
    let fixture = Fixture::new(
        side,
        "keys",
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE DOMAIN filled AS int NOT NULL;
         CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE);
         CREATE TABLE t (
             gone int, a int NOT NULL, b text NOT NULL, c int, d text COLLATE ci NOT NULL, e filled, f int NOT NULL,
             g int REFERENCES parent, h text, CONSTRAINT t_fk FOREIGN KEY (h) REFERENCES parent (code),
             CONSTRAINT t_pk PRIMARY KEY (b, a), CONSTRAINT t_later UNIQUE (f) DEFERRABLE INITIALLY DEFERRED
         );
         ALTER TABLE t DROP COLUMN gone;
         CREATE UNIQUE INDEX t_plain ON t (c DESC) INCLUDE (a);
         CREATE UNIQUE INDEX t_two ON t (f, a);
         CREATE UNIQUE INDEX t_partial ON t (a) WHERE c > 0;
         CREATE UNIQUE INDEX t_expression ON t (lower(b));
         CREATE UNIQUE INDEX t_own_collation ON t (d);
         CREATE UNIQUE INDEX t_other_collation ON t (d COLLATE \"C\");
         CREATE UNIQUE INDEX t_pattern ON t (b text_pattern_ops);
         CREATE UNIQUE INDEX t_domain ON t (e);
         CREATE INDEX t_not_unique ON t (a)",
    )
    .await;
    // An index that failed to build is unique in name only.
    fixture.execute("INSERT INTO parent VALUES (1); INSERT INTO t VALUES (1, 'x', 1, 'd1', 1, 1, 1), (2, 'y', 2, 'd2', 2, 2, 1)").await;
    fixture.database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_invalid ON t (g)").await.expect_err("duplicates");
    let table = fixture.table("t").await;
    // Positions count without the dropped column: a=0, b=1, c=2, d=3, e=4, f=5.
    assert_eq!(table.primary_key, Some(key("t_pk", &[1, 0])));
    assert_eq!(table.unique_keys, [key("t_own_collation", &[3]), key("t_plain", &[2]), key("t_two", &[5, 0])]);
    let parent = table_ref("parent");
    let foreign = |column: &str| ForeignKey { columns: vec![column.to_owned()], parent: parent.clone() };
    assert_eq!(table.foreign_keys, [foreign("g"), foreign("h")]);
}

async fn columns_are_described(side: Side) {
    let fixture = Fixture::new(
        side,
        "columns",
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE DOMAIN cents AS numeric(12,2); CREATE DOMAIN price AS cents NOT NULL;
         CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (2 * n) STORED,
             n int NOT NULL, p price, c text COLLATE \"C\", i text COLLATE \"de-x-icu\", x text COLLATE ci, d text)",
    )
    .await;
    let table = fixture.table("t").await;
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "twice", "n", "p", "c", "i", "x", "d"]);
    let nullable: Vec<bool> = table.columns.iter().map(|c| c.nullable).collect();
    assert_eq!(nullable, [false, true, false, false, true, true, true, true]);
    let generated: Vec<&str> = table.columns.iter().filter(|c| c.generated).map(|c| c.name.as_str()).collect();
    // An identity is not computed from other columns.
    assert_eq!(generated, ["twice"]);
    assert_eq!(table.columns[3].native, "numeric(12,2) (domain public.price)");
    let collations: Vec<Option<&str>> = table.columns.iter().map(|c| c.collation.as_deref()).collect();
    let expected =
        [None, None, None, None, Some("C"), Some("de-x-icu"), Some("public.ci (nondeterministic)"), Some("C.UTF-8")];
    assert_eq!(collations, expected);
}

async fn a_partitioned_table_is_one_table(side: Side) {
    let fixture = Fixture::new(
        side,
        "partitions",
        "CREATE TABLE parent (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE parent1 PARTITION OF parent DEFAULT;
         CREATE TABLE p (id int, region text, ref int REFERENCES parent, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
         CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu') PARTITION BY HASH (id);
         CREATE TABLE p_eu0 PARTITION OF p_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE p_eu1 PARTITION OF p_eu FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         CREATE TABLE p_rest PARTITION OF p DEFAULT;
         INSERT INTO p SELECT i, CASE WHEN i % 3 = 0 THEN 'us' ELSE 'eu' END FROM generate_series(1, 30000) i; ANALYZE",
    )
    .await;
    let table = fixture.table("p").await;
    assert_eq!(table.primary_key, Some(key("p_pkey", &[1, 0])));
    assert_eq!(table.foreign_keys, [ForeignKey { columns: vec!["ref".to_owned()], parent: table_ref("parent") }]);
    assert_eq!(fixture.postgres.count(&table, None).await.expect("a count"), 30_000);
    assert_eq!(rows(&fixture.postgres, &table, Scope::All).await.expect("rows").len(), 30_000);
    assert!((29_000..=31_000).contains(&table.row_estimate), "{}", table.row_estimate);
    assert!(table.bytes_estimate > 30_000 * 30, "{}", table.bytes_estimate);
}

async fn an_inheritance_parent_has_its_own_rows_only(side: Side) {
    let fixture = Fixture::new(
        side,
        "inherited",
        "CREATE TABLE parent (id int); CREATE TABLE child (extra int) INHERITS (parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 2), (3, 3)",
    )
    .await;
    let (parent, child) = (fixture.table("parent").await, fixture.table("child").await);
    assert_eq!(parent.children, std::slice::from_ref(&child.name));
    assert!(child.children.is_empty());
    assert_eq!(rows(&fixture.postgres, &parent, Scope::All).await.expect("rows").len(), 1);
    assert_eq!(fixture.postgres.count(&parent, None).await.expect("a count"), 1);
    assert_eq!(fixture.postgres.count(&child, Some("extra > 2")).await.expect("a count"), 1);
}

async fn sizes_are_estimated_without_statistics(side: Side) {
    let fixture = Fixture::new(
        side,
        "sizes",
        "CREATE TABLE empty (id int); CREATE TABLE fresh (id bigint, v text) WITH (autovacuum_enabled = off);
         INSERT INTO fresh SELECT i, 'twenty characters ok' FROM generate_series(1, 100000) i;
         CREATE TABLE grown (id bigint) WITH (autovacuum_enabled = off); INSERT INTO grown SELECT generate_series(1, 1000);
         ANALYZE grown; INSERT INTO grown SELECT generate_series(1, 99000)",
    )
    .await;
    let empty = fixture.table("empty").await;
    assert_eq!((empty.row_estimate, empty.bytes_estimate), (0, 0));
    for name in ["fresh", "grown"] {
        let table = fixture.table(name).await;
        assert!((50_000..=200_000).contains(&table.row_estimate), "{name}: {}", table.row_estimate);
    }
}

async fn names_that_need_quotes_are_read(side: Side) {
    let fixture = Fixture::new(
        side,
        "names",
        "CREATE SCHEMA \"My \"\"Schema\"; CREATE TABLE \"My \"\"Schema\".\"sel'ect\" (\"a b\" int PRIMARY KEY, \"É\"\"\" text);
         INSERT INTO \"My \"\"Schema\".\"sel'ect\" VALUES (7, 'x')",
    )
    .await;
    let name = TableRef { schema: Some("My \"Schema".to_owned()), name: "sel'ect".to_owned() };
    assert_eq!(fixture.postgres.tables().await.expect("tables"), std::slice::from_ref(&name));
    let table = fixture.postgres.describe(&name).await.expect("a description").expect("a table");
    let values = [vec![switchback_engines::Value::Int(7)]];
    let found = rows(&fixture.postgres, &table, Scope::Keys { key: &[0], values: &values }).await.expect("rows");
    assert_eq!(found.len(), 1);
    assert_eq!(fixture.postgres.split_keys(&table, &[0], 1).await.expect("keys"), [] as [Vec<_>; 0]);
    assert_eq!(fixture.postgres.rank_keys(&table, &[0], &values).await.expect("ranks"), [1]);
}

async fn what_is_no_table_is_not_described(side: Side) {
    let fixture = Fixture::new(side, "none", "CREATE VIEW v AS SELECT 1; CREATE TABLE t (id int)").await;
    for name in ["v", "missing", "missing.t", "PUBLIC.t", "public.T"] {
        assert_eq!(fixture.postgres.describe(&table_ref(name)).await.expect("an answer"), None, "{name}");
    }
    let unqualified = TableRef { schema: None, name: "t".to_owned() };
    assert_eq!(fixture.postgres.describe(&unqualified).await.expect("an answer"), None);
}

/// A run is resumed with the description it had stored, by another process.
async fn a_description_can_be_stored(side: Side) {
    let fixture = Fixture::new(
        side,
        "stored",
        "CREATE TABLE p (id int PRIMARY KEY, m money, a macaddr8, c \"char\") PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, 2.5::numeric::money, '08:00:2b:01:02:03', 'x')",
    )
    .await;
    let table = fixture.table("p").await;
    let stored = serde_json::to_string(&table).expect("JSON");
    let table = serde_json::from_str(&stored).expect("a table");
    let other = super::connect(fixture.database.url()).await.expect("a connection");
    assert_eq!(rows(&other, &table, Scope::All).await.expect("rows").len(), 1);
}
