//! The map of types between engines.
//!
//! One function, from what a column means and where it comes from to the type that
//! it gets and to what is lost. Its bar is `switchback verify`: a value that the
//! target takes equals the source's, by identity or by a policy that the
//! certificate names. What a target's type can't hold is refused by the load, value by value;
//! that it may happen is the warning. A type without any that `verify` compares
//! it with has no place in the map, and its column is a conflict.

use switchback_engines::{Column, Engine, Flavor, Logical};

use super::Dialect;

/// What becomes of a column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    pub native: String,
    /// What may be refused, or is kept otherwise.
    pub lossy: Option<&'static str>,
}

/// How a column is used, where that bounds its type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of so many columns in the widest unique or foreign key it is in; 0 for none.
    pub key_columns: usize,
    /// It numbers itself, or refers to one that does.
    pub is_numbering: bool,
}

/// Bytes of a key in InnoDB, of which a character of utf8mb4 takes four.
const MYSQL_KEY_BYTES: usize = 3072;
/// Longer ones would not leave room for many others in a row.
const MYSQL_VARCHAR_MAX: u32 = 4000;

/// The type of `column` on the target; `None` where there is none.
#[must_use]
pub fn map(from: Dialect, to: Dialect, column: &Column, usage: Usage) -> Option<Mapped> {
    let logical = column.logical.as_ref()?;
    match to.engine {
        Engine::Postgres => to_postgres(from, column, logical, usage),
        Engine::MySql => to_mysql(from, to.flavor, column, logical, usage),
        Engine::Sqlite => to_sqlite(from, logical),
        Engine::SqlServer | Engine::MongoDb => None,
    }
}

fn exact(native: impl Into<String>) -> Option<Mapped> {
    Some(Mapped { native: native.into(), lossy: None })
}

fn lossy(native: impl Into<String>, what: &'static str) -> Option<Mapped> {
    Some(Mapped { native: native.into(), lossy: Some(what) })
}

const ZERO_DATES: &str = "a date that is on no calendar, such as 0000-00-00, is refused";
const FAR_DATES: &str = "dates before the year 1 or after 9999, and infinity, are refused";
const NOT_A_NUMBER: &str = "NaN and the infinities are refused";
const DYNAMIC: &str = "SQLite takes values of any type, and those of another are refused";
const ZERO_BYTE: &str = "text with the character U+0000 is refused";
const AS_DOUBLE: &str = "fractions are kept as doubles, with 15 to 17 digits";

fn to_postgres(from: Dialect, column: &Column, logical: &Logical, usage: Usage) -> Option<Mapped> {
    let sqlite = from.engine == Engine::Sqlite;
    let of_any = |native: String| if sqlite { lossy(native, DYNAMIC) } else { exact(native) };
    match logical {
        Logical::Bool => of_any("boolean".to_owned()),
        Logical::Int { bits, unsigned } => match (bits, unsigned) {
            _ if sqlite => of_any("bigint".to_owned()),
            (8, _) | (16, false) => exact("smallint"),
            (16, true) | (24, _) | (32, false) => exact("integer"),
            (32, true) | (64, false) => exact("bigint"),
            (64, true) if usage.is_numbering => lossy("bigint", "numbers from 2^63 on are refused"),
            (64, true) => exact("numeric(20,0)"),
            _ => None,
        },
        Logical::Decimal { precision: Some(p), scale } => exact(format!("numeric({p},{scale})")),
        Logical::Decimal { precision: None, .. } => exact("numeric"),
        Logical::SqliteNumeric => lossy("numeric", DYNAMIC),
        Logical::Float32 => exact("real"),
        Logical::Float64 => of_any("double precision".to_owned()),
        Logical::Char { chars_max } => lossy(format!("character({})", (*chars_max).max(1)), ZERO_BYTE),
        // No length is enforced in SQLite.
        Logical::Text { .. } if sqlite => lossy("text", ZERO_BYTE),
        Logical::Text { chars_max: Some(n) } => lossy(format!("character varying({})", (*n).max(1)), ZERO_BYTE),
        Logical::Text { chars_max: None } | Logical::Set => lossy("text", ZERO_BYTE),
        // The caller names the type that it creates.
        Logical::Enum => lossy("enum", "the empty label that stands for an invalid value is refused"),
        Logical::Binary { .. } | Logical::Bytes { .. } => exact("bytea"),
        Logical::Date => lossy("date", if sqlite { DYNAMIC } else { ZERO_DATES }),
        Logical::Time { digits } => {
            let what = if sqlite { DYNAMIC } else { "times below 0 or beyond 24 hours are refused" };
            lossy(format!("time({digits}) without time zone"), what)
        }
        Logical::TimeTz { digits } => lossy(format!("time({digits}) with time zone"), DYNAMIC),
        Logical::Timestamp { digits } => {
            lossy(format!("timestamp({digits}) without time zone"), if sqlite { DYNAMIC } else { ZERO_DATES })
        }
        Logical::Instant { digits } => {
            lossy(format!("timestamp({digits}) with time zone"), if sqlite { DYNAMIC } else { ZERO_DATES })
        }
        Logical::Year => exact("smallint"),
        Logical::Uuid => of_any("uuid".to_owned()),
        Logical::Json { ordered: true } => of_any("json".to_owned()),
        Logical::Json { ordered: false } => lossy("jsonb", "text in it with the character U+0000 is refused"),
        Logical::Bits { len: Some(n) } => exact(format!("bit({n})")),
        Logical::Network if column.native.starts_with("inet") => exact("inet"),
        Logical::Bits { len: None }
        | Logical::Network
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        | Logical::Map
        | Logical::Shape { .. }
        | Logical::Geometry { .. }
        | Logical::Vector { .. }
        | Logical::Notation { .. } => None,
    }
}

