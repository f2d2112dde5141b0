//! An empty database of any engine, gone when dropped.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use fixtures::{Family, Side, TestDatabase};
use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, WriterOptions, connect_endpoint};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::{self, Part, Ran, StructureOptions, StructurePlan};

pub(crate) enum Place {
    /// Always there, until it is dropped.
    Server(Option<TestDatabase>),
    File {
        path: PathBuf,
        _folder: tempfile::TempDir,
    },
}

impl Place {
    /// `None` for SQLite.
    pub(crate) async fn new(family: Option<Family>, side: Side, hint: &str) -> Self {
        match family {
            Some(family) => Self::Server(Some(fixtures::database(family, side, hint).await)),
            None => {
                let folder = tempfile::tempdir().unwrap();
                let place = Self::File { path: folder.path().join(format!("{hint}.db")), _folder: folder };
                place.execute("VACUUM").await;
                place
            }
        }
    }

    pub(crate) async fn execute(&self, script: &str) {
        match self {
            Self::Server(database) => {
                let database = database.as_ref().unwrap();
                database.execute(script).await.unwrap_or_else(|e| panic!("{e:?}"));
            }
            Self::File { path, .. } => {
                use sqlx::ConnectOptions as _;
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
                sqlx::Connection::close(connection).await.unwrap();
            }
        }
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        let text = match self {
            Self::Server(database) => database.as_ref().unwrap().url().to_owned(),
            Self::File { path, .. } => format!("sqlite:{}", path.display()),
        };
        DatabaseUrl::parse(&text).unwrap()
    }

    pub(crate) async fn connect(&self) -> Arc<dyn Endpoint> {
        connect_endpoint(&self.url(), &ConnectOptions::default()).await.unwrap()
    }

    /// All rows of a question, each as one line.
    pub(crate) async fn lines(&self, question: &str) -> Vec<String> {
        let rows = self.connect().await.look("asking", question).await.unwrap();
        let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
        rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
    }
}

/// Databases on their way to be dropped.
static DROPPING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

impl Drop for Place {
    /// On a thread of its own. PostgreSQL drops a database when all its backends have
    /// heard of it, and one that waits for a password does not listen: a thread of
    /// the runtime that waits here, with the task that has the password behind it,
    /// would wait in vain.
    fn drop(&mut self) {
        if let Self::Server(database) = self {
            let database = database.take();
            DROPPING.lock().unwrap().push(std::thread::spawn(move || drop(database)));
        }
    }
}

/// Plans, without any conflict.
pub(crate) async fn plan(source: &Place, target: &Place, options: &StructureOptions) -> StructurePlan {
    let plan = try_plan(source, target, options).await;
    assert_eq!(plan.conflicts, [], "{plan}");
    plan
}

pub(crate) async fn try_plan(source: &Place, target: &Place, options: &StructureOptions) -> StructurePlan {
    let (from, to) = (source.connect().await, target.connect().await);
    structure::plan(from.as_ref(), &source.url(), to.as_ref(), options).await.unwrap_or_else(|e| panic!("{e:?}"))
}

pub(crate) async fn run(target: &Place, plan: &StructurePlan, part: Part) -> Ran {
    let to = target.connect().await;
    let mut last = String::new();
    let ran = structure::run(to.as_ref(), &WriterOptions::default(), plan, part, &mut |o| last = o.to_string()).await;
    ran.unwrap_or_else(|e| panic!("{last}: {e:?}"))
}

pub(crate) const PARTS: [Part; 3] = [Part::BeforeLoad, Part::AfterLoad, Part::AtCutover];

pub(crate) fn warned(plan: &StructurePlan) -> Vec<String> {
    plan.warnings.iter().map(ToString::to_string).collect()
}

/// A scene of a test.
pub(crate) type Scene = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs scenes at once, each as a task, until their databases are gone.
pub(crate) async fn scenes<const N: usize>(all: [Scene; N]) {
    let mut running: tokio::task::JoinSet<()> = all.into_iter().collect();
    let mut ends = Vec::new();
    while let Some(ended) = running.join_next().await {
        ends.push(ended);
    }
    let dropping = std::mem::take(&mut *DROPPING.lock().unwrap());
    tokio::task::spawn_blocking(|| dropping.into_iter().for_each(|thread| thread.join().unwrap())).await.unwrap();
    for ended in ends {
        if let Err(failed) = ended {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}
