//! Undoing what a task has set up.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::folder::Held;
use super::live::Live;
use super::request::{Ends, Request};
use super::run::AtWork;
use super::state::State;
use crate::load::Load;

/// Removes a task: the source lets go of its log, our rows at the target go, and so
/// does the task's folder. Tables and rows that were moved stay as they are.
///
/// `force`: also when an end can't be reached, whose share is left behind then; returns
/// what that was.
///
/// # Errors
/// When an end can't be reached, unless forced; the task is as it was then.
pub async fn delete(held: Held, ends: &Ends, request: &Request, force: bool) -> Result<Option<String>> {
    let record = held.record().await?;
    // Before the load nothing was set up that is not the move itself.
    let has_begun = matches!(record.phase, State::Loading | State::Following);
    let mut left = None;
    if has_begun {
        let (told, _) = watch::channel((record.state, Live::default()));
        let at_work = AtWork::new(&held, ends, request, CancellationToken::new(), &told);
        match clean(&at_work, record.phase, force).await {
            Ok(()) => {}
            Err(error) if force => left = Some(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    held.remove().await?;
    Ok(left)
}

async fn clean(at_work: &AtWork<'_>, phase: State, force: bool) -> Result<()> {
    let opened = at_work.open(phase).await?;
    let stream = Arc::new(at_work.stream(&opened).await?);
    // A load that was cut off before it had made our own tables.
    if let Err(switchback_replicate::Error::NotArmed { .. }) = stream.capture_request().await {
        return Ok(());
    }
    let waiting = stream.waiting_letters().await?;
    if waiting > 0 && !force {
        // They are in no other place.
        return Err(Error::Letters { name: at_work.request.name.to_string(), waiting });
    }
    stream.forget_letters().await?;
    stream.disarm().await?;
    Ok(Load::new(stream, at_work.request.load.clone()).forget().await?)
}
