//! From events of a binary log to the changes of the captured tables.
//!
//! No I/O: events go in, in order, and what they come to is collected. What can't
//! be followed is an error, before anything behind it is collected.
//!
//! A transaction in the log is: its number, what it changed, its end. It is in the
//! log only once it is committed, so its changes are handed on as they are read.

use std::collections::HashMap;
use std::sync::Arc;

use super::charset::Charsets;
use super::event::{self, Group, Rows, Verb};
use super::gtid::{Gtid, Reached};
use super::inflate::Payload;
use super::statement::{self, Meaning, Names};
use super::table_map::{NoPlan, Plan, TableMap};
use crate::change::{Change, Event, Image};
use crate::error::{CaptureFault, Error, Result};
use crate::mysql::fault::query_error;
use crate::mysql::wire::WireError;
use crate::mysql::wire::cursor::Cursor;
use crate::table::Table;

const OTHER_LENGTH: &str = "an event is not as long as it says";
pub(super) const WHAT: &str = "reading the binary log";

/// Where an event ended in the server's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) offset: u64,
}

/// Reads a log for some tables.
pub(super) struct Log {
    location: String,
    tables: Vec<Table>,
    names: Names,
    charsets: Charsets,
    reached: Reached,
    pub(super) place: Place,
    /// The transaction that the next event belongs to.
    current: Option<Transaction>,
    /// What the numbers of tables stand for in it; `None` for other tables.
    maps: HashMap<u64, Option<Arc<Plan>>>,
    /// The last map of each captured table, and what became of it: it is the
    /// same nearly always.
    plans: Vec<Option<(Vec<u8>, Arc<Plan>)>>,
    /// Events end in a checksum.
    has_checksums: bool,
    /// A compressed transaction whose events have not all been read.
    payload: Option<Payload>,
    /// Transactions have passed that nothing was handed on of.
    pub(super) has_passed: bool,
    /// The transactions that were prepared, and may be committed later.
    pub(super) prepared_count: u64,
    collected: Collected,
}

/// What was read.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) events: Vec<Event>,
    /// Where each of their positions is, in their order.
    pub(super) places: Vec<Place>,
}

struct Transaction {
    gtid: Gtid,
    committed_at: Option<i64>,
    /// Its end is an event of its own.
    is_open: bool,
    has_begun: bool,
}

