//! Cells of values that are made of others, and of those with coordinates.
//!
//! Behind its tag such a cell says how many parts follow; each part that is a
//! value is a whole cell with a tag of its own. So these cells delimit
//! themselves like all others, and none can be read as another.

use std::borrow::Cow;
use std::ops::Bound;

use super::cell::{Reader, put_block, put_signed, put_unsigned, tag};
use super::encode::{self, natural, one_double};
use super::rule::Rule;
use crate::nested::{Array, Dimension, Entry, Range};
use crate::table::Shape;
use crate::value::Value;
use crate::wkb;

/// How deep cells may lie in cells when they are read back. Types of a catalog
/// are bounded far below.
const DEPTH_MAX: u32 = 64;

/// The bits of a range's first byte.
mod flag {
    pub(super) const EMPTY: u8 = 0x01;
    pub(super) const LOWER_INCLUDED: u8 = 0x02;
    pub(super) const UPPER_INCLUDED: u8 = 0x04;
    pub(super) const LOWER_UNBOUNDED: u8 = 0x08;
    pub(super) const UPPER_UNBOUNDED: u8 = 0x10;
}

/// Whether the bytes of a geometry are the normal form or not even WKB.
mod form {
    pub(super) const NORMAL: u8 = 0;
    pub(super) const AS_IT_IS: u8 = 1;
}

type Put<'p> = &'p dyn Fn(&Value<'_>, &mut Vec<u8>);

/// A value under a rule that has rules for its parts.
pub(super) fn encode(rule: &Rule, value: &Value<'_>, out: &mut Vec<u8>) {
    match (rule, value) {
        (Rule::Array { element }, Value::Array(v)) => put_array(v, &|v, out| encode::encode(element, v, out), out),
        (Rule::Range { bound }, Value::Range(v)) => {
            out.push(tag::RANGE);
            put_range(v, &|v, out| encode::encode(bound, v, out), out);
        }
        (Rule::Multirange { bound }, Value::Multirange(v)) => {
            put_multirange(v, &|v, out| encode::encode(bound, v, out), out);
        }
        (Rule::Composite { fields }, Value::Composite(v)) if fields.len() == v.len() => {
            out.push(tag::COMPOSITE);
            put_unsigned(out, v.len() as u64);
            for (rule, value) in fields.iter().zip(v) {
                encode::encode(rule, value, out);
            }
        }
        _ => natural(value, out),
    }
}

/// The part of [`natural`] for values that are made of others.
pub(super) fn put(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Array(v) => put_array(v, &natural, out),
        Value::Range(v) => {
            out.push(tag::RANGE);
            put_range(v, &natural, out);
        }
        Value::Multirange(v) => put_multirange(v, &natural, out),
        Value::Composite(v) => {
            out.push(tag::COMPOSITE);
            put_unsigned(out, v.len() as u64);
            v.iter().for_each(|v| natural(v, out));
        }
        Value::Map(v) => put_map(v, out),
        Value::Shape { kind, closed, coordinates } => {
            out.extend_from_slice(&[tag::SHAPE, shape_code(*kind), u8::from(*closed)]);
            put_unsigned(out, coordinates.len() as u64);
            for v in coordinates {
                out.extend_from_slice(&one_double(*v).to_bits().to_le_bytes());
            }
        }
        Value::Geometry { srid, wkb } => put_geometry(*srid, wkb, out),
        Value::Vector(v) => put_vector(v, out),
        plain => natural(plain, out),
    }
}

fn put_array(array: &Array<'_>, put: Put<'_>, out: &mut Vec<u8>) {
    out.push(tag::ARRAY);
    put_unsigned(out, array.dimensions.len() as u64);
    for dimension in &array.dimensions {
        put_unsigned(out, u64::from(dimension.len));
        put_signed(out, i64::from(dimension.lower));
    }
    put_unsigned(out, array.elements.len() as u64);
    array.elements.iter().for_each(|v| put(v, out));
}

