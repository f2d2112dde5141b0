//! PostgreSQL's spelling of values.

use super::literal::quoted;
use crate::decimal::Decimal;
use crate::display;
use crate::table::{Column, Logical};
use crate::value::Value;

/// A quoted string wherever the column's type can hold the value: PostgreSQL
/// gives an untyped literal the type of what it is compared with, domains and
/// enums included.
pub(super) fn literal(column: &Column, value: &Value<'_>) -> String {
    match column.logical {
        // A key found on another server may be no integer of this size at all;
        // it is compared as the number it is, where `'…'` would be refused.
        Some(Logical::Int { bits, unsigned }) if !is_integer_of(value, bits, unsigned) => {
            format!("{}::numeric", quoted(&postgres_text(column, value)))
        }
        // Read as money itself, the decimal point would depend on `lc_monetary`.
        Some(Logical::Decimal { .. }) if postgres_base(column) == "money" => {
            format!("{}::numeric::money", quoted(&postgres_text(column, value)))
        }
        // A row's type is never guessed from what it is compared with.
        Some(Logical::Composite { .. }) => {
            format!("{}::{}", quoted(&postgres_text(column, value)), postgres_base(column))
        }
        Some(Logical::Array { .. }) if postgres_base(column) == "money[]" => {
            format!("{}::numeric[]::money[]", quoted(&postgres_text(column, value)))
        }
        _ => quoted(&postgres_text(column, value)),
    }
}

/// The text that `COPY` reads as the value; `None` where only [`literal`] can say it.
pub(crate) fn postgres_copied(column: &Column, value: &Value<'_>) -> Option<String> {
    let base = postgres_base(column);
    if base == "money" || base == "money[]" { None } else { scalar_text(column, value) }
}

/// What stands between the quotes of [`literal`], where quotes are all there is.
pub(super) fn scalar_text(column: &Column, value: &Value<'_>) -> Option<String> {
    match column.logical {
        Some(Logical::Int { bits, unsigned }) if !is_integer_of(value, bits, unsigned) => None,
        _ => Some(postgres_text(column, value)),
    }
}

fn is_integer_of(value: &Value<'_>, bits: u8, unsigned: bool) -> bool {
    let value = match value {
        Value::Bool(_) => return true,
        Value::Int(v) => i128::from(*v),
        Value::UInt(v) => i128::from(*v),
        Value::Decimal(Decimal::Small { coefficient, scale: 0 }) => *coefficient,
        _ => return false,
    };
    let (low, high) = match (bits.min(64), unsigned) {
        (bits, true) => (0, 1 << bits),
        (bits, false) => (-(1 << (bits - 1)), 1 << (bits - 1)),
    };
    (low..high).contains(&value)
}

fn postgres_text(column: &Column, value: &Value<'_>) -> String {
    match (&column.logical, value) {
        (Some(Logical::Bool), Value::Int(v)) => (*v != 0).to_string(),
        (Some(Logical::Int { .. } | Logical::Decimal { .. }), Value::Bool(v)) => u8::from(*v).to_string(),
        (Some(Logical::Uuid), Value::Bytes(v)) => match <[u8; 16]>::try_from(v.as_ref()) {
            Ok(v) => uuid::Uuid::from_bytes(v).to_string(),
            Err(_) => display::hex(v),
        },
        (Some(Logical::Bytes { .. }), Value::Text(v)) => format!("\\x{}", display::hex(v.as_bytes())),
        (Some(Logical::Bytes { .. }), Value::Uuid(v)) => format!("\\x{}", display::hex(v)),
        // The two vectors of the catalog are no arrays to their reader.
        (Some(Logical::Array { .. }), Value::Array(v))
            if matches!(postgres_base(column), "int2vector" | "oidvector") =>
        {
            v.elements.iter().filter_map(display::text).collect::<Vec<_>>().join(" ")
        }
        _ => display::text(value).unwrap_or_default(),
    }
}

/// What the catalog of PostgreSQL puts between a column's type and the domain
/// that the column was declared with: `numeric(12,2) (domain public.price)`.
pub(crate) const POSTGRES_DOMAIN: &str = " (domain ";

/// The column's type with its domain resolved, as PostgreSQL writes it.
pub(crate) fn postgres_base(column: &Column) -> &str {
    postgres_base_of(&column.native)
}

/// The same for a native name by itself.
pub(crate) fn postgres_base_of(native: &str) -> &str {
    native.split_once(POSTGRES_DOMAIN).map_or(native, |(base, _)| base)
}

/// The column's type to cast a literal to, without modifiers: a cast to
/// `varchar(3)` would cut the value where an assignment refuses it.
pub(super) fn postgres_cast(column: &Column) -> String {
    let base = postgres_base(column);
    let (element, array) = base.strip_suffix("[]").map_or((base, ""), |element| (element, "[]"));
    // `character` alone is one character, and `bit` one bit.
    let plain = match element.split('(').next().unwrap_or(element) {
        "character" => "bpchar".to_owned(),
        "bit" => "varbit".to_owned(),
        _ => without_modifier(element),
    };
    format!("{plain}{array}")
}

/// `timestamp(3) with time zone` without its `(3)`. Quoted names may hold
/// parentheses of their own.
fn without_modifier(native: &str) -> String {
    let mut quoted = false;
    let mut plain = String::with_capacity(native.len());
    let mut rest = native.chars();
    while let Some(c) = rest.next() {
        quoted ^= c == '"';
        if c == '(' && !quoted {
            // A modifier holds no quotes.
            let _ = rest.by_ref().find(|&c| c == ')');
        } else {
            plain.push(c);
        }
    }
    plain
}
