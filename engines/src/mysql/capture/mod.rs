//! The changes of tables, from the row binlog by GTID.
//!
//! The connection is our own here too, and so is the decoder: its dozen events
//! are few, and values have to be exactly those that a read of the same row gives,
//! which no driver's are.
//!
//! - [`arm`]: whether this server's log can be followed, and from where.
//! - [`dump`]: the connection, and what the server is told on it.
//! - [`event`], [`inflate`]: what the log is made of.
//! - [`gtid`]: where in the log a stream is.
//! - [`mod@log`]: from events to changes; [`statement`]: those that are statements.
//! - [`table_map`]: how rows are laid out; [`cell`], [`charset`], [`decimal`],
//!   [`jsonb`]: what their values are.
//! - [`marks`]: how far it is to the end of the log; [`place`]: which transactions lie
//!   before a place in it.
//!
//! Invariants:
//! - A position is a set of whole transactions. Those that changed no captured
//!   table are in it too, so it moves with the log.
//! - What the log does not hold faithfully is an error with a name: statements
//!   instead of rows, images that are not full, transactions without a GTID,
//!   prepared XA transactions, changes of a captured table.
//!
//! What it does not do: keep the log from being removed, as there is nothing
//! like a slot; the server keeps it for as long as it is set to.

mod arm;
mod cell;
mod charset;
mod decimal;
mod dump;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod gtid;
mod inflate;
mod jsonb;
mod log;
mod marks;
mod place;
mod statement;
mod table_map;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::charset::Charsets;
use self::dump::{Reader, Stream};
use self::gtid::Reached;
use self::log::Log;
pub(super) use self::marks::Marks;
use super::fault::{query_error, server_code};
use super::pool::Pool;
use super::wire::WireError;
use super::wire::connection::DumpedEvent;
use crate::capture::{Capture, CaptureRequest, Distance, StreamName};
use crate::change::{Event, Position};
use crate::engine::Flavor;
use crate::error::{CaptureFault, Error, Result};

pub(super) use self::arm::arm;
pub(super) use self::place::Mark;

/// So many events are handed on at once, or those of the one event of the log
/// that goes beyond.
const EVENTS_AT_ONCE: usize = 256;
/// How often a position is handed on while nothing that was asked for happens.
const PASS_EVERY: Duration = Duration::from_millis(500);

/// A running capture.
struct Binlog {
    stream: Stream,
    log: Log,
    name: StreamName,
    marks: Arc<Marks>,
    passed_at: Instant,
    /// What ended it, while what came before has not been taken; and that it has.
    failed: Option<Error>,
    has_ended: bool,
}

/// Whether everything up to `goal` lies in `position`.
pub(super) fn has_reached(flavor: Flavor, position: &Position, goal: &Position) -> Option<bool> {
    Some(Reached::parse(flavor, &position.0)?.covers(&Reached::parse(flavor, &goal.0)?))
}

/// A set of transactions in a server's spelling as the position it is.
pub(super) fn position(flavor: Flavor, text: &str) -> Option<Position> {
    Reached::parse(flavor, text).map(|reached| reached.position())
}

