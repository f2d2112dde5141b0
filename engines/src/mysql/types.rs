//! Column types: what they mean, how they are selected, and how they are laid
//! out in a row.

use super::wire::packet::ColumnType;
use crate::engine::{Engine, Flavor};
use crate::sql;
use crate::table::{Column, Logical};

/// A column as `information_schema.COLUMNS` describes it.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// `DATA_TYPE`: the type's name alone.
    pub(super) name: String,
    /// `COLUMN_TYPE`: with all its attributes.
    pub(super) whole: String,
    pub(super) chars_max: Option<u64>,
    pub(super) precision: Option<u64>,
    pub(super) scale: Option<u64>,
    pub(super) digits: Option<u64>,
    /// MariaDB keeps JSON as text that a constraint checks.
    pub(super) checked_as_json: bool,
}

impl Native {
    /// What the type means; `None` when it has no canonical form: whatever a later
    /// server brings.
    pub(super) fn logical(&self, flavor: Flavor) -> Option<Logical> {
        let unsigned = self.whole.contains(" unsigned");
        let digits = u8::try_from(self.digits.unwrap_or(0)).ok()?;
        let length = self.chars_max.and_then(|n| u32::try_from(n).ok());
        Some(match self.name.as_str() {
            // Also TINYINT(1): it holds more than two values, so which of them
            // mean a boolean is for the comparison to say.
            "tinyint" => Logical::Int { bits: 8, unsigned },
            "smallint" => Logical::Int { bits: 16, unsigned },
            "mediumint" => Logical::Int { bits: 24, unsigned },
            "int" => Logical::Int { bits: 32, unsigned },
            "bigint" => Logical::Int { bits: 64, unsigned },
            "decimal" => Logical::Decimal {
                precision: Some(u32::try_from(self.precision?).ok()?),
                scale: u32::try_from(self.scale?).ok()?,
            },
            "float" => Logical::Float32,
            "double" => Logical::Float64,
            "bit" if self.precision == Some(1) => Logical::Bool,
            "bit" => Logical::Bits { len: Some(u32::try_from(self.precision?).ok()?) },
            "char" => Logical::Char { chars_max: length? },
            "varchar" => Logical::Text { chars_max: Some(length?) },
            "longtext" if flavor == Flavor::MariaDb && self.checked_as_json => Logical::Json { ordered: true },
            // Their bound is one of bytes.
            "tinytext" | "text" | "mediumtext" | "longtext" => Logical::Text { chars_max: None },
            "binary" => Logical::Binary { bytes: length? },
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Logical::Bytes { bytes_max: length },
            "date" => Logical::Date,
            "time" => Logical::Time { digits },
            "datetime" => Logical::Timestamp { digits },
            "timestamp" => Logical::Instant { digits },
            "year" => Logical::Year,
            "json" => Logical::Json { ordered: false },
            "enum" => Logical::Enum,
            "set" => Logical::Set,
            "uuid" => Logical::Uuid,
            "inet4" | "inet6" => Logical::Network,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geomcollection" | "geometrycollection" => Logical::Geometry { srid: None },
            "vector" => Logical::Vector { dimensions: in_parentheses(&self.whole) },
            _ => return None,
        })
    }
}

