//! Value and rule to canonical bytes.
//!
//! A value that the rule does not reach (text `abc` in a column of numbers, as
//! SQLite allows; the boolean rule's 2) is encoded as what it is: its tag then
//! differs from everything the rule produces, so it can equal only itself.

use super::cell::{
    put_block, put_date, put_decimal, put_f64, put_int, put_moment, put_scaled_decimal, put_signed, put_unsigned, tag,
};
use super::declared::BoolRule;
use super::form::TextForm;
use super::rule::Rule;
use super::{json, nested, text};
use crate::decimal::{Decimal, Shortest};
use crate::display;
use crate::value::{Date, Moment, Value};

const MICROS_PER_MINUTE: i64 = 60_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Appends the canonical cell of `value` under `rule`.
pub fn encode(rule: &Rule, value: &Value<'_>, out: &mut Vec<u8>) {
    if value.is_null() {
        out.push(tag::NULL);
        return;
    }
    match *rule {
        Rule::Number => number(value, out),
        Rule::Double => double(value, out),
        Rule::Single => single(value, out),
        Rule::Text { trim_spaces } => match value {
            Value::Text(v) if trim_spaces => put_block(out, tag::TEXT, v.trim_end_matches(' ').as_bytes()),
            _ => natural(value, out),
        },
        Rule::Bytes { trim_zeros } => bytes(value, trim_zeros, out),
        Rule::Uuid => uuid(value, out),
        Rule::Date => match value {
            Value::Text(v) => match text::date(v) {
                Some(date) => put_date(out, date),
                None => natural(value, out),
            },
            _ => natural(value, out),
        },
        Rule::Time { digits, rounding } => match value {
            Value::Time(v) => put_time(rounding.time(*v, digits), out),
            Value::Text(v) => match text::time(v) {
                Some(v) => put_time(rounding.time(v, digits), out),
                None => natural(value, out),
            },
            _ => natural(value, out),
        },
        Rule::TimeTz => match value {
            Value::Text(v) => match text::time_tz(v) {
                Some((micros, offset_seconds)) => natural(&Value::TimeTz { micros, offset_seconds }, out),
                None => natural(value, out),
            },
            _ => natural(value, out),
        },
        Rule::Timestamp { digits, rounding } => match timestamp(value) {
            Some(v) => put_moment(out, tag::TIMESTAMP, rounding.moment(v, digits)),
            None => natural(value, out),
        },
        Rule::Instant { digits, rounding, naive_zone_minutes } => match instant(value, naive_zone_minutes) {
            Some(v) => put_moment(out, tag::INSTANT, rounding.moment(v, digits)),
            None => natural(value, out),
        },
        Rule::Interval => match value {
            Value::Time(micros) => natural(&Value::Interval { months: 0, days: 0, micros: *micros }, out),
            _ => natural(value, out),
        },
        Rule::Json => match value {
            Value::Json(v) | Value::Text(v) => put_json(v, value, out),
            // SQLite makes a number of a document that is one. Numbers of any
            // kind alike, as cells come back in another.
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::F32(_) | Value::F64(_) | Value::Decimal(_) => {
                match display::text(value) {
                    Some(spelling) => put_json(&spelling, value, out),
                    None => natural(value, out),
                }
            }
            _ => natural(value, out),
        },
        Rule::Array { .. } | Rule::Range { .. } | Rule::Multirange { .. } | Rule::Composite { .. } => {
            nested::encode(rule, value, out);
        }
        Rule::Set => match value {
            Value::Set(v) | Value::Text(v) => set(v, out),
            _ => natural(value, out),
        },
        Rule::Bits | Rule::Map | Rule::Shape | Rule::Geometry | Rule::Vector | Rule::AsStored => natural(value, out),
        Rule::ScaledNumber => scaled(value, out),
        Rule::Float { single, signed_zero } => float(value, single, signed_zero, out),
        Rule::FormedText(form) => match value {
            Value::Text(v) => put_formed(form, v, out),
            _ => natural(value, out),
        },
        Rule::BoolWords(ref rule) => bool_words(rule, value, out),
        Rule::StoredBytes { trim_zeros } => match value {
            Value::Bytes(_) => bytes(value, trim_zeros, out),
            _ => natural(value, out),
        },
        Rule::SwappedUuid => match value {
            Value::Bytes(v) => match v.as_ref().try_into() {
                Ok(v) => natural(&Value::Uuid(text::unswapped(v)), out),
                Err(_) => natural(value, out),
            },
            _ => uuid(value, out),
        },
        Rule::JsonText => match value {
            Value::Json(v) | Value::Text(v) => put_block(out, tag::TEXT, v.as_bytes()),
            _ => natural(value, out),
        },
        Rule::ZeroDateIsNull(ref within) => {
            if text::is_zero_date(value) {
                out.push(tag::NULL);
            } else {
                encode(within, value, out);
            }
        }
    }
}

