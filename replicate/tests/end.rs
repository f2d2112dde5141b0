//! An end of a stream: a database of its own, gone when dropped.

use std::path::PathBuf;
use std::sync::Arc;

use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, Engine, Table, TableRef, Writer, WriterOptions};
use switchback_fixtures as fixtures;

/// What an end runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Postgres,
    MySql,
    MariaDb,
    Sqlite,
}

pub(crate) const ALL: [On; 4] = [On::Postgres, On::MySql, On::MariaDb, On::Sqlite];

impl On {
    fn family(self) -> Option<fixtures::Family> {
        match self {
            Self::Postgres => Some(fixtures::Family::Postgres),
            Self::MySql => Some(fixtures::Family::MySql),
            Self::MariaDb => Some(fixtures::Family::MariaDb),
            Self::Sqlite => None,
        }
    }
}

enum Home {
    Server(fixtures::TestDatabase),
    File { path: PathBuf, _folder: tempfile::TempDir },
}

pub(crate) struct End {
    home: Home,
    pub(crate) url: String,
    pub(crate) endpoint: Arc<dyn Endpoint>,
}

pub(crate) async fn open(url: &str) -> Arc<dyn Endpoint> {
    let url = DatabaseUrl::parse(url).unwrap();
    switchback_engines::connect_endpoint(&url, &ConnectOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"))
}

impl End {
    /// A database in which `script` was run.
    pub(crate) async fn new(on: On, side: fixtures::Side, script: &str) -> Self {
        let home = match on.family() {
            Some(family) => Home::Server(fixtures::database(family, side, "stream").await),
            None => {
                let folder = tempfile::tempdir().unwrap();
                Home::File { path: folder.path().join("end.db"), _folder: folder }
            }
        };
        let url = match &home {
            Home::Server(database) => database.url().to_owned(),
            Home::File { path, .. } => format!("sqlite:{}", path.display()),
        };
        if let Home::File { path, .. } = &home {
            std::fs::File::create(path).unwrap();
        }
        execute(&home, script).await;
        Self { endpoint: open(&url).await, home, url }
    }

    /// Runs a script of any number of statements on a connection of its own.
    pub(crate) async fn execute(&self, script: &str) {
        execute(&self.home, script).await;
    }

    pub(crate) fn engine(&self) -> Engine {
        self.endpoint.info().engine
    }

    /// A session for an application, which names its tables without a schema.
    pub(crate) async fn writer(&self) -> Box<dyn Writer> {
        let mut writer = self.endpoint.writer(&WriterOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"));
        if self.engine() == Engine::Postgres {
            writer.run(&["SET search_path = public".to_owned()]).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
        writer
    }

    /// The one cell of a query's one row.
    pub(crate) async fn ask(&self, writer: &mut dyn Writer, query: &str) -> Option<String> {
        let outcomes = writer.run(&[query.to_owned()]).await.unwrap_or_else(|e| panic!("{query}: {e:?}"));
        outcomes.into_iter().next()?.rows.into_iter().next()?.into_iter().next()?
    }

    pub(crate) async fn table(&self, name: &str) -> Table {
        let tables = self.endpoint.tables().await.unwrap();
        let reference: &TableRef = tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no table {name}"));
        self.endpoint.describe(reference).await.unwrap().unwrap()
    }
}

async fn execute(home: &Home, script: &str) {
    match home {
        // The tests' account and the tool's schema have one name, and a schema of
        // one's own name is where an account's tables are made.
        Home::Server(database) if database.url().starts_with("postgres") => {
            let script = format!("SET search_path = public; {script}");
            database.execute(&script).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
        Home::Server(database) => database.execute(script).await.unwrap_or_else(|e| panic!("{e:?}")),
        Home::File { path, .. } => {
            use sqlx::ConnectOptions as _;
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(std::time::Duration::from_secs(30));
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
            sqlx::Connection::close(connection).await.unwrap();
        }
    }
}
