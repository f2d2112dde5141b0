//! MySQL's JSON documents in binary, to the text that the server makes of them.
//!
//! Text, because that is what reading a column gives. It has to be the same to
//! the letter, as what equal documents are is not for an engine to say: members
//! in the stored order, a space behind `:` and `,`, doubles as the server
//! writes them.

use std::fmt::Write as _;

use super::cell::{unpacked, unpacked_time};
use super::decimal;
use crate::canon::text::civil_from_days;
use crate::mysql::decode::Fault;
use crate::mysql::wire::cursor::Cursor;
use crate::value::Moment;

const NO_JSON: Fault = "a JSON document is none";
/// The server's own limit.
const DEPTH_MAX: usize = 100;
/// No value has longer text for its bytes than a control character, which is
/// written with six letters, or a number within a container. What is longer says
/// one thing many times, which no server writes and which has no bound.
const TEXT_BYTES_PER_BYTE: usize = 16;
const TEXT_BYTES_FIRST: usize = 256;

/// What is left of what a document may be.
#[derive(Clone, Copy)]
struct Limits {
    depth: usize,
    text_bytes: usize,
}

/// The text of a document.
pub(super) fn text(bytes: &[u8]) -> Result<String, Fault> {
    let mut out = String::new();
    // The server writes nothing at all for the JSON value null that it makes of
    // no value.
    let (&kind, document) = match bytes.split_first() {
        Some(parts) => parts,
        None => return Ok("null".to_owned()),
    };
    let limits =
        Limits { depth: DEPTH_MAX, text_bytes: TEXT_BYTES_FIRST + document.len().saturating_mul(TEXT_BYTES_PER_BYTE) };
    value(kind, document, limits, &mut out).ok_or(NO_JSON)?;
    Ok(out)
}

mod kind {
    pub(super) const SMALL_OBJECT: u8 = 0;
    pub(super) const LARGE_OBJECT: u8 = 1;
    pub(super) const SMALL_ARRAY: u8 = 2;
    pub(super) const LARGE_ARRAY: u8 = 3;
    pub(super) const LITERAL: u8 = 4;
    pub(super) const INT16: u8 = 5;
    pub(super) const UINT16: u8 = 6;
    pub(super) const INT32: u8 = 7;
    pub(super) const UINT32: u8 = 8;
    pub(super) const INT64: u8 = 9;
    pub(super) const UINT64: u8 = 10;
    pub(super) const DOUBLE: u8 = 11;
    pub(super) const STRING: u8 = 12;
    pub(super) const OPAQUE: u8 = 15;
}

fn value(kind: u8, bytes: &[u8], limits: Limits, out: &mut String) -> Option<()> {
    let mut cursor = Cursor::new(bytes);
    match kind {
        kind::SMALL_OBJECT => container(bytes, true, false, limits, out)?,
        kind::LARGE_OBJECT => container(bytes, true, true, limits, out)?,
        kind::SMALL_ARRAY => container(bytes, false, false, limits, out)?,
        kind::LARGE_ARRAY => container(bytes, false, true, limits, out)?,
        kind::LITERAL => out.push_str(match cursor.byte()? {
            0 => "null",
            1 => "true",
            2 => "false",
            _ => return None,
        }),
        kind::INT16 => write!(out, "{}", i16::from_le_bytes(cursor.array()?)).ok()?,
        kind::UINT16 => write!(out, "{}", u16::from_le_bytes(cursor.array()?)).ok()?,
        kind::INT32 => write!(out, "{}", i32::from_le_bytes(cursor.array()?)).ok()?,
        kind::UINT32 => write!(out, "{}", u32::from_le_bytes(cursor.array()?)).ok()?,
        kind::INT64 => write!(out, "{}", i64::from_le_bytes(cursor.array()?)).ok()?,
        kind::UINT64 => write!(out, "{}", u64::from_le_bytes(cursor.array()?)).ok()?,
        kind::DOUBLE => double(f64::from_le_bytes(cursor.array()?), out)?,
        kind::STRING => string(std::str::from_utf8(block(&mut cursor)?).ok()?, out),
        kind::OPAQUE => {
            let field = cursor.byte()?;
            opaque(field, block(&mut cursor)?, out)?;
        }
        _ => return None,
    }
    Some(())
}