fn put_range(range: &Range<'_>, put: Put<'_>, out: &mut Vec<u8>) {
    let Range::Span { lower, upper } = range else {
        out.push(flag::EMPTY);
        return;
    };
    let of = |bound: &Bound<Value<'_>>, included, unbounded| match bound {
        Bound::Included(_) => included,
        Bound::Excluded(_) => 0,
        Bound::Unbounded => unbounded,
    };
    out.push(
        of(lower, flag::LOWER_INCLUDED, flag::LOWER_UNBOUNDED) | of(upper, flag::UPPER_INCLUDED, flag::UPPER_UNBOUNDED),
    );
    for bound in [lower, upper] {
        if let Bound::Included(v) | Bound::Excluded(v) = bound {
            put(v, out);
        }
    }
}

fn put_multirange(ranges: &[Range<'_>], put: Put<'_>, out: &mut Vec<u8>) {
    out.push(tag::MULTIRANGE);
    put_unsigned(out, ranges.len() as u64);
    ranges.iter().for_each(|range| put_range(range, put, out));
}

/// Sorted by key, as each server has an order of its own.
fn put_map(entries: &[Entry<'_>], out: &mut Vec<u8>) {
    let mut sorted: Vec<&Entry<'_>> = entries.iter().collect();
    sorted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    out.push(tag::MAP);
    put_unsigned(out, sorted.len() as u64);
    for entry in sorted {
        put_block(out, tag::TEXT, entry.key.as_bytes());
        match &entry.value {
            Some(v) => put_block(out, tag::TEXT, v.as_bytes()),
            None => out.push(tag::NULL),
        }
    }
}

fn put_geometry(srid: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag::GEOMETRY);
    put_unsigned(out, u64::from(srid));
    match wkb::normalize(bytes) {
        Some((_, normal)) => put_block(out, form::NORMAL, &normal),
        // It can equal only the same bytes.
        None => put_block(out, form::AS_IT_IS, bytes),
    }
}

fn put_vector(bytes: &[u8], out: &mut Vec<u8>) {
    let (floats, odd) = bytes.as_chunks::<4>();
    out.push(tag::VECTOR);
    put_unsigned(out, bytes.len() as u64);
    for float in floats {
        let v = f32::from_le_bytes(*float);
        let v = if v.is_nan() {
            f32::NAN
        } else if v == 0.0 {
            0.0
        } else {
            v
        };
        out.extend_from_slice(&v.to_le_bytes());
    }
    out.extend_from_slice(odd);
}

fn shape_code(shape: Shape) -> u8 {
    match shape {
        Shape::Point => 0,
        Shape::Line => 1,
        Shape::Segment => 2,
        Shape::Box => 3,
        Shape::Path => 4,
        Shape::Polygon => 5,
        Shape::Circle => 6,
    }
}

const SHAPES: [Shape; 7] =
    [Shape::Point, Shape::Line, Shape::Segment, Shape::Box, Shape::Path, Shape::Polygon, Shape::Circle];

impl<'a> Reader<'a> {
    /// The rest of a cell behind one of the tags of this module.
    pub(super) fn nested(&mut self, tag: u8) -> Option<Value<'a>> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let value = self.nested_value(tag);
        self.depth -= 1;
        value
    }

    fn nested_value(&mut self, tag: u8) -> Option<Value<'a>> {
        Some(match tag {
            tag::ARRAY => {
                let dimension = |r: &mut Self| {
                    Some(Dimension { len: u32::try_from(r.unsigned()?).ok()?, lower: i32::try_from(r.signed()?).ok()? })
                };
                let dimensions = self.list(dimension)?;
                Value::Array(Box::new(Array { dimensions, elements: self.list(Self::next_value)? }))
            }
            tag::RANGE => Value::Range(Box::new(self.range()?)),
            tag::MULTIRANGE => Value::Multirange(self.list(Self::range)?),
            tag::COMPOSITE => Value::Composite(self.list(Self::next_value)?),
            tag::MAP => Value::Map(self.list(Self::entry)?),
            tag::SHAPE => {
                let kind = *SHAPES.get(usize::from(self.byte()?))?;
                let closed = self.byte()? == 1;
                let double = |r: &mut Self| Some(f64::from_le_bytes(r.take(8)?.try_into().ok()?));
                Value::Shape { kind, closed, coordinates: self.list(double)? }
            }
            tag::GEOMETRY => {
                let srid = u32::try_from(self.unsigned()?).ok()?;
                let (form::NORMAL | form::AS_IT_IS) = self.byte()? else { return None };
                Value::Geometry { srid, wkb: Cow::Borrowed(self.block()?) }
            }
            tag::VECTOR => Value::Vector(Cow::Borrowed(self.block()?)),
            _ => return None,
        })
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.unsigned()?).ok()?;
        // Each item takes a byte at least, which bounds what is set aside.
        if count > self.rest.len() {
            return None;
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn range(&mut self) -> Option<Range<'a>> {
        let flags = self.byte()?;
        if flags == flag::EMPTY {
            return Some(Range::Empty);
        }
        let mut bound = |included, unbounded| {
            Some(match (flags & included != 0, flags & unbounded != 0) {
                (false, true) => Bound::Unbounded,
                (true, false) => Bound::Included(self.next_value()?),
                (false, false) => Bound::Excluded(self.next_value()?),
                (true, true) => return None,
            })
        };
        let lower = bound(flag::LOWER_INCLUDED, flag::LOWER_UNBOUNDED)?;
        let upper = bound(flag::UPPER_INCLUDED, flag::UPPER_UNBOUNDED)?;
        Some(Range::Span { lower, upper })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let Value::Text(key) = self.next_value()? else { return None };
        let value = match self.next_value()? {
            Value::Text(v) => Some(v),
            Value::Null => None,
            _ => return None,
        };
        Some(Entry { key, value })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::decode_all;
    use super::*;

    fn cell(value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        natural(value, &mut out);
        out
    }

    fn text(v: &str) -> Value<'static> {
        Value::Text(v.to_owned().into())
    }

    fn array(dimensions: &[(u32, i32)], elements: Vec<Value<'static>>) -> Value<'static> {
        let dimensions = dimensions.iter().map(|&(len, lower)| Dimension { len, lower }).collect();
        Value::Array(Box::new(Array { dimensions, elements }))
    }

    fn span(lower: Bound<Value<'static>>, upper: Bound<Value<'static>>) -> Range<'static> {
        Range::Span { lower, upper }
    }

    fn samples() -> Vec<Value<'static>> {
        let int = Value::Int;
        let entry = |key: &str, value: Option<&str>| Entry {
            key: key.to_owned().into(),
            value: value.map(|v| v.to_owned().into()),
        };
        let one_to_five = span(Bound::Included(int(1)), Bound::Excluded(int(5)));
        let line = Value::Shape { kind: Shape::Line, closed: false, coordinates: vec![1.0, f64::INFINITY, f64::MIN] };
        vec![
            array(&[], vec![]),
            array(&[(2, 1)], vec![int(1), int(2)]),
            array(&[(2, 0)], vec![int(1), int(2)]),
            array(&[(1, 1), (2, 1)], vec![int(1), int(2)]),
            array(&[(2, 1), (1, 1)], vec![int(1), int(2)]),
            array(&[(2, 1)], vec![int(1), Value::Null]),
            array(&[(1, 1)], vec![text("1,2")]),
            array(&[(2, 1)], vec![text("1"), text("2")]),
            Value::Range(Box::new(Range::Empty)),
            Value::Range(Box::new(span(Bound::Unbounded, Bound::Unbounded))),
            Value::Range(Box::new(span(Bound::Unbounded, Bound::Excluded(int(5))))),
            Value::Range(Box::new(span(Bound::Excluded(int(5)), Bound::Unbounded))),
            Value::Range(Box::new(one_to_five.clone())),
            Value::Range(Box::new(span(Bound::Excluded(int(1)), Bound::Included(int(5))))),
            Value::Multirange(vec![]),
            Value::Multirange(vec![one_to_five.clone()]),
            Value::Multirange(vec![one_to_five.clone(), Range::Empty]),
            Value::Composite(vec![]),
            Value::Composite(vec![Value::Null]),
            Value::Composite(vec![int(1), text("a"), Value::Composite(vec![Value::Null])]),
            Value::Map(vec![]),
            Value::Map(vec![entry("a", None)]),
            Value::Map(vec![entry("a", Some(""))]),
            Value::Map(vec![entry("a", Some("b")), entry("c", Some("NULL"))]),
            line,
            Value::Shape { kind: Shape::Path, closed: false, coordinates: vec![1.0, 2.0] },
            Value::Shape { kind: Shape::Path, closed: true, coordinates: vec![1.0, 2.0] },
            Value::Geometry { srid: 4326, wkb: vec![1, 2, 3].into() },
            Value::Geometry { srid: 0, wkb: vec![1, 2, 3].into() },
            Value::Vector(1f32.to_le_bytes().to_vec().into()),
            Value::Vector(Vec::new().into()),
            Value::Null,
            text(""),
            Value::Bytes(1f32.to_le_bytes().to_vec().into()),
        ]
    }

    #[test]
    fn no_two_values_share_their_bytes_and_all_come_back() {
        let all = samples();
        let cells: Vec<Vec<u8>> = all.iter().map(cell).collect();
        for (i, one) in cells.iter().enumerate() {
            assert_eq!(decode_all(one).unwrap(), [all[i].clone()]);
            for other in &cells[i + 1..] {
                assert_ne!(one, other, "{:?}", all[i]);
                // Not even as the beginning of the other, or rows could be confused.
                assert!(!other.starts_with(one) && !one.starts_with(other), "{:?}", all[i]);
            }
        }
        let row = cells.concat();
        assert_eq!(decode_all(&row).unwrap(), all);
        for cut in 0..row.len() {
            // Torn bytes are refused or fewer values, never a panic.
            if let Some(fewer) = decode_all(&row[..cut]) {
                assert_eq!(fewer, all[..fewer.len()]);
            }
        }
    }

    #[test]
    fn zeros_and_nans_are_one_in_coordinates() {
        let shape = |v| cell(&Value::Shape { kind: Shape::Point, closed: false, coordinates: vec![v, 1.0] });
        assert_eq!(shape(0.0), shape(-0.0));
        assert_eq!(shape(f64::NAN), shape(-f64::NAN));
        assert_ne!(shape(0.0), shape(f64::MIN_POSITIVE));
        let vector = |v: f32| cell(&Value::Vector(v.to_le_bytes().to_vec().into()));
        assert_eq!(vector(0.0), vector(-0.0));
        assert_ne!(vector(0.0), vector(f32::from_bits(1)));
    }

    #[test]
    fn the_byte_order_of_a_geometry_does_not_count() {
        let point = |order: u8, x: [u8; 8]| {
            let kind: [u8; 4] = if order == 1 { 1u32.to_le_bytes() } else { 1u32.to_be_bytes() };
            let wkb = [&[order][..], &kind, &x, &x].concat();
            cell(&Value::Geometry { srid: 7, wkb: wkb.into() })
        };
        assert_eq!(point(1, 1.5f64.to_le_bytes()), point(0, 1.5f64.to_be_bytes()));
        // The bits of a coordinate do.
        assert_ne!(point(1, 0f64.to_le_bytes()), point(1, (-0f64).to_le_bytes()));
    }

    #[test]
    fn a_tower_of_cells_is_refused() {
        let mut tower: Vec<u8> = [tag::COMPOSITE, 1].repeat(100_000);
        tower.push(tag::NULL);
        assert_eq!(decode_all(&tower), None);
    }

    #[test]
    fn parts_follow_their_own_rules() {
        let under = |rule: &Rule, value: &Value<'_>| {
            let mut out = Vec::new();
            encode::encode(rule, value, &mut out);
            out
        };
        let padded = Rule::Array { element: Box::new(Rule::Text { trim_spaces: true }) };
        let of = |v: &str| array(&[(1, 1)], vec![text(v)]);
        assert_eq!(under(&padded, &of("a  ")), under(&padded, &of("a")));
        assert_ne!(cell(&of("a  ")), cell(&of("a")));
        let double = Rule::Array { element: Box::new(Rule::Double) };
        assert_eq!(
            under(&double, &array(&[(1, 1)], vec![Value::Int(1)])),
            under(&double, &array(&[(1, 1)], vec![Value::F32(1.0)]))
        );
        let fields = Rule::Composite { fields: vec![Rule::Double, Rule::Text { trim_spaces: true }] };
        assert_eq!(
            under(&fields, &Value::Composite(vec![Value::Int(1), text("a ")])),
            under(&fields, &Value::Composite(vec![Value::F64(1.0), text("a")]))
        );
        let range = Rule::Range { bound: Box::new(Rule::Double) };
        let to = |v| Value::Range(Box::new(span(Bound::Unbounded, Bound::Excluded(v))));
        assert_eq!(under(&range, &to(Value::Int(1))), under(&range, &to(Value::F64(1.0))));
    }
}
