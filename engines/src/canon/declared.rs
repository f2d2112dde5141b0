//! What is equal only because the operator declares it.
//!
//! All of it but the tolerances is an equivalence: it goes into the canonical
//! encoding, serves keys too, and costs nothing more than the encoding does.

use serde::{Deserialize, Serialize};

use super::form::TextForm;
use super::policy::Policy;
use super::rounding::Rounding;
use super::rule::{ColumnRule, PairRule, Rule, Side, by_types};
use super::settings::{Amount, BoolWords, CompareAs, Normalize, SettingKey, Settings, TimeRounding, UuidLayout};
use super::tolerance::{Tolerance, Ulps};
use crate::engine::Engine;
use crate::table::Logical;

/// Words of text that stand for true and false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoolRule {
    /// In the form below already.
    pub words: BoolWords,
    /// What is done to the text before it is looked up.
    pub form: TextForm,
}

/// A common meaning that the types alone do not have.
pub(super) fn meaning(source: Side<'_>, target: Side<'_>, settings: &Settings) -> Option<PairRule> {
    if let Some(words) = settings.bool_words.as_ref().filter(|words| !words.is_empty())
        && is_bool_beside_text(source, target)
    {
        let (form, mut policies) = text_form(has_char(source, target), settings);
        policies.push(Policy::BoolWords);
        let formed = |words: &[String]| words.iter().filter_map(|w| form.apply(w).map(Into::into)).collect();
        let words = BoolWords { yes: formed(&words.yes), no: formed(&words.no) };
        return Some(PairRule { rule: Rule::BoolWords(Box::new(BoolRule { words, form })), policies });
    }
    let layout = settings.uuid_layout.filter(|_| is_uuid_beside_bytes(source, target))?;
    let rule = match layout {
        UuidLayout::Plain => Rule::Uuid,
        UuidLayout::TimeSwapped => Rule::SwappedUuid,
    };
    Some(PairRule { rule, policies: vec![Policy::UuidSpelling, Policy::UuidLayout] })
}

/// Lays over a pair what is declared for it and fits it.
pub(super) fn widen(
    mut pair: PairRule,
    strict: Vec<Policy>,
    source: Side<'_>,
    target: Side<'_>,
    settings: &Settings,
) -> ColumnRule {
    if let Rule::Text { trim_spaces } = pair.rule
        && is_text(source)
        && is_text(target)
    {
        let (form, policies) = text_form(trim_spaces, settings);
        if !policies.is_empty() {
            pair.rule = Rule::FormedText(form);
            pair.policies.extend(policies);
        }
    }
    shorten(&mut pair, settings);
    if settings.zero_date_is_null == Some(true) && may_hold_zero_dates(&pair.rule, source, target) {
        pair.rule = Rule::ZeroDateIsNull(Box::new(pair.rule));
        pair.policies.push(Policy::ZeroDateIsNull);
    }
    if settings.compare_as == Some(CompareAs::Float32) && is_floating(&pair.rule) && has_single(source, target) {
        let signed_zero = matches!(pair.rule, Rule::Float { signed_zero: true, .. });
        pair.rule = Rule::Float { single: true, signed_zero };
        pair.policies.push(Policy::SinglePrecision);
    }
    let tolerance = tolerance(&pair.rule, source, target, settings);
    let mut policies = pair.policies;
    policies.extend(tolerance.iter().flat_map(Tolerance::policies));
    policies.sort_unstable();
    policies.dedup();
    ColumnRule { rule: pair.rule, policies, strict, tolerance }
}

/// Whether a setting can mean anything for a pair of columns, with the other
/// `settings` that hold for it.
#[must_use]
pub fn applies(key: SettingKey, source: Side<'_>, target: Side<'_>, settings: &Settings) -> bool {
    use SettingKey as K;
    // Whose meaning the settings may take away as well as give.
    match key {
        K::BoolWords => return is_bool_beside_text(source, target),
        K::UuidLayout => return is_uuid_beside_bytes(source, target),
        K::TrimSpaces | K::IgnoreCase | K::Normalize | K::EmptyIsNull if is_bool_beside_text(source, target) => {
            return true;
        }
        _ => {}
    }
    let zone = Some(settings.naive_zone_minutes.unwrap_or(0));
    let all = Settings { strict: Default::default(), naive_zone_minutes: zone, ..settings.clone() };
    let Ok(pair) = by_types(source, target, &all) else { return false };
    match key {
        K::Strict(policy) | K::Lenient(policy) => pair.policies.contains(&policy),
        K::TrimSpaces | K::IgnoreCase | K::Normalize | K::EmptyIsNull => {
            matches!(pair.rule, Rule::Text { .. }) && is_text(source) && is_text(target)
        }
        K::ZeroDateIsNull => may_hold_zero_dates(&pair.rule, source, target),
        K::TimeDigits | K::TimeRounding => {
            matches!(pair.rule, Rule::Time { .. } | Rule::Timestamp { .. } | Rule::Instant { .. })
        }
        K::CompareAs => is_floating(&pair.rule) && has_single(source, target),
        // Answered above.
        K::BoolWords | K::UuidLayout => false,
        K::Absolute | K::Relative => is_numeric(&pair.rule, source, target),
        K::Ulps => is_floating(&pair.rule) && is_numeric(&pair.rule, source, target),
        K::NaiveZone => pair.policies.contains(&Policy::NaiveZone),
    }
}

