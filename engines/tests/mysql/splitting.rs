//! Keys that cut tables.

use switchback_engines::{Database, Value};
use switchback_fixtures::Family;

use super::{Here, covers_once, numbers};

on_both!(
    cuts_evenly_whatever_the_key,
    cuts_by_nullable_unique_keys,
    leaves_what_cannot_be_cut_in_one_piece,
    statistics_that_are_wrong_do_no_harm,
);

const ROWS: u32 = 10_000;
const STEP: u64 = 500;

/// A table `t` with the key `k` for each row of `n`, whose `id` is 1 to [`ROWS`].
async fn filled(here: &Here, key: &str, columns: &str, select: &str) {
    here.execute(&format!(
        "DROP TABLE IF EXISTS t; CREATE TABLE t ({columns}, pad CHAR(50), PRIMARY KEY ({key})); \
         INSERT INTO t SELECT {select}, 'x' FROM n; ANALYZE TABLE t"
    ))
    .await;
}

async fn cuts_evenly_whatever_the_key(family: Family) {
    let here = Here::new(family, "even").await;
    here.execute(&format!("CREATE TABLE n (id INT PRIMARY KEY); {}", numbers("n", ROWS))).await;
    let cases = [
        ("k", "k BIGINT", "id"),
        ("k", "k BIGINT", "CAST(id AS SIGNED) - 5000"),
        ("k", "k BIGINT UNSIGNED", "18446744073709551615 - id"),
        // Two clusters, far apart.
        ("k", "k BIGINT", "IF(id % 2 = 0, id, id + 4611686018427387904)"),
        // Ever larger gaps.
        ("k", "k BIGINT", "id * id * id"),
        ("k", "k DECIMAL(30,4)", "id * 1.5"),
        ("k", "k DATETIME(6)", "'2020-01-01' + INTERVAL id * 13 MICROSECOND"),
        ("k", "k TIMESTAMP(6) DEFAULT '2020-01-01 00:00:00'", "'2020-01-02 00:00:00' + INTERVAL id * 13 SECOND"),
        ("k", "k DATE", "'1900-01-01' + INTERVAL id DAY"),
        ("k", "k TIME(6)", "SEC_TO_TIME(id * 15 - 70000)"),
        ("k", "k DOUBLE", "id / 7"),
        ("k", "k FLOAT", "id / 7"),
        ("k", "k CHAR(36) CHARACTER SET ascii", "LEFT(SHA2(id, 224), 36)"),
        ("k", "k CHAR(36)", "LEFT(SHA2(id, 256), 36)"),
        ("k", "k VARCHAR(60) COLLATE utf8mb4_unicode_ci", "CONCAT('Customer-', id, '@EXAMPLE.com')"),
        ("k", "k VARCHAR(60) COLLATE utf8mb4_bin", "CONCAT(CHAR(65 + id % 58), '\\'\\\\', id)"),
        ("k", "k VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_german1_ci", "CONCAT('é', id, 'ß')"),
        ("k", "k VARCHAR(60) CHARACTER SET greek", "CONCAT('α', id, 'β')"),
        ("k", "k VARCHAR(60) COLLATE utf8mb4_general_ci", "CONCAT('漢', id)"),
        ("k", "k VARBINARY(32)", "UNHEX(SHA2(id, 256))"),
        ("k", "k BINARY(16)", "UNHEX(LEFT(SHA2(id, 256), 32))"),
        ("k", "k BIT(40)", "id * 1000"),
        // Few tenants, and one of them has almost everything.
        ("tenant, k", "tenant INT, k INT", "IF(id % 100 = 0, id % 7, 3), id"),
        ("a, b, k", "a VARCHAR(9), b DATE, k INT", "CONCAT('A', id % 3), '2020-01-01' + INTERVAL id % 50 DAY, id"),
    ];
    for (key, columns, select) in cases {
        filled(&here, key, columns, select).await;
        let table = here.table("t").await;
        let key = table.primary_key.as_ref().unwrap().columns.clone();
        let keys = here.engine.split_keys(&table, &key, STEP).await.unwrap();
        assert!(keys.iter().all(|k| k.len() == key.len()), "{columns}");
        let sizes = covers_once(&here, &table, &key, &keys).await;
        let most = *sizes.iter().max().unwrap() as u64;
        assert!((7..=45).contains(&sizes.len()), "{columns}: {} ranges, {sizes:?}", sizes.len());
        assert!(most <= 4 * STEP, "{columns}: {sizes:?}");
        assert!(sizes.iter().all(|&size| size > 0), "{columns}: {sizes:?}");
        let ranks = here.engine.rank_keys(&table, &key, &keys).await.unwrap();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{columns}: the keys ascend");
    }
}

