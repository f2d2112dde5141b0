//! Difference files read back, a batch at a time.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::vec;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch, StringArray, StructArray};
use chrono::{DateTime, Utc};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use switchback_engines::OwnedValue;
use switchback_verify::{Difference, Kind, Status, TableOutcome, TablePlan};

use super::column::value_at;
use super::layout::{self, Layout, NamedShape};
use super::spelling;
use crate::error::{Error, Result};

/// Of the files' columns. Raised whenever a reader of the old form would
/// misunderstand the new one.
pub const SCHEMA_VERSION: u32 = 1;

pub(super) const SCHEMA_VERSION_KEY: &str = "switchback.schema_version";

/// Rows decoded at once.
const BATCH_ROWS: usize = 1024;

/// The differences of one table, in the order they were written.
///
/// # Errors
/// Files that are missing, damaged, or of a later version. Each item can fail
/// too; after an error there are no more items.
pub fn differences(run_dir: &Path, table: &TableOutcome) -> Result<Differences> {
    differences_where(run_dir, table, |_, _| true)
}

/// Those of some kinds; the others' values are not even decoded.
pub(crate) fn differences_where(
    run_dir: &Path,
    table: &TableOutcome,
    wanted: impl Fn(Kind, Status) -> bool + Send + 'static,
) -> Result<Differences> {
    let paths: Vec<PathBuf> = table.files.iter().map(|file| run_dir.join(file)).collect();
    let rows = match &table.plan {
        Some(plan) => Some(RowReader::new(plan).map_err(|e| Error::malformed(run_dir, e))?),
        None if paths.is_empty() => None,
        None => return Err(Error::malformed(run_dir, "a table has differences and no plan")),
    };
    Ok(Differences {
        rows,
        wanted: Wanted(Box::new(wanted)),
        paths: paths.into_iter(),
        open: None,
        ready: Vec::new().into_iter(),
    })
}

/// See [`differences`].
#[derive(Debug)]
pub struct Differences {
    rows: Option<RowReader>,
    wanted: Wanted,
    paths: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, ParquetRecordBatchReader)>,
    ready: vec::IntoIter<Difference>,
}

/// Which differences to read.
struct Wanted(Box<dyn Fn(Kind, Status) -> bool + Send>);

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

