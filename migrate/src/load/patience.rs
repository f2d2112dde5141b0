//! No end is waited for without end.
//!
//! A server that hangs, or a network that swallows what is sent, closes no
//! connection. Whatever is dropped here half-way is found again by its rows in the
//! ledger, as after a kill.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::{Error, Result};
use super::progress::{Counters, Progress};

/// How often progress is told, and signs of life are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for `step` for so long at most.
pub(super) async fn in_time<T, E: Into<Error>>(
    limit: Duration,
    step: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T> {
    let stalled = Error::Stalled { seconds: limit.as_secs() };
    tokio::time::timeout(limit, step).await.map_or(Err(stalled), |ended| ended.map_err(Into::into))
}

/// Waits for `working` for as long as something moves.
pub(super) async fn while_it_moves<T>(
    working: impl Future<Output = Result<T>>,
    counters: &Counters,
    patience: Duration,
    mut look: impl FnMut(),
) -> Result<T> {
    let mut working = std::pin::pin!(working);
    let mut looks = tokio::time::interval(LOOK);
    let (mut seen, mut since) = (counters.signs_of_life(), Instant::now());
    loop {
        tokio::select! {
            ended = &mut working => {
                look();
                return ended;
            }
            _ = looks.tick() => {}
        }
        look();
        let now = counters.signs_of_life();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() > patience {
            return Err(Error::Stalled { seconds: patience.as_secs() });
        }
    }
}

/// The same, with what was counted told to whoever looks at `progress`.
pub(super) async fn told(
    loading: impl Future<Output = Result<()>>,
    counters: &Counters,
    patience: Duration,
    progress: &watch::Sender<Progress>,
) -> Result<()> {
    let before = progress.borrow().clone();
    let tell = || {
        progress.send_modify(|now| {
            let mut told = counters.on_top_of(&before);
            (told.phase, told.reloaded_tables) = (now.phase, now.reloaded_tables);
            *now = told;
        });
    };
    while_it_moves(loading, counters, patience, tell).await
}
