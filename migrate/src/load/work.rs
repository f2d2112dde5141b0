//! The workers: each loads one range after the other, a range in one transaction
//! of the sink.
//!
//! A range is read by a task of its own, and a few batches of it are under way at
//! most, so that memory is bounded by the number of workers. The transaction begins
//! with the first rows: a source that has to look for them keeps no lock at the
//! sink.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use switchback_engines::bulk::{Bulk, Feed, Loader, copy_statement, text_statement};
use switchback_engines::{
    Form, KeyRange, KeyValues, RawBatch, ReadRequest, Scope, ServerInfo, StatementFailed, Taken, WriterOptions,
};
use switchback_replicate::Stream;
use switchback_replicate::failpoint::reached;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::error::{Error, Result};
use super::ledger::{Ledger, Range};
use super::plan::Job;
use super::progress::Counters;
use super::rows::{Converter, Waiting, Way};
use super::throttle::Throttle;

/// Between the task that reads and the one that writes.
const BATCHES_IN_FLIGHT: usize = 2;

/// What begins `COPY … (FORMAT binary)`, with no flags and no extension, and ends it.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = &(-1i16).to_be_bytes();

/// What all workers of one snapshot share.
pub(super) struct Shop {
    pub(super) stream: Arc<Stream>,
    pub(super) ledger: Ledger,
    pub(super) taken: Taken,
    pub(super) jobs: Vec<Job>,
    pub(super) counters: Arc<Counters>,
    pub(super) throttle: Throttle,
    pub(super) options: WriterOptions,
}

