//! What a value means under a rule. Written to be read, not to be fast, and
//! with nothing of the encoding's own arithmetic.

use std::collections::BTreeMap;
use std::ops::Bound;

use switchback_engines::canon::{Rounding, Rule};
use switchback_engines::nested::{Array, Range};
use switchback_engines::table::Shape;
use switchback_engines::{Date, Decimal, Moment, Value};

/// Two values are equal under a rule when their meanings are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Null,
    /// An exact number: sign, digits without zeros at either end, and the power
    /// of ten of the last one.
    Exact {
        negative: bool,
        digits: String,
        power: i64,
    },
    /// An exact number whose scale is part of it: sign, digits and scale.
    Scaled(bool, String, usize),
    NegativeZero,
    DecimalSpecial(&'static str),
    /// A floating-point number that is not whole, or too large to tell.
    Float(u64),
    NotANumber,
    Text(String),
    Bytes(Vec<u8>),
    Date(Date),
    Time(i128),
    TimeTz(i64, i32),
    /// With a zone or without.
    Moment {
        zoned: bool,
        at: At,
    },
    Interval(i32, i32, i64),
    Uuid([u8; 16]),
    /// By its class among the documents of [`super::values::DOCUMENTS`].
    Document(usize),
    Bits(u32, Vec<u8>),
    Labels(Vec<String>),
    /// Lengths and first subscripts, and the elements.
    Array(Vec<(u32, i32)>, Vec<Meaning>),
    /// Ranges in order; one that is not among several is [`Meaning::Range`].
    Multirange(Vec<Meaning>),
    /// `None`: the empty one.
    Range(Option<[Edge; 2]>),
    Composite(Vec<Meaning>),
    Map(BTreeMap<String, Option<String>>),
    Shape(Shape, bool, Vec<u64>),
    /// By its class among those of [`super::values::GEOMETRIES`], or its bytes.
    Geometry(u32, Result<usize, Vec<u8>>),
    Vector(Vec<u32>, Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edge {
    Included(Box<Meaning>),
    Excluded(Box<Meaning>),
    Unbounded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Beginning,
    /// Microseconds from 1970.
    Micros(i128),
    End,
    OffCalendar(u16, u8, u8, i128),
}

const DAY: i128 = 86_400_000_000;

pub(super) fn meaning(rule: &Rule, value: &Value<'_>) -> Meaning {
    if matches!(value, Value::Null) {
        return Meaning::Null;
    }
    let special = match *rule {
        Rule::Number => match value {
            Value::Bits { len, bytes } => number_of_bits(*len, bytes),
            _ => None,
        },
        Rule::Double => as_double(value),
        Rule::Single => match value {
            Value::Decimal(v) => {
                Some(special_or_float(v, |text| nearest_single(text).map_or_else(|| exact(text), float)))
            }
            _ => None,
        },
        Rule::ScaledNumber => match value {
            Value::Bool(v) => Some(scaled(&i128::from(*v).to_string())),
            Value::Int(v) => Some(scaled(&v.to_string())),
            Value::UInt(v) => Some(scaled(&v.to_string())),
            Value::Decimal(v) => Some(special_or(v, scaled)),
            _ => None,
        },
        Rule::Float { single, signed_zero } => as_float(value, single, signed_zero),
        Rule::FormedText(form) => match value {
            // Unicode's tables are checked beside the code that asks them.
            Value::Text(v) => Some(form.apply(v).map_or(Meaning::Null, |text| Meaning::Text(text.into_owned()))),
            _ => None,
        },
        Rule::BoolWords(ref rule) => match value {
            Value::Text(v) => Some(match rule.form.apply(v) {
                Some(text) if rule.words.yes.iter().any(|word| *word == text) => exact("1"),
                Some(text) if rule.words.no.iter().any(|word| *word == text) => exact("0"),
                Some(text) => Meaning::Text(text.into_owned()),
                None => Meaning::Null,
            }),
            _ => None,
        },
        Rule::StoredBytes { trim_zeros } => match value {
            Value::Bytes(v) => Some(bytes(v, trim_zeros)),
            _ => None,
        },
        Rule::SwappedUuid => match value {
            Value::Text(v) => uuid(v).map(Meaning::Uuid),
            Value::Bytes(v) => <[u8; 16]>::try_from(v.as_ref()).ok().map(|v| {
                let order = [4, 5, 6, 7, 2, 3, 0, 1, 8, 9, 10, 11, 12, 13, 14, 15];
                Meaning::Uuid(order.map(|i: usize| v[i]))
            }),
            _ => None,
        },
        Rule::JsonText => match value {
            Value::Json(v) => Some(Meaning::Text(v.to_string())),
            _ => None,
        },
        Rule::AsStored => None,
        Rule::ZeroDateIsNull(ref within) => {
            let zero = match value {
                Value::Date(v) => midnight(*v) == Some(At::OffCalendar(0, 0, 0, 0)),
                Value::Timestamp(v) | Value::Instant(v) => at(*v) == At::OffCalendar(0, 0, 0, 0),
                Value::Text(v) => {
                    let clock_of = |rest: &str| rest.strip_prefix([' ', 'T']).and_then(clock);
                    v.strip_prefix("0000-00-00").is_some_and(|rest| rest.is_empty() || clock_of(rest) == Some(0))
                }
                _ => false,
            };
            return if zero { Meaning::Null } else { meaning(within, value) };
        }
        Rule::Text { trim_spaces } => match value {
            Value::Text(v) if trim_spaces => Some(Meaning::Text(trimmed(v, ' '))),
            _ => None,
        },
        Rule::Bytes { trim_zeros } => match value {
            Value::Bytes(v) => Some(bytes(v, trim_zeros)),
            Value::Text(v) => Some(bytes(v.as_bytes(), trim_zeros)),
            _ => None,
        },
        Rule::Uuid => match value {
            Value::Text(v) => uuid(v).map(Meaning::Uuid),
            Value::Bytes(v) => <[u8; 16]>::try_from(v.as_ref()).ok().map(Meaning::Uuid),
            _ => None,
        },
        Rule::Date => match value {
            Value::Text(v) => day(v).map(|days| Meaning::Date(Date::Days(days))),
            _ => None,
        },
        Rule::Time { digits, rounding } => match value {
            Value::Time(v) => Some(Meaning::Time(round_span(rounding, (*v).into(), digits))),
            Value::Text(v) => clock(v).map(|v| Meaning::Time(round_span(rounding, v, digits))),
            _ => None,
        },
        Rule::TimeTz => match value {
            Value::Text(v) => zoned(v)
                .map(|(clock, east)| Meaning::TimeTz(i64::try_from(clock).unwrap(), i32::try_from(east).unwrap())),
            _ => None,
        },
        Rule::Timestamp { digits, rounding } => {
            let at = match value {
                Value::Timestamp(v) => Some(at(*v)),
                Value::Date(v) => midnight(*v),
                Value::Text(v) => {
                    date_and_time(v).filter(|(_, zone)| zone.is_none()).map(|(micros, _)| At::Micros(micros))
                }
                _ => None,
            };
            at.map(|at| Meaning::Moment { zoned: false, at: round(rounding, at, digits) })
        }
        Rule::Instant { digits, rounding, naive_zone_minutes } => {
            let zone = i128::from(naive_zone_minutes) * 60_000_000;
            let at = match value {
                Value::Instant(v) => Some(at(*v)),
                Value::Timestamp(v) => Some(east(at(*v), zone)),
                Value::Text(v) => date_and_time(v).map(|(micros, own)| At::Micros(micros - own.unwrap_or(zone))),
                _ => None,
            };
            at.map(|at| Meaning::Moment { zoned: true, at: round(rounding, at, digits) })
        }
        Rule::Interval => match value {
            Value::Time(micros) => Some(Meaning::Interval(0, 0, *micros)),
            _ => None,
        },
        Rule::Json => match value {
            Value::Text(v) => document(v),
            Value::Bool(v) => Some(Meaning::Text(v.to_string())),
            Value::Int(v) => Some(document_of_number(&v.to_string())),
            Value::UInt(v) => Some(document_of_number(&v.to_string())),
            // Written out in full, so without an exponent.
            Value::F32(v) if v.is_finite() => Some(document_of_number(&v.to_string())),
            Value::F64(v) if v.is_finite() => Some(document_of_number(&v.to_string())),
            Value::Decimal(v) => match special_or(v, document_of_number) {
                Meaning::DecimalSpecial(_) => None,
                number => Some(number),
            },
            _ => None,
        },
        Rule::Set => match value {
            Value::Set(v) | Value::Text(v) => Some(labels(v)),
            _ => None,
        },
        Rule::Bits | Rule::Map | Rule::Shape | Rule::Geometry | Rule::Vector => None,
        Rule::Array { ref element } => match value {
            Value::Array(v) => Some(array(v, &|v| meaning(element, v))),
            _ => None,
        },
        Rule::Range { ref bound } => match value {
            Value::Range(v) => Some(range(v, &|v| meaning(bound, v))),
            _ => None,
        },
        Rule::Multirange { ref bound } => match value {
            Value::Multirange(v) => {
                Some(Meaning::Multirange(v.iter().map(|r| range(r, &|v| meaning(bound, v))).collect()))
            }
            _ => None,
        },
        Rule::Composite { ref fields } => match value {
            Value::Composite(v) if v.len() == fields.len() => {
                Some(Meaning::Composite(fields.iter().zip(v).map(|(rule, v)| meaning(rule, v)).collect()))
            }
            _ => None,
        },
    };
    special.unwrap_or_else(|| as_it_is(value))
}

fn as_it_is(value: &Value<'_>) -> Meaning {
    match value {
        Value::Null => Meaning::Null,
        Value::Bool(v) => exact(&i128::from(*v).to_string()),
        Value::Int(v) => exact(&v.to_string()),
        Value::UInt(v) => exact(&v.to_string()),
        Value::F32(v) => float(f64::from(*v)),
        Value::F64(v) => float(*v),
        Value::Decimal(v) => special_or(v, exact),
        Value::Text(v) => Meaning::Text(v.to_string()),
        Value::Bytes(v) => Meaning::Bytes(v.to_vec()),
        Value::Date(v) => Meaning::Date(*v),
        Value::Time(v) => Meaning::Time((*v).into()),
        Value::TimeTz { micros, offset_seconds } => Meaning::TimeTz(*micros, *offset_seconds),
        Value::Timestamp(v) => Meaning::Moment { zoned: false, at: at(*v) },
        Value::Instant(v) => Meaning::Moment { zoned: true, at: at(*v) },
        Value::Interval { months, days, micros } => Meaning::Interval(*months, *days, *micros),
        Value::Uuid(v) => Meaning::Uuid(*v),
        Value::Json(v) => {
            let number = || Decimal::parse(v).filter(|d| d.shortest().is_some());
            document(v)
                .or_else(|| number().map(|d| document_of_number(&d.to_string())))
                .unwrap_or_else(|| Meaning::Text(v.to_string()))
        }
        Value::Bits { len, bytes } => Meaning::Bits(*len, bytes.to_vec()),
        // Without the rule for sets a set is its spelling.
        Value::Set(v) => Meaning::Labels(vec![v.to_string()]),
        Value::Array(v) => array(v, &as_it_is),
        Value::Range(v) => range(v, &as_it_is),
        Value::Multirange(v) => Meaning::Multirange(v.iter().map(|r| range(r, &as_it_is)).collect()),
        Value::Composite(v) => Meaning::Composite(v.iter().map(as_it_is).collect()),
        Value::Map(v) => {
            Meaning::Map(v.iter().map(|e| (e.key.to_string(), e.value.as_ref().map(ToString::to_string))).collect())
        }
        Value::Shape { kind, closed, coordinates } => {
            Meaning::Shape(*kind, *closed, coordinates.iter().map(|v| one_zero(*v, v.is_nan()).to_bits()).collect())
        }
        Value::Geometry { srid, wkb } => {
            let known = super::values::GEOMETRIES.iter().find(|(bytes, _)| *bytes == wkb.as_ref());
            Meaning::Geometry(*srid, known.map(|(_, class)| *class).ok_or_else(|| wkb.to_vec()))
        }
        Value::Vector(v) => {
            let (floats, odd) = v.as_chunks::<4>();
            let bits = floats.iter().map(|f| f32::from_le_bytes(*f)).map(|f| match f {
                f if f.is_nan() => u32::MAX,
                0.0 => 0,
                f => f.to_bits(),
            });
            Meaning::Vector(bits.collect(), odd.to_vec())
        }
    }
}

fn one_zero(v: f64, is_nan: bool) -> f64 {
    if is_nan {
        f64::NAN
    } else if v == 0.0 {
        0.0
    } else {
        v
    }
}

type Part<'p> = &'p dyn Fn(&Value<'_>) -> Meaning;

fn array(array: &Array<'_>, part: Part<'_>) -> Meaning {
    let dimensions = array.dimensions.iter().map(|d| (d.len, d.lower)).collect();
    Meaning::Array(dimensions, array.elements.iter().map(part).collect())
}

fn range(range: &Range<'_>, part: Part<'_>) -> Meaning {
    let edge = |bound: &Bound<Value<'_>>| match bound {
        Bound::Included(v) => Edge::Included(Box::new(part(v))),
        Bound::Excluded(v) => Edge::Excluded(Box::new(part(v))),
        Bound::Unbounded => Edge::Unbounded,
    };
    Meaning::Range(match range {
        Range::Empty => None,
        Range::Span { lower, upper } => Some([edge(lower), edge(upper)]),
    })
}

/// `-?digits(.digits)?` without what adds nothing.
fn exact(text: &str) -> Meaning {
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let power = i64::try_from(all.len() - digits.len()).unwrap() - i64::try_from(fraction.len()).unwrap();
    let digits = digits.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Meaning::Exact { negative: false, digits, power: 0 };
    }
    Meaning::Exact { negative, digits, power }
}

/// −0.0 is 0.0, and there is one NaN.
fn float(v: f64) -> Meaning {
    if v.is_nan() {
        return Meaning::NotANumber;
    }
    Meaning::Float(if v == 0.0 { 0 } else { v.to_bits() })
}

fn special_or(v: &Decimal<'_>, finite: impl FnOnce(&str) -> Meaning) -> Meaning {
    match v {
        Decimal::NaN => Meaning::DecimalSpecial("NaN"),
        Decimal::Infinity => Meaning::DecimalSpecial("+"),
        Decimal::NegInfinity => Meaning::DecimalSpecial("-"),
        Decimal::Small { .. } | Decimal::Big(_) => finite(&v.to_string()),
    }
}

/// Beside a floating-point number, a decimal's NaN and infinities are those.
fn special_or_float(v: &Decimal<'_>, finite: impl FnOnce(&str) -> Meaning) -> Meaning {
    match v {
        Decimal::NaN => Meaning::NotANumber,
        Decimal::Infinity => float(f64::INFINITY),
        Decimal::NegInfinity => float(f64::NEG_INFINITY),
        Decimal::Small { .. } | Decimal::Big(_) => finite(&v.to_string()),
    }
}

/// Numbers that are whole are compared as they are, whatever type they are of;
/// only a decimal that is not, or is beyond 64 bits, is rounded.
fn as_double(value: &Value<'_>) -> Option<Meaning> {
    match value {
        Value::F32(v) => Some(whole_or_float(f64::from(*v))),
        Value::F64(v) => Some(whole_or_float(*v)),
        Value::Decimal(v) => Some(special_or_float(v, |text| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            match whole.parse::<i64>() {
                Ok(_) if fraction.bytes().all(|b| b == b'0') => exact(text),
                // What is too large for a double is no infinity.
                _ => Some(text.parse::<f64>().unwrap())
                    .filter(|v| v.is_finite())
                    .map_or_else(|| exact(text), whole_or_float),
            }
        })),
        _ => None,
    }
}