impl Iterator for Differences {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(difference) = self.ready.next() {
                return Some(Ok(difference));
            }
            match self.read_batch() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.paths = Vec::new().into_iter();
                    self.open = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Differences {
    /// Makes the next batch ready; `false` at the end of the last file.
    fn read_batch(&mut self) -> Result<bool> {
        let Some(rows) = &self.rows else { return Ok(false) };
        loop {
            if let Some((path, reader)) = &mut self.open {
                match reader.next() {
                    Some(batch) => {
                        let batch = batch.map_err(|e| Error::malformed(path, e))?;
                        self.ready =
                            rows.read(&batch, &self.wanted).map_err(|e| Error::malformed(path, e))?.into_iter();
                        return Ok(true);
                    }
                    None => self.open = None,
                }
            }
            let Some(path) = self.paths.next() else { return Ok(false) };
            let reader = open(&path, &rows.layout)?;
            self.open = Some((path, reader));
        }
    }
}

fn open(path: &Path, layout: &Layout) -> Result<ParquetRecordBatchReader> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| Error::malformed(path, e))?;
    let version = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|all| all.iter().find(|kv| kv.key == SCHEMA_VERSION_KEY))
        .and_then(|kv| kv.value.as_deref()?.parse::<u32>().ok())
        .ok_or_else(|| Error::malformed(path, "it has no format version"))?;
    if version > SCHEMA_VERSION {
        return Err(Error::Newer { path: path.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    if builder.schema().fields() != layout.schema.fields() {
        return Err(Error::malformed(path, "its columns are not those of the run's plan"));
    }
    builder.with_batch_size(BATCH_ROWS).build().map_err(|e| Error::malformed(path, e))
}

/// Turns batches back into differences.
#[derive(Debug)]
struct RowReader {
    layout: Layout,
    /// Positions of the source's names.
    positions: HashMap<String, usize>,
    target_positions: HashMap<String, usize>,
}

/// A file of the right columns holds what this tool never writes.
#[derive(Debug, thiserror::Error)]
#[error("the column `{0}` holds what this tool does not write")]
struct Unexpected(&'static str);

impl RowReader {
    fn new(plan: &TablePlan) -> Result<Self, layout::NoSuchColumn> {
        let layout = Layout::of(plan)?;
        let positions = |named: &[NamedShape]| named.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        Ok(Self { positions: positions(&layout.source), target_positions: positions(&layout.target), layout })
    }

    fn read(&self, batch: &RecordBatch, wanted: &Wanted) -> Result<Vec<Difference>, Unexpected> {
        let mut all = Vec::new();
        let kind = texts(batch, layout::KIND)?;
        let status = texts(batch, layout::STATUS)?;
        let changed = named(batch, layout::CHANGED_COLUMNS)?.as_list_opt::<i32>();
        let changed = changed.ok_or(Unexpected(layout::CHANGED_COLUMNS))?;
        for row in 0..batch.num_rows() {
            let kind = kind_of(kind.value(row)).ok_or(Unexpected(layout::KIND))?;
            let status = status_of(status.value(row)).ok_or(Unexpected(layout::STATUS))?;
            if !wanted.0(kind, status) {
                continue;
            }
            let names = changed.value(row);
            let names = names.as_string_opt::<i32>().ok_or(Unexpected(layout::CHANGED_COLUMNS))?;
            let changed = names.iter().map(|name| self.positions.get(name?).copied());
            let mut difference = Difference {
                kind,
                status,
                range: u32::try_from(number::<Int32Type>(batch, layout::RANGE, row)?)
                    .map_err(|_| Unexpected(layout::RANGE))?,
                changed: changed.collect::<Option<_>>().ok_or(Unexpected(layout::CHANGED_COLUMNS))?,
                source: side(batch, layout::SOURCE, &self.layout.source, row)?,
                target: side(batch, layout::TARGET, &self.layout.target, row)?,
                source_count: count(batch, layout::SOURCE_COUNT, row)?,
                target_count: count(batch, layout::TARGET_COUNT, row)?,
                first_seen: moment(batch, layout::FIRST_SEEN, row)?,
                decided: moment(batch, layout::DECIDED, row)?,
            };
            self.read_untyped(batch, row, &mut difference)?;
            all.push(difference);
        }
        Ok(all)
    }

    /// Puts the values that no typed field holds where they belong.
    fn read_untyped(&self, batch: &RecordBatch, row: usize, difference: &mut Difference) -> Result<(), Unexpected> {
        let wrong = || Unexpected(layout::UNTYPED);
        let items = named(batch, layout::UNTYPED)?.as_list_opt::<i32>().ok_or_else(wrong)?.value(row);
        let items = items.as_struct_opt().ok_or_else(wrong)?;
        for item in 0..items.len() {
            let part = |name| {
                let texts = items.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
                texts.map(|texts| texts.value(item)).ok_or_else(wrong)
            };
            let (values, positions) = match part("side")? {
                layout::SOURCE => (&mut difference.source, &self.positions),
                layout::TARGET => (&mut difference.target, &self.target_positions),
                // The same value is on its own side too.
                layout::KEY => continue,
                _ => return Err(wrong()),
            };
            let slot = positions.get(part("column")?).and_then(|&i| values.as_mut()?.get_mut(i)).ok_or_else(wrong)?;
            *slot = spelling::parse(part("type")?, part("text")?).ok_or_else(wrong)?;
        }
        Ok(())
    }
}

fn named<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a dyn Array, Unexpected> {
    batch.column_by_name(name).map(AsRef::as_ref).ok_or(Unexpected(name))
}

fn texts<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, Unexpected> {
    named(batch, name)?.as_string_opt::<i32>().ok_or(Unexpected(name))
}

fn number<T: ArrowPrimitiveType>(batch: &RecordBatch, name: &'static str, row: usize) -> Result<T::Native, Unexpected> {
    Ok(named(batch, name)?.as_primitive_opt::<T>().ok_or(Unexpected(name))?.value(row))
}

fn count(batch: &RecordBatch, name: &'static str, row: usize) -> Result<u64, Unexpected> {
    u64::try_from(number::<Int64Type>(batch, name, row)?).map_err(|_| Unexpected(name))
}

fn moment(batch: &RecordBatch, name: &'static str, row: usize) -> Result<DateTime<Utc>, Unexpected> {
    let micros = number::<TimestampMicrosecondType>(batch, name, row)?;
    DateTime::from_timestamp_micros(micros).ok_or(Unexpected(name))
}

fn side(
    batch: &RecordBatch,
    name: &'static str,
    columns: &[NamedShape],
    row: usize,
) -> Result<Option<Vec<OwnedValue>>, Unexpected> {
    if columns.is_empty() {
        return Ok(None);
    }
    let fields: &StructArray = named(batch, name)?.as_struct_opt().ok_or(Unexpected(name))?;
    if fields.is_null(row) {
        return Ok(None);
    }
    let values = columns.iter().zip(fields.columns()).map(|(c, array)| value_at(c.shape, array, row));
    values.collect::<Option<Vec<_>>>().map(Some).ok_or(Unexpected(name))
}

fn kind_of(name: &str) -> Option<Kind> {
    [Kind::SourceOnly, Kind::TargetOnly, Kind::Changed, Kind::KeyCollision].into_iter().find(|k| k.name() == name)
}

fn status_of(name: &str) -> Option<Status> {
    [Status::Confirmed, Status::Unresolved].into_iter().find(|s| s.name() == name)
}
