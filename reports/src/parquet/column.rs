//! One column of values in the making, and read back.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, FixedSizeBinaryBuilder,
    Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use switchback_engines::canon::text as iso;
use switchback_engines::{Date, Decimal, Moment, OwnedValue, Value, display};

use super::exact;
use super::shape::{Shape, TextKind, Type};
use super::spelling;

/// The first microsecond that is no time of day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Arrow counts the bytes of a column's texts in 32 bits with a sign.
const COLUMN_BYTES_MAX: usize = i32::MAX as usize;

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is in the column, with so many bytes on top of the column's width.
    Typed(usize),
    /// Its text for people is in the column, with so many bytes; the value must
    /// go elsewhere.
    Shown(usize),
    /// The column's type can't hold it exactly. Nothing was appended.
    Unfit,
    /// The column can't take so many more bytes. Nothing was appended.
    Full,
}

/// Takes values one by one and becomes an Arrow array.
#[derive(Debug)]
pub(super) struct Column {
    shape: Shape,
    builder: Builder,
}

#[derive(Debug)]
enum Builder {
    Bool(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt8(UInt8Builder),
    UInt16(UInt16Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Decimal128(Decimal128Builder, u8, i8),
    Decimal256(Decimal256Builder, u8, i8),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Numeric(Float64Builder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Instant(TimestampMicrosecondBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Text(StringBuilder, TextKind),
    Shown(StringBuilder),
}

impl Column {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, builder: Builder::new(shape.of) }
    }

    pub(super) fn append(&mut self, value: &Value<'_>) -> Appended {
        if value.is_null() {
            self.builder.append_null();
            return Appended::Typed(0);
        }
        if self.builder.heap_bytes() + value.size_bytes() > COLUMN_BYTES_MAX {
            return Appended::Full;
        }
        if let Builder::Shown(b) = &mut self.builder {
            let Some(text) = display::text(value) else { return Appended::Unfit };
            if b.values_slice().len() + text.len() > COLUMN_BYTES_MAX {
                return Appended::Full;
            }
            b.append_value(&text);
            return Appended::Shown(text.len());
        }
        let read = if self.shape.from_text { read_text(self.shape.of, value) } else { None };
        self.builder.append(read.as_ref().unwrap_or(value)).map_or(Appended::Unfit, Appended::Typed)
    }

    pub(super) fn append_null(&mut self) {
        self.builder.append_null();
    }

    /// The column so far; what follows begins anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        self.builder.finish()
    }
}

/// A value of SQLite as the type that the column declares, if it would be
/// spelled the same again.
fn read_text(of: Type, value: &Value<'_>) -> Option<OwnedValue> {
    let Value::Text(text) = value else { return None };
    let read = match of {
        Type::Date => Value::Date(iso::date(text)?),
        Type::Time => Value::Time(iso::time(text)?),
        Type::Timestamp => Value::Timestamp(iso::timestamp(text).filter(|t| t.offset_seconds.is_none())?.local),
        Type::Instant => Value::Instant(iso::timestamp(text).filter(|t| t.offset_seconds == Some(0))?.local),
        Type::Uuid => Value::Uuid(iso::uuid(text)?),
        _ => return None,
    };
    (display::text(&read).as_deref() == Some(text)).then_some(read)
}

impl Builder {
    fn new(of: Type) -> Self {
        match of {
            Type::Bool => Self::Bool(BooleanBuilder::new()),
            Type::Int8 => Self::Int8(Int8Builder::new()),
            Type::Int16 => Self::Int16(Int16Builder::new()),
            Type::Int32 => Self::Int32(Int32Builder::new()),
            Type::Int64 => Self::Int64(Int64Builder::new()),
            Type::UInt8 => Self::UInt8(UInt8Builder::new()),
            Type::UInt16 => Self::UInt16(UInt16Builder::new()),
            Type::UInt32 => Self::UInt32(UInt32Builder::new()),
            Type::UInt64 => Self::UInt64(UInt64Builder::new()),
            Type::Decimal128 { precision, scale } => {
                Self::Decimal128(Decimal128Builder::new().with_data_type(of.data_type()), precision, scale)
            }
            Type::Decimal256 { precision, scale } => {
                Self::Decimal256(Decimal256Builder::new().with_data_type(of.data_type()), precision, scale)
            }
            Type::Float32 => Self::Float32(Float32Builder::new()),
            Type::Float64 => Self::Float64(Float64Builder::new()),
            Type::Numeric => Self::Numeric(Float64Builder::new()),
            Type::Binary => Self::Binary(BinaryBuilder::new()),
            Type::Date => Self::Date(Date32Builder::new()),
            Type::Time => Self::Time(Time64MicrosecondBuilder::new()),
            Type::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Type::Instant => Self::Instant(TimestampMicrosecondBuilder::new().with_data_type(of.data_type())),
            Type::Uuid => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
            Type::Text(kind) => Self::Text(StringBuilder::new(), kind),
            Type::Shown => Self::Shown(StringBuilder::new()),
        }
    }

