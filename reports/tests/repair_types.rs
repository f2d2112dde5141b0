//! Every type with the values that literals and conditions get wrong, on the
//! servers that have it.
//!
//! Each type has a table by key, in which every value becomes every other one,
//! and a table without, in which values of which the server takes some for equal
//! are there too often or too seldom. After the repair nothing may differ.

use std::fmt::Write as _;

use fixtures::{Family, Side};
use switchback_fixtures as fixtures;
use switchback_verify::Verdict;

use crate::real::{Real, repair};

/// A type, and literals of it.
pub(crate) type Case = (&'static str, &'static [&'static str]);

const POSTGRES: [Case; 24] = [
    ("bigint", &["0", "-9223372036854775808", "9223372036854775807"]),
    ("boolean", &["true", "false"]),
    ("numeric(12,2)", &["1.10", "-0.05", "9999999999.99", "'NaN'"]),
    ("numeric", &["'NaN'", "'-Infinity'", "123456789012345678901234567890123456789012.5", "0.10"]),
    ("real", &["0.1", "'NaN'", "'Infinity'", "1e-40"]),
    ("double precision", &["0.30000000000000004", "'NaN'", "'-Infinity'", "5e-324", "1.7976931348623157e308"]),
    ("text", &["'a'", "'A'", "'a '", "E'it''s \\\\ \\n\\t% é 😀'", "''", "'-- x; /*'", "'$$'"]),
    ("char(5)", &["'ab'", "'AB'", "'é'", "''"]),
    ("varchar(5) COLLATE ci", &["'a'", "'A'", "'á'"]),
    ("bytea", &["'\\x00ff275c'", "''"]),
    ("date", &["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'9999-12-31'", "'12345-01-01'"]),
    ("time", &["'00:00'", "'24:00'", "'00:00:00.000001'"]),
    ("timetz", &["'00:00+00'", "'02:00+02'", "'00:00-05:30:01'"]),
    ("timestamp", &["'infinity'", "'0044-03-15 10:00 BC'", "'1970-01-01 00:00:00.000001'", "'294246-12-31 23:59'"]),
    ("timestamptz", &["'-infinity'", "'0044-03-15 10:00+00 BC'", "'2024-10-27 00:30+00'", "'2024-10-27 01:30+00'"]),
    ("interval", &["'1 mon'", "'30 days'", "'720 hours'", "'-14 mons 3 days -4:05:06.7'"]),
    ("uuid", &["'0188b9a2-0000-7000-8000-0123456789ab'", "'00000000-0000-0000-0000-000000000000'"]),
    ("json", &["'{\"a\": 1, \"b\": 2}'", "'{\"b\":2}'", "'\"it''s \\\\n\"'"]),
    ("jsonb", &["'{\"a\": 1.5}'", "'[]'", "'null'", "'\"\\\\\"'"]),
    ("bit(3)", &["B'101'", "B'000'"]),
    ("varbit", &["B'10100000001'", "B''"]),
    ("inet", &["'10.0.0.1'", "'10.0.0.0/8'", "'::1'"]),
    ("mood", &["'sad'", "'it''s'"]),
    ("name", &["'a'", "'A'"]),
];

const MYSQL: [Case; 24] = [
    ("bigint", &["0", "-9223372036854775808", "9223372036854775807"]),
    ("bigint unsigned", &["0", "18446744073709551615"]),
    ("tinyint unsigned", &["0", "255"]),
    ("decimal(65,30)", &["-12345678901234567890123456789012345.123456789012345678901234567890", "0"]),
    ("float", &["0.1", "16777216", "1234567.1", "3.4e38"]),
    ("double", &["0.30000000000000004e0", "5e-324", "1.7976931348623157e308", "-0.5e0"]),
    ("varchar(20)", &["'a'", "'A'", "'a '", "'it''s \\\\ \\n\\t% é 😀'", "''", "'-- x; /*'"]),
    ("varchar(20) character set latin1 collate latin1_swedish_ci", &["'é'", "'e'", "'E'", "'it''s \\\\'"]),
    ("varchar(20) collate utf8mb4_bin", &["'é'", "'e'", "'E'", "'e '"]),
    ("char(5)", &["'ab'", "'AB'", "'é'", "''"]),
    ("text", &["'a'", "'A'", "'a '"]),
    ("binary(4)", &["x'01'", "x'00000001'", "x''"]),
    ("varbinary(8)", &["x'01'", "x'0100'", "'a'", "'A'"]),
    ("longblob", &["x'00ff275c'", "x''"]),
    ("date", &["'0000-00-00'", "'2024-02-00'", "'2024-02-30'", "'9999-12-31'"]),
    ("time(6)", &["'-838:59:59'", "'838:59:59'", "'00:00:00.000001'", "'-00:00:00.000001'"]),
    ("datetime(6)", &["'0000-00-00'", "'1970-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"]),
    ("timestamp(6) null", &["'1970-01-01 00:00:01'", "'2024-10-27 00:30:00'", "'2024-10-27 01:30:00'"]),
    ("year", &["0", "2155", "1901"]),
    ("json", &["'{\"a\": 1, \"b\": \"it''s \\\\\\\\ \\\\n\"}'", "'{\"b\": 1}'", "'[]'", "'null'"]),
    ("bit(11)", &["b'10100000001'", "b'0'"]),
    ("enum('sad','it''s')", &["'sad'", "'it''s'"]),
    ("set('a','b','c')", &["'a,c'", "''", "'b'"]),
    ("tinyint(1)", &["0", "1", "2"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_types() {
    let before = "CREATE TYPE mood AS ENUM ('sad', 'it''s');
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
        SET TIME ZONE 'UTC';";
    // Rows of the source keep their numbers; the server of a new row would choose.
    repaired(Family::Postgres, before, "bigint GENERATED ALWAYS AS IDENTITY", " OVERRIDING SYSTEM VALUE", &POSTGRES)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_types() {
    repaired(Family::MySql, MYSQL_SESSION, "bigint", "", &MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_types() {
    repaired(Family::MariaDb, MYSQL_SESSION, "bigint", "", &MYSQL).await;
}

pub(crate) const MYSQL_SESSION: &str =
    "SET NAMES utf8mb4; SET time_zone = '+00:00'; SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';";

pub(crate) async fn repaired(family: Family, before: &str, id: &str, overriding: &str, cases: &[Case]) {
    let (source, target) = tokio::join!(Real::new(Some(family), Side::Source), Real::new(Some(family), Side::Target));
    let (mut source_script, mut target_script) = (before.to_owned(), before.to_owned());
    for (n, (of, literals)) in cases.iter().enumerate() {
        for script in [&mut source_script, &mut target_script] {
            let _ = writeln!(script, "CREATE TABLE t{n} (id {id} PRIMARY KEY, v {of});");
            let _ = writeln!(script, "CREATE TABLE log{n} (v {of});");
        }
        let values: Vec<&str> = literals.iter().copied().chain(["NULL"]).collect();
        let keyed = |row: usize, value: &str| format!("INSERT INTO t{n}{overriding} VALUES ({row}, {value});\n");
        for (a, old) in values.iter().enumerate() {
            for (b, new) in values.iter().enumerate() {
                let row = a * values.len() + b;
                source_script.push_str(&keyed(row, new));
                target_script.push_str(&keyed(row, old));
            }
            source_script.push_str(&keyed(1_000 + a, old));
            target_script.push_str(&keyed(2_000 + a, old));
            let (often, seldom) = (
                format!("INSERT INTO log{n} VALUES ({old});\n").repeat(3),
                format!("INSERT INTO log{n} VALUES ({old});\n"),
            );
            source_script.push_str(if a % 2 == 0 { &often } else { &seldom });
            target_script.push_str(if a % 2 == 0 { &seldom } else { &often });
        }
    }
    tokio::join!(source.execute(&source_script), target.execute(&target_script));
    let repaired = repair(&source, &target).await;
    let compared: Vec<String> = repaired.before.tables.iter().filter(|t| t.plan.is_some()).map(|t| t.name()).collect();
    assert_eq!(
        compared.len(),
        2 * cases.len(),
        "{:?}",
        repaired.before.tables.iter().flat_map(|t| &t.problems).collect::<Vec<_>>()
    );
    assert_eq!(repaired.summary.not_repaired, 0, "{}", repaired.script);
    for table in &repaired.after.tables {
        let number: String = table.name().chars().rev().take_while(char::is_ascii_digit).collect();
        let of = number.chars().rev().collect::<String>().parse().map(|n: usize| cases[n].0);
        assert_eq!(
            table.verdict,
            Verdict::Equal,
            "{family:?} {} of {of:?}: {:?} {:?}",
            table.name(),
            table.differences,
            table.problems
        );
    }
}
