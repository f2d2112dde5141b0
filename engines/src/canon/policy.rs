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
    /// Spaces at the end of text don't count.
    TrimSpaces,
    /// Text is compared after Unicode's full case folding.
    IgnoreCase,
    /// Text is compared in Unicode's normalisation form C.
    NormalizeNfc,
    /// Text without a character equals NULL.
    EmptyIsNull,
    /// `0000-00-00` equals NULL.
    ZeroDateIsNull,
    /// Times are compared at fewer digits than their types have.
    TimeDigits,
    /// Floating-point numbers are compared as singles.
    SinglePrecision,
    /// Declared words of text equal true and false.
    BoolWords,
    /// Bytes are read as a UUID in the declared order.
    UuidLayout,
    /// Numbers may differ by a fixed amount.
    AbsoluteTolerance,
    /// Numbers may differ by a share of the larger one.
    RelativeTolerance,
    /// Floating-point numbers may differ by some representable neighbours.
    UlpTolerance,
}

/// Where a policy stands before anybody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// In force wherever the two types call for it, unless it is made strict.
    Default,
    /// In force only where the operator declares it.
    Declared,
}

impl Policy {
    pub const ALL: [Self; 30] = [
        Self::DecimalScale,
        Self::DecimalAsFloat,
        Self::NegativeZero,
        Self::BoolAsInt,
        Self::CharPadding,
        Self::BinaryPadding,
        Self::TextAsBytes,
        Self::UuidSpelling,
        Self::DateAsMidnight,
        Self::TimePrecision,
        Self::NaiveZone,
        Self::SqliteTemporalText,
        Self::JsonMeaning,
        Self::EnumLabel,
        Self::SetMembers,
        Self::BitsAsInt,
        Self::NetworkText,
        Self::NotationText,
        Self::TrimSpaces,
        Self::IgnoreCase,
        Self::NormalizeNfc,
        Self::EmptyIsNull,
        Self::ZeroDateIsNull,
        Self::TimeDigits,
        Self::SinglePrecision,
        Self::BoolWords,
        Self::UuidLayout,
        Self::AbsoluteTolerance,
        Self::RelativeTolerance,
        Self::UlpTolerance,
    ];

    /// Whether the policy is on by itself.
    #[must_use]
    pub fn origin(self) -> Origin {
        match self {
            Self::DecimalScale
            | Self::DecimalAsFloat
            | Self::NegativeZero
            | Self::BoolAsInt
            | Self::CharPadding
            | Self::BinaryPadding
            | Self::TextAsBytes
            | Self::UuidSpelling
            | Self::DateAsMidnight
            | Self::TimePrecision
            | Self::SqliteTemporalText
            | Self::JsonMeaning
            | Self::EnumLabel
            | Self::SetMembers
            | Self::BitsAsInt
            | Self::NetworkText
            | Self::NotationText => Origin::Default,
            Self::NaiveZone
            | Self::TrimSpaces
            | Self::IgnoreCase
            | Self::NormalizeNfc
            | Self::EmptyIsNull
            | Self::ZeroDateIsNull
            | Self::TimeDigits
            | Self::SinglePrecision
            | Self::BoolWords
            | Self::UuidLayout
            | Self::AbsoluteTolerance
            | Self::RelativeTolerance
            | Self::UlpTolerance => Origin::Declared,
        }
    }

    /// The stable name, as in the configuration and the certificate.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DecimalScale => "decimal_scale",
            Self::DecimalAsFloat => "decimal_as_float",
            Self::NegativeZero => "negative_zero",
            Self::BoolAsInt => "bool_as_int",
            Self::CharPadding => "char_padding",
            Self::BinaryPadding => "binary_padding",
            Self::TextAsBytes => "text_as_bytes",
            Self::UuidSpelling => "uuid_spelling",
            Self::DateAsMidnight => "date_as_midnight",
            Self::TimePrecision => "time_precision",
            Self::NaiveZone => "naive_zone",
            Self::SqliteTemporalText => "sqlite_temporal_text",
            Self::JsonMeaning => "json_meaning",
            Self::EnumLabel => "enum_label",
            Self::SetMembers => "set_members",
            Self::BitsAsInt => "bits_as_int",
            Self::NetworkText => "network_text",
            Self::NotationText => "notation_text",
            Self::TrimSpaces => "trim_spaces",
            Self::IgnoreCase => "ignore_case",
            Self::NormalizeNfc => "normalize_nfc",
            Self::EmptyIsNull => "empty_is_null",
            Self::ZeroDateIsNull => "zero_date_is_null",
            Self::TimeDigits => "time_digits",
            Self::SinglePrecision => "single_precision",
            Self::BoolWords => "bool_words",
            Self::UuidLayout => "uuid_layout",
            Self::AbsoluteTolerance => "absolute_tolerance",
            Self::RelativeTolerance => "relative_tolerance",
            Self::UlpTolerance => "ulp_tolerance",
        }
    }

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
            Self::TrimSpaces => "spaces at the end of text do not count",
            Self::IgnoreCase => "upper and lower case count as the same, by Unicode's full case folding",
            Self::NormalizeNfc => "text is compared in Unicode's normalisation form C",
            Self::EmptyIsNull => "text without a character equals NULL",
            Self::ZeroDateIsNull => "the date 0000-00-00 equals NULL",
            Self::TimeDigits => "times are compared at the declared number of digits, which is fewer than they have",
            Self::SinglePrecision => "floating-point numbers are rounded to single precision before they are compared",
            Self::BoolWords => "declared words equal true and false",
            Self::UuidLayout => "bytes are read as a UUID in the declared order",
            Self::AbsoluteTolerance => "numbers may differ by the declared amount",
            Self::RelativeTolerance => "numbers may differ by the declared share of the larger one",
            Self::UlpTolerance => "floating-point numbers may be the declared number of representable values apart",
            Self::NotationText => "a value with a notation of its own equals the text in which its server writes it",
        }
    }
}