impl Log {
    /// `has_checksums`: whether the server adds them to what comes before a file
    /// says so.
    pub(super) fn new(
        location: String,
        tables: Vec<Table>,
        charsets: Charsets,
        reached: Reached,
        has_checksums: bool,
    ) -> Self {
        Self {
            location,
            names: Names::new(tables.iter().map(|table| &table.name)),
            plans: tables.iter().map(|_| None).collect(),
            tables,
            charsets,
            reached,
            place: Place::default(),
            current: None,
            maps: HashMap::new(),
            has_checksums,
            payload: None,
            has_passed: false,
            prepared_count: 0,
            collected: Collected::default(),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// What was collected so far.
    pub(super) fn take(&mut self) -> Collected {
        std::mem::take(&mut self.collected)
    }

    pub(super) fn collected(&self) -> usize {
        self.collected.events.len()
    }

    /// Says that a stream may resume here, if it may.
    pub(super) fn pass(&mut self) {
        if self.has_passed && self.current.is_none() {
            self.has_passed = false;
            self.collect(Event::Idle { position: self.reached.position() });
        }
    }

    fn collect(&mut self, event: Event) {
        if matches!(event, Event::Commit { .. } | Event::Idle { .. }) {
            self.collected.places.push(self.place.clone());
        }
        self.collected.events.push(event);
    }

    /// Whether a compressed transaction has to be read on with
    /// [`Log::expand`] before another event is fed.
    pub(super) fn is_expanding(&self) -> bool {
        self.payload.is_some()
    }

    /// Reads the next event of a compressed transaction.
    pub(super) fn expand(&mut self) -> Result<()> {
        let Some(payload) = &mut self.payload else { return Ok(()) };
        let event = payload.next().ok_or_else(|| self.broken("a compressed transaction can't be expanded"))?;
        if event.is_empty() {
            self.payload = None;
            return Ok(());
        }
        let (header, body) = event::split(&event).ok_or_else(|| self.broken(OTHER_LENGTH))?;
        self.read(header, body)
    }

    /// Reads an event as the server sends it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let (header, mut body) = event::split(bytes).ok_or_else(|| self.broken(OTHER_LENGTH))?;
        // The description of a file has room for one in any case.
        let is_format = header.kind == event::kind::FORMAT;
        if is_format {
            self.has_checksums = event::says_checksums(body).ok_or_else(|| self.broken("a file has no description"))?;
        }
        if self.has_checksums && !event::is_whole(bytes) {
            return Err(self.broken("the checksum of an event is wrong"));
        }
        if self.has_checksums || is_format {
            let end = body.len().checked_sub(event::CHECKSUM_BYTES);
            body = end.and_then(|end| body.get(..end)).ok_or_else(|| self.broken("an event has no checksum"))?;
        }
        self.read(header, body)
    }

    fn read(&mut self, header: event::Header, body: &[u8]) -> Result<()> {
        let event = event::parse(header, body).ok_or_else(|| self.broken("an event is cut short"))?;
        let committed_at = i64::from(header.timestamp) * 1_000_000;
        if header.next > 0 && !matches!(event, event::Event::Rotate { .. }) {
            self.place.offset = u64::from(header.next);
        }
        match event {
            event::Event::Gtid { gtid, committed_at, group } => self.begin(gtid, committed_at, group),
            event::Event::Anonymous => Err(self.unfaithful("a transaction has no GTID")),
            event::Event::Statement(statement) => {
                let database = String::from_utf8_lossy(statement.database);
                let text = String::from_utf8_lossy(&statement.text);
                let meaning = statement::meaning(&self.names, &database, &text);
                self.statement(meaning, committed_at)
            }
            event::Event::TableMap { id, body } => self.map(id, body),
            event::Event::Rows(rows) => self.rows(&rows),
            event::Event::Commit => self.commit(committed_at),
            event::Event::Prepared { one_phase: true } => self.commit(committed_at),
            event::Event::Prepared { one_phase: false } => self.prepared(committed_at),
            event::Event::Payload(body) => {
                self.payload = Some(
                    Payload::new(body).ok_or_else(|| self.broken("a transaction is compressed in an unknown way"))?,
                );
                Ok(())
            }
            event::Event::Rotate { position, file } => {
                self.place = Place { file: String::from_utf8_lossy(file).into(), offset: position };
                Ok(())
            }
            event::Event::Format { is_known } => {
                self.maps.clear();
                if is_known {
                    self.unfinished()
                } else {
                    Err(self.unfaithful("the log has a format that is not known"))
                }
            }
            event::Event::Incident => Err(self.unfaithful("the server has lost changes, and says so in its log")),
            event::Event::PartialRows => {
                Err(self.unfaithful("binlog_row_value_options is PARTIAL_JSON, on the server or in a session"))
            }
            event::Event::LoadedFile => Err(self.unfaithful("a LOAD DATA was logged as a statement")),
            event::Event::Ignored => Ok(()),
            event::Event::Unknown => {
                Err(self.unfaithful(&format!("the log has an event of the kind {}, which is not known", header.kind)))
            }
        }
    }

    fn begin(&mut self, gtid: Gtid, committed_at: Option<i64>, group: Group) -> Result<()> {
        self.unfinished()?;
        let is_open = group == Group::Transaction;
        self.maps.clear();
        self.current = Some(Transaction { gtid, committed_at, is_open, has_begun: false });
        Ok(())
    }

    /// A server that crashed may leave the beginning of a transaction at the end
    /// of a file. It is void; it must not have been handed on.
    fn unfinished(&mut self) -> Result<()> {
        match self.current.take() {
            Some(Transaction { gtid, has_begun: true, .. }) => {
                Err(self.unfaithful(&format!("the transaction {gtid} has no end")))
            }
            _ => Ok(()),
        }
    }

    fn statement(&mut self, meaning: Meaning, committed_at: i64) -> Result<()> {
        match meaning {
            Meaning::Begin | Meaning::XaBegin => self.open(),
            Meaning::XaEnd => return Ok(()),
            Meaning::Commit => return self.commit(committed_at),
            Meaning::Rollback => return self.roll_back(),
            Meaning::RollbackTo if self.has_begun() => {
                return Err(self.unfaithful("a transaction was rolled back to a savepoint in the log"));
            }
            // What was prepared has stopped the stream if it mattered.
            Meaning::XaCommit | Meaning::RollbackTo | Meaning::Nothing => {}
            Meaning::Truncate(tables) => {
                self.hand_on(Change::Truncate { tables })?;
            }
            Meaning::Changed { table, verb } => {
                let name = self.tables.get(table).map(|t| t.name.to_string()).unwrap_or_default();
                return Err(self.changed(format!("`{name}` was changed by {verb} after {}", self.describe())));
            }
            Meaning::Unlogged { verb } => {
                return Err(self.unfaithful(&format!(
                    "{verb} was logged as a statement and not as rows, by a session whose binlog_format is not ROW"
                )));
            }
        }
        // Alone, it is a transaction by itself.
        if self.current.as_ref().is_some_and(|current| !current.is_open) { self.commit(committed_at) } else { Ok(()) }
    }

    fn open(&mut self) {
        if let Some(current) = &mut self.current {
            current.is_open = true;
        }
    }

    fn has_begun(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.has_begun)
    }

