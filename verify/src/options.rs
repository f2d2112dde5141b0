//! What the operator asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use switchback_engines::canon::Settings;

use crate::plan::selection::Pattern;

/// Enough rows to make a round trip pay, few enough that a dozen ranges in
/// flight are no burden.
pub const RANGE_ROWS: u64 = 65_536;

/// All that steers a run. `Default` compares every table, row by row.
#[derive(Debug, Clone)]
pub struct Options {
    /// Unique among runs; part of every difference.
    pub run_id: String,
    pub selection: Selection,
    /// What holds for all tables that say nothing else.
    pub equality: Settings,
    pub mode: Mode,
    /// Ranges that are read at once, each with one connection to either side.
    pub jobs: usize,
    /// Rows in a range, about. More rows a range mean fewer round trips, fewer
    /// mean less memory; see [`RANGE_ROWS`].
    pub range_rows: u64,
    pub memory: Memory,
    pub stop: StopConditions,
    pub confirm: Confirm,
    /// Where what doesn't fit in memory goes, in files without a name.
    pub spill_dir: PathBuf,
}

/// Which tables and columns, and under which names.
///
/// Patterns and names are matched against `schema.table` and against `table`
/// alone; of the source, and of the target where the source has no such table.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Empty: all tables. A pattern that matches nothing is an error.
    pub include: Vec<Pattern>,
    pub exclude: Vec<Pattern>,
    pub tables: Vec<TableSettings>,
    /// Between two PostgreSQL databases: from a schema of the source to the target's,
    /// where the names differ.
    pub schemas: BTreeMap<String, String>,
    /// Columns to leave out wherever they are; each must exist somewhere.
    pub ignore_columns: Vec<IgnoredColumn>,
}

/// `column`, or `table.column`, or `schema.table.column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredColumn {
    /// `None`: in every table.
    pub table: Option<Pattern>,
    pub column: String,
}

/// What holds for one table. The table must exist.
#[derive(Debug, Clone, Default)]
pub struct TableSettings {
    /// The source's name of it: `table` or `schema.table`.
    pub source: String,
    /// The target's name, where it is another.
    pub target: Option<String>,
    /// Source column to target column, where the names differ.
    pub rename_columns: BTreeMap<String, String>,
    /// Source columns (or target columns that the source lacks) to leave out.
    pub ignore_columns: Vec<String>,
    /// Source columns to match rows by, in place of the primary key. They must
    /// be unique and never NULL on both sides for the comparison to be fast;
    /// it is right in any case.
    pub key: Option<Vec<String>>,
    /// A condition on the source's rows, in its dialect; likewise the target's.
    pub source_filter: Option<String>,
    pub target_filter: Option<String>,
    /// What equal means in this table, before what the run says.
    pub equality: Settings,
    /// By source column, before what the table says. Each must be able to apply
    /// to its column, or the run does not begin.
    pub columns: BTreeMap<String, Settings>,
}

/// How thoroughly to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Rows,
    CountOnly,
    /// A random choice of about this share of each table's ranges, above 0 and
    /// below 1. A table of one range is compared whole.
    Sample {
        share: f64,
    },
}

/// Bounds of what is held in memory. Smaller ones spill earlier; no result
/// depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Keys and hashes of one side of one range; what is beyond goes to the
    /// table's pool. The planner's ranges stay far below: this is for the range
    /// that is skewed or could not be cut.
    pub range_bytes: usize,
    /// A table's pool of unmatched rows; what is beyond goes to a file.
    pub pool_bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self { range_bytes: 12 << 20, pool_bytes: 16 << 20 }
    }
}

/// When to end before everything was compared; the verdict is then incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopConditions {
    /// Confirmed differences in all tables together. A few more may be reported:
    /// those that were being decided at that moment.
    pub differences_max: Option<u64>,
    pub time_max: Option<Duration>,
}

/// How often and how patiently a row that differs is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// Readings after which a row that keeps changing is unresolved.
    pub attempts_max: u32,
    /// Before the second reading; doubles with each one.
    pub backoff: Duration,
}

impl Default for Confirm {
    fn default() -> Self {
        Self { attempts_max: 5, backoff: Duration::from_millis(100) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            run_id: String::new(),
            selection: Selection::default(),
            equality: Settings::default(),
            mode: Mode::Rows,
            jobs: 4,
            range_rows: RANGE_ROWS,
            memory: Memory::default(),
            stop: StopConditions::default(),
            confirm: Confirm::default(),
            spill_dir: std::env::temp_dir(),
        }
    }
}