    /// The bytes on the heap that the value takes; `None`, and nothing appended,
    /// for a value that the type doesn't hold exactly.
    fn append(&mut self, value: &Value<'_>) -> Option<usize> {
        match self {
            Self::Bool(b) => b.append_value(exact::boolean(value)?),
            Self::Int8(b) => b.append_value(exact::integer(value)?),
            Self::Int16(b) => b.append_value(exact::integer(value)?),
            Self::Int32(b) => b.append_value(exact::integer(value)?),
            Self::Int64(b) => b.append_value(exact::integer(value)?),
            Self::UInt8(b) => b.append_value(exact::integer(value)?),
            Self::UInt16(b) => b.append_value(exact::integer(value)?),
            Self::UInt32(b) => b.append_value(exact::integer(value)?),
            Self::UInt64(b) => b.append_value(exact::integer(value)?),
            Self::Decimal128(b, precision, scale) => b.append_value(exact::decimal128(value, *precision, *scale)?),
            Self::Decimal256(b, precision, scale) => b.append_value(exact::decimal256(value, *precision, *scale)?),
            Self::Float32(b) => match value {
                Value::F32(v) => b.append_value(*v),
                _ => return None,
            },
            Self::Float64(b) => match value {
                Value::F64(v) => b.append_value(*v),
                _ => return None,
            },
            Self::Numeric(b) => b.append_value(exact::numeric(value)?),
            Self::Binary(b) => match value {
                Value::Bytes(v) => {
                    b.append_value(v);
                    return Some(v.len());
                }
                _ => return None,
            },
            Self::Date(b) => match value {
                Value::Date(Date::Days(v)) => b.append_value(*v),
                _ => return None,
            },
            Self::Time(b) => match value {
                Value::Time(v) if (0..DAY_MICROS).contains(v) => b.append_value(*v),
                _ => return None,
            },
            Self::Timestamp(b) => match value {
                Value::Timestamp(Moment::Micros(v)) => b.append_value(*v),
                _ => return None,
            },
            Self::Instant(b) => match value {
                Value::Instant(Moment::Micros(v)) => b.append_value(*v),
                _ => return None,
            },
            Self::Uuid(b) => match value {
                // The only error is a length that is not the column's.
                Value::Uuid(v) => b.append_value(v).ok()?,
                _ => return None,
            },
            Self::Text(b, kind) => {
                let text = text_of(*kind, value)?;
                b.append_value(&text);
                return Some(text.len());
            }
            Self::Shown(_) => return None,
        }
        Some(0)
    }

    fn append_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int8(b) => b.append_null(),
            Self::Int16(b) => b.append_null(),
            Self::Int32(b) => b.append_null(),
            Self::Int64(b) => b.append_null(),
            Self::UInt8(b) => b.append_null(),
            Self::UInt16(b) => b.append_null(),
            Self::UInt32(b) => b.append_null(),
            Self::UInt64(b) => b.append_null(),
            Self::Decimal128(b, ..) => b.append_null(),
            Self::Decimal256(b, ..) => b.append_null(),
            Self::Float32(b) => b.append_null(),
            Self::Float64(b) | Self::Numeric(b) => b.append_null(),
            Self::Binary(b) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Time(b) => b.append_null(),
            Self::Timestamp(b) | Self::Instant(b) => b.append_null(),
            Self::Uuid(b) => b.append_null(),
            Self::Text(b, _) | Self::Shown(b) => b.append_null(),
        }
    }

    /// Bytes in the one buffer that has a limit.
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Binary(b) => b.values_slice().len(),
            Self::Text(b, _) | Self::Shown(b) => b.values_slice().len(),
            _ => 0,
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int8(b) => Arc::new(b.finish()),
            Self::Int16(b) => Arc::new(b.finish()),
            Self::Int32(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::UInt8(b) => Arc::new(b.finish()),
            Self::UInt16(b) => Arc::new(b.finish()),
            Self::UInt32(b) => Arc::new(b.finish()),
            Self::UInt64(b) => Arc::new(b.finish()),
            Self::Decimal128(b, ..) => Arc::new(b.finish()),
            Self::Decimal256(b, ..) => Arc::new(b.finish()),
            Self::Float32(b) => Arc::new(b.finish()),
            Self::Float64(b) | Self::Numeric(b) => Arc::new(b.finish()),
            Self::Binary(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Timestamp(b) | Self::Instant(b) => Arc::new(b.finish()),
            Self::Uuid(b) => Arc::new(b.finish()),
            Self::Text(b, _) | Self::Shown(b) => Arc::new(b.finish()),
        }
    }
}

