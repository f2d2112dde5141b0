//! What differs between the targets' dialects.
//!
//! Names and literals are [`switchback_engines::sql`]'s; here is how a script
//! begins and ends, and how a row is found by its values.

use switchback_engines::sql::{is_null, literal, name};
use switchback_engines::{Column, Engine, Flavor, Logical, OwnedValue, Table, Value};

/// The target's engine, and which server of its family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) engine: Engine,
    pub(super) flavor: Flavor,
}

impl Dialect {
    /// How to run the script, so that the first error ends it.
    pub(super) fn how_to_run(self) -> &'static str {
        match self.engine {
            Engine::Postgres => "psql -v ON_ERROR_STOP=1 -f THIS_FILE DATABASE",
            Engine::MySql => "mysql --default-character-set=utf8mb4 DATABASE < THIS_FILE",
            Engine::Sqlite => "sqlite3 -bail DATABASE_FILE < THIS_FILE",
            Engine::SqlServer | Engine::MongoDb => "",
        }
    }

    /// From the beginning of the transaction's session to its first statement.
    /// `cyclic`: no order of the statements satisfies all foreign keys.
    pub(super) fn prologue(self, cyclic: bool) -> Vec<&'static str> {
        match self.engine {
            Engine::Postgres => {
                let mut lines = vec![
                    "BEGIN;",
                    "SET LOCAL client_encoding = 'UTF8';",
                    "SET LOCAL standard_conforming_strings = on;",
                    "SET LOCAL TimeZone = 'UTC';",
                    "SET LOCAL DateStyle = 'ISO, YMD';",
                    "SET LOCAL IntervalStyle = 'postgres';",
                ];
                if cyclic {
                    lines.extend([
                        "-- This reaches only constraints that are DEFERRABLE. Where another one is in the way, a superuser",
                        "-- can SET LOCAL session_replication_role = replica instead, which also keeps triggers from firing.",
                        "SET CONSTRAINTS ALL DEFERRED;",
                    ]);
                }
                lines
            }
            Engine::MySql => {
                let mut lines = vec![
                    "SET NAMES utf8mb4;",
                    "SET @switchback_time_zone = @@time_zone, @switchback_sql_mode = @@sql_mode;",
                    "SET @switchback_foreign_key_checks = @@foreign_key_checks;",
                    "SET time_zone = '+00:00';",
                    "SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';",
                ];
                if cyclic {
                    lines.extend([
                        "-- Without the checks the server neither refuses a row that refers to nothing, nor does it cascade.",
                        "SET foreign_key_checks = 0;",
                    ]);
                }
                lines.push("START TRANSACTION;");
                lines
            }
            Engine::Sqlite => {
                let mut lines = vec!["BEGIN IMMEDIATE;"];
                if cyclic {
                    lines.push("PRAGMA defer_foreign_keys = ON;");
                }
                lines
            }
            Engine::SqlServer | Engine::MongoDb => Vec::new(),
        }
    }

    pub(super) fn epilogue(self) -> Vec<&'static str> {
        match self.engine {
            Engine::Postgres | Engine::Sqlite => vec!["COMMIT;"],
            Engine::MySql => vec![
                "COMMIT;",
                "SET time_zone = @switchback_time_zone, sql_mode = @switchback_sql_mode;",
                "SET foreign_key_checks = @switchback_foreign_key_checks;",
            ],
            Engine::SqlServer | Engine::MongoDb => Vec::new(),
        }
    }

    /// What a person should know before the script runs.
    pub(super) fn notes(self) -> &'static [&'static str] {
        match self.engine {
            Engine::Postgres => &[
                "Triggers of the target fire. Sequences are not moved: where rows are inserted, check their next values.",
            ],
            Engine::MySql => &[
                "Triggers of the target fire. Tables of an engine without transactions (MyISAM) change at once.",
                "The client's connection has to be the script's alone, as it sets the session's time zone and SQL mode.",
            ],
            Engine::Sqlite => {
                &["Triggers of the target fire. Foreign keys are checked only where PRAGMA foreign_keys is on."]
            }
            Engine::SqlServer | Engine::MongoDb => &[],
        }
    }

    /// A condition for `column` having exactly `value`, NULL included.
    ///
    /// Values are known when the script is written, so `IS NULL` or `=` says it
    /// on every engine, and an index can serve it; an operator that is safe for
    /// NULLs would cost MySQL's and PostgreSQL's planners that.
    ///
    /// `duplicates`: there may be rows that the server takes for equal and we do
    /// not, and only the right ones may be found.
    pub(super) fn is(self, column: &Column, value: &OwnedValue, duplicates: bool) -> String {
        let quoted = name(self.engine, &column.name);
        if value.is_null() {
            return is_null(self.engine, column);
        }
        match self.engine {
            Engine::Postgres => postgres_is(&quoted, column, value),
            Engine::MySql => self.mysql_is(&quoted, column, value, duplicates),
            Engine::Sqlite => sqlite_is(&quoted, column, value),
            Engine::SqlServer | Engine::MongoDb => format!("{quoted} = {}", literal(self.engine, column, value)),
        }
    }

    fn mysql_is(self, quoted: &str, column: &Column, value: &OwnedValue, duplicates: bool) -> String {
        let text = |value| literal(self.engine, column, value);
        match (value, &column.logical) {
            // A FLOAT is compared as the double it is, and 0.1 is another double.
            (Value::F32(v), _) => format!("{quoted} = {}", text(&Value::F64(f64::from(*v)))),
            // MariaDB's JSON is text; MySQL's equals no text at all.
            (Value::Json(_), _) if self.flavor == Flavor::Original => {
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

    /// The name of the row's own identifier, for a table without key.
    pub(super) fn row_id(self, table: &Table) -> &'static str {
        match self.engine {
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
}

fn is_binary(column: &Column) -> bool {
    matches!(column.logical, Some(Logical::Binary { .. } | Logical::Bytes { .. }))
}

fn postgres_is(quoted: &str, column: &Column, value: &OwnedValue) -> String {
    let text = literal(Engine::Postgres, column, value);
    match value {
        // The type `json` has no equality, and its text is what was stored.
        Value::Json(_) if column.logical == Some(Logical::Json { ordered: true }) => format!("{quoted}::text = {text}"),
        // Not by `=`: some of these types have none, a circle equals another of its
        // area, and what they are made of may be what `=` takes for the same.
        _ if by_its_text(column) => {
            format!("{quoted}::text = ({text}::{})::text", postgres_type(column))
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
    ) || postgres_type(column) == "xml"
}

/// The column's type, or that of its domain.
fn postgres_type(column: &Column) -> &str {
    column.native.split_once(" (domain ").map_or(column.native.as_str(), |(base, _)| base)
}

/// Whether the column has a collation that may take different texts for equal.
fn has_own_collation(column: &Column) -> bool {
    let text = matches!(column.logical, Some(Logical::Char { .. } | Logical::Text { .. }));
    text && column.collation.as_deref().is_some_and(|c| !matches!(c, "" | "default" | "C" | "POSIX" | "ucs_basic"))
}

fn sqlite_is(quoted: &str, column: &Column, value: &OwnedValue) -> String {
    let text = literal(Engine::Sqlite, column, value);
    match value {
        Value::Text(_) if column.collation.as_deref().is_some_and(|c| !c.eq_ignore_ascii_case("BINARY")) => {
            format!("{quoted} = {text} AND {quoted} = {text} COLLATE BINARY")
        }
        _ => format!("{quoted} = {text}"),
    }
}
