//! The sample data on real databases.

use std::sync::Arc;

use fixtures::Side;
use fixtures::dataset::{Dialect, Role, TableDef, script};
use switchback_engines::Database;
use switchback_fixtures as fixtures;

use crate::home::Place;

/// A filled database; gone when dropped.
pub(crate) struct Loaded {
    pub(crate) database: Arc<dyn Database>,
    _place: Place,
}

/// Makes a database of `dialect` with these tables and connects to it.
pub(crate) async fn load(dialect: Dialect, role: Role, tables: &[TableDef]) -> Loaded {
    let side = match role {
        Role::Source => Side::Source,
        Role::Target => Side::Target,
    };
    let place = Place::new(dialect, side, "sample").await;
    for table in tables {
        place.execute(&statements(dialect, role, table)).await;
    }
    Loaded { database: place.connect().await, _place: place }
}

fn statements(dialect: Dialect, role: Role, table: &TableDef) -> String {
    let utc = match dialect {
        Dialect::Postgres => "SET TIME ZONE 'UTC'",
        Dialect::MySql | Dialect::MariaDb => "SET time_zone = '+00:00'",
        Dialect::Sqlite => "SELECT 1",
    };
    let mut all = vec![utc.to_owned()];
    all.extend(script(dialect, role, table));
    match dialect {
        // One transaction, or each statement would flush the file.
        Dialect::Sqlite => format!("BEGIN;\n{};\nCOMMIT", all.join(";\n")),
        Dialect::Postgres | Dialect::MySql | Dialect::MariaDb => all.join(";\n"),
    }
}
