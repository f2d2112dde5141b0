//! PostgreSQL's types: what each means, and which decoder reads it.
//!
//! A type that is not listed here has no logical type: comparing such a column
//! is an error that names it. Those are arrays, ranges, composite and geometric
//! types, `tsvector`, `hstore` and other types of extensions except `citext`.
//!
//! Everything that a read needs is in the [`Column`]: its logical type, and
//! where that leaves a choice the type's name. So a description that was stored
//! and loaded again still reads.

use super::bytes::Fault;
use super::values;
use super::{network, numeric};
use crate::sql;
use crate::table::{Column, Logical};
use crate::value::Value;

/// Reads one value that is not NULL.
pub(super) type Decode = for<'a> fn(&'a [u8]) -> Result<Value<'a>, Fault>;

/// What the catalog says of a column's type, domains resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct NativeType<'a> {
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    /// `pg_type.typtype`.
    pub(super) kind: &'a str,
    /// The type modifier, `-1` for none.
    pub(super) modifier: i32,
    /// Fraction digits of `money` in this database.
    pub(super) money_scale: u32,
}

/// The longest `character(n)`, and so the bound of a `bpchar` without one.
const CHARS_MAX: u32 = 10_485_760;

/// `NAMEDATALEN` less its final zero byte.
const NAME_BYTES: u32 = 63;

/// Length words that a modifier of a character type counts.
const HEADER: i32 = 4;

const DEFAULT_FRACTION_DIGITS: u8 = 6;

pub(super) fn logical(native: NativeType<'_>) -> Option<Logical> {
    match native.kind {
        "e" => return Some(Logical::Enum),
        "b" => {}
        _ => return None,
    }
    if native.schema != "pg_catalog" {
        // An extension may be installed into any schema.
        return (native.name == "citext").then_some(Logical::Text { chars_max: None });
    }
    let int = |bits, unsigned| Logical::Int { bits, unsigned };
    let chars_max = u32::try_from(native.modifier - HEADER).ok();
    let digits = u8::try_from(native.modifier).unwrap_or(DEFAULT_FRACTION_DIGITS);
    Some(match native.name {
        "bool" => Logical::Bool,
        "int2" => int(16, false),
        "int4" => int(32, false),
        "int8" => int(64, false),
        "oid" => int(32, true),
        "numeric" => decimal(native.modifier),
        "money" => Logical::Decimal { precision: Some(19), scale: native.money_scale },
        "float4" => Logical::Float32,
        "float8" => Logical::Float64,
        "text" | "xml" => Logical::Text { chars_max: None },
        "citext" => Logical::Text { chars_max: None },
        "varchar" => Logical::Text { chars_max },
        "name" => Logical::Text { chars_max: Some(NAME_BYTES) },
        "char" => Logical::Text { chars_max: Some(1) },
        "bpchar" => Logical::Char { chars_max: chars_max.unwrap_or(CHARS_MAX) },
        "bytea" => Logical::Bytes { bytes_max: None },
        "date" => Logical::Date,
        "time" => Logical::Time { digits },
        "timetz" => Logical::TimeTz { digits },
        "timestamp" => Logical::Timestamp { digits },
        "timestamptz" => Logical::Instant { digits },
        "interval" => Logical::Interval,
        "uuid" => Logical::Uuid,
        "json" => Logical::Json { ordered: true },
        "jsonb" => Logical::Json { ordered: false },
        "bit" => Logical::Bits { len: u32::try_from(native.modifier).ok() },
        "varbit" => Logical::Bits { len: None },
        "inet" | "cidr" | "macaddr" | "macaddr8" => Logical::Network,
        _ => return None,
    })
}

fn decimal(modifier: i32) -> Logical {
    let packed = modifier - HEADER;
    if packed < 0 {
        return Logical::Decimal { precision: None, scale: 0 };
    }
    let precision = u32::try_from(packed >> 16).unwrap_or(0) & 0xFFFF;
    // Eleven bits in two's complement: since PostgreSQL 15 a scale may be
    // negative, which rounds to tens or hundreds and leaves whole numbers.
    let scale = ((packed & 0x7FF) ^ 0x400) - 0x400;
    match u32::try_from(scale) {
        Ok(scale) => Logical::Decimal { precision: Some(precision), scale },
        Err(_) => Logical::Decimal { precision: Some(precision + scale.unsigned_abs()), scale: 0 },
    }
}

