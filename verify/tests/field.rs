//! The regressions of the field: pairs of databases that another tool's scheme
//! called equal. Each has to come out different, row by row.
//!
//! The schemes were reproduced on real servers before; the names are those of
//! the knowledge that came of it (D1 to D10, E1). What each scheme overlooks is
//! in the test's own comment.

use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_fixtures as fixtures;
use switchback_verify::{Kind, Options, Verdict};

use crate::collect::Found;
use crate::home::{compare, home, show};

const ALL: [Dialect; 4] = Dialect::ALL;

/// Runs the two scripts on `source` and `target` and returns the differences of
/// the only table.
async fn differences(source: (Dialect, &str), target: (Dialect, &str), options: Options) -> Found {
    let place = format!("{} → {}", source.0.name(), target.0.name());
    let (source, target) = (home(source.0, Side::Source, source.1).await, home(target.0, Side::Target, target.1).await);
    let (outcome, found) = compare(&source, &target, options).await;
    assert_eq!(outcome.verdict, Verdict::Different, "{place}: {}", show(&outcome));
    found
}

fn all_changed(found: &Found, rows: usize, place: &str) {
    assert_eq!(found.len(), rows, "{place}");
    assert!(found.iter().all(|(_, d)| d.kind == Kind::Changed && d.changed.len() == 1), "{place}");
}

/// `count` rows made of their number `n`, on any engine.
fn rows(dialect: Dialect, create: &str, count: u32, select: &str) -> String {
    let numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n <";
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            format!("CREATE TABLE t ({create}); {numbers} {count}) INSERT INTO t SELECT {select} FROM n")
        }
        Dialect::MySql => format!(
            "SET cte_max_recursion_depth = 1000000; \
             CREATE TABLE t ({create}); INSERT INTO t {numbers} {count}) SELECT {select} FROM n"
        ),
        Dialect::MariaDb => format!(
            "SET max_recursive_iterations = 1000000; \
             CREATE TABLE t ({create}); INSERT INTO t {numbers} {count}) SELECT {select} FROM n"
        ),
    }
}

/// CRC32 with BIT_XOR and a count (pt-table-checksum, spirit): CRC32 is linear,
/// so the same change in an even number of rows cancels itself out.
#[tokio::test(flavor = "multi_thread")]
async fn d1_a_flag_that_flips_in_every_row_of_a_chunk_is_a_thousand_differences() {
    for dialect in ALL {
        let script = |flag: u8| rows(dialect, "id int PRIMARY KEY, flag int", 1000, &format!("n, {flag}"));
        let found = differences((dialect, &script(0)), (dialect, &script(1)), Options::default()).await;
        all_changed(&found, 1000, dialect.name());
    }
}

/// The same scheme: one letter in every row hid in 8 of 51 chunks of 1,000.
#[tokio::test(flavor = "multi_thread")]
async fn d2_a_letter_that_changes_in_every_row_is_found_in_every_chunk() {
    for dialect in ALL {
        let script =
            |note: &str| rows(dialect, "id int PRIMARY KEY, note varchar(20)", 51_000, &format!("n, '{note}'"));
        let options = Options { range_rows: 1000, ..Options::default() };
        let found = differences((dialect, &script("note")), (dialect, &script("Note")), options).await;
        all_changed(&found, 51_000, dialect.name());
    }
}

/// sync-diff-inspector's expression hashes a floating-point 0 and NULL alike.
#[tokio::test(flavor = "multi_thread")]
async fn d3_a_double_of_zero_is_not_null() {
    for dialect in ALL {
        let script = |value: &str| {
            let native = match dialect {
                Dialect::Postgres => "double precision",
                Dialect::MySql | Dialect::MariaDb | Dialect::Sqlite => "double",
            };
            format!("CREATE TABLE t (id int PRIMARY KEY, v {native}); INSERT INTO t VALUES (1, {value})")
        };
        let found = differences((dialect, &script("0")), (dialect, &script("NULL")), Options::default()).await;
        all_changed(&found, 1, dialect.name());
    }
}

fn two_texts(first: &str, second: &str) -> String {
    format!(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b varchar(20)); INSERT INTO t VALUES (1, {first}, {second})"
    )
}

/// CONCAT_WS with any separator joins ('x#y', 'z') and ('x', 'y#z') to one text.
#[tokio::test(flavor = "multi_thread")]
async fn d4_text_with_the_separator_in_it_is_not_the_text_of_two_columns() {
    for dialect in ALL {
        for separator in ["#", "|", ",", " ", "\t"] {
            let source = two_texts(&format!("'x{separator}y'"), "'z'");
            let target = two_texts("'x'", &format!("'y{separator}z'"));
            let found = differences((dialect, &source), (dialect, &target), Options::default()).await;
            assert_eq!(found[0].1.changed.len(), 2, "{} {separator:?}", dialect.name());
        }
    }
}

/// Any XOR of row hashes is the same for two twins as for two other twins.
#[tokio::test(flavor = "multi_thread")]
async fn d5_two_of_one_row_are_not_two_of_another() {
    let script = |value: char| format!("CREATE TABLE t (v varchar(5)); INSERT INTO t VALUES ('{value}'), ('{value}')");
    for dialect in ALL {
        let found = differences((dialect, &script('p')), (dialect, &script('q')), Options::default()).await;
        let mut counts: Vec<_> = found.iter().map(|(_, d)| (d.source_count, d.target_count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(0, 2), (2, 0)], "{}", dialect.name());
    }
}

