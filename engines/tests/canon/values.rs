//! Values of every kind, most of them near one another.

use std::ops::Bound;

use proptest::prelude::*;
use switchback_engines::canon::declared::BoolRule;
use switchback_engines::canon::form::TextForm;
use switchback_engines::canon::json::canonicalize;
use switchback_engines::canon::settings::BoolWords;
use switchback_engines::canon::{Rounding, Rule};
use switchback_engines::nested::{Array, Dimension, Entry, Range};
use switchback_engines::table::Shape;
use switchback_engines::{Date, Decimal, Moment, OwnedValue, Value};

/// Documents by what they mean. Text that is none of them is no JSON.
pub(super) const DOCUMENTS: [(&str, usize); 17] = [
    ("null", 0),
    ("{}", 1),
    (r#"{ "a": 1, "b": [1.0, 2e0] }"#, 2),
    (r#"{"b":[1,2],"a":1.00}"#, 2),
    (r#"{"\u0061":1,"b":[1,2]}"#, 2),
    (r#"{"b":[2,1],"a":1}"#, 3),
    ("[]", 4),
    ("[null]", 5),
    ("[ null ]", 5),
    (r#""1""#, 6),
    ("1", 7),
    ("1.0", 7),
    ("1.000", 7),
    ("10e-1", 7),
    ("9007199254740993", 8),
    ("9007199254740992", 9),
    (r#""{}""#, 10),
];

/// The same point in either byte order and with PostGIS's flags, another point,
/// a line, and what is no geometry; by what they mean.
pub(super) const GEOMETRIES: [(&[u8], usize); 6] = [
    (b"\x01\x01\0\0\0\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\0\x40", 0),
    (b"\0\0\0\0\x01\x3F\xF0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0", 0),
    (b"\x01\x01\0\0\x20\xE6\x10\0\0\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\0\x40", 0),
    (b"\x01\x01\0\0\0\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\xF0\x3F", 1),
    (b"\x01\x02\0\0\0\0\0\0\0", 2),
    (b"\x01\x01\0\0\0", 3),
];

const TEXTS: [&str; 38] = [
    "",
    " ",
    "a",
    "a ",
    "a  ",
    "A",
    "a\0",
    "ä",
    "a\u{308}",
    "1",
    "1.0",
    "NULL",
    "null",
    "{}",
    "[ null ]",
    "x,y",
    "y,x",
    "x,y,x",
    ",x,,y",
    "1970-01-01",
    "1970-01-01 00:00",
    "1970-01-01T00:00:00.000",
    "1970-01-01 00:00:00Z",
    "1970-01-01 01:00:00+01:00",
    "1970-01-01 00:00:00.0005",
    "1969-12-31 23:59:59.9995",
    "1999-12-31 23:59:59.5",
    "2024-02-29",
    "2023-02-29",
    "00:00",
    "00:00:00.500000",
    "24:00:00",
    "00:00:00Z",
    "01:00:00+0100",
    "01:00:00+01:00:00",
    "00000000-0000-0000-0000-000000000001",
    "{00000000-0000-0000-0000-00000000000A}",
    "0000000000000000000000000000000a",
];

const NUMBERS: [&str; 26] = [
    "0",
    "0.00",
    "-0.0",
    "1",
    "1.0",
    "1.10",
    "1.1",
    "-1.1",
    "0.1",
    "0.1000000000000000055511151231257827",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809.0",
    "18446744073709551615",
    "18446744073709551616.000",
    "100000000000000000000",
    "99999999999999999999999999999999999999",
    "100000000000000000000000000000000000000",
    "99999999999999999999999999999999999999.9",
    "123456789012345678901234567890123456789012345",
    "0.00000000000000000000000000000000000000000000000001",
    "12345678901234567890.12345678901234567890123456789",
    "0000000000000000000000000000000000000000000000001.10",
];

fn small() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -3i64..4,
        2 => prop::sample::select(vec![
            i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, 63, 64, -64, -65, 127, 128,
        ]),
        1 => any::<i64>(),
    ]
}

/// Microseconds near the bounds that rounding has, and far from the ends of time.
fn micros() -> impl Strategy<Value = i64> {
    let near = (prop::sample::select(vec![0i64, 946_684_800_000_000, 86_400_000_000, -86_400_000_000]), -2i64..3);
    prop_oneof![
        3 => (near, prop::sample::select(vec![1i64, 500, 1_000, 500_000, 1_000_000, 3_600_000_000]))
            .prop_map(|((base, n), unit)| base + n * unit),
        1 => -(1i64 << 60)..(1 << 60),
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            1.1,
            0.1,
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            9_007_199_254_740_992.0,
            9_223_372_036_854_775_808.0,
            -9_223_372_036_854_775_808.0,
            18_446_744_073_709_551_616.0,
            1e20,
            1e38,
            f64::from(0.1f32),
            0.1f64.next_up(),
        ]),
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
    ]
}

fn single() -> impl Strategy<Value = f32> {
    prop_oneof![prop::sample::select(vec![0.0f32, -0.0, 1.0, 1.1, 0.1, f32::NAN, f32::INFINITY, 1e20]), any::<f32>()]
}

fn decimal() -> impl Strategy<Value = Decimal<'static>> {
    let digits = prop::collection::vec(b'0'..=b'9', 1..60);
    prop_oneof![
        4 => prop::sample::select(NUMBERS.to_vec()).prop_map(|text| Decimal::parse(text).unwrap()),
        1 => Just(Decimal::NaN),
        1 => Just(Decimal::Infinity),
        1 => Just(Decimal::NegInfinity),
        2 => (any::<bool>(), digits, -20i64..60).prop_map(|(negative, digits, scale)| Decimal::from_digits(negative, &digits, scale)),
        2 => (small(), 0u32..20).prop_map(|(v, scale)| Decimal::Small { coefficient: v.into(), scale }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    // What is a document by chance is left to `json`: the model knows but a few.
    let random = prop_oneof!["[a ,0:-]{0,6}", ".{0,12}"];
    let random = random.prop_filter("a document", |text| canonicalize(text, &mut Vec::new()).is_err());
    prop_oneof![2 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned), 1 => random]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(vec![0u8, 1, b'a', b' ', 0x7F, 0x80, 0xFF]);
    prop_oneof![
        prop::collection::vec(byte, 0..4),
        prop::sample::select(TEXTS.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        (0u8..3).prop_map(|last| [&[0; 15], [last].as_slice()].concat()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    prop_oneof![
        Just(Date::Infinity),
        Just(Date::NegInfinity),
        (-2i32..3).prop_map(Date::Days),
        // The last day of PostgreSQL's calendar among them.
        prop::sample::select(vec![i32::MIN, i32::MAX, 2_145_042_541, 19_782]).prop_map(Date::Days),
        any::<i32>().prop_map(Date::Days),
        (0u16..3, 0u8..3, 0u8..3).prop_map(|(year, month, day)| Date::OffCalendar { year, month, day }),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        1 => Just(Moment::Infinity),
        1 => Just(Moment::NegInfinity),
        6 => micros().prop_map(Moment::Micros),
        2 => (0u16..3, 0u8..3, 0u8..3, -2i64..3)
            .prop_map(|(year, month, day, half)| Moment::OffCalendar { year, month, day, micros: half * 500_000 }),
    ]
}

fn bits() -> impl Strategy<Value = OwnedValue> {
    let random = prop::collection::vec(any::<u8>(), 0..12);
    (0u32..90, prop_oneof![Just(vec![0; 12]), random]).prop_map(|(len, bytes)| {
        let mut bytes: Vec<u8> = bytes.into_iter().chain(std::iter::repeat(0)).take(len.div_ceil(8) as usize).collect();
        if let (Some(last), used @ 1..) = (bytes.last_mut(), len % 8) {
            *last &= 0xFF << (8 - used);
        }
        Value::Bits { len, bytes: bytes.into() }
    })
}

/// Any value that an engine may hand out, moments at the very ends of 64 bits
/// excepted.
pub(super) fn value() -> impl Strategy<Value = OwnedValue> {
    // Parts that are much alike, or chance would never make equal wholes.
    let part = prop_oneof![
        3 => (-1i64..2).prop_map(Value::Int),
        1 => prop::sample::select(vec!["", "a", "a ", "1,2"]).prop_map(|v| Value::Text(v.into())),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec!["1.0", "1.00", "0.5"]).prop_map(|v| Value::Decimal(Decimal::parse(v).unwrap())),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, 0.5]).prop_map(Value::F64),
        2 => plain(),
    ];
    let whole = part.prop_recursive(3, 12, 3, |part| {
        prop_oneof![
            array(part.clone()),
            range(part.clone()).prop_map(|v| Value::Range(Box::new(v))),
            prop::collection::vec(range(part.clone()), 0..3).prop_map(Value::Multirange),
            prop::collection::vec(part, 0..3).prop_map(Value::Composite),
        ]
    });
    prop_oneof![3 => plain(), 1 => whole, 1 => by_kind()]
}

fn array(part: impl Strategy<Value = OwnedValue>) -> impl Strategy<Value = OwnedValue> {
    (prop::collection::vec(part, 0..4), 0u8..4, -1i32..2).prop_map(|(elements, shape, lower)| {
        let len = u32::try_from(elements.len()).unwrap();
        let dimensions = match (len, shape) {
            (0, _) => Vec::new(),
            (_, 0) => vec![Dimension { len, lower }],
            (_, 1) => vec![Dimension { len, lower: 1 }, Dimension { len: 1, lower }],
            (_, _) => vec![Dimension { len: 1, lower }, Dimension { len, lower: 1 }],
        };
        Value::Array(Box::new(Array { dimensions, elements }))
    })
}

fn range(part: impl Strategy<Value = OwnedValue> + Clone + 'static) -> impl Strategy<Value = Range<'static>> {
    let bound = (0u8..3, part).prop_map(|(kind, v)| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(v),
        _ => Bound::Excluded(v),
    });
    let bound = bound.boxed();
    prop_oneof![
        1 => Just(Range::Empty),
        4 => (bound.clone(), bound).prop_map(|(lower, upper)| Range::Span { lower, upper }),
    ]
}

/// Values of the types that are known by a kind.
fn by_kind() -> impl Strategy<Value = OwnedValue> {
    let text = prop::sample::select(vec!["", "a", "b", "ab"]);
    let map = prop::collection::btree_map(text.clone(), prop::option::of(text), 0..3).prop_map(|map| {
        let entry = |(key, value): (&'static str, Option<&'static str>)| Entry {
            key: key.into(),
            value: value.map(Into::into),
        };
        map.into_iter().map(entry).collect::<Vec<_>>()
    });
    let map = (map, any::<bool>()).prop_map(|(mut entries, turn)| {
        if turn {
            entries.reverse();
        }
        Value::Map(entries)
    });
    let shape = prop::sample::select(vec![Shape::Point, Shape::Path, Shape::Circle, Shape::Line]);
    let coordinates = prop::collection::vec(prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, -f64::NAN]), 0..3);
    let floats = prop::collection::vec(prop::sample::select(vec![0.0f32, -0.0, 1.0, f32::NAN, -f32::NAN]), 0..3);
    prop_oneof![
        map,
        (shape, any::<bool>(), coordinates).prop_map(|(kind, closed, coordinates)| Value::Shape {
            kind,
            closed,
            coordinates
        }),
        (prop::sample::select(vec![0u32, 4326]), prop::sample::select(GEOMETRIES.to_vec()))
            .prop_map(|(srid, (wkb, _))| Value::Geometry { srid, wkb: wkb.into() }),
        (floats, 0usize..3).prop_map(|(floats, odd)| {
            let mut bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
            bytes.extend(std::iter::repeat_n(7, odd / 2));
            Value::Vector(bytes.into())
        }),
    ]
}

