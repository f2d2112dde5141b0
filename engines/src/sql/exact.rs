//! Conditions that hold for exactly one value, as we tell values apart and not as
//! the server does.

use super::is_null;
use super::literal::literal;
use super::name::name;
use super::postgres::postgres_base;
use crate::engine::{Engine, Flavor};
use crate::table::{Column, Logical, Table};
use crate::value::Value;

/// A condition for `column` having exactly `value`, NULL included.
///
/// Values are known when the text is written, so `IS NULL` or `=` says it
/// on every engine, and an index can serve it; an operator that is safe for
/// NULLs would cost MySQL's and PostgreSQL's planners that.
///
/// `duplicates`: there may be rows that the server takes for equal and we do
/// not, and only the right ones may be found.
#[must_use]
pub fn is(engine: Engine, flavor: Flavor, column: &Column, value: &Value<'_>, duplicates: bool) -> String {
    let quoted = name(engine, &column.name);
    if value.is_null() {
        return is_null(engine, column);
    }
    match engine {
        Engine::Postgres => postgres_is(&quoted, column, value),
        Engine::MySql => mysql_is(flavor, &quoted, column, value, duplicates),
        Engine::Sqlite => sqlite_is(&quoted, column, value),
        Engine::SqlServer | Engine::MongoDb => format!("{quoted} = {}", literal(engine, column, value)),
    }
}

/// The name of a row's own identifier, for a table without key; empty where the
/// engine has none.
#[must_use]
pub fn row_id(engine: Engine, table: &Table) -> &'static str {
    match engine {
        // Partitions of one table have the same ctids.
        Engine::Postgres => "tableoid, ctid",
        // Any column may hide one of these names.
        Engine::Sqlite => ["rowid", "_rowid_", "oid"]
            .into_iter()
            .find(|id| !table.columns.iter().any(|c| c.name.eq_ignore_ascii_case(id)))
            .unwrap_or("rowid"),
        Engine::MySql | Engine::SqlServer | Engine::MongoDb => "",
    }
}

fn mysql_is(flavor: Flavor, quoted: &str, column: &Column, value: &Value<'_>, duplicates: bool) -> String {
    let text = |value: &Value<'_>| literal(Engine::MySql, column, value);
    match (value, &column.logical) {
        // A FLOAT is compared as the double it is, and 0.1 is another double.
        (Value::F32(v), _) => format!("{quoted} = {}", text(&Value::F64(f64::from(*v)))),
        // MariaDB's JSON is text; MySQL's equals no text at all.
        (Value::Json(_), _) if flavor == Flavor::Original => {
            format!("{quoted} = CAST({} AS JSON)", text(value))
        }
        (Value::Text(v) | Value::Json(v) | Value::Set(v), _) if !is_binary(column) => {
            let mut condition = format!("{quoted} = {}", text(value));
            if !column.collation.as_deref().is_some_and(|c| c.ends_with("_bin")) {
                condition = format!("{condition} AND {quoted} = {} COLLATE utf8mb4_bin", text(value));
            }
            if duplicates {
                // Blanks at the end do not count for most collations.
                condition = format!("{condition} AND CHAR_LENGTH({quoted}) = {}", v.chars().count());
            }
            condition
        }
        // The servers compare neither with all of their bytes.
        (Value::Geometry { .. } | Value::Vector(_), _) => {
            format!("HEX({quoted}) = HEX({})", text(value))
        }
        _ => format!("{quoted} = {}", text(value)),
    }
}

fn is_binary(column: &Column) -> bool {
    matches!(column.logical, Some(Logical::Binary { .. } | Logical::Bytes { .. }))
}

fn postgres_is(quoted: &str, column: &Column, value: &Value<'_>) -> String {
    let text = literal(Engine::Postgres, column, value);
    match value {
        // The type `json` has no equality, and its text is what was stored.
        Value::Json(_) if column.logical == Some(Logical::Json { ordered: true }) => format!("{quoted}::text = {text}"),
        // Not by `=`: some of these types have none, a circle equals another of its
        // area, and what they are made of may be what `=` takes for the same.
        _ if by_its_text(column) => {
            format!("{quoted}::text = ({text}::{})::text", postgres_base(column))
        }
        // A month equals 30 days to the server.
        Value::Interval { .. } => format!("{quoted}::text = ({text}::interval)::text"),
        Value::Text(_) if column.native.starts_with("citext") => format!("{quoted}::text = {text}"),
        Value::Text(_) if has_own_collation(column) => {
            format!("{quoted} = {text} AND {quoted} = {text} COLLATE \"C\"")
        }
        _ => format!("{quoted} = {text}"),
    }
}

/// Whether the server tells two values apart by their text alone.
fn by_its_text(column: &Column) -> bool {
    matches!(
        column.logical,
        Some(
            Logical::Array { .. }
                | Logical::Range { .. }
                | Logical::Multirange { .. }
                | Logical::Composite { .. }
                | Logical::Map
                | Logical::Shape { .. }
                | Logical::Geometry { .. }
                | Logical::Vector { .. }
                | Logical::Notation { .. }
        )
    ) || postgres_base(column) == "xml"
}

/// Whether the column has a collation that may take different texts for equal.
fn has_own_collation(column: &Column) -> bool {
    let text = matches!(column.logical, Some(Logical::Char { .. } | Logical::Text { .. }));
    text && column.collation.as_deref().is_some_and(|c| !matches!(c, "" | "default" | "C" | "POSIX" | "ucs_basic"))
}

fn sqlite_is(quoted: &str, column: &Column, value: &Value<'_>) -> String {
    let text = literal(Engine::Sqlite, column, value);
    match value {
        Value::Text(_) if column.collation.as_deref().is_some_and(|c| !c.eq_ignore_ascii_case("BINARY")) => {
            format!("{quoted} = {text} AND {quoted} = {text} COLLATE BINARY")
        }
        _ => format!("{quoted} = {text}"),
    }
}
