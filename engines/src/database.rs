//! What every engine can do: the contracts.
//!
//! No default bodies: an engine that forgot a method must not compile.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::batch::{DecodeRows, RawBatch};
use crate::engine::ServerInfo;
use crate::error::Result;
use crate::range::{KeyRange, KeyValues};
use crate::table::{Table, TableRef};
use crate::url::DatabaseUrl;

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Upper bound of connections open at once to this database.
    pub connections_max: u32,
    /// How long to wait for a connection before giving up.
    pub connect_timeout: std::time::Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { connections_max: 8, connect_timeout: std::time::Duration::from_secs(15) }
    }
}

/// Which rows of a table to read.
#[derive(Debug, Clone)]
pub enum Scope<'a> {
    /// All of it.
    All,
    /// A range of `key` (positions in [`Table::columns`]).
    Range { key: &'a [usize], range: &'a KeyRange },
    /// The rows whose `key` is one of `values`, *as the server compares*: under
    /// a case-insensitive collation `a` finds `A`.
    Keys { key: &'a [usize], values: &'a [KeyValues] },
}

/// One read.
#[derive(Debug, Clone)]
pub struct ReadRequest<'a> {
    pub table: &'a Table,
    /// Positions in [`Table::columns`], in the order the values are wanted.
    pub columns: &'a [usize],
    pub scope: Scope<'a>,
    /// A condition in the server's own dialect that every row must meet.
    pub filter: Option<&'a str>,
}

/// One database, with a pool of connections of its own. Cheap to share.
///
/// Every method may be called from many tasks at once, and may be dropped
/// before it is done: the connection is then closed or returned clean, never
/// returned with half a result in it.
#[async_trait]
pub trait Database: Send + Sync {
    fn info(&self) -> &ServerInfo;

    /// Where the server's log stands now, for people and certificates; `None`
    /// when it keeps none or the account may not see it.
    async fn position(&self) -> Result<Option<String>>;

    /// The base tables that the account can see, without system schemas, sorted
    /// by name. For PostgreSQL partitions are left out: their parent is the
    /// table. Tables without the right to read are listed too.
    async fn tables(&self) -> Result<Vec<TableRef>>;

    /// All of one table's description, read at one moment; `None` when there is
    /// no such table.
    async fn describe(&self, table: &TableRef) -> Result<Option<Table>>;

    /// The number of rows that meet `filter`, counted, not estimated.
    async fn count(&self, table: &Table, filter: Option<&str>) -> Result<u64>;

    /// Keys that cut the table into ranges of about `rows_per_range` rows each,
    /// ascending in the server's own order and distinct in it; empty for a
    /// small table. Taken from the data (a sample or a walk of the index), never
    /// computed from other keys.
    async fn split_keys(&self, table: &Table, key: &[usize], rows_per_range: u64) -> Result<Vec<KeyValues>>;

    /// For each of `keys` its dense rank among them in the server's own order
    /// for these columns: equal rank means that the server takes them for equal.
    /// This is how keys found on one server become ranges on another, whose
    /// collation may order them otherwise.
    async fn rank_keys(&self, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>>;

    /// Reads rows into `out`, in no particular order, and returns their number
    /// when all were sent. Each row is read once at most; when the receiver is
    /// gone the read stops and reports what it has sent.
    async fn read(&self, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64>;

    /// The decoder for what [`Database::read`] sends for these columns.
    ///
    /// # Errors
    /// [`crate::Error::UnknownType`] for a column whose `logical` is `None`.
    fn decoder(&self, table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>>;
}

/// Opens a database and makes sure that it answers.
///
/// # Errors
/// [`crate::Error::Connect`] with the reason sorted; [`crate::Error::Url`] when
/// this build has no driver for the engine.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Arc<dyn Database>> {
    let _ = options;
    match url.engine() {
        #[cfg(feature = "postgres")]
        crate::Engine::Postgres => Ok(Arc::new(crate::postgres::Postgres::connect(url, options).await?)),
        #[cfg(feature = "mysql")]
        crate::Engine::MySql => Ok(Arc::new(crate::mysql::MySql::connect(url, options).await?)),
        #[cfg(feature = "sqlite")]
        crate::Engine::Sqlite => Ok(Arc::new(crate::sqlite::Sqlite::connect(url, options).await?)),
        engine => Err(crate::Error::Url {
            why: format!("this build has no driver for {engine}"),
            hint: "use a build with the default features",
        }),
    }
}
