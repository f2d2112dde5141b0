//! The rule for a pair of types that are made of others, or known by a kind.
//!
//! Two arrays, ranges or composites are compared part by part, each pair of
//! parts by the rule that two columns of those types would get, policies
//! included. What has no such rule makes the whole incomparable.

use super::policy::Policy;
use super::rounding::Rounding;
use super::rule::{PairRule, Rule, decide};
use super::settings::Settings;
use crate::table::{Element, Field, Logical};

/// As [`decide`], for types with parts and types of a kind.
pub(super) fn decide_nested(a: &Logical, b: &Logical, settings: &Settings) -> Option<Option<PairRule>> {
    use Logical as L;
    let plain = |rule, policies: &[Policy]| Some(Some(PairRule { rule, policies: policies.to_vec() }));
    match (a, b) {
        (L::Array { element: x }, L::Array { element: y }) => {
            wrapped(x, y, settings, |element| Rule::Array { element: Box::new(element) })
        }
        (L::Range { bound: x }, L::Range { bound: y }) if same_kind(x, y) => {
            wrapped(x, y, settings, |bound| Rule::Range { bound: Box::new(bound) })
        }
        (L::Multirange { bound: x }, L::Multirange { bound: y }) if same_kind(x, y) => {
            wrapped(x, y, settings, |bound| Rule::Multirange { bound: Box::new(bound) })
        }
        (L::Composite { fields: x }, L::Composite { fields: y }) => {
            if !x.iter().map(|f| &f.name).eq(y.iter().map(|f| &f.name)) {
                return None;
            }
            let pair = |(x, y): (&Field, &Field)| either_way(&x.element.logical, &y.element.logical, settings);
            let pairs: Vec<Option<PairRule>> = x.iter().zip(y).map(pair).collect::<Option<_>>()?;
            Some(composite(pairs.into_iter().collect()))
        }
        (L::Map, L::Map) => plain(Rule::Map, &[]),
        (L::Shape { kind: x }, L::Shape { kind: y }) if x == y => plain(Rule::Shape, &[Policy::NegativeZero]),
        (L::Geometry { .. }, L::Geometry { .. }) => plain(Rule::Geometry, &[]),
        (L::Vector { .. }, L::Vector { .. }) => plain(Rule::Vector, &[Policy::NegativeZero]),
        (L::Notation { kind: x }, L::Notation { kind: y }) if x == y => plain(Rule::Text { trim_spaces: false }, &[]),
        (L::Notation { .. }, L::Text { .. }) => plain(Rule::Text { trim_spaces: false }, &[Policy::NotationText]),
        _ => None,
    }
}

/// Sets how the moments in the parts of `rule` are shortened. Types with parts
/// are PostgreSQL's alone, so it does not matter which part is the coarser.
pub(super) fn round_parts(rule: &mut Rule, to: Rounding) {
    match rule {
        Rule::Array { element: part } | Rule::Range { bound: part } | Rule::Multirange { bound: part } => {
            round_part(part, to);
        }
        Rule::Composite { fields } => fields.iter_mut().for_each(|part| round_part(part, to)),
        _ => {}
    }
}

fn round_part(part: &mut Rule, to: Rounding) {
    match part {
        Rule::Time { rounding, .. } | Rule::Timestamp { rounding, .. } | Rule::Instant { rounding, .. } => {
            *rounding = to;
        }
        deeper => round_parts(deeper, to),
    }
}

/// Each pair is listed once; the other order is tried by swapping.
fn either_way(a: &Logical, b: &Logical, settings: &Settings) -> Option<Option<PairRule>> {
    decide(a, b, settings).or_else(|| decide(b, a, settings))
}

fn wrapped(x: &Element, y: &Element, settings: &Settings, wrap: impl Fn(Rule) -> Rule) -> Option<Option<PairRule>> {
    let part = either_way(&x.logical, &y.logical, settings)?;
    Some(part.map(|part| PairRule { rule: wrap(part.rule), policies: part.policies }))
}

/// A range of whole numbers is not one of decimals, though their bounds can be
/// compared: no whole number is between 1 and 2.
fn same_kind(x: &Element, y: &Element) -> bool {
    std::mem::discriminant(&x.logical) == std::mem::discriminant(&y.logical)
}

/// `None` where the zone of a field has not been declared.
fn composite(pairs: Option<Vec<PairRule>>) -> Option<PairRule> {
    let pairs = pairs?;
    let policies = pairs.iter().flat_map(|pair| pair.policies.iter().copied()).collect();
    Some(PairRule { rule: Rule::Composite { fields: pairs.into_iter().map(|pair| pair.rule).collect() }, policies })
}
