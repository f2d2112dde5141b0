//! Each type with the values at its edges.

use switchback_engines::{Date, Logical, Moment, OwnedValue, Value};
use switchback_fixtures::Family;

use super::{Here, bytes, decimal, text};

on_both!(integers, floats, decimals, strings, binaries, bits, dates, times, documents, labels, nulls);

const DAY: i64 = 86_400_000_000;

fn int(bits: u8, unsigned: bool) -> Logical {
    Logical::Int { bits, unsigned }
}

fn json(v: &str) -> OwnedValue {
    Value::Json(v.to_owned().into())
}

/// A column of type `native` that holds `literals` and is read as `expected`.
async fn holds(here: &Here, native: &str, logical: Logical, values: &[(&str, OwnedValue)]) {
    let rows: Vec<String> = values.iter().enumerate().map(|(i, (literal, _))| format!("({i}, {literal})")).collect();
    here.execute(&format!(
        "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'; DROP TABLE IF EXISTS t; \
         CREATE TABLE t (id INT PRIMARY KEY, v {native}); INSERT INTO t VALUES {}",
        rows.join(", ")
    ))
    .await;
    let table = here.table("t").await;
    assert_eq!(table.columns[1].logical, Some(logical), "{native}");
    let mut read = here.rows("t").await;
    read.sort_by_key(|row| match row[0] {
        Value::Int(id) => id,
        _ => panic!("the id is {:?}", row[0]),
    });
    for (row, (literal, expected)) in read.iter().zip(values) {
        assert_eq!(&row[1], expected, "{literal} in {native}");
    }
    assert_eq!(read.len(), values.len(), "{native}");
}

async fn integers(family: Family) {
    let here = Here::new(family, "integers").await;
    for (native, bits, min, max) in [
        ("TINYINT", 8, -128, 127),
        ("SMALLINT", 16, -32_768, 32_767),
        ("MEDIUMINT", 24, -8_388_608, 8_388_607),
        ("INT", 32, -2_147_483_648, 2_147_483_647),
        ("BIGINT", 64, i64::MIN, i64::MAX),
    ] {
        let values = [min, -1, 0, 1, max].map(|v| (v.to_string(), Value::Int(v)));
        let values: Vec<_> = values.iter().map(|(l, v)| (l.as_str(), v.clone())).collect();
        holds(&here, native, int(bits, false), &values).await;
    }
    for (native, bits, max) in [
        ("TINYINT UNSIGNED", 8, 255),
        ("SMALLINT UNSIGNED", 16, 65_535),
        ("MEDIUMINT UNSIGNED", 24, 16_777_215),
        ("INT UNSIGNED", 32, 4_294_967_295),
        ("BIGINT UNSIGNED", 64, u64::MAX),
    ] {
        let values = [0, 1, max / 2 + 1, max].map(|v| (v.to_string(), Value::UInt(v)));
        let values: Vec<_> = values.iter().map(|(l, v)| (l.as_str(), v.clone())).collect();
        holds(&here, native, int(bits, true), &values).await;
    }
    let truth = [("TRUE", Value::Int(1)), ("FALSE", Value::Int(0)), ("2", Value::Int(2)), ("-1", Value::Int(-1))];
    holds(&here, "TINYINT(1)", int(8, false), &truth).await;
    holds(&here, "INT(7) ZEROFILL", int(32, true), &[("7", Value::UInt(7)), ("12345678", Value::UInt(12_345_678))])
        .await;
    let years =
        [("1901", Value::Int(1901)), ("2155", Value::Int(2155)), ("0", Value::Int(0)), ("'00'", Value::Int(2000))];
    holds(&here, "YEAR", Logical::Year, &years).await;
}