/// The value as itself.
pub(super) fn natural(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(v) => put_int(out, i64::from(*v)),
        Value::Int(v) => put_int(out, *v),
        Value::UInt(v) => match i64::try_from(*v) {
            Ok(v) => put_int(out, v),
            Err(_) => put_decimal(out, &Decimal::Small { coefficient: i128::from(*v), scale: 0 }),
        },
        Value::F32(v) => put_double(out, f64::from(*v)),
        Value::F64(v) => put_double(out, *v),
        Value::Decimal(v) => put_decimal(out, v),
        Value::Text(v) => put_block(out, tag::TEXT, v.as_bytes()),
        Value::Bytes(v) => put_block(out, tag::BYTES, v),
        Value::Date(v) => put_date(out, *v),
        Value::Time(v) => put_time(*v, out),
        Value::TimeTz { micros, offset_seconds } => {
            out.push(tag::TIME_TZ);
            put_signed(out, *micros);
            put_signed(out, i64::from(*offset_seconds));
        }
        Value::Timestamp(v) => put_moment(out, tag::TIMESTAMP, *v),
        Value::Instant(v) => put_moment(out, tag::INSTANT, *v),
        Value::Interval { months, days, micros } => {
            out.push(tag::INTERVAL);
            put_signed(out, i64::from(*months));
            put_signed(out, i64::from(*days));
            put_signed(out, *micros);
        }
        Value::Uuid(v) => {
            out.push(tag::UUID);
            out.extend_from_slice(v);
        }
        Value::Json(v) => put_json(v, value, out),
        Value::Bits { len, bytes } => {
            out.push(tag::BITS);
            put_unsigned(out, u64::from(*len));
            out.extend_from_slice(bytes);
        }
        Value::Set(v) => put_block(out, tag::SET, v.as_bytes()),
        Value::Array(_)
        | Value::Range(_)
        | Value::Multirange(_)
        | Value::Composite(_)
        | Value::Map(_)
        | Value::Shape { .. }
        | Value::Geometry { .. }
        | Value::Vector(_) => nested::put(value, out),
    }
}

fn put_double(out: &mut Vec<u8>, v: f64) {
    put_f64(out, one_double(v));
}

/// One NaN, one zero.
pub(super) fn one_double(v: f64) -> f64 {
    if v.is_nan() {
        f64::NAN
    } else if v == 0.0 {
        0.0
    } else {
        v
    }
}

/// [`put_double`] where −0.0 may be a value of its own.
fn put_float(v: f64, signed_zero: bool, out: &mut Vec<u8>) {
    if signed_zero && v == 0.0 { put_f64(out, v) } else { put_double(out, v) }
}

fn float(value: &Value<'_>, single: bool, signed_zero: bool, out: &mut Vec<u8>) {
    match value {
        Value::F32(v) => put_float(f64::from(*v), signed_zero, out),
        Value::F64(v) if !single => put_float(*v, signed_zero, out),
        #[expect(clippy::cast_possible_truncation, reason = "to the nearest single is what is asked for")]
        Value::F64(v) => match f64::from(*v as f32) {
            // Beyond what a single holds a number stays what it is.
            rounded if rounded.is_infinite() => put_double(out, *v),
            rounded => put_float(rounded, signed_zero, out),
        },
        Value::Decimal(_) if single => self::single(value, out),
        _ if single => whole_as_single(value, out),
        _ => double(value, out),
    }
}

/// A whole number that no single equals stays what it is.
fn whole_as_single(value: &Value<'_>, out: &mut Vec<u8>) {
    let whole = match value {
        Value::Bool(v) => i128::from(*v),
        Value::Int(v) => i128::from(*v),
        Value::UInt(v) => i128::from(*v),
        _ => return natural(value, out),
    };
    #[expect(clippy::cast_precision_loss, reason = "the next line checks the way back")]
    let single = whole as f32;
    if single as i128 == whole { put_double(out, f64::from(single)) } else { natural(value, out) }
}

