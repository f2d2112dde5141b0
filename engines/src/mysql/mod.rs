//! MySQL (8.0 and later) and MariaDB (10.6 and later).
//!
//! Rows travel over the binary protocol only: text costs the server twice the
//! CPU, and prints a `FLOAT` with six digits. The connection is our own, see
//! [`wire`] for why.
//!
//! - [`login`], [`connect`], [`pool`]: from a URL to pinned sessions.
//! - [`wire`]: the protocol.
//! - [`catalog`], [`types`]: what tables are made of, and what that means.
//! - [`look`]: what else the catalog is asked.
//! - [`read`], [`decode`]: rows, first as bytes, then as values.
//! - [`split`], [`probe`], [`rank`]: keys that cut a table, and their order.
//! - [`position`]: where the binary log stands.
//! - [`write`]: sessions that write.
//! - [`snapshot`]: one state for many readers.
//! - [`capture`]: changes, from the binary log.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::batch::{DecodeRows, RawBatch};
use crate::bulk::Loader;
use crate::capture::{Armed, Capture, CaptureRequest, Distance, StreamName};
use crate::change::Position;
use crate::database::{ConnectOptions, Database, ReadRequest};
use crate::endpoint::Endpoint;
use crate::engine::ServerInfo;
use crate::error::Result;
use crate::range::KeyValues;
use crate::snapshot::{SnapshotRequest, Taken};
use crate::table::{Table, TableRef};
use crate::url::DatabaseUrl;
use crate::write::{Writer, WriterOptions};

mod capture;
mod catalog;
mod connect;
mod decode;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod login;
mod look;
mod pool;
mod position;
mod probe;
mod rank;
mod read;
mod snapshot;
mod split;
mod types;
mod wire;
mod write;

/// One MySQL or MariaDB database.
pub struct MySql {
    info: ServerInfo,
    /// By the name it has in the catalog.
    database: String,
    pool: pool::Pool,
    /// Of the captures that run.
    marks: Arc<capture::Marks>,
}

impl MySql {
    /// Opens the database and makes sure that it answers.
    ///
    /// # Errors
    /// [`crate::Error::Connect`] with the reason sorted; [`crate::Error::Url`]
    /// when the URL says something that can't be done.
    pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        let connect::Greeted { info, database, pool } = connect::connect(url, options).await?;
        Ok(Self { info, database, pool, marks: Arc::default() })
    }
}

#[async_trait]
impl Database for MySql {
    fn info(&self) -> &ServerInfo {
        &self.info
    }

    async fn position(&self) -> Result<Option<String>> {
        position::position(&self.pool, self.info.flavor).await
    }

    async fn tables(&self) -> Result<Vec<TableRef>> {
        catalog::tables(&self.pool, &self.database).await
    }

    async fn describe(&self, table: &TableRef) -> Result<Option<Table>> {
        catalog::describe(&self.pool, self.info.flavor, &self.database, table).await
    }

    async fn count(&self, table: &Table, filter: Option<&str>) -> Result<u64> {
        read::count(&self.pool, table, filter).await
    }

    async fn split_keys(&self, table: &Table, key: &[usize], rows_per_range: u64) -> Result<Vec<KeyValues>> {
        split::split_keys(&self.pool, &self.info, table, key, rows_per_range).await
    }

    async fn rank_keys(&self, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>> {
        rank::rank_keys(&self.pool, &self.info, table, key, keys).await
    }

    async fn read(&self, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        read::read(&self.pool, request, out).await
    }

    fn decoder(&self, table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>> {
        Ok(Arc::new(decode::RowDecoder::new(table, columns)?))
    }
}

#[async_trait]
impl Endpoint for MySql {
    async fn writer(&self, options: &WriterOptions) -> Result<Box<dyn Writer>> {
        Ok(Box::new(write::Session::open(self.pool.opener(), self.info.flavor, options).await?))
    }

    async fn arm(&self, request: &CaptureRequest) -> Result<Armed> {
        capture::arm(&self.pool, self.info.flavor, &self.database, request).await
    }

    /// Arming makes nothing.
    async fn disarm(&self, _: &CaptureRequest) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn capture(&self, request: &CaptureRequest, from: &Position, incarnation: &str) -> Result<Box<dyn Capture>> {
        let begin = (from, incarnation);
        capture::capture(&self.pool, self.info.flavor, &self.database, &self.marks, request, begin).await
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Taken> {
        snapshot::take(self.pool.opener(), self.info.flavor, request).await
    }

    async fn loader(&self, options: &WriterOptions) -> Result<Loader> {
        write::Session::open_bulk(&self.pool, self.info.flavor, options).await
    }

    fn has_reached(&self, position: &Position, goal: &Position) -> Option<bool> {
        capture::has_reached(self.info.flavor, position, goal)
    }

    async fn distance(&self, stream: &StreamName, position: &Position) -> Result<Distance> {
        capture::distance(&self.pool, &self.marks, stream, position).await
    }
}
