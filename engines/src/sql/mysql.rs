//! MySQL's and MariaDB's spelling of values.

use super::literal::{beyond_numbers, quoted};
use crate::display;
use crate::table::{Column, Logical};
use crate::value::Value;

pub(super) fn literal(column: &Column, value: &Value<'_>) -> String {
    let binary = matches!(column.logical, Some(Logical::Binary { .. } | Logical::Bytes { .. }));
    // Text compared with a number is read as one: `'abc' = 0` holds.
    let textual = matches!(column.logical, Some(Logical::Text { .. } | Logical::Char { .. } | Logical::Enum));
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(v) if textual => quoted(&u8::from(*v).to_string()),
        Value::Int(_) | Value::UInt(_) | Value::Decimal(_) | Value::F32(_) | Value::F64(_)
            if textual || beyond_numbers(value).is_some() =>
        {
            quoted(&display::text(value).unwrap_or_default())
        }
        Value::Bool(v) => u8::from(*v).to_string(),
        Value::Int(_) | Value::UInt(_) | Value::Decimal(_) => display::text(value).unwrap_or_default(),
        // All its digits: the server compares a FLOAT as the double it equals.
        Value::F32(v) => format!("{:e}", f64::from(*v)),
        Value::F64(v) => format!("{v:e}"),
        Value::Bytes(v) => format!("x'{}'", display::hex(&padded(column, v))),
        Value::Uuid(v) if binary => format!("x'{}'", display::hex(v)),
        Value::Text(v) if binary => format!("x'{}'", display::hex(v.as_bytes())),
        Value::Bits { len, bytes } => format!("b'{}'", display::bits(*len, bytes)),
        // As the server keeps it, which it takes for a geometry again.
        Value::Geometry { srid, wkb } => format!("x'{}{}'", display::hex(&srid.to_le_bytes()), display::hex(wkb)),
        Value::Vector(v) => format!("x'{}'", display::hex(v)),
        // The session is in UTC; an offset is refused before 8.0.19 and by MariaDB.
        Value::Instant(v) => quoted(&display::text(&Value::Timestamp(*v)).unwrap_or_default()),
        Value::Text(_)
        | Value::Json(_)
        | Value::Set(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::TimeTz { .. }
        | Value::Timestamp(_)
        | Value::Interval { .. }
        | Value::Array(_)
        | Value::Range(_)
        | Value::Multirange(_)
        | Value::Composite(_)
        | Value::Map(_)
        | Value::Shape { .. } => mysql_text(&display::text(value).unwrap_or_default()),
    }
}

/// What a column is loaded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MySqlCell {
    Text,
    /// The digits of bytes, which no character set can change.
    Hex,
    /// Neither says the column's values.
    Neither,
}

impl MySqlCell {
    pub(crate) fn of(column: &Column) -> Self {
        match column.logical {
            Some(Logical::Binary { .. } | Logical::Bytes { .. }) => Self::Hex,
            // Also where one bit is taken for a boolean.
            _ if column.native.starts_with("bit") => Self::Neither,
            // The year 0 is 2000 where it is text.
            None | Some(Logical::Bits { .. } | Logical::Year | Logical::Geometry { .. } | Logical::Vector { .. }) => {
                Self::Neither
            }
            Some(_) => Self::Text,
        }
    }
}

/// The text, or the digits, that mean to `LOAD DATA` what [`literal`] means in a
/// statement; `None` where there is no such.
pub(crate) fn mysql_loaded(column: &Column, value: &Value<'_>) -> Option<String> {
    let cell = MySqlCell::of(column);
    match (cell, value) {
        (MySqlCell::Hex, Value::Bytes(v)) => Some(display::hex(v)),
        (MySqlCell::Hex, Value::Uuid(v)) => Some(display::hex(v)),
        (MySqlCell::Hex, Value::Text(v)) => Some(display::hex(v.as_bytes())),
        (MySqlCell::Text, Value::Bool(v)) => Some(u8::from(*v).to_string()),
        (MySqlCell::Text, Value::Int(_) | Value::UInt(_) | Value::Decimal(_)) => display::text(value),
        (MySqlCell::Text, Value::F32(_) | Value::F64(_)) if beyond_numbers(value).is_some() => None,
        // A text column gets the digits that a person reads, a number all there are.
        (MySqlCell::Text, Value::F32(_) | Value::F64(_)) if literal(column, value).starts_with('\'') => {
            display::text(value)
        }
        (MySqlCell::Text, Value::F32(_) | Value::F64(_)) => Some(literal(column, value)),
        (MySqlCell::Text, Value::Instant(v)) => display::text(&Value::Timestamp(*v)),
        (
            MySqlCell::Text,
            Value::Text(_)
            | Value::Json(_)
            | Value::Set(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timestamp(_),
        ) => display::text(value),
        _ => None,
    }
}

/// MySQL compares `BINARY(n)` with all its zeros.
fn padded(column: &Column, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(Logical::Binary { bytes: len }) = column.logical {
        bytes.resize(bytes.len().max(len as usize), 0);
    }
    bytes
}

/// Whether a backslash escapes depends on the session that runs the text, so
/// text that holds one, or a control character, goes as hexadecimal digits.
fn mysql_text(text: &str) -> String {
    if text.contains('\\') || text.chars().any(char::is_control) {
        format!("_utf8mb4 x'{}'", display::hex(text.as_bytes()))
    } else {
        quoted(text)
    }
}

/// A literal of MySQL's in the character set and collation of `column`.
#[must_use]
pub fn in_own_charset(column: &Column, literal: &str) -> String {
    match &column.collation {
        // A collation's name begins with its character set.
        Some(collation) => {
            let charset = collation.split('_').next().unwrap_or(collation);
            format!("CONVERT({literal} USING {charset}) COLLATE {collation}")
        }
        None => literal.to_owned(),
    }
}
