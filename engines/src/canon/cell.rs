//! The byte format of canonical cells, version 1.
//!
//! A cell is a tag byte and a self-delimiting payload, so that a row is the
//! plain concatenation of its cells and still has one reading only. Integers
//! are zigzag LEB128: most are small, and a row that fits two BLAKE3 blocks
//! costs two thirds of one that needs three.
//!
//! Digests are compared within one run only, but fixtures pin them: a change of
//! this format is a change of [`FORMAT_VERSION`].

use std::borrow::Cow;

use crate::decimal::{Decimal, Shortest};
use crate::value::{Date, Moment, OwnedValue, Value};

/// Raised whenever the bytes of any cell change.
pub const FORMAT_VERSION: u32 = 1;

pub(super) mod tag {
    pub(in crate::canon) const NULL: u8 = 0x00;
    pub(in crate::canon) const INT: u8 = 0x01;
    pub(in crate::canon) const DECIMAL: u8 = 0x02;
    pub(in crate::canon) const BIG_DECIMAL: u8 = 0x03;
    pub(in crate::canon) const DECIMAL_NAN: u8 = 0x04;
    pub(in crate::canon) const DECIMAL_INFINITY: u8 = 0x05;
    pub(in crate::canon) const DECIMAL_NEG_INFINITY: u8 = 0x06;
    pub(in crate::canon) const F64: u8 = 0x07;
    pub(in crate::canon) const TEXT: u8 = 0x08;
    pub(in crate::canon) const BYTES: u8 = 0x09;
    pub(in crate::canon) const DATE: u8 = 0x0A;
    pub(in crate::canon) const TIME: u8 = 0x0B;
    pub(in crate::canon) const TIME_TZ: u8 = 0x0C;
    pub(in crate::canon) const TIMESTAMP: u8 = 0x0D;
    pub(in crate::canon) const INSTANT: u8 = 0x0E;
    pub(in crate::canon) const INTERVAL: u8 = 0x0F;
    pub(in crate::canon) const UUID: u8 = 0x10;
    pub(in crate::canon) const JSON: u8 = 0x11;
    pub(in crate::canon) const BITS: u8 = 0x12;
    pub(in crate::canon) const SET: u8 = 0x13;
    pub(in crate::canon) const ARRAY: u8 = 0x20;
    pub(in crate::canon) const RANGE: u8 = 0x21;
    pub(in crate::canon) const MULTIRANGE: u8 = 0x22;
    pub(in crate::canon) const COMPOSITE: u8 = 0x23;
    pub(in crate::canon) const MAP: u8 = 0x24;
    pub(in crate::canon) const SHAPE: u8 = 0x25;
    pub(in crate::canon) const GEOMETRY: u8 = 0x26;
    pub(in crate::canon) const VECTOR: u8 = 0x27;
}

/// Twice what the decimals of any engine reach, so that a few bytes cannot speak
/// of a number with more zeros than there is memory.
const SCALE_MAX: u64 = 1 << 18;

/// The forms a calendar value takes behind its tag.
mod form {
    pub(super) const FINITE: u8 = 0;
    pub(super) const INFINITY: u8 = 1;
    pub(super) const NEG_INFINITY: u8 = 2;
    pub(super) const OFF_CALENDAR: u8 = 3;
}