fn plain() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        small().prop_map(Value::Int),
        prop_oneof![
            0u64..4,
            prop::sample::select(vec![u64::MAX, 1 << 63, (1 << 63) - 1, (1 << 63) + 1, 1 << 53, (1 << 63) + 2048]),
            any::<u64>()
        ]
        .prop_map(Value::UInt),
        single().prop_map(Value::F32),
        double().prop_map(Value::F64),
        decimal().prop_map(Value::Decimal),
        text().prop_map(|v| Value::Text(v.into())),
        bytes().prop_map(|v| Value::Bytes(v.into())),
        date().prop_map(Value::Date),
        micros().prop_map(Value::Time),
        (micros(), prop_oneof![-2i32..3, Just(3_600), any::<i32>()])
            .prop_map(|(micros, offset_seconds)| Value::TimeTz { micros, offset_seconds }),
        moment().prop_map(Value::Timestamp),
        moment().prop_map(Value::Instant),
        (-2i32..3, -2i32..3, small()).prop_map(|(months, days, micros)| Value::Interval { months, days, micros }),
        (0u8..16).prop_map(|last| Value::Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        prop::sample::select(DOCUMENTS.to_vec()).prop_map(|(text, _)| Value::Json(text.into())),
        prop::sample::select(DOCUMENTS.to_vec()).prop_map(|(text, _)| Value::Text(text.into())),
        bits(),
        prop::sample::select(vec!["", "x", "x,y", "y,x", "a"]).prop_map(|v| Value::Set(v.into())),
    ]
}

