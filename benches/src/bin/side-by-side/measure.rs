//! One measurement: a process from its start to its end.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::processes::{self, Stat};
use crate::stage::Stage;

/// How often a running process is looked at: the error of its time.
const POLL: Duration = Duration::from_millis(5);

/// What one process has cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) wall_seconds: f64,
    pub(crate) client_cpu_seconds: f64,
    pub(crate) source_cpu_seconds: f64,
    pub(crate) target_cpu_seconds: f64,
    pub(crate) peak_memory_bytes: u64,
}

impl Cost {
    /// Of client and servers.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.client_cpu_seconds + self.source_cpu_seconds + self.target_cpu_seconds
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cost: Cost,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end.
///
/// Its output goes to files, so that it never waits for a reader. Its own times
/// are taken after it has ended and before it is waited for, when the kernel has
/// added up all its threads.
pub(crate) fn run(mut command: Command, stage: &Stage) -> Result<Ended> {
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let before = servers_seconds(stage);
    let begin = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let mut peak_memory_bytes = 0;
    let client_cpu_seconds = loop {
        let stat = Stat::read(child.id()).context("a child that was not waited for is gone")?;
        if stat.ended {
            break stat.own_seconds();
        }
        // It only grows, and has no meaning any more once the process has ended.
        peak_memory_bytes = processes::peak_memory(child.id()).unwrap_or(0).max(peak_memory_bytes);
        std::thread::sleep(POLL);
    };
    let wall_seconds = begin.elapsed().as_secs_f64();
    let code = child.wait()?.code();
    let after = servers_seconds(stage);
    let cost = Cost {
        wall_seconds,
        client_cpu_seconds,
        source_cpu_seconds: after[0] - before[0],
        target_cpu_seconds: after[1] - before[1],
        peak_memory_bytes,
    };
    Ok(Ended { cost, code, stdout: text(stdout)?, stderr: text(stderr)? })
}

fn servers_seconds(stage: &Stage) -> [f64; 2] {
    [processes::server_seconds(stage.source.pid), processes::server_seconds(stage.target.pid)]
}

fn text(mut file: std::fs::File) -> Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
