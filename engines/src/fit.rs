//! The value of one database as a value of another's column.
//!
//! The two columns are compared under a [`Rule`], so the result is right when it
//! equals the value under that rule. That is checked for every value: a
//! conversion that is missing or wrong is an [`Unfit`] and never a wrong row.

use std::borrow::Cow;
use std::ops::Bound;

use crate::canon::text as iso;
use crate::canon::{self, Rule, cell};
use crate::decimal::Decimal;
use crate::display;
use crate::engine::Engine;
use crate::nested::Range;
use crate::table::{Column, Element, Logical};
use crate::value::{Date, Moment, OwnedValue, Value};

const MICROS_PER_MINUTE: i64 = 60_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Why a value can't be written into a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("`{column}` may not be NULL")]
    Null { column: String },
    #[error("`{column}`: the value is beyond what `{native}` holds")]
    Range { column: String, native: String },
    #[error("`{column}`: the value has no equal in `{native}`")]
    NoEqual { column: String, native: String },
}

/// `value` as `column` of `engine` would hold it.
///
/// `same`: both columns are of one engine and one type, so that the value is
/// right as it is.
pub fn fit(engine: Engine, rule: &Rule, column: &Column, value: &OwnedValue, same: bool) -> Result<OwnedValue, Unfit> {
    if value.is_null() {
        return if column.nullable { Ok(Value::Null) } else { Err(Unfit::Null { column: column.name.clone() }) };
    }
    if same {
        return Ok(value.clone());
    }
    let no_equal = || Unfit::NoEqual { column: column.name.clone(), native: column.native.clone() };
    let logical = column.logical.as_ref().ok_or_else(no_equal)?;
    let fitted = match convert(engine, rule, logical, value) {
        None => Err(no_equal()),
        Some(fitted) if canonical(rule, value) != canonical(rule, &fitted) => Err(no_equal()),
        Some(fitted) if holds(engine, logical, &fitted) => Ok(fitted),
        Some(_) => Err(Unfit::Range { column: column.name.clone(), native: column.native.clone() }),
    };
    // Settings may have made it equal to NULL, which every type can hold.
    let as_null = || column.nullable && canonical(rule, value) == canonical(rule, &Value::Null);
    fitted.or_else(|unfit| if as_null() { Ok(Value::Null) } else { Err(unfit) })
}

fn canonical(rule: &Rule, value: &OwnedValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    canon::encode(rule, value, &mut bytes);
    bytes
}

fn convert(engine: Engine, rule: &Rule, logical: &Logical, value: &OwnedValue) -> Option<OwnedValue> {
    let fitted = match *logical {
        Logical::Bool | Logical::Int { .. } | Logical::Year => whole(rule, logical, value)?,
        // The shortest text of a single is that of no double.
        Logical::Decimal { .. } if matches!(value, Value::F32(_)) => {
            Value::Decimal(Decimal::parse(&display::text(value)?)?.into_owned())
        }
        Logical::Decimal { .. } => match number(rule, value)? {
            Value::F64(v) => Value::Decimal(Decimal::parse(&display::text(&Value::F64(v))?)?.into_owned()),
            other => other,
        },
        Logical::Float32 => match number(rule, value)? {
            #[expect(clippy::cast_possible_truncation, reason = "the caller checks that it stayed equal")]
            Value::F64(v) => Value::F32(v as f32),
            Value::Decimal(v) => Value::F32(v.to_f32()),
            Value::Int(v) => Value::F32(v as f32),
            Value::UInt(v) => Value::F32(v as f32),
            other => other,
        },
        // Whole numbers stay as they are only where the column keeps such: as a
        // literal for a double, one beyond 2^53 would be rounded by the server.
        Logical::SqliteNumeric => match number(rule, value)? {
            Value::Decimal(v) => Value::F64(v.to_f64()),
            other => other,
        },
        Logical::Float64 => match number(rule, value)? {
            Value::Decimal(v) => Value::F64(v.to_f64()),
            Value::Int(v) => Value::F64(v as f64),
            Value::UInt(v) => Value::F64(v as f64),
            other => other,
        },
        Logical::Char { .. } | Logical::Text { .. } | Logical::Enum | Logical::Network => {
            as_text(rule, logical, value)?
        }
        Logical::Set => match value {
            Value::Set(_) | Value::Text(_) => value.clone(),
            _ => return None,
        },
        Logical::Binary { .. } | Logical::Bytes { .. } => as_bytes(rule, value)?,
        Logical::Date | Logical::Timestamp { .. } | Logical::Instant { .. } => moment(rule, logical, value)?,
        Logical::Time { .. } => match value {
            Value::Text(v) => Value::Time(iso::time(v)?),
            _ => value.clone(),
        },
        Logical::Uuid => Value::Uuid(as_uuid(rule, value)?),
        Logical::Json { .. } => match value {
            Value::Json(v) | Value::Text(v) => Value::Json(v.clone()),
            _ => return None,
        },
        Logical::Bits { len } => bits(len, rule, value)?,
        Logical::TimeTz { .. }
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        | Logical::Map
        | Logical::Shape { .. }
        | Logical::Geometry { .. }
        | Logical::Vector { .. }
        | Logical::Notation { .. } => value.clone(),
    };
    Some(if engine == Engine::Sqlite { for_sqlite(fitted, rule) } else { fitted })
}

