//! One table from plan to outcome.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::seq::SliceRandom;
use switchback_engines::{KeyRange, Scope};
use tokio::task::JoinSet;

use crate::compare::matching::{Candidate, match_rows};
use crate::compare::read::{Counters, ReadError, SideRead, on_pool, read_side};
use crate::compare::rows::Digest;
use crate::confirm::{Confirmer, Where, weight};
use crate::difference::{Difference, SinkError, Status, TableSink};
use crate::options::Mode;
use crate::outcome::{Coverage, Side};
use crate::plan::{TablePlan, ranges};
use crate::progress::TableProgress;
use crate::reconcile::Pool;
use crate::shared::Shared;
use crate::side::SideAccess;

/// Candidates decided together: their rows are held in memory meanwhile.
const CONFIRM_BYTES_MAX: u64 = 24 << 20;
const CONFIRM_ROWS_MAX: u64 = 65_536;

/// In a range where more than one row in this many differs, reading the range
/// again beats looking keys up.
const DENSE_ONE_IN: u64 = 8;

/// Differences handed to the sink at once.
const WRITE_ROWS: usize = 1024;

/// Why a table, or a part of it, could not be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("cannot spill to the temporary folder")]
    Spill(#[source] std::io::Error),
    #[error("a worker thread ended early")]
    WorkerGone,
}

impl From<switchback_engines::Error> for TableError {
    fn from(error: switchback_engines::Error) -> Self {
        Self::Read(error.into())
    }
}

/// What comparing a table gave, complete or not.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) coverage: Coverage,
    pub(crate) differences: BTreeMap<crate::Kind, u64>,
    /// For each of the plan's columns.
    pub(crate) changed: Vec<u64>,
    pub(crate) unresolved: u64,
    pub(crate) in_sync: u64,
    /// There are rows that were seen on one side only and were not decided, as
    /// the run ended before.
    pub(crate) undecided: bool,
    pub(crate) files: Vec<std::path::PathBuf>,
    pub(crate) errors: Vec<TableError>,
}

pub(crate) struct TableRun {
    shared: Arc<Shared>,
    plan: Arc<TablePlan>,
    source: Arc<SideAccess>,
    target: Arc<SideAccess>,
    indexed: bool,
    confirmer: Confirmer,
    reconcile: Arc<Pool>,
    sink: Mutex<Option<Box<dyn TableSink>>>,
    progress: Arc<TableProgress>,
    source_bytes: AtomicU64,
    target_bytes: AtomicU64,
    ranges_done: AtomicU32,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    source: Digest,
    target: Digest,
    differences: BTreeMap<crate::Kind, u64>,
    changed: Vec<u64>,
    unresolved: u64,
    in_sync: u64,
}

