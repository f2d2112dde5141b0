//! The one value model: what any engine's cell can be.
//!
//! An engine decodes its own protocol into [`Value`]s and knows nothing of the
//! other side. Values are *native*: nothing is trimmed, rounded or unified here;
//! that is what [`crate::canon`] does, by rule, for both sides alike.
//!
//! A value borrows from the bytes it was decoded from, so that reading a row
//! allocates nothing, except for values that are made of others.

use std::borrow::Cow;

use crate::decimal::Decimal;
use crate::nested::{Array, Entry, Range};
use crate::table::Shape;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    F32(f32),
    F64(f64),
    Decimal(Decimal<'a>),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Date(Date),
    /// Microseconds; from midnight where the type is a time of day, and beyond
    /// 24 h or negative where the engine allows it (MySQL's `TIME`).
    Time(i64),
    /// A time of day with its own offset. Offsets are seconds east of UTC.
    TimeTz {
        micros: i64,
        offset_seconds: i32,
    },
    /// A date and time that names no zone.
    Timestamp(Moment),
    /// A point in time: `timestamptz`, MySQL's `TIMESTAMP`.
    Instant(Moment),
    Interval {
        months: i32,
        days: i32,
        micros: i64,
    },
    Uuid([u8; 16]),
    /// JSON as text, as the server gave it.
    Json(Cow<'a, str>),
    /// `len` bits, the first one in the highest bit of the first byte.
    Bits {
        len: u32,
        bytes: Cow<'a, [u8]>,
    },
    /// The labels of a MySQL `SET`, comma-separated in the order of definition.
    Set(Cow<'a, str>),
    Array(Box<Array<'a>>),
    Range(Box<Range<'a>>),
    /// In ascending order, as the server keeps them.
    Multirange(Vec<Range<'a>>),
    /// A value for each field of the type.
    Composite(Vec<Self>),
    /// Each key once, in the server's order.
    Map(Vec<Entry<'a>>),
    Shape {
        kind: Shape,
        /// Whether a path returns to its first point; false for other shapes.
        closed: bool,
        coordinates: Vec<f64>,
    },
    Geometry {
        srid: u32,
        /// Well-known binary.
        wkb: Cow<'a, [u8]>,
    },
    /// Single-precision floats, four bytes each, little-endian.
    Vector(Cow<'a, [u8]>),
}

/// A calendar date, proleptic Gregorian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Date {
    NegInfinity,
    /// Days since 1970-01-01.
    Days(i32),
    Infinity,
    /// A date that is on no calendar, as MySQL stores them: `0000-00-00`,
    /// `2024-02-00`.
    OffCalendar {
        year: u16,
        month: u8,
        day: u8,
    },
}

/// A date with a time, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    NegInfinity,
    /// Microseconds since 1970-01-01 00:00:00.
    Micros(i64),
    Infinity,
    /// See [`Date::OffCalendar`].
    OffCalendar {
        year: u16,
        month: u8,
        day: u8,
        micros: i64,
    },
}

/// A value that borrows nothing.
pub type OwnedValue = Value<'static>;

impl Value<'_> {
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    #[must_use]
    pub fn into_owned(self) -> OwnedValue {
        match self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(v),
            Self::Int(v) => Value::Int(v),
            Self::UInt(v) => Value::UInt(v),
            Self::F32(v) => Value::F32(v),
            Self::F64(v) => Value::F64(v),
            Self::Decimal(v) => Value::Decimal(v.into_owned()),
            Self::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Self::Bytes(v) => Value::Bytes(Cow::Owned(v.into_owned())),
            Self::Date(v) => Value::Date(v),
            Self::Time(v) => Value::Time(v),
            Self::TimeTz { micros, offset_seconds } => Value::TimeTz { micros, offset_seconds },
            Self::Timestamp(v) => Value::Timestamp(v),
            Self::Instant(v) => Value::Instant(v),
            Self::Interval { months, days, micros } => Value::Interval { months, days, micros },
            Self::Uuid(v) => Value::Uuid(v),
            Self::Json(v) => Value::Json(Cow::Owned(v.into_owned())),
            Self::Bits { len, bytes } => Value::Bits { len, bytes: Cow::Owned(bytes.into_owned()) },
            Self::Set(v) => Value::Set(Cow::Owned(v.into_owned())),
            Self::Array(v) => Value::Array(Box::new(v.into_owned())),
            Self::Range(v) => Value::Range(Box::new(v.into_owned())),
            Self::Multirange(v) => Value::Multirange(v.into_iter().map(Range::into_owned).collect()),
            Self::Composite(v) => Value::Composite(v.into_iter().map(Value::into_owned).collect()),
            Self::Map(v) => Value::Map(v.into_iter().map(Entry::into_owned).collect()),
            Self::Shape { kind, closed, coordinates } => Value::Shape { kind, closed, coordinates },
            Self::Geometry { srid, wkb } => Value::Geometry { srid, wkb: Cow::Owned(wkb.into_owned()) },
            Self::Vector(v) => Value::Vector(Cow::Owned(v.into_owned())),
        }
    }

    /// About how many bytes the value holds in memory, for bounds.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let heap = match self {
            Self::Text(v) | Self::Json(v) | Self::Set(v) => v.len(),
            Self::Bytes(v) | Self::Bits { bytes: v, .. } | Self::Geometry { wkb: v, .. } | Self::Vector(v) => v.len(),
            Self::Array(v) => v.size_bytes(),
            Self::Range(v) => v.size_bytes(),
            Self::Multirange(v) => v.iter().map(Range::size_bytes).sum(),
            Self::Composite(v) => v.iter().map(Value::size_bytes).sum(),
            Self::Map(v) => v.iter().map(Entry::size_bytes).sum(),
            Self::Shape { coordinates, .. } => std::mem::size_of_val(coordinates.as_slice()),
            Self::Decimal(v) => v.heap_bytes(),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::F32(_)
            | Self::F64(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::TimeTz { .. }
            | Self::Timestamp(_)
            | Self::Instant(_)
            | Self::Interval { .. }
            | Self::Uuid(_) => 0,
        };
        std::mem::size_of::<Self>() + heap
    }
}
