//! What processes cost, as `/proc` has it.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// One line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) ended: bool,
    parent: u32,
    /// Of all its threads, those that have ended included.
    own_ticks: u64,
    /// Of its children that it has waited for.
    reaped_ticks: u64,
}

impl Stat {
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name stands in parentheses and may hold anything, so fields
    /// are counted from its end.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            ended: *fields.first()? == "Z",
            parent: u32::try_from(number(1)?).ok()?,
            own_ticks: number(11)? + number(12)?,
            reaped_ticks: number(13)? + number(14)?,
        })
    }

    pub(crate) fn own_seconds(self) -> f64 {
        seconds(self.own_ticks)
    }
}

/// The most memory that a process has had in RAM, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The CPU seconds of a server and all that it has started so far. Waits until
/// they stand still: sessions end after their client, and what an ended process
/// has used is in no place while its parent is taking note of it.
pub(crate) fn server_seconds(pid: u32) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut before = family_ticks(pid);
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = family_ticks(pid);
        if now == before || Instant::now() > deadline {
            return seconds(now.1);
        }
        before = now;
    }
}

/// How many they are, and their time.
fn family_ticks(pid: u32) -> (usize, u64) {
    let family = family(pid);
    (family.len(), family.iter().map(|stat| stat.own_ticks + stat.reaped_ticks).sum())
}

fn family(ancestor: u32) -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, Stat)> = pids.filter_map(|pid| Some((pid, Stat::read(pid)?))).collect();
    let mut members = HashSet::from([ancestor]);
    loop {
        let before = members.len();
        members.extend(
            all.iter().filter(|(_, stat)| members.contains(&stat.parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if members.len() == before {
            return all.into_iter().filter(|(pid, _)| members.contains(pid)).map(|(_, stat)| stat).collect();
        }
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = Stat::parse("47 (a) (b c) Z 17 99 99 0 -1 4194304 1 2 3 4 50 6 70 8 20 0 1 0 1234").unwrap();
        assert_eq!(stat, Stat { ended: true, parent: 17, own_ticks: 56, reaped_ticks: 78 });
    }

    #[test]
    fn this_process_has_a_peak_and_a_time() {
        assert!(peak_memory(std::process::id()).unwrap() > 1 << 16);
        assert!(family_ticks(std::process::id()).0 >= 1);
    }
}
