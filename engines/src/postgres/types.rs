//! PostgreSQL's types: what each means, and which decoder reads it.
//!
//! A type that is not listed here has no logical type, nor has one that is made
//! of it: comparing such a column is an error that names it. Those are `aclitem`,
//! `pg_node_tree` and other types of the catalog's own, and types of extensions
//! except `citext`, `hstore`, `ltree` and its patterns, PostGIS's `geometry` and
//! `geography`, and pgvector's `vector`. PostGIS and pgvector are read by their
//! documented forms; no test server has them.
//!
//! Everything that a read needs is in the [`Column`]: its logical type, and
//! where that leaves a choice the type's name. So a description that was stored
//! and loaded again still reads.

use super::nested::{self, Decoder, Plain};
use super::{network, notation, numeric, shapes, values};
use crate::sql;
use crate::table::{Column, Element, Logical, Notation, Shape};

/// What the catalog says of a type that is made of no others.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaseType<'a> {
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
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

pub(super) fn logical(native: BaseType<'_>) -> Option<Logical> {
    if native.schema != "pg_catalog" {
        return extension(native);
    }
    let int = |bits, unsigned| Logical::Int { bits, unsigned };
    let chars_max = u32::try_from(native.modifier - HEADER).ok();
    let digits = u8::try_from(native.modifier).unwrap_or(DEFAULT_FRACTION_DIGITS);
    Some(match native.name {
        "bool" => Logical::Bool,
        "int2" => int(16, false),
        "int4" => int(32, false),
        "int8" => int(64, false),
        "oid" | "xid" | "cid" => int(32, true),
        "xid8" => int(64, true),
        "numeric" => decimal(native.modifier),
        "money" => Logical::Decimal { precision: Some(19), scale: native.money_scale },
        "float4" => Logical::Float32,
        "float8" => Logical::Float64,
        "text" | "xml" | "refcursor" => Logical::Text { chars_max: None },
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
        "point" => Logical::Shape { kind: Shape::Point },
        "line" => Logical::Shape { kind: Shape::Line },
        "lseg" => Logical::Shape { kind: Shape::Segment },
        "box" => Logical::Shape { kind: Shape::Box },
        "path" => Logical::Shape { kind: Shape::Path },
        "polygon" => Logical::Shape { kind: Shape::Polygon },
        "circle" => Logical::Shape { kind: Shape::Circle },
        other => Logical::Notation { kind: notation(other)? },
    })
}

fn notation(name: &str) -> Option<Notation> {
    Some(match name {
        "tsvector" => Notation::TextSearchVector,
        "tsquery" => Notation::TextSearchQuery,
        "jsonpath" => Notation::JsonPath,
        "pg_lsn" => Notation::LogPosition,
        "txid_snapshot" | "pg_snapshot" => Notation::Snapshot,
        "tid" => Notation::RowPosition,
        "regclass" | "regcollation" | "regconfig" | "regdictionary" | "regnamespace" | "regoper" | "regoperator"
        | "regproc" | "regprocedure" | "regrole" | "regtype" => Notation::ObjectName,
        _ => return None,
    })
}