/// The decoder for what [`expression`] selects; `None` for a type that has
/// none.
pub(super) fn decoder(column: &Column) -> Option<Decode> {
    Some(match *column.logical.as_ref()? {
        Logical::Bool => values::bool,
        Logical::Int { bits: 16, .. } => values::int2,
        Logical::Int { bits: 32, unsigned: false } => values::int4,
        Logical::Int { bits: 32, unsigned: true } => values::oid,
        Logical::Int { .. } => values::int8,
        Logical::Decimal { .. } => numeric::numeric,
        Logical::Float32 => values::float4,
        Logical::Float64 => values::float8,
        Logical::Text { .. } if sql::postgres_base(column) == "\"char\"" => values::char,
        Logical::Char { .. } | Logical::Text { .. } | Logical::Enum => values::text,
        Logical::Bytes { .. } => values::bytea,
        Logical::Date => values::date,
        Logical::Time { .. } => values::time,
        Logical::TimeTz { .. } => values::timetz,
        Logical::Timestamp { .. } => values::timestamp,
        Logical::Instant { .. } => values::timestamptz,
        Logical::Interval => values::interval,
        Logical::Uuid => values::uuid,
        Logical::Json { ordered: true } => values::json,
        Logical::Json { ordered: false } => values::jsonb,
        Logical::Bits { .. } => values::bits,
        Logical::Network => match sql::postgres_base(column) {
            "macaddr" => network::macaddr,
            "macaddr8" => network::macaddr8,
            _ => network::inet,
        },
        // No PostgreSQL column has these.
        _ => return None,
    })
}

/// What to select for a column that is there as `name`, so that its
/// [`decoder`] can read it.
///
/// `money` as `numeric`, because its binary form is a count of units whose size
/// is the server's `lc_monetary`.
pub(super) fn expression(column: &Column, name: &str) -> String {
    if sql::postgres_base(column) == "money" { format!("{name}::numeric") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, modifier: i32) -> Option<Logical> {
        logical(NativeType { schema: "pg_catalog", name, kind: "b", modifier, money_scale: 2 })
    }

    #[test]
    fn modifiers_are_precisions() {
        let packed = |precision: i32, scale: i32| (precision << 16 | (scale & 0x7FF)) + HEADER;
        assert_eq!(of("numeric", -1), Some(Logical::Decimal { precision: None, scale: 0 }));
        assert_eq!(of("numeric", packed(12, 2)), Some(Logical::Decimal { precision: Some(12), scale: 2 }));
        assert_eq!(of("numeric", packed(1000, 1000)), Some(Logical::Decimal { precision: Some(1000), scale: 1000 }));
        assert_eq!(of("numeric", packed(2, -3)), Some(Logical::Decimal { precision: Some(5), scale: 0 }));
        assert_eq!(of("varchar", 14), Some(Logical::Text { chars_max: Some(10) }));
        assert_eq!(of("varchar", -1), Some(Logical::Text { chars_max: None }));
        assert_eq!(of("timestamp", 0), Some(Logical::Timestamp { digits: 0 }));
        assert_eq!(of("timestamp", -1), Some(Logical::Timestamp { digits: 6 }));
        assert_eq!(of("bit", 8), Some(Logical::Bits { len: Some(8) }));
    }

    #[test]
    fn other_types_have_no_meaning() {
        for name in ["_int4", "point", "tsvector", "int4range", "xid", "pg_lsn", "regclass"] {
            assert_eq!(of(name, -1), None, "{name}");
        }
        let user = |name, kind| logical(NativeType { schema: "public", name, kind, modifier: -1, money_scale: 2 });
        // A user's own type may have the name of a built-in one.
        assert_eq!(user("text", "b"), None);
        assert_eq!(user("pair", "c"), None);
        assert_eq!(user("mood", "e"), Some(Logical::Enum));
        assert_eq!(user("citext", "b"), Some(Logical::Text { chars_max: None }));
    }
}