/// Every digit of a decimal counts, an integer's scale is 0.
fn scaled(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Decimal(v) => put_scaled_decimal(out, v),
        Value::UInt(v) if i64::try_from(*v).is_err() => {
            put_scaled_decimal(out, &Decimal::Small { coefficient: i128::from(*v), scale: 0 });
        }
        _ => natural(value, out),
    }
}

fn put_formed(form: TextForm, text: &str, out: &mut Vec<u8>) {
    match form.apply(text) {
        Some(text) => put_block(out, tag::TEXT, text.as_bytes()),
        None => out.push(tag::NULL),
    }
}

/// A word that is none of the declared ones equals only itself.
fn bool_words(rule: &BoolRule, value: &Value<'_>, out: &mut Vec<u8>) {
    let Value::Text(text) = value else { return natural(value, out) };
    let formed = rule.form.apply(text);
    let is_one_of = |words: &[String]| formed.as_deref().is_some_and(|text| words.iter().any(|word| word == text));
    if is_one_of(&rule.words.yes) {
        put_int(out, 1);
    } else if is_one_of(&rule.words.no) {
        put_int(out, 0);
    } else {
        put_formed(rule.form, text, out);
    }
}

fn number(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bits { bytes, len } => match bits_as_int(bytes, *len) {
            Some(v) => natural(&Value::UInt(v), out),
            None => natural(value, out),
        },
        _ => natural(value, out),
    }
}

fn bits_as_int(bytes: &[u8], len: u32) -> Option<u64> {
    let unused = (8 - len % 8) % 8;
    let wide = bytes.iter().try_fold(0u128, |v, &b| (v < 1 << 64).then_some((v << 8) | u128::from(b)))?;
    u64::try_from(wide >> unused).ok()
}

fn double(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bool(v) => whole_as_double(i128::from(*v), value, out),
        Value::Int(v) => whole_as_double(i128::from(*v), value, out),
        Value::UInt(v) => whole_as_double(i128::from(*v), value, out),
        Value::Decimal(v) => match v.shortest() {
            Some(Shortest::Int(whole)) => whole_as_double(i128::from(whole), value, out),
            Some(Shortest::Small { .. } | Shortest::Big { .. }) => put_rounded(v, v.to_f64(), out),
            None => put_double(out, v.to_f64()),
        },
        _ => natural(value, out),
    }
}

/// A number that is too large to be rounded to a floating-point one is no
/// infinity: it stays what it is.
fn put_rounded(exact: &Decimal<'_>, rounded: f64, out: &mut Vec<u8>) {
    if rounded.is_infinite() { put_decimal(out, exact) } else { put_double(out, rounded) }
}

/// A whole number of 64 bits that no double equals stays what it is: 2^53 + 1
/// differs from every double, and so it must from its neighbours.
fn whole_as_double(whole: i128, value: &Value<'_>, out: &mut Vec<u8>) {
    #[expect(clippy::cast_precision_loss, reason = "the next line checks the way back")]
    let double = whole as f64;
    // The way back has room: in 64 bits `as` would saturate and call 2^63 - 1
    // exact.
    if double as i128 == whole {
        put_double(out, double);
    } else {
        natural(value, out);
    }
}

fn single(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Decimal(v) if v.shortest().is_some() => put_rounded(v, f64::from(v.to_f32()), out),
        Value::Decimal(v) => put_double(out, f64::from(v.to_f32())),
        _ => natural(value, out),
    }
}

fn bytes(value: &Value<'_>, trim_zeros: bool, out: &mut Vec<u8>) {
    let bytes: &[u8] = match value {
        Value::Bytes(v) => v,
        Value::Text(v) => v.as_bytes(),
        _ => return natural(value, out),
    };
    let end = if trim_zeros { bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1) } else { bytes.len() };
    put_block(out, tag::BYTES, bytes.get(..end).unwrap_or(bytes));
}

fn uuid(value: &Value<'_>, out: &mut Vec<u8>) {
    let parsed = match value {
        Value::Text(v) => text::uuid(v),
        Value::Bytes(v) => v.as_ref().try_into().ok(),
        _ => None,
    };
    match parsed {
        Some(v) => natural(&Value::Uuid(v), out),
        None => natural(value, out),
    }
}

fn put_time(micros: i64, out: &mut Vec<u8>) {
    out.push(tag::TIME);
    put_signed(out, micros);
}

fn timestamp(value: &Value<'_>) -> Option<Moment> {
    match value {
        Value::Timestamp(v) => Some(*v),
        Value::Date(v) => midnight(*v),
        Value::Text(v) => text::timestamp(v).filter(|t| t.offset_seconds.is_none()).map(|t| t.local),
        _ => None,
    }
}

