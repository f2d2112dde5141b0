//! The changes of a file, by way of triggers and a change table.
//!
//! SQLite keeps no log that could be read: its write-ahead log holds pages and
//! is overwritten. So arming creates, in one transaction, a table that triggers on
//! each captured table write to, within the transaction of whoever changes a row.
//! What is rolled back there is rolled back here; what a killed process left
//! half-way was never there.
//!
//! - `arm`: creates all of it, and removes it; `trigger`: the texts; `shape`: what
//!   they depend on; `index_sql`: the one thing that must be cut out of a schema.
//! - `check`: whether everything is as it was when it was armed.
//! - `log`: rows of the log into events; `trim`: deletes what was acknowledged.
//!
//! # The log
//!
//! **One table for all**, with one cell without a declared type for each column
//! of the widest table, twice for an update. Such a cell keeps any value just as
//! it is: its storage class, all 64 bits, −0.0, NUL in text, text that is no
//! Unicode. JSON, the usual choice, keeps none of these. A table for each table
//! would need a common sequence beside them, so two inserts for each change; the
//! price of one table is a byte for each cell that a narrower one leaves empty.
//!
//! **Rows are numbered without gaps.** SQLite has one writer at a time, so the rows
//! of a transaction follow one another and the order of the numbers is the order
//! of commits. The row number is the greatest so far plus one (no AUTOINCREMENT: the
//! newest row is never deleted, and after a statement that failed under OR FAIL
//! SQLite's own count is behind). A gap is an error.
//!
//! # Transactions
//!
//! Triggers know nothing of them, so the log doesn't say where one ends. But a
//! reader only ever sees what is committed: between what two of its snapshots
//! see lie whole transactions. So [`Event::Commit`] marks *a point where a whole
//! number of the origin's transactions ended*, one or more since
//! [`Event::Begin`], in the order of commit. A reader that comes back after a
//! crash may cut at other points, between the same transactions.
//!
//! The end of such a group is fixed by one statement, which reads the number of
//! the last row together with the state of the schema. The rows up to there are
//! committed and don't change any more, so they can be read in pages by
//! statements of their own; in rollback-journal mode a snapshot that stays open
//! would keep every writer from committing.
//!
//! **Transactions of the tool itself** have to be known as such (a stream back
//! drops them), so they are never put together with others: a
//! [`crate::Writer`] brackets each of its transactions by two marks in the log
//! (see `write`), and one between the marks is delivered as a transaction of its
//! own. A change of one of the tool's own tables ([`crate::own`]) outside of the
//! marks is an error, since it would make the changes of the application beside
//! it look like the tool's.
//!
//! # REPLACE
//!
//! `INSERT OR REPLACE`, `UPDATE OR REPLACE` and constraints declared with
//! `ON CONFLICT REPLACE` delete the rows that are in the way *without* firing
//! delete triggers, unless the program has `recursive_triggers` on. So before a
//! row is inserted, or one of its keys is changed, a trigger puts down the rows that
//! are in the way of it; the trigger after the change logs those that are gone
//! as deleted. Where the statement did something else about the conflict (fail,
//! ignore, update) they are still there, and nothing is logged. Whatever else
//! happens to a row also happens to what was put down of it, so nested
//! statements of an application's own triggers don't confuse it. For this our
//! triggers must be the last before a change and the first after it; arming
//! brings them all into that order.
//!
//! # Limits
//!
//! - A program can switch triggers off in its connection
//!   (`SQLITE_DBCONFIG_ENABLE_TRIGGER`), or write to the schema or the file past
//!   SQLite. Such changes are missed.
//! - Of two triggers of a table SQLite runs the younger first; its documentation
//!   does not promise that. One that is created later stops the stream. TEMP
//!   triggers of a connection can't be seen by any other.
//! - A BEFORE trigger that changes the very row that is about to be changed: what
//!   SQLite then does is undefined by its documentation.
//! - A cascade that comes back to the row it began with (`ON UPDATE CASCADE` in a
//!   row that refers to itself) is logged before the change that made it: SQLite
//!   runs cascades before AFTER triggers. Nothing is lost by that, but whoever
//!   applies the first of the two does not find its row.
//! - REPLACE, where what it collides with is known only after the last moment
//!   that a trigger has before the change: NULL that becomes a computed DEFAULT
//!   within a unique key, and a unique index over an expression of a row number
//!   that SQLite gives.
//! - While a stream is armed SQLite refuses `ALTER TABLE … DROP COLUMN` on its
//!   tables.
//! - `total_changes()` counts the rows of the log, too; `changes()` and
//!   `last_insert_rowid()` don't.
//! - The clock of a commit is that of its last change.

