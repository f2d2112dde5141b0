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