/// Loads ranges until there are none left.
///
/// # Errors
/// The first one of any worker; the others are ended then, and what they had open
/// is rolled back.
pub(super) async fn load(shop: &Arc<Shop>, ranges: Vec<Range>, workers: usize) -> Result<()> {
    let workers = workers.min(shop.taken.snapshot.readers()).min(ranges.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(ranges)));
    let mut set = JoinSet::new();
    for _ in 0..workers {
        set.spawn(work(Arc::clone(shop), Arc::clone(&queue)));
    }
    while let Some(ended) = set.join_next().await {
        match ended {
            Ok(ended) => ended?,
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    Ok(())
}

async fn work(shop: Arc<Shop>, queue: Arc<Mutex<VecDeque<Range>>>) -> Result<()> {
    let mut loader = shop.stream.sink().loader(&shop.options).await?;
    loop {
        let range = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(range) = range else { break };
        let job = shop.job(&range)?;
        shop.load_range(&mut loader, job, &range).await?;
    }
    match loader {
        Loader::Statements(writer) => writer.close().await?,
        Loader::Bulk(bulk) => bulk.close().await?,
    }
    Ok(())
}

/// What failed, and whether the sink said so of the rows.
enum Failed {
    Refused(StatementFailed),
    Other(Error),
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn of_statement(failed: StatementFailed) -> Failed {
    if failed.violation.is_some() { Failed::Refused(failed) } else { Failed::Other(failed.error.into()) }
}

impl Shop {
    pub(super) fn job(&self, range: &Range) -> Result<&Job> {
        let found = self.jobs.iter().find(|job| job.numbered == range.table);
        found.ok_or_else(|| Error::State { what: format!("the table of a range of `{}`", range.table.name) })
    }

    fn sink(&self) -> &ServerInfo {
        self.stream.sink().info()
    }

    /// Starts to read a part of a table from the snapshot.
    pub(super) fn read(&self, job: &Job, part: Part, form: Form) -> Reading {
        let (sender, batches) = mpsc::channel(BATCHES_IN_FLIGHT);
        let (snapshot, job) = (Arc::clone(&self.taken.snapshot), job.clone());
        let reading = tokio::spawn(async move {
            let scope = match &part {
                Part::Range(range) if job.key.is_empty() || *range == KeyRange::all() => Scope::All,
                Part::Range(range) => Scope::Range { key: &job.key, range },
                Part::Keys(values) => Scope::Keys { key: &job.key, values },
            };
            let request = ReadRequest { table: job.map.origin(), columns: &job.columns, scope, filter: None };
            snapshot.read(request, form, sender).await
        });
        Reading { batches, first: None, reading }
    }

    async fn load_range(&self, loader: &mut Loader, job: &Job, range: &Range) -> Result<()> {
        let mut way = Way::of(job, self.sink().engine, matches!(loader, Loader::Bulk(_)));
        loop {
            let attempt = Attempt::new(&self.counters);
            let Err(failed) = self.try_range(loader, job, range, way, &attempt).await else {
                self.counters.range_done();
                return Ok(());
            };
            attempt.undo();
            // The first error is the one to tell.
            let rolled_back = loader.writer().run(&["ROLLBACK".to_owned()]).await;
            match failed {
                Failed::Other(error) => return Err(error),
                Failed::Refused(failed) if rolled_back.is_err() => return Err(failed.error.into()),
                // What statements make of the same rows counts: a bulk form may be
                // pickier, and says nothing of the row.
                Failed::Refused(_) if way == Way::Copied => way = Way::Inserted,
                Failed::Refused(failed) => return Err(self.culprit(loader, job, range, failed).await),
            }
        }
    }

    async fn try_range(
        &self,
        loader: &mut Loader,
        job: &Job,
        range: &Range,
        way: Way,
        attempt: &Attempt<'_>,
    ) -> Result<(), Failed> {
        let form = if way == Way::AsSent { Form::AsStored } else { Form::Decoded };
        let mut reading = self.read(job, Part::Range(range.bounds.clone()), form);
        reading.wait().await;

        reached("before-range");
        let claim = [self.ledger.begin(), self.ledger.take(range, self.taken.position.as_ref())];
        let outcomes = loader.writer().run(&claim).await?;
        if outcomes.get(1).is_none_or(|outcome| outcome.affected != 1) {
            return Err(self.ledger.fenced().into());
        }
        reached("after-claim");
        let converter = Converter::new(&self.stream, job)?;
        let moved = match (&mut *loader, way) {
            (Loader::Bulk(bulk), Way::AsSent | Way::Copied) => {
                self.feed(bulk.as_mut(), &converter, reading, way, attempt).await?
            }
            (loader, _) => self.insert(loader, &converter, reading, attempt).await?,
        };
        reached("after-rows");
        let counted = loader.writer().run(&[self.ledger.count(range, moved.rows, moved.bytes)]).await?;
        if counted.first().is_none_or(|outcome| outcome.affected != 1) {
            return Err(self.ledger.fenced().into());
        }
        reached("before-commit");
        loader.writer().run(&["COMMIT".to_owned()]).await?;
        reached("after-commit");
        Ok(())
    }

    async fn feed(
        &self,
        bulk: &mut dyn Bulk,
        converter: &Converter<'_>,
        mut reading: Reading,
        way: Way,
        attempt: &Attempt<'_>,
    ) -> Result<Moved, Failed> {
        let job = converter.job;
        let statement = match way {
            Way::AsSent => Some(copy_statement(job.map.sink(), job.map.sink_columns(), true)),
            Way::Copied => text_statement(self.sink().engine, job.map.sink(), job.map.sink_columns()),
            Way::Inserted => None,
        };
        let none = || Error::State { what: format!("the way into `{}`", job.sink_name()) };
        let statement = statement.ok_or_else(none)?;
        let (sender, mut pieces) = mpsc::channel(1);
        let feeding = async move {
            let fed = bulk.feed(&statement, &mut pieces).await;
            // Whoever converts must not wait for a sink that takes no more.
            drop(pieces);
            fed
        };
        let converting = async move {
            let mut moved = Moved::default();
            let send = async |bytes: Vec<u8>| sender.send(Feed::Bytes(bytes)).await.map_err(|_| Error::Stopped);
            if way == Way::AsSent {
                send(BINARY_HEADER.to_vec()).await?;
            }
            while let Some(batch) = reading.next().await {
                let (bytes, rows) = match way {
                    Way::AsSent => (batch.bytes, batch.row_count as u64),
                    Way::Copied | Way::Inserted => converter.copied(&batch)?,
                };
                let len = bytes.len() as u64;
                for piece in self.throttle.pieces(bytes) {
                    self.throttle.pass(piece.len() as u64).await;
                    send(piece).await?;
                }
                attempt.moved(rows, len);
                moved.rows += rows;
                moved.bytes += len;
                reached("mid-rows");
            }
            if way == Way::AsSent {
                send(BINARY_TRAILER.to_vec()).await?;
            }
            reading.end(job, moved.rows).await?;
            let _ = sender.send(Feed::End).await;
            Ok::<_, Error>(moved)
        };
        match tokio::join!(feeding, converting) {
            (Ok(written), Ok(moved)) if written == moved.rows => Ok(moved),
            (Ok(written), Ok(moved)) => Err(Error::Count { table: job.sink_name(), read: moved.rows, written }.into()),
            // What the sink said is why the sending came to nothing.
            (Err(failed), Ok(_) | Err(Error::Stopped)) => Err(of_statement(failed)),
            (_, Err(error)) => Err(error.into()),
        }
    }

    async fn insert(
        &self,
        loader: &mut Loader,
        converter: &Converter<'_>,
        mut reading: Reading,
        attempt: &Attempt<'_>,
    ) -> Result<Moved, Failed> {
        let mut moved = Moved::default();
        while let Some(batch) = reading.next().await {
            for statement in statements(converter, &batch)? {
                self.throttle.pass(statement.sql.len() as u64).await;
                let len = statement.sql.len() as u64;
                let outcomes = loader.writer().run(&[statement.sql]).await.map_err(of_statement)?;
                let written = outcomes.first().map_or(0, |outcome| outcome.affected);
                if written != statement.rows {
                    let table = converter.job.sink_name();
                    return Err(Error::Count { table, read: statement.rows, written }.into());
                }
                attempt.moved(statement.rows, len);
                moved.rows += statement.rows;
                moved.bytes += len;
                reached("mid-rows");
            }
        }
        reading.end(converter.job, moved.rows).await?;
        Ok(moved)
    }

    /// Which row it was that the sink refused: found by inserting them one by one,
    /// in a transaction that comes to nothing.
    async fn culprit(&self, loader: &mut Loader, job: &Job, range: &Range, failed: StatementFailed) -> Error {
        let found = self.find_culprit(loader, job, range).await;
        let _ = loader.writer().run(&["ROLLBACK".to_owned()]).await;
        let key = found.ok().flatten().unwrap_or_else(|| "(not found again)".to_owned());
        Error::Refused { table: job.sink_name(), key, source: Box::new(failed.error) }
    }

    async fn find_culprit(&self, loader: &mut Loader, job: &Job, range: &Range) -> Result<Option<String>> {
        const ROWS_AT_ONCE: usize = 100;
        let converter = Converter::new(&self.stream, job)?;
        let mut reading = self.read(job, Part::Range(range.bounds.clone()), Form::Decoded);
        loader.writer().run(&[self.ledger.begin()]).await?;
        while let Some(batch) = reading.next().await {
            let mut rows = Vec::new();
            converter.rows(&batch, |row| {
                rows.push(row);
                Ok(())
            })?;
            for some in rows.chunks(ROWS_AT_ONCE) {
                let inserts: Vec<String> = some.iter().map(|row| converter.insert(std::slice::from_ref(row))).collect();
                if let Err(failed) = loader.writer().run(&inserts).await {
                    return Ok(some.get(failed.index).map(|row| converter.row_key(row)));
                }
            }
            self.counters.alive();
        }
        Ok(None)
    }
}

/// What is counted of a range before it is committed.
struct Attempt<'c> {
    counters: &'c Counters,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl<'c> Attempt<'c> {
    fn new(counters: &'c Counters) -> Self {
        Self { counters, rows: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    fn moved(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.moved(rows, bytes);
    }

    fn undo(&self) {
        self.counters.undone(self.rows.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
    }
}

/// A statement that inserts so many rows.
struct Insert {
    sql: String,
    rows: u64,
}

fn statements(converter: &Converter<'_>, batch: &RawBatch) -> Result<Vec<Insert>> {
    let mut statements = Vec::new();
    let mut waiting = Waiting::default();
    let insert = |rows: Vec<Vec<_>>| Insert { rows: rows.len() as u64, sql: converter.insert(&rows) };
    converter.rows(batch, |row| {
        if waiting.add(row) {
            statements.push(insert(waiting.take()));
        }
        Ok(())
    })?;
    let rest = waiting.take();
    if !rest.is_empty() {
        statements.push(insert(rest));
    }
    Ok(statements)
}

#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    rows: u64,
    bytes: u64,
}

/// Which rows of a table.
pub(super) enum Part {
    Range(KeyRange),
    Keys(Vec<KeyValues>),
}

/// A read that is under way. Dropped, it ends.
pub(super) struct Reading {
    batches: mpsc::Receiver<RawBatch>,
    first: Option<RawBatch>,
    reading: JoinHandle<switchback_engines::Result<u64>>,
}

impl Reading {
    /// Waits until there is something, or nothing will come.
    async fn wait(&mut self) {
        if self.first.is_none() {
            self.first = self.batches.recv().await;
        }
    }

    pub(super) async fn next(&mut self) -> Option<RawBatch> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.batches.recv().await,
        }
    }

    /// Makes sure that all was read, and nothing else was received.
    pub(super) async fn end(self, job: &Job, received: u64) -> Result<()> {
        let read = match self.reading.await {
            Ok(read) => read?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(Error::Stopped),
            },
        };
        if read == received {
            Ok(())
        } else {
            Err(Error::Count { table: job.map.origin().name.to_string(), read, written: received })
        }
    }
}
