//! The binary forms of types that are made of others.
//!
//! A tree of decoders is made from a column's description alone. How deep it
//! recurses is the depth of the type, never that of the data, and each count that
//! a server sends is checked against the bytes that are there.

use std::borrow::Cow;
use std::ops::Bound;

use super::bytes::{Fault, Fields};
use super::frame::NULL;
use crate::decimal::Decimal;
use crate::nested::{Array, Dimension, Entry, Range};
use crate::value::Value;

/// Reads one value that is not NULL.
pub(super) type Plain = for<'a> fn(&'a [u8]) -> Result<Value<'a>, Fault>;

/// How the values of one type are read.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    Plain(Plain),
    /// A count of units, so many digits behind the point.
    Money {
        scale: u32,
    },
    Array(Box<Self>),
    Range(Box<Self>),
    Multirange(Box<Self>),
    Composite(Vec<Self>),
}

impl Decoder {
    #[inline]
    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> Result<Value<'a>, Fault> {
        match self {
            Self::Plain(decode) => decode(bytes),
            made_of_others => made_of_others.nested(bytes),
        }
    }

    fn nested<'a>(&self, bytes: &'a [u8]) -> Result<Value<'a>, Fault> {
        match self {
            Self::Plain(decode) => decode(bytes),
            Self::Money { scale } => money(bytes, *scale),
            Self::Array(element) => Ok(Value::Array(Box::new(array(bytes, element)?))),
            Self::Range(bound) => Ok(Value::Range(Box::new(range(bytes, bound)?))),
            Self::Multirange(bound) => multirange(bytes, bound),
            Self::Composite(fields) => composite(bytes, fields),
        }
    }

    /// A value behind its length, which is -1 for NULL.
    fn item<'a>(&self, fields: &mut Fields<'a>) -> Result<Value<'a>, Fault> {
        const SHORT: Fault = "a part of a value ends early";
        match fields.i32().ok_or(SHORT)? {
            NULL => Ok(Value::Null),
            len => {
                let len = usize::try_from(len).map_err(|_| SHORT)?;
                self.value(fields.take(len).ok_or(SHORT)?)
            }
        }
    }
}

fn money(bytes: &[u8], scale: u32) -> Result<Value<'_>, Fault> {
    let units = i64::from_be_bytes(bytes.try_into().map_err(|_| "a money has not 8 bytes")?);
    Ok(Value::Decimal(Decimal::Small { coefficient: i128::from(units), scale }))
}

fn array<'a>(bytes: &'a [u8], element: &Decoder) -> Result<Array<'a>, Fault> {
    /// `MAXDIM` of the server.
    const DIMENSIONS_MAX: i32 = 6;
    const SHORT: Fault = "an array ends early";
    let mut fields = Fields::new(bytes);
    let dimension_count = fields.i32().ok_or(SHORT)?;
    // Whether it holds NULL, which each element says by itself, and the type of
    // the elements, which the column says.
    fields.take(8).ok_or(SHORT)?;
    if !(0..=DIMENSIONS_MAX).contains(&dimension_count) {
        return Err("an array has an impossible number of dimensions");
    }
    let mut dimensions = Vec::new();
    let mut count = if dimension_count == 0 { 0usize } else { 1 };
    for _ in 0..dimension_count {
        let (len, lower) = (|| Some((u32::try_from(fields.i32()?).ok()?, fields.i32()?)))().ok_or(SHORT)?;
        dimensions.push(Dimension { len, lower });
        count = count.checked_mul(len as usize).ok_or(SHORT)?;
    }
    // Each element has a length word at least, which bounds what is set aside.
    if count > fields.rest().len() / size_of::<i32>() {
        return Err(SHORT);
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(element.item(&mut fields)?);
    }
    if fields.is_empty() { Ok(Array { dimensions, elements }) } else { Err("an array goes on behind its elements") }
}

fn range<'a>(bytes: &'a [u8], bound: &Decoder) -> Result<Range<'a>, Fault> {
    const EMPTY: u8 = 0x01;
    const LOWER_INCLUDED: u8 = 0x02;
    const UPPER_INCLUDED: u8 = 0x04;
    const LOWER_UNBOUNDED: u8 = 0x08;
    const UPPER_UNBOUNDED: u8 = 0x10;
    let mut fields = Fields::new(bytes);
    let flags = fields.u8().ok_or("a range has no flags")?;
    let range = if flags & EMPTY != 0 {
        Range::Empty
    } else {
        let mut read = |included, unbounded| {
            if flags & unbounded != 0 {
                return Ok(Bound::Unbounded);
            }
            match bound.item(&mut fields)? {
                Value::Null => Err("a range has a bound that is NULL"),
                v if flags & included != 0 => Ok(Bound::Included(v)),
                v => Ok(Bound::Excluded(v)),
            }
        };
        Range::Span { lower: read(LOWER_INCLUDED, LOWER_UNBOUNDED)?, upper: read(UPPER_INCLUDED, UPPER_UNBOUNDED)? }
    };
    if fields.is_empty() { Ok(range) } else { Err("a range goes on behind its bounds") }
}

fn multirange<'a>(bytes: &'a [u8], bound: &Decoder) -> Result<Value<'a>, Fault> {
    const SHORT: Fault = "a multirange ends early";
    let mut fields = Fields::new(bytes);
    let count = fields.i32().ok_or(SHORT)?;
    let mut ranges = Vec::new();
    for _ in 0..count {
        let len = fields.i32().and_then(|len| usize::try_from(len).ok()).ok_or(SHORT)?;
        ranges.push(range(fields.take(len).ok_or(SHORT)?, bound)?);
    }
    if fields.is_empty() { Ok(Value::Multirange(ranges)) } else { Err("a multirange goes on behind its ranges") }
}

fn composite<'a>(bytes: &'a [u8], types: &[Decoder]) -> Result<Value<'a>, Fault> {
    const SHORT: Fault = "a composite value ends early";
    let mut fields = Fields::new(bytes);
    let count = fields.i32().ok_or(SHORT)?;
    if usize::try_from(count) != Ok(types.len()) {
        return Err("a composite value has another number of fields than its type");
    }
    let mut values = Vec::with_capacity(types.len());
    for decoder in types {
        // The field's type, which the column says.
        fields.take(4).ok_or(SHORT)?;
        values.push(decoder.item(&mut fields)?);
    }
    if fields.is_empty() { Ok(Value::Composite(values)) } else { Err("a composite value goes on behind its fields") }
}

pub(super) fn hstore(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const SHORT: Fault = "an hstore ends early";
    const NOT_UTF8: Fault = "the text is not UTF-8";
    let mut fields = Fields::new(bytes);
    let text = |bytes| std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NOT_UTF8);
    let count = fields.i32().ok_or(SHORT)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = match block(&mut fields).ok_or(SHORT)? {
            Some(key) => text(key)?,
            None => return Err("an hstore has a key that is NULL"),
        };
        let value = block(&mut fields).ok_or(SHORT)?.map(text).transpose()?;
        entries.push(Entry { key, value });
    }
    if fields.is_empty() { Ok(Value::Map(entries)) } else { Err("an hstore goes on behind its entries") }
}

/// Bytes behind their length, which is -1 for NULL.
fn block<'a>(fields: &mut Fields<'a>) -> Option<Option<&'a [u8]>> {
    match fields.i32()? {
        NULL => Some(None),
        len => fields.take(usize::try_from(len).ok()?).map(Some),
    }
}
