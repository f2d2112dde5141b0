//! Where `verify` writes differences: Parquet files that appear when whole.
//!
//! A part is written as `part-00000.parquet.partial`, and only [`TableSink::finish`]
//! forces all parts to the disk and gives them their names. What a killed or
//! failed run leaves has the other name and is removed by the next attempt.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use switchback_engines::TableRef;
use switchback_engines::canon::Policy;
use switchback_verify::{Began, Difference, DifferenceSink, SinkError, TablePlan, TableSink};

use super::FOLDER;
use super::layout;
use super::read::{SCHEMA_VERSION, SCHEMA_VERSION_KEY};
use super::rows::Rows;
use crate::durable;
use crate::folder::folder_name;

const ZSTD_LEVEL: i32 = 3;

/// Bounds of memory and of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Values that are gathered before they are encoded.
    pub batch_bytes: usize,
    /// Values in one row group. A row group is encoded in memory.
    pub row_group_bytes: usize,
    /// A file that has reached this is closed, and the next one begun.
    pub file_bytes: usize,
}

impl Default for Limits {
    /// Together below 40 MiB a table, and row groups that are still large enough
    /// for a reader to skip through.
    fn default() -> Self {
        Self { batch_bytes: 2 << 20, row_group_bytes: 16 << 20, file_bytes: 512 << 20 }
    }
}

/// Writes all tables' differences into one run's folder.
#[derive(Debug)]
pub struct ParquetSink {
    run_dir: PathBuf,
    run_id: String,
    limits: Limits,
    /// Which pair of tables a folder belongs to.
    folders: Mutex<BTreeMap<String, (TableRef, TableRef)>>,
}

impl ParquetSink {
    /// Nothing is created before the first difference.
    #[must_use]
    pub fn new(run_dir: impl Into<PathBuf>, run_id: impl Into<String>) -> Self {
        Self {
            run_dir: run_dir.into(),
            run_id: run_id.into(),
            limits: Limits::default(),
            folders: Mutex::new(BTreeMap::new()),
        }
    }

    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The folder of a pair of tables: the same one when the pair is opened
    /// again, and one of its own for a source that is compared with two targets.
    fn folder(&self, plan: &TablePlan) -> String {
        let pair = (plan.source.name.clone(), plan.target.name.clone());
        let plain = folder_name(&pair.0);
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = plain.clone();
        let mut attempt = 2;
        // `~` with fewer than 16 digits behind it is in no other folder's name.
        while folders.get(&name).is_some_and(|owner| *owner != pair) {
            name = format!("{plain}~{attempt}");
            attempt += 1;
        }
        folders.insert(name.clone(), pair);
        name
    }
}

impl DifferenceSink for ParquetSink {
    fn open(&self, plan: &TablePlan, began: &Began) -> Result<Box<dyn TableSink>, SinkError> {
        let relative = Path::new(FOLDER).join(self.folder(plan));
        let folder = self.run_dir.join(&relative);
        let rows = Rows::new(plan, &self.run_id, began).map_err(|source| sink_error(&folder, source))?;
        Ok(Box::new(TableWriter {
            relative,
            folder,
            rows,
            metadata: metadata(plan, &self.run_id),
            limits: self.limits,
            current: None,
            parts: 0,
        }))
    }
}

/// The differences of one table on their way to the disk.
struct TableWriter {
    /// The table's folder, from the run's and in full.
    relative: PathBuf,
    folder: PathBuf,
    rows: Rows,
    metadata: Vec<KeyValue>,
    limits: Limits,
    current: Option<Part>,
    /// How many parts were begun.
    parts: u32,
}

/// The part that is being written.
struct Part {
    path: PathBuf,
    writer: ArrowWriter<File>,
    /// Of values in the row group that is being built.
    group_bytes: usize,
}

impl TableSink for TableWriter {
    fn write(&mut self, differences: &[Difference]) -> Result<(), SinkError> {
        for difference in differences {
            self.rows.push(difference).map_err(|source| sink_error(&self.folder, source))?;
            if self.rows.bytes() >= self.limits.batch_bytes {
                self.write_batch()?;
            }
        }
        Ok(())
    }

    /// The paths are relative to the run's folder; none where nothing differs.
    fn finish(mut self: Box<Self>) -> Result<Vec<PathBuf>, SinkError> {
        if self.rows.len() > 0 {
            self.write_batch()?;
        }
        self.close_part()?;
        let parts = self.parts;
        self.name_parts()?;
        // From here on the parts are the run's, and no drop may remove them.
        self.parts = 0;
        Ok((0..parts).map(|part| self.relative.join(part_name(part))).collect())
    }
}

impl TableWriter {
    fn write_batch(&mut self) -> Result<(), SinkError> {
        let bytes = self.rows.bytes();
        let batch = self.rows.finish().map_err(|source| sink_error(&self.folder, source))?;
        if self.current.is_none() {
            self.current = Some(self.begin_part()?);
        }
        let Some(part) = &mut self.current else { return Ok(()) };
        part.group_bytes += bytes;
        let ends_group = part.group_bytes >= self.limits.row_group_bytes;
        let written = part.writer.write(&batch).and_then(|()| if ends_group { part.writer.flush() } else { Ok(()) });
        written.map_err(|source| parquet_error(&part.path, source))?;
        if ends_group {
            part.group_bytes = 0;
            if part.writer.bytes_written() >= self.limits.file_bytes {
                self.close_part()?;
            }
        }
        Ok(())
    }