/// `None` for a day beyond the moments that 64 bits can tell: PostgreSQL's
/// dates end in the year 5874897. It then equals the same date only.
fn midnight(date: Date) -> Option<Moment> {
    Some(match date {
        Date::Days(days) => Moment::Micros(i64::from(days).checked_mul(MICROS_PER_DAY)?),
        Date::Infinity => Moment::Infinity,
        Date::NegInfinity => Moment::NegInfinity,
        Date::OffCalendar { year, month, day } => Moment::OffCalendar { year, month, day, micros: 0 },
    })
}

fn instant(value: &Value<'_>, naive_zone_minutes: i32) -> Option<Moment> {
    let zone = i64::from(naive_zone_minutes) * MICROS_PER_MINUTE;
    match value {
        Value::Instant(v) => Some(*v),
        Value::Timestamp(v) => shift(*v, zone),
        Value::Text(v) => {
            text::timestamp(v).and_then(|t| shift(t.local, t.offset_seconds.map_or(zone, |s| i64::from(s) * 1_000_000)))
        }
        _ => None,
    }
}

/// From local time `offset_micros` east of UTC to UTC; `None` past the end of
/// time.
fn shift(moment: Moment, offset_micros: i64) -> Option<Moment> {
    match moment {
        Moment::Micros(v) => v.checked_sub(offset_micros).map(Moment::Micros),
        Moment::Infinity | Moment::NegInfinity | Moment::OffCalendar { .. } => Some(moment),
    }
}

fn put_json(spelling: &str, value: &Value<'_>, out: &mut Vec<u8>) {
    let mut canonical = Vec::with_capacity(spelling.len());
    match json::canonicalize(spelling, &mut canonical) {
        Ok(()) => put_block(out, tag::JSON, &canonical),
        // No JSON: text can only equal the same text. A `Json` value never
        // gets here unless the server stored something its own parser refuses.
        Err(_) => match value {
            Value::Json(v) | Value::Text(v) => put_block(out, tag::TEXT, v.as_bytes()),
            // An infinity is no JSON.
            _ => natural(value, out),
        },
    }
}

