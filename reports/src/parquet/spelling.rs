//! Values as text and back, for what no typed field holds.
//!
//! The text is that of [`switchback_engines::display`], except that intervals
//! are ISO 8601 as other programs read it. Together with the kind's name it is
//! lossless: [`parse`] gives back the value that [`text`] was made from.

use std::borrow::Cow;

use switchback_engines::canon::text as iso;
use switchback_engines::{Date, Decimal, Moment, OwnedValue, Shape, Value, display};

use super::tree;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The name of the value's kind; `None` for NULL, which needs no spelling.
pub(crate) fn kind(value: &Value<'_>) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::UInt(_) => "uint",
        Value::F32(_) => "float32",
        Value::F64(_) => "float64",
        Value::Decimal(_) => "decimal",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::TimeTz { .. } => "timetz",
        Value::Timestamp(_) => "timestamp",
        Value::Instant(_) => "instant",
        Value::Interval { .. } => "interval",
        Value::Uuid(_) => "uuid",
        Value::Json(_) => "json",
        Value::Bits { .. } => "bits",
        Value::Set(_) => "set",
        Value::Array(_) => "array",
        Value::Range(_) => "range",
        Value::Multirange(_) => "multirange",
        Value::Composite(_) => "composite",
        Value::Map(_) => "map",
        Value::Shape { kind, .. } => shape_kind(*kind),
        Value::Geometry { .. } => "geometry",
        Value::Vector(_) => "vector",
    })
}

/// The value's text; `None` for NULL.
pub(crate) fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Interval { months, days, micros } => Some(interval(*months, *days, *micros)),
        Value::Array(_) | Value::Range(_) | Value::Multirange(_) | Value::Composite(_) | Value::Map(_) => {
            tree::text(value)
        }
        _ => display::text(value),
    }
}

const SHAPES: [Shape; 7] =
    [Shape::Point, Shape::Line, Shape::Segment, Shape::Box, Shape::Path, Shape::Polygon, Shape::Circle];

fn shape_kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Point => "point",
        Shape::Line => "line",
        Shape::Segment => "segment",
        Shape::Box => "box",
        Shape::Path => "path",
        Shape::Polygon => "polygon",
        Shape::Circle => "circle",
    }
}

/// The value that [`kind`] and [`text`] describe; `None` for any other text.
pub(crate) fn parse(kind: &str, text: &str) -> Option<OwnedValue> {
    let owned = || Cow::Owned(text.to_owned());
    Some(match kind {
        "bool" => Value::Bool(text.parse().ok()?),
        "int" => Value::Int(text.parse().ok()?),
        "uint" => Value::UInt(text.parse().ok()?),
        "float32" => Value::F32(text.parse().ok()?),
        "float64" => Value::F64(text.parse().ok()?),
        "decimal" => Value::Decimal(Decimal::parse(text)?.into_owned()),
        "text" => Value::Text(owned()),
        "bytes" => Value::Bytes(Cow::Owned(unhex(text.strip_prefix("\\x")?)?)),
        "date" => Value::Date(parse_date(text)?),
        "time" => Value::Time(parse_time(text)?),
        "timetz" => {
            let at = text.get(1..)?.find(['+', '-'])? + 1;
            let (clock, offset) = text.split_at_checked(at)?;
            let offset_seconds = parse_time(offset.strip_prefix('+').unwrap_or(offset))? / MICROS_PER_SECOND;
            Value::TimeTz { micros: parse_time(clock)?, offset_seconds: i32::try_from(offset_seconds).ok()? }
        }
        "timestamp" => Value::Timestamp(parse_moment(text)?),
        "instant" => Value::Instant(match text.strip_suffix(" BC") {
            Some(rest) => parse_moment(&format!("{} BC", rest.strip_suffix("+00")?))?,
            None => parse_moment(text.strip_suffix("+00").unwrap_or(text))?,
        }),
        "interval" => parse_interval(text)?,
        "uuid" => Value::Uuid(iso::uuid(text)?),
        "json" => Value::Json(owned()),
        "bits" => parse_bits(text)?,
        "set" => Value::Set(owned()),
        "array" | "range" | "multirange" | "composite" | "map" => tree::parse(kind, text)?,
        "geometry" => {
            let (srid, wkb) = text.strip_prefix("SRID=")?.split_once(';')?;
            Value::Geometry { srid: srid.parse().ok()?, wkb: Cow::Owned(unhex(wkb)?) }
        }
        "vector" => Value::Vector(Cow::Owned(parse_vector(text)?)),
        shape => parse_shape(shape, text)?,
    })
}

