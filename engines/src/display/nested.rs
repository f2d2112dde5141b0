//! The text of values that are made of others, in the spelling of PostgreSQL's
//! literals: what stands here in quotes is read there as the same value.

use std::fmt::Write as _;
use std::ops::Bound;

use super::plain::{double, hex, single, text};
use crate::nested::{Array, Dimension, Entry, Range};
use crate::table::Shape;
use crate::value::Value;

pub(super) fn array(array: &Array<'_>) -> String {
    let mut out = String::new();
    if array.dimensions.iter().any(|d| d.lower != 1) {
        for d in &array.dimensions {
            let upper = i64::from(d.lower) + i64::from(d.len) - 1;
            let _ = write!(out, "[{}:{upper}]", d.lower);
        }
        out.push('=');
    }
    let mut elements = array.elements.iter();
    dimension(&array.dimensions, &mut elements, &mut out);
    out
}

fn dimension<'v>(
    dimensions: &[Dimension],
    elements: &mut (impl Iterator<Item = &'v Value<'v>> + ?Sized),
    out: &mut String,
) {
    let Some((first, inner)) = dimensions.split_first() else {
        out.push_str("{}");
        return;
    };
    out.push('{');
    for i in 0..first.len {
        if inner.is_empty() {
            let Some(element) = elements.next() else { break };
            if i > 0 {
                // The one type that PostgreSQL separates in another way.
                out.push(if matches!(element, Value::Shape { kind: Shape::Box, .. }) { ';' } else { ',' });
            }
            out.push_str(&array_element(element));
        } else {
            if i > 0 {
                out.push(',');
            }
            dimension(inner, elements, out);
        }
    }
    out.push('}');
}

fn array_element(value: &Value<'_>) -> String {
    let Some(text) = text(value) else { return "NULL".to_owned() };
    let special = |c: char| matches!(c, '"' | '\\' | '{' | '}' | ',' | ';') || c.is_whitespace();
    if text.is_empty() || text.eq_ignore_ascii_case("NULL") || text.contains(special) {
        backslashed(&text)
    } else {
        text
    }
}

