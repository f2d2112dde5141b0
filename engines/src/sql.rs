//! SQL text: names, literals and the conditions on keys.
//!
//! Pure functions, so that each engine's spelling is pinned by tests without a
//! server. Literals instead of bound parameters, because `COPY` takes none and
//! because a repair script has to stand on its own. The two rules that keep
//! literals safe: text goes through [`literal`], names through [`name`], and
//! the sessions are pinned so that a quote means what we think it means
//! (`standard_conforming_strings`, `NO_BACKSLASH_ESCAPES` absent or irrelevant).

use crate::canon::Rule;
use crate::decimal::Decimal;
use crate::display;
use crate::engine::Engine;
use crate::range::{KeyRange, KeyValues};
use crate::table::{Column, Logical, Table, TableRef};
use crate::value::{Moment, Value};

/// A quoted identifier.
#[must_use]
pub fn name(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Postgres | Engine::Sqlite | Engine::MongoDb => format!("\"{}\"", text.replace('"', "\"\"")),
        Engine::MySql => format!("`{}`", text.replace('`', "``")),
        Engine::SqlServer => format!("[{}]", text.replace(']', "]]")),
    }
}

/// A quoted table name, with its schema where it has one.
#[must_use]
pub fn table(engine: Engine, table: &TableRef) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", name(engine, schema), name(engine, &table.name)),
        None => name(engine, &table.name),
    }
}

/// `value` as a literal that `engine` reads as a value of `column`'s type.
#[must_use]
pub fn literal(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    match engine {
        Engine::Postgres => postgres_literal(column, value),
        Engine::MySql => mysql_literal(column, value),
        Engine::Sqlite => sqlite_literal(column, value),
        // No engine of these two calls this module yet; standard SQL is what
        // a reader of a log would expect.
        Engine::SqlServer | Engine::MongoDb => quoted(&display::text(value).unwrap_or_default()),
    }
}

/// A quoted string wherever the column's type can hold the value: PostgreSQL
/// gives an untyped literal the type of what it is compared with, domains and
/// enums included.
fn postgres_literal(column: &Column, value: &Value<'_>) -> String {
    match column.logical {
        // A key found on another server may be no integer of this size at all;
        // it is compared as the number it is, where `'…'` would be refused.
        Some(Logical::Int { bits, unsigned }) if !is_integer_of(value, bits, unsigned) => {
            format!("{}::numeric", quoted(&postgres_text(column, value)))
        }
        // Read as money itself, the decimal point would depend on `lc_monetary`.
        Some(Logical::Decimal { .. }) if postgres_base(column) == "money" => {
            format!("{}::numeric::money", quoted(&postgres_text(column, value)))
        }
        _ => quoted(&postgres_text(column, value)),
    }
}

fn is_integer_of(value: &Value<'_>, bits: u8, unsigned: bool) -> bool {
    let value = match value {
        Value::Bool(_) => return true,
        Value::Int(v) => i128::from(*v),
        Value::UInt(v) => i128::from(*v),
        Value::Decimal(Decimal::Small { coefficient, scale: 0 }) => *coefficient,
        _ => return false,
    };
    let (low, high) = match (bits.min(64), unsigned) {
        (bits, true) => (0, 1 << bits),
        (bits, false) => (-(1 << (bits - 1)), 1 << (bits - 1)),
    };
    (low..high).contains(&value)
}

fn postgres_text(column: &Column, value: &Value<'_>) -> String {
    match (column.logical, value) {
        (Some(Logical::Bool), Value::Int(v)) => (*v != 0).to_string(),
        (Some(Logical::Int { .. } | Logical::Decimal { .. }), Value::Bool(v)) => u8::from(*v).to_string(),
        (Some(Logical::Uuid), Value::Bytes(v)) => match <[u8; 16]>::try_from(v.as_ref()) {
            Ok(v) => uuid::Uuid::from_bytes(v).to_string(),
            Err(_) => display::hex(v),
        },
        (Some(Logical::Bytes { .. }), Value::Text(v)) => format!("\\x{}", display::hex(v.as_bytes())),
        (Some(Logical::Bytes { .. }), Value::Uuid(v)) => format!("\\x{}", display::hex(v)),
        _ => display::text(value).unwrap_or_default(),
    }
}

/// What the catalog of PostgreSQL puts between a column's type and the domain
/// that the column was declared with: `numeric(12,2) (domain public.price)`.
pub(crate) const POSTGRES_DOMAIN: &str = " (domain ";

/// The column's type with its domain resolved, as PostgreSQL writes it.
pub(crate) fn postgres_base(column: &Column) -> &str {
    column.native.split_once(POSTGRES_DOMAIN).map_or(column.native.as_str(), |(base, _)| base)
}