    /// Where the last whole transaction was, for an error.
    fn describe(&self) -> String {
        match &self.current {
            Some(current) => format!("the transaction before {}", current.gtid),
            None => "the last transaction".to_owned(),
        }
    }

    fn commit(&mut self, committed_at: i64) -> Result<()> {
        let Some(current) = self.current.take() else {
            return Err(self.unfaithful("a transaction has no GTID"));
        };
        self.reached.add(&current.gtid);
        self.maps.clear();
        if current.has_begun {
            let committed_at = current.committed_at.unwrap_or(committed_at);
            self.collect(Event::Commit { position: self.reached.position(), committed_at });
            self.has_passed = false;
        } else {
            self.has_passed = true;
        }
        Ok(())
    }

    /// Only a transaction of an engine that can't roll back is in the log so.
    fn roll_back(&mut self) -> Result<()> {
        if self.has_begun() {
            return Err(self.unfaithful("a transaction was rolled back in the log"));
        }
        self.commit(0)
    }

    /// Its rows would have to wait for an XA COMMIT that may come days later, and
    /// no position of MariaDB's can say that they do.
    fn prepared(&mut self, committed_at: i64) -> Result<()> {
        self.prepared_count += 1;
        if self.has_begun() {
            return Err(self.unfaithful("an XA transaction was prepared, which can't be followed"));
        }
        self.commit(committed_at)
    }

    fn map(&mut self, id: u64, body: &[u8]) -> Result<()> {
        let (schema, name) = TableMap::names(body).ok_or_else(|| self.broken("a table map is cut short"))?;
        let Some(index) = self.names.find(schema, name) else {
            self.maps.insert(id, None);
            return Ok(());
        };
        if let Some(Some((last, plan))) = self.plans.get(index)
            && last == body
        {
            self.maps.insert(id, Some(Arc::clone(plan)));
            return Ok(());
        }
        let plan = self.plan(index, body)?;
        if let Some(slot) = self.plans.get_mut(index) {
            *slot = Some((body.to_vec(), Arc::clone(&plan)));
        }
        self.maps.insert(id, Some(plan));
        Ok(())
    }

