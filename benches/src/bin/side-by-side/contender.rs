//! What is measured in a process of its own: this program again, told by an
//! environment variable what to do.
//!
//! The URLs go that way too, and not by the command line, which everybody on a
//! machine can read.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use switchback_engines::{ConnectOptions, DatabaseUrl, connect};
use switchback_reports::parquet::ParquetSink;
use switchback_verify::{Options, Progress, Verdict};
use tokio_util::sync::CancellationToken;

use crate::bare;

const VARIABLE: &str = "SWITCHBACK_BENCH_TASK";

/// What a child does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) what: What,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) jobs: usize,
    /// For differences and for what spills.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// Reads both sides at once and hashes each row as it came.
    BareRead,
    /// All of `switchback verify` but its command line.
    Verify,
}

/// What a child has found; it prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) verdict: String,
    pub(crate) source_rows: u64,
    pub(crate) target_rows: u64,
    pub(crate) differences: u64,
    /// As they came over the wire.
    pub(crate) source_bytes: u64,
    pub(crate) target_bytes: u64,
}

/// The process that does `task`.
pub(crate) fn command(task: &Task) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.env(VARIABLE, serde_json::to_string(task)?);
    Ok(command)
}

/// The task of this process, if it is such a child.
pub(crate) fn own_task() -> Result<Option<Task>> {
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).context("the task of this process cannot be read")?)),
        Err(_) => Ok(None),
    }
}

pub(crate) async fn work(task: Task) -> Result<Found> {
    match task.what {
        What::BareRead => bare::read_both(&task).await,
        What::Verify => verify(task).await,
    }
}

async fn verify(task: Task) -> Result<Found> {
    let options = ConnectOptions::default();
    let (source, target) = (DatabaseUrl::parse(&task.source)?, DatabaseUrl::parse(&task.target)?);
    let (source, target) = tokio::try_join!(connect(&source, &options), connect(&target, &options))?;
    let options =
        Options { run_id: "bench".to_owned(), jobs: task.jobs, spill_dir: task.folder.clone(), ..Options::default() };
    let sink = Arc::new(ParquetSink::new(&task.folder, &options.run_id));
    let outcome =
        switchback_verify::run(source, target, options, sink, Progress::new(), CancellationToken::new()).await?;
    let [table] = outcome.tables.as_slice() else {
        bail!("{} tables were compared, not one", outcome.tables.len());
    };
    if let (Verdict::Incomplete, Some(problem)) = (outcome.verdict, table.problems.first()) {
        bail!("the table was not compared: {problem:?}");
    }
    Ok(Found {
        verdict: outcome.verdict.name().to_owned(),
        source_rows: table.source_rows,
        target_rows: table.target_rows,
        differences: table.difference_count(),
        source_bytes: table.source_bytes,
        target_bytes: table.target_bytes,
    })
}

/// The size of the files in a folder and those below it.
pub(crate) fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