async fn floats(family: Family) {
    let here = Here::new(family, "floats").await;
    // Text of a FLOAT has six digits: all of these would come in pairs.
    let singles = [
        ("16777216", Value::F32(16_777_216.0)),
        ("16777218", Value::F32(16_777_218.0)),
        ("1234567.125", Value::F32(1_234_567.1)),
        ("1234568.375", Value::F32(1_234_568.4)),
        ("0.1", Value::F32(0.1)),
        ("-3.4028234e38", Value::F32(f32::MIN)),
        ("1.17549435e-38", Value::F32(f32::MIN_POSITIVE)),
        ("0", Value::F32(0.0)),
    ];
    holds(&here, "FLOAT", Logical::Float32, &singles).await;
    let doubles = [
        ("0.1", Value::F64(0.1)),
        ("0.30000000000000004", Value::F64(0.1 + 0.2)),
        ("9007199254740993", Value::F64(9_007_199_254_740_992.0)),
        ("1.7976931348623157e308", Value::F64(f64::MAX)),
        ("-2.2250738585072014e-308", Value::F64(-f64::MIN_POSITIVE)),
    ];
    holds(&here, "DOUBLE", Logical::Float64, &doubles).await;
    holds(&here, "DOUBLE(10,2)", Logical::Float64, &[("1.005", Value::F64(1.0)), ("1.25", Value::F64(1.25))]).await;
}

async fn decimals(family: Family) {
    let here = Here::new(family, "decimals").await;
    let logical = |precision, scale| Logical::Decimal { precision: Some(precision), scale };
    let money = [("1.10", decimal("1.10")), ("-0.05", decimal("-0.05")), ("0", decimal("0.00"))];
    holds(&here, "DECIMAL(12,2)", logical(12, 2), &money).await;
    let long = "9".repeat(65);
    let fraction = format!("-{}.{}", "1".repeat(35), "2".repeat(30));
    holds(&here, "DECIMAL(65)", logical(65, 0), &[(&long, decimal(&long)), ("-1", decimal("-1"))]).await;
    holds(&here, "DECIMAL(65,30)", logical(65, 30), &[(&fraction, decimal(&fraction))]).await;
    let tiny = format!("0.{}1", "0".repeat(29));
    holds(&here, "DECIMAL(30,30)", logical(30, 30), &[(&tiny, decimal(&tiny))]).await;
    let edge = ["123456789012345678", "-999999999999999999", "1000000000000000000"].map(|v| (v, decimal(v)));
    holds(&here, "DECIMAL(19)", logical(19, 0), &edge).await;
    holds(&here, "DECIMAL(10,0) UNSIGNED ZEROFILL", logical(10, 0), &[("7", decimal("7"))]).await;
}

async fn strings(family: Family) {
    let here = Here::new(family, "strings").await;
    // The server strips what it padded; what was stored with spaces too.
    let chars = [("'ab'", text("ab")), ("'ab  '", text("ab")), ("''", text("")), ("' a'", text(" a"))];
    holds(&here, "CHAR(5)", Logical::Char { chars_max: 5 }, &chars).await;
    let varying = [
        ("'ab  '", text("ab  ")),
        ("'it''s \"\\\\ \\n'", text("it's \"\\ \n")),
        ("CONCAT('a', CHAR(0), 'b')", text("a\0b")),
        ("_utf8mb4 x'F09F9880C3A965CC81'", text("😀ée\u{301}")),
        ("'NULL'", text("NULL")),
        ("REPEAT('x', 300)", text(&"x".repeat(300))),
    ];
    holds(&here, "VARCHAR(300)", Logical::Text { chars_max: Some(300) }, &varying).await;
    let long = "é".repeat(100_000);
    let longs = [("REPEAT('é', 100000)", text(&long)), ("''", text(""))];
    for native in ["MEDIUMTEXT", "LONGTEXT"] {
        holds(&here, native, Logical::Text { chars_max: None }, &longs).await;
    }
    for native in ["TINYTEXT", "TEXT"] {
        holds(&here, native, Logical::Text { chars_max: None }, &[("'a '", text("a "))]).await;
    }
}

async fn binaries(family: Family) {
    let here = Here::new(family, "binaries").await;
    let fixed = [("x'4100420000'", bytes(b"A\0B\0\0")), ("'a'", bytes(b"a\0\0\0\0")), ("''", bytes(&[0; 5]))];
    holds(&here, "BINARY(5)", Logical::Binary { bytes: 5 }, &fixed).await;
    let all: Vec<u8> = (0..=255).collect();
    let literal = format!("x'{}'", switchback_engines::display::hex(&all));
    let varying =
        [(literal.as_str(), bytes(&all)), ("'a '", bytes(b"a ")), ("x'6100'", bytes(b"a\0")), ("''", bytes(b""))];
    holds(&here, "VARBINARY(300)", Logical::Bytes { bytes_max: Some(300) }, &varying).await;
    for (native, max) in [("TINYBLOB", 255), ("BLOB", 65_535), ("MEDIUMBLOB", 16_777_215), ("LONGBLOB", u32::MAX)] {
        holds(&here, native, Logical::Bytes { bytes_max: Some(max) }, &[("x'00ff'", bytes(&[0, 255]))]).await;
    }
    // The character set `binary` makes bytes of text.
    holds(&here, "CHAR(3) CHARACTER SET binary", Logical::Binary { bytes: 3 }, &[("'a'", bytes(b"a\0\0"))]).await;
    holds(&here, "VARCHAR(3) CHARACTER SET binary", Logical::Bytes { bytes_max: Some(3) }, &[("x'ff'", bytes(&[255]))])
        .await;
}

