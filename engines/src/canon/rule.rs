//! The rule for a pair of columns.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::declared::{self, BoolRule};
use super::form::TextForm;
use super::nested_rule::{decide_nested, round_parts};
use super::policy::Policy;
use super::rounding::Rounding;
use super::settings::Settings;
use super::strict;
use super::tolerance::Tolerance;
use crate::engine::{Engine, Flavor};
use crate::table::{Column, Logical};

/// How the cells of one pair of columns become canonical bytes. The same rule
/// serves both sides; it looks at the values, not at where they came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Exact numbers: integers, decimals, booleans, bits.
    Number,
    /// At least one side is floating point: doubles, and what is no double is
    /// rounded to the nearest one unless it is a whole number.
    Double,
    /// One side is a single and the other a decimal: the decimal is rounded
    /// to the nearest single.
    Single,
    Text {
        trim_spaces: bool,
    },
    Bytes {
        trim_zeros: bool,
    },
    Uuid,
    Date,
    /// `digits` of the second's fraction are compared, here and below.
    Time {
        digits: u8,
        rounding: Rounding,
    },
    TimeTz,
    Timestamp {
        digits: u8,
        rounding: Rounding,
    },
    /// A moment without zone is `naive_zone_minutes` east of UTC.
    Instant {
        digits: u8,
        rounding: Rounding,
        naive_zone_minutes: i32,
    },
    Interval,
    Json,
    Bits,
    Set,
    /// Exact numbers whose scale is part of them: 1.10 is not 1.1.
    ScaledNumber,
    /// [`Self::Double`] in another form: decimals and floating-point numbers are
    /// rounded to singles, or -0.0 is not 0.0.
    Float {
        single: bool,
        signed_zero: bool,
    },
    /// Text in a form that is not its own.
    FormedText(TextForm),
    /// Text and a boolean, or an integer in its place.
    BoolWords(Box<BoolRule>),
    /// Bytes, and in SQLite's columns text that is no bytes.
    StoredBytes {
        trim_zeros: bool,
    },
    /// A UUID, whose bytes are in the order of `UUID_TO_BIN(x, 1)`.
    SwappedUuid,
    /// JSON by its spelling.
    JsonText,
    /// Each value as what it is.
    AsStored,
    /// The date 0000-00-00 is NULL, and others go by the rule within.
    ZeroDateIsNull(Box<Self>),
    /// The bounds of each dimension count.
    Array {
        element: Box<Self>,
    },
    Range {
        bound: Box<Self>,
    },
    Multirange {
        bound: Box<Self>,
    },
    Composite {
        fields: Vec<Self>,
    },
    /// Without order.
    Map,
    Shape,
    /// The coordinate system and the bits of all coordinates.
    Geometry,
    Vector,
}

impl Rule {
    /// The rule for all values that no wrapper takes.
    #[must_use]
    pub fn base(&self) -> &Self {
        match self {
            Self::ZeroDateIsNull(within) => within.base(),
            other => other,
        }
    }
}

/// A rule, and the policies it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PairRule {
    pub(super) rule: Rule,
    pub(super) policies: Vec<Policy>,
}

/// All that was decided about a pair of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRule {
    pub rule: Rule,
    /// What the rule stands on.
    pub policies: Vec<Policy>,
    /// What the types call for and the settings switch off.
    pub strict: Vec<Policy>,
    /// By how much values may differ that the rule tells apart.
    pub tolerance: Option<Tolerance>,
}

/// Why two columns can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    #[error("the type `{native}` of the {side} is not known")]
    UnknownType { side: &'static str, native: String },
    #[error("`{source_native}` and `{target_native}` have no common meaning")]
    NoCommonMeaning { source_native: String, target_native: String },
    #[error("`{source_native}` and `{target_native}` differ in whether they name a zone")]
    ZoneNeeded { source_native: String, target_native: String },
    #[error("`{source_native}` and `{target_native}` are comparable only under the policy `{}`, which is strict", policy.name())]
    Strict { policy: Policy, source_native: String, target_native: String },
}

impl Incomparable {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownType { .. } | Self::NoCommonMeaning { .. } => {
                "ignore the column (ignore_columns); the certificate will list it"
            }
            Self::ZoneNeeded { .. } => {
                "declare the zone of the times that name none: --naive-zone +00:00 (naive_zone in the config)"
            }
            Self::Strict { .. } => {
                "allow the policy for this column (lenient in the config), or ignore the column (ignore_columns)"
            }
        }
    }
}

