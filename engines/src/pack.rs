//! Values in few bytes, exactly as they are.
//!
//! A [`Value`] in memory takes 48 bytes and often an allocation; rows that wait
//! for a decision by the ten thousand are kept packed. Unlike a canonical cell
//! ([`crate::canon::cell`]) nothing is unified: −0.0 stays −0.0 and `1.10` keeps
//! its scale. It has no version: whoever keeps it for longer than a process lives adds
//! one.

use std::borrow::Cow;
use std::ops::Bound;

use crate::decimal::Decimal;
use crate::nested::{Array, Dimension, Entry, Range};
use crate::table::Shape;
use crate::value::{Date, Moment, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const F32: u8 = 5;
const F64: u8 = 6;
const DECIMAL: u8 = 7;
const BIG_DECIMAL: u8 = 8;
const DECIMAL_NAN: u8 = 9;
const DECIMAL_INFINITY: u8 = 10;
const DECIMAL_NEG_INFINITY: u8 = 11;
const TEXT: u8 = 12;
const BYTES: u8 = 13;
const DATE: u8 = 14;
const TIME: u8 = 15;
const TIME_TZ: u8 = 16;
const TIMESTAMP: u8 = 17;
const INSTANT: u8 = 18;
const INTERVAL: u8 = 19;
const UUID: u8 = 20;
const JSON: u8 = 21;
const BITS: u8 = 22;
const SET: u8 = 23;
const ARRAY: u8 = 24;
const RANGE: u8 = 25;
const MULTIRANGE: u8 = 26;
const COMPOSITE: u8 = 27;
const MAP: u8 = 28;
const SHAPE: u8 = 29;
const GEOMETRY: u8 = 30;
const VECTOR: u8 = 31;
/// A list within a value, of no kind of its own.
const ELEMENTS: u8 = 32;

const FINITE: u8 = 0;
const POS_INFINITY: u8 = 1;
const NEG_INFINITY: u8 = 2;
const OFF_CALENDAR: u8 = 3;

const EMPTY_RANGE: u8 = 0;
const SPAN: u8 = 1;
const UNBOUNDED: u8 = 0;
const INCLUDED: u8 = 1;
const EXCLUDED: u8 = 2;

/// Types of a catalog are bounded far below.
const DEPTH_MAX: u32 = 64;

const SHAPES: [Shape; 7] =
    [Shape::Point, Shape::Line, Shape::Segment, Shape::Box, Shape::Path, Shape::Polygon, Shape::Circle];

/// Appends `value`.
pub fn pack(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(v) => fixed(out, INT, &v.to_le_bytes()),
        Value::UInt(v) => fixed(out, UINT, &v.to_le_bytes()),
        Value::F32(v) => fixed(out, F32, &v.to_bits().to_le_bytes()),
        Value::F64(v) => fixed(out, F64, &v.to_bits().to_le_bytes()),
        Value::Decimal(v) => decimal(out, v),
        Value::Text(v) => block(out, TEXT, v.as_bytes()),
        Value::Bytes(v) => block(out, BYTES, v),
        Value::Date(v) => date(out, *v),
        Value::Time(v) => fixed(out, TIME, &v.to_le_bytes()),
        Value::TimeTz { micros, offset_seconds } => {
            fixed(out, TIME_TZ, &micros.to_le_bytes());
            out.extend_from_slice(&offset_seconds.to_le_bytes());
        }
        Value::Timestamp(v) => moment(out, TIMESTAMP, *v),
        Value::Instant(v) => moment(out, INSTANT, *v),
        Value::Interval { months, days, micros } => {
            fixed(out, INTERVAL, &months.to_le_bytes());
            out.extend_from_slice(&days.to_le_bytes());
            out.extend_from_slice(&micros.to_le_bytes());
        }
        Value::Uuid(v) => fixed(out, UUID, v),
        Value::Json(v) => block(out, JSON, v.as_bytes()),
        Value::Bits { len, bytes } => {
            fixed(out, BITS, &len.to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        Value::Set(v) => block(out, SET, v.as_bytes()),
        Value::Array(v) => {
            list(out, ARRAY, &v.dimensions, |d, out| {
                out.extend_from_slice(&d.len.to_le_bytes());
                out.extend_from_slice(&d.lower.to_le_bytes());
            });
            list(out, ELEMENTS, &v.elements, pack);
        }
        Value::Range(v) => {
            out.push(RANGE);
            range(v, out);
        }
        Value::Multirange(v) => list(out, MULTIRANGE, v, range),
        Value::Composite(v) => list(out, COMPOSITE, v, pack),
        Value::Map(v) => list(out, MAP, v, |entry, out| {
            block(out, TEXT, entry.key.as_bytes());
            match &entry.value {
                Some(v) => block(out, TEXT, v.as_bytes()),
                None => out.push(NULL),
            }
        }),
        Value::Shape { kind, closed, coordinates } => {
            fixed(out, SHAPE, &[*kind as u8, u8::from(*closed)]);
            list(out, ELEMENTS, coordinates, |v, out| out.extend_from_slice(&v.to_bits().to_le_bytes()));
        }
        Value::Geometry { srid, wkb } => {
            fixed(out, GEOMETRY, &srid.to_le_bytes());
            block(out, BYTES, wkb);
        }
        Value::Vector(v) => block(out, VECTOR, v),
    }
}

fn list<T>(out: &mut Vec<u8>, tag: u8, items: &[T], put: impl Fn(&T, &mut Vec<u8>)) {
    fixed(out, tag, &(items.len() as u64).to_le_bytes());
    items.iter().for_each(|item| put(item, out));
}

fn range(range: &Range<'_>, out: &mut Vec<u8>) {
    let Range::Span { lower, upper } = range else {
        out.push(EMPTY_RANGE);
        return;
    };
    out.push(SPAN);
    for bound in [lower, upper] {
        match bound {
            Bound::Included(v) => {
                out.push(INCLUDED);
                pack(v, out);
            }
            Bound::Excluded(v) => {
                out.push(EXCLUDED);
                pack(v, out);
            }
            Bound::Unbounded => out.push(UNBOUNDED),
        }
    }
}

fn fixed(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn block(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    fixed(out, tag, &(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn decimal(out: &mut Vec<u8>, v: &Decimal<'_>) {
    match v {
        Decimal::Small { coefficient, scale } => {
            fixed(out, DECIMAL, &coefficient.to_le_bytes());
            out.extend_from_slice(&scale.to_le_bytes());
        }
        Decimal::Big(text) => block(out, BIG_DECIMAL, text.as_bytes()),
        Decimal::NaN => out.push(DECIMAL_NAN),
        Decimal::Infinity => out.push(DECIMAL_INFINITY),
        Decimal::NegInfinity => out.push(DECIMAL_NEG_INFINITY),
    }
}

fn date(out: &mut Vec<u8>, v: Date) {
    out.push(DATE);
    match v {
        Date::Days(days) => fixed(out, FINITE, &days.to_le_bytes()),
        Date::Infinity => out.push(POS_INFINITY),
        Date::NegInfinity => out.push(NEG_INFINITY),
        Date::OffCalendar { year, month, day } => {
            fixed(out, OFF_CALENDAR, &year.to_le_bytes());
            out.extend_from_slice(&[month, day]);
        }
    }
}

fn moment(out: &mut Vec<u8>, tag: u8, v: Moment) {
    out.push(tag);
    match v {
        Moment::Micros(micros) => fixed(out, FINITE, &micros.to_le_bytes()),
        Moment::Infinity => out.push(POS_INFINITY),
        Moment::NegInfinity => out.push(NEG_INFINITY),
        Moment::OffCalendar { year, month, day, micros } => {
            fixed(out, OFF_CALENDAR, &year.to_le_bytes());
            out.extend_from_slice(&[month, day]);
            out.extend_from_slice(&micros.to_le_bytes());
        }
    }
}

/// The values packed in `bytes`; `None` if it isn't what [`pack`] wrote.
#[must_use]
pub fn unpack_all(bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut reader = Unpacker { rest: bytes, depth: 0 };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value()?);
    }
    Some(values)
}

struct Unpacker<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Unpacker<'a> {
    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(i64::from_le_bytes(self.array()?)),
            UINT => Value::UInt(u64::from_le_bytes(self.array()?)),
            F32 => Value::F32(f32::from_bits(u32::from_le_bytes(self.array()?))),
            F64 => Value::F64(f64::from_bits(u64::from_le_bytes(self.array()?))),
            DECIMAL => Value::Decimal(Decimal::Small {
                coefficient: i128::from_le_bytes(self.array()?),
                scale: u32::from_le_bytes(self.array()?),
            }),
            BIG_DECIMAL => Value::Decimal(Decimal::Big(Cow::Borrowed(self.text()?))),
            DECIMAL_NAN => Value::Decimal(Decimal::NaN),
            DECIMAL_INFINITY => Value::Decimal(Decimal::Infinity),
            DECIMAL_NEG_INFINITY => Value::Decimal(Decimal::NegInfinity),
            TEXT => Value::Text(Cow::Borrowed(self.text()?)),
            BYTES => Value::Bytes(Cow::Borrowed(self.block()?)),
            DATE => Value::Date(self.date()?),
            TIME => Value::Time(i64::from_le_bytes(self.array()?)),
            TIME_TZ => Value::TimeTz {
                micros: i64::from_le_bytes(self.array()?),
                offset_seconds: i32::from_le_bytes(self.array()?),
            },
            TIMESTAMP => Value::Timestamp(self.moment()?),
            INSTANT => Value::Instant(self.moment()?),
            INTERVAL => Value::Interval {
                months: i32::from_le_bytes(self.array()?),
                days: i32::from_le_bytes(self.array()?),
                micros: i64::from_le_bytes(self.array()?),
            },
            UUID => Value::Uuid(self.array()?),
            JSON => Value::Json(Cow::Borrowed(self.text()?)),
            BITS => Value::Bits { len: u32::from_le_bytes(self.array()?), bytes: Cow::Borrowed(self.block()?) },
            SET => Value::Set(Cow::Borrowed(self.text()?)),
            nested if self.depth < DEPTH_MAX => {
                self.depth += 1;
                let value = self.nested(nested)?;
                self.depth -= 1;
                value
            }
            _ => return None,
        })
    }

    fn nested(&mut self, tag: u8) -> Option<Value<'a>> {
        Some(match tag {
            ARRAY => {
                let dimension = |u: &mut Self| {
                    Some(Dimension { len: u32::from_le_bytes(u.array()?), lower: i32::from_le_bytes(u.array()?) })
                };
                let dimensions = self.list(dimension)?;
                Value::Array(Box::new(Array { dimensions, elements: self.tagged_list(Self::value)? }))
            }
            RANGE => Value::Range(Box::new(self.range()?)),
            MULTIRANGE => Value::Multirange(self.list(Self::range)?),
            COMPOSITE => Value::Composite(self.list(Self::value)?),
            MAP => Value::Map(self.list(Self::entry)?),
            SHAPE => {
                let kind = self.byte()?;
                let kind = *SHAPES.iter().find(|shape| **shape as u8 == kind)?;
                let closed = self.byte()? == 1;
                let coordinates = self.tagged_list(|u| u.array().map(f64::from_le_bytes))?;
                Value::Shape { kind, closed, coordinates }
            }
            GEOMETRY => {
                let srid = u32::from_le_bytes(self.array()?);
                let Value::Bytes(wkb) = self.value()? else { return None };
                Value::Geometry { srid, wkb }
            }
            VECTOR => Value::Vector(Cow::Borrowed(self.block()?)),
            _ => return None,
        })
    }

    fn tagged_list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        if self.byte()? == ELEMENTS { self.list(item) } else { None }
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(u64::from_le_bytes(self.array()?)).ok()?;
        // Each item takes a byte at least, which bounds what is set aside.
        if count > self.rest.len() {
            return None;
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn range(&mut self) -> Option<Range<'a>> {
        match self.byte()? {
            EMPTY_RANGE => Some(Range::Empty),
            SPAN => Some(Range::Span { lower: self.bound()?, upper: self.bound()? }),
            _ => None,
        }
    }

    fn bound(&mut self) -> Option<Bound<Value<'a>>> {
        Some(match self.byte()? {
            UNBOUNDED => Bound::Unbounded,
            INCLUDED => Bound::Included(self.value()?),
            EXCLUDED => Bound::Excluded(self.value()?),
            _ => return None,
        })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let Value::Text(key) = self.value()? else { return None };
        let value = match self.value()? {
            Value::Text(v) => Some(v),
            Value::Null => None,
            _ => return None,
        };
        Some(Entry { key, value })
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(u64::from_le_bytes(self.array()?)).ok()?;
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }

    fn date(&mut self) -> Option<Date> {
        Some(match self.byte()? {
            FINITE => Date::Days(i32::from_le_bytes(self.array()?)),
            POS_INFINITY => Date::Infinity,
            NEG_INFINITY => Date::NegInfinity,
            OFF_CALENDAR => {
                Date::OffCalendar { year: u16::from_le_bytes(self.array()?), month: self.byte()?, day: self.byte()? }
            }
            _ => return None,
        })
    }

    fn moment(&mut self) -> Option<Moment> {
        Some(match self.byte()? {
            FINITE => Moment::Micros(i64::from_le_bytes(self.array()?)),
            POS_INFINITY => Moment::Infinity,
            NEG_INFINITY => Moment::NegInfinity,
            OFF_CALENDAR => Moment::OffCalendar {
                year: u16::from_le_bytes(self.array()?),
                month: self.byte()?,
                day: self.byte()?,
                micros: i64::from_le_bytes(self.array()?),
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives() {
        let off = Moment::OffCalendar { year: 2024, month: 2, day: 0, micros: 7 };
        let values = vec![
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Int(i64::MIN),
            Value::UInt(u64::MAX),
            Value::F32(-0.0),
            Value::F64(1e-300),
            Value::Decimal(Decimal::Small { coefficient: -110, scale: 2 }),
            Value::Decimal(Decimal::Big("1".repeat(50).into())),
            Value::Decimal(Decimal::NaN),
            Value::Decimal(Decimal::Infinity),
            Value::Decimal(Decimal::NegInfinity),
            Value::Text("é\0".into()),
            Value::Bytes(vec![0, 255].into()),
            Value::Date(Date::Days(-7)),
            Value::Date(Date::Infinity),
            Value::Date(Date::NegInfinity),
            Value::Date(Date::OffCalendar { year: 0, month: 0, day: 0 }),
            Value::Time(-1),
            Value::TimeTz { micros: 5, offset_seconds: -3600 },
            Value::Timestamp(Moment::Micros(i64::MAX)),
            Value::Timestamp(off),
            Value::Instant(Moment::Infinity),
            Value::Instant(Moment::NegInfinity),
            Value::Interval { months: -1, days: 2, micros: -3 },
            Value::Uuid([7; 16]),
            Value::Json("{}".into()),
            Value::Bits { len: 3, bytes: vec![0xA0].into() },
            Value::Set("a,b".into()),
            Value::Array(Box::new(Array::list(vec![]))),
            Value::Array(Box::new(Array {
                dimensions: vec![Dimension { len: 2, lower: -1 }, Dimension { len: 1, lower: 1 }],
                elements: vec![Value::Null, Value::Text("x".into())],
            })),
            Value::Range(Box::new(Range::Empty)),
            Value::Multirange(vec![
                Range::Span { lower: Bound::Unbounded, upper: Bound::Excluded(Value::Int(3)) },
                Range::Span { lower: Bound::Included(Value::Int(5)), upper: Bound::Unbounded },
            ]),
            Value::Composite(vec![Value::Null, Value::Composite(vec![Value::Bool(true)])]),
            Value::Map(vec![Entry { key: "a".into(), value: None }, Entry { key: "".into(), value: Some("b".into()) }]),
            Value::Shape { kind: Shape::Path, closed: true, coordinates: vec![-0.0, 1.0] },
            Value::Geometry { srid: 4326, wkb: vec![1, 2].into() },
            Value::Vector(vec![0; 8].into()),
        ];
        let mut packed = Vec::new();
        values.iter().for_each(|v| pack(v, &mut packed));
        assert_eq!(unpack_all(&packed).unwrap(), values);
        for cut in 0..packed.len() {
            // A torn pack is either refused or a shorter list, never a panic.
            if let Some(shorter) = unpack_all(&packed[..cut]) {
                assert_eq!(shorter, values[..shorter.len()]);
            }
        }
    }
}