/// A number of any type as an integer, a decimal or a double.
fn number(rule: &Rule, value: &OwnedValue) -> Option<OwnedValue> {
    match value {
        Value::Int(_) | Value::UInt(_) | Value::Decimal(_) | Value::F64(_) => Some(value.clone()),
        Value::F32(v) => Some(Value::F64(f64::from(*v))),
        Value::Bool(v) => Some(Value::Int((*v).into())),
        // The rule knows in which order bits are read, and which words are true.
        Value::Bits { .. } => canonical_value(rule, value),
        Value::Text(_) if matches!(rule, Rule::BoolWords(_)) => {
            canonical_value(rule, value).filter(|meaning| matches!(meaning, Value::Int(_)))
        }
        _ => None,
    }
}

fn canonical_value(rule: &Rule, value: &OwnedValue) -> Option<OwnedValue> {
    cell::decode_all(&canonical(rule, value))?.into_iter().next()
}

fn whole(rule: &Rule, logical: &Logical, value: &OwnedValue) -> Option<OwnedValue> {
    let int = match number(rule, value)? {
        Value::F64(v) => {
            const LIMIT: f64 = 9_223_372_036_854_775_808.0;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and checked to be in range")]
            (v.fract() == 0.0 && (-LIMIT..LIMIT).contains(&v)).then_some(Value::Int(v as i64))?
        }
        // The shortest form of a whole decimal that fits is an integer.
        Value::Decimal(_) => match canonical_value(&Rule::Number, value)? {
            Value::Decimal(v) => v.to_string().parse().map_or(Value::Decimal(v), Value::UInt),
            other => other,
        },
        other => other,
    };
    match (logical, &int) {
        (Logical::Bool, Value::Int(0) | Value::UInt(0)) => Some(Value::Bool(false)),
        (Logical::Bool, Value::Int(1) | Value::UInt(1)) => Some(Value::Bool(true)),
        _ => Some(int),
    }
}

