//! What differs between the targets' dialects.
//!
//! Names and literals are [`switchback_engines::sql`]'s; here is how a script
//! begins and ends, and how a row is found by its values.

use switchback_engines::{Engine, Flavor};

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
}
