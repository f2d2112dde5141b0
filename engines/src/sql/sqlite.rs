//! SQLite's spelling of values.

use super::literal::quoted;
use crate::decimal::Decimal;
use crate::display;
use crate::table::{Column, Logical};
use crate::value::{Moment, Value};

pub(super) fn literal(column: &Column, value: &Value<'_>) -> String {
    let numeric = matches!(
        column.logical,
        Some(Logical::Int { .. } | Logical::SqliteNumeric | Logical::Float64 | Logical::Bool | Logical::Year)
    );
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(v) => u8::from(*v).to_string(),
        Value::Int(_) | Value::UInt(_) => display::text(value).unwrap_or_default(),
        Value::Decimal(v) if numeric => match v {
            Decimal::Infinity | Decimal::NegInfinity => sqlite_float(v.to_f64()),
            // Not NULL, which a comparison would never find in order: among
            // numbers text is the greatest.
            Decimal::NaN => quoted("NaN"),
            Decimal::Small { .. } | Decimal::Big(_) => v.to_string(),
        },
        Value::F32(v) => sqlite_float(f64::from(*v)),
        Value::F64(v) => sqlite_float(*v),
        Value::Bytes(v) => format!("x'{}'", display::hex(v)),
        Value::Uuid(v) if matches!(column.logical, Some(Logical::Bytes { .. })) => format!("x'{}'", display::hex(v)),
        Value::Instant(Moment::Micros(v)) => {
            quoted(&display::text(&Value::Timestamp(Moment::Micros(*v))).unwrap_or_default())
        }
        Value::Text(_)
        | Value::Decimal(_)
        | Value::Json(_)
        | Value::Set(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::TimeTz { .. }
        | Value::Timestamp(_)
        | Value::Instant(_)
        | Value::Interval { .. }
        | Value::Bits { .. }
        | Value::Array(_)
        | Value::Range(_)
        | Value::Multirange(_)
        | Value::Composite(_)
        | Value::Map(_)
        | Value::Shape { .. }
        | Value::Geometry { .. }
        | Value::Vector(_) => sqlite_text(&display::text(value).unwrap_or_default()),
    }
}

/// SQLite has no word for infinity, but reads a number too large as one.
///
/// It also reads one in six of the doubles beyond some 1e±100 a unit in the last
/// place off (3.51), as a power of ten that large is itself rounded there. Between
/// those bounds, 17 digits leave it no choice. Numbers beyond are written as one
/// between, times or divided by a power of two, which is exact.
pub(super) fn sqlite_float(v: f64) -> String {
    const STEP: f64 = f64::from_bits((1023 + 300) << 52);
    if v.is_infinite() {
        return if v > 0.0 { "9e999" } else { "-9e999" }.to_owned();
    }
    if v.is_nan() {
        return "NULL".to_owned();
    }
    // What people write: few decimals, and far from any doubt.
    let plain = format!("{v:?}");
    if plain.split_once('.').is_some_and(|(_, decimals)| decimals.len() <= 10 && !decimals.contains('e')) {
        return plain;
    }
    let (mut near, mut back) = (v, String::new());
    while near.abs() >= 1e100 {
        near /= STEP;
        back.push_str(&format!(" * {STEP:.16e}"));
    }
    while near.abs() < 1e-80 {
        near *= STEP;
        back.push_str(&format!(" / {STEP:.16e}"));
    }
    if back.is_empty() { format!("{near:.16e}") } else { format!("({near:.16e}{back})") }
}

/// A statement ends at a NUL, so text that holds one is written with another
/// character in its place. Not by way of a blob: a CAST has an affinity, which a
/// comparison would apply to the column, and it reads the blob in the file's own
/// encoding, which may be UTF-16.
fn sqlite_text(text: &str) -> String {
    if !text.contains('\0') {
        return quoted(text);
    }
    match ('\u{1}'..=char::MAX).find(|c| !text.contains(*c)) {
        Some(stand_in) => {
            let visible: String = text.chars().map(|c| if c == '\0' { stand_in } else { c }).collect();
            format!("replace({}, char({}), char(0))", quoted(&visible), u32::from(stand_in))
        }
        // Text that holds every character there is, a megabyte at least.
        None => format!("CAST(x'{}' AS TEXT)", display::hex(text.as_bytes())),
    }
}
