use super::super::rule::{Incomparable, pair};
use super::*;
use crate::canon::encode;
use crate::engine::Flavor;
use crate::table::{Column, Element, Field};
use crate::value::{Date, Moment, Value};

const TEXT: Logical = Logical::Text { chars_max: None };
const DECIMAL: Logical = Logical::Decimal { precision: None, scale: 0 };
const INT: Logical = Logical::Int { bits: 64, unsigned: false };

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

fn column(logical: Logical) -> Column {
    Column {
        name: "c".to_owned(),
        native: format!("{logical:?}"),
        logical: Some(logical),
        nullable: true,
        generated: false,
        collation: None,
    }
}

/// Both ways round.
fn decided(json: &str, a: (Engine, Logical), b: (Engine, Logical)) -> Result<ColumnRule, Incomparable> {
    let (x, y) = (column(a.1), column(b.1));
    let one = Side { engine: a.0, flavor: Flavor::Original, column: &x };
    let other = Side { engine: b.0, flavor: Flavor::Original, column: &y };
    let rule = pair(one, other, &settings(json));
    assert_eq!(rule.as_ref().ok(), pair(other, one, &settings(json)).as_ref().ok());
    rule
}

fn alike(rule: &Rule, a: &Value<'_>, b: &Value<'_>) -> bool {
    let cell = |value| {
        let mut out = Vec::new();
        encode(rule, value, &mut out);
        out
    };
    cell(a) == cell(b)
}

fn pg(logical: Logical) -> (Engine, Logical) {
    (Engine::Postgres, logical)
}

fn my(logical: Logical) -> (Engine, Logical) {
    (Engine::MySql, logical)
}