mod arm;
mod check;
mod index_sql;
mod log;
mod shape;
mod trigger;
mod trim;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::Row as _;

pub(super) use arm::{arm, disarm, end};
use check::faulty;
use log::{Cursor, Log};
use trim::{Plan, Trimmer};

use super::connect::{self, End, File};
use super::pool::{self, Member};
use super::position::Spot;
use super::{Sqlite, estimate, fault, objects, read};
use crate::capture::{Capture, CaptureRequest, Distance, StreamName};
use crate::change::{Event, Position};
use crate::engine::Engine;
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::sql;
use crate::table::{Column, Table, TableRef};

/// Between two looks at whether somebody has committed. A look costs some ten
/// microseconds and in WAL mode no system call that waits; this is a part of the
/// delay of every change.
const POLL: Duration = Duration::from_millis(2);

/// Of one page, in rows of the log and in bytes of cells.
const PAGE_ROWS: usize = 256;
const PAGE_BYTES: usize = 4 << 20;

/// The number of each table of the request in triggers and in the log: its place
/// by name, so that it doesn't depend on the order of the request.
fn numbers(request: &CaptureRequest) -> Vec<usize> {
    let names = || request.tables.iter().map(|table| &table.name);
    names()
        .enumerate()
        .map(|(i, name)| names().enumerate().filter(|(j, other)| (*other, *j) < (name, i)).count())
        .collect()
}

pub(super) async fn begin(
    file: &File,
    request: &CaptureRequest,
    from: &Position,
    incarnation: &str,
) -> Result<Box<dyn Capture>> {
    let stream = &request.stream;
    let mut member = connect::open_end(file, End::Reads, file.lock_wait).await?;
    let found = check::found(file, stream, &mut member.connection).await?;
    if found.incarnation != incarnation {
        let why = format!("the stream `{stream}` of this file was armed at another time, or in another file");
        return Err(faulty(file, CaptureFault::OtherIncarnation, why));
    }
    let Some(from) = Spot::parse(from) else {
        let why = format!("`{from}` is no position of a SQLite file");
        return Err(faulty(file, CaptureFault::OtherIncarnation, why));
    };
    check::serves(file, stream, &mut member.connection, from, found.last).await?;
    let (schema_version, _) = verified(file, request).await?;
    let reader = take_over(file, stream).await?;
    let numbers = numbers(request);
    let log = Log::new(file.location.clone(), file.encoding, request, &numbers)?;
    let plan = Plan { file: file.clone(), stream: stream.clone(), reader: reader.clone() };
    let page = page(file, stream, log.width);
    Ok(Box::new(Running {
        file: file.clone(),
        request: request.clone(),
        incarnation: incarnation.to_owned(),
        reader,
        member,
        log,
        page,
        schema_version,
        data_version: None,
        cursor: Cursor::new(from),
        end: from.seq,
        trimmer: Trimmer::start(plan),
    }))
}

/// Whoever read the log until now finds another's name in its state, and stops.
async fn take_over(file: &File, stream: &StreamName) -> Result<String> {
    let state = sql::name(Engine::Sqlite, &objects::state(stream));
    let mut member = connect::open_end(file, End::Trims, file.lock_wait).await?;
    pool::once(format!("UPDATE {state} SET reader = lower(hex(randomblob(16))) RETURNING reader"))
        .fetch_one(&mut member.connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|e| fault::querying(&file.location, "taking over the change table".to_owned(), e))
}