/// `None` for a number beyond the largest single.
fn nearest_single(text: &str) -> Option<f64> {
    Some(text.parse::<f32>().unwrap()).filter(|v| v.is_finite()).map(f64::from)
}

fn as_float(value: &Value<'_>, single: bool, signed_zero: bool) -> Option<Meaning> {
    let signed = |v: f64| {
        let is_negative_zero = v == 0.0 && v.is_sign_negative();
        if signed_zero && is_negative_zero { Meaning::NegativeZero } else { whole_or_float(v) }
    };
    match value {
        Value::F32(v) => Some(signed(f64::from(*v))),
        Value::F64(v) if !single => Some(signed(*v)),
        Value::F64(v) if v.is_finite() && !(*v as f32).is_finite() => Some(Meaning::Float(v.to_bits())),
        Value::F64(v) => Some(signed(f64::from(*v as f32))),
        Value::Decimal(v) if single => {
            Some(special_or_float(v, |text| nearest_single(text).map_or_else(|| exact(text), whole_or_float)))
        }
        _ => as_double(value),
    }
}

/// `-?digits(.digits)?` with every digit behind the point.
fn scaled(text: &str) -> Meaning {
    let (whole, fraction) =
        text.trim_start_matches(['-', '+']).split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0').to_owned();
    Meaning::Scaled(text.starts_with('-') && !digits.is_empty(), digits, fraction.len())
}