impl TableRun {
    pub(crate) fn new(
        shared: Arc<Shared>,
        plan: Arc<TablePlan>,
        indexed: bool,
        progress: Arc<TableProgress>,
    ) -> Result<Self, TableError> {
        let side = |side, database: &Arc<_>| {
            SideAccess::new(side, Arc::clone(database), Arc::clone(&plan), shared.hash_key.clone()).map(Arc::new)
        };
        let source = side(Side::Source, &shared.source)?;
        let target = side(Side::Target, &shared.target)?;
        let sink = shared.sink.open(&plan)?;
        let confirmer = Confirmer {
            source: Arc::clone(&source),
            target: Arc::clone(&target),
            pool: Arc::clone(&shared.cpu),
            options: shared.options.confirm,
            collided: Mutex::default(),
        };
        Ok(Self {
            reconcile: Arc::new(Pool::new(&shared.options.spill_dir)),
            totals: Mutex::new(Totals { changed: vec![0; plan.columns.len()], ..Totals::default() }),
            sink: Mutex::new(Some(sink)),
            source_bytes: AtomicU64::new(0),
            target_bytes: AtomicU64::new(0),
            ranges_done: AtomicU32::new(0),
            shared,
            plan,
            source,
            target,
            indexed,
            confirmer,
            progress,
        })
    }

    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.source_bytes.load(Ordering::Relaxed), self.target_bytes.load(Ordering::Relaxed))
    }

    /// Compares all of the table that is asked for. Errors are in the result:
    /// what was found before them still counts.
    pub(crate) async fn run(self) -> (Compared, (u64, u64)) {
        let mut compared = Compared::default();
        let this = Arc::new(self);
        if let Err(error) = this.read_and_reconcile(&mut compared).await {
            compared.errors.push(error);
        }
        compared.coverage.ranges_done = this.ranges_done.load(Ordering::Relaxed);
        compared.undecided = !this.reconcile.is_empty();
        this.close(&mut compared);
        let bytes = this.bytes();
        (compared, bytes)
    }

    async fn read_and_reconcile(self: &Arc<Self>, compared: &mut Compared) -> Result<(), TableError> {
        let cancel = &self.shared.cancel;
        let Some(ranges) = cancel.run_until_cancelled(self.cut(compared)).await else { return Ok(()) };
        self.read_ranges(&ranges?).await?;
        if cancel.is_cancelled() {
            return Ok(());
        }
        if self.nothing_left(&compared.coverage) {
            self.reconcile.clear();
            return Ok(());
        }
        cancel.run_until_cancelled(self.reconcile_leftovers()).await.unwrap_or(Ok(()))
    }

    /// Ranges with their numbers in the plan.
    async fn cut(&self, compared: &mut Compared) -> Result<Vec<(u32, KeyRange)>, TableError> {
        let all = if self.indexed && self.plan.key_len > 0 {
            let _permit = self.shared.permit().await;
            ranges::cut(&self.plan, &*self.shared.source, &*self.shared.target, self.shared.options.range_rows).await?
        } else {
            vec![KeyRange::all()]
        };
        let mut numbered: Vec<(u32, KeyRange)> = (0..).zip(all).collect();
        let total = numbered.len();
        if let Mode::Sample { share } = self.shared.options.mode
            && total > 1
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a count below 2^32, rounded up"
            )]
            let chosen = ((total as f64 * share).ceil() as usize).clamp(1, total);
            numbered.shuffle(&mut rand::rng());
            numbered.truncate(chosen);
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
            let sampled = chosen as f64 / total as f64;
            compared.coverage.sampled = Some(sampled);
        }
        let count = u32::try_from(numbered.len()).unwrap_or(u32::MAX);
        compared.coverage.ranges_total = count;
        self.progress.ranges_total.store(count, Ordering::Relaxed);
        Ok(numbered)
    }

    /// Several ranges at once, each a task of its own so that more than one
    /// thread can serve their sockets. Returns when no task is left: nothing is
    /// counted or written behind the back of whoever reads the totals.
    async fn read_ranges(self: &Arc<Self>, ranges: &[(u32, KeyRange)]) -> Result<(), TableError> {
        let mut running = JoinSet::new();
        let mut rest = ranges.iter();
        loop {
            while running.len() < self.shared.options.jobs
                && let Some((number, range)) = rest.next()
            {
                running.spawn(Arc::clone(self).range_when_permitted(*number, range.clone()));
            }
            let ended = tokio::select! {
                ended = running.join_next() => ended,
                () = self.shared.cancel.cancelled() => {
                    running.shutdown().await;
                    return Ok(());
                }
            };
            let result = match ended {
                None => return Ok(()),
                Some(Ok(result)) => result,
                Some(Err(_)) => Err(TableError::WorkerGone),
            };
            if result.is_err() {
                running.shutdown().await;
                return result;
            }
        }
    }

    async fn range_when_permitted(self: Arc<Self>, number: u32, range: KeyRange) -> Result<(), TableError> {
        let _permit = self.shared.permit().await;
        self.range(number, &range).await
    }

    async fn range(&self, number: u32, range: &KeyRange) -> Result<(), TableError> {
        let first_seen = Utc::now();
        let (source, target) = tokio::try_join!(
            self.read(&self.source, number, range, &self.progress.source_rows, &self.source_bytes),
            self.read(&self.target, number, range, &self.progress.target_rows, &self.target_bytes)
        )?;
        {
            let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.source.merge(source.digest);
            totals.target.merge(target.digest);
        }
        if source.overflowed || target.overflowed {
            self.pool_all(number, source, target).await?;
        } else if source.digest != target.digest {
            self.differing_range(number, range, source, target, first_seen).await?;
        }
        self.ranges_done.fetch_add(1, Ordering::Relaxed);
        self.progress.ranges_done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn read(
        &self,
        side: &SideAccess,
        number: u32,
        range: &KeyRange,
        rows: &AtomicU64,
        bytes: &AtomicU64,
    ) -> Result<SideRead, ReadError> {
        let scope = match side.key() {
            [] => Scope::All,
            key => Scope::Range { key, range },
        };
        let counters = Counters { rows, bytes, all_bytes: &self.progress.bytes };
        let overflow = self.reconcile.overflow(side.side, number);
        read_side(&*side.database, side.request(scope), &side.hasher, &self.shared.cpu, overflow, counters).await
    }

    /// Rows of a range too large for memory are matched in the pool.
    async fn pool_all(&self, number: u32, source: SideRead, target: SideRead) -> Result<(), TableError> {
        let overflows = [self.reconcile.overflow(Side::Source, number), self.reconcile.overflow(Side::Target, number)];
        on_pool(&self.shared.cpu, move || {
            let [to_source, to_target] = overflows;
            to_source.take(&source.rows).and_then(|()| to_target.take(&target.rows))
        })
        .await?
        .map_err(TableError::Spill)
    }

    async fn differing_range(
        &self,
        number: u32,
        range: &KeyRange,
        source: SideRead,
        target: SideRead,
        first_seen: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let rows = source.digest.count.max(target.digest.count);
        let reconcile = Arc::clone(&self.reconcile);
        let changed = on_pool(&self.shared.cpu, move || {
            let unmatched = match_rows(&source.rows, &target.rows, number);
            reconcile.add(&unmatched.leftovers).map(|()| unmatched.changed)
        })
        .await?
        .map_err(TableError::Spill)?;
        if changed.is_empty() {
            return Ok(());
        }
        let is_dense = changed.len() as u64 > rows / DENSE_ONE_IN;
        let place = if is_dense || !self.can_look_up() { Where::InRange(range) } else { Where::ByKey };
        // One dense range at a time: its rows are held in memory.
        let _dense = match place {
            Where::InRange(_) => Some(self.shared.dense.acquire().await),
            Where::ByKey => None,
        };
        let mut changed = changed.into_iter();
        loop {
            let some: Vec<Candidate> = changed.by_ref().take(self.candidates_at_once()).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.confirm(some, place, first_seen).await?;
        }
    }

    fn can_look_up(&self) -> bool {
        Confirmer::can_look_up(&self.plan, self.indexed)
    }

    /// By the width of the rows that were read so far.
    fn candidates_at_once(&self) -> usize {
        let rows =
            self.progress.source_rows.load(Ordering::Relaxed) + self.progress.target_rows.load(Ordering::Relaxed);
        let (source, target) = self.bytes();
        let row_bytes = (source + target).checked_div(rows).unwrap_or(0).max(1);
        usize::try_from((CONFIRM_BYTES_MAX / row_bytes).clamp(1, CONFIRM_ROWS_MAX)).unwrap_or(1)
    }

    /// Every range was read, and the two sides are the same rows: whatever is
    /// in the pool cancels, and needn't be merged to know it.
    fn nothing_left(&self, coverage: &Coverage) -> bool {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        self.reconcile.is_empty() || (coverage.sampled.is_none() && totals.source == totals.target)
    }

    /// First the rows that the source has, then those that only the target has:
    /// by then it is known which of them are one half of a key collision.
    async fn reconcile_leftovers(&self) -> Result<(), TableError> {
        let first_seen = Utc::now();
        let only_target = Pool::new(&self.shared.options.spill_dir);
        let merged = self.reconcile.take_unmatched().map_err(TableError::Spill)?;
        self.confirm_leftovers(merged, Some(&only_target), first_seen).await?;
        let merged = only_target.take_unmatched().map_err(TableError::Spill)?;
        self.confirm_leftovers(merged, None, first_seen).await
    }

    /// Those that only the target has go to `later`, where there is one.
    async fn confirm_leftovers(
        &self,
        merged: impl Iterator<Item = std::io::Result<Candidate>>,
        later: Option<&Pool>,
        first_seen: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let everything = KeyRange::all();
        let place = if self.can_look_up() { Where::ByKey } else { Where::InRange(&everything) };
        let size = match place {
            Where::ByKey => self.candidates_at_once().min(4096),
            // Each call reads the whole table, so the calls should be few.
            Where::InRange(_) => self.candidates_at_once(),
        };
        let chunks = Chunks { merged, later, size };
        let at_once = match place {
            Where::ByKey => self.shared.options.jobs,
            Where::InRange(_) => 1,
        };
        stream::iter(chunks)
            .map(|chunk| async move {
                let _permit = self.shared.permit().await;
                self.confirm(chunk.map_err(TableError::Spill)?, place, first_seen).await
            })
            .buffer_unordered(at_once)
            .try_collect::<()>()
            .await
    }

    async fn confirm(
        &self,
        candidates: Vec<Candidate>,
        place: Where<'_>,
        first_seen: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let confirmed = self.confirmer.confirm(candidates, place, first_seen).await?;
        self.tally(&confirmed.differences, confirmed.in_sync);
        confirmed.differences.chunks(WRITE_ROWS).try_for_each(|some| self.write(some))
    }

    fn tally(&self, differences: &[Difference], in_sync: u64) {
        let mut confirmed = 0;
        {
            let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.in_sync += in_sync;
            for difference in differences {
                match difference.status {
                    Status::Unresolved => totals.unresolved += 1,
                    Status::Confirmed => {
                        let weight = weight(difference);
                        confirmed += weight;
                        *totals.differences.entry(difference.kind).or_default() += weight;
                        for &column in &difference.changed {
                            if let Some(count) = totals.changed.get_mut(column) {
                                *count += 1;
                            }
                        }
                    }
                }
            }
        }
        self.progress.differences.fetch_add(confirmed, Ordering::Relaxed);
        self.shared.count_differences(confirmed);
    }

    /// A sink blocks on its disk, so it is called where that is allowed. There
    /// is no await between counting a difference and writing it, so that no
    /// cancellation comes between the two.
    fn write(&self, differences: &[Difference]) -> Result<(), TableError> {
        let work = || {
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.as_mut().map_or(Ok(()), |sink| sink.write(differences))
        };
        Ok(tokio::task::block_in_place(work)?)
    }

    fn close(&self, compared: &mut Compared) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        // After a failed write the file is not whole and must not look it.
        let sink_failed = compared.errors.iter().any(|e| matches!(e, TableError::Sink(_)));
        if let Some(sink) = sink.filter(|_| !sink_failed) {
            match tokio::task::block_in_place(|| sink.finish()) {
                Ok(files) => compared.files = files,
                Err(error) => compared.errors.push(error.into()),
            }
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        compared.differences = std::mem::take(&mut totals.differences);
        compared.changed = std::mem::take(&mut totals.changed);
        compared.unresolved = totals.unresolved;
        compared.in_sync = totals.in_sync;
        drop(totals);
        self.progress.finish();
    }
}

/// Candidates in chunks; those of the target only are put aside.
struct Chunks<'a, I> {
    merged: I,
    later: Option<&'a Pool>,
    size: usize,
}

impl<I: Iterator<Item = std::io::Result<Candidate>>> Iterator for Chunks<'_, I> {
    type Item = std::io::Result<Vec<Candidate>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::new();
        while chunk.len() < self.size {
            match self.merged.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(candidate)) => match self.later {
                    Some(later) if candidate.source.is_empty() => {
                        if let Err(error) = later.add_candidate(&candidate) {
                            return Some(Err(error));
                        }
                    }
                    _ => chunk.push(candidate),
                },
            }
        }
        if chunk.is_empty() { None } else { Some(Ok(chunk)) }
    }
}

/// For a table's elapsed time.
pub(crate) fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
