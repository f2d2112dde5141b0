//! A column of every meaning, with every value it can have.

use switchback_engines::{Date, Decimal, Engine, Logical, Moment, OwnedValue, Value};
use switchback_verify::TablePlan;

use crate::build::{INT, column, plan, required, table, text};

/// A column and its values: those that its Parquet type holds, and those that
/// go to `untyped`.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) logical: Logical,
    pub(crate) typed: Vec<OwnedValue>,
    pub(crate) untyped: Vec<OwnedValue>,
}

fn dec(text: &str) -> OwnedValue {
    Value::Decimal(Decimal::parse(text).unwrap().into_owned())
}

fn bytes(v: &[u8]) -> OwnedValue {
    Value::Bytes(v.to_vec().into())
}

fn int(bits: u8, unsigned: bool) -> Logical {
    Logical::Int { bits, unsigned }
}

/// What PostgreSQL and MySQL hold.
pub(crate) fn server_cases() -> Vec<Case> {
    let off = Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 };
    let case = |name, logical, typed: &[OwnedValue], untyped: &[OwnedValue]| Case {
        name,
        logical,
        typed: typed.to_vec(),
        untyped: untyped.to_vec(),
    };
    vec![
        case("bool", Logical::Bool, &[Value::Bool(true), Value::Bool(false)], &[Value::Int(2)]),
        case("i8", int(8, false), &[Value::Int(-128), Value::Int(127)], &[Value::Int(128)]),
        case("i16", int(16, false), &[Value::Int(-32_768)], &[Value::Int(40_000)]),
        case("i24", int(24, false), &[Value::Int(-8_388_608)], &[Value::Int(i64::MIN)]),
        case("i32", int(32, false), &[Value::Int(i64::from(i32::MIN))], &[Value::Int(1 << 40)]),
        case("i64", int(64, false), &[Value::Int(i64::MIN), Value::Int(i64::MAX)], &[Value::UInt(u64::MAX)]),
        case("u8", int(8, true), &[Value::UInt(255)], &[Value::Int(-1)]),
        case("u16", int(16, true), &[Value::UInt(65_535)], &[Value::UInt(65_536)]),
        case("u32", int(32, true), &[Value::UInt(u64::from(u32::MAX))], &[Value::UInt(1 << 32)]),
        case("u64", int(64, true), &[Value::UInt(u64::MAX)], &[Value::Int(-1)]),
        case(
            "dec12_2",
            Logical::Decimal { precision: Some(12), scale: 2 },
            &[dec("-0.05"), dec("9999999999.99")],
            &[dec("NaN"), dec("Infinity"), dec("-Infinity"), dec("10000000000.00"), dec("0.001")],
        ),
        case("dec3_5", Logical::Decimal { precision: Some(3), scale: 5 }, &[dec("0.00123")], &[dec("NaN")]),
        case(
            "dec65_30",
            Logical::Decimal { precision: Some(65), scale: 30 },
            &[dec("-12345678901234567890123456789012345.123456789012345678901234567890")],
            &[dec("123456789012345678901234567890123456789.5")],
        ),
        case(
            "dec_any",
            Logical::Decimal { precision: None, scale: 0 },
            &[dec("1.10"), dec(&format!("{}.{}", "9".repeat(200), "1".repeat(50)))],
            &[dec("NaN"), dec("Infinity")],
        ),
        case("f32", Logical::Float32, &[Value::F32(0.1), Value::F32(f32::INFINITY)], &[Value::F64(0.1)]),
        case(
            "f64",
            Logical::Float64,
            &[Value::F64(0.1), Value::F64(-0.0), Value::F64(f64::NEG_INFINITY)],
            &[text("x")],
        ),
        case("char", Logical::Char { chars_max: 5 }, &[text("ab   ")], &[bytes(b"ab")]),
        case("text", Logical::Text { chars_max: None }, &[text("it's \\ é \u{1F600}\n\t"), text("")], &[Value::Int(5)]),
        case("binary", Logical::Binary { bytes: 4 }, &[bytes(&[1, 0, 0, 0])], &[text("a")]),
        case("bytes", Logical::Bytes { bytes_max: None }, &[bytes(&[0, 255]), bytes(b"")], &[text("\u{0}é")]),
        case(
            "date",
            Logical::Date,
            &[Value::Date(Date::Days(-1)), Value::Date(Date::Days(2_932_896)), Value::Date(Date::Days(-719_163))],
            &[
                Value::Date(Date::Infinity),
                Value::Date(Date::NegInfinity),
                Value::Date(Date::OffCalendar { year: 2024, month: 2, day: 0 }),
            ],
        ),
        case(
            "time",
            Logical::Time { digits: 6 },
            &[Value::Time(0), Value::Time(86_399_999_999)],
            &[Value::Time(86_400_000_000), Value::Time(-1), Value::Time(3_020_399_000_000)],
        ),
        case(
            "timetz",
            Logical::TimeTz { digits: 6 },
            &[
                Value::TimeTz { micros: 1, offset_seconds: -19_800 },
                Value::TimeTz { micros: 86_400_000_000, offset_seconds: 0 },
            ],
            &[Value::Time(1)],
        ),
        case(
            "timestamp",
            Logical::Timestamp { digits: 6 },
            &[Value::Timestamp(Moment::Micros(1_500_000)), Value::Timestamp(Moment::Micros(-62_200_000_000_000_001))],
            &[Value::Timestamp(Moment::Infinity), Value::Timestamp(off)],
        ),
        case(
            "instant",
            Logical::Instant { digits: 6 },
            &[Value::Instant(Moment::Micros(1)), Value::Instant(Moment::Micros(i64::MIN))],
            &[Value::Instant(Moment::NegInfinity), Value::Instant(off)],
        ),
        case("year", Logical::Year, &[Value::Int(0), Value::Int(2155)], &[text("24")]),
        case(
            "interval",
            Logical::Interval,
            &[Value::Interval { months: 14, days: -3, micros: -14_706_700_000 }],
            &[Value::Time(5)],
        ),
        case("uuid", Logical::Uuid, &[Value::Uuid([0xAB; 16])], &[text("not one")]),
        case("json", Logical::Json { ordered: false }, &[Value::Json("{\"a\": [1.0, null]}".into())], &[Value::Int(1)]),
        case("enum", Logical::Enum, &[text("small"), text("")], &[Value::Int(0)]),
        case("set", Logical::Set, &[Value::Set("a,b".into()), Value::Set("".into())], &[Value::UInt(3)]),
        case(
            "bits",
            Logical::Bits { len: Some(11) },
            &[Value::Bits { len: 11, bytes: vec![0b1010_0101, 0b0110_0000].into() }],
            &[Value::Int(1)],
        ),
        case("network", Logical::Network, &[text("10.0.0.0/8")], &[Value::Int(1)]),
    ]
}