/// Rows whose key is NULL are in the first range, and no key is.
async fn cuts_by_nullable_unique_keys(family: Family) {
    let here = Here::new(family, "nullable").await;
    here.execute(&format!(
        "CREATE TABLE n (id INT PRIMARY KEY); {}; \
         CREATE TABLE t (a INT, b INT, UNIQUE KEY (a, b)); \
         INSERT INTO t SELECT IF(id % 5 = 0, NULL, id), IF(id % 7 = 0, NULL, 1) FROM n; ANALYZE TABLE t",
        numbers("n", 10_000)
    ))
    .await;
    let table = here.table("t").await;
    let key = table.unique_keys[0].columns.clone();
    let keys = here.engine.split_keys(&table, &key, 500).await.unwrap();
    assert!(keys.iter().flatten().all(|v| !v.is_null()), "{keys:?}");
    assert!(keys.len() >= 5, "{keys:?}");
    covers_once(&here, &table, &key, &keys).await;
}

async fn leaves_what_cannot_be_cut_in_one_piece(family: Family) {
    let here = Here::new(family, "whole").await;
    here.execute(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, free INT, e ENUM('z','a') DEFAULT 'z', UNIQUE KEY (e, id)); {}; \
         CREATE TABLE nothing (id INT PRIMARY KEY); CREATE TABLE one (id INT PRIMARY KEY); INSERT INTO one VALUES (1)",
        numbers("t", 5_000)
    ))
    .await;
    let table = here.table("t").await;
    for (key, why) in
        [(vec![1], "there is no index"), (vec![2, 0], "an ENUM has two orders"), (vec![], "there is no key")]
    {
        assert_eq!(
            here.engine.split_keys(&table, &key, 100).await.unwrap(),
            Vec::<Vec<Value<'static>>>::new(),
            "{why}"
        );
    }
    assert_eq!(here.engine.split_keys(&table, &[0], 5_000).await.unwrap().len(), 0, "one range holds all");
    assert_eq!(here.engine.split_keys(&table, &[0], u64::MAX).await.unwrap().len(), 0);
    for name in ["nothing", "one"] {
        let table = here.table(name).await;
        for rows in [0, 1, 100] {
            assert_eq!(here.engine.split_keys(&table, &[0], rows).await.unwrap().len(), 0, "{name}");
        }
    }
}

/// A table whose statistics are from before it was filled, or after.
async fn statistics_that_are_wrong_do_no_harm(family: Family) {
    let here = Here::new(family, "stale").await;
    here.execute(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, s CHAR(32)) STATS_PERSISTENT=1 STATS_AUTO_RECALC=0; ANALYZE TABLE t; {}",
        numbers("t", 30_000)
    ))
    .await;
    let mut table = here.table("t").await;
    for estimate in [0, 1, 100, 30_000, 1_000_000, u64::MAX] {
        table.row_estimate = estimate;
        let keys = here.engine.split_keys(&table, &[0], 3_000).await.unwrap();
        let sizes = covers_once(&here, &table, &[0], &keys).await;
        if estimate <= 1_000_000 {
            assert!((4..=40).contains(&sizes.len()), "{estimate}: {sizes:?}");
        }
    }
}
