//! Messages to events.
//!
//! No waiting and no connection here: what comes in is what the log says, what
//! goes out is what a sink is to do, in the same order.

use std::collections::HashMap;

use pgwire_replication::{Lsn as WireLsn, ReplicationEvent};

use super::super::bytes::Fault;
use super::super::position::Lsn;
use super::pgoutput::{self, Cell, Message, Old, Relation, Tuple};
use super::relation::{self, Captured, Natives};
use super::slot::refuse;
use crate::capture::CaptureRequest;
use crate::change::{Change, Event, Image, Position};
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::table::Table;
use crate::value::Value;

/// Microseconds from 1970 to 2000, where the server's clock begins.
const EPOCH: i64 = 946_684_800_000_000;

/// Stands in an error for a column where the fault lies between columns.
const WHOLE_ROW: &str = "(the whole row)";

#[derive(Debug)]
pub(super) struct Rows {
    location: String,
    tables: Vec<Table>,
    captured: Vec<Captured>,
    /// By the number that the server gives them.
    relations: HashMap<u32, Known>,
    /// One of the tables by its name, and not yet found to be that.
    relation: Option<(usize, Relation)>,
    transaction: Option<Transaction>,
    from: Lsn,
    /// Up to which all that happened was handed on.
    passed: Lsn,
    events: Vec<Event>,
    bytes: usize,
}

/// What a number in the log stands for.
#[derive(Debug)]
enum Known {
    Captured(Logged),
    /// No table that is asked for: a partition, whose changes come as its
    /// table's. Says what it means should a change of it come all the same.
    Other(String),
}

/// One of the tables, as it is in the log at present.
#[derive(Debug)]
struct Logged {
    table: usize,
    /// Whether each column is part of what identifies a row.
    key: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Transaction {
    /// Whether it ends at or before the position that was started from.
    past: bool,
    /// Whether anything of it was handed on.
    begun: bool,
}

impl Rows {
    pub(super) fn new(location: &str, request: &CaptureRequest, from: Lsn) -> Result<Self> {
        let captured = request.tables.iter().map(|table| Captured::new(location, table)).collect::<Result<_>>()?;
        Ok(Self {
            location: location.to_owned(),
            tables: request.tables.clone(),
            captured,
            relations: HashMap::new(),
            relation: None,
            transaction: None,
            from,
            passed: from,
            events: Vec::new(),
            bytes: 0,
        })
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// Of the messages that the events were made of.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn hand_on(&mut self) -> Vec<Event> {
        self.bytes = 0;
        std::mem::take(&mut self.events)
    }

    /// What has to be settled before anything else is taken.
    pub(super) fn relation(&self) -> Option<&Relation> {
        self.relation.as_ref().map(|(_, relation)| relation)
    }

    /// Finds out whether the relation that came is the table of its name, once
    /// its types are known.
    pub(super) fn settle(&mut self, natives: &Natives) -> Result<()> {
        let Some((table, relation)) = self.relation.take() else { return Ok(()) };
        relation::check(&self.tables[table], &relation, natives).map_err(|refusal| refusal.at(&self.location))?;
        let key = relation.columns.iter().map(|column| column.key).collect();
        self.relations.insert(relation.id, Known::Captured(Logged { table, key }));
        Ok(())
    }

    fn introduce(&mut self, relation: Relation) {
        let named = |table: &Table| {
            table.name.name == relation.name && table.name.schema.as_deref() == Some(relation.schema.as_str())
        };
        if let Some(table) = self.tables.iter().position(named) {
            self.relation = Some((table, relation));
            return;
        }
        let Relation { id, schema, name, .. } = relation;
        let why = match self.relations.get(&id) {
            Some(Known::Captured(was)) => {
                format!("`{}` is called `{schema}.{name}` now", self.captured[was.table].name)
            }
            _ => format!("`{schema}.{name}` is published and was not when the stream was armed"),
        };
        self.relations.insert(id, Known::Other(why));
    }

    pub(super) fn take(&mut self, event: ReplicationEvent) -> Result<()> {
        match event {
            // Within a transaction it says nothing about that.
            ReplicationEvent::KeepAlive { wal_end, .. } => {
                if self.transaction.is_none() {
                    self.idle(Lsn(wal_end.as_u64()));
                }
            }
            ReplicationEvent::Begin { final_lsn, .. } => {
                let past = Lsn(final_lsn.as_u64()) < self.from;
                if self.transaction.replace(Transaction { past, begun: false }).is_some() {
                    return Err(self.broken("a transaction begins within another"));
                }
            }
            ReplicationEvent::XLogData { data, .. } => self.data(&data)?,
            ReplicationEvent::Commit { end_lsn, commit_time_micros, .. } => self.commit(end_lsn, commit_time_micros)?,
            // Nothing that tables hold.
            ReplicationEvent::Message { .. } | ReplicationEvent::StoppedAt { .. } => {}
        }
        Ok(())
    }

    fn commit(&mut self, end: WireLsn, time: i64) -> Result<()> {
        let end = Lsn(end.as_u64());
        let Some(transaction) = self.transaction.take() else {
            return Err(self.broken("a transaction ends that did not begin"));
        };
        // A position that is the end of a commit never lies within one.
        if transaction.past != (end <= self.from) {
            let why = format!("{} lies in the middle of a commit, so it is none of this log's positions", self.from);
            return Err(refuse(CaptureFault::OtherIncarnation, why).at(&self.location));
        }
        if transaction.begun {
            let position = Position(end.to_string());
            self.events.push(Event::Commit { position, committed_at: time.saturating_add(EPOCH) });
            self.passed = end;
        } else {
            self.idle(end);
        }
        Ok(())
    }

