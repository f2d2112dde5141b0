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
        let confirmed =
            self.totals.lock().unwrap_or_else(PoisonError::into_inner).count(differences, in_sync, tolerated);
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
    /// Adds what was decided; the weight of the confirmed differences.
    fn count(&mut self, differences: &[Difference], in_sync: u64, tolerated: &Tolerated) -> u64 {
        self.in_sync += in_sync;
        self.tolerated.merge(tolerated);
        let mut confirmed = 0;
        for difference in differences {
            if difference.status == Status::Unresolved {
                self.unresolved += 1;
                continue;
            }
            let weight = weight(difference);
            confirmed += weight;
            *self.differences.entry(difference.kind).or_default() += weight;
            self.surplus += i128::from(difference.source_count) - i128::from(difference.target_count);
            for &column in &difference.changed {
                if let Some(count) = self.changed.get_mut(column) {
                    *count += 1;
                }
            }
        }
        confirmed
    }

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
    use switchback_engines::{ConnectOptions, DatabaseUrl, connect};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::difference::{Began, DifferenceSink};
    use crate::options::{Options, StopConditions};
    use crate::outcome::Stop;
    use crate::plan::TablePlan;
    use crate::plan::selection::Known;
    use crate::progress::Progress;

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

    fn difference(kind: Kind, counts: (u64, u64), changed: &[usize]) -> Difference {
        Difference {
            kind,
            status: Status::Confirmed,
            range: 0,
            changed: changed.to_vec(),
            source: None,
            target: None,
            source_count: counts.0,
            target_count: counts.1,
            first_seen: chrono::DateTime::UNIX_EPOCH,
            decided: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn every_difference_is_counted_once_and_weighed() {
        let mut totals = Totals { changed: vec![0; 3], ..Totals::default() };
        let unresolved = Difference { status: Status::Unresolved, ..difference(Kind::Changed, (1, 1), &[2]) };
        let differences = [
            difference(Kind::Changed, (1, 1), &[0, 2]),
            difference(Kind::Changed, (1, 1), &[2]),
            difference(Kind::SourceOnly, (5, 2), &[]),
            difference(Kind::TargetOnly, (0, 1), &[]),
            unresolved,
        ];
        let tolerated = Tolerated { rows: 2, ..Tolerated::default() };
        assert_eq!(totals.count(&differences, 4, &tolerated), 6);
        assert_eq!(totals.count(&differences[3..4], 3, &tolerated), 1);
        let weighed = [(Kind::SourceOnly, 3), (Kind::TargetOnly, 2), (Kind::Changed, 2)];
        assert_eq!(totals.differences, BTreeMap::from(weighed));
        assert_eq!((totals.changed.as_slice(), totals.unresolved), (&[1, 0, 2][..], 1));
        assert_eq!((totals.in_sync, totals.tolerated.rows, totals.surplus), (7, 4, 1));
    }

    #[test]
    fn whatever_was_left_open_or_written_meanwhile_explains_any_sum() {
        let apart = || Totals { source: digest(2, 5), target: digest(1, 5), ..Totals::default() };
        assert!(!apart().add_up());
        assert!(Totals { unresolved: 1, ..apart() }.add_up());
        assert!(Totals { tolerated: Tolerated { moved: true, ..Tolerated::default() }, ..apart() }.add_up());
        assert!(Totals { differences: BTreeMap::from([(Kind::KeyCollision, 1)]), ..apart() }.add_up());
        // What a difference says is that the hashes differ, not how many rows are gone.
        assert!(!Totals { differences: BTreeMap::from([(Kind::Changed, 1)]), ..apart() }.add_up());
        assert!(!Totals { surplus: 1, ..Totals::default() }.add_up());
    }

    /// How many differences came at once, and whether that was all of them.
    #[derive(Debug, Default, Clone)]
    struct Written(Arc<Mutex<(Vec<usize>, bool)>>);

    struct Sink {
        written: Written,
        /// Writes that succeed.
        writes_max: usize,
    }

    impl TableSink for Sink {
        fn write(&mut self, differences: &[Difference]) -> Result<(), SinkError> {
            let mut written = self.written.0.lock().unwrap();
            if written.0.len() == self.writes_max {
                return Err(SinkError { path: PathBuf::from("full"), source: "no space".into() });
            }
            written.0.push(differences.len());
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, SinkError> {
            self.written.0.lock().unwrap().1 = true;
            Ok(vec![PathBuf::from("part-00000")])
        }
    }

    impl DifferenceSink for Written {
        fn open(&self, _: &TablePlan, _: &Began) -> Result<Box<dyn TableSink>, SinkError> {
            Ok(Box::new(Sink { written: self.clone(), writes_max: usize::MAX }))
        }
    }

    /// A ledger of a run that ends at a number of differences.
    struct Case {
        ledger: Ledger,
        written: Written,
        progress: Arc<TableProgress>,
        shared: Arc<Shared>,
        _folder: tempfile::TempDir,
    }

    async fn case(differences_max: u64, writes_max: usize) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        std::fs::File::create(&path).unwrap();
        let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
        let database = connect(&url, &ConnectOptions::default()).await.unwrap();
        let stop = StopConditions { differences_max: Some(differences_max), time_max: None };
        let options = Options { stop, ..Options::default() };
        let (written, progress) = (Written::default(), Progress::new());
        let table = progress.begin("t".to_owned());
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let (source, sink) = (Arc::clone(&database), Arc::new(written.clone()));
        let (known, cancel) = (Known::default(), CancellationToken::new());
        let shared = Shared::new(source, database, options, known, sink, progress, pool, cancel);
        let shared = Arc::new(shared);
        let sink = Box::new(Sink { written: written.clone(), writes_max });
        let ledger = Ledger::new(sink, 2, Arc::clone(&shared), Arc::clone(&table));
        Case { ledger, written, progress: table, shared, _folder: folder }
    }

    fn some(count: usize) -> Vec<Difference> {
        vec![difference(Kind::Changed, (1, 1), &[1]); count]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_recorded_is_counted_written_and_shown() {
        let case = case(2_600, usize::MAX).await;
        case.ledger.add_range(digest(3, 7), digest(2, u128::MAX));
        case.ledger.add_range(digest(1, 1), digest(4, 2));
        case.ledger.record(&some(2_500), 3, &Tolerated::default()).unwrap();
        assert_eq!(case.shared.stopped(), None);
        case.ledger.record(&some(100), 1, &Tolerated::default()).unwrap();
        assert_eq!(case.shared.stopped(), Some(Stop::MaxDifferences), "all tables count together");
        assert_eq!(case.written.0.lock().unwrap().0, [WRITE_ROWS, WRITE_ROWS, 452, 100]);
        assert_eq!(case.progress.differences.load(Ordering::Relaxed), 2_600);
        let totals = case.ledger.totals();
        assert_eq!((totals.source, totals.target), (digest(4, 8), digest(6, 1)));
        assert_eq!(totals.differences, BTreeMap::from([(Kind::Changed, 2_600)]));
        assert_eq!((totals.changed, totals.in_sync), (vec![0, 2_600], 4));
        assert_eq!(case.ledger.close(false).unwrap(), [PathBuf::from("part-00000")]);
        assert!(case.written.0.lock().unwrap().1, "the files are whole");
        assert!(case.ledger.close(false).unwrap().is_empty(), "once");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_could_not_be_written_is_neither_shown_nor_finished() {
        let case = case(10, 1).await;
        case.ledger.record(&some(1), 0, &Tolerated::default()).unwrap();
        let failed = case.ledger.record(&some(20), 0, &Tolerated::default());
        assert_eq!(failed.unwrap_err().path, PathBuf::from("full"));
        assert_eq!((case.progress.differences.load(Ordering::Relaxed), case.shared.stopped()), (1, None));
        assert!(case.ledger.close(true).unwrap().is_empty());
        assert!(!case.written.0.lock().unwrap().1, "half a file must not look whole");
    }
}
