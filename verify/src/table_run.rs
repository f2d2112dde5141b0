//! Reading and deciding one table.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::seq::SliceRandom;
use switchback_engines::{Class, KeyRange, Scope};
use tokio::task::JoinSet;

use crate::compare::lockstep;
use crate::compare::matching::{Candidate, match_rows};
use crate::compare::read::{Counters, ReadError, SideRead, SideReading, on_pool, read_side};
use crate::confirm::{Confirmer, Round, Undecided, Where};
use crate::difference::{Began, SinkError};
use crate::ledger::{Ledger, Totals};
use crate::options::Mode;
use crate::outcome::{Coverage, Side};
use crate::plan::{ColumnPair, TablePlan, ranges};
use crate::progress::TableProgress;
use crate::reconcile::Pool;
use crate::shared::Shared;
use crate::side::SideAccess;

/// Candidates decided together: their rows are held in memory meanwhile. A
/// guess from the rows read so far; `confirm` halves what turns out larger.
const CONFIRM_BYTES: u64 = 16 << 20;
const CONFIRM_ROWS_MAX: u64 = 65_536;
const LOOK_UP_ROWS_MAX: usize = 4096;

/// In a range where more than one row in this many differs, reading the range
/// again beats looking keys up.
const DENSE_ONE_IN: u64 = 8;

/// Readings of a range whose connection broke, before the table is given up.
const READ_ATTEMPTS: u32 = 3;
const READ_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

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
    #[error("the numbers of rows on the two sides do not add up with the differences found")]
    Unaccounted,
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
    pub(crate) totals: Totals,
    pub(crate) bytes: (u64, u64),
    /// The run ended before everything that was read was decided.
    pub(crate) cut_short: bool,
    pub(crate) files: Vec<std::path::PathBuf>,
    pub(crate) errors: Vec<TableError>,
}

pub(crate) struct TableRun {
    shared: Arc<Shared>,
    plan: Arc<TablePlan>,
    source: Arc<SideAccess>,
    target: Arc<SideAccess>,
    indexed: bool,
    /// Rows that both sides send as the same bytes are passed over.
    in_lockstep: bool,
    confirmer: Confirmer,
    reconcile: Arc<Pool>,
    ledger: Ledger,
    progress: Arc<TableProgress>,
    source_bytes: AtomicU64,
    target_bytes: AtomicU64,
    ranges: OnceLock<Vec<KeyRange>>,
    ranges_done: AtomicU32,
    /// Candidates that need another question, later.
    open: Mutex<Undecided>,
}

/// Whether no two rows of a side can have one identity. A row may be passed over
/// only then: a candidate has to know all rows of its identity on either side,
/// or a row that is there twice equals one that is there once.
fn one_row_each(plan: &TablePlan, indexed: bool) -> bool {
    let never_null = |pair: &ColumnPair| {
        [plan.source_column(pair), plan.target_column(pair)].iter().all(|c| c.is_some_and(|c| !c.nullable))
    };
    Confirmer::can_look_up(plan, indexed) && plan.columns.iter().take(plan.key_len).all(never_null)
}

impl TableRun {
    pub(crate) fn new(
        shared: Arc<Shared>,
        plan: Arc<TablePlan>,
        indexed: bool,
        progress: Arc<TableProgress>,
        began: &Began,
    ) -> Result<Self, TableError> {
        let side = |side, database: &Arc<_>| {
            SideAccess::new(side, Arc::clone(database), Arc::clone(&plan), shared.hash_key.clone()).map(Arc::new)
        };
        let source = side(Side::Source, &shared.source)?;
        let target = side(Side::Target, &shared.target)?;
        let sink = shared.sink.open(&plan, began)?;
        let ledger = Ledger::new(sink, plan.columns.len(), Arc::clone(&shared), Arc::clone(&progress));
        let layout = |side: &SideAccess| side.hasher.decoder.layout();
        let in_lockstep =
            one_row_each(&plan, indexed) && layout(&source).is_some_and(|name| layout(&target) == Some(name));
        let confirmer = Confirmer {
            first_in_part: in_lockstep,
            source: Arc::clone(&source),
            target: Arc::clone(&target),
            pool: Arc::clone(&shared.cpu),
            collided: Mutex::default(),
        };
        Ok(Self {
            in_lockstep,
            reconcile: Arc::new(shared.pool()),
            ledger,
            source_bytes: AtomicU64::new(0),
            target_bytes: AtomicU64::new(0),
            ranges: OnceLock::new(),
            ranges_done: AtomicU32::new(0),
            open: Mutex::default(),
            shared,
            plan,
            source,
            target,
            indexed,
            confirmer,
            progress,
        })
    }