fn text_of<'a>(kind: TextKind, value: &'a Value<'_>) -> Option<Cow<'a, str>> {
    match (kind, value) {
        (TextKind::Plain | TextKind::Json | TextKind::Set, Value::Text(v))
        | (TextKind::Json, Value::Json(v))
        | (TextKind::Set, Value::Set(v)) => Some(Cow::Borrowed(v)),
        (TextKind::Decimal, Value::Decimal(Decimal::Small { .. } | Decimal::Big(_)))
        | (TextKind::TimeTz, Value::TimeTz { .. })
        | (TextKind::Interval, Value::Interval { .. })
        | (TextKind::Bits, Value::Bits { .. }) => spelling::text(value).map(Cow::Owned),
        _ => None,
    }
}

/// The value in `row` of a column that [`Column`] made; `None` when the file
/// holds what this tool never writes.
pub(super) fn value_at(shape: Shape, array: &dyn Array, row: usize) -> Option<OwnedValue> {
    if array.is_null(row) {
        return Some(Value::Null);
    }
    let value = match shape.of {
        Type::Bool => Value::Bool(array.as_boolean_opt()?.value(row)),
        Type::Int8 => Value::Int(primitive::<Int8Type>(array, row)?.into()),
        Type::Int16 => Value::Int(primitive::<Int16Type>(array, row)?.into()),
        Type::Int32 => Value::Int(primitive::<Int32Type>(array, row)?.into()),
        Type::Int64 => Value::Int(primitive::<Int64Type>(array, row)?),
        Type::UInt8 => Value::UInt(primitive::<UInt8Type>(array, row)?.into()),
        Type::UInt16 => Value::UInt(primitive::<UInt16Type>(array, row)?.into()),
        Type::UInt32 => Value::UInt(primitive::<UInt32Type>(array, row)?.into()),
        Type::UInt64 => Value::UInt(primitive::<UInt64Type>(array, row)?),
        Type::Decimal128 { scale, .. } => {
            let coefficient = primitive::<Decimal128Type>(array, row)?;
            Value::Decimal(Decimal::Small { coefficient, scale: u32::try_from(scale).ok()? })
        }
        Type::Decimal256 { scale, .. } => exact::from_decimal256(primitive::<Decimal256Type>(array, row)?, scale),
        Type::Float32 => Value::F32(primitive::<Float32Type>(array, row)?),
        Type::Float64 => Value::F64(primitive::<Float64Type>(array, row)?),
        Type::Numeric => exact::from_numeric(primitive::<Float64Type>(array, row)?),
        Type::Binary => Value::Bytes(Cow::Owned(array.as_binary_opt::<i32>()?.value(row).to_vec())),
        Type::Date => Value::Date(Date::Days(primitive::<Date32Type>(array, row)?)),
        Type::Time => Value::Time(primitive::<Time64MicrosecondType>(array, row)?),
        Type::Timestamp => Value::Timestamp(Moment::Micros(primitive::<TimestampMicrosecondType>(array, row)?)),
        Type::Instant => Value::Instant(Moment::Micros(primitive::<TimestampMicrosecondType>(array, row)?)),
        Type::Uuid => Value::Uuid(array.as_fixed_size_binary_opt()?.value(row).try_into().ok()?),
        Type::Text(kind) => from_text(kind, array.as_string_opt::<i32>()?.value(row))?,
        // The value itself stands in `untyped`.
        Type::Shown => Value::Null,
    };
    Some(if shape.from_text { as_sqlite(value) } else { value })
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> Option<T::Native> {
    Some(array.as_primitive_opt::<T>()?.value(row))
}

fn from_text(kind: TextKind, text: &str) -> Option<OwnedValue> {
    match kind {
        TextKind::Plain => Some(Value::Text(Cow::Owned(text.to_owned()))),
        TextKind::Json => Some(Value::Json(Cow::Owned(text.to_owned()))),
        TextKind::Set => Some(Value::Set(Cow::Owned(text.to_owned()))),
        TextKind::Decimal => spelling::parse("decimal", text),
        TextKind::TimeTz => spelling::parse("timetz", text),
        TextKind::Interval => spelling::parse("interval", text),
        TextKind::Bits => spelling::parse("bits", text),
    }
}

/// What SQLite itself holds where the file has a type that it lacks.
fn as_sqlite(value: OwnedValue) -> OwnedValue {
    match value {
        Value::Bool(v) => Value::Int(v.into()),
        Value::Json(v) | Value::Set(v) => Value::Text(v),
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Instant(_) | Value::Uuid(_) => {
            display::text(&value).map_or(Value::Null, |text| Value::Text(Cow::Owned(text)))
        }
        other => other,
    }
}
