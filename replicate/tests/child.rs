//! A stream in a process of its own, so that it can be killed.
//!
//! The test binary runs itself: `the_stream` does nothing unless the environment
//! says which ends to connect.

use std::process::Stdio;

use switchback_engines::StreamName;
use switchback_replicate::{Settings, Spec, Stream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::end::{End, open};
use crate::flows;

const ORIGIN: &str = "SWITCHBACK_CHILD_ORIGIN";
const SINK: &str = "SWITCHBACK_CHILD_SINK";
const NAME: &str = "SWITCHBACK_CHILD_STREAM";

/// Starts the stream `name`, which has been armed, between two ends.
pub(crate) fn start(origin: &End, sink: &End, name: &str, failpoint: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["child::the_stream", "--exact", "--nocapture"])
        .env(ORIGIN, &origin.url)
        .env(SINK, &sink.url)
        .env(NAME, name)
        .env_remove("SWITCHBACK_FAILPOINT")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(failpoint) = failpoint {
        command.env("SWITCHBACK_FAILPOINT", failpoint);
    }
    command.spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream() {
    let (Ok(origin), Ok(sink), Ok(name)) = (std::env::var(ORIGIN), std::env::var(SINK), std::env::var(NAME)) else {
        return;
    };
    let (origin, sink) = (open(&origin).await, open(&sink).await);
    let tables = flows::pairs(&origin, &sink).await;
    let spec = Spec {
        name: StreamName::new(&name).unwrap(),
        opposite: flows::opposite(&name),
        tables,
        settings: Settings { group_transactions: 50, ..Settings::default() },
    };
    let stream = Stream::new(origin, sink, spec).unwrap();
    let (status, _) = watch::channel(switchback_replicate::Status::default());
    if let Err(error) = stream.run(&CancellationToken::new(), &status).await {
        eprintln!("{error:?}");
        std::process::exit(3);
    }
}
