//! The types of each engine, with values at their edges.

use switchback_engines::{Element, Logical, Notation};

use super::{Example, TEXT, int, of};

const DECIMAL: Logical = Logical::Decimal { precision: Some(12), scale: 2 };
const UUIDS: &[&str] = &["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"];

pub(super) fn postgres() -> Vec<Example> {
    let mut all = vec![
        of("boolean", Logical::Bool, &["true", "false"]),
        of("smallint", int(16, false), &["-32768", "32767"]),
        of("integer", int(32, false), &["-2147483648", "2147483647"]),
        of("bigint", int(64, false), &["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
        of("oid", int(32, true), &["0", "4294967295"]),
        of("numeric(12,2)", DECIMAL, &["9999999999.99", "-9999999999.99", "0.10", "'NaN'"]),
        of(
            "numeric",
            Logical::Decimal { precision: None, scale: 0 },
            &["1.10", "-0.5", "1e40", "1e-40", "'NaN'", "'Infinity'"],
        ),
        of("real", Logical::Float32, &["1e-45", "3.4028235e38", "0.1", "'NaN'", "'-Infinity'"]),
        of(
            "double precision",
            Logical::Float64,
            &["5e-324", "1.7976931348623157e308", "0.30000000000000004", "'NaN'", "'Infinity'"],
        ),
        of("character(3)", Logical::Char { chars_max: 3 }, &["''", "'a'", "'a b'", "'äöü'"]),
        of("character varying(10)", Logical::Text { chars_max: Some(10) }, &["''", "'a '", "'😀😀😀😀😀😀😀😀😀😀'"]),
        of("text", TEXT, &["''", "' '", "'a\\b''c'", "E'\\x01\\n'", "'é'", "repeat('x', 70000)"]),
        of("mood", Logical::Enum, &["'sad'", "'it''s ok'", "' '"]),
        of("bytea", Logical::Bytes { bytes_max: None }, &["''", "'\\x00'", "'\\xff00'"]),
        of("date", Logical::Date, &["'1000-01-01'", "'9999-12-31'", "'0044-03-15 BC'", "'infinity'"]),
        of("time without time zone", Logical::Time { digits: 6 }, &["'00:00'", "'23:59:59.999999'", "'24:00'"]),
        of("time(0) without time zone", Logical::Time { digits: 0 }, &["'12:00:01'"]),
        of("time with time zone", Logical::TimeTz { digits: 6 }, &["'10:00+00'", "'12:00:00.5-15:59'"]),
        of(
            "timestamp without time zone",
            Logical::Timestamp { digits: 6 },
            &["'1000-01-01'", "'9999-12-31 23:59:59.999999'", "'0001-01-01 BC'", "'infinity'"],
        ),
        of("timestamp(3) without time zone", Logical::Timestamp { digits: 3 }, &["'2026-02-28 23:59:59.999'"]),
        of(
            "timestamp with time zone",
            Logical::Instant { digits: 6 },
            &[
                "'1970-01-01 00:00:01+00'",
                "'2038-01-19 03:14:07.999999+00'",
                "'1969-12-31 00:00+00'",
                "'2100-01-01 00:00+14'",
            ],
        ),
        of("interval", Logical::Interval, &["'1 mon 2 days'", "'-0.000001s'"]),
        of("uuid", Logical::Uuid, UUIDS),
        of("json", Logical::Json { ordered: true }, &["'{\"b\":1,  \"a\":[null, \"é\"]}'", "'\"\"'", "'null'"]),
        of("jsonb", Logical::Json { ordered: false }, &["'{\"b\":1.5,\"a\":[1]}'", "'9007199254740993'", "'1e400'"]),
        of("bit(12)", Logical::Bits { len: Some(12) }, &["B'000000000001'", "B'111111111111'"]),
        of("bit varying(9)", Logical::Bits { len: None }, &["B''", "B'01'"]),
        of("inet", Logical::Network, &["'10.0.0.1'", "'10.0.0.1/24'", "'::ffff:1.2.3.4'"]),
        of("cidr", Logical::Network, &["'10.0.0.0/8'", "'::/0'"]),
        of("macaddr", Logical::Network, &["'08:00:2b:01:02:03'"]),
        of("hstore", Logical::Map, &["'a=>1'"]),
    ];
    all.push(of("tsvector", Logical::Notation { kind: Notation::TextSearchVector }, &["'a:1B b:2'", "''"]));
    let element = Element { native: "integer".to_owned(), logical: int(32, false) };
    all.push(of("integer[]", Logical::Array { element: Box::new(element.clone()) }, &["'{1,NULL}'"]));
    all.push(of("int4range", Logical::Range { bound: Box::new(element) }, &["'[1,5)'"]));
    all
}

/// What MySQL and MariaDB have alike.
fn either() -> Vec<Example> {
    vec![
        of("tinyint(1)", int(8, false), &["0", "1", "-128", "127"]),
        of("tinyint unsigned", int(8, true), &["0", "255"]),
        of("smallint", int(16, false), &["-32768", "32767"]),
        of("smallint unsigned", int(16, true), &["65535"]),
        of("mediumint", int(24, false), &["-8388608", "8388607"]),
        of("mediumint unsigned", int(24, true), &["16777215"]),
        of("int", int(32, false), &["-2147483648", "2147483647"]),
        of("int unsigned", int(32, true), &["4294967295"]),
        of("bigint", int(64, false), &["-9223372036854775808", "9223372036854775807"]),
        of("bigint unsigned", int(64, true), &["0", "9223372036854775807", "18446744073709551615"]),
        of("decimal(12,2)", DECIMAL, &["9999999999.99", "-9999999999.99", "0.10"]),
        of(
            "decimal(65,30)",
            Logical::Decimal { precision: Some(65), scale: 30 },
            &["99999999999999999999999999999999999.999999999999999999999999999999", "0.1"],
        ),
        of("float", Logical::Float32, &["1e-45", "3.40282e38", "0.1"]),
        of("double", Logical::Float64, &["5e-324", "1.7976931348623157e308", "0.30000000000000004"]),
        of("bit(1)", Logical::Bool, &["b'0'", "b'1'"]),
        of("bit(12)", Logical::Bits { len: Some(12) }, &["b'1'", "b'111111111111'"]),
        of("char(3) charset utf8mb4", Logical::Char { chars_max: 3 }, &["''", "'a'", "'äöü'"]),
        of("varchar(10) charset utf8mb4", Logical::Text { chars_max: Some(10) }, &["''", "'a '", "'😀'", "'a\\0b'"]),
        of("varchar(10) charset latin1", Logical::Text { chars_max: Some(10) }, &["''", "'é'"]),
        of("longtext charset utf8mb4", TEXT, &["''", "' '", "'a\\\\b''c'", "'\\n'", "repeat('x', 70000)"]),
        of("binary(4)", Logical::Binary { bytes: 4 }, &["''", "x'00ff0000'", "x'01020304'"]),
        of("varbinary(9)", Logical::Bytes { bytes_max: Some(9) }, &["''", "x'00'", "x'ff00'"]),
        of("date", Logical::Date, &["'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2026-02-31'"]),
        of("time(6)", Logical::Time { digits: 6 }, &["'00:00'", "'23:59:59.999999'", "'-00:00:01'", "'838:59:59'"]),
        of(
            "datetime(6)",
            Logical::Timestamp { digits: 6 },
            &["'1000-01-01'", "'9999-12-31 23:59:59.999999'", "'0000-00-00'"],
        ),
        of("datetime", Logical::Timestamp { digits: 0 }, &["'2026-02-28 23:59:59'"]),
        of(
            "timestamp(6) null",
            Logical::Instant { digits: 6 },
            &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'"],
        ),
        of("year", Logical::Year, &["1901", "2155", "0"]),
        of("enum('sad','it''s ok') charset utf8mb4", Logical::Enum, &["'sad'", "'it''s ok'"]),
        of("set('a','b','c') charset utf8mb4", Logical::Set, &["''", "'a'", "'c,a'"]),
        of("geometry", Logical::Geometry { srid: None }, &["st_geomfromtext('point(1 2)')"]),
    ]
}

pub(super) fn mysql() -> Vec<Example> {
    let mut all = either();
    all.push(of("json", Logical::Json { ordered: false }, &["'{\"b\":1.5,\"a\":[1]}'", "'null'", "'\"\\\\u0000\"'"]));
    all
}

pub(super) fn mariadb() -> Vec<Example> {
    let mut all = either();
    all.push(of("json", Logical::Json { ordered: true }, &["'{\"b\":1.5,  \"a\":[1]}'", "'null'"]));
    all.push(of("uuid", Logical::Uuid, UUIDS));
    all.push(of("inet6", Logical::Network, &["'::1'", "'2001:db8::ff00:42:8329'"]));
    all
}

pub(super) fn sqlite() -> Vec<Example> {
    vec![
        of("INTEGER", int(64, false), &["-9223372036854775808", "9223372036854775807", "'word'"]),
        of("BOOLEAN", Logical::Bool, &["0", "1", "7"]),
        of("REAL", Logical::Float64, &["5e-324", "1.7976931348623157e308", "0.30000000000000004", "x'00'"]),
        of("NUMERIC", Logical::SqliteNumeric, &["1", "0.1", "9007199254740993", "'word'"]),
        of("DECIMAL(8,2)", Logical::SqliteNumeric, &["9.99", "-0.005"]),
        of("TEXT", TEXT, &["''", "' '", "'a\\b''c'", "'é'", "char(0)", "x'ff'"]),
        of("VARCHAR(3)", Logical::Text { chars_max: Some(3) }, &["'abc'", "'longer than it says'"]),
        of("BLOB", Logical::Bytes { bytes_max: None }, &["x''", "x'00ff'", "'text'"]),
        of("DATE", Logical::Date, &["'1000-01-01'", "'9999-12-31'", "'soon'"]),
        of("TIME", Logical::Time { digits: 6 }, &["'00:00'", "'23:59:59.999999'", "'late'"]),
        of(
            "TIMESTAMP",
            Logical::Timestamp { digits: 6 },
            &["'2026-02-28 23:59:59.999999'", "'2026-02-28T10:00'", "'soon'"],
        ),
        of("TIMESTAMP WITH TIME ZONE", Logical::Instant { digits: 6 }, &["'2026-02-28 23:59:59+02:00'", "'soon'"]),
        of("TIME WITH TIME ZONE", Logical::TimeTz { digits: 6 }, &["'10:00+02:00'"]),
        of("UUID", Logical::Uuid, &["'00000000-0000-0000-0000-000000000000'", "'none'"]),
        of("JSON", Logical::Json { ordered: true }, &["'{\"b\":1.5,  \"a\":[1]}'", "'null'", "'{no'"]),
    ]
}
