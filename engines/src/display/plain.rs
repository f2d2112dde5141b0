//! The text of values of one part.

use std::fmt::Write as _;

use super::nested;
use crate::canon::text::civil_from_days;
use crate::value::{Date, Moment, Value};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The text of `value`; `None` for NULL. Lossless, except that a value doesn't
/// say which type it is of.
#[must_use]
pub fn text(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::UInt(v) => v.to_string(),
        Value::F32(v) => single(*v),
        Value::F64(v) => double(*v),
        Value::Decimal(v) => v.to_string(),
        Value::Text(v) | Value::Json(v) | Value::Set(v) => v.to_string(),
        Value::Bytes(v) => format!("\\x{}", hex(v)),
        Value::Date(v) => date(*v),
        Value::Time(v) => time(*v),
        Value::TimeTz { micros, offset_seconds } => format!("{}{}", time(*micros), offset(*offset_seconds)),
        Value::Timestamp(v) => moment(*v),
        Value::Instant(v) => match v {
            Moment::Micros(_) => {
                let text = moment(*v);
                // PostgreSQL wants the era behind the zone.
                text.strip_suffix(" BC").map_or_else(|| format!("{text}+00"), |t| format!("{t}+00 BC"))
            }
            Moment::Infinity | Moment::NegInfinity | Moment::OffCalendar { .. } => moment(*v),
        },
        Value::Interval { months, days, micros } => format!("{months} mons {days} days {micros} microseconds"),
        Value::Uuid(v) => uuid::Uuid::from_bytes(*v).hyphenated().to_string(),
        Value::Bits { len, bytes } => bits(*len, bytes),
        Value::Array(v) => nested::array(v),
        Value::Range(v) => nested::range(v),
        Value::Multirange(v) => nested::multirange(v),
        Value::Composite(v) => nested::composite(v),
        Value::Map(v) => nested::map(v),
        Value::Shape { kind, closed, coordinates } => nested::shape(*kind, *closed, coordinates),
        Value::Geometry { srid, wkb } => format!("SRID={srid};{}", hex(wkb)),
        Value::Vector(v) => nested::vector(v),
    })
}

/// Two lower-case digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// The digits of a bit string.
#[must_use]
pub fn bits(len: u32, bytes: &[u8]) -> String {
    (0..len as usize)
        .map(|i| if bytes.get(i / 8).is_some_and(|b| b >> (7 - i % 8) & 1 == 1) { '1' } else { '0' })
        .collect()
}

pub(super) fn single(v: f32) -> String {
    float(f64::from(v), || format!("{v:?}"))
}

pub(super) fn double(v: f64) -> String {
    float(v, || format!("{v:?}"))
}

fn float(v: f64, finite: impl FnOnce() -> String) -> String {
    if v.is_nan() {
        "NaN".to_owned()
    } else if v.is_infinite() {
        if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        finite()
    }
}

fn date(v: Date) -> String {
    match v {
        Date::Days(days) => day(i64::from(days), ""),
        Date::Infinity => "infinity".to_owned(),
        Date::NegInfinity => "-infinity".to_owned(),
        Date::OffCalendar { year, month, day } => format!("{year:04}-{month:02}-{day:02}"),
    }
}

/// Year 0 is 1 BC.
fn day(days: i64, clock: &str) -> String {
    let (year, month, day) = civil_from_days(days);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}{clock}")
    } else {
        format!("{:04}-{month:02}-{day:02}{clock} BC", 1 - year)
    }
}

fn moment(v: Moment) -> String {
    match v {
        Moment::Micros(micros) => {
            let clock = format!(" {}", time(micros.rem_euclid(MICROS_PER_DAY)));
            day(micros.div_euclid(MICROS_PER_DAY), &clock)
        }
        Moment::Infinity => "infinity".to_owned(),
        Moment::NegInfinity => "-infinity".to_owned(),
        Moment::OffCalendar { year, month, day, micros } => {
            format!("{year:04}-{month:02}-{day:02} {}", time(micros))
        }
    }
}

fn time(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text
}

fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let s = seconds.unsigned_abs();
    format!("{sign}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_spelling() {
        let cases = [
            (Value::F64(0.1), "0.1"),
            (Value::F64(1e300), "1e300"),
            (Value::F64(f64::NEG_INFINITY), "-Infinity"),
            (Value::Date(Date::Days(-1)), "1969-12-31"),
            (Value::Date(Date::Days(-719_163)), "0001-12-31 BC"),
            (Value::Instant(Moment::Micros(1_500_000)), "1970-01-01 00:00:01.5+00"),
            (Value::Time(-1_000_000), "-00:00:01"),
            (Value::Time(3_020_399_000_000), "838:59:59"),
            (Value::Timestamp(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 }), "0000-00-00 00:00:00"),
            (Value::Bits { len: 3, bytes: vec![0b1010_0000].into() }, "101"),
            (Value::Bytes(vec![0, 255].into()), "\\x00ff"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(&value).as_deref(), Some(expected));
        }
        assert_eq!(text(&Value::Null), None);
    }
}
