//! The pool of rows that found no match inside their range.
//!
//! Servers order keys differently (collations, byte orders of UUIDs), so a row
//! may be in one range on the source and in another on the target. The pool
//! takes such rows of all ranges, and those of tables without a key, cancels
//! what is equal on both sides and gives back the rest, each identity once.
//!
//! Bounded memory: beyond its bound entries are sorted and written to a
//! file without a name; the files are merged when the table has been read.

mod entry;
mod merge;
mod runs;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::compare::matching::{Candidate, Leftover};
use crate::compare::read::Overflow;
use crate::compare::rows::RangeRows;
use crate::outcome::Side;
use entry::Entries;
use merge::Merge;
use runs::Run;

/// Runs merged at once: more would cost file handles, and two passes over data
/// that is already sequential cost little.
const RUNS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Pool {
    dir: PathBuf,
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Entries,
    runs: Vec<Run>,
}

impl Pool {
    /// Spills beyond `bytes_max` to files in `dir`.
    pub(crate) fn new(dir: &Path, bytes_max: usize) -> Self {
        Self { dir: dir.to_owned(), bytes_max, inner: Mutex::default() }
    }

    /// # Errors
    /// When the temporary folder can't be written.
    pub(crate) fn add(&self, leftovers: &[Leftover]) -> io::Result<()> {
        self.add_all(leftovers.iter().map(|l| (&*l.identity, l.hash, l.side, l.range)))
    }

    /// Puts a candidate back, row by row.
    ///
    /// # Errors
    /// As for [`Self::add`].
    pub(crate) fn add_candidate(&self, candidate: &Candidate) -> io::Result<()> {
        let source = candidate.source.iter().flatten().map(|h| (Side::Source, h));
        let target = candidate.target.iter().map(|h| (Side::Target, h));
        for (side, &(hash, count)) in source.chain(target) {
            for _ in 0..count {
                self.add_all(std::iter::once((&*candidate.identity, hash, side, candidate.range)))?;
            }
        }
        Ok(())
    }

    fn add_all<'a>(&self, rows: impl Iterator<Item = (&'a [u8], u128, Side, u32)>) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (identity, hash, side, range) in rows {
            inner.entries.push(identity, hash, side, range);
            if inner.entries.size_bytes() > self.bytes_max {
                inner.spill(&self.dir)?;
            }
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }

    /// Empties the pool: what is left after equal rows have cancelled, in order
    /// of identity.
    ///
    /// # Errors
    /// When a spilled file can't be read back.
    pub(crate) fn take_unmatched(&self) -> io::Result<impl Iterator<Item = io::Result<Candidate>> + use<>> {
        let mut inner = std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner));
        inner.entries.sort();
        Merge::new(inner.entries, inner.runs)
    }

    /// Rows of one side of one range that do not fit in memory.
    pub(crate) fn overflow(self: &Arc<Self>, side: Side, range: u32, bytes_max: usize) -> Arc<dyn Overflow> {
        Arc::new(SideOverflow { pool: Arc::clone(self), side, range, bytes_max })
    }
}

impl Inner {
    fn spill(&mut self, dir: &Path) -> io::Result<()> {
        self.entries.sort();
        let full = std::mem::take(&mut self.entries);
        self.runs.push(Run::write(dir, full.iter().map(Ok))?);
        if self.runs.len() >= RUNS_MAX {
            let runs = std::mem::take(&mut self.runs);
            self.runs.push(merge::compact(dir, runs)?);
        }
        Ok(())
    }
}

struct SideOverflow {
    pool: Arc<Pool>,
    side: Side,
    range: u32,
    bytes_max: usize,
}