/// reladiff 0.6.0, end to end: NULL is the text `<null>` to it and `|` its
/// separator; of 60,000 rows it reported none.
#[tokio::test(flavor = "multi_thread")]
async fn d6_sixty_thousand_rows_hide_neither_a_separator_nor_a_sentinel() {
    let select = |a: &str, b: &str, c: &str| {
        let only = |value: &str, other: &str, row: u32| format!("CASE WHEN n = {row} THEN {value} ELSE {other} END");
        format!("n, {}, {}, {}", only(a, "'a'", 20_000), only(b, "'b'", 20_000), only(c, "'c'", 40_000))
    };
    let create = "id int PRIMARY KEY, a varchar(20), b varchar(20), c varchar(20)";
    for (source, target) in [(Dialect::Postgres, Dialect::MySql), (Dialect::MariaDb, Dialect::Postgres)] {
        let found = differences(
            (source, &rows(source, create, 60_000, &select("'x|y'", "'z'", "NULL"))),
            (target, &rows(target, create, 60_000, &select("'x'", "'y|z'", "'<null>'"))),
            Options::default(),
        )
        .await;
        let mut changed: Vec<usize> = found.iter().map(|(_, d)| d.changed.len()).collect();
        changed.sort_unstable();
        assert_eq!(changed, [1, 2]);
    }
}

/// pgCompare's default cast of numbers keeps eleven digits.
#[tokio::test(flavor = "multi_thread")]
async fn d7_numbers_that_are_alike_in_eleven_digits_differ() {
    let script = |integer: &str, decimal: &str| {
        format!(
            "CREATE TABLE t (id int PRIMARY KEY, i bigint, d decimal(12,2)); INSERT INTO t VALUES (1, {integer}, {decimal})"
        )
    };
    for source in ALL {
        for target in ALL {
            let found = differences(
                (source, &script("123456789012345", "1234567890.12")),
                (target, &script("123456789012399", "1234567890.14")),
                Options::default(),
            )
            .await;
            assert_eq!((found.len(), found[0].1.changed.len()), (1, 2), "{} → {}", source.name(), target.name());
        }
    }
}

/// pgCompare compares times to the second.
#[tokio::test(flavor = "multi_thread")]
async fn d8_times_within_one_second_differ() {
    let script = |dialect: Dialect, fraction: &str| {
        let native = match dialect {
            Dialect::Postgres | Dialect::Sqlite => "timestamp",
            Dialect::MySql | Dialect::MariaDb => "datetime(6)",
        };
        format!(
            "CREATE TABLE t (id int PRIMARY KEY, v {native}); INSERT INTO t VALUES (1, '2024-05-01 00:00:00.{fraction}')"
        )
    };
    for source in ALL {
        for target in ALL {
            let scripts = (script(source, "999"), script(target, "001"));
            let found = differences((source, &scripts.0), (target, &scripts.1), Options::default()).await;
            all_changed(&found, 1, &format!("{} → {}", source.name(), target.name()));
        }
    }
}

/// ACE hashes NULL as the empty text.
#[tokio::test(flavor = "multi_thread")]
async fn d9_null_is_not_the_empty_text() {
    for dialect in ALL {
        let (source, target) = (two_texts("NULL", "''"), two_texts("''", "NULL"));
        let found = differences((dialect, &source), (dialect, &target), Options::default()).await;
        assert_eq!(found[0].1.changed.len(), 2, "{}", dialect.name());
    }
}

/// Any hash of text that MySQL or MariaDB made of a FLOAT: it has six digits.
#[tokio::test(flavor = "multi_thread")]
async fn d10_floats_that_print_alike_differ() {
    let script = |dialect: Dialect, a: &str, b: &str| {
        let native = match dialect {
            Dialect::Postgres => "real",
            Dialect::MySql | Dialect::MariaDb | Dialect::Sqlite => "float",
        };
        format!("CREATE TABLE t (id int PRIMARY KEY, v {native}); INSERT INTO t VALUES (1, {a}), (2, {b})")
    };
    for source in [Dialect::MySql, Dialect::MariaDb] {
        for target in ALL {
            let scripts = (script(source, "1234567.125", "16777216"), script(target, "1234568.375", "16777218"));
            let found = differences((source, &scripts.0), (target, &scripts.1), Options::default()).await;
            all_changed(&found, 2, &format!("{} → {}", source.name(), target.name()));
        }
    }
}

/// PostgreSQL's `sum(hash_record_extended(row))`: the columns' hashes are added
/// with weights, so the sum does not see in which row a value is.
#[tokio::test(flavor = "multi_thread")]
async fn e1_every_value_of_a_column_moved_to_another_row_is_found() {
    let create = "id int PRIMARY KEY, a int, b varchar(20)";
    for dialect in ALL {
        let text = match dialect {
            Dialect::MySql | Dialect::MariaDb => "concat('value ', n)",
            Dialect::Postgres | Dialect::Sqlite => "'value ' || n",
        };
        let moved = match dialect {
            Dialect::MySql | Dialect::MariaDb => "concat('value ', n % 1000 + 1)",
            Dialect::Postgres | Dialect::Sqlite => "'value ' || (n % 1000 + 1)",
        };
        let source = rows(dialect, create, 1000, &format!("n, n * 7, {text}"));
        let target = rows(dialect, create, 1000, &format!("n, n * 7, {moved}"));
        let found = differences((dialect, &source), (dialect, &target), Options::default()).await;
        all_changed(&found, 1000, dialect.name());
    }
}
