//! A canonical value in the type of the other side's column.
//!
//! Only keys need it: `key` has one type, the source's, and a row that the
//! target alone has comes with the target's.

use std::borrow::Cow;

use switchback_engines::decimal::Shortest;
use switchback_engines::{Date, Moment, OwnedValue, Value};

use super::shape::{TextKind, Type};
use super::spelling;

const DAY_MICROS: i64 = 86_400_000_000;

/// `None` where the value has no place in the type for sure; otherwise the
/// column itself decides.
pub(super) fn to_type(of: Type, value: OwnedValue) -> Option<OwnedValue> {
    match (of, &value) {
        (Type::Text(TextKind::Plain), Value::Bytes(v)) => {
            Some(Value::Text(Cow::Owned(std::str::from_utf8(v).ok()?.to_owned())))
        }
        (Type::Text(TextKind::Plain), Value::Uuid(_) | Value::Json(_) | Value::Set(_)) => {
            Some(Value::Text(Cow::Owned(spelling::text(&value)?)))
        }
        (Type::Text(TextKind::Decimal), Value::Int(v)) => {
            Some(Value::Decimal(switchback_engines::Decimal::Small { coefficient: i128::from(*v), scale: 0 }))
        }
        (Type::Binary, Value::Uuid(v)) => Some(Value::Bytes(Cow::Owned(v.to_vec()))),
        (Type::Binary, Value::Text(v)) => Some(Value::Bytes(Cow::Owned(v.as_bytes().to_vec()))),
        (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64, Value::F64(v)) => whole(*v),
        (Type::UInt64, Value::Decimal(v)) => match v.shortest()? {
            Shortest::Small { coefficient, scale } if scale <= 0 => {
                let power = 10i128.checked_pow(u32::try_from(-scale).ok()?)?;
                Some(Value::UInt(u64::try_from(coefficient.checked_mul(power)?).ok()?))
            }
            Shortest::Int(_) | Shortest::Small { .. } | Shortest::Big { .. } => None,
        },
        #[expect(clippy::cast_possible_truncation, reason = "the next line checks the way back")]
        (Type::Float32, Value::F64(v)) => {
            let single = *v as f32;
            (f64::from(single) == *v).then_some(Value::F32(single))
        }
        #[expect(clippy::cast_precision_loss, reason = "checked to be exact")]
        (Type::Float64, Value::Int(v)) if v.unsigned_abs() <= 1 << 53 => Some(Value::F64(*v as f64)),
        (Type::Date, Value::Timestamp(Moment::Micros(v))) if v.rem_euclid(DAY_MICROS) == 0 => {
            Some(Value::Date(Date::Days(i32::try_from(v.div_euclid(DAY_MICROS)).ok()?)))
        }
        _ => Some(value),
    }
}

fn whole(v: f64) -> Option<OwnedValue> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
    (v.fract() == 0.0 && v.abs() <= EXACT).then_some(Value::Int(v as i64))
}