/// The form of text, where `trims` says whether a CHAR's padding is cut off
/// anyway, and what in it is declared.
fn text_form(trims: bool, settings: &Settings) -> (TextForm, Vec<Policy>) {
    let form = TextForm {
        trim_spaces: trims || settings.trim_spaces == Some(true),
        ignore_case: settings.ignore_case == Some(true),
        nfc: settings.normalize == Some(Normalize::Nfc),
        empty_is_null: settings.empty_is_null == Some(true),
    };
    let declared = [
        (settings.trim_spaces == Some(true), Policy::TrimSpaces),
        (form.ignore_case, Policy::IgnoreCase),
        (form.nfc, Policy::NormalizeNfc),
        (form.empty_is_null, Policy::EmptyIsNull),
    ];
    (form, declared.into_iter().filter_map(|(on, policy)| on.then_some(policy)).collect())
}

fn shorten(pair: &mut PairRule, settings: &Settings) {
    let (Rule::Time { digits, rounding }
    | Rule::Timestamp { digits, rounding }
    | Rule::Instant { digits, rounding, .. }) = &mut pair.rule
    else {
        return;
    };
    if let Some(fewer) = settings.time_digits.map(super::settings::TimeDigits::get).filter(|fewer| fewer < digits) {
        *digits = fewer;
        pair.policies.push(Policy::TimeDigits);
    }
    match settings.time_rounding {
        Some(TimeRounding::Nearest) => *rounding = Rounding::HalfUp,
        Some(TimeRounding::Down) => *rounding = Rounding::Down,
        None => {}
    }
}

fn tolerance(rule: &Rule, source: Side<'_>, target: Side<'_>, settings: &Settings) -> Option<Tolerance> {
    if !is_numeric(rule, source, target) {
        return None;
    }
    let amount = |of: &Option<Amount>| of.clone().filter(|amount| !amount.is_zero());
    let single = has_single(source, target);
    let tolerance = Tolerance {
        absolute: amount(&settings.absolute),
        relative: amount(&settings.relative),
        ulps: settings.ulps.filter(|&count| count > 0 && is_floating(rule)).map(|count| Ulps { count, single }),
    };
    (tolerance != Tolerance::default()).then_some(tolerance)
}

fn logicals<'a>(source: Side<'a>, target: Side<'a>) -> impl Iterator<Item = &'a Logical> {
    [source, target].into_iter().filter_map(|side| side.column.logical.as_ref())
}

fn is_text(side: Side<'_>) -> bool {
    matches!(side.column.logical, Some(Logical::Text { .. } | Logical::Char { .. } | Logical::Enum))
}

fn has_char(source: Side<'_>, target: Side<'_>) -> bool {
    logicals(source, target).any(|l| matches!(l, Logical::Char { .. }))
}

fn has_single(source: Side<'_>, target: Side<'_>) -> bool {
    logicals(source, target).any(|l| matches!(l, Logical::Float32))
}

/// MySQL's usual boolean is an integer.
fn is_bool_beside_text(source: Side<'_>, target: Side<'_>) -> bool {
    let is_bool = |side: Side<'_>| matches!(side.column.logical, Some(Logical::Bool | Logical::Int { .. }));
    (is_bool(source) && is_text(target)) || (is_text(source) && is_bool(target))
}

fn is_uuid_beside_bytes(source: Side<'_>, target: Side<'_>) -> bool {
    let is_bytes =
        |side: Side<'_>| matches!(side.column.logical, Some(Logical::Binary { bytes: 16 } | Logical::Bytes { .. }));
    let is_spelled = |side: Side<'_>| {
        matches!(side.column.logical, Some(Logical::Uuid | Logical::Text { .. } | Logical::Char { .. }))
    };
    (is_bytes(source) && is_spelled(target)) || (is_spelled(source) && is_bytes(target))
}

fn is_floating(rule: &Rule) -> bool {
    matches!(rule, Rule::Double | Rule::Single | Rule::Float { .. })
}

/// Numbers on both sides, and more of them than true and false.
fn is_numeric(rule: &Rule, source: Side<'_>, target: Side<'_>) -> bool {
    let rule_is = is_floating(rule) || matches!(rule, Rule::Number | Rule::ScaledNumber);
    rule_is && !logicals(source, target).any(|l| matches!(l, Logical::Bool | Logical::Bits { .. }))
}

/// Only MySQL has such dates, and SQLite's text can say anything.
fn may_hold_zero_dates(rule: &Rule, source: Side<'_>, target: Side<'_>) -> bool {
    matches!(rule, Rule::Date | Rule::Timestamp { .. } | Rule::Instant { .. })
        && [source, target].iter().any(|side| matches!(side.engine, Engine::MySql | Engine::Sqlite))
}

#[cfg(test)]
mod tests;