/// The operator `symbol` for `column`, qualified where it has to be.
///
/// Without its schema in the search path `citext` would be compared as `text`,
/// that is with another order than its index has; and a search path that others
/// can write to would let them put operators under our statements.
fn operator(engine: Engine, column: &Column, symbol: &str) -> String {
    match engine {
        Engine::Postgres => match postgres_base(column).strip_suffix(".citext") {
            Some(schema) => format!("OPERATOR({schema}.{symbol})"),
            None => symbol.to_owned(),
        },
        Engine::MySql | Engine::SqlServer | Engine::MongoDb | Engine::Sqlite => symbol.to_owned(),
    }
}

fn mysql_literal(column: &Column, value: &Value<'_>) -> String {
    let binary = matches!(column.logical, Some(Logical::Binary { .. } | Logical::Bytes { .. }));
    // Text compared with a number is read as one: `'abc' = 0` holds.
    let textual = matches!(column.logical, Some(Logical::Text { .. } | Logical::Char { .. } | Logical::Enum));
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(v) if textual => quoted(&u8::from(*v).to_string()),
        Value::Int(_) | Value::UInt(_) | Value::Decimal(_) | Value::F32(_) | Value::F64(_)
            if textual || beyond_numbers(value).is_some() =>
        {
            quoted(&display::text(value).unwrap_or_default())
        }
        Value::Bool(v) => u8::from(*v).to_string(),
        Value::Int(_) | Value::UInt(_) | Value::Decimal(_) => display::text(value).unwrap_or_default(),
        // All its digits: the server compares a FLOAT as the double it equals.
        Value::F32(v) => format!("{:e}", f64::from(*v)),
        Value::F64(v) => format!("{v:e}"),
        Value::Bytes(v) => format!("x'{}'", display::hex(&padded(column, v))),
        Value::Uuid(v) if binary => format!("x'{}'", display::hex(v)),
        Value::Text(v) if binary => format!("x'{}'", display::hex(v.as_bytes())),
        Value::Bits { len, bytes } => format!("b'{}'", display::bits(*len, bytes)),
        // The session is in UTC; an offset is refused before 8.0.19 and by MariaDB.
        Value::Instant(v) => quoted(&display::text(&Value::Timestamp(*v)).unwrap_or_default()),
        Value::Text(_)
        | Value::Json(_)
        | Value::Set(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::TimeTz { .. }
        | Value::Timestamp(_)
        | Value::Interval { .. } => mysql_text(&display::text(value).unwrap_or_default()),
    }
}

