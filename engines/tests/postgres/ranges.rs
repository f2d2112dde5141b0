//! Ranges and keys: every row in exactly one range, whatever the key.

use std::collections::HashMap;

use switchback_engines::value::OwnedValue;
use switchback_engines::{Database as _, KeyRange, KeyValues, Scope, Table, Value, display};
use switchback_fixtures::Side;

use super::{Fixture, filtered, on_both_versions, rows};

on_both_versions!(
    ranges_of_a_small_table_cover_it,
    ranges_of_a_large_table_cover_it,
    ranges_of_a_partitioned_table_cover_it,
    ranges_of_a_table_without_statistics_cover_it,
    a_small_table_is_not_split,
    old_statistics_do_not_lead_to_uneven_ranges,
    keys_find_rows_as_the_server_compares,
    a_key_that_the_column_cannot_hold_is_still_a_bound,
    rows_with_a_null_key_are_in_the_first_range,
    filters_apply_to_reads_and_counts,
);

fn ranges(keys: &[KeyValues]) -> Vec<KeyRange> {
    let lower = std::iter::once(None).chain(keys.iter().cloned().map(Some));
    let upper = keys.iter().cloned().map(Some).chain(std::iter::once(None));
    lower.zip(upper).map(|(lower, upper)| KeyRange { lower, upper }).collect()
}

fn spelled(key: &[OwnedValue]) -> Vec<Option<String>> {
    key.iter().map(display::text).collect()
}

/// Splits, reads each range, and checks that all rows came once. Returns the
/// sizes of the ranges.
async fn cover(fixture: &Fixture, table: &Table, key: &[usize], rows_per_range: u64) -> Vec<usize> {
    let name = &table.name;
    let keys = fixture.postgres.split_keys(table, key, rows_per_range).await.expect("keys");
    let ranks = fixture.postgres.rank_keys(table, key, &keys).await.expect("ranks");
    let ascending: Vec<u64> = (1..=keys.len() as u64).collect();
    assert_eq!(ranks, ascending, "{name}: the cuts are not ascending and distinct");
    let mut sizes = Vec::new();
    let mut seen: HashMap<Vec<Option<String>>, usize> = HashMap::new();
    for range in &ranges(&keys) {
        let found = filtered(&fixture.postgres, table, key, Scope::Range { key, range }, None).await.expect("rows");
        sizes.push(found.len());
        for row in found {
            *seen.entry(spelled(&row)).or_default() += 1;
        }
    }
    let count = fixture.postgres.count(table, None).await.expect("a count");
    assert_eq!(sizes.iter().sum::<usize>() as u64, count, "{name}: the ranges have more or fewer rows than the table");
    assert_eq!(seen.len() as u64, count, "{name}: a row is in two ranges");
    sizes
}

