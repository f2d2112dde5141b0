//! Dead letters of a stream as Parquet files.
//!
//! | column | |
//! |---|---|
//! | `id`, `stream` | together the name of a letter |
//! | `epoch`, `incarnation`, `position`, `seq`, `ordinal`, `committed_at` | which change of which transaction it is |
//! | `operation`, `table`, `key` | what was to be done, and to which row |
//! | `before`, `after` | the row, column by column, as text; what the log lacks is left out |
//! | `sink_row` | the row that was in the way, likewise |
//! | `class`, `reason` | what is wrong with it |
//! | `policy`, `state` | what was decided, and what had become of it when it was exported |
//! | `tool_version`, `change`, `row_blake3` | the change exactly as it is, in the tool's own form, and its hash |
//!
//! Invariants: a file has its name only when it is whole and on the disk, and a
//! name stands for the same letters for ever, so that writing it again after a
//! crash changes nothing. Which letters go where, and when they leave the
//! database, is not decided here: see [`switchback_replicate::LetterArchive`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Int64Builder, MapBuilder, MapFieldNames, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use switchback_replicate::{ArchiveError, DeadLetter, LetterArchive, TextRow};

use crate::durable;

/// Of the files' columns. Raised whenever a reader of the old form would
/// misunderstand the new one.
pub const SCHEMA_VERSION: u32 = 1;

const EXTENSION: &str = "parquet";
/// Held while files are written, so that two exports don't fill one file.
const LOCK: &str = ".lock";
const ZSTD_LEVEL: i32 = 3;
/// Text that is gathered before it is encoded.
const BATCH_BYTES: usize = 32 << 20;

/// A folder of files, one for each name.
#[derive(Debug)]
pub struct ParquetLetters {
    folder: PathBuf,
}

impl ParquetLetters {
    /// Nothing is created before the first letter.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the letters of a name are.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{EXTENSION}"))
    }

    fn fill(&self, partial: &Path, name: &str, letters: &[DeadLetter]) -> Result<(), ArchiveError> {
        let mut rest = letters;
        let mut columns = Columns::new();
        let first = columns.take(&mut rest)?;
        let mut writer = ArrowWriter::try_new(File::create(partial)?, first.schema(), Some(properties(name)?))?;
        writer.write(&first)?;
        while !rest.is_empty() {
            writer.write(&columns.take(&mut rest)?)?;
        }
        writer.finish()?;
        writer.inner().sync_all()?;
        Ok(())
    }
}

impl LetterArchive for ParquetLetters {
    fn holds(&self, name: &str) -> Result<bool, ArchiveError> {
        Ok(self.path(name).try_exists()?)
    }

    fn write(&self, name: &str, letters: &[DeadLetter]) -> Result<(), ArchiveError> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join(LOCK))?;
        lock.lock()?;
        let path = self.path(name);
        let partial = durable::partial_path(&path);
        let written = self.fill(&partial, name, letters).and_then(|()| Ok(fs::rename(&partial, &path)?));
        if let Err(error) = written {
            // What is left of the attempt may be what fills the disk.
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        // The folder and the one that it is in may be new as well.
        self.folder.ancestors().take(2).try_for_each(durable::sync_folder)?;
        Ok(())
    }
}

fn properties(name: &str) -> Result<WriterProperties, ParquetError> {
    let metadata = [
        ("switchback.dead_letters_version", SCHEMA_VERSION.to_string()),
        ("switchback.tool_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("switchback.archive", name.to_owned()),
    ];
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(format!("switchback {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec()))
        .build())
}

type RowBuilder = MapBuilder<StringBuilder, StringBuilder>;

/// The columns of a batch, while it is filled.
struct Columns {
    numbers: [(&'static str, Int64Builder); 4],
    committed_at: TimestampMicrosecondBuilder,
    texts: [(&'static str, StringBuilder); 11],
    reason: StringBuilder,
    rows: [(&'static str, RowBuilder); 3],
    change: BinaryBuilder,
}

impl Columns {
    fn new() -> Self {
        let names =
            || MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
        Self {
            numbers: ["id", "epoch", "seq", "ordinal"].map(|name| (name, Int64Builder::new())),
            committed_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            texts: [
                "stream",
                "incarnation",
                "position",
                "operation",
                "table",
                "key",
                "class",
                "policy",
                "state",
                "tool_version",
                "row_blake3",
            ]
            .map(|name| (name, StringBuilder::new())),
            reason: StringBuilder::new(),
            rows: ["before", "after", "sink_row"]
                .map(|name| (name, RowBuilder::new(Some(names()), StringBuilder::new(), StringBuilder::new()))),
            change: BinaryBuilder::new(),
        }
    }

    /// Takes letters from the front, at least one where there are any, up to the
    /// bound of a batch.
    fn take(&mut self, letters: &mut &[DeadLetter]) -> Result<RecordBatch, ArrowError> {
        let mut bytes = 0;
        while let Some((letter, rest)) = letters.split_first().filter(|_| bytes < BATCH_BYTES) {
            bytes += letter.change.len();
            self.push(letter)?;
            *letters = rest;
        }
        self.finish()
    }

    fn push(&mut self, letter: &DeadLetter) -> Result<(), ArrowError> {
        let numbers = [letter.id, letter.epoch, letter.seq, letter.ordinal];
        self.numbers.iter_mut().zip(numbers).for_each(|((_, builder), number)| builder.append_value(number));
        self.committed_at.append_value(letter.committed_at);
        let texts = [
            letter.stream.as_str(),
            &letter.incarnation,
            &letter.position.0,
            &letter.operation,
            &letter.table,
            &letter.key,
            letter.class.name(),
            letter.policy.name(),
            letter.state.name(),
            &letter.tool_version,
            &letter.row_blake3,
        ];
        self.texts.iter_mut().zip(texts).for_each(|((_, builder), text)| builder.append_value(text));
        self.reason.append_option(letter.reason.as_deref());
        let rows = [&letter.before, &letter.after, &letter.sink_row];
        for ((_, builder), row) in self.rows.iter_mut().zip(rows) {
            for (name, value) in row.iter().flat_map(|TextRow(cells)| cells) {
                builder.keys().append_value(name);
                builder.values().append_option(value.as_deref());
            }
            builder.append(row.is_some())?;
        }
        self.change.append_value(&letter.change);
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<(&str, ArrayRef, bool)> = Vec::new();
        for (name, builder) in &mut self.numbers {
            columns.push((*name, ArrayBuilder::finish(builder), false));
        }
        columns.push(("committed_at", ArrayBuilder::finish(&mut self.committed_at), false));
        for (name, builder) in &mut self.texts {
            columns.push((*name, ArrayBuilder::finish(builder), false));
        }
        columns.push(("reason", ArrayBuilder::finish(&mut self.reason), true));
        for (name, builder) in &mut self.rows {
            columns.push((*name, ArrayBuilder::finish(builder), true));
        }
        columns.push(("change", ArrayBuilder::finish(&mut self.change), false));
        let field = |(name, array, nullable): &(&str, ArrayRef, bool)| {
            Field::new((*name).to_owned(), array.data_type().clone(), *nullable)
        };
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array, _)| array).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let letters = ParquetLetters::new(folder.path().join("letters"));
        assert!(!letters.holds("a").unwrap());
        assert_eq!(letters.path("a").extension().and_then(|e| e.to_str()), Some(EXTENSION));
        // Something that can't be written over is in the way.
        fs::create_dir_all(durable::partial_path(&letters.path("a"))).unwrap();
        assert!(letters.write("a", &[]).is_err());
        assert!(!letters.holds("a").unwrap());
    }
}
