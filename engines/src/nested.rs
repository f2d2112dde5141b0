//! Values that are made of others: arrays, ranges and maps.
//!
//! Each is a plain tree whose depth is that of its column's type, which the
//! catalog bounds; no data makes it deeper.

use std::borrow::Cow;
use std::ops::Bound;

use crate::value::Value;

/// An array as PostgreSQL keeps it; without dimensions it is the empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Array<'a> {
    pub dimensions: Vec<Dimension>,
    /// Row by row: the last dimension varies fastest. As many as the product of
    /// all lengths.
    pub elements: Vec<Value<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    pub len: u32,
    /// The first subscript; 1 unless somebody said otherwise.
    pub lower: i32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Range<'a> {
    Empty,
    Span { lower: Bound<Value<'a>>, upper: Bound<Value<'a>> },
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: Cow<'a, str>,
    pub value: Option<Cow<'a, str>>,
}

impl<'a> Array<'a> {
    /// A list: one dimension from 1, or the empty array.
    #[must_use]
    pub fn list(elements: Vec<Value<'a>>) -> Self {
        let dimensions = match u32::try_from(elements.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(len) => vec![Dimension { len, lower: 1 }],
        };
        Self { dimensions, elements }
    }

    #[must_use]
    pub fn into_owned(self) -> Array<'static> {
        let elements = self.elements.into_iter().map(Value::into_owned).collect();
        Array { dimensions: self.dimensions, elements }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        std::mem::size_of_val(self.dimensions.as_slice()) + self.elements.iter().map(Value::size_bytes).sum::<usize>()
    }
}

impl Range<'_> {
    #[must_use]
    pub fn into_owned(self) -> Range<'static> {
        match self {
            Self::Empty => Range::Empty,
            Self::Span { lower, upper } => {
                Range::Span { lower: lower.map(Value::into_owned), upper: upper.map(Value::into_owned) }
            }
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let bound = |bound: &Bound<Value<'_>>| match bound {
            Bound::Included(v) | Bound::Excluded(v) => v.size_bytes(),
            Bound::Unbounded => std::mem::size_of::<Value<'_>>(),
        };
        match self {
            Self::Empty => std::mem::size_of::<Self>(),
            Self::Span { lower, upper } => bound(lower) + bound(upper),
        }
    }
}

impl Entry<'_> {
    #[must_use]
    pub fn into_owned(self) -> Entry<'static> {
        Entry { key: Cow::Owned(self.key.into_owned()), value: self.value.map(|v| Cow::Owned(v.into_owned())) }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        std::mem::size_of::<Self>() + self.key.len() + self.value.as_ref().map_or(0, |v| v.len())
    }
}