async fn ranges_of_a_small_table_cover_it(side: Side) {
    let setup = "
        CREATE EXTENSION citext;
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TYPE size AS ENUM ('z', 'small', 'Medium', 'a''b');
        CREATE FUNCTION word(i int) RETURNS text LANGUAGE sql IMMUTABLE AS
            $$ SELECT (ARRAY['a', 'A', 'ä', 'Ä', 'a-b', 'a b', '_', '', 'ß', 'ss', 'Z', 'z', '''', '\\', '🦀', E'\\n'])[i % 16 + 1]
               || CASE WHEN i >= 16 THEN i::text ELSE '' END $$;";
    let tables = [
        ("int_key", "id int", "i * 7 - 5000"),
        ("uuid_key", "id uuid", "md5(i::text)::uuid"),
        ("default_key", "id text", "word(i)"),
        ("c_key", "id text COLLATE \"C\"", "word(i)"),
        ("icu_key", "id varchar(40) COLLATE \"de-x-icu\"", "word(i)"),
        ("ci_key", "id text COLLATE ci", "i::text || 'x'"),
        ("citext_key", "id citext", "CASE WHEN i % 2 = 0 THEN 'k' ELSE 'K' END || i"),
        ("char_key", "id char(20)", "'c' || i"),
        (
            "numeric_key",
            "id numeric",
            "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE (i / 7.0)::text END::numeric",
        ),
        ("float_key", "id float8", "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE (i / 7.0)::text END::float8"),
        ("real_key", "id real", "(i / 7.0)::real"),
        (
            "stamp_key",
            "id timestamp",
            "CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '4000-01-01 BC' ELSE ('2000-01-01'::timestamp + i * interval '1.000001 s')::text END::timestamp",
        ),
        ("instant_key", "id timestamptz", "'0300-01-01 BC'::timestamptz + i * interval '1 day 1 us'"),
        ("date_key", "id date", "'2000-01-01'::date - i"),
        ("time_key", "id time", "'00:00'::time + i * interval '1.5 s'"),
        ("timetz_key", "id timetz", "('10:00:00.' || to_char(i, 'FM0000') || '+0' || i % 9)::timetz"),
        ("interval_key", "id interval", "i * interval '1 mon 3 days -1.5 s'"),
        ("bytes_key", "id bytea", "decode(md5(i::text), 'hex')"),
        ("inet_key", "id inet", "'10.0.0.0'::inet + i"),
        (
            "mac_key",
            "id macaddr",
            "('08:00:2b:00:' || to_char(i / 100, 'FM00') || ':' || to_char(i % 100, 'FM00'))::macaddr",
        ),
        ("bits_key", "id varbit", "i::bit(16)::varbit"),
        ("money_key", "id money", "(i / 4.0)::numeric::money"),
        ("jsonb_key", "id jsonb", "jsonb_build_object('k', i)"),
    ];
    let mut sql = setup.to_owned();
    for (name, column, value) in tables {
        sql.push_str(&format!(
            "CREATE TABLE {name} ({column} PRIMARY KEY, i int); INSERT INTO {name} SELECT {value}, i FROM generate_series(0, 1199) i;"
        ));
    }
    sql.push_str(
        "CREATE TABLE two_key (a text COLLATE \"de-x-icu\", b int, PRIMARY KEY (b, a));
         INSERT INTO two_key SELECT word(i), i / 50 FROM generate_series(0, 1199) i;
         CREATE TABLE two_citext (a citext, b int, PRIMARY KEY (a, b));
         INSERT INTO two_citext SELECT CASE WHEN i % 2 = 0 THEN 'k' ELSE 'K' END || i % 50, i FROM generate_series(0, 1199) i;
         CREATE TABLE enum_key (a size, b int, PRIMARY KEY (a, b));
         INSERT INTO enum_key SELECT (enum_range(NULL::size))[i % 4 + 1], i FROM generate_series(0, 1199) i;
         CREATE TABLE bool_key (a bool, b int, PRIMARY KEY (a, b));
         INSERT INTO bool_key SELECT i % 3 = 0, i FROM generate_series(0, 1199) i;
         ANALYZE",
    );
    let fixture = Fixture::new(side, "small", &sql).await;
    let names = tables.iter().map(|t| t.0).chain(["two_key", "two_citext", "enum_key", "bool_key"]);
    for name in names {
        let table = fixture.table(name).await;
        let key = table.primary_key.clone().expect("a key").columns;
        assert_eq!(cover(&fixture, &table, &key, 100).await, [100; 12], "{name}");
    }
}

fn assert_even(sizes: &[usize], rows_per_range: usize) {
    assert!(sizes.len() > 3, "{sizes:?}");
    let largest = sizes.iter().max().expect("a range");
    assert!(*largest < rows_per_range * 5 / 2, "{sizes:?}");
}

async fn ranges_of_a_large_table_cover_it(side: Side) {
    let fixture = Fixture::new(
        side,
        "large",
        "CREATE TABLE i (id int PRIMARY KEY, v text); INSERT INTO i SELECT i, 'v' || i FROM generate_series(1, 400000) i;
         CREATE TABLE u (id uuid PRIMARY KEY, v int); INSERT INTO u SELECT md5(i::text)::uuid, i FROM generate_series(1, 400000) i;
         ANALYZE",
    )
    .await;
    for name in ["i", "u"] {
        let table = fixture.table(name).await;
        let sizes = cover(&fixture, &table, &[0], 40_000).await;
        assert!((7..=14).contains(&sizes.len()), "{name}: {sizes:?}");
        assert_even(&sizes, 40_000);
    }
}

async fn ranges_of_a_partitioned_table_cover_it(side: Side) {
    let fixture = Fixture::new(
        side,
        "parts",
        "CREATE TABLE p (id int, r int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
         CREATE TABLE p0 PARTITION OF p FOR VALUES IN (0); CREATE TABLE p1 PARTITION OF p DEFAULT;
         INSERT INTO p SELECT i, i % 4 FROM generate_series(1, 300000) i; ANALYZE",
    )
    .await;
    let table = fixture.table("p").await;
    assert_even(&cover(&fixture, &table, &[0, 1], 30_000).await, 30_000);
}

async fn ranges_of_a_table_without_statistics_cover_it(side: Side) {
    let fixture = Fixture::new(
        side,
        "fresh",
        "CREATE TABLE f (id bigint PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
         INSERT INTO f SELECT i, repeat('x', 200) FROM generate_series(1, 60000) i",
    )
    .await;
    assert_even(&cover(&fixture, &fixture.table("f").await, &[0], 5000).await, 5000);
}

async fn a_small_table_is_not_split(side: Side) {
    let fixture = Fixture::new(
        side,
        "tiny",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 99); ANALYZE",
    )
    .await;
    let table = fixture.table("t").await;
    assert_eq!(fixture.postgres.split_keys(&table, &[0], 99).await.expect("keys"), [] as [KeyValues; 0]);
    assert_eq!(fixture.postgres.split_keys(&table, &[0], 50).await.expect("keys"), [[Value::Int(51)]]);
    assert_eq!(fixture.postgres.split_keys(&table, &[0], 0).await.expect("keys").len(), 98);
}

/// The estimate is ten times too high: the sample must say so.
async fn old_statistics_do_not_lead_to_uneven_ranges(side: Side) {
    let fixture = Fixture::new(
        side,
        "old",
        "CREATE TABLE t (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
         INSERT INTO t SELECT i, 'value' FROM generate_series(1, 1000000) i; ANALYZE t;
         DELETE FROM t WHERE id % 10 <> 0",
    )
    .await;
    let table = fixture.table("t").await;
    assert!(table.row_estimate > 900_000, "{}", table.row_estimate);
    let sizes = cover(&fixture, &table, &[0], 10_000).await;
    assert!((8..=14).contains(&sizes.len()), "{sizes:?}");
    assert_even(&sizes, 10_000);
}

async fn keys_find_rows_as_the_server_compares(side: Side) {
    let fixture = Fixture::new(
        side,
        "keys",
        "CREATE EXTENSION citext;
         CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE c (id citext PRIMARY KEY); INSERT INTO c VALUES ('Ada'), ('bob');
         CREATE TABLE n (id text COLLATE ci PRIMARY KEY); INSERT INTO n VALUES ('Ada'), ('bob');
         CREATE TABLE p (id char(5) PRIMARY KEY); INSERT INTO p VALUES ('Ada'), ('bob');
         CREATE TABLE two (a int, b text, PRIMARY KEY (a, b)); INSERT INTO two VALUES (1, 'x'), (1, 'y'), (2, 'x')",
    )
    .await;
    let text = |v: &str| Value::Text(v.to_owned().into());
    for name in ["c", "n"] {
        let table = fixture.table(name).await;
        let values = [vec![text("ADA")], vec![text("nobody")]];
        let found = rows(&fixture.postgres, &table, Scope::Keys { key: &[0], values: &values }).await.expect("rows");
        assert_eq!(found, [[text("Ada")]], "{name}");
    }
    let padded = fixture.table("p").await;
    let values = [vec![text("bob")]];
    let found = rows(&fixture.postgres, &padded, Scope::Keys { key: &[0], values: &values }).await.expect("rows");
    assert_eq!(found, [[text("bob  ")]]);
    let two = fixture.table("two").await;
    let values = [vec![Value::Int(1), text("y")], vec![Value::Int(2), text("x")], vec![Value::Int(2), text("y")]];
    let found = rows(&fixture.postgres, &two, Scope::Keys { key: &[0, 1], values: &values }).await.expect("rows");
    assert_eq!(found.len(), 2);
    let none = rows(&fixture.postgres, &two, Scope::Keys { key: &[0, 1], values: &[] }).await.expect("rows");
    assert!(none.is_empty());
}

async fn a_key_that_the_column_cannot_hold_is_still_a_bound(side: Side) {
    let fixture =
        Fixture::new(side, "wide", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (2147483647)")
            .await;
    let table = fixture.table("t").await;
    let half = Value::Decimal(switchback_engines::Decimal::Small { coefficient: 15, scale: 1 });
    for (bound, below) in [(Value::UInt(u64::MAX), 3), (Value::Int(i64::MIN), 0), (half, 1)] {
        let range = KeyRange { lower: None, upper: Some(vec![bound.clone()]) };
        let found = rows(&fixture.postgres, &table, Scope::Range { key: &[0], range: &range }).await.expect("rows");
        assert_eq!(found.len(), below, "{bound:?}");
    }
    let keys = [vec![Value::UInt(u64::MAX)], vec![Value::Int(1)], vec![Value::Int(i64::MIN)]];
    assert_eq!(fixture.postgres.rank_keys(&table, &[0], &keys).await.expect("ranks"), [3, 2, 1]);
}

async fn rows_with_a_null_key_are_in_the_first_range(side: Side) {
    let fixture = Fixture::new(
        side,
        "nulls",
        "CREATE TABLE t (id int UNIQUE, i int); INSERT INTO t SELECT nullif(i % 100, 0), i FROM generate_series(1, 100) i;
         INSERT INTO t VALUES (NULL, 0); ANALYZE",
    )
    .await;
    let table = fixture.table("t").await;
    let keys = fixture.postgres.split_keys(&table, &[0], 25).await.expect("keys");
    assert_eq!(keys, [[Value::Int(26)], [Value::Int(51)], [Value::Int(76)]]);
    let mut sizes = Vec::new();
    for range in &ranges(&keys) {
        sizes.push(rows(&fixture.postgres, &table, Scope::Range { key: &[0], range }).await.expect("rows").len());
    }
    assert_eq!(sizes, [27, 25, 25, 24]);
}

async fn filters_apply_to_reads_and_counts(side: Side) {
    let fixture = Fixture::new(
        side,
        "filters",
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i % 3 FROM generate_series(1, 90) i",
    )
    .await;
    let table = fixture.table("t").await;
    let filter = Some("v = 'v1' OR v = 'v2'");
    assert_eq!(fixture.postgres.count(&table, filter).await.expect("a count"), 60);
    let range = KeyRange { lower: Some(vec![Value::Int(1)]), upper: Some(vec![Value::Int(31)]) };
    let scope = Scope::Range { key: &[0], range: &range };
    let found = filtered(&fixture.postgres, &table, &[1, 0], scope, filter).await.expect("rows");
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|row| matches!((&row[0], &row[1]), (Value::Text(_), Value::Int(_)))));
}