pub(super) fn put_unsigned(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push((v & 0x7F) as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, v: i64) {
    put_unsigned(out, ((v << 1) ^ (v >> 63)) as u64);
}

pub(super) fn put_int(out: &mut Vec<u8>, v: i64) {
    out.push(tag::INT);
    put_signed(out, v);
}

pub(super) fn put_block(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_f64(out: &mut Vec<u8>, v: f64) {
    out.push(tag::F64);
    out.extend_from_slice(&v.to_bits().to_le_bytes());
}

pub(super) fn put_decimal(out: &mut Vec<u8>, v: &Decimal<'_>) {
    match v.shortest() {
        Some(Shortest::Int(v)) => put_int(out, v),
        Some(Shortest::Small { coefficient, scale }) => {
            out.push(tag::DECIMAL);
            put_signed(out, scale);
            let zigzag = ((coefficient << 1) ^ (coefficient >> 127)) as u128;
            put_unsigned_wide(out, zigzag);
        }
        Some(Shortest::Big { negative, digits, scale }) => {
            out.push(tag::BIG_DECIMAL);
            out.push(u8::from(negative));
            put_signed(out, scale);
            put_unsigned(out, digits.len() as u64);
            out.extend_from_slice(&digits);
        }
        None => out.push(match v {
            Decimal::Infinity => tag::DECIMAL_INFINITY,
            Decimal::NegInfinity => tag::DECIMAL_NEG_INFINITY,
            Decimal::NaN | Decimal::Small { .. } | Decimal::Big(_) => tag::DECIMAL_NAN,
        }),
    }
}

/// With its scale: 1.10 and 1.1 become different cells, and 1 that of an integer.
pub(super) fn put_scaled_decimal(out: &mut Vec<u8>, v: &Decimal<'_>) {
    let Some((negative, digits, scale)) = v.stored_digits() else { return put_decimal(out, v) };
    let small = std::str::from_utf8(&digits).ok().filter(|d| d.len() <= 38).and_then(|d| d.parse::<i128>().ok());
    match small.map(|v| if negative { -v } else { v }) {
        Some(v) => match i64::try_from(v).ok().filter(|_| scale == 0) {
            Some(v) => put_int(out, v),
            None => {
                out.push(tag::DECIMAL);
                put_signed(out, scale);
                put_unsigned_wide(out, ((v << 1) ^ (v >> 127)) as u128);
            }
        },
        None => {
            out.push(tag::BIG_DECIMAL);
            out.push(u8::from(negative));
            put_signed(out, scale);
            put_unsigned(out, digits.len() as u64);
            out.extend_from_slice(&digits);
        }
    }
}

fn put_unsigned_wide(out: &mut Vec<u8>, mut v: u128) {
    while v >= 0x80 {
        out.push((v & 0x7F) as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

pub(super) fn put_date(out: &mut Vec<u8>, v: Date) {
    out.push(tag::DATE);
    match v {
        Date::Days(days) => {
            out.push(form::FINITE);
            put_signed(out, i64::from(days));
        }
        Date::Infinity => out.push(form::INFINITY),
        Date::NegInfinity => out.push(form::NEG_INFINITY),
        Date::OffCalendar { year, month, day } => {
            out.push(form::OFF_CALENDAR);
            put_unsigned(out, u64::from(year));
            out.extend_from_slice(&[month, day]);
        }
    }
}

pub(super) fn put_moment(out: &mut Vec<u8>, tag: u8, v: Moment) {
    out.push(tag);
    match v {
        Moment::Micros(micros) => {
            out.push(form::FINITE);
            put_signed(out, micros);
        }
        Moment::Infinity => out.push(form::INFINITY),
        Moment::NegInfinity => out.push(form::NEG_INFINITY),
        Moment::OffCalendar { year, month, day, micros } => {
            out.push(form::OFF_CALENDAR);
            put_unsigned(out, u64::from(year));
            out.extend_from_slice(&[month, day]);
            put_signed(out, micros);
        }
    }
}

/// Reads cells back, for what has only the canonical bytes: keys that are
/// looked up again, and differences that are shown.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    pub(super) rest: &'a [u8],
    /// Of the cell that is being read, within others.
    pub(super) depth: u32,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next cell; `None` at the end, and for bytes that are no cell.
    pub fn next_value(&mut self) -> Option<Value<'a>> {
        Some(match self.byte()? {
            tag::NULL => Value::Null,
            tag::INT => Value::Int(self.signed()?),
            tag::DECIMAL => {
                let scale = self.scale()?;
                let zigzag = self.unsigned_wide()?;
                let coefficient = ((zigzag >> 1) as i128) ^ -((zigzag & 1) as i128);
                // Beside doubles an integer is exact and a decimal is rounded, so
                // what may be the one must not come back as the other.
                match unsigned_integer(coefficient, scale) {
                    Some(v) => Value::UInt(v),
                    None => {
                        let digits = coefficient.unsigned_abs().to_string().into_bytes();
                        Value::Decimal(Decimal::from_digits(coefficient < 0, &digits, scale))
                    }
                }
            }
            tag::BIG_DECIMAL => {
                let negative = self.byte()? == 1;
                let scale = self.scale()?;
                let digits = self.block()?;
                Value::Decimal(Decimal::from_digits(negative, digits, scale))
            }
            tag::DECIMAL_NAN => Value::Decimal(Decimal::NaN),
            tag::DECIMAL_INFINITY => Value::Decimal(Decimal::Infinity),
            tag::DECIMAL_NEG_INFINITY => Value::Decimal(Decimal::NegInfinity),
            tag::F64 => Value::F64(f64::from_bits(u64::from_le_bytes(self.take(8)?.try_into().ok()?))),
            tag::TEXT => Value::Text(Cow::Borrowed(self.text()?)),
            tag::BYTES => Value::Bytes(Cow::Borrowed(self.block()?)),
            tag::DATE => Value::Date(self.date()?),
            tag::TIME => Value::Time(self.signed()?),
            tag::TIME_TZ => {
                Value::TimeTz { micros: self.signed()?, offset_seconds: i32::try_from(self.signed()?).ok()? }
            }
            tag::TIMESTAMP => Value::Timestamp(self.moment()?),
            tag::INSTANT => Value::Instant(self.moment()?),
            tag::INTERVAL => Value::Interval {
                months: i32::try_from(self.signed()?).ok()?,
                days: i32::try_from(self.signed()?).ok()?,
                micros: self.signed()?,
            },
            tag::UUID => Value::Uuid(self.take(16)?.try_into().ok()?),
            tag::JSON => Value::Json(Cow::Borrowed(self.text()?)),
            tag::BITS => {
                let len = u32::try_from(self.unsigned()?).ok()?;
                Value::Bits { len, bytes: Cow::Borrowed(self.take(len.div_ceil(8) as usize)?) }
            }
            tag::SET => Value::Set(Cow::Borrowed(self.text()?)),
            nested => return self.nested(nested),
        })
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn unsigned_wide(&mut self) -> Option<u128> {
        let mut v = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            v |= u128::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(v);
            }
        }
        None
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        u64::try_from(self.unsigned_wide()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        Some(((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64))
    }

    fn scale(&mut self) -> Option<i64> {
        self.signed().filter(|scale| scale.unsigned_abs() <= SCALE_MAX)
    }

    pub(super) fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.unsigned()?).ok()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }

    fn date(&mut self) -> Option<Date> {
        Some(match self.byte()? {
            form::FINITE => Date::Days(i32::try_from(self.signed()?).ok()?),
            form::INFINITY => Date::Infinity,
            form::NEG_INFINITY => Date::NegInfinity,
            form::OFF_CALENDAR => {
                let year = u16::try_from(self.unsigned()?).ok()?;
                Date::OffCalendar { year, month: self.byte()?, day: self.byte()? }
            }
            _ => return None,
        })
    }

    fn moment(&mut self) -> Option<Moment> {
        Some(match self.byte()? {
            form::FINITE => Moment::Micros(self.signed()?),
            form::INFINITY => Moment::Infinity,
            form::NEG_INFINITY => Moment::NegInfinity,
            form::OFF_CALENDAR => {
                let year = u16::try_from(self.unsigned()?).ok()?;
                Moment::OffCalendar { year, month: self.byte()?, day: self.byte()?, micros: self.signed()? }
            }
            _ => return None,
        })
    }
}

fn unsigned_integer(coefficient: i128, scale: i64) -> Option<u64> {
    let power = u32::try_from(scale.checked_neg()?).ok()?;
    u64::try_from(coefficient.checked_mul(10i128.checked_pow(power)?)?).ok()
}

/// All cells of `bytes`; `None` when they are not canonical cells throughout.
#[must_use]
pub fn decode_all(bytes: &[u8]) -> Option<Vec<OwnedValue>> {
    let mut reader = Reader::new(bytes);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(reader.next_value()?.into_owned());
    }
    Some(values)
}
