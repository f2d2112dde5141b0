//! Both sides of a range at once, where equal rows are equal bytes.
//!
//! Two servers of one engine send most rows of a range in the same order and as
//! the same bytes, and [`DecodeRows::layout`] says when the same bytes are the
//! same values. Such rows are passed over without being decoded, encoded or
//! hashed: comparing the bytes themselves proves more and costs a tenth. What
//! does not match goes the common way, see [`Hashing`].
//!
//! Passing over one row of each side that are equal leaves the difference of the
//! two sides as it was, whichever two rows it was. So nothing depends on finding
//! the right partner: where rows are missing or in another order, more of them
//! are hashed, and that is all.
//!
//! [`DecodeRows::layout`]: switchback_engines::DecodeRows::layout

use switchback_engines::RawBatch;
use switchback_engines::batch::BATCH_BYTES;
use tokio::sync::mpsc;

use super::read::{BATCHES_IN_FLIGHT, Hashing, ReadError, SideRead, SideReading};

/// How many rows are looked ahead on either side for two that match again.
const WINDOW: usize = 16;

/// Windows in a row without a match, after which the two sides are taken for
/// unlike and the rest of the range is hashed.
const MISSES_MAX: u32 = 16;

/// Bytes compared at once; a difference within is then looked for one by one.
const BLOCK_BYTES: usize = 4096;

/// Reads all of both, whose layouts must be the same.
pub(crate) async fn read_both(
    source: SideReading<'_>,
    target: SideReading<'_>,
    pool: &rayon::ThreadPool,
) -> Result<(SideRead, SideRead), ReadError> {
    let (source_out, source_in) = mpsc::channel(BATCHES_IN_FLIGHT);
    let (target_out, target_in) = mpsc::channel(BATCHES_IN_FLIGHT);
    let comparing =
        compare(Feed::new(source_in, Hashing::new(&source, pool)), Feed::new(target_in, Hashing::new(&target, pool)));
    let (source_rows, target_rows, (source, target)) =
        tokio::try_join!(source.read(source_out), target.read(target_out), comparing)?;
    Ok((source.check(source_rows)?, target.check(target_rows)?))
}

async fn compare(mut source: Feed<'_>, mut target: Feed<'_>) -> Result<(SideRead, SideRead), ReadError> {
    let mut misses = 0;
    while misses < MISSES_MAX && source.arrive().await && target.arrive().await {
        match step(&mut source, &mut target) {
            Step::Same { rows, bytes } => {
                source.pass_over(rows, bytes);
                target.pass_over(rows, bytes);
                misses = 0;
            }
            Step::Apart { rows: (in_source, in_target), found } => {
                source.keep(in_source).await?;
                target.keep(in_target).await?;
                misses = if found { 0 } else { misses + 1 };
            }
            Step::Unlike => break,
        }
    }
    tokio::try_join!(source.hash_rest(), target.hash_rest())
}

/// What comes next in two feeds that both have rows.
enum Step {
    /// This many rows are the same.
    Same { rows: usize, bytes: usize },
    /// This many rows on either side are not; whether the two behind them are.
    Apart { rows: (usize, usize), found: bool },
    /// There is no telling where rows end.
    Unlike,
}

fn step(source: &mut Feed<'_>, target: &mut Feed<'_>) -> Step {
    let (s, t) = (source.rest(), target.rest());
    if s == t && source.rows_left() == target.rows_left() {
        return Step::Same { rows: source.rows_left(), bytes: s.len() };
    }
    let prefix = common_prefix(s, t);
    let (Some(in_source), Some(in_target)) = (source.rows_within(prefix), target.rows_within(prefix)) else {
        return Step::Unlike;
    };
    if in_source != in_target {
        return Step::Unlike;
    }
    match in_source {
        (0, _) => {
            let found = meet(source, target);
            Step::Apart { rows: found.unwrap_or((1, 1)), found: found.is_some() }
        }
        (rows, bytes) => Step::Same { rows, bytes },
    }
}

