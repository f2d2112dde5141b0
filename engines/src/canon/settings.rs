//! What the operator declares about equality, for a run, a table or a column.
//!
//! One type for every level: a key that a level does not name is left to the
//! level around it ([`Settings::within`]). The names are those of the config file
//! and of the golden vectors, which both read this type.
//!
//! Nothing here knows a column; whether a setting means anything for a pair of
//! types is [`super::declared::applies`]'s to say.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::policy::{Origin, Policy};
use crate::decimal::{Decimal, Shortest};

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

/// The normalisation form in which text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    None,
    Nfc,
}

/// From 0 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TimeDigits(u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeRounding {
    /// To the nearest value, halves to the later one.
    Nearest,
    /// Digits are cut off.
    Down,
}

/// As which type floating-point numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareAs {
    /// What the two columns say.
    Declared,
    Float32,
}

/// Words that stand for a boolean, to the letter. None at all: no words do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoolWords {
    #[serde(rename = "true")]
    pub yes: Vec<String>,
    #[serde(rename = "false")]
    pub no: Vec<String>,
}

/// In which order 16 bytes hold a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UuidLayout {
    /// As it is written.
    Plain,
    /// `UUID_TO_BIN(x, 1)` of MySQL: the third and the second group first.
    TimeSwapped,
}

/// A number that is not negative, exactly as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(Decimal<'static>);

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

impl TimeDigits {
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for TimeDigits {
    type Error = &'static str;

    fn try_from(digits: u8) -> Result<Self, Self::Error> {
        if digits <= 6 { Ok(Self(digits)) } else { Err("a second's fraction has from 0 to 6 digits") }
    }
}

impl From<TimeDigits> for u8 {
    fn from(digits: TimeDigits) -> Self {
        digits.0
    }
}

impl FromStr for TimeDigits {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u8>().ok().and_then(|n| Self::try_from(n).ok()).ok_or("a second's fraction has from 0 to 6 digits")
    }
}

impl FromStr for Normalize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "nfc" => Ok(Self::Nfc),
            _ => Err("it must be `nfc` or `none`"),
        }
    }
}

impl BoolWords {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.yes.is_empty() && self.no.is_empty()
    }
}

impl Amount {
    #[must_use]
    pub fn get(&self) -> &Decimal<'static> {
        &self.0
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.shortest() == Some(Shortest::Int(0))
    }
}

const NO_AMOUNT: &str = "it must be a number from 0 up, such as 0.01 or 1e-9";

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decimal = Decimal::parse(text).filter(|_| !text.starts_with('-')).ok_or(NO_AMOUNT)?;
        if decimal.shortest().is_none() { Err(NO_AMOUNT) } else { Ok(Self(decimal.into_owned())) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

/// A text or a number. A number has gone through a double by now; the shortest
/// text of that double is what was written, unless it had more than 15 digits.
struct AmountVisitor;

impl de::Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 up, such as 0.01, or \"0.01\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
        format!("{number:e}").parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
        number.to_string().parse().map_err(E::custom)
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

/// An offset from UTC in minutes: `Z`, `+00:00`, `-03:30`.
///
/// # Errors
/// A sentence that says what an offset looks like.
pub fn zone_minutes(text: &str) -> Result<i32, &'static str> {
    const EXPECTED: &str = "an offset looks like +00:00 or -03:30, up to 18 hours; zones with daylight saving \
                            time have no single offset";
    if matches!(text, "Z" | "z" | "UTC") {
        return Ok(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return Err(EXPECTED),
    };
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = rest.split_once(':').ok_or(EXPECTED)?;
    let (hours, minutes) = two_digits(hours).zip(two_digits(minutes)).ok_or(EXPECTED)?;
    if minutes > 59 || hours * 60 + minutes > 18 * 60 {
        return Err(EXPECTED);
    }
    Ok(sign * (hours * 60 + minutes))
}

/// The way back from [`zone_minutes`].
#[must_use]
pub fn zone_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
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

    #[test]
    fn zones_go_there_and_back() {
        for (text, minutes) in [("+00:00", 0), ("+05:45", 345), ("-03:30", -210), ("+18:00", 1080)] {
            assert_eq!((zone_minutes(text), zone_name(minutes).as_str()), (Ok(minutes), text));
        }
        assert_eq!(zone_minutes("Z"), Ok(0));
        for text in ["", "5", "+5:00", "+05", "+05:60", "+18:01", "Europe/Berlin", "+٠٥:٠٠", "++1:00"] {
            assert!(zone_minutes(text).is_err(), "{text}");
        }
    }
}