fn as_text(rule: &Rule, logical: &Logical, value: &OwnedValue) -> Option<OwnedValue> {
    match (value, rule) {
        (Value::Bool(_) | Value::Int(_), Rule::BoolWords(declared)) => {
            let words = match canonical_value(rule, value)? {
                Value::Int(1) => &declared.words.yes,
                Value::Int(0) => &declared.words.no,
                _ => return None,
            };
            return words.first().map(|word| Value::Text(Cow::Owned(word.clone())));
        }
        (Value::Bytes(_), Rule::Uuid | Rule::SwappedUuid) => {
            return as_text(rule, logical, &Value::Uuid(as_uuid(rule, value)?));
        }
        _ => {}
    }
    match value {
        Value::Uuid(v) => Some(Value::Text(Cow::Owned(match logical {
            Logical::Char { chars_max: ..36 } | Logical::Text { chars_max: Some(..36) } => display::hex(v),
            _ => display::text(value)?,
        }))),
        Value::Text(_) => Some(value.clone()),
        Value::Json(v) | Value::Set(v) => Some(Value::Text(v.clone())),
        Value::Bytes(v) => Some(Value::Text(Cow::Owned(std::str::from_utf8(v).ok()?.to_owned()))),
        // SQLite's text columns: see `for_sqlite`.
        Value::Date(_) | Value::Time(_) | Value::TimeTz { .. } | Value::Timestamp(_) | Value::Instant(_) => {
            Some(value.clone())
        }
        _ => None,
    }
}

fn as_bytes(rule: &Rule, value: &OwnedValue) -> Option<OwnedValue> {
    let bytes = match value {
        Value::Bytes(_) => return Some(value.clone()),
        // Sixteen bytes equal the UUID that they spell, not its 36 characters.
        Value::Text(_) | Value::Uuid(_) if *rule == Rule::SwappedUuid => iso::swapped(as_uuid(rule, value)?).to_vec(),
        Value::Text(_) if *rule == Rule::Uuid => as_uuid(rule, value)?.to_vec(),
        Value::Text(v) => v.as_bytes().to_vec(),
        Value::Uuid(v) => v.to_vec(),
        _ => return None,
    };
    Some(Value::Bytes(Cow::Owned(bytes)))
}

fn as_uuid(rule: &Rule, value: &OwnedValue) -> Option<[u8; 16]> {
    match value {
        Value::Uuid(v) => Some(*v),
        Value::Text(v) => iso::uuid(v),
        Value::Bytes(v) if *rule == Rule::SwappedUuid => v.as_ref().try_into().ok().map(iso::unswapped),
        Value::Bytes(v) => v.as_ref().try_into().ok(),
        _ => None,
    }
}

/// Minutes east of UTC of what names no zone.
fn naive_zone(rule: &Rule) -> i64 {
    match rule.base() {
        Rule::Instant { naive_zone_minutes, .. } => i64::from(*naive_zone_minutes) * MICROS_PER_MINUTE,
        _ => 0,
    }
}

fn moment(rule: &Rule, logical: &Logical, value: &OwnedValue) -> Option<OwnedValue> {
    let zone = naive_zone(rule);
    let value = match value {
        Value::Text(v) if *logical == Logical::Date && *rule.base() == Rule::Date => Value::Date(iso::date(v)?),
        Value::Text(v) => {
            let read = iso::timestamp(v)?;
            match read.offset_seconds {
                None => Value::Timestamp(read.local),
                Some(seconds) => Value::Instant(shift(read.local, -i64::from(seconds) * 1_000_000)?),
            }
        }
        other => other.clone(),
    };
    Some(match (logical, &value) {
        (Logical::Date, Value::Timestamp(v)) => Value::Date(match v {
            Moment::Micros(v) if v.rem_euclid(MICROS_PER_DAY) == 0 => {
                Date::Days(i32::try_from(v.div_euclid(MICROS_PER_DAY)).ok()?)
            }
            Moment::OffCalendar { year, month, day, micros: 0 } => {
                Date::OffCalendar { year: *year, month: *month, day: *day }
            }
            Moment::Infinity => Date::Infinity,
            Moment::NegInfinity => Date::NegInfinity,
            Moment::Micros(_) | Moment::OffCalendar { .. } => return None,
        }),
        (Logical::Timestamp { .. }, Value::Date(v)) => Value::Timestamp(match v {
            Date::Days(v) => Moment::Micros(i64::from(*v).checked_mul(MICROS_PER_DAY)?),
            Date::OffCalendar { year, month, day } => {
                Moment::OffCalendar { year: *year, month: *month, day: *day, micros: 0 }
            }
            Date::Infinity => Moment::Infinity,
            Date::NegInfinity => Moment::NegInfinity,
        }),
        (Logical::Timestamp { .. }, Value::Instant(v)) => Value::Timestamp(shift(*v, zone)?),
        (Logical::Instant { .. }, Value::Timestamp(v)) => Value::Instant(shift(*v, -zone)?),
        _ => value,
    })
}

