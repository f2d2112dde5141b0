//! Looks at how much of its log the origin keeps.

use std::sync::Arc;
use std::time::Duration;

use switchback_engines::{CaptureRequest, Class, Endpoint};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::patient::in_time;
use crate::spec::{Beyond, Retained, Spec};
use crate::status::Status;

const WHAT: &str = "looking at how long the log is";

/// Looks at the origin's log now and then, and holds what is kept of it against the
/// budget. An origin that does not answer is noticed by the other stages.
pub(crate) async fn looking(
    origin: Arc<dyn Endpoint>,
    request: CaptureRequest,
    spec: Arc<Spec>,
    status: watch::Sender<Status>,
    stop: CancellationToken,
    ending: CancellationToken,
) -> Result<()> {
    let Retained { look_interval, bytes_max, beyond } = spec.settings.retained;
    let location = &origin.info().location;
    let mut timer = tokio::time::interval(look_interval.max(Duration::from_millis(1)));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = timer.tick() => {}
        }
        let position = status.borrow().position.clone();
        let Some(position) = position else { continue };
        // An origin that has fallen silent must not keep the stream from ending.
        let looked = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            looked = in_time(location, WHAT, spec.settings.answer_timeout, origin.distance(&spec.name, &position)) => looked,
        };
        let distance = match looked {
            Ok(distance) => distance,
            // A budget that can't be kept must not look as if it were.
            Err(error) if bytes_max.is_some() && error.class() != Class::Transient => {
                ending.cancel();
                return Err(error.into());
            }
            Err(_) => {
                status.send_modify(|status| status.distance = None);
                continue;
            }
        };
        let over = bytes_max.zip(distance.retained_bytes).filter(|(max, retained)| retained > max);
        status.send_modify(|status| {
            status.distance = Some(distance);
            status.over_budget = over.is_some();
        });
        if let Some((budget, retained)) = over
            && beyond == Beyond::LetGo
        {
            // What has come is still applied, and nobody is surprised that the log
            // ends.
            ending.cancel();
            in_time(location, "disarming", spec.settings.answer_timeout, origin.disarm(&request)).await?;
            return Err(Error::LetGo { stream: spec.name.clone(), retained, budget });
        }
    }
}