/// How many rows to leave out on either side, so that the next two match: of
/// the ways to do it the one that leaves out the fewest. Without one the two
/// first rows are left out, as when a row has changed at the end of a batch.
fn meet(source: &Feed<'_>, target: &Feed<'_>) -> Option<(usize, usize)> {
    let ways = (1..=WINDOW).flat_map(|n| (0..=n).map(move |i| (n, i)).chain((0..n).map(move |i| (i, n))));
    let same = |&(s, t): &(usize, usize)| matches!((source.row(s), target.row(t)), (Some(a), Some(b)) if a == b);
    ways.filter(same).min_by_key(|(s, t)| s + t)
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let whole: usize =
        a.chunks(BLOCK_BYTES).zip(b.chunks(BLOCK_BYTES)).take_while(|(a, b)| a == b).map(|(a, _)| a.len()).sum();
    let (a, b) = (a.get(whole..).unwrap_or_default(), b.get(whole..).unwrap_or_default());
    whole + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// One side's rows as they arrive.
struct Feed<'a> {
    batches: mpsc::Receiver<RawBatch>,
    hashing: Hashing<'a>,
    current: RawBatch,
    /// The first row of `current` that was not looked at, and where it begins.
    row: usize,
    at: usize,
    /// Where the rows of `current` end, once that was asked for.
    ends: Option<Vec<usize>>,
    /// Rows without a partner, to be hashed when they are a batch.
    kept: RawBatch,
}

impl<'a> Feed<'a> {
    fn new(batches: mpsc::Receiver<RawBatch>, hashing: Hashing<'a>) -> Self {
        Self { batches, hashing, current: RawBatch::default(), row: 0, at: 0, ends: None, kept: RawBatch::default() }
    }

    /// Makes sure that there is a row; there is none at the end.
    async fn arrive(&mut self) -> bool {
        while self.rows_left() == 0 {
            let Some(batch) = self.batches.recv().await else { return false };
            self.hashing.arrived(&batch);
            self.current = batch;
            (self.row, self.at, self.ends) = (0, 0, None);
        }
        true
    }

    fn rows_left(&self) -> usize {
        self.current.row_count - self.row
    }

    fn rest(&self) -> &[u8] {
        self.current.bytes.get(self.at..).unwrap_or_default()
    }

    /// How many rows lie whole within the next `bytes`, and their own bytes;
    /// `None` when it can't be told.
    fn rows_within(&mut self, bytes: usize) -> Option<(usize, usize)> {
        if self.ends.is_none() {
            let ends = self.hashing.decoder().row_ends(&self.current)?;
            if ends.len() != self.current.row_count {
                return None;
            }
            self.ends = Some(ends);
        }
        let ends = self.ends.as_ref()?.get(self.row..)?;
        let rows = ends.partition_point(|&end| end <= self.at + bytes);
        let end = rows.checked_sub(1).and_then(|last| ends.get(last)).map_or(self.at, |&end| end);
        Some((rows, end - self.at))
    }

    /// The bytes of the `ahead`-th row from here, if it has arrived.
    fn row(&self, ahead: usize) -> Option<&[u8]> {
        let ends = self.ends.as_ref()?.get(self.row..)?;
        let start = match ahead.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => self.at,
        };
        self.current.bytes.get(start..*ends.get(ahead)?)
    }

    fn pass_over(&mut self, rows: usize, bytes: usize) {
        self.hashing.pass_over(rows);
        self.row += rows;
        self.at += bytes;
    }

    /// Keeps the next `rows`, or as many as have arrived, to be hashed.
    async fn keep(&mut self, rows: usize) -> Result<(), ReadError> {
        let rows = rows.min(self.rows_left());
        let last = self.ends.as_ref().and_then(|ends| ends.get((self.row + rows).checked_sub(1)?));
        let end = last.map_or(self.at, |&end| end.max(self.at));
        self.kept.bytes.extend_from_slice(self.current.bytes.get(self.at..end).unwrap_or_default());
        self.kept.row_count += rows;
        self.row += rows;
        self.at = end;
        if self.kept.bytes.len() >= BATCH_BYTES {
            self.hashing.hash(std::mem::take(&mut self.kept)).await?;
        }
        Ok(())
    }

    async fn hash_rest(mut self) -> Result<SideRead, ReadError> {
        if self.kept.row_count > 0 {
            self.hashing.hash(std::mem::take(&mut self.kept)).await?;
        }
        if self.rows_left() > 0 {
            let rest = RawBatch { bytes: self.rest().to_vec(), row_count: self.rows_left() };
            self.hashing.hash(rest).await?;
        }
        while let Some(batch) = self.batches.recv().await {
            self.hashing.arrived(&batch);
            self.hashing.hash(batch).await?;
        }
        Ok(self.hashing.end())
    }
}