    /// Compares all of the table that is asked for. Errors are in the result:
    /// what was found before them still counts.
    pub(crate) async fn run(self) -> Compared {
        let mut compared = Compared::default();
        let this = Arc::new(self);
        match this.read_and_decide(&mut compared).await {
            Ok(decided) => compared.cut_short = !decided,
            Err(error) => compared.errors.push(error),
        }
        compared.coverage.ranges_done = this.ranges_done.load(Ordering::Relaxed);
        compared.bytes = this.bytes();
        compared.totals = this.ledger.totals();
        let is_whole = compared.errors.is_empty() && !compared.cut_short && compared.coverage.sampled.is_none();
        if is_whole && !compared.totals.add_up() {
            compared.errors.push(TableError::Unaccounted);
        }
        let sink_failed = compared.errors.iter().any(|e| matches!(e, TableError::Sink(_)));
        match this.ledger.close(sink_failed) {
            Ok(files) => compared.files = files,
            Err(error) => compared.errors.push(error.into()),
        }
        compared
    }

    /// Whether it came to its end: not when the run was cancelled.
    async fn read_and_decide(self: &Arc<Self>, compared: &mut Compared) -> Result<bool, TableError> {
        let cancel = &self.shared.cancel;
        let Some(ranges) = cancel.run_until_cancelled(self.cut(compared)).await else { return Ok(false) };
        self.read_ranges(&ranges?).await?;
        if cancel.is_cancelled() {
            return Ok(false);
        }
        let deciding = async {
            // Every range was read, and the two sides are the same rows: what is
            // in the pool cancels, and needn't be merged to know it.
            let totals = self.ledger.totals();
            let cancels = compared.coverage.sampled.is_none() && totals.source == totals.target;
            if cancels {
                self.reconcile.clear();
            }
            self.reconcile_leftovers().await?;
            self.settle().await
        };
        cancel.run_until_cancelled(deciding).await.transpose().map(|done| done.is_some())
    }

