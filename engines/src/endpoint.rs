//! A database as an end of a stream: the contract.
//!
//! Apart from [`Database`], since who compares needs none of this, and an
//! account that may only read can do none of it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::bulk::Loader;
use crate::capture::{Armed, Capture, CaptureRequest, Distance, StreamName};
use crate::change::Position;
use crate::database::{ConnectOptions, Database};
use crate::error::Result;
use crate::look::Look;
use crate::snapshot::{SnapshotRequest, Taken};
use crate::url::DatabaseUrl;
use crate::write::{Writer, WriterOptions};

/// A database that changes can be captured from and applied to.
#[async_trait]
pub trait Endpoint: Database + Look {
    /// Opens a session that writes, outside of the pool.
    async fn writer(&self, options: &WriterOptions) -> Result<Box<dyn Writer>>;

    /// Makes sure that from now on no change of these tables is missed, whoever
    /// reads them later: by a slot and a publication, by triggers, or by nothing
    /// more than a look at the server's settings. A stream that is armed already
    /// is an error and stays as it is.
    ///
    /// # Errors
    /// [`crate::Error::Capture`] when a faithful stream can't be had, with what
    /// to change.
    async fn arm(&self, request: &CaptureRequest) -> Result<Armed>;

    /// Removes what [`Endpoint::arm`] made, in as far as it is there, and says
    /// what that was. The log is let go of.
    async fn disarm(&self, request: &CaptureRequest) -> Result<Vec<String>>;

    /// Begins to capture behind `from`. A capture of the same stream that still
    /// runs elsewhere is ended first: whoever calls this has made sure that its
    /// process is fenced out of the sink.
    ///
    /// # Errors
    /// [`crate::Error::Capture`], before anything is delivered, when the log
    /// can't serve everything behind `from`, or isn't the one that was armed.
    async fn capture(&self, request: &CaptureRequest, from: &Position, incarnation: &str) -> Result<Box<dyn Capture>>;

    /// Takes hold of one state of the database, at a place of the log that was
    /// armed. Writers are kept out for a moment at most, except where the engine's
    /// rooms say otherwise.
    ///
    /// # Errors
    /// [`crate::Error::Capture`] when the place can't be told exactly.
    async fn snapshot(&self, request: &SnapshotRequest) -> Result<Taken>;

    /// Opens a session that takes many rows at once, outside of the pool.
    async fn loader(&self, options: &WriterOptions) -> Result<Loader>;

    /// Whether everything up to `goal` lies at or before `position`; `None` when
    /// one of them is no position of this engine's.
    fn has_reached(&self, position: &Position, goal: &Position) -> Option<bool>;

    /// How far the end of the log is from `position`.
    async fn distance(&self, stream: &StreamName, position: &Position) -> Result<Distance>;
}

/// Opens a database to stream from or to, as [`crate::connect`] does to read.
///
/// # Errors
/// As there; and [`crate::Error::Url`] for an engine that can't be streamed yet.
pub async fn connect_endpoint(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Arc<dyn Endpoint>> {
    let _ = options;
    match url.engine() {
        #[cfg(feature = "postgres")]
        crate::Engine::Postgres => Ok(Arc::new(crate::postgres::Postgres::connect(url, options).await?)),
        #[cfg(feature = "mysql")]
        crate::Engine::MySql => Ok(Arc::new(crate::mysql::MySql::connect(url, options).await?)),
        #[cfg(feature = "sqlite")]
        crate::Engine::Sqlite => Ok(Arc::new(crate::sqlite::Sqlite::connect_end(url, options).await?)),
        engine => Err(crate::Error::Url {
            why: format!("this build cannot stream {engine}"),
            hint: "use a build with the default features",
        }),
    }
}
