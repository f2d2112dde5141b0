//! The named equalities that are wider than identity.

use serde::{Deserialize, Serialize};

/// A way in which two values that are not the same count as equal.
///
/// Each has a stable name for configuration and certificate, and a sentence
/// for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// 1.10 = 1.1: the scale of a decimal is not part of its value.
    DecimalScale,
    /// A decimal equals a double (or single) when it rounds to it.
    DecimalAsFloat,
    /// −0.0 = 0.0.
    NegativeZero,
    /// true = 1 and false = 0; any other number differs from both.
    BoolAsInt,
    /// Spaces at the end don't count, as one side's type is `CHAR(n)`.
    CharPadding,
    /// Zero bytes at the end don't count, as one side's type is `BINARY(n)`.
    BinaryPadding,
    /// Text equals the same bytes in UTF-8.
    TextAsBytes,
    /// Text or 16 bytes equal the UUID that they spell.
    UuidSpelling,
    /// A date equals its own midnight.
    DateAsMidnight,
    /// Moments are compared at the coarser precision of the two types, to which
    /// the finer are shortened as the server of the coarser side would.
    TimePrecision,
    /// A date and time without zone is taken to be in the declared zone.
    NaiveZone,
    /// SQLite has no date types: ISO 8601 text is read as the type that the
    /// column declares.
    SqliteTemporalText,
    /// JSON is compared by meaning: key order, white space, escapes and the
    /// spelling of numbers don't count; of a repeated key the last one does.
    JsonMeaning,
    /// An enum equals its label as text.
    EnumLabel,
    /// The members of a set are compared without order.
    SetMembers,
    /// Bits are read as an unsigned number.
    BitsAsInt,
    /// Network addresses equal their canonical text.
    NetworkText,
    /// A value of a type that has its own notation (a text search vector, a label
    /// path, a log position …) equals the text in which its server writes it.
    NotationText,
}

impl Policy {
    /// One sentence for the certificate.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::DecimalScale => "1.10 equals 1.1: a decimal's scale is not part of its value",
            Self::DecimalAsFloat => "a decimal equals the floating-point number it rounds to",
            Self::NegativeZero => "-0.0 equals 0.0",
            Self::BoolAsInt => "true equals 1 and false equals 0; other numbers differ from both",
            Self::CharPadding => "spaces at the end of a CHAR(n) do not count",
            Self::BinaryPadding => "zero bytes at the end of a BINARY(n) do not count",
            Self::TextAsBytes => "text equals the same bytes in UTF-8",
            Self::UuidSpelling => "text or 16 bytes equal the UUID they spell",
            Self::DateAsMidnight => "a date equals its midnight",
            Self::TimePrecision => {
                "times are compared at the coarser precision of the two types, shortened as that side's server does"
            }
            Self::NaiveZone => "a time without zone is taken to be in the declared zone",
            Self::SqliteTemporalText => "ISO 8601 text in SQLite is read as the declared date or time",
            Self::JsonMeaning => "JSON is compared by meaning, not by spelling",
            Self::EnumLabel => "an enum equals its label",
            Self::SetMembers => "the members of a set have no order",
            Self::BitsAsInt => "bits are read as an unsigned number",
            Self::NetworkText => "a network address equals its canonical text",
            Self::NotationText => "a value with a notation of its own equals the text in which its server writes it",
        }
    }
}

/// What the operator has declared about equality.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Minutes east of UTC for dates with times that name no zone, needed
    /// where the other side keeps points in time. Never guessed.
    pub naive_zone_minutes: Option<i32>,
}
