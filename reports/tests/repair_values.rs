//! Values in repair scripts: the source's in the target's types, and the target's
//! old ones in conditions.

use switchback_engines::canon::Settings;
use switchback_engines::{Column, Date, Engine, Flavor, Logical, Moment, OwnedValue, Value};
use switchback_verify::Difference;

use crate::build::{INT, TEXT, changed, column, plan, plan_with, required, source_only, table, text};
use crate::repair_sql::{dec, script_of, statements};

/// One row for each value; the column `v` is `source` here and `target` there.
fn converted(source: (Engine, Logical), target: (Engine, Logical), values: &[OwnedValue]) -> String {
    let settings = Settings { naive_zone_minutes: Some(120), ..Settings::default() };
    converted_under(&settings, source, target, values)
}

fn converted_under(
    settings: &Settings,
    (source_engine, source): (Engine, Logical),
    (target_engine, target): (Engine, Logical),
    values: &[OwnedValue],
) -> String {
    let of = |logical| table(None, "t", vec![required("id", "int", INT), column("v", "the type", logical)], &[0]);
    let plan = plan_with(settings, source_engine, of(source), target_engine, of(target));
    let rows: Vec<Difference> = values
        .iter()
        .enumerate()
        .map(|(i, v)| source_only(vec![Value::Int(i.try_into().unwrap()), v.clone()]))
        .collect();
    let (script, _) = script_of(Flavor::Original, &[(plan, rows)], Vec::new());
    let lines = script.lines().filter_map(|line| {
        line.split_once("VALUES (")
            .map(|(_, rest)| rest.trim_end_matches(");").split_once(", ").unwrap().1.to_owned())
            .or_else(|| {
                line.strip_prefix("-- NOT REPAIRED, source only: ")
                    .map(|rest| rest.split_once(": ").unwrap().1.to_owned())
            })
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn values_are_converted_as_the_settings_say() {
    let settings = |json| serde_json::from_str::<Settings>(json).unwrap();
    let words = settings(r#"{"bool_words":{"true":["Y","yes"],"false":["N"]}}"#);
    let swapped = settings(r#"{"uuid_layout":"time_swapped"}"#);
    let (my, pg) = (|l| (Engine::MySql, l), |l| (Engine::Postgres, l));
    let uuid = [0x6c, 0xcd, 0x78, 0x0c, 0xba, 0xba, 0x10, 0x26, 0x95, 0x64, 0x5b, 0x8c, 0x65, 0x60, 0x24, 0xdb];
    let bytes = [0x10, 0x26, 0xba, 0xba, 0x6c, 0xcd, 0x78, 0x0c, 0x95, 0x64, 0x5b, 0x8c, 0x65, 0x60, 0x24, 0xdb];
    let binary = || Logical::Binary { bytes: 16 };
    let stored = || Value::Bytes(bytes.to_vec().into());
    let zero = Value::Date(Date::OffCalendar { year: 0, month: 0, day: 0 });
    for (got, expected) in [
        (converted_under(&words, pg(Logical::Bool), my(TEXT), &[Value::Bool(true), Value::Bool(false)]), "'Y'\n'N'"),
        (
            converted_under(&words, my(TEXT), pg(Logical::Bool), &[text("yes"), text("N"), text("no")]),
            "'true'\n'false'\n`v`: the value has no equal in `the type`",
        ),
        (
            converted_under(&swapped, my(binary()), pg(Logical::Uuid), &[stored()]),
            "'6ccd780c-baba-1026-9564-5b8c656024db'",
        ),
        (converted_under(&swapped, my(binary()), pg(TEXT), &[stored()]), "'6ccd780c-baba-1026-9564-5b8c656024db'"),
        (
            converted_under(&swapped, pg(Logical::Uuid), my(binary()), &[Value::Uuid(uuid)]),
            "x'1026baba6ccd780c95645b8c656024db'",
        ),
        (
            converted_under(&settings(r#"{"zero_date_is_null":true}"#), my(Logical::Date), pg(Logical::Date), &[zero]),
            "NULL",
        ),
    ] {
        assert_eq!(got.to_lowercase(), expected.to_lowercase());
    }
}

#[test]
fn values_are_converted_to_the_targets_type_or_named() {
    use Engine::{MySql, Postgres, Sqlite};
    let decimal = |precision, scale| Logical::Decimal { precision, scale };
    let int = |bits, unsigned| Logical::Int { bits, unsigned };
    let instant = Logical::Instant { digits: 6 };
    let timestamp = Logical::Timestamp { digits: 6 };
    let at = |micros| Moment::Micros(micros);
    let uuid = [0x01, 0x88, 0xB9, 0xA2, 0, 0, 0x70, 0, 0x80, 0, 1, 2, 3, 4, 5, 0xAB];
    let off = Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 };
    let bytes = |v: &[u8]| Value::Bytes(v.to_vec().into());
    let cases: Vec<(&str, String)> = vec![
        (
            "bool to int",
            converted((Postgres, Logical::Bool), (MySql, int(8, false)), &[Value::Bool(true), Value::Bool(false)]),
        ),
        ("int to bool", converted((MySql, int(8, false)), (Postgres, Logical::Bool), &[Value::Int(1), Value::Int(2)])),
        (
            "int to smaller int",
            converted((Postgres, INT), (MySql, int(8, true)), &[Value::Int(255), Value::Int(256), Value::Int(-1)]),
        ),
        (
            "decimal to int",
            converted(
                (Postgres, decimal(None, 0)),
                (MySql, int(64, true)),
                &[dec("7.00"), dec("18446744073709551615"), dec("0.5"), dec("NaN")],
            ),
        ),
        (
            "decimal to decimal",
            converted(
                (Postgres, decimal(None, 0)),
                (MySql, decimal(Some(5), 2)),
                &[dec("999.99"), dec("1.100"), dec("1.101"), dec("1000"), dec("NaN")],
            ),
        ),
        (
            "bits to int",
            converted(
                (MySql, Logical::Bits { len: Some(11) }),
                (Postgres, INT),
                &[Value::Bits { len: 11, bytes: vec![0, 0b1010_0000].into() }],
            ),
        ),
        (
            "int to bits",
            converted((Postgres, INT), (MySql, Logical::Bits { len: Some(11) }), &[Value::Int(5), Value::Int(2048)]),
        ),
        (
            "double to decimal",
            converted(
                (MySql, Logical::Float64),
                (Postgres, decimal(Some(10), 2)),
                &[Value::F64(0.25), Value::F64(0.125), Value::F64(1e7)],
            ),
        ),
        (
            "double to single",
            converted(
                (Postgres, Logical::Float64),
                (MySql, Logical::Float32),
                &[Value::F64(0.5), Value::F64(0.1), Value::F64(f64::NAN)],
            ),
        ),
        (
            "numeric to int",
            converted(
                (Sqlite, Logical::SqliteNumeric),
                (Postgres, int(32, false)),
                &[Value::F64(3.0), Value::Int(4), Value::F64(0.5), text("x")],
            ),
        ),
        (
            "double to SQLite",
            converted(
                (Postgres, Logical::Float64),
                (Sqlite, Logical::Float64),
                &[Value::F64(0.1), Value::F64(f64::INFINITY), Value::F64(f64::NAN)],
            ),
        ),
        (
            "uuid to binary",
            converted((Postgres, Logical::Uuid), (MySql, Logical::Binary { bytes: 16 }), &[Value::Uuid(uuid)]),
        ),
        (
            "uuid to char(36)",
            converted((Postgres, Logical::Uuid), (MySql, Logical::Char { chars_max: 36 }), &[Value::Uuid(uuid)]),
        ),
        (
            "uuid to char(32)",
            converted((Postgres, Logical::Uuid), (MySql, Logical::Char { chars_max: 32 }), &[Value::Uuid(uuid)]),
        ),
        (
            "text to uuid",
            converted(
                (MySql, Logical::Char { chars_max: 36 }),
                (Postgres, Logical::Uuid),
                &[text("0188B9A2-0000-7000-8000-0102030405AB"), text("none")],
            ),
        ),
        (
            "bytes to text",
            converted(
                (MySql, Logical::Bytes { bytes_max: None }),
                (Postgres, TEXT),
                &[bytes("é".as_bytes()), bytes(&[0xFF]), bytes(&[0])],
            ),
        ),
        (
            "text to bytes",
            converted((Postgres, TEXT), (MySql, Logical::Bytes { bytes_max: Some(2) }), &[text("é"), text("abc")]),
        ),
        (
            "text to shorter text",
            converted((Postgres, TEXT), (MySql, Logical::Text { chars_max: Some(2) }), &[text("éé"), text("abc")]),
        ),
        (
            "instant to timestamp",
            converted(
                (Postgres, instant.clone()),
                (MySql, timestamp.clone()),
                &[Value::Instant(at(0)), Value::Instant(Moment::Infinity)],
            ),
        ),
        (
            "timestamp to instant",
            converted(
                (MySql, timestamp.clone()),
                (Postgres, instant.clone()),
                &[Value::Timestamp(at(7_200_000_000)), Value::Timestamp(off)],
            ),
        ),
        (
            "date to timestamp",
            converted(
                (Postgres, Logical::Date),
                (MySql, timestamp.clone()),
                &[Value::Date(Date::Days(1)), Value::Date(Date::Days(-719_163))],
            ),
        ),
        (
            "timestamp to date",
            converted(
                (MySql, timestamp.clone()),
                (Postgres, Logical::Date),
                &[Value::Timestamp(at(86_400_000_000)), Value::Timestamp(at(1))],
            ),
        ),
        (
            "date to SQLite",
            converted(
                (Postgres, Logical::Date),
                (Sqlite, TEXT),
                &[Value::Date(Date::Days(1)), Value::Date(Date::Infinity)],
            ),
        ),
        ("instant to SQLite", converted((Postgres, instant.clone()), (Sqlite, TEXT), &[Value::Instant(at(1_500_000))])),
        (
            "SQLite to instant",
            converted(
                (Sqlite, TEXT),
                (Postgres, instant.clone()),
                &[text("1970-01-01T02:00:00+02:00"), text("1970-01-01 00:00:01"), text("soon")],
            ),
        ),
        (
            "time to PostgreSQL",
            converted(
                (MySql, Logical::Time { digits: 0 }),
                (Postgres, Logical::Time { digits: 6 }),
                &[Value::Time(86_400_000_000), Value::Time(-1_000_000)],
            ),
        ),
        (
            "json to PostgreSQL",
            converted(
                (MySql, Logical::Json { ordered: false }),
                (Postgres, Logical::Json { ordered: false }),
                &[Value::Json("{\"a\": 1}".into()), Value::Json("\"\\u0000\"".into())],
            ),
        ),
        ("text to PostgreSQL", converted((MySql, TEXT), (Postgres, TEXT), &[text("a\u{0}b"), text("\\")])),
        ("set to text", converted((MySql, Logical::Set), (Postgres, TEXT), &[Value::Set("a,b".into())])),
    ];
    let lines: Vec<String> =
        cases.into_iter().map(|(name, lines)| format!("{name}\n  {}", lines.replace('\n', "\n  "))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bool to int
      1
      0
    int to bool
      'true'
      `v`: the value is beyond what `the type` holds
    int to smaller int
      255
      `v`: the value is beyond what `the type` holds
      `v`: the value is beyond what `the type` holds
    decimal to int
      7
      18446744073709551615
      `v`: the value is beyond what `the type` holds
      `v`: the value is beyond what `the type` holds
    decimal to decimal
      999.99
      1.100
      `v`: the value is beyond what `the type` holds
      `v`: the value is beyond what `the type` holds
      `v`: the value is beyond what `the type` holds
    bits to int
      '5'
    int to bits
      b'00000000101'
      `v`: the value has no equal in `the type`
    double to decimal
      '0.25'
      `v`: the value is beyond what `the type` holds
      '10000000.0'
    double to single
      5e-1
      `v`: the value has no equal in `the type`
      `v`: the value is beyond what `the type` holds
    numeric to int
      '3'
      '4'
      `v`: the value has no equal in `the type`
      `v`: the value has no equal in `the type`
    double to SQLite
      0.1
      9e999
      `v`: the value is beyond what `the type` holds
    uuid to binary
      x'0188b9a20000700080000102030405ab'
    uuid to char(36)
      '0188b9a2-0000-7000-8000-0102030405ab'
    uuid to char(32)
      '0188b9a20000700080000102030405ab'
    text to uuid
      '0188b9a2-0000-7000-8000-0102030405ab'
      `v`: the value has no equal in `the type`
    bytes to text
      'é'
      `v`: the value has no equal in `the type`
      `v`: the value is beyond what `the type` holds
    text to bytes
      x'c3a9'
      `v`: the value is beyond what `the type` holds
    text to shorter text
      'éé'
      `v`: the value is beyond what `the type` holds
    instant to timestamp
      '1970-01-01 02:00:00'
      `v`: the value is beyond what `the type` holds
    timestamp to instant
      '1970-01-01 00:00:00+00'
      `v`: the value is beyond what `the type` holds
    date to timestamp
      '1970-01-02 00:00:00'
      `v`: the value is beyond what `the type` holds
    timestamp to date
      '1970-01-02'
      `v`: the value has no equal in `the type`
    date to SQLite
      '1970-01-02'
      `v`: the value has no equal in `the type`
    instant to SQLite
      '1970-01-01 02:00:01.5'
    SQLite to instant
      '1970-01-01 00:00:00+00'
      '1969-12-31 22:00:01+00'
      `v`: the value has no equal in `the type`
    time to PostgreSQL
      '24:00:00'
      `v`: the value is beyond what `the type` holds
    json to PostgreSQL
      '{"a": 1}'
      `v`: the value is beyond what `the type` holds
    text to PostgreSQL
      `v`: the value is beyond what `the type` holds
      '\'
    set to text
      'a,b'
    "#);
}

/// Old values that a server compares loosely, or not at all.
#[test]
fn guards_find_the_row_as_it_was() {
    let cases: Vec<(Engine, Flavor, Column, OwnedValue)> = vec![
        (
            Engine::Postgres,
            Flavor::Original,
            column("v", "json", Logical::Json { ordered: true }),
            Value::Json("{}".into()),
        ),
        (
            Engine::Postgres,
            Flavor::Original,
            column("v", "jsonb", Logical::Json { ordered: false }),
            Value::Json("{}".into()),
        ),
        (
            Engine::Postgres,
            Flavor::Original,
            column("v", "interval", Logical::Interval),
            Value::Interval { months: 1, days: 0, micros: 0 },
        ),
        (Engine::Postgres, Flavor::Original, column("v", "citext", TEXT), text("A")),
        (
            Engine::Postgres,
            Flavor::Original,
            Column { collation: Some("und-x-icu".to_owned()), ..column("v", "text", TEXT) },
            text("A"),
        ),
        (Engine::Postgres, Flavor::Original, column("v", "double precision", Logical::Float64), Value::F64(f64::NAN)),
        (
            Engine::MySql,
            Flavor::Original,
            column("v", "json", Logical::Json { ordered: false }),
            Value::Json("{}".into()),
        ),
        (
            Engine::MySql,
            Flavor::MariaDb,
            column("v", "json", Logical::Json { ordered: true }),
            Value::Json("{}".into()),
        ),
        (Engine::MySql, Flavor::Original, column("v", "float", Logical::Float32), Value::F32(0.1)),
        (
            Engine::MySql,
            Flavor::Original,
            Column { collation: Some("utf8mb4_0900_ai_ci".to_owned()), ..column("v", "text", TEXT) },
            text("A"),
        ),
        (
            Engine::MySql,
            Flavor::Original,
            Column { collation: Some("utf8mb4_bin".to_owned()), ..column("v", "text", TEXT) },
            text("A"),
        ),
        (
            Engine::MySql,
            Flavor::Original,
            column("v", "datetime", Logical::Timestamp { digits: 0 }),
            Value::Timestamp(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 }),
        ),
        (
            Engine::Sqlite,
            Flavor::Original,
            Column { collation: Some("NOCASE".to_owned()), ..column("v", "text", TEXT) },
            text("A"),
        ),
        (Engine::Sqlite, Flavor::Original, column("v", "integer", INT), text("abc")),
        (Engine::Sqlite, Flavor::Original, column("v", "integer", INT), Value::Null),
    ];
    let mut lines = Vec::new();
    for (engine, flavor, column, old) in cases {
        let table = table(None, "t", vec![required("id", "int", INT), column], &[0]);
        let plan = plan(engine, table.clone(), engine, table);
        let change = changed(&[1], vec![Value::Int(1), Value::Null], vec![Value::Int(1), old]);
        let change = if matches!(change.target.as_ref().unwrap()[1], Value::Null) {
            changed(&[1], vec![Value::Int(1), Value::Int(5)], vec![Value::Int(1), Value::Null])
        } else {
            change
        };
        let (script, _) = script_of(flavor, &[(plan, vec![change])], Vec::new());
        lines.push(statements(&script).split_once(" WHERE ").unwrap().1.to_owned());
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "id" = '1' AND "v"::text = '{}';
    "id" = '1' AND "v" = '{}';
    "id" = '1' AND "v"::text = ('1 mons 0 days 0 microseconds'::interval)::text;
    "id" = '1' AND "v"::text = 'A';
    "id" = '1' AND "v" = 'A' AND "v" = 'A' COLLATE "C";
    "id" = '1' AND "v" = 'NaN';
    `id` = 1 AND `v` = CAST('{}' AS JSON);
    `id` = 1 AND `v` = '{}' AND `v` = '{}' COLLATE utf8mb4_bin;
    `id` = 1 AND `v` = 1.0000000149011612e-1;
    `id` = 1 AND `v` = 'A' AND `v` = 'A' COLLATE utf8mb4_bin;
    `id` = 1 AND `v` = 'A';
    `id` = 1 AND `v` = '0000-00-00 00:00:00';
    "id" = 1 AND "v" = 'A' AND "v" = 'A' COLLATE BINARY;
    "id" = 1 AND "v" = 'abc';
    "id" = 1 AND "v" IS NULL;
    "#);
}
