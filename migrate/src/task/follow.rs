//! The last phase: changes of the source are applied until the move is completed.

use std::sync::Arc;
use std::time::SystemTime;

use switchback_replicate::{Status, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::live::StreamLive;
use super::run::AtWork;
use super::state::Wish;

/// Runs the stream until somebody wishes the move completed and everything that had been
/// committed at the source by then has come; then closes it, for good.
///
/// A barrier that was written is the same for a later process: it writes one of its own.
pub(super) async fn follow(at_work: &AtWork<'_>, stream: &Arc<Stream>) -> Result<()> {
    // A process before this one may have come so far.
    if !stream.progress().await?.closed {
        drained(at_work, stream).await?;
        at_work.doing("closing the stream");
        stream.close().await?;
    }
    at_work.doing("letting go of the source's log");
    stream.disarm_origin().await?;
    at_work.say(|live| live.stream = None);
    Ok(())
}

/// Applies changes until a barrier has come through that was written after the wish.
async fn drained(at_work: &AtWork<'_>, stream: &Arc<Stream>) -> Result<()> {
    let ending = CancellationToken::new();
    let (status, mut seen) = watch::channel(Status::default());
    let mut wishes = at_work.wish.subscribe();
    let mut running = std::pin::pin!(stream.run(&ending, &status));
    let mut barrier: Option<i64> = None;
    at_work.doing("following");
    let ended = loop {
        let told = StreamLive::of(&seen.borrow_and_update(), stream.spec().settings.heartbeat, SystemTime::now());
        at_work.say(|live| live.stream = Some(told));
        if barrier.is_some() && seen.borrow().barrier == barrier {
            break None;
        }
        let is_wished = *wishes.borrow_and_update() == Wish::Complete;
        if is_wished && barrier.is_none() {
            at_work.doing("waiting for the barrier");
            barrier = tokio::select! {
                ended = &mut running => break Some(ended),
                written = stream.barrier() => Some(written?),
            };
            continue;
        }
        tokio::select! {
            ended = &mut running => break Some(ended),
            () = at_work.stop.cancelled() => break None,
            _ = wishes.changed() => {}
            _ = seen.changed() => {}
            // The lag grows also while nothing comes.
            () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {}
        }
    };
    match ended {
        // It ends by itself only when something is wrong.
        Some(ended) => ended?,
        None => {
            ending.cancel();
            running.await?;
        }
    }
    let has_come = barrier.is_some() && seen.borrow().barrier == barrier;
    if has_come { Ok(()) } else { Err(Error::Stopped) }
}
