//! What is streamed, and under which settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use switchback_engines::canon;
use switchback_engines::{StreamName, Table};

use crate::conflict::Policies;

/// Two tables that hold the same.
#[derive(Debug, Clone)]
pub struct TablePair {
    pub origin: Table,
    pub sink: Table,
    /// Columns of the origin by name, with the name of the sink's where it is
    /// another. Columns that are not named here meet their namesakes.
    pub renamed: BTreeMap<String, String>,
    /// Columns of the origin that are not wanted.
    pub ignored: Vec<String>,
    /// By which rule two columns are the same, as the comparison has it.
    pub equality: canon::Settings,
}

impl TablePair {
    #[must_use]
    pub fn new(origin: Table, sink: Table) -> Self {
        Self { origin, sink, renamed: BTreeMap::new(), ignored: Vec::new(), equality: canon::Settings::default() }
    }
}

/// One stream.
#[derive(Debug, Clone)]
pub struct Spec {
    pub name: StreamName,
    /// The stream that runs the other way, whose transactions are dropped.
    pub opposite: Option<StreamName>,
    pub tables: Vec<TablePair>,
    pub settings: Settings,
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub policies: Policies,
    /// Transactions of the origin that one transaction of the sink holds at most.
    pub group_transactions: usize,
    /// Bytes of changes, in memory, that one such group holds at most.
    pub group_bytes: usize,
    /// A transaction larger than this goes to disk while it is received.
    pub transaction_bytes: usize,
    /// Bytes of transactions, in memory, that wait for the sink at most.
    pub waiting_bytes: usize,
    /// Where such transactions go.
    pub spill_dir: PathBuf,
    /// How often the origin is written to, so that lag can be told, its log let
    /// go of while nothing else happens there, and an origin noticed that has
    /// gone silent; `None` for never.
    pub heartbeat: Option<Duration>,
    /// How long an end may be away before the stream gives up.
    pub patience: Duration,
    /// A statement that waits longer for a lock of the sink fails, and is tried
    /// again.
    pub lock_timeout: Duration,
    /// A transaction of ours that says nothing for this long is ended by the
    /// server, so that a process that was stopped doesn't keep its locks. Shorter
    /// than `lock_timeout`, or who takes over gives up first.
    pub idle_timeout: Duration,
    /// An end that answers nothing for this long is taken for lost, as if it had
    /// closed the connection. Longer than `lock_timeout`, and than any statement
    /// of a group takes.
    pub answer_timeout: Duration,
    /// Whether an update also checks the values that it replaces, where the
    /// origin's log has them.
    pub check_before: bool,
    pub retained: Retained,
    /// Sessions that apply at the same time; up to 32. Transactions that have nothing in
    /// common may then be seen in the sink in another order than they were
    /// committed in; each still whole, and what belongs together in its order. Where
    /// either end is SQLite there is one session, whatever is set: it has one writer,
    /// and its log does not cut transactions at the same place twice.
    pub sessions: usize,
}

/// How much of its log an origin may keep because of a stream.
///
/// PostgreSQL and SQLite keep theirs until it is read, and a stream that stands
/// still fills the disk of the database it is to protect. MySQL and MariaDB keep
/// nothing for anybody, so there is nothing to hold against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    /// The budget in bytes; `None` for none.
    pub bytes_max: Option<u64>,
    pub beyond: Beyond,
    /// How often the origin is asked.
    pub look_interval: Duration,
}

/// What happens beyond the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The stream goes on, and [`crate::Status::over_budget`] says so: the way over is
    /// worth more than the origin's disk.
    Tell,
    /// The origin is disarmed and lets go of its log, and the stream ends: it can't
    /// be taken up again.
    LetGo,
}

impl Default for Retained {
    fn default() -> Self {
        Self { bytes_max: None, beyond: Beyond::Tell, look_interval: Duration::from_secs(5) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policies: Policies::default(),
            group_transactions: 2_000,
            group_bytes: 4 << 20,
            transaction_bytes: 8 << 20,
            waiting_bytes: 24 << 20,
            spill_dir: std::env::temp_dir(),
            heartbeat: Some(Duration::from_secs(1)),
            patience: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(120),
            check_before: true,
            retained: Retained::default(),
            sessions: 1,
        }
    }
}
