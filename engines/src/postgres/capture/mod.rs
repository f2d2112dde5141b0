//! Changes by logical replication: a slot, a publication, `pgoutput`.
//!
//! - [`arm`]: makes slot and publication, and removes them.
//! - [`slot`]: what the server has of a stream, and whether that serves.
//! - [`export`]: a state of the database at a place of the log.
//! - [`wire`]: the streaming connection.
//! - [`pgoutput`]: its messages.
//! - [`relation`]: whether a table in the log is the one that was described.
//! - [`rows`]: messages to events.
//!
//! Invariants: a position is the end of a commit, or a place up to which the
//! server has read its log between two transactions. A transaction that ends at
//! or before the position that was started from is not delivered, and any other
//! is. Cells come in their types' binary form and are read by the decoders that
//! read `COPY`, so that both give the same values. What is published and is
//! not asked for stops the capture, since a table that was renamed looks like
//! that.
//!
//! What the log does not show, and so is not noticed here: `TRUNCATE` of a
//! single partition, attaching and detaching one, and a table that takes the
//! name of another that is captured. The description of the tables has to be
//! compared with what there is whenever a stream is started.

mod arm;
mod export;
mod pgoutput;
mod relation;
mod rows;
mod slot;
mod wire;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use pgwire_replication::{Lsn as WireLsn, ReplicationClient, ReplicationEvent};

pub(super) use self::arm::{arm, disarm};
pub(super) use self::export::export;
use self::relation::Natives;
use self::rows::Rows;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::rows::replay;
use self::slot::State;
use super::connect::Connector;
use super::pool::Pool;
use super::position::Lsn;
use super::scalar::scalar;
use crate::capture::{Capture, CaptureRequest, Distance, StreamName};
use crate::change::{Event, Position};
use crate::error::{CaptureFault, Error, QueryFault, Result};

/// One call of `next` hands on about so much, whichever is reached first.
const EVENTS_MAX: usize = 512;
const BYTES_MAX: usize = 1 << 20;

/// How long another reader of the slot may take to end.
const EVICTION: Duration = Duration::from_secs(60);
/// How long the server may take to begin, which is to read what it remembers of
/// the slot.
const START: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// Begins to capture behind `from`.
pub(super) async fn open(
    connector: &Connector,
    request: &CaptureRequest,
    from: &Position,
    incarnation: &str,
) -> Result<Box<dyn Capture>> {
    let location = connector.location();
    let Some(from) = Lsn::parse(&from.0) else {
        let why = format!("`{from}` is no position of a PostgreSQL log");
        return Err(Error::Capture { location: location.to_owned(), fault: CaptureFault::OtherIncarnation, why });
    };
    let rows = Rows::new(location, request, from)?;
    let mut session = connector.open().await?;
    let name = slot::name(&request.stream);
    let slot_name = State::read(&mut session, location, &name).await?.slot_name;
    let config = wire::config(connector, &slot_name, &name, from)?;
    let deadline = Instant::now() + EVICTION;
    let client = loop {
        let state = State::read(&mut session, location, &name).await?;
        // Before anybody is ended: it may be the slot of another stream.
        state.check(request, from, incarnation).map_err(|refusal| refusal.at(location))?;
        let in_time = Instant::now() < deadline;
        if let Some(slot) = &state.slot
            && in_time
            && slot::evict(&mut session, location, slot).await?
        {
            tokio::time::sleep(POLL).await;
            continue;
        }
        let mut client = wire::open(connector, config.clone()).await?;
        client.start().await.map_err(|e| wire::connect(location, e))?;
        match tokio::time::timeout(START, client.wait_started()).await {
            Ok(Ok(())) => break client,
            Ok(Err(e)) if wire::is_busy(&e) && in_time => tokio::time::sleep(POLL).await,
            Ok(Err(e)) => return Err(wire::connect(location, e)),
            Err(_) => return Err(wire::silent(location, START)),
        }
    };
    // Nobody else can move the slot from here on, but might have until now.
    let state = State::read(&mut session, location, &name).await?;
    state.check(request, from, incarnation).map_err(|refusal| refusal.at(location))?;
    Ok(Box::new(PostgresCapture {
        client: Some(client),
        location: location.to_owned(),
        natives: Natives::new(connector.clone()),
        rows,
        failure: None,
    }))
}

