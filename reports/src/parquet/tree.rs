//! Values that are made of others as text and back.
//!
//! Their text for people (`{1,NULL}`) doesn't say what the parts are, so here
//! each part stands with the name of its kind, as JSON: `["int","1"]`, or `null`.
//! The parts' own text is that of [`super::spelling`].

use std::borrow::Cow;
use std::ops::Bound;

use serde_json::{Value as Json, json};
use switchback_engines::{Array, Dimension, Entry, OwnedValue, Range, Value};

use super::spelling;

/// The tree of an array, a range, a multirange, a composite or a map; `None` for
/// any other value.
pub(super) fn text(value: &Value<'_>) -> Option<String> {
    let tree = match value {
        Value::Array(v) => array(v),
        Value::Range(v) => range(v),
        Value::Multirange(v) => v.iter().map(range).collect(),
        Value::Composite(v) => v.iter().map(part).collect(),
        Value::Map(v) => v.iter().map(|entry| json!([entry.key, entry.value])).collect(),
        _ => return None,
    };
    Some(tree.to_string())
}

/// The value of this `kind` that [`text`] spelled.
pub(super) fn parse(kind: &str, text: &str) -> Option<OwnedValue> {
    let tree: Json = serde_json::from_str(text).ok()?;
    Some(match kind {
        "array" => Value::Array(Box::new(parse_array(&tree)?)),
        "range" => Value::Range(Box::new(parse_range(&tree)?)),
        "multirange" => Value::Multirange(list(&tree, parse_range)?),
        "composite" => Value::Composite(list(&tree, parse_part)?),
        "map" => Value::Map(list(&tree, parse_entry)?),
        _ => return None,
    })
}

fn part(value: &Value<'_>) -> Json {
    match (spelling::kind(value), spelling::text(value)) {
        (Some(kind), Some(text)) => json!([kind, text]),
        _ => Json::Null,
    }
}

fn parse_part(tree: &Json) -> Option<OwnedValue> {
    if tree.is_null() {
        return Some(Value::Null);
    }
    let [kind, text] = tree.as_array()?.as_slice() else { return None };
    spelling::parse(kind.as_str()?, text.as_str()?)
}

fn array(array: &Array<'_>) -> Json {
    let dimensions: Json = array.dimensions.iter().map(|d| json!([d.len, d.lower])).collect();
    let elements: Json = array.elements.iter().map(part).collect();
    json!([dimensions, elements])
}

fn parse_array(tree: &Json) -> Option<Array<'static>> {
    let [dimensions, elements] = tree.as_array()?.as_slice() else { return None };
    let dimension = |tree: &Json| {
        let [len, lower] = tree.as_array()?.as_slice() else { return None };
        Some(Dimension { len: u32::try_from(len.as_u64()?).ok()?, lower: i32::try_from(lower.as_i64()?).ok()? })
    };
    Some(Array { dimensions: list(dimensions, dimension)?, elements: list(elements, parse_part)? })
}

fn range(range: &Range<'_>) -> Json {
    let Range::Span { lower, upper } = range else { return json!([]) };
    let bound = |bound: &Bound<Value<'_>>| match bound {
        Bound::Included(v) => json!(["included", part(v)]),
        Bound::Excluded(v) => json!(["excluded", part(v)]),
        Bound::Unbounded => json!(["unbounded"]),
    };
    json!([bound(lower), bound(upper)])
}

fn parse_range(tree: &Json) -> Option<Range<'static>> {
    let bound = |tree: &Json| {
        Some(match tree.as_array()?.as_slice() {
            [kind] if kind == "unbounded" => Bound::Unbounded,
            [kind, v] if kind == "included" => Bound::Included(parse_part(v)?),
            [kind, v] if kind == "excluded" => Bound::Excluded(parse_part(v)?),
            _ => return None,
        })
    };
    match tree.as_array()?.as_slice() {
        [] => Some(Range::Empty),
        [lower, upper] => Some(Range::Span { lower: bound(lower)?, upper: bound(upper)? }),
        _ => None,
    }
}

fn parse_entry(tree: &Json) -> Option<Entry<'static>> {
    let [key, value] = tree.as_array()?.as_slice() else { return None };
    let value = match value {
        Json::Null => None,
        Json::String(v) => Some(Cow::Owned(v.clone())),
        _ => return None,
    };
    Some(Entry { key: Cow::Owned(key.as_str()?.to_owned()), value })
}

fn list<T>(tree: &Json, item: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    tree.as_array()?.iter().map(item).collect()
}
