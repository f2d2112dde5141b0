//! Every type that can be compared, at its corners, against a real server.

use std::borrow::Cow;

use switchback_engines::value::OwnedValue;
use switchback_engines::{Database as _, Date, Decimal, Error, Logical, Moment, Scope, Value, display};
use switchback_fixtures::Side;

use super::{Fixture, on_both_versions, rows};

on_both_versions!(
    every_type_reads_as_it_was_written,
    numerics_read_as_the_server_prints_them,
    moments_read_as_the_server_prints_them,
    addresses_read_as_the_server_prints_them,
    money_has_the_scale_of_the_database,
    a_type_that_cannot_be_compared_is_an_error_that_names_it,
    a_moment_beyond_our_calendar_is_an_error,
    a_large_value_is_read_whole,
    a_table_without_columns_has_rows,
);

const DAY: i64 = 86_400_000_000;

struct Case {
    native: &'static str,
    logical: Logical,
    values: Vec<(&'static str, OwnedValue)>,
}

fn case<const N: usize>(native: &'static str, logical: Logical, values: [(&'static str, OwnedValue); N]) -> Case {
    Case { native, logical, values: values.into() }
}

fn text(v: &'static str) -> OwnedValue {
    Value::Text(Cow::Borrowed(v))
}

fn json(v: &'static str) -> OwnedValue {
    Value::Json(Cow::Borrowed(v))
}

fn bytes(v: &'static [u8]) -> OwnedValue {
    Value::Bytes(Cow::Borrowed(v))
}

fn bits(len: u32, v: &'static [u8]) -> OwnedValue {
    Value::Bits { len, bytes: Cow::Borrowed(v) }
}

fn small(coefficient: i128, scale: u32) -> OwnedValue {
    Value::Decimal(Decimal::Small { coefficient, scale })
}

fn interval(months: i32, days: i32, micros: i64) -> OwnedValue {
    Value::Interval { months, days, micros }
}

fn int(bits: u8) -> Logical {
    Logical::Int { bits, unsigned: false }
}

fn numbers() -> Vec<Case> {
    let decimal = |precision, scale| Logical::Decimal { precision, scale };
    vec![
        case("boolean", Logical::Bool, [("true", Value::Bool(true)), ("false", Value::Bool(false))]),
        case("smallint", int(16), [("-32768", Value::Int(-32_768)), ("32767", Value::Int(32_767))]),
        case(
            "integer",
            int(32),
            [("-2147483648", Value::Int(i32::MIN.into())), ("2147483647", Value::Int(i32::MAX.into()))],
        ),
        case(
            "bigint",
            int(64),
            [("-9223372036854775808", Value::Int(i64::MIN)), ("9223372036854775807", Value::Int(i64::MAX))],
        ),
        case(
            "oid",
            Logical::Int { bits: 32, unsigned: true },
            [("0", Value::Int(0)), ("4294967295", Value::Int(u32::MAX.into()))],
        ),
        case(
            "numeric",
            decimal(None, 0),
            [
                ("1.10", small(110, 2)),
                ("0", small(0, 0)),
                ("0.000", small(0, 3)),
                ("-12345.678", small(-12_345_678, 3)),
                ("100000000", small(100_000_000, 0)),
                ("99999999999999999999999999999999999999", small(10i128.pow(38) - 1, 0)),
                (
                    "-100000000000000000000000000000000000000",
                    Value::Decimal(Decimal::Big("-100000000000000000000000000000000000000".into())),
                ),
                ("NaN", Value::Decimal(Decimal::NaN)),
                ("Infinity", Value::Decimal(Decimal::Infinity)),
                ("-Infinity", Value::Decimal(Decimal::NegInfinity)),
            ],
        ),
        case(
            "numeric(12,2)",
            decimal(Some(12), 2),
            [("0.05", small(5, 2)), ("9999999999.99", small(999_999_999_999, 2))],
        ),
        case(
            "real",
            Logical::Float32,
            [
                ("0.1", Value::F32(0.1)),
                ("16777216", Value::F32(16_777_216.0)),
                ("1e-45", Value::F32(f32::from_bits(1))),
                ("-Infinity", Value::F32(f32::NEG_INFINITY)),
            ],
        ),
        case(
            "double precision",
            Logical::Float64,
            [
                ("0.1", Value::F64(0.1)),
                ("0.30000000000000004", Value::F64(0.300_000_000_000_000_04)),
                ("5e-324", Value::F64(f64::from_bits(1))),
                ("1.7976931348623157e308", Value::F64(f64::MAX)),
                ("Infinity", Value::F64(f64::INFINITY)),
            ],
        ),
        case("bit(3)", Logical::Bits { len: Some(3) }, [("101", bits(3, &[0b1010_0000]))]),
        case(
            "bit varying(12)",
            Logical::Bits { len: None },
            [("", bits(0, &[])), ("1", bits(1, &[0x80])), ("000000001", bits(9, &[0, 0x80]))],
        ),
    ]
}

