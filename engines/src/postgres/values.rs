//! The binary forms of PostgreSQL's types, one function each.
//!
//! Every function takes exactly the bytes of one value that is not NULL and
//! refuses any other length, so that a shifted or cut field is never taken for
//! a value. None panics, whatever the bytes.

use std::borrow::Cow;

use super::bytes::{Fault, Fields};
use crate::value::{Date, Moment, Value};

/// 2000-01-01, where the server's calendar begins, in days since 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * MICROS_PER_DAY;
const MICROS_PER_DAY: i64 = 86_400_000_000;

fn sized<const N: usize>(bytes: &[u8], fault: Fault) -> Result<[u8; N], Fault> {
    bytes.try_into().map_err(|_| fault)
}

pub(super) fn bool(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match bytes {
        [0] => Ok(Value::Bool(false)),
        [1] => Ok(Value::Bool(true)),
        _ => Err("a boolean is neither 0 nor 1"),
    }
}

pub(super) fn int2(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Int(i16::from_be_bytes(sized(bytes, "a smallint has not 2 bytes")?).into()))
}

pub(super) fn int4(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Int(i32::from_be_bytes(sized(bytes, "an integer has not 4 bytes")?).into()))
}

pub(super) fn int8(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Int(i64::from_be_bytes(sized(bytes, "a bigint has not 8 bytes")?)))
}

pub(super) fn oid(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Int(u32::from_be_bytes(sized(bytes, "an oid has not 4 bytes")?).into()))
}

/// A transaction's number with its epoch.
pub(super) fn xid8(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::UInt(u64::from_be_bytes(sized(bytes, "an xid8 has not 8 bytes")?)))
}

pub(super) fn float4(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::F32(f32::from_be_bytes(sized(bytes, "a real has not 4 bytes")?)))
}

pub(super) fn float8(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::F64(f64::from_be_bytes(sized(bytes, "a double precision has not 8 bytes")?)))
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    // Possible where the database's own encoding is SQL_ASCII, which is none.
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| "the text is not UTF-8")
}

pub(super) fn text(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Text(utf8(bytes)?))
}

/// `"char"` is one byte of no encoding: zero stands for the empty text, and what
/// is not ASCII is printed as the server does since version 16.
pub(super) fn char(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match bytes {
        [0] => Ok(Value::Text(Cow::Borrowed(""))),
        [byte @ 0x80..=0xFF] => Ok(Value::Text(Cow::Owned(format!("\\{byte:03o}")))),
        [_] => text(bytes),
        _ => Err("a \"char\" has not 1 byte"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all decoders are of one type, and any bytes are a bytea")]
pub(super) fn bytea(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Bytes(Cow::Borrowed(bytes)))
}

pub(super) fn date(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Date(match i32::from_be_bytes(sized(bytes, "a date has not 4 bytes")?) {
        i32::MIN => Date::NegInfinity,
        i32::MAX => Date::Infinity,
        days => Date::Days(days.checked_add(EPOCH_DAYS).ok_or("a date is outside of the server's calendar")?),
    }))
}

fn clock(micros: i64) -> Result<i64, Fault> {
    // 24:00:00 is a time of day.
    if (0..=MICROS_PER_DAY).contains(&micros) { Ok(micros) } else { Err("a time of day is outside of the day") }
}

pub(super) fn time(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Time(clock(i64::from_be_bytes(sized(bytes, "a time has not 8 bytes")?))?))
}

pub(super) fn timetz(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const FAULT: Fault = "a time with time zone has not 12 bytes";
    let mut fields = Fields::new(bytes);
    let (micros, west) = (|| Some((fields.i64()?, fields.i32()?)))().ok_or(FAULT)?;
    if !fields.is_empty() {
        return Err(FAULT);
    }
    // The server counts seconds west of UTC.
    let offset_seconds = west.checked_neg().ok_or("a time zone is out of range")?;
    Ok(Value::TimeTz { micros: clock(micros)?, offset_seconds })
}

fn moment(bytes: &[u8]) -> Result<Moment, Fault> {
    Ok(match i64::from_be_bytes(sized(bytes, "a timestamp has not 8 bytes")?) {
        i64::MIN => Moment::NegInfinity,
        i64::MAX => Moment::Infinity,
        // The server counts from 2000 and we from 1970 in the same 64 bits, so
        // its calendar ends, in 294276, after ours.
        micros => Moment::Micros(micros.checked_add(EPOCH_MICROS).ok_or("a timestamp is later than 294247-01-10")?),
    })
}

pub(super) fn timestamp(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Timestamp(moment(bytes)?))
}

pub(super) fn timestamptz(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Instant(moment(bytes)?))
}

pub(super) fn interval(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const FAULT: Fault = "an interval has not 16 bytes";
    let mut fields = Fields::new(bytes);
    let (micros, days, months) = (|| Some((fields.i64()?, fields.i32()?, fields.i32()?)))().ok_or(FAULT)?;
    if fields.is_empty() { Ok(Value::Interval { months, days, micros }) } else { Err(FAULT) }
}

pub(super) fn uuid(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Uuid(sized(bytes, "a uuid has not 16 bytes")?))
}

pub(super) fn json(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    Ok(Value::Json(utf8(bytes)?))
}

pub(super) fn jsonb(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match bytes {
        [1, text @ ..] => json(text),
        _ => Err("a jsonb is not of version 1"),
    }
}

pub(super) fn bits(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let len = fields.i32().and_then(|len| u32::try_from(len).ok()).ok_or("a bit string has no length")?;
    let bytes = fields.rest();
    if len.div_ceil(8) as usize != bytes.len() {
        return Err("a bit string has not as many bits as it says");
    }
    Ok(Value::Bits { len, bytes: Cow::Borrowed(bytes) })
}
