//! The last phase: changes of the source are applied until the move is completed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use switchback_engines::Class;
use switchback_replicate::{Status, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::live::StreamLive;
use super::run::{AtWork, CLOSING};
use super::state::Wish;

/// Between two tries to write a barrier.
const BARRIER_PAUSE: Duration = Duration::from_millis(500);

/// Runs the stream until somebody wishes the move completed and everything that had been
/// committed at the source by then has come; then closes it, for good.
///
/// A later process does not wait for the barrier of an earlier one: it writes its own.
pub(super) async fn follow(at_work: &AtWork<'_>, stream: &Arc<Stream>) -> Result<()> {
    // A process before this one may have come so far.
    let is_closing = at_work.held.store.document::<bool>(CLOSING).await?.is_some();
    if !(is_closing && stream.progress().await?.closed) {
        drained(at_work, stream).await?;
        at_work.doing("closing the stream");
        at_work.held.store.keep(CLOSING, &true).await?;
        stream.close().await?;
    }
    at_work.doing("letting go of the source's log");
    stream.disarm_origin().await?;
    let waiting = stream.waiting_letters().await?;
    at_work.say(|live| {
        live.stream = None;
        live.letters_waiting = waiting;
    });
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
            let written = tokio::select! {
                ended = &mut running => break Some(ended),
                written = stream.barrier() => written,
            };
            match written {
                Ok(token) => barrier = Some(token),
                // The stream gets over it, or says why not.
                Err(error) if error.class() == Class::Transient => tokio::time::sleep(BARRIER_PAUSE).await,
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        tokio::select! {
            ended = &mut running => break Some(ended),
            () = at_work.stop.cancelled() => break None,
            _ = wishes.changed() => {}
            _ = seen.changed() => {}
            // The lag grows also while nothing comes.
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
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
