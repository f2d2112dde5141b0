//! Shows life at the origin.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use switchback_engines::{Outcome, Writer};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::own::{self, Store};
use crate::spec::Spec;

/// Writes to the origin now and then. A beat that is refused, because somebody
/// holds the row, is left out; one that can't be sent at all ends the session.
pub(crate) async fn heartbeat(
    mut writer: Box<dyn Writer>,
    store: Store,
    spec: Arc<Spec>,
    interval: Duration,
    stop: CancellationToken,
) -> Result<()> {
    let mut timer = tokio::time::interval(interval);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beat = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = timer.tick() => {}
        }
        beat += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let (update, insert) = own::heartbeat(&store, spec.name.as_str(), beat, micros);
        let found = match writer.run(&[update]).await {
            Ok(outcomes) => outcomes.first().map_or(0, |Outcome { affected, .. }| *affected),
            Err(failed) if failed.violation.is_some() => continue,
            Err(failed) => return Err(failed.error.into()),
        };
        if found == 0 {
            writer.run(&[insert]).await.map_err(|failed| failed.error)?;
        }
    }
    Ok(writer.close().await?)
}
