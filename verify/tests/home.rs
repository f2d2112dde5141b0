//! A filled database of any engine, and a run over two of them.

use std::path::PathBuf;
use std::sync::Arc;

use fixtures::dataset::Dialect;
use fixtures::{Family, Side, TestDatabase};
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_fixtures as fixtures;
use switchback_verify::{Options, Progress, RunOutcome, run};
use tokio_util::sync::CancellationToken;

use crate::collect::{Collected, Found};

/// An empty database of its own; gone when dropped.
pub(crate) enum Place {
    Server(TestDatabase),
    File { path: PathBuf, _folder: tempfile::TempDir },
}

impl Place {
    pub(crate) async fn new(dialect: Dialect, side: Side, hint: &str) -> Self {
        match family(dialect) {
            Some(family) => Self::Server(fixtures::database(family, side, hint).await),
            None => {
                let folder = tempfile::tempdir().unwrap();
                Self::File { path: folder.path().join(format!("{hint}.db")), _folder: folder }
            }
        }
    }

    /// Runs a script of any number of statements on a connection of its own;
    /// the error is the server's answer.
    pub(crate) async fn try_execute(&self, script: &str) -> Result<(), String> {
        match self {
            Self::Server(database) => database.execute(script).await.map_err(|e| format!("{e:?}")),
            Self::File { path, .. } => {
                use sqlx::ConnectOptions as _;
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await;
                sqlx::Connection::close(connection).await.unwrap();
                ran.map(drop).map_err(|e| e.to_string())
            }
        }
    }

    pub(crate) async fn execute(&self, script: &str) {
        self.try_execute(script).await.unwrap_or_else(|e| panic!("{e}"));
    }

    pub(crate) async fn connect(&self) -> Arc<dyn Database> {
        let url = match self {
            Self::Server(database) => database.url().to_owned(),
            Self::File { path, .. } => format!("sqlite:{}", path.display()),
        };
        connect(&DatabaseUrl::parse(&url).unwrap(), &ConnectOptions::default()).await.unwrap()
    }
}

fn family(dialect: Dialect) -> Option<Family> {
    match dialect {
        Dialect::Postgres => Some(Family::Postgres),
        Dialect::MySql => Some(Family::MySql),
        Dialect::MariaDb => Some(Family::MariaDb),
        Dialect::Sqlite => None,
    }
}

/// A [`Place`] that was filled by a script, and a connection to it.
pub(crate) struct Home {
    pub(crate) connected: Arc<dyn Database>,
    pub(crate) place: Place,
}

pub(crate) async fn home(dialect: Dialect, side: Side, script: &str) -> Home {
    let place = Place::new(dialect, side, "home").await;
    place.execute(script).await;
    Home { connected: place.connect().await, place }
}

/// Two SQLite files.
pub(crate) async fn sqlite_pair(source: &str, target: &str) -> (Home, Home) {
    (home(Dialect::Sqlite, Side::Source, source).await, home(Dialect::Sqlite, Side::Target, target).await)
}

pub(crate) async fn compare(source: &Home, target: &Home, options: Options) -> (RunOutcome, Found) {
    compare_with(Arc::clone(&source.connected), Arc::clone(&target.connected), options, CancellationToken::new()).await
}

pub(crate) async fn compare_with(
    source: Arc<dyn Database>,
    target: Arc<dyn Database>,
    options: Options,
    cancel: CancellationToken,
) -> (RunOutcome, Found) {
    let sink = Collected::default();
    let options = Options { run_id: "test".to_owned(), ..options };
    let outcome =
        run(source, target, options, Arc::new(sink.clone()), Progress::new(), cancel).await.expect("the run starts");
    (outcome, sink.take())
}

/// What a failed assertion shows of a run.
pub(crate) fn show(outcome: &RunOutcome) -> String {
    let table = |t: &switchback_verify::TableOutcome| {
        format!(
            "{} {:?} rows {}/{} in_sync {} differences {:?} problems {:?} structure {:?} policies {:?}",
            t.name(),
            t.verdict,
            t.source_rows,
            t.target_rows,
            t.in_sync,
            t.differences,
            t.problems,
            t.structure,
            t.policies
        )
    };
    outcome.tables.iter().map(table).collect::<Vec<_>>().join("\n")
}