    fn plan(&self, index: usize, body: &[u8]) -> Result<Arc<Plan>> {
        let map = TableMap::parse(body).ok_or_else(|| self.broken("a table map is cut short"))?;
        let table = self.tables.get(index).ok_or_else(|| self.broken("there is no such table"))?;
        Plan::new(&map, index, table, &self.charsets).map(Arc::new).map_err(|why| match why {
            NoPlan::Unfaithful(why) => self.unfaithful(&why),
            NoPlan::Changed(why) => self.changed(format!("`{}`: {why}, in {}", table.name, self.describe())),
        })
    }

    fn rows(&mut self, rows: &Rows<'_>) -> Result<()> {
        let plan = match self.maps.get(&rows.table_id) {
            Some(Some(plan)) => Arc::clone(plan),
            Some(None) => return Ok(()),
            None => return Err(self.broken("rows have no table map")),
        };
        if plan.columns.len() != rows.column_count {
            return Err(self.broken("rows have another number of columns than their table map"));
        }
        let mut cursor = Cursor::new(&rows.images);
        let [first, second] = rows.present;
        while !cursor.is_empty() {
            let image = self.image(&plan, first, &mut cursor)?;
            let table = plan.table;
            self.hand_on(match rows.verb {
                Verb::Insert => Change::Insert { table, new: image },
                Verb::Delete => Change::Delete { table, old: image },
                Verb::Update => {
                    let new = self.image(&plan, second, &mut cursor)?;
                    Change::Update { table, old: Some(image), new }
                }
            })?;
        }
        Ok(())
    }

    fn image(&self, plan: &Plan, present: &[u8], cursor: &mut Cursor<'_>) -> Result<Image> {
        let has = |bits: &[u8], i: usize| bits.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
        let cut_short = || self.broken("a row is cut short");
        let count = (0..plan.columns.len()).filter(|&i| has(present, i)).count();
        let nulls = cursor.take(count.div_ceil(8)).ok_or_else(cut_short)?;
        let mut image: Image = vec![None; plan.width];
        let mut nth = 0;
        for (i, column) in plan.columns.iter().enumerate() {
            if !has(present, i) {
                if column.cell.is_some() {
                    return Err(self.unfaithful("binlog_row_image is not FULL, on the server or in a session"));
                }
                continue;
            }
            let is_null = has(nulls, nth);
            nth += 1;
            let bytes = if is_null { None } else { Some(column.layout.take(cursor).ok_or_else(cut_short)?) };
            let Some((place, reading)) = &column.cell else { continue };
            let value = match bytes {
                None => crate::Value::Null,
                Some(bytes) => reading.value(bytes).map_err(|why| Error::Decode {
                    table: self.tables.get(plan.table).map(|t| t.name.to_string()).unwrap_or_default(),
                    column: column.name.clone(),
                    why: why.to_owned(),
                })?,
            };
            if let Some(cell) = image.get_mut(*place) {
                *cell = Some(value);
            }
        }
        // Rows of nothing would never end.
        if count == 0 { Err(cut_short()) } else { Ok(image) }
    }

    fn hand_on(&mut self, change: Change) -> Result<()> {
        let Some(current) = &mut self.current else {
            return Err(self.unfaithful("a change has no transaction"));
        };
        if !current.has_begun {
            current.has_begun = true;
            self.collect(Event::Begin);
        }
        self.collect(Event::Change(change));
        Ok(())
    }

    fn unfaithful(&self, why: &str) -> Error {
        Error::Capture { location: self.location.clone(), fault: CaptureFault::Unfaithful, why: why.to_owned() }
    }

    fn changed(&self, why: String) -> Error {
        Error::Capture { location: self.location.clone(), fault: CaptureFault::SchemaChanged, why }
    }

    fn broken(&self, why: &'static str) -> Error {
        query_error(&self.location, WHAT, WireError::Protocol(why))
    }
}

#[cfg(test)]
mod tests;