fn shift(moment: Moment, micros: i64) -> Option<Moment> {
    match moment {
        Moment::Micros(v) => v.checked_add(micros).map(Moment::Micros),
        Moment::Infinity | Moment::NegInfinity | Moment::OffCalendar { .. } => Some(moment),
    }
}

fn bits(len: Option<u32>, rule: &Rule, value: &OwnedValue) -> Option<OwnedValue> {
    if let Value::Bits { .. } = value {
        return Some(value.clone());
    }
    let number = match whole(rule, &Logical::Int { bits: 64, unsigned: true }, value)? {
        Value::Int(v) => u64::try_from(v).ok()?,
        Value::UInt(v) => v,
        _ => return None,
    };
    let len = len.unwrap_or(64);
    if len < 64 && number >> len != 0 {
        return None;
    }
    // The number's bits end with the last of the string's.
    let bytes = (u128::from(number) << ((8 - len % 8) % 8)).to_be_bytes();
    let start = bytes.len().checked_sub(usize::try_from(len.div_ceil(8)).ok()?)?;
    Some(Value::Bits { len, bytes: Cow::Owned(bytes.get(start..)?.to_vec()) })
}

/// SQLite has no dates, booleans or UUIDs: what it would hold in their place.
fn for_sqlite(value: OwnedValue, rule: &Rule) -> OwnedValue {
    let value = match value {
        Value::Bool(v) => return Value::Int(v.into()),
        Value::Json(v) | Value::Set(v) => return Value::Text(v),
        // Without an offset, as SQLite's own functions write it.
        Value::Instant(v) => shift(v, naive_zone(rule)).map_or(Value::Null, Value::Timestamp),
        other => other,
    };
    match value {
        Value::Date(_) | Value::Time(_) | Value::TimeTz { .. } | Value::Timestamp(_) | Value::Uuid(_) => {
            display::text(&value).map_or(Value::Null, |text| Value::Text(Cow::Owned(text)))
        }
        other => other,
    }
}

/// Whether the server takes the value for such a column at all. What it refuses
/// would end the whole transaction.
fn holds(engine: Engine, logical: &Logical, value: &OwnedValue) -> bool {
    match engine {
        Engine::Sqlite => sqlite_holds(value),
        Engine::Postgres => postgres_holds(logical, value) && in_type(logical, value),
        Engine::MySql => mysql_holds(value) && in_type(logical, value),
        Engine::SqlServer | Engine::MongoDb => false,
    }
}

/// Whole numbers beyond 64 bits and decimals would become doubles.
fn sqlite_holds(value: &OwnedValue) -> bool {
    match value {
        Value::F64(v) => !v.is_nan(),
        Value::F32(v) => !v.is_nan(),
        Value::UInt(v) => i64::try_from(*v).is_ok(),
        Value::Decimal(_) => false,
        _ => true,
    }
}

fn postgres_holds(logical: &Logical, value: &OwnedValue) -> bool {
    match value {
        Value::Json(v) if *logical == (Logical::Json { ordered: false }) => !v.contains("\\u0000") && !v.contains('\0'),
        Value::Text(v) | Value::Json(v) | Value::Set(v) => !v.contains('\0'),
        Value::Time(v) => (0..=MICROS_PER_DAY).contains(v),
        Value::Date(Date::OffCalendar { .. }) => false,
        Value::Timestamp(v) | Value::Instant(v) => !matches!(v, Moment::OffCalendar { .. }),
        _ => true,
    }
}

