//! From a log's events to transactions that are for the sink.
//!
//! The filter is here: a transaction that touches the opposite stream's row in
//! the progress table was written by that stream, all of it, since that row is
//! the first it writes; it is dropped. Rows of other streams in our own tables
//! are left out one by one, and what else their transactions hold is passed on:
//! somebody else's stream into this database is a writer like any other.

use std::path::Path;
use std::time::{Duration, SystemTime};

use switchback_engines::{Change, Event, Image, Position, StreamName, Value};

use crate::error::Result;
use crate::own::{BARRIER, CAPTURED, HEARTBEATS, PROGRESS};
use crate::plan::Plan;
use crate::progress::MARK;
use crate::transaction::{Builder, Transaction};

/// What comes out.
#[derive(Debug)]
pub(crate) enum Item {
    Transaction(Transaction),
    /// Up to here there is nothing for the sink.
    Passed(Position),
    /// A heartbeat of ours came through; when it was written.
    Heartbeat(SystemTime),
    /// A barrier of ours came through; see [`crate::Stream::barrier`].
    Barrier(i64),
    /// A transaction of the opposite stream was dropped.
    OwnDropped,
}

#[derive(Debug)]
pub(crate) struct Assembler<'a> {
    plan: &'a Plan,
    stream: &'a StreamName,
    opposite: Option<&'a StreamName>,
    building: Builder<'a>,
    /// The transaction is the opposite stream's.
    is_own: bool,
    heartbeat: Option<SystemTime>,
    barrier: Option<i64>,
}

impl<'a> Assembler<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        stream: &'a StreamName,
        opposite: Option<&'a StreamName>,
        dir: &'a Path,
        transaction_bytes: usize,
    ) -> Self {
        let building = Builder::new(dir, transaction_bytes);
        Self { plan, stream, opposite, building, is_own: false, heartbeat: None, barrier: None }
    }

    pub(crate) fn take(&mut self, event: Event, out: &mut Vec<Item>) -> Result<()> {
        match event {
            Event::Begin => self.reset(),
            Event::Change(change) => return self.change(change),
            Event::Idle { position } => out.push(Item::Passed(position)),
            Event::Commit { position, committed_at } => {
                out.extend(self.is_own.then_some(Item::OwnDropped));
                out.push(if self.building.is_empty() {
                    Item::Passed(position)
                } else {
                    Item::Transaction(self.building.finish(position, committed_at)?)
                });
                // Behind it: what comes of a file as one transaction holds what was
                // committed before them.
                out.extend(self.heartbeat.take().map(Item::Heartbeat));
                out.extend(self.barrier.take().map(Item::Barrier));
                self.reset();
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.is_own = false;
        self.heartbeat = None;
        self.barrier = None;
        self.building.clear();
    }

    fn change(&mut self, change: Change) -> Result<()> {
        if self.is_own {
            return Ok(());
        }
        let (table, new) = match &change {
            Change::Insert { table, new } | Change::Update { table, new, .. } => (*table, Some(new)),
            Change::Delete { table, .. } => (*table, None),
            Change::Truncate { .. } => (0, None),
        };
        match table.checked_sub(self.plan.tables.len()).map(|own| CAPTURED.get(own).copied()) {
            Some(Some(PROGRESS)) => self.mark(new),
            Some(Some(HEARTBEATS)) => self.beat(new),
            Some(_) => {}
            None => {
                if let Some(change) = self.plan.map(change) {
                    self.building.push(change)?;
                }
            }
        }
        Ok(())
    }

    fn mark(&mut self, new: Option<&Image>) {
        let (Some(opposite), Some(stream)) = (self.opposite, new.and_then(stream_of)) else { return };
        let owner = stream.split_once(MARK).map_or(stream, |(owner, _)| owner);
        if owner == opposite.as_str() {
            self.is_own = true;
            self.building.clear();
        }
    }

    fn beat(&mut self, new: Option<&Image>) {
        let Some(image) = new else { return };
        let Some(of) = stream_of(image).and_then(|row| row.strip_prefix(self.stream.as_str())) else { return };
        match (of, image.get(1), image.get(2)) {
            ("", _, Some(Some(Value::Int(at)))) => {
                let written =
                    u64::try_from(*at).ok().map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
                self.heartbeat = written.or(self.heartbeat);
            }
            (BARRIER, Some(Some(Value::Int(token))), _) => self.barrier = Some(*token),
            _ => {}
        }
    }
}

/// The first column of our tables that are captured.
fn stream_of(image: &Image) -> Option<&str> {
    match image.first()? {
        Some(Value::Text(stream)) => Some(stream),
        _ => None,
    }
}
