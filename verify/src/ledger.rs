//! What was found in one table: counted, and written to the sink.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::compare::rows::Digest;
use crate::confirm::tolerate::Tolerated;
use crate::confirm::weight;
use crate::difference::{Difference, Kind, SinkError, Status, TableSink};
use crate::progress::TableProgress;
use crate::shared::Shared;

/// Differences handed to the sink at once.
const WRITE_ROWS: usize = 1024;

pub(crate) struct Ledger {
    sink: Mutex<Option<Box<dyn TableSink>>>,
    totals: Mutex<Totals>,
    shared: Arc<Shared>,
    progress: Arc<TableProgress>,
}

/// Sums over a table.
#[derive(Debug, Default, Clone)]
pub(crate) struct Totals {
    pub(crate) source: Digest,
    pub(crate) target: Digest,
    pub(crate) differences: BTreeMap<Kind, u64>,
    /// For each of the plan's columns.
    pub(crate) changed: Vec<u64>,
    pub(crate) unresolved: u64,
    pub(crate) in_sync: u64,
    pub(crate) tolerated: Tolerated,
    /// Rows that the source has more than the target, by the confirmed
    /// differences.
    surplus: i128,
}

impl Ledger {
    pub(crate) fn new(
        sink: Box<dyn TableSink>,
        columns: usize,
        shared: Arc<Shared>,
        progress: Arc<TableProgress>,
    ) -> Self {
        let totals = Totals { changed: vec![0; columns], ..Totals::default() };
        Self { sink: Mutex::new(Some(sink)), totals: Mutex::new(totals), shared, progress }
    }

    /// A range that was read on both sides.
    pub(crate) fn add_range(&self, source: Digest, target: Digest) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.source.merge(source);
        totals.target.merge(target);
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts and writes. A sink blocks on its disk, so it is called where that
    /// is allowed. There is no await in here, so no cancellation comes between
    /// counting and writing.
    pub(crate) fn record(
        &self,
        differences: &[Difference],
        in_sync: u64,
        tolerated: &Tolerated,
    ) -> Result<(), SinkError> {
        let confirmed = self.count(differences, in_sync, tolerated);
        tokio::task::block_in_place(|| {
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            match sink.as_mut() {
                Some(sink) => differences.chunks(WRITE_ROWS).try_for_each(|some| sink.write(some)),
                None => Ok(()),
            }
        })?;
        self.progress.differences.fetch_add(confirmed, Ordering::Relaxed);
        self.shared.count_differences(confirmed);
        Ok(())
    }

    fn count(&self, differences: &[Difference], in_sync: u64, tolerated: &Tolerated) -> u64 {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.in_sync += in_sync;
        totals.tolerated.merge(tolerated);
        let mut confirmed = 0;
        for difference in differences {
            if difference.status == Status::Unresolved {
                totals.unresolved += 1;
                continue;
            }
            let weight = weight(difference);
            confirmed += weight;
            *totals.differences.entry(difference.kind).or_default() += weight;
            totals.surplus += i128::from(difference.source_count) - i128::from(difference.target_count);
            for &column in &difference.changed {
                if let Some(count) = totals.changed.get_mut(column) {
                    *count += 1;
                }
            }
        }
        confirmed
    }

    /// Finishes the sink's files; drops them unfinished after a failed write, as
    /// they are not whole and must not look it.
    pub(crate) fn close(&self, sink_failed: bool) -> Result<Vec<PathBuf>, SinkError> {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        match sink.filter(|_| !sink_failed) {
            Some(sink) => tokio::task::block_in_place(|| sink.finish()),
            None => Ok(Vec::new()),
        }
    }
}

impl Totals {
    /// Whether the differences account for the rows that were read, and rows
    /// within tolerance for what is left between the two sums of hashes. They need
    /// not while others write: what was in sync or had changed when read again, a
    /// key that two rows share, and what is unresolved are left out of the sum.
    ///
    /// This is the belt to the braces: a fault anywhere between reading and
    /// deciding that loses a row shows here, and forbids the verdict.
    pub(crate) fn add_up(&self) -> bool {
        let disturbed = self.in_sync > 0
            || self.unresolved > 0
            || self.tolerated.moved
            || self.differences.contains_key(&Kind::KeyCollision);
        if disturbed {
            return true;
        }
        let rows = i128::from(self.source.count) - i128::from(self.target.count);
        let gap = self.source.sum.wrapping_sub(self.target.sum);
        let explained = !self.differences.is_empty() || gap == self.tolerated.gap;
        rows == self.surplus && explained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(count: u64, sum: u128) -> Digest {
        Digest { count, sum }
    }

    #[test]
    fn rows_that_nothing_accounts_for_are_noticed() {
        let totals = |source, target| Totals { source, target, ..Totals::default() };
        assert!(totals(digest(2, 5), digest(2, 5)).add_up());
        assert!(!totals(digest(2, 5), digest(1, 5)).add_up(), "a row is gone and no difference says so");
        assert!(!totals(digest(2, 5), digest(2, 6)).add_up(), "a row differs and no difference says so");
        let mut missing = totals(digest(2, 5), digest(1, 3));
        missing.differences.insert(Kind::SourceOnly, 1);
        assert!(!missing.add_up());
        missing.surplus = 1;
        assert!(missing.add_up());
        let within = |gap| {
            let tolerated = Tolerated { rows: 1, gap, ..Tolerated::default() };
            Totals { tolerated, ..totals(digest(2, 5), digest(2, 9)) }
        };
        assert!(within(5u128.wrapping_sub(9)).add_up());
        assert!(!within(5u128.wrapping_sub(8)).add_up(), "another row differs, and nothing says so");
        let moving = Totals { in_sync: 1, ..totals(digest(2, 5), digest(1, 5)) };
        assert!(moving.add_up(), "it was written meanwhile");
    }
}