/// Every rule, with all there is to choose about it.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::Number,
        Rule::Double,
        Rule::Single,
        Rule::Text { trim_spaces: false },
        Rule::Text { trim_spaces: true },
        Rule::Bytes { trim_zeros: false },
        Rule::Bytes { trim_zeros: true },
        Rule::Uuid,
        Rule::Date,
        Rule::TimeTz,
        Rule::Interval,
        Rule::Json,
        Rule::Bits,
        Rule::Set,
    ];
    let part = |rule| Box::new(rule);
    rules.extend([
        Rule::Array { element: part(Rule::Text { trim_spaces: true }) },
        Rule::Array { element: part(Rule::Array { element: part(Rule::Double) }) },
        Rule::Range { bound: part(Rule::Number) },
        Rule::Range { bound: part(Rule::Double) },
        Rule::Multirange { bound: part(Rule::Double) },
        Rule::Composite { fields: vec![Rule::Double, Rule::Text { trim_spaces: true }] },
        Rule::Composite { fields: vec![Rule::Number] },
        Rule::Map,
        Rule::Shape,
        Rule::Geometry,
        Rule::Vector,
    ]);
    rules.extend(declared_rules());
    for rounding in [Rounding::HalfUp, Rounding::HalfFrom2000, Rounding::Down] {
        for digits in [0, 3, 6] {
            rules.push(Rule::Time { digits, rounding });
            rules.push(Rule::Timestamp { digits, rounding });
            for naive_zone_minutes in [0, 60, -210] {
                rules.push(Rule::Instant { digits, rounding, naive_zone_minutes });
            }
        }
    }
    // A new rule must be thought about, here and in the model.
    for rule in &rules {
        match rule {
            Rule::Number
            | Rule::Double
            | Rule::Single
            | Rule::Text { .. }
            | Rule::Bytes { .. }
            | Rule::Uuid
            | Rule::Date
            | Rule::Time { .. }
            | Rule::TimeTz
            | Rule::Timestamp { .. }
            | Rule::Instant { .. }
            | Rule::Interval
            | Rule::Json
            | Rule::Bits
            | Rule::Set
            | Rule::Array { .. }
            | Rule::Range { .. }
            | Rule::Multirange { .. }
            | Rule::Composite { .. }
            | Rule::Map
            | Rule::Shape
            | Rule::Geometry
            | Rule::Vector
            | Rule::ScaledNumber
            | Rule::Float { .. }
            | Rule::FormedText(_)
            | Rule::BoolWords(_)
            | Rule::StoredBytes { .. }
            | Rule::SwappedUuid
            | Rule::JsonText
            | Rule::AsStored
            | Rule::ZeroDateIsNull(_) => {}
        }
    }
    rules
}

