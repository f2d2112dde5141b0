//! The dataset in the readers that people use: pyarrow and DuckDB.
//!
//! Both come from the Python package index, once, into a folder of their own in
//! the user's cache. Where that is impossible the test says so and counts as
//! passed; with `CI` set it fails.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use switchback_engines::{Date, Engine, Moment, OwnedValue, Value, display};
use switchback_reports::parquet::ParquetSink;
use switchback_verify::Difference;

use crate::build::{self, INT, TEXT, changed, column, plan, required, source_only, table, target_only, text};
use crate::every_type::{self, Case};

/// Pinned, so that a run of the tests never depends on what came out today.
const REQUIREMENTS: [&str; 2] = ["duckdb==2.0.0", "pyarrow==26.0.1"];

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_back.py");

#[test]
fn pyarrow_and_duckdb_read_types_and_values() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            let _ = writeln!(std::io::stderr(), "SKIPPED: no Python with pyarrow and DuckDB: {why}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let cases = every_type::server_cases();
    let expected = write_every_type(folder.path(), &cases);
    write_others(folder.path());
    let expected_path = folder.path().join("expected.json");
    fs::write(&expected_path, serde_json::to_vec(&expected).unwrap()).unwrap();
    let run = Command::new(python).arg(SCRIPT).arg(folder.path()).arg(&expected_path).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    // A script that checked nothing would succeed too.
    assert_eq!(out.trim(), format!("{} values in pyarrow and DuckDB", expected.len()), "{err}");
}

/// One row a value; returns what each must be.
fn write_every_type(run_dir: &Path, cases: &[Case]) -> Vec<serde_json::Value> {
    let mut rows: Vec<Difference> = Vec::new();
    let mut expected = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        for (j, value) in case.typed.iter().chain(&case.untyped).enumerate() {
            let mut source = vec![Value::Null; cases.len() + 1];
            source[0] = Value::Int(rows.len().try_into().unwrap());
            let target = source.clone();
            source[i + 1] = value.clone();
            let typed = j < case.typed.len();
            expected.push(serde_json::json!({
                "row": rows.len(),
                "column": case.name,
                "typed": typed,
                "value": if typed { plain(value) } else { display::text(value).into() },
            }));
            rows.push(changed(&[i + 1], source, target));
        }
    }
    let plan = every_type::plan_of(Engine::Postgres, cases);
    build::write(&ParquetSink::new(run_dir, "run-1"), &plan, &rows);
    expected
}

/// As a number where Python's own types end before ours do.
fn plain(value: &OwnedValue) -> serde_json::Value {
    match value {
        Value::Date(Date::Days(v)) => (*v).into(),
        Value::Time(v) => (*v).into(),
        Value::Timestamp(Moment::Micros(v)) | Value::Instant(Moment::Micros(v)) => (*v).into(),
        Value::Interval { .. } => "P14M-3DT-14706.7S".into(),
        _ => display::text(value).into(),
    }
}

/// A table without key and one with an awkward name, beside the first one.
fn write_others(run_dir: &Path) {
    let sink = ParquetSink::new(run_dir, "run-1");
    let keyless = table(Some("public"), "Log lines", vec![column("a.b", "text", TEXT)], &[]);
    let keyless = plan(Engine::Postgres, keyless.clone(), Engine::Postgres, keyless);
    let twice = Difference { source_count: 3, target_count: 1, ..source_only(vec![text("x")]) };
    build::write(&sink, &keyless, &[twice]);
    let renamed = table(None, "_t", vec![required("id", "int", INT), column("select", "text", TEXT)], &[0]);
    let renamed = plan(Engine::Sqlite, renamed.clone(), Engine::Sqlite, renamed);
    let rows: Vec<Difference> = (0..3000).map(|i| target_only(vec![Value::Int(i), text("é")])).collect();
    build::write(&sink, &renamed, &rows);
}

/// The interpreter of a virtual environment that has what the script needs.
pub(crate) fn python() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor a home folder is set")?
        .join("switchback");
    fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    // Each test is a process of its own: one installs, and the others wait.
    let lock = File::create(cache.join("python.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let environment = cache.join("python");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last, so that an installation that was cut short is made anew.
    let marker = environment.join("switchback-requirements.txt");
    let wanted = REQUIREMENTS.join("\n");
    if fs::read_to_string(&marker).is_ok_and(|found| found == wanted)
        && succeeds(&python, &["-c", "import duckdb, pyarrow"])
    {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&environment);
    let system = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let path = environment.to_str().ok_or("the cache folder's name is not UTF-8")?;
    execute(Path::new(&system), &["-m", "venv", path])?;
    let mut install =
        vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "5", "--only-binary=:all:"];
    install.extend(REQUIREMENTS);
    execute(&python, &install)?;
    fs::write(&marker, wanted).map_err(|e| e.to_string())?;
    Ok(python)
}

fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|run| run.status.success())
}

fn execute(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let run = Command::new(program).args(arguments).output().map_err(|e| format!("{}: {e}", program.display()))?;
    if run.status.success() {
        return Ok(());
    }
    Err(format!("{} {}: {}", program.display(), arguments.join(" "), String::from_utf8_lossy(&run.stderr)))
}
