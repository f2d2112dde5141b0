//! Keys of every type: their order, ranges between them, and looking them up.

use std::collections::BTreeMap;

use switchback_engines::{Database, KeyRange, KeyValues, OwnedValue, Value};
use switchback_fixtures::Family;

use super::{Here, decimal, read_keys, read_range, text};

on_both!(
    ranks_agree_with_ranges,
    equal_keys_have_equal_ranks,
    ranks_keys_of_other_types,
    composite_keys_are_compared_as_a_whole,
    ten_thousand_keys_are_ranked_and_looked_up,
    a_range_of_nothing_is_empty,
);

/// The keys of a table, in the order of their ranks.
async fn ranked(here: &Here, name: &str, key: &[usize]) -> Vec<KeyValues> {
    let table = here.table(name).await;
    let keys: Vec<KeyValues> =
        here.rows(name).await.into_iter().map(|row| key.iter().map(|&i| row[i].clone()).collect()).collect();
    let ranks = here.engine.rank_keys(&table, key, &keys).await.unwrap();
    let by_rank: BTreeMap<u64, KeyValues> = ranks.into_iter().zip(keys.iter().cloned()).collect();
    assert_eq!(by_rank.len(), keys.len(), "unique keys have ranks of their own");
    by_rank.into_values().collect()
}

/// With each key as a bound there is one row in each range: then the order of
/// the ranks is the one that the server compares by.
async fn ranks_agree_with_ranges(family: Family) {
    let here = Here::new(family, "ranks").await;
    let mut columns = vec![
        ("TINYINT", "-128, -1, 0, 7, 127"),
        ("BIGINT UNSIGNED", "0, 1, 9223372036854775808, 18446744073709551615"),
        ("DECIMAL(65,30)", "-1.5, 0, 0.000000000000000000000000000001, 1e20, 2"),
        ("DECIMAL(20,2)", "-1.5, -1.25, 9, 10"),
        ("FLOAT", "-1.5, 0.1, 0.7, 16777216, 16777218"),
        ("DOUBLE", "-1e300, 0.1, 0.30000000000000004, 0.3"),
        ("VARCHAR(20) COLLATE utf8mb4_bin", "'', 'a', 'A', 'b', 'ä', 'z', 'é', 'it''s', 'x\\\\y', 'tab\\there', '😀'"),
        ("VARCHAR(20) COLLATE utf8mb4_general_ci", "'', 'a', 'B', 'c-d', 'cd', 'Z', 'ß', '_', '-'"),
        ("VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci", "'', 'a', 'B', 'é', 'z', 'ü', '-'"),
        ("CHAR(8) COLLATE utf8mb4_unicode_ci", "'', 'a', 'B', 'co-op', 'coop1', 'z'"),
        ("CHAR(8) CHARACTER SET ascii", "'', 'a', 'B', '-', '~'"),
        (
            "VARCHAR(2000) CHARACTER SET latin1",
            "REPEAT('a', 1500), CONCAT(REPEAT('a', 1499), 'b'), CONCAT(REPEAT('a', 1499), 'B1')",
        ),
        ("VARBINARY(20)", "x'', x'00', x'0000', x'41', x'61', x'6100', x'6120', x'FF'"),
        ("BINARY(4)", "x'', x'00000001', x'41', x'4100FF', x'FFFFFFFF'"),
        ("BIT(1)", "b'0', b'1'"),
        ("BIT(12)", "0, 1, 255, 256, 4095"),
        ("YEAR", "0, 1901, 1999, 2024, 2155"),
        ("DATE", "'0000-00-00', '2024-00-15', '1000-01-01', '2024-02-31', '2024-03-01', '9999-12-31'"),
        ("DATETIME", "'0000-00-00', '2024-02-31', '2024-03-01', '1000-01-01', '2024-03-01 00:00:01'"),
        (
            "DATETIME(6)",
            "'2024-01-01', '2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.5', '2024-01-01 00:00:00.25'",
        ),
        (
            "TIMESTAMP(3) NOT NULL",
            "'1970-01-01 00:00:01', '2024-10-27 02:30:00', '2024-10-27 02:30:00.001', '2038-01-19 03:14:07'",
        ),
        (
            "TIME(3)",
            "'-838:59:59', '-00:00:01', '00:00:00', '00:00:00.5', '09:00:00', '10:00:00', '100:00:00', '99:00:00'",
        ),
        ("ENUM('z','a','M') COLLATE utf8mb4_bin", "'z', 'a', 'M'"),
        ("SET('z','a','m')", "'', 'z', 'a', 'm', 'z,a', 'a,m'"),
    ];
    if family == Family::MariaDb {
        columns.push(("UUID", "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', \
            '123e4567-e89b-12d3-a456-426614174000', '023e4567-e89b-42d3-a456-426614174001', '6e1cdcc0-0000-1000-8000-000000000000'"));
        columns.push(("INET4", "'0.0.0.0', '9.255.0.1', '10.0.0.1', '255.255.255.255'"));
        columns.push(("INET6", "'::', '::1', '2001:db8::1', '2001:db8::10', 'ffff::'"));
    }
    for (native, literals) in columns {
        here.execute(&format!(
            "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'; DROP TABLE IF EXISTS t; \
             CREATE TABLE t (k {native}, PRIMARY KEY (k)); INSERT INTO t VALUES ({})",
            split_list(literals).join("), (")
        ))
        .await;
        let table = here.table("t").await;
        let keys = ranked(&here, "t", &[0]).await;
        let sizes = super::covers_once(&here, &table, &[0], &keys).await;
        assert_eq!(sizes[0], 0, "{native}: nothing comes before the first key");
        assert!(sizes[1..].iter().all(|&size| size == 1), "{native}: {sizes:?} between {keys:?}");
        for key in &keys {
            let one = std::slice::from_ref(key);
            assert_eq!(read_keys(&*here.engine, &table, &[0], one).await, one, "{native}");
        }
    }
}

