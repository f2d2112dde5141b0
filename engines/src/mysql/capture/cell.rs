//! A value of a row in the log: where it ends, and what it is.
//!
//! The layouts are those of the servers' own records, other than those in
//! which they send rows. What comes out is what [`crate::mysql::decode`] makes
//! of the same value when it is read.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::charset::Charset;
use super::{decimal, jsonb};
use crate::mysql::decode::{self, CUT_SHORT, Day, Fault, NO_DATE};
use crate::mysql::wire::cursor::Cursor;
use crate::value::{Moment, OwnedValue, Value};

/// How many bytes a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Fixed(usize),
    /// Behind its length, which has so many bytes.
    Prefixed(usize),
}

impl Layout {
    #[inline]
    pub(super) fn take<'a>(self, cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Fixed(len) => cursor.take(len),
            Self::Prefixed(bytes) => {
                let len = cursor.take(bytes)?.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
                cursor.take(len)
            }
        }
    }
}

/// What the bytes of a value mean.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    Int,
    UInt,
    Year,
    Float32,
    Float64,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Date,
    /// `digits` of the fraction of a second, here and below.
    DateTime {
        digits: u8,
    },
    Instant {
        digits: u8,
    },
    Time {
        digits: u8,
    },
    Bool,
    Bits {
        len: u32,
    },
    Enum(Vec<String>),
    Set(Vec<String>),
    Text(Charset),
    /// As the server reads it: without the spaces at its end.
    Char(Charset),
    JsonText(Charset),
    JsonBinary,
    Bytes,
    /// The zeros at its end are not in the log.
    Binary {
        bytes: usize,
    },
    Uuid,
    Inet4,
    Inet6,
    Geometry,
    Vector,
}

impl Reading {
    pub(super) fn value(&self, bytes: &[u8]) -> Result<OwnedValue, Fault> {
        Ok(match self {
            Self::Int => Value::Int(signed(bytes).ok_or(CUT_SHORT)?),
            Self::UInt => Value::UInt(unsigned(bytes).ok_or(CUT_SHORT)?),
            Self::Year => match bytes {
                [0] => Value::Int(0),
                [year] => Value::Int(1900 + i64::from(*year)),
                _ => return Err(CUT_SHORT),
            },
            Self::Float32 => Value::F32(f32::from_le_bytes(array(bytes)?)),
            Self::Float64 => Value::F64(f64::from_le_bytes(array(bytes)?)),
            Self::Decimal { precision, scale } => Value::Decimal(decimal::decode(bytes, *precision, *scale)?),
            Self::Date => Value::Date(date(bytes)?.date()),
            Self::DateTime { digits } => Value::Timestamp(datetime(bytes, *digits).ok_or(NO_DATE)?),
            Self::Instant { digits } => Value::Instant(instant(bytes, *digits).ok_or(NO_DATE)?),
            Self::Time { digits } => Value::Time(time(bytes, *digits).ok_or("a time is out of bounds")?),
            Self::Bool => match bytes {
                [bit @ (0 | 1)] => Value::Bool(*bit == 1),
                _ => return Err("a BIT(1) is neither 0 nor 1"),
            },
            Self::Bits { len } => decode::bits(*len, bytes)?.into_owned(),
            Self::Enum(labels) => Value::Text(Cow::Owned(label(labels, bytes)?)),
            Self::Set(labels) => Value::Set(Cow::Owned(labels_of(labels, bytes)?)),
            Self::Text(charset) => Value::Text(Cow::Owned(charset.text(bytes)?.into_owned())),
            Self::Char(charset) => Value::Text(Cow::Owned(charset.text(bytes)?.trim_end_matches(' ').to_owned())),
            Self::JsonText(charset) => Value::Json(Cow::Owned(charset.text(bytes)?.into_owned())),
            Self::JsonBinary => Value::Json(Cow::Owned(jsonb::text(bytes)?)),
            Self::Bytes => Value::Bytes(Cow::Owned(bytes.to_vec())),
            Self::Binary { bytes: len } => Value::Bytes(Cow::Owned(padded(bytes, *len)?)),
            Self::Uuid => Value::Uuid(uuid(array(&padded(bytes, 16)?)?)),
            Self::Inet4 => {
                let address: [u8; 4] = array(&padded(bytes, 4)?)?;
                Value::Text(Cow::Owned(Ipv4Addr::from(address).to_string()))
            }
            Self::Inet6 => Value::Text(Cow::Owned(inet6(array(&padded(bytes, 16)?)?))),
            Self::Geometry => decode::geometry(bytes)?.into_owned(),
            Self::Vector => Value::Vector(Cow::Owned(bytes.to_vec())),
        })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
    bytes.try_into().map_err(|_| CUT_SHORT)
}

fn padded(bytes: &[u8], len: usize) -> Result<Vec<u8>, Fault> {
    if bytes.len() > len {
        return Err("a value is longer than its column");
    }
    let mut bytes = bytes.to_vec();
    bytes.resize(len, 0);
    Ok(bytes)
}

/// Up to eight bytes, the lowest first.
fn unsigned(bytes: &[u8]) -> Option<u64> {
    let mut all = [0; 8];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(all))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes.last()? & 0x80 == 0 { 0 } else { 0xFF };
    let mut all = [sign; 8];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(all))
}

