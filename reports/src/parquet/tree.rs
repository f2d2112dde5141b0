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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchback_engines::{Date, Decimal, Moment, Shape};

    use super::*;

    fn there_and_back(value: &OwnedValue) -> Option<OwnedValue> {
        parse(spelling::kind(value)?, &text(value)?)
    }

    /// Whether it comes back, by all that is written of it: NaN equals nothing,
    /// and to a float −0 is 0.
    fn comes_back(value: &OwnedValue) -> bool {
        there_and_back(value).is_some_and(|back| format!("{back:?}") == format!("{value:?}"))
    }

    fn words(text: &str) -> OwnedValue {
        Value::Text(Cow::Owned(text.to_owned()))
    }

    #[test]
    fn parts_keep_their_kinds_and_places() {
        let grid = Array {
            dimensions: vec![Dimension { len: 2, lower: -3 }, Dimension { len: 1, lower: i32::MAX }],
            elements: vec![Value::Null, words("NULL")],
        };
        assert_eq!(
            text(&Value::Array(Box::new(grid.clone()))).as_deref(),
            Some(r#"[[[2,-3],[1,2147483647]],[null,["text","NULL"]]]"#)
        );
        let span = |lower, upper| Range::Span { lower, upper };
        let from_one = span(Bound::Included(Value::Int(1)), Bound::Excluded(Value::Int(9)));
        let open = span(Bound::Unbounded, Bound::Included(Value::Decimal(Decimal::Infinity)));
        let entry = |key: &str, value: Option<&str>| Entry {
            key: Cow::Owned(key.to_owned()),
            value: value.map(|v| Cow::Owned(v.to_owned())),
        };
        for value in [
            Value::Array(Box::new(grid.clone())),
            Value::Array(Box::default()),
            Value::Range(Box::new(Range::Empty)),
            Value::Range(Box::new(span(Bound::Unbounded, Bound::Unbounded))),
            Value::Range(Box::new(open.clone())),
            Value::Multirange(Vec::new()),
            Value::Multirange(vec![from_one.clone(), open]),
            Value::Composite(Vec::new()),
            Value::Composite(vec![Value::Null, words(""), Value::F64(f64::NAN), Value::F32(-0.0)]),
            Value::Composite(vec![
                Value::Array(Box::new(grid)),
                Value::Composite(vec![Value::Multirange(vec![from_one])]),
            ]),
            Value::Map(vec![entry("", None), entry("NULL", Some("")), entry("\"a\u{0}\\", Some("null"))]),
        ] {
            assert!(comes_back(&value), "{value:?} as {:?}", text(&value));
        }
    }

    #[test]
    fn what_is_not_made_of_others_has_no_tree() {
        for value in [Value::Null, Value::Int(1), words("[]"), Value::Set(Cow::Borrowed("a,b"))] {
            assert_eq!(text(&value), None, "{value:?}");
        }
    }

    #[test]
    fn any_other_tree_is_refused() {
        for (kind, tree) in [
            ("array", "[[],[]"),
            ("array", "[[]]"),
            ("array", "[[[1]],[null]]"),
            ("array", "[[[-1,1]],[null]]"),
            ("array", "[[[4294967296,1]],[null]]"),
            ("array", "[[[1,2147483648]],[null]]"),
            ("array", r#"[[[1,1]],[["int","x"]]]"#),
            ("array", r#"[[[1,1]],[["int"]]]"#),
            ("array", r#"[[[1,1]],[["int",1]]]"#),
            ("array", r#"[[[1,1]],["int"]]"#),
            ("range", r#"[["unbounded"]]"#),
            ("range", r#"[["unbounded"],["unbounded"],["unbounded"]]"#),
            ("range", r#"[["unbounded",null],["unbounded"]]"#),
            ("range", r#"[["included"],["unbounded"]]"#),
            ("range", r#"[["below",["int","1"]],["unbounded"]]"#),
            ("multirange", r#"[["unbounded"],["unbounded"]]"#),
            ("multirange", "{}"),
            ("composite", "null"),
            ("map", r#"[["a"]]"#),
            ("map", r#"[["a",1]]"#),
            ("map", r#"[[null,"a"]]"#),
            ("int", "[]"),
        ] {
            assert_eq!(parse(kind, tree), None, "{kind} {tree}");
        }
    }

    fn leaf() -> impl Strategy<Value = OwnedValue> {
        let small = (-(10i128.pow(30))..10i128.pow(30), 0u32..30);
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<u64>().prop_map(Value::UInt),
            prop::num::f32::ANY.prop_map(Value::F32),
            prop::num::f64::ANY.prop_map(Value::F64),
            small.prop_map(|(coefficient, scale)| Value::Decimal(Decimal::Small { coefficient, scale })),
            any::<String>().prop_map(|v| Value::Text(Cow::Owned(v))),
            any::<String>().prop_map(|v| Value::Json(Cow::Owned(v))),
            any::<Vec<u8>>().prop_map(|v| Value::Bytes(Cow::Owned(v))),
            (-2_000_000i32..200_000_000).prop_map(|days| Value::Date(Date::Days(days))),
            any::<i64>().prop_map(|micros| Value::Timestamp(Moment::Micros(micros))),
            any::<i64>().prop_map(|micros| Value::Instant(Moment::Micros(micros))),
            any::<[u8; 16]>().prop_map(Value::Uuid),
            (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, micros)| Value::Interval {
                months,
                days,
                micros
            }),
            (any::<f64>(), any::<f64>()).prop_map(|(x, y)| Value::Shape {
                kind: Shape::Point,
                closed: false,
                coordinates: vec![x, y],
            }),
        ]
    }

    fn range_of(value: impl Strategy<Value = OwnedValue> + Clone + 'static) -> impl Strategy<Value = Range<'static>> {
        let bound = || {
            prop_oneof![
                value.clone().prop_map(Bound::Included),
                value.clone().prop_map(Bound::Excluded),
                Just(Bound::Unbounded),
            ]
        };
        prop_oneof![Just(Range::Empty), (bound(), bound()).prop_map(|(lower, upper)| Range::Span { lower, upper }),]
    }

    fn made_of_others() -> impl Strategy<Value = OwnedValue> {
        let nested = leaf().prop_recursive(3, 24, 4, |part| {
            let parts = prop::collection::vec(part.clone(), 0..4);
            let dimensions = prop::collection::vec((any::<u32>(), any::<i32>()), 0..4);
            let entry = (any::<String>(), any::<Option<String>>())
                .prop_map(|(key, value)| Entry { key: Cow::Owned(key), value: value.map(Cow::Owned) });
            prop_oneof![
                (dimensions, parts.clone()).prop_map(|(dimensions, elements)| {
                    let dimension = |(len, lower)| Dimension { len, lower };
                    Value::Array(Box::new(Array {
                        dimensions: dimensions.into_iter().map(dimension).collect(),
                        elements,
                    }))
                }),
                range_of(part.clone()).prop_map(|range| Value::Range(Box::new(range))),
                prop::collection::vec(range_of(part), 0..3).prop_map(Value::Multirange),
                parts.prop_map(Value::Composite),
                prop::collection::vec(entry, 0..4).prop_map(Value::Map),
            ]
        });
        nested.prop_map(|part| Value::Composite(vec![part]))
    }

    proptest! {
        #[test]
        fn whatever_is_made_of_others_comes_back(value in made_of_others()) {
            prop_assert!(comes_back(&value), "{:?}", text(&value));
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(kind in "array|range|multirange|composite|map", tree in any::<String>()) {
            let _ = parse(&kind, &tree);
        }
    }
}