/// The schema's version that was looked at, and the last row of the log at that
/// moment.
async fn verified(file: &File, request: &CaptureRequest) -> Result<(i64, i64)> {
    // A connection for this alone, so that one that is dropped half-way leaves no
    // transaction behind.
    let mut member = connect::open_end(file, End::Reads, file.lock_wait).await?;
    let connection = &mut member.connection;
    let failed = |e| fault::querying(&file.location, "looking at the schema".to_owned(), e);
    pool::once("BEGIN".to_owned()).execute(&mut *connection).await.map_err(failed)?;
    let found = check::found(file, &request.stream, connection).await?;
    check::schema(file, request, connection).await?;
    pool::once("COMMIT".to_owned()).execute(&mut *connection).await.map_err(failed)?;
    Ok((found.schema_version, found.last))
}

/// Behind ?1, up to ?2.
fn page(file: &File, stream: &StreamName, width: usize) -> String {
    let cells: String = (0..2 * width).map(|i| read::project(file.encoding, &format!("l.c{i}")) + ", ").collect();
    format!(
        "SELECT {cells}l.seq, l.tbl, l.op, l.at FROM {} AS l WHERE l.seq > ?1 AND l.seq <= ?2 ORDER BY l.seq LIMIT {PAGE_ROWS}",
        sql::name(Engine::Sqlite, &objects::log(stream))
    )
}

struct Running {
    file: File,
    request: CaptureRequest,
    incarnation: String,
    reader: String,
    member: Member,
    log: Log,
    page: String,
    /// Of the schema that was last found to be right.
    schema_version: i64,
    /// See `position`; `None` before the first look.
    data_version: Option<i64>,
    cursor: Cursor,
    /// The last row of the snapshot that is being read.
    end: i64,
    trimmer: Trimmer,
}

#[async_trait]
impl Capture for Running {
    /// What was read is taken over only when nothing is waited for any more, so a
    /// call that is dropped, or fails, reads the same again.
    async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            let events = match self.go_on().await {
                // In rollback-journal mode somebody who commits keeps all others
                // out, for as long as it takes him.
                Err(Error::Query { fault: QueryFault::TimedOut, .. }) => Vec::new(),
                other => other?,
            };
            if !events.is_empty() {
                return Ok(events);
            }
            if self.cursor.read.seq == self.end {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    fn acknowledge(&mut self, position: &Position) {
        if let Some(spot) = Spot::parse(position) {
            self.trimmer.acknowledge(spot.seq);
        }
    }
}

impl Running {
    /// The next page; nothing where there is none, or nothing to hand out in it.
    async fn go_on(&mut self) -> Result<Vec<Event>> {
        if self.cursor.read.seq < self.end || self.look().await? { self.read_page().await } else { Ok(Vec::new()) }
    }

    /// Whether there is something new; sets the end of the next snapshot.
    async fn look(&mut self) -> Result<bool> {
        let failed = |e| fault::querying(&self.log.location, "looking for what has changed".to_owned(), e);
        // Before the look: what is committed in between is seen now, and once
        // more as a change of the version.
        let version: i64 = pool::prepared("PRAGMA data_version".to_owned())
            .fetch_one(&mut self.member.connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed)?;
        if self.data_version == Some(version) {
            return Ok(false);
        }
        let found = check::found(&self.file, &self.request.stream, &mut self.member.connection).await?;
        if found.incarnation != self.incarnation {
            let why = format!("the stream `{}` was armed again", self.request.stream);
            return Err(faulty(&self.file, CaptureFault::OtherIncarnation, why));
        }
        if found.reader != self.reader {
            // Who may go on is for the progress row to say: of two that start at once the
            // one that was superseded may open the log last. So it is like a connection that
            // was lost, and each looks there.
            return Err(Error::Query {
                location: self.log.location.clone(),
                what: "looking for what has changed".to_owned(),
                fault: QueryFault::ConnectionLost,
                source: format!("the stream `{}` is captured by another process now", self.request.stream).into(),
            });
        }
        if let Some(error) = self.trimmer.failure().await {
            return Err(error);
        }
        let mut last = found.last;
        if found.schema_version != self.schema_version {
            (self.schema_version, last) = verified(&self.file, &self.request).await?;
        }
        if last < self.cursor.read.seq {
            let why = format!("the change table ends at row {last}, and row {} was read", self.cursor.read.seq);
            return Err(faulty(&self.file, CaptureFault::Ahead, why));
        }
        self.data_version = Some(version);
        self.end = last;
        Ok(last > self.cursor.read.seq)
    }