fn parse_vector(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return unhex(digits);
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let floats: Option<Vec<[u8; 4]>> = inner.split(',').map(|v| Some(v.parse::<f32>().ok()?.to_le_bytes())).collect();
    Some(floats?.concat())
}

/// Of a shape's punctuation only the first character says something: whether a
/// path is closed.
fn parse_shape(kind: &str, text: &str) -> Option<OwnedValue> {
    let kind = *SHAPES.iter().find(|shape| shape_kind(**shape) == kind)?;
    let numbers = text.split(['(', ')', '[', ']', '{', '}', '<', '>', ',']).filter(|part| !part.is_empty());
    let coordinates: Vec<f64> = numbers.map(|number| number.parse().ok()).collect::<Option<_>>()?;
    Some(Value::Shape { kind, closed: kind == Shape::Path && text.starts_with('('), coordinates })
}

/// `P14M3DT-14706.7S`: the three parts as the server stores them. Turning months
/// into years would be as right, and nothing could tell it from 24 of them.
fn interval(months: i32, days: i32, micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    let fraction = fraction.trim_end_matches('0');
    format!("P{months}M{days}DT{sign}{seconds}{fraction}S")
}

fn parse_interval(text: &str) -> Option<OwnedValue> {
    let (months, rest) = text.strip_prefix('P')?.split_once('M')?;
    let (days, rest) = rest.split_once("DT")?;
    let seconds = rest.strip_suffix('S')?;
    let (negative, seconds) = seconds.strip_prefix('-').map_or((false, seconds), |rest| (true, rest));
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    // In the sign's own direction, as the least number has no opposite.
    let sign = if negative { -1 } else { 1 };
    let whole = whole.parse::<i64>().ok()?.checked_mul(MICROS_PER_SECOND * sign)?;
    let micros = whole.checked_add(fraction_micros(fraction)? * sign)?;
    Some(Value::Interval { months: months.parse().ok()?, days: days.parse().ok()?, micros })
}

/// Up to six digits behind the point.
fn fraction_micros(digits: &str) -> Option<i64> {
    if digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<6}").parse().ok()
}

/// `[-]HH:MM:SS[.fraction]`, with any number of hours.
fn parse_time(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = text.splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |part: &str| part.parse::<u32>().ok().map(i64::from);
    let whole = number(hours)? * 3600 + number(minutes)? * 60 + number(seconds)?;
    whole.checked_mul(MICROS_PER_SECOND * sign)?.checked_add(fraction_micros(fraction)? * sign)
}

fn parse_date(text: &str) -> Option<Date> {
    match text {
        "infinity" => return Some(Date::Infinity),
        "-infinity" => return Some(Date::NegInfinity),
        _ => {}
    }
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true));
    let mut parts = text.splitn(3, '-');
    let year: i32 = parts.next()?.parse().ok()?;
    let (month, day): (u8, u8) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let signed = if before_christ { 1 - year } else { year };
    // Year 0 on a calendar is written as 1 BC; `0000` is MySQL's.
    let on_calendar = if year == 0 { None } else { iso::days_from_civil(signed, month, day) };
    Some(match on_calendar {
        Some(days) => Date::Days(days),
        None if before_christ => return None,
        None => Date::OffCalendar { year: u16::try_from(year).ok()?, month, day },
    })
}

fn parse_moment(text: &str) -> Option<Moment> {
    match text {
        "infinity" => return Some(Moment::Infinity),
        "-infinity" => return Some(Moment::NegInfinity),
        _ => {}
    }
    let (day, clock) = text.split_once(' ')?;
    let (clock, era) = clock.strip_suffix(" BC").map_or((clock, ""), |rest| (rest, " BC"));
    let micros = parse_time(clock)?;
    Some(match parse_date(&format!("{day}{era}"))? {
        // Through 128 bits: the day before the first whole one that 64 bits of
        // microseconds hold ends within them.
        Date::Days(days) => {
            Moment::Micros(i64::try_from(i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(micros)).ok()?)
        }
        Date::OffCalendar { year, month, day } => Moment::OffCalendar { year, month, day, micros },
        Date::Infinity | Date::NegInfinity => return None,
    })
}

