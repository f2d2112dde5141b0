//! Quoted names.

use crate::engine::Engine;
use crate::table::TableRef;

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