/// A double that is a whole number of up to 127 bits is that number.
fn whole_or_float(v: f64) -> Meaning {
    if v.is_finite() && v.fract() == 0.0 && v.abs() < 1e38 { exact(&(v as i128).to_string()) } else { float(v) }
}

fn number_of_bits(len: u32, bytes: &[u8]) -> Option<Meaning> {
    let bit = |i: u32| bytes[(i / 8) as usize] >> (7 - i % 8) & 1;
    let first = (0..len).find(|&i| bit(i) == 1).unwrap_or(len);
    if len - first > 64 {
        return None;
    }
    Some(exact(&(first..len).fold(0u128, |n, i| n * 2 + u128::from(bit(i))).to_string()))
}

fn trimmed(text: &str, c: char) -> String {
    let mut text = text.to_owned();
    while text.ends_with(c) {
        text.pop();
    }
    text
}

fn bytes(bytes: &[u8], trim_zeros: bool) -> Meaning {
    let mut bytes = bytes.to_vec();
    while trim_zeros && bytes.last() == Some(&0) {
        bytes.pop();
    }
    Meaning::Bytes(bytes)
}

/// Only the spellings of [`super::values`].
fn uuid(text: &str) -> Option<[u8; 16]> {
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let hex: String = inner.chars().filter(|c| *c != '-').collect();
    if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&hex, 16).ok().map(u128::to_be_bytes)
}