/// Begins to capture behind `from`.
pub(super) async fn capture(
    pool: &Pool,
    flavor: Flavor,
    database: &str,
    marks: &Arc<Marks>,
    request: &CaptureRequest,
    (from, incarnation): (&Position, &str),
) -> Result<Box<dyn Capture>> {
    let refused = |fault, why: String| Error::Capture { location: pool.location().to_owned(), fault, why };
    let found = arm::incarnation(pool, flavor).await?;
    if found != incarnation {
        let why = format!("the stream was armed on {incarnation}, and this is {found}");
        return Err(refused(CaptureFault::OtherIncarnation, why));
    }
    let reached = Reached::parse(flavor, &from.0).ok_or_else(|| {
        refused(CaptureFault::OtherIncarnation, format!("`{}` is no position in this server's log", from.0))
    })?;
    arm::settings(pool, flavor).await?;
    arm::can_serve(pool, flavor, &reached).await?;
    let charsets = Charsets::load(pool, &request.tables).await?;
    let reader = Reader::new(&request.stream, database);
    let stream = Stream::open(pool.opener(), flavor, &reader, &reached, false).await?;
    let log = Log::new(pool.location().to_owned(), request.tables.clone(), charsets, reached, stream.has_checksums);
    let name = request.stream.clone();
    let mut capture = Binlog {
        stream,
        log,
        name,
        marks: Arc::clone(marks),
        passed_at: Instant::now(),
        failed: None,
        has_ended: false,
    };
    // A server that refuses to send its log says so first of all.
    while !capture.step()? {
        capture.stream.more().await?;
    }
    Ok(Box::new(capture))
}

impl Binlog {
    /// Reads an event, if one is here.
    fn step(&mut self) -> Result<bool> {
        if self.log.is_expanding() {
            self.log.expand()?;
            return Ok(true);
        }
        match self.stream.event()? {
            None => Ok(false),
            Some(DumpedEvent::Event(event)) => self.log.feed(&event).map(|()| true),
            Some(DumpedEvent::End) => Err(self.closed()),
        }
    }

    fn closed(&self) -> Error {
        let closed = WireError::Io(std::io::ErrorKind::UnexpectedEof.into());
        query_error(self.log.location(), log::WHAT, closed)
    }

    /// Reads on until there is something to hand on.
    async fn read(&mut self) -> Result<()> {
        loop {
            if self.log.has_passed && self.passed_at.elapsed() >= PASS_EVERY {
                self.log.pass();
                self.passed_at = Instant::now();
            }
            if self.log.collected() >= EVENTS_AT_ONCE {
                return Ok(());
            }
            if !self.step()? {
                if self.log.collected() > 0 {
                    return Ok(());
                }
                self.stream.more().await?;
            }
        }
    }

    fn hand_on(&mut self) -> Vec<Event> {
        let collected = self.log.take();
        let positions = collected.events.iter().filter_map(|event| match event {
            Event::Commit { position, .. } | Event::Idle { position } => Some(marks::key(&self.name, position)),
            Event::Begin | Event::Change(_) => None,
        });
        self.marks.add(positions.zip(collected.places));
        collected.events
    }
}

#[async_trait]
impl Capture for Binlog {
    async fn next(&mut self) -> Result<Vec<Event>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.has_ended {
            return Err(self.closed());
        }
        if let Err(error) = self.read().await {
            self.has_ended = true;
            if self.log.collected() == 0 {
                return Err(error);
            }
            self.failed = Some(error);
        }
        Ok(self.hand_on())
    }

    fn acknowledge(&mut self, position: &Position) {
        self.marks.forget(&self.name, position);
    }
}

/// How far it is from `position` to the end of the log, if that was handed out
/// lately and the account may see the files.
pub(super) async fn distance(pool: &Pool, marks: &Marks, stream: &StreamName, position: &Position) -> Result<Distance> {
    const DENIED: u16 = 1227;
    let unknown = Distance { log_bytes: None, retained_bytes: None };
    let Some(place) = marks.place(stream, position) else { return Ok(unknown) };
    let files = match pool.lease().await?.query("listing the binary logs", "SHOW BINARY LOGS").await {
        Err(error) if server_code(&error) == Some(DENIED) => return Ok(unknown),
        files => files?,
    };
    let sizes: Vec<u64> = files
        .rows
        .iter()
        .skip_while(|row| row.first().and_then(Option::as_deref) != Some(&*place.file))
        .filter_map(|row| row.get(1)?.as_deref()?.parse().ok())
        .collect();
    let log_bytes = (!sizes.is_empty()).then(|| sizes.iter().sum::<u64>().saturating_sub(place.offset));
    Ok(Distance { log_bytes, ..unknown })
}
