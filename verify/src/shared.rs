//! What all tables of a run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use switchback_engines::Database;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::compare::hash::HashKey;
use crate::difference::DifferenceSink;
use crate::options::Options;
use crate::outcome::Stop;
use crate::plan::selection::Known;
use crate::progress::Progress;
use crate::reconcile::Pool;

pub(crate) struct Shared {
    pub(crate) source: Arc<dyn Database>,
    pub(crate) target: Arc<dyn Database>,
    pub(crate) options: Options,
    pub(crate) known: Known,
    pub(crate) sink: Arc<dyn DifferenceSink>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) hash_key: HashKey,
    /// Decoding and hashing happen here, never on a thread that waits for
    /// sockets.
    pub(crate) cpu: Arc<rayon::ThreadPool>,
    /// Reads in flight, over all tables.
    jobs: Semaphore,
    /// Ranges whose differing rows are held in memory.
    pub(crate) dense: Semaphore,
    pub(crate) cancel: CancellationToken,
    /// The first reason to stop wins.
    stop: OnceCell<Stop>,
    differences: AtomicU64,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "each is what a run is given, and there is one caller")]
    pub(crate) fn new(
        source: Arc<dyn Database>,
        target: Arc<dyn Database>,
        options: Options,
        known: Known,
        sink: Arc<dyn DifferenceSink>,
        progress: Arc<Progress>,
        cpu: Arc<rayon::ThreadPool>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            source,
            target,
            jobs: Semaphore::new(options.jobs),
            options,
            known,
            sink,
            progress,
            hash_key: HashKey::random(),
            cpu,
            dense: Semaphore::new(1),
            cancel,
            stop: OnceCell::new(),
            differences: AtomicU64::new(0),
        }
    }

    /// The right to have one read in flight; `None` never happens, as the
    /// semaphore is not closed.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.jobs.acquire().await.ok()
    }

    /// An empty pool for unmatched rows.
    pub(crate) fn pool(&self) -> Pool {
        Pool::new(&self.options.spill_dir, self.options.memory.pool_bytes)
    }

    pub(crate) fn count_differences(&self, more: u64) {
        let before = self.differences.fetch_add(more, Ordering::Relaxed);
        if self.options.stop.differences_max.is_some_and(|max| before + more >= max && more > 0) {
            self.stop(Stop::MaxDifferences);
        }
    }

    pub(crate) fn stop(&self, why: Stop) {
        let _ = self.stop.set(why);
        self.cancel.cancel();
    }

    /// Why the run ended early, if it did.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.stop.get() {
            Some(why) => Some(*why),
            None => self.cancel.is_cancelled().then_some(Stop::Interrupted),
        }
    }
}
