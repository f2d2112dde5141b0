//! One side of a range, from the connection to keys and hashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use switchback_engines::{Database, DecodeRows, Error, RawBatch, ReadRequest};
use tokio::sync::{mpsc, oneshot};

use super::hash::RowHasher;
use super::rows::{Digest, RangeRows};

/// Batches on their way between the socket and the CPU pool, for each read.
/// Two: one that is being hashed, one that is ready.
pub(super) const BATCHES_IN_FLIGHT: usize = 2;

/// Takes rows that no longer fit in memory.
pub(crate) trait Overflow: Send + Sync {
    /// How much one side of a range may hold.
    fn bytes_max(&self) -> usize;

    fn take(&self, rows: &RangeRows) -> Result<(), std::io::Error>;
}

/// What one side of a range came to.
#[derive(Debug, Default)]
pub(crate) struct SideRead {
    /// The rows still in memory.
    pub(crate) rows: RangeRows,
    /// The number of all rows, those that overflowed included, and the sum over
    /// those that were hashed: all, or all but those that both sides have byte
    /// for byte, see [`super::lockstep`].
    pub(crate) digest: Digest,
    pub(crate) overflowed: bool,
}

/// Raised while reading, for progress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters<'a> {
    pub(crate) rows: &'a AtomicU64,
    pub(crate) bytes: &'a AtomicU64,
    pub(crate) all_bytes: &'a AtomicU64,
    /// Set when rows of this reading have gone to the pool.
    pub(crate) overflowed: &'a AtomicBool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error("cannot spill to the temporary folder")]
    Spill(#[source] std::io::Error),
    /// An invariant: what was read and what was hashed must be the same rows.
    #[error("{read} rows were read but {hashed} were decoded")]
    RowsLost { read: u64, hashed: u64 },
    #[error("a worker thread ended early")]
    WorkerGone,
}

/// What to read of one side of a range, and where it goes.
#[derive(Clone)]
pub(crate) struct SideReading<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) request: ReadRequest<'a>,
    pub(crate) hasher: &'a RowHasher,
    pub(crate) overflow: Arc<dyn Overflow>,
    pub(crate) counters: Counters<'a>,
}

impl SideReading<'_> {
    pub(super) async fn read(&self, out: mpsc::Sender<RawBatch>) -> Result<u64, ReadError> {
        Ok(self.database.read(self.request.clone(), out).await?)
    }
}

/// Reads all of one side.
pub(crate) async fn read_side(reading: SideReading<'_>, pool: &rayon::ThreadPool) -> Result<SideRead, ReadError> {
    let (sender, mut batches) = mpsc::channel(BATCHES_IN_FLIGHT);
    let mut hashing = Hashing::new(&reading, pool);
    let hash_all = async move {
        while let Some(batch) = batches.recv().await {
            hashing.arrived(&batch);
            hashing.hash(batch).await?;
        }
        Ok(hashing.end())
    };
    let (read, side) = tokio::try_join!(reading.read(sender), hash_all)?;
    side.check(read)
}

impl SideRead {
    /// That no row was lost between the connection and here.
    pub(super) fn check(self, read: u64) -> Result<Self, ReadError> {
        let hashed = self.digest.count;
        if read == hashed { Ok(self) } else { Err(ReadError::RowsLost { read, hashed }) }
    }
}

/// One side's rows on their way to keys and hashes.
pub(super) struct Hashing<'a> {
    side: SideRead,
    hasher: &'a RowHasher,
    pool: &'a rayon::ThreadPool,
    overflow: Arc<dyn Overflow>,
    counters: Counters<'a>,
}

impl<'a> Hashing<'a> {
    pub(super) fn new(reading: &SideReading<'a>, pool: &'a rayon::ThreadPool) -> Self {
        Self {
            side: SideRead::default(),
            hasher: reading.hasher,
            pool,
            overflow: Arc::clone(&reading.overflow),
            counters: reading.counters,
        }
    }

    #[cfg(test)]
    pub(super) fn of(
        hasher: &'a RowHasher,
        pool: &'a rayon::ThreadPool,
        overflow: Arc<dyn Overflow>,
        counters: Counters<'a>,
    ) -> Self {
        Self { side: SideRead::default(), hasher, pool, overflow, counters }
    }

    pub(super) fn decoder(&self) -> &dyn DecodeRows {
        &*self.hasher.decoder
    }

    /// Counts what came over the wire, for progress.
    pub(super) fn arrived(&self, batch: &RawBatch) {
        let bytes = batch.bytes.len() as u64;
        self.counters.rows.fetch_add(batch.row_count as u64, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.all_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts rows that the other side has as well, byte for byte.
    pub(super) fn pass_over(&mut self, rows: usize) {
        self.side.digest.count += rows as u64;
    }

    pub(super) async fn hash(&mut self, batch: RawBatch) -> Result<(), ReadError> {
        let rows = {
            let hasher = self.hasher.clone();
            on_pool(self.pool, move || hasher.hash_batch(&batch)).await??
        };
        self.side.digest.merge(rows.digest);
        self.side.rows.append(&rows);
        if self.side.rows.size_bytes() > self.overflow.bytes_max() {
            let full = std::mem::take(&mut self.side.rows);
            self.counters.overflowed.store(true, Ordering::Relaxed);
            let overflow = Arc::clone(&self.overflow);
            on_pool(self.pool, move || overflow.take(&full)).await?.map_err(ReadError::Spill)?;
            self.side.overflowed = true;
        }
        Ok(())
    }

    pub(super) fn end(self) -> SideRead {
        self.side
    }
}

/// Runs `work` on the CPU pool without blocking this task.
pub(crate) async fn on_pool<T: Send + 'static>(
    pool: &rayon::ThreadPool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    let (done, result) = oneshot::channel();
    pool.spawn(move || {
        // The receiver is gone when the run was cancelled; then nobody wants it.
        let _ = done.send(work());
    });
    result.await.map_err(|_| ReadError::WorkerGone)
}
