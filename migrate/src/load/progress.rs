//! How far a load is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a load is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Arming, cutting, taking hold of a snapshot.
    #[default]
    Preparing,
    /// Rows of the first tries are brought to the new snapshot.
    Mending,
    Loading,
    Done,
}

/// As of the last look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    pub phase: Phase,
    pub tables: u64,
    pub ranges_total: u64,
    /// Committed, by whichever process.
    pub ranges_loaded: u64,
    /// Rows that were read, also of ranges that are under way; and how many there
    /// are by the source's statistics, 0 where it has none.
    pub rows: u64,
    pub rows_estimate: u64,
    /// Bytes as they went into the sink.
    pub bytes: u64,
    /// Keys that were copied again since a snapshot was lost.
    pub mended_keys: u64,
    /// Tables that had to be begun again.
    pub reloaded_tables: u64,
    /// Snapshots that this process has taken.
    pub snapshots: u64,
    /// Rows of this process, and for how long it has been loading.
    rows_here: u64,
    loading_for: Duration,
}

impl Progress {
    /// How long the rest takes at the pace so far; `None` before that can be told,
    /// or where the source has no statistics.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.rows_estimate.checked_sub(self.rows)?;
        if self.rows_estimate == 0 || self.rows_here == 0 {
            return None;
        }
        let per_row = self.loading_for.as_secs_f64() / self.rows_here as f64;
        Duration::try_from_secs_f64(per_row * left as f64).ok()
    }
}

/// What the workers count while they work.
#[derive(Debug)]
pub(super) struct Counters {
    rows: AtomicU64,
    bytes: AtomicU64,
    ranges: AtomicU64,
    mended: AtomicU64,
    others: AtomicU64,
    begun: Instant,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ranges: AtomicU64::new(0),
            mended: AtomicU64::new(0),
            others: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }

    pub(super) fn moved(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It was rolled back.
    pub(super) fn undone(&self, rows: u64, bytes: u64) {
        self.rows.fetch_sub(rows, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.alive();
    }

    pub(super) fn range_done(&self) {
        self.ranges.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn mended(&self, keys: u64) {
        self.mended.fetch_add(keys, Ordering::Relaxed);
    }

    /// Something happened that is not counted.
    pub(super) fn alive(&self) {
        self.others.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that grows with anything that happens.
    pub(super) fn signs_of_life(&self) -> u64 {
        [&self.rows, &self.bytes, &self.ranges, &self.mended, &self.others]
            .iter()
            .map(|n| n.load(Ordering::Relaxed))
            .sum()
    }

    /// `before`, and what has happened since.
    pub(super) fn on_top_of(&self, before: &Progress) -> Progress {
        let rows = self.rows.load(Ordering::Relaxed);
        Progress {
            rows: before.rows + rows,
            bytes: before.bytes + self.bytes.load(Ordering::Relaxed),
            ranges_loaded: before.ranges_loaded + self.ranges.load(Ordering::Relaxed),
            mended_keys: before.mended_keys + self.mended.load(Ordering::Relaxed),
            rows_here: rows,
            loading_for: self.begun.elapsed(),
            ..before.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_the_pace_says() {
        let progress = Progress {
            rows: 300,
            rows_estimate: 1_000,
            rows_here: 100,
            loading_for: Duration::from_secs(10),
            ..Progress::default()
        };
        assert_eq!(progress.time_left(), Some(Duration::from_secs(70)));
        assert_eq!(Progress { rows_estimate: 0, ..progress.clone() }.time_left(), None);
        assert_eq!(Progress { rows: 1_001, ..progress.clone() }.time_left(), None);
        assert_eq!(Progress { rows_here: 0, ..progress }.time_left(), None);
    }
}
