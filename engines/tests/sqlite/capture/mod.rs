//! Changes by way of triggers.

mod arming;
mod events;
mod faults;
mod marks;
mod processes;
mod replace;
mod values;

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use switchback_engines::sqlite::Sqlite;
use switchback_engines::{
    Armed, Capture, CaptureFault, CaptureRequest, Change, Endpoint as _, Error, Event, Image, OwnedValue, Position,
    Scope, StreamName, Table,
};

use super::{File, Rows, chain, describe, read_scope};

/// An armed stream.
struct Stream {
    db: Sqlite,
    request: CaptureRequest,
    armed: Armed,
}

/// What was delivered between a `Begin` and its `Commit`.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    changes: Vec<Change>,
    position: Position,
}

fn stream_name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

async fn request(file: &File, stream: &str, tables: &[&str]) -> CaptureRequest {
    let db = file.open().await;
    let mut described: Vec<Table> = Vec::new();
    for table in tables {
        described.push(describe(&db, table).await);
    }
    CaptureRequest { stream: stream_name(stream), tables: described }
}

async fn arm(file: &File, tables: &[&str]) -> Stream {
    arm_as(file, "s", tables).await
}

async fn arm_as(file: &File, stream: &str, tables: &[&str]) -> Stream {
    let request = request(file, stream, tables).await;
    let db = file.open().await;
    let armed = db.arm(&request).await.unwrap();
    Stream { db, request, armed }
}

impl Stream {
    async fn capture(&self, from: &Position) -> Box<dyn Capture> {
        self.try_capture(from).await.unwrap()
    }

    async fn try_capture(&self, from: &Position) -> Result<Box<dyn Capture>, Error> {
        self.db.capture(&self.request, from, &self.armed.incarnation).await
    }

    async fn start(&self) -> Box<dyn Capture> {
        self.capture(&self.armed.position).await
    }

    /// All that is to be had behind `from`.
    async fn behind(&self, file: &mut File, from: &Position) -> Vec<Group> {
        let mut capture = self.capture(from).await;
        drain(file, &mut capture, seq(from)).await
    }

    async fn all(&self, file: &mut File) -> Vec<Group> {
        self.behind(file, &self.armed.position).await
    }
}

fn seq(position: &Position) -> i64 {
    position.0.split_once('@').unwrap().0.parse().unwrap()
}

async fn last(file: &mut File) -> i64 {
    number(file, "SELECT max(seq) FROM _switchback_log_s").await
}

async fn number(file: &mut File, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut file.writer).await.unwrap()
}

/// Events until the end of the log, which has been read up to `read`.
async fn drain(file: &mut File, capture: &mut Box<dyn Capture>, read: i64) -> Vec<Group> {
    let end = last(file).await;
    until(capture, read, end).await
}

async fn until(capture: &mut Box<dyn Capture>, mut read: i64, end: i64) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut open: Option<Vec<Change>> = None;
    let deadline = Instant::now() + Duration::from_secs(60);
    while read < end {
        let left = deadline.saturating_duration_since(Instant::now());
        let events = tokio::time::timeout(left, capture.next()).await.expect("events in time").unwrap();
        assert!(!events.is_empty() && events.len() <= 1024, "{} events", events.len());
        for event in events {
            match event {
                Event::Begin => assert!(open.replace(Vec::new()).is_none(), "a Begin within a group"),
                Event::Change(change) => open.as_mut().expect("a change outside of a group").push(change),
                Event::Commit { position, committed_at } => {
                    let changes = open.take().expect("a Commit without a Begin");
                    assert!(!changes.is_empty());
                    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                    let age = i64::try_from(now.as_micros()).unwrap() - committed_at;
                    assert!((-10_000..600_000_000).contains(&age), "committed {age} µs ago");
                    assert!(seq(&position) > read);
                    read = seq(&position);
                    groups.push(Group { changes, position });
                }
                Event::Idle { position } => {
                    assert!(open.is_none(), "idle within a group");
                    read = seq(&position);
                }
            }
        }
    }
    assert!(open.is_none(), "the log ends within a group");
    assert_eq!(read, end);
    groups
}

fn changes(groups: &[Group]) -> Vec<Change> {
    groups.iter().flat_map(|group| group.changes.clone()).collect()
}

fn image(cells: &[OwnedValue]) -> Image {
    cells.iter().cloned().map(Some).collect()
}

fn insert(table: usize, new: &[OwnedValue]) -> Change {
    Change::Insert { table, new: image(new) }
}

fn update(table: usize, old: &[OwnedValue], new: &[OwnedValue]) -> Change {
    Change::Update { table, old: Some(image(old)), new: image(new) }
}

fn delete(table: usize, old: &[OwnedValue]) -> Change {
    Change::Delete { table, old: image(old) }
}

/// A copy that is kept by changes alone.
#[derive(Default)]
struct Copy {
    rows: Rows,
}

impl Copy {
    /// Each change must find the row that it says it changes, to the bit.
    fn apply(&mut self, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            match change {
                Change::Insert { new, .. } => self.rows.push(whole(new)),
                Change::Update { old: Some(old), new, .. } => {
                    self.take(old).ok_or_else(|| format!("not there: {change:?}"))?;
                    self.rows.push(whole(new));
                }
                Change::Delete { old, .. } => self.take(old).ok_or_else(|| format!("not there: {change:?}"))?,
                other => return Err(format!("unexpected: {other:?}")),
            }
        }
        Ok(())
    }

    fn take(&mut self, old: &Image) -> Option<()> {
        let old = whole(old);
        let at = self.rows.iter().position(|row| same(row, &old))?;
        self.rows.swap_remove(at);
        Some(())
    }

    async fn is(&mut self, file: &File, table: &str) -> Result<(), String> {
        let db = file.open().await;
        let table = describe(&db, table).await;
        let mut rows = read_scope(&db, &table, &switchback_engines::capture::columns(&table), Scope::All).await;
        let by_text = |row: &Vec<OwnedValue>| format!("{row:?}");
        rows.sort_by_key(by_text);
        self.rows.sort_by_key(by_text);
        let equal = rows.len() == self.rows.len() && rows.iter().zip(&self.rows).all(|(a, b)| same(a, b));
        if equal { Ok(()) } else { Err(format!("the table: {rows:?}\nthe copy: {:?}", self.rows)) }
    }
}

fn whole(image: &Image) -> Vec<OwnedValue> {
    image.iter().map(|cell| cell.clone().expect("every cell is known")).collect()
}

/// Zeros by their sign, too.
fn same(a: &[OwnedValue], b: &[OwnedValue]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (OwnedValue::F64(a), OwnedValue::F64(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        })
}

/// The class and the text of what a capture failed with.
fn capture_fault(error: &Error) -> (CaptureFault, String) {
    match error {
        Error::Capture { fault, why, .. } => (*fault, why.clone()),
        other => panic!("no fault of a capture: {}", chain(other)),
    }
}

/// What the next call ends with, which must be an error.
async fn next_error(capture: &mut Box<dyn Capture>) -> (CaptureFault, String) {
    let next = tokio::time::timeout(Duration::from_secs(20), capture.next()).await.expect("an error in time");
    capture_fault(&next.map(|events| panic!("{events:?}")).unwrap_err())
}
