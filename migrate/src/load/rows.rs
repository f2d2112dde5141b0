//! From what the source sends to what the sink takes.

use std::sync::Arc;

use switchback_engines::bulk::{takes_text, text_row};
use switchback_engines::sql::change;
use switchback_engines::{Column, DecodeRows, Engine, Flavor, KeyValues, OwnedValue, RawBatch, Value};
use switchback_replicate::Stream;

use super::error::{Error, Result};
use super::plan::Job;

/// Rows of one statement: so many bytes, or so many rows, whichever is reached
/// first.
const STATEMENT_BYTES: usize = 256 << 10;
const STATEMENT_ROWS: usize = 1_000;

/// How the rows of a table get into the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As the bytes that the source sent.
    AsSent,
    /// As text for the sink's `COPY` or `LOAD DATA`.
    Copied,
    /// By statements that insert several.
    Inserted,
}

impl Way {
    /// `bulk`: whether the sink's session takes a bulk form at all.
    pub(super) fn of(job: &Job, sink: Engine, bulk: bool) -> Self {
        let columns = job.map.sink_columns().iter().filter_map(|&i| job.map.sink().columns.get(i));
        match sink {
            Engine::Postgres if bulk && job.passes => Self::AsSent,
            _ if bulk && takes_text(sink, columns) => Self::Copied,
            Engine::Postgres | Engine::MySql | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => Self::Inserted,
        }
    }
}

/// Makes the sink's rows of the source's.
pub(super) struct Converter<'j> {
    pub(super) job: &'j Job,
    engine: Engine,
    flavor: Flavor,
    decoder: Arc<dyn DecodeRows>,
}

impl<'j> Converter<'j> {
    pub(super) fn new(stream: &Stream, job: &'j Job) -> Result<Self> {
        let sink = stream.sink().info();
        let decoder = stream.origin().decoder(job.map.origin(), &job.columns)?;
        Ok(Self { job, engine: sink.engine, flavor: sink.flavor, decoder })
    }

    /// Hands out each row of a batch as the sink would hold it.
    ///
    /// # Errors
    /// [`Error::Unfit`] for the first value that it can't hold; and those of `each`,
    /// which gets no more rows then.
    pub(super) fn rows(&self, batch: &RawBatch, mut each: impl FnMut(Vec<OwnedValue>) -> Result<()>) -> Result<()> {
        let mut failed = None;
        self.decoder.decode(batch, &mut |values| {
            if failed.is_none() {
                failed = self.row(values).and_then(&mut each).err();
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn row(&self, values: &[Value<'_>]) -> Result<Vec<OwnedValue>> {
        let fitted = values.iter().enumerate().map(|(place, value)| {
            self.job.map.fit(place, value.clone().into_owned()).map_err(|source| Error::Unfit {
                table: self.job.sink_name(),
                key: self.key_text(values),
                source,
            })
        });
        fitted.collect()
    }

    fn key_text(&self, values: &[Value<'_>]) -> String {
        let key = self.job.key_places().iter().filter_map(|&place| values.get(place));
        let key: KeyValues = key.map(|value| value.clone().into_owned()).collect();
        if key.is_empty() { "(of a table without a key)".to_owned() } else { self.job.map.key_text(&key) }
    }

    /// The key of a row of the sink's.
    pub(super) fn row_key(&self, row: &[OwnedValue]) -> String {
        self.key_text(row)
    }

    /// A batch as text for the sink's bulk form, and its number of rows.
    pub(super) fn copied(&self, batch: &RawBatch) -> Result<(Vec<u8>, u64)> {
        let columns: Vec<&Column> = self.columns().collect();
        let mut bytes = Vec::with_capacity(batch.bytes.len());
        let mut count = 0;
        self.rows(batch, |row| {
            count += 1;
            if text_row(self.engine, columns.iter().copied().zip(&row), &mut bytes) {
                return Ok(());
            }
            // `fit` lets no value through that the column's text does not say.
            Err(Error::State { what: format!("a value for `{}`", self.job.sink_name()) })
        })?;
        Ok((bytes, count))
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.job.map.sink_columns().iter().filter_map(|&i| self.job.map.sink().columns.get(i))
    }

    pub(super) fn target(&self) -> change::Rows<'_> {
        change::Rows {
            engine: self.engine,
            flavor: self.flavor,
            table: self.job.map.sink(),
            columns: self.job.map.sink_columns(),
            identity: self.job.map.identity(),
        }
    }

    pub(super) fn insert(&self, rows: &[Vec<OwnedValue>]) -> String {
        let rows: Vec<Vec<Option<&OwnedValue>>> = rows.iter().map(|row| row.iter().map(Some).collect()).collect();
        let rows: Vec<&[Option<&OwnedValue>]> = rows.iter().map(Vec::as_slice).collect();
        self.target().insert(&rows)
    }

    /// A statement that deletes the rows of these keys of the sink's.
    pub(super) fn delete(&self, keys: &[KeyValues]) -> String {
        let cells = |key: &'_ KeyValues| -> Vec<(usize, OwnedValue)> {
            self.job.key_places().iter().copied().zip(key.iter().cloned()).collect()
        };
        let keys: Vec<Vec<(usize, OwnedValue)>> = keys.iter().map(cells).collect();
        let keys: Vec<Vec<change::Cell<'_>>> =
            keys.iter().map(|key| key.iter().map(|(place, value)| (*place, value)).collect()).collect();
        self.target().delete_many(&keys)
    }
}

/// Rows that wait until there are enough for a statement.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Vec<Vec<OwnedValue>>,
    bytes: usize,
}

impl Waiting {
    /// Adds a row; whether it is time for a statement.
    pub(super) fn add(&mut self, row: Vec<OwnedValue>) -> bool {
        self.bytes += row.iter().map(|value| value.size_bytes()).sum::<usize>();
        self.rows.push(row);
        self.bytes >= STATEMENT_BYTES || self.rows.len() >= STATEMENT_ROWS
    }

    pub(super) fn take(&mut self) -> Vec<Vec<OwnedValue>> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}
