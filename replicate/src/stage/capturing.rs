//! Takes events and makes transactions of them.

use std::sync::Arc;

use switchback_engines::{Capture, Position};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::assemble::{Assembler, Item};
use crate::error::Result;
use crate::failpoint::reached;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::status::Status;

/// What a permit of the room for waiting transactions stands for.
const ROOM_UNIT: usize = 1 << 10;

/// Hands on what the log has for the sink, and lets the origin know up to where it
/// is there.
pub(crate) async fn capturing(
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    mut capture: Box<dyn Capture>,
    out: mpsc::Sender<Item>,
    mut to_acknowledge: watch::Receiver<Position>,
    status: watch::Sender<Status>,
    stop: CancellationToken,
) -> Result<()> {
    let settings = &spec.settings;
    let room_max = (settings.waiting_bytes / ROOM_UNIT).clamp(1, Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(room_max));
    let mut assembler =
        Assembler::new(&plan, &spec.name, spec.opposite.as_ref(), &settings.spill_dir, settings.transaction_bytes);
    let mut items = Vec::new();
    loop {
        let events = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            changed = to_acknowledge.changed() => {
                // Whoever applies is gone when the sender is.
                if changed.is_err() {
                    return Ok(());
                }
                let position = to_acknowledge.borrow_and_update().clone();
                reached("before-acknowledge");
                capture.acknowledge(&position);
                continue;
            }
            events = capture.next() => events?,
        };
        reached("after-receive");
        for event in events {
            assembler.take(event, &mut items)?;
        }
        let received = items.iter().filter(|item| matches!(item, Item::Transaction(_))).count() as u64;
        if received > 0 {
            status.send_modify(|status| status.received += received);
        }
        for mut item in items.drain(..) {
            if let Item::Transaction(transaction) = &mut item {
                let units = (transaction.bytes / ROOM_UNIT).clamp(1, room_max);
                let units = u32::try_from(units).unwrap_or(u32::MAX);
                transaction._room = Arc::clone(&room).acquire_many_owned(units).await.ok();
            }
            if out.send(item).await.is_err() {
                return Ok(());
            }
        }
    }
}
