//! Real databases, filled, compared and repaired.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fixtures::{Family, Side, TestDatabase};
use sqlx::ConnectOptions as _;
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_fixtures as fixtures;
use switchback_reports::parquet::ParquetSink;
use switchback_reports::{RepairSummary, certificate, repair_sql, summary};
use switchback_verify::outcome::RunOutcome;
use switchback_verify::{Options, Progress, run};
use tokio_util::sync::CancellationToken;

/// A database of one test; gone when dropped.
pub(crate) enum Real {
    Server(TestDatabase),
    Sqlite(tempfile::TempDir),
}

impl Real {
    /// `None` is a SQLite file.
    pub(crate) async fn new(family: Option<Family>, side: Side) -> Self {
        match family {
            Some(family) => Self::Server(fixtures::database(family, side, "repair").await),
            None => {
                let folder = tempfile::tempdir().unwrap();
                // The engine opens files that are there; an empty one is a database.
                std::fs::write(sqlite_path(&folder), "").unwrap();
                Self::Sqlite(folder)
            }
        }
    }

    /// Runs a script of any number of statements.
    pub(crate) async fn execute(&self, script: &str) {
        let done = match self {
            Self::Server(database) => database.execute(script).await.map_err(|e| format!("{e:?}")),
            Self::Sqlite(folder) => execute_sqlite(folder, script).await.map_err(|e| e.to_string()),
        };
        if let Err(why) = done {
            panic!("{why}\n{script}");
        }
    }

    async fn connect(&self) -> Arc<dyn Database> {
        let url = match self {
            Self::Server(database) => database.url().to_owned(),
            Self::Sqlite(folder) => format!("sqlite:{}", sqlite_path(folder).display()),
        };
        connect(&DatabaseUrl::parse(&url).unwrap(), &ConnectOptions::default()).await.unwrap()
    }
}

async fn execute_sqlite(folder: &tempfile::TempDir, script: &str) -> sqlx::Result<()> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(sqlite_path(folder));
    let mut connection = options.connect().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await?;
    sqlx::Connection::close(connection).await
}

fn sqlite_path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("sample.db")
}

/// What a repair came from and led to.
pub(crate) struct Repaired {
    pub(crate) before: RunOutcome,
    pub(crate) after: RunOutcome,
    pub(crate) summary: RepairSummary,
    pub(crate) script: String,
}

/// Compares, runs the script on the target, and compares again.
pub(crate) async fn repair(source: &Real, target: &Real) -> Repaired {
    let folder = tempfile::tempdir().unwrap();
    let before = compare(source, target, folder.path()).await;
    let mut script = Vec::new();
    let summary = repair_sql(folder.path(), &mut script).unwrap();
    let script = String::from_utf8(script).unwrap();
    target.execute(&script).await;
    let folder = tempfile::tempdir().unwrap();
    let after = compare(source, target, folder.path()).await;
    Repaired { before, after, summary, script }
}

async fn compare(source: &Real, target: &Real, run_dir: &Path) -> RunOutcome {
    let options = Options { run_id: "run".to_owned(), range_rows: 300, ..Options::default() };
    let sink = Arc::new(ParquetSink::new(run_dir, "run"));
    let (source, target) = (source.connect().await, target.connect().await);
    let outcome = run(source, target, options, sink, Progress::new(), CancellationToken::new()).await.unwrap();
    summary::write(run_dir, &outcome).unwrap();
    certificate::write(run_dir, &outcome).unwrap();
    outcome
}
