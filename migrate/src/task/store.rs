//! The control database of a task: one SQLite file in the task's folder.
//!
//! | table | holds |
//! |---|---|
//! | `task` | one row: scope, state, the phase it goes on in, what others wish |
//! | `history` | each change of the state, with its time and reason |
//! | `documents` | what has to stay the same from one run to the next, as JSON |
//! | `live` | one row: what the process at work said of itself last |
//!
//! Durable with every statement (`synchronous = FULL`). Times are microseconds since
//! 1970-01-01 UTC.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::error::{Error, Result};
use super::live::Live;
use super::state::{State, Wish};

pub(super) const FILE: &str = "task.db";
/// Another process's write takes milliseconds.
const BUSY: Duration = Duration::from_secs(10);
/// Raised when an older program could not read what is written.
const FORMAT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS task (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        state TEXT NOT NULL,
        phase TEXT NOT NULL,
        wish TEXT NOT NULL,
        reason TEXT,
        created_at INTEGER NOT NULL,
        changed_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS history (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        state TEXT NOT NULL,
        reason TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS live (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
";

/// A task as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub state: State,
    /// Where it goes on: its state, unless that is paused, failed or completed.
    pub phase: State,
    pub wish: Wish,
    /// Why it is in its state, where that needs words.
    pub reason: Option<String>,
    pub created_at: SystemTime,
    pub changed_at: SystemTime,
    pub(super) scope: String,
}

impl Record {
    /// What was asked for, as names and values.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &str)> {
        self.scope.lines().filter_map(|line| line.split_once(": "))
    }
}

/// A change of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: SystemTime,
    pub state: State,
    pub reason: Option<String>,
}

/// The open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    path: PathBuf,
}

impl Store {
    /// Opens the database of a task; `None` where there is none.
    pub(super) async fn open(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let store = Self::connect(path, false).await?;
        // One that was not finished being made is none.
        let query = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('task', 'history', 'documents', 'live')";
        let tables: i64 = store.failing(sqlx::query_scalar(query).fetch_one(&store.pool).await)?;
        if tables < 4 || store.row().await?.is_none() {
            return Ok(None);
        }
        Ok(Some(store))
    }

    /// Makes the database of a new task.
    pub(super) async fn create(folder: &Path, name: &str, scope: &str) -> Result<Self> {
        let store = Self::connect(folder.join(FILE), true).await?;
        let now = micros(SystemTime::now());
        let made = async {
            let mut transaction = store.pool.begin().await?;
            sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
            let insert = "INSERT INTO task VALUES (1, ?, ?, ?, 'created', 'created', 'run', NULL, ?, ?)";
            let insert = sqlx::query(insert).bind(FORMAT).bind(name).bind(scope).bind(now).bind(now);
            insert.execute(&mut *transaction).await?;
            let history = sqlx::query("INSERT INTO history (at, state) VALUES (?, 'created')").bind(now);
            history.execute(&mut *transaction).await?;
            transaction.commit().await
        };
        store.failing(made.await)?;
        Ok(store)
    }

