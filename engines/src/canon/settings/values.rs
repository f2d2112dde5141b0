//! The values that settings have, each of which can hold nothing wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::decimal::{Decimal, Shortest};

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

#[cfg(test)]
mod tests {
    use super::*;

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