async fn bits(family: Family) {
    let here = Here::new(family, "bits").await;
    let bool = [("b'0'", Value::Bool(false)), ("b'1'", Value::Bool(true))];
    holds(&here, "BIT(1)", Logical::Bool, &bool).await;
    let bits = |len, bytes: &[u8]| Value::Bits { len, bytes: bytes.to_vec().into() };
    let twelve =
        [("b'101010101011'", bits(12, &[0xAA, 0xB0])), ("1", bits(12, &[0x00, 0x10])), ("0", bits(12, &[0, 0]))];
    holds(&here, "BIT(12)", Logical::Bits { len: Some(12) }, &twelve).await;
    let many = [("x'8000000000000001'", bits(64, &[0x80, 0, 0, 0, 0, 0, 0, 1])), ("0", bits(64, &[0; 8]))];
    holds(&here, "BIT(64)", Logical::Bits { len: Some(64) }, &many).await;
    holds(&here, "BIT(7)", Logical::Bits { len: Some(7) }, &[("b'1000001'", bits(7, &[0x82]))]).await;
}

async fn dates(family: Family) {
    let here = Here::new(family, "dates").await;
    let off = |year, month, day| Value::Date(Date::OffCalendar { year, month, day });
    let dates = [
        ("'1970-01-01'", Value::Date(Date::Days(0))),
        ("'9999-12-31'", Value::Date(Date::Days(2_932_896))),
        ("'1000-01-01'", Value::Date(Date::Days(-354_285))),
        ("'0000-01-01'", Value::Date(Date::Days(-719_528))),
        ("'0000-00-00'", off(0, 0, 0)),
        ("'2024-00-15'", off(2024, 0, 15)),
        ("'2024-02-00'", off(2024, 2, 0)),
        ("'2024-02-31'", off(2024, 2, 31)),
    ];
    holds(&here, "DATE", Logical::Date, &dates).await;
    let zero = Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 };
    let half = Moment::OffCalendar { year: 2024, month: 0, day: 15, micros: 45_296_500_000 };
    let moments = [
        ("'1970-01-01 00:00:00'", Value::Timestamp(Moment::Micros(0))),
        ("'1969-12-31 23:59:59.999999'", Value::Timestamp(Moment::Micros(-1))),
        ("'2024-02-29 12:34:56.123456'", Value::Timestamp(Moment::Micros(19_782 * DAY + 45_296_123_456))),
        ("'9999-12-31 23:59:59.999999'", Value::Timestamp(Moment::Micros(2_932_897 * DAY - 1))),
        ("'0000-00-00 00:00:00'", Value::Timestamp(zero)),
        ("'2024-00-15 12:34:56.5'", Value::Timestamp(half)),
    ];
    holds(&here, "DATETIME(6)", Logical::Timestamp { digits: 6 }, &moments).await;
    let whole = [("'2024-02-29 12:34:56'", Value::Timestamp(Moment::Micros(19_782 * DAY + 45_296_000_000)))];
    holds(&here, "DATETIME", Logical::Timestamp { digits: 0 }, &whole).await;
    let instants = [
        ("'1970-01-01 00:00:01'", Value::Instant(Moment::Micros(1_000_000))),
        ("'2038-01-19 03:14:07.999'", Value::Instant(Moment::Micros(2_147_483_647_999_000))),
        ("'0000-00-00 00:00:00'", Value::Instant(zero)),
    ];
    holds(&here, "TIMESTAMP(3) NULL", Logical::Instant { digits: 3 }, &instants).await;
}

