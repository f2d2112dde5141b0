//! One side of a range, from the connection to keys and hashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use switchback_engines::{Database, Error, RawBatch, ReadRequest};
use tokio::sync::{mpsc, oneshot};

use super::hash::RowHasher;
use super::rows::{Digest, RangeRows};

/// Batches on their way between the socket and the CPU pool, for each read.
/// Two: one that is being hashed, one that is ready.
const BATCHES_IN_FLIGHT: usize = 2;

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
    /// Of all rows, those that overflowed included.
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

/// Reads all of `request`.
pub(crate) async fn read_side(
    database: &dyn Database,
    request: ReadRequest<'_>,
    hasher: &RowHasher,
    pool: &rayon::ThreadPool,
    overflow: Arc<dyn Overflow>,
    counters: Counters<'_>,
) -> Result<SideRead, ReadError> {
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let reading = async { database.read(request, sender).await.map_err(ReadError::from) };
    let hashing = hash_all(receiver, hasher, pool, overflow, counters);
    let (read, side) = tokio::try_join!(reading, hashing)?;
    if read != side.digest.count {
        return Err(ReadError::RowsLost { read, hashed: side.digest.count });
    }
    Ok(side)
}

async fn hash_all(
    mut batches: mpsc::Receiver<RawBatch>,
    hasher: &RowHasher,
    pool: &rayon::ThreadPool,
    overflow: Arc<dyn Overflow>,
    counters: Counters<'_>,
) -> Result<SideRead, ReadError> {
    let mut side = SideRead::default();
    while let Some(batch) = batches.recv().await {
        let bytes = batch.bytes.len() as u64;
        let rows = {
            let hasher = hasher.clone();
            on_pool(pool, move || hasher.hash_batch(&batch)).await??
        };
        counters.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        counters.all_bytes.fetch_add(bytes, Ordering::Relaxed);
        side.digest.merge(rows.digest);
        side.rows.append(&rows);
        if side.rows.size_bytes() > overflow.bytes_max() {
            let full = std::mem::take(&mut side.rows);
            counters.overflowed.store(true, Ordering::Relaxed);
            let overflow = Arc::clone(&overflow);
            on_pool(pool, move || overflow.take(&full)).await?.map_err(ReadError::Spill)?;
            side.overflowed = true;
        }
    }
    Ok(side)
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
