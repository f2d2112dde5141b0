//! An empty database of any engine, gone when dropped.

use std::path::PathBuf;
use std::sync::Arc;

use fixtures::{Family, Side, TestDatabase};
use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, WriterOptions, connect_endpoint};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::{self, Part, Ran, StructureOptions, StructurePlan};

pub(crate) enum Place {
    Server(TestDatabase),
    File { path: PathBuf, _folder: tempfile::TempDir },
}

impl Place {
    /// `None` for SQLite.
    pub(crate) async fn new(family: Option<Family>, side: Side, hint: &str) -> Self {
        match family {
            Some(family) => Self::Server(fixtures::database(family, side, hint).await),
            None => {
                let folder = tempfile::tempdir().unwrap();
                let place = Self::File { path: folder.path().join(format!("{hint}.db")), _folder: folder };
                place.execute("VACUUM").await;
                place
            }
        }
    }

    /// The sample database of an engine, as a source.
    pub(crate) async fn sample(family: Option<Family>) -> Self {
        let source = Self::new(family, Side::Source, "sample").await;
        for statement in fixtures::samples::rental(family) {
            source.execute(statement).await;
        }
        source
    }

    pub(crate) async fn execute(&self, script: &str) {
        match self {
            Self::Server(database) => {
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
            Self::Server(database) => database.url().to_owned(),
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

/// Runs each part twice over: after the first run the same plan is run again, and
/// nothing is done that is looked for.
pub(crate) async fn moved(target: &Place, plan: &StructurePlan) {
    for part in PARTS {
        run(target, plan, part).await;
        let steps = match part {
            Part::BeforeLoad => &plan.before_load,
            Part::AfterLoad => &plan.after_load,
            Part::AtCutover => &plan.at_cutover,
        };
        let looked_for = steps.iter().filter(|s| matches!(s.check, structure::Check::Query(_))).count();
        assert_eq!(run(target, plan, part).await.skipped, looked_for);
    }
}

/// A scene of a test.
pub(crate) type Scene = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs scenes at once, each as a task.
pub(crate) async fn scenes<const N: usize>(all: [Scene; N]) {
    let mut running: tokio::task::JoinSet<()> = all.into_iter().collect();
    let mut ends = Vec::new();
    while let Some(ended) = running.join_next().await {
        ends.push(ended);
    }
    for ended in ends {
        if let Err(failed) = ended {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}