/// The literals of a list; none of those here holds a comma and a space but to
/// part them.
fn split_list(list: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut depth = 0;
    for part in list.split(", ") {
        if depth > 0 {
            let last = literals.last_mut().unwrap();
            last.push_str(", ");
            last.push_str(part);
        } else {
            literals.push(part.to_owned());
        }
        depth += part.matches('(').count();
        depth -= part.matches(')').count();
    }
    literals.remove(0);
    literals
}

async fn equal_keys_have_equal_ranks(family: Family) {
    let here = Here::new(family, "equal").await;
    let no_pad = match family {
        Family::MySql => "utf8mb4_0900_ai_ci",
        Family::MariaDb | Family::Postgres => "utf8mb4_unicode_nopad_ci",
    };
    here.execute(&format!(
        "CREATE TABLE t (ci VARCHAR(9) COLLATE utf8mb4_unicode_ci, nopad VARCHAR(9) COLLATE {no_pad}, \
         bin VARCHAR(9) COLLATE utf8mb4_bin, latin VARCHAR(9) CHARACTER SET latin1, raw VARBINARY(9), d DECIMAL(9,3))"
    ))
    .await;
    let table = here.table("t").await;
    let words = ["a", "A", "a ", "ä", "b"].map(|word| vec![text(word)]);
    for (column, expected) in [(0, [1, 1, 1, 1, 2]), (1, [1, 1, 2, 1, 3]), (2, [2, 1, 2, 4, 3]), (3, [1, 1, 1, 3, 2])] {
        // MySQL's ai_ci without padding has `a ` behind all that equals `a`.
        let ranks = here.engine.rank_keys(&table, &[column], &words).await.unwrap();
        assert_eq!(ranks, expected, "column {column}");
    }
    let raw = [b"a".as_slice(), b"a ", b"A", b"a"].map(|v| vec![super::bytes(v)]);
    assert_eq!(here.engine.rank_keys(&table, &[4], &raw).await.unwrap(), [2, 3, 1, 2]);
    let numbers = ["1.10", "1.1", "1.100", "-1"].map(|v| vec![decimal(v)]);
    assert_eq!(here.engine.rank_keys(&table, &[5], &numbers).await.unwrap(), [2, 2, 2, 1]);
    assert_eq!(here.engine.rank_keys(&table, &[5], &[]).await.unwrap(), Vec::<u64>::new());
}

/// Keys that were found in another database, as its types have them.
async fn ranks_keys_of_other_types(family: Family) {
    let here = Here::new(family, "foreign").await;
    here.execute(
        "CREATE TABLE t (i BIGINT, u BIGINT UNSIGNED, d DECIMAL(20,2), at DATETIME(3), day DATE, v VARCHAR(40), \
         b BINARY(16), x DOUBLE)",
    )
    .await;
    let table = here.table("t").await;
    let day = |n| Value::Date(switchback_engines::Date::Days(n));
    let at = |n| Value::Timestamp(switchback_engines::Moment::Micros(n));
    let instant = |n| Value::Instant(switchback_engines::Moment::Micros(n));
    const DAY: i64 = 86_400_000_000;
    let cases: Vec<(usize, Vec<OwnedValue>, Vec<u64>)> = vec![
        (0, vec![decimal("10"), Value::Int(9), Value::UInt(10), Value::Bool(true)], vec![3, 2, 3, 1]),
        (1, vec![Value::Int(-1), Value::UInt(u64::MAX), decimal("5")], vec![1, 3, 2]),
        (2, vec![Value::Int(1), decimal("1.00"), decimal("1.005")], vec![1, 1, 2]),
        (3, vec![day(1), at(DAY), at(DAY + 1), instant(DAY), at(-1)], vec![2, 2, 3, 2, 1]),
        (4, vec![day(1), at(DAY), at(DAY + 1), day(2)], vec![1, 1, 2, 3]),
        (5, vec![Value::Uuid([0; 16]), text("00000000-0000-0000-0000-000000000000"), text("1")], vec![1, 1, 2]),
        (6, vec![Value::Uuid([7; 16]), super::bytes(&[7; 16]), super::bytes(&[7])], vec![2, 2, 1]),
        (7, vec![Value::F32(0.5), Value::F64(0.5), Value::Int(1)], vec![1, 1, 2]),
    ];
    for (column, values, expected) in cases {
        let keys: Vec<KeyValues> = values.into_iter().map(|v| vec![v]).collect();
        assert_eq!(here.engine.rank_keys(&table, &[column], &keys).await.unwrap(), expected, "column {column}");
    }
}

