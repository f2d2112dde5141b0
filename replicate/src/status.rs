//! How a stream is doing.

use std::time::{Duration, SystemTime};

use switchback_engines::Position;

/// As of the last commit in the sink.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// What the sink has made durable.
    pub position: Option<Position>,
    /// Transactions and changes applied since the process started.
    pub transactions: u64,
    pub rows: u64,
    /// Transactions of the sink that these were applied in, or that saved a
    /// position: what the opposite stream has to drop.
    pub commits: u64,
    /// Transactions of the opposite stream that were dropped.
    pub own_dropped: u64,
    /// Letters written: changes put aside, and what was overwritten.
    pub dead_letters: u64,
    /// When the newest heartbeat that came through was written; our clock wrote
    /// it and our clock is read, so the servers' clocks don't matter.
    pub heartbeat_written: Option<SystemTime>,
    /// When the last transaction that was applied committed, by the origin's
    /// clock.
    pub committed_at: Option<SystemTime>,
    /// How often an end was lost and found again.
    pub reconnects: u64,
}

impl Status {
    /// How old the newest thing is that came through: an upper bound of the lag,
    /// as coarse as the heartbeat. `None` before the first.
    #[must_use]
    pub fn lag(&self, now: SystemTime) -> Option<Duration> {
        self.heartbeat_written.map(|at| now.duration_since(at).unwrap_or_default())
    }
}