/// Where NaN and the infinities lie among numbers: NaN is the greatest of all,
/// as it is to PostgreSQL. `None` for the numbers that every engine has.
fn beyond_numbers(value: &Value<'_>) -> Option<Beyond> {
    let double = match value {
        Value::F32(v) => f64::from(*v),
        Value::F64(v) => *v,
        Value::Decimal(Decimal::NaN) => f64::NAN,
        Value::Decimal(Decimal::Infinity) => f64::INFINITY,
        Value::Decimal(Decimal::NegInfinity) => f64::NEG_INFINITY,
        _ => return None,
    };
    if double.is_nan() {
        Some(Beyond::NaN)
    } else if double.is_infinite() {
        Some(if double > 0.0 { Beyond::Above } else { Beyond::Below })
    } else {
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    NaN,
    Above,
    Below,
}

/// MySQL compares `BINARY(n)` with all its zeros.
fn padded(column: &Column, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(Logical::Binary { bytes: len }) = column.logical {
        bytes.resize(bytes.len().max(len as usize), 0);
    }
    bytes
}

/// Whether a backslash escapes depends on the session that runs the text, so
/// text that holds one, or a control character, goes as hexadecimal digits.
fn mysql_text(text: &str) -> String {
    if text.contains('\\') || text.chars().any(char::is_control) {
        format!("_utf8mb4 x'{}'", display::hex(text.as_bytes()))
    } else {
        quoted(text)
    }
}

fn sqlite_literal(column: &Column, value: &Value<'_>) -> String {
    let numeric = matches!(
        column.logical,
        Some(Logical::Int { .. } | Logical::SqliteNumeric | Logical::Float64 | Logical::Bool | Logical::Year)
    );
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(v) => u8::from(*v).to_string(),
        Value::Int(_) | Value::UInt(_) => display::text(value).unwrap_or_default(),
        Value::Decimal(v) if numeric => match v {
            Decimal::Infinity | Decimal::NegInfinity => sqlite_float(v.to_f64()),
            // Not NULL, which a comparison would never find in order: among
            // numbers text is the greatest.
            Decimal::NaN => quoted("NaN"),
            Decimal::Small { .. } | Decimal::Big(_) => v.to_string(),
        },
        Value::F32(v) => sqlite_float(f64::from(*v)),
        Value::F64(v) => sqlite_float(*v),
        Value::Bytes(v) => format!("x'{}'", display::hex(v)),
        Value::Uuid(v) if matches!(column.logical, Some(Logical::Bytes { .. })) => format!("x'{}'", display::hex(v)),
        Value::Instant(Moment::Micros(v)) => {
            quoted(&display::text(&Value::Timestamp(Moment::Micros(*v))).unwrap_or_default())
        }
        Value::Text(_)
        | Value::Decimal(_)
        | Value::Json(_)
        | Value::Set(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::TimeTz { .. }
        | Value::Timestamp(_)
        | Value::Instant(_)
        | Value::Interval { .. }
        | Value::Bits { .. } => sqlite_text(&display::text(value).unwrap_or_default()),
    }
}

/// SQLite has no word for infinity, but reads a number too large as one.
///
/// It also reads one in six of the doubles beyond some 1e±100 a unit in the last
/// place off (3.51), as a power of ten that large is itself rounded there. Between
/// those bounds, 17 digits leave it no choice. Numbers beyond are written as one
/// between, times or divided by a power of two, which is exact.
fn sqlite_float(v: f64) -> String {
    const STEP: f64 = f64::from_bits((1023 + 300) << 52);
    if v.is_infinite() {
        return if v > 0.0 { "9e999" } else { "-9e999" }.to_owned();
    }
    if v.is_nan() {
        return "NULL".to_owned();
    }
    // What people write: few decimals, and far from any doubt.
    let plain = format!("{v:?}");
    if plain.split_once('.').is_some_and(|(_, decimals)| decimals.len() <= 10 && !decimals.contains('e')) {
        return plain;
    }
    let (mut near, mut back) = (v, String::new());
    while near.abs() >= 1e100 {
        near /= STEP;
        back.push_str(&format!(" * {STEP:.16e}"));
    }
    while near.abs() < 1e-80 {
        near *= STEP;
        back.push_str(&format!(" / {STEP:.16e}"));
    }
    if back.is_empty() { format!("{near:.16e}") } else { format!("({near:.16e}{back})") }
}

/// A statement ends at a NUL, so text that holds one is written with another
/// character in its place. Not by way of a blob: a CAST has an affinity, which a
/// comparison would apply to the column, and it reads the blob in the file's own
/// encoding, which may be UTF-16.
fn sqlite_text(text: &str) -> String {
    if !text.contains('\0') {
        return quoted(text);
    }
    match ('\u{1}'..=char::MAX).find(|c| !text.contains(*c)) {
        Some(stand_in) => {
            let visible: String = text.chars().map(|c| if c == '\0' { stand_in } else { c }).collect();
            format!("replace({}, char({}), char(0))", quoted(&visible), u32::from(stand_in))
        }
        // Text that holds every character there is, a megabyte at least.
        None => format!("CAST(x'{}' AS TEXT)", display::hex(text.as_bytes())),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What to compare a key's column with. Unlike [`literal`] this has a place for
/// NaN and the infinities even where the server's type does not hold them: as
/// text MySQL would take them for 0.
pub(crate) fn key_value(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    let numeric = matches!(
        column.logical,
        Some(
            Logical::Bool
                | Logical::Int { .. }
                | Logical::Decimal { .. }
                | Logical::Float32
                | Logical::Float64
                | Logical::Year
        )
    );
    match (engine, beyond_numbers(value)) {
        (Engine::MySql, Some(Beyond::NaN | Beyond::Above)) if numeric => format!("{:e}", f64::MAX),
        (Engine::MySql, Some(Beyond::Below)) if numeric => format!("{:e}", f64::MIN),
        (Engine::Sqlite, Some(Beyond::NaN)) => quoted("NaN"),
        _ => literal(engine, column, value),
    }
}

/// A literal to compare a key's column with. MySQL refuses to compare text that
/// the column's character set cannot express, or compares it by the rules of
/// another: what can't be expressed is a `?` in such a comparison, everywhere
/// the same.
fn key_literal(engine: Engine, column: &Column, value: &Value<'_>) -> String {
    let plain = key_value(engine, column, value);
    let in_utf8mb4 = column.collation.as_ref().is_none_or(|c| c.starts_with("utf8mb4"));
    match (engine, value) {
        (Engine::MySql, Value::Text(text) | Value::Set(text) | Value::Json(text))
            if !in_utf8mb4 && !text.is_ascii() =>
        {
            in_own_charset(column, &plain)
        }
        _ => plain,
    }
}

/// A literal of MySQL's in the character set and collation of `column`.
#[must_use]
pub fn in_own_charset(column: &Column, literal: &str) -> String {
    match &column.collation {
        // A collation's name begins with its character set.
        Some(collation) => {
            let charset = collation.split('_').next().unwrap_or(collation);
            format!("CONVERT({literal} USING {charset}) COLLATE {collation}")
        }
        None => literal.to_owned(),
    }
}

/// A condition for the rows of `range`; `None` when that is all of them.
///
/// Row values where the engine turns them into one index range, spelled out
/// where it doesn't (MySQL manual, "Range Optimization of Row Constructor
/// Expressions": only equality and IN).
#[must_use]
pub fn in_range(engine: Engine, table: &Table, key: &[usize], range: &KeyRange) -> Option<String> {
    let lower = range.lower.as_ref().map(|values| compare(engine, table, key, values, Bound::AtLeast));
    let upper = range.upper.as_ref().map(|values| compare(engine, table, key, values, Bound::Below));
    let condition = match (lower, upper) {
        (None, None) => return None,
        (Some(one), None) | (None, Some(one)) => one,
        (Some(lower), Some(upper)) => format!("{lower} AND {upper}"),
    };
    Some(with_nulls(engine, table, key, range, condition))
}

/// SQLite allows NULL in a primary key. No comparison holds for such a row, and
/// it must be in exactly one range: this makes it the first.
fn with_nulls(engine: Engine, table: &Table, key: &[usize], range: &KeyRange, condition: String) -> String {
    let nullable: Vec<String> = key
        .iter()
        .filter_map(|&i| table.columns.get(i))
        .filter(|c| c.nullable)
        .map(|c| name(engine, &c.name))
        .collect();
    if nullable.is_empty() {
        return condition;
    }
    if range.lower.is_none() {
        format!("{condition} OR {} IS NULL", nullable.join(" IS NULL OR "))
    } else {
        format!("{condition} AND {} IS NOT NULL", nullable.join(" IS NOT NULL AND "))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    Below,
}

fn compare(engine: Engine, table: &Table, key: &[usize], values: &KeyValues, bound: Bound) -> String {
    let parts: Vec<Part> = key
        .iter()
        .zip(values)
        .filter_map(|(&i, value)| table.columns.get(i).map(|c| Part::new(engine, c, value)))
        .collect();
    let (strict, loose) = match bound {
        Bound::AtLeast => (">", ">="),
        Bound::Below => ("<", "<"),
    };
    // A row comparison takes one operator for all of its columns.
    let same_operators = parts.iter().all(|p| p.operator(loose) == loose);
    match engine {
        Engine::Postgres | Engine::Sqlite if same_operators && parts.len() > 1 => {
            let columns: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
            let values: Vec<&str> = parts.iter().map(|p| p.value.as_str()).collect();
            format!("({}) {loose} ({})", columns.join(", "), values.join(", "))
        }
        Engine::Postgres | Engine::Sqlite | Engine::MySql | Engine::SqlServer | Engine::MongoDb => {
            lexicographic(&parts, strict, loose)
        }
    }
}

/// One column of a comparison.
struct Part<'a> {
    engine: Engine,
    column: &'a Column,
    name: String,
    value: String,
}

impl<'a> Part<'a> {
    fn new(engine: Engine, column: &'a Column, value: &Value<'_>) -> Self {
        Self { engine, column, name: name(engine, &column.name), value: key_literal(engine, column, value) }
    }

    fn operator(&self, symbol: &str) -> String {
        operator(self.engine, self.column, symbol)
    }

    fn compare(&self, symbol: &str) -> String {
        format!("{} {} {}", self.name, self.operator(symbol), self.value)
    }
}

/// `a >= x AND (a > x OR (a = x AND b >= y))`: the first condition is implied,
/// but it is the one the optimiser makes a range of.
fn lexicographic(parts: &[Part<'_>], strict: &str, loose: &str) -> String {
    let Some((first, rest)) = parts.split_first() else {
        return "TRUE".to_owned();
    };
    if rest.is_empty() {
        return first.compare(loose);
    }
    let outer = if strict == ">" { ">=" } else { "<=" };
    let inner = lexicographic(rest, strict, loose);
    format!("({} AND ({} OR ({} AND {inner})))", first.compare(outer), first.compare(strict), first.compare("="))
}

/// A condition for the rows whose key is one of `values`, as the server
/// compares keys.
#[must_use]
pub fn in_keys(engine: Engine, table: &Table, key: &[usize], values: &[KeyValues]) -> String {
    let columns: Vec<&Column> = key.iter().filter_map(|&i| table.columns.get(i)).collect();
    if columns.iter().any(|c| operator(engine, c, "=") != "=") {
        return in_keys_spelled_out(engine, &columns, values);
    }
    let names: Vec<String> = columns.iter().map(|c| name(engine, &c.name)).collect();
    let tuples: Vec<String> = values
        .iter()
        .map(|tuple| columns.iter().zip(tuple).map(|(c, v)| key_literal(engine, c, v)).collect::<Vec<_>>().join(", "))
        .collect();
    match names.as_slice() {
        [one] => format!("{one} IN ({})", tuples.join(", ")),
        many => {
            let tuples: Vec<String> = tuples.into_iter().map(|t| format!("({t})")).collect();
            let list = match engine {
                // SQLite takes a list of row values only from a VALUES clause.
                Engine::Sqlite => format!("VALUES {}", tuples.join(", ")),
                Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => tuples.join(", "),
            };
            format!("({}) IN ({list})", many.join(", "))
        }
    }
}

/// `IN` for columns whose `=` has to be qualified, which `IN` has no way to say.
fn in_keys_spelled_out(engine: Engine, columns: &[&Column], values: &[KeyValues]) -> String {
    let equal = |tuple: &KeyValues| {
        let parts = columns.iter().zip(tuple).map(|(c, v)| Part::new(engine, c, v).compare("="));
        format!("({})", parts.collect::<Vec<_>>().join(" AND "))
    };
    values.iter().map(equal).collect::<Vec<_>>().join(" OR ")
}

/// `WHERE` with all conditions that are there, each in parentheses: a filter
/// of the operator's may hold an OR.
#[must_use]
pub fn where_clause(conditions: &[Option<&str>]) -> String {
    let all: Vec<String> = conditions.iter().flatten().map(|c| format!("({c})")).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// Whether a literal of a key's canonical value finds the server's own row, and
/// no other, for any value that either side may hold under `rule`. Not so where
/// the rule takes several spellings for one that the server tells apart, or
/// where the server takes for one what the rule tells apart. A row that is not
/// found by its key is found by reading its range again.
///
/// A list of what is known to be safe: anything new is not.
#[must_use]
pub fn finds_by_literal(engine: Engine, own: &Column, other: &Column, rule: &Rule) -> bool {
    let (Some(logical), Some(opposite)) = (own.logical, other.logical) else { return false };
    let sqlite = engine == Engine::Sqlite;
    match *rule {
        Rule::Number => match (logical, opposite) {
            // A boolean or a year reads other numbers as one of its own (any
            // number is true, 24 is 2024), so only its like may ask for it.
            (Logical::Bool, Logical::Bool) | (Logical::Year, Logical::Year) => true,
            // Money is rounded to its own decimals before it is compared.
            (Logical::Int { .. } | Logical::Decimal { .. }, Logical::Int { .. } | Logical::Decimal { .. }) => {
                engine != Engine::Postgres || postgres_base(own) != "money"
            }
            _ => false,
        },
        Rule::Text { trim_spaces: false } => {
            let textual = |l| matches!(l, Logical::Text { .. } | Logical::Enum);
            textual(logical) && textual(opposite)
        }
        Rule::Bytes { trim_zeros: false } => {
            !sqlite && matches!((logical, opposite), (Logical::Bytes { .. }, Logical::Bytes { .. }))
        }
        // UUIDs that are kept as text may be spelled in upper case.
        Rule::Uuid => match logical {
            Logical::Uuid => !sqlite,
            Logical::Binary { bytes: 16 } => engine == Engine::MySql,
            _ => false,
        },
        Rule::Date => !sqlite && (logical, opposite) == (Logical::Date, Logical::Date),
        Rule::Timestamp { .. } => !sqlite && logical == opposite && matches!(logical, Logical::Timestamp { .. }),
        Rule::Instant { .. } => !sqlite && logical == opposite && matches!(logical, Logical::Instant { .. }),
        Rule::Double
        | Rule::Single
        | Rule::Text { trim_spaces: true }
        | Rule::Bytes { trim_zeros: true }
        | Rule::Time { .. }
        | Rule::TimeTz
        | Rule::Interval
        | Rule::Json
        | Rule::Bits
        | Rule::Set
        | Rule::ScaledNumber
        | Rule::Float { .. }
        // Of a key that settings make equal to others, a literal is one spelling.
        | Rule::FormedText(_)
        | Rule::BoolWords(_)
        | Rule::StoredBytes { .. }
        | Rule::SwappedUuid
        | Rule::JsonText
        | Rule::AsStored
        | Rule::ZeroDateIsNull(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::OwnedValue;

    fn table_of(columns: &[(&str, Logical, bool)]) -> Table {
        Table {
            name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns: columns
                .iter()
                .map(|(name, logical, nullable)| Column {
                    name: (*name).to_owned(),
                    native: String::new(),
                    logical: Some(*logical),
                    nullable: *nullable,
                    generated: false,
                    collation: None,
                })
                .collect(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
        }
    }

    const INT: Logical = Logical::Int { bits: 64, unsigned: false };
    const TEXT: Logical = Logical::Text { chars_max: None };

    fn text(v: &str) -> OwnedValue {
        Value::Text(v.to_owned().into())
    }

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(name(Engine::Postgres, "a\"b"), "\"a\"\"b\"");
        assert_eq!(name(Engine::MySql, "a`b"), "`a``b`");
        assert_eq!(name(Engine::SqlServer, "a]b"), "[a]]b]");
    }

    #[test]
    fn text_cannot_break_out() {
        let table = table_of(&[("c", TEXT, false)]);
        let column = &table.columns[0];
        assert_eq!(literal(Engine::Postgres, column, &text("a'b\\")), "'a''b\\'");
        assert_eq!(literal(Engine::MySql, column, &text("a'b")), "'a''b'");
        assert_eq!(literal(Engine::MySql, column, &text("\\'")), "_utf8mb4 x'5c27'");
        let float = self::column(Logical::Float32);
        assert_eq!(literal(Engine::MySql, &float, &Value::F32(0.1)), "1.0000000149011612e-1");
        assert_eq!(literal(Engine::Sqlite, column, &text("\0'\u{1}")), "replace('\u{2}''\u{1}', char(2), char(0))");
    }

    #[test]
    fn sqlite_reads_every_double_as_it_is() {
        let cases = [
            (0.0, "0.0"),
            (-0.25, "-0.25"),
            (5.0, "5.0"),
            (1234.5678, "1234.5678"),
            (0.1 + 0.2, "3.0000000000000004e-1"),
            (-1e16, "-1.0000000000000000e16"),
            (f64::INFINITY, "9e999"),
            (1e150, "(4.9090934652977265e59 * 2.0370359763344861e90)"),
        ];
        for (value, expected) in cases {
            assert_eq!(sqlite_float(value), expected);
        }
        let factors = |v: f64| sqlite_float(v).matches("2.0370359763344861e90").count();
        assert_eq!((factors(f64::MAX), factors(5e-324), factors(1e-80)), (3, 3, 0));
    }

    #[test]
    fn postgres_compares_a_number_that_is_no_integer_of_the_column_as_numeric() {
        let table = table_of(&[("c", INT, false)]);
        let column = &table.columns[0];
        assert_eq!(literal(Engine::Postgres, column, &Value::Int(i64::MIN)), "'-9223372036854775808'");
        assert_eq!(literal(Engine::Postgres, column, &Value::UInt(u64::MAX)), "'18446744073709551615'::numeric");
        let half = Value::Decimal(Decimal::Small { coefficient: 15, scale: 1 });
        assert_eq!(literal(Engine::Postgres, column, &half), "'1.5'::numeric");
        let mut money = column.clone();
        money.logical = Some(Logical::Decimal { precision: Some(19), scale: 2 });
        money.native = "money (domain public.price)".to_owned();
        assert_eq!(literal(Engine::Postgres, &money, &half), "'1.5'::numeric::money");
    }

    #[test]
    fn postgres_compares_citext_with_its_own_operators() {
        let mut table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
        table.columns[1].native = "\"my ext\".citext (domain public.email)".to_owned();
        let range = KeyRange { lower: Some(vec![Value::Int(1), text("x")]), upper: None };
        assert_eq!(
            in_range(Engine::Postgres, &table, &[0, 1], &range).unwrap(),
            "(\"a\" >= '1' AND (\"a\" > '1' OR (\"a\" = '1' AND \"b\" OPERATOR(\"my ext\".>=) 'x')))"
        );
        let keys = [vec![text("x")], vec![text("y")]];
        assert_eq!(
            in_keys(Engine::Postgres, &table, &[1], &keys),
            "(\"b\" OPERATOR(\"my ext\".=) 'x') OR (\"b\" OPERATOR(\"my ext\".=) 'y')"
        );
    }

    #[test]
    fn keys_are_compared_in_the_charset_of_their_column() {
        let mut table = table_of(&[("c", TEXT, false)]);
        let greek = KeyRange { lower: Some(vec![text("Ω")]), upper: Some(vec![text("z")]) };
        let condition = |table: &Table| in_range(Engine::MySql, table, &[0], &greek).unwrap();
        table.columns[0].collation = Some("utf8mb4_bin".to_owned());
        assert_eq!(condition(&table), "`c` >= 'Ω' AND `c` < 'z'");
        table.columns[0].collation = Some("latin1_german1_ci".to_owned());
        assert_eq!(condition(&table), "`c` >= CONVERT('Ω' USING latin1) COLLATE latin1_german1_ci AND `c` < 'z'");
        let keys = [vec![text("Ω")]];
        let looked_up = in_keys(Engine::MySql, &table, &[0], &keys);
        assert_eq!(looked_up, "`c` IN (CONVERT('Ω' USING latin1) COLLATE latin1_german1_ci)");
        assert_eq!(in_keys(Engine::Postgres, &table, &[0], &keys), "\"c\" IN ('Ω')");
    }

    fn column(logical: Logical) -> Column {
        table_of(&[("c", logical, false)]).columns.remove(0)
    }

    #[test]
    fn mysql_never_reads_text_as_a_number() {
        for logical in [TEXT, Logical::Char { chars_max: 8 }, Logical::Enum] {
            let column = column(logical);
            assert_eq!(literal(Engine::MySql, &column, &Value::Int(0)), "'0'");
            assert_eq!(literal(Engine::MySql, &column, &Value::Bool(false)), "'0'");
            assert_eq!(literal(Engine::MySql, &column, &Value::F64(0.5)), "'0.5'");
            assert_eq!(literal(Engine::MySql, &column, &Value::Decimal(Decimal::parse("0.50").unwrap())), "'0.50'");
        }
        assert_eq!(literal(Engine::MySql, &column(INT), &Value::Int(0)), "0");
    }

    #[test]
    fn numbers_that_only_postgres_has_lie_beyond_all_others() {
        let decimal = column(Logical::Decimal { precision: Some(20), scale: 4 });
        for (value, stored, above) in [
            (Value::Decimal(Decimal::NaN), "'NaN'", true),
            (Value::Decimal(Decimal::Infinity), "'Infinity'", true),
            (Value::Decimal(Decimal::NegInfinity), "'-Infinity'", false),
            (Value::F64(f64::NAN), "'NaN'", true),
            (Value::F32(f32::NEG_INFINITY), "'-Infinity'", false),
        ] {
            assert_eq!(literal(Engine::MySql, &decimal, &value), stored);
            let compared = if above { "1.7976931348623157e308" } else { "-1.7976931348623157e308" };
            assert_eq!(key_value(Engine::MySql, &decimal, &value), compared);
        }
        let numeric = column(Logical::SqliteNumeric);
        assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::Decimal(Decimal::NaN)), "'NaN'");
        assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::F64(f64::NAN)), "'NaN'");
        assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::Decimal(Decimal::NegInfinity)), "-9e999");
    }

    #[test]
    fn postgres_looks_a_uuid_up_in_bytea_by_its_bytes() {
        let bytea = column(Logical::Bytes { bytes_max: None });
        let literal = literal(Engine::Postgres, &bytea, &Value::Uuid([0xAB; 16]));
        assert_eq!(literal, format!("'\\x{}'", "ab".repeat(16)));
    }

    #[test]
    fn only_a_rule_that_changes_nothing_finds_rows_by_a_literal() {
        use Engine::{MySql, Postgres, Sqlite};
        use Logical as L;
        let found =
            |engine, own: Logical, other: Logical, rule| finds_by_literal(engine, &column(own), &column(other), &rule);
        let plain_text = || Rule::Text { trim_spaces: false };
        let plain_bytes = || Rule::Bytes { trim_zeros: false };
        let decimal = L::Decimal { precision: Some(9), scale: 2 };
        let char = L::Char { chars_max: 8 };
        let (bytes, binary) = (L::Bytes { bytes_max: None }, L::Binary { bytes: 16 });
        let timestamp = |digits| L::Timestamp { digits };
        let instant = |digits| L::Instant { digits };
        let rounding = crate::canon::Rounding::HalfUp;
        let timestamps = |digits| Rule::Timestamp { digits, rounding };
        let instants = |naive_zone_minutes| Rule::Instant { digits: 6, rounding, naive_zone_minutes };
        for (expected, engine, own, other, rule) in [
            (true, MySql, INT, decimal, Rule::Number),
            (true, Sqlite, INT, INT, Rule::Number),
            (true, Postgres, L::Bool, L::Bool, Rule::Number),
            (false, Postgres, L::Bool, INT, Rule::Number),
            (false, MySql, L::Year, INT, Rule::Number),
            (false, Sqlite, L::SqliteNumeric, L::SqliteNumeric, Rule::Number),
            (false, MySql, L::Bits { len: Some(8) }, INT, Rule::Number),
            (false, MySql, L::Float64, INT, Rule::Double),
            (true, Sqlite, TEXT, TEXT, plain_text()),
            (true, MySql, L::Enum, TEXT, plain_text()),
            (false, Postgres, L::Network, TEXT, plain_text()),
            (false, Postgres, TEXT, char, Rule::Text { trim_spaces: true }),
            (true, Postgres, bytes, bytes, plain_bytes()),
            (false, Sqlite, bytes, bytes, plain_bytes()),
            (false, Postgres, bytes, TEXT, plain_bytes()),
            (false, Postgres, bytes, binary, Rule::Bytes { trim_zeros: true }),
            (true, Postgres, L::Uuid, binary, Rule::Uuid),
            (true, MySql, binary, L::Uuid, Rule::Uuid),
            (false, Sqlite, L::Uuid, L::Uuid, Rule::Uuid),
            (false, Postgres, bytes, L::Uuid, Rule::Uuid),
            (false, MySql, char, L::Uuid, Rule::Uuid),
            (true, MySql, L::Date, L::Date, Rule::Date),
            (false, Sqlite, L::Date, L::Date, Rule::Date),
            (false, Postgres, L::Date, timestamp(6), timestamps(6)),
            (true, Postgres, timestamp(3), timestamp(3), timestamps(3)),
            (false, Postgres, timestamp(6), timestamp(3), timestamps(3)),
            (false, Sqlite, timestamp(6), timestamp(6), timestamps(6)),
            (true, MySql, instant(6), instant(6), instants(0)),
            (false, Postgres, timestamp(6), instant(6), instants(60)),
            (false, Postgres, instant(6), timestamp(6), instants(60)),
            (false, MySql, L::Time { digits: 0 }, L::Time { digits: 0 }, Rule::Time { digits: 0, rounding }),
            (false, MySql, L::Json { ordered: true }, TEXT, Rule::Json),
        ] {
            let label = format!("{engine:?} {own:?} {other:?} {rule:?}");
            assert_eq!(found(engine, own, other, rule), expected, "{label}");
        }
        let mut money = column(decimal);
        money.native = "money".to_owned();
        assert!(!finds_by_literal(Postgres, &money, &column(decimal), &Rule::Number));
        assert!(finds_by_literal(MySql, &column(decimal), &money, &Rule::Number));
    }

    #[test]
    fn ranges_are_half_open() {
        let table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
        let one = KeyRange { lower: Some(vec![Value::Int(1)]), upper: Some(vec![Value::Int(9)]) };
        assert_eq!(in_range(Engine::Sqlite, &table, &[0], &one).unwrap(), "\"a\" >= 1 AND \"a\" < 9");
        let two = KeyRange { lower: Some(vec![Value::Int(1), text("x")]), upper: None };
        assert_eq!(in_range(Engine::Postgres, &table, &[0, 1], &two).unwrap(), "(\"a\", \"b\") >= ('1', 'x')");
        assert_eq!(
            in_range(Engine::MySql, &table, &[0, 1], &two).unwrap(),
            "(`a` >= 1 AND (`a` > 1 OR (`a` = 1 AND `b` >= 'x')))"
        );
        assert_eq!(in_range(Engine::MySql, &table, &[0, 1], &KeyRange::all()), None);
    }

    #[test]
    fn a_row_with_a_null_key_is_in_the_first_range_only() {
        let table = table_of(&[("a", TEXT, true)]);
        let first = KeyRange { lower: None, upper: Some(vec![text("m")]) };
        let last = KeyRange { lower: Some(vec![text("m")]), upper: None };
        assert_eq!(in_range(Engine::Sqlite, &table, &[0], &first).unwrap(), "\"a\" < 'm' OR \"a\" IS NULL");
        assert_eq!(in_range(Engine::Sqlite, &table, &[0], &last).unwrap(), "\"a\" >= 'm' AND \"a\" IS NOT NULL");
    }

    #[test]
    fn keys_are_looked_up_as_lists() {
        let table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
        let keys = [vec![Value::Int(1), text("x")], vec![Value::Int(2), text("y")]];
        assert_eq!(in_keys(Engine::MySql, &table, &[0, 1], &keys), "(`a`, `b`) IN ((1, 'x'), (2, 'y'))");
        assert_eq!(in_keys(Engine::Sqlite, &table, &[0, 1], &keys), "(\"a\", \"b\") IN (VALUES (1, 'x'), (2, 'y'))");
        assert_eq!(where_clause(&[Some("a OR b"), None, Some("c")]), " WHERE (a OR b) AND (c)");
    }
}