fn texts() -> Vec<Case> {
    vec![
        case(
            "text",
            Logical::Text { chars_max: None },
            [("", text("")), ("a ", text("a ")), ("é\u{301}🦀\\x", text("é\u{301}🦀\\x")), ("<null>", text("<null>"))],
        ),
        case("character varying(5)", Logical::Text { chars_max: Some(5) }, [("äöü🦀 ", text("äöü🦀 "))]),
        case("character(4)", Logical::Char { chars_max: 4 }, [("ab", text("ab  ")), ("", text("    "))]),
        case("bpchar", Logical::Char { chars_max: 10_485_760 }, [("ab ", text("ab "))]),
        case("name", Logical::Text { chars_max: Some(63) }, [("relname", text("relname"))]),
        case("\"char\"", Logical::Text { chars_max: Some(1) }, [("r", text("r")), ("", text(""))]),
        case("xml", Logical::Text { chars_max: None }, [("<a>é</a>", text("<a>é</a>"))]),
        case(
            "public.citext",
            Logical::Text { chars_max: None },
            [("MiXed", text("MiXed")), ("mixed ", text("mixed "))],
        ),
        case("public.mood", Logical::Enum, [("sad", text("sad")), ("o'k", text("o'k"))]),
        case("bytea", Logical::Bytes { bytes_max: None }, [("", bytes(b"")), ("\\x00ff27", bytes(&[0, 255, 0x27]))]),
        case(
            "uuid",
            Logical::Uuid,
            [(
                "00112233-4455-6677-8899-AABBCCDDEEFF",
                Value::Uuid(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFFu128.to_be_bytes()),
            )],
        ),
        case(
            "json",
            Logical::Json { ordered: true },
            [("{\"b\":1, \"a\":1.0, \"a\":2}", json("{\"b\":1, \"a\":1.0, \"a\":2}"))],
        ),
        case(
            "jsonb",
            Logical::Json { ordered: false },
            [("{\"b\":1, \"a\":1.0, \"a\":2}", json("{\"a\": 2, \"b\": 1}")), ("null", json("null"))],
        ),
        case(
            "inet",
            Logical::Network,
            [
                ("10.0.0.1", text("10.0.0.1")),
                ("10.0.0.1/24", text("10.0.0.1/24")),
                ("::ffff:10.0.0.1", text("::ffff:10.0.0.1")),
            ],
        ),
        case("cidr", Logical::Network, [("10.0.0.1", text("10.0.0.1/32")), ("2001:db8::/32", text("2001:db8::/32"))]),
        case("macaddr", Logical::Network, [("08-00-2B-01-02-03", text("08:00:2b:01:02:03"))]),
        case("macaddr8", Logical::Network, [("08:00:2b:01:02:03", text("08:00:2b:ff:fe:01:02:03"))]),
    ]
}

