//! The bytes of cells, as they have been since their version.
//!
//! Digests of two releases can be compared only as long as cells are the same
//! bytes in both. A change of any line here is a change of the format.

use std::fmt::Write as _;
use std::ops::Bound;
use std::path::PathBuf;

use switchback_engines::canon::cell::FORMAT_VERSION;
use switchback_engines::canon::form::TextForm;
use switchback_engines::canon::{self, Rounding, Rule};
use switchback_engines::display::hex;
use switchback_engines::nested::{Array, Dimension, Entry, Range};
use switchback_engines::table::Shape;
use switchback_engines::{Date, Decimal, Moment, Value};

#[test]
fn cells_are_what_they_were() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/canon/cells-{FORMAT_VERSION}.txt"));
    let now = all();
    let Ok(pinned) = std::fs::read_to_string(&path) else {
        std::fs::write(&path, &now).unwrap();
        panic!("version {FORMAT_VERSION} had no file: it was written, look at it and commit it");
    };
    let changed: Vec<_> = pinned.lines().zip(now.lines()).filter(|(then, now)| then != now).take(10).collect();
    assert!(
        pinned == now,
        "cells have changed: raise FORMAT_VERSION in canon/cell.rs, or undo it. {} lines then, {} now; the first: {changed:#?}",
        pinned.lines().count(),
        now.lines().count()
    );
}

/// Every value as itself, and under each rule those of which it makes something
/// else.
fn all() -> String {
    let cell = |rule: &Rule, value: &Value<'_>| {
        let mut cell = Vec::new();
        canon::encode(rule, value, &mut cell);
        hex(&cell)
    };
    let mut out = format!("# Cells of format {FORMAT_VERSION}: value | hex\n");
    for value in values() {
        let _ = writeln!(out, "{value:?} | {}", cell(&Rule::Bits, &value));
    }
    for rule in rules() {
        let _ = writeln!(out, "# {rule:?}");
        for value in values() {
            let under_rule = cell(&rule, &value);
            if under_rule != cell(&Rule::Bits, &value) {
                let _ = writeln!(out, "{value:?} | {under_rule}");
            }
        }
    }
    out
}

fn rules() -> Vec<Rule> {
    let rounding = Rounding::HalfFrom2000;
    vec![
        Rule::Number,
        Rule::Double,
        Rule::Single,
        Rule::Text { trim_spaces: false },
        Rule::Text { trim_spaces: true },
        Rule::Bytes { trim_zeros: false },
        Rule::Bytes { trim_zeros: true },
        Rule::Uuid,
        Rule::Date,
        Rule::Time { digits: 6, rounding },
        Rule::Time { digits: 3, rounding: Rounding::Down },
        Rule::TimeTz,
        Rule::Timestamp { digits: 6, rounding },
        Rule::Timestamp { digits: 0, rounding },
        Rule::Instant { digits: 6, rounding, naive_zone_minutes: 0 },
        Rule::Instant { digits: 3, rounding: Rounding::HalfUp, naive_zone_minutes: -210 },
        Rule::Interval,
        Rule::Json,
        Rule::Set,
        Rule::Array { element: Box::new(Rule::Text { trim_spaces: true }) },
        Rule::Range { bound: Box::new(Rule::Double) },
        Rule::Multirange { bound: Box::new(Rule::Double) },
        Rule::Composite { fields: vec![Rule::Double, Rule::Text { trim_spaces: true }] },
        Rule::ScaledNumber,
        Rule::Float { single: true, signed_zero: true },
        Rule::FormedText(TextForm { trim_spaces: true, ignore_case: true, nfc: true, empty_is_null: true }),
        Rule::SwappedUuid,
        Rule::JsonText,
    ]
}

