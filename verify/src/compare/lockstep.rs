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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use proptest::prelude::*;
    use switchback_engines::canon::Rule;
    use switchback_engines::{DecodeRows, Value};

    use super::super::hash::{HashKey, RowHasher};
    use super::super::read::{Counters, Overflow};
    use super::super::rows::RangeRows;
    use super::*;

    /// A row is a length and as many bytes: the first of them is its key.
    struct Lengths;

    impl DecodeRows for Lengths {
        fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<(), switchback_engines::Error> {
            let mut start = 0;
            for end in self.row_ends(batch).unwrap() {
                let value = |at: std::ops::Range<usize>| Value::Bytes(Cow::Borrowed(&batch.bytes[at]));
                row(&[value(start + 1..start + 2), value(start + 2..end)]);
                start = end;
            }
            Ok(())
        }

        fn layout(&self) -> Option<String> {
            Some("lengths".to_owned())
        }

        fn row_ends(&self, batch: &RawBatch) -> Option<Vec<usize>> {
            let mut ends = Vec::new();
            let mut at = 0;
            while at < batch.bytes.len() {
                at += 1 + usize::from(batch.bytes[at]);
                ends.push(at);
            }
            (at == batch.bytes.len()).then_some(ends)
        }
    }

    struct Unbounded;

    impl Overflow for Unbounded {
        fn bytes_max(&self) -> usize {
            usize::MAX
        }

        fn take(&self, _rows: &RangeRows) -> std::io::Result<()> {
            unreachable!("nothing overflows")
        }
    }

    type Row = (u8, Vec<u8>);

    fn batches(rows: &[Row], sizes: &[usize]) -> Vec<RawBatch> {
        let mut rest = rows;
        let mut batches = Vec::new();
        for size in sizes.iter().cycle() {
            let (some, later) = rest.split_at((*size).min(rest.len()));
            let mut batch = RawBatch { bytes: Vec::new(), row_count: some.len() };
            for (key, value) in some {
                batch.bytes.push(u8::try_from(value.len() + 1).unwrap());
                batch.bytes.push(*key);
                batch.bytes.extend_from_slice(value);
            }
            batches.push(batch);
            rest = later;
            if rest.is_empty() {
                return batches;
            }
        }
        batches
    }

    fn hasher() -> RowHasher {
        let rules = [Rule::Bytes { trim_zeros: false }, Rule::Bytes { trim_zeros: false }];
        RowHasher { decoder: Arc::new(Lengths), rules: rules.into(), key_len: 1, key: HashKey::fixed() }
    }

    async fn in_lockstep(source: Vec<RawBatch>, target: Vec<RawBatch>) -> (SideRead, SideRead) {
        let (hasher, pool) = (hasher(), rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let (n, overflowed) = (AtomicU64::new(0), AtomicBool::new(false));
        let counters = Counters { rows: &n, bytes: &n, all_bytes: &n, overflowed: &overflowed };
        let feed = |batches: Vec<RawBatch>| {
            let (sender, receiver) = mpsc::channel(batches.len().max(1));
            batches.into_iter().for_each(|batch| sender.try_send(batch).unwrap());
            Feed::new(receiver, Hashing::of(&hasher, &pool, Arc::new(Unbounded), counters))
        };
        compare(feed(source), feed(target)).await.unwrap()
    }

    /// How often each row is on the source, less how often on the target.
    fn net(source: &RangeRows, target: &RangeRows) -> BTreeMap<(Vec<u8>, u128), i64> {
        let mut net = BTreeMap::new();
        for (rows, by) in [(source, 1), (target, -1)] {
            for (identity, hash) in rows.iter() {
                *net.entry((identity.to_vec(), hash)).or_default() += by;
            }
        }
        net.retain(|_, count| *count != 0);
        net
    }

    fn edited(rows: &[Row], edits: &[(prop::sample::Index, u8)]) -> Vec<Row> {
        let mut rows = rows.to_vec();
        for (at, edit) in edits {
            if rows.is_empty() {
                break;
            }
            let at = at.index(rows.len());
            match edit % 4 {
                0 => drop(rows.remove(at)),
                1 => rows[at].1.push(*edit),
                2 => rows.insert(at, (*edit, vec![*edit])),
                _ => rows.swap(0, at),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn what_is_passed_over_changes_no_difference(
            rows in prop::collection::vec((any::<u8>(), prop::collection::vec(0u8..3, 0..4)), 0..200),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
            sizes in (prop::collection::vec(1usize..40, 1..4), prop::collection::vec(1usize..40, 1..4)),
        ) {
            let others = edited(&rows, &edits);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (source, target) =
                runtime.block_on(in_lockstep(batches(&rows, &sizes.0), batches(&others, &sizes.1)));
            let hash_all = |rows: &[Row]| {
                let mut all = RangeRows::default();
                batches(rows, &[50]).iter().for_each(|batch| all.append(&hasher().hash_batch(batch).unwrap()));
                all
            };
            let (all, all_others) = (hash_all(&rows), hash_all(&others));
            prop_assert_eq!(net(&source.rows, &target.rows), net(&all, &all_others));
            prop_assert_eq!(source.digest.count, rows.len() as u64);
            prop_assert_eq!(target.digest.count, others.len() as u64);
            let gap = |a: u128, b: u128| a.wrapping_sub(b);
            prop_assert_eq!(gap(source.digest.sum, target.digest.sum), gap(all.digest.sum, all_others.digest.sum));
        }
    }

    #[tokio::test]
    async fn rows_that_are_the_same_are_not_hashed() {
        let rows: Vec<Row> = (0..=255).map(|key| (key, vec![key; 9])).collect();
        let mut others = rows.clone();
        others[100].1[0] = 0;
        others.remove(200);
        let (source, target) = in_lockstep(batches(&rows, &[70]), batches(&others, &[41])).await;
        assert_eq!((source.rows.len(), target.rows.len()), (2, 1));
        let (source, target) = in_lockstep(batches(&rows, &[70]), batches(&rows, &[70])).await;
        assert_eq!((source.rows.len(), target.rows.len()), (0, 0));
    }
}