/// An object or array: the number of its members and its length, then where each
/// key and each value is, then those themselves. `is_large` has four bytes where
/// others have two.
fn container(bytes: &[u8], is_object: bool, is_large: bool, limits: Limits, out: &mut String) -> Option<()> {
    let limits = Limits { depth: limits.depth.checked_sub(1)?, ..limits };
    let number = |cursor: &mut Cursor<'_>| {
        if is_large { cursor.u32().map(|n| n as usize) } else { cursor.u16().map(usize::from) }
    };
    let mut cursor = Cursor::new(bytes);
    let count = number(&mut cursor)?;
    let bytes = bytes.get(..number(&mut cursor)?)?;
    let mut keys = Vec::new();
    if is_object {
        for _ in 0..count {
            let (at, len) = (number(&mut cursor)?, usize::from(cursor.u16()?));
            keys.push(std::str::from_utf8(bytes.get(at..at.checked_add(len)?)?).ok()?);
        }
    }
    out.push(if is_object { '{' } else { '[' });
    for i in 0..count {
        if i > 0 {
            out.push_str(", ");
        }
        if is_object {
            string(keys.get(i)?, out);
            out.push_str(": ");
        }
        let kind = cursor.byte()?;
        let entry = cursor.take(if is_large { 4 } else { 2 })?;
        let is_inline = matches!(kind, kind::LITERAL | kind::INT16 | kind::UINT16)
            || is_large && matches!(kind, kind::INT32 | kind::UINT32);
        let member = if is_inline { entry } else { bytes.get(number(&mut Cursor::new(entry))?..)? };
        value(kind, member, limits, out)?;
        if out.len() > limits.text_bytes {
            return None;
        }
    }
    out.push(if is_object { '}' } else { ']' });
    Some(())
}

/// Bytes behind their length: seven bits of it in each byte, the lowest first,
/// and the eighth where another follows.
fn block<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut len = 0usize;
    for i in 0..5 {
        let byte = cursor.byte()?;
        len |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return cursor.take(len);
        }
    }
    None
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The shortest digits that are this number, with an exponent where the point
/// would be more than 15 places off, and something that tells it from an integer.
fn double(number: f64, out: &mut String) -> Option<()> {
    const PLACES_MAX: i32 = 15;
    if !number.is_finite() {
        return None;
    }
    let shortest = format!("{:e}", number.abs());
    let (mantissa, exponent) = shortest.split_once('e')?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // Where the point is, counted from before the first digit.
    let point: i32 = if number == 0.0 { 1 } else { exponent.parse::<i32>().ok()? + 1 };
    let len = i32::try_from(digits.len()).ok()?;
    if number.is_sign_negative() {
        out.push('-');
    }
    if point <= -PLACES_MAX || point > PLACES_MAX && len <= point {
        let (first, rest) = digits.split_at_checked(1)?;
        out.push_str(first);
        if !rest.is_empty() {
            write!(out, ".{rest}").ok()?;
        }
        write!(out, "e{}", point - 1).ok()?;
    } else if let Ok(point) = usize::try_from(point)
        && point > 0
    {
        match digits.split_at_checked(point) {
            Some((whole, fraction)) => {
                write!(out, "{whole}.{}", if fraction.is_empty() { "0" } else { fraction }).ok()?;
            }
            None => write!(out, "{digits:0<point$}.0").ok()?,
        }
    } else {
        let zeros = usize::try_from(-point).ok()?;
        write!(out, "0.{:0<zeros$}{digits}", "").ok()?;
    }
    Some(())
}