/// How far the end of the log is from `position`.
pub(super) async fn distance(pool: &Pool, stream: &StreamName, position: &Position) -> Result<Distance> {
    const END: &str = "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
        ELSE pg_current_wal_lsn() END)::text";
    const RETAINED: &str = "SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
        ELSE pg_current_wal_lsn() END, restart_lsn)::int8 FROM pg_replication_slots \
        WHERE slot_name = $1 || '_' || (SELECT oid FROM pg_database WHERE datname = current_database())";
    let what = "asking how long the log is";
    let end: Option<String> = scalar(pool, what, END.to_owned(), &[]).await?;
    let name = slot::name(stream);
    let retained: Option<i64> = scalar(pool, what, RETAINED.to_owned(), &[&name]).await?;
    let log_bytes = end.as_deref().and_then(Lsn::parse).zip(Lsn::parse(&position.0));
    Ok(Distance {
        log_bytes: log_bytes.map(|(end, position)| end.0.saturating_sub(position.0)),
        retained_bytes: retained.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
    })
}

struct PostgresCapture {
    /// Absent after a failure, so that the slot is free.
    client: Option<ReplicationClient>,
    location: String,
    natives: Natives,
    rows: Rows,
    /// What went wrong behind events that were still to be handed on.
    failure: Option<Error>,
}

impl PostgresCapture {
    /// Takes what has come, and waits only for the first event of all.
    async fn fill(&mut self) -> Result<()> {
        while self.rows.events() < EVENTS_MAX && self.rows.bytes() < BYTES_MAX {
            // Kept there until it is done: this call may be dropped while it asks.
            if let Some(relation) = self.rows.relation() {
                self.natives.learn(relation).await?;
                self.rows.settle(&self.natives)?;
            }
            let Some(client) = &mut self.client else { return Err(self.ended()) };
            let received = if self.rows.events() == 0 {
                client.recv().await
            } else {
                match client.recv().now_or_never() {
                    Some(received) => received,
                    None => return Ok(()),
                }
            };
            let event = received.map_err(|e| wire::stream(&self.location, e))?;
            let event: ReplicationEvent = event.ok_or_else(|| self.closed())?;
            self.rows.take(event)?;
        }
        Ok(())
    }

    fn closed(&self) -> Error {
        self.lost(QueryFault::ConnectionLost, "the server ended the stream")
    }

    fn ended(&self) -> Error {
        self.lost(QueryFault::Other, "it ended with an error before")
    }

    fn lost(&self, fault: QueryFault, why: &'static str) -> Error {
        Error::Query {
            location: self.location.clone(),
            what: "following the changes".to_owned(),
            fault,
            source: why.into(),
        }
    }
}

#[async_trait]
impl Capture for PostgresCapture {
    async fn next(&mut self) -> Result<Vec<Event>> {
        if self.failure.is_none()
            && let Err(error) = self.fill().await
        {
            self.client = None;
            self.failure = Some(error);
        }
        let events = self.rows.hand_on();
        if !events.is_empty() {
            return Ok(events);
        }
        let ended = self.ended();
        match self.failure.replace(ended) {
            Some(failure) => Err(failure),
            // Not reached: without a failure there are events.
            None => Err(self.ended()),
        }
    }

    fn acknowledge(&mut self, position: &Position) {
        if let (Some(client), Some(Lsn(lsn))) = (&self.client, Lsn::parse(&position.0)) {
            client.update_applied_lsn(WireLsn::from_u64(lsn));
        }
    }
}
