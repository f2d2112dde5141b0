//! Rules and tolerances in words, for the certificate.

use std::fmt;

use super::form::TextForm;
use super::rule::Rule;
use super::settings::zone_name;
use super::tolerance::Tolerance;

impl Rule {
    /// How a pair of columns is compared, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let fixed = match self {
            Self::Number => "as exact numbers",
            Self::ScaledNumber => "as exact numbers with their scale",
            Self::Double => "as double-precision numbers",
            Self::Single => "as numbers, decimals rounded to single precision",
            Self::Float { single: false, signed_zero: false } => "as double-precision numbers",
            Self::Float { single: false, signed_zero: true } => "as double-precision numbers, -0.0 apart from 0.0",
            Self::Float { single: true, signed_zero: false } => "as single-precision numbers",
            Self::Float { single: true, signed_zero: true } => "as single-precision numbers, -0.0 apart from 0.0",
            Self::Text { trim_spaces: false } => "as text, character by character",
            Self::Text { trim_spaces: true } => "as text without spaces at the end",
            Self::FormedText(form) => return formed("as text", *form),
            Self::BoolWords(rule) => return formed("as booleans, by declared words of text", rule.form),
            Self::Bytes { trim_zeros: false } => "as bytes",
            Self::Bytes { trim_zeros: true } => "as bytes without zeros at the end",
            Self::StoredBytes { trim_zeros: false } => "as bytes; text is no bytes",
            Self::StoredBytes { trim_zeros: true } => "as bytes without zeros at the end; text is no bytes",
            Self::Uuid => "as UUIDs",
            Self::SwappedUuid => "as UUIDs, whose bytes begin with the third and the second group",
            Self::Date => "as dates",
            Self::Time { digits, .. } => return format!("as times, {}", digits_words(*digits)),
            Self::TimeTz => "as times with their offset",
            Self::Timestamp { digits, .. } => return format!("as dates with times, {}", digits_words(*digits)),
            Self::Instant { digits, naive_zone_minutes, .. } => {
                let zone = zone_name(*naive_zone_minutes);
                return format!("as points in time, {}; without a zone: {zone}", digits_words(*digits));
            }
            Self::Interval => "as months, days and microseconds",
            Self::Json => "as JSON, by meaning",
            Self::JsonText => "as JSON, by spelling",
            Self::Bits => "as strings of bits",
            Self::Set => "as sets of labels",
            Self::Array { element } => return format!("as arrays with their bounds, the elements {}", element.words()),
            Self::Range { bound } => return format!("as ranges, the bounds {}", bound.words()),
            Self::Multirange { bound } => return format!("as sets of ranges, the bounds {}", bound.words()),
            Self::Composite { fields } => {
                let fields: Vec<String> = fields.iter().map(Self::words).collect();
                return format!("field by field: {}", fields.join("; "));
            }
            Self::Map => "as keys and values without order",
            Self::Shape => "as coordinates, bit by bit",
            Self::Geometry => "as geometries, bit by bit",
            Self::Vector => "as vectors of single-precision numbers",
            Self::AsStored => "as what is stored",
            Self::ZeroDateIsNull(within) => return format!("{}; 0000-00-00 is NULL", within.words()),
        };
        fixed.to_owned()
    }
}

/// An amount that comes behind "differ by".
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |ulps: &super::tolerance::Ulps| {
            let precision = if ulps.single { "single" } else { "double" };
            let steps = if ulps.count == 1 { "step" } else { "steps" };
            format!("{} {steps} of {precision} precision", ulps.count)
        };
        let parts = [
            self.absolute.as_ref().map(ToString::to_string),
            self.relative.as_ref().map(|share| format!("{share} of the larger value")),
            self.ulps.as_ref().map(steps),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "{} at most", parts.join(" or "))
    }
}

fn digits_words(digits: u8) -> String {
    match digits {
        0 => "to the second".to_owned(),
        1 => "to 1 digit of the second's fraction".to_owned(),
        6.. => "to the microsecond".to_owned(),
        _ => format!("to {digits} digits of the second's fraction"),
    }
}

fn formed(what: &str, form: TextForm) -> String {
    let parts = [
        (form.trim_spaces, "without spaces at the end"),
        (form.ignore_case, "without regard to case"),
        (form.nfc, "in normalisation form C"),
        (form.empty_is_null, "none at all is NULL"),
    ];
    let parts: Vec<&str> = parts.into_iter().filter_map(|(on, words)| on.then_some(words)).collect();
    if parts.is_empty() { what.to_owned() } else { format!("{what}, {}", parts.join(", ")) }
}
