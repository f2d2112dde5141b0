//! A stream in a process of its own, so that its memory can be told.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, Engine, StreamName, WriterOptions, connect_endpoint};
use switchback_replicate::{Settings, Spec, Status, Stream, TablePair};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backlog::{self, Expected};

const TASK: &str = "SWITCHBACK_BENCH_TASK";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ends {
    pub(crate) origin: String,
    pub(crate) sink: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    ends: Ends,
    expected: Expected,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Caught {
    pub(crate) seconds: f64,
    pub(crate) resident_bytes: u64,
}

/// What this process was started for, when it was started by itself.
pub(crate) fn own_task() -> Result<Option<Task>> {
    match std::env::var(TASK) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(_) => Ok(None),
    }
}

pub(crate) async fn arm(ends: &Ends) -> Result<()> {
    stream(ends).await?.arm().await?;
    Ok(())
}

pub(crate) async fn catch_up(ends: &Ends, expected: &Expected) -> Result<Caught> {
    let task = serde_json::to_string(&Task { ends: ends.clone(), expected: expected.clone() })?;
    let output =
        tokio::process::Command::new(std::env::current_exe()?).env(TASK, task).kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("the stream failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// From the first connection on, as the server's own replica is measured.
pub(crate) async fn work(task: &Task) -> Result<()> {
    let begin = Instant::now();
    let stream = stream(&task.ends).await?;
    let sink = endpoint(&task.ends.sink).await?;
    let (sender, _status) = watch::channel(Status::default());
    let stop = CancellationToken::new();
    let mut running = Box::pin(stream.run(&stop, &sender));
    let mut reader = sink.writer(&WriterOptions::default()).await?;
    let caught_up = backlog::wait(reader.as_mut(), &task.expected);
    let seconds = tokio::select! {
        ended = &mut running => {
            ended?;
            bail!("the stream ended by itself");
        }
        caught_up = caught_up => {
            caught_up?.duration_since(begin).as_secs_f64()
        }
    };
    let origin = endpoint(&task.ends.origin).await?;
    if origin.info().engine == Engine::Postgres {
        let mut origin = origin.writer(&WriterOptions::default()).await?;
        tokio::select! {
            ended = &mut running => {
                ended?;
                bail!("the stream ended by itself");
            }
            settled = backlog::settle(origin.as_mut(), "switchback%") => settled?,
        }
    }
    stop.cancel();
    running.await?;
    let caught = Caught { seconds, resident_bytes: resident_bytes()? };
    crate::say(&serde_json::to_string(&caught)?)
}

async fn stream(ends: &Ends) -> Result<Stream> {
    let (origin, sink) = (endpoint(&ends.origin).await?, endpoint(&ends.sink).await?);
    let reference = origin.tables().await?.into_iter().find(|t| t.name == "orders").context("there is no table")?;
    let there = sink.tables().await?.into_iter().find(|t| t.name == "orders").context("there is no table")?;
    let pair = TablePair::new(
        origin.describe(&reference).await?.context("there is no table")?,
        sink.describe(&there).await?.context("there is no table")?,
    );
    let name = StreamName::new("bench").map_err(anyhow::Error::msg)?;
    let spec = Spec { name, opposite: None, tables: vec![pair], settings: Settings::default() };
    Ok(Stream::new(origin, sink, spec)?)
}

async fn endpoint(url: &str) -> Result<std::sync::Arc<dyn Endpoint>> {
    Ok(connect_endpoint(&DatabaseUrl::parse(url)?, &ConnectOptions::default()).await?)
}

/// The most that this process ever held.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
