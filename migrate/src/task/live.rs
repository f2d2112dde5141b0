//! What the process at work says of itself, for those who look on.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use switchback_replicate::Status;

use crate::load;

/// As of the last time it was written down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    /// What is being done, in a few words, such as `index "orders_day"`.
    pub doing: String,
    pub load: Option<LoadLive>,
    pub stream: Option<StreamLive>,
    /// Changes that were put aside and wait at the target, when the move is completed.
    pub letters_waiting: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadLive {
    pub phase: String,
    pub tables: u64,
    pub ranges_loaded: u64,
    pub ranges_total: u64,
    pub rows: u64,
    /// By the source's statistics; 0 where it has none.
    pub rows_estimate: u64,
    pub bytes: u64,
    pub seconds_left: Option<u64>,
    /// How often the state that is read from was lost and taken anew.
    pub snapshots_lost: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamLive {
    /// Since the process began.
    pub transactions: u64,
    pub rows: u64,
    /// Transactions that have come and are not in the target yet.
    pub waiting: u64,
    /// Of the source's log, from what the target has to its end; `None` when the
    /// source can't say.
    pub gap_bytes: Option<u64>,
    /// Of the source's log, kept because of the stream.
    pub retained_bytes: Option<u64>,
    pub over_budget: bool,
    /// How far the target is behind, in whole seconds; `None` before the first
    /// heartbeat.
    pub lag_seconds: Option<u64>,
    pub dead_letters: u64,
    pub reconnects: u64,
    pub position: Option<String>,
}

impl LoadLive {
    pub(super) fn of(progress: &load::Progress) -> Self {
        Self {
            phase: match progress.phase {
                load::Phase::Preparing => "preparing",
                load::Phase::Mending => "mending",
                load::Phase::Loading => "loading",
                load::Phase::Done => "done",
            }
            .to_owned(),
            tables: progress.tables,
            ranges_loaded: progress.ranges_loaded,
            ranges_total: progress.ranges_total,
            rows: progress.rows,
            rows_estimate: progress.rows_estimate,
            bytes: progress.bytes,
            seconds_left: progress
                .time_left()
                .filter(|_| progress.phase != load::Phase::Done)
                .map(|left| left.as_secs()),
            snapshots_lost: progress.snapshots.saturating_sub(1),
        }
    }
}

impl StreamLive {
    pub(super) fn of(status: &Status, heartbeat: Option<Duration>, now: SystemTime) -> Self {
        Self {
            transactions: status.transactions,
            rows: status.rows,
            waiting: status.waiting(),
            gap_bytes: status.distance.as_ref().and_then(|distance| distance.log_bytes),
            retained_bytes: status.distance.as_ref().and_then(|distance| distance.retained_bytes),
            over_budget: status.over_budget,
            // A beat is as old as the time between two before the next one can be there.
            lag_seconds: status.lag(now).map(|lag| lag.saturating_sub(heartbeat.unwrap_or_default()).as_secs()),
            dead_letters: status.dead_letters,
            reconnects: status.reconnects,
            position: status.position.as_ref().map(|position| position.0.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_keeps_up_is_no_second_behind() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let beat = Some(Duration::from_secs(1));
        let lag = |age: u64| {
            let written = now - Duration::from_millis(age);
            let status = Status { heartbeat_written: Some(written), ..Status::default() };
            StreamLive::of(&status, beat, now).lag_seconds
        };
        assert_eq!((lag(0), lag(1_900), lag(7_200)), (Some(0), Some(0), Some(6)));
        assert_eq!(StreamLive::of(&Status::default(), beat, now).lag_seconds, None);
    }
}