fn moments() -> Vec<Case> {
    let stamp = |v: Moment| Value::Timestamp(v);
    vec![
        case(
            "date",
            Logical::Date,
            [
                ("1970-01-01", Value::Date(Date::Days(0))),
                ("2000-02-29", Value::Date(Date::Days(11_016))),
                ("4713-01-01 BC", Value::Date(Date::Days(-2_440_550))),
                ("5874897-12-31", Value::Date(Date::Days(2_145_042_905))),
                ("infinity", Value::Date(Date::Infinity)),
                ("-infinity", Value::Date(Date::NegInfinity)),
            ],
        ),
        case(
            "time without time zone",
            Logical::Time { digits: 6 },
            [("00:00", Value::Time(0)), ("23:59:59.999999", Value::Time(DAY - 1)), ("24:00", Value::Time(DAY))],
        ),
        case("time(3) without time zone", Logical::Time { digits: 3 }, [("00:00:00.0015", Value::Time(2000))]),
        case(
            "time with time zone",
            Logical::TimeTz { digits: 6 },
            [
                ("10:00+02", Value::TimeTz { micros: 36_000_000_000, offset_seconds: 7200 }),
                ("10:00-15:59:59", Value::TimeTz { micros: 36_000_000_000, offset_seconds: -57_599 }),
            ],
        ),
        case(
            "timestamp without time zone",
            Logical::Timestamp { digits: 6 },
            [
                ("1970-01-01 00:00:00.000001", stamp(Moment::Micros(1))),
                ("1999-12-31 23:59:59", stamp(Moment::Micros(946_684_799_000_000))),
                ("4713-01-01 00:00 BC", stamp(Moment::Micros(-2_440_550 * DAY))),
                ("294246-12-31 23:59:59.999999", stamp(Moment::Micros(106_751_982 * DAY - 1))),
                ("infinity", stamp(Moment::Infinity)),
                ("-infinity", stamp(Moment::NegInfinity)),
            ],
        ),
        case(
            "timestamp(0) without time zone",
            Logical::Timestamp { digits: 0 },
            [("1970-01-01 00:00:00.6", stamp(Moment::Micros(1_000_000)))],
        ),
        case(
            "timestamp with time zone",
            Logical::Instant { digits: 6 },
            [
                ("1970-01-01 02:00+02", Value::Instant(Moment::Micros(0))),
                ("infinity", Value::Instant(Moment::Infinity)),
            ],
        ),
        case(
            "interval",
            Logical::Interval,
            [
                ("1 mon", interval(1, 0, 0)),
                ("30 days", interval(0, 30, 0)),
                ("-1 year 2 days -00:00:00.000001", interval(-12, 2, -1)),
            ],
        ),
    ]
}

/// Types and literals of them, for who compares another way of reading.
pub(super) fn literals() -> Vec<(&'static str, Vec<&'static str>)> {
    let cases = [numbers(), texts(), moments()].into_iter().flatten();
    cases.map(|case| (case.native, case.values.into_iter().map(|(literal, _)| literal).collect())).collect()
}

/// A NaN is not equal to itself, and the sign of a zero is lost in `==`.
fn same(a: &OwnedValue, b: &OwnedValue) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

async fn every_type_reads_as_it_was_written(side: Side) {
    let mut cases = numbers();
    cases.extend(texts());
    cases.extend(moments());
    cases.push(case("real", Logical::Float32, [("NaN", Value::F32(f32::NAN)), ("-0", Value::F32(-0.0))]));
    cases.push(case("double precision", Logical::Float64, [("NaN", Value::F64(f64::NAN)), ("-0", Value::F64(-0.0))]));
    let mut sql = String::from("CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'o''k');\n");
    for (i, case) in cases.iter().enumerate() {
        sql.push_str(&format!("CREATE DOMAIN d{i} AS {};", case.native));
        sql.push_str(&format!("CREATE TABLE t{i} (id int PRIMARY KEY, v {}, d d{i});", case.native));
        for (id, (literal, _)) in case.values.iter().enumerate() {
            let literal = literal.replace('\'', "''");
            sql.push_str(&format!("INSERT INTO t{i} VALUES ({id}, '{literal}', '{literal}');\n"));
        }
        sql.push_str(&format!("INSERT INTO t{i} VALUES (-1, NULL, NULL);"));
    }
    let fixture = Fixture::new(side, "types", &sql).await;
    for (i, case) in cases.iter().enumerate() {
        let table = fixture.table(&format!("t{i}")).await;
        assert_eq!(table.columns[1].native, case.native);
        assert_eq!(table.columns[1].logical, Some(case.logical.clone()), "{}", case.native);
        assert_eq!(table.columns[2].native, format!("{} (domain public.d{i})", case.native));
        assert_eq!(table.columns[2].logical, Some(case.logical.clone()), "{}", case.native);
        let mut found = rows(&fixture.postgres, &table, Scope::All).await.expect(case.native);
        found.sort_by_key(|row| display::text(&row[0]).and_then(|id| id.parse::<i64>().ok()));
        let mut expected = vec![Value::Null];
        expected.extend(case.values.iter().map(|(_, value)| value.clone()));
        assert_eq!(found.len(), expected.len(), "{}", case.native);
        for (row, expected) in found.iter().zip(&expected) {
            assert!(same(&row[1], expected), "{}: {:?} is not {expected:?}", case.native, row[1]);
            assert!(same(&row[2], expected), "a domain over {}: {:?} is not {expected:?}", case.native, row[2]);
        }
    }
}

