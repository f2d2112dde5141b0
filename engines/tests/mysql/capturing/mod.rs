//! Changes out of the binary log.
//!
//! What is captured is applied to a model in memory, which takes a change only if
//! what it says was there before is there; and the model is compared with what
//! a read gives. So every image of every change is held against the other path.

use std::collections::HashMap;
use std::time::Duration;

use switchback_engines::mysql::MySql;
use switchback_engines::{
    Armed, Capture, CaptureFault, CaptureRequest, Change, Database, Endpoint as _, Error, Event, Image, Position,
    Result, Scope, StreamName, Table, TableRef, Value, capture,
};

use super::{Here, chain, connect, numbers, private, read_columns};

mod faults;
mod schema;
mod transactions;
pub(super) mod types;

/// A test that waits for longer waits for nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One transaction, as it was captured.
#[derive(Debug, Clone, PartialEq)]
struct Transaction {
    changes: Vec<Change>,
    position: Position,
    committed_at: i64,
}

fn request(tables: Vec<Table>) -> CaptureRequest {
    CaptureRequest { stream: StreamName::new("test").expect("a name"), tables }
}

/// A capture of some tables, and what it has come to.
struct Follower {
    capture: Box<dyn Capture>,
    request: CaptureRequest,
    armed: Armed,
    /// The rows of each table, in no order.
    model: Vec<Vec<Image>>,
    position: Position,
    /// Of the transaction that has not ended yet.
    open: Option<Vec<Change>>,
}

impl Follower {
    /// Arms and captures `tables` of a database, and the table `marker`, which is
    /// made here.
    async fn new(here: &Here, tables: &[&str]) -> Self {
        here.execute("CREATE TABLE marker (id INT PRIMARY KEY)").await;
        let mut described = Vec::new();
        for name in tables.iter().chain(&["marker"]) {
            described.push(here.table(name).await);
        }
        Self::of(&here.engine, described).await
    }

    async fn of(engine: &MySql, tables: Vec<Table>) -> Self {
        let request = request(tables);
        let armed = engine.arm(&request).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        let capture =
            resume(engine, &request, &armed.position, &armed).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        let model = request.tables.iter().map(|_| Vec::new()).collect();
        let position = armed.position.clone();
        Self { capture, request, armed, model, position, open: None }
    }

    async fn next(&mut self) -> Result<Vec<Transaction>> {
        let events = tokio::time::timeout(PATIENCE, self.capture.next()).await.expect("something within a minute")?;
        assert!(!events.is_empty());
        let mut transactions = Vec::new();
        for event in events {
            match event {
                Event::Begin => assert!(self.open.replace(Vec::new()).is_none(), "one begins within another"),
                Event::Change(change) => {
                    self.apply(&change);
                    self.open.as_mut().expect("a transaction").push(change);
                }
                Event::Commit { position, committed_at } => {
                    let changes = self.open.take().expect("a transaction");
                    assert!(!changes.is_empty());
                    self.position = position.clone();
                    transactions.push(Transaction { changes, position, committed_at });
                }
                Event::Idle { position } => {
                    assert!(self.open.is_none(), "a position within a transaction");
                    self.position = position;
                }
            }
        }
        Ok(transactions)
    }

    fn apply(&mut self, change: &Change) {
        let take = |rows: &mut Vec<Image>, row: &Image| {
            let at = rows.iter().position(|r| r == row).unwrap_or_else(|| panic!("no such row: {row:?} in {rows:?}"));
            rows.swap_remove(at);
        };
        match change {
            Change::Insert { table, new } => self.model[*table].push(new.clone()),
            Change::Delete { table, old } => take(&mut self.model[*table], old),
            Change::Update { table, old, new } => {
                take(&mut self.model[*table], old.as_ref().expect("what was before"));
                self.model[*table].push(new.clone());
            }
            Change::Truncate { tables } => tables.iter().for_each(|&table| self.model[table].clear()),
        }
    }

    /// Takes back what was applied of a transaction that will be read again.
    fn undo(&mut self, changes: Vec<Change>) {
        for change in changes.into_iter().rev() {
            self.apply(&match change {
                Change::Insert { table, new } => Change::Delete { table, old: new },
                Change::Delete { table, old } => Change::Insert { table, new: old },
                Change::Update { table, old, new } => {
                    Change::Update { table, old: Some(new), new: old.expect("what was before") }
                }
                Change::Truncate { .. } => panic!("a TRUNCATE within a transaction"),
            });
        }
    }

    /// Reads on until the marker comes; the transactions up to it.
    async fn until(&mut self, marker: i64) -> Result<Vec<Transaction>> {
        let table = self.request.tables.len() - 1;
        let wanted = Change::Insert { table, new: vec![Some(Value::Int(marker))] };
        let mut transactions = Vec::new();
        loop {
            for transaction in self.next().await? {
                if transaction.changes == [wanted.clone()] {
                    return Ok(transactions);
                }
                transactions.push(transaction);
            }
        }
    }

    /// Sets a marker, and reads up to it.
    async fn catch_up(&mut self, here: &Here, marker: i64) -> Vec<Transaction> {
        here.execute(&format!("INSERT INTO marker VALUES ({marker})")).await;
        self.until(marker).await.unwrap_or_else(|e| panic!("{}", chain(&e)))
    }

    /// The error that the capture ends with.
    async fn fails(&mut self) -> Error {
        loop {
            if let Err(error) = self.next().await {
                return error;
            }
        }
    }

    /// The model is what a read gives.
    async fn agrees(&self, engine: &MySql) {
        for (table, rows) in self.request.tables.iter().zip(&self.model) {
            let read = images(engine, table).await;
            assert_eq!(sorted(rows.clone()), read, "{}", table.name);
        }
    }
}

async fn resume(engine: &MySql, request: &CaptureRequest, from: &Position, armed: &Armed) -> Result<Box<dyn Capture>> {
    engine.capture(request, from, &armed.incarnation).await
}

fn sorted(mut rows: Vec<Image>) -> Vec<Image> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

/// The rows of a table, as images have them.
async fn images(engine: &dyn Database, table: &Table) -> Vec<Image> {
    let columns = capture::columns(table);
    let rows = read_columns(engine, table, &columns, Scope::All, None).await.expect("rows");
    sorted(rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect())
}

fn fault(error: &Error) -> CaptureFault {
    match error {
        Error::Capture { fault, .. } => *fault,
        other => panic!("{}", chain(other)),
    }
}

async fn describe(engine: &MySql, name: &str) -> Table {
    let name = TableRef { schema: None, name: name.to_owned() };
    engine.describe(&name).await.expect("a description").expect("the table")
}