fn set(labels: &str, out: &mut Vec<u8>) {
    let mut labels: Vec<&str> = labels.split(',').filter(|l| !l.is_empty()).collect();
    labels.sort_unstable();
    labels.dedup();
    put_block(out, tag::SET, labels.join(",").as_bytes());
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::rounding::Rounding;
    use super::*;

    fn cell(rule: impl std::borrow::Borrow<Rule>, value: Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(rule.borrow(), &value, &mut out);
        out
    }

    fn txt(v: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(v))
    }

    fn dec(v: &str) -> Value<'_> {
        Value::Decimal(Decimal::parse(v).unwrap())
    }

    #[test]
    fn numbers_meet_across_types() {
        let one = cell(Rule::Number, Value::Int(1));
        assert_eq!(one, cell(Rule::Number, Value::Bool(true)));
        assert_eq!(one, cell(Rule::Number, dec("1.00")));
        assert_ne!(one, cell(Rule::Number, Value::Int(2)));
        assert_eq!(cell(Rule::Number, Value::UInt(u64::MAX)), cell(Rule::Number, dec("18446744073709551615")));
        assert_ne!(cell(Rule::Number, Value::UInt(u64::MAX)), cell(Rule::Number, Value::Int(-1)));
        let bits = Value::Bits { len: 3, bytes: Cow::Borrowed(&[0b1010_0000]) };
        assert_eq!(cell(Rule::Number, bits), cell(Rule::Number, Value::Int(5)));
    }

    #[test]
    fn null_is_nothing_else() {
        let null = cell(Rule::Text { trim_spaces: true }, Value::Null);
        for other in [txt(""), txt("NULL"), txt("<null>"), Value::Int(0)] {
            assert_ne!(null, cell(Rule::Text { trim_spaces: true }, other));
        }
    }

    #[test]
    fn doubles_meet_decimals_only_where_they_round_to_them() {
        assert_eq!(cell(Rule::Double, dec("0.1")), cell(Rule::Double, Value::F64(0.1)));
        assert_ne!(cell(Rule::Double, dec("0.1")), cell(Rule::Double, Value::F64(0.1 + f64::EPSILON)));
        assert_ne!(cell(Rule::Double, Value::F32(0.1)), cell(Rule::Double, Value::F64(0.1)));
        assert_eq!(cell(Rule::Single, dec("0.1")), cell(Rule::Single, Value::F32(0.1)));
        assert_ne!(
            cell(Rule::Double, Value::Int((1 << 53) + 1)),
            cell(Rule::Double, Value::F64(9_007_199_254_740_992.0))
        );
        assert_ne!(cell(Rule::Double, Value::Int(i64::MAX)), cell(Rule::Double, Value::F64(9.223_372_036_854_776e18)));
        assert_eq!(cell(Rule::Double, Value::F64(-0.0)), cell(Rule::Double, Value::Int(0)));
        assert_eq!(cell(Rule::Double, Value::F64(f64::NAN)), cell(Rule::Double, Value::F64(-f64::NAN)));
        assert_ne!(cell(Rule::Double, Value::F64(f64::NAN)), cell(Rule::Double, Value::Null));
    }

    #[test]
    fn padding_counts_unless_the_rule_trims() {
        assert_ne!(
            cell(Rule::Text { trim_spaces: false }, txt("a")),
            cell(Rule::Text { trim_spaces: false }, txt("a "))
        );
        assert_eq!(cell(Rule::Text { trim_spaces: true }, txt("a")), cell(Rule::Text { trim_spaces: true }, txt("a ")));
        assert_ne!(
            cell(Rule::Text { trim_spaces: true }, txt("a\t")),
            cell(Rule::Text { trim_spaces: true }, txt("a"))
        );
        let b = |v: &'static [u8]| Value::Bytes(Cow::Borrowed(v));
        assert_eq!(
            cell(Rule::Bytes { trim_zeros: true }, b(b"a\0\0")),
            cell(Rule::Bytes { trim_zeros: true }, b(b"a"))
        );
        assert_ne!(
            cell(Rule::Bytes { trim_zeros: false }, b(b"a\0")),
            cell(Rule::Bytes { trim_zeros: false }, b(b"a"))
        );
    }

    #[test]
    fn moments_are_rounded_and_zoned_by_rule_only() {
        let to = |digits| Rule::Timestamp { digits, rounding: Rounding::HalfUp };
        let micros = |v| Value::Timestamp(Moment::Micros(v));
        assert_eq!(cell(to(3), micros(1_500)), cell(to(3), micros(2_000)));
        assert_ne!(cell(to(6), micros(1_500)), cell(to(6), micros(2_000)));
        let utc = Rule::Instant { digits: 6, rounding: Rounding::HalfUp, naive_zone_minutes: 60 };
        let ten = 36_000_000_000;
        assert_eq!(cell(&utc, micros(ten)), cell(&utc, Value::Instant(Moment::Micros(ten - 3_600_000_000))));
        assert_eq!(cell(&utc, txt("1970-01-01T10:00:00+02:00")), cell(&utc, txt("1970-01-01 08:00:00Z")));
        assert_ne!(cell(&utc, txt("yesterday")), cell(&utc, Value::Null));
        let zero = Value::Timestamp(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 });
        assert_ne!(cell(&utc, zero), cell(&utc, Value::Null));
    }

    #[test]
    fn times_with_a_zone_are_read_from_text() {
        let ten = Value::TimeTz { micros: 36_000_000_000, offset_seconds: 7_200 };
        assert_eq!(cell(Rule::TimeTz, txt("10:00:00+02:00")), cell(Rule::TimeTz, ten.clone()));
        // The offset is part of the value, as it is to PostgreSQL.
        assert_ne!(cell(Rule::TimeTz, txt("09:00:00+01:00")), cell(Rule::TimeTz, ten.clone()));
        assert_ne!(cell(Rule::TimeTz, txt("10:00:00")), cell(Rule::TimeTz, ten));
    }

    #[test]
    fn a_number_is_the_document_that_it_spells() {
        assert_eq!(cell(Rule::Json, Value::Int(1)), cell(Rule::Json, Value::Json("1.0".into())));
        assert_eq!(cell(Rule::Json, Value::F64(0.5)), cell(Rule::Json, txt("5e-1")));
        assert_ne!(cell(Rule::Json, Value::Int(1)), cell(Rule::Json, Value::Json("\"1\"".into())));
        assert_ne!(cell(Rule::Json, Value::F64(f64::INFINITY)), cell(Rule::Json, Value::Null));
    }

    #[test]
    fn sets_have_no_order() {
        assert_eq!(cell(Rule::Set, Value::Set("z,x".into())), cell(Rule::Set, txt("x,z")));
        assert_ne!(cell(Rule::Set, Value::Set("z,x".into())), cell(Rule::Set, txt("x")));
    }
}