fn parse_bits(text: &str) -> Option<OwnedValue> {
    let mut bytes = vec![0u8; text.len().div_ceil(8)];
    for (i, digit) in text.bytes().enumerate() {
        match digit {
            b'0' => {}
            b'1' => *bytes.get_mut(i / 8)? |= 0x80 >> (i % 8),
            _ => return None,
        }
    }
    Some(Value::Bits { len: u32::try_from(text.len()).ok()?, bytes: Cow::Owned(bytes) })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(value: &OwnedValue) -> Option<OwnedValue> {
        parse(kind(value)?, &text(value)?)
    }

    #[test]
    fn what_no_field_holds_comes_back() {
        let off = Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 1_500_000 };
        let values = [
            Value::Bool(true),
            Value::UInt(u64::MAX),
            Value::F32(0.1),
            Value::F64(f64::NEG_INFINITY),
            Value::Decimal(Decimal::NaN),
            Value::Decimal(Decimal::NegInfinity),
            Value::Text("\\x00 \u{0} 'é".into()),
            Value::Bytes(vec![0, 255].into()),
            Value::Date(Date::Infinity),
            Value::Date(Date::OffCalendar { year: 0, month: 0, day: 0 }),
            Value::Date(Date::OffCalendar { year: 2024, month: 2, day: 0 }),
            Value::Date(Date::Days(-719_163)),
            Value::Time(-3_020_399_000_001),
            Value::TimeTz { micros: 86_400_000_000, offset_seconds: -19_801 },
            Value::Timestamp(off),
            Value::Instant(off),
            Value::Instant(Moment::NegInfinity),
            Value::Instant(Moment::Micros(-62_167_219_200_000_001)),
            Value::Interval { months: i32::MIN, days: i32::MAX, micros: i64::MIN },
            Value::Interval { months: 0, days: 0, micros: -1 },
            Value::Uuid([7; 16]),
            Value::Json("{\"a\": 1}".into()),
            Value::Bits { len: 11, bytes: vec![0b1010_0101, 0b0110_0000].into() },
            Value::Bits { len: 0, bytes: Vec::new().into() },
            Value::Set("a,b".into()),
        ];
        for value in values {
            assert_eq!(there_and_back(&value).as_ref(), Some(&value), "{:?}", text(&value));
        }
        assert!(matches!(there_and_back(&Value::F64(f64::NAN)), Some(Value::F64(v)) if v.is_nan()));
    }

    #[test]
    fn other_text_is_refused() {
        for (kind, text) in [
            ("int", "1.5"),
            ("bytes", "\\x0"),
            ("date", "2024-02"),
            ("time", "10:00"),
            ("timestamp", "2024-01-01"),
            ("interval", "1 mon"),
            ("bits", "12"),
            ("uuid", "x"),
            ("nothing", "x"),
        ] {
            assert_eq!(parse(kind, text), None, "{kind} {text}");
        }
    }

    proptest! {
        #[test]
        fn moments_and_intervals_come_back(micros: i64, days in -2_000_000i32..200_000_000, months: i32, zone in -57_599..57_600i32) {
            for value in [
                Value::Timestamp(Moment::Micros(micros)),
                Value::Instant(Moment::Micros(micros)),
                Value::Date(Date::Days(days)),
                Value::Interval { months, days, micros },
                Value::Time(micros),
                Value::TimeTz { micros: micros.rem_euclid(MICROS_PER_DAY), offset_seconds: zone },
            ] {
                let back = there_and_back(&value);
                prop_assert_eq!(back, Some(value));
            }
        }

        #[test]
        fn numbers_come_back(a: f64, b: f32, coefficient in -(10i128.pow(37))..10i128.pow(37), scale in 0u32..45) {
            for value in [
                Value::F64(a),
                Value::F32(b),
                Value::Decimal(Decimal::Small { coefficient, scale }),
            ] {
                let back = there_and_back(&value);
                prop_assert!(
                    back.as_ref() == Some(&value) || back.map(|v| text(&v)) == Some(text(&value)),
                );
            }
        }
    }
}
