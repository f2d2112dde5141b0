//! A load, and the stream behind it, in a process of its own that can be killed.

use std::time::Duration;

use switchback_migrate::load::{Error, Load, Progress, Settings};
use switchback_replicate::Status;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::child::{Child, FAILED, FENCED};
use crate::harness::end::End;
use crate::stock;

const ORIGIN: &str = "SWITCHBACK_LOAD_ORIGIN";
const SINK: &str = "SWITCHBACK_LOAD_SINK";
const PACE: &str = "SWITCHBACK_LOAD_PACE";

/// The server frees the locks of a process that is stopped after a moment.
pub(crate) fn settings() -> Settings {
    Settings { idle_timeout: Duration::from_secs(2), lock_timeout: Duration::from_secs(10), ..stock::settings() }
}

/// Starts a process that loads and follows. `pace`: in bytes a second.
pub(crate) fn start(origin: &End, sink: &End, pace: u64, failpoint: Option<&str>) -> Child {
    let environment = [(ORIGIN, origin.url.as_str()), (SINK, &sink.url), (PACE, &pace.to_string())];
    Child::of("child::the_load", &environment, failpoint)
}

/// Does nothing unless the environment says which ends to connect; then it does
/// not return.
#[tokio::test(flavor = "multi_thread")]
async fn the_load() {
    let (Ok(origin), Ok(sink), Ok(pace)) = (std::env::var(ORIGIN), std::env::var(SINK), std::env::var(PACE)) else {
        return;
    };
    let settings = Settings { bytes_per_second: pace.parse().ok(), ..settings() };
    let stream = stock::stream_between(&origin, &sink).await;
    let load = Load::new(stream.clone(), settings);
    let (progress, _seen) = watch::channel(Progress::default());
    if let Err(error) = load.run(&CancellationToken::new(), &progress).await {
        eprintln!("{error:?}");
        std::process::exit(if matches!(error, Error::Fenced { .. }) { FENCED } else { FAILED });
    }
    let (status, _seen) = watch::channel(Status::default());
    if let Err(error) = stream.run(&CancellationToken::new(), &status).await {
        eprintln!("{error:?}");
        std::process::exit(if matches!(error, switchback_replicate::Error::Fenced { .. }) { FENCED } else { FAILED });
    }
}