/// One side of a pair.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub engine: Engine,
    pub flavor: Flavor,
    pub column: &'a Column,
}

/// Decides how `source` and `target` are compared. Symmetric: swapping the
/// sides gives the same rule.
///
/// First what the two types call for, then what is made strict, then what is
/// declared beyond.
///
/// # Errors
/// [`Incomparable`] when there is no meaning the two types share; the caller
/// names table and column and reports it, a column is never left out silently.
pub fn pair(source: Side<'_>, target: Side<'_>, settings: &Settings) -> Result<ColumnRule, Incomparable> {
    let default = by_types(source, target, settings)?;
    let (stricter, strict) = strict::tighten(default, source, target, settings)?;
    Ok(declared::widen(stricter, strict, source, target, settings))
}

/// The rule that the two types call for, with all default policies.
pub(super) fn by_types(source: Side<'_>, target: Side<'_>, settings: &Settings) -> Result<PairRule, Incomparable> {
    let unknown = |side, s: Side<'_>| Incomparable::UnknownType { side, native: s.column.native.clone() };
    let a = source.column.logical.as_ref().ok_or_else(|| unknown("source", source))?;
    let b = target.column.logical.as_ref().ok_or_else(|| unknown("target", target))?;
    if let Some(rule) = declared::meaning(source, target, settings) {
        return Ok(rule);
    }
    // Each pair is listed once; the other order is tried by swapping.
    if let Some(decided) = decide(a, b, settings).or_else(|| decide(b, a, settings)) {
        let mut rule = decided.ok_or_else(|| Incomparable::ZoneNeeded {
            source_native: source.column.native.clone(),
            target_native: target.column.native.clone(),
        })?;
        if matches!(source.engine, Engine::Sqlite) || matches!(target.engine, Engine::Sqlite) {
            add_sqlite_policy(&mut rule);
        }
        return Ok(finished(rule, source, target));
    }
    let rule = sqlite_text(source, target, a, b, settings)?;
    Ok(finished(rule, source, target))
}

fn finished(mut rule: PairRule, source: Side<'_>, target: Side<'_>) -> PairRule {
    if let Rule::Time { rounding, .. } | Rule::Timestamp { rounding, .. } | Rule::Instant { rounding, .. } =
        &mut rule.rule
    {
        *rounding = coarser_rounding(source, target);
    }
    round_parts(&mut rule.rule, Rounding::of(source.engine, source.flavor));
    rule.policies.sort_unstable();
    rule.policies.dedup();
    rule
}

/// That of the side with fewer digits. Where both have as many, only text of
/// SQLite can have more than is compared.
fn coarser_rounding(source: Side<'_>, target: Side<'_>) -> Rounding {
    let digits = |side: Side<'_>| match side.column.logical {
        Some(Logical::Time { digits } | Logical::Timestamp { digits } | Logical::Instant { digits }) => digits,
        _ => u8::MAX,
    };
    let coarser = match digits(source).cmp(&digits(target)) {
        Ordering::Less => source,
        Ordering::Greater => target,
        Ordering::Equal if source.engine == Engine::Sqlite => target,
        Ordering::Equal if target.engine == Engine::Sqlite => source,
        Ordering::Equal => return Rounding::HalfUp,
    };
    Rounding::of(coarser.engine, coarser.flavor)
}