/// A value of one of the server's types that JSON has not.
fn opaque(field: u8, bytes: &[u8], out: &mut String) -> Option<()> {
    const TIMESTAMP: u8 = 7;
    const DATE: u8 = 10;
    const TIME: u8 = 11;
    const DATETIME: u8 = 12;
    const DECIMAL: u8 = 246;
    match field {
        DECIMAL => {
            let [precision, scale, digits @ ..] = bytes else { return None };
            out.push_str(&decimal::text(digits, u32::from(*precision), u32::from(*scale))?);
        }
        TIMESTAMP | DATE | DATETIME => {
            let (packed, micros) = packed(bytes)?;
            let (y, mo, d, clock) = match unpacked(packed.unsigned_abs(), micros)? {
                Moment::Micros(micros) => {
                    const DAY: i64 = 86_400_000_000;
                    let (y, m, d) = civil_from_days(micros.div_euclid(DAY));
                    (y, m, d, micros.rem_euclid(DAY))
                }
                Moment::OffCalendar { year, month, day, micros } => (i64::from(year), month, day, micros),
                Moment::NegInfinity | Moment::Infinity => return None,
            };
            write!(out, "\"{y:04}-{mo:02}-{d:02}").ok()?;
            if field != DATE {
                out.push(' ');
                write_clock(clock, out)?;
            }
            out.push('"');
        }
        TIME => {
            let (packed, micros) = packed(bytes)?;
            out.push('"');
            if packed < 0 {
                out.push('-');
            }
            write_clock(unpacked_time(packed.unsigned_abs(), micros)?, out)?;
            out.push('"');
        }
        _ => string(&format!("base64:type{field}:{}", base64(bytes)), out),
    }
    Some(())
}

/// What is before the point, with its sign, and the microseconds behind it.
fn packed(bytes: &[u8]) -> Option<(i64, u32)> {
    const FRACTION_BITS: u32 = 24;
    let number = i64::from_le_bytes(bytes.try_into().ok()?);
    let size = number.unsigned_abs();
    let micros = u32::try_from(size & ((1 << FRACTION_BITS) - 1)).ok().filter(|&micros| micros < 1_000_000)?;
    let whole = i64::try_from(size >> FRACTION_BITS).ok()?;
    Some((if number < 0 { -whole } else { whole }, micros))
}

fn write_clock(micros: i64, out: &mut String) -> Option<()> {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}.{micros:06}").ok()
}

/// In lines of 76 letters, as the server writes it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const LINE: usize = 76;
    let mut out = String::new();
    for (i, group) in bytes.chunks(3).enumerate() {
        if i > 0 && i * 4 % LINE == 0 {
            out.push('\n');
        }
        let number = group.iter().chain([&0, &0]).take(3).fold(0usize, |n, &b| n << 8 | usize::from(b));
        for place in 0..4 {
            let letter = LETTERS.get(number >> (18 - 6 * place) & 63).copied().unwrap_or(b'=');
            out.push(if place > group.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(number: f64) -> String {
        let mut out = String::new();
        double(number, &mut out).unwrap();
        out
    }

    #[test]
    fn doubles_are_written_as_the_server_does() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (100_000.0, "100000.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e17"),
            (1.5e300, "1.5e300"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
        ] {
            assert_eq!(of(number), expected);
        }
    }

    #[test]
    fn base64_is_broken_into_lines() {
        for (bytes, expected) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes), expected);
        }
        assert_eq!(base64(&[0; 57]).len(), 76);
        assert_eq!(base64(&[0; 58]).len(), 76 + 1 + 4);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = text(&bytes);
            for kind in 0..16 {
                let limits = Limits { depth: DEPTH_MAX, text_bytes: 9_000 };
                let _ = value(kind, &bytes, limits, &mut String::new());
            }
            for field in [7, 10, 11, 12, 246, 252] {
                let _ = opaque(field, &bytes, &mut String::new());
            }
        }

        #[test]
        fn doubles_come_back(number: f64) {
            if number.is_finite() {
                prop_assert_eq!(of(number).parse(), Ok(number));
            }
        }
    }
}
