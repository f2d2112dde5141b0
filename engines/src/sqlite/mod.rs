//! SQLite.
//!
//! One file, opened read-only through sqlx with the SQLite it bundles. Rooms:
//!
//! - [`connect`](Sqlite::connect): the file and its parameters; `pool`: the
//!   connections; `fault`: what a failure means.
//! - `look`: what else the schema is asked.
//! - `catalog`: tables, columns, keys; `estimate`: sizes; `types`: what a
//!   declared type means, and its affinity.
//! - `read`: rows into batches; `wire`: the bytes of a batch, and back.
//! - `split`: range boundaries and the order of keys; `position`: whether
//!   somebody wrote.
//! - `snapshot`: one state for many readers.
//! - `write`: the session that writes to a sink; `statement`: what a statement
//!   does, by its first words.
//! - `capture`: the change tables and their triggers; `objects`: the names of what
//!   a stream keeps in the file.
//!
//! What is peculiar to SQLite:
//!
//! - **Values have types, columns have not.** A value is decoded by its storage
//!   class; the declared type only says what it was meant to be. Text in an
//!   `INTEGER` column arrives as text, and equals no number.
//! - **Every read is a snapshot of its own.** One statement sees one state of
//!   the file, but two statements on two connections do not see the same one: of
//!   a file that is written during the run, each range is read at a different
//!   moment. [`Database::position`] tells whether that happened.
//! - **Locks are waited for** as long as [`ConnectOptions::connect_timeout`]
//!   says. In rollback-journal mode a reader also keeps writers out while its
//!   statement runs; in WAL mode it does not.
//! - **Only base tables.** Views have no rows; a virtual table's rows are its
//!   module's affair, and what it stores lies in shadow tables of a private
//!   format. Both are left out.
//!
//! What it does not do: decode JSONB blobs (they compare as bytes), load
//! extensions, or register collations: a key that needs a collation this build
//! does not have is not reported as a key.

mod capture;
mod catalog;
mod connect;
mod estimate;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod look;
mod objects;
mod pool;
mod position;
mod read;
mod snapshot;
mod split;
mod statement;
mod types;
mod wire;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

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
use connect::Encoding;
use pool::{Member, Pool};
use position::Spot;

/// One SQLite file.
pub struct Sqlite {
    info: ServerInfo,
    encoding: Encoding,
    file: connect::File,
    pool: Pool,
    /// The connection that `position` asks, always the same one; see there.
    watch: Mutex<Member>,
}

impl Sqlite {
    /// Opens a file that is there and is a database; it is never created.
    ///
    /// The URL is `sqlite:FILE`. With `?immutable=1` SQLite takes no locks and
    /// writes nothing beside the file: for a file on read-only media that no
    /// process writes to, and wrong for any other.
    ///
    /// # Errors
    /// [`crate::Error::Connect`] with [`crate::ConnectFault::File`] when the
    /// file is missing, unreadable or no database; [`crate::Error::Url`] for
    /// parameters that have no meaning here.
    pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        connect::connect(url, options, connect::Purpose::Compare).await
    }

    /// The same for an end of a stream: what a dead process left half-way in the
    /// file is undone, as any program does that opens it.
    pub async fn connect_end(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        connect::connect(url, options, connect::Purpose::Stream).await
    }
}

#[async_trait]
impl Database for Sqlite {
    fn info(&self) -> &ServerInfo {
        &self.info
    }

    async fn position(&self) -> Result<Option<String>> {
        position::position(self).await
    }

    async fn tables(&self) -> Result<Vec<TableRef>> {
        catalog::tables(self).await
    }

    async fn describe(&self, table: &TableRef) -> Result<Option<Table>> {
        catalog::describe(self, table).await
    }

    async fn count(&self, table: &Table, filter: Option<&str>) -> Result<u64> {
        read::count(self, table, filter).await
    }

    async fn split_keys(&self, table: &Table, key: &[usize], rows_per_range: u64) -> Result<Vec<KeyValues>> {
        split::split_keys(self, table, key, rows_per_range).await
    }

    async fn rank_keys(&self, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>> {
        split::rank_keys(self, table, key, keys).await
    }

    async fn read(&self, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        read::read(self, request, out).await
    }

    fn decoder(&self, table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>> {
        wire::decoder(table, columns)
    }
}

#[async_trait]
impl Endpoint for Sqlite {
    async fn writer(&self, options: &WriterOptions) -> Result<Box<dyn Writer>> {
        write::open(self, options).await
    }

    async fn arm(&self, request: &CaptureRequest) -> Result<Armed> {
        capture::arm(&self.file, request).await
    }

    async fn disarm(&self, request: &CaptureRequest) -> Result<Vec<String>> {
        capture::disarm(&self.file, request).await
    }

    async fn capture(&self, request: &CaptureRequest, from: &Position, incarnation: &str) -> Result<Box<dyn Capture>> {
        capture::begin(&self.file, request, from, incarnation).await
    }

    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Taken> {
        snapshot::take(&self.file, request).await
    }

    async fn loader(&self, options: &WriterOptions) -> Result<Loader> {
        Ok(Loader::Statements(write::open(self, options).await?))
    }

    fn has_reached(&self, position: &Position, goal: &Position) -> Option<bool> {
        Some(Spot::parse(position)?.seq >= Spot::parse(goal)?.seq)
    }

    async fn distance(&self, stream: &StreamName, position: &Position) -> Result<Distance> {
        capture::distance(self, stream, position).await
    }
}