/// SQLite keeps dates, UUIDs and JSON in TEXT columns: a pair of a plain text
/// column there with such a type elsewhere is read as that type.
fn sqlite_text(
    source: Side<'_>,
    target: Side<'_>,
    a: &Logical,
    b: &Logical,
    settings: &Settings,
) -> Result<PairRule, Incomparable> {
    let no_meaning = || Incomparable::NoCommonMeaning {
        source_native: source.column.native.clone(),
        target_native: target.column.native.clone(),
    };
    let other = match (source.engine, target.engine) {
        (Engine::Sqlite, Engine::Sqlite) => return Err(no_meaning()),
        (Engine::Sqlite, _) if matches!(a, Logical::Text { .. }) => b,
        (_, Engine::Sqlite) if matches!(b, Logical::Text { .. }) => a,
        _ => return Err(no_meaning()),
    };
    let decided = match *other {
        // The column declares no zone, so the text that names none is in the one
        // that the operator declares.
        Logical::Instant { digits } => decide(other, &Logical::Timestamp { digits }, settings),
        Logical::Date | Logical::Time { .. } | Logical::TimeTz { .. } | Logical::Timestamp { .. } => {
            decide(other, other, settings)
        }
        _ => None,
    };
    let mut rule = decided.ok_or_else(no_meaning)?.ok_or_else(|| Incomparable::ZoneNeeded {
        source_native: source.column.native.clone(),
        target_native: target.column.native.clone(),
    })?;
    rule.policies.push(Policy::SqliteTemporalText);
    Ok(rule)
}