/// In double quotes, with backslashes before what would end them.
fn backslashed(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn range(range: &Range<'_>) -> String {
    let Range::Span { lower, upper } = range else { return "empty".to_owned() };
    let open = if matches!(lower, Bound::Included(_)) { '[' } else { '(' };
    let close = if matches!(upper, Bound::Included(_)) { ']' } else { ')' };
    format!("{open}{},{}{close}", bound(lower), bound(upper))
}

fn bound(bound: &Bound<Value<'_>>) -> String {
    match bound {
        Bound::Included(v) | Bound::Excluded(v) => doubled(&text(v).unwrap_or_default()),
        Bound::Unbounded => String::new(),
    }
}

/// In double quotes where there is a need for them, and those within doubled.
fn doubled(text: &str) -> String {
    let special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || c.is_whitespace();
    if text.is_empty() || text.contains(special) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

pub(super) fn multirange(ranges: &[Range<'_>]) -> String {
    format!("{{{}}}", joined(ranges.iter().map(range)))
}

/// A field that is NULL is nothing at all, and empty text a pair of quotes.
pub(super) fn composite(fields: &[Value<'_>]) -> String {
    let field = |field: &Value<'_>| text(field).map_or_else(String::new, |text| doubled(&text));
    format!("({})", joined(fields.iter().map(field)))
}

pub(super) fn map(entries: &[Entry<'_>]) -> String {
    let entry = |entry: &Entry<'_>| {
        let value = entry.value.as_ref().map_or_else(|| "NULL".to_owned(), |v| backslashed(v));
        format!("{}=>{value}", backslashed(&entry.key))
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

pub(super) fn shape(kind: Shape, closed: bool, coordinates: &[f64]) -> String {
    let numbers = || joined(coordinates.iter().map(|v| double(*v)));
    let points = || joined(coordinates.chunks(2).map(point));
    match kind {
        Shape::Point => point(coordinates),
        Shape::Line => format!("{{{}}}", numbers()),
        Shape::Segment => format!("[{}]", points()),
        Shape::Box => points(),
        Shape::Path if closed => format!("({})", points()),
        Shape::Path => format!("[{}]", points()),
        Shape::Polygon => format!("({})", points()),
        Shape::Circle => match coordinates.split_last() {
            Some((radius, centre)) => format!("<{},{}>", point(centre), double(*radius)),
            None => String::new(),
        },
    }
}

fn point(coordinates: &[f64]) -> String {
    format!("({})", joined(coordinates.iter().map(|v| double(*v))))
}

pub(super) fn vector(bytes: &[u8]) -> String {
    match bytes.as_chunks::<4>() {
        (floats, []) => format!("[{}]", joined(floats.iter().map(|f| single(f32::from_le_bytes(*f))))),
        _ => format!("\\x{}", hex(bytes)),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(v: &str) -> Value<'static> {
        Value::Text(v.to_owned().into())
    }

    #[test]
    fn arrays_are_quoted_where_they_have_to_be() {
        let list = |elements| array(&Array::list(elements));
        assert_eq!(list(vec![]), "{}");
        assert_eq!(list(vec![Value::Int(1), Value::Null, Value::Bool(true)]), "{1,NULL,true}");
        assert_eq!(list(vec![word(""), word("null"), word("a b"), word("x")]), r#"{"","null","a b",x}"#);
        assert_eq!(list(vec![word(r#"a"\b"#), word("{,}")]), r#"{"a\"\\b","{,}"}"#);
        let grid = |lower| Array {
            dimensions: vec![Dimension { len: 2, lower }, Dimension { len: 1, lower: 1 }],
            elements: vec![Value::Int(1), Value::Int(2)],
        };
        assert_eq!(array(&grid(1)), "{{1},{2}}");
        assert_eq!(array(&grid(-1)), "[-1:0][1:1]={{1},{2}}");
        let corner = || Value::Shape { kind: Shape::Box, closed: false, coordinates: vec![1.0, 2.0, 0.0, 0.5] };
        assert_eq!(list(vec![corner(), corner()]), r#"{"(1.0,2.0),(0.0,0.5)";"(1.0,2.0),(0.0,0.5)"}"#);
    }

    #[test]
    fn ranges_and_rows_double_their_quotes() {
        let to = |upper| Range::Span { lower: Bound::Excluded(word("")), upper };
        assert_eq!(range(&Range::Empty), "empty");
        assert_eq!(range(&to(Bound::Unbounded)), r#"("",)"#);
        assert_eq!(range(&to(Bound::Included(word("a\"b")))), r#"("","a""b"]"#);
        let both = Range::Span { lower: Bound::Included(Value::Int(1)), upper: Bound::Excluded(Value::Int(5)) };
        assert_eq!(multirange(&[both.clone(), both]), "{[1,5),[1,5)}");
        assert_eq!(composite(&[Value::Null, word(""), word("a,b"), Value::Int(1)]), r#"(,"","a,b",1)"#);
        let inner = Value::Composite(vec![word("a b"), Value::Null]);
        assert_eq!(composite(&[inner]), r#"("(""a b"",)")"#);
    }

    #[test]
    fn maps_and_shapes() {
        let entry = |key: &str, value: Option<&str>| Entry {
            key: key.to_owned().into(),
            value: value.map(|v| v.to_owned().into()),
        };
        assert_eq!(map(&[entry("a", None), entry("b\"", Some("\\"))]), r#""a"=>NULL, "b\""=>"\\""#);
        let of = |kind, closed, coordinates: &[f64]| shape(kind, closed, coordinates);
        assert_eq!(of(Shape::Point, false, &[1.5, f64::INFINITY]), "(1.5,Infinity)");
        assert_eq!(of(Shape::Line, false, &[1.0, 2.0, 3.0]), "{1.0,2.0,3.0}");
        assert_eq!(of(Shape::Path, true, &[1.0, 2.0, 3.0, 4.0]), "((1.0,2.0),(3.0,4.0))");
        assert_eq!(of(Shape::Path, false, &[1.0, 2.0, 3.0, 4.0]), "[(1.0,2.0),(3.0,4.0)]");
        assert_eq!(of(Shape::Circle, false, &[1.0, 2.0, 3.0]), "<(1.0,2.0),3.0>");
        assert_eq!(vector(&[0, 0, 128, 63, 0, 0, 32, 64]), "[1.0,2.5]");
    }
}
