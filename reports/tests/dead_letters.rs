//! Dead letters in the readers that people use.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use switchback_engines::Position;
use switchback_replicate::{ConflictClass, DeadLetter, LetterArchive as _, LetterState, Policy, TextRow};
use switchback_reports::dead_letters::ParquetLetters;

use crate::python::python;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_letters.py");

fn row(cells: &[(&str, Option<&str>)]) -> Option<TextRow> {
    Some(TextRow(cells.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()))
}

fn letter(id: i64) -> DeadLetter {
    let change = vec![0, 255, u8::try_from(id % 256).unwrap()];
    DeadLetter {
        id,
        stream: "forward".to_owned(),
        epoch: 7,
        incarnation: "it's this log".to_owned(),
        position: Position("0/16B3748".to_owned()),
        seq: 3_000_000_000,
        ordinal: id,
        committed_at: 1_700_000_000_123_456,
        operation: "update".to_owned(),
        table: "public.t".to_owned(),
        key: format!("id={id}"),
        before: None,
        after: row(&[("z", Some("é\0\"'")), ("a", None), ("empty", Some(""))]),
        sink_row: row(&[]),
        class: ConflictClass::UpdateMissing,
        reason: (id % 2 == 0).then(|| "because".to_owned()),
        policy: Policy::DeadLetter,
        state: LetterState::Waiting,
        tool_version: "1.2.3".to_owned(),
        row_blake3: blake3::hash(&change).to_hex().to_string(),
        change,
    }
}

#[test]
fn pyarrow_and_duckdb_read_dead_letters() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            let _ = writeln!(std::io::stderr(), "SKIPPED: no Python with pyarrow and DuckDB: {why}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let letters = ParquetLetters::new(folder.path());
    let all: Vec<DeadLetter> = (1..=1000).map(letter).collect();
    letters.write("letters-forward-1-400-aa", &all[..400]).unwrap();
    letters.write("letters-forward-401-1000-bb", &all[400..]).unwrap();
    // Again, as after a crash.
    letters.write("letters-forward-401-1000-bb", &all[400..]).unwrap();
    assert!(letters.holds("letters-forward-401-1000-bb").unwrap() && !letters.holds("letters-forward").unwrap());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".lock", "letters-forward-1-400-aa.parquet", "letters-forward-401-1000-bb.parquet"]);
    let run = Command::new(python).arg(SCRIPT).arg(folder.path()).arg(&all[6].row_blake3).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    assert_eq!(out.trim(), "1000 letters in pyarrow and DuckDB", "{err}");
}