    async fn connect(path: PathBuf, create: bool) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Delete)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(|source| Error::Control { path: path.clone(), source })?;
        Ok(Self { pool, path })
    }

    pub async fn record(&self) -> Result<Record> {
        self.row().await?.ok_or_else(|| self.unreadable("the task"))
    }

    /// Oldest first.
    pub async fn history(&self) -> Result<Vec<Event>> {
        let rows: Vec<(i64, String, Option<String>)> = self
            .failing(sqlx::query_as("SELECT at, state, reason FROM history ORDER BY id").fetch_all(&self.pool).await)?;
        let event = |(at, state, reason): (i64, String, Option<String>)| {
            let state = state.parse().map_err(|()| self.unreadable("the history"))?;
            Ok(Event { at: time(at), state, reason })
        };
        rows.into_iter().map(event).collect()
    }

    /// What the process at work said last, and when; `None` before it said anything.
    pub async fn live(&self) -> Result<Option<(SystemTime, Live)>> {
        let row: Option<(i64, String)> =
            self.failing(sqlx::query_as("SELECT at, json FROM live").fetch_optional(&self.pool).await)?;
        row.map(|(at, json)| Ok((time(at), self.parse("what was said last", &json)?))).transpose()
    }

    /// Makes it a task for something else, of which nothing was done.
    pub(super) async fn begin_again(&self, scope: &str) -> Result<()> {
        let begun = async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query("UPDATE task SET scope = ?").bind(scope).execute(&mut *transaction).await?;
            sqlx::query("DELETE FROM documents").execute(&mut *transaction).await?;
            transaction.commit().await
        };
        self.failing(begun.await)
    }

    /// Tells the process at work. That a move is to be completed is not taken back by
    /// another wish. Returns what is wished now.
    pub async fn wish(&self, wish: Wish) -> Result<Wish> {
        let update = match wish {
            Wish::Complete => "UPDATE task SET wish = ?",
            Wish::Pause | Wish::Run => "UPDATE task SET wish = ? WHERE wish <> 'complete'",
        };
        self.failing(sqlx::query(update).bind(wish.name()).execute(&self.pool).await)?;
        self.wished().await
    }

    pub(super) async fn wished(&self) -> Result<Wish> {
        let name: String = self.failing(sqlx::query_scalar("SELECT wish FROM task").fetch_one(&self.pool).await)?;
        name.parse().map_err(|()| self.unreadable("what was wished"))
    }

    /// Goes over into a state, which is written down before anything is done in it.
    pub(super) async fn enter(&self, state: State, reason: Option<&str>) -> Result<()> {
        let now = micros(SystemTime::now());
        let phase = state.is_phase().then(|| state.name());
        let entered = async {
            let mut transaction = self.pool.begin().await?;
            let update = "UPDATE task SET state = ?, phase = COALESCE(?, phase), reason = ?, changed_at = ?";
            let update = sqlx::query(update).bind(state.name()).bind(phase).bind(reason).bind(now);
            update.execute(&mut *transaction).await?;
            let history = sqlx::query("INSERT INTO history (at, state, reason) VALUES (?, ?, ?)");
            history.bind(now).bind(state.name()).bind(reason).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        self.failing(entered.await)
    }

    pub(super) async fn say(&self, live: &Live) -> Result<()> {
        let json = self.json("what is said", live)?;
        let upsert =
            "INSERT INTO live VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at, json = excluded.json";
        let upsert = sqlx::query(upsert).bind(micros(SystemTime::now())).bind(json);
        self.failing(upsert.execute(&self.pool).await)?;
        Ok(())
    }

    /// What was kept under a name.
    pub(super) async fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let query = sqlx::query_scalar("SELECT json FROM documents WHERE name = ?").bind(name);
        let json: Option<String> = self.failing(query.fetch_optional(&self.pool).await)?;
        json.map(|json| self.parse(name, &json)).transpose()
    }

    pub(super) async fn keep<T: Serialize>(&self, name: &str, document: &T) -> Result<()> {
        let json = self.json(name, document)?;
        let upsert = "INSERT INTO documents VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json";
        self.failing(sqlx::query(upsert).bind(name).bind(json).execute(&self.pool).await)?;
        Ok(())
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }

    async fn row(&self) -> Result<Option<Record>> {
        type Row = (i64, String, String, String, String, String, Option<String>, i64, i64);
        let query = "SELECT format, name, scope, state, phase, wish, reason, created_at, changed_at FROM task";
        let row: Option<Row> = self.failing(sqlx::query_as(query).fetch_optional(&self.pool).await)?;
        let Some((format, name, scope, state, phase, wish, reason, created, changed)) = row else { return Ok(None) };
        let unreadable = |()| self.unreadable("the state");
        if format > FORMAT {
            return Err(self.unreadable("a newer program's state"));
        }
        Ok(Some(Record {
            name,
            scope,
            state: state.parse().map_err(unreadable)?,
            phase: phase.parse().map_err(unreadable)?,
            wish: wish.parse().map_err(unreadable)?,
            reason,
            created_at: time(created),
            changed_at: time(changed),
        }))
    }

    fn json<T: Serialize>(&self, what: &str, of: &T) -> Result<String> {
        serde_json::to_string(of).map_err(|_| self.unreadable(what))
    }

    fn parse<T: DeserializeOwned>(&self, what: &str, json: &str) -> Result<T> {
        serde_json::from_str(json).map_err(|_| self.unreadable(what))
    }

    fn failing<T>(&self, result: Result<T, sqlx::Error>) -> Result<T> {
        result.map_err(|source| Error::Control { path: self.path.clone(), source })
    }

    fn unreadable(&self, what: &str) -> Error {
        Error::Unreadable { what: what.to_owned(), path: self.path.clone() }
    }
}

fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn time(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
