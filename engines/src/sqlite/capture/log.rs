//! Rows of the log into events.
//!
//! Pure: what comes in order goes out in order, and what does not fit the rules
//! by which the log is written is an error, since something else has then
//! written to it.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::trigger::op;
use crate::batch::{DecodeRows, RawBatch};
use crate::capture::{self, CaptureRequest};
use crate::change::{Change, Event, Image};
use crate::engine::Engine;
use crate::error::{CaptureFault, Error, Result};
use crate::own;
use crate::sqlite::connect::Encoding;
use crate::sqlite::position::Spot;
use crate::sqlite::{fault, read, wire};

/// A captured table, as far as its rows are concerned.
pub(super) struct Source {
    name: String,
    width: usize,
    own: bool,
    decoder: Arc<dyn DecodeRows>,
}

/// What is the same for all rows.
pub(super) struct Log {
    pub(super) location: String,
    pub(super) encoding: Encoding,
    /// Of the widest table.
    pub(super) width: usize,
    sources: Vec<Source>,
    /// The place in the request of the table with each number.
    places: Vec<usize>,
}

/// Where the reading of a log stands between two rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    /// The last row that was read.
    pub(super) read: Spot,
    state: State,
    /// Whether nothing was handed out for what was read last.
    idle: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two transactions.
    Between,
    /// Among the transactions of others, of which a whole number ends where the
    /// snapshot does, or where a transaction of ours begins.
    Theirs,
    /// Within one of ours. Its `Begin` is only handed out before its first
    /// change: most of what an applier writes may not be captured.
    Ours { begun: bool },
}

impl Log {
    pub(super) fn new(
        location: String,
        encoding: Encoding,
        request: &CaptureRequest,
        numbers: &[usize],
    ) -> Result<Self> {
        let mut sources = Vec::with_capacity(request.tables.len());
        for table in &request.tables {
            let columns = capture::columns(table);
            sources.push(Source {
                name: table.name.to_string(),
                width: columns.len(),
                own: own::is_own(Engine::Sqlite, &table.name),
                decoder: wire::decoder(table, &columns)?,
            });
        }
        let mut places = vec![0; numbers.len()];
        for (place, &number) in numbers.iter().enumerate() {
            if let Some(slot) = places.get_mut(number) {
                *slot = place;
            }
        }
        let width = sources.iter().map(|source| source.width).max().unwrap_or(0);
        Ok(Self { location, encoding, width, sources, places })
    }

    /// Takes one row. `bytes` is added to by as much as it holds.
    pub(super) fn take(
        &self,
        row: &SqliteRow,
        cursor: &mut Cursor,
        out: &mut Vec<Event>,
        bytes: &mut usize,
    ) -> Result<()> {
        let meta =
            self.meta(row).map_err(|e| fault::querying(&self.location, "reading the change table".to_owned(), e))?;
        if meta.spot.seq != cursor.read.seq + 1 {
            let why = format!("row {} of the change table is missing", cursor.read.seq + 1);
            return Err(self.faulty(CaptureFault::LogGone, why));
        }
        let before = cursor.read;
        cursor.read = meta.spot;
        match (meta.op.as_str(), cursor.state) {
            (op::BEGIN, State::Between) => cursor.state = State::Ours { begun: false },
            (op::BEGIN, State::Theirs) => {
                out.push(commit(before));
                cursor.state = State::Ours { begun: false };
            }
            (op::END, State::Ours { begun }) => {
                cursor.state = State::Between;
                cursor.idle = !begun;
                if begun {
                    out.push(commit(meta.spot));
                }
            }
            (op::INSERT | op::UPDATE | op::DELETE, state) => {
                let change = self.change(row, &meta, bytes)?;
                cursor.state = self.begun(state, change.1, out)?;
                out.push(Event::Change(change.0));
            }
            _ => {
                let why = format!("row {} of the change table does not fit the one before", meta.spot.seq);
                return Err(self.faulty(CaptureFault::Unfaithful, why));
            }
        }
        Ok(())
    }