fn to_mysql(from: Dialect, flavor: Flavor, column: &Column, logical: &Logical, usage: Usage) -> Option<Mapped> {
    let sqlite = from.engine == Engine::Sqlite;
    let of_any = |native: String| if sqlite { lossy(native, DYNAMIC) } else { exact(native) };
    match logical {
        Logical::Bool => of_any("tinyint(1)".to_owned()),
        Logical::Int { bits: 64, unsigned: true } => exact("bigint unsigned"),
        Logical::Int { bits: 32, unsigned: true } => exact("int unsigned"),
        Logical::Int { bits, .. } => match bits {
            _ if sqlite => of_any("bigint".to_owned()),
            8 => exact("tinyint"),
            16 => exact("smallint"),
            24 => exact("mediumint"),
            32 => exact("int"),
            64 => exact("bigint"),
            _ => None,
        },
        Logical::Decimal { precision: Some(p), scale } if *p <= 65 && *scale <= 30 && scale <= p => {
            lossy(format!("decimal({p},{scale})"), NOT_A_NUMBER)
        }
        Logical::Decimal { .. } => lossy(
            "decimal(65,30)",
            "numbers of more than 35 digits before or 30 behind the point, and NaN, are refused",
        ),
        Logical::SqliteNumeric => lossy("double", "whole numbers beyond 2^53 may be refused; and what is no number is"),
        Logical::Float32 => lossy("float", NOT_A_NUMBER),
        Logical::Float64 => lossy("double", if sqlite { DYNAMIC } else { NOT_A_NUMBER }),
        Logical::Char { chars_max } if *chars_max <= 255 => exact(format!("char({})", (*chars_max).max(1))),
        Logical::Char { chars_max: n } => mysql_text(Some(*n), usage, false),
        Logical::Text { chars_max } => mysql_text(*chars_max, usage, sqlite),
        Logical::Enum => exact("enum"),
        Logical::Bytes { .. } if usage.key_columns > 0 => {
            let bytes = MYSQL_KEY_BYTES / usage.key_columns.max(1);
            lossy(format!("varbinary({bytes})"), "it is in a key, and longer values are refused")
        }
        Logical::Bytes { .. } => of_any("longblob".to_owned()),
        Logical::Date => lossy("date", if sqlite { DYNAMIC } else { FAR_DATES }),
        Logical::Time { digits } => of_any(format!("time({digits})")),
        Logical::Timestamp { digits } => lossy(format!("datetime({digits})"), if sqlite { DYNAMIC } else { FAR_DATES }),
        Logical::Instant { digits } => lossy(
            format!("timestamp({digits})"),
            "moments before 1970-01-01 00:00:01 or after 2038-01-19 03:14:07 UTC are refused",
        ),
        Logical::Uuid => match flavor {
            Flavor::MariaDb => of_any("uuid".to_owned()),
            Flavor::Original => of_any("char(36) CHARACTER SET ascii COLLATE ascii_bin".to_owned()),
        },
        Logical::Json { .. } => match flavor {
            Flavor::MariaDb => of_any("json".to_owned()),
            Flavor::Original => lossy("json", "numbers in it that no double holds are rounded, which `verify` reports"),
        },
        Logical::Bits { len: Some(n @ 1..=64) } if !column.native.contains("varying") => exact(format!("bit({n})")),
        Logical::Network => exact("varchar(49) CHARACTER SET ascii COLLATE ascii_bin"),
        Logical::Notation { .. } => lossy("longtext", "it is kept as the text that PostgreSQL writes"),
        // Of no other engine.
        Logical::Binary { bytes } => exact(format!("binary({bytes})")),
        Logical::Year | Logical::Set => None,
        Logical::Bits { .. }
        | Logical::TimeTz { .. }
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        | Logical::Map
        | Logical::Shape { .. }
        | Logical::Geometry { .. }
        | Logical::Vector { .. } => None,
    }
}

