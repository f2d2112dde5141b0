//! Values as they are written on the command line and in the config, parsed once.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use switchback_engines::canon::settings::zone_minutes;
use switchback_engines::canon::{Origin, Policy};
use switchback_verify::options::IgnoredColumn;
use switchback_verify::plan::selection::Pattern;

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment<T = String> {
    pub(crate) name: String,
    pub(crate) value: T,
}

impl<T> FromStr for Assignment<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The first `=`: a condition has more of them, a table's name hardly ever.
        let (name, value) = text.split_once('=').ok_or("it needs the form NAME=VALUE")?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err("both sides of `=` need a value".to_owned());
        }
        let value = value.parse().map_err(|error: T::Err| error.to_string())?;
        Ok(Self { name: name.to_owned(), value })
    }
}

/// `COLUMN,COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnList(pub(crate) Vec<String>);

impl FromStr for ColumnList {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let columns: Vec<String> = text.split(',').map(|column| column.trim().to_owned()).collect();
        if columns.iter().any(String::is_empty) {
            return Err("a column in the list has no name");
        }
        Ok(Self(columns))
    }
}

/// `COLUMN`, `TABLE.COLUMN` or `SCHEMA.TABLE.COLUMN`; the table may be a pattern.
pub(crate) fn ignored_column(text: &str) -> Result<IgnoredColumn, String> {
    let (table, column) = match text.rsplit_once('.') {
        Some((table, column)) => (Some(table), column),
        None => (None, text),
    };
    if column.is_empty() {
        return Err("it names no column".to_owned());
    }
    let table = table.map(Pattern::from_str).transpose().map_err(|error| error.to_string())?;
    Ok(IgnoredColumn { table, column: column.to_owned() })
}

/// A policy that is on by itself, by its name in the certificate.
pub(crate) fn default_policy(text: &str) -> Result<Policy, String> {
    match Policy::ALL.into_iter().find(|policy| policy.name() == text) {
        Some(policy) if policy.origin() == Origin::Default => Ok(policy),
        Some(_) => Err("it is in force only where it is declared".to_owned()),
        None => {
            let names = Policy::ALL.into_iter().filter(|policy| policy.origin() == Origin::Default).map(Policy::name);
            Err(format!("the policies that can be strict are {}", names.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// An offset from UTC in minutes: `Z`, `+00:00`, `-03:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) minutes: i32,
}

impl FromStr for Zone {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        zone_minutes(text).map(|minutes| Self { minutes })
    }
}

/// A length of time: `500ms`, `90s`, `1h30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Duration(pub(crate) std::time::Duration);

impl FromStr for Duration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a length of time needs units: 500ms, 90s, 15m, 1h30m, 2d";
        const TOO_LONG: &str = "the length of time is too great";
        let mut millis: u64 = 0;
        let mut rest = text.trim();
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
            let (number, tail) = rest.split_at(digits);
            let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_len);
            let unit_millis: u64 = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" | "min" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(EXPECTED),
            };
            if number.is_empty() {
                return Err(EXPECTED);
            }
            let number: u64 = number.parse().map_err(|_| TOO_LONG)?;
            millis = number.checked_mul(unit_millis).and_then(|part| millis.checked_add(part)).ok_or(TOO_LONG)?;
            rest = tail;
        }
        // Clocks can't count for ever, and adding too much to one panics.
        if millis > 36_500 * 86_400_000 {
            return Err(TOO_LONG);
        }
        // Zero, or no text at all, is far more likely a mistake than a wish.
        if millis == 0 { Err(EXPECTED) } else { Ok(Self(std::time::Duration::from_millis(millis))) }
    }
}

/// A moment, with its offset from UTC: `2026-11-22T02:00:00+01:00`, in quotes or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TimeWord")]
pub(crate) struct Time(pub(crate) std::time::SystemTime);

/// As TOML has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum TimeWord {
    Text(String),
    Toml(toml::value::Datetime),
}

