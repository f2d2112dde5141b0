//! Default policies that the settings switch off.
//!
//! Where a stricter rule exists it takes the place of the usual one; where the
//! policy is what makes two different types comparable at all, the pair is no
//! longer comparable, and says so.

use super::policy::Policy;
use super::rule::{Incomparable, PairRule, Rule, Side};
use super::settings::Settings;
use crate::engine::Engine;
use crate::table::Logical;

/// The pair without the policies that are strict, and those it would stand on
/// otherwise.
pub(super) fn tighten(
    mut pair: PairRule,
    source: Side<'_>,
    target: Side<'_>,
    settings: &Settings,
) -> Result<(PairRule, Vec<Policy>), Incomparable> {
    let strict: Vec<Policy> = pair.policies.extract_if(.., |policy| settings.strict.contains(policy)).collect();
    for &policy in &strict {
        pair.rule = without(&pair.rule, policy, source, target).ok_or_else(|| Incomparable::Strict {
            policy,
            source_native: source.column.native.clone(),
            target_native: target.column.native.clone(),
        })?;
    }
    if pair.rule == Rule::AsStored {
        // It stands on nothing.
        pair.policies.clear();
    }
    Ok((pair, strict))
}

/// `rule` without `policy`; `None` where there is no comparison without it.
fn without(rule: &Rule, policy: Policy, source: Side<'_>, target: Side<'_>) -> Option<Rule> {
    if *rule == Rule::AsStored {
        return Some(Rule::AsStored);
    }
    if matches!(rule, Rule::Array { .. } | Rule::Range { .. } | Rule::Multirange { .. } | Rule::Composite { .. }) {
        return parts_without(rule, policy);
    }
    let both = |is: fn(&Logical) -> bool| [source, target].iter().all(|s| s.column.logical.as_ref().is_some_and(is));
    let both_sqlite = source.engine == Engine::Sqlite && target.engine == Engine::Sqlite;
    match policy {
        Policy::DecimalScale => Some(Rule::ScaledNumber),
        Policy::NegativeZero => match rule {
            Rule::Double => Some(Rule::Float { single: false, signed_zero: true }),
            Rule::Single => Some(Rule::Float { single: true, signed_zero: true }),
            _ => None,
        },
        Policy::CharPadding => Some(Rule::Text { trim_spaces: false }),
        Policy::BinaryPadding => match rule {
            Rule::StoredBytes { .. } => Some(Rule::StoredBytes { trim_zeros: false }),
            _ => Some(Rule::Bytes { trim_zeros: false }),
        },
        // Two columns of bytes, one of them SQLite's, which may hold text.
        Policy::TextAsBytes => match rule {
            Rule::Bytes { trim_zeros } if both(|l| matches!(l, Logical::Bytes { .. } | Logical::Binary { .. })) => {
                Some(Rule::StoredBytes { trim_zeros: *trim_zeros })
            }
            _ => None,
        },
        Policy::TimePrecision => with_all_digits(rule),
        Policy::JsonMeaning => {
            let kept_as_text = |l: &Logical| matches!(l, Logical::Json { ordered: true } | Logical::Text { .. });
            both(kept_as_text).then_some(Rule::JsonText)
        }
        Policy::SetMembers => both(|l| matches!(l, Logical::Set)).then_some(Rule::AsStored),
        // Between two files of SQLite's the stored value can be compared as such.
        Policy::SqliteTemporalText | Policy::UuidSpelling => both_sqlite.then_some(Rule::AsStored),
        Policy::DecimalAsFloat
        | Policy::BoolAsInt
        | Policy::DateAsMidnight
        | Policy::EnumLabel
        | Policy::BitsAsInt
        | Policy::NetworkText
        | Policy::NotationText
        // What is declared is switched off by not declaring it.
        | Policy::NaiveZone
        | Policy::TrimSpaces
        | Policy::IgnoreCase
        | Policy::NormalizeNfc
        | Policy::EmptyIsNull
        | Policy::ZeroDateIsNull
        | Policy::TimeDigits
        | Policy::SinglePrecision
        | Policy::BoolWords
        | Policy::UuidLayout
        | Policy::AbsoluteTolerance
        | Policy::RelativeTolerance
        | Policy::UlpTolerance => None,
    }
}

/// The same for the parts of a type that has parts. Which of them stand on the
/// policy isn't known here, so those that can't are left as they are; a policy
/// that makes two types comparable leaves nothing to compare.
fn parts_without(rule: &Rule, policy: Policy) -> Option<Rule> {
    let part = |part: &Rule| parts_without(part, policy);
    Some(match (rule, policy) {
        (Rule::Array { element }, _) => Rule::Array { element: Box::new(part(element)?) },
        (Rule::Range { bound }, _) => Rule::Range { bound: Box::new(part(bound)?) },
        (Rule::Multirange { bound }, _) => Rule::Multirange { bound: Box::new(part(bound)?) },
        (Rule::Composite { fields }, _) => Rule::Composite { fields: fields.iter().map(part).collect::<Option<_>>()? },
        (Rule::Number, Policy::DecimalScale) => Rule::ScaledNumber,
        (Rule::Double, Policy::NegativeZero) => Rule::Float { single: false, signed_zero: true },
        (Rule::Single, Policy::NegativeZero) => Rule::Float { single: true, signed_zero: true },
        (Rule::Shape | Rule::Vector, Policy::NegativeZero) => return None,
        (Rule::Text { .. }, Policy::CharPadding) => Rule::Text { trim_spaces: false },
        (Rule::Bytes { .. }, Policy::BinaryPadding) => Rule::Bytes { trim_zeros: false },
        (moment, Policy::TimePrecision) => with_all_digits(moment).unwrap_or_else(|| moment.clone()),
        (other, Policy::DecimalScale | Policy::NegativeZero | Policy::CharPadding | Policy::BinaryPadding) => {
            other.clone()
        }
        _ => return None,
    })
}

fn with_all_digits(rule: &Rule) -> Option<Rule> {
    let digits = 6;
    match *rule {
        Rule::Time { rounding, .. } => Some(Rule::Time { digits, rounding }),
        Rule::Timestamp { rounding, .. } => Some(Rule::Timestamp { digits, rounding }),
        Rule::Instant { rounding, naive_zone_minutes, .. } => {
            Some(Rule::Instant { digits, rounding, naive_zone_minutes })
        }
        _ => None,
    }
}