/// What SQLite holds, whose columns take any kind of value.
pub(crate) fn sqlite_cases() -> Vec<Case> {
    let case = |name, logical, typed: &[OwnedValue], untyped: &[OwnedValue]| Case {
        name,
        logical,
        typed: typed.to_vec(),
        untyped: untyped.to_vec(),
    };
    vec![
        case("int", INT, &[Value::Int(5)], &[text("abc"), Value::F64(1.5), bytes(b"\x00")]),
        case("bool", Logical::Bool, &[Value::Int(0), Value::Int(1)], &[Value::Int(2), text("true")]),
        case("real", Logical::Float64, &[Value::F64(0.5), Value::F64(f64::INFINITY)], &[text("x"), bytes(b"")]),
        case(
            "numeric",
            Logical::SqliteNumeric,
            &[Value::Int(-7), Value::F64(0.25), Value::F64(1e300), Value::Int(i64::MIN)],
            &[Value::Int((1 << 53) + 1), Value::Int(i64::MAX), text("1e"), bytes(b"1")],
        ),
        case("text", Logical::Text { chars_max: None }, &[text("a\u{0}b")], &[bytes(b"a\0b")]),
        case(
            "blob",
            Logical::Bytes { bytes_max: None },
            &[bytes(&[0, 1])],
            &[text("a"), Value::Int(1), Value::F64(1.0)],
        ),
        case("date", Logical::Date, &[text("2024-02-29")], &[text("2024-2-29"), Value::Int(0), text("2024-02-30")]),
        case("time", Logical::Time { digits: 6 }, &[text("10:00:00.5")], &[text("10:00"), text("24:00:00")]),
        case(
            "timestamp",
            Logical::Timestamp { digits: 6 },
            &[text("2024-01-01 10:00:00")],
            &[text("2024-01-01T10:00:00"), text("2024-01-01 10:00:00.500"), text("2024-01-01 10:00:00Z")],
        ),
        case(
            "instant",
            Logical::Instant { digits: 6 },
            &[text("2024-01-01 10:00:00+00")],
            &[text("2024-01-01 10:00:00")],
        ),
        case(
            "uuid",
            Logical::Uuid,
            &[text("0188b9a2-0000-7000-8000-0123456789ab")],
            &[text("0188B9A2-0000-7000-8000-0123456789AB"), bytes(&[1; 16])],
        ),
        case("json", Logical::Json { ordered: true }, &[text("{}"), text("no json")], &[bytes(b"{}")]),
    ]
}

/// A table with a key and one column for each case.
pub(crate) fn plan_of(engine: Engine, cases: &[Case]) -> TablePlan {
    let mut columns = vec![required("id", "bigint", INT)];
    columns.extend(cases.iter().map(|case| column(case.name, case.name, case.logical.clone())));
    let table = table((engine != Engine::Sqlite).then_some("public"), "every_type", columns, &[0]);
    plan(engine, table.clone(), engine, table)
}