fn mysql_holds(value: &OwnedValue) -> bool {
    // 0001-01-01 to 9999-12-31, and TIME to 838:59:59.
    const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
    const TIME_MAX: u64 = 3_020_399_999_999;
    // TIMESTAMP, from one second after the epoch to 2038.
    const INSTANTS: std::ops::Range<i64> = 1_000_000..2_147_483_648_000_000;
    match value {
        Value::F32(v) => v.is_finite(),
        Value::F64(v) => v.is_finite(),
        Value::Decimal(v) => v.shortest().is_some(),
        Value::Date(v) => match v {
            Date::Days(v) => DAYS.contains(&i64::from(*v)),
            Date::OffCalendar { .. } => true,
            Date::Infinity | Date::NegInfinity => false,
        },
        Value::Timestamp(v) => match v {
            Moment::Micros(v) => DAYS.contains(&v.div_euclid(MICROS_PER_DAY)),
            Moment::OffCalendar { .. } => true,
            Moment::Infinity | Moment::NegInfinity => false,
        },
        Value::Instant(v) => match v {
            Moment::Micros(v) => INSTANTS.contains(v),
            Moment::OffCalendar { .. } => true,
            Moment::Infinity | Moment::NegInfinity => false,
        },
        Value::Time(v) => v.unsigned_abs() <= TIME_MAX,
        Value::TimeTz { .. } | Value::Interval { .. } => false,
        _ => true,
    }
}

/// Lengths and ranges that the declared type itself sets.
fn in_type(logical: &Logical, value: &OwnedValue) -> bool {
    match (logical, value) {
        (Logical::Int { bits, unsigned }, Value::Int(_) | Value::UInt(_)) => {
            let v = match value {
                Value::Int(v) => i128::from(*v),
                Value::UInt(v) => i128::from(*v),
                _ => return false,
            };
            let bits = u32::from((*bits).min(64));
            if *unsigned { v >= 0 && v < 1 << bits } else { (-(1 << (bits - 1))..1 << (bits - 1)).contains(&v) }
        }
        // A whole number of any other kind has no equal among the integers.
        (Logical::Int { .. }, _) => false,
        (Logical::Decimal { precision: Some(precision), scale }, _) => decimal_fits(value, *precision, *scale),
        (Logical::Char { chars_max }, Value::Text(v)) => v.trim_end_matches(' ').chars().count() <= *chars_max as usize,
        (Logical::Text { chars_max: Some(max) }, Value::Text(v)) => v.chars().count() <= *max as usize,
        (Logical::Binary { bytes: max } | Logical::Bytes { bytes_max: Some(max) }, Value::Bytes(v)) => {
            v.len() <= *max as usize
        }
        (Logical::Array { element }, Value::Array(v)) => v.elements.iter().all(|v| part_in_type(element, v)),
        (Logical::Range { bound }, Value::Range(v)) => range_in_type(bound, v),
        (Logical::Multirange { bound }, Value::Multirange(v)) => v.iter().all(|v| range_in_type(bound, v)),
        (Logical::Composite { fields }, Value::Composite(v)) => {
            fields.iter().zip(v).all(|(field, v)| part_in_type(&field.element, v))
        }
        (Logical::Bool, Value::Bool(_)) => true,
        (Logical::Bool, _) => false,
        _ => true,
    }
}

fn part_in_type(element: &Element, value: &OwnedValue) -> bool {
    value.is_null() || in_type(&element.logical, value)
}

fn range_in_type(bound: &Element, range: &Range<'static>) -> bool {
    let fits = |of: &Bound<OwnedValue>| match of {
        Bound::Included(v) | Bound::Excluded(v) => in_type(&bound.logical, v),
        Bound::Unbounded => true,
    };
    match range {
        Range::Empty => true,
        Range::Span { lower, upper } => fits(lower) && fits(upper),
    }
}

fn decimal_fits(value: &OwnedValue, precision: u32, scale: u32) -> bool {
    let text = match value {
        Value::Decimal(Decimal::NaN) => return true,
        Value::Decimal(Decimal::Infinity | Decimal::NegInfinity) => return false,
        other => display::text(other).unwrap_or_default(),
    };
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0').len();
    fraction.trim_end_matches('0').len() <= scale as usize && whole <= precision.saturating_sub(scale) as usize
}
