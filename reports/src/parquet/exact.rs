//! Numbers into Arrow's types, exactly or not at all.

use arrow_buffer::i256;
use switchback_engines::decimal::Shortest;
use switchback_engines::{Decimal, OwnedValue, Value};

pub(super) fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(v) => Some(*v),
        // SQLite's and MySQL's booleans are numbers; 2 is no boolean.
        Value::Int(0) | Value::UInt(0) => Some(false),
        Value::Int(1) | Value::UInt(1) => Some(true),
        _ => None,
    }
}

pub(super) fn integer<T: TryFrom<i64> + TryFrom<u64>>(value: &Value<'_>) -> Option<T> {
    match value {
        Value::Int(v) => T::try_from(*v).ok(),
        Value::UInt(v) => T::try_from(*v).ok(),
        _ => None,
    }
}

/// SQLite's NUMERIC affinity: a double, or a whole number that is one.
pub(super) fn numeric(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::F64(v) => Some(*v),
        Value::Int(v) => {
            #[expect(clippy::cast_precision_loss, reason = "the next line checks the way back")]
            let double = *v as f64;
            // Through 128 bits, as `as` saturates and would call 2^63 - 1 exact.
            #[expect(clippy::cast_possible_truncation, reason = "a whole double of this size fits")]
            let back = double as i128;
            (back == i128::from(*v)).then_some(double)
        }
        _ => None,
    }
}

/// NUMERIC affinity stores a whole double as an integer wherever 64 bits hold
/// it, so that is what it was.
pub(super) fn from_numeric(v: f64) -> OwnedValue {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if v.fract() == 0.0 && (-LIMIT..LIMIT).contains(&v) && !(v == 0.0 && v.is_sign_negative()) {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and checked to be in range")]
        let whole = v as i64;
        Value::Int(whole)
    } else {
        Value::F64(v)
    }
}

/// A number without a fraction, or a decimal.
fn decimal_of<'a>(value: &Value<'a>) -> Option<Decimal<'a>> {
    match value {
        Value::Decimal(v) => Some(v.clone()),
        Value::Int(v) => Some(Decimal::Small { coefficient: i128::from(*v), scale: 0 }),
        Value::UInt(v) => Some(Decimal::Small { coefficient: i128::from(*v), scale: 0 }),
        _ => None,
    }
}

pub(super) fn decimal128(value: &Value<'_>, precision: u8, scale: i8) -> Option<i128> {
    let decimal = decimal_of(value)?;
    // The servers send the column's own scale, so this is nearly always the end.
    let coefficient = match decimal {
        Decimal::Small { coefficient, scale: own } if i64::from(own) == i64::from(scale) => coefficient,
        other => match other.shortest()? {
            Shortest::Int(v) => rescale(i128::from(v), 0, scale)?,
            Shortest::Small { coefficient, scale: own } => rescale(coefficient, own, scale)?,
            Shortest::Big { .. } => return None,
        },
    };
    (coefficient.unsigned_abs() < 10u128.checked_pow(u32::from(precision))?).then_some(coefficient)
}

fn rescale(coefficient: i128, own: i64, scale: i8) -> Option<i128> {
    let power = u32::try_from(i64::from(scale) - own).ok()?;
    10i128.checked_pow(power)?.checked_mul(coefficient)
}

pub(super) fn decimal256(value: &Value<'_>, precision: u8, scale: i8) -> Option<i256> {
    let decimal = decimal_of(value)?;
    let (negative, digits, own) = match decimal.shortest()? {
        Shortest::Int(v) => (v < 0, v.unsigned_abs().to_string(), 0),
        Shortest::Small { coefficient, scale } => (coefficient < 0, coefficient.unsigned_abs().to_string(), scale),
        Shortest::Big { negative, digits, scale } => (negative, String::from_utf8(digits.into_owned()).ok()?, scale),
    };
    if digits == "0" {
        return Some(i256::ZERO);
    }
    let zeros = usize::try_from(i64::from(scale) - own).ok()?;
    if digits.len().checked_add(zeros)? > usize::from(precision) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    i256::from_string(&format!("{sign}{digits}{}", "0".repeat(zeros)))
}

pub(super) fn from_decimal256(v: i256, scale: i8) -> OwnedValue {
    let text = v.to_string();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
    Value::Decimal(Decimal::from_digits(negative, digits.as_bytes(), i64::from(scale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Value<'_> {
        Value::Decimal(Decimal::parse(text).unwrap())
    }

    #[test]
    fn decimals_fit_exactly_or_not() {
        assert_eq!(decimal128(&dec("1.1"), 5, 2), Some(110));
        assert_eq!(decimal128(&dec("1.100"), 5, 2), Some(110));
        assert_eq!(decimal128(&dec("1.101"), 5, 2), None);
        assert_eq!(decimal128(&dec("999.99"), 5, 2), Some(99_999));
        assert_eq!(decimal128(&dec("1000"), 5, 2), None);
        assert_eq!(decimal128(&dec("NaN"), 5, 2), None);
        assert_eq!(decimal128(&dec("0"), 38, 38), Some(0));
        assert_eq!(decimal128(&dec("1"), 38, 38), None);
        let most = "9".repeat(38);
        assert_eq!(decimal128(&dec(&format!("-{most}")), 38, 0), Some(-(10i128.pow(38) - 1)));
        assert_eq!(decimal128(&dec(&format!("1{}", "0".repeat(38))), 38, 0), None);
        assert_eq!(decimal128(&Value::UInt(u64::MAX), 20, 0), Some(i128::from(u64::MAX)));
    }

    #[test]
    fn wide_decimals_come_back() {
        let most = format!("-{}.{}", "9".repeat(46), "9".repeat(30));
        for text in ["0", "-1.5", "12345678901234567890123456789012345678901234.5", &most] {
            let stored = decimal256(&dec(text), 76, 30).unwrap();
            let Value::Decimal(back) = from_decimal256(stored, 30) else { panic!("no decimal") };
            assert_eq!(back.shortest(), Decimal::parse(text).unwrap().shortest(), "{text}");
        }
        assert_eq!(decimal256(&dec(&"9".repeat(47)), 76, 30), None);
        assert_eq!(decimal256(&dec("0.0000000000000000000000000000001"), 76, 30), None);
    }

    #[test]
    fn numeric_keeps_whole_numbers_apart() {
        assert_eq!(numeric(&Value::Int(1 << 53)), Some(9_007_199_254_740_992.0));
        assert_eq!(numeric(&Value::Int((1 << 53) + 1)), None);
        assert_eq!(numeric(&Value::Int(i64::MAX)), None);
        for value in [Value::Int(i64::MIN), Value::Int(7), Value::F64(0.5), Value::F64(1e300)] {
            assert_eq!(from_numeric(numeric(&value).unwrap()), value);
        }
    }
}
