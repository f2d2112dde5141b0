//! An end of a stream: a database of its own, gone when dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_engines::{Class, ConnectOptions, DatabaseUrl, Endpoint, Engine, Error, Writer, WriterOptions};
use switchback_fixtures as fixtures;

use super::stage::PATIENCE;

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
    Shared(fixtures::TestDatabase),
    /// On a server of the test's own, which may be down.
    Private {
        family: fixtures::Family,
        url: String,
    },
    File {
        path: PathBuf,
        _folder: tempfile::TempDir,
    },
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
            Some(family) => Home::Shared(fixtures::database(family, side, "stream").await),
            None => {
                let folder = tempfile::tempdir().unwrap();
                Home::File { path: folder.path().join("end.db"), _folder: folder }
            }
        };
        Self::at(home, script).await
    }

    /// The same on a server that the test may kill.
    pub(crate) async fn on(server: &fixtures::Server, database: &str, script: &str) -> Self {
        server.create_database(database).await.unwrap_or_else(|e| panic!("{e:?}"));
        Self::at(Home::Private { family: server.kind().family(), url: server.url(database) }, script).await
    }

    /// This database by way of a proxy, and without encryption, so that the proxy
    /// can read what goes by.
    pub(crate) async fn by(&self, proxy: &fixtures::Proxy) -> Self {
        let Home::Private { family, url } = &self.home else { panic!("only a private server has a proxy before it") };
        let mode = match family {
            fixtures::Family::Postgres => "sslmode=disable",
            fixtures::Family::MySql | fixtures::Family::MariaDb => "ssl-mode=disabled",
        };
        let by = format!("{}?{mode}", proxy.url(url));
        Self { endpoint: open(&by).await, home: Home::Private { family: *family, url: url.clone() }, url: by }
    }

    async fn at(home: Home, script: &str) -> Self {
        let url = match &home {
            Home::Shared(database) => database.url().to_owned(),
            Home::Private { url, .. } => url.clone(),
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
        self.try_execute(script).await.unwrap_or_else(|e| panic!("{e}"));
    }

    /// What the server says against a script.
    pub(crate) async fn try_execute(&self, script: &str) -> Result<(), String> {
        try_execute(&self.home, script).await
    }

    pub(crate) fn engine(&self) -> Engine {
        self.endpoint.info().engine
    }

    pub(crate) fn session(&self) -> Session {
        Session(Arc::clone(&self.endpoint))
    }

    /// A session for an application, which names its tables without a schema.
    pub(crate) async fn writer(&self) -> Box<dyn Writer> {
        self.session().open().await
    }
}

/// How an application gets to its database.
#[derive(Clone)]
pub(crate) struct Session(Arc<dyn Endpoint>);

impl Session {
    pub(crate) fn engine(&self) -> Engine {
        self.0.info().engine
    }

    /// Waits for the server to be there.
    pub(crate) async fn open(&self) -> Box<dyn Writer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_to_open().await {
                Ok(writer) => return writer,
                Err(e) => assert!(e.class() == Class::Transient && Instant::now() < deadline, "{e:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn try_to_open(&self) -> Result<Box<dyn Writer>, Error> {
        let mut writer = self.0.writer(&WriterOptions::default()).await?;
        if self.engine() == Engine::Postgres {
            writer.run(&["SET search_path = public".to_owned()]).await.map_err(|failed| failed.error)?;
        }
        Ok(writer)
    }
}

/// The one cell of a query's one row.
///
/// # Errors
/// When the session is of no use any more.
///
/// # Panics
/// When it is the query that is.
pub(crate) async fn ask(writer: &mut dyn Writer, query: &str) -> Result<Option<String>, Error> {
    match writer.run(&[query.to_owned()]).await {
        Ok(outcomes) => Ok(outcomes
            .into_iter()
            .next()
            .and_then(|outcome| outcome.rows.into_iter().next())
            .and_then(|row| row.into_iter().next())
            .flatten()),
        Err(failed) if failed.error.class() == Class::Transient => Err(failed.error),
        Err(failed) => panic!("{query}: {failed:?}"),
    }
}

async fn execute(home: &Home, script: &str) {
    try_execute(home, script).await.unwrap_or_else(|e| panic!("{e}"));
}

async fn try_execute(home: &Home, script: &str) -> Result<(), String> {
    match home {
        // The tests' account and the tool's schema have one name, and a schema of
        // its own name is where an account's tables are made.
        Home::Shared(database) if database.url().starts_with("postgres") => {
            let script = format!("SET search_path = public; {script}");
            database.execute(&script).await.map_err(|e| format!("{e:?}"))
        }
        Home::Shared(database) => database.execute(script).await.map_err(|e| format!("{e:?}")),
        Home::Private { family, url } => fixtures::execute(*family, url, script).await.map_err(|e| format!("{e:?}")),
        Home::File { path, .. } => {
            use sqlx::ConnectOptions as _;
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(std::time::Duration::from_secs(30));
            let mut connection = options.connect().await.unwrap();
            let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await;
            sqlx::Connection::close(connection).await.unwrap();
            ran.map(drop).map_err(|e| format!("{e:?}"))
        }
    }
}