    /// The ranges to read, with their numbers in the plan.
    async fn cut(&self, compared: &mut Compared) -> Result<Vec<(u32, KeyRange)>, TableError> {
        let all = if self.indexed && self.plan.key_len > 0 {
            let _permit = self.shared.permit().await;
            let rows = self.shared.options.range_rows;
            ranges::cut(&self.plan, &*self.shared.source, &*self.shared.target, rows).await?
        } else {
            vec![KeyRange::all()]
        };
        let all = self.ranges.get_or_init(|| all).clone();
        let mut numbered: Vec<(u32, KeyRange)> = (0..).zip(all).collect();
        if let Mode::Sample { share } = self.shared.options.mode {
            compared.coverage.sampled = Some(choose(&mut numbered, share));
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
                running.spawn(Arc::clone(self).range(*number, range.clone()));
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

    async fn range(self: Arc<Self>, number: u32, range: KeyRange) -> Result<(), TableError> {
        let _permit = self.shared.permit().await;
        let first_seen = Utc::now();
        let (source, target) = self.read_both(number, &range).await?;
        let digests = (source.digest, target.digest);
        if source.overflowed || target.overflowed {
            self.pool_all(number, source, target).await?;
        } else if source.digest != target.digest {
            self.differing_range(number, &range, source, target, first_seen).await?;
        }
        self.ledger.add_range(digests.0, digests.1);
        self.ranges_done.fetch_add(1, Ordering::Relaxed);
        self.progress.ranges_done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Both sides of a range; again, when the connection broke. Not when rows
    /// are in the pool already: they would be there twice.
    async fn read_both(&self, number: u32, range: &KeyRange) -> Result<(SideRead, SideRead), ReadError> {
        let mut pause = READ_PAUSE;
        for attempt in 1.. {
            let overflowed = AtomicBool::new(false);
            let source = self.reading(&self.source, number, range, &overflowed);
            let target = self.reading(&self.target, number, range, &overflowed);
            let cpu = &*self.shared.cpu;
            let read = if self.in_lockstep {
                lockstep::read_both(source, target, cpu).await
            } else {
                tokio::try_join!(read_side(source, cpu), read_side(target, cpu))
            };
            match read {
                Err(ReadError::Engine(error))
                    if error.class() == Class::Transient
                        && attempt < READ_ATTEMPTS
                        && !overflowed.load(Ordering::Relaxed) =>
                {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
        Err(ReadError::WorkerGone)
    }

    fn reading<'a>(
        &'a self,
        side: &'a SideAccess,
        number: u32,
        range: &'a KeyRange,
        overflowed: &'a AtomicBool,
    ) -> SideReading<'a> {
        let (rows, bytes) = match side.side {
            Side::Source => (&self.progress.source_rows, &self.source_bytes),
            Side::Target => (&self.progress.target_rows, &self.target_bytes),
        };
        let scope = match side.key() {
            [] => Scope::All,
            key => Scope::Range { key, range },
        };
        SideReading {
            database: &*side.database,
            request: side.request(scope),
            hasher: &side.hasher,
            overflow: self.reconcile.overflow(side.side, number, self.shared.options.memory.range_bytes),
            counters: Counters { rows, bytes, all_bytes: &self.progress.bytes, overflowed },
        }
    }

    /// Rows of a range too large for memory are matched in the pool.
    async fn pool_all(&self, number: u32, source: SideRead, target: SideRead) -> Result<(), TableError> {
        let overflow = |side| self.reconcile.overflow(side, number, 0);
        let (to_source, to_target) = (overflow(Side::Source), overflow(Side::Target));
        on_pool(&self.shared.cpu, move || to_source.take(&source.rows).and_then(|()| to_target.take(&target.rows)))
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
        // Where most rows differ, what is made of them is the most that a range
        // ever holds, so one range at a time may do it.
        let turn = self.shared.dense.acquire().await;
        let changed = on_pool(&self.shared.cpu, move || {
            let unmatched = match_rows(&source.rows, &target.rows, number);
            reconcile.add(&unmatched.leftovers).map(|()| unmatched.changed)
        })
        .await?
        .map_err(TableError::Spill)?;
        let is_dense = changed.len() as u64 > rows / DENSE_ONE_IN;
        let place = if is_dense || !self.can_look_up() { Where::InRange(range) } else { Where::ByKey };
        let round = Round { place, is_last: self.is_last(1), first_seen };
        match place {
            Where::InRange(_) => self.confirm_in_portions(changed, round).await,
            Where::ByKey => {
                drop(turn);
                self.confirm_all(changed, round).await
            }
        }
    }

    fn can_look_up(&self) -> bool {
        Confirmer::can_look_up(&self.plan, self.indexed)
    }

    fn is_last(&self, attempt: u32) -> bool {
        attempt >= self.shared.options.confirm.attempts_max
    }

    /// By the width of the rows that were read so far.
    fn candidates_at_once(&self, place: Where<'_>) -> usize {
        let rows =
            self.progress.source_rows.load(Ordering::Relaxed) + self.progress.target_rows.load(Ordering::Relaxed);
        let (source, target) = self.bytes();
        let row_bytes = (source + target).checked_div(rows).unwrap_or(0).max(1);
        let size = usize::try_from((CONFIRM_BYTES / row_bytes).clamp(1, CONFIRM_ROWS_MAX)).unwrap_or(1);
        match place {
            Where::ByKey => size.min(LOOK_UP_ROWS_MAX),
            Where::InRange(_) => size,
        }
    }

    fn bytes(&self) -> (u64, u64) {
        (self.source_bytes.load(Ordering::Relaxed), self.target_bytes.load(Ordering::Relaxed))
    }

    /// First the rows that the source has, then those that only the target has:
    /// by then it is known which of them are one half of a key collision.
    async fn reconcile_leftovers(&self) -> Result<(), TableError> {
        let first_seen = Utc::now();
        let only_target = self.shared.pool();
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
        let round = Round { place, is_last: self.is_last(1), first_seen };
        // Where a rule gives one key several spellings, the pool may hold only
        // some of the rows of an identity.
        let partial = self.plan.key_len > 0 && !self.can_look_up();
        let chunks = Chunks { merged, later, partial, size: self.candidates_at_once(place) };
        let at_once = match place {
            Where::ByKey => self.shared.options.jobs,
            Where::InRange(_) => 1,
        };
        stream::iter(chunks)
            .map(|chunk| async move {
                let _permit = self.shared.permit().await;
                self.confirm(chunk.map_err(TableError::Spill)?, round).await
            })
            .buffer_unordered(at_once)
            .try_collect::<()>()
            .await
    }

    /// One range at a time: most of its rows are held.
    async fn confirm_all(&self, candidates: Vec<Candidate>, round: Round<'_>) -> Result<(), TableError> {
        let _turn = match round.place {
            Where::InRange(_) if !candidates.is_empty() => Some(self.shared.dense.acquire().await),
            Where::InRange(_) | Where::ByKey => None,
        };
        self.confirm_in_portions(candidates, round).await
    }

    /// In portions whose rows fit in memory.
    async fn confirm_in_portions(&self, candidates: Vec<Candidate>, round: Round<'_>) -> Result<(), TableError> {
        let mut rest = candidates.into_iter();
        loop {
            let some: Vec<Candidate> = rest.by_ref().take(self.candidates_at_once(round.place)).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.confirm(some, round).await?;
        }
    }

    async fn confirm(&self, candidates: Vec<Candidate>, round: Round<'_>) -> Result<(), TableError> {
        let undecided = self.confirmer.confirm(candidates, round, &self.ledger).await?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.hot.extend(undecided.hot);
        open.unsure.extend(undecided.unsure);
        Ok(())
    }

    /// Asks again until nothing is open. No right to read is held while waiting
    /// for hot rows to cool down.
    async fn settle(&self) -> Result<(), TableError> {
        let mut pause = self.shared.options.confirm.backoff;
        for attempt in 2.. {
            self.read_unsure(self.is_last(attempt - 1)).await?;
            let hot = std::mem::take(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner).hot);
            if hot.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            let is_last = self.is_last(attempt);
            if self.can_look_up() {
                let _permit = self.shared.permit().await;
                self.confirm_all(hot, Round { place: Where::ByKey, is_last, first_seen: Utc::now() }).await?;
            } else {
                self.read_again(hot, is_last).await?;
            }
        }
        Ok(())
    }

    async fn read_unsure(&self, is_last: bool) -> Result<(), TableError> {
        let unsure = std::mem::take(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner).unsure);
        self.read_again(unsure, is_last).await
    }

    /// By reading the ranges that they are in. What came from the pool may be
    /// in another range on either side, so the whole table is read for it.
    async fn read_again(&self, candidates: Vec<Candidate>, is_last: bool) -> Result<(), TableError> {
        let everything = KeyRange::all();
        let mut candidates = candidates;
        candidates.sort_by_key(|c| (c.pooled, if c.pooled { 0 } else { c.range }));
        while let Some(first) = candidates.first() {
            let (pooled, number) = (first.pooled, first.range);
            let same = candidates.iter().take_while(|c| c.pooled == pooled && (pooled || c.range == number)).count();
            let rest = candidates.split_off(same);
            let range = self.ranges.get().and_then(|all| all.get(number as usize)).filter(|_| !pooled);
            let place = Where::InRange(range.unwrap_or(&everything));
            let _permit = self.shared.permit().await;
            self.confirm_all(candidates, Round { place, is_last, first_seen: Utc::now() }).await?;
            candidates = rest;
        }
        Ok(())
    }
}

/// Keeps a random choice of about `share` of the ranges, at least one; the share
/// it came to.
fn choose(numbered: &mut Vec<(u32, KeyRange)>, share: f64) -> f64 {
    let total = numbered.len();
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
    sampled
}

/// Candidates in chunks; those of the target only are put aside.
struct Chunks<'a, I> {
    merged: I,
    later: Option<&'a Pool>,
    partial: bool,
    size: usize,
}

impl<I: Iterator<Item = std::io::Result<Candidate>>> Iterator for Chunks<'_, I> {
    type Item = std::io::Result<Vec<Candidate>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::new();
        while chunk.len() < self.size {
            let mut candidate = match self.merged.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(candidate)) => candidate,
            };
            match self.later {
                Some(later) if candidate.source.as_ref().is_some_and(|s| s.is_empty()) => {
                    if let Err(error) = later.add_candidate(&candidate) {
                        return Some(Err(error));
                    }
                }
                _ => {
                    if self.partial {
                        candidate.source = None;
                    }
                    chunk.push(candidate);
                }
            }
        }
        if chunk.is_empty() { None } else { Some(Ok(chunk)) }
    }
}