    /// The snapshot ends here.
    pub(super) fn end(&self, cursor: &mut Cursor, out: &mut Vec<Event>) -> Result<()> {
        match cursor.state {
            State::Between if cursor.idle => out.push(Event::Idle { position: cursor.read.position() }),
            State::Between => {}
            State::Theirs => out.push(commit(cursor.read)),
            State::Ours { .. } => {
                let why =
                    "a transaction of the tool has no end in the change table: something else wrote to its tables";
                return Err(self.faulty(CaptureFault::Unfaithful, why.to_owned()));
            }
        }
        cursor.state = State::Between;
        cursor.idle = false;
        Ok(())
    }

    fn begun(&self, state: State, source: &Source, out: &mut Vec<Event>) -> Result<State> {
        let after = match state {
            State::Between => {
                out.push(Event::Begin);
                State::Theirs
            }
            State::Theirs => State::Theirs,
            State::Ours { begun } => {
                if !begun {
                    out.push(Event::Begin);
                }
                State::Ours { begun: true }
            }
        };
        if after == State::Theirs && source.own {
            // Were it handed out among the changes of the application, those
            // would be taken for the tool's and dropped with it.
            let why = format!("`{}` was changed by something else than the tool", source.name);
            return Err(self.faulty(CaptureFault::Unfaithful, why));
        }
        Ok(after)
    }

    fn change(&self, row: &SqliteRow, meta: &Meta, bytes: &mut usize) -> Result<(Change, &Source)> {
        let known = usize::try_from(meta.table).ok().and_then(|number| self.places.get(number));
        let Some((&table, source)) = known.and_then(|place| Some((place, self.sources.get(*place)?))) else {
            let why = format!("row {} of the change table is of no table of this stream", meta.spot.seq);
            return Err(self.faulty(CaptureFault::SchemaChanged, why));
        };
        let first = self.image(row, source, 0, bytes)?;
        let change = match meta.op.as_str() {
            op::INSERT => Change::Insert { table, new: first },
            op::DELETE => Change::Delete { table, old: first },
            _ => Change::Update { table, new: first, old: Some(self.image(row, source, source.width, bytes)?) },
        };
        Ok((change, source))
    }

    /// By the same way as what a read of the table gives: see `read` and `wire`.
    fn image(&self, row: &SqliteRow, source: &Source, at: usize, bytes: &mut usize) -> Result<Image> {
        let mut batch = RawBatch { bytes: Vec::new(), row_count: 1 };
        read::put_row(row, at..at + source.width, self.encoding, &mut batch.bytes)
            .map_err(|e| fault::querying(&self.location, "reading the change table".to_owned(), e))?;
        *bytes += batch.bytes.len();
        let mut image = Image::with_capacity(source.width);
        source.decoder.decode(&batch, &mut |cells| {
            image.extend(cells.iter().map(|cell| Some(cell.clone().into_owned())));
        })?;
        Ok(image)
    }

    fn meta(&self, row: &SqliteRow) -> Result<Meta, sqlx::Error> {
        let cells = match self.encoding {
            Encoding::Utf8 => 2 * self.width,
            Encoding::Utf16Le | Encoding::Utf16Be => 4 * self.width,
        };
        Ok(Meta {
            spot: Spot { seq: row.try_get(cells)?, at: row.try_get(cells + 3)? },
            table: row.try_get::<Option<i64>, _>(cells + 1)?.unwrap_or(-1),
            op: row.try_get(cells + 2)?,
        })
    }

    fn faulty(&self, fault: CaptureFault, why: String) -> Error {
        Error::Capture { location: self.location.clone(), fault, why }
    }
}

impl Cursor {
    pub(super) fn new(from: Spot) -> Self {
        Self { read: from, state: State::Between, idle: false }
    }
}

struct Meta {
    spot: Spot,
    table: i64,
    op: String,
}

fn commit(spot: Spot) -> Event {
    Event::Commit { position: spot.position(), committed_at: spot.at.saturating_mul(1000) }
}