async fn composite_keys_are_compared_as_a_whole(family: Family) {
    let here = Here::new(family, "composite").await;
    here.execute(
        "SET sql_mode = ''; CREATE TABLE t (v INT, c INT NOT NULL, a VARCHAR(9) COLLATE utf8mb4_general_ci NOT NULL, b DATETIME NOT NULL, \
         PRIMARY KEY (a, b, c)); \
         INSERT INTO t SELECT 1, c.n, a.n, b.n FROM \
         (SELECT 'x' n UNION SELECT 'Y' UNION SELECT 'z') a, \
         (SELECT '2024-01-01' n UNION SELECT '0000-00-00' UNION SELECT '2024-01-01 00:00:01') b, \
         (SELECT 1 n UNION SELECT -1 UNION SELECT 5) c",
    )
    .await;
    let table = here.table("t").await;
    let key = table.primary_key.as_ref().unwrap().columns.clone();
    assert_eq!(key, [2, 3, 1]);
    let keys = ranked(&here, "t", &key).await;
    let sizes = super::covers_once(&here, &table, &key, &keys).await;
    assert_eq!(sizes, [vec![0], vec![1; 27]].concat());
    for pair in keys.windows(5) {
        let range = KeyRange { lower: Some(pair[0].clone()), upper: Some(pair[4].clone()) };
        assert_eq!(read_range(&*here.engine, &table, &key, &range).await.len(), 4);
    }
    let wanted = [keys[3].clone(), keys[20].clone(), vec![text("X"), keys[3][1].clone(), Value::Int(77)]];
    assert_eq!(read_keys(&*here.engine, &table, &key, &wanted).await.len(), 2);
    // As the server compares: another case is the same key.
    let mut shouted = keys[0].clone();
    shouted[0] = text("X");
    assert_eq!(read_keys(&*here.engine, &table, &key, &[shouted]).await.len(), 1);
}

async fn ten_thousand_keys_are_ranked_and_looked_up(family: Family) {
    let here = Here::new(family, "many").await;
    here.execute(&format!(
        "CREATE TABLE n (id INT PRIMARY KEY); {}; \
         CREATE TABLE t (a INT NOT NULL, b VARCHAR(200) NOT NULL, PRIMARY KEY (a, b)); \
         INSERT INTO t SELECT id DIV 100, CONCAT(REPEAT('k', 150), id) FROM n; ANALYZE TABLE t",
        super::numbers("n", 60_000)
    ))
    .await;
    let table = here.table("t").await;
    let keys: Vec<KeyValues> = (1..=10_000)
        .rev()
        .map(|i: i64| vec![Value::Int(i * 5 / 100), text(&format!("{}{}", "k".repeat(150), i * 5))])
        .collect();
    let ranks = here.engine.rank_keys(&table, &[0, 1], &keys).await.unwrap();
    assert_eq!(ranks.iter().max(), Some(&10_000));
    assert_eq!(ranks.iter().filter(|&&rank| rank == 1).count(), 1);
    let begin = std::time::Instant::now();
    assert_eq!(read_keys(&*here.engine, &table, &[0, 1], &keys).await.len(), 10_000);
    // A table scan compares each row with each key: minutes, not a second.
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

async fn a_range_of_nothing_is_empty(family: Family) {
    let here = Here::new(family, "nothing").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)").await;
    let table = here.table("t").await;
    let key = |n| Some(vec![Value::Int(n)]);
    for (lower, upper, count) in [
        (key(2), key(2), 0),
        (key(3), key(1), 0),
        (key(1), key(3), 2),
        (None, key(1), 0),
        (key(4), None, 0),
        (None, None, 3),
    ] {
        let range = KeyRange { lower, upper };
        assert_eq!(read_range(&*here.engine, &table, &[0], &range).await.len(), count, "{range:?}");
    }
    assert_eq!(read_keys(&*here.engine, &table, &[0], &[]).await.len(), 0);
}