/// `YYYY-MM-DD`, by counting the days of every year before it.
fn day(text: &str) -> Option<i32> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) || !text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day): (i32, usize, i32) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = |y: i32| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let months = |y| [31, if leap(y) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *months(year).get(month.checked_sub(1)?)?;
    if day < 1 || day > length {
        return None;
    }
    let years: i32 = if year >= 1970 {
        (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum()
    } else {
        -(year..1970).map(|y| if leap(y) { 366 } else { 365 }).sum::<i32>()
    };
    Some(years + months(year).iter().take(month - 1).sum::<i32>() + day - 1)
}

fn number(text: &str, max: i128) -> Option<i128> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap()).filter(|n| *n <= max)
}

/// `HH:MM[:SS[.fraction]]` in microseconds.
fn clock(text: &str) -> Option<i128> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(c, f)| (c, Some(f)));
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [h, m] if fraction.is_none() => (number(h, 24)?, number(m, 59)?, 0),
        [h, m, s] => (number(h, 24)?, number(m, 59)?, number(s, 60)?),
        _ => return None,
    };
    let micros = match fraction {
        None => 0,
        Some(f) => {
            if f.is_empty() || !f.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let (kept, rest) = f.split_at(f.len().min(6));
            if rest.bytes().any(|b| b != b'0') {
                return None;
            }
            format!("{kept:0<6}").parse().unwrap()
        }
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i128> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(char::is_ascii_digit).collect();
    let shapes = ["99", "9999", "99:99", "99:99:99"];
    let shape: String = text[1..].chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    if !shapes.contains(&shape.as_str()) {
        return None;
    }
    let part = |at: usize, max| digits.get(at..at + 2).map_or(Some(0), |text| number(text, max));
    Some(sign * (part(0, 15)? * 3600 + part(2, 59)? * 60 + part(4, 59)?))
}