/// Up to eight bytes, the highest first.
fn big_endian(bytes: &[u8]) -> Option<u64> {
    let mut all = [0; 8];
    all.get_mut(8usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(all))
}

/// The lowest `bits` of a number that is known to fit.
fn part<T: TryFrom<u64> + Default>(number: u64, shift: u32, bits: u32) -> T {
    T::try_from(number >> shift & ((1 << bits) - 1)).unwrap_or_default()
}

fn date(bytes: &[u8]) -> Result<Day, Fault> {
    let packed = unsigned(bytes).filter(|_| bytes.len() == 3).ok_or(CUT_SHORT)?;
    Day::of(part(packed, 9, 15), part(packed, 5, 4), part(packed, 0, 5)).ok_or(NO_DATE)
}

/// The bytes that a fraction of a second of so many digits has, and how many
/// microseconds its lowest unit is.
pub(super) fn fraction_bytes(digits: u8) -> Option<usize> {
    (digits <= 6).then(|| usize::from(digits.div_ceil(2)))
}

fn fraction_unit(digits: u8) -> u32 {
    match digits.div_ceil(2) {
        0 | 3 => 1,
        1 => 10_000,
        _ => 100,
    }
}

fn micros(fraction: &[u8], digits: u8) -> Option<u32> {
    let units = u32::try_from(big_endian(fraction)?).ok()?;
    units.checked_mul(fraction_unit(digits)).filter(|&micros| micros < 1_000_000)
}

/// Year and month as one number of 17 bits, then day, hour, minute and second.
pub(super) fn unpacked(packed: u64, micros: u32) -> Option<Moment> {
    let year_month: u64 = part(packed, 22, 17);
    let (year, month) = (u16::try_from(year_month / 13).ok()?, u8::try_from(year_month % 13).ok()?);
    let day = Day::of(year, month, part(packed, 17, 5))?;
    let micros = decode::micros_of_day(part(packed, 12, 5), part(packed, 6, 6), part(packed, 0, 6), micros)?;
    Some(day.at(micros))
}

fn datetime(bytes: &[u8], digits: u8) -> Option<Moment> {
    /// Set, so that the bytes sort; clear in what is before year 0, of which there
    /// is nothing.
    const SIGN: u64 = 0x80_0000_0000;
    let (packed, fraction) = bytes.split_at_checked(5)?;
    unpacked(big_endian(packed)?.checked_sub(SIGN)?, micros(fraction, digits)?)
}

fn instant(bytes: &[u8], digits: u8) -> Option<Moment> {
    let (seconds, fraction) = bytes.split_at_checked(4)?;
    let (seconds, micros) = (i64::try_from(big_endian(seconds)?).ok()?, micros(fraction, digits)?);
    if seconds == 0 && micros == 0 {
        return Some(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 });
    }
    Some(Moment::Micros(seconds * 1_000_000 + i64::from(micros)))
}

/// One number, fraction included, of which half of what it can be is taken off.
fn time(bytes: &[u8], digits: u8) -> Option<i64> {
    let fraction_bits = 8 * u32::try_from(fraction_bytes(digits)?).ok()?;
    let half = 1i64 << (23 + fraction_bits);
    let number = i64::try_from(big_endian(bytes)?).ok()?.checked_sub(half)?;
    let size = number.unsigned_abs();
    let fraction: u32 = part(size, 0, fraction_bits);
    let micros = fraction.checked_mul(fraction_unit(digits)).filter(|&micros| micros < 1_000_000)?;
    let micros = unpacked_time(size >> fraction_bits, micros)?;
    Some(if number < 0 { -micros } else { micros })
}

/// Hours, of which there may be 838, minutes and seconds.
pub(super) fn unpacked_time(packed: u64, micros: u32) -> Option<i64> {
    const HOURS_MAX: i64 = 838;
    let (hours, minutes, seconds): (i64, i64, i64) = (part(packed, 12, 10), part(packed, 6, 6), part(packed, 0, 6));
    if hours > HOURS_MAX || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + i64::from(micros))
}

/// Counted from 1; 0 is the empty text that a server stores for what is no label.
fn label(labels: &[String], bytes: &[u8]) -> Result<String, Fault> {
    let number = unsigned(bytes).and_then(|n| usize::try_from(n).ok()).ok_or(CUT_SHORT)?;
    match number.checked_sub(1) {
        None => Ok(String::new()),
        Some(i) => labels.get(i).cloned().ok_or("an ENUM has a label that its column hasn't"),
    }
}