/// A column of SQLite's holds anything, text in place of bytes and UUIDs
/// included, whatever its type.
fn add_sqlite_policy(rule: &mut PairRule) {
    match rule.rule {
        Rule::Bytes { .. } => rule.policies.push(Policy::TextAsBytes),
        Rule::Uuid => rule.policies.push(Policy::UuidSpelling),
        Rule::Date | Rule::Time { .. } | Rule::TimeTz | Rule::Timestamp { .. } | Rule::Instant { .. } => {
            rule.policies.push(Policy::SqliteTemporalText);
        }
        Rule::Number
        | Rule::Double
        | Rule::Single
        | Rule::Text { .. }
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
        // What settings make of a rule comes later.
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

/// `None`: this order of the pair is not listed. `Some(None)`: it is, but the
/// zone of the naive side has not been declared.
pub(super) fn decide(a: &Logical, b: &Logical, settings: &Settings) -> Option<Option<PairRule>> {
    use Logical as L;
    use Policy as P;
    // The caller knows the servers, and with them the rounding.
    let rounding = Rounding::HalfUp;
    let time = |digits| Rule::Time { digits, rounding };
    let timestamp = |digits| Rule::Timestamp { digits, rounding };
    let instant = |digits, naive_zone_minutes| Rule::Instant { digits, rounding, naive_zone_minutes };
    let plain = |rule, policies: &[Policy]| Some(Some(PairRule { rule, policies: policies.to_vec() }));
    match (a, b) {
        (L::Bool, L::Bool) | (L::Int { .. } | L::Year, L::Int { .. } | L::Year) => plain(Rule::Number, &[]),
        (L::Bool, L::Int { .. } | L::Decimal { .. }) => plain(Rule::Number, &[P::BoolAsInt]),
        (L::Int { .. } | L::Year, L::Decimal { .. }) => plain(Rule::Number, &[P::DecimalScale]),
        (L::Decimal { scale: x, precision }, L::Decimal { scale: y, precision: other }) => {
            let same_scale = x == y && precision.is_some() && other.is_some();
            plain(Rule::Number, if same_scale { &[] } else { &[P::DecimalScale] })
        }
        (L::SqliteNumeric, L::Bool) => plain(Rule::Double, &[P::BoolAsInt, P::NegativeZero]),
        (L::Float32 | L::Float64, L::Float32 | L::Float64) => plain(Rule::Double, &[P::NegativeZero]),
        (L::SqliteNumeric, L::SqliteNumeric | L::Float32 | L::Float64 | L::Int { .. } | L::Year)
        | (L::Float64 | L::Float32, L::Int { .. } | L::Year) => plain(Rule::Double, &[P::NegativeZero]),
        (L::SqliteNumeric | L::Float64, L::Decimal { .. }) => {
            plain(Rule::Double, &[P::DecimalAsFloat, P::NegativeZero])
        }
        (L::Float32, L::Decimal { .. }) => plain(Rule::Single, &[P::DecimalAsFloat, P::NegativeZero]),
        (L::Char { .. }, L::Char { .. } | L::Text { .. }) => plain(Rule::Text { trim_spaces: true }, &[P::CharPadding]),
        (L::Text { .. }, L::Text { .. }) => plain(Rule::Text { trim_spaces: false }, &[]),
        (L::Enum, L::Enum) => plain(Rule::Text { trim_spaces: false }, &[]),
        (L::Enum, L::Text { .. }) => plain(Rule::Text { trim_spaces: false }, &[P::EnumLabel]),
        (L::Enum, L::Char { .. }) => plain(Rule::Text { trim_spaces: true }, &[P::EnumLabel, P::CharPadding]),
        (L::Network, L::Network) => plain(Rule::Text { trim_spaces: false }, &[]),
        (L::Network, L::Text { .. }) => plain(Rule::Text { trim_spaces: false }, &[P::NetworkText]),
        (L::Set, L::Set) => plain(Rule::Set, &[P::SetMembers]),
        (L::Set, L::Text { .. }) => plain(Rule::Set, &[P::SetMembers]),
        (L::Binary { .. }, L::Binary { .. } | L::Bytes { .. }) => {
            plain(Rule::Bytes { trim_zeros: true }, &[P::BinaryPadding])
        }
        (L::Bytes { .. }, L::Bytes { .. }) => plain(Rule::Bytes { trim_zeros: false }, &[]),
        (L::Bytes { .. }, L::Text { .. }) => plain(Rule::Bytes { trim_zeros: false }, &[P::TextAsBytes]),
        (L::Binary { .. }, L::Text { .. } | L::Char { .. }) => {
            plain(Rule::Bytes { trim_zeros: true }, &[P::TextAsBytes, P::BinaryPadding])
        }
        (L::Uuid, L::Uuid) => plain(Rule::Uuid, &[]),
        (L::Uuid, L::Text { .. } | L::Char { .. } | L::Bytes { .. } | L::Binary { bytes: 16 }) => {
            plain(Rule::Uuid, &[P::UuidSpelling])
        }
        (L::Date, L::Date) => plain(Rule::Date, &[]),
        (L::Date, L::Timestamp { .. }) => plain(timestamp(6), &[P::DateAsMidnight]),
        (L::Time { digits: x }, L::Time { digits: y }) => plain(time(*x.min(y)), precision(x, y)),
        (L::TimeTz { .. }, L::TimeTz { .. }) => plain(Rule::TimeTz, &[]),
        (L::Timestamp { digits: x }, L::Timestamp { digits: y }) => plain(timestamp(*x.min(y)), precision(x, y)),
        (L::Instant { digits: x }, L::Instant { digits: y }) => plain(instant(*x.min(y), 0), precision(x, y)),
        (L::Instant { digits: x }, L::Timestamp { digits: y }) => {
            Some(settings.naive_zone_minutes.map(|naive_zone_minutes| PairRule {
                rule: instant(*x.min(y), naive_zone_minutes),
                policies: [&[P::NaiveZone], precision(x, y)].concat(),
            }))
        }
        (L::Interval, L::Interval) => plain(Rule::Interval, &[]),
        (L::Json { .. }, L::Json { .. } | L::Text { .. }) => plain(Rule::Json, &[P::JsonMeaning]),
        (L::Bits { .. }, L::Bits { .. }) => plain(Rule::Bits, &[]),
        (L::Bits { .. }, L::Int { .. } | L::Bool) => plain(Rule::Number, &[P::BitsAsInt]),
        _ => decide_nested(a, b, settings),
    }
}

fn precision(x: &u8, y: &u8) -> &'static [Policy] {
    if x == y { &[] } else { &[Policy::TimePrecision] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITE: (Engine, Flavor) = (Engine::Sqlite, Flavor::Original);
    const PG: (Engine, Flavor) = (Engine::Postgres, Flavor::Original);
    const MY: (Engine, Flavor) = (Engine::MySql, Flavor::Original);
    const MARIA: (Engine, Flavor) = (Engine::MySql, Flavor::MariaDb);
    const TEXT: Logical = Logical::Text { chars_max: None };

    fn utc_plus_1() -> Settings {
        Settings { naive_zone_minutes: Some(60), ..Settings::default() }
    }

    fn decided(
        (source, a): ((Engine, Flavor), Logical),
        (target, b): ((Engine, Flavor), Logical),
        settings: &Settings,
    ) -> Result<ColumnRule, Incomparable> {
        let column = |logical| Column {
            name: "c".to_owned(),
            native: String::new(),
            logical: Some(logical),
            nullable: true,
            generated: false,
            collation: None,
        };
        let (a, b) = (column(a), column(b));
        let source = Side { engine: source.0, flavor: source.1, column: &a };
        let target = Side { engine: target.0, flavor: target.1, column: &b };
        let rule = pair(source, target, settings);
        assert_eq!(rule, pair(target, source, settings).map_err(|_| rule.clone().unwrap_err()));
        rule
    }

    #[test]
    fn the_zone_of_sqlite_text_is_the_declared_one_and_never_guessed() {
        let instant = Logical::Instant { digits: 6 };
        let undeclared = decided((LITE, TEXT), (PG, instant.clone()), &Settings::default());
        assert!(matches!(undeclared, Err(Incomparable::ZoneNeeded { .. })), "{undeclared:?}");
        let declared = decided((LITE, TEXT), (PG, instant.clone()), &utc_plus_1()).unwrap();
        let rounding = Rounding::HalfFrom2000;
        assert_eq!(declared.rule, Rule::Instant { digits: 6, rounding, naive_zone_minutes: 60 });
        assert_eq!(declared.policies, [Policy::NaiveZone, Policy::SqliteTemporalText]);
        // Declared as points in time, what names no zone is UTC.
        let zoned = decided((LITE, instant.clone()), (PG, instant.clone()), &utc_plus_1()).unwrap();
        assert_eq!(zoned.rule, Rule::Instant { digits: 6, rounding, naive_zone_minutes: 0 });
        assert_eq!(zoned.policies, [Policy::SqliteTemporalText]);
    }

    #[test]
    fn every_equality_of_sqlite_beyond_identity_is_a_named_policy() {
        let bytes = Logical::Bytes { bytes_max: None };
        let policies = |a, b| decided(a, b, &Settings::default()).unwrap().policies;
        assert_eq!(policies((LITE, bytes.clone()), (LITE, bytes.clone())), [Policy::TextAsBytes]);
        assert_eq!(policies((LITE, bytes.clone()), (PG, bytes.clone())), [Policy::TextAsBytes]);
        assert_eq!(policies((LITE, Logical::Uuid), (LITE, Logical::Uuid)), [Policy::UuidSpelling]);
        assert_eq!(
            policies((LITE, Logical::TimeTz { digits: 6 }), (PG, Logical::TimeTz { digits: 6 })),
            [Policy::SqliteTemporalText]
        );
        assert!(policies((PG, bytes.clone()), (MY, bytes.clone())).is_empty());
        assert!(policies((PG, Logical::Uuid), (MARIA, Logical::Uuid)).is_empty());
    }

    #[test]
    fn the_coarser_side_decides_how_to_round() {
        let rounding = |a: ((Engine, Flavor), u8), b: ((Engine, Flavor), u8)| {
            let timestamp = |digits| Logical::Timestamp { digits };
            let instant = |digits| Logical::Instant { digits };
            let time = |digits| Logical::Time { digits };
            let all = [
                decided((a.0, timestamp(a.1)), (b.0, timestamp(b.1)), &utc_plus_1()).unwrap().rule,
                decided((a.0, timestamp(a.1)), (b.0, instant(b.1)), &utc_plus_1()).unwrap().rule,
                decided((a.0, instant(a.1)), (b.0, instant(b.1)), &utc_plus_1()).unwrap().rule,
                decided((a.0, time(a.1)), (b.0, time(b.1)), &utc_plus_1()).unwrap().rule,
            ];
            let of = |rule: &Rule| match rule {
                Rule::Timestamp { rounding, .. } | Rule::Instant { rounding, .. } | Rule::Time { rounding, .. } => {
                    *rounding
                }
                other => panic!("{other:?}"),
            };
            let first = of(&all[0]);
            assert!(all.iter().all(|rule| of(rule) == first), "{all:?}");
            first
        };
        assert_eq!(rounding((PG, 6), (MY, 0)), Rounding::HalfUp);
        assert_eq!(rounding((PG, 6), (MARIA, 3)), Rounding::Down);
        assert_eq!(rounding((PG, 3), (MARIA, 6)), Rounding::HalfFrom2000);
        assert_eq!(rounding((LITE, 6), (MARIA, 6)), Rounding::Down);
        assert_eq!(rounding((LITE, 0), (MARIA, 6)), Rounding::HalfUp);
        assert_eq!(rounding((PG, 6), (MY, 6)), Rounding::HalfUp);
    }
}
