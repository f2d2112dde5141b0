//! What a declared type means.
//!
//! SQLite derives one of five affinities from the words of a declared type and
//! knows no types beyond them. People declare more than that: a column called
//! `DATE` or `UUID` was meant to hold dates or UUIDs. So the meaning goes by the
//! name first and by the affinity where the name says nothing.
//!
//! Nothing here changes a value: decoding goes by the storage class of each one.

use crate::table::{Column, Logical};

/// sqlite.org/datatype3.html, "Determination Of Column Affinity".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Real,
    Numeric,
    Text,
    /// None: values stay as they came.
    Blob,
}

const DIGITS_MAX: u8 = 6;

/// What a column declared as `native` means. A column without a type may hold
/// anything; as most that is written without a thought is text, it counts as
/// text, which compares with the most types of other engines. `strict`: in a
/// STRICT table `ANY` is no type either, while elsewhere it is a number's.
pub(super) fn logical(native: &str, strict: bool) -> Logical {
    let declared = Declared::parse(native);
    if declared.name.is_empty() || (strict && declared.name == "ANY") {
        return Logical::Text { chars_max: None };
    }
    by_name(&declared).unwrap_or_else(|| by_affinity(&declared))
}

fn by_name(declared: &Declared) -> Option<Logical> {
    let digits = declared.size.map_or(DIGITS_MAX, |n| u8::try_from(n).unwrap_or(DIGITS_MAX).min(DIGITS_MAX));
    Some(match declared.name.as_str() {
        "BOOL" | "BOOLEAN" => Logical::Bool,
        "DATE" => Logical::Date,
        "TIME" | "TIME WITHOUT TIME ZONE" => Logical::Time { digits },
        "TIMETZ" | "TIME WITH TIME ZONE" => Logical::TimeTz { digits },
        "DATETIME" | "DATETIME2" | "SMALLDATETIME" | "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => {
            Logical::Timestamp { digits }
        }
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "DATETIMEOFFSET" => Logical::Instant { digits },
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => Logical::Uuid,
        // The text that was inserted, to the letter.
        "JSON" | "JSONB" => Logical::Json { ordered: true },
        "BINARY" | "VARBINARY" | "BINARY VARYING" | "BYTEA" => Logical::Bytes { bytes_max: declared.size },
        _ => return None,
    })
}

fn by_affinity(declared: &Declared) -> Logical {
    match declared.affinity() {
        Affinity::Integer => Logical::Int { bits: 64, unsigned: false },
        // Nothing is padded, whatever the name says of a fixed length.
        Affinity::Text => Logical::Text { chars_max: declared.size },
        Affinity::Blob => Logical::Bytes { bytes_max: declared.size },
        Affinity::Real => Logical::Float64,
        Affinity::Numeric => Logical::SqliteNumeric,
    }
}

/// The affinity by which SQLite compares `column` with a literal.
pub(super) fn affinity(column: &Column) -> Affinity {
    let declared = Declared::parse(&column.native);
    // Of a STRICT table's `ANY` only the meaning is left by now.
    if declared.name == "ANY" && matches!(column.logical, Some(Logical::Text { .. })) {
        return Affinity::Blob;
    }
    declared.affinity()
}

/// A declared type, taken apart.
struct Declared {
    /// In upper case with single spaces, without what stood in parentheses.
    name: String,
    /// The first number in parentheses.
    size: Option<u32>,
}

impl Declared {
    fn parse(native: &str) -> Self {
        let (before, rest) = native.split_once('(').unwrap_or((native, ""));
        let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
        let name = format!("{before} {after}").split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
        let size = inside.split(',').next().and_then(|n| n.trim().parse().ok());
        Self { name, size }
    }

    fn affinity(&self) -> Affinity {
        let has = |word: &str| self.name.contains(word);
        if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || self.name.is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: Logical = Logical::Int { bits: 64, unsigned: false };
    const TEXT: Logical = Logical::Text { chars_max: None };

    #[test]
    fn names_decide_before_affinities() {
        let cases = [
            ("INTEGER", INT),
            ("tinyint(1)", INT),
            ("UNSIGNED BIG INT", INT),
            ("FLOATING POINT", INT),
            ("Boolean", Logical::Bool),
            ("date", Logical::Date),
            ("TIME", Logical::Time { digits: 6 }),
            ("DATETIME", Logical::Timestamp { digits: 6 }),
            ("timestamp(3)", Logical::Timestamp { digits: 3 }),
            ("DATETIME2(7)", Logical::Timestamp { digits: 6 }),
            ("TIMESTAMP (0) WITH  TIME ZONE", Logical::Instant { digits: 0 }),
            ("timestamptz", Logical::Instant { digits: 6 }),
            ("TIME WITH TIME ZONE", Logical::TimeTz { digits: 6 }),
            ("uuid", Logical::Uuid),
            ("JSONB", Logical::Json { ordered: true }),
            ("VARCHAR(80)", Logical::Text { chars_max: Some(80) }),
            ("CHAR(5)", Logical::Text { chars_max: Some(5) }),
            ("NATIVE CHARACTER(70)", Logical::Text { chars_max: Some(70) }),
            ("TEXT", TEXT),
            ("CLOB", TEXT),
            ("", TEXT),
            ("BLOB", Logical::Bytes { bytes_max: None }),
            ("varbinary(16)", Logical::Bytes { bytes_max: Some(16) }),
            ("DOUBLE PRECISION", Logical::Float64),
            ("REAL", Logical::Float64),
            ("NUMERIC(12,2)", Logical::SqliteNumeric),
            ("DECIMAL", Logical::SqliteNumeric),
            ("STRING", Logical::SqliteNumeric),
            ("ANY", Logical::SqliteNumeric),
            ("NUMERIC(99999999999)", Logical::SqliteNumeric),
            ("VARCHAR(", TEXT),
        ];
        for (native, expected) in cases {
            assert_eq!(logical(native, false), expected, "{native:?}");
        }
        assert_eq!(logical("ANY", true), TEXT);
    }

    #[test]
    fn affinities_are_those_of_the_engine() {
        let of = |native: &str, strict| {
            affinity(&Column {
                name: String::new(),
                native: native.to_owned(),
                logical: Some(logical(native, strict)),
                nullable: true,
                generated: false,
                collation: None,
            })
        };
        assert_eq!(of("DATE", false), Affinity::Numeric);
        assert_eq!(of("VARBINARY(3)", false), Affinity::Numeric);
        assert_eq!(of("CHARINT", false), Affinity::Integer);
        assert_eq!(of("", false), Affinity::Blob);
        assert_eq!(of("ANY", false), Affinity::Numeric);
        assert_eq!(of("ANY", true), Affinity::Blob);
    }
}