fn labels_of(labels: &[String], bytes: &[u8]) -> Result<String, Fault> {
    let bits = unsigned(bytes).ok_or(CUT_SHORT)?;
    if u64::BITS - bits.leading_zeros() > u32::try_from(labels.len()).unwrap_or(u32::MAX) {
        return Err("a SET has a label that its column hasn't");
    }
    let of_it: Vec<&str> =
        labels.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, label)| label.as_str()).collect();
    Ok(of_it.join(","))
}

/// MariaDB keeps the parts of a UUID that holds a time in the opposite order, so that
/// the later one is the greater.
fn uuid(stored: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = stored;
    let swapped = [m, n, o, p, k, l, i, j, g, h, a, b, c, d, e, f];
    let is_swapped = |swapped: &[u8; 16]| {
        // The version, and the variant that has versions.
        let (version, variant) = (swapped[6] >> 4, swapped[8] >> 6);
        (1..=5).contains(&version) && variant == 2
    };
    if is_swapped(&swapped) { swapped } else { stored }
}

/// As MariaDB writes it: `::` for the first of the longest runs of zeros, also
/// where that is a single one, and the older address where one is embedded.
fn inet6(bytes: [u8; 16]) -> String {
    let groups = Ipv6Addr::from(bytes).segments();
    let (mut start, mut end) = (0, 0);
    for first in 0..groups.len() {
        let zeros = groups.iter().skip(first).take_while(|&&group| group == 0).count();
        if zeros > end - start {
            (start, end) = (first, first + zeros);
        }
    }
    let [.., w, x, y, z] = bytes;
    let older = Ipv4Addr::new(w, x, y, z);
    match (start, end, groups) {
        (0, 6, _) => return format!("::{older}"),
        (0, 5, [.., 0xFFFF, _, _]) => return format!("::ffff:{older}"),
        _ => {}
    }
    let hex = |groups: Option<&[u16]>| {
        let groups: Vec<String> = groups.unwrap_or_default().iter().map(|group| format!("{group:x}")).collect();
        groups.join(":")
    };
    if start == end {
        return hex(Some(&groups));
    }
    format!("{}::{}", hex(groups.get(..start)), hex(groups.get(end..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_below_zero_are_read() {
        for (bytes, digits, expected) in [
            (&[0x80, 0, 0][..], 0, 0),
            (&[0x7F, 0xFF, 0xFF], 0, -1_000_000),
            // -00:00:00.01, and -00:00:00.000001.
            (&[0x7F, 0xFF, 0xFF, 0xFF], 2, -10_000),
            (&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 6, -1),
            (&[0x80, 0, 0, 0, 0, 1], 6, 1),
        ] {
            assert_eq!(time(bytes, digits), Some(expected), "{bytes:?}");
        }
        assert_eq!(time(&[0xFF, 0xFF, 0xFF], 0), None);
    }

    #[test]
    fn labels_must_be_there() {
        let labels = ["a".to_owned(), "b".to_owned()];
        assert_eq!(label(&labels, &[0]).as_deref(), Ok(""));
        assert_eq!(label(&labels, &[2]).as_deref(), Ok("b"));
        assert!(label(&labels, &[3]).is_err());
        assert_eq!(labels_of(&labels, &[3]).as_deref(), Ok("a,b"));
        assert!(labels_of(&labels, &[4]).is_err());
    }

    fn readings() -> Vec<Reading> {
        vec![
            Reading::Int,
            Reading::UInt,
            Reading::Year,
            Reading::Float32,
            Reading::Float64,
            Reading::Decimal { precision: 65, scale: 30 },
            Reading::Decimal { precision: 12, scale: 2 },
            Reading::Date,
            Reading::DateTime { digits: 6 },
            Reading::DateTime { digits: 3 },
            Reading::Instant { digits: 1 },
            Reading::Time { digits: 0 },
            Reading::Time { digits: 6 },
            Reading::Bool,
            Reading::Bits { len: 12 },
            Reading::Enum(vec!["a".to_owned()]),
            Reading::Set(vec!["a".to_owned()]),
            Reading::Text(Charset::Utf8),
            Reading::Char(Charset::Utf16),
            Reading::JsonText(Charset::Utf8),
            Reading::JsonBinary,
            Reading::Bytes,
            Reading::Binary { bytes: 5 },
            Reading::Uuid,
            Reading::Inet4,
            Reading::Inet6,
            Reading::Geometry,
            Reading::Vector,
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for reading in readings() {
                for len in 0..=bytes.len() {
                    let _ = reading.value(&bytes[..len]);
                }
            }
            for layout in [Layout::Fixed(3), Layout::Prefixed(1), Layout::Prefixed(4)] {
                let _ = layout.take(&mut Cursor::new(&bytes));
            }
        }
    }
}
