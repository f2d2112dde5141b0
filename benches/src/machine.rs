//! The machine, without its name.

use std::fs;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    pub memory_mib: u64,
    pub system: String,
    /// Work for the processors that was waiting or running, a minute's mean, when
    /// the run began and when it ended: above the cores, others were at work too.
    pub load_before: f64,
    pub load_after: f64,
}

impl Machine {
    #[must_use]
    pub fn look() -> Self {
        let load = load();
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            memory_mib: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .map_or(0, |kib| kib / 1024),
            system: std::env::consts::OS.to_owned(),
            load_before: load,
            load_after: load,
        }
    }
}

/// Work for the processors that is waiting or running, a minute's mean.
#[must_use]
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))?;
    Some(line.1.trim().to_owned())
}
