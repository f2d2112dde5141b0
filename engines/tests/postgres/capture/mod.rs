//! Changes by logical replication.

mod arming;
mod order;
mod refusals;
mod types;

use std::time::Duration;

use switchback_engines::postgres::Postgres;
use switchback_engines::{
    Armed, Capture, CaptureFault, CaptureRequest, Change, Endpoint as _, Error, Event, Image, OwnedValue, Position,
    Result, StreamName,
};
use switchback_fixtures::Side;

use super::{Fixture, chain, connect, on_both_versions, rows, table_ref};

/// An armed stream of a database of its own, disarmed at the end.
struct Stream {
    fixture: Fixture,
    request: CaptureRequest,
    armed: Armed,
}

/// Slots are of the whole server, which all tests share, and databases have
/// names that no other test uses.
fn stream_name(database: &str) -> StreamName {
    let name: String = database.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
    StreamName::new(&name).expect("a name")
}

async fn request(fixture: &Fixture, tables: &[&str]) -> CaptureRequest {
    let mut described = Vec::new();
    for table in tables {
        described.push(fixture.table(table).await);
    }
    CaptureRequest { stream: stream_name(fixture.database.name()), tables: described }
}

impl Stream {
    async fn new(side: Side, hint: &str, sql: &str, tables: &[&str]) -> Self {
        let fixture = Fixture::new(side, hint, sql).await;
        let request = request(&fixture, tables).await;
        let armed = fixture.postgres.arm(&request).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        Self { fixture, request, armed }
    }

    async fn execute(&self, sql: &str) {
        self.fixture.execute(sql).await;
    }

    fn publication(&self) -> String {
        format!("switchback_{}", self.request.stream)
    }

    fn slot(&self) -> &str {
        self.armed.incarnation.split(' ').nth(1).expect("a slot's name")
    }

    async fn capture(&self, from: &Position) -> Box<dyn Capture> {
        self.try_capture(from).await.unwrap_or_else(|e| panic!("{}", chain(&e)))
    }

    async fn try_capture(&self, from: &Position) -> Result<Box<dyn Capture>> {
        self.fixture.postgres.capture(&self.request, from, &self.armed.incarnation).await
    }

    /// All that happened since the stream was armed.
    async fn all(&self) -> Vec<Event> {
        let mut capture = self.capture(&self.armed.position).await;
        until(&mut capture, self.end().await).await
    }

    async fn end(&self) -> u64 {
        end(&self.fixture.postgres).await
    }

    async fn done(self) {
        self.fixture.postgres.disarm(&self.request).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
    }
}

/// Where the log ends now. A session that lay idle may be one of a server that
/// was killed since.
async fn end(postgres: &Postgres) -> u64 {
    use switchback_engines::{Class, Database as _};
    loop {
        match postgres.position().await {
            Ok(position) => return lsn(&position.expect("a log")),
            // It goes away with the session, of which there is a bounded number.
            Err(error) if error.class() == Class::Transient => {}
            Err(error) => panic!("{}", chain(&error)),
        }
    }
}

fn lsn(text: &str) -> u64 {
    let (high, low) = text.split_once('/').expect("a position");
    u64::from_str_radix(high, 16).expect("digits") << 32 | u64::from_str_radix(low, 16).expect("digits")
}

fn position(event: &Event) -> Option<&Position> {
    match event {
        Event::Commit { position, .. } | Event::Idle { position } => Some(position),
        Event::Begin | Event::Change(_) => None,
    }
}

async fn next(capture: &mut Box<dyn Capture>) -> Result<Vec<Event>> {
    tokio::time::timeout(Duration::from_secs(60), capture.next()).await.expect("events within a minute")
}

/// Everything up to `end`, from wherever the capture is.
async fn until(capture: &mut Box<dyn Capture>, end: u64) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let batch = next(capture).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        assert!(!batch.is_empty(), "nothing was handed on");
        let passed = batch.iter().filter_map(position).any(|p| lsn(&p.0) >= end);
        events.extend(batch);
        if passed {
            return events;
        }
    }
}

/// The error that a capture ends with, and what came before.
async fn failure(capture: &mut Box<dyn Capture>) -> (Vec<Event>, Error) {
    let mut events = Vec::new();
    loop {
        match next(capture).await {
            Ok(batch) => events.extend(batch),
            Err(error) => {
                next(capture).await.expect_err("it stays an error");
                return (events, error);
            }
        }
    }
}

fn fault(error: &Error) -> CaptureFault {
    match error {
        Error::Capture { fault, .. } => *fault,
        other => panic!("another error: {}", chain(other)),
    }
}

/// The changes of each transaction, in the order of commit.
fn transactions(events: &[Event]) -> Vec<Vec<Change>> {
    let mut transactions = Vec::new();
    let mut open: Option<Vec<Change>> = None;
    for event in events {
        match event {
            Event::Begin => assert!(open.replace(Vec::new()).is_none(), "a transaction within another"),
            Event::Change(change) => open.as_mut().expect("a transaction").push(change.clone()),
            Event::Commit { .. } => transactions.push(open.take().expect("a transaction")),
            Event::Idle { .. } => assert!(open.is_none(), "idle within a transaction"),
        }
    }
    assert!(open.is_none(), "the last transaction is not whole");
    transactions
}

fn whole(row: Vec<OwnedValue>) -> Image {
    row.into_iter().map(Some).collect()
}