    fn begin_part(&mut self) -> Result<Part, SinkError> {
        if self.parts == 0 {
            fs::create_dir_all(&self.folder).map_err(|source| sink_error(&self.folder, source))?;
            // A killed attempt's parts could be more than this one's.
            remove_files(&self.folder, |name| name.ends_with(durable::PARTIAL))
                .map_err(|source| sink_error(&self.folder, source))?;
        }
        let path = durable::partial_path(&self.folder.join(part_name(self.parts)));
        let file = File::create(&path).map_err(|source| sink_error(&path, source))?;
        self.parts += 1;
        let properties = properties(&self.metadata).map_err(|source| parquet_error(&path, source))?;
        let writer = ArrowWriter::try_new(file, self.rows.schema(), Some(properties))
            .map_err(|source| parquet_error(&path, source))?;
        Ok(Part { path, writer, group_bytes: 0 })
    }

    /// Writes the footer and forces the file to the disk.
    fn close_part(&mut self) -> Result<(), SinkError> {
        let Some(mut part) = self.current.take() else { return Ok(()) };
        part.writer.finish().map_err(|source| parquet_error(&part.path, source))?;
        part.writer
            .sync()
            .and_then(|()| part.writer.inner().sync_all())
            .map_err(|source| sink_error(&part.path, source))
    }

    /// Gives all parts their names. Parts of an earlier attempt at this table
    /// go: the new ones are all of it.
    fn name_parts(&self) -> Result<(), SinkError> {
        let named = self.rename_parts().and_then(|()| {
            if !self.folder.is_dir() {
                return Ok(());
            }
            remove_files(&self.folder, |name| {
                name.ends_with(durable::PARTIAL) || part_number(name).is_some_and(|number| number >= self.parts)
            })?;
            if self.parts == 0 {
                // Only an empty folder goes, so what others put there stays.
                let _ = fs::remove_dir(&self.folder);
                return Ok(());
            }
            // The table's folder and the one of all tables may be new as well.
            self.folder.ancestors().take(3).try_for_each(durable::sync_folder)
        });
        named.map_err(|source| {
            // Some have their names and some may not: none may keep it.
            for part in 0..self.parts {
                let path = self.folder.join(part_name(part));
                let _ = fs::rename(&path, durable::partial_path(&path));
            }
            sink_error(&self.folder, source)
        })
    }

    fn rename_parts(&self) -> io::Result<()> {
        (0..self.parts).try_for_each(|part| {
            let path = self.folder.join(part_name(part));
            fs::rename(durable::partial_path(&path), path)
        })
    }
}

impl Drop for TableWriter {
    /// Without `finish` the parts are worth nothing, and may be what fills the
    /// disk.
    fn drop(&mut self) {
        drop(self.current.take());
        for part in 0..self.parts {
            let _ = fs::remove_file(durable::partial_path(&self.folder.join(part_name(part))));
        }
        if self.parts > 0 {
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

fn part_name(number: u32) -> String {
    format!("part-{number:05}.parquet")
}

/// The number of a finished part; `None` for any other file.
fn part_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("part-")?.strip_suffix(".parquet")?.parse().ok()?;
    (part_name(number) == name).then_some(number)
}

fn remove_files(folder: &Path, which: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&which) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn properties(metadata: &[KeyValue]) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(format!("switchback {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata.to_vec()))
        // Rows that differ are mostly unlike one another, and building a
        // dictionary only to give it up costs a fifth of the time.
        .set_dictionary_enabled(false)
        // The sink bounds row groups by bytes.
        .set_max_row_group_row_count(None);
    let repetitive: [&[&str]; 9] = [
        &[layout::RUN_ID],
        &[layout::SOURCE_POSITION],
        &[layout::TARGET_POSITION],
        &[layout::KIND],
        &[layout::STATUS],
        &[layout::CHANGED_COLUMNS, "list", "item"],
        &[layout::UNTYPED, "list", "item", "side"],
        &[layout::UNTYPED, "list", "item", "column"],
        &[layout::UNTYPED, "list", "item", "type"],
    ];
    for path in repetitive {
        let path = ColumnPath::new(path.iter().map(|&part| part.to_owned()).collect());
        properties = properties.set_column_dictionary_enabled(path, true);
    }
    Ok(properties.build())
}

/// What a reader can know of the file without the run's other files.
fn metadata(plan: &TablePlan, run_id: &str) -> Vec<KeyValue> {
    let mut policies: Vec<Policy> = plan.columns.iter().flat_map(|c| c.policies.iter().copied()).collect();
    policies.sort_unstable();
    policies.dedup();
    let policies: Vec<String> =
        policies.iter().filter_map(|p| serde_json::to_value(p).ok()?.as_str().map(str::to_owned)).collect();
    [
        (SCHEMA_VERSION_KEY, SCHEMA_VERSION.to_string()),
        ("switchback.tool_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("switchback.run_id", run_id.to_owned()),
        ("switchback.source_engine", plan.source_engine.name().to_owned()),
        ("switchback.target_engine", plan.target_engine.name().to_owned()),
        ("switchback.source_table", plan.source.name.to_string()),
        ("switchback.target_table", plan.target.name.to_string()),
        ("switchback.policies", policies.join(",")),
    ]
    .into_iter()
    .map(|(key, value)| KeyValue::new(key.to_owned(), value))
    .collect()
}

fn sink_error(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> SinkError {
    SinkError { path: path.to_owned(), source: Box::new(source) }
}

/// The cause itself where there is one: that the disk is full, and not that
/// something outside of the Parquet writer said so.
fn parquet_error(path: &Path, error: ParquetError) -> SinkError {
    match error {
        ParquetError::External(source) => SinkError { path: path.to_owned(), source },
        other => sink_error(path, other),
    }
}