    async fn read_page(&mut self) -> Result<Vec<Event>> {
        let Self { member, log, page, cursor, end, .. } = self;
        let failed = |e| fault::querying(&log.location, "reading the change table".to_owned(), e);
        let (mut ahead, mut events, mut bytes, mut count) = (*cursor, Vec::new(), 0, 0);
        let query = pool::prepared(page.clone()).bind(ahead.read.seq).bind(*end);
        let mut rows = query.fetch(&mut member.connection);
        while bytes < PAGE_BYTES
            && let Some(row) = rows.try_next().await.map_err(failed)?
        {
            log.take(&row, &mut ahead, &mut events, &mut bytes)?;
            count += 1;
        }
        drop(rows);
        if count == 0 {
            let why = format!("row {} of the change table is missing", ahead.read.seq + 1);
            return Err(faulty(&self.file, CaptureFault::LogGone, why));
        }
        if ahead.read.seq == *end {
            log.end(&mut ahead, &mut events)?;
        }
        *cursor = ahead;
        Ok(events)
    }
}

/// Rows are counted by their numbers; how long one is, is known from some at both
/// ends of the log.
pub(super) async fn distance(db: &Sqlite, stream: &StreamName, position: &Position) -> Result<Distance> {
    let Some(from) = Spot::parse(position) else {
        let why = format!("`{position}` is no position of a SQLite file");
        return Err(faulty(&db.file, CaptureFault::OtherIncarnation, why));
    };
    let mut lease = db.pool.lease().await?;
    let last = check::found(&db.file, stream, lease.connection()).await?.last;
    let log = described(stream, lease.connection()).await;
    let measured = match log {
        Ok(log) => {
            let stored = vec![true; log.columns.len()];
            let width = estimate::width(lease.connection(), &log, &stored, Some("seq")).await;
            let query = format!("SELECT min(seq) FROM {}", sql::table(Engine::Sqlite, &log.name));
            let first = pool::once(query).fetch_one(lease.connection()).await.and_then(|row| row.try_get::<i64, _>(0));
            width.and_then(|width| Ok((width, first?)))
        }
        Err(error) => Err(error),
    };
    let (width, first) =
        measured.map_err(|e| fault::querying(&db.file.location, "measuring the change table".to_owned(), e))?;
    lease.release();
    let bytes = |rows: i64| u64::try_from(rows).unwrap_or(0).saturating_mul(width);
    Ok(Distance { log_bytes: Some(bytes(last - from.seq)), retained_bytes: Some(bytes(last - first + 1)) })
}

/// The log as a table, as far as its width goes.
async fn described(stream: &StreamName, connection: &mut sqlx::SqliteConnection) -> Result<Table, sqlx::Error> {
    let name = objects::log(stream);
    let rows = pool::prepared("SELECT name FROM pragma_table_info(?1, 'main')".to_owned())
        .bind(name.clone())
        .fetch_all(connection)
        .await?;
    let columns = rows
        .iter()
        .map(|row| {
            let name = row.try_get(0)?;
            Ok(Column { name, native: String::new(), logical: None, nullable: true, generated: false, collation: None })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(Table {
        name: TableRef { schema: None, name },
        columns,
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    })
}
