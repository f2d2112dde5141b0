//! The binary forms of the types that hold coordinates.

use std::borrow::Cow;

use super::bytes::{Fault, Fields};
use crate::table::Shape;
use crate::value::Value;
use crate::wkb;

fn shape<'a>(kind: Shape, closed: bool, bytes: &[u8], count: usize) -> Result<Value<'a>, Fault> {
    let (doubles, odd) = bytes.as_chunks::<8>();
    if doubles.len() != count || !odd.is_empty() {
        return Err("a shape has not as many coordinates as its type");
    }
    Ok(Value::Shape { kind, closed, coordinates: doubles.iter().map(|d| f64::from_be_bytes(*d)).collect() })
}

pub(super) fn point(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    shape(Shape::Point, false, bytes, 2)
}

pub(super) fn line(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    shape(Shape::Line, false, bytes, 3)
}

pub(super) fn segment(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    shape(Shape::Segment, false, bytes, 4)
}

pub(super) fn a_box(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    shape(Shape::Box, false, bytes, 4)
}

pub(super) fn circle(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    shape(Shape::Circle, false, bytes, 3)
}

pub(super) fn path(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let (closed, points) = match bytes.split_first() {
        Some((0, points)) => (false, points),
        Some((1, points)) => (true, points),
        _ => return Err("a path is neither open nor closed"),
    };
    points_of(Shape::Path, closed, points)
}

pub(super) fn polygon(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    points_of(Shape::Polygon, false, bytes)
}

fn points_of<'a>(kind: Shape, closed: bool, bytes: &[u8]) -> Result<Value<'a>, Fault> {
    let mut fields = Fields::new(bytes);
    let count = fields.i32().and_then(|count| usize::try_from(count).ok()).ok_or("a shape has no number of points")?;
    shape(kind, closed, fields.rest(), count.saturating_mul(2))
}

/// PostGIS: WKB with the SRID within.
pub(super) fn geometry(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let (srid, wkb) = wkb::normalize(bytes).ok_or("a geometry is not well-known binary")?;
    Ok(Value::Geometry { srid: srid.unwrap_or(0), wkb: Cow::Owned(wkb) })
}

/// pgvector: how many, two unused bytes, and single-precision floats.
pub(super) fn vector(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let (count, _) = (|| Some((fields.u16()?, fields.u16()?)))().ok_or("a vector has no number of dimensions")?;
    let (floats, odd) = fields.rest().as_chunks::<4>();
    if floats.len() != usize::from(count) || !odd.is_empty() {
        return Err("a vector has not as many dimensions as it says");
    }
    Ok(Value::Vector(Cow::Owned(floats.iter().flat_map(|f| f32::from_be_bytes(*f).to_le_bytes()).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_that_no_test_server_has_are_read_as_documented() {
        // `SRID=4326;POINT(1 2)`, from PostGIS's manual of ST_AsEWKB, little-endian.
        let ewkb = [&[1, 1, 0, 0, 0x20, 0xE6, 0x10, 0, 0][..], &1f64.to_le_bytes(), &2f64.to_le_bytes()].concat();
        let wkb = [&[1, 1, 0, 0, 0][..], &1f64.to_le_bytes(), &2f64.to_le_bytes()].concat();
        assert_eq!(geometry(&ewkb), Ok(Value::Geometry { srid: 4326, wkb: wkb.clone().into() }));
        assert_eq!(geometry(&wkb), Ok(Value::Geometry { srid: 0, wkb: wkb.clone().into() }));
        assert!(geometry(&ewkb[1..]).is_err());
        // `[1,2.5]`, from pgvector's vector_send.
        let sent = [&[0, 2, 0, 0][..], &1f32.to_be_bytes(), &2.5f32.to_be_bytes()].concat();
        let kept = [1f32.to_le_bytes(), 2.5f32.to_le_bytes()].concat();
        assert_eq!(vector(&sent), Ok(Value::Vector(kept.into())));
        assert!(vector(&sent[..8]).is_err());
    }
}