fn zoned(text: &str) -> Option<(i128, i128)> {
    let at = text.find(['Z', '+', '-'])?;
    Some((clock(&text[..at])?, offset(&text[at..])?))
}

/// Microseconds from 1970 as written, and those of the zone, if it names one.
fn date_and_time(text: &str) -> Option<(i128, Option<i128>)> {
    let Some(at) = text.find([' ', 'T']) else { return Some((i128::from(day(text)?) * DAY, None)) };
    let (date, clock_text) = (i128::from(day(&text[..at])?) * DAY, &text[at + 1..]);
    if let Some(micros) = clock(clock_text) {
        return Some((date + micros, None));
    }
    zoned(clock_text).map(|(micros, zone)| (date + micros, Some(zone * 1_000_000)))
}

fn midnight(date: Date) -> Option<At> {
    Some(match date {
        Date::NegInfinity => At::Beginning,
        Date::Infinity => At::End,
        // Our moments end before a server's dates do: beyond, a date is itself.
        Date::Days(days) => {
            let micros = i128::from(days) * DAY;
            i64::try_from(micros).ok()?;
            At::Micros(micros)
        }
        Date::OffCalendar { year, month, day } => At::OffCalendar(year, month, day, 0),
    })
}

fn at(moment: Moment) -> At {
    match moment {
        Moment::NegInfinity => At::Beginning,
        Moment::Infinity => At::End,
        Moment::Micros(v) => At::Micros(v.into()),
        Moment::OffCalendar { year, month, day, micros } => At::OffCalendar(year, month, day, micros.into()),
    }
}

