//! How far a run has come, for whoever watches it.
//!
//! Counters that the workers raise and a display reads when it likes: no
//! event is ever waited for, so that a slow terminal slows nothing down.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Of a whole run. Share it, hand it to [`crate::run`], and look into it.
#[derive(Debug, Default)]
pub struct Progress {
    tables_total: AtomicU32,
    tables: Mutex<Vec<Arc<TableProgress>>>,
}

/// Of one table. Tables appear when their comparison starts.
#[derive(Debug, Default)]
pub struct TableProgress {
    pub name: String,
    /// Of both sides together, estimated; 0 when unknown.
    pub rows_estimate: AtomicU64,
    pub source_rows: AtomicU64,
    pub target_rows: AtomicU64,
    /// Of both sides, on the wire.
    pub bytes: AtomicU64,
    pub ranges_total: AtomicU32,
    pub ranges_done: AtomicU32,
    /// Confirmed so far.
    pub differences: AtomicU64,
    done: AtomicU32,
}

impl Progress {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How many tables the run will compare; 0 until that is known.
    #[must_use]
    pub fn tables_total(&self) -> u32 {
        self.tables_total.load(Ordering::Relaxed)
    }

    /// The tables begun so far, in the order they were begun.
    #[must_use]
    pub fn tables(&self) -> Vec<Arc<TableProgress>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For whoever compares, and for the tests of displays; so too below.
    pub fn set_tables_total(&self, total: usize) {
        self.tables_total.store(u32::try_from(total).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    pub fn begin(&self, name: String) -> Arc<TableProgress> {
        let table = Arc::new(TableProgress { name, ..TableProgress::default() });
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&table));
        table
    }
}

impl TableProgress {
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed) != 0
    }

    pub fn finish(&self) {
        self.done.store(1, Ordering::Relaxed);
    }
}