fn values() -> Vec<Value<'static>> {
    let decimal = |text: &'static str| Value::Decimal(Decimal::parse(text).unwrap());
    let mut values = vec![Value::Null, Value::Bool(false), Value::Bool(true)];
    values.extend([0, 1, -1, 63, 64, -65, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN].map(Value::Int));
    values.extend([0, 1 << 63, u64::MAX].map(Value::UInt));
    values.extend([0.0, -0.0, 0.1, f32::NAN, f32::INFINITY].map(Value::F32));
    values.extend([0.0, -0.0, 1.5, -2.0, f64::NAN, f64::NEG_INFINITY, 1e300, 5e-324].map(Value::F64));
    values
        .extend(["0.00", "1.10", "-1.1", "12345678901234567890", "1e-30", "NaN", "Infinity", "-Infinity"].map(decimal));
    values.push(decimal("123456789012345678901234567890123456789.0123456789"));
    let texts =
        ["", "a", "a ", "ä", "1", "x,y", "y,x,y", "{\"b\":1,\"a\":[1.0]}", "1970-01-02", "1970-01-01 00:00:00.5"];
    values.extend(texts.map(|text| Value::Text(text.into())));
    values.extend(["10:00:00+01:00", "00000000-0000-4000-8000-00000000000a"].map(|text| Value::Text(text.into())));
    values.extend([&b""[..], b"\0", b"a\0", &[7; 16], &[0xFF; 130]].map(|bytes| Value::Bytes(bytes.into())));
    let off = Date::OffCalendar { year: 2024, month: 2, day: 0 };
    values.extend(
        [Date::Days(0), Date::Days(-1), Date::Days(2_145_042_541), Date::Infinity, Date::NegInfinity, off]
            .map(Value::Date),
    );
    values.extend([0, 500_000, -36_000_900_000].map(Value::Time));
    values.push(Value::TimeTz { micros: 36_000_000_000, offset_seconds: -3_600 });
    let moments = [
        Moment::Micros(0),
        Moment::Micros(946_684_799_500_000),
        Moment::Micros(-1),
        Moment::Infinity,
        Moment::NegInfinity,
        Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 1_500_000 },
    ];
    values.extend(moments.map(Value::Timestamp));
    values.extend(moments.map(Value::Instant));
    values.push(Value::Interval { months: 14, days: -3, micros: 5 });
    values.push(Value::Uuid([0xAB; 16]));
    values.extend(["null", "{\"b\": 1, \"a\": [1.0, \"\\u00e9\"]}", "no json"].map(|text| Value::Json(text.into())));
    values.push(Value::Bits { len: 11, bytes: (&[0b1010_1010, 0b0110_0000][..]).into() });
    values.extend(["", "b,a"].map(|text| Value::Set(text.into())));
    values.extend(nested());
    values
}

fn nested() -> Vec<Value<'static>> {
    let (one, padded) = (|| Value::Int(1), || Value::Text("a ".into()));
    let span = || Range::Span { lower: Bound::Included(one()), upper: Bound::Excluded(Value::Int(9)) };
    let dimensions = vec![Dimension { len: 2, lower: 0 }, Dimension { len: 1, lower: 1 }];
    let entry =
        |key: &'static str, value: Option<&'static str>| Entry { key: key.into(), value: value.map(Into::into) };
    let point = b"\0\0\0\0\x01\x3F\xF0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0";
    vec![
        Value::Array(Box::new(Array::list(Vec::new()))),
        Value::Array(Box::new(Array::list(vec![padded(), Value::Null]))),
        Value::Array(Box::new(Array { dimensions, elements: vec![one(), padded()] })),
        Value::Range(Box::new(Range::Empty)),
        Value::Range(Box::new(span())),
        Value::Range(Box::new(Range::Span { lower: Bound::Unbounded, upper: Bound::Unbounded })),
        Value::Multirange(vec![span(), Range::Span { lower: Bound::Excluded(one()), upper: Bound::Unbounded }]),
        Value::Composite(vec![one(), padded()]),
        Value::Composite(Vec::new()),
        Value::Map(vec![entry("b", None), entry("a", Some("NULL"))]),
        Value::Shape { kind: Shape::Path, closed: true, coordinates: vec![-0.0, 1.5] },
        Value::Geometry { srid: 4326, wkb: point.as_slice().into() },
        Value::Geometry { srid: 0, wkb: b"none".as_slice().into() },
        Value::Vector(1.5f32.to_le_bytes().to_vec().into()),
    ]
}
