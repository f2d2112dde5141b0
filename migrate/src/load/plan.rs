//! Which parts the tables are loaded in.
//!
//! A table is cut once, at keys that are there, by the source's own order, and the
//! cuts are written down: a range that was loaded is the same range whoever looks
//! at it later. Any cuts are right, as the ranges between them hold every key that
//! there can be; so they needn't be of the snapshot.

use switchback_engines::bulk::passes;
use switchback_engines::{Engine, KeyRange, Writer, sql};
use switchback_replicate::{Stream, TableMap};

use super::error::{Error, Result};
use super::ledger::{Ledger, Numbered, Range};
use super::progress::Counters;

/// More cuts than this cost more than they gain.
const RANGES_MAX: u64 = 20_000;
/// Tables whose cuts are written down together.
const TABLES_AT_ONCE: usize = 64;

/// One table to load.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) map: TableMap,
    pub(super) numbered: Numbered,
    /// The origin's columns, in the order of the places.
    pub(super) columns: Vec<usize>,
    /// The key that ranges are of; empty for a table without one.
    pub(super) key: Vec<usize>,
    /// Whether rows go as the bytes that the origin sends.
    pub(super) passes: bool,
}

impl Job {
    fn new(stream: &Stream, map: TableMap, number: i64) -> Self {
        let (origin, sink) = (stream.origin().info(), stream.sink().info());
        let columns = map.origin_columns();
        let pairs = columns.iter().zip(map.sink_columns());
        let pairs =
            pairs.filter_map(|(&from, &to)| Some((map.origin().columns.get(from)?, map.sink().columns.get(to)?)));
        let passes = map.is_same() && passes((origin.engine, origin.flavor), (sink.engine, sink.flavor), pairs);
        let numbered = Numbered { number, name: map.origin().name.to_string() };
        Self { key: map.origin_key(), columns, passes, numbered, map }
    }

    /// Positions of the key's columns among the values that are read.
    pub(super) fn key_places(&self) -> &[usize] {
        self.map.identity()
    }

    pub(super) fn sink_name(&self) -> String {
        self.map.sink().name.to_string()
    }
}

/// The jobs, each with the number that the ledger has for its table, or a new one.
///
/// # Errors
/// [`Error::OtherTables`] when the ledger has one that is not wanted.
pub(super) fn jobs(stream: &Stream, known: &[Range]) -> Result<Vec<Job>> {
    let mut next = known.iter().map(|range| range.table.number + 1).max().unwrap_or(0);
    let mut jobs = Vec::new();
    for map in stream.table_maps() {
        let name = map.origin().name.to_string();
        let number = known.iter().find(|range| range.table.name == name).map(|range| range.table.number);
        let number = number.unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        jobs.push(Job::new(stream, map, number));
    }
    match known.iter().find(|range| !jobs.iter().any(|job: &Job| job.numbered == range.table)) {
        None => Ok(jobs),
        Some(range) => Err(Error::OtherTables { stream: stream.spec().name.clone(), table: range.table.name.clone() }),
    }
}

/// Cuts the tables that have not been cut, and writes that down.
pub(super) async fn cut(
    stream: &Stream,
    writer: &mut dyn Writer,
    ledger: &Ledger,
    jobs: &[Job],
    known: &[Range],
    range_bytes: u64,
    counters: &Counters,
) -> Result<()> {
    let uncut: Vec<&Job> = jobs.iter().filter(|job| !known.iter().any(|range| range.table == job.numbered)).collect();
    for some in uncut.chunks(TABLES_AT_ONCE) {
        refuse_rows(stream.sink().info().engine, writer, some).await?;
        let mut statements = Vec::new();
        for job in some {
            statements.extend(ledger.add(&job.numbered, &ranges(stream, job, range_bytes).await?));
            counters.alive();
        }
        ledger.change(writer, statements).await?;
    }
    Ok(())
}

async fn ranges(stream: &Stream, job: &Job, range_bytes: u64) -> Result<Vec<KeyRange>> {
    let mut ranges = Vec::new();
    let mut lower = None;
    if !job.key.is_empty() {
        let rows = rows_per_range(job, range_bytes);
        for boundary in stream.origin().split_keys(job.map.origin(), &job.key, rows).await? {
            ranges.push(KeyRange { lower: lower.replace(boundary.clone()), upper: Some(boundary) });
        }
    }
    ranges.push(KeyRange { lower, upper: None });
    Ok(ranges)
}

fn rows_per_range(job: &Job, range_bytes: u64) -> u64 {
    let table = job.map.origin();
    let row_bytes = table.bytes_estimate.checked_div(table.row_estimate).unwrap_or(0).max(1);
    (range_bytes / row_bytes).max(1).max(table.row_estimate / RANGES_MAX)
}

/// Rows that are there before the first was loaded would be taken for ours.
async fn refuse_rows(sink: Engine, writer: &mut dyn Writer, jobs: &[&Job]) -> Result<()> {
    let select = |job: &&Job| format!("SELECT 1 FROM {} LIMIT 1", sql::table(sink, &job.map.sink().name));
    let selects: Vec<String> = jobs.iter().map(select).collect();
    let found = writer.run(&selects).await?;
    match jobs.iter().zip(found).find(|(_, outcome)| !outcome.rows.is_empty()) {
        None => Ok(()),
        Some((job, _)) => Err(Error::NotEmpty { table: job.sink_name() }),
    }
}
