//! A database in which something happens after each reading: races, made to
//! happen every time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use switchback_engines::{
    Cause, Database, DecodeRows, Error, KeyValues, QueryFault, RawBatch, ReadRequest, Result, Scope, ServerInfo, Table,
    TableRef,
};
use tokio::sync::mpsc;

/// A reading that has come to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) rows: u64,
    /// Rows were looked up by their keys.
    pub(crate) is_look_up: bool,
}

/// What happens after a reading. An error takes the reading's place.
pub(crate) type Hook =
    Box<dyn Fn(Reading) -> futures_util::future::BoxFuture<'static, Result<(), Cause>> + Send + Sync>;

pub(crate) struct Restless {
    inner: Arc<dyn Database>,
    reads: AtomicU32,
    hook: Hook,
}

impl Restless {
    pub(crate) fn over(inner: Arc<dyn Database>, hook: Hook) -> Arc<dyn Database> {
        Arc::new(Self { inner, reads: AtomicU32::new(0), hook })
    }
}

#[async_trait]
impl Database for Restless {
    fn info(&self) -> &ServerInfo {
        self.inner.info()
    }

    async fn position(&self) -> Result<Option<String>> {
        self.inner.position().await
    }

    async fn tables(&self) -> Result<Vec<TableRef>> {
        self.inner.tables().await
    }

    async fn describe(&self, table: &TableRef) -> Result<Option<Table>> {
        self.inner.describe(table).await
    }

    async fn count(&self, table: &Table, filter: Option<&str>) -> Result<u64> {
        self.inner.count(table, filter).await
    }

    async fn split_keys(&self, table: &Table, key: &[usize], rows_per_range: u64) -> Result<Vec<KeyValues>> {
        self.inner.split_keys(table, key, rows_per_range).await
    }

    async fn rank_keys(&self, table: &Table, key: &[usize], keys: &[KeyValues]) -> Result<Vec<u64>> {
        self.inner.rank_keys(table, key, keys).await
    }

    async fn read(&self, request: ReadRequest<'_>, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        let is_look_up = matches!(request.scope, Scope::Keys { .. });
        let rows = self.inner.read(request, out).await?;
        let number = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        match (self.hook)(Reading { number, rows, is_look_up }).await {
            Ok(()) => Ok(rows),
            Err(source) => Err(Error::Query {
                location: "restless".to_owned(),
                what: "reading".to_owned(),
                fault: QueryFault::ConnectionLost,
                source,
            }),
        }
    }

    fn decoder(&self, table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>> {
        self.inner.decoder(table, columns)
    }
}