/// The number of `vector(3)`.
fn in_parentheses(whole: &str) -> Option<u32> {
    whole.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

/// The layout of `logical` in a binary row, and whether its integers have no
/// sign; `None` where MySQL has no such type.
pub(super) fn layout(logical: &Logical) -> Option<(ColumnType, bool)> {
    Some(match *logical {
        Logical::Int { bits: 8, unsigned } => (ColumnType::Int1, unsigned),
        Logical::Int { bits: 16, unsigned } => (ColumnType::Int2, unsigned),
        Logical::Int { bits: 24 | 32, unsigned } => (ColumnType::Int4, unsigned),
        Logical::Int { bits: 64, unsigned } => (ColumnType::Int8, unsigned),
        Logical::Year => (ColumnType::Int2, true),
        Logical::Float32 => (ColumnType::Float, false),
        Logical::Float64 => (ColumnType::Double, false),
        Logical::Date | Logical::Timestamp { .. } | Logical::Instant { .. } => (ColumnType::Calendar, false),
        Logical::Time { .. } => (ColumnType::Time, false),
        Logical::Bool
        | Logical::Decimal { .. }
        | Logical::Char { .. }
        | Logical::Text { .. }
        | Logical::Binary { .. }
        | Logical::Bytes { .. }
        | Logical::Uuid
        | Logical::Json { .. }
        | Logical::Enum
        | Logical::Set
        | Logical::Bits { .. }
        | Logical::Network
        | Logical::Geometry { .. }
        | Logical::Vector { .. } => (ColumnType::Block, false),
        Logical::Int { .. }
        | Logical::SqliteNumeric
        | Logical::TimeTz { .. }
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        | Logical::Map
        | Logical::Shape { .. }
        | Logical::Notation { .. } => return None,
    })
}

/// How the text of a column becomes UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset<'a> {
    /// It is UTF-8 as it is.
    Utf8,
    /// Bytes from 0x80 on mean nothing, though MariaDB stores them.
    Ascii,
    /// The server converts, and each value is one in Unicode.
    Whole(&'a str),
    /// The server converts, and writes `?` or U+FFFD for what has no meaning in
    /// the character set, or no counterpart in Unicode.
    Leaky(&'a str),
}

impl<'a> Charset<'a> {
    /// The character set of a collation, whose name begins with it.
    pub(super) fn of(collation: Option<&'a str>) -> Self {
        let Some(collation) = collation else { return Self::Utf8 };
        let charset = collation.split('_').next().unwrap_or(collation);
        match charset {
            "utf8mb4" | "utf8mb3" | "utf8" => Self::Utf8,
            "ascii" => Self::Ascii,
            // Each of their 256 bytes, or all of their code points, came back
            // as a value of its own from MySQL 9.7 and MariaDB 10.11.
            "ucs2" | "utf16" | "utf16le" | "utf32" | "latin1" | "latin2" | "latin5" | "latin7" | "cp850" | "cp852"
            | "cp866" | "keybcs2" | "koi8r" | "koi8u" | "macce" | "macroman" => Self::Whole(charset),
            _ => Self::Leaky(charset),
        }
    }
}

/// What stands for a text that the server could not convert: U+FFFD, which it
/// also writes itself for some. In a column of such a character set
/// [`super::decode`] takes it for that and nothing else.
const UNCONVERTED: &str = "_utf8mb4 x'EFBFBD'";
pub(super) const REPLACEMENT: char = '\u{FFFD}';

/// The expression that reads `column` so that [`super::decode`] gets its exact
/// value.
pub(super) fn selected(column: &Column) -> String {
    let name = sql::name(Engine::MySql, &column.name);
    match Charset::of(column.collation.as_deref()) {
        Charset::Utf8 | Charset::Ascii => name,
        Charset::Whole(_) => format!("CONVERT({name} USING utf8mb4)"),
        Charset::Leaky(_) => {
            let text = format!("CONVERT({name} USING utf8mb4)");
            let marks = |text: &str| format!("(CHAR_LENGTH({text}) - CHAR_LENGTH(REPLACE({text}, '?', '')))");
            format!(
                "CASE WHEN {name} IS NULL THEN NULL WHEN {} = {} THEN {text} ELSE {UNCONVERTED} END",
                marks(&name),
                marks(&text),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(name: &str, whole: &str) -> Native {
        Native { name: name.to_owned(), whole: whole.to_owned(), ..Native::default() }
    }

    #[test]
    fn a_type_that_is_not_known_means_nothing() {
        for name in ["geography", "xmltype", "row", ""] {
            assert_eq!(native(name, name).logical(Flavor::Original), None, "{name}");
        }
    }

    #[test]
    fn attributes_count() {
        let zerofill = native("mediumint", "mediumint(8) unsigned zerofill");
        assert_eq!(zerofill.logical(Flavor::Original), Some(Logical::Int { bits: 24, unsigned: true }));
        let label = native("enum", "enum('a unsigned')");
        assert_eq!(label.logical(Flavor::Original), Some(Logical::Enum));
        let json = Native { checked_as_json: true, ..native("longtext", "longtext") };
        assert_eq!(json.logical(Flavor::MariaDb), Some(Logical::Json { ordered: true }));
        assert_eq!(json.logical(Flavor::Original), Some(Logical::Text { chars_max: None }));
    }

    #[test]
    fn collations_begin_with_their_character_set() {
        for (collation, expected) in [
            (None, Charset::Utf8),
            (Some("utf8mb4_0900_ai_ci"), Charset::Utf8),
            (Some("utf8_general_ci"), Charset::Utf8),
            (Some("ascii_bin"), Charset::Ascii),
            (Some("latin1_swedish_ci"), Charset::Whole("latin1")),
            (Some("utf16_unicode_ci"), Charset::Whole("utf16")),
            (Some("greek_general_ci"), Charset::Leaky("greek")),
            (Some("klingon_ci"), Charset::Leaky("klingon")),
        ] {
            assert_eq!(Charset::of(collation), expected);
        }
    }
}
