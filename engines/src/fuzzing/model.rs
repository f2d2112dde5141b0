//! The formats of our own, and the texts that values may be read from.

use super::{Harness, take_on};
use crate::canon::{cell, json, text};
use crate::decimal::Decimal;
use crate::value::{Date, Moment, Value};
use crate::{pack, wkb};

pub(super) const HARNESSES: &[Harness] = &[
    Harness { name: "cells", run: cells, seeds: cell_seeds },
    Harness { name: "pack", run: packed, seeds: pack_seeds },
    Harness { name: "texts", run: texts, seeds: text_seeds },
    Harness { name: "wkb", run: geometry, seeds: geometry_seeds },
];

fn cells(bytes: &[u8]) {
    if let Some(values) = cell::decode_all(bytes) {
        let held: usize = values.iter().map(Value::size_bytes).sum();
        // The longest of all decimals takes a few bytes.
        assert!(held <= (bytes.len() + 1) << 18, "{held} bytes of memory for {} bytes", bytes.len());
    }
}

fn packed(bytes: &[u8]) {
    if let Some(values) = pack::unpack_all(bytes) {
        let mut again = Vec::new();
        values.iter().for_each(|value| pack::pack(value, &mut again));
        assert_eq!(pack::unpack_all(&again).map(|values| values.len()), Some(values.len()));
    }
}

/// JSON, decimals, dates, times, UUIDs: whatever text may be taken for.
fn texts(bytes: &[u8]) {
    let Ok(spelling) = std::str::from_utf8(bytes) else { return };
    let mut canonical = Vec::new();
    if json::canonicalize(spelling, &mut canonical).is_ok() {
        let once = String::from_utf8(canonical).expect("canonical JSON is text");
        let mut twice = Vec::new();
        json::canonicalize(&once, &mut twice).expect("canonical JSON is JSON");
        assert!(once.as_bytes() == twice, "canonical JSON is its own canonical form");
    }
    if let Some(decimal) = Decimal::parse(spelling) {
        let again = decimal.to_string();
        let again = Decimal::parse(&again).expect("a decimal is printed as one");
        assert_eq!(decimal.shortest(), again.shortest());
        let _ = (decimal.to_f64(), decimal.to_f32());
    }
    let _ = (text::date(spelling), text::time(spelling), text::time_tz(spelling), text::timestamp(spelling));
    let _ = text::uuid(spelling);
    take_on(&[Value::Text(spelling.into()), Value::Json(spelling.into())], 2 * bytes.len());
}

fn geometry(bytes: &[u8]) {
    if let Some((_, normal)) = wkb::normalize(bytes) {
        assert!(normal.len() <= bytes.len());
        assert_eq!(wkb::normalize(&normal), Some((None, normal.clone())), "the normal form is its own");
    }
    take_on(&[Value::Geometry { srid: 0, wkb: bytes.into() }], bytes.len());
}

/// A value of each plain kind.
pub(crate) fn samples() -> Vec<Value<'static>> {
    let decimal = |text| Value::Decimal(Decimal::parse(text).expect("a number"));
    vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(-70_000),
        Value::UInt(u64::MAX),
        Value::F32(0.1),
        Value::F64(-1e300),
        decimal("-1.10"),
        decimal("1234567890123456789012345678901234567890.12"),
        decimal("NaN"),
        Value::Text("a text".into()),
        Value::Bytes(vec![0, 255].into()),
        Value::Date(Date::Days(19_000)),
        Value::Date(Date::OffCalendar { year: 2024, month: 2, day: 0 }),
        Value::Time(-1),
        Value::TimeTz { micros: 5, offset_seconds: -3_600 },
        Value::Timestamp(Moment::Micros(1 << 50)),
        Value::Instant(Moment::Infinity),
        Value::Interval { months: -1, days: 2, micros: 3 },
        Value::Uuid([7; 16]),
        Value::Json(r#"{"a": [1.0, null]}"#.into()),
        Value::Bits { len: 11, bytes: vec![0xA0, 0x20].into() },
        Value::Set("a,b".into()),
        Value::Composite(vec![Value::Null, Value::Composite(vec![Value::Bool(true)])]),
        Value::Vector(vec![0; 8].into()),
    ]
}

fn cell_seeds() -> Vec<Vec<u8>> {
    each_and_all(|value, out| crate::canon::encode(&crate::canon::Rule::Bits, value, out))
}

fn pack_seeds() -> Vec<Vec<u8>> {
    each_and_all(pack::pack)
}

fn each_and_all(put: impl Fn(&Value<'_>, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let mut all = Vec::new();
    for value in samples() {
        let mut one = Vec::new();
        put(&value, &mut one);
        all.extend_from_slice(&one);
        seeds.push(one);
    }
    seeds.push(all);
    seeds
}

fn text_seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a":[1,2.50,{"b":"\u00e9\n","a":null}],"a":true}"#,
        "-12.50e-3",
        "123456789012345678901234567890.123456789",
        "2024-02-29 23:59:59.123456+05:30",
        "10:00:00-08",
        "00000000-0000-4000-8000-00000000000a",
        "[[[[1e5]]]]",
        "x,y,x",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn geometry_seeds() -> Vec<Vec<u8>> {
    let point = [&[1, 1, 0, 0, 0][..], &[0; 16]].concat();
    let with_srid = [&[0, 0x20, 0, 0, 1, 0, 0, 0x10, 0xE6][..], &[0x3F; 16]].concat();
    let line = [&[1, 2, 0, 0, 0, 2, 0, 0, 0][..], &[0x40; 32]].concat();
    let collection = [&[1, 7, 0, 0, 0, 2, 0, 0, 0][..], &point, &line].concat();
    let polygon = [&[1, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[0; 16]].concat();
    vec![point, with_srid, line, collection, polygon]
}