    /// Nothing for us happened up to there.
    fn idle(&mut self, end: Lsn) {
        if end <= self.passed {
            return;
        }
        self.passed = end;
        let position = Position(end.to_string());
        match self.events.last_mut() {
            Some(Event::Idle { position: last }) => *last = position,
            _ => self.events.push(Event::Idle { position }),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        let message = pgoutput::message(bytes).map_err(|why| self.broken(why))?;
        if let Message::Relation(relation) = message {
            self.introduce(relation);
            return Ok(());
        }
        let Some(transaction) = self.transaction else {
            return match message {
                Message::Remark => Ok(()),
                _ => Err(self.broken("a change is part of no transaction")),
            };
        };
        if transaction.past {
            return Ok(());
        }
        let Some(change) = self.change(message)? else { return Ok(()) };
        if !transaction.begun {
            self.events.push(Event::Begin);
            self.transaction = Some(Transaction { begun: true, ..transaction });
        }
        self.events.push(Event::Change(change));
        self.bytes += bytes.len();
        Ok(())
    }

    fn change(&self, message: Message<'_>) -> Result<Option<Change>> {
        Ok(Some(match message {
            Message::Insert { relation, new } => {
                let known = self.known(relation)?;
                let new = self.image(known, &new)?;
                if new.iter().any(Option::is_none) {
                    return Err(self.fault(known, WHOLE_ROW, "an insert leaves out a value"));
                }
                Change::Insert { table: known.table, new }
            }
            Message::Update { relation, old, new } => {
                let known = self.known(relation)?;
                let old = old.map(|old| self.old(known, &old)).transpose()?;
                Change::Update { table: known.table, old, new: self.image(known, &new)? }
            }
            Message::Delete { relation, old } => {
                let known = self.known(relation)?;
                Change::Delete { table: known.table, old: self.old(known, &old)? }
            }
            Message::Truncate { relations } => {
                let tables = relations.iter().map(|&id| Ok(self.known(id)?.table)).collect::<Result<Vec<_>>>()?;
                if tables.is_empty() {
                    return Ok(None);
                }
                Change::Truncate { tables }
            }
            Message::Relation(_) | Message::Remark => return Ok(None),
        }))
    }

    fn known(&self, id: u32) -> Result<&Logged> {
        match self.relations.get(&id) {
            Some(Known::Captured(logged)) => Ok(logged),
            Some(Known::Other(why)) => Err(refuse(CaptureFault::SchemaChanged, why.clone()).at(&self.location)),
            None => Err(self.broken("a change is of a table that was not introduced")),
        }
    }

    fn old(&self, known: &Logged, old: &Old<'_>) -> Result<Image> {
        match old {
            Old::Row(tuple) => self.image(known, tuple),
            Old::Key(tuple) => {
                let mut image = self.image(known, tuple)?;
                for (cell, &key) in image.iter_mut().zip(&known.key) {
                    if !key {
                        *cell = None;
                    }
                }
                Ok(image)
            }
        }
    }

    fn image(&self, known: &Logged, tuple: &Tuple<'_>) -> Result<Image> {
        let columns = &self.captured[known.table].columns;
        if tuple.len() != columns.len() {
            return Err(self.fault(known, WHOLE_ROW, "the row has another number of fields than the table"));
        }
        let mut image = Vec::with_capacity(columns.len());
        for (cell, column) in tuple.iter().zip(columns) {
            image.push(match cell {
                Cell::Unchanged => None,
                Cell::Null => Some(Value::Null),
                Cell::Binary(bytes) => {
                    let value = column.decode.value(bytes).map_err(|why| self.fault(known, &column.name, why))?;
                    Some(value.into_owned())
                }
                Cell::Text(_) => {
                    return Err(self.fault(known, &column.name, "the server has no binary form of the type"));
                }
            });
        }
        Ok(image)
    }

    fn fault(&self, known: &Logged, column: &str, why: Fault) -> Error {
        Error::Decode { table: self.captured[known.table].name.clone(), column: column.to_owned(), why: why.to_owned() }
    }

    fn broken(&self, why: Fault) -> Error {
        Error::Query {
            location: self.location.clone(),
            what: "reading the stream of changes".to_owned(),
            fault: QueryFault::Other,
            source: why.into(),
        }
    }
}

/// One transaction of the messages in `bytes`, each behind its length, in a
/// database that has `table` as its relation 1.
#[cfg(any(test, feature = "fuzzing"))]
pub(in super::super) fn replay(table: Table, bytes: &[u8]) -> Result<Vec<Event>> {
    use crate::capture::StreamName;

    let key = vec![true; table.columns.len()];
    let stream = StreamName::new("s").expect("a name");
    let mut rows = Rows::new("nowhere", &CaptureRequest { stream, tables: vec![table] }, Lsn(0))?;
    rows.relations.insert(1, Known::Captured(Logged { table: 0, key }));
    rows.take(ReplicationEvent::Begin { final_lsn: WireLsn(1), xid: 1, commit_time_micros: 0 })?;
    let mut rest = bytes;
    while let Some((&[high, low], behind)) = rest.split_first_chunk() {
        let (message, behind) = behind.split_at(behind.len().min(usize::from(u16::from_be_bytes([high, low]))));
        rows.data(message)?;
        rest = behind;
    }
    rows.commit(WireLsn(2), i64::MAX)?;
    Ok(rows.hand_on())
}