/// What settings make of the rules above.
fn declared_rules() -> Vec<Rule> {
    let form = |trim_spaces, ignore_case, nfc, empty_is_null| TextForm { trim_spaces, ignore_case, nfc, empty_is_null };
    let words = |yes: &[&str], no: &[&str]| {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        BoolWords { yes: owned(yes), no: owned(no) }
    };
    let rounding = Rounding::HalfUp;
    let mut rules = vec![
        Rule::ScaledNumber,
        Rule::FormedText(form(true, false, false, true)),
        Rule::FormedText(form(false, true, false, false)),
        Rule::FormedText(form(false, false, true, false)),
        Rule::FormedText(form(true, true, true, true)),
        Rule::BoolWords(Box::new(BoolRule { words: words(&["a"], &[""]), form: form(false, false, false, false) })),
        Rule::BoolWords(Box::new(BoolRule { words: words(&["a"], &["b"]), form: form(true, true, true, true) })),
        Rule::StoredBytes { trim_zeros: false },
        Rule::StoredBytes { trim_zeros: true },
        Rule::SwappedUuid,
        Rule::JsonText,
        Rule::AsStored,
        Rule::ZeroDateIsNull(Box::new(Rule::Date)),
        Rule::ZeroDateIsNull(Box::new(Rule::Timestamp { digits: 0, rounding })),
        Rule::ZeroDateIsNull(Box::new(Rule::Instant { digits: 3, rounding, naive_zone_minutes: 60 })),
    ];
    for single in [false, true] {
        rules.extend([false, true].map(|signed_zero| Rule::Float { single, signed_zero }));
    }
    rules
}

pub(super) fn rule() -> impl Strategy<Value = Rule> {
    let rounds = |rule: &Rule| matches!(rule, Rule::Time { .. } | Rule::Timestamp { .. } | Rule::Instant { .. });
    let (rounding, plain): (Vec<Rule>, Vec<Rule>) = rules().into_iter().partition(rounds);
    prop_oneof![prop::sample::select(plain), prop::sample::select(rounding)]
}
