//! PostgreSQL, 14 and later.
//!
//! - [`connect`]: URL, TLS, and the settings every session is pinned to.
//! - [`pool`]: sessions, lent and closed.
//! - [`catalog`]: tables, columns, keys, sizes.
//! - [`types`], [`type_tree`]: what a type means, and one that is made of others.
//! - [`values`], [`numeric`], [`network`], [`shapes`], [`notation`], [`nested`]: how
//!   its binary form is read.
//! - [`read`], [`copy`], [`frame`], [`decode`]: rows by `COPY … (FORMAT binary)`.
//! - [`scalar`]: statements with one value; [`look`]: with rows of text.
//! - [`split`], [`rank`]: key ranges in the server's own order.
//! - [`position`]: the version, and where the log stands.
//! - [`write`]: sessions that write.
//! - [`snapshot`]: one state for many readers.
//! - [`capture`]: changes by logical replication.
//! - [`fault`]: the driver's errors, sorted.
//!
//! Invariants: a session runs one statement at a time and every statement reads
//! its own snapshot; the pool's sessions are read-only, so that no function in a
//! filter writes either, and who writes has a session apart; all SQL names its tables with their
//! schema, because the search path is `pg_catalog` alone. A row filter of the
//! operator's has to qualify what else it uses.
//!
//! Not compared are the children of an inheritance parent as its rows (they are
//! tables of their own), and rows that a row-level security policy would hide:
//! the server refuses to read such a table and the error says so.

mod bytes;
mod capture;
mod catalog;
mod connect;
mod copy;
mod decode;
mod fault;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod look;
mod nested;
mod network;
mod notation;
mod numeric;
mod pool;
mod position;
mod rank;
mod read;
mod scalar;
mod shapes;
mod snapshot;
mod split;
mod type_tree;
mod types;
mod values;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::connect::Connector;
use self::decode::CopyDecoder;
use self::pool::Pool;
use self::position::Lsn;
use crate::batch::{DecodeRows, RawBatch};
use crate::bulk::Loader;
use crate::capture::{Armed, Capture, CaptureRequest, Distance, StreamName};
use crate::change::Position;
use crate::database::{ConnectOptions, Database, ReadRequest};
use crate::endpoint::Endpoint;
use crate::engine::{Engine, Flavor, ServerInfo};
use crate::error::{Error, QueryFault, Result};
use crate::range::KeyValues;
use crate::snapshot::{SnapshotRequest, Taken};
use crate::table::{Table, TableRef};
use crate::url::DatabaseUrl;
use crate::write::{Writer, WriterOptions};

/// One PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
    info: ServerInfo,
    /// Which tables are partitioned, as it was when they were last described:
    /// the one thing a read needs that a [`Table`] doesn't say.
    partitioned: RwLock<HashMap<TableRef, bool>>,
}

impl Postgres {
    /// Connects, and asks the server what it is.
    ///
    /// # Errors
    /// [`Error::Url`] for a URL that this driver can't honour,
    /// [`Error::Connect`] when there is no session to be had.
    pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        let connector = Connector::new(url, options.connect_timeout)?;
        let location = connector.location().to_owned();
        let pool = Pool::new(connector, options.connections_max);
        let info = ServerInfo {
            engine: Engine::Postgres,
            flavor: Flavor::Original,
            version: position::version(&pool).await?,
            location,
        };
        Ok(Self { pool, info, partitioned: RwLock::new(HashMap::new()) })
    }

    async fn described(&self, table: &TableRef) -> Result<Option<catalog::Described>> {
        let described = catalog::describe(&self.pool, table).await?;
        if let Some(described) = &described {
            let mut partitioned = self.partitioned.write().unwrap_or_else(PoisonError::into_inner);
            partitioned.insert(table.clone(), described.partitioned);
        }
        Ok(described)
    }

    /// How `table` is named in a `FROM`.
    async fn from(&self, table: &Table) -> Result<String> {
        let known = self.partitioned.read().unwrap_or_else(PoisonError::into_inner).get(&table.name).copied();
        let partitioned = match known {
            Some(partitioned) => partitioned,
            None => {
                let described = self.described(&table.name).await?.ok_or_else(|| self.missing(&table.name))?;
                described.partitioned
            }
        };
        Ok(read::from(table, partitioned))
    }

    fn missing(&self, table: &TableRef) -> Error {
        Error::Query {
            location: self.info.location.clone(),
            what: format!("looking up `{table}`"),
            fault: QueryFault::Missing,
            source: "there is no such table".into(),
        }
    }
}

#[async_trait]
impl Database for Postgres {
    fn info(&self) -> &ServerInfo {
        &self.info
    }

    async fn position(&self) -> Result<Option<String>> {
        position::position(&self.pool).await
    }

    async fn tables(&self) -> Result<Vec<TableRef>> {
        catalog::tables(&self.pool).await
    }

    async fn describe(&self, table: &TableRef) -> Result<Option<Table>> {
        Ok(self.described(table).await?.map(|described| described.table))
    }

    async fn count(&self, table: &Table, filter: Option<&str>) -> Result<u64> {
        read::count(&self.pool, &self.from(table).await?, table, filter).await
    }

    async fn split_keys(&self, table: &Table, key: &[usize], rows_per_range: u64) -> Result<Vec<KeyValues>> {
        let from = self.from(table).await?;
        split::split_keys(&self.pool, split::Cut { from: &from, table, key, rows_per_range }).await
    }

    async fn rank_keys(&self, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>> {
        rank::rank_keys(&self.pool, &self.from(table).await?, table, key, keys).await
    }

    async fn read(&self, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        let from = self.from(request.table).await?;
        read::read(&self.pool, &from, request, out).await
    }

    fn decoder(&self, table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>> {
        Ok(Arc::new(CopyDecoder::new(table, columns)?))
    }
}

#[async_trait]
impl Endpoint for Postgres {
    async fn writer(&self, options: &WriterOptions) -> Result<Box<dyn Writer>> {
        write::open(self.pool.connector(), options).await
    }

    async fn arm(&self, request: &CaptureRequest) -> Result<Armed> {
        capture::arm(self.pool.connector(), request).await
    }

    async fn disarm(&self, request: &CaptureRequest) -> Result<Vec<String>> {
        capture::disarm(self.pool.connector(), request).await
    }

    async fn capture(&self, request: &CaptureRequest, from: &Position, incarnation: &str) -> Result<Box<dyn Capture>> {
        capture::open(self.pool.connector(), request, from, incarnation).await
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Taken> {
        snapshot::take(self.pool.connector(), request).await
    }

    async fn loader(&self, options: &WriterOptions) -> Result<Loader> {
        write::open_bulk(self.pool.connector(), options).await
    }

    fn has_reached(&self, position: &Position, goal: &Position) -> Option<bool> {
        Some(Lsn::parse(&position.0)? >= Lsn::parse(&goal.0)?)
    }

    async fn distance(&self, stream: &StreamName, position: &Position) -> Result<Distance> {
        capture::distance(&self.pool, stream, position).await
    }
}
