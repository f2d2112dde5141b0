//! How a stream is doing.

use std::time::{Duration, SystemTime};

use switchback_engines::{Distance, Position};

/// As of the last commit in the sink.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// What the sink has made durable.
    pub position: Option<Position>,
    /// Transactions that have come for the sink since the process started.
    pub received: u64,
    /// Transactions and changes of those that were applied.
    pub transactions: u64,
    pub rows: u64,
    /// Transactions of the sink that these were applied in, or that saved a
    /// position: what the opposite stream has to drop.
    pub commits: u64,
    /// Groups of transactions that several sessions applied at the same time.
    pub divided: u64,
    /// Transactions of the opposite stream that were dropped.
    pub own_dropped: u64,
    /// Letters written: changes put aside, and what was overwritten.
    pub dead_letters: u64,
    /// When the newest heartbeat that came through was written; our clock wrote
    /// it and our clock is read, so the servers' clocks don't matter.
    pub heartbeat_written: Option<SystemTime>,
    /// The newest barrier that came through; see [`crate::Stream::barrier`].
    pub barrier: Option<i64>,
    /// When the last transaction that was applied committed, by the origin's
    /// clock.
    pub committed_at: Option<SystemTime>,
    /// How often an end was lost and found again.
    pub reconnects: u64,
    /// What the origin's log comes to, as of the last look at it.
    pub distance: Option<Distance>,
    /// The origin keeps more of its log than [`crate::Retained`] allows.
    pub over_budget: bool,
}

impl Status {
    /// Transactions that have come and are not in the sink yet. How many more are in
    /// the origin's log nobody knows before they are read; see
    /// [`Status::distance`] for their bytes.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.received.saturating_sub(self.transactions)
    }

    /// How old the newest thing is that came through: an upper bound of the lag,
    /// as coarse as the heartbeat. `None` before the first.
    #[must_use]
    pub fn lag(&self, now: SystemTime) -> Option<Duration> {
        self.heartbeat_written.map(|at| now.duration_since(at).unwrap_or_default())
    }
}