/// An extension may be installed into any schema.
fn extension(native: BaseType<'_>) -> Option<Logical> {
    Some(match native.name {
        "citext" => Logical::Text { chars_max: None },
        "hstore" => Logical::Map,
        "ltree" => Logical::Notation { kind: Notation::LabelPath },
        "lquery" => Logical::Notation { kind: Notation::LabelPattern },
        "ltxtquery" => Logical::Notation { kind: Notation::LabelSearch },
        "geometry" | "geography" => {
            // PostGIS keeps the SRID in 21 bits of the modifier, the last of them
            // for negative numbers, which it does not allow in a column.
            let srid = u32::try_from(native.modifier).ok().map(|packed| (packed & 0x0FFF_FF00) >> 8);
            Logical::Geometry { srid: srid.filter(|&srid| srid != 0) }
        }
        "vector" => Logical::Vector { dimensions: u32::try_from(native.modifier).ok() },
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
pub(super) fn decoder(column: &Column) -> Option<Decoder> {
    let base = sql::postgres_base(column);
    match column.logical.as_ref()? {
        // Selected as numeric.
        Logical::Decimal { .. } => Some(Decoder::Plain(numeric::numeric)),
        logical => of(base, logical),
    }
}

/// The decoder for what the log holds: the type's own binary form, which nothing
/// was done to by [`expression`].
pub(super) fn logged_decoder(column: &Column) -> Option<Decoder> {
    of(sql::postgres_base(column), column.logical.as_ref()?)
}

fn of(base: &str, logical: &Logical) -> Option<Decoder> {
    let element = |e: &Element| of(sql::postgres_base_of(&e.native), &e.logical).map(Box::new);
    Some(match logical {
        Logical::Decimal { scale, .. } if base == "money" => Decoder::Money { scale: *scale },
        Logical::Array { element: e } => Decoder::Array(element(e)?),
        Logical::Range { bound } => Decoder::Range(element(bound)?),
        Logical::Multirange { bound } => Decoder::Multirange(element(bound)?),
        Logical::Composite { fields } => {
            let field = |e: &Element| of(sql::postgres_base_of(&e.native), &e.logical);
            Decoder::Composite(fields.iter().map(|f| field(&f.element)).collect::<Option<_>>()?)
        }
        plain => Decoder::Plain(self::plain(base, plain)?),
    })
}

fn plain(base: &str, logical: &Logical) -> Option<Plain> {
    Some(match *logical {
        Logical::Bool => values::bool,
        Logical::Int { bits: 16, .. } => values::int2,
        Logical::Int { bits: 32, unsigned: false } => values::int4,
        Logical::Int { bits: 32, unsigned: true } => values::oid,
        Logical::Int { unsigned: false, .. } => values::int8,
        Logical::Int { unsigned: true, .. } => values::xid8,
        Logical::Decimal { .. } => numeric::numeric,
        Logical::Float32 => values::float4,
        Logical::Float64 => values::float8,
        Logical::Text { .. } if base == "\"char\"" => values::char,
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
        Logical::Network => match base {
            "macaddr" => network::macaddr,
            "macaddr8" => network::macaddr8,
            _ => network::inet,
        },
        Logical::Map => nested::hstore,
        Logical::Shape { kind } => match kind {
            Shape::Point => shapes::point,
            Shape::Line => shapes::line,
            Shape::Segment => shapes::segment,
            Shape::Box => shapes::a_box,
            Shape::Path => shapes::path,
            Shape::Polygon => shapes::polygon,
            Shape::Circle => shapes::circle,
        },
        Logical::Geometry { .. } => shapes::geometry,
        Logical::Vector { .. } => shapes::vector,
        Logical::Notation { kind } => match kind {
            Notation::TextSearchVector => notation::tsvector,
            Notation::TextSearchQuery => notation::tsquery,
            Notation::JsonPath | Notation::LabelPath | Notation::LabelPattern | Notation::LabelSearch => {
                notation::versioned_text
            }
            Notation::LogPosition => notation::pg_lsn,
            Notation::Snapshot => notation::snapshot,
            Notation::RowPosition => notation::tid,
            // Selected as text.
            Notation::ObjectName => values::text,
        },
        Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        // No PostgreSQL column has these.
        | Logical::Binary { .. }
        | Logical::SqliteNumeric
        | Logical::Year
        | Logical::Set => return None,
    })
}

/// What to select for a column that is there as `name`, so that its
/// [`decoder`] can read it.
///
/// `money` as `numeric`, because its binary form is a count of units whose size
/// is the server's `lc_monetary`; the names of objects as text, because theirs is
/// a number of this database.
pub(super) fn expression(column: &Column, name: &str) -> String {
    const OBJECT: Logical = Logical::Notation { kind: Notation::ObjectName };
    match &column.logical {
        Some(Logical::Array { element }) if element.logical == OBJECT => format!("{name}::text[]"),
        Some(logical) if *logical == OBJECT => format!("{name}::text"),
        _ if sql::postgres_base(column) == "money" => format!("{name}::numeric"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, modifier: i32) -> Option<Logical> {
        logical(BaseType { schema: "pg_catalog", name, modifier, money_scale: 2 })
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
        for name in ["aclitem", "pg_node_tree", "citext", "hstore", "geometry", "no_such"] {
            assert_eq!(of(name, -1), None, "{name}");
        }
        let user = |name, modifier| logical(BaseType { schema: "public", name, modifier, money_scale: 2 });
        // A user's own type may have the name of a built-in one.
        assert_eq!(user("text", -1), None);
        assert_eq!(user("citext", -1), Some(Logical::Text { chars_max: None }));
        // `geometry(Point,4326)` and `vector(3)`.
        assert_eq!(user("geometry", 1_107_460), Some(Logical::Geometry { srid: Some(4326) }));
        assert_eq!(user("geometry", -1), Some(Logical::Geometry { srid: None }));
        assert_eq!(user("vector", 3), Some(Logical::Vector { dimensions: Some(3) }));
    }
}