impl Overflow for SideOverflow {
    fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn take(&self, rows: &RangeRows) -> io::Result<()> {
        self.pool.add_all(rows.iter().map(|(identity, hash)| (identity, hash, self.side, self.range)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::compare::matching::tally;

    type Row = (Vec<u8>, u128, bool);

    /// What the pool must give, by the shortest way there is.
    fn naive(rows: &[Row]) -> Vec<Candidate> {
        let mut groups: BTreeMap<&[u8], [Vec<u128>; 2]> = BTreeMap::new();
        for (identity, hash, on_target) in rows {
            groups.entry(identity).or_default()[usize::from(*on_target)].push(*hash);
        }
        let mut found = Vec::new();
        for (identity, [mut source, mut target]) in groups {
            source.sort_unstable();
            target.sort_unstable();
            if source != target {
                let (source, target) = (tally(source.into_iter()), tally(target.into_iter()));
                found.push(Candidate {
                    identity: identity.into(),
                    source: Some(source),
                    target,
                    range: 0,
                    pooled: true,
                    moved: false,
                });
            }
        }
        found
    }

    proptest! {
        #[test]
        fn gives_back_what_does_not_cancel(
            rows in prop::collection::vec((prop::collection::vec(0u8..4, 0..3), 0u128..3, any::<bool>()), 0..400),
            bytes_max in 64usize..4096,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let pool = Pool::new(dir.path(), bytes_max);
            for (identity, hash, on_target) in &rows {
                let side = if *on_target { Side::Target } else { Side::Source };
                pool.add(&[Leftover { identity: identity.clone().into(), hash: *hash, side, range: 0 }]).unwrap();
            }
            let found: Vec<Candidate> = pool.take_unmatched().unwrap().collect::<io::Result<_>>().unwrap();
            prop_assert_eq!(found, naive(&rows));
        }
    }

    #[test]
    fn spills_leave_no_files_behind() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(dir.path(), 100);
        for n in 0u32..500 {
            let identity = Box::from(n.to_be_bytes());
            pool.add(&[Leftover { identity, hash: 1, side: Side::Source, range: n }]).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "spill files must have no name");
        let found: Vec<_> = pool.take_unmatched().unwrap().map(|c| c.unwrap().range).collect();
        assert_eq!(found, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let pool = Pool::new(Path::new("/no/such/folder"), 0);
        let row = Leftover { identity: (*b"x").into(), hash: 1, side: Side::Source, range: 0 };
        assert!(pool.add(&[row]).is_err());
    }

    fn leftover(identity: u32, side: Side) -> Leftover {
        Leftover { identity: Box::from(identity.to_be_bytes()), hash: 1, side, range: identity }
    }

    fn unmatched(pool: &Pool) -> Vec<Candidate> {
        pool.take_unmatched().unwrap().collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn a_candidate_that_is_put_back_comes_out_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(dir.path(), 1 << 20);
        let mut row = leftover(3, Side::Source);
        for (hash, side) in [(7, Side::Source), (7, Side::Source), (8, Side::Source), (7, Side::Target)] {
            (row.hash, row.side) = (hash, side);
            pool.add(std::slice::from_ref(&row)).unwrap();
        }
        let first = unmatched(&pool);
        assert_eq!(first.len(), 1);
        pool.add_candidate(&first[0]).unwrap();
        assert_eq!(unmatched(&pool), first);
    }

    #[test]
    fn a_pool_that_was_cleared_or_emptied_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // One row in memory and others in files.
        let pool = Pool::new(dir.path(), 150);
        for n in 0..10 {
            pool.add(&[leftover(n, Side::Source)]).unwrap();
        }
        pool.clear();
        assert_eq!(unmatched(&pool), []);
        pool.add(&[leftover(1, Side::Target)]).unwrap();
        assert_eq!(unmatched(&pool).len(), 1);
        assert_eq!(unmatched(&pool), []);
    }

    #[test]
    fn files_become_one_before_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(dir.path(), 0);
        let runs = || pool.inner.lock().unwrap().runs.len();
        for n in 0..130 {
            pool.add(&[leftover(n, Side::Source)]).unwrap();
            let expected = match n + 1 {
                few @ 0..64 => few,
                // The 64 before have become one, which counts again.
                more => 1 + (more - 64) % 63,
            };
            assert_eq!(runs(), expected as usize, "after {} rows", n + 1);
        }
        assert_eq!(unmatched(&pool).len(), 130);
    }

    #[test]
    fn a_pool_spills_beyond_its_bound_and_not_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut one = Entries::default();
        one.push(&0u32.to_be_bytes(), 1, Side::Source, 0);
        let pool = Pool::new(dir.path(), 2 * one.size_bytes());
        let runs = || pool.inner.lock().unwrap().runs.len();
        for (n, expected) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 2)] {
            pool.add(&[leftover(n, Side::Source)]).unwrap();
            assert_eq!(runs(), expected, "after {} rows", n + 1);
        }
    }

    #[test]
    fn rows_that_overflow_are_filed_under_their_side_and_range() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Arc::new(Pool::new(dir.path(), 1 << 20));
        let mut rows = RangeRows::default();
        rows.push(b"a", 5);
        for (side, range, bytes_max) in [(Side::Source, 2, 77), (Side::Target, 2, 0)] {
            let overflow = pool.overflow(side, range, bytes_max);
            assert_eq!(overflow.bytes_max(), bytes_max);
            overflow.take(&rows).unwrap();
        }
        assert_eq!(unmatched(&pool), [], "they cancel");
        pool.overflow(Side::Target, 9, 0).take(&rows).unwrap();
        let left = unmatched(&pool);
        assert_eq!((left.len(), left[0].range, left[0].target.to_vec()), (1, 9, vec![(5, 1)]));
        assert_eq!(left[0].source.as_ref().map(|hashes| hashes.len()), Some(0));
    }
}