/// Compares `v` with what the server itself prints in `t`, for every row.
async fn reads_as_printed(fixture: &Fixture, table: &str, least: usize) {
    let table = fixture.table(table).await;
    let rows = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
    assert!(rows.len() >= least, "only {} rows", rows.len());
    for row in rows {
        assert_eq!(display::text(&row[0]), display::text(&row[1]));
    }
}

async fn numerics_read_as_the_server_prints_them(side: Side) {
    let fixture = Fixture::new(
        side,
        "numerics",
        "CREATE TABLE n AS SELECT v, v::text AS t FROM (
             SELECT (CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END) * round((random()::numeric * 10::numeric ^ (i % 60)), i % 43) AS v
             FROM generate_series(1, 20000) i
             UNION ALL SELECT 10::numeric ^ i FROM generate_series(-40, 60) i
             UNION ALL SELECT round(10::numeric ^ i, 45) FROM generate_series(-40, 60) i
             UNION ALL SELECT '1e131071'::numeric UNION ALL SELECT '-1e-16383'::numeric
             UNION ALL SELECT '12345678901234567890.10'::numeric UNION ALL SELECT '0.00'::numeric) s",
    )
    .await;
    reads_as_printed(&fixture, "n", 20_200).await;
}

async fn moments_read_as_the_server_prints_them(side: Side) {
    let fixture = Fixture::new(
        side,
        "moments",
        "SET TimeZone = 'UTC'; SET DateStyle = 'ISO';
         CREATE TABLE d AS SELECT v, v::text AS t FROM (
             SELECT '2000-01-01'::date + (random() * 4000000 - 2000000)::int AS v FROM generate_series(1, 5000)) s;
         CREATE TABLE s AS SELECT v, v::text AS t FROM (
             SELECT '2000-01-01'::timestamp + (random() * 4000000 - 2000000) * interval '1 day' AS v
             FROM generate_series(1, 5000)) s;
         CREATE TABLE z AS SELECT v, v::text AS t FROM (
             SELECT '2000-01-01'::timestamptz + (random() * 4000000 - 2000000) * interval '1 day' AS v
             FROM generate_series(1, 5000)) s",
    )
    .await;
    for table in ["d", "s", "z"] {
        reads_as_printed(&fixture, table, 5000).await;
    }
}

async fn addresses_read_as_the_server_prints_them(side: Side) {
    // Words of zero are common here, as they decide how an address is shortened.
    let fixture = Fixture::new(
        side,
        "addresses",
        "CREATE TABLE v6 AS SELECT v::inet AS v, format('%s', v::inet) AS t FROM (
             SELECT (SELECT string_agg(CASE WHEN random() < 0.7 THEN '0' ELSE to_hex((random() * 65535)::int) END, ':')
                     FROM generate_series(1, 8) WHERE i > 0) || '/' || (i % 129) AS v
             FROM generate_series(1, 20000) i) s;
         INSERT INTO v6 SELECT v::inet, format('%s', v::inet) FROM unnest(ARRAY['::', '::1', '::2', '1::', '::ffff:1.2.3.4',
             '::1.2.3.4', '::ffff:0:1.2.3.4', '::ffff', '0:0:0:0:0:ffff::', '::1:0:0:1:0:0', '::1:2', '1:0:0:2::']) v;
         CREATE TABLE c AS SELECT v::cidr AS v, format('%s', v::cidr) AS t FROM (
             SELECT network(set_masklen('10.0.0.0'::inet + (i::bigint * 7919), i % 33)) AS v FROM generate_series(1, 2000) i) s",
    )
    .await;
    reads_as_printed(&fixture, "v6", 20_000).await;
    reads_as_printed(&fixture, "c", 2000).await;
}