/// A text in a key has to be short, and a long one is not in the row.
fn mysql_text(chars_max: Option<u32>, usage: Usage, sqlite: bool) -> Option<Mapped> {
    if let Some(bytes) = MYSQL_KEY_BYTES.checked_div(usage.key_columns) {
        let chars = u32::try_from(bytes / 4).unwrap_or(1).max(1);
        return match chars_max {
            Some(n) if n <= chars && !sqlite => exact(format!("varchar({})", n.max(1))),
            _ => lossy(format!("varchar({chars})"), "it is in a key, and longer values are refused"),
        };
    }
    match chars_max {
        Some(n) if n <= MYSQL_VARCHAR_MAX && !sqlite => exact(format!("varchar({})", n.max(1))),
        _ if sqlite => lossy("longtext", DYNAMIC),
        _ => exact("longtext"),
    }
}

fn to_sqlite(from: Dialect, logical: &Logical) -> Option<Mapped> {
    let mysql = from.engine == Engine::MySql;
    let far = if mysql { ZERO_DATES } else { "infinity and years beyond 9999 are refused" };
    let dates = |native: &str| lossy(native, far);
    match logical {
        Logical::Bool => exact("BOOLEAN"),
        Logical::Int { bits: 64, unsigned: true } => lossy("INTEGER", "numbers from 2^63 on are refused"),
        Logical::Int { .. } | Logical::Year => exact("INTEGER"),
        Logical::Decimal { precision: Some(p), scale } => lossy(format!("NUMERIC({p},{scale})"), AS_DOUBLE),
        Logical::Decimal { precision: None, .. } | Logical::SqliteNumeric => lossy("NUMERIC", AS_DOUBLE),
        Logical::Float32 | Logical::Float64 if mysql => exact("REAL"),
        Logical::Float32 | Logical::Float64 => lossy("REAL", "NaN is refused"),
        Logical::Char { chars_max } => exact(format!("CHAR({chars_max})")),
        Logical::Text { chars_max: Some(n) } => exact(format!("VARCHAR({n})")),
        Logical::Text { chars_max: None } | Logical::Enum | Logical::Set | Logical::Network => exact("TEXT"),
        Logical::Binary { .. } | Logical::Bytes { .. } => exact("BLOB"),
        Logical::Date => dates("DATE"),
        Logical::Time { digits } if mysql => {
            lossy(format!("TIME({digits})"), "times below 0 or beyond 24 hours are refused")
        }
        Logical::Time { digits } => exact(format!("TIME({digits})")),
        Logical::TimeTz { digits } => exact(format!("TIME WITH TIME ZONE({digits})")),
        Logical::Timestamp { digits } => dates(&format!("TIMESTAMP({digits})")),
        Logical::Instant { digits } => dates(&format!("TIMESTAMP WITH TIME ZONE({digits})")),
        Logical::Uuid => exact("UUID"),
        // A column that is declared as JSON makes a number of the text `1`.
        Logical::Json { .. } => exact("TEXT"),
        Logical::Bits { len: Some(n) } if *n < 64 => exact("INTEGER"),
        Logical::Notation { .. } => lossy("TEXT", "it is kept as the text that PostgreSQL writes"),
        Logical::Bits { .. }
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Range { .. }
        | Logical::Multirange { .. }
        | Logical::Composite { .. }
        | Logical::Map
        | Logical::Shape { .. }
        | Logical::Geometry { .. }
        | Logical::Vector { .. } => None,
    }
}