async fn times(family: Family) {
    let here = Here::new(family, "times").await;
    let hour = 3_600_000_000;
    let times = [
        ("'00:00:00'", Value::Time(0)),
        ("'838:59:59'", Value::Time(839 * hour - 1_000_000)),
        ("'-838:59:59'", Value::Time(1_000_000 - 839 * hour)),
        ("'-00:00:01'", Value::Time(-1_000_000)),
        ("'23:59:59'", Value::Time(24 * hour - 1_000_000)),
        ("'100:00:00'", Value::Time(100 * hour)),
    ];
    holds(&here, "TIME", Logical::Time { digits: 0 }, &times).await;
    let fine = [("'-00:00:00.000001'", Value::Time(-1)), ("'25:00:00.5'", Value::Time(25 * hour + 500_000))];
    holds(&here, "TIME(6)", Logical::Time { digits: 6 }, &fine).await;
}

async fn documents(family: Family) {
    let here = Here::new(family, "documents").await;
    let source = r#"'{"b": 1.0, "a": "é", "a": [null, 12345678901234567890]}'"#;
    match family {
        // Its own form: keys in order, the last of a repeated one.
        Family::MySql => {
            let stored = r#"{"a": [null, 12345678901234567890], "b": 1.0}"#;
            holds(&here, "JSON", Logical::Json { ordered: false }, &[(source, json(stored)), ("'7'", json("7"))]).await;
        }
        // Text as it was written.
        Family::MariaDb => {
            let stored = source.trim_matches('\'');
            let logical = Logical::Json { ordered: true };
            holds(&here, "JSON", logical, &[(source, json(stored)), ("' 7 '", json(" 7 "))]).await;
            let uuid = Value::Uuid([
                0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0,
            ]);
            holds(&here, "UUID", Logical::Uuid, &[("'123E4567-E89B-12D3-A456-426614174000'", uuid)]).await;
            let network = [("'10.0.0.1'", text("10.0.0.1"))];
            holds(&here, "INET4", Logical::Network, &network).await;
            let network = [("'2001:DB8::1'", text("2001:db8::1")), ("'::ffff:10.0.0.1'", text("::ffff:10.0.0.1"))];
            holds(&here, "INET6", Logical::Network, &network).await;
        }
        Family::Postgres => unreachable!("this is not about PostgreSQL"),
    }
}

async fn labels(family: Family) {
    let here = Here::new(family, "labels").await;
    // Index 0 is what a bad label becomes where the server is lenient.
    let labels = [("'größe'", text("größe")), ("2", text("b")), ("'none of them'", text(""))];
    holds(&here, "ENUM('größe','b') CHARACTER SET latin1", Logical::Enum, &labels).await;
    let set = |v: &str| Value::Set(v.to_owned().into());
    let sets = [("'z,x'", set("x,z")), ("''", set("")), ("'ä'", set("ä"))];
    holds(&here, "SET('x','ä','z') CHARACTER SET latin1", Logical::Set, &sets).await;
}

/// Rows with every combination of NULLs over more columns than a byte has bits.
async fn nulls(family: Family) {
    let here = Here::new(family, "nulls").await;
    let columns: Vec<String> = (0..9).map(|i| format!("c{i} {}", ["INT", "VARCHAR(9)", "DATETIME"][i % 3])).collect();
    let literals = ["7", "'x'", "'1970-01-02 00:00:00'"];
    let rows: Vec<String> = (0..512)
        .map(|mask| {
            let cells: Vec<&str> = (0..9).map(|i| if mask >> i & 1 == 1 { "NULL" } else { literals[i % 3] }).collect();
            format!("({mask}, {})", cells.join(", "))
        })
        .collect();
    here.execute(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, {}); INSERT INTO t VALUES {}",
        columns.join(", "),
        rows.join(", ")
    ))
    .await;
    let filled = [Value::Int(7), text("x"), Value::Timestamp(Moment::Micros(DAY))];
    let rows = here.rows("t").await;
    assert_eq!(rows.len(), 512);
    for row in rows {
        let Value::Int(mask) = row[0] else { panic!("the id is {:?}", row[0]) };
        for (i, value) in row[1..].iter().enumerate() {
            let expected = if mask >> i & 1 == 1 { &Value::Null } else { &filled[i % 3] };
            assert_eq!(value, expected, "column {i} of row {mask:b}");
        }
    }
}
