//! Values as literals, and what keys are compared with.

use super::{mysql, postgres, sqlite};
use crate::decimal::Decimal;
use crate::display;
use crate::engine::Engine;
use crate::table::{Column, Logical};
use crate::value::Value;

/// `value` as a literal that `engine` reads as a value of `column`'s type.
#[must_use]
pub fn literal(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    match engine {
        Engine::Postgres => postgres::literal(column, value),
        Engine::MySql => mysql::literal(column, value),
        Engine::Sqlite => sqlite::literal(column, value),
        // No engine of these two calls this module yet; standard SQL is what
        // a reader of a log would expect.
        Engine::SqlServer | Engine::MongoDb => quoted(&display::text(value).unwrap_or_default()),
    }
}

/// What to compare a key's column with. Unlike [`literal`] this has a place for
/// NaN and the infinities even where the server's type does not hold them: as
/// text MySQL would take them for 0.
pub(crate) fn key_value(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    let numeric = matches!(
        column.logical,
        Some(
            Logical::Bool
                | Logical::Int { .. }
                | Logical::Decimal { .. }
                | Logical::Float32
                | Logical::Float64
                | Logical::Year
        )
    );
    match (engine, beyond_numbers(value)) {
        (Engine::MySql, Some(Beyond::NaN | Beyond::Above)) if numeric => format!("{:e}", f64::MAX),
        (Engine::MySql, Some(Beyond::Below)) if numeric => format!("{:e}", f64::MIN),
        (Engine::Sqlite, Some(Beyond::NaN)) => quoted("NaN"),
        _ => literal(engine, column, value),
    }
}

/// A literal to compare a key's column with. MySQL refuses to compare text that
/// the column's character set cannot express, or compares it by the rules of
/// another: what can't be expressed is a `?` in such a comparison, everywhere
/// the same.
pub(super) fn key_literal(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    let plain = key_value(engine, column, value);
    let in_utf8mb4 = column.collation.as_ref().is_none_or(|c| c.starts_with("utf8mb4"));
    match (engine, value) {
        (Engine::MySql, Value::Text(text) | Value::Set(text) | Value::Json(text))
            if !in_utf8mb4 && !text.is_ascii() =>
        {
            mysql::in_own_charset(column, &plain)
        }
        _ => plain,
    }
}

/// Where NaN and the infinities lie among numbers: NaN is the greatest of all,
/// as it is to PostgreSQL. `None` for the numbers that every engine has.
pub(super) fn beyond_numbers(value: &Value<'_>) -> Option<Beyond> {
    let double = match value {
        Value::F32(v) => f64::from(*v),
        Value::F64(v) => *v,
        Value::Decimal(Decimal::NaN) => f64::NAN,
        Value::Decimal(Decimal::Infinity) => f64::INFINITY,
        Value::Decimal(Decimal::NegInfinity) => f64::NEG_INFINITY,
        _ => return None,
    };
    if double.is_nan() {
        Some(Beyond::NaN)
    } else if double.is_infinite() {
        Some(if double > 0.0 { Beyond::Above } else { Beyond::Below })
    } else {
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    NaN,
    Above,
    Below,
}

pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
