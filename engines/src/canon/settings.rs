//! What the operator declares about equality, for a run, a table or a column.
//!
//! One type for every level: a key that a level does not name is left to the
//! level around it ([`Settings::within`]). The names are those of the config file
//! and of the golden vectors, which both read this type.
//!
//! Nothing here knows a column; whether a setting means anything for a pair of
//! types is [`super::declared::applies`]'s to say.

mod values;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::policy::{Origin, Policy};

pub use values::{
    Amount, BoolWords, CompareAs, Normalize, TimeDigits, TimeRounding, UuidLayout, zone_minutes, zone_name,
};

/// The settings of one level, or those in force after all levels were laid
/// over each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Default policies that are switched off, beside those that the level
    /// around switches off.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "default_policies")]
    pub strict: BTreeSet<Policy>,
    /// Default policies that the level around switches off and this one does not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "default_policies")]
    pub lenient: BTreeSet<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_spaces: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_is_null: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_date_is_null: Option<bool>,
    /// Digits of the second's fraction that are compared; 6 is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_digits: Option<TimeDigits>,
    /// How a fraction is shortened, in place of how the coarser server does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_rounding: Option<TimeRounding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare_as: Option<CompareAs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bool_words: Option<BoolWords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid_layout: Option<UuidLayout>,
    /// By how much two numbers may differ; 0 is not at all, here and below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Amount>,
    /// By which share of the larger of two numbers they may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<Amount>,
    /// By how many representable values two floating-point numbers may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ulps: Option<u32>,
    /// Minutes east of UTC for dates with times that name no zone, needed
    /// where the other side keeps points in time. Never guessed.
    #[serde(
        rename = "naive_zone",
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_zone",
        deserialize_with = "read_zone"
    )]
    pub naive_zone_minutes: Option<i32>,
}

/// One key of [`Settings`], as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SettingKey {
    Strict(Policy),
    Lenient(Policy),
    TrimSpaces,
    IgnoreCase,
    Normalize,
    EmptyIsNull,
    ZeroDateIsNull,
    TimeDigits,
    TimeRounding,
    CompareAs,
    BoolWords,
    UuidLayout,
    Absolute,
    Relative,
    Ulps,
    NaiveZone,
}

impl Settings {
    /// These settings, with `outer`'s where they say nothing.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        let kept = outer.strict.iter().filter(|policy| !self.lenient.contains(policy));
        Self {
            strict: kept.chain(&self.strict).copied().collect(),
            lenient: BTreeSet::new(),
            trim_spaces: self.trim_spaces.or(outer.trim_spaces),
            ignore_case: self.ignore_case.or(outer.ignore_case),
            normalize: self.normalize.or(outer.normalize),
            empty_is_null: self.empty_is_null.or(outer.empty_is_null),
            zero_date_is_null: self.zero_date_is_null.or(outer.zero_date_is_null),
            time_digits: self.time_digits.or(outer.time_digits),
            time_rounding: self.time_rounding.or(outer.time_rounding),
            compare_as: self.compare_as.or(outer.compare_as),
            bool_words: self.bool_words.clone().or_else(|| outer.bool_words.clone()),
            uuid_layout: self.uuid_layout.or(outer.uuid_layout),
            absolute: self.absolute.clone().or_else(|| outer.absolute.clone()),
            relative: self.relative.clone().or_else(|| outer.relative.clone()),
            ulps: self.ulps.or(outer.ulps),
            naive_zone_minutes: self.naive_zone_minutes.or(outer.naive_zone_minutes),
        }
    }

    /// The keys that this level names.
    #[must_use]
    pub fn keys(&self) -> Vec<SettingKey> {
        use SettingKey as K;
        let policies = self.strict.iter().map(|&p| K::Strict(p)).chain(self.lenient.iter().map(|&p| K::Lenient(p)));
        let others = [
            self.trim_spaces.map(|_| K::TrimSpaces),
            self.ignore_case.map(|_| K::IgnoreCase),
            self.normalize.map(|_| K::Normalize),
            self.empty_is_null.map(|_| K::EmptyIsNull),
            self.zero_date_is_null.map(|_| K::ZeroDateIsNull),
            self.time_digits.map(|_| K::TimeDigits),
            self.time_rounding.map(|_| K::TimeRounding),
            self.compare_as.map(|_| K::CompareAs),
            self.bool_words.as_ref().map(|_| K::BoolWords),
            self.uuid_layout.map(|_| K::UuidLayout),
            self.absolute.as_ref().map(|_| K::Absolute),
            self.relative.as_ref().map(|_| K::Relative),
            self.ulps.map(|_| K::Ulps),
            self.naive_zone_minutes.map(|_| K::NaiveZone),
        ];
        policies.chain(others.into_iter().flatten()).collect()
    }

    /// What contradicts itself, for the operator.
    ///
    /// # Errors
    /// A sentence without the place, which the caller knows.
    pub fn check(&self) -> Result<(), String> {
        if let Some(policy) = self.strict.intersection(&self.lenient).next() {
            return Err(format!("`{}` is in `strict` and in `lenient`", policy.name()));
        }
        let words = self.bool_words.as_ref();
        match words.and_then(|words| words.yes.iter().find(|word| words.no.contains(word))) {
            Some(_) => Err("a word of `bool_words` means both true and false".to_owned()),
            None => Ok(()),
        }
    }
}

