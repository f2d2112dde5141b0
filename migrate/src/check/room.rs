//! Whether the target has room for what the source holds.
//!
//! No server tells how much of its disk is free: PostgreSQL and MySQL have no such
//! question. So for them the answer is how much is needed, and a person has to look. A
//! file of SQLite is on a file system of our own.

use std::path::Path;

use switchback_engines::{Engine, Table};

use super::item::{Direction, End, Grade, Item, Report};
use super::{Checked, named};

const WHY: &str = "a target that runs full stops the move, and whatever else it serves";

/// What the target needs: a fifth more than the data, for its log and its indexes.
fn needed(tables: &[Table]) -> u64 {
    let bytes: u64 = tables.iter().map(|table| table.bytes_estimate).sum();
    bytes.saturating_add(bytes / 5)
}

pub(super) fn check(source: Checked<'_>, target: Checked<'_>, report: &mut Report) {
    let free = match target.endpoint.info().engine {
        Engine::Sqlite => free(Path::new(&target.endpoint.info().location)),
        Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => None,
    };
    let unmeasured = |table: &&Table| table.bytes_estimate == 0 && table.row_estimate > 0;
    let unmeasured: Vec<String> = source.tables.iter().filter(unmeasured).map(|table| table.name.to_string()).collect();
    let (grade, found) = judged(free, needed(source.tables), &unmeasured);
    let remedy = Some("look at the target's disk, and make room").filter(|_| grade != Grade::Pass);
    report.items.push(Item {
        end: End::Target,
        direction: Direction::Forward,
        item: "free_space",
        grade,
        found,
        why: WHY,
        remedy: remedy.map(str::to_owned),
    });
}

fn judged(free: Option<u64>, needed: u64, unmeasured: &[String]) -> (Grade, String) {
    let mut found = match free {
        Some(free) => format!("{} are free, and {} needed", size(free), size(needed)),
        None => format!("not known: the server does not tell what is free; {} are needed", size(needed)),
    };
    if !unmeasured.is_empty() {
        found.push_str(&format!(", and more for {}", named(unmeasured)));
    }
    let grade = match free {
        Some(free) if free < needed => Grade::Fail,
        Some(_) if unmeasured.is_empty() => Grade::Pass,
        _ => Grade::Warn,
    };
    (grade, found)
}

#[cfg(unix)]
fn free(file: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(file).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_file: &Path) -> Option<u64> {
    None
}

/// In units that people read, rounded down.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len()).rev().find(|&unit| bytes >> (10 * unit) >= 10).unwrap_or(0);
    format!("{} {}", bytes >> (10 * unit), UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_for_a_fifth_more() {
        assert_eq!(
            judged(Some(119 << 20), 120 << 20, &[]),
            (Grade::Fail, "119 MiB are free, and 120 MiB needed".to_owned())
        );
        assert_eq!(judged(Some(120 << 20), 120 << 20, &[]).0, Grade::Pass);
        let (grade, found) = judged(Some(1 << 40), 120 << 20, &["t".to_owned()]);
        assert_eq!((grade, found.ends_with("120 MiB needed, and more for t")), (Grade::Warn, true));
        assert_eq!(
            judged(None, 0, &[]),
            (Grade::Warn, "not known: the server does not tell what is free; 0 bytes are needed".to_owned())
        );
    }

    #[test]
    fn sizes_have_two_digits_at_least() {
        let sizes = [0, 9, 10_239, 10_240, 1 << 30, 10 << 30, 20 << 40, u64::MAX];
        assert_eq!(
            sizes.map(size),
            ["0 bytes", "9 bytes", "10239 bytes", "10 KiB", "1024 MiB", "10 GiB", "20 TiB", "16777215 TiB"]
        );
    }
}
