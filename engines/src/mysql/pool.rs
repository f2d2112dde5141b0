//! The connections that are open to one database.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::Opener;
use super::fault::{connect_error, query_error};
use super::wire::connection::Grid;
use super::wire::packet::ColumnDefinition;
use super::wire::{Connection, WireError};
use crate::batch::RawBatch;
use crate::error::Result;

/// How long a connection that lay idle may take to say that it is alive.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections as they are needed, up to a bound, and keeps those that
/// were returned clean. A lease that is dropped in the middle of a result
/// closes its connection: what is left of the result would cost the server and
/// us more than a new connection does.
pub(super) struct Pool {
    opener: Opener,
    /// One permit for each lease; an idle connection is there only when its
    /// permit is not taken, so there are never more than the bound.
    slots: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(opener: Opener, connections_max: u32, first: Connection) -> Self {
        Self { opener, slots: Semaphore::new(connections_max.max(1) as usize), idle: Mutex::new(vec![first]) }
    }

    /// A connection that works, for as long as the lease is kept.
    pub(super) async fn lease(&self) -> Result<Lease<'_>> {
        let permit = self.slots.acquire().await.map_err(|_| connect_error(self.location(), CLOSED))?;
        let connection = match self.idle().await {
            Some(connection) => connection,
            None => self.opener.open().await?,
        };
        Ok(Lease { pool: self, connection: Some(connection), in_transaction: false, _permit: permit })
    }

    pub(super) fn location(&self) -> &str {
        &self.opener.location
    }

    /// What opens connections that are none of the pool's.
    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    /// An idle connection that is alive. It may have been killed, or have
    /// waited for longer than the server, or something on the way, allows; then
    /// the others have too, and each would take its time to show it.
    async fn idle(&self) -> Option<Connection> {
        let mut connection = self.lock().pop()?;
        if matches!(tokio::time::timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
            return Some(connection);
        }
        self.lock().clear();
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody closes the semaphore.
const CLOSED: WireError = WireError::Protocol("the pool is closed");

impl Drop for Pool {
    /// Servers count and log connections that end without a word.
    fn drop(&mut self) {
        let idle = std::mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for connection in idle {
                    connection.quit().await;
                }
            });
        }
    }
}

/// A connection on loan. `what` says what we are doing, for the error.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    /// Taken only when the lease ends.
    connection: Option<Connection>,
    in_transaction: bool,
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    /// Begins a transaction, so that what it reads from stays as it is until
    /// [`Lease::end`]. A lease that is dropped before closes its connection.
    pub(super) async fn begin(&mut self, what: &str) -> Result<()> {
        self.in_transaction = true;
        self.query(what, "START TRANSACTION READ ONLY").await.map(drop)
    }

    pub(super) async fn end(&mut self, what: &str) -> Result<()> {
        self.query(what, "COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(super) fn location(&self) -> &str {
        self.pool.location()
    }

    /// Runs a statement with a small result, or none.
    pub(super) async fn query(&mut self, what: &str, sql: &str) -> Result<Grid> {
        let location = self.pool.location();
        match &mut self.connection {
            Some(connection) => connection.query(sql).await.map_err(|e| query_error(location, what, e)),
            None => Err(query_error(location, what, CLOSED)),
        }
    }

    /// Starts a statement whose rows are read with [`Lease::next_rows`].
    pub(super) async fn start(&mut self, what: &str, sql: &str) -> Result<Vec<ColumnDefinition>> {
        let location = self.pool.location();
        match &mut self.connection {
            Some(connection) => connection.start(sql).await.map_err(|e| query_error(location, what, e)),
            None => Err(query_error(location, what, CLOSED)),
        }
    }

    /// The next rows, and whether they are the last.
    pub(super) async fn next_rows(&mut self, what: &str) -> Result<(RawBatch, bool)> {
        let location = self.pool.location();
        match &mut self.connection {
            Some(connection) => connection.next_rows().await.map_err(|e| query_error(location, what, e)),
            None => Err(query_error(location, what, CLOSED)),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take().filter(|c| c.is_clean() && !self.in_transaction);
        if let Some(connection) = connection {
            self.pool.lock().push(connection);
        }
    }
}
