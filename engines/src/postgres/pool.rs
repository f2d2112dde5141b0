//! A bounded number of sessions, lent one at a time.
//!
//! The driver's own pool is not used, for three reasons. It tries a refused
//! connection again until its time is up and then says only that. Its time-out
//! for connecting also runs while all sessions are busy, and ours are busy for
//! as long as it takes to read a range. And it takes back a session whose
//! result was not read to the end, reading the rest of it first.
//!
//! Here a session comes back only by [`Lease::give_back`], after a statement
//! that ended well. Whatever else happens to a lease (an error, a panic, a
//! future that was dropped in the middle of a `COPY`), the session is closed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::Connector;
use super::fault;
use crate::error::{Error, QueryFault, Result};

/// A session that was used just now is lent again without asking whether it is
/// still there: that would double the round trips of small reads.
const ASSUMED_ALIVE: Duration = Duration::from_secs(1);

const PING_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A session, until it is given back or dropped. The order of the fields
/// matters: a session is closed before its slot is free.
#[derive(Debug)]
pub(super) struct Lease<'p> {
    connection: PgConnection,
    pool: &'p Pool,
    _slot: SemaphorePermit<'p>,
}

impl Pool {
    pub(super) fn new(connector: Connector, connections_max: u32) -> Self {
        let slots = usize::try_from(connections_max.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Self { connector, slots: Semaphore::new(slots.min(Semaphore::MAX_PERMITS)), idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn location(&self) -> &str {
        self.connector.location()
    }

    /// Waits for a free slot as long as it takes, and for a connection as long
    /// as the options allow.
    pub(super) async fn lease(&self) -> Result<Lease<'_>> {
        let slot = self.slots.acquire().await.map_err(|closed| Error::Query {
            location: self.location().to_owned(),
            what: "waiting for a connection".to_owned(),
            fault: QueryFault::Other,
            source: Box::new(closed),
        })?;
        let connection = match self.idle_connection().await {
            Some(connection) => connection,
            None => self.connector.open().await?,
        };
        Ok(Lease { connection, pool: self, _slot: slot })
    }

    /// The session used last, so that the others age and are found dead at
    /// once when the server was restarted.
    async fn idle_connection(&self) -> Option<PgConnection> {
        loop {
            let Idle { mut connection, since } = self.idle().pop()?;
            if since.elapsed() < ASSUMED_ALIVE {
                return Some(connection);
            }
            if let Ok(Ok(())) = tokio::time::timeout(PING_TIMEOUT, connection.ping()).await {
                return Some(connection);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Nothing panics with the lock held, and a list of sessions has no
        // invariant that could be broken half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Ends the lease of a session whose last statement was read to its end.
    pub(super) fn give_back(self) {
        let Self { connection, pool, _slot } = self;
        pool.idle().push(Idle { connection, since: Instant::now() });
    }

    /// An error of this session, which is closed.
    pub(super) fn fail(self, what: &str, error: sqlx::Error) -> Error {
        let error = fault::query(self.pool.location(), what, error);
        if matches!(error, Error::Query { fault: QueryFault::ConnectionLost, .. }) {
            // If the server was restarted, the idle sessions are dead too, and
            // a second try must not be spent on one of them.
            self.pool.idle().clear();
        }
        error
    }
}
