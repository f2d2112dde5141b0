//! The sample data on real databases.

use std::path::PathBuf;
use std::sync::Arc;

use fixtures::dataset::{Dialect, Role, TableDef, script};
use fixtures::{Family, Side, TestDatabase};
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_fixtures as fixtures;

/// A filled database; gone when dropped.
pub(crate) struct Loaded {
    pub(crate) database: Arc<dyn Database>,
    _home: Home,
}

#[expect(dead_code, reason = "held for its Drop")]
enum Home {
    Server(TestDatabase),
    Folder(tempfile::TempDir),
}

/// Makes a database of `dialect` with these tables and connects to it.
pub(crate) async fn load(dialect: Dialect, role: Role, tables: &[TableDef]) -> Loaded {
    let (url, home) = match family(dialect) {
        Some(family) => {
            let side = match role {
                Role::Source => Side::Source,
                Role::Target => Side::Target,
            };
            let database = fixtures::database(family, side, "sample").await;
            for table in tables {
                database
                    .execute(&statements(dialect, role, table))
                    .await
                    .unwrap_or_else(|e| panic!("{}: {e:?}", table.name));
            }
            (database.url().to_owned(), Home::Server(database))
        }
        None => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sample.db");
            fill_sqlite(&path, role, tables).await;
            (format!("sqlite:{}", path.display()), Home::Folder(folder))
        }
    };
    let url = DatabaseUrl::parse(&url).unwrap();
    let database = connect(&url, &ConnectOptions::default()).await.unwrap();
    Loaded { database, _home: home }
}

fn family(dialect: Dialect) -> Option<Family> {
    match dialect {
        Dialect::Postgres => Some(Family::Postgres),
        Dialect::MySql => Some(Family::MySql),
        Dialect::MariaDb => Some(Family::MariaDb),
        Dialect::Sqlite => None,
    }
}

fn statements(dialect: Dialect, role: Role, table: &TableDef) -> String {
    let utc = match dialect {
        Dialect::Postgres => "SET TIME ZONE 'UTC'",
        Dialect::MySql | Dialect::MariaDb => "SET time_zone = '+00:00'",
        Dialect::Sqlite => "SELECT 1",
    };
    let mut all = vec![utc.to_owned()];
    all.extend(script(dialect, role, table));
    all.join(";\n")
}

async fn fill_sqlite(path: &PathBuf, role: Role, tables: &[TableDef]) {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let all: Vec<String> = tables.iter().flat_map(|t| script(Dialect::Sqlite, role, t)).collect();
    let whole = format!("BEGIN;\n{};\nCOMMIT", all.join(";\n"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(whole)).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}