async fn money_has_the_scale_of_the_database(side: Side) {
    let fixture = Fixture::new(
        side,
        "money",
        "CREATE TABLE m (v money PRIMARY KEY);
         INSERT INTO m VALUES (12.50::numeric::money), ((-92233720368547758.08)::numeric::money)",
    )
    .await;
    let table = fixture.table("m").await;
    assert_eq!(table.columns[0].logical, Some(Logical::Decimal { precision: Some(19), scale: 2 }));
    let all = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
    assert_eq!(all, [[small(1250, 2)], [small(-9_223_372_036_854_775_808, 2)]]);
    let one = rows(&fixture.postgres, &table, Scope::Keys { key: &[0], values: &[vec![small(125, 1)]] }).await;
    assert_eq!(one.expect("rows"), [[small(1250, 2)]]);
}

async fn a_type_that_cannot_be_compared_is_an_error_that_names_it(side: Side) {
    let fixture = Fixture::new(
        side,
        "unknown",
        "CREATE TYPE granted AS (a int, b aclitem);
         CREATE TABLE u (id int PRIMARY KEY, a aclitem, b aclitem[], c granted, d pg_node_tree)",
    )
    .await;
    let table = fixture.table("u").await;
    for (i, native) in [(1, "aclitem"), (2, "aclitem[]"), (3, "public.granted"), (4, "pg_node_tree")] {
        assert_eq!(table.columns[i].logical, None);
        let error = fixture.postgres.decoder(&table, &[0, i]).err().expect("an error");
        match &error {
            Error::UnknownType { table, column, native: found } => {
                assert_eq!((table.as_str(), found.as_str()), ("public.u", native));
                assert_eq!(column, ["a", "b", "c", "d"][i - 1]);
            }
            other => panic!("{other:?}"),
        }
        let read = super::filtered(&fixture.postgres, &table, &[i], Scope::All, None).await;
        assert!(matches!(read, Err(Error::UnknownType { .. })), "{read:?}");
    }
    fixture.postgres.decoder(&table, &[0]).expect("the other column can be read");
}

async fn a_moment_beyond_our_calendar_is_an_error(side: Side) {
    let fixture = Fixture::new(
        side,
        "late",
        "CREATE TABLE l (v timestamp); INSERT INTO l VALUES ('294276-12-31 23:59:59.999999')",
    )
    .await;
    let table = fixture.table("l").await;
    match rows(&fixture.postgres, &table, Scope::All).await {
        Err(Error::Decode { table, column, .. }) => assert_eq!((table.as_str(), column.as_str()), ("public.l", "v")),
        other => panic!("{other:?}"),
    }
}

async fn a_large_value_is_read_whole(side: Side) {
    // Larger than a batch, and than any buffer on the way.
    let fixture = Fixture::new(
        side,
        "large",
        "CREATE TABLE b (id int, v text); INSERT INTO b SELECT i, repeat(chr(64 + i), 9000000) FROM generate_series(1, 3) i",
    )
    .await;
    let table = fixture.table("b").await;
    let mut found = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
    found.sort_by_key(|row| display::text(&row[0]));
    for (row, letter) in found.iter().zip(["A", "B", "C"]) {
        assert!(matches!(&row[1], Value::Text(v) if *v == letter.repeat(9_000_000)));
    }
}

async fn a_table_without_columns_has_rows(side: Side) {
    let fixture =
        Fixture::new(side, "none", "CREATE TABLE e (); INSERT INTO e DEFAULT VALUES; INSERT INTO e DEFAULT VALUES")
            .await;
    let table = fixture.table("e").await;
    assert_eq!(rows(&fixture.postgres, &table, Scope::All).await.expect("rows"), [[], []] as [[OwnedValue; 0]; 2]);
}
