//! Brings groups into the sink, in order.

use std::time::{Duration, SystemTime};

use switchback_engines::Position;
use tokio::sync::{mpsc, watch};

use super::grouping::Batch;
use crate::apply::{Applied, Applier};
use crate::error::Result;
use crate::failpoint::reached;
use crate::status::Status;

/// How often a position is saved behind which nothing was for the sink. Each save
/// is a change of the sink, which the opposite stream has to pass over.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// Applies groups in order, and saves a position now and then when there are none.
pub(crate) async fn applying(
    applier: &mut Applier,
    batches: &mut mpsc::Receiver<Batch>,
    acknowledged: &watch::Sender<Position>,
    status: &watch::Sender<Status>,
) -> Result<()> {
    let mut passed: Option<Position> = None;
    let mut timer = tokio::time::interval(SAVE_INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Neither goes before the other: a log that is busy with what is not for the
        // sink must not keep its position from being saved.
        let batch = tokio::select! {
            batch = batches.recv() => batch,
            _ = timer.tick(), if passed.is_some() => {
                if let Some(position) = passed.take() {
                    applier.pass(&position).await?;
                    reached("after-commit");
                    tell(applier, acknowledged, status, &Batch::default(), Applied::default());
                }
                continue;
            }
        };
        let Some(batch) = batch else { break };
        let applied = match &batch.group {
            Some(group) => {
                let applied = applier.apply(group).await?;
                reached("after-commit");
                passed = None;
                timer.reset();
                applied
            }
            None => Applied::default(),
        };
        if batch.passed.is_some() {
            passed.clone_from(&batch.passed);
        }
        tell(applier, acknowledged, status, &batch, applied);
    }
    if let Some(position) = passed {
        applier.pass(&position).await?;
        tell(applier, acknowledged, status, &Batch::default(), Applied::default());
    }
    Ok(())
}

/// Lets the origin and whoever watches know what is durable now.
fn tell(
    applier: &mut Applier,
    acknowledged: &watch::Sender<Position>,
    status: &watch::Sender<Status>,
    batch: &Batch,
    applied: Applied,
) {
    let commits = std::mem::take(&mut applier.commits);
    let progress = &applier.progress;
    acknowledged.send_if_modified(|position| {
        let moved = *position != progress.position;
        position.clone_from(&progress.position);
        moved
    });
    status.send_modify(|status| {
        status.position = Some(progress.position.clone());
        status.transactions += applied.transactions;
        status.rows += applied.rows;
        status.commits += commits;
        status.divided += applied.divided;
        status.dead_letters += applied.dead_letters;
        status.own_dropped += batch.own_dropped;
        status.heartbeat_written = batch.heartbeat.or(status.heartbeat_written);
        status.barrier = batch.barrier.or(status.barrier);
        if let Ok(micros @ 1..) = u64::try_from(progress.committed_at) {
            status.committed_at = Some(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
        }
    });
}