impl TryFrom<TimeWord> for Time {
    type Error = &'static str;

    fn try_from(word: TimeWord) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "a time needs a date, a time and an offset: 2026-11-22T02:00:00Z";
        let text = match word {
            TimeWord::Text(text) => text,
            TimeWord::Toml(time) => time.to_string(),
        };
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(|_| EXPECTED)?;
        Ok(Self(time.into()))
    }
}

/// The name of a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TaskName(pub(crate) String);

impl TryFrom<String> for TaskName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        const BYTES_MAX: usize = switchback_migrate::task::Request::NAME_BYTES_MAX;
        let stream = switchback_engines::StreamName::new(&name).ok();
        match stream.filter(|_| name.len() <= BYTES_MAX) {
            Some(_) => Ok(Self(name)),
            None => Err(format!("the name of a task is 1 to {BYTES_MAX} of a-z, 0-9 and _")),
        }
    }
}

/// A share above 0 % and below 100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percent {
    pub(crate) share: f64,
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        let percent: f64 = number.parse().map_err(|_| "it is no number")?;
        if percent > 0.0 && percent < 100.0 {
            Ok(Self { share: percent / 100.0 })
        } else {
            Err("it must be above 0 and below 100; leave the flag out to compare everything")
        }
    }
}

/// A table pattern in the config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PatternWord(pub(crate) Pattern);

/// A column to leave out, in the config.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct IgnoredColumnWord(pub(crate) IgnoredColumn);

impl TryFrom<String> for Duration {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for PatternWord {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: switchback_verify::plan::selection::EmptyPattern| error.to_string())
    }
}

impl TryFrom<String> for IgnoredColumnWord {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        ignored_column(&text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_ends_the_name() {
        let assignment: Assignment = "orders=state = 'open'".parse().unwrap();
        assert_eq!((assignment.name.as_str(), assignment.value.as_str()), ("orders", "state = 'open'"));
        for text in ["orders", "=x", "orders=", " = "] {
            assert!(text.parse::<Assignment>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_lists_columns() {
        let key: Assignment<ColumnList> = "public.orders=id, line".parse().unwrap();
        assert_eq!(key.value.0, ["id", "line"]);
        assert!("orders=id,,line".parse::<Assignment<ColumnList>>().is_err());
    }

    #[test]
    fn the_last_dot_begins_the_column() {
        let column = ignored_column("public.orders.updated_at").unwrap();
        assert_eq!(column.table.unwrap().to_string(), "public.orders");
        assert_eq!(column.column, "updated_at");
        assert_eq!(ignored_column("updated_at").unwrap().table, None);
        for text in ["", "orders.", ".updated_at"] {
            assert!(ignored_column(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones_are_offsets() {
        for (text, minutes) in [("+00:00", 0), ("Z", 0), ("+05:45", 345), ("-03:30", -210), ("+18:00", 1080)] {
            assert_eq!(text.parse(), Ok(Zone { minutes }), "{text}");
        }
        for text in ["", "5", "+5:00", "+05", "+05:60", "+18:01", "Europe/Berlin", "+٠٥:٠٠", "++1:00"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_units() {
        for (text, millis) in [("500ms", 500), ("90s", 90_000), ("1h30m", 5_400_000), ("2d", 172_800_000)] {
            assert_eq!(text.parse(), Ok(Duration(std::time::Duration::from_millis(millis))), "{text}");
        }
        for text in
            ["", "90", "s", "1x", "-5s", "1.5h", "0s", "99999999999999999999d", "9999999999999d", "36501d", "1h30"]
        {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sample_is_less_than_everything() {
        assert_eq!("5".parse(), Ok(Percent { share: 0.05 }));
        assert_eq!("0.5%".parse(), Ok(Percent { share: 0.005 }));
        for text in ["0", "100", "-1", "NaN", "inf", "", "five"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
