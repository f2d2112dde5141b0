//! The tables that belong to the tool itself, in the databases it works on.
//!
//! They are never listed among a database's tables, so that they are neither
//! compared nor moved; a stream captures those that it has to see by name.

use crate::engine::Engine;
use crate::table::TableRef;

/// PostgreSQL's schema for them.
pub const SCHEMA: &str = "switchback";
/// Before their names where there is no schema to put them in.
pub const PREFIX: &str = "_switchback_";

/// Where the tool's table `name` is: in a schema of its own where the engine has
/// schemas, and else in the database that is moved (`database`, which MySQL
/// calls a schema). Not in a database of its own: an account seldom may create
/// one, and two moves on one server must not meet.
#[must_use]
pub fn table(engine: Engine, database: Option<&str>, name: &str) -> TableRef {
    match engine {
        Engine::Postgres | Engine::SqlServer => TableRef { schema: Some(SCHEMA.to_owned()), name: name.to_owned() },
        Engine::MySql | Engine::MongoDb => {
            TableRef { schema: database.map(str::to_owned), name: format!("{PREFIX}{name}") }
        }
        Engine::Sqlite => TableRef { schema: None, name: format!("{PREFIX}{name}") },
    }
}

/// Whether a table belongs to the tool.
#[must_use]
pub fn is_own(engine: Engine, table: &TableRef) -> bool {
    match engine {
        Engine::Postgres | Engine::SqlServer => table.schema.as_deref() == Some(SCHEMA),
        Engine::MySql | Engine::MongoDb | Engine::Sqlite => table.name.starts_with(PREFIX),
    }
}
