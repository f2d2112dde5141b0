//! What the server has of a stream, and whether that serves a position.
//!
//! The publication is `switchback_STREAM`. All databases of a server share one list
//! of slots, so the slot is `switchback_STREAM_OID`, with the number of the
//! database: neither can two streams of one name meet there, nor can undoing one
//! reach the other's log.
//!
//! A slot has nothing that tells it from another one of its name, so the stream
//! keeps what it has to remember in the comment on its publication: from where
//! it was armed, and which tables' replica identity it changed. The comment
//! alone proves nothing of the slot. It needn't: a slot that somebody made anew
//! behind our back begins where it was made, and serves every position behind
//! that.

use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::super::fault;
use super::super::position::Lsn;
use crate::capture::{CaptureRequest, StreamName};
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::table::TableRef;

const STATE: &str = include_str!("slot.sql");

const WHAT: &str = "looking at the replication slot";

/// The name of the publication, and how the slot's begins.
pub(super) fn name(stream: &StreamName) -> String {
    format!("switchback_{stream}")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) slot_name: String,
    pub(super) system: String,
    pub(super) standby: bool,
    pub(super) log_end: Option<String>,
    pub(super) slot: Option<Slot>,
    pub(super) publication: Option<Publication>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slot {
    /// A logical one of this database, with the plug-in that we read.
    pub(super) pgoutput: bool,
    pub(super) active_pid: Option<i32>,
    pub(super) confirmed: Option<String>,
    pub(super) lost: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publication {
    pub(super) memory: Option<String>,
    pub(super) whole: bool,
    pub(super) tables: Option<Vec<TableRef>>,
}

/// The comment on a publication.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// `None` until arming is done.
    pub(super) armed_at: Option<String>,
    pub(super) restore: Vec<Identity>,
}

/// What a table's replica identity was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) schema: String,
    pub(super) name: String,
    /// `relreplident`.
    pub(super) was: String,
}

impl Publication {
    /// `None` for a comment that is not ours.
    pub(super) fn memory(&self) -> Option<Memory> {
        serde_json::from_str(self.memory.as_deref()?).ok()
    }
}

impl State {
    /// `name`: of the publication.
    pub(super) async fn read(connection: &mut PgConnection, location: &str, name: &str) -> Result<Self> {
        let query = sqlx::query_scalar::<_, String>(STATE).persistent(false).bind(name.to_owned());
        let text = query.fetch_one(connection).await.map_err(|e| fault::query(location, WHAT, e))?;
        serde_json::from_str(&text).map_err(|e| Error::Query {
            location: location.to_owned(),
            what: WHAT.to_owned(),
            fault: QueryFault::Other,
            source: Box::new(e),
        })
    }

    /// What makes the log this one and no other. The timeline is no part of it,
    /// because a slot may survive the change of one.
    pub(super) fn incarnation(&self, armed_at: &str) -> String {
        format!("{} {} {armed_at}", self.system, self.slot_name)
    }

    /// Whether everything that committed behind `from` can be had.
    pub(super) fn check(&self, request: &CaptureRequest, from: Lsn, incarnation: &str) -> Found {
        let name = &self.slot_name;
        let publication_name = self::name(&request.stream);
        let missing = |what: &str, name: &str| refuse(CaptureFault::NotArmed, format!("there is no {what} `{name}`"));
        let publication = self.publication.as_ref().ok_or_else(|| missing("publication", &publication_name))?;
        let slot = self.slot.as_ref().ok_or_else(|| missing("replication slot", name))?;
        let armed_at = publication.memory().and_then(|memory| memory.armed_at);
        let Some(armed_at) = armed_at else {
            return Err(refuse(CaptureFault::NotArmed, "arming this stream was never finished".to_owned()));
        };
        let found = self.incarnation(&armed_at);
        if found != incarnation {
            let why = format!("the stream here is `{found}`, and the one that was armed is `{incarnation}`");
            return Err(refuse(CaptureFault::OtherIncarnation, why));
        }
        if !slot.pgoutput {
            let why = format!("the slot `{name}` belongs to another database or another plug-in than pgoutput");
            return Err(refuse(CaptureFault::OtherIncarnation, why));
        }
        if slot.lost != Some(false) {
            let why = format!("the server has given up the slot `{name}`, and with it the log from {from} on");
            return Err(refuse(CaptureFault::LogGone, why));
        }
        let lsn = |text: &Option<String>| text.as_deref().and_then(Lsn::parse);
        match lsn(&slot.confirmed) {
            Some(confirmed) if confirmed > from => {
                let why =
                    format!("the slot was told that everything up to {confirmed} is safe, and the sink has {from}");
                return Err(refuse(CaptureFault::Ahead, why));
            }
            Some(_) => {}
            None => return Err(refuse(CaptureFault::NotArmed, format!("the slot `{name}` was never ready"))),
        }
        // The server would wait for its log to get there, and skip all before.
        if lsn(&self.log_end).is_none_or(|end| end < from) {
            let why = format!("the log ends before {from}: the server was restored to an earlier state");
            return Err(refuse(CaptureFault::OtherIncarnation, why));
        }
        published(publication, request, &publication_name)
    }
}

/// Nothing, or why not.
pub(super) type Found = std::result::Result<(), Refusal>;

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: CaptureFault,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn at(self, location: &str) -> Error {
        Error::Capture { location: location.to_owned(), fault: self.fault, why: self.why }
    }
}

pub(super) fn refuse(fault: CaptureFault, why: String) -> Refusal {
    Refusal { fault, why }
}

fn published(publication: &Publication, request: &CaptureRequest, name: &str) -> Found {
    if !publication.whole {
        let why = format!("the publication `{name}` leaves out a kind of change");
        return Err(refuse(CaptureFault::Unfaithful, why));
    }
    let tables = publication.tables.as_deref().unwrap_or_default();
    match request.tables.iter().find(|table| !tables.contains(&table.name)) {
        None => Ok(()),
        Some(table) => {
            let why = format!("the publication `{name}` does not hold the whole of `{}`", table.name);
            Err(refuse(CaptureFault::NotArmed, why))
        }
    }
}

/// Ends whoever reads the slot, and says whether there was somebody.
pub(super) async fn evict(connection: &mut PgConnection, location: &str, slot: &Slot) -> Result<bool> {
    let Some(pid) = slot.active_pid else { return Ok(false) };
    let query = format!("SELECT pg_terminate_backend({pid})");
    match sqlx::raw_sql(AssertSqlSafe(query)).execute(connection).await {
        Ok(_) => Ok(true),
        Err(e) => Err(fault::query(location, "ending the session that still reads the replication slot", e)),
    }
}
