//! How fast differences are written and read, and in how much memory.
//!
//! Not part of the suite: it writes a gigabyte, and says little without
//! optimisation. To run it:
//!
//! ```text
//! cargo test --release -p switchback-reports -- --ignored --nocapture load::
//! ```

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use switchback_engines::{Decimal, Engine, Flavor, Logical, Moment, OwnedValue, Value};
use switchback_reports::parquet::{ParquetSink, differences};
use switchback_reports::{repair_sql, summary};
use switchback_verify::{Began, Difference, DifferenceSink, Kind, TablePlan};

use crate::build::{INT, TEXT, changed, column, outcome_of, plan, required, run, server, table, text};

const ROWS: i64 = 5_000_000;

/// More than this for five million rows means that something is not streamed.
const MEMORY_MAX: u64 = 160 << 20;

#[test]
#[ignore = "writes a gigabyte; see the module's documentation"]
fn five_million_rows_stream_through() {
    let folder = tempfile::tempdir().unwrap();
    let plan = wide();
    let sink = ParquetSink::new(folder.path(), "run");
    let mut writer = sink.open(&plan, &Began::default()).unwrap();
    let started = Instant::now();
    let mut making = std::time::Duration::ZERO;
    for first in (0..ROWS).step_by(1_000) {
        let made = Instant::now();
        let rows: Vec<Difference> = (first..first + 1_000).map(row).collect();
        making += made.elapsed();
        writer.write(&rows).unwrap();
    }
    let files = writer.finish().unwrap();
    let writing = started.elapsed() - making;
    let bytes: u64 = files.iter().map(|f| folder.path().join(f).metadata().unwrap().len()).sum();
    report("write", ROWS, writing);
    let _ = writeln!(io::stdout(), "        {} files, {} MB", files.len(), bytes >> 20);

    let mut outcome = outcome_of(&plan);
    outcome.files = files.iter().map(|f| f.to_str().unwrap().to_owned()).collect();
    outcome.differences.insert(Kind::Changed, ROWS.unsigned_abs());
    let started = Instant::now();
    let read = differences(folder.path(), &outcome).unwrap().map(Result::unwrap).count();
    report("read", ROWS, started.elapsed());
    assert_eq!(read, usize::try_from(ROWS).unwrap());

    let server = server(Engine::Postgres, Flavor::Original, "15", "host/db");
    summary::write(folder.path(), &run(server.clone(), server, vec![outcome])).unwrap();
    let started = Instant::now();
    let repaired = repair_sql(folder.path(), io::sink()).unwrap();
    report("repair", ROWS, started.elapsed());
    assert_eq!(repaired.updates, ROWS.unsigned_abs());

    if let Some(peak) = peak_bytes(Path::new("/proc/self/status")) {
        let _ = writeln!(io::stdout(), "peak    {} MB", peak >> 20);
        assert!(peak < MEMORY_MAX, "{peak} bytes");
    }
}

fn report(what: &str, rows: i64, elapsed: std::time::Duration) {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = rows as f64 / elapsed.as_secs_f64();
    let _ = writeln!(io::stdout(), "{what:<7} {:.1} s, {rate:.0} rows/s", elapsed.as_secs_f64());
}

/// The most memory that the process ever had.
fn peak_bytes(status: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// Eight columns of the usual kinds.
fn wide() -> TablePlan {
    let columns = vec![
        required("id", "bigint", INT),
        column("customer", "integer", Logical::Int { bits: 32, unsigned: false }),
        column("status", "varchar(20)", Logical::Text { chars_max: Some(20) }),
        column("total", "numeric(12,2)", Logical::Decimal { precision: Some(12), scale: 2 }),
        column("rate", "double precision", Logical::Float64),
        column("placed", "timestamptz", Logical::Instant { digits: 6 }),
        column("token", "uuid", Logical::Uuid),
        column("note", "text", TEXT),
    ];
    let wide = table(Some("public"), "orders", columns, &[0]);
    plan(Engine::Postgres, wide.clone(), Engine::Postgres, wide)
}

fn row(id: i64) -> Difference {
    let hash = blake3::hash(&id.to_le_bytes());
    let hash = hash.as_bytes();
    let side = |status: &str| -> Vec<OwnedValue> {
        vec![
            Value::Int(id),
            Value::Int(id * 7 % 1_000_003),
            text(status),
            Value::Decimal(Decimal::Small { coefficient: i128::from(id * 31 % 10_000_000), scale: 2 }),
            Value::F64(f64::from(hash[0]) / 7.0),
            Value::Instant(Moment::Micros(1_700_000_000_000_000 + id * 1_234_567)),
            Value::Uuid(hash[..16].try_into().unwrap()),
            text(&format!("order {id} of the customer, {:x}{:x}", hash[16], hash[17])),
        ]
    };
    changed(&[2], side("paid"), side("new"))
}