fn txt(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

#[test]
fn a_strict_policy_is_not_among_those_that_a_rule_stands_on() {
    let number = decided(r#"{"strict":["decimal_scale"]}"#, pg(INT), my(DECIMAL)).unwrap();
    assert_eq!((number.policies, number.strict), (vec![], vec![Policy::DecimalScale]));
    let bool = decided(r#"{"strict":["bool_as_int"]}"#, pg(Logical::Bool), my(INT)).unwrap_err();
    assert!(matches!(bool, Incomparable::Strict { policy: Policy::BoolAsInt, .. }), "{bool}");
    // What a pair does not stand on can't be taken from it.
    let text = decided(r#"{"strict":["bool_as_int","json_meaning"]}"#, pg(TEXT), my(TEXT)).unwrap();
    assert_eq!((text.rule, text.strict), (Rule::Text { trim_spaces: false }, vec![]));
}

#[test]
fn parts_of_other_types_are_strict_too() {
    let array = |logical| {
        let element = Element { native: String::new(), logical };
        pg(Logical::Array { element: Box::new(element) })
    };
    let strict = r#"{"strict":["decimal_scale","negative_zero","char_padding","time_precision"]}"#;
    for (logical, part) in [
        (DECIMAL, Rule::ScaledNumber),
        (Logical::Float64, Rule::Float { single: false, signed_zero: true }),
        (Logical::Char { chars_max: 3 }, Rule::Text { trim_spaces: false }),
        (INT, Rule::Number),
    ] {
        let rule = decided(strict, array(logical.clone()), array(logical)).unwrap().rule;
        assert_eq!(rule, Rule::Array { element: Box::new(part) });
    }
    let field =
        |name: &str, logical| Field { name: name.to_owned(), element: Element { native: String::new(), logical } };
    let row = |precise| {
        let moment = Logical::Timestamp { digits: if precise { 6 } else { 3 } };
        pg(Logical::Composite { fields: vec![field("n", INT), field("t", moment)] })
    };
    let Rule::Composite { fields } = decided(strict, row(true), row(false)).unwrap().rule else { panic!() };
    assert!(matches!(fields[..], [Rule::Number, Rule::Timestamp { digits: 6, .. }]), "{fields:?}");
    let bridged = decided(r#"{"strict":["bool_as_int"]}"#, array(Logical::Bool), array(INT));
    assert!(matches!(bridged, Err(Incomparable::Strict { .. })), "{bridged:?}");
    let vector = || pg(Logical::Vector { dimensions: None });
    assert!(decided(r#"{"strict":["negative_zero"]}"#, vector(), vector()).is_err());
}

#[test]
fn text_forms_are_for_text() {
    let json = r#"{"trim_spaces":true,"ignore_case":true,"normalize":"nfc","empty_is_null":true}"#;
    let text = decided(json, pg(TEXT), my(Logical::Char { chars_max: 9 })).unwrap();
    assert!(alike(&text.rule, &txt("E\u{301}  "), &txt("\u{e9}")));
    assert!(alike(&text.rule, &txt(" "), &Value::Null));
    use Policy as P;
    assert_eq!(text.policies, [P::CharPadding, P::TrimSpaces, P::IgnoreCase, P::NormalizeNfc, P::EmptyIsNull]);
    let off = r#"{"trim_spaces":false,"ignore_case":false,"normalize":"none","empty_is_null":false}"#;
    assert_eq!(decided(off, pg(TEXT), my(TEXT)).unwrap(), decided("{}", pg(TEXT), my(TEXT)).unwrap());
    for logical in [Logical::Uuid, Logical::Json { ordered: true }, Logical::Network, Logical::Date, INT] {
        let plain = decided("{}", pg(logical.clone()), pg(logical.clone())).unwrap();
        assert_eq!(decided(json, pg(logical.clone()), pg(logical)).unwrap(), plain);
    }
}

#[test]
fn a_zero_date_is_null_where_one_side_can_hold_it() {
    let json = r#"{"zero_date_is_null":true,"time_digits":0}"#;
    let moment = || Logical::Timestamp { digits: 3 };
    let rule = decided(json, my(moment()), pg(moment())).unwrap().rule;
    let off = |day, micros| Value::Timestamp(Moment::OffCalendar { year: 0, month: 0, day, micros });
    assert!(alike(&rule, &off(0, 0), &Value::Null));
    assert!(!alike(&rule, &off(1, 0), &Value::Null));
    assert!(!alike(&rule, &off(0, 1), &Value::Null));
    assert!(matches!(rule.base(), Rule::Timestamp { digits: 0, .. }));
    let date = Value::Date(Date::OffCalendar { year: 0, month: 0, day: 0 });
    assert!(alike(&decided(json, my(Logical::Date), pg(Logical::Date)).unwrap().rule, &date, &Value::Null));
    assert!(!decided(json, pg(moment()), pg(moment())).unwrap().policies.contains(&Policy::ZeroDateIsNull));
}

#[test]
fn singles_meet_doubles_only_where_it_is_declared() {
    let json = r#"{"compare_as":"float32"}"#;
    let rule = decided(json, pg(Logical::Float64), my(Logical::Float32)).unwrap();
    assert!(rule.policies.contains(&Policy::SinglePrecision));
    let rule = rule.rule;
    assert!(alike(&rule, &Value::F32(0.1), &Value::F64(0.1)));
    assert!(alike(&rule, &Value::F32(-0.0), &Value::F64(0.0)));
    assert!(!alike(&rule, &Value::F32(0.1), &Value::F64(0.100_000_01)));
    assert!(!alike(&rule, &Value::F32(f32::INFINITY), &Value::F64(1e39)), "too large is not infinite");
    assert!(!alike(&rule, &Value::F64(1e39), &Value::F64(1e40)));
    let doubles = decided(json, pg(Logical::Float64), my(Logical::Float64)).unwrap();
    assert_eq!(doubles.rule, Rule::Double);
    let signed =
        decided(r#"{"compare_as":"float32","strict":["negative_zero"]}"#, pg(Logical::Float64), my(Logical::Float32));
    assert!(!alike(&signed.unwrap().rule, &Value::F32(-0.0), &Value::F64(0.0)));
}

#[test]
fn a_tolerance_is_for_numbers() {
    let json = r#"{"absolute":1,"relative":"0.1","ulps":2}"#;
    let of = |a, b| decided(json, a, b).unwrap().tolerance;
    let floats = of(pg(Logical::Float64), my(Logical::Float32)).unwrap();
    assert_eq!(floats.ulps, Some(Ulps { count: 2, single: true }));
    assert_eq!(of(pg(Logical::Float64), my(DECIMAL)).unwrap().ulps, Some(Ulps { count: 2, single: false }));
    let decimals = of(pg(DECIMAL), my(INT)).unwrap();
    assert!(decimals.absolute.is_some() && decimals.relative.is_some() && decimals.ulps.is_none());
    for (a, b) in [
        (pg(TEXT), my(TEXT)),
        (pg(Logical::Bool), my(INT)),
        (my(Logical::Bits { len: Some(4) }), pg(INT)),
        (pg(Logical::Date), my(Logical::Date)),
    ] {
        assert_eq!(of(a, b), None);
    }
    let none = decided(r#"{"absolute":0,"relative":"0.0","ulps":0}"#, pg(DECIMAL), my(DECIMAL)).unwrap();
    assert_eq!((none.tolerance, none.policies), (None, vec![Policy::DecimalScale]));
}

#[test]
fn words_and_layouts_give_a_meaning_that_types_lack() {
    let words = r#"{"bool_words":{"true":["Y"],"false":["N"]}}"#;
    let rule = decided(words, pg(Logical::Bool), my(Logical::Enum)).unwrap().rule;
    assert!(alike(&rule, &Value::Bool(true), &txt("Y")));
    assert!(alike(&rule, &Value::Bool(false), &txt("N")));
    assert!(!alike(&rule, &Value::Bool(true), &txt("y")));
    assert!(!alike(&rule, &Value::Bool(true), &txt("1")));
    assert!(decided("{}", pg(Logical::Bool), my(Logical::Enum)).is_err());
    assert!(decided(r#"{"bool_words":{}}"#, pg(Logical::Bool), my(Logical::Enum)).is_err());
    let binary = || my(Logical::Binary { bytes: 16 });
    let swapped = decided(r#"{"uuid_layout":"time_swapped"}"#, pg(Logical::Uuid), binary()).unwrap().rule;
    let uuid = [0xA0, 0xA1, 0xA2, 0xA3, 0xB0, 0xB1, 0xC0, 0xC1, 1, 2, 3, 4, 5, 6, 7, 8];
    let stored = [0xC0, 0xC1, 0xB0, 0xB1, 0xA0, 0xA1, 0xA2, 0xA3, 1, 2, 3, 4, 5, 6, 7, 8];
    assert!(alike(&swapped, &Value::Uuid(uuid), &Value::Bytes(stored.to_vec().into())));
    assert!(!alike(&swapped, &Value::Uuid(uuid), &Value::Bytes(uuid.to_vec().into())));
    assert_eq!(crate::canon::text::swapped(uuid), stored);
    // Between two columns of bytes there is nothing to read as a UUID.
    assert!(matches!(
        decided(r#"{"uuid_layout":"plain"}"#, binary(), binary()).unwrap().rule,
        Rule::Bytes { trim_zeros: true }
    ));
}
