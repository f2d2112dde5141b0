//! SQLite, on real files in temporary folders.

mod capture;
mod catalog;
mod connect;
mod scopes;
mod split;
mod values;
mod waiting;
mod writing;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use switchback_engines::sqlite::Sqlite;
use switchback_engines::{
    ConnectOptions, Database, DatabaseUrl, Error, KeyValues, OwnedValue, ReadRequest, Result, Scope, Table, TableRef,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// A database file, and the connection that fills it.
struct File {
    folder: TempDir,
    writer: SqliteConnection,
}

impl File {
    async fn with(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = SqliteConnectOptions::new()
            .filename(folder.path().join("test.db"))
            .create_if_missing(true)
            .foreign_keys(false)
            .connect()
            .await
            .unwrap();
        let mut file = Self { folder, writer };
        file.run(sql).await;
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The names in the file's folder.
    fn neighbours(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    async fn run(&mut self, sql: &str) {
        self.try_run(sql).await.unwrap();
    }

    async fn try_run(&mut self, sql: &str) -> sqlx::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.writer).await.map(drop)
    }

    async fn open(&self) -> Sqlite {
        self.open_with("", &ConnectOptions::default()).await.unwrap()
    }

    async fn open_with(&self, parameters: &str, options: &ConnectOptions) -> Result<Sqlite> {
        let url = format!("sqlite:{}{parameters}", self.path().display());
        Sqlite::connect(&DatabaseUrl::parse(&url).unwrap(), options).await
    }
}

fn named(name: &str) -> TableRef {
    TableRef { schema: None, name: name.to_owned() }
}

async fn describe(db: &Sqlite, name: &str) -> Table {
    db.describe(&named(name)).await.unwrap().unwrap()
}

type Rows = Vec<Vec<OwnedValue>>;

/// The rows of a read, and the number it returned. Fails on whichever of read
/// and decoding fails first.
async fn try_read(db: &Sqlite, request: ReadRequest<'_>) -> Result<(u64, Rows)> {
    let decoder = db.decoder(request.table, request.columns)?;
    let (out, mut batches) = mpsc::channel(2);
    let collect = async {
        let mut rows = Rows::new();
        while let Some(batch) = batches.recv().await {
            decoder.decode(&batch, &mut |row| rows.push(row.iter().map(|v| v.clone().into_owned()).collect()))?;
        }
        Ok::<_, Error>(rows)
    };
    let (sent, rows) = tokio::join!(db.read(request, out), collect);
    Ok((sent?, rows?))
}

async fn read_scope(db: &Sqlite, table: &Table, columns: &[usize], scope: Scope<'_>) -> Rows {
    let (sent, rows) = try_read(db, ReadRequest { table, columns, scope, filter: None }).await.unwrap();
    assert_eq!(sent, rows.len() as u64);
    rows
}

async fn read_all(db: &Sqlite, name: &str) -> Rows {
    let table = describe(db, name).await;
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    read_scope(db, &table, &columns, Scope::All).await
}

fn text(v: &str) -> OwnedValue {
    OwnedValue::Text(v.to_owned().into())
}

fn bytes(v: &[u8]) -> OwnedValue {
    OwnedValue::Bytes(v.to_vec().into())
}

fn int(v: i64) -> OwnedValue {
    OwnedValue::Int(v)
}

fn texts(values: &[&str]) -> Vec<KeyValues> {
    values.iter().map(|v| vec![text(v)]).collect()
}

/// The message with all its causes, as a person gets to see it.
fn chain(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

/// Tries until `attempt` gives something, for ten seconds at most.
async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(done) = attempt().await {
            return done;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}