impl SettingKey {
    /// As it is written in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict(_) => "strict",
            Self::Lenient(_) => "lenient",
            Self::TrimSpaces => "trim_spaces",
            Self::IgnoreCase => "ignore_case",
            Self::Normalize => "normalize",
            Self::EmptyIsNull => "empty_is_null",
            Self::ZeroDateIsNull => "zero_date_is_null",
            Self::TimeDigits => "time_digits",
            Self::TimeRounding => "time_rounding",
            Self::CompareAs => "compare_as",
            Self::BoolWords => "bool_words",
            Self::UuidLayout => "uuid_layout",
            Self::Absolute => "absolute",
            Self::Relative => "relative",
            Self::Ulps => "ulps",
            Self::NaiveZone => "naive_zone",
        }
    }

    /// Whether it lets numbers differ, which no encoding can express.
    #[must_use]
    pub fn is_tolerance(self) -> bool {
        matches!(self, Self::Absolute | Self::Relative | Self::Ulps)
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strict(policy) | Self::Lenient(policy) => write!(f, "{} = [\"{}\"]", self.name(), policy.name()),
            _ => f.write_str(self.name()),
        }
    }
}

/// An opt-in has no business among them: it is off already.
fn default_policies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Policy>, D::Error> {
    let policies = BTreeSet::<Policy>::deserialize(deserializer)?;
    match policies.iter().find(|policy| policy.origin() != Origin::Default) {
        Some(policy) => Err(de::Error::custom(format!(
            "`{}` is in force only where it is declared, so it cannot be in this list",
            policy.name()
        ))),
        None => Ok(policies),
    }
}

fn read_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    zone_minutes(&text).map(Some).map_err(de::Error::custom)
}

fn write_zone<S: Serializer>(minutes: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error> {
    match minutes {
        Some(minutes) => serializer.serialize_str(&zone_name(*minutes)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Settings, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_innermost_level_that_names_a_key_decides() {
        let run = read(r#"{"strict":["json_meaning","decimal_scale"],"ignore_case":true,"absolute":"0.5"}"#).unwrap();
        let table = read(r#"{"lenient":["json_meaning"],"strict":["bool_as_int"],"absolute":0}"#).unwrap();
        let column = read(r#"{"ignore_case":false,"ulps":4}"#).unwrap();
        let resolved = column.within(&table.within(&run));
        assert_eq!(resolved.strict, [Policy::DecimalScale, Policy::BoolAsInt].into());
        assert_eq!((resolved.ignore_case, resolved.ulps), (Some(false), Some(4)));
        assert!(resolved.absolute.unwrap().is_zero(), "0 takes an outer tolerance back");
    }

    #[test]
    fn every_key_is_read_as_it_is_written() {
        let all = r#"{"strict":["decimal_scale"],"lenient":["negative_zero"],"trim_spaces":true,"ignore_case":true,
            "normalize":"nfc","empty_is_null":true,"zero_date_is_null":true,"time_digits":3,"time_rounding":"down",
            "compare_as":"float32","bool_words":{"true":["Y"],"false":["N"]},"uuid_layout":"time_swapped",
            "absolute":"0.010","relative":1e-9,"ulps":4,"naive_zone":"-03:30"}"#;
        let settings = read(all).unwrap();
        assert_eq!(settings.naive_zone_minutes, Some(-210));
        assert_eq!(settings.relative.as_ref().unwrap().to_string(), "0.000000001");
        assert_eq!(settings.keys().len(), 16);
        assert_eq!(read(&serde_json::to_string(&settings).unwrap()).unwrap(), settings);
        assert_eq!(serde_json::to_string(&Settings::default()).unwrap(), "{}");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for json in [
            r#"{"trim_space":true}"#,
            r#"{"strict":["ignore_case"]}"#,
            r#"{"strict":["naive_zone"]}"#,
            r#"{"strict":["nosuch"]}"#,
            r#"{"time_digits":7}"#,
            r#"{"absolute":"-0.01"}"#,
            r#"{"absolute":-1}"#,
            r#"{"absolute":"NaN"}"#,
            r#"{"relative":"Infinity"}"#,
            r#"{"ulps":-1}"#,
            r#"{"ulps":1.5}"#,
            r#"{"normalize":"nfd"}"#,
            r#"{"bool_words":{"yes":["Y"]}}"#,
            r#"{"naive_zone":"Europe/Berlin"}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        assert!(read(r#"{"strict":["set_members"],"lenient":["set_members"]}"#).unwrap().check().is_err());
        assert!(read(r#"{"bool_words":{"true":["1"],"false":["1"]}}"#).unwrap().check().is_err());
    }

    #[test]
    fn names_are_those_of_the_serialised_form() {
        for name in ["decimal_scale", "naive_zone", "trim_spaces", "normalize_nfc", "ulp_tolerance", "network_text"] {
            let policy: Policy = serde_json::from_str(&format!("\"{name}\"")).unwrap();
            assert_eq!(policy.name(), name);
        }
    }
}
