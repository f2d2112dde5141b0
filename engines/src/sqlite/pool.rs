//! The connections to one file.
//!
//! Not sqlx's own pool, for two reasons. Its one time-out covers opening a
//! connection and waiting for a free one, so a read that waits for its turn
//! behind long reads would fail. And a connection that is dropped in the middle
//! of a statement goes back into it with the statement still running.
//!
//! Here a read waits for its turn as long as it takes, and only a connection
//! whose work has ended well is used again: every other one is interrupted and
//! closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::BoxStream;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteQueryResult, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Either, Sqlite as Driver, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::fault;
use crate::error::{ConnectFault, Error, Result};

/// How many instructions of SQLite's machine run between two looks at whether
/// somebody still waits for the result: some tens of microseconds' worth.
const INSTRUCTIONS_PER_LOOK: i32 = 4096;

pub(super) struct Pool {
    location: String,
    options: SqliteConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<Member>>,
}

/// An open connection. Dropping it interrupts the statement that may still run
/// in its thread, and closes it. A wait for a lock is not interrupted: the thread
/// then ends with the wait.
pub(super) struct Member {
    _stop: StopOnDrop,
    pub(super) connection: SqliteConnection,
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection for one piece of work. Call [`Lease::release`] when it ended
/// well; otherwise the connection is closed with the lease.
pub(super) struct Lease<'a> {
    member: Member,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Member {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(INSTRUCTIONS_PER_LOOK, move || !stopped.load(Ordering::Relaxed));
        Ok(Self { _stop: StopOnDrop(stop), connection })
    }
}

impl Pool {
    pub(super) fn new(location: String, options: SqliteConnectOptions, connections_max: u32) -> Self {
        let permits = Semaphore::new(usize::try_from(connections_max.max(1)).unwrap_or(Semaphore::MAX_PERMITS));
        Self { location, options, permits, idle: Mutex::new(Vec::new()) }
    }

    /// Waits for its turn, then takes an idle connection or opens one.
    pub(super) async fn lease(&self) -> Result<Lease<'_>> {
        let permit = self.permits.acquire().await.map_err(|closed| Error::Connect {
            location: self.location.clone(),
            fault: ConnectFault::Other,
            source: Box::new(closed),
        })?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let member = match idle {
            Some(member) => member,
            None => self.open().await?,
        };
        Ok(Lease { member, pool: self, _permit: permit })
    }

    pub(super) async fn open(&self) -> Result<Member> {
        Member::open(&self.options).await.map_err(|e| fault::connecting(&self.location, e))
    }
}

impl Lease<'_> {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.member.connection
    }

    pub(super) fn release(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.member);
    }
}

pub(super) type Query = sqlx::query::Query<'static, Driver, SqliteArguments>;

/// A statement that is prepared once per connection. This, [`once`] and [`script`]
/// are the only doors of this engine for SQL text, which is put together from
/// names and literals of [`crate::sql`] and from the operator's filter.
pub(super) fn prepared(sql: String) -> Query {
    sqlx::query(AssertSqlSafe(sql))
}

/// A statement with literals in it, which will not come again.
pub(super) fn once(sql: String) -> Query {
    sqlx::query(AssertSqlSafe(sql)).persistent(false)
}

/// Several statements, each run as soon as the one before is done.
pub(super) fn script(
    connection: &mut SqliteConnection,
    sql: String,
) -> BoxStream<'_, Result<Either<SqliteQueryResult, SqliteRow>, sqlx::Error>> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection)
}
