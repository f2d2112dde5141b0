//! Which Arrow type a column gets.
//!
//! By the column's declared meaning, never by its values, so that all parts of a
//! table, and all runs over it, have one schema. What a type can't hold exactly
//! is not squeezed in: see [`super`] on `untyped`.

use std::sync::Arc;

use arrow_schema::extension::Uuid;
use arrow_schema::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, TimeUnit};
use switchback_engines::{Engine, Logical};

/// A column's type in the file, and which values it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) of: Type,
    /// SQLite keeps a date as text: then text that is spelled exactly as we would
    /// spell the typed value is typed, and comes back as text.
    pub(crate) from_text: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Decimal128 {
        precision: u8,
        scale: i8,
    },
    Decimal256 {
        precision: u8,
        scale: i8,
    },
    Float32,
    Float64,
    /// Doubles, and the whole numbers that are some.
    Numeric,
    Binary,
    Date,
    /// A time of day; anything beyond is untyped, as Parquet's durations are
    /// plain integers to every other reader.
    Time,
    Timestamp,
    Instant,
    Uuid,
    Text(TextKind),
    /// The text for people of a value that stands in `untyped`.
    Shown,
}

/// Whose text it is, so that it comes back as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Plain,
    Json,
    Set,
    Decimal,
    TimeTz,
    Interval,
    Bits,
}

impl Shape {
    pub(crate) fn of(engine: Engine, logical: Option<&Logical>) -> Self {
        Self { of: Type::of(logical), from_text: engine == Engine::Sqlite }
    }

    pub(crate) fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.of.data_type(), true);
        if self.of == Type::Uuid { field.with_extension_type(Uuid) } else { field }
    }
}

impl Type {
    fn of(logical: Option<&Logical>) -> Self {
        // A column of no known type is never compared; should one get here, its
        // text is all that can be kept.
        let Some(logical) = logical else { return Self::Text(TextKind::Plain) };
        match *logical {
            Logical::Bool => Self::Bool,
            Logical::Int { bits, unsigned } => match (bits, unsigned) {
                (0..=8, false) => Self::Int8,
                (9..=16, false) => Self::Int16,
                (17..=32, false) => Self::Int32,
                (33.., false) => Self::Int64,
                (0..=8, true) => Self::UInt8,
                (9..=16, true) => Self::UInt16,
                (17..=32, true) => Self::UInt32,
                (33.., true) => Self::UInt64,
            },
            Logical::Decimal { precision, scale } => decimal(precision, scale),
            Logical::Float32 => Self::Float32,
            Logical::Float64 => Self::Float64,
            Logical::SqliteNumeric => Self::Numeric,
            Logical::Char { .. }
            | Logical::Text { .. }
            | Logical::Enum
            | Logical::Network
            | Logical::Notation { .. } => Self::Text(TextKind::Plain),
            Logical::Binary { .. } | Logical::Bytes { .. } => Self::Binary,
            Logical::Date => Self::Date,
            Logical::Time { .. } => Self::Time,
            Logical::TimeTz { .. } => Self::Text(TextKind::TimeTz),
            Logical::Timestamp { .. } => Self::Timestamp,
            Logical::Instant { .. } => Self::Instant,
            Logical::Year => Self::Int32,
            Logical::Interval => Self::Text(TextKind::Interval),
            Logical::Uuid => Self::Uuid,
            Logical::Json { .. } => Self::Text(TextKind::Json),
            Logical::Set => Self::Text(TextKind::Set),
            Logical::Bits { .. } => Self::Text(TextKind::Bits),
            Logical::Array { .. }
            | Logical::Range { .. }
            | Logical::Multirange { .. }
            | Logical::Composite { .. }
            | Logical::Map
            | Logical::Shape { .. }
            | Logical::Geometry { .. }
            | Logical::Vector { .. } => Self::Shown,
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Decimal128 { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Decimal256 { precision, scale } => DataType::Decimal256(precision, scale),
            Self::Float32 => DataType::Float32,
            Self::Float64 | Self::Numeric => DataType::Float64,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Text(_) | Self::Shown => DataType::Utf8,
        }
    }

    /// Bytes of a value without what it has on the heap, for bounds.
    pub(crate) fn width_bytes(self) -> usize {
        match self {
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 | Self::Date => 4,
            Self::Int64
            | Self::UInt64
            | Self::Float64
            | Self::Numeric
            | Self::Time
            | Self::Timestamp
            | Self::Instant
            | Self::Binary
            | Self::Text(_)
            | Self::Shown => 8,
            Self::Decimal128 { .. } | Self::Uuid => 16,
            Self::Decimal256 { .. } => 32,
        }
    }
}

/// PostgreSQL allows a scale above the precision (`numeric(3,5)`) and Arrow does
/// not; with as many digits as the scale it holds the same numbers.
fn decimal(precision: Option<u32>, scale: u32) -> Type {
    let fit = precision.filter(|&p| p > 0).and_then(|p| {
        let precision = u8::try_from(p.max(scale)).ok()?;
        Some((precision, i8::try_from(scale).ok()?))
    });
    match fit {
        Some((precision, scale)) if precision <= DECIMAL128_MAX_PRECISION => Type::Decimal128 { precision, scale },
        Some((precision, scale)) if precision <= DECIMAL256_MAX_PRECISION => Type::Decimal256 { precision, scale },
        Some(_) | None => Type::Text(TextKind::Decimal),
    }
}