fn east(at: At, zone: i128) -> At {
    match at {
        At::Micros(v) => At::Micros(v - zone),
        other => other,
    }
}

fn round(rounding: Rounding, at: At, digits: u8) -> At {
    let unit = unit(digits);
    match at {
        At::Micros(v) => At::Micros(match rounding {
            Rounding::Down => v - v.rem_euclid(unit),
            Rounding::HalfUp => v + unit / 2 - (v + unit / 2).rem_euclid(unit),
            Rounding::HalfFrom2000 => {
                let epoch = 946_684_800_000_000;
                epoch + nearest_from_zero(v - epoch, unit)
            }
        }),
        At::OffCalendar(year, month, day, micros) => {
            At::OffCalendar(year, month, day, round_span(rounding, micros, digits))
        }
        other => other,
    }
}

fn round_span(rounding: Rounding, micros: i128, digits: u8) -> i128 {
    let unit = unit(digits);
    match rounding {
        Rounding::Down => micros - micros % unit,
        Rounding::HalfUp | Rounding::HalfFrom2000 => nearest_from_zero(micros, unit),
    }
}

/// The nearest multiple of `unit`, halves away from zero.
fn nearest_from_zero(v: i128, unit: i128) -> i128 {
    let magnitude = (v.abs() + unit / 2) / unit * unit;
    if v < 0 { -magnitude } else { magnitude }
}

fn unit(digits: u8) -> i128 {
    10i128.pow(6 - u32::from(digits.min(6)))
}

fn document(text: &str) -> Option<Meaning> {
    super::values::DOCUMENTS.iter().find(|(spelling, _)| *spelling == text).map(|(_, class)| Meaning::Document(*class))
}

/// Numbers are documents by what they are, whatever their spelling.
fn document_of_number(text: &str) -> Meaning {
    let number = exact(text);
    let same = |spelling: &str| Decimal::parse(spelling).is_some_and(|v| special_or(&v, exact) == number);
    let known = super::values::DOCUMENTS.iter().find(|(spelling, _)| same(spelling));
    known.map_or(number, |(_, class)| Meaning::Document(*class))
}

fn labels(text: &str) -> Meaning {
    let mut labels: Vec<String> = text.split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect();
    labels.sort();
    labels.dedup();
    Meaning::Labels(vec![labels.join(",")])
}
