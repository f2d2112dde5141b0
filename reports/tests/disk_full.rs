//! A disk that fills up in the middle of a table.
//!
//! A child process gets a file system of two megabytes, in a mount namespace of
//! its own, so that nothing stays mounted whatever happens to the test. Where
//! the system allows no namespace the test says so and counts as passed; with
//! `CI` set it fails. The other test needs nothing but a limit on file sizes.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use switchback_engines::{Engine, Flavor, Value};
use switchback_reports::parquet::{Limits, ParquetSink};
use switchback_reports::{certificate, summary};
use switchback_verify::{Began, Difference, DifferenceSink, SinkError, TablePlan};

use crate::build::{self, INT, TEXT, column, plan, required, source_only, table, text};

const FOLDER: &str = "SWITCHBACK_TEST_FULL_DISK";

#[test]
fn a_full_disk_is_an_error_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let namespace = ["unshare", "--mount", "--map-root-user", "--user"];
    let usable = |arguments: &[&str]| {
        Command::new(arguments[0])
            .args(&arguments[1..])
            .args(["mount", "-t", "tmpfs", "none"])
            .arg(folder.path())
            .output()
            .is_ok_and(|run| run.status.success())
    };
    // Root needs no namespace of users, and some kernels allow only root.
    let Some(namespace) = [&namespace[..2], &namespace[..]].into_iter().find(|arguments| usable(arguments)) else {
        let why = "this system lets nobody mount a small file system";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        let _ = writeln!(io::stderr(), "SKIPPED: {why}");
        return;
    };
    let script = "mount -t tmpfs -o size=2m none \"$1\" && exec \"$2\" --exact disk_full::child --ignored --nocapture";
    let mut child = Command::new(namespace[0]);
    child.args(&namespace[1..]).args(["sh", "-c", script, "sh"]).arg(folder.path());
    expect_child(child.arg(std::env::current_exe().unwrap()).env(FOLDER, folder.path()), "StorageFull");
}

#[cfg(unix)]
#[test]
fn a_limit_on_file_sizes_is_an_error_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes. Without the trap the signal would end the child.
    let script = "trap '' XFSZ; ulimit -f 1024 && exec \"$1\" --exact disk_full::child --ignored --nocapture";
    let mut child = Command::new("sh");
    child.args(["-c", script, "sh"]).arg(std::env::current_exe().unwrap()).env(FOLDER, folder.path());
    expect_child(&mut child, "FileTooLarge");
}

fn expect_child(child: &mut Command, kind: &str) {
    let run = child.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    assert!(out.contains(&format!("ended with {kind}")), "{out}\n{err}");
}

/// Runs in the child process only.
#[test]
#[ignore = "the other tests start it where the disk is small"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let plan = small();
    let sink = ParquetSink::new(&folder, "run").with_limits(Limits {
        batch_bytes: 64 << 10,
        row_group_bytes: 256 << 10,
        file_bytes: 1 << 20,
    });
    // A table that is done before the disk is full.
    let whole = build::write(&sink, &plan, &rows(0..10));
    let mut other = plan.clone();
    other.source.name.name = "large".to_owned();
    let kind = fill(&sink, &other);
    let names = files_below(&folder);
    assert_eq!(names, whole.files, "the failed table left something, or the finished one is gone");
    json_files(&folder, &plan);
    let _ = writeln!(io::stdout(), "ended with {kind:?}");
}

/// Writes until it fails; returns why.
fn fill(sink: &ParquetSink, plan: &TablePlan) -> io::ErrorKind {
    let mut writer = sink.open(plan, &Began::default()).unwrap();
    let error = (0..100_000i64)
        .step_by(100)
        .map(|first| writer.write(&rows(first..first + 100)))
        .find_map(Result::err)
        .unwrap_or_else(|| panic!("the disk took everything"));
    let kind = check(&error, &plan.source.name.name);
    drop(writer);
    kind
}

/// The error names the file, and its chain ends in what the system said.
fn check(error: &SinkError, folder: &str) -> io::ErrorKind {
    let path = error.path.to_str().unwrap();
    assert!(path.contains(folder) && path.ends_with(".parquet.partial"), "{path}");
    assert!(error.to_string().contains(path), "{error}");
    let io_error = error.source().and_then(|e| e.downcast_ref::<io::Error>());
    io_error.unwrap_or_else(|| panic!("{:?}", error.source())).kind()
}

/// A summary that can't be replaced stays as it was, whole.
fn json_files(folder: &Path, plan: &TablePlan) {
    let server = build::server(Engine::Postgres, Flavor::Original, "15.18", "localhost/shop");
    let mut outcome = build::run(server.clone(), server, vec![build::outcome_of(plan)]);
    summary::write(folder, &outcome).unwrap();
    certificate::write(folder, &outcome).unwrap();
    let before = files_below(folder);
    let table = outcome.tables[0].clone();
    outcome.tables = vec![table; 4_000];
    for result in [summary::write(folder, &outcome), certificate::write(folder, &outcome)] {
        let error = result.unwrap_err();
        assert!(matches!(error, switchback_reports::Error::Write { .. }), "{error:?}");
    }
    assert_eq!(files_below(folder), before);
    assert_eq!(summary::read(folder).unwrap().tables.len(), 1);
}

fn small() -> TablePlan {
    let small = table(Some("s"), "small", vec![required("id", "bigint", INT), column("v", "text", TEXT)], &[0]);
    plan(Engine::Postgres, small.clone(), Engine::Postgres, small)
}

/// Rows that do not compress: each value is a hash.
fn rows(ids: std::ops::Range<i64>) -> Vec<Difference> {
    let noise = |id: i64| blake3::hash(&id.to_le_bytes()).to_hex().to_string();
    ids.map(|id| source_only(vec![Value::Int(id), text(&noise(id))])).collect()
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
